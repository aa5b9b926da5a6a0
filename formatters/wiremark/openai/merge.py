"""Multi-agent history for OpenAI: a run of conversation becomes one user message with parts.

Behaviour: facts of agentscope-java at c2d43f86 (2026-08-22), section "OpenAI multi-agent". The name
stands before each line only when the run holds two messages or more: a run that grows from one
message to two is therefore new text at its start, in both layouts.
"""

from __future__ import annotations

from typing import Final

from ..base.grouping import Group
from ..base.history import Bit
from ..base.text import Media, result_text
from ..base.trace import Trace
from ..messages import Base64Source, Block, MediaBlock, Msg, URLSource, is_media
from .media import media_part

__all__ = ["cut_history"]

_OPEN: Final = "<history>\n"
_CLOSE: Final = "</history>\n"


def cut_history(group: Group, prompt: str, media: Media, trace: Trace) -> list[list[Bit]]:
    """Return the bits each source message adds, the opening before the first, the closing last."""
    bits: list[Bit] = [prompt + _OPEN]
    units = []
    named = len(group.messages) > 1
    for index, message in enumerate(group.messages, group.start):
        trace.index = index
        prefix = f"{message.name}: " if named and message.name else ""
        for number, block in enumerate(message.content):
            if block.type == "text":
                bits.append(f"{prefix}{block.text}\n")
            else:
                _add(block, message, prefix, bits, media, trace, number)
        units.append(bits)
        bits = []
    units.append([_CLOSE])
    return units


def _add(
    block: Block,
    message: Msg,
    prefix: str,
    bits: list[Bit],
    media: Media,
    trace: Trace,
    number: int,
) -> None:
    quirks = media.quirks
    if block.type == "hint":
        if block.hint is not None or quirks.null_hints:
            bits.append(f"{prefix}{'null' if block.hint is None else block.hint}\n")
    elif block.type == "thinking":
        if block.thinking:
            bits.append(f"{prefix}[Thinking]: {block.thinking}\n")
        elif prefix and quirks.dangling_thought_prefix:
            bits.append(prefix)
    elif block.type == "tool_result":
        said = result_text(block, media, trace, number) or "[Empty tool result]"
        speaker = "null" if message.name is None else message.name
        tool = "null" if block.name is None else block.name
        bits.append(f"{speaker} ({tool}): {said}\n")
    elif is_media(block):
        bits.append(None)
        part, text = media_part(block, media, trace, f"content[{number}]")
        if part is not None:
            bits.append(part)
        else:
            bits.append(f"{prefix}{_replacement(block, text)}\n")


def _replacement(block: MediaBlock, text: str) -> str:
    """Return the text for a medium that is not sent, in the wording of the history."""
    if block.type == "video" and block.source is None:
        return "[Video - null source]"
    if block.type == "audio":
        if isinstance(block.source, URLSource) and not block.source.url:
            return "[Audio - null or empty URL]"
        if isinstance(block.source, Base64Source) and not block.source.data:
            return "[Audio - null or empty data]"
    return text
