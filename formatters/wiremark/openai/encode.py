"""One message becomes OpenAI chat messages.

Behaviour: facts of agentscope-java at c2d43f86 (2026-08-22), section "OpenAI chat".
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any, Final

from ..base.text import Media, arguments_text, extract_text, result_text
from ..base.trace import Trace
from ..base.values import copy_json
from ..errors import FormatError
from ..messages import (
    REASONING_KEYS,
    Msg,
    ReasoningDetail,
    Role,
    ThinkingBlock,
    ToolUseBlock,
    is_media,
)
from .media import media_part, text_part
from .response import EXTRA_CONTENT

__all__ = ["CallId", "encode_message", "safe_name"]

CallId = Callable[[Any, int, int], str]
"""Makes the id of a tool result without one from its content, position and number."""

_USER: Final = Role.USER
_ASSISTANT: Final = Role.ASSISTANT
_TOOL: Final = Role.TOOL
_PLAIN: Final = frozenset({"text", "thinking", "tool_use"})
_UNSAFE: Final = re.compile(r"[^A-Za-z0-9_-]")


@lru_cache(maxsize=1024)
def safe_name(name: str) -> str:
    """Return a name that OpenAI takes: other characters become `_`, at most 64, never empty."""
    return _UNSAFE.sub("_", name)[:64] or "agent"


def encode_message(
    message: Msg, media: Media, trace: Trace, call_id: CallId, assistant_media: bool
) -> list[dict[str, Any]]:
    """Return the wire messages of one message; `assistant_media` sends media of assistants."""
    role = message.role
    blocks = message.content
    if len(blocks) == 1 and role is not _TOOL and role is not None and not trace.wants_ends:
        only = blocks[0]
        if only.type == "text":
            name = message.name
            if name is None:
                return [{"role": role.wire, "content": only.text}]
            return [{"role": role.wire, "content": only.text, "name": safe_name(name)}]
    if role is _USER:
        return [_user(message, media, trace)]
    if role is _ASSISTANT:
        return [_assistant(message, media, trace, assistant_media)]
    if role is _TOOL:
        return _tool(message, media, trace, call_id)
    if role is None:
        raise FormatError("a message without a role cannot be sent", advice="set its role")
    text = extract_text(message, trace, null_hints=media.quirks.null_hints)
    out: dict[str, Any] = {"role": "system", "content": text}
    if message.name is not None:
        out["name"] = safe_name(message.name)
    return [out]


def _user(message: Msg, media: Media, trace: Trace) -> dict[str, Any]:
    blocks = message.content
    content: Any
    only = blocks[0] if len(blocks) == 1 else None
    if only is not None and only.type == "text":
        content = only.text
        if trace.wants_ends:
            trace.block_end(0, offset=len(content))
    else:
        content = _parts(blocks, media, trace, "content") or ""
    out: dict[str, Any] = {"role": "user", "content": content}
    if message.name is not None:
        out["name"] = safe_name(message.name)
    return out


def _parts(
    blocks: tuple[Any, ...], media: Media, trace: Trace, at: str, *, ends: bool = True
) -> list[dict[str, Any]]:
    parts: list[dict[str, Any]] = []
    for number, block in enumerate(blocks):
        if block.type == "text":
            parts.append(text_part(block.text))
        elif is_media(block):
            part, text = media_part(block, media, trace, f"{at}[{number}]")
            if part is not None:
                parts.append(part)
            elif text:
                parts.append(text_part(text))
        if ends:
            trace.block_end(number, part=len(parts) - 1)
    return parts


def _assistant(message: Msg, media: Media, trace: Trace, assistant_media: bool) -> dict[str, Any]:
    text: str | None = None
    calls: list[ToolUseBlock] = []
    thought: ThinkingBlock | None = None
    details = False
    for block in message.content:
        if block.type == "text":
            text = block.text if text is None else f"{text}\n{block.text}"
        elif block.type == "tool_use":
            calls.append(block)
            details = details or bool(block.metadata)
        elif block.type == "thinking" and thought is None:
            thought = block
            details = details or bool(block.metadata)
    content: Any = text or ""
    if trace.wants_ends or not message.block_types <= _PLAIN:
        content = _rich_content(message, media, trace, assistant_media=assistant_media)
    name = message.name
    out: dict[str, Any] = {"role": "assistant", "content": content}
    if name is not None:
        out["name"] = safe_name(name)
    if calls:
        out.update(_calls(message, calls, media, trace))
    if thought is not None and thought.thinking:
        out["reasoning_content"] = thought.thinking
    if details and (found := _reasoning(calls, thought, media)):
        out["reasoning_details"] = found
    if details and thought is not None and (extra := _extra(thought.metadata)):
        out["extra_content"] = extra
    return out


def _rich_content(message: Msg, media: Media, trace: Trace, *, assistant_media: bool) -> Any:
    """Return the content of an assistant message that holds hints, results or media."""
    if assistant_media and message.has_media:
        return _parts(message.content, media, trace, "content")
    if message.has_media and not media.quirks.assistant_media_lost:
        for number, block in enumerate(message.content):
            if is_media(block):
                trace.not_sent(
                    f"content[{number}]",
                    f"{block.type} in an assistant message",
                    "the API takes text there; put it into a user message",
                )
    return extract_text(message, trace, null_hints=media.quirks.null_hints)


def _reasoning(
    calls: Sequence[ToolUseBlock], thought: ThinkingBlock | None, media: Media
) -> list[dict[str, Any]]:
    """Return the reasoning details of the calls, else those of the thought."""
    sent = [call for call in calls if call.metadata and not (call.id is None or call.name is None)]
    details = _details([call.metadata.get("reasoningDetail") for call in sent], media)
    if details or thought is None or not thought.metadata:
        return details
    found = thought.metadata.get("reasoningDetails")
    return _details(found if isinstance(found, list | tuple) else (), media)


def _details(items: Sequence[Any], media: Media) -> list[dict[str, Any]]:
    """Return reasoning details in the API's key order; Java keeps only those never stored."""
    out = []
    lost = media.quirks.reasoning_details_lost
    for item in items:
        if isinstance(item, dict) and (isinstance(item, ReasoningDetail) or not lost):
            keys = (
                *REASONING_KEYS,
                *(() if lost else (key for key in item if key not in REASONING_KEYS)),
            )
            out.append({key: item[key] for key in keys if item.get(key) is not None})
    return out


