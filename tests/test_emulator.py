"""The emulator without an SDK: usage, refusals, streams, what is kept, and what it survives."""

from __future__ import annotations

import contextlib
import http.client
import json
import socket
import struct
import threading
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest

from wiremark import AnthropicChatFormatter, DashScopeChatFormatter, OpenAIChatFormatter
from wiremark.errors import OptionError
from wiremark.sse import read_events
from wiremark.usage import Usage

pytest.importorskip("uvicorn", reason="the extra `emulator` is not installed")
pytest.importorskip("starlette", reason="the extra `emulator` is not installed")

from wiremark.emulator import Call, Emulator, Reply, Scenario, VirtualClock
from wiremark.traffic.judging import all_findings, first_error, refusal
from wiremark.traffic.services import SERVICES

CHAT = "/v1/chat/completions"
COMPATIBLE = "/compatible-mode/v1/chat/completions"
ROUTER = "/api/v1/chat/completions"
MESSAGES = "/v1/messages"
ON_DASHSCOPE = "/apps/anthropic/v1/messages"
TEXT = "/api/v1/services/aigc/text-generation/generation"
MULTIMODAL = "/api/v1/services/aigc/multimodal-generation/generation"
POSTS = (CHAT, COMPATIBLE, ROUTER, MESSAGES, ON_DASHSCOPE, TEXT, MULTIMODAL)
VERSION = {"anthropic-version": "2023-06-01"}
MARK = {"cache_control": {"type": "ephemeral"}}
HEAD = {"type": "text", "text": "word " * 1500, **MARK}
SHORT = {"type": "text", "text": "word " * 100, **MARK}


class Got:
    """An answer as it arrived."""

    def __init__(self, response: http.client.HTTPResponse) -> None:
        self.status = response.status
        self.headers = response.headers
        self.raw = response.read()

    @property
    def json(self) -> dict[str, Any]:
        data: dict[str, Any] = json.loads(self.raw)
        return data

    @property
    def events(self) -> list[Any]:
        texts = [event.data for event in read_events(self.raw)]
        return [json.loads(text) for text in texts if text != "[DONE]"]


def send(
    emulator: Emulator,
    path: str,
    body: Any = None,
    *,
    raw: bytes | None = None,
    method: str = "POST",
    headers: dict[str, str] | None = None,
    timeout: float = 10,
) -> Got:
    connection = http.client.HTTPConnection("127.0.0.1", emulator.port, timeout=timeout)
    try:
        data = raw if raw is not None else None if body is None else json.dumps(body).encode()
        connection.request(method, path, data, headers or {})
        return Got(connection.getresponse())
    finally:
        connection.close()


def chat(*texts: Any, model: str = "qwen-plus", **more: Any) -> dict[str, Any]:
    """Return a body: a marked system message, and user messages."""
    said = [{"role": "user", "content": text} for text in texts or ("hello",)]
    messages = [{"role": "system", "content": [HEAD]}, *said]
    return {"model": model, "messages": messages, **more}


def native(*texts: Any, **parameters: Any) -> dict[str, Any]:
    body = chat(*texts)
    return {
        "model": "qwen-plus",
        "input": {"messages": body["messages"]},
        "parameters": parameters,
    }


def claude(*texts: Any, head: dict[str, Any] = HEAD, **more: Any) -> dict[str, Any]:
    said = [{"role": "user", "content": text} for text in texts or ("hello",)]
    return {
        "model": "claude-opus-5-5",
        "max_tokens": 100,
        "system": [head],
        "messages": said,
        **more,
    }


def body_for(path: str) -> dict[str, Any]:
    if path in (MESSAGES, ON_DASHSCOPE):
        return claude() if path == MESSAGES else {**claude(), "model": "qwen-plus"}
    if path == MULTIMODAL:
        body = native()
        body["input"]["messages"] = [
            {"role": "user", "content": [{"text": HEAD["text"], **MARK}]},
        ]
        return body
    return native(result_format="message") if path == TEXT else chat()


@pytest.fixture(scope="module")
def running() -> Iterator[Emulator]:
    with Emulator() as emulator:
        yield emulator


@pytest.fixture
def emulator(running: Emulator) -> Iterator[Emulator]:
    running.reset()
    yield running
    assert running.state.problems == []


# ------------------------------------------------------------------------------------ the server


