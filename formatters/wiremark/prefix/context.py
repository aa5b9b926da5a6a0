"""What a rule looks at: the messages, tools, blocks and markers of a body, with their paths.

Reads any JSON value: what has not the expected shape is left out here, since the schema reports it.
A body is read once, in the order of its prefix. Layouts are known here, providers are not.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias

if TYPE_CHECKING:
    from ..rules import CacheRules
    from .pieces import Piece

__all__ = [
    "MARKER_KEYS",
    "MEDIA_KINDS",
    "MESSAGE_PLACES",
    "RESPONSES",
    "THINKING_KINDS",
    "TOOL_PLACES",
    "Block",
    "Context",
    "Entry",
    "Marker",
    "Section",
    "as_items",
    "json_text",
    "read_context",
    "role_of",
]

RESPONSES: Final = "openai-responses"
"""The form whose messages are items: messages, calls, results and thoughts, each by itself."""

MARKER_KEYS = ("cache_control", "prompt_cache_breakpoint")
THINKING_KINDS: Final = frozenset({"thinking", "redacted_thinking"})
MEDIA_KINDS: Final = frozenset({"image", "audio", "video", "document", "file"})

Section: TypeAlias = Literal["tools", "system", "messages"]
_Where: TypeAlias = Literal["tool", "message", "part", "nested", "request"]

_SYSTEM_ROLES: Final = frozenset({"system", "developer"})
_KIND_OF_TYPE: Final[Mapping[str, str]] = {
    "image_url": "image",
    "input_audio": "audio",
    "video_url": "video",
    "doc_url": "document",
    "input_text": "text",
    "output_text": "output_text",
    "input_image": "image",
    "input_file": "file",
}
_KIND_OF_KEY: Final[Mapping[str, str]] = {
    "text": "text",
    "image": "image",
    "audio": "audio",
    "video": "video",
    "document": "document",
    "doc_url": "document",
    "image_url": "image",
    "toolUse": "tool_use",
    "toolResult": "tool_result",
    "reasoningContent": "thinking",
}
_TEXT_KINDS: Final = frozenset({"text", "output_text", "instructions"})
"""Kinds of blocks that are text; only `text` is one that a mark may stand on."""
_ROLE_OF_ITEM: Final[Mapping[str, str]] = {
    "function_call": "assistant",
    "custom_tool_call": "assistant",
    "reasoning": "assistant",
    "function_call_output": "tool",
    "custom_tool_call_output": "tool",
}


@dataclass(frozen=True, slots=True)
class Entry:
    """A message or a tool definition and its path in the body."""

    path: str
    value: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Block:
    """A content block, or the string that is a message's only one.

    `kind` is the word that cache rules use, `None` if it is not known; `text` is that of a text
    block; `message` counts messages, -1 in a `system` of its own.
    """

    path: str
    section: Section
    role: str
    message: int
    kind: str | None
    text: str | None
    value: Any

    @property
    def is_blank(self) -> bool:
        """Say whether this is a text block without text."""
        return self.text is not None and not self.text.strip()


@dataclass(frozen=True, slots=True)
class Marker:
    """A cache marker: what carries it, the key it stands under, and its value.

    `path` is that of the carrier, or of the block that is a cache point; a marker inside a tool
    result or on the request has its own. `end` says how many blocks stand before its end, -1 on a
    tool. `target` is the path of what is marked.
    """

    path: str
    key: str
    holder: dict[str, Any]
    where: _Where
    value: Any
    target: str
    end: int

    @property
    def ttl(self) -> str | None:
        """Return the lifetime that is asked for, `None` if none is."""
        ttl = self.value.get("ttl") if isinstance(self.value, dict) else None
        return ttl if isinstance(ttl, str) else None


@dataclass(frozen=True)
class Context:
    """A body's messages, tools, blocks and markers in prefix order, and the rules it is under.

    `form` is the wire form (`dashscope`, `openai-chat`, `openai-responses`, `anthropic`,
    `bedrock-converse`).
    `guessed`: the rules are those of a service that nothing is known of; `note` says what their
    choice does not know. `previous` is the context of the request before, if it was given.
    """

    form: str
    rules: CacheRules
    guessed: bool
    messages: tuple[Entry, ...]
    tools: tuple[Entry, ...]
    blocks: tuple[Block, ...]
    markers: tuple[Marker, ...]
    model: str | None = None
    note: str = ""
    previous: Context | None = None
    count_tokens: Callable[[str], int] | None = None

    @cached_property
    def heeded(self) -> tuple[Marker, ...]:
        """Return the markers whose form and place the provider reads."""
        rules = self.rules
        return tuple(
            marker
            for marker in self.markers
            if self.reads(marker)
            and (
                (marker.where == "part" and not rules.automatic_only)
                or (marker.where == "tool" and rules.tool_slot)
                or (marker.where == "request" and rules.automatic is not None)
            )
        )

    @cached_property
    def by_path(self) -> Mapping[str, Block]:
        """Return the blocks by their paths."""
        return {block.path: block for block in self.blocks}

    @cached_property
    def by_message(self) -> Mapping[int, tuple[Block, ...]]:
        """Return the blocks of each message that has any."""
        found: dict[int, list[Block]] = {}
        for block in self.blocks:
            found.setdefault(block.message, []).append(block)
        return {message: tuple(blocks) for message, blocks in found.items()}

    @cached_property
    def pieces(self) -> tuple[Piece, ...]:
        """Return what is compared from request to request, in prefix order."""
        from .pieces import read_pieces

        return tuple(read_pieces(self))

    def reads(self, marker: Marker) -> bool:
        """Say whether a marker has a form that the provider reads."""
        return marker.key == self.rules.marker or marker.key in self.rules.reads_also

    def rejects(self, code: str) -> bool:
        """Say whether the provider is known to reject what a code is about."""
        return code in self.rules.error_texts

    def text_of(self, code: str, **facts: object) -> str:
        """Return the provider's own words about a code, `""` where none are known."""
        return self.rules.error_texts.get(code, "").format_map(facts)

    def carries(self, block: Block) -> bool:
        """Say whether a block can carry a marker under the rules."""
        return block.kind in self.rules.kinds and not block.is_blank


