"""Replays a session: what each request would read, write and cost under a policy.

The bodies are those of a trace, written by `bodies`, judged by the prefix cache, priced by `costs`.
No clock is read: times are the trace's, or a gap from reply to request.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final, TypeAlias

from ..errors import OptionError
from ..findings import Finding
from ..marks import POLICIES, Policy, RequestView, Wish, resolve_policy
from ..rules import CacheRules
from .bodies import Sent, Service, sent_bodies
from .cache import PrefixCache
from .costs import Pricer, added
from .model import Amounts, Arm, Replay, ReplayRow, TraceRequest
from .tokens.choose import token_counter
from .tokens.counter import TokenCounter
from .trace import read_trace, read_value

__all__ = [
    "AS_RECORDED",
    "GAP",
    "IMPLICIT",
    "NONE",
    "TraceLike",
    "compare",
    "replay",
    "requests_of",
]

TraceLike: TypeAlias = (
    "str | Path | Mapping[str, Any] | Iterable[TraceRequest | Finding | Mapping[str, Any]]"
)
"""A path, a body or session, or any of them one after the other, read or not."""

PolicyChoice: TypeAlias = "str | Policy | Callable[[RequestView], Iterable[Wish]] | None"

AS_RECORDED: Final = "as recorded"
NONE: Final = "none"
IMPLICIT: Final = "implicit"
GAP: Final = 1.0
"""Seconds from a reply to the next request where a trace has no times and no gap is given."""


def requests_of(trace: TraceLike) -> tuple[list[TraceRequest], list[Finding]]:
    """Return the requests of a trace, by their times where all have one, and what is unreadable."""
    requests: list[TraceRequest] = []
    findings: list[Finding] = []
    for one in _found(trace):
        if isinstance(one, Finding):
            findings.append(one)
        else:
            requests.append(one)
    if all(one.at is not None for one in requests):
        requests.sort(key=lambda one: one.at or 0.0)
    return requests, findings


def _found(trace: TraceLike) -> Iterator[TraceRequest | Finding]:
    if isinstance(trace, str | Path):
        yield from read_trace(trace)
        return
    items: Iterable[Any] = [trace] if isinstance(trace, Mapping) else trace
    for index, item in enumerate(items):
        body = getattr(item, "body", item)
        if isinstance(item, TraceRequest | Finding):
            yield item
        elif isinstance(item, Mapping):
            yield from read_value(dict(item), f"[{index}]")
        elif isinstance(body, Mapping):  # a built request
            yield TraceRequest(dict(body), place=f"[{index}]")
        else:
            raise OptionError(
                f"{type(item).__name__} is no request", path=f"trace[{index}]", advice="give a body"
            )


def replay(  # noqa: PLR0913 each setting is one question of a replay
    trace: TraceLike,
    *,
    policy: PolicyChoice = None,
    as_: str | None = None,
    model: str | None = None,
    host: str | None = None,
    arm: Arm = "neutral",
    gap: float | None = None,
    counter: TokenCounter | None = None,
    region: str | None = None,
    rules: CacheRules | None = None,
    account: str = "",
) -> Replay:
    """Return what each request of a trace reads, writes and costs, and why it reads no more.

    trace: what `requests_of` takes: a path, bodies, sessions, or requests that were read
    policy: `None` keeps the marks of the bodies; a policy, or its name, marks them anew; `"none"`
      is no caching at all, `"implicit"` what the provider caches without marks
    as_: the service to replay for, one of `DIALECTS`: bodies in another form are written in its own
    model, host: in place of the recorded ones; rules: in place of those that they select
    arm: `"pessimistic"` takes the worse reading where sources disagree
    gap: seconds from each reply to the next request, in place of the times of the trace
    counter: counts tokens; by default the best one known for the model
    region: of DashScope, by which its prices differ
    account: caches of one account are not read by another

    Raises `OptionError` for a policy or a service that is not known.
    """
    requests, findings = requests_of(trace)
    name, marks = _policy(policy)
    run = _Run(arm, counter, Pricer(region), account, findings=findings)
    rows: list[ReplayRow] = []
    sent_all = sent_bodies(requests, policy=marks, as_=as_, model=model, host=host, rules=rules)
    times = _times(requests, gap)
    for sent, (at, ends) in zip(sent_all, times, strict=True):
        if isinstance(sent, Sent):
            rows.append(run.row(sent, at, ends, index=len(rows)))
        else:
            request, problem = sent
            run.findings.append(Finding("not-replayed", "error", request.place, str(problem)))
    run.note_times(requests, gap)
    made = run.replay(name, rows)
    return without_caching(made) if name == NONE else made


def compare(
    trace: TraceLike,
    *,
    policies: Sequence[PolicyChoice] | None = None,
    arms: Sequence[Arm] = ("neutral",),
    **settings: Any,
) -> list[Replay]:
    """Return a trace replayed in several ways, those of `policies` in each of `arms`.

    Left out, the policies are no caching, implicit caching alone and every built-in policy; before
    them the trace as recorded, if its bodies have marks. Settings are those of `replay`.
    """
    requests, findings = requests_of(trace)
    chosen = list(policies) if policies is not None else _all_policies(requests)
    items: list[TraceRequest | Finding] = [*requests, *findings]
    return [replay(items, policy=policy, arm=arm, **settings) for arm in arms for policy in chosen]


def _all_policies(requests: Sequence[TraceRequest]) -> list[PolicyChoice]:
    from .bodies import stripped_body

    recorded = any(stripped_body(one.body) != one.body for one in requests)
    named = [name for name in POLICIES if name != "manual"]
    return [*([None] if recorded else []), NONE, IMPLICIT, *named]


def without_caching(made: Replay) -> Replay:
    """Return a replay in which nothing is read or written."""
    rows = tuple(
        replace(
            row,
            read=0.0,
            written=0.0,
            written_by_ttl={},
            fresh=row.input,
            marks=(),
            miss=None,
            amounts=uncached,
        )
        for row, uncached in zip(made.rows, made.uncached_rows, strict=True)
    )
    return replace(made, policy=NONE, rows=rows, amounts=made.uncached)


def _policy(policy: PolicyChoice) -> tuple[str, Policy | None]:
    if policy is None:
        return AS_RECORDED, None
    if policy in (NONE, IMPLICIT):
        return str(policy), resolve_policy("manual")
    found = resolve_policy(policy)
    return (found.name if found.ttl is None else f"{found.name}:{found.ttl}"), found


def _times(requests: Sequence[TraceRequest], gap: float | None) -> Iterator[tuple[float, float]]:
    """Yield when each request is sent and its reply ends."""
    last: float | None = None
    for request in requests:
        if gap is None and request.at is not None:
            at = request.at
        else:
            at = 0.0 if last is None else last + (GAP if gap is None else gap)
        last = at + (request.duration or 0.0)
        yield at, last


@dataclass(slots=True)
class _Run:
    """One replay under way: a cache for each service, and what was noticed."""

    arm: Arm
    counter: TokenCounter | None
    pricer: Pricer
    account: str
    caches: dict[tuple[str, str | None, str | None], PrefixCache] = field(default_factory=dict)
    counters: dict[tuple[str | None, str | None], TokenCounter] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)
    services: dict[Service, None] = field(default_factory=dict)
    partial: bool = False
    uncached: list[Amounts] = field(default_factory=list)

    def row(self, sent: Sent, at: float, ends: float, *, index: int) -> ReplayRow:
        service, request = sent.service, sent.request
        counter = self._counter(sent)
        key = (service.rules.name, service.model, service.host)
        cache = self.caches.get(key)
        if cache is None:
            cache = self.caches[key] = PrefixCache(
                service.rules,
                model=service.model,
                account=self.account,
                arm=self.arm,
                counter=counter,
            )
        result = cache.request(sent.body, at=at, ends_at=ends)
        if result.rejected is not None:
            refused = result.rejected
            where = ", ".join(filter(None, (request.place, refused.path)))
            self.findings.append(replace(refused, path=where))
        self.services[service] = None
        self.partial = self.partial or request.partial
        amounts, uncached = self.pricer.amounts(
            service,
            read=result.read,
            written=result.written_by_ttl,
            fresh=result.fresh,
            implicit=result.read_as == "implicit",
            at=at,
            reported=request.usage,
        )
        self.uncached.append(uncached)
        return ReplayRow(
            index=index,
            at=at,
            model=service.model,
            input=result.input,
            read=result.read,
            written=result.written,
            fresh=result.fresh,
            common=result.common,
            written_by_ttl=result.written_by_ttl,
            marks=result.marks,
            miss=result.miss,
            amounts=amounts,
            reported=request.usage,
            place=request.place,
            implicit=result.read_as == "implicit",
            partial=request.partial,
        )

    def _counter(self, sent: Sent) -> TokenCounter:
        if self.counter is not None:
            return self.counter
        key = (sent.service.model, sent.service.host)
        if key not in self.counters:
            self.counters[key] = token_counter(key[0] or "", key[1])
        return self.counters[key]

    def note_times(self, requests: Sequence[TraceRequest], gap: float | None) -> None:
        if gap is None and any(one.at is None for one in requests):
            text = f"no times in the trace: requests are taken to be {GAP:g} s apart"
            self.findings.append(Finding("no-times", "note", "", text, "give a gap"))

    def replay(self, name: str, rows: Sequence[ReplayRow]) -> Replay:
        counters = list(self.counters.values()) if self.counter is None else [self.counter]
        services = list(self.services)
        notes = [one.note for one in services] + [one.note for one in counters]
        notes += [f"no cost in money: {reason}" for reason in self.pricer.reasons]
        if self.partial:
            notes.append(
                "more was sent than the trace holds (system prompt, tools): inputs are too small"
            )
        findings = [
            Finding("replay-note", "note", "", note) for note in dict.fromkeys(notes) if note
        ]
        return Replay(
            policy=name,
            arm=self.arm,
            rules=_together(one.rules.name for one in services) or "",
            protocol=_together(one.form for one in services) or "",
            rows=tuple(rows),
            host=_together(one.host for one in services),
            model=_together(one.model for one in services),
            counter=_together(one.name for one in counters) or "",
            exact=bool(counters) and all(one.exact for one in counters),
            amounts=added(row.amounts for row in rows),
            uncached=added(self.uncached),
            uncached_rows=tuple(self.uncached),
            findings=(*self.findings, *findings),
        )


def _together(names: Iterable[str | None]) -> str | None:
    found = [name for name in dict.fromkeys(names) if name]
    return ", ".join(found) or None
