"""Providers that take no marks: what they cache, they cache by themselves."""

from __future__ import annotations

from typing import Final

from .core import Affinity, CacheRules, Implicit, Source

__all__ = ["DEEPSEEK", "GEMINI_CHAT", "GLM", "GROQ", "NO_MARKERS", "OLLAMA", "XAI"]

_READ = "2026-11-21"


def _implicit(
    name: str, caching: Implicit, page: Source, affinity: tuple[Affinity, ...] = ()
) -> CacheRules:
    fields = ("implicit", "affinity") if affinity else ("implicit",)
    return CacheRules(
        name=name,
        protocol="openai-chat",
        implicit=caching,
        affinity=affinity,
        sources=dict.fromkeys(fields, page),
    )


DEEPSEEK: Final = _implicit(
    "deepseek",
    Implicit(),
    Source(
        "https://api-docs.deepseek.com/guides/kv_cache",
        _READ,
        "on disk, in whole prefix units; user_id isolates",
    ),
)
"""DeepSeek's own service."""

GLM: Final = _implicit(
    "glm",
    Implicit(),
    Source(
        "https://docs.bigmodel.cn/cn/guide/capabilities/cache",
        _READ,
        "advises more than 500 tokens; that cache_control is tolerated is a third party's claim",
    ),
)
"""Zhipu's own service, and Z.ai."""

XAI: Final = _implicit(
    "xai",
    Implicit(),
    Source(
        "https://docs.x.ai/docs/guides/prompt-caching",
        _READ,
        "the header is of chat completions; Responses have prompt_cache_key",
    ),
    (Affinity("header", "x-grok-conv-id"),),
)
"""xAI's chat completions."""

GROQ: Final = _implicit(
    "groq",
    Implicit(read_multiplier=0.5),
    Source("https://console.groq.com/docs/prompt-caching", _READ, "kept for two hours"),
)
"""Groq."""

GEMINI_CHAT: Final = _implicit(
    "gemini-chat",
    Implicit(min_tokens_by_model=(("*flash*", 1024), ("*pro*", 4096))),
    Source(
        "https://ai.google.dev/gemini-api/docs/caching",
        _READ,
        "from Gemini 2.5 on; explicit caching is a resource of its own, not a mark",
    ),
)
"""Gemini's OpenAI-compatible endpoint."""

OLLAMA: Final = _implicit(
    "ollama",
    Implicit(),
    Source("https://github.com/ollama/ollama-python", _READ, "0.6.3: no cache field; local reuse"),
)
"""Ollama; no host or model name tells it apart, so it is handed to a formatter."""

NO_MARKERS: Final = CacheRules(name="no-markers", protocol="openai-chat")
"""A provider of whose caching nothing is known, and to which no mark is sent."""
