"""Amazon's binary event stream, read from bytes that may be cut anywhere.

A frame is a length, the length of its headers, a checksum of both, headers, a payload, and a
checksum of it all, big-endian
(https://docs.aws.amazon.com/transcribe/latest/dg/event-stream.html, read 2026-11-21). A frame of
Converse is an event, or an exception, whose payload is JSON. It knows no event by name.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from typing import Any, Final

from .. import jsontext
from ..errors import MessageError, SerializationError

__all__ = ["FrameReader"]

_PRELUDE: Final = struct.Struct(">III")
_LEAST: Final = _PRELUDE.size + 4
_MOST: Final = 1 << 25
_SIZES: Final = {0: 0, 1: 0, 2: 1, 3: 2, 4: 4, 5: 8, 8: 8, 9: 16}
"""Header values of a fixed size, by type; types 6 and 7 are bytes and text with a length."""

_TEXT: Final = 7
_SIZED: Final = (6, _TEXT)


class FrameReader:
    """Reads frames; each becomes a dict of its kind and its payload, as boto3 gives events."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._begun = False
        self._outside = bytearray()
        self._torn = False

    @property
    def outside(self) -> str:
        """Return JSON that came in place of frames, such as the body of an error."""
        return self._outside.decode("utf-8", "replace")

    @property
    def torn(self) -> bool:
        """Say whether the stream ended inside a frame."""
        return self._torn

    def feed(self, piece: bytes | str) -> list[dict[str, Any]]:
        """Return the events that end with this piece; raises `MessageError` for what is none."""
        if isinstance(piece, str):
            raise MessageError(
                "a Converse stream is binary, got text",
                path="stream",
                advice="feed the bytes as they arrive, or the events that boto3 gives",
            )
        if not self._begun and piece:
            self._begun = True
            if piece[:1] == b"{":
                self._outside += b"{"
                piece = piece[1:]
        if self._outside:
            self._outside += piece
            return []
        self._buffer += piece
        return list(self._frames())

    def close(self) -> list[dict[str, Any]]:
        """Note whether anything is left; a frame that is not whole is left out."""
        self._torn = bool(self._buffer)
        return []

    def _frames(self) -> Iterator[dict[str, Any]]:
        while len(self._buffer) >= _PRELUDE.size:
            size, headers, checksum = _PRELUDE.unpack_from(self._buffer)
            if zlib.crc32(self._buffer[:8]) != checksum or not _LEAST + headers <= size <= _MOST:
                raise _not_frames("what stands there is no frame")
            if len(self._buffer) < size:
                return
            frame = bytes(self._buffer[:size])
            del self._buffer[:size]
            if zlib.crc32(frame[:-4]) != int.from_bytes(frame[-4:]):
                raise _not_frames("a frame whose checksum is wrong")
            end = _PRELUDE.size + headers
            event = _event(_headers(frame[_PRELUDE.size : end]), frame[end:-4])
            if event is not None:
                yield event


def _headers(data: bytes) -> dict[str, str]:
    """Return the headers that are text."""
    found = {}
    at = 0
    try:
        while at < len(data):
            start = at + 1
            at = start + data[at]
            name, kind = data[start:at].decode(), data[at]
            at += 1
            if kind in _SIZED:
                (size,) = struct.unpack_from(">H", data, at)
                at += 2
            else:
                size = _SIZES[kind]
            if kind == _TEXT:
                found[name] = data[at : at + size].decode()
            at += size
    except (IndexError, KeyError, struct.error, UnicodeDecodeError):
        raise _not_frames("headers that cannot be read") from None
    return found


def _event(headers: dict[str, str], payload: bytes) -> dict[str, Any] | None:
    kind = headers.get(":message-type", "event")
    if kind == "error":
        code = headers.get(":error-code", "error")
        return {code: {"message": headers.get(":error-message", "")}, "message-type": kind}
    name = headers.get(":exception-type" if kind == "exception" else ":event-type")
    if name is None:
        return None
    try:
        found = jsontext.loads(payload) if payload.strip() else {}
    except SerializationError:
        found = {"message": payload.decode("utf-8", "replace")}
    return {name: found, "message-type": kind} if kind == "exception" else {name: found}


def _not_frames(problem: str) -> MessageError:
    return MessageError(
        problem,
        path="stream",
        advice="feed the bytes of the answer as they arrive, or the events that boto3 gives",
    )
