"""Media of tool results where the provider takes text alone in a tool message.

OpenAI answers status 400 to an image in a tool message (openai-node issue 1030, OpenHands issue
7700); SDKs type its content as a text or text parts (openai 3.52.0). Harnesses send such images in
a user message behind the whole run of tool messages (kimi-code pull request 626).
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from wiremark import (
    AnthropicChatFormatter,
    AudioBlock,
    Base64Source,
    BedrockConverseFormatter,
    DashScopeChatFormatter,
    DeepSeekFormatter,
    GLMFormatter,
    ImageBlock,
    KimiFormatter,
    Msg,
    OpenAIBaseFormatter,
    OpenAIChatFormatter,
    OpenAIMultiAgentFormatter,
    Quirks,
    TextBlock,
    ThinkingBlock,
    ToolResultBlock,
    ToolUseBlock,
    VideoBlock,
    validate,
)
from wiremark.base import Trace
from wiremark.conversion import convert, read_body
from wiremark.messages import CACHE_DYNAMIC
from wiremark.rules import OPENAI

MODEL = "gpt-5.6"
"""OpenAI's, with breakpoints."""

MARK = {"mode": "explicit"}
BEHIND = "can be found in the user message behind the tool results."
FORMATTERS = pytest.mark.parametrize(
    "kind", [OpenAIChatFormatter, OpenAIMultiAgentFormatter], ids=["chat", "multi-agent"]
)


def image(name: str = "1") -> ImageBlock:
    return ImageBlock(f"https://ex.org/{name}.png")


def part(name: str = "1") -> dict[str, Any]:
    return {"type": "image_url", "image_url": {"url": f"https://ex.org/{name}.png"}}


def text(said: str) -> dict[str, Any]:
    return {"type": "text", "text": said}


def calls(*ids: str) -> Msg:
    return Msg.assistant([ToolUseBlock(name, "look") for name in ids], name="Bob")


def result(name: str, *output: Any, **more: Any) -> ToolResultBlock:
    return ToolResultBlock(name, "look", list(output), **more)


def roles(messages: list[dict[str, Any]]) -> list[str]:
    return [message["role"] for message in messages]


def placed(formatter: OpenAIBaseFormatter, messages: list[Msg]) -> list[str]:
    return [where for where, _ in formatter.explain(messages, model=MODEL).placed]


PARALLEL = [
    Msg.user("Look."),
    calls("a", "b", "c"),
    Msg.tool([result("a", "Seen.", image("1"), image("2")), result("b", "Nothing.")]),
    Msg.tool(result("c", image("3"), "Small.")),
    Msg.assistant("Done."),
]


@FORMATTERS
def test_media_stand_in_one_user_message_behind_the_whole_run(
    kind: type[OpenAIBaseFormatter],
) -> None:
    made = kind().format(PARALLEL[1:4], model=MODEL)
    assert roles(made) == ["assistant", "tool", "tool", "tool", "user"]
    pointer = text(f"The returned image {BEHIND}")
    assert [message["content"] for message in made[1:4]] == [
        [text("Seen."), pointer, pointer],
        "Nothing.",
        [pointer, text("Small.")],
    ]
    assert [message["tool_call_id"] for message in made[1:4]] == ["a", "b", "c"]
    assert made[4] == {
        "role": "user",
        "content": [
            text("Image of tool result a:"),
            part("1"),
            text("Image of tool result a:"),
            part("2"),
            text("Image of tool result c:"),
            part("3"),
        ],
    }


@FORMATTERS
@pytest.mark.parametrize("model", ["gpt-4o", "o3", MODEL])
def test_no_rule_is_broken_any_more(kind: type[OpenAIBaseFormatter], model: str) -> None:
    request = kind(policy="rolling").build_request(model, PARALLEL, validate=True)
    codes = [finding.code for finding in validate(request.body, protocol="openai-chat")]
    assert not {"media-out-of-place", "unanswered-call", "unpaired-result"} & set(codes)


@FORMATTERS
def test_the_quirk_leaves_media_in_the_tool_message(kind: type[OpenAIBaseFormatter]) -> None:
    made = kind(quirks=Quirks(tool_media_inline=True)).format(PARALLEL, model=MODEL)
    assert made == kind().format(PARALLEL)
    (first, *_) = (message for message in made if message["role"] == "tool")
    assert first["content"] == [text("Seen."), part("1"), part("2")]
    found = validate({"model": MODEL, "messages": made}, protocol="openai-chat")
    assert [finding.code for finding in found].count("media-out-of-place") == 3