def test_it_starts_and_stops_within_a_second() -> None:
    begin = time.monotonic()
    with Emulator() as emulator:
        assert send(emulator, CHAT, chat()).status == 200
        assert urlsplit(emulator.url).hostname == "127.0.0.1"
    assert time.monotonic() - begin < 2  # a second on a machine with nothing else to do
    with pytest.raises(OptionError, match="does not run"):
        emulator.port  # noqa: B018 asking is the test


def test_it_can_be_started_again_on_its_port() -> None:
    with Emulator() as emulator:
        port = emulator.port
    with Emulator(port=port) as again:
        assert again.port == port


def test_other_hosts_than_loopback_have_to_be_wanted() -> None:
    with pytest.raises(OptionError, match="not loopback"):
        Emulator(host="0.0.0.0")


def test_a_port_in_use_is_an_error_and_leaves_nothing_open(emulator: Emulator) -> None:
    with pytest.raises(OSError, match="in use"):
        Emulator(port=emulator.port).start()


# ------------------------------------------------------------------------------- what is answered


@pytest.mark.parametrize("path", POSTS)
def test_the_second_request_reads_what_the_first_one_wrote(emulator: Emulator, path: str) -> None:
    bodies = [send(emulator, path, body_for(path), headers=VERSION) for _ in range(2)]
    assert [got.status for got in bodies] == [200, 200]
    first, second = (Usage.from_response(got.json) for got in bodies)
    assert first.cache_read == 0
    assert first.cache_write
    assert first.cache_write >= 1500
    assert (second.cache_read, second.cache_write) == (first.cache_write, 0)
    for usage, record in zip((first, second), emulator.requests, strict=True):
        assert record.predicted is not None
        assert usage.input == record.predicted.input
        assert usage.cache_read == record.predicted.read
        assert usage.cache_write == record.predicted.written
        assert record.usage is not None
        assert record.usage.cache_read == usage.cache_read


def test_usage_has_the_fields_of_dashscopes_compatible_mode(emulator: Emulator) -> None:
    usage = send(emulator, COMPATIBLE, chat()).json["usage"]
    written = usage["prompt_tokens_details"]["cache_creation_input_tokens"]
    assert usage["prompt_tokens"] > written > 1500
    assert usage["prompt_tokens_details"] == {
        "cached_tokens": 0,
        "cache_creation_input_tokens": written,
        "cache_creation": {"ephemeral_5m_input_tokens": written},
        "cache_type": "ephemeral",
    }


def test_without_a_mark_dashscope_names_no_type(emulator: Emulator) -> None:
    body = {"model": "qwen-plus", "messages": [{"role": "user", "content": "hello"}]}
    usage = send(emulator, COMPATIBLE, body).json["usage"]
    assert usage["prompt_tokens_details"] == {"cached_tokens": 0}


def test_anthropic_counts_what_is_cached_beside_the_input(emulator: Emulator) -> None:
    usage = send(emulator, MESSAGES, claude(), headers=VERSION).json["usage"]
    assert usage["input_tokens"] < 50
    assert usage["cache_creation_input_tokens"] > 1400
    split = usage["cache_creation"]
    assert split["ephemeral_5m_input_tokens"] == usage["cache_creation_input_tokens"]
    assert split["ephemeral_1h_input_tokens"] == 0


def test_deepseek_and_openrouter_have_fields_of_their_own() -> None:
    with Emulator(as_="api.deepseek.com") as emulator:
        usage = send(emulator, CHAT, chat(model="deepseek-chat")).json["usage"]
        total = usage["prompt_cache_hit_tokens"] + usage["prompt_cache_miss_tokens"]
        assert total == usage["prompt_tokens"]
        usage = send(emulator, ROUTER, chat(model="qwen/qwen-plus")).json["usage"]
        assert usage["prompt_tokens_details"]["cache_write_tokens"] > 1500


def test_the_service_can_be_named_by_a_header(emulator: Emulator) -> None:
    send(emulator, CHAT, chat(), headers={"x-wiremark-host": "openrouter"})
    assert emulator.requests[-1].host == "openrouter.ai"
    assert emulator.requests[-1].protocol == "openrouter"


def test_an_entry_lives_five_minutes_of_the_virtual_clock(emulator: Emulator) -> None:
    def read() -> Any:
        usage = send(emulator, COMPATIBLE, chat()).json["usage"]
        return usage["prompt_tokens_details"]["cached_tokens"]

    assert read() == 0
    emulator.clock.advance(299)
    assert read() > 1500
    emulator.clock.advance(299)
    assert read() > 1500  # the hit renewed it
    emulator.clock.advance(301)
    assert read() == 0
    assert "expired" in str(emulator.requests[-1].predicted.miss)  # type: ignore[union-attr]


