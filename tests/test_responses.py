"""What providers answer becomes a reply: DashScope's native API, and the chat protocol's vendors."""

from __future__ import annotations

import copy
import json
import pickle
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wiremark import (
    AudioBlock,
    Base64Source,
    DashScopeChatFormatter,
    DashScopeMultiAgentFormatter,
    DeepSeekFormatter,
    GLMFormatter,
    ImageBlock,
    KimiFormatter,
    MessageError,
    MiniMaxFormatter,
    Msg,
    OpenAIChatFormatter,
    OpenAIMultiAgentFormatter,
    Quirks,
    TextBlock,
    ThinkingBlock,
    ToolUseBlock,
    URLSource,
    VideoBlock,
    WiremarkError,
    read_messages,
)
from wiremark.base import BaseFormatter
from wiremark.base.reply import Reply
from wiremark.conformance import parity
from wiremark.errors import ResponseError
from wiremark.messages import dumps_messages

CLOCK = 1_700_000_000_000


def openai(quirks: Quirks = Quirks.NONE) -> OpenAIChatFormatter:
    return OpenAIChatFormatter(quirks=quirks, clock=lambda: CLOCK)


def dashscope(quirks: Quirks = Quirks.NONE) -> DashScopeChatFormatter:
    return DashScopeChatFormatter(quirks=quirks, clock=lambda: CLOCK)


def chat(message: Mapping[str, Any], /, **more: Any) -> dict[str, Any]:
    """Return a complete response of the chat protocol."""
    choice = {"index": 0, "message": {"role": "assistant", **message}, "finish_reason": "stop"}
    return {"id": "c-1", "object": "chat.completion", "model": "m", "choices": [choice], **more}


def chunk(delta: Mapping[str, Any], /, **more: Any) -> dict[str, Any]:
    """Return a chunk of the chat protocol."""
    choice = {"index": 0, "delta": dict(delta), "finish_reason": None}
    return {"id": "c-1", "object": "chat.completion.chunk", "choices": [choice], **more}


def native(message: Mapping[str, Any], /, **more: Any) -> dict[str, Any]:
    """Return a response of DashScope's native API."""
    choice = {"finish_reason": "stop", "message": {"role": "assistant", **message}}
    return {"request_id": "r-1", "output": {"choices": [choice]}, **more}


def call(name: Any = "f", arguments: Any = "{}", **more: Any) -> dict[str, Any]:
    return {"type": "function", "function": {"name": name, "arguments": arguments}, **more}


def codes(reply: Reply) -> list[tuple[str, str]]:
    return [(finding.code, finding.path) for finding in reply.findings]


def only_call(reply: Reply) -> ToolUseBlock:
    (block,) = reply.tool_calls
    return block


# agentscope-java's recorded cases.

PARSE_CASES = [
    case
    for case in parity.load(Path(__file__).parent.parent / "fixtures" / "java")
    if case["method"] == "parse"
]
SLOTS = {
    "tool_call_1600000000000": "tool_call_<MILLIS>",
    "fragment_1600000000000": "fragment_<MILLIS>",
    "streaming_1600000000000": "streaming_<MILLIS>",
}


@pytest.fixture(scope="module")
def recorded(checkout: Path) -> dict[str, dict[str, Any]]:
    lines = (checkout / "fixtures" / "java" / "expected.jsonl").read_text("utf-8").split("\n")
    return {data["id"]: data for line in lines if line for data in [json.loads(line)]}


@pytest.mark.parametrize("case", PARSE_CASES, ids=lambda case: case["id"].removeprefix("parse/"))
def test_java_setting_reads_what_java_reads(
    case: dict[str, Any], recorded: dict[str, dict[str, Any]]
) -> None:
    kind = parity._FORMATTERS[case["formatter"]]
    formatter: Any = kind(quirks=Quirks.JAVA, clock=lambda: 1_600_000_000_000)
    expected = recorded[case["id"]]
    given_ = case.get("response_text", case.get("response"))
    if "error" in expected:
        with pytest.raises(WiremarkError):
            formatter.parse_response(given_)
        return
    reply = formatter.parse_response(given_)
    wanted = expected["ok"]["response"]
    text = json.dumps(reply.to_dict(time="<SECONDS>", quirks=Quirks.JAVA))
    for made, slot in SLOTS.items():
        text = text.replace(made, slot)
    found = json.loads(text)
    if wanted["id"] == "<UUID>":
        assert len(found.pop("id")) == len("00000000-0000-0000-0000-000000000000")
        wanted = {key: value for key, value in wanted.items() if key != "id"}
    assert found == wanted
    error = any(finding.code == "provider-error" for finding in reply.findings)
    assert error == expected["ok"]["is_error"]


# What goes in.


def test_text_thinking_reason_model_and_id_are_read() -> None:
    reply = openai().parse_response(chat({"content": "Hi", "reasoning_content": "hm"}))
    assert reply.text == "Hi"
    assert reply.thinking == "hm"
    assert (reply.id, reply.model, reply.finish_reason) == ("c-1", "m", "stop")
    assert reply.findings == ()


