"""Messages that requests have in common are made the same objects, so that they are held once.

What is the same object need not be compared, read or counted again.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from itertools import compress, count
from operator import is_not
from typing import Any, Final

__all__ = ["Sharing", "alike", "common_items"]

_KEPT: Final = 4
"""How many earlier lists are looked at: as many conversations may take turns in a trace."""


class Sharing:
    """Puts what earlier lists begin with in place of what is equal in later ones."""

    def __init__(self) -> None:
        self._kept: deque[list[Any]] = deque(maxlen=_KEPT)

    def share(self, items: list[Any]) -> None:
        """Change a list in place; the list is kept."""
        best, at = 0, -1
        for index, other in enumerate(self._kept):  # the latest stands first
            common = common_items(items, other)
            if common > best:
                best, at = common, index
            if best == len(other):
                break
        if best:
            kept = self._kept[at]
            items[:best] = kept[:best]
            if best == len(kept):
                del self._kept[at]
        self._kept.appendleft(items)


def common_items(one: Sequence[Any], other: Sequence[Any]) -> int:
    """Return how many items two lists have in common from their start."""
    length = min(len(one), len(other))
    at = next(compress(count(), map(is_not, one, other)), length)
    while at < length and alike(one[at], other[at]):
        at += 1
    return at


def alike(one: Any, other: Any) -> bool:
    """Say whether two values are the same JSON text: equal, and keys in the same order."""
    return one is other or (one == other and _in_order(one, other))


def _in_order(one: Any, other: Any) -> bool:
    """Say whether equal values have their keys in the same order, and values of the same types."""
    if isinstance(one, dict) and isinstance(other, dict):
        if list(one) != list(other):
            return False
        pairs = zip(one.values(), other.values(), strict=True)
    elif isinstance(one, list) and isinstance(other, list):
        pairs = zip(one, other, strict=True)
    else:
        return type(one) is type(other)
    for mine, theirs in pairs:
        if mine is theirs or type(mine) is str is type(theirs):
            continue  # most of a message; equal already
        if not _in_order(mine, theirs):
            return False
    return True
