"""What providers were recorded to answer, against what the emulator answers to the same request.

Compared is the shape: the keys at every level, the kind of each value, and in streams which kinds
of event follow each other. What may differ is named in `ALLOWED`, each with its reason.
"""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator
from fnmatch import fnmatchcase
from itertools import groupby
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from wiremark.sse import read_events

pytest.importorskip("uvicorn", reason="the extra `emulator` is not installed")
pytest.importorskip("starlette", reason="the extra `emulator` is not installed")

from wiremark.emulator import Call, Emulator, Reply

TEXT = "/api/v1/services/aigc/text-generation/generation"
MULTIMODAL = "/api/v1/services/aigc/multimodal-generation/generation"


class Exchange(NamedTuple):
    """One recorded call: who answered, where it is sent at the emulator, and what was said."""

    name: str
    family: str
    path: str
    headers: dict[str, str]
    request: Any
    response: Any
    streamed: bool


# ------------------------------------------------------------------------------- what may differ

RECORDED_ONLY = {
    "anthropic: container": "no code is run",
    "anthropic: content<bash_code_execution_tool_result>": "no code is run",
    "anthropic: content<server_tool_use>": "no server tool is run",
    "anthropic: usage.server_tool_use": "no server tool is run",
    "openrouter: *usage.server_tool_use_details": "no server tool is run",
    "openrouter: *annotations": "no search is made",
    "openrouter: *reasoning_details<*": "the form of a thought is that of the service behind",
    "native: *output.search_info": "no search is made",
    "native: *usage.plugins": "no search is made",
    "native: *usage.image_tokens": "media is not counted by itself",
    "native: *usage.input_tokens_details": "media is not counted by itself",
    "native: *usage.cached_tokens": "qwen-doc-turbo alone, in place of the details",
    "api.mistral.ai: *.tool_calls": "null without a call, where others have nothing",
    "api.mistral.ai: usage.num_cached_tokens": "some of its models, in place of the details",
    "api.z.ai: request_id": "nobody else's; also in id",
}
EMULATED_ONLY = {
    "anthropic: stop_details": "not yet in the oldest recording",
    "anthropic: usage.output_tokens_details": "not of every model",
    "openrouter: *reasoning_details<*": "the form of a thought is that of the service behind",
    "openrouter: *service_tier": "not of every service behind",
    "openrouter: *system_fingerprint": "not of every service behind",
    "openrouter: *logprobs": "not of every service behind",
    "openrouter: *usage.completion_tokens_details.audio_tokens": "not of every service behind",
    "openrouter: *usage.prompt_tokens_details.cache_write_tokens": "not of every service behind",
    "openrouter: *usage.is_byok": "not of every service behind",
    "native: usage.total_tokens": "not of qwen-vl-plus and qwen-vl-ocr",
    "native: *usage.prompt_tokens_details": "not of every model",
    "api.*: *logprobs": "null, as at most services in OpenAI's form",
    "api.*: system_fingerprint": "null, as at most services in OpenAI's form",
    "api.mistral.ai: choices<>.message.tool_calls<function>.type": "not at Mistral",
    "api.mistral.ai: usage.prompt_tokens_details": "some of its models have num_cached_tokens",
}


# --------------------------------------------------------------------------------- what is compared


def kind(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int | float):
        return "number"
    return {dict: "object", list: "array", str: "text"}[type(value)]


