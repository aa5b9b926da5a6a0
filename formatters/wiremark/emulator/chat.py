"""Answers of chat completions, whole and as events: OpenAI's, DashScope's and OpenRouter's.

Without `include_usage` a stream has no usage; with it, usage stands in a last chunk without
choices. OpenRouter's stands beside a repeated last choice, asked for or not. Which keys stand where
was recorded: of OpenAI and OpenRouter by pydantic-ai, of DashScope's streams in opencode#40969 (the
id of a call is empty from its second chunk on) and in captures of qwen-plus of 2025-11-25 (with a
thought, each chunk has both `content` and `reasoning_content`). Services that nothing was recorded
of get what all have in common.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from ..jsontext import dumps
from ..traffic.services import Service
from .saying import Saying, choices_asked, pieces
from .scenario import Call

__all__ = ["chat_answer", "chat_events"]

_CREATED: Final = 1763683200
"""A fixed moment, 2025-11-21, so that answers are the same at each run."""
_PADDED: Final = 16


def chat_answer(said: Saying, service: Service, body: dict[str, Any]) -> dict[str, Any]:
    """Return the whole answer."""
    own, router = _is_openai(service), service.family == "openrouter"
    message: dict[str, Any] = {"role": "assistant"}
    message["content"] = None if said.calls and not said.text else said.text
    if own or router:
        message["refusal"] = None
    if own:
        message["annotations"] = []
    message |= {"reasoning": None} if router else {}
    if said.thinking:
        message |= _thought(service, said.thinking)
    if said.calls:
        calls = [_call(call, index) for index, call in enumerate(said.calls)]
        for call in calls if own or router else ():
            del call["index"]
        message["tool_calls"] = calls
    reason = _reason(said)
    choice = {"index": 0, "message": message, "finish_reason": reason, "logprobs": None}
    if router:
        choice["native_finish_reason"] = reason
    choices = [{**choice, "index": index} for index in range(choices_asked(body))]
    head = _head(said, service, "chat.completion")
    if router:
        head |= {"service_tier": None, "system_fingerprint": None}
    return {**head, "choices": choices, "usage": said.usage}


def chat_events(said: Saying, service: Service, body: dict[str, Any]) -> Iterator[str]:
    """Yield the events of a stream, one SSE text each."""
    options = body.get("stream_options")
    options = options if isinstance(options, dict) else {}
    asked = options.get("include_usage") is True
    head = _head(said, service, "chat.completion.chunk")
    router = service.family == "openrouter"
    null = {"usage": None} if asked and not router else {}
    padded = _is_openai(service) and options.get("include_obfuscation") is not False

    def event(data: dict[str, Any], told: str = "") -> str:
        if padded:
            data = {**data, "obfuscation": "-" * (_PADDED - len(told) % _PADDED)}
        return _event(data)

    def chunks(delta: dict[str, Any], reason: str | None = None, told: str = "") -> Iterator[str]:
        choice = {"delta": delta, "logprobs": None, "finish_reason": reason}
        if router:
            choice["native_finish_reason"] = reason
        for index in range(choices_asked(body)):
            yield event({**head, "choices": [{"index": index, **choice}], **null}, told)

    if router:
        yield ": OPENROUTER PROCESSING\n\n"
    for delta, told in _deltas(said, service):
        yield from chunks(delta, None, told)
    last = _last(said, service)
    yield from chunks(last, _reason(said))
    if router:
        choice = {"index": 0, "delta": last, "logprobs": None, "finish_reason": _reason(said)}
        choice["native_finish_reason"] = _reason(said)
        yield event({**head, "service_tier": None, "choices": [choice], "usage": said.usage})
    elif asked:
        yield event({**head, "choices": [], "usage": said.usage})
    yield "data: [DONE]\n\n"


# ------------------------------------------------------------------------------ pieces of a stream


def _deltas(said: Saying, service: Service) -> Iterator[tuple[dict[str, Any], str]]:
    """Yield what each chunk but the last brings, and the text in it."""
    own, router = _is_openai(service), service.family == "openrouter"
    thinks = bool(said.thinking) and service.family == "compatible"
    base: dict[str, Any] = {"role": "assistant", "content": ""} if router else {}
    calls = list(_call_deltas(said, service))
    if router:
        pass  # the role stands in each chunk
    elif own and not (said.text or said.thinking) and len(said.calls) == 1:
        delta, _ = calls.pop(0)
        yield {"role": "assistant", "content": None, **delta, "refusal": None}, ""
    elif own:
        whole = bool(said.text or said.thinking or not said.calls)
        first = {"role": "assistant", "content": "" if whole else None}
        yield {**first, "refusal": None} if whole else first, ""
    elif thinks:
        yield {"content": None, "role": "assistant", "reasoning_content": ""}, ""
    else:
        yield {"role": "assistant", "content": ""}, ""
    for piece in pieces(said.thinking):
        silent = {"content": None} if thinks else {}
        yield {**base, **silent, **_thought(service, piece)}, piece
    for piece in pieces(said.text):
        silent = {"reasoning_content": None} if thinks else {}
        yield {**base, "content": piece, **silent}, piece
    for delta, piece in calls:
        yield {**base, **delta}, piece


def _call_deltas(said: Saying, service: Service) -> Iterator[tuple[dict[str, Any], str]]:
    restated = {"id": "", "type": "function"} if service.family == "compatible" else {}
    for index, call in enumerate(said.calls):
        first = _call(call, index)
        first["function"] = {"name": call.name, "arguments": ""}
        yield {"tool_calls": [first]}, ""
        for piece in pieces(call.arguments):
            more = {"index": index, **restated, "function": {"arguments": piece}}
            yield {"tool_calls": [more]}, piece


def _last(said: Saying, service: Service) -> dict[str, Any]:
    if service.family == "openrouter":
        return {"role": "assistant", "content": ""}
    if service.family == "compatible":
        return {"content": "", **({"reasoning_content": None} if said.thinking else {})}
    return {}


# ------------------------------------------------------------------------------------------- parts


def _is_openai(service: Service) -> bool:
    return service.family == "openai" and service.host in (None, "api.openai.com")


def _head(said: Saying, service: Service, kind: str) -> dict[str, Any]:
    prefix = "gen" if service.family == "openrouter" else "chatcmpl"
    head = {"id": f"{prefix}-{said.tag}", "object": kind, "created": _CREATED, "model": said.model}
    if service.family == "openrouter":
        return {**head, "provider": "wiremark"}
    if _is_openai(service):
        return {**head, "service_tier": "default", "system_fingerprint": "fp_emulated"}
    return {**head, "system_fingerprint": None}


def _thought(service: Service, text: str) -> dict[str, Any]:
    """Return the fields of a thought, or of a piece of one."""
    if service.family != "openrouter":
        return {"reasoning_content": text}
    detail = {"type": "reasoning.text", "text": text, "format": "unknown", "index": 0}
    return {"reasoning": text, "reasoning_details": [detail]}


def _call(call: Call, index: int) -> dict[str, Any]:
    function = {"name": call.name, "arguments": call.arguments}
    return {"index": index, "id": call.id, "type": "function", "function": function}


def _reason(said: Saying) -> str:
    return said.finish or ("tool_calls" if said.calls else "stop")


def _event(data: dict[str, Any]) -> str:
    return f"data: {dumps(data)}\n\n"
