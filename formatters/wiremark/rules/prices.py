"""What Qwen and its neighbours cost on DashScope: per model, region and length of the input.

Amounts are for a million tokens, in the currency in which the provider bills the region. The price
of a token read from or written to a cache follows from the multipliers of the cache rules; it
stands here only where the provider's own figure is another one. A model, a snapshot or a region
that no source states is left out. The figures are the list prices of calls in real time; batches,
plans and promotions are not in them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from fnmatch import fnmatchcase
from typing import Final

from .core import Source, bare_model_name

__all__ = [
    "DASHSCOPE_PRICES",
    "PRICES_READ",
    "PRICE_REGIONS",
    "ModelPrice",
    "PriceTier",
    "find_price",
    "price_region",
]

PRICES_READ: Final = "2026-11-21"
"""The day on which the sources of the table were read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceTier:
    """Prices of a million tokens, for requests whose whole input has at most `up_to` tokens.

    thinking_output: the price of all output of a reply with reasoning, where it differs
    cache_read, implicit_read, cache_write: prices that are not the rules' multiple of `input`
    """

    input: Decimal
    output: Decimal
    up_to: int | None = None
    thinking_output: Decimal | None = None
    cache_read: Decimal | None = None
    implicit_read: Decimal | None = None
    cache_write: Decimal | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelPrice:
    """The price of models in a region: `models` are globs of bare names, tiers rise.

    `since` is the ISO date from which the price is known to hold, if a source tells.
    """

    models: tuple[str, ...]
    region: str
    currency: str
    tiers: tuple[PriceTier, ...]
    source: Source
    since: str | None = None

    def names(self, model: str) -> bool:
        """Say whether the price is that of a model."""
        name = bare_model_name(model)
        return any(fnmatchcase(name, glob) for glob in self.models)

    def tier_for(self, input_tokens: int) -> PriceTier:
        """Return the tier of a request; the input counts whole, what is read from cache included.

        A request of just the bound is still in the tier.
        """
        for tier in self.tiers:
            if tier.up_to is None or input_tokens <= tier.up_to:
                return tier
        return self.tiers[-1]


def find_price(model: str, region: str, at: date | None = None) -> ModelPrice | None:
    """Return the price of a model in a region, `None` if no source states it for that day.

    `region` is one of `PRICE_REGIONS`; without `at` the latest price holds.
    """
    found = [entry for entry in DASHSCOPE_PRICES if entry.region == region and entry.names(model)]
    if at is not None:
        found = [entry for entry in found if not entry.since or entry.since <= at.isoformat()]
    return max(found, key=lambda entry: entry.since or "", default=None)


def price_region(text: str) -> str | None:
    """Return the region that a name, a host or a base URL means; `None` if it is not known.

    Hosts of plans that are paid by the month mean none.
    """
    host = re.split(r"[/?#]", re.sub(r"^[a-z+.-]*:?//", "", text.strip().lower()), maxsplit=1)[0]
    bare = host.rsplit("@", 1)[-1].split(":", 1)[0]
    return next((region for glob, region in _REGIONS if fnmatchcase(bare, glob)), None)


_BEIJING: Final = "cn-beijing"
_SINGAPORE: Final = "ap-southeast-1"

PRICE_REGIONS: Final = (_BEIJING, _SINGAPORE)
"""The regions of which prices are known."""

_REGIONS: Final[tuple[tuple[str, str | None], ...]] = (
    ("token-plan.*", None),
    ("coding.*", None),
    ("coding-*", None),
    *((name, _BEIJING) for name in ("cn-beijing", "beijing", "cn", "china", "mainland")),
    *((name, _SINGAPORE) for name in ("ap-southeast-1", "singapore", "intl", "international")),
    ("dashscope.aliyuncs.com", _BEIJING),
    ("*.cn-beijing.maas.aliyuncs.com", _BEIJING),
    ("dashscope-intl.aliyuncs.com", _SINGAPORE),
    ("*.ap-southeast-1.maas.aliyuncs.com", _SINGAPORE),
)

# Sources. The provider's own pages build their tables in the browser, so no copy of them is stored;
# they were read through those who quote them.

