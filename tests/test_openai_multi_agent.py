"""OpenAI's multi-agent formatter: facts of agentscope-java at c2d43f86 (2026-08-22), section 7."""

from __future__ import annotations

from typing import Any

import pytest

from wiremark import (
    AudioBlock,
    Base64Source,
    DataBlock,
    HintBlock,
    ImageBlock,
    Msg,
    OpenAIMultiAgentFormatter,
    Quirks,
    ThinkingBlock,
    ToolResultBlock,
    ToolUseBlock,
    URLSource,
    VideoBlock,
)
from wiremark.errors import OptionError
from wiremark.messages import BYPASS_HISTORY_MERGE

JAVA = OpenAIMultiAgentFormatter(quirks=Quirks.JAVA, clock=lambda: 123)
DEFAULT = OpenAIMultiAgentFormatter()
BOTH = pytest.mark.parametrize("formatter", [JAVA, DEFAULT], ids=["java", "default"])

PROMPT = (
    "# Conversation History\n"
    "The content between <history></history> tags contains your conversation history\n"
)
IMAGE = "https://ex.org/1.png"
IMAGE_PART = {"type": "image_url", "image_url": {"url": IMAGE}}
EPHEMERAL = {"type": "ephemeral"}
CALL = Msg.assistant(ToolUseBlock("c", "f", {"a": 1}), name="Bob")
RESULT = Msg.tool_result("c", "f", "r")
OTHER = Msg.user("x", name="Ann")


def text(said: str) -> dict[str, Any]:
    return {"type": "text", "text": said}


def history(formatter: OpenAIMultiAgentFormatter, *messages: Msg) -> str:
    """Return what stands in the history tags of the one text part that messages become."""
    (made,) = formatter.format(messages)
    assert list(made) == ["role", "content"]
    assert made["role"] == "user"
    (part,) = made["content"]
    head, tail = PROMPT + "<history>\n", "</history>\n"
    assert part["text"].startswith(head)
    assert part["text"].endswith(tail)
    return str(part["text"][len(head) : -len(tail)])


# ---------------------------------------------------------------- grouping


@BOTH
def test_an_empty_list_gives_an_empty_list(formatter: OpenAIMultiAgentFormatter) -> None:
    assert formatter.format([]) == []


@BOTH
def test_a_conversation_is_one_user_message_without_a_name(
    formatter: OpenAIMultiAgentFormatter,
) -> None:
    made = formatter.format([OTHER, Msg.assistant("y", name="Bob")])
    assert made == [
        {"role": "user", "content": [text(f"{PROMPT}<history>\nAnn: x\nBob: y\n</history>\n")]}
    ]


@BOTH
def test_a_system_message_anywhere_stands_alone_and_splits_runs(
    formatter: OpenAIMultiAgentFormatter,
) -> None:
    made = formatter.format(
        [Msg.system("s"), Msg.system("t", name="小明"), OTHER, Msg.system("u"), OTHER]
    )
    assert [message["role"] for message in made] == ["system", "system", "user", "system", "user"]
    assert made[1] == {"role": "system", "content": "t", "name": "__"}
    for message in (made[2], made[4]):
        assert message["content"] == [text(f"{PROMPT}<history>\nx\n</history>\n")]


@BOTH
def test_every_run_bears_the_prompt(formatter: OpenAIMultiAgentFormatter) -> None:
    made = formatter.format([OTHER, CALL, RESULT, OTHER])
    assert [message["role"] for message in made] == ["user", "assistant", "tool", "user"]
    assert made[0] == made[3]


@BOTH
def test_a_tool_run_is_converted_as_by_the_chat_formatter(
    formatter: OpenAIMultiAgentFormatter,
) -> None:
    assert formatter.format([CALL, RESULT]) == [
        {
            "role": "assistant",
            "content": "",
            "name": "Bob",
            "tool_calls": [
                {"id": "c", "type": "function", "function": {"name": "f", "arguments": '{"a":1}'}}
            ],
        },
        {"role": "tool", "content": "r", "tool_call_id": "c"},
    ]


