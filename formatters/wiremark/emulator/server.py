"""The emulator on a port of loopback, in a thread of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..traffic.loopback import LoopbackServer
from .app import create_app
from .clock import VirtualClock
from .state import EmulatorState

if TYPE_CHECKING:
    from starlette.types import ASGIApp

    from ..traffic.records import Record
    from .scenario import Scenario

__all__ = ["Emulator"]


class Emulator(LoopbackServer):
    """A provider on loopback, for as long as the block lasts.

        with Emulator(["first reply"]) as emulator:
            emulator.url, emulator.requests, emulator.clock.advance(301)

    `port` 0 is any free one. Another host than loopback needs `expose=True`. All other arguments
    are those of `EmulatorState`.
    """

    noun = "emulator"

    def __init__(
        self,
        scenario: Any = None,
        clock: VirtualClock | None = None,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        expose: bool = False,
        **settings: Any,
    ) -> None:
        super().__init__(host=host, port=port, expose=expose)
        self.state = EmulatorState(scenario, clock, **settings)

    @property
    def clock(self) -> VirtualClock:
        """Return the clock that cache entries live by."""
        return self.state.clock

    @property
    def scenario(self) -> Scenario:
        """Return what is answered, to which replies can be added."""
        return self.state.scenario

    @property
    def requests(self) -> tuple[Record, ...]:
        """Return every request so far."""
        return self.state.requests

    def application(self, hosts: frozenset[str]) -> ASGIApp:
        """Return the emulator as an application."""
        return create_app(self.state, hosts=hosts)

    def stop(self) -> None:
        """Stop listening, end the thread, and close the log; does nothing if it does not run."""
        super().stop()
        self.state.close()

    def reset(self, scenario: Any = None) -> None:
        """Forget all requests and all that is cached, and begin a scenario; the clock goes on."""
        self.state.reset(scenario)
