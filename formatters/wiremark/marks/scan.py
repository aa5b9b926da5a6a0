"""Markers that already stand in wire messages and tools: found, and taken out.

Both spellings are recognised whatever the provider's own is. Nothing is modified in place: a
message that held a marker is replaced by a copy without it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

__all__ = ["MARKERS", "copied", "marks_in", "take_from_message", "take_from_tool"]

MARKERS: Final = ("cache_control", "prompt_cache_breakpoint")
"""Fields in which a marker may stand."""

Taken = list[tuple[int | None, str, Any, str]]
"""Markers taken from a message: part, path within the message, value, level."""


def marks_in(value: Mapping[str, Any]) -> bool:
    """Say whether a message or part has a marker field of its own."""
    return "cache_control" in value or "prompt_cache_breakpoint" in value


def take_from_message(message: dict[str, Any]) -> tuple[dict[str, Any], Taken]:
    """Return the message without markers, itself if it has none, and what was taken.

    Levels are `part`, `nested` (inside a part's own content) and `message`.
    """
    content = message.get("content")
    taken: Taken = []
    if isinstance(content, list):
        fresh = None
        for index, part in enumerate(content):
            if isinstance(part, dict) and _marked(part):
                if fresh is None:
                    fresh = list(content)
                fresh[index] = _take_from_part(part, index, taken)
        if fresh is not None:
            message = {**message, "content": fresh}
    if marks_in(message):
        taken += [(None, field, value, "message") for field, value in _own(message)]
        message = _without(message)
    return message, taken


def take_from_tool(tool: dict[str, Any]) -> tuple[dict[str, Any], list[tuple[str, Any]]]:
    """Return the tool without markers, itself if it has none, and what was taken."""
    function = tool.get("function")
    taken = list(_own(tool))
    if marks_in(tool):
        tool = _without(tool)
    if isinstance(function, dict) and marks_in(function):
        taken += [(f"function.{field}", value) for field, value in _own(function)]
        tool = {**tool, "function": _without(function)}
    return tool, taken


def _marked(part: dict[str, Any]) -> bool:
    if marks_in(part):
        return True
    inner = part.get("content")
    return isinstance(inner, list) and any(isinstance(i, dict) and marks_in(i) for i in inner)


def _take_from_part(part: dict[str, Any], index: int, taken: Taken) -> dict[str, Any]:
    inner = part.get("content")
    if isinstance(inner, list):
        fresh = list(inner)
        for number, item in enumerate(inner):
            if isinstance(item, dict) and marks_in(item):
                where = f"content[{index}].content[{number}]"
                taken += [(index, f"{where}.{at}", value, "nested") for at, value in _own(item)]
                fresh[number] = _without(item)
        part = {**part, "content": fresh}
    taken += [(index, f"content[{index}].{at}", value, "part") for at, value in _own(part)]
    return _without(part)


def _own(value: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    return ((field, value[field]) for field in MARKERS if field in value)


def _without(value: dict[str, Any]) -> dict[str, Any]:
    return {key: item for key, item in value.items() if key not in MARKERS}


def copied(value: Any) -> Any:
    """Return JSON-like data as fresh dicts and lists."""
    if isinstance(value, Mapping):
        return {key: copied(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [copied(item) for item in value]
    return value
