"""Multi-agent history for OpenAI: a run of conversation becomes one user message with parts.

Behaviour: facts of agentscope-java at c2d43f86 (2026-08-22), section "OpenAI multi-agent". The name
stands before each line only when the run holds two messages or more: a run that grows from one
message to two is therefore new text at its start, in both layouts.
"""

from __future__ import annotations

from typing import Any, Final

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
    writer = _Writer()
    writer.write(prompt + _OPEN)
    units = []
    for index, message in enumerate(group.messages, group.start):
        trace.begin(index, message)
        prefix = f"{message.name}: " if len(group.messages) > 1 and message.name else ""
        for number, block in enumerate(message.content):
            _add(block, message, prefix, writer, media, trace, f"content[{number}]")
        units.append(writer.take())
    writer.write(_CLOSE)
    units.append(writer.take())
    return units


class _Writer:
    """Collects bits; text goes on with the text before it until a medium comes between."""

    def __init__(self) -> None:
        self._bits: list[Bit] = []
        self._open = False

    def write(self, text: str) -> None:
        self._bits.append(Bit(text, glued=self._open))
        self._open = self._open or bool(text)

    def flush(self) -> None:
        self._open = False

    def part(self, part: dict[str, Any]) -> None:
        self._bits.append(Bit("", glued=False, part=part))
        self._open = False

    def take(self) -> list[Bit]:
        bits, self._bits = self._bits, []
        return bits


def _add(
    block: Block,
    message: Msg,
    prefix: str,
    writer: _Writer,
    media: Media,
    trace: Trace,
    where: str,
) -> None:
    quirks = media.quirks
    if block.type == "text":
        writer.write(f"{prefix}{block.text}\n")
    elif block.type == "hint":
        if block.hint is not None or quirks.null_hints:
            writer.write(f"{prefix}{'null' if block.hint is None else block.hint}\n")
    elif block.type == "thinking":
        if block.thinking:
            writer.write(f"{prefix}[Thinking]: {block.thinking}\n")
        elif prefix and quirks.dangling_thought_prefix:
            writer.write(prefix)
    elif block.type == "tool_result":
        said = result_text(block, media, trace, where) or "[Empty tool result]"
        speaker = "null" if message.name is None else message.name
        tool = "null" if block.name is None else block.name
        writer.write(f"{speaker} ({tool}): {said}\n")
    elif is_media(block):
        writer.flush()
        part, text = media_part(block, media, trace, where)
        if part is not None:
            writer.part(part)
        else:
            writer.write(f"{prefix}{_replacement(block, text)}\n")


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
