"""OpenAI's errors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from .core import KnownFailure, page, thread

__all__ = ["OPENAI"]

_WORDS: Final = "the words"


def _openai(status: int, message: str, **more: Any) -> KnownFailure:
    return KnownFailure(status=status, message=message, shape="openai", **more)


OPENAI: Final[Mapping[str, KnownFailure]] = {
    "no-key": _openai(
        401,
        "You didn't provide an API key. You need to provide your API key in an Authorization"
        " header using Bearer auth (i.e. Authorization: Bearer YOUR_KEY), or as the password field"
        " (with blank username) if you're accessing the API from your browser and are prompted for"
        " a username and password. You can obtain an API key from"
        " https://platform.openai.com/account/api-keys.",
        source=thread("openai/openai-node#73"),
    ),
    "wrong-key": _openai(
        401,
        "Incorrect API key provided: ***. You can find your API key at"
        " https://platform.openai.com/account/api-keys.",
        code="invalid_api_key",
        source=thread("continuedev/continue#11409", "parts of the key stand where *** is"),
    ),
    "denied": _openai(403, "You are not allowed to do this.", assumed=_WORDS),
    "no-balance": _openai(
        429,
        "You exceeded your current quota, please check your plan and billing details.",
        type="insufficient_quota",
        code="insufficient_quota",
        source=thread("Afool4U/MIGPT#11"),
    ),
    "unknown-model": _openai(
        404,
        "The model `{model}` does not exist or you do not have access to it.",
        code="model_not_found",
        source=thread("shobrook/wut#14"),
    ),
    "unknown-path": _openai(
        404,
        "Invalid URL ({method} {path})",
        source=thread("harry0703/MoneyPrinterTurbo#57"),
    ),
    "wrong-method": _openai(
        405,
        "Not allowed to {method} on {path}. (HINT: Perhaps you meant to use a different HTTP"
        " method?)",
        source=page(
            "https://github.com/nomic-ai/gpt4all/blob/main/gpt4all-chat/tests/python/"
            "test_server_api.py",
            "a server that repeats OpenAI's words",
        ),
    ),
    "bad-json": _openai(
        400,
        "We could not parse the JSON body of your request. (HINT: This likely means you aren't"
        " using your HTTP library correctly. The OpenAI API expects a JSON payload, but what was"
        " sent was not valid JSON. If you have trouble figuring out how to fix this, please contact"
        " us through our help center at help.openai.com.)",
        source=thread("ChatGPTNextWeb/NextChat#4064"),
    ),
    "unknown-encoding": _openai(
        415, "Unsupported Content-Encoding: {problem}.", assumed="status and words"
    ),
    "too-large": _openai(413, "The request body is too large.", assumed="status and words"),
    "too-many-requests": _openai(
        429,
        "Rate limit reached for {model} in organization org-emulated on requests per min (RPM):"
        " Limit 3, Used 3, Requested 1. Please try again in 20s. Visit"
        " https://platform.openai.com/account/rate-limits to learn more.",
        type="requests",
        code="rate_limit_exceeded",
        source=thread("OpenBMB/ChatDev#26"),
        assumed="the type, which is recorded for tokens only, as `tokens`",
    ),
    "too-many-tokens": _openai(
        429,
        "Rate limit reached for {model} in organization org-emulated on tokens per min (TPM):"
        " Limit 10000, Used 9348, Requested 5086. Please try again in 26.604s. Visit"
        " https://platform.openai.com/account/rate-limits to learn more.",
        type="tokens",
        code="rate_limit_exceeded",
        source=thread("rotemweiss57/gpt-newspaper#10"),
    ),
    "timeout": _openai(504, "The request timed out.", type="server_error", assumed=_WORDS),
    "server": _openai(
        500,
        "The server had an error processing your request. Sorry about that! You can retry your"
        " request, or contact us through our help center at help.openai.com if you keep seeing this"
        " error. (Please include the request ID {request_id} in your email.)",
        type="server_error",
        source=thread("openai/openai-cua-sample-app#54"),
    ),
    "unavailable": _openai(
        503,
        "The engine is currently overloaded, please try again later.",
        type="server_error",
        assumed=_WORDS,
    ),
}
