"""DashScope's multi-agent formatter: facts of agentscope-java at c2d43f86 (2026-08-22), section 5."""

from __future__ import annotations

import json
from typing import Any

import pytest

from wiremark import (
    AudioBlock,
    Base64Source,
    DashScopeMultiAgentFormatter,
    DataBlock,
    HintBlock,
    ImageBlock,
    Msg,
    Quirks,
    ThinkingBlock,
    ToolResultBlock,
    ToolUseBlock,
    URLSource,
    VideoBlock,
)
from wiremark.errors import OptionError
from wiremark.messages import BYPASS_HISTORY_MERGE

JAVA = DashScopeMultiAgentFormatter(quirks=Quirks.JAVA, clock=lambda: 123)
DEFAULT = DashScopeMultiAgentFormatter()
BOTH = pytest.mark.parametrize("formatter", [JAVA, DEFAULT], ids=["java", "default"])

PROMPT = (
    "# Conversation History\n"
    "The content between <history></history> tags contains your conversation history\n"
)
IMAGE = "https://ex.org/1.png"
VIDEO = "https://ex.org/v.mp4"
EPHEMERAL = {"type": "ephemeral"}
CALL = Msg.assistant(ToolUseBlock("c", "f", {"a": 1}), name="Bob")
RESULT = Msg.tool_result("c", "f", "r")


def history(formatter: DashScopeMultiAgentFormatter, *messages: Msg) -> Any:
    """Return what stands in the history tags of the one user message that messages become."""
    (made,) = formatter.format(messages)
    assert list(made) == ["role", "content"]
    assert made["role"] == "user"
    content = made["content"]
    text = content if isinstance(content, str) else content[0]["text"]
    head, tail = PROMPT + "<history>\n", "</history>"
    assert text.startswith(head)
    assert text.endswith(tail)
    return text[len(head) : -len(tail)]


def parts(formatter: DashScopeMultiAgentFormatter, *messages: Msg) -> Any:
    (made,) = formatter.format_multimodal(messages)
    assert made["role"] == "user"
    return made["content"]


# ---------------------------------------------------------------- 5.1 grouping


@BOTH
def test_an_empty_list_gives_an_empty_list(formatter: DashScopeMultiAgentFormatter) -> None:
    assert formatter.format([]) == []
    assert formatter.format_multimodal([]) == []


@BOTH
def test_only_a_first_system_message_is_system(formatter: DashScopeMultiAgentFormatter) -> None:
    messages = [Msg.system("s", name="S"), Msg.user("u", name="Ann"), Msg.system("t", name="T")]
    made = formatter.format(messages)
    assert made[0] == {"role": "system", "content": "s"}
    assert made[1]["content"] == f"{PROMPT}<history>\nAnn: u\nT: t\n</history>"
    made = formatter.format_multimodal(messages)
    assert made[0] == {"role": "system", "content": [{"text": "s"}]}
    assert made[1]["content"] == [{"text": f"{PROMPT}<history>\nAnn: u\nT: t\n</history>"}]


@BOTH
def test_a_second_system_message_at_the_start_joins_the_history(
    formatter: DashScopeMultiAgentFormatter,
) -> None:
    made = formatter.format([Msg.system("s"), Msg.system("t")])
    assert [message["role"] for message in made] == ["system", "user"]
    assert "Unknown: t\n" in made[1]["content"]


@BOTH
def test_system_text_is_joined_with_empty_texts(formatter: DashScopeMultiAgentFormatter) -> None:
    assert formatter.format([Msg.system(["", "a", ""])]) == [{"role": "system", "content": "\na\n"}]
    assert formatter.format([Msg.system([])]) == [{"role": "system", "content": ""}]
    assert formatter.format_multimodal([Msg.system([])]) == [
        {"role": "system", "content": [{"text": ""}]}
    ]


@BOTH
def test_runs_alternate_and_only_the_first_history_bears_the_prompt(
    formatter: DashScopeMultiAgentFormatter,
) -> None:
    messages = [
        Msg.user("a", name="Ann"),
        CALL,
        RESULT,
        Msg.assistant("b", name="Bob"),
        CALL,
        Msg.user("c"),
    ]
    made = formatter.format(messages)
    assert [message["role"] for message in made] == [
        "user",
        "assistant",
        "tool",
        "user",
        "assistant",
        "user",
    ]
    assert made[0]["content"] == f"{PROMPT}<history>\nAnn: a\n</history>"
    assert made[3]["content"] == "<history>\nBob: b\n</history>"
    assert made[5]["content"] == "<history>\nUnknown: c\n</history>"
    made = formatter.format_multimodal(messages)
    assert made[0]["content"] == [{"text": f"{PROMPT}<history>\nAnn: a\n</history>"}]
    assert made[3]["content"] == [{"text": "<history>\nBob: b\n</history>"}]


