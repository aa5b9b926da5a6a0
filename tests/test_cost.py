"""What replies cost: hand-computed from the lists' own figures, and never guessed."""

from __future__ import annotations

import builtins
import json
import re
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wiremark.rules import DASHSCOPE, Source
from wiremark.rules.prices import (
    DASHSCOPE_PRICES,
    PRICE_REGIONS,
    PRICES_READ,
    ModelPrice,
    PriceTier,
    find_price,
    price_region,
)
from wiremark.usage.amounts import exact
from wiremark.usage.cost import Cost, Unpriced, price, price_or_reason
from wiremark.usage.model import Usage

BEIJING, SINGAPORE = PRICE_REGIONS


def usage(input: int | None, output: int | None = 0, **more: Any) -> Usage:
    return Usage(input=input, output=output, **more)


def cost_of(given: Usage, **words: Any) -> Cost:
    found = price_or_reason(given, **words)
    assert isinstance(found, Cost), found
    return found


def code_of(given: Usage, **words: Any) -> str:
    found = price_or_reason(given, **words)
    assert isinstance(found, Unpriced), found
    assert price(given, **words) is None
    return found.code


# The pages' own examples.


def test_half_of_an_implicit_hit_costs_60_percent_as_on_the_context_cache_page() -> None:
    # 10,000 input tokens, 5,000 of them read: 50 % x 100 % + 50 % x 20 %
    cost = cost_of(usage(10_000, cache_read=5_000), model="qwen-plus", region=BEIJING)
    assert cost.total == cost.uncached_total * Decimal("0.6") == Decimal("0.0048")
    assert cost.currency == "CNY"


def test_a_write_and_its_read_cost_as_the_explicit_example_says() -> None:
    # 1605 tokens created on qwen3-coder-plus, then read beside 15 others: 4 yuan, 125 %, 10 %
    first = cost_of(
        usage(1618, 0, cache_read=0, cache_write=1605), model="qwen3-coder-plus", region=BEIJING
    )
    assert (first.input, first.cache_write) == (Decimal("0.000052"), Decimal("0.008025"))
    second = cost_of(
        usage(1620, 0, cache_read=1605, cache_write=0), model="qwen3-coder-plus", region=BEIJING
    )
    assert (second.input, second.cache_read) == (Decimal("0.00006"), Decimal("0.000642"))


def test_a_write_that_nobody_reads_saves_less_than_nothing() -> None:
    cost = cost_of(
        usage(1618, 0, cache_read=0, cache_write=1605), model="qwen3-coder-plus", region=BEIJING
    )
    assert cost.uncached_total == Decimal("0.006472")
    assert cost.saving == Decimal("-0.001605")


@pytest.mark.parametrize(
    ("given", "billed"),
    [(usage(59, 197), "0.00010144"), (usage(42_047, 1), "0.00630752")],
)
def test_two_bills_of_qwen3_8_flash_come_out_to_the_digit(given: Usage, billed: str) -> None:
    # theopenco/llmgateway PR 3837: "hand-computed against the rate card", 2026-08-28
    assert cost_of(given, model="qwen3.8-flash", region=SINGAPORE).total == Decimal(billed)


@pytest.mark.parametrize(
    ("region", "read", "written"),
    [(SINGAPORE, "0.016", "0.2"), (BEIJING, "0.1", "1.25")],
)
def test_published_cache_prices_win_over_multipliers(region: str, read: str, written: str) -> None:
    # models.dev PR 5692: $0.016 and $0.20; 0.1 and 1.25 yuan, a million tokens each
    million = 1_000_000
    cost = cost_of(
        usage(2 * million, cache_read=million, cache_write=million),
        model="qwen3.8-flash",
        region=region,
    )
    assert (cost.cache_read, cost.cache_write) == (Decimal(read), Decimal(written))


def test_both_kinds_of_hit_of_qwen3_8_max_have_their_own_price() -> None:
    # llmgateway PR 3392: implicit $0.25, explicit read $0.17, explicit creation $2.5
    million = 1_000_000
    given = usage(million, cache_read=million)
    words: dict[str, Any] = {"model": "qwen3.8-max", "region": SINGAPORE}
    assert cost_of(given, **words, explicit=False).total == Decimal("0.25")
    assert cost_of(given, **words, explicit=True).total == Decimal("0.17")
    written = usage(million, cache_write=million)
    assert cost_of(written, **words).total == Decimal("2.5")


