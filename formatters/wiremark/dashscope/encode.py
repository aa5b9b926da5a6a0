"""One message becomes DashScope's native wire messages: text layout or multimodal layout.

Behaviour: facts of agentscope-java at c2d43f86 (2026-08-22), section "DashScope chat". Thinking
is never sent: the API does not take it as input.
"""

from __future__ import annotations

from typing import Any, Final

from ..base.text import Media, arguments_text, result_text
from ..base.trace import Trace
from ..errors import FormatError
from ..messages import Msg, Role, ToolResultBlock, ToolUseBlock, is_media
from .media import media_part

__all__ = ["encode_message", "encode_multimodal", "encode_results", "tool_calls"]

_ASSISTANT: Final = Role.ASSISTANT
_TOOL: Final = Role.TOOL


def encode_message(message: Msg, media: Media, trace: Trace) -> list[dict[str, Any]]:
    """Return the wire messages of one message; the text layout unless it holds media."""
    blocks = message.content
    role = message.role
    if len(blocks) == 1 and role is not None:
        only = blocks[0]
        if only.type == "text":
            if trace.wants_ends:
                trace.block_end(0, offset=len(only.text))
            return [{"role": role.wire, "content": only.text}]
        if only.type == "tool_result" and role is _TOOL:
            return [_tool_text(only, 0, 0, media, trace)]
    if message.has_media:
        return encode_multimodal(message, media, trace)
    if role is _TOOL:
        made = encode_results(message, media, trace)
        if made:
            return made
    out: dict[str, Any] = {"role": role_name(message)}
    text_or_none, calls = _fold(message, media, trace)
    if text_or_none is not None:
        out["content"] = text_or_none
    if calls and role is _ASSISTANT:
        out["tool_calls"] = calls
    return [out]


def encode_results(message: Msg, media: Media, trace: Trace) -> list[dict[str, Any]]:
    """Return the wire messages of the tool results in a message, as texts; none if it has none."""
    return [
        _tool_text(block, number, order, media, trace)
        for order, (number, block) in enumerate(_results(message, media, trace))
    ]


def encode_multimodal(message: Msg, media: Media, trace: Trace) -> list[dict[str, Any]]:
    """Return the wire messages of one message with a list of parts as content."""
    role = message.role
    if role is _TOOL:
        return _multimodal_tool(message, media, trace)
    parts: list[dict[str, Any]] = []
    calls = []
    for number, block in enumerate(message.content):
        if block.type == "text":
            parts.append({"text": block.text})
        elif block.type == "hint":
            parts += _hint_parts(block.hint, media)
        elif is_media(block):
            parts.append(media_part(block, media, trace, f"content[{number}]")[0])
        elif block.type == "tool_use":
            if role is _ASSISTANT:
                calls.append(_call(block, number, media, trace))
        elif block.type == "tool_result":
            said = result_text(block, media, trace, number)
            if said:
                parts.append({"text": said})
        trace.block_end(number, part=len(parts) - 1)
    out: dict[str, Any] = {"role": role_name(message), "content": parts or [{"text": ""}]}
    if calls:
        out["tool_calls"] = calls
    return [out]


def _hint_parts(hint: str | None, media: Media) -> list[dict[str, Any]]:
    if hint is not None:
        return [{"text": hint}]
    return [{}] if media.quirks.null_hints else []


def _multimodal_tool(message: Msg, media: Media, trace: Trace) -> list[dict[str, Any]]:
    results = _results(message, media, trace)
    if results:
        return [
            _tool_parts(block, number, order, media, trace)
            for order, (number, block) in enumerate(results)
        ]
    text, _ = _fold(message, media, trace)
    trace.forget_ends()
    return [{"role": "tool", "content": [{} if text is None else {"text": text}]}]


def role_name(message: Msg) -> str:
    """Return the wire name of the role; a null role is a `FormatError`."""
    if message.role is None:
        raise FormatError("a message without a role cannot be sent", advice="set its role")
    return message.role.wire


