"""Messages in Anthropic's form: blocks, turns, thinking, media, system messages."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from wiremark import (
    AnthropicChatFormatter,
    AudioBlock,
    Base64Source,
    DataBlock,
    FormatError,
    HintBlock,
    ImageBlock,
    MediaPolicy,
    MessageError,
    Msg,
    TextBlock,
    ThinkingBlock,
    ToolResultBlock,
    ToolUseBlock,
    URLSource,
    VideoBlock,
    dump_messages,
    read_messages,
)
from wiremark.anthropic import read_content
from wiremark.errors import MediaRefused
from wiremark.messages import OpaqueBlock, OpaqueSource

OPUS = "claude-opus-4-8"
SONNET = "claude-sonnet-4-5"
PNG = "iVBORw0KGgo="
CALLS = Msg.assistant([ToolUseBlock("a", "f", {}), ToolUseBlock("b", "f", {})])
CALL = ToolUseBlock("c1", "weather", {"city": "Köln"})


def turns(*messages: Msg, model: str = SONNET, **settings: Any) -> list[dict[str, Any]]:
    return AnthropicChatFormatter(**settings).format(messages, model=model)


def codes(*messages: Msg, model: str = SONNET, **settings: Any) -> list[tuple[str, str]]:
    plan = AnthropicChatFormatter(**settings).explain(messages, model=model)
    return [(each.code, each.path) for each in plan.findings]


def text(value: str) -> dict[str, Any]:
    return {"type": "text", "text": value}


# ---------------------------------------------------------------- blocks


def test_content_is_always_a_list_of_blocks() -> None:
    assert turns(Msg.system("S"), Msg.user("U"), Msg.assistant("A")) == [
        {"role": "system", "content": [text("S")]},
        {"role": "user", "content": [text("U")]},
        {"role": "assistant", "content": [text("A")]},
    ]


def test_a_call_holds_its_input_as_an_object_in_the_given_order() -> None:
    call = ToolUseBlock("c1", "f", {"b": 1, "a": {"d": 2, "c": 3}})
    (_, turn) = turns(Msg.user("x"), Msg.assistant(call))
    assert turn["content"] == [
        {"type": "tool_use", "id": "c1", "name": "f", "input": {"b": 1, "a": {"d": 2, "c": 3}}}
    ]
    assert list(turn["content"][0]["input"]) == ["b", "a"]
    assert turn["content"][0]["input"] is not call.input


def test_raw_arguments_that_hold_an_object_win_over_the_input() -> None:
    call = ToolUseBlock("c1", "f", {"a": 1}, content='{"z": 1, "y": 2.0}')
    (_, turn) = turns(Msg.user("x"), Msg.assistant(call))
    assert json.dumps(turn["content"][0]["input"]) == '{"z": 1, "y": 2.0}'


def test_raw_arguments_that_hold_no_object_are_named_and_give_way() -> None:
    message = Msg.assistant(ToolUseBlock("c1", "f", {"a": 1}, content="[1]"))
    assert turns(Msg.user("x"), message)[1]["content"][0]["input"] == {"a": 1}
    assert ("content-not-sent", "messages[1].content[0].content") in codes(Msg.user("x"), message)


def test_a_call_without_id_or_name_is_named_and_not_sent() -> None:
    message = Msg.assistant(["A", ToolUseBlock(None, "f", {})])
    assert turns(Msg.user("x"), message)[1]["content"] == [text("A")]
    assert codes(Msg.user("x"), message) == [("content-not-sent", "messages[1].content[1]")]


@pytest.mark.parametrize("blank", ["", " ", "\n\t "])
def test_a_text_without_words_is_left_out_and_named(blank: str) -> None:
    messages = [Msg.user([TextBlock("a"), TextBlock(blank)]), Msg.assistant(blank), Msg.user("b")]
    assert turns(*messages) == [{"role": "user", "content": [text("a"), text("b")]}]
    assert codes(*messages) == [
        ("content-not-sent", "messages[0].content[1]"),
        ("content-not-sent", "messages[1].content[0]"),
    ]


def test_a_hint_is_text() -> None:
    (_, turn) = turns(Msg.user("x"), Msg.assistant([HintBlock("h"), HintBlock(None), "a"]))
    assert turn["content"] == [text("h"), text("a")]


def test_a_message_without_a_role_cannot_be_sent() -> None:
    with pytest.raises(FormatError, match=r"messages\[0\]"):
        turns(Msg(content="x"))


# ---------------------------------------------------------------- turns and tool results


def test_results_of_a_batch_stand_first_in_one_user_turn() -> None:
    messages = [
        Msg.user("go"),
        Msg.assistant([CALL, ToolUseBlock("c2", "weather", {})]),
        Msg.user("meanwhile"),
        Msg.tool_result("c1", "weather", "8 °C"),
        Msg.tool([TextBlock("log"), ToolResultBlock("c2", "weather", "11 °C")]),
    ]
    (_, _, turn) = turns(*messages)
    assert turn["role"] == "user"
    assert [part.get("tool_use_id", part.get("text")) for part in turn["content"]] == [
        "c1",
        "c2",
        "meanwhile",
        "log",
    ]
    assert codes(*messages) == []


def test_an_empty_assistant_message_does_not_part_results_from_their_calls() -> None:
    messages = [
        Msg.user("go"),
        Msg.assistant(CALL),
        Msg.user("meanwhile"),
        Msg.assistant(""),
        Msg.tool_result("c1", "weather", "8 °C"),
    ]
    (_, _, turn) = turns(*messages)
    assert [part["type"] for part in turn["content"]] == ["tool_result", "text"]
    assert codes(*messages) == [("content-not-sent", "messages[3].content[0]")]


def test_neighbours_of_one_role_are_one_turn() -> None:
    made = turns(Msg.user("a"), Msg.user("b"), Msg.assistant("c"), Msg.assistant("d"))
    assert [(each["role"], len(each["content"])) for each in made] == [
        ("user", 2),
        ("assistant", 2),
    ]


def test_a_result_holds_a_list_and_its_error() -> None:
    result = ToolResultBlock("c1", "weather", ["no", ImageBlock(URLSource("https://e.com/a.png"))])
    (_, _, turn) = turns(
        Msg.user("x"), Msg.assistant(CALL), Msg.tool(result.replace(state="error"))
    )
    assert turn["content"] == [
        {
            "type": "tool_result",
            "tool_use_id": "c1",
            "content": [
                text("no"),
                {"type": "image", "source": {"type": "url", "url": "https://e.com/a.png"}},
            ],
            "is_error": True,
        }
    ]


def test_a_result_without_output_has_no_content() -> None:
    (_, _, turn) = turns(Msg.user("x"), Msg.assistant(CALL), Msg.tool_result("c1", "f", ""))
    assert turn["content"] == [{"type": "tool_result", "tool_use_id": "c1"}]


def test_a_result_in_an_assistant_message_is_the_users() -> None:
    made = turns(Msg.user("x"), Msg.assistant([CALL, ToolResultBlock("c1", "f", "8"), "Cold."]))
    assert [each["role"] for each in made] == ["user", "assistant", "user", "assistant"]
    assert made[3]["content"] == [text("Cold.")]


def test_a_call_without_a_result_is_an_error_that_is_named() -> None:
    messages = [Msg.user("x"), Msg.assistant(CALL), Msg.user("y"), Msg.tool_result("c9", "f", "z")]
    assert codes(*messages) == [
        ("tool-call-unanswered", "messages[1]"),
        ("tool-result-without-call", "messages[3]"),
    ]
    plan = AnthropicChatFormatter().explain(messages, model=SONNET)
    assert all(each.severity == "error" for each in plan.findings)
    assert "without `tool_result` blocks immediately after: c1" in plan.findings[0].provider_text


def test_a_call_at_the_end_is_unanswered_too() -> None:
    assert codes(Msg.user("x"), Msg.assistant(CALL)) == [("tool-call-unanswered", "messages[1]")]


def test_a_result_of_a_turn_before_the_last_is_without_call() -> None:
    messages = [
        Msg.user("x"),
        Msg.assistant(CALL),
        Msg.tool_result("c1", "f", "8"),
        Msg.assistant("ok"),
        Msg.tool_result("c1", "f", "again"),
    ]
    assert codes(*messages) == [("tool-result-without-call", "messages[4]")]


# ---------------------------------------------------------------- system messages


SYSTEM_IN_PLACE = [Msg.system("S"), Msg.user("a"), Msg.system("Be short."), Msg.assistant("ok")]


def test_a_system_message_behind_a_user_turn_stays_where_the_model_takes_it() -> None:
    made = turns(*SYSTEM_IN_PLACE, model=OPUS)
    assert [each["role"] for each in made] == ["system", "user", "system", "assistant"]
    assert codes(*SYSTEM_IN_PLACE, model=OPUS) == []


@pytest.mark.parametrize(
    ("model", "host"),
    [(SONNET, None), ("claude-sonnet-5", None), (OPUS, "api.minimax.io")],
)
def test_elsewhere_it_is_user_text_in_its_place_and_named(model: str, host: str | None) -> None:
    made = turns(*SYSTEM_IN_PLACE, model=model, host=host)
    assert made[1] == {
        "role": "user",
        "content": [text("a"), text("<system-reminder>\nBe short.\n</system-reminder>")],
    }
    assert codes(*SYSTEM_IN_PLACE, model=model, host=host) == [
        ("system-message-as-user", "messages[2]")
    ]


def test_turns_stay_apart_where_the_service_reuses_at_message_ends() -> None:
    messages = [*SYSTEM_IN_PLACE, CALLS, *(Msg.tool_result(each, "f", "8") for each in ("a", "b"))]
    made = turns(*messages, model="qwen-plus", host="dashscope.aliyuncs.com")
    assert [(each["role"], len(each["content"])) for each in made] == [
        ("system", 1),
        ("user", 1),
        ("user", 1),
        ("assistant", 1),
        ("assistant", 2),
        ("user", 2),
    ]


@pytest.mark.parametrize(
    "messages",
    [
        [Msg.user("a"), Msg.system("s"), Msg.user("b")],
        [Msg.user("a"), Msg.assistant("b"), Msg.system("s")],
    ],
    ids=["before a user turn", "behind an assistant turn"],
)
def test_a_place_that_the_api_refuses_makes_it_user_text(messages: list[Msg]) -> None:
    assert "system" not in [each["role"] for each in turns(*messages, model=OPUS)]


def test_a_system_message_among_results_stands_behind_them() -> None:
    made = turns(
        Msg.user("x"),
        Msg.assistant(CALL),
        Msg.system("s"),
        Msg.tool_result("c1", "f", "8"),
        model=OPUS,
    )
    assert [each["role"] for each in made] == ["user", "assistant", "user", "system"]


def test_a_later_system_message_never_changes_what_stands_before_it() -> None:
    before = turns(*SYSTEM_IN_PLACE[:2])
    after = turns(*SYSTEM_IN_PLACE)
    assert after[0] == before[0]
    assert after[1]["content"][:1] == before[1]["content"]


# ---------------------------------------------------------------- thinking


SIGNED = ThinkingBlock("Hm. \u2028", metadata={"signature": "Eo4D+/="})


def test_signed_thinking_is_sent_back() -> None:
    (_, turn) = turns(Msg.user("x"), Msg.assistant([SIGNED, "A"]))
    assert turn["content"][0] == {
        "type": "thinking",
        "thinking": "Hm. \u2028",
        "signature": "Eo4D+/=",
    }


def test_thinking_without_a_signature_is_named_and_not_sent() -> None:
    messages = [Msg.user("x"), Msg.assistant([ThinkingBlock("hm"), "A"])]
    assert turns(*messages)[1]["content"] == [text("A")]
    assert codes(*messages) == [("content-not-sent", "messages[1].content[0]")]


@pytest.mark.parametrize("key", ["redacted", "data"])
def test_redacted_thinking_is_sent_back(key: str) -> None:
    (_, turn) = turns(Msg.user("x"), Msg.assistant(ThinkingBlock("", metadata={key: "Emw="})))
    assert turn["content"] == [{"type": "redacted_thinking", "data": "Emw="}]


def test_a_response_is_the_same_after_it_was_stored_and_sent_again() -> None:
    content = [
        {"type": "thinking", "thinking": "Hm\n", "signature": "EqQC\u2028=="},
        {"type": "redacted_thinking", "data": "Emw="},
        {"type": "text", "text": " Two. \n"},
        {"type": "server_tool_use", "id": "s1", "name": "bash", "input": {"b": 1, "a": [2]}},
        {"type": "tool_use", "id": "c1", "name": "f", "input": {"b": 1.5, "a": None}},
    ]
    stored = json.dumps(dump_messages([read_content(content)]))
    again = read_messages(json.loads(stored))
    sent = turns(Msg.user("x"), *again)[1]["content"]
    assert json.dumps(sent) == json.dumps(content)


def test_recorded_responses_survive_the_round_trip(shared_dir: Path) -> None:
    count = 0
    for line in (shared_dir / "real" / "exchanges.jsonl").read_text("utf-8").splitlines():
        exchange = json.loads(line)
        if exchange["host"] != "api.anthropic.com":
            continue
        content = exchange["response"]["content"]
        (message,) = read_messages(dump_messages([read_content(content)]))
        sent = turns(Msg.user("x"), message)[1]["content"]
        direct = {"type": "direct"}
        kept = [{k: v for k, v in part.items() if (k, v) != ("caller", direct)} for part in content]
        assert sent == kept
        count += 1
    assert count == 13


@pytest.mark.parametrize(
    ("content", "path"),
    [
        (5, "content"),
        ([{"text": "a"}], "content[0]"),
        ([{"type": "text", "text": None}], "content[0].text"),
        ([{"type": "tool_use", "id": "a", "name": "b", "input": "{}"}], "content[0].input"),
        ([{"type": "thinking", "thinking": "a", "signature": 1}], "content[0].signature"),
    ],
)
def test_a_response_that_cannot_be_read_is_refused_with_the_path(content: Any, path: str) -> None:
    with pytest.raises(MessageError) as caught:
        read_content(content)
    assert caught.value.path == path


def test_a_caller_other_than_the_model_is_sent_back() -> None:
    caller = {"type": "code_execution_20260120", "tool_id": "s1"}
    block = {"type": "tool_use", "id": "c1", "name": "f", "input": {}, "caller": caller}
    (_, turn) = turns(Msg.user("x"), read_content([block]))
    assert turn["content"] == [block]


# ---------------------------------------------------------------- media


def test_images_are_sent_as_data_or_by_url() -> None:
    (turn,) = turns(
        Msg.user(
            [
                ImageBlock(Base64Source(media_type="image/png", data=PNG)),
                ImageBlock(URLSource("https://e.com/a.png")),
                ImageBlock(URLSource(f"data:image/webp;base64,{PNG}")),
                DataBlock(Base64Source(media_type="image/jpg", data=PNG)),
            ]
        )
    )
    assert [part["type"] for part in turn["content"]] == ["image"] * 4
    assert [part["source"] for part in turn["content"]] == [
        {"type": "base64", "media_type": "image/png", "data": PNG},
        {"type": "url", "url": "https://e.com/a.png"},
        {"type": "base64", "media_type": "image/webp", "data": PNG},
        {"type": "base64", "media_type": "image/jpeg", "data": PNG},
    ]


def test_documents_are_pdf_or_plain_text() -> None:
    words = base64.b64encode("Grüße".encode()).decode()
    (turn,) = turns(
        Msg.user(
            [
                DataBlock(Base64Source(media_type="application/pdf", data="JVBERg=="), name="a"),
                DataBlock(URLSource("https://e.com/b.pdf")),
                DataBlock(Base64Source(media_type="text/plain; charset=utf-8", data=words)),
            ]
        )
    )
    assert turn["content"] == [
        {
            "type": "document",
            "source": {"type": "base64", "media_type": "application/pdf", "data": "JVBERg=="},
            "title": "a",
        },
        {"type": "document", "source": {"type": "url", "url": "https://e.com/b.pdf"}},
        {
            "type": "document",
            "source": {"type": "text", "media_type": "text/plain", "data": "Grüße"},
        },
    ]


@pytest.mark.parametrize(
    ("block", "said"),
    [
        (AudioBlock(URLSource("https://e.com/a.mp3")), "[Audio URL: https://e.com/a.mp3]"),
        (
            VideoBlock(Base64Source(media_type="video/mp4", data="AA==")),
            "[Video - processing failed: the Messages API takes no video]",
        ),
        (VideoBlock(None), "[Video - processing failed: the Messages API takes no video]"),
        (
            ImageBlock(Base64Source(media_type="image/bmp", data="AA==")),
            "[Image - processing failed: the Messages API takes no image of type 'image/bmp']",
        ),
        (DataBlock(URLSource("https://e.com/a.txt")), "[Media URL: https://e.com/a.txt]"),
        (
            DataBlock(Base64Source(media_type="text/plain", data="%")),
            "[Media - processing failed: plain text that is no base64 of UTF-8]",
        ),
        (
            DataBlock(Base64Source(media_type="text/csv", data="AA==")),
            "[Media - processing failed: the Messages API takes no document of type 'text/csv']",
        ),
    ],
)
def test_a_medium_that_the_api_does_not_take_is_a_text_and_named(block: Any, said: str) -> None:
    messages = [Msg.user(["see", block])]
    assert turns(*messages)[0]["content"] == [text("see"), text(said)]
    assert codes(*messages) == [("media-not-sent", "messages[0].content[1]")]


def test_a_local_file_is_sent_inline_only_under_a_root(tmp_path: Path) -> None:
    file = tmp_path / "a.png"
    file.write_bytes(base64.b64decode(PNG))
    message = Msg.user(ImageBlock(URLSource(str(file))))
    (turn,) = turns(message, media=MediaPolicy(roots=[tmp_path]))
    assert turn["content"][0]["source"] == {
        "type": "base64",
        "media_type": "image/png",
        "data": PNG,
    }
    (refused,) = turns(message)
    assert refused["content"][0]["text"].startswith("[Image - processing failed: local file")
    with pytest.raises(MediaRefused):
        turns(message, strict=True)


def test_the_later_version_takes_no_document_in_an_assistant_message() -> None:
    document = DataBlock(Base64Source(media_type="application/pdf", data="JVBERg=="))
    messages = [Msg.user("x"), Msg.assistant(["see", document])]
    assert turns(*messages)[1]["content"][1]["type"] == "document"
    with pytest.raises(FormatError) as caught:
        turns(*messages, api_version="2026-10-21")
    assert caught.value.path == "messages[1].content[1]"
    assert caught.value.advice


def test_a_refused_document_does_not_depend_on_marks() -> None:
    document = DataBlock(Base64Source(media_type="application/pdf", data="JVBERg=="))
    (turn,) = turns(Msg.user(["x", document]).with_cache_control(), api_version="2026-10-21")
    assert turn["content"][1]["cache_control"] == {"type": "ephemeral"}


@pytest.mark.parametrize(
    "source",
    [
        URLSource(""),
        URLSource("data:image/png,abc"),
        Base64Source(media_type="image/png", data=""),
        OpaqueSource(),
    ],
)
def test_a_source_without_content_is_a_text_and_named(source: Any) -> None:
    message = Msg.user(ImageBlock(source))
    assert turns(message)[0]["content"][0]["text"].startswith("[Image - processing failed: ")
    assert codes(message) == [("media-not-sent", "messages[0].content[0]")]


def test_a_document_in_a_data_url_is_known_by_its_own_type() -> None:
    url = "data:application/pdf;base64,JVBERg=="
    (turn,) = turns(Msg.user(DataBlock(URLSource(url))))
    assert turn["content"][0]["source"]["media_type"] == "application/pdf"


def test_what_has_no_place_is_named() -> None:
    image = ImageBlock(URLSource("https://e.com/a.png"), max_pixels=9)
    result = ToolResultBlock("c1", "f", [ThinkingBlock("t"), HintBlock("h"), OpaqueBlock()])
    messages = [Msg.user(image), Msg.assistant([CALL, OpaqueBlock()]), Msg.tool(result)]
    assert turns(*messages)[2]["content"][0]["content"] == [text("h")]
    assert codes(*messages) == [
        ("content-not-sent", "messages[0].content[0].max_pixels"),
        ("content-not-sent", "messages[1].content[1]"),
        ("content-not-sent", "messages[2].content[0].output[0]"),
        ("content-not-sent", "messages[2].content[0].output[2]"),
    ]


def test_a_result_without_an_id_gets_the_same_one_each_time() -> None:
    message = Msg.tool(ToolResultBlock(None, "f", "8"))
    (first,), (again,) = turns(message), turns(message)
    assert first["content"][0]["tool_use_id"].startswith("call_")
    assert first == again


def test_a_reply_that_is_a_string_is_text() -> None:
    assert read_content("a", name="Bo") == Msg.assistant("a", name="Bo")
    assert read_content([{"type": "thinking", "thinking": "t"}]) == Msg.assistant(
        ThinkingBlock("t")
    )
