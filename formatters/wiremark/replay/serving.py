"""One request before a prefix cache: what it finds, what it reads and writes, what it leaves."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple, TypeAlias

from ..rules import ttl_seconds
from .entries import Entry, Leaf, Shelf
from .marking import DEFAULT_TTL, Mark, Marking, read_marks
from .misses import Attempt, Before, explain, under_minimum
from .model import MarkAt, Miss

if TYPE_CHECKING:
    from ..estimate import Tokens
    from ..findings import Finding
    from .arms import Reading
    from .layout import Departure, Layout

__all__ = ["CacheResult", "Renewal", "Serving", "Settings"]

Renewal: TypeAlias = Literal["entry", "request"]

_LATEST: Final = 50
"""The latest breakpoints that OpenAI matches by its guide, beside the first two."""


@dataclass(frozen=True, slots=True)
class Settings:
    """How a cache reads what is open, how long it keeps what none marked, what a hit renews."""

    reading: Reading
    implicit_ttl: float
    renews: Renewal


@dataclass(frozen=True, slots=True)
class CacheResult:
    """What a request reads and writes, in tokens: `read + written + fresh == input`.

    written_by_ttl: `written`, split by TTL
    common: what the request has in common with the one before, from its start
    marks: the marks that take effect; `written_at` the paths of those that wrote an entry
    read_as: what was read, an entry of a mark or what the provider keeps by itself
    matched_at: the path of the last block that was read
    miss: why less was read than the request before left
    rejected: why the provider refuses the request, which then reads and writes nothing
    """

    input: float
    read: float = 0.0
    written: float = 0.0
    fresh: float = 0.0
    written_by_ttl: Mapping[str, float] = field(default_factory=dict)
    common: float = 0.0
    marks: tuple[MarkAt, ...] = ()
    written_at: tuple[str, ...] = ()
    read_as: Literal["explicit", "implicit"] | None = None
    matched_at: str = ""
    miss: Miss | None = None
    rejected: Finding | None = None


class _Hit(NamedTuple):
    depth: int = 0
    entry: Entry | None = None
    leaf: Leaf | None = None


class Serving:
    """One request: looked up, answered, and then written."""

    def __init__(
        self, settings: Settings, shelf: Shelf, layout: Layout, body: Mapping[str, Any], at: float
    ) -> None:
        self.settings, self.shelf, self.layout, self.at = settings, shelf, layout, at
        self.reading = settings.reading
        self.marking: Marking = read_marks(layout, body, self.reading)
        rules, model = layout.rules, layout.model
        kept = rules.implicit if not rules.implicit_marks and self.reading.implicit else None
        excluded = kept is not None and kept.excludes_explicit and bool(self.marking.marks)
        refused = self.marking.refused is not None
        self.kept = None if excluded or refused else kept
        known = rules.min_tokens_for(model)
        self.minimum = float(self.reading.unknown_minimum if known is None else known)
        own = self.kept.min_tokens_for(model) if self.kept is not None else None
        self.kept_minimum = float(own or 0)
        self.hit = self._find()
        self.written: tuple[Mark, ...] = ()

    @property
    def lookback(self) -> int | None:
        """Return how many content blocks a mark looks back, `None` if there is no limit."""
        rules = self.layout.rules
        if rules.lookback_blocks is None and rules.lookback_breakpoints is None:
            return self.reading.unknown_lookback
        return rules.lookback_blocks

    # ------------------------------------------------------------------- reading

    def _find(self) -> _Hit:
        best = _Hit()
        if self.layout.rules.lookback_breakpoints is not None:
            best = self._at_breakpoints(self.layout.rules.lookback_breakpoints)
        else:
            for mark in reversed(self.marking.marks):
                found = self._behind(mark, best.depth + 1)
                best = found if found.depth > best.depth else best
        if self.kept is not None:
            depth, leaf = self.shelf.longest(self.layout.chain, self.at)
            depth = self.layout.floor(depth, messages=self.layout.rules.reuse_at == "message")
            if depth > best.depth and self._kept_tokens(depth) > 0:
                best = _Hit(depth, None, leaf)
        return best

    def _behind(self, mark: Mark, low: int) -> _Hit:
        """Return the longest entry that a mark finds, looking back."""
        lookback, layout = self.lookback, self.layout
        least = 0 if lookback is None else mark.blocks - lookback
        low = max(low, layout.depth_before(least))
        for entry in self.shelf.on(layout.chain, low, mark.depth, self.at):
            if entry.blocks >= least:
                return _Hit(entry.depth, entry)
        return _Hit()

    def _at_breakpoints(self, latest: int) -> _Hit:
        """Return the longest entry at a breakpoint of the conversation."""
        own = [mark.depth for mark in self.marking.own]
        own += [mark.depth for mark in self.marking.marks if mark.implicit]
        chain, shelf = self.layout.chain, self.shelf
        if self.reading.earlier_breakpoints:
            last = self.marking.marks[-1].depth if self.marking.marks else 0
            implicit = any(mark.implicit for mark in self.marking.marks)
            room = latest - len(own)
            for entry in shelf.on(chain, 1, last, self.at):
                room -= entry.depth not in own
                if entry.depth in own[-latest:] or (implicit and entry.implicit and room >= 0):
                    return _Hit(entry.depth, entry)
            return _Hit()
        for depth in reversed([*own[:2], *own[2:][-_LATEST:]]):
            held = shelf.get(chain[depth - 1], depth)
            if held is not None and held.is_live(self.at):
                return _Hit(depth, held)
        return _Hit()

    def _kept_tokens(self, depth: int) -> int:
        """Return the tokens that are read of a kept prefix: in steps, from a minimum on."""
        assert self.kept is not None
        tokens = round(self.layout.tokens_at(depth).estimate)
        if self.kept.rounding:
            tokens -= tokens % self.kept.rounding
        return tokens if tokens >= self.kept_minimum else 0

    # ------------------------------------------------------------------- answering

    def answer(
        self, before: Before | None, common: int, departure: Departure | None, first: str
    ) -> CacheResult:
        """Return what the request reads and writes."""
        layout, hit = self.layout, self.hit
        total = round(layout.total.estimate)
        read = 0
        if hit.leaf is not None:
            read = self._kept_tokens(hit.depth)
        elif hit.entry is not None:
            read = round(layout.tokens_at(hit.depth).estimate)
        able = [mark for mark in self.marking.marks if self._reaches(mark.tokens)]
        self.written = tuple(mark for mark in able if mark.depth > hit.depth)
        by_ttl: dict[str, float] = {}
        reached = read
        for mark in self.written:
            end = round(mark.tokens.estimate)
            if end > reached:
                by_ttl[mark.ttl] = by_ttl.get(mark.ttl, 0.0) + end - reached
                reached = end
        written = sum(by_ttl.values())
        total = max(total, reached)
        return CacheResult(
            input=float(total),
            read=float(read),
            written=float(written),
            fresh=float(total - read - written),
            written_by_ttl=by_ttl,
            common=float(round(layout.tokens_at(common).estimate)),
            marks=tuple(mark.at for mark in self.marking.marks),
            written_at=tuple(mark.path for mark in self.written),
            read_as=None if not hit.depth else "explicit" if hit.entry else "implicit",
            matched_at=layout.path_at(hit.depth),
            miss=explain(self._attempt(departure), before, first),
            rejected=self.marking.refused,
        )

    def _reaches(self, tokens: Tokens) -> bool:
        count = tokens.low if self.reading.least_tokens else tokens.estimate
        return count >= self.minimum

    def _attempt(self, departure: Departure | None) -> Attempt:
        implicit = self.kept is not None and not self.marking.marks
        return Attempt(
            layout=self.layout,
            marking=self.marking,
            at=self.at,
            depth=self.hit.depth,
            minimum=self.kept_minimum if implicit else self.minimum,
            lookback=self.lookback,
            breakpoints=self.layout.rules.lookback_breakpoints,
            implicit=implicit,
            departure=departure,
        )

    # ------------------------------------------------------------------- writing

    def commit(self, ends_at: float) -> Before:
        """Renew what was read, write what was not, and return what the next request finds."""
        if self.marking.refused is not None:
            return Before(None, Miss("other", "it was rejected", self.marking.refused.path))
        self._renew_read(ends_at)
        target: Entry | Leaf | None = self.hit.entry
        for mark in self.written:
            target = self._entry(mark, ends_at)
            self.shelf.put(target, self.at)
        if self.kept is not None and self.layout.depth:
            leaf = Leaf(self.layout.chain, self.layout.depth, ends_at, ends_at + self._kept_for)
            if round(self.layout.total.estimate) >= self.kept_minimum:
                self.shelf.keep(leaf)
                target = target if self.marking.marks and target is not None else leaf
        return Before(target, None if target is not None else self._nothing())

    @property
    def _kept_for(self) -> float:
        return self.settings.implicit_ttl

    def renew_hit(self) -> None:
        """Renew what was read, as of the start of the request."""
        hit = self.hit
        if hit.entry is not None:
            behind = (mark for mark in self.marking.marks if mark.depth >= hit.depth)
            self._renew(hit.entry, next(behind, None))
        if hit.leaf is not None:
            hit.leaf.expires = max(hit.leaf.expires, self.at + self._kept_for)

    def _renew_read(self, ends_at: float) -> None:
        """Renew what was read, and what stands before it at marks of the request."""
        self.renew_hit()
        if not self.reading.renews_marked:
            return
        chain = self.layout.chain
        for mark in self.marking.marks:
            if mark.depth > self.hit.depth:
                break
            entry = self.shelf.get(chain[mark.depth - 1], mark.depth)
            if entry is not None and entry.is_live(self.at):
                self._renew(entry, mark)
            elif self._reaches(mark.tokens):
                self.shelf.put(self._entry(mark, ends_at), self.at)

    def _renew(self, entry: Entry, mark: Mark | None) -> None:
        by_request = self.settings.renews == "request"
        ttl = mark.ttl if by_request and mark is not None else entry.ttl
        entry.ttl = ttl
        entry.expires = max(entry.expires, self.at + _seconds(ttl))

    def _entry(self, mark: Mark, ends_at: float) -> Entry:
        return Entry(
            digest=self.layout.chain[mark.depth - 1],
            depth=mark.depth,
            blocks=mark.blocks,
            ttl=mark.ttl,
            ready=ends_at,
            expires=ends_at + _seconds(mark.ttl),
            readable=mark.readable,
            implicit=mark.implicit,
        )

    def _nothing(self) -> Miss:
        """Return why the request has left nothing."""
        if self.marking.silent is not None:
            return self.marking.silent
        if self.marking.marks:
            last = self.marking.marks[-1]
            what = f"the prefix up to {last.path}"
            short = under_minimum(last.tokens, self.minimum, last.path, what)
        else:
            short = under_minimum(self.layout.total, self.kept_minimum, "", "the request")
        return short or Miss("no-marks", "it had no mark that the provider reads")


def _seconds(ttl: str) -> int:
    return ttl_seconds(ttl) or ttl_seconds(DEFAULT_TTL) or 0
