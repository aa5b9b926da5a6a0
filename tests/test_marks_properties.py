"""Marks by properties: for any messages, wishes and rules (marks.md, sections 2 to 6)."""

from __future__ import annotations

import copy
import json
import warnings
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from itertools import pairwise
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from wiremark import rules as rule_sets
from wiremark.errors import CacheBudgetWarning
from wiremark.marks import (
    Marked,
    PartShape,
    RequestView,
    Slot,
    Wish,
    place_marks,
    rolling,
    strip_body,
    strip_marks,
    strip_tool_marks,
)
from wiremark.rules import CacheRules, ttl_seconds

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
MARKING = [
    value
    for name in rule_sets.__all__
    if isinstance(value := getattr(rule_sets, name), CacheRules) and value.marker != "none"
]
RULES = st.sampled_from([*MARKING, BLOCKS, replace(BLOCKS, max_marks=2)])
PREFIXES = st.sampled_from(
    [BLOCKS, *(rules for rules in MARKING if not rules.automatic_only and not rules.last_mark_only)]
)
"""Rule sets under which one request marks more than its end."""
FIELDS = ("cache_control", "prompt_cache_breakpoint")


def kind(part: Mapping[str, Any]) -> str | None:
    known = {"text": "text", "image_url": "image"}
    same = ("tool_result", "tool_use")
    name = part.get("type", "")
    return name if name in same else known.get(name)


SHAPE = PartShape(kind, lambda text: {"type": "text", "text": text})

TEXT = st.text(alphabet="ab \n", max_size=8)
VALUE = st.sampled_from(
    [True, True, True, False, None, "5m", "1h", "12h", {"type": "ephemeral"}, "nonsense", 3]
)
MARKER = st.sampled_from([{"type": "ephemeral"}, {"type": "ephemeral", "ttl": "1h"}, False, "1h"])
BARE_PART = st.one_of(
    st.builds(lambda text: {"type": "text", "text": text}, TEXT),
    st.just({"type": "image_url", "image_url": {"url": "u"}}),
    st.just({"type": "thinking", "thinking": "hm"}),
    st.just({"type": "tool_use", "id": "c", "name": "t", "input": {"source": {"a": 1}}}),
    st.builds(
        lambda text: {"type": "tool_result", "content": [{"type": "text", "text": text}]}, TEXT
    ),
)
ROLE = st.sampled_from(["system", "user", "assistant", "tool", "tool"])


def messages_of(part: st.SearchStrategy[Any]) -> st.SearchStrategy[list[dict[str, Any]]]:
    content = st.one_of(st.none(), TEXT, TEXT, st.lists(part, max_size=4))
    message = st.fixed_dictionaries({"role": ROLE, "content": content})
    return st.lists(message, max_size=10)


POINT = st.builds(
    lambda value: {"cachePoint": value},
    st.sampled_from([{"type": "default"}, {"type": "default", "ttl": "1h"}, {}, None]),
)


@st.composite
def marked_parts(draw: st.DrawFn) -> dict[str, Any]:
    if draw(st.integers(0, 5)) == 0:
        return draw(POINT)
    part = copy.deepcopy(draw(BARE_PART))
    if draw(st.booleans()):
        part[draw(st.sampled_from(FIELDS))] = draw(MARKER)
    if "content" in part and draw(st.booleans()):
        part["content"][0]["cache_control"] = draw(MARKER)
    if "content" in part and draw(st.booleans()):
        part["content"].append(draw(POINT))
    return part


BARE = messages_of(BARE_PART)
WITH_MARKS = messages_of(marked_parts())
TOOLS = st.lists(
    st.one_of(
        st.just({"type": "function", "function": {"name": "t"}}),
        st.just({"name": "t", "cache_control": {"type": "ephemeral"}}),
    ),
    max_size=3,
)
TOOLS_WITH_POINTS = st.lists(st.one_of(st.just({"toolSpec": {"name": "t"}}), POINT), max_size=4)
INDEX = st.integers(0, 10)
SLOT = st.one_of(
    st.builds(Slot, INDEX),
    st.builds(Slot, INDEX, st.integers(-1, 4)),
    st.builds(Slot, INDEX, offset=st.integers(0, 9)),
    st.builds(Slot, tool=st.integers(0, 3)),
    st.just(Slot()),
)
WISH = st.builds(
    Wish, st.sampled_from(["block", "message"]), VALUE, SLOT, st.sampled_from(["one", "two"])
)
POLICY = st.sampled_from(["manual", "system_and_last", "rolling", "rolling:1h", "stable_head"])
OPTIONS = st.fixed_dictionaries(
    {
        "rules": RULES,
        "wishes": st.lists(WISH, max_size=8),
        "policy": POLICY,
        "dynamic": st.lists(st.builds(Slot, INDEX, st.none() | st.integers(0, 3)), max_size=2),
        "tools": TOOLS | TOOLS_WITH_POINTS,
        "model": st.sampled_from([None, "qwen-plus", "glm-5.1"]),
    }
)


