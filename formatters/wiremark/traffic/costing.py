"""What requests cost, by what was reported of them, else by what was predicted; and all together.

Prices are those of `usage.price`; what no list states has none, and a reason why. A request that
was refused costs nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from threading import Lock
from typing import TYPE_CHECKING, Any, Final, Literal

from ..replay.costs import Pricer, added
from ..replay.model import Amounts
from ..replay.report.figures import UNKNOWN, money, saving, share, tokens
from ..replay.services import Service
from ..usage import Usage
from ..usage.amounts import exact, parts_of, says_writes
from .records import Record
from .views import form_of, rules_of

if TYPE_CHECKING:
    from ..rules import CacheRules

__all__ = ["Ledger", "Priced", "cost_of", "priced", "summary_of"]

_SHORT: Final = "5m"


@dataclass(frozen=True, slots=True)
class Priced:
    """A request with its tokens and what they cost; `basis` says whose counts they are.

    Costs are `None` where nothing was served. `reason` says why there is no money.
    """

    basis: Literal["reported", "predicted", "none"] = "none"
    input: float = 0.0
    read: float = 0.0
    written: float = 0.0
    amounts: Amounts | None = None
    uncached: Amounts | None = None
    reason: str = ""

    def to_dict(self) -> dict[str, Any] | None:
        """Return the cost as JSON data, exact and as it is shown; `None` where there is none."""
        if self.amounts is None or self.uncached is None:
            return None
        return {
            "basis": self.basis,
            "input": round(self.input),
            "read": round(self.read),
            "written": round(self.written),
            "fresh": round(self.input - self.read - self.written),
            **_compared(self.amounts, self.uncached),
            "relative": self.amounts.relative,
            "reason": self.reason,
        }


def priced(record: Record, region: str | None = None, *, rules: CacheRules | None = None) -> Priced:
    """Return what a request cost.

    `region` is DashScope's, by default that of its host; `rules` are those of every request, where
    there are such.
    """
    usage, told = record.usage, record.predicted
    form, rules = form_of(record), rules_of(record, rules)
    if form is None or rules is None:
        return Priced()
    written: Mapping[str, float]
    if usage is not None and usage.input is not None:
        basis: Literal["reported", "predicted"] = "reported"
        parts = parts_of(usage)
        read, fresh = float(parts.read), float(parts.plain)
        short = rules.default_ttl or _SHORT
        written = {short: float(parts.short), "1h": float(parts.hour)}
        if told is not None and round(told.written) == parts.short + parts.hour:
            written = told.written_by_ttl
        implicit = not says_writes(usage)
        if told is not None and round(told.read) == parts.read:
            implicit = told.read_as == "implicit"
    elif told is not None and 200 <= record.status < 300:
        basis = "predicted"
        read, fresh, written = told.read, told.fresh, told.written_by_ttl
        implicit = told.read_as == "implicit"
    else:
        return Priced()
    host = record.host or ""
    pricer = Pricer(region or (host if "aliyuncs.com" in host else None))
    amounts, uncached = pricer.amounts(
        Service(form, rules, record.host, record.model),
        read=read,
        written={ttl: count for ttl, count in written.items() if count},
        fresh=fresh,
        implicit=implicit,
        at=record.at,
        reported=usage if usage is not None else Usage(),
    )
    wrote = sum(written.values())
    reason = "" if amounts.total is not None else next(iter(pricer.reasons), "")
    return Priced(basis, read + fresh + wrote, read, wrote, amounts, uncached, reason)


def cost_of(record: Record, region: str | None = None) -> dict[str, Any] | None:
    """Return what a request cost, and would have without caching, as JSON data.

    `None` where nothing was served; amounts are `null`, and shown as not known, without a price.
    """
    return priced(record, region).to_dict()


def summary_of(records: Iterable[tuple[Record, Priced]]) -> dict[str, Any]:
    """Return the totals of requests: tokens, hits, and money by currency."""
    pairs = list(records)
    costs = [cost for _, cost in pairs if cost.amounts is not None]
    taken = sum(cost.input for cost in costs)
    read = sum(cost.read for cost in costs)
    moneyed: dict[str, list[Priced]] = {}
    for cost in costs:
        if cost.amounts is not None and cost.amounts.total is not None:
            moneyed.setdefault(cost.amounts.currency or "", []).append(cost)
    known = sum(map(len, moneyed.values()))
    relative = added(cost.amounts for cost in costs if cost.amounts)
    whole = added(cost.uncached for cost in costs if cost.uncached)
    less = saving(Amounts(relative.relative), Amounts(whole.relative))
    return {
        "requests": len(pairs),
        "first": pairs[0][0].index if pairs else None,
        "served": len(costs),
        "refused": sum(record.status >= 400 for record, _ in pairs),
        "hits": sum(cost.read > 0 for cost in costs),
        "input": round(taken),
        "read": round(read),
        "written": round(sum(cost.written for cost in costs)),
        "hit_rate": read / taken if taken else None,
        "costs": [
            {"requests": len(found), **_together(found)} for _, found in sorted(moneyed.items())
        ],
        "unpriced": len(costs) - known,
        "reasons": list(dict.fromkeys(cost.reason for cost in costs if cost.reason)),
        "input_saved": less,
        "input_saved_shown": share(less),
    }


def _together(costs: Iterable[Priced]) -> dict[str, Any]:
    listed = list(costs)
    return _compared(
        added(cost.amounts for cost in listed if cost.amounts),
        added(cost.uncached for cost in listed if cost.uncached),
    )


def _compared(amounts: Amounts, uncached: Amounts) -> dict[str, Any]:
    """Return a cost beside the same without caching."""
    total, bare = amounts.total, uncached.total
    saved = bare - total if total is not None and bare is not None else None
    part = saving(amounts, uncached)
    currency = amounts.currency
    return {
        "currency": currency,
        "total": _exact(total),
        "uncached": _exact(bare),
        "saved": _exact(saved),
        "saved_share": part,
        "shown": _shown(total, currency),
        "uncached_shown": _shown(bare, uncached.currency),
        "saved_shown": _shown(saved, currency),
        "saved_share_shown": share(part),
        "relative_shown": UNKNOWN if amounts.relative is None else f"{tokens(amounts.relative)} ×",
    }


def _exact(amount: Decimal | None) -> str | None:
    return None if amount is None else exact(amount)


def _shown(amount: Decimal | None, currency: str | None) -> str:
    return "unknown" if amount is None else f"{currency or ''} {money(amount)}".strip()


class Ledger:
    """The costs of what is kept, each computed once a request has ended; safe in any thread."""

    def __init__(self, region: str | None = None, rules: CacheRules | None = None) -> None:
        self._region, self._rules = region, rules
        self._known: dict[int, tuple[Record, Priced]] = {}
        self._epoch = 0
        self._lock = Lock()

    def look(self, kept: Iterable[Record]) -> int:
        """Forget what is kept no longer; return how often the requests began anew."""
        with self._lock:
            now = {record.index: record for record in kept}
            anew = False
            for index, (record, _) in list(self._known.items()):
                if now.get(index) is not record:
                    del self._known[index]
                    # What falls out of the front has no later one in its place.
                    anew = anew or index in now or not now or index > max(now)
            self._epoch += anew
            return self._epoch

    def priced(self, record: Record) -> Priced:
        """Return what a request cost, remembered once it has ended."""
        found = self._known.get(record.index)
        if found is not None and found[0] is record:
            return found[1]
        cost = priced(record, self._region, rules=self._rules)
        if record.ended:
            with self._lock:
                self._known[record.index] = (record, cost)
        return cost

    def summary(self, kept: Iterable[Record]) -> dict[str, Any]:
        """Return the totals of what is kept."""
        return summary_of((record, self.priced(record)) for record in kept)
