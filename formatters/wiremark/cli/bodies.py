"""`wiremark strip`, `wiremark validate` and `wiremark diff`: bodies in, a body or findings out."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias, TypeVar

import click

from . import io

if TYPE_CHECKING:
    from ..validation import PrefixDiff
    from .bodyfiles import Body, Unreadable
    from .reports import Report

__all__ = ["diff", "strip", "validate"]

_Command = TypeVar("_Command", bound=Callable[..., Any])
_Severity: TypeAlias = Literal["error", "waste", "note"]

_PROTOCOLS: Final = (
    "dashscope",
    "dashscope-text",
    "dashscope-multimodal",
    "openai",
    "openai-chat",
    "openai-dashscope",
    "openai-responses",
    "openrouter",
    "anthropic",
    "anthropic-2023-06-01",
    "anthropic-2026-10-21",
    "bedrock-converse",
)
_MANY_FILES: Final = 20
_MUCH: Final = 20_000_000
_UNUSABLE: Final = 2


@click.command()
@click.argument("source", metavar="BODY")
@click.option("--indent", metavar="N", type=click.IntRange(0, 16), help="Indent the JSON.")
def strip(source: str, indent: int | None) -> int:
    """Write BODY, a request body or a list of messages, without its cache marks.

    A text that only a mark had made an array is a string again.
    """
    from .. import jsontext
    from ..marks import strip_body, strip_marks
    from .bodyfiles import BODY_KEYS

    value = io.read_json(source)
    if isinstance(value, list):
        for index, item in enumerate(value):
            if not isinstance(item, dict):
                raise io.Unusable(f"{io.shown(source)}: [{index}] is not a message")
        stripped: Any = strip_marks(value)
    elif isinstance(value, dict) and BODY_KEYS & value.keys():
        stripped = strip_body(value)
    else:
        raise io.Unusable(f"{io.shown(source)}: neither a request body nor a list of messages")
    io.emit_json(jsontext.dumps(stripped), indent)
    return 0


_WORDS: Final = (
    click.option(
        "--as",
        "protocol",
        type=click.Choice(_PROTOCOLS),
        help="Whose form the body has; left out, the address of a captured request tells, else its"
        " outermost keys.",
    ),
    click.option("--model", metavar="M", help="Model name, where the body's own is an alias."),
    click.option("--host", metavar="H", help="Host or base URL; the cache rules follow it."),
)


def _with_words(command: _Command) -> _Command:
    """Give a command function the words that say what a body is."""
    for word in reversed(_WORDS):
        command = word(command)
    return command


@dataclass(frozen=True, slots=True)
class _Words:
    """What is said about all bodies; it wins over what the record of a body tells."""

    protocol: str | None = None
    model: str | None = None
    host: str | None = None

    def of(self, body: Body) -> tuple[str | None, str | None, str | None]:
        """Return protocol, model and host of a body, `None` for what nobody says."""
        from ..validation import detect_protocol

        at = body.endpoint
        protocol = self.protocol or at.protocol or detect_protocol(body.value)
        return protocol, self.model or at.model, self.host or at.host

    def compared(self, body: Body, before: Body) -> Any:
        """Return the value of the body before another; `Unusable` if it has another wire form."""
        from ..validation.registry import SPEAKS

        mine, theirs = (self.of(each)[0] for each in (body, before))
        forms = [SPEAKS.get(name, (name,))[0] for name in (mine, theirs) if name]
        if len(set(forms)) > 1:
            raise io.Unusable(
                f"{io.shown(before.name)}: has the form of {theirs}, {io.shown(body.name)} that of"
                f" {mine} (give --as)"
            )
        return before.value


@click.command()
@click.argument("sources", metavar="BODY...", nargs=-1, required=True)
@_with_words
@click.option("--previous", metavar="BODY", help="The request before this one.")
@click.option("--sequence", is_flag=True, help="Each body is the request after the one before it.")
@click.option(
    "--fail-on",
    type=click.Choice(["error", "waste", "note"]),
    default="error",
    show_default=True,
    help="The mildest finding that fails.",
)
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "json", "sarif", "github"]),
    default="text",
    show_default=True,
    help="Lines, data, a SARIF log, or GitHub's workflow commands.",
)
@click.option("--json", "as_json", is_flag=True, help="The same as --format json.")
def validate(
    sources: tuple[str, ...],
    *,
    previous: str | None,
    sequence: bool,
    fail_on: _Severity,
    form: str,
    as_json: bool,
    **said: str | None,
) -> int:
    """Write what is wrong with each BODY, and what is allowed there.

    BODY is a request body, JSON lines or a JSON list of them, a log of records with a "request", a
    HAR file, or a raw HTTP capture. A line a finding; waste and notes say so. Exit status: 0 pass,
    1 fail, 3 cannot tell, 2 something could not be read.
    """
    if (*sources, previous).count("-") > 1:
        raise click.UsageError("standard input can be read once")
    if as_json and form not in ("text", "json"):
        raise click.UsageError(f"--json is not --format {form}")
    words = _Words(**said)
    before = None if previous is None else _one_body(previous)
    with _progress(sources) as (advance, write):
        report = _report("json" if as_json else form, write)
        judging = _Judging(words, fail_on, report, before, in_sequence=sequence)
        for source in sources:
            judging.read(source, advance)
    return judging.close()


def _one_body(name: str) -> Body:
    from .bodyfiles import one_body

    return one_body(name)


def _report(form: str, write: Callable[[str], None]) -> Report:
    from .reports import GitHubReport, JsonReport, TextReport
    from .sarif import SarifReport

    if form == "json":
        return JsonReport()
    if form == "sarif":
        return SarifReport()
    return GitHubReport(write) if form == "github" else TextReport(write)


@dataclass(slots=True)
class _Judging:
    """Judges bodies one after the other, and keeps count."""

    words: _Words
    fail_on: _Severity
    report: Report
    previous: Body | None = None
    in_sequence: bool = False
    answers: dict[str, int] = field(default_factory=dict)
    refused: bool = False
    count: int = 0
    last: dict[tuple[Any, ...], Any] = field(default_factory=dict)

    def read(self, source: str, advance: Callable[[int], None] | None) -> None:
        """Judge the bodies of a file."""
        from .bodyfiles import Skipped, Unreadable, read_bodies

        if self.count > 1:  # a file of several bodies is a sequence of its own
            self.last.clear()
        self.count, skipped, told = 0, 0, 0
        try:
            for each in read_bodies(source, advance):
                if isinstance(each, Skipped):
                    skipped += 1
                    continue
                self.count += 1
                if isinstance(each, Unreadable):
                    self._refuse(each)
                else:
                    told += self._judge(each)
        except io.Unusable as problem:
            reason = str(problem).removeprefix(f"{io.shown(source)}: ")
            self._refuse(Unreadable(source, reason))
            return
        if skipped and self.count:
            io.say(f"{io.shown(source)}: {skipped} requests are no chat requests and left out")
        elif not self.count:
            self._refuse(Unreadable(source, f"no chat request among its {skipped} requests"))
        elif not told and not self.refused and io.is_terminal(sys.stderr):
            io.say(f"{io.shown(source)}: no findings")

    def close(self) -> int:
        """Write what is told at the end and return the exit status."""
        from ..validation import EXIT_CODES

        worst = [EXIT_CODES[answer] for answer in ("fail", "abstain") if answer in self.answers]
        status = _UNUSABLE if self.refused else (*worst, 0)[0]
        self.report.close(status)
        return status

    def _refuse(self, what: Unreadable) -> None:
        io.say(f"wiremark: {what.place}: {what.problem}")
        self.refused = True
        self.report.refuse(what)

    def _judge(self, body: Body) -> int:
        """Judge a body and return how much there was to tell."""
        from ..validation import judge
        from .bodyfiles import Unreadable
        from .reports import Judged

        protocol, model, host = self.words.of(body)
        line = body.region().line
        if protocol is None:
            where = f"{body.within}: " if body.within else ""
            problem = f"{where}cannot tell whose form the body has (give --as)"
            self._refuse(Unreadable(body.name, problem, line if line > 1 else None))
            return 1
        own = body.value.get("model") if isinstance(body.value, dict) else None
        of = (protocol, host, model or (own if isinstance(own, str) else None))
        previous = self.last.get(of)
        if previous is None and self.previous is not None:
            previous = self.words.compared(body, self.previous)
        try:
            verdict = judge(
                body.value,
                protocol,
                model=model,
                host=host,
                previous=previous,
                fail_on=self.fail_on,
            )
        except RecursionError:
            self._refuse(Unreadable(body.name, "nested too deeply to be judged", line))
            return 1
        if self.in_sequence:
            self.last[of] = body.value
        judged = Judged.of(body, protocol, verdict)
        self.answers[verdict.answer] = self.answers.get(verdict.answer, 0) + 1
        self.report.add(judged)
        return len(judged.told)


@contextmanager
def _progress(
    sources: tuple[str, ...],
) -> Iterator[tuple[Callable[[int], None] | None, Callable[[str], None]]]:
    """Give what moves a bar on, where there is much to read, and what writes a line.

    While a bar is on the terminal that is written to, lines wait until it is gone.
    """
    size = sum(map(_size, sources))
    if not io.is_terminal(sys.stderr) or (len(sources) < _MANY_FILES and size < _MUCH):
        yield None, io.emit
        return
    from rich.progress import Progress

    from . import render

    held: list[str] = []
    screen = render.console(sys.stderr)
    with Progress(console=screen, transient=True, redirect_stdout=False) as bar:
        task = bar.add_task("validating", total=size or None)
        write = held.append if io.is_terminal(sys.stdout) else io.emit
        yield lambda more: bar.advance(task, more), write
    for line in held:
        io.emit(line)


def _size(name: str) -> int:
    try:
        return Path(name).stat().st_size
    except (OSError, ValueError):
        return 0


@click.command()
@click.argument("first", metavar="A")
@click.argument("second", metavar="B")
@_with_words
@click.option("--json", "as_json", is_flag=True, help="The comparison as JSON.")
def diff(first: str, second: str, *, as_json: bool, **said: str | None) -> int:
    """Write the first place where the prefix of the request B departs from that of A.

    A and B are request bodies, or files that hold one; B is the later. What a provider reads from
    its cache ends at that place. A moved mark is not a difference, and a B that goes on where A
    ends does not depart. Exit status 1 says that it departs.
    """
    from .. import jsontext
    from ..validation import compare_prefix

    if first == second == "-":
        raise click.UsageError("standard input can be read once")
    before, after = _one_body(first), _one_body(second)
    words = _Words(**said)
    protocol, model, host = words.of(after)
    if protocol is None:
        raise io.Unusable(f"{io.shown(second)}: cannot tell whose form the body has (give --as)")
    previous = words.compared(after, before)
    found = compare_prefix(previous, after.value, protocol, model=model, host=host)
    if as_json:
        places = {
            "previous": _where(before, found.previous_path),
            "body": _where(after, found.path),
        }
        io.emit(jsontext.dumps({**found.to_dict(), **places}))
    else:
        _show(found, before, after)
    return 1 if found.departs else 0


def _where(body: Body, path: str) -> dict[str, Any]:
    at = body.region(path)
    return {"file": io.shown(body.name), "line": at.line, "column": at.column}


_RELATIONS: Final = {
    "equal": "equal: B has the prefix of A and nothing more",
    "extends": "extends: B goes on where A ends",
    "shortened": "shortened: B ends where A goes on",
}


def _show(found: PrefixDiff, before: Body, after: Body) -> None:
    if found.departs:
        where = found.path or "the end"
        io.emit(f"departs: at {io.one_line(where)}, character {found.offset} ({found.section})")
        sides = (
            ("-", before, found.previous_path, found.before),
            ("+", after, found.path, found.after),
        )
        for sign, body, path, text in sides:
            at = body.region(path)
            place = f"{io.shown(body.name)}:{at.line}:{at.column}"
            io.emit(f"{sign} {io.one_line(place)}: {text!r}")
    else:
        io.emit(_RELATIONS[found.relation])
    io.emit(f"in common: {found.blocks:,} blocks, {found.characters:,} characters")
