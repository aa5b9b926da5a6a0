"""OpenAI's chat request: facts of agentscope-java at c2d43f86 (2026-08-22), sections 2, 9 to 12."""

from __future__ import annotations

import json
from typing import Any

import pytest

from wiremark import (
    GenerateOptions,
    Msg,
    OpenAIChatFormatter,
    OpenAIMultiAgentFormatter,
    Quirks,
    ToolSchema,
)
from wiremark.errors import BodyInvalid, OptionError

JAVA = OpenAIChatFormatter(quirks=Quirks.JAVA)
DEFAULT = OpenAIChatFormatter()
BOTH = pytest.mark.parametrize("formatter", [JAVA, DEFAULT], ids=["java", "default"])

HI = [Msg.user("hi")]
TOOL = {"name": "f", "description": "d", "parameters": {"type": "object", "properties": {}}}
SENT_TOOL = {"type": "function", "function": TOOL}
EPHEMERAL = {"type": "ephemeral"}


def hash_map_order(keys: list[str]) -> list[str]:
    """Return keys in the order of a copied JDK 17 hash map, by the formula of the facts."""
    size = 1
    while size < int(len(keys) / 0.75 + 1):
        size *= 2

    def slot(key: str) -> int:
        value = 0
        for unit in key:
            value = (31 * value + ord(unit)) % 2**32
        return (value ^ value >> 16) % size

    return sorted(keys, key=slot)


KEYS = ["zeta", "alpha", "mid", "_cache_control", "type", "properties", "required"]


def fields(formatter: OpenAIChatFormatter = DEFAULT, **given: Any) -> dict[str, Any]:
    """Return the fields of a request beside model, messages and stream."""
    for name in ("options", "defaults"):
        if isinstance(given.get(name), dict):
            given[name] = GenerateOptions.from_dict(given[name])
    made = dict(formatter.build_request("gpt-4o", HI, **given).body)
    assert list(made)[:3] == ["model", "messages", "stream"]
    return {key: value for key, value in made.items() if key not in ("model", "messages", "stream")}


# ---------------------------------------------------------------- the body


@BOTH
def test_a_plain_request(formatter: OpenAIChatFormatter) -> None:
    body = {"model": "gpt-4o", "messages": [{"role": "user", "content": "hi"}], "stream": False}
    request = formatter.build_request("gpt-4o", HI)
    assert request.to_json() == json.dumps(body, separators=(",", ":"))
    assert request.path == "/v1/chat/completions"
    assert request.headers == {"Content-Type": "application/json"}


@BOTH
def test_fields_are_in_order(formatter: OpenAIChatFormatter) -> None:
    options = {
        "parallel_tool_calls": True,
        "thinking_budget": 1,
        "reasoning_effort": "high",
        "response_format": {"type": "json_object"},
        "seed": 1,
        "presence_penalty": 0.1,
        "frequency_penalty": 0.1,
        "max_completion_tokens": 2,
        "max_tokens": 1,
        "top_p": 1,
        "temperature": 1,
        "additional_body_params": {"custom": 1, "stop": ["a"]},
    }
    made = fields(formatter, options=options, tools=[TOOL], tool_choice="auto", stream=True)
    assert list(made) == [
        "stream_options",
        "temperature",
        "top_p",
        "max_tokens",
        "max_completion_tokens",
        "frequency_penalty",
        "presence_penalty",
        "stop",
        "seed",
        "tools",
        "tool_choice",
        "response_format",
        "reasoning_effort",
        "thinking_budget",
        "parallel_tool_calls",
        "custom",
    ]


# ---------------------------------------------------------------- options


@BOTH
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("temperature", 0),
        ("temperature", 1.5),
        ("top_p", 0),
        ("max_tokens", 0),
        ("max_completion_tokens", 0),
        ("frequency_penalty", 0),
        ("presence_penalty", -0.25),
        ("thinking_budget", 0),
        ("thinking_budget", 300),
        ("reasoning_effort", "low"),
        ("reasoning_effort", "anything"),
        ("reasoning_effort", ""),
        ("seed", 0),
        ("parallel_tool_calls", False),
        ("response_format", {"type": "json_object"}),
    ],
)
def test_options_keep_their_names_and_zero_values_are_sent(
    formatter: OpenAIChatFormatter, name: str, value: Any
) -> None:
    assert fields(formatter, options={name: value}) == {name: value}


