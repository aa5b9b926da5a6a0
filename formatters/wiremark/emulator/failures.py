"""Errors as the providers send them, built from what is known of each in `rules.failures`.

What a rule of the validator refuses has the words of that rule where they are known, else the
validator's.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

from ..findings import Finding
from ..rules.failures import FAILURES, SHAPES, STATUS_NAMES, KnownFailure, Shape
from ..traffic.services import Family
from .scenario import Reply

if TYPE_CHECKING:
    from ..traffic.records import Record

__all__ = [
    "Failure",
    "bad_json",
    "body_of",
    "from_finding",
    "known",
    "late",
    "simple",
    "told_by",
    "words_of",
]


@dataclass(frozen=True, slots=True)
class Failure:
    """An error before it has its provider's shape: `type` and `code` are the provider's words.

    shape: how its body is built, the family's usual one if not given; extra: what stands beside
    """

    status: int
    message: str
    type: str = "invalid_request_error"
    code: str | None = None
    param: str | None = None
    shape: Shape | None = None
    extra: Mapping[str, Any] = field(default_factory=dict)


_USUAL: Final[Mapping[Family, Shape]] = {
    "openai": "openai",
    "openrouter": "openrouter",
    "anthropic": "anthropic",
    "compatible": "model",
    "native": "native",
    "dashscope-messages": "anthropic",
}
_OPTIONAL: Final = ("error.details", "error.metadata")


def body_of(failure: Failure, family: Family, request_id: str) -> dict[str, Any]:
    """Return the body of an error in its provider's shape."""
    shape = failure.shape or _USUAL[family]
    routed = family == "openrouter"
    values: dict[str, Any] = {
        "type": "error",
        "message": words_of(failure, request_id),
        "code": failure.code or "InvalidParameter",
        "id": f"chatcmpl-{request_id}",
        "request_id": request_id,
        "user_id": "user_emulated",
        "error.type": failure.type,
        "error.message": words_of(failure, request_id),
        "error.param": failure.param,
        "error.code": failure.status if routed else failure.code,
        "error.details": dict(failure.extra),
        "error.metadata": dict(failure.extra),
    }
    body: dict[str, Any] = {}
    for key in SHAPES[shape]:
        if key in _OPTIONAL and not failure.extra:
            continue
        holder, _, name = key.rpartition(".")
        (body.setdefault(holder, {}) if holder else body)[name] = values[key]
    return body


def words_of(failure: Failure, request_id: str) -> str:
    """Return the message of an error; some providers name the request in it."""
    return failure.message.replace("{request_id}", request_id)


# --------------------------------------------------------------------------- what the rules refuse


def from_finding(finding: Finding, family: Family) -> Failure:
    """Return the refusal of a request for a finding of severity `error`."""
    text = finding.provider_text
    if family in ("anthropic", "dashscope-messages"):
        return Failure(400, text or _anthropic_words(finding))
    if family == "native":
        return Failure(400, _algo(text or _dashscope_words(finding)), code="InvalidParameter")
    if family == "compatible":
        message = _algo(text or _dashscope_words(finding))
        return Failure(400, message, code="invalid_parameter_error")
    if text.startswith("Unsupported parameter: "):
        return Failure(400, text, code="unsupported_parameter")  # names no param
    code, words = _OPENAI_CODES.get(finding.code, (None, ""))
    where = _missing(finding) or finding.path
    message = text or (words.format(where=where) if words else finding.message)
    if not text and code in ("invalid_type", "invalid_value"):
        message += f" {finding.message[:1].upper()}{finding.message[1:]}."
    return Failure(400, message, code=code, param=where or None)


_OPENAI_CODES: Final = {
    "missing-key": ("missing_required_parameter", "Missing required parameter: '{where}'."),
    "unknown-key": ("unknown_parameter", "Unknown parameter: '{where}'."),
    "wrong-type": ("invalid_type", "Invalid type for '{where}'."),
    "bad-value": ("invalid_value", "Invalid value for '{where}'."),
    "refused-field": ("unknown_parameter", ""),
}


