"""OpenAI's chat formatter: facts of agentscope-java at c2d43f86 (2026-08-22), sections 2, 3, 6, 9."""

from __future__ import annotations

import json
from typing import Any

import pytest

from wiremark import (
    AudioBlock,
    Base64Source,
    DataBlock,
    HintBlock,
    ImageBlock,
    MediaPolicy,
    Msg,
    OpenAIBaseFormatter,
    OpenAIChatFormatter,
    Quirks,
    TextBlock,
    ThinkingBlock,
    ToolResultBlock,
    ToolUseBlock,
    URLSource,
    VideoBlock,
)
from wiremark.errors import FormatError
from wiremark.messages import ReasoningDetail, read_message

JAVA = OpenAIChatFormatter(quirks=Quirks.JAVA, clock=lambda: 123)
DEFAULT = OpenAIChatFormatter()
BOTH = pytest.mark.parametrize("formatter", [JAVA, DEFAULT], ids=["java", "default"])

IMAGE = "https://ex.org/1.png"
EPHEMERAL = {"type": "ephemeral"}


def one(formatter: OpenAIBaseFormatter, message: Msg) -> dict[str, Any]:
    (made,) = formatter.format([message])
    return made


def base64(mime: str, data: str = "AAAA") -> Base64Source:
    return Base64Source(media_type=mime, data=data)


def text(said: str) -> dict[str, Any]:
    return {"type": "text", "text": said}


# ---------------------------------------------------------------- system and user


@BOTH
def test_an_empty_list_gives_an_empty_list(formatter: OpenAIChatFormatter) -> None:
    assert formatter.format([]) == []


@BOTH
@pytest.mark.parametrize(
    ("texts", "joined"),
    [([], ""), ([""], ""), (["", "x"], "\nx"), (["x", ""], "x\n"), (["a", "", "b"], "a\n\nb")],
)
@pytest.mark.parametrize("make", [Msg.system, Msg.assistant])
def test_texts_are_joined_with_empty_ones(
    formatter: OpenAIChatFormatter, make: Any, texts: list[str], joined: str
) -> None:
    assert one(formatter, make([TextBlock(item) for item in texts]))["content"] == joined


@BOTH
def test_tool_message_without_a_result_joins_texts(formatter: OpenAIChatFormatter) -> None:
    assert one(formatter, Msg.tool(["", "a", HintBlock("h")]))["content"] == "\na\nh"


@BOTH
def test_one_text_of_a_user_is_a_string(formatter: OpenAIChatFormatter) -> None:
    assert one(formatter, Msg.user("x")) == {"role": "user", "content": "x"}
    assert one(formatter, Msg.user("")) == {"role": "user", "content": ""}


@BOTH
def test_several_texts_of_a_user_are_parts(formatter: OpenAIChatFormatter) -> None:
    assert one(formatter, Msg.user(["a", "", "b"]))["content"] == [text("a"), text(""), text("b")]


@BOTH
@pytest.mark.parametrize("content", [[], [VideoBlock()]])
def test_a_user_message_without_parts_has_empty_content(
    formatter: OpenAIChatFormatter, content: Any
) -> None:
    assert one(formatter, Msg.user(content)) == {"role": "user", "content": ""}


@BOTH
@pytest.mark.parametrize(
    ("name", "sent"),
    [
        ("Ann", "Ann"),
        ("a_b-C9", "a_b-C9"),
        ("小明", "__"),
        ("🤖bot", "_bot"),
        ("", "agent"),
        ("   ", "___"),
        ("a.b c", "a_b_c"),
        ("é", "_"),
        ("e\u0301", "e_"),
        ("x\ny", "x_y"),
        ("١", "_"),
        ("x" * 64, "x" * 64),
        ("x" * 65, "x" * 64),
        ("小" * 70, "_" * 64),
        ("🤖" * 70, "_" * 64),
    ],
)
@pytest.mark.parametrize("make", [Msg.user, Msg.system, Msg.assistant])
def test_names_are_made_safe(
    formatter: OpenAIChatFormatter, make: Any, name: str, sent: str
) -> None:
    made = one(formatter, make("x", name=name))
    assert json.dumps(made) == json.dumps({"role": made["role"], "content": "x", "name": sent})


@BOTH
def test_a_null_name_is_left_out(formatter: OpenAIChatFormatter) -> None:
    for make in (Msg.user, Msg.system, Msg.assistant):
        assert "name" not in one(formatter, make("x"))


