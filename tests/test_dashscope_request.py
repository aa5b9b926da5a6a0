"""DashScope's request: facts of agentscope-java at c2d43f86 (2026-08-22), sections 2, 9 to 12."""

from __future__ import annotations

import json
from typing import Any

import pytest

from wiremark import (
    DashScopeChatFormatter,
    DashScopeMultiAgentFormatter,
    GenerateOptions,
    ImageBlock,
    Msg,
    Quirks,
    ToolSchema,
)
from wiremark.dashscope import endpoint_of
from wiremark.errors import OptionError

JAVA = DashScopeChatFormatter(quirks=Quirks.JAVA)
DEFAULT = DashScopeChatFormatter()
BOTH = pytest.mark.parametrize("formatter", [JAVA, DEFAULT], ids=["java", "default"])

HI = [Msg.user("hi")]
TOOL = {"name": "f", "description": "d", "parameters": {"type": "object", "properties": {}}}
SENT_TOOL = {"type": "function", "function": TOOL}
EPHEMERAL = {"type": "ephemeral"}
TEXT_PATH = "/api/v1/services/aigc/text-generation/generation"
MULTIMODAL_PATH = "/api/v1/services/aigc/multimodal-generation/generation"


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


def parameters(formatter: DashScopeChatFormatter = DEFAULT, **given: Any) -> dict[str, Any]:
    """Return the parameters of a request, what every request has left out."""
    if isinstance(given.get("options"), dict):
        given["options"] = GenerateOptions.from_dict(given["options"])
    if isinstance(given.get("defaults"), dict):
        given["defaults"] = GenerateOptions.from_dict(given["defaults"])
    made = dict(formatter.build_request("qwen-plus", HI, **given).body["parameters"])
    assert made.pop("result_format") == "message"
    made.pop("incremental_output")
    if made.get("tools") == []:
        del made["tools"]
    return made


# ---------------------------------------------------------------- the body


def test_a_plain_request() -> None:
    java = JAVA.build_request("qwen-plus", HI)
    body = {
        "model": "qwen-plus",
        "input": {"messages": [{"role": "user", "content": "hi"}]},
        "parameters": {"result_format": "message", "incremental_output": False, "tools": []},
    }
    assert java.to_json() == json.dumps(body, separators=(",", ":"))
    default = DEFAULT.build_request("qwen-plus", HI)
    assert default.body["parameters"] == {"result_format": "message", "incremental_output": False}
    assert default.messages == body["input"]["messages"]  # type: ignore[index]


@BOTH
def test_parameters_are_in_order(formatter: DashScopeChatFormatter) -> None:
    options = GenerateOptions.from_dict(
        {
            "response_format": {"type": "json_object"},
            "presence_penalty": 0.1,
            "frequency_penalty": 0.1,
            "seed": 1,
            "parallel_tool_calls": True,
            "thinking_budget": 1,
            "enable_search": True,
            "enable_thinking": True,
            "max_tokens": 1,
            "top_k": 1,
            "top_p": 1,
            "temperature": 1,
        }
    )
    made = formatter.build_request(
        "qwen-plus", HI, options=options, tools=[TOOL], tool_choice="auto"
    )
    assert list(made.body["parameters"]) == [
        "result_format",
        "incremental_output",
        "temperature",
        "top_p",
        "top_k",
        "max_tokens",
        "enable_thinking",
        "thinking_budget",
        "enable_search",
        "tools",
        "tool_choice",
        "parallel_tool_calls",
        "seed",
        "frequency_penalty",
        "presence_penalty",
        "response_format",
    ]


# ---------------------------------------------------------------- options


