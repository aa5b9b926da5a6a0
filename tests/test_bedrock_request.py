"""Converse requests: botocore 1.44.5's service model, and requests recorded by pydantic-ai."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from wiremark import BedrockConverseFormatter, GenerateOptions, Msg, ResponseFormat, ToolSchema
from wiremark.bedrock import read_content
from wiremark.errors import BodyInvalid, FormatError, MediaRefused, MessageError, OptionError
from wiremark.messages import (
    AudioBlock,
    Base64Source,
    DataBlock,
    HintBlock,
    ImageBlock,
    OpaqueBlock,
    TextBlock,
    ThinkingBlock,
    ToolResultBlock,
    ToolUseBlock,
    URLSource,
    VideoBlock,
    dump_messages,
    read_messages,
)
from wiremark.validation import detect_protocol, validate

CLAUDE = "us.anthropic.claude-sonnet-4-5-20250929-v1:0"
F = BedrockConverseFormatter()
HI = [Msg.user("hi")]
TOOL = ToolSchema(name="f", description="d", parameters={"type": "object", "properties": {}})
POINT = {"cachePoint": {"type": "default"}}


def body(messages: list[Msg], model: str = CLAUDE, **given: Any) -> dict[str, Any]:
    return F.build_request(model, messages, **given).body


def sent(messages: list[Msg], **given: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = body(messages, **given)["messages"]
    return found


def codes(messages: list[Msg], **given: Any) -> list[tuple[str, str]]:
    found = F.build_request(given.pop("model", CLAUDE), messages, **given).findings
    return [(finding.code, finding.path) for finding in found]


def call(number: int = 1, **fields: Any) -> ToolUseBlock:
    return ToolUseBlock(f"c{number}", "f", {"a": number}, **fields)


# ---------------------------------------------------------------- recorded requests


@pytest.fixture(scope="module")
def recorded(shared_dir: Path) -> dict[str, dict[str, Any]]:
    lines = (shared_dir / "real" / "exchanges.jsonl").read_text(encoding="utf-8").splitlines()
    rows = [json.loads(line) for line in lines]
    return {
        row["id"]: row
        for row in rows
        if row["host"].startswith("bedrock-runtime") and row["path"].endswith("/converse")
    }


def of(recorded: dict[str, dict[str, Any]], name: str) -> dict[str, Any]:
    return next(row for key, row in recorded.items() if key.endswith(name))


def without_empty(request: dict[str, Any]) -> dict[str, Any]:
    """Return a recorded request without `"system": []` and `"inferenceConfig": {}`."""
    return {key: value for key, value in request.items() if value not in ([], {})}


@pytest.mark.shared
def test_every_recorded_request_is_valid(recorded: dict[str, dict[str, Any]]) -> None:
    assert len(recorded) == 14
    for name, row in recorded.items():
        assert validate(row["request"], protocol="bedrock-converse") == (), name


@pytest.mark.shared
def test_a_recorded_request_is_recognised_by_its_keys(recorded: dict[str, dict[str, Any]]) -> None:
    found = {detect_protocol(row["request"]) for row in recorded.values()}
    assert found == {"bedrock-converse"}


@pytest.mark.shared
def test_a_recorded_thought_goes_back_byte_for_byte(recorded: dict[str, dict[str, Any]]) -> None:
    first = of(recorded, "tool_with_thinking#0")
    second = of(recorded, "tool_with_thinking#1")["request"]
    answer = read_content(first["response"]["output"]["message"]["content"])
    stored = read_messages(json.loads(json.dumps(dump_messages([answer]))))
    country = ToolResultBlock(answer.content[-1].id, "get_user_country", "Mexico", state="success")
    messages = [
        Msg.user("What is the largest city in the user country?"),
        *stored,
        Msg.tool(country),
    ]
    tool = second["toolConfig"]["tools"][0]["toolSpec"]
    request = F.build_request(
        "us.anthropic.claude-3-7-sonnet-20250219-v1:0",
        messages,
        tools=[
            ToolSchema(name=tool["name"], description="", parameters=tool["inputSchema"]["json"])
        ],
        options=GenerateOptions(thinking_budget=1024),
        validate=True,
    )
    assert request.body == without_empty(second)
    assert request.path == first["path"]


@pytest.mark.shared
@pytest.mark.parametrize("turn", [0, 1])
def test_a_recorded_cached_request_is_rebuilt(
    recorded: dict[str, dict[str, Any]], turn: int
) -> None:
    row = of(recorded, f"preserves_cache[anthropic]#{turn}")
    wanted = row["request"]
    specs = [entry["toolSpec"] for entry in wanted["toolConfig"]["tools"] if "toolSpec" in entry]
    tools = [
        ToolSchema(
            name=spec["name"],
            description="",
            parameters=spec["inputSchema"]["json"],
            strict=spec["strict"],
            cache_control=True if spec is specs[-1] else None,
        )
        for spec in specs
    ]
    messages = [
        Msg.system(wanted["system"][0]["text"]).with_cache_control(),
        Msg.user(wanted["messages"][0]["content"][0]["text"]),
    ]
    if turn:
        used = wanted["messages"][1]["content"][0]["toolUse"]
        call_id = used["toolUseId"]
        messages += [
            Msg.assistant(ToolUseBlock(call_id, used["name"], used["input"])),
            Msg.tool(ToolResultBlock(call_id, used["name"], "21", state="success")),
        ]
    choice = "auto" if turn else {"specific": "catalog_lookup"}
    request = F.build_request(CLAUDE, messages, tools=tools, tool_choice=choice, validate=True)
    assert request.body == without_empty(wanted)
    assert request.path == row["path"]
    assert [where for where, _ in request.plan.placed] == ["toolConfig.tools[2]", "system[1]"]


@pytest.mark.shared
def test_a_recorded_schema_of_the_answer_is_rebuilt(recorded: dict[str, dict[str, Any]]) -> None:
    wanted = of(recorded, "native_output_supported_model#0")["request"]
    given = wanted["outputConfig"]["textFormat"]["structure"]["jsonSchema"]
    form = ResponseFormat.schema_of(
        given["name"], json.loads(given["schema"]), description=given["description"]
    )
    made = body(HI, options=GenerateOptions(response_format=form))["outputConfig"]
    structure = made["textFormat"]["structure"]["jsonSchema"]
    assert json.loads(structure.pop("schema")) == json.loads(given.pop("schema"))
    assert made == wanted["outputConfig"]


# ---------------------------------------------------------------- the body


def test_system_messages_in_front_stand_in_system() -> None:
    messages = [Msg.system("a"), Msg.system(["b", "c"]), Msg.user("hi")]
    assert body(messages) == {
        "messages": [{"role": "user", "content": [{"text": "hi"}]}],
        "system": [{"text": "a"}, {"text": "b"}, {"text": "c"}],
    }


def test_format_keeps_system_messages_in_front() -> None:
    made = F.format([Msg.system("a"), Msg.user("hi")])
    assert [message["role"] for message in made] == ["system", "user"]


def test_a_later_system_message_is_a_user_message_and_named() -> None:
    messages = [Msg.user("hi"), Msg.assistant("yes"), Msg.system("be brief")]
    assert sent(messages)[2] == {"role": "user", "content": [{"text": "be brief"}]}
    assert ("system-as-user", "messages[2]") in codes(messages)


def test_a_batch_of_results_is_one_user_message() -> None:
    messages = [
        Msg.user("hi"),
        Msg.assistant([call(1), call(2)]),
        Msg.tool_result("c1", "f", "one"),
        Msg.tool_result("c2", "f", "two"),
        Msg.user("and now?"),
    ]
    assert sent(messages, tools=[TOOL])[1:] == [
        {
            "role": "assistant",
            "content": [
                {"toolUse": {"toolUseId": "c1", "name": "f", "input": {"a": 1}}},
                {"toolUse": {"toolUseId": "c2", "name": "f", "input": {"a": 2}}},
            ],
        },
        {
            "role": "user",
            "content": [
                {"toolResult": {"toolUseId": "c1", "content": [{"text": "one"}]}},
                {"toolResult": {"toolUseId": "c2", "content": [{"text": "two"}]}},
                {"text": "and now?"},
            ],
        },
    ]


def test_messages_of_one_role_are_joined() -> None:
    messages = [Msg.user("a"), Msg.user("b"), Msg.assistant("c"), Msg.assistant("d")]
    assert sent(messages) == [
        {"role": "user", "content": [{"text": "a"}, {"text": "b"}]},
        {"role": "assistant", "content": [{"text": "c"}, {"text": "d"}]},
    ]


def test_a_result_inside_an_assistant_message_becomes_a_user_turn() -> None:
    inside = Msg.assistant([call(), ToolResultBlock("c1", "f", "one"), "done"])
    assert [turn["role"] for turn in sent([Msg.user("hi"), inside])] == [
        "user",
        "assistant",
        "user",
        "assistant",
    ]


@pytest.mark.parametrize("text", ["", " \n"])
def test_blank_text_is_not_sent(text: str) -> None:
    messages = [Msg.user(["hi", text]), Msg.assistant([text, call()])]
    assert [len(turn["content"]) for turn in sent(messages)] == [1, 1]


def test_a_message_without_content_is_left_out_and_named() -> None:
    messages = [Msg.user("a"), Msg.assistant(""), Msg.user("b")]
    assert sent(messages) == [{"role": "user", "content": [{"text": "a"}, {"text": "b"}]}]
    assert ("content-not-sent", "messages[1]") in codes(messages)


def test_a_thought_without_signature_is_not_sent_and_named() -> None:
    messages = [Msg.user("a"), Msg.assistant([ThinkingBlock("hm"), "b"])]
    assert sent(messages)[1]["content"] == [{"text": "b"}]
    assert ("content-not-sent", "messages[1].content[0]") in codes(messages)


def test_an_encrypted_thought_goes_back() -> None:
    thought = {"reasoningContent": {"redactedContent": "c2VjcmV0"}}
    answer = read_content([thought, {"text": "b"}])
    assert sent([Msg.user("a"), answer])[1]["content"] == [thought, {"text": "b"}]


def test_a_hint_is_a_text() -> None:
    assert sent([Msg.user("a"), Msg.assistant(HintBlock("h"))])[1]["content"] == [{"text": "h"}]


def test_raw_arguments_win_over_input_as_they_are_what_the_model_wrote() -> None:
    used = sent([Msg.user("a"), Msg.assistant(call(content='{"b": 2}'))])[1]["content"][0]
    assert used["toolUse"]["input"] == {"b": 2}


def test_arguments_that_are_no_object_are_named() -> None:
    messages = [Msg.user("a"), Msg.assistant(call(content="[1]"))]
    assert sent(messages)[1]["content"][0]["toolUse"]["input"] == {"a": 1}
    assert ("content-not-sent", "messages[1].content[0].content") in codes(messages)


@pytest.mark.parametrize("lacking", [{"id": None}, {"name": None}, {"id": ""}])
def test_a_call_without_id_or_name_is_not_sent_and_named(lacking: dict[str, Any]) -> None:
    broken = ToolUseBlock(**{"id": "c1", "name": "f", **lacking})
    messages = [Msg.user("a"), Msg.assistant(["b", broken])]
    assert sent(messages)[1]["content"] == [{"text": "b"}]
    assert ("content-not-sent", "messages[1].content[1]") in codes(messages)


@pytest.mark.parametrize("given", ["fc|1", "x" * 65, "ä"])
def test_an_id_that_the_api_refuses_becomes_the_same_one_at_call_and_result(given: str) -> None:
    messages = [
        Msg.user("a"),
        Msg.assistant(ToolUseBlock(given, "f")),
        Msg.tool_result(given, "f", "one"),
    ]
    request = F.build_request(CLAUDE, messages, tools=[TOOL], validate=True)
    used, result = request.messages[1]["content"][0], request.messages[2]["content"][0]
    assert used["toolUse"]["toolUseId"] == result["toolResult"]["toolUseId"]


@pytest.mark.parametrize(
    ("state", "status"),
    [("success", "success"), ("error", "error"), ("denied", "error"), ("running", None)],
)
def test_the_state_of_a_result_is_its_status(state: str, status: str | None) -> None:
    made = sent([Msg.tool(ToolResultBlock("c1", "f", "one", state=state))])[0]["content"][0]
    assert made["toolResult"].get("status") == status


@pytest.mark.parametrize("output", [(), "", " ", [HintBlock("h")]])
def test_a_result_without_content_says_so_and_is_named(output: Any) -> None:
    messages = [Msg.tool(ToolResultBlock("c1", "f", output))]
    made = sent(messages)[0]["content"][0]["toolResult"]
    assert made["content"] == [{"text": "[Empty tool result]"}]
    assert ("empty-tool-result", "messages[0].content[0]") in codes(messages)


def test_a_result_without_id_gets_one_from_its_content() -> None:
    first = sent([Msg.tool(ToolResultBlock(None, "f", "one"))])
    other = sent([Msg.tool(ToolResultBlock(None, "f", "two"))])
    assert first == sent([Msg.tool(ToolResultBlock(None, "f", "one"))])
    assert first[0]["content"][0]["toolResult"]["toolUseId"].startswith("call_")
    assert first != other


# ---------------------------------------------------------------- media


def base64(mime: str, data: str = "QUJD") -> Base64Source:
    return Base64Source(media_type=mime, data=data)


@pytest.mark.parametrize(
    ("block", "wanted"),
    [
        (ImageBlock(base64("image/png")), {"image": {"format": "png"}}),
        (ImageBlock(base64("image/jpg")), {"image": {"format": "jpeg"}}),
        (VideoBlock(base64("video/quicktime")), {"video": {"format": "mov"}}),
        (AudioBlock(base64("audio/wav")), {"audio": {"format": "wav"}}),
        (ImageBlock("data:image/gif;base64,QUJD"), {"image": {"format": "gif"}}),
        (DataBlock(base64("image/webp")), {"image": {"format": "webp"}}),
        (
            DataBlock(base64("application/pdf"), name="Q3 report_v2.pdf"),
            {"document": {"format": "pdf", "name": "Q3 report v2 pdf"}},
        ),
    ],
)
def test_a_medium_is_sent_as_base64_with_its_format(block: Any, wanted: dict[str, Any]) -> None:
    [(kind, fields)] = wanted.items()
    request = F.build_request(CLAUDE, [Msg.user(["see", block])], validate=True)
    assert request.messages[0]["content"][1] == {kind: {**fields, "source": {"bytes": "QUJD"}}}


def test_a_document_without_a_name_gets_one_that_its_content_gives() -> None:
    name = [
        sent([Msg.user(["see", DataBlock(base64("text/plain", data))])])[0]["content"][1][
            "document"
        ]
        for data in ("QUJD", "QUJD", "REVG")
    ]
    assert name[0] == name[1]
    assert name[0]["name"] != name[2]["name"]


def test_an_object_in_s3_is_named() -> None:
    made = sent([Msg.user(["see", VideoBlock("s3://bucket/a.mp4")])])[0]["content"][1]
    source = {"s3Location": {"uri": "s3://bucket/a.mp4"}}
    assert made == {"video": {"format": "mp4", "source": source}}


def test_a_file_is_read_under_a_policy_alone(tmp_path: Path) -> None:
    from wiremark import MediaPolicy

    (tmp_path / "a.png").write_bytes(b"ABC")
    message = Msg.user(["see", ImageBlock(str(tmp_path / "a.png"))])
    allowed = BedrockConverseFormatter(media=MediaPolicy(roots=[tmp_path]))
    made = allowed.format([message])[0]["content"][1]
    assert made == {"image": {"format": "png", "source": {"bytes": "QUJD"}}}
    assert "text" in F.format([message])[0]["content"][1]
    assert ("media-not-sent", "messages[0].content[1]") in codes([message])


@pytest.mark.parametrize(
    "block",
    [
        ImageBlock("https://example.com/a.png"),
        ImageBlock(base64("image/tiff")),
        ImageBlock(base64("image/png", "")),
        ImageBlock(URLSource("s3://bucket/unknown")),
        DataBlock(base64("application/zip")),
        ImageBlock("data:image/png;base64,"),
        ImageBlock({"type": "Source"}),
    ],
)
def test_a_medium_that_the_api_refuses_is_named_in_text(block: Any) -> None:
    messages = [Msg.user(["see", block])]
    assert sent(messages)[0]["content"][1]["text"].startswith("[")
    assert ("media-not-sent", "messages[0].content[1]") in codes(messages)


def test_a_video_without_a_source_is_named() -> None:
    messages = [Msg.user(["see", VideoBlock()])]
    assert len(sent(messages)[0]["content"]) == 1
    assert ("content-not-sent", "messages[0].content[1]") in codes(messages)


def test_sizes_and_rates_are_named() -> None:
    messages = [Msg.user(["see", ImageBlock(base64("image/png"), max_pixels=9)])]
    assert ("content-not-sent", "messages[0].content[1].max_pixels") in codes(messages)


def test_an_image_of_the_assistant_is_not_sent_and_named() -> None:
    messages = [Msg.user("a"), Msg.assistant(["b", ImageBlock(base64("image/png"))])]
    assert sent(messages)[1]["content"] == [{"text": "b"}]
    assert ("content-not-sent", "messages[1].content[1]") in codes(messages)


def test_media_of_a_result_stand_in_it() -> None:
    output = ["a", ImageBlock(base64("image/png")), ImageBlock("https://x/a.png")]
    made = sent([Msg.tool(ToolResultBlock("c1", "f", output))])[0]["content"][0]["toolResult"]
    assert made["content"] == [
        {"text": "a"},
        {"image": {"format": "png", "source": {"bytes": "QUJD"}}},
        {"text": "The returned image can be found at: https://x/a.png"},
    ]


def test_audio_in_a_result_is_named() -> None:
    messages = [Msg.tool(ToolResultBlock("c1", "f", [AudioBlock(base64("audio/wav"))]))]
    made = sent(messages)[0]["content"][0]["toolResult"]["content"]
    assert [list(block) for block in made] == [["text"]]
    assert ("content-not-sent", "messages[0].content[0].output[0]") in codes(messages)


# ---------------------------------------------------------------- options, tools, path


def test_options_stand_where_the_model_of_the_api_has_them() -> None:
    options = GenerateOptions(
        temperature=0.5, top_p=0.9, max_tokens=10, top_k=3, reasoning_effort="low"
    )
    made = body(HI, options=options)
    assert made["inferenceConfig"] == {"maxTokens": 10, "temperature": 0.5, "topP": 0.9}
    assert made["additionalModelRequestFields"] == {"top_k": 3}
    assert made["outputConfig"] == {"effort": "low"}
    assert list(made) == [
        "messages",
        "inferenceConfig",
        "additionalModelRequestFields",
        "outputConfig",
    ]


def test_max_completion_tokens_stands_in_for_max_tokens() -> None:
    both = GenerateOptions(max_tokens=10, max_completion_tokens=20)
    alone = GenerateOptions(max_completion_tokens=20)
    assert body(HI, options=alone)["inferenceConfig"] == {"maxTokens": 20}
    assert body(HI, options=both)["inferenceConfig"] == {"maxTokens": 10}
    assert ("option-not-sent", "options.max_completion_tokens") in codes(HI, options=both)


def test_top_k_of_nova_stands_in_a_config_of_its_own() -> None:
    made = body(HI, "us.amazon.nova-lite-v1:0", options=GenerateOptions(top_k=3))
    assert made["additionalModelRequestFields"] == {"inferenceConfig": {"topK": 3}}


@pytest.mark.parametrize(
    ("model", "options"),
    [
        ("meta.llama4-scout-17b-instruct-v1:0", {"top_k": 3}),
        ("meta.llama4-scout-17b-instruct-v1:0", {"thinking_budget": 1024}),
        ("meta.llama4-scout-17b-instruct-v1:0", {"enable_thinking": True}),
        (CLAUDE, {"enable_thinking": True}),
        (CLAUDE, {"seed": 1}),
        (CLAUDE, {"frequency_penalty": 0.1}),
        (CLAUDE, {"presence_penalty": 0.1}),
        (CLAUDE, {"parallel_tool_calls": False}),
        (CLAUDE, {"enable_search": True}),
        (CLAUDE, {"response_format": {"type": "json_object"}}),
    ],
)
def test_an_option_without_a_place_is_named(model: str, options: dict[str, Any]) -> None:
    given = GenerateOptions.from_dict(options)
    assert list(body(HI, model, options=given)) == ["messages"]
    assert codes(HI, model=model, options=given) == [
        ("option-not-sent", f"options.{next(iter(options))}")
    ]


def test_thinking_can_be_disabled() -> None:
    off = GenerateOptions(enable_thinking=False, thinking_budget=9)
    assert body(HI, options=off)["additionalModelRequestFields"] == {
        "thinking": {"type": "disabled"}
    }
    assert codes(HI, options=off) == [("option-not-sent", "options.thinking_budget")]


def test_additional_parameters_go_to_the_api_if_it_has_them_else_to_the_model() -> None:
    extras = {
        "stop": "END",
        "guardrailConfig": {"guardrailIdentifier": "g", "guardrailVersion": "1"},
        "inferenceConfig": {"temperature": 0.1},
        "thinking": {"type": "adaptive"},
    }
    made = body(HI, options=GenerateOptions(max_tokens=5, additional_body_params=extras))
    assert made["inferenceConfig"] == {"maxTokens": 5, "stopSequences": ["END"], "temperature": 0.1}
    assert made["guardrailConfig"] == extras["guardrailConfig"]
    assert made["additionalModelRequestFields"] == {"thinking": {"type": "adaptive"}}


def test_additional_parameters_do_not_replace_what_has_an_argument() -> None:
    options = GenerateOptions(additional_body_params={"messages": [], "toolConfig": {}})
    assert body(HI, options=options)["messages"] == [{"role": "user", "content": [{"text": "hi"}]}]
    assert len(codes(HI, options=options)) == 2


def test_a_tool_without_parameters_still_has_an_object_schema() -> None:
    made = body(HI, tools=[ToolSchema(name="f", description="")])["toolConfig"]["tools"]
    schema = {"json": {"type": "object", "properties": {}}}
    assert made == [{"toolSpec": {"name": "f", "inputSchema": schema}}]


@pytest.mark.parametrize(
    ("choice", "wanted"),
    [
        ("auto", {"auto": {}}),
        ("required", {"any": {}}),
        ({"specific": "f"}, {"tool": {"name": "f"}}),
    ],
)
def test_a_tool_choice_has_the_form_of_the_union(choice: Any, wanted: dict[str, Any]) -> None:
    assert body(HI, tools=[TOOL], tool_choice=choice)["toolConfig"]["toolChoice"] == wanted


def test_the_choice_of_no_tool_has_no_form_and_is_named() -> None:
    assert "toolChoice" not in body(HI, tools=[TOOL], tool_choice="none")["toolConfig"]
    assert codes(HI, tools=[TOOL], tool_choice="none") == [("option-not-sent", "tool_choice")]
    assert codes(HI, tool_choice="auto") == [("option-not-sent", "tool_choice")]


@pytest.mark.parametrize(
    ("model", "path"),
    [
        (CLAUDE, "/model/us.anthropic.claude-sonnet-4-5-20250929-v1%3A0/converse"),
        (
            "arn:aws:bedrock:us-east-1:123456789012:inference-profile/x",
            "/model/arn%3Aaws%3Abedrock%3Aus-east-1%3A123456789012%3Ainference-profile%2Fx/converse",
        ),
    ],
)
def test_the_model_stands_percent_encoded_in_the_path(model: str, path: str) -> None:
    assert F.build_request(model, HI).path == path
    assert F.build_request(model, HI, stream=True).path == f"{path}-stream"
    host = "https://bedrock-runtime.us-east-1.amazonaws.com"
    assert F.build_request(model, HI).url(host) == host + path


def test_a_request_without_a_model_is_refused() -> None:
    with pytest.raises(OptionError, match="part of the path"):
        F.build_request("", HI)


def test_steps_of_a_body_can_be_done_by_hand() -> None:
    made = F.apply_options({"messages": []}, GenerateOptions(top_k=1), model=CLAUDE)
    made = F.apply_tool_choice(F.apply_tools(made, [TOOL]), None)
    assert made["additionalModelRequestFields"] == {"top_k": 1}
    assert made["toolConfig"]["toolChoice"] == {"auto": {}}
    assert F.apply_tool_choice(F.apply_tools({"messages": []}, None), "auto") == {"messages": []}


# ---------------------------------------------------------------- what the API refuses


def test_a_conversation_that_starts_with_the_assistant_is_named() -> None:
    assert ("conversation-start", "messages[0]") in codes([Msg.assistant("a")])


def test_calls_without_tools_are_named() -> None:
    messages = [Msg.user("a"), Msg.assistant(call()), Msg.tool_result("c1", "f", "one")]
    assert ("tools-missing", "toolConfig") in codes(messages)
    assert codes(messages, tools=[TOOL]) == []


def test_a_document_without_text_is_named() -> None:
    pdf = DataBlock(base64("application/pdf"))
    assert ("document-without-text", "messages[0]") in codes([Msg.user(pdf)])
    assert codes([Msg.user([pdf, "sum up"])]) == []


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({"messages": [{"role": "user", "content": []}]}, "messages[0].content"),
        (
            {"messages": [{"role": "user", "content": [{"text": " "}]}]},
            "messages[0].content[0].text",
        ),
        ({"messages": [{"role": "developer", "content": [{"text": "a"}]}]}, "messages[0].role"),
        ({"messages": [{"role": "user", "content": [{}]}]}, "messages[0].content[0]"),
        ({"messages": [{"role": "user", "content": "a"}]}, "messages[0].content"),
        ({"inferenceConfig": {"temperature": 2}}, "inferenceConfig.temperature"),
        ({"inferenceConfig": {"maxTokens": 0}}, "inferenceConfig.maxTokens"),
        ({"toolConfig": {"tools": []}}, "toolConfig.tools"),
        (
            {"toolConfig": {"tools": [{"toolSpec": {"name": "a b", "inputSchema": {"json": {}}}}]}},
            "toolConfig.tools[0].toolSpec.name",
        ),
        (
            {
                "toolConfig": {
                    "tools": [{"toolSpec": {"name": "a", "inputSchema": {"json": {}}}}],
                    "toolChoice": {"none": {}},
                }
            },
            "toolConfig.toolChoice.none",
        ),
        ({"system": [{"cachePoint": {"type": "ephemeral"}}]}, "system[0].cachePoint.type"),
        (
            {"system": [{"cachePoint": {"type": "default", "ttl": "30m"}}]},
            "system[0].cachePoint.ttl",
        ),
        (
            {
                "messages": [
                    {"role": "user", "content": [{"text": "hi"}]},
                    {
                        "role": "assistant",
                        "content": [{"toolUse": {"toolUseId": "c", "name": "f", "input": {}}}],
                    },
                    {
                        "role": "user",
                        "content": [{"toolResult": {"toolUseId": "c", "content": [POINT]}}],
                    },
                ]
            },
            "messages[2].content[0].toolResult.content[0].cachePoint",
        ),
    ],
)
def test_one_fault_is_one_place(change: dict[str, Any], path: str) -> None:
    good = {"messages": [{"role": "user", "content": [{"text": "hi"}]}]}
    assert validate(good, protocol="bedrock-converse") == ()
    found = validate({**good, **change}, protocol="bedrock-converse")
    assert {finding.path for finding in found if finding.severity == "error"} == {path}


def test_too_many_cache_points_are_counted_over_tools_system_and_messages() -> None:
    made = {
        "system": [{"text": "s"}, POINT],
        "toolConfig": {"tools": [{"toolSpec": {"name": "f", "inputSchema": {"json": {}}}}, POINT]},
        "messages": [
            {
                "role": "user",
                "content": [{"text": "a"}, POINT, {"text": "b"}, POINT, {"text": "c"}, POINT],
            }
        ],
    }
    found = validate(made, protocol="bedrock-converse")
    assert [(each.code, each.path) for each in found] == [
        ("too-many-markers", "toolConfig.tools[1]")
    ]


def test_validation_refuses_what_the_schema_refuses() -> None:
    with pytest.raises(BodyInvalid, match="0 to 1"):
        F.build_request(CLAUDE, HI, options=GenerateOptions(temperature=1.5), validate=True)


# ---------------------------------------------------------------- reading responses


@pytest.mark.parametrize(
    ("blocks", "path"),
    [
        ("text", "content"),
        ([{"image": {}}], "content[0]"),
        ([{"text": "a"}, {"reasoningContent": {}}], "content[1].reasoningContent"),
        ([{"toolUse": {"name": "f", "input": {}}}], "content[0].toolUse"),
        ([{"toolUse": {"toolUseId": "c", "name": "f", "input": "{}"}}], "content[0].toolUse.input"),
        ([{"citationsContent": {}}], "content[0].citationsContent"),
    ],
)
def test_a_response_that_cannot_be_read_is_refused_with_the_place(blocks: Any, path: str) -> None:
    with pytest.raises(MessageError) as refused:
        read_content(blocks)
    assert refused.value.path == path


def test_a_cited_text_is_read_as_its_text() -> None:
    cited = {"citationsContent": {"content": [{"text": "a"}, {"text": "b"}], "citations": []}}
    assert read_content([cited], name="bot") == Msg.assistant(TextBlock("ab"), name="bot")


def test_a_thought_without_signature_is_read() -> None:
    read = read_content([{"reasoningContent": {"reasoningText": {"text": "hm"}}}])
    assert read.content == (ThinkingBlock("hm"),)


# ---------------------------------------------------------------- what cannot be formatted


def test_a_message_without_a_role_is_refused() -> None:
    with pytest.raises(FormatError, match="without a role"):
        F.format([Msg(content="a")])


def test_a_block_without_content_leaves_nothing() -> None:
    assert sent([Msg.user("a"), Msg.assistant([OpaqueBlock(), "b"])])[1]["content"] == [
        {"text": "b"}
    ]


def test_strict_refuses_a_file_that_no_policy_allows() -> None:
    with pytest.raises(MediaRefused) as refused:
        BedrockConverseFormatter(strict=True).format([Msg.user(["see", ImageBlock("/etc/a.png")])])
    assert refused.value.path == "messages[0].content[1]"


def test_an_empty_address_is_named() -> None:
    assert ("media-not-sent", "messages[0].content[0]") in codes(
        [Msg.user(ImageBlock(URLSource("")))]
    )


def test_a_session_id_has_no_field_and_is_named() -> None:
    assert codes(HI, options=GenerateOptions(session_id="s")) == [
        ("session-not-sent", "options.session_id")
    ]
