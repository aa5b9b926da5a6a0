"""Where a value stands in JSON text, by its path: line, column and end.

Knows JSON and paths such as `messages[3].content[1]`, nothing of what the text says. The text has
been read before, so it is JSON.
"""

from __future__ import annotations

import json
import re
from bisect import bisect_right
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate
from typing import Final, TypeAlias

__all__ = ["Positions", "Region", "joined", "steps_of"]

_Span: TypeAlias = tuple[int, int]

_STEP: Final = re.compile(r'\.?([^.\[\]"]+)|\[([0-9]+)\]|\[("(?:[^"\\]|\\.)*")\]', re.DOTALL)
_SPACE: Final = re.compile(r"[ \t\n\r]*")
_ESCAPE: Final = re.compile(
    r"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|\\u[0-9a-fA-F]{4}|\\."
)
_read: Final = json.JSONDecoder(parse_int=str, parse_float=str).raw_decode


@dataclass(frozen=True, slots=True)
class Region:
    """From a line and column to another, both counted from 1 in characters; the end is behind."""

    line: int
    column: int
    end_line: int
    end_column: int


def steps_of(path: str) -> list[str | int]:
    """Return the keys and indexes of a path, as far as it can be read."""
    steps: list[str | int] = []
    at = 0
    while found := _STEP.match(path, at):
        key, index, quoted = found.groups()
        steps.append(key or (int(index) if index else str(json.loads(quoted))))
        at = found.end()
    return steps


def joined(outer: str, inner: str) -> str:
    """Return the path of what stands at a path inside what stands at another."""
    dot = "." if outer and inner and not inner.startswith("[") else ""
    return f"{outer}{dot}{inner}"


class Positions:
    """The places of the values of one JSON text, which may begin in a line of a file.

    `is_exact`: the text is what the file holds; else, as for a compressed one, every place is the
    line in which it begins.
    """

    def __init__(self, text: str, line: int = 1, *, is_exact: bool = True) -> None:
        self._text, self._line, self._is_exact = text, line, is_exact
        self._outer: tuple[Positions, int] | None = None
        self._escapes: tuple[list[int], list[int]] = [], [0]
        self._children: dict[int, dict[str | int, _Span]] = {}
        self._inner: dict[str, Positions] = {}

    def region(self, path: str = "") -> Region:
        """Return where the value at a path stands, or the innermost one around it that exists."""
        if not self._is_exact:
            return Region(self._line, 1, self._line, 1)
        start, end = self._span(path)
        return Region(*self.place(start), *self.place(end))

    def inside(self, path: str) -> Positions:
        """Return the places in the JSON text that the string at a path holds."""
        if path in self._inner:
            return self._inner[path]
        start, end = self._span(path)
        value = _read(self._text, start)[0] if self._text[start : start + 1] == '"' else ""
        inner = Positions(value, self._line, is_exact=self._is_exact)
        inner._outer = (self, start + 1)
        inner._escapes = self._escapes_in(start + 1, end - 1)
        self._inner[path] = inner
        return inner

    def _escapes_in(self, start: int, end: int) -> tuple[list[int], list[int]]:
        """Return where in a string's value the escapes stand, and how much longer they are."""
        found = list(_ESCAPE.finditer(self._text, start, end))
        surplus = list(accumulate((len(one[0]) - 1 for one in found), initial=0))
        places = [one.start() - start - more for one, more in zip(found, surplus, strict=False)]
        return places, surplus

    def place(self, offset: int) -> tuple[int, int]:
        """Return line and column of a character of the text."""
        if self._outer is not None:
            outer, start = self._outer
            places, surplus = self._escapes
            return outer.place(start + offset + surplus[bisect_right(places, offset - 1)])
        breaks = self._breaks
        lines = bisect_right(breaks, offset - 1)
        column = offset - (breaks[lines - 1] + 1 if lines else 0)
        return self._line + lines, column + 1

    @cached_property
    def _breaks(self) -> list[int]:
        return [one.start() for one in re.finditer("\n", self._text)]

    def _span(self, path: str) -> _Span:
        start = self._after_space(0)
        span = start, max(start, len(self._text.rstrip(" \t\n\r")))
        for step in steps_of(path):
            inner = self._children_of(span[0]).get(step)
            if inner is None:
                break
            span = inner
        return span

    def _children_of(self, start: int) -> dict[str | int, _Span]:
        if start not in self._children:
            try:
                self._children[start] = self._split(start)
            except (ValueError, IndexError, RecursionError):  # too deep, or no JSON after all
                self._children[start] = {}
        return self._children[start]

    def _split(self, start: int) -> dict[str | int, _Span]:
        """Return where the items of a list, or the values of an object, begin and end."""
        text = self._text
        opening = text[start : start + 1]
        found: dict[str | int, _Span] = {}
        if opening not in ("{", "["):
            return found
        at = self._after_space(start + 1)
        while text[at] not in "}]":
            key: str | int = len(found)
            if opening == "{":
                key, at = _read(text, at)
                at = self._after_space(self._after_space(at) + 1)
            end = _read(text, at)[1]
            found[key] = at, end
            at = self._after_space(end)
            if text[at] == ",":
                at = self._after_space(at + 1)
        return found

    def _after_space(self, at: int) -> int:
        found = _SPACE.match(self._text, at)
        return found.end() if found else at
