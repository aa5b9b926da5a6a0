"""Span attributes of a `Usage`: OpenTelemetry's and OpenInference's names, as tables.

Sources, read 2026-11-21: opentelemetry-semantic-conventions 0.66b2 and
github.com/open-telemetry/semantic-conventions-genai (docs/registry/attributes/gen-ai.md);
openinference-semantic-conventions 0.1.42. No SDK of either is imported.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

from .model import Usage

__all__ = ["OPENINFERENCE", "OTEL", "to_openinference", "to_otel"]

OTEL: Final[Mapping[str, str]] = MappingProxyType(
    {
        "input": "gen_ai.usage.input_tokens",
        "output": "gen_ai.usage.output_tokens",
        "cache_read": "gen_ai.usage.cache_read.input_tokens",
        "cache_write": "gen_ai.usage.cache_creation.input_tokens",
        "reasoning": "gen_ai.usage.reasoning.output_tokens",
        "model": "gen_ai.response.model",
    }
)
"""OpenTelemetry's name of each field; the input includes both cache counts, as it asks for."""

OPENINFERENCE: Final[Mapping[str, str]] = MappingProxyType(
    {
        "input": "llm.token_count.prompt",
        "output": "llm.token_count.completion",
        "total": "llm.token_count.total",
        "cache_read": "llm.token_count.prompt_details.cache_read",
        "cache_write": "llm.token_count.prompt_details.cache_write",
        "reasoning": "llm.token_count.completion_details.reasoning",
        "model": "llm.model_name",
    }
)
"""OpenInference's name of each field."""

# Only where the convention's word is not ours; it allows names of one's own for others.
_OTEL_PROVIDERS: Final = MappingProxyType(
    {
        "azure": "azure.ai.openai",
        "bedrock": "aws.bedrock",
        "google": "gcp.gen_ai",
        "mistral": "mistral_ai",
        "xai": "x_ai",
    }
)
_OPENINFERENCE_PROVIDERS: Final = MappingProxyType(
    {"bedrock": "aws", "mistral": "mistralai", "zhipu": "zai"}
)


def to_otel(usage: Usage, *, conversation_id: str | None = None) -> dict[str, Any]:
    """Return `gen_ai.*` attributes; a count that was not reported is left out, never 0."""
    return _attributes(
        usage,
        OTEL,
        {
            "gen_ai.provider.name": _OTEL_PROVIDERS.get(usage.provider or "", usage.provider),
            "gen_ai.conversation.id": conversation_id,
        },
    )


def to_openinference(usage: Usage, *, session_id: str | None = None) -> dict[str, Any]:
    """Return `llm.*` attributes; a count that was not reported is left out, never 0."""
    return _attributes(
        usage,
        OPENINFERENCE,
        {
            "llm.provider": _OPENINFERENCE_PROVIDERS.get(usage.provider or "", usage.provider),
            "session.id": session_id,
        },
    )


def _attributes(
    usage: Usage, names: Mapping[str, str], others: Mapping[str, str | None]
) -> dict[str, Any]:
    found = {name: getattr(usage, field) for field, name in names.items()} | {**others}
    return {name: value for name, value in found.items() if value is not None}
