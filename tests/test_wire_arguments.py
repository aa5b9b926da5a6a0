"""What the openai and anthropic SDKs refuse or change of a request, and the calls that send it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from wiremark import (
    AnthropicChatFormatter,
    GenerateOptions,
    Msg,
    OpenAIChatFormatter,
    ResponseFormat,
    TextBlock,
    ThinkingBlock,
    ToolSchema,
)
from wiremark.base import Request
from wiremark.errors import OptionError

pytest.importorskip("uvicorn", reason="the extra `emulator` is not installed")
pytest.importorskip("starlette", reason="the extra `emulator` is not installed")
pytest.importorskip("openai", reason="the openai package is not installed")
pytest.importorskip("anthropic", reason="the anthropic package is not installed")

import anthropic
import openai

from wiremark.emulator import Emulator
from wiremark.integrations.anthropic import create_arguments as messages_arguments
from wiremark.integrations.openai import create_arguments as chat_arguments

pytestmark = pytest.mark.sdk

ALIYUN = "dashscope.aliyuncs.com"
CLAUDE = "claude-opus-5-5"
TOOLS = [ToolSchema(name="weather", description="The weather.")]
STRICT = [ToolSchema(name="weather", description="The weather.", strict=True)]


@pytest.fixture(scope="module")
def running() -> Iterator[Emulator]:
    with Emulator() as emulator:
        yield emulator


@pytest.fixture
def emulator(running: Emulator, monkeypatch: pytest.MonkeyPatch) -> Iterator[Emulator]:
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    running.reset()
    yield running
    assert running.state.problems == []


@pytest.fixture
def chat(emulator: Emulator) -> Iterator[Any]:
    with openai.OpenAI(
        base_url=f"{emulator.url}/compatible-mode/v1", api_key="k", max_retries=0, timeout=10
    ) as client:
        yield client


@pytest.fixture
def claude(emulator: Emulator) -> Iterator[Any]:
    with anthropic.Anthropic(
        base_url=emulator.url, api_key="k", max_retries=0, timeout=10
    ) as client:
        yield client


def placed(request: Request) -> list[tuple[str, str, Any]]:
    return [(path, "cache_control", value) for path, value in request.plan.placed]


def test_adapters_import_no_sdk_by_themselves() -> None:
    code = """