def test_below_the_minimum_nothing_is_cached(emulator: Emulator) -> None:
    for _ in range(2):
        usage = send(emulator, MESSAGES, claude(head=SHORT), headers=VERSION).json["usage"]
        assert (usage["cache_read_input_tokens"], usage["cache_creation_input_tokens"]) == (0, 0)


@pytest.mark.parametrize(("between", "hit"), [(19, True), (25, False)])
def test_a_mark_looks_back_twenty_blocks(emulator: Emulator, between: int, hit: bool) -> None:
    send(emulator, COMPATIBLE, chat())
    said = [{"type": "text", "text": f"block {index}"} for index in range(between)]
    body = chat(*([each] for each in said))
    body["messages"][0]["content"] = [{key: HEAD[key] for key in ("type", "text")}]
    body["messages"][-1]["content"][-1] |= MARK
    usage = send(emulator, COMPATIBLE, body).json["usage"]
    assert bool(usage["prompt_tokens_details"]["cached_tokens"]) is hit


def test_keys_and_models_do_not_share(emulator: Emulator) -> None:
    def read(key: str, model: str) -> Any:
        headers = {"authorization": f"Bearer {key}"}
        got = send(emulator, COMPATIBLE, chat(model=model), headers=headers)
        return got.json["usage"]["prompt_tokens_details"]["cached_tokens"]

    assert read("one", "qwen-plus") == 0
    assert read("two", "qwen-plus") == 0
    assert read("one", "qwen-flash") == 0
    assert read("one", "qwen-plus") > 1500


def test_what_a_stream_writes_is_there_when_it_has_ended() -> None:
    with Emulator([Reply(text="slow answer " * 4, pause=0.05), "quick", "last"]) as emulator:
        slow = threading.Thread(target=send, args=(emulator, COMPATIBLE, chat(stream=True)))
        slow.start()
        while not emulator.requests:
            time.sleep(0.005)
        during = send(emulator, COMPATIBLE, chat(stream=True))
        slow.join()
        after = send(emulator, COMPATIBLE, chat(stream=True))
        assert (during.status, after.status) == (200, 200)
        assert [each.ended for each in emulator.requests] == [True] * 3
        read = [each.predicted.read for each in emulator.requests if each.predicted]
        assert read[:2] == [0, 0]
        assert read[2] > 1500


# --------------------------------------------------------------------------------- what is refused


def five_marks(path: str) -> dict[str, Any]:
    parts = [{"type": "text", "text": f"part {index}", **MARK} for index in range(4)]
    if path == MESSAGES:
        return claude(parts)
    return chat(*([part] for part in parts))


def test_anthropic_refuses_a_fifth_mark_in_its_own_words(emulator: Emulator) -> None:
    got = send(emulator, MESSAGES, five_marks(MESSAGES), headers=VERSION)
    assert got.status == 400
    error = got.json["error"]
    assert got.json["type"] == "error"
    assert error["type"] == "invalid_request_error"
    assert error["message"] == (
        "A maximum of 4 blocks with cache_control may be provided. Found 5."
    )
    assert emulator.requests[0].findings[0].code == "too-many-markers"


def test_dashscope_takes_the_last_four_of_five_marks_in_silence(emulator: Emulator) -> None:
    got = send(emulator, COMPATIBLE, five_marks(COMPATIBLE))
    assert got.status == 200
    predicted = emulator.requests[0].predicted
    assert predicted is not None
    assert [mark.path for mark in predicted.marks] == [
        f"messages[{index}].content[0]" for index in (1, 2, 3, 4)
    ]


@pytest.mark.parametrize(
    ("head", "words"),
    [
        ({"type": "text", "text": "", **MARK}, "cache_control cannot be set for empty text blocks"),
        (
            {"type": "text", "text": "x", "cache_control": {"type": "ephemeral", "ttl": "5m"}},
            "a ttl='1h' cache_control block must not come after a ttl='5m'",
        ),
    ],
)
def test_anthropic_refuses_marks_in_its_own_words(
    emulator: Emulator, head: dict[str, Any], words: str
) -> None:
    late = {"type": "text", "text": "x", "cache_control": {"type": "ephemeral", "ttl": "1h"}}
    got = send(emulator, MESSAGES, claude([late], head=head), headers=VERSION)
    assert got.status == 400
    assert words in got.json["error"]["message"]


