"""The request schemas of `schemas/`, by protocol: found, compiled once, resolved offline.

A schema is read when it is first asked for, with the files it refers to. Every reference stays in
that folder; one that leaves it is refused, so nothing is ever fetched. What a schema says, and how
its refusal is worded, is not known here.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urldefrag, urljoin

from jsonschema import Draft202012Validator, ValidationError
from jsonschema.validators import extend
from referencing import Registry
from referencing.jsonschema import DRAFT202012

from wiremark._resources import read_json
from wiremark.errors import OptionError, WiremarkError
from wiremark.validation.predicate import Compiler

if TYPE_CHECKING:
    from referencing.jsonschema import SchemaRegistry

__all__ = ["ALIASES", "PROTOCOLS", "SPEAKS", "RequestSchema", "request_schema", "schema_for"]

BASE: Final = "https://wiremark.dev/schemas/"
"""Prefix of every `$id`: a name, not an address."""

_DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"

_FILES: Final = {
    "dashscope": "dashscope/request.json",
    "dashscope-text": "dashscope/text-generation.json",
    "dashscope-multimodal": "dashscope/multimodal-generation.json",
    "openai-chat": "openai/chat.json",
    "openai-dashscope": "openai/dashscope.json",
    "openai-responses": "openai/responses.json",
    "openrouter": "openrouter/chat.json",
    "anthropic": "anthropic/messages.json",
    "anthropic-2023-06-01": "anthropic/2023-06-01.json",
    "anthropic-2026-10-21": "anthropic/2026-10-21.json",
    "bedrock-converse": "bedrock/converse.json",
}
ALIASES: Final = {"openai": "openai-chat"}

PROTOCOLS: Final = (*_FILES, *ALIASES)
"""The protocol names that have a schema.

`dashscope` takes either native endpoint, `anthropic` either version of the API; `openai-chat` is
any service that speaks OpenAI's chat, `openai-dashscope` DashScope's compatible mode alone;
`openai-responses` is any that speaks OpenAI's Responses.
"""

SPEAKS: Final[Mapping[str, tuple[str, str | None]]] = MappingProxyType(
    {
        "dashscope-text": ("dashscope", None),
        "dashscope-multimodal": ("dashscope", None),
        "openai": ("openai-chat", None),
        "openai-dashscope": ("openai-chat", "dashscope.aliyuncs.com"),
        "openrouter": ("openai-chat", "openrouter.ai"),
        "anthropic-2023-06-01": ("anthropic", None),
        "anthropic-2026-10-21": ("anthropic", None),
    }
)
"""The wire form that a protocol shares with others and, where it is one service's, the host.

With both, `select_rules` finds the cache rules; a name that is not here is its own form.
"""


@dataclass(frozen=True, slots=True, eq=False)
class RequestSchema:
    """A schema ready for use."""

    uri: str
    _compiler: Compiler
    _validator: Any
    _contents: Any
    _documents: Any

    def accepts(self, body: Any) -> bool:
        """Say whether the body is valid; this is the quick answer."""
        check = self._compiler.check_of(self._contents)
        return check is not None and check(body)

    def errors(self, body: Any) -> Iterator[ValidationError]:
        """Yield jsonschema's errors; empty exactly where `accepts` says yes."""
        errors: Iterator[ValidationError] = self._validator.iter_errors(body)
        return errors


def schema_for(protocol: str) -> dict[str, Any]:
    """Return the JSON Schema of a protocol, a fresh copy that stands on its own.

    The schemas that it refers to are embedded under `$defs`, each with its `$id`, so any validator
    of draft 2020-12 resolves them without a registry. Raises `OptionError` for a protocol without
    one.
    """
    schema = request_schema(protocol)
    documents = copy.deepcopy(schema._documents)  # noqa: SLF001
    contents: dict[str, Any] = {"$schema": _DIALECT, **documents.pop(schema.uri)}
    if documents:
        embedded = {uri.removeprefix(BASE): each for uri, each in sorted(documents.items())}
        contents["$defs"] = {**contents.get("$defs", {}), **embedded}
    return contents


def request_schema(protocol: str) -> RequestSchema:
    """Return the compiled schema of a protocol. Raises `OptionError` for one without a schema."""
    name = ALIASES.get(protocol, protocol)
    if name not in _FILES:
        raise OptionError(
            f"there is no request schema for {protocol!r}",
            path="protocol",
            advice=f"use one of {', '.join(PROTOCOLS)}",
        )
    return _load(name)


@cache
def _load(name: str) -> RequestSchema:
    uri = urljoin(BASE, _FILES[name])
    documents = _with_references(uri)
    registry: SchemaRegistry = Registry()
    registry = registry.with_resources(
        (each, DRAFT202012.create_resource(contents)) for each, contents in documents.items()
    )
    compiler = Compiler()
    compiler.compile(documents[uri], registry.resolver(base_uri=uri))
    validator = _validator_class(compiler)(documents[uri], registry=registry)
    return RequestSchema(uri, compiler, validator, documents[uri], documents)


def _with_references(uri: str) -> dict[str, Any]:
    documents: dict[str, dict[str, Any]] = {}
    waiting = [uri]
    while waiting:
        each = waiting.pop()
        if each not in documents:
            if not each.startswith(BASE):
                raise WiremarkError("a schema refers to something outside schemas/", path=each)
            documents[each] = read_json("schemas", *each.removeprefix(BASE).split("/"))
            # jsonschema leaves our validator class for its own where a schema names its dialect.
            documents[each].pop("$schema", None)
            waiting += [urldefrag(urljoin(each, ref)).url for ref in _references(documents[each])]
    return documents


def _references(schema: Any) -> Iterator[str]:
    if isinstance(schema, dict):
        if isinstance(schema.get("$ref"), str):
            yield schema["$ref"]
        for part in schema.values():
            yield from _references(part)
    elif isinstance(schema, list):
        for part in schema:
            yield from _references(part)


def _validator_class(compiler: Compiler) -> Any:
    """Return jsonschema's validator, made to pass over every value that its predicate accepts."""

    def passes(part: Any, value: Any) -> bool:
        check = compiler.check_of(part)
        return check is not None and check(value)

    def properties(
        validator: Any, value: dict[str, Any], instance: Any, _: Any
    ) -> Iterator[ValidationError]:
        if isinstance(instance, dict):
            for key, part in value.items():
                if key in instance and not passes(part, instance[key]):
                    yield from validator.descend(instance[key], part, path=key, schema_path=key)

    def items(validator: Any, value: Any, instance: Any, _: Any) -> Iterator[ValidationError]:
        if isinstance(instance, list):
            for index, item in enumerate(instance):
                if not passes(value, item):
                    yield from validator.descend(item, value, path=index)

    keywords = {"properties": properties, "items": items}
    return extend(Draft202012Validator, keywords)  # type: ignore[no-untyped-call]
