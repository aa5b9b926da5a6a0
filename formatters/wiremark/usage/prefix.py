"""What `CacheWatch` keeps of a request: its pieces in prefix order, and its marks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..prefix import Marker, Piece, common_pieces, mark_ends, read_context
from ..rules import CacheRules

__all__ = ["Mark", "Prefix", "read_prefix"]


@dataclass(frozen=True, slots=True)
class Mark:
    """A marker, its path, and the number of pieces in front of its end."""

    marker: Marker
    path: str
    end: int


@dataclass(frozen=True, slots=True)
class Prefix:
    """The pieces of a body in prefix order, tools first, and its marks."""

    pieces: tuple[Piece, ...]
    marks: tuple[Mark, ...]

    def common(self, other: Prefix) -> int:
        """Return how many pieces are equal from the start."""
        return common_pieces(self.pieces, other.pieces)

    def blocks(self, start: int, end: int) -> int:
        """Return how many blocks lie from one end to another."""
        return self._blocks_to(end) - self._blocks_to(start)

    def share(self, end: int) -> float:
        """Return the share of the characters that stands in front of an end, 0 to 1."""
        sizes = [len(piece.text) for piece in self.pieces]
        return sum(sizes[:end]) / max(1, sum(sizes))

    def _blocks_to(self, end: int) -> int:
        return self.pieces[end - 1].blocks if end else 0


def read_prefix(body: Mapping[str, Any], rules: CacheRules, form: str | None = None) -> Prefix:
    """Return the pieces and marks of a request body; its form is by default the rules' protocol."""
    ctx = read_context(body, form=form or rules.protocol, rules=rules, foreign=True)
    ends = mark_ends(ctx, ctx.markers)
    marks = (
        Mark(marker, _path_of(marker), end) for marker, end in zip(ctx.markers, ends, strict=True)
    )
    return Prefix(ctx.pieces, tuple(marks))


def _path_of(marker: Marker) -> str:
    own = marker.where in ("request", "nested") or marker.key == "cache_point"
    return marker.path if own else f"{marker.path}.{marker.key}"
