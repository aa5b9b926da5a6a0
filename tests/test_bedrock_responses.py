"""Converse responses become replies."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from wiremark import BedrockConverseFormatter, MessageError, Msg, dump_messages, read_messages
from wiremark.base.reply import Reply
from wiremark.bedrock import read_content

FORMATTER = BedrockConverseFormatter()
CALL = {"toolUse": {"toolUseId": "t1", "name": "weather", "input": {"city": "Köln"}}}
THOUGHT = {"reasoningContent": {"reasoningText": {"text": "Hm", "signature": "EqQC+/=="}}}


def response(*content: Any, **more: Any) -> dict[str, Any]:
    return {
        "output": {"message": {"role": "assistant", "content": list(content)}},
        "stopReason": "end_turn",
        "usage": {
            "inputTokens": 10,
            "outputTokens": 7,
            "totalTokens": 1317,
            "cacheReadInputTokens": 1200,
            "cacheWriteInputTokens": 100,
        },
        "metrics": {"latencyMs": 5},
        **more,
    }


def parse(*content: Any, **more: Any) -> Reply:
    return FORMATTER.parse_response(response(*content, **more))


def codes(reply: Reply) -> list[tuple[str, str]]:
    return [(finding.code, finding.path) for finding in reply.findings]


def test_a_response_becomes_a_reply() -> None:
    reply = parse(THOUGHT, {"text": "Hello"}, CALL)
    assert (reply.id, reply.model, reply.finish_reason) == (None, None, "end_turn")
    assert (reply.thinking, reply.text) == ("Hm", "Hello")
    (call,) = reply.tool_calls
    assert (call.id, call.name, call.input, call.content) == (
        "t1",
        "weather",
        {"city": "Köln"},
        None,
    )
    assert reply.findings == ()


def test_input_includes_what_was_read_from_and_written_to_the_cache() -> None:
    usage = parse({"text": "x"}).usage
    assert usage is not None
    assert (usage.input, usage.output, usage.cache_read, usage.cache_write) == (1310, 7, 1200, 100)


def test_what_boto3_adds_is_read() -> None:
    trace = {"promptRouter": {"invokedModelId": "arn:aws:bedrock:::m"}}
    metadata = {"RequestId": "req-1", "HTTPStatusCode": 200}
    reply = parse({"text": "x"}, ResponseMetadata=metadata, trace=trace)
    assert (reply.id, reply.model) == ("req-1", "arn:aws:bedrock:::m")


def test_blobs_of_boto3_go_back_as_base64() -> None:
    blob = bytes(range(40))
    given = response({"reasoningContent": {"redactedContent": blob}}, {"text": "x"})
    reply = FORMATTER.parse_response(given)
    assert given["output"]["message"]["content"][0]["reasoningContent"]["redactedContent"] is blob
    (stored,) = read_messages(dump_messages([reply.message]))
    sent = FORMATTER.format([Msg.user("x"), stored])[1]["content"][0]
    encoded = base64.b64encode(blob).decode()
    assert sent == {"reasoningContent": {"redactedContent": encoded}}


def test_json_and_dict_are_read_alike() -> None:
    given = response(THOUGHT, {"text": "Hello"}, CALL)
    assert FORMATTER.parse_response(json.dumps(given).encode()) == parse(
        THOUGHT, {"text": "Hello"}, CALL
    )


def test_a_speaker_gets_a_name() -> None:
    reply = FORMATTER.parse_response(response({"text": "x"}), name="Bo")
    assert reply.message == Msg.assistant("x", name="Bo")


@pytest.mark.parametrize(
    ("block", "path"),
    [
        ({"news": {}}, "[0]"),
        ("Hello", "[0]"),
        ({"toolUse": {"name": "f", "input": {}}}, "[0].toolUse"),
        ({"toolUse": {"toolUseId": "t", "name": "f", "input": 3}}, "[0].toolUse.input"),
        ({"reasoningContent": {}}, "[0].reasoningContent"),
        ({"toolResult": {"toolUseId": "t", "content": []}}, "[0]"),
        (
            {"toolUse": {**CALL["toolUse"], "type": "server_tool_use"}},
            "[0].toolUse",
        ),
    ],
)
def test_a_block_that_cannot_be_read_is_left_out_and_told(block: Any, path: str) -> None:
    reply = parse(block, {"text": "Hello"})
    assert reply.message == Msg.assistant("Hello")
    assert codes(reply) == [("content-unread", f"output.message.content{path}")]


def test_cited_text_is_read_and_its_citations_are_told() -> None:
    cited = {"citationsContent": {"content": [{"text": "a"}, {"text": "b"}], "citations": [{}]}}
    reply = parse(cited)
    assert reply.text == "ab"
    assert codes(reply) == [
        ("content-unread", "output.message.content[0].citationsContent.citations")
    ]


def test_an_input_that_holds_no_object_is_kept_as_text() -> None:
    torn = {"toolUse": {**CALL["toolUse"], "input": '{"city": "Kö'}}
    (call,) = (reply := parse(torn)).tool_calls
    assert (call.input, call.content) == ({}, '{"city": "Kö')
    assert codes(reply) == [("arguments-unread", "output.message.content[0].toolUse.input")]


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ({"message": "The model is unknown"}, "The model is unknown"),
        ({"__type": "com.amazon#ValidationException", "message": "no"}, "no"),
        (
            {"Error": {"Code": "ThrottlingException", "Message": "slow"}, "ResponseMetadata": {}},
            "slow",
        ),
    ],
)
def test_an_error_body_gives_an_empty_reply_and_a_finding(body: dict[str, Any], text: str) -> None:
    reply = FORMATTER.parse_response(body)
    assert (reply.message, reply.usage) == (Msg.assistant([]), None)
    (finding,) = reply.findings
    assert (finding.code, finding.severity, finding.provider_text) == (
        "provider-error",
        "error",
        text,
    )


@pytest.mark.parametrize(
    ("given", "path"),
    [
        ({"output": 3}, "output"),
        ({"output": {"message": []}}, "output.message"),
        ({"output": {"message": {"content": "x"}}}, "output.message.content"),
    ],
)
def test_another_shape_is_refused_with_the_path(given: Any, path: str) -> None:
    with pytest.raises(MessageError) as caught:
        FORMATTER.parse_response(given)
    assert caught.value.path == path


@pytest.mark.shared
def test_every_recorded_response_is_read_whole(shared_dir: Path) -> None:
    found = 0
    for line in (shared_dir / "real/exchanges.jsonl").read_text("utf-8").splitlines():
        exchange = json.loads(line)
        if not exchange["path"].endswith("/converse"):
            continue
        given = exchange["response"]
        reply = FORMATTER.parse_response(given)
        blocks = given["output"]["message"]["content"]
        assert reply.message == read_content(blocks)
        assert reply.findings == ()
        assert reply.finish_reason == given["stopReason"]
        usage = given["usage"]
        cached = usage.get("cacheReadInputTokens", 0) + usage.get("cacheWriteInputTokens", 0)
        assert reply.usage is not None
        assert reply.usage.input == usage["inputTokens"] + cached
        assert reply.usage.output == usage["outputTokens"]
        found += 1
    assert found >= 14