@pytest.mark.parametrize(
    ("formatter", "model"),
    [
        (OpenAIChatFormatter(host="dashscope.aliyuncs.com"), "qwen3-vl-plus"),
        (OpenAIChatFormatter(host="openrouter.ai"), "openai/gpt-5.6"),
        (OpenAIChatFormatter(), "some-model"),
        (KimiFormatter(), "kimi-k3"),
        (GLMFormatter(), "glm-4.6v"),
        (DeepSeekFormatter(), "deepseek-chat"),
    ],
)
def test_other_providers_get_media_where_they_stood(
    formatter: OpenAIBaseFormatter, model: str
) -> None:
    messages = [Msg.user("x"), calls("a"), Msg.tool(result("a", image()))]
    made = formatter.format(messages, model=model)
    assert roles(made) == ["user", "assistant", "tool"]
    assert made[2]["content"] == [part()]


def test_protocols_with_a_place_for_media_in_results_use_it() -> None:
    pixel = ImageBlock(Base64Source(media_type="image/png", data="iVBORw0KGgo="))
    messages = [Msg.user("x"), calls("a"), Msg.tool(result("a", pixel))]
    for formatter, model in (
        (AnthropicChatFormatter(), "claude-opus-4-6"),
        (BedrockConverseFormatter(), "anthropic.claude-opus-4-6"),
        (DashScopeChatFormatter(), "qwen3-vl-plus"),
    ):
        assert len(formatter.format(messages, model=model)) == 3
    assert DashScopeChatFormatter().format_multimodal(messages)[2]["content"] == [
        {"image": "data:image/png;base64,iVBORw0KGgo="}
    ]


def test_rules_of_one_s_own_decide() -> None:
    messages = [Msg.tool(result("a", image()))]
    mine = OpenAIChatFormatter(rules=replace(OPENAI, media_roles=("user", "tool")))
    assert roles(mine.format(messages)) == ["tool"]
    assert roles(OpenAIChatFormatter(rules=OPENAI).format(messages)) == ["tool", "user"]


def test_audio_and_video_move_and_texts_about_media_stay() -> None:
    wav = AudioBlock(Base64Source(media_type="audio/wav", data="AAAA"))
    output = [wav, VideoBlock("https://ex.org/v.mp4"), AudioBlock("https://ex.org/a.mp3")]
    tool, user = OpenAIChatFormatter().format([Msg.tool(result("a", *output))], model=MODEL)
    assert [item["text"] for item in tool["content"]] == [
        f"The returned audio {BEHIND}",
        f"The returned video {BEHIND}",
        "[Audio URL: https://ex.org/a.mp3]",
    ]
    assert [item["type"] for item in user["content"]] == [
        "text",
        "input_audio",
        "text",
        "video_url",
    ]


def test_each_run_has_its_own_message_and_findings_name_where_media_stand() -> None:
    messages = [
        calls("a"),
        Msg.tool(result("a", image("1"))),
        calls("b"),
        Msg.tool(result("b", image("2"))),
    ]
    request = OpenAIChatFormatter().build_request(MODEL, messages)
    assert roles(request.messages) == ["assistant", "tool", "user", "assistant", "tool", "user"]
    moved = [finding for finding in request.findings if finding.code == "media-moved"]
    assert [(finding.severity, finding.path) for finding in moved] == [
        ("note", "messages[2].content[1]"),
        ("note", "messages[5].content[1]"),
    ]
    assert "'b'" in moved[1].message


@FORMATTERS
def test_a_longer_conversation_begins_with_the_shorter_one(kind: type[OpenAIBaseFormatter]) -> None:
    formatter = kind()
    before = formatter.format(PARALLEL[1:4], model=MODEL)
    after = formatter.format(PARALLEL[1:], model=MODEL)
    assert after[: len(before)] == before


# ---------------------------------------------------------------- marks


def test_a_wish_of_a_result_stands_on_its_last_medium() -> None:
    results = [result("a", image("1"), "t", image("2"), "u", cache_control="30m"), result("b", "x")]
    messages = [calls("a", "b"), Msg.tool(results)]
    marked = OpenAIChatFormatter().format(messages, model=MODEL)[-1]["content"]
    assert marked[3] == {**part("2"), "prompt_cache_breakpoint": {**MARK, "ttl": "30m"}}
    (decision,) = OpenAIChatFormatter().explain(messages, model=MODEL).decisions
    assert (decision.where, decision.decision) == ("messages[3].content[3]", "placed")
    assert decision.path == "messages[1].content[0].cache_control"


