"""What the providers' own SDKs define, beside what our schemas say."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from referencing import Registry
from referencing.jsonschema import DRAFT202012

from wiremark.validation import schema_findings
from wiremark.validation.predicate import Compiler
from wiremark.validation.registry import request_schema

TOOL_INPUT = {
    "type": "object",
    "required": ["type"],
    "properties": {"type": {"const": "object"}},
}


@dataclass(frozen=True)
class Pair:
    """An official file, the protocol that must know it, and how they may differ.

    `stricter`: what the types leave open and the provider does not, by definition and key.
    `refused`: what the types take and ours do not; `wider`: fields whose value ours leave open.
    """

    file: str
    protocol: str
    stricter: dict[tuple[str, str], Any] = field(default_factory=dict)
    refused: frozenset[str] = frozenset()
    wider: frozenset[str] = frozenset()


# An input schema without "type": "object", and a budget below 1024, are rejected by the API.
CLAUDE = {
    ("ToolParam", "input_schema"): TOOL_INPUT,
    ("ThinkingConfigEnabledParam", "budget_tokens"): {"type": "integer", "minimum": 1024},
}
# A mark inside a tool_result belongs on the tool_result: the API says so in its error.
NESTED_MARK = "wrong-type messages[].content[].content[].cache_control"
# Text, its refusal or its calls: an assistant turn must hold something.
EMPTY_TURN = frozenset({"missing-key messages[]", "wrong-type messages[].content"})
PAIRS = (
    Pair("openai/official.json", "openai-chat", refused=EMPTY_TURN),
    Pair(
        "openai/official-responses.json",
        "openai-responses",
        # What a request asks stands in its input, or in what it goes on with.
        stricter={("Request", "model"): None, ("Request", "input"): None},
        refused=frozenset({"bad-value input[].content[].type"}),
    ),
    Pair(
        "anthropic/official-2023-06-01.json",
        "anthropic-2023-06-01",
        stricter=CLAUDE,
        # The types of this SDK have one message for all roles; system messages are text alone.
        refused=frozenset({NESTED_MARK, "bad-value messages[].content[].type"}),
        # Fields that later SDKs took back.
        wider=frozenset(
            {
                "BrowserToolset20260801Param.allowed_callers",
                "ComputerToolset20260801Param.allowed_callers",
            }
        ),
    ),
    Pair(
        "anthropic/official-2026-10-21.json",
        "anthropic-2026-10-21",
        stricter=CLAUDE,
        # Documents and citations stand where the types take them and this version does not.
        refused=frozenset(
            {
                NESTED_MARK,
                "bad-value messages[].content[].type",
                "bad-length messages[].content[].citations",
            }
        ),
    ),
    Pair(
        "openrouter/official.json",
        "openrouter",
        # The types leave lifetimes open; these are the documented ones.
        refused=frozenset(
            {
                "bad-value cache_control.ttl",
                "bad-value messages[].content[].cache_control.ttl",
                "bad-value messages[].content[].prompt_cache_breakpoint.ttl",
                "bad-value tools[].cache_control.ttl",
            }
        ),
    ),
    Pair(
        "bedrock/official.json",
        "bedrock-converse",
        # The service rejects a request without messages, and arguments that are no object.
        stricter={
            ("Request", "messages"): None,
            ("ToolUseBlock", "input"): {"type": "object"},
            ("ToolInputSchema", "json"): {"type": "object"},
        },
    ),
)


@pytest.fixture
def tooling(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    monkeypatch.syspath_prepend(str(checkout))
    names = ("__main__", "converse", "files", "flatten", "samples", "sources")
    return SimpleNamespace(
        **{name.strip("_"): import_module(f"tools.schemas.{name}") for name in names}
    )


def official(checkout: Path, pair: Pair) -> dict[str, Any]:
    document: dict[str, Any] = json.loads((checkout / "schemas" / pair.file).read_text("utf-8"))
    for (name, key), part in pair.stricter.items():
        definition = document["$defs"][name]
        if part is None:
            definition.setdefault("required", []).append(key)
        else:
            definition["properties"][key] = part
    return document


def predicate(document: dict[str, Any]) -> Callable[[Any], bool]:
    resource = DRAFT202012.create_resource(document)
    resolver = Registry().with_resource("urn:official", resource).resolver(base_uri="urn:official")
    return Compiler().compile(document, resolver)


def by_file(pair: Pair) -> str:
    return pair.file.removesuffix(".json")


@pytest.mark.parametrize("pair", PAIRS, ids=by_file)
def test_every_field_kind_and_word_of_the_official_definitions_is_accepted(
    pair: Pair, checkout: Path, tooling: SimpleNamespace
) -> None:
    refused = {
        f"{found.code} {re.sub(r'[0-9]+', '', found.path)}"
        for sample in tooling.samples.samples(official(checkout, pair))
        for found in schema_findings(sample.value, protocol=pair.protocol)
    }
    assert refused == pair.refused


@pytest.mark.parametrize("pair", PAIRS, ids=by_file)
def test_every_field_of_the_official_definitions_is_known(
    pair: Pair, checkout: Path, tooling: SimpleNamespace
) -> None:
    document = official(checkout, pair)
    accepts = predicate(document)
    ours = request_schema(pair.protocol)
    known: set[str] = set()
    unknown: set[str] = set()
    for sample in tooling.samples.samples(document):
        request = tooling.samples.spoilt(sample, accepts)
        if sample.path and request is not None:
            (unknown if ours.accepts(request) else known).add(sample.spot)
    assert unknown == pair.wider
    assert len(known) > 100


@pytest.mark.parametrize("pair", PAIRS, ids=by_file)
def test_the_samples_are_official_requests(
    pair: Pair, checkout: Path, tooling: SimpleNamespace
) -> None:
    document = official(checkout, pair)
    accepts = predicate(document)
    every = [sample.value for sample in tooling.samples.samples(document)]
    assert all(map(accepts, every))
    validator = Draft202012Validator(document)
    assert all(validator.is_valid(value) for value in every[:: max(1, len(every) // 50)])


# ---------------------------------------------------------------- derived from an installed SDK


@pytest.mark.parametrize("name", ["openai", "responses", "anthropic", "openrouter", "bedrock"])
def test_a_derived_file_is_what_the_sdk_of_its_version_says(
    name: str, tooling: SimpleNamespace
) -> None:
    source = tooling.sources.SOURCES[name]
    installed = source.installed
    if installed is None:
        pytest.skip(f"{source.distribution} is not installed")
    derived = source.derive()
    present = tooling.files.recorded(derived.file)
    assert present is not None
    differ = tooling.files.changes(present["$defs"], derived.definitions)
    version = present["x-derived-from"]["version"]
    if version != installed and differ:
        pytest.skip(
            f"{source.distribution} has moved on from {version} to {installed}; run `make schemas`"
            f" and read the {len(differ)} changes: {'; '.join(differ[:20])}"
        )
    assert differ == ()


@pytest.mark.parametrize("pair", PAIRS, ids=by_file)
def test_a_derived_file_names_its_sdk(pair: Pair, checkout: Path, tooling: SimpleNamespace) -> None:
    document = official(checkout, pair)
    sdk = document["x-derived-from"]
    assert f"{sdk['distribution']} {sdk['version']}, " in document["$comment"]
    raw = (checkout / "schemas" / pair.file).read_text("utf-8")
    assert tooling.files.text_of(json.loads(raw)) + "\n" == raw


def stub(tooling: SimpleNamespace, version: str, definitions: dict[str, Any]) -> Any:
    derived = tooling.sources.Derived("stub/official.json", "Stub", "a.py", definitions)

    class Source:
        distribution = "stub"
        installed = version

        def derive(self) -> Any:
            return derived

    return Source()


@pytest.fixture
def write(
    tooling: SimpleNamespace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., int]:
    """Return the command, on a folder of its own and an SDK of the given version and types."""
    monkeypatch.setattr(tooling.files, "FOLDER", tmp_path)
    monkeypatch.setattr(tooling.main, "FOLDER", tmp_path)

    def run(version: str | None, kind: str, *arguments: str) -> int:
        source = stub(tooling, version, {"Request": {"type": kind}})  # type: ignore[arg-type]
        monkeypatch.setattr(tooling.main, "SOURCES", {"stub": source})
        code: int = tooling.main.main([*arguments, "stub"])
        return code

    return run


def test_a_file_is_written_once_and_left_alone_while_nothing_changes(
    write: Callable[..., int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert write("1.0", "object") == 0
    file = tmp_path / "stub" / "official.json"
    first = file.read_text("utf-8")
    assert json.loads(first)["$defs"] == {"Request": {"type": "object"}}
    file.write_text(first.replace("read 2", "read 1"), "utf-8")
    assert write("1.0", "object") == 0
    assert "read 1" in file.read_text("utf-8")
    assert write("1.1", "object") == 0
    assert "stub 1.1" in file.read_text("utf-8")
    assert "up to date with stub 1.0" in capsys.readouterr().out


def test_a_check_writes_nothing_and_fails_for_the_recorded_version_alone(
    write: Callable[..., int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write("1.0", "object")
    file = tmp_path / "stub" / "official.json"
    before = file.read_bytes()
    assert write("1.0", "object", "--check") == 0
    assert write("1.0", "array", "--check") == 1
    assert write("2.0", "array", "--check") == 0
    assert file.read_bytes() == before
    said = capsys.readouterr().out
    assert '- Request.type "object"\n  + Request.type "array"' in said
    assert "is of stub 1.0, 2.0 is installed" in said


def test_an_absent_sdk_is_passed_over_and_an_unknown_name_refused(
    write: Callable[..., int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert write(None, "object") == 0
    assert list(tmp_path.iterdir()) == []
    assert "stub is not installed" in capsys.readouterr().out
    with pytest.raises(SystemExit):
        write("1.0", "object", "other")


# ---------------------------------------------------------------- the form of the definitions

A = {"properties": {"type": {"const": "a"}, "x": {"type": "string"}}, "required": ["type", "x"]}
B = {"properties": {"type": {"enum": ["c", "b"]}}, "required": ["type"], "title": "B"}
OPEN = {"properties": {"type": {"type": "string"}, "y": {"type": "integer"}}, "required": ["type"]}


def flat(tooling: SimpleNamespace, *members: Any, **definitions: Any) -> Any:
    named = {name: {"type": "object", **each} for name, each in definitions.items()}
    root = {"type": "object", "properties": {"it": {"anyOf": list(members)}}}
    done = tooling.flatten.flatten("Request", {**named, "Request": root}, drop=["Dropped"])
    return done["Request"]["properties"]["it"], done


def ref(name: str) -> dict[str, str]:
    return {"$ref": f"#/$defs/{name}"}


def test_a_choice_of_objects_is_made_by_the_key_that_tells_them_apart(
    tooling: SimpleNamespace,
) -> None:
    choice, done = flat(tooling, ref("B"), ref("A"), ref("Dropped"), A=A, B=B, Dropped=A)
    assert choice == {
        "type": "object",
        "required": ["type"],
        "properties": {"type": {"enum": ["a", "b", "c"]}},
        "allOf": [
            {
                "if": {"required": ["type"], "properties": {"type": {"const": "a"}}},
                "then": ref("A"),
            },
            {
                "if": {"required": ["type"], "properties": {"type": {"enum": ["b", "c"]}}},
                "then": ref("B"),
            },
        ],
    }
    assert set(done) == {"A", "B", "Request"}


def test_an_open_alternative_takes_the_words_that_no_other_has(tooling: SimpleNamespace) -> None:
    choice, _ = flat(tooling, ref("A"), ref("Open"), A=A, Open=OPEN)
    assert choice["properties"] == {"type": {"type": "string"}}
    assert choice["allOf"][0] == {
        "if": {"required": ["type"], "properties": {"type": {"enum": ["a"]}}},
        "else": ref("Open"),
    }


def test_an_alternative_whose_key_may_be_absent_is_the_default(tooling: SimpleNamespace) -> None:
    own = {
        "properties": {"type": {"anyOf": [{"const": "own"}, {"type": "null"}]}, "n": {}},
        "required": ["n"],
    }
    choice, _ = flat(tooling, ref("A"), ref("Own"), A=A, Own=own)
    assert "required" not in choice
    assert choice["properties"] == {"type": {"enum": ["a", "own", None]}}
    assert choice["allOf"][1]["if"] == {"properties": {"type": {"enum": ["own", None]}}}


@pytest.mark.parametrize(
    ("members", "expected"),
    [
        ([{"enum": ["b", "a"]}, {"type": "null"}], {"enum": ["a", "b", None]}),
        ([{"type": "string"}, {"enum": ["a"], "type": "string"}], {"type": "string"}),
        ([{"type": "null"}, {"type": "integer", "minimum": 1}], {"type": ["integer", "null"], "minimum": 1}),
        ([{"const": True, "type": "boolean"}, {"type": "null"}], {"type": ["boolean", "null"]}),
        ([{"const": 1}, {"type": "string"}], {}),
        ([{}, {"type": "string"}], {}),
        ([{"type": "object"}, ref("A")], {"type": "object"}),
        (
            [ref("A"), {"type": "string"}],
            {"type": ["object", "string"], "if": {"type": "object"}, "then": ref("A")},
        ),
        (
            [{"type": "string"}, {"type": "array", "items": {"enum": ["b", "a"]}}],
            {"type": ["array", "string"], "items": {"enum": ["a", "b"]}},
        ),
    ],
)  # fmt: skip
def test_a_choice_of_kinds_becomes_a_type(
    members: list[Any], expected: Any, tooling: SimpleNamespace
) -> None:
    assert flat(tooling, *members, A=A)[0] == expected


def test_alternatives_that_no_key_tells_apart_are_an_error(tooling: SimpleNamespace) -> None:
    with pytest.raises(tooling.flatten.Ambiguous, match="no key tells"):
        flat(tooling, ref("A"), ref("Twin"), A=A, Twin=A)


def test_a_default_of_none_does_not_make_a_field_nullable(tooling: SimpleNamespace) -> None:
    members = [{"type": "string"}, {"type": "null"}]
    raw = {"x": {"anyOf": members, "default": None}, "y": {"anyOf": members}}
    done = tooling.flatten.flatten("R", {"R": {"type": "object", "properties": raw}})
    assert done["R"]["properties"] == {"x": {"type": "string"}, "y": {"type": ["string", "null"]}}


def test_the_definitions_are_not_changed_by_reading_them(tooling: SimpleNamespace) -> None:
    raw = {"R": {"type": "object", "properties": {"a": {"anyOf": [ref("A"), ref("B")]}}}}
    raw |= {"A": {"type": "object", **A}, "B": {"type": "object", **B}}
    before = copy.deepcopy(raw)
    tooling.flatten.flatten("R", raw)
    assert raw == before


def test_a_service_model_becomes_what_stands_on_the_wire(tooling: SimpleNamespace) -> None:
    shapes = {
        "ConverseRequest": {
            "type": "structure",
            "required": ["modelId", "blocks"],
            "members": {
                "modelId": {"shape": "Text", "location": "uri"},
                "blocks": {"shape": "Blocks"},
                "extra": {"shape": "Any", "locationName": "Extra"},
            },
        },
        "Blocks": {"type": "list", "member": {"shape": "Block"}, "min": 0, "max": 4},
        "Block": {
            "type": "structure",
            "union": True,
            "members": {"text": {"shape": "Text"}, "bytes": {"shape": "Blob"}},
        },
        "Text": {"type": "string", "min": 1, "pattern": "[a-z]+"},
        "Blob": {"type": "blob"},
        "Any": {"type": "structure", "members": {}, "document": True},
    }
    assert tooling.converse.converse_definitions(shapes, "Request") == {
        "Block": {
            "type": "object",
            "properties": {
                "text": {"type": "string", "minLength": 1, "pattern": "^(?:[a-z]+)$"},
                "bytes": {"type": "string"},
            },
            "maxProperties": 1,
            "additionalProperties": False,
        },
        "Request": {
            "type": "object",
            "required": ["blocks"],
            "properties": {
                "blocks": {"type": "array", "items": ref("Block"), "maxItems": 4},
                "Extra": {},
            },
        },
    }
