"""The request schemas as files, and the predicate that is compiled from them."""

from __future__ import annotations

import copy
import json
import re
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from referencing import Registry
from referencing.exceptions import Unresolvable
from referencing.jsonschema import DRAFT202012

from wiremark.errors import OptionError, WiremarkError
from wiremark.validation import PROTOCOLS, registry, schema_for
from wiremark.validation.predicate import Compiler
from wiremark.validation.registry import request_schema

FILES = (
    "markers.json",
    "dashscope/definitions.json",
    "dashscope/request.json",
    "dashscope/text-generation.json",
    "dashscope/multimodal-generation.json",
    "openai/chat.json",
    "openai/dashscope.json",
    "openai/official.json",
    "openai/official-responses.json",
    "openai/responses.json",
    "openrouter/chat.json",
    "openrouter/official.json",
    "anthropic/messages.json",
    "anthropic/2023-06-01.json",
    "anthropic/2026-10-21.json",
    "anthropic/official-2023-06-01.json",
    "anthropic/official-2026-10-21.json",
    "bedrock/converse.json",
    "bedrock/official.json",
)
BASE = "https://wiremark.dev/schemas/"


@pytest.fixture(scope="module")
def schemas(checkout: Path) -> dict[str, Any]:
    folder = checkout / "schemas"
    return {name: json.loads((folder / name).read_text(encoding="utf-8")) for name in FILES}


@pytest.fixture(scope="module")
def plain(schemas: dict[str, Any]) -> Registry[Any]:
    """Return a registry made by hand: it refuses to fetch, as ours does."""
    return Registry().with_resources(
        (BASE + name, DRAFT202012.create_resource(contents)) for name, contents in schemas.items()
    )


def references(schema: Any) -> list[str]:
    if isinstance(schema, dict):
        own = [schema["$ref"]] if isinstance(schema.get("$ref"), str) else []
        return own + [ref for part in schema.values() for ref in references(part)]
    if isinstance(schema, list):
        return [ref for part in schema for ref in references(part)]
    return []


def test_no_request_schema_of_the_checkout_is_left_out(checkout: Path) -> None:
    folder = checkout / "schemas"
    ours = [folder / "markers.json", *folder.glob("*/*.json")]
    assert {file.relative_to(folder).as_posix() for file in ours} == set(FILES)


@pytest.mark.parametrize("name", FILES)
def test_a_schema_is_valid_under_its_metaschema(name: str, schemas: dict[str, Any]) -> None:
    assert schemas[name]["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    Draft202012Validator.check_schema(schemas[name])


@pytest.mark.parametrize("name", FILES)
def test_a_schema_is_named_by_its_place(name: str, schemas: dict[str, Any]) -> None:
    assert schemas[name]["$id"] == BASE + name
    assert schemas[name]["title"]


@pytest.mark.parametrize("name", FILES)
def test_a_schema_cites_sources_and_the_day_they_were_read(
    name: str, schemas: dict[str, Any]
) -> None:
    comment = schemas[name]["$comment"]
    assert "https://" in comment
    assert re.search(r"read \d{4}-\d{2}-\d{2}", comment)


@pytest.mark.parametrize("name", FILES)
def test_every_reference_resolves_without_a_network(name: str, plain: Registry[Any]) -> None:
    resolver = plain.resolver(base_uri=BASE + name)
    for ref in references(plain[BASE + name].contents):
        assert urljoin(BASE + name, ref).startswith(BASE)
        assert resolver.lookup(ref).contents
    with pytest.raises(Unresolvable):
        resolver.lookup("https://example.org/other.json")


def test_a_reference_out_of_the_folder_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "read_json", lambda *_: {"$ref": "https://example.org/a.json"})
    with pytest.raises(WiremarkError, match="outside schemas/"):
        registry._with_references(BASE + "openai/chat.json")