def shape(value: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """Yield the path of each value and its kind; parts of an array are told apart by their type."""
    if path:
        yield path, kind(value)
    if isinstance(value, dict):
        for key, each in value.items():
            if path.endswith(".input"):
                continue  # what a tool is called with is the caller's
            yield from shape(each, f"{path}.{key}" if path else key)
    elif isinstance(value, list):
        for each in value:
            of = ""
            if isinstance(each, dict):
                of = str(each.get("type") or ("function" if "function" in each else ""))
            yield from shape(each, f"{path}<{of}>")


class Difference(NamedTuple):
    """A value that only one of two answers has, or has of another kind."""

    recorded: bool
    place: str
    kind: str

    @property
    def reasons(self) -> set[str]:
        """Return the names under which it is allowed."""
        allowed = RECORDED_ONLY if self.recorded else EMULATED_ONLY
        return {
            name
            for name in allowed
            if any(fnmatchcase(self.place, each) for each in (name, f"{name}.*", f"{name}<*"))
        }


def different(family: str, recorded: Any, emulated: Any) -> Iterator[Difference]:
    """Yield what only one of the two has; nothing in place of a value is no other kind."""
    one, other = set(shape(recorded)), set(shape(emulated))
    for mine, theirs in ((one, other), (other, one)):
        for path, what in sorted(mine):
            kinds = {kind for at, kind in theirs if at == path}
            if not kinds or not (what in kinds or "null" in (what, *kinds)):
                yield Difference(mine is one, f"{family}: {path}", what)


def events(raw: str) -> list[Any]:
    texts = [event.data for event in read_events(raw.encode())]
    return [text if text == "[DONE]" else json.loads(text) for text in texts]


def step(event: Any) -> str:
    """Return what an event of a stream brings."""
    if event == "[DONE]":
        return "done"
    if "type" in event:
        return str(event["type"])
    if "output" in event:
        event = {"choices": event["output"].get("choices", [])}
    if not event["choices"]:
        return "usage"
    choice = event["choices"][0]
    delta = choice.get("delta", choice.get("message", {}))
    thought = delta.get("reasoning_content") or delta.get("reasoning")
    brings = ["thought"] * bool(thought)
    brings += ["text"] * bool(delta.get("content"))
    brings += ["call"] * bool(delta.get("tool_calls"))
    ends = choice["finish_reason"] not in (None, "null")
    return " ".join([*brings, *["end"] * ends])


def steps(sent: list[Any]) -> list[str]:
    """Return what the events bring, in order, each once while it lasts; some bring nothing."""
    return [name for name, _ in groupby(filter(None, map(step, sent)))]


# ------------------------------------------------------------------------------- what was recorded


def exchanges(folder: Path) -> Iterator[Exchange]:
    """Yield the recorded calls at services that the emulator has, apart from Responses."""
    for line in (folder / "real" / "exchanges.jsonl").read_text().splitlines():
        row = json.loads(line)
        host, path = row["host"], row["path"]
        if not path.endswith(("/messages", "/chat/completions")):
            continue
        family = {"api.openai.com": "openai", "api.anthropic.com": "anthropic"}.get(host)
        family = family or ("openrouter" if host == "openrouter.ai" else host)
        headers = {"anthropic-version": "2023-06-01"} if family == "anthropic" else {}
        if family == host:
            path, headers = "/v1/chat/completions", {"x-wiremark-host": host}
        response = events(row["response"]) if row["stream"] else row["response"]
        yield Exchange(row["id"], family, path, headers, row["request"], response, row["stream"])
    for line in (folder / "real" / "dashscope_native.jsonl").read_text().splitlines():
        row = json.loads(line)
        name = row["name"]
        if name.startswith(("application", "deep-research", "multimodal-generation-image")):
            continue  # an application's own protocol, and models that say no message
        path = MULTIMODAL if name.startswith("multimodal") else TEXT
        streamed = name.endswith("-sse")
        headers = {"X-DashScope-SSE": "enable"} if streamed else {}
        response = events(row["response"]) if streamed else json.loads(row["response"])
        yield Exchange(name, "native", path, headers, row["request"], response, streamed)


def said(exchange: Exchange) -> Reply:
    """Return what was said, as a scenario says it."""
    told = exchange.response if exchange.streamed else [exchange.response]
    text, thought = "", ""
    calls: dict[int, list[str]] = {}
    for event in told:
        if event == "[DONE]":
            continue
        if exchange.family == "anthropic":
            for block in event["content"]:
                text += block.get("text", "")
                thought += block.get("thinking", "")
                if block["type"] == "thinking":
                    thought = thought or "hm"  # some models show the signature alone
                if block["type"] == "tool_use":
                    calls[len(calls)] = [block["id"], block["name"], json.dumps(block["input"])]
            continue
        for choice in event.get("output", event).get("choices", [])[:1]:
            delta = choice["delta"] if "delta" in choice else choice["message"]
            content = delta.get("content") or ""
            text += content if isinstance(content, str) else "".join(p["text"] for p in content)
            thought += delta.get("reasoning_content") or delta.get("reasoning") or ""
            for index, call in enumerate(delta.get("tool_calls") or []):
                own = calls.setdefault(call.get("index", index), ["", "", ""])
                own[0] += call.get("id") or ""
                own[1] += call["function"].get("name") or ""
                own[2] += call["function"].get("arguments") or ""
    made = tuple(Call(name, arguments, own_id) for own_id, name, arguments in calls.values())
    return Reply(text=text, thinking=thought, calls=made)


@pytest.fixture(scope="module")
def emulator() -> Iterator[Emulator]:
    with Emulator() as emulator:
        yield emulator


def ask(emulator: Emulator, exchange: Exchange, reply: Reply | None = None) -> Any:
    emulator.reset([reply or said(exchange)])
    connection = http.client.HTTPConnection("127.0.0.1", emulator.port, timeout=10)
    try:
        body = json.dumps(exchange.request).encode()
        connection.request("POST", exchange.path, body, exchange.headers)
        response = connection.getresponse()
        raw = response.read().decode()
    finally:
        connection.close()
    assert response.status == 200, raw
    return events(raw) if exchange.streamed else json.loads(raw)


@pytest.fixture(scope="module")
def compared(emulator: Emulator, shared_dir: Path) -> list[tuple[Exchange, Any]]:
    """Return each recorded call with what the emulator answers."""
    return [(exchange, ask(emulator, exchange)) for exchange in exchanges(shared_dir)]


def test_answers_have_the_shape_that_was_recorded(compared: list[tuple[Exchange, Any]]) -> None:
    told = [
        (exchange.name, each)
        for exchange, answer in compared
        for each in different(exchange.family, exchange.response, answer)
        if not each.reasons
    ]
    assert told == []
    assert len(compared) == 46


def test_streams_bring_things_in_the_order_that_was_recorded(
    compared: list[tuple[Exchange, Any]],
) -> None:
    streamed = [(each, answer) for each, answer in compared if each.streamed]
    assert len(streamed) == 9
    for exchange, answer in streamed:
        assert steps(answer) == steps(exchange.response), exchange.name


def test_no_difference_is_allowed_that_is_not_there(compared: list[tuple[Exchange, Any]]) -> None:
    used = {
        (each.recorded, name)
        for exchange, answer in compared
        for each in different(exchange.family, exchange.response, answer)
        for name in each.reasons
    }
    assert used == {(True, name) for name in RECORDED_ONLY} | {
        (False, name) for name in EMULATED_ONLY
    }


# -------------------------------------------------------- streams that others have recorded in part


def sent(emulator: Emulator, path: str, reply: Reply, body: dict[str, Any]) -> list[Any]:
    headers = {"anthropic-version": "2023-06-01"}
    asked = {**body, "stream": True}
    told = ask(emulator, Exchange("", "", path, headers, asked, None, streamed=True), reply)
    assert isinstance(told, list)
    return told


USER = [{"role": "user", "content": "x"}]
TWO = (Call("f", '{"a": 1}', "c1"), Call("g", "{}", "c2"))


def test_dashscope_restates_an_empty_id_from_the_second_piece_of_a_call_on(
    emulator: Emulator,
) -> None:
    # anomalyco/opencode#40969, captured from qwen3.8-max; also symfony/ai#2220
    body = {"model": "qwen3.8-max", "messages": USER}
    chunks = sent(emulator, "/compatible-mode/v1/chat/completions", Reply(calls=TWO), body)
    calls = [
        call
        for chunk in chunks
        if chunk != "[DONE]"
        for call in chunk["choices"][0]["delta"].get("tool_calls", [])
    ]
    first, *more = [call for call in calls if call["index"] == 0]
    assert first == {
        "index": 0,
        "id": "c1",
        "type": "function",
        "function": {"name": "f", "arguments": ""},
    }
    assert {(each["id"], each["type"], *each["function"]) for each in more} == {
        ("", "function", "arguments")
    }


def test_dashscope_has_text_and_thought_in_each_chunk_of_a_thinking_model(
    emulator: Emulator,
) -> None:
    # captures of qwen-plus with enable_thinking, 2025-11-25
    body = {"model": "qwen-plus", "messages": USER, "stream_options": {"include_usage": True}}
    reply = Reply(text="Two.", thinking="hm")
    chunks = sent(emulator, "/compatible-mode/v1/chat/completions", reply, body)
    deltas = [chunk["choices"][0]["delta"] for chunk in chunks[:-2]]
    assert deltas == [
        {"content": None, "role": "assistant", "reasoning_content": ""},
        {"content": None, "reasoning_content": "hm"},
        {"content": "Two.", "reasoning_content": None},
        {"content": "", "reasoning_content": None},
    ]
    usage = chunks[-2]["usage"]
    assert usage["completion_tokens_details"].keys() == {"reasoning_tokens"}
    assert usage["prompt_tokens_details"] == {"cached_tokens": 0}


def test_anthropic_streams_as_it_was_recorded(emulator: Emulator) -> None:
    # pydantic-ai, claude-fable-5-1 (2026-09) and claude-sonnet-4-6, streamed
    body = {"model": "claude-fable-5-1", "max_tokens": 100, "messages": USER}
    told = sent(emulator, "/v1/messages", Reply(text="Two.", calls=TWO[:1]), body)
    assert [event["type"] for event in told] == [
        "message_start",
        "content_block_start",
        "ping",
        "content_block_delta",
        "content_block_stop",
        "content_block_start",
        "content_block_delta",
        "content_block_delta",
        "content_block_delta",
        "content_block_stop",
        "message_delta",
        "message_stop",
    ]
    message = told[0]["message"]
    assert message.keys() == {
        *("id", "type", "role", "model", "content"),
        *("stop_reason", "stop_sequence", "stop_details", "usage"),
    }
    counts = {"input_tokens", "cache_creation_input_tokens", "cache_read_input_tokens"}
    assert message["usage"].keys() == counts | {
        *("cache_creation", "output_tokens", "service_tier", "inference_geo"),
    }
    assert told[6]["delta"] == {"type": "input_json_delta", "partial_json": ""}
    assert told[-2]["delta"].keys() == {"stop_reason", "stop_sequence", "stop_details"}
    assert told[-2]["usage"].keys() == counts | {"output_tokens", "output_tokens_details"}