@BOTH
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("temperature", 0.7),
        ("temperature", 0),
        ("temperature", -0.5),
        ("top_p", 1),
        ("top_p", 0),
        ("top_k", 0),
        ("top_k", -1),
        ("max_tokens", 0),
        ("max_tokens", 100),
        ("frequency_penalty", 0),
        ("presence_penalty", -2),
        ("seed", 0),
        ("seed", -1),
        ("seed", 2147483647),
        ("seed", -2147483648),
        ("parallel_tool_calls", False),
        ("parallel_tool_calls", True),
        ("enable_search", True),
        ("enable_search", False),
        ("enable_thinking", False),
        ("response_format", {"type": "json_object"}),
        ("response_format", {"type": "json_schema", "json_schema": {"name": "n", "schema": {}}}),
    ],
)
def test_options_keep_their_names_and_zero_values_are_sent(
    formatter: DashScopeChatFormatter, name: str, value: Any
) -> None:
    assert parameters(formatter, options={name: value}) == {name: value}


@BOTH
@pytest.mark.parametrize("name", ["max_completion_tokens", "model_name", "endpoint_path"])
def test_options_without_a_place_are_not_sent_but_named(
    formatter: DashScopeChatFormatter, name: str
) -> None:
    value = {"max_completion_tokens": 5}.get(name, "/x")
    options = GenerateOptions.from_dict({name: value})
    request = formatter.build_request("qwen-plus", HI, options=options)
    assert request.body == formatter.build_request("qwen-plus", HI).body
    assert [finding.path for finding in request.findings] == [f"options.{name}"]
    assert request.path == TEXT_PATH


@BOTH
def test_reasoning_effort_and_stream_of_the_options_are_ignored(
    formatter: DashScopeChatFormatter,
) -> None:
    options = GenerateOptions(reasoning_effort="high", stream=True)
    request = formatter.build_request("qwen-plus", HI, options=options)
    assert request.body == formatter.build_request("qwen-plus", HI).body
    assert "X-DashScope-SSE" not in request.headers


@BOTH
def test_whole_doubles_are_written_with_a_fraction(formatter: DashScopeChatFormatter) -> None:
    options = GenerateOptions(temperature=1, top_p=0, frequency_penalty=2, presence_penalty=-1)
    text = formatter.build_request("qwen-plus", HI, options=options).to_json()
    assert '"temperature":1.0,"top_p":0.0' in text
    assert '"frequency_penalty":2.0,"presence_penalty":-1.0' in text


@pytest.mark.parametrize(
    ("seed", "java"),
    [(2147483648, -2147483648), (9007199254740993, 1), (-2147483649, 2147483647), (2**32, 0)],
)
def test_a_seed_beyond_32_bits_is_cut_in_java_and_refused_otherwise(seed: int, java: int) -> None:
    assert parameters(JAVA, options={"seed": seed}) == {"seed": java}
    with pytest.raises(OptionError, match="seed"):
        parameters(DEFAULT, options={"seed": seed})


@BOTH
@pytest.mark.parametrize("budget", [0, 300])
def test_a_budget_turns_thinking_on(formatter: DashScopeChatFormatter, budget: int) -> None:
    body = formatter.start_body("qwen-plus", [])
    made = formatter.apply_options(body, GenerateOptions(thinking_budget=budget))["parameters"]
    assert made["enable_thinking"] is True
    assert made["thinking_budget"] == budget
    options = {"thinking_budget": budget, "enable_thinking": True}
    assert parameters(formatter, options=options) == {
        "enable_thinking": True,
        "thinking_budget": budget,
    }


@BOTH
@pytest.mark.parametrize("thinking", [None, False])
def test_a_budget_without_thinking_is_an_error(
    formatter: DashScopeChatFormatter, thinking: bool | None
) -> None:
    options = GenerateOptions(thinking_budget=1, enable_thinking=thinking)
    with pytest.raises(OptionError, match="thinking_budget"):
        formatter.build_request("qwen-plus", HI, options=options)
    with pytest.raises(OptionError, match="thinking_budget"):
        formatter.build_request(
            "qwen-plus", HI, defaults=GenerateOptions(thinking_budget=1, enable_thinking=thinking)
        )


@BOTH
def test_defaults_fill_unset_options_field_by_field(formatter: DashScopeChatFormatter) -> None:
    made = parameters(
        formatter,
        options={"temperature": 0, "additional_body_params": {"o": 2}},
        defaults={"temperature": 1, "max_tokens": 9, "additional_body_params": {"d": 1, "o": 3}},
    )
    assert made == {"temperature": 0, "max_tokens": 9, "d": 1, "o": 2}


