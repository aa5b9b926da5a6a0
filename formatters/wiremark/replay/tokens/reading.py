"""A request body as what a chat template is given: tools, a system, turns, and what it heeds.

Every wire form is read by the same rules: native DashScope, OpenAI's chat and Responses,
Anthropic's Messages and Bedrock's Converse differ in where a thing stands and in the name of a
block, never in what it is.
What has not the expected shape is left out, as the schema reports it. Paths are those of
`wiremark.validation`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, Literal, TypeAlias

from ...prefix import as_items

__all__ = [
    "Item",
    "Options",
    "Prompt",
    "Tool",
    "Turn",
    "json_text",
    "read_prompt",
    "read_turns",
]

Role: TypeAlias = Literal["system", "user", "assistant", "tool"]
Kind: TypeAlias = Literal["text", "media", "call", "thinking", "result"]

_MARKERS: Final = frozenset({"cache_control", "prompt_cache_breakpoint"})
_OPAQUE: Final = frozenset(
    {
        "image",
        "image_url",
        "audio",
        "input_audio",
        "video",
        "video_url",
        "document",
        "doc_url",
        "file",
        "redacted_thinking",
        "input_image",
        "input_file",
    }
)
"""Kinds of blocks, and keys of those without a kind, that no text tells the tokens of."""


@dataclass(frozen=True, slots=True)
class Item:
    """A piece of a turn.

    `path` is that of the block it is, `""` if it stands beside the blocks, as `tool_calls` do.
    `text` is that of a text, a thought or a call's arguments, `name` that of the called tool,
    `value` what a medium is, or what a tool gave back until it becomes a turn.
    """

    kind: Kind
    path: str
    text: str = ""
    name: str = ""
    value: Any = None


@dataclass(frozen=True, slots=True)
class Turn:
    """What one speaker says; each tool result is a turn of its own, wherever it stood."""

    role: Role
    path: str
    items: tuple[Item, ...]
    name: str = ""


@dataclass(frozen=True, slots=True)
class Tool:
    """A tool definition: as it stands, without markers, and as OpenAI writes its function.

    `is_own` is false of the provider's own tools, to which it adds text that nobody sees.
    """

    path: str
    value: Mapping[str, Any]
    function: Mapping[str, Any]
    is_own: bool = True


@dataclass(frozen=True, slots=True)
class Options:
    """What a request says of thinking, `None` if nothing; `adds`: the provider adds text."""

    thinking: bool | None = None
    preserve: bool | None = None
    effort: str | None = None
    adds: bool = False


@dataclass(frozen=True, slots=True)
class Prompt:
    """A body, read but for its messages, which stand at the path `place`."""

    tools: tuple[Tool, ...]
    system: Turn | None
    messages: Sequence[Any]
    place: str
    options: Options


def json_text(value: Any) -> str:
    """Return a value as JSON with `", "` and `": "`, as templates write it."""
    try:
        return json.dumps(value, ensure_ascii=False, default=str)
    except (RecursionError, TypeError, ValueError):
        return str(value)


def read_prompt(body: Any) -> Prompt:
    """Return what a body holds; anything but an object holds nothing."""
    body = body if isinstance(body, Mapping) else {}
    inside = body.get("input")
    native = isinstance(inside, Mapping)
    messages, place = body.get("messages"), "messages"
    if isinstance(inside, Mapping):
        messages, place = inside.get("messages"), "input.messages"
    elif messages is None and inside is not None:  # the items of OpenAI's Responses
        messages, place = as_items(inside), "input"
    parameters = body.get("parameters")
    settings = parameters if native and isinstance(parameters, Mapping) else body
    return Prompt(
        tools=tuple(_tools(body, settings, native=native)),
        system=_system(body),
        messages=messages if isinstance(messages, list | tuple) else (),
        place=place,
        options=_options(settings),
    )


def _options(settings: Mapping[str, Any]) -> Options:
    thinking = settings.get("enable_thinking")
    asked = settings.get("thinking")
    if thinking is None and isinstance(asked, Mapping):
        thinking = asked.get("type") != "disabled"
    preserve = settings.get("preserve_thinking")
    effort = settings.get("reasoning_effort")
    reasoning = settings.get("reasoning")
    if effort is None and isinstance(reasoning, Mapping):
        effort = reasoning.get("effort")
    return Options(
        thinking=thinking if isinstance(thinking, bool) else None,
        preserve=preserve if isinstance(preserve, bool) else None,
        effort=effort if isinstance(effort, str) else None,
        adds=any(settings.get(name) for name in _ADDING) or _is_schema(settings),
    )


_ADDING: Final = (
    "enable_search",
    "web_search_options",
    "plugins",
    "outputConfig",
    "output_config",
    "output_format",
)
"""Fields that make a provider add text of its own to the prompt: what it found, or a schema."""


def _is_schema(settings: Mapping[str, Any]) -> bool:
    wanted, text = settings.get("response_format"), settings.get("text")
    if wanted is None and isinstance(text, Mapping):
        wanted = text.get("format")
    return isinstance(wanted, Mapping) and wanted.get("type") == "json_schema"


def _tools(body: Mapping[str, Any], settings: Mapping[str, Any], *, native: bool) -> Iterator[Tool]:
    tools, place = settings.get("tools"), "parameters.tools" if native else "tools"
    config = body.get("toolConfig")
    if isinstance(config, Mapping):
        tools, place = config.get("tools"), "toolConfig.tools"
    for index, tool in enumerate(tools if isinstance(tools, list | tuple) else ()):
        if isinstance(tool, Mapping) and "cachePoint" not in tool:
            bare = _without(tool, _MARKERS)
            own = bare.get("type") in (None, "function", "custom")
            yield Tool(f"{place}[{index}]", bare, _function(bare), is_own=own)


def _function(tool: Mapping[str, Any]) -> dict[str, Any]:
    function = tool.get("function", tool.get("toolSpec"))
    if isinstance(function, Mapping):
        function = _without(function, _MARKERS)
    else:
        function = _without(tool, frozenset({"type"}))
    for key in ("input_schema", "inputSchema"):
        if key in function:
            schema = function.pop(key)
            inner = schema.get("json") if isinstance(schema, Mapping) else None
            function["parameters"] = inner if key == "inputSchema" and inner is not None else schema
    return function


def _without(value: Mapping[str, Any], keys: frozenset[str]) -> dict[str, Any]:
    return {key: inner for key, inner in value.items() if key not in keys}


def _system(body: Mapping[str, Any]) -> Turn | None:
    for place in ("system", "instructions"):
        if body.get(place) is not None:
            return Turn("system", place, tuple(_items(body[place], place)))
    return None


def read_turns(message: Any, path: str) -> tuple[Turn, ...]:
    """Return the turns of a message: one, but for Anthropic's and Bedrock's tool results."""
    if not isinstance(message, Mapping):
        return ()
    role = message.get("role")
    name = message.get("name")
    if role is None and message.get("type") in _ITEM_KINDS:
        return _turn_of_item(message, path)
    items = list(_items(message.get("content"), f"{path}.content"))
    items += _calls(message.get("tool_calls"))
    thought = message.get("reasoning_content")
    if isinstance(thought, str) and thought:
        items.insert(0, Item("thinking", "", thought))
    name = name if isinstance(name, str) else ""
    if not any(item.kind == "result" for item in items):
        return (Turn(_ROLES.get(str(role), "user"), path, tuple(items), name),)
    return tuple(_split(items, _ROLES.get(str(role), "user"), path))


_ROLES: Final[Mapping[str, Role]] = {
    "system": "system",
    "developer": "system",
    "assistant": "assistant",
    "tool": "tool",
    "function": "tool",
}


_ITEM_KINDS: Final = frozenset(
    {
        "function_call",
        "custom_tool_call",
        "function_call_output",
        "custom_tool_call_output",
        "reasoning",
    }
)
"""What Responses have beside messages, as far as it is what other forms have inside them."""


def _turn_of_item(item: Mapping[str, Any], path: str) -> tuple[Turn, ...]:
    kind = str(item["type"])
    if kind.endswith("_output"):
        return (Turn("tool", path, tuple(_items(item.get("output"), f"{path}.output"))),)
    if kind == "reasoning":
        summary = item.get("summary")
        parts = [*_items(summary, ""), *_items(item.get("content"), f"{path}.content")]
        return (Turn("assistant", path, tuple(replace(part, kind="thinking") for part in parts)),)
    called = item.get("arguments", item.get("input"))
    return (Turn("assistant", path, (_call("", item.get("name"), called),)),)


def _split(items: list[Item], role: Role, path: str) -> Iterator[Turn]:
    said: list[Item] = []
    for item in items:
        if item.kind == "result":
            if said:
                yield Turn(role, path, tuple(said))
                said = []
            yield Turn("tool", path, tuple(_result(item)))
        else:
            said.append(item)
    if said:
        yield Turn(role, path, tuple(said))


def _calls(calls: Any) -> Iterator[Item]:
    for call in calls if isinstance(calls, list | tuple) else ():
        function = call.get("function", call) if isinstance(call, Mapping) else None
        if isinstance(function, Mapping):
            yield _call("", function.get("name"), function.get("arguments"))


def _call(path: str, name: Any, arguments: Any) -> Item:
    text = arguments if isinstance(arguments, str) else json_text(arguments or {})
    return Item("call", path, text, str(name or ""))


def _items(content: Any, path: str) -> Iterator[Item]:
    if isinstance(content, str):
        yield Item("text", path, content)
        return
    for index, part in enumerate(content if isinstance(content, list | tuple) else ()):
        where = f"{path}[{index}]"
        if isinstance(part, str):
            yield Item("text", where, part)
        elif isinstance(part, Mapping) and "cachePoint" not in part:
            yield _item(part, where)


def _item(part: Mapping[str, Any], path: str) -> Item:
    kind = part.get("type")
    call = part if kind == "tool_use" else part.get("toolUse")
    if isinstance(call, Mapping):
        return _call(path, call.get("name"), call.get("input"))
    result = part if kind == "tool_result" else part.get("toolResult")
    if isinstance(result, Mapping):
        return Item("result", path, value=result.get("content"))
    if kind == "thinking" or "reasoningContent" in part:
        return Item("thinking", path, _thought(part))
    text = part.get("text")
    if isinstance(text, str):
        return Item("text", path, text)
    if kind in _OPAQUE or (kind is None and not _OPAQUE.isdisjoint(part)):
        return Item("media", path, value=part)
    return Item("text", path, json_text(_without(part, _MARKERS)))


def _thought(part: Mapping[str, Any]) -> str:
    inner = part.get("reasoningContent")
    inner = inner.get("reasoningText") if isinstance(inner, Mapping) else part.get("thinking")
    inner = inner.get("text") if isinstance(inner, Mapping) else inner
    return inner if isinstance(inner, str) else ""


def _result(item: Item) -> Iterator[Item]:
    """Yield what a tool gave back; the last item has the path of the block."""
    inside = list(_items(item.value, ""))
    for part in inside[:-1]:
        yield replace(part, path="")
    yield replace(inside[-1], path=item.path) if inside else Item("text", item.path)
