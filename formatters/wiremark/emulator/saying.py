"""What an answer says, before it has a wire form: its parts, named and cut into pieces."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from ..prefix import as_items
from ..traffic.services import Wire
from .scenario import Call, Reply

__all__ = ["Saying", "choices_asked", "last_user_text", "named", "pieces"]

_MOST: Final = 128
"""Choices that OpenAI gives to one request at most; DashScope gives four."""


@dataclass(frozen=True, slots=True)
class Saying:
    """One answer: who says what to which model, and its usage in the provider's form.

    `error` is the code and the message with which a stream ends that has begun well. `finish` is
    why it ends, if not by itself: `length`.
    """

    number: int
    model: str
    text: str
    thinking: str
    calls: tuple[Call, ...]
    usage: dict[str, Any]
    error: tuple[str, str] | None = None
    finish: str = ""

    @property
    def tag(self) -> str:
        """Return what the ids of this answer end in; the same at each run."""
        return f"{self.number:08d}"


def named(reply: Reply, number: int, wire: Wire) -> tuple[Call, ...]:
    """Return the calls of a reply, each with an id; Anthropic's begin with `toolu_`."""
    kind = "toolu" if wire == "messages" else "call"
    return tuple(
        Call(call.name, call.arguments, call.id or f"{kind}_{number:08d}_{index}")
        for index, call in enumerate(reply.calls)
    )


def pieces(text: str) -> list[str]:
    """Cut a text into up to eight pieces, as a stream brings it; no text has no piece."""
    size = max(4, -(-len(text) // 8))
    return [text[start : start + size] for start in range(0, len(text), size)]


def choices_asked(body: dict[str, Any]) -> int:
    """Return how many choices a request asks for, each of which says the same here."""
    parameters = body.get("parameters")
    count = parameters.get("n") if isinstance(parameters, dict) else body.get("n")
    return count if type(count) is int and 1 <= count <= _MOST else 1


def last_user_text(body: dict[str, Any]) -> str:
    """Return the text of the last message of the user that has one, else `ok`."""
    held = body.get("input")
    messages = held.get("messages") if isinstance(held, dict) else body.get("messages")
    if messages is None and isinstance(held, dict):
        return _text(held.get("prompt")) or "ok"
    if messages is None:
        messages = as_items(held)
    for message in reversed(messages if isinstance(messages, list) else []):
        if isinstance(message, dict) and message.get("role") == "user":
            text = _text(message.get("content"))
            if text:
                return text
    return "ok"


def _text(content: Any) -> str:
    if isinstance(content, str):
        return content
    parts = content if isinstance(content, list) else []
    texts = [part.get("text") for part in parts if isinstance(part, dict)]
    return "\n".join(text for text in texts if isinstance(text, str) and text)
