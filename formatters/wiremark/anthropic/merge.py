"""Multi-agent history for Anthropic: a run of conversation becomes one user message with blocks.

The texts are those of OpenAI's history: a name before each line when the run holds two messages or
more, thoughts in brackets, results behind the name of their tool.
"""

from __future__ import annotations

from typing import Final

from ..base.grouping import Group
from ..base.history import Bit
from ..base.text import Media, result_text
from ..base.trace import Trace
from ..messages import Block, Msg, is_media
from .media import media_block

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
    if block.type == "text":
        bits.append(f"{prefix}{block.text}\n")
    elif block.type == "hint":
        if block.hint is not None:
            bits.append(f"{prefix}{block.hint}\n")
    elif block.type == "thinking":
        if block.thinking:
            bits.append(f"{prefix}[Thinking]: {block.thinking}\n")
    elif block.type == "tool_result":
        said = result_text(block, media, trace, number) or "[Empty tool result]"
        bits.append(f"{message.name} ({block.name}): {said}\n")
    elif is_media(block):
        made, sent = media_block(block, media, trace, f"content[{number}]")
        bits.append(None)
        bits.append(made if sent else f"{prefix}{made['text']}\n")
