"""What requests read, write and cost with given marks: the cache of `cache.py`, on steps.

It is what the dynamic programme asks thousands of times, so requests are steps and entries are
tuples; a test holds it equal to `PrefixCache`, without implicit caching, request by request.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple, TypeAlias

from wiremark.replay.arms import READINGS
from wiremark.replay.model import Arm
from wiremark.replay.steps import Step, Steps
from wiremark.rules import CacheRules, ttl_seconds

__all__ = ["Entry", "Placement", "Served", "Terms", "serve", "simulate", "terms_of"]

_ASSUMED_READ: Final = 0.1
_ASSUMED_WRITE: Final = 1.25

Placement: TypeAlias = tuple[tuple[int, int], ...]
"""Marks of a request in prefix order: depth, and index of the TTL from the longest on."""


@dataclass(frozen=True, slots=True)
class Terms:
    """What the programme needs of the rules of a model.

    ttls: name, seconds and price of writing a token, from the longest to the shortest
    read: price of reading a token; minimum: least tokens of an entry
    lookback: content blocks from a mark back to an entry; budget: most marks; `None` is no limit
    least: the lower end of an estimate has to reach the minimum
    narrow: marks at the ends of messages alone; renews: a hit renews marked entries before it
    notes: what is assumed where the rules do not say
    """

    ttls: tuple[tuple[str | None, float, float], ...]
    read: float
    minimum: float = 0.0
    lookback: int | None = None
    budget: int | None = None
    least: bool = False
    narrow: bool = False
    renews: bool = True
    notes: tuple[str, ...] = ()

    def reached(self, steps: Steps, node: int) -> bool:
        """Say whether a prefix has the least tokens of an entry."""
        return (steps.least if self.least else steps.estimate)[node] >= self.minimum

    def break_even(self) -> dict[str, float]:
        """Return by TTL how many reads of a written token pay for its writing."""
        saved = 1.0 - self.read
        return {
            ttl or "default": max(0.0, (write - 1.0) / saved)
            for ttl, _, write in self.ttls
            if saved > 0
        }


def terms_of(rules: CacheRules, model: str | None = None, arm: Arm = "neutral") -> Terms:
    """Return the terms of a model; figures that the rules lack are assumed, and noted."""
    reading = READINGS[arm]
    notes = []
    read = rules.read_multiplier_for(model)
    if read is None:
        read = _ASSUMED_READ
        notes.append(f"the price of reading is unknown: {read} of an uncached token is assumed")
    ttls: list[tuple[str | None, float, float]] = []
    for ttl in reversed(rules.ttls):
        price = rules.write_multiplier_for(ttl)
        if price is None and ttl == rules.default_ttl:
            price = _ASSUMED_WRITE
            notes.append(f"the price of writing is unknown: {price} is assumed")
        if price is not None:
            ttls.append((ttl, float(ttl_seconds(ttl) or 0), price))
    if not ttls and rules.marker != "none":
        price = rules.write_multiplier_for(None)
        if price is None:
            price = _ASSUMED_WRITE
            notes.append(f"TTL and price of writing are unknown: 5m and {price} are assumed")
        ttls.append((None, 300.0, price))
    minimum = rules.min_tokens_for(model)
    lookback = rules.lookback_blocks
    if lookback is None and rules.lookback_breakpoints is None:
        lookback = reading.unknown_lookback
    return Terms(
        ttls=tuple(ttls),
        read=read,
        minimum=float(reading.unknown_minimum if minimum is None else minimum),
        lookback=lookback,
        budget=0 if rules.marker == "none" else rules.budget,
        least=reading.least_tokens,
        narrow=rules.reuse_at == "message" and not reading.reads_mid_message,
        renews=reading.renews_marked,
        notes=tuple(notes),
    )


class Entry(NamedTuple):
    """A live prefix: its node and depth, the TTL it has, and when it can be read."""

    node: int
    depth: int
    ttl: int
    ready: float
    expires: float


@dataclass(frozen=True, slots=True)
class Served:
    """What one request comes to, in tokens; `by_ttl` splits what is written."""

    input: float
    read: float
    written: float
    by_ttl: tuple[float, ...]
    cost: float

    @property
    def fresh(self) -> float:
        """Return the tokens that are neither read nor written."""
        return self.input - self.read - self.written


def serve(
    steps: Steps, step: Step, terms: Terms, entries: Sequence[Entry], marks: Placement
) -> tuple[Served, tuple[Entry, ...]]:
    """Return what a request comes to with these marks, and the entries behind it."""
    line = step.line.nodes
    hit = _hit(steps, step, terms, entries, marks)
    start = hit.depth if hit is not None else 0
    read = before = steps.tokens[hit.node] if hit is not None else 0.0
    by_ttl = [0.0] * len(terms.ttls)
    cost = terms.read * read
    out = _renewed(steps, step, terms, entries, marks, hit) if hit is not None else list(entries)
    for depth, ttl in marks:
        node = line[depth - 1]
        if depth <= start or not terms.reached(steps, node):
            continue
        tokens = steps.tokens[node]
        _, seconds, price = terms.ttls[ttl]
        by_ttl[ttl] += tokens - before
        cost += price * (tokens - before)
        before = tokens
        out = [entry for entry in out if entry.node != node]
        out.append(Entry(node, depth, ttl, step.ends, step.ends + seconds))
    cost += step.tokens - before
    return Served(step.tokens, read, before - read, tuple(by_ttl), cost), tuple(out)


def _hit(
    steps: Steps, step: Step, terms: Terms, entries: Sequence[Entry], marks: Placement
) -> Entry | None:
    """Return the longest live entry that a mark finds, looking back."""
    line, lookback = step.line.nodes, terms.lookback
    best: Entry | None = None
    for entry in entries:
        if not entry.ready <= step.at <= entry.expires or not marks:
            continue
        if (best is not None and entry.depth <= best.depth) or not step.passes(
            entry.node, entry.depth
        ):
            continue
        reach = None if lookback is None else steps.blocks[entry.node] + lookback
        if any(
            depth >= entry.depth and (reach is None or steps.blocks[line[depth - 1]] <= reach)
            for depth, _ in marks
        ):
            best = entry
    return best


def _renewed(
    steps: Steps,
    step: Step,
    terms: Terms,
    entries: Sequence[Entry],
    marks: Placement,
    hit: Entry,
) -> list[Entry]:
    """Return the entries after a hit: what it renews, and what marks before it make anew."""
    line, at = step.line.nodes, step.at
    marked = {}
    if terms.renews:
        marked = {line[depth - 1]: (depth, ttl) for depth, ttl in marks if depth <= hit.depth}
    out = list(entries)
    for index, entry in enumerate(out):
        if (entry.node == hit.node or entry.node in marked) and entry.ready <= at <= entry.expires:
            marked.pop(entry.node, None)
            out[index] = entry._replace(expires=max(entry.expires, at + terms.ttls[entry.ttl][1]))
    for node, (depth, ttl) in marked.items():
        if terms.reached(steps, node):
            out = [entry for entry in out if entry.node != node]
            out.append(Entry(node, depth, ttl, step.ends, step.ends + terms.ttls[ttl][1]))
    return out


def simulate(steps: Steps, placements: Sequence[Placement], terms: Terms) -> tuple[Served, ...]:
    """Return what each request of a session comes to with given marks."""
    entries: tuple[Entry, ...] = ()
    out = []
    for step, marks in zip(steps.steps, placements, strict=True):
        served, entries = serve(steps, step, terms, entries, marks)
        entries = tuple(entry for entry in entries if entry.expires >= step.at)
        out.append(served)
    return tuple(out)