_CN_PAGE = "https://help.aliyun.com/zh/model-studio/model-pricing"
_LIST = Source(
    "https://github.com/yxmnshmily/lobehub/blob/1015ea4cc6591be6ba1654454f4e32c62ffc7565/"
    "packages/model-bank/src/aiModels/qwen.ts",
    PRICES_READ,
    f"LobeHub's list for DashScope Beijing in CNY, of September 2026 or later, after {_CN_PAGE}",
)
_LIST_MAX = Source(
    _LIST.url,
    PRICES_READ,
    "agrees with the USD price of Beijing in models.dev; PR 6723 there gives 9 and 54, which are"
    " the figures of qwen3.6-max-preview",
)
_LIST_35 = Source(
    _LIST.url,
    PRICES_READ,
    "models.dev PR 6723 gives other figures, which are those of the qwen3.6 model of that name",
)
_LITELLM = Source(
    "https://github.com/BerriAI/litellm/blob/main/model_prices_and_context_window.json",
    PRICES_READ,
    "litellm 1.109.1, after https://www.alibabacloud.com/help/en/model-studio/models",
)


def _models_dev(path: str, note: str = "") -> Source:
    return Source(
        f"https://github.com/anomalyco/models.dev/blob/dev/providers/{path}.toml",
        PRICES_READ,
        note or "Singapore, after https://www.alibabacloud.com/help/en/model-studio/model-pricing",
    )


def _pull(repository: str, number: int, note: str) -> Source:
    return Source(f"https://github.com/{repository}/pull/{number}", PRICES_READ, note)


def _tier(
    price_in: str,
    price_out: str,
    up_to: int | None = None,
    *,
    thinking: str | None = None,
    read: str | None = None,
    implicit: str | None = None,
    write: str | None = None,
) -> PriceTier:
    return PriceTier(
        input=Decimal(price_in),
        output=Decimal(price_out),
        up_to=up_to,
        thinking_output=_amount(thinking),
        cache_read=_amount(read),
        implicit_read=_amount(implicit),
        cache_write=_amount(write),
    )


def _amount(text: str | None) -> Decimal | None:
    return None if text is None else Decimal(text)


def _cny(models: str, source: Source, *tiers: PriceTier, since: str | None = None) -> ModelPrice:
    return ModelPrice(
        models=tuple(models.split()),
        region=_BEIJING,
        currency="CNY",
        tiers=tiers,
        source=source,
        since=since,
    )


def _usd(models: str, source: Source, *tiers: PriceTier, since: str | None = None) -> ModelPrice:
    return ModelPrice(
        models=tuple(models.split()),
        region=_SINGAPORE,
        currency="USD",
        tiers=tiers,
        source=source,
        since=since,
    )


_K: Final = 1000
"""The provider writes 32K, 128K, 256K. litellm, models.dev and LobeHub read K as 1000."""