@BOTH
def test_additional_body_parameters_go_into_parameters_and_override_in_place(
    formatter: DashScopeChatFormatter,
) -> None:
    options = {
        "temperature": 0.4,
        "additional_body_params": {"temperature": 0.9, "custom": [1, {"k": "v"}], "stop": "END"},
    }
    made = parameters(formatter, options=options)
    assert made == {"temperature": 0.9, "custom": [1, {"k": "v"}], "stop": "END"}
    assert next(iter(made)) == "temperature"


def test_additional_body_parameters_are_in_hash_order_for_java() -> None:
    # Inferred: the options keep them in the hash map whose order the OpenAI requests show.
    options = {"additional_body_params": dict.fromkeys(KEYS, 1)}
    assert list(parameters(JAVA, options=options)) == hash_map_order(KEYS) != KEYS
    assert list(parameters(DEFAULT, options=options)) == KEYS


@BOTH
def test_additional_body_parameters_stay_out_of_the_formatters_body(
    formatter: DashScopeChatFormatter,
) -> None:
    body = formatter.start_body("qwen-plus", [])
    made = formatter.apply_options(body, GenerateOptions(additional_body_params={"x": 1}))
    assert made == body


# ---------------------------------------------------------------- tools


def test_no_tools_are_an_empty_list_in_java_and_absent_otherwise() -> None:
    none: list[ToolSchema] = []
    for tools in (None, none):
        assert JAVA.build_request("qwen-plus", HI, tools=tools).body["parameters"]["tools"] == []
        assert "tools" not in DEFAULT.build_request("qwen-plus", HI, tools=tools).body["parameters"]


@BOTH
@pytest.mark.parametrize("strict", [None, True, False])
def test_tools_are_sent_without_strict(
    formatter: DashScopeChatFormatter, strict: bool | None
) -> None:
    made = parameters(formatter, tools=[{**TOOL, "strict": strict}])
    assert json.dumps(made["tools"]) == json.dumps([SENT_TOOL])


@BOTH
@pytest.mark.parametrize("given", [{}, {"parameters": None}, {"parameters": {}}])
def test_null_parameters_of_a_tool_are_an_empty_object(
    formatter: DashScopeChatFormatter, given: dict[str, Any]
) -> None:
    (tool,) = parameters(formatter, tools=[{"name": "", "description": "", **given}])["tools"]
    assert tool["function"] == {"name": "", "description": "", "parameters": {}}


def test_top_level_of_parameters_is_in_hash_order_for_java() -> None:
    given = {key: {"y": 1, "x": 2} for key in KEYS}
    tool = ToolSchema(name="f", description="d", parameters=given)
    java = parameters(JAVA, tools=[tool])["tools"][0]["function"]["parameters"]
    assert list(java) == hash_map_order(KEYS) != KEYS
    assert list(java["zeta"]) == ["y", "x"]
    default = parameters(DEFAULT, tools=[tool])["tools"][0]["function"]["parameters"]
    assert list(default) == KEYS


# ---------------------------------------------------------------- tool choice


@BOTH
@pytest.mark.parametrize("tools", [None, [TOOL]])
@pytest.mark.parametrize(
    ("choice", "sent"),
    [
        ("auto", "auto"),
        ("none", "none"),
        ("required", "auto"),
        ({"specific": "f"}, {"function": {"name": "f"}, "type": "function"}),
        ({"specific": "unknown"}, {"function": {"name": "unknown"}, "type": "function"}),
    ],
)
def test_tool_choice_is_sent_with_and_without_tools(
    formatter: DashScopeChatFormatter, tools: Any, choice: Any, sent: Any
) -> None:
    for given in ({"tool_choice": choice}, {"options": {"tool_choice": choice}}):
        made = parameters(formatter, tools=tools, **given)
        assert json.dumps(made["tool_choice"]) == json.dumps(sent)


