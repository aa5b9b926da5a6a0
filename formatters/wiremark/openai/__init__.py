"""OpenAI's chat protocol: formatters for one agent and for several, and the family's base."""

from __future__ import annotations

from .formatter import OpenAIBaseFormatter, OpenAIChatFormatter
from .multi_agent import OpenAIMultiAgentFormatter

__all__ = ["OpenAIBaseFormatter", "OpenAIChatFormatter", "OpenAIMultiAgentFormatter"]
