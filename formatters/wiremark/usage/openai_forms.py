"""The forms of OpenAI's protocols and of those who speak them; `table` holds all forms.

Knows nothing of how a row is chosen or a count corrected.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from .form import Form

__all__ = [
    "CHAT",
    "DASHSCOPE_CHAT",
    "DASHSCOPE_RESPONSES",
    "DEEPSEEK_CHAT",
    "GROQ_CHAT",
    "LITELLM",
    "MISTRAL_CHAT",
    "MOONSHOT_CHAT",
    "OPENROUTER_CHAT",
    "RESPONSES",
    "XAI_CHAT",
]

# ------------------------------------------------------------------------- OpenAI's Responses API

RESPONSES: Final = Form(
    name="openai-responses",
    providers=(
        "openai",
        "azure",
        "dashscope",
        "deepseek",
        "groq",
        "litellm",
        "minimax",
        "moonshot",
        "mistral",
        "ollama",
        "openrouter",
        "xai",
    ),
    keys=("input_tokens", "output_tokens"),
    marks=(
        "input_tokens_details",
        "output_tokens_details",
        "input_token_details",
        "output_token_details",
    ),
    input=("input_tokens",),
    output=("output_tokens",),
    cache_read=(
        "input_tokens_details.cached_tokens",
        "input_tokens_details.cache_read_input_tokens",  # Perplexity
        "input_token_details.cached_tokens",  # Realtime
    ),
    cache_write=("input_tokens_details.cache_write_tokens",),
    write_parts=(
        "input_tokens_details.cache_write_tokens_details.ttl_30m_tokens",
        "input_tokens_details.cache_write_tokens_details.ttl_12h_tokens",
    ),
    reasoning=(
        "output_tokens_details.reasoning_tokens",
        "output_tokens_details.thinking_tokens",  # Anthropic's message_delta
        "output_token_details.reasoning_tokens",
    ),
    total=("total_tokens",),
    # openai 3.52.0 types/responses/response_usage.py
    source="https://developers.openai.com/api/docs/guides/prompt-caching",
)

_X: Final = "x_details[0].prompt_tokens_details"

DASHSCOPE_RESPONSES: Final = replace(
    RESPONSES,
    name="dashscope-responses",
    providers=("dashscope",),
    sole=True,
    marks=("x_details",),
    cache_read=(*RESPONSES.cache_read, f"{_X}.cached_tokens"),
    cache_write=(*RESPONSES.cache_write, f"{_X}.cache_creation_input_tokens"),
    cache_write_5m=(f"{_X}.cache_creation.ephemeral_5m_input_tokens",),
    cache_write_1h=(f"{_X}.cache_creation.ephemeral_1h_input_tokens",),
    write_parts=(
        f"{_X}.cache_creation.ephemeral_5m_input_tokens",
        f"{_X}.cache_creation.ephemeral_1h_input_tokens",
    ),
    source="https://help.aliyun.com/zh/model-studio/compatibility-with-openai-responses-api",
)

# ----------------------------------------------------- OpenAI's chat completions, and its relatives

CHAT: Final = Form(
    name="openai-chat",
    providers=(
        "openai",
        "azure",
        "minimax",
        "zhipu",
        "google",
        "cohere",
        "ollama",
        "bedrock",
        "litellm",
    ),
    keys=("prompt_tokens", "completion_tokens"),
    input=("prompt_tokens", "prompt_cache_hit_tokens+prompt_cache_miss_tokens"),
    output=("completion_tokens",),
    # A gateway passes on what the provider behind it wrote: each row reads the names of all.
    cache_read=(
        "prompt_tokens_details.cached_tokens",
        "prompt_cache_hit_tokens",
        "cached_tokens",
        "num_cached_tokens",
        "cache_read_input_tokens",
        "cached_prompt_text_tokens",
    ),
    cache_write=(
        "prompt_tokens_details.cache_write_tokens",
        "prompt_tokens_details.cache_creation_input_tokens",
        "prompt_tokens_details.cache_creation_tokens",
        "cache_creation_input_tokens",
    ),
    cache_write_5m=(
        "prompt_tokens_details.cache_creation.ephemeral_5m_input_tokens",
        "prompt_tokens_details.cache_creation_token_details.ephemeral_5m_input_tokens",
        "cache_creation.ephemeral_5m_input_tokens",
    ),
    cache_write_1h=(
        "prompt_tokens_details.cache_creation.ephemeral_1h_input_tokens",
        "prompt_tokens_details.cache_creation_token_details.ephemeral_1h_input_tokens",
        "cache_creation.ephemeral_1h_input_tokens",
    ),
    reasoning=("completion_tokens_details.reasoning_tokens", "reasoning_tokens"),
    total=("total_tokens",),
    # openai 3.52.0 types/completion_usage.py
    source="https://developers.openai.com/api/docs/guides/prompt-caching",
)

XAI_CHAT: Final = replace(
    CHAT,
    name="xai-chat",
    providers=("xai",),
    sole=True,
    marks=("num_sources_used", "cost_in_usd_ticks", "cached_prompt_text_tokens"),
    reasoning_outside=True,
    # "reasoning token consumption will be counted separately from completion_tokens, but will be
    # counted in the total_tokens"; xai-sdk 1.21.0 usage_pb2.pyi has the names of gRPC
    source="https://docs.x.ai/docs/key-information/consumption-and-rate-limits",
)

DASHSCOPE_CHAT: Final = replace(
    CHAT,
    name="dashscope-compatible",
    providers=("dashscope",),
    sole=True,
    marks=("prompt_tokens_details.cache_type",),
    source="https://help.aliyun.com/zh/model-studio/context-cache",
)

DEEPSEEK_CHAT: Final = replace(
    CHAT,
    name="deepseek-chat",
    providers=("deepseek",),
    marks=("prompt_cache_hit_tokens", "prompt_cache_miss_tokens"),
    source="https://api-docs.deepseek.com/guides/kv_cache",
)

MOONSHOT_CHAT: Final = replace(
    CHAT,
    name="moonshot-chat",
    providers=("moonshot",),
    marks=("cached_tokens",),
    source="https://platform.kimi.com/docs/api/chat",
    read="2026-09-24",
)

MISTRAL_CHAT: Final = replace(
    CHAT,
    name="mistral-chat",
    providers=("mistral",),
    marks=("num_cached_tokens", "prompt_audio_seconds"),
    # Recorded of api.mistral.ai: both spellings (pydantic-ai, test_multimodal_tool_returns)
    source="https://docs.mistral.ai/studio-api/conversations/advanced/prompt-caching",
)

GROQ_CHAT: Final = replace(
    CHAT,
    name="groq-chat",
    providers=("groq",),
    sole=True,
    marks=("queue_time",),
    # groq 1.7.0 types/completion_usage.py
    source="https://console.groq.com/docs/prompt-caching",
)

OPENROUTER_CHAT: Final = replace(
    CHAT,
    name="openrouter-chat",
    providers=("openrouter",),
    sole=True,
    marks=("cost_details", "is_byok"),
    source="https://openrouter.ai/docs/guides/best-practices/prompt-caching",
)

LITELLM: Final = replace(
    CHAT,
    name="litellm",
    providers=(),
    marks=(
        "cache_read_input_tokens",
        "cache_creation_input_tokens",
        "prompt_tokens_details.cache_creation_tokens",
    ),
    # litellm 1.109.1 llms/anthropic/chat/transformation.py calculate_usage: prompt_tokens includes
    # what was read and written
    source="https://docs.litellm.ai/docs/completion/prompt_caching",
)