@BOTH
def test_both_token_limits_may_be_sent(formatter: OpenAIChatFormatter) -> None:
    made = fields(formatter, options={"max_tokens": 1, "max_completion_tokens": 2})
    assert made == {"max_tokens": 1, "max_completion_tokens": 2}


@BOTH
def test_top_k_is_not_sent_but_named(formatter: OpenAIChatFormatter) -> None:
    request = formatter.build_request("gpt-4o", HI, options=GenerateOptions(top_k=20))
    assert "top_k" not in request.body
    assert [finding.path for finding in request.findings] == ["options.top_k"]


@BOTH
def test_response_format_keys_are_in_order(formatter: OpenAIChatFormatter) -> None:
    given = {"type": "json_schema", "json_schema": {"name": "n", "schema": {"b": 1, "a": 2}}}
    made = fields(formatter, options={"response_format": given})["response_format"]
    assert json.dumps(made) == json.dumps(given)


@BOTH
def test_whole_doubles_are_written_with_a_fraction(formatter: OpenAIChatFormatter) -> None:
    options = GenerateOptions(temperature=1, top_p=0)
    text = formatter.build_request("gpt-4o", HI, options=options).to_json()
    assert text.endswith('"temperature":1.0,"top_p":0.0}')


def test_numbers_are_javas_or_the_shortest() -> None:
    options = GenerateOptions(temperature=1e-5)
    assert JAVA.build_request("m", HI, options=options).to_json().endswith(":1.0E-5}")
    assert DEFAULT.build_request("m", HI, options=options).to_json().endswith(":1e-05}")


@pytest.mark.parametrize(("seed", "java"), [(2147483648, -2147483648), (9007199254740993, 1)])
def test_a_seed_beyond_32_bits_is_cut_in_java_and_refused_otherwise(seed: int, java: int) -> None:
    assert fields(JAVA, options={"seed": seed}) == {"seed": java}
    with pytest.raises(OptionError, match="seed"):
        fields(DEFAULT, options={"seed": seed})


@BOTH
def test_defaults_fill_unset_options_field_by_field(formatter: OpenAIChatFormatter) -> None:
    made = fields(
        formatter,
        options={"temperature": 0, "additional_body_params": {"o": 2}},
        defaults={"temperature": 1, "max_tokens": 9, "additional_body_params": {"d": 1, "o": 3}},
    )
    assert made == {"temperature": 0, "max_tokens": 9, "d": 1, "o": 2}


@BOTH
@pytest.mark.parametrize(
    ("given", "sent"),
    [
        ({"stop": ["a", "b"]}, {"stop": ["a", "b"]}),
        ({"stop": []}, {"stop": []}),
        ({"stop": "END"}, {}),
        ({"stop": None}, {}),
        ({"response_format": {"type": "text"}}, {"response_format": {"type": "text"}}),
        ({"response_format": "text"}, {}),
        ({"custom": [1, {"k": "v"}]}, {"custom": [1, {"k": "v"}]}),
        ({"enable_thinking": False}, {"enable_thinking": False}),
        ({"n": 3}, {"n": 3}),
        ({"tools": []}, {"tools": []}),
    ],
)
def test_additional_body_parameters_become_top_level_fields(
    formatter: OpenAIChatFormatter, given: dict[str, Any], sent: dict[str, Any]
) -> None:
    assert fields(formatter, options={"additional_body_params": given}) == sent


def test_a_repeated_field_is_written_twice_in_java_and_once_otherwise() -> None:
    options = GenerateOptions(temperature=0.4, additional_body_params={"temperature": 0.9, "x": 1})
    java = JAVA.build_request("gpt-4o", HI, options=options)
    assert java.to_json().count('"temperature"') == 2
    assert '"temperature":0.4,' in java.to_json()
    default = DEFAULT.build_request("gpt-4o", HI, options=options)
    assert default.to_json().count('"temperature"') == 1
    assert default.body["temperature"] == java.body["temperature"] == 0.9


def test_extra_parameters_are_in_hash_order_for_java() -> None:
    options = {"additional_body_params": dict.fromkeys(KEYS, 1)}
    assert list(fields(JAVA, options=options)) == hash_map_order(KEYS) != KEYS
    assert list(fields(DEFAULT, options=options)) == KEYS