import sys
from wiremark.integrations import anthropic, arguments, dashscope, openai
assert not {"anthropic", "dashscope", "openai"} & sys.modules.keys()
"""
    subprocess.run([sys.executable, "-c", code], check=True, timeout=30)


# ----------------------------------------------------------------------------------------- openai

EXTRA = GenerateOptions(
    temperature=0.5,
    thinking_budget=512,
    additional_body_params={"enable_thinking": True, "top_k": 20, "timeout": 3, "extra_body": {}},
    additional_headers={"X-DashScope-DataInspection": "enable"},
    additional_query_params={"trip": "1 & 2"},
    cache_control="rolling",
)


def test_create_refuses_fields_that_openai_does_not_know(emulator: Emulator, chat: Any) -> None:
    request = OpenAIChatFormatter(host=ALIYUN).build_request(
        "qwen-plus", [Msg.user("x")], options=EXTRA
    )
    with pytest.raises(TypeError, match="thinking_budget"):
        chat.chat.completions.create(**request.body)
    assert emulator.requests == ()


def test_arguments_send_all_fields_headers_and_the_query(emulator: Emulator, chat: Any) -> None:
    request = OpenAIChatFormatter(host=ALIYUN).build_request(
        "qwen-plus", [Msg.system("Plan."), Msg.user("x")], tools=TOOLS, options=EXTRA
    )
    before = request.to_json()
    arguments = chat_arguments(request)
    assert set(arguments["extra_body"]) == {
        "thinking_budget",
        "enable_thinking",
        "top_k",
        "timeout",
        "extra_body",
    }
    assert arguments["temperature"] == 0.5
    chat.chat.completions.create(**arguments)
    (arrived,) = emulator.requests
    assert arrived.body == request.body
    assert arrived.marks == placed(request)
    assert arrived.marks
    assert arrived.header("x-dashscope-datainspection") == "enable"
    assert arrived.query == "trip=1+%26+2"
    assert request.to_json() == before


def test_a_plain_request_has_no_extra_arguments_but_its_headers(
    emulator: Emulator, chat: Any
) -> None:
    request = OpenAIChatFormatter().build_request("qwen-plus", [Msg.user("x")])
    arguments = chat_arguments(request)
    assert set(arguments) == {*request.body, "extra_headers"}
    chat.chat.completions.create(**arguments)
    assert emulator.requests[0].body == request.body


def test_a_request_without_headers_and_query_has_arguments_of_the_body_alone() -> None:
    built = OpenAIChatFormatter().build_request("qwen-plus", [Msg.user("x")])
    made = Request(built.body, built.plan, path=built.path)
    assert chat_arguments(made) == built.body


def test_a_session_id_arrives_where_the_provider_looks_for_it(emulator: Emulator) -> None:
    request = OpenAIChatFormatter(host="api.x.ai").build_request(
        "grok-4", [Msg.user("x")], options=GenerateOptions(session_id="trip-1")
    )
    assert request.headers["x-grok-conv-id"] == "trip-1"
    with openai.OpenAI(base_url=f"{emulator.url}/v1", api_key="k", max_retries=0) as client:
        client.chat.completions.create(**request.body)
        client.chat.completions.create(**chat_arguments(request))
    bare, adapted = emulator.requests
    assert bare.header("x-grok-conv-id") is None
    assert adapted.header("x-grok-conv-id") == "trip-1"


def test_parse_refuses_tools_that_are_not_strict(emulator: Emulator, chat: Any) -> None:
    request = OpenAIChatFormatter(host=ALIYUN, policy="rolling").build_request(
        "qwen-plus", [Msg.user("x")], tools=TOOLS
    )
    body = {key: value for key, value in request.body.items() if key != "stream"}
    with pytest.raises(ValueError, match="not strict"):
        chat.chat.completions.parse(**body)
    assert emulator.requests == ()


@pytest.mark.parametrize("tools", [TOOLS, STRICT], ids=["loose", "strict"])
def test_arguments_of_parse_send_any_tools(
    emulator: Emulator, chat: Any, tools: list[ToolSchema]
) -> None:
    emulator.reset([{"calls": [{"name": "weather", "arguments": {"city": "Köln"}}]}])
    request = OpenAIChatFormatter(host=ALIYUN, policy="rolling").build_request(
        "qwen-plus", [Msg.user("x")], tools=tools
    )
    answer = chat.chat.completions.parse(**chat_arguments(request, method="parse"))
    parsed = answer.choices[0].message.tool_calls[0].function.parsed_arguments
    body = emulator.requests[0].body
    assert {**body, "stream": False} == request.body
    strict = tools is STRICT and "strict" in body["tools"][0]["function"]
    assert parsed == ({"city": "Köln"} if strict else None)


def test_a_schema_for_the_answer_arrives_through_parse(emulator: Emulator, chat: Any) -> None:
    schema = {"type": "object", "properties": {"city": {"type": "string"}}}
    request = OpenAIChatFormatter(host=ALIYUN).build_request(
        "qwen-plus",
        [Msg.user("x")],
        options=GenerateOptions(response_format=ResponseFormat.schema_of("city", schema)),
    )
    chat.chat.completions.parse(**chat_arguments(request, method="parse"))
    assert {**emulator.requests[0].body, "stream": False} == request.body


def test_parts_and_fields_that_openai_does_not_know_pass_through_create(
    emulator: Emulator, chat: Any
) -> None:
    part = {"type": "text", "text": "x", "cache_control": {"type": "ephemeral"}, "own": [1]}
    messages = [
        {"role": "user", "content": [part]},
        {"role": "assistant", "content": "y", "reasoning_content": "because", "own": {"a": None}},
        {"role": "user", "content": "z"},
    ]
    chat.chat.completions.create(model="qwen-plus", messages=messages)
    assert emulator.requests[0].body["messages"] == messages


def test_a_request_to_another_endpoint_is_refused() -> None:
    request = OpenAIChatFormatter().build_request(
        "glm-5", [Msg.user("x")], options=GenerateOptions(endpoint_path="/own")
    )
    with pytest.raises(OptionError, match=r"is not where chat\.completions\.create sends"):
        chat_arguments(request)
    with pytest.raises(OptionError, match=r"is not where messages\.create sends"):
        messages_arguments(request)


# -------------------------------------------------------------------------------------- anthropic


def test_create_refuses_sampling_options_and_sends_its_own_version(
    emulator: Emulator, claude: Any
) -> None:
    request = AnthropicChatFormatter(api_version="2023-06-01").build_request(
        "claude-sonnet-4-6", [Msg.user("x")], options=GenerateOptions(temperature=0.5)
    )
    with pytest.raises(TypeError, match="temperature"):
        claude.messages.create(**request.body)
    assert emulator.requests == ()
    claude.messages.create(**messages_arguments(request))
    (arrived,) = emulator.requests
    assert arrived.body == request.body
    assert arrived.header("anthropic-version") == "2023-06-01"
    assert arrived.status == 200


def test_create_sends_its_own_version_and_the_arguments_that_of_the_request(
    emulator: Emulator, claude: Any
) -> None:
    request = AnthropicChatFormatter(api_version="2023-06-01").build_request(
        CLAUDE, [Msg.user("x")]
    )
    claude.messages.create(**request.body)
    claude.messages.create(**messages_arguments(request))
    versions = [record.header("anthropic-version") for record in emulator.requests]
    assert versions == ["2026-10-21", "2023-06-01"]
    assert [record.body for record in emulator.requests] == [request.body] * 2


@pytest.mark.parametrize("method", ["create", "stream"])
def test_a_mark_of_the_whole_request_arrives_at_the_top(
    emulator: Emulator, claude: Any, method: str
) -> None:
    formatter = AnthropicChatFormatter(host="api.anthropic.com")
    request = formatter.build_request(
        CLAUDE,
        [Msg.system("Plan. " * 2000), Msg.user("x")],
        options=GenerateOptions(
            additional_body_params={"cache_control": {"type": "ephemeral"}},
            additional_headers={"anthropic-beta": "own-2026-11-21"},
        ),
        validate=True,
    )
    for _ in range(2):
        if method == "create":
            answer = claude.messages.create(**messages_arguments(request))
        else:
            arguments = messages_arguments(request, method="stream")
            assert "stream" not in arguments
            with claude.messages.stream(**arguments) as stream:
                answer = stream.get_final_message()
    assert [record.marks for record in emulator.requests] == [
        [("", "cache_control", {"type": "ephemeral"})]
    ] * 2
    assert emulator.requests[0].body == {**request.body, "stream": method == "stream"}
    assert emulator.requests[0].header("anthropic-beta") == "own-2026-11-21"
    assert answer.usage.cache_read_input_tokens > 1000


def test_fields_that_anthropic_does_not_know_arrive(emulator: Emulator, claude: Any) -> None:
    request = AnthropicChatFormatter(host=ALIYUN).build_request(
        "qwen-plus",
        [Msg.user("x"), Msg.assistant([ThinkingBlock("So."), TextBlock("y")]), Msg.user("z")],
        options=GenerateOptions(additional_body_params={"enable_search": True, "own": [1]}),
    )
    with pytest.raises(TypeError, match="enable_search"):
        claude.messages.create(**request.body)
    claude.messages.create(**messages_arguments(request))
    assert emulator.requests[0].body == request.body


def test_the_raw_call_sends_our_bytes_unchanged(emulator: Emulator, claude: Any) -> None:
    request = AnthropicChatFormatter().build_request(
        CLAUDE, [Msg.user("\x1b[31mKöln\x1b[0m \u2028 \ud83d")]
    )
    message = claude.post(
        "/v1/messages",
        content=request.to_json().encode(),
        cast_to=anthropic.types.Message,
        options={"headers": dict(request.headers)},
    )
    assert message.content[0].type == "text"
    assert emulator.requests[0].raw == request.to_json().encode()