def test_a_wish_of_a_later_result_holds_the_media_before_it() -> None:
    results = [result("a", image()), result("b", "x", cache_control=True), result("c", image("2"))]
    messages = [calls("a", "b", "c"), Msg.tool(results)]
    assert placed(OpenAIChatFormatter(), messages) == ["messages[4].content[1]"]


def test_a_wish_before_all_media_stays_in_the_tool_message() -> None:
    results = [result("a", "x", cache_control=True), result("b", image())]
    assert placed(OpenAIChatFormatter(), [calls("a", "b"), Msg.tool(results)]) == [
        "messages[1].content[0]"
    ]


def test_a_wish_of_the_message_stands_on_its_last_medium() -> None:
    message = Msg.tool([result("a", image()), result("b", "x")]).with_cache_control()
    messages = [calls("a", "b"), message, Msg.user("y").with_cache_control()]
    assert placed(OpenAIChatFormatter(), messages) == [
        "messages[3].content[1]",
        "messages[4].content[0]",
    ]


def test_wishes_that_meet_on_a_medium_are_one_mark() -> None:
    results = [result("a", image(), cache_control=True), result("b", "x", cache_control=True)]
    messages = [calls("a", "b"), Msg.tool(results)]
    plan = OpenAIChatFormatter().explain(messages, model=MODEL)
    assert sorted(decision.decision for decision in plan.decisions) == ["merged", "placed"]


def test_a_medium_that_carries_no_mark_leaves_it_to_the_text_before() -> None:
    messages = [calls("a"), Msg.tool(result("a", VideoBlock("https://ex.org/v.mp4")))]
    messages[1] = messages[1].with_cache_control()
    (decision,) = OpenAIChatFormatter().explain(messages, model=MODEL).decisions
    assert (decision.where, decision.reason) == ("messages[2].content[0]", "cannot-carry")


@pytest.mark.parametrize("where", ["block", "message"])
def test_a_veto_holds_for_the_text_and_the_media(where: str) -> None:
    block = result("a", "x", image(), cache_control=False if where == "block" else None)
    message = Msg.tool(block)
    message = message.with_cache_control(False) if where == "message" else message
    messages = [Msg.user("Look."), calls("a"), message]
    marks = placed(OpenAIChatFormatter(policy="rolling"), messages)
    assert not [mark for mark in marks if mark.startswith("messages[3]")]
    assert "messages[2].content[1]" not in marks
    assert marks


def test_a_veto_of_one_result_leaves_the_media_of_another_alone() -> None:
    results = [result("a", image("1")), result("b", image("2"), cache_control=False)]
    messages = [Msg.user("Look."), calls("a", "b"), Msg.tool(results)]
    marks = placed(OpenAIChatFormatter(policy="rolling"), messages)
    assert marks[-1] == "messages[4].content[1]"


def test_rolling_marks_the_medium_at_the_end_and_reads_it_in_the_next_request() -> None:
    formatter = OpenAIChatFormatter(policy="rolling")
    tail = placed(formatter, PARALLEL[:4])[-1]
    assert tail == "messages[5].content[5]"
    assert tail in placed(formatter, [*PARALLEL, Msg.user("And?")])


def test_media_of_a_dynamic_result_are_dynamic_too() -> None:
    dynamic = Msg.tool(result("b", image(), "now"), metadata={CACHE_DYNAMIC: True})
    messages = [Msg.user("x"), calls("a", "b"), Msg.tool(result("a", "y")), dynamic]
    plan = OpenAIChatFormatter(policy="rolling").explain(messages, model=MODEL)
    assert [where for where, _ in plan.placed][-1] == "messages[2].content[0]"
    assert "unused-behind-dynamic" not in [finding.code for finding in plan.findings]