def test_anthropic_wants_its_version(emulator: Emulator) -> None:
    got = send(emulator, MESSAGES, claude())
    assert got.json["error"]["message"] == "anthropic-version: header is required"
    assert send(emulator, ON_DASHSCOPE, {**claude(), "model": "qwen-plus"}).status == 200


def test_the_version_decides_what_is_taken(emulator: Emulator) -> None:
    body = claude(temperature=0.5)
    assert send(emulator, MESSAGES, body, headers=VERSION).status == 200
    newer = {"anthropic-version": "2026-10-21"}
    assert send(emulator, MESSAGES, body, headers=newer).status == 400


def test_an_unanswered_call_is_refused_by_each_in_its_own_shape(emulator: Emulator) -> None:
    function = {"name": "f", "arguments": "{}"}
    call = {
        "role": "assistant",
        "content": "",
        "tool_calls": [{"id": "c", "type": "function", "function": function}],
    }
    messages = [{"role": "user", "content": "x"}, call, {"role": "user", "content": "y"}]
    got = send(emulator, CHAT, {"model": "gpt-5.6", "messages": messages})
    assert got.status == 400
    assert got.json["error"]["type"] == "invalid_request_error"
    assert "'tool_call_id'" in got.json["error"]["message"]
    got = send(emulator, COMPATIBLE, {"model": "qwen-plus", "messages": messages})
    assert got.json["error"]["code"] == "invalid_parameter_error"
    assert got.json["error"]["message"].startswith("<400> InternalError.Algo.InvalidParameter: An")
    assert '"tool_call_id"' in got.json["error"]["message"]
    body = {"model": "qwen-plus", "input": {"messages": messages}, "parameters": {}}
    got = send(emulator, TEXT, body)
    assert got.json["code"] == "InvalidParameter"
    assert got.json["request_id"]


def test_a_refused_native_stream_is_an_event(emulator: Emulator) -> None:
    got = send(emulator, TEXT, {"model": "m"}, headers={"X-DashScope-SSE": "enable"})
    assert got.status == 200
    assert b"event:error\n:HTTP_STATUS/400\n" in got.raw
    assert got.events[0]["code"] == "InvalidParameter"


def test_openai_names_the_parameter_that_is_missing(emulator: Emulator) -> None:
    error = send(emulator, CHAT, {"model": "gpt-5.6"}).json["error"]
    assert error == {
        "message": "Missing required parameter: 'messages'.",
        "type": "invalid_request_error",
        "param": "messages",
        "code": "missing_required_parameter",
    }


def test_a_refused_request_neither_reads_nor_writes(emulator: Emulator) -> None:
    send(emulator, MESSAGES, five_marks(MESSAGES), headers=VERSION)
    assert emulator.requests[0].predicted is None
    assert len(emulator.state.cache) == 0


def test_unknown_models_are_refused_where_models_are_named() -> None:
    with Emulator(models=["qwen-plus"]) as emulator:
        for path in POSTS:
            body = body_for(path)
            assert send(emulator, path, body | {"model": "none-such"}, headers=VERSION).status in (
                400,
                404,
            )
        body = chat(model="none-such")
        assert send(emulator, CHAT, body).json["error"]["code"] == "model_not_found"
        assert send(emulator, COMPATIBLE, chat()).status == 200
        listed = send(emulator, "/v1/models", method="GET").json
        assert [each["id"] for each in listed["data"]] == ["qwen-plus"]


# ------------------------------------------------------------------------------------- what it says


@pytest.mark.parametrize("path", POSTS)
def test_it_echoes_the_last_text_of_the_user(emulator: Emulator, path: str) -> None:
    body = json.loads(json.dumps(body_for(path)).replace("word ", "").replace('"hello"', '"Hé 1"'))
    if path == MULTIMODAL:
        body["input"]["messages"][0]["content"] = [{"text": "Hé 1"}]
    body = json.loads(json.dumps(body).replace('"text": ""', '"text": "head"'))
    got = send(emulator, path, body, headers=VERSION)
    assert json.dumps("Hé 1", ensure_ascii=False) in got.raw.decode()


