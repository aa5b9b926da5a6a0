"""The providers' own request types, as JSON Schemas: from the SDKs that are installed.

An SDK that is absent has no schema here; nothing is fetched.
"""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from typing import Any, Final

from tools.schemas.converse import converse_definitions
from tools.schemas.flatten import flatten

__all__ = ["SOURCES", "Derived", "Source"]

_ROOT: Final = "Request"


@dataclass(frozen=True, slots=True)
class Derived:
    """What an installed SDK says: the file it goes to, where it was read, the definitions."""

    file: str
    title: str
    origin: str
    definitions: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Source:
    """An SDK that defines a request, by the name of its distribution."""

    distribution: str
    derive: Callable[[], Derived]

    @property
    def installed(self) -> str | None:
        """The version that is installed, if any."""
        try:
            return version(self.distribution)
        except PackageNotFoundError:
            return None


def _schema_of(form: Any) -> dict[str, dict[str, Any]]:
    from pydantic import TypeAdapter

    root = TypeAdapter(form).json_schema()
    definitions: dict[str, dict[str, Any]] = root.pop("$defs")
    return {**definitions, _ROOT: root}


def _openai() -> Derived:
    from openai.types.chat.completion_create_params import CompletionCreateParamsNonStreaming

    return Derived(
        "openai/official.json",
        "OpenAI chat completions request: the official definitions",
        "types/chat/completion_create_params.py (https://github.com/openai/openai-python)",
        _streamed(flatten(_ROOT, _schema_of(CompletionCreateParamsNonStreaming))),
    )


def _responses() -> Derived:
    from openai.types.responses.response_create_params import ResponseCreateParamsNonStreaming

    definitions = _with_one_message(_schema_of(ResponseCreateParamsNonStreaming))
    return Derived(
        "openai/official-responses.json",
        "OpenAI Responses request: the official definitions",
        "types/responses/response_create_params.py (https://github.com/openai/openai-python)",
        _nullable(_streamed(flatten(_ROOT, definitions))),
    )


_NULLABLE: Final = ("prompt_cache_options", "text", "tool_choice", "tools", "user")
"""Fields of a Responses request that the types have without `null` and the API takes with it:
of every field but `model` and `input` by https://github.com/kangminlee-maker/local-OAuth-CLI-API-adapter
(docs/conformance-matrix.md, measured 2026-08-30), of `text`, `tool_choice` and `tools` also by
CreateResponseBody of Open Responses (below). LlamaIndex sends `user`, `None` by default, with every
request (https://github.com/run-llama/llama_index, llama_index/llms/openai/responses.py)."""


def _nullable(definitions: dict[str, Any]) -> dict[str, Any]:
    fields = definitions[_ROOT]["properties"]
    for name in _NULLABLE:
        field = fields[name]
        if "$ref" in field:
            fields[name] = {"type": ["object", "null"], "if": {"type": "object"}, "then": field}
        else:
            kinds = [field["type"]] if isinstance(field["type"], str) else field["type"]
            field["type"] = [*kinds, *({"null"} - set(kinds))]
    return definitions


_MESSAGES: Final = ("EasyInputMessageParam", "Message", "ResponseOutputMessageParam")


_OPTIONAL: Final = {
    "FunctionToolParam": ("strict", "parameters"),
    "ToolFunction": ("strict", "parameters"),
    "ResponseInputImageParam": ("detail",),
    "ResponseOutputTextParam": ("annotations",),
    "ResponseReasoningItemParam": ("id",),
}
"""What the types call required and the API does not, by Open Responses of 2026-04-24
(https://github.com/openresponses/openresponses, public/openapi/openapi.json: FunctionToolParam,
InputImageContentParamAutoParam, OutputTextContentParam, ReasoningItemParam). OpenAI's Codex sends
images without `detail`, texts without `annotations` and thoughts without `id`
(https://github.com/openai/codex, codex-rs/protocol/src/models.rs); a function of a namespace
without `strict` was answered in a recording. Both read 2026-11-21."""