# ---------------------------------------------------------------- assistant


@BOTH
def test_assistant_content_is_a_string_and_never_absent(formatter: OpenAIChatFormatter) -> None:
    assert one(formatter, Msg.assistant([])) == {"role": "assistant", "content": ""}
    assert one(formatter, Msg.assistant(ToolUseBlock("c", "f")))["content"] == ""
    assert one(formatter, Msg.assistant(["a", HintBlock("h"), "b"]))["content"] == "a\nh\nb"


def test_a_null_hint_is_the_word_null_in_java() -> None:
    for make in (Msg.assistant, Msg.tool):
        assert one(JAVA, make(HintBlock()))["content"] == "null"
        assert one(JAVA, make(["a", HintBlock(), "b"]))["content"] == "a\nnull\nb"
        assert one(DEFAULT, make(HintBlock()))["content"] == ""
        assert one(DEFAULT, make(["a", HintBlock(), "b"]))["content"] == "a\nb"


@BOTH
def test_texts_of_results_are_inlined(formatter: OpenAIChatFormatter) -> None:
    result = ToolResultBlock("c", "f", ["r", ImageBlock(IMAGE), HintBlock("h"), "", "s"])
    assert one(formatter, Msg.assistant(["a", result, "b"]))["content"] == "a\nr\n\ns\nb"


def test_assistant_media_are_not_sent_and_named_in_the_plan() -> None:
    message = Msg.assistant(["a", ImageBlock(IMAGE), AudioBlock(base64("audio/wav"))])
    assert one(JAVA, message)["content"] == "a"
    assert one(DEFAULT, message)["content"] == "a"
    assert [finding.path for finding in DEFAULT.explain([message]).findings] == [
        "messages[0].content[1]",
        "messages[0].content[2]",
    ]


def test_a_provider_that_takes_assistant_media_gets_them() -> None:
    class Vendor(OpenAIBaseFormatter):
        assistant_media = True

    message = Msg.assistant(["a", ImageBlock(IMAGE)])
    assert one(Vendor(), message)["content"] == [
        text("a"),
        {"type": "image_url", "image_url": {"url": IMAGE}},
    ]


@BOTH
@pytest.mark.parametrize(
    ("blocks", "said"),
    [
        ([ThinkingBlock("t")], "t"),
        ([ThinkingBlock("t"), ThinkingBlock("u")], "t"),
        (["a", ThinkingBlock("t")], "t"),
        ([ThinkingBlock(""), ThinkingBlock("u")], None),
        ([ThinkingBlock(""), "a"], None),
        (["a"], None),
    ],
)
def test_reasoning_is_the_first_thought_if_it_says_something(
    formatter: OpenAIChatFormatter, blocks: list[Any], said: str | None
) -> None:
    assert one(formatter, Msg.assistant(blocks)).get("reasoning_content") == said


@BOTH
def test_thoughts_of_other_roles_are_not_sent(formatter: OpenAIChatFormatter) -> None:
    assert one(formatter, Msg.tool([ThinkingBlock("t"), "a"])) | {"tool_call_id": ""} == {
        "role": "tool",
        "content": "a",
        "tool_call_id": "",
    }


@BOTH
def test_assistant_keys_are_in_order(formatter: OpenAIChatFormatter) -> None:
    detail = ReasoningDetail(index=1, format="f", text="t", data="d", type="y", id="i", extra=None)
    message = Msg.assistant(
        [
            ThinkingBlock("t", metadata={"reasoningDetails": [detail]}),
            ToolUseBlock("c", "f", metadata={"thoughtSignature": "s"}),
            "a",
        ],
        name="Bob",
    )
    made = one(formatter, message)
    assert list(made) == [
        "role",
        "content",
        "name",
        "tool_calls",
        "reasoning_content",
        "reasoning_details",
    ]
    assert list(made["tool_calls"][0]) == ["id", "type", "function"]
    assert list(made["tool_calls"][0]["function"]) == ["name", "arguments", "thought_signature"]
    assert list(made["reasoning_details"][0]) == ["id", "type", "data", "text", "format", "index"]


# ---------------------------------------------------------------- reasoning details


DETAIL = {"id": "i", "type": "reasoning.text", "text": "t"}


def test_stored_reasoning_details_are_lost_in_java_and_sent_otherwise() -> None:
    message = Msg.assistant([ThinkingBlock("t", metadata={"reasoningDetails": [DETAIL]}), "a"])
    assert "reasoning_details" not in one(JAVA, message)
    assert one(DEFAULT, message)["reasoning_details"] == [DETAIL]