@pytest.mark.parametrize("path", POSTS)
@pytest.mark.parametrize("stream", [False, True], ids=["plain", "streamed"])
def test_text_thoughts_and_calls_are_read_back_by_the_formatters(path: str, stream: bool) -> None:
    said = Reply(text="Mild. 🙂", thinking="hm", calls=(Call("weather", '{"city":"Köln"}', "c1"),))
    body, headers = body_for(path), dict(VERSION)
    if path in (TEXT, MULTIMODAL):
        formatter: Any = DashScopeChatFormatter()
        body["parameters"] = {"result_format": "message", "incremental_output": stream}
        headers |= {"X-DashScope-SSE": "enable"} if stream else {}
    else:
        formatter = OpenAIChatFormatter() if "chat" in path else AnthropicChatFormatter()
        body["stream"] = stream
    with Emulator([said]) as emulator:
        got = send(emulator, path, body, headers=headers)
    if stream:
        whole = formatter.parse_stream(iter([got.raw]))
        list(whole)
        reply = whole.reply
    else:
        reply = formatter.parse_response(got.raw)
    assert (reply.text, reply.thinking) == ("Mild. 🙂", "hm")
    assert [(each.id, each.name, each.input) for each in reply.tool_calls] == [
        ("c1", "weather", {"city": "Köln"})
    ]


def test_a_scenario_is_followed_and_then_echoed() -> None:
    replies: list[Any] = [
        "first",
        {"calls": [{"name": "weather", "arguments": {"city": "Köln"}}], "thinking": "hm"},
    ]
    with Emulator(replies) as emulator:
        said = [send(emulator, CHAT, chat()).json["choices"][0] for _ in range(3)]
    assert said[0]["message"]["content"] == "first"
    assert said[1]["finish_reason"] == "tool_calls"
    assert said[1]["message"]["reasoning_content"] == "hm"
    call = said[1]["message"]["tool_calls"][0]
    assert call["function"] == {"name": "weather", "arguments": '{"city":"Köln"}'}
    assert call["id"]
    assert said[2]["message"]["content"] == "hello"


@pytest.mark.parametrize(
    ("path", "words"),
    [
        (CHAT, "rate_limit_exceeded"),
        (COMPATIBLE, "limit_requests"),
        (ROUTER, "429"),
        (MESSAGES, "rate_limit_error"),
        (TEXT, "Throttling.RateQuota"),
    ],
)
def test_errors_of_a_scenario_have_the_shape_of_the_provider(path: str, words: str) -> None:
    with Emulator([Reply(status=429, retry_after=3), Reply(status=500, message="broken")]) as own:
        got = send(own, path, body_for(path), headers=VERSION)
        assert got.status == 429
        assert got.headers["retry-after"] == "3"
        assert words in got.raw.decode()
        got = send(own, path, body_for(path), headers=VERSION)
        assert got.status == 500
        assert "broken" in got.raw.decode()


def test_a_stream_can_be_cut() -> None:
    with Emulator([Reply(text="a long answer", cut_after=2)]) as emulator:
        with pytest.raises(http.client.IncompleteRead) as caught:
            send(emulator, CHAT, chat(stream=True))
        assert caught.value.partial.count(b"data:") == 2
        assert send(emulator, CHAT, chat()).status == 200


def test_nobody_complains_of_a_client_that_leaves_a_long_stream(
    caplog: pytest.LogCaptureFixture,
) -> None:
    calls = tuple(Call("f", '{"a": "some words"}') for _ in range(400))
    body = json.dumps(chat(stream=True)).encode()
    head = f"POST {CHAT} HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-length: {len(body)}\r\n\r\n"
    with Emulator([Reply(calls=calls)] * 3) as emulator:
        for _ in range(3):
            with socket.create_connection(("127.0.0.1", emulator.port), 10) as client:
                client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                client.sendall(head.encode() + body)
                assert client.recv(20)
        assert send(emulator, CHAT, chat()).status == 200
    assert [each.getMessage() for each in caplog.records if each.name == "asyncio"] == []


def test_an_answer_can_come_late_and_a_client_may_leave() -> None:
    with Emulator([Reply(delay=60), Reply(text="late", delay=0.1)]) as emulator:
        with pytest.raises(TimeoutError):
            send(emulator, COMPATIBLE, chat(), timeout=0.2)
        begin = time.monotonic()
        assert send(emulator, COMPATIBLE, chat()).json["choices"][0]["message"]["content"] == "late"
        assert time.monotonic() - begin >= 0.1
        assert [record.ended for record in emulator.requests] == [True, True]


def test_an_emulator_stops_while_an_answer_hangs() -> None:
    with Emulator([Reply(delay=60)]) as emulator:
        asked = threading.Thread(target=lambda: send(emulator, CHAT, chat()))
        asked.start()
        while not emulator.requests:
            time.sleep(0.005)
        begin = time.monotonic()
    assert time.monotonic() - begin < 5
    asked.join(5)
    assert not asked.is_alive()


