"""A provider's stream, read piece by piece: deltas on the way, one reply at the end.

The chunks are joined to one response, the provider's own form of the same reply without streaming,
and that is read like any other: a streamed reply equals the reply that was not streamed. It knows
no protocol; an `Assembler` does. Nothing is read but the pieces that are given.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import (
    AsyncIterable,
    AsyncIterator,
    Callable,
    Iterable,
    Iterator,
    Mapping,
    Sequence,
)
from dataclasses import replace
from typing import Any, Protocol, TypeAlias

from .. import jsontext
from ..errors import MessageError, ResponseError, SerializationError, WiremarkError
from ..findings import Finding, Severity
from ..messages import TextBlock, ThinkingBlock, ToolUseBlock
from ..plain import plain_object
from ..sse import DONE, Event, EventReader
from .reply import Delta, Reply

__all__ = ["Assembler", "AsyncReplyStream", "Reader", "ReplyStream", "StreamParser"]

Piece: TypeAlias = Any
"""A chunk as a dict or as an SDK's object, an `sse.Event`, or bytes or text of a stream."""


class Reader(Protocol):
    """Finds what a stream is made of in bytes that may be cut anywhere."""

    @property
    def outside(self) -> str:
        """Return text that stood there in place of events."""

    @property
    def torn(self) -> bool:
        """Say whether the stream ended inside an event."""

    def feed(self, piece: bytes | str, /) -> Sequence[Any]:
        """Return the events, or the chunks, that end with this piece."""

    def close(self) -> Sequence[Any]:
        """Return what is left."""


class Assembler(ABC):
    """Joins the chunks of one protocol's stream to one response.

    finish_reason: the provider's word, once it came
    complete: the provider said that the reply is complete; ended: nothing more is read
    has_usage: it said what the reply cost; findings: what was noticed
    """

    def __init__(self) -> None:
        self.finish_reason: str | None = None
        self.complete = False
        self.ended = False
        self.has_usage = False
        self.findings: list[Finding] = []
        self._noted: set[tuple[str, str]] = set()

    @abstractmethod
    def add(self, chunk: dict[str, Any]) -> list[Delta]:
        """Take one chunk, and return what it adds to the reply."""

    @abstractmethod
    def response(self) -> dict[str, Any]:
        """Return what arrived so far as one response."""

    @abstractmethod
    def error(self, chunk: Mapping[str, Any], event: Event | None) -> ResponseError | None:
        """Return the error that a chunk reports, if it does."""

    def is_whole(self, chunk: Mapping[str, Any]) -> bool:  # noqa: ARG002 for subclasses
        """Say whether this is a whole response, sent in place of a stream."""
        return False

    def reader(self) -> Reader:
        """Return what finds the events, or the chunks, in bytes."""
        return EventReader()

    def read(self, chunk: Any) -> dict[str, Any]:
        """Return a chunk as a dict of its own."""
        return plain_object(chunk, path="chunk")

    def note(
        self, code: str, what: str, message: str, advice: str = "", severity: Severity = "note"
    ) -> None:
        """Keep a finding, once for each `what`."""
        if (code, what) not in self._noted:
            self._noted.add((code, what))
            self.findings.append(Finding(code, severity, what, message, advice))

    def unknown(self, what: str) -> None:
        """Keep a finding about a kind of event that is not read."""
        self.note("event-unknown", what, f"events of this kind are not read: {what}")