# The parts.


def test_a_reported_count_of_written_tokens_means_the_explicit_cache() -> None:
    words: dict[str, Any] = {"model": "qwen3-max", "region": BEIJING}
    assert cost_of(usage(10_000, cache_read=10_000), **words).total == Decimal("0.005")
    explicit = usage(10_000, cache_read=10_000, cache_write=0)
    assert cost_of(explicit, **words).total == Decimal("0.0025")


def test_a_written_0_tells_nothing_in_anthropics_form() -> None:
    given = usage(10_000, cache_read=10_000, cache_write=0, protocol="anthropic-messages")
    cost = cost_of(given, model="qwen3-max", provider="dashscope", region=BEIJING)
    assert cost.total == Decimal("0.005")
    assert cost.notes == ("which cache was read is not reported: priced as the implicit one",)
    explicit = cost_of(
        given, model="qwen3-max", provider="dashscope", region=BEIJING, explicit=True
    )
    assert (explicit.total, explicit.notes) == (Decimal("0.0025"), ())


def test_reasoning_makes_all_output_thinking_output() -> None:
    words: dict[str, Any] = {"model": "qwen-plus", "region": BEIJING}
    million = 1_000_000
    assert cost_of(usage(0, million, reasoning=0), **words).output == 2
    assert cost_of(usage(0, million, reasoning=1), **words).output == 8
    assert cost_of(usage(0, million, reasoning=0), **words, thinking=True).output == 8


def test_output_without_word_of_reasoning_says_what_was_assumed() -> None:
    cost = cost_of(usage(1, 1), model="qwen-plus", region=BEIJING)
    assert cost.notes == ("reasoning is not reported: output priced as without thinking",)
    assert cost_of(usage(1, 1), model="qwen-flash", region=BEIJING).notes == ()


@pytest.mark.parametrize(
    ("tokens", "per_million"),
    [
        (1, "2.5"),
        (32_000, "2.5"),
        (32_001, "4"),
        (128_000, "4"),
        (128_001, "7"),
        (252_000, "7"),
    ],
)
def test_a_tier_holds_up_to_its_bound_and_for_the_whole_request(
    tokens: int, per_million: str
) -> None:
    cost = cost_of(usage(tokens), model="qwen3-max", region=BEIJING)
    assert cost.input == tokens * Decimal(per_million) / 1_000_000


def test_tokens_read_from_cache_count_for_the_tier() -> None:
    given = usage(32_001, 1_000_000, cache_read=32_000)
    assert cost_of(given, model="qwen3-max", region=BEIJING).output == 16


def test_a_bound_that_may_be_binary_is_told() -> None:
    cost = cost_of(usage(131_072), model="qwen3-max", region=BEIJING)
    assert cost.notes == ("the tier up to 128,000 tokens may reach to 128K",)
    assert cost_of(usage(131_073), model="qwen3-max", region=BEIJING).notes == ()


def test_nothing_reported_of_a_cache_is_no_saving_of_0() -> None:
    silent = cost_of(usage(1000, 1), model="qwen-flash", region=BEIJING)
    assert silent.saving is None
    assert silent.total == silent.uncached_total
    told = cost_of(usage(1000, 1, cache_read=0), model="qwen-flash", region=BEIJING)
    assert told.saving == 0


def test_more_cached_than_input_is_never_a_negative_amount() -> None:
    # the service adds up to ten tokens behind a mark
    given = usage(1600, cache_read=1605, cache_write=0)
    cost = cost_of(given, model="qwen-flash", region=BEIJING)
    assert cost.input == 0
    assert cost.saving is not None
    assert cost.saving > 0


# Regions.


