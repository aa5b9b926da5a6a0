"""Findings of the validator: legal bodies have none, each fault has its one."""

from __future__ import annotations

import copy
import json
import os
import pickle
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wiremark.errors import BodyInvalid, OptionError
from wiremark.findings import Finding
from wiremark.rules import DASHSCOPE
from wiremark.validation import (
    CODES,
    PROTOCOLS,
    check,
    detect_protocol,
    registry,
    schema_findings,
)
from wiremark.validation import validate as findings_of
from wiremark.validation.shape import abbreviate, shape_findings, write_path

MARK = {"type": "ephemeral"}
BREAK = {"mode": "explicit"}
USER = {"role": "user", "content": "hi"}
CALL = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
CALLS = {"role": "assistant", "content": None, "tool_calls": [CALL]}
RESULT = {"role": "tool", "tool_call_id": "c1", "content": "r"}
TOOL = {"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}


def validate(body: Any, **asked: Any) -> tuple[Finding, ...]:
    """Return the findings but one: bodies here are short on purpose, and size has tests of its own."""
    return tuple(each for each in findings_of(body, **asked) if each.code != "under-minimum")


def native(*messages: Any, model: str = "qwen-plus", **parameters: Any) -> dict[str, Any]:
    return {"model": model, "input": {"messages": [*messages]}, "parameters": parameters}


def chat(*messages: Any, model: str = "gpt-5.6", **options: Any) -> dict[str, Any]:
    return {"model": model, "messages": [*messages], **options}


def user(*parts: Any) -> dict[str, Any]:
    return {"role": "user", "content": [*parts]}


def text(words: str = "hi", **more: Any) -> dict[str, Any]:
    return {"type": "text", "text": words, **more}


# ---------------------------------------------------------------- what is right

LEGAL = {
    "text": ("dashscope-text", native(USER)),
    "prompt": ("dashscope-text", {"model": "m", "input": {"prompt": "hi"}}),
    "text parts, typed and not": ("dashscope-text", native(user(text(), {"text": "a"}, "b"))),
    "document": ("dashscope-text", native(user({"type": "doc_url", "doc_url": ["https://x"]}))),
    "image": ("dashscope-multimodal", native(user({"image": "oss://x"}, {"text": "a"}))),
    "typed image": ("dashscope-multimodal", native(user({"type": "image", "image": "oss://x"}))),
    "frames": ("dashscope-multimodal", native(user({"video": ["a", "b"], "fps": 0.5}))),
    "Java's leak": ("dashscope", native(user({"videoAsString": "a", "video": "a"}))),
    "either endpoint": ("dashscope", native(user(text(), {"audio": "https://x/a.wav"}))),
    "empty tools": ("dashscope", native(USER, tools=[])),
    "native tool turn": ("dashscope", native(USER, CALLS, RESULT, tools=[TOOL])),
    "native result without id": (
        "dashscope",
        native(USER, CALLS, {"role": "tool", "content": "r"}),
    ),
    "native mark": ("dashscope", native(user(text(cache_control=MARK)))),
    "null mark": ("dashscope", native(user(text(cache_control=None)))),
    "native options": (
        "dashscope",
        native(
            USER,
            temperature=0,
            top_p=1,
            top_k=None,
            seed=2**63 - 1,
            stop=[[1, 2]],
            n=4,
            tool_choice={"type": "function", "function": {"name": "f"}},
            response_format={"type": "json_schema", "json_schema": {"name": "a"}},
            unheard_of={"a": 1},
        ),
    ),
    "application": (
        "dashscope",
        {"input": {"messages": [USER]}, "parameters": {"has_thoughts": 1}},
    ),
    "chat": ("openai", chat(USER)),
    "developer": ("openai-chat", chat({"role": "developer", "content": "s"}, USER)),
    "tool turn": ("openai", chat(USER, CALLS, RESULT, tools=[TOOL])),
    "calls without content": (
        "openai",
        chat(USER, {"role": "assistant", "tool_calls": [CALL]}, RESULT),
    ),
    "custom call": (
        "openai",
        chat(
            USER,
            {
                "role": "assistant",
                "tool_calls": [
                    {"id": "c1", "type": "custom", "custom": {"name": "f", "input": "x"}}
                ],
            },
            RESULT,
        ),
    ),
    "refusal": ("openai", chat(USER, {"role": "assistant", "content": None, "refusal": "no"})),
    "old function message": (
        "openai",
        chat(USER, {"role": "function", "name": "f", "content": None}),
    ),
    "reasoning": (
        "openai",
        chat(
            USER,
            {
                "role": "assistant",
                "content": "a",
                "reasoning_content": "r",
                "reasoning_details": [{"type": "reasoning.text"}],
            },
        ),
    ),
    "video": ("openai", chat(user({"type": "video_url", "video_url": {"url": "https://x"}}))),
    "bare URL": ("openai", chat(user({"type": "image_url", "image_url": "https://x"}))),
    "thought signature": (
        "openai",
        chat(
            USER,
            {
                "role": "assistant",
                "content": "",
                "tool_calls": [
                    {
                        "id": "c1",
                        "type": "function",
                        "function": {"name": "f", "arguments": "{}", "thought_signature": "s"},
                    }
                ],
            },
            RESULT,
        ),
    ),
    "breakpoint": ("openai", chat(user(text(prompt_cache_breakpoint={**BREAK, "ttl": "12h"})))),
    "mark in compatible mode": (
        "openai",
        chat(user(text(cache_control={**MARK, "ttl": "5m"})), model="qwen-plus"),
    ),
    "service tool": ("openai", chat(USER, tools=[{"type": "openrouter:web_search"}])),
    "tool without type": ("openai", chat(USER, tools=[{"function": {"name": "f"}}])),
    "null options": ("openai", chat(USER, temperature=None, stop=None, tool_choice=None)),
    "allowed tools": (
        "openai",
        chat(
            USER,
            tool_choice={"type": "allowed_tools", "allowed_tools": {"mode": "auto", "tools": []}},
        ),
    ),
}


@pytest.mark.parametrize(("protocol", "body"), LEGAL.values(), ids=LEGAL)
def test_a_legal_body_has_no_finding(protocol: str, body: dict[str, Any]) -> None:
    assert validate(body, protocol=protocol) == ()


def test_three_marks_and_the_automatic_one_are_legal() -> None:
    marked = user(text(prompt_cache_breakpoint=BREAK))
    assert validate(chat(marked, marked, marked), protocol="openai") == ()


def test_four_marks_are_legal_where_none_is_automatic() -> None:
    marked = user(text(prompt_cache_breakpoint=BREAK))
    body = chat(*[marked] * 4, prompt_cache_options={"mode": "explicit"})
    assert validate(body, protocol="openai") == ()


# ---------------------------------------------------------------- one fault, one finding

#  protocol, body, code, severity, path, words
FAULTS: dict[str, tuple[str, Any, str, str, str, str]] = {
    # the body
    "a list": ("openai", [], "wrong-type", "error", "", "[] stands where an object belongs"),
    "null": ("dashscope", None, "wrong-type", "error", "", "null stands where an object belongs"),
    "no model": (
        "openai", {"messages": [USER]}, "missing-key", "error", "", "'model' is missing (the model id",
    ),
    "no native model": (
        "dashscope", {"input": {"messages": [USER]}}, "missing-key", "error", "", "'model' is missing",
    ),
    "empty model": ("openai", chat(USER, model=""), "bad-length", "error", "model", "is empty"),
    "messages beside model": (
        "dashscope", {"model": "m", "messages": [USER]},
        "missing-key", "error", "", "'input' is missing (a native body holds its messages in",
    ),
    "empty input": (
        "dashscope", {"model": "m", "input": {}},
        "missing-key", "error", "input", "none of the keys 'messages', 'prompt'",
    ),
    "no messages": ("openai", chat(), "bad-length", "error", "messages", "is empty"),
    "no native messages": ("dashscope", native(), "bad-length", "error", "input.messages", "is empty"),
    # messages
    "text as message": (
        "openai", chat("hi"), "wrong-type", "error", "messages[0]",
        "the string 'hi' stands where an object belongs",
    ),
    "no role": ("openai", chat({"content": "a"}), "missing-key", "error", "messages[0]", "'role' is missing"),
    "upper-case role": (
        "openai", chat({"role": "USER", "content": "a"}), "bad-value", "error", "messages[0].role",
        "'USER' is not one of 'developer', 'system', 'user', 'assistant', 'tool', 'function'",
    ),
    "role without content": (
        "dashscope", native({"role": "bot"}), "bad-value", "error", "input.messages[0].role",
        "'bot' is not one of 'system', 'user', 'assistant', 'tool'",
    ),
    "developer, native": (
        "dashscope", native({"role": "developer", "content": "a"}),
        "bad-value", "error", "input.messages[0].role", "'developer' is not one of",
    ),
    "no content": (
        "openai", chat({"role": "user"}), "missing-key", "error", "messages[0]",
        "'content' is missing (text, or a list of content parts; only an assistant",
    ),
    "no native content": (
        "dashscope", native({"role": "user"}), "missing-key", "error", "input.messages[0]",
        "'content' is missing",
    ),
    "null content": (
        "openai", chat({"role": "user", "content": None}), "wrong-type", "error", "messages[0].content",
        "null stands where a string or a list belongs",
    ),
    "object content": (
        "dashscope", native(USER, {"role": "user", "content": {"text": "a"}}),
        "wrong-type", "error", "input.messages[1].content",
        "the object {'text'} stands where a string or a list belongs",
    ),
    "number content beside calls": (
        "openai", chat({**CALLS, "content": 5}, RESULT), "wrong-type", "error", "messages[0].content",
        "the number 5 stands where a string or a list or null belongs",
    ),
    "answer without id": (
        "openai", chat(USER, CALLS, {"role": "tool", "content": "r"}),
        "missing-key", "error", "messages[2]", "'tool_call_id' is missing (a tool message names",
    ),
    "function without name": (
        "openai", chat({"role": "function", "content": "r"}), "missing-key", "error", "messages[0]",
        "'name' is missing",
    ),
    "null name": (
        "openai", chat({**USER, "name": None}), "wrong-type", "error", "messages[0].name",
        "null stands where a string belongs",
    ),
    # parts
    "part without type": (
        "openai", chat(user({"text": "a"})), "missing-key", "error", "messages[0].content[0]",
        "'type' is missing",
    ),
    "unknown part": (
        "openai", chat(user(text(), {"type": "input_text", "text": "a"})),
        "bad-value", "error", "messages[0].content[1].type", "'input_text' is not one of 'text', ",
    ),
    "string part": (
        "openai", chat(user("a")), "wrong-type", "error", "messages[0].content[0]",
        "the string 'a' stands where an object belongs",
    ),
    "text part without text": (
        "openai", chat(user({"type": "text"})), "missing-key", "error", "messages[0].content[0]",
        "'text' is missing (a text part is",
    ),
    "null text": (
        "openai", chat(user({"type": "text", "text": None})),
        "wrong-type", "error", "messages[0].content[0].text", "null stands where a string belongs",
    ),
    "image without URL": (
        "openai", chat(user({"type": "image_url", "image_url": {}})),
        "missing-key", "error", "messages[0].content[0].image_url", "'url' is missing (a URL or a data",
    ),
    "image detail": (
        "openai", chat(user({"type": "image_url", "image_url": {"url": "a", "detail": "best"}})),
        "bad-value", "error", "messages[0].content[0].image_url.detail", "'best' is not one of 'auto'",
    ),
    "OpenAI part at multimodal generation": (
        "dashscope-multimodal", native(user({"type": "image_url", "image_url": {"url": "a"}})),
        "bad-value", "error", "input.messages[0].content[0].type",
        "'image_url' is not one of 'text', 'image', 'audio', 'video'",
    ),
    "image at text generation": (
        "dashscope-text", native(user({"image": "oss://x"})),
        "missing-key", "error", "input.messages[0].content[0]",
        "none of the keys 'text', 'image_url', 'doc_url' (a part of a text generation request; images,",
    ),
    "empty native part": (
        "dashscope", native(user({})), "missing-key", "error", "input.messages[0].content[0]",
        "none of the keys 'text', 'image'",
    ),
    "text as a list, native": (
        "dashscope", native(user({"text": ["a"]})), "wrong-type", "error",
        "input.messages[0].content[0].text", "the list [1 items] stands where a string belongs",
    ),
    "number of frames a second": (
        "dashscope", native(user({"video": "a", "fps": 60})), "out-of-range", "error",
        "input.messages[0].content[0].fps", "60 is above 10",
    ),
    # calls and tools
    "arguments as an object": (
        "openai",
        chat({**CALLS, "tool_calls": [{**CALL, "function": {"name": "f", "arguments": {"a": 1}}}]}, RESULT),
        "wrong-type", "error", "messages[0].tool_calls[0].function.arguments",
        "the object {'a'} stands where a string belongs (the arguments as JSON text",
    ),
    "call without id": (
        "openai", chat({"role": "assistant", "tool_calls": [{"function": CALL["function"]}]}, RESULT),
        "missing-key", "error", "messages[0].tool_calls[0]", "'id' is missing",
    ),
    "call of another kind, native": (
        "dashscope", native(USER, {**CALLS, "tool_calls": [{**CALL, "type": "custom"}]}, RESULT),
        "bad-value", "error", "input.messages[1].tool_calls[0].type", "'custom' is not 'function'",
    ),
    "no tools but a list": ("openai", chat(USER, tools=[]), "bad-length", "error", "tools", "is empty"),
    "tool without function": (
        "openai", chat(USER, tools=[{"type": "function"}]), "missing-key", "error", "tools[0]",
        "'function' is missing",
    ),
    "required, native": (
        "dashscope", native(USER, tool_choice="required"), "bad-value", "error",
        "parameters.tool_choice", "'required' is not one of 'auto', 'none' (there is no",
    ),
    "unknown tool choice": (
        "openai", chat(USER, tool_choice="always"), "bad-value", "error", "tool_choice",
        "'always' is not one of 'auto', 'none', 'required', 'any', null",
    ),
    "tool choice without name": (
        "openai", chat(USER, tool_choice={"type": "function", "function": {}}),
        "missing-key", "error", "tool_choice.function", "'name' is missing",
    ),
    # options
    "hot": ("openai", chat(USER, temperature=2.5), "out-of-range", "error", "temperature", "2.5 is above 2 (0 to 2)"),
    "temperature 2, native": (
        "dashscope", native(USER, temperature=2), "out-of-range", "error", "parameters.temperature",
        "2 is not below 2",
    ),
    "negative temperature": (
        "dashscope", native(USER, temperature=-0.5), "out-of-range", "error", "parameters.temperature",
        "-0.5 is below 0",
    ),
    "top_p 0, native": (
        "dashscope", native(USER, top_p=0.0), "out-of-range", "error", "parameters.top_p",
        "0.0 is not above 0 (above 0, up to 1)",
    ),
    "narrowed seed": (
        "dashscope", native(USER, seed=-2147483648), "out-of-range", "error", "parameters.seed",
        "-2147483648 is below 0",
    ),
    "five answers": (
        "dashscope-text", native(USER, n=5), "out-of-range", "error", "parameters.n", "5 is above 4",
    ),
    "true as number": (
        "openai", chat(USER, max_tokens=True), "wrong-type", "error", "max_tokens",
        "true stands where a whole number or null belongs",
    ),
    "token ids of strings": (
        "dashscope", native(USER, stop=[["a"]]), "wrong-type", "error", "parameters.stop[0][0]",
        "the string 'a' stands where a whole number belongs",
    ),
    "response format": (
        "openai", chat(USER, response_format={"type": "json"}), "bad-value", "error",
        "response_format.type", "'json' is not one of 'text', 'json_object', 'json_schema'",
    ),
    "schema format without schema": (
        "dashscope", native(USER, response_format={"type": "json_schema"}),
        "missing-key", "error", "parameters.response_format", "'json_schema' is missing",
    ),
    "metadata": (
        "openai", chat(USER, metadata={"a b": 1}), "wrong-type", "error", 'metadata["a b"]',
        "the number 1 stands where a string belongs",
    ),
    "much metadata": (
        "openai", chat(USER, metadata={str(i): "" for i in range(17)}), "bad-length", "error", "metadata",
        "has 17 keys, more than 16",
    ),
    # the form of a marker
    "mark as true": (
        "openai", chat(user(text(cache_control=True)), model="qwen-plus"),
        "wrong-type", "error", "messages[0].content[0].cache_control",
        'true stands where an object or null belongs (a marker is {"type": "ephemeral"}',
    ),
    "mark of another type": (
        "dashscope", native(user(text(cache_control={"type": "persistent"}))),
        "bad-value", "error", "input.messages[0].content[0].cache_control.type",
        "'persistent' is not 'ephemeral'",
    ),
    "mark without type": (
        "dashscope", native(user(text(cache_control={}))), "missing-key", "error",
        "input.messages[0].content[0].cache_control", "'type' is missing",
    ),
    "mark of two hours": (
        "dashscope", native(user(text(cache_control={**MARK, "ttl": "2h"}))),
        "bad-value", "error", "input.messages[0].content[0].cache_control.ttl",
        "'2h' is not one of '5m', '1h'",
    ),
    "mark with more": (
        "dashscope", native(user(text(cache_control={**MARK, "scope": "all"}))),
        "unknown-key", "error", "input.messages[0].content[0].cache_control.scope",
        "'scope' is not taken here (allowed: type, ttl)",
    ),
    "implicit breakpoint": (
        "openai", chat(user(text(prompt_cache_breakpoint={"mode": "implicit"}))),
        "bad-value", "error", "messages[0].content[0].prompt_cache_breakpoint.mode",
        "'implicit' is not 'explicit'",
    ),
    "mark on a tool, misformed": (
        "openai", chat(USER, tools=[{**TOOL, "cache_control": "ephemeral"}], model="no-rules-known"),
        "wrong-type", "error", "tools[0].cache_control", "the string 'ephemeral' stands where",
    ),
    # rules about markers
    "fifth mark": (
        "dashscope", native(*[user(text(cache_control=MARK))] * 5), "too-many-markers", "waste",
        "input.messages[0].content[0]", "5 cache markers where 4 are heeded: only the last 4 take effect",
    ),
    "fourth breakpoint": (
        "openai", chat(*[user(text(prompt_cache_breakpoint=BREAK))] * 4), "too-many-markers", "waste",
        "messages[0].content[0]", "4 cache markers where 3 are heeded",
    ),
    "fifth breakpoint": (
        "openai",
        chat(
            *[user(text(prompt_cache_breakpoint=BREAK))] * 5,
            prompt_cache_options={"mode": "explicit", "ttl": "30m"},
        ),
        "too-many-markers", "waste", "messages[0].content[0]", "5 cache markers where 4 are heeded",
    ),
    "mark on nothing": (
        "dashscope", native(user({"text": "a"}, {"text": "", "cache_control": MARK})),
        "marker-on-empty-text", "error", "input.messages[0].content[1]", "a text part without text",
    ),
    "breakpoint on white space": (
        "openai", chat(user(text(" \n", prompt_cache_breakpoint=BREAK))),
        "marker-on-empty-text", "error", "messages[0].content[0]", "prompt_cache_breakpoint on a text part",
    ),
    "mark beside role": (
        "dashscope", native({**USER, "cache_control": MARK}), "message-level-marker", "waste",
        "input.messages[0]", "cache_control beside role and content has no effect",
    ),
    "mark on a native tool": (
        "dashscope", native(USER, tools=[{**TOOL, "cache_control": MARK}]), "tool-marker-ignored", "waste",
        "parameters.tools[0]", "cache_control on a tool definition has no effect",
    ),
    "mark inside function": (
        "dashscope", native(USER, tools=[{"function": {"name": "f", "cache_control": MARK}}]),
        "tool-marker-ignored", "waste", "parameters.tools[0].function", "on a tool definition",
    ),
    "mark on a tool, somewhere": (
        "openai", chat(USER, tools=[{**TOOL, "cache_control": MARK}], model="unheard-of"),
        "tool-marker-ignored", "note", "tools[0]", "may have no effect",
    ),
    "mark before GPT-5.6": (
        "openai", chat(user(text(cache_control=MARK)), model="gpt-4o"), "no-markers", "waste",
        "messages[0].content[0]", "1 cache markers, but the model takes none",
    ),
    "mark in another form": (
        "openai", chat(user(text(cache_control=MARK))), "other-marker-form", "waste",
        "messages[0].content[0]", "1 markers as cache_control, which is not read here",
    ),
    # rules about tools
    "call without answer": (
        "openai", chat(USER, CALLS, USER), "tool-call-unanswered", "error", "messages[1]",
        "no tool message answers 'c1'",
    ),
    "last call without answer": (
        "dashscope", native(USER, CALLS), "tool-call-unanswered", "error", "input.messages[1]",
        "no tool message answers 'c1'",
    ),
    "answer behind another turn": (
        "openai", chat(USER, CALLS, RESULT, USER, RESULT), "tool-result-without-call", "error",
        "messages[4]", "follows no assistant message with tool_calls",
    ),
    "one of two answered": (
        "openai", chat({**CALLS, "tool_calls": [CALL, {**CALL, "id": "c2"}]}, RESULT),
        "tool-call-unanswered", "error", "messages[0]", "no tool message answers 'c2'",
    ),
    "one of two answered without id": (
        "dashscope",
        native({**CALLS, "tool_calls": [CALL, {"function": {}}]}, {"role": "tool", "content": "r"}),
        "tool-call-unanswered", "error", "input.messages[0]", "answers 'c1', a call without id",
    ),
    "answer to another call": (
        "dashscope", native(CALLS, RESULT, {**RESULT, "tool_call_id": "c9"}),
        "tool-result-without-call", "error", "input.messages[2]", "answers 'c9', which was not called",
    ),
    "empty calls": (
        "openai", chat(USER, {"role": "assistant", "content": "a", "tool_calls": []}),
        "empty-tool-calls", "error", "messages[1].tool_calls", "the list of tool calls is empty",
    ),
    "empty calls, somewhere": (
        "openai",
        chat(USER, {"role": "assistant", "content": "a", "tool_calls": []}, model="mistral-large"),
        "empty-tool-calls", "note", "messages[1].tool_calls", "the list of tool calls is empty",
    ),
    "Chinese tool name": (
        "openai", chat(USER, tools=[{"type": "function", "function": {"name": "查询"}}]),
        "tool-name", "error", "tools[0].function.name", "'查询' is not 1 to 64 letters",
    ),
    "Chinese tool name, native": (
        "dashscope", native(USER, tools=[{"type": "function", "function": {"name": "查询"}}]),
        "tool-name", "note", "parameters.tools[0].function.name", "'查询' is not 1 to 64 letters",
    ),
    "long tool name": (
        "openai", chat(USER, tools=[{"type": "function", "function": {"name": "a" * 65}}]),
        "tool-name", "error", "tools[0].function.name", "is not 1 to 64 letters",
    ),
    "tool name with a line end": (
        "openai", chat(USER, tools=[{"type": "function", "function": {"name": "f\n"}}]),
        "tool-name", "error", "tools[0].function.name", "is not 1 to 64 letters",
    ),
    "unnamed call": (
        "openai",
        chat({**CALLS, "tool_calls": [{**CALL, "function": {"name": "", "arguments": "{}"}}]}, RESULT),
        "tool-name", "error", "messages[0].tool_calls[0].function.name", "the tool name ''",
    ),
    "reserved tool name": (
        "dashscope", native(USER, tools=[{"type": "function", "function": {"name": "search"}}]),
        "tool-name", "error", "parameters.tools[0].function.name", "'search' is a reserved tool name",
    ),
}  # fmt: skip


@pytest.mark.parametrize(
    ("protocol", "body", "code", "severity", "path", "words"), FAULTS.values(), ids=FAULTS
)
def test_a_fault_has_one_finding_with_its_place_and_words(
    protocol: str, body: Any, code: str, severity: str, path: str, words: str
) -> None:
    before = copy.deepcopy(body)
    findings = validate(body, protocol=protocol)
    assert [(each.code, each.severity, each.path) for each in findings] == [(code, severity, path)]
    assert words in f"{findings[0].message} ({findings[0].advice})"
    assert body == before


def test_every_code_of_the_schemas_has_a_body_that_trips_it() -> None:
    tripped = {fault[2] for fault in FAULTS.values()}
    of_schemas = {code for code in CODES if not CODES[code].source}
    assert tripped | {"bad-shape", "too-deep"} >= of_schemas  # these two have tests of their own


@pytest.mark.parametrize("code", CODES.values(), ids=CODES)
def test_a_code_has_a_meaning_and_a_rule_its_source_and_date(code: Any) -> None:
    assert code.meaning
    if code.source:
        assert code.source.startswith("https://")
        assert code.read >= "2026-11-21"
    else:
        assert code.severity == "error"


def test_a_finding_is_never_graver_than_its_code() -> None:
    order = ("note", "waste", "error")
    for _, _, code, severity, _, _ in FAULTS.values():
        assert order.index(severity) <= order.index(CODES[code].severity)


# ---------------------------------------------------------------- in the provider's words

PROVIDER_TEXTS = {
    "hot, native": (
        "dashscope",
        native(USER, temperature=2),
        "Temperature should be in [0.0, 2.0)",
    ),
    "top_p": ("dashscope", native(USER, top_p=0), "Range of top_p should be (0.0, 1.0]"),
    "seed": (
        "dashscope",
        native(USER, seed=-1),
        "Range of seed should be [0, 9223372036854775807]",
    ),
    "no native messages": ("dashscope", native(), "[] is too short"),
    "no native content": (
        "dashscope",
        native({"role": "user"}),
        "The content field is a required field.",
    ),
    "required": (
        "dashscope",
        native(USER, tool_choice="required"),
        'tool_choice is one of the strings that should be ["none", "auto"]',
    ),
    "not a modality": (
        "dashscope-multimodal",
        native(user({"pdf": "a"})),
        "The item of content should be a message of a certain modal.",
    ),
    "search": (
        "dashscope",
        native(USER, tools=[{"function": {"name": "search"}}]),
        "Tool names are not allowed to be [search]",
    ),
    "native orphan": (
        "dashscope",
        native(USER, RESULT),
        'messages with role "tool" must be a response to a preceeding message with "tool_calls".',
    ),
    "orphan": (
        "openai",
        chat(USER, RESULT),
        (
            "Invalid parameter: messages with role 'tool' must be a response to a preceeding message"
            " with 'tool_calls'."
        ),
    ),
    "unanswered": (
        "openai",
        chat(USER, CALLS),
        (
            "An assistant message with 'tool_calls' must be followed by tool messages responding to each"
            " 'tool_call_id'. The following tool_call_ids did not have response messages"
        ),
    ),
    "no tools but a list": (
        "openai",
        chat(USER, tools=[]),
        (
            "Invalid 'tools': empty array. Expected an array with minimum length 1, but got an empty"
            " array instead."
        ),
    ),
    "empty calls": (
        "openai",
        chat(USER, {"role": "assistant", "content": "a", "tool_calls": []}),
        (
            "Invalid 'messages[1].tool_calls': empty array. Expected an array with minimum length 1, but"
            " got an empty array instead."
        ),
    ),
    "empty name": (
        "openai",
        chat(USER, tools=[{"function": {"name": ""}}]),
        (
            "Invalid 'tools[0].function.name': empty string. Expected a string with minimum length 1,"
            " but got an empty string instead."
        ),
    ),
    "long name": (
        "openai",
        chat(USER, tools=[{"function": {"name": "a" * 70}}]),
        (
            "Invalid 'tools[0].function.name': string too long. Expected a string with maximum length"
            " 64, but got a string with length 70 instead."
        ),
    ),
    "name": (
        "openai",
        chat(USER, tools=[{"function": {"name": "a b"}}]),
        (
            "Invalid 'tools[0].function.name': string does not match pattern. Expected a string that"
            " matches the pattern '^[a-zA-Z0-9_-]+$'."
        ),
    ),
    "type of a range": ("dashscope", native(USER, temperature="hot"), ""),
    "name, where unknown": (
        "openai",
        chat(USER, tools=[{"function": {"name": ""}}], model="x"),
        "",
    ),
}


@pytest.mark.parametrize(
    ("protocol", "body", "quoted"), PROVIDER_TEXTS.values(), ids=PROVIDER_TEXTS
)
def test_a_finding_quotes_the_provider_where_its_words_are_known(
    protocol: str, body: Any, quoted: str
) -> None:
    assert [each.provider_text for each in validate(body, protocol=protocol)] == [quoted]


# ---------------------------------------------------------------- several at once


def test_findings_of_the_schema_come_in_the_order_of_their_paths_before_the_rules() -> None:
    messages = [{**USER, "cache_control": MARK}, *[USER] * 9, {"role": "x"}, {"role": "y"}]
    messages[2] = {"role": "z"}
    found = validate(chat(*messages, temperature=9, model=""), protocol="openai")
    assert [each.path for each in found] == [
        "messages[2].role",
        "messages[10].role",
        "messages[11].role",
        "model",
        "temperature",
        "messages[0]",
    ]


def test_the_schema_can_be_asked_alone() -> None:
    body = chat({**USER, "cache_control": MARK}, temperature=9)
    assert [each.path for each in schema_findings(body, protocol="openai")] == ["temperature"]


def test_a_message_of_unknown_role_is_still_judged_by_its_parts() -> None:
    body = chat({"role": "bot", "content": [{"type": "text", "text": 5}]})
    assert [each.path for each in validate(body, protocol="openai")] == [
        "messages[0].content[0].text",
        "messages[0].role",
    ]


def test_both_forms_of_marker_on_one_part_count_once() -> None:
    both = user(text(cache_control=MARK, prompt_cache_breakpoint=BREAK))
    assert validate(native(*[both] * 4, model="qwen4-plus"), protocol="dashscope") == ()


def test_markers_without_effect_are_named_up_to_five() -> None:
    body = native(*[user(text(cache_control=MARK))] * 10)
    (finding,) = validate(body, protocol="dashscope")
    assert finding.advice.count("input.messages") == 5
    assert finding.advice.endswith(", ...")


def test_rules_handed_in_replace_those_of_the_model() -> None:
    body = native(*[user(text(cache_control=MARK))] * 4)
    two = replace(DASHSCOPE, max_marks=2)
    (finding,) = validate(body, protocol="dashscope", rules=two)
    assert finding.message.startswith("4 cache markers where 2 are heeded")


def test_too_many_markers_are_an_error_where_the_provider_rejects_them() -> None:
    body = native(*[user(text(cache_control=MARK))] * 5)
    (finding,) = validate(body, protocol="dashscope", rules=replace(DASHSCOPE, over_limit="error"))
    assert (finding.severity, "rejected" in finding.message) == ("error", True)


def test_rules_without_a_limit_count_nothing() -> None:
    body = native(*[user(text(cache_control=MARK))] * 9)
    rules = replace(DASHSCOPE, max_marks=None, over_limit=None)
    assert validate(body, protocol="dashscope", rules=rules) == ()


def test_a_tool_marker_counts_where_tools_have_a_slot() -> None:
    body = native(*[user(text(cache_control=MARK))] * 4, tools=[{**TOOL, "cache_control": MARK}])
    (finding,) = validate(body, protocol="dashscope", rules=replace(DASHSCOPE, tool_slot=True))
    assert (finding.code, finding.path) == ("too-many-markers", "parameters.tools[0]")


def test_the_model_argument_stands_in_for_an_alias() -> None:
    body = chat(user(text(cache_control=MARK)), model="our-deployment")
    assert validate(body, protocol="openai") == ()
    assert [each.code for each in validate(body, protocol="openai", model="gpt-4o")] == [
        "no-markers"
    ]


# ---------------------------------------------------------------- check, detect, protocols


def test_check_raises_the_first_error_and_holds_all_findings() -> None:
    body = chat({**USER, "cache_control": MARK}, {"role": "x"}, temperature=9)
    with pytest.raises(BodyInvalid) as caught:
        check(body, protocol="openai")
    assert str(caught.value).startswith("messages[1].role: 'x' is not one of")
    assert "and 1 more errors" in str(caught.value)
    assert caught.value.findings == findings_of(body, protocol="openai")


def test_check_returns_findings_that_are_no_errors() -> None:
    body = native({**USER, "cache_control": MARK})
    assert [each.code for each in check(body, protocol="dashscope")] == ["message-level-marker"]


@pytest.mark.parametrize(
    ("body", "protocol"),
    [
        (native(USER), "dashscope"),
        ({"model": "m", "input": {"prompt": "a"}}, "dashscope"),
        (chat(USER), "openai"),
        ({"model": "m", "input": "responses"}, None),
        ({"system": "s", "messages": [USER]}, "anthropic"),
        ({}, None),
        ([USER], None),
        (None, None),
    ],
)
def test_a_protocol_is_known_by_the_outermost_keys(body: Any, protocol: str | None) -> None:
    assert detect_protocol(body) == protocol


def test_an_unknown_protocol_is_the_callers_fault() -> None:
    with pytest.raises(OptionError, match="no request schema for 'gopher'"):
        validate({}, protocol="gopher")


# ---------------------------------------------------------------- any value at all

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.text(max_size=3)
            | st.sampled_from(
                [
                    "model",
                    "messages",
                    "input",
                    "parameters",
                    "tools",
                    "role",
                    "content",
                    "tool_calls",
                ]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@pytest.mark.parametrize("protocol", PROTOCOLS)
@given(body=JSON)
def test_no_json_value_raises_and_none_is_changed(protocol: str, body: Any) -> None:
    before = pickle.dumps(body)
    findings = findings_of(body, protocol=protocol)
    assert pickle.dumps(body) == before
    assert findings_of(body, protocol=protocol, previous=body) is not None
    assert findings_of(body, protocol=protocol) == findings
    assert {each.code for each in findings} <= set(CODES)
    assert json.dumps([each.to_dict() for each in findings])
    assert detect_protocol(body) in {None, *PROTOCOLS}


@given(parts=st.lists(JSON, max_size=4), calls=JSON, tool=JSON)
def test_no_message_raises(parts: list[Any], calls: Any, tool: Any) -> None:
    message = {"role": "assistant", "content": parts, "tool_calls": calls, "cache_control": tool}
    validate(chat(message, RESULT, {"role": "tool"}, tools=[tool]), protocol="openai")
    validate(native(message, RESULT, {"role": "tool"}, tools=[tool]), protocol="dashscope")


def test_a_body_nested_beyond_reach_is_a_finding() -> None:
    deep: Any = []
    for _ in range(100_000):
        deep = [deep]
    (finding,) = schema_findings(deep, protocol="openai")
    assert finding.code == "too-deep"
    body = chat(
        USER, tools=[{"type": "function", "function": {"name": "f", "parameters": {"a": deep}}}]
    )
    assert validate(body, protocol="openai") == ()


def test_a_fault_of_another_keyword_is_reported_too(monkeypatch: pytest.MonkeyPatch) -> None:
    made_up = {
        "not": {"required": ["b"]},
        "properties": {"a": {"description": "text", "anyOf": [{"type": "string"}, False]}},
    }
    monkeypatch.setattr(registry, "read_json", lambda *_: made_up)
    schema = registry._load.__wrapped__("openai-chat")
    findings = shape_findings(schema, {"a": [5], "b": 6})
    assert [str(each) for each in findings] == [
        "error bad-shape at (request): {'a', 'b'} does not fit",
        "error bad-shape at a: [1 items] does not fit (text)",
    ]


def test_keys_that_json_would_turn_into_strings_do_no_harm() -> None:
    body = chat(USER, metadata={None: 1, 2.5: 2, True: 3}, logit_bias={7: 900})
    found = validate(body, protocol="openai")
    assert [each.code for each in found].count("wrong-type") == 3
    assert "logit_bias[7]" in [each.path for each in found]


def test_long_values_are_abbreviated() -> None:
    body = chat(
        {"role": "a" * 10_000, "content": "x"}, stop={"k" * 99: 1, **dict.fromkeys("abcdef")}
    )
    for finding in validate(body, protocol="openai"):
        assert len(finding.message) < 400


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("a" * 70, f"'{'a' * 60}'... (70 characters)"),
        ({}, "{}"),
        (dict.fromkeys("abcde"), "{'a', 'b', 'c', 'd', ...}"),
        ([], "[]"),
        ([1], "[1 items]"),
        (False, "false"),
        (1.5, "1.5"),
        (10**90, "1" + "0" * 59 + "..."),
    ],
)
def test_a_value_is_shown_briefly(value: Any, shown: str) -> None:
    assert abbreviate(value) == shown


