"""`UsageTotals`: turns added up, by model and in all, with snapshots for checkpoints.

Reads no file. A snapshot is plain JSON data of a version; newer versions are refused, older ones
read.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Any, Self

from .model import COUNTS, Usage
from .snapshots import ZERO, Snapshot, difference, read_snapshot, write_snapshot
from .sums import UsageSum, usage_of

__all__ = ["UsageTotals"]


class UsageTotals:
    """Tokens of turns, added; mutable, and safe to share between threads.

    `add` is atomic under a lock, and reading sees whole turns only. Turns whose model is not known
    stand under the name `""`. Two totals are equal when what they hold is, in whatever order it
    was added.

    Snapshots. Version 2, which is written::

        {"wiremark": "usage-totals", "version": 2,
         "models": {"qwen-plus": {"turns": 3, "input": 900, ..., "rated_input": 900,
                                  "rated_read": 600, "unreported": {"reasoning": 3}}}}

    Version 1, which is read, is one flat record as agent frameworks keep it, with or without
    `"version": 1`: `turns`, the counts of `Usage`, and `model`. pydantic-ai's names (`requests`,
    `input_tokens`, `cache_read_tokens`, ...), agentscope-java's (`inputTokens`, `cachedTokens`,
    ...) and TinyAgent's, which are ours, will do. Such a record does not tell 0 from not reported,
    so a count of 0 is read as not reported. Without `turns` it is one turn.
    """

    __hash__ = None  # type: ignore[assignment]

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._models: dict[str, UsageSum] = {}

    def add(self, item: object, *, model: str | None = None, provider: str | None = None) -> Usage:
        """Add a turn, and return the usage that was added.

        `item` is a `Usage`, a reply, or a provider's response as `Usage.from_response` takes it.
        `model` is the name to count it under; without it, the one that the item names.
        """
        usage = usage_of(item, model=model, provider=provider)
        turn = UsageSum.of(usage)
        name = usage.model or ""
        with self._lock:
            self._models[name] = self._models.get(name, ZERO) + turn
        return usage

    @property
    def by_model(self) -> dict[str, UsageSum]:
        """Return the sums of each model, by its name in order."""
        with self._lock:
            return dict(sorted(self._models.items()))

    @property
    def total(self) -> UsageSum:
        """Return the sums of all models."""
        return sum(self.by_model.values(), ZERO)

    @property
    def turns(self) -> int:
        """Return how many turns were added."""
        return self.total.turns

    @property
    def input(self) -> int:
        """Return the input tokens, those of a cache included."""
        return self.total.input

    @property
    def output(self) -> int:
        """Return the output tokens, reasoning included."""
        return self.total.output

    @property
    def cache_read(self) -> int:
        """Return the input tokens read from a cache."""
        return self.total.cache_read

    @property
    def cache_write(self) -> int:
        """Return the input tokens written to a cache."""
        return self.total.cache_write

    @property
    def cache_write_5m(self) -> int:
        """Return the part of `cache_write` that lives five minutes."""
        return self.total.cache_write_5m

    @property
    def cache_write_1h(self) -> int:
        """Return the part of `cache_write` that lives an hour."""
        return self.total.cache_write_1h

    @property
    def reasoning(self) -> int:
        """Return the part of `output` that is reasoning."""
        return self.total.reasoning

    @property
    def hit_rate(self) -> float | None:
        """Return the share of the input read from cache, 0 to 1, weighted by tokens.

        Over the turns that reported both counts; `None` if none did.
        """
        return self.total.hit_rate

    @property
    def unreported(self) -> dict[str, int]:
        """Return for each count how many turns did not report it; without those all did."""
        return dict(self.total.unreported)

    def snapshot(self) -> dict[str, Any]:
        """Return everything as JSON data for a checkpoint; equal totals give equal text."""
        return write_snapshot(self.by_model)

    @classmethod
    def restore(cls, snapshot: Snapshot) -> Self:
        """Return the totals of a snapshot, given as JSON data or text; exact.

        Raises `MessageError` with the path of what cannot be, and for a version that is newer than
        this release reads.
        """
        totals = cls()
        totals._models = read_snapshot(snapshot)
        return totals

    def rewind(self, snapshot: Snapshot | UsageTotals) -> UsageTotals:
        """Go back to an earlier snapshot of these totals, and return the share taken back.

        Raises `MessageError`, and changes nothing, if the snapshot is not an earlier one.
        """
        earlier = _models_of(snapshot)
        share = UsageTotals()
        with self._lock:
            share._models = difference(self._models, earlier)
            self._models = earlier
        return share

    def copy(self) -> Self:
        """Return totals of their own with the same sums."""
        fresh = type(self)()
        fresh += self
        return fresh

    def __add__(self, other: UsageTotals) -> Self:
        if not isinstance(other, UsageTotals):
            return NotImplemented
        fresh = self.copy()
        fresh += other
        return fresh

    def __radd__(self, other: object) -> Self:
        """Begin a `sum()` of totals."""
        return self.copy() if type(other) is int and other == 0 else NotImplemented

    def __iadd__(self, other: UsageTotals) -> Self:
        if not isinstance(other, UsageTotals):
            return NotImplemented
        theirs = other.by_model
        with self._lock:
            for name, held in theirs.items():
                self._models[name] = self._models.get(name, ZERO) + held
        return self

    def __sub__(self, earlier: Snapshot | UsageTotals) -> UsageTotals:
        """Return what was added since a snapshot; raises `MessageError` if it is none of these."""
        if not isinstance(earlier, UsageTotals | Mapping | str | bytes):
            return NotImplemented
        share = UsageTotals()
        share._models = difference(self.by_model, _models_of(earlier))
        return share

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, UsageTotals):
            return NotImplemented
        return self.by_model == other.by_model

    def __reduce__(self) -> tuple[Any, ...]:
        return (type(self).restore, (self.snapshot(),))

    def __repr__(self) -> str:
        total = self.total
        return f"<UsageTotals {total.turns} turns, {total.input} input, {total.output} output>"

    def to_dict(self) -> dict[str, Any]:
        """Return the totals for a reader: counts that no turn reported are null.

        For a checkpoint take `snapshot`, which can be read again.
        """
        models = {name: _shown(held) for name, held in self.by_model.items()}
        return {**_shown(self.total), "by_model": models}

    def __str__(self) -> str:
        total = self.total
        rows: list[tuple[str, ...]] = [
            ("model", "turns", "input", "output", "cache read", "cache write", "hit rate")
        ]
        rows += [_row(name or "(not named)", held) for name, held in self.by_model.items()]
        if len(rows) != 2:
            rows.append(_row("all", total))
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        lines = [
            "  ".join([row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])])
            for row in rows
        ]
        silent = [f"{name} by {turns}" for name, turns in total.unreported.items()]
        if silent:
            turns = f"{total.turns} turn{'s' * (total.turns != 1)}"
            lines.append(f"not reported, of {turns}: {', '.join(silent)}")
        return "\n".join(lines)


def _models_of(value: Snapshot | UsageTotals) -> dict[str, UsageSum]:
    return value.by_model if isinstance(value, UsageTotals) else read_snapshot(value)


def _row(name: str, held: UsageSum) -> tuple[str, ...]:
    usage = held.usage
    counts = (usage.input, usage.output, usage.cache_read, usage.cache_write)
    rate = "-" if held.hit_rate is None else f"{held.hit_rate:.1%}"
    return (name, f"{held.turns:,}", *("-" if c is None else f"{c:,}" for c in counts), rate)


def _shown(held: UsageSum) -> dict[str, Any]:
    usage = held.usage
    return {
        "turns": held.turns,
        **{name: getattr(usage, name) for name in COUNTS},
        "hit_rate": held.hit_rate,
        "unreported": dict(held.unreported),
    }
