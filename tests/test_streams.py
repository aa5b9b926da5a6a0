"""Streams of all protocols: cut anywhere, they give the reply that was not streamed.

The streams and the whole responses are written by small renderers of this file, from the providers'
documentation; recorded ones are in the shared folder.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import random
import struct
import zlib
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any, TypeAlias

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wiremark import (
    AnthropicChatFormatter,
    BedrockConverseFormatter,
    DashScopeChatFormatter,
    DeepSeekFormatter,
    MessageError,
    OpenAIChatFormatter,
    Quirks,
    WiremarkError,
)
from wiremark.base import BaseFormatter
from wiremark.base.reply import Delta, Reply
from wiremark.errors import ResponseError
from wiremark.sse import Event

Json: TypeAlias = dict[str, Any]


# ------------------------------------------------------------------------------- what a model says


@dataclass(frozen=True)
class Said:
    """One reply: thinking, text, calls; the last are id, name and arguments."""

    thinking: str
    text: str
    calls: tuple[tuple[str, str, Json], ...]

    @property
    def reason(self) -> str:
        return "tool_calls" if self.calls else "stop"


words = st.text(st.characters(codec="utf-8"), max_size=30)
values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | words,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=3),
    max_leaves=5,
)
calls = st.lists(
    st.tuples(st.sampled_from(["weather", "clock"]), st.dictionaries(words, values, max_size=3)),
    max_size=3,
).map(lambda found: tuple((f"call_{n}", name, inputs) for n, (name, inputs) in enumerate(found)))
replies = st.builds(Said, words, words, calls)
seeds = st.randoms(use_true_random=False)

SAID = Said(
    "Zwei Aufrufe: größer 🙂.",
    "I look.\n\n好。",
    (("call_0", "weather", {"city": "Köln", "days": 2}), ("call_1", "clock", {})),
)

SHORT = Said("Hé", "好🙂", (("call_0", "f", {"x": 1}),))


def pieces_of(text: str, rng: random.Random) -> list[str]:
    """Cut a text into one to four pieces, none empty."""
    places = sorted({rng.randint(1, len(text)) for _ in range(3)}) if text else []
    return [text[a:b] for a, b in pairwise([0, *places, len(text)]) if text[a:b]]


def shuffled(streams: Sequence[list[Any]], rng: random.Random) -> list[Any]:
    """Mix lists, each in its own order, the first of each in the order of the lists."""
    begun = [items[0] for items in streams if items]
    rest = [list(items[1:]) for items in streams]
    out = begun
    while any(rest):
        out.append(rng.choice([items for items in rest if items]).pop(0))
    return out


# --------------------------------------------------------------------------------- the renderers


def openai_whole(said: Said) -> Json:
    message: Json = {"role": "assistant", "content": said.text or None}
    if said.thinking:
        message["reasoning_content"] = said.thinking
    if said.calls:
        message["tool_calls"] = [
            {
                "id": key,
                "type": "function",
                "function": {"name": name, "arguments": json.dumps(inputs)},
            }
            for key, name, inputs in said.calls
        ]
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1,
        "model": "m-1",
        "choices": [{"index": 0, "message": message, "finish_reason": said.reason}],
        "usage": OPENAI_USAGE,
    }


OPENAI_USAGE = {
    "prompt_tokens": 1310,
    "completion_tokens": 10,
    "total_tokens": 1320,
    "prompt_tokens_details": {"cached_tokens": 1200},
}


def openai_calls(said: Said, rng: random.Random) -> list[Json]:
    """Return the pieces of all calls, mixed: id and name once, then arguments by index."""
    streams = []
    for index, (key, name, inputs) in enumerate(said.calls):
        function = {"name": name, "arguments": ""}
        begun = {"index": index, "id": key, "type": "function", "function": function}
        more = [
            {"index": index, "function": {"arguments": piece}}
            for piece in pieces_of(json.dumps(inputs), rng)
        ]
        streams.append([begun, *more])
    return shuffled(streams, rng)


def openai_events(said: Said, rng: random.Random) -> list[Json]:
    def chunk(delta: Json, reason: str | None = None) -> Json:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": reason}
        return {**head, "choices": [choice], "usage": None}

    head = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "m-1"}
    return [
        chunk({"role": "assistant", "content": None}),
        *(chunk({"reasoning_content": piece}) for piece in pieces_of(said.thinking, rng)),
        *(chunk({"content": piece}) for piece in pieces_of(said.text, rng)),
        *(chunk({"tool_calls": [piece]}) for piece in openai_calls(said, rng)),
        chunk({}, said.reason),
        {**head, "choices": [], "usage": OPENAI_USAGE},
    ]


DASHSCOPE_USAGE = {
    "input_tokens": 1310,
    "output_tokens": 10,
    "total_tokens": 1320,
    "prompt_tokens_details": {"cached_tokens": 1200},
}


def dashscope_whole(said: Said, *, listed: bool = False) -> Json:
    message: Json = {"role": "assistant", "content": said.text}
    if listed:
        message["content"] = [{"text": said.text}] if said.text else []
    if said.thinking:
        message["reasoning_content"] = said.thinking
    if said.calls:
        message["tool_calls"] = [
            {
                "index": index,
                "id": key,
                "type": "function",
                "function": {"name": name, "arguments": json.dumps(inputs)},
            }
            for index, (key, name, inputs) in enumerate(said.calls)
        ]
    choice = {"finish_reason": said.reason, "message": message}
    return {"output": {"choices": [choice]}, "usage": DASHSCOPE_USAGE, "request_id": "r-1"}


def dashscope_events(said: Said, rng: random.Random, *, listed: bool = False) -> list[Json]:
    """Return increments as DashScope sends them: later pieces of a call have the id ""."""

    def event(message: Json, reason: str = "null") -> Json:
        usage = {**DASHSCOPE_USAGE, "output_tokens": 10 if reason != "null" else 1}
        full = {"content": [] if listed else "", "role": "assistant", **message}
        choice = {"message": full, "finish_reason": reason}
        return {"output": {"choices": [choice]}, "usage": usage, "request_id": "r-1"}

    def call(piece: Json) -> Json:
        return {"id": "", "type": "function", **piece}

    return [
        *(event({"reasoning_content": piece}) for piece in pieces_of(said.thinking, rng)),
        *(
            event({"content": [{"text": piece}] if listed else piece})
            for piece in pieces_of(said.text, rng)
        ),
        *(event({"tool_calls": [call(piece)]}) for piece in openai_calls(said, rng)),
        event({}, said.reason),
    ]


def dashscope_totals(said: Said, rng: random.Random, *, listed: bool = False) -> list[Json]:
    """Return events that repeat all that was said before, as without `incremental_output`."""
    thinking = text = ""
    begun: list[tuple[str, str, str]] = []
    out = []

    def say(reason: str = "null") -> None:
        content: Any = ([{"text": text}] if text else []) if listed else text
        message: Json = {"role": "assistant", "content": content, "reasoning_content": thinking}
        if begun:
            message["tool_calls"] = [
                {"index": n, "id": key, "function": {"name": name, "arguments": text}}
                for n, (key, name, text) in enumerate(begun)
            ]
        choice = {"message": message, "finish_reason": reason}
        whole = {"output": {"choices": [choice]}, "usage": DASHSCOPE_USAGE, "request_id": "r-1"}
        out.append(whole)

    for piece in pieces_of(said.thinking, rng):
        thinking += piece
        say()
    for piece in pieces_of(said.text, rng):
        text += piece
        say()
    for key, name, inputs in said.calls:
        arguments = ""
        begun.append((key, name, arguments))
        for piece in pieces_of(json.dumps(inputs), rng):
            arguments += piece
            begun[-1] = (key, name, arguments)
            say()
    say(said.reason)
    return out


ANTHROPIC_USAGE = {
    "input_tokens": 10,
    "cache_creation_input_tokens": 100,
    "cache_read_input_tokens": 1200,
    "cache_creation": {"ephemeral_5m_input_tokens": 100, "ephemeral_1h_input_tokens": 0},
    "output_tokens": 10,
}


def anthropic_whole(said: Said) -> Json:
    content: list[Json] = []
    if said.thinking:
        content.append({"type": "thinking", "thinking": said.thinking, "signature": "EqQC+/=="})
    if said.text:
        content.append({"type": "text", "text": said.text})
    for key, name, inputs in said.calls:
        content.append({"type": "tool_use", "id": key, "name": name, "input": inputs})
    return {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "claude-x",
        "content": content,
        "stop_reason": "tool_use" if said.calls else "end_turn",
        "stop_sequence": None,
        "usage": ANTHROPIC_USAGE,
    }


def anthropic_events(said: Said, rng: random.Random) -> list[Json]:
    whole = anthropic_whole(said)
    start = {**whole, "content": [], "stop_reason": None}
    start["usage"] = {**ANTHROPIC_USAGE, "output_tokens": 1}
    out: list[Json] = [{"type": "message_start", "message": start}, {"type": "ping"}]
    empty = {"text": {"text": ""}, "thinking": {"thinking": "", "signature": ""}}
    for index, block in enumerate(whole["content"]):
        kind = block["type"]
        if kind == "tool_use":
            begun = {**block, "input": {}}
            text = json.dumps(block["input"]) if block["input"] else ""
            deltas = [{"type": "input_json_delta", "partial_json": ""}]
            deltas += [
                {"type": "input_json_delta", "partial_json": piece}
                for piece in pieces_of(text, rng)
            ]
        else:
            begun = {"type": kind, **empty[kind]}
            deltas = [{"type": f"{kind}_delta", kind: p} for p in pieces_of(block[kind], rng)]
        if kind == "thinking":
            deltas.append({"type": "signature_delta", "signature": block["signature"]})
        out.append({"type": "content_block_start", "index": index, "content_block": begun})
        out += [{"type": "content_block_delta", "index": index, "delta": item} for item in deltas]
        out.append({"type": "content_block_stop", "index": index})
    delta = {"stop_reason": whole["stop_reason"], "stop_sequence": None}
    out.append({"type": "message_delta", "delta": delta, "usage": {"output_tokens": 10}})
    out.append({"type": "message_stop"})
    return out


BEDROCK_USAGE = {
    "inputTokens": 10,
    "outputTokens": 10,
    "totalTokens": 1320,
    "cacheReadInputTokens": 1200,
    "cacheWriteInputTokens": 100,
}


def bedrock_whole(said: Said) -> Json:
    content: list[Json] = []
    if said.thinking:
        thought = {"text": said.thinking, "signature": "EqQC+/=="}
        content.append({"reasoningContent": {"reasoningText": thought}})
    if said.text:
        content.append({"text": said.text})
    for key, name, inputs in said.calls:
        content.append({"toolUse": {"toolUseId": key, "name": name, "input": inputs}})
    return {
        "output": {"message": {"role": "assistant", "content": content}},
        "stopReason": "tool_use" if said.calls else "end_turn",
        "usage": BEDROCK_USAGE,
        "metrics": {"latencyMs": 5},
    }


def bedrock_events(said: Said, rng: random.Random) -> list[Json]:
    whole = bedrock_whole(said)
    out: list[Json] = [{"messageStart": {"role": "assistant"}}]
    for index, block in enumerate(whole["output"]["message"]["content"]):
        deltas: list[Json]
        if "toolUse" in block:
            call = block["toolUse"]
            begun = {"toolUse": {"toolUseId": call["toolUseId"], "name": call["name"]}}
            out.append({"contentBlockStart": {"start": begun, "contentBlockIndex": index}})
            text = json.dumps(call["input"]) if call["input"] else ""
            deltas = [{"toolUse": {"input": piece}} for piece in pieces_of(text, rng)]
        elif "text" in block:
            deltas = [{"text": piece} for piece in pieces_of(block["text"], rng)]
        else:
            thought = block["reasoningContent"]["reasoningText"]
            deltas = [
                {"reasoningContent": {"text": piece}} for piece in pieces_of(thought["text"], rng)
            ]
            deltas.append({"reasoningContent": {"signature": thought["signature"]}})
        out += [{"contentBlockDelta": {"delta": d, "contentBlockIndex": index}} for d in deltas]
        out.append({"contentBlockStop": {"contentBlockIndex": index}})
    out.append({"messageStop": {"stopReason": whole["stopReason"]}})
    out.append({"metadata": {"usage": BEDROCK_USAGE, "metrics": {"latencyMs": 5}}})
    return out


def chat_bytes(chunks: Iterable[Json]) -> bytes:
    lines = [f"data: {json.dumps(chunk, ensure_ascii=False)}\n\n" for chunk in chunks]
    return "".join([": keep-alive\n\n", *lines, "data: [DONE]\n\n"]).encode()


def dashscope_bytes(chunks: Iterable[Json]) -> bytes:
    return "".join(
        f"id:{number}\nevent:result\n:HTTP_STATUS/200\ndata:{json.dumps(chunk)}\n\n"
        for number, chunk in enumerate(chunks, 1)
    ).encode()


def anthropic_bytes(events: Iterable[Json]) -> bytes:
    return "".join(
        f"event: {event['type']}\ndata: {json.dumps(event, ensure_ascii=False)}\n\n"
        for event in events
    ).encode()


def frame(payload: bytes, **headers: str) -> bytes:
    """Return a frame of Amazon's event stream."""
    head = b"".join(
        bytes([len(name) + 1]) + b":" + name.replace("_", "-").encode() + b"\x07"
        + struct.pack(">H", len(value)) + value.encode()
        for name, value in headers.items()
    )  # fmt: skip
    return raw_frame(head, payload)


