"""Marks by dialect: cache points, marks on tools, one mark alone, TTL order over all slots."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from wiremark.errors import CacheBudgetWarning, TooManyMarks
from wiremark.marks import (
    Marked,
    PartShape,
    Slot,
    Wish,
    place_marks,
    strip_body,
    strip_marks,
    strip_tool_marks,
)
from wiremark.rules import (
    ANTHROPIC,
    BEDROCK,
    DASHSCOPE_COMPATIBLE,
    KIMI_MESSAGES,
    OPENAI,
    OPENROUTER_ANTHROPIC,
    OPENROUTER_GEMINI,
    OPENROUTER_OPENAI,
    CacheRules,
)

POINT = {"cachePoint": {"type": "default"}}
HOUR = {"cachePoint": {"type": "default", "ttl": "1h"}}
MARK = {"type": "ephemeral"}


def converse_kind(part: Mapping[str, Any]) -> str | None:
    names = {"toolUse": "tool_use", "toolResult": "tool_result", "reasoningContent": "thinking"}
    return next((names.get(key, key) for key in part), None)


def typed_kind(part: Mapping[str, Any]) -> str | None:
    return part.get("type")


CONVERSE = PartShape(converse_kind, lambda text: {"text": text})
TYPED = PartShape(typed_kind, lambda text: {"type": "text", "text": text})
TOOLS = [{"toolSpec": {"name": name}} for name in ("stable", "other", "dynamic")]


def say(role: str, *texts: str) -> dict[str, Any]:
    return {"role": role, "content": [{"text": text} for text in texts]}


def converse(messages: list[dict[str, Any]], *wishes: Wish, **options: Any) -> Marked:
    options = {"tools_path": "toolConfig.tools", **options}
    return place_marks(messages, rules=BEDROCK, shape=CONVERSE, wishes=wishes, **options)


def on_block(value: object, message: int, part: int | None = None) -> Wish:
    return Wish("block", value, Slot(message, part), f"messages[{message}]")


def on_tool(value: object, tool: int) -> Wish:
    return Wish("block", value, Slot(tool=tool), f"tools[{tool}].cache_control")


def test_a_cache_point_stands_behind_the_block_it_marks() -> None:
    marked = converse([say("user", "a", "b", "c")], on_block("1h", 0, 0), on_block(True, 0, 1))
    assert marked.messages[0]["content"] == [
        {"text": "a"}, HOUR, {"text": "b"}, POINT, {"text": "c"},
    ]  # fmt: skip
    assert marked.plan.placed == (
        ("messages[0].content[1]", {"type": "default", "ttl": "1h"}),
        ("messages[0].content[3]", {"type": "default"}),
    )


def test_a_cache_point_in_the_tools_is_an_entry_behind_the_tool() -> None:
    marked = converse([say("user", "q")], on_tool(True, 1), tools=TOOLS)
    assert marked.tools == [TOOLS[0], TOOLS[1], POINT, TOOLS[2]]
    assert marked.plan.placed == (("toolConfig.tools[2]", {"type": "default"}),)
    assert marked.plan.decisions[0].words == "other"


def test_a_string_is_cut_at_its_cache_point_and_whole_again_when_stripped() -> None:
    messages = [{"role": "user", "content": "ab cd"}]
    wish = Wish("block", True, Slot(0, offset=2), "messages[0].content[0]")
    marked = converse(messages, wish)
    assert marked.messages[0]["content"] == [{"text": "ab"}, POINT, {"text": " cd"}]
    assert strip_marks(marked.messages, plan=marked.plan) == messages


def test_an_existing_cache_point_is_a_wish_at_the_block_before_it() -> None:
    messages = [{"role": "user", "content": [{"text": "a"}, HOUR, {"text": "b"}, POINT]}]
    marked = converse(messages)
    assert marked.messages == messages
    assert [(d.origin, d.path, d.slot) for d in marked.plan.decisions] == [
        ("existing", "messages[0].content[1].cachePoint", Slot(0, 0)),
        ("existing", "messages[0].content[3].cachePoint", Slot(0, 1)),
    ]


def test_wishes_of_the_caller_count_the_input_with_its_cache_points() -> None:
    messages = [{"role": "user", "content": [{"text": "a"}, POINT, {"text": "b"}, {"text": "c"}]}]
    marked = converse(messages, on_block(True, 0, 2), tools=[POINT, *TOOLS])
    assert marked.messages[0]["content"] == [
        {"text": "a"}, POINT, {"text": "b"}, POINT, {"text": "c"},
    ]  # fmt: skip
    tool = converse([say("user", "q")], on_tool(True, 3), tools=[TOOLS[0], POINT, *TOOLS[1:]])
    assert tool.tools == [TOOLS[0], POINT, *TOOLS[1:], POINT]


def test_false_takes_an_existing_cache_point_away() -> None:
    messages = [{"role": "user", "content": [{"text": "a"}, POINT]}]
    assert converse(messages, on_block(False, 0)).messages == [say("user", "a")]


@pytest.mark.parametrize("content", [[POINT, {"text": "a"}], [POINT]])
def test_a_cache_point_before_any_block_belongs_to_the_message_before(content: list[Any]) -> None:
    messages = [say("user", "q"), {"role": "assistant", "content": content}]
    marked = converse(messages)
    assert marked.messages[0]["content"] == [{"text": "q"}, POINT]
    assert marked.messages[1]["content"] == content[1:]
    assert marked.plan.decisions[0].decision == "moved"


def test_a_cache_point_before_any_block_of_the_request_is_dropped() -> None:
    marked = converse([{"role": "user", "content": [POINT, {"text": "a"}]}], tools=[POINT, *TOOLS])
    assert (marked.messages, marked.tools) == ([say("user", "a")], TOOLS)
    assert [(d.decision, d.reason, d.where) for d in marked.plan.decisions] == [
        ("dropped", "no-slot", "toolConfig.tools"),
        ("dropped", "no-slot", "messages[0]"),
    ]


def test_a_cache_point_inside_a_tool_result_moves_behind_it() -> None:
    result = {"toolResult": {"toolUseId": "c", "content": [{"text": "r"}, POINT]}}
    marked = converse([{"role": "user", "content": [result]}])
    bare = {"toolResult": {"toolUseId": "c", "content": [{"text": "r"}]}}
    assert marked.messages[0]["content"] == [bare, POINT]
    assert marked.plan.decisions[0].reason == "nested-in-result"
    assert result["toolResult"]["content"][1] == POINT  # type: ignore[index]


def test_two_cache_points_in_a_row_become_one_with_the_longer_ttl() -> None:
    marked = converse([{"role": "user", "content": [{"text": "a"}, POINT, HOUR]}])
    assert marked.messages[0]["content"] == [{"text": "a"}, HOUR]


def test_a_cache_point_never_follows_thinking() -> None:
    thinking = {"reasoningContent": {"reasoningText": {"text": "hm", "signature": "s"}}}
    use = {"toolUse": {"toolUseId": "c", "name": "t", "input": {}}}
    turn = {"role": "assistant", "content": [use, thinking]}
    marked = converse([say("user", "q"), turn], on_block(True, 1))
    assert marked.messages[1]["content"] == [use, POINT, thinking]


def test_other_dialects_read_cache_points_and_write_their_own_form() -> None:
    messages = [{"role": "user", "content": [{"type": "text", "text": "a"}, HOUR]}]
    marked = place_marks(messages, rules=ANTHROPIC, shape=TYPED)
    marker = {"type": "ephemeral", "ttl": "1h"}
    assert marked.messages[0]["content"] == [{"type": "text", "text": "a", "cache_control": marker}]


def test_strip_body_leaves_no_cache_point_in_a_converse_body() -> None:
    body = {
        "modelId": "m",
        "system": [{"text": "s"}, POINT],
        "messages": [{"role": "user", "content": [{"text": "a"}, HOUR]}],
        "toolConfig": {"tools": [*TOOLS, POINT], "toolChoice": {"auto": {}}},
    }
    assert strip_body(body) == {
        "modelId": "m",
        "system": [{"text": "s"}],
        "messages": [say("user", "a")],
        "toolConfig": {"tools": TOOLS, "toolChoice": {"auto": {}}},
    }
    assert strip_tool_marks(body["toolConfig"]["tools"]) == TOOLS  # type: ignore[index]


def test_strip_body_leaves_no_marker_in_an_anthropic_body() -> None:
    text = {"type": "text", "text": "a"}
    marked = {**text, "cache_control": MARK}

    def body(block: dict[str, Any], **mark: Any) -> dict[str, Any]:
        source = {"type": "content", "content": [block, text]}
        result = {"type": "tool_result", "tool_use_id": "c", "content": [block, text]}
        document = {"type": "document", "source": source}
        return {
            "system": [block],
            "tools": [{"name": "t", "input_schema": {}, **mark}],
            "messages": [{"role": "user", "content": [{**result, **mark}, document]}],
            **mark,
        }

    assert strip_body(body(marked, cache_control=MARK)) == body(text)
    assert strip_body({"system": "s", "messages": []}) == {"system": "s", "messages": []}


# Marks on tools.

NAMED = [{"name": name} for name in ("stable", "other", "dynamic")]


def typed(*roles: str) -> list[dict[str, Any]]:
    return [{"role": role, "content": [{"type": "text", "text": role}]} for role in roles]


def place(rules: CacheRules, messages: list[dict[str, Any]], *wishes: Wish, **more: Any) -> Marked:
    return place_marks(messages, rules=rules, shape=TYPED, wishes=wishes, **more)


@pytest.mark.parametrize("rules", [ANTHROPIC, OPENROUTER_ANTHROPIC])
def test_a_mark_stands_on_a_tool_in_the_middle_of_the_list(rules: CacheRules) -> None:
    marked = place(rules, typed("system", "user"), on_tool(True, 1), tools=NAMED)
    assert marked.tools == [NAMED[0], {"name": "other", "cache_control": MARK}, NAMED[2]]
    assert marked.messages == typed("system", "user")


def test_where_tools_carry_no_mark_the_wish_has_no_slot() -> None:
    marked = place(OPENAI, typed("system", "user"), on_tool(True, 1), tools=NAMED)
    assert [(d.decision, d.reason) for d in marked.plan.decisions] == [("dropped", "no-slot")]
    assert [finding.code for finding in marked.plan.findings] == ["no-slot"]
    assert (marked.tools, marked.messages) == (NAMED, typed("system", "user"))


def test_where_tools_are_in_the_system_prefix_the_head_stands_in() -> None:
    messages = typed("system", "user")
    marked = place(DASHSCOPE_COMPATIBLE, messages, on_tool(True, 1), tools=NAMED)
    assert marked.plan.placed == (("messages[0].content[0]", MARK),)
    assert marked.plan.decisions[0].reason == "tools-in-prefix"
    assert marked.tools == NAMED


def test_without_a_head_there_is_no_stand_in_for_a_tool() -> None:
    marked = place(DASHSCOPE_COMPATIBLE, typed("user"), on_tool(True, 1), tools=NAMED)
    assert marked.plan.decisions[0].reason == "no-slot"


def test_ttls_fall_from_tools_over_system_and_messages_to_the_request() -> None:
    whole = Wish("block", "1h", Slot(), "cache_control")
    wishes = (on_tool("1h", 0), on_tool("5m", 1), on_block("1h", 0), whole)
    marked = place(ANTHROPIC, typed("system", "user"), *wishes, tools=NAMED)
    assert [marker.get("ttl") for _, marker in marked.plan.placed] == ["1h", "5m", "5m", "5m"]
    lowered = [finding.code for finding in marked.plan.findings]
    assert lowered == ["ttl-order", "ttl-order"]


def test_a_marker_that_stood_on_a_tool_counts_in_the_ttl_order() -> None:
    tools = [NAMED[0], {**NAMED[1], "cache_control": {"type": "ephemeral", "ttl": "5m"}}]
    marked = place(ANTHROPIC, typed("system", "user"), on_block("1h", 0), tools=tools)
    assert [marker.get("ttl") for _, marker in marked.plan.placed] == ["5m", "5m"]


def test_an_automatic_mark_on_the_tools_is_raised_before_a_longer_one() -> None:
    options: dict[str, Any] = {"tools": NAMED, "policy": "rolling"}
    marked = place(ANTHROPIC, typed("system", "user"), on_block("1h", 1), **options)
    assert [marker.get("ttl") for _, marker in marked.plan.placed] == ["1h", "1h", "1h"]


def test_the_mark_of_the_request_as_a_whole_is_one_of_four() -> None:
    messages = typed("system", "user", "assistant", "user")
    whole = Wish("block", True, Slot(), "cache_control")
    wishes = [on_block(True, index) for index in range(4)]
    with pytest.warns(CacheBudgetWarning):
        marked = place(ANTHROPIC, messages, whole, *wishes)
    assert len(marked.plan.placed) == 4
    with pytest.raises(TooManyMarks):
        place(ANTHROPIC, messages, whole, *wishes, strict=True)


# One mark alone.


@pytest.mark.filterwarnings("error")
def test_rolling_asks_for_the_tail_alone_where_one_mark_is_read() -> None:
    messages = typed("system", "user", "assistant", "user")
    marked = place(OPENROUTER_GEMINI, messages, policy="rolling", strict=True)
    assert marked.plan.placed == (("messages[3].content[0]", MARK),)


def test_of_several_wishes_the_tail_stays_where_one_mark_is_read() -> None:
    messages = typed("system", "user", "assistant", "user")
    wishes = [on_block(True, index) for index in (0, 1, 3)]
    with pytest.warns(CacheBudgetWarning):
        marked = place(OPENROUTER_GEMINI, messages, *wishes)
    assert marked.plan.placed == (("messages[3].content[0]", MARK),)


def test_kimi_takes_the_tail_for_the_request_as_a_whole() -> None:
    messages = typed("system", "user")
    marked = place(KIMI_MESSAGES, messages, on_block("1h", 1), on_block(True, 0))
    assert marked.automatic == {"type": "ephemeral", "ttl": "1h"}
    assert marked.messages == messages
    assert [d.reason for d in marked.plan.decisions] == ["automatic-only", "tail-is-automatic"]


def test_a_ttl_that_a_provider_drops_is_not_written() -> None:
    marked = place(OPENROUTER_OPENAI, typed("user"), on_block("1h", 0))
    assert marked.plan.placed == (("messages[0].content[0]", {"mode": "explicit"}),)
    assert marked.plan.decisions[0].reason == "ttl-clamped"
    assert "asked for 1h" in marked.plan.decisions[0].sentence


@pytest.mark.parametrize(
    ("text", "never", "asked"), [("a", 2, None), ("a ", 2, 1), ("a  ", 3, 2), ("a b", 3, 1)]
)
def test_a_veto_behind_white_space_or_the_end_means_the_same_in_a_string_and_an_array(
    text: str, never: int, asked: int | None
) -> None:
    wishes = (
        Wish("block", False, Slot(0, offset=never), "never"),
        Wish("message", True, Slot(0, offset=asked), "asked"),
    )
    once = place(ANTHROPIC, [{"role": "user", "content": text}], *wishes)
    assert place(ANTHROPIC, once.messages, *wishes).messages == once.messages
