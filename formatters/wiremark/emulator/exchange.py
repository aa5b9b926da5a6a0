"""A request as it came, with whose key it bears, and what is sent for it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

from ..traffic.services import host_before
from .scenario import ECHO, Reply

if TYPE_CHECKING:
    from ..traffic.records import Record

__all__ = ["HOST", "Answer", "Arrived", "account_of", "addressed"]

HOST: Final = "x-wiremark-host"
"""The header that names the service behind a path that many have."""


@dataclass(frozen=True, slots=True)
class Arrived:
    """A request as it came; `too_large` if its body was not kept for its size."""

    method: str
    path: str
    query: str = ""
    headers: Sequence[tuple[str, str]] = ()
    raw: bytes = b""
    too_large: bool = False

    def header(self, name: str) -> str | None:
        """Return the value of a header."""
        return next((value for key, value in self.headers if key.lower() == name), None)


@dataclass(slots=True)
class Answer:
    """What is sent: `events` of a stream, else `body`.

    delay, pause: seconds before it, and between two events
    sent: what was sent of it so far; `finish` is called when nothing more will be
    """

    record: Record
    status: int
    body: bytes = b""
    events: Iterator[str] | None = None
    headers: dict[str, str] = field(default_factory=dict)
    reply: Reply = ECHO
    delay: float = 0.0
    pause: float = 0.0
    sent: list[bytes] = field(default_factory=list)
    finish: Callable[[], None] = lambda: None


def addressed(arrived: Arrived) -> Arrived:
    """Return a request whose path begins with a host as one that names it in a header."""
    host, path = host_before(arrived.path)
    if host is None:
        return arrived
    return replace(arrived, path=path, headers=[*arrived.headers, (HOST, host)])


def account_of(arrived: Arrived) -> str:
    """Return a name for the owner of the key, from which the key cannot be told."""
    key = arrived.header("authorization") or arrived.header("x-api-key") or ""
    scheme, _, bearer = key.strip().partition(" ")
    key = bearer.strip() if scheme.lower() == "bearer" else key.strip()
    return hashlib.sha256(key.encode()).hexdigest()[:16] if key else ""