def raw_frame(head: bytes, payload: bytes) -> bytes:
    start = struct.pack(">II", 16 + len(head) + len(payload), len(head))
    body = start + struct.pack(">I", zlib.crc32(start)) + head + payload
    return body + struct.pack(">I", zlib.crc32(body))


def bedrock_bytes(events: Iterable[Json]) -> bytes:
    out = b""
    for event in events:
        ((name, value),) = event.items()
        payload = json.dumps({**value, "p": "abcdef"}).encode()
        out += frame(
            payload, event_type=name, content_type="application/json", message_type="event"
        )
    return out


@dataclass(frozen=True)
class Protocol:
    formatter: BaseFormatter
    whole: Callable[[Said], Json]
    events: Callable[[Said, random.Random], list[Json]]
    to_bytes: Callable[[Iterable[Json]], bytes]
    incremental: bool = True

    def stream(self, pieces: Iterable[Any]) -> tuple[list[Delta], Reply]:
        stream = self.formatter.parse_stream(pieces, incremental=self.incremental)
        return list(stream), stream.reply

    def parse(self, said: Said) -> Reply:
        return self.formatter.parse_response(self.whole(said))


PROTOCOLS = {
    "openai": Protocol(OpenAIChatFormatter(), openai_whole, openai_events, chat_bytes),
    "dashscope": Protocol(
        DashScopeChatFormatter(), dashscope_whole, dashscope_events, dashscope_bytes
    ),
    "dashscope-totals": Protocol(
        DashScopeChatFormatter(), dashscope_whole, dashscope_totals, dashscope_bytes, False
    ),
    "dashscope-multimodal": Protocol(
        DashScopeChatFormatter(),
        lambda said: dashscope_whole(said, listed=True),
        lambda said, rng: dashscope_events(said, rng, listed=True),
        dashscope_bytes,
    ),
    "dashscope-multimodal-totals": Protocol(
        DashScopeChatFormatter(),
        lambda said: dashscope_whole(said, listed=True),
        lambda said, rng: dashscope_totals(said, rng, listed=True),
        dashscope_bytes,
        False,
    ),
    "anthropic": Protocol(
        AnthropicChatFormatter(), anthropic_whole, anthropic_events, anthropic_bytes
    ),
    "bedrock": Protocol(BedrockConverseFormatter(), bedrock_whole, bedrock_events, bedrock_bytes),
}