@pytest.mark.parametrize(
    ("text", "region"),
    [
        ("cn-beijing", BEIJING),
        ("Beijing", BEIJING),
        ("singapore", SINGAPORE),
        ("intl", SINGAPORE),
        ("https://dashscope.aliyuncs.com/compatible-mode/v1", BEIJING),
        ("dashscope-intl.aliyuncs.com", SINGAPORE),
        ("https://ws-1.ap-southeast-1.maas.aliyuncs.com:443/api/v1", SINGAPORE),
        ("ws-1.cn-beijing.maas.aliyuncs.com", BEIJING),
        ("dashscope-us.aliyuncs.com", None),
        ("https://coding.dashscope.aliyuncs.com/v1", None),
        ("token-plan.cn-beijing.maas.aliyuncs.com", None),
        ("mars", None),
        ("", None),
    ],
)
def test_a_region_is_a_name_a_host_or_a_base_url(text: str, region: str | None) -> None:
    assert price_region(text) == region


def test_each_region_has_its_currency() -> None:
    beijing = cost_of(usage(1_000_000), model="qwen3.7-max", region=BEIJING)
    singapore = cost_of(usage(1_000_000), model="qwen3.7-max", region=SINGAPORE)
    assert (beijing.total, beijing.currency) == (12, "CNY")
    assert (singapore.total, singapore.currency) == (Decimal("2.5"), "USD")


def test_the_host_of_dashscope_is_provider_and_region() -> None:
    cost = cost_of(
        usage(1_000_000), model="glm-5.1", provider="https://dashscope-intl.aliyuncs.com/api/v1"
    )
    assert (cost.provider, cost.region, cost.total) == ("dashscope", SINGAPORE, Decimal("1.4"))


@pytest.mark.parametrize("region", [None, "dashscope-us.aliyuncs.com", "mars"])
def test_without_a_region_that_is_known_there_is_no_price(region: str | None) -> None:
    assert code_of(usage(1, 1), model="qwen-plus", region=region) == "no-region"


# What is not known.


@pytest.mark.parametrize(
    ("given", "words", "code"),
    [
        (usage(1, 1), {}, "no-model"),
        (usage(1, 1), {"model": " "}, "no-model"),
        (usage(None, 1), {"model": "qwen-plus", "region": "cn-beijing"}, "no-count"),
        (usage(1, None), {"model": "claude-opus-4-5"}, "no-count"),
        (usage(1, 1), {"model": "qwen9-max", "region": "cn-beijing"}, "unknown-model"),
        (usage(1, 1), {"model": "qwen9-max"}, "unknown-model"),
        # a snapshot that no list names
        (usage(1, 1), {"model": "qwen3-max-2031-01-01", "region": "cn-beijing"}, "unknown-model"),
        (usage(1, 1), {"model": "kimi-k2.7-code", "region": "cn-beijing"}, "unknown-model"),
        (
            usage(9, 1, cache_read=9, cache_write=0),
            {"model": "qwen3.8-max-0902", "region": "cn-beijing"},
            "no-cache-price",
        ),
        (
            usage(9, 1, cache_write=9, cache_write_1h=9),
            {"model": "qwen3-max", "region": "cn-beijing"},
            "no-cache-price",
        ),
    ],
)
def test_what_no_list_states_has_no_price_and_a_reason(
    given: Usage, words: dict[str, Any], code: str
) -> None:
    assert code_of(given, **words) == code


@pytest.mark.parametrize(
    ("more", "read", "written"),
    [
        pytest.param({"cache_read": 1000}, "0.2", "0", id="implicit"),
        pytest.param({"cache_read": 1000, "cache_write": 0}, "0.1", "0", id="session, read"),
        pytest.param({"cache_write": 1000}, "0", "1.25", id="session, written"),
    ],
)
def test_responses_on_dashscope_have_an_implicit_cache_or_that_of_a_session(
    more: dict[str, int], read: str, written: str
) -> None:
    words = {"model": "qwen-plus", "region": BEIJING, "protocol": "openai-responses"}
    fresh = cost_of(usage(1000), **words).input
    cost = cost_of(usage(1000, **more), **words)
    assert (cost.cache_read, cost.cache_write) == (fresh * Decimal(read), fresh * Decimal(written))


def test_a_price_does_not_hold_before_its_day() -> None:
    words: dict[str, Any] = {"model": "qwen3.8-max", "region": BEIJING}
    found = price_or_reason(usage(1, 1), **words, at=date(2026, 8, 1))
    assert isinstance(found, Unpriced)
    assert str(found) == "no price of qwen3.8-max in cn-beijing is known before 2026-08-02"
    cost = cost_of(usage(1, 1), **words, at=date(2026, 8, 2))
    assert (cost.date, cost.since) == ("2026-08-02", "2026-08-02")


