"""The request schema of the Messages API."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from wiremark.validation import schema_findings, schema_for, validate
from wiremark.validation.registry import request_schema

MARK = {"type": "ephemeral"}
THINKING = {"type": "thinking", "thinking": "t", "signature": "s"}
CITATION = {
    "type": "char_location",
    "cited_text": "a",
    "document_index": 0,
    "document_title": None,
    "start_char_index": 0,
    "end_char_index": 1,
}
BODY: dict[str, Any] = {
    "model": "claude-sonnet-4-5",
    "max_tokens": 4096,
    "system": [{"type": "text", "text": "S", "cache_control": {**MARK, "ttl": "1h"}}],
    "messages": [
        {"role": "user", "content": "hi"},
        {
            "role": "assistant",
            "content": [
                THINKING,
                {"type": "text", "text": "a"},
                {"type": "tool_use", "id": "c", "name": "f", "input": {}},
            ],
        },
        {
            "role": "user",
            "content": [
                {
                    "type": "tool_result",
                    "tool_use_id": "c",
                    "content": [{"type": "text", "text": "8"}],
                    "cache_control": MARK,
                },
                {"type": "image", "source": {"type": "url", "url": "https://e.com/a.png"}},
                {
                    "type": "document",
                    "source": {"type": "text", "media_type": "text/plain", "data": "a"},
                },
            ],
        },
    ],
    "tools": [
        {"name": "f", "description": "F", "input_schema": {"type": "object"}},
        {"name": "web_search", "type": "web_search_20260318"},
    ],
    "tool_choice": {"type": "tool", "name": "f"},
    "thinking": {"type": "enabled", "budget_tokens": 1024},
    "stream": False,
    "later_field": 1,
}


def changed(change: Callable[[dict[str, Any]], Any]) -> dict[str, Any]:
    body = copy.deepcopy(BODY)
    change(body)
    return body


def set_at(*path: Any) -> Callable[[dict[str, Any]], Any]:
    *steps, key, value = path

    def change(body: Any) -> None:
        for step in steps:
            body = body[step]
        body[key] = value

    return change


def test_a_right_body_has_no_findings_and_is_not_changed() -> None:
    body = copy.deepcopy(BODY)
    assert validate(body, protocol="anthropic") == ()
    assert body == BODY


@pytest.mark.parametrize(
    ("change", "path", "code", "says"),
    [
        (lambda b: b.pop("max_tokens"), "", "missing-key", "limit in tokens"),
        (lambda b: b.pop("messages"), "", "missing-key", "conversation"),
        (set_at("messages", []), "messages", "bad-length", "at least one message"),
        (set_at("messages", 0, "role", "tool"), "messages[0].role", "bad-value", "user or assis"),
        (
            set_at("messages", 1, "content", 1, "text", ""),
            "messages[1].content[1].text",
            "bad-length",
            "not empty",
        ),
        (
            set_at("messages", 1, "content", 0, "cache_control", MARK),
            "messages[1].content[0].cache_control",
            "unknown-key",
            "signature",
        ),
        (
            lambda b: b["messages"][1]["content"][0].pop("signature"),
            "messages[1].content[0]",
            "missing-key",
            "signature",
        ),
        (
            set_at("messages", 1, "content", 2, "input", "{}"),
            "messages[1].content[2].input",
            "wrong-type",
            "not its JSON text",
        ),
        (
            set_at("messages", 2, "content", 0, "content", 0, "cache_control", MARK),
            "messages[2].content[0].content[0].cache_control",
            "wrong-type",
            "tool_result",
        ),
        (
            set_at("messages", 2, "content", 1, "source", {"type": "url"}),
            "messages[2].content[1].source",
            "missing-key",
            "",
        ),
        (
            set_at("system", 0, "cache_control", {"type": "ephemeral", "ttl": "2h"}),
            "system[0].cache_control.ttl",
            "bad-value",
            "",
        ),
        (set_at("cache_control", {"type": "forever"}), "cache_control.type", "bad-value", ""),
        (
            lambda b: b["tools"][0].pop("input_schema"),
            "tools[0]",
            "missing-key",
            "type object",
        ),
        (set_at("thinking", "budget_tokens", 1023), "thinking.budget_tokens", "out-of-range", ""),
        (set_at("tool_choice", {"type": "tool"}), "tool_choice", "missing-key", "name"),
        (set_at("tool_choice", {"type": "required"}), "tool_choice.type", "bad-value", "any"),
    ],
)
def test_a_fault_is_named_once_with_its_place(
    change: Callable[[dict[str, Any]], Any], path: str, code: str, says: str
) -> None:
    body = changed(change)
    (found,) = schema_findings(body, protocol="anthropic")
    assert (found.path, found.code, found.severity) == (path, code, "error")
    assert says in f"{found.message} {found.advice}"


@pytest.mark.parametrize(
    ("path", "text"),
    [
        (("messages", 1, "content", 1, "text", ""), "must be non-empty"),
        (("messages", 1, "content", 0, "cache_control", MARK), "Extra inputs are not permitted"),
        (
            ("messages", 2, "content", 0, "content", 0, "cache_control", MARK),
            "place it directly on `tool_result`",
        ),
    ],
)
def test_the_providers_own_words_are_quoted(path: tuple[Any, ...], text: str) -> None:
    (found,) = schema_findings(changed(set_at(*path)), protocol="anthropic")
    assert text in found.provider_text


def test_five_marks_are_rejected_and_the_automatic_one_counts() -> None:
    body = copy.deepcopy(BODY)
    body["tools"][0]["cache_control"] = {**MARK, "ttl": "1h"}
    body["messages"][1]["content"][1]["cache_control"] = MARK
    assert validate(body, protocol="anthropic") == ()
    body["cache_control"] = MARK
    (found,) = validate(body, protocol="anthropic")
    assert (found.code, found.severity) == ("too-many-markers", "error")
    assert found.message.startswith("5 cache markers where 4")


def test_a_mark_on_white_space_is_found() -> None:
    body = changed(set_at("system", 0, "text", " "))
    (found,) = validate(body, protocol="anthropic")
    assert (found.code, found.path) == ("marker-on-empty-text", "system[0]")


def test_the_schema_is_valid_and_agrees_with_jsonschema() -> None:
    schema = schema_for("anthropic")
    Draft202012Validator.check_schema(schema)
    plain = Draft202012Validator(schema)
    quick = request_schema("anthropic")
    for body in (BODY, changed(set_at("messages", 0, "content", 5)), {}, [], None):
        assert quick.accepts(body) == plain.is_valid(body)


VERSIONS = ("anthropic", "anthropic-2023-06-01", "anthropic-2026-10-21")


@pytest.mark.parametrize(
    ("change", "path", "code"),
    [
        (set_at("temperature", 1), "temperature", "unknown-key"),
        (set_at("top_p", 0.5), "top_p", "unknown-key"),
        (set_at("top_k", 5), "top_k", "unknown-key"),
        (
            lambda b: b["messages"][1]["content"].append(b["messages"][2]["content"][2]),
            "messages[1].content[3].type",
            "bad-value",
        ),
        (
            lambda b: b["messages"][2]["content"].append(
                {"type": "text", "text": "a", "citations": [CITATION]}
            ),
            "messages[2].content[3].citations",
            "bad-length",
        ),
    ],
)
def test_what_the_newer_version_lacks_is_an_error_in_it_alone(
    change: Callable[[dict[str, Any]], Any], path: str, code: str
) -> None:
    either, older, newer = (schema_findings(changed(change), protocol=each) for each in VERSIONS)
    assert either == older == ()
    ((found),) = newer
    assert (found.path, found.code) == (path, code)
    assert "2026-10-21" in found.advice


def test_citations_of_an_assistant_turn_are_taken_in_every_version() -> None:
    body = changed(set_at("messages", 1, "content", 1, "citations", [CITATION]))
    for version in VERSIONS:
        assert schema_findings(body, protocol=version) == ()


def test_a_toolset_needs_no_name() -> None:
    body = changed(lambda b: b["tools"].append({"type": "browser_toolset_20260801"}))
    assert schema_findings(body, protocol="anthropic") == ()


@pytest.mark.parametrize(
    ("change", "path", "code"),
    [
        (set_at("tools", 1, "max_uses", "3"), "tools[1].max_uses", "wrong-type"),
        (
            lambda b: b["messages"][1]["content"].append({"type": "server_tool_use", "id": "s"}),
            "messages[1].content[3]",
            "missing-key",
        ),
        (set_at("speed", "quick"), "speed", "bad-value"),
    ],
)
def test_what_is_known_from_the_official_types_alone_is_checked(
    change: Callable[[dict[str, Any]], Any], path: str, code: str
) -> None:
    found = schema_findings(changed(change), protocol="anthropic")
    assert {(each.path, each.code) for each in found} == {(path, code)}


def test_every_recorded_request_passes(shared_dir: Path) -> None:
    lines = (shared_dir / "real" / "exchanges.jsonl").read_text("utf-8").splitlines()
    exchanges = [json.loads(line) for line in lines]
    requests = [each["request"] for each in exchanges if each["host"] == "api.anthropic.com"]
    assert len(requests) == 13
    for request in requests:
        assert validate(request, protocol="anthropic") == ()
