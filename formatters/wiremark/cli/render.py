"""Plans and findings for people: lines of text, on a terminal tables and colour.

Rich is imported on a terminal only.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Final, Literal, TextIO, TypeVar

import click

from . import io

if TYPE_CHECKING:
    from rich.console import Console

    from ..findings import Finding
    from ..marks import Plan

__all__ = ["console", "finding_line", "show_plan", "track"]

_Item = TypeVar("_Item")

_LONG: Final = 5_000
_COLOURS: Final = {"error": "red", "waste": "yellow", "note": "cyan"}
_OUTCOMES: Final = {"placed": "green", "moved": "yellow", "merged": "cyan", "dropped": "red"}


def finding_line(finding: Finding, *, colour: bool = False) -> str:
    """Return a finding as `path: what (what is allowed)`; what is no error says so."""
    allowed = f" ({finding.advice})" if finding.advice else ""
    kind = "" if finding.severity == "error" else f"{finding.severity}: "
    path = io.one_line(finding.path or "(body)")
    what = io.one_line(f"{kind}{finding.message}{allowed}")
    if colour:
        return f"{click.style(path, bold=True)}: {click.style(what, fg=_COLOURS[finding.severity])}"
    return f"{path}: {what}"


def show_plan(plan: Plan, findings: Sequence[Finding], stream: TextIO | None) -> None:
    """Write a plan to a stream: a table on a terminal, else plain lines."""
    if stream is None:
        return
    with io.writing(stream):
        if io.is_terminal(stream):
            _print_table(plan, findings, stream)
        else:
            text = _plan_text(plan, findings)
            click.echo(text.encode("utf-8", "backslashreplace"), file=stream)


def _plan_text(plan: Plan, findings: Sequence[Finding]) -> str:
    more = [str(finding) for finding in findings if finding not in plan.findings]
    return "\n".join([str(plan), *map(io.one_line, more)])


def _print_table(plan: Plan, findings: Sequence[Finding], stream: TextIO) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.table import Table
    from rich.text import Text

    screen = console(stream)
    title = f"cache marks: rules {plan.rules or '-'}, policy {plan.policy}"
    head, *rows = plan.rows()
    if rows:
        table = Table(*head, title=title, title_justify="left", box=SIMPLE_HEAD, pad_edge=False)
        for row, decision in zip(rows, plan.decisions, strict=True):
            style = _OUTCOMES[decision.decision]
            table.add_row(*(Text(cell, style if cell == decision.decision else "") for cell in row))
        screen.print(table)
    else:
        screen.print(Text(f"{title}: no wishes"))
    if plan.note:
        screen.print(Text(f"note: {plan.note}"))
    for finding in findings:
        screen.print(Text(io.one_line(str(finding)), _COLOURS[finding.severity]))


def console(stream: TextIO) -> Console:
    """Return rich's console for a stream, with colour where the stream wants it."""
    from rich.console import Console

    colours: Literal["auto"] | None = "auto" if io.has_colour(stream) else None
    return Console(file=stream, color_system=colours, highlight=False)


def track(items: Sequence[_Item], *, what: str = "reading", long: int = _LONG) -> Iterable[_Item]:
    """Return the items; where they are many, a bar on a terminal shows how far one is."""
    if len(items) < long or not io.is_terminal(sys.stderr):
        return items
    from rich.progress import track as tracked

    return tracked(items, what, console=console(sys.stderr), transient=True)
