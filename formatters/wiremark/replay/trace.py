"""Traces: what was sent to a provider, read from the logs and sessions that people have.

JSON lines of request bodies or of records with a request, sessions of chat messages, HAR, LiteLLM's
logs, Claude Code's transcripts. What cannot be read is a finding that names file and line. Lines
are read one by one, other JSON whole. No cache is known here.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterable, Iterator, Mapping
from itertools import chain
from pathlib import Path
from typing import Any, Final
from urllib.parse import unquote, urlsplit

from .. import jsontext
from ..errors import MessageError, WiremarkError
from ..findings import Finding
from ..prefix import RESPONSES
from ..sse import DONE, EventReader
from ..usage import Usage, read_stream_usage
from ..validation import detect_protocol
from .derive import (
    TranscriptReader,
    derive_requests,
    is_transcript_line,
    seconds_of,
    unreadable,
)
from .model import TraceRequest
from .sharing import Sharing

__all__ = ["read_trace", "read_value"]

_BOM: Final = b"\xef\xbb\xbf"
_TIMES: Final = ("at", "time", "timestamp", "startTime", "started_at", "created_at", "created")
_ENDS: Final = ("ends_at", "endTime", "ended_at")
_OF_A_RECORD: Final = frozenset(
    {*_TIMES, *_ENDS, "duration", "usage", "response", "host", "session", "place"}
)
_OF_A_REQUEST: Final = frozenset(
    {"stream", "max_tokens", "max_completion_tokens", "temperature", "input", "parameters"}
    | {"inferenceConfig", "stream_options", "anthropic_version"}
)
_LITELLM: Final = frozenset({"call_type", "model_parameters", "litellm_params", "api_base"})
_MODEL: Final = re.compile(r"/models?/([^/?]+)/")
_OTHERS: Final = "has no messages: bodies of Gemini are not replayed"


def read_trace(
    source: str | Path | Iterable[bytes], *, name: str | None = None
) -> Iterator[TraceRequest | Finding]:
    """Yield the requests of a trace, and a finding for whatever is none.

    source: a path, or lines as bytes; name: how it is called in places such as `log.jsonl:7`.
    Messages that a request shares with those before it are the same objects, so that a long
    session needs the memory of its messages once. Raises `MessageError` where there is no JSON.
    """
    if isinstance(source, str | Path):
        with Path(source).open("rb") as lines:
            yield from _shared(_read(lines, str(name or source)))
    else:
        yield from _shared(_read(source, name or "trace"))


def read_value(value: Any, place: str = "") -> Iterator[TraceRequest | Finding]:
    """Yield the requests of a value that was read already: a body, a record, a session, a HAR."""
    if isinstance(value, list):
        if value and all(isinstance(item, Mapping) and "role" in item for item in value):
            yield from derive_requests({"messages": value}, place=place, name=place)
            return
        for index, item in enumerate(value):
            yield from read_value(item, f"{place}[{index}]")
    elif not isinstance(value, dict):
        yield unreadable(place, "is no object")
    elif isinstance(value.get("log"), dict) and isinstance(value["log"].get("entries"), list):
        yield from _har(value["log"]["entries"], place)
    elif isinstance(value.get("standard_logging_object"), dict):
        yield _litellm(value["standard_logging_object"], place)
    elif "messages" in value and _LITELLM & value.keys():
        yield _litellm(value, place)
    elif "request" in value and _is_look(value):
        return
    elif "request" in value or ("body" in value and "messages" not in value):
        yield _record(value, value.get("request", value.get("body")), place)
    elif _is_session(value):
        name = next((value[key] for key in ("id", "session") if value.get(key)), place)
        yield from derive_requests(value, place=place, name=str(name))
    else:
        body = {key: item for key, item in value.items() if key not in _OF_A_RECORD}
        yield _record(value, body, place)


def _is_look(record: Mapping[str, Any]) -> bool:
    """Say whether a record of an exchange only asked for something, as a list of models."""
    return record["request"] is None and record.get("method") in ("GET", "HEAD", "OPTIONS")


def _is_session(value: Mapping[str, Any]) -> bool:
    """Tell a stored session from a request body, which also holds messages."""
    messages = value.get("messages")
    if not isinstance(messages, list) or not messages or _OF_A_REQUEST & value.keys():
        return False
    last = messages[-1]
    ends = isinstance(last, Mapping) and last.get("role") == "assistant"
    return ends or ("id" in value and "model" not in value)


# Lines.


def _read(lines: Iterable[bytes], name: str) -> Iterator[TraceRequest | Finding]:
    numbered = _content(lines)
    first = next(numbered, None)
    if first is None:
        raise MessageError("empty, no requests", path=name)
    try:
        jsontext.loads(first[1])
    except WiremarkError:
        rest = [first, *numbered]
        try:
            whole = jsontext.loads(b"".join(line for _, line in rest))
        except WiremarkError as problem:
            found = list(_lines(rest, name))
            if all(isinstance(one, Finding) for one in found):
                raise MessageError(f"no trace: {problem}", path=name) from None
            yield from found
        else:
            yield from read_value(whole, name)
        return
    yield from _lines(chain([first], numbered), name)


def _content(lines: Iterable[bytes]) -> Iterator[tuple[int, bytes]]:
    for number, line in enumerate(lines, start=1):
        kept = line.removeprefix(_BOM) if number == 1 else line
        if kept.strip():
            yield number, kept


def _lines(lines: Iterable[tuple[int, bytes]], name: str) -> Iterator[TraceRequest | Finding]:
    transcript: TranscriptReader | None = None
    for number, line in lines:
        place = f"{name}:{number}"
        try:
            value = jsontext.loads(line)
        except WiremarkError as problem:
            yield unreadable(place, str(problem))
            continue
        if is_transcript_line(value):
            transcript = transcript or TranscriptReader(name)
            transcript.add(value, number)
        elif transcript is None or not isinstance(value, dict) or "type" not in value:
            yield from read_value(value, place)
    if transcript is not None:
        yield from transcript.requests()


# Records.


def _record(record: Mapping[str, Any], request: Any, place: str) -> TraceRequest | Finding:
    """Return the request of a record such as `{"request": ..., "response": ..., "at": ...}`."""
    status = record.get("status")
    if isinstance(status, int) and status >= 400:  # it left nothing in a cache
        said = f"a request that failed with {status}"
        return Finding("trace-unreadable", "note", place, said, "it is left out")
    host = _text(record.get("host")) or _host_of(record.get("url"))
    at, end = _first_time(record, _TIMES), _first_time(record, _ENDS)
    duration = record.get("duration")
    if not isinstance(duration, int | float):
        duration = None if at is None or end is None else max(0.0, end - at)
    return _request(
        request,
        place,
        at=at,
        duration=duration,
        host=host,
        url=_text(record.get("path")) or _text(record.get("url")),
        session=str(record.get("session") or ""),
        usage=_usage(record.get("usage"), record.get("response"), host),
    )


def _first_time(record: Mapping[str, Any], keys: Iterable[str]) -> float | None:
    times = (seconds_of(record.get(key)) for key in keys)
    return next((time for time in times if time is not None), None)


def _request(
    body: Any,
    place: str,
    *,
    at: float | None,
    duration: float | None,
    host: str | None,
    usage: Usage | None,
    url: str | None = None,
    session: str = "",
) -> TraceRequest | Finding:
    if body and isinstance(body, str):
        try:
            body = jsontext.loads(body.encode())
        except WiremarkError as problem:
            return unreadable(place, f"the request is no JSON: {problem}")
    if isinstance(body, dict) and isinstance(body.get("body"), dict) and "messages" not in body:
        body = body["body"]  # with method, URL and headers around it
    if not isinstance(body, dict):
        return unreadable(place, "has no request body")
    if not _has_messages(body):
        return unreadable(place, _OTHERS)
    named = _MODEL.search(url or "")
    return TraceRequest(
        body=body,
        at=at,
        usage=usage,
        place=place,
        host=host,
        duration=duration,
        model=unquote(named[1]) if named else None,
        session=session,
        partial=_goes_on(body),
    )


_GOES_ON: Final = ("previous_response_id", "conversation")
"""Fields of OpenAI's Responses for what the provider has kept."""


