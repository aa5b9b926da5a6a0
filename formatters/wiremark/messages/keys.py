"""Metadata keys that wiremark and agentscope-java read from a message; no other is read."""

from __future__ import annotations

from typing import Final

__all__ = ["BYPASS_HISTORY_MERGE", "CACHE_CONTROL", "CACHE_DYNAMIC"]

CACHE_CONTROL: Final = "_cache_control"
"""Ask for a cache mark at the message's end (`True`, a TTL, a mapping) or forbid one (`False`)."""

CACHE_DYNAMIC: Final = "_cache_dynamic"
"""Declare that the message's text changes from request to request."""

BYPASS_HISTORY_MERGE: Final = "_bypass_multiagent_history_merge"
"""Keep the message out of the merged multi-agent history (JSON `true` only)."""
