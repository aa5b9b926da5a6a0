"""A request and its answer as they went by: bytes, up to a limit, and times. Judges nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

__all__ = ["Exchange", "Kept", "Pairs", "pairs_of"]

Pairs: TypeAlias = tuple[tuple[str, str], ...]


class Kept:
    """Bytes that go by, of which the first `most` are kept."""

    def __init__(self, most: int) -> None:
        self.most = most
        self.size = 0
        self._pieces: list[bytes] = []

    def add(self, piece: bytes) -> None:
        """Keep a piece, as far as there is room."""
        room = self.most - self.size
        self.size += len(piece)
        if room > 0:
            self._pieces.append(piece[:room])

    @property
    def is_cut(self) -> bool:
        """Say whether more went by than is kept."""
        return self.size > self.most

    @property
    def weight(self) -> int:
        """Return how many bytes are kept."""
        return min(self.size, self.most)

    def data(self) -> bytes:
        """Return what is kept."""
        return b"".join(self._pieces)


@dataclass(slots=True, repr=False)  # it has secrets
class Exchange:
    """One request to a host, and what came back.

    host: of the service, without a port; path, query: as they were sent to it
    status: 0 as long as there is no answer; error: why there is none, or none to its end
    ended: the answer was sent to its end; at, ends_at: in seconds of the recording's clock
    weight: bytes that were kept of it when it ended
    """

    at: float
    method: str
    host: str
    path: str
    query: str
    headers: Pairs
    request: Kept
    response: Kept
    response_headers: Pairs = ()
    status: int = 0
    error: str = ""
    ended: bool = False
    ends_at: float | None = None
    weight: int = 0

    def header(self, name: str) -> str:
        """Return the value of a header of the request, empty if it is not there."""
        return _value(self.headers, name)

    def response_header(self, name: str) -> str:
        """Return the value of a header of the answer, empty if it is not there."""
        return _value(self.response_headers, name)


def pairs_of(raw: Sequence[tuple[bytes, bytes]]) -> Pairs:
    """Return headers as texts, names in small letters."""
    return tuple((name.decode("latin-1").lower(), text.decode("latin-1")) for name, text in raw)


def _value(pairs: Pairs, name: str) -> str:
    return next((text for key, text in pairs if key == name), "")
