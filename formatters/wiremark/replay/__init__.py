"""What a session would read from a provider's cache, and what it would cost, before it is sent.

Names are loaded when first used. `wiremark.replay.tokens` counts, `wiremark.replay.report` draws.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .cache import CacheRequest, CacheResult, PrefixCache
    from .model import Arm, Miss, Replay, ReplayRow, TraceRequest
    from .recording import CacheRecorder, assert_caches
    from .reported import differences
    from .services import DIALECTS
    from .session import compare, replay
    from .trace import read_trace

__all__ = [
    "DIALECTS",
    "Arm",
    "CacheRecorder",
    "CacheRequest",
    "CacheResult",
    "Miss",
    "PrefixCache",
    "Replay",
    "ReplayRow",
    "TraceRequest",
    "assert_caches",
    "compare",
    "differences",
    "read_trace",
    "replay",
]

_EXPORTS = {
    "Arm": "model",
    "CacheRecorder": "recording",
    "CacheRequest": "cache",
    "CacheResult": "cache",
    "DIALECTS": "services",
    "Miss": "model",
    "PrefixCache": "cache",
    "Replay": "model",
    "ReplayRow": "model",
    "TraceRequest": "model",
    "assert_caches": "recording",
    "compare": "session",
    "differences": "reported",
    "read_trace": "trace",
    "replay": "session",
}

# Hidden from type checkers: a module-level `__getattr__` would let any misspelt name pass.
if not TYPE_CHECKING:

    def __getattr__(name: str) -> Any:
        if name not in _EXPORTS:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        from importlib import import_module

        value = getattr(import_module(f"{__name__}.{_EXPORTS[name]}"), name)
        globals()[name] = value
        return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
