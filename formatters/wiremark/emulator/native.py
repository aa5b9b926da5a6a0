"""Answers of DashScope's own protocol, whole and as events.

Each event has usage. With `incremental_output` an event brings what is new, else all so far. An
error inside a stream is an event as well.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ..jsontext import dumps
from ..traffic.services import Service
from .saying import Saying, pieces
from .scenario import Call

__all__ = ["native_answer", "native_error_event", "native_events"]


def native_answer(said: Saying, service: Service, body: dict[str, Any]) -> dict[str, Any]:
    """Return the whole answer."""
    calls = [_call(call, index, call.arguments) for index, call in enumerate(said.calls)]
    output = _output(said.text, said.thinking, calls, _reason(said), service, body)
    return {"output": output, "usage": said.usage, "request_id": _request_id(said)}


def native_events(said: Saying, service: Service, body: dict[str, Any]) -> Iterator[str]:
    """Yield the events of a stream, one SSE text each."""
    parameters = body.get("parameters")
    incremental = isinstance(parameters, dict) and parameters.get("incremental_output") is True
    steps = list(_steps(said))
    text, thinking = "", ""
    calls: dict[int, dict[str, Any]] = {}
    whole_output = said.usage["output_tokens"]
    for number, (more_text, more_thinking, call) in enumerate(steps, 1):
        text, thinking = text + more_text, thinking + more_thinking
        if call is not None:
            _grow(calls, call)
        last = number == len(steps)
        now = (more_text, more_thinking, [call] if call is not None else [])
        so_far = (text, thinking, list(calls.values()))
        shown = now if incremental else so_far
        reason = _reason(said) if last else "null"
        output = _output(*shown, reason, service, body)
        written = whole_output * number // len(steps)
        usage = {**said.usage, "output_tokens": written}
        usage["total_tokens"] = said.usage["input_tokens"] + written
        data = {"output": output, "usage": usage, "request_id": _request_id(said)}
        yield f"id:{number}\nevent:result\n:HTTP_STATUS/200\ndata:{dumps(data)}\n\n"


def native_error_event(status: int, body: dict[str, Any]) -> str:
    """Return an error as the one event of a stream."""
    return f"id:1\nevent:error\n:HTTP_STATUS/{status}\ndata:{dumps(body)}\n\n"


def _steps(said: Saying) -> Iterator[tuple[str, str, dict[str, Any] | None]]:
    for piece in pieces(said.thinking):
        yield "", piece, None
    for piece in pieces(said.text):
        yield piece, "", None
    for index, call in enumerate(said.calls):
        yield "", "", _call(call, index, "")
        for piece in pieces(call.arguments):
            function = {"arguments": piece}
            yield "", "", {"index": index, "id": "", "type": "function", "function": function}
    if not said.text and not said.calls:
        yield "", "", None


def _grow(calls: dict[int, dict[str, Any]], delta: dict[str, Any]) -> None:
    """Put a piece of a call to what is known of it."""
    own = calls.get(delta["index"])
    if own is None:
        calls[delta["index"]] = delta
        return
    function = own["function"]
    grown = function["arguments"] + delta["function"]["arguments"]
    calls[delta["index"]] = {**own, "function": {**function, "arguments": grown}}


def _output(
    text: str,
    thinking: str,
    calls: list[dict[str, Any]],
    reason: str,
    service: Service,
    body: dict[str, Any],
) -> dict[str, Any]:
    if not service.multimodal and not calls and not _as_message(body):
        return {"text": text, "finish_reason": reason}
    content: Any = text
    if service.multimodal:
        content = [{"text": text}] if text else []
    message: dict[str, Any] = {"role": "assistant", "content": content}
    if thinking:
        message["reasoning_content"] = thinking
    if calls:
        message["tool_calls"] = calls
    return {"choices": [{"finish_reason": reason, "message": message}]}


def _as_message(body: dict[str, Any]) -> bool:
    """Say whether `choices` were asked for; the text alone is the default, except with tools."""
    parameters = body.get("parameters")
    if not isinstance(parameters, dict):
        return False
    return parameters.get("result_format") == "message" or bool(parameters.get("tools"))


def _call(call: Call, index: int, arguments: str) -> dict[str, Any]:
    function = {"name": call.name, "arguments": arguments}
    return {"index": index, "id": call.id, "type": "function", "function": function}


def _request_id(said: Saying) -> str:
    return f"emulated-{said.tag}"


def _reason(said: Saying) -> str:
    return "tool_calls" if said.calls else "stop"
