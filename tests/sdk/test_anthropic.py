"""What the formatters build, sent through the released anthropic package."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from wiremark import (
    AnthropicChatFormatter,
    AnthropicMultiAgentFormatter,
    GenerateOptions,
    Msg,
    ToolSchema,
    dump_messages,
    jsontext,
    read_messages,
)
from wiremark.anthropic import read_content
from wiremark.base import Request

pytestmark = pytest.mark.sdk

MODEL = "claude-opus-5-5"
MARK = {"type": "ephemeral"}
KEY = "cache_control"
CONTENT: list[dict[str, Any]] = [
    {"type": "thinking", "thinking": "Cold\u2028.", "signature": "EqQC+/=="},
    {"type": "text", "text": "Wrap up warm."},
]
WHOLE: dict[str, Any] = {
    "id": "msg_1",
    "type": "message",
    "role": "assistant",
    "model": MODEL,
    "content": CONTENT,
    "stop_reason": "end_turn",
    "stop_sequence": None,
    "usage": {"input_tokens": 10, "output_tokens": 5},
}


def events() -> list[str]:
    """Return a stream as the API frames it: the thought, its signature, the text in pieces."""

    def delta(index: int, **fields: str) -> dict[str, Any]:
        return {"type": "content_block_delta", "index": index, "delta": fields}

    thought, said = CONTENT
    stream = [
        {"type": "message_start", "message": {**WHOLE, "content": [], "stop_reason": None}},
        {
            "type": "content_block_start",
            "index": 0,
            "content_block": {"type": "thinking", "thinking": "", "signature": ""},
        },
        delta(0, type="thinking_delta", thinking=thought["thinking"]),
        delta(0, type="signature_delta", signature=thought["signature"]),
        {"type": "content_block_stop", "index": 0},
        {"type": "content_block_start", "index": 1, "content_block": {"type": "text", "text": ""}},
        delta(1, type="text_delta", text=said["text"][:4]),
        delta(1, type="text_delta", text=said["text"][4:]),
        {"type": "content_block_stop", "index": 1},
        {
            "type": "message_delta",
            "delta": {"stop_reason": "end_turn", "stop_sequence": None},
            "usage": {"output_tokens": 5},
        },
        {"type": "message_stop"},
    ]
    return [f"event: {each['type']}\ndata: {json.dumps(each)}\n\n" for each in stream]


@pytest.fixture(scope="module")
def messages_api(_server: Any) -> Any:
    """Make the provider answer in the shape of the Messages API."""

    class Answer(_server.RequestHandlerClass):  # type: ignore[misc, name-defined]
        def do_POST(self) -> None:  # noqa: N802 the name that http.server calls
            arrived = self._keep(self.rfile.read(int(self.headers["Content-Length"])))
            if arrived.body.get("stream") is True:
                self._send(200, "text/event-stream", events())
            else:
                self._send(200, "application/json", [json.dumps(WHOLE)])

    _server.RequestHandlerClass = Answer
    return _server


@pytest.fixture(scope="module")
def anthropic(loopback_only: None) -> Any:
    return pytest.importorskip("anthropic", reason="the anthropic package is not installed")


@pytest.fixture(scope="module")
def client(anthropic: Any, messages_api: Any) -> Iterator[Any]:
    with anthropic.Anthropic(
        base_url=messages_api.base, api_key="test", max_retries=0, timeout=10
    ) as client:
        yield client


@pytest.fixture(params=["plain", "streamed", "accumulated", "async", "async streamed"])
def send(
    request: pytest.FixtureRequest, anthropic: Any, client: Any, messages_api: Any
) -> Callable[[dict[str, Any]], list[dict[str, Any]]]:
    """Return a way to send a body, which returns the content of the reply where it is whole."""
    way = request.param

    def go(body: dict[str, Any]) -> list[dict[str, Any]]:
        body = {**body, "stream": way.endswith("streamed")}
        if way == "plain":
            return as_dicts(client.messages.create(**body))
        if way == "streamed":
            said = "".join(
                each.delta.text
                for each in client.messages.create(**body)
                if each.type == "content_block_delta" and each.delta.type == "text_delta"
            )
            assert said == CONTENT[1]["text"]
            return CONTENT
        if way == "accumulated":
            del body["stream"]
            with client.messages.stream(**body) as stream:
                return as_dicts(stream.get_final_message())
        return asyncio.run(go_async(body))

    async def go_async(body: dict[str, Any]) -> list[dict[str, Any]]:
        async with anthropic.AsyncAnthropic(
            base_url=messages_api.base, api_key="test", max_retries=0, timeout=10
        ) as other:
            if not body["stream"]:
                return as_dicts(await other.messages.create(**body))
            kinds = [each.type async for each in await other.messages.create(**body)]
            assert kinds[-1] == "message_stop"
            return CONTENT

    return go


def as_dicts(message: Any) -> list[dict[str, Any]]:
    return [block.model_dump(exclude_unset=True) for block in message.content]


def build(messages: list[Msg], tools: list[ToolSchema], **more: Any) -> Request:
    marked = [*tools[:-1], *(each.model_copy(update={KEY: True}) for each in tools[-1:])]
    return AnthropicChatFormatter(policy="system_and_last").build_request(
        MODEL, messages, tools=marked, validate=True, **more
    )


def test_every_mark_arrives_in_its_place(
    send: Any, provider: Any, conversation: list[Msg], tools: list[ToolSchema]
) -> None:
    request = build(conversation, tools)
    send(request.body)
    arrived = provider.only
    assert arrived.path == "/v1/messages"
    assert {path: value for path, _, value in arrived.marks} == dict(request.plan.placed)
    assert sorted(path for path, _, _ in arrived.marks) == [
        "messages[0].content[0]",
        "messages[4].content[0]",
        "system[0]",
        "tools[1]",
    ]


def test_every_part_of_the_body_arrives_byte_for_byte(
    send: Any, provider: Any, conversation: list[Msg], tools: list[ToolSchema]
) -> None:
    body = build(conversation, tools).body
    send(body)
    for key in ("messages", "system", "tools"):
        assert f'"{key}":{jsontext.dumps(body[key])}'.encode() in provider.only.raw
    assert {**provider.only.body, "stream": False} == body


def test_a_history_of_agents_arrives(send: Any, provider: Any, talk: list[Msg]) -> None:
    formatter = AnthropicMultiAgentFormatter(history_layout="append_only")
    request = formatter.build_request(MODEL, talk, validate=True)
    send(request.body)
    assert [path for path, _, _ in provider.only.marks] == ["messages[0].content[1]"]


def test_pictures_arrive(send: Any, provider: Any, pictures: list[Msg]) -> None:
    body = build(pictures, []).body
    send(body)
    assert provider.only.body["messages"] == body["messages"]


def test_a_reply_is_sent_again_as_it_came(send: Any, provider: Any) -> None:
    reply = send(build([Msg.user("Weather?")], []).body)
    assert reply == CONTENT
    (stored,) = read_messages(dump_messages([read_content(reply)]))
    provider.clear()
    send(AnthropicChatFormatter().build_request(MODEL, [Msg.user("a"), stored, Msg.user("b")]).body)
    assert jsontext.dumps(CONTENT).encode() in provider.only.raw


def test_the_sdk_sends_its_own_version_unless_ours_replaces_it(
    anthropic: Any, client: Any, messages_api: Any, provider: Any
) -> None:
    request = build([Msg.user("a")], [])
    client.messages.create(**request.body)
    assert provider.only.headers["anthropic-version"] == "2026-10-21"
    provider.clear()
    ours = {"anthropic-version": request.headers["anthropic-version"]}
    with anthropic.Anthropic(
        base_url=messages_api.base, api_key="test", max_retries=0, default_headers=ours
    ) as older:
        older.messages.create(**request.body)
    assert provider.only.headers["anthropic-version"] == "2023-06-01"


def test_the_automatic_mark_arrives_at_the_top(client: Any, provider: Any) -> None:
    formatter = AnthropicChatFormatter(host="api.moonshot.ai")
    options = GenerateOptions(cache_control="rolling")
    request = formatter.build_request("kimi-k3", [Msg.user("a")], options=options)
    client.messages.create(**request.body)
    assert provider.only.body[KEY] == MARK
    assert provider.only.marks == [("", KEY, MARK)]