def test_without_a_day_the_table_is_read_as_of_its_own() -> None:
    assert cost_of(usage(1, 1), model="qwen3-max", region=BEIJING).date == PRICES_READ


def test_a_time_is_taken_to_its_day_in_utc() -> None:
    at = datetime.fromisoformat("2026-08-02T01:00:00+08:00")
    assert code_of(usage(1, 1), model="qwen3.8-max", region=BEIJING, at=at) == "unknown-model"


def test_models_that_others_host_are_dashscopes_only_where_that_is_said() -> None:
    pytest.importorskip("genai_prices")
    given = usage(1_000_000, 0)
    assert cost_of(given, model="kimi-k2.5").provider == "moonshotai"
    assert cost_of(given, model="kimi-k2.5", region=BEIJING).provider == "dashscope"
    other = usage(1_000_000, 0, provider="moonshot")
    assert cost_of(other, model="kimi-k2.5", region=BEIJING).provider == "moonshotai"


def test_a_prefix_names_the_provider() -> None:
    cost = cost_of(usage(1_000_000, 0), model="dashscope/qwen3.7-max", region=BEIJING)
    assert cost.total == 12


# Other providers, by genai-prices.


@pytest.fixture
def genai() -> None:
    pytest.importorskip("genai_prices")


@pytest.mark.usefixtures("genai")
def test_anthropics_writes_of_5_minutes_and_of_an_hour_are_priced_apart() -> None:
    # platform.claude.com/docs/en/about-claude/pricing: Sonnet 4.5 $3, $3.75, $6, $0.30, $15
    given = usage(
        10_000, 100, cache_read=4000, cache_write=3000, cache_write_5m=1000, cache_write_1h=2000
    )
    cost = cost_of(given, model="claude-sonnet-4-5", provider="anthropic")
    assert cost.input == Decimal("0.009")
    assert cost.cache_read == Decimal("0.0012")
    assert cost.cache_write == Decimal("0.00375") + Decimal("0.012")
    assert cost.output == Decimal("0.0015")
    assert cost.total == Decimal("0.02745")
    assert cost.saving == Decimal("0.0315") - Decimal("0.02745")
    assert (cost.currency, cost.region) == ("USD", None)
    assert cost.source.note.startswith("genai-prices ")


@pytest.mark.usefixtures("genai")
@pytest.mark.parametrize(
    ("model", "prices"),
    [("claude-opus-4-5", "5 6.25 10 0.5 25"), ("claude-haiku-4-5", "1 1.25 2 0.1 5")],
)
def test_anthropics_price_page_comes_out(model: str, prices: str) -> None:
    base, short, hour, read, out = map(Decimal, prices.split())
    thousand = 1000

    def total(**counts: int) -> Decimal:
        return cost_of(usage(thousand, 0, **counts), model=model, provider="anthropic").total

    assert total() * thousand == base
    assert total(cache_write=thousand, cache_write_5m=thousand) * thousand == short
    assert total(cache_write=thousand) * thousand == short
    assert total(cache_write=thousand, cache_write_1h=thousand) * thousand == hour
    assert total(cache_read=thousand) * thousand == read
    given = usage(0, thousand)
    assert cost_of(given, model=model, provider="anthropic").total * thousand == out


@pytest.mark.usefixtures("genai")
def test_a_provider_may_be_its_host() -> None:
    by_host = cost_of(usage(9, 1), model="gpt-4o", provider="https://api.openai.com/v1")
    assert by_host.provider == "openai"
    assert by_host.total == cost_of(usage(9, 1), model="gpt-4o").total


@pytest.mark.usefixtures("genai")
@pytest.mark.parametrize(
    "words",
    [
        {"model": "nobody-9"},
        {"model": "gpt-4o", "provider": "nobody"},
        {"model": "gpt-4o", "provider": "api.nobody.example"},
        {"model": "qwen-plus", "provider": "anthropic"},
    ],
)
def test_what_genai_prices_does_not_know_has_no_price(words: dict[str, Any]) -> None:
    assert code_of(usage(1, 1), **words) == "unknown-model"


