"""Placing marks: wishes and a policy in, marked messages and the plan out. Pure.

The input is never modified. What is marked is replaced along its path by fresh dicts, so that a
part which somebody else holds never receives a marker.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Any

from ..findings import Finding
from ..rules import CacheRules
from .decide import Ask, Decided, decide
from .plan import Plan
from .policies import Policy, PolicyLike, manual, resolve_policy
from .report import Reporter
from .scan import Taken, cache_point, copied, take_from_message, take_from_tools
from .slots import Key, PartShape, SlotMap
from .wish import Slot, Wish

__all__ = ["Marked", "place_marks"]

_NOTES = {
    "part": None,
    "point": None,
    "message": "message-level",
    "nested": "nested-in-result",
}


@dataclass(frozen=True, slots=True)
class Marked:
    """Messages and tools with their marks, the mark of the request as a whole, and the plan."""

    messages: list[dict[str, Any]]
    tools: list[dict[str, Any]]
    plan: Plan
    automatic: dict[str, Any] | None = None


def place_marks(  # noqa: PLR0913 one call is the whole job; all but two have defaults
    messages: Sequence[Mapping[str, Any]],
    *,
    rules: CacheRules,
    shape: PartShape,
    wishes: Sequence[Wish] = (),
    policy: PolicyLike | str = manual,
    policy_name: str | None = None,
    dynamic: Sequence[Slot] = (),
    turn_starts: Sequence[Slot] | None = None,
    growing: Sequence[int] = (),
    tools: Sequence[Mapping[str, Any]] = (),
    model: str | None = None,
    strict: bool = False,
    owned: bool = False,
    bare: bool = False,
    messages_path: str = "messages",
    tools_path: str = "tools",
    note: str = "",
    findings: Iterable[Finding] = (),
) -> Marked:
    """Return wire messages and tools with the marks that were asked for, and the plan.

    `wishes` come in the order of the messages. `dynamic` are slots whose text changes from request
    to request, `turn_starts` slots where assistant output begins (by default the messages with
    role assistant), `growing` messages whose text grows before its end. Markers that stand in the
    input are read as wishes and taken out first.
    `owned`: the list of messages is the caller's to give away: it is changed in place and returned,
    and what is not marked is not copied.
    `bare`: no marker stands in the input, which is not searched for any.
    `messages_path` and `tools_path` say where both stand in the request.
    `policy_name` is what the plan calls the policy, `note` what it says of the choice of rules;
    `findings` are put before those of the plan.

    Raises `UnreadableWish` or `TooManyMarks` under `strict`; warns `CacheBudgetWarning`.
    """
    out = _taken_over(messages, owned=owned)
    tools_out = list(_taken_over(tools, owned=owned))
    chosen = resolve_policy(policy)
    if policy_name is not None:
        chosen = Policy(policy_name, chosen.select, chosen.ttl)
    paths = _Paths(messages_path, tools_path)
    existing = _Existing() if bare else _take_existing(out, tools_out, paths)
    asked: Sequence[Wish] = wishes
    if existing.points:
        asked = [replace(wish, at=existing.moved_up(wish.at)) for wish in wishes]
        dynamic = [existing.moved_up(slot) for slot in dynamic]
        if turn_starts is not None:
            turn_starts = [existing.moved_up(slot) for slot in turn_starts]
    asked = [*existing.wishes, *asked] if existing.wishes else asked
    early = tuple(findings)
    if not asked and not dynamic and chosen.select is manual.select:
        return Marked(out, tools_out, Plan((), early, rules.name, chosen.name, note))
    slots = SlotMap(out, tools_out, rules, shape)
    reporter = Reporter(slots, paths.message, tools_path, dynamic, growing)
    if rules.marker == "none":
        decisions, found = reporter.without_markers(asked, chosen.name)
        plan = Plan(decisions, early + found, rules.name, chosen.name, note)
        return Marked(out, tools_out, plan)
    decided = decide(
        slots,
        asked,
        chosen,
        dynamic=dynamic,
        turn_starts=turn_starts,
        model=model,
        strict=strict,
        existing_notes=existing.notes,
    )
    before = reporter.describe(decided)
    placed = _write(out, tools_out, decided, slots)
    made, found = reporter.report(decided, before, placed.parts)
    plan = Plan(made, early + found, rules.name, chosen.name, note, placed.converted)
    return Marked(out, tools_out, plan, placed.automatic)


class _Paths:
    __slots__ = ("_messages", "tools")

    def __init__(self, messages: str, tools: str) -> None:
        self._messages = messages
        self.tools = tools

    def message(self, index: int) -> str:
        return f"{self._messages}[{index}]"


def _taken_over(items: Sequence[Mapping[str, Any]], *, owned: bool) -> list[dict[str, Any]]:
    if not owned:
        return [copied(item) for item in items]
    return items if isinstance(items, list) else list(items)  # type: ignore[arg-type]


@dataclass(slots=True)
class _Existing:
    """Markers that stood in the input, as wishes with what to report; and where points stood.

    `points` are indices by message; -1 stands for the tools.
    """

    wishes: list[Wish] = field(default_factory=list)
    notes: list[str | None] = field(default_factory=list)
    points: dict[int, list[int]] = field(default_factory=dict)

    def add(self, message: int, taken: Taken, path: str) -> None:
        for item in taken.found:
            slot = Slot(tool=item.at) if message < 0 else Slot(message=message, part=item.at)
            self.wishes.append(Wish("existing", item.value, slot, path + item.path))
            self.notes.append(_NOTES[item.level])
        if taken.points:
            self.points[message] = taken.points

    def moved_up(self, slot: Slot) -> Slot:
        """Return a slot of the input, counted without cache points."""
        if slot.tool is not None:
            return replace(slot, tool=slot.tool - self._before(-1, slot.tool))
        if slot.message is None or slot.part is None:
            return slot
        return replace(slot, part=slot.part - self._before(slot.message, slot.part))

    def _before(self, message: int, index: int) -> int:
        return sum(point <= index for point in self.points.get(message, ()))


def _take_existing(
    messages: list[dict[str, Any]], tools: list[dict[str, Any]], paths: _Paths
) -> _Existing:
    """Take all markers out of messages and tools; return them as wishes."""
    existing = _Existing()
    for index, message in enumerate(messages):
        fresh, taken = take_from_message(message)
        if taken.found:
            messages[index] = fresh
            existing.add(index, taken, f"{paths.message(index)}.")
    bare, taken = take_from_tools(tools)
    if taken.found:
        tools[:] = bare
        existing.add(-1, taken, paths.tools)
    return existing


@dataclass(slots=True)
class _Placed:
    """Where the marks went: boundary to index, converted messages, and the automatic mark."""

    parts: dict[Key, int]
    converted: tuple[int, ...]
    automatic: dict[str, Any] | None


def _write(
    messages: list[dict[str, Any]],
    tools: list[dict[str, Any]],
    decided: Decided,
    slots: SlotMap,
) -> _Placed:
    parts: dict[Key, int] = {}
    converted: list[int] = []
    automatic: dict[str, Any] | None = None
    by_message: dict[int, list[tuple[Key, Ask]]] = {}
    rules = slots.rules
    for key, ask in decided.marks.items():
        if key == slots.whole:
            automatic = rules.marker_value(ask.ttl)
        else:
            by_message.setdefault(key[0], []).append((key, ask))
    for index, marks in by_message.items():
        if index < 0:
            _write_marks(tools, [key[1] for key, _ in marks], marks, rules, parts)
            continue
        message = messages[index]
        content = message["content"]
        if isinstance(content, str):
            cuts = [slots.cut_of(key) for key, _ in marks]
            fresh = _cut(content, cuts, slots.shape)
            numbers = list(range(len(marks)))
            converted.append(index)
        else:
            fresh = list(content)
            numbers = [key[1] for key, _ in marks]
        _write_marks(fresh, numbers, marks, rules, parts)
        messages[index] = {**message, "content": fresh}
    return _Placed(parts, tuple(converted), automatic)


def _write_marks(
    blocks: list[Any],
    numbers: Sequence[int],
    marks: Sequence[tuple[Key, Ask]],
    rules: CacheRules,
    parts: dict[Key, int],
) -> None:
    """Write markers on, or behind, the numbered blocks of a list, and note where they stand."""
    points = 0
    for number, (key, ask) in zip(numbers, marks, strict=True):
        marker = rules.marker_value(ask.ttl)
        if rules.marker == "cache_point":
            points += 1
            parts[key] = number + points
            blocks.insert(parts[key], cache_point(marker))
        else:
            parts[key] = number
            blocks[number] = {**blocks[number], rules.marker: marker}


def _cut(text: str, cuts: Sequence[int], shape: PartShape) -> list[dict[str, Any]]:
    """Return a string as text parts that end at the cuts, and one for what remains."""
    edges = [0, *cuts] if cuts and cuts[-1] == len(text) else [0, *cuts, len(text)]
    return [shape.wrap(text[start:end]) for start, end in pairwise(edges)]
