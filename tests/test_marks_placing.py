"""Where marks stand, which survive, and why: marks.md, sections 1 to 5 and 7."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

import pytest

from wiremark.errors import CacheBudgetWarning, OptionError, TooManyMarks, UnreadableWish
from wiremark.marks import (
    REASONS,
    Decision,
    Marked,
    PartShape,
    RequestView,
    Slot,
    Wish,
    place_marks,
    resolve_policy,
    rolling,
    stable_head,
    system_and_last,
)
from wiremark.rules import (
    DASHSCOPE_COMPATIBLE,
    OPENAI,
    OPENAI_IMPLICIT,
    CacheRules,
)

BLOCKS = CacheRules(
    name="blocks",
    protocol="test",
    marker="cache_control",
    max_marks=4,
    ttls=("5m", "1h"),
    default_ttl="5m",
    ttl_ordered=True,
    kinds=frozenset({"text", "image", "tool_result"}),
    tool_slot=True,
    tools_in_prefix="own",
    automatic="top_level",
)
MARK = {"type": "ephemeral"}


def kind(part: Mapping[str, Any]) -> str | None:
    known = {"text": "text", "image_url": "image", "tool_result": "tool_result"}
    return known.get(part.get("type", ""))


SHAPE = PartShape(kind, lambda text: {"type": "text", "text": text})


def text(value: str, **extra: Any) -> dict[str, Any]:
    return {"type": "text", "text": value, **extra}


def say(role: str, content: Any, **extra: Any) -> dict[str, Any]:
    return {"role": role, "content": content, **extra}


def block(value: object, message: int, part: int | None = None, **more: Any) -> Wish:
    return Wish("block", value, Slot(message, part, **more), f"block {message}.{part}")


def ask(value: object, message: int) -> Wish:
    return Wish("message", value, Slot(message), f"messages[{message}].metadata._cache_control")


def place(messages: list[dict[str, Any]], *wishes: Wish, **options: Any) -> Marked:
    options = {"rules": DASHSCOPE_COMPATIBLE, "shape": SHAPE, **options}
    return place_marks(messages, wishes=wishes, **options)


def paths(marked: Marked) -> list[str]:
    return [path for path, _ in marked.plan.placed]


def only(marked: Marked) -> Decision:
    (decision,) = marked.plan.decisions
    return decision


def codes(marked: Marked) -> list[str]:
    return [finding.code for finding in marked.plan.findings]


# Section 1: who may wish


def test_no_wish_leaves_the_messages_as_they_are() -> None:
    messages = [say("user", "hi")]
    marked = place(messages, ask(None, 0))
    assert marked.messages == messages
    assert marked.plan.decisions == ()


def test_a_string_becomes_one_marked_text_part() -> None:
    marked = place([say("user", "hi", name="bob")], ask(True, 0))
    assert marked.messages == [say("user", [text("hi", cache_control=MARK)], name="bob")]
    assert list(marked.messages[0]) == ["role", "content", "name"]


def test_only_marked_strings_become_arrays() -> None:
    marked = place([say("system", "s"), say("user", "hi")], ask(True, 0))
    assert marked.messages[1] == say("user", "hi")
    assert marked.plan.converted == (0,)


@pytest.mark.parametrize("value", ["soon", "", 1, 0, 1.5, [], {}, {"type": "other"}, {"ttl": True}])
def test_a_value_that_cannot_be_read_is_dropped_and_an_error_under_strict(value: object) -> None:
    marked = place([say("user", "hi")], ask(value, 0))
    assert (only(marked).decision, only(marked).reason) == ("dropped", "unreadable-value")
    assert codes(marked) == ["unreadable-value"]
    with pytest.raises(UnreadableWish, match="_cache_control"):
        place([say("user", "hi")], ask(value, 0), strict=True)


@pytest.mark.parametrize("value", ["1h", {"type": "ephemeral", "ttl": "1h"}, {"ttl": "1h"}])
def test_a_ttl_is_asked_for_by_name_or_in_a_mapping(value: object) -> None:
    marked = place([say("user", "hi")], ask(value, 0), rules=BLOCKS)
    assert marked.plan.placed == (("messages[0].content[0]", {"type": "ephemeral", "ttl": "1h"}),)


def test_fields_that_no_marker_has_are_reported() -> None:
    marked = place([say("user", "hi")], ask({"type": "ephemeral", "scope": "global"}, 0))
    assert only(marked).reason == "keys-lost"
    assert "scope" in marked.plan.findings[0].message


def test_false_keeps_automatic_marks_away() -> None:
    marked = place([say("system", "s"), say("user", "hi")], ask(False, 1), policy=system_and_last)
    assert paths(marked) == ["messages[0].content[0]"]
    assert [(d.reason, d.where) for d in marked.plan.dropped] == [("vetoed", "messages[1]")]
    assert "messages[1].metadata._cache_control" in marked.plan.dropped[0].sentence


def test_false_strips_an_existing_marker() -> None:
    marked = place([say("user", [text("hi", cache_control=MARK)])], ask(False, 0))
    assert marked.messages == [say("user", [text("hi")])]
    assert only(marked).reason == "vetoed"


def test_false_on_a_message_does_not_beat_true_on_its_block() -> None:
    marked = place([say("user", [text("a"), text("b")])], ask(False, 0), block(True, 0, 1))
    assert paths(marked) == ["messages[0].content[1]"]


def test_false_on_a_block_beats_true_on_its_message() -> None:
    marked = place([say("user", [text("a"), text("b")])], ask(True, 0), block(False, 0, 1))
    assert paths(marked) == []
    assert only(marked).reason == "vetoed"


def test_false_on_one_block_leaves_the_others_alone() -> None:
    marked = place([say("user", [text("a"), text("b")])], ask(True, 0), block(False, 0, 0))
    assert paths(marked) == ["messages[0].content[1]"]


def test_the_last_explicit_boolean_decides_for_one_boundary() -> None:
    messages = [say("user", "one two")]
    first, last = Slot(0, offset=7), Slot(0, offset=7)
    yes = Wish("message", True, first, "first")
    no = Wish("message", False, last, "last")
    assert paths(place(messages, yes, no)) == []
    assert paths(place(messages, no, yes)) == ["messages[0].content[0]"]


def test_false_on_a_blank_block_does_not_reach_the_block_before_it() -> None:
    wishes = block(True, 0, offset=3), block(False, 0, offset=5)
    marked = place([say("user", "abc  def")], *wishes)
    assert marked.messages[0]["content"][0] == text("abc", cache_control=MARK)


def test_false_on_a_tool_keeps_automatic_marks_from_it() -> None:
    tools = [{"name": "a"}, {"name": "b"}]
    no = Wish("block", False, Slot(tool=1), "tools[1].cache_control")
    marked = place([], no, tools=tools, rules=BLOCKS, policy=rolling)
    assert paths(marked) == ["tools[0]"]


# Section 1: dynamic content


def test_nothing_is_marked_automatically_on_or_behind_a_dynamic_message() -> None:
    messages = [say("system", "s"), say("user", "clock"), say("user", "q")]
    marked = place(messages, policy=rolling, dynamic=[Slot(1)])
    assert paths(marked) == ["messages[0].content[0]"]


def test_an_explicit_mark_behind_dynamic_content_is_placed_and_reported() -> None:
    marked = place([say("user", "clock"), say("user", "q")], ask(True, 1), dynamic=[Slot(0)])
    assert (only(marked).decision, only(marked).reason) == ("placed", "behind-dynamic")
    assert codes(marked) == ["behind-dynamic", "unused-behind-dynamic"]


def test_a_callable_that_marks_dynamic_content_is_refused() -> None:
    def mine(view: RequestView) -> Iterable[Wish]:
        return [Wish("block", True, Slot(0), "mine")]

    marked = place([say("user", "clock")], policy=mine, dynamic=[Slot(0)])
    assert (only(marked).origin, only(marked).reason) == ("auto", "behind-dynamic")


def test_the_plan_counts_the_blocks_behind_dynamic_content() -> None:
    messages = [say("system", "clock"), say("user", [text("a"), text("b")]), say("user", "c")]
    (finding,) = place(messages, dynamic=[Slot(0)]).plan.findings
    assert (finding.code, finding.severity) == ("unused-behind-dynamic", "waste")
    assert (finding.path, finding.message[:2]) == ("messages[0]", "3 ")
    assert "towards the end" in finding.advice


def test_dynamic_content_at_the_end_is_no_finding() -> None:
    assert place([say("user", "q"), say("user", "clock")], dynamic=[Slot(1)]).plan.findings == ()


def test_a_dynamic_part_ends_the_reusable_part_inside_its_message_where_blocks_are_reused() -> None:
    messages = [say("system", "s"), say("user", [text("a"), text("clock")])]
    inside = place(messages, policy=rolling, dynamic=[Slot(1, 1)], rules=BLOCKS)
    assert paths(inside) == ["messages[0].content[0]", "messages[1].content[0]"]
    before = place(messages, policy=rolling, dynamic=[Slot(1, 1)])
    assert paths(before) == ["messages[0].content[0]"]


def test_a_string_is_cut_before_its_dynamic_end() -> None:
    marked = place(
        [say("user", "stable clock")], policy=rolling, dynamic=[Slot(0, offset=7)], rules=BLOCKS
    )
    assert marked.messages[0]["content"] == [text("stable ", cache_control=MARK), text("clock")]


def test_a_request_that_is_dynamic_as_a_whole_says_nothing_of_its_messages() -> None:
    assert paths(place([say("user", "q")], policy=rolling, dynamic=[Slot()])) == [
        "messages[0].content[0]"
    ]


def test_a_dynamic_tool_leaves_only_the_tools_before_it() -> None:
    tools = [{"name": "a"}, {"name": "b"}]
    marked = place(
        [say("user", "q")], tools=tools, rules=BLOCKS, policy=rolling, dynamic=[Slot(tool=1)]
    )
    assert paths(marked) == ["tools[0]"]


# Section 2: where in a message


@pytest.mark.parametrize(
    "content",
    [
        [text("a"), text("")],
        [text("a"), text(" \n\t")],
        [text("a"), {"type": "thinking", "thinking": "hm"}],
        [text("a"), {"type": "text", "text": None}],
        [text("a"), "not a part"],
    ],
)
def test_a_mark_stands_on_the_last_block_that_can_carry_it(content: list[Any]) -> None:
    marked = place([say("user", content)], ask(True, 0))
    assert paths(marked) == ["messages[0].content[0]"]
    assert only(marked).decision == "placed"


@pytest.mark.parametrize("content", [None, "", "  \n", [], [text(" ")]])
def test_a_message_without_such_a_block_passes_its_mark_to_an_earlier_one(content: object) -> None:
    messages = [say("user", "hi"), say("assistant", None), say("assistant", content)]
    marked = place(messages, ask(True, 2))
    assert paths(marked) == ["messages[0].content[0]"]
    assert (only(marked).decision, only(marked).reason) == ("moved", "cannot-carry")


def test_no_earlier_block_at_all_is_no_slot() -> None:
    marked = place([say("assistant", None), say("user", "hi")], ask(True, 0))
    assert (only(marked).decision, only(marked).reason) == ("dropped", "no-slot")


def test_a_slot_outside_the_messages_is_no_slot() -> None:
    assert only(place([say("user", "hi")], ask(True, 7))).reason == "no-slot"


def test_a_block_that_cannot_carry_passes_to_an_earlier_block_then_to_an_earlier_message() -> None:
    messages = [say("user", "hi"), say("user", [text(" "), text("b"), text(" ")])]
    assert paths(place(messages, block(True, 1, 2))) == ["messages[1].content[1]"]
    assert paths(place(messages, block(True, 1, 0))) == ["messages[0].content[0]"]
    assert paths(place(messages, block(True, 1, -1))) == ["messages[0].content[0]"]
    assert only(place(messages, block(True, 1, 2))).decision == "moved"


def test_a_kind_that_the_rules_lack_carries_nothing() -> None:
    messages = [say("user", [text("a"), {"type": "image_url", "image_url": {"url": "u"}}])]
    assert paths(place(messages, ask(True, 0))) == ["messages[0].content[1]"]
    words_only = replace(DASHSCOPE_COMPATIBLE, kinds=frozenset({"text"}))
    assert paths(place(messages, ask(True, 0), rules=words_only)) == ["messages[0].content[0]"]


def test_a_string_carries_nothing_where_text_does_not() -> None:
    images_only = replace(DASHSCOPE_COMPATIBLE, kinds=frozenset({"image"}))
    assert only(place([say("user", "hi")], ask(True, 0), rules=images_only)).reason == "no-slot"


def test_a_string_is_cut_where_a_block_ends() -> None:
    marked = place([say("user", "one two three")], block(True, 0, offset=3), rules=BLOCKS)
    assert marked.messages[0]["content"] == [text("one", cache_control=MARK), text(" two three")]


def test_a_string_is_cut_at_every_marked_block_end() -> None:
    wishes = [block("1h", 0, offset=3), block(True, 0, offset=7), block(True, 0, offset=13)]
    marked = place([say("user", "one two three")], *wishes, rules=BLOCKS)
    assert [part["text"] for part in marked.messages[0]["content"]] == ["one", " two", " three"]
    assert paths(marked) == [f"messages[0].content[{part}]" for part in range(3)]


@pytest.mark.parametrize("offset", [5, 6, 7, 99])
def test_white_space_alone_never_becomes_a_part(offset: int) -> None:
    marked = place([say("user", "hello\n\n")], block(True, 0, offset=offset))
    assert marked.messages[0]["content"] == [text("hello\n\n", cache_control=MARK)]


def test_an_offset_behind_white_space_alone_joins_the_boundary_before_it() -> None:
    wishes = [block(True, 0, offset=3), block(True, 0, offset=5)]
    marked = place([say("user", "abc  def")], *wishes)
    assert [d.decision for d in marked.plan.decisions] == ["placed", "merged"]
    assert marked.messages[0]["content"] == [text("abc", cache_control=MARK), text("  def")]


def test_an_offset_with_nothing_before_it_passes_to_the_earlier_message() -> None:
    marked = place([say("user", "hi"), say("user", " \nx")], block(True, 1, offset=2))
    assert paths(marked) == ["messages[0].content[0]"]


def test_a_model_that_refuses_arrays_keeps_its_string() -> None:
    messages = [say("user", "hi")]
    marked = place(messages, ask(True, 0), model="glm-5.1")
    assert marked.messages == messages
    assert only(marked).reason == "array-not-accepted"
    with_tools = place(messages, ask(True, 0), model="glm-5.1", tools=[{"type": "function"}])
    assert paths(with_tools) == ["messages[0].content[0]"]


def test_a_model_that_refuses_arrays_keeps_marks_on_arrays_it_was_given() -> None:
    marked = place([say("user", [text("hi")])], ask(True, 0), model="glm-5.1")
    assert paths(marked) == ["messages[0].content[0]"]


def test_a_mark_in_the_middle_of_a_message_is_reported_where_reuse_is_at_message_ends() -> None:
    messages = [say("user", [text("a"), text("b")])]
    marked = place(messages, block(True, 0, 0))
    assert (only(marked).decision, only(marked).reason) == ("placed", "mid-message")
    assert codes(marked) == ["mid-message"]
    assert codes(place(messages, block(True, 0, 0), rules=BLOCKS)) == []


def batch(size: int = 3) -> list[dict[str, Any]]:
    results = [say("tool", f"result {n}", tool_call_id=str(n)) for n in range(size)]
    return [say("user", "q"), say("assistant", None), *results]


def test_in_a_batch_of_tool_results_the_mark_moves_to_the_last_one() -> None:
    marked = place(batch(), block(True, 2))
    assert paths(marked) == ["messages[4].content[0]"]
    assert (only(marked).decision, only(marked).reason) == ("moved", "end-of-tool-batch")


def test_all_marks_of_a_batch_become_one() -> None:
    marked = place(batch(), ask(True, 2), ask(True, 3), ask(True, 4))
    assert paths(marked) == ["messages[4].content[0]"]
    assert sorted(d.decision for d in marked.plan.decisions) == ["merged", "merged", "placed"]


def test_a_batch_with_an_empty_last_result_is_marked_on_the_last_that_can_carry() -> None:
    messages = batch()
    messages[4]["content"] = ""
    assert paths(place(messages, ask(True, 2))) == ["messages[3].content[0]"]
    assert paths(place(messages, ask(True, 4))) == ["messages[3].content[0]"]


def test_a_batch_of_empty_results_passes_its_mark_to_the_message_before() -> None:
    messages = [say("user", "q"), say("tool", ""), say("tool", None)]
    assert paths(place(messages, ask(True, 1))) == ["messages[0].content[0]"]


def test_tool_results_keep_their_own_marks_where_a_batch_has_no_end() -> None:
    assert paths(place(batch(), ask(True, 2), rules=BLOCKS)) == ["messages[2].content[0]"]


def test_a_marker_beside_role_and_content_is_moved_to_the_block() -> None:
    marked = place([say("user", "hi", cache_control=MARK)])
    assert marked.messages == [say("user", [text("hi", cache_control=MARK)])]
    assert (only(marked).origin, only(marked).reason) == ("existing", "message-level")
    assert only(marked).path == "messages[0].cache_control"


def test_a_marker_inside_a_tool_result_is_hoisted_to_the_result() -> None:
    result = {"type": "tool_result", "content": [text("a", cache_control=MARK), text("b")]}
    marked = place([say("user", [result])], rules=BLOCKS)
    bare = {"type": "tool_result", "content": [text("a"), text("b")], "cache_control": MARK}
    assert marked.messages == [say("user", [bare])]
    assert (only(marked).decision, only(marked).reason) == ("moved", "nested-in-result")


def test_both_spellings_of_an_existing_marker_are_translated_to_the_rules_own() -> None:
    foreign = {"mode": "explicit", "ttl": "12h"}
    marked = place([say("user", [text("a", prompt_cache_breakpoint=foreign)])], rules=BLOCKS)
    assert marked.messages[0]["content"] == [
        text("a", cache_control={"type": "ephemeral", "ttl": "1h"})
    ]
    back = place([say("user", [text("a", cache_control=MARK)])], rules=OPENAI)
    assert back.messages[0]["content"] == [text("a", prompt_cache_breakpoint={"mode": "explicit"})]


# Section 3: which survive


def many(count: int) -> list[dict[str, Any]]:
    return [say("user", f"m{number}") for number in range(count)]


def marks_of(marked: Marked) -> list[int]:
    return [d.slot.message for d in marked.plan.decisions if d.decision == "placed"]  # type: ignore[misc]


def test_beyond_the_budget_the_tail_the_first_and_the_latest_stay() -> None:
    with pytest.warns(CacheBudgetWarning) as caught:
        marked = place(many(7), *(ask(True, number) for number in range(7)))
    assert marks_of(marked) == [0, 4, 5, 6]
    (warning,) = caught
    for number in (1, 2, 3):
        assert f"messages[{number}].metadata._cache_control" in str(warning.message)
    assert "messages[4]" not in str(warning.message)
    assert {d.reason for d in marked.plan.dropped} == {"budget"}
    assert codes(marked) == ["budget"] * 3


def test_the_previous_tail_comes_before_later_marks() -> None:
    messages = many(8)
    messages[3]["role"] = "assistant"
    with pytest.warns(CacheBudgetWarning):
        marked = place(messages, *(ask(True, number) for number in range(8)))
    assert marks_of(marked) == [0, 2, 6, 7]


def test_explicit_marks_come_before_existing_and_those_before_automatic_ones() -> None:
    messages = [
        say("system", "s"),
        say("user", [text("old", cache_control=MARK)]),
        say("user", "u"),
        say("user", "v"),
        say("user", "w"),
        say("user", "tail"),
    ]
    with pytest.warns(CacheBudgetWarning):
        marked = place(messages, ask(True, 2), ask(True, 3), ask(True, 4), policy=system_and_last)
    assert marks_of(marked) == [1, 2, 3, 4]
    assert [d.origin for d in marked.plan.dropped] == ["auto", "auto"]


def test_too_many_marks_are_an_error_under_strict() -> None:
    with pytest.raises(TooManyMarks, match="messages\\[1\\]"):
        place(many(5), *(ask(True, number) for number in range(5)), strict=True)


def test_four_marks_are_no_warning() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert len(paths(place(many(4), *(ask(True, n) for n in range(4))))) == 4


def test_a_breakpoint_of_the_provider_itself_counts() -> None:
    with pytest.warns(CacheBudgetWarning):
        marked = place(many(4), *(ask(True, n) for n in range(4)), rules=OPENAI)
    assert len(paths(marked)) == 3


def test_where_only_the_last_mark_is_read_one_stays() -> None:
    rules = replace(DASHSCOPE_COMPATIBLE, last_mark_only=True)
    with pytest.warns(CacheBudgetWarning):
        marked = place(many(3), ask(True, 0), ask(True, 2), rules=rules)
    assert marks_of(marked) == [2]


def test_two_wishes_on_one_slot_are_one_mark_with_the_longer_ttl() -> None:
    marked = place([say("user", "hi")], block("5m", 0, 0), ask("1h", 0), rules=BLOCKS)
    assert marked.plan.placed == (("messages[0].content[0]", {"type": "ephemeral", "ttl": "1h"}),)
    assert [(d.decision, d.reason) for d in marked.plan.decisions] == [
        ("placed", "as-asked"),
        ("merged", "same-slot"),
    ]


# Section 4: TTL


def ttls(marked: Marked) -> list[str | None]:
    return [marker.get("ttl") for _, marker in marked.plan.placed]


def test_a_ttl_that_the_rules_lack_is_clamped_and_reported() -> None:
    marked = place([say("user", "hi")], ask("1h", 0))
    assert ttls(marked) == ["5m"]
    assert only(marked).reason == "ttl-clamped"
    assert codes(marked) == ["ttl-clamped"]


def test_a_longer_ttl_behind_a_shorter_explicit_one_is_lowered() -> None:
    marked = place(many(2), ask("5m", 0), ask("1h", 1), rules=BLOCKS)
    assert ttls(marked) == ["5m", "5m"]
    assert [d.reason for d in marked.plan.decisions] == ["as-asked", "ttl-order"]


def test_an_automatic_mark_before_a_longer_ttl_is_raised() -> None:
    messages = [say("system", "s"), say("user", "u")]
    marked = place(messages, ask("1h", 1), rules=BLOCKS, policy=stable_head)
    assert ttls(marked) == ["1h", "1h"]
    assert [d.reason for d in marked.plan.decisions] == ["ttl-order", "as-asked"]


def test_an_automatic_mark_is_not_raised_past_an_explicit_one() -> None:
    messages = [say("user", "a"), say("system", "s"), say("user", "u")]
    marked = place(messages, ask(True, 0), ask("1h", 2), rules=BLOCKS, policy=system_and_last)
    assert ttls(marked) == [None, None, "5m"]


def test_tools_are_part_of_the_ttl_order() -> None:
    tool = Wish("block", "5m", Slot(tool=0), "tools[0].cache_control")
    marked = place([say("user", "u")], tool, ask("1h", 0), tools=[{"name": "t"}], rules=BLOCKS)
    assert marked.tools == [{"name": "t", "cache_control": {"type": "ephemeral", "ttl": "5m"}}]
    assert ttls(marked) == ["5m", "5m"]


def test_the_mark_of_the_request_has_the_ttl_of_the_mark_on_its_last_block() -> None:
    whole = Wish("block", True, Slot(), "cache_control")
    marked = place([say("user", "u")], ask("1h", 0), whole, rules=BLOCKS)
    assert marked.automatic == {"type": "ephemeral", "ttl": "1h"}


def test_without_an_order_rule_every_ttl_stays() -> None:
    rules = replace(BLOCKS, ttl_ordered=False)
    assert ttls(place(many(2), ask("5m", 0), ask("1h", 1), rules=rules)) == ["5m", "1h"]


# Sections 1 and 7: tools, the whole request, providers without marks


def test_a_tool_carries_its_mark_beside_its_function() -> None:
    tools = [{"type": "function", "function": {"name": "a", "cache_control": MARK}}, {"name": "b"}]
    marked = place([], tools=tools, rules=BLOCKS)
    assert marked.tools[0] == {
        "type": "function",
        "function": {"name": "a"},
        "cache_control": MARK,
    }
    assert only(marked).words == "a"


def test_where_tools_are_part_of_the_system_prefix_its_head_stands_in_for_a_tool() -> None:
    messages = [say("system", "s"), say("user", "u")]
    tools = [{"type": "function", "cache_control": MARK}]
    marked = place(messages, tools=tools)
    assert marked.tools == [{"type": "function"}]
    assert paths(marked) == ["messages[0].content[0]"]
    assert (only(marked).decision, only(marked).reason) == ("moved", "tools-in-prefix")
    assert only(place(messages[1:], tools=tools)).reason == "no-slot"
    assert only(place(messages, tools=tools, rules=OPENAI)).reason == "no-slot"


def test_a_mark_of_the_whole_request_falls_to_its_last_block_where_there_is_no_such_mark() -> None:
    whole = Wish("block", True, Slot(), "cache_control")
    marked = place([say("user", "u"), say("assistant", None)], whole)
    assert paths(marked) == ["messages[0].content[0]"]
    assert only(marked).reason == "no-automatic"
    assert marked.automatic is None
    assert only(place([], whole)).reason == "no-slot"


def test_where_only_the_request_can_be_marked_its_tail_becomes_that_mark() -> None:
    rules = replace(BLOCKS, automatic_only=True, tool_slot=False)
    marked = place(many(2), ask(True, 0), ask(True, 1), rules=rules)
    assert marked.messages == many(2)
    assert marked.automatic == MARK
    assert [d.reason for d in marked.plan.decisions] == ["automatic-only", "tail-is-automatic"]


def test_a_provider_without_marks_gets_none_and_the_plan_says_so() -> None:
    messages = [say("system", "s"), say("user", [text("u", cache_control=MARK)])]
    marked = place(messages, ask(True, 0), rules=OPENAI_IMPLICIT, policy=rolling)
    assert marked.messages == [say("system", "s"), say("user", [text("u")])]
    assert [d.reason for d in marked.plan.decisions] == ["no-markers"] * 3
    assert codes(marked) == ["no-markers"]
    assert marked.plan.placed == ()


HI = [say("user", "hi")]
LIST = [say("user", [text("a"), text("b")])]
WHOLE = Wish("block", True, Slot(), "cache_control")
ONE = replace(BLOCKS, max_marks=1)
NO_TOOLS = replace(BLOCKS, automatic_only=True, tool_slot=False)
REACHED: dict[str, tuple[list[dict[str, Any]], tuple[Wish, ...], dict[str, Any]]] = {
    "as-asked": (HI, (ask(True, 0),), {}),
    "behind-dynamic": (HI, (ask(True, 0),), {"dynamic": [Slot(0)]}),
    "mid-message": (LIST, (block(True, 0, 0),), {}),
    "message-level": ([say("user", "hi", cache_control=MARK)], (), {}),
    "ttl-clamped": (HI, (ask("1h", 0),), {}),
    "ttl-order": (many(2), (ask("5m", 0), ask("1h", 1)), {"rules": BLOCKS}),
    "keys-lost": (HI, (ask({**MARK, "scope": "x"}, 0),), {}),
    "cannot-carry": ([*HI, say("user", "")], (ask(True, 1),), {}),
    "end-of-tool-batch": (batch(), (ask(True, 2),), {}),
    "nested-in-result": (
        [say("user", [{"type": "tool_result", "content": [text("a", cache_control=MARK)]}])],
        (),
        {"rules": BLOCKS},
    ),
    "tools-in-prefix": ([say("system", "s")], (), {"tools": [{"cache_control": MARK}]}),
    "no-automatic": (HI, (WHOLE,), {}),
    "tail-is-automatic": (HI, (ask(True, 0),), {"rules": NO_TOOLS}),
    "same-slot": (HI, (ask(True, 0), ask(True, 0)), {}),
    "unreadable-value": (HI, (ask("soon", 0),), {}),
    "vetoed": (HI, (ask(False, 0),), {"policy": system_and_last}),
    "no-slot": ([say("user", "")], (ask(True, 0),), {}),
    "array-not-accepted": (HI, (ask(True, 0),), {"model": "glm-5.1"}),
    "automatic-only": (many(2), (ask(True, 0),), {"rules": NO_TOOLS}),
    "budget": (many(2), (ask(True, 0), ask(True, 1)), {"rules": ONE}),
    "no-markers": (HI, (ask(True, 0),), {"rules": OPENAI_IMPLICIT}),
    "unused-behind-dynamic": (many(2), (), {"dynamic": [Slot(0)]}),
    "growing-history": (many(2), (ask(True, 1),), {"growing": [1]}),
}


@pytest.mark.filterwarnings("ignore::wiremark.errors.CacheBudgetWarning")
@pytest.mark.parametrize("code", REASONS)
def test_each_reason_is_reached_and_gives_a_whole_sentence(code: str) -> None:
    messages, wishes, options = REACHED[code]
    plan = place(messages, *wishes, **options).plan
    told = {d.reason: d.sentence for d in plan.decisions} | {
        f.code: f.message for f in plan.findings
    }
    assert told[code]
    assert "{" not in told[code]


# Section 5: policies


def test_system_and_last_marks_every_system_message_and_the_tail() -> None:
    messages = [say("system", "s"), say("user", "u"), say("system", "t"), say("user", "v")]
    marked = place(messages, policy="system_and_last")
    assert marks_of(marked) == [0, 2, 3]


def test_rolling_marks_tools_head_previous_tail_and_tail() -> None:
    messages = [
        say("system", "s"),
        say("system", "t"),
        say("user", "u"),
        say("assistant", "a"),
        say("user", "v"),
    ]
    marked = place(messages, tools=[{"name": "a"}, {"name": "b"}], rules=BLOCKS, policy=rolling)
    assert paths(marked) == [
        "tools[1]",
        "messages[1].content[0]",
        "messages[2].content[0]",
        "messages[4].content[0]",
    ]


def test_the_previous_tail_follows_the_turns_that_the_encoder_names() -> None:
    grown = [say("user", [text("a: hi"), text("me: yes"), text("a: more")])]
    parts = place(grown, rules=BLOCKS, policy=rolling, turn_starts=[Slot(0, 1)])
    assert paths(parts) == ["messages[0].content[0]", "messages[0].content[2]"]
    joined = [say("user", "a: hi\nme: yes\na: more")]
    cut = place(joined, rules=BLOCKS, policy=rolling, turn_starts=[Slot(0, offset=6)])
    assert cut.messages[0]["content"] == [
        text("a: hi\n", cache_control=MARK),
        text("me: yes\na: more", cache_control=MARK),
    ]
    ends = place([say("user", "u"), *grown], policy=rolling, turn_starts=[Slot(1, 1)])
    assert paths(ends) == ["messages[0].content[0]", "messages[1].content[2]"]
    assert paths(place(many(2), policy=rolling, turn_starts=[])) == ["messages[1].content[0]"]


def test_rolling_passes_over_what_says_never_and_system_and_last_does_not() -> None:
    messages = many(3)
    assert marks_of(place(messages, ask(False, 2), policy=rolling)) == [1]
    assert marks_of(place(messages, ask(False, 2), policy=system_and_last)) == []


def test_the_plan_keeps_the_name_a_caller_gives_the_policy() -> None:
    marked = place(many(1), policy=rolling, policy_name="ours")
    assert (marked.plan.policy, paths(marked)) == ("ours", ["messages[0].content[0]"])


def test_stable_head_ends_before_the_first_message_that_is_dynamic_or_no_system_message() -> None:
    messages = [say("system", "s"), say("developer", "d"), say("system", "clock"), say("user", "u")]
    assert marks_of(place(messages, policy=stable_head)) == [2]
    assert marks_of(place(messages, policy=stable_head, dynamic=[Slot(2)])) == [1]


def test_a_policy_takes_a_ttl() -> None:
    marked = place(many(1), policy=rolling(ttl="1h"), rules=BLOCKS)
    assert ttls(marked) == ["1h"]
    assert ttls(place(many(1), policy="rolling:1h", rules=BLOCKS)) == ["1h"]
    with pytest.raises(OptionError, match="soon"):
        rolling(ttl="soon")


def test_a_callable_is_a_policy_and_its_wishes_count_as_automatic() -> None:
    def mine(view: RequestView) -> Iterable[Wish]:
        yield Wish("block", True, Slot(len(view.messages) - 1), "mine")

    marked = place(many(2), ask(False, 1), policy=mine)
    assert (only(marked).origin, only(marked).reason) == ("auto", "vetoed")
    assert marked.plan.policy == "mine"


def test_an_unknown_policy_is_refused_with_the_known_ones() -> None:
    with pytest.raises(OptionError, match="rolling"):
        resolve_policy("roling")
    assert resolve_policy(None).name == "manual"
    assert resolve_policy("stable-head") is stable_head


def test_a_view_shows_the_request_and_its_slots() -> None:
    seen: list[RequestView] = []

    def look(view: RequestView) -> Iterable[Wish]:
        seen.append(view)
        return ()

    messages = [say("system", "s"), say("user", "u"), say("assistant", "a"), say("user", "v")]
    place(messages, policy=look, tools=[{"name": "t"}], rules=BLOCKS, dynamic=[Slot(3)])
    (view,) = seen
    assert list(view.messages) == messages
    assert view.rules is BLOCKS
    assert (view.tail, view.previous_tail, view.stable_head_end) == (Slot(2), Slot(1), Slot(0))
    assert (view.end, view.tools_end, view.system_messages) == (Slot(2), Slot(tool=0), (Slot(0),))
    assert view.dynamic == (Slot(3),)
    assert list(view.tools) == [{"name": "t"}]
