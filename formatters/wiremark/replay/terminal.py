"""A replay in plain text: a sparkline, and the rows worth showing where there is little room.

Returns text only; knows no terminal library. Control characters of the trace are replaced, so
that no message can steer the terminal.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Final

from .model import Replay, ReplayRow
from .report.figures import amount, share, tokens

__all__ = ["COMPACT_HEADER", "compact_rows", "sparkline"]

COMPACT_HEADER: Final = (
    "request",
    "input",
    "read",
    "written",
    "fresh",
    "hit rate",
    "cost",
    "reason",
)
"""What the columns of `compact_rows` are; all but the last hold figures."""

_LEVELS: Final = "▁▂▃▄▅▆▇█"
_NOTHING: Final = "·"
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069]+")


def sparkline(
    values: Iterable[float | None], *, top: float | None = None, width: int | None = None
) -> str:
    """Return one character a value, from `▁` for nothing to `█` for `top`; `·` for `None`.

    top: what is drawn full; the largest value if not given
    width: at most so many characters, each then the mean of several neighbours
    """
    points = _means(list(values), width)
    known = [value for value in points if value is not None]
    full = max(known, default=0.0) if top is None else top
    return "".join(_NOTHING if value is None else _level(value, full) for value in points)


def _level(value: float, full: float) -> str:
    if full <= 0 or value <= 0:
        return _LEVELS[0]
    return _LEVELS[min(len(_LEVELS) - 1, int(value / full * len(_LEVELS)))]


def _means(values: Sequence[float | None], width: int | None) -> Sequence[float | None]:
    count = len(values)
    if width is None or count <= max(width, 1):
        return values
    width = max(width, 1)
    means: list[float | None] = []
    for place in range(width):
        members = values[place * count // width : (place + 1) * count // width]
        known = [value for value in members if value is not None]
        means.append(sum(known) / len(known) if known else None)
    return means


def compact_rows(replay: Replay, limit: int = 12) -> list[tuple[str, ...]]:
    """Return at most `limit` requests: the first, those that lost most, and the last, in order.

    Lost is what the request before held and this one did not read. Where requests are left out, a
    row of `…` and their number stands between; it does not count towards `limit`.
    """
    chosen = _chosen(replay.rows, limit)
    lines: list[tuple[str, ...]] = []
    before = -1
    for place in chosen:
        if place - before > 1:
            lines.append(_gap(place - before - 1))
        lines.append(_line(replay.rows[place]))
        before = place
    left = len(replay.rows) - 1 - before
    if left:
        lines.append(_gap(left))
    return lines


def _chosen(rows: Sequence[ReplayRow], limit: int) -> list[int]:
    if len(rows) <= limit:
        return list(range(len(rows)))
    kept = [0, len(rows) - 1][: max(limit, 0)]
    worst = sorted(range(1, len(rows) - 1), key=lambda place: _badness(rows, place))
    return sorted({*kept, *worst[: max(limit - 2, 0)]})


def _badness(rows: Sequence[ReplayRow], place: int) -> tuple[bool, float, int]:
    """Return a key that sorts misses first, then by tokens lost, then by order."""
    row = rows[place]
    lost = min(rows[place - 1].input, row.input) - row.read
    return row.miss is None, -lost, place


def _gap(count: int) -> tuple[str, ...]:
    more = f"{count:,} more request{'' if count == 1 else 's'}"
    return ("…", *[""] * (len(COMPACT_HEADER) - 2), more)


def _line(row: ReplayRow) -> tuple[str, ...]:
    return (
        f"{row.index + 1:,}",
        tokens(row.input),
        tokens(row.read),
        tokens(row.written),
        tokens(row.fresh),
        share(row.hit_rate),
        amount(row.amounts),
        _CONTROL.sub(" ", row.miss.sentence) if row.miss else "",
    )
