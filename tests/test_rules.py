"""Rules of providers: every figure has a source, and the right rules are chosen."""

from __future__ import annotations

import copy
import pickle
from dataclasses import FrozenInstanceError, fields, replace
from datetime import date

import pytest

from wiremark import rules as rule_sets
from wiremark.errors import RuleError
from wiremark.rules import (
    DASHSCOPE,
    DASHSCOPE_COMPATIBLE,
    OPENAI,
    OPENAI_COMPATIBLE,
    OPENAI_IMPLICIT,
    RULE_TABLE,
    CacheRules,
    FrozenMap,
    RuleEntry,
    Source,
    model_version,
    select_rules,
    ttl_seconds,
)

ALL = [
    value for name in rule_sets.__all__ if isinstance(value := getattr(rule_sets, name), CacheRules)
]
NEUTRAL = CacheRules(name="neutral", protocol="none")


@pytest.mark.parametrize("rules", ALL, ids=lambda rules: rules.name)
def test_every_figure_has_a_source(rules: CacheRules) -> None:
    stated = {
        field.name
        for field in fields(rules)
        if field.name not in ("name", "protocol", "sources")
        and getattr(rules, field.name) != getattr(NEUTRAL, field.name)
    }
    assert stated <= set(rules.sources)


def test_the_table_holds_exported_rules_with_names_of_their_own() -> None:
    assert {entry.rules for entry in RULE_TABLE} <= set(ALL)
    assert len({rules.name for rules in ALL}) == len(ALL)


@pytest.mark.parametrize("rules", ALL, ids=lambda rules: rules.name)
def test_every_source_is_a_page_with_the_day_it_was_read(rules: CacheRules) -> None:
    names = {field.name for field in fields(rules)}
    for name, source in rules.sources.items():
        assert name in names
        assert source.url.startswith("https://")
        assert date.fromisoformat(source.read).year >= 2026


@pytest.mark.parametrize("rules", ALL, ids=lambda rules: rules.name)
def test_rules_are_frozen_hashable_and_survive_copy_and_pickle(rules: CacheRules) -> None:
    assert hash(rules) == hash(copy.deepcopy(rules))
    assert pickle.loads(pickle.dumps(rules)) == rules
    with pytest.raises(FrozenInstanceError):
        rules.max_marks = 9  # type: ignore[misc]


def test_a_user_changes_a_figure_in_three_lines() -> None:
    mine = replace(DASHSCOPE, max_marks=3)
    assert (mine.max_marks, DASHSCOPE.max_marks) == (3, 4)
    assert mine.sources == DASHSCOPE.sources


def test_a_frozen_map_cannot_be_changed_and_equals_a_dict() -> None:
    items = FrozenMap({"a": 1})
    assert items == {"a": 1}
    assert "a" in repr(items)
    with pytest.raises(AttributeError):
        items.b = 2  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "change",
    [
        {"ttls": ("1h", "5m")},
        {"ttls": ("soon",)},
        {"default_ttl": "1h"},
        {"max_marks": 0},
        {"automatic_only": True},
        {"marker": "none", "tool_slot": True},
    ],
)
def test_rules_that_contradict_themselves_are_refused(change: dict[str, object]) -> None:
    with pytest.raises(RuleError):
        replace(DASHSCOPE, **change)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("30s", 30), ("5m", 300), ("1h", 3600), ("2d", 172800)]
    + [(bad, None) for bad in ("", "0m", "m", "5", "5 m", "-5m", "5M", "1.5h", 5, True, None)],
)
def test_a_ttl_is_a_number_and_a_unit(text: object, seconds: int | None) -> None:
    assert ttl_seconds(text) == seconds


@pytest.mark.parametrize(
    ("asked", "given"),
    [("30m", "30m"), ("12h", "12h"), ("1h", "30m"), ("2d", "12h"), ("5m", "30m")],
)
def test_a_missing_ttl_becomes_the_nearest_shorter_one_or_the_shortest(
    asked: str, given: str
) -> None:
    assert OPENAI.nearest_ttl(asked) == given


def test_rules_without_ttls_have_no_nearest_one() -> None:
    assert OPENAI_IMPLICIT.nearest_ttl("5m") is None


@pytest.mark.parametrize(
    ("model", "version"),
    [
        ("gpt-5.6", (5, 6)),
        ("gpt-5.10-mini", (5, 10)),
        ("gpt-5.6-2026-08-01", (5, 6)),
        ("openai/gpt-6", (6,)),
        ("ft:gpt-4.1:acme::x", (4, 1)),
        ("gpt-4o", (4,)),
        ("gpt-image-1", ()),
        ("", ()),
    ],
)
def test_a_version_is_read_as_numbers(model: str, version: tuple[int, ...]) -> None:
    assert model_version(model) == version


