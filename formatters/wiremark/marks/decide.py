"""From wishes to decisions: where each mark goes, which ones survive, with which TTL.

The steps, in order: read values, resolve slots, let vetoes and dynamic content speak, merge
wishes on one slot, keep to the budget, keep to the TTL order. Nothing is placed here.
"""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from ..errors import CacheBudgetWarning, TooManyMarks, UnreadableWish
from ..rules import ttl_seconds
from .plan import Outcome
from .reasons import REASONS
from .slots import Key, SlotMap
from .view import RequestView
from .wish import LEVELS, Slot, Wish, read_value

__all__ = ["Ask", "Decided", "decide"]

_AUTO: Final = LEVELS["auto"]
_EXISTING: Final = LEVELS["existing"]


@dataclass(slots=True)
class Ask:
    """A wish for a mark on its way to a decision; `notes` are reason codes to report."""

    wish: Wish
    level: int
    seq: int
    ttl: str | None = None
    key: Key | None = None
    outcome: Outcome = "placed"
    reason: str = ""
    notes: list[str] = field(default_factory=list)
    facts: dict[str, object] = field(default_factory=dict)

    def drop(self, reason: str, **facts: object) -> None:
        """Decide that the wish leaves no marker."""
        self.outcome, self.reason = "dropped", reason
        self.facts.update(facts)


@dataclass(slots=True)
class Decided:
    """All asks with their outcomes, the marks that stand, and the view they were judged by."""

    asks: list[Ask]
    marks: dict[Key, Ask]
    view: RequestView


@dataclass(frozen=True, slots=True)
class _Veto:
    level: int
    seq: int
    path: str
    offset: int | None


class _Vetoes:
    """Wishes of `False`: on whole messages, and on single boundaries."""

    __slots__ = ("_at", "_slots")

    def __init__(self, slots: SlotMap) -> None:
        self._slots = slots
        self._at: dict[Key | int, list[_Veto]] = {}

    def add(self, wish: Wish, seq: int) -> None:
        where = self._slots.exact(wish.at)
        at: Key | int | None = where if where is not None else wish.at.message
        if at is None:
            at = self._slots.whole
        veto = _Veto(LEVELS[wish.origin], seq, wish.path, wish.at.offset)
        self._at.setdefault(at, []).append(veto)

    def against(self, key: Key, level: int, seq: int) -> str | None:
        """Return the path of the veto that wins over a wish at a boundary, if there is one."""
        if not self._at:
            return None
        nothing: list[_Veto] = []
        for veto in self._at.get(key, nothing) + self._at.get(key[0], nothing):
            wins = veto.level > level or (veto.level == level and veto.seq > seq)
            if wins and not self._slots.asked_before(key, veto.offset):
                return veto.path
        return None

    def auto(self, key: Key) -> bool:
        """Say whether an automatic wish is refused at a boundary."""
        return self.against(key, _AUTO, -1) is not None


def decide(
    slots: SlotMap,
    wishes: Sequence[Wish],
    policy: Callable[[RequestView], Iterable[Wish]],
    *,
    dynamic: Sequence[Slot] = (),
    turn_starts: Sequence[Slot] | None = None,
    model: str | None = None,
    strict: bool = False,
    existing_notes: Sequence[str | None] = (),
) -> Decided:
    """Decide over all wishes; `existing_notes[i]` is a reason code to report with wish `i`.

    Raises `UnreadableWish` and `TooManyMarks` under `strict`; warns `CacheBudgetWarning`.
    """
    vetoes = _Vetoes(slots)
    asks = _read(wishes, 0, vetoes, slots, strict=strict, notes=existing_notes)
    view = RequestView(slots, dynamic=dynamic, turn_starts=turn_starts, vetoed=vetoes.auto)
    for ask in asks:
        _resolve(ask, slots)
    automatic = [
        wish if wish.origin == "auto" else replace(wish, origin="auto") for wish in policy(view)
    ]
    more = _read(automatic, len(wishes), vetoes, slots, strict=strict)
    for ask in more:
        _resolve(ask, slots)
    asks += more
    refused = slots.rules.refuses_array(model, tools=bool(slots.tools))
    for ask in asks:
        _admit(ask, slots, view, vetoes, model if refused else None)
    marks = _merge(asks, slots)
    marks = _keep_budget(marks, asks, slots, view, strict=strict)
    _order_ttls(marks, slots)
    return Decided(asks, marks, view)


