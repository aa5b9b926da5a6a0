"""What a cache holds for one account and model: entries at marks, and prefixes kept by themselves.

An entry is found by the hash of its prefix. Times are seconds from any moment; what is written
during a request can be read by those that start when it has ended, or later.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from .layout import common_depth

__all__ = ["Entry", "Leaf", "Shelf"]


@dataclass(slots=True)
class Entry:
    """A prefix that a mark has written.

    `ready` is when it can be read, `expires` until when; `readable` is false where no request ever
    finds it; `implicit` if the provider set the mark by itself.
    """

    digest: bytes
    depth: int
    blocks: int
    ttl: str
    ready: float
    expires: float
    readable: bool = True
    implicit: bool = False

    def is_live(self, at: float) -> bool:
        """Say whether a request that starts at a moment can read it."""
        return self.readable and self.ready <= at <= self.expires


@dataclass(slots=True)
class Leaf:
    """A whole request that was kept by itself; `replaces` is an older one that this one extends."""

    chain: Sequence[bytes]
    depth: int
    ready: float
    expires: float
    replaces: list[Leaf] = field(default_factory=list)

    @property
    def digest(self) -> bytes:
        """Return the hash of the whole request."""
        return self.chain[self.depth - 1]

    def is_live(self, at: float) -> bool:
        """Say whether a request that starts at a moment can read it."""
        return self.ready <= at <= self.expires


class Shelf:
    """The entries of one account and model."""

    def __init__(self) -> None:
        self.leaves: list[Leaf] = []
        self._at: dict[int, dict[bytes, Entry]] = {}
        self._depths: list[int] = []

    def __len__(self) -> int:
        return sum(map(len, self._at.values())) + len(self.leaves)

    def get(self, digest: bytes, depth: int) -> Entry | None:
        """Return the entry of a prefix, live or not."""
        return self._at.get(depth, {}).get(digest)

    def put(self, entry: Entry, at: float) -> None:
        """Add an entry; one of the same prefix, alive or on its way, can be read meanwhile."""
        old = self.get(entry.digest, entry.depth)
        if old is not None and old.readable and old.expires >= at:
            entry.ready = min(entry.ready, old.ready)
            entry.expires = max(entry.expires, old.expires)
        if entry.depth not in self._at:
            insort(self._depths, entry.depth)
        self._at.setdefault(entry.depth, {})[entry.digest] = entry

    def on(self, chain: Sequence[bytes], low: int, high: int, at: float) -> Iterator[Entry]:
        """Yield the live entries of a chain with a depth from `low` to `high`, deepest first.

        What has expired on the way is dropped.
        """
        first = bisect_left(self._depths, max(low, 1))
        for index in range(bisect_right(self._depths, high) - 1, first - 1, -1):
            depth = self._depths[index]
            found = self._at[depth].get(chain[depth - 1])
            if found is None:
                continue
            if found.is_live(at):
                yield found
            elif found.expires < at:
                self._drop(found)

    def _drop(self, entry: Entry) -> None:
        same = self._at[entry.depth]
        del same[entry.digest]
        if not same:
            del self._at[entry.depth]
            del self._depths[bisect_left(self._depths, entry.depth)]

    # ------------------------------------------------------------------- without marks

    def keep(self, leaf: Leaf) -> None:
        """Keep a whole request."""
        for old in self.leaves:
            if old.depth <= leaf.depth and leaf.chain[old.depth - 1] == old.digest:
                leaf.replaces.append(old)
        self.leaves.append(leaf)

    def longest(self, chain: Sequence[bytes], at: float) -> tuple[int, Leaf | None]:
        """Return how much of a chain is kept by itself, and the request that kept it."""
        self._prune(at)
        best: tuple[int, Leaf | None] = (0, None)
        for leaf in self.leaves:
            if leaf.is_live(at):
                depth = min(common_depth(leaf.chain, chain), leaf.depth)
                if depth > best[0]:
                    best = (depth, leaf)
        return best

    def _prune(self, at: float) -> None:
        passed = {id(old) for leaf in self.leaves if leaf.ready <= at for old in leaf.replaces}
        if passed or any(leaf.expires < at for leaf in self.leaves):
            self.leaves = [
                leaf for leaf in self.leaves if id(leaf) not in passed and leaf.expires >= at
            ]
        for leaf in self.leaves:
            if leaf.ready <= at:
                leaf.replaces.clear()