def _missing(finding: Finding) -> str:
    """Return the path of the key that is missing; the finding's own is that of its holder."""
    found = re.match(r"'([^']+)' is missing", finding.message)
    if finding.code != "missing-key" or not found:
        return ""
    return f"{finding.path}.{found[1]}" if finding.path else found[1]


def _dotted(path: str) -> str:
    return re.sub(r"\[(\d+)\]", r".\1", path)


def _anthropic_words(finding: Finding) -> str:
    missing = _missing(finding)
    if missing:
        return f"{_dotted(missing)}: Field required"
    if finding.code == "unknown-key":
        return f"{_dotted(finding.path)}: Extra inputs are not permitted"
    return f"{_dotted(finding.path)}: {finding.message}" if finding.path else finding.message


def _dashscope_words(finding: Finding) -> str:
    return f"{finding.path}: {finding.message}" if finding.path else finding.message


def _algo(text: str) -> str:
    """Return a text as DashScope's model services begin it."""
    return f"<400> InternalError.Algo.InvalidParameter: {text}"


# ---------------------------------------------------------------------------- what else goes wrong


def known(family: Family, name: str, **fields: str) -> Failure:
    """Return an error by its name in `rules.failures`, its fields filled in.

    A provider that has no row of this name has one of a name that is near, or that of a server
    at fault.
    """
    return _filled(_row(family, name), fields)


def bad_json(family: Family, problem: str) -> Failure:
    """Return the refusal of a body that is no JSON object."""
    return known(family, "bad-json", problem=problem)


def simple(family: Family, status: int, *, message: str = "", model: str = "") -> Failure:
    """Return an error of a status, in the provider's words unless a message is given.

    A status of 404 has the words of an unknown model.
    """
    name = STATUS_NAMES.get(status, "server" if status >= 500 else "")
    if name:
        failure = known(family, name, model=model)
    else:
        words = HTTPStatus(status).phrase if status in _STATUSES else "Bad Request"
        failure = Failure(status, words)
    return Failure(
        status,
        message or failure.message,
        failure.type,
        failure.code,
        failure.param,
        failure.shape,
        failure.extra,
    )


_STATUSES: Final = frozenset(HTTPStatus)
_NEAR: Final[Mapping[str, str]] = {
    "no-key": "wrong-key",
    "wrong-bearer": "wrong-key",
    "bad-encoding": "unknown-encoding",
    "moderated": "denied",
    "too-many-tokens": "too-many-requests",
    "unsupported-model": "unknown-model",
    "unavailable": "overloaded",
    "overloaded": "unavailable",
}


def _row(family: Family, name: str) -> KnownFailure:
    rows = FAILURES[family]
    return rows.get(name) or rows.get(_NEAR.get(name, "")) or rows["server"]


def _filled(row: KnownFailure, fields: Mapping[str, str]) -> Failure:
    def fill(value: Any) -> Any:
        if not isinstance(value, str):
            return list(value)
        return _FIELD.sub(lambda found: fields.get(found[1], ""), value)

    return Failure(
        row.status,
        fill(row.message),
        row.type,
        row.code,
        row.param,
        row.shape,
        {key: fill(value) for key, value in row.extra.items()},
    )


_FIELD: Final = re.compile(r"\{(model|method|path|version|problem)\}")


def told_by(reply: Reply, family: Family, record: Record) -> Failure:
    """Return the error that a scenario has for a request."""
    model = record.model or ""
    if not reply.error:
        return simple(family, reply.status, message=reply.message, model=model)
    told = known(family, reply.error, model=model, method=record.method, path=record.path)
    return replace(told, message=reply.message) if reply.message else told


def late(failure: Failure) -> tuple[str, str]:
    """Return code and message of an error inside a stream that has begun well."""
    code = "rate_limit_exceeded" if failure.status == 429 else "server_error"
    return code, failure.message
