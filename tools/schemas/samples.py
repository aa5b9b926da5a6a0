"""Requests made from the official definitions: each field, kind and word of them once.

They show whether the schemas that we word ourselves know all that the official definitions know:
each request must be accepted, and must not be once its subject is given a wrong value.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from jsonschema import Draft202012Validator

__all__ = ["Sample", "samples", "spoilt"]

Schema: TypeAlias = dict[str, Any]
Path: TypeAlias = tuple[str | int, ...]
_TEXTS: Final = ("x", "1", "s3://bucket/key", "123456789012")
_WRONG: Final = ({"wrong": [1]}, "\x00wrong", -0.5, True, [["wrong"]], None)


@dataclass(frozen=True)
class Sample:
    """A request, where its subject stands in it, and the definition that the subject is of."""

    value: Any
    path: Path
    owner: str

    @property
    def spot(self) -> str:
        """The subject as `Definition.field`."""
        names = [str(part) for part in self.path if isinstance(part, str)]
        return f"{self.owner}.{names[-1]}" if names else self.owner


def samples(document: Schema) -> Iterator[Sample]:
    """Yield a request for each field, each alternative and each word that the definitions know."""
    yield from _Maker(document["$defs"]).variants({"$ref": "#/$defs/Request"}, (), "", ())


def spoilt(sample: Sample, accepts: Callable[[Any], bool]) -> Any:
    """Return the request with its subject changed so that `accepts` refuses it, or None."""
    for wrong in _WRONG:
        request = _put(sample.value, sample.path, copy.deepcopy(wrong))
        if not accepts(request):
            return request
    return None


def _put(value: Any, path: Path, new: Any) -> Any:
    if not path:
        return new
    out = copy.copy(value)
    out[path[0]] = _put(value[path[0]], path[1:], new)
    return out


class _Maker:
    """Makes values of a schema of the form that `flatten` writes; none holds itself."""

    def __init__(self, definitions: Schema) -> None:
        self.definitions = definitions

    def variants(
        self, schema: Schema, path: Path, owner: str, inside: tuple[str, ...]
    ) -> Iterator[Sample]:
        if "$ref" in schema:
            name = schema["$ref"].removeprefix("#/$defs/")
            if name not in inside:
                yield from self.variants(self.definitions[name], path, name, (*inside, name))
            else:
                yield Sample(self.least(schema), path, owner)
            return
        cases = list(self.cases(schema))
        if cases and schema.get("type") == "object":
            for case, told in cases:
                for each in self.variants(case, path, owner, inside):
                    subject = each.path[len(path)] if len(each.path) > len(path) else None
                    value = each.value if subject in told else {**each.value, **told}
                    yield Sample(value, each.path, each.owner)
            return
        words = schema.get("enum", [schema["const"]] if "const" in schema else [])
        for word in words:
            yield Sample(word, path, owner)
        if words:
            return
        types = schema.get("type", [])
        for kind in [types] if isinstance(types, str) else types:
            yield from self.of_kind(kind, schema, path, owner, inside)
        if not types:
            yield Sample({}, path, owner)

    def of_kind(
        self, kind: str, schema: Schema, path: Path, owner: str, inside: tuple[str, ...]
    ) -> Iterator[Sample]:
        cases = list(self.cases(schema, kind))
        if cases:
            for case, _ in cases:
                yield from self.variants(case, path, owner, inside)
        elif kind == "object":
            yield from self.objects(schema, path, owner, inside)
        elif kind == "array":
            for each in self.variants(schema.get("items", {}), (*path, 0), owner, inside):
                yield Sample([each.value], each.path, each.owner)
        else:
            yield Sample(self.least({**schema, "type": kind}), path, owner)

    def objects(
        self, schema: Schema, path: Path, owner: str, inside: tuple[str, ...]
    ) -> Iterator[Sample]:
        least = self.least({**schema, "type": "object"})
        yield Sample(least, path, owner)
        for key, part in schema.get("properties", {}).items():
            base = {} if schema.get("maxProperties") == 1 else least
            for each in self.variants(part, (*path, key), owner, inside):
                yield Sample({**base, key: each.value}, each.path, each.owner)
        if isinstance(schema.get("additionalProperties"), dict):
            for each in self.variants(schema["additionalProperties"], (*path, "k"), owner, inside):
                yield Sample({"k": each.value}, each.path, each.owner)

    def cases(
        self, schema: Schema, kind: str | None = None
    ) -> Iterator[tuple[Schema, dict[str, Any]]]:
        """Yield what the `if`s of a schema lead to, with the word of the key that leads there.

        With `kind`, those that ask for a type instead.
        """
        for each in [schema, *schema.get("allOf", ())]:
            if "if" in each and each["if"].get("type") == kind:
                tests = each["if"].get("properties", {}) if "then" in each else {}
                words = {key: test.get("enum", [test.get("const")]) for key, test in tests.items()}
                told = {key: found[0] for key, found in words.items() if len(found) > 1}
                yield each.get("then", each.get("else")), told

    def least(self, schema: Schema) -> Any:
        """Return the smallest value that the schema takes."""
        if "$ref" in schema:
            return self.least(self.definitions[schema["$ref"].removeprefix("#/$defs/")])
        if "enum" in schema or "const" in schema:
            return schema.get("enum", [schema.get("const")])[0]
        if "type" not in schema and not schema.get("pattern"):
            return {}
        types = schema.get("type", "string")
        kind = types if isinstance(types, str) else types[0]
        cases = [*self.cases(schema, None if kind == "object" else kind), *self.cases(schema, kind)]
        if cases:  # the fullest, so that it stands on its own
            return max((self.least(case) for case, _ in cases), key=lambda each: len(str(each)))
        if kind == "object":
            parts = schema.get("properties", {})
            if schema.get("maxProperties") == 1 and parts:
                return {key: self.least(part) for key, part in list(parts.items())[:1]}
            return {key: self.least(parts.get(key, {})) for key in schema.get("required", ())}
        if kind == "array":
            return [self.least(schema.get("items", {}))]
        if kind == "string":
            return _matching(schema)
        if kind in ("integer", "number"):
            return max(1, schema.get("minimum", 1))
        return False if kind == "boolean" else None


def _matching(schema: Schema) -> str:
    validator = Draft202012Validator(schema)
    return next(text for text in _TEXTS if validator.is_valid(text))