def test_a_protocol_without_a_schema_is_refused_with_the_known_ones() -> None:
    with pytest.raises(OptionError, match=r"dashscope-text.*openai-chat"):
        schema_for("gopher")


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_schema_handed_out_is_a_copy(protocol: str) -> None:
    first = schema_for(protocol)
    first.clear()
    assert schema_for(protocol)["$id"].startswith(BASE)


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_schema_handed_out_needs_no_registry(protocol: str) -> None:
    alone = Draft202012Validator(schema_for(protocol))
    quick = request_schema(protocol)
    for body in (NATIVE, CHAT, {}, [], None, {"model": "m", "messages": [{"role": "bot"}]}):
        assert alone.is_valid(body) is quick.accepts(body)


def test_no_schema_is_fetched(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise AssertionError("a socket was opened")

    monkeypatch.setattr(socket, "socket", refuse)
    monkeypatch.setattr(socket, "create_connection", refuse)
    registry._load.cache_clear()
    for protocol in PROTOCOLS:
        assert list(request_schema(protocol).errors({}))
        assert not Draft202012Validator(schema_for(protocol)).is_valid({})


def test_a_form_is_spoken_by_known_protocols_alone() -> None:
    assert set(registry.SPEAKS) <= set(PROTOCOLS)
    assert {form for form, _ in registry.SPEAKS.values()} <= set(PROTOCOLS)


def test_an_alias_shares_its_compiled_schema() -> None:
    assert request_schema("openai") is request_schema("openai-chat")


# ---------------------------------------------------------------- speed

SPEED = """
import json, sys, time
from wiremark.validation import PROTOCOLS, validate

def best(call):
    times = []
    for _ in range(5):
        start = time.process_time()
        call()
        times.append(time.process_time() - start)
    return min(times)

def text(words):
    return [{"text": words}] if converse else [{"type": "text", "text": words}]

def messages():
    for turn in range(250):
        yield {"role": "user", "content": text(f"question {turn} " * 8)}
        call, arguments = f"call_{turn}", {"city": "Paris"}
        if converse:
            yield {"role": "assistant", "content": [
                {"toolUse": {"toolUseId": call, "name": "f", "input": arguments}}]}
            yield {"role": "user", "content": [
                {"toolResult": {"toolUseId": call, "content": text("result " * 8)}}]}
        elif protocol.startswith("anthropic"):
            yield {"role": "assistant", "content": [
                {"type": "tool_use", "id": call, "name": "f", "input": arguments}]}
            yield {"role": "user", "content": [
                {"type": "tool_result", "tool_use_id": call, "content": "result " * 8}]}
        else:
            function = {"name": "f", "arguments": json.dumps(arguments)}
            yield {"role": "assistant", "content": None, "tool_calls": [
                {"id": call, "type": "function", "function": function}]}
            yield {"role": "tool", "tool_call_id": call, "content": "result " * 8}
        yield {"role": "assistant", "content": text("done " * 8)}

for protocol in PROTOCOLS:
    converse = protocol == "bedrock-converse"
    history = list(messages())
    if protocol.startswith("dashscope"):
        for each in history:
            if isinstance(each["content"], list):
                each["content"][0].pop("type")
        body = {"model": "m", "input": {"messages": history}}
    elif protocol == "openai-responses":
        history = [
            {"role": each["role"], "content": each["content"] or "none"}
            for each in history if each["role"] != "tool"
        ]
        for each in history:
            if isinstance(each["content"], list):
                said = "output" if each["role"] == "assistant" else "input"
                each["content"][0]["type"] = f"{said}_text"
        body = {"model": "m", "input": history}
    elif protocol.startswith("anthropic"):
        body = {"model": "m", "max_tokens": 5, "messages": history}
    else:
        body = {"messages": history} if converse else {"model": "m", "messages": history}
    wire = json.dumps(body)
    right = validate(body, protocol=protocol)
    assert not [each for each in right if each.severity == "error"], (protocol, right[:3])
    least = best(lambda: json.loads(wire))
    ratios = [best(lambda: validate(body, protocol=protocol)) / least]
    history[500]["role"] = "bot"
    assert validate(body, protocol=protocol)
    ratios.append(best(lambda: validate(body, protocol=protocol)) / least)
    print(protocol, *(round(each, 1) for each in ratios))
"""


def test_a_thousand_messages_are_validated_in_fifty_times_the_reading_of_their_json(
    checkout: Path,
) -> None:
    # In a process of its own, where coverage does not count the steps.
    done = subprocess.run(
        [sys.executable, "-c", SPEED],
        capture_output=True,
        text=True,
        check=True,
        env={"PYTHONPATH": str(checkout / "formatters")},
    )
    rows = [line.split() for line in done.stdout.splitlines()]
    assert {name for name, _, _ in rows} == set(PROTOCOLS)
    assert {name: ratios for name, *ratios in rows if max(map(float, ratios)) >= 50} == {}


# ---------------------------------------------------------------- predicate and jsonschema agree

NATIVE = {
    "model": "qwen-plus",
    "input": {
        "messages": [
            {"role": "system", "content": "s"},
            {"role": "user", "content": [{"text": "a"}, {"image": "https://x/a.png"}]},
            {"role": "user", "content": [{"type": "text", "text": "a"}, "b"]},
            {
                "role": "assistant",
                "content": None,
                "tool_calls": [{"id": "c", "function": {"name": "f", "arguments": "{}"}}],
            },
            {"role": "tool", "tool_call_id": "c", "content": "r"},
        ]
    },
    "parameters": {
        "temperature": 0.5,
        "seed": 1,
        "stop": ["a", [1]],
        "tools": [{"type": "function", "function": {"name": "f", "parameters": {}}}],
        "tool_choice": "auto",
        "response_format": {"type": "json_object"},
        "logit_bias": {"1": 2},
    },
}
CHAT = {
    "model": "gpt-5.6",
    "messages": [
        {"role": "developer", "content": "s"},
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "a", "cache_control": {"type": "ephemeral"}},
                {"type": "image_url", "image_url": {"url": "https://x/a.png"}},
                {"type": "input_audio", "input_audio": {"data": "", "format": "wav"}},
            ],
        },
        {
            "role": "assistant",
            "tool_calls": [
                {"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}
            ],
        },
        {"role": "tool", "tool_call_id": "c", "content": "r"},
    ],
    "temperature": 1,
    "top_p": None,
    "tools": [{"type": "function", "function": {"name": "f", "strict": True}}],
    "tool_choice": {"type": "function", "function": {"name": "f"}},
    "metadata": {"a": "b"},
    "reasoning_effort": None,
}
WORDS = st.sampled_from(
    [
        "type", "role", "text", "content", "tool_calls", "function", "user", "assistant", "tool",
        "system", "ephemeral", "auto", "image_url", "custom", "json_schema", "", "bot",
    ]
)  # fmt: skip
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-3, 200)
    | st.sampled_from([0.0, -0.0, 1.0, 2.0, 2.5, 1e308, float("inf")])
    | WORDS
)
JSON = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=3),
    max_leaves=6,
)