def _goes_on(body: Mapping[str, Any]) -> bool:
    """Say whether the provider puts what it has kept before what a body holds."""
    thread = body.get("thread")  # Anthropic's
    continued = isinstance(thread, dict) and thread.get("type") == "continue"
    return continued or any(body.get(key) is not None for key in _GOES_ON)


def _has_messages(body: Mapping[str, Any]) -> bool:
    held = body.get("input")
    messages = held.get("messages") if isinstance(held, dict) else body.get("messages")
    if messages is None and detect_protocol(body) == RESPONSES:
        return True
    return isinstance(messages, list) and all(isinstance(one, dict) for one in messages)


def _usage(usage: Any, response: Any, host: str | None) -> Usage | None:
    """Return the usage that a record reports, in itself or in its response."""
    provider = "dashscope" if host is not None and "aliyuncs.com" in host else None
    if isinstance(response, dict) and "body" in response:  # a line of a batch's output
        response = response["body"]
    for payload in ({"usage": usage} if isinstance(usage, dict) else None, response):
        if payload is None:
            continue
        try:
            if isinstance(payload, str):
                payload = _parsed(payload)  # noqa: PLW2901 a text holds JSON or events
            if isinstance(payload, list):
                found = read_stream_usage(payload, provider)
            else:
                found = Usage.from_response(payload, provider)
        except WiremarkError:
            continue
        if not found.reported and isinstance(usage, dict) and payload == {"usage": usage}:
            found = _ours(usage)
        if found.reported:
            return found
    return None


