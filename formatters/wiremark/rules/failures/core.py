"""What is known of an error: status, words, type, code, and what stands around them.

Knows no provider, no request and no server; the rows stand in the modules beside it. A row is what
was recorded of one answer, with `{fields}` to fill in. What a rule of the validator refuses has its
words in `CacheRules.error_texts`, not here. What of a row was recorded nowhere stands under
`assumed`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal, TypeAlias

from ..core import FrozenMap, Source

__all__ = ["SHAPES", "STATUS_NAMES", "KnownFailure", "Shape", "page", "thread"]

Shape: TypeAlias = Literal[
    "openai", "gateway", "model", "native", "anthropic", "edge", "openrouter", "anonymous"
]
"""How a body is built, see `SHAPES`."""

SHAPES: Final[Mapping[Shape, tuple[str, ...]]] = {
    "openai": ("error.message", "error.type", "error.param", "error.code"),
    "gateway": ("error.message", "error.type", "error.param", "error.code", "request_id"),
    "model": ("error.message", "error.type", "error.param", "error.code", "id", "request_id"),
    "native": ("code", "message", "request_id"),
    "anthropic": ("type", "error.type", "error.message", "error.details", "request_id"),
    "edge": ("error.type", "error.message"),
    "openrouter": ("error.message", "error.code", "error.metadata", "user_id"),
    "anonymous": ("error.message", "error.code", "error.metadata"),
}
"""The keys of a body in the order in which they were recorded; `error.x` is `x` within `error`.

`gateway` and `model` are DashScope's compatible mode, before a model is reached and from there on.
`edge` is what stands before Anthropic; `anonymous` is OpenRouter before it knows who asks.
`details` and `metadata` are left out where there are none.
"""

STATUS_NAMES: Final[Mapping[int, str]] = {
    401: "wrong-key",
    402: "no-balance",
    403: "denied",
    404: "unknown-model",
    405: "wrong-method",
    408: "timeout",
    413: "too-large",
    415: "unknown-encoding",
    429: "too-many-requests",
    500: "server",
    503: "unavailable",
    504: "timeout",
    529: "overloaded",
}
"""Which row a status alone stands for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownFailure:
    """An error as a provider sends it.

    message: its words, with `{model}`, `{method}`, `{path}`, `{version}`, `{problem}` and
      `{request_id}` to fill in
    type, code, param: as the provider writes them; OpenRouter's `code` is the status
    extra: what stands under `metadata` or `details`
    source: where it was recorded, `None` if nowhere; assumed: what of it was not recorded
    """

    status: int
    message: str
    shape: Shape
    type: str = "invalid_request_error"
    code: str | None = None
    param: str | None = None
    extra: Mapping[str, Any] = field(default_factory=FrozenMap)
    source: Source | None = None
    assumed: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "extra", FrozenMap(self.extra))


_READ: Final = "2026-11-21"


def thread(where: str, note: str = "") -> Source:
    """Return the source of what was recorded in a thread, named as `owner/name#1`."""
    repository, _, number = where.partition("#")
    return Source(f"https://github.com/{repository}/issues/{number}", _READ, note)


def page(url: str, note: str = "") -> Source:
    """Return the source of what stands in a page."""
    return Source(url, _READ, note)
