"""Anthropic's errors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from .core import KnownFailure, page, thread

__all__ = ["ANTHROPIC", "messages_row"]

_WORDS: Final = "the words"
_PAGE: Final = page("https://platform.claude.com/docs/en/api/errors", "status and type")


def messages_row(status: int, kind: str, message: str, **more: Any) -> KnownFailure:
    """Return an error of the Messages API."""
    return KnownFailure(
        **{"status": status, "type": kind, "message": message, "shape": "anthropic", **more}
    )


ANTHROPIC: Final[Mapping[str, KnownFailure]] = {
    "no-key": messages_row(
        401,
        "authentication_error",
        "x-api-key header is required",
        source=thread("n8n-io/n8n#37930"),
    ),
    "wrong-key": messages_row(
        401,
        "authentication_error",
        "invalid x-api-key",
        source=thread("eyaltoledano/claude-task-master#222"),
    ),
    "wrong-bearer": messages_row(
        401,
        "authentication_error",
        "Invalid bearer token",
        source=thread("kubewall/kubewall#132"),
    ),
    "no-balance": messages_row(
        402,
        "billing_error",
        "Your credit balance is too low to access the API.",
        source=_PAGE,
        assumed=_WORDS,
    ),
    "denied": messages_row(
        403,
        "permission_error",
        "Your API key does not have permission to use the specified resource.",
        source=_PAGE,
        assumed="the words, which are the page's",
    ),
    "unknown-model": messages_row(
        404,
        "not_found_error",
        "model: {model}",
        source=page(
            "https://docs.claude.com/en/api/errors",
            "status and type; the words stand in the tests of many clients",
        ),
    ),
    "unknown-path": messages_row(
        404, "not_found_error", "Not Found", source=thread("danielmiessler/Fabric#1140")
    ),
    "wrong-method": messages_row(
        405,
        "invalid_request_error",
        "Method Not Allowed",
        source=_PAGE,
        assumed="status and words; the type is that of every 4xx that the page does not list",
    ),
    "no-version": messages_row(
        400,
        "invalid_request_error",
        "anthropic-version: header is required",
        source=thread("Pasta-Devs/Marinara-Engine#120"),
    ),
    "wrong-version": messages_row(
        400,
        "invalid_request_error",
        'anthropic-version: "{version}" is not a valid version',
        source=thread("directus-labs/extensions#285"),
    ),
    "bad-json": messages_row(
        400,
        "invalid_request_error",
        "The request body is not valid JSON: {problem}",
        source=thread("anthropics/claude-code#8272", "the parser's own words come last"),
    ),
    "unknown-encoding": messages_row(
        400,
        "invalid_request_error",
        "The request's Content-Encoding is not supported.",
        extra={"error_code": "request_body_encoding_unsupported"},
        source=page("https://pypi.org/project/anthropic/2.11.0/", "class, status and error_code"),
        assumed=_WORDS,
    ),
    "bad-encoding": messages_row(
        400,
        "invalid_request_error",
        "The request body is not valid for its Content-Encoding.",
        extra={"error_code": "request_body_encoding_invalid"},
        source=page("https://pypi.org/project/anthropic/2.11.0/", "class, status and error_code"),
        assumed=_WORDS,
    ),
    "too-large": messages_row(
        413,
        "request_too_large",
        "Request exceeds the maximum size",
        shape="edge",
        source=thread("anthropics/anthropic-sdk-python#938", "sent by what stands before the API"),
    ),
    "too-many-requests": messages_row(
        429,
        "rate_limit_error",
        "This request would exceed your account's rate limit. Please try again later.",
        source=thread("anthropics/claude-code#49036"),
    ),
    "timeout": messages_row(
        504,
        "timeout_error",
        "The request timed out.",
        source=page("https://pypi.org/project/anthropic/2.11.0/", "the type"),
        assumed=_WORDS,
    ),
    "server": messages_row(
        500, "api_error", "Internal server error", source=thread("anthropics/claude-code#35458")
    ),
    "overloaded": messages_row(
        529, "overloaded_error", "Overloaded", source=thread("anthropics/claude-code#35792")
    ),
}