@pytest.fixture(params=PROTOCOLS)
def protocol(request: pytest.FixtureRequest) -> Protocol:
    return PROTOCOLS[request.param]


def joined(deltas: Iterable[Delta], kind: str, index: int | None = None) -> str:
    return "".join(d.text for d in deltas if d.kind == kind and d.index == index)


def compact(deltas: Iterable[Delta]) -> list[Delta]:
    """Join deltas that follow each other, so that only what they say is compared."""
    out: list[Delta] = []
    for delta in deltas:
        last = out[-1] if out else None
        same = last is not None and (last.kind, last.index) == (delta.kind, delta.index)
        if last is not None and same and delta.kind in ("text", "thinking", "tool_call"):
            out[-1] = replace(delta, text=last.text + delta.text)
        else:
            out.append(delta)
    return out


def check(deltas: list[Delta], reply: Reply) -> None:
    """The deltas say what the reply says."""
    assert joined(deltas, "text") == reply.text
    assert joined(deltas, "thinking") == reply.thinking
    for index, call in enumerate(reply.tool_calls):
        text = joined(deltas, "tool_call", index)
        assert (json.loads(text) if text else {}) == call.input
        assert {(d.id, d.name) for d in deltas if d.index == index} == {(call.id, call.name)}
    assert {d.index for d in deltas if d.kind == "tool_call"} == set(range(len(reply.tool_calls)))
    assert [d.finish_reason for d in deltas if d.kind == "finish"] == [reply.finish_reason]
    assert [d.usage for d in deltas if d.kind == "usage"] == [reply.usage]