@pytest.mark.parametrize(
    ("model", "rules"),
    [
        ("gpt-5.6", OPENAI),
        ("gpt-5.6-mini", OPENAI),
        ("gpt-5.6-2026-08-01", OPENAI),
        ("gpt-5.10", OPENAI),
        ("gpt-6", OPENAI),
        ("GPT-5.6", OPENAI),
        ("gpt-5.5", OPENAI_IMPLICIT),
        ("gpt-5", OPENAI_IMPLICIT),
        ("gpt-4o-2024-08-06", OPENAI_IMPLICIT),
        ("gpt-35-turbo", OPENAI_IMPLICIT),
        ("chatgpt-4o-latest", OPENAI_IMPLICIT),
        ("o1", OPENAI_IMPLICIT),
        ("o3-mini", OPENAI_IMPLICIT),
        ("qwen-plus", DASHSCOPE_COMPATIBLE),
        ("qwen/qwen3-coder-plus", DASHSCOPE_COMPATIBLE),
    ],
)
def test_the_model_name_chooses_openai_chat_rules(model: str, rules: CacheRules) -> None:
    assert select_rules("openai-chat", model=model).rules == rules


@pytest.mark.parametrize(
    "host",
    [
        "dashscope.aliyuncs.com",
        "dashscope-intl.aliyuncs.com",
        "https://ws-1.cn-beijing.maas.aliyuncs.com/compatible-mode/v1",
        "https://DASHSCOPE.aliyuncs.com:443/compatible-mode/v1",
    ],
)
def test_the_host_wins_over_the_model_name(host: str) -> None:
    assert select_rules("openai-chat", host=host, model="glm-5.1").rules == DASHSCOPE_COMPATIBLE


def test_the_native_protocol_has_dashscope_rules_for_any_model() -> None:
    assert select_rules("dashscope", model="qwen-plus") == select_rules("dashscope")
    assert select_rules("dashscope").rules == DASHSCOPE
    assert select_rules("dashscope").note == ""


@pytest.mark.parametrize(
    ("host", "model", "says"),
    [
        (None, None, "no rule knows"),
        ("llm.example.org", "my-model", "no rule knows"),
        (None, "gpt-oss-120b", "no rule knows"),
        ("llm.example.org", "qwen-plus", "llm.example.org"),
        ("dashscope.aliyuncs.com", "qwen-max-2024", "not among those"),
        (None, "qwen4-max", "qwen4"),
        ("dashscope.aliyuncs.com", "qwen4-max", "qwen4"),
        ("api.openai.com", "my-deployment", "no version"),
    ],
)
def test_a_choice_that_does_not_know_everything_says_so(
    host: str | None, model: str | None, says: str
) -> None:
    assert says in select_rules("openai-chat", host=host, model=model).note


def test_the_unknown_provider_gets_four_cache_control_marks() -> None:
    rules = select_rules("openai-chat").rules
    assert rules == OPENAI_COMPATIBLE
    assert (rules.marker, rules.max_marks) == ("cache_control", 4)
    assert rules.read_multiplier_for("any") is None


def test_an_override_comes_first_and_only_where_it_matches() -> None:
    mine = replace(DASHSCOPE, max_marks=3)
    entry = RuleEntry("openai-chat", "*.example.org", "qwen*", mine, "ours")
    chosen = select_rules(
        "openai-chat", host="llm.example.org", model="qwen-plus", overrides=[entry]
    )
    assert (chosen.rules, chosen.note) == (mine, "ours")
    assert select_rules("openai-chat", model="qwen-plus", overrides=[entry]).rules != mine


def test_an_unknown_protocol_is_refused_with_the_known_ones() -> None:
    with pytest.raises(RuleError, match="openai-chat"):
        select_rules("smoke-signals")


def test_figures_are_asked_by_model() -> None:
    rules = replace(DASHSCOPE, min_tokens_by_model=(("qwen-tiny*", 512),))
    assert rules.min_tokens_for("qwen-tiny-2") == 512
    assert rules.min_tokens_for("qwen-plus") == rules.min_tokens_for(None) == 1024
    assert rules.read_multiplier_for("qwen-plus") == 0.1
    assert rules.read_multiplier_for("qwen3.8-max-0902") is None
    assert rules.write_multiplier_for() == rules.write_multiplier_for("5m") == 1.25
    assert rules.write_multiplier_for("1h") is None


def test_glm_keeps_its_strings_without_tools() -> None:
    assert DASHSCOPE.refuses_array("glm-5.1", tools=False)
    assert not DASHSCOPE.refuses_array("glm-5.1", tools=True)
    assert not DASHSCOPE.refuses_array("qwen-plus", tools=False)
    assert not OPENAI.refuses_array("glm-5.1", tools=False)


def test_the_budget_leaves_out_what_the_provider_takes_for_itself() -> None:
    assert DASHSCOPE.budget == 4
    assert OPENAI.budget == 3
    assert replace(OPENAI, implicit_marks=0).budget == 4
    assert replace(DASHSCOPE, last_mark_only=True).budget == 1
    assert OPENAI_IMPLICIT.budget is None


def test_a_source_is_a_value() -> None:
    assert Source("https://a", "2026-11-21") == Source("https://a", "2026-11-21", "")
