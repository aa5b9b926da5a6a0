"""One message becomes Converse turns: content blocks of a union, each with one key.

Forms: botocore 1.44.5, bedrock-runtime ContentBlock (read 2026-11-21) and recorded requests of
pydantic/pydantic-ai. The API refuses blank text, an empty content and a tool result without
content; what it would refuse is left out or named here.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping
from typing import Any, Final, TypeAlias

from .. import jsontext
from ..base.text import Media
from ..base.trace import Trace
from ..base.values import copy_json
from ..errors import FormatError
from ..messages import (
    Block,
    Msg,
    Role,
    ThinkingBlock,
    ToolResultBlock,
    ToolUseBlock,
    URLSource,
    is_media,
)
from .media import PDF, media_block
from .response import REDACTED, SIGNATURE

__all__ = ["CallId", "block_kind", "encode_message", "text_block"]

CallId: TypeAlias = Callable[[Any, int, int], str]
"""Makes the id of a tool result without one from its content, position and number."""

EMPTY_RESULT: Final = "[Empty tool result]"

_KINDS: Final = {
    "text": "text",
    "image": "image",
    "video": "video",
    "audio": "audio",
    "toolUse": "tool_use",
    "toolResult": "tool_result",
    "reasoningContent": "thinking",
}
_CALL_ID: Final = re.compile(r"[a-zA-Z0-9_.:-]{1,64}")
_FAILED: Final = frozenset({"error", "interrupted", "denied"})
_SIGNATURES: Final = (SIGNATURE, "thoughtSignature")
_REDACTED: Final = (REDACTED, "redactedContent")


def text_block(text: str) -> dict[str, Any]:
    """Return a text as a content block."""
    return {"text": text}


def block_kind(block: Mapping[str, Any]) -> str | None:
    """Return what a content block holds, by its one key; `None` where no mark may follow it.

    A cache point behind a document other than a PDF is refused where the model is Claude
    (https://github.com/strands-agents/harness-sdk/issues/1966, read 2026-11-21).
    """
    document = block.get("document")
    if document is not None:
        return "document" if isinstance(document, dict) and document.get("format") == PDF else None
    return next((kind for key, kind in _KINDS.items() if key in block), None)


def encode_message(
    message: Msg, media: Media, trace: Trace, call_id: CallId
) -> list[dict[str, Any]]:
    """Return the turns of one message; each has a list as content, which may be empty.

    A tool result always stands in a user turn, so a message that holds a call and its result
    becomes two.
    """
    if message.role is None:
        raise FormatError("a message without a role cannot be sent", advice="set its role")
    role = "user" if message.role is Role.TOOL else message.role.wire
    turns: list[dict[str, Any]] = [{"role": role, "content": []}]
    for number, block in enumerate(message.content):
        made = _blocks(block, role, number, media, trace, call_id)
        if made:
            speaker = _speaker(made[0], role)
            if turns[-1]["role"] != speaker and turns[-1]["content"]:
                turns.append({"role": speaker, "content": []})
            turns[-1]["role"] = speaker
            turns[-1]["content"] += made
        trace.block_end(number, message=len(turns) - 1, part=len(turns[-1]["content"]) - 1)
    return turns


def _speaker(block: Mapping[str, Any], role: str) -> str:
    if "toolResult" in block:
        return "user"
    return "assistant" if "toolUse" in block else role


def _blocks(
    block: Block, role: str, number: int, media: Media, trace: Trace, call_id: CallId
) -> list[dict[str, Any]]:
    where = f"content[{number}]"
    if block.type == "text":
        return _text(block.text, where, trace)
    if block.type == "hint":
        return _text(block.hint or "", where, trace)
    if block.type == "thinking":
        return _thinking(block, role, where, trace)
    if block.type == "tool_use":
        return _call(block, number, trace)
    if block.type == "tool_result":
        return [_result(block, where, number, media, trace, call_id)]
    if is_media(block):
        if role == "assistant":
            advice = "the API takes images and documents of users only"
            trace.not_sent(where, f"{block.type} in an assistant message", advice)
            return []
        made, text = media_block(block, media, trace, where)
        return [made] if made is not None else _text(text, where, trace)
    return []


def _text(text: str, where: str, trace: Trace) -> list[dict[str, Any]]:
    if text and not text.isspace():
        return [text_block(text)]
    if text:
        trace.not_sent(where, "a text of white space alone", "the API refuses blank text")
    return []


def _thinking(block: ThinkingBlock, role: str, where: str, trace: Trace) -> list[dict[str, Any]]:
    metadata = block.metadata or {}
    redacted = _string(metadata, _REDACTED)
    signature = _string(metadata, _SIGNATURES)
    if role != "assistant" or not (redacted or signature):
        what = "a thought without its signature" if role == "assistant" else "a thought"
        trace.not_sent(where, what, "the API takes back what an assistant signed")
        return []
    if redacted:
        return [{"reasoningContent": {"redactedContent": redacted}}]
    said = {"text": block.thinking, "signature": signature}
    return [{"reasoningContent": {"reasoningText": said}}]


def _string(metadata: Mapping[str, Any], names: tuple[str, ...]) -> str:
    found = (metadata.get(name) for name in names)
    return next((value for value in found if isinstance(value, str) and value), "")


def _call(block: ToolUseBlock, number: int, trace: Trace) -> list[dict[str, Any]]:
    if not block.id or not block.name:
        trace.not_sent(f"content[{number}]", "a tool call without id or name", "give it both")
        return []
    given: Any = jsontext.first_object(block.content) if block.content else None
    if given is None:
        if block.content:
            trace.unread_arguments(number)
        given = copy_json(block.input)
    return [{"toolUse": {"toolUseId": _safe_id(block.id), "name": block.name, "input": given}}]


def _safe_id(given: str) -> str:
    """Return a call id that the API takes; the same one for a call and its result."""
    if _CALL_ID.fullmatch(given):
        return given
    return f"call_{hashlib.sha256(given.encode()).hexdigest()[:24]}"


def _result(
    block: ToolResultBlock,
    where: str,
    number: int,
    media: Media,
    trace: Trace,
    call_id: CallId,
) -> dict[str, Any]:
    content: list[dict[str, Any]] = []
    for inner, item in enumerate(block.output):
        at = f"{where}.output[{inner}]"
        if item.type == "text":
            content += _text(item.text, at, trace)
        elif is_media(item):
            content += _result_media(item, media, trace, at)
        else:
            trace.not_sent(at, f"a {item.type} block in a tool result", "send it as text")
    if not content:
        text = "the API refuses a result without content"
        trace.finding("empty-tool-result", "note", where, text, f"{EMPTY_RESULT} is sent instead")
        content = [text_block(EMPTY_RESULT)]
    answered = call_id(content, trace.index, number) if not block.id else _safe_id(block.id)
    out: dict[str, Any] = {"toolUseId": answered, "content": content}
    if block.state in _FAILED:
        out["status"] = "error"
    elif block.state == "success":
        out["status"] = "success"
    return {"toolResult": out}


def _result_media(item: Any, media: Media, trace: Trace, at: str) -> list[dict[str, Any]]:
    source = item.source
    if isinstance(source, URLSource) and source.url.startswith(("http://", "https://")):
        return [text_block(f"The returned {item.type} can be found at: {source.url}")]
    made, text = media_block(item, media, trace, at)
    if made is not None and "audio" in made:
        trace.not_sent(at, "audio in a tool result", "send it in a user message")
        made, text = None, "[Audio - not sent in a tool result]"
    return [made] if made is not None else _text(text, at, trace)
