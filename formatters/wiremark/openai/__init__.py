"""OpenAI's chat protocol: formatters for one agent and for several, and the family's base."""

from __future__ import annotations

from .compatible import (
    DeepSeekFormatter,
    DeepSeekMultiAgentFormatter,
    GLMFormatter,
    GLMMultiAgentFormatter,
    KimiFormatter,
    KimiMultiAgentFormatter,
    MiniMaxFormatter,
    MiniMaxMultiAgentFormatter,
)
from .formatter import OpenAIBaseFormatter, OpenAIChatFormatter
from .multi_agent import OpenAIMultiAgentFormatter

__all__ = [
    "DeepSeekFormatter",
    "DeepSeekMultiAgentFormatter",
    "GLMFormatter",
    "GLMMultiAgentFormatter",
    "KimiFormatter",
    "KimiMultiAgentFormatter",
    "MiniMaxFormatter",
    "MiniMaxMultiAgentFormatter",
    "OpenAIBaseFormatter",
    "OpenAIChatFormatter",
    "OpenAIMultiAgentFormatter",
]
