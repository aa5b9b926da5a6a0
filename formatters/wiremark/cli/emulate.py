"""`wiremark emulate`: a provider on loopback, until it is told to stop."""

from __future__ import annotations

from contextlib import suppress
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any, Final

import click

from ..errors import OptionError
from . import io
from .serving import (
    Ended,
    Told,
    listening,
    missing_extra,
    reason_of,
    refuse_other_machines,
    serve,
    service_word,
    size_word,
    told_to_stop,
)

if TYPE_CHECKING:
    from ..emulator import Emulator, Scenario
    from ..traffic.records import Record

__all__ = ["emulate"]

_LONGEST: Final = 3600.0
_TOLD: Final = 5
"""How many lines of a log are named that cannot be read."""

_HELP: Final = """\
openai      OPENAI_BASE_URL={url}/v1
anthropic   ANTHROPIC_BASE_URL={url}
dashscope   DASHSCOPE_HTTP_BASE_URL={url}/api/v1
others      base URL {url}/compatible-mode/v1 or {url}/apps/anthropic (DashScope), \
{url}/api/v1 (OpenRouter)
look        {url}/_wiremark
Stop with Ctrl-C."""


def _latency(ctx: click.Context, param: click.Parameter, value: str) -> tuple[float, float]:
    """Read the seconds before an answer, and between two events of a stream."""
    with suppress(ValueError):
        seconds = [float(part) for part in value.split(",")]
        if len(seconds) <= 2 and all(0 <= each <= _LONGEST for each in seconds):
            return seconds[0], (seconds[1] if len(seconds) == 2 else 0.0)
    raise click.BadParameter(f"{value!r} is no latency such as 0.3 or 0.3,0.05", ctx, param)


@click.command()
@listening
@click.option(
    "--scenario", metavar="FILE", help="Replies and failures in their order; else an echo."
)
@click.option(
    "--latency",
    metavar="SECONDS",
    callback=_latency,
    default="0",
    help="Before an answer, as in 0.3; with 0.3,0.05 also between events of a stream.",
)
@click.option("--log", metavar="FILE", help="Append every request; what it holds goes on.")
@click.option(
    "--as",
    "service",
    metavar="SERVICE",
    callback=service_word,
    help="Service or host behind the paths that many have, as in openrouter.",
)
@click.option("--model", "models", metavar="M", multiple=True, help="Take this model; repeatable.")
@click.option("--key", "keys", metavar="K", multiple=True, help="Take this API key; repeatable.")
@click.option(
    "--arm",
    type=click.Choice(["neutral", "pessimistic"]),
    default="neutral",
    help="pessimistic: the worse reading where sources disagree.",
)
@click.option(
    "--max-body",
    metavar="SIZE",
    callback=size_word,
    default="32M",
    show_default=True,
    help="Refuse larger bodies.",
)
@click.option(
    "--clock",
    type=click.Choice(["real", "virtual"]),
    default="real",
    show_default=True,
    help="virtual: time stands still until it is moved.",
)
@click.option("--quiet", is_flag=True, help="No line for each request.")
def emulate(
    port: int, host: str, *, expose: bool, scenario: str | None, log: str | None, **options: Any
) -> int:
    """Answer as the providers would, at an address of this machine, until told to stop.

    Standard output is one line, the address, when requests are taken; then each request is a line
    on standard error: status, model, path, tokens, findings. Cache entries live by a clock;
    POST /_wiremark/clock?advance=301 moves it on. With --log, a killed emulator goes on where it
    was. Exit status 0 when it was told to stop, by Ctrl-C or SIGTERM.
    """
    refuse_other_machines(host, expose=expose)
    ended: Ended = SimpleQueue()
    with told_to_stop(ended):
        emulator = _made(_scenario(scenario), host, port, log, expose=expose, **options)
        told = Told(ended, _line, is_quiet=options["quiet"], is_grave=_is_fault)
        emulator.state.on_end = told
        unread = _unread(emulator)

        def notes() -> list[str]:
            return [*unread, *_HELP.format(url=emulator.url).splitlines()]

        serve(emulator, f"{host}:{port}", ended, told.line, notes=notes)
    return 0


def _scenario(name: str | None) -> Scenario | None:
    from ..emulator.scenario import Scenario

    if name is None:
        return None
    try:
        with io.blaming(name):
            return Scenario.load(name)
    except (OSError, ValueError) as problem:
        raise io.Unusable(f"{name}: {reason_of(problem)}") from None


def _made(
    scenario: Scenario | None, host: str, port: int, log: str | None, **options: Any
) -> Emulator:
    from ..emulator.clock import RealClock, VirtualClock

    try:
        from ..emulator.server import Emulator
    except ModuleNotFoundError as missing:
        raise missing_extra(missing, "emulator", ("starlette", "uvicorn")) from None
    try:
        return Emulator(
            scenario,
            RealClock() if options["clock"] == "real" else VirtualClock(),
            host=host,
            port=port,
            expose=options["expose"],
            as_=options["service"],
            models=options["models"] or None,
            keys=options["keys"] or None,
            log=log,
            arm=options["arm"],
            latency=options["latency"],
            max_body=options["max_body"],
        )
    except (OSError, ValueError) as problem:
        if log is None or isinstance(problem, OptionError):
            raise
        raise io.Unusable(f"{log}: {reason_of(problem)}") from None


def _unread(emulator: Emulator) -> list[str]:
    """Return what is said of a log that is gone on with."""
    unread = emulator.state.unread
    said = [f"{each.path}: note: {each.message} ({each.advice})" for each in unread[:_TOLD]]
    if len(unread) > _TOLD:
        said.append(f"note: {len(unread) - _TOLD:,} more lines of the log are left out")
    if emulator.requests:
        said.append(f"going on after {emulator.requests[-1].index + 1:,} requests")
    return said


def _is_fault(record: Record) -> bool:
    return bool(record.problem)


def _line(record: Record, is_brief: bool) -> str:
    words = [str(record.status), record.model or "-", record.path]
    told = record.predicted
    if told is not None:
        counts = {"input": told.input, "read": told.read, "written": told.written}
        words += [f"{name} {count:,.0f}" for name, count in counts.items()]
    if record.error:
        words.append(record.error)
    if record.problem:
        words.append(f"fault of the emulator: {record.problem}")
    if is_brief:
        words.append("[findings on the page]")
    else:
        words += [f"[{each.severity}: {each.code}]" for each in record.findings]
    return "  ".join(words)
