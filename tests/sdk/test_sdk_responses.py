"""What the released SDKs make of responses and streams is read like the bytes themselves."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from wiremark import (
    AnthropicChatFormatter,
    DashScopeChatFormatter,
    OpenAIChatFormatter,
)
from wiremark.base import BaseFormatter
from wiremark.base.reply import Delta, Reply
from wiremark.errors import ResponseError

pytestmark = pytest.mark.sdk

MESSAGES: list[Any] = [{"role": "user", "content": "Weather?"}]
INPUTS = {"a": {"city": "Köln"}, "b": {}}


class Script:
    """What the provider answers next: an event stream, or a body."""

    def __init__(self, server: Any) -> None:
        self.base = server.base
        self._server = server

    def stream(self, events: list[str]) -> bytes:
        self._server.answer = (200, "text/event-stream", events)
        return "".join(events).encode()

    def whole(self, body: dict[str, Any], status: int = 200) -> dict[str, Any]:
        self._server.answer = (status, "application/json", [json.dumps(body)])
        return body


@pytest.fixture(scope="module")
def scripted(_server: Any) -> Any:
    class Scripted(_server.RequestHandlerClass):  # type: ignore[misc, name-defined]
        def do_POST(self) -> None:  # noqa: N802 the name that http.server calls
            self._keep(self.rfile.read(int(self.headers["Content-Length"])))
            self._send(*self.server.answer)

    _server.RequestHandlerClass = Scripted
    return _server


@pytest.fixture
def script(scripted: Any, provider: Any) -> Script:
    return Script(scripted)


def read(formatter: BaseFormatter, stream: Any, **more: Any) -> tuple[list[Delta], Reply]:
    found = formatter.parse_stream(stream, **more)
    return list(found), found.reply


async def read_async(formatter: BaseFormatter, stream: AsyncIterator[Any]) -> Any:
    found = formatter.parse_stream(stream)
    return [delta async for delta in found], found.reply


def data(chunks: list[dict[str, Any]], form: str = "data: {}\n\n") -> list[str]:
    return [form.format(json.dumps(chunk, ensure_ascii=False)) for chunk in chunks]


# ------------------------------------------------------------------------------------------ openai

CHAT_USAGE = {
    "prompt_tokens": 1310,
    "completion_tokens": 10,
    "total_tokens": 1320,
    "prompt_tokens_details": {"cached_tokens": 1200, "cache_creation_input_tokens": 100},
}
CHAT_MESSAGE = {
    "role": "assistant",
    "content": "Hello 🙂",
    "reasoning_content": "Hm.",
    "tool_calls": [
        {
            "id": key,
            "type": "function",
            "function": {"name": "weather", "arguments": json.dumps(given)},
        }
        for key, given in INPUTS.items()
    ],
}
CHAT = {
    "id": "chatcmpl-1",
    "object": "chat.completion",
    "created": 1,
    "model": "qwen-plus",
    "choices": [{"index": 0, "message": CHAT_MESSAGE, "finish_reason": "tool_calls"}],
    "usage": CHAT_USAGE,
}


def chat_events() -> list[str]:
    head = {**CHAT, "object": "chat.completion.chunk", "usage": None}

    def chunk(reason: str | None = None, **delta: Any) -> dict[str, Any]:
        return {**head, "choices": [{"index": 0, "delta": delta, "finish_reason": reason}]}

    def call(index: int, key: str | None, arguments: str) -> dict[str, Any]:
        named = {"id": key, "type": "function"} if key else {}
        function = {"name": "weather", "arguments": arguments} if key else {"arguments": arguments}
        return chunk(tool_calls=[{"index": index, **named, "function": function}])

    first = json.dumps(INPUTS["a"])
    chunks = [
        chunk(role="assistant", content=""),
        chunk(reasoning_content="H"),
        chunk(reasoning_content="m."),
        chunk(content="Hello "),
        chunk(content="🙂"),
        call(0, "a", ""),
        call(1, "b", ""),
        call(0, None, first[:7]),
        call(1, None, "{}"),
        call(0, None, first[7:]),
        chunk("tool_calls"),
        {**head, "choices": [], "usage": CHAT_USAGE},
    ]
    return [*data(chunks), "data: [DONE]\n\n"]


@pytest.fixture
def openai_client(openai: Any, script: Script) -> Iterator[Any]:
    with openai.OpenAI(base_url=f"{script.base}/v1", api_key="test", max_retries=0) as client:
        yield client


def test_a_completion_of_openai_is_read_like_its_json(openai_client: Any, script: Script) -> None:
    formatter = OpenAIChatFormatter()
    body = script.whole(CHAT)
    completion = openai_client.chat.completions.create(model="m", messages=MESSAGES)
    reply = formatter.parse_response(completion)
    assert reply == formatter.parse_response(body)
    assert {call.id: call.input for call in reply.tool_calls} == INPUTS
    assert (reply.thinking, reply.text) == ("Hm.", "Hello 🙂")
    assert reply.usage is not None
    assert (reply.usage.cache_read, reply.usage.cache_write) == (1200, 100)


def test_chunks_of_openai_are_read_like_their_bytes(openai_client: Any, script: Script) -> None:
    formatter = OpenAIChatFormatter()
    stream = script.stream(chat_events())
    chunks = openai_client.chat.completions.create(model="m", messages=MESSAGES, stream=True)
    found = read(formatter, chunks)
    assert found == read(formatter, stream)
    assert found[1] == formatter.parse_response(CHAT)


def test_events_of_openais_helper_are_read_like_chunks(openai_client: Any, script: Script) -> None:
    formatter = OpenAIChatFormatter()
    stream = script.stream(chat_events())
    with openai_client.chat.completions.stream(model="m", messages=MESSAGES) as events:
        assert read(formatter, events) == read(formatter, stream)


def test_async_chunks_of_openai_are_read_alike(openai: Any, script: Script) -> None:
    formatter = OpenAIChatFormatter()
    stream = script.stream(chat_events())

    async def go() -> Any:
        base = f"{script.base}/v1"
        async with openai.AsyncOpenAI(base_url=base, api_key="test", max_retries=0) as client:
            chunks = await client.chat.completions.create(model="m", messages=MESSAGES, stream=True)
            return await read_async(formatter, chunks)

    assert asyncio.run(go()) == read(formatter, stream)


def test_raw_bytes_of_an_http_client_are_read(openai_client: Any, script: Script) -> None:
    formatter = OpenAIChatFormatter()
    stream = script.stream(chat_events())
    sent = {"model": "m", "messages": MESSAGES, "stream": True}
    with openai_client.chat.completions.with_streaming_response.create(**sent) as response:
        assert read(formatter, response.iter_bytes(7)) == read(formatter, stream)


# --------------------------------------------------------------------------------------- anthropic

CONTENT: list[dict[str, Any]] = [
    {"type": "thinking", "thinking": "Hm\u2028.", "signature": "EqQC+/=="},
    {"type": "redacted_thinking", "data": "Emwe/+="},
    {"type": "server_tool_use", "id": "s", "name": "web_search", "input": {"query": "x"}},
    {"type": "text", "text": "Hello 🙂"},
    *(
        {"type": "tool_use", "id": key, "name": "weather", "input": given}
        for key, given in INPUTS.items()
    ),
]
MESSAGE: dict[str, Any] = {
    "id": "msg_1",
    "type": "message",
    "role": "assistant",
    "model": "claude-x",
    "content": CONTENT,
    "stop_reason": "tool_use",
    "stop_sequence": None,
    "usage": {
        "input_tokens": 10,
        "cache_read_input_tokens": 1200,
        "cache_creation_input_tokens": 100,
        "output_tokens": 5,
    },
}


def message_events() -> list[str]:
    start = {**MESSAGE, "content": [], "stop_reason": None}
    start["usage"] = {**MESSAGE["usage"], "output_tokens": 1}
    out: list[dict[str, Any]] = [{"type": "message_start", "message": start}, {"type": "ping"}]
    for index, block in enumerate(CONTENT):
        begun, deltas = dict(block), []
        if block["type"] in ("text", "thinking"):
            kind = block["type"]
            begun[kind] = ""
            deltas = [
                {"type": f"{kind}_delta", kind: part} for part in (block[kind][:2], block[kind][2:])
            ]
        if "signature" in block:
            begun["signature"] = ""
            deltas.append({"type": "signature_delta", "signature": block["signature"]})
        if "input" in block:
            begun["input"] = {}
            text = json.dumps(block["input"]) if block["input"] else ""
            deltas = [
                {"type": "input_json_delta", "partial_json": part}
                for part in ("", text[:5], text[5:])
            ]
        out.append({"type": "content_block_start", "index": index, "content_block": begun})
        out += [{"type": "content_block_delta", "index": index, "delta": item} for item in deltas]
        out.append({"type": "content_block_stop", "index": index})
    delta = {"stop_reason": "tool_use", "stop_sequence": None}
    out.append({"type": "message_delta", "delta": delta, "usage": {"output_tokens": 5}})
    out.append({"type": "message_stop"})
    return [
        f"event: {event['type']}\ndata: {json.dumps(event, ensure_ascii=False)}\n\n"
        for event in out
    ]


ASKED: dict[str, Any] = {"model": "claude-x", "max_tokens": 9, "messages": MESSAGES}


@pytest.fixture
def anthropic(script: Script) -> Any:
    return pytest.importorskip("anthropic", reason="the anthropic package is not installed")


@pytest.fixture
def anthropic_client(anthropic: Any, script: Script) -> Iterator[Any]:
    with anthropic.Anthropic(base_url=script.base, api_key="test", max_retries=0) as client:
        yield client


def test_a_message_of_anthropic_is_read_like_its_json(
    anthropic_client: Any, script: Script
) -> None:
    formatter = AnthropicChatFormatter()
    body = script.whole(MESSAGE)
    reply = formatter.parse_response(anthropic_client.messages.create(**ASKED))
    assert reply == formatter.parse_response(body)
    assert {call.id: call.input for call in reply.tool_calls} == INPUTS
    assert reply.message.content[0].metadata == {"signature": "EqQC+/=="}
    assert reply.usage is not None
    assert (reply.usage.input, reply.usage.cache_read) == (1310, 1200)


def test_events_of_anthropic_are_read_like_their_bytes(
    anthropic_client: Any, script: Script
) -> None:
    formatter = AnthropicChatFormatter()
    stream = script.stream(message_events())
    found = read(formatter, anthropic_client.messages.create(**ASKED, stream=True))
    assert found == read(formatter, stream)
    assert found[1] == formatter.parse_response(MESSAGE)


def test_events_of_anthropics_helper_are_read_alike(anthropic_client: Any, script: Script) -> None:
    formatter = AnthropicChatFormatter()
    stream = script.stream(message_events())
    with anthropic_client.messages.stream(**ASKED) as events:
        found = read(formatter, events)
        final = formatter.parse_response(events.get_final_message())
    assert found == read(formatter, stream)
    assert final.message == found[1].message
    assert final.usage == found[1].usage


def test_async_events_of_anthropic_are_read_alike(anthropic: Any, script: Script) -> None:
    formatter = AnthropicChatFormatter()
    stream = script.stream(message_events())

    async def go() -> Any:
        client = anthropic.AsyncAnthropic(base_url=script.base, api_key="test", max_retries=0)
        async with client:
            return await read_async(formatter, await client.messages.create(**ASKED, stream=True))

    assert asyncio.run(go()) == read(formatter, stream)


# --------------------------------------------------------------------------------------- dashscope

NATIVE_USAGE = {
    "input_tokens": 1310,
    "output_tokens": 10,
    "total_tokens": 1320,
    "prompt_tokens_details": {"cached_tokens": 1200},
}
NATIVE_CALLS = [
    {"index": index, **call}
    for index, call in enumerate(CHAT_MESSAGE["tool_calls"])  # type: ignore[arg-type]
]


def native(listed: bool) -> dict[str, Any]:
    content: Any = [{"text": "Hello 🙂"}] if listed else "Hello 🙂"
    message = {
        "role": "assistant",
        "content": content,
        "reasoning_content": "Hm.",
        "tool_calls": NATIVE_CALLS,
    }
    choice = {"finish_reason": "tool_calls", "message": message}
    return {"output": {"choices": [choice]}, "usage": NATIVE_USAGE, "request_id": "r-1"}


def native_events(listed: bool) -> list[str]:
    def event(reason: str, text: str, **message: Any) -> dict[str, Any]:
        content: Any = ([{"text": text}] if text else []) if listed else text
        said = {"role": "assistant", "content": content, **message}
        choice = {"finish_reason": reason, "message": said}
        return {**native(listed), "output": {"choices": [choice]}}

    def calls(*texts: str) -> list[dict[str, Any]]:
        return [
            {**call, "function": {**call["function"], "arguments": text}}
            for call, text in zip(NATIVE_CALLS, texts, strict=True)
        ]

    whole = json.dumps(INPUTS["a"])
    last = {"index": 0, "id": "", "type": "function", "function": {"arguments": whole[4:]}}
    chunks = [
        event("null", "", reasoning_content="H"),
        event("null", "", reasoning_content="m."),
        event("null", "Hello "),
        event("null", "🙂"),
        event("null", "", tool_calls=calls(whole[:4], "{}")),
        event("tool_calls", "", tool_calls=[last]),
    ]
    return [
        f"id:{number}\nevent:result\n:HTTP_STATUS/200\ndata:{json.dumps(chunk)}\n\n"
        for number, chunk in enumerate(chunks, 1)
    ]


CLASSES = ["Generation", "MultiModalConversation"]


@pytest.mark.parametrize("name", CLASSES)
def test_a_response_of_dashscope_is_read_like_its_json(
    dashscope: Any, script: Script, name: str
) -> None:
    formatter = DashScopeChatFormatter()
    body = script.whole(native(name != "Generation"))
    answer = getattr(dashscope, name).call(
        model="qwen-plus", messages=MESSAGES, result_format="message"
    )
    reply = formatter.parse_response(answer)
    wanted = formatter.parse_response(body)
    assert (reply.message, reply.id, reply.finish_reason) == (
        wanted.message,
        "r-1",
        "tool_calls",
    )
    assert {call.id: call.input for call in reply.tool_calls} == INPUTS
    assert reply.usage is not None
    assert (reply.usage.input, reply.usage.cache_read) == (1310, 1200)


@pytest.mark.parametrize("incremental", [True, False], ids=["increments", "totals"])
@pytest.mark.parametrize("name", CLASSES)
def test_chunks_of_dashscope_are_read_like_their_bytes(
    dashscope: Any, script: Script, name: str, incremental: bool
) -> None:
    """Asked for totals, the SDK asks the service for increments, and adds them up itself."""
    formatter = DashScopeChatFormatter()
    listed = name != "Generation"
    stream = script.stream(native_events(listed))
    chunks = getattr(dashscope, name).call(
        model="qwen-plus",
        messages=MESSAGES,
        result_format="message",
        stream=True,
        incremental_output=incremental,
    )
    deltas, reply = read(formatter, chunks, incremental=incremental)
    wanted, bytes_reply = read(formatter, stream)
    for kind in ("text", "thinking", "tool_call"):
        said = [[d.text for d in found if d.kind == kind] for found in (deltas, wanted)]
        assert "".join(said[0]) == "".join(said[1])
    assert reply.message == bytes_reply.message == formatter.parse_response(native(listed)).message
    assert (reply.id, reply.finish_reason, reply.findings) == ("r-1", "tool_calls", ())
    assert reply.usage is not None
    assert (reply.usage.input, reply.usage.output, reply.usage.cache_read) == (1310, 10, 1200)


def test_async_chunks_of_dashscope_are_read_alike(dashscope: Any, script: Script) -> None:
    formatter = DashScopeChatFormatter()
    stream = script.stream(native_events(False))

    async def go() -> Any:
        from dashscope.api_entities.aio_session import close_shared_aio_session

        try:
            chunks = await dashscope.AioGeneration.call(
                model="qwen-plus",
                messages=MESSAGES,
                result_format="message",
                stream=True,
                incremental_output=True,
            )
            return await read_async(formatter, chunks)
        finally:
            await close_shared_aio_session()

    _, reply = asyncio.run(go())
    assert reply.message == read(formatter, stream)[1].message


def test_an_error_that_dashscope_streams_is_raised(dashscope: Any, script: Script) -> None:
    error = {"code": "InvalidParameter", "message": "Range of input length", "request_id": "r-1"}
    events = [
        *native_events(False)[:3],
        f"id:4\nevent:error\n:HTTP_STATUS/400\ndata:{json.dumps(error)}\n\n",
    ]
    script.stream(events)
    chunks = dashscope.Generation.call(
        model="qwen-plus",
        messages=MESSAGES,
        result_format="message",
        stream=True,
        incremental_output=True,
    )
    stream = DashScopeChatFormatter().parse_stream(chunks)
    with pytest.raises(ResponseError, match="Range of input length") as caught:
        list(stream)
    assert (caught.value.code, caught.value.status) == ("InvalidParameter", 400)
    assert stream.reply.text == "Hello "
