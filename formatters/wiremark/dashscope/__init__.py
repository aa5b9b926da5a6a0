"""DashScope's native protocol: formatters for one agent and for several."""

from __future__ import annotations

from .endpoint import endpoint_of
from .formatter import DashScopeChatFormatter
from .multi_agent import DashScopeMultiAgentFormatter

__all__ = ["DashScopeChatFormatter", "DashScopeMultiAgentFormatter", "endpoint_of"]