@BOTH
def test_no_tool_choice_is_absent(formatter: DashScopeChatFormatter) -> None:
    assert "tool_choice" not in parameters(formatter, tools=[TOOL])
    body = formatter.start_body("qwen-plus", [])
    assert formatter.apply_tool_choice(body, None) == body


def test_a_weakened_choice_is_named() -> None:
    request = DEFAULT.build_request("qwen-plus", HI, tools=[TOOL], tool_choice="required")
    assert [finding.code for finding in request.findings] == ["tool-choice-weakened"]


@BOTH
def test_with_thinking_a_specific_choice_becomes_auto(formatter: DashScopeChatFormatter) -> None:
    for thinking, sent in (
        (True, "auto"),
        (False, {"function": {"name": "f"}, "type": "function"}),
    ):
        made = parameters(
            formatter,
            tools=[TOOL],
            tool_choice={"specific": "f"},
            options={"enable_thinking": thinking},
        )
        assert made["tool_choice"] == sent


# ---------------------------------------------------------------- endpoint and transport


@pytest.mark.parametrize(
    ("model", "endpoint"),
    [
        ("qwen-plus", "text"),
        ("qwen-turbo", "text"),
        ("qwen3-max", "text"),
        ("qwen3-vl-plus", "multimodal"),
        ("QWEN3-VL-PLUS", "multimodal"),
        ("qvq-max", "multimodal"),
        ("my-qvq", "text"),
        ("qwen3.5-plus", "multimodal"),
        ("Qwen3.5-Plus", "multimodal"),
        ("qwen3.6-plus", "multimodal"),
        ("qwen3.6-max-preview", "text"),
        ("qwen3.6-max", "multimodal"),
        ("qwen3.7-plus", "multimodal"),
        ("qwen3.7-max", "text"),
        ("qwen3.7-max-2026-05-20", "text"),
        ("qwen3.8-max", "multimodal"),
        ("qwen3.8-max-0902", "multimodal"),
        ("qwen3.8-flash", "text"),
        ("qwen3-asr-flash", "multimodal"),
        ("kimi-k2.5", "multimodal"),
        ("kimi/kimi-k2.6", "multimodal"),
        ("kimi-k2.7-code", "text"),
        ("glm-5.1", "text"),
        ("deepseek-v3.2", "text"),
        ("x-vl", "multimodal"),
    ],
)
def test_endpoint_follows_from_the_models_name(model: str, endpoint: str) -> None:
    assert endpoint_of(model) == endpoint
    request = DEFAULT.build_request(model, HI)
    path = MULTIMODAL_PATH if endpoint == "multimodal" else TEXT_PATH
    assert request.path == path
    assert isinstance(request.messages[0]["content"], list) is (endpoint == "multimodal")


@BOTH
def test_the_endpoint_can_be_chosen(formatter: DashScopeChatFormatter) -> None:
    assert formatter.build_request("qwen3-vl-plus", HI, multimodal=False).path == TEXT_PATH
    request = formatter.build_request("qwen-plus", HI, multimodal=True)
    assert request.path == MULTIMODAL_PATH
    assert request.messages[0]["content"] == [{"text": "hi"}]


@BOTH
@pytest.mark.parametrize("stream", [False, True])
def test_streaming_is_said_in_body_and_header(
    formatter: DashScopeChatFormatter, stream: bool
) -> None:
    request = formatter.build_request("qwen-plus", HI, stream=stream)
    assert request.body["parameters"]["incremental_output"] is stream
    assert request.headers.get("X-DashScope-SSE") == ("enable" if stream else None)
    assert "stream_options" not in request.body["parameters"]


@BOTH
def test_thinking_forces_streaming(formatter: DashScopeChatFormatter) -> None:
    request = formatter.build_request(
        "qwen-plus", HI, options=GenerateOptions(enable_thinking=True)
    )
    assert request.body["parameters"]["incremental_output"] is True
    assert request.headers["X-DashScope-SSE"] == "enable"