# ------------------------------------------------------------------- streamed equals not streamed


@given(said=replies, rng=seeds)
@settings(max_examples=40)
@pytest.mark.parametrize("name", PROTOCOLS)
def test_a_streamed_reply_equals_the_whole_response(
    name: str, said: Said, rng: random.Random
) -> None:
    protocol = PROTOCOLS[name]
    deltas, reply = protocol.stream(protocol.events(said, rng))
    assert reply == protocol.parse(said)
    assert (reply.text, reply.thinking) == (said.text, said.thinking)
    assert [(c.id, c.name, c.input) for c in reply.tool_calls] == list(said.calls)
    assert reply.usage is not None
    assert (reply.usage.input, reply.usage.output, reply.usage.cache_read) == (1310, 10, 1200)
    check(deltas, reply)


@given(said=replies, rng=seeds)
@settings(max_examples=15)
@pytest.mark.parametrize("name", PROTOCOLS)
def test_bytes_cut_anywhere_say_the_same_as_the_events(
    name: str, said: Said, rng: random.Random
) -> None:
    protocol = PROTOCOLS[name]
    events = protocol.events(said, rng)
    stream = protocol.to_bytes(events)
    places = sorted(rng.randint(0, len(stream)) for _ in range(rng.randint(0, 9)))
    pieces = [stream[a:b] for a, b in pairwise([0, *places, len(stream)])]
    deltas, reply = protocol.stream(pieces)
    wanted, whole = protocol.stream(events)
    assert reply == whole
    assert deltas == wanted


@pytest.mark.parametrize("name", ["openai", "dashscope", "anthropic", "bedrock"])
def test_a_stream_cut_at_every_byte_gives_the_same_reply(name: str) -> None:
    protocol = PROTOCOLS[name]
    stream = protocol.to_bytes(protocol.events(SHORT, random.Random(1)))
    wanted, whole = protocol.stream([stream])
    for place in range(len(stream) + 1):
        assert protocol.stream([stream[:place], stream[place:]]) == (wanted, whole)
    assert protocol.stream([bytes([byte]) for byte in stream]) == (wanted, whole)


def test_the_response_is_what_the_provider_sends_without_streaming(protocol: Protocol) -> None:
    parser = protocol.formatter.stream_parser(incremental=protocol.incremental)
    for event in protocol.events(SAID, random.Random(2)):
        parser.feed(event)
    reply = parser.close()
    response = parser.response
    assert protocol.formatter.parse_response(json.dumps(response)) == reply
    whole = protocol.whole(SAID)
    assert whole.keys() <= response.keys()
    assert response["usage"] == whole["usage"]


@pytest.mark.parametrize("name", ["openai", "anthropic", "bedrock"])
def test_the_response_is_equal_to_the_whole_one(name: str) -> None:
    protocol = PROTOCOLS[name]
    parser = protocol.formatter.stream_parser()
    for event in protocol.events(SAID, random.Random(2)):
        parser.feed(event)
    parser.close()
    assert parser.response == protocol.whole(SAID)


def test_the_input_is_not_modified(protocol: Protocol) -> None:
    events = protocol.events(SAID, random.Random(3))
    before = json.dumps(events)
    _, reply = protocol.stream(events)
    assert json.dumps(events) == before
    assert reply.tool_calls[0].input == SAID.calls[0][2]


def test_a_speaker_gets_a_name(protocol: Protocol) -> None:
    events = protocol.events(SAID, random.Random(3))
    stream = protocol.formatter.parse_stream(events, name="Bo", incremental=protocol.incremental)
    assert stream.reply.message.name == "Bo"


def test_vendors_read_streams_as_their_family_does() -> None:
    events = openai_events(SAID, random.Random(4))
    assert DeepSeekFormatter().parse_stream(events).reply == PROTOCOLS["openai"].parse(SAID)


def test_java_quirks_change_the_reply_as_they_do_without_a_stream() -> None:
    java = DashScopeChatFormatter(quirks=Quirks.JAVA)
    reply = java.parse_stream(dashscope_events(SAID, random.Random(1))).reply
    assert reply == java.parse_response(dashscope_whole(SAID))
    assert reply.tool_calls[0].input == {}


# --------------------------------------------------------------------------------- whole or broken


def test_a_whole_response_in_place_of_a_stream_is_read(protocol: Protocol) -> None:
    wanted = protocol.parse(SAID)
    for source in (
        [protocol.whole(SAID)],
        [json.dumps(protocol.whole(SAID), indent=1).encode()],
    ):
        deltas, reply = protocol.stream(source)
        assert reply == wanted
        check(deltas, reply)


@pytest.mark.parametrize("name", PROTOCOLS)
def test_a_stream_cut_short_gives_what_arrived_and_says_so(name: str) -> None:
    protocol = PROTOCOLS[name]
    said = Said("", "Hello there", ())
    events = protocol.events(said, random.Random(1))
    ends = {"openai": 2, "anthropic": 3, "bedrock": 3}.get(name, 1)
    deltas, reply = protocol.stream(events[:-ends])
    assert reply.text == joined(deltas, "text") == "Hello there"
    assert reply.finish_reason is None
    assert [finding.code for finding in reply.findings] == ["stream-cut"]


def test_a_stream_of_nothing_is_cut_short(protocol: Protocol) -> None:
    for source in (
        [],
        [b""],
        [b": keep-alive\n\n"] if protocol.to_bytes is not bedrock_bytes else [],
    ):
        deltas, reply = protocol.stream(source)
        assert (deltas, reply.message.content, reply.usage) == ([], (), None)
        assert [finding.code for finding in reply.findings] == ["stream-cut"]


