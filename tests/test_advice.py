"""Advice on constructed sessions: what is named, what to do, and what that saves."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from wiremark.replay.advice import OPTIMUM, Advice, advise
from wiremark.replay.model import TraceRequest
from wiremark.replay.simulation import terms_of
from wiremark.rules import ANTHROPIC, DASHSCOPE

_BIG = "You are a careful assistant. " * 300
_FRUIT = ("apples", "pears", "plums", "figs", "kiwis", "dates")
_TOOLS = [
    {
        "name": f"tool{index}",
        "description": "does one thing well " * 40,
        "input_schema": {"type": "object", "properties": {"path": {"type": "string"}}},
    }
    for index in range(4)
]


def _session(
    system: Callable[[int], str] = lambda _: _BIG,
    tools: Callable[[int], list[dict[str, Any]]] | None = None,
    history: Callable[[int, list[dict[str, Any]]], list[dict[str, Any]]] = lambda _, held: held,
    turns: int = 6,
) -> list[dict[str, Any]]:
    held: list[dict[str, Any]] = []
    out = []
    for turn in range(turns):
        held = [*held, {"role": "user", "content": f"question {turn} " + "please look " * 60}]
        body: dict[str, Any] = {"model": "claude-sonnet-4-5", "max_tokens": 100}
        if tools is not None:
            body["tools"] = tools(turn)
        out.append(body | {"system": system(turn), "messages": history(turn, list(held))})
        held = [*held, {"role": "assistant", "content": f"answer {turn} " + "it is so " * 60}]
    return out


def _advise(session: list[dict[str, Any]]) -> Advice:
    return advise(session, as_="anthropic", model="claude-sonnet-4-5")


def _with_clock(turn: int) -> str:
    return f"It is 2026-11-21 10:0{turn}:07.\n{_BIG}"


def _reversed(tool: dict[str, Any]) -> dict[str, Any]:
    return {key: tool[key] for key in reversed(tool)}


@pytest.mark.parametrize(
    ("kind", "path", "session"),
    [
        ("timestamp", "system", _session(_with_clock)),
        (
            "uuid",
            "system",
            _session(lambda turn: f"Run 123e4567-e89b-12d3-a456-42661417400{turn}\n{_BIG}"),
        ),
        ("counter", "system", _session(lambda turn: f"Turn {turn}\n{_BIG}")),
        ("dynamic-text", "system", _session(lambda turn: f"Known: {_FRUIT[turn]}\n{_BIG}")),
        (
            "tools-reordered",
            "tools",
            _session(tools=lambda turn: _TOOLS[turn % 4 :] + _TOOLS[: turn % 4]),
        ),
        ("tools-changed", "tools", _session(tools=lambda turn: _TOOLS[: 3 + turn % 2])),
        (
            "unstable-serialisation",
            "tools",
            _session(tools=lambda turn: [_reversed(t) if turn % 2 else t for t in _TOOLS]),
        ),
    ],
)
def test_what_breaks_the_prefix_is_named_with_its_saving(
    kind: str, path: str, session: list[dict[str, Any]]
) -> None:
    made = _advise(session)
    (problem,) = made.problems
    assert (problem.kind, problem.path, problem.requests) == (kind, path, 5)
    assert problem.before != problem.after
    assert problem.lost > 0
    assert problem.saving is not None
    assert problem.saving > 0
    assert made.optimum.cost - problem.saving < 0.6 * made.optimum.uncached


def test_moving_a_clock_saves_what_the_session_without_it_saves() -> None:
    (problem,) = (made := _advise(_session(_with_clock))).problems
    without = _advise(_session())
    assert problem.saving is not None
    mended = made.optimum.cost - problem.saving
    clocks = 40 * 6  # at most forty tokens a request, sent fresh
    assert without.optimum.cost <= mended <= without.optimum.cost + clocks


def test_an_edited_history_is_told_from_dynamic_text() -> None:
    def cut(turn: int, held: list[dict[str, Any]]) -> list[dict[str, Any]]:
        return [{**held[0], "content": "[cut]"}, *held[1:]] if turn >= 4 else held

    (problem,) = _advise(_session(history=cut)).problems
    assert (problem.kind, problem.path, problem.requests) == ("edited-history", "messages[0]", 1)
    assert "question 0" in problem.before
    assert problem.after == "[cut]"


def test_a_session_that_only_grows_has_no_problem() -> None:
    assert _advise(_session()).problems == ()


def test_another_question_under_one_system_prompt_is_no_problem() -> None:
    session = [
        {"system": _BIG, "messages": [{"role": "user", "content": f"what are {fruit}?"}]}
        for fruit in _FRUIT
    ]
    made = _advise(session)
    assert made.problems == ()
    assert made.gap_of("stable_head") == pytest.approx(0.0, abs=0.002)


def test_figures_of_the_optimum_are_those_of_its_replay() -> None:
    made = _advise(_session(tools=lambda _: _TOOLS))
    assert made.best.policy == OPTIMUM
    assert made.best.amounts.relative == pytest.approx(made.optimum.cost)
    assert all(way.gap is not None and way.gap >= -1e-9 for way in made.ways)
    assert list(made.ways) == sorted(made.ways, key=lambda way: way.amounts.relative or 0.0)


def test_a_write_for_five_minutes_pays_from_its_first_reuse() -> None:
    # One write and one read come to 1.35 against 2.00 (facts/field.md, numbers worth reproducing).
    assert terms_of(ANTHROPIC).break_even()["5m"] == pytest.approx(0.25 / 0.9)
    assert terms_of(ANTHROPIC).break_even()["1h"] == pytest.approx(1.0 / 0.9)
    assert terms_of(DASHSCOPE).break_even() == {"5m": pytest.approx(0.25 / 0.9)}


def test_advice_is_json_and_prints() -> None:
    made = _advise(_session(_with_clock))
    data = json.loads(json.dumps(made.to_dict()))
    assert data["problems"][0]["kind"] == "timestamp"
    assert data["optimum"]["exact"] is True
    text = str(made)
    assert "best placement" in text
    assert "move it behind the last message" in text
    assert "rolling" in text


def test_saving_is_in_money_where_a_price_is_known() -> None:
    body = {"input": {"messages": [{"role": "user", "content": _BIG}]}, "parameters": {}}
    made = advise(
        [body | {"model": "qwen3.7-max"}] * 3, as_="dashscope", region="cn-beijing", gap=5.0
    )
    assert made.saving.currency == "CNY"
    assert made.saving.total is not None
    assert made.saving.total > 0
    assert any("without marks" in note for note in made.notes)


def test_times_decide_what_is_worth_writing() -> None:
    bodies = _session()
    close = advise([TraceRequest(body, at=60.0 * i) for i, body in enumerate(bodies)])
    far = advise([TraceRequest(body, at=86400.0 * i) for i, body in enumerate(bodies)])
    assert close.optimum.read > 0
    assert far.optimum.read == far.optimum.written == 0
    assert far.optimum.cost == far.optimum.uncached


def test_nothing_is_advised_about_nothing() -> None:
    made = advise([], as_="anthropic")
    assert made.optimum.cost == 0
    assert made.ways == ()
    assert "best placement" in str(made)


def test_bodies_are_not_changed() -> None:
    session = _session(_with_clock, tools=lambda _: _TOOLS)
    before = json.dumps(session)
    _advise(session)
    assert json.dumps(session) == before


def test_another_conversation_is_no_problem_of_order() -> None:
    def conversation(subject: str) -> list[dict[str, Any]]:
        held: list[dict[str, Any]] = [{"role": "user", "content": f"{subject} " * 900}]
        out = []
        for turn in range(3):
            out.append({"messages": list(held)})
            held = [
                *held,
                {"role": "assistant", "content": f"{subject} answer {turn}"},
                {"role": "user", "content": f"{subject} question {turn}"},
            ]
        return out

    trace = [*conversation("harbour"), *conversation("orchard")]
    assert advise(trace, as_="dashscope-compatible", model="qwen-plus").problems == ()
