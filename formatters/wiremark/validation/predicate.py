"""A JSON Schema compiled into one predicate that says whether a value is accepted.

jsonschema explains well and is slow: a right request of a thousand messages takes it 70 to 240
times as long as reading its JSON, the predicate 3 to 7 times. So each body is asked the predicate
first, and only the parts that it refuses are handed to jsonschema. The two agree on every value; a
property test holds them together. This module knows the keywords that our schemas use and no
schema. A keyword it does not know is an error when the schema is loaded, never a silent yes.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, Protocol, TypeAlias

from jsonschema import Draft202012Validator

__all__ = ["Check", "Compiler", "Resolver"]

Check: TypeAlias = Callable[[Any], bool]
"""Says whether a value is accepted."""

_Child: TypeAlias = Callable[[Any], Check]
_Builder: TypeAlias = Callable[[Any, Mapping[str, Any], _Child], Check]


class _Resolved(Protocol):
    @property
    def contents(self) -> Any: ...
    @property
    def resolver(self) -> Resolver: ...


class Resolver(Protocol):
    """What finds the target of a `$ref`; `referencing` has one."""

    def lookup(self, ref: str) -> _Resolved:
        """Return the schema that `ref` names, and the resolver for references inside it."""
        ...


class Compiler:
    """Compiles schemas, and keeps the predicate of every schema object met on the way."""

    def __init__(self) -> None:
        self._checks: dict[int, Check] = {}

    def check_of(self, schema: object) -> Check | None:
        """Return the predicate of a schema object that was compiled, by identity."""
        return self._checks.get(id(schema))

    def compile(self, schema: Any, resolver: Resolver) -> Check:
        """Return the predicate of `schema`. Raises `ValueError` for a keyword it does not know.

        The caller keeps `schema` alive: predicates are remembered by the identity of its parts.
        """
        if isinstance(schema, bool):
            return _yes if schema else _no
        known = self._checks.get(id(schema))
        if known is not None:
            return known
        # A schema that refers to itself meets this entry, which is replaced below.
        self._checks[id(schema)] = lambda value: self._checks[id(schema)](value)  # noqa: PLW0108
        check = _all_of(list(self._keywords(schema, resolver)))
        self._checks[id(schema)] = check
        return check

    def _keywords(self, schema: Mapping[str, Any], resolver: Resolver) -> Iterable[Check]:
        def child(part: Any) -> Check:
            return self.compile(part, resolver)

        for keyword, value in schema.items():
            if keyword == "$ref":
                target = resolver.lookup(value)
                yield self.compile(target.contents, target.resolver)
            elif keyword in _BUILDERS:
                yield _BUILDERS[keyword](value, schema, child)
            elif keyword not in _SILENT:
                raise ValueError(f"schema keyword {keyword!r} has no predicate")


def _yes(_: Any) -> bool:
    return True


def _no(_: Any) -> bool:
    return False


def _all_of(checks: list[Check]) -> Check:
    if not checks:
        return _yes
    if len(checks) == 1:
        return checks[0]

    def check(value: Any) -> bool:
        for part in checks:  # noqa: SIM110  a generator costs as much again
            if not part(value):
                return False
        return True

    return check


# Exact types answer at once; subclasses and whole floats are left to jsonschema's own checker.
_EXACT: Final[dict[str, type]] = {
    "array": list,
    "boolean": bool,
    "integer": int,
    "null": type(None),
    "object": dict,
    "string": str,
}
_is_type = Draft202012Validator.TYPE_CHECKER.is_type


def _type(value: Any, _: Mapping[str, Any], __: _Child) -> Check:
    names = [value] if isinstance(value, str) else list(value)
    exact = {_EXACT[name] for name in names if name in _EXACT}
    if "number" in names:
        exact |= {int, float}

    def check(instance: Any) -> bool:
        return type(instance) in exact or any(_is_type(instance, name) for name in names)

    return check


def _enum(value: Any, _: Mapping[str, Any], __: _Child) -> Check:
    # Booleans, and containers, are not in our enums: JSON keeps true apart from 1, `in` does not.
    if any(isinstance(each, (bool, dict, list)) for each in value):
        raise ValueError("an enum with booleans, objects or arrays has no predicate")
    strings = frozenset(each for each in value if isinstance(each, str))
    others = [each for each in value if not isinstance(each, str)]

    def check(instance: Any) -> bool:
        if isinstance(instance, str):
            return instance in strings
        return not isinstance(instance, bool) and instance in others

    return check


def _const(value: Any, schema: Mapping[str, Any], child: _Child) -> Check:
    return _enum([value], schema, child)


def _properties(value: Any, _: Mapping[str, Any], child: _Child) -> Check:
    table = {key: child(part) for key, part in value.items()}

    def check(instance: Any) -> bool:
        if isinstance(instance, dict):
            for key, item in instance.items():
                part = table.get(key)
                if part is not None and not part(item):
                    return False
        return True

    return check


def _additional_properties(value: Any, schema: Mapping[str, Any], child: _Child) -> Check:
    named = frozenset(schema.get("properties", ()))
    part = child(value)

    def check(instance: Any) -> bool:
        return not isinstance(instance, dict) or all(
            part(item) for key, item in instance.items() if key not in named
        )

    return check


def _required(value: Any, _: Mapping[str, Any], __: _Child) -> Check:
    keys = tuple(value)

    def check(instance: Any) -> bool:
        return not isinstance(instance, dict) or all(key in instance for key in keys)

    if len(keys) == 1:
        only = keys[0]
        return lambda instance: not isinstance(instance, dict) or only in instance
    return check


def _items(value: Any, _: Mapping[str, Any], child: _Child) -> Check:
    part = child(value)
    return lambda instance: not isinstance(instance, list) or all(map(part, instance))


def _at_least(kind: str, *, strict: bool = False) -> _Builder:
    def build(limit: Any, _: Mapping[str, Any], __: _Child) -> Check:
        if strict:
            return lambda x: not _is_type(x, kind) or not x <= limit
        return lambda x: not _is_type(x, kind) or not x < limit

    return build


def _at_most(kind: str, *, strict: bool = False) -> _Builder:
    def build(limit: Any, _: Mapping[str, Any], __: _Child) -> Check:
        if strict:
            return lambda x: not _is_type(x, kind) or not x >= limit
        return lambda x: not _is_type(x, kind) or not x > limit

    return build


def _length(kind: type[Any], *, least: bool) -> _Builder:
    def build(limit: Any, _: Mapping[str, Any], __: _Child) -> Check:
        if least:
            return lambda x: not isinstance(x, kind) or len(x) >= limit
        return lambda x: not isinstance(x, kind) or len(x) <= limit

    return build


def _pattern(value: Any, _: Mapping[str, Any], __: _Child) -> Check:
    search = re.compile(value).search
    return lambda instance: not isinstance(instance, str) or search(instance) is not None


def _all(value: Any, _: Mapping[str, Any], child: _Child) -> Check:
    tables: dict[str, dict[str, list[Check]]] = {}
    rest: list[Check] = []
    for part in value:
        case = _case(part)
        if case is None:
            rest.append(child(part))
            continue
        child(part)  # remembered too, for whoever asks for the predicate of the part
        key, words = case
        for word in words:
            tables.setdefault(key, {}).setdefault(word, []).append(child(part["then"]))
    return _all_of([*(_dispatch(key, table) for key, table in tables.items()), *rest])


def _case(part: Any) -> tuple[str, tuple[str, ...]] | None:
    """Return the key and the words of a schema that only says: if the key is one of them, then."""
    if (
        not isinstance(part, dict)
        or set(part) != {"if", "then"}
        or not isinstance(part["if"], dict)
    ):
        return None
    condition = part["if"]
    properties = condition.get("properties", {})
    if set(condition) != {"properties", "required"} or len(properties) != 1:
        return None
    ((key, test),) = properties.items()
    if condition["required"] != [key] or not isinstance(test, dict) or len(test) != 1:
        return None
    words = test.get("enum", [test.get("const")])
    return (key, tuple(words)) if all(isinstance(word, str) for word in words) else None


def _dispatch(key: str, table: Mapping[str, list[Check]]) -> Check:
    """Return one look-up for a chain of cases, whose cost does not grow with their number."""
    checks = {word: _all_of(cases) for word, cases in table.items()}

    def check(instance: Any) -> bool:
        if not isinstance(instance, dict):
            return True
        word = instance.get(key)
        case = checks.get(word) if isinstance(word, str) else None
        return case is None or case(instance)

    return check


def _any(value: Any, _: Mapping[str, Any], child: _Child) -> Check:
    parts = [child(part) for part in value]
    return lambda instance: any(part(instance) for part in parts)


def _not(value: Any, _: Mapping[str, Any], child: _Child) -> Check:
    part = child(value)
    return lambda instance: not part(instance)


def _if(value: Any, schema: Mapping[str, Any], child: _Child) -> Check:
    condition = child(value)
    then, otherwise = child(schema.get("then", True)), child(schema.get("else", True))
    return lambda instance: (then if condition(instance) else otherwise)(instance)


_BUILDERS: Final[Mapping[str, _Builder]] = {
    "type": _type,
    "enum": _enum,
    "const": _const,
    "properties": _properties,
    "additionalProperties": _additional_properties,
    "required": _required,
    "items": _items,
    "minimum": _at_least("number"),
    "exclusiveMinimum": _at_least("number", strict=True),
    "maximum": _at_most("number"),
    "exclusiveMaximum": _at_most("number", strict=True),
    "minItems": _length(list, least=True),
    "maxItems": _length(list, least=False),
    "minLength": _length(str, least=True),
    "maxLength": _length(str, least=False),
    "maxProperties": _length(dict, least=False),
    "pattern": _pattern,
    "allOf": _all,
    "anyOf": _any,
    "not": _not,
    "if": _if,
}
_SILENT: Final = frozenset(
    {
        "$comment",
        "$defs",
        "$id",
        "$schema",
        "description",
        "else",
        "then",
        "title",
        "x-derived-from",
        "x-provider-text",
    }
)
