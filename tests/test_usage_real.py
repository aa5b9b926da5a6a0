"""Usage of recorded responses, and of the objects that the real SDKs make of responses."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from anthropic.types import Message, RawMessageDeltaEvent, RawMessageStartEvent
from dashscope.api_entities.chat_completion_types import ChatCompletion as DashScopeCompletion
from dashscope.api_entities.dashscope_response import (
    GenerationResponse,
    MultiModalConversationResponse,
)
from dashscope.v2.types.common import Usage as DashScopeUsage
from openai.types.chat import ChatCompletion, ChatCompletionChunk
from openai.types.responses import Response, ResponseCompletedEvent

from wiremark.sse import read_events
from wiremark.usage import COUNTS, Usage
from wiremark.usage.read import read_stream_usage, read_usage

HOSTS = {
    "api.anthropic.com": "anthropic",
    "api.deepseek.com": "deepseek",
    "api.mistral.ai": "mistral",
    "api.openai.com": "openai",
    "api.z.ai": "z.ai",
    "openrouter.ai": "openrouter",
}


def counts(usage: Usage) -> dict[str, int | None]:
    return {name: getattr(usage, name) for name in COUNTS}


def some(**given: int | None) -> dict[str, int | None]:
    return {name: given.get(name) for name in COUNTS}


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def data_of(response: Any) -> Iterator[dict[str, Any]]:
    """Return a response, or the chunks of one."""
    if isinstance(response, dict):
        yield response
        return
    for event in read_events(response):
        if event.data != "[DONE]":
            yield json.loads(event.data)


# ------------------------------------------------------------------ recorded: rules by the protocol
# Each says by the provider's documentation what its raw counts mean; none looks at the table.


def messages(raw: dict[str, Any]) -> dict[str, int | None]:
    read, write = raw["cache_read_input_tokens"], raw["cache_creation_input_tokens"]
    return some(
        input=raw["input_tokens"] + read + write,
        output=raw["output_tokens"],
        cache_read=read,
        cache_write=write,
        cache_write_5m=raw["cache_creation"]["ephemeral_5m_input_tokens"],
        cache_write_1h=raw["cache_creation"]["ephemeral_1h_input_tokens"],
        reasoning=raw.get("output_tokens_details", {}).get("thinking_tokens"),
    )


def converse(raw: dict[str, Any]) -> dict[str, int | None]:
    return some(
        input=raw["totalTokens"] - raw["outputTokens"],
        output=raw["outputTokens"],
        cache_read=raw["cacheReadInputTokens"],
        cache_write=raw["cacheWriteInputTokens"],
    )


def chat(raw: dict[str, Any]) -> dict[str, int | None]:
    details = raw.get("prompt_tokens_details", {})
    return some(
        input=raw["prompt_tokens"],
        output=raw["completion_tokens"],
        cache_read=details.get("cached_tokens", raw.get("num_cached_tokens")),
        cache_write=details.get("cache_write_tokens"),
        reasoning=raw.get("completion_tokens_details", {}).get("reasoning_tokens"),
    )


def responses(raw: dict[str, Any]) -> dict[str, int | None]:
    return some(
        input=raw["input_tokens"],
        output=raw["output_tokens"],
        cache_read=raw["input_tokens_details"]["cached_tokens"],
        cache_write=raw["input_tokens_details"].get("cache_write_tokens"),
        reasoning=raw["output_tokens_details"]["reasoning_tokens"],
    )


RULES = [
    ("/converse", converse),
    ("/invoke", messages),
    ("/messages", messages),
    ("/chat/completions", chat),
    ("/responses", responses),
]


def raw_usage(response: Any) -> dict[str, Any]:
    found = [
        (chunk.get("response") or chunk).get("usage")
        for chunk in data_of(response)
        if isinstance(chunk.get("response") or chunk, dict)
    ]
    return [usage for usage in found if usage][-1]


@pytest.mark.shared
def test_every_recorded_exchange_is_read_by_its_protocols_rule(shared_dir):
    exchanges = lines(shared_dir / "real" / "exchanges.jsonl")
    assert len(exchanges) > 60
    for exchange in exchanges:
        rule = next(rule for path, rule in RULES if path in exchange["path"])
        wanted = rule(raw_usage(exchange["response"]))
        provider = HOSTS.get(exchange["host"], "bedrock")
        for named in (None, provider):
            usage = read_usage(exchange["response"], named)
            assert counts(usage) == wanted, exchange["id"]
            assert usage.findings == (), exchange["id"]
        chunks = list(data_of(exchange["response"]))
        assert counts(read_stream_usage(chunks, provider)) == wanted, exchange["id"]
        holders = [
            json.loads(json.dumps(c), object_hook=lambda d: SimpleNamespace(**d)) for c in chunks
        ]
        assert counts(read_stream_usage(holders, provider)) == wanted, exchange["id"]


@pytest.mark.shared
def test_recorded_exchanges_with_a_cache_hit_have_a_rate(shared_dir):
    exchanges = lines(shared_dir / "real" / "exchanges.jsonl")
    rates = [read_usage(exchange["response"]).hit_rate for exchange in exchanges]
    assert sum(1 for rate in rates if rate) >= 10
    assert all(0 <= rate <= 1 for rate in rates if rate is not None)


# Worked out from the raw bodies: (input, output, cache_read, reasoning)
DASHSCOPE = {
    "application-conversation-generation-message-nosse": (344, 311, None, None),
    "conversation-generation-message-with-doc-url-sse": (1826, 354, 0, None),
    "deep-research-planning-type-sse": (652, 4, None, None),
    "multimodal-generation-image-nosse": (None, None, None, None),
    "multimodal-generation-message-with-parallel-function-call-sse": (2807, 103, None, 38),
    "multimodal-generation-vl-nosse": (3613, 3, None, None),
    "multimodal-generation-vl-ocr-nosse": (1248, 225, None, None),
    "single-generation-message-reasoning-nosse": (12, 21, 0, 20),
    "single-generation-message-reasoning-sse": (16, 53, None, 10),
    "single-generation-message-roleplay-nosse": (186, 83, 0, None),
    "single-generation-message-search-sse": (709, 101, 0, None),
}


@pytest.mark.shared
def test_every_native_dashscope_capture_is_read(shared_dir):
    captures = lines(shared_dir / "real" / "dashscope_native.jsonl")
    assert {capture["name"] for capture in captures} == set(DASHSCOPE)
    for capture in captures:
        given, made, read, reasoning = DASHSCOPE[capture["name"]]
        wanted = some(input=given, output=made, cache_read=read, reasoning=reasoning)
        for provider in (None, "dashscope"):
            usage = read_usage(capture["response"], provider)
            assert counts(usage) == wanted, capture["name"]
            assert usage.reported == (given is not None)


@pytest.mark.shared
def test_the_probes_of_tinyagent_are_read(shared_dir):
    rates = {}
    for path in sorted((shared_dir / "real" / "tinyagent").glob("*probe_*.json")):
        for record in json.loads(path.read_text())["records"]:
            usage = read_usage(record)
            raw = record["usage"]
            assert counts(usage) == some(
                input=raw["input"],
                output=raw["output"],
                cache_read=raw["cache_read"],
                cache_write=0,
            )
            assert usage.model == record["model"]
            rates[path.name.split("_")[0], record["turn"]] = usage.hit_rate
    assert rates == {
        ("minimax", 1): 32 / 63,
        ("minimax", 2): 32 / 85,
        ("openrouter", 1): 0,
        ("openrouter", 2): 0,
    }


# --------------------------------------------------------------------------------- the SDKs' objects

CHAT: dict[str, Any] = {
    "id": "1",
    "object": "chat.completion",
    "created": 1,
    "model": "qwen3-coder-plus",
    "choices": [
        {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "hi"}}
    ],
    "usage": {
        "prompt_tokens": 1618,
        "completion_tokens": 20,
        "total_tokens": 1638,
        "prompt_tokens_details": {
            "cached_tokens": 0,
            "cache_creation_input_tokens": 1605,
            "cache_creation": {"ephemeral_5m_input_tokens": 1605},
            "cache_type": "ephemeral",
        },
    },
}
EXPLICIT = some(input=1618, output=20, cache_read=0, cache_write=1605, cache_write_5m=1605)


@pytest.mark.parametrize("build", [ChatCompletion.construct, ChatCompletion.model_validate])
def test_openai_objects_of_dashscopes_answer(build):
    answer = build(**CHAT) if build == ChatCompletion.construct else build(CHAT)
    usage = read_usage(answer)
    assert counts(usage) == EXPLICIT
    assert (usage.provider, usage.model) == ("dashscope", "qwen3-coder-plus")
    assert counts(read_usage(answer.usage)) == EXPLICIT


def test_openai_objects_with_nulls_and_without_details():
    bare = {**CHAT, "usage": {"prompt_tokens": 3, "completion_tokens": 1, "total_tokens": 4}}
    nulls = {**bare, "usage": {**bare["usage"], "prompt_tokens_details": None}}
    for data in (bare, nulls):
        for answer in (ChatCompletion.construct(**data), ChatCompletion.model_validate(data)):
            assert counts(read_usage(answer)) == some(input=3, output=1)
            assert counts(read_usage(answer.model_dump())) == some(input=3, output=1)
    absent = ChatCompletion.model_validate({**CHAT, "usage": None})
    assert not read_usage(absent).reported


def test_openai_objects_with_fields_of_deepseek_and_moonshot():
    deepseek = {"prompt_cache_hit_tokens": 64, "prompt_cache_miss_tokens": 32}
    for extra, read in ((deepseek, 64), ({"cached_tokens": 48}, 48)):
        usage = {"prompt_tokens": 96, "completion_tokens": 20, "total_tokens": 116, **extra}
        answer = ChatCompletion.construct(**{**CHAT, "usage": usage})
        assert counts(read_usage(answer)) == some(input=96, output=20, cache_read=read)


def test_openai_stream_objects():
    base = {"id": "1", "object": "chat.completion.chunk", "created": 1, "model": "qwen3-coder-plus"}
    chunks = [
        {**base, "choices": [{"index": 0, "delta": {"content": "hi"}, "finish_reason": None}]},
        {**base, "choices": [], "usage": CHAT["usage"]},
    ]
    built = [ChatCompletionChunk.construct(**chunk) for chunk in chunks]
    assert counts(read_stream_usage(built)) == EXPLICIT


def test_openai_responses_objects():
    data: dict[str, Any] = {
        "id": "r",
        "object": "response",
        "model": "gpt-5.6",
        "output": [],
        "usage": {
            "input_tokens": 4020,
            "input_tokens_details": {"cached_tokens": 1000, "cache_write_tokens": 3012},
            "output_tokens": 5,
            "output_tokens_details": {"reasoning_tokens": 2},
            "total_tokens": 4025,
        },
    }
    wanted = some(input=4020, output=5, cache_read=1000, cache_write=3012, reasoning=2)
    answer = Response.construct(**data)
    assert counts(read_usage(answer)) == wanted
    event = ResponseCompletedEvent.construct(type="response.completed", response=answer)
    usage = read_stream_usage([event])
    assert counts(usage) == wanted
    assert usage.model == "gpt-5.6"


def test_openai_responses_object_without_the_written_count():
    details = {"cached_tokens": 0}  # older models do not send what the SDK requires
    usage = {"input_tokens": 9, "input_tokens_details": details, "output_tokens": 1}
    answer = Response.construct(id="r", output=[], usage=usage)
    assert counts(read_usage(answer)) == some(input=9, output=1, cache_read=0)


def test_anthropic_objects():
    usage: dict[str, Any] = {
        "input_tokens": 16,
        "output_tokens": 344,
        "cache_read_input_tokens": 13637,
        "cache_creation_input_tokens": 7049,
        "cache_creation": {"ephemeral_5m_input_tokens": 7049, "ephemeral_1h_input_tokens": 0},
        "output_tokens_details": {"thinking_tokens": 33},
    }
    data = {"id": "m", "type": "message", "role": "assistant", "content": [], "usage": usage}
    wanted = messages(usage)
    for answer in (
        Message.construct(model="claude-sonnet-5", **data),
        Message.model_validate({**data, "model": "claude-sonnet-5"}),
    ):
        assert counts(read_usage(answer)) == wanted
        assert counts(read_usage(answer.usage)) == wanted
        assert counts(read_usage(answer.model_dump())) == wanted


def test_anthropic_objects_without_counters():
    usage = {"input_tokens": 3, "output_tokens": 1}
    data = {"id": "m", "type": "message", "role": "assistant", "content": [], "usage": usage}
    answer = Message.model_validate({**data, "model": "claude-sonnet-5"})
    for form in (answer, answer.model_dump(), answer.usage):
        assert counts(read_usage(form)) == some(input=3, output=1)


def test_anthropic_stream_objects():
    message = {"id": "m", "type": "message", "role": "assistant", "content": [], "model": "claude"}
    start = {"input_tokens": 2, "output_tokens": 1, "cache_read_input_tokens": 1590}
    events = [
        RawMessageStartEvent.construct(type="message_start", message={**message, "usage": start}),
        RawMessageDeltaEvent.construct(
            type="message_delta", delta={"stop_reason": "end_turn"}, usage={"output_tokens": 4}
        ),
    ]
    usage = read_stream_usage(events)
    assert counts(usage) == some(input=1592, output=4, cache_read=1590)
    assert usage.model == "claude"


NATIVE = {
    "input_tokens": 1618,
    "output_tokens": 20,
    "total_tokens": 1638,
    "prompt_tokens_details": CHAT["usage"]["prompt_tokens_details"],
}


@pytest.mark.parametrize("kind", [GenerationResponse, MultiModalConversationResponse])
def test_dashscope_objects(kind):
    usage: dict[str, Any] = NATIVE
    answer = kind.from_api_response(
        kind(
            status_code=200, request_id="r", code="", message="", output={"text": "hi"}, usage=usage
        )
    )
    assert counts(read_usage(answer)) == EXPLICIT
    assert counts(read_usage(answer.usage)) == EXPLICIT
    assert read_usage(answer).provider == "dashscope"


@pytest.mark.parametrize("kind", [GenerationResponse, MultiModalConversationResponse])
def test_dashscope_objects_without_details_and_of_errors(kind):
    bare = kind(status_code=200, output={}, usage={"input_tokens": 3, "output_tokens": 1})
    assert counts(read_usage(bare)) == some(input=3, output=1)
    refused = kind(status_code=400, request_id="r", code="InvalidParameter", message="url error")
    assert not read_usage(kind.from_api_response(refused)).reported


def test_dashscope_v2_and_compatible_objects():
    assert counts(read_usage(DashScopeUsage(**NATIVE))) == EXPLICIT
    answer = DashScopeCompletion(status_code=200, **CHAT)
    assert counts(read_usage(answer)) == EXPLICIT
    assert counts(read_usage(answer.usage)) == EXPLICIT
