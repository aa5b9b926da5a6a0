"""Multi-agent history for DashScope: runs of conversation become user messages.

`merged` is agentscope-java's layout: one user message a run. `append_only` cuts the same text at
source messages, one user message each, so that what was sent stays a prefix of what is sent next;
the closing tag of the last run moves and is therefore marked as changing.
Behaviour: facts of agentscope-java at c2d43f86 (2026-08-22), section "DashScope multi-agent".
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

from ..base.grouping import Group
from ..base.history import Bit
from ..base.text import Media, result_text
from ..base.trace import Trace
from ..messages import Block, is_media
from .media import media_part

__all__ = [
    "CLOSE",
    "OPEN",
    "Piece",
    "cut_parts",
    "history_parts",
    "history_pieces",
    "join_text",
]

OPEN: Final = "<history>\n"
CLOSE: Final = "</history>"


class Piece(NamedTuple):
    """What one source message adds to a history: text, or parts in order, and media behind it."""

    text: str
    parts: tuple[dict[str, Any], ...]


def history_pieces(group: Group, media: Media, trace: Trace) -> list[Piece]:
    """Return the lines of a conversation run for the text layout, media collected behind them."""
    pieces = []
    for index, message in enumerate(group.messages, group.start):
        trace.index = index
        name = "Unknown" if message.name is None else message.name
        if len(message.content) == 1:
            only = message.content[0]
            if only.type == "text":
                pieces.append(Piece(f"{name}: {only.text}\n", ()))
                continue
        lines: list[str] = []
        parts: list[dict[str, Any]] = []
        for number, block in enumerate(message.content):
            _add_lines(block, name, lines, parts, media, trace, f"content[{number}]")
        pieces.append(Piece("".join(lines), tuple(parts)))
    return pieces


def _add_lines(
    block: Block,
    name: str,
    lines: list[str],
    parts: list[dict[str, Any]],
    media: Media,
    trace: Trace,
    where: str,
) -> None:
    quirks = media.quirks
    if block.type == "text":
        lines.append(f"{name}: {block.text}\n")
    elif block.type == "hint":
        if block.hint is not None or quirks.null_hints:
            lines.append(f"{name}: {'null' if block.hint is None else block.hint}\n")
    elif is_media(block):
        if block.type == "audio" and quirks.history_media_lost:
            return
        part, problem = media_part(block, media, trace, where)
        label = block.type.capitalize()
        if problem:
            lines.append(f"{name}: [{label} - processing failed]\n")
        elif block.type == "video" and quirks.history_media_lost:
            lines.append(f"{name}: [Video: {part['video']}]\n")
        else:
            lines.append(f"{name}: [{label}]\n")
            parts.append(part)
    elif block.type == "tool_result":
        trace.not_sent(where, "a tool result in a conversation", "")


def join_text(pieces: list[Piece], head: str) -> str | list[dict[str, Any]]:
    """Return the content of a merged run: a string, or one text part and all media behind it."""
    text = head + "".join(piece.text for piece in pieces) + CLOSE
    parts = [dict(part) for piece in pieces for part in piece.parts]
    return [{"text": text}, *parts] if parts else text


def history_parts(group: Group, media: Media, trace: Trace) -> list[list[Any]]:
    """Return lines (strings) and media (parts) of each message, for the multimodal layout."""
    found: list[list[Any]] = []
    for index, message in enumerate(group.messages, group.start):
        trace.index = index
        name = "Unknown" if message.name is None else message.name
        items: list[Any] = []
        for number, block in enumerate(message.content):
            where = f"content[{number}]"
            if block.type == "text":
                items.append(f"{name}: {block.text}")
            elif block.type == "hint":
                if block.hint is not None or media.quirks.null_hints:
                    items.append(f"{name}: {'null' if block.hint is None else block.hint}")
            elif is_media(block):
                items.append(media_part(block, media, trace, where)[0])
            elif block.type == "tool_result":
                items.append(f"{name}: {result_text(block, media, trace, number)}")
        found.append(items)
    return found


def cut_parts(items: list[list[Any]], head: str) -> list[list[Bit]]:
    """Return the bits each source message adds, the opening before the first, the closing last."""
    units: list[list[Bit]] = []
    bits: list[Bit] = [f"{head}{OPEN[:-1]}"]
    in_text = True
    for message in items:
        for item in message:
            if isinstance(item, str):
                bits.append(f"\n{item}" if in_text else item)
                in_text = True
            else:
                bits.append(item)
                in_text = False
        units.append(bits)
        bits = []
    units.append([f"\n{CLOSE}" if in_text else CLOSE])
    return units
