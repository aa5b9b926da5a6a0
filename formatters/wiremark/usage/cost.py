"""What the tokens of one reply cost, and what caching saved.

Qwen and its neighbours on DashScope are priced by the table in `rules.prices`, everything else by
genai-prices (the extra `prices`). What no list states has no price, and a reason why; it is never
guessed.
"""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Final

from ..rules import DASHSCOPE_SESSION, CacheRules, select_rules
from ..rules.prices import (
    DASHSCOPE_PRICES,
    PRICE_REGIONS,
    ModelPrice,
    PriceTier,
    find_price,
    price_region,
)
from .amounts import (
    ZERO,
    Cost,
    Unpriced,
    day_of,
    parts_of,
    says_writes,
    times,
    with_saving,
)
from .genai import price_by_genai
from .model import Usage
from .table import provider_name

__all__ = ["Cost", "Unpriced", "price", "price_or_reason"]

_HOST: Final = "dashscope.aliyuncs.com"
_HOSTS: Final = "aliyuncs.com"
_QWEN: Final = ("qwen", "qwq", "qvq")


def price(
    usage: Usage,
    *,
    model: str | None = None,
    provider: str | None = None,
    region: str | None = None,
    protocol: str | None = None,
    explicit: bool | None = None,
    thinking: bool | None = None,
    at: date | datetime | None = None,
) -> Cost | None:
    """Return what a reply cost, `None` if no list states it; see `price_or_reason`."""
    found = price_or_reason(
        usage,
        model=model,
        provider=provider,
        region=region,
        protocol=protocol,
        explicit=explicit,
        thinking=thinking,
        at=at,
    )
    return found if isinstance(found, Cost) else None


def price_or_reason(
    usage: Usage,
    *,
    model: str | None = None,
    provider: str | None = None,
    region: str | None = None,
    protocol: str | None = None,
    explicit: bool | None = None,
    thinking: bool | None = None,
    at: date | datetime | None = None,
) -> Cost | Unpriced:
    """Return what a reply cost, or why there is no price.

    model: in place of the one that the usage names
    provider: in place of the one that the usage names; a name, a host or a base URL
    region: of DashScope, as `cn-beijing`, `ap-southeast-1`, a host or a base URL; prices and
      currencies differ by region, so without one DashScope has none
    protocol: of the cache rules (`dashscope`, `openai-chat`, `anthropic`, `openai-responses`)
    explicit: whether DashScope's explicit cache was used; left out, a reported count of written
      tokens tells
    thinking: whether the reply was made in thinking mode, where that has a price of its own; left
      out, reasoning tokens tell
    at: the day, or the time, of the request; left out, the day on which our table was read
    """
    name = (model or usage.model or "").strip()
    if not name:
        return Unpriced("no-model", "the model is not named")
    missing = [count for count in ("input", "output") if getattr(usage, count) is None]
    if missing:
        return Unpriced("no-count", f"tokens of {' and '.join(missing)} are not reported")
    said = provider or usage.provider or ""
    who = provider_name(said) or said.strip().lower()
    if region is None and _HOSTS in who:
        region = who
    if who == "dashscope" or _HOSTS in who or (not who and _is_ours(name, region)):
        return _on_dashscope(usage, name, region, protocol, explicit, thinking, at)
    return price_by_genai(usage, name, who, at=at)


# DashScope.


def _is_ours(model: str, region: str | None) -> bool:
    """Say whether a model of a provider that is not known is DashScope's.

    Its own models are; those that others host too, if a region is given.
    """
    prefix, slash, _ = model.lower().partition("/")
    if slash:
        return provider_name(prefix) == "dashscope" and prefix != "qwen"
    return prefix.startswith(_QWEN) or (region is not None and _is_listed(model))


def _is_listed(model: str) -> bool:
    return any(entry.names(model) for entry in DASHSCOPE_PRICES)


def _no_region(model: str, region: str | None) -> Unpriced:
    known = " or ".join(PRICE_REGIONS)
    if region is None:
        return Unpriced("no-region", f"the price of {model} depends on the region: give {known}")
    return Unpriced("no-region", f"no prices of region {region!r} are known, only of {known}")