def test_a_dict_json_text_and_json_bytes_give_the_same_reply() -> None:
    data = native({"content": "嗯", "tool_calls": [call(id="c", arguments='{"a":1}')]})
    text = json.dumps(data, ensure_ascii=False)
    wanted = dashscope().parse_response(data)
    assert dashscope().parse_response(text) == wanted
    assert dashscope().parse_response(text.encode()) == wanted
    assert dashscope().parse_response(bytearray(text.encode())) == wanted
    assert dashscope().parse_response(f"\ufeff{text}\n") == wanted


@pytest.mark.parametrize("formatter", [openai(), dashscope()])
@pytest.mark.parametrize("given_", ["<html>", "", "null", "[]", b"\xff", 4, None, [1]])
def test_what_is_no_object_is_a_message_error(formatter: BaseFormatter, given_: Any) -> None:
    with pytest.raises(MessageError, match="response"):
        formatter.parse_response(given_)


@pytest.mark.parametrize("formatter", [openai(), dashscope()])
@pytest.mark.parametrize(
    "response",
    [
        chat({"content": [{"type": "text", "text": "x"}], "reasoning_details": [{"id": "d"}]}),
        native({"content": [{"text": "x"}], "tool_calls": [call(arguments={"a": [1]})]}),
    ],
)
def test_the_response_is_not_modified_and_not_shared(
    formatter: BaseFormatter, response: dict[str, Any]
) -> None:
    before = copy.deepcopy(response)
    reply = formatter.parse_response(response)
    for block in reply.message.content:
        for value in (getattr(block, "metadata", None), getattr(block, "input", None)):
            if isinstance(value, dict):
                value["changed"] = True
                for item in value.get("a") or value.get("reasoningDetails") or ():
                    if isinstance(item, dict):
                        item["changed"] = True
    assert response == before


@pytest.mark.parametrize(
    ("formatter", "response", "path"),
    [
        (openai(), {"choices": {}}, "choices"),
        (openai(), {"choices": ["x"]}, "choices[0]"),
        (openai(), chat({"tool_calls": {}}), "choices[0].message.tool_calls"),
        (openai(), chat({"tool_calls": [1]}), "choices[0].message.tool_calls[0]"),
        (
            openai(),
            chat({"tool_calls": [{"function": "f"}]}),
            "choices[0].message.tool_calls[0].function",
        ),
        (openai(), {"choices": [{"message": "x"}]}, "choices[0].message"),
        (dashscope(), {"output": [1]}, "output"),
        (dashscope(), {"output": {"choices": 1}}, "output.choices"),
        (dashscope(), {"output": {"choices": [{"message": 1}]}}, "output.choices[0].message"),
    ],
)
def test_another_shape_is_an_error_with_its_path(
    formatter: BaseFormatter, response: dict[str, Any], path: str
) -> None:
    with pytest.raises(MessageError) as caught:
        formatter.parse_response(response)
    assert caught.value.path == path


def test_every_formatter_of_a_protocol_reads_the_same() -> None:
    response = chat({"content": "x", "tool_calls": [call(id="c", arguments='{"a":1}')]})
    kinds = (
        OpenAIMultiAgentFormatter,
        DeepSeekFormatter,
        GLMFormatter,
        KimiFormatter,
        MiniMaxFormatter,
    )
    wanted = openai().parse_response(response)
    assert [kind().parse_response(response) == wanted for kind in kinds] == [True] * len(kinds)
    response = native({"content": "x"})
    multi = DashScopeMultiAgentFormatter().parse_response(response)
    assert multi == dashscope().parse_response(response)


def test_the_speaker_is_named_in_the_message() -> None:
    assert openai().parse_response(chat({"content": "x"}), name="Bob").message.name == "Bob"
    assert dashscope().parse_response(native({"content": "x"})).message.name is None


KEYS = [
    *("content", "text", "type", "thinking", "reasoning_content", "refusal", "audio", "images"),
    *("reasoning_details", "id", "data", "index", "summary", "extra_content"),
    *("tool_calls", "function", "name", "arguments", "image", "url", "image_url", "transcript"),
]
OUTER = ["error", "code", "message", "status", "status_code", "base_resp", "detail", "usage", "id"]
OUTER += ["request_id", "output", "choices", "object", "model", "text", "delta", "finish_reason"]

SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3)
WORDS = st.sampled_from(["text", "thinking", "refusal", "image_url", "reasoning.encrypted"])


def values(keys: list[str], leaves: int) -> st.SearchStrategy[Any]:
    return st.recursive(
        SCALARS | WORDS,
        lambda inner: (
            st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(keys), inner, max_size=4)
        ),
        max_leaves=leaves,
    )


@given(values(KEYS, 12))
def test_any_message_is_read_or_refused_with_a_path(message: Any) -> None:
    for formatter, response in (
        (openai(), {"choices": [{"message": message}]}),
        (openai(), {"choices": [{"delta": message}]}),
        (dashscope(), {"output": {"choices": [{"message": message}]}}),
        (dashscope(Quirks.JAVA), {"output": {"choices": [{"message": message}]}}),
        (openai(Quirks.JAVA), {"choices": [{"message": message}]}),
    ):
        found = tried(formatter, response)
        if isinstance(found, MessageError | ResponseError):
            assert "choices[0]" in found.path
        else:
            json.dumps(found.to_dict())