class StreamParser:
    """Reads one stream: `feed` its pieces, then `close`.

        parser = formatter.stream_parser()
        for piece in pieces:            # bytes cut anywhere, dicts, or chunks of an SDK
            for delta in parser.feed(piece):
                ...
        reply = parser.close()

    An error that the provider sends in the stream is raised as `ResponseError`, once, and no delta
    is lost by it: where the same piece holds deltas before the error, `feed` returns them, and the
    next call of `feed`, `flush` or `close` raises. After that `close` returns what had arrived,
    with the finding `provider-error`.
    """

    def __init__(self, assembler: Assembler, parse: Callable[[dict[str, Any]], Reply]) -> None:
        self._assembler = assembler
        self._parse = parse
        self._events = assembler.reader()
        self._findings: list[Finding] = []
        self._held: ResponseError | None = None
        self._failed = False
        self._number = 0
        self._bytes_seen = False
        self._flushed = False
        self._finish: str | None = None
        self._told_usage = False
        self._reply: Reply | None = None
        self._response: dict[str, Any] | None = None

    # What users call.

    def feed(self, piece: Piece) -> list[Delta]:
        """Return what a piece adds to the reply.

        A piece is a dict, a chunk object of an SDK, an `sse.Event`, or bytes or text of the stream
        itself, cut anywhere. Text is not cut into lines: what has lost its line ends cannot be
        read. Raises `ResponseError` for an error in the stream, `MessageError` for what is no
        chunk.
        """
        if self._flushed:
            raise WiremarkError(
                "the stream is closed", advice="make a new parser for another stream"
            )
        self.check()
        if isinstance(piece, bytes | bytearray | memoryview):
            piece = bytes(piece)
        if isinstance(piece, bytes | str):
            self._bytes_seen = True
            return self._take(self._events.feed(piece))
        return self._take([piece])

    def flush(self) -> list[Delta]:
        """Say that the stream has ended, and return what its last event adds.

        `close` does the same, but has no way to return deltas: they matter where a stream ends
        without the blank line behind its last event.
        """
        self.check()
        if self._flushed:
            return []
        self._flushed = True
        if not self._bytes_seen:
            return []
        found: list[Any] = list(self._events.close())
        if not found and not self._number and self._events.outside.lstrip().startswith("{"):
            found = [Event(self._events.outside)]
        return self._take(found)

    def close(self) -> Reply:
        """Return the reply; the same one each time.

        A stream that was cut short gives what arrived, with the finding `stream-cut`.
        """
        if self._reply is None:
            self.flush()
            self.check()
            self._response = self.response
            reply = self._parse(self._response)
            self._reply = replace(reply, findings=(*reply.findings, *self._noticed()))
        return self._reply

    def check(self) -> None:
        """Raise the error that was held back for deltas in front of it."""
        problem, self._held = self._held, None
        if problem is not None:
            raise problem

    @property
    def reply(self) -> Reply:
        """Return the reply of a closed stream."""
        if self._reply is None:
            raise WiremarkError("the stream is still open", advice="call close() first")
        return self._reply

    @property
    def response(self) -> dict[str, Any]:
        """Return what arrived so far as one response in the provider's own form."""
        return self._assembler.response() if self._response is None else self._response

    # The way of the data.

    def _take(self, pieces: Iterable[Any]) -> list[Delta]:
        out: list[Delta] = []
        for piece in pieces:
            if self._failed or self._assembler.ended:
                break
            chunk = self._chunk(piece)
            if chunk is None:
                continue
            event = piece if isinstance(piece, Event) else None
            problem = self._assembler.error(chunk, event)
            if problem is not None:
                self._fail(problem)
                break
            if self._assembler.is_whole(chunk):
                return [*out, *self._take_whole(chunk)]
            out += self._assembler.add(chunk)
            out += self._ends()
        if not out:
            self.check()
        return out

    def _take_whole(self, response: dict[str, Any]) -> list[Delta]:
        """Take a response that came in place of a stream, and return its parts as deltas."""
        self._assembler.ended = True
        self._response = response
        reply = self._parse(response)
        out = []
        calls = 0
        for block in reply.message.content:
            if isinstance(block, TextBlock) and block.text:
                out.append(Delta("text", block.text))
            elif isinstance(block, ThinkingBlock) and block.thinking:
                out.append(Delta("thinking", block.thinking))
            elif isinstance(block, ToolUseBlock):
                text = block.content or block.arguments
                out.append(Delta("tool_call", text, index=calls, id=block.id, name=block.name))
                calls += 1
        if reply.finish_reason is not None:
            out.append(Delta("finish", finish_reason=reply.finish_reason))
        if reply.usage is not None:
            out.append(Delta("usage", usage=reply.usage))
        return out

    def _chunk(self, piece: Any) -> dict[str, Any] | None:
        """Return a piece as a chunk; None where it is the end, or cannot be read."""
        self._number += 1
        if not isinstance(piece, Event):
            return self._assembler.read(piece)
        if piece.data.strip() == DONE:
            self._assembler.ended = True
            return None
        try:
            found = jsontext.loads(piece.data)
        except SerializationError as problem:
            if piece.name == "error":
                return {"code": "error", "message": piece.data, "error": {"message": piece.data}}
            self._malformed(str(problem))
            return None
        if isinstance(found, dict):
            return found
        self._malformed("no object")
        return None

    def _malformed(self, problem: str) -> None:
        text = f"an event that cannot be read was left out: {problem}"
        self._findings.append(Finding("event-malformed", "note", f"events[{self._number}]", text))

    def _fail(self, problem: ResponseError) -> None:
        self._failed = True
        self._held = problem
        self._findings.append(
            Finding(
                "provider-error",
                "error",
                problem.path,
                problem.problem,
                problem.advice,
                problem.provider_text,
            )
        )

    def _ends(self) -> Iterator[Delta]:
        """Return the finish reason when it comes, and the usage once, when it is final."""
        reason = self._assembler.finish_reason
        if reason is not None and reason != self._finish:
            self._finish = reason
            yield Delta("finish", finish_reason=reason)
        if self._finish is None or self._told_usage or not self._assembler.has_usage:
            return
        self._told_usage = True
        usage = self._parse(self._assembler.response()).usage
        if usage is not None:
            yield Delta("usage", usage=usage)

    def _noticed(self) -> list[Finding]:
        found = [*self._findings, *self._assembler.findings]
        state = self._assembler
        told = (state.complete or state.finish_reason is not None) and not self._events.torn
        if not (self._failed or state.ended or told):
            text = "the stream ended before the provider said that the reply is complete"
            advice = "do not run its tool calls, and do not store it as a whole reply"
            found.append(Finding("stream-cut", "error", "", text, advice))
        return found


