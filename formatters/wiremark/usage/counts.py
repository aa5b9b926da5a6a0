"""The counts of one usage object: read by the paths of its form, then made comparable.

After this `input` includes what was read from and written to a cache, and `output` the reasoning.
What cannot be read or had to be corrected becomes a finding. Names no provider.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Final

from ..findings import Finding
from .form import Form

__all__ = ["Counts", "Notes", "join", "read_counts"]

_LARGEST: Final = 2**53
"""Above it JSON readers disagree on whole numbers (RFC 8259, section 6)."""


@dataclass(slots=True)
class Notes:
    """Findings, each kept once for a code and a path."""

    kept: dict[tuple[str, str], Finding] = field(default_factory=dict)

    def add(self, code: str, path: str, message: str, advice: str) -> None:
        """Keep a finding."""
        self.kept.setdefault((code, path), Finding(code, "note", path, message, advice))

    def unreadable(self, path: str, problem: str) -> None:
        """Keep a finding about a value that is left out."""
        message = f"{problem}; it was left out"
        self.add("usage-unreadable", path, message, "read it from the response")

    @property
    def findings(self) -> tuple[Finding, ...]:
        """Return the findings in their order."""
        return tuple(self.kept.values())


@dataclass(slots=True)
class Counts:
    """The counts of `Usage`, and the total as the provider gives it."""

    input: int | None
    output: int | None
    cache_read: int | None
    cache_write: int | None
    cache_write_5m: int | None
    cache_write_1h: int | None
    reasoning: int | None
    total: int | None


def read_counts(form: Form, values: Mapping[str, Any], place: str, notes: Notes) -> Counts:
    """Return the counts that the fields of a usage object report, made comparable.

    `place` is where the usage object stands, for the paths of findings.
    """
    fields = _Fields(form, values, place, notes)
    counts = Counts(
        input=fields.first("input"),
        output=fields.first("output"),
        cache_read=fields.largest("cache_read"),
        cache_write=fields.largest("cache_write"),
        cache_write_5m=fields.largest("cache_write_5m"),
        cache_write_1h=fields.largest("cache_write_1h"),
        reasoning=fields.first("reasoning"),
        total=fields.first("total"),
    )
    parts = fields.sum_of(form.write_parts) if form.write_parts else None
    if parts is None:
        parts = _add(counts.cache_write_5m, counts.cache_write_1h)
    _settle_writes(counts, parts, place, notes)
    _settle_input(counts, form, place, notes)
    _settle_output(counts, form, place, notes)
    _compare_total(counts, place, notes)
    return counts


# ---------------------------------------------------------------------------------- comparability


def _settle_writes(counts: Counts, parts: int | None, place: str, notes: Notes) -> None:
    """Take the sum by lifetimes where the cache write is not given or falls short of it."""
    write = counts.cache_write
    if parts is None or (write is not None and write >= parts):
        return
    if write:
        notes.add(
            "usage-disagrees",
            place,
            f"{write} tokens were written to the cache, but {parts} by lifetime; the larger count "
            "was taken",
            "read it from the response",
        )
    counts.cache_write = parts


def _settle_input(counts: Counts, form: Form, place: str, notes: Notes) -> None:
    """Add the cached tokens to an input that leaves them out, by its form or by its numbers."""
    given, cached = counts.input, _add(counts.cache_read, counts.cache_write)
    if given is None or not cached:
        return
    if form.cache_outside:
        counts.input = given + cached
        return
    if cached > given:
        reason = "more tokens were cached than the input has"
    elif counts.total == given + cached + (counts.output or 0):
        reason = "the total counts the cached tokens beside the input"
    else:
        return
    counts.input = given + cached
    notes.add(
        "usage-cache-outside",
        place,
        f"{reason}, so they were added to the input",
        "check who wrote the usage: the form is of a provider that includes them",
    )


def _settle_output(counts: Counts, form: Form, place: str, notes: Notes) -> None:
    """Add the reasoning to an output that leaves it out, by its form or by its numbers."""
    reasoning, output = counts.reasoning, counts.output or 0
    if not reasoning:
        return
    within = (counts.input or 0) + output
    if form.reasoning_outside:
        # A gateway may have added it already: then the total has no room for it.
        if counts.total != within or output < reasoning:
            counts.output = output + reasoning
        return
    if reasoning <= output and counts.total != within + reasoning:
        return
    counts.output = output + reasoning
    notes.add(
        "usage-reasoning-outside",
        place,
        "the output leaves out the reasoning, so it was added",
        "name the provider, if that is its rule",
    )


def _compare_total(counts: Counts, place: str, notes: Notes) -> None:
    if counts.total is None or counts.input is None or counts.output is None:
        return
    rest = counts.total - counts.input - counts.output
    if rest > 0:
        notes.add(
            "usage-total-differs",
            place,
            f"the total is {rest} tokens more than input and output",
            "some tokens, such as hidden reasoning, are reported in the total only",
        )


def _add(*counts: int | None) -> int | None:
    """Return the sum of what is reported; `None` where nothing is."""
    given = [count for count in counts if count is not None]
    return sum(given) if given else None


# -------------------------------------------------------------------------------------- the fields


@dataclass(frozen=True, slots=True)
class _Fields:
    """Reads counts by paths from the fields of a usage object."""

    form: Form
    values: Mapping[str, Any]
    place: str
    notes: Notes

    def first(self, name: str) -> int | None:
        """Return the first that is given, and what stands elsewhere of it."""
        counts = (self._at(path) for path in getattr(self.form, name))
        return self._and_more(name, next((count for count in counts if count is not None), None))

    def largest(self, name: str) -> int | None:
        """Return the largest of what is given, saying where the paths disagree."""
        paths = getattr(self.form, name)
        given = {path: count for path in paths if (count := self._at(path)) is not None}
        best = max(given.values(), default=None)
        if len({count for count in given.values() if count}) > 1:
            shown = " and ".join(str(count) for count in given.values())
            self.notes.add(
                "usage-disagrees",
                join(self.place, next(path for path in given if given[path] != best)),
                f"{name} is reported as {shown}; the largest was taken",
                "read it from the response",
            )
        return self._and_more(name, best)

    def sum_of(self, paths: Iterable[str]) -> int | None:
        """Return the sum of what is given at several paths."""
        return _add(*(self._at(path) for path in paths))

    def _and_more(self, name: str, count: int | None) -> int | None:
        return _add(count, self.sum_of(path for of, path in self.form.more if of == name))

    def _at(self, path: str) -> int | None:
        """Return the count at a path; of a path with `+` the sum, if both sides are given."""
        counts = [
            _add(*(self._count(value, where) for where, value in self._walk(part)))
            for part in path.split("+")
        ]
        return None if None in counts else _add(*counts)

    def _walk(self, path: str) -> Iterator[tuple[str, Any]]:
        """Return the values at a path, each with its place in the usage object."""
        found: list[tuple[str, Any]] = [("", self.values)]
        for step in _steps(path):
            found = [pair for where, value in found for pair in self._step(where, value, *step)]
        yield from found

    def _step(self, where: str, value: Any, kind: str, word: str) -> Iterator[tuple[str, Any]]:
        if value is None:
            return
        if kind == "." and isinstance(value, Mapping):
            yield join(where, word), value.get(word)
        elif kind == "[" and isinstance(value, list):
            for index, item in enumerate(value):
                if _chosen(word, index, item):
                    yield f"{where}[{index}]", item
        else:
            what = "an object" if kind == "." else "a list"
            problem = f"expected {what}, got {type(value).__name__}"
            self.notes.unreadable(join(self.place, where), problem)

    def _count(self, value: Any, where: str) -> int | None:
        """Return a whole number from 0 on, also from its text; what is none becomes a finding."""
        if value is None:
            return None
        count = _whole(value)
        if count is None:
            shown = value if isinstance(value, bool | int | float) else type(value).__name__
            if isinstance(value, str) and len(value) < 40:
                shown = repr(value)
            self.notes.unreadable(join(self.place, where), f"{shown} is no count of tokens")
        return count


@cache
def _steps(path: str) -> tuple[tuple[str, str], ...]:
    """Return a path's steps: `.` and a name, or `[` and what chooses among a list's items."""
    parts = re.findall(r"([^.\[\]]+)|\[([^\]]+)\]", path)
    return tuple((".", name) if name else ("[", choice) for name, choice in parts)


def _chosen(word: str, index: int, item: Any) -> bool:
    if word == "*":
        return True
    name, equals, value = word.partition("=")
    if equals:
        return isinstance(item, Mapping) and item.get(name) == value
    return index == int(word)


def _whole(value: Any) -> int | None:
    if isinstance(value, str):
        text = value.strip()
        value = int(text) if text.isascii() and text.isdecimal() and len(text) < 18 else None
    elif isinstance(value, float) and value.is_integer():
        value = int(value)  # an SDK of a provider types its counts as floats
    if isinstance(value, bool) or not isinstance(value, int):
        return None
    return value if 0 <= value <= _LARGEST else None


def join(place: str, name: str) -> str:
    """Return a path of a place and a name in it."""
    return f"{place}.{name}" if place and name else place or name