@pytest.mark.parametrize("name", ["openai", "anthropic", "bedrock"])
def test_arguments_that_were_cut_off_are_kept_as_text(name: str) -> None:
    protocol = PROTOCOLS[name]
    said = Said("", "", (("call_0", "weather", {"city": "Köln"}),))
    parser = protocol.formatter.stream_parser()
    deltas = []
    for event in protocol.events(said, random.Random(5)):
        deltas += parser.feed(event)
        if joined(deltas, "tool_call", 0):
            break
    torn = joined(deltas, "tool_call", 0)
    reply = parser.close()
    (call,) = reply.tool_calls
    assert (call.id, call.name, call.input, call.content) == ("call_0", "weather", {}, torn)
    assert torn
    assert torn != json.dumps(said.calls[0][2])
    assert {f.code for f in reply.findings} == {"arguments-unread", "stream-cut"}


@pytest.mark.parametrize("name", [name for name in PROTOCOLS if name != "bedrock"])
def test_a_stream_without_its_last_blank_line_loses_nothing(name: str) -> None:
    protocol = PROTOCOLS[name]
    stream = protocol.to_bytes(protocol.events(SAID, random.Random(1)))
    assert protocol.stream([stream[:-1]]) == protocol.stream([stream])
    assert protocol.stream([stream[:-2]]) == protocol.stream([stream])


def test_malformed_events_are_left_out_and_told() -> None:
    stream = chat_bytes(openai_events(SAID, random.Random(1)))
    broken = b'data: {"choices": [\n\ndata: 17\n\n' + stream
    reply = OpenAIChatFormatter().parse_stream([broken]).reply
    assert reply.text == SAID.text
    assert [(f.code, f.path) for f in reply.findings] == [
        ("event-malformed", "events[1]"),
        ("event-malformed", "events[2]"),
    ]


@pytest.mark.parametrize(
    ("name", "event", "kind"),
    [
        ("anthropic", {"type": "news"}, "news"),
        (
            "anthropic",
            {"type": "content_block_delta", "index": 0, "delta": {"type": "odour_delta"}},
            "content_block_delta.odour_delta",
        ),
        ("bedrock", {"news": {}}, "news"),
        (
            "bedrock",
            {"contentBlockDelta": {"delta": {"odour": 1}, "contentBlockIndex": 0}},
            "contentBlockDelta.odour",
        ),
        ("openai", {"type": "news"}, "news"),
    ],
)
def test_an_unknown_kind_of_event_is_told_once_and_kept_out(
    name: str, event: Json, kind: str
) -> None:
    protocol = PROTOCOLS[name]
    events = protocol.events(SAID, random.Random(1))
    _, reply = protocol.stream([*events[:2], event, event, *events[2:]])
    assert [(f.code, f.path) for f in reply.findings] == [("event-unknown", kind)]
    assert reply.message == protocol.parse(SAID).message


def test_what_follows_the_end_is_not_read() -> None:
    stream = chat_bytes(openai_events(SAID, random.Random(1)))
    assert OpenAIChatFormatter().parse_stream([stream, stream]).reply.text == SAID.text


JUNK: list[Any] = [None, True, -1, 1.5, "", "x", [], {}, [None], ["x"], {"a": 1}, {"type": []}]


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    inner = value.items() if isinstance(value, dict) else enumerate(value)
    below = [
        place
        for key, item in inner
        if isinstance(item, dict | list)
        for place in places(item, (*path, key))
    ]
    return [
        (*path, key) for key in (value if isinstance(value, dict) else range(len(value)))
    ] + below


def spoil(value: Any, place: tuple[Any, ...], junk: Any) -> None:
    for key in place[:-1]:
        value = value[key]
    value[place[-1]] = junk


@given(rng=seeds, junk=st.lists(st.sampled_from(JUNK), min_size=1, max_size=3))
@settings(max_examples=60)
@pytest.mark.parametrize("name", PROTOCOLS)
def test_whatever_an_event_holds_what_arrived_is_given(
    name: str, rng: random.Random, junk: list[Any]
) -> None:
    protocol = PROTOCOLS[name]
    events = json.loads(json.dumps(protocol.events(SAID, rng)))
    for value in junk:
        event = rng.choice(events)
        spoil(event, rng.choice(places(event)), json.loads(json.dumps(value)))
    parser = protocol.formatter.stream_parser(incremental=protocol.incremental)
    for event in events:
        with contextlib.suppress(ResponseError):
            parser.feed(event)
    with contextlib.suppress(ResponseError):
        parser.close()
    assert isinstance(parser.close(), Reply)


# ------------------------------------------------------------------------------------------ errors

ERRORS: dict[str, tuple[bytes, str, int | None, str]] = {
    "openai": (
        b'data: {"error": {"message": "Too many", "code": 429, "type": "rate_limit"}}\n\n',
        "429",
        429,
        "Too many",
    ),
    "dashscope": (
        (
            b"id:9\nevent:error\n:HTTP_STATUS/400\n"
            b'data:{"code":"InvalidParameter","message":"Too long","request_id":"r-1"}\n\n'
        ),
        "InvalidParameter",
        400,
        "Too long",
    ),
    "anthropic": (
        (
            b'event: error\ndata: {"type": "error", '
            b'"error": {"type": "overloaded_error", "message": "Overloaded"}}\n\n'
        ),
        "overloaded_error",
        529,
        "Overloaded",
    ),
    "bedrock": (
        frame(
            b'{"message": "Slow down"}',
            exception_type="throttlingException",
            message_type="exception",
        ),
        "throttlingException",
        429,
        "Slow down",
    ),
}


@pytest.mark.parametrize("name", ERRORS)
def test_an_error_is_raised_once_and_loses_no_delta(name: str) -> None:
    protocol = PROTOCOLS[name]
    error, code, status, text = ERRORS[name]
    events = protocol.events(Said("", "Hello", ()), random.Random(1))
    ends = {"openai": 2, "anthropic": 3, "bedrock": 3}.get(name, 1)
    stream = protocol.to_bytes(events[:-ends]).removesuffix(b"data: [DONE]\n\n") + error
    parser = protocol.formatter.stream_parser()
    assert joined(parser.feed(stream), "text") == "Hello"
    with pytest.raises(ResponseError) as caught:
        parser.feed(b"")
    assert (caught.value.code, caught.value.status) == (code, status)
    assert caught.value.provider_text == text
    reply = parser.close()
    assert reply.text == "Hello"
    assert [(f.code, f.severity, f.provider_text) for f in reply.findings] == [
        ("provider-error", "error", text)
    ]
    assert parser.close() is reply


