"""Answers of chat completions, whole and as events: OpenAI's, DashScope's and OpenRouter's.

Without `include_usage` a stream has no usage; with it, usage stands in a last chunk without
choices. OpenRouter's stands beside a repeated last choice, asked for or not (recorded answers).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from ..jsontext import dumps
from ..traffic.services import Service
from .saying import Saying, pieces
from .scenario import Call

__all__ = ["chat_answer", "chat_events"]

_CREATED: Final = 1763683200
"""A fixed moment, 2025-11-21, so that answers are the same at each run."""


def chat_answer(said: Saying, service: Service) -> dict[str, Any]:
    """Return the whole answer."""
    message: dict[str, Any] = {"role": "assistant"}
    message["content"] = None if said.calls and not said.text else said.text
    if said.thinking:
        message[_thinking_key(service)] = said.thinking
    if said.calls:
        message["tool_calls"] = [_call(call, index) for index, call in enumerate(said.calls)]
    choice = {"index": 0, "message": message, "finish_reason": _reason(said), "logprobs": None}
    if service.family == "openrouter":
        choice["native_finish_reason"] = choice["finish_reason"]
    return {**_head(said, service, "chat.completion"), "choices": [choice], "usage": said.usage}


def chat_events(said: Saying, service: Service, body: dict[str, Any]) -> Iterator[str]:
    """Yield the events of a stream, one SSE text each."""
    options = body.get("stream_options")
    asked = isinstance(options, dict) and options.get("include_usage") is True
    head = _head(said, service, "chat.completion.chunk")
    router = service.family == "openrouter"
    null = {"usage": None} if asked and not router else {}

    def chunk(delta: dict[str, Any], reason: str | None = None) -> dict[str, Any]:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": reason}
        return {**head, "choices": [choice], **null}

    if router:
        yield ": OPENROUTER PROCESSING\n\n"
    yield _event(chunk({"role": "assistant", "content": ""}))
    for piece in pieces(said.thinking):
        yield _event(chunk({_thinking_key(service): piece}))
    for piece in pieces(said.text):
        yield _event(chunk({"content": piece}))
    for index, call in enumerate(said.calls):
        first = _call(call, index)
        first["function"] = {"name": call.name, "arguments": ""}
        yield _event(chunk({"tool_calls": [first]}))
        for piece in pieces(call.arguments):
            delta = {"index": index, "function": {"arguments": piece}}
            yield _event(chunk({"tool_calls": [delta]}))
    last = chunk({}, _reason(said))
    yield _event(last)
    if router:
        yield _event({**last, "usage": said.usage})
    elif asked:
        yield _event({**head, "choices": [], "usage": said.usage})
    yield "data: [DONE]\n\n"


def _head(said: Saying, service: Service, kind: str) -> dict[str, Any]:
    prefix = "gen" if service.family == "openrouter" else "chatcmpl"
    head = {"id": f"{prefix}-{said.tag}", "object": kind, "created": _CREATED, "model": said.model}
    if service.family == "openrouter":
        return {**head, "provider": "wiremark"}
    return {**head, "system_fingerprint": None}


def _thinking_key(service: Service) -> str:
    return "reasoning" if service.family == "openrouter" else "reasoning_content"


def _call(call: Call, index: int) -> dict[str, Any]:
    function = {"name": call.name, "arguments": call.arguments}
    return {"index": index, "id": call.id, "type": "function", "function": function}


def _reason(said: Saying) -> str:
    return "tool_calls" if said.calls else "stop"


def _event(data: dict[str, Any]) -> str:
    return f"data: {dumps(data)}\n\n"