def test_extra_parameters_of_one_slot_keep_the_order_of_the_map_they_were_put_into() -> None:
    # Recorded (wire/body-params-override): given as temperature, seed, sent as seed, temperature.
    # Both fall into one of the 4 slots of a copied map of two, but not of the 16 of a new one.
    given = {"temperature": 0.9, "seed": 3}
    assert list(fields(JAVA, options={"additional_body_params": given})) == ["seed", "temperature"]
    assert list(fields(DEFAULT, options={"additional_body_params": given})) == list(given)


# ---------------------------------------------------------------- tools


@BOTH
@pytest.mark.parametrize(
    ("strict", "more"), [(None, {}), (True, {"strict": True}), (False, {"strict": False})]
)
def test_strict_is_sent_when_set(
    formatter: OpenAIChatFormatter, strict: bool | None, more: dict[str, Any]
) -> None:
    made = fields(formatter, tools=[{**TOOL, "strict": strict}])
    assert json.dumps(made) == json.dumps(
        {"tools": [{"type": "function", "function": {**TOOL, **more}}]}
    )


@BOTH
@pytest.mark.parametrize("tools", [None, []])
def test_without_tools_nothing_is_sent(formatter: OpenAIChatFormatter, tools: Any) -> None:
    for choice in (None, "auto", "none", "required", {"specific": "f"}):
        assert fields(formatter, tools=tools, tool_choice=choice) == {}


@BOTH
@pytest.mark.parametrize("given", [{}, {"parameters": None}, {"parameters": {}}])
def test_null_parameters_of_a_tool_are_an_empty_object(
    formatter: OpenAIChatFormatter, given: dict[str, Any]
) -> None:
    (tool,) = fields(formatter, tools=[{"name": "", "description": "", **given}])["tools"]
    assert tool["function"] == {"name": "", "description": "", "parameters": {}}


def test_null_values_inside_parameters_are_kept() -> None:
    tool = ToolSchema(name="f", description="d", parameters={"a": None})
    for formatter in (JAVA, DEFAULT):
        (made,) = fields(formatter, tools=[tool])["tools"]
        assert made["function"]["parameters"] == {"a": None}


# ---------------------------------------------------------------- tool choice


@BOTH
@pytest.mark.parametrize(
    ("choice", "sent"),
    [
        ("auto", "auto"),
        ("none", "none"),
        ("required", "required"),
        ({"specific": "f"}, {"function": {"name": "f"}, "type": "function"}),
        ({"specific": "unknown"}, {"function": {"name": "unknown"}, "type": "function"}),
    ],
)
def test_tool_choice_is_sent_with_tools(
    formatter: OpenAIChatFormatter, choice: Any, sent: Any
) -> None:
    for given in ({"tool_choice": choice}, {"options": {"tool_choice": choice}}):
        made = fields(formatter, tools=[TOOL], **given)
        assert json.dumps(made["tool_choice"]) == json.dumps(sent)


@BOTH
def test_a_null_choice_is_absent_in_a_request_and_auto_when_applied(
    formatter: OpenAIChatFormatter,
) -> None:
    assert "tool_choice" not in fields(formatter, tools=[TOOL])
    body = formatter.apply_tools(formatter.start_body("m", []), [TOOL])
    assert formatter.apply_tool_choice(body, None)["tool_choice"] == "auto"
    bare = formatter.start_body("m", [])
    assert formatter.apply_tool_choice(bare, "required") == bare


# ---------------------------------------------------------------- transport


@BOTH
def test_streaming_asks_for_usage(formatter: OpenAIChatFormatter) -> None:
    made = formatter.build_request("gpt-4o", HI, stream=True)
    assert made.body["stream"] is True
    assert made.body["stream_options"] == {"include_usage": True}
    assert list(made.body) == ["model", "messages", "stream", "stream_options"]


@BOTH
def test_model_and_stream_of_the_options_win(formatter: OpenAIChatFormatter) -> None:
    options = GenerateOptions(model_name="other", stream=True)
    made = formatter.build_request("gpt-4o", HI, options=options)
    assert made.body["model"] == "other"
    assert made.body["stream"] is True
    made = formatter.build_request("gpt-4o", HI, stream=True, options=GenerateOptions(stream=False))
    assert made.body["stream"] is False
    assert "stream_options" not in made.body


