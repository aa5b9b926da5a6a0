"""DeepSeek, GLM, Kimi and MiniMax: what sets them apart, by the facts of agentscope-java."""

from __future__ import annotations

from typing import Any

import pytest

from wiremark import (
    DeepSeekFormatter,
    DeepSeekMultiAgentFormatter,
    GenerateOptions,
    GLMFormatter,
    GLMMultiAgentFormatter,
    KimiFormatter,
    KimiMultiAgentFormatter,
    MiniMaxFormatter,
    MiniMaxMultiAgentFormatter,
    Msg,
    Quirks,
    TextBlock,
    ThinkingBlock,
    ToolUseBlock,
)

HI = [Msg.user("hello", name="Ann")]
TOOL = {"name": "f", "description": "d", "strict": True}
ALL = [
    DeepSeekFormatter,
    DeepSeekMultiAgentFormatter,
    GLMFormatter,
    GLMMultiAgentFormatter,
    KimiFormatter,
    KimiMultiAgentFormatter,
    MiniMaxFormatter,
    MiniMaxMultiAgentFormatter,
]


def body(formatter: Any, model: str = "m", **more: Any) -> dict[str, Any]:
    sent: dict[str, Any] = formatter.build_request(model, HI, **more).body
    return sent


def codes(formatter: Any, model: str = "m", **more: Any) -> dict[str, str]:
    found = formatter.build_request(model, HI, **more).findings
    return {finding.path: finding.code for finding in found}


@pytest.mark.parametrize("kind", ALL)
def test_strict_is_never_sent(kind: Any) -> None:
    (tool,) = body(kind(), tools=[TOOL])["tools"]
    assert "strict" not in tool["function"]


def test_glm_sends_no_names_and_no_usage_wish() -> None:
    sent = body(GLMFormatter(), stream=True)
    assert sent["messages"] == [{"role": "user", "content": "hello"}]
    assert "stream_options" not in sent


@pytest.mark.parametrize("kind", [GLMFormatter, GLMMultiAgentFormatter])
def test_glm_gets_an_empty_user_message_where_there_is_none(kind: Any) -> None:
    empty = {"role": "user", "content": ""}
    assert kind().format([]) == [empty]
    assert kind().format([Msg.system("s")])[-1] == empty
    assert kind().format([Msg.user("u")]) != [empty]


def test_glm_clamps_and_renames_options_and_says_so() -> None:
    options = GenerateOptions(temperature=1.5, top_p=0, max_completion_tokens=9, seed=1)
    sent = body(GLMFormatter(), options=options)
    assert (sent["temperature"], sent["top_p"], sent["max_tokens"]) == (1.0, 0.01, 9)
    assert "max_completion_tokens" not in sent
    found = codes(GLMFormatter(), options=options)
    assert found["options.temperature"] == "option-changed"
    assert found["options.max_completion_tokens"] == "option-not-sent"


@pytest.mark.parametrize("choice", ["auto", "required", {"specific": "f"}])
def test_glm_knows_no_choice_but_auto(choice: Any) -> None:
    assert body(GLMFormatter(), tools=[TOOL], tool_choice=choice)["tool_choice"] == "auto"


def test_glm_without_a_call_gets_no_tools() -> None:
    sent = body(GLMFormatter(), tools=[TOOL], tool_choice="none")
    assert "tools" not in sent
    assert "tool_choice" not in sent


@pytest.mark.parametrize(
    ("model", "choice", "thinking", "sent"),
    [
        ("kimi-k2-0905", "required", None, "auto"),
        ("kimi-k3", "required", None, "required"),
        ("kimi-k3-turbo", {"specific": "f"}, "disabled", "auto"),
        ("kimi-k2.7-code", {"specific": "f"}, None, "auto"),
        ("kimi-k2.5", {"specific": "f"}, None, "auto"),
        ("kimi-k2.6", {"specific": "f"}, "enabled", "auto"),
        (
            "kimi-k2.6",
            {"specific": "f"},
            "disabled",
            {"function": {"name": "f"}, "type": "function"},
        ),
        ("KIMI-K3", {"specific": "f"}, None, {"function": {"name": "f"}, "type": "function"}),
        ("kimi-k2.6", "none", None, "none"),
    ],
)
def test_kimi_weakens_a_choice_that_the_model_refuses(
    model: str, choice: Any, thinking: str | None, sent: Any
) -> None:
    extras = {} if thinking is None else {"thinking": {"type": thinking}}
    options = GenerateOptions(additional_body_params=extras)
    made = body(KimiFormatter(), model, tools=[TOOL], tool_choice=choice, options=options)
    assert made["tool_choice"] == sent
    assert made.get("thinking") == extras.get("thinking")