Place: TypeAlias = tuple[str, ...]
TOOL_PLACES: Final[Mapping[str, Place]] = {
    "dashscope": ("parameters", "tools"),
    "bedrock-converse": ("toolConfig", "tools"),
}
MESSAGE_PLACES: Final[Mapping[str, Place]] = {
    "dashscope": ("input", "messages"),
    RESPONSES: ("input",),
}
"""Where a form keeps its messages, if not under `messages`; tools likewise above."""
_SYSTEM: Final[Mapping[str, str]] = {
    "anthropic": "system",
    "bedrock-converse": "system",
    RESPONSES: "instructions",
}


def as_items(value: Any) -> Any:
    """Return the `input` of a Responses body as a list: a text is one message of the user."""
    return [{"role": "user", "content": value}] if isinstance(value, str) else value


def role_of(message: Any) -> str:
    """Return who speaks in a message; of an item without a role its kind tells, `""` for others."""
    if not isinstance(message, Mapping):
        return ""
    role = message.get("role")
    if isinstance(role, str):
        return role
    kind = message.get("type")
    return _ROLE_OF_ITEM.get(kind, "") if isinstance(kind, str) else ""


def json_text(value: Any) -> str:
    """Return any value as the JSON text that a prefix is compared by; `""` for what has none."""
    try:
        return json.dumps(value, ensure_ascii=False, default=str)
    except (RecursionError, TypeError, ValueError):
        return ""


def read_context(  # noqa: PLR0913 what a context holds
    body: Any,
    *,
    form: str,
    rules: CacheRules,
    guessed: bool = False,
    model: str | None = None,
    note: str = "",
    previous: Context | None = None,
    count_tokens: Callable[[str], int] | None = None,
    foreign: bool = False,
) -> Context:
    """Return the context of a body; `form` says where its messages and tools stand.

    `foreign`: markers of forms that are not the body's own are read too; a schema reports them.
    """
    reader = _Reader(converse=form == "bedrock-converse", foreign=foreign, items=form == RESPONSES)
    tools = _entries(body, TOOL_PLACES.get(form, ("tools",)))
    messages = _entries(body, MESSAGE_PLACES.get(form, ("messages",)))
    reader.read_tools(tools)
    if form in _SYSTEM and isinstance(body, dict):
        reader.read_content(_SYSTEM[form], body.get(_SYSTEM[form]), "system", "system", -1)
    for index, message in enumerate(messages):
        reader.read_message(index, message)
    if form != "bedrock-converse" and isinstance(body, dict):
        reader.read_request(body)
    return Context(
        form=form,
        rules=rules,
        guessed=guessed,
        messages=messages,
        tools=tuple(tool for tool in tools if "cachePoint" not in tool.value),
        blocks=tuple(reader.blocks),
        markers=tuple(reader.markers),
        model=model,
        note=note,
        previous=previous,
        count_tokens=count_tokens,
    )


def _entries(body: Any, place: Place) -> tuple[Entry, ...]:
    found = body
    for key in place:
        found = found.get(key) if isinstance(found, dict) else None
    if place == MESSAGE_PLACES[RESPONSES]:
        found = as_items(found)
    if not isinstance(found, list):
        return ()
    path = ".".join(place)
    return tuple(
        Entry(f"{path}[{index}]", value)
        for index, value in enumerate(found)
        if isinstance(value, dict)
    )