def _read(
    wishes: Sequence[Wish],
    first: int,
    vetoes: _Vetoes,
    slots: SlotMap,
    *,
    strict: bool,
    notes: Sequence[str | None] = (),
) -> list[Ask]:
    asks: list[Ask] = []
    for index, wish in enumerate(wishes):
        reading = read_value(wish.value)
        if reading.kind == "none":
            continue
        if reading.kind == "veto":
            vetoes.add(wish, first + index)
            continue
        ask = Ask(wish, LEVELS[wish.origin], first + index, reading.ttl)
        asks.append(ask)
        if reading.kind == "unreadable":
            if strict:
                raise UnreadableWish(
                    f"the cache wish {wish.value!r} cannot be read",
                    path=wish.path,
                    advice=REASONS["unreadable-value"].advice.format(),
                )
            ask.drop("unreadable-value", value=repr(wish.value)[:60])
            continue
        if index < len(notes) and (note := notes[index]) is not None:
            ask.notes.append(note)
        if reading.lost:
            ask.notes.append("keys-lost")
            ask.facts["lost"] = ", ".join(reading.lost)
        _clamp(ask, slots)
    return asks


def _clamp(ask: Ask, slots: SlotMap) -> None:
    if ask.ttl is None:
        return
    ttl = slots.rules.nearest_ttl(ask.ttl)
    if ttl != ask.ttl:
        ask.notes.append("ttl-clamped")
        ask.facts["asked"] = ask.ttl
        ask.ttl = ttl


def _resolve(ask: Ask, slots: SlotMap) -> None:
    """Find the boundary at which the mark would stand."""
    if ask.outcome == "dropped":
        return
    ask.key, moved = slots.resolve(ask.wish.at)
    if ask.key is None:
        ask.drop("no-slot")
        return
    if slots.rules.automatic_only and ask.key != slots.whole:
        last = slots.last_before(slots.whole, lambda _: False)
        if ask.key != last:
            ask.drop("automatic-only")
            return
        ask.key, moved = slots.whole, "tail-is-automatic"
    if not moved and "nested-in-result" in ask.notes:
        moved = "nested-in-result"
    if moved:
        ask.outcome, ask.reason = "moved", moved


def _admit(
    ask: Ask, slots: SlotMap, view: RequestView, vetoes: _Vetoes, refusing: str | None
) -> None:
    """Drop what is forbidden at its boundary, and note what is placed although it cannot help."""
    if ask.outcome == "dropped" or ask.key is None:
        return
    veto = vetoes.against(ask.key, ask.level, ask.seq)
    if veto is not None:
        ask.drop("vetoed", veto=veto)
        return
    if ask.key >= view.limit:
        if ask.level == _AUTO:
            ask.drop("behind-dynamic")
            return
        ask.notes.append("behind-dynamic")
    if refusing is not None and slots.is_string(ask.key):
        ask.drop("array-not-accepted", model=refusing)
    elif slots.rules.reuse_at == "message" and not slots.ends(ask.key):
        ask.notes.append("mid-message")


