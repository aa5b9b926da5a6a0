"""jsonschema's errors as findings: where, what is wrong, what is allowed, one for each fault.

The words come from the schema: a `description` beside the keyword that failed, or on the property
that is missing, says what is allowed; `x-provider-text` holds the provider's answer by keyword. An
object whose `type` or `role` is wrong is not also blamed for the keys that its kind would need. A
fault that two schemas see, ours and the official one it refers to, is told once, in our words.
Nothing about a provider is known here.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from wiremark.validation.codes import finding

if TYPE_CHECKING:
    from jsonschema import ValidationError

    from wiremark.findings import Finding
    from wiremark.validation.registry import RequestSchema

__all__ = ["abbreviate", "shape_findings", "write_path"]

_Path: TypeAlias = tuple[str | int, ...]
_KIND_KEYS: Final = ("type", "role")
_LONGEST: Final = 60


def shape_findings(schema: RequestSchema, body: Any) -> tuple[Finding, ...]:
    """Return a finding for each fault that the schema sees, in the order of their paths."""
    try:
        if schema.accepts(body):
            return ()
        faults = [fault for error in schema.errors(body) for fault in _faults(error)]
    except RecursionError:
        return (finding("too-deep", "", "the body is nested too deeply to be checked"),)
    kept = _told_once(_without_consequences(faults))
    ordered = sorted(kept, key=lambda fault: [_sort_key(part) for part in fault.path])
    return tuple(
        finding(
            fault.code,
            write_path(fault.path),
            fault.message,
            fault.advice,
            provider_text=fault.provider_text,
        )
        for fault in ordered
    )


def write_path(parts: Iterable[str | int]) -> str:
    """Return a path such as `input.messages[2].content[0]`."""
    out = ""
    for part in parts:
        if isinstance(part, str) and part.isidentifier():
            out += f".{part}" if out else part
        else:
            out += f"[{json.dumps(part, ensure_ascii=False, default=str)}]"
    return out


def abbreviate(value: Any) -> str:
    """Return a value as short JSON-like text, whatever its size and depth."""
    if isinstance(value, str):
        head = value[:_LONGEST]
        return f"{head!r}" if len(head) == len(value) else f"{head!r}... ({len(value)} characters)"
    if isinstance(value, dict):
        if not value:
            return "{}"
        keys = ", ".join(abbreviate(key) for key in list(value)[:4])
        return f"{{{keys}{', ...' if len(value) > 4 else ''}}}"
    if isinstance(value, (list, tuple)):
        return f"[{len(value)} items]" if value else "[]"
    if value is None or isinstance(value, bool):
        return json.dumps(value)
    try:
        text = repr(value)
    except ValueError:  # an integer of more digits than Python writes
        return "a very long number"
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."


@dataclass(frozen=True, slots=True)
class _Fault:
    path: _Path
    code: str
    message: str
    advice: str = ""
    kind: bool = False  # the `type` or `role` of an object is wrong or missing
    needs: bool = False  # a key is missing
    provider_text: str = ""


def _without_consequences(faults: Sequence[_Fault]) -> Iterator[_Fault]:
    """Leave out missing keys of objects whose kind is not known."""
    unclear = {fault.path if fault.needs else fault.path[:-1] for fault in faults if fault.kind}
    for fault in faults:
        if fault.kind or not fault.needs or fault.path not in unclear:
            yield fault


def _told_once(faults: Iterable[_Fault]) -> Iterable[_Fault]:
    """Keep one fault of a kind at a place: the one with the most to say, else the first."""
    kept: dict[tuple[_Path, str, str], _Fault] = {}
    for fault in faults:
        key = (fault.path, fault.code, fault.message if fault.needs else "")
        other = kept.get(key)
        if other is None or _said(fault) > _said(other):
            kept[key] = fault
    return kept.values()


def _said(fault: _Fault) -> tuple[bool, bool]:
    return bool(fault.provider_text), bool(fault.advice)


def _sort_key(part: str | int) -> tuple[bool, int, str]:
    return (False, part, "") if isinstance(part, int) else (True, 0, str(part))


def _faults(error: ValidationError) -> Iterator[_Fault]:
    path: _Path = tuple(error.absolute_path)
    keyword = str(error.validator)
    describe = _DESCRIBE.get(keyword)
    if describe is None:
        shown = abbreviate(error.instance)
        yield _Fault(path, "bad-shape", f"{shown} does not fit", _advice(error.schema))
        return
    quoted = _provider_text(error.schema, keyword)
    for fault in describe(path, error.validator_value, error.instance, error.schema):
        yield replace(fault, provider_text=quoted)


_Describe: TypeAlias = Callable[[_Path, Any, Any, Any], Iterator[_Fault]]


def _advice(schema: Any) -> str:
    return str(schema.get("description", "")) if isinstance(schema, dict) else ""


def _provider_text(schema: Any, keyword: str) -> str:
    texts = schema.get("x-provider-text", {}) if isinstance(schema, dict) else {}
    return str(texts.get(keyword, ""))


def _missing(path: _Path, keys: Any, instance: Any, schema: Any) -> Iterator[_Fault]:
    for key in keys:
        if key not in instance:
            advice = _advice(schema.get("properties", {}).get(key)) or _advice(schema)
            message = f"{key!r} is missing"
            yield _Fault(path, "missing-key", message, advice, key in _KIND_KEYS, needs=True)


def _type(path: _Path, types: Any, instance: Any, schema: Any) -> Iterator[_Fault]:
    names = [types] if isinstance(types, str) else list(types)
    allowed = " or ".join(_TYPE_WORDS[name] for name in names)
    found = f"{_word(instance)}{abbreviate(instance)}"
    message = f"{found} stands where {allowed} belongs"
    yield _Fault(path, "wrong-type", message, _advice(schema), _is_kind(path))


_TYPE_WORDS: Final = {
    "array": "a list",
    "boolean": "true or false",
    "integer": "a whole number",
    "null": "null",
    "number": "a number",
    "object": "an object",
    "string": "a string",
}


def _word(instance: Any) -> str:
    """Return the kind of value, where its text does not show it."""
    if isinstance(instance, str):
        return "the string "
    if isinstance(instance, (int, float)) and not isinstance(instance, bool):
        return "the number "
    if isinstance(instance, dict):
        return "the object "
    return "the list " if isinstance(instance, list) else ""


def _is_kind(path: _Path) -> bool:
    return bool(path) and path[-1] in _KIND_KEYS


def _enum(path: _Path, values: Any, instance: Any, schema: Any) -> Iterator[_Fault]:
    allowed = ", ".join(abbreviate(value) for value in values)
    message = f"{abbreviate(instance)} is not one of {allowed}"
    yield _Fault(path, "bad-value", message, _advice(schema), _is_kind(path))


def _const(path: _Path, value: Any, instance: Any, schema: Any) -> Iterator[_Fault]:
    message = f"{abbreviate(instance)} is not {abbreviate(value)}"
    yield _Fault(path, "bad-value", message, _advice(schema), _is_kind(path))


def _range(words: str) -> _Describe:
    def describe(path: _Path, limit: Any, instance: Any, schema: Any) -> Iterator[_Fault]:
        message = f"{abbreviate(instance)} {words} {limit}"
        yield _Fault(path, "out-of-range", message, _advice(schema))

    return describe


def _length(words: str, unit: str) -> _Describe:
    def describe(path: _Path, limit: Any, instance: Any, schema: Any) -> Iterator[_Fault]:
        message = f"has {len(instance)} {unit}, {words} {limit}" if instance else "is empty"
        yield _Fault(path, "bad-length", message, _advice(schema))

    return describe


def _extra(path: _Path, _: Any, instance: Any, schema: Any) -> Iterator[_Fault]:
    named = schema.get("properties", {})
    for key in instance:
        if key not in named:
            allowed = f"allowed: {', '.join(named)}"
            yield _Fault((*path, key), "unknown-key", f"{key!r} is not taken here", allowed)


def _any_of(path: _Path, parts: Any, instance: Any, schema: Any) -> Iterator[_Fault]:
    """Word a choice between keys; our schemas make every other choice by `if`."""
    keys = [key for part in parts if isinstance(part, dict) for key in part.get("required", ())]
    if not keys:
        yield _Fault(path, "bad-shape", f"{abbreviate(instance)} does not fit", _advice(schema))
        return
    message = f"has none of the keys {', '.join(map(repr, keys))}"
    yield _Fault(path, "missing-key", message, _advice(schema), needs=True)


def _not(path: _Path, taken: Any, instance: Any, schema: Any) -> Iterator[_Fault]:
    """Word `"not": {}`, which is how our schemas take nothing, and other negations."""
    if taken == {} and path:
        yield _Fault(path, "unknown-key", f"{path[-1]!r} is not taken here", _advice(schema))
    elif "const" in taken:
        message = f"{abbreviate(instance)} is not taken here"
        yield _Fault(path, "bad-value", message, _advice(schema), _is_kind(path))
    else:
        yield _Fault(path, "bad-shape", f"{abbreviate(instance)} does not fit", _advice(schema))


_DESCRIBE: Final[dict[str, _Describe]] = {
    "required": _missing,
    "type": _type,
    "enum": _enum,
    "const": _const,
    "minimum": _range("is below"),
    "exclusiveMinimum": _range("is not above"),
    "maximum": _range("is above"),
    "exclusiveMaximum": _range("is not below"),
    "minItems": _length("fewer than", "items"),
    "minLength": _length("fewer than", "characters"),
    "maxItems": _length("more than", "items"),
    "maxLength": _length("more than", "characters"),
    "maxProperties": _length("more than", "keys"),
    "additionalProperties": _extra,
    "anyOf": _any_of,
    "not": _not,
}
