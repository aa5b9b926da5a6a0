"""Moonshot's Kimi: a mark for the request as a whole in Messages, none in chat completions."""

from __future__ import annotations

from typing import Final

from .core import CacheRules, Implicit, Source

__all__ = ["KIMI_CHAT", "KIMI_MESSAGES"]

_PAGE = Source("https://platform.kimi.com/docs", "2026-09-24")
_K3 = Source(_PAGE.url, _PAGE.read, "of K3; of other models unknown")

KIMI_MESSAGES: Final = CacheRules(
    name="kimi-messages",
    protocol="anthropic",
    marker="cache_control",
    max_marks=1,
    ttls=("5m", "1h"),
    default_ttl="5m",
    kinds=frozenset({"text", "image", "document", "tool_use", "tool_result"}),
    automatic="top_level",
    automatic_only=True,
    min_tokens_by_model=(("kimi-k3*", 256),),
    sources={
        "marker": Source(_PAGE.url, _PAGE.read, "marks on blocks are ignored"),
        "max_marks": Source(_PAGE.url, _PAGE.read, "the one of the request as a whole"),
        "ttls": _PAGE,
        "default_ttl": Source(_PAGE.url, _PAGE.read, "as in Anthropic's protocol"),
        "kinds": Source(_PAGE.url, _PAGE.read, "blocks that the end of the request may have"),
        "automatic": _PAGE,
        "automatic_only": _PAGE,
        "min_tokens_by_model": _K3,
    },
)
"""Kimi's Messages endpoint: top-level cache_control alone."""

KIMI_CHAT: Final = CacheRules(
    name="kimi-chat",
    protocol="openai-chat",
    implicit=Implicit(min_tokens_by_model=(("kimi-k3*", 256),)),
    refused_markers=("prompt_cache_breakpoint",),
    sources={
        "refused_markers": Source(_PAGE.url, _PAGE.read, "in content: status 400"),
        "implicit": _K3,
    },
)
"""Kimi's chat completions: implicit, with prompt_cache_options; takes no marks."""
