"""The values that pricing deals in: `Cost`, `Unpriced`, and the parts of a usage.

Knows no price list. Amounts are exact decimals.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any, Final

from ..rules import Source
from ..rules.prices import PRICES_READ
from .model import Usage

__all__ = [
    "ZERO",
    "Cost",
    "Parts",
    "Unpriced",
    "day_of",
    "exact",
    "parts_of",
    "says_cache",
    "says_writes",
    "time_of",
    "times",
    "with_saving",
]

ZERO: Final = Decimal(0)
_MILLION: Final = -6


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """The cost of one reply, exact, in units of `currency` (`USD`, `CNY`).

    input: the input tokens that no cache had a part in
    cache_read, cache_write: those read from and written to a cache
    output: all output, reasoning included
    other: what the list charges a request beside its tokens
    uncached_total: what the same tokens would have cost without a cache
    saving: `uncached_total` less `total`, negative where writes were not read; `None` where the
      provider reported neither reads nor writes
    model, provider, region: what was looked up
    source: the list; date: the ISO date as of which it is read; since: from when the price holds,
      if known
    notes: what had to be assumed
    """

    input: Decimal
    cache_read: Decimal
    cache_write: Decimal
    output: Decimal
    other: Decimal = ZERO
    currency: str
    uncached_total: Decimal
    saving: Decimal | None
    model: str
    provider: str
    region: str | None = None
    source: Source
    date: str
    since: str | None = None
    notes: tuple[str, ...] = ()

    @property
    def total(self) -> Decimal:
        """Return the sum of all parts."""
        return self.input + self.cache_read + self.cache_write + self.output + self.other

    def to_dict(self) -> dict[str, Any]:
        """Return the cost as JSON data; amounts are strings, so that they stay exact."""
        out: dict[str, Any] = {"currency": self.currency, "total": exact(self.total)}
        for name in ("input", "cache_read", "cache_write", "output", "other", "uncached_total"):
            out[name] = exact(getattr(self, name))
        out["saving"] = None if self.saving is None else exact(self.saving)
        for name in ("model", "provider", "region", "date", "since"):
            if getattr(self, name) is not None:
                out[name] = getattr(self, name)
        source = {name: getattr(self.source, name) for name in ("url", "read", "note")}
        out["source"] = {name: text for name, text in source.items() if text}
        if self.notes:
            out["notes"] = list(self.notes)
        return out


@dataclass(frozen=True, slots=True)
class Unpriced:
    """Why there is no price, as a `code` for programs and a `reason` for people.

    Codes: `no-model`, `no-count`, `no-region`, `no-cache-price`, `no-time`, `no-extra`,
    `unknown-model`, `refused`.
    """

    code: str
    reason: str

    def __str__(self) -> str:
        return self.reason

    def to_dict(self) -> dict[str, Any]:
        """Return the code and the reason."""
        return {"code": self.code, "reason": self.reason}


@dataclass(frozen=True, slots=True)
class Parts:
    """Tokens by what they cost: `plain`, `read`, written for `short` and for an hour, `output`."""

    plain: int
    read: int
    short: int
    hour: int
    output: int

    @property
    def input(self) -> int:
        """Return all input tokens."""
        return self.plain + self.read + self.short + self.hour


def parts_of(usage: Usage) -> Parts:
    """Return the parts of a usage; what was not reported is none of them."""
    hour = usage.cache_write_1h or 0
    written = usage.cache_write
    if written is None:
        written = hour + (usage.cache_write_5m or 0)
    read = usage.cache_read or 0
    plain = max(0, (usage.input or 0) - read - written)
    return Parts(plain, read, max(0, written - hour), min(hour, written), usage.output or 0)


def says_cache(usage: Usage) -> bool:
    """Say whether reads or writes of a cache are reported, if only as 0."""
    return usage.cache_read is not None or says_writes(usage)


def says_writes(usage: Usage) -> bool:
    """Say whether writes to a cache are reported, if only as 0."""
    counts = (usage.cache_write, usage.cache_write_5m, usage.cache_write_1h)
    return any(count is not None for count in counts)


def times(tokens: int, amount: Decimal) -> Decimal:
    """Return what tokens cost at an amount for a million of them."""
    return (tokens * amount).scaleb(_MILLION)


def with_saving(cost: Cost, usage: Usage) -> Cost:
    """Return a cost with what caching saved, if the provider reported any."""
    if not says_cache(usage):
        return cost
    return replace(cost, saving=cost.uncached_total - cost.total)


def day_of(at: date | datetime | None) -> date:
    """Return the day of a request in UTC; without one the day on which our table was read."""
    return time_of(at).date()


def time_of(at: date | datetime | None) -> datetime:
    """Return the time of a request in UTC, noon of a day; one without zone is taken for UTC."""
    if isinstance(at, datetime):
        return at.astimezone(UTC) if at.tzinfo else at.replace(tzinfo=UTC)
    return datetime.combine(at or date.fromisoformat(PRICES_READ), time(12), tzinfo=UTC)


def exact(amount: Decimal) -> str:
    """Return an amount as the shortest text that is exact, without an exponent."""
    text = format(amount, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text
