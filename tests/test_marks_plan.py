"""The plan as a value and as a table, stripping by hand, and what marking costs."""

from __future__ import annotations

import copy
import json
import pickle
import time
from collections.abc import Mapping
from typing import Any

import pytest

from wiremark.marks import (
    PartShape,
    Plan,
    Slot,
    Wish,
    place_marks,
    rolling,
    strip_body,
    strip_marks,
)
from wiremark.rules import DASHSCOPE

MARK = {"type": "ephemeral"}


def kind(part: Mapping[str, Any]) -> str | None:
    return "text" if "text" in part else "image" if "image" in part else None


SHAPE = PartShape(kind, lambda text: {"text": text})

MESSAGES: list[dict[str, Any]] = [
    {"role": "system", "content": "You are a helpful assistant who answers briefly."},
    {"role": "user", "content": "Hello\x1b[31m there"},
    {"role": "assistant", "content": None, "tool_calls": [{"id": "1"}]},
    {"role": "tool", "content": [{"text": "ok"}], "tool_call_id": "1"},
]


def plan() -> Plan:
    wishes = [
        Wish("message", "1h", Slot(2), "messages[2].metadata._cache_control"),
        Wish("block", "soon", Slot(3, 0), "messages[3].content[0].cache_control"),
    ]
    return place_marks(
        MESSAGES, rules=DASHSCOPE, shape=SHAPE, wishes=wishes, policy=rolling, note="a note"
    ).plan


def test_a_plan_is_comparable_hashable_and_survives_copy_and_pickle() -> None:
    assert plan() == plan()
    assert hash(plan()) == hash(copy.deepcopy(plan()))
    assert pickle.loads(pickle.dumps(plan())) == plan()


def test_a_plan_prints_as_a_table_with_its_findings_at_the_end() -> None:
    lines = str(plan()).splitlines()
    assert lines[0] == "cache marks: rules dashscope, policy rolling"
    assert lines[1].split("  ")[0] == "slot"
    assert [line.split()[:2] for line in lines[2:7]] == [
        ["messages[0].content[0]", "system"],
        ["messages[1].content[0]", "user"],
        ["messages[1].content[0]", "user"],
        ["messages[3].content[0]", "tool"],
        ["messages[3].content[0]", "tool"],
    ]
    assert lines[2].split("  ", 3)[2:] == [
        "You are a helpful assistant w...",
        "auto, end of the stable head  placed    default  as-asked: stands where it was asked for",
    ]
    assert lines[7] == "note: a note"
    assert [line.split()[1] for line in lines[8:]] == ["ttl-clamped", "unreadable-value"]


def test_the_columns_of_the_table_are_aligned() -> None:
    rows = plan().rows()
    lines = str(plan()).splitlines()[1:7]
    column = lines[0].index("decision")
    assert [line[column:].split()[0] for line in lines] == [row[4] for row in rows]


def test_words_of_a_message_never_reach_the_terminal_as_control_characters() -> None:
    assert str(plan()).replace("\n", "").isprintable()


def test_a_plan_is_json() -> None:
    stored = json.loads(json.dumps(plan().to_dict()))
    assert stored["rules"] == "dashscope"
    assert stored["converted"] == [0, 1]
    first = stored["decisions"][0]
    assert first["slot"] == "messages[0].content[0]"
    assert first["marker"] == {"cache_control": MARK}
    assert stored["findings"][0]["code"] == "ttl-clamped"


def test_the_marker_of_a_decision_is_fresh_each_time() -> None:
    decision = plan().decisions[0]
    assert decision.marker == MARK
    assert decision.marker is not decision.marker


def test_dropped_decisions_have_no_marker() -> None:
    assert [item.marker for item in plan().dropped] == [None]


def test_an_empty_plan_says_that_nothing_was_asked_for() -> None:
    assert str(Plan(rules="dashscope")).endswith("no wishes")


def test_paths_follow_the_callers_request() -> None:
    marked = place_marks(
        [{"role": "user", "content": "hi", "cache_control": MARK}],
        rules=DASHSCOPE,
        shape=SHAPE,
        messages_path="input.messages",
        tools=[{"name": "t", "cache_control": "?"}],
        tools_path="parameters.tools",
    )
    tool, message = marked.plan.decisions
    assert (message.path, message.where) == (
        "input.messages[0].cache_control",
        "input.messages[0].content[0]",
    )
    assert (tool.path, tool.where) == ("parameters.tools[0].cache_control", "parameters.tools[0]")


# Stripping


def message(*parts: Any) -> dict[str, Any]:
    return {"role": "user", "content": list(parts)}


def test_one_marked_text_part_becomes_the_string_again() -> None:
    assert strip_marks([message({"text": "hi", "cache_control": MARK})]) == [
        {"role": "user", "content": "hi"}
    ]


@pytest.mark.parametrize(
    "parts",
    [
        [{"text": "hi"}],
        [{"text": "a", "cache_control": MARK}, {"text": "b"}],
        [{"image": "u", "cache_control": MARK}],
        [{"type": "text", "text": "hi", "id": 1, "cache_control": MARK}],
    ],
)
def test_other_arrays_stay_arrays(parts: list[dict[str, Any]]) -> None:
    bare = [{k: v for k, v in part.items() if k != "cache_control"} for part in parts]
    assert strip_marks([message(*parts)]) == [message(*bare)]


def test_a_shape_may_deny_that_a_part_is_text() -> None:
    deny = PartShape(lambda part: None, lambda text: {"text": text})
    marked = [message({"text": "hi", "cache_control": MARK})]
    assert strip_marks(marked, shape=deny) == [message({"text": "hi"})]


def test_a_message_level_marker_is_stripped_and_the_input_kept() -> None:
    old = {"role": "user", "content": "hi", "cache_control": MARK}
    assert strip_marks([old]) == [{"role": "user", "content": "hi"}]
    assert old["cache_control"] == MARK


def test_a_body_loses_its_own_marker_and_keeps_its_options() -> None:
    body = {
        "cache_control": MARK,
        "prompt_cache_options": {"mode": "explicit"},
        "system": [{"type": "text", "text": "s", "cache_control": MARK}],
        "messages": "unknown",
    }
    assert strip_body(body) == {
        "prompt_cache_options": {"mode": "explicit"},
        "system": [{"type": "text", "text": "s"}],
        "messages": "unknown",
    }


# Cost


def loop(size: int) -> list[dict[str, Any]]:
    return [{"role": ("user", "assistant", "tool")[n % 3], "content": "t"} for n in range(size)]


def fastest(messages: list[dict[str, Any]], wishes: list[Wish]) -> float:
    best = 9.0
    for _ in range(5):
        fresh = list(messages)
        start = time.perf_counter()
        place_marks(fresh, rules=DASHSCOPE, shape=SHAPE, wishes=wishes, policy=rolling, owned=True)
        best = min(best, time.perf_counter() - start)
    return best


def test_cost_grows_no_faster_than_the_messages() -> None:
    assert fastest(loop(20_000), []) < 40 * fastest(loop(2_000), []) + 0.005


def test_wishes_on_messages_that_cannot_carry_them_cost_no_search_each() -> None:
    empty = [{"role": "assistant", "content": None} for _ in range(4_000)]
    wishes = [Wish("message", True, Slot(n), f"m{n}") for n in range(4_000)]
    assert fastest([{"role": "user", "content": "hi"}, *empty], wishes) < 1
