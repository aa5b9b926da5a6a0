"""Chat messages of others are read without loss, or refused with the place of what has none."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wiremark import (
    AudioBlock,
    Base64Source,
    ImageBlock,
    MessageError,
    Msg,
    OpenAIChatFormatter,
    TextBlock,
    ThinkingBlock,
    ToolResultBlock,
    ToolUseBlock,
    URLSource,
    VideoBlock,
    looks_like_chat,
    read_any,
    read_chat,
)

MARK = {"type": "ephemeral"}
USER = {"role": "user", "content": "hi"}
JAVA_USER = {"role": "USER", "content": [{"type": "text", "text": "hi"}]}
PNG = "data:image/png;base64,iVBORw0KGgo="


def call(name: str = "f", arguments: Any = "{}", **more: Any) -> dict[str, Any]:
    return {
        "id": "c1",
        "type": "function",
        "function": {"name": name, "arguments": arguments},
        **more,
    }


def calls(*made: Any, **more: Any) -> dict[str, Any]:
    return {"role": "assistant", "content": None, "tool_calls": [*made], **more}


def result(content: Any = "done", **more: Any) -> dict[str, Any]:
    return {"role": "tool", "tool_call_id": "c1", "content": content, **more}


def one(message: Any) -> Msg:
    [read] = read_chat([message])
    return read


# ---------------------------------------------------------------- what is read


@pytest.mark.parametrize("role", ["system", "developer"])
def test_system_and_developer_become_system(role: str) -> None:
    assert one({"role": role, "content": "be brief"}) == Msg.system("be brief")


def test_user_keeps_text_name_id_and_timestamp() -> None:
    chat = {**USER, "name": "ann", "id": "m1", "timestamp": "2026-11-21"}
    assert one(chat) == Msg.user("hi", name="ann", id="m1", timestamp="2026-11-21")


def test_assistant_thinks_first_and_calls_last() -> None:
    arguments = '{"city": "Paris"}'
    chat = {
        **calls(call("weather", arguments)),
        "content": "let me look",
        "reasoning_content": "they ask for the weather",
    }
    expected = (
        ThinkingBlock("they ask for the weather"),
        TextBlock("let me look"),
        ToolUseBlock("c1", "weather", {"city": "Paris"}, content=arguments),
    )
    assert one(chat) == Msg.assistant(expected)


@pytest.mark.parametrize("content", [{"content": None}, {}])
def test_assistant_may_lack_content(content: dict[str, Any]) -> None:
    chat = {"role": "assistant", "tool_calls": [call()], **content}
    assert [block.type for block in one(chat).content] == ["tool_use"]


def test_reasoning_under_its_other_name_is_read_once() -> None:
    chat = {"role": "assistant", "content": "x", "reasoning": "r", "reasoning_content": "r"}
    assert one(chat).content == (ThinkingBlock("r"), TextBlock("x"))


def test_reasoning_details_come_back_when_formatted() -> None:
    details = [{"id": "r1", "type": "reasoning.encrypted", "data": "s3cret"}]
    chat = {"role": "assistant", "content": "x", "reasoning_details": details}
    assert one(chat).content[0] == ThinkingBlock("", metadata={"reasoningDetails": details})
    assert OpenAIChatFormatter().format(read_chat([chat])) == [chat]


@pytest.mark.parametrize(
    ("given_arguments", "content", "read"),
    [
        ('{"a": 1}', '{"a": 1}', {"a": 1}),
        ("", "", {}),
        ('{"a": ', '{"a": ', {}),
        ("[1]", "[1]", {}),
        ({"a": 1}, None, {"a": 1}),
        (None, None, {}),
    ],
)
def test_arguments_keep_their_text_and_are_parsed_where_they_are_an_object(
    given_arguments: Any, content: str | None, read: dict[str, Any]
) -> None:
    [block] = one(calls(call(arguments=given_arguments))).content
    assert isinstance(block, ToolUseBlock)
    assert (block.content, block.input) == (content, read)


@pytest.mark.parametrize("place", ["function", "call"])
def test_thought_signature_is_read_from_function_and_call(place: str) -> None:
    made = call()
    (made["function"] if place == "function" else made)["thought_signature"] = "sig"
    [block] = one(calls(made)).content
    assert isinstance(block, ToolUseBlock)
    assert block.metadata == {"thoughtSignature": "sig"}


def test_tool_result_is_named_like_the_call_it_answers() -> None:
    _, answer = read_chat([calls(call("weather")), result()])
    assert answer == Msg.tool(ToolResultBlock("c1", "weather", "done"))


def test_tool_result_keeps_a_name_of_its_own() -> None:
    _, answer = read_chat([calls(call("weather")), result(name="other")])
    assert answer == Msg.tool(ToolResultBlock("c1", "other", "done"))


def test_tool_result_without_its_call_has_no_name() -> None:
    assert one(result()) == Msg.tool(ToolResultBlock("c1", None, "done"))


PARTS = [
    ({"type": "text", "text": "x"}, TextBlock("x")),
    ({"type": "image_url", "image_url": {"url": "https://a/b.png"}}, "https://a/b.png"),
    ({"type": "image_url", "image_url": "https://a/b.png"}, "https://a/b.png"),
    (
        {"type": "image_url", "image_url": {"url": "https://a/b", "detail": "auto"}},
        "https://a/b",
    ),
    (
        {"type": "image_url", "image_url": {"url": PNG}, "max_pixels": 9},
        ImageBlock(Base64Source(media_type="image/png", data="iVBORw0KGgo="), max_pixels=9),
    ),
    ({"type": "image_url", "image_url": {"url": "data:text/plain,x"}}, "data:text/plain,x"),
    (
        {"type": "input_audio", "input_audio": {"data": "UklGRg==", "format": "wav"}},
        AudioBlock(Base64Source(media_type="audio/wav", data="UklGRg==")),
    ),
    (
        {"type": "input_audio", "input_audio": {"data": "data:;base64,UklGRg==", "format": "wav"}},
        AudioBlock(Base64Source(media_type="audio/wav", data="UklGRg==")),
    ),
    (
        {"type": "input_audio", "input_audio": {"data": "https://a/b.wav", "format": "wav"}},
        AudioBlock(URLSource("https://a/b.wav", mime_type="audio/wav")),
    ),
    (
        {"type": "video_url", "video_url": {"url": "https://a/b.mp4"}, "fps": 2},
        VideoBlock(URLSource("https://a/b.mp4"), fps=2.0),
    ),
    ({"text": "x"}, TextBlock("x")),
    ({"image": "https://a/b.png", "min_pixels": 3}, ImageBlock("https://a/b.png", min_pixels=3)),
    ({"audio": "https://a/b.wav"}, AudioBlock("https://a/b.wav")),
    ({"video": "https://a/b.mp4", "max_frames": 8}, VideoBlock("https://a/b.mp4", max_frames=8)),
    (
        {"videoAsString": "https://a/b.mp4", "video": "https://a/b.mp4"},
        VideoBlock("https://a/b.mp4"),
    ),
]


@pytest.mark.parametrize(("part", "block"), PARTS)
def test_part_becomes_its_block(part: dict[str, Any], block: Any) -> None:
    expected = ImageBlock(block) if isinstance(block, str) else block
    assert one({"role": "user", "content": [part]}) == Msg.user(expected)


# ---------------------------------------------------------------- marks and metadata


@pytest.mark.parametrize("key", ["cache_control", "prompt_cache_breakpoint"])
def test_marker_on_a_part_becomes_the_wish_of_its_block(key: str) -> None:
    marker = {"mode": "explicit"} if key == "prompt_cache_breakpoint" else MARK
    chat = {"role": "user", "content": [{"type": "text", "text": "x", key: marker}]}
    assert one(chat) == Msg.user(TextBlock("x", cache_control=marker))


@pytest.mark.parametrize("key", ["cache_control", "prompt_cache_breakpoint"])
def test_marker_beside_role_becomes_the_wish_of_its_message(key: str) -> None:
    assert one({**USER, key: MARK}) == Msg.user("hi", metadata={"_cache_control": MARK})


def test_marker_on_a_call_becomes_the_wish_of_its_block() -> None:
    [block] = one(calls(call(cache_control=MARK))).content
    assert block.cache_control == MARK


def test_marker_on_a_part_of_a_tool_message_stays_on_that_part() -> None:
    [block] = one(result([{"type": "text", "text": "x", "cache_control": MARK}])).content
    assert isinstance(block, ToolResultBlock)
    assert block.output == (TextBlock("x", cache_control=MARK),)


def test_marked_body_is_marked_alike_when_formatted() -> None:
    marked = [
        {"role": "system", "content": [{"type": "text", "text": "s", "cache_control": MARK}]},
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "a"},
                {"type": "text", "text": "b", "cache_control": MARK},
            ],
        },
    ]
    formatter = OpenAIChatFormatter(host="dashscope.aliyuncs.com")
    assert formatter.format(read_chat(marked), model="qwen-plus") == marked


def test_what_no_provider_reads_goes_to_the_metadata() -> None:
    chat = {**USER, "turn": 3, "metadata": {"_cache_dynamic": True}, "nothing": None}
    assert one(chat).metadata == {"_cache_dynamic": True, "turn": 3}
    [block] = one(calls(call(index=4))).content
    assert isinstance(block, ToolUseBlock)
    assert block.metadata == {"index": 4}


def test_what_says_nothing_is_passed_over() -> None:
    empty = {"refusal": None, "audio": None, "function_call": None, "tool_calls": []}
    chat = {"role": "assistant", "content": "x", "prefix": False, **empty}
    assert one(chat) == Msg.assistant("x")
    part = {"type": "text", "text": "x", "annotations": [], "detail": None}
    assert one({"role": "user", "content": [part]}) == Msg.user("x")


# ---------------------------------------------------------------- what is refused

REFUSED = [
    ("hi", "messages[0]", "expected an object, got str"),
    ({"content": "x"}, "messages[0].role", "is required"),
    ({"role": "bot", "content": "x"}, "messages[0].role", "unknown role 'bot'"),
    ({"role": 3, "content": "x"}, "messages[0].role", "unknown role 3"),
    ({"role": "user"}, "messages[0].content", "is required"),
    ({"role": "user", "content": None}, "messages[0].content", "is required"),
    ({"role": "user", "content": 3}, "messages[0].content", "expected text or a list"),
    ({"role": "user", "content": ["x"]}, "messages[0].content[0]", "expected an object"),
    ({"role": "user", "content": [{"text": 3}]}, "messages[0].content[0].text", "a string"),
    ({"role": "user", "content": [{"type": "text"}]}, "messages[0].content[0].text", "required"),
    ({"role": "user", "content": [{"zz": 1}]}, "messages[0].content[0]", "without `type`"),
    ({"role": "user", "content": [{"type": "file"}]}, "messages[0].content[0]", "'file'"),
    ({"role": "user", "content": [{"type": ["x"]}]}, "messages[0].content[0]", "['x']"),
    (
        {"role": "user", "content": [{"type": "text", "text": "x", "annotations": [1]}]},
        "messages[0].content[0].annotations",
        "cannot be carried",
    ),
    (
        {"role": "user", "content": [{"text": "x", "image": "y"}]},
        "messages[0].content[0].image",
        "cannot be carried",
    ),
    (
        {
            "role": "user",
            "content": [{"type": "image_url", "image_url": {"url": "x", "detail": 1}}],
        },
        "messages[0].content[0].image_url.detail",
        "cannot be carried",
    ),
    (
        {"role": "user", "content": [{"type": "image_url", "image_url": {}}]},
        "messages[0].content[0].image_url.url",
        "is required",
    ),
    (
        {"role": "user", "content": [{"image": "x", "min_pixels": "9"}]},
        "messages[0].content[0].min_pixels",
        "a whole number, got str",
    ),
    (
        {"role": "user", "content": [{"video": ["a", "b"]}]},
        "messages[0].content[0].video",
        "a list of frames",
    ),
    (
        {"role": "user", "content": [{"type": "input_audio", "input_audio": "AAAA"}]},
        "messages[0].content[0].input_audio.format",
        "is required",
    ),
    (
        {
            "role": "user",
            "content": [
                {
                    "text": "x",
                    "cache_control": MARK,
                    "prompt_cache_breakpoint": {"mode": "explicit"},
                }
            ],
        },
        "messages[0].content[0]",
        "two markers",
    ),
    ({"role": "system", "content": [{"image": "x"}]}, "messages[0]", "may only contain text"),
    ({**USER, "tool_calls": [call()]}, "messages[0].tool_calls", "cannot be carried"),
    ({**USER, "tool_call_id": "c1"}, "messages[0].tool_call_id", "cannot be carried"),
    ({**USER, "reasoning_content": "r"}, "messages[0].reasoning_content", "cannot be carried"),
    ({**USER, "metadata": [1]}, "messages[0].metadata", "expected an object"),
    ({**USER, "turn": 1, "metadata": {"turn": 2}}, "messages[0].metadata.turn", "beside `role`"),
    ({"role": "assistant", "refusal": "no"}, "messages[0].refusal", "cannot be carried"),
    (calls(reasoning="a", reasoning_content="b"), "messages[0].reasoning", "differs"),
    (calls(reasoning_content=3), "messages[0].reasoning_content", "expected a string"),
    (calls(reasoning_details="x"), "messages[0].reasoning_details", "a list of objects"),
    (calls(reasoning_details=["x"]), "messages[0].reasoning_details[0]", "an object"),
    ({"role": "assistant", "tool_calls": {}}, "messages[0].tool_calls", "a list of tool calls"),
    (calls("x"), "messages[0].tool_calls[0]", "expected an object"),
    (calls({"id": "c"}), "messages[0].tool_calls[0].function", "is required"),
    (calls({"function": {"name": "f"}}), "messages[0].tool_calls[0].id", "is required"),
    (calls({"id": "c", "function": {}}), "messages[0].tool_calls[0].function.name", "required"),
    (calls(call(type="custom")), "messages[0].tool_calls[0].type", "unknown type 'custom'"),
    (calls(call(arguments=3)), "messages[0].tool_calls[0].function.arguments", "a string"),
    ({"role": "tool", "content": "x"}, "messages[0].tool_call_id", "is required"),
    ({"role": "tool", "tool_call_id": "c"}, "messages[0].content", "is required"),
]


@pytest.mark.parametrize(("message", "path", "problem"), REFUSED)
def test_what_has_no_place_is_refused_with_its_path(message: Any, path: str, problem: str) -> None:
    with pytest.raises(MessageError) as caught:
        read_chat([message])
    assert caught.value.path == path
    assert problem in caught.value.problem


@pytest.mark.parametrize("data", ["[]", {"role": "user"}, 3, None])
def test_only_a_list_is_a_list_of_messages(data: Any) -> None:
    with pytest.raises(MessageError, match="expected a list of messages"):
        read_chat(data)


# ---------------------------------------------------------------- telling the forms apart


@pytest.mark.parametrize(
    ("data", "is_chat"),
    [
        (USER, True),
        ([USER], True),
        ({"messages": [USER]}, True),
        ([{"content": "x"}, USER], True),
        (JAVA_USER, False),
        ([JAVA_USER, USER], False),
        ([], False),
        ([3], False),
        ("user", False),
        (None, False),
    ],
)
def test_first_role_tells_the_form(data: Any, is_chat: bool) -> None:
    assert looks_like_chat(data) is is_chat


HI = [Msg.user("hi")]
LINES = json.dumps(USER) + "\n\n" + json.dumps(JAVA_USER) + "\r\n"


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ([USER], HI),
        ((USER,), HI),
        ([JAVA_USER], HI),
        (USER, HI),
        (HI, HI),
        (HI[0], HI),
        ([USER, JAVA_USER, *HI], HI * 3),
        ({"model": "m", "messages": [USER]}, HI),
        ({"model": "m", "input": {"messages": [USER]}}, HI),
        (json.dumps([JAVA_USER]), HI),
        (json.dumps(USER), HI),
        (json.dumps([USER], indent=2).encode(), HI),
        (b"\xef\xbb\xbf" + json.dumps([USER]).encode(), HI),
        (bytearray(json.dumps([USER]).encode()), HI),
        (LINES, HI * 2),
        (LINES.encode(), HI * 2),
        ("[]", []),
    ],
)
def test_whatever_holds_messages_is_read(data: Any, expected: list[Msg]) -> None:
    assert read_any(data) == expected


def test_result_in_chat_form_is_named_by_a_call_in_java_form() -> None:
    java = {"role": "ASSISTANT", "content": [{"type": "tool_use", "id": "c1", "name": "weather"}]}
    assert read_any([java, result()])[1] == Msg.tool(ToolResultBlock("c1", "weather", "done"))


def test_line_separators_inside_a_text_do_not_end_a_line() -> None:
    odd = {"role": "user", "content": "a\u2028b\u0085c"}
    text = "\n".join(json.dumps(item, ensure_ascii=False) for item in (odd, odd))
    assert [message.text for message in read_any(text)] == ["a\u2028b\u0085c"] * 2


def test_track_sees_every_message_before_it_is_read() -> None:
    seen: list[int] = []
    assert read_any([USER, USER], track=lambda items: (seen.append(len(items)), items)[1]) == HI * 2
    assert seen == [2]


@pytest.mark.parametrize(
    ("data", "path", "problem"),
    [
        ("", "", "empty"),
        (" \n", "", "empty"),
        ("{", "line 1, column 2", "not JSON"),
        ('[\n{"role": user}]', "line 2, column 10", "not JSON"),
        (b'[\n"\xff"]', "line 2", "not UTF-8"),
        ("[" * 100_000, "", "nested too deeply"),
        ("[" + "9" * 5_000 + "]", "line 1, column 2", "an integer of 5000 characters"),
        ("[NaN]", "line 1, column 2", "NaN is not JSON"),
        ("3", "", "expected a list of messages, got int"),
        ('{"a": 1}', "", "expected a list of messages, got dict"),
        ('{"messages": "x"}', "messages", "expected a list of messages, got str"),
        ('{"input": {"messages": [3]}}', "input.messages[0]", "expected a message object, got int"),
        ('[{"role": "User", "content": "x"}]', "messages[0].role", "unknown role 'User'"),
        ('[{"role": "user", "content": "x"}, {"content": "y"}]', "messages[1].role", "is required"),
        (LINES + "{", "line 4, column 2", "not JSON"),
        (LINES + "[1]", "line 4", "expected a message, got list"),
        (LINES + '{"messages": []}', "line 4", "a whole conversation"),
        (
            LINES + '{"role": "user", "content": [{"text": 3}]}',
            "line 4, message.content[0].text",
            "",
        ),
        (LINES + '{"role": "USER", "content": "x"}', "line 4, message.content", "a list of blocks"),
        (LINES + '{"n": ' + "[" * 100_000, "line 4", "nested too deeply"),
    ],
)
def test_what_holds_no_messages_is_refused_with_its_place(
    data: Any, path: str, problem: str
) -> None:
    with pytest.raises(MessageError) as caught:
        read_any(data)
    assert caught.value.path == path
    assert problem in caught.value.problem


# ---------------------------------------------------------------- there and back

words = st.text(max_size=12)
chat_parts = st.one_of(
    st.builds(lambda text: {"type": "text", "text": text}, words),
    st.builds(
        lambda name: {"type": "image_url", "image_url": {"url": f"https://a/{name}.png"}},
        st.sampled_from("abc"),
    ),
    st.just({"type": "image_url", "image_url": {"url": PNG}}),
    st.just({"type": "input_audio", "input_audio": {"data": "UklGRg==", "format": "wav"}}),
    st.just({"type": "video_url", "video_url": {"url": "https://a/b.mp4"}}),
)
json_objects = st.dictionaries(words, st.none() | st.booleans() | st.integers() | words, max_size=3)
chat_calls = st.builds(
    lambda number, arguments: {
        "id": f"call_{number}",
        "type": "function",
        "function": {"name": "f", "arguments": json.dumps(arguments)},
    },
    st.integers(0, 9),
    json_objects,
)
chat_messages = st.one_of(
    st.builds(lambda text: {"role": "system", "content": text}, words),
    st.builds(
        lambda content, name: {"role": "user", "content": content, **name},
        words | st.lists(chat_parts, min_size=2, max_size=4),
        st.sampled_from([{}, {"name": "ann"}]),
    ),
    st.builds(
        lambda text, made, thought: {
            "role": "assistant",
            "content": text,
            **({"tool_calls": made} if made else {}),
            **({"reasoning_content": thought} if thought else {}),
        },
        words,
        st.lists(chat_calls, max_size=3),
        words,
    ),
    st.builds(
        lambda text: {"role": "tool", "content": text, "tool_call_id": "call_1"},
        words,
    ),
)


@given(st.lists(chat_messages, max_size=6))
def test_chat_messages_come_back_as_they_were(messages: list[dict[str, Any]]) -> None:
    before = copy.deepcopy(messages)
    assert OpenAIChatFormatter().format(read_chat(messages)) == before
    assert messages == before


@pytest.mark.shared
def test_recorded_agent_sessions_come_back_as_they_were(shared_dir: Path) -> None:
    """Equal as JSON. Within a tool call the recorded keys come in another order than ours."""
    sessions = (shared_dir / "real" / "agent_traces.jsonl").read_text(encoding="utf-8")
    lines = sessions.splitlines()
    assert lines
    for line in lines:
        messages = json.loads(line)["messages"]
        assert OpenAIChatFormatter().format(read_any(line)) == messages


@pytest.mark.shared
def test_recorded_chat_requests_come_back_but_for_what_says_nothing(shared_dir: Path) -> None:
    exchanges = (shared_dir / "real" / "exchanges.jsonl").read_text(encoding="utf-8").splitlines()
    requests = [
        exchange["request"]
        for exchange in map(json.loads, exchanges)
        if exchange["path"].endswith("/chat/completions")
    ]
    assert requests
    formatter = OpenAIChatFormatter(host="openrouter.ai")
    for request in requests:
        expected = [without_differences(message) for message in request["messages"]]
        assert formatter.format(read_any(request)) == expected


def without_differences(message: dict[str, Any]) -> dict[str, Any]:
    """Return a recorded message as agentscope-java's form has it.

    An assistant's content is text (null becomes ""), a user's only text part a string; an empty
    list of calls and `prefix: false` are not sent.
    """
    out = {key: value for key, value in message.items() if value not in ([], False)}
    content = out.get("content")
    if out["role"] == "assistant" and content is None:
        out["content"] = ""
    if isinstance(content, list) and [set(part) for part in content] == [{"type", "text"}]:
        out["content"] = content[0]["text"]
    return out


@pytest.mark.shared
def test_recorded_native_requests_are_read_or_refused_by_name(shared_dir: Path) -> None:
    lines = (shared_dir / "real" / "dashscope_native.jsonl").read_text(encoding="utf-8")
    refused = {}
    for record in map(json.loads, lines.splitlines()):
        try:
            read = read_any(record["request"])
        except MessageError as problem:
            refused[record["name"]] = problem.path
        else:
            assert len(read) == len(record["request"]["input"]["messages"])
    assert refused == {
        # a part of type doc_url, which agentscope-java has no block for
        "conversation-generation-message-with-doc-url-sse": "input.messages[1].content[1]",
    }
