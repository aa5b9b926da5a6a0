"""What a rule looks at: the messages, tools and markers of a body, with their paths.

Reads any JSON value: what has not the expected shape is left out here, since the schema reports it.
No provider is known here.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

if TYPE_CHECKING:
    from wiremark.rules import CacheRules

__all__ = ["MARKER_KEYS", "Context", "Entry", "Marker", "read_context"]

MARKER_KEYS = ("cache_control", "prompt_cache_breakpoint")


@dataclass(frozen=True, slots=True)
class Entry:
    """A message or a tool definition and its path in the body."""

    path: str
    value: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Marker:
    """A cache marker: the path and value of what carries it, and the key it stands under."""

    path: str
    key: str
    holder: dict[str, Any]
    where: Literal["tool", "message", "part"]


@dataclass(frozen=True, slots=True)
class Context:
    """A body's messages, tools and markers in prefix order, and the cache rules it is under.

    `guessed`: the rules are those of a service that nothing is known of.
    """

    rules: CacheRules
    guessed: bool
    messages: tuple[Entry, ...]
    tools: tuple[Entry, ...]
    markers: tuple[Marker, ...]


_Place: TypeAlias = tuple[str, ...]


def read_context(
    body: Any,
    *,
    native: bool,
    rules: CacheRules,
    guessed: bool,
    converse: bool = False,
    anthropic: bool = False,
) -> Context:
    """Return the context of a body, in OpenAI's layout.

    `native` is DashScope's layout, `converse` Bedrock's, `anthropic` that of the Messages API.
    """
    if converse:
        return _read_converse(body, rules, guessed)
    messages = _entries(body, ("input", "messages") if native else ("messages",))
    tools = _entries(body, ("parameters", "tools") if native else ("tools",))
    markers = (
        *_on_entries(tools, "tool"),
        *(_in_system(body) if anthropic else ()),
        *_in_messages(messages),
        *(_marks("", body, "part") if anthropic and isinstance(body, dict) else ()),
    )
    return Context(rules, guessed, messages, tools, markers)


def _in_system(body: Any) -> Iterator[Marker]:
    for entry in _entries(body, ("system",)):
        yield from _marks(entry.path, entry.value, "part")


def _read_converse(body: Any, rules: CacheRules, guessed: bool) -> Context:
    messages = _entries(body, ("messages",))
    tools = _entries(body, ("toolConfig", "tools"))
    markers = [
        *_points("toolConfig.tools", [tool.value for tool in tools], "tool"),
        *_points("system", body.get("system") if isinstance(body, dict) else None, "part"),
    ]
    for message in messages:
        markers += _points(f"{message.path}.content", message.value.get("content"), "part")
    return Context(rules, guessed, messages, tools, tuple(markers))


def _points(path: str, blocks: Any, where: Literal["tool", "part"]) -> Iterator[Marker]:
    """Yield the cache points of a list; what carries one is the block before it."""
    holder: dict[str, Any] = {}
    for index, block in enumerate(blocks if isinstance(blocks, list) else ()):
        if isinstance(block, dict) and "cachePoint" in block:
            yield Marker(f"{path}[{index}]", "cache_point", holder, where)
        else:
            holder = block if isinstance(block, dict) else {}


def _entries(body: Any, place: _Place) -> tuple[Entry, ...]:
    found = body
    for key in place:
        found = found.get(key) if isinstance(found, dict) else None
    if not isinstance(found, list):
        return ()
    path = ".".join(place)
    return tuple(
        Entry(f"{path}[{index}]", value)
        for index, value in enumerate(found)
        if isinstance(value, dict)
    )


def _on_entries(entries: tuple[Entry, ...], where: Literal["tool", "message"]) -> Iterator[Marker]:
    for entry in entries:
        yield from _marks(entry.path, entry.value, where)
        function = entry.value.get("function")
        if where == "tool" and isinstance(function, dict):
            yield from _marks(f"{entry.path}.function", function, where)


def _in_messages(messages: tuple[Entry, ...]) -> Iterator[Marker]:
    for message in messages:
        yield from _marks(message.path, message.value, "message")
        content = message.value.get("content")
        if isinstance(content, list):
            for index, part in enumerate(content):
                if isinstance(part, dict):
                    yield from _marks(f"{message.path}.content[{index}]", part, "part")


def _marks(
    path: str, holder: dict[str, Any], where: Literal["tool", "message", "part"]
) -> Iterator[Marker]:
    # Beside role and content no schema looks at the value, so any counts there.
    for key in MARKER_KEYS:
        value = holder.get(key)
        if isinstance(value, dict) or (where == "message" and value is not None):
            yield Marker(path, key, holder, where)
