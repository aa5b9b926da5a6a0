"""The plan: what became of every wish, as a value that can be compared, printed and stored."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from ..findings import Finding
from ..rules import marker_value
from .wish import Origin, Slot

__all__ = ["Decision", "Outcome", "Plan"]

Outcome: TypeAlias = Literal["placed", "moved", "merged", "dropped"]

_COLUMNS = ("slot", "role", "first words", "origin", "decision", "ttl", "reason")


@dataclass(frozen=True, slots=True)
class Decision:
    """What became of one wish.

    `slot` is where its mark stands, or for a dropped wish where it was asked for; `where` is the
    same as a path into the request. `role` and `words` (its first words) describe that place.
    `path` says where the wish came from. `form` and `ttl` are the marker's; empty if dropped.
    """

    slot: Slot
    where: str
    role: str
    words: str
    origin: Origin
    path: str
    decision: Outcome
    reason: str
    sentence: str
    form: str = ""
    ttl: str | None = None

    @property
    def marker(self) -> dict[str, Any] | None:
        """Return the marker that stands at `slot` as a fresh dict, `None` if dropped."""
        return marker_value(self.form, self.ttl) if self.form else None

    def to_dict(self) -> dict[str, Any]:
        """Return the decision as JSON-able data."""
        out: dict[str, Any] = {
            "slot": self.where,
            "role": self.role,
            "words": self.words,
            "origin": self.origin,
            "path": self.path,
            "decision": self.decision,
            "reason": self.reason,
            "sentence": self.sentence,
        }
        if self.form:
            out["marker"] = {self.form: self.marker}
        return out


@dataclass(frozen=True, slots=True)
class Plan:
    """The decisions over all wishes of a request, in the order of the request.

    `converted` holds the indices of messages whose string content became an array; with it
    `strip_marks` is exact. `note` says what the choice of rules does not know.
    """

    decisions: tuple[Decision, ...] = ()
    findings: tuple[Finding, ...] = ()
    rules: str = ""
    policy: str = "manual"
    note: str = ""
    converted: tuple[int, ...] = ()

    @property
    def placed(self) -> tuple[tuple[str, dict[str, Any]], ...]:
        """Return the markers that stand in the request, in order, as (path, marker)."""
        return tuple(
            (decision.where, marker)
            for decision in self.decisions
            if decision.decision in ("placed", "moved") and (marker := decision.marker) is not None
        )

    @property
    def dropped(self) -> tuple[Decision, ...]:
        """Return the decisions over wishes that left no marker."""
        return tuple(item for item in self.decisions if item.decision == "dropped")

    def to_dict(self) -> dict[str, Any]:
        """Return the plan as JSON-able data."""
        return {
            "rules": self.rules,
            "policy": self.policy,
            "note": self.note,
            "decisions": [item.to_dict() for item in self.decisions],
            "findings": [item.to_dict() for item in self.findings],
            "converted": list(self.converted),
        }

    def rows(self) -> list[tuple[str, ...]]:
        """Return the table as rows of plain text, the head first."""
        rows: list[tuple[str, ...]] = [_COLUMNS]
        for item in self.decisions:
            reason = f"{item.reason}: {item.sentence}"
            ttl = (item.ttl or "default") if item.form else "-"
            words = item.words or "-"
            what = item.path.partition(": ")[2] if item.origin == "auto" else ""
            origin = f"{item.origin}, {what}" if what else item.origin
            rows.append((item.where, item.role, words, origin, item.decision, ttl, reason))
        return rows

    def __str__(self) -> str:
        head = f"cache marks: rules {self.rules or '-'}, policy {self.policy}"
        lines = [head, *_table(self.rows())] if self.decisions else [head, "no wishes"]
        if self.note:
            lines.append(f"note: {self.note}")
        lines.extend(str(item) for item in self.findings)
        return "\n".join(lines)


def _table(rows: Sequence[tuple[str, ...]]) -> list[str]:
    widths = [max(len(row[column]) for row in rows) for column in range(len(_COLUMNS) - 1)]
    return [
        "  ".join([*(cell.ljust(width) for cell, width in zip(row, widths, strict=False)), row[-1]])
        for row in rows
    ]
