"""Streams as vendors cut them: calls, thinking, usage, and what else differs from host to host."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any, TypeAlias

import pytest

from wiremark import AnthropicChatFormatter, DashScopeChatFormatter, OpenAIChatFormatter
from wiremark.base.reply import Delta, Reply

Json: TypeAlias = dict[str, Any]

OPENAI_USAGE = {
    "prompt_tokens": 1310,
    "completion_tokens": 10,
    "total_tokens": 1320,
    "prompt_tokens_details": {"cached_tokens": 1200},
}


def joined(deltas: Iterable[Delta], kind: str, index: int | None = None) -> str:
    return "".join(d.text for d in deltas if d.kind == kind and d.index == index)


# ------------------------------------------------------------------- calls, as vendors stream them


def call(
    arguments: Any = None, name: str | None = None, key: str | None = None, **more: Any
) -> Json:
    function = {"name": name, "arguments": arguments}
    found = {"id": key, "function": {k: v for k, v in function.items() if v is not None}, **more}
    return {k: v for k, v in found.items() if v is not None}


A, B = ("a", "f", {"x": 1}), ("b", "g", {})
AA = ("b", "f", {"x": 2})


@pytest.mark.parametrize(
    ("deltas", "wanted"),
    [
        pytest.param(
            [[call('{"x"', "f", "a", index=0)], [call(": 1}", "f", "a", index=0)]],
            [A],
            id="id and name in every piece",
        ),
        pytest.param(
            [
                [call("", "f", "a", index=0)],
                [call('{"x"', "", "", index=0)],
                [call(": 1}", index=0)],
            ],
            [A],
            id="empty id and name in later pieces",
        ),
        pytest.param(
            [[call("", "f", "a", index=0)], [call('{"x": 1}', None, "q", index=0)]],
            [A],
            id="a new id in every piece",
        ),
        pytest.param(
            [[call('{"x"', "f", "a", index=0)], [call(": 1}", "f", "q", index=0)]],
            [A],
            id="a new id and the name in every piece",
        ),
        pytest.param(
            [[call('{"x": 1}', "f", "a", index=0)], [call('{"x": 2}', "f", "b", index=0)]],
            [A, AA],
            id="whole calls of one index",
        ),
        pytest.param(
            [[call('{"x": 1}', "f", index=0)], [call('{"x": 2}', "f", index=0)]],
            [(None, "f", {"x": 1}), (None, "f", {"x": 2})],
            id="whole calls of one index without ids",
        ),
        pytest.param(
            [[call('{"x": 1}', "f", index=0)], [call("", "f", index=0)]],
            [(None, "f", {"x": 1})],
            id="a name repeated behind whole arguments",
        ),
        pytest.param(
            [[call("", "f", "a", index=0)], [call("", "g", "b", index=0)], [call("{}", index=0)]],
            [("a", "f", {}), B],
            id="two beginnings of one index",
        ),
        pytest.param(
            [[call('{"x": 1}', "f", "a"), call("{}", "g", "b")]], [A, B], id="no index, one chunk"
        ),
        pytest.param(
            [[call("", "f", "a")], [call('{"x"')], [call(": 1}")], [call("", "g", "b")]],
            [A, B],
            id="no index, one after the other",
        ),
        pytest.param(
            [[call("", "f", "a"), call("", "g", "b")], [call('{"x": 1}'), call("{}")]],
            [A, B],
            id="no index, side by side",
        ),
        pytest.param(
            [[call("{}", "f"), call("{}", "f")]],
            [(None, "f", {}), (None, "f", {})],
            id="no index, no id",
        ),
        pytest.param(
            [[call("", "f", "a")], [call('{"x": 1}', index=0)], [call("{}", "g", "b", index=1)]],
            [A, B],
            id="an index that comes later",
        ),
        pytest.param(
            [[call('{"x": 1}', "f", "a", index=3)], [call("{}", "g", "b", index=7)]],
            [A, B],
            id="indices that begin anywhere",
        ),
        pytest.param(
            [[call("", "we", "a", index=0)], [call("", "ather", index=0)], [call("{}", index=0)]],
            [("a", "weather", {})],
            id="a name in pieces",
        ),
        pytest.param([[call({"x": 1}, "f", "a", index=0)]], [A], id="arguments as an object"),
        pytest.param([[call(None, "g", "b", index=0)]], [B], id="no arguments at all"),
        pytest.param(
            [[None, {"index": 0}, {"index": 0, "function": None}], [call("{}", "g", "b", index=0)]],
            [B],
            id="pieces that say nothing",
        ),
        pytest.param(
            [
                [call("", "f", "a", index=0), call("", "g", "b", index=1)],
                [call('{"x"', index=0), call("{", index=1)],
                [call("}", index=1), call(": 1}", index=0)],
            ],
            [A, B],
            id="side by side",
        ),
    ],
)
def test_calls_are_joined_however_vendors_cut_them(
    deltas: list[list[Json]], wanted: list[tuple[str, str, Json]]
) -> None:
    chunks = [{"choices": [{"index": 0, "delta": {"tool_calls": entry}}]} for entry in deltas]
    parser = OpenAIChatFormatter().stream_parser()
    found = [delta for chunk in chunks for delta in parser.feed(chunk)]
    reply = parser.close()
    assert [(c.name, c.input) for c in reply.tool_calls] == [(n, g) for _, n, g in wanted]
    for block, (key, _, _) in zip(reply.tool_calls, wanted, strict=True):
        assert block.id == key or key is None
    for index, (_, name, given_input) in enumerate(wanted):
        text = joined(found, "tool_call", index)
        assert (json.loads(text) if text else {}) == given_input
        assert [d.name for d in found if d.index == index][-1] == name


def test_a_piece_that_says_nothing_new_gives_no_delta() -> None:
    chunks = [{"choices": [{"delta": {"tool_calls": [call("", "f", "a", index=0)]}}]}] * 3
    deltas = list(OpenAIChatFormatter().parse_stream(chunks))
    assert deltas == [Delta("tool_call", index=0, id="a", name="f")]


# -------------------------------------------------------------------------- OpenAI and its vendors


def chat(*deltas: Json, **last: Any) -> list[Json]:
    chunks = [{"choices": [{"index": 0, "delta": delta}]} for delta in deltas]
    return [*chunks, {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}], **last}]


def read_chat_stream(*deltas: Json, **last: Any) -> tuple[list[Delta], Reply]:
    stream = OpenAIChatFormatter().parse_stream(chat(*deltas, **last))
    return list(stream), stream.reply


def test_thinking_is_read_under_both_names_and_said_once() -> None:
    both = {"reasoning": "a", "reasoning_content": "a"}
    deltas, reply = read_chat_stream(both, {"reasoning": "b", "reasoning_content": "b"})
    assert joined(deltas, "thinking") == reply.thinking == "ab"
    deltas, reply = read_chat_stream({"reasoning_content": "a"}, {"reasoning": "b"})
    assert joined(deltas, "thinking") == reply.thinking == "ab"


def test_reasoning_details_are_joined_by_index_and_keep_their_signature() -> None:
    def detail(**fields: Any) -> Json:
        head = {"type": "reasoning.text", "format": "anthropic-claude-v1", "index": 0}
        return {"content": "", "reasoning_details": [{**head, **fields}]}

    secret = {"type": "reasoning.encrypted", "data": "xyz", "id": "rs_1", "index": 1}
    deltas, reply = read_chat_stream(
        detail(text="", signature=""),
        detail(text="So "),
        detail(text="it is."),
        detail(signature="Et0B=="),
        {"reasoning_details": [secret]},
    )
    assert joined(deltas, "thinking") == reply.thinking == "So it is."
    assert reply.message.content[0].metadata == {
        "reasoningDetails": [
            {
                "type": "reasoning.text",
                "format": "anthropic-claude-v1",
                "index": 0,
                "text": "So it is.",
                "signature": "Et0B==",
            },
            secret,
        ]
    }


def test_summaries_of_several_details_stay_apart() -> None:
    def detail(index: int, text: str) -> Json:
        return {
            "reasoning_details": [{"type": "reasoning.summary", "summary": text, "index": index}]
        }

    deltas, reply = read_chat_stream(detail(0, "a"), detail(1, "b"), detail(0, "c"))
    kept = reply.message.content[0].metadata["reasoningDetails"]
    assert [item["summary"] for item in kept] == ["ac", "b"]
    assert joined(deltas, "thinking") == reply.thinking


def test_content_in_parts_is_thinking_then_text() -> None:
    def thought(text: str) -> Json:
        part = {"type": "thinking", "thinking": [{"type": "text", "text": text}]}
        return {"content": [part]}

    deltas, reply = read_chat_stream(
        thought("Hm"),
        thought("m."),
        {"content": [{"type": "text", "text": "Ye"}]},
        {"content": "s"},
    )
    assert joined(deltas, "thinking") == reply.thinking == "Hmm."
    assert joined(deltas, "text") == reply.text == "Yes"
    assert [block.type for block in reply.message.content] == ["thinking", "text"]


def test_other_parts_stand_between_texts() -> None:
    picture = {"type": "image_url", "image_url": {"url": "https://example.com/a.png"}}
    contents: list[Any] = [["a"], "b", [picture], ["c", {"type": "text", "text": "d"}]]
    deltas, reply = read_chat_stream(*({"content": content} for content in contents))
    assert joined(deltas, "text") == reply.text == "abcd"
    assert [block.type for block in reply.message.content] == ["text", "image", "text"]


def test_a_thinking_part_may_be_a_text() -> None:
    deltas, reply = read_chat_stream({"content": [{"type": "thinking", "thinking": "Hm"}]})
    assert joined(deltas, "thinking") == reply.thinking == "Hm"


def test_a_call_in_the_form_before_tools_is_joined_and_told() -> None:
    stream = OpenAIChatFormatter().parse_stream(
        chat(
            {"function_call": {"name": "f", "arguments": "{"}},
            {"function_call": {"arguments": "}"}},
        )
    )
    assert [finding.path for finding in stream.reply.findings] == [
        "choices[0].message.function_call"
    ]
    (choice,) = stream.parser.response["choices"]
    assert choice["message"]["function_call"] == {"name": "f", "arguments": "{}"}


def test_a_repeated_encrypted_detail_is_kept_once() -> None:
    secret = {"type": "reasoning.encrypted", "data": "xyz", "id": "rs_1", "index": 0}
    other = {**secret, "id": "rs_2"}
    deltas = [{"reasoning_details": [item]} for item in (secret, secret, other)]
    _, reply = read_chat_stream(*deltas)
    assert reply.message.content[0].metadata == {"reasoningDetails": [secret, other]}


def test_a_refusal_is_the_text_of_the_reply() -> None:
    deltas, reply = read_chat_stream({"content": None, "refusal": "I "}, {"refusal": "won't."})
    assert joined(deltas, "text") == reply.text == "I won't."
    assert "refusal" in {finding.code for finding in reply.findings}


def test_spoken_words_are_the_text_where_there_is_no_other() -> None:
    audio = [
        {"id": "au_1", "data": "AA"},
        {"transcript": "Good "},
        {"data": "BB", "transcript": "day"},
    ]
    deltas, reply = read_chat_stream(*({"audio": item} for item in audio))
    assert joined(deltas, "text") == reply.text == "Good day"


def test_of_several_choices_the_first_is_read() -> None:
    def chunk(index: int, text: str, reason: str | None = None) -> Json:
        choice = {"index": index, "delta": {"content": text}, "finish_reason": reason}
        return {"choices": [choice]}

    chunks = [chunk(1, "no"), chunk(0, "y"), chunk(1, "pe", "stop"), chunk(0, "es", "stop")]
    stream = OpenAIChatFormatter().parse_stream(chunks)
    assert joined(stream, "text") == stream.reply.text == "yes"
    messages = [item["message"]["content"] for item in stream.parser.response["choices"]]
    assert messages == ["yes", "nope"]


@pytest.mark.parametrize(
    "last",
    [
        {"usage": OPENAI_USAGE},
        {"x_groq": {"id": "req_1", "usage": OPENAI_USAGE}},
        {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop", "usage": OPENAI_USAGE}]},
    ],
    ids=["at the top", "Groq", "Moonshot"],
)
def test_usage_is_found_where_the_vendor_puts_it(last: Json) -> None:
    deltas, reply = read_chat_stream({"content": "x"}, **last)
    assert reply.usage is not None
    assert (reply.usage.input, reply.usage.output, reply.usage.cache_read) == (1310, 10, 1200)
    assert [delta.usage for delta in deltas if delta.kind == "usage"] == [reply.usage]


def test_usage_in_every_chunk_is_counted_once() -> None:
    chunks = [
        {**chunk, "usage": {"prompt_tokens": 5, "completion_tokens": number}}
        for number, chunk in enumerate(chat({"content": "a"}, {"content": "b"}))
    ]
    stream = OpenAIChatFormatter().parse_stream(chunks)
    told = [delta.usage for delta in stream if delta.kind == "usage"]
    assert told == [stream.reply.usage]
    assert stream.reply.usage is not None
    assert (stream.reply.usage.input, stream.reply.usage.output) == (5, 2)


def test_a_summary_of_the_message_behind_the_deltas_says_nothing_new() -> None:
    message = {"role": "assistant", "content": "Hello", "tool_calls": None}
    summary = {
        "object": "chat.completion",
        "choices": [{"index": 0, "message": message, "finish_reason": "length"}],
        "usage": OPENAI_USAGE,
        "base_resp": {"status_code": 0, "status_msg": ""},
    }
    chunks = chat({"content": "Hel"}, {"content": "lo"})[:-1]
    stream = OpenAIChatFormatter().parse_stream([*chunks, summary])
    assert joined(stream, "text") == stream.reply.text == "Hello"
    assert stream.reply.finish_reason == "length"
    assert stream.reply.usage is not None


def test_signatures_of_calls_are_kept() -> None:
    extra = {"google": {"thought_signature": "sig=="}}
    piece = call('{"x": 1}', "f", "a", index=0, extra_content=extra)
    _, reply = read_chat_stream({"tool_calls": [piece]})
    whole = OpenAIChatFormatter().parse_response(
        {
            "choices": [
                {
                    "message": {"tool_calls": [{**piece, "type": "function"}]},
                    "finish_reason": "stop",
                }
            ]
        }
    )
    assert reply.message == whole.message
    assert reply.tool_calls[0].metadata == {"extraContent": extra}


def test_annotations_and_probabilities_are_gathered() -> None:
    chunks = [
        {
            "choices": [
                {
                    "index": 0,
                    "delta": {"content": "a", "annotations": [1]},
                    "logprobs": {"content": [1]},
                }
            ]
        },
        {"choices": [{"index": 0, "delta": {"annotations": [2]}, "logprobs": {"content": [2, 3]}}]},
    ]
    parser = OpenAIChatFormatter().stream_parser()
    for chunk in chunks:
        parser.feed(chunk)
    (choice,) = parser.response["choices"]
    assert choice["logprobs"] == {"content": [1, 2, 3]}
    assert choice["message"]["annotations"] == [1, 2]


# --------------------------------------------------------------------------------------- DashScope


def native(content: Any, reason: str = "null", **output: Any) -> Json:
    choice = {"message": {"role": "assistant", "content": content}, "finish_reason": reason}
    return {"output": {"choices": [choice], **output}, "request_id": "r-1"}


def test_the_word_null_is_no_finish_reason() -> None:
    stream = DashScopeChatFormatter().parse_stream([native("a"), native("b", "stop")])
    assert [d.finish_reason for d in stream if d.kind == "finish"] == ["stop"]
    assert DashScopeChatFormatter().parse_stream([native("a")]).reply.finish_reason is None


def test_of_several_choices_of_dashscope_the_first_is_read() -> None:
    def event(*texts: str) -> Json:
        messages = [{"message": {"role": "assistant", "content": text}} for text in texts]
        return {"output": {"choices": messages}}

    stream = DashScopeChatFormatter().parse_stream([event("y", "no"), event("es", "pe")])
    assert joined(stream, "text") == stream.reply.text == "yes"
    choices = stream.parser.response["output"]["choices"]
    assert [choice["message"]["content"] for choice in choices] == ["yes", "nope"]


def test_an_empty_usage_takes_nothing_away() -> None:
    first = {**native("a"), "usage": {"input_tokens": 5, "output_tokens": 1}}
    stream = DashScopeChatFormatter().parse_stream([first, {**native("b", "stop"), "usage": {}}])
    told = [delta.usage for delta in stream if delta.kind == "usage"]
    assert told == [stream.reply.usage]
    assert stream.reply.usage is not None
    assert stream.reply.usage.input == 5


def test_totals_read_as_increments_are_told() -> None:
    chunks = [native(text) for text in ("Good", "Good day", "Good day to", "Good day to you")]
    reply = DashScopeChatFormatter().parse_stream([*chunks, native("", "stop")]).reply
    assert [finding.code for finding in reply.findings] == ["stream-repeats"]
    right = DashScopeChatFormatter().parse_stream([*chunks, native("", "stop")], incremental=False)
    assert (right.reply.text, right.reply.findings) == ("Good day to you", ())


def test_increments_read_as_totals_are_told() -> None:
    chunks = [native("Good"), native(" day"), native(" to you", "stop")]
    reply = DashScopeChatFormatter().parse_stream(chunks, incremental=False).reply
    assert [(f.code, f.severity) for f in reply.findings] == [("stream-rewritten", "error")]


def test_increments_that_happen_to_repeat_are_kept() -> None:
    chunks = [native(text) for text in ("ha", "ha", "haha", "!")]
    assert (
        DashScopeChatFormatter().parse_stream([*chunks, native("", "stop")]).reply.text
        == "hahahaha!"
    )


def test_what_a_search_found_survives_the_empty_lists_behind_it() -> None:
    found = {"search_results": [{"index": 1, "url": "https://example.com"}]}
    parser = DashScopeChatFormatter().stream_parser()
    parser.feed(native("", search_info=found))
    parser.feed(native("x", "stop", search_info={}))
    parser.close()
    assert parser.response["output"]["search_info"] == found


def test_a_plain_text_output_is_read() -> None:
    chunks = [
        {"output": {"text": text, "finish_reason": reason}}
        for text, reason in (("a", "null"), ("b", "stop"))
    ]
    stream = DashScopeChatFormatter().parse_stream(chunks)
    assert joined(stream, "text") == stream.reply.text == "ab"
    assert stream.reply.finish_reason == "stop"


def test_pictures_in_a_reply_are_kept_between_texts() -> None:
    picture = {"image": "https://example.com/a.png"}
    chunks = [
        native([{"text": "a"}]),
        native([{"text": "b"}, picture]),
        native([{"text": "c"}], "stop"),
    ]
    stream = DashScopeChatFormatter().parse_stream(chunks)
    assert joined(stream, "text") == "abc"
    whole = native([{"text": "ab"}, picture, {"text": "c"}], "stop")
    assert stream.reply == DashScopeChatFormatter().parse_response(whole)


def test_the_sdks_second_client_streams_without_an_output() -> None:
    chunks = [
        {"request_id": "r-1", "choices": [{"delta": {"content": "a"}, "finish_reason": None}]},
        {"request_id": "r-1", "choices": [{"delta": {"content": "b"}, "finish_reason": "stop"}]},
    ]
    reply = DashScopeChatFormatter().parse_stream(chunks).reply
    assert (reply.id, reply.text, reply.finish_reason) == ("r-1", "ab", "stop")


# ------------------------------------------------------------------------------- Anthropic's hosts


def anthropic(*events: Json, usage: Json | None = None, end: Json | None = None) -> list[Json]:
    message = {"id": "m", "type": "message", "role": "assistant", "content": [], "usage": usage}
    return [
        {"type": "message_start", "message": message},
        *events,
        {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": end},
        {"type": "message_stop"},
    ]


def read_anthropic(*events: Json, **more: Any) -> tuple[list[Delta], Reply]:
    stream = AnthropicChatFormatter().parse_stream(anthropic(*events, **more))
    return list(stream), stream.reply


def start(block: Json, index: int = 0) -> Json:
    return {"type": "content_block_start", "index": index, "content_block": block}


def grow(kind: str, field: str, value: Any, index: int = 0) -> Json:
    return {"type": "content_block_delta", "index": index, "delta": {"type": kind, field: value}}


def stop(index: int = 0) -> Json:
    return {"type": "content_block_stop", "index": index}


@pytest.mark.parametrize(
    ("first", "last", "wanted"),
    [
        pytest.param(
            {"input_tokens": 25, "cache_read_input_tokens": 5, "output_tokens": 1},
            {"output_tokens": 15},
            (30, 5, 15),
            id="input at the start, output at the end",
        ),
        pytest.param(
            {"input_tokens": 25, "cache_read_input_tokens": 5, "output_tokens": 1},
            {"input_tokens": 25, "cache_read_input_tokens": 5, "output_tokens": 15},
            (30, 5, 15),
            id="totals at the end",
        ),
        pytest.param(
            {"input_tokens": 0, "output_tokens": 0},
            {"input_tokens": 25, "cache_read_input_tokens": 5, "output_tokens": 15},
            (30, 5, 15),
            id="all at the end",
        ),
        pytest.param(
            {"input_tokens": 25, "cache_read_input_tokens": 5, "output_tokens": 1},
            {"input_tokens": 0, "cache_read_input_tokens": None, "output_tokens": 15},
            (30, 5, 15),
            id="no input at the end",
        ),
        pytest.param(
            {"input_tokens": 3602, "output_tokens": 0},
            {
                "cache_creation_input_tokens": 0,
                "cache_read_input_tokens": 3604,
                "prompt_tokens_details": {"cached_tokens": 3604},
                "output_tokens": 878,
            },
            (3604, 3604, 878),
            id="DashScope: all input at the start, the cached part at the end",
        ),
        pytest.param(
            {"input_tokens": 12, "output_tokens": 0},
            {"cache_read_input_tokens": 3604, "output_tokens": 8},
            (3616, 3604, 8),
            id="the uncached input at the start, the cached part at the end",
        ),
    ],
)
def test_usage_of_start_and_end_is_merged(
    first: Json, last: Json, wanted: tuple[int, int, int]
) -> None:
    deltas, reply = read_anthropic(usage=first, end=last)
    assert reply.usage is not None
    assert (reply.usage.input, reply.usage.cache_read, reply.usage.output) == wanted
    assert [delta.usage for delta in deltas if delta.kind == "usage"] == [reply.usage]


def test_thinking_keeps_its_signature_byte_for_byte() -> None:
    _, reply = read_anthropic(
        start({"type": "thinking", "thinking": "", "signature": ""}),
        grow("thinking_delta", "thinking", "Hm\u2028"),
        grow("signature_delta", "signature", "EqQC+/=="),
        stop(),
        start({"type": "redacted_thinking", "data": "Emwe/+="}, 1),
        stop(1),
    )
    assert [(b.thinking, b.metadata) for b in reply.message.content] == [
        ("Hm\u2028", {"signature": "EqQC+/=="}),
        ("", {"redacted": "Emwe/+="}),
    ]


def test_a_thought_that_was_cut_off_claims_no_signature() -> None:
    parser = AnthropicChatFormatter().stream_parser()
    parser.feed(start({"type": "thinking", "thinking": "", "signature": ""}))
    parser.feed(grow("thinking_delta", "thinking", "Hm"))
    (thought,) = parser.close().message.content
    assert (thought.thinking, thought.metadata) == ("Hm", None)


def test_server_tools_are_carried_whole_and_are_no_calls() -> None:
    deltas, reply = read_anthropic(
        start({"type": "server_tool_use", "id": "s1", "name": "web_search", "input": {}}),
        grow("input_json_delta", "partial_json", '{"query": '),
        grow("input_json_delta", "partial_json", '"x"}'),
        stop(),
        start(
            {"type": "web_search_tool_result", "tool_use_id": "s1", "content": [{"url": "u"}]}, 1
        ),
        stop(1),
    )
    assert [delta.kind for delta in deltas] == ["finish"]
    assert reply.tool_calls == ()
    assert [block.metadata["block"] for block in reply.message.content] == [
        {"type": "server_tool_use", "id": "s1", "name": "web_search", "input": {"query": "x"}},
        {"type": "web_search_tool_result", "tool_use_id": "s1", "content": [{"url": "u"}]},
    ]


def test_citations_are_gathered_and_told() -> None:
    first, second = {"type": "char_location", "n": 1}, {"type": "char_location", "n": 2}
    parser = AnthropicChatFormatter().stream_parser()
    for event in anthropic(
        start({"type": "text", "text": "", "citations": None}),
        grow("citations_delta", "citation", first),
        grow("text_delta", "text", "So."),
        grow("citations_delta", "citation", second),
        stop(),
    ):
        parser.feed(event)
    reply = parser.close()
    assert parser.response["content"] == [
        {"type": "text", "text": "So.", "citations": [first, second]}
    ]
    assert [finding.code for finding in reply.findings] == ["content-unread"]


def test_an_input_given_whole_in_the_start_is_read() -> None:
    block = {"type": "tool_use", "id": "a", "name": "f", "input": {"x": 1}}
    deltas, reply = read_anthropic(start(block), stop())
    assert reply.tool_calls[0].input == {"x": 1}
    assert json.loads(joined(deltas, "tool_call", 0)) == {"x": 1}


def test_text_given_in_the_start_is_read() -> None:
    deltas, reply = read_anthropic(
        start({"type": "text", "text": "Hel"}), grow("text_delta", "text", "lo"), stop()
    )
    assert joined(deltas, "text") == reply.text == "Hello"


def test_blocks_without_start_or_index_are_read() -> None:
    events = [
        {"type": "content_block_delta", "delta": {"type": "text_delta", "text": "Hel"}},
        {"type": "content_block_delta", "delta": {"type": "text_delta", "text": "lo"}},
    ]
    deltas, reply = read_anthropic(*events)
    assert joined(deltas, "text") == reply.text == "Hello"