@BOTH
def test_prompt_comes_with_the_first_history_wherever_it_stands(
    formatter: DashScopeMultiAgentFormatter,
) -> None:
    made = formatter.format([CALL, RESULT, Msg.user("a", name="Ann")])
    assert made[2]["content"] == f"{PROMPT}<history>\nAnn: a\n</history>"


@BOTH
def test_an_assistant_message_with_a_result_is_a_tool_turn(
    formatter: DashScopeMultiAgentFormatter,
) -> None:
    message = Msg.assistant(["a", ToolResultBlock("c", "f", ["r", "s"])], name="Bob")
    assert formatter.format([message]) == [{"role": "assistant", "content": "a\nr\ns"}]
    assert formatter.format_multimodal([message]) == [
        {"role": "assistant", "content": [{"text": "a"}, {"text": "- r\n- s"}]}
    ]


def test_java_ignores_the_bypass_flag() -> None:
    messages = [
        Msg.user("a", name="Ann"),
        Msg.user("b", name="Bob", metadata={BYPASS_HISTORY_MERGE: True}),
    ]
    assert len(JAVA.format(messages)) == 1
    assert len(JAVA.format_multimodal(messages)) == 1
    made = DEFAULT.format(messages)
    assert made[0]["content"] == f"{PROMPT}<history>\nAnn: a\n</history>"
    assert made[1] == {"role": "user", "content": "b"}
    assert DEFAULT.format_multimodal(messages)[1] == {"role": "user", "content": [{"text": "b"}]}


@pytest.mark.parametrize("value", [False, "true", 1, {}, None])
def test_bypass_is_honoured_for_the_boolean_true_alone(value: Any) -> None:
    messages = [Msg.user("a"), Msg.user("b", metadata={BYPASS_HISTORY_MERGE: value})]
    assert len(DEFAULT.format(messages)) == 1


@pytest.mark.parametrize("prompt", ["", "P\n", "no newline"])
@BOTH
def test_a_custom_prompt_stands_before_the_first_history(
    formatter: DashScopeMultiAgentFormatter, prompt: str
) -> None:
    custom = DashScopeMultiAgentFormatter(history_prompt=prompt, quirks=formatter.quirks)
    messages = [Msg.user("a", name="Ann"), CALL, Msg.user("b", name="Ann")]
    made = custom.format(messages)
    assert made[0]["content"] == f"{prompt}<history>\nAnn: a\n</history>"
    assert made[2]["content"] == "<history>\nAnn: b\n</history>"
    made = custom.format_multimodal(messages)
    assert made[0]["content"] == [{"text": f"{prompt}<history>\nAnn: a\n</history>"}]


# ---------------------------------------------------------------- 5.2 conversation, text


@BOTH
@pytest.mark.parametrize(
    ("name", "shown"), [("Ann", "Ann"), (None, "Unknown"), ("", ""), ("小明", "小明"), (" ", " ")]
)
def test_name_stands_before_each_block(
    formatter: DashScopeMultiAgentFormatter, name: str | None, shown: str
) -> None:
    message = Msg.user(["a", "b\nc", ""], name=name)
    assert history(formatter, message) == f"{shown}: a\n{shown}: b\nc\n{shown}: \n"


@BOTH
def test_hints_have_lines_and_thinking_has_none(formatter: DashScopeMultiAgentFormatter) -> None:
    message = Msg.assistant([ThinkingBlock("t"), HintBlock("h"), ThinkingBlock("")], name="Bob")
    assert history(formatter, message) == "Bob: h\n"


def test_a_null_hint_is_the_word_null_in_java() -> None:
    message = Msg.assistant([HintBlock(), "a"], name="Bob")
    assert history(JAVA, message) == "Bob: null\nBob: a\n"
    assert history(DEFAULT, message) == "Bob: a\n"
    assert parts(JAVA, message)[0]["text"].endswith("<history>\nBob: null\nBob: a\n</history>")
    assert parts(DEFAULT, message)[0]["text"].endswith("<history>\nBob: a\n</history>")


@BOTH
def test_messages_without_blocks_add_nothing(formatter: DashScopeMultiAgentFormatter) -> None:
    assert history(formatter, Msg.user([], name="Ann"), Msg.user([])) == ""
    assert parts(formatter, Msg.user([], name="Ann")) == [
        {"text": f"{PROMPT}<history>\n</history>"}
    ]