def _on_dashscope(
    usage: Usage,
    model: str,
    region: str | None,
    protocol: str | None,
    explicit: bool | None,
    thinking: bool | None,
    at: date | datetime | None,
) -> Cost | Unpriced:
    if not _is_listed(model):
        return Unpriced("unknown-model", f"no price of {model} on DashScope is known")
    where = price_region(region) if region else None
    if where is None:
        return _no_region(model, region)
    entry = find_price(model, where, day_of(at))
    if entry is None:
        later = find_price(model, where)
        known = f" before {later.since}" if later else ""
        return Unpriced("unknown-model", f"no price of {model} in {where} is known{known}")
    parts = parts_of(usage)
    tier = entry.tier_for(parts.input)
    notes = _tier_notes(entry, parts.input)
    protocol = _protocol(usage, protocol)
    rules = select_rules(protocol, host=_HOST, model=model).rules
    is_explicit = _is_explicit(usage, explicit, protocol, notes)
    if is_explicit and protocol == "openai-responses":  # what is written there is a session's
        rules = DASHSCOPE_SESSION
    read = _read_price(rules, tier, model, explicit=is_explicit)
    short, hour = _write_price(rules, tier, None), _write_price(rules, tier, "1h")
    for tokens, amount, what in (
        (parts.read, read, "read from"),
        (parts.short, short, "written to"),
        (parts.hour, hour, "written for an hour to"),
    ):
        if tokens and amount is None:
            kind = "explicit" if is_explicit else "implicit"
            return Unpriced(
                "no-cache-price",
                f"the price of tokens {what} the {kind} cache of {model} in {where} is not known",
            )
    out = _output_price(usage, tier, thinking, notes)
    uncached = times(parts.input, tier.input) + times(parts.output, out)
    cost = Cost(
        input=times(parts.plain, tier.input),
        cache_read=times(parts.read, read or ZERO),
        cache_write=times(parts.short, short or ZERO) + times(parts.hour, hour or ZERO),
        output=times(parts.output, out),
        currency=entry.currency,
        uncached_total=uncached,
        saving=None,
        model=model,
        provider="dashscope",
        region=where,
        source=entry.source,
        date=day_of(at).isoformat(),
        since=entry.since,
        notes=tuple(notes),
    )
    return with_saving(cost, usage)


def _protocol(usage: Usage, protocol: str | None) -> str:
    """Return the protocol of the cache rules, by the form of the usage if none is given."""
    form = (protocol or usage.protocol or "").lower()
    if "responses" in form:
        return "openai-responses"
    return "anthropic" if "anthropic" in form else "dashscope"


def _is_explicit(usage: Usage, explicit: bool | None, protocol: str, notes: list[str]) -> bool:
    """Say whether the explicit cache was used: its count of written tokens is reported only then.

    In Anthropic's form that count is always there, so that 0 tells nothing.
    """
    if explicit is not None:
        return explicit
    parts = parts_of(usage)
    if parts.short or parts.hour:
        return True
    if not says_writes(usage) or protocol != "anthropic":
        return says_writes(usage)
    if parts.read:
        notes.append("which cache was read is not reported: priced as the implicit one")
    return False


def _read_price(
    rules: CacheRules, tier: PriceTier, model: str, *, explicit: bool
) -> Decimal | None:
    if explicit:
        own, multiplier = tier.cache_read, rules.read_multiplier_for(model)
    else:
        implicit = rules.implicit
        own = tier.implicit_read
        multiplier = implicit.read_multiplier_for(model) if implicit else None
    return own if own is not None else _multiple(tier.input, multiplier)


def _write_price(rules: CacheRules, tier: PriceTier, ttl: str | None) -> Decimal | None:
    if ttl is None and tier.cache_write is not None:
        return tier.cache_write
    return _multiple(tier.input, rules.write_multiplier_for(ttl))


def _multiple(amount: Decimal, multiplier: float | None) -> Decimal | None:
    return None if multiplier is None else amount * Decimal(repr(multiplier))


def _output_price(
    usage: Usage, tier: PriceTier, thinking: bool | None, notes: list[str]
) -> Decimal:
    if tier.thinking_output is None:
        return tier.output
    if thinking is None:
        thinking = bool(usage.reasoning)
        if usage.reasoning is None:
            notes.append("reasoning is not reported: output priced as without thinking")
    return tier.thinking_output if thinking else tier.output


def _tier_notes(entry: ModelPrice, tokens: int) -> list[str]:
    """Say where the bound of a tier may be another: 128K is written for 128,000 and 131,072."""
    for tier in entry.tiers:
        if tier.up_to is not None and tier.up_to < tokens <= tier.up_to // 1000 * 1024:
            return [f"the tier up to {tier.up_to:,} tokens may reach to {tier.up_to // 1000}K"]
    return []