def test_a_number_that_python_does_not_write_is_shown_too() -> None:
    assert abbreviate(10**5000) == "a very long number"


def test_a_path_quotes_keys_that_are_no_names() -> None:
    assert write_path(("input", "messages", 2, "a b", "é")) == 'input.messages[2]["a b"].é'


# ---------------------------------------------------------------- what others sent


def lines(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.read_text(encoding="utf-8").split("\n") if line]


def errors(findings: tuple[Finding, ...]) -> list[str]:
    return [str(each) for each in findings if each.severity == "error"]


@pytest.mark.shared
def test_every_recorded_chat_request_is_legal(shared_dir: Path) -> None:
    recorded = [
        each
        for each in lines(shared_dir / "real/exchanges.jsonl")
        if each["path"].endswith("/chat/completions")
    ]
    assert len(recorded) > 20
    for each in recorded:
        assert errors(validate(each["request"], protocol="openai")) == [], each["id"]
        assert detect_protocol(each["request"]) == "openai"


@pytest.mark.shared
def test_every_recorded_native_request_is_legal(shared_dir: Path) -> None:
    recorded = lines(shared_dir / "real/dashscope_native.jsonl")
    assert len(recorded) > 10
    for each in recorded:
        name = each["name"]
        kind = "-multimodal" if name.startswith("multimodal") else "-text"
        protocols = ["dashscope"]
        if not name.startswith("application"):  # the application's id stands in its URL
            protocols.append(f"dashscope{kind}")
        for protocol in protocols:
            assert validate(each["request"], protocol=protocol) == (), (name, protocol)
        assert detect_protocol(each["request"]) == "dashscope"


