"""Prices by genai-prices, which the extra `prices` installs: from the data that it brings.

It is imported when a price is asked for. Nothing is fetched, and its clock is never read: a time is
always given.
"""

from __future__ import annotations

import warnings
from datetime import date, datetime
from decimal import Decimal
from functools import cache
from importlib import metadata
from typing import TYPE_CHECKING, Any, Final

from ..rules import Source
from .amounts import ZERO, Cost, Unpriced, parts_of, time_of, with_saving
from .model import Usage

if TYPE_CHECKING:
    from genai_prices.types import PriceCalculation

__all__ = ["price_by_genai"]

_PROVIDERS: Final = {
    "bedrock": "aws",
    "moonshot": "moonshotai",
    "xai": "x-ai",
    "zhipu": "zhipuai",
}
"""What genai-prices calls providers that it calls otherwise."""


def price_by_genai(
    usage: Usage, model: str, provider: str, *, at: date | datetime | None
) -> Cost | Unpriced:
    """Return what a reply cost by genai-prices' own data, or why there is no price.

    `provider` is a name of ours or of theirs, a host, a base URL, or `""` if it is not known: then
    the model's own maker is taken, where its name tells.
    """
    try:
        from genai_prices import data_snapshot, types
    except ImportError:
        return Unpriced(
            "no-extra",
            f"no price of {model} is known here: install wiremark[prices] (genai-prices)",
        )
    name, url = _looked_up(provider)
    when = time_of(at)
    try:
        lists, entry = data_snapshot.get_snapshot().find_provider_model(model, None, name, url)
        if not isinstance(at, datetime) and _by_time_of_day(entry, types):
            return Unpriced(
                "no-time", f"the price of {model} depends on the time of day, which is not known"
            )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # of units that it does not know itself
            amounts = _Amounts(lists, entry, usage, when, types)
    except LookupError:
        of = f" at {provider}" if provider else ""
        return Unpriced("unknown-model", f"genai-prices has no price of {model}{of}")
    except (TypeError, ValueError, ArithmeticError) as problem:
        return Unpriced("refused", f"genai-prices refuses the counts of {model}: {problem}")
    notes = []
    if usage.cache_read and getattr(amounts.prices, "cache_read_mtok", None) is None:
        notes.append("no price of tokens read from cache is known: priced as input")
    cost = Cost(
        input=amounts.plain,
        cache_read=amounts.read,
        cache_write=amounts.write,
        output=amounts.output,
        other=amounts.other,
        currency="USD",
        uncached_total=amounts.uncached,
        saving=None,
        model=entry.id,
        provider=lists.id,
        source=Source(
            next(iter(lists.pricing_urls or ()), "https://github.com/pydantic/genai-prices"),
            "",
            f"genai-prices {_version()}",
        ),
        date=when.date().isoformat(),
        notes=tuple(notes),
    )
    return with_saving(cost, usage)


@cache
def _version() -> str:
    """Return the installed version; finding it reads files."""
    return metadata.version("genai-prices")


class _Amounts:
    """The parts of a price, by differences of genai-prices' own totals.

    A price is linear in the counts while the input as a whole stays, which alone decides its tier.
    """

    def __init__(self, lists: Any, entry: Any, usage: Usage, when: datetime, types: Any) -> None:
        parts = parts_of(usage)
        whole: dict[str, int] = {"input_tokens": parts.input, "output_tokens": parts.output}
        if usage.reasoning:
            whole["output_reasoning_tokens"] = min(usage.reasoning, parts.output)
        read = {"cache_read_tokens": parts.read} if parts.read else {}
        written: dict[str, int] = {}
        if parts.short or parts.hour:
            written = {
                "cache_write_tokens": parts.short + parts.hour,
                "cache_write_5m_tokens": parts.short,
                "cache_write_1h_tokens": parts.hour,
            }

        def calculated(**counts: int) -> PriceCalculation:
            tokens = types.Usage(**whole, **counts)
            found: PriceCalculation = entry.calc_price(tokens, lists, genai_request_timestamp=when)
            return found

        bare, full = calculated(), calculated(**read, **written)
        unit = bare.input_price / parts.input if parts.input else ZERO
        self.prices = full.model_price
        self.read = self._part(calculated(**read), bare, unit * parts.read)
        self.write = self._part(calculated(**written), bare, unit * (parts.short + parts.hour))
        self.plain = full.input_price - self.read - self.write
        self.output = full.output_price
        self.other = full.total_price - full.input_price - full.output_price
        self.uncached = bare.total_price

    @staticmethod
    def _part(some: PriceCalculation, bare: PriceCalculation, plain: Decimal) -> Decimal:
        return some.input_price - bare.input_price + plain


def _looked_up(provider: str) -> tuple[str | None, str | None]:
    """Return a provider's name and URL as genai-prices takes them, either or none."""
    if "." not in provider:
        return _PROVIDERS.get(provider, provider) or None, None
    return None, provider if "://" in provider else f"https://{provider}"


def _by_time_of_day(entry: Any, types: Any) -> bool:
    prices = entry.prices if isinstance(entry.prices, list) else ()
    return any(isinstance(one.constraint, types.TimeOfDateConstraint) for one in prices)