@BOTH
def test_an_image_has_a_line_and_its_part_follows_the_text(
    formatter: DashScopeMultiAgentFormatter,
) -> None:
    messages = [
        Msg.user(["a", ImageBlock(IMAGE, min_pixels=1), "b"], name="Ann"),
        Msg.user(ImageBlock("https://ex.org/2.jpg"), name="Bob"),
    ]
    assert history(formatter, *messages) == "Ann: a\nAnn: [Image]\nAnn: b\nBob: [Image]\n"
    (made,) = formatter.format(messages)
    assert made["content"][1:] == [
        {"image": IMAGE, "min_pixels": 1},
        {"image": "https://ex.org/2.jpg"},
    ]


@BOTH
@pytest.mark.parametrize(
    ("block", "label"),
    [
        (ImageBlock("https://ex.org/1.bmp"), "Image"),
        (VideoBlock("https://ex.org/v.mkv"), "Video"),
        (VideoBlock(), "Video"),
        (DataBlock("https://ex.org/x.pdf"), "Data"),
    ],
)
def test_a_failed_medium_is_a_line_without_a_message(
    formatter: DashScopeMultiAgentFormatter, block: Any, label: str
) -> None:
    message = Msg.user(block, name="Ann")
    assert history(formatter, message) == f"Ann: [{label} - processing failed]\n"
    assert isinstance(formatter.format([message])[0]["content"], str)


def test_a_video_is_text_in_java_and_a_part_otherwise() -> None:
    message = Msg.user(VideoBlock(VIDEO, fps=1.0), name="Ann")
    assert history(JAVA, message) == f"Ann: [Video: {VIDEO}]\n"
    assert isinstance(JAVA.format([message])[0]["content"], str)
    assert history(DEFAULT, message) == "Ann: [Video]\n"
    assert DEFAULT.format([message])[0]["content"][1] == {"video": VIDEO, "fps": 1.0}


def test_a_base64_video_is_its_data_url_in_javas_text() -> None:
    source = Base64Source(media_type="video/mp4", data="AAAA")
    message = Msg.user(VideoBlock(source), name="Ann")
    assert history(JAVA, message) == "Ann: [Video: data:video/mp4;base64,AAAA]\n"


def test_audio_is_dropped_in_java_and_a_part_otherwise() -> None:
    message = Msg.user(["a", AudioBlock("https://ex.org/a.wav"), "b"], name="Ann")
    assert history(JAVA, message) == "Ann: a\nAnn: b\n"
    assert isinstance(JAVA.format([message])[0]["content"], str)
    assert history(DEFAULT, message) == "Ann: a\nAnn: [Audio]\nAnn: b\n"
    assert DEFAULT.format([message])[0]["content"][1] == {"audio": "https://ex.org/a.wav"}


@BOTH
@pytest.mark.parametrize(
    ("mime", "slot"), [("image/png", "image"), ("audio/wav", "audio"), ("video/mp4", "video")]
)
def test_data_of_any_kind_has_a_line_and_a_part(
    formatter: DashScopeMultiAgentFormatter, mime: str, slot: str
) -> None:
    message = Msg.user(DataBlock(URLSource("https://ex.org/x", mime_type=mime)), name="Ann")
    assert history(formatter, message) == "Ann: [Data]\n"
    made = formatter.format([message])[0]["content"]
    assert len(made) == 2
    assert made[1][slot] == "https://ex.org/x"


# ---------------------------------------------------------------- 5.3 tools, text


@BOTH
def test_a_tool_run_has_its_own_messages(formatter: DashScopeMultiAgentFormatter) -> None:
    call = Msg.assistant(["a", "", ToolUseBlock("c", "f", {"a": 1}), "b"], name="Bob")
    made = formatter.format([call, RESULT])
    assert json.dumps(made) == json.dumps(
        [
            {
                "role": "assistant",
                "content": "a\n\nb",
                "tool_calls": [
                    {
                        "id": "c",
                        "type": "function",
                        "function": {"name": "f", "arguments": '{"a":1}'},
                    }
                ],
            },
            {"role": "tool", "content": "r", "name": "f", "tool_call_id": "c"},
        ]
    )


@BOTH
def test_an_assistant_of_a_tool_run_loses_its_media_in_text(
    formatter: DashScopeMultiAgentFormatter,
) -> None:
    message = Msg.assistant([ImageBlock(IMAGE), ToolUseBlock("c", "f")])
    assert formatter.format([message])[0]["content"] == ""


@BOTH
def test_an_assistant_of_a_tool_run_has_empty_content_without_text(
    formatter: DashScopeMultiAgentFormatter,
) -> None:
    assert formatter.format([CALL])[0]["content"] == ""