def test_kimi_takes_sampling_from_other_models_only() -> None:
    options = GenerateOptions(temperature=0.5, reasoning_effort="high", max_tokens=5)
    for model, kept in [
        ("kimi-k3", {"reasoning_effort"}),
        ("kimi-k2.5", set()),
        ("moonshot-v1-8k", {"temperature"}),
    ]:
        sent = body(KimiFormatter(), model, options=options)
        assert {"temperature", "reasoning_effort"} & sent.keys() == kept
        assert sent["max_completion_tokens"] == 5
        assert "max_tokens" not in sent


def test_minimax_splits_reasoning_unless_told_otherwise_and_sends_no_choice() -> None:
    sent = body(MiniMaxFormatter(), tools=[TOOL], tool_choice="required")
    assert sent["reasoning_split"] is True
    assert "tool_choice" not in sent
    options = GenerateOptions(additional_body_params={"reasoning_split": False})
    assert body(MiniMaxFormatter(), options=options)["reasoning_split"] is False
    found = codes(MiniMaxFormatter(), tools=[TOOL], tool_choice="required")
    assert found["tool_choice"] == "tool-choice-weakened"


def thought(text: str, *, call: bool = False) -> Msg:
    blocks = [ThinkingBlock(f"about {text}"), TextBlock(text)]
    return Msg.assistant([*blocks, ToolUseBlock("c", "f", {})] if call else blocks)


def reasoning(messages: list[dict[str, Any]]) -> list[bool]:
    return ["reasoning_content" in message for message in messages]


def test_deepseek_gets_reasoning_back_where_a_tool_was_called_and_at_the_end() -> None:
    turns = [Msg.user("1"), thought("a"), Msg.user("2"), thought("b", call=True)]
    turns += [Msg.tool_result("c", "f", "r"), Msg.user("3"), thought("d")]
    made = DeepSeekFormatter().format(turns)
    assert reasoning(made) == [False, False, False, True, False, False, True]


def test_deepseek_keeps_marks_of_messages_that_java_rebuilds() -> None:
    turns = [Msg.user("1"), thought("a").with_cache_control(), Msg.user("2")]
    kept = DeepSeekFormatter(host="dashscope.aliyuncs.com").format(turns, model="deepseek-v3.2")
    assert kept[1]["content"][0]["cache_control"] == {"type": "ephemeral"}
    assert "cache_control" not in DeepSeekFormatter(quirks=Quirks.JAVA).format(turns)[1]


@pytest.mark.parametrize("kind", [DeepSeekFormatter, DeepSeekMultiAgentFormatter])
def test_deepseek_may_end_with_an_empty_user_message(kind: Any) -> None:
    turns = [Msg.user("1"), Msg.assistant([ToolUseBlock("c", "f", {})])]
    assert kind(append_empty_user=True).format(turns)[-1] == {"role": "user", "content": ""}
    assert kind().format(turns)[-1]["role"] == "assistant"
    assert kind(append_empty_user=True).format([]) == []


@pytest.mark.parametrize("kind", ALL)
def test_formatting_leaves_the_messages_alone_and_is_repeatable(kind: Any) -> None:
    turns = [Msg.system("s"), Msg.user("1", name="Ann"), thought("a"), Msg.user("2")]
    stored = [message.to_dict() for message in turns]
    formatter = kind()
    assert formatter.format(turns) == formatter.format(turns)
    assert [message.to_dict() for message in turns] == stored
