"""What a built body says is compared with what the conversation said: the difference is lost.

Both sides are conversations, so that nothing depends on how a formatter writes or what it reports.
Not counted as lost, because every reader takes them for the same: several texts of a message that
became one, a newline between them; neighbours of one role that became one message; a system message
in another place; empty texts.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from typing import Any

from .. import jsontext
from ..findings import Finding
from ..messages import Base64Source, GenerateOptions, Msg, Role, ToolUseBlock, URLSource, is_media
from .conversation import Conversation, not_carried

__all__ = ["lost_content", "lost_options", "lost_tools"]


def lost_content(asked: Conversation, sent: Conversation) -> list[Finding]:
    """Return what the messages of `asked` say and those of `sent` do not."""
    texts = _missing(asked.messages, sent.messages, {Role.SYSTEM, Role.USER, Role.ASSISTANT})
    found = {(index, text): f"{what} is not carried: {_short(text)}" for index, what, text in texts}
    for index, _, text in _missing(asked.messages, sent.messages, {Role.SYSTEM}):
        found.setdefault((index, text), f"a system text is sent as a turn: {_short(text)}")
    lost = [not_carried(asked.origin(index), what) for (index, _), what in found.items()]
    return lost + list(_lost_items(asked, sent))


def _missing(
    asked: Sequence[Msg], sent: Sequence[Msg], roles: Container[Role | None]
) -> Iterator[tuple[int, str, str]]:
    """Yield message, name and text of what is not found, in order, among the texts sent.

    Tool results count with every set of roles but that of the system alone.
    """
    every = "\0".join(text for _, text in _spoken(sent, roles))
    position = 0
    for index, message in enumerate(asked):
        for what, text in _texts(message.content) if _speaks(message, roles) else ():
            if text and not text.isspace():
                found = every.find(text, position)
                found = every.find(text) if found < 0 else found
                if found < 0:
                    yield index, what, text
                else:
                    position = found + len(text)


def _spoken(messages: Sequence[Msg], roles: Container[Role | None]) -> Iterator[tuple[str, str]]:
    for message in messages:
        if _speaks(message, roles):
            yield from _texts(message.content)


def _speaks(message: Msg, roles: Container[Role | None]) -> bool:
    return (Role.USER if message.role is Role.TOOL else message.role) in roles


def _texts(blocks: Iterable[Any]) -> Iterator[tuple[str, str]]:
    for block in blocks:
        if block.type == "text":
            yield "a text", block.text
        elif block.type == "tool_result":
            for _, text in _texts(block.output):
                yield "a text of a tool result", text


def _short(text: str) -> str:
    return repr(text if len(text) <= 40 else f"{text[:40]}...")


def _lost_items(asked: Conversation, sent: Conversation) -> Iterator[Finding]:
    """Yield what is no text, each as often as it is missing."""
    waiting = Counter(item for message in sent.messages for item, _ in _items(message))
    for index, message in enumerate(asked.messages):
        for item, what in _items(message):
            if waiting[item] > 0:
                waiting[item] -= 1
            else:
                yield not_carried(asked.origin(index), f"{what} is not carried")


def _items(message: Msg) -> Iterator[tuple[tuple[str, ...], str]]:
    """Yield what a message holds besides texts: a value to compare, and what to call it."""
    if message.role is not None and message.role is not Role.TOOL:
        name = message.name
        if name:
            yield ("name", message.role, name), f"the name {_short(name)} of a speaker"
    for block in message.content:
        yield from _of_block(block)


def _of_block(block: Any) -> Iterator[tuple[tuple[str, ...], str]]:
    if block.type == "thinking":
        if block.thinking:
            yield ("thinking", block.thinking), "thinking"
        for key, value in (block.metadata or {}).items():
            yield ("kept", key, jsontext.dumps(value)), _KEPT.get(key, f"`{key}` of thinking")
    elif block.type == "tool_use":
        given = jsontext.dumps(_sorted(_input(block)))
        yield ("call", block.id or "", block.name or "", given), f"tool call {block.id!r}"
        for key, value in block.metadata.items():
            yield ("kept", key, jsontext.dumps(value)), f"`{key}` of tool call {block.id!r}"
    elif block.type == "tool_result":
        yield ("result", block.id or ""), f"tool result {block.id!r}"
        if block.state == "error":
            yield ("error", block.id or ""), f"the error flag of tool result {block.id!r}"
        for item in block.output:
            yield from _of_block(item)
    elif is_media(block):
        yield ("medium", _source(block.source)), f"{block.type}"
        for name in ("fps", "max_frames", "min_pixels", "max_pixels", "total_pixels", "name"):
            value = getattr(block, name, None)
            if value is not None:
                yield (name, str(value)), f"{name} of {block.type}"


_KEPT = {
    "signature": "the signature of thinking",
    "redacted": "redacted thinking",
    "block": "a block of the provider's own",
    "reasoningDetails": "reasoning details",
}


def _input(block: ToolUseBlock) -> Any:
    """Return the arguments of a call: its text if that is no object, else the object."""
    if block.content:
        found = jsontext.first_object(block.content)
        return block.content if found is None else found
    return block.input


def _sorted(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _sorted(value[key]) for key in sorted(value)}
    if isinstance(value, list):
        return [_sorted(item) for item in value]
    return value


def _source(source: Any) -> str:
    if isinstance(source, Base64Source):
        return source.data
    if isinstance(source, URLSource):
        head, comma, data = source.url.partition(";base64,")
        return data if comma and head.startswith("data:") else source.url
    return ""


def lost_tools(asked: Conversation, sent: Conversation) -> Iterator[Finding]:
    """Yield what the tools of `asked` say and those of `sent` do not."""
    found = {tool.name: tool for tool in sent.tools}
    for tool in asked.tools:
        at = f"tool {tool.name!r}"
        other = found.get(tool.name)
        if other is None:
            yield not_carried("tools", f"{at} is not carried")
            continue
        if tool.strict and not other.strict:
            yield not_carried("tools", f"`strict` of {at} is not carried")
        if tool.description != other.description:
            yield not_carried("tools", f"the description of {at} is not carried")
        if any(other.parameters.get(key) != value for key, value in tool.parameters.items()):
            yield not_carried("tools", f"the parameters of {at} are not carried as they are")
    choice = asked.tool_choice
    if choice is not None and choice != sent.tool_choice:
        shown = "not carried" if sent.tool_choice is None else f"sent as {sent.tool_choice.mode}"
        if not (choice.mode == "auto" and sent.tool_choice is None):  # what providers do anyway
            path = asked.place("tool_choice")
            yield not_carried(path, f"tool choice `{choice.mode}` is {shown}")


def lost_options(wanted: GenerateOptions, sent: GenerateOptions) -> Iterator[tuple[str, Any]]:
    """Yield name and sent value of each option that is wanted and not said alike.

    The session id is not compared: it may stand in a header.
    """
    for name in type(wanted).model_fields:
        value, other = getattr(wanted, name), getattr(sent, name)
        if value is None or name in _NOT_COMPARED or name.startswith("additional_"):
            continue
        if name in _LIMITS and value in [getattr(sent, limit) for limit in _LIMITS]:
            continue
        if not _same(name, value, other):
            yield name, other


_NOT_COMPARED = frozenset({"session_id", "cache_control"})
_LIMITS = ("max_tokens", "max_completion_tokens")


def _same(name: str, wanted: Any, sent: Any) -> bool:
    if name == "response_format" and sent is not None and wanted.json_schema and sent.json_schema:
        return bool(wanted.json_schema.get("schema") == sent.json_schema.get("schema"))
    if name == "parallel_tool_calls" and wanted is True and sent is None:
        return True  # what providers that have no such field do anyway
    return bool(wanted == sent)
