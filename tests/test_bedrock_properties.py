"""Cache points in Converse requests: single places by fact, and properties over conversations."""

from __future__ import annotations

import copy
import json
import warnings
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wiremark import BedrockConverseFormatter, GenerateOptions, Msg, ToolSchema, strip_marks
from wiremark.messages import (
    Base64Source,
    DataBlock,
    ImageBlock,
    TextBlock,
    ThinkingBlock,
    ToolResultBlock,
    ToolUseBlock,
    dump_messages,
)
from wiremark.validation import validate

CLAUDE = "us.anthropic.claude-sonnet-4-5-20250929-v1:0"
POINT = {"cachePoint": {"type": "default"}}
HOUR = {"cachePoint": {"type": "default", "ttl": "1h"}}


def build(messages: list[Msg], policy: str = "manual", **given: Any) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return BedrockConverseFormatter(policy=policy).build_request(CLAUDE, messages, **given)


def body(messages: list[Msg], policy: str = "manual", **given: Any) -> dict[str, Any]:
    made: dict[str, Any] = build(messages, policy, **given).body
    return made


def tool(name: str = "f", wish: Any = None) -> ToolSchema:
    return ToolSchema(name=name, description="d", cache_control=wish)


# ---------------------------------------------------------------- single places


def test_a_mark_is_a_block_behind_the_block() -> None:
    made = body([Msg.user([TextBlock("a", cache_control="1h"), "b"])])
    assert made["messages"][0]["content"] == [{"text": "a"}, HOUR, {"text": "b"}]


def test_a_mark_of_the_system_stands_in_system_and_is_named_there() -> None:
    request = build([Msg.system("a"), Msg.system("b").with_cache_control(), Msg.user("hi")])
    assert request.body["system"] == [{"text": "a"}, {"text": "b"}, POINT]
    assert [where for where, _ in request.plan.placed] == ["system[2]"]


def test_a_place_in_messages_is_named_as_in_the_body() -> None:
    request = build([Msg.system("a"), Msg.user("hi").with_cache_control()])
    assert request.body["messages"][0]["content"] == [{"text": "hi"}, POINT]
    assert [where for where, _ in request.plan.placed] == ["messages[0].content[1]"]


def test_a_mark_of_a_tool_stands_behind_its_entry() -> None:
    request = build([Msg.user("hi")], tools=[tool("a", True), tool("b"), tool("c", "1h")])
    kinds = [next(iter(entry)) for entry in request.body["toolConfig"]["tools"]]
    assert kinds == ["toolSpec", "cachePoint", "toolSpec", "toolSpec", "cachePoint"]
    placed = [where for where, _ in request.plan.placed]
    assert placed == ["toolConfig.tools[1]", "toolConfig.tools[4]"]


def test_a_wish_inside_a_result_stands_behind_the_result() -> None:
    result = ToolResultBlock("c1", "f", [TextBlock("one", cache_control=True)])
    content = body([Msg.tool(result)])["messages"][0]["content"]
    assert [next(iter(block)) for block in content] == ["toolResult", "cachePoint"]


def test_no_mark_stands_behind_a_thought() -> None:
    """Bedrock: "Cache point cannot be inserted after reasoning block" (opencode#36517)."""
    thought = ThinkingBlock("t", metadata={"signature": "S"})
    request = build([Msg.user("a"), Msg.assistant([thought]).with_cache_control()])
    assert request.body["messages"] == [
        {"role": "user", "content": [{"text": "a"}, POINT]},
        {
            "role": "assistant",
            "content": [{"reasoningContent": {"reasoningText": {"text": "t", "signature": "S"}}}],
        },
    ]


@pytest.mark.parametrize(
    ("mime", "kinds"),
    [
        ("application/pdf", ["text", "document", "cachePoint"]),
        ("text/csv", ["text", "cachePoint", "document"]),
    ],
)
def test_a_mark_stands_behind_no_document_but_a_pdf(mime: str, kinds: list[str]) -> None:
    """strands-agents/harness-sdk#1966: a cache point behind another document is refused."""
    document = DataBlock(Base64Source(media_type=mime, data="QUJD"))
    content = body([Msg.user(["see", document]).with_cache_control()])["messages"][0]["content"]
    assert [next(iter(block)) for block in content] == kinds


def test_wishes_of_joined_messages_stand_at_their_own_ends() -> None:
    messages = [
        Msg.user(["a", "b"]).with_cache_control(),
        Msg.user("c"),
        Msg.user([TextBlock("d", cache_control=True), "e"]),
    ]
    texts = ["a", "b", "c", "d", "e"]
    wanted = [{"text": text} for text in texts]
    wanted[4:4] = [POINT]  # type: ignore[list-item]
    wanted[2:2] = [POINT]  # type: ignore[list-item]
    assert body(messages)["messages"][0]["content"] == wanted