@BOTH
@pytest.mark.parametrize(
    ("base", "url"),
    [
        ("https://api.openai.com", "https://api.openai.com/v1/chat/completions"),
        ("https://h/v1", "https://h/v1/chat/completions"),
        ("https://h/api/v4", "https://h/api/v4/chat/completions"),
        ("https://h/compatible-mode/v1", "https://h/compatible-mode/v1/chat/completions"),
        ("https://h/v12", "https://h/v12/chat/completions"),
        ("https://h/api", "https://h/api/v1/chat/completions"),
        ("https://h/v1beta", "https://h/v1beta/v1/chat/completions"),
        ("https://h/dev1", "https://h/dev1/v1/chat/completions"),
    ],
)
def test_version_is_not_repeated_behind_a_base_that_has_one(
    formatter: OpenAIChatFormatter, base: str, url: str
) -> None:
    assert formatter.build_request("m", HI).url(base) == url


@BOTH
def test_an_endpoint_path_replaces_the_path_behind_the_version(
    formatter: OpenAIChatFormatter,
) -> None:
    options = GenerateOptions(endpoint_path="/custom/path")
    request = formatter.build_request("m", HI, options=options)
    assert request.url("https://h") == "https://h/v1/custom/path"


@BOTH
def test_query_is_form_encoded_and_headers_override(formatter: OpenAIChatFormatter) -> None:
    options = GenerateOptions(
        additional_headers={"Content-Type": "text/x", "X": "y"},
        additional_query_params={"a b": "c&d"},
    )
    request = formatter.build_request("m", HI, options=options)
    assert request.headers == {"Content-Type": "text/x", "X": "y"}
    assert request.url("https://h") == "https://h/v1/chat/completions?a+b=c%26d"


# ---------------------------------------------------------------- marks


TALK = [Msg.system("s"), Msg.user("a"), Msg.user("b")]


def test_cache_control_option_marks_the_system_message_and_the_last() -> None:
    options = GenerateOptions(cache_control=True)
    made = JAVA.build_request("gpt-4o", TALK, options=options).messages
    assert [message.get("cache_control") for message in made] == [EPHEMERAL, None, EPHEMERAL]
    qwen = OpenAIChatFormatter(host="dashscope.aliyuncs.com")
    made = qwen.build_request("qwen-plus", TALK, options=options).messages
    assert [isinstance(message["content"], list) for message in made] == [True, False, True]
    assert made[2]["content"][0]["cache_control"] == EPHEMERAL


def test_marks_follow_the_model_of_the_options() -> None:
    formatter = OpenAIChatFormatter(host="api.openai.com")
    options = GenerateOptions(cache_control=True, model_name="gpt-4o")
    made = formatter.build_request("gpt-5.6", TALK, options=options)
    assert all(isinstance(message["content"], str) for message in made.messages)


# ---------------------------------------------------------------- applying and validating


@BOTH
def test_apply_methods_leave_the_body_alone(formatter: OpenAIChatFormatter) -> None:
    body = formatter.start_body("m", [{"role": "user", "content": "hi"}])
    before = json.dumps(body)
    formatter.apply_options(body, GenerateOptions(temperature=1))
    formatter.apply_tools(body, [TOOL])
    formatter.apply_tool_choice(body, "auto")
    assert json.dumps(body) == before


@BOTH
def test_multi_agent_requests_have_the_same_frame(formatter: OpenAIChatFormatter) -> None:
    made = OpenAIMultiAgentFormatter(quirks=formatter.quirks).build_request(
        "gpt-4o", HI, tools=[TOOL], tool_choice="none", options=GenerateOptions(seed=1)
    )
    assert made.body["tools"] == [SENT_TOOL]
    assert made.body["tool_choice"] == "none"
    assert made.body["seed"] == 1
    assert "<history>" in made.messages[0]["content"][0]["text"]


def test_validation_names_what_the_provider_would_reject() -> None:
    options = GenerateOptions(additional_body_params={"tools": "not a list"})
    with pytest.raises(BodyInvalid, match="tools"):
        DEFAULT.build_request("gpt-4o", HI, options=options, validate=True)


def test_validation_passes_what_the_formatter_builds() -> None:
    options = GenerateOptions(cache_control="rolling", temperature=0.5)
    request = OpenAIChatFormatter(host="dashscope.aliyuncs.com").build_request(
        "qwen-plus", TALK, tools=[TOOL], options=options, validate=True
    )
    assert not [finding for finding in request.findings if finding.severity == "error"]