@pytest.mark.shared
def test_every_step_of_a_recorded_session_is_legal(shared_dir: Path) -> None:
    for each in lines(shared_dir / "real/agent_traces.jsonl"):
        messages = each["messages"]
        for end, message in enumerate(messages):
            if message["role"] == "assistant" and end:
                body = {"model": "gpt-4o", "messages": messages[:end]}
                assert validate(body, protocol="openai") == (), each["id"]


# What agentscope-java sends although the provider documents that it rejects it.
INVALID_IN_JAVA = {
    "req/opt-temperature-5": "temperature -0.5",
    "req/opt-top_p-1": "top_p 0, which DashScope excludes and OpenAI takes",
    "req/opt-seed-2": "a seed narrowed to a negative number, which DashScope excludes",
    "req/tools-cjk": "a Chinese tool name, which OpenAI rejects",
    "req/tools-empty-name": "an empty tool name, which OpenAI rejects",
}


@pytest.mark.shared
def test_requests_of_agentscope_java_are_legal_but_for_known_ones(shared_dir: Path) -> None:
    folder = shared_dir / "java-parity"
    invalid, wasteful, count = set(), set(), 0
    for case, expected in zip(
        lines(folder / "cases.jsonl"), lines(folder / "expected.jsonl"), strict=True
    ):
        formatter = str(case.get("formatter"))
        if (
            case["method"] not in {"request", "wire"}
            or "ok" not in expected
            or not formatter.startswith(("dashscope_", "openai_"))
        ):
            continue
        count += 1
        body = expected["ok"].get("body", expected["ok"])
        findings = validate(body, protocol=formatter.split("_", maxsplit=1)[0])
        if errors(findings):
            invalid.add(case["id"].rsplit("/", 1)[0])
        wasteful |= {each.code for each in findings if each.severity == "waste"}
    assert count > 150
    assert invalid == set(INVALID_IN_JAVA)
    assert wasteful == {"message-level-marker"}


