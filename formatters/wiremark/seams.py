"""Where a lower floor reaches a higher one without importing it.

A formatter (floor 4) may be asked to validate what it built, and validation (floor 5) stands above
it. The formatter calls `validate_body`; the package's `__init__`, which stands outside the floors,
fills it. It calls `request_built` too, where a block of code has filled it to see its requests. A
slot holds a callable or `None`, never data, and this module knows no other floor.
"""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from wiremark.findings import Finding

__all__ = ["request_built", "validate_body"]

validate_body: Callable[..., tuple[Finding, ...]] | None = None
"""Validate a request body: `validate_body(protocol, body, *, model, host, rules)`; `None` until
filled."""

request_built: ContextVar[Callable[[Any, Any, str | None], None] | None] = ContextVar(
    "wiremark_request_built", default=None
)
"""Is told of each request of this context: `request_built(formatter, request, model)`."""
