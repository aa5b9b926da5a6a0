"""Totals add up in any order, survive a checkpoint exactly, and give a turn's share; log records."""

from __future__ import annotations

import copy
import json
import logging
import pickle
import random
import threading
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wiremark import Msg
from wiremark.base.reply import Reply
from wiremark.errors import MessageError, OptionError, WiremarkError
from wiremark.usage import COUNTS, Usage
from wiremark.usage.events import cache_event, log_usage
from wiremark.usage.sums import UsageSum
from wiremark.usage.totals import UsageTotals

MODELS = st.sampled_from([None, "qwen-plus", "qwen3.8-max", "claude-opus-5", 'a "b"\n'])
COUNT = st.none() | st.integers(0, 10**12)
USAGES = st.builds(Usage, model=MODELS, **dict.fromkeys(COUNTS, COUNT))


def totals_of(*usages: Usage) -> UsageTotals:
    totals = UsageTotals()
    for usage in usages:
        totals.add(usage)
    return totals


TURNS = st.lists(USAGES, max_size=12)
TOTALS = TURNS.map(lambda turns: totals_of(*turns))


# ------------------------------------------------------------------ adding


def test_turns_are_summed_by_model_and_in_all() -> None:
    totals = totals_of(
        Usage(input=100, output=10, cache_read=60, model="b"),
        Usage(input=300, output=30, cache_read=0, model="a"),
        Usage(input=50, output=5, cache_read=50, model="b"),
    )
    assert list(totals.by_model) == ["a", "b"]
    assert (totals.turns, totals.input, totals.output, totals.cache_read) == (3, 450, 45, 110)
    b = totals.by_model["b"]
    assert (b.turns, b.input, b.output, b.cache_read) == (2, 150, 15, 110)


def test_hit_rate_is_weighted_by_tokens() -> None:
    totals = totals_of(Usage(input=900, cache_read=900), Usage(input=100, cache_read=0))
    assert totals.hit_rate == 0.9


def test_turns_that_do_not_report_reads_do_not_dilute_the_hit_rate() -> None:
    totals = totals_of(Usage(input=100, cache_read=50), Usage(input=10_000), Usage(cache_read=7))
    assert totals.hit_rate == 0.5
    assert totals.input == 10_100


def test_hit_rate_is_unknown_where_no_turn_reports_it() -> None:
    assert UsageTotals().hit_rate is None
    assert totals_of(Usage(input=100, output=1)).hit_rate is None
    assert totals_of(Usage(input=100, cache_read=0)).hit_rate == 0.0


def test_not_reported_is_counted_and_is_not_zero() -> None:
    totals = totals_of(Usage(input=1, cache_read=0), Usage(input=1))
    assert totals.unreported["cache_read"] == 1
    assert totals.unreported["cache_write"] == 2
    assert "input" not in totals.unreported
    usage = totals.total.usage
    assert (usage.cache_read, usage.cache_write) == (0, None)


# Usage of a recorded answer of api.anthropic.com, where input_tokens leaves the cache out.
ANTHROPIC = {
    "model": "claude-sonnet-5",
    "usage": {
        "cache_creation": {"ephemeral_1h_input_tokens": 0, "ephemeral_5m_input_tokens": 7049},
        "cache_creation_input_tokens": 7049,
        "cache_read_input_tokens": 13637,
        "input_tokens": 16,
        "output_tokens": 344,
    },
}


@pytest.mark.parametrize("form", [lambda r: r, json.dumps, lambda r: SimpleNamespace(**r)])
def test_response_is_added_as_it_came(form: Any) -> None:
    totals = UsageTotals()
    totals.add(form(ANTHROPIC))
    held = totals.by_model["claude-sonnet-5"]
    assert (held.input, held.output) == (16 + 7049 + 13637, 344)
    assert (held.cache_read, held.cache_write, held.cache_write_5m) == (13637, 7049, 7049)
    assert held.hit_rate == 13637 / 20702


def test_response_without_usage_is_a_turn_that_reports_nothing() -> None:
    totals = UsageTotals()
    totals.add({"model": "m", "choices": []})
    assert totals.unreported == dict.fromkeys(COUNTS, 1)


def test_reply_adds_its_usage_under_its_model() -> None:
    reply = Reply(Msg.assistant("x"), model="qwen-plus", usage=Usage(input=3, output=1))
    totals = UsageTotals()
    assert totals.add(reply) == Usage(input=3, output=1, model="qwen-plus")
    assert totals.by_model["qwen-plus"].input == 3


