"""OpenRouter: one chat protocol, and the rules of whoever serves the model behind it."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from .anthropic import ANTHROPIC, MIN_TOKENS_BY_MODEL
from .core import Affinity, CacheRules, Implicit, Source
from .dashscope import DASHSCOPE_COMPATIBLE, OPENAI_COMPATIBLE
from .openai import OPENAI

__all__ = [
    "OPENROUTER",
    "OPENROUTER_ANTHROPIC",
    "OPENROUTER_ANY",
    "OPENROUTER_GEMINI",
    "OPENROUTER_OPENAI",
    "OPENROUTER_QWEN",
]

_READ = "2026-11-21"
_PAGE = Source("https://openrouter.ai/docs/guides/best-practices/prompt-caching", _READ)
_SDK = Source("https://github.com/OpenRouterTeam/python-sdk", _READ, "1.3.84, docstrings")
_BOTH = Source(_SDK.url, _READ, "the two forms are interchangeable")
_TOOLS = Source(
    "https://github.com/UKGovernmentBEIS/inspect_ai",
    _READ,
    "at the top level of the tool, not in its function",
)
_AFFINITY = (
    Affinity("body", "prompt_cache_key"),
    Affinity("body", "session_id", max_length=256),
)

OPENROUTER: Final = CacheRules(
    name="openrouter",
    protocol="openai-chat",
    implicit=Implicit(),
    affinity=_AFFINITY,
    sources={
        "implicit": Source(_PAGE.url, _READ, "if the provider behind it has one"),
        "affinity": _SDK,
    },
)
"""A model on OpenRouter whose provider takes no marks, or is not known to take any."""

OPENROUTER_ANY: Final = replace(
    OPENAI_COMPATIBLE,
    name="openrouter-any",
    affinity=_AFFINITY,
    sources={
        **OPENAI_COMPATIBLE.sources,
        "marker": Source(_SDK.url, _READ, "converted to the form of the provider that is chosen"),
        "affinity": _SDK,
    },
)
"""OpenRouter where the model is not named: marks within the narrowest of its providers' limits."""

OPENROUTER_ANTHROPIC: Final = replace(
    ANTHROPIC,
    name="openrouter-anthropic",
    protocol="openai-chat",
    reads_also=("prompt_cache_breakpoint",),
    kinds=frozenset({"text", "image"}),
    min_tokens_by_model=(("*opus-4[.-][78]*", 4096), *MIN_TOKENS_BY_MODEL),
    write_multipliers={},
    read_multiplier=None,
    read_multiplier_by_model=(),
    affinity=_AFFINITY,
    sources={
        **ANTHROPIC.sources,
        "marker": _PAGE,
        "reads_also": _BOTH,
        "kinds": Source(_PAGE.url, _READ, "content parts; of files unknown"),
        "tool_slot": _TOOLS,
        "automatic": _PAGE,
        "min_tokens_by_model": Source(
            _PAGE.url, _READ, "4096 for opus-4.7 and 4.8, where Anthropic says 2048 and 1024"
        ),
        "affinity": _SDK,
    },
)
"""Claude on OpenRouter: Anthropic's rules on chat parts. Prices are not stated."""

OPENROUTER_GEMINI: Final = replace(
    OPENROUTER,
    name="openrouter-gemini",
    marker="cache_control",
    reads_also=("prompt_cache_breakpoint",),
    last_mark_only=True,
    kinds=frozenset({"text"}),
    implicit=Implicit(min_tokens_by_model=(("*flash*", 1024), ("*pro*", 4096))),
    sources={
        "marker": _PAGE,
        "reads_also": _BOTH,
        "last_mark_only": _PAGE,
        "kinds": Source(_PAGE.url, _READ, "content parts; of media unknown"),
        "implicit": Source(
            "https://ai.google.dev/gemini-api/docs/caching", _READ, "from Gemini 2.5 on"
        ),
        "affinity": _SDK,
    },
)
"""Gemini on OpenRouter: only the last mark counts."""

OPENROUTER_QWEN: Final = replace(
    DASHSCOPE_COMPATIBLE,
    name="openrouter-qwen",
    array_refused=(),
    array_refused_without_tools_only=False,
    models=(),
    write_multipliers={},
    read_multiplier=None,
    read_multiplier_by_model=(),
    implicit=None,
    affinity=_AFFINITY,
    sources={
        **DASHSCOPE_COMPATIBLE.sources,
        "marker": _PAGE,
        "reads_also": _BOTH,
        "ttls": _PAGE,
        "default_ttl": _PAGE,
        "affinity": _SDK,
    },
)
"""Qwen on OpenRouter: DashScope's rules. Prices and listed models are not stated."""

OPENROUTER_OPENAI: Final = replace(
    OPENAI,
    name="openrouter-openai",
    reads_also=("cache_control",),
    ttls=(),
    default_ttl=None,
    write_multipliers={},
    read_multiplier=None,
    implicit=Implicit(min_tokens=1024),
    error_texts={},
    media_roles=(),
    legacy_fields=(),
    affinity=_AFFINITY,
    sources={
        **OPENAI.sources,
        "marker": _SDK,
        "reads_also": _BOTH,
        "ttls": Source(_PAGE.url, _READ, "a TTL is dropped on the way to OpenAI"),
        "affinity": _SDK,
    },
)
"""GPT-5.6 and later on OpenRouter: OpenAI's breakpoints, without a TTL."""
