"""How figures are written for people: tokens, shares, money and times.

Knows no page and no terminal; every function returns plain text.
"""

from __future__ import annotations

from decimal import Decimal

from ..model import Amounts

__all__ = ["amount", "clock", "money", "saving", "share", "tokens"]

UNKNOWN = "not known"


def tokens(value: float) -> str:
    """Return a number of tokens, rounded, with thousands separators."""
    return f"{round(value):,}"


def share(value: float | None) -> str:
    """Return a share of one as a percentage; a dash where there is none."""
    return "–" if value is None else f"{value * 100:.1f} %"


def money(value: Decimal) -> str:
    """Return a sum with four decimals, with six below a tenth."""
    if not value:
        return "0"
    return f"{value:,.4f}" if abs(value) >= Decimal("0.1") else f"{value:,.6f}"


def amount(amounts: Amounts) -> str:
    """Return a cost in its currency, else in prices of one uncached input token."""
    if amounts.total is not None:
        return f"{amounts.currency or ''} {money(amounts.total)}".strip()
    if amounts.relative is not None:
        return f"{tokens(amounts.relative)} ×"
    return UNKNOWN


def saving(amounts: Amounts, uncached: Amounts) -> float | None:
    """Return the share that caching saves, negative where it costs; `None` where unknown."""
    if (
        amounts.total is not None
        and uncached.total
        and (amounts.currency or "") == (uncached.currency or "")
    ):
        return float(1 - amounts.total / uncached.total)
    if amounts.relative is not None and uncached.relative:
        return 1 - amounts.relative / uncached.relative
    return None


def clock(seconds: float) -> str:
    """Return a span of time as `h:mm:ss`, with a sign where it is negative."""
    whole = round(abs(seconds))
    sign = "-" if seconds < 0 and whole else ""
    return f"{sign}{whole // 3600}:{whole // 60 % 60:02}:{whole % 60:02}"