def test_the_wish_of_a_message_that_is_left_out_moves_to_the_end_before_it() -> None:
    messages = [Msg.user("a"), Msg.assistant("").with_cache_control(), Msg.user("b")]
    request = build(messages)
    assert request.body["messages"][0]["content"] == [{"text": "a"}, POINT, {"text": "b"}]
    assert [item.decision for item in request.plan.decisions] == ["placed"]


def test_a_wish_with_nothing_before_it_is_dropped_with_a_reason() -> None:
    plan = build([Msg.user("").with_cache_control(), Msg.user("b")]).plan
    assert [(item.decision, item.reason) for item in plan.decisions] == [("dropped", "no-slot")]


def test_dynamic_content_in_a_joined_message_keeps_what_is_before_it_reusable() -> None:
    messages = [Msg.user("stable"), Msg.user("clock").with_metadata({"_cache_dynamic": True})]
    content = body(messages, "rolling")["messages"][0]["content"]
    assert content == [{"text": "stable"}, POINT, {"text": "clock"}]


def test_rolling_marks_tools_head_previous_tail_and_tail() -> None:
    messages = [Msg.system("s"), Msg.user("a"), Msg.assistant("b"), Msg.user("c")]
    made = body(messages, "rolling", tools=[tool()])
    assert made["toolConfig"]["tools"][-1] == POINT
    assert made["system"] == [{"text": "s"}, POINT]
    assert [POINT in message["content"] for message in made["messages"]] == [True, False, True]


def test_the_previous_tail_lies_before_the_last_of_joined_assistant_messages() -> None:
    messages = [Msg.user("a"), Msg.assistant("b"), Msg.assistant("c"), Msg.user("d")]
    made = body(messages, "rolling")["messages"]
    assert made[1]["content"] == [{"text": "b"}, POINT, {"text": "c"}]


def test_marks_that_stand_in_wire_messages_are_kept() -> None:
    wire = [{"role": "user", "content": [{"text": "a"}, POINT, {"text": "b"}]}]
    given = copy.deepcopy(wire)
    f = BedrockConverseFormatter()
    assert f.apply_cache_control(wire, policy="manual") == wire
    once = f.apply_cache_control(wire)
    assert once[0]["content"] == [{"text": "a"}, POINT, {"text": "b"}, POINT]
    assert f.apply_cache_control(once) == once
    assert wire == given


# ---------------------------------------------------------------- properties

texts = st.sampled_from(["", " ", "a", "text of some words\n", "é", "0"])
wishes = st.sampled_from([None, None, None, True, False, "5m", "1h", {"type": "ephemeral"}, "x"])
ids = st.sampled_from(["c1", "c2", "odd|id"])
mimes = st.sampled_from(["image/png", "application/pdf", "text/csv", "video/mp4", "audio/wav"])


@st.composite
def data_blocks(draw: Any) -> DataBlock:
    source = Base64Source(media_type=draw(mimes), data="QUJD")
    return DataBlock(source, cache_control=draw(wishes))


@st.composite
def text_blocks(draw: Any) -> TextBlock:
    return TextBlock(draw(texts), cache_control=draw(wishes))


@st.composite
def thoughts(draw: Any) -> ThinkingBlock:
    metadata = draw(st.sampled_from([None, {"signature": "S"}, {"redacted": "UkVE"}]))
    return ThinkingBlock(draw(texts), metadata=metadata, cache_control=draw(wishes))


@st.composite
def calls(draw: Any) -> ToolUseBlock:
    return ToolUseBlock(draw(ids), "f", {"a": 1}, cache_control=draw(wishes))


@st.composite
def results(draw: Any) -> ToolResultBlock:
    output = draw(st.lists(text_blocks() | data_blocks(), max_size=3))
    state = draw(st.sampled_from(["success", "error", "running"]))
    return ToolResultBlock(draw(ids), "f", output, state=state, cache_control=draw(wishes))


@st.composite
def conversations(draw: Any) -> list[Msg]:
    out = []
    for _ in range(draw(st.integers(0, 7))):
        role = draw(st.sampled_from(["system", "user", "assistant", "tool"]))
        blocks = {
            "system": text_blocks(),
            "user": text_blocks() | data_blocks(),
            "assistant": text_blocks() | thoughts() | calls() | data_blocks() | results(),
            "tool": results() | text_blocks(),
        }[role]
        message = getattr(Msg, role)(draw(st.lists(blocks, max_size=4)))
        wish = draw(wishes)
        if wish is not None:
            message = message.with_cache_control(wish)
        if draw(st.integers(0, 7)) == 0:
            message = message.with_metadata({"_cache_dynamic": True})
        out.append(message)
    return out


tool_lists = st.lists(st.builds(tool, st.sampled_from(["f", "g"]), wishes), max_size=5)
policies = st.sampled_from(["manual", "system_and_last", "rolling", "stable_head"])


