"""What a provider or its SDK answered, as plain JSON data.

Dicts, the objects of the SDKs (pydantic models, dict-like objects, dataclasses, named tuples,
protobuf messages, objects with slots, simple namespaces) and whatever they hold become dicts,
lists, strings, numbers, Booleans and null. Fields that were never set are left out; extra fields
are kept. Bytes become base64, dates ISO 8601. No SDK is imported, and nothing is read but the value
that was given.
"""

from __future__ import annotations

import base64
import dataclasses
import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from decimal import Decimal
from enum import Enum
from numbers import Integral, Real
from pathlib import PurePath
from typing import Any, Final
from uuid import UUID

from .errors import MessageError

__all__ = ["plain", "plain_object"]

_DEEPEST: Final = 200
_SCALARS: Final = (str, int, float, bool, type(None), Enum)
_NO_FIELD: Final = object()


def plain(value: Any, *, path: str = "") -> Any:
    """Return `value` as JSON data of its own; the input is not modified.

    Raises `MessageError` with the path of a value that is no data, such as a function, or that is
    nested more than 200 levels deep.
    """
    try:
        return _plain(value, path, 0)
    except RecursionError:
        raise _too_deep(path) from None


def plain_object(value: Any, *, path: str = "response") -> dict[str, Any]:
    """Return an object as a dict; raises `MessageError` where `value` is none."""
    found = plain(value, path=path)
    if isinstance(found, dict):
        return found
    raise MessageError(
        f"expected an object, got {type(value).__name__}",
        path=path,
        advice="give the provider's response as a dict or as its SDK's object",
    )


def _plain(value: Any, path: str, depth: int) -> Any:
    if isinstance(value, _SCALARS):
        return _scalar(value)
    if depth > _DEEPEST:
        raise _too_deep(path)
    if isinstance(value, Mapping):
        return _items(value.items(), path, depth)
    if isinstance(value, Real | Decimal | bytes | bytearray | memoryview):
        return _number(value) if isinstance(value, Real | Decimal) else _base64(value)
    if isinstance(value, dt.date | dt.time):
        return value.isoformat()
    if isinstance(value, UUID | PurePath):
        return str(value)
    if isinstance(value, AbstractSet):
        value = sorted(value, key=repr)  # sets have no order of their own
    if isinstance(value, Sequence) and not hasattr(value, "_asdict"):
        return [_plain(item, f"{path}[{index}]", depth + 1) for index, item in enumerate(value)]
    return _items(_fields(value, path), path, depth)


def _scalar(value: Any) -> Any:
    """Return a scalar of exactly JSON's types; a member of an enumeration is its value."""
    if isinstance(value, Enum):
        return _plain(value.value, "", 0)
    for kind in (str, float, int):
        if isinstance(value, kind) and type(value) not in (kind, bool):
            return kind(value)
    return value


def _number(value: Any) -> int | float:
    if isinstance(value, Decimal):
        return int(value) if value.is_finite() and value % 1 == 0 else float(value)
    return int(value) if isinstance(value, Integral) else float(value)


def _base64(value: bytes | bytearray | memoryview) -> str:
    return base64.b64encode(value).decode("ascii")


def _items(items: Iterable[tuple[Any, Any]], path: str, depth: int) -> dict[str, Any]:
    out: dict[str, Any] = {}
    for key, item in items:
        name = str(_scalar(key))
        out[name] = _plain(item, f"{path}.{name}" if path else name, depth + 1)
    return out


def _fields(value: Any, path: str) -> Iterable[tuple[str, Any]]:
    """Return the fields that an object holds, extra ones included, unset ones left out."""
    if isinstance(value, type) or callable(value):
        raise _no_data(value, path)
    kind = type(value)
    known = getattr(kind, "model_fields", None)
    if isinstance(known, Mapping):
        return _model_fields(value, known)
    if hasattr(value, "_asdict"):
        return list(value._asdict().items())
    descriptor = getattr(kind, "DESCRIPTOR", None)
    if descriptor is not None and hasattr(value, "ListFields"):
        return _message_fields(value, descriptor)
    return _object_fields(value, path)


def _model_fields(value: Any, known: Mapping[str, Any]) -> list[tuple[str, Any]]:
    """Return a pydantic model's fields by the names that the wire uses.

    Attributes are read one by one: `model_dump` fails, or warns, on objects that an SDK built
    without validation.
    """
    given = getattr(value, "model_fields_set", None) or ()
    out = []
    for name, field in known.items():
        item = getattr(value, name, _NO_FIELD) if name in given else _NO_FIELD
        if item is not _NO_FIELD:
            out.append((getattr(field, "alias", None) or name, item))
    extra = getattr(value, "model_extra", None)
    return out + list(extra.items() if isinstance(extra, Mapping) else ())


def _message_fields(value: Any, descriptor: Any) -> list[tuple[str, Any]]:
    """Return a protobuf message's fields; a number that is not set is 0, as protobuf has it."""
    set_fields = {field.name for field, _ in value.ListFields()}
    return [
        (field.name, getattr(value, field.name))
        for field in descriptor.fields
        if field.name in set_fields or field.message_type is None
    ]


def _object_fields(value: Any, path: str) -> list[tuple[str, Any]]:
    """Return the attributes of an object: those it declares, then those it was given besides."""
    kind = type(value)
    names: list[str] = []
    if dataclasses.is_dataclass(value):
        names += [field.name for field in dataclasses.fields(value)]
    names += getattr(kind, "__struct_fields__", ())
    for base in reversed(kind.__mro__):
        slots = base.__dict__.get("__slots__", ())
        names += [slots] if isinstance(slots, str) else slots
    own = getattr(value, "__dict__", None)
    if not isinstance(own, Mapping):
        if not names:
            raise _no_data(value, path)
        own = {}
    held = {name: getattr(value, name, _NO_FIELD) for name in names} | dict(own)
    return [
        (name, item)
        for name, item in held.items()
        if item is not _NO_FIELD and not name.startswith("_")
    ]


def _no_data(value: Any, path: str) -> MessageError:
    return MessageError(
        f"{type(value).__name__} is no response data",
        path=path,
        advice="give the provider's response as a dict or as its SDK's object",
    )


def _too_deep(path: str) -> MessageError:
    return MessageError("nested too deeply", path=path, advice="give plain response data")
