"""Reasoning details that OpenAI-compatible providers give and want back unchanged."""

from __future__ import annotations

from typing import Any, Final

__all__ = ["REASONING_KEYS", "ReasoningDetail"]

REASONING_KEYS: Final = ("id", "type", "data", "text", "format", "index")


class ReasoningDetail(dict[str, Any]):
    """One reasoning detail as it came from a response, before it was stored as JSON.

    agentscope-java sends only these back, and loses those read from Msg JSON; wiremark sends both
    unless `Quirks.reasoning_details_lost` is set.
    """
