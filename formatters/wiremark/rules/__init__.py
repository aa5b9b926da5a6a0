"""Prompt-cache rules of providers: frozen values, each figure with its source and date.

Override a figure in three lines::

    from dataclasses import replace
    from wiremark.rules import DASHSCOPE
    mine = replace(DASHSCOPE, max_marks=3)
"""

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
from .dashscope import DASHSCOPE, DASHSCOPE_COMPATIBLE, OPENAI_COMPATIBLE
from .openai import OPENAI, OPENAI_IMPLICIT
from .select import (
    RULE_TABLE,
    RuleEntry,
    Selection,
    model_version,
    select_rules,
)

__all__ = [
    "DASHSCOPE",
    "DASHSCOPE_COMPATIBLE",
    "OPENAI",
    "OPENAI_COMPATIBLE",
    "OPENAI_IMPLICIT",
    "RULE_TABLE",
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