def _with_one_message(definitions: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Put one message in place of the three that no key tells apart, and a `type` on references.

    What a role's message holds is for the schema beside: here each takes what any of them does.
    """
    merged: dict[str, Any] = {"title": "InputMessage", "type": "object", "properties": {}}
    parts: list[Any] = []
    for name in _MESSAGES:
        for key, value in definitions[name]["properties"].items():
            merged["properties"].setdefault(key, value)
        content = definitions[name]["properties"]["content"]
        lists = content.get("anyOf", [content])
        parts += [each for one in lists for each in one.get("items", {}).get("anyOf", ())]
    unique = list({each["$ref"]: each for each in parts}.values())
    listed = {"type": "array", "items": {"anyOf": unique}}
    merged["properties"]["content"] = {"anyOf": [{"type": "string"}, listed]}
    merged["required"] = ["content", "role"]
    gone = [{"$ref": f"#/$defs/{name}"} for name in _MESSAGES]
    for holder in _choices(definitions):
        if any(each in holder for each in gone):
            holder[:] = [{"$ref": "#/$defs/InputMessage"}, *(x for x in holder if x not in gone)]
    reference = definitions["ItemReference"]
    reference["required"] = ["id", "type"]
    reference["properties"]["type"] = {"const": "item_reference", "type": "string"}
    for name, keys in _OPTIONAL.items():
        required = definitions[name]["required"]
        definitions[name]["required"] = [key for key in required if key not in keys]
    return {**definitions, "InputMessage": merged}


def _choices(schema: Any) -> Iterator[list[Any]]:
    if isinstance(schema, dict):
        if isinstance(schema.get("anyOf"), list):
            yield schema["anyOf"]
        schema = list(schema.values())
    if isinstance(schema, list):
        for part in schema:
            yield from _choices(part)


def _anthropic() -> Derived:
    import anthropic.types
    from anthropic import _constants
    from anthropic.types.message_create_params import MessageCreateParamsNonStreaming
    from pydantic import BaseModel

    # 0.x is the last to have the whole of version 2023-06-01: 1.x left its sampling options out.
    api = getattr(_constants, "ANTHROPIC_API_VERSION", "2023-06-01")
    definitions = _schema_of(MessageCreateParamsNonStreaming)
    # The SDK takes a response object in place of each block; on the wire there is one form.
    kinds = {name: getattr(anthropic.types, name, None) for name in definitions}
    responses = [
        name
        for name, kind in kinds.items()
        if inspect.isclass(kind) and issubclass(kind, BaseModel)
    ]
    return Derived(
        f"anthropic/official-{api}.json",
        f"Anthropic Messages request, version {api}: the official definitions",
        "types/message_create_params.py (https://github.com/anthropics/anthropic-sdk-python)",
        _streamed(flatten(_ROOT, definitions, responses)),
    )


def _openrouter() -> Derived:
    # By name, since no developer needs this SDK but for `make schemas`.
    form = import_module("openrouter.components").ChatRequest
    # What the SDK holds a value in that is not set, or that it does not know.
    unsent = ("Unset", "UnknownChatContentItems", "UnknownReasoningDetailUnion")
    return Derived(
        "openrouter/official.json",
        "OpenRouter chat completions request: the official definitions",
        "components/chatrequest.py (https://github.com/OpenRouterTeam/python-sdk)",
        flatten(_ROOT, _schema_of(form), unsent),
    )


def _bedrock() -> Derived:
    import gzip
    from importlib.resources import files

    folder = files("botocore") / "data" / "bedrock-runtime" / "2023-09-30"
    model = json.loads(gzip.decompress((folder / "service-2.json.gz").read_bytes()))
    return Derived(
        "bedrock/official.json",
        "Amazon Bedrock Converse request: the official definitions",
        "data/bedrock-runtime/2023-09-30/service-2.json (https://github.com/boto/botocore)",
        converse_definitions(model["shapes"], _ROOT),
    )


def _streamed(definitions: dict[str, Any]) -> dict[str, Any]:
    """Open `stream`, which the types split in two, to both of its values."""
    stream = definitions[_ROOT]["properties"]["stream"]
    if "null" in stream["type"]:
        stream["type"] = ["boolean", "null"]
    return definitions


SOURCES: Final[dict[str, Source]] = {
    "openai": Source("openai", _openai),
    "responses": Source("openai", _responses),
    "anthropic": Source("anthropic", _anthropic),
    "openrouter": Source("openrouter", _openrouter),
    "bedrock": Source("botocore", _bedrock),
}
"""Every source by name."""
