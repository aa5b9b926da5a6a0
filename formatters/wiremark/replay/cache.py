"""A provider's prompt cache, block by block, as its rules describe it.

    cache = PrefixCache(protocol="dashscope", model="qwen3.7-max")
    result = cache.request(body, at=0.0, ends_at=8.0)
    result.read, result.written, result.fresh, result.miss

What is hashed are tools, system and messages in that order, without markers. Entries are written at
the marks when the response ends, and read from the mark backwards: the longest that is alive,
within the lookback. Where marks are absent, what the provider keeps by itself is read. Time is an
argument; nothing is random.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from ..rules import select_rules
from ..validation.reading import known_protocol
from ..validation.registry import SPEAKS
from .arms import READINGS
from .entries import Shelf
from .layout import Departure, Layout, common_depth
from .misses import Before
from .serving import CacheResult, Renewal, Serving, Settings
from .tokens.choose import token_counter

if TYPE_CHECKING:
    from ..rules import CacheRules
    from .model import Arm
    from .tokens.counter import TokenCounter

__all__ = ["CacheRequest", "CacheResult", "PrefixCache"]

_THREADS: Final = 8
"""Conversations of one account and model that are remembered at a time."""

_ALIKE: Final = 0.5
"""From which share of common messages on two requests are of one conversation."""


@dataclass(frozen=True, slots=True)
class CacheRequest:
    """A request body and what else decides where it is cached; `None`: as the cache was given.

    `rules` are those of the request, where more than protocol, host and model decides them.
    """

    body: Mapping[str, Any]
    protocol: str | None = None
    host: str | None = None
    model: str | None = None
    account: str | None = None
    rules: CacheRules | None = None


@dataclass(slots=True)
class _Thread:
    """A conversation: its latest request, and what that left."""

    layout: Layout
    before: Before | None = None


@dataclass(slots=True)
class _Place:
    """What one account and model have: entries, and the conversations that wrote them."""

    rules: CacheRules
    model: str | None
    counter: TokenCounter
    shelf: Shelf = field(default_factory=Shelf)
    threads: list[_Thread] = field(default_factory=list)


class PrefixCache:
    """The prompt cache of a provider, for any number of accounts, models and conversations.

    Without `rules`, each request is under those of its protocol, host and model. `arm` decides what
    the documentation leaves open (`replay.arms`). `counter` counts tokens, without it the best at
    hand for the model. `implicit_ttl` is how many seconds a prefix is kept that no mark asked for.
    `renews`: a hit renews an entry for the TTL it was written with, or for that of the request that
    reads it (Qwen4).

    Requests are given in the order in which they start, and are not changed afterwards.
    """

    def __init__(  # noqa: PLR0913 what a cache is told
        self,
        rules: CacheRules | None = None,
        *,
        protocol: str | None = None,
        host: str | None = None,
        model: str | None = None,
        account: str = "",
        arm: Arm = "neutral",
        counter: TokenCounter | None = None,
        implicit_ttl: float = 300.0,
        renews: Renewal = "entry",
    ) -> None:
        self.arm: Arm = arm
        self._settings = Settings(READINGS[arm], implicit_ttl, renews)
        self._default = CacheRequest({}, protocol, host, model, account)
        self._rules = rules
        self._counter = counter
        self._places: dict[tuple[str, str, str | None], _Place] = {}
        self._selected: dict[tuple[str, str | None, str | None], CacheRules] = {}

    def __len__(self) -> int:
        """Return how many entries are held, expired ones that nobody met again among them."""
        return sum(len(place.shelf) for place in self._places.values())

    def request(
        self,
        request: Mapping[str, Any] | CacheRequest,
        *,
        at: float,
        ends_at: float | None = None,
    ) -> CacheResult:
        """Send a request that starts and ends at these seconds; return what it reads and writes.

        What it writes can be read by requests that start at `ends_at` or later; without it the
        response ends at once. Raises `OptionError` if no protocol is named and the body shows none.
        """
        body, place, first = self._place_of(request)
        thread, same = self._thread_of(place, body)
        before, fresh = thread.before, not thread.layout.parts
        thread.layout.read(body, same)
        departure: Departure | None
        if fresh:
            before, common, departure = self._nearest(place, thread)
        else:
            common, departure = thread.layout.common, thread.layout.departure
        serving = Serving(self._settings, place.shelf, thread.layout, body, at)
        result = serving.answer(before, common, departure, first)
        thread.before = serving.commit(max(at, ends_at if ends_at is not None else at))
        place.threads.remove(thread)
        place.threads.append(thread)
        return result

    def lookup(
        self, request: Mapping[str, Any] | CacheRequest, *, at: float, renews: bool = False
    ) -> CacheResult:
        """Return what a request would read and write at a moment; nothing is written.

        `renews`: the request has begun, so that what it reads lives on, whenever it ends.
        """
        body, place, first = self._place_of(request)
        thread = _Thread(self._layout(place))
        thread.layout.read(body)
        before, common, departure = self._nearest(place, thread)
        serving = Serving(self._settings, place.shelf, thread.layout, body, at)
        result = serving.answer(before, common, departure, first)
        if renews and result.rejected is None:
            serving.renew_hit()
        return result

    # ------------------------------------------------------------------- where a request belongs

    def _place_of(
        self, request: Mapping[str, Any] | CacheRequest
    ) -> tuple[Mapping[str, Any], _Place, str]:
        """Return the body, the place where it is cached, and why that place may be empty."""
        given = request if isinstance(request, CacheRequest) else CacheRequest(request)
        own, body = self._default, given.body
        named = body.get("model", body.get("modelId"))
        model = given.model or own.model or (named if isinstance(named, str) else None)
        account = given.account if given.account is not None else own.account or ""
        rules = self._rules or given.rules
        rules = rules or self._select(
            given.protocol or own.protocol, given.host or own.host, model, body
        )
        key = (account, rules.name, model)
        if key not in self._places:
            host = given.host or own.host
            counter = self._counter or token_counter(model or "", host)
            self._places[key] = _Place(rules, model, counter)
        first = f"the first request to {model or rules.name}"
        if len(self._places) > 1:
            first += "; what other models and accounts have cached is not shared"
        return body, self._places[key], first

    def _select(
        self, protocol: str | None, host: str | None, model: str | None, body: Mapping[str, Any]
    ) -> CacheRules:
        protocol = known_protocol(body, protocol)
        key = (protocol, host, model)
        if key not in self._selected:
            form, own = SPEAKS.get(protocol, (protocol, None))
            self._selected[key] = select_rules(form, host=host or own, model=model).rules
        return self._selected[key]

    def _layout(self, place: _Place) -> Layout:
        calls = self._settings.reading.counts_calls
        return Layout(place.rules, place.model, place.counter, counts_calls=calls)

    def _thread_of(self, place: _Place, body: Mapping[str, Any]) -> tuple[_Thread, int]:
        """Return the conversation a request goes on with, and how many messages are as there."""
        best, most, same = None, 0.0, 0
        for thread in reversed(place.threads):
            alike, first = thread.layout.likeness(body)
            if alike > most:
                best, most, same = thread, alike, first
            if alike == 1.0:
                break
        if best is not None and most >= _ALIKE:
            return best, same
        del place.threads[: max(0, len(place.threads) - _THREADS + 1)]
        place.threads.append(_Thread(self._layout(place)))
        return place.threads[-1], 0

    def _nearest(
        self, place: _Place, thread: _Thread
    ) -> tuple[Before | None, int, Departure | None]:
        """Compare a request that begins a conversation with the nearest one that is remembered."""
        layout = thread.layout
        others = [other for other in reversed(place.threads) if other is not thread]
        if not others:
            return None, 0, None
        common, nearest = -1, others[0]
        for other in others:
            depth = common_depth(other.layout.chain, layout.chain)
            if depth > common:
                common, nearest = depth, other
        old = nearest.layout.piece_at(common)
        departure = Departure(old, layout.piece_at(common)) if old is not None else None
        return nearest.before, common, departure
