"""Alibaba DashScope (Model Studio): explicit cache, classic rules and those of Qwen4."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from .core import Affinity, CacheRules, Implicit, Source

__all__ = [
    "DASHSCOPE",
    "DASHSCOPE_ANTHROPIC",
    "DASHSCOPE_COMPATIBLE",
    "DASHSCOPE_RESPONSES",
    "DASHSCOPE_SESSION",
    "OPENAI_COMPATIBLE",
    "QWEN4",
]

_READ = "2026-11-21"
_PAGE = Source("https://help.aliyun.com/zh/model-studio/context-cache", _READ)
_PRICES = Source(
    _PAGE.url,
    _READ,
    "hit price of qwen3.8-max, qwen3.8-flash and qwen3.8-2.4t-a95b differs and is not stated there",
)

DASHSCOPE: Final = CacheRules(
    name="dashscope",
    protocol="dashscope",
    marker="cache_control",
    reads_also=("prompt_cache_breakpoint",),
    max_marks=4,
    over_limit="last-win",
    ttls=("5m",),
    default_ttl="5m",
    kinds=frozenset({"text", "image", "audio", "video"}),
    tools_in_prefix="system",
    reuse_at="message",
    tool_batch_end=True,
    array_refused=("glm-*",),
    array_refused_without_tools_only=True,
    models=(
        "qwen3.8-max*",
        "qwen3.8-flash*",
        "qwen3.8-2.4t-a95b",
        "qwen3.8-27b",
        "qwen3.7-*",
        "qwen3.6-*",
        "qwen3.5-plus*",
        "qwen3.5-flash*",
        "qwen3-max*",
        "qwen3-coder-plus*",
        "qwen3-coder-flash*",
        "qwen3-vl-plus*",
        "qwen3-vl-flash*",
        "qwen-plus*",
        "qwen-flash*",
        "qwen4*",
        "deepseek-v3.2",
        "kimi-k2.5",
        "kimi-k2.6",
        "kimi-k2.7-code",
        "glm-5.1",
    ),
    lookback_blocks=20,
    min_tokens=1024,
    write_multipliers={"5m": 1.25},
    read_multiplier=0.1,
    read_multiplier_by_model=(
        ("qwen3.8-max*", None),
        ("qwen3.8-flash*", None),
        ("qwen3.8-2.4t-a95b", None),
    ),
    implicit=Implicit(
        min_tokens=1024,
        read_multiplier=0.2,
        read_multiplier_by_model=(
            ("deepseek-v4.1-flash", 0.1),
            ("kimi-k3", 0.1),
            ("glm-5.*", 0.25),
        ),
        excludes_explicit=True,
    ),
    sources={
        "marker": _PAGE,
        "reads_also": Source(
            "https://help.aliyun.com/zh/model-studio/explicit-cache-qwen4",
            _READ,
            "of Qwen4, which these rules are used for too",
        ),
        "max_marks": _PAGE,
        "over_limit": Source(_PAGE.url, _READ, "also vercel/ai packages/alibaba get-cache-control"),
        "ttls": Source(_PAGE.url, _READ, "a ttl field is undocumented; first-party SDKs send '5m'"),
        "default_ttl": _PAGE,
        "kinds": Source(
            "https://github.com/dashscope/dashscope-sdk-python",
            _READ,
            "2.0.2, v2/types/messages: text, image, audio and video parts have cache_control",
        ),
        "tools_in_prefix": Source(_PAGE.url, _READ, "a marker on a tool is ignored"),
        "reuse_at": Source(
            "https://github.com/QwenLM/qwen-code/issues/11651",
            _READ,
            "one live report of 2026-09-18 on qwen3.8-max; also #11627",
        ),
        "tool_batch_end": Source("https://github.com/QwenLM/Qwen/issues/2217", _READ, "one report"),
        "array_refused": Source(
            "https://github.com/QwenLM/qwen-code/commit/0252a23b",
            _READ,
            "array content in a request without tools is read as an empty prompt",
        ),
        "array_refused_without_tools_only": Source(
            "https://github.com/QwenLM/qwen-code/commit/0252a23b", _READ
        ),
        "models": Source(
            _PAGE.url, _READ, "Beijing, September 2026; on other models a mark has no effect"
        ),
        "lookback_blocks": _PAGE,
        "min_tokens": _PAGE,
        "write_multipliers": _PAGE,
        "read_multiplier": _PRICES,
        "read_multiplier_by_model": _PRICES,
        "implicit": Source(_PAGE.url, _READ, "minimum 256 on pages before 2026-06, 1024 on newer"),
    },
)
"""DashScope's own protocol (text and multimodal generation)."""

DASHSCOPE_COMPATIBLE: Final = replace(
    DASHSCOPE, name="dashscope-compatible", protocol="openai-chat"
)
"""DashScope's OpenAI-compatible mode: the same rules."""

