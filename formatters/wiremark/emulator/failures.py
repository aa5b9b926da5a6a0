"""Errors as the providers send them: status, body, and their own words where these are known.

Words without a known original are the validator's. Bodies by wire were read in recorded answers and
issues (DashScope's compatible mode: explyt/explyt#23, codexu/note-gen#372) and in the SDKs.

Assumed, since no source has been read: the words for a wrong key, an unknown model, a body that is
too large or no JSON, too many requests, and faults of the server.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Final

from ..findings import Finding
from ..traffic.services import Family

__all__ = ["Failure", "bad_json", "body_of", "from_finding", "simple"]


@dataclass(frozen=True, slots=True)
class Failure:
    """An error before it has its provider's shape: `type` and `code` are the provider's words."""

    status: int
    message: str
    type: str = "invalid_request_error"
    code: str | None = None
    param: str | None = None


def body_of(failure: Failure, family: Family, request_id: str) -> dict[str, Any]:
    """Return the body of an error in its provider's shape."""
    message = failure.message
    if family == "anthropic":
        inner: dict[str, Any] = {"type": failure.type, "message": message}
        return {"type": "error", "error": inner, "request_id": request_id}
    if family == "native":
        return {"code": failure.code or "InvalidParameter", "message": message} | {
            "request_id": request_id
        }
    if family == "openrouter":
        return {"error": {"message": message, "code": failure.status}}
    inner = {"message": message, "type": failure.type, "param": failure.param}
    inner["code"] = failure.code
    if family == "compatible":
        return {"error": inner, "request_id": request_id}
    return {"error": inner}


# --------------------------------------------------------------------------- what the rules refuse


def from_finding(finding: Finding, family: Family) -> Failure:
    """Return the refusal of a request for a finding of severity `error`."""
    text = finding.provider_text
    if family == "anthropic":
        return Failure(400, text or _anthropic_words(finding))
    if family == "native":
        return Failure(400, _algo(text or _dashscope_words(finding)), code="InvalidParameter")
    if family == "compatible":
        message = _algo(text or _dashscope_words(finding))
        return Failure(400, message, code="invalid_parameter_error")
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


# ------------------------------------------------------------------------- what is no body at all


def bad_json(family: Family, problem: str) -> Failure:
    """Return the refusal of a body that is no JSON object."""
    if family == "anthropic":
        return Failure(400, f"The request body is not valid JSON: {problem}")
    if family == "native":
        text = "Required body invalid, please check the request body format."
        return Failure(400, text, code="BadRequest.IllegalInput")
    if family == "compatible":
        return Failure(400, "Required body invalid, please check the request body format.")
    return Failure(
        400,
        "We could not parse the JSON body of your request. (HINT: This likely means you aren't"
        " using your HTTP library correctly. The OpenAI API expects a JSON payload, but what was"
        f" sent was not valid JSON. {problem})",
    )


# ------------------------------------------------------------------------------ by status, and name


def simple(family: Family, status: int, *, message: str = "", model: str = "") -> Failure:
    """Return an error of a status, in the provider's words unless a message is given.

    A status of 404 is that of an unknown model.
    """
    table = _BY_FAMILY.get(family, _OPENAI)
    kind, code, text = table.get(status) or _general(family, status)
    text = text.format(model=model) if "{model}" in text else text
    if status == 404 and family == "native":
        status = 400
    if status == 404 and family == "openrouter":
        status = 400
    return Failure(status, message or text, type=kind, code=code)


def _general(family: Family, status: int) -> tuple[str, str | None, str]:
    """Return type, code and text of a status that has no line of its own."""
    words = _WORDS.get(status, "the request failed")
    if status >= 500:
        if family == "anthropic":
            return "api_error", None, "Internal server error"
        return "server_error", "InternalError" if family == "native" else None, words
    native = "InvalidParameter" if family == "native" else None
    return "invalid_request_error", native, words


_WORDS: Final = {
    401: "no valid API key was given",
    403: "access denied",
    404: "not found",
    405: "this method is not allowed here",
    413: "the request is too large",
    429: "too many requests",
    500: "an internal error has occurred",
    502: "bad gateway",
    503: "the service is unavailable",
}

_Words = tuple[str, str | None, str]

_OPENAI: Final[dict[int, _Words]] = {
    401: ("invalid_request_error", "invalid_api_key", "Incorrect API key provided."),
    404: (
        "invalid_request_error",
        "model_not_found",
        "The model `{model}` does not exist or you do not have access to it.",
    ),
    413: ("invalid_request_error", None, "The request body is too large."),
    429: ("requests", "rate_limit_exceeded", "Rate limit reached for {model}."),
    500: (
        "server_error",
        None,
        "The server had an error while processing your request. Sorry about that!",
    ),
}
_COMPATIBLE: Final[dict[int, _Words]] = {
    404: _OPENAI[404],
    413: ("invalid_request_error", None, "Payload Too Large"),
    429: (
        "limit_requests",
        "limit_requests",
        "Requests rate limit exceeded, please try again later.",
    ),
    500: (
        "internal_server_error",
        "internal_error",
        "An internal error has occured, please try again later or contact service support.",
    ),
}
_NATIVE: Final[dict[int, _Words]] = {
    401: ("", "InvalidApiKey", "Invalid API-key provided."),
    404: ("", "InvalidParameter", "Model not exist."),
    413: ("", "BadRequest.TooLarge", "Payload Too Large"),
    429: ("", "Throttling.RateQuota", "Requests rate limit exceeded, please try again later."),
    500: (
        "",
        "InternalError",
        "An internal error has occured, please try again later or contact service support.",
    ),
}
_ANTHROPIC: Final[dict[int, _Words]] = {
    401: ("authentication_error", None, "invalid x-api-key"),
    403: ("permission_error", None, "access denied"),
    404: ("not_found_error", None, "model: {model}"),
    405: ("invalid_request_error", None, "Method Not Allowed"),
    413: ("request_too_large", None, "Request exceeds the maximum size"),
    429: ("rate_limit_error", None, "This request would exceed your rate limit."),
    500: ("api_error", None, "Internal server error"),
    529: ("overloaded_error", None, "Overloaded"),
}
_OPENROUTER: Final[dict[int, _Words]] = {
    404: ("", None, "{model} is not a valid model ID"),
    429: ("", None, "Rate limit exceeded"),
}
_BY_FAMILY: Final[dict[str, dict[int, _Words]]] = {
    "anthropic": _ANTHROPIC,
    "compatible": _COMPATIBLE,
    "native": _NATIVE,
    "openai": _OPENAI,
    "openrouter": _OPENROUTER,
}
