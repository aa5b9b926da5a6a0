"""The emulator as an ASGI application, with paths to look into it under `/_wiremark`."""

from __future__ import annotations

import asyncio
from typing import Final

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from ..errors import OptionError
from ..traffic.hosts import LOOPBACK
from ..traffic.inspection import PREFIX, guarded, inspection_routes
from .exchange import Answer, Arrived
from .state import EmulatorState

__all__ = ["create_app"]

_METHODS: Final = ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "HEAD"]
_DRAINED: Final = 8
"""How many times the largest body is read and thrown away, so that the refusal is read."""


def create_app(state: EmulatorState, *, hosts: frozenset[str] = LOOPBACK) -> Starlette:
    """Return the application; `hosts` are the host names under which it may be looked into."""

    async def clock(request: Request) -> Response:
        try:
            seconds = float(request.query_params.get("advance", "0"))
            return JSONResponse({"now": state.clock.advance(seconds)})
        except (ValueError, OptionError) as error:
            return JSONResponse({"error": str(error)}, status_code=400)

    async def serve(request: Request) -> Response:
        raw, too_large = await _read(request, state.max_body)
        arrived = Arrived(
            method=request.method,
            path=request.url.path,
            query=request.url.query,
            headers=request.headers.items(),
            raw=raw,
            too_large=too_large,
        )
        return _Sent(state.handle(arrived))

    return Starlette(
        routes=[
            *inspection_routes(state, hosts, counter=state.counter, rules=state.rules),
            Route(f"{PREFIX}/clock", guarded(clock, hosts), methods=["POST"]),
            Route("/{path:path}", serve, methods=_METHODS),
        ]
    )


async def _read(request: Request, most: int) -> tuple[bytes, bool]:
    """Return the body, or nothing and `True` if it is too large."""
    chunks: list[bytes] = []
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
        if size <= most:
            chunks.append(chunk)
        else:
            chunks.clear()
            if size > most * _DRAINED:
                break
    return (b"", True) if size > most else (b"".join(chunks), False)


class _Sent(Response):
    """An answer on its way: late, in pieces, broken off, or whole."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.body, answer.status, answer.headers)
        self.answer = answer
        if answer.events is not None:
            del self.headers["content-length"]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        answer = self.answer
        try:
            if answer.reply.timeout and not (answer.events and answer.reply.cut_after):
                await _gone(receive, None)
                return
            if answer.delay and await _gone(receive, answer.delay):
                return
            if answer.events is None:
                answer.sent.append(answer.body)
                answer.finish()  # before the client can see the end and ask again
                await super().__call__(scope, receive, send)
            else:
                await self._stream(receive, send)
        finally:
            answer.finish()

    async def _stream(self, receive: Receive, send: Send) -> None:
        answer, reply = self.answer, self.answer.reply
        assert answer.events is not None
        await send(
            {
                "type": "http.response.start",
                "status": answer.status,
                "headers": self.raw_headers,
            }
        )
        events = list(answer.events)
        for number, event in enumerate(events):
            if number == reply.cut_after:
                if reply.timeout:
                    await _gone(receive, None)
                return  # without the end of the answer the server closes the connection
            if number and answer.pause and await _gone(receive, answer.pause):
                return
            data = (_broken(event) if number == reply.malformed_at else event).encode()
            answer.sent.append(data)
            if number == len(events) - 1:
                answer.finish()  # before the client can see the end and ask again
            await send({"type": "http.response.body", "body": data, "more_body": True})
            await asyncio.sleep(0)  # or a client that has gone is noticed after the last event only
        await send({"type": "http.response.body", "body": b"", "more_body": False})


def _broken(event: str) -> str:
    """Return an event whose data is cut in the middle."""
    text = event.rstrip("\n")
    return text[: max(1, len(text) - len(text) // 3)] + "\n\n"


async def _gone(receive: Receive, seconds: float | None) -> bool:
    """Wait, without end for `None`, and say whether the client has gone meanwhile."""
    try:
        async with asyncio.timeout(seconds):
            while (await receive())["type"] != "http.disconnect":
                pass
    except TimeoutError:
        return False
    return True