# ---------------------------------------------------------------- cost


def long_conversation(turns: int) -> list[dict[str, Any]]:
    out: list[dict[str, Any]] = [{"role": "system", "content": "You are an agent. " * 60}]
    for turn in range(turns):
        function = {"name": "f", "arguments": json.dumps({"step": turn, "text": "x" * 80})}
        out += [
            user(text("go on " * 20)),
            {
                "role": "assistant",
                "content": "",
                "tool_calls": [{"id": f"c{turn}", "type": "function", "function": function}],
            },
            {"role": "tool", "tool_call_id": f"c{turn}", "content": "a line of output\n" * 30},
            {"role": "assistant", "content": "done " * 30},
        ]
    return out


MEASURE = """
import json, sys, time
from wiremark.validation import validate

def quickest(action):
    taken = []
    for _ in range(7):
        start = time.process_time()
        action()
        taken.append(time.process_time() - start)
    return min(taken)

protocol, written = sys.argv[1], sys.stdin.read()
body = json.loads(written)
previous = json.loads(written) if sys.argv[2:] else None
reading = quickest(lambda: json.loads(written))
print(quickest(lambda: validate(body, protocol=protocol, previous=previous)) / reading)
"""


@pytest.mark.parametrize("fault", [False, True], ids=["legal", "one fault"])
@pytest.mark.parametrize("protocol", ["openai", "dashscope"])
def test_a_thousand_messages_cost_less_than_fifty_times_reading_them(
    protocol: str, fault: bool
) -> None:
    messages = long_conversation(250)
    if fault:
        messages[500]["role"] = "bot"
    body = chat(*messages) if protocol == "openai" else native(*messages)
    assert bool(validate(body, protocol=protocol)) is fault
    assert cost_of(body, protocol) < 50


@pytest.mark.parametrize("protocol", ["openai", "dashscope"])
def test_marks_and_the_previous_request_cost_no_more(protocol: str) -> None:
    messages = long_conversation(250)
    mark = (
        {"cache_control": MARK} if protocol == "dashscope" else {"prompt_cache_breakpoint": BREAK}
    )
    for index in (0, 500, -1):
        messages[index] = {**messages[index], "content": [text("done " * 30, **mark)]}
    body = chat(*messages) if protocol == "openai" else native(*messages)
    assert cost_of(body, protocol, "previous") < 50


def cost_of(body: Any, *arguments: str) -> float:
    """Return the time to validate as a multiple of reading, of a process of its own.

    Coverage slows Python down, and not the reading of JSON.
    """
    done = subprocess.run(
        [sys.executable, "-c", MEASURE, *arguments],
        input=json.dumps(body),
        env={"PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        check=True,
    )
    return float(done.stdout)
