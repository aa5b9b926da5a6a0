"""The requests of a session that was stored as messages, not as requests.

A chat session sent all messages before each assistant message; Claude Code's transcripts hold a
tree of lines, of which each assistant message names the one before it. Knows no cache.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

from ..errors import WiremarkError
from ..findings import Finding
from ..usage import Usage
from .model import TraceRequest

__all__ = ["TranscriptReader", "derive_requests", "is_transcript_line", "seconds_of", "unreadable"]

_MILLISECONDS: Final = 1e11
"""A number above it, the year 5138 in seconds, counts milliseconds."""
_SYNTHETIC: Final = "<synthetic>"


def seconds_of(value: Any) -> float | None:
    """Return a time in seconds since 1970, `None` if it is none.

    A number of seconds or milliseconds, or ISO 8601; one without zone is taken for UTC.
    """
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float):
        return value / 1000 if abs(value) > _MILLISECONDS else float(value)
    if not isinstance(value, str):
        return None
    try:
        found = datetime.fromisoformat(value.strip())
    except ValueError:
        return None
    return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()


def unreadable(place: str, problem: str, advice: str = "") -> Finding:
    """Return the finding about what stands in a trace and is no request."""
    return Finding("trace-unreadable", "error", place, problem, advice)


def derive_requests(
    session: Mapping[str, Any], *, place: str = "", name: str = ""
) -> Iterator[TraceRequest | Finding]:
    """Yield the requests of a session of messages: its prefixes before assistant messages.

    The messages are chat JSON, Anthropic's, or agentscope-java's, which become chat JSON. What else
    the session holds of a request (`model`, `tools`, `system`) is in each of them. The requests
    share the messages, which are not copied.
    """
    messages = session.get("messages")
    if not isinstance(messages, list) or not all(isinstance(one, Mapping) for one in messages):
        yield unreadable(place, "its messages are no list of objects")
        return
    try:
        messages = _as_wire(messages)
    except WiremarkError as problem:
        yield unreadable(place, str(problem))
        return
    head = {key: session[key] for key in ("model", "system", "tools") if session.get(key)}
    turns = [at for at, one in enumerate(messages) if one.get("role") == "assistant" and at]
    if not turns:
        yield unreadable(place, "a session without an assistant message has no requests")
    for at in turns:
        yield TraceRequest(
            body={**head, "messages": messages[:at]},
            place=f"{place}: before messages[{at}]" if place else f"before messages[{at}]",
            session=name,
        )


def _as_wire(messages: list[Any]) -> list[Any]:
    """Return messages as a provider takes them; roles in upper case are agentscope-java's."""
    if not any(one.get("role") in ("SYSTEM", "USER", "ASSISTANT", "TOOL") for one in messages):
        return messages
    from ..messages.chat import read_any
    from ..openai import OpenAIChatFormatter

    return OpenAIChatFormatter().format(read_any(messages))


# Claude Code.


@dataclass(slots=True)
class _Line:
    """A line of a transcript: what it says and the line before it."""

    number: int
    parent: str | None
    role: str = ""
    message: Mapping[str, Any] = field(default_factory=dict)
    at: float | None = None
    thread: str = ""


def is_transcript_line(value: Any) -> bool:
    """Say whether a value is a line of a transcript of Claude Code."""
    if not isinstance(value, Mapping) or not isinstance(value.get("type"), str):
        return False
    return "sessionId" in value or "leafUuid" in value or {"uuid", "parentUuid"} <= value.keys()