def _ours(usage: Mapping[str, Any]) -> Usage:
    try:
        return Usage.from_dict(usage)
    except WiremarkError:
        return Usage()


def _parsed(text: str) -> Any:
    try:
        return jsontext.loads(text.encode())
    except WiremarkError:
        reader = EventReader()
        events = reader.feed(text) + reader.close()
    return [event.data for event in events if event.data != DONE]


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None


def _host_of(url: Any) -> str | None:
    return urlsplit(url).hostname if isinstance(url, str) else None


# LiteLLM: https://docs.litellm.ai/docs/proxy/logging_spec (read 2026-11-21).


def _litellm(record: Mapping[str, Any], place: str) -> TraceRequest | Finding:
    if record.get("status") == "failure":
        return unreadable(place, "a request that failed", "it is left out")
    body = _as_json(record.get("proxy_server_request"))
    messages = _as_json(record.get("messages"))
    if isinstance(messages, list) and messages:
        parameters = record.get("model_parameters")
        body = {"model": record.get("model"), "messages": messages}
        body |= dict(parameters) if isinstance(parameters, dict) else {}
    elif not isinstance(body, dict):
        return unreadable(
            place, "its messages are not in the log", "turn message logging on at LiteLLM"
        )
    start, end = seconds_of(record.get("startTime")), seconds_of(record.get("endTime"))
    host = _host_of(record.get("api_base"))
    return _request(
        body,
        place,
        at=start,
        duration=None if start is None or end is None else max(0.0, end - start),
        host=host,
        session=str(record.get("session_id") or ""),
        usage=_litellm_usage(record, host),
    )


def _litellm_usage(record: Mapping[str, Any], host: str | None) -> Usage | None:
    metadata = record.get("metadata")
    held = metadata.get("usage_object") if isinstance(metadata, dict) else None
    found = _usage(held, _as_json(record.get("response")), host)
    if found is not None or not isinstance(record.get("prompt_tokens"), int):
        return found
    counts = {key: record.get(key) for key in ("prompt_tokens", "completion_tokens")}
    return _usage(counts, None, host)


def _as_json(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    try:
        return jsontext.loads(value.encode())
    except WiremarkError:
        return value


# HAR 1.2: http://www.softwareishard.com/blog/har-12-spec (read 2026-11-21).


def _har(entries: Iterable[Any], place: str) -> Iterator[TraceRequest | Finding]:
    """Yield the requests of a recording; those to other services are passed over."""
    seen = 0
    for index, entry in enumerate(entries):
        request = entry.get("request") if isinstance(entry, dict) else None
        data = request.get("postData") if isinstance(request, dict) else None
        body = _as_json(data.get("text")) if isinstance(data, dict) else None
        if not isinstance(request, dict) or not isinstance(body, dict) or not _has_messages(body):
            continue
        seen += 1
        url = _text(request.get("url"))
        taken = entry.get("time")
        host = _host_of(url)
        yield _request(
            body,
            f"{place}: entry {index + 1}",
            at=seconds_of(entry.get("startedDateTime")),
            duration=taken / 1000 if isinstance(taken, int | float) and taken >= 0 else None,
            host=host,
            url=url,
            usage=_usage(None, _har_text(entry.get("response")), host),
        )
    if not seen:
        yield unreadable(place, "no request in it has messages")


def _har_text(response: Any) -> str | None:
    content = response.get("content") if isinstance(response, dict) else None
    if not isinstance(content, dict):
        return None
    text = _text(content.get("text"))
    if text is None or content.get("encoding") != "base64":
        return text
    try:
        return base64.b64decode(text, validate=True).decode(errors="replace")
    except (binascii.Error, ValueError):
        return None


# Messages once.


def _shared(found: Iterable[TraceRequest | Finding]) -> Iterator[TraceRequest | Finding]:
    sharing = Sharing()
    for one in found:
        if isinstance(one, TraceRequest):
            sharing.share(one.messages)
        yield one
