"""The Responses API at services other than OpenAI and DashScope: as their chat, where known."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from .core import Affinity, Source
from .moonshot import KIMI_CHAT
from .others import DEEPSEEK, NO_MARKERS, XAI

__all__ = ["DEEPSEEK_RESPONSES", "KIMI_RESPONSES", "NO_MARKERS_RESPONSES", "XAI_RESPONSES"]

_FORM: Final = "openai-responses"

NO_MARKERS_RESPONSES: Final = replace(NO_MARKERS, name="no-markers-responses", protocol=_FORM)
"""A service that speaks Responses, of whose caching nothing is known."""

DEEPSEEK_RESPONSES: Final = replace(DEEPSEEK, name="deepseek-responses", protocol=_FORM)
"""DeepSeek's Responses: recorded answers report cached tokens, and nothing written."""

KIMI_RESPONSES: Final = replace(KIMI_CHAT, name="kimi-responses", protocol=_FORM)
"""Kimi's Responses: as in chat, a breakpoint in the content is refused."""

XAI_RESPONSES: Final = replace(
    XAI,
    name="xai-responses",
    protocol=_FORM,
    affinity=(Affinity("body", "prompt_cache_key"),),
    sources={
        **XAI.sources,
        "affinity": Source(XAI.sources["affinity"].url, XAI.sources["affinity"].read),
    },
)
"""xAI's Responses: the session stands in the body."""
