"""The form in which a record stands in a log: JSON data, from which it is made again.

`request` and `response` are JSON values where they are JSON, a text otherwise. Beside them, `raw`
and `response_raw` are the bytes where those are not the shortest JSON of the value: a text, or
`{"base64": ...}`. So every byte comes back. Findings are not kept: they follow from the body.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from .. import jsontext
from ..errors import MessageError, SerializationError
from ..findings import Finding
from .records import Record

if TYPE_CHECKING:
    from ..replay.cache import CacheResult

__all__ = ["line_of", "record_of"]

_WRITABLE: Final = 200
"""To which depth a body is put into a line, which is read again as JSON with what is around it."""

_ADVICE: Final = "it is left out"
_TEXTS: Final = ("method", "path", "query", "error", "problem", "account")
_NAMES: Final = ("protocol", "host", "model", "rules")
_PLAIN: Final = (
    "index",
    "at",
    "ends_at",
    "started",
    "method",
    "path",
    "query",
    "protocol",
    "host",
    "model",
    "rules",
    "stream",
    "status",
    "error",
    "ended",
    "problem",
    "account",
    "reply",
)
_NEEDED: Final = ("index", "at", "method", "path")
_DEFAULTS: Final[Mapping[str, Any]] = {"stream": False, "ended": True, "status": 0} | dict.fromkeys(
    _TEXTS, ""
)
_COUNTED: Final = ("input", "read", "written", "fresh", "common", "read_as", "matched_at")
_OF_A_MISS: Final = ("code", "sentence", "path", "by", "before", "after")


def line_of(record: Record) -> dict[str, Any]:
    """Return a record as the JSON data of a line."""
    out: dict[str, Any] = {name: getattr(record, name) for name in _PLAIN}
    out["headers"] = [list(each) for each in record.headers]
    out["response_headers"] = [list(each) for each in record.response_headers]
    out["usage"] = record.answered
    out["predicted"] = None if record.predicted is None else _told(record.predicted)
    out |= _kept(record.body, record.raw, "request", "raw")
    out |= _kept(_json_of(record.response), record.response, "response", "response_raw")
    return out


def record_of(value: Any) -> Record:
    """Return the record of a line's JSON data; raises `MessageError` for what is none."""
    if not isinstance(value, Mapping):
        raise MessageError("is no object", advice=_ADVICE)
    try:
        given = {name: _checked(value, name) for name in _PLAIN}
        body, raw = _restored(value, "request", "raw")
        told = value.get("predicted")
        return Record(
            **given,
            headers=_pairs(value, "headers"),
            response_headers=_pairs(value, "response_headers"),
            raw=raw,
            body=body,
            response=_restored(value, "response", "response_raw")[1],
            answered=_object(value, "usage"),
            predicted=None if told is None else _result(told),
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        if isinstance(error, MessageError):
            raise
        raise MessageError("is no record of an exchange", advice=_ADVICE) from None


def _checked(value: Mapping[str, Any], name: str) -> Any:
    """Return a plain value of a line, of the type that it has in a record."""
    if name not in value and name in _NEEDED:
        raise MessageError(f"is no record of an exchange: it has no {name!r}", advice=_ADVICE)
    found = value.get(name, _DEFAULTS.get(name))
    if name in _TEXTS:
        right = isinstance(found, str)
    elif name in _NAMES:
        right = isinstance(found, str | None)
    elif name in ("stream", "ended"):
        right = isinstance(found, bool)
    elif name in ("index", "status", "reply"):
        right = (type(found) is int and found >= 0) or (found is None and name == "reply")
    else:
        right = type(found) in (int, float) or (found is None and name != "at")
    if not right:
        raise MessageError(f"is no record of an exchange: {name!r} is wrong", advice=_ADVICE)
    return found


def _pairs(value: Mapping[str, Any], name: str) -> tuple[tuple[str, str], ...]:
    return tuple((str(key), str(text)) for key, text in value.get(name) or ())


def _object(value: Mapping[str, Any], name: str) -> dict[str, Any] | None:
    found = value.get(name)
    if not isinstance(found, dict | None):
        raise MessageError(f"is no record of an exchange: {name!r} is wrong", advice=_ADVICE)
    return found


def _json_of(raw: bytes) -> Any:
    """Return the object or list in these bytes, `None` if they hold neither."""
    if not raw.startswith((b"{", b"[")):
        return None
    try:
        return jsontext.loads(raw)
    except SerializationError:
        return None


def _kept(value: Any, raw: bytes, name: str, other: str) -> dict[str, Any]:
    """Return what is written of a body: its value, and its bytes if those cannot be told by it."""
    if value is None or _is_deep(value, raw):
        text = _text_of(raw)
        if name == "request" or not isinstance(text, str):
            return {name: None, other: text} if raw else {name: None}
        return {name: text}
    if jsontext.dumpb(value) == raw:
        return {name: value}
    return {name: value, other: _text_of(raw)}


def _restored(value: Mapping[str, Any], name: str, other: str) -> tuple[Any, bytes]:
    """Return the value and the bytes of a body."""
    found, raw = value.get(name), value.get(other)
    if raw is not None:
        data = _bytes_of(raw)
        return (_parsed(data) if found is None else found), data
    if found is None:
        return None, b""
    if name == "response" and isinstance(found, str):
        return None, found.encode()
    return found, jsontext.dumpb(found)


def _parsed(raw: bytes) -> Any:
    try:
        return jsontext.loads(raw)
    except SerializationError:
        return None


def _text_of(raw: bytes) -> str | dict[str, str]:
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(raw).decode()}


def _bytes_of(kept: Any) -> bytes:
    if isinstance(kept, str):
        return kept.encode()
    try:
        return base64.b64decode(kept["base64"], validate=True)
    except (KeyError, TypeError, binascii.Error):
        raise MessageError(
            "is no record of an exchange: its bytes are neither text nor base64", advice=_ADVICE
        ) from None


def _is_deep(value: Any, raw: bytes) -> bool:
    """Say whether a value is nested so deeply that it might not be read again within a line."""
    if raw.count(b"[") + raw.count(b"{") <= _WRITABLE:
        return False
    level = [value]
    for _ in range(_WRITABLE):
        level = [
            inner
            for each in level
            if isinstance(each, dict | list)
            for inner in (each.values() if isinstance(each, dict) else each)
        ]
    return bool(level)


def _told(result: CacheResult) -> dict[str, Any]:
    miss, rejected = result.miss, result.rejected
    return {
        **{name: getattr(result, name) for name in _COUNTED},
        "written_by_ttl": dict(result.written_by_ttl),
        "marks": [[mark.path, mark.ttl, mark.tokens] for mark in result.marks],
        "written_at": list(result.written_at),
        "miss": None if miss is None else {name: getattr(miss, name) for name in _OF_A_MISS},
        "rejected": None if rejected is None else rejected.to_dict(),
    }


def _result(told: Mapping[str, Any]) -> CacheResult:
    from ..replay.cache import CacheResult
    from ..replay.model import MarkAt, Miss

    miss, rejected = told.get("miss"), told.get("rejected")
    return CacheResult(
        **{name: told[name] for name in _COUNTED},
        written_by_ttl=dict(told["written_by_ttl"]),
        marks=tuple(MarkAt(*each) for each in told["marks"]),
        written_at=tuple(told["written_at"]),
        miss=None if miss is None else Miss(**miss),
        rejected=None if rejected is None else Finding(**rejected),
    )