@BOTH
def test_an_assistant_with_only_a_result_is_conversation(
    formatter: OpenAIMultiAgentFormatter,
) -> None:
    message = Msg.assistant(ToolResultBlock("c", "f", "r"), name="Bob")
    assert history(formatter, message) == "Bob (f): r\n"


@BOTH
def test_a_bypassing_message_is_converted_as_by_the_chat_formatter(
    formatter: OpenAIMultiAgentFormatter,
) -> None:
    bypass = {BYPASS_HISTORY_MERGE: True}
    made = formatter.format(
        [
            OTHER,
            Msg.user("b", name="Bob", metadata=bypass),
            Msg.assistant([ThinkingBlock("t"), "c"], metadata=bypass),
            OTHER,
        ]
    )
    assert made[1] == {"role": "user", "content": "b", "name": "Bob"}
    assert made[2] == {"role": "assistant", "content": "c", "reasoning_content": "t"}
    assert len(made) == 4


@BOTH
@pytest.mark.parametrize("value", [False, "true", 1, {}, None])
def test_bypass_is_honoured_for_the_boolean_true_alone(
    formatter: OpenAIMultiAgentFormatter, value: Any
) -> None:
    message = Msg.user("b", metadata={BYPASS_HISTORY_MERGE: value})
    assert len(formatter.format([OTHER, message])) == 1


@BOTH
def test_a_bypassing_tool_turn_stays_a_tool_turn(formatter: OpenAIMultiAgentFormatter) -> None:
    bypass = {BYPASS_HISTORY_MERGE: True}
    made = formatter.format([CALL.with_metadata(bypass), RESULT.with_metadata(bypass)])
    assert made == formatter.format([CALL, RESULT])


@BOTH
@pytest.mark.parametrize("prompt", ["", "P\n", "no newline"])
def test_a_custom_prompt_stands_before_every_run(
    formatter: OpenAIMultiAgentFormatter, prompt: str
) -> None:
    custom = OpenAIMultiAgentFormatter(history_prompt=prompt, quirks=formatter.quirks)
    made = custom.format([OTHER, CALL, RESULT, OTHER])
    wanted = [text(f"{prompt}<history>\nx\n</history>\n")]
    assert made[0]["content"] == made[3]["content"] == wanted


# ---------------------------------------------------------------- lines


@BOTH
def test_a_single_message_has_no_prefix(formatter: OpenAIMultiAgentFormatter) -> None:
    message = Msg.assistant(["a", HintBlock("h"), ThinkingBlock("t")], name="Bob")
    assert history(formatter, message) == "a\nh\n[Thinking]: t\n"


@BOTH
@pytest.mark.parametrize(
    ("name", "prefix"),
    [("Bob", "Bob: "), (None, ""), ("", ""), ("小明 x", "小明 x: "), (" ", " : ")],
)
def test_several_messages_have_the_raw_name_as_prefix(
    formatter: OpenAIMultiAgentFormatter, name: str | None, prefix: str
) -> None:
    message = Msg.assistant(["a", "", HintBlock("h"), ThinkingBlock("t")], name=name)
    assert history(formatter, OTHER, message) == (
        f"Ann: x\n{prefix}a\n{prefix}\n{prefix}h\n{prefix}[Thinking]: t\n"
    )


def test_an_empty_thought_leaves_a_dangling_prefix_in_java() -> None:
    message = Msg.assistant([ThinkingBlock(""), "said"], name="Bob")
    assert history(JAVA, OTHER, message) == "Ann: x\nBob: Bob: said\n"
    assert history(DEFAULT, OTHER, message) == "Ann: x\nBob: said\n"


@BOTH
def test_an_empty_thought_without_a_prefix_adds_nothing(
    formatter: OpenAIMultiAgentFormatter,
) -> None:
    assert history(formatter, Msg.assistant([ThinkingBlock(""), "said"], name="Bob")) == "said\n"
    unnamed = Msg.assistant([ThinkingBlock(""), "said"])
    assert history(formatter, OTHER, unnamed) == "Ann: x\nsaid\n"