def tool_calls(message: Msg, media: Media, trace: Trace) -> list[dict[str, Any]]:
    """Return the tool calls of an assistant message."""
    return [
        _call(block, number, media, trace)
        for number, block in enumerate(message.content)
        if block.type == "tool_use"
    ]


def _tool_message(content: Any, block: ToolResultBlock) -> dict[str, Any]:
    """Return the wire message of one tool result; a null name or id is left out."""
    out: dict[str, Any] = {"role": "tool", "content": content}
    if block.name is not None:
        out["name"] = block.name
    if block.id is not None:
        out["tool_call_id"] = block.id
    return out


def _results(message: Msg, media: Media, trace: Trace) -> list[tuple[int, ToolResultBlock]]:
    """Return the tool results to send: one wire message each, what stands beside them named."""
    found = [
        (number, block)
        for number, block in enumerate(message.content)
        if block.type == "tool_result"
    ]
    if len(found) == len(message.content) == 1:
        return found
    if media.quirks.first_tool_result_only:
        found = found[:1]
    kept = {number for number, _ in found}
    if found:
        for number, block in enumerate(message.content):
            if number not in kept and block.type != "thinking":
                trace.not_sent(
                    f"content[{number}]",
                    f"a {block.type} block beside a tool result",
                    "put it into a message of its own",
                )
    return found


def _tool_text(
    block: ToolResultBlock, number: int, order: int, media: Media, trace: Trace
) -> dict[str, Any]:
    text = result_text(block, media, trace, number)
    if trace.wants_ends:
        trace.block_end(number, message=order, offset=len(text))
    return _tool_message(text, block)


def _tool_parts(
    block: ToolResultBlock, number: int, order: int, media: Media, trace: Trace
) -> dict[str, Any]:
    parts: list[dict[str, Any]] = []
    if block.has_media:
        for inner, item in enumerate(block.output):
            if item.type == "text":
                parts.append({"text": item.text})
            elif is_media(item):
                where = f"content[{number}].output[{inner}]"
                parts.append(media_part(item, media, trace, where)[0])
    else:
        parts.append({"text": result_text(block, media, trace, number)})
    trace.block_end(number, message=order, part=len(parts) - 1)
    return _tool_message(parts, block)


def _call(block: ToolUseBlock, number: int, media: Media, trace: Trace) -> dict[str, Any]:
    text = arguments_text(block, media.quirks) if media.own_arguments else block.arguments
    if block.content and text != block.content:
        trace.unread_arguments(number)
    name, call_id = block.name, block.id
    function = {"arguments": text} if name is None else {"name": name, "arguments": text}
    if call_id is None:
        return {"type": "function", "function": function}
    return {"id": call_id, "type": "function", "function": function}


def _fold(message: Msg, media: Media, trace: Trace) -> tuple[str | None, list[dict[str, Any]]]:
    """Join text and hints with newlines, leading empty ones vanishing, and collect tool calls."""
    text: str | None = ""
    calls = []
    keep_nulls = media.quirks.null_hints
    for number, block in enumerate(message.content):
        if block.type == "text":
            text = _join(text, block.text) if text != "" else block.text
        elif block.type == "hint":
            if block.hint is not None or keep_nulls:
                text = _join(text, block.hint)
        elif block.type == "tool_use":
            calls.append(_call(block, number, media, trace))
        elif block.type == "tool_result":
            trace.not_sent(
                f"content[{number}]",
                f"a tool result in a message of role {role_name(message)}",
                "put it into a message of role TOOL",
            )
        if trace.wants_ends:
            trace.block_end(number, offset=len(text or ""))
    if text is None and calls and message.role is _ASSISTANT:
        raise FormatError("a null hint beside tool calls", advice="turn Quirks.null_hints off")
    return text, calls


def _join(text: str | None, piece: str | None) -> str | None:
    """Add a piece; a null one only comes here under `Quirks.null_hints`, and behaves as in Java."""
    if text is None:
        raise FormatError("text behind a null hint", advice="turn Quirks.null_hints off")
    return f"{text}\n{'null' if piece is None else piece}" if text else piece
