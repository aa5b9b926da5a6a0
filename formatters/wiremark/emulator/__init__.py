"""A provider on loopback that answers by the rules: usage from the prefix cache, errors, streams.

    with Emulator() as emulator:
        client = OpenAI(base_url=f"{emulator.url}/v1", api_key="none")
        ...
        emulator.clock.advance(301)
    emulator.requests[-1].usage.cache_read

Names are loaded when first used; the server stands on the extra `emulator` (starlette, uvicorn).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .._lazy import lazy_names

if TYPE_CHECKING:
    from ..traffic.records import Record
    from .app import create_app
    from .clock import RealClock, VirtualClock
    from .scenario import Call, Match, Reply, Scenario
    from .server import Emulator
    from .state import EmulatorState

__all__ = [
    "Call",
    "Emulator",
    "EmulatorState",
    "Match",
    "RealClock",
    "Record",
    "Reply",
    "Scenario",
    "VirtualClock",
    "create_app",
]

_EXPORTS = {
    "Call": "scenario",
    "Emulator": "server",
    "EmulatorState": "state",
    "Match": "scenario",
    "RealClock": "clock",
    "Record": ".traffic.records",
    "Reply": "scenario",
    "Scenario": "scenario",
    "VirtualClock": "clock",
    "create_app": "app",
}

# Hidden from type checkers: a module-level `__getattr__` would let any misspelt name pass.
if not TYPE_CHECKING:
    __getattr__, __dir__ = lazy_names(__name__, _EXPORTS)
