"""OpenRouter's errors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from .core import KnownFailure, page, thread

__all__ = ["OPENROUTER"]

_WORDS: Final = "the words"
_PAGE: Final = page("https://openrouter.ai/docs/api-reference/errors", "codes, and what they mean")


def _router(status: int, message: str, **more: Any) -> KnownFailure:
    return KnownFailure(**{"status": status, "message": message, "shape": "openrouter", **more})


OPENROUTER: Final[Mapping[str, KnownFailure]] = {
    "no-key": _router(
        401,
        "No auth credentials found",
        shape="anonymous",
        source=thread("musistudio/claude-code-router#227"),
    ),
    "wrong-key": _router(
        401,
        "User not found.",
        shape="anonymous",
        source=thread("apurvsinghgautam/robin#103"),
    ),
    "no-balance": _router(
        402,
        "Insufficient credits. Add more using https://openrouter.ai/settings/credits",
        extra={
            "limit_source": "openrouter_credits",
            "remedy_hint": (
                "Add credits at https://openrouter.ai/settings/credits, or lower max_tokens /"
                " prompt size to fit your remaining balance."
            ),
        },
        shape="anonymous",
        source=thread("open-assistant-org/open-assistant#80"),
    ),
    "denied": _router(
        403, "Access denied.", source=_PAGE, assumed="words, and what is beside them"
    ),
    "moderated": _router(
        403,
        "Your chosen model requires moderation and your input was flagged",
        extra={
            "reasons": ("emulated",),
            "flagged_input": "...",
            "provider_name": "emulated",
            "model_slug": "{model}",
        },
        source=_PAGE,
        assumed="the words, which are the page's, and the values",
    ),
    "unknown-model": _router(
        400, "{model} is not a valid model ID", source=thread("sipeed/picoclaw#1790")
    ),
    "unknown-path": _router(404, "Not Found", shape="anonymous", assumed="the body"),
    "wrong-method": _router(405, "Method Not Allowed", shape="anonymous", assumed="the body"),
    "bad-json": _router(400, "Invalid JSON body: {problem}", source=_PAGE, assumed=_WORDS),
    "unknown-encoding": _router(
        415, "Unsupported Content-Encoding: {problem}.", assumed="status and words"
    ),
    "too-large": _router(413, "Payload Too Large", assumed="status and words"),
    "too-many-requests": _router(
        429,
        "Provider returned error",
        extra={
            "raw": "{model} is temporarily rate-limited upstream. Please retry shortly, or add"
            " your own key to accumulate your rate limits: https://openrouter.ai/settings/integrations",
            "provider_name": "emulated",
            "limit_source": "upstream_provider_shared_pool",
            "remedy_hint": "Retry shortly, add your own provider key, or route to another provider",
        },
        source=thread("open-webui/computer#293"),
        assumed="the address at the end of `raw`, which the record leaves out",
    ),
    "timeout": _router(
        408, "Your request timed out", source=_PAGE, assumed="the words, the page's"
    ),
    "server": _router(500, "Internal Server Error", source=_PAGE, assumed="status and words"),
    "unavailable": _router(
        503,
        "There is no available model provider that meets your routing requirements",
        source=_PAGE,
        assumed="the words, which are the page's",
    ),
}
