"""Answers of OpenAI's Responses API, whole and as events.

Shapes and the order of events are those of the SDK's types (openai 3.52.0, types/responses). A
thought is told as its summary, which is all that OpenAI tells of one.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from ..jsontext import dumps
from .saying import Saying, pieces
from .scenario import Call

__all__ = ["response_id", "responses_answer", "responses_events"]

_CREATED: Final = 1763683200
"""A fixed moment, 2025-11-21, so that answers are the same at each run."""

_ECHOED: Final[dict[str, Any]] = {
    "background": False,
    "instructions": None,
    "max_output_tokens": None,
    "max_tool_calls": None,
    "metadata": {},
    "parallel_tool_calls": True,
    "previous_response_id": None,
    "prompt_cache_key": None,
    "prompt_cache_options": None,
    "reasoning": {"effort": None, "summary": None},
    "service_tier": "default",
    "store": True,
    "temperature": 1.0,
    "text": {"format": {"type": "text"}, "verbosity": "medium"},
    "tool_choice": "auto",
    "tools": [],
    "top_logprobs": 0,
    "top_p": 1.0,
    "truncation": "disabled",
}
"""What a response repeats of its request, and what stands there if the request says nothing."""


def response_id(tag: str) -> str:
    """Return the id of the response of an answer."""
    return f"resp_{tag}"


def responses_answer(said: Saying, body: dict[str, Any]) -> dict[str, Any]:
    """Return the whole answer."""
    response = _response(said, body, "completed" if said.error is None else "failed")
    response["output"] = [item for item, _ in _items(said, body)]
    if said.error is None:
        response["completed_at"] = _CREATED
        response["usage"] = said.usage
    else:
        code, message = said.error
        response["error"] = {"code": code, "message": message}
    return response


def responses_events(said: Saying, body: dict[str, Any]) -> Iterator[str]:
    """Yield the events of a stream, one SSE text each."""
    for number, event in enumerate(_events(said, body)):
        told = {"type": event.pop("type"), "sequence_number": number, **event}
        yield f"event: {told['type']}\ndata: {dumps(told)}\n\n"


def _events(said: Saying, body: dict[str, Any]) -> Iterator[dict[str, Any]]:
    under_way = _response(said, body, "in_progress")
    yield {"type": "response.created", "response": under_way}
    yield {"type": "response.in_progress", "response": under_way}
    for index, (item, told) in enumerate(_items(said, body)):
        at = {"output_index": index}
        yield {"type": "response.output_item.added", **at, "item": _begun(item)}
        for event in told:
            kind = event.pop("type")
            yield {"type": kind, "item_id": item["id"], **at, **event}
        yield {"type": "response.output_item.done", **at, "item": item}
    end = "completed" if said.error is None else "failed"
    yield {"type": f"response.{end}", "response": responses_answer(said, body)}


def _response(said: Saying, body: dict[str, Any], status: str) -> dict[str, Any]:
    """Return a response without its output."""
    echoed = {key: usual if body.get(key) is None else body[key] for key, usual in _ECHOED.items()}
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


# ------------------------------------------------------------------------------------------ items

_Item = tuple[dict[str, Any], list[dict[str, Any]]]


def _items(said: Saying, body: dict[str, Any]) -> Iterator[_Item]:
    """Yield each item as it is at its end, with the events of its making."""
    if said.thinking:
        yield _thought(said, body)
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
    item: dict[str, Any] = {"id": f"rs_{said.tag}", "type": "reasoning", "summary": [part]}
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


def _message(said: Saying) -> _Item:
    part = {"type": "output_text", "annotations": [], "logprobs": [], "text": said.text}
    item = {
        "id": f"msg_{said.tag}",
        "type": "message",
        "status": "completed",
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