@BOTH
def test_fresh_reasoning_details_are_sent(formatter: OpenAIChatFormatter) -> None:
    metadata = {"reasoningDetails": [ReasoningDetail(DETAIL)]}
    message = Msg.assistant([ThinkingBlock("", metadata=metadata), "a"])
    made = one(formatter, message)
    assert made["reasoning_details"] == [DETAIL]
    assert "reasoning_content" not in made


@BOTH
def test_only_the_first_thoughts_details_count(formatter: OpenAIChatFormatter) -> None:
    metadata = {"reasoningDetails": [ReasoningDetail(DETAIL)]}
    message = Msg.assistant([ThinkingBlock("a"), ThinkingBlock("b", metadata=metadata)])
    assert "reasoning_details" not in one(formatter, message)


@BOTH
def test_details_of_calls_replace_those_of_the_thought(formatter: OpenAIChatFormatter) -> None:
    own = ReasoningDetail(id="c", type="reasoning.encrypted", data="d")
    message = Msg.assistant(
        [
            ThinkingBlock("t", metadata={"reasoningDetails": [ReasoningDetail(DETAIL)]}),
            ToolUseBlock("c", "f", metadata={"reasoningDetail": own}),
        ]
    )
    assert one(formatter, message)["reasoning_details"] == [dict(own)]


@BOTH
def test_a_call_that_is_not_sent_brings_no_details(formatter: OpenAIChatFormatter) -> None:
    own = ReasoningDetail(id="c", type="reasoning.encrypted", data="d")
    message = Msg.assistant(
        [
            ThinkingBlock("t", metadata={"reasoningDetails": [ReasoningDetail(DETAIL)]}),
            ToolUseBlock(None, "f", metadata={"reasoningDetail": own}),
        ]
    )
    assert one(formatter, message)["reasoning_details"] == [DETAIL]


# ---------------------------------------------------------------- tool calls


@BOTH
def test_calls_are_sent_with_their_arguments(formatter: OpenAIChatFormatter) -> None:
    message = Msg.assistant(
        [
            "a",
            ToolUseBlock("c", "f", {"x": 1}, content='{ "x": 2 }'),
            ToolUseBlock("d", "g", {"x": 1}, content="[1]"),
        ]
    )
    assert one(formatter, message)["tool_calls"] == [
        {"id": "c", "type": "function", "function": {"name": "f", "arguments": '{ "x": 2 }'}},
        {"id": "d", "type": "function", "function": {"name": "g", "arguments": '{"x":1}'}},
    ]


@BOTH
def test_calls_without_id_or_name_are_skipped(formatter: OpenAIChatFormatter) -> None:
    message = Msg.assistant(
        [ToolUseBlock(None, "f"), ToolUseBlock("c"), ToolUseBlock("", ""), ToolUseBlock("d", "g")]
    )
    assert [call["id"] for call in one(formatter, message)["tool_calls"]] == ["", "d"]


def test_java_sends_an_empty_list_when_all_calls_are_skipped() -> None:
    made = one(JAVA, Msg.assistant(ToolUseBlock(None, "f")))
    assert made == {"role": "assistant", "content": "", "tool_calls": []}


def test_a_body_of_the_default_holds_no_empty_list_of_calls() -> None:
    # An empty list is refused: https://github.com/openai/openai-python/issues/2061
    made = one(DEFAULT, Msg.assistant(["a", ToolUseBlock(None, "f")]))
    assert made == {"role": "assistant", "content": "a"}


@BOTH
@pytest.mark.parametrize(
    ("given", "sent"),
    [
        ([None, None], [None, None]),
        (["s", None], ["s", "s"]),
        ([None, "s"], ["s", "s"]),
        (["s", "t", None], ["s", "t", "s"]),
        (["", None], ["", ""]),
        (["", "s", None], ["", "s", "s"]),
        ([None, "", "s"], ["s", "", "s"]),
        ([7, None], [None, None]),
        ([7, "s"], ["s", "s"]),
    ],
)
def test_thought_signatures_are_shared_with_calls_that_lack_one(
    formatter: OpenAIChatFormatter, given: list[Any], sent: list[str | None]
) -> None:
    blocks = [
        ToolUseBlock(f"c{number}", "f", metadata={} if mine is None else {"thoughtSignature": mine})
        for number, mine in enumerate(given)
    ]
    calls = one(formatter, Msg.assistant(blocks))["tool_calls"]
    assert [call["function"].get("thought_signature") for call in calls] == sent


