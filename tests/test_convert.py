"""Bodies are read as conversations and written in another protocol; what is lost is named."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wiremark import (
    Base64Source,
    GenerateOptions,
    MessageError,
    ToolChoice,
    URLSource,
    convert,
    read_body,
)
from wiremark.conversion import PROTOCOLS, TARGETS, Converted
from wiremark.errors import OptionError

MARK = {"type": "ephemeral"}
HOUR = {"type": "ephemeral", "ttl": "1h"}
CLAUDE = "claude-sonnet-4-5"
PROTOCOL_OF = {name: target.protocol for name, target in TARGETS.items()}
MODELS = {
    "anthropic": CLAUDE,
    "bedrock-converse": "us.anthropic.claude-sonnet-4-5-20250929-v1:0",
    "openrouter": "anthropic/claude-sonnet-4.5",
    "dashscope": "qwen-plus",
    "dashscope-compatible": "qwen-plus",
    "openai-chat": "gpt-5.6",
}

ANTHROPIC: dict[str, Any] = {
    "model": CLAUDE,
    "max_tokens": 2048,
    "system": [{"type": "text", "text": "You find files.", "cache_control": HOUR}],
    "messages": [
        {"role": "user", "content": "Where is the log?"},
        {
            "role": "assistant",
            "content": [
                {"type": "thinking", "thinking": "List them.", "signature": "sig=="},
                {"type": "text", "text": "Looking."},
                {"type": "tool_use", "id": "t1", "name": "ls", "input": {"dir": "/"}},
            ],
        },
        {
            "role": "user",
            "content": [
                {"type": "tool_result", "tool_use_id": "t1", "content": "a.log", "is_error": True},
                {"type": "text", "text": "Well?", "cache_control": MARK},
            ],
        },
    ],
    "tools": [
        {"name": "ls", "description": "list", "input_schema": {"type": "object"}},
    ],
    "tool_choice": {"type": "any", "disable_parallel_tool_use": True},
    "temperature": 0.5,
    "stop_sequences": ["END"],
    "thinking": {"type": "enabled", "budget_tokens": 1024},
    "stream": True,
}
CHAT: dict[str, Any] = {
    "model": "gpt-4o",
    "messages": [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "Where?"},
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [
                {"id": "c1", "type": "function", "function": {"name": "ls", "arguments": "{}"}}
            ],
        },
        {"role": "tool", "tool_call_id": "c1", "content": "a.log"},
    ],
    "tools": [
        {"type": "function", "function": {"name": "ls", "description": "", "parameters": {}}}
    ],
    "max_completion_tokens": 100,
    "stop": "END",
}
CONVERSE: dict[str, Any] = {
    "system": [{"text": "Be brief."}, {"cachePoint": {"type": "default", "ttl": "1h"}}],
    "messages": [
        {"role": "user", "content": [{"text": "Where?"}, {"cachePoint": {"type": "default"}}]},
        {
            "role": "assistant",
            "content": [
                {"reasoningContent": {"reasoningText": {"text": "Hm.", "signature": "s"}}},
                {"toolUse": {"toolUseId": "t1", "name": "ls", "input": {"dir": "/"}}},
            ],
        },
        {
            "role": "user",
            "content": [
                {
                    "toolResult": {
                        "toolUseId": "t1",
                        "content": [{"text": "a.log"}],
                        "status": "success",
                    }
                }
            ],
        },
    ],
    "inferenceConfig": {"maxTokens": 50, "temperature": 0.5, "topP": 0.9, "stopSequences": ["X"]},
    "toolConfig": {
        "tools": [
            {"toolSpec": {"name": "ls", "inputSchema": {"json": {"type": "object"}}}},
            {"cachePoint": {"type": "default", "ttl": "1h"}},
        ],
        "toolChoice": {"auto": {}},
    },
}
NATIVE: dict[str, Any] = {
    "model": "qwen-plus",
    "input": {
        "messages": [
            {"role": "system", "content": [{"text": "Be brief.", "cache_control": MARK}]},
            {"role": "user", "content": "Where?"},
        ]
    },
    "parameters": {
        "result_format": "message",
        "incremental_output": True,
        "top_k": 20,
        "enable_search": True,
        "search_options": {"forced_search": True},
        "repetition_penalty": 1.1,
        "max_tokens": 9,
    },
}


def chat(*messages: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return {"model": "gpt-4o", "messages": list(messages), **fields}


def user(*parts: dict[str, Any]) -> dict[str, Any]:
    return {"role": "user", "content": list(parts)}


def messages_body(*messages: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return {"model": CLAUDE, "max_tokens": 9, "messages": list(messages), **fields}


def named(made: Converted) -> list[str]:
    return [f"{finding.path}: {finding.message}" for finding in made.lost]


# Reading.


def test_anthropic_body_becomes_messages_tools_and_options() -> None:
    read = read_body(ANTHROPIC, protocol="anthropic")
    assert [
        (message.role, [block.type for block in message.content]) for message in read.messages
    ] == [
        ("SYSTEM", ["text"]),
        ("USER", ["text"]),
        ("ASSISTANT", ["thinking", "text", "tool_use"]),
        ("TOOL", ["tool_result"]),
        ("USER", ["text"]),
    ]
    assert read.options == GenerateOptions(
        max_tokens=2048,
        temperature=0.5,
        enable_thinking=True,
        thinking_budget=1024,
        parallel_tool_calls=False,
    )
    assert (read.model, read.stream, read.tool_choice) == (CLAUDE, True, ToolChoice.required())
    assert read.extras == {"stop_sequences": ["END"]}
    assert [tool.name for tool in read.tools] == ["ls"]
    assert read.lost == ()


def test_signatures_are_kept_in_the_metadata_of_thinking() -> None:
    for body, protocol, index in (
        (ANTHROPIC, "anthropic", 2),
        (CONVERSE, "bedrock-converse", 2),
    ):
        thought = read_body(body, protocol=protocol).messages[index].content[0]
        assert thought.type == "thinking"
        assert set(thought.metadata or {}) == {"signature"}


def test_markers_become_wishes_of_the_blocks_they_stand_on() -> None:
    read = read_body(ANTHROPIC, protocol="anthropic")
    assert read.messages[0].content[0].cache_control == HOUR
    assert read.messages[4].content[0].cache_control == MARK
    breakpoint_ = {"mode": "explicit"}
    part = {"type": "text", "text": "a", "prompt_cache_breakpoint": breakpoint_}
    (message,) = read_body(chat(user(part)), protocol="openai-chat").messages
    assert message.content[0].cache_control == breakpoint_


def test_cache_points_mark_the_block_or_tool_before_them() -> None:
    read = read_body(CONVERSE, protocol="bedrock-converse")
    assert read.messages[0].content[0].cache_control == HOUR
    assert read.messages[1].content[0].cache_control == MARK
    assert read.tools[0].cache_control == HOUR
    assert read.model is None


def test_cache_point_behind_nothing_is_lost() -> None:
    body = {"messages": [{"role": "user", "content": [{"cachePoint": {"type": "default"}}]}]}
    (lost,) = read_body(body, protocol="bedrock-converse").lost
    assert lost.path == "messages[0].content[0]"


def test_marks_on_tools_and_on_the_request_are_read() -> None:
    tool = {"name": "ls", "input_schema": {}, "cache_control": MARK}
    read = read_body(messages_body(tools=[tool], cache_control=HOUR), protocol="anthropic")
    assert read.tools[0].cache_control == MARK
    assert read.automatic == HOUR


def test_media_and_documents_are_read() -> None:
    image = {"type": "image", "source": {"type": "url", "url": "https://a/b.png"}}
    document = {
        "type": "document",
        "title": "T",
        "source": {"type": "base64", "media_type": "application/pdf", "data": "QQ=="},
    }
    (message,) = read_body(messages_body(user(image, document)), protocol="anthropic").messages
    assert message.content[0].source == URLSource("https://a/b.png")  # type: ignore[union-attr]
    assert message.content[1].source == Base64Source(  # type: ignore[union-attr]
        media_type="application/pdf", data="QQ=="
    )


def test_server_tool_blocks_of_assistants_are_carried_whole() -> None:
    block = {"type": "server_tool_use", "id": "s1", "name": "web_search", "input": {"q": "x"}}
    asked = messages_body(
        user({"type": "text", "text": "a"}), {"role": "assistant", "content": [block]}
    )
    made = convert(asked, source="anthropic", target="anthropic")
    assert made.request.body["messages"][1]["content"] == [block]
    assert made.lost == ()


@pytest.mark.parametrize(
    ("protocol", "body", "path"),
    [
        ("anthropic", [], "body"),
        ("anthropic", {"model": "m"}, "body.messages"),
        ("anthropic", messages_body({"role": "tool", "content": "a"}), "messages[0].role"),
        ("anthropic", messages_body(user({"type": "hologram"})), "messages[0].content[0]"),
        (
            "anthropic",
            messages_body(user({"type": "text", "text": 1})),
            "messages[0].content[0].text",
        ),
        ("anthropic", messages_body(tool_choice={"type": "maybe"}), "tool_choice.type"),
        ("openai-chat", chat({"role": "wizard", "content": "a"}), "messages[0].role"),
        ("openai-chat", chat(user({"type": "hologram"})), "messages[0].content[0]"),
        ("openai-chat", chat(tool_choice=7), "tool_choice"),
        ("openai-chat", chat(temperature="warm"), "temperature"),
        ("dashscope", {"input": {"prompt": "a"}}, "input.messages"),
        ("dashscope", {"input": {"messages": [{"role": "x"}]}}, "input.messages[0].role"),
        (
            "dashscope",
            {"input": {"messages": []}, "parameters": {"top_k": "a"}},
            "parameters.top_k",
        ),
        ("bedrock-converse", {"messages": [user({"hologram": 1})]}, "messages[0].content[0]"),
        ("bedrock-converse", {"messages": [{"role": "system"}]}, "messages[0].role"),
        (
            "bedrock-converse",
            {"messages": [], "inferenceConfig": {"maxTokens": "many"}},
            "inferenceConfig.maxTokens",
        ),
        (
            "bedrock-converse",
            {"messages": [user({"image": {"format": "bmp", "source": {"bytes": "QQ=="}}})]},
            "messages[0].content[0].image.format",
        ),
    ],
)
def test_unknown_shape_is_refused_with_its_path(protocol: str, body: Any, path: str) -> None:
    with pytest.raises((MessageError, OptionError)) as caught:
        read_body(body, protocol=protocol)
    assert caught.value.path == path


def test_unknown_protocol_and_target_are_refused() -> None:
    with pytest.raises(OptionError, match="use one of openai-chat"):
        read_body({}, protocol="smoke")
    with pytest.raises(OptionError, match="use one of dashscope"):
        convert(CHAT, source="openai-chat", target="smoke")


def test_request_without_a_model_is_refused() -> None:
    with pytest.raises(OptionError, match="names its model"):
        convert(CONVERSE, source="bedrock-converse", target="anthropic")


@pytest.mark.parametrize(
    ("body", "path"),
    [
        (chat({"role": "user", "content": "a", "audio": {"id": "x"}}), "messages[0].audio"),
        (chat({"role": "assistant", "content": "a", "refusal": "no"}), "messages[0].refusal"),
        (chat(user({"type": "file", "file": {"file_id": "f"}})), "messages[0].content[0]"),
        (
            chat(
                user({"type": "image_url", "image_url": {"url": "https://a/b", "detail": "high"}})
            ),
            "messages[0].content[0].image_url.detail",
        ),
        (chat(tools=[{"type": "web_search"}]), "tools[0]"),
        (
            chat(tools=[{"type": "function", "function": {"name": "a"}, "beta": 1}]),
            "tools[0].beta",
        ),
        (chat(tool_choice={"type": "allowed_tools"}), "tool_choice"),
    ],
)
def test_what_nothing_holds_is_named_with_its_path(body: dict[str, Any], path: str) -> None:
    assert [finding.path for finding in read_body(body, protocol="openai-chat").lost] == [path]


# From one protocol to another.


def test_anthropic_becomes_dashscope_compatible() -> None:
    made = convert(ANTHROPIC, source="anthropic", target="dashscope-compatible", model="qwen-plus")
    body = made.request.body
    assert body["messages"][0]["content"] == [
        {"type": "text", "text": "You find files.", "cache_control": {**MARK, "ttl": "5m"}}
    ]
    assert [message["role"] for message in body["messages"]] == [
        "system", "user", "assistant", "tool", "user",
    ]  # fmt: skip
    assert body["messages"][2]["reasoning_content"] == "List them."
    assert body["messages"][3] == {"role": "tool", "tool_call_id": "t1", "content": "a.log"}
    assert body["messages"][4]["content"][0]["cache_control"] == MARK
    assert (body["enable_thinking"], body["thinking_budget"]) == (True, 1024)
    assert (body["stop"], body["max_tokens"], body["stream"]) == (["END"], 2048, True)
    assert (body["tool_choice"], body["parallel_tool_calls"]) == ("required", False)
    assert named(made) == [
        "messages[1]: the signature of thinking is not carried",
        "messages[2]: the error flag of tool result 't1' is not carried",
        "system: the mark is changed: asked for 1h; dashscope-compatible has 5m, so 5m is used",
    ]


def test_converse_becomes_anthropic_with_marks_in_the_same_places() -> None:
    made = convert(CONVERSE, source="bedrock-converse", target="anthropic", model=CLAUDE)
    body = made.request.body
    assert body["tools"][0]["cache_control"] == HOUR
    assert body["system"] == [{"type": "text", "text": "Be brief.", "cache_control": HOUR}]
    assert body["messages"][0]["content"][0]["cache_control"] == MARK
    assert body["messages"][1]["content"][0] == {
        "type": "thinking",
        "thinking": "Hm.",
        "signature": "s",
    }
    assert body["stop_sequences"] == ["X"]
    assert (body["max_tokens"], body["temperature"], body["top_p"]) == (50, 0.5, 0.9)
    assert made.lost == ()


def test_anthropic_becomes_converse() -> None:
    model = MODELS["bedrock-converse"]
    made = convert(ANTHROPIC, source="anthropic", target="bedrock-converse", model=model)
    body = made.request.body
    assert body["system"][1] == {"cachePoint": {"type": "default", "ttl": "1h"}}
    assert body["messages"][2]["content"][-1] == {"cachePoint": {"type": "default"}}
    assert body["messages"][2]["content"][0]["toolResult"]["status"] == "error"
    assert body["inferenceConfig"]["stopSequences"] == ["END"]
    assert body["additionalModelRequestFields"]["thinking"]["budget_tokens"] == 1024
    assert named(made) == [
        "tool_choice.disable_parallel_tool_use: parallel_tool_calls is not carried"
    ]


def test_chat_becomes_anthropic() -> None:
    body = convert(CHAT, source="openai-chat", target="anthropic", model=CLAUDE).request.body
    assert body["system"] == [{"type": "text", "text": "Be brief."}]
    assert (body["max_tokens"], body["stop_sequences"]) == (100, ["END"])
    assert body["messages"][1]["content"][0] == {
        "type": "tool_use",
        "id": "c1",
        "name": "ls",
        "input": {},
    }
    assert body["messages"][2]["content"][0]["tool_use_id"] == "c1"


def test_native_becomes_compatible_with_every_parameter() -> None:
    made = convert(NATIVE, source="dashscope", target="dashscope-compatible")
    body = made.request.body
    assert (body["top_k"], body["enable_search"], body["repetition_penalty"]) == (20, True, 1.1)
    assert body["search_options"] == {"forced_search": True}
    assert body["stream"] is True
    assert body["messages"][0]["content"][0]["cache_control"] == MARK
    assert made.lost == ()


def test_thinking_is_no_input_of_dashscope_and_named() -> None:
    made = convert(ANTHROPIC, source="anthropic", target="dashscope", model="qwen-plus")
    assert "messages[1]: thinking is not carried" in named(made)
    assert "tool_choice: tool choice `required` is sent as auto" in named(made)


def test_thinking_is_said_in_openrouters_words() -> None:
    made = convert(ANTHROPIC, source="anthropic", target="openrouter", model=MODELS["openrouter"])
    assert made.request.body["reasoning"] == {"max_tokens": 1024}
    assert not [line for line in named(made) if "thinking_budget" in line]


def test_thinking_in_glms_words_is_understood_and_its_rest_named() -> None:
    asked = chat(
        user({"type": "text", "text": "a"}),
        thinking={"type": "enabled", "clear_thinking": False},
    )
    made = convert(asked, source="openai-chat", target="dashscope", model="qwen-plus")
    assert made.request.body["parameters"]["enable_thinking"] is True
    assert "thinking.clear_thinking: `clear_thinking` is not carried" in named(made)
    sent = convert(asked, source="openai-chat", target="anthropic", model=CLAUDE).request.body
    assert "clear_thinking" not in sent["thinking"]


def test_automatic_mark_is_kept_where_there_is_one_and_named_elsewhere() -> None:
    asked = messages_body(user({"type": "text", "text": "a"}), cache_control=MARK)
    same = convert(asked, source="anthropic", target="anthropic")
    assert same.request.body["cache_control"] == MARK
    assert same.lost == ()
    made = convert(asked, source="anthropic", target="dashscope", model="qwen-plus")
    assert made.request.body["input"]["messages"][0]["content"][0]["cache_control"] == MARK
    assert named(made) == [
        "cache_control: the mark of the request as a whole stands on its last block"
    ]


def test_marks_without_a_place_are_named() -> None:
    made = convert(ANTHROPIC, source="anthropic", target="openai-chat", model="deepseek-chat")
    assert "system: the mark is not carried: deepseek takes no marks" in named(made)
    assert "messages[2]: the mark is not carried: deepseek takes no marks" in named(made)


def test_files_of_chat_become_documents() -> None:
    part = {
        "type": "file",
        "file": {"filename": "a.pdf", "file_data": "data:application/pdf;base64,QQ=="},
    }
    asked = chat(user({"type": "text", "text": "Read."}, part))
    made = convert(asked, source="openai-chat", target="anthropic", model=CLAUDE)
    assert made.request.body["messages"][0]["content"][1] == {
        "type": "document",
        "title": "a.pdf",
        "source": {"type": "base64", "media_type": "application/pdf", "data": "QQ=="},
    }
    assert made.lost == ()


def test_medium_that_the_target_does_not_take_is_named() -> None:
    part = {"type": "input_audio", "input_audio": {"data": "QQ==", "format": "wav"}}
    asked = chat(user({"type": "text", "text": "Hear."}, part))
    made = convert(asked, source="openai-chat", target="anthropic", model=CLAUDE)
    assert named(made) == ["messages[0]: audio is not carried"]


def test_names_of_speakers_that_the_target_does_not_take_are_named() -> None:
    asked = chat({"role": "user", "name": "Ann", "content": "a"})
    made = convert(asked, source="openai-chat", target="anthropic", model=CLAUDE)
    assert named(made) == ["messages[0]: the name 'Ann' of a speaker is not carried"]


def test_user_of_chat_is_the_user_of_anthropics_metadata_and_back() -> None:
    asked = chat({"role": "user", "content": "a"}, user="u1")
    there = convert(asked, source="openai-chat", target="anthropic", model=CLAUDE)
    assert there.request.body["metadata"] == {"user_id": "u1"}
    back = convert(there.request.body, source="anthropic", target="openai-chat", model="gpt-4o")
    assert back.request.body["user"] == "u1"


def test_session_id_goes_to_the_targets_field_or_is_named() -> None:
    asked = chat({"role": "user", "content": "a"}, prompt_cache_key="s1")
    there = convert(asked, source="openai-chat", target="openrouter", model=MODELS["openrouter"])
    assert there.request.body["session_id"] == "s1"
    made = convert(asked, source="openai-chat", target="dashscope", model="qwen-plus")
    assert named(made) == [
        "prompt_cache_key: the session id is not carried: there is no field for it"
    ]


def test_system_text_that_becomes_a_turn_is_named() -> None:
    asked = chat(
        {"role": "user", "content": "a"}, {"role": "system", "content": "Be brief from now on."}
    )
    made = convert(
        asked, source="openai-chat", target="bedrock-converse", model=MODELS["bedrock-converse"]
    )
    assert named(made) == ["messages[1]: a system text is sent as a turn: 'Be brief from now on.'"]


def test_json_schema_of_the_reply_is_carried_everywhere_it_can_be() -> None:
    schema = {"type": "object", "properties": {"a": {"type": "string"}}}
    asked = chat(
        {"role": "user", "content": "a"},
        response_format={"type": "json_schema", "json_schema": {"name": "r", "schema": schema}},
    )
    there = convert(asked, source="openai-chat", target="anthropic", model=CLAUDE)
    assert there.request.body["output_config"]["format"]["schema"] == schema
    model = MODELS["bedrock-converse"]
    over = convert(there.request.body, source="anthropic", target="bedrock-converse", model=model)
    back = convert(
        over.request.body, source="bedrock-converse", target="openai-chat", model="gpt-4o"
    )
    assert back.request.body["response_format"]["json_schema"]["schema"] == schema


def test_input_is_not_modified_and_shares_nothing_with_the_request() -> None:
    for body, source in ((ANTHROPIC, "anthropic"), (CHAT, "openai-chat"), (NATIVE, "dashscope")):
        before = copy.deepcopy(body)
        made = convert(body, source=source, target=source, model="qwen-plus")
        made.request.body["messages" if source != "dashscope" else "input"].clear()
        for tool in made.request.body.get("tools", []):
            tool.clear()
        assert body == before


# Round trips of recorded requests.

EQUIVALENT = """
a field that is null, false, or an empty list, object or string, and one that is absent
one text part without a mark, and the same text as a string; `{"text"}` and `{"type": "text"}`
`type: function` of a tool, and none
`result_format: message`, which wiremark always asks for, and none
a model in the body, and one named in the path or the application
JSON in a text (a JSON Schema of Bedrock), and the same JSON written otherwise
"""
"""What counts as equal in a round trip; `plain` below is the same as code."""


def plain(value: Any, key: str = "") -> Any:
    """Return a body in the one form that stands for all equivalent ones."""
    if isinstance(value, dict):
        fields = {name: plain(item, name) for name, item in value.items()}
        kept = {name: item for name, item in fields.items() if not is_nothing(item)}
        if kept.keys() == {"type", "text"} and kept["type"] == "text":
            del kept["type"]
        if "function" in kept and kept.get("type") == "function":
            del kept["type"]
        if kept.get("result_format") == "message":
            del kept["result_format"]
        return kept
    if isinstance(value, list):
        items = [plain(item) for item in value]
        if key in ("content", "system") and len(items) == 1 and items[0].keys() == {"text"}:
            return items[0]["text"]
        return items
    if key == "schema" and isinstance(value, str):
        return json.loads(value)
    return value


def is_nothing(value: Any) -> bool:
    return value is None or value is False or value in ("", [], {})


STEP = re.compile(r"\.?([\w$-]+)|\[(\d+)\]")


def without(body: dict[str, Any], paths: list[str]) -> dict[str, Any]:
    """Return the body without what stands at the paths; later items of a list go first."""
    out = copy.deepcopy(body)
    for path in sorted(paths, reverse=True):
        steps = [name or int(number) for name, number in STEP.findall(path)]
        holder: Any = out
        for step in steps[:-1]:
            holder = holder[step]
        del holder[steps[-1]]
    return out


def recorded(shared: Path) -> Iterator[tuple[str, str, str | None, str | None, dict[str, Any]]]:
    """Yield id, protocol, model, host and body of every recorded request that can be read."""
    for line in (shared / "real" / "exchanges.jsonl").read_text(encoding="utf-8").splitlines():
        each = json.loads(line)
        path = each["path"]
        model = unquote(path.split("/")[2]) if path.startswith("/model/") else None
        if path.endswith("/converse"):
            protocol = "bedrock-converse"
        elif path.endswith(("/messages", "/invoke")):
            protocol = "anthropic"
        elif path.endswith("/chat/completions"):
            protocol = "openai-chat"
        else:
            continue  # Responses
        yield each["id"], protocol, model, each["host"], each["request"]
    for line in (
        (shared / "real" / "dashscope_native.jsonl").read_text(encoding="utf-8").splitlines()
    ):
        each = json.loads(line)
        model = None if "model" in each["request"] else "qwen-plus"
        yield each["name"], "dashscope", model, None, each["request"]


MOVED = "test_mid_conversation_system_prompt_on_bedrock"
"""Its system message becomes a turn, which is named; the rest of it is not compared."""


@pytest.mark.shared
def test_recorded_requests_survive_or_what_is_lost_is_named(shared_dir: Path) -> None:
    count = 0
    for name, protocol, model, host, body in recorded(shared_dir):
        count += 1
        made = convert(body, source=protocol, target=protocol, model=model, host=host)
        if MOVED in name:
            assert [finding.path for finding in made.lost] == ["messages[3]"]
            continue
        sent = dict(made.request.body)
        if "model" not in body:
            sent.pop("model", None)
        paths = [finding.path for finding in made.lost]
        assert plain(without(body, paths)) == plain(sent), name
    assert count > 50


@pytest.mark.shared
def test_losses_of_recorded_requests_are_the_known_ones(shared_dir: Path) -> None:
    lost = set()
    for _, protocol, model, host, body in recorded(shared_dir):
        made = convert(body, source=protocol, target=protocol, model=model, host=host)
        lost |= {(protocol, re.sub(r"\[\d+\]", "[]", found.path)) for found in made.lost}
    assert lost == {
        ("anthropic", "messages[]"),  # a system message that a cloud takes as a turn
        ("anthropic", "messages[].content[]"),  # container_upload
        ("anthropic", "messages[].content[].content[]"),  # tool_reference
        ("anthropic", "tools[]"),  # code_execution, tool_search
        ("anthropic", "tools[].defer_loading"),
        ("dashscope", "input.messages[].content[]"),  # doc_url
        ("openai-chat", "tools[]"),  # OpenRouter's advisor and web search
        ("openai-chat", "tools[].eager_input_streaming"),
    }


@pytest.mark.shared
def test_recorded_requests_become_every_other_form(shared_dir: Path) -> None:
    for name, protocol, _, _, body in recorded(shared_dir):
        for target in TARGETS:
            made = convert(body, source=protocol, target=target, model=MODELS[target])
            read = read_body(body, protocol=protocol)
            sent = read_body(made.request.body, protocol=PROTOCOL_OF[target])
            calls = [block.id for _, block in blocks(read, "tool_use")]
            assert [block.id for _, block in blocks(sent, "tool_use")] == calls, (name, target)


def blocks(conversation: Any, kind: str) -> Iterator[tuple[int, Any]]:
    for index, message in enumerate(conversation.messages):
        for block in message.content:
            if block.type == kind:
                yield index, block


# Round trips of bodies that hold every kind of block.

PDF = {"bytes": "QQ=="}
SPEC = {"toolSpec": {"name": "f", "inputSchema": {"json": {"type": "object", "properties": {}}}}}
CALL = {"toolUse": {"toolUseId": "t1", "name": "f", "input": {}}}


def converse(*content: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return {"messages": [user(*content)], **fields}


def answered(result: dict[str, Any]) -> dict[str, Any]:
    return {
        "messages": [
            user({"text": "a"}),
            {"role": "assistant", "content": [CALL]},
            user({"toolResult": {"toolUseId": "t1", **result}}),
        ],
        "toolConfig": {"tools": [SPEC]},
    }


def said(*content: dict[str, Any]) -> dict[str, Any]:
    return messages_body(
        {"role": "user", "content": "a"}, {"role": "assistant", "content": list(content)}
    )


WHOLE: list[tuple[str, dict[str, Any]]] = [
    ("anthropic", said({"type": "redacted_thinking", "data": "x=="})),
    ("anthropic", said({"type": "web_search_tool_result", "tool_use_id": "s", "content": []})),
    (
        "anthropic",
        messages_body(user({"type": "text", "text": "a"}), thinking={"type": "disabled"}),
    ),
    (
        "anthropic",
        messages_body(
            user({"type": "text", "text": "a"}),
            model="claude-opus-4-6",
            thinking={"type": "adaptive"},
        ),
    ),
    (
        "anthropic",
        messages_body(
            user({"type": "text", "text": "a"}),
            thinking={"type": "adaptive", "display": "omitted"},
            output_config={"effort": "low"},
            metadata={"user_id": "u", "more": 1},
            service_tier="auto",
            top_k=3,
            top_p=0.5,
        ),
    ),
    (
        "anthropic",
        messages_body(
            user(
                {
                    "type": "document",
                    "source": {"type": "text", "media_type": "text/plain", "data": "Grüße"},
                },
                {"type": "document", "source": {"type": "url", "url": "https://a/b.pdf"}},
                {
                    "type": "image",
                    "source": {"type": "base64", "media_type": "image/png", "data": "QQ=="},
                    "cache_control": MARK,
                },
            )
        ),
    ),
    (
        "anthropic",
        messages_body(
            {"role": "user", "content": "a"},
            {
                "role": "assistant",
                "content": [
                    {
                        "type": "tool_use",
                        "id": "t1",
                        "name": "f",
                        "input": {},
                        "caller": {"type": "x"},
                    }
                ],
            },
            user(
                {
                    "type": "tool_result",
                    "tool_use_id": "t1",
                    "content": [
                        {"type": "text", "text": "b"},
                        {"type": "image", "source": {"type": "url", "url": "https://a/b.png"}},
                    ],
                    "is_error": True,
                    "cache_control": MARK,
                }
            ),
            tools=[{"name": "f", "description": "d", "input_schema": {"type": "object"}}],
            tool_choice={"type": "tool", "name": "f"},
        ),
    ),
    (
        "bedrock-converse",
        converse(
            {"text": "a"},
            {"image": {"format": "png", "source": PDF}},
            {"document": {"format": "pdf", "name": "d", "source": PDF}},
            {"video": {"format": "mp4", "source": {"s3Location": {"uri": "s3://a/b.mp4"}}}},
            {"audio": {"format": "wav", "source": PDF}},
            inferenceConfig={"stopSequences": ["X"]},
            guardrailConfig={"guardrailIdentifier": "g", "guardrailVersion": "1"},
            additionalModelRequestFields={
                "top_k": 3,
                "thinking": {"type": "disabled"},
                "beta": [1],
            },
            outputConfig={"effort": "low"},
            requestMetadata={"a": "b"},
        ),
    ),
    ("bedrock-converse", answered({"content": [{"text": "b"}], "status": "error"})),
    (
        "bedrock-converse",
        {
            "messages": [
                user({"text": "a"}),
                {
                    "role": "assistant",
                    "content": [{"reasoningContent": {"redactedContent": "x=="}}],
                },
            ],
            "toolConfig": {"tools": [SPEC], "toolChoice": {"any": {}}},
        },
    ),
    (
        "openai-chat",
        chat(
            {"role": "user", "name": "Ann", "content": "a"},
            {"role": "assistant", "content": "b", "reasoning_content": "Hm."},
            user({"type": "image_url", "image_url": {"url": "https://a/b.png"}}),
            user({"type": "input_audio", "input_audio": {"data": "QQ==", "format": "wav"}}),
            tools=[
                {"type": "function", "function": {"name": "f", "description": "", "parameters": {}}}
            ],
            tool_choice={"type": "function", "function": {"name": "f"}},
            seed=2**40,
            logit_bias={"1": 2},
            top_k=3,
            prompt_cache_key="s",
            session_id="t",
        ),
    ),
    (
        "dashscope",
        {
            "model": "qwen-vl-max",
            "input": {
                "messages": [
                    user(
                        {"image": "https://a/b.png", "min_pixels": 4},
                        {"video": "https://a/b.mp4", "fps": 2.0},
                        {"audio": "https://a/b.mp3"},
                        {"text": "a", "cache_control": MARK},
                    )
                ]
            },
            "parameters": {
                "result_format": "text",
                "thinking_budget": 9,
                "max_completion_tokens": 5,
                "stop": [[1, 2]],
                "seed": 3,
            },
        },
    ),
]


@pytest.mark.parametrize(("protocol", "body"), WHOLE)
def test_every_kind_of_block_and_setting_survives(protocol: str, body: dict[str, Any]) -> None:
    model = body.get("model") or MODELS[protocol]
    made = convert(body, source=protocol, target=protocol, model=model)
    assert plain(made.request.body) == plain(body)
    assert made.lost == ()


@pytest.mark.parametrize(
    ("protocol", "body", "path"),
    [
        (
            "anthropic",
            messages_body(user({"type": "image", "source": {"type": "file", "file_id": "f"}})),
            "messages[0].content[0]",
        ),
        (
            "anthropic",
            messages_body(user({"type": "text", "text": "a", "citations": [1]})),
            "messages[0].content[0].citations",
        ),
        (
            "bedrock-converse",
            converse({"guardContent": {"text": {"text": "a"}}}),
            "messages[0].content[0]",
        ),
        (
            "bedrock-converse",
            converse({"image": {"format": "png", "source": {"x": 1}}}),
            "messages[0].content[0].image",
        ),
        (
            "bedrock-converse",
            answered({"content": [{"json": {"a": 1}}]}),
            "messages[2].content[0].toolResult.content[0].json",
        ),
        (
            "bedrock-converse",
            {"messages": [], "toolConfig": {"tools": [{"systemTool": {"name": "x"}}]}},
            "toolConfig.tools[0]",
        ),
        (
            "bedrock-converse",
            {"messages": [], "toolConfig": {"tools": [{"cachePoint": {"type": "default"}}]}},
            "toolConfig.tools[0]",
        ),
        ("dashscope", {"input": {"messages": [], "task": 1}}, "input.task"),
        ("dashscope", {"input": {"messages": []}, "resources": {"a": 1}}, "resources"),
        (
            "dashscope",
            {"input": {"messages": [user({"video": ["a", "b"]})]}},
            "input.messages[0].content[0].video",
        ),
        (
            "dashscope",
            {"input": {"messages": [user({"image": "a", "enable_rotate": True})]}},
            "input.messages[0].content[0].enable_rotate",
        ),
    ],
)
def test_what_one_provider_alone_knows_is_named(
    protocol: str, body: dict[str, Any], path: str
) -> None:
    assert [finding.path for finding in read_body(body, protocol=protocol).lost] == [path]


def test_json_in_a_result_of_converse_becomes_text() -> None:
    read = read_body(answered({"content": [{"json": {"a": 1}}]}), protocol="bedrock-converse")
    assert read.messages[2].content[0].output[0].text == '{"a":1}'  # type: ignore[union-attr]


def test_documents_of_converse_become_documents_of_anthropic() -> None:
    part = {"document": {"format": "txt", "name": "n", "source": {"text": "Grüße"}}}
    made = convert(
        converse({"text": "a"}, part), source="bedrock-converse", target="anthropic", model=CLAUDE
    )
    assert made.request.body["messages"][0]["content"][1]["source"] == {
        "type": "text",
        "media_type": "text/plain",
        "data": "Grüße",
    }


def test_tool_of_a_choice_and_missing_tools_are_named() -> None:
    asked = messages_body(user({"type": "text", "text": "a"}), tool_choice={"type": "any"})
    made = convert(asked, source="anthropic", target="openai-chat", model="gpt-4o")
    assert named(made) == ["tool_choice: tool choice `required` is not carried"]


def test_claudes_own_words_are_kept_between_its_services() -> None:
    thinking = {"type": "adaptive", "display": "omitted"}
    asked = messages_body(user({"type": "text", "text": "a"}), thinking=thinking)
    model = MODELS["bedrock-converse"]
    there = convert(asked, source="anthropic", target="bedrock-converse", model=model)
    assert there.request.body["additionalModelRequestFields"] == {"thinking": thinking}
    back = convert(there.request.body, source="bedrock-converse", target="anthropic", model=CLAUDE)
    assert back.request.body["thinking"] == thinking
    assert (there.lost, back.lost) == ((), ())
    other = convert(asked, source="anthropic", target="dashscope", model="qwen-plus")
    assert other.request.body["parameters"]["enable_thinking"] is True
    assert "thinking.display: `display` is not carried" in named(other)


# Properties.

WORDS = st.text("abcdefgh ijkäöß漢字", min_size=1, max_size=12).map(lambda text: f"<{text}>")


@st.composite
def bodies(draw: st.DrawFn, marks: int = 3) -> dict[str, Any]:
    """Draw a conversation as an Anthropic body, with marks at ends of user turns and the system."""
    left = marks
    ids = iter(range(1000))

    def mark() -> dict[str, Any]:
        nonlocal left
        if left and draw(st.booleans()):
            left -= 1
            return {"cache_control": MARK}
        return {}

    body = messages_body(
        tools=[{"name": "f", "description": "d", "input_schema": {"type": "object"}}]
    )
    if draw(st.booleans()):
        body["system"] = [{"type": "text", "text": draw(WORDS), **mark()}]
    for _ in range(draw(st.integers(1, 4))):
        texts = draw(st.lists(WORDS, min_size=1, max_size=3))
        parts: list[dict[str, Any]] = [{"type": "text", "text": text} for text in texts]
        parts[-1].update(mark())
        body["messages"].append({"role": "user", "content": parts})
        said: list[dict[str, Any]] = [{"type": "text", "text": draw(WORDS)}]
        calls = [f"t{next(ids)}" for _ in range(draw(st.integers(0, 2)))]
        given_ = st.dictionaries(st.sampled_from("pqr"), st.integers() | WORDS, max_size=2)
        said += [
            {"type": "tool_use", "id": id_, "name": "f", "input": draw(given_)} for id_ in calls
        ]
        body["messages"].append({"role": "assistant", "content": said})
        if calls:
            results = [
                {"type": "tool_result", "tool_use_id": id_, "content": draw(WORDS)} for id_ in calls
            ]
            body["messages"].append({"role": "user", "content": results})
            body["messages"].append(
                {"role": "assistant", "content": [{"type": "text", "text": draw(WORDS)}]}
            )
    body["messages"].append({"role": "user", "content": [{"type": "text", "text": draw(WORDS)}]})
    return body


def sayings(body: dict[str, Any], form: str) -> dict[str, Any]:
    """Return texts, calls, results, and how much text stands before the end of each marked block.

    Newlines, which join the texts of a message, are left out.
    """
    read = read_body(body, protocol=PROTOCOL_OF[form])
    text = ""
    marked = []
    for _, block in blocks(read, "text"):
        text += block.text.replace("\n", "")
        if block.cache_control is not None:
            marked.append(len(text))
    results = [
        (block.id, "".join(item.text for item in block.output))
        for _, block in blocks(read, "tool_result")
    ]
    calls = [(block.id, block.name, arguments(block)) for _, block in blocks(read, "tool_use")]
    return {"text": text, "calls": calls, "results": results, "marked": marked}


def arguments(block: Any) -> Any:
    return json.loads(block.arguments)


@pytest.mark.parametrize("second", sorted(TARGETS))
@pytest.mark.parametrize("first", sorted(TARGETS))
@settings(max_examples=15)
@given(body=bodies())
def test_there_and_back_keeps_texts_calls_and_marks(
    first: str, second: str, body: dict[str, Any]
) -> None:
    start = convert(body, source="anthropic", target=first, model=MODELS[first])
    assert not [found for found in start.lost if found.code == "mark-lost"]
    there = convert(
        start.request.body, source=PROTOCOL_OF[first], target=second, model=MODELS[second]
    )
    back = convert(
        there.request.body, source=PROTOCOL_OF[second], target=first, model=MODELS[first]
    )
    assert sayings(back.request.body, first) == sayings(start.request.body, first)
    assert (there.lost, back.lost) == ((), ())


@given(body=bodies(marks=9), form=st.sampled_from(sorted(TARGETS)))
@settings(max_examples=60)
@pytest.mark.filterwarnings("ignore::wiremark.CacheBudgetWarning")
def test_every_mark_is_placed_or_named(body: dict[str, Any], form: str) -> None:
    asked = json.dumps(body).count("cache_control")
    made = convert(body, source="anthropic", target=form, model=MODELS[form])
    lost = [found for found in made.lost if found.code == "mark-lost"]
    assert len(sayings(made.request.body, form)["marked"]) + len(lost) == asked


@given(body=bodies(), protocol=st.sampled_from(PROTOCOLS))
@settings(max_examples=40)
def test_conversion_is_deterministic(body: dict[str, Any], protocol: str) -> None:
    target = protocol
    once, again = (
        convert(body, source="anthropic", target=target, model=MODELS[target]) for _ in "ab"
    )
    assert once.request.to_json() == again.request.to_json()
    assert once.lost == again.lost


JSON_ = st.recursive(
    st.none() | st.booleans() | st.integers() | WORDS,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "role",
                    "content",
                    "type",
                    "text",
                    "messages",
                    "input",
                    "tools",
                    "system",
                    "source",
                ]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(
    body=JSON_ | st.fixed_dictionaries({"messages": JSON_, "tools": JSON_}),
    protocol=st.sampled_from(PROTOCOLS),
)
@settings(max_examples=300)
def test_any_json_is_read_or_refused_with_a_reason(body: Any, protocol: str) -> None:
    with suppress(MessageError, OptionError):
        read_body(body, protocol=protocol)