@pytest.mark.usefixtures("genai")
def test_a_price_that_changes_within_the_day_needs_a_time() -> None:
    words: dict[str, Any] = {"model": "deepseek-chat", "provider": "deepseek"}
    assert code_of(usage(1, 1), **words) == "no-time"
    assert code_of(usage(1, 1), **words, at=date(2025, 6, 1)) == "no-time"
    day = cost_of(usage(9, 1), **words, at=datetime(2025, 6, 1, 12, tzinfo=UTC))
    night = cost_of(usage(9, 1), **words, at=datetime(2025, 6, 1, 20, tzinfo=UTC))
    assert day.total > night.total


@pytest.mark.usefixtures("genai")
def test_a_time_without_zone_is_utc() -> None:
    words: dict[str, Any] = {"model": "deepseek-chat", "provider": "deepseek"}
    naive = cost_of(usage(9, 1), **words, at=datetime(2025, 6, 1, 12))  # noqa: DTZ001
    assert naive == cost_of(usage(9, 1), **words, at=datetime(2025, 6, 1, 12, tzinfo=UTC))


def test_without_the_extra_the_reason_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without(name: str, *args: Any, **words: Any) -> Any:
        if name.partition(".")[0] == "genai_prices":
            raise ImportError(name)
        return real(name, *args, **words)

    monkeypatch.setattr(builtins, "__import__", without)
    found = price_or_reason(usage(1, 1), model="claude-opus-4-5")
    assert isinstance(found, Unpriced)
    assert found.code == "no-extra"
    assert "wiremark[prices]" in found.reason
    assert price(usage(1, 1), model="qwen3-max", region=BEIJING) is not None


# Cost as a value.


def test_to_dict_is_exact_json() -> None:
    given = usage(10_000, 7, cache_read=5_000, reasoning=0)
    cost = cost_of(given, model="qwen-plus", region=BEIJING)
    data = json.loads(json.dumps(cost.to_dict()))
    parts = ("input", "cache_read", "cache_write", "output", "other")
    assert sum(Decimal(data[name]) for name in parts) == Decimal(data["total"]) == cost.total
    assert data["saving"] == "0.0032"
    assert data["source"]["url"].startswith("https://")
    assert set(data) == {
        *parts,
        *("total", "uncached_total", "saving", "currency", "model", "provider", "region"),
        *("date", "source"),
    }


@pytest.mark.parametrize(
    ("amount", "text"),
    [("0", "0"), ("0E-9", "0"), ("1E+3", "1000"), ("0.10", "0.1"), ("-1.50", "-1.5"), ("20", "20")],
)
def test_amounts_are_written_short_and_without_exponent(amount: str, text: str) -> None:
    assert exact(Decimal(amount)) == text


def test_a_reason_is_text_and_data() -> None:
    reason = Unpriced("no-model", "the model is not named")
    assert str(reason) == "the model is not named"
    assert reason.to_dict() == {"code": "no-model", "reason": "the model is not named"}


@given(
    plain=st.integers(0, 10**7),
    read=st.integers(0, 10**7),
    written=st.integers(0, 10**7),
    output=st.integers(0, 10**6),
    entry=st.sampled_from(DASHSCOPE_PRICES),
)
def test_parts_and_saving_add_up_for_every_price(
    plain: int, read: int, written: int, output: int, entry: ModelPrice
) -> None:
    given_ = usage(plain + read + written, output, cache_read=read, cache_write=written)
    found = price_or_reason(given_, model=entry.models[0], region=entry.region)
    if isinstance(found, Unpriced):
        assert found.code == "no-cache-price"
        return
    assert found.saving == found.uncached_total - found.total
    assert found.total == sum(
        (found.input, found.cache_read, found.cache_write, found.output), Decimal(0)
    )
    bare = cost_of(usage(plain + read + written, output), model=found.model, region=entry.region)
    assert bare.total == found.uncached_total


