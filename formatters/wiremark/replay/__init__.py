"""What a session would read from a provider's cache, and what it would cost, before it is sent.

Names are loaded when first used. `wiremark.replay.tokens` counts, `wiremark.replay.report` draws.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .._lazy import lazy_names

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
    __getattr__, __dir__ = lazy_names(__name__, _EXPORTS)
