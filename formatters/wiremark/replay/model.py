"""What a replay says: of each request what it reads and writes, and what all of it costs.

Tokens are estimates where the counter is one; times are seconds from any fixed moment.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Literal, TypeAlias

from ..findings import Finding
from ..usage import Usage

__all__ = [
    "Amounts",
    "Arm",
    "MarkAt",
    "Miss",
    "MissCode",
    "Replay",
    "ReplayRow",
    "TraceRequest",
]


@dataclass(frozen=True, slots=True)
class TraceRequest:
    """A request of a trace: its body, and what the trace tells about it.

    at: when it was sent, in seconds from any fixed moment; duration: how long the reply took
    usage: what the provider reported; place: where it stands, such as `log.jsonl:7`
    host, model, protocol: what the body does not say, `None` where the trace does not either
    session: what tells conversations of one trace apart
    partial: more was sent than the trace holds, such as a system prompt
    """

    body: dict[str, Any]
    at: float | None = None
    usage: Usage | None = None
    place: str = ""
    host: str | None = None
    duration: float | None = None
    model: str | None = None
    protocol: str | None = None
    session: str = ""
    partial: bool = False

    @property
    def messages(self) -> list[Any]:
        """Return the list of messages or items, wherever the protocol keeps it."""
        held = self.body.get("input")
        if isinstance(held, list):
            return held
        found = held.get("messages") if isinstance(held, dict) else self.body.get("messages")
        return found if isinstance(found, list) else []


Arm: TypeAlias = Literal["neutral", "pessimistic"]
"""`neutral`: what the provider's documentation says. `pessimistic`: where reports or sources
disagree, the worse reading."""

MissCode: TypeAlias = Literal[
    "first",
    "changed",
    "expired",
    "beyond-lookback",
    "under-minimum",
    "no-marks",
    "no-cache",
    "not-ready",
    "other",
]


@dataclass(frozen=True, slots=True)
class Miss:
    """Why a request read less than it could have: a code, the place, and one sentence.

    `changed` names the first changed block; `expired` by how many seconds; `beyond-lookback` by how
    many blocks; `under-minimum` by how many tokens; `not-ready`: the entry was not yet written.
    """

    code: MissCode
    sentence: str
    path: str = ""
    by: float | None = None
    before: str = ""
    after: str = ""


@dataclass(frozen=True, slots=True)
class MarkAt:
    """A mark: its path, its TTL, and the tokens from the start of the request to its end."""

    path: str
    ttl: str | None
    tokens: float


@dataclass(frozen=True, slots=True)
class Amounts:
    """Money of a request or of a session; `relative` is in prices of one uncached input token.

    `total` and `currency` are `None` where no price is known; `relative` is `None` where a
    multiplier is unknown.
    """

    relative: float | None = None
    total: Decimal | None = None
    currency: str | None = None


@dataclass(frozen=True, slots=True)
class ReplayRow:
    """One request: `read + written + fresh == input`, all in tokens.

    `written_by_ttl` splits `written`; `common` is how many tokens it has in common with the request
    before; `reported` is the usage that the trace carries. `implicit`: what was read was cached
    without marks; `partial`: more was sent than the trace holds.
    """

    index: int
    at: float
    model: str | None
    input: float
    read: float
    written: float
    fresh: float
    common: float = 0.0
    written_by_ttl: Mapping[str, float] = field(default_factory=dict)
    marks: tuple[MarkAt, ...] = ()
    miss: Miss | None = None
    amounts: Amounts = Amounts()
    reported: Usage | None = None
    place: str = ""
    implicit: bool = False
    partial: bool = False

    @property
    def hit_rate(self) -> float | None:
        """Return the share of the input that is read from cache, `None` of no input."""
        return self.read / self.input if self.input else None


@dataclass(frozen=True, slots=True)
class Replay:
    """One way to send a session: a policy, its requests, and what they come to.

    policy: the name of the policy, `as recorded`, `none` or `implicit`
    rules, protocol, host, model: what it was replayed under
    counter: how tokens were counted, and `exact` whether that is exact
    """

    policy: str
    arm: Arm
    rules: str
    protocol: str
    rows: tuple[ReplayRow, ...]
    host: str | None = None
    model: str | None = None
    counter: str = ""
    exact: bool = False
    amounts: Amounts = Amounts()
    uncached: Amounts = Amounts()
    """What the same requests cost without any caching."""
    findings: tuple[Finding, ...] = ()
    uncached_rows: tuple[Amounts, ...] = ()
    """Of each request what it costs without any caching."""

    @property
    def input(self) -> float:
        """Return the input tokens of all requests."""
        return sum(row.input for row in self.rows)

    @property
    def read(self) -> float:
        """Return the tokens that are read from cache."""
        return sum(row.read for row in self.rows)

    @property
    def written(self) -> float:
        """Return the tokens that are written to the cache."""
        return sum(row.written for row in self.rows)

    @property
    def fresh(self) -> float:
        """Return the tokens that are neither read nor written."""
        return sum(row.fresh for row in self.rows)

    @property
    def hit_rate(self) -> float | None:
        """Return the share of all input that is read from cache, `None` without input."""
        return self.read / self.input if self.input else None

    def to_dict(self) -> dict[str, Any]:
        """Return everything as JSON data; money as strings."""
        return {
            "policy": self.policy,
            "arm": self.arm,
            "rules": self.rules,
            "protocol": self.protocol,
            "host": self.host,
            "model": self.model,
            "counter": {"name": self.counter, "exact": self.exact},
            "input": self.input,
            "read": self.read,
            "written": self.written,
            "fresh": self.fresh,
            "hit_rate": self.hit_rate,
            "amounts": _amounts(self.amounts),
            "uncached": _amounts(self.uncached),
            "requests": [_row(row) for row in self.rows],
            "findings": [finding.to_dict() for finding in self.findings],
        }


def _amounts(amounts: Amounts) -> dict[str, Any]:
    return {
        "relative": amounts.relative,
        "total": None if amounts.total is None else str(amounts.total),
        "currency": amounts.currency,
    }


def _row(row: ReplayRow) -> dict[str, Any]:
    miss = row.miss
    return {
        "index": row.index,
        "at": row.at,
        "model": row.model,
        "input": row.input,
        "read": row.read,
        "written": row.written,
        "fresh": row.fresh,
        "hit_rate": row.hit_rate,
        "common": row.common,
        "written_by_ttl": dict(row.written_by_ttl),
        "marks": [
            {"path": mark.path, "ttl": mark.ttl, "tokens": mark.tokens} for mark in row.marks
        ],
        "miss": None
        if miss is None
        else {
            "code": miss.code,
            "sentence": miss.sentence,
            "path": miss.path,
            "by": miss.by,
            "before": miss.before,
            "after": miss.after,
        },
        "amounts": _amounts(row.amounts),
        "reported": None if row.reported is None else row.reported.to_dict(),
        "place": row.place,
        "implicit": row.implicit,
        "partial": row.partial,
    }
