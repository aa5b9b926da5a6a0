"""Responses, one after the other, out of files and logs; what is none becomes a `Trouble`.

JSON lines and captures of server-sent events are read piece by piece, other JSON whole. What a
response says is not read here.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain
from typing import Any, Final
from urllib.parse import unquote

from ..errors import WiremarkError
from ..sse import DONE, EventReader
from . import io

__all__ = ["Record", "Trouble", "read_records"]

_PIECE: Final = 1 << 16
_FIELD: Final = re.compile(r"(data|event|id|retry)?:")
_CHUNK: Final = "chat.completion.chunk"
_EVENT: Final = re.compile(r"message_|content_block_|response\.|ping$")
_REQUEST: Final = ("request_id", "responseId")
_FIRST: Final = ("message_start", "message-start", "response.created")
_LAST: Final = (
    "message_stop",
    "message-end",
    "response.completed",
    "response.incomplete",
    "response.failed",
)
_MODEL: Final = re.compile(r"/models?/([^/:?]+(?::[0-9]+)?)[/:]")
_LEDGER: Final = "usage"


@dataclass(frozen=True, slots=True)
class Record:
    """A response, or a list of the chunks of one, at a place such as `log.jsonl:7`.

    `model` and `host` are what the record tells about the request; `is_usage` marks a line of a
    ledger, which holds counts alone.
    """

    place: str
    payload: Any
    model: str | None = None
    host: str | None = None
    is_usage: bool = False


@dataclass(frozen=True, slots=True)
class Trouble:
    """What stands at a place and is no response, and why; a note if none was to be expected."""

    place: str
    problem: str
    is_note: bool = False


def read_records(name: str) -> Iterator[Record | Trouble]:
    """Yield the records of a file, or of standard input for `-`.

    Raises `Unusable` if the file cannot be read, is empty, or holds neither JSON nor events.
    """
    with io.opened(name) as stream:
        lines = io.numbered(stream)
        first = next(lines, None)
        if first is None:
            raise io.Unusable(f"{io.shown(name)}: empty, no responses")
        if _FIELD.match(first[1].decode(errors="replace").lstrip()):
            yield from _events(name, chain([first[1]], (line for _, line in lines)))
        else:
            yield from _json(name, first, lines)


# JSON.


def _json(
    name: str, first: tuple[int, bytes], lines: Iterator[tuple[int, bytes]]
) -> Iterator[Record | Trouble]:
    try:
        _loads(first[1])
    except WiremarkError:
        rest = [first, *lines]
        try:
            whole = _loads(b"".join(line for _, line in rest))
        except WiremarkError as problem:
            yield from _some_lines(name, rest, problem)
        else:
            yield from _unwrapped(whole, io.shown(name))
        return
    yield from _lines(name, chain([first], lines))


def _lines(name: str, lines: Iterable[tuple[int, bytes]]) -> Iterator[Record | Trouble]:
    """Yield the records of lines; lines that are the chunks of one stream are one record."""
    held: list[Any] = []
    begun = ""
    for number, line in lines:
        if not line.strip():
            continue
        place = f"{io.shown(name)}:{number}"
        try:
            value = _loads(line)
        except WiremarkError as problem:
            yield Trouble(place, str(problem))
            continue
        is_chunk = _is_chunk(value)
        if held and not (is_chunk and not _begins(value, held)):
            yield Record(begun, held)
            held = []
        if is_chunk:
            begun = begun if held else place
            held.append(value)
        else:
            yield from _unwrapped(value, place)
    if held:
        yield Record(begun, held)


def _some_lines(
    name: str, lines: list[tuple[int, bytes]], problem: WiremarkError
) -> Iterator[Record | Trouble]:
    """Yield the records of a log whose first line is torn; refuse what has no JSON in it."""
    found = list(_lines(name, lines))
    if not any(isinstance(one, Record) for one in found):
        raise io.Unusable(f"{io.shown(name)}: neither JSON nor events: {problem}")
    yield from found


def _loads(data: bytes) -> Any:
    from .. import jsontext

    return jsontext.loads(data)


def _unwrapped(value: Any, place: str) -> Iterator[Record | Trouble]:
    """Yield the responses in a value: of a list, of a record that has one, or the value itself."""
    if isinstance(value, list):
        yield from _items(value, place)
    elif not isinstance(value, dict):
        yield Trouble(place, "is no response")
    elif value.get("wiremark") is not None:
        yield _of_ours(value, place)
    else:
        yield _response(value, place)


def _items(values: list[Any], place: str) -> Iterator[Record | Trouble]:
    if values and all(map(_is_chunk, values)):
        held: list[Any] = []
        for value in values:
            if _begins(value, held):
                yield Record(place, held)
                held = []
            held.append(value)
        yield Record(place, held)
        return
    for index, value in enumerate(values):
        yield from _unwrapped(value, f"{place}[{index}]")


def _is_chunk(value: Any) -> bool:
    """Say whether a value may be a piece of a stream.

    Answers of DashScope and Gemini look like their own pieces: those that name one request are one.
    """
    if not isinstance(value, dict):
        return False
    kind = value.get("type")
    return (
        value.get("object") == _CHUNK
        or (isinstance(kind, str) and _EVENT.match(kind) is not None)
        or ("done" in value and "model" in value)  # Ollama
        or (bool(value.get("request_id")) and "output" in value)
        or (bool(value.get("responseId")) and "candidates" in value)
    )


def _of_ours(value: dict[str, Any], place: str) -> Record | Trouble:
    if value["wiremark"] == _LEDGER:
        return Record(place, value, is_usage=True)
    return Trouble(place, "holds sums of turns, not a response: restore it with UsageTotals")


def _response(value: dict[str, Any], place: str) -> Record | Trouble:
    """Return the response of a record such as `{"request": ..., "response": ...}`."""
    request, response = value.get("request"), value.get("response")
    if "response" not in value or not ("request" in value or _holds_a_response(response)):
        return Record(place, value)
    status = value.get("status")
    if isinstance(status, int) and status >= 400:
        return Trouble(place, f"note: a request that failed with {status}", is_note=True)
    if "request" in value and request is None and value.get("method") == "GET":
        return Trouble(place, "note: no request to a model", is_note=True)
    if isinstance(response, dict) and "body" in response:  # a line of a batch's output
        response = response["body"]
    if isinstance(response, str):
        response = _parsed(response)
    if not isinstance(response, dict | list):
        return Trouble(place, _no_response(value))
    named = _text(request.get("model")) if isinstance(request, dict) else None
    return Record(place, response, named or _in_path(value), _text(value.get("host")))


def _in_path(record: dict[str, Any]) -> str | None:
    """Return the model that the path of a request names, as those of Gemini and Bedrock do."""
    for key in ("path", "url"):
        found = _MODEL.search(_text(record.get(key)) or "")
        if found:
            return unquote(found[1])
    return None


def _holds_a_response(value: Any) -> bool:
    """Tell a wrapped response from a field of that name, as in Ollama's answers."""
    return not isinstance(value, str) or value.lstrip().startswith(("{", "data:", "event:", "id:"))


