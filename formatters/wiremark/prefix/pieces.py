"""The prefix of a request as a row of texts: tools, then the system, then the messages.

Markers are no part of it: a text block that carries one is the same text as the string it was. The
tools stand first whatever turn a provider writes them into, since a change in them changes all that
follows (`CacheRules.tools_in_prefix`).
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from ..marks.scan import take_from_message, take_from_tool
from .context import MARKER_KEYS, RESPONSES, json_text, role_of

if TYPE_CHECKING:
    from .context import Block, Context, Entry, Marker, Section

__all__ = ["Piece", "common_pieces", "mark_ends", "read_pieces"]

_PLAIN: Final = frozenset({"type", "text", *MARKER_KEYS})
_PASSED: Final = frozenset({"role", "content", "tool_calls", *MARKER_KEYS})
_EMPTY: Final = frozenset({"annotations", "logprobs"})
"""Fields of an answer's text that say nothing where they are empty."""
_ANSWER: Final = _PLAIN | _EMPTY
_NAMES: Final = frozenset({"id", "status"})
"""Fields of an item that name it and say how it went; what was said is not in them."""


@dataclass(frozen=True, slots=True)
class Piece:
    """A tool, a content block, or another field of a message.

    `blocks` counts the content blocks up to and with this piece.
    """

    path: str
    section: Section
    name: str
    text: str
    blocks: int

    def is_like(self, other: Piece) -> bool:
        """Say whether a provider reads the same here and there."""
        return self.text == other.text and self.name == other.name


def read_pieces(ctx: Context) -> Iterator[Piece]:
    """Yield the pieces of a body in prefix order."""
    for tool in ctx.tools:
        bare, _ = take_from_tool(tool.value)
        yield Piece(tool.path, "tools", "tool", json_text(bare), 0)
    blocks = 0
    for block in ctx.by_message.get(-1, ()):
        blocks += 1
        yield _piece_of(block, blocks)
    for index, message in enumerate(ctx.messages):
        inside = ctx.by_message.get(index, ())
        items = ctx.form == RESPONSES
        role = role_of(message.value) if items else message.value.get("role")
        section: Section = "system" if role in ("system", "developer") else "messages"
        yield Piece(f"{message.path}.role", section, "role", str(role), blocks)
        for name in sorted(map(str, message.value)):
            if items and _is_aside(name, message.value):
                continue
            if name not in _PASSED and message.value.get(name) is not None:
                text = _text(message.value[name])
                yield Piece(f"{message.path}.{name}", section, name, text, blocks)
        for block in inside:
            blocks += 1
            yield _piece_of(block, blocks)
        yield from _calls(message, section, blocks)


def _is_aside(name: str, item: Mapping[str, Any]) -> bool:
    """Say whether a field of a Responses item is no text of the prompt, or is read as a block."""
    kind = item.get("type")
    if name == "output":
        return role_of(item) == "tool"
    return (name in _NAMES and kind != "item_reference") or (name == "type" and kind == "message")


def _calls(message: Entry, section: Section, blocks: int) -> Iterator[Piece]:
    calls = message.value.get("tool_calls")
    for index, call in enumerate(calls if isinstance(calls, list) else ()):
        path = f"{message.path}.tool_calls[{index}]"
        yield Piece(path, section, "tool_calls", json_text(call), blocks)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json_text(value)


def _piece_of(block: Block, blocks: int) -> Piece:
    if block.text is not None and (isinstance(block.value, str) or _is_plain(block.value)):
        return Piece(block.path, block.section, "text", block.text, blocks)
    bare, _ = take_from_message({"content": [block.value]})
    text = json_text(bare["content"][0]) if bare["content"] else ""
    return Piece(block.path, block.section, "block", text, blocks)


def _is_plain(part: Mapping[str, Any]) -> bool:
    if part.keys() <= _PLAIN:
        return True
    return part.keys() <= _ANSWER and not any(part.get(key) for key in _EMPTY)


def common_pieces(one: Sequence[Piece], other: Sequence[Piece]) -> int:
    """Return how many pieces two requests have in common from their start."""
    common = 0
    for mine, theirs in zip(one, other, strict=False):
        if not mine.is_like(theirs):
            break
        common += 1
    return common


def mark_ends(ctx: Context, markers: tuple[Marker, ...]) -> list[int]:
    """Return how many pieces stand before the end of each marker."""
    counts = [piece.blocks for piece in ctx.pieces]
    tools = {piece.path: index + 1 for index, piece in enumerate(ctx.pieces[: len(ctx.tools)])}
    ends = []
    for marker in markers:
        if marker.where == "tool":
            ends.append(tools.get(marker.target, 0))
        elif marker.where == "request":
            ends.append(len(counts))
        else:
            # The piece with this many blocks that is the block itself: the first of them.
            ends.append(bisect_right(counts, marker.end - 1) + 1 if marker.end else 0)
    return ends