def _calls(
    message: Msg, blocks: list[ToolUseBlock], media: Media, trace: Trace
) -> dict[str, list[dict[str, Any]]]:
    """Return the calls under their key; none is left if all lack an id or a name."""
    signature = _shared_signature(blocks)
    quirks = media.quirks if media.own_arguments else None
    out = []
    for block in blocks:
        if block.id is None or block.name is None:
            where = f"content[{_number(message, block)}]"
            trace.not_sent(where, "a tool call without id or name", "give it both")
            continue
        text = block.arguments if quirks is None else arguments_text(block, quirks)
        if block.content and text != block.content:
            trace.unread_arguments(_number(message, block))
        function = {
            "name": block.name,
            "arguments": text,
        }
        if signature is not None:
            mine = block.metadata.get("thoughtSignature")
            function["thought_signature"] = mine if isinstance(mine, str) else signature
        item: dict[str, Any] = {"id": block.id, "type": "function", "function": function}
        if block.metadata and (extra := _extra(block.metadata)):
            item["extra_content"] = extra
        out.append(item)
    return {"tool_calls": out} if out or media.quirks.empty_tools else {}


def _extra(metadata: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return the `extra_content` that came with a reply: Gemini wants its signatures back there."""
    found = (metadata or {}).get(EXTRA_CONTENT)
    return copy_json(found) if isinstance(found, dict) else {}


def _number(message: Msg, block: ToolUseBlock) -> int:
    return next(number for number, other in enumerate(message.content) if other is block)


def _shared_signature(blocks: list[ToolUseBlock]) -> str | None:
    """Return the signature for calls without one: the first non-empty, else the last empty."""
    found: str | None = None
    for block in blocks:
        if block.metadata:
            mine = block.metadata.get("thoughtSignature")
            if isinstance(mine, str):
                if mine:
                    return mine
                found = mine
    return found


def _tool(message: Msg, media: Media, trace: Trace, call_id: CallId) -> list[dict[str, Any]]:
    blocks = message.content
    only = blocks[0] if len(blocks) == 1 else None
    if only is not None and only.type == "tool_result" and not only.has_media:
        text = result_text(only, media, trace, 0)
        if trace.wants_ends:
            trace.block_end(0, offset=len(text))
        answered = call_id(text, trace.index, 0) if only.id is None else only.id
        return [{"role": "tool", "content": text, "tool_call_id": answered}]
    results = [
        (number, block) for number, block in enumerate(blocks) if block.type == "tool_result"
    ]
    if not results:
        text = extract_text(message, trace, null_hints=media.quirks.null_hints)
        return [{"role": "tool", "content": text, "tool_call_id": call_id(text, trace.index, 0)}]
    if media.quirks.first_tool_result_only:
        results = results[:1]
    elif len(results) < len(blocks):
        _name_lost(blocks, trace)
    out = []
    for order, (number, block) in enumerate(results):
        made: Any
        if block.has_media:
            made = _parts(block.output, media, trace, f"content[{number}].output", ends=False)
            trace.block_end(number, message=order, part=len(made) - 1)
        else:
            made = result_text(block, media, trace, number)
            trace.block_end(number, message=order, offset=len(made))
        answered = block.id if block.id is not None else call_id(made, trace.index, order)
        out.append({"role": "tool", "content": made, "tool_call_id": answered})
    return out


def _name_lost(blocks: tuple[Any, ...], trace: Trace) -> None:
    for number, block in enumerate(blocks):
        if block.type not in ("tool_result", "thinking"):
            trace.not_sent(
                f"content[{number}]",
                f"a {block.type} block beside a tool result",
                "put it into a message of its own",
            )