def test_reply_without_usage_is_a_turn_that_reports_nothing() -> None:
    totals = UsageTotals()
    totals.add(Reply(Msg.assistant("x"), model="m"))
    assert totals.by_model["m"].turns == 1
    assert totals.unreported == dict.fromkeys(COUNTS, 1)


def test_model_that_is_given_wins_over_the_one_that_answered() -> None:
    totals = UsageTotals()
    added = totals.add(Usage(input=1, model="qwen-plus-2025-12-01"), model="qwen-plus")
    assert added.model == "qwen-plus"
    assert list(totals.by_model) == ["qwen-plus"]


def test_turn_without_a_model_is_counted_under_the_empty_name() -> None:
    assert list(totals_of(Usage(input=1)).by_model) == [""]


@pytest.mark.parametrize("count", [-1, 1.5, True, "7"])
def test_count_that_is_no_count_is_refused_and_nothing_is_added(count: Any) -> None:
    totals = UsageTotals()
    with pytest.raises(MessageError) as caught:
        totals.add(Usage(output=1, input=count))
    assert caught.value.path == "usage.input"
    assert totals.turns == 0


def test_threads_lose_no_turn() -> None:
    totals = UsageTotals()
    turn = Usage(input=1, model="m")
    threads = [
        threading.Thread(target=lambda: [totals.add(turn) for _ in range(500)]) for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (totals.turns, totals.input) == (4000, 4000)


@given(TURNS, st.randoms(use_true_random=False))
def test_any_order_of_adding_gives_equal_totals(turns: list[Usage], rng: random.Random) -> None:
    shuffled = turns.copy()
    rng.shuffle(shuffled)
    one, other = totals_of(*turns), totals_of(*shuffled)
    assert one == other
    assert json.dumps(one.snapshot()) == json.dumps(other.snapshot())


@given(TURNS)
def test_sums_are_those_of_the_reported_counts(turns: list[Usage]) -> None:
    totals = totals_of(*turns)
    for name in COUNTS:
        given = [c for t in turns if (c := getattr(t, name)) is not None]
        assert getattr(totals, name) == sum(given)
        assert totals.unreported.get(name, 0) == len(turns) - len(given)
    assert totals.hit_rate is None or 0 <= totals.hit_rate <= 1
    assert totals.total.contradiction() is None


# ------------------------------------------------------------------ parts


@given(TOTALS, TOTALS)
def test_what_was_added_is_what_subtracting_returns(a: UsageTotals, b: UsageTotals) -> None:
    assert (a + b) - a == b
    assert (a + b) - a.snapshot() == b
    assert a + b == b + a


@given(TOTALS, TURNS)
def test_rewind_restores_the_count_and_returns_the_share(
    totals: UsageTotals, turns: list[Usage]
) -> None:
    before = totals.copy()
    snapshot = json.dumps(totals.snapshot())
    for turn in turns:
        totals.add(turn)
    assert totals.rewind(snapshot) == totals_of(*turns)
    assert totals == before


def test_adding_totals_leaves_the_parts_alone() -> None:
    a, b = totals_of(Usage(input=1, model="m")), totals_of(Usage(input=2, model="m"))
    merged = sum([a, b], UsageTotals())
    assert (merged.input, a.input, b.input) == (3, 1, 2)
    assert sum([a, b]) == merged
    a += a
    assert a.input == 2


def test_snapshot_of_other_totals_is_not_subtracted() -> None:
    totals = totals_of(Usage(input=5, model="m"))
    with pytest.raises(MessageError, match="no earlier state") as caught:
        totals - totals_of(Usage(input=6, model="m"))
    assert caught.value.path == 'models["m"].input'
    with pytest.raises(MessageError):
        totals - totals_of(Usage(input=1, model="other"))


def test_same_counts_of_other_turns_are_not_subtracted() -> None:
    later = totals_of(Usage(input=5), Usage(input=5))
    silent = totals_of(Usage(input=10, cache_read=0))
    with pytest.raises(MessageError, match=r"none of 1 turns reported|below 0|of 1 turns"):
        later - silent


def test_failed_rewind_changes_nothing() -> None:
    totals = totals_of(Usage(input=5, model="m"))
    before = totals.copy()
    with pytest.raises(MessageError):
        totals.rewind(totals_of(Usage(input=6, model="m")))
    assert totals == before


def test_totals_are_added_to_and_subtracted_from_totals_alone() -> None:
    for operate in (lambda t: t + 1, lambda t: t - 1, lambda t: 1 + t):
        with pytest.raises(TypeError):
            operate(UsageTotals())


# ------------------------------------------------------------------ snapshots


@given(TOTALS)
def test_snapshot_round_trip_is_exact(totals: UsageTotals) -> None:
    snapshot = totals.snapshot()
    text = json.dumps(snapshot)
    for form in (snapshot, text, text.encode()):
        restored = UsageTotals.restore(form)
        assert restored == totals
        assert restored.snapshot() == snapshot
        assert restored.to_dict() == totals.to_dict()


@given(TOTALS)
def test_totals_are_copied_and_pickled(totals: UsageTotals) -> None:
    for twin in (copy.deepcopy(totals), copy.copy(totals), pickle.loads(pickle.dumps(totals))):
        assert twin == totals
        twin.add(Usage(input=1))
        assert twin != totals


def test_snapshot_says_what_it_is() -> None:
    snapshot = totals_of(Usage(input=9, cache_read=6, output=1, model="m")).snapshot()
    assert (snapshot["wiremark"], snapshot["version"]) == ("usage-totals", 2)
    assert snapshot["models"]["m"] == {
        "turns": 1,
        "input": 9,
        "output": 1,
        "cache_read": 6,
        "cache_write": 0,
        "cache_write_5m": 0,
        "cache_write_1h": 0,
        "reasoning": 0,
        "rated_input": 9,
        "rated_read": 6,
        "unreported": dict.fromkeys(
            ("cache_write", "cache_write_5m", "cache_write_1h", "reasoning"), 1
        ),
    }


# The names are those of pydantic-ai's RunUsage, of agentscope-java's ChatUsage (camel case, with
# `time` and `totalTokens`), and of the usage in TinyAgent's recorded probes.
OLD = {
    "version 1": {
        "version": 1,
        "model": "qwen-plus",
        "turns": 4,
        "input": 4000,
        "output": 400,
        "cache_read": 3000,
    },
    "pydantic-ai": {
        "requests": 4,
        "tool_calls": 2,
        "input_tokens": 4000,
        "output_tokens": 400,
        "cache_read_tokens": 3000,
        "cache_write_tokens": 0,
        "details": {},
    },
    "agentscope-java": {
        "inputTokens": 4000,
        "outputTokens": 400,
        "cachedTokens": 3000,
        "time": 1.5,
        "totalTokens": 4400,
    },
    "TinyAgent": {
        "cache_read": 3000,
        "cache_write": 0,
        "cost": {"total": 0.0},
        "input": 4000,
        "output": 400,
        "total_tokens": 4400,
    },
}


@pytest.mark.parametrize("name", OLD)
def test_old_snapshot_is_read(name: str) -> None:
    totals = UsageTotals.restore(OLD[name])
    assert (totals.input, totals.output, totals.cache_read) == (4000, 400, 3000)
    assert totals.turns == OLD[name].get("turns", OLD[name].get("requests", 1))
    assert totals.hit_rate == 0.75
    assert list(totals.by_model) == [OLD[name].get("model", "")]
    assert UsageTotals.restore(json.dumps(totals.snapshot())) == totals


def test_zero_of_an_old_snapshot_is_not_reported() -> None:
    totals = UsageTotals.restore({"requests": 2, "input_tokens": 10, "cache_read_tokens": 0})
    assert totals.unreported["cache_read"] == 2
    assert totals.hit_rate is None


def test_old_snapshot_of_nothing_is_empty() -> None:
    assert UsageTotals.restore({"requests": 0, "input_tokens": 0}) == UsageTotals()


def test_newer_snapshot_is_refused_with_what_to_do() -> None:
    with pytest.raises(WiremarkError, match="version 3 is newer") as caught:
        UsageTotals.restore({"wiremark": "usage-totals", "version": 3, "models": {}})
    assert "update wiremark" in caught.value.advice
    assert caught.value.path == "version"


GOOD = UsageTotals.snapshot(totals_of(Usage(input=9, cache_read=6, model="m")))


def broken(**fields: Any) -> dict[str, Any]:
    return {**GOOD, "models": {"m": {**GOOD["models"]["m"], **fields}}}


@pytest.mark.parametrize(
    ("snapshot", "path"),
    [
        ("{", "line 1, column 2"),
        (b"\xff", "line 1, column 1"),
        ("[]", "snapshot"),
        (None, "snapshot"),
        ({}, "snapshot"),
        ({"input": "7"}, "input"),
        ({"turns": 0, "input": 7}, "snapshot.input"),
        ({"turns": 2, "input": 7, "cache_read": 8}, "cache_read"),
        ({"wiremark": "usage", "version": 2}, "wiremark"),
        ({"version": 0}, "version"),
        ({"version": True, "input": 1}, "version"),
        ({"version": "2"}, "version"),
        ({"version": 2}, "models"),
        ({"version": 2, "models": {"m": 1}}, 'models["m"]'),
        (broken(input=-1), 'models["m"].input'),
        (broken(input=9.0), 'models["m"].input'),
        (broken(turns=None), 'models["m"].turns'),
        (broken(turns=0), 'models["m"].input'),
        (broken(output=3), 'models["m"].output'),
        (broken(unreported=None), 'models["m"].unreported'),
        (broken(unreported={"output": 2}), 'models["m"].unreported.output'),
        (broken(unreported={"output": -1}), 'models["m"].unreported.output'),
        (broken(rated_input=10), 'models["m"].rated_input'),
        (broken(rated_read=10), 'models["m"].rated_read'),
    ],
)
def test_bad_snapshot_is_refused_with_its_path(snapshot: Any, path: str) -> None:
    with pytest.raises(MessageError) as caught:
        UsageTotals.restore(snapshot)
    assert caught.value.path == path


# ------------------------------------------------------------------ showing


def test_totals_print_as_a_table() -> None:
    totals = totals_of(
        Usage(input=12_000, output=300, cache_read=9000, cache_write=0, model="qwen-plus"),
        Usage(input=500, output=20),
    )
    assert str(totals).splitlines() == [
        "model        turns   input  output  cache read  cache write  hit rate",
        "(not named)      1     500      20           -            -         -",
        "qwen-plus        1  12,000     300       9,000            0     75.0%",
        "all              2  12,500     320       9,000            0     75.0%",
        "not reported, of 2 turns: cache_read by 1, cache_write by 1, cache_write_5m by 2, cache_write_1h by 2, reasoning by 2",
    ]
    assert repr(totals) == "<UsageTotals 2 turns, 12500 input, 320 output>"


def test_dict_of_totals_says_null_where_nothing_was_reported() -> None:
    shown = totals_of(Usage(input=10, cache_read=5, model="m")).to_dict()
    assert (shown["cache_read"], shown["cache_write"], shown["hit_rate"]) == (5, None, 0.5)
    assert shown["by_model"]["m"]["turns"] == 1
    json.dumps(shown)


def test_sum_is_a_value() -> None:
    one = UsageSum.of(Usage(input=1))
    assert one == UsageSum.of(Usage(input=1))
    assert hash(one) == hash(UsageSum.of(Usage(input=1)))
    with pytest.raises(AttributeError):
        one.input = 2  # type: ignore[misc]


# ------------------------------------------------------------------ log records


@pytest.mark.parametrize(
    ("usage", "event"),
    [
        (Usage(input=9, cache_read=6, cache_write=3), "cache.read"),
        (Usage(input=9, cache_read=0, cache_write=9), "cache.write"),
        (Usage(input=9, cache_write=9), "cache.write"),
        (Usage(input=9, cache_read=0), "cache.miss"),
        (Usage(input=9, cache_read=0, cache_write=0), "cache.miss"),
        (Usage(input=9, cache_write=0), "cache.unreported"),
        (Usage(input=9), "cache.unreported"),
    ],
)
def test_each_turn_is_one_event(usage: Usage, event: str, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, logger="wiremark.cache"):
        assert log_usage(usage) == event == cache_event(usage)
    (record,) = caplog.records
    assert record.name == "wiremark.cache"
    assert record.wiremark["event"] == event  # type: ignore[attr-defined]
    assert record.getMessage().startswith(event)
    assert record.funcName == "test_each_turn_is_one_event"


def test_record_can_be_written_as_json(caplog: pytest.LogCaptureFixture) -> None:
    logger = logging.getLogger("mine")
    usage = Usage(input=9, cache_read=6, model="m", provider="dashscope")
    with caplog.at_level(logging.DEBUG, logger="mine"):
        log_usage(usage, logger=logger, level=logging.DEBUG, session="s1", turn=2)
    (record,) = caplog.records
    fields = json.loads(json.dumps(record.wiremark))  # type: ignore[attr-defined]
    assert (record.name, record.levelno) == ("mine", logging.DEBUG)
    assert fields["context"] == {"session": "s1", "turn": 2}
    assert (fields["model"], fields["provider"], fields["input"]) == ("m", "dashscope", 9)
    assert fields["cache_write"] is None
    assert fields["hit_rate"] == 6 / 9


def test_content_does_not_slip_into_a_record(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with pytest.raises(OptionError) as caught:
        log_usage(Usage(input=1), messages=[{"role": "user", "content": "secret"}])
    assert caught.value.path == "messages"
    assert caplog.records == []


def test_nothing_is_logged_unless_asked(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    totals_of(Usage(input=1, cache_read=1)).snapshot()
    assert caplog.records == []
