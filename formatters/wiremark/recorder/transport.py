"""A transport that records what a Python client sends and gets, and changes nothing of it.

    client = OpenAI(http_client=DefaultHttpxClient(transport=RecordingTransport("session.jsonl")))
    client = AsyncAnthropic(
        http_client=DefaultAsyncHttpxClient(transport=RecordingTransport("session.jsonl"))
    )

For `httpx2`, on which the SDKs of OpenAI and Anthropic stand, and for `httpx` alike: of whichever
library a request comes, its answer does.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, Any, Self

from .exchange import Exchange, pairs_of
from .recording import Log, Recording

if TYPE_CHECKING:
    import httpx2

    from ..traffic.records import Record

    class _Base(httpx2.BaseTransport, httpx2.AsyncBaseTransport):
        """What a client takes for a transport."""

else:
    _Base = object

__all__ = ["RecordingTransport"]

_SETTLING = 0.5
_MOST, _MOST_IDLE = 1000, 100
"""Connections, as the SDKs have them: their limits do not reach a transport that is given."""


class RecordingTransport(_Base):
    """Passes requests to a transport, and keeps them when their answers have been read or closed.

    log: where records go, besides memory: a path, a `RequestLog`, what takes a record, or a
    `Recording` shared with others; transport: what sends, by default one that verifies, with as
    many connections as the SDKs' own, and without proxies. The other arguments are those of
    `Recording`. A synchronous client's exchange is kept before it goes on; that of an asynchronous
    one in a thread, at the latest at `aclose`.
    """

    def __init__(
        self, log: Log | Recording = None, *, transport: Any = None, **settings: Any
    ) -> None:
        self._own = not isinstance(log, Recording)
        self.recording = log if isinstance(log, Recording) else Recording(log, **settings)
        self._inner = transport

    @property
    def requests(self) -> tuple[Record, ...]:
        """Return what is kept, the oldest first; exchanges about to end are waited for."""
        self.recording.wait(_SETTLING)
        return self.recording.requests

    # -------------------------------------------------------------------------------- synchronous

    def handle_request(self, request: Any) -> Any:
        """Send a request and return its answer, whose body is recorded as it is read."""
        inner = self._transport(request, "HTTPTransport")
        exchange = self._begin(request)

        def finish() -> None:
            self.recording.finish_here(exchange)

        try:
            _tap(request, exchange.request.add)
            response = inner.handle_request(request)
        except BaseException as error:
            _fail(exchange, error, finish)
            raise
        if not _head(exchange, response, finish):
            kind = _streams_of(_library(response))[0]
            response.stream = kind(response.stream, exchange, finish)
        return response

    def close(self) -> None:
        """Close the transport, and the log if it was made here."""
        if self._inner is not None:
            self._inner.close()
        self._close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # ------------------------------------------------------------------------------- asynchronous

    async def handle_async_request(self, request: Any) -> Any:
        """Send a request and return its answer, whose body is recorded as it is read."""
        inner = self._transport(request, "AsyncHTTPTransport")
        exchange = self._begin(request)

        def finish() -> None:
            self.recording.finish(exchange)

        try:
            _tap(request, exchange.request.add)
            response = await inner.handle_async_request(request)
        except BaseException as error:
            _fail(exchange, error, finish)
            raise
        if not _head(exchange, response, finish):
            kind = _streams_of(_library(response))[1]
            response.stream = kind(response.stream, exchange, finish)
        return response

    async def aclose(self) -> None:
        """Close the transport, and the log if it was made here."""
        if self._inner is not None:
            await self._inner.aclose()
        self._close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    # ------------------------------------------------------------------------------------- inside

    def _transport(self, request: Any, name: str) -> Any:
        if self._inner is None:
            library: Any = import_module(_library(request))
            limits = library.Limits(max_connections=_MOST, max_keepalive_connections=_MOST_IDLE)
            self._inner = getattr(library, name)(limits=limits)
        return self._inner

    def _begin(self, request: Any) -> Exchange:
        url = request.url
        path, _, query = url.raw_path.decode("latin-1").partition("?")
        return self.recording.begin(
            request.method, url.host, path, query, pairs_of(request.headers.raw)
        )

    def _close(self) -> None:
        if self._own:
            self.recording.close()


def _library(value: Any) -> str:
    """Return whose request or response it is: `httpx2` or `httpx`."""
    kind = next(each for each in type(value).__mro__ if each.__module__.startswith("httpx"))
    return kind.__module__.partition(".")[0]


def _head(exchange: Exchange, response: Any, finish: Callable[[], None]) -> bool:
    """Take the head of an answer; say whether all of it is there, and was kept."""
    exchange.status = response.status_code
    exchange.response_headers = pairs_of(response.headers.raw)
    whole = isinstance(response.stream, import_module(_library(response)).ByteStream)
    if whole:  # it may be read without its stream
        exchange.response.add(b"".join(response.stream))
        exchange.ended = True
        finish()
    return whole


def _fail(exchange: Exchange, error: BaseException, finish: Callable[[], None]) -> None:
    exchange.error = f"{type(error).__name__}: {error}"
    finish()


def _tap(request: Any, keep: Callable[[bytes], None]) -> None:
    """Keep the body of a request: what is in memory at once, a stream as it is sent."""
    library = import_module(_library(request))
    try:
        keep(request.content)
    except library.RequestNotRead:
        sync, both = _bodies_of(library.__name__)
        is_async = hasattr(request.stream, "__aiter__")
        request.stream = (both if is_async else sync)(request.stream, keep)


@cache
def _bodies_of(library: str) -> tuple[type, type]:
    """Return the streams that keep what is sent, in the types that a library asks for."""
    module: Any = import_module(library)

    class Body(module.SyncByteStream):  # type: ignore[misc]
        def __init__(self, inner: Any, keep: Callable[[bytes], None]) -> None:
            self.inner, self.keep = inner, keep

        def __iter__(self) -> Iterator[bytes]:
            for piece in self.inner:
                self.keep(piece)
                yield piece

        def close(self) -> None:
            self.inner.close()

    class AsyncBody(module.AsyncByteStream):  # type: ignore[misc]
        def __init__(self, inner: Any, keep: Callable[[bytes], None]) -> None:
            self.inner, self.keep = inner, keep

        async def __aiter__(self) -> AsyncIterator[bytes]:
            async for piece in self.inner:
                self.keep(piece)
                yield piece

        async def aclose(self) -> None:
            await self.inner.aclose()

    return Body, AsyncBody


@cache
def _streams_of(library: str) -> tuple[type, type]:
    """Return the streams that record an answer, in the types that a library asks for."""
    module: Any = import_module(library)

    class Stream(module.SyncByteStream):  # type: ignore[misc]
        def __init__(self, inner: Any, exchange: Exchange, finish: Callable[[], None]) -> None:
            self.inner, self.exchange, self.finish = inner, exchange, finish

        def __iter__(self) -> Iterator[bytes]:
            try:
                for piece in self.inner:
                    self.exchange.response.add(piece)
                    yield piece
            except Exception as error:
                _fail(self.exchange, error, self.finish)
                raise
            self.exchange.ended = True
            self.finish()

        def close(self) -> None:
            try:
                self.inner.close()
            finally:
                self.finish()

    class AsyncStream(module.AsyncByteStream):  # type: ignore[misc]
        def __init__(self, inner: Any, exchange: Exchange, finish: Callable[[], None]) -> None:
            self.inner, self.exchange, self.finish = inner, exchange, finish

        async def __aiter__(self) -> AsyncIterator[bytes]:
            try:
                async for piece in self.inner:
                    self.exchange.response.add(piece)
                    yield piece
            except Exception as error:
                _fail(self.exchange, error, self.finish)
                raise
            self.exchange.ended = True
            self.finish()

        async def aclose(self) -> None:
            try:
                await self.inner.aclose()
            finally:
                self.finish()

    return Stream, AsyncStream