@BOTH
def test_base_url_may_end_in_a_slash_or_in_the_path_that_the_sdk_takes(
    formatter: DashScopeChatFormatter,
) -> None:
    request = formatter.build_request("qwen-plus", HI)
    assert request.url("https://h") == f"https://h{TEXT_PATH}"
    assert request.url("https://h/") == f"https://h{TEXT_PATH}"
    assert request.url("https://h/api/v1") == f"https://h{TEXT_PATH}"


@BOTH
def test_query_is_form_encoded_and_headers_override(formatter: DashScopeChatFormatter) -> None:
    options = GenerateOptions(
        additional_headers={"Content-Type": "text/x", "X": "y"},
        additional_query_params={"a b": "c&d", "ü": "=+"},
    )
    request = formatter.build_request("qwen-plus", HI, options=options)
    assert request.headers == {"Content-Type": "text/x", "X": "y"}
    assert request.url("https://h") == f"https://h{TEXT_PATH}?a+b=c%26d&%C3%BC=%3D%2B"


# ---------------------------------------------------------------- marks


TALK = [Msg.system("s"), Msg.user("a"), Msg.user("b")]


def test_cache_control_option_marks_the_system_message_and_the_last() -> None:
    options = GenerateOptions(cache_control=True)
    made = JAVA.build_request("qwen-plus", TALK, options=options).messages
    assert [message.get("cache_control") for message in made] == [EPHEMERAL, None, EPHEMERAL]
    request = DEFAULT.build_request("qwen-plus", TALK, options=options)
    assert [message["content"] for message in request.messages] == [
        [{"text": "s", "cache_control": EPHEMERAL}],
        "a",
        [{"text": "b", "cache_control": EPHEMERAL}],
    ]
    assert [decision.decision for decision in request.plan.decisions] == ["placed", "placed"]


@BOTH
def test_cache_control_false_turns_the_formatters_policy_off(
    formatter: DashScopeChatFormatter,
) -> None:
    marking = DashScopeChatFormatter(policy="system_and_last", quirks=formatter.quirks)
    options = GenerateOptions(cache_control=False)
    assert marking.build_request("qwen-plus", TALK, options=options).messages == formatter.format(
        TALK
    )


@BOTH
def test_cache_control_comes_from_the_defaults_too(formatter: DashScopeChatFormatter) -> None:
    marked = formatter.build_request("qwen-plus", TALK, options=GenerateOptions(cache_control=True))
    made = formatter.build_request("qwen-plus", TALK, defaults=GenerateOptions(cache_control=True))
    assert made.body == marked.body


# ---------------------------------------------------------------- applying and validating


@BOTH
def test_apply_methods_leave_the_body_alone(formatter: DashScopeChatFormatter) -> None:
    body = formatter.start_body("qwen-plus", [{"role": "user", "content": "hi"}])
    before = json.dumps(body)
    formatter.apply_options(body, GenerateOptions(temperature=1))
    formatter.apply_tools(body, [TOOL])
    formatter.apply_tool_choice(body, "auto")
    assert json.dumps(body) == before


@BOTH
def test_multi_agent_requests_have_the_same_frame(formatter: DashScopeChatFormatter) -> None:
    made = DashScopeMultiAgentFormatter(quirks=formatter.quirks).build_request(
        "qwen-plus", HI, tools=[TOOL], tool_choice="none", options=GenerateOptions(seed=1)
    )
    chat = formatter.build_request(
        "qwen-plus", HI, tools=[TOOL], tool_choice="none", options=GenerateOptions(seed=1)
    )
    assert made.body["parameters"] == chat.body["parameters"]
    assert "<history>" in made.messages[0]["content"]


def test_validation_passes_what_the_formatter_builds() -> None:
    messages = [Msg.system("s"), Msg.user(["a", ImageBlock("https://ex.org/1.png")])]
    options = GenerateOptions(cache_control="rolling", temperature=0.5)
    request = DEFAULT.build_request(
        "qwen3-vl-plus", messages, tools=[TOOL], options=options, validate=True
    )
    assert not [finding for finding in request.findings if finding.severity == "error"]
