"""The cheapest legal placement of marks for a recorded session, by dynamic programming.

The model. A session is a row of requests, each a path in a tree of prefixes (`steps`). A
placement is, for each request, a set of marks at its spots: at most as many as the rules allow,
their TTLs not increasing in prefix order. A request reads the longest live entry that lies within
the lookback of one of its marks; from there to its last mark that reaches the minimum it writes,
each stretch at the price of the mark that ends it; the rest is fresh. An entry stands at every
mark behind what was read, from the moment the reply ends until its TTL has passed; a hit renews
it, and live entries before it at marks of the request (in the pessimistic arm it alone). The cost
is that of the input, in prices of one uncached token.

The programme. It goes through the requests with states: the live entries that a later request can
still read, each with the moment it expires. A state is dropped if another costs no more and has,
for each of its entries, one that lives as long and serves the same requests and more of their
tokens. Few places matter in a request, since cost is linear in tokens between them: for each
later request the last spot that both share, the entries that live, and, where there are several
TTLs, the spots nearest behind an entry, at which a longer TTL is bought for all that stands
before. All sets of those are tried. In an append-only session that is one place a request, and a
handful of states, so the time grows with the requests and with what is new in them.

What is exact. With one TTL the result is the optimum, in chains and in sessions that fork, as
long as no limit on states and places was reached; `exact` says so. Where a longer life is bought,
by a longer TTL or by writing anew just before a pause of the TTL's length, a mark may in principle
be best at a place that is not tried, if there are many spots: then `exact` is False, and the result
is a legal placement, an upper bound of the optimum.

Implicit caching is left out, since it is not placed and no provider promises it. The optimum
knows the future, which no policy does: it marks nothing in the last request. `online` is its cost
when the last request is treated as if another followed.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import combinations, pairwise
from typing import Any, Final

from wiremark.replay.model import Arm, MarkAt
from wiremark.replay.simulation import (
    Entry,
    Placement,
    Served,
    Terms,
    serve,
    simulate,
    terms_of,
)
from wiremark.replay.steps import Counter, Line, Spot, Step, Steps, read_steps
from wiremark.rules import CacheRules

__all__ = ["Optimum", "best_placements", "optimal", "optimum"]

_STATES: Final = 48
"""States that are kept from request to request."""

_PLACES: Final = 7
"""Places that are tried in a request."""

_LINES: Final = 96
"""Departures of later requests that a request is compared with."""

_NEAR: Final = 3
"""Spots behind an entry at which a longer TTL is tried; one, in sessions of many spots."""

_FEW: Final = 60
"""Spots of a session up to which more of them, and more states, are tried where TTLs differ."""

_MANY: Final = 500
"""Requests beyond which fewer states are kept where TTLs differ."""


class _Future:
    """Where requests depart from each other, and when a prefix is next sent."""

    def __init__(self, steps: Steps, *, narrow: bool) -> None:
        self.steps = steps.steps
        self._narrow = narrow
        self.complete = True
        self._common: dict[tuple[int, int], int] = {}
        self._next: dict[tuple[int, int], int | None] = {}
        self.departures = self._all_departures()

    def _all_departures(self) -> list[list[int]]:
        """Return for each request the depths at which later ones depart from it."""
        sizes: dict[int, list[int]] = {}
        lines: dict[int, Line] = {}
        out: list[list[int]] = [[] for _ in self.steps]
        for index in range(len(self.steps) - 1, -1, -1):
            step = self.steps[index]
            found: set[int] = set()
            for count, (key, known) in enumerate(reversed(sizes.items())):
                if count >= _LINES:
                    self.complete = False
                    break
                cap = min(self._common_of(step.line, lines[key]), step.size)
                below = bisect_left(known, cap)
                found.update(known[:below])
                if below < len(known):
                    found.add(cap)
                    found.update(self._whole(step.line, cap), self._whole(lines[key], cap))
            found.discard(0)
            out[index] = sorted(found)
            own = sizes.pop(id(step.line), [])
            if not own or own[min(bisect_left(own, step.size), len(own) - 1)] != step.size:
                insort(own, step.size)
            # Only sizes below a later one's cap can be told apart, and of an append-only line the
            # least is enough once it is not below the earlier request.
            sizes[id(step.line)] = own
            lines[id(step.line)] = step.line
        return out

    def _whole(self, line: Line, depth: int) -> Iterator[int]:
        """Yield, where marks stand at message ends, the last one that is not behind a depth."""
        if self._narrow and depth < len(line.nodes):
            begun = bisect_right(line.starts, depth) - 1
            if begun >= 0:
                yield line.starts[begun]

    def _common_of(self, one: Line, other: Line) -> int:
        if one is other:
            return len(one.nodes)
        key = (id(one), id(other)) if id(one) < id(other) else (id(other), id(one))
        found = self._common.get(key)
        if found is None:
            mine, theirs = one.nodes, other.nodes
            low, high = 0, min(len(mine), len(theirs))
            while low < high:
                middle = (low + high + 1) // 2
                if mine[middle - 1] == theirs[middle - 1]:
                    low = middle
                else:
                    high = middle - 1
            found = self._common[key] = low
        return found

    def next_visit(self, entry: Entry, index: int) -> int | None:
        """Return the first request behind `index` that can read an entry while it lives."""
        key = (entry.node, index)
        found = self._next.get(key, -1)
        if found == -1:
            found = next(
                (
                    later
                    for later in range(index + 1, len(self.steps))
                    if self.steps[later].passes(entry.node, entry.depth)
                ),
                None,
            )
            self._next[key] = found
        if found is None or self.steps[found].at > entry.expires:
            return None
        return found

    def forget(self) -> None:
        """Drop what is known of earlier requests."""
        self._next.clear()


def _needed(steps: Steps, terms: Terms) -> Terms:
    """Return the terms without the TTLs that are longer than the session ever waits."""
    row = steps.steps
    if len(terms.ttls) < 2 or not row:
        return terms
    if all(a.line is b.line and a.size <= b.size for a, b in pairwise(row)):
        waits = max((b.at - a.at for a, b in pairwise(row)), default=0.0)
    else:
        waits = row[-1].at - row[0].at
    enough = [index for index, (_, seconds, _) in enumerate(terms.ttls) if seconds >= waits]
    if not enough:
        return terms
    cheap = min(price for _, _, price in terms.ttls[enough[-1] :])
    if terms.ttls[enough[-1]][2] > cheap:
        return terms
    return replace(terms, ttls=terms.ttls[enough[-1] :][:1])


@dataclass(frozen=True, slots=True)
class _State:
    cost: float
    entries: tuple[Entry, ...]
    marks: Placement = ()
    before: _State | None = None


class _Programme:
    def __init__(self, steps: Steps, terms: Terms) -> None:
        self.steps = steps
        self.terms = terms = _needed(steps, terms)
        self.future = _Future(steps, narrow=terms.narrow)
        self.exact = self.future.complete
        self._times = sorted(step.at for step in steps.steps)
        count = 0
        for step in steps.steps:
            count += len(step.line.spots)
            if count > _FEW:
                break
        small = count <= _FEW or len(terms.ttls) == 1
        self._near = _NEAR if small else 1
        self._states = _STATES if small else _STATES // (4 if len(steps.steps) <= _MANY else 16)
        self._places = _PLACES if small else _PLACES - 2

    def run(self) -> _State:
        states = [_State(0.0, ())]
        for index, step in enumerate(self.steps.steps):
            found: dict[tuple[Entry, ...], _State] = {}
            for state in states:
                for marks in self._choices(index, step, state):
                    served, entries = serve(self.steps, step, self.terms, state.entries, marks)
                    kept = self._kept(index, entries)
                    cost = state.cost + served.cost
                    known = found.get(kept)
                    if known is None or (cost, len(marks)) < (known.cost, len(known.marks)):
                        found[kept] = _State(cost, kept, marks, state)
            states = self._pruned(index, found.values())
            self.future.forget()
        return min(states, key=lambda state: state.cost)

    # Places.

    def _choices(self, index: int, step: Step, state: _State) -> Iterator[Placement]:
        terms = self.terms
        yield ()
        if terms.budget == 0 or not terms.ttls:
            return
        chosen = sorted(self._chosen(index, step, state))
        if len(chosen) > self._places:
            self.exact = False
            chosen = chosen[:1] + chosen[1 - self._places :]
        limit = len(chosen) if terms.budget is None else min(terms.budget, len(chosen))
        for count in range(1, limit + 1):
            for depths in combinations(chosen, count):
                if terms.reached(self.steps, step.line.nodes[depths[-1] - 1]):
                    yield from _with_ttls(depths, len(terms.ttls))

    def _chosen(self, index: int, step: Step, state: _State) -> set[int]:
        """Return the places of a request that are tried."""
        terms = self.terms
        places: set[int] = set()
        for depth in self.future.departures[index]:
            spot = self.steps.last_spot(step, depth, narrow=terms.narrow)
            if spot is not None:
                places.add(spot.depth)
        reads: set[int] = set()
        for entry in state.entries:
            if entry.ready <= step.at <= entry.expires and step.passes(entry.node, entry.depth):
                reads.update(self._reads(step, entry))
        if len(terms.ttls) > 1 or self._outlives(step):
            if places:
                places.update(self._nearest(step, reads, max(places)))
            if terms.renews:
                places.update(self._before(step, reads))
        return places | reads

    def _reads(self, step: Step, entry: Entry) -> Iterator[int]:
        """Yield where a mark reads an entry: at it, else at the last spot within the lookback."""
        spot = self.steps.spot_at(step, entry.depth, narrow=self.terms.narrow)
        if spot is not None:
            yield spot.depth
            if self.terms.budget is None or self.terms.budget > 1:
                return
        behind = self.steps.spots_between(step, entry.depth, step.size, narrow=self.terms.narrow)
        held = self.steps.blocks[entry.node]
        limit = self.terms.lookback
        reach = [
            spot
            for spot in behind
            if limit is None or self.steps.blocks_at(step, spot.depth) - held <= limit
        ]
        if reach:
            yield reach[0].depth
            yield reach[-1].depth

    def _nearest(self, step: Step, reads: set[int], end: int) -> Iterator[int]:
        """Yield the spots nearest behind what can be read, where a longer TTL costs least."""
        for depth in reads or {0}:
            spots = self.steps.spots_between(step, depth, end, narrow=self.terms.narrow)
            long_enough = [
                spot
                for spot in spots
                if self.terms.reached(self.steps, step.line.nodes[spot.depth - 1])
            ]
            if len(long_enough) > self._near:
                self.exact = False
            yield from (spot.depth for spot in long_enough[: self._near])

    def _outlives(self, step: Step) -> bool:
        """Say whether a request comes when what this one writes lives, and what it renews does not.

        What is written lives from the end of the reply on, what is renewed from its start.
        """
        return any(
            bisect_right(self._times, step.at + seconds)
            < bisect_right(self._times, step.ends + seconds)
            for _, seconds, _ in self.terms.ttls
        )

    def _before(self, step: Step, reads: set[int]) -> Iterator[int]:
        """Yield the spots just before what can be read, where an entry is made anew for nothing."""
        for depth in reads:
            spot = self.steps.last_spot(step, depth - 1, narrow=self.terms.narrow)
            if spot is not None:
                yield spot.depth

    # States.

    def _kept(self, index: int, entries: Iterable[Entry]) -> tuple[Entry, ...]:
        """Return the entries that a later request can read and that no other makes needless."""
        following = self.future.steps[index + 1 : index + 2]
        useful = sorted(
            entry._replace(ready=0.0) if following and entry.ready <= following[0].at else entry
            for entry in entries
            if self.future.next_visit(entry, index) is not None
        )
        return tuple(
            entry
            for entry in useful
            if not any(
                other is not entry and self._does_for(index, other, entry) for other in useful
            )
        )

    def _does_for(self, index: int, one: Entry, other: Entry) -> bool:
        """Say whether one entry does for later requests all that another does."""
        if one.expires < other.expires or one.ready > other.ready or one.depth < other.depth:
            return False
        seconds = self.terms.ttls
        if seconds[one.ttl][1] < seconds[other.ttl][1]:
            return False
        if one.node == other.node:
            return one != other
        step = self.steps.steps[index]
        if not (step.passes(one.node, one.depth) and step.passes(other.node, other.depth)):
            return False
        departures = self.future.departures[index]
        first = bisect_left(departures, other.depth)
        return first == len(departures) or departures[first] >= one.depth

    def _pruned(self, index: int, states: Iterable[_State]) -> list[_State]:
        kept: list[_State] = []
        for state in sorted(states, key=lambda state: (state.cost, len(state.marks))):
            if any(self._dominates(index, better, state) for better in kept):
                continue
            kept.append(state)
            if len(kept) >= self._states:
                self.exact = False
                break
        return kept

    def _dominates(self, index: int, one: _State, other: _State) -> bool:
        return all(
            any(mine == theirs or self._does_for(index, mine, theirs) for mine in one.entries)
            for theirs in other.entries
        )


def _with_ttls(depths: tuple[int, ...], ttls: int) -> Iterator[Placement]:
    """Yield the marks at these depths with every row of TTLs from longer to shorter."""

    def rows(count: int, first: int) -> Iterator[tuple[int, ...]]:
        if not count:
            yield ()
            return
        for ttl in range(first, ttls):
            for rest in rows(count - 1, ttl):
                yield (ttl, *rest)

    for row in rows(len(depths), 0):
        yield tuple(zip(depths, row, strict=True))


@dataclass(frozen=True, slots=True)
class Optimum:
    """The cheapest placement: for each request its marks and what it comes to.

    cost: of the input, in prices of one uncached token; uncached: the same without any cache
    online: the cost of the optimum that does not know which request is the last
    exact: False where it is only an upper bound
    """

    placements: tuple[tuple[MarkAt, ...], ...]
    requests: tuple[Served, ...]
    cost: float
    uncached: float
    online: float
    exact: bool
    notes: tuple[str, ...] = ()

    @property
    def read(self) -> float:
        """Return the tokens that are read from cache."""
        return sum(served.read for served in self.requests)

    @property
    def written(self) -> float:
        """Return the tokens that are written to the cache."""
        return sum(served.written for served in self.requests)

    def gap(self, cost: float, *, online: bool = False) -> float:
        """Return by what share a cost lies above the optimum."""
        best = self.online if online else self.cost
        return cost / best - 1.0 if best else 0.0

    def to_dict(self) -> dict[str, Any]:
        """Return everything as JSON data."""
        return {
            "cost": self.cost,
            "uncached": self.uncached,
            "online": self.online,
            "exact": self.exact,
            "read": self.read,
            "written": self.written,
            "placements": [
                [{"path": mark.path, "ttl": mark.ttl, "tokens": mark.tokens} for mark in marks]
                for marks in self.placements
            ],
            "notes": list(self.notes),
        }


def best_placements(steps: Steps, terms: Terms) -> tuple[list[Placement], float, bool]:
    """Return the marks of the cheapest placement, its cost, and whether it is exact."""
    programme = _Programme(steps, terms)
    last = programme.run()
    placements: list[Placement] = []
    state: _State | None = last
    while state is not None and state.before is not None:
        placements.append(state.marks)
        state = state.before
    placements.reverse()
    first = terms.ttls.index(programme.terms.ttls[0]) if programme.terms.ttls else 0
    return (
        [tuple((depth, ttl + first) for depth, ttl in marks) for marks in placements],
        last.cost,
        programme.exact,
    )


def optimal(steps: Steps, terms: Terms) -> Optimum:
    """Return the cheapest placement of a session that was read as steps."""
    placements, cost, exact = best_placements(steps, terms)
    return Optimum(
        placements=tuple(
            tuple(_mark_at(steps, step, terms, depth, ttl) for depth, ttl in marks)
            for step, marks in zip(steps.steps, placements, strict=True)
        ),
        requests=simulate(steps, placements, terms),
        cost=cost,
        uncached=sum(step.tokens for step in steps.steps),
        online=_online(steps, terms),
        exact=exact,
        notes=terms.notes,
    )


def _online(steps: Steps, terms: Terms) -> float:
    """Return the cost of the best placement for a session whose last request is followed."""
    if not steps.steps:
        return 0.0
    last = steps.steps[-1]
    ghost = replace(last, at=last.ends, ends=last.ends)
    followed = replace(steps, steps=(*steps.steps, ghost))
    placements, _, _ = best_placements(followed, terms)
    return sum(served.cost for served in simulate(steps, placements[:-1], terms))


def _mark_at(steps: Steps, step: Step, terms: Terms, depth: int, ttl: int) -> MarkAt:
    spot = steps.spot_at(step, depth, narrow=terms.narrow)
    path = spot.path if isinstance(spot, Spot) else ""
    return MarkAt(path, terms.ttls[ttl][0], steps.tokens_at(step, depth))


def optimum(
    requests: Iterable[Any],
    rules: CacheRules,
    *,
    form: str | None = None,
    model: str | None = None,
    arm: Arm = "neutral",
    counter: Counter | None = None,
    gap: float = 0.0,
) -> Optimum:
    """Return the cheapest legal placement of marks for a session.

    requests: bodies, or objects with `body`, `at` and `duration`, in the order they were sent
    form: the wire form of the bodies, by default the protocol of the rules
    counter: counts the tokens of a text, by default an estimate
    gap: seconds from request to request where times are not known
    """
    found: Mapping[str, Any] = {"form": form or rules.protocol, "model": model, "gap": gap}
    steps = read_steps(requests, rules=rules, counter=counter, **found)
    return optimal(steps, terms_of(rules, model, arm))
