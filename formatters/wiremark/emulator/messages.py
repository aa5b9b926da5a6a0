"""Answers of the Messages API, whole and as events.

Anthropic's stream has the cache counts in `message_start` and repeats them in `message_delta`,
DashScope's has them there alone (rust-genai#258). Which keys stand where at Anthropic, and that a
call begins with an empty piece, was recorded (pydantic-ai, claude-fable-5-1 of 2026-09). Tokens are
counted at a path below that of messages, which DashScope has as well: gateways send there
(QuantumNous/new-api). Anthropic refuses `max_tokens` there (sub2api#4913).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from .. import jsontext
from ..errors import SerializationError
from ..jsontext import dumps
from ..traffic.services import Service, service_at
from .failures import Failure
from .saying import Saying, pieces
from .scenario import Call

__all__ = ["counted", "counting_at", "messages_answer", "messages_events", "not_counted"]

_COUNTS: Final = (("/count_tokens", "messages"), ("/input_tokens", "responses"))
"""What stands behind a service's path where tokens are counted."""
_SAID_ONLY: Final = (
    "max_tokens",
    "metadata",
    "service_tier",
    "stop_sequences",
    "stream",
    "temperature",
    "top_k",
    "top_p",
)
"""What a message is asked for with, and tokens are not: absent from the SDK's parameters."""


def counting_at(path: str) -> Service | None:
    """Return the service whose tokens are counted at a path, `None` if none are."""
    path = path.rstrip("/")
    for suffix, wire in _COUNTS:
        service = service_at(path.removesuffix(suffix)) if path.endswith(suffix) else None
        if service is not None and service.wire == wire:
            return service
    return None


def counted(body: dict[str, Any], service: Service) -> dict[str, Any]:
    """Return what is judged in place of a body whose tokens are counted."""
    return {**body, "max_tokens": 1} if service.wire == "messages" else body


def not_counted(body: dict[str, Any], service: Service) -> Failure | None:
    """Return Anthropic's refusal of what belongs to a message only, `None` if there is nothing."""
    extra = next((key for key in _SAID_ONLY if key in body), None)
    if extra is None or service.host is not None or service.wire != "messages":
        return None
    return Failure(400, f"{extra}: Extra inputs are not permitted")


def messages_answer(said: Saying, service: Service) -> dict[str, Any]:
    """Return the whole answer."""
    own = service.host is None
    content: list[dict[str, Any]] = []
    if said.thinking:
        content.append({"type": "thinking", "thinking": said.thinking, "signature": _sign(said)})
    if said.text:
        content.append({"type": "text", "text": said.text})
    content += [_block(call, _input(call), own=own) for call in said.calls]
    return {**_head(said), "content": content, **_stop(_reason(said), own=own)} | {
        "usage": said.usage
    }


def messages_events(said: Saying, service: Service) -> Iterator[str]:
    """Yield the events of a stream, one SSE text each."""
    own = service.host is None
    late = service.host is not None and service.host.endswith(".aliyuncs.com")
    usage = said.usage
    ended = ("output_tokens", "output_tokens_details")
    counts = {name: count for name, count in usage.items() if name not in ended}
    begin = {"input_tokens": 0, "output_tokens": 0} if late else {**counts, "output_tokens": 1}
    end = counts if late else {key: usage[key] for key in _REPEATED if own}
    end = {**end, **{key: usage[key] for key in ended if key in usage}}
    message = {**_head(said), "content": [], **_stop(None, own=own), "usage": begin}
    yield _event("message_start", message=message)
    blocks = list(_blocks(said, own=own))
    if not blocks:
        yield _event("ping")
    for index, (block, deltas) in enumerate(blocks):
        yield _event("content_block_start", index=index, content_block=block)
        if index == 0:
            yield _event("ping")
        for delta in deltas:
            yield _event("content_block_delta", index=index, delta=delta)
        yield _event("content_block_stop", index=index)
    yield _event("message_delta", delta=_stop(_reason(said), own=own), usage=end)
    yield _event("message_stop")


_REPEATED: Final = ("input_tokens", "cache_creation_input_tokens", "cache_read_input_tokens")
"""What Anthropic tells at the end of a stream once more."""


def _blocks(said: Saying, *, own: bool) -> Iterator[tuple[dict[str, Any], list[dict[str, Any]]]]:
    if said.thinking:
        deltas = [{"type": "thinking_delta", "thinking": each} for each in pieces(said.thinking)]
        deltas.append({"type": "signature_delta", "signature": _sign(said)})
        yield {"type": "thinking", "thinking": "", "signature": ""}, deltas
    if said.text:
        texts = [{"type": "text_delta", "text": each} for each in pieces(said.text)]
        yield {"type": "text", "text": ""}, texts
    for call in said.calls:
        parts = [
            {"type": "input_json_delta", "partial_json": each}
            for each in ("", *pieces(call.arguments))
        ]
        yield _block(call, {}, own=own), parts


def _head(said: Saying) -> dict[str, Any]:
    return {"id": f"msg_{said.tag}", "type": "message", "role": "assistant", "model": said.model}


def _block(call: Call, value: Any, *, own: bool) -> dict[str, Any]:
    block = {"type": "tool_use", "id": call.id, "name": call.name, "input": value}
    return {**block, "caller": {"type": "direct"}} if own else block


def _stop(reason: str | None, *, own: bool) -> dict[str, Any]:
    stop = {"stop_reason": reason, "stop_sequence": None}
    return {**stop, "stop_details": None} if own else stop


def _input(call: Call) -> Any:
    try:
        return jsontext.loads(call.arguments)
    except SerializationError:
        return {}


def _sign(said: Saying) -> str:
    return f"emulated-{said.tag}"


def _reason(said: Saying) -> str:
    if said.finish == "length":
        return "max_tokens"
    return "tool_use" if said.calls else "end_turn"


def _event(name: str, **fields: Any) -> str:
    return f"event: {name}\ndata: {dumps({'type': name, **fields})}\n\n"
