"""Where each provider puts its token counts: one frozen row a form, with its source and date.

Every path that is followed stands here. Knows nothing of how a row is chosen or a count corrected:
`read` and `counts` do, and name no provider.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Final

from .form import PLACES, Form
from .openai_forms import (
    CHAT,
    DASHSCOPE_CHAT,
    DASHSCOPE_RESPONSES,
    DEEPSEEK_CHAT,
    GROQ_CHAT,
    LITELLM,
    MISTRAL_CHAT,
    MOONSHOT_CHAT,
    OPENROUTER_CHAT,
    RESPONSES,
    XAI_CHAT,
)

__all__ = ["ALIASES", "FORMS", "MODELS", "forms_of", "provider_name"]

MODELS: Final = (
    "model",
    "message.model",
    "response.model",
    "modelVersion",
    "model_version",
    "response_metadata.model_name",
    "response_metadata.model",
    "result.model",
    "body.model",
    "response.body.model",
)
"""Where a response names its model."""


# ------------------------------------------------------------- forms of one provider, and its SDK's

_GEMINI: Final = Form(
    name="gemini",
    providers=("google",),
    sole=True,
    places=("usageMetadata", "usage_metadata", "response.usageMetadata", *PLACES),
    keys=(
        "promptTokenCount",
        "prompt_token_count",
        "candidatesTokenCount",
        "candidates_token_count",
        "totalTokenCount",
        "total_token_count",
    ),
    input=("promptTokenCount", "prompt_token_count"),
    more=(("input", "toolUsePromptTokenCount"), ("input", "tool_use_prompt_token_count")),
    output=(
        "candidatesTokenCount",
        "candidates_token_count",
        "responseTokenCount",  # Live API
        "response_token_count",
    ),
    cache_read=("cachedContentTokenCount", "cached_content_token_count"),
    reasoning=("thoughtsTokenCount", "thoughts_token_count"),
    total=("totalTokenCount", "total_token_count"),
    reasoning_outside=True,
    # google-genai 3.4.0 types.py: prompt_token_count includes the cached content; the total is the
    # sum of prompt, candidates, tool use prompt and thoughts.
    source="https://ai.google.dev/api/generate-content#UsageMetadata",
)

_GEMINI_INTERACTIONS: Final = Form(
    name="gemini-interactions",
    providers=("google",),
    sole=True,
    keys=("total_input_tokens", "total_output_tokens"),
    input=("total_input_tokens",),
    more=(("input", "total_tool_use_tokens"),),
    output=("total_output_tokens",),
    cache_read=("total_cached_tokens",),
    reasoning=("total_thought_tokens",),
    total=("total_tokens",),
    reasoning_outside=True,
    # google-genai 3.4.0 _gaos/types/interactions/usage.py
    source="https://ai.google.dev/gemini-api/docs/interactions",
)

_BEDROCK_CONVERSE: Final = Form(
    name="bedrock-converse",
    providers=("bedrock",),
    keys=("inputTokens", "outputTokens", "cacheReadInputTokens", "cache_write_input_tokens"),
    input=("inputTokens", "input_tokens"),
    output=("outputTokens", "output_tokens"),
    cache_read=("cacheReadInputTokens", "cacheReadInputTokenCount", "cache_read_input_tokens"),
    cache_write=("cacheWriteInputTokens", "cacheWriteInputTokenCount", "cache_write_input_tokens"),
    cache_write_5m=("cacheDetails[ttl=5m].inputTokens", "cache_details[ttl=5m].input_tokens"),
    cache_write_1h=("cacheDetails[ttl=1h].inputTokens", "cache_details[ttl=1h].input_tokens"),
    write_parts=("cacheDetails[*].inputTokens", "cache_details[*].input_tokens"),
    total=("totalTokens", "total_tokens"),
    cache_outside=True,
    # Recorded: 433 input + 16 output + 2752 read = 3201 total (pydantic-ai, test_cache). The names
    # with underscores are those of AWS's SDK for Python without boto.
    source="https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_TokenUsage.html",
)

_OLLAMA: Final = Form(
    name="ollama",
    providers=("ollama",),
    sole=True,
    places=("",),
    keys=("prompt_eval_count", "eval_count"),
    input=("prompt_eval_count",),
    output=("eval_count",),
    # ollama 0.6.3 _types.py: no count of a cache
    source="https://docs.ollama.com/api/usage",
)

_COHERE: Final = Form(
    name="cohere",
    providers=("cohere",),
    sole=True,
    places=("usage", "delta.usage", "meta", "response.meta", ""),
    keys=(
        "tokens.input_tokens",
        "tokens.output_tokens",
        "billed_units.input_tokens",
        "billed_units.output_tokens",
    ),
    # Billed units leave out what Cohere adds to the prompt: the tokens are what the model read.
    input=("tokens.input_tokens", "billed_units.input_tokens"),
    output=("tokens.output_tokens", "billed_units.output_tokens"),
    cache_read=("cached_tokens",),
    # cohere 7.3.1 types/usage.py: numbers are floats; cached_tokens are prompt tokens
    source="https://docs.cohere.com/reference/chat",
)

_COMPACTION: Final = "iterations[type=compaction]"

_ANTHROPIC: Final = Form(
    name="anthropic-messages",
    providers=(
        "anthropic",
        "bedrock",  # InvokeModel
        "dashscope",  # /apps/anthropic: counters in message_delta (rust-genai#258)
        "minimax",
        "moonshot",
        "zhipu",
        "deepseek",
        "openrouter",
        "google",
        "azure",
        "ollama",
        "litellm",
    ),
    keys=(
        "input_tokens",
        "output_tokens",
        "cache_creation_input_tokens",
        "cache_read_input_tokens",
    ),
    marks=(
        "cache_creation_input_tokens",
        "cache_read_input_tokens",
        "cache_creation",
        "server_tool_use",
        "inference_geo",
    ),
    input=("input_tokens",),
    output=("output_tokens",),
    cache_read=("cache_read_input_tokens",),
    cache_write=("cache_creation_input_tokens",),
    cache_write_5m=("cache_creation.ephemeral_5m_input_tokens",),
    cache_write_1h=("cache_creation.ephemeral_1h_input_tokens",),
    write_parts=(
        "cache_creation.ephemeral_5m_input_tokens",
        "cache_creation.ephemeral_1h_input_tokens",
    ),
    reasoning=("output_tokens_details.thinking_tokens",),
    # anthropic 2.11.0 types/beta/beta_usage.py: "A `compaction` entry's tokens are not included in
    # the top-level `usage` fields."
    more=(
        ("input", f"{_COMPACTION}.input_tokens"),
        ("output", f"{_COMPACTION}.output_tokens"),
        ("cache_read", f"{_COMPACTION}.cache_read_input_tokens"),
        ("cache_write", f"{_COMPACTION}.cache_creation_input_tokens"),
        ("cache_write_5m", f"{_COMPACTION}.cache_creation.ephemeral_5m_input_tokens"),
        ("cache_write_1h", f"{_COMPACTION}.cache_creation.ephemeral_1h_input_tokens"),
    ),
    cache_outside=True,
    source="https://platform.claude.com/docs/en/build-with-claude/prompt-caching",
)

_DASHSCOPE_NATIVE: Final = Form(
    name="dashscope-native",
    providers=("dashscope",),
    sole=True,
    keys=("input_tokens", "output_tokens", "models[0].input_tokens"),
    marks=(
        "prompt_tokens_details",
        "cached_tokens",
        "image_tokens",
        "video_tokens",
        "plugins",
        "characters",
        "models",
    ),
    beside="output",
    input=("input_tokens", "models[*].input_tokens"),
    output=("output_tokens", "models[*].output_tokens"),
    # Beside the details: Singapore's VL models, and captures of qwen-doc.
    cache_read=("prompt_tokens_details.cached_tokens", "cached_tokens"),
    cache_write=("prompt_tokens_details.cache_creation_input_tokens",),
    cache_write_5m=("prompt_tokens_details.cache_creation.ephemeral_5m_input_tokens",),
    cache_write_1h=("prompt_tokens_details.cache_creation.ephemeral_1h_input_tokens",),
    write_parts=(
        "prompt_tokens_details.cache_creation.ephemeral_5m_input_tokens",
        "prompt_tokens_details.cache_creation.ephemeral_1h_input_tokens",
    ),
    reasoning=("output_tokens_details.reasoning_tokens",),
    total=("total_tokens",),
    source="https://help.aliyun.com/zh/model-studio/context-cache",
)

# ----------------------------------------------------------------------- what frameworks keep of it

_LANGCHAIN: Final = replace(
    RESPONSES,
    name="langchain",
    providers=(),
    places=(
        "usage_metadata",
        "message.usage_metadata",
        "kwargs.usage_metadata",
        "data.usage_metadata",
    ),
    marks=(),
    cache_read=(
        "input_token_details.cache_read",
        "input_token_details.priority_cache_read",  # langchain-openai, by service tier
        "input_token_details.flex_cache_read",
    ),
    # With the parts by TTL given, langchain-anthropic sets cache_creation to 0.
    cache_write=(
        "input_token_details.cache_creation",
        "input_token_details.priority_cache_creation",
        "input_token_details.flex_cache_creation",
    ),
    cache_write_5m=("input_token_details.ephemeral_5m_input_tokens",),
    cache_write_1h=("input_token_details.ephemeral_1h_input_tokens",),
    write_parts=(
        "input_token_details.ephemeral_5m_input_tokens",
        "input_token_details.ephemeral_1h_input_tokens",
    ),
    reasoning=(
        "output_token_details.reasoning",
        "output_token_details.priority_reasoning",
        "output_token_details.flex_reasoning",
    ),
    # langchain-core 1.8.2 messages/ai.py: input_tokens is the sum of all input token types
    source="https://reference.langchain.com/python/langchain-core/messages/ai/UsageMetadata",
)

_LANGCHAIN_ALONE: Final = replace(
    _LANGCHAIN,
    places=("", "usage"),
    marks=(
        *_LANGCHAIN.cache_read,
        *_LANGCHAIN.cache_write,
        *_LANGCHAIN.write_parts,
        *_LANGCHAIN.reasoning,
    ),
)

_AGENTSCOPE: Final = Form(
    name="agentscope",
    keys=("cachedTokens",),
    input=("inputTokens",),
    output=("outputTokens",),
    cache_read=("cachedTokens",),
    total=("totalTokens",),
    # ChatUsage of agentscope-java, as a message keeps it
    source="https://github.com/agentscope-ai/agentscope-java",
)

_COUNTS: Final = Form(
    name="wiremark",
    keys=("cache_write_5m", "cache_read", "cacheRead"),
    input=("input",),
    output=("output",),
    cache_read=("cache_read", "cacheRead"),
    cache_write=("cache_write", "cacheWrite"),
    cache_write_5m=("cache_write_5m",),
    cache_write_1h=("cache_write_1h",),
    reasoning=("reasoning",),
    total=("total_tokens", "totalTokens"),
    # `Usage.to_dict`, and tinyAgent's usage, which has the same names
    source="https://github.com/alchemiststudiosDOTai/tinyAgent",
)

_TOKENS: Final = Form(
    name="tokens",
    keys=("input_tokens", "output_tokens"),
    input=("input_tokens",),
    output=("output_tokens",),
    total=("total_tokens",),
    # What all forms with these names have in common: no count of a cache, so nothing to misread.
    source="https://platform.claude.com/docs/en/api/messages",
)

FORMS: Final = (
    _GEMINI,
    _GEMINI_INTERACTIONS,
    _AGENTSCOPE,
    _BEDROCK_CONVERSE,
    _OLLAMA,
    _COHERE,
    _LANGCHAIN,
    _LANGCHAIN_ALONE,
    _COUNTS,
    XAI_CHAT,
    DASHSCOPE_CHAT,
    DEEPSEEK_CHAT,
    OPENROUTER_CHAT,
    GROQ_CHAT,
    MISTRAL_CHAT,
    LITELLM,
    MOONSHOT_CHAT,
    CHAT,
    _DASHSCOPE_NATIVE,
    DASHSCOPE_RESPONSES,
    _ANTHROPIC,
    RESPONSES,
    _TOKENS,
)
"""All forms; the first that fits is read, so the one with more marks stands first."""

ALIASES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "alibaba": "dashscope",
        "aliyun": "dashscope",
        "amazon-bedrock": "bedrock",
        "aws": "bedrock",
        "aws-bedrock": "bedrock",
        "azure-openai": "azure",
        "bailian": "dashscope",
        "bigmodel": "zhipu",
        "claude": "anthropic",
        "gcp-gemini": "google",
        "gcp-gen-ai": "google",
        "gcp-vertex-ai": "google",
        "gemini": "google",
        "glm": "zhipu",
        "google-genai": "google",
        "grok": "xai",
        "kimi": "moonshot",
        "mistral-ai": "mistral",
        "mistralai": "mistral",
        "model-studio": "dashscope",
        "moonshot-ai": "moonshot",
        "moonshotai": "moonshot",
        "qwen": "dashscope",
        "tongyi": "dashscope",
        "vertex": "google",
        "vertex-ai": "google",
        "vertexai": "google",
        "x-ai": "xai",
        "z-ai": "zhipu",
        "zai": "zhipu",
        "zhipuai": "zhipu",
    }
)
"""Other names of the providers, in lower case with hyphens."""

_PROVIDERS: Final = frozenset(name for form in FORMS for name in form.providers)


def provider_name(name: str) -> str | None:
    """Return the provider that a name means, `None` where the table has none.

    Case does not matter, nor whether words are joined by a hyphen, an underscore, a dot or a space.
    """
    key = "-".join(name.lower().replace("_", " ").replace(".", " ").replace("-", " ").split())
    key = ALIASES.get(key, key)
    return key if key in _PROVIDERS else None


def forms_of(provider: str) -> tuple[Form, ...]:
    """Return the forms in which a provider answers, and those of frameworks."""
    return tuple(form for form in FORMS if not form.providers or provider in form.providers)
