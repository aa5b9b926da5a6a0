"""Predicted against reported: where a trace carries real usage, how far off the replay is, and why.

Reasons are likely ones, told by what was predicted; nothing is known of the provider beyond that.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from .model import MissCode, Replay, ReplayRow

__all__ = ["Difference", "differences"]

_SHARE: Final = 0.02
"""Shares of the input read from cache that differ by less agree."""
_ROUNDING: Final = 128
"""Tokens by which a read may be short where a provider caches in steps."""
_EXACT: Final = 0.02
"""How far counts of an exact counter may be off: providers add some tokens of their own."""

_MORE_THAN_PREDICTED: Final[Mapping[MissCode, str]] = {
    "first": "the cache held it before the trace begins",
    "changed": "what changed is not part of what the provider compares, or an older entry was read",
    "expired": "the entry lived longer than its TTL, or a request outside the trace renewed it",
    "beyond-lookback": "the provider looks back further than the rules say",
    "under-minimum": "the provider's minimum is lower than the rules say",
    "no-marks": "the provider caches without marks too",
    "no-cache": "the provider caches here, which the rules do not know",
    "not-ready": "the entry was ready earlier than the end of the reply",
}


@dataclass(frozen=True, slots=True)
class Difference:
    """A request of which the usage is known: tokens predicted, tokens reported, and a reason.

    `reported_read` and `reported_written` are `None` where they were not reported; `reason` is
    empty where both agree.
    """

    index: int
    place: str
    input: float
    read: float
    written: float
    reported_input: int
    reported_read: int | None
    reported_written: int | None
    reason: str

    def to_dict(self) -> dict[str, Any]:
        """Return the difference as JSON data."""
        return {name: getattr(self, name) for name in self.__slots__}


def differences(replay: Replay) -> tuple[Difference, ...]:
    """Return what was predicted and reported for each request whose usage the trace has."""
    found = []
    for row in replay.rows:
        usage = row.reported
        if usage is None or usage.input is None:
            continue
        found.append(
            Difference(
                row.index,
                row.place,
                row.input,
                row.read,
                row.written,
                usage.input,
                usage.cache_read,
                usage.cache_write,
                _reason(row, usage.input, usage.cache_read, exact=replay.exact),
            )
        )
    return tuple(found)


def _reason(row: ReplayRow, input_: int, read: int | None, *, exact: bool) -> str:
    if read is None:
        return "the provider reports no reads"
    share = row.hit_rate or 0.0
    actual = read / input_ if input_ else 0.0
    if abs(share - actual) > _SHARE:
        if not exact and row.read and read:
            return "tokens are estimated"
        return _more(row) if actual > share else _less(row, round(share * input_) - read, read)
    if abs(row.input - input_) <= max(_EXACT * input_, 10):
        return ""
    if row.partial and input_ > row.input:
        return "more was sent than the trace holds"
    if not exact:
        return "tokens are estimated"
    return "the provider counts media, tools or its own additions otherwise"


def _more(row: ReplayRow) -> str:
    if row.partial:
        return "more was sent than the trace holds, its marks among it"
    code = row.miss.code if row.miss is not None else "other"
    return _MORE_THAN_PREDICTED.get(code, "the provider read a longer prefix")


def _less(row: ReplayRow, short: int, read: int) -> str:
    if read and short <= _ROUNDING:
        return "the provider reads in whole steps"
    if row.implicit:
        return "implicit caching is not promised: another machine answered, or the entry was gone"
    if read:
        return "an older entry was read: the newest was gone or not ready"
    return "the entry was gone or not ready, or is of another account"
