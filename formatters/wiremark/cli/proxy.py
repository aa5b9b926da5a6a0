"""`wiremark proxy`: a recorder between a client and a service, until it is told to stop."""

from __future__ import annotations

from queue import SimpleQueue
from typing import TYPE_CHECKING, Any, Final

import click

from ..errors import OptionError
from ..traffic.secrets import Secrets
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
    from ..recorder import Recorder
    from ..traffic.records import Record

__all__ = ["proxy"]

_EXTRA: Final = ("starlette", "uvicorn", "httpx2")
_UNKEPT: Final = "log: "
"""What stands in the problem of a record that the log did not take."""


@click.command()
@click.option("--to", metavar="URL", required=True, help="The service; may have a path.")
@listening
@click.option("--log", metavar="FILE", help="Append every exchange, without secrets.")
@click.option(
    "--max-body",
    metavar="SIZE",
    callback=size_word,
    default="32M",
    show_default=True,
    help="Keep so much of a body; all of it is passed on.",
)
@click.option(
    "--as",
    "as_",
    metavar="SERVICE",
    callback=service_word,
    help="Service whose rules count, by default the one at URL.",
)
@click.option("--via", metavar="URL", help="HTTP proxy on the way; none is taken from elsewhere.")
@click.option(
    "--origin",
    "origins",
    metavar="ORIGIN",
    multiple=True,
    help="Let pages of this origin ask, as in http://localhost:5173; repeatable.",
)
@click.option("--quiet", is_flag=True, help="No line for each exchange.")
def proxy(to: str, port: int, host: str, *, expose: bool, log: str | None, **options: Any) -> int:
    """Pass requests on to a service, unchanged, and record them, until told to stop.

    Standard output is one line, the address, when requests are taken; then each exchange is a line
    on standard error: status, seconds, model, tokens reported and predicted. The latest are shown
    at /_wiremark; without --log nothing is written to disk. Keys are neither logged nor shown, here
    or there. What is in FILE goes to `wiremark replay`, `usage` and `validate`. Exit status 0 when
    it was told to stop, by Ctrl-C or SIGTERM.
    """
    refuse_other_machines(host, expose=expose)
    ended: Ended = SimpleQueue()
    told = Told(ended, _line, is_quiet=options.pop("quiet"), is_grave=_is_unkept)
    with told_to_stop(ended):
        recorder = _made(to, log, host=host, port=port, expose=expose, then=told, **options)

        def notes() -> list[str]:
            kept = "nothing is written to disk" if log is None else f"log {log}"
            where = f"base URL {recorder.url} in place of {Secrets().text(to)}"
            said = [f"{where}; {kept}; look {recorder.url}/_wiremark"]
            if recorder.recording.unread:
                said.append(f"{log}: note: {recorder.recording.unread:,} lines are no exchanges")
            return said

        serve(recorder, f"{host}:{port}", ended, told.line, notes=notes)
    return 0


def _is_unkept(record: Record) -> bool:
    return _UNKEPT in record.problem


def _made(to: str, log: str | None, **settings: Any) -> Recorder:
    try:
        from ..recorder.proxy import Recorder
    except ModuleNotFoundError as missing:
        raise missing_extra(missing, "recorder", _EXTRA) from None
    try:
        return Recorder(to, log, **settings)
    except (OSError, ValueError) as problem:
        if log is None or isinstance(problem, OptionError):
            raise
        raise io.Unusable(f"{log}: {reason_of(problem)}") from None


def _line(record: Record, is_brief: bool = False) -> str:
    seconds = 0.0 if record.ends_at is None else record.ends_at - record.at
    words = [str(record.status or "---"), f"{seconds:.2f} s", record.method, record.path]
    if record.model:
        words.append(record.model)
    usage, told = record.usage, record.predicted
    for name in ("input", "read", "written"):
        field = {"read": "cache_read", "written": "cache_write"}.get(name, name)
        reported = None if usage is None else getattr(usage, field)
        predicted = None if told is None else getattr(told, name)
        if reported is not None or predicted is not None:
            said = "-" if reported is None else f"{reported:,}"
            words.append(f"{name} {said}" + _beside(predicted))
    if not record.ended:
        words.append("not ended")
    if record.error:
        words.append(record.error)
    if record.problem:
        words.append(f"note: {record.problem}")
    if is_brief:
        words.append("[findings on the page]")
    else:
        words += [f"[{each.severity}: {each.code}]" for each in record.findings]
    return "  ".join(words)


def _beside(predicted: float | None) -> str:
    return "" if predicted is None else f" (predicted {predicted:,.0f})"