def _no_response(record: dict[str, Any]) -> str:
    error = record.get("error")
    return f"has no response, but an error: {json.dumps(error)}" if error else "has no response"


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None


def _parsed(text: str) -> Any:
    """Return the response in a text, or the chunks of the events in it; `None` if it is neither."""
    try:
        return _loads(text.encode())
    except WiremarkError:
        reader = EventReader()
        events = reader.feed(text) + reader.close()
    return [event.data for event in events if event.data != DONE] or None


# Server-sent events.


def _events(name: str, lines: Iterable[bytes]) -> Iterator[Record | Trouble]:
    """Yield a record a stream; a capture may hold several, one behind the other."""
    streams = 0
    chunks: list[Any] = []
    for number, data in enumerate(_data(lines), start=1):
        chunk = _chunk(data)
        ends = data == DONE or _begins(chunk, chunks)
        if ends and chunks:
            streams += 1
            yield Record(f"{io.shown(name)}: stream {streams}", chunks)
            chunks = []
        if isinstance(chunk, dict):
            chunks.append(chunk)
        elif data != DONE:
            yield Trouble(f"{io.shown(name)}: event {number}", "its data is no JSON object")
    if chunks:
        yield Record(f"{io.shown(name)}: stream {streams + 1}", chunks)


def _data(lines: Iterable[bytes]) -> Iterator[str]:
    reader = EventReader()
    held: list[bytes] = []
    size = 0
    for line in lines:
        held.append(line)
        size += len(line)
        if size >= _PIECE:
            yield from (event.data for event in reader.feed(b"".join(held)))
            held, size = [], 0
    for event in reader.feed(b"".join(held)) + reader.close():
        yield event.data


def _chunk(data: str) -> Any:
    try:
        return json.loads(data)
    except (ValueError, RecursionError):
        return None


def _begins(chunk: Any, before: list[Any]) -> bool:
    """Say whether a chunk begins another stream than the chunks before it."""
    if not isinstance(chunk, dict) or not before:
        return False
    last = before[-1]
    if chunk.get("type") in _FIRST or last.get("type") in _LAST or last.get("done") is True:
        return True
    keys = (*_REQUEST, "id") if chunk.get("object") == _CHUNK else _REQUEST
    return any(
        chunk.get(key) and last.get(key) and chunk[key] != last[key]  # one may not tell
        for key in keys
    )
