"""Replays for people: a table of requests, a sparkline, policies side by side, reasons of misses.

On a terminal the tables are rich's, else aligned text. Rich is imported on a terminal only.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final, Literal, TextIO

from . import io

if TYPE_CHECKING:
    from rich.console import Console

    from ..replay.model import Replay
    from ..replay.reported import Difference

__all__ = ["console_of", "show"]

_ROWS: Final = 12
_SPARK: Final = 60
_NAMES: Final = 3
_BEST: Final = "rolling"
_COMPARED: Final = (
    "policy",
    "arm",
    "input",
    "read",
    "written",
    "fresh",
    "hit rate",
    "cost",
    "saving",
)
_REPORTED: Final = (
    "request",
    "input",
    "reported",
    "read",
    "reported",
    "written",
    "reported",
    "likely reason of the difference",
)


def show(replays: Sequence[Replay], name: str, advice: Any) -> None:
    """Write replays to standard output: side by side if they are several, the cheapest in full."""
    from ..replay.reported import differences

    first = replays[0]
    known = "exact" if first.exact else "estimated"
    rules, model = _named("rules", first.rules), _named("model", first.model or "-")
    _line(f"{name}: {_requests(len(first.rows))}; {first.protocol}, {rules}, {model}")
    _line(f"tokens counted by {first.counter} ({known})")
    if len(replays) > 1:
        _line("")
        _table(_COMPARED, [_compared(one) for one in replays], left=(0, 1))
    shown = _cheapest(replays)
    _in_full(shown)
    reported = differences(shown)
    if reported:
        _line("")
        _line("predicted and reported")
        _table(_REPORTED, [_difference(one) for one in _widest(reported)], left=(7,))
    if advice is not None:
        _line("")
        io.emit(str(advice))


def _named(what: str, names: str) -> str:
    """Return names, or how many they are where they are many."""
    count = names.count(", ") + 1
    return f"{what} {names}" if count <= _NAMES else f"{count} {what.removesuffix('s')}s"


def _requests(count: int) -> str:
    return f"{count:,} request{'' if count == 1 else 's'}"


def _line(text: str) -> None:
    io.emit(io.one_line(text) if text else "")


def _cheapest(replays: Sequence[Replay]) -> Replay:
    """Return the replay that costs least, in a unit that all have; else the first."""
    relative = [one.amounts.relative for one in replays]
    totals = [one.amounts.total for one in replays]
    costs: Sequence[float | Decimal | None] = totals if None in relative else relative
    if None in costs or len({one.amounts.currency for one in replays}) > 1:
        return replays[0]
    pairs = zip(costs, replays, strict=True)
    return min(pairs, key=lambda pair: (pair[0] or 0, pair[1].policy != _BEST))[1]


def _compared(one: Replay) -> tuple[str, ...]:
    from ..replay.report.figures import amount, saving, share, tokens

    return (
        io.one_line(one.policy),
        one.arm,
        tokens(one.input),
        tokens(one.read),
        tokens(one.written),
        tokens(one.fresh),
        share(one.hit_rate),
        amount(one.amounts),
        share(saving(one.amounts, one.uncached)),
    )


def _in_full(one: Replay) -> None:
    from ..replay.report.figures import amount, saving, share, tokens
    from ..replay.terminal import COMPACT_HEADER, compact_rows, sparkline

    _line("")
    _line(f"policy {one.policy}, {one.arm} arm")
    _line(f"hit rate by request: {sparkline((r.hit_rate for r in one.rows), top=1, width=_SPARK)}")
    total = (
        "all",
        tokens(one.input),
        tokens(one.read),
        tokens(one.written),
        tokens(one.fresh),
        share(one.hit_rate),
        amount(one.amounts),
        f"saves {share(saving(one.amounts, one.uncached))} of {amount(one.uncached)}",
    )
    rows = [tuple(map(io.one_line, row)) for row in compact_rows(one, _ROWS)]
    _table(COMPACT_HEADER, [*rows, total], left=(7,))
    misses = Counter(row.miss.code for row in one.rows if row.miss is not None)
    if misses:
        _line("misses: " + ", ".join(f"{count:,} {code}" for code, count in misses.most_common()))


def _widest(found: Sequence[Difference]) -> list[Difference]:
    """Return the differences that are shown: all of a few, else the widest, in order."""
    if len(found) <= _ROWS:
        return list(found)
    widest = sorted(found, key=lambda one: -abs(one.read - (one.reported_read or 0)))[:_ROWS]
    return sorted(widest, key=lambda one: one.index)


def _difference(one: Difference) -> tuple[str, ...]:
    return (
        f"{one.index + 1:,}",
        f"{one.input:,.0f}",
        f"{one.reported_input:,}",
        f"{one.read:,.0f}",
        _count(one.reported_read),
        f"{one.written:,.0f}",
        _count(one.reported_written),
        one.reason,
    )


def _count(count: int | None) -> str:
    return "-" if count is None else f"{count:,}"


def _table(
    head: tuple[str, ...], rows: Sequence[tuple[str, ...]], *, left: tuple[int, ...]
) -> None:
    if io.is_terminal(sys.stdout):
        _print(head, rows, left)
        return
    widths = [max(map(len, column)) for column in zip(head, *rows, strict=True)]
    for row in (head, *rows):
        cells = [
            cell.ljust(width) if index in left else cell.rjust(width)
            for index, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        io.emit("  ".join(cells).rstrip())


def _print(head: tuple[str, ...], rows: Sequence[tuple[str, ...]], left: tuple[int, ...]) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.table import Table
    from rich.text import Text

    stream = io.stdout()
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    for index, name in enumerate(head):
        table.add_column(name, justify="left" if index in left else "right", overflow="fold")
    for row in rows:
        table.add_row(*map(Text, row))
    with io.writing(stream):
        console_of(stream).print(table)


def console_of(stream: TextIO | None) -> Console:
    """Return a console that colours where the stream wants it."""
    from rich.console import Console

    colours: Literal["auto"] | None = "auto" if io.has_colour(stream) else None
    return Console(file=stream, color_system=colours, highlight=False)