def test_a_null_hint_is_the_word_null_in_java() -> None:
    message = Msg.assistant([HintBlock(), "a"], name="Bob")
    assert history(JAVA, message) == "null\na\n"
    assert history(JAVA, OTHER, message) == "Ann: x\nBob: null\nBob: a\n"
    assert history(DEFAULT, OTHER, message) == "Ann: x\nBob: a\n"


@BOTH
@pytest.mark.parametrize(
    ("name", "block", "line"),
    [
        ("Bob", ToolResultBlock("c", "f", "r"), "Bob (f): r\n"),
        ("Bob", ToolResultBlock("c", "f", ["r", "s"]), "Bob (f): - r\n- s\n"),
        ("Bob", ToolResultBlock("c", "f"), "Bob (f): [Empty tool result]\n"),
        ("Bob", ToolResultBlock("c", "f", ""), "Bob (f): [Empty tool result]\n"),
        (None, ToolResultBlock("c", "f", "r"), "null (f): r\n"),
        ("", ToolResultBlock("c", "f", "r"), " (f): r\n"),
        ("Bob", ToolResultBlock("c", None, "r"), "Bob (null): r\n"),
        (
            "Bob",
            ToolResultBlock("c", "f", [ImageBlock(IMAGE)]),
            f"Bob (f): The returned image can be found at: {IMAGE}\n",
        ),
    ],
)
def test_a_result_has_its_own_line(
    formatter: OpenAIMultiAgentFormatter, name: str | None, block: ToolResultBlock, line: str
) -> None:
    message = Msg.assistant(block, name=name)
    assert history(formatter, message) == line
    assert history(formatter, OTHER, message) == f"Ann: x\n{line}"


@BOTH
def test_messages_without_blocks_add_nothing_but_count(
    formatter: OpenAIMultiAgentFormatter,
) -> None:
    assert history(formatter, Msg.user([], name="Ann")) == ""
    assert history(formatter, Msg.user([]), OTHER) == "Ann: x\n"


# ---------------------------------------------------------------- media


@BOTH
def test_media_cut_the_history_and_have_no_line(formatter: OpenAIMultiAgentFormatter) -> None:
    (made,) = formatter.format(
        [
            Msg.user(["a", ImageBlock(IMAGE), "b"], name="Ann"),
            Msg.assistant([ImageBlock(IMAGE), VideoBlock("https://ex.org/v")], name="Bob"),
        ]
    )
    assert made["content"] == [
        text(f"{PROMPT}<history>\nAnn: a\n"),
        IMAGE_PART,
        text("Ann: b\n"),
        IMAGE_PART,
        {"type": "video_url", "video_url": {"url": "https://ex.org/v"}},
        text("</history>\n"),
    ]


