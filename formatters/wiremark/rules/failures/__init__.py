"""The errors that providers send, by who sends them, then by what went wrong."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from .anthropic import ANTHROPIC
from .core import SHAPES, STATUS_NAMES, KnownFailure, Shape
from .dashscope import COMPATIBLE, DASHSCOPE_MESSAGES, NATIVE
from .openai import OPENAI
from .openrouter import OPENROUTER

__all__ = ["FAILURES", "SHAPES", "STATUS_NAMES", "KnownFailure", "Shape"]

FAILURES: Final[Mapping[str, Mapping[str, KnownFailure]]] = {
    "openai": OPENAI,
    "anthropic": ANTHROPIC,
    "compatible": COMPATIBLE,
    "native": NATIVE,
    "dashscope-messages": DASHSCOPE_MESSAGES,
    "openrouter": OPENROUTER,
}
"""What is known. `compatible`, `native` and `dashscope-messages` are DashScope in OpenAI's, its
own, and Anthropic's form.
"""