def place(messages: list[dict[str, Any]], options: dict[str, Any]) -> Marked:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", CacheBudgetWarning)
        return place_marks(messages, shape=SHAPE, **options)


def markers(marked: Marked) -> Iterator[tuple[str, dict[str, Any], dict[str, Any]]]:
    """Yield path, holder and marker of every marker in the output, in order, nested ones too."""
    yield from markers_of("tools", marked.tools)
    for index, message in enumerate(marked.messages):
        assert not set(FIELDS) & set(message)
        parts = message["content"] if isinstance(message["content"], list) else []
        yield from markers_of(f"messages[{index}].content", parts)
        for part in parts:
            for inner in part.get("content", ()):
                assert not {*FIELDS, "cachePoint"} & set(inner)
    if marked.automatic is not None:
        yield "(request)", {}, marked.automatic


def markers_of(
    path: str, blocks: list[dict[str, Any]]
) -> Iterator[tuple[str, dict[str, Any], dict[str, Any]]]:
    for number, block in enumerate(blocks):
        if "cachePoint" in block:
            assert number > 0
            assert "cachePoint" not in blocks[number - 1]
            assert block["cachePoint"]["type"] == "default"
            yield f"{path}[{number}]", blocks[number - 1], block["cachePoint"]
        for field in FIELDS:
            if field in block:
                yield f"{path}[{number}]", block, block[field]


def text_of(messages: list[dict[str, Any]]) -> list[str]:
    out = []
    for message in messages:
        content = message["content"]
        parts = content if isinstance(content, list) else [{"text": content or ""}]
        out.append("".join(part.get("text", "") for part in parts))
    return out


def mutable_ids(value: Any) -> set[int]:
    if isinstance(value, dict):
        return {id(value)}.union(*map(mutable_ids, value.values()))
    if isinstance(value, list):
        return {id(value)}.union(*map(mutable_ids, value))
    return set()


@given(WITH_MARKS, OPTIONS)
def test_there_are_never_more_marks_than_the_provider_takes(
    messages: list[dict[str, Any]], options: dict[str, Any]
) -> None:
    marked = place(messages, options)
    assert len(list(markers(marked))) <= options["rules"].budget


@given(WITH_MARKS, OPTIONS)
def test_a_mark_never_stands_on_blank_text_or_on_a_kind_that_cannot_carry_one(
    messages: list[dict[str, Any]], options: dict[str, Any]
) -> None:
    for path, holder, _ in markers(place(messages, options)):
        if path.startswith("messages"):
            assert kind(holder) in options["rules"].kinds
            assert holder.get("text", "x").strip()


@given(WITH_MARKS, OPTIONS)
def test_marking_never_changes_the_text(
    messages: list[dict[str, Any]], options: dict[str, Any]
) -> None:
    assert text_of(place(messages, options).messages) == text_of(messages)


@given(WITH_MARKS, OPTIONS)
def test_the_input_is_neither_modified_nor_shared(
    messages: list[dict[str, Any]], options: dict[str, Any]
) -> None:
    before = copy.deepcopy((messages, options["tools"]))
    marked = place(messages, options)
    assert (messages, options["tools"]) == before
    theirs = mutable_ids(messages) | mutable_ids(options["tools"])
    assert not theirs & (mutable_ids(marked.messages) | mutable_ids(marked.tools))


@given(WITH_MARKS, OPTIONS)
def test_owned_messages_get_the_same_marks_and_their_parts_are_not_written_to(
    messages: list[dict[str, Any]], options: dict[str, Any]
) -> None:
    before = copy.deepcopy((messages, options["tools"]))
    given_away = place(list(messages), {**options, "owned": True})
    assert (messages, options["tools"]) == before
    assert given_away == place(messages, options)


@given(WITH_MARKS, OPTIONS)
def test_the_plan_names_exactly_the_markers_that_stand_in_the_request(
    messages: list[dict[str, Any]], options: dict[str, Any]
) -> None:
    marked = place(messages, options)
    assert list(marked.plan.placed) == [(path, marker) for path, _, marker in markers(marked)]
    text = json.dumps([marked.messages, marked.tools])
    own = {"cache_point": "cachePoint"}.get(options["rules"].marker, options["rules"].marker)
    assert not [field for field in (*FIELDS, "cachePoint") if field in text and field != own]