@BOTH
def test_audio_and_data_are_parts(formatter: OpenAIMultiAgentFormatter) -> None:
    audio = AudioBlock(Base64Source(media_type="audio/wav", data="AAAA"))
    data = DataBlock(URLSource("https://ex.org/x", mime_type="image/png"))
    (made,) = formatter.format([Msg.user([audio, data], name="Ann")])
    assert made["content"][1:3] == [
        {"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}},
        {"type": "image_url", "image_url": {"url": "https://ex.org/x"}},
    ]


EMPTY_PNG = Base64Source(media_type="image/png", data="")
FAILED = [
    (ImageBlock(""), "[Image - processing failed: URLSource has null or empty URL]"),
    (ImageBlock(EMPTY_PNG), "[Image - processing failed: Base64Source has null or empty data]"),
    (VideoBlock(""), "[Video - processing failed: URLSource has null or empty URL]"),
    (VideoBlock(), "[Video - null source]"),
    (AudioBlock("https://ex.org/a"), "[Audio URL: https://ex.org/a]"),
    (AudioBlock(""), "[Audio - null or empty URL]"),
    (AudioBlock(Base64Source(media_type="audio/wav", data="")), "[Audio - null or empty data]"),
    (
        DataBlock(Base64Source(media_type="text/plain", data="A")),
        "[Media - unsupported MIME type: text/plain]",
    ),
    (
        DataBlock("https://ex.org/x"),
        (
            "[Media - processing failed: Cannot determine MIME type for URL 'https://ex.org/x'; "
            "set URLSource.mimeType explicitly]"
        ),
    ),
    (DataBlock("https://ex.org/a.wav"), "[Audio URL: https://ex.org/a.wav]"),
]


@BOTH
@pytest.mark.parametrize(("block", "said"), FAILED)
def test_failures_go_to_the_text_behind_a_cut(
    formatter: OpenAIMultiAgentFormatter, block: Any, said: str
) -> None:
    (made,) = formatter.format([Msg.user(["a", block, "b"], name="Ann")])
    assert made["content"] == [
        text(f"{PROMPT}<history>\na\n"),
        text(f"{said}\nb\n</history>\n"),
    ]
    (made,) = formatter.format([OTHER, Msg.user(["a", block, "b"], name="Bob")])
    assert made["content"] == [
        text(f"{PROMPT}<history>\nAnn: x\nBob: a\n"),
        text(f"Bob: {said}\nBob: b\n</history>\n"),
    ]


@BOTH
def test_media_of_tool_runs_follow_the_chat_formatter(
    formatter: OpenAIMultiAgentFormatter,
) -> None:
    made = formatter.format([CALL, Msg.tool_result("c", "f", [ImageBlock(IMAGE)])])
    assert made[1]["content"] == [IMAGE_PART]


def test_several_results_are_the_first_in_java_and_all_otherwise() -> None:
    message = Msg.tool([ToolResultBlock("c1", "f", "1"), ToolResultBlock("c2", "g", "2")])
    assert [item["tool_call_id"] for item in JAVA.format([message])] == ["c1"]
    assert [item["tool_call_id"] for item in DEFAULT.format([message])] == ["c1", "c2"]


def test_a_tool_message_without_a_result_gets_an_id() -> None:
    assert JAVA.format([Msg.tool("a")]) == [
        {"role": "tool", "content": "a", "tool_call_id": "tool_call_123"}
    ]


# ---------------------------------------------------------------- marks


def test_java_honours_manual_marks_but_those_of_merged_messages() -> None:
    bypassing = OTHER.with_metadata({BYPASS_HISTORY_MERGE: True})
    messages = [
        message.with_cache_control()
        for message in (Msg.system("s"), OTHER, CALL, RESULT, bypassing)
    ]
    made = JAVA.format(messages)
    assert ["cache_control" in message for message in made] == [True, False, True, True, True]
    assert all(
        list(message)[-1] == "cache_control" for message in made if "cache_control" in message
    )


def test_default_carries_a_mark_of_a_merged_message_to_the_run() -> None:
    (made,) = DEFAULT.format([OTHER.with_cache_control(), OTHER])
    assert made["content"][-1]["cache_control"] == EPHEMERAL


# ---------------------------------------------------------------- append-only layout


def test_append_only_parts_hold_the_merged_text() -> None:
    formatter = OpenAIMultiAgentFormatter(history_layout="append_only")
    messages = [OTHER, Msg.assistant([], name="Bob"), Msg.assistant("y", name="Bob")]
    made = [part["text"] for message in formatter.format(messages) for part in message["content"]]
    assert made == [f"{PROMPT}<history>\nAnn: x\n", "Bob: y\n", "</history>\n"]


def test_append_only_gives_messages_where_the_provider_reuses_at_message_ends() -> None:
    host = "dashscope.aliyuncs.com"
    formatter = OpenAIMultiAgentFormatter(history_layout="append_only", host=host)
    made = formatter.format([OTHER, Msg.assistant("y", name="Bob")], model="qwen-plus")
    assert [message["content"] for message in made] == [
        [text(f"{PROMPT}<history>\nAnn: x\n")],
        [text("Bob: y\n")],
        [text("</history>\n")],
    ]


def test_an_unknown_layout_is_an_error() -> None:
    with pytest.raises(OptionError, match="history_layout"):
        OpenAIMultiAgentFormatter(history_layout="other")  # type: ignore[arg-type]
