"""What the formatters build, sent through the released dashscope package."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from wiremark import (
    AudioBlock,
    DashScopeChatFormatter,
    DashScopeMultiAgentFormatter,
    GenerateOptions,
    ImageBlock,
    Msg,
    ResponseFormat,
    TextBlock,
    ToolSchema,
    URLSource,
    VideoBlock,
    read_chat,
    strip_marks,
)
from wiremark.base import Request
from wiremark.base.history import HistoryLayout

pytestmark = pytest.mark.sdk

MARK = {"type": "ephemeral"}
TEXT_MODEL = "qwen-plus"
MULTIMODAL_MODEL = "qwen3.6-plus"


def marks_at(*places: tuple[int, int]) -> list[tuple[str, str, dict[str, str]]]:
    return [
        (f"input.messages[{message}].content[{part}]", "cache_control", MARK)
        for message, part in places
    ]


def as_written_by_the_sdk(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode()


def text_of(output: Any) -> str:
    content = output.choices[0].message.content
    return content if isinstance(content, str) else "".join(part["text"] for part in content)


@dataclass(frozen=True)
class Way:
    """One way to call a class of the SDK: whether it streams, and the call, which returns text."""

    stream: bool
    send: Callable[[Request], str]


@pytest.fixture(
    params=[
        (api, way)
        for api in ("Generation", "MultiModalConversation")
        for way in ("plain", "streamed", "async", "async streamed")
    ],
    ids=" ".join,
)
def way(request: pytest.FixtureRequest, dashscope: Any) -> Way:
    name, manner = request.param
    stream = manner.endswith("streamed")

    def arguments(sent: Request) -> dict[str, Any]:
        return {
            "model": sent.body["model"],
            **sent.body["input"],
            **sent.body["parameters"],
            "request_timeout": 10,
            **({"stream": True} if stream else {}),
        }

    def synchronous(sent: Request) -> str:
        answer = getattr(dashscope, name).call(**arguments(sent))
        return read(list(answer) if stream else [answer])

    async def asynchronous(sent: Request) -> str:
        from dashscope.api_entities.aio_session import close_shared_aio_session

        api = {
            "Generation": dashscope.AioGeneration,
            "MultiModalConversation": dashscope.AioMultiModalConversation,
        }[name]
        try:
            answer = await api.call(**arguments(sent))
            return read([item async for item in answer] if stream else [answer])
        finally:
            await close_shared_aio_session()

    def read(answers: list[Any]) -> str:
        assert {answer.status_code for answer in answers} == {200}
        assert answers[-1].usage.prompt_tokens_details["cached_tokens"] == 1200
        return "".join(text_of(answer.output) for answer in answers)

    if manner.startswith("async"):
        return Way(stream, lambda sent: asyncio.run(asynchronous(sent)))
    return Way(stream, synchronous)


@pytest.fixture
def model(way: Way, request: pytest.FixtureRequest) -> str:
    name, _ = request.node.callspec.params["way"]
    return TEXT_MODEL if name == "Generation" else MULTIMODAL_MODEL


def check(arrived: Any, request: Request, marks: list[tuple[str, str, dict[str, str]]]) -> None:
    """Compare what arrived with what was formatted; the messages as text."""
    assert arrived.path == request.path
    assert arrived.body == request.body
    assert as_written_by_the_sdk(request.messages) in arrived.raw
    assert arrived.marks == marks
    assert [(where, value) for where, _, value in marks] == list(request.plan.placed)


def test_marks_of_a_conversation_arrive_in_place(
    way: Way, model: str, provider: Any, conversation: list[Msg], tools: list[ToolSchema]
) -> None:
    request = DashScopeChatFormatter(policy="rolling").build_request(
        model, conversation, tools=tools, tool_choice="auto", stream=way.stream, validate=True
    )
    before = request.to_json()
    assert way.send(request) == provider.text
    check(provider.only, request, marks_at((0, 0), (1, 0), (4, 0), (6, 0)))
    assert request.to_json() == before


@pytest.mark.parametrize(
    ("layout", "places"),
    [("merged", [(0, 0), (1, 0)]), ("append_only", [(0, 0), (2, 0), (3, 0), (4, 0)])],
)
def test_marks_of_several_agents_arrive_in_place(
    way: Way,
    model: str,
    provider: Any,
    talk: list[Msg],
    layout: HistoryLayout,
    places: list[tuple[int, int]],
) -> None:
    formatter = DashScopeMultiAgentFormatter(policy="rolling", history_layout=layout)
    request = formatter.build_request(model, talk, stream=way.stream, validate=True)
    assert way.send(request) == provider.text
    check(provider.only, request, marks_at(*places))


@pytest.mark.parametrize("stream", [False, True], ids=["plain", "streamed"])
def test_marks_on_pictures_arrive_in_place(
    dashscope: Any, provider: Any, pictures: list[Msg], stream: bool
) -> None:
    request = DashScopeChatFormatter(policy="rolling").build_request(
        "qwen3-vl-plus", pictures, stream=stream, validate=True
    )
    answer = dashscope.MultiModalConversation.call(
        model="qwen3-vl-plus",
        messages=request.messages,
        stream=stream,
        **request.body["parameters"],
    )
    answers = list(answer) if stream else [answer]
    assert "".join(text_of(answer.output) for answer in answers) == provider.text
    check(provider.only, request, marks_at((0, 0), (1, 1), (3, 2)))
    assert (provider.only.headers["X-DashScope-SSE"] == "enable") is stream


def test_the_list_of_format_multimodal_arrives_as_it_is(
    dashscope: Any, provider: Any, pictures: list[Msg]
) -> None:
    messages = DashScopeChatFormatter(policy="system_and_last").format_multimodal(pictures)
    dashscope.MultiModalConversation.call(model="qwen3-vl-plus", messages=messages)
    assert as_written_by_the_sdk(messages) in provider.only.raw
    assert provider.only.marks == marks_at((0, 0), (3, 2))


@pytest.mark.parametrize(
    ("name", "model"),
    [("Generation", TEXT_MODEL), ("MultiModalConversation", MULTIMODAL_MODEL)],
)
def test_each_request_of_an_agent_loop_extends_the_one_before(
    dashscope: Any,
    provider: Any,
    conversation: list[Msg],
    tools: list[ToolSchema],
    replies: list[dict[str, Any]],
    name: str,
    model: str,
) -> None:
    provider.script.extend(replies)
    formatter = DashScopeChatFormatter(policy="rolling")
    messages = [conversation[0], conversation[1].with_cache_control(None)]
    plans = []
    for _ in replies:
        request = formatter.build_request(model, messages, tools=tools, validate=True)
        plans.append(request.plan)
        response = getattr(dashscope, name).call(
            model=model, messages=request.messages, **request.body["parameters"]
        )
        said = response.output.choices[0].message
        messages += read_chat([said])
        messages += [
            Msg.tool_result(call["id"], call["function"]["name"], f"{index} °C")
            for index, call in enumerate(said.get("tool_calls", ()))
        ]
    assert text_of(response.output) == provider.text

    arrived = provider.arrived
    ends = [len(request.messages) - 1 for request in arrived]
    assert ends == [1, 4, 6, 10]
    for end, earlier, request in zip(ends, [0, *ends], arrived, strict=False):
        places = sorted({0, earlier, end})
        assert request.marks == marks_at(*((place, 0) for place in places))
    bare = [
        json.dumps(strip_marks(request.messages, plan=plan))
        for request, plan in zip(arrived, plans, strict=True)
    ]
    for shorter, longer in pairwise(bare):
        assert longer.startswith(shorter.removesuffix("]") + ",")


OPTIONS = GenerateOptions(
    temperature=0.2,
    top_p=0.9,
    top_k=20,
    max_tokens=64,
    seed=7,
    frequency_penalty=0.1,
    presence_penalty=0.1,
    parallel_tool_calls=True,
    response_format=ResponseFormat.json_object(),
    enable_thinking=True,
    thinking_budget=512,
    cache_control=True,
    additional_body_params={
        "stop": ["END"],
        "search_options": {"forced_search": True},
        "preserve_thinking": True,
        "not_a_parameter_yet": {"深": [1, None]},
    },
    additional_headers={"X-DashScope-DataInspection": "enable"},
    additional_query_params={"trip": "1 & 2"},
)


@pytest.mark.parametrize("name", ["Generation", "MultiModalConversation"])
def test_all_parameters_headers_and_the_query_arrive(
    dashscope: Any, provider: Any, conversation: list[Msg], tools: list[ToolSchema], name: str
) -> None:
    model = TEXT_MODEL if name == "Generation" else MULTIMODAL_MODEL
    request = DashScopeChatFormatter().build_request(
        model, conversation, tools=tools, tool_choice="auto", options=OPTIONS, validate=True
    )
    answers = getattr(dashscope, name).call(
        model=model,
        **request.body["input"],
        **request.body["parameters"],
        stream=True,
        headers=dict(request.headers),
        extra_url_parameters=request.query,
    )
    assert "".join(text_of(answer.output) for answer in answers) == provider.text
    arrived = provider.only
    check(arrived, request, marks_at((0, 0), (1, 0), (6, 0)))
    assert arrived.headers["X-DashScope-DataInspection"] == "enable"
    assert arrived.headers["X-DashScope-SSE"] == "enable"
    assert arrived.headers["Authorization"] == "Bearer test"
    assert arrived.query == "trip=1+%26+2"


def test_the_sdk_writes_parameters_before_the_input(
    dashscope: Any, provider: Any, conversation: list[Msg]
) -> None:
    request = DashScopeChatFormatter().build_request(TEXT_MODEL, conversation)
    dashscope.Generation.call(
        model=TEXT_MODEL, messages=request.messages, **request.body["parameters"]
    )
    assert list(request.body) == ["model", "input", "parameters"]
    assert list(provider.only.body) == ["model", "parameters", "input"]


def test_generation_leaves_out_a_search_switched_off_for_qwen(
    dashscope: Any, provider: Any, conversation: list[Msg]
) -> None:
    options = GenerateOptions(enable_search=False)
    request = DashScopeChatFormatter().build_request(TEXT_MODEL, conversation, options=options)
    parameters = request.body["parameters"]
    assert parameters["enable_search"] is False
    dashscope.Generation.call(model=TEXT_MODEL, messages=request.messages, **parameters)
    del parameters["enable_search"]
    assert provider.only.body == request.body


def test_a_mark_on_a_tool_would_arrive(
    dashscope: Any, provider: Any, conversation: list[Msg], tools: list[ToolSchema]
) -> None:
    request = DashScopeChatFormatter().build_request(TEXT_MODEL, conversation[:1], tools=tools)
    parameters = request.body["parameters"]
    parameters["tools"][-1]["cache_control"] = MARK
    dashscope.Generation.call(model=TEXT_MODEL, messages=request.messages, **parameters)
    assert provider.only.marks == [("parameters.tools[1]", "cache_control", MARK)]


@pytest.mark.parametrize("block", [ImageBlock, AudioBlock, VideoBlock])
def test_a_mark_on_media_of_each_kind_arrives(
    dashscope: Any, provider: Any, block: type[ImageBlock | AudioBlock | VideoBlock]
) -> None:
    medium = block(URLSource("https://example.com/a"))
    request = DashScopeChatFormatter().build_request(
        "qwen3-vl-plus",
        [Msg.user([TextBlock("What is it?"), medium]).with_cache_control()],
        validate=True,
    )
    dashscope.MultiModalConversation.call(
        model="qwen3-vl-plus", messages=request.messages, **request.body["parameters"]
    )
    check(provider.only, request, marks_at((0, 1)))


def test_the_sdk_cannot_send_a_lone_surrogate(dashscope: Any, provider: Any) -> None:
    messages = DashScopeChatFormatter().format([Msg.user("\ud83d")])
    with pytest.raises(UnicodeEncodeError):
        dashscope.Generation.call(model=TEXT_MODEL, messages=messages)
    assert provider.arrived == []


def test_a_picture_in_oss_asks_the_provider_to_resolve_it(dashscope: Any, provider: Any) -> None:
    picture = ImageBlock(URLSource("oss://bucket/a.png"))
    request = DashScopeChatFormatter(policy="rolling").build_request(
        "qwen3-vl-plus", [Msg.user([TextBlock("What is it?"), picture])], validate=True
    )
    dashscope.MultiModalConversation.call(
        model="qwen3-vl-plus", messages=request.messages, **request.body["parameters"]
    )
    check(provider.only, request, marks_at((0, 1)))
    assert provider.only.headers["X-DashScope-OssResourceResolve"] == "enable"


def test_a_user_text_that_names_a_file_makes_the_sdk_upload_it(
    dashscope: Any, provider: Any, tmp_path: Path
) -> None:
    from dashscope.common.error import UploadFileException

    secret = tmp_path / "notes.txt"
    secret.write_text("secret")
    messages = DashScopeChatFormatter().format_multimodal([Msg.user(str(secret))])
    with pytest.raises(UploadFileException, match="no uploads here"):
        dashscope.MultiModalConversation.call(model=MULTIMODAL_MODEL, messages=messages)
    assert provider.only.method == "GET"
    assert provider.only.target == f"/api/v1/uploads?action=getPolicy&model={MULTIMODAL_MODEL}"


@pytest.mark.parametrize("role", ["system", "assistant", "tool"])
def test_other_roles_may_name_a_file(
    dashscope: Any, provider: Any, tmp_path: Path, role: str
) -> None:
    secret = tmp_path / "notes.txt"
    secret.write_text("secret")
    named = {
        "system": Msg.system(str(secret)),
        "assistant": Msg.assistant(str(secret)),
        "tool": Msg.tool_result("call_1", "read", str(secret)),
    }[role]
    messages = DashScopeChatFormatter().format_multimodal([named])
    dashscope.MultiModalConversation.call(model=MULTIMODAL_MODEL, messages=messages)
    assert provider.only.messages == messages
    assert str(secret) in json.dumps(messages)


def test_generation_sends_a_text_that_names_a_file_as_text(
    dashscope: Any, provider: Any, tmp_path: Path
) -> None:
    secret = tmp_path / "notes.txt"
    secret.write_text("secret")
    messages = DashScopeChatFormatter().format([Msg.user(str(secret)).with_cache_control()])
    dashscope.Generation.call(model=TEXT_MODEL, messages=messages, result_format="message")
    assert provider.only.messages == messages
    assert provider.only.marks == marks_at((0, 0))


def test_a_message_of_several_agents_that_names_a_file_is_not_uploaded(
    dashscope: Any, provider: Any, tmp_path: Path
) -> None:
    secret = tmp_path / "notes.txt"
    secret.write_text("secret")
    messages = DashScopeMultiAgentFormatter().format_multimodal([Msg.user(str(secret), name="Ann")])
    dashscope.MultiModalConversation.call(model=MULTIMODAL_MODEL, messages=messages)
    assert provider.only.messages == messages
