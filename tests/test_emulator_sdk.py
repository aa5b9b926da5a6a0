"""The released SDKs against the emulator: lists of models, and errors as they raise them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

pytest.importorskip("uvicorn", reason="the extra `emulator` is not installed")
pytest.importorskip("starlette", reason="the extra `emulator` is not installed")

from wiremark.emulator import Emulator

pytestmark = pytest.mark.sdk


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
    running.reset()
    yield running
    assert running.state.problems == []


@pytest.fixture
def dashscope(emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> Any:
    package = pytest.importorskip("dashscope")
    monkeypatch.setattr(package, "base_http_api_url", f"{emulator.url}/api/v1")
    monkeypatch.setattr(package, "api_key", "sk-secret")
    return package


def openai_client(emulator: Emulator) -> Any:
    openai = pytest.importorskip("openai")
    return openai.OpenAI(
        base_url=f"{emulator.url}/v1", api_key="sk-secret", max_retries=0, timeout=10
    )


def anthropic_client(emulator: Emulator) -> Any:
    anthropic = pytest.importorskip("anthropic")
    return anthropic.Anthropic(
        base_url=emulator.url, api_key="sk-secret", max_retries=0, timeout=10
    )


def test_errors_are_raised_as_the_sdks_name_them() -> None:
    openai, anthropic = pytest.importorskip("openai"), pytest.importorskip("anthropic")
    asked = [{"role": "user", "content": "x"}]
    failures = [{"status": 429}, {"status": 500}] * 2
    with (
        Emulator(failures) as emulator,
        openai_client(emulator) as chat,
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