def lists(made: dict[str, Any]) -> list[list[dict[str, Any]]]:
    """Return the lists in which cache points may stand, in the order of the prefix."""
    tools = made.get("toolConfig", {}).get("tools", [])
    return [tools, made.get("system", []), *(each["content"] for each in made["messages"])]


def without_points(made: dict[str, Any]) -> dict[str, Any]:
    """Return a body without its cache points, by a rule of this test's own."""
    bare = copy.deepcopy(made)
    for blocks in lists(bare):
        blocks[:] = [block for block in blocks if "cachePoint" not in block]
    return bare


@given(messages=conversations(), tools=tool_lists, policy=policies)
def test_every_request_obeys_the_rules_of_cache_points(
    messages: list[Msg], tools: list[ToolSchema], policy: str
) -> None:
    stored, kept = json.dumps(dump_messages(messages)), copy.deepcopy(tools)
    request = build(messages, policy, tools=tools)
    made = request.body
    points = []
    for blocks in lists(made):
        for index, block in enumerate(blocks):
            if "cachePoint" not in block:
                continue
            points.append(block["cachePoint"])
            assert list(block) == ["cachePoint"]
            assert index > 0, "a cache point marks a block"
            before = blocks[index - 1]
            assert not {"cachePoint", "reasoningContent", "video", "audio"} & set(before)
            assert before.get("document", {}).get("format", "pdf") == "pdf"
    assert len(points) <= 4
    lifetimes = [point.get("ttl", "5m") for point in points]
    assert lifetimes == sorted(lifetimes), "1h stands before 5m"  # "1h" < "5m"
    assert json.dumps(made).count('"cachePoint"') == len(points), "none stands elsewhere"
    assert len(request.plan.placed) == len(points)
    assert json.dumps(dump_messages(messages)) == stored
    assert tools == kept


@given(messages=conversations(), tools=tool_lists, policy=policies)
def test_every_placed_mark_is_where_the_plan_says(
    messages: list[Msg], tools: list[ToolSchema], policy: str
) -> None:
    request = build(messages, policy, tools=tools)
    for where, marker in request.plan.placed:
        found: Any = request.body
        for step in where.replace("[", ".[").split("."):
            found = found[int(step[1:-1])] if step.startswith("[") else found[step]
        assert found == {"cachePoint": marker}


def without_wish(block: Any) -> Any:
    if isinstance(block, ToolResultBlock):
        block = block.replace(output=[without_wish(item) for item in block.output])
    return block.replace(cache_control=None)


@given(messages=conversations(), tools=tool_lists, policy=policies)
def test_marks_change_nothing_else(
    messages: list[Msg], tools: list[ToolSchema], policy: str
) -> None:
    bare = [
        Msg(
            role=message.role,
            content=[without_wish(block) for block in message.content],
        )
        for message in messages
    ]
    plain = body(bare, tools=[tool(each.name) for each in tools])
    for blocks in lists(plain):
        for block in blocks:
            assert "cachePoint" not in block
    assert without_points(body(messages, policy, tools=tools)) == plain


@given(messages=conversations(), policy=policies)
def test_stripping_is_the_inverse(messages: list[Msg], policy: str) -> None:
    marked = body(messages, policy)["messages"]
    assert strip_marks(marked) == without_points({"messages": marked})["messages"]


@given(messages=conversations(), tools=tool_lists, policy=policies)
def test_every_request_is_valid(messages: list[Msg], tools: list[ToolSchema], policy: str) -> None:
    made = body(messages, policy, tools=tools)
    found = validate(made, protocol="bedrock-converse", model=CLAUDE)
    unpaired = {"tool-call-unanswered", "tool-result-without-call"}  # they are generated apart
    assert [e for e in found if e.severity == "error" and e.code not in unpaired] == []


@given(messages=conversations())
def test_roles_alternate_and_no_turn_is_empty(messages: list[Msg]) -> None:
    made = body(messages)["messages"]
    roles = [message["role"] for message in made]
    assert all(before != after for before, after in pairwise(roles))
    assert set(roles) <= {"user", "assistant"}
    assert all(message["content"] for message in made)
    results = [block for each in made if each["role"] == "assistant" for block in each["content"]]
    assert not any("toolResult" in block for block in results)


@given(messages=conversations(), policy=policies)
def test_the_same_input_gives_the_same_bytes(messages: list[Msg], policy: str) -> None:
    assert build(messages, policy).to_json() == build(messages, policy).to_json()


@given(messages=conversations())
def test_options_choose_the_policy(messages: list[Msg]) -> None:
    asked = body(messages, options=GenerateOptions(cache_control="rolling"))
    assert asked == body(messages, "rolling")


def test_an_image_can_carry_a_mark() -> None:
    image = ImageBlock(Base64Source(media_type="image/png", data="QUJD"), cache_control=True)
    assert POINT in body([Msg.user(["see", image])])["messages"][0]["content"][2:]
