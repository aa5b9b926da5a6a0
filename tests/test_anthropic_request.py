"""Requests of the Messages API: body, options, versions, and where marks stand."""

from __future__ import annotations

from typing import Any

import pytest

from wiremark import (
    AnthropicChatFormatter,
    GenerateOptions,
    Msg,
    Quirks,
    ResponseFormat,
    TextBlock,
    ThinkingBlock,
    ToolChoice,
    ToolResultBlock,
    ToolSchema,
    ToolUseBlock,
)
from wiremark.base import Request
from wiremark.errors import BodyInvalid, OptionError

MODEL = "claude-sonnet-4-5"
MARK = {"type": "ephemeral"}
HOUR = {"type": "ephemeral", "ttl": "1h"}
WEATHER = ToolSchema(
    name="weather",
    description="The weather.",
    parameters={"type": "object", "properties": {"city": {"type": "string"}}},
)
CLOCK = ToolSchema(name="clock", description="The time.")
TALK = [Msg.system("S"), Msg.user("a"), Msg.assistant("b"), Msg.user("c")]


def build(*messages: Msg, model: str = MODEL, **more: Any) -> Request:
    settings = {k: more.pop(k) for k in ("policy", "host", "api_version", "quirks") if k in more}
    return AnthropicChatFormatter(**settings).build_request(model, messages or TALK, **more)


def with_options(**options: Any) -> Request:
    model = options.pop("model", MODEL)
    tools = options.pop("tools", None)
    return build(model=model, tools=tools, options=GenerateOptions(**options))


def codes(request: Request) -> list[str]:
    return [each.code for each in request.findings]


# ---------------------------------------------------------------- the body


def test_the_least_request() -> None:
    request = build()
    assert request.body == {
        "model": MODEL,
        "max_tokens": 4096,
        "system": [{"type": "text", "text": "S"}],
        "messages": [
            {"role": "user", "content": [{"type": "text", "text": "a"}]},
            {"role": "assistant", "content": [{"type": "text", "text": "b"}]},
            {"role": "user", "content": [{"type": "text", "text": "c"}]},
        ],
        "stream": False,
    }
    assert request.path == "/v1/messages"
    assert request.headers["anthropic-version"] == "2023-06-01"
    assert request.url("https://api.minimax.io/anthropic") == (
        "https://api.minimax.io/anthropic/v1/messages"
    )


def test_all_system_messages_of_the_head_are_blocks_of_one_list() -> None:
    body = build(Msg.system("a"), Msg.system(["b", "c"]), Msg.user("x")).body
    assert [block["text"] for block in body["system"]] == ["a", "b", "c"]
    assert "system" not in build(Msg.user("x")).body


def test_the_default_limit_is_named() -> None:
    assert codes(build()) == ["default-max-tokens"]
    assert codes(with_options(max_tokens=5)) == []
    assert with_options(max_tokens=5).body["max_tokens"] == 5
    assert with_options(max_completion_tokens=6).body["max_tokens"] == 6
    assert codes(with_options(max_tokens=5, max_completion_tokens=6)) == ["option-not-sent"]
    extra = with_options(additional_body_params={"max_tokens": 7})
    assert (extra.body["max_tokens"], codes(extra)) == (7, [])


def test_tools_have_an_input_schema_of_an_object() -> None:
    strict = CLOCK.model_copy(update={"strict": True})
    assert build(tools=[WEATHER, strict]).body["tools"] == [
        {
            "name": "weather",
            "description": "The weather.",
            "input_schema": {"type": "object", "properties": {"city": {"type": "string"}}},
        },
        {
            "name": "clock",
            "description": "The time.",
            "input_schema": {"type": "object"},
            "strict": True,
        },
    ]


@pytest.mark.parametrize(
    ("choice", "sent"),
    [
        ("auto", {"type": "auto"}),
        ("none", {"type": "none"}),
        ("required", {"type": "any"}),
        (ToolChoice.specific("weather"), {"type": "tool", "name": "weather"}),
    ],
)
def test_tool_choices(choice: Any, sent: dict[str, Any]) -> None:
    assert build(tools=[WEATHER], tool_choice=choice).body["tool_choice"] == sent
    lone = build(tools=[WEATHER], tool_choice=choice, options=GenerateOptions(max_tokens=1))
    assert lone.findings == ()
    one = GenerateOptions(parallel_tool_calls=False)
    alone = build(tools=[WEATHER], tool_choice=choice, options=one).body["tool_choice"]
    more = {} if choice == "none" else {"disable_parallel_tool_use": True}
    assert alone == {**sent, **more}


def test_one_call_at_a_time_needs_no_choice_and_no_choice_needs_tools() -> None:
    sent = with_options(parallel_tool_calls=False, tools=[WEATHER]).body["tool_choice"]
    assert sent == {"type": "auto", "disable_parallel_tool_use": True}
    assert "tool_choice" not in build(tools=[WEATHER]).body
    lone = build(tool_choice="required")
    assert "tool_choice" not in lone.body
    assert "option-not-sent" in codes(lone)


