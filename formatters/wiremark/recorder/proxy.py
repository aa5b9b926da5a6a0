"""The recorder on a port of loopback: requests go on to a service, and are kept on their way."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Collection
from typing import TYPE_CHECKING, Any, Final

import httpx2
from starlette.applications import Starlette

from ..errors import OptionError
from ..traffic.hosts import LOOPBACK
from ..traffic.inspection import PREFIX, inspection_routes
from ..traffic.loopback import LoopbackServer
from .forwarding import Forwarder, Upstream
from .recording import Log, Recording

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

    from ..traffic.records import Record

__all__ = ["Recorder"]

_SETTLING: Final = 0.5
_TIMEOUT: Final = 600.0
"""Seconds without a byte after which an upstream is given up, as long as the SDKs wait."""


class Recorder(LoopbackServer):
    """Stands between a client and a service, for as long as the block lasts.

        with Recorder("https://dashscope.aliyuncs.com", log="session.jsonl") as proxy:
            proxy.url, proxy.requests

    to: the service, of which a path is put before that of each request
    log: where records go, besides memory: a path, a `RequestLog`, or what takes a record
    via: an HTTP proxy on the way there; none is taken from the environment
    verify: whose certificates are trusted, an `ssl.SSLContext`, by default the system's
    timeout: seconds without a byte from the service; origins: of pages that may ask, as in a
    browser's `Origin`; then: called with each record. The other arguments are those of
    `LoopbackServer` and of `Recording`.
    """

    noun = "recorder"

    def __init__(  # noqa: PLR0913 what a recorder is told
        self,
        to: str,
        log: Log = None,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        expose: bool = False,
        via: str | None = None,
        verify: Any = True,
        timeout: float | None = _TIMEOUT,
        origins: Collection[str] = (),
        then: Callable[[Record], object] | None = None,
        **settings: Any,
    ) -> None:
        super().__init__(host=host, port=port, expose=expose)
        self.upstream = Upstream.of(to)
        if via is not None:
            try:
                Upstream.of(via)
            except OptionError as error:
                raise OptionError(error.problem, path="via", advice=error.advice) from None
        self._via, self._verify, self._timeout = via, verify, timeout
        self._origins, self._then = tuple(origins), then
        self._exposed = host not in LOOPBACK
        self._forwarder: Forwarder | None = None
        self.recording = Recording(log, **settings)

    @property
    def requests(self) -> tuple[Record, ...]:
        """Return what is kept, the oldest first; exchanges about to end are waited for."""
        self.recording.wait(_SETTLING)
        return self.recording.requests

    def application(self, hosts: frozenset[str]) -> ASGIApp:
        """Return the proxy as an application."""
        transport = httpx2.AsyncHTTPTransport(
            verify=self._verify,
            proxy=self._via,
            limits=httpx2.Limits(max_connections=None, max_keepalive_connections=100),
        )
        self._forwarder = forwarder = Forwarder(
            self.upstream,
            self.recording,
            transport=transport,
            hosts=None if self._exposed else hosts,
            origins=self._origins,
            timeout=self._timeout,
            then=self._then,
        )
        looking = Starlette(routes=[*inspection_routes(self.recording, hosts)])

        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            own = scope["path"] == PREFIX or scope["path"].startswith(f"{PREFIX}/")
            await (looking if own else forwarder)(scope, receive, send)

        return app

    def stop(self) -> None:
        """Stop listening, keep what has ended, and end the threads."""
        super().stop()
        self.recording.close()

    def _run(self) -> None:
        with contextlib.suppress(asyncio.CancelledError):
            asyncio.run(self._serve())

    async def _serve(self) -> None:
        assert self._server is not None
        assert self._socket is not None
        assert self._forwarder is not None
        try:
            await self._server.serve(sockets=[self._socket])
        finally:
            await self._forwarder.aclose()