def spots(value: Any) -> list[tuple[Any, Any]]:
    """Return every container of a body with each of its keys."""
    keys = list(value) if isinstance(value, dict) else list(range(len(value)))
    own = [(value, key) for key in keys]
    return own + [
        spot for key in keys if isinstance(value[key], (dict, list)) for spot in spots(value[key])
    ]


@st.composite
def damaged(draw: st.DrawFn, body: dict[str, Any]) -> Any:
    """Draw a copy of the body with up to three values replaced, removed or added."""
    out = copy.deepcopy(body)
    for _ in range(draw(st.integers(0, 3))):
        container, key = draw(st.sampled_from(spots(out)))
        change = draw(st.sampled_from(["replace", "remove", "add"]))
        if change == "replace":
            container[key] = draw(JSON)
        elif change == "remove":
            del container[key]
        elif isinstance(container, dict):
            container[draw(WORDS)] = draw(JSON)
        else:
            container.insert(key, draw(JSON))
        if not spots(out):
            break
    return out


def said(errors: Any) -> list[tuple[str, str, str]]:
    return sorted((error.json_path, str(error.validator), error.message) for error in errors)


@pytest.mark.parametrize("protocol", PROTOCOLS)
@given(data=st.data())
def test_the_predicate_and_jsonschema_agree(
    protocol: str, plain: Registry[Any], data: st.DataObject
) -> None:
    body = data.draw(damaged(NATIVE if protocol.startswith("dashscope") else CHAT) | JSON)
    schema = request_schema(protocol)
    whole = Draft202012Validator(plain[schema.uri].contents, registry=plain)
    errors = said(whole.iter_errors(body))
    assert schema.accepts(body) is not bool(errors)
    assert said(schema.errors(body)) == errors