DASHSCOPE_PRICES: Final[tuple[ModelPrice, ...]] = (
    # Beijing
    _cny(
        "qwen3.8-max",
        _models_dev(
            "alibaba-cn/models/qwen3.8-max",
            f"quotes {_CN_PAGE}, accessed 2026-08-04; also models.dev PR 4049",
        ),
        _tier("12", "36", read="1", implicit="1.5"),
        since="2026-08-02",
    ),
    _cny(
        "qwen3.8-max-0902",
        Source(_LIST.url, PRICES_READ, "the price of an explicit hit is not stated"),
        _tier("12", "36", implicit="1.5"),
        since="2026-09-02",
    ),
    _cny(
        "qwen3.8-flash",
        _pull(
            "anomalyco/models.dev",
            5692,
            "quotes https://help.aliyun.com/zh/model-studio/qwen3-8-flash; a hit of either kind",
        ),
        _tier("0.8", "2.7", read="0.1", implicit="0.1", write="1.25"),
        since="2026-08-26",
    ),
    _cny(
        "qwen3.7-max",
        _pull(
            "theopenco/llmgateway",
            2376,
            f"quotes {_CN_PAGE} of 2026-05-22; also litellm PR 29919",
        ),
        _tier("12", "36"),
        since="2026-05-20",
    ),
    _cny(
        "qwen3.7-plus qwen3.7-plus-2026-05-26",
        Source(_LIST.url, PRICES_READ, "up to 256K also web-infra-dev/midscene PR 3010"),
        _tier("2", "8", 256 * _K),
        _tier("6", "24"),
    ),
    _cny(
        "qwen3.7-flash qwen3.7-flash-2026-07-15",
        _pull("anomalyco/models.dev", 3954, f"quotes {_CN_PAGE} of 2026-08-02"),
        _tier("0.2", "0.8", 32 * _K),
        _tier("0.6", "2.4", 256 * _K),
        _tier("1.2", "4.8"),
    ),
    _cny(
        "qwen3.6-max-preview",
        _LIST,
        _tier("9", "54", 128 * _K),
        _tier("15", "90"),
    ),
    _cny("qwen3.6-plus", _LIST, _tier("2", "12", 256 * _K), _tier("8", "48")),
    _cny("qwen3.6-flash", _LIST, _tier("1.2", "7.2", 256 * _K), _tier("4.8", "28.8")),
    _cny("qwen3.6-27b", _LIST, _tier("3", "18")),
    _cny("qwen3.6-35b-a3b", _LIST, _tier("1.8", "10.8")),
    _cny(
        "qwen3.5-plus qwen3.5-plus-2026-04-20",
        _LIST_35,
        _tier("0.8", "4.8", 128 * _K),
        _tier("2", "12", 256 * _K),
        _tier("4", "24"),
    ),
    _cny(
        "qwen3.5-flash",
        _LIST_35,
        _tier("0.2", "2", 128 * _K),
        _tier("0.8", "8", 256 * _K),
        _tier("1.2", "12"),
    ),
    _cny(
        "qwen3-max",
        _LIST_MAX,
        _tier("2.5", "10", 32 * _K),
        _tier("4", "16", 128 * _K),
        _tier("7", "28"),
    ),
    _cny(
        "qwen3-max-preview",
        _LIST,
        _tier("6", "24", 32 * _K),
        _tier("10", "40", 128 * _K),
        _tier("15", "60"),
    ),
    _cny(
        "qwen3-coder-plus",
        _pull("anomalyco/models.dev", 6723, f"quotes {_CN_PAGE} of 2026-09-11; also LobeHub"),
        _tier("4", "16", 32 * _K),
        _tier("6", "24", 128 * _K),
        _tier("10", "40", 256 * _K),
        _tier("20", "200"),
    ),
    _cny(
        "qwen3-coder-flash",
        Source(_LIST.url, PRICES_READ, "also basellm/llm-metadata, aliyun-bailian"),
        _tier("1", "4", 32 * _K),
        _tier("1.5", "6", 128 * _K),
        _tier("2.5", "10", 256 * _K),
        _tier("5", "25"),
    ),
    _cny(
        "qwen3-vl-plus",
        Source(_LIST.url, PRICES_READ, "also basellm/llm-metadata, aliyun-bailian"),
        _tier("1", "10", 32 * _K),
        _tier("1.5", "15", 128 * _K),
        _tier("3", "30"),
    ),
    _cny(
        "qwen3-vl-flash",
        _LIST,
        _tier("0.15", "1.5", 32 * _K),
        _tier("0.3", "3", 128 * _K),
        _tier("0.6", "6"),
    ),
    _cny(
        "qwen-plus",
        Source(_LIST.url, PRICES_READ, "also basellm/llm-metadata, aliyun-bailian"),
        _tier("0.8", "2", 128 * _K, thinking="8"),
        _tier("2.4", "20", 256 * _K, thinking="24"),
        _tier("4.8", "48", thinking="64"),
    ),
    _cny(
        "qwen-flash",
        Source(_LIST.url, PRICES_READ, "also basellm/llm-metadata, aliyun-bailian"),
        _tier("0.15", "1.5", 128 * _K),
        _tier("0.6", "6", 256 * _K),
        _tier("1.2", "12"),
    ),
    _cny("deepseek-v3.2", _LIST, _tier("2", "3")),
    _cny("kimi-k2.5", _LIST, _tier("4", "21")),
    _cny("kimi-k2.6", _LIST, _tier("6.5", "27")),
    _cny(
        "glm-5.1",
        Source(
            "https://github.com/lobehub/lobehub/blob/0e45b9ce46632bf22a346a8b036d80271a93fe41/"
            "packages/model-bank/src/aiModels/qwen.ts",
            PRICES_READ,
            "LobeHub's list for DashScope Beijing in CNY",
        ),
        _tier("6", "24", 32 * _K),
        _tier("8", "28"),
    ),
    # Singapore
    _usd(
        "qwen3.8-max",
        _pull("theopenco/llmgateway", 3392, "quotes https://www.qwencloud.com/models/qwen3.8-max"),
        _tier("2", "6", read="0.17", implicit="0.25"),
        since="2026-08-02",
    ),
    _usd(
        "qwen3.8-max-0902",
        _pull("pollinations/pollinations", 14383, "the price of an explicit hit is not told apart"),
        _tier("2", "6", implicit="0.25"),
        since="2026-09-02",
    ),
    _usd(
        "qwen3.8-flash",
        _models_dev(
            "alibaba/models/qwen3.8-flash",
            "quotes https://www.alibabacloud.com/help/en/model-studio/qwen3-8-flash, accessed"
            " 2026-08-28; also litellm 1.109.1 and llmgateway PR 3837, checked against a bill",
        ),
        _tier("0.15", "0.47", read="0.016", implicit="0.016", write="0.2"),
        since="2026-08-26",
    ),
    _usd("qwen3.7-max", _LITELLM, _tier("2.5", "7.5")),
    _usd("qwen3.7-plus", _LITELLM, _tier("0.4", "1.6", 256 * _K), _tier("1.2", "4.8")),
    _usd(
        "qwen3.7-flash",
        _models_dev("alibaba/models/qwen3.7-flash"),
        _tier("0.03", "0.13", 32 * _K),
        _tier("0.1", "0.4", 256 * _K),
        _tier("0.2", "0.8"),
    ),
    _usd(
        "qwen3.6-max-preview",
        _models_dev("alibaba/models/qwen3.6-max-preview"),
        _tier("1.3", "7.8", 128 * _K),
        _tier("2", "12"),
    ),
    _usd(
        "qwen3.6-plus",
        _models_dev("alibaba/models/qwen3.6-plus"),
        _tier("0.5", "3", 256 * _K),
        _tier("2", "6"),
    ),
    _usd(
        "qwen3.6-flash",
        _models_dev("alibaba/models/qwen3.6-flash"),
        _tier("0.25", "1.5", 256 * _K),
        _tier("1", "4"),
    ),
    _usd("qwen3.5-plus", _LITELLM, _tier("0.4", "2.4", 256 * _K), _tier("0.5", "3")),
    _usd(
        "qwen3.5-flash qwen3.5-flash-2026-02-23",
        _pull("BerriAI/litellm", 22848, "also models.dev"),
        _tier("0.1", "0.4"),
    ),
    _usd(
        "qwen3-max qwen3-max-preview qwen3-max-2026-01-23",
        _LITELLM,
        _tier("1.2", "6", 32 * _K),
        _tier("2.4", "12", 128 * _K),
        _tier("3", "15"),
    ),
    _usd(
        "qwen3-coder-plus qwen3-coder-plus-2025-07-22",
        _LITELLM,
        _tier("1", "5", 32 * _K),
        _tier("1.8", "9", 128 * _K),
        _tier("3", "15", 256 * _K),
        _tier("6", "60"),
    ),
    _usd(
        "qwen3-coder-flash qwen3-coder-flash-2025-07-28",
        _LITELLM,
        _tier("0.3", "1.5", 32 * _K),
        _tier("0.5", "2.5", 128 * _K),
        _tier("0.8", "4", 256 * _K),
        _tier("1.6", "9.6"),
    ),
    _usd(
        "qwen3-vl-plus",
        _LITELLM,
        _tier("0.2", "1.6", 32 * _K),
        _tier("0.3", "2.4", 128 * _K),
        _tier("0.6", "4.8"),
    ),
    _usd(
        "qwen3-vl-flash",
        _models_dev("alibaba/models/qwen3-vl-flash"),
        _tier("0.05", "0.4", 32 * _K),
        _tier("0.075", "0.6", 128 * _K),
        _tier("0.12", "0.96"),
    ),
    _usd(
        "qwen-plus",
        _models_dev("alibaba/models/qwen-plus"),
        _tier("0.4", "1.2", 256 * _K, thinking="4"),
        _tier("1.2", "3.6", thinking="12"),
    ),
    _usd(
        "qwen-plus-latest qwen-plus-2025-07-28 qwen-plus-2025-09-11",
        _LITELLM,
        _tier("0.4", "1.2", 256 * _K, thinking="4"),
        _tier("1.2", "3.6", thinking="12"),
    ),
    _usd(
        "qwen-plus-2025-04-28 qwen-plus-2025-07-14",
        _LITELLM,
        _tier("0.4", "1.2", thinking="4"),
    ),
    _usd("qwen-plus-2025-01-25", _LITELLM, _tier("0.4", "1.2")),
    _usd(
        "qwen-flash qwen-flash-2025-07-28",
        _LITELLM,
        _tier("0.05", "0.4", 256 * _K),
        _tier("0.25", "2"),
    ),
    _usd("kimi-k2.7-code", _LITELLM, _tier("0.95", "4")),
    _usd("glm-5.1", _LITELLM, _tier("1.4", "4.4")),
)
"""Every price that a source states. The newest of several that hold is taken."""
