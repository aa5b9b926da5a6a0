"""An application on a port of loopback, in a thread of its own."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
from abc import ABC, abstractmethod
from types import TracebackType
from typing import TYPE_CHECKING, Final, Self

import uvicorn

from ..errors import OptionError
from .hosts import LOOPBACK

if TYPE_CHECKING:
    from starlette.types import ASGIApp

__all__ = ["LoopbackServer"]

_PATIENCE: Final = 10.0
_HEAD: Final = 64 << 10
"""Bytes that the first line and the headers of a request may have."""


class LoopbackServer(ABC):
    """Serves an application for as long as the block lasts; a subclass makes the application.

    `port` 0 is any free one. Another host than loopback needs `expose=True`.
    """

    noun = "server"
    """What it is called in messages."""

    def __init__(self, *, host: str = "127.0.0.1", port: int = 0, expose: bool = False) -> None:
        if host not in LOOPBACK and not expose:
            raise OptionError(
                f"{host!r} is not loopback", path="host", advice="pass expose=True if you mean it"
            )
        self._host, self._port = host, port
        self._socket: socket.socket | None = None
        self._server: _Prompt | None = None
        self._thread: threading.Thread | None = None

    @abstractmethod
    def application(self, hosts: frozenset[str]) -> ASGIApp:
        """Return what is served; `hosts` are the names under which it may be looked into."""

    @property
    def port(self) -> int:
        """Return the port; raises `OptionError` while it does not run."""
        if self._socket is None:
            raise OptionError(
                f"the {self.noun} does not run", path=self.noun, advice="enter it with `with`"
            )
        port: int = self._socket.getsockname()[1]
        return port

    @property
    def is_running(self) -> bool:
        """Say whether requests are taken."""
        return self._thread is not None and self._thread.is_alive()

    @property
    def url(self) -> str:
        """Return the address to which a provider's path is appended."""
        host = f"[{self._host}]" if ":" in self._host else self._host
        return f"http://{host}:{self.port}"

    def start(self) -> Self:
        """Begin to listen; returns when requests are taken."""
        if self._thread is not None:
            raise OptionError(
                f"the {self.noun} runs already", path=self.noun, advice="stop it first"
            )
        family = socket.AF_INET6 if ":" in self._host else socket.AF_INET
        # The protocol is named: asyncio sends at once only on sockets that name it.
        listening = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        try:
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listening.bind((self._host, self._port))
            listening.listen(512)
        except OSError:
            listening.close()
            raise
        self._socket = listening
        ready = threading.Event()
        config = uvicorn.Config(
            self.application(LOOPBACK | {self._host}),
            http="h11",  # strict in what begins and ends a message, and always there
            h11_max_incomplete_event_size=_HEAD,
            log_config=None,
            log_level="critical",
            access_log=False,
            lifespan="off",
            ws="none",
            server_header=False,
            date_header=False,
            timeout_graceful_shutdown=1,
        )
        self._server = _Prompt(config, ready)
        self._thread = threading.Thread(target=self._run, name=f"wiremark-{self.noun}", daemon=True)
        self._thread.start()
        if not ready.wait(_PATIENCE):
            self.stop()
            raise RuntimeError(f"the {self.noun} did not start")
        return self

    def stop(self) -> None:
        """Stop listening and end the thread; does nothing if it does not run."""
        if self._server is not None:
            self._server.leave()
        if self._thread is not None:
            self._thread.join(_PATIENCE)
        if self._socket is not None:
            self._socket.close()
        self._server = self._thread = self._socket = None

    def _run(self) -> None:
        assert self._server is not None
        assert self._socket is not None
        with contextlib.suppress(asyncio.CancelledError):
            asyncio.run(self._server.serve(sockets=[self._socket]))

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()


class _Prompt(uvicorn.Server):
    """Says when it has started, and leaves when it is told to, without a tick between."""

    def __init__(self, config: uvicorn.Config, ready: threading.Event) -> None:
        super().__init__(config)
        self._ready = ready
        self._leave = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._loop = asyncio.get_running_loop()
        self._ready.set()

    async def main_loop(self) -> None:
        if not self.should_exit:
            await self._leave.wait()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        await self._accept_no_more()
        try:
            await super().shutdown(sockets)
        except Exception:  # noqa: BLE001 one connection is beyond a clean end; all are aborted below
            for task in self.server_state.tasks:
                task.cancel()
        # What was waited for in vain is cancelled, says so, and is closed.
        await asyncio.gather(*self.server_state.tasks, return_exceptions=True)
        for connection in list(self.server_state.connections):
            transport = getattr(connection, "transport", None)
            if transport is not None:
                transport.abort()
        await asyncio.sleep(0)  # a transport closes its socket in the next turn of the loop

    async def _accept_no_more(self) -> None:
        """Let connections that were just accepted be made.

        A server that is closed between the two leaves their sockets open (CPython 3.11:
        `Server._attach` asserts, and the error is swallowed).
        """
        loop = asyncio.get_running_loop()
        for server in self.servers:
            for each in server.sockets:
                with contextlib.suppress(NotImplementedError):  # Windows accepts in another way
                    loop.remove_reader(each)
        await asyncio.sleep(0)
        await asyncio.sleep(0)

    def leave(self) -> None:
        """Stop, from any thread."""
        self.should_exit = True
        if self._loop is not None:
            with contextlib.suppress(RuntimeError):  # it has stopped by itself
                self._loop.call_soon_threadsafe(self._leave.set)
