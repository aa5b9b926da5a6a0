"""What the page draws, as compact JSON that cannot leave its script element.

Rows are arrays, texts stand once in a table and are named by their place in it. Texts of messages
are hostile input: `<`, `>` and `&` are written as escapes, so no end tag can appear.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from typing import Any

from ..model import Replay, ReplayRow
from .figures import amount, clock, saving, share
from .palette import MISS_LETTERS, MISS_WORDS

__all__ = ["embedded"]

_LONGEST = 4000
"""Longer excerpts are cut, and say so."""

_ESCAPES = str.maketrans(
    {"<": "\\u003c", ">": "\\u003e", "&": "\\u0026", "\u2028": "\\u2028", "\u2029": "\\u2029"}
)


def embedded(replays: Sequence[Replay]) -> str:
    """Return the data of the page as JSON in ASCII, safe within a script element."""
    texts = _Texts()
    data = {
        "codes": list(MISS_WORDS),
        "words": list(MISS_WORDS.values()),
        "letters": [MISS_LETTERS[code] for code in MISS_WORDS],
        "replays": [_replay(replay, texts) for replay in replays],
        "texts": texts.all,
    }
    text = json.dumps(data, ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    return text.translate(_ESCAPES)


class _Texts:
    """Texts in order of their first use; the empty text is number 0."""

    def __init__(self) -> None:
        self.all: list[str] = [""]
        self._places: dict[str, int] = {"": 0}

    def place(self, text: str | None) -> int:
        text = text or ""
        if len(text) > _LONGEST:
            text = f"{text[:_LONGEST]} … ({len(text) - _LONGEST:,} more characters)"
        found = self._places.setdefault(text, len(self.all))
        if found == len(self.all):
            self.all.append(text)
        return found


def _replay(replay: Replay, texts: _Texts) -> dict[str, Any]:
    start = replay.rows[0].at if replay.rows else 0.0
    return {
        "policy": texts.place(replay.policy),
        "arm": replay.arm,
        "cost": texts.place(_cost(replay)),
        "rows": [_row(row, start, texts) for row in replay.rows],
    }


def _cost(replay: Replay) -> str:
    saved = saving(replay.amounts, replay.uncached)
    less = "" if saved is None else f", {share(saved)} saved"
    return f"cost {amount(replay.amounts)}{less}"


def _row(row: ReplayRow, start: float, texts: _Texts) -> list[Any]:
    """Return one request; report.js reads it by position."""
    miss = row.miss
    codes = list(MISS_WORDS)
    reported = row.reported
    return [
        row.index,
        texts.place(clock(row.at - start)),
        _number(row.input),
        _number(row.read),
        _number(row.written),
        _number(row.fresh),
        _number(row.common),
        texts.place(amount(row.amounts)),
        texts.place(row.model),
        texts.place(row.place),
        [
            [_number(mark.tokens), texts.place(mark.ttl), texts.place(mark.path)]
            for mark in row.marks
        ],
        0
        if miss is None
        else [
            codes.index(miss.code) if miss.code in codes else len(codes) - 1,
            texts.place(miss.sentence),
            texts.place(miss.path),
            texts.place(miss.before),
            texts.place(miss.after),
        ],
        0
        if reported is None or not reported.reported
        else [reported.input, reported.cache_read, reported.cache_write],
    ]


def _number(value: float) -> float:
    """Return a whole number where it is one, else one decimal; nothing that JSON has not."""
    if not math.isfinite(value):
        return 0
    return int(value) if value == int(value) else round(value, 1)
