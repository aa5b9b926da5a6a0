"""One `Usage`, read from any provider; totals that survive a checkpoint; cost; telemetry.

Knows response shapes and no formatter. Nothing is read but the value or the path that is given.
Names are loaded when first used: a formatter needs `Usage` alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .._lazy import lazy_names
from .model import COUNTS, Usage

if TYPE_CHECKING:
    from .cost import Cost, Unpriced, price, price_or_reason
    from .events import CACHE_LOGGER, CacheEvent, cache_event, log_usage
    from .ledger import UsageLedger
    from .read import read_stream_usage, read_usage
    from .snapshots import SNAPSHOT_VERSION, Snapshot
    from .sums import UsageSum
    from .totals import UsageTotals
    from .watch import REASONS_OF_SILENCE, CacheWatch

__all__ = [
    "CACHE_LOGGER",
    "COUNTS",
    "REASONS_OF_SILENCE",
    "SNAPSHOT_VERSION",
    "CacheEvent",
    "CacheWatch",
    "Cost",
    "Snapshot",
    "Unpriced",
    "Usage",
    "UsageLedger",
    "UsageSum",
    "UsageTotals",
    "cache_event",
    "log_usage",
    "price",
    "price_or_reason",
    "read_stream_usage",
    "read_usage",
]

_EXPORTS = {
    "CACHE_LOGGER": "events",
    "CacheEvent": "events",
    "CacheWatch": "watch",
    "Cost": "cost",
    "REASONS_OF_SILENCE": "watch",
    "SNAPSHOT_VERSION": "snapshots",
    "Snapshot": "snapshots",
    "Unpriced": "cost",
    "UsageLedger": "ledger",
    "UsageSum": "sums",
    "UsageTotals": "totals",
    "cache_event": "events",
    "log_usage": "events",
    "price": "cost",
    "price_or_reason": "cost",
    "read_stream_usage": "read",
    "read_usage": "read",
}

# Hidden from type checkers: a module-level `__getattr__` would let any misspelt name pass.
if not TYPE_CHECKING:
    __getattr__, __dir__ = lazy_names(__name__, _EXPORTS)
