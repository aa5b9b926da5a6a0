"""MiniMax: marks in its Anthropic-compatible form, none in its OpenAI-compatible one."""

from __future__ import annotations

from typing import Final

from .core import CacheRules, Implicit, Source

__all__ = ["MINIMAX", "MINIMAX_OPENAI"]

_READ = "2026-11-21"
_PAGE = Source(
    "https://platform.minimax.io/docs/api-reference/anthropic-api-compatible-cache", _READ
)
_PASSIVE = Source("https://platform.minimax.io/docs/api-reference/text-prompt-caching", _READ)

MINIMAX: Final = CacheRules(
    name="minimax",
    protocol="anthropic",
    marker="cache_control",
    max_marks=4,
    ttls=("5m",),
    default_ttl="5m",
    kinds=frozenset({"text", "tool_use", "tool_result"}),
    tool_slot=True,
    tools_in_prefix="own",
    lookback_blocks=20,
    write_multipliers={"5m": 1.25},
    read_multiplier=0.1,
    read_multiplier_by_model=(("minimax-m2.7*", 0.2),),
    sources={
        "marker": _PAGE,
        "max_marks": Source(_PAGE.url, _READ, "not known there: the limit of the protocol"),
        "ttls": _PAGE,
        "default_ttl": _PAGE,
        "kinds": Source(_PAGE.url, _READ, "media are not known there: left out"),
        "tool_slot": Source(_PAGE.url, _READ, "the order is tools, system, messages"),
        "tools_in_prefix": _PAGE,
        "lookback_blocks": _PAGE,
        "write_multipliers": _PAGE,
        "read_multiplier": _PAGE,
        "read_multiplier_by_model": Source(_PAGE.url, _READ, "by the price table"),
    },
)
"""MiniMax in Anthropic's form."""

MINIMAX_OPENAI: Final = CacheRules(
    name="minimax-openai",
    protocol="openai-chat",
    implicit=Implicit(min_tokens=512),
    sources={"implicit": _PASSIVE},
)
"""MiniMax in OpenAI's form: caches by itself, takes no marks."""
