"""Anthropic's Messages API: at Anthropic, in other clouds, and at services that speak it."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from .core import CacheRules, Source

__all__ = ["ANTHROPIC", "ANTHROPIC_CLOUD", "ANTHROPIC_COMPATIBLE", "MIN_TOKENS_BY_MODEL"]

_READ = "2026-11-21"
_PAGE = Source("https://platform.claude.com/docs/en/build-with-claude/prompt-caching", _READ)
_PRICES = Source("https://platform.claude.com/docs/en/about-claude/pricing", _READ)
_SDK = Source(
    "https://github.com/anthropics/anthropic-sdk-python",
    _READ,
    "2.11.0: the types with a cache_control; thinking blocks and text that is empty have none",
)

MIN_TOKENS_BY_MODEL: Final = (
    ("*mythos-preview*", 2048),
    ("*fable-5*", 512),
    ("*mythos-5*", 512),
    ("*opus-5*", 512),
    ("*sonnet-5[.-]5*", 512),
    ("*haiku-5[.-]5*", 512),
    ("*opus-4[.-]8*", 1024),
    ("*opus-4[.-]7*", 2048),
    ("*opus-4[.-][56]*", 4096),
    ("*opus-4*", 1024),
    ("*sonnet-[45]*", 1024),
    ("*haiku-4[.-]5*", 4096),
    ("*3[.-]5-haiku*", 2048),
    ("*haiku-3[.-]5*", 2048),
)
"""Least cacheable prefix in tokens. Names are written `4-5` by Anthropic, `4.5` by OpenRouter."""

_ERROR_TEXTS: Final = {
    "too-many-markers": (
        "A maximum of {limit} blocks with cache_control may be provided. Found {found}."
    ),
    "ttl-order": (
        "{path}.cache_control.ttl: a ttl='{ttl}' cache_control block must not come after a"
        " ttl='{earlier}' cache_control block. Note that blocks are processed in the following"
        " order: tools, system, messages."
    ),
    "automatic-ttl-conflict": (
        "Top-level cache_control has ttl='{asked}' but the target block already has cache_control"
        " with ttl='{own}'"
    ),
    "marker-on-empty-text": "{path}.text: cache_control cannot be set for empty text blocks",
    "marker-on-thinking": "{path}.{kind}.cache_control: Extra inputs are not permitted",
    "marker-in-tool-result": (
        "cache_control may not be specified within `tool_result.content`. Instead, place it"
        " directly on `tool_result`"
    ),
    "message-level-marker": "{path}.{kind}: Extra inputs are not permitted",
    "tool-call-unanswered": (
        "`tool_use` ids were found without `tool_result` blocks immediately after: {ids}. Each"
        " `tool_use` block must have a corresponding `tool_result` block in the next message."
    ),
    "tool-result-without-call": (
        "unexpected `tool_use_id` found in `tool_result` blocks: {ids}. Each `tool_result` block"
        " must have a corresponding `tool_use` block in the previous message."
    ),
}

ANTHROPIC: Final = CacheRules(
    name="anthropic",
    protocol="anthropic",
    marker="cache_control",
    max_marks=4,
    over_limit="error",
    ttls=("5m", "1h"),
    default_ttl="5m",
    ttl_ordered=True,
    kinds=frozenset(
        {
            "text",
            "image",
            "document",
            "search_result",
            "tool_use",
            "tool_result",
            "server_tool_use",
            "web_search_tool_result",
            "web_fetch_tool_result",
            "container_upload",
            "tool_reference",
        }
    ),
    tool_slot=True,
    tools_in_prefix="own",
    automatic="top_level",
    error_texts=_ERROR_TEXTS,
    lookback_blocks=20,
    min_tokens_by_model=MIN_TOKENS_BY_MODEL,
    write_multipliers={"5m": 1.25, "1h": 2.0},
    read_multiplier=0.1,
    read_multiplier_by_model=(
        ("*opus-5[.-]5*", 0.05),
        ("*sonnet-5[.-]5*", 0.05),
        ("*fable-5[.-]1*", 0.025),
        ("*mythos-5[.-]1*", 0.025),
    ),
    sources={
        "marker": _PAGE,
        "max_marks": Source(_PAGE.url, _READ, "the automatic one counts"),
        "over_limit": _PAGE,
        "ttls": _PAGE,
        "default_ttl": _PAGE,
        "ttl_ordered": Source(_PAGE.url, _READ, "over tools, system, messages; else status 400"),
        "kinds": _SDK,
        "tool_slot": _PAGE,
        "tools_in_prefix": _PAGE,
        "automatic": Source(_PAGE.url, _READ, "generally available since 2026-02-19"),
        "error_texts": Source(
            "https://github.com/anthropics/claude-code/issues/54013",
            _READ,
            "status 400; also sub2api#225, hermes-agent#89931, agno#8234,"
            " vellum-ai/vellum-assistant#22191 and #23414, and, of a mark and of a name beside role"
            " and content, anthropics/anthropic-sdk-typescript#553 and microsoft/autogen#3034",
        ),
        "lookback_blocks": _PAGE,
        "min_tokens": Source(_PAGE.url, _READ, "by model; of models not named there unknown"),
        "min_tokens_by_model": Source(
            _PAGE.url, _READ, "as of 2026-10; haiku-5.5 by one secondary source"
        ),
        "write_multipliers": _PRICES,
        "read_multiplier": _PRICES,
        "read_multiplier_by_model": Source(
            _PRICES.url, _READ, "sonnet-5.5 by genai-prices 0.2.3 and litellm 1.109"
        ),
    },
)
"""Anthropic's own service."""

ANTHROPIC_CLOUD: Final = replace(
    ANTHROPIC,
    name="anthropic-cloud",
    automatic=None,
    write_multipliers={},
    read_multiplier=None,
    read_multiplier_by_model=(),
    sources={
        **ANTHROPIC.sources,
        "automatic": Source(
            "https://github.com/pydantic/pydantic-ai",
            _READ,
            "refused with models up to Opus 4.6 on Bedrock and with older ones on Vertex AI;"
            " of later ones unknown; also inspect_ai",
        ),
    },
)
"""Claude with Anthropic's body on Bedrock or Vertex AI: no automatic mark. Prices are unknown."""

ANTHROPIC_COMPATIBLE: Final = replace(
    ANTHROPIC_CLOUD,
    name="anthropic-compatible",
    over_limit=None,
    ttls=("5m",),
    ttl_ordered=False,
    kinds=frozenset({"text", "image", "document", "tool_use", "tool_result"}),
    error_texts={},
    min_tokens_by_model=(),
)
"""A service that speaks Anthropic's protocol and of which nothing is known: its oldest part."""