@given(st.dictionaries(st.sampled_from(OUTER), values([*OUTER, "content"], 8), max_size=5))
def test_any_response_is_read_or_refused(response: dict[str, Any]) -> None:
    for formatter in (openai(), dashscope(), openai(Quirks.JAVA), dashscope(Quirks.JAVA)):
        found = tried(formatter, response)
        if isinstance(found, Reply):
            json.dumps(found.to_dict())


def tried(
    formatter: BaseFormatter, response: dict[str, Any]
) -> Reply | MessageError | ResponseError:
    try:
        return formatter.parse_response(response)
    except (MessageError, ResponseError) as problem:
        return problem


# Ids.


@pytest.mark.parametrize(
    ("formatter", "response"),
    [
        (openai(), chat({"tool_calls": [call("f"), call("f"), call("g")]})),
        (dashscope(), native({"tool_calls": [call("f"), call("f"), call("g")]})),
    ],
)
def test_missing_call_ids_differ_and_stay_the_same(
    formatter: BaseFormatter, response: dict[str, Any]
) -> None:
    found = [block.id for block in formatter.parse_response(response).tool_calls]
    assert len(set(found)) == 3
    assert all(str(item).startswith("call_") for item in found)
    again = formatter.parse_response(json.dumps(response)).tool_calls
    assert [block.id for block in again] == found


def test_equal_calls_of_two_replies_have_different_ids() -> None:
    one = openai().parse_response(chat({"tool_calls": [call()]}))
    two = openai().parse_response(chat({"tool_calls": [call()]}, id="c-2"))
    assert only_call(one).id != only_call(two).id


def test_a_missing_reply_id_is_null_and_random_under_the_quirk_alone() -> None:
    assert openai().parse_response(chat({}, id=None)).id is None
    assert dashscope().parse_response({}).id is None
    random = openai(Quirks(clock_call_ids=True))
    first, second = (random.parse_response(chat({}, id=" ")).id for _ in range(2))
    assert first is not None
    assert first != second


def test_an_id_that_was_given_is_kept_even_empty() -> None:
    reply = dashscope().parse_response(native({"tool_calls": [call(id="")]}))
    assert only_call(reply).id == ""


# Arguments.


@pytest.mark.parametrize("formatter", [openai(), dashscope()])
def test_arguments_are_parsed_and_their_text_is_kept(formatter: BaseFormatter) -> None:
    text = '{"city":"Paris", "days": 2}'
    message = {"tool_calls": [call(id="c", arguments=text)]}
    shape = native if formatter.protocol == "dashscope" else chat
    block = only_call(formatter.parse_response(shape(message)))
    assert block.input == {"city": "Paris", "days": 2}
    assert block.content == text


@pytest.mark.parametrize("formatter", [openai(), dashscope()])
def test_arguments_given_as_an_object_are_taken(formatter: BaseFormatter) -> None:
    message = {"tool_calls": [call(id="c", arguments={"a": [1]})]}
    shape = native if formatter.protocol == "dashscope" else chat
    block = only_call(formatter.parse_response(shape(message)))
    assert block.input == {"a": [1]}
    assert block.content == '{"a":[1]}'


@pytest.mark.parametrize("text", ['{"a":', "[1]", "1", "nothing"])
@pytest.mark.parametrize("formatter", [openai(), dashscope()])
def test_arguments_that_are_no_object_are_named(formatter: BaseFormatter, text: str) -> None:
    message = {"tool_calls": [call(id="c", arguments=text)]}
    shape = native if formatter.protocol == "dashscope" else chat
    reply = formatter.parse_response(shape(message))
    block = only_call(reply)
    assert block.input == {}
    assert block.content == text
    assert [code for code, _ in codes(reply)] == ["arguments-unread"]


@pytest.mark.parametrize("text", ["", None])
@pytest.mark.parametrize("formatter", [openai(), dashscope()])
def test_a_call_without_arguments_is_no_fault(formatter: BaseFormatter, text: str | None) -> None:
    message = {"tool_calls": [call(id="c", arguments=text)]}
    shape = native if formatter.protocol == "dashscope" else chat
    reply = formatter.parse_response(shape(message))
    assert only_call(reply).input == {}
    assert reply.findings == ()


def test_a_fragment_of_a_stream_is_named_so_in_both_settings() -> None:
    response = chunk({"tool_calls": [{"index": 1, "function": {"arguments": "1}"}}]})
    for quirks in (Quirks.NONE, Quirks.JAVA):
        block = only_call(openai(quirks).parse_response(response))
        assert (block.id, block.name, block.content) == ("", "__fragment__", "1}")


def test_the_beginning_of_a_streamed_call_is_no_fault() -> None:
    response = chunk({"tool_calls": [call(id="c", arguments='{"a":', index=0)]})
    reply = openai().parse_response(response)
    assert only_call(reply).input == {}
    assert reply.findings == ()
    going_on = native({"tool_calls": [call(id="c", arguments='{"a":')]})
    going_on["output"]["choices"][0]["finish_reason"] = "null"
    assert dashscope().parse_response(going_on).findings == ()


