"""Taking marks out again: the inverse of placing them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from .plan import Plan
from .scan import copied, take_from_message, take_from_tools
from .slots import PartShape

__all__ = ["strip_body", "strip_marks", "strip_tool_marks"]


def strip_marks(
    messages: Sequence[Mapping[str, Any]],
    *,
    plan: Plan | None = None,
    shape: PartShape | None = None,
) -> list[dict[str, Any]]:
    """Return wire messages without any marker; the input is not modified.

    With the `plan` that placed the marks, every string that became an array is the same string
    again. Without it, an array of one text part that carried a marker becomes a string, all other
    arrays stay arrays, as do those from which a cache point was taken. A text part has a string
    under `text` and otherwise at most `type: "text"`; `shape`, if given, must call it text as well.
    """
    converted = frozenset(plan.converted) if plan is not None else None
    out: list[dict[str, Any]] = []
    for index, message in enumerate(messages):
        fresh, taken = take_from_message(dict(message))
        content = fresh.get("content")
        if isinstance(content, list):
            if converted is not None:
                restore = index in converted and all(_is_text(part, shape) for part in content)
            else:
                marked = any(item.level == "part" for item in taken.found)
                restore = marked and len(content) == 1 and _is_text(content[0], shape)
            if restore:
                fresh["content"] = "".join(part["text"] for part in content)
        out.append(copied(fresh))
    return out


def strip_tool_marks(tools: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return tool definitions without markers and cache points; the input is not modified."""
    return [copied(tool) for tool in take_from_tools([dict(tool) for tool in tools])[0]]


def strip_body(
    body: Mapping[str, Any], *, plan: Plan | None = None, shape: PartShape | None = None
) -> dict[str, Any]:
    """Return a request body without any marker; the input is not modified.

    Messages and tools are looked for at the top, under `input`, `parameters` and `toolConfig`; a
    `system` array is stripped too, and so are the items of an `input` that is a list. A top-level
    `cache_control` is removed, `prompt_cache_options` stays.
    """
    out = {key: value for key, value in body.items() if key != "cache_control"}
    for name in ("input", "parameters", "toolConfig"):
        if isinstance(out.get(name), Mapping):
            out[name] = _strip_fields(out[name], plan, shape)
    if _is_objects(out.get("input")):
        out["input"] = [_strip_item(dict(item)) for item in out["input"]]
    return copied(_strip_fields(out, plan, shape))  # type: ignore[no-any-return]


def _strip_item(item: dict[str, Any]) -> dict[str, Any]:
    """Return an item of a Responses body without markers: parts of a message, or of an output."""
    item, _ = take_from_message(item)
    if isinstance(item.get("output"), list):
        return {**item, "output": take_from_message({"content": item["output"]})[0]["content"]}
    return item


def _strip_fields(
    fields: Mapping[str, Any], plan: Plan | None, shape: PartShape | None
) -> dict[str, Any]:
    out = dict(fields)
    if _is_objects(out.get("messages")):
        out["messages"] = strip_marks(out["messages"], plan=plan, shape=shape)
    if _is_objects(out.get("tools")):
        out["tools"] = strip_tool_marks(out["tools"])
    if _is_objects(out.get("system")):
        out["system"] = take_from_message({"content": out["system"]})[0]["content"]
    return out


def _is_objects(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(item, Mapping) for item in value)


def _is_text(part: object, shape: PartShape | None) -> bool:
    if not isinstance(part, dict) or not isinstance(part.get("text"), str):
        return False
    if any(key != "text" and (key, value) != ("type", "text") for key, value in part.items()):
        return False
    return shape is None or shape.kind(part) == "text"
