"""What commands share that serve until they are told to stop: their words, start, lines and end."""

from __future__ import annotations

import re
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Final, TypeAlias, TypeVar
from urllib.parse import urlsplit

import click

from ..traffic.hosts import LOOPBACK
from . import io

if TYPE_CHECKING:
    from types import FrameType

    from ..traffic.loopback import LoopbackServer
    from ..traffic.records import Record

__all__ = [
    "Ended",
    "Told",
    "listening",
    "missing_extra",
    "reason_of",
    "refuse_other_machines",
    "serve",
    "service_word",
    "size_word",
    "told_to_stop",
]

Ended: TypeAlias = "SimpleQueue[Record | None]"
"""Requests that have ended; `None` when the command is told to stop."""

_T = TypeVar("_T")
_SIZE: Final = re.compile(r"(\d{1,12})\s*([KMG]?)(?:i?B)?", re.IGNORECASE)
_UNITS: Final = {"": 0, "K": 10, "M": 20, "G": 30}
_BEAT: Final = 0.5
_MOST_WAITING: Final = 1000
_BEHIND: Final = 100
"""From how many requests that wait to be shown on a line is brief."""

_SHARE: Final = 9
"""How many times as long as it took to make a line the requests have for themselves, which run in
the same process; at most `_REST` seconds."""

_REST: Final = 0.05


# Words.


def size_word(ctx: click.Context, param: click.Parameter, value: str) -> int:
    """Read a number of bytes, as in 50M."""
    found = _SIZE.fullmatch(value)
    if found is None:
        raise click.BadParameter(f"{value!r} is no size such as 50M", ctx, param)
    return int(found[1]) << _UNITS[found[2].upper()]


def service_word(ctx: click.Context, param: click.Parameter, value: str | None) -> str | None:
    """Read the name of a service, or its host."""
    from ..replay.services import DIALECTS

    if value is None or value in DIALECTS:
        return value
    with suppress(ValueError):
        host = urlsplit(value if "//" in value else f"//{value}").hostname or ""
        if "." in host:
            return host
    names = ", ".join(DIALECTS)
    raise click.BadParameter(f"{value!r} is no host and none of {names}", ctx, param)


def listening(command: Callable[..., _T]) -> Callable[..., _T]:
    """Give a command the options of where it listens."""
    port = click.option(
        "--port",
        type=click.IntRange(0, 65535),
        default=0,
        show_default="any free one",
        help="Port to listen at.",
    )
    host = click.option(
        "--host", metavar="H", default="127.0.0.1", show_default=True, help="Address to listen at."
    )
    expose = click.option(
        "--expose", is_flag=True, help="Allow a --host that other machines reach."
    )
    return port(host(expose(command)))


def refuse_other_machines(host: str, *, expose: bool) -> None:
    """Refuse an address that other machines reach, unless that is meant."""
    if host not in LOOPBACK and not expose:
        raise click.UsageError(f"{host} is not loopback: give --expose if you mean it")


# What can go wrong.


def missing_extra(missing: ModuleNotFoundError, extra: str, modules: tuple[str, ...]) -> Exception:
    """Return what to raise where a module is missing: the extra that brings it, if it is one."""
    name = (missing.name or "").partition(".")[0]
    if name not in modules:
        return missing
    return io.Unusable(f"{name} is not installed: pip install 'wiremark[{extra}]'")


def reason_of(problem: Exception) -> str:
    """Return why a file or an address cannot be used."""
    reason = getattr(problem, "strerror", None) or str(problem)
    return reason[:1].lower() + reason[1:]


# Serving.


class Told:
    """What is shown of the requests: all, or if it is quiet the first of those that are grave.

    Where nobody reads as fast as they end, some are left out, and their number is told.
    """

    def __init__(
        self,
        ended: Ended,
        line: Callable[[Record, bool], str],
        *,
        is_quiet: bool,
        is_grave: Callable[[Record], bool],
    ) -> None:
        self._ended, self._line = ended, line
        self._is_quiet, self._is_grave = is_quiet, is_grave
        self._left_out = 0
        self._was_grave = False

    def __call__(self, record: Record) -> None:
        """Take a request that has ended; from any thread."""
        before, self._was_grave = self._was_grave, self._is_grave(record)
        if self._is_quiet and (before or not self._was_grave):
            return
        if self._ended.qsize() >= _MOST_WAITING:
            self._left_out += 1
        else:
            self._ended.put(record)

    def line(self, record: Record, is_brief: bool) -> str:
        """Return the line of a request."""
        left_out, self._left_out = self._left_out, 0
        told = self._line(record, is_brief)
        return f"{told}  [{left_out:,} more left out]" if left_out else told


@contextmanager
def told_to_stop(ended: Ended) -> Iterator[None]:
    """Let SIGINT and SIGTERM put the end into the queue of what is shown."""

    def end(_: int, __: FrameType | None) -> None:
        ended.put(None)

    before = {each: signal.signal(each, end) for each in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)


def serve(
    server: LoopbackServer,
    place: str,
    ended: Ended,
    line: Callable[[Record, bool], str],
    *,
    notes: Callable[[], list[str]],
) -> None:
    """Start a server at a place; write its address, notes, and a line for each request.

    `line` is asked for a brief one where requests end faster than they can be judged. Returns when
    the end is in the queue and the server has stopped.
    """
    try:
        server.start()
    except OSError as problem:
        raise io.Unusable(f"{place}: {reason_of(problem)}") from None
    try:
        io.emit(server.url)
        for note in notes():
            io.say(note)
        _show(server, ended, line)
    finally:
        server.stop()
    with suppress(Empty):  # those that its stop has ended
        while True:
            _say(ended.get_nowait(), line, is_brief=ended.qsize() >= _BEHIND)


def _show(server: LoopbackServer, ended: Ended, line: Callable[[Record, bool], str]) -> None:
    while server.is_running:
        with suppress(Empty):
            record = ended.get(timeout=_BEAT)
            if record is None:
                return
            is_brief = ended.qsize() >= _BEHIND
            begin = time.monotonic()
            _say(record, line, is_brief=is_brief)
            if not is_brief:
                time.sleep(min(_REST, _SHARE * (time.monotonic() - begin)))
    raise io.Unusable(f"the {server.noun} has ended by itself")


def _say(record: Record | None, line: Callable[[Record, bool], str], *, is_brief: bool) -> None:
    if record is not None:
        with suppress(io.ReaderGone, io.Unusable):  # it serves though nobody reads
            io.say(line(record, is_brief))