class Nowhere:
    """A resolver for schemas without references."""

    def lookup(self, ref: str) -> Any:
        raise AssertionError(ref)


KEYWORDS = (
    {"title": "anything"},
    {"type": ["integer", "null"]},
    {"type": "number"},
    {"enum": ["a", 1, None]},
    {"const": 2.0},
    {"properties": {"a": False, "b": True}},
    {"additionalProperties": {"type": "string"}, "properties": {"type": True}},
    {"required": ["type", "role"]},
    {"items": {"type": "string"}, "minItems": 1, "maxItems": 2},
    {"minimum": 0, "maximum": 2},
    {"exclusiveMinimum": 0, "exclusiveMaximum": 2},
    {"minLength": 1, "maxLength": 4},
    {"maxProperties": 1},
    {"pattern": "^[a-z]+$"},
    {"allOf": [{"type": "object"}, {"required": ["type"]}]},
    {"anyOf": [{"type": "string"}, {"minimum": 1}]},
    {"not": {"type": "object"}},
    {"if": {"type": "string"}, "then": {"minLength": 2}},
    {"if": {"type": "string"}, "else": {"type": "object"}},
    {
        "allOf": [
            {
                "if": {"required": ["type"], "properties": {"type": {"const": "text"}}},
                "then": {"required": ["text"]},
            },
            {
                "if": {"required": ["type"], "properties": {"type": {"enum": ["tool", "text"]}}},
                "then": {"maxProperties": 2},
            },
            {"if": {"properties": {"type": {"const": "auto"}}}, "then": {"required": ["role"]}},
        ]
    },
)


@pytest.mark.parametrize("schema", KEYWORDS, ids="+".join)
@given(value=JSON | st.floats() | st.text(max_size=6))
@example(True)
@example(False)
@example(1.0)
@example(2)
@example({})
@example({"type": "text"})
@example({"type": "text", "text": 1, "role": 1})
@example({"type": "tool", "role": 1, "text": 1})
@example({"type": ["text"]})
def test_a_keyword_means_what_it_means_to_jsonschema(schema: dict[str, Any], value: Any) -> None:
    check = Compiler().compile(schema, Nowhere())
    assert check(value) is Draft202012Validator(schema).is_valid(value)


def test_a_schema_may_refer_to_itself() -> None:
    schema: dict[str, Any] = {"type": "array", "items": {"$ref": "#"}}
    resolver = (
        Registry()
        .with_resource("urn:list", DRAFT202012.create_resource(schema))
        .resolver(base_uri="urn:list")
    )
    check = Compiler().compile(resolver.lookup("#").contents, resolver)
    assert check([[], [[]]])
    assert not check([[], [[0]]])


@pytest.mark.parametrize(
    "schema", [{"oneOf": []}, {"patternProperties": {}}, {"enum": [True]}, {"const": []}]
)
def test_a_keyword_without_a_predicate_is_refused_when_loaded(schema: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="no predicate"):
        Compiler().compile(schema, Nowhere())