@given(BARE, OPTIONS)
def test_strip_with_the_plan_is_the_inverse(
    messages: list[dict[str, Any]], options: dict[str, Any]
) -> None:
    marked = place(messages, options)
    assert strip_marks(marked.messages, plan=marked.plan) == messages
    assert strip_marks(marked.messages, plan=marked.plan, shape=SHAPE) == messages


@given(WITH_MARKS, OPTIONS)
def test_strip_without_a_plan_leaves_no_marker_and_the_same_text(
    messages: list[dict[str, Any]], options: dict[str, Any]
) -> None:
    marked = place(messages, options)
    stripped = strip_marks(marked.messages)
    text = json.dumps([stripped, strip_tool_marks(marked.tools)])
    assert not any(field in text for field in (*FIELDS, "cachePoint"))
    assert text_of(stripped) == text_of(messages)
    assert strip_marks(stripped) == stripped


@given(WITH_MARKS, OPTIONS)
def test_strip_body_finds_messages_and_tools_in_every_form(
    messages: list[dict[str, Any]], options: dict[str, Any]
) -> None:
    marked = place(messages, options)
    plain = {"model": "m", "messages": marked.messages, "tools": marked.tools}
    native = {"input": {"messages": marked.messages}, "parameters": {"tools": marked.tools}}
    converse = {"messages": marked.messages, "toolConfig": {"tools": marked.tools}}
    bare, tools = strip_marks(marked.messages), strip_tool_marks(marked.tools)
    assert strip_body(converse) == {"messages": bare, "toolConfig": {"tools": tools}}
    assert strip_body(plain) == {"model": "m", "messages": bare, "tools": tools}
    assert strip_body(native) == {"input": {"messages": bare}, "parameters": {"tools": tools}}


@given(WITH_MARKS, OPTIONS)
def test_the_same_input_gives_the_same_bytes_and_an_equal_plan(
    messages: list[dict[str, Any]], options: dict[str, Any]
) -> None:
    one, two = place(messages, options), place(copy.deepcopy(messages), options)
    assert json.dumps(one.messages) == json.dumps(two.messages)
    assert one.plan == two.plan
    assert json.dumps(one.plan.to_dict()) == json.dumps(two.plan.to_dict())
    assert str(one.plan) == str(two.plan)


@given(WITH_MARKS, OPTIONS)
def test_placing_on_a_placed_result_changes_nothing(
    messages: list[dict[str, Any]], options: dict[str, Any]
) -> None:
    once = place(messages, options)
    again: dict[str, Any] = {**options, "policy": "manual", "wishes": [], "tools": once.tools}
    if once.automatic is not None:
        again["wishes"] = [Wish("existing", once.automatic, Slot(), "cache_control")]
    twice = place(once.messages, again)
    assert (twice.messages, twice.tools) == (once.messages, once.tools)
    assert twice.automatic == once.automatic


BY_TEXT = st.one_of(st.builds(Slot, INDEX), st.builds(Slot, INDEX, offset=st.integers(0, 9)))
WISH_BY_TEXT = st.builds(
    Wish, st.sampled_from(["block", "message"]), VALUE, BY_TEXT, st.sampled_from(["one", "two"])
)


@given(BARE, OPTIONS, st.lists(WISH_BY_TEXT, max_size=6))
def test_placing_the_same_wishes_again_changes_nothing(
    messages: list[dict[str, Any]], options: dict[str, Any], wishes: list[Wish]
) -> None:
    options = {**options, "wishes": wishes, "tools": [], "dynamic": []}
    once = place(messages, options)
    assert place(once.messages, options).messages == once.messages


@given(BARE, OPTIONS)
def test_every_wish_has_exactly_one_decision(
    messages: list[dict[str, Any]], options: dict[str, Any]
) -> None:
    options = {**options, "policy": "manual", "tools": []}
    asked = sorted(
        wish.path
        for wish in options["wishes"]
        if wish.value is not None and wish.value is not False
    )
    decided = place(messages, options).plan.decisions
    assert sorted(decision.path for decision in decided) == asked


@given(WITH_MARKS, OPTIONS)
def test_no_longer_ttl_follows_a_shorter_one_where_order_matters(
    messages: list[dict[str, Any]], options: dict[str, Any]
) -> None:
    rules = options["rules"]
    found = [marker.get("ttl") for _, _, marker in markers(place(messages, options))]
    assert all(ttl is None or ttl in rules.ttls for ttl in found)
    if rules.ttl_ordered:
        seconds = [ttl_seconds(ttl or rules.default_ttl) for ttl in found]
        assert seconds == sorted(seconds, key=lambda value: -(value or 0))


