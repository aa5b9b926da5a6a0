"""Markers that already stand in wire messages and tools: found, and taken out.

Every spelling is recognised whatever the provider's own is. Nothing is modified in place: a
message that held a marker is replaced by a copy without it. A cache point is a block of its own
behind the block it marks; where it is taken out, what stands behind it moves up.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal, TypeAlias

__all__ = [
    "MARKERS",
    "Found",
    "Taken",
    "cache_point",
    "copied",
    "is_cache_point",
    "marks_in",
    "take_from_message",
    "take_from_tool",
    "take_from_tools",
]

MARKERS: Final = ("cache_control", "prompt_cache_breakpoint")
"""Fields in which a marker may stand."""

_POINT: Final = "cachePoint"
_HOLDERS: Final = ("content", "source", "toolResult")
_GONE: Final = object()
_Inner: TypeAlias = tuple[str, Any]


@dataclass(frozen=True, slots=True)
class Found:
    """A marker that was taken out of a message or a list of tools.

    `at` is the block or tool it belongs to, counted without cache points: -1 is before the first,
    `None` the message itself. `path` says where it stood. `level` is `nested` inside a block's own
    content; a `point` is a block of its own.
    """

    at: int | None
    path: str
    value: Any
    level: Literal["part", "nested", "message", "point"]


@dataclass(slots=True)
class Taken:
    """What was taken out; `points` are the indices at which cache points stood."""

    found: list[Found] = field(default_factory=list)
    points: list[int] = field(default_factory=list)


def marks_in(value: Mapping[str, Any]) -> bool:
    """Say whether a message or part has a marker field of its own."""
    return "cache_control" in value or "prompt_cache_breakpoint" in value


def is_cache_point(part: object) -> bool:
    """Say whether a block or a tool is a cache point."""
    return isinstance(part, dict) and len(part) == 1 and _POINT in part


def cache_point(value: Mapping[str, Any]) -> dict[str, Any]:
    """Return a marker as the block that is a cache point."""
    return {_POINT: value}


def take_from_message(message: dict[str, Any]) -> tuple[dict[str, Any], Taken]:
    """Return the message without markers, itself if it has none, and what was taken."""
    content = message.get("content")
    taken = Taken()
    if isinstance(content, list):
        fresh = _take_from_blocks(content, taken)
        if fresh is not None:
            message = {**message, "content": fresh}
    if marks_in(message):
        taken.found += [Found(None, name, value, "message") for name, value in _own(message)]
        message = _without(message)
    return message, taken


def take_from_tool(tool: dict[str, Any]) -> tuple[dict[str, Any], list[tuple[str, Any]]]:
    """Return the tool without markers, itself if it has none, and what was taken."""
    function = tool.get("function")
    taken = list(_own(tool))
    if marks_in(tool):
        tool = _without(tool)
    if isinstance(function, dict) and marks_in(function):
        taken += [(f"function.{name}", value) for name, value in _own(function)]
        tool = {**tool, "function": _without(function)}
    return tool, taken


def take_from_tools(tools: Sequence[dict[str, Any]]) -> tuple[list[dict[str, Any]], Taken]:
    """Return the tools without markers and cache points, and what was taken."""
    taken = Taken()
    out: list[dict[str, Any]] = []
    for index, tool in enumerate(tools):
        if is_cache_point(tool):
            _take_point(tool, index, len(out) - 1, f"[{index}]", taken)
            continue
        fresh, own = take_from_tool(tool)
        taken.found += [Found(len(out), f"[{index}].{at}", value, "part") for at, value in own]
        out.append(fresh)
    return out, taken


def _take_from_blocks(content: list[Any], taken: Taken) -> list[Any] | None:
    """Return content without markers, `None` if it has none."""
    if not any(_is_marked(part) for part in content):
        return None
    fresh: list[Any] = []
    for index, part in enumerate(content):
        path = f"content[{index}]"
        if is_cache_point(part):
            _take_point(part, index, len(fresh) - 1, path, taken)
            continue
        fresh.append(_take_from_part(part, len(fresh), path, taken) if _is_marked(part) else part)
    return fresh


def _take_from_part(part: dict[str, Any], at: int, path: str, taken: Taken) -> dict[str, Any]:
    inner: list[tuple[str, Any]] = []
    bare = _without_nested(part, path, inner)
    taken.found += [Found(at, where, value, "nested") for where, value in inner]
    taken.found += [Found(at, f"{path}.{name}", value, "part") for name, value in _own(part)]
    return _without(bare)


def _take_point(point: Mapping[str, Any], index: int, behind: int, path: str, taken: Taken) -> None:
    taken.points.append(index)
    taken.found.append(Found(behind, f"{path}.{_POINT}", _read_point(point[_POINT]), "point"))


def _read_point(value: Any) -> Any:
    """Return what a cache point asks for as a wish's value."""
    if isinstance(value, Mapping) and value.get("type") == "default":
        return {**value, "type": "ephemeral"}
    return value


def _is_marked(part: object) -> bool:
    """Say whether a block is a cache point, or holds a marker at any depth."""
    if not isinstance(part, dict):
        return False
    if marks_in(part) or is_cache_point(part):
        return True
    return any(key in part and _holds_marker(part[key]) for key in _HOLDERS)


def _holds_marker(inner: object) -> bool:
    return any(map(_is_marked, inner)) if isinstance(inner, list) else _is_marked(inner)


def _without_nested(part: dict[str, Any], path: str, taken: list[_Inner]) -> dict[str, Any]:
    """Return a block whose inner blocks have no markers; its own stay."""
    for key in _HOLDERS:
        inner = part.get(key)
        if not _holds_marker(inner):
            continue
        where = f"{path}.{key}"
        if isinstance(inner, dict) and not is_cache_point(inner):
            part = {**part, key: _bare(inner, where, taken)}
        elif isinstance(inner, list):
            blocks = ((f"{where}[{number}]", block) for number, block in enumerate(inner))
            fresh = [_bare(block, at, taken) for at, block in blocks]
            part = {**part, key: [block for block in fresh if block is not _GONE]}
    return part


def _bare(block: Any, path: str, taken: list[_Inner]) -> Any:
    """Return an inner block without markers, `_GONE` for a cache point."""
    if not _is_marked(block):
        return block
    if is_cache_point(block):
        taken.append((f"{path}.{_POINT}", _read_point(block[_POINT])))
        return _GONE
    fresh = _without_nested(block, path, taken)
    taken += [(f"{path}.{name}", value) for name, value in _own(block)]
    return _without(fresh)


def _own(value: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    return ((name, value[name]) for name in MARKERS if name in value)


def _without(value: dict[str, Any]) -> dict[str, Any]:
    return {key: item for key, item in value.items() if key not in MARKERS}


def copied(value: Any) -> Any:
    """Return JSON-like data as fresh dicts and lists."""
    if isinstance(value, Mapping):
        return {key: copied(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [copied(item) for item in value]
    return value
