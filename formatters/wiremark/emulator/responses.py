"""Answers of OpenAI's Responses API, whole and as events.

Shapes and the order of events are those of the SDK's types (openai 3.52.0, types/responses) and of
answers that were recorded of OpenAI and DeepSeek (2026-06 to 2026-08). A thought is told as its
summary, which is all that OpenAI tells of one; DeepSeek tells it whole. DashScope leaves out what
is not set, and has a comment in each event (https://github.com/yobo2u/omugw, docs/research, probed
2026-09-27; retrieve-a-response in Model Studio's reference, read 2026-11-21).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from ..jsontext import dumps
from ..traffic.services import Service
from .saying import Saying, pieces
from .scenario import Call

__all__ = ["failed_event", "response_id", "responses_answer", "responses_events"]

_CREATED: Final = 1763683200
"""A fixed moment, 2025-11-21, so that answers are the same at each run."""

_ECHOED: Final[dict[str, Any]] = {
    "background": False,
    "frequency_penalty": 0.0,
    "instructions": None,
    "max_output_tokens": None,
    "max_tool_calls": None,
    "metadata": {},
    "moderation": None,
    "parallel_tool_calls": True,
    "presence_penalty": 0.0,
    "previous_response_id": None,
    "prompt_cache_key": None,
    "prompt_cache_retention": None,
    "reasoning": {"effort": None, "summary": None},
    "safety_identifier": None,
    "service_tier": "default",
    "store": True,
    "temperature": 1.0,
    "text": {"format": {"type": "text"}, "verbosity": "medium"},
    "tool_choice": "auto",
    "tools": [],
    "top_logprobs": 0,
    "top_p": 1.0,
    "truncation": "disabled",
    "user": None,
}
"""What a response repeats of its request, and what stands there if the request says nothing."""
_IF_ASKED: Final = ("prompt_cache_options",)
_NOT_DASHSCOPES: Final = ("text", "truncation")
_ALOUD: Final = ("api.deepseek.com",)
"""Who tells thoughts whole."""


def response_id(tag: str) -> str:
    """Return the id of the response of an answer."""
    return f"resp_{tag}"


def responses_answer(said: Saying, service: Service, body: dict[str, Any]) -> dict[str, Any]:
    """Return the whole answer."""
    response = _response(said, body, _end(said))
    response["output"] = [item for item, _ in _items(said, service, body)]
    if said.error is None:
        response["completed_at"] = None if said.finish else _CREATED
        response["usage"] = said.usage
        if said.finish:
            response["incomplete_details"] = {"reason": "max_output_tokens"}
    else:
        code, message = said.error
        response["error"] = {"code": code, "message": message}
    return _as_told(response, service, body)


def responses_events(said: Saying, service: Service, body: dict[str, Any]) -> Iterator[str]:
    """Yield the events of a stream, one SSE text each."""
    for number, event in enumerate(_events(said, service, body)):
        told = {"type": event.pop("type"), "sequence_number": number, **event}
        yield _framed(told) if service.family == "compatible" else _event(told)


def failed_event(said: Saying, service: Service, body: dict[str, Any]) -> str:
    """Return the one event with which DashScope refuses to stream, under status 200."""
    response = _response(said, body, "failed")
    code, message = said.error or ("", "")
    response["error"] = {"message": message, "code": code}
    kind = "response.failed"
    response = _as_told(response, service, body)
    return _framed({"sequence_number": 0, "type": kind, "response": response})


def _event(told: dict[str, Any]) -> str:
    return f"event: {told['type']}\ndata: {dumps(told)}\n\n"


def _framed(told: dict[str, Any]) -> str:
    """Return an event as DashScope's server frames it."""
    number, kind = told["sequence_number"] + 1, told["type"]
    return f"id:{number}\nevent:{kind}\n:HTTP_STATUS/200\ndata:{dumps(told)}\n\n"


def _events(said: Saying, service: Service, body: dict[str, Any]) -> Iterator[dict[str, Any]]:
    under_way = _as_told(_response(said, body, "in_progress"), service, body)
    yield {"type": "response.created", "response": under_way}
    yield {"type": "response.in_progress", "response": under_way}
    for index, (item, told) in enumerate(_items(said, service, body)):
        at = {"output_index": index}
        yield {"type": "response.output_item.added", **at, "item": _begun(item)}
        for event in told:
            kind = event.pop("type")
            yield {"type": kind, "item_id": item["id"], **at, **event}
        yield {"type": "response.output_item.done", **at, "item": item}
    yield {"type": f"response.{_end(said)}", "response": responses_answer(said, service, body)}


def _end(said: Saying) -> str:
    return "failed" if said.error else "incomplete" if said.finish else "completed"