@pytest.mark.parametrize("name", ERRORS)
def test_an_error_in_front_is_raised_at_once(name: str) -> None:
    parser = PROTOCOLS[name].formatter.stream_parser()
    with pytest.raises(ResponseError):
        parser.feed(ERRORS[name][0])
    assert parser.close().message.content == ()


@pytest.mark.parametrize("name", ERRORS)
def test_iterating_gives_the_deltas_then_raises(name: str) -> None:
    protocol = PROTOCOLS[name]
    events = protocol.events(Said("", "Hello", ()), random.Random(1))
    ends = {"openai": 2, "anthropic": 3, "bedrock": 3}.get(name, 1)
    stream = protocol.to_bytes(events[:-ends]).removesuffix(b"data: [DONE]\n\n")

    def source() -> Iterator[bytes]:
        yield stream + ERRORS[name][0]
        pytest.fail("the error was not raised before more was read")

    found = protocol.formatter.parse_stream(source())
    deltas: list[Delta] = []
    with pytest.raises(ResponseError):
        deltas.extend(found)
    assert joined(deltas, "text") == found.reply.text == "Hello"


def test_an_error_held_back_is_raised_by_close() -> None:
    parser = OpenAIChatFormatter().stream_parser()
    text = chat_bytes(openai_events(SAID, random.Random(1))[:-2]).removesuffix(b"data: [DONE]\n\n")
    assert parser.feed(text + ERRORS["openai"][0])
    with pytest.raises(ResponseError):
        parser.close()
    assert parser.close().text == SAID.text


ERROR_BODIES: dict[str, Json] = {
    "openai": {"error": {"message": "no key", "type": "auth", "code": "401"}},
    "dashscope": {"code": "InvalidApiKey", "message": "no key", "request_id": "r-1"},
    "anthropic": {
        "type": "error",
        "error": {"type": "authentication_error", "message": "no key"},
        "request_id": "r-1",
    },
    "bedrock": {"message": "no key"},
}


@pytest.mark.parametrize("name", ERROR_BODIES)
def test_an_error_body_in_place_of_a_stream_is_raised(name: str) -> None:
    body = json.dumps(ERROR_BODIES[name]).encode()
    found = PROTOCOLS[name].formatter.parse_stream([body[:7], body[7:]])
    with pytest.raises(ResponseError, match="no key"):
        list(found)


@pytest.mark.parametrize("name", ["openai", "dashscope", "anthropic"])
def test_an_error_event_whose_data_is_no_json_is_an_error(name: str) -> None:
    parser = PROTOCOLS[name].formatter.stream_parser()
    with pytest.raises(ResponseError, match="upstream gone"):
        parser.feed(b"event: error\ndata: upstream gone\n\n")


# -------------------------------------------------------------------------------------- the parser


def test_the_reply_is_not_there_before_the_end() -> None:
    parser = OpenAIChatFormatter().stream_parser()
    parser.feed(openai_events(SAID, random.Random(1))[0])
    with pytest.raises(WiremarkError, match="still open"):
        _ = parser.reply
    reply = parser.close()
    assert parser.reply is reply
    with pytest.raises(WiremarkError, match="closed"):
        parser.feed(b"")


def test_breaking_off_early_gives_what_arrived() -> None:
    stream = OpenAIChatFormatter().parse_stream(openai_events(SAID, random.Random(1)))
    first = next(delta for delta in stream if delta.kind == "text")
    reply = stream.close()
    assert reply.text == first.text
    assert [finding.code for finding in reply.findings] == ["stream-cut"]


def test_the_reply_reads_what_was_not_iterated() -> None:
    events = openai_events(SAID, random.Random(1))
    assert OpenAIChatFormatter().parse_stream(events).reply == PROTOCOLS["openai"].parse(SAID)


def test_one_piece_is_a_stream_too(protocol: Protocol) -> None:
    stream = protocol.to_bytes(protocol.events(SAID, random.Random(1)))
    found = protocol.formatter.parse_stream(stream, incremental=protocol.incremental)
    assert found.reply == protocol.parse(SAID)


def test_text_is_read_as_bytes_are() -> None:
    stream = chat_bytes(openai_events(SAID, random.Random(1))).decode()
    assert OpenAIChatFormatter().parse_stream(list(stream)).reply == PROTOCOLS["openai"].parse(SAID)


def test_events_are_pieces_too() -> None:
    events = [Event(json.dumps(chunk)) for chunk in openai_events(SAID, random.Random(1))]
    assert OpenAIChatFormatter().parse_stream(events).reply == PROTOCOLS["openai"].parse(SAID)


def test_one_response_is_no_stream() -> None:
    with pytest.raises(MessageError, match="parse_response"):
        OpenAIChatFormatter().parse_stream(openai_whole(SAID))


@pytest.mark.parametrize("chunk", [None, 3, ["a"], {"choices": object()}])
def test_what_is_no_chunk_is_refused(chunk: Any) -> None:
    with pytest.raises(MessageError, match="chunk"):
        OpenAIChatFormatter().stream_parser().feed(chunk)


def test_an_async_stream_gives_the_same(protocol: Protocol) -> None:
    events = protocol.events(SAID, random.Random(1))

    async def source() -> AsyncIterator[Json]:
        for event in events:
            await asyncio.sleep(0)
            yield event

    async def run() -> tuple[list[Delta], Reply, Reply]:
        stream = protocol.formatter.parse_stream(source(), incremental=protocol.incremental)
        deltas = [delta async for delta in stream]
        other = protocol.formatter.parse_stream(source(), incremental=protocol.incremental)
        return deltas, stream.reply, await other.finish()

    deltas, reply, finished = asyncio.run(run())
    assert (deltas, reply) == protocol.stream(events)
    assert finished == reply


