"""What must not be kept: the values of headers and query parameters that are secrets, masked."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final
from urllib.parse import parse_qsl, urlencode

__all__ = ["masked_headers", "masked_query"]

_SECRET: Final = ("auth", "key", "token", "secret", "cookie", "password", "signature", "credential")
_MASK: Final = "***"


def masked_headers(headers: Iterable[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
    """Return headers with small names, the values of secrets masked."""
    return tuple(
        (name.lower(), _masked(value) if _is_secret(name) else value) for name, value in headers
    )


def masked_query(query: str) -> str:
    """Return a query string with the values of secrets masked."""
    pairs = parse_qsl(query, keep_blank_values=True)
    if not any(_is_secret(name) for name, _ in pairs):
        return query
    return urlencode([(name, _MASK if _is_secret(name) else value) for name, value in pairs])


def _is_secret(name: str) -> bool:
    return any(word in name.lower() for word in _SECRET)


def _masked(value: str) -> str:
    """Keep the scheme of an authorization."""
    scheme, space, _ = value.partition(" ")
    return f"{scheme} {_MASK}" if space and scheme in ("Bearer", "Basic") else _MASK
