"""What to do about a recorded session: where marks would stand best, and what to move.

The best placement is that of `optimum`; it is put into the bodies and replayed like any policy, so
that all figures come from one cache and one price list. What a moved text saves is the difference
between the optima of the session as it is and as it would be.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any, Final

from wiremark.findings import Finding
from wiremark.marks import Policy, RequestView, Slot, Wish
from wiremark.replay.bodies import Sent, Service, marked_body, sent_bodies
from wiremark.replay.model import Amounts, Arm, MarkAt, Replay, TraceRequest
from wiremark.replay.optimum import Optimum, optimal
from wiremark.replay.order import Break, Kind, find_breaks, mend
from wiremark.replay.session import GAP, IMPLICIT, NONE, TraceLike, compare, replay, requests_of
from wiremark.replay.simulation import Terms, terms_of
from wiremark.replay.steps import Steps, common_size, read_steps
from wiremark.replay.tokens.choose import token_counter
from wiremark.replay.tokens.counter import TokenCounter
from wiremark.rules import CacheRules

__all__ = ["OPTIMUM", "Advice", "OrderProblem", "Way", "advise"]

OPTIMUM: Final = "optimum"

_MESSAGE: Final = re.compile(r"(?:input\.)?(?:messages|input)\[(\d+)\](?:\.content(?:\[(\d+)\])?)?")
_TOOL: Final = re.compile(r"(?:\w+\.)?tools\[(\d+)\]")
_SYSTEM: Final = re.compile(r"system(?:\[(\d+)\])?")


@dataclass(frozen=True, slots=True)
class Way:
    """One way to mark the session: its cost, and by what share that lies above the optimum."""

    policy: str
    amounts: Amounts
    gap: float | None
    read: float
    written: float

    def to_dict(self) -> dict[str, Any]:
        """Return everything as JSON data; money as strings."""
        return {
            "policy": self.policy,
            "amounts": _amounts(self.amounts),
            "gap": self.gap,
            "read": self.read,
            "written": self.written,
        }


@dataclass(frozen=True, slots=True)
class OrderProblem:
    """Text that breaks the prefix, what to do, and what that saves under the best marks.

    path: of the message or the tools, in the first request that departs; requests: how many do
    before, after: excerpts from a little before the first difference on
    lost: tokens that could have been common with the request before, over all requests
    saving: in prices of one uncached token, `money` the same in money; `None` where unknown
    """

    kind: Kind
    path: str
    sentence: str
    before: str
    after: str
    requests: int
    lost: float
    saving: float | None
    money: Amounts = field(default_factory=Amounts)

    def to_dict(self) -> dict[str, Any]:
        """Return everything as JSON data; money as strings."""
        return {
            "kind": self.kind,
            "path": self.path,
            "sentence": self.sentence,
            "before": self.before,
            "after": self.after,
            "requests": self.requests,
            "lost": self.lost,
            "saving": self.saving,
            "money": _amounts(self.money),
        }


@dataclass(frozen=True, slots=True)
class Advice:
    """The best placement of a session against the policies, and the problems of its order.

    optimum: the placement, and its cost in prices of one uncached token
    best: the same replayed, with money; `ways` are the policies, the cheapest first
    break_even: by TTL, how many reads of a token pay for its writing
    """

    rules: str
    model: str | None
    arm: Arm
    optimum: Optimum
    best: Way
    ways: tuple[Way, ...]
    break_even: Mapping[str, float]
    problems: tuple[OrderProblem, ...]
    findings: tuple[Finding, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def saving(self) -> Amounts:
        """Return what the best placement saves against no caching at all."""
        none = next((way for way in self.ways if way.policy == NONE), None)
        return Amounts() if none is None else _less(none.amounts, self.best.amounts)

    def gap_of(self, policy: str) -> float | None:
        """Return by what share a policy costs more than the optimum, `None` if unknown."""
        return next((way.gap for way in self.ways if way.policy == policy), None)

    def to_dict(self) -> dict[str, Any]:
        """Return everything as JSON data; money as strings."""
        return {
            "rules": self.rules,
            "model": self.model,
            "arm": self.arm,
            "optimum": self.optimum.to_dict(),
            "best": self.best.to_dict(),
            "saving": _amounts(self.saving),
            "ways": [way.to_dict() for way in self.ways],
            "break_even": dict(self.break_even),
            "problems": [problem.to_dict() for problem in self.problems],
            "findings": [finding.to_dict() for finding in self.findings],
            "notes": list(self.notes),
        }

    def __str__(self) -> str:
        return "\n".join(_lines(self))


def _lines(advice: Advice) -> Iterator[str]:
    best = advice.optimum
    bound = "" if best.exact else " (an upper bound)"
    yield (
        f"best placement{bound}: {best.cost:,.0f} of {best.uncached:,.0f} uncached tokens"
        f"{_money(advice.best.amounts)}; saves{_money(advice.saving) or ' ' + _share(best)}"
    )
    yield f"the same without knowing which request is the last: {best.online:,.0f}"
    for way in advice.ways:
        gap = "" if way.gap is None else f"{way.gap:+.1%}"
        cost = "?" if way.amounts.relative is None else f"{way.amounts.relative:,.0f}"
        yield f"  {way.policy:<20}{cost:>14}{gap:>10}{_money(way.amounts)}"
    for ttl, reads in advice.break_even.items():
        yield f"a write with TTL {ttl} is paid for by {reads:.2f} reads"
    for problem in advice.problems:
        yield f"{problem.path}: {problem.sentence}"
        if problem.before or problem.after:
            yield f"    {problem.before!r} became {problem.after!r}"
    yield from advice.notes


def _share(best: Optimum) -> str:
    return f"{1 - best.cost / best.uncached:.1%}" if best.uncached else "nothing"


def _money(amounts: Amounts) -> str:
    return "" if amounts.total is None else f" {amounts.total:.6f} {amounts.currency}"


def _less(one: Amounts, other: Amounts) -> Amounts:
    relative = None
    if one.relative is not None and other.relative is not None:
        relative = one.relative - other.relative
    if one.total is None or other.total is None or one.currency != other.currency:
        return Amounts(relative)
    return Amounts(relative, one.total - other.total, one.currency)


def _amounts(amounts: Amounts) -> dict[str, Any]:
    return {
        "relative": amounts.relative,
        "total": None if amounts.total is None else str(amounts.total),
        "currency": amounts.currency,
    }


# Making it.


def advise(  # noqa: PLR0913 the settings of a replay
    trace: TraceLike,
    *,
    as_: str | None = None,
    model: str | None = None,
    host: str | None = None,
    rules: CacheRules | None = None,
    arm: Arm = "neutral",
    gap: float | None = None,
    counter: TokenCounter | None = None,
    region: str | None = None,
) -> Advice:
    """Return the best placement of marks for a session, and what in its order costs money.

    The arguments are those of `replay`. A session is one conversation, or several that share
    prefixes, at one service: requests for which other rules hold than for the first are left out,
    with a finding.

    Raises `OptionError` for a service that is not known.
    """
    requests, findings = requests_of(trace)
    settings: dict[str, Any] = {"as_": as_, "model": model, "host": host, "rules": rules}
    sent, left_out = _sent(requests, settings)
    findings += left_out
    if not sent:
        empty = Optimum((), (), 0.0, 0.0, 0.0, exact=True)
        nothing = Way(OPTIMUM, Amounts(0.0), 0.0, 0.0, 0.0)
        return Advice("", model, arm, empty, nothing, (), {}, (), tuple(findings))
    service = sent[0].service
    counter = counter or token_counter(service.model or "", service.host)
    session = _Session(service, arm, counter, gap, region)
    bodies = [each.body for each in sent]
    own = [each.request for each in sent]
    steps = session.steps(bodies, own)
    best = optimal(steps, session.terms)
    placed = session.replay(session.marked(bodies, best.placements), own)
    settings |= {"gap": gap, "counter": counter, "region": region}
    ways = sorted(
        (_way(made, best) for made in compare(own, arms=(arm,), **settings)),
        key=lambda way: (way.amounts.relative is None, way.amounts.relative or 0.0),
    )
    notes = [*best.notes]
    if service.rules.implicit is not None or service.rules.implicit_marks:
        notes.append("what the provider caches without marks is no part of the optimum")
    implicit = next((way for way in ways if way.policy == IMPLICIT), None)
    if implicit is not None and (implicit.amounts.relative or best.cost) < best.cost:
        notes.append("implicit caching alone, if it hits each time, costs less than any marks")
    return Advice(
        rules=service.rules.name,
        model=service.model,
        arm=arm,
        optimum=best,
        best=replace(_way(placed, best), policy=OPTIMUM),
        ways=tuple(ways),
        break_even=session.terms.break_even(),
        problems=tuple(_problems(session, steps, best, placed, bodies, own)),
        findings=tuple(findings),
        notes=tuple(notes),
    )


def _sent(
    requests: Sequence[TraceRequest], settings: Mapping[str, Any]
) -> tuple[list[Sent], list[Finding]]:
    """Return the bodies without marks as they are sent, and a finding for each left out."""
    sent: list[Sent] = []
    findings: list[Finding] = []
    bare = Policy("manual", lambda _: ())
    for each in sent_bodies(requests, policy=bare, **settings):
        if not isinstance(each, Sent):
            findings.append(Finding("not-replayed", "error", each[0].place, str(each[1])))
        elif sent and each.service != sent[0].service:
            sentence = "it goes to another service than the first request: left out"
            findings.append(Finding("not-replayed", "note", each.request.place, sentence))
        else:
            sent.append(each)
    return sent, findings


@dataclass(frozen=True, slots=True)
class _Session:
    """What holds for all requests of a session."""

    service: Service
    arm: Arm
    counter: TokenCounter
    gap: float | None
    region: str | None

    @property
    def terms(self) -> Terms:
        return terms_of(self.service.rules, self.service.model, self.arm)

    def _timed(
        self, bodies: Sequence[Mapping[str, Any]], requests: Sequence[TraceRequest]
    ) -> list[TraceRequest]:
        return [
            replace(
                request,
                body=dict(body),
                at=None if self.gap is not None else request.at,
                protocol=self.service.form,
                host=self.service.host,
                model=self.service.model,
            )
            for body, request in zip(bodies, requests, strict=True)
        ]

    def steps(self, bodies: Sequence[Mapping[str, Any]], requests: Sequence[TraceRequest]) -> Steps:
        return read_steps(
            self._timed(bodies, requests),
            form=self.service.form,
            rules=self.service.rules,
            model=self.service.model,
            counter=self.counter,
            gap=GAP if self.gap is None else self.gap,
        )

    def marked(
        self,
        bodies: Sequence[Mapping[str, Any]],
        placements: Sequence[Sequence[MarkAt]],
    ) -> list[dict[str, Any]]:
        """Return the bodies with the marks of a placement."""
        out = []
        for body, marks in zip(bodies, placements, strict=True):
            head = self.service.form in ("anthropic", "bedrock-converse") and bool(
                body.get("system")
            )
            policy = _policy_of(marks, int(head))
            out.append(marked_body(body, self.service, policy) if marks else dict(body))
        return out

    def replay(
        self, bodies: Sequence[Mapping[str, Any]], requests: Sequence[TraceRequest]
    ) -> Replay:
        """Return bodies with their marks replayed."""
        return replay(
            self._timed(bodies, requests),
            arm=self.arm,
            gap=self.gap,
            counter=self.counter,
            region=self.region,
            model=self.service.model,
            host=self.service.host,
            rules=self.service.rules,
        )


def _policy_of(marks: Sequence[MarkAt], head: int) -> Policy:
    wishes = tuple(
        Wish("auto", mark.ttl or True, slot, "the best placement")
        for mark in marks
        if (slot := _slot(mark.path, head)) is not None
    )

    def select(_: RequestView) -> tuple[Wish, ...]:
        return wishes

    return Policy(OPTIMUM, select)


def _slot(path: str, head: int) -> Slot | None:
    """Return the slot of a path, `head` messages being put before those of the body."""
    if match := _TOOL.fullmatch(path):
        return Slot(tool=int(match[1]))
    if match := _SYSTEM.fullmatch(path):
        return Slot(message=0, part=None if match[1] is None else int(match[1]))
    if match := _MESSAGE.fullmatch(path):
        part = None if match[2] is None else int(match[2])
        return Slot(message=int(match[1]) + head, part=part)
    return None


def _way(made: Replay, best: Optimum) -> Way:
    cost = made.amounts.relative
    gap = best.gap(cost) if cost is not None else None
    return Way(made.policy, made.amounts, gap, made.read, made.written)


# The order of the text.


_WORDS: Final[Mapping[Kind, str]] = {
    "tools-reordered": "the same tools in another order: sort them by name",
    "tools-changed": (
        "tools come and go (gone: {before}; new: {after}): send all of them in each request"
    ),
    "unstable-serialisation": (
        "the same JSON is written in another way: write it with sorted keys, or keep what was sent"
    ),
    "timestamp": "a time stands early in the prefix: move it behind the last message",
    "uuid": "an identifier that is new each time: move it behind the last message, or leave it out",
    "counter": "a number that changes each time: move it behind the last message",
    "dynamic-text": "text that changes while what follows stays: move it behind the last message",
    "edited-history": "a message that was sent before was changed: keep the history as it was sent",
}


def _problems(
    session: _Session,
    steps: Steps,
    best: Optimum,
    placed: Replay,
    bodies: Sequence[Mapping[str, Any]],
    requests: Sequence[TraceRequest],
) -> Iterator[OrderProblem]:
    form = session.service.form
    for broken in find_breaks(steps, bodies, form):
        mended = mend(broken, bodies, form)
        if mended is None:
            yield _problem(broken, 0.0, None, Amounts())
            continue
        after = session.steps(mended, requests)
        better = optimal(after, session.terms)
        if better.cost >= best.cost:
            continue  # no problem of order: another conversation begins, say
        lost = max(0.0, _common(after) - _common(steps))
        again = session.replay(session.marked(mended, better.placements), requests)
        yield _problem(broken, lost, best.cost - better.cost, _less(placed.amounts, again.amounts))


def _common(steps: Steps) -> float:
    """Return the tokens that requests have in common with the one before, over all."""
    row = steps.steps
    return sum(
        steps.tokens_at(row[index], common_size(row[index - 1], row[index]))
        for index in range(1, len(row))
    )


def _problem(broken: Break, lost: float, saving: float | None, money: Amounts) -> OrderProblem:
    words = _WORDS[broken.kind].format(before=broken.before or "-", after=broken.after or "-")
    if saving is not None:
        cost = money.total if money.total is not None else Decimal(0)
        paid = f" ({cost:.6f} {money.currency})" if money.total is not None else ""
        words += f"; saves {saving:,.0f} uncached tokens{paid}"
    return OrderProblem(
        kind=broken.kind,
        path=broken.path,
        sentence=f"{words}; {len(broken.requests)} requests lost {lost:,.0f} tokens of prefix",
        before=broken.before,
        after=broken.after,
        requests=len(broken.requests),
        lost=lost,
        saving=saving,
        money=money,
    )