# ---------------------------------------------------------------- tool messages


@BOTH
def test_a_result_is_sent_without_the_tools_name(formatter: OpenAIChatFormatter) -> None:
    made = one(formatter, Msg.tool_result("c", "f", "r", name="Tool"))
    assert json.dumps(made) == json.dumps({"role": "tool", "content": "r", "tool_call_id": "c"})


@BOTH
@pytest.mark.parametrize(
    ("output", "content"),
    [
        ([], ""),
        (["a", "b"], "- a\n- b"),
        ([HintBlock("h"), ThinkingBlock("t")], ""),
        ([ToolResultBlock("i", "n", "deep")], ""),
        ([ImageBlock(IMAGE)], [{"type": "image_url", "image_url": {"url": IMAGE}}]),
        (
            ["t", ImageBlock(base64("image/png")), HintBlock("h"), "u"],
            [
                text("t"),
                {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}},
                text("u"),
            ],
        ),
        ([VideoBlock()], []),
        (["t", VideoBlock()], [text("t")]),
        ([AudioBlock("https://ex.org/a.wav")], [text("[Audio URL: https://ex.org/a.wav]")]),
        ([DataBlock(base64("text/plain"))], [text("[Media - unsupported MIME type: text/plain]")]),
    ],
)
def test_results_with_media_are_parts_and_others_text(
    formatter: OpenAIChatFormatter, output: list[Any], content: Any
) -> None:
    assert one(formatter, Msg.tool(ToolResultBlock("c", "f", output)))["content"] == content


@pytest.mark.parametrize("content", [[ToolResultBlock(None, "f", "r")], ["plain"], []])
def test_a_missing_call_id_is_from_the_clock_in_java_and_derived_otherwise(content: Any) -> None:
    message = Msg.tool(content)
    assert one(JAVA, message)["tool_call_id"] == "tool_call_123"
    made = one(DEFAULT, message)["tool_call_id"]
    assert made.startswith("call_")
    assert made == one(OpenAIChatFormatter(), message)["tool_call_id"]


def test_derived_call_ids_differ_by_position() -> None:
    made = DEFAULT.format([Msg.tool("x"), Msg.tool("x")])
    assert made[0]["tool_call_id"] != made[1]["tool_call_id"]


def test_a_derived_call_id_depends_on_nothing_that_is_not_sent() -> None:
    plain = one(DEFAULT, Msg.tool(ToolResultBlock(None, "f", ["r"])))
    for block in (
        ToolResultBlock(None, "f", ["r"], state="success"),
        ToolResultBlock(None, "f", ["r"], metadata={"k": 1}),
        ToolResultBlock(None, "f", ["r"], cache_control=False),
        ToolResultBlock(None, "f", [TextBlock("r", cache_control=False)]),
    ):
        assert one(DEFAULT, Msg.tool(block)) == plain


@BOTH
def test_an_empty_call_id_is_kept(formatter: OpenAIChatFormatter) -> None:
    assert one(formatter, Msg.tool(ToolResultBlock("", "f", "r")))["tool_call_id"] == ""


def test_several_results_are_the_first_in_java_and_all_otherwise() -> None:
    message = Msg.tool(
        ["t", ToolResultBlock("c1", "f", "1"), ToolResultBlock("c2", "g", [ImageBlock(IMAGE)])]
    )
    assert [item["tool_call_id"] for item in JAVA.format([message])] == ["c1"]
    made = DEFAULT.format([message])
    assert [item["tool_call_id"] for item in made] == ["c1", "c2"]
    assert isinstance(made[1]["content"], list)
    assert DEFAULT.explain([message]).findings[0].path == "messages[0].content[0]"


# ---------------------------------------------------------------- media


def part(formatter: OpenAIChatFormatter, block: Any) -> Any:
    (made,) = one(formatter, Msg.user([block]))["content"]
    return made


URLS = [
    IMAGE,
    "https://ex.org/x",
    "https://ex.org/1.bmp",
    "/no/such/file.png",
    "file:///no/such.png",
    "data:image/png;base64,AAAA",
    "oss://b/x",
    "x y",
]


