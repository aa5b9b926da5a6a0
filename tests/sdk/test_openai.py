"""What the formatters build, sent through the released openai package."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, TypeAlias
from urllib.parse import urlsplit

import pytest

from wiremark import (
    GenerateOptions,
    Msg,
    OpenAIChatFormatter,
    OpenAIMultiAgentFormatter,
    ToolSchema,
    jsontext,
    read_chat,
    strip_marks,
)
from wiremark.base import Request
from wiremark.base.history import HistoryLayout

pytestmark = pytest.mark.sdk

Mark: TypeAlias = tuple[str, dict[str, str]]

ALIYUN = "dashscope.aliyuncs.com"
CACHE: Mark = ("cache_control", {"type": "ephemeral"})
BREAKPOINT: Mark = ("prompt_cache_breakpoint", {"mode": "explicit"})


def marks_at(mark: Mark, *places: tuple[int, int]) -> list[tuple[str, str, dict[str, str]]]:
    return [(f"messages[{place[0]}].content[{place[1]}]", *mark) for place in places]


@pytest.fixture(scope="module")
def client(openai: Any, _server: Any) -> Iterator[Any]:
    with openai.OpenAI(
        base_url=f"{_server.base}/compatible-mode/v1", api_key="test", max_retries=0, timeout=10
    ) as client:
        yield client


@dataclass(frozen=True)
class Way:
    """One way to call chat completions: whether it streams, and the call, which returns text."""

    stream: bool
    send: Callable[[dict[str, Any]], str]


@pytest.fixture(params=["plain", "streamed", "async", "async streamed"])
def way(request: pytest.FixtureRequest, openai: Any, client: Any) -> Way:
    def plain(body: dict[str, Any]) -> Any:
        return client.chat.completions.create(**body).choices[0].message.content

    def streamed(body: dict[str, Any]) -> Any:
        chunks = list(client.chat.completions.create(**body))
        assert chunks[-1].usage.prompt_tokens_details.cached_tokens == 1200
        return "".join(chunk.choices[0].delta.content or "" for chunk in chunks[:-1])

    async def asynchronous(body: dict[str, Any]) -> Any:
        async with openai.AsyncOpenAI(
            base_url=client.base_url, api_key="test", max_retries=0, timeout=10
        ) as aclient:
            answer = await aclient.chat.completions.create(**body)
            if not body["stream"]:
                return answer.choices[0].message.content
            return "".join(
                [chunk.choices[0].delta.content or "" async for chunk in answer if chunk.choices]
            )

    send = {"plain": plain, "streamed": streamed}.get(request.param)
    return Way(
        stream=request.param.endswith("streamed"),
        send=send or (lambda body: asyncio.run(asynchronous(body))),
    )


def check(arrived: Any, request: Request, marks: list[tuple[str, str, dict[str, str]]]) -> None:
    """Compare what arrived with what was formatted; the messages as text."""
    assert arrived.body == request.body
    assert jsontext.dumpb(request.messages) in arrived.raw
    assert arrived.marks == marks
    assert [(where, value) for where, _, value in marks] == list(request.plan.placed)


def test_marks_of_dashscopes_compatible_mode_arrive_in_place(
    way: Way, provider: Any, conversation: list[Msg], tools: list[ToolSchema]
) -> None:
    formatter = OpenAIChatFormatter(host=ALIYUN, policy="rolling")
    request = formatter.build_request(
        "qwen-plus", conversation, tools=tools, tool_choice="auto", stream=way.stream, validate=True
    )
    before = request.to_json()
    assert way.send(request.body) == provider.text
    check(provider.only, request, marks_at(CACHE, (0, 0), (1, 0), (4, 0), (6, 0)))
    assert jsontext.dumpb(request.body["tools"]) in provider.only.raw
    assert provider.only.path == urlsplit(request.url(f"https://{ALIYUN}/compatible-mode/v1")).path
    assert request.to_json() == before


def test_breakpoints_of_gpt_5_6_arrive_in_place(
    way: Way, provider: Any, conversation: list[Msg], tools: list[ToolSchema]
) -> None:
    conversation[1] = conversation[1].with_cache_control(None)
    formatter = OpenAIChatFormatter(host="api.openai.com", policy="rolling")
    request = formatter.build_request(
        "gpt-5.6", conversation, tools=tools, stream=way.stream, validate=True
    )
    assert way.send(request.body) == provider.text
    check(provider.only, request, marks_at(BREAKPOINT, (0, 0), (4, 0), (6, 0)))


@pytest.mark.parametrize(
    ("layout", "places"),
    [("merged", [(0, 0), (1, 0)]), ("append_only", [(0, 0), (2, 0), (3, 0), (4, 0)])],
)
def test_marks_of_several_agents_arrive_in_place(
    way: Way, provider: Any, talk: list[Msg], layout: HistoryLayout, places: list[tuple[int, int]]
) -> None:
    formatter = OpenAIMultiAgentFormatter(host=ALIYUN, policy="rolling", history_layout=layout)
    request = formatter.build_request("qwen-plus", talk, stream=way.stream, validate=True)
    assert way.send(request.body) == provider.text
    check(provider.only, request, marks_at(CACHE, *places))


def test_history_in_parts_of_one_message_arrives_with_its_breakpoints(
    client: Any, provider: Any, talk: list[Msg]
) -> None:
    formatter = OpenAIMultiAgentFormatter(host="api.openai.com", history_layout="append_only")
    request = formatter.build_request("gpt-5.6", talk, validate=True)
    client.chat.completions.create(**request.body)
    check(provider.only, request, marks_at(BREAKPOINT, (1, 1)))


@pytest.mark.parametrize(
    ("host", "model", "mark"),
    [(ALIYUN, "qwen3-vl-plus", CACHE), ("api.openai.com", "gpt-5.6", BREAKPOINT)],
)
def test_marks_on_pictures_arrive_in_place(
    way: Way, provider: Any, pictures: list[Msg], host: str, model: str, mark: Mark
) -> None:
    formatter = OpenAIChatFormatter(host=host, policy="rolling")
    request = formatter.build_request(model, pictures, stream=way.stream, validate=True)
    assert way.send(request.body) == provider.text
    check(provider.only, request, marks_at(mark, (0, 0), (1, 1), (3, 2)))


def test_each_request_of_an_agent_loop_extends_the_one_before(
    client: Any,
    provider: Any,
    conversation: list[Msg],
    tools: list[ToolSchema],
    replies: list[dict[str, Any]],
) -> None:
    provider.script.extend(replies)
    formatter = OpenAIChatFormatter(host=ALIYUN, policy="rolling")
    messages = [conversation[0], conversation[1].with_cache_control(None)]
    plans = []
    for _ in replies:
        request = formatter.build_request("qwen-plus", messages, tools=tools, validate=True)
        plans.append(request.plan)
        said = client.chat.completions.create(**request.body).choices[0].message
        messages += read_chat([said.to_dict()])
        messages += [
            Msg.tool_result(call.id, call.function.name, f"{index} °C")
            for index, call in enumerate(said.tool_calls or ())
        ]
    assert said.content == provider.text

    arrived = provider.arrived
    ends = [len(request.messages) - 1 for request in arrived]
    assert ends == [1, 4, 6, 10]
    for end, earlier, request in zip(ends, [0, *ends], arrived, strict=False):
        places = sorted({0, earlier, end})
        assert request.marks == marks_at(CACHE, *((place, 0) for place in places))
    bare = [
        jsontext.dumps(strip_marks(request.messages, plan=plan))
        for request, plan in zip(arrived, plans, strict=True)
    ]
    for shorter, longer in pairwise(bare):
        assert longer.startswith(shorter.removesuffix("]") + ",")


def test_all_options_of_the_protocol_are_arguments_of_create(
    client: Any, provider: Any, conversation: list[Msg]
) -> None:
    options = GenerateOptions(
        temperature=0.2,
        top_p=0.9,
        max_completion_tokens=64,
        frequency_penalty=0.1,
        presence_penalty=0.1,
        reasoning_effort="low",
        seed=7,
        parallel_tool_calls=True,
        cache_control=True,
        additional_body_params={"stop": ["END"], "prompt_cache_key": "trip-1"},
    )
    request = OpenAIChatFormatter(host=ALIYUN).build_request(
        "qwen-plus", conversation, options=options
    )
    client.chat.completions.create(**request.body)
    check(provider.only, request, marks_at(CACHE, (0, 0), (1, 0), (6, 0)))


EXTRA = GenerateOptions(
    thinking_budget=512,
    additional_body_params={"enable_thinking": True, "top_k": 20, "search_options": {"n": [1]}},
    additional_headers={"X-DashScope-DataInspection": "enable"},
    additional_query_params={"trip": "1 & 2"},
    cache_control="rolling",
)


def test_parameters_that_create_refuses_arrive_as_extra_body(
    client: Any, provider: Any, conversation: list[Msg]
) -> None:
    request = OpenAIChatFormatter(host=ALIYUN).build_request(
        "qwen-plus", conversation, options=EXTRA, validate=True
    )
    body = request.body
    with pytest.raises(TypeError, match="thinking_budget"):
        client.chat.completions.create(**body)
    assert provider.arrived == []

    client.chat.completions.create(
        model=body["model"],
        messages=body["messages"],
        stream=body["stream"],
        extra_body=body,
        extra_headers=request.headers,
        extra_query=request.query,
    )
    arrived = provider.only
    check(arrived, request, marks_at(CACHE, (0, 0), (1, 0), (4, 0), (6, 0)))
    assert arrived.headers["X-DashScope-DataInspection"] == "enable"
    assert arrived.headers["Authorization"] == "Bearer test"
    assert arrived.query == "trip=1+%26+2"


def test_the_raw_call_sends_our_bytes_unchanged(
    openai: Any, client: Any, provider: Any, conversation: list[Msg], tools: list[ToolSchema]
) -> None:
    conversation.append(Msg.user("\x1b[31mred\x1b[0m \ud83d"))
    request = OpenAIChatFormatter(host=ALIYUN).build_request(
        "qwen-plus", conversation, tools=tools, options=EXTRA
    )
    completion = client.post(
        "/chat/completions",
        content=request.to_json().encode(),
        cast_to=openai.types.chat.ChatCompletion,
        options={"headers": request.headers, "params": request.query},
    )
    assert completion.choices[0].message.content == provider.text
    assert provider.only.raw == request.to_json().encode()
    assert provider.only.headers["Content-Type"] == "application/json"
    assert provider.only.query == "trip=1+%26+2"


def test_create_writes_control_characters_with_small_hex_letters(
    client: Any, provider: Any
) -> None:
    request = OpenAIChatFormatter().build_request("qwen-plus", [Msg.user("\x1b[31mred\x1b[0m")])
    client.chat.completions.create(**request.body)
    assert provider.only.body == request.body
    assert rb"\u001B[31mred\u001B[0m" in request.to_json().encode()
    assert rb"\u001b[31mred\u001b[0m" in provider.only.raw


def test_create_cannot_send_a_lone_surrogate(client: Any, provider: Any) -> None:
    request = OpenAIChatFormatter().build_request("qwen-plus", [Msg.user("\ud83d")])
    with pytest.raises(UnicodeEncodeError):
        client.chat.completions.create(**request.body)
    assert provider.arrived == []


def test_dashscopes_own_compatible_client_sends_the_same_messages(
    dashscope: Any, provider: Any, conversation: list[Msg], tools: list[ToolSchema]
) -> None:
    from dashscope.aigc.chat_completion import Completions

    request = OpenAIChatFormatter(host=ALIYUN, policy="rolling").build_request(
        "qwen-plus", conversation, tools=tools, validate=True
    )
    body = request.body
    Completions.create(
        model=body["model"], messages=body["messages"], stream=body["stream"], extra_body=body
    )
    arrived = provider.only
    assert arrived.path == "/compatible-mode/v1/chat/completions"
    assert arrived.body == request.body
    assert json.dumps(request.messages, ensure_ascii=False).encode() in arrived.raw
    assert arrived.marks == marks_at(CACHE, (0, 0), (1, 0), (4, 0), (6, 0))
