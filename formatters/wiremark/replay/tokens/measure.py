"""Pieces of a prompt and what counts their tokens: a vocabulary, a function, or the estimate.

A prompt is a row of segments, each of which ends where a content block ends. A vocabulary merges
letters over such an end, so texts that touch are counted together, and an end inside of a token is
what the text up to it comes to. Nothing here knows a template or a provider.
"""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import Final, Protocol, TypeAlias

from ...estimate import BAND, Tokens, estimate_tokens

__all__ = [
    "UNKNOWN",
    "EstimateMeter",
    "FunctionMeter",
    "Meter",
    "Part",
    "Segment",
    "VocabularyMeter",
    "measure",
    "widened",
]

Part: TypeAlias = str | Tokens
"""Text of the prompt, or a stretch of it that is known by its number of tokens alone.

Such a stretch begins and ends where a vocabulary never merges.
"""

Segment: TypeAlias = tuple[tuple[Part, ...], str]
"""The parts up to the end of a block, and the block's path."""

UNKNOWN: Final = Tokens(0, float("inf"), 0)
"""A medium whose tokens nobody tells."""

_ZERO: Final = Tokens.exactly(0)


class Meter(Protocol):
    """Counts the tokens of texts."""

    @property
    def exact(self) -> bool:
        """Say whether counts are those of the vocabulary itself."""
        ...

    @property
    def error(self) -> tuple[float, float]:
        """Return between which multiples of a count the true one lies."""
        ...

    def count(self, text: str) -> int:
        """Return the tokens of one text."""
        ...

    def split(self, pieces: Sequence[str]) -> list[Tokens]:
        """Return what each of the pieces adds to one text that they are joined to."""
        ...


def measure(meter: Meter, segments: Sequence[Segment]) -> list[Tokens]:
    """Return the tokens that each segment adds."""
    added = [_ZERO] * len(segments)
    pieces: list[str] = []
    owners: list[int] = []
    for index, (parts, _) in enumerate(segments):
        for part in parts:
            if isinstance(part, str):
                pieces.append(part)
                owners.append(index)
                continue
            _flush(meter, pieces, owners, added)
            added[index] += part
    _flush(meter, pieces, owners, added)
    return added


def _flush(meter: Meter, pieces: list[str], owners: list[int], added: list[Tokens]) -> None:
    if not pieces:
        return
    joined: list[str] = []
    into: list[int] = []
    for piece, owner in zip(pieces, owners, strict=True):
        if into and into[-1] == owner:
            joined[-1] += piece
        else:
            joined.append(piece)
            into.append(owner)
    for owner, tokens in zip(into, meter.split(joined), strict=True):
        added[owner] += tokens
    pieces.clear()
    owners.clear()


def widened(tokens: Tokens, least: float, most: float) -> Tokens:
    """Return a number whose band is that many times as wide to each side."""
    return Tokens(tokens.low * least, tokens.high * most, tokens.estimate)


@dataclass(frozen=True, slots=True)
class EstimateMeter:
    """Counts by `wiremark.estimate`; without a vocabulary for any of those that it knows.

    `stretch` multiplies the upper end of the band, for a vocabulary that is known to spend more.
    """

    vocabulary: str | None = None
    stretch: float = 1.0

    @property
    def exact(self) -> bool:
        """Say no."""
        return False

    @property
    def error(self) -> tuple[float, float]:
        """Return the band of one vocabulary; over all of them it depends on the text."""
        return (BAND[0], BAND[1] * self.stretch)

    def count(self, text: str) -> int:
        """Return the estimate."""
        return round(estimate_tokens(text, self.vocabulary).estimate)

    def split(self, pieces: Sequence[str]) -> list[Tokens]:
        """Return the estimate of each piece."""
        estimates = [estimate_tokens(piece, self.vocabulary) for piece in pieces]
        if self.stretch == 1.0:
            return estimates
        return [widened(tokens, 1.0, self.stretch) for tokens in estimates]


@dataclass(frozen=True, slots=True)
class FunctionMeter:
    """Counts with the caller's function, each piece for itself."""

    function: Callable[[str], int]
    error: tuple[float, float] = (1.0, 1.0)

    @property
    def exact(self) -> bool:
        """Say whether the caller says so."""
        return self.error == (1.0, 1.0)

    def count(self, text: str) -> int:
        """Return what the function says."""
        return self.function(text)

    def split(self, pieces: Sequence[str]) -> list[Tokens]:
        """Return the count of each piece."""
        counts = [self.function(piece) if piece else 0 for piece in pieces]
        return [widened(Tokens.exactly(count), *self.error) for count in counts]


class VocabularyMeter:
    """Counts with a vocabulary: exactly, and each text once.

    `encode` returns the tokens of a text as they are, `added` are the texts that are one token
    wherever they stand. What was counted is kept as long as the meter.
    """

    exact = True
    error = (1.0, 1.0)

    def __init__(self, encode: Callable[[str], Sequence[int]], added: Sequence[str] = ()) -> None:
        self._encode = encode
        self._added = re.compile("|".join(map(re.escape, added))) if added else None
        self._counts: dict[str, int] = {"": 0}

    def count(self, text: str) -> int:
        """Return the tokens of one text."""
        known = self._counts.get(text)
        if known is None:
            known = self._counts[text] = len(self._encode(text))
        return known

    def split(self, pieces: Sequence[str]) -> list[Tokens]:
        """Return what each of the pieces adds to the text that they are joined to."""
        if len(pieces) == 1:
            return [Tokens.exactly(self.count(pieces[0]))]
        text = "".join(pieces)
        spans = [match.span() for match in self._added.finditer(text)] if self._added else []
        ends: list[int] = []
        counted = start = 0
        for end in accumulate(map(len, pieces)):
            cut = _cut(text, start, end, spans)
            counted += self.count(text[start:cut])
            start = cut
            ends.append(counted + self.count(text[start:end]))
        # An end inside of a token: what the text up to it comes to alone, at most all that follows.
        for index in range(len(ends) - 2, -1, -1):
            ends[index] = min(ends[index], ends[index + 1])
        return [Tokens.exactly(end - before) for before, end in pairwise([0, *ends])]


def _cut(text: str, start: int, end: int, spans: Sequence[tuple[int, int]]) -> int:
    """Return the last place up to `end` over which no token reaches, else `start`.

    Such places are: the whole text's end, either side of an added token, between a letter and what
    is neither letter, mark nor apostrophe, and between a newline and what is neither white space
    nor a slash. The patterns of Qwen and OpenAI (2026-11) all part a text there.
    """
    if end == len(text):
        return end
    for place in range(end, start, -1):
        before, after = text[place - 1], text[place]
        index = bisect_right(spans, (place, -1))
        inside = index > 0 and spans[index - 1][1] > place
        beside = (index > 0 and spans[index - 1][1] == place) or (
            index < len(spans) and spans[index][0] == place
        )
        if inside:
            continue
        if beside or (before == "\n" and after != "/" and not after.isspace()):
            return place
        if before.isalpha() and after != "'" and unicodedata.category(after)[0] not in "LM":
            return place
    return start