@BOTH
@pytest.mark.parametrize("url", URLS)
def test_image_and_video_urls_pass_unchanged(formatter: OpenAIChatFormatter, url: str) -> None:
    image = ImageBlock(url, min_pixels=1)
    assert part(formatter, image) == {"type": "image_url", "image_url": {"url": url}}
    video = VideoBlock(url, fps=1.0, max_frames=2)
    assert part(formatter, video) == {"type": "video_url", "video_url": {"url": url}}


def test_an_existing_local_path_passes_unread_without_a_policy(tmp_path: Any) -> None:
    path = tmp_path / "1.png"
    path.write_bytes(b"x")
    for formatter in (JAVA, DEFAULT):
        assert part(formatter, ImageBlock(str(path)))["image_url"]["url"] == str(path)
    allowed = OpenAIChatFormatter(media=MediaPolicy(roots=[tmp_path]))
    assert part(allowed, ImageBlock(str(path)))["image_url"]["url"] == "data:image/png;base64,eA=="


@BOTH
@pytest.mark.parametrize(("block", "kind"), [(ImageBlock, "image_url"), (VideoBlock, "video_url")])
def test_base64_images_and_videos_are_data_urls(
    formatter: OpenAIChatFormatter, block: Any, kind: str
) -> None:
    for mime in ("image/png", "", "x"):
        made = part(formatter, block(base64(mime, "not checked")))
        assert made == {"type": kind, kind: {"url": f"data:{mime};base64,not checked"}}


@BOTH
@pytest.mark.parametrize(
    ("block", "said"),
    [
        (ImageBlock(""), "[Image - processing failed: URLSource has null or empty URL]"),
        (VideoBlock(""), "[Video - processing failed: URLSource has null or empty URL]"),
        (
            ImageBlock(base64("image/png", "")),
            "[Image - processing failed: Base64Source has null or empty data]",
        ),
        (
            VideoBlock(base64("video/mp4", "")),
            "[Video - processing failed: Base64Source has null or empty data]",
        ),
        (AudioBlock(base64("audio/wav", "")), "[Audio - data missing]"),
        (AudioBlock(""), "[Audio URL - missing]"),
        (AudioBlock("https://ex.org/a.wav"), "[Audio URL: https://ex.org/a.wav]"),
        (AudioBlock("/no/such.wav"), "[Audio URL: /no/such.wav]"),
        (AudioBlock("data:audio/wav;base64,A"), "[Audio URL: data:audio/wav;base64,A]"),
        (
            DataBlock("https://ex.org/x"),
            (
                "[Media - processing failed: Cannot determine MIME type for URL 'https://ex.org/x'; "
                "set URLSource.mimeType explicitly]"
            ),
        ),
        (DataBlock(base64("text/plain")), "[Media - unsupported MIME type: text/plain]"),
        (DataBlock(base64("")), "[Media - unsupported MIME type: ]"),
        (DataBlock(base64("IMAGE/png")), "[Media - unsupported MIME type: IMAGE/png]"),
        (DataBlock("https://ex.org/a.wav"), "[Audio URL: https://ex.org/a.wav]"),
        (
            ImageBlock({"type": "Source"}),
            "[Image - processing failed: Unknown source type: class io.agentscope.core.message.Source]",
        ),
    ],
)
def test_media_that_cannot_be_sent_become_texts(
    formatter: OpenAIChatFormatter, block: Any, said: str
) -> None:
    assert part(formatter, block) == text(said)


@BOTH
@pytest.mark.parametrize(
    ("mime", "format_"),
    [
        ("audio/wav", "wav"),
        ("audio/x-wav;rate=1", "wav"),
        ("audio/mp3", "mp3"),
        ("audio/mpeg", "mp3"),
        ("audio/opus", "opus"),
        ("audio/flac", "flac"),
        ("AUDIO/WAV", "mp3"),
        ("", "mp3"),
        ("audio/ogg", "mp3"),
        ("wav+mp3", "wav"),
        ("audio/mp3-flac", "mp3"),
    ],
)
def test_audio_format_comes_from_the_mime_text(
    formatter: OpenAIChatFormatter, mime: str, format_: str
) -> None:
    wanted = {"type": "input_audio", "input_audio": {"data": "AAAA", "format": format_}}
    assert json.dumps(part(formatter, AudioBlock(base64(mime)))) == json.dumps(wanted)


