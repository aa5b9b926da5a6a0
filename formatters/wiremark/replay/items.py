"""The items of a Responses body as messages, for what marks and strips messages, and back again.

A tool's output stands where a message has its content. What no mark may stand on, such as calls,
thoughts and the assistant's text, is shown without content.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from ..marks import PartShape
from ..marks.scan import take_from_message
from ..prefix import role_of

__all__ = ["SHAPE", "as_messages", "bare_item", "with_content"]

_KINDS: Final = {"input_text": "text", "input_image": "image", "input_file": "file"}


def _kind(part: Mapping[str, Any]) -> str | None:
    named = part.get("type")
    return _KINDS.get(named) if isinstance(named, str) else None


def _wrap(text: str) -> dict[str, Any]:
    return {"type": "input_text", "text": text}


SHAPE: Final = PartShape(_kind, _wrap)
"""The parts that carry marks (openai 3.52.0, types/responses)."""


def as_messages(items: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return a message for each item, with the parts that can carry marks as its content."""
    out = []
    for item in items:
        role, place = role_of(item), _place(item)
        marked = role != "assistant" and place in item
        out.append({"role": role, "content": item[place] if marked else None})
    return out


def with_content(item: dict[str, Any], message: Mapping[str, Any]) -> dict[str, Any]:
    """Return an item with the content of its message, itself if that is as it was."""
    place, content = _place(item), message["content"]
    if content is None or content is item[place]:
        return item
    return {**item, place: content}


def bare_item(item: dict[str, Any]) -> dict[str, Any]:
    """Return an item without marks, itself if it has none."""
    place = _place(item)
    if place == "content":
        return take_from_message(item)[0]
    bare = take_from_message({"content": item.get(place)})[0]["content"]
    return item if bare is item.get(place) else {**item, place: bare}


def _place(item: Mapping[str, Any]) -> str:
    return "output" if "role" not in item and role_of(item) == "tool" else "content"