DASHSCOPE_ANTHROPIC: Final = replace(
    DASHSCOPE,
    name="dashscope-anthropic",
    protocol="anthropic",
    kinds=frozenset({"text", "image", "tool_result"}),
    tool_batch_end=False,
    sources={
        **DASHSCOPE.sources,
        "kinds": Source(
            _PAGE.url,
            _READ,
            "text and image blocks of any role, and what stands for a tool message; others unknown",
        ),
    },
)
"""DashScope's Anthropic-compatible endpoint: the same cache, in Anthropic's blocks.

The results of a batch of tools are blocks of one message there, and a mark stands at its end.
"""

_QWEN4_PAGE = Source(
    "https://help.aliyun.com/zh/model-studio/explicit-cache-qwen4",
    _READ,
    "page of 2026-11-16, of which the beginning is stored",
)
_AS_CLASSIC = Source(_QWEN4_PAGE.url, _READ, "not stated for qwen4: as in the classic rules")

QWEN4: Final = CacheRules(
    name="qwen4",
    protocol="openai-chat",
    marker="prompt_cache_breakpoint",
    reads_also=("cache_control",),
    max_marks=4,
    kinds=DASHSCOPE.kinds,
    tools_in_prefix="system",
    reuse_at="message",
    tool_batch_end=True,
    lookback_blocks=20,
    min_tokens=1024,
    sources={
        "marker": _QWEN4_PAGE,
        "reads_also": Source(
            _QWEN4_PAGE.url, _READ, "cache_control on a block is accepted with the same meaning"
        ),
        "max_marks": _AS_CLASSIC,
        "over_limit": Source(_QWEN4_PAGE.url, _READ, "unknown"),
        "ttls": Source(
            _QWEN4_PAGE.url,
            _READ,
            "5 minutes or 1 hour; where the TTL is written is unknown, so none is written",
        ),
        "kinds": _AS_CLASSIC,
        "tools_in_prefix": _AS_CLASSIC,
        "automatic": Source(_QWEN4_PAGE.url, _READ, "exists; the field that asks for it unknown"),
        "reuse_at": _AS_CLASSIC,
        "tool_batch_end": _AS_CLASSIC,
        "lookback_blocks": _QWEN4_PAGE,
        "min_tokens": _QWEN4_PAGE,
        "write_multipliers": Source(_QWEN4_PAGE.url, _READ, "unknown"),
    },
)
"""Qwen4 in DashScope's compatible mode; what its page does not tell is kept as it was before."""

DASHSCOPE_RESPONSES: Final = CacheRules(
    name="dashscope-responses",
    protocol="openai-responses",
    implicit=DASHSCOPE.implicit,
    affinity=(Affinity("header", "x-dashscope-session-cache", "enable"),),
    sources={
        "implicit": Source(
            _PAGE.url,
            _READ,
            "without the session cache a model with an implicit cache uses that, at its price",
        ),
        "affinity": Source(
            "https://help.aliyun.com/zh/model-studio/compatibility-with-openai-responses-api",
            _READ,
            "page of September 2026; the header turns on the session cache, which follows"
            " previous_response_id from 1024 tokens on and takes no marks",
        ),
    },
)
"""DashScope's Responses endpoint: a session cache, turned on by a header."""

_SESSION_PAGE = Source(
    "https://www.alibabacloud.com/help/en/model-studio/context-cache",
    _READ,
    "page of 2026-03-24: session cache, created by the service, 5 minutes, renewed by a hit,"
    " from 1,024 tokens on; 125% to create, 10% to read",
)
_ASSUMED_BLOCKS = Source(_SESSION_PAGE.url, _READ, "assumed: each turn of a session is kept whole")

DASHSCOPE_SESSION: Final = CacheRules(
    name="dashscope-session",
    protocol="openai-responses",
    max_marks=1,
    implicit_marks=1,
    ttls=("5m",),
    default_ttl="5m",
    kinds=frozenset({"text", "image", "file"}),
    lookback_breakpoints=80,
    min_tokens=1024,
    write_multipliers={"5m": 1.25},
    read_multiplier=0.1,
    affinity=DASHSCOPE_RESPONSES.affinity,
    sources={
        "max_marks": Source(_SESSION_PAGE.url, _READ, "one, and it is the service's own"),
        "implicit_marks": _SESSION_PAGE,
        "ttls": _SESSION_PAGE,
        "default_ttl": _SESSION_PAGE,
        "kinds": _ASSUMED_BLOCKS,
        "lookback_breakpoints": _ASSUMED_BLOCKS,
        "min_tokens": _SESSION_PAGE,
        "write_multipliers": _SESSION_PAGE,
        "read_multiplier": _SESSION_PAGE,
        "affinity": DASHSCOPE_RESPONSES.sources["affinity"],
    },
)
"""DashScope's Responses with the session cache on, for a model that has explicit caching."""

OPENAI_COMPATIBLE: Final = replace(
    DASHSCOPE_COMPATIBLE,
    name="openai-compatible",
    models=(),
    write_multipliers={},
    read_multiplier=None,
    read_multiplier_by_model=(),
    implicit=None,
)
"""An OpenAI-compatible provider that nothing is known of: the form of DashScope's compatible mode.

It is also OpenRouter's and agentscope-java's form. Prices and listed models are unknown.
"""
