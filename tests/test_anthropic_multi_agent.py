"""The turns of several agents in Anthropic's form."""

from __future__ import annotations

from typing import Any

import pytest

from wiremark import (
    AnthropicMultiAgentFormatter,
    AudioBlock,
    Base64Source,
    HintBlock,
    ImageBlock,
    Msg,
    ThinkingBlock,
    ToolResultBlock,
    ToolUseBlock,
    URLSource,
)
from wiremark.errors import OptionError

MODEL = "claude-sonnet-4-5"
MARK = {"type": "ephemeral"}
PROMPT = (
    "# Conversation History\n"
    "The content between <history></history> tags contains your conversation history\n"
)
TALK = [
    Msg.system("Moderate."),
    Msg.user("Hello.", name="Ann"),
    Msg.assistant([ThinkingBlock("hm"), "Hi."], name="Bo"),
    Msg.user("Go on.", name="Ann"),
]
PICTURE = ImageBlock(Base64Source(media_type="image/png", data="iVBORw0KGgo="))


def history(turn: dict[str, Any]) -> str:
    return "".join(part.get("text", "") for part in turn["content"])


def test_a_conversation_becomes_one_user_turn() -> None:
    system, turn = AnthropicMultiAgentFormatter().format(TALK, model=MODEL)
    assert system["role"] == "system"
    assert turn == {
        "role": "user",
        "content": [
            {
                "type": "text",
                "text": f"{PROMPT}<history>\nAnn: Hello.\nBo: [Thinking]: hm\nBo: Hi.\n"
                "Ann: Go on.\n</history>\n",
            }
        ],
    }


def test_append_only_is_the_same_text_cut_at_messages() -> None:
    merged = AnthropicMultiAgentFormatter().format(TALK, model=MODEL)
    cut = AnthropicMultiAgentFormatter(history_layout="append_only").format(TALK, model=MODEL)
    assert history(cut[1]) == history(merged[1])
    assert len(cut[1]["content"]) == 4


def test_append_only_extends_what_was_sent() -> None:
    formatter = AnthropicMultiAgentFormatter(history_layout="append_only")
    before = formatter.format(TALK[:3], model=MODEL)
    after = formatter.format(TALK, model=MODEL)
    assert after[1]["content"][:2] == before[1]["content"][:2]


def test_append_only_gives_messages_where_the_service_reuses_at_message_ends() -> None:
    formatter = AnthropicMultiAgentFormatter(
        history_layout="append_only", host="dashscope.aliyuncs.com"
    )
    made = formatter.format(TALK, model="qwen-plus")
    assert [each["role"] for each in made] == ["system", "user", "user", "user", "user"]


def test_media_stand_between_texts() -> None:
    (turn,) = AnthropicMultiAgentFormatter().format([Msg.user(["see", PICTURE], name="Ann")])
    assert [part["type"] for part in turn["content"]] == ["text", "image", "text"]


def test_tool_turns_stay_apart_and_results_stand_before_the_history_behind_them() -> None:
    made = AnthropicMultiAgentFormatter().format(
        [
            Msg.user("a", name="Ann"),
            Msg.assistant(ToolUseBlock("c1", "f", {}), name="Bo"),
            Msg.tool_result("c1", "f", "8"),
            Msg.user("b", name="Ann"),
            Msg.assistant("c", name="Bo"),
        ],
        model=MODEL,
    )
    assert [each["role"] for each in made] == ["user", "assistant", "user"]
    assert [part["type"] for part in made[2]["content"]] == ["tool_result", "text"]


def test_bypass_stays_outside_the_history() -> None:
    aside = Msg.user("aside").with_metadata({"_bypass_multiagent_history_merge": True})
    (turn,) = AnthropicMultiAgentFormatter().format([aside, Msg.user("a", name="Ann")])
    assert turn["content"][0] == {"type": "text", "text": "aside"}


def test_wishes_stand_at_their_message_in_append_only() -> None:
    formatter = AnthropicMultiAgentFormatter(history_layout="append_only")
    messages = [TALK[0], TALK[1].with_cache_control("1h"), *TALK[2:]]
    request = formatter.build_request(MODEL, messages, validate=True)
    assert request.plan.placed == (("messages[0].content[0]", {**MARK, "ttl": "1h"}),)


def test_a_mark_on_a_merged_history_is_named_as_growing() -> None:
    request = AnthropicMultiAgentFormatter().build_request(
        MODEL, [*TALK[:3], TALK[3].with_cache_control()]
    )
    assert request.plan.placed == (("messages[0].content[0]", MARK),)
    assert "growing-history" in [each.code for each in request.findings]


def test_a_mark_on_a_result_before_a_history_is_not_growing() -> None:
    request = AnthropicMultiAgentFormatter().build_request(
        MODEL,
        [
            Msg.user("a"),
            Msg.assistant(ToolUseBlock("c1", "f", {})),
            Msg.tool_result("c1", "f", "8").with_cache_control(),
            Msg.user("b"),
        ],
    )
    assert request.plan.placed == (("messages[2].content[0]", MARK),)
    assert [each.code for each in request.findings] == ["default-max-tokens"]


def test_a_later_system_message_stays_in_its_place() -> None:
    messages = [*TALK, Msg.system("Be short.")]
    made = AnthropicMultiAgentFormatter().format(messages, model="claude-opus-4-8")
    assert [each["role"] for each in made] == ["system", "user", "system"]
    fallback = AnthropicMultiAgentFormatter().format(messages, model=MODEL)
    assert [each["role"] for each in fallback] == ["system", "user"]


def test_an_unknown_layout_is_refused() -> None:
    with pytest.raises(OptionError, match="history_layout"):
        AnthropicMultiAgentFormatter(history_layout="other")  # type: ignore[arg-type]


def test_hints_results_and_media_that_are_not_sent_are_lines() -> None:
    messages = [
        Msg.assistant([HintBlock("h"), ToolResultBlock("c1", "f", "8")], name="Bo"),
        Msg.user([AudioBlock(URLSource("https://e.com/a.mp3"))], name="Ann"),
    ]
    (turn,) = AnthropicMultiAgentFormatter().format(messages, model=MODEL)
    assert history(turn) == (
        f"{PROMPT}<history>\nBo: h\nBo (f): 8\nAnn: [Audio URL: https://e.com/a.mp3]\n</history>\n"
    )
