"""Anthropic's Messages protocol: formatters for one agent and for several, and responses read."""

from __future__ import annotations

from .formatter import AnthropicChatFormatter
from .multi_agent import AnthropicMultiAgentFormatter
from .response import read_content
from .versions import API_VERSIONS, ApiVersion

__all__ = [
    "API_VERSIONS",
    "AnthropicChatFormatter",
    "AnthropicMultiAgentFormatter",
    "ApiVersion",
    "read_content",
]
