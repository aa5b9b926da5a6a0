"""What arrived at the emulator, handed to `assert_caches`: requests of any client are replayed."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from wiremark import (
    AnthropicChatFormatter,
    DashScopeChatFormatter,
    GenerateOptions,
    Msg,
    OpenAIChatFormatter,
)
from wiremark.errors import OptionError
from wiremark.replay.recording import CacheRecorder, assert_caches

pytest.importorskip("uvicorn", reason="the extra `emulator` is not installed")
pytest.importorskip("starlette", reason="the extra `emulator` is not installed")
pytest.importorskip("openai", reason="the openai package is not installed")
pytest.importorskip("anthropic", reason="the anthropic package is not installed")
pytest.importorskip("dashscope", reason="the dashscope package is not installed")

from wiremark.emulator import Emulator
from wiremark.integrations import dashscope as to_dashscope

pytestmark = pytest.mark.sdk

SYSTEM = "You keep the books of a shop. " * 400
PART = {"type": "text", "text": SYSTEM, "cache_control": {"type": "ephemeral"}}


@pytest.fixture
def emulator(monkeypatch: pytest.MonkeyPatch) -> Iterator[Emulator]:
    import dashscope

    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with Emulator() as running:
        monkeypatch.setattr(dashscope, "base_http_api_url", f"{running.url}/api/v1")
        monkeypatch.setattr(dashscope, "api_key", "k")
        yield running


def ask_openai(emulator: Emulator, turns: int = 5, *, clock: bool = False) -> None:
    """An agent that knows nothing of wiremark; with a clock, its prompt begins with the minute."""
    import openai

    with openai.OpenAI(
        base_url=f"{emulator.url}/compatible-mode/v1", api_key="k", max_retries=0, timeout=10
    ) as client:
        for turn in range(turns):
            head = {**PART, "text": f"It is 12:0{turn}. {SYSTEM}"} if clock else PART
            emulator.clock.advance(10)
            client.chat.completions.create(
                model="qwen-plus",
                messages=[
                    {"role": "system", "content": [head]},
                    {"role": "user", "content": f"Audit account {turn}."},
                ],
            )


def record_all(caches: CacheRecorder, emulator: Emulator) -> None:
    for record in emulator.requests:
        caches.add(record)


def test_requests_of_an_sdk_are_replayed_as_they_arrived(emulator: Emulator) -> None:
    with assert_caches(0.7, built=False) as caches:
        ask_openai(emulator)
        for record in emulator.requests:
            caches.add(record)
    made = caches.replay
    assert made is not None
    assert (made.host, made.model) == ("dashscope.aliyuncs.com", "qwen-plus")
    assert {record.rules for record in emulator.requests} == {made.rules}
    assert [row.at for row in made.rows] == [10.0, 20.0, 30.0, 40.0, 50.0]
    reads = [record.predicted.read for record in emulator.requests if record.predicted]
    assert [row.read for row in made.rows] == reads
    assert [each.usage for each in caches.requests] == [each.usage for each in emulator.requests]


def test_an_agent_whose_prompt_changes_fails_the_test(emulator: Emulator) -> None:
    ask_openai(emulator, clock=True)
    recorder = assert_caches(0.7, built=False)
    with pytest.raises(AssertionError, match=r"It is 12:00\.") as failed, recorder as caches:
        record_all(caches, emulator)
    assert "the prefix first breaks in request 2, at messages[0].content[0]" in str(failed.value)


def test_requests_of_each_protocol_are_replayed_by_their_own_rules(emulator: Emulator) -> None:
    import anthropic

    messages = [Msg.system(SYSTEM), Msg.user("Audit.")]
    marked = GenerateOptions(cache_control="rolling")
    native = DashScopeChatFormatter().build_request("qwen-plus", messages, options=marked)
    claude = AnthropicChatFormatter().build_request("claude-opus-5-5", messages, options=marked)
    with anthropic.Anthropic(
        base_url=emulator.url, api_key="k", max_retries=0, timeout=10
    ) as client:
        for _ in range(5):
            to_dashscope.call(native)
        first = emulator.requests
        for _ in range(5):
            client.messages.create(**claude.body)
    for records, rules in ((first, "dashscope"), (emulator.requests[5:], "anthropic")):
        with assert_caches(0.7, built=False) as caches:
            for record in records:
                caches.add(record)
        assert caches.replay is not None
        assert caches.replay.rules == rules


def test_what_formatters_build_is_recorded_too_unless_told_otherwise(emulator: Emulator) -> None:
    formatter = OpenAIChatFormatter(host="dashscope.aliyuncs.com", policy="rolling")
    for built, expected in ((True, 4), (False, 2)):
        emulator.reset()
        with assert_caches(0.0, built=built) as caches:
            for _ in range(2):
                formatter.build_request("qwen-plus", [Msg.system(SYSTEM), Msg.user("x")])
            ask_openai(emulator, 2)
            for record in emulator.requests:
                caches.add(record)
        assert len(caches.requests) == expected


def test_lists_of_models_and_refusals_are_passed_over(emulator: Emulator) -> None:
    import openai

    with openai.OpenAI(
        base_url=f"{emulator.url}/v1", api_key="k", max_retries=0, timeout=10
    ) as client:
        list(client.models.list())
        with pytest.raises(openai.BadRequestError):
            client.chat.completions.create(model="gpt-5.6", messages="x")  # type: ignore[arg-type]
    ask_openai(emulator, 1)
    recorder = CacheRecorder()
    for record in emulator.requests:
        recorder.add(record)
    assert [record.status for record in emulator.requests] == [200, 400, 200]
    assert [each.body for each in recorder.requests] == [emulator.requests[2].body]


def test_what_is_given_wins_over_what_a_record_says() -> None:
    record: Any = SimpleNamespace(
        body={"messages": []}, at=1.0, status=200, usage=None, model="a", host="b", protocol="c"
    )
    recorder = CacheRecorder()
    recorder.add(record)
    recorder.add(record, at=2.0, model="x", host="y", protocol="openai-chat")
    told = [(each.at, each.model, each.host, each.protocol) for each in recorder.requests]
    assert told == [(1.0, "a", "b", "c"), (2.0, "x", "y", "openai-chat")]
    record.body["messages"].append("later")
    assert recorder.requests[0].body == {"messages": []}


def test_what_is_no_request_is_refused() -> None:
    with pytest.raises(OptionError, match="SimpleNamespace is no request"):
        CacheRecorder().add(SimpleNamespace(body=None))  # type: ignore[arg-type]