def test_an_async_error_is_raised_behind_the_deltas() -> None:
    async def source() -> AsyncIterator[bytes]:
        yield chat_bytes(openai_events(SAID, random.Random(1))[:-2])[:-14] + ERRORS["openai"][0]

    async def run() -> tuple[list[Delta], Reply]:
        stream = OpenAIChatFormatter().parse_stream(source())
        deltas: list[Delta] = []
        with pytest.raises(ResponseError):
            await gather(stream, deltas)
        return deltas, stream.close()

    async def gather(stream: AsyncIterator[Delta], into: list[Delta]) -> None:
        async for delta in stream:
            into.append(delta)  # noqa: PERF401 what came before the error is kept

    deltas, reply = asyncio.run(run())
    assert joined(deltas, "text") == reply.text == SAID.text


# ----------------------------------------------------------------------------------------- Bedrock


def converse(*deltas: Json, begin: Json | None = None) -> list[Json]:
    begun = [{"contentBlockStart": {"start": begin, "contentBlockIndex": 0}}] if begin else []
    return [
        {"messageStart": {"role": "assistant"}},
        *begun,
        *({"contentBlockDelta": {"delta": delta, "contentBlockIndex": 0}} for delta in deltas),
        {"messageStop": {"stopReason": "end_turn"}},
    ]


def test_blobs_of_boto3_become_base64() -> None:
    blob = bytes(range(40))
    events = converse({"reasoningContent": {"redactedContent": blob}})
    (thought,) = BedrockConverseFormatter().parse_stream(events).reply.message.content
    assert thought.metadata == {"redacted": base64.b64encode(blob).decode()}


def test_a_blob_in_pieces_is_one_blob() -> None:
    blob = b"encrypted thought"
    events = converse(
        {"reasoningContent": {"redactedContent": blob[:5]}},
        {"reasoningContent": {"redactedContent": blob[5:]}},
    )
    (thought,) = BedrockConverseFormatter().parse_stream(events).reply.message.content
    assert thought.metadata == {"redacted": base64.b64encode(blob).decode()}


def test_cited_text_is_read_and_its_citations_are_told() -> None:
    citation = {"title": "t", "location": {"web": {"url": "u"}}}
    parser = BedrockConverseFormatter().stream_parser()
    for event in converse({"text": "So"}, {"citation": citation}, {"text": "."}):
        parser.feed(event)
    reply = parser.close()
    (block,) = parser.response["output"]["message"]["content"]
    assert block == {"citationsContent": {"content": [{"text": "So."}], "citations": [citation]}}
    assert reply.text == "So."
    assert [finding.code for finding in reply.findings] == ["content-unread"]


def test_a_call_that_the_service_answers_itself_is_no_call() -> None:
    begin = {"toolUse": {"toolUseId": "s", "name": "grounding", "type": "server_tool_use"}}
    stream = BedrockConverseFormatter().parse_stream(
        converse({"toolUse": {"input": "{}"}}, begin=begin)
    )
    assert [delta.kind for delta in stream] == ["finish"]
    assert stream.reply.tool_calls == ()
    assert [finding.code for finding in stream.reply.findings] == ["content-unread"]


def test_results_and_pictures_of_the_service_are_joined_and_told() -> None:
    result = {"toolResult": {"toolUseId": "s", "type": "grounding", "status": "success"}}
    parser = BedrockConverseFormatter().stream_parser()
    for event in [
        *converse({"toolResult": [{"text": "a"}]}, {"toolResult": [{"text": "b"}]}, begin=result),
        {"contentBlockStart": {"start": {"image": {"format": "png"}}, "contentBlockIndex": 1}},
        {
            "contentBlockDelta": {
                "delta": {"image": {"source": {"bytes": b"\x89PNG"}}},
                "contentBlockIndex": 1,
            }
        },
    ]:
        parser.feed(event)
    reply = parser.close()
    assert parser.response["output"]["message"]["content"] == [
        {"toolResult": {**result["toolResult"], "content": [{"text": "a"}, {"text": "b"}]}},
        {"image": {"format": "png", "source": {"bytes": "iVBORw=="}}},
    ]
    assert [finding.code for finding in reply.findings] == ["content-unread"] * 2


def test_an_error_frame_is_raised() -> None:
    broken = frame(b"", message_type="error", error_code="InternalFailure", error_message="gone")
    with pytest.raises(ResponseError, match="gone") as caught:
        BedrockConverseFormatter().stream_parser().feed(broken)
    assert caught.value.code == "InternalFailure"


def test_an_exception_whose_payload_is_no_json_is_raised() -> None:
    broken = frame(b"gone", message_type="exception", exception_type="validationException")
    with pytest.raises(ResponseError, match="gone") as caught:
        BedrockConverseFormatter().stream_parser().feed(broken)
    assert caught.value.status == 400


def test_headers_of_all_types_are_passed_over() -> None:
    name = b"\x01"
    values = [
        name + b"a\x00",
        name + b"b\x01",
        name + b"c\x02\x7f",
        name + b"d\x03" + bytes(2),
        name + b"e\x04" + bytes(4),
        name + b"f\x05" + bytes(8),
        name + b"g\x06" + b"\x00\x02xy",
        name + b"h\x08" + bytes(8),
        name + b"i\x09" + bytes(16),
    ]
    stop = b"\x0b:event-type\x07\x00\x0bmessageStop"
    parser = BedrockConverseFormatter().stream_parser()
    parser.feed(raw_frame(b"".join([*values, stop]), b'{"stopReason": "end_turn"}'))
    assert parser.close().finish_reason == "end_turn"
    with pytest.raises(MessageError, match="headers"):
        BedrockConverseFormatter().stream_parser().feed(raw_frame(b"\x01a\x2a", b"{}"))