def test_a_null_hint_beside_a_call_is_the_word_null_in_java() -> None:
    message = Msg.assistant([HintBlock(), ToolUseBlock("c", "f")])
    assert JAVA.format([message])[0]["content"] == "null"
    assert DEFAULT.format([message])[0]["content"] == ""


def test_a_tool_message_without_a_result_gets_an_id() -> None:
    message = Msg.tool(["a", "", "b"], name="f")
    assert JAVA.format([message]) == [
        {"role": "tool", "content": "a\n\nb", "tool_call_id": "tool_call_123"}
    ]
    (made,) = DEFAULT.format([message])
    assert made["tool_call_id"].startswith("call_")
    assert DEFAULT.format([message]) == [made]


@BOTH
def test_a_result_with_a_null_id_gets_none(formatter: DashScopeMultiAgentFormatter) -> None:
    message = Msg.tool(ToolResultBlock(None, "f", "r"))
    assert formatter.format([message]) == [{"role": "tool", "content": "r", "name": "f"}]


@BOTH
def test_a_tool_message_without_a_result_has_no_id_in_the_multimodal_layout(
    formatter: DashScopeMultiAgentFormatter,
) -> None:
    assert formatter.format_multimodal([Msg.tool(["", "a"])]) == [
        {"role": "tool", "content": [{"text": "a"}]}
    ]


def test_several_results_are_the_first_in_java_and_all_otherwise() -> None:
    message = Msg.tool([ToolResultBlock("c1", "f", "1"), ToolResultBlock("c2", "g", "2")])
    assert [item["tool_call_id"] for item in JAVA.format([message])] == ["c1"]
    assert [item["tool_call_id"] for item in DEFAULT.format([message])] == ["c1", "c2"]


# ---------------------------------------------------------------- 5.4 multimodal


@BOTH
def test_media_cut_the_history_into_parts(formatter: DashScopeMultiAgentFormatter) -> None:
    messages = [
        Msg.user(["a", "b", ImageBlock(IMAGE), "c"], name="Ann"),
        Msg.assistant(
            [AudioBlock("https://ex.org/a"), ImageBlock(IMAGE), HintBlock("h")], name="Bob"
        ),
        Msg.user("d"),
    ]
    assert parts(formatter, *messages) == [
        {"text": f"{PROMPT}<history>\nAnn: a\nAnn: b"},
        {"image": IMAGE},
        {"text": "Ann: c"},
        {"audio": "https://ex.org/a"},
        {"image": IMAGE},
        {"text": "Bob: h\nUnknown: d\n</history>"},
    ]


@BOTH
def test_a_medium_at_the_end_leaves_the_closing_tag_alone(
    formatter: DashScopeMultiAgentFormatter,
) -> None:
    assert parts(formatter, Msg.user(ImageBlock(IMAGE), name="Ann")) == [
        {"text": f"{PROMPT}<history>"},
        {"image": IMAGE},
        {"text": "</history>"},
    ]


@BOTH
@pytest.mark.parametrize(
    ("block", "said"),
    [
        (
            ImageBlock("https://ex.org/1.bmp"),
            (
                '[Image - processing failed: "https://ex.org/1.bmp" should end with one of '
                "[png, jpg, jpeg, gif, webp, heic, heif]]"
            ),
        ),
        (
            VideoBlock("https://ex.org/v.mkv"),
            (
                "[Video - processing failed: Unsupported video file extension: mkv, "
                "[mp4, mpeg, mpg, mov, avi, webm, wmv, flv, 3gp, 3gpp] are supported]"
            ),
        ),
        (
            DataBlock("https://ex.org/x"),
            (
                "[Media - processing failed: Cannot determine MIME type for URL 'https://ex.org/x'; "
                "set URLSource.mimeType explicitly]"
            ),
        ),
    ],
)
def test_a_failed_medium_is_a_part_of_its_own(
    formatter: DashScopeMultiAgentFormatter, block: Any, said: str
) -> None:
    assert parts(formatter, Msg.user(["a", block, "b"], name="Ann")) == [
        {"text": f"{PROMPT}<history>\nAnn: a"},
        {"text": said},
        {"text": "Ann: b\n</history>"},
    ]


@BOTH
def test_thinking_is_not_part_of_the_history(formatter: DashScopeMultiAgentFormatter) -> None:
    assert parts(formatter, Msg.assistant([ThinkingBlock("t"), "a"], name="Bob")) == [
        {"text": f"{PROMPT}<history>\nBob: a\n</history>"}
    ]


