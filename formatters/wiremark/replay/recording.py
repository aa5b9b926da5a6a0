"""`assert_caches`: requests built in a test are replayed at its end, and must read from cache.

Formatters report what they build through `seams.request_built`; nothing is sent, no clock is read.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final, Protocol

from .. import seams
from ..base.values import copy_json
from ..errors import OptionError
from ..validation.registry import SPEAKS
from .model import Arm, Replay, ReplayRow, TraceRequest
from .session import replay

if TYPE_CHECKING:
    from ..base import BaseFormatter, Request
    from ..usage import Usage
    from .tokens.counter import TokenCounter

__all__ = ["Arrived", "CacheRecorder", "assert_caches"]

_SHOWN: Final = 10
_LONGEST: Final = 200


class Arrived(Protocol):
    """A request that was sent, as the emulator and the proxy keep it."""

    @property
    def body(self) -> Any:
        """Return what it says, as JSON data."""
        ...

    @property
    def at(self) -> float:
        """Return when it arrived, in seconds."""
        ...

    @property
    def status(self) -> int:
        """Return the HTTP status of its answer."""
        ...


class CacheRecorder:
    """Requests in the order in which they were made; `replay` is what became of them."""

    def __init__(self) -> None:
        self.requests: list[TraceRequest] = []
        self.replay: Replay | None = None

    def add(
        self,
        request: Request | Mapping[str, Any] | Arrived,
        *,
        at: float | None = None,
        usage: Usage | None = None,
        model: str | None = None,
        host: str | None = None,
        protocol: str | None = None,
    ) -> None:
        """Record a request or a body that no formatter reported; what is recorded is a copy.

        at: when it was sent, in seconds from any fixed moment; usage: what the provider reported.
        What is not given is taken from a record of the emulator or the proxy. Records of what
        writes no cache, lists of models and requests that were refused, are passed over.
        """
        body = request if isinstance(request, Mapping) else getattr(request, "body", None)
        if _wrote_nothing(request, body):
            return
        if not isinstance(body, Mapping):
            raise OptionError(
                f"{type(request).__name__} is no request", path="request", advice="give its body"
            )
        place = f"request {len(self.requests) + 1}"
        copied: dict[str, Any] = copy_json(dict(body))
        told: dict[str, Any] = {
            "at": at,
            "usage": usage,
            "model": model,
            "host": host,
            "protocol": protocol,
        }
        for name, given in told.items():
            told[name] = getattr(request, name, None) if given is None else given
        form, its_host = SPEAKS.get(str(told["protocol"]), (told["protocol"], None))
        told.update(protocol=form, host=told["host"] or its_host)
        self.requests.append(TraceRequest(copied, place=place, **told))


@contextmanager
def assert_caches(
    min_hit_rate: float = 0.8,
    *,
    built: bool = True,
    as_: str | None = None,
    model: str | None = None,
    host: str | None = None,
    arm: Arm = "neutral",
    gap: float | None = None,
    counter: TokenCounter | None = None,
) -> Iterator[CacheRecorder]:
    """Assert that the requests of a block would read enough of their input from cache.

    Every `build_request` of a formatter inside the block is recorded, in the same thread or task
    and those it starts as a task; what was made otherwise is given to `add`. With `built=False`
    only what is given counts: what arrived, in place of what was built. The share of all input that
    is read must reach `min_hit_rate`, 0 to 1; the first request of a session, which can read
    nothing, counts too. The other arguments are those of `replay`.

    Raises `AssertionError` with the rate, the first broken prefix and the reason of each miss.
    """
    recorder = CacheRecorder()
    outer = seams.request_built.get()

    def report(formatter: BaseFormatter, request: Request, model: str | None) -> None:
        if outer is not None:
            outer(formatter, request, model)
        if built:
            recorder.add(request, model=model, host=formatter.host, protocol=formatter.protocol)

    token = seams.request_built.set(report)
    try:
        yield recorder
    finally:
        seams.request_built.reset(token)
    if not recorder.requests:
        raise AssertionError("no request was recorded: build one in the block, or add() it")
    made = replay(
        recorder.requests, as_=as_, model=model, host=host, arm=arm, gap=gap, counter=counter
    )
    recorder.replay = made
    refused = [str(one) for one in made.findings if one.severity == "error"]
    if refused:
        raise AssertionError("\n".join(["requests that cannot be replayed:", *refused]))
    if (made.hit_rate or 0.0) < min_hit_rate:
        raise AssertionError(_explained(made, min_hit_rate))


def _wrote_nothing(request: object, body: object) -> bool:
    """Say whether a record is of no request for an answer, or of one that was refused."""
    status = getattr(request, "status", None)
    return status is not None and (status != 200 or not isinstance(body, Mapping))


def _explained(made: Replay, wanted: float) -> str:
    where = ", ".join(filter(None, (made.rules, made.model, f"{made.arm} arm")))
    rate = made.hit_rate or 0.0
    found = f"{rate:.1%} of {round(made.input):,} input tokens would be read from cache"
    lines = [f"{found}, less than {wanted:.1%} ({where})"]
    broken = next((row for row in made.rows if row.miss and row.miss.code == "changed"), None)
    if broken is not None:
        lines += _broken(broken)
    misses = [row for row in made.rows if row.miss is not None]
    lines += [
        f"request {row.index + 1}: {row.miss.sentence}" for row in misses[:_SHOWN] if row.miss
    ]
    if len(misses) > _SHOWN:
        lines.append(f"and {len(misses) - _SHOWN} more misses")
    return "\n".join(lines)


def _broken(row: ReplayRow) -> list[str]:
    miss = row.miss
    assert miss is not None
    return [
        f"the prefix first breaks in request {row.index + 1}, at {miss.path or 'its start'}",
        f"  before: {_short(miss.before)}",
        f"  after:  {_short(miss.after)}",
    ]


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _LONGEST else f"{line[:_LONGEST]}..."