def test_kimi_names_what_is_cached_at_the_top() -> None:
    with Emulator(as_="api.moonshot.cn") as emulator:
        body = {"model": "kimi-k3", "messages": [{"role": "user", "content": "word " * 1500}]}
        usages = [send(emulator, CHAT, body).json["usage"] for _ in range(2)]
    assert usages[0]["cached_tokens"] == 0
    assert usages[1]["cached_tokens"] == usages[1]["prompt_tokens_details"]["cached_tokens"] > 1400


def test_a_chunk_can_be_malformed() -> None:
    with Emulator([Reply(text="a long answer", malformed_at=1), Reply(malformed_at=0)]) as emulator:
        texts = [event.data for event in read_events(send(emulator, CHAT, chat(stream=True)).raw)]
        json.loads(texts[0])
        with pytest.raises(json.JSONDecodeError):
            json.loads(texts[1])
        with pytest.raises(json.JSONDecodeError):
            _ = send(emulator, CHAT, chat()).json


@pytest.mark.parametrize(
    ("reply", "path"),
    [
        (3, "scenario[0]"),
        ({"txt": "x"}, "scenario[0]"),
        ({"status": 302}, "scenario[0].status"),
        ({"delay": float("nan")}, "scenario[0].delay"),
        ({"calls": "x"}, "scenario[0].calls"),
        ({"calls": [{"id": "c"}]}, "scenario[0].calls[0]"),
        ({"cut_after": -1}, "scenario[0].cut_after"),
        ({"text": 3}, "scenario[0].text"),
    ],
)
def test_a_scenario_that_cannot_be_read_says_where(reply: Any, path: str) -> None:
    with pytest.raises(OptionError) as caught:
        Scenario([reply])
    assert caught.value.path == path


def test_a_scenario_is_read_from_a_file(tmp_path: Any) -> None:
    file = tmp_path / "scenario.json"
    file.write_text(json.dumps({"replies": ["one", {"status": 500}]}))
    scenario = Scenario.load(file)
    assert (scenario.take().text, scenario.take().status, scenario.left) == ("one", 500, 0)
    assert scenario.take().text is None


def test_the_clock_moves_forwards_only() -> None:
    clock = VirtualClock()
    assert clock.advance(1.5) == clock.now() == 1.5
    for bad in (-1, float("nan"), float("inf")):
        with pytest.raises(OptionError):
            clock.advance(bad)


# ------------------------------------------------------------------------------------------ streams


def test_a_chat_stream_has_usage_only_where_it_is_asked_for(emulator: Emulator) -> None:
    bare = send(emulator, COMPATIBLE, chat(stream=True)).events
    assert all("usage" not in chunk for chunk in bare)
    asked = chat(stream=True, stream_options={"include_usage": True})
    chunks = send(emulator, COMPATIBLE, asked).events
    assert chunks[-1]["choices"] == []
    assert chunks[-1]["usage"]["prompt_tokens_details"]["cached_tokens"] > 1500
    assert {json.dumps(chunk["usage"]) for chunk in chunks[:-1]} == {"null"}


def test_openrouter_has_usage_beside_the_last_choice(emulator: Emulator) -> None:
    got = send(emulator, ROUTER, chat(stream=True))
    assert got.raw.startswith(b": OPENROUTER PROCESSING")
    assert got.events[-1]["usage"]["prompt_tokens_details"]["cache_write_tokens"] > 1500
    assert got.events[-1]["choices"][0]["finish_reason"] == "stop"


def test_cache_counts_of_messages_come_first_or_last(emulator: Emulator) -> None:
    own = send(emulator, MESSAGES, claude(stream=True), headers=VERSION).events
    assert own[0]["message"]["usage"]["cache_creation_input_tokens"] > 1400
    repeated = own[-2]["usage"]["cache_creation_input_tokens"]
    assert repeated == own[0]["message"]["usage"]["cache_creation_input_tokens"]
    body = {**claude(stream=True), "model": "qwen-plus"}
    other = send(emulator, ON_DASHSCOPE, body).events
    assert "cache_creation_input_tokens" not in other[0]["message"]["usage"]
    assert other[-2]["usage"]["cache_creation_input_tokens"] > 1400


