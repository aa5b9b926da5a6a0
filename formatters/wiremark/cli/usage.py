"""`wiremark usage`: responses or logs of them in, their tokens and what they cost out."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

import click

from . import io
from .records import Record, Trouble, read_records

if TYPE_CHECKING:
    from ..usage.cost import Cost, Unpriced
    from ..usage.model import Usage
    from ..usage.sums import UsageSum
    from ..usage.totals import UsageTotals

__all__ = ["usage"]

_HEAD: Final = (
    "model",
    "turns",
    "input",
    "cache read",
    "hit rate",
    "cache write",
    "output",
    "reasoning",
)
_LAST_SECOND: Final = 4e9
"""Above it, in 2096, a time is no count of seconds."""
_PRICED: Final = ("cost", "saving")
_AMOUNTS: Final = ("input", "cache_read", "cache_write", "output", "other")


@click.command("usage")
@click.argument("sources", metavar="FILE...", nargs=-1, required=True)
@click.option("--provider", metavar="P", help="Who answered, where the responses do not tell.")
@click.option("--model", metavar="M", help="Model name in place of the responses' own.")
@click.option(
    "--region",
    metavar="R",
    help="DashScope's region, host or base URL, by which its prices differ, as in cn-beijing.",
)
@click.option("--no-price", is_flag=True, help="Tokens only.")
@click.option("--json", "as_json", is_flag=True, help="The totals as JSON.")
def usage(
    sources: tuple[str, ...],
    provider: str | None,
    model: str | None,
    region: str | None,
    *,
    no_price: bool,
    as_json: bool,
) -> int:
    """Write the tokens of the responses in each FILE by model, and their cost where it is known.

    FILE is JSON, JSON lines or a capture of server-sent events, or - for standard input: responses,
    records with a request and a response, a batch's output, or a ledger. Prices are those of the
    time that a response states, else of the day on which the list was read. Exit status 1 says
    that some records could not be read; they are not counted.
    """
    from .. import jsontext

    if sources.count("-") > 1:
        raise click.UsageError("standard input can be read once")
    reading = _Reading(provider, model, region, priced=not no_price)
    for source in sources:
        for record in read_records(source):
            reading.add(record)
    if not reading.totals.turns:
        raise io.Unusable("no response with a usage was found")
    if as_json:
        io.emit(jsontext.dumps(reading.to_dict()))
    else:
        _show(reading)
    reading.say_notes()
    return 0 if all(trouble.is_note for trouble in reading.troubles) else 1


@dataclass(slots=True)
class _Money:
    """Costs of one currency, added."""

    turns: int = 0
    parts: dict[str, Decimal] = field(default_factory=dict)
    total: Decimal = Decimal(0)
    uncached_total: Decimal = Decimal(0)
    saving: Decimal | None = None

    def add(self, cost: Cost) -> None:
        self.turns += 1
        for name in _AMOUNTS:
            self.parts[name] = self.parts.get(name, Decimal(0)) + getattr(cost, name)
        self.total += cost.total
        self.uncached_total += cost.uncached_total
        if cost.saving is not None:
            self.saving = (self.saving or Decimal(0)) + cost.saving

    def to_dict(self, currency: str) -> dict[str, Any]:
        from ..usage.amounts import exact

        amounts: dict[str, Decimal | None] = {
            "total": self.total,
            **self.parts,
            "uncached_total": self.uncached_total,
            "saving": self.saving,
        }
        texts = {name: None if one is None else exact(one) for name, one in amounts.items()}
        return {"currency": currency, "turns": self.turns, **texts}


@dataclass(slots=True)
class _Costs:
    """Costs by currency, which are never added to each other, and turns without one by reason."""

    money: dict[str, _Money] = field(default_factory=dict)
    unpriced: Counter[str] = field(default_factory=Counter)

    def add(self, found: Cost | Unpriced) -> None:
        from ..usage.cost import Cost

        if isinstance(found, Cost):
            self.money.setdefault(found.currency, _Money()).add(found)
        else:
            self.unpriced[found.reason] += 1

    def to_dict(self) -> dict[str, Any]:
        return {
            "cost": [self.money[currency].to_dict(currency) for currency in sorted(self.money)],
            "unpriced": [
                {"reason": reason, "turns": turns} for reason, turns in self.unpriced.items()
            ],
        }

    def cells(self, turns: int) -> tuple[str, str]:
        """Return what a row says: amounts, and of how many turns if not of all."""
        costs, savings = [], []
        for currency, money in sorted(self.money.items()):
            of = "" if money.turns == turns else f" ({money.turns:,} of {turns:,})"
            costs.append(f"{money.total:,.6f} {currency}{of}")
            if money.saving is not None:
                savings.append(f"{money.saving:,.6f} {currency}")
        return " + ".join(costs) or "-", " + ".join(savings) or "-"


class _Reading:
    """Totals, costs, and what there was to say, of all records so far."""

    def __init__(
        self, provider: str | None, model: str | None, region: str | None, *, priced: bool
    ) -> None:
        from ..usage.totals import UsageTotals

        self.provider, self.model, self.region, self.priced = provider, model, region, priced
        self.totals: UsageTotals = UsageTotals()
        self.costs: dict[str, _Costs] = {}
        self.all_costs = _Costs()
        self.troubles: list[Trouble] = []
        self.notes: Counter[str] = Counter()

    def add(self, record: Record | Trouble) -> None:
        """Count a record, or say why it cannot be."""
        from ..errors import WiremarkError

        if isinstance(record, Record):
            try:
                found = self._usage(record)
            except WiremarkError as problem:
                record = Trouble(record.place, str(problem))
            else:
                if found.reported or record.is_usage:
                    self._count(found, record)
                    return
                record = Trouble(record.place, _why_silent(found))
        self.troubles.append(record)
        io.say(f"{record.place}: {record.problem}")

    def _usage(self, record: Record) -> Usage:
        from ..usage.model import Usage
        from ..usage.read import read_stream_usage

        if record.is_usage:
            return Usage.from_dict(record.payload)
        provider = self.provider or ("dashscope" if _is_aliyun(record.host) else None)
        if isinstance(record.payload, list):
            return read_stream_usage(record.payload, provider)
        return Usage.from_response(record.payload, provider)

    def _count(self, found: Usage, record: Record) -> None:
        counted = self.totals.add(found, model=self.model or found.model or record.model)
        for finding in found.findings:
            self.notes[f"{finding.path or 'usage'}: {finding.message}"] += 1
        if not self.priced:
            return
        from ..usage.cost import Cost, price_or_reason

        cost = price_or_reason(
            counted,
            provider=self.provider or found.provider or record.host,
            region=self.region or (record.host if _is_aliyun(record.host) else None),
            at=_time_of(record.payload),
        )
        self.costs.setdefault(counted.model or "", _Costs()).add(cost)
        self.all_costs.add(cost)
        if isinstance(cost, Cost):
            for note in cost.notes:
                self.notes[f"{cost.model}: {note}"] += 1

    def say_notes(self) -> None:
        """Write what was noticed on the way, each once."""
        for name, costs in sorted(self.costs.items()):
            for reason, turns in costs.unpriced.items():
                io.say(f"{name or '(not named)'}: no price of {_turns(turns)}: {reason}")
        for note, times in self.notes.items():
            io.say(f"note: {note} ({_turns(times)})")

    def rows(self) -> Iterator[tuple[str, ...]]:
        """Yield the rows of the table: by model, and all of them if they are several."""
        models = self.totals.by_model
        for name, held in models.items():
            yield self._row(name or "(not named)", held, self.costs.get(name))
        if len(models) > 1:
            yield self._row("all", self.totals.total, self.all_costs)

    def _row(self, name: str, held: UsageSum, costs: _Costs | None) -> tuple[str, ...]:
        counts = held.usage
        rate = "-" if held.hit_rate is None else f"{held.hit_rate:.1%}"
        row = (
            io.one_line(name),
            f"{held.turns:,}",
            _count(counts.input),
            _count(counts.cache_read),
            rate,
            _count(counts.cache_write),
            _count(counts.output),
            _count(counts.reasoning),
        )
        return (*row, *(costs or _Costs()).cells(held.turns)) if self.priced else row

    def to_dict(self) -> dict[str, Any]:
        """Return everything as JSON data; amounts are strings, unreported counts null."""
        data = self.totals.to_dict()
        by_model = data.pop("by_model")
        if self.priced:
            data |= self.all_costs.to_dict()
            for name in by_model:
                by_model[name] |= self.costs.get(name, _Costs()).to_dict()
        data["by_model"] = by_model
        data["findings"] = [
            {"place": trouble.place, "message": trouble.problem} for trouble in self.troubles
        ]
        return data


def _show(reading: _Reading) -> None:
    head = (*_HEAD, *_PRICED) if reading.priced else _HEAD
    rows = list(reading.rows())
    silent = [f"{name} by {turns:,}" for name, turns in reading.totals.unreported.items()]
    foot = f"not reported, of {_turns(reading.totals.turns)}: {', '.join(silent)}"
    if not rows:
        return
    if io.is_terminal(sys.stdout):
        _print_table(head, rows, foot if silent else "")
        return
    widths = [max(map(len, column)) for column in zip(head, *rows, strict=True)]
    for row in (head, *rows):
        cells = [row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])]
        io.emit("  ".join(cells).rstrip())
    if silent:
        io.emit(foot)


def _print_table(head: tuple[str, ...], rows: list[tuple[str, ...]], foot: str) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    stream = io.stdout()
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    for index, name in enumerate(head):
        table.add_column(name, justify="right" if index else "left", overflow="fold")
    for row in rows:
        table.add_row(*map(Text, row))
    with io.writing(stream):
        console = Console(
            file=stream, color_system="auto" if io.has_colour(stream) else None, highlight=False
        )
        console.print(table)
        if foot:
            console.print(Text(foot))


def _why_silent(found: Usage) -> str:
    finding = next(iter(found.findings), None)
    return "reports no usage" if finding is None else f"reports no usage: {finding.message}"


def _time_of(payload: Any) -> datetime | None:
    """Return when a response says that it was made: prices change, some within the day."""
    if isinstance(payload, list):
        payload = payload[0] if payload else None
    for holder in (payload, payload.get("response") if isinstance(payload, dict) else None):
        for name in ("created", "created_at"):
            seconds = holder.get(name) if isinstance(holder, dict) else None
            if isinstance(seconds, int | float) and 0 < seconds < _LAST_SECOND:
                return datetime.fromtimestamp(seconds, UTC)
    return None


def _is_aliyun(host: str | None) -> bool:
    return host is not None and "aliyuncs.com" in host


def _turns(number: int) -> str:
    return f"{number:,} turn" if number == 1 else f"{number:,} turns"


def _count(count: int | None) -> str:
    return "-" if count is None else f"{count:,}"