class _Reader:
    def __init__(self, *, converse: bool, foreign: bool, items: bool) -> None:
        self.converse = converse
        self.items = items
        self.points = converse or foreign
        self.fields = not converse or foreign
        self.blocks: list[Block] = []
        self.markers: list[Marker] = []

    def read_tools(self, tools: tuple[Entry, ...]) -> None:
        last = Entry("", {})
        for tool in tools:
            if self.converse and "cachePoint" in tool.value:
                self._point(tool.path, tool.value, last.value, "tool", last.path, -1)
                continue
            last = tool
            self._marks(tool.path, tool.value, "tool", tool.path, -1)
            function = tool.value.get("function")
            if isinstance(function, dict):
                self._marks(f"{tool.path}.function", function, "tool", tool.path, -1)

    def read_message(self, index: int, message: Entry) -> None:
        value, name = message.value, "content"
        role = value.get("role")
        role = role if isinstance(role, str) else ""
        if self.items:
            role = role_of(value)
            # What a tool gave back has parts as a message does, and they carry marks as well.
            name = "output" if role == "tool" and "role" not in value else name
        section: Section = "system" if role in _SYSTEM_ROLES else "messages"
        at = len(self.markers)
        self.read_content(f"{message.path}.{name}", value.get(name), section, role, index)
        end = len(self.blocks)
        own = len(self.markers)
        self._marks(message.path, message.value, "message", message.path, end)
        if own > at:  # listed before those of its blocks
            self.markers[at:] = self.markers[own:] + self.markers[at:own]

    def read_content(
        self, path: str, content: Any, section: Section, role: str, message: int
    ) -> None:
        if isinstance(content, str):
            kind = self._kind_of_text(role, message)
            self.blocks.append(Block(path, section, role, message, kind, content, content))
            return
        holder: dict[str, Any] = {}
        target = ""
        for index, part in enumerate(content if isinstance(content, list) else ()):
            where = f"{path}[{index}]"
            if isinstance(part, str):
                self.blocks.append(Block(where, section, role, message, "text", part, part))
            elif not isinstance(part, dict):
                continue
            elif self.points and "cachePoint" in part:
                self._point(where, part, holder, "part", target, len(self.blocks))
            else:
                self._part(where, part, section, role, message)
                holder, target = part, where

    def _part(
        self, path: str, part: dict[str, Any], section: Section, role: str, message: int
    ) -> None:
        kind = _kind_of(part)
        text = part.get("text") if kind in _TEXT_KINDS else None
        text = text if isinstance(text, str) else None
        self.blocks.append(Block(path, section, role, message, kind, text, part))
        if self.fields:
            self._marks(path, part, "part", path, len(self.blocks))
        if kind == "tool_result":
            result = part.get("toolResult") if self.converse else part
            inner = f"{path}.toolResult.content" if self.converse else f"{path}.content"
            self._nested(inner, result.get("content") if isinstance(result, dict) else None, path)

    def _kind_of_text(self, role: str, message: int) -> str:
        """Return the kind of a text by itself; where no part can stand for it, none can be marked.

        Responses: `instructions` are a text only, and the assistant's text has no breakpoint
        (openai 3.52.0, types/responses).
        """
        if self.items and message < 0:
            return "instructions"
        return "output_text" if self.items and role == "assistant" else "text"

    def _nested(self, path: str, content: Any, target: str) -> None:
        keys = ("cachePoint",) if self.converse else MARKER_KEYS
        for index, part in enumerate(content if isinstance(content, list) else ()):
            for key in keys:
                if isinstance(part, dict) and isinstance(part.get(key), dict):
                    own = f"{path}[{index}].{key}"
                    form = "cache_point" if self.converse else key
                    self.markers.append(
                        Marker(own, form, part, "nested", part[key], target, len(self.blocks))
                    )

    def read_request(self, body: dict[str, Any]) -> None:
        value = body.get("cache_control")
        if isinstance(value, dict):
            target = self.blocks[-1].path if self.blocks else ""
            end = len(self.blocks)
            self.markers.append(
                Marker("cache_control", "cache_control", body, "request", value, target, end)
            )

    def _point(
        self,
        path: str,
        point: dict[str, Any],
        holder: dict[str, Any],
        where: Literal["tool", "part"],
        target: str,
        end: int,
    ) -> None:
        """Add a cache point; what it marks is the block before it."""
        value = point["cachePoint"]
        self.markers.append(Marker(path, "cache_point", holder, where, value, target, end))

    def _marks(
        self, path: str, holder: dict[str, Any], where: _Where, target: str, end: int
    ) -> None:
        # Beside role and content no schema looks at the value, so any counts there.
        for key in MARKER_KEYS:
            value = holder.get(key)
            if isinstance(value, dict) or (where == "message" and value is not None):
                self.markers.append(Marker(path, key, holder, where, value, target, end))


def _kind_of(part: dict[str, Any]) -> str | None:
    named = part.get("type")
    if isinstance(named, str):
        return _KIND_OF_TYPE.get(named, named)
    return next((_KIND_OF_KEY[key] for key in part if key in _KIND_OF_KEY), None)
