"""What the emulator says: replies in a fixed order, then an echo. Knows no protocol.

A reply may be meant for some requests only, so that agents that work side by side each get theirs.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, Final

from .. import jsontext
from ..errors import OptionError
from ..rules.failures import FAILURES

__all__ = ["ERRORS", "Call", "Match", "Reply", "Scenario"]

ERRORS: Final = frozenset(name for rows in FAILURES.values() for name in rows)
"""The names of errors that some provider is known to send."""


@dataclass(frozen=True, slots=True)
class Call:
    """A tool call; `arguments` is JSON text."""

    name: str
    arguments: str = "{}"
    id: str = ""


@dataclass(frozen=True, slots=True)
class Match:
    """The requests that a reply is meant for; what is empty fits them all.

    model, path: the name and the address, `*` in them stands for anything
    contains: a text that stands anywhere in the body, in one string of it
    """

    model: str = ""
    path: str = ""
    contains: str = ""

    def __post_init__(self) -> None:
        for name in ("model", "path", "contains"):
            if not isinstance(getattr(self, name), str):
                raise _bad(name, "expected a text")

    def fits(self, model: str, path: str, body: Any) -> bool:
        """Say whether a request is meant."""
        if self.model and not fnmatchcase(model, self.model):
            return False
        if self.path and not fnmatchcase(path, self.path):
            return False
        return not self.contains or jsontext.dumps(self.contains)[1:-1] in jsontext.dumps(body)


@dataclass(frozen=True, slots=True)
class Reply:
    """One answer, or one failure.

    text: what is said; `None` is the last text of the user
    thinking, calls: what is thought before it, and the tools that are called
    status: other than 200 is an error of the provider; message is its text, else the usual one
    error: the name of an error in place of its status, such as `too-many-tokens` (`ERRORS` has all)
    delay, pause: seconds of real time before the answer, and between two events of a stream; those
        of the emulator's latency, if not given
    timeout: nothing is said until the client goes, or nothing more after `cut_after` events
    cut_after: how many events of a stream are sent before the connection breaks
    malformed_at: which event of a stream, from 0 on, is broken JSON; of a plain answer 0 is all
    retry_after: the seconds in the header of that name
    match: the requests that it is meant for; any, if not given
    finish: `length` for an answer that a limit of tokens has cut short, in the provider's words
    """

    text: str | None = None
    thinking: str = ""
    calls: tuple[Call, ...] = ()
    status: int = 200
    message: str = ""
    delay: float | None = None
    pause: float | None = None
    timeout: bool = False
    cut_after: int | None = None
    malformed_at: int | None = None
    retry_after: int | None = None
    match: Match | None = None
    error: str = ""
    finish: str = ""

    def __post_init__(self) -> None:
        if self.finish not in ("", "length"):
            raise _bad("finish", f"{self.finish!r} is not 'length'")
        if self.error and self.error not in ERRORS:
            raise _bad("error", f"{self.error!r} is none of {', '.join(sorted(ERRORS))}")
        if type(self.status) is not int or not (self.status == 200 or 400 <= self.status <= 599):
            raise _bad("status", f"{self.status!r} is neither 200 nor an error of 400 to 599")
        for name in ("delay", "pause"):
            seconds = getattr(self, name)
            if seconds is not None and (
                isinstance(seconds, bool)
                or not isinstance(seconds, int | float)
                or not math.isfinite(seconds)
                or seconds < 0
            ):
                raise _bad(name, f"{seconds!r} is no number of seconds")
        if not isinstance(self.timeout, bool):
            raise _bad("timeout", "expected true or false")
        if not isinstance(self.match, Match | None):
            raise _bad("match", "expected a Match")
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

        In a dict a call is a dict of `name`, `arguments` (JSON text or an object) and `id`, and
        `match` a dict of the fields of `Match`. Raises `OptionError` with the path of what cannot
        be read.
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
        match = given.get("match")
        try:
            if isinstance(match, Mapping):
                given["match"] = _match(match)
            return cls(**given)
        except OptionError as error:
            raise error.at(path) from None


ECHO: Final = Reply()


class Scenario:
    """Replies in the order in which they are given out, to whoever asks; then the echo.

    repeat: when all that fit a request were given out, they begin anew in place of the echo
    """

    def __init__(self, replies: Iterable[Any] = (), *, repeat: bool = False) -> None:
        self._replies = [Reply.of(each, f"scenario[{index}]") for index, each in enumerate(replies)]
        self.repeat = repeat
        self._given: set[int] = set()
        self._first = 0

    @classmethod
    def load(cls, path: str | Path) -> Scenario:
        """Read a JSON file: a list of replies, or an object with `replies` and `repeat`.

        Raises `OSError`, `SerializationError` where it is no JSON, and `OptionError` with the path
        of what is wrong in it.
        """
        data = jsontext.loads(Path(path).read_bytes())
        whole = data if isinstance(data, dict) else {"replies": data}
        unknown = [name for name in whole if name not in ("replies", "repeat")]
        if unknown:
            raise OptionError(
                f"unknown field {unknown[0]!r}", path="scenario", advice="use replies and repeat"
            )
        if not isinstance(whole.get("replies"), list):
            raise _bad("scenario", "expected a list of replies")
        if not isinstance(whole.get("repeat", False), bool):
            raise _bad("scenario.repeat", "expected true or false")
        return cls(whole["replies"], repeat=whole.get("repeat", False))

    def copy(self) -> Scenario:
        """Return the same replies, of which none was given out."""
        return Scenario(self._replies, repeat=self.repeat)

    @property
    def left(self) -> int:
        """Return how many replies were not given out yet."""
        return len(self._replies) - len(self._given)

    def add(self, *replies: Any) -> None:
        """Put replies at the end."""
        self._replies += [Reply.of(each) for each in replies]

    def take(self, model: str = "", path: str = "", body: Any = None) -> Reply:
        """Return the next reply for a request."""
        return self.take_numbered(model, path, body)[1]

    def take_numbered(
        self, model: str = "", path: str = "", body: Any = None
    ) -> tuple[int | None, Reply]:
        """Return the next reply for a request and its number, `None` for the echo."""
        asked = (model, path, body)
        for number in range(self._first, len(self._replies)):
            if number not in self._given and self._fits(number, *asked):
                break
        else:
            every = range(len(self._replies) if self.repeat else 0)
            again = next((number for number in every if self._fits(number, *asked)), None)
            if again is None:
                return None, ECHO
            number = again
        self.mark_given(number, *asked)
        return number, self._replies[number]

    def mark_given(self, number: int, model: str = "", path: str = "", body: Any = None) -> None:
        """Count a reply as given out to a request, as before the emulator was started anew."""
        if number >= len(self._replies):
            return
        if number in self._given:
            self._given = {each for each in self._given if not self._fits(each, model, path, body)}
            self._first = 0
        self._given.add(number)
        while self._first in self._given:
            self._first += 1

    def _fits(self, number: int, model: str, path: str, body: Any) -> bool:
        match = self._replies[number].match
        return match is None or match.fits(model, path, body)


def _match(value: Mapping[str, Any]) -> Match:
    try:
        return Match(**_known(Match, value, ""))
    except OptionError as error:
        raise error.at("match") from None


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
