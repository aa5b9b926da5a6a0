"""From decided asks to the plan: rows with words and paths, and findings."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..findings import Finding
from .decide import Ask, Decided
from .plan import Decision
from .reasons import finding_for, sentence_for
from .slots import Key, SlotMap
from .wish import Slot, Wish, read_value

__all__ = ["Reporter"]

_WORDS = 32
_NOTE_ORDER = (
    "behind-dynamic",
    "growing-history",
    "mid-message",
    "ttl-order",
    "ttl-clamped",
    "message-level",
    "keys-lost",
)
_OF_PLACED = frozenset({"behind-dynamic", "growing-history", "mid-message"})
_AUTO_FINDINGS = frozenset({"budget", "growing-history", "ttl-clamped", "ttl-order"})


@dataclass(frozen=True, slots=True)
class Place:
    """A place as the plan shows it: slot, role and first words."""

    slot: Slot
    role: str
    words: str


class Reporter:
    """Writes the plan of one request."""

    __slots__ = ("_dynamic", "_growing", "_message_path", "_slots", "_tools_path")

    def __init__(
        self,
        slots: SlotMap,
        message_path: Callable[[int], str],
        tools_path: str,
        dynamic: Sequence[Slot],
        growing: Sequence[int] = (),
    ) -> None:
        self._slots = slots
        self._message_path = message_path
        self._tools_path = tools_path
        self._dynamic = dynamic
        self._growing = frozenset(growing)

    def describe(self, decided: Decided) -> list[Place]:
        """Return the place of each ask; to be called before markers are written."""
        return [self._place(ask) for ask in decided.asks]

    def report(
        self, decided: Decided, places: Sequence[Place], parts: Mapping[Key, int]
    ) -> tuple[tuple[Decision, ...], tuple[Finding, ...]]:
        """Return decisions in the order of the request, and findings."""
        rows: list[tuple[tuple[int, int, int], Decision]] = []
        findings: list[Finding] = []
        for ask, place in zip(decided.asks, places, strict=True):
            key = ask.key if ask.key is not None else _asked_key(ask.wish.at)
            if ask.outcome != "dropped" and key[0] in self._growing:
                ask.notes.append("growing-history")
            where = self._where(place.slot, parts.get(key) if ask.outcome != "dropped" else None)
            facts = self._facts(ask, decided)
            reason = ask.reason or next((n for n in _NOTE_ORDER if n in ask.notes), "as-asked")
            findings += self._findings(ask, where, facts)
            winner = decided.marks.get(key) if ask.outcome != "dropped" else None
            rows.append(
                (
                    (*key, ask.seq),
                    Decision(
                        place.slot,
                        where,
                        place.role,
                        place.words,
                        ask.wish.origin,
                        ask.wish.path,
                        ask.outcome,
                        reason,
                        sentence_for(reason, facts),
                        self._slots.rules.marker if winner is not None else "",
                        winner.ttl if winner is not None else None,
                    ),
                )
            )
        rows.sort(key=lambda row: row[0])
        findings += self._unused()
        return tuple(decision for _, decision in rows), tuple(findings)

    def without_markers(
        self, wishes: Sequence[Wish], policy: str
    ) -> tuple[tuple[Decision, ...], tuple[Finding, ...]]:
        """Return the decisions where the provider takes no marks: all wishes dropped."""
        asked = [wish for wish in wishes if read_value(wish.value).kind in ("mark", "unreadable")]
        if policy != "manual":
            asked.append(Wish("auto", True, Slot(), f"policy {policy}"))
        facts = {"rules": self._slots.rules.name}
        sentence = sentence_for("no-markers", facts)
        decisions = []
        for wish in asked:
            place = self._at(wish.at)
            decisions.append(
                Decision(
                    place.slot,
                    self._where(place.slot, None),
                    place.role,
                    place.words,
                    wish.origin,
                    wish.path,
                    "dropped",
                    "no-markers",
                    sentence,
                )
            )
        finding = finding_for("no-markers", "", facts) if asked else None
        return tuple(decisions), (*([finding] if finding else []), *self._unused())

    def _facts(self, ask: Ask, decided: Decided) -> dict[str, object]:
        rules = self._slots.rules
        first = decided.view.dynamic_start
        return {
            "rules": rules.name,
            "ttls": ", ".join(rules.ttls) or "no TTL to ask for",
            "ttl": ask.ttl or rules.default_ttl or "the default",
            "asked_slot": self._where(ask.wish.at, None),
            "dynamic": "" if first is None else self._where(first, None),
            **ask.facts,
        }

    def _findings(self, ask: Ask, where: str, facts: Mapping[str, object]) -> list[Finding]:
        codes = [] if ask.outcome == "dropped" else list(ask.notes)
        if ask.outcome == "merged":
            codes = [code for code in codes if code not in _OF_PLACED]
        if ask.outcome == "dropped":
            codes = [ask.reason]
        if not ask.level:
            codes = [code for code in codes if code in _AUTO_FINDINGS]
        found = (finding_for(code, where, facts) for code in codes)
        return [finding for finding in found if finding is not None]

    def _unused(self) -> list[Finding]:
        """Return what to say about content that lies behind dynamic content."""
        whole = {slot.message for slot in self._dynamic if slot.message is not None}
        if not whole:
            return []
        first = min(whole)
        behind = [
            message.get("content")
            for index, message in enumerate(self._slots.messages)
            if index > first and index not in whole
        ]
        count = sum(
            len(content) if isinstance(content, list) else bool(content) for content in behind
        )
        if not count:
            return []
        path = self._message_path(first)
        found = finding_for("unused-behind-dynamic", path, {"count": count})
        return [found] if found is not None else []

    def _where(self, slot: Slot, part: int | None) -> str:
        if slot.tool is not None:
            tool = slot.tool if part is None else part
            return self._tools_path if tool < 0 else f"{self._tools_path}[{tool}]"
        if slot.message is None:
            return "(request)"
        path = self._message_path(slot.message)
        number = slot.part if part is None else part
        return path if number is None or number < 0 else f"{path}.content[{number}]"

    def _place(self, ask: Ask) -> Place:
        if ask.key is None:
            return self._at(ask.wish.at)
        return self._at(self._slots.slot_of(ask.key))

    def _at(self, slot: Slot) -> Place:
        if slot.tool is not None:
            tools = self._slots.tools
            tool = tools[slot.tool] if 0 <= slot.tool < len(tools) else {}
            inner = tool.get("function", tool.get("toolSpec"))
            named = inner if isinstance(inner, dict) else tool
            return Place(slot, "tool", _first_words(named.get("name")))
        messages = self._slots.messages
        if slot.message is None or not 0 <= slot.message < len(messages):
            return Place(slot, "request", "")
        message = messages[slot.message]
        content: Any = message.get("content")
        if isinstance(content, list):
            number = slot.part if slot.part is not None else len(content) - 1
            content = content[number] if 0 <= number < len(content) else None
            if isinstance(content, dict):
                kind = self._slots.shape.kind(content)
                content = content.get("text") if kind == "text" else f"({kind or 'unknown'})"
        return Place(slot, str(message.get("role", "")), _first_words(content))


def _asked_key(slot: Slot) -> Key:
    if slot.tool is not None:
        return (-1, slot.tool)
    return (slot.message or 0, slot.part or 0)


def _first_words(text: object) -> str:
    """Return the beginning of a text in one printable line."""
    if not isinstance(text, str):
        return ""
    line = " ".join("".join(c if c.isprintable() else " " for c in text[:200]).split())
    return line if len(line) <= _WORDS else line[: _WORDS - 3].rstrip() + "..."