@given(WITH_MARKS, OPTIONS)
def test_automatic_marks_never_stand_on_or_behind_dynamic_messages(
    messages: list[dict[str, Any]], options: dict[str, Any]
) -> None:
    whole = [slot.message for slot in options["dynamic"] if slot.part is None]
    for decision in place(messages, options).plan.decisions:
        if decision.origin == "auto" and decision.decision in ("placed", "moved"):
            message = decision.slot.message
            assert message is None or not whole or message < min(whole)


# Conversations: each request is the previous one, the reply to it, and any number of new messages.

RESULT = st.builds(
    lambda content: {"role": "tool", "content": content},
    st.sampled_from(["r", "r", "result", "", None]),
)
REPLY = st.builds(
    lambda content: {"role": "assistant", "content": content},
    st.sampled_from([None, "", "text", [{"type": "text", "text": "x"}]]),
)
USER = st.builds(
    lambda content: {"role": "user", "content": content},
    st.one_of(TEXT, st.lists(BARE_PART, min_size=1, max_size=3)),
)
NEWS = st.one_of(
    st.lists(RESULT, min_size=1, max_size=60),
    st.lists(USER, min_size=1, max_size=3),
    st.tuples(st.lists(RESULT, max_size=5), st.lists(USER, max_size=2)).map(
        lambda p: [*p[0], *p[1]]
    ),
)
ROUNDS = st.lists(st.tuples(REPLY, NEWS), min_size=1, max_size=6)
HEAD = st.lists(st.just({"role": "system", "content": "you are"}), max_size=2)


def requests(
    head: list[dict[str, Any]], rounds: list[tuple[dict[str, Any], list[dict[str, Any]]]]
) -> list[list[dict[str, Any]]]:
    messages = [*head, {"role": "user", "content": "start"}]
    out = [list(messages)]
    for reply, news in rounds:
        messages += [reply, *news]
        out.append(list(messages))
    return out


def view_of(messages: list[dict[str, Any]], **options: Any) -> RequestView:
    seen: list[RequestView] = []

    def look(view: RequestView) -> Iterable[Wish]:
        seen.append(view)
        return ()

    place_marks(messages, shape=SHAPE, policy=look, **options)
    return seen[0]


@settings(deadline=None)
@given(HEAD, ROUNDS, RULES, st.data())
def test_the_previous_tail_is_where_the_previous_request_ended(
    head: list[dict[str, Any]],
    rounds: list[tuple[dict[str, Any], list[dict[str, Any]]]],
    rules: CacheRules,
    data: st.DataObject,
) -> None:
    series = requests(head, rounds)
    never = data.draw(st.sets(st.integers(1, len(series[-1])), max_size=4))
    wishes = [Wish("message", False, Slot(index), f"m{index}") for index in sorted(never)]
    for earlier, later in pairwise(series):
        mine = [wish for wish in wishes if (wish.at.message or 0) < len(earlier)]
        before = view_of(earlier, rules=rules, wishes=mine)
        assert view_of(later, rules=rules, wishes=wishes).previous_tail == before.tail


@settings(deadline=None)
@given(HEAD, ROUNDS, PREFIXES)
def test_rolling_marks_the_end_of_the_previous_request_whatever_lies_between(
    head: list[dict[str, Any]],
    rounds: list[tuple[dict[str, Any], list[dict[str, Any]]]],
    rules: CacheRules,
) -> None:
    rules = replace(rules, max_marks=4)
    series = [
        place_marks(r, rules=rules, shape=SHAPE, policy=rolling) for r in requests(head, rounds)
    ]
    for earlier, later in pairwise(series):
        assert earlier.plan.placed[-1][0] in [path for path, _ in later.plan.placed]


@settings(deadline=None)
@given(HEAD, ROUNDS, PREFIXES)
def test_rolling_keeps_its_promise_with_dynamic_content_that_floats_at_the_end(
    head: list[dict[str, Any]],
    rounds: list[tuple[dict[str, Any], list[dict[str, Any]]]],
    rules: CacheRules,
) -> None:
    rules = replace(rules, max_marks=4)
    clock = {"role": "user", "content": "now"}
    series = [
        place_marks(
            [*request, clock],
            rules=rules,
            shape=SHAPE,
            policy=rolling,
            dynamic=[Slot(len(request))],
        )
        for request in requests(head, rounds)
    ]
    for earlier, later in pairwise(series):
        assert earlier.plan.placed[-1][0] in [path for path, _ in later.plan.placed]