@pytest.mark.parametrize(
    ("options", "model", "sent"),
    [
        (
            {"enable_thinking": True, "thinking_budget": 2000},
            MODEL,
            {"type": "enabled", "budget_tokens": 2000},
        ),
        ({"thinking_budget": 2000}, MODEL, {"type": "enabled", "budget_tokens": 2000}),
        ({"enable_thinking": True}, MODEL, {"type": "enabled", "budget_tokens": 1024}),
        ({"enable_thinking": True}, "claude-opus-5-5", {"type": "adaptive"}),
        ({"thinking_budget": 2000}, "claude-opus-4-8", {"type": "adaptive"}),
        ({"enable_thinking": False, "thinking_budget": 9}, MODEL, {"type": "disabled"}),
    ],
)
def test_thinking(options: dict[str, Any], model: str, sent: dict[str, Any]) -> None:
    assert with_options(model=model, **options).body["thinking"] == sent


def test_a_thinking_budget_is_added_to_the_default_limit() -> None:
    assert with_options(thinking_budget=2000).body["max_tokens"] == 6096
    assert codes(with_options(thinking_budget=2000, max_tokens=2001)) == []
    assert codes(with_options(thinking_budget=2000, max_tokens=2000)) == ["out-of-range"]


def test_effort_and_a_schema_go_into_output_config() -> None:
    form = ResponseFormat.schema_of("r", {"type": "object"})
    request = with_options(reasoning_effort="low", response_format=form, max_tokens=1)
    assert request.body["output_config"] == {
        "effort": "low",
        "format": {"type": "json_schema", "schema": {"type": "object"}},
    }
    assert request.findings == ()
    lone = with_options(response_format=ResponseFormat.json_object(), max_tokens=1)
    assert codes(lone) == ["option-not-sent"]
    assert "output_config" not in lone.body


def test_options_without_a_place_are_named() -> None:
    request = with_options(
        seed=1, frequency_penalty=0.1, presence_penalty=0.1, enable_search=True, max_tokens=1
    )
    assert {each.path for each in request.findings} == {
        "options.seed",
        "options.frequency_penalty",
        "options.presence_penalty",
        "options.enable_search",
    }
    assert not {"seed", "frequency_penalty", "enable_search"} & request.body.keys()


def test_a_session_id_has_no_field_and_is_named() -> None:
    assert codes(with_options(session_id="s", max_tokens=1)) == ["session-not-sent"]


def test_additional_parameters_stand_on_top() -> None:
    extra = {"stop_sequences": ["x"], "metadata": {"user_id": "u"}, "beta": 1}
    body = with_options(additional_body_params=extra).body
    assert {name: body[name] for name in extra} == extra
    assert body["metadata"] is not extra["metadata"]


# ---------------------------------------------------------------- versions


def test_sampling_options_are_sent_in_the_older_version() -> None:
    body = with_options(temperature=0.5, top_p=0.9, top_k=3).body
    assert (body["temperature"], body["top_p"], body["top_k"]) == (0.5, 0.9, 3)


@pytest.mark.parametrize("name", ["temperature", "top_p", "top_k"])
@pytest.mark.parametrize("inside", [False, True])
def test_sampling_options_are_refused_in_the_later_one(name: str, inside: bool) -> None:
    given = {"additional_body_params": {name: 1}} if inside else {name: 1}
    with pytest.raises(OptionError) as caught:
        build(api_version="2026-10-21", options=GenerateOptions.from_dict(given))
    assert caught.value.path.removeprefix("options.").split(".")[-1] == name
    assert "2023-06-01" in caught.value.advice


def test_the_version_is_a_header_and_an_unknown_one_is_refused() -> None:
    request = build(api_version="2026-10-21")
    assert request.headers["anthropic-version"] == "2026-10-21"
    with pytest.raises(OptionError, match="2026-10-21"):
        build(api_version="2024-01-01")


# ---------------------------------------------------------------- marks


def calls(*ids: str) -> Msg:
    return Msg.assistant([ToolUseBlock(each, "weather", {}) for each in ids])


def results(*ids: str) -> Msg:
    return Msg.tool([ToolResultBlock(each, "weather", "8") for each in ids])


def test_marks_stand_on_tools_system_and_messages_and_the_plan_says_where() -> None:
    request = build(
        Msg.system("S"),
        Msg.system("T").with_cache_control("1h"),
        Msg.user("a"),
        calls("c1", "c2"),
        results("c1", "c2").with_cache_control(),
        tools=[WEATHER.model_copy(update={"cache_control": "1h"}), CLOCK],
        validate=True,
    )
    assert request.plan.placed == (
        ("tools[0]", HOUR),
        ("system[1]", HOUR),
        ("messages[2].content[1]", MARK),
    )
    body = request.body
    assert body["tools"][0]["cache_control"] == HOUR
    assert body["system"][1]["cache_control"] == HOUR
    assert body["messages"][2]["content"][1]["cache_control"] == MARK


def test_a_plan_of_format_counts_system_messages() -> None:
    plan = AnthropicChatFormatter().explain([Msg.system("S").with_cache_control(), Msg.user("a")])
    assert plan.placed == (("messages[0].content[0]", MARK),)


