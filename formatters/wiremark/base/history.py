"""Multi-agent history: how messages fall into runs, and where wishes of merged messages go.

What the text of a run looks like is each protocol's own affair.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, TypeAlias

from ..errors import OptionError
from ..marks import Slot, Wish
from ..messages import CACHE_CONTROL, CACHE_DYNAMIC, Msg, Role
from .grouping import Group, GroupKind
from .trace import Trace, block_wishes

__all__ = [
    "HISTORY_PROMPT",
    "Bit",
    "HistoryLayout",
    "as_parts",
    "check_layout",
    "convert_run",
    "group_runs",
    "note_history",
]

HistoryLayout: TypeAlias = Literal["merged", "append_only"]

HISTORY_PROMPT: Final = (
    "# Conversation History\n"
    "The content between <history></history> tags contains your conversation history\n"
)


@dataclass(frozen=True, slots=True)
class Bit:
    """A stretch of history text, or a part; `glued` text goes on with the text right before it."""

    text: str
    glued: bool
    part: dict[str, Any] | None = None


def as_parts(bits: Iterable[Bit], wrap: Callable[[str], dict[str, Any]]) -> list[dict[str, Any]]:
    """Return bits as parts, each text that goes on with the one before joined to it."""
    parts: list[dict[str, Any]] = []
    texts: list[str] = []
    for bit in bits:
        if bit.part is None and bit.glued and texts:
            texts.append(bit.text)
            continue
        if texts:
            parts.append(wrap("".join(texts)))
            texts = []
        if bit.part is None:
            texts.append(bit.text)
        else:
            parts.append(dict(bit.part))
    if texts:
        parts.append(wrap("".join(texts)))
    return parts


def check_layout(layout: HistoryLayout) -> HistoryLayout:
    """Return the layout if it is one; else raise `OptionError`."""
    if layout not in ("merged", "append_only"):
        raise OptionError(
            f"unknown layout {layout!r}",
            path="history_layout",
            advice='use "merged" or "append_only"',
        )
    return layout


def group_runs(
    kinds: Iterable[GroupKind], messages: Sequence[Msg], *, alone: Sequence[GroupKind]
) -> list[Group]:
    """Return runs of messages of equal kind; a kind in `alone` never merges."""
    runs: list[tuple[GroupKind, int, list[Msg]]] = []
    for index, (kind, message) in enumerate(zip(kinds, messages, strict=True)):
        if runs and runs[-1][0] == kind and kind not in alone:
            runs[-1][2].append(message)
        else:
            runs.append((kind, index, [message]))
    return [Group(kind, start, tuple(found)) for kind, start, found in runs]


def convert_run(
    convert: Callable[[Msg, Trace], list[dict[str, Any]]],
    group: Group,
    trace: Trace,
    first: int,
    *,
    lost: bool,
) -> list[dict[str, Any]]:
    """Return the wire messages of a run whose messages stay apart; `lost` drops their wishes."""
    out: list[dict[str, Any]] = []
    for index, message in enumerate(group.messages, group.start):
        trace.begin(index, message)
        made = convert(message, trace)
        if not lost:
            trace.end(message, first + len(out), len(made))
        if trace.turn_starts is not None and message.role is Role.ASSISTANT:
            trace.turn_starts.append(Slot(message=first + len(out)))
        out += made
    return out


def note_history(
    group: Group,
    trace: Trace,
    first: int,
    made: Sequence[dict[str, Any]],
    *,
    last_run: bool,
    lost: bool,
) -> None:
    """Turn wishes of a conversation run into wishes on its wire messages, which start at `first`.

    `trace.units` holds, for each source message, where its text ends, if the layout keeps them
    apart; then the closing tag of the last run is marked as changing. Otherwise the run has one
    boundary, and the last directive among its messages decides.
    """
    units = trace.take_units()
    apart = len(units) == len(group.messages)
    end = Slot(message=first + len(made) - 1)
    final: Wish | None = None
    dynamic = assistant = False
    for number, message in enumerate(group.messages):
        slot = end
        if apart:
            unit = units[number]
            slot = Slot(message=first + (unit.message or 0), part=unit.part)
            if message.role is Role.ASSISTANT and trace.turn_starts is not None:
                trace.turn_starts.append(slot)
            if message.metadata.get(CACHE_DYNAMIC) is True:
                trace.dynamic.append(slot)
        dynamic = dynamic or message.metadata.get(CACHE_DYNAMIC) is True
        assistant = assistant or message.role is Role.ASSISTANT
        for wish in _wishes(message, group.start + number, slot):
            if apart:
                if not lost:
                    trace.wishes.append(wish)
            else:
                final = wish
    if apart:
        if last_run and made:
            content = made[-1].get("content")
            parts = len(content) if isinstance(content, list) and len(made) == 1 else None
            part = None if parts is None else parts - 1
            trace.dynamic.append(Slot(message=first + len(made) - 1, part=part))
        return
    if final is not None and not lost:
        trace.wishes.append(final)
    if dynamic:
        trace.dynamic.append(end)
    if assistant and trace.turn_starts is not None:
        trace.turn_starts.append(end)


def _wishes(message: Msg, index: int, slot: Slot) -> Iterable[Wish]:
    path = f"messages[{index}]"
    for _, value, where in block_wishes(message):
        yield Wish("block", value, slot, f"{path}.{where}")
    value = message.metadata.get(CACHE_CONTROL)
    if value is not None:
        yield Wish("message", value, slot, f"{path}.metadata.{CACHE_CONTROL}")
