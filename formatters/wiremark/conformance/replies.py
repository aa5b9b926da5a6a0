"""Replies in agentscope-java's recorded cases: what `parse_response` makes of them, in Java's form.

Java reads each chunk of a stream by itself; so does this, and leaves assembling to stream parsers.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from .. import jsontext
from ..base import BaseFormatter, Request
from ..base.reading import response_data
from ..base.reply import Reply
from ..dashscope.response import provider_error as dashscope_error
from ..errors import ResponseError, WiremarkError
from ..openai.response import is_chunk
from ..openai.response import provider_error as openai_error

__all__ = ["parsed", "replies"]

_UUID: Final = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_NO_BODY: Final = {"request_id": "r"}
"""What the recording answered where a case names no reply."""


def parsed(case: Mapping[str, Any], formatter: BaseFormatter) -> str:
    """Return what Java's `parse` cases record: the reply, whether it is an error, or a chunk."""
    given = case.get("response_text", case.get("response"))
    reply = formatter.parse_response(given)
    data = response_data(given)
    out: dict[str, Any] = {"is_error": _error(data, formatter) is not None}
    if formatter.protocol == "openai-chat":
        out["is_chunk"] = is_chunk(data)
    out["response"] = _written(reply, case, formatter)
    return _text(out, formatter)


def replies(case: Mapping[str, Any], formatter: BaseFormatter, request: Request) -> str | None:
    """Return the members of a `wire` case about its replies, null where it records none.

    An error is recorded as such: Java's classes and texts are not compared.
    """
    found: list[dict[str, Any]] = []
    failed = False
    if "sse" not in case and "http_body" not in case:
        return None
    try:
        for reply in _answers(case, formatter, request):
            found.append(_written(reply, case, formatter))  # noqa: PERF401 some precede an error
    except WiremarkError:
        failed = True
    members = {"responses": found, **({"stream_error": True} if failed else {})}
    return _text(members, formatter)[1:-1]


def _answers(
    case: Mapping[str, Any], formatter: BaseFormatter, request: Request
) -> Iterator[Reply]:
    if case.get("http_status", 200) >= 400:
        raise ResponseError("the request failed", status=case["http_status"])
    if "http_body" in case:
        yield formatter.parse_response(_checked(case["http_body"], formatter))
    elif not _is_stream(request):
        yield formatter.parse_response(_NO_BODY)
    else:
        yield from _streamed(case["sse"], formatter)


def _streamed(events: list[Any], formatter: BaseFormatter) -> Iterator[Reply]:
    """Read events as Java's client does: one by one, up to `[DONE]` or an error."""
    chunks = 0
    for event in events:
        if event == "[DONE]":
            return
        try:
            data = response_data(event)
        except WiremarkError:
            continue
        if chunks and formatter.protocol == "openai-chat" and not is_chunk(data):
            data = _without_message(data)
        chunks += is_chunk(data)
        yield formatter.parse_response(_checked(data, formatter))


def _without_message(data: dict[str, Any]) -> dict[str, Any]:
    """Return a summary after chunks without its message, which Java does not read again."""
    choices = [{**choice, "message": None} for choice in data.get("choices") or ()]
    return {**data, "choices": choices}


def _checked(body: Any, formatter: BaseFormatter) -> dict[str, Any]:
    """Return a body's data; an error in it is raised, as Java's client does."""
    data = response_data(body)
    problem = _error(data, formatter)
    if problem is not None:
        raise problem
    return data


_OF_JAVA: Final = ("error", "status", "code")
"""Members by which Java knows an error; wiremark knows forms of vendors besides."""


def _error(data: Mapping[str, Any], formatter: BaseFormatter) -> ResponseError | None:
    find = dashscope_error if formatter.protocol == "dashscope" else openai_error
    problem = find(data)
    return problem if problem is not None and problem.path in _OF_JAVA else None


def _is_stream(request: Request) -> bool:
    parameters = request.body.get("parameters", {})
    return bool(request.body.get("stream") or parameters.get("incremental_output"))


def _written(reply: Reply, case: Mapping[str, Any], formatter: BaseFormatter) -> dict[str, Any]:
    out = reply.to_dict(time="<SECONDS>", quirks=formatter.quirks)
    if reply.id is not None and _UUID.fullmatch(reply.id) and reply.id not in json.dumps(case):
        out["id"] = "<UUID>"
    return out


def _text(value: Any, formatter: BaseFormatter) -> str:
    return jsontext.dumps(value, java_numbers=formatter.quirks.java_numbers)
