"""What the emulator says: replies in a fixed order, then an echo. Knows no protocol."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Final

from .. import jsontext
from ..errors import OptionError

__all__ = ["Call", "Reply", "Scenario"]


@dataclass(frozen=True, slots=True)
class Call:
    """A tool call; `arguments` is JSON text."""

    name: str
    arguments: str = "{}"
    id: str = ""


@dataclass(frozen=True, slots=True)
class Reply:
    """One answer, or one failure.

    text: what is said; `None` is the last text of the user
    thinking, calls: what is thought before it, and the tools that are called
    status: other than 200 is an error of the provider; message is its text, else the usual one
    delay, pause: seconds of real time before the answer, and between two events of a stream
    cut_after: how many events of a stream are sent before the connection breaks
    malformed_at: which event of a stream, from 0 on, is broken JSON; of a plain answer 0 is all
    retry_after: the seconds in the header of that name
    """

    text: str | None = None
    thinking: str = ""
    calls: tuple[Call, ...] = ()
    status: int = 200
    message: str = ""
    delay: float = 0.0
    pause: float = 0.0
    cut_after: int | None = None
    malformed_at: int | None = None
    retry_after: int | None = None

    def __post_init__(self) -> None:
        if type(self.status) is not int or not (self.status == 200 or 400 <= self.status <= 599):
            raise _bad("status", f"{self.status!r} is neither 200 nor an error of 400 to 599")
        for name in ("delay", "pause"):
            seconds = getattr(self, name)
            if (
                isinstance(seconds, bool)
                or not isinstance(seconds, int | float)
                or not math.isfinite(seconds)
                or seconds < 0
            ):
                raise _bad(name, f"{seconds!r} is no number of seconds")
        for name in ("cut_after", "malformed_at", "retry_after"):
            count = getattr(self, name)
            if count is not None and (type(count) is not int or count < 0):
                raise _bad(name, f"{count!r} is no whole number from 0 on")
        for name in ("text", "thinking", "message"):
            if not isinstance(getattr(self, name), str | None) or (
                name != "text" and getattr(self, name) is None
            ):
                raise _bad(name, "expected a text")

    @classmethod
    def of(cls, value: Any, path: str = "reply") -> Reply:
        """Return a reply given as itself, as its text, or as a dict of its fields.

        In a dict a call is a dict of `name`, `arguments` (JSON text or an object) and `id`. Raises
        `OptionError` with the path of what cannot be read.
        """
        if isinstance(value, Reply):
            return value
        if isinstance(value, str):
            return cls(text=value)
        if not isinstance(value, Mapping):
            raise _bad(path, f"expected a text or an object, got {type(value).__name__}")
        given = _known(cls, value, path)
        if "calls" in given:
            calls = given["calls"]
            if not isinstance(calls, list | tuple):
                raise _bad(f"{path}.calls", "expected a list")
            given["calls"] = tuple(
                _call(each, f"{path}.calls[{index}]") for index, each in enumerate(calls)
            )
        try:
            return cls(**given)
        except OptionError as error:
            raise error.at(path) from None


ECHO: Final = Reply()


class Scenario:
    """Replies in the order in which they are given out, to whoever asks; then the echo."""

    def __init__(self, replies: Iterable[Any] = ()) -> None:
        self._replies = [Reply.of(each, f"scenario[{index}]") for index, each in enumerate(replies)]
        self._next = 0

    @classmethod
    def load(cls, path: str | Path) -> Scenario:
        """Read a JSON file: a list of replies, or an object with it under `replies`."""
        data = jsontext.loads(Path(path).read_bytes())
        replies = data.get("replies") if isinstance(data, dict) else data
        if not isinstance(replies, list):
            raise _bad("scenario", "expected a list of replies")
        return cls(replies)

    @property
    def left(self) -> int:
        """Return how many replies were not given out yet."""
        return len(self._replies) - self._next

    def add(self, *replies: Any) -> None:
        """Put replies at the end."""
        self._replies += [Reply.of(each) for each in replies]

    def take(self) -> Reply:
        """Return the next reply."""
        if not self.left:
            return ECHO
        self._next += 1
        return self._replies[self._next - 1]


def _call(value: Any, path: str) -> Call:
    if isinstance(value, Call):
        return value
    if not isinstance(value, Mapping) or not isinstance(value.get("name"), str):
        raise _bad(path, "expected an object with a name")
    given = _known(Call, value, path)
    if isinstance(given.get("arguments"), Mapping):
        given["arguments"] = jsontext.dumps(given["arguments"])
    if not all(isinstance(each, str) for each in given.values()):
        raise _bad(path, "expected texts")
    return Call(**given)


def _known(kind: type[Any], value: Mapping[str, Any], path: str) -> dict[str, Any]:
    names = [field.name for field in fields(kind)]
    unknown = [name for name in value if name not in names]
    if unknown:
        raise OptionError(
            f"unknown field {unknown[0]!r}", path=path, advice=f"use one of {', '.join(names)}"
        )
    return dict(value)


def _bad(path: str, problem: str) -> OptionError:
    return OptionError(problem, path=path, advice="see wiremark.emulator.Reply")
