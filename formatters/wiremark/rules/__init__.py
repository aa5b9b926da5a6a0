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
    marker_value,
    ttl_seconds,
)
from .dashscope import (
    DASHSCOPE,
    DASHSCOPE_ANTHROPIC,
    DASHSCOPE_COMPATIBLE,
    DASHSCOPE_RESPONSES,
    OPENAI_COMPATIBLE,
    QWEN4,
)
from .minimax import MINIMAX, MINIMAX_OPENAI
from .moonshot import KIMI_CHAT, KIMI_MESSAGES
from .openai import OPENAI, OPENAI_IMPLICIT
from .openrouter import (
    OPENROUTER,
    OPENROUTER_ANTHROPIC,
    OPENROUTER_ANY,
    OPENROUTER_GEMINI,
    OPENROUTER_OPENAI,
    OPENROUTER_QWEN,
)
from .others import DEEPSEEK, GEMINI_CHAT, GLM, GROQ, NO_MARKERS, OLLAMA, XAI
from .select import (
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
    "DEEPSEEK",
    "GEMINI_CHAT",
    "GLM",
    "GROQ",
    "KIMI_CHAT",
    "KIMI_MESSAGES",
    "MINIMAX",
    "MINIMAX_OPENAI",
    "NO_MARKERS",
    "OLLAMA",
    "OPENAI",
    "OPENAI_COMPATIBLE",
    "OPENAI_IMPLICIT",
    "OPENROUTER",
    "OPENROUTER_ANTHROPIC",
    "OPENROUTER_ANY",
    "OPENROUTER_GEMINI",
    "OPENROUTER_OPENAI",
    "OPENROUTER_QWEN",
    "QWEN4",
    "RULE_TABLE",
    "XAI",
    "Affinity",
    "CacheRules",
    "FrozenMap",
    "Implicit",
    "MarkerForm",
    "RuleEntry",
    "Selection",
    "Source",
    "marker_value",
    "model_version",
    "select_rules",
    "ttl_seconds",
]