@BOTH
def test_data_take_their_kind_from_the_mime_type(formatter: OpenAIChatFormatter) -> None:
    assert part(formatter, DataBlock(IMAGE))["type"] == "image_url"
    assert part(formatter, DataBlock("https://ex.org/v.mov"))["type"] == "video_url"
    hinted = DataBlock(URLSource("https://ex.org/x.pdf", mime_type="image/bmp"))
    assert part(formatter, hinted) == {
        "type": "image_url",
        "image_url": {"url": "https://ex.org/x.pdf"},
    }
    assert part(formatter, DataBlock(base64("audio/flac")))["input_audio"]["format"] == "flac"
    assert part(formatter, DataBlock(base64("audio/wav", "")))["input_audio"] == {
        "data": "",
        "format": "wav",
    }


@BOTH
def test_user_media_and_texts_are_parts_in_order(formatter: OpenAIChatFormatter) -> None:
    made = one(formatter, Msg.user(["a", ImageBlock(IMAGE), "b"], name="Ann"))
    assert [item["type"] for item in made["content"]] == ["text", "image_url", "text"]
    assert list(made) == ["role", "content", "name"]


# ---------------------------------------------------------------- marks


@pytest.mark.parametrize(
    "message",
    [
        Msg.user("x", name="Ann"),
        Msg.system("x"),
        Msg.assistant([ThinkingBlock("t"), ToolUseBlock("c", "f")]),
        Msg.tool_result("c", "f", "x"),
        Msg.user(ImageBlock(IMAGE)),
    ],
)
def test_java_sets_a_manual_mark_as_the_last_key_of_the_message(message: Msg) -> None:
    (plain,) = JAVA.format([message])
    (made,) = JAVA.format([message.with_cache_control()])
    assert json.dumps(made) == json.dumps({**plain, "cache_control": EPHEMERAL})


@pytest.mark.parametrize("value", ["true", "TRUE", 1, {}, {"type": "ephemeral"}, False, 0, ""])
def test_java_honours_the_boolean_true_alone(value: Any) -> None:
    made = one(JAVA, Msg.user("x", metadata={"_cache_control": value}))
    assert made == {"role": "user", "content": "x"}


def test_java_marks_every_system_message_and_the_last() -> None:
    formatter = OpenAIChatFormatter(policy="system_and_last", quirks=Quirks.JAVA)
    messages = [Msg.system("a"), Msg.user("b"), Msg.system("c"), Msg.user("d"), Msg.user("e")]
    made = formatter.format(messages)
    assert ["cache_control" in message for message in made] == [True, False, True, False, True]
    assert formatter.format([]) == []


def test_default_without_host_or_model_writes_cache_control_on_the_block() -> None:
    made = one(DEFAULT, Msg.user("x").with_cache_control())
    assert made["content"] == [{"type": "text", "text": "x", "cache_control": EPHEMERAL}]


def test_default_writes_a_breakpoint_for_gpt_5_6_and_nothing_before() -> None:
    messages = [Msg.user("x").with_cache_control()]
    host = "api.openai.com"
    made = OpenAIChatFormatter(host=host).format(messages, model="gpt-5.6")
    assert made[0]["content"] == [
        {"type": "text", "text": "x", "prompt_cache_breakpoint": {"mode": "explicit"}}
    ]
    made = OpenAIChatFormatter(host=host).format(messages, model="gpt-4o")
    assert made == [{"role": "user", "content": "x"}]


# ---------------------------------------------------------------- input


@BOTH
def test_a_null_role_is_an_error(formatter: OpenAIChatFormatter) -> None:
    message = read_message({"content": [{"type": "text", "text": "x"}]})
    with pytest.raises(FormatError, match=r"messages\[0\]"):
        formatter.format([message])


@BOTH
def test_an_empty_base_block_adds_nothing(formatter: OpenAIChatFormatter) -> None:
    message = read_message({"role": "ASSISTANT", "content": [{"type": "ContentBlock"}]})
    assert one(formatter, message) == {"role": "assistant", "content": ""}


@BOTH
def test_ids_times_states_and_unknown_metadata_are_never_sent(
    formatter: OpenAIChatFormatter,
) -> None:
    plain = [Msg.assistant(ToolUseBlock("c", "f")), Msg.tool_result("c", "f", "r")]
    rich = [
        Msg.assistant(
            ToolUseBlock("c", "f", state="finished", metadata={"k": 1}),
            id="1",
            timestamp="t",
            metadata={"k": {"x": 1}},
            usage={"inputTokens": 1},
        ),
        Msg.tool(ToolResultBlock("c", "f", "r", state="error", metadata={"k": 1}), id="2"),
    ]
    assert formatter.format(rich) == formatter.format(plain)
