"""`UsageSum`: the tokens of several turns, added; and the usage that an item for adding holds.

Integers only, so the order of adding leaves no trace. Knows no file and no format of a snapshot.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from ..errors import MessageError
from ..rules import FrozenMap
from .model import COUNTS, Usage

__all__ = ["SUMMED", "UsageSum", "usage_of"]

SUMMED: Final = ("turns", *COUNTS, "rated_input", "rated_read")
"""The integers of a sum that add up, in order."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UsageSum:
    """Tokens of several turns; a count that a turn did not report adds nothing to its sum.

    turns: how many were added
    input to reasoning: the counts of `Usage`, summed over the turns that reported them
    rated_input, rated_read: `input` and `cache_read` of the turns that reported both
    unreported: for each count how many turns did not report it; counts that all did are left out
    """

    turns: int = 0
    input: int = 0
    output: int = 0
    cache_read: int = 0
    cache_write: int = 0
    cache_write_5m: int = 0
    cache_write_1h: int = 0
    reasoning: int = 0
    rated_input: int = 0
    rated_read: int = 0
    unreported: Mapping[str, int] = field(default_factory=FrozenMap)

    def __post_init__(self) -> None:
        missing = {name: self.unreported[name] for name in COUNTS if self.unreported.get(name)}
        object.__setattr__(self, "unreported", FrozenMap(missing))

    @classmethod
    def of(cls, usage: Usage) -> UsageSum:
        """Return the sum of one turn."""
        counts = {name: getattr(usage, name) for name in COUNTS}
        given = {name: count for name, count in counts.items() if count is not None}
        rated = "input" in given and "cache_read" in given
        return cls(
            turns=1,
            rated_input=given["input"] if rated else 0,
            rated_read=min(given["cache_read"], given["input"]) if rated else 0,
            unreported={name: 1 for name in COUNTS if name not in given},
            **given,
        )

    @property
    def hit_rate(self) -> float | None:
        """Return the share of the input read from cache, 0 to 1, `None` if unknown.

        Weighted by tokens, over the turns that reported both counts: others do not dilute it.
        """
        return self.rated_read / self.rated_input if self.rated_input else None

    @property
    def usage(self) -> Usage:
        """Return the sums as one `Usage`; a count that no turn reported is `None`."""
        silent = {name for name, turns in self.unreported.items() if turns == self.turns}
        counts = {name: getattr(self, name) for name in COUNTS if name not in silent}
        return Usage().replace(**counts)

    def contradiction(self) -> tuple[str, str] | None:
        """Return the field that cannot be, and why; `None` where turns can add up to this."""
        for name in SUMMED:
            if getattr(self, name) < 0:
                return name, f"{getattr(self, name)} is below 0"
        for name in COUNTS:
            silent = self.unreported.get(name, 0)
            if not 0 <= silent <= self.turns:
                return f"unreported.{name}", f"{silent} of {self.turns} turns"
            if silent == self.turns and getattr(self, name):
                return name, f"{getattr(self, name)}, but none of {self.turns} turns reported it"
        if self.rated_input > self.input:
            return "rated_input", f"{self.rated_input} of {self.input} input tokens"
        if self.rated_read > min(self.rated_input, self.cache_read):
            return "rated_read", f"{self.rated_read} of {self.rated_input} input tokens"
        return None

    def __add__(self, other: UsageSum) -> UsageSum:
        return self._with(other, 1)

    def __sub__(self, other: UsageSum) -> UsageSum:
        """Return the difference, which `contradiction` tells whether it can be."""
        return self._with(other, -1)

    def _with(self, other: UsageSum, sign: int) -> UsageSum:
        sums = {name: getattr(self, name) + sign * getattr(other, name) for name in SUMMED}
        mine, theirs = self.unreported, other.unreported
        missing = {name: mine.get(name, 0) + sign * theirs.get(name, 0) for name in COUNTS}
        return UsageSum(unreported=missing, **sums)


def usage_of(item: object, *, model: str | None = None, provider: str | None = None) -> Usage:
    """Return the usage of a `Usage`, of a reply, or of a provider's response.

    Its `model` is the given one, else what the item names. Raises `MessageError` for a count that
    is no whole number from 0 on.
    """
    held = None if isinstance(item, Mapping) else getattr(item, "usage", None)
    if isinstance(item, Usage):
        usage = item
    elif isinstance(held, Usage):
        usage = held
    elif held is None and hasattr(item, "message") and hasattr(item, "findings"):
        usage = Usage(provider=provider)  # a reply without usage
    else:
        usage = Usage.from_response(item, provider)
    for name in COUNTS:
        count = getattr(usage, name)
        if count is not None and (type(count) is not int or count < 0):
            raise MessageError(
                f"{count!r} is no count of tokens",
                path=f"usage.{name}",
                advice="give a whole number from 0 on, or None where it was not reported",
            )
    named = model or usage.model or getattr(item, "model", None)
    if not isinstance(named, str) or named == usage.model:
        return usage
    return usage.replace(model=named)
