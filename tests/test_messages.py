"""Messages read and write agentscope-java's JSON: facts of c2d43f86 (2026-08-22), section 1."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest

from wiremark.errors import FormatError, MessageError
from wiremark.messages import (
    AudioBlock,
    Base64Source,
    ChatUsage,
    DataBlock,
    HintBlock,
    ImageBlock,
    Msg,
    Role,
    TextBlock,
    ThinkingBlock,
    ToolResultBlock,
    ToolUseBlock,
    URLSource,
    VideoBlock,
    dump_messages,
    dumps_messages,
    read_message,
    read_messages,
)
from wiremark.quirks import Quirks

URL = {"type": "url", "url": "https://ex.org/1.png"}


def read_block(data: dict[str, Any], role: str = "ASSISTANT") -> Any:
    return read_message({"role": role, "content": [data]}).content[0]


def written_block(data: dict[str, Any], role: str = "ASSISTANT") -> dict[str, Any]:
    written: dict[str, Any] = read_block(data, role).to_dict()
    return written


# ---------------------------------------------------------------- 1.1 message


def test_message_keys_are_written_in_order_with_nulls() -> None:
    written = read_message({"role": "USER"}).to_dict()
    assert json.dumps(written) == json.dumps(
        {
            "id": None,
            "name": None,
            "role": "USER",
            "content": [],
            "metadata": {},
            "timestamp": None,
            "usage": None,
        }
    )


@pytest.mark.parametrize("role", ["USER", "ASSISTANT", "SYSTEM", "TOOL"])
def test_role_is_read_and_written_in_upper_case(role: str) -> None:
    assert read_message({"role": role}).to_dict()["role"] == role


@pytest.mark.parametrize(
    "role", ["user", "User", "assistant", "system", "tool", "", " USER", "BOSS", "function"]
)
def test_lower_case_empty_or_unknown_role_is_an_error(role: str) -> None:
    with pytest.raises(MessageError, match="role"):
        read_message({"role": role})


@pytest.mark.parametrize("data", [{}, {"role": None}])
def test_missing_role_reads_as_null(data: dict[str, Any]) -> None:
    message = read_message({**data, "content": [{"type": "text", "text": "x"}]})
    assert message.role is None
    assert message.to_dict()["role"] is None


@pytest.mark.parametrize(
    ("ordinal", "role"), [(0, "USER"), (1, "ASSISTANT"), (2, "SYSTEM"), (3, "TOOL")]
)
def test_integer_role_is_an_ordinal(ordinal: int, role: str) -> None:
    assert read_message({"role": ordinal}).to_dict()["role"] == role


@pytest.mark.parametrize("role", [4, -1, 1.5, True, [], {}])
def test_other_role_values_are_errors(role: Any) -> None:
    with pytest.raises(MessageError):
        read_message({"role": role})


@pytest.mark.parametrize("field", ["id", "name", "timestamp"])
@pytest.mark.parametrize(
    ("given", "read"),
    [(7, "7"), (True, "true"), (False, "false"), (1.5, "1.5"), ("", ""), ("x", "x"), (None, None)],
)
def test_id_name_and_timestamp_are_coerced_to_strings(field: str, given: Any, read: Any) -> None:
    assert read_message({"role": "USER", field: given}).to_dict()[field] == read


@pytest.mark.parametrize("field", ["id", "name", "timestamp"])
@pytest.mark.parametrize("given", [{}, {"a": 1}, [], ["x"]])
def test_id_name_and_timestamp_take_no_object_or_list(field: str, given: Any) -> None:
    with pytest.raises(MessageError, match=field):
        read_message({"role": "USER", field: given})


def test_timestamp_is_free_text() -> None:
    assert read_message({"role": "USER", "timestamp": "yesterday"}).timestamp == "yesterday"


def test_reading_never_generates_an_id_or_a_timestamp() -> None:
    message = read_message({"role": "USER"})
    assert message.id is None
    assert message.timestamp is None


@pytest.mark.parametrize("data", [{}, {"content": None}, {"content": []}, {"content": [None]}])
def test_content_without_blocks_reads_as_empty(data: dict[str, Any]) -> None:
    assert read_message({"role": "USER", **data}).to_dict()["content"] == []


def test_null_elements_of_content_are_dropped() -> None:
    content = [None, {"type": "text", "text": "a"}, None, {"type": "text", "text": "b"}, None]
    message = read_message({"role": "USER", "content": content})
    assert [block.to_dict()["text"] for block in message.content] == ["a", "b"]


@pytest.mark.parametrize(
    "content",
    [
        "plain",
        {"type": "text", "text": "x"},
        7,
        True,
        ["x"],
        [7],
        [[{"type": "text", "text": "x"}]],
    ],
)
def test_content_takes_a_list_of_objects_only(content: Any) -> None:
    with pytest.raises(MessageError, match=r"messages\[0\]\.content"):
        read_messages([{"role": "USER", "content": content}])


@pytest.mark.parametrize("data", [{}, {"metadata": None}, {"metadata": {}}])
def test_metadata_without_entries_reads_as_empty(data: dict[str, Any]) -> None:
    assert read_message({"role": "USER", **data}).to_dict()["metadata"] == {}


def test_null_metadata_values_are_dropped_at_top_level_only() -> None:
    metadata = {"a": None, "b": {"c": None, "d": [None]}, "e": 1}
    message = read_message({"role": "USER", "metadata": metadata})
    assert message.to_dict()["metadata"] == {"b": {"c": None, "d": [None]}, "e": 1}


@pytest.mark.parametrize("metadata", [[], "x", 7, True])
def test_metadata_takes_an_object_only(metadata: Any) -> None:
    with pytest.raises(MessageError, match="metadata"):
        read_message({"role": "USER", "metadata": metadata})


def written_usage(usage: Any) -> Any:
    return read_message({"role": "ASSISTANT", "usage": usage}).to_dict()["usage"]


def test_usage_is_written_in_order_and_its_total_derived() -> None:
    given = {
        "totalTokens": 999,
        "time": 0.25,
        "cachedTokens": 1,
        "outputTokens": 4,
        "inputTokens": 3,
    }
    wanted = {
        "inputTokens": 3,
        "outputTokens": 4,
        "cachedTokens": 1,
        "time": 0.25,
        "totalTokens": 7,
    }
    assert json.dumps(written_usage(given)) == json.dumps(wanted)


@pytest.mark.parametrize(
    "usage", [{}, {"inputTokens": None}, {"input_tokens": 3, "cached_tokens": 1}]
)
def test_missing_counts_are_zero_and_snake_case_is_not_read(usage: dict[str, Any]) -> None:
    wanted = {"inputTokens": 0, "outputTokens": 0, "cachedTokens": 0, "time": 0.0, "totalTokens": 0}
    assert written_usage(usage) == wanted


@pytest.mark.parametrize(
    ("given", "read"), [(3.9, 3), (-3.9, -3), ("12", 12), (" 12 ", 12), ("-4", -4)]
)
def test_counts_are_cut_from_floats_and_read_from_strings(given: Any, read: int) -> None:
    assert written_usage({"inputTokens": given})["inputTokens"] == read


@pytest.mark.parametrize("given", ["abc", "1.5", "1_000", "12x", "0x10", True, [], {}])
@pytest.mark.parametrize("field", ["inputTokens", "outputTokens", "cachedTokens"])
def test_counts_that_are_no_numbers_are_errors(field: str, given: Any) -> None:
    with pytest.raises(MessageError, match="usage"):
        read_message({"role": "ASSISTANT", "usage": {field: given}})


@pytest.mark.parametrize("usage", [[], "x", 7])
def test_usage_takes_an_object_only(usage: Any) -> None:
    with pytest.raises(MessageError, match="usage"):
        read_message({"role": "ASSISTANT", "usage": usage})


def test_null_usage_stays_null() -> None:
    assert written_usage(None) is None


def test_unknown_keys_are_ignored_everywhere() -> None:
    data = {
        "role": "USER",
        "future": 1,
        "content": [{"type": "image", "x": 1, "source": {**URL, "detail": "low"}}],
        "usage": {"inputTokens": 1, "more": {"x": 1}},
    }
    written = read_message(data).to_dict()
    assert written["content"] == [{"type": "image", "source": URL}]
    assert "future" not in written
    assert "more" not in written["usage"]


def test_key_order_is_irrelevant_and_type_may_come_last() -> None:
    data = {"content": [{"source": {"url": "u", "type": "url"}, "type": "image"}], "role": "USER"}
    assert read_message(data).to_dict()["content"] == [
        {"type": "image", "source": {"type": "url", "url": "u"}}
    ]


TEXT = {"type": "text", "text": "x"}
MEDIA = [
    {"type": "image", "source": URL},
    {"type": "audio", "source": URL},
    {"type": "video", "source": URL},
    {"type": "data", "source": URL},
]
AGENT_ONLY = [
    {"type": "thinking", "thinking": "t"},
    {"type": "hint", "hint": "h"},
    {"type": "tool_use", "id": "c", "name": "f"},
    {"type": "tool_result", "id": "c", "name": "f"},
]


@pytest.mark.parametrize("block", [TEXT, *MEDIA], ids=lambda block: block["type"])
def test_user_message_takes_text_and_media(block: dict[str, Any]) -> None:
    assert len(read_message({"role": "USER", "content": [block]}).content) == 1


@pytest.mark.parametrize("block", AGENT_ONLY, ids=lambda block: block["type"])
def test_user_message_takes_nothing_else(block: dict[str, Any]) -> None:
    with pytest.raises(MessageError, match=r"text/data/image/audio/video"):
        read_message({"role": "USER", "content": [TEXT, block]})


@pytest.mark.parametrize("block", [*MEDIA, *AGENT_ONLY], ids=lambda block: block["type"])
def test_system_message_takes_text_only(block: dict[str, Any]) -> None:
    with pytest.raises(MessageError, match="only contain text blocks"):
        read_message({"role": "SYSTEM", "content": [block]})


@pytest.mark.parametrize("role", ["ASSISTANT", "TOOL"])
@pytest.mark.parametrize("block", [TEXT, *MEDIA, *AGENT_ONLY], ids=lambda block: block["type"])
def test_assistant_and_tool_messages_take_any_block(role: str, block: dict[str, Any]) -> None:
    assert len(read_message({"role": role, "content": [block]}).content) == 1


def test_constructors_check_content_as_reading_does() -> None:
    with pytest.raises(ValueError, match="only contain text blocks"):
        Msg.system(ImageBlock("https://ex.org/1.png"))
    with pytest.raises(ValueError, match="text/data/image/audio/video"):
        Msg.user(ThinkingBlock("t"))


@pytest.mark.parametrize("message", [None, "x", 7, [], True])
def test_what_is_no_object_is_no_message(message: Any) -> None:
    with pytest.raises(MessageError, match=r"messages\[1\]"):
        read_messages([{"role": "USER"}, message])


@pytest.mark.parametrize("data", ["not json", '{"role": "USER"}', "7", {"role": "USER"}, None])
def test_messages_are_a_list(data: Any) -> None:
    with pytest.raises(MessageError):
        read_messages(data)


def test_json_text_and_bytes_are_read() -> None:
    text = '[{"role": "USER", "content": [{"type": "text", "text": "你好"}]}]'
    assert read_messages(text)[0].text == read_messages(text.encode())[0].text == "你好"


# ---------------------------------------------------------------- 1.2 blocks


@pytest.mark.parametrize(
    ("given", "written"),
    [
        ({"type": "text"}, {"type": "text", "text": ""}),
        ({"type": "text", "text": None}, {"type": "text", "text": ""}),
        ({"type": "text", "text": 12.5}, {"type": "text", "text": "12.5"}),
        ({"type": "text", "text": 12}, {"type": "text", "text": "12"}),
        ({"type": "text", "text": True}, {"type": "text", "text": "true"}),
        (
            {"type": "thinking", "thinking": None},
            {"type": "thinking", "thinking": "", "metadata": None},
        ),
        (
            {"type": "thinking", "thinking": "t", "metadata": {}},
            {"type": "thinking", "thinking": "t", "metadata": {}},
        ),
        (
            {"type": "image", "source": URL, "min_pixels": None},
            {"type": "image", "source": URL},
        ),
        (
            {"type": "image", "source": URL, "max_pixels": 2, "min_pixels": 1},
            {"type": "image", "source": URL, "minPixels": 1, "maxPixels": 2},
        ),
        ({"type": "audio", "source": URL}, {"type": "audio", "source": URL}),
        ({"type": "video"}, {"type": "video"}),
        ({"type": "video", "source": None}, {"type": "video"}),
        (
            {
                "type": "video",
                "totalPixels": 5,
                "maxPixels": 4,
                "minPixels": 3,
                "maxFrames": 2,
                "fps": 1,
                "source": URL,
            },
            {
                "type": "video",
                "source": URL,
                "fps": 1.0,
                "maxFrames": 2,
                "minPixels": 3,
                "maxPixels": 4,
                "totalPixels": 5,
            },
        ),
        (
            {"type": "data", "name": "n", "id": "d", "source": URL},
            {"type": "data", "source": URL, "id": "d", "name": "n"},
        ),
        ({"type": "hint"}, {"type": "hint", "id": None, "hint": None, "source": None}),
        (
            {"type": "hint", "source": 1, "hint": True, "id": 2.5},
            {"type": "hint", "id": "2.5", "hint": "true", "source": "1"},
        ),
        (
            {"type": "tool_use"},
            {
                "type": "tool_use",
                "id": None,
                "name": None,
                "input": {},
                "content": None,
                "metadata": {},
                "state": "pending",
            },
        ),
        (
            {"type": "tool_use", "input": None, "content": None, "metadata": None, "state": None},
            {
                "type": "tool_use",
                "id": None,
                "name": None,
                "input": {},
                "content": None,
                "metadata": {},
                "state": "pending",
            },
        ),
        (
            {"type": "tool_result", "output": None, "metadata": None, "state": None},
            {
                "type": "tool_result",
                "id": None,
                "name": None,
                "output": [],
                "metadata": {},
                "state": "running",
            },
        ),
    ],
)
def test_block_defaults_and_key_order(given: dict[str, Any], written: dict[str, Any]) -> None:
    assert json.dumps(written_block(given)) == json.dumps(written)


@pytest.mark.parametrize("kind", ["text", "thinking"])
@pytest.mark.parametrize("value", [{"a": 1}, ["x"]])
def test_text_takes_no_object_or_list(kind: str, value: Any) -> None:
    with pytest.raises(MessageError, match=r"content\[0\]"):
        read_block({"type": kind, kind: value})


@pytest.mark.parametrize("kind", ["image", "audio", "data"])
@pytest.mark.parametrize("source", [{}, {"source": None}])
def test_image_audio_and_data_need_a_source(kind: str, source: dict[str, Any]) -> None:
    with pytest.raises(MessageError, match=r"content\[0\]\.source"):
        read_block({"type": kind, **source})


@pytest.mark.parametrize("given", [{}, {"id": None}, {"id": ""}])
def test_data_without_id_gets_32_lower_case_hex_characters(given: dict[str, Any]) -> None:
    made = written_block({"type": "data", "source": URL, **given})["id"]
    assert len(made) == 32
    assert set(made) <= set("0123456789abcdef")


def test_derived_data_id_is_the_same_in_each_run() -> None:
    one, two = (DataBlock("https://ex.org/1.png").block_id for _ in range(2))
    assert one == two
    assert one != DataBlock("https://ex.org/2.png").block_id


@pytest.mark.parametrize("name", ["min_pixels", "minPixels", "max_pixels", "maxPixels"])
@pytest.mark.parametrize(("given", "read"), [(12, 12), ("12", 12), (12.7, 12), ("-1", -1), (0, 0)])
def test_image_sizes_are_read_in_both_spellings(name: str, given: Any, read: int) -> None:
    written = written_block({"type": "image", "source": URL, name: given})
    assert written[name.replace("_p", "P")] == read


@pytest.mark.parametrize("name", ["max_frames", "maxFrames", "total_pixels", "totalPixels"])
@pytest.mark.parametrize("given", ["abc", "1.5", "1_000", True, [], {}])
def test_sizes_that_are_no_numbers_are_errors(name: str, given: Any) -> None:
    with pytest.raises(MessageError):
        read_block({"type": "video", "source": URL, name: given})


@pytest.mark.parametrize(("given", "read"), [(2, 2.0), ("3", 3.0), (0.1, 0.1), ("0.5", 0.5)])
def test_frame_rate_reads_as_a_float(given: Any, read: float) -> None:
    assert written_block({"type": "video", "source": URL, "fps": given})["fps"] == read


@pytest.mark.parametrize("given", ["abc", "1_0", True, [], {}])
def test_frame_rate_that_is_no_number_is_an_error(given: Any) -> None:
    with pytest.raises(MessageError, match="fps"):
        read_block({"type": "video", "source": URL, "fps": given})


def test_frame_rate_is_a_32_bit_float_for_java() -> None:
    message = read_message(
        {"role": "USER", "content": [{"type": "video", "source": URL, "fps": 0.123456789}]}
    )
    assert dump_messages([message], quirks=Quirks.JAVA)[0]["content"][0]["fps"] == 0.12345679
    assert dump_messages([message])[0]["content"][0]["fps"] == 0.123456789


@pytest.mark.parametrize("state", ["pending", "asking", "allowed", "submitted", "finished"])
def test_tool_call_states(state: str) -> None:
    assert written_block({"type": "tool_use", "state": state})["state"] == state


@pytest.mark.parametrize("state", ["success", "error", "interrupted", "denied", "running"])
def test_tool_result_states(state: str) -> None:
    assert written_block({"type": "tool_result", "state": state})["state"] == state


@pytest.mark.parametrize(
    ("kind", "state"),
    [
        ("tool_use", "PENDING"),
        ("tool_use", "Pending"),
        ("tool_use", "success"),
        ("tool_use", ""),
        ("tool_result", "SUCCESS"),
        ("tool_result", "pending"),
        ("tool_result", ""),
        ("tool_result", "done"),
    ],
)
def test_other_spellings_of_a_state_are_errors(kind: str, state: str) -> None:
    with pytest.raises(MessageError, match="state"):
        read_block({"type": kind, "state": state})


def test_suspended_is_not_part_of_the_json() -> None:
    written = written_block({"type": "tool_result", "suspended": True})
    assert list(written) == ["type", "id", "name", "output", "metadata", "state"]


@pytest.mark.parametrize("output", [[None], [TEXT, None]])
def test_null_in_a_tool_output_is_an_error(output: Any) -> None:
    with pytest.raises(MessageError, match="output"):
        read_block({"type": "tool_result", "output": output})


@pytest.mark.parametrize("output", ["text", TEXT, 7])
def test_tool_output_must_be_a_list(output: Any) -> None:
    with pytest.raises(MessageError, match="output"):
        read_block({"type": "tool_result", "output": output})


def test_null_value_in_tool_result_metadata_is_an_error() -> None:
    with pytest.raises(MessageError, match="metadata"):
        read_block({"type": "tool_result", "metadata": {"k": None}})


def test_null_values_in_other_block_metadata_and_input_are_kept() -> None:
    written = written_block({"type": "tool_use", "input": {"k": None}, "metadata": {"m": None}})
    assert written["input"] == {"k": None}
    assert written["metadata"] == {"m": None}
    assert written_block({"type": "thinking", "metadata": {"k": None}})["metadata"] == {"k": None}


@pytest.mark.parametrize("field", ["input", "metadata"])
@pytest.mark.parametrize("value", [[], "x", 7])
def test_tool_use_input_and_metadata_are_objects(field: str, value: Any) -> None:
    with pytest.raises(MessageError, match=field):
        read_block({"type": "tool_use", field: value})


@pytest.mark.parametrize("kind", ["Text", "TEXT", "", "unknown", None, "toolUse", "tool-use"])
def test_type_ids_are_case_sensitive(kind: Any) -> None:
    with pytest.raises(MessageError, match=r"content\[0\]"):
        read_block({"type": kind, "text": "x"})


def test_block_without_a_type_is_an_error() -> None:
    with pytest.raises(MessageError, match="type"):
        read_block({"text": "x"})


def test_bare_base_names_give_an_empty_block_and_source() -> None:
    assert written_block({"type": "ContentBlock", "text": "x"}) == {"type": "ContentBlock"}
    assert written_block({"type": "image", "source": {"type": "Source", "url": "u"}}) == {
        "type": "image",
        "source": {"type": "Source"},
    }


@pytest.mark.parametrize(
    ("given", "written"),
    [
        ({"type": "url", "url": ""}, {"type": "url", "url": ""}),
        ({"type": "url", "url": "u", "mime_type": None}, {"type": "url", "url": "u"}),
        (
            {"type": "url", "mime_type": "", "url": "u"},
            {"type": "url", "url": "u", "mime_type": ""},
        ),
        ({"type": "url", "url": "u", "mimeType": "image/png"}, {"type": "url", "url": "u"}),
        ({"type": "url", "url": 7}, {"type": "url", "url": "7"}),
        (
            {"type": "base64", "data": "", "media_type": ""},
            {"type": "base64", "media_type": "", "data": ""},
        ),
    ],
)
def test_sources_are_read_and_written(given: dict[str, Any], written: dict[str, Any]) -> None:
    made = written_block({"type": "image", "source": given})["source"]
    assert json.dumps(made) == json.dumps(written)


@pytest.mark.parametrize(
    "source",
    [
        {"type": "url"},
        {"type": "url", "url": None},
        {"type": "base64", "media_type": "image/png"},
        {"type": "base64", "data": "AA=="},
        {"type": "base64", "mediaType": "image/png", "data": "AA=="},
        {"type": "base64", "media_type": "image/png", "data": None},
        {"type": "base64", "media_type": None, "data": "AA=="},
        {"type": "URL", "url": "u"},
        {"url": "u"},
        {"type": None, "url": "u"},
        "https://ex.org/1.png",
        [],
    ],
)
def test_unreadable_sources_are_errors(source: Any) -> None:
    with pytest.raises(MessageError, match=r"content\[0\]\.source"):
        read_messages([{"role": "USER", "content": [{"type": "image", "source": source}]}])


def test_nested_tool_results_are_read_and_written() -> None:
    inner = {"type": "tool_result", "id": "i", "name": "n", "output": [TEXT]}
    written = written_block({"type": "tool_result", "output": [inner]})
    assert written["output"][0]["output"] == [TEXT]
    assert written["output"][0]["state"] == "running"


# ---------------------------------------------------------------- 1.3 order and numbers


ORDER = {"zeta": {"y": 1, "x": 2}, "alpha": 2, "mid": 3, "_cache_control": True}
JAVA_ORDER = ["zeta", "alpha", "_cache_control", "mid"]


def test_top_level_of_message_metadata_is_in_hash_order_for_java() -> None:
    message = read_message({"role": "USER", "metadata": ORDER})
    java = dump_messages([message], quirks=Quirks.JAVA)[0]["metadata"]
    assert list(java) == JAVA_ORDER
    assert list(java["zeta"]) == ["y", "x"]
    assert list(dump_messages([message])[0]["metadata"]) == list(ORDER)


def test_tool_input_is_in_hash_order_for_java_and_as_given_otherwise() -> None:
    given = {"b": 1, "a": {"z": 1, "y": 2}, "d": 3, "c": 4}
    message = Msg.assistant(ToolUseBlock("c", "f", given))
    java = dump_messages([message], quirks=Quirks.JAVA)[0]["content"][0]["input"]
    assert list(java) == ["a", "b", "c", "d"]  # slots 1 to 4 of 8: their hashes are 97 to 100
    assert list(java["a"]) == ["z", "y"]
    assert list(dump_messages([message])[0]["content"][0]["input"]) == list(given)


def test_messages_are_written_with_javas_numbers_or_the_shortest() -> None:
    message = Msg.assistant(ToolUseBlock("c", "f", {"x": 1e-05}))
    assert '"x":1.0E-5' in dumps_messages([message], quirks=Quirks.JAVA)
    assert '"x":1e-05' in dumps_messages([message])


# ---------------------------------------------------------------- Python's own side


def test_short_constructors_make_blocks_from_strings() -> None:
    message = Msg.user(["a", TextBlock("b")], name="Ann")
    assert message.text == "a\nb"
    assert message.role is Role.USER
    assert message.name == "Ann"


def test_a_tool_result_takes_a_string_as_one_text_block() -> None:
    message = Msg.tool_result("c1", "f", "ok")
    block = message.content[0]
    assert isinstance(block, ToolResultBlock)
    assert block.output == (TextBlock("ok"),)
    assert message.role is Role.TOOL


def test_media_blocks_take_a_url_string() -> None:
    for kind in (ImageBlock, AudioBlock, VideoBlock, DataBlock):
        assert kind("https://ex.org/1").source == URLSource("https://ex.org/1")


def test_messages_and_blocks_are_frozen() -> None:
    message = Msg.user("x")
    with pytest.raises(ValueError, match="frozen"):
        message.name = "Ann"
    with pytest.raises(ValueError, match="frozen"):
        TextBlock("x").text = "y"


def test_equal_messages_are_equal_values() -> None:
    assert Msg.user("x", name="Ann") == read_message(
        {"role": "USER", "name": "Ann", "content": [TEXT]}
    )


def test_error_names_the_path_of_the_first_problem() -> None:
    data = [
        {"role": "USER"},
        {"role": "TOOL", "content": [TEXT, {"type": "tool_result", "output": [{"type": "image"}]}]},
    ]
    with pytest.raises(MessageError) as caught:
        read_messages(data)
    assert caught.value.path == "messages[1].content[1].output[0].source"


def test_reading_and_writing_leave_the_data_alone() -> None:
    data = [{"role": "USER", "content": [TEXT], "metadata": {"a": [1], "b": None}}]
    before = copy.deepcopy(data)
    messages = read_messages(data)
    dumped = dump_messages(messages)
    dumped[0]["metadata"]["a"].append(2)
    assert data == before
    assert dump_messages(messages)[0]["metadata"] == {"a": [1]}


def test_dumped_messages_share_nothing_with_the_message() -> None:
    message = Msg.assistant(
        [ToolUseBlock("c", "f", {"a": [1]}), ThinkingBlock("t", metadata={"m": [1]})]
    )
    dumped = dump_messages([message])[0]
    dumped["content"][0]["input"]["a"].append(2)
    dumped["content"][1]["metadata"]["m"].append(2)
    assert dump_messages([message])[0]["content"][0]["input"] == {"a": [1]}
    assert dump_messages([message])[0]["content"][1]["metadata"] == {"m": [1]}


def test_with_cache_control_changes_a_copy() -> None:
    message = Msg.user("x", metadata={"k": 1})
    marked = message.with_cache_control("1h")
    assert marked.metadata == {"k": 1, "_cache_control": "1h"}
    assert message.metadata == {"k": 1}
    assert marked.with_cache_control(None).metadata == {"k": 1}


def test_a_replaced_field_refreshes_the_cached_argument_text() -> None:
    block = ToolUseBlock("c", "f", {"a": 1})
    assert block.arguments == '{"a":1}'
    assert block.replace(input={"a": 2}).arguments == '{"a":2}'
    assert block.model_copy(update={"input": {"a": 3}}).arguments == '{"a":3}'


def test_wish_of_a_block_is_kept_in_our_json_and_left_out_of_javas() -> None:
    message = Msg.user(TextBlock("x", cache_control=True))
    assert dump_messages([message])[0]["content"] == [{**TEXT, "cache_control": True}]
    assert dump_messages([message], quirks=Quirks.JAVA)[0]["content"] == [TEXT]


def test_usage_value_counts_in_tokens() -> None:
    usage = ChatUsage(input_tokens=3, output_tokens=4)
    assert usage.input_tokens == 3
    assert usage.to_dict()["totalTokens"] == 7


def test_format_of_a_message_without_role_is_an_error() -> None:
    from wiremark import DashScopeChatFormatter, OpenAIChatFormatter

    message = read_message({"content": [TEXT]})
    for formatter in (DashScopeChatFormatter(), OpenAIChatFormatter()):
        with pytest.raises(FormatError, match=r"messages\[0\]"):
            formatter.format([message])


def test_block_classes_take_base64_sources() -> None:
    source = Base64Source(media_type="image/png", data="AA==")
    assert ImageBlock(source).to_dict()["source"] == {
        "type": "base64",
        "media_type": "image/png",
        "data": "AA==",
    }
    assert HintBlock("h").to_dict()["hint"] == "h"
