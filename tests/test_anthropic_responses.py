"""Responses of the Messages API become replies."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from wiremark import AnthropicChatFormatter, MessageError, Msg, Quirks, dump_messages, read_messages
from wiremark.anthropic import AnthropicMultiAgentFormatter, read_content
from wiremark.base.reply import Reply

FORMATTER = AnthropicChatFormatter()
TEXT = {"type": "text", "text": "Hello"}
CALL = {"type": "tool_use", "id": "toolu_1", "name": "weather", "input": {"city": "Köln"}}


def response(*content: Any, **more: Any) -> dict[str, Any]:
    return {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "claude-x",
        "content": list(content),
        "stop_reason": "end_turn",
        "stop_sequence": None,
        "usage": {
            "input_tokens": 10,
            "cache_creation_input_tokens": 100,
            "cache_read_input_tokens": 1200,
            "cache_creation": {"ephemeral_5m_input_tokens": 60, "ephemeral_1h_input_tokens": 40},
            "output_tokens": 7,
        },
        **more,
    }


def parse(*content: Any, **more: Any) -> Reply:
    return FORMATTER.parse_response(response(*content, **more))


def codes(reply: Reply) -> list[tuple[str, str]]:
    return [(finding.code, finding.path) for finding in reply.findings]


def test_a_response_becomes_a_reply() -> None:
    reply = parse({"type": "thinking", "thinking": "Hm", "signature": "EqQ="}, TEXT, CALL)
    assert (reply.id, reply.model, reply.finish_reason) == ("msg_1", "claude-x", "end_turn")
    assert (reply.thinking, reply.text) == ("Hm", "Hello")
    (call,) = reply.tool_calls
    assert (call.id, call.name, call.input, call.content) == (
        "toolu_1",
        "weather",
        {"city": "Köln"},
        None,
    )
    assert reply.findings == ()


def test_input_includes_what_was_read_from_and_written_to_the_cache() -> None:
    usage = parse(TEXT).usage
    assert usage is not None
    assert (usage.input, usage.output) == (1310, 7)
    assert (usage.cache_read, usage.cache_write) == (1200, 100)
    assert (usage.cache_write_5m, usage.cache_write_1h) == (60, 40)


@pytest.mark.parametrize("usage", [None, "absent"])
def test_without_usage_there_is_none(usage: Any) -> None:
    given = response(TEXT, usage=usage)
    if usage == "absent":
        del given["usage"]
    assert FORMATTER.parse_response(given).usage is None


def test_content_is_read_as_read_content_does() -> None:
    blocks = [
        {"type": "thinking", "thinking": "Hm\u2028", "signature": "EqQC+/=="},
        {"type": "redacted_thinking", "data": "Emwe/+="},
        {"type": "server_tool_use", "id": "s", "name": "web_search", "input": {"query": "x"}},
        {"type": "web_search_tool_result", "tool_use_id": "s", "content": []},
        TEXT,
        {**CALL, "caller": {"type": "code_execution_20250825", "tool_id": "s"}},
    ]
    assert parse(*blocks).message == read_content(blocks)


def test_a_stored_reply_goes_back_as_it_came() -> None:
    blocks = [
        {"type": "thinking", "thinking": "Hm", "signature": "EqQC+/=="},
        {"type": "redacted_thinking", "data": "Emwe/+="},
        TEXT,
        CALL,
    ]
    (stored,) = read_messages(dump_messages([parse(*blocks).message]))
    results = Msg.tool_result("toolu_1", "weather", "8 °C")
    sent = FORMATTER.format([Msg.user("Weather?"), stored, results])
    assert sent[1] == {"role": "assistant", "content": blocks}


@pytest.mark.parametrize(
    "given",
    [
        response(TEXT),
        json.dumps(response(TEXT)),
        json.dumps(response(TEXT)).encode(),
        SimpleNamespace(**response(SimpleNamespace(**TEXT))),
    ],
    ids=["dict", "text", "bytes", "object"],
)
def test_every_form_of_a_response_is_read(given: Any) -> None:
    assert FORMATTER.parse_response(given) == parse(TEXT)


def test_a_response_is_not_modified() -> None:
    given = response(TEXT, CALL)
    before = json.dumps(given)
    reply = FORMATTER.parse_response(given)
    reply.tool_calls[0].input["city"] = "Bonn"
    assert json.dumps(given) == before


def test_a_speaker_gets_a_name() -> None:
    reply = AnthropicMultiAgentFormatter().parse_response(response(TEXT), name="Bo")
    assert reply.message == Msg.assistant("Hello", name="Bo")


def test_quirks_of_java_have_no_part_in_it() -> None:
    java = AnthropicChatFormatter(quirks=Quirks.JAVA)
    assert java.parse_response(response(TEXT, CALL)) == parse(TEXT, CALL)
    assert java.parse_response(response(TEXT, id=None)).id is None


def test_a_text_as_content_is_read() -> None:
    assert FORMATTER.parse_response(response(content="Hello")).text == "Hello"


@pytest.mark.parametrize("content", [None, []])
def test_an_empty_content_is_an_empty_message(content: Any) -> None:
    assert FORMATTER.parse_response(response(content=content)).message == Msg.assistant([])


def test_a_content_of_another_kind_is_refused() -> None:
    with pytest.raises(MessageError, match="expected a list of blocks") as caught:
        FORMATTER.parse_response(response(content={"type": "text"}))
    assert caught.value.path == "content"


@pytest.mark.parametrize(
    ("block", "path"),
    [
        ({"type": "text"}, "content[0].text"),
        ("Hello", "content[0]"),
        ({"type": "tool_use", "id": "a", "name": "f", "input": 3}, "content[0].input"),
        ({"type": "tool_use", "name": "f", "input": {}}, "content[0].id"),
        ({"type": "thinking", "thinking": "x", "signature": 3}, "content[0].signature"),
    ],
)
def test_a_block_that_cannot_be_read_is_left_out_and_told(block: Any, path: str) -> None:
    reply = parse(block, TEXT)
    assert reply.message == Msg.assistant("Hello")
    assert codes(reply) == [("content-unread", path)]


def test_citations_are_told() -> None:
    reply = parse({**TEXT, "citations": [{"type": "char_location"}]}, {**TEXT, "citations": None})
    assert reply.text == "HelloHello"
    assert codes(reply) == [("content-unread", "content[0].citations")]


def test_an_input_that_is_text_is_parsed() -> None:
    reply = parse({**CALL, "input": '{"city": "Köln"}'}, {**CALL, "input": ""})
    assert [(call.input, call.content) for call in reply.tool_calls] == [
        ({"city": "Köln"}, None),
        ({}, None),
    ]
    assert reply.findings == ()


@pytest.mark.parametrize("text", ['{"city": "Kö', "[]", "[" * 100_000, '{"x": NaN}'])
def test_an_input_that_holds_no_object_is_kept_as_text(text: str) -> None:
    reply = parse({**CALL, "input": text})
    (call,) = reply.tool_calls
    assert (call.input, call.content) == ({}, text)
    assert codes(reply) == [("arguments-unread", "content[0].input")]


@pytest.mark.parametrize(
    ("body", "text", "code"),
    [
        (
            {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}},
            "Overloaded",
            "overloaded_error",
        ),
        ({"error": {"message": "no key", "type": "invalid_api_key"}}, "no key", "invalid_api_key"),
        ({"error": "gone"}, "gone", ""),
        ({"type": "error"}, "", ""),
    ],
)
def test_an_error_body_gives_an_empty_reply_and_a_finding(
    body: dict[str, Any], text: str, code: str
) -> None:
    reply = FORMATTER.parse_response({**body, "request_id": "req_1"})
    assert (reply.id, reply.message, reply.usage) == ("req_1", Msg.assistant([]), None)
    (finding,) = reply.findings
    assert (finding.code, finding.severity, finding.provider_text) == (
        "provider-error",
        "error",
        text,
    )
    assert (text or code or "without a text") in finding.message


@pytest.mark.shared
def test_every_recorded_response_is_read_whole(shared_dir: Path) -> None:
    found = 0
    for line in (shared_dir / "real/exchanges.jsonl").read_text("utf-8").splitlines():
        exchange = json.loads(line)
        if exchange["host"] != "api.anthropic.com" or exchange["stream"]:
            continue
        given = exchange["response"]
        reply = FORMATTER.parse_response(given)
        blocks = given["content"]
        assert reply.message == read_content(blocks)
        assert reply.text == "".join(b["text"] for b in blocks if b["type"] == "text")
        assert [(c.id, c.input) for c in reply.tool_calls] == [
            (b["id"], b["input"]) for b in blocks if b["type"] == "tool_use"
        ]
        assert (reply.id, reply.finish_reason) == (given["id"], given["stop_reason"])
        usage = given["usage"]
        cached = usage["cache_read_input_tokens"] + usage["cache_creation_input_tokens"]
        assert reply.usage is not None
        assert reply.usage.input == usage["input_tokens"] + cached
        assert reply.usage.output == usage["output_tokens"]
        found += 1
    assert found >= 10
