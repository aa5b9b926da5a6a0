"""Paths to look into what is kept, under `/_wiremark`: the page, and the requests as JSON.

    GET  /_wiremark                         the page
    GET  /_wiremark/requests                what is kept: after=, before=, also=, limit=, bodies=0
    GET  /_wiremark/requests/{index}        one request whole, with its view
    GET  /_wiremark/requests/{index}/body   its body as it arrived
    GET  /_wiremark/summary                 the totals

Only what is on this machine may look: another machine, a page of another origin, or a host name
that leads here from elsewhere, is refused.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Any, Final, Protocol
from urllib.parse import urlsplit

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from .. import jsontext
from .costing import Ledger
from .hosts import LOOPBACK
from .page import page_and_policy
from .records import Record
from .views import usage_view, view_of

if TYPE_CHECKING:
    from ..replay.tokens.counter import TokenCounter
    from ..rules import CacheRules

__all__ = ["PREFIX", "Inspected", "guarded", "inspection_routes"]

PREFIX: Final = "/_wiremark"
"""What every path of the inspection begins with; nothing of a provider's does."""

_DIGITS: Final = 18
_ALSO: Final = 200
_BODY_HEADERS: Final = {
    # A body is anyone's text: no browser may take it for a page.
    "content-security-policy": "default-src 'none'; sandbox",
}
_HEADERS: Final = {
    "cache-control": "no-store",
    "cross-origin-resource-policy": "same-origin",
    "x-content-type-options": "nosniff",
}

Endpoint = Callable[[Request], Awaitable[Response]]


class Inspected(Protocol):
    """What is looked into: the requests that are kept, and their clock.

    One with a `clock` that can be advanced gets a control for it on the page. One with `whole` says
    what a request goes on with: it returns its body with that, `None` if there is nothing before.
    """

    @property
    def requests(self) -> Sequence[Record]:
        """Return what is kept, the oldest first."""
        ...

    def now(self) -> float:
        """Return the seconds of the clock."""
        ...


def guarded(look: Endpoint, hosts: frozenset[str]) -> Endpoint:
    """Return an endpoint that answers this machine under these host names, and its own page."""

    async def endpoint(request: Request) -> Response:
        if not (_is_near(request) and _is_own(request, hosts)):
            return JSONResponse({"error": "only from this machine"}, status_code=403)
        return await look(request)

    return endpoint


def _is_near(request: Request) -> bool:
    """Say whether a request comes from this machine, however it calls it."""
    peer = request.client
    return peer is not None and peer.host.removeprefix("::ffff:") in LOOPBACK


def _is_own(request: Request, hosts: frozenset[str]) -> bool:
    """Say whether a request means one of these hosts, and no page of another sends it."""
    host, origin = request.headers.get("host", ""), request.headers.get("origin")
    try:
        return urlsplit(f"//{host}").hostname in hosts and (
            not origin or urlsplit(origin).netloc == host
        )
    except ValueError:  # a bracket that is not closed
        return False


def inspection_routes(
    inspected: Inspected,
    hosts: frozenset[str],
    *,
    region: str | None = None,
    counter: TokenCounter | None = None,
    rules: CacheRules | None = None,
) -> list[Route]:
    """Return the routes of the page and of what it shows.

    region: of DashScope, by which its prices differ; by default that of each request's host
    counter: what the requests' tokens were counted with, by default the best at hand
    rules: by which all of them were served, by default each by those of its service and model
    """
    looking = _Looking(inspected, region, counter, rules)

    def route(path: str, look: Endpoint) -> Route:
        return Route(f"{PREFIX}{path}", guarded(look, hosts), methods=["GET"])

    return [
        route("", looking.page),
        route("/requests", looking.requests),
        route("/requests/{index:int}", looking.request),
        route("/requests/{index:int}/body", looking.body),
        route("/summary", looking.summary),
        route("/{rest:path}", looking.nothing),
    ]


