"""The released SDKs against the emulator: an agent loop, streams, and errors as they raise them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from wiremark import (
    AnthropicChatFormatter,
    DashScopeChatFormatter,
    Msg,
    OpenAIChatFormatter,
    ToolSchema,
)
from wiremark.base import Request
from wiremark.usage import Usage

pytest.importorskip("uvicorn", reason="the extra `emulator` is not installed")
pytest.importorskip("starlette", reason="the extra `emulator` is not installed")

from wiremark.emulator import Emulator

pytestmark = pytest.mark.sdk

ALIYUN = "dashscope.aliyuncs.com"
TOOLS = [
    ToolSchema(
        name="weather",
        description="The weather in a city.",
        parameters={"type": "object", "properties": {"city": {"type": "string"}}},
    )
]
SCENARIO: list[Any] = [
    {"calls": [{"name": "weather", "arguments": {"city": city}} for city in ("Köln", "Paris")]},
    {"calls": [{"name": "weather", "arguments": {"city": "Rome"}}]},
    {"text": "Wrap up warm.", "thinking": ""},
]
Send = Callable[[Request], Any]


@pytest.fixture(autouse=True)
def no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


@pytest.fixture(scope="module")
def running() -> Iterator[Emulator]:
    with Emulator() as emulator:
        yield emulator


@pytest.fixture
def emulator(running: Emulator) -> Iterator[Emulator]:
    running.reset(SCENARIO)
    yield running
    assert running.state.problems == []


@pytest.fixture
def dashscope(emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> Any:
    package = pytest.importorskip("dashscope")
    monkeypatch.setattr(package, "base_http_api_url", f"{emulator.url}/api/v1")
    monkeypatch.setattr(package, "api_key", "sk-secret")
    return package


def openai_client(emulator: Emulator, base: str) -> Any:
    openai = pytest.importorskip("openai")
    return openai.OpenAI(
        base_url=f"{emulator.url}{base}", api_key="sk-secret", max_retries=0, timeout=10
    )


def anthropic_client(emulator: Emulator, base: str = "") -> Any:
    anthropic = pytest.importorskip("anthropic")
    return anthropic.Anthropic(
        base_url=f"{emulator.url}{base}", api_key="sk-secret", max_retries=0, timeout=10
    )


# ------------------------------------------------------------------------------- the agent loop


def loop(
    emulator: Emulator, formatter: Any, model: str, send: Send, *, stream: bool = False
) -> list[Usage]:
    """Run an agent until it calls no tool; return the usage that each answer reports."""
    messages = [Msg.system("You plan trips. " * 400), Msg.user("Where is it warm?")]
    seen: list[Usage] = []
    for _ in range(5):
        request = formatter.build_request(
            model, messages, tools=TOOLS, stream=stream, validate=True
        )
        answer = send(request)
        arrived = {path: value for path, _, value in emulator.requests[-1].marks}
        assert arrived == dict(request.plan.placed)
        if stream:
            whole = formatter.parse_stream(iter(answer))
            list(whole)
            reply = whole.reply
            seen.append(Usage.from_response(answer))
        else:
            reply = formatter.parse_response(answer)
            seen.append(Usage.from_response(answer))
        messages.append(reply.message)
        if not reply.tool_calls:
            assert reply.text == "Wrap up warm."
            return seen
        messages += [Msg.tool_result(each.id, each.name, "mild") for each in reply.tool_calls]
    raise AssertionError("the loop did not end")


def check(emulator: Emulator, seen: list[Usage]) -> None:
    """Compare what the SDKs report with what the prefix cache predicts; all but the first hit."""
    assert len(seen) == len(emulator.requests) == 3
    before = 0
    for usage, record in zip(seen, emulator.requests, strict=True):
        predicted = record.predicted
        assert predicted is not None
        assert (usage.input, usage.cache_read) == (predicted.input, predicted.read)
        assert (usage.cache_write or 0) == predicted.written
        assert record.marks
        assert usage.cache_read == before
        before = int(predicted.read + predicted.written)
    assert before > 1500
    assert "secret" not in json.dumps([record.to_dict() for record in emulator.requests])


@pytest.mark.parametrize("stream", [False, True], ids=["plain", "streamed"])
@pytest.mark.parametrize(
    ("base", "host", "model"),
    [
        ("/compatible-mode/v1", ALIYUN, "qwen-plus"),
        ("/v1", None, "gpt-5.6"),
        ("/api/v1", "openrouter.ai", "anthropic/claude-sonnet-4.5"),
    ],
)
def test_a_loop_through_openai_hits_from_the_second_request_on(
    emulator: Emulator, base: str, host: str | None, model: str, stream: bool
) -> None:
    formatter = OpenAIChatFormatter(host=host, policy="rolling")
    with openai_client(emulator, base) as client:

        def send(request: Request) -> Any:
            body = dict(request.body)
            if stream:
                body["stream_options"] = {"include_usage": True}
            answer = client.chat.completions.create(**body)
            return list(answer) if stream else answer

        check(emulator, loop(emulator, formatter, model, send, stream=stream))


@pytest.mark.parametrize("stream", [False, True], ids=["plain", "streamed"])
@pytest.mark.parametrize(
    ("base", "host", "model"),
    [("", "api.anthropic.com", "claude-opus-5-5"), ("/apps/anthropic", ALIYUN, "qwen-plus")],
)
def test_a_loop_through_anthropic_hits_from_the_second_request_on(
    emulator: Emulator, base: str, host: str, model: str, stream: bool
) -> None:
    formatter = AnthropicChatFormatter(host=host, policy="rolling")
    with anthropic_client(emulator, base) as client:

        def send(request: Request) -> Any:
            answer = client.messages.create(**request.body)
            return list(answer) if stream else answer

        check(emulator, loop(emulator, formatter, model, send, stream=stream))


@pytest.mark.parametrize("stream", [False, True], ids=["plain", "streamed"])
@pytest.mark.parametrize(
    ("name", "model"), [("Generation", "qwen-plus"), ("MultiModalConversation", "qwen3.6-plus")]
)
def test_a_loop_through_dashscope_hits_from_the_second_request_on(
    emulator: Emulator, dashscope: Any, name: str, model: str, stream: bool
) -> None:
    def send(request: Request) -> Any:
        answer = getattr(dashscope, name).call(
            model=model,
            messages=request.messages,
            **request.body["parameters"],
            **({"stream": True} if stream else {}),
        )
        return list(answer) if stream else answer

    check(
        emulator,
        loop(emulator, DashScopeChatFormatter(policy="rolling"), model, send, stream=stream),
    )


def test_asynchronous_clients_are_answered_alike(emulator: Emulator) -> None:
    openai = pytest.importorskip("openai")
    request = OpenAIChatFormatter(host=ALIYUN, policy="rolling").build_request(
        "qwen-plus", [Msg.system("You plan trips. " * 400), Msg.user("Where is it warm?")]
    )

    async def run() -> list[Usage]:
        async with openai.AsyncOpenAI(
            base_url=f"{emulator.url}/compatible-mode/v1", api_key="k", max_retries=0, timeout=10
        ) as client:
            first = await client.chat.completions.create(**request.body)
            asked = {**request.body, "stream": True, "stream_options": {"include_usage": True}}
            chunks = [each async for each in await client.chat.completions.create(**asked)]
            return [Usage.from_response(first), Usage.from_response(chunks)]

    first, second = asyncio.run(run())
    assert first.cache_write
    assert second.cache_read == first.cache_write


def test_anthropics_own_stream_helper_gathers_the_answer(emulator: Emulator) -> None:
    request = AnthropicChatFormatter(host="api.anthropic.com", policy="rolling").build_request(
        "claude-opus-5-5", [Msg.user("x " * 2000)]
    )
    body = {key: value for key, value in request.body.items() if key != "stream"}
    with anthropic_client(emulator) as client, client.messages.stream(**body) as stream:
        message = stream.get_final_message()
    assert [block.input for block in message.content] == [{"city": "Köln"}, {"city": "Paris"}]
    assert message.usage.cache_creation_input_tokens > 1500


# ------------------------------------------------------------------------------ errors and lists


def test_errors_are_raised_as_the_sdks_name_them() -> None:
    openai, anthropic = pytest.importorskip("openai"), pytest.importorskip("anthropic")
    asked = [{"role": "user", "content": "x"}]
    failures = [{"status": 429}, {"status": 500}] * 2
    with (
        Emulator(failures) as emulator,
        openai_client(emulator, "/v1") as chat,
        anthropic_client(emulator) as claude,
    ):
        for kind in (openai.RateLimitError, openai.InternalServerError):
            with pytest.raises(kind):
                chat.chat.completions.create(model="gpt-5.6", messages=asked)
        for kind in (anthropic.RateLimitError, anthropic.InternalServerError):
            with pytest.raises(kind):
                claude.messages.create(model="claude-opus-5-5", max_tokens=9, messages=asked)
        part = {"type": "text", "text": "x", "cache_control": {"type": "ephemeral"}}
        with pytest.raises(anthropic.BadRequestError, match=r"A maximum of 4 blocks .* Found 5\."):
            claude.messages.create(
                model="claude-opus-5-5",
                max_tokens=9,
                messages=[{"role": "user", "content": [part] * 5}],
            )
        with pytest.raises(openai.BadRequestError) as caught:
            chat.chat.completions.create(model="gpt-5.6", messages="x")
        assert (caught.value.code, caught.value.param) == ("invalid_type", "messages")
        assert [each.id for each in chat.models.list()]
        assert [each.id for each in claude.models.list()]


def test_dashscope_reads_errors_whole_and_streamed(emulator: Emulator, dashscope: Any) -> None:
    messages = [{"role": "tool", "tool_call_id": "c", "content": "x"}]
    plain = dashscope.Generation.call(model="qwen-plus", messages=messages)
    streamed = list(dashscope.Generation.call(model="qwen-plus", messages=messages, stream=True))
    for answer in (plain, streamed[-1]):
        assert answer.status_code == 400
        assert answer.code == "InvalidParameter"
        assert "InternalError.Algo.InvalidParameter" in answer.message


def test_the_client_retries_what_a_scenario_fails_once() -> None:
    openai = pytest.importorskip("openai")
    with (
        Emulator([{"status": 429, "retry_after": 0}, "at last"]) as emulator,
        openai.OpenAI(
            base_url=f"{emulator.url}/v1", api_key="k", max_retries=1, timeout=10
        ) as client,
    ):
        answer = client.chat.completions.create(
            model="gpt-5.6", messages=[{"role": "user", "content": "x"}]
        )
        assert answer.choices[0].message.content == "at last"
        assert [record.status for record in emulator.requests] == [429, 200]