class ReplyStream:
    """A stream on its way: iterate it for the deltas, then ask for `reply`.

    `close` gives what has arrived so far; it does not close the source.
    """

    def __init__(self, source: Iterable[Piece], parser: StreamParser) -> None:
        self.parser = parser
        self._deltas = self._run(_pieces(source))

    def _run(self, source: Iterable[Piece]) -> Iterator[Delta]:
        for piece in source:
            yield from self.parser.feed(piece)
            self.parser.check()
        yield from self.parser.flush()
        self.parser.close()

    def __iter__(self) -> Iterator[Delta]:
        return self

    def __next__(self) -> Delta:
        return next(self._deltas)

    def close(self) -> Reply:
        """Return the reply as far as it has arrived; what follows is not read."""
        return self.parser.close()

    @property
    def reply(self) -> Reply:
        """Return the reply; what has not been iterated is read first."""
        for _ in self._deltas:
            pass
        return self.parser.close()


class AsyncReplyStream:
    """`ReplyStream` for a source that is iterated with `async for`."""

    def __init__(self, source: AsyncIterable[Piece], parser: StreamParser) -> None:
        self.parser = parser
        self._deltas = self._run(source)

    async def _run(self, source: AsyncIterable[Piece]) -> AsyncIterator[Delta]:
        async for piece in source:
            for delta in self.parser.feed(piece):
                yield delta
            self.parser.check()
        for delta in self.parser.flush():
            yield delta
        self.parser.close()

    def __aiter__(self) -> AsyncIterator[Delta]:
        return self

    async def __anext__(self) -> Delta:
        return await anext(self._deltas)

    def close(self) -> Reply:
        """Return the reply as far as it has arrived; what follows is not read."""
        return self.parser.close()

    async def finish(self) -> Reply:
        """Return the reply; what has not been iterated is read first."""
        async for _ in self._deltas:
            pass
        return self.parser.close()

    @property
    def reply(self) -> Reply:
        """Return the reply of a stream that was iterated to its end."""
        return self.parser.reply


def _pieces(source: Iterable[Piece]) -> Iterable[Piece]:
    if isinstance(source, bytes | bytearray | memoryview | str):
        return (source,)
    if isinstance(source, Mapping):
        raise MessageError(
            "expected an iterable of chunks, got one object",
            path="stream",
            advice="read one response with parse_response(); boto3 keeps its events in `stream`",
        )
    return source