def test_exceptions_that_boto3_gives_as_events_are_raised() -> None:
    said = {"message": "failed", "originalStatusCode": 503, "originalMessage": "model gone"}
    parser = BedrockConverseFormatter().stream_parser()
    with pytest.raises(ResponseError, match="model gone") as caught:
        parser.feed({"modelStreamErrorException": said})
    assert (caught.value.code, caught.value.status) == ("modelStreamErrorException", 503)


def test_a_frame_is_read_as_botocore_writes_it() -> None:
    """The frame is a test vector of botocore: `tests/unit/test_eventstream.py`."""
    vector = (
        b"\x00\x00\x00=\x00\x00\x00 \x07\xfd\x83\x96\x0ccontent-type\x07\x00\x10application/json"
        b"{'foo':'bar'}\x8d\x9c\x08\xb1"
    )
    parser = BedrockConverseFormatter().stream_parser()
    assert parser.feed(vector) == []
    assert [f.code for f in parser.close().findings] == ["stream-cut"]
    with pytest.raises(MessageError, match="checksum"):
        BedrockConverseFormatter().stream_parser().feed(vector.replace(b"foo", b"fop"))


@pytest.mark.parametrize("piece", ["data: {}\n\n", b"data: {}\n\ndata: {}\n\n"])
def test_what_is_no_frame_is_refused(piece: Any) -> None:
    with pytest.raises(MessageError, match="feed the bytes"):
        BedrockConverseFormatter().stream_parser().feed(piece)


def test_a_torn_frame_is_told() -> None:
    stream = bedrock_bytes(bedrock_events(SAID, random.Random(1)))
    reply = BedrockConverseFormatter().parse_stream([stream[:-9]]).reply
    assert [finding.code for finding in reply.findings] == ["stream-cut"]
    assert reply.usage is None
    assert reply.text == SAID.text


# ------------------------------------------------------------------------------- recorded streams


def recorded(shared_dir: Path) -> list[tuple[BaseFormatter, str, bytes]]:
    out: list[tuple[BaseFormatter, str, bytes]] = []
    for line in (shared_dir / "real/exchanges.jsonl").read_text("utf-8").splitlines():
        exchange = json.loads(line)
        if exchange["stream"] and exchange["path"].endswith("/chat/completions"):
            out.append((OpenAIChatFormatter(), exchange["id"], exchange["response"].encode()))
    for line in (shared_dir / "real/dashscope_native.jsonl").read_text("utf-8").splitlines():
        exchange = json.loads(line)
        if exchange["name"].endswith("-sse"):
            out.append((DashScopeChatFormatter(), exchange["name"], exchange["response"].encode()))
    return out


@pytest.mark.shared
def test_recorded_streams_say_the_same_however_they_are_cut(shared_dir: Path) -> None:
    streams = recorded(shared_dir)
    assert len(streams) >= 10
    for formatter, name, stream in streams:
        whole = formatter.parse_stream(stream)
        wanted = list(whole)
        assert joined(wanted, "text") == whole.reply.text, name
        assert joined(wanted, "thinking") == whole.reply.thinking, name
        for index, block in enumerate(whole.reply.tool_calls):
            assert json.loads(joined(wanted, "tool_call", index)) == block.input, name
        assert all(f.severity == "note" or "research" in name for f in whole.reply.findings), name
        assert whole.reply.usage is not None, name
        assert whole.reply.usage.reported, name
        rng = random.Random(name)
        for _ in range(20):
            places = sorted(rng.randint(0, len(stream)) for _ in range(20))
            pieces = [stream[a:b] for a, b in pairwise([0, *places, len(stream)])]
            found = formatter.parse_stream(pieces)
            assert list(found) == wanted, name
            assert found.reply == whole.reply, name


@pytest.mark.shared
def test_a_recorded_stream_cut_at_every_byte_gives_the_same_reply(shared_dir: Path) -> None:
    for formatter, name, stream in recorded(shared_dir):
        if len(stream) < 3_000:
            wanted = formatter.parse_stream(stream).reply
            for place in range(len(stream)):
                reply = formatter.parse_stream([stream[:place], stream[place:]]).reply
                assert reply == wanted, (name, place)


@pytest.mark.shared
def test_a_recorded_claude_by_openrouter_keeps_thought_and_signature(shared_dir: Path) -> None:
    found = {name: stream for _, name, stream in recorded(shared_dir)}
    stream = next(item for name, item in found.items() if "streaming_reasoning" in name)
    reply = OpenAIChatFormatter().parse_stream(stream).reply
    assert reply.text == "2 + 2 = 4"
    assert reply.thinking == "This is a simple arithmetic question. 2+2 equals 4."
    (detail,) = reply.message.content[0].metadata["reasoningDetails"]
    assert detail["text"] == reply.thinking
    assert detail["signature"].startswith("Et0BCkgI")
    assert reply.usage is not None
    assert (reply.usage.input, reply.usage.output, reply.usage.reasoning) == (43, 36, 13)


@pytest.mark.shared
def test_recorded_parallel_calls_of_dashscope_are_joined(shared_dir: Path) -> None:
    found = {name: stream for _, name, stream in recorded(shared_dir)}
    stream = found["multimodal-generation-message-with-parallel-function-call-sse"]
    reply = DashScopeChatFormatter().parse_stream(stream).reply
    assert [(call.name, call.input) for call in reply.tool_calls] == [
        ("get_current_weather", {"location": "浙江省杭州市"}),
        ("get_current_weather", {"location": "上海市"}),
    ]
    assert all(call.id and call.id.startswith("call_") for call in reply.tool_calls)
    assert reply.usage is not None
    assert (reply.usage.input, reply.usage.output, reply.usage.reasoning) == (2807, 103, 38)
