"""Paths to look into what is kept, under `/_wiremark`: the page, and the requests as JSON.

Only what is on this machine may look: a page of another origin, or a host name that leads here
from elsewhere, is refused.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Final, Protocol
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from .. import jsontext
from .page import PAGE, POLICY
from .records import Record

__all__ = ["PREFIX", "Inspected", "guarded", "inspection_routes"]

PREFIX: Final = "/_wiremark"
"""What every path of the inspection begins with; nothing of a provider's does."""

Endpoint = Callable[[Request], Awaitable[Response]]


class Inspected(Protocol):
    """What is looked into: the requests that are kept, and their clock."""

    @property
    def requests(self) -> Sequence[Record]:
        """Return what is kept, the oldest first."""
        ...

    def now(self) -> float:
        """Return the seconds of the clock."""
        ...


def guarded(look: Endpoint, hosts: frozenset[str]) -> Endpoint:
    """Return an endpoint that answers under these host names, and no page of another origin."""

    async def endpoint(request: Request) -> Response:
        origin = request.headers.get("origin")
        own = request.url.hostname in hosts
        if not own or (origin and urlsplit(origin).netloc != request.headers.get("host")):
            return JSONResponse({"error": "only from this machine"}, status_code=403)
        return await look(request)

    return endpoint


def inspection_routes(inspected: Inspected, hosts: frozenset[str]) -> list[Route]:
    """Return the routes of the page and of what it shows."""

    async def page(_: Request) -> Response:
        return HTMLResponse(PAGE, headers={"content-security-policy": POLICY})

    async def requests(request: Request) -> Response:
        after = request.query_params.get("after", "-1")
        full = request.query_params.get("bodies") != "0"
        least = int(after) if after.lstrip("-").isdecimal() and len(after) < 18 else -1
        kept = [each.to_dict(body=full) for each in inspected.requests if each.index > least]
        data = jsontext.dumpb({"now": inspected.now(), "requests": kept})  # any text, any depth
        return Response(data, media_type="application/json")

    return [
        Route(PREFIX, guarded(page, hosts), methods=["GET"]),
        Route(f"{PREFIX}/requests", guarded(requests, hosts), methods=["GET"]),
    ]
