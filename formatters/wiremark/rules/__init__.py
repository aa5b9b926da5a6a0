"""Prompt-cache rules of providers: frozen values, each figure with its source and date.

Override a figure in three lines::

    from dataclasses import replace
    from wiremark.rules import DASHSCOPE
    mine = replace(DASHSCOPE, max_marks=3)
"""

from .anthropic import ANTHROPIC, ANTHROPIC_CLOUD, ANTHROPIC_COMPATIBLE
from .bedrock import BEDROCK
from .core import (
    Affinity,
    CacheRules,
    FrozenMap,
    Implicit,
    MarkerForm,
    Source,
    bare_model_name,
    marker_value,
    ttl_seconds,
)
from .dashscope import (
    DASHSCOPE,
    DASHSCOPE_ANTHROPIC,
    DASHSCOPE_COMPATIBLE,
    DASHSCOPE_RESPONSES,
    DASHSCOPE_SESSION,
    OPENAI_COMPATIBLE,
    QWEN4,
)
from .minimax import MINIMAX, MINIMAX_OPENAI
from .moonshot import KIMI_CHAT, KIMI_MESSAGES
from .openai import OPENAI, OPENAI_IMPLICIT, OPENAI_RESPONSES, OPENAI_RESPONSES_IMPLICIT
from .openrouter import (
    OPENROUTER,
    OPENROUTER_ANTHROPIC,
    OPENROUTER_ANY,
    OPENROUTER_GEMINI,
    OPENROUTER_OPENAI,
    OPENROUTER_QWEN,
)
from .others import DEEPSEEK, GEMINI_CHAT, GLM, GROQ, NO_MARKERS, OLLAMA, XAI
from .responses import DEEPSEEK_RESPONSES, KIMI_RESPONSES, NO_MARKERS_RESPONSES, XAI_RESPONSES
from .select import (
    LARGEST_MINIMUM,
    RULE_TABLE,
    RuleEntry,
    Selection,
    model_version,
    select_rules,
)

__all__ = [
    "ANTHROPIC",
    "ANTHROPIC_CLOUD",
    "ANTHROPIC_COMPATIBLE",
    "BEDROCK",
    "DASHSCOPE",
    "DASHSCOPE_ANTHROPIC",
    "DASHSCOPE_COMPATIBLE",
    "DASHSCOPE_RESPONSES",
    "DASHSCOPE_SESSION",
    "DEEPSEEK",
    "DEEPSEEK_RESPONSES",
    "GEMINI_CHAT",
    "GLM",
    "GROQ",
    "KIMI_CHAT",
    "KIMI_MESSAGES",
    "KIMI_RESPONSES",
    "LARGEST_MINIMUM",
    "MINIMAX",
    "MINIMAX_OPENAI",
    "NO_MARKERS",
    "NO_MARKERS_RESPONSES",
    "OLLAMA",
    "OPENAI",
    "OPENAI_COMPATIBLE",
    "OPENAI_IMPLICIT",
    "OPENAI_RESPONSES",
    "OPENAI_RESPONSES_IMPLICIT",
    "OPENROUTER",
    "OPENROUTER_ANTHROPIC",
    "OPENROUTER_ANY",
    "OPENROUTER_GEMINI",
    "OPENROUTER_OPENAI",
    "OPENROUTER_QWEN",
    "QWEN4",
    "RULE_TABLE",
    "XAI",
    "XAI_RESPONSES",
    "Affinity",
    "CacheRules",
    "FrozenMap",
    "Implicit",
    "MarkerForm",
    "RuleEntry",
    "Selection",
    "Source",
    "bare_model_name",
    "marker_value",
    "model_version",
    "select_rules",
    "ttl_seconds",
]
