"""Amazon Bedrock's Converse: cache points are blocks of their own, behind what they mark."""

from __future__ import annotations

from typing import Final

from .core import CacheRules, Source

__all__ = ["BEDROCK"]

_SDK = Source("https://github.com/boto/botocore", "2026-11-21", "1.44.5, bedrock-runtime service-2")

BEDROCK: Final = CacheRules(
    name="bedrock",
    protocol="bedrock-converse",
    marker="cache_point",
    max_marks=4,
    ttls=("5m", "1h"),
    default_ttl="5m",
    ttl_ordered=True,
    kinds=frozenset({"text", "image", "document", "tool_use", "tool_result"}),
    tool_slot=True,
    tools_in_prefix="own",
    error_texts={
        "cache-point-misplaced": "There is nothing available to cache.",
        "cache-point-behind-document": "{path}.type: Field required",
        "marker-on-thinking": (
            "Cache point cannot be inserted after reasoning block. Please remove the invalid cache"
            " point and try again."
        ),
        "tool-call-unanswered": (
            "Expected toolResult blocks at {path}.content for the following Ids: {ids}"
        ),
    },
    sources={
        "marker": Source(
            _SDK.url,
            _SDK.read,
            "in system, content of messages and toolConfig.tools; not in toolResult",
        ),
        "max_marks": Source(_SDK.url, _SDK.read, "not in the model: Claude's limit"),
        "ttls": _SDK,
        "default_ttl": Source(_SDK.url, _SDK.read, "not in the model: Claude's default"),
        "ttl_ordered": Source(_SDK.url, _SDK.read, "not in the model: Claude's order"),
        "kinds": Source(_SDK.url, _SDK.read, "not in the model: what Claude marks"),
        "tool_slot": _SDK,
        "tools_in_prefix": Source(_SDK.url, _SDK.read, "not in the model: Claude's order"),
        "error_texts": Source(
            "https://github.com/strands-agents/harness-sdk/pull/3677",
            _SDK.read,
            "seen with Claude; also aws-sdk-java-v2#6277, opencode#36517, agno#6698",
        ),
    },
)
"""Bedrock Converse. Minimum, lookback and prices depend on the model and are unknown."""
