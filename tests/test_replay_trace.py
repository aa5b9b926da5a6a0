"""Traces: what is read from the logs and sessions that people have, and what is refused by place."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from wiremark.errors import MessageError
from wiremark.findings import Finding
from wiremark.prefix import Context, read_context
from wiremark.replay.bodies import DIALECTS, Sent, sent_bodies
from wiremark.replay.derive import derive_requests, seconds_of
from wiremark.replay.model import TraceRequest
from wiremark.replay.trace import read_trace, read_value

BODY = {"model": "qwen-plus", "messages": [{"role": "user", "content": "hi"}]}
CHUNKS = (
    'data: {"id":"c","object":"chat.completion.chunk","choices":[{"delta":{"content":"ok"}}]}\n\n'
    'data: {"id":"c","object":"chat.completion.chunk","choices":[],'
    '"usage":{"prompt_tokens":9,"completion_tokens":1,"prompt_tokens_details":{"cached_tokens":4}}}'
    "\n\ndata: [DONE]\n\n"
)


def user(text: str) -> dict[str, Any]:
    return {"role": "user", "content": text}


def assistant(text: str) -> dict[str, Any]:
    return {"role": "assistant", "content": text}


def read(*values: Any) -> list[TraceRequest | Finding]:
    """What JSON lines of these values hold."""
    lines = [value if isinstance(value, bytes) else json.dumps(value).encode() for value in values]
    return list(read_trace(lines, name="log.jsonl"))


def one(*values: Any) -> TraceRequest:
    found = read(*values)
    assert len(found) == 1
    assert isinstance(found[0], TraceRequest), found[0]
    return found[0]


def requests(found: Iterable[TraceRequest | Finding]) -> list[TraceRequest]:
    return [item for item in found if isinstance(item, TraceRequest)]


# Bodies and records.


@pytest.mark.parametrize(
    ("more", "partial"),
    [
        ({}, False),
        ({"thread": {"type": "create"}}, False),
        ({"thread": None}, False),
        ({"thread": {"type": "continue", "previous_message_id": "msg_1"}}, True),
    ],
)
def test_a_body_that_continues_a_thread_is_a_part_of_what_was_sent(more, partial):
    assert one({**BODY, **more}).partial is partial


def test_a_line_is_a_body():
    request = one(BODY)
    assert request.body == BODY
    assert (request.at, request.usage, request.place) == (None, None, "log.jsonl:1")


def test_times_and_usage_beside_a_body_are_no_part_of_it():
    request = one({**BODY, "at": 12.5, "usage": {"prompt_tokens": 7, "completion_tokens": 1}})
    assert request.body == BODY
    assert request.at == 12.5
    assert request.usage is not None
    assert request.usage.input == 7


def test_a_record_has_request_response_and_times():
    response = {"usage": {"prompt_tokens": 9, "prompt_tokens_details": {"cached_tokens": 4}}}
    request = one({"request": BODY, "response": response, "at": 3, "ends_at": 5.5, "host": "h"})
    assert request.body == BODY
    assert (request.at, request.duration, request.host) == (3.0, 2.5, "h")
    assert request.usage is not None
    assert request.usage.cache_read == 4


def test_usage_is_read_from_a_raw_stream():
    request = one({"request": BODY, "response": CHUNKS})
    assert request.usage is not None
    assert (request.usage.input, request.usage.cache_read) == (9, 4)


@pytest.mark.parametrize(
    "record",
    [
        {"request": BODY, "response": "what?"},
        {"request": BODY, "response": 7},
        {"request": BODY, "usage": {"input": -1}},
        {"request": BODY, "usage": "many"},
    ],
)
def test_a_usage_that_cannot_be_read_is_none(record):
    assert one(record).usage is None


def test_a_body_may_be_text_or_stand_inside_what_was_sent():
    assert one({"request": json.dumps(BODY)}).body == BODY
    assert one({"request": {"method": "POST", "headers": {}, "body": BODY}}).body == BODY


def test_our_own_usage_is_read_back():
    request = one({"request": BODY, "usage": {"input": 10, "cache_read": 6}})
    assert request.usage is not None
    assert request.usage.cache_read == 6


def test_a_line_of_a_batch_has_its_body_inside():
    request = one({"custom_id": "1", "method": "POST", "url": "/v1/chat/completions", "body": BODY})
    assert request.body == BODY


def test_the_model_of_bedrock_stands_in_the_path():
    body = {"messages": [{"role": "user", "content": [{"text": "hi"}]}]}
    path = "/model/us.amazon.nova-lite-v1%3A0/converse"
    assert one({"request": body, "path": path}).model == "us.amazon.nova-lite-v1:0"


def test_a_whole_json_file_is_read_as_well():
    text = json.dumps([BODY, BODY], indent=2).encode()
    found = list(read_trace(text.splitlines(keepends=True), name="all.json"))
    assert [item.place for item in requests(found)] == ["all.json[0]", "all.json[1]"]


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (1700000000, 1700000000.0),
        (1700000000123, 1700000000.123),
        ("2023-11-14T22:13:20Z", 1700000000.0),
        ("2023-11-14T23:13:20+01:00", 1700000000.0),
        ("2023-11-14 22:13:20", 1700000000.0),
        ("yesterday", None),
        (True, None),
        (None, None),
    ],
)
def test_a_time_is_seconds_milliseconds_or_iso_8601(value, seconds):
    assert seconds_of(value) == seconds


# What cannot be read.


def test_an_unreadable_line_is_a_finding_with_file_and_line():
    found = read(BODY, b'{"model": ', BODY)
    assert [type(item) for item in found] == [TraceRequest, Finding, TraceRequest]
    assert isinstance(found[1], Finding)
    assert (found[1].path, found[1].severity) == ("log.jsonl:2", "error")


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (7, "is no object"),
        ({"request": {"model": "text-embedding-3-small", "input": "hi"}}, "has no messages"),
        ({"request": {"contents": []}}, "Gemini"),
        ({"request": ""}, "no request body"),
        ({"request": "{"}, "no JSON"),
        ({"messages": [user("hi")], "id": "s"}, "without an assistant message"),
        ({"messages": [1, assistant("x")], "id": "s"}, "no list of objects"),
        ({"messages": "redacted-by-litellm", "call_type": "acompletion"}, "not in the log"),
        ({"messages": [], "call_type": "acompletion", "status": "failure"}, "failed"),
        ({"log": {"entries": [{"request": {"method": "GET", "url": "http://x"}}]}}, "no request"),
    ],
)
def test_what_is_no_request_is_named(value, words):
    found = read(BODY, value)
    assert isinstance(found[1], Finding)
    assert words in found[1].message
    assert found[1].path.startswith("log.jsonl:2")


@pytest.mark.parametrize("text", [b"", b"  \n", b"not json\n", b"a,b\n1,2\n"])
def test_what_holds_no_json_is_refused(text):
    with pytest.raises(MessageError):
        list(read_trace(text.splitlines(keepends=True), name="x"))


# Sessions.


def test_requests_of_a_session_end_before_its_assistant_messages():
    messages = [user("a"), assistant("b"), user("c"), user("d"), assistant("e"), user("f")]
    found = requests(read({"id": "s", "messages": messages}))
    assert [item.messages for item in found] == [messages[:1], messages[:4]]
    assert [item.place for item in found] == [
        "log.jsonl:1: before messages[1]",
        "log.jsonl:1: before messages[4]",
    ]


def test_a_session_keeps_its_model_and_tools():
    tools = [{"type": "function", "function": {"name": "f"}}]
    session = {"id": "s", "model": "m", "tools": tools, "messages": [user("a"), assistant("b")]}
    (request,) = requests(derive_requests(session))
    assert request.body == {"model": "m", "tools": tools, "messages": [user("a")]}


def test_a_bare_list_of_messages_is_a_session():
    (request,) = requests(read_value([user("a"), assistant("b")], "x"))
    assert request.messages == [user("a")]


def test_a_session_of_agentscope_messages_becomes_chat_messages():
    block = {"type": "text", "text": "hi"}
    messages = [{"role": role, "content": [block]} for role in ("SYSTEM", "USER", "ASSISTANT")]
    (request,) = requests(read_value(messages, "x"))
    assert [one["role"] for one in request.messages] == ["system", "user"]
    (found,) = read_value([{"role": "USER", "content": 7}, messages[2]], "x")
    assert isinstance(found, Finding)


def test_a_body_that_ends_with_a_prefill_stays_a_body():
    body = {"model": "m", "max_tokens": 5, "messages": [user("a"), assistant("{")]}
    assert one(body).body == body


def test_messages_that_bodies_share_are_the_same_objects():
    first, second = [user("a")], [user("a"), assistant("b"), user("c")]
    found = requests(read({"model": "m", "messages": first}, {"model": "m", "messages": second}))
    assert found[1].messages[0] is found[0].messages[0]


def test_conversations_that_take_turns_share_their_own_messages():
    lines = [
        {"model": "m", "messages": [user(name)] * count} for count in (1, 2, 3) for name in "ab"
    ]
    found = requests(read(*lines))
    assert found[4].messages[0] is found[0].messages[0]
    assert found[5].messages[0] is found[1].messages[0]
    assert found[5].messages == [user("b")] * 3


# HAR.


def har(*entries: dict[str, Any]) -> dict[str, Any]:
    return {"log": {"version": "1.2", "entries": list(entries)}}


def entry(body: Any, response: str, encoding: str | None = None) -> dict[str, Any]:
    content = {"mimeType": "text/event-stream", "text": response}
    if encoding:
        content["encoding"] = encoding
    return {
        "startedDateTime": "2026-11-21T10:00:00.000Z",
        "time": 1500,
        "request": {
            "method": "POST",
            "url": "https://dashscope.aliyuncs.com/compatible-mode/v1/chat/completions",
            "postData": {"mimeType": "application/json", "text": json.dumps(body)},
        },
        "response": {"status": 200, "content": content},
    }


def test_a_har_gives_times_host_and_usage():
    request = one(har({"request": {"method": "GET", "url": "http://x/y"}}, entry(BODY, CHUNKS)))
    assert request.body == BODY
    assert request.host == "dashscope.aliyuncs.com"
    assert (request.at, request.duration) == (seconds_of("2026-11-21T10:00:00Z"), 1.5)
    assert request.usage is not None
    assert request.usage.cache_read == 4
    assert request.place == "log.jsonl:1: entry 2"


def test_a_response_in_base64_is_read():
    text = base64.b64encode(CHUNKS.encode()).decode()
    request = one(har(entry(BODY, text, "base64")))
    assert request.usage is not None
    assert request.usage.cache_read == 4


# LiteLLM.

LITELLM = {
    "id": "x",
    "call_type": "acompletion",
    "status": "success",
    "startTime": 100.0,
    "endTime": 102.5,
    "model": "qwen-plus",
    "api_base": "https://dashscope.aliyuncs.com/compatible-mode/v1/",
    "messages": [user("hi")],
    "model_parameters": {"temperature": 0.5, "stream": True},
    "prompt_tokens": 9,
    "completion_tokens": 1,
}


def test_litellm_logs_give_body_times_and_counts():
    request = one(LITELLM)
    assert request.body == {**BODY, "temperature": 0.5, "stream": True}
    assert (request.at, request.duration, request.host) == (100.0, 2.5, "dashscope.aliyuncs.com")
    assert request.usage is not None
    assert request.usage.input == 9


def test_litellm_usage_comes_from_the_response_where_it_is_logged():
    usage = {"prompt_tokens": 9, "prompt_tokens_details": {"cached_tokens": 4}}
    logged = {**LITELLM, "response": json.dumps({"choices": [], "usage": usage})}
    request = one({"standard_logging_object": logged})
    assert request.usage is not None
    assert request.usage.cache_read == 4


def test_litellm_spend_logs_hold_the_body_as_text():
    spend = {**LITELLM, "messages": {}, "proxy_server_request": json.dumps(BODY)}
    spend["startTime"] = "2026-11-21T10:00:00Z"
    assert one(spend).body == BODY


# Claude Code.


def line(kind: str, uuid: str, parent: str | None, content: Any, **more: Any) -> dict[str, Any]:
    message = {"role": kind, "content": content, **more.pop("message", {})}
    stamp = f"2026-11-21T10:00:{more.pop('second', 0):02}.000Z"
    return {
        "type": kind,
        "uuid": uuid,
        "parentUuid": parent,
        "sessionId": "s",
        "isSidechain": False,
        "timestamp": stamp,
        "message": message,
        **more,
    }


def reply(uuid: str, parent: str, block: Any, *, id_: str, read: int, second: int) -> Any:
    usage = {"input_tokens": 5, "output_tokens": 1, "cache_read_input_tokens": read}
    usage["cache_creation_input_tokens"] = 3
    named = {"id": id_, "model": "claude-sonnet-4-5", "usage": usage}
    return line("assistant", uuid, parent, [block], second=second, message=named)


def call(name: str) -> dict[str, Any]:
    return {"type": "tool_use", "id": name, "name": "Read", "input": {}}


def result(name: str) -> dict[str, Any]:
    return {"type": "tool_result", "tool_use_id": name, "content": f"of {name}"}


PARALLEL = [
    {"type": "summary", "summary": "x", "leafUuid": "y"},
    line("user", "u1", None, "go", second=0),
    reply("a1", "u1", call("t1"), id_="m1", read=0, second=2),
    reply("a2", "a1", call("t2"), id_="m1", read=0, second=3),
    line("user", "r1", "a1", [result("t1")], second=4),
    line("user", "r2", "a2", [result("t2")], second=5),
    {"type": "system", "uuid": "s1", "parentUuid": "r2", "sessionId": "s", "subtype": "info"},
    reply("a3", "s1", {"type": "text", "text": "done"}, id_="m2", read=100, second=9),
]


def test_a_reply_of_claude_code_is_one_request_however_many_lines_it_has():
    found = requests(read(*PARALLEL))
    assert [item.place for item in found] == ["log.jsonl:3", "log.jsonl:8"]
    assert found[0].messages == [{"role": "user", "content": [{"type": "text", "text": "go"}]}]
    assert found[0].body["model"] == "claude-sonnet-4-5"
    assert (found[0].at, found[0].duration) == (seconds_of("2026-11-21T10:00:00Z"), 3.0)
    assert all(item.partial and item.protocol == "anthropic" for item in found)


def test_results_of_parallel_calls_are_in_the_request_though_they_lie_on_other_branches():
    turns = requests(read(*PARALLEL))[1].messages
    assert turns[1] == {"role": "assistant", "content": [call("t1"), call("t2")]}
    assert turns[2] == {"role": "user", "content": [result("t1"), result("t2")]}


def test_usage_of_claude_code_counts_what_was_cached_as_input():
    usage = requests(read(*PARALLEL))[1].usage
    assert usage is not None
    assert (usage.input, usage.cache_read, usage.cache_write) == (108, 100, 3)


def test_a_side_chain_is_a_conversation_of_its_own():
    side = [
        line("user", "x1", None, "search", isSidechain=True, agentId="k"),
        reply("x2", "x1", {"type": "text", "text": "found"}, id_="m9", read=0, second=1),
    ]
    found = requests(read(*PARALLEL[:3], *side))
    assert found[1].messages == [{"role": "user", "content": [{"type": "text", "text": "search"}]}]


def test_an_error_shown_as_a_reply_was_no_request():
    fake = line("assistant", "e", "u1", [], message={"id": "m0", "model": "<synthetic>"})
    assert requests(read(PARALLEL[1], fake)) == []


def test_a_reply_whose_beginning_is_missing_is_a_finding():
    (found,) = read(reply("a", "gone", {"type": "text", "text": "x"}, id_="m", read=0, second=1))
    assert isinstance(found, Finding)
    assert "no message" in found.message


# Bodies as they are sent.

SESSION = {
    "id": "s",
    "messages": [
        {"role": "system", "content": "be brief"},
        user("a"),
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [
                {"id": f"c{n}", "type": "function", "function": {"name": "f", "arguments": "{}"}}
                for n in (1, 2)
            ],
        },
        {"role": "tool", "tool_call_id": "c1", "content": "one"},
        {"role": "tool", "tool_call_id": "c2", "content": "two"},
        assistant("b"),
        user("c"),
        assistant("d"),
    ],
}


@pytest.mark.parametrize("name", DIALECTS)
def test_a_request_cut_from_its_session_is_what_converting_it_alone_gives(name):
    whole = requests(derive_requests(SESSION))
    together = list(sent_bodies(whole, as_=name))
    alone = [next(sent_bodies([request], as_=name)) for request in whole]
    assert all(isinstance(item, Sent) for item in together)
    assert [item.body for item in together] == [item.body for item in alone]  # type: ignore[union-attr]


@pytest.mark.parametrize("name", DIALECTS)
def test_marking_changes_neither_input_nor_what_is_said(name):
    from wiremark.marks import rolling

    whole = requests(derive_requests(SESSION))
    before = json.dumps([request.body for request in whole])
    bare = list(sent_bodies(whole, as_=name))
    marked = list(sent_bodies(whole, as_=name, policy=rolling))
    assert json.dumps([request.body for request in whole]) == before
    assert all(read_sent(item).markers for item in marked)
    assert [pieces(item) for item in marked] == [pieces(item) for item in bare]


def read_sent(sent: Any) -> Context:
    return read_context(sent.body, form=sent.service.form, rules=sent.service.rules)


def pieces(sent: Any) -> list[tuple[str, str]]:
    return [(piece.name, piece.text) for piece in read_sent(sent).pieces]


def test_recorded_marks_are_taken_out_before_others_are_placed():
    from wiremark.marks import stable_head

    marker = {"cache_control": {"type": "ephemeral"}}
    body = {
        "model": "claude-sonnet-4-5",
        "max_tokens": 5,
        "system": [{"type": "text", "text": "be brief"}],
        "messages": [{"role": "user", "content": [{"type": "text", "text": "a", **marker}]}],
        **marker,
    }
    (sent,) = sent_bodies([TraceRequest(body)], policy=stable_head)
    assert isinstance(sent, Sent)
    assert sent.body["system"] == [{"type": "text", "text": "be brief", **marker}]
    assert "cache_control" not in json.dumps(sent.body["messages"])
    assert "cache_control" not in sent.body


def test_a_model_of_another_service_is_replaced_and_said_so():
    (sent,) = sent_bodies(
        [TraceRequest({"model": "gpt-4o", "messages": [user("a")]})], as_="anthropic"
    )
    assert isinstance(sent, Sent)
    assert sent.body["model"] == "claude-sonnet-4-5"
    assert "gpt-4o" in sent.service.note


def test_a_model_of_the_service_stays():
    body = {"model": "qwen3-max", "messages": [user("a")]}
    (sent,) = sent_bodies([TraceRequest(body)], as_="dashscope")
    assert isinstance(sent, Sent)
    assert (sent.body["model"], sent.service.model) == ("qwen3-max", "qwen3-max")


def test_a_body_of_no_known_form_is_said_with_its_reason():
    ((request, problem),) = sent_bodies([TraceRequest({"model": "m"}, place="x:1")])  # type: ignore[misc]
    assert (request.place, problem.path) == ("x:1", "x:1")


def test_the_form_of_a_session_is_that_of_its_longest_request():
    call = {"type": "tool_use", "id": "t", "name": "f", "input": {}}
    turns = [user("a"), {"role": "assistant", "content": [call]}, user("b"), assistant("c")]
    whole = requests(derive_requests({"model": "claude-sonnet-4-5", "messages": turns}))
    forms = [item.service.form for item in sent_bodies(whole) if isinstance(item, Sent)]
    assert forms == ["anthropic", "anthropic"]


def test_requests_that_no_other_continues_are_converted_alone():
    bodies = [{"model": "qwen-plus", "messages": [user("a"), user(text)]} for text in "bc"]
    made = list(sent_bodies([TraceRequest(body) for body in bodies], as_="dashscope"))
    assert [item.body["input"]["messages"] for item in made if isinstance(item, Sent)] == [
        [user("a"), user("b")],
        [user("a"), user("c")],
    ]


def test_rules_of_the_caller_replace_those_of_host_and_model():
    from wiremark.rules import select_rules

    rules = select_rules("openai-chat", host="openrouter.ai", model="qwen-plus").rules
    (sent,) = sent_bodies([TraceRequest(BODY)], rules=rules)
    assert isinstance(sent, Sent)
    assert sent.service.rules is rules


# Recorded by others.


@pytest.mark.shared
@pytest.mark.parametrize(
    ("name", "count"), [("agent_traces", 43), ("exchanges", 67), ("dashscope_native", 11)]
)
def test_recorded_files_are_read(shared_dir: Path, name: str, count: int):
    path = shared_dir / "real" / f"{name}.jsonl"
    found = list(read_trace(path))
    assert len(requests(found)) == count
    assert all(item.path.startswith(f"{path}:") for item in found if isinstance(item, Finding))
