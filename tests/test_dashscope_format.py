"""DashScope's chat formatter: facts of agentscope-java at c2d43f86 (2026-08-22), sections 2 to 4."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from wiremark import (
    AudioBlock,
    Base64Source,
    DashScopeChatFormatter,
    DataBlock,
    HintBlock,
    ImageBlock,
    MediaPolicy,
    Msg,
    Quirks,
    TextBlock,
    ThinkingBlock,
    ToolResultBlock,
    ToolUseBlock,
    URLSource,
    VideoBlock,
)
from wiremark.errors import FormatError, MediaRefused, MessageError
from wiremark.messages import read_message

JAVA = DashScopeChatFormatter(quirks=Quirks.JAVA)
DEFAULT = DashScopeChatFormatter()
BOTH = pytest.mark.parametrize("formatter", [JAVA, DEFAULT], ids=["java", "default"])

IMAGE = "https://ex.org/1.png"


def one(formatter: DashScopeChatFormatter, message: Msg) -> dict[str, Any]:
    (made,) = formatter.format([message])
    return made


def one_multimodal(formatter: DashScopeChatFormatter, message: Msg) -> dict[str, Any]:
    (made,) = formatter.format_multimodal([message])
    return made


def base64(mime: str, data: str = "AAAA") -> Base64Source:
    return Base64Source(media_type=mime, data=data)


# ---------------------------------------------------------------- text layout


@BOTH
def test_an_empty_list_gives_an_empty_list(formatter: DashScopeChatFormatter) -> None:
    assert formatter.format([]) == []
    assert formatter.format_multimodal([]) == []


@BOTH
@pytest.mark.parametrize(
    ("make", "role"), [(Msg.user, "user"), (Msg.system, "system"), (Msg.assistant, "assistant")]
)
def test_role_is_lower_case_and_the_name_is_never_sent(
    formatter: DashScopeChatFormatter, make: Any, role: str
) -> None:
    assert one(formatter, make("x", name="Ann")) == {"role": role, "content": "x"}
    assert one_multimodal(formatter, make("x", name="Ann")) == {
        "role": role,
        "content": [{"text": "x"}],
    }


@BOTH
@pytest.mark.parametrize(
    ("texts", "joined"),
    [
        ([], ""),
        ([""], ""),
        (["", ""], ""),
        (["", "x"], "x"),
        (["", "", "x"], "x"),
        (["x", ""], "x\n"),
        (["x", "", "y"], "x\n\ny"),
        (["a", "b"], "a\nb"),
        ([" ", "x"], " \nx"),
        (["a\n", "b"], "a\n\nb"),
    ],
)
@pytest.mark.parametrize("make", [Msg.user, Msg.system, Msg.assistant, Msg.tool])
def test_texts_are_folded_and_leading_empty_ones_vanish(
    formatter: DashScopeChatFormatter, make: Any, texts: list[str], joined: str
) -> None:
    assert one(formatter, make([TextBlock(text) for text in texts]))["content"] == joined


@BOTH
@pytest.mark.parametrize("make", [Msg.assistant, Msg.tool])
def test_hints_are_folded_with_texts(formatter: DashScopeChatFormatter, make: Any) -> None:
    blocks = [HintBlock("h"), "t", HintBlock(""), HintBlock("i")]
    assert one(formatter, make(blocks))["content"] == "h\nt\n\ni"


def test_a_lone_null_hint_leaves_the_content_absent_in_java() -> None:
    assert one(JAVA, Msg.assistant(HintBlock())) == {"role": "assistant"}
    assert one(DEFAULT, Msg.assistant(HintBlock())) == {"role": "assistant", "content": ""}


def test_a_null_hint_behind_text_is_the_word_null_in_java() -> None:
    message = Msg.assistant(["t", HintBlock()])
    assert one(JAVA, message)["content"] == "t\nnull"
    assert one(DEFAULT, message)["content"] == "t"


@pytest.mark.parametrize(
    "blocks",
    [
        [HintBlock(), "t"],
        [HintBlock(), HintBlock("h")],
        [HintBlock(), HintBlock()],
        [HintBlock(), ToolUseBlock("c", "f")],
        [ToolUseBlock("c", "f"), HintBlock()],
    ],
)
def test_a_null_hint_before_text_or_beside_calls_is_an_error_in_java(blocks: list[Any]) -> None:
    with pytest.raises(FormatError, match=r"messages\[0\]"):
        one(JAVA, Msg.assistant(blocks))
    assert "null" not in json.dumps(one(DEFAULT, Msg.assistant(blocks)))


@BOTH
def test_thinking_is_never_sent(formatter: DashScopeChatFormatter) -> None:
    message = Msg.assistant([ThinkingBlock("secret"), "said"])
    assert one(formatter, message) == {"role": "assistant", "content": "said"}
    assert one(formatter, Msg.assistant(ThinkingBlock("secret"))) == {
        "role": "assistant",
        "content": "",
    }
    assert one_multimodal(formatter, message)["content"] == [{"text": "said"}]
    assert one_multimodal(formatter, Msg.assistant(ThinkingBlock("x")))["content"] == [{"text": ""}]


# ---------------------------------------------------------------- tool calls


@BOTH
def test_tool_calls_stand_beside_a_content_that_is_never_absent(
    formatter: DashScopeChatFormatter,
) -> None:
    message = Msg.assistant([ToolUseBlock("c1", "f", {"a": 1}), ToolUseBlock("c2", "g")])
    calls = [
        {"id": "c1", "type": "function", "function": {"name": "f", "arguments": '{"a":1}'}},
        {"id": "c2", "type": "function", "function": {"name": "g", "arguments": "{}"}},
    ]
    wanted = {"role": "assistant", "content": "", "tool_calls": calls}
    assert json.dumps(one(formatter, message)) == json.dumps(wanted)
    wanted = {"role": "assistant", "content": [{"text": ""}], "tool_calls": calls}
    assert json.dumps(one_multimodal(formatter, message)) == json.dumps(wanted)


@BOTH
def test_texts_around_a_call_are_folded(formatter: DashScopeChatFormatter) -> None:
    message = Msg.assistant(["a", ToolUseBlock("c", "f"), "b"])
    assert one(formatter, message)["content"] == "a\nb"


@BOTH
@pytest.mark.parametrize(
    ("block", "call"),
    [
        (
            ToolUseBlock(None, "f"),
            {"type": "function", "function": {"name": "f", "arguments": "{}"}},
        ),
        (ToolUseBlock("c"), {"id": "c", "type": "function", "function": {"arguments": "{}"}}),
        (ToolUseBlock(), {"type": "function", "function": {"arguments": "{}"}}),
        (
            ToolUseBlock("", ""),
            {"id": "", "type": "function", "function": {"name": "", "arguments": "{}"}},
        ),
    ],
)
def test_null_id_or_name_of_a_call_is_left_out(
    formatter: DashScopeChatFormatter, block: ToolUseBlock, call: dict[str, Any]
) -> None:
    made = one(formatter, Msg.assistant(block))["tool_calls"]
    assert json.dumps(made) == json.dumps([call])


VERBATIM = [
    '{"a":1}',
    ' { "a" : 1 } ',
    '{"a":1,"a":2}',
    '{"a":1} trailing',
    '{"a":1}{"b":2}',
    '{"a":1},',
    "{}",
    '{"a":"\\u00e9"}',
    '{"a":1e5}',
    '{"a":{"b":[1,null,true]}}',
    '\n\t{"a":1}\r\n',
]
NOT_AN_OBJECT = [
    "",
    " ",
    "\n",
    '{"a":1',
    '{"a":',
    "{",
    "[1]",
    '"text"',
    "7",
    "null",
    "true",
    "{'a':1}",
    '{"a":NaN}',
    '{"a":Infinity}',
    '{"a":1/*c*/}',
    '// c\n{"a":1}',
    '{"a":1,}',
    '{"a":01}',
    '{"a":+1}',
    '{"a":.5}',
    '\ufeff{"a":1}',
    '{"a":"\x01"}',
    '{"a":"x\ny"}',
    "{a:1}",
    "garbage",
]


@BOTH
@pytest.mark.parametrize("content", VERBATIM)
def test_raw_argument_text_with_an_object_is_sent_verbatim(
    formatter: DashScopeChatFormatter, content: str
) -> None:
    message = Msg.assistant(ToolUseBlock("c", "f", {"other": True}, content=content))
    assert one(formatter, message)["tool_calls"][0]["function"]["arguments"] == content


@BOTH
@pytest.mark.parametrize("content", NOT_AN_OBJECT)
@pytest.mark.parametrize(("given", "text"), [({"x": 1}, '{"x":1}'), ({}, "{}")])
def test_other_raw_argument_text_gives_way_to_the_input(
    formatter: DashScopeChatFormatter, content: str, given: dict[str, Any], text: str
) -> None:
    message = Msg.assistant(ToolUseBlock("c", "f", given, content=content))
    assert one(formatter, message)["tool_calls"][0]["function"]["arguments"] == text


@BOTH
def test_arguments_are_compact_json_with_raw_text(formatter: DashScopeChatFormatter) -> None:
    given = {"k": '城/\u2028\x7f"\\\b\f\n\r\t\x1f\x00'}
    message = Msg.assistant(ToolUseBlock("c", "f", given))
    wanted = '{"k":"城/\u2028\x7f\\"\\\\\\b\\f\\n\\r\\t\\u001F\\u0000"}'
    assert one(formatter, message)["tool_calls"][0]["function"]["arguments"] == wanted


@pytest.mark.parametrize(
    ("number", "java", "default"),
    [
        (1.0, "1.0", "1.0"),
        (0.001, "0.001", "0.001"),
        (0.0001, "1.0E-4", "0.0001"),
        (1000000.0, "1000000.0", "1000000.0"),
        (1e7, "1.0E7", "10000000.0"),
        (-0.0, "-0.0", "-0.0"),
        (1e23, "9.999999999999999E22", "1e+23"),
        (12345678901234567890123, "12345678901234567890123", "12345678901234567890123"),
    ],
)
def test_numbers_in_arguments_are_javas_or_the_shortest(
    number: float, java: str, default: str
) -> None:
    message = Msg.assistant(ToolUseBlock("c", "f", {"n": number}))
    for formatter, text in ((JAVA, java), (DEFAULT, default)):
        made = one(formatter, message)["tool_calls"][0]["function"]["arguments"]
        assert made == f'{{"n":{text}}}'


def test_arguments_are_in_hash_order_for_java_and_as_given_otherwise() -> None:
    given = {"zeta": {"y": 1, "x": 2}, "alpha": 2, "mid": 3}
    message = Msg.assistant(ToolUseBlock("c", "f", given))
    default = one(DEFAULT, message)["tool_calls"][0]["function"]["arguments"]
    assert default == '{"zeta":{"y":1,"x":2},"alpha":2,"mid":3}'
    java = one(JAVA, message)["tool_calls"][0]["function"]["arguments"]
    assert json.loads(java) == given
    assert '{"y":1,"x":2}' in java


@BOTH
def test_state_and_metadata_never_influence_what_is_sent(formatter: DashScopeChatFormatter) -> None:
    plain = Msg.assistant(ToolUseBlock("c", "f", {"a": 1}))
    for state in ("pending", "asking", "allowed", "submitted", "finished"):
        block = ToolUseBlock("c", "f", {"a": 1}, state=state, metadata={"thoughtSignature": "s"})
        message = Msg.assistant(block, id="m", timestamp="t", metadata={"unknown": True})
        assert formatter.format([message]) == formatter.format([plain])


# ---------------------------------------------------------------- tool results


@BOTH
@pytest.mark.parametrize(
    ("output", "text"),
    [
        ([], ""),
        ([""], ""),
        (["a"], "a"),
        (["a", "b"], "- a\n- b"),
        (["a", ""], "- a\n- "),
        (["a\nb", "c"], "- a\nb\n- c"),
        ([ImageBlock(IMAGE)], f"The returned image can be found at: {IMAGE}"),
        (
            [AudioBlock("https://ex.org/a.wav")],
            "The returned audio can be found at: https://ex.org/a.wav",
        ),
        (
            [VideoBlock("https://ex.org/v.mkv")],
            "The returned video can be found at: https://ex.org/v.mkv",
        ),
        ([DataBlock("x.pdf")], "The returned data can be found at: x.pdf"),
        ([ImageBlock("")], "The returned image can be found at: "),
        (["t", ImageBlock(IMAGE)], f"- t\n- The returned image can be found at: {IMAGE}"),
        ([VideoBlock()], "[video - unsupported source type]"),
        (["t", VideoBlock()], "- t\n- [video - unsupported source type]"),
        ([ImageBlock({"type": "Source"})], "[image - unsupported source type]"),
        ([DataBlock({"type": "Source"})], "[data - unsupported source type]"),
        ([HintBlock("h"), ThinkingBlock("t"), ToolUseBlock("c", "f")], ""),
        ([ToolResultBlock("c", "f", "deep")], ""),
        ([HintBlock("h"), "a"], "a"),
    ],
)
def test_tool_result_becomes_text(
    formatter: DashScopeChatFormatter, output: list[Any], text: str
) -> None:
    wanted = {"role": "tool", "content": text, "name": "f", "tool_call_id": "c"}
    made = one(formatter, Msg.tool(ToolResultBlock("c", "f", output)))
    assert json.dumps(made) == json.dumps(wanted)


@BOTH
@pytest.mark.parametrize(
    ("call_id", "name", "keys"),
    [
        (None, "f", ["role", "content", "name"]),
        ("c", None, ["role", "content", "tool_call_id"]),
        (None, None, ["role", "content"]),
        ("", "", ["role", "content", "name", "tool_call_id"]),
    ],
)
def test_null_id_or_name_of_a_result_is_left_out(
    formatter: DashScopeChatFormatter, call_id: str | None, name: str | None, keys: list[str]
) -> None:
    message = Msg.tool(ToolResultBlock(call_id, name, "r"))
    assert list(one(formatter, message)) == keys
    assert list(one_multimodal(formatter, message)) == keys


def test_several_results_in_one_message_are_the_first_in_java_and_all_otherwise() -> None:
    message = Msg.tool(
        [
            ToolResultBlock("c1", "f", "one"),
            ToolResultBlock("c2", "g", "two"),
            ToolResultBlock("c3", "h", "three"),
        ]
    )
    assert [item["tool_call_id"] for item in JAVA.format([message])] == ["c1"]
    made = DEFAULT.format([message])
    assert [(item["tool_call_id"], item["content"]) for item in made] == [
        ("c1", "one"),
        ("c2", "two"),
        ("c3", "three"),
    ]
    assert [item["tool_call_id"] for item in JAVA.format_multimodal([message])] == ["c1"]
    made = DEFAULT.format_multimodal([message])
    assert [item["content"] for item in made] == [
        [{"text": "one"}],
        [{"text": "two"}],
        [{"text": "three"}],
    ]


@BOTH
def test_text_and_hints_beside_a_result_are_not_sent_but_named(
    formatter: DashScopeChatFormatter,
) -> None:
    message = Msg.tool(["before", ToolResultBlock("c", "f", "r"), HintBlock("h")])
    assert one(formatter, message)["content"] == "r"
    assert [finding.path for finding in formatter.explain([message]).findings] == [
        "messages[0].content[0]",
        "messages[0].content[2]",
    ]


@BOTH
def test_tool_message_without_a_result_has_no_call_id(formatter: DashScopeChatFormatter) -> None:
    message = Msg.tool(["a", HintBlock("b")], name="f")
    assert one(formatter, message) == {"role": "tool", "content": "a\nb"}
    assert one_multimodal(formatter, message) == {"role": "tool", "content": [{"text": "a\nb"}]}


@BOTH
def test_results_in_an_assistant_message_are_dropped_from_text(
    formatter: DashScopeChatFormatter,
) -> None:
    message = Msg.assistant(["a", ToolResultBlock("c", "f", "r")])
    assert one(formatter, message) == {"role": "assistant", "content": "a"}
    assert formatter.explain([message]).findings[0].path == "messages[0].content[1]"


@BOTH
def test_results_in_an_assistant_message_are_parts_in_the_multimodal_layout(
    formatter: DashScopeChatFormatter,
) -> None:
    message = Msg.assistant(["a", ToolResultBlock("c", "f", ["r", "s"]), ToolResultBlock("d", "f")])
    assert one_multimodal(formatter, message)["content"] == [{"text": "a"}, {"text": "- r\n- s"}]


# ---------------------------------------------------------------- media of tool results in text


def stored(tmp_path: Path, mime: str, data: str = "AAAA", **settings: Any) -> str:
    formatter = DashScopeChatFormatter(media=MediaPolicy(tool_result_dir=tmp_path), **settings)
    content = one(formatter, Msg.tool_result("c", "f", [ImageBlock(base64(mime, data))]))["content"]
    assert isinstance(content, str)
    return content


@pytest.mark.parametrize(
    ("mime", "ending"),
    [
        ("image/png", ".png"),
        ("audio/wav;rate=16000", ".wav;rate=16000"),
        ("png", ".png"),
        ("image/svg+xml/x", ".svg+xml"),
        ("", "."),
    ],
)
def test_java_writes_a_new_temporary_file_at_each_call(
    tmp_path: Path, mime: str, ending: str
) -> None:
    said = [stored(tmp_path, mime, quirks=Quirks.JAVA) for _ in range(2)]
    assert said[0] != said[1]
    for text in said:
        path = Path(text.removeprefix("The returned image can be found at: "))
        assert path.parent == tmp_path
        assert path.name.startswith("agentscope_")
        assert path.name.endswith(ending)
        assert path.read_bytes() == b"\0\0\0"


def test_default_writes_one_file_named_by_its_content(tmp_path: Path) -> None:
    said = {stored(tmp_path, "image/png") for _ in range(3)}
    assert len(said) == 1
    assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize(
    ("mime", "data"), [("image/png", "!!!"), ("image/", "AAAA"), ("/", "AAAA")]
)
def test_bad_base64_or_mime_aborts_in_java_and_is_a_placeholder_otherwise(
    tmp_path: Path, mime: str, data: str
) -> None:
    with pytest.raises(FormatError):
        stored(tmp_path, mime, data, quirks=Quirks.JAVA)
    assert stored(tmp_path, mime, data).startswith("[Image - processing failed: ")


def test_media_of_results_are_inline_in_the_multimodal_layout() -> None:
    output: list[Any] = [
        "t",
        ImageBlock(base64("image/png")),
        HintBlock("h"),
        AudioBlock("https://ex.org/a"),
    ]
    wanted = [{"text": "t"}, {"image": "data:image/png;base64,AAAA"}, {"audio": "https://ex.org/a"}]
    for formatter in (JAVA, DEFAULT):
        made = one_multimodal(formatter, Msg.tool_result("c", "f", output))
        assert made == {"role": "tool", "content": wanted, "name": "f", "tool_call_id": "c"}


@BOTH
def test_result_without_media_is_one_text_part_in_the_multimodal_layout(
    formatter: DashScopeChatFormatter,
) -> None:
    assert one_multimodal(formatter, Msg.tool_result("c", "f", ["a", "b"]))["content"] == [
        {"text": "- a\n- b"}
    ]
    assert one_multimodal(formatter, Msg.tool(ToolResultBlock("c", "f")))["content"] == [
        {"text": ""}
    ]


# ---------------------------------------------------------------- multimodal layout


@BOTH
def test_message_with_media_is_a_list_of_parts_in_order(formatter: DashScopeChatFormatter) -> None:
    message = Msg.user(["a", ImageBlock(IMAGE), "", AudioBlock("https://ex.org/a")])
    wanted = [{"text": "a"}, {"image": IMAGE}, {"text": ""}, {"audio": "https://ex.org/a"}]
    assert one(formatter, message) == {"role": "user", "content": wanted}


@BOTH
def test_only_messages_with_media_leave_the_text_layout(formatter: DashScopeChatFormatter) -> None:
    made = formatter.format([Msg.user("a"), Msg.user(ImageBlock(IMAGE)), Msg.user("b")])
    assert [type(message["content"]) for message in made] == [str, list, str]


@BOTH
def test_media_inside_a_result_do_not_leave_the_text_layout(
    formatter: DashScopeChatFormatter,
) -> None:
    message = Msg.tool_result("c", "f", [ImageBlock(IMAGE)])
    assert isinstance(one(formatter, message)["content"], str)


@BOTH
def test_assistant_media_and_calls_stand_together(formatter: DashScopeChatFormatter) -> None:
    message = Msg.assistant(
        [ThinkingBlock("t"), ImageBlock(IMAGE), HintBlock("h"), ToolUseBlock("c", "f")]
    )
    made = one(formatter, message)
    assert made["content"] == [{"image": IMAGE}, {"text": "h"}]
    assert made["tool_calls"][0]["id"] == "c"


def test_a_null_hint_is_an_empty_part_in_java() -> None:
    message = Msg.assistant([HintBlock(), ImageBlock(IMAGE)])
    assert one(JAVA, message)["content"] == [{}, {"image": IMAGE}]
    assert one(DEFAULT, message)["content"] == [{"image": IMAGE}]
    assert one_multimodal(JAVA, Msg.assistant(HintBlock()))["content"] == [{}]
    assert one_multimodal(DEFAULT, Msg.assistant(HintBlock()))["content"] == [{"text": ""}]


@BOTH
@pytest.mark.parametrize("make", [Msg.user, Msg.assistant])
def test_a_message_without_parts_is_one_empty_text(
    formatter: DashScopeChatFormatter, make: Any
) -> None:
    assert one_multimodal(formatter, make([]))["content"] == [{"text": ""}]


@BOTH
def test_texts_stay_apart_in_the_multimodal_layout(formatter: DashScopeChatFormatter) -> None:
    assert one_multimodal(formatter, Msg.system(["a", "", "b"]))["content"] == [
        {"text": "a"},
        {"text": ""},
        {"text": "b"},
    ]


# ---------------------------------------------------------------- 4.3 media


def part(formatter: DashScopeChatFormatter, block: Any) -> dict[str, Any]:
    (made,) = one(formatter, Msg.user(block))["content"]
    assert isinstance(made, dict)
    return made


@BOTH
@pytest.mark.parametrize(
    "url",
    [f"https://ex.org/1.{ext}" for ext in ("png", "jpg", "jpeg", "gif", "webp", "heic", "heif")]
    + [
        "https://ex.org/1.PNG",
        "https://ex.org/1.Jpg?x=1.pdf#y",
        "http://ex.org/a.b.png",
        "ftp://ex.org/1.png",
        "oss://bucket/1.png",
        "https://ex.org/a/b%20c.png",
        "https://ex.org/图.png",
    ],
)
def test_image_urls_pass_unchanged(formatter: DashScopeChatFormatter, url: str) -> None:
    assert part(formatter, ImageBlock(url)) == {"image": url}


@BOTH
@pytest.mark.parametrize(
    "url",
    [
        "https://ex.org/1.bmp",
        "https://ex.org/1",
        "https://ex.org",
        "https://ex.org/a.png/b",
        "https://ex.org/1?f=x.png",
        "https://ex.org/1#x.png",
        "https://ex.org/a b.png",
        "https://ex.org/1.",
        "",
        "data:image/svg;base64,AAAA",
    ],
)
def test_image_urls_of_other_extensions_become_a_text(
    formatter: DashScopeChatFormatter, url: str
) -> None:
    known = "png, jpg, jpeg, gif, webp, heic, heif"
    problem = f'"{url}" should end with one of [{known}]'
    assert part(formatter, ImageBlock(url)) == {"text": f"[Image - processing failed: {problem}]"}


@BOTH
@pytest.mark.parametrize(
    "extension",
    ["mp4", "mpeg", "mpg", "mov", "avi", "webm", "wmv", "flv", "3gp", "3gpp", "MP4", "WebM"],
)
def test_video_urls_pass_unchanged(formatter: DashScopeChatFormatter, extension: str) -> None:
    url = f"https://ex.org/v.{extension}?t=1"
    helper = {"videoAsString": url} if formatter is JAVA else {}
    assert json.dumps(part(formatter, VideoBlock(url))) == json.dumps({**helper, "video": url})


@BOTH
@pytest.mark.parametrize(
    ("url", "extension"),
    [
        ("https://ex.org/v.mkv", "mkv"),
        ("https://ex.org/v.MKV", "mkv"),
        ("https://ex.org/v", ""),
        ("", ""),
    ],
)
def test_video_urls_of_other_extensions_become_a_text(
    formatter: DashScopeChatFormatter, url: str, extension: str
) -> None:
    known = "[mp4, mpeg, mpg, mov, avi, webm, wmv, flv, 3gp, 3gpp]"
    problem = f"Unsupported video file extension: {extension}, {known} are supported"
    assert part(formatter, VideoBlock(url)) == {"text": f"[Video - processing failed: {problem}]"}


@BOTH
@pytest.mark.parametrize(
    "url",
    ["https://ex.org/a.wav", "https://ex.org/a", "https://ex.org/a.xyz", "data:audio/wav;base64,A"],
)
def test_audio_urls_are_not_validated(formatter: DashScopeChatFormatter, url: str) -> None:
    assert part(formatter, AudioBlock(url)) == {"audio": url}


@BOTH
@pytest.mark.parametrize("mime", ["image/png", "", "IMAGE/PNG", "text/plain", "x"])
@pytest.mark.parametrize("data", ["AAAA", "", "not base64"])
def test_base64_media_become_data_urls_unchecked(
    formatter: DashScopeChatFormatter, mime: str, data: str
) -> None:
    url = f"data:{mime};base64,{data}"
    assert part(formatter, ImageBlock(base64(mime, data))) == {"image": url}
    assert part(formatter, AudioBlock(base64(mime, data))) == {"audio": url}
    assert part(formatter, VideoBlock(base64(mime, data)))["video"] == url


@BOTH
def test_sizes_of_images_and_videos_are_sent_in_order(formatter: DashScopeChatFormatter) -> None:
    image = ImageBlock(IMAGE, max_pixels=2, min_pixels=1)
    assert json.dumps(part(formatter, image)) == json.dumps(
        {"image": IMAGE, "min_pixels": 1, "max_pixels": 2}
    )
    video = VideoBlock(
        "https://ex.org/v.mp4", total_pixels=5, max_pixels=4, min_pixels=3, max_frames=2, fps=1.5
    )
    made = part(formatter, video)
    assert [key for key in made if key != "videoAsString"] == [
        "video",
        "fps",
        "max_frames",
        "min_pixels",
        "max_pixels",
        "total_pixels",
    ]
    assert list(made.values())[-5:] == [1.5, 2, 3, 4, 5]
    assert next(iter(made)) == ("videoAsString" if formatter is JAVA else "video")


@BOTH
def test_zero_sizes_are_sent(formatter: DashScopeChatFormatter) -> None:
    assert part(formatter, ImageBlock(IMAGE, min_pixels=0)) == {"image": IMAGE, "min_pixels": 0}


def test_frame_rate_is_a_32_bit_float_in_java() -> None:
    block = VideoBlock("https://ex.org/v.mp4", fps=0.123456789)
    assert part(JAVA, block)["fps"] == 0.12345679
    assert part(DEFAULT, block)["fps"] == 0.123456789


@BOTH
def test_video_without_a_source_is_javas_null_pointer_text(
    formatter: DashScopeChatFormatter,
) -> None:
    said = 'Cannot invoke "Object.getClass()" because "source" is null'
    assert part(formatter, VideoBlock()) == {"text": f"[Video - processing failed: {said}]"}


@BOTH
@pytest.mark.parametrize(
    ("block", "label"), [(ImageBlock, "Image"), (AudioBlock, "Audio"), (VideoBlock, "Video")]
)
def test_a_bare_source_is_named(formatter: DashScopeChatFormatter, block: Any, label: str) -> None:
    made = part(formatter, block({"type": "Source"}))
    said = "Unsupported source type: class io.agentscope.core.message.Source"
    assert made == {"text": f"[{label} - processing failed: {said}]"}


MIMES = {
    "jpg": "image/jpeg",
    "jpeg": "image/jpeg",
    "png": "image/png",
    "gif": "image/gif",
    "webp": "image/webp",
    "heic": "image/heic",
    "heif": "image/heif",
    "mp3": "audio/mp3",
    "wav": "audio/wav",
    "aiff": "audio/aiff",
    "aac": "audio/aac",
    "ogg": "audio/ogg",
    "flac": "audio/flac",
    "mp4": "video/mp4",
    "mpeg": "video/mpeg",
    "mpg": "video/mpeg",
    "mov": "video/quicktime",
    "avi": "video/x-msvideo",
    "webm": "video/webm",
    "wmv": "video/x-ms-wmv",
    "flv": "video/x-flv",
    "3gp": "video/3gpp",
    "3gpp": "video/3gpp",
}


@BOTH
@pytest.mark.parametrize(("extension", "mime"), MIMES.items())
def test_data_urls_take_their_slot_from_the_extension(
    formatter: DashScopeChatFormatter, extension: str, mime: str
) -> None:
    url = f"https://ex.org/x.{extension.upper()}?q=1"
    assert part(formatter, DataBlock(url))[mime.partition("/")[0]] == url


@BOTH
@pytest.mark.parametrize(
    ("hint", "slot"),
    [("image/bmp", "image"), ("audio/x", "audio"), ("video/x", "video"), ("image/", "image")],
)
def test_a_mime_hint_wins_over_the_extension(
    formatter: DashScopeChatFormatter, hint: str, slot: str
) -> None:
    source = URLSource("https://ex.org/x.pdf", mime_type=hint)
    assert part(formatter, DataBlock(source))[slot] == "https://ex.org/x.pdf"


@BOTH
@pytest.mark.parametrize("hint", ["", "  ", "\t"])
def test_a_blank_mime_hint_is_none(formatter: DashScopeChatFormatter, hint: str) -> None:
    assert part(formatter, DataBlock(URLSource(IMAGE, mime_type=hint))) == {"image": IMAGE}


@BOTH
@pytest.mark.parametrize(
    "url", ["https://ex.org/x.pdf", "https://ex.org/x", "", "data:image/png;base64,A"]
)
def test_data_urls_of_unknown_kind_become_a_text(
    formatter: DashScopeChatFormatter, url: str
) -> None:
    problem = f"Cannot determine MIME type for URL '{url}'; set URLSource.mimeType explicitly"
    assert part(formatter, DataBlock(url)) == {"text": f"[Media - processing failed: {problem}]"}


@BOTH
@pytest.mark.parametrize("mime", ["text/plain", "IMAGE/png", "application/pdf", "image", ""])
def test_data_of_other_mime_types_become_a_text(
    formatter: DashScopeChatFormatter, mime: str
) -> None:
    problem = f"Cannot route DataBlock: unrecognised MIME type '{mime}'"
    assert part(formatter, DataBlock(base64(mime))) == {
        "text": f"[Media - processing failed: {problem}]"
    }


@BOTH
@pytest.mark.parametrize("slot", ["image", "audio", "video"])
def test_base64_data_take_their_slot_from_the_mime_type(
    formatter: DashScopeChatFormatter, slot: str
) -> None:
    made = part(formatter, DataBlock(base64(f"{slot}/x", ""), name="n", id="i"))
    helper = {"videoAsString"} if formatter is JAVA and slot == "video" else set()
    assert set(made) == {slot} | helper
    assert made[slot] == f"data:{slot}/x;base64,"


@BOTH
def test_a_data_url_with_a_mime_hint_is_sent_as_data(formatter: DashScopeChatFormatter) -> None:
    url = "data:image/png;base64,AAAA"
    assert part(formatter, DataBlock(URLSource(url, mime_type="image/png"))) == {"image": url}


# ---------------------------------------------------------------- local files


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    path = tmp_path / "a b.png"
    path.write_bytes(b"x")
    return path


def test_java_turns_any_existing_local_path_into_a_file_url(picture: Path) -> None:
    assert part(JAVA, ImageBlock(str(picture))) == {"image": f"file://{picture}"}
    assert part(JAVA, AudioBlock(str(picture))) == {"audio": f"file://{picture}"}
    assert part(JAVA, DataBlock(str(picture))) == {"image": f"file://{picture}"}


def test_java_does_not_normalise_local_paths(picture: Path) -> None:
    path = f"{picture.parent}/x/../{picture.name}"
    (picture.parent / "x").mkdir()
    assert part(JAVA, ImageBlock(path)) == {"image": f"file://{path}"}


def test_java_resolves_relative_paths_against_the_current_folder(
    picture: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(picture.parent)
    assert part(JAVA, ImageBlock(picture.name)) == {"image": f"file://{picture}"}


@pytest.mark.parametrize("url", ["/no/such/file.png", "no such.png", "file:///no/such.png"])
def test_java_sends_a_missing_local_file_unchanged(url: str) -> None:
    assert part(JAVA, ImageBlock(url)) == {"image": url}


def test_java_takes_upper_case_schemes_for_local_paths() -> None:
    assert part(JAVA, ImageBlock("HTTPS://ex.org/1.png")) == {"image": "HTTPS://ex.org/1.png"}
    assert "processing failed" in part(JAVA, ImageBlock("HTTPS://ex.org/1.png?x=1.x"))["text"]


def test_default_sends_a_local_file_only_under_a_root(picture: Path) -> None:
    said = part(DEFAULT, ImageBlock(str(picture)))["text"]
    assert said.startswith("[Image - processing failed: local file ")
    allowed = DashScopeChatFormatter(media=MediaPolicy(roots=[picture.parent]))
    assert part(allowed, ImageBlock(str(picture))) == {"image": f"file://{picture}"}


def test_a_refused_file_is_named_in_the_plan_and_an_error_when_strict(picture: Path) -> None:
    message = Msg.user(["t", ImageBlock(str(picture))])
    (finding,) = DEFAULT.explain([message]).findings
    assert finding.code == "media-not-sent"
    assert finding.path == "messages[0].content[1]"
    assert "MediaPolicy(roots=" in finding.advice
    with pytest.raises(MediaRefused, match=r"messages\[0\]\.content\[1\]"):
        DashScopeChatFormatter(strict=True).format([message])


# ---------------------------------------------------------------- marks in Java's form


EPHEMERAL = {"type": "ephemeral"}


@pytest.mark.parametrize(
    "message",
    [
        Msg.user("x"),
        Msg.system("x"),
        Msg.assistant("x"),
        Msg.tool_result("c", "f", "x"),
        Msg.assistant(ToolUseBlock("c", "f")),
        Msg.user(ImageBlock(IMAGE)),
        Msg.user([]),
    ],
)
def test_java_sets_a_manual_mark_as_the_last_key_of_the_message(message: Msg) -> None:
    for method in (JAVA.format, JAVA.format_multimodal):
        (plain,) = method([message])
        (made,) = method([message.with_cache_control()])
        assert json.dumps(made) == json.dumps({**plain, "cache_control": EPHEMERAL})


@pytest.mark.parametrize("value", ["true", "TRUE", 1, {}, {"type": "ephemeral"}, False, 0, "", []])
def test_java_honours_the_boolean_true_alone(value: Any) -> None:
    message = Msg.user("x", metadata={"_cache_control": value})
    assert one(JAVA, message) == {"role": "user", "content": "x"}


def test_java_marks_every_system_message_and_the_last() -> None:
    messages = [Msg.system("a"), Msg.user("b"), Msg.system("c"), Msg.user("d")]
    made = DashScopeChatFormatter(policy="system_and_last", quirks=Quirks.JAVA).format(messages)
    assert ["cache_control" in message for message in made] == [True, False, True, True]


def test_false_does_not_prevent_javas_automatic_mark() -> None:
    made = DashScopeChatFormatter(policy="system_and_last", quirks=Quirks.JAVA).format(
        [Msg.system("a").with_cache_control(False), Msg.user("b").with_cache_control(False)]
    )
    assert all("cache_control" in message for message in made)


def test_all_messages_may_carry_a_mark_in_java() -> None:
    messages = [Msg.user(str(number)).with_cache_control() for number in range(6)]
    assert all("cache_control" in message for message in JAVA.format(messages))


def test_javas_automatic_marks_keep_those_that_stand_there() -> None:
    messages: list[dict[str, Any]] = [
        {"role": "system", "content": "a", "cache_control": {"type": "x"}},
        {"role": "user", "content": "b"},
    ]
    made = JAVA.apply_cache_control(messages)
    assert made[0]["cache_control"] == {"type": "x"}
    assert made[1]["cache_control"] == EPHEMERAL
    assert "cache_control" not in messages[1]
    assert JAVA.apply_cache_control([]) == []


def test_default_sets_a_mark_on_the_block() -> None:
    made = one(DEFAULT, Msg.user("x").with_cache_control())
    assert made == {"role": "user", "content": [{"text": "x", "cache_control": EPHEMERAL}]}


def test_default_keeps_a_veto_against_an_automatic_mark() -> None:
    made = DashScopeChatFormatter(policy="system_and_last").format(
        [Msg.system("a").with_cache_control(False), Msg.user("b")]
    )
    assert made[0] == {"role": "system", "content": "a"}
    assert made[1]["content"] == [{"text": "b", "cache_control": EPHEMERAL}]


def test_default_sets_at_most_four_marks() -> None:
    from wiremark import CacheBudgetWarning

    messages = [Msg.user(str(number)).with_cache_control() for number in range(6)]
    with pytest.warns(CacheBudgetWarning):
        made = DEFAULT.format(messages)
    assert sum(isinstance(message["content"], list) for message in made) == 4


# ---------------------------------------------------------------- input


@BOTH
def test_dicts_are_refused_with_the_way_to_read_them(formatter: DashScopeChatFormatter) -> None:
    with pytest.raises(MessageError, match="read_messages"):
        formatter.format([{"role": "USER"}])  # type: ignore[list-item]


@BOTH
def test_a_null_role_is_an_error(formatter: DashScopeChatFormatter) -> None:
    message = read_message({"content": [{"type": "text", "text": "x"}]})
    with pytest.raises(FormatError, match=r"messages\[1\]"):
        formatter.format([Msg.user("a"), message])
    with pytest.raises(FormatError, match=r"messages\[1\]"):
        formatter.format_multimodal([Msg.user("a"), message])


@BOTH
def test_an_empty_base_block_adds_nothing(formatter: DashScopeChatFormatter) -> None:
    message = read_message({"role": "ASSISTANT", "content": [{"type": "ContentBlock"}]})
    assert one(formatter, message) == {"role": "assistant", "content": ""}
    assert one_multimodal(formatter, message)["content"] == [{"text": ""}]
