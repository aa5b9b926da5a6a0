"""The cheapest placement: equal to brute force, to the prefix cache, and never above a policy."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import combinations, combinations_with_replacement
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from wiremark.replay.advice import advise
from wiremark.replay.cache import CacheRequest, PrefixCache
from wiremark.replay.model import Arm
from wiremark.replay.optimum import best_placements, optimal, optimum
from wiremark.replay.simulation import Entry, Placement, Terms, serve, simulate, terms_of
from wiremark.replay.steps import Steps, read_steps
from wiremark.replay.tokens import token_counter
from wiremark.rules import ANTHROPIC, DASHSCOPE_COMPATIBLE, KIMI_MESSAGES, CacheRules

_ARMS: tuple[Arm, ...] = ("neutral", "pessimistic")


@dataclass(frozen=True)
class Sent:
    body: dict[str, Any]
    at: float
    duration: float


def _message(*texts: str, role: str = "user") -> dict[str, Any]:
    return {"role": role, "content": [{"type": "text", "text": text} for text in texts]}


_texts = st.builds(
    lambda length, letter: letter * length,
    st.sampled_from([2, 3, 6, 13, 41]),
    st.sampled_from("ab"),
)
_messages = st.lists(_texts, min_size=1, max_size=2).map(lambda texts: _message(*texts))


@st.composite
def sessions(draw: st.DrawFn) -> list[Sent]:
    """Draw a few requests that grow, are cut back, or are edited, with pauses between them."""
    held: list[dict[str, Any]] = []
    out: list[Sent] = []
    at = 0.0
    for _ in range(draw(st.integers(1, 4))):
        turn = draw(st.sampled_from(["grow", "grow", "grow", "cut", "edit"]))
        if held and turn == "cut":
            held = held[: draw(st.integers(0, len(held)))]
        elif held and turn == "edit":
            index = draw(st.integers(0, len(held) - 1))
            held = [*held[:index], draw(_messages), *held[index + 1 :]]
        held = [*held, *draw(st.lists(_messages, min_size=1, max_size=2))][:5]
        out.append(Sent({"messages": held}, at, draw(st.sampled_from([0.0, 0.0, 10.0]))))
        at += draw(st.sampled_from([0, 10, 299, 301, 1000, 4000]))
    return out


def _rules(base: CacheRules, draw: st.DrawFn) -> CacheRules:
    return replace(
        base,
        max_marks=draw(st.integers(1, 4)),
        lookback_blocks=draw(st.sampled_from([0, 1, 2, 20])),
        min_tokens=draw(st.sampled_from([0, 5, 20])),
        min_tokens_by_model=(),
        implicit=None,
        models=(),
        array_refused=(),
    )


@st.composite
def dashscope(draw: st.DrawFn) -> CacheRules:
    """Draw rules of one TTL, some with writes that pay only from the second reuse on."""
    rules = _rules(DASHSCOPE_COMPATIBLE, draw)
    return replace(rules, write_multipliers={"5m": draw(st.sampled_from([1.0, 1.25, 2.0]))})


@st.composite
def anthropic(draw: st.DrawFn) -> CacheRules:
    """Draw rules of two TTLs."""
    return _rules(ANTHROPIC, draw)


def _every(steps: Steps, terms: Terms, index: int) -> list[Placement]:
    """Return every legal placement of one request."""
    spots = [spot.depth for spot in steps.spots(steps.steps[index], narrow=terms.narrow)]
    most = len(spots) if terms.budget is None else min(terms.budget, len(spots))
    return [
        tuple(zip(depths, ttls, strict=True))
        for count in range(most + 1)
        for depths in combinations(spots, count)
        for ttls in combinations_with_replacement(range(len(terms.ttls)), count)
    ]


def brute_force(steps: Steps, terms: Terms) -> float:
    """Return the least cost over all placements of all requests."""
    known: dict[tuple[int, tuple[Entry, ...]], float] = {}

    def least(index: int, entries: tuple[Entry, ...]) -> float:
        if index == len(steps.steps):
            return 0.0
        key = (index, tuple(sorted(entries)))
        if key not in known:
            known[key] = min(
                served.cost + least(index + 1, behind)
                for marks in _every(steps, terms, index)
                for served, behind in [serve(steps, steps.steps[index], terms, entries, marks)]
            )
        return known[key]

    return least(0, ())


def _spots(steps: Steps) -> int:
    return sum(len(steps.spots(step, narrow=False)) for step in steps.steps)


_FAST = settings(max_examples=500, suppress_health_check=list(HealthCheck), deadline=None)


@_FAST
@given(sessions(), dashscope(), st.sampled_from(_ARMS))
def test_optimum_of_one_ttl_equals_brute_force(
    session: list[Sent], rules: CacheRules, arm: Arm
) -> None:
    steps = read_steps(session, form="openai-chat", rules=rules, counter=len)
    assume(_spots(steps) <= 18)
    terms = terms_of(rules, None, arm)
    placements, cost, exact = best_placements(steps, terms)
    assert exact or any(sent.duration for sent in session)
    assert cost == pytest.approx(brute_force(steps, terms))
    assert sum(served.cost for served in simulate(steps, placements, terms)) == pytest.approx(cost)


@settings(_FAST, max_examples=200)
@given(sessions(), anthropic(), st.sampled_from(_ARMS))
def test_optimum_of_two_ttls_equals_brute_force(
    session: list[Sent], rules: CacheRules, arm: Arm
) -> None:
    steps = read_steps(session, form="anthropic", rules=rules, counter=len)
    assume(_spots(steps) <= 10)
    terms = terms_of(rules, None, arm)
    _, cost, _ = best_placements(steps, terms)
    assert cost == pytest.approx(brute_force(steps, terms))


def _marked(body: dict[str, Any], marks: Sequence[tuple[str, str | None]]) -> dict[str, Any]:
    messages = [
        {**message, "content": [dict(part) for part in message["content"]]}
        for message in body["messages"]
    ]
    for path, ttl in marks:
        message, part = (int(number.split("]")[0]) for number in path.split("[")[1:])
        messages[message]["content"][part]["cache_control"] = {"type": "ephemeral", "ttl": ttl}
    return {**body, "messages": messages}


@settings(_FAST, max_examples=200)
@given(sessions(), st.one_of(dashscope(), anthropic()), st.sampled_from(_ARMS), st.data())
def test_what_is_optimised_is_the_prefix_cache(
    session: list[Sent], rules: CacheRules, arm: Arm, data: st.DataObject
) -> None:
    form = "anthropic" if rules.protocol == "anthropic" else "openai-chat"
    counter = token_counter("unknown", count=len)
    steps = read_steps(session, form=form, rules=rules, counter=counter)
    terms = terms_of(rules, None, arm)
    if data.draw(st.booleans()):
        placements, _, _ = best_placements(steps, terms)
    else:
        placements = [
            data.draw(st.sampled_from(_every(steps, terms, index)))
            for index in range(len(steps.steps))
        ]
    protocol = "anthropic" if form == "anthropic" else "openai"
    cache = PrefixCache(rules, protocol=protocol, arm=arm, counter=counter)
    served = simulate(steps, placements, terms)
    for sent, step, marks, mine in zip(session, steps.steps, placements, served, strict=True):
        paths = {spot.depth: spot.path for spot in steps.spots(step, narrow=terms.narrow)}
        named = [(paths[depth], terms.ttls[ttl][0]) for depth, ttl in marks]
        found = cache.request(
            CacheRequest(_marked(sent.body, named)), at=sent.at, ends_at=sent.at + sent.duration
        )
        assert found.rejected is None
        assert (found.read, found.written, found.input) == (mine.read, mine.written, mine.input)


def _loop(turns: int, *, first: int = 900, pause: float = 20.0) -> list[Sent]:
    """Return an agent loop; each request is the one before, its reply, and a result."""
    held = [{"role": "user", "content": "word " * first}]
    out = []
    for turn in range(turns):
        held = [
            *held,
            {"role": "assistant", "content": f"step {turn}: look at the next file"},
            {"role": "user", "content": f"result {turn}: " + "it has some lines " * 9},
        ]
        out.append(Sent({"messages": held}, pause * turn, 5.0))
    return out


def test_the_last_request_of_a_session_writes_nothing() -> None:
    best = optimum(_loop(6, first=3000), ANTHROPIC)
    assert best.requests[-1].written == 0
    assert all(served.written for served in best.requests[:-1])
    assert best.online > best.cost


def test_a_request_alone_is_not_marked() -> None:
    best = optimum(_loop(1, first=3000), ANTHROPIC)
    assert best.placements == ((),)
    assert best.cost == best.uncached


def test_below_the_minimum_nothing_is_marked() -> None:
    best = optimum(_loop(3, first=10), ANTHROPIC, model="claude-haiku-4-5")
    assert best.placements == ((), (), ())


def test_an_hour_is_bought_where_requests_are_far_apart() -> None:
    far = optimum(_loop(8, first=9000, pause=900.0), ANTHROPIC)
    near = optimum(_loop(8, first=9000, pause=60.0), ANTHROPIC)
    assert {mark.ttl for marks in near.placements for mark in marks} == {"5m"}
    assert "1h" in {mark.ttl for marks in far.placements for mark in marks}


def test_where_only_the_request_can_be_marked_its_tail_is() -> None:
    best = optimum(_loop(4, first=3000), KIMI_MESSAGES, model="kimi-k3")
    assert [len(marks) for marks in best.placements[:-1]] == [1, 1, 1]
    assert best.cost < best.uncached


@pytest.mark.parametrize("rules", [DASHSCOPE_COMPATIBLE, ANTHROPIC])
def test_five_thousand_requests_take_seconds(rules: CacheRules) -> None:
    session = _loop(5000)
    start = time.process_time()
    steps = read_steps(session, form=rules.protocol, rules=rules)
    best = optimal(steps, terms_of(rules))
    assert time.process_time() - start < 30
    assert best.exact
    assert best.cost < 0.11 * best.uncached


@pytest.mark.parametrize(
    ("service", "model"), [("dashscope", "qwen3.7-max"), ("anthropic", "claude-sonnet-4-5")]
)
def test_rolling_is_within_three_percent_of_the_optimum(
    shared_dir: Path, service: str, model: str
) -> None:
    lines = (shared_dir / "real" / "agent_traces.jsonl").read_text("utf-8").splitlines()
    for line in lines:
        made = advise(json.loads(line), as_=service, model=model)
        assert made.optimum.exact
        assert made.best.amounts.relative == pytest.approx(made.optimum.cost)
        gaps = {way.policy: way.gap for way in made.ways}
        assert all(gap is not None and gap >= -1e-9 for gap in gaps.values())
        rolling = gaps["rolling"]
        assert rolling is not None
        assert rolling <= 0.03
        assert rolling == min(gap for gap in gaps.values() if gap is not None)


def test_reading_shares_what_requests_have_in_common() -> None:
    steps = read_steps(_loop(50), form="anthropic", rules=ANTHROPIC)
    assert all(step.line is steps.steps[0].line for step in steps.steps)
    assert len(steps.tokens) == steps.steps[-1].size


def test_keys_in_another_order_are_another_prefix() -> None:
    def body(arguments: dict[str, int]) -> dict[str, Any]:
        use = {"type": "tool_use", "id": "1", "name": "a", "input": arguments}
        return {"messages": [{"role": "assistant", "content": [use]}]}

    steps = read_steps(
        [body({"a": 1, "b": 2}), body({"b": 2, "a": 1})], form="anthropic", rules=ANTHROPIC
    )
    one, other = steps.steps
    assert one.line.nodes != other.line.nodes
