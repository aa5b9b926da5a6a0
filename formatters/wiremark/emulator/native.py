"""Answers of DashScope's own protocol, whole and as events.

Each event has usage. With `incremental_output` an event brings what is new, else all so far. What
ends a text is an event of its own, which brings nothing new; calls end with their last piece. An
error inside a stream is an event as well. Shapes are those of answers that cnblogs/dashscope-sdk
has recorded.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ..dashscope.endpoint import endpoint_of
from ..jsontext import dumps
from ..traffic.services import Service
from .counting import thought_details
from .saying import Saying, choices_asked, pieces
from .scenario import Call

__all__ = ["native_answer", "native_error_event", "native_events", "wrong_endpoint"]


def native_answer(said: Saying, service: Service, body: dict[str, Any]) -> dict[str, Any]:
    """Return the whole answer."""
    calls = [_call(call, index, call.arguments) for index, call in enumerate(said.calls)]
    output = _output(said, (said.text, said.thinking, calls), _reason(said), service, body)
    return {"output": output, "usage": said.usage, "request_id": _request_id(said)}


def native_events(said: Saying, service: Service, body: dict[str, Any]) -> Iterator[str]:
    """Yield the events of a stream, one SSE text each."""
    parameters = body.get("parameters")
    incremental = isinstance(parameters, dict) and parameters.get("incremental_output") is True
    steps = list(_steps(said))
    text, thinking = "", ""
    calls: dict[int, dict[str, Any]] = {}
    whole_output = said.usage["output_tokens"]
    told = len(steps) if said.calls else len(steps) - 1
    for number, (more_text, more_thinking, call) in enumerate(steps, 1):
        text, thinking = text + more_text, thinking + more_thinking
        if call is not None:
            _grow(calls, call)
        now = (more_text, more_thinking, [call] if call is not None else [])
        so_far = (text, thinking, list(calls.values()))
        reason = _reason(said) if number == len(steps) else "null"
        output = _output(said, now if incremental else so_far, reason, service, body)
        written = max(1, whole_output * min(number, told) // max(told, 1))
        usage = _so_far(said.usage, written, service)
        if number == len(steps):
            usage = said.usage
        data = {"output": output, "usage": usage, "request_id": _request_id(said)}
        yield f"id:{number}\nevent:result\n:HTTP_STATUS/200\ndata:{dumps(data)}\n\n"


def _so_far(usage: dict[str, Any], written: int, service: Service) -> dict[str, Any]:
    """Return usage when so many tokens were written."""
    now = {**usage, "output_tokens": written, "total_tokens": usage["input_tokens"] + written}
    thought = usage.get("output_tokens_details", {}).get("reasoning_tokens")
    if thought:
        now["output_tokens_details"] = thought_details(service, written, min(thought, written))
    return now


def wrong_endpoint(model: str, service: Service) -> bool:
    """Say whether a model is known to be served at the other path: those that see, at that of text.

    Names are not known of all models, so that none is refused where media is taken.
    """
    return not service.multimodal and endpoint_of(model) == "multimodal"


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
    if not said.calls:
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
    said: Saying,
    told: tuple[str, str, list[dict[str, Any]]],
    reason: str,
    service: Service,
    body: dict[str, Any],
) -> dict[str, Any]:
    """Return an output in which this text, thought and calls are told."""
    text, thinking, calls = told
    # A text alone has no place for a thought or a call.
    if not (service.multimodal or said.calls or said.thinking or _as_message(body)):
        return {"text": text, "finish_reason": reason}
    content: Any = text
    if service.multimodal:
        content = [{"text": text}] if text else []
    message: dict[str, Any] = {"role": "assistant", "content": content}
    if thinking or (said.thinking and not service.multimodal):
        message["reasoning_content"] = thinking
    if calls:
        message["tool_calls"] = calls
    choice = {"finish_reason": reason, "message": message}
    count = choices_asked(body)
    if count == 1:
        return {"choices": [choice]}
    return {"choices": [{**choice, "index": index} for index in range(count)]}


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
    return said.finish or ("tool_calls" if said.calls else "stop")