class TranscriptReader:
    """Reads the lines of a transcript of Claude Code (`~/.claude/projects/*/*.jsonl`).

    `add` takes a line, `requests` gives what was sent for each reply, oldest first. A reply is
    written as a line a content block, all with one `message.id` and the same usage. Of parallel
    tool calls only one result lies on the way back, so the others are found by their id. The
    transcript holds neither the system prompt nor the tools nor the marks.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._lines: dict[str, _Line] = {}
        self._replies: dict[str, list[_Line]] = {}
        self._results: dict[str, _Line] = {}
        self._merged: dict[tuple[int, ...], dict[str, Any]] = {}

    def add(self, value: Mapping[str, Any], number: int) -> None:
        """Take a line; those without a message only connect others."""
        own = value.get("uuid")
        parent = value.get("parentUuid")
        line = _Line(
            number,
            parent if isinstance(parent, str) else None,
            at=seconds_of(value.get("timestamp")),
            thread=str(value.get("agentId") or value.get("sessionId") or ""),
        )
        message = value.get("message")
        if value.get("type") in ("user", "assistant") and isinstance(message, Mapping):
            line.role, line.message = str(value["type"]), message
            for block in _blocks(message):
                if block.get("type") == "tool_result":
                    self._results.setdefault(str(block.get("tool_use_id")), line)
            if line.role == "assistant" and message.get("model") != _SYNTHETIC:
                reply = str(message.get("id") or own or number)
                self._replies.setdefault(reply, []).append(line)
        if isinstance(own, str):
            self._lines.setdefault(own, line)

    def requests(self) -> Iterator[TraceRequest | Finding]:
        """Yield the requests, each with the usage that its reply reports."""
        for lines in self._replies.values():
            first, last = lines[0], lines[-1]
            place = f"{self._name}:{first.number}"
            messages = self._messages(first)
            if not messages:
                yield unreadable(place, "a reply to no message", "the lines before it are missing")
                continue
            before = self._lines.get(first.parent or "")
            at = before.at if before is not None and before.at is not None else first.at
            model = last.message.get("model")
            body: dict[str, Any] = {"messages": messages}
            if isinstance(model, str):
                body = {"model": model, **body}
            try:
                usage = Usage.from_response(dict(last.message), "anthropic")
            except WiremarkError:
                usage = Usage()
            yield TraceRequest(
                body=body,
                at=at,
                usage=usage if usage.reported else None,
                place=place,
                host="api.anthropic.com",
                duration=_between(at, last.at),
                protocol="anthropic",
                session=first.thread,
                partial=True,
            )

    def _messages(self, reply: _Line) -> list[dict[str, Any]]:
        """Return what stood before a reply, as turns."""
        path: list[_Line] = []
        seen: set[str] = set()
        parent = reply.parent
        while parent is not None and parent not in seen:
            seen.add(parent)
            line = self._lines.get(parent)
            if line is None:
                break
            if line.role:
                path.append(line)
            parent = line.parent
        path.reverse()
        turns: list[dict[str, Any]] = []
        run: list[_Line] = []
        for line in path:
            if run and line.role != run[-1].role:
                turns += self._turn(run, turns, reply)
                run = []
            run.append(line)
        return [*turns, *self._turn(run, turns, reply)] if run else turns

    def _turn(
        self, run: Sequence[_Line], turns: Sequence[Mapping[str, Any]], reply: _Line
    ) -> list[dict[str, Any]]:
        """Return lines of one role as one message; results that lie on other branches are added."""
        lines = list(run)
        if run[0].role == "user" and turns:
            asked = [str(b.get("id")) for b in _blocks(turns[-1]) if b.get("type") == "tool_use"]
            for call in asked:
                found = self._results.get(call)
                if found is not None and found not in lines and found.number < reply.number:
                    lines.append(found)
            lines.sort(key=lambda line: line.number)
        key = tuple(line.number for line in lines)
        if key not in self._merged:
            blocks = [block for line in lines for block in _content(line.message)]
            self._merged[key] = {"role": run[0].role, "content": blocks}
        return [self._merged[key]]


def _content(message: Mapping[str, Any]) -> list[Any]:
    content = message.get("content")
    if isinstance(content, str):
        return [{"type": "text", "text": content}] if content else []
    return content if isinstance(content, list) else []


def _blocks(message: Mapping[str, Any]) -> Iterable[Mapping[str, Any]]:
    return (block for block in _content(message) if isinstance(block, Mapping))


def _between(start: float | None, end: float | None) -> float | None:
    return None if start is None or end is None else max(0.0, end - start)