def test_marks_behind_a_run_follow_it_in_the_multi_agent_form() -> None:
    messages = [
        calls("a"),
        Msg.tool(result("a", image())),
        Msg.user("One.", name="Ann").with_cache_control(),
        Msg.assistant("Two.", name="Bob"),
    ]
    for layout in ("merged", "append_only"):
        formatter = OpenAIMultiAgentFormatter(history_layout=layout, policy="rolling")
        request = formatter.build_request(MODEL, messages)
        assert roles(request.messages) == ["assistant", "tool", "user", "user"]
        wished = [d for d in request.plan.decisions if d.origin != "auto"]
        assert [d.slot.message for d in wished] == [3]


def test_a_message_level_mark_stands_beside_the_media() -> None:
    formatter = OpenAIChatFormatter(quirks=Quirks(message_level_marks=True))
    messages = [calls("a"), Msg.tool(result("a", image())).with_cache_control()]
    made = formatter.format(messages, model=MODEL)
    assert [("cache_control" in message) for message in made] == [False, False, True]


# ---------------------------------------------------------------- subclasses, reasoning, reading


def test_what_a_subclass_converts_is_moved_as_well() -> None:
    class Mine(OpenAIChatFormatter):
        def convert_message(self, message: Msg, trace: Trace) -> list[dict[str, Any]]:
            return [{**made, "x": 1} for made in super().convert_message(message, trace)]

    made = Mine().format([Msg.tool(result("a", image()))], model=MODEL)
    assert [list(message) for message in made] == [
        ["role", "content", "tool_call_id", "x"],
        ["role", "content"],
    ]


def test_parts_of_an_unknown_kind_stay() -> None:
    class Mine(OpenAIChatFormatter):
        def convert_message(self, message: Msg, trace: Trace) -> list[dict[str, Any]]:
            made = super().convert_message(message, trace)
            return [{**one, "content": [{"type": "hologram"}, *one["content"]]} for one in made]

    tool, user = Mine().format([Msg.tool(result("a", image()))], model=MODEL)
    assert [item["type"] for item in tool["content"]] == ["hologram", "text"]
    assert len(user["content"]) == 2


def test_reasoning_of_a_loop_is_kept_where_the_vendor_wants_it_back() -> None:
    thinking = Msg.assistant([ThinkingBlock("why"), ToolUseBlock("a", "look")])
    messages = [Msg.user("x"), thinking, Msg.tool(result("a", image()))]
    formatter = DeepSeekFormatter(rules=replace(OPENAI, name="mine"))
    made = formatter.format(messages)
    assert roles(made) == ["user", "assistant", "tool", "user"]
    assert made[1]["reasoning_content"] == "why"


def test_a_body_with_moved_media_is_read_and_goes_to_anthropic() -> None:
    pixel = ImageBlock(Base64Source(media_type="image/png", data="iVBORw0KGgo="))
    messages = [
        Msg.user("Look."),
        calls("a", "b"),
        Msg.tool([result("a", "Seen.", pixel), result("b", TextBlock("y"))]),
    ]
    body = OpenAIChatFormatter().build_request(MODEL, messages).body
    read = read_body(body, protocol="openai-chat")
    assert [message.role.wire for message in read.messages if message.role] == [
        "user",
        "assistant",
        "tool",
        "tool",
        "user",
    ]
    converted = convert(body, source="openai-chat", target="anthropic", model="claude-opus-4-6")
    assert [found.message for found in converted.lost if "name" not in found.message] == []
    last = converted.request.body["messages"][-1]
    assert [block["type"] for block in last["content"]] == [
        "tool_result",
        "tool_result",
        "text",
        "image",
    ]


def test_images_of_anthropic_results_are_all_carried_to_openai() -> None:
    source = {"type": "base64", "media_type": "image/png", "data": "iVBORw0KGgo="}
    seen = {
        "type": "tool_result",
        "tool_use_id": "a",
        "content": [{"type": "image", "source": source}],
    }
    body = {
        "model": "claude-opus-4-6",
        "max_tokens": 100,
        "messages": [
            {"role": "user", "content": "Look."},
            {
                "role": "assistant",
                "content": [{"type": "tool_use", "id": "a", "name": "look", "input": {}}],
            },
            {"role": "user", "content": [seen, {"type": "text", "text": "And?"}]},
        ],
    }
    converted = convert(body, source="anthropic", target="openai-chat", model=MODEL)
    assert not converted.lost
    assert roles(converted.request.body["messages"]) == [
        "user",
        "assistant",
        "tool",
        "user",
        "user",
    ]
    found = validate(converted.request.body, protocol="openai-chat")
    assert not [finding for finding in found if finding.severity == "error"]
