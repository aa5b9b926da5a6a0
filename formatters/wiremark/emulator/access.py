"""Who may ask, in which version, and in which encoding: what is looked at before the body is read.

Any key is taken unless some are named. Whether Anthropic or DashScope look at the key before the
version and the body was not recorded; here they do.
"""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Callable, Iterable
from typing import Final

from ..traffic.services import Family
from ..validation.registry import SPEAKS
from .failures import Failure, known

__all__ = ["Keys", "decoded", "version_refusal"]

_VERSION: Final = "anthropic-version"
_BEFORE: Final = "2023-01-01"
"""The version before those that have a schema, which is still taken.

Source: https://platform.claude.com/docs/en/api/versioning, read 2026-11-21.
"""

_WINDOW: Final = {"gzip": 31, "x-gzip": 31, "deflate": 15}
"""What `zlib` calls the encodings that it reads."""


class Keys:
    """The keys that are taken, of which none can be told from this object; `None` takes any."""

    def __init__(self, keys: Iterable[str] | None) -> None:
        self._taken = None if keys is None else frozenset(_digest(key) for key in keys)

    def refusal(self, header: Callable[[str], str | None], family: Family) -> Failure | None:
        """Return the error for a request that brings none of the keys, `None` if it brings one.

        A key stands in `Authorization: Bearer`, for the Messages API in `x-api-key` as well.
        """
        if self._taken is None:
            return None
        messages = family in ("anthropic", "dashscope-messages")
        own = (header("x-api-key") or "").strip() if messages else ""
        scheme, _, bearer = (header("authorization") or "").strip().partition(" ")
        bearer = bearer.strip() if scheme.lower() == "bearer" else ""
        if any(key and _digest(key) in self._taken for key in (own, bearer)):
            return None
        if own or not bearer:
            return known(family, "wrong-key" if own else "no-key")
        return known(family, "wrong-bearer")


def _digest(key: str) -> bytes:
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).digest()


def version_refusal(headers: Iterable[tuple[str, str]]) -> Failure | None:
    """Return Anthropic's error for the version that headers ask for, `None` if it has that one.

    A header that is there twice counts as one with both values.
    """
    version = ", ".join(value for key, value in headers if key.lower() == _VERSION)
    if not version:
        return known("anthropic", "no-version")
    if version != _BEFORE and f"anthropic-{version}" not in SPEAKS:
        return known("anthropic", "wrong-version", version=version)
    return None


def decoded(raw: bytes, encoding: str, most: int, family: Family) -> bytes | Failure:
    """Return a body as it was before `Content-Encoding`, or why that is not to be had.

    Anthropic decodes bodies (its SDK knows the errors). Of the others nobody was seen to say; here
    they do too. Nothing grows beyond `most` bytes.
    """
    names = [name for name in (each.strip().lower() for each in encoding.split(",")) if name]
    for name in reversed(names):
        if name == "identity":
            continue
        if name not in _WINDOW:
            return known(family, "unknown-encoding", problem=name)
        unpacked = _unpacked(raw, _WINDOW[name], most)
        if unpacked is None:
            return known(family, "bad-encoding", problem=name)
        raw = unpacked
        if len(raw) > most:
            return known(family, "too-large")
    return raw


def _unpacked(raw: bytes, window: int, most: int) -> bytes | None:
    """Return the bytes, one more than `most` if there are more, `None` if they are broken."""
    machine = zlib.decompressobj(window)
    try:
        out = machine.decompress(raw, most + 1)
    except zlib.error:
        return None
    return out if machine.eof or len(out) > most else None