def _response(said: Saying, body: dict[str, Any], status: str) -> dict[str, Any]:
    """Return a response without its output."""
    echoed = {key: _echo(body.get(key), usual) for key, usual in _ECHOED.items()}
    echoed |= {key: body[key] for key in _IF_ASKED if body.get(key) is not None}
    return {
        "id": response_id(said.tag),
        "object": "response",
        "created_at": _CREATED,
        "status": status,
        "completed_at": None,
        "error": None,
        "incomplete_details": None,
        "model": said.model,
        "output": [],
        **echoed,
        "usage": None,
    }


def _echo(given: Any, usual: Any) -> Any:
    if isinstance(given, dict) and isinstance(usual, dict):
        return {**usual, **given}
    return usual if given is None else given


def _as_told(response: dict[str, Any], service: Service, body: dict[str, Any]) -> dict[str, Any]:
    """Return a response with the fields that its service tells."""
    if service.family != "compatible":
        return response
    unset = [key for key in _NOT_DASHSCOPES if body.get(key) is None]
    kept = {key: value for key, value in response.items() if value is not None}
    return {key: value for key, value in kept.items() if key not in unset}


# ------------------------------------------------------------------------------------------ items

_Item = tuple[dict[str, Any], list[dict[str, Any]]]


def _items(said: Saying, service: Service, body: dict[str, Any]) -> Iterator[_Item]:
    """Yield each item as it is at its end, with the events of its making."""
    if said.thinking:
        yield _aloud(said) if service.host in _ALOUD else _thought(said, body)
    if said.text or not said.calls:
        yield _message(said)
    for index, call in enumerate(said.calls):
        yield _call(said, call, index)


def _begun(item: dict[str, Any]) -> dict[str, Any]:
    """Return an item as it is before anything was said of it."""
    empty: dict[str, Any] = {"content": [], "summary": [], "arguments": ""}
    fresh = {key: empty.get(key, value) for key, value in item.items()}
    return {**fresh, "status": "in_progress"} if "status" in item else fresh


def _thought(said: Saying, body: dict[str, Any]) -> _Item:
    part = {"type": "summary_text", "text": said.thinking}
    at = {"summary_index": 0}
    item: dict[str, Any] = {"id": f"rs_{said.tag}", "type": "reasoning"}
    item |= {"content": [], "summary": [part]}
    asked = body.get("include")
    if isinstance(asked, list) and "reasoning.encrypted_content" in asked:
        item["encrypted_content"] = f"emulated-{said.tag}"
    kind = "response.reasoning_summary"
    return item, [
        {"type": f"{kind}_part.added", **at, "part": {**part, "text": ""}},
        *({"type": f"{kind}_text.delta", **at, "delta": each} for each in pieces(said.thinking)),
        {"type": f"{kind}_text.done", **at, "text": said.thinking},
        {"type": f"{kind}_part.done", **at, "part": part},
    ]


def _aloud(said: Saying) -> _Item:
    """Return a thought as those tell it who tell all of it: as its content."""
    part = {"type": "reasoning_text", "text": said.thinking}
    at = {"content_index": 0}
    item = {
        "id": f"rs_{said.tag}",
        "type": "reasoning",
        "status": "completed",
        "content": [part],
        "summary": [],
    }
    kind = "response.reasoning_text"
    return item, [
        {"type": "response.content_part.added", **at, "part": {**part, "text": ""}},
        *({"type": f"{kind}.delta", **at, "delta": each} for each in pieces(said.thinking)),
        {"type": f"{kind}.done", **at, "text": said.thinking},
        {"type": "response.content_part.done", **at, "part": part},
    ]


def _message(said: Saying) -> _Item:
    part = {"type": "output_text", "annotations": [], "logprobs": [], "text": said.text}
    item = {
        "id": f"msg_{said.tag}",
        "type": "message",
        "status": "incomplete" if said.finish else "completed",
        "content": [part],
        "role": "assistant",
    }
    at = {"content_index": 0}
    text = {**at, "logprobs": []}
    return item, [
        {"type": "response.content_part.added", **at, "part": {**part, "text": ""}},
        *(
            {"type": "response.output_text.delta", **text, "delta": each}
            for each in pieces(said.text)
        ),
        {"type": "response.output_text.done", **text, "text": said.text},
        {"type": "response.content_part.done", **at, "part": part},
    ]


def _call(said: Saying, call: Call, index: int) -> _Item:
    item = {
        "id": f"fc_{said.tag}_{index}",
        "type": "function_call",
        "status": "completed",
        "arguments": call.arguments,
        "call_id": call.id,
        "name": call.name,
    }
    kind = "response.function_call_arguments"
    return item, [
        *({"type": f"{kind}.delta", "delta": each} for each in pieces(call.arguments)),
        {"type": f"{kind}.done", "arguments": call.arguments, "name": call.name},
    ]
