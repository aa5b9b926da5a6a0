"""A body as keyword arguments of a method that knows some of its fields, and refuses others.

Shared by the adapters to SDKs of one generator, which take what they do not know as `extra_body`.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from ..base import Request

__all__ = ["as_arguments"]

_OF_THE_SDK: Final = frozenset({"self", "extra_body", "extra_headers", "extra_query", "timeout"})


def as_arguments(
    request: Request, method: Callable[..., Any], *, beside: frozenset[str] = frozenset()
) -> dict[str, Any]:
    """Return arguments of a method that send all of a request.

    Fields that the method does not name, and those in `beside`, go into `extra_body`. Of a stream
    helper, which streams by itself, `stream` is no argument and is left out.
    """
    named = inspect.signature(method).parameters.keys() - _OF_THE_SDK
    helper = "stream" not in named
    out: dict[str, Any] = {}
    extra: dict[str, Any] = {}
    for name, value in request.body.items():
        if name in named and name not in beside:
            out[name] = value
        elif not (helper and name == "stream"):
            extra[name] = value
    if extra:
        out["extra_body"] = extra
    if request.headers:
        out["extra_headers"] = dict(request.headers)
    if request.query:
        out["extra_query"] = dict(request.query)
    return out