@pytest.mark.parametrize("path", [TEXT, MULTIMODAL])
@pytest.mark.parametrize("incremental", [True, False])
def test_native_events_bring_what_is_new_or_all_so_far(path: str, incremental: bool) -> None:
    text = "abcdefghijklmnop"
    with Emulator([Reply(text=text, thinking="hmm, well")]) as emulator:
        body = body_for(path)
        body["parameters"] = {"result_format": "message", "incremental_output": incremental}
        got = send(emulator, path, body, headers={"X-DashScope-SSE": "enable"})
    choices = [event["output"]["choices"][0] for event in got.events]
    contents = [choice["message"]["content"] for choice in choices]
    if path == MULTIMODAL:
        contents = ["".join(part["text"] for part in content) for content in contents]
    thoughts = [choice["message"].get("reasoning_content", "") for choice in choices]
    if incremental:
        assert "".join(contents) == text
        assert "".join(thoughts) == "hmm, well"
    else:
        assert contents[-1] == text
        assert thoughts[-1] == "hmm, well"
        assert all(text.startswith(content) for content in contents)
    assert [choice["finish_reason"] for choice in choices[:-1]] == ["null"] * (len(choices) - 1)
    assert choices[-1]["finish_reason"] == "stop"
    assert got.events[-1]["usage"]["output_tokens"] >= 1


# --------------------------------------------------------------------------------- what is kept


def test_every_request_is_kept_with_its_bytes_and_without_its_secrets(emulator: Emulator) -> None:
    raw = b' {"model":"qwen-plus", "messages" :[{"role":"user","content":"x"}]}\n'
    headers = {"Authorization": "Bearer sk-secret-1", "X-Api-Key": "sk-secret-2", "cookie": "s=3"}
    send(emulator, f"{CHAT}?api_key=sk-secret-4&a=b", raw=raw, headers=headers)
    record = emulator.requests[0]
    assert record.raw == raw
    assert record.body["model"] == record.model == "qwen-plus"
    assert record.header("authorization") == "Bearer ***"
    assert (record.header("x-api-key"), record.header("cookie")) == ("***", "***")
    assert record.query == "api_key=%2A%2A%2A&a=b"
    kept = json.dumps(record.to_dict()) + repr(record)
    assert "secret" not in kept


def test_only_the_latest_requests_are_kept() -> None:
    with Emulator(keep=3) as emulator:
        for _ in range(5):
            send(emulator, CHAT, chat())
        assert [record.index for record in emulator.requests] == [2, 3, 4]


def test_requests_can_be_read_over_http(emulator: Emulator) -> None:
    send(emulator, COMPATIBLE, chat())
    send(emulator, COMPATIBLE, chat())
    told = send(emulator, "/_wiremark/requests", method="GET").json
    assert [each["index"] for each in told["requests"]] == [0, 1]
    assert told["requests"][1]["predicted"]["read"] > 1500
    assert told["requests"][0]["marks"] == [
        {
            "path": "messages[0].content[0]",
            "key": "cache_control",
            "value": {"type": "ephemeral"},
        }
    ]
    later = send(emulator, "/_wiremark/requests?after=0&bodies=0", method="GET").json
    assert [each["index"] for each in later["requests"]] == [1]
    assert "body" not in later["requests"][0]
    now = emulator.clock.now()
    assert send(emulator, "/_wiremark/clock?advance=301").json == {"now": now + 301}
    assert send(emulator, "/_wiremark/clock?advance=-1").status == 400
    assert len(emulator.requests) == 2


def test_any_text_can_be_echoed_and_read_over_http(emulator: Emulator) -> None:
    raw = rb'{"model":"m","messages":[{"role":"user","content":"a \ud800 <b>\u2028"}]}'
    for body in (raw, raw[:-1] + b',"stream":true}', b'{"a":' * 900 + b"1" + b"}" * 900):
        send(emulator, CHAT, raw=body)
    told = send(emulator, "/_wiremark/requests", method="GET").json["requests"]
    assert [each["status"] for each in told] == [200, 200, 400]
    assert told[0]["body"]["messages"][0]["content"] == "a \ud800 <b>\u2028"
    assert told[2]["body"]["a"]["a"]


def test_the_page_loads_nothing_from_elsewhere(emulator: Emulator) -> None:
    got = send(emulator, "/_wiremark", method="GET")
    assert got.headers["content-type"].startswith("text/html")
    assert "default-src 'none'" in got.headers["content-security-policy"]
    assert b"http" not in got.raw.replace(b"httpRequest", b"")
    assert b"innerHTML" not in got.raw