def test_a_call_without_a_name_is_named_in_the_findings() -> None:
    reply = openai().parse_response(chat({"tool_calls": [call(None, id="c"), {"id": "d"}]}))
    assert reply.tool_calls == ()
    where = "choices[0].message.tool_calls"
    assert codes(reply) == [("content-unread", f"{where}[0]"), ("content-unread", f"{where}[1]")]


# Contents that are lists, and what else holds text.


def test_all_texts_of_a_dashscope_list_are_joined_and_media_kept_in_place() -> None:
    parts = [
        {"text": "See "},
        "here: ",
        {"image": "https://ex.org/1.png"},
        {"text": "done", "type": "text"},
        {"audio": {"url": "https://ex.org/a.wav"}},
        {"video": "data:video/mp4;base64,AAAA"},
    ]
    reply = dashscope().parse_response(native({"content": parts}))
    assert reply.message.content == (
        TextBlock("See here: "),
        ImageBlock(URLSource("https://ex.org/1.png")),
        TextBlock("done"),
        AudioBlock(URLSource("https://ex.org/a.wav")),
        VideoBlock(Base64Source(media_type="video/mp4", data="AAAA")),
    )
    assert reply.findings == ()


def test_what_a_dashscope_part_holds_besides_is_named() -> None:
    parts = [{"text": "a", "ocr_result": {"words": 1}}, {"audio": {"data": "AAAA"}}, 4]
    reply = dashscope().parse_response(native({"content": parts}))
    where = "output.choices[0].message.content"
    assert [path for _, path in codes(reply)] == [
        f"{where}[0].ocr_result",
        f"{where}[1].audio",
        f"{where}[2]",
    ]


def test_the_plain_text_of_dashscope_s_older_form_is_read() -> None:
    output = {"text": "Hi", "finish_reason": "stop", "choices": None}
    reply = dashscope().parse_response({"request_id": "r", "output": output})
    assert (reply.text, reply.finish_reason) == ("Hi", "stop")


def test_a_dashscope_output_in_cipher_is_named() -> None:
    reply = dashscope().parse_response({"request_id": "r", "output": "gAAAA"})
    assert codes(reply) == [("content-unread", "output")]


def test_what_a_dashscope_search_found_is_named() -> None:
    data = native({"content": "x"})
    data["output"]["search_info"] = {"search_results": [{"index": 1}]}
    assert codes(dashscope().parse_response(data)) == [("content-unread", "output.search_info")]


def test_mistral_s_thinking_in_a_list_is_read_apart_from_its_text() -> None:
    content = [
        {"type": "thinking", "thinking": [{"type": "text", "text": "17 "}, {"type": "text"}]},
        {"type": "thinking", "thinking": "times 19"},
        {"type": "text", "text": "It is "},
        {"type": "text", "text": "323."},
        {"type": "reference", "reference_ids": [1]},
    ]
    reply = openai().parse_response(chat({"content": content}))
    assert reply.message.content == (ThinkingBlock("17 times 19"), TextBlock("It is 323."))
    where = "choices[0].message.content"
    assert [path for _, path in codes(reply)] == [f"{where}[0].thinking[1]", f"{where}[4]"]


