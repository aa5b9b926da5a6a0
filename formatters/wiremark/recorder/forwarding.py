"""An ASGI application that passes requests on to one upstream, byte for byte, as they come.

Streams go through unbuffered in both directions. Headers of a single connection are the proxy's own
business (RFC 9110 7.6.1), all others pass; redirects, cookies and compression are the client's.
What goes by is given to a `Recording`, which works behind it.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

import httpx2

from .. import jsontext
from ..errors import OptionError
from .exchange import Exchange, pairs_of

if TYPE_CHECKING:
    from starlette.types import Message, Receive, Scope, Send

    from ..traffic.records import Record
    from .recording import Recording

__all__ = ["Forwarder", "Upstream", "tell", "without_hops"]

RawHeaders = list[tuple[bytes, bytes]]

_HOPS: Final = frozenset(
    {
        b"connection",
        b"keep-alive",
        b"proxy-authenticate",
        b"proxy-authorization",
        b"proxy-connection",
        b"te",
        b"trailer",
        b"transfer-encoding",
        b"upgrade",
    }
)
_FRAMING: Final = frozenset({b"content-length", b"host"})
"""Headers that no `connection` may take away: without them a message has another end."""
_CONNECTING: Final = 30.0
_WAITING: Final = 0.01
_MOST_BEHIND: Final = 500
"""Exchanges that may wait to be kept before a new one waits as well: memory is finite."""
_MOST_BYTES_BEHIND: Final = 256 << 20
_FOREIGN: Final = ("cross-site", "same-site")


@dataclass(frozen=True, slots=True)
class Upstream:
    """Where requests go: an origin, and a path that is put before theirs."""

    scheme: str
    netloc: str
    host: str
    path: str

    @classmethod
    def of(cls, url: str) -> Upstream:
        """Return the upstream at a URL such as `https://openrouter.ai/api`.

        Raises `OptionError` for what is none; its text does not repeat what may be a secret.
        """
        try:
            parts = urlsplit(url.strip())
            host, _ = parts.hostname, parts.port
            wrong = parts.scheme not in ("http", "https") or not host or " " in parts.netloc
            httpx2.URL(f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}")
        except (ValueError, httpx2.InvalidURL):
            wrong = True
        if wrong:
            raise OptionError(
                "is no URL of a service", path="to", advice="give one such as https://host/path"
            )
        if "@" in parts.netloc or parts.query or parts.fragment:
            raise OptionError(
                "takes neither credentials nor a query",
                path="to",
                advice="leave them to the client: its own headers are passed on",
            )
        return cls(parts.scheme, parts.netloc, host or "", parts.path.rstrip("/"))

    def target(self, scope: Scope) -> bytes:
        """Return the path and query to ask for, as the client wrote them."""
        raw: bytes = scope.get("raw_path") or scope["path"].encode()
        query: bytes = scope["query_string"]
        return self.path.encode() + raw + (b"?" + query if query else b"")


def without_hops(headers: RawHeaders) -> RawHeaders:
    """Return headers without those that are for this connection alone."""
    named = {
        name.strip().lower()
        for key, value in headers
        if key.lower() == b"connection"
        for name in value.split(b",")
    } - _FRAMING
    if any(key.lower() == b"transfer-encoding" for key, _ in headers):
        named.add(b"content-length")  # it does not count (RFC 9112 6.3)
    return [
        (key, value)
        for key, value in headers
        if key.lower() not in _HOPS and key.lower() not in named
    ]


class Forwarder:
    """Passes on what a page of no other origin asks for.

    hosts: names under which it may be asked, `None` for any; origins: pages that may ask
    then: called with each record, in the thread of the recording
    """

    def __init__(
        self,
        upstream: Upstream,
        recording: Recording,
        *,
        transport: httpx2.AsyncBaseTransport,
        hosts: frozenset[str] | None,
        origins: Collection[str] = (),
        timeout: float | None = None,
        then: Callable[[Record], object] | None = None,
    ) -> None:
        self.upstream, self.recording, self.transport = upstream, recording, transport
        self._hosts, self._origins, self._then = hosts, frozenset(origins), then
        self._url = httpx2.URL(f"{upstream.scheme}://{upstream.netloc}/")
        self._timeout = {"connect": _CONNECTING, "read": timeout, "write": timeout, "pool": None}

    async def aclose(self) -> None:
        """Close the connections to the upstream."""
        await self.transport.aclose()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await send({"type": "websocket.close", "code": 1003})
            return
        headers: RawHeaders = list(scope["headers"])
        refused = self._refused(scope, dict(headers))
        if refused is not None:
            await tell(send, *refused)
            return
        while self._is_behind():  # noqa: ASYNC110 a thread catches up
            await asyncio.sleep(_WAITING)
        target = self.upstream.target(scope)
        path, _, query = target.decode("latin-1").partition("?")
        exchange = self.recording.begin(
            scope["method"], self.upstream.host, path, query, pairs_of(headers)
        )
        passing = _Passing(self, exchange, receive, send)
        try:
            await passing.run(self._request(scope, headers, target, passing))
        finally:
            self.finish(exchange)

    def finish(self, exchange: Exchange) -> None:
        """Give an exchange to the recording; only the first call counts."""
        self.recording.finish(exchange, then=self._then)

    def _is_behind(self) -> bool:
        recording = self.recording
        return recording.behind > _MOST_BEHIND or recording.bytes_behind > _MOST_BYTES_BEHIND

    def _request(
        self, scope: Scope, headers: RawHeaders, target: bytes, passing: _Passing
    ) -> httpx2.Request:
        sent = [(b"host", self._url.netloc)]
        sent += [(key, value) for key, value in without_hops(headers) if key != b"host"]
        if any(key == b"transfer-encoding" for key, _ in headers):
            # Pieces of unknown length are such on the next connection as well.
            sent.append((b"transfer-encoding", b"chunked"))
        return httpx2.Request(
            scope["method"],
            self._url,
            headers=sent,
            stream=passing,
            extensions={"timeout": self._timeout, "target": target},
        )

    def _refused(self, scope: Scope, headers: dict[bytes, bytes]) -> tuple[int, str, str] | None:
        """Return why a request is not passed on: a status, a code, and a text."""
        host = headers.get(b"host", b"").decode("latin-1")
        if self._hosts is not None and _name_of(host) not in self._hosts:
            # A page of any origin may be led here by a host name of its own (DNS rebinding).
            return 403, "foreign_host", "asked under a host name that is not this machine's"
        origin = headers.get(b"origin", b"").decode("latin-1")
        known = origin in self._origins or (host and _place_of(origin) == host)
        crossing = headers.get(b"sec-fetch-site", b"").decode("latin-1") in _FOREIGN
        if (origin or crossing) and not known:
            return 403, "foreign_origin", "asked by a page of another origin; allow it by name"
        if b"upgrade" in headers and b"websocket" in headers[b"upgrade"].lower():
            return 501, "no_websocket", "websockets are not recorded; connect to the service itself"
        if scope["method"] == "CONNECT" or not scope["path"].startswith("/"):
            text = "this is no forward proxy; use its address as the base URL"
            return 501, "no_forward_proxy", text
        return None


class _ClientGone(Exception):
    """The client has closed its connection."""


class _Passing(httpx2.AsyncByteStream):
    """One request on its way; as a stream, the body that the client sends."""

    def __init__(
        self, forwarder: Forwarder, exchange: Exchange, receive: Receive, send: Send
    ) -> None:
        self.forwarder, self.exchange = forwarder, exchange
        self.receive, self.send = receive, send
        self.begun = False
        self.read = asyncio.Event()

    async def __aiter__(self) -> AsyncIterator[bytes]:
        more = True
        while more:
            message = await self.receive()
            if message["type"] == "http.disconnect":
                raise _ClientGone
            piece = message.get("body", b"")
            more = message.get("more_body", False)
            if piece:
                self.exchange.request.add(piece)
                yield piece
        self.read.set()

    async def run(self, request: httpx2.Request) -> None:
        """Pass on until the end, or until the client has gone."""
        passing = asyncio.ensure_future(self._pass(request))
        gone = asyncio.ensure_future(self._gone())
        try:
            await asyncio.wait({passing, gone}, return_when=asyncio.FIRST_COMPLETED)
            if self.exchange.ended:
                await passing  # what is left is to give the connection back
            elif not passing.done():
                self.exchange.error = _GONE
        finally:
            for task in (passing, gone):
                task.cancel()
            await asyncio.gather(passing, gone, return_exceptions=True)

    async def _gone(self) -> None:
        await self.read.wait()  # until then whoever reads the body hears of it
        while (await self.receive())["type"] != "http.disconnect":
            pass

    async def _pass(self, request: httpx2.Request) -> None:
        exchange = self.exchange
        try:
            answer = await self.forwarder.transport.handle_async_request(request)
            try:
                await self._answer(answer)
            finally:
                await answer.aclose()
        except _ClientGone:
            exchange.error = _GONE
        except Exception as error:  # noqa: BLE001 whatever it is, the client must hear of it
            await self._fail(error)

    async def _answer(self, answer: httpx2.Response) -> None:
        exchange = self.exchange
        if answer.status_code > _LAST_STATUS:
            raise httpx2.RemoteProtocolError(f"{answer.status_code} is no status of HTTP")
        raw: RawHeaders = [(key.lower(), value) for key, value in answer.headers.raw]
        exchange.status, exchange.response_headers = answer.status_code, pairs_of(raw)
        headers = without_hops(raw)
        self.begun = True
        start = {"type": "http.response.start", "status": answer.status_code, "headers": headers}
        await self.send(start)
        length = _length(headers)
        assert isinstance(answer.stream, httpx2.AsyncByteStream)
        async for piece in answer.stream:
            exchange.response.add(piece)
            if exchange.response.size == length:
                self._ended()  # before the client can see the end and ask again
            await self.send({"type": "http.response.body", "body": piece, "more_body": True})
        self._ended()
        await self.send({"type": "http.response.body", "body": b"", "more_body": False})

    def _ended(self) -> None:
        self.exchange.ended = True
        self.forwarder.finish(self.exchange)

    async def _fail(self, error: Exception) -> None:
        """Tell the client, as long as it has heard nothing; else its connection just ends."""
        exchange = self.exchange
        late = isinstance(error, httpx2.TimeoutException)
        bad = isinstance(error, httpx2.ProtocolError)
        what = "the upstream took too long" if late else "the upstream cannot be reached"
        if self.begun:
            what = "the upstream broke off"
        elif bad:
            what = "the upstream's answer cannot be read"
        exchange.error = f"{what}: {type(error).__name__}: {error}"
        if not self.begun:
            exchange.status = 504 if late else 502
            self.forwarder.finish(exchange)
            code = "upstream_timeout" if late else "upstream_unreachable"
            code = "upstream_protocol" if bad else code
            await tell(self.send, exchange.status, code, exchange.error)


_LAST_STATUS: Final = 599
_GONE: Final = "the client went away"


def _length(headers: RawHeaders) -> int | None:
    """Return the bytes that are announced; none of an answer without a body counts."""
    value = next((value for key, value in headers if key == b"content-length"), b"")
    return int(value) if value.isdigit() and len(value) < 18 else None


def _name_of(host: str) -> str:
    """Return the name in the value of a `Host` header."""
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""


def _place_of(origin: str) -> str:
    """Return the host and port in the value of an `Origin` header."""
    try:
        return urlsplit(origin).netloc
    except ValueError:  # a bracket that is not closed
        return ""


async def tell(
    send: Callable[[Message], Awaitable[Any]], status: int, code: str, text: str
) -> None:
    """Answer in the proxy's own name, in a form that clients of the providers read."""
    error = {"type": "wiremark_proxy", "code": code, "message": f"wiremark proxy: {text}"}
    body = jsontext.dumpb({"error": error})
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
    ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
