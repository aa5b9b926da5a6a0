"""Multi-agent history: how messages fall into runs, and where wishes of merged messages go.

What the text of a run looks like is each protocol's own affair.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Any, Final, Literal, TypeAlias

from ..errors import OptionError
from ..marks import Slot, Wish
from ..messages import BYPASS_HISTORY_MERGE, CACHE_CONTROL, CACHE_DYNAMIC, Msg, Role
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
    "lay_out",
    "note_history",
    "run_kind",
]

HistoryLayout: TypeAlias = Literal["merged", "append_only"]

_ASSISTANT: Final = Role.ASSISTANT
_SYSTEM: Final = Role.SYSTEM
_TOOL: Final = Role.TOOL

HISTORY_PROMPT: Final = (
    "# Conversation History\n"
    "The content between <history></history> tags contains your conversation history\n"
)


Bit: TypeAlias = "str | dict[str, Any] | None"
"""A stretch of history text, a part, or the end of a text part (None)."""


def as_parts(bits: Iterable[Bit], wrap: Callable[[str], dict[str, Any]]) -> list[dict[str, Any]]:
    """Return bits as parts: texts that follow each other are one part."""
    parts: list[dict[str, Any]] = []
    texts: list[str] = []
    for bit in bits:
        if isinstance(bit, str):
            texts.append(bit)
            continue
        if texts:
            parts.append(wrap("".join(texts)))
            texts = []
        if bit is not None:
            parts.append(dict(bit))
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


def run_kind(message: Msg) -> GroupKind:
    """Return the kind of run that a message belongs to where system messages stay in place."""
    if message.metadata and message.metadata.get(BYPASS_HISTORY_MERGE) is True:
        return "bypass"
    if message.role is _SYSTEM:
        return "system"
    if message.role is _TOOL or "tool_use" in message.block_types:
        return "tools"
    return "conversation"


def lay_out(
    units: Sequence[Sequence[Bit]],
    trace: Trace,
    *,
    layout: HistoryLayout,
    reuse_at: Literal["message", "block"],
    wrap: Callable[[str], dict[str, Any]],
) -> list[dict[str, Any]]:
    """Return a history as user messages with parts: merged, or cut where reuse works.

    `units` hold what each source message adds, and the closing tag last.
    """
    if layout == "merged":
        return [{"role": "user", "content": as_parts((b for unit in units for b in unit), wrap)}]
    made = [as_parts(unit, wrap) for unit in units]
    if reuse_at == "message":
        out: list[dict[str, Any]] = []
        for parts in made[:-1]:
            if parts:
                out.append({"role": "user", "content": parts})
            trace.unit_end(message=len(out) - 1)
        return [*out, {"role": "user", "content": made[-1]}]
    content: list[dict[str, Any]] = []
    for parts in made[:-1]:
        content += parts
        trace.unit_end(message=0, part=len(content) - 1)
    return [{"role": "user", "content": content + made[-1]}]


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
        if trace.turn_starts is not None and message.role is _ASSISTANT:
            trace.turn_starts.append((first + len(out), None))
        trace.index = index
        if message.metadata or message.has_wishes:
            trace.begin(index, message)
            made = convert(message, trace)
            if not lost:
                trace.end(message, first + len(out), len(made))
            trace.wants_ends = False
            out += made
        else:
            out += convert(message, trace)
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
    apart. Otherwise the run has one boundary. `lost` drops the wishes.
    """
    units = trace.take_units()
    if len(units) == len(group.messages):
        _note_apart(group, units, trace, first, lost=lost)
        if last_run:
            trace.dynamic.append(_closing(first, made))
    else:
        _note_merged(group, trace, first + len(made) - 1, lost=lost)
        if last_run:
            trace.growing.append(first + len(made) - 1)


def _note_apart(
    group: Group, units: Sequence[Slot], trace: Trace, first: int, *, lost: bool
) -> None:
    """Note each message's wishes at its end; what is asked of its start counts behind the last."""
    before: Slot | None = None
    for index, (message, unit) in enumerate(zip(group.messages, units, strict=True), group.start):
        start, before = _behind(before, unit, first), unit
        if message.role is _ASSISTANT and trace.turn_starts is not None:
            trace.turn_starts.append(start)
        if message.metadata.get(CACHE_DYNAMIC) is True:
            trace.dynamic.append(Slot(message=start[0], part=start[1]))
        if not lost:
            end = Slot(message=first + (unit.message or 0), part=unit.part)
            trace.wishes += _wishes(message, index, end)


def _behind(before: Slot | None, unit: Slot, first: int) -> tuple[int, int | None]:
    """Return message and part right behind `before`, where the text of `unit` starts."""
    if unit.part is not None:
        part = 0 if before is None or before.part is None else before.part + 1
        return first + (unit.message or 0), part
    return (first if before is None else first + (before.message or 0) + 1), None


def _closing(first: int, made: Sequence[dict[str, Any]]) -> Slot:
    """Return where the closing tag stands: it moves when the run grows."""
    if len(made) > 1:
        return Slot(message=first + len(made) - 1)
    return Slot(message=first, part=len(made[0]["content"]) - 1)


def _note_merged(group: Group, trace: Trace, end: int, *, lost: bool) -> None:
    """Give all wishes of a run to its one boundary: the last directive among them decides."""
    assistant = dynamic = False
    for index, message in enumerate(group.messages, group.start):
        assistant = assistant or message.role is _ASSISTANT
        if message.metadata or message.has_wishes:
            dynamic = dynamic or message.metadata.get(CACHE_DYNAMIC) is True
            if not lost:
                trace.wishes += (
                    replace(wish, origin="message")
                    for wish in _wishes(message, index, Slot(message=end))
                )
    if dynamic:
        trace.dynamic.append(Slot(message=end))
    if assistant and trace.turn_starts is not None:
        trace.turn_starts.append((end, None))


def _wishes(message: Msg, index: int, slot: Slot) -> Iterable[Wish]:
    path = f"messages[{index}]"
    for _, value, where in block_wishes(message):
        yield Wish("block", value, slot, f"{path}.{where}")
    value = message.metadata.get(CACHE_CONTROL)
    if value is not None:
        yield Wish("message", value, slot, f"{path}.metadata.{CACHE_CONTROL}")