def test_images_beside_a_text_are_kept() -> None:
    images = [{"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}]
    reply = openai().parse_response(chat({"content": "Look:", "images": images}))
    assert reply.message.content == (
        TextBlock("Look:"),
        ImageBlock(Base64Source(media_type="image/png", data="AAAA")),
    )


def test_an_image_of_a_list_is_kept_and_one_without_a_url_named() -> None:
    good = {"type": "image_url", "image_url": "https://ex.org/1.png"}
    content = [good, {"type": "image_url"}]
    reply = openai().parse_response(chat({"content": content, "images": [good, {}, 1]}))
    assert [block.type for block in reply.message.content] == ["image", "image"]
    where = "choices[0].message"
    assert [path for _, path in codes(reply)] == [
        f"{where}.content[1]",
        f"{where}.images[1]",
        f"{where}.images[2]",
    ]


@pytest.mark.parametrize(
    ("message", "path"),
    [
        ({"content": 4}, "content"),
        ({"reasoning_content": {"a": 1}}, "reasoning_content"),
        ({"reasoning_details": {}}, "reasoning_details"),
        ({"reasoning_details": ["x"]}, "reasoning_details[0]"),
        ({"extra_content": "x"}, "extra_content"),
        ({"annotations": [{"type": "url_citation"}]}, "annotations"),
        ({"function_call": {"name": "f"}}, "function_call"),
    ],
)
def test_content_without_a_place_in_a_message_is_named(message: dict[str, Any], path: str) -> None:
    reply = openai().parse_response(chat(message))
    assert reply.message.content == ()
    assert codes(reply) == [("content-unread", f"choices[0].message.{path}")]


def test_a_refusal_is_the_text_and_named() -> None:
    reply = openai().parse_response(chat({"content": None, "refusal": "I cannot."}))
    assert reply.text == "I cannot."
    assert codes(reply) == [("refusal", "choices[0].message.refusal")]
    parts = [{"type": "refusal", "refusal": "No."}]
    assert openai().parse_response(chat({"content": parts})).text == "No."


def test_spoken_words_are_read_and_the_sound_is_named() -> None:
    audio = {"id": "a", "data": "AAAA", "transcript": "Hello"}
    reply = openai().parse_response(chat({"content": None, "audio": audio}))
    assert reply.text == "Hello"
    assert codes(reply) == [("content-unread", "choices[0].message.audio")]


def test_the_first_choice_is_read_and_the_others_are_named() -> None:
    data = chat({"content": "a"})
    data["choices"].append({"index": 1, "message": {"content": "b"}})
    reply = openai().parse_response(data)
    assert reply.text == "a"
    assert codes(reply) == [("choices-unread", "choices[1]")]


def test_both_names_of_thinking_give_one_text_and_null_loses_none() -> None:
    both = {"reasoning_content": "a", "reasoning": "b", "content": "x"}
    assert openai().parse_response(chat(both)).thinking == "b"
    null = {"reasoning": "a", "reasoning_content": None, "content": "x"}
    for formatter, shape in ((openai(), chat), (dashscope(), native)):
        assert formatter.parse_response(shape(null)).thinking == "a"


# Reasoning details and signatures: what the next request must send back.

DETAILS: list[dict[str, Any]] = [
    {
        "type": "reasoning.summary",
        "summary": "Mars is cold.",
        "format": "openai-responses-v1",
        "index": 0,
    },
    {
        "type": "reasoning.encrypted",
        "data": "gAAAA",
        "id": "rs_1",
        "format": "openai-responses-v1",
        "index": 1,
    },
]
SIGNED: dict[str, Any] = {
    "type": "reasoning.text",
    "text": "Hm.",
    "signature": "EooC",
    "format": "anthropic-claude-v1",
    "index": 0,
}


def sent_back(reply: Reply, formatter: BaseFormatter | None = None) -> dict[str, Any]:
    """Return the wire message of a reply that was stored as JSON and read again."""
    (stored,) = read_messages(dumps_messages([reply.message]))
    return (formatter or openai()).format([Msg.user("q"), stored])[1]


def test_a_summary_is_the_thinking_where_there_is_no_other() -> None:
    reply = openai().parse_response(chat({"content": "x", "reasoning_details": DETAILS}))
    assert reply.thinking == "Mars is cold."


@pytest.mark.parametrize("details", [DETAILS, [SIGNED], [SIGNED, *DETAILS]])
def test_reasoning_details_go_back_with_all_their_fields(details: list[dict[str, Any]]) -> None:
    reply = openai().parse_response(chat({"content": "x", "reasoning_details": details}))
    assert sent_back(reply)["reasoning_details"] == details


@pytest.mark.parametrize("ids", [("c", "d"), ("c",), ("d",), ()])
def test_reasoning_details_of_calls_go_back_complete_and_in_order(ids: tuple[str, ...]) -> None:
    """A request sends the details of the calls, or those of the thought, never both."""
    encrypted = [{"type": "reasoning.encrypted", "id": name, "data": name} for name in ids]
    for details in (encrypted, [SIGNED, *encrypted], [*encrypted, SIGNED]):
        calls = [call(id="c"), call(id="d")]
        message = {"content": "", "reasoning_details": details, "tool_calls": calls}
        sent = sent_back(openai().parse_response(chat(message)))
        assert sent.get("reasoning_details", []) == details


def test_gemini_s_extra_content_is_kept_with_its_call() -> None:
    extra = {"google": {"thought_signature": "Ct0="}}
    reply = openai().parse_response(chat({"tool_calls": [call(id="c", extra_content=extra)]}))
    assert only_call(reply).metadata == {"extraContent": extra}
    reply = openai().parse_response(chat({"content": "x", "extra_content": extra}))
    assert reply.message.content == (
        ThinkingBlock("", metadata={"extraContent": extra}),
        TextBlock("x"),
    )


def test_a_signature_beside_the_function_is_kept_as_java_keeps_it() -> None:
    message = {"tool_calls": [call(id="c", thought_signature="S")]}
    assert only_call(openai().parse_response(chat(message))).metadata == {"thoughtSignature": "S"}


def test_arguments_go_back_as_the_text_that_came() -> None:
    text = '{ "z": 1.0, "a": "\\u00e9" }'
    for formatter, shape in ((openai(), chat), (dashscope(), native)):
        reply = formatter.parse_response(shape({"tool_calls": [call(id="c", arguments=text)]}))
        sent = sent_back(reply, formatter)
        assert sent["tool_calls"][0]["function"]["arguments"] == text


# Errors.


@pytest.mark.parametrize(
    ("response", "path", "said"),
    [
        ({"error": {"message": "bad key", "code": "invalid_api_key"}}, "error", "bad key"),
        ({"error": "model not found"}, "error", "model not found"),
        ({"code": 429, "message": "slow down"}, "code", "slow down"),
        ({"code": "500", "msg": "broken"}, "code", "broken"),
        ({"code": "InvalidApiKey", "message": "no", "request_id": "r"}, "message", "no"),
        ({"object": "error", "message": "too long", "code": None}, "message", "too long"),
        ({"detail": [{"loc": ["body"]}]}, "message", "[{'loc': ['body']}]"),
        ({"base_resp": {"status_code": 1004, "status_msg": "login"}}, "base_resp", "login"),
        (chat({"content": "Hal"}, status="failed", message="cut"), "status", "cut"),
    ],
)
def test_an_error_body_is_a_finding_with_the_provider_s_text(
    response: dict[str, Any], path: str, said: str
) -> None:
    (finding,) = openai().parse_response(response).findings
    assert (finding.code, finding.severity) == ("provider-error", "error")
    assert (finding.path, finding.provider_text) == (path, said)


def test_an_error_body_gives_no_content() -> None:
    reply = dashscope().parse_response({"code": "Throttling", "message": "slow", "request_id": "r"})
    assert reply.message.content == ()
    assert codes(reply) == [("provider-error", "code")]
    assert reply.findings[0].provider_text == "slow"
    assert reply.id == "r"


def test_an_error_of_a_choice_keeps_what_was_said() -> None:
    data = chat({"content": "Hal"})
    data["choices"][0]["error"] = {"code": 502, "message": "upstream"}
    reply = openai().parse_response(data)
    assert reply.text == "Hal"
    assert codes(reply) == [("provider-error", "choices[0].error")]


def test_what_dashscope_has_besides_its_text_is_named() -> None:
    data = native({"content": "x", "annotations": [{"a": 1}]})
    data["output"]["audio"] = {"data": "", "url": "https://ex.org/a.wav"}
    assert codes(dashscope().parse_response(data)) == [
        ("content-unread", "output.choices[0].message.annotations"),
        ("content-unread", "output.audio"),
    ]
    assert codes(dashscope().parse_response(native({"content": 4}))) == [
        ("content-unread", "output.choices[0].message.content")
    ]


def test_no_error_is_seen_where_there_is_none() -> None:
    base = {"base_resp": {"status_code": 0, "status_msg": ""}}
    assert openai().parse_response(chat({"content": "x"}, **base)).findings == ()
    data = native({"content": "x"}, code="", message="", status_code=200)
    assert dashscope().parse_response(data).findings == ()


def test_a_chunk_that_is_an_error_raises_it() -> None:
    error = {"message": "overloaded", "code": 503}
    with pytest.raises(ResponseError) as caught:
        openai().parse_response(chunk({}, error=error))
    problem = caught.value
    assert (problem.status, problem.code, problem.provider_text) == (503, "503", "overloaded")


def test_a_response_error_is_a_value_that_travels() -> None:
    problem = ResponseError("p", path="error", status=429, code="c", provider_text="t")
    assert pickle.loads(pickle.dumps(problem)) == problem == copy.copy(problem)
    assert hash(problem) == hash(copy.copy(problem))
    assert problem != ResponseError("p", path="error", status=500, code="c", provider_text="t")
    moved = problem.at("events[2]")
    assert (moved.path, moved.status, moved.code) == ("events[2].error", 429, "c")
    assert "status=429" in repr(problem)
    assert str(problem) == "error: p"


# Usage.


def test_usage_holds_what_was_read_from_the_cache() -> None:
    details = {"prompt_tokens_details": {"cached_tokens": 1024}}
    data = native({"content": "x"}, usage={"input_tokens": 1100, "output_tokens": 5, **details})
    usage = dashscope().parse_response(data).usage
    assert usage is not None
    assert (usage.input, usage.output, usage.cache_read) == (1100, 5, 1024)
    usage = dashscope(Quirks(cached_tokens_unread=True)).parse_response(data).usage
    assert usage is not None
    assert (usage.input, usage.output, usage.cache_read) == (1100, 5, None)


@pytest.mark.parametrize("count", ["12", 12, 12.0, " 12 "])
def test_java_s_counts_are_numbers_or_their_text(count: Any) -> None:
    data = native({"content": "x"}, usage={"input_tokens": count, "output_tokens": None})
    usage = dashscope(Quirks.JAVA).parse_response(data).usage
    assert usage is not None
    assert (usage.input, usage.output) == (12, 0)


def test_a_vendor_s_own_cache_counter_is_read() -> None:
    usage = {"prompt_tokens": 100, "completion_tokens": 5, "prompt_cache_hit_tokens": 64}
    usage["prompt_cache_miss_tokens"] = 36
    found = DeepSeekFormatter().parse_response(chat({"content": "x"}, usage=usage)).usage
    assert found is not None
    assert (found.input, found.cache_read) == (100, 64)


def test_no_usage_is_not_a_usage_of_nothing() -> None:
    assert openai().parse_response(chat({"content": "x"})).usage is None
    usage = openai().parse_response(chat({"content": "x"}, usage={})).usage
    assert usage is not None
    assert not usage.reported


# Quirks: each is one behaviour of agentscope-java, and is switched alone.

QUIRKS: dict[str, list[tuple[Any, dict[str, Any]]]] = {
    "cached_tokens_unread": [
        (
            dashscope,
            native(
                {"content": "x"},
                usage={
                    "input_tokens": 9,
                    "output_tokens": 1,
                    "prompt_tokens_details": {"cached_tokens": 8},
                },
            ),
        ),
    ],
    "list_replies_unread": [
        (dashscope, native({"content": [{"text": "a"}, {"text": "b"}]})),
        (dashscope, {"output": {"text": "a"}, "request_id": "r"}),
        (dashscope, {"output": {"message": {"content": "a"}}, "request_id": "r"}),
        (openai, chat({"content": [{"type": "text", "text": "a"}]})),
        (openai, chat({"content": None, "refusal": "No."})),
    ],
    "arguments_unparsed": [
        (dashscope, native({"tool_calls": [call(id="c", arguments='{"a":1}')]})),
        (dashscope, native({"tool_calls": [call(id="c", arguments={"a": 1})]})),
        (openai, chat({"tool_calls": [call(id="c", arguments={"a": 1})]})),
    ],
    "reasoning_details_lost": [
        (openai, chat({"content": "x", "reasoning_details": DETAILS})),
        (openai, chat({"tool_calls": [call(id="c", extra_content={"google": {"a": "b"}})]})),
    ],
    "clock_call_ids": [
        (openai, chat({"tool_calls": [call()]})),
        (dashscope, native({"tool_calls": [call()]})),
        (dashscope, {"request_id": None}),
    ],
}
SAMPLES = [(name, *sample) for name, samples in QUIRKS.items() for sample in samples]


def outcome(make: Any, response: dict[str, Any], quirks: Quirks) -> Any:
    try:
        return make(quirks).parse_response(response).to_dict()
    except WiremarkError as problem:
        return type(problem)


@pytest.mark.parametrize(("name", "make", "response"), SAMPLES)
def test_a_quirk_of_replies_turned_on_alone_changes_its_sample(
    name: str, make: Any, response: dict[str, Any]
) -> None:
    default = outcome(make, response, Quirks.NONE)
    for other in Quirks.names():
        made = outcome(make, response, Quirks(**{other: True}))
        assert (made == default) == (other != name), other


# Objects of the SDKs.


def test_openai_s_objects_read_as_their_dicts_do() -> None:
    types = pytest.importorskip("openai.types.chat")
    details = {"prompt_tokens_details": {"cached_tokens": 4, "cache_creation_input_tokens": 3}}
    usage = {"prompt_tokens": 9, "completion_tokens": 1, "total_tokens": 10, **details}
    extra = {"google": {"thought_signature": "Ct0="}}
    message = {
        "content": "x",
        "reasoning_content": "hm",
        "reasoning_details": [SIGNED],
        "tool_calls": [call(id="c", arguments='{"a":1}', extra_content=extra)],
    }
    data = chat(message, usage=usage, created=1)
    data["choices"][0]["logprobs"] = None
    wanted = openai().parse_response(data)
    checked = types.ChatCompletion.model_validate(data)
    assert openai().parse_response(checked) == wanted
    unchecked = types.ChatCompletion.construct(**data)
    assert openai().parse_response(unchecked) == wanted
    piece = chunk({"content": "x", "reasoning_details": [SIGNED]}, created=1, model="m")
    read = types.ChatCompletionChunk.construct(**piece)
    assert openai().parse_response(read) == openai().parse_response(piece)


def test_openai_s_objects_with_missing_attributes_are_read() -> None:
    types = pytest.importorskip("openai.types.chat")
    completion = pytest.importorskip("openai.types.completion_usage")
    usage = completion.CompletionUsage.model_construct(
        prompt_tokens=9, completion_tokens=1, prompt_tokens_details=None
    )
    reply = openai().parse_response(types.ChatCompletion.model_construct(usage=usage))
    assert reply.message.content == ()
    assert reply.usage is not None
    assert (reply.usage.input, reply.usage.cache_read) == (9, None)
    assert openai().parse_response(types.ChatCompletionChunk.model_construct()).id is None


def test_objects_of_dashscope_s_first_client_read_as_their_dicts_do() -> None:
    entities = pytest.importorskip("dashscope.api_entities.dashscope_response")
    usage = {"input_tokens": 9, "output_tokens": 1, "prompt_tokens_details": {"cached_tokens": 8}}
    for kind, content in (
        (entities.GenerationResponse, "x"),
        (entities.MultiModalConversationResponse, [{"text": "x"}, {"image": "https://ex.org/1"}]),
    ):
        message = {"content": content, "reasoning_content": "hm", "tool_calls": [call(id="c")]}
        data = native(message, usage=usage)
        body = {"status_code": 200, "code": "", "message": "", **data}
        sdk = kind.from_api_response(entities.DashScopeAPIResponse(**body))
        assert dashscope().parse_response(sdk) == dashscope().parse_response(data)


def test_an_error_of_dashscope_s_first_client_is_a_finding() -> None:
    entities = pytest.importorskip("dashscope.api_entities.dashscope_response")
    body = {"status_code": 401, "code": "InvalidApiKey", "message": "no", "request_id": "r"}
    sdk = entities.GenerationResponse.from_api_response(entities.DashScopeAPIResponse(**body))
    reply = dashscope().parse_response(sdk)
    assert reply.message.content == ()
    assert [(finding.code, finding.provider_text) for finding in reply.findings] == [
        ("provider-error", "no")
    ]


def test_objects_of_dashscope_s_second_client_are_read_by_both_protocols() -> None:
    types = pytest.importorskip("dashscope.v2.types.completions")
    data = {
        "request_id": "r-1",
        "model": "qwen-plus",
        "choices": [
            {
                "finish_reason": "tool_calls",
                "message": {
                    "content": "x",
                    "reasoning_content": "hm",
                    "tool_calls": [call(id="c", arguments='{"a":1}')],
                },
            }
        ],
        "usage": {"input_tokens": 9, "output_tokens": 1, "total_tokens": 10},
    }
    sdk = types.ChatCompletion.model_validate(data)
    for formatter in (dashscope(), openai()):
        reply = formatter.parse_response(sdk)
        assert (reply.id, reply.model, reply.finish_reason) == ("r-1", "qwen-plus", "tool_calls")
        assert (reply.text, reply.thinking) == ("x", "hm")
        assert only_call(reply).input == {"a": 1}
        assert reply.usage is not None
        assert reply.usage.input == 9
        assert reply.findings == ()
    piece = {"request_id": "r-1", "choices": [{"delta": {"content": "x"}}]}
    chunked = types.ChatCompletionChunk.model_validate(piece)
    assert dashscope().parse_response(chunked).text == "x"


# Recorded exchanges.


@pytest.mark.shared
def test_every_recorded_chat_completion_is_read_whole(shared_dir: Path) -> None:
    count = 0
    for line in (shared_dir / "real" / "exchanges.jsonl").read_text("utf-8").splitlines():
        exchange = json.loads(line)
        if not exchange["path"].endswith("/chat/completions") or exchange["stream"]:
            continue
        count += 1
        message = exchange["response"]["choices"][0]["message"]
        reply = openai().parse_response(exchange["response"])
        thought = message.get("reasoning_content") or message.get("reasoning") or ""
        calls = [item["function"]["arguments"] for item in message.get("tool_calls") or ()]
        assert reply.findings == ()
        assert reply.text == (message["content"] or "")
        assert reply.thinking == thought
        assert [block.content for block in reply.tool_calls] == calls
        assert reply.usage is not None
        assert reply.usage.reported
    assert count > 15


@pytest.mark.shared
def test_a_recorded_reply_goes_back_as_the_next_recorded_request_sends_it(
    shared_dir: Path,
) -> None:
    cassettes: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for line in (shared_dir / "real" / "exchanges.jsonl").read_text("utf-8").splitlines():
        exchange = json.loads(line)
        if exchange["path"].endswith("/chat/completions") and not exchange["stream"]:
            cassettes[exchange["id"].rpartition("#")[0]].append(exchange)
    compared = 0
    for exchanges in cassettes.values():
        later = [
            message
            for exchange in exchanges
            for message in exchange["request"]["messages"]
            if message["role"] == "assistant"
        ]
        for exchange in exchanges:
            sent = comparable(sent_back(openai().parse_response(exchange["response"])))
            wanted = [comparable(message) for message in later]
            compared += sent in wanted
    assert compared >= 4


def comparable(message: Mapping[str, Any]) -> dict[str, Any]:
    """Return a message without what clients write differently: key order, nulls, single parts."""
    out = {key: value for key, value in message.items() if value not in (None, [], "", False)}
    content = out.get("content")
    if isinstance(content, list):
        out["content"] = "".join(part["text"] for part in content)
    return out


@pytest.mark.shared
def test_every_recorded_native_response_is_read_whole(shared_dir: Path) -> None:
    replies = {}
    for line in (shared_dir / "real" / "dashscope_native.jsonl").read_text("utf-8").splitlines():
        case = json.loads(line)
        if not case["name"].endswith("-sse"):
            replies[case["name"]] = dashscope().parse_response(case["response"])
    assert len(replies) >= 5
    assert replies["multimodal-generation-vl-nosse"].text == "海滩。"
    (image,) = replies["multimodal-generation-image-nosse"].message.content
    assert isinstance(image, ImageBlock)
    role_play = replies["single-generation-message-roleplay-nosse"]
    assert [code for code, _ in codes(role_play)] == ["choices-unread"]
    assert replies["single-generation-message-reasoning-nosse"].finish_reason == "length"
    application = replies["application-conversation-generation-message-nosse"]
    assert application.text
    assert codes(application) == [("content-unread", "output.thoughts")]


def test_gemini_s_extra_content_goes_back_where_it_came() -> None:
    extra = {"google": {"thought_signature": "Ct0="}}
    calls = [call(id="c", extra_content=extra), call(id="d")]
    reply = openai().parse_response(chat({"tool_calls": calls, "extra_content": extra}))
    sent = sent_back(reply)
    assert [item.get("extra_content") for item in sent["tool_calls"]] == [extra, None]
    assert sent["extra_content"] == extra