@pytest.mark.parametrize(
    "headers", [{"host": "evil.example"}, {"origin": "https://evil.example"}], ids=str
)
def test_others_may_not_look_into_it(emulator: Emulator, headers: dict[str, str]) -> None:
    for path in ("/_wiremark", "/_wiremark/requests"):
        assert send(emulator, path, method="GET", headers=headers).status == 403
    now = emulator.clock.now()
    assert send(emulator, "/_wiremark/clock?advance=9", headers=headers).status == 403
    assert emulator.clock.now() == now


# ------------------------------------------------------------------------------------ robustness

BAD = [
    b"",
    b"{",
    b"[]",
    b"null",
    b'"x"',
    b"\xff\xfe",
    b"NaN",
    b'{"model":1}',
    b'{"model":"m","messages":[null]}',
    b'{"model":"m","messages":[{"role":"user","content":[null,3,{"type":[]}]}],"tools":{"a":1}}',
    b'{"model":"m","input":{"messages":[[]]},"parameters":[]}',
    b'{"model":"m","max_tokens":1,"system":{"a":[]},"messages":[{"role":{},"content":{}}]}',
    b'{"a":' * 5000 + b"1" + b"}" * 5000,
]


@pytest.mark.parametrize("path", POSTS)
def test_what_is_no_request_gets_an_error_of_the_provider(emulator: Emulator, path: str) -> None:
    for raw in BAD:
        got = send(emulator, path, raw=raw, headers=VERSION)
        assert got.status == 400, raw[:60]
        problem = got.json
        assert "Traceback" not in got.raw.decode()
        assert problem["message"] if path in (TEXT, MULTIMODAL) else problem["error"]["message"]


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH"])
def test_other_methods_and_paths_get_an_error_of_the_provider(
    emulator: Emulator, method: str
) -> None:
    for path in POSTS:
        got = send(emulator, path, method=method)
        assert (got.status, got.headers["allow"]) == (405, "POST")
        assert got.json
    assert send(emulator, "/none", method=method).json["error"]["message"]
    got = send(emulator, "/api/v1/uploads?action=getPolicy", method="GET")
    assert got.json["code"]
    assert emulator.requests[-1].path == "/api/v1/uploads"


def test_a_body_that_is_too_large_is_refused_and_not_kept() -> None:
    with Emulator(max_body=1 << 20) as emulator:
        raw = b"x" * (2 << 20)
        for path, words in (
            (MESSAGES, "request_too_large"),
            (CHAT, "too large"),
            (TEXT, "Payload Too Large"),
        ):
            got = send(emulator, path, raw=raw, headers=VERSION)
            assert got.status == 413
            assert words in got.raw.decode()
        assert {record.raw for record in emulator.requests} == {b""}


def test_a_fault_of_the_emulator_is_an_error_of_the_provider_too(
    emulator: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any, **__: Any) -> Any:
        raise ZeroDivisionError("a fault")

    with monkeypatch.context() as patch:
        patch.setattr("wiremark.emulator.state.refusal", fail)
        got = send(emulator, CHAT, chat())
    assert got.status == 500
    assert got.json["error"]["type"] == "server_error"
    assert "Zero" not in got.raw.decode()
    assert emulator.state.problems == ["ZeroDivisionError: a fault"]
    emulator.requests[0].problem = ""


@pytest.mark.parametrize("path", POSTS)
def test_what_is_refused_is_what_the_validator_calls_an_error(path: str) -> None:
    service = SERVICES[path]
    bodies = [body_for(path), five_marks(path), claude(head={**HEAD, "text": ""}), {}, {"model": 3}]
    for raw in BAD:
        with contextlib.suppress(ValueError, RecursionError):
            bodies.append(json.loads(raw))
    for body in bodies:
        expected = first_error(all_findings(body, service, None))
        assert refusal(body, service, None) == expected
    assert refusal(body_for(path), service, None) is None


def test_many_streams_at_a_time_all_end(emulator: Emulator) -> None:
    ended: list[int] = []

    def one(number: int) -> None:
        got = send(emulator, COMPATIBLE, chat(f"question {number}", stream=True))
        if got.raw.endswith(b"[DONE]\n\n"):
            ended.append(number)

    threads = [threading.Thread(target=one, args=(number,)) for number in range(40)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(ended) == list(range(40))
    assert all(record.ended for record in emulator.requests)


def test_importing_wiremark_needs_no_server() -> None:
    import subprocess
    import sys

    code = "import wiremark.emulator, sys; assert not {'starlette', 'uvicorn'} & set(sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False)
    assert done.stderr == b""