@BOTH
def test_a_tool_run_is_converted_as_by_the_chat_formatter(
    formatter: DashScopeMultiAgentFormatter,
) -> None:
    made = formatter.format_multimodal([CALL, Msg.tool_result("c", "f", [ImageBlock(IMAGE)])])
    assert made[0]["content"] == [{"text": ""}]
    assert made[0]["tool_calls"][0]["id"] == "c"
    assert made[1] == {
        "role": "tool",
        "content": [{"image": IMAGE}],
        "name": "f",
        "tool_call_id": "c",
    }


# ---------------------------------------------------------------- marks


def test_java_honours_no_manual_mark_in_text() -> None:
    messages = [
        message.with_cache_control() for message in (Msg.system("s"), Msg.user("u"), CALL, RESULT)
    ]
    assert not any("cache_control" in message for message in JAVA.format(messages))


def test_java_honours_manual_marks_of_tool_runs_alone_in_the_multimodal_layout() -> None:
    # The facts name tool runs only: a system message is built without a look at its metadata.
    messages = [
        message.with_cache_control() for message in (Msg.system("s"), Msg.user("u"), CALL, RESULT)
    ]
    made = JAVA.format_multimodal(messages)
    assert ["cache_control" in message for message in made] == [False, False, True, True]


def test_java_marks_the_system_message_and_the_last_automatically() -> None:
    formatter = DashScopeMultiAgentFormatter(policy="system_and_last", quirks=Quirks.JAVA)
    messages = [Msg.system("s"), CALL, RESULT, Msg.user("u"), Msg.system("t")]
    for method in (formatter.format, formatter.format_multimodal):
        made = method(messages)
        assert ["cache_control" in message for message in made] == [True, False, False, True]
        assert made[-1]["cache_control"] == EPHEMERAL


def test_default_carries_a_mark_of_a_merged_message_to_the_run() -> None:
    messages = [Msg.user("a", name="Ann").with_cache_control(), Msg.user("b", name="Bob")]
    made = DEFAULT.format(messages)
    assert made[0]["content"][-1]["cache_control"] == EPHEMERAL
    assert DEFAULT.format_multimodal(messages)[0]["content"][-1]["cache_control"] == EPHEMERAL


@pytest.mark.parametrize(("first", "second", "marked"), [(True, False, False), (False, True, True)])
def test_the_last_directive_decides_for_a_merged_run(
    first: bool, second: bool, marked: bool
) -> None:
    messages = [Msg.user("a").with_cache_control(first), Msg.user("b").with_cache_control(second)]
    assert isinstance(DEFAULT.format(messages)[0]["content"], list) is marked


def test_default_carries_marks_of_system_and_tool_messages() -> None:
    for message in (Msg.system("s"), RESULT):
        (made,) = DEFAULT.format([message.with_cache_control()])
        assert made["content"] == [
            {"text": message.text or "r", "cache_control": EPHEMERAL},
        ]


# ---------------------------------------------------------------- append-only layout


APPEND = DashScopeMultiAgentFormatter(history_layout="append_only")


def test_append_only_cuts_the_same_text_at_source_messages() -> None:
    messages = [
        Msg.user("a", name="Ann"),
        Msg.assistant("b", name="Bob"),
        Msg.user("c", name="Ann"),
    ]
    assert [message["content"] for message in APPEND.format(messages)] == [
        f"{PROMPT}<history>\nAnn: a\n",
        "Bob: b\n",
        "Ann: c\n",
        "</history>",
    ]


def test_append_only_extends_what_was_sent_but_for_the_closing_tag() -> None:
    messages = [Msg.user(str(number), name="Ann") for number in range(5)]
    before = APPEND.format(messages[:3])
    after = APPEND.format(messages)
    assert after[:3] == before[:3]
    assert before[3]["content"] == "</history>"


@pytest.mark.parametrize("reply", [Msg.assistant(ThinkingBlock("t")), Msg.assistant([])])
def test_rolling_finds_the_previous_tail_before_a_reply_that_adds_no_text(reply: Msg) -> None:
    formatter = DashScopeMultiAgentFormatter(history_layout="append_only", policy="rolling")
    talk = [Msg.user("a", name="Ann")]
    before = formatter.format(talk)
    assert before[0]["content"][-1]["cache_control"] == EPHEMERAL
    after = formatter.format([*talk, reply, *(Msg.user(str(n)) for n in range(25))])
    assert after[0] == before[0]


def test_an_unknown_layout_is_an_error() -> None:
    with pytest.raises(OptionError, match="history_layout"):
        DashScopeMultiAgentFormatter(history_layout="other")  # type: ignore[arg-type]