def _merge(asks: Sequence[Ask], slots: SlotMap) -> dict[Key, Ask]:
    """Return one ask a boundary; the others of the same boundary join it."""
    groups: dict[Key, list[Ask]] = {}
    for ask in asks:
        if ask.outcome != "dropped" and ask.key is not None:
            groups.setdefault(ask.key, []).append(ask)
    marks: dict[Key, Ask] = {}
    for key in sorted(groups):
        group = sorted(groups[key], key=lambda ask: (-ask.level, ask.outcome == "moved", ask.seq))
        winner = marks[key] = group[0]
        longest = max(group, key=lambda ask: _seconds(ask, slots))
        if _seconds(longest, slots) > _seconds(winner, slots):
            winner.ttl = longest.ttl
        for other in group[1:]:
            other.outcome, other.reason = "merged", "same-slot"
            other.facts["winner"] = winner.wish.path
    return marks


def _keep_budget(
    marks: dict[Key, Ask],
    asks: Sequence[Ask],
    slots: SlotMap,
    view: RequestView,
    *,
    strict: bool,
) -> dict[Key, Ask]:
    budget = slots.rules.budget
    if budget is None or len(marks) <= budget:
        return marks
    kept = set(_by_priority(marks, view)[:budget])
    out = {key: ask for key, ask in marks.items() if key in kept}
    fallen = [ask for ask in asks if ask.outcome != "dropped" and ask.key not in kept]
    for ask in fallen:
        ask.drop("budget", budget=budget, count=len(marks))
    names = ", ".join(dict.fromkeys(ask.wish.path for ask in fallen))
    problem = (
        f"{len(marks)} cache marks are asked for, {slots.rules.name} leaves room for {budget};"
        f" dropped: {names}"
    )
    if strict:
        raise TooManyMarks(problem, path=fallen[0].wish.path, advice="ask for fewer marks")
    warnings.warn(problem, CacheBudgetWarning, stacklevel=_callers_level())
    return out


def _by_priority(marks: dict[Key, Ask], view: RequestView) -> list[Key]:
    """Return boundaries, the most worthwhile first: marks.md, section 3."""
    order: dict[Key, None] = {}
    for tier in (
        [key for key, ask in marks.items() if ask.level > _EXISTING],
        [key for key, ask in marks.items() if ask.level == _EXISTING],
        [key for key, ask in marks.items() if ask.level == _AUTO],
    ):
        if view.tail_key in tier:
            order[view.tail_key] = None
        order.update(dict.fromkeys(tier[:1]))
        if view.previous_key in tier:
            order[view.previous_key] = None
        order.update(dict.fromkeys(reversed(tier)))
    return list(order)


def _order_ttls(marks: dict[Key, Ask], slots: SlotMap) -> None:
    """Lower what follows a shorter explicit mark, raise automatic marks before a longer one."""
    if not slots.rules.ttl_ordered:
        return
    cap: Ask | None = None
    for ask in marks.values():
        if cap is not None and _seconds(ask, slots) > _seconds(cap, slots):
            _change_ttl(ask, cap.ttl, slots)
        if ask.level > _AUTO:
            cap = ask
    longest: Ask | None = None
    for ask in reversed(list(marks.values())):
        if longest is not None and _seconds(longest, slots) > _seconds(ask, slots):
            _change_ttl(ask, longest.ttl, slots)
        longest = ask
    whole = marks.get(slots.whole)
    last = marks.get(slots.last_before(slots.whole, lambda _: False) or slots.whole)
    if whole is not None and last is not None and _seconds(whole, slots) != _seconds(last, slots):
        _change_ttl(whole, last.ttl, slots)


def _change_ttl(ask: Ask, ttl: str | None, slots: SlotMap) -> None:
    default = slots.rules.default_ttl
    ask.notes.append("ttl-order")
    ask.facts["asked"] = ask.ttl or default or "the default"
    ask.ttl = ttl or default


def _seconds(ask: Ask, slots: SlotMap) -> int:
    return ttl_seconds(ask.ttl or slots.rules.default_ttl) or 0


def _callers_level() -> int:
    """Return the stack level of the first frame outside this package, for a warning."""
    package = __name__.partition(".")[0]
    level = 0
    frame = inspect.currentframe()
    while frame is not None and frame.f_globals.get("__name__", "").partition(".")[0] == package:
        level += 1
        frame = frame.f_back
    return level
