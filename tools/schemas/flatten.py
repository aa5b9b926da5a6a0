"""JSON Schema as pydantic writes it, into the form of ours: every choice is made by an `if`.

An `anyOf` of objects answers a fault with one error for each alternative. Here the key that tells
the alternatives apart (`type`, `role`) is checked first, and only the alternative that it names is
looked at: one fault, one error. Titles and descriptions go, since they are pages and not advice.
Nothing about a provider is known here.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, TypeAlias

__all__ = ["Ambiguous", "flatten"]

Schema: TypeAlias = dict[str, Any]

_KEPT: Final = (
    "$ref",
    "type",
    "enum",
    "const",
    "required",
    "properties",
    "items",
    "additionalProperties",
    "minimum",
    "maximum",
    "exclusiveMinimum",
    "exclusiveMaximum",
    "minItems",
    "maxItems",
    "minLength",
    "maxLength",
    "pattern",
)
_ORDER: Final = ("object", "array", "string", "number", "integer", "boolean", "null")
_REF: Final = "#/$defs/"


class Ambiguous(ValueError):
    """Alternatives that no key tells apart."""


def flatten(root: str, definitions: Mapping[str, Schema], drop: Collection[str] = ()) -> Schema:
    """Return the definitions that `root` reaches, by name, without those in `drop`.

    Raises `Ambiguous` for objects in one place that no key tells apart.
    """
    flat = _Flattener(definitions, frozenset(drop))
    done: Schema = {}
    waiting = [root]
    while waiting:
        name = waiting.pop()
        if name not in done:
            done[name] = flat.schema(definitions[name])
            waiting += [ref.removeprefix(_REF) for ref in _references(done[name])]
    return {_short(name): _renamed(done[name]) for name in sorted(done, key=_short)}


class _Flattener:
    def __init__(self, definitions: Mapping[str, Schema], drop: frozenset[str]) -> None:
        self._definitions = definitions
        self._drop = drop
        self._inside: list[str] = []

    def schema(self, raw: Schema) -> Schema:
        name = raw.get("$ref", "").removeprefix(_REF)
        if name and not self._definitions[name].get("properties") and name not in self._inside:
            self._inside.append(name)
            inlined = self.schema(self._definitions[name])
            self._inside.pop()
            return inlined
        members = raw.get("anyOf") or raw.get("oneOf")
        if members:
            return self._choice(list(self._members(members)))
        out: Schema = {key: raw[key] for key in _KEPT if key in raw}
        if out.get("additionalProperties") is True:
            del out["additionalProperties"]
        if "properties" in out:
            out["properties"] = {
                key: self.schema(_without_default(each)) for key, each in raw["properties"].items()
            }
        for key in ("items", "additionalProperties"):
            if isinstance(out.get(key), dict):
                out[key] = self.schema(out[key])
        return _literal(out)

    def _members(self, members: Iterable[Schema]) -> Iterator[Schema]:
        for member in members:
            inner = self._target(member)
            if inner.get("anyOf") or inner.get("oneOf"):
                yield from self._members(inner.get("anyOf") or inner["oneOf"])
            elif member.get("$ref", "").removeprefix(_REF) not in self._drop:
                yield member

    def _target(self, schema: Schema) -> Schema:
        while "$ref" in schema:
            schema = self._definitions[schema["$ref"].removeprefix(_REF)]
        return schema

    def _choice(self, members: Sequence[Schema]) -> Schema:
        kinds: dict[str, list[Schema]] = {}
        for member in members:
            target = self._target(member)
            words = _values(target)
            kind = target.get("type") or ("string" if words and _all_text(words) else None)
            if not isinstance(kind, str):
                return {}  # anything goes
            kinds.setdefault(kind, []).append(member)
        strings = [self._target(each) for each in kinds.get("string", ())]
        words = [word for each in strings for word in _values(each)]
        closed = bool(strings) and all(map(_values, strings))
        if closed and set(kinds) <= {"string", "null"}:
            return {"enum": [*sorted(set(words)), *([None] if "null" in kinds else [])]}
        names = [kind for kind in _ORDER if kind in kinds]
        out: Schema = {"type": names if len(names) > 1 else names[0]}
        branches: list[Schema] = []
        if closed:
            branches.append({"if": {"type": "string"}, "then": {"enum": sorted(set(words))}})
        for kind in ("array", "integer", "number"):
            if len(kinds.get(kind, ())) == 1:
                flat = self.schema(self._target(kinds[kind][0]))
                out |= {key: each for key, each in flat.items() if key != "type"}
        if "object" in kinds:
            chosen = self._objects(kinds["object"])
            if names == ["object"]:
                return chosen
            if chosen != {"type": "object"}:
                branches.append({"if": {"type": "object"}, "then": chosen})
        if len(branches) == 1:
            out |= branches[0]
        elif branches:
            out["allOf"] = branches
        return out

    def _objects(self, members: Sequence[Schema]) -> Schema:
        if len(members) == 1:
            return self.schema(members[0])
        targets = [self._target(member) for member in members]
        if any(not (each.get("properties") or each.get("required")) for each in targets):
            return {"type": "object"}  # one alternative takes any object
        key = self._telling_key(targets)
        every = sorted({word for each in targets for word in self._words(each, key)})
        absent = any(key not in each.get("required", ()) for each in targets)
        nullable = any(self._nullable(each, key) for each in targets)
        opened = any(not self._words(each, key) for each in targets)
        out: Schema = {"type": "object"}
        if not absent:
            out["required"] = [key]
        if opened:
            out["properties"] = {key: {"type": "string"}}
        else:
            out["properties"] = {key: {"enum": [*every, *([None] if nullable else [])]}}
        cases: list[tuple[list[str], Schema]] = []
        for member, target in zip(members, targets, strict=True):
            words: list[Any] = sorted(self._words(target, key))
            required = key in target.get("required", ())
            if not words:
                test = {"required": [key], "properties": {key: {"enum": every}}}
                cases.append((words, {"if": test, "else": self.schema(member)}))
                continue
            if not required and nullable:
                words = [*words, None]
            test = {
                "properties": {key: {"const": words[0]} if len(words) == 1 else {"enum": words}}
            }
            if required:
                test = {"required": [key], **test}
            cases.append(([str(word) for word in words], {"if": test, "then": self.schema(member)}))
        out["allOf"] = [case for _, case in sorted(cases, key=lambda each: each[0])]
        return out

    def _telling_key(self, targets: Sequence[Schema]) -> str:
        keys: list[str] = sorted(
            set.intersection(*(set(each.get("properties", ())) for each in targets)),
            key=lambda key: (key not in ("type", "role"), key),
        )
        for key in keys:
            words = [self._words(each, key) for each in targets]
            together = [word for each in words for word in each]
            absent = sum(key not in each.get("required", ()) for each in targets)
            distinct = together and len(together) == len(set(together))
            if distinct and words.count([]) + absent <= 1:
                return key
        names = ", ".join(str(each.get("title")) for each in targets)
        raise Ambiguous(f"no key tells these apart: {names}")

    def _words(self, target: Schema, key: str) -> list[str]:
        part = self._target(target["properties"][key])
        return [
            word
            for each in self._members(part.get("anyOf", [part]))
            for word in _values(self._target(each))
        ]

    def _nullable(self, target: Schema, key: str) -> bool:
        part = self._target(target["properties"][key])
        return any(each.get("type") == "null" for each in part.get("anyOf", ()))


def _all_text(words: Iterable[Any]) -> bool:
    return all(isinstance(word, str) for word in words)


def _values(schema: Schema) -> list[Any]:
    return list(schema.get("enum", ())) or ([schema["const"]] if "const" in schema else [])


def _without_default(schema: Schema) -> Schema:
    """Take away the null that a pydantic model adds for a field that may be left out."""
    if "default" in schema and schema["default"] is None and "anyOf" in schema:
        return {"anyOf": [each for each in schema["anyOf"] if each != {"type": "null"}]}
    return schema


def _literal(schema: Schema) -> Schema:
    """Write a type beside its only values once, and Booleans as their type."""
    values = _values(schema)
    if any(isinstance(value, bool) for value in values):
        return {"type": "boolean"}
    if values:
        schema.pop("type", None)
    if "enum" in schema:
        schema["enum"] = sorted(schema["enum"])  # the order of a Literal hangs on who asked first
    return schema


def _references(schema: Any) -> Iterator[str]:
    if isinstance(schema, dict):
        if isinstance(schema.get("$ref"), str):
            yield schema["$ref"]
        schema = list(schema.values())
    if isinstance(schema, list):
        for part in schema:
            yield from _references(part)


def _short(name: str) -> str:
    """Return pydantic's `package__module__Name`, used for a name met twice, as `module.Name`."""
    return ".".join(name.split("__")[-2:])


def _renamed(schema: Any) -> Any:
    if isinstance(schema, dict):
        return {
            key: _REF + _short(part.removeprefix(_REF)) if key == "$ref" else _renamed(part)
            for key, part in schema.items()
        }
    return [_renamed(part) for part in schema] if isinstance(schema, list) else schema
