"""What requests cost by what is read, written and fresh: in money, and in prices of a fresh token.

Knows the multipliers of the rules and asks `usage.price` for money; what has no price has none.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import Final

from ..rules import CacheRules, ttl_seconds
from ..usage import Cost, Usage, price_or_reason
from .model import Amounts
from .services import Service

__all__ = ["Pricer", "added"]

_EPOCH: Final = 1e9
"""A time above it, in 2001, is one of a clock; below it, seconds from any moment."""
_HOUR: Final = 3600
_PROVIDERS: Final[Mapping[str, str]] = {
    "anthropic": "anthropic",
    "bedrock-converse": "bedrock",
    "dashscope": "dashscope",
}


@dataclass(slots=True)
class Pricer:
    """Prices requests; `reasons` says why there is no money, each reason once."""

    region: str | None = None
    reasons: dict[str, None] = field(default_factory=dict)

    def amounts(
        self,
        service: Service,
        *,
        read: float,
        written: Mapping[str, float],
        fresh: float,
        implicit: bool,
        at: float,
        reported: Usage | None,
    ) -> tuple[Amounts, Amounts]:
        """Return what a request costs, and what it would without a cache.

        `written` is by TTL; `implicit` says how what was read had been cached.
        """
        rules, model = service.rules, service.model
        relative: float | None = fresh
        factor = read_multiplier(rules, model, implicit=implicit)
        for tokens, multiplier in (
            (read, factor),
            *((count, rules.write_multiplier_for(ttl)) for ttl, count in written.items()),
        ):
            if tokens and multiplier is None:
                relative = None
            elif tokens and relative is not None and multiplier is not None:
                relative += tokens * multiplier
        cost = self._cost(
            service, read, written, fresh, explicit=not implicit, at=at, reported=reported
        )
        total = fresh + read + sum(written.values())
        if cost is not None:
            uncached = Amounts(total, cost.uncached_total, cost.currency)
            return Amounts(relative, cost.total, cost.currency), uncached
        bare = self._cost(service, 0, {}, total, explicit=False, at=at, reported=reported)
        if bare is None:
            return Amounts(relative), Amounts(total)
        return Amounts(relative), Amounts(total, bare.total, bare.currency)

    def _cost(
        self,
        service: Service,
        read: float,
        written: Mapping[str, float],
        fresh: float,
        *,
        explicit: bool,
        at: float,
        reported: Usage | None,
    ) -> Cost | None:
        hour = sum(count for ttl, count in written.items() if (ttl_seconds(ttl) or 0) >= _HOUR)
        everything = sum(written.values())
        usage = Usage(
            input=round(fresh + read + everything),
            output=(reported.output or 0) if reported is not None else 0,
            reasoning=reported.reasoning if reported is not None else 0,
            cache_read=round(read),
            cache_write=round(everything),
            cache_write_1h=round(hour),
            model=service.model,
        )
        found = price_or_reason(
            usage,
            provider=_provider(service),
            region=self.region,
            protocol=service.form,
            explicit=explicit,
            at=datetime.fromtimestamp(at, UTC) if _EPOCH < at < 4 * _EPOCH else None,
        )
        if isinstance(found, Cost):
            return found
        self.reasons[found.reason] = None
        return None


def read_multiplier(rules: CacheRules, model: str | None, *, implicit: bool) -> float | None:
    """Return the price of a read token against a fresh one, `None` if unknown."""
    if not implicit:
        return rules.read_multiplier_for(model)
    return rules.implicit.read_multiplier_for(model) if rules.implicit is not None else None


def _provider(service: Service) -> str | None:
    if service.form in _PROVIDERS and "aliyuncs" not in (service.host or ""):
        return _PROVIDERS[service.form]
    if service.host is not None and "aliyuncs.com" in service.host:
        return "dashscope"
    return service.host


def added(parts: Iterable[Amounts]) -> Amounts:
    """Return amounts together; money only where all of them have it in one currency."""
    relative: float | None = 0.0
    total: Decimal | None = Decimal(0)
    currencies: set[str | None] = set()
    for part in parts:
        relative = None if relative is None or part.relative is None else relative + part.relative
        total = None if total is None or part.total is None else total + part.total
        currencies.add(part.currency)
    if total is None or len(currencies) != 1:
        return Amounts(relative)
    return Amounts(relative, total, currencies.pop())
