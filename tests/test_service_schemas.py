"""The schemas of one service each: OpenRouter, and DashScope in compatible mode."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from wiremark.rules import select_rules
from wiremark.validation import schema_findings, validate

MARK = {"type": "ephemeral"}
CALL = {"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}
COMMON: dict[str, Any] = {
    "messages": [
        {"role": "system", "content": [{"type": "text", "text": "S", "cache_control": MARK}]},
        {"role": "user", "content": "hi"},
        {"role": "assistant", "content": None, "tool_calls": [CALL]},
        {"role": "tool", "tool_call_id": "c", "content": "r"},
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "a"},
                {"type": "image_url", "image_url": {"url": "https://x/a.png"}},
                {"type": "video_url", "video_url": {"url": "https://x/a.mp4"}},
            ],
        },
    ],
    "temperature": 0.7,
    "seed": 1,
    "tools": [{"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}],
    "tool_choice": "auto",
    "stream": True,
    "stream_options": {"include_usage": True},
    "later_field": 1,
}
BODIES: dict[str, dict[str, Any]] = {
    "openai-dashscope": {
        **COMMON,
        "model": "qwen-plus",
        "enable_thinking": True,
        "thinking_budget": 100,
        "enable_search": True,
        "search_options": {"forced_search": True},
        "top_k": 20,
        "stop": [[1, 2]],
    },
    "openrouter": {
        **COMMON,
        "models": ["anthropic/claude-sonnet-4.5", "qwen/qwen3-max"],
        "provider": {"order": ["anthropic"], "allow_fallbacks": False, "sort": "price"},
        "reasoning": {"effort": "low"},
        "plugins": [{"id": "web", "max_results": 3}],
        "usage": {"include": True},
        "cache_control": {**MARK},
    },
}


def changed(protocol: str, *path: Any) -> dict[str, Any]:
    body = copy.deepcopy(BODIES[protocol])
    *steps, key, value = path
    place: Any = body
    for step in steps:
        place = place[step]
    place[key] = value
    return body


@pytest.mark.parametrize("protocol", BODIES)
def test_a_right_body_has_no_findings(protocol: str) -> None:
    assert schema_findings(BODIES[protocol], protocol=protocol) == ()


@pytest.mark.parametrize(
    ("protocol", "change", "path", "code", "says"),
    [
        ("openai-dashscope", ("messages", 0, "role", "developer"), "messages[0].role", "bad-value", "send system"),
        ("openai-dashscope", ("temperature", 2), "temperature", "out-of-range", "without, 2"),
        ("openai-dashscope", ("temperature", 2.5), "temperature", "out-of-range", "[0.0, 2.0)"),
        ("openai-dashscope", ("top_p", 0), "top_p", "out-of-range", "(0.0, 1.0]"),
        ("openai-dashscope", ("n", 5), "n", "out-of-range", "[1, 4]"),
        ("openai-dashscope", ("seed", -1), "seed", "out-of-range", "9223372036854775807"),
        ("openai-dashscope", ("top_logprobs", 6), "top_logprobs", "out-of-range", "0 to 5"),
        ("openai-dashscope", ("tool_choice", "required"), "tool_choice", "bad-value", "none"),
        ("openai-dashscope", ("enable_thinking", "yes"), "enable_thinking", "wrong-type", "true or false"),
        ("openai-dashscope", ("messages", 4, "content", 2, "fps", 11), "messages[4].content[2].fps", "out-of-range", "0.1 to 10"),
        ("openai-dashscope", ("messages", 0, "content", 0, "cache_control", {"type": "x"}), "messages[0].content[0].cache_control.type", "bad-value", "ephemeral"),
        ("openrouter", ("messages", []), "messages", "bad-length", "at least one"),
        ("openrouter", ("messages", 0, "role", "bot"), "messages[0].role", "bad-value", "developer"),
        ("openrouter", ("messages", 4, "content", 0, "type", "txt"), "messages[4].content[0].type", "bad-value", "input_video"),
        ("openrouter", ("messages", 4, "content", 0, "text", 5), "messages[4].content[0].text", "wrong-type", "a string"),
        ("openrouter", ("messages", 2, "tool_calls", 0, "function", "arguments", {}), "messages[2].tool_calls[0].function.arguments", "wrong-type", "JSON text"),
        ("openrouter", ("messages", 0, "content", 0, "cache_control", "ttl", "2h"), "messages[0].content[0].cache_control.ttl", "bad-value", "1h"),
        ("openrouter", ("temperature", 3), "temperature", "out-of-range", "0 to 2"),
        ("openrouter", ("plugins", 0, "id", "wob"), "plugins[0].id", "bad-value", "web-fetch"),
        ("openrouter", ("provider", "order", "anthropic"), "provider.order", "wrong-type", "a list"),
        ("openrouter", ("tools", 0, "type", 5), "tools[0].type", "wrong-type", "a string"),
    ],
)  # fmt: skip
def test_a_fault_is_named_once_with_its_place(
    protocol: str, change: tuple[Any, ...], path: str, code: str, says: str
) -> None:
    (found,) = schema_findings(changed(protocol, *change), protocol=protocol)
    assert (found.path, found.code, found.severity) == (path, code, "error")
    assert says in f"{found.message} {found.advice} {found.provider_text}"


def test_what_dashscope_narrows_openai_takes() -> None:
    for change in (("temperature", 2), ("n", 5), ("tool_choice", "required"), ("top_logprobs", 6)):
        body = changed("openai-dashscope", *change)
        assert schema_findings(body, protocol="openai-chat") == ()


@pytest.mark.parametrize(
    ("protocol", "host"),
    [("openrouter", "openrouter.ai"), ("openai-dashscope", "dashscope.aliyuncs.com")],
)
def test_a_service_is_judged_by_its_own_cache_rules(protocol: str, host: str) -> None:
    body = copy.deepcopy(BODIES[protocol])
    body["model"] = "qwen-plus"
    rules = select_rules("openai-chat", host=host, model="qwen-plus").rules
    body["tools"][0]["cache_control"] = MARK
    assert validate(body, protocol=protocol) == validate(body, protocol="openai", rules=rules)


def is_converse(path: str) -> bool:
    return path.endswith("/converse")


def is_chat(path: str) -> bool:
    return path.endswith("/chat/completions")


@pytest.mark.shared
@pytest.mark.parametrize(
    ("protocol", "host", "of_form", "least"),
    [
        ("openrouter", "openrouter.ai", is_chat, 7),
        ("openai-chat", "api.openai.com", is_chat, 6),
        ("anthropic-2023-06-01", "api.anthropic.com", str, 13),
        ("bedrock-converse", "bedrock-runtime.us-east-1.amazonaws.com", is_converse, 14),
    ],
)
def test_every_recorded_request_passes_the_schema_of_its_service(
    protocol: str, host: str, of_form: Callable[[str], Any], least: int, shared_dir: Path
) -> None:
    lines = (shared_dir / "real" / "exchanges.jsonl").read_text("utf-8").splitlines()
    recorded = [
        each for each in map(json.loads, lines) if each["host"] == host and of_form(each["path"])
    ]
    assert len(recorded) >= least
    for each in recorded:
        assert schema_findings(each["request"], protocol=protocol) == (), each["id"]
