"""Server-sent events, read from bytes that may be cut anywhere.

Follows the WHATWG standard (html.spec.whatwg.org/multipage/server-sent-events.html) and is lenient
where recorded streams are: DashScope captures hold events without the blank line between them, so
data that follows a complete JSON object begins a new event. Nothing is interpreted but the framing.
"""

from __future__ import annotations

import codecs
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

__all__ = ["DONE", "Event", "EventReader", "read_events"]

DONE: Final = "[DONE]"
"""The data with which OpenAI-compatible streams end."""

_STATUS: Final = "HTTP_STATUS/"
_FIELDS: Final = frozenset({"data", "event", "id", "retry", ""})


@dataclass(frozen=True, slots=True)
class Event:
    """One event: its `data`, its name, and the status that DashScope writes as a comment."""

    data: str
    name: str = ""
    id: str = ""
    status: int | None = None


@dataclass(slots=True)
class _Pending:
    data: list[str] = field(default_factory=list)
    name: str = ""
    id: str = ""
    status: int | None = None

    def event(self) -> Event:
        return Event("\n".join(self.data), self.name, self.id, self.status)

    def fill(self, later: _Pending) -> None:
        """Take what stood behind the data, where nothing stood before it."""
        self.name = self.name or later.name
        self.id = self.id or later.id
        self.status = later.status if self.status is None else self.status


class EventReader:
    """Reads events from pieces of a stream; a character or a line may be cut at any byte."""

    def __init__(self) -> None:
        self._decoder: Any = codecs.getincrementaldecoder("utf-8")("replace")
        self._open: list[str] = []
        self._begun = False
        self._after_return = False
        self._pending = _Pending()
        self._behind: _Pending | None = None
        self._outside: list[str] | None = []
        self._torn = False

    @property
    def outside(self) -> str:
        """Return the lines that are no fields, as long as there was no event: a body instead."""
        return "\n".join(self._outside or ())

    @property
    def torn(self) -> bool:
        """Say whether the stream ended, at `close`, inside an event, which is left out."""
        return self._torn

    def feed(self, piece: bytes | str) -> list[Event]:
        """Return the events that end with this piece."""
        text = piece if isinstance(piece, str) else self._decoder.decode(piece)
        return list(self._read(text))

    def close(self) -> list[Event]:
        """Return what is left; an event without its blank line counts when its data is whole."""
        rest = self._decoder.decode(b"", final=True)
        found = list(self._read(rest + "\n" if rest or self._open else ""))
        if self._pending.data:
            if self._is_whole():
                found += self._end()
            else:
                self._torn = True
        self._pending, self._behind = _Pending(), None
        return found

    def _read(self, text: str) -> Iterator[Event]:
        if not text:
            return
        if not self._begun:
            text, self._begun = text.removeprefix("\ufeff"), True
        for line in self._lines(text):
            yield from self._line(line)

    def _lines(self, text: str) -> list[str]:
        """Return the lines that end in this text; CR, LF and CRLF end one."""
        if self._after_return:
            text = text.removeprefix("\n")
            self._after_return = False
        if text.endswith("\r"):
            self._after_return = True
        lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
        if len(lines) > 1:
            lines[0] = "".join([*self._open, lines[0]])
            self._open = []
        self._open.append(lines.pop())
        return lines

    def _line(self, line: str) -> list[Event]:
        if not line:
            return self._end()
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if name == "data":
            ended = self._begin_next() if self._is_whole() else []
            self._pending.data.append(value)
            return ended
        if name not in _FIELDS:
            if self._outside is not None:
                self._outside.append(line)
            return []
        if self._is_whole():
            self._behind = self._behind or _Pending()
        at = self._behind or self._pending
        if name == "event":
            at.name = value
        elif name == "id":
            at.id = value
        elif not name and value.startswith(_STATUS) and value[len(_STATUS) :].isdecimal():
            at.status = int(value[len(_STATUS) :])
        return []

    def _is_whole(self) -> bool:
        """Say whether complete data was read, so that what comes next may be the next event's."""
        if self._behind is not None:
            return True
        return bool(self._pending.data) and _ends_event("\n".join(self._pending.data))

    def _begin_next(self) -> list[Event]:
        """Return the event whose data is whole; what stood behind the data is the next event's."""
        done = self._pending
        self._pending, self._behind = self._behind or _Pending(), None
        self._outside = None
        return [done.event()]

    def _end(self) -> list[Event]:
        """Return the event that a blank line ends; what stands behind its data is its own."""
        done, behind = self._pending, self._behind
        self._pending, self._behind = _Pending(), None
        if not done.data:
            return []
        if behind is not None:
            done.fill(behind)
        self._outside = None
        return [done.event()]


def _ends_event(data: str) -> bool:
    """Say whether this is what providers send as the data of one event: an object, or the end."""
    if data == DONE:
        return True
    if not data.startswith("{"):
        return False
    try:
        json.loads(data)
    except (ValueError, RecursionError):
        return False
    return True


def read_events(stream: bytes | str) -> list[Event]:
    """Return all events of a whole stream."""
    reader = EventReader()
    return reader.feed(stream) + reader.close()