def test_a_wish_inside_a_result_stands_on_the_result() -> None:
    inner = TextBlock("8", cache_control=True)
    request = build(Msg.user("a"), calls("c1"), Msg.tool(ToolResultBlock("c1", "w", [inner])))
    (result,) = request.body["messages"][2]["content"]
    assert result["cache_control"] == MARK
    assert result["content"] == [{"type": "text", "text": "8"}]


def test_a_wish_on_thinking_moves_to_a_block_that_can_carry_it() -> None:
    thought = ThinkingBlock("t", metadata={"signature": "s"}, cache_control=True)
    request = build(Msg.user("a"), Msg.assistant([thought, "b"]), Msg.user("c"))
    assert request.plan.placed == (("messages[0].content[0]", MARK),)
    assert [each.decision for each in request.plan.decisions] == ["moved"]


def test_a_call_may_carry_the_mark_of_its_turn() -> None:
    request = build(
        Msg.user("a"),
        Msg.assistant(["b", ToolUseBlock("c1", "w", {})]).with_cache_control(),
        results("c1"),
    )
    assert request.plan.placed == (("messages[1].content[1]", MARK),)


def test_wishes_of_joined_messages_stay_apart() -> None:
    request = build(Msg.user("a").with_cache_control(), Msg.user("b"), Msg.user("c"))
    (turn,) = request.body["messages"]
    assert ["cache_control" in part for part in turn["content"]] == [True, False, False]
    assert request.plan.decisions[0].slot.part in (0, None)
    assert request.plan.placed == (("messages[0].content[0]", MARK),)


def test_a_veto_of_a_joined_message_forbids_only_its_own_end() -> None:
    messages = [Msg.user("a"), Msg.user("b").with_cache_control(False)]
    request = build(*messages, policy="rolling")
    assert request.plan.placed == (("messages[0].content[0]", MARK),)


def test_an_empty_message_passes_its_wish_to_the_one_before() -> None:
    request = build(Msg.user("a"), Msg.user("").with_cache_control())
    assert request.plan.placed == (("messages[0].content[0]", MARK),)
    assert request.plan.decisions[0].decision == "moved"


def test_reordered_results_keep_their_wishes() -> None:
    request = build(
        Msg.user("a"),
        calls("c1"),
        Msg.user("b"),
        results("c1").with_cache_control("1h"),
        Msg.user("d").with_metadata({"_cache_dynamic": True}),
        policy="rolling",
    )
    turn = request.body["messages"][2]["content"]
    assert [part["type"] for part in turn] == ["tool_result", "text", "text"]
    assert turn[0]["cache_control"] == HOUR
    assert "cache_control" not in turn[2]


@pytest.mark.parametrize(
    ("host", "model", "placed"),
    [
        ("https://api.anthropic.com", MODEL, ["system[0]", "messages[2].content[0]"]),
        ("dashscope.aliyuncs.com", "qwen-plus", ["system[0]", "messages[2].content[0]"]),
        ("api.minimax.io", "MiniMax-M2.7", ["system[0]", "messages[2].content[0]"]),
        ("api.moonshot.ai", "kimi-k3", ["(request)"]),
    ],
)
def test_services_differ_by_their_rules_alone(host: str, model: str, placed: list[str]) -> None:
    options = GenerateOptions(cache_control=True)
    request = build(model=model, host=host, options=options, validate=False)
    assert [where for where, _ in request.plan.placed] == placed
    assert request.body.get("cache_control") == (MARK if placed == ["(request)"] else None)


def test_marks_of_agentscope_java_have_no_meaning_here() -> None:
    request = build(quirks=Quirks.JAVA, options=GenerateOptions(cache_control=True))
    assert not any("cache_control" in message for message in request.body["messages"])
    assert [where for where, _ in request.plan.placed] == ["system[0]", "messages[2].content[0]"]


def test_marks_are_added_to_formatted_messages() -> None:
    formatter = AnthropicChatFormatter()
    wire = formatter.format(TALK)
    marked = formatter.apply_cache_control(wire, model=MODEL)
    assert [
        index for index, message in enumerate(marked) if "cache_control" in message["content"][-1]
    ] == [0, 3]
    assert formatter.format(TALK) == wire


def test_a_request_without_messages_is_invalid() -> None:
    with pytest.raises(BodyInvalid) as caught:
        build(Msg.system("S"), validate=True)
    assert caught.value.path == "messages"


def test_a_body_can_be_built_step_by_step() -> None:
    formatter = AnthropicChatFormatter()
    body = formatter.start_body(MODEL, formatter.format(TALK))
    assert formatter.apply_tools(body, []) == body
    assert formatter.apply_tool_choice(body, "auto") == body
    body = formatter.apply_tool_choice(formatter.apply_tools(body, [CLOCK]), None)
    whole = formatter.apply_options(
        body, GenerateOptions(top_k=2), GenerateOptions(max_tokens=9, stream=True)
    )
    assert list(whole) == [
        "model",
        "max_tokens",
        "system",
        "messages",
        "tools",
        "tool_choice",
        "top_k",
        "stream",
    ]
    assert (whole["max_tokens"], whole["tool_choice"]) == (9, {"type": "auto"})