@pytest.mark.shared
@pytest.mark.usefixtures("genai")
def test_the_parts_of_every_recorded_exchange_sum_exactly(shared_dir: Path) -> None:
    lines = (shared_dir / "real" / "exchanges.jsonl").read_text(encoding="utf-8").splitlines()
    priced = 0
    for exchange in map(json.loads, lines):
        given_ = Usage.from_response(exchange["response"])
        in_path = re.search(r"/model/([^/]+)/", exchange["path"])
        named = given_.model or exchange["request"].get("model")
        model = named or (unquote(in_path[1]) if in_path else None)
        provider = given_.provider or exchange["host"]
        found = price_or_reason(given_, model=model, provider=provider)
        if isinstance(found, Cost):
            priced += 1
            assert found.total == _by_genai(found, given_, model)
            assert found.saving in (None, found.uncached_total - found.total)
    assert priced >= 60


def _by_genai(found: Cost, given_: Usage, model: str) -> Decimal:
    from genai_prices import Usage as Tokens
    from genai_prices import calc_price

    written = given_.cache_write or 0
    hour = given_.cache_write_1h or 0
    return calc_price(
        Tokens(
            input_tokens=given_.input,
            output_tokens=given_.output,
            cache_read_tokens=given_.cache_read or 0,
            cache_write_tokens=written,
            cache_write_5m_tokens=written - hour,
            cache_write_1h_tokens=hour,
            output_reasoning_tokens=given_.reasoning or 0,
        ),
        model,
        provider_id=found.provider,
        genai_request_timestamp=datetime.fromisoformat(f"{found.date}T12:00:00+00:00"),
    ).total_price


# The table.


@pytest.mark.parametrize("entry", DASHSCOPE_PRICES, ids=lambda e: f"{e.region}-{e.models[0]}")
def test_every_price_has_a_source_and_rising_tiers(entry: ModelPrice) -> None:
    assert isinstance(entry.source, Source)
    assert entry.source.url.startswith("https://")
    assert entry.source.read == PRICES_READ
    assert entry.currency == {BEIJING: "CNY", SINGAPORE: "USD"}[entry.region]
    bounds = [tier.up_to for tier in entry.tiers]
    assert bounds[-1] is None
    inner = [bound for bound in bounds[:-1] if bound is not None]
    assert len(inner) == len(bounds) - 1
    assert inner == sorted(set(inner))
    for lower, higher in zip(entry.tiers, entry.tiers[1:], strict=False):
        assert lower.input < higher.input
        assert lower.output < higher.output
    assert entry.since is None or date.fromisoformat(entry.since) <= date.fromisoformat(PRICES_READ)


def test_no_model_has_two_prices_in_a_region_from_the_same_day() -> None:
    seen = [
        (entry.region, name, entry.since) for entry in DASHSCOPE_PRICES for name in entry.models
    ]
    assert len(seen) == len(set(seen))


def test_a_cache_price_stands_in_the_table_only_where_the_rules_say_otherwise() -> None:
    implicit = DASHSCOPE.implicit
    assert implicit is not None
    for entry in DASHSCOPE_PRICES:
        model = entry.models[0]
        for tier in entry.tiers:
            for own, multiplier in (
                (tier.cache_read, DASHSCOPE.read_multiplier_for(model)),
                (tier.implicit_read, implicit.read_multiplier_for(model)),
                (tier.cache_write, DASHSCOPE.write_multiplier_for()),
            ):
                if own is not None and multiplier is not None:
                    assert own != tier.input * Decimal(repr(multiplier)), (model, own)


def test_the_newest_price_that_holds_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    def entry(since: str | None, amount: int) -> ModelPrice:
        tier = PriceTier(input=Decimal(amount), output=Decimal(1))
        source = Source("https://example.com", PRICES_READ)
        return ModelPrice(
            models=("m-*",),
            region=BEIJING,
            currency="CNY",
            tiers=(tier,),
            source=source,
            since=since,
        )

    table = (entry("2026-03-01", 2), entry(None, 1), entry("2026-06-01", 3))
    monkeypatch.setattr("wiremark.rules.prices.DASHSCOPE_PRICES", table)
    amounts = {
        day: price_.tiers[0].input
        for day in ("2026-01-01", "2026-03-01", "2026-05-31", "2026-06-01")
        if (price_ := find_price("vendor/M-1", BEIJING, date.fromisoformat(day)))
    }
    assert list(amounts.values()) == [1, 2, 2, 3]
    assert find_price("m-1", BEIJING) is table[2]
    assert find_price("m-1", SINGAPORE) is None
