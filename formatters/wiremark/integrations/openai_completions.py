"""An answer of OpenAI's Responses API as a chat completion, for the readers of those.

Fields are those of openai 3.52.0, types/responses; DashScope's details of the cache are those of
its compatibility-with-openai-responses-api page (read 2026-11-21). The SDK is not needed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from ..errors import MessageError
from ..plain import plain_object

__all__ = ["chat_completion"]

_ENDS: Final = ("response.completed", "response.incomplete", "response.failed")
_REASONS: Final = {"max_output_tokens": "length", "content_filter": "content_filter"}


def chat_completion(response: Any) -> dict[str, Any]:
    """Return a response as a chat completion.

    response: a dict, the SDK's object, or the events of a stream in either form. A response that
    failed, and an error in a stream, become the body of an error, which `parse_response` names.
    Calls of other tools than functions, and thoughts that are signed, are not in it.

    Raises `MessageError` for what is no response, and for a stream that breaks off.
    """
    is_one = isinstance(response, Mapping | str | bytes) or hasattr(response, "model_dump")
    if isinstance(response, Iterable) and not is_one:
        return _of_stream(response)
    data = plain_object(response)
    if data.get("type") in (*_ENDS, "error"):
        return _of_stream([data])
    return _of_response(data)


def _of_stream(events: Iterable[Any]) -> dict[str, Any]:
    for given in events:
        event = plain_object(given, path="event")
        kind = event.get("type")
        if kind == "error":
            return {"error": {key: event.get(key) for key in ("code", "message", "param")}}
        if kind in _ENDS:
            return _of_response(plain_object(event.get("response"), path="event.response"))
    raise MessageError("the stream has no last event, which holds the answer", path="events")


def _of_response(data: Mapping[str, Any]) -> dict[str, Any]:
    output = data.get("output")
    if isinstance(data.get("error"), Mapping):
        return {"id": data.get("id"), "error": dict(data["error"])}
    if not isinstance(output, list):
        raise MessageError("expected a list of items", path="response.output")
    message, calls = _message([item for item in output if isinstance(item, Mapping)])
    choice = {"index": 0, "message": message, "finish_reason": _reason(data, calls)}
    out = {
        "id": data.get("id"),
        "object": "chat.completion",
        "created": int(data.get("created_at") or 0),
        "model": data.get("model"),
        "choices": [choice],
    }
    usage = data.get("usage")
    return {**out, "usage": _usage(usage)} if isinstance(usage, Mapping) else out


def _message(output: list[Mapping[str, Any]]) -> tuple[dict[str, Any], bool]:
    texts: list[str] = []
    refusals: list[str] = []
    thoughts: list[str] = []
    calls: list[dict[str, Any]] = []
    for item in output:
        kind = item.get("type")
        if kind == "message":
            texts += _texts(item.get("content"), "text")
            refusals += _texts(item.get("content"), "refusal")
        elif kind == "reasoning":
            thoughts += _texts(item.get("summary"), "text") or _texts(item.get("content"), "text")
        elif kind in ("function_call", "custom_tool_call"):
            calls.append(_call(item))
    message: dict[str, Any] = {"role": "assistant", "content": "".join(texts) or None}
    if refusals:
        message["refusal"] = "".join(refusals)
    if thoughts:
        message["reasoning_content"] = "\n\n".join(thoughts)
    if calls:
        message["tool_calls"] = calls
    elif not texts and not refusals:
        message["content"] = ""
    return message, bool(calls)


def _texts(parts: Any, key: str) -> list[str]:
    held = parts if isinstance(parts, list) else []
    found = [part.get(key) for part in held if isinstance(part, Mapping)]
    return [text for text in found if isinstance(text, str) and text]


def _call(item: Mapping[str, Any]) -> dict[str, Any]:
    if item["type"] == "custom_tool_call":
        inner = {"name": item.get("name"), "input": item.get("input")}
        return {"id": item.get("call_id"), "type": "custom", "custom": inner}
    function = {"name": item.get("name"), "arguments": item.get("arguments")}
    return {"id": item.get("call_id"), "type": "function", "function": function}


def _reason(data: Mapping[str, Any], calls: bool) -> str:
    details = data.get("incomplete_details")
    told = details.get("reason") if isinstance(details, Mapping) else None
    if isinstance(told, str):
        return _REASONS.get(told, told)
    return "tool_calls" if calls else "stop"


def _usage(usage: Mapping[str, Any]) -> dict[str, Any]:
    details = usage.get("input_tokens_details")
    read = dict(details) if isinstance(details, Mapping) else {}
    own = usage.get("x_details")
    first = own[0] if isinstance(own, list) and own else None
    session = first.get("prompt_tokens_details") if isinstance(first, Mapping) else None
    if isinstance(session, Mapping):
        read |= session
    out: dict[str, Any] = {
        "prompt_tokens": usage.get("input_tokens"),
        "completion_tokens": usage.get("output_tokens"),
        "total_tokens": usage.get("total_tokens"),
        "prompt_tokens_details": read,
    }
    if isinstance(usage.get("output_tokens_details"), Mapping):
        out["completion_tokens_details"] = dict(usage["output_tokens_details"])
    return out