class _Looking:
    """The endpoints. What takes long is computed in a thread, so that requests are still served."""

    def __init__(
        self,
        inspected: Inspected,
        region: str | None,
        counter: TokenCounter | None,
        rules: CacheRules | None,
    ) -> None:
        self.inspected, self.counter, self.rules = inspected, counter, rules
        self.whole = getattr(inspected, "whole", lambda _: None)
        self.ledger = Ledger(region, rules)

    async def page(self, _: Request) -> Response:
        page, policy = page_and_policy()
        return HTMLResponse(page, headers={**_HEADERS, "content-security-policy": policy})

    async def requests(self, request: Request) -> Response:
        asked = request.query_params
        after, before = _number(asked.get("after"), -1), _number(asked.get("before"), None)
        limit = _number(asked.get("limit"), None)
        also = {_number(each, None) for each in asked.get("also", "").split(",")[:_ALSO]}
        full = asked.get("bodies") != "0"

        def made() -> bytes:
            kept = self.inspected.requests
            epoch = self.ledger.look(kept)
            chosen = [each for each in kept if after is None or each.index > after]
            if before is not None:
                chosen = [each for each in chosen if each.index < before]
            more = limit is not None and len(chosen) > limit
            if more and limit is not None:  # towards the side that is asked from
                chosen = chosen[len(chosen) - limit :] if before is not None else chosen[:limit]
            listed = {each.index for each in chosen}
            chosen += [each for each in kept if each.index in also and each.index not in listed]
            data = {
                "now": self.inspected.now(),
                "movable": _is_movable(self.inspected),
                "epoch": epoch,
                "first": kept[0].index if kept else None,
                "last": kept[-1].index if kept else None,
                "more": more,
                "requests": [self._told(each, full=full) for each in chosen],
            }
            return jsontext.dumpb(data)  # any text, any depth

        return await _json(made)

    async def request(self, request: Request) -> Response:
        record = self._find(request)
        if record is None:
            return _missing()
        full = request.query_params.get("bodies") != "0"

        def made() -> bytes:
            told = self._told(record, full=full)
            whole = self.whole(record)
            told["view"] = view_of(record, self.counter, rules=self.rules, whole=whole)
            told["usage"] = usage_view(record)
            return jsontext.dumpb(told)

        return await _json(made)

    async def body(self, request: Request) -> Response:
        record = self._find(request)
        if record is None:
            return _missing()
        headers = {**_HEADERS, **_BODY_HEADERS}
        return Response(record.raw, media_type="text/plain", headers=headers)

    async def summary(self, _: Request) -> Response:
        def made() -> bytes:
            kept = self.inspected.requests
            self.ledger.look(kept)
            return jsontext.dumpb({"now": self.inspected.now(), **self.ledger.summary(kept)})

        return await _json(made)

    async def nothing(self, _: Request) -> Response:
        return JSONResponse({"error": "nothing stands at this path"}, status_code=404)

    def _find(self, request: Request) -> Record | None:
        index: int = request.path_params["index"]
        return next((each for each in self.inspected.requests if each.index == index), None)

    def _told(self, record: Record, *, full: bool) -> dict[str, Any]:
        return {**record.to_dict(body=full), "cost": self.ledger.priced(record).to_dict()}


async def _json(made: Callable[[], bytes]) -> Response:
    data = await run_in_threadpool(made)
    return Response(data, media_type="application/json", headers=_HEADERS)


def _missing() -> Response:
    return JSONResponse({"error": "no such request is kept"}, status_code=404)


def _is_movable(inspected: Inspected) -> bool:
    return callable(getattr(getattr(inspected, "clock", None), "advance", None))


def _number(text: str | None, default: int | None) -> int | None:
    """Return a whole number that was asked for; anything else is the default."""
    if text is None or len(text) > _DIGITS or not text.removeprefix("-").isdecimal():
        return default
    return int(text)
