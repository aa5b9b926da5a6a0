"""Every code a finding of the validator can have: what it means, how grave it is, who says so.

Data only. A finding may be milder than its code where the provider is not known to reject; never
graver.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from wiremark.findings import Finding

if TYPE_CHECKING:
    from collections.abc import Mapping

    from wiremark.findings import Severity

__all__ = ["CODES", "Code", "finding"]


@dataclass(frozen=True, slots=True)
class Code:
    """One code: its gravest severity, its meaning, and where the rule was read, and when.

    The codes of the schemas cite no source: each schema names its own.
    """

    name: str
    severity: Severity
    meaning: str
    source: str = ""
    read: str = ""


_READ = "2026-11-21"
_CONTEXT_CACHE = "https://help.aliyun.com/zh/model-studio/context-cache"
_ERROR_CODES = "https://www.alibabacloud.com/help/en/model-studio/error-code"
_OPENAI_CACHE = "https://developers.openai.com/api/docs/guides/prompt-caching"
_OPENAI_SDK = "https://github.com/openai/openai-python (3.52.0, types/chat)"

_SCHEMA: Final = (
    Code("missing-key", "error", "a key that this place needs is absent"),
    Code("unknown-key", "error", "a key that this place does not take"),
    Code("wrong-type", "error", "a value of another JSON type than the ones that belong here"),
    Code("bad-value", "error", "a value outside the list of those that are taken"),
    Code("out-of-range", "error", "a number outside its range"),
    Code("bad-length", "error", "too few or too many characters, items or keys"),
    Code("bad-shape", "error", "a value that fits none of the forms that belong here"),
    Code("too-deep", "error", "nested more deeply than can be checked"),
)
_RULES: Final = (
    Code(
        "too-many-markers",
        "error",
        "more cache markers than the provider heeds",
        f"{_CONTEXT_CACHE} ; {_OPENAI_CACHE}",
        _READ,
    ),
    Code(
        "marker-on-empty-text",
        "error",
        "a cache marker on a text part without text",
        "https://github.com/anthropics/claude-code/issues/54013 ; DashScope does not say",
        _READ,
    ),
    Code(
        "message-level-marker",
        "waste",
        "a cache marker beside role and content, where no provider reads it",
        f"{_CONTEXT_CACHE} ; https://github.com/agentscope-ai/agentscope-java/issues/1363",
        _READ,
    ),
    Code(
        "tool-marker-ignored",
        "waste",
        "a cache marker on a tool definition, where the provider does not read it",
        f"{_CONTEXT_CACHE} ; {_OPENAI_SDK}",
        _READ,
    ),
    Code(
        "no-markers",
        "waste",
        "a cache marker in a request to a model that takes none",
        _OPENAI_CACHE,
        _READ,
    ),
    Code(
        "other-marker-form",
        "waste",
        "a cache marker in a form that the provider does not read",
        _OPENAI_SDK,
        _READ,
    ),
    Code(
        "tool-call-unanswered",
        "error",
        "a tool call without a tool message that answers it, before the next turn",
        "https://github.com/sdcb/chats/pull/132 ; https://github.com/QwenLM/qwen-code/issues/606",
        _READ,
    ),
    Code(
        "tool-result-without-call",
        "error",
        "a tool message that answers no call of the assistant message before it",
        f"https://github.com/miurla/morphic/issues/136 ; {_ERROR_CODES}",
        _READ,
    ),
    Code(
        "empty-tool-calls",
        "error",
        "an assistant message with an empty list of tool calls",
        "https://github.com/openai/openai-python/issues/2061",
        _READ,
    ),
    Code(
        "tool-name",
        "error",
        "a tool name that the provider does not take, or does not document as taken",
        "https://github.com/xinnan-tech/xiaozhi-esp32-server/issues/1466"
        f" ; https://github.com/continuedev/continue/issues/9784 ; {_ERROR_CODES}",
        _READ,
    ),
)

CODES: Final[Mapping[str, Code]] = MappingProxyType({each.name: each for each in _SCHEMA + _RULES})
"""Every code by name, those of the schemas first."""


def finding(
    code: str,
    path: str,
    message: str,
    advice: str = "",
    *,
    severity: Severity | None = None,
    provider_text: str = "",
) -> Finding:
    """Return a finding with the severity of its code, or a milder one."""
    return Finding(code, severity or CODES[code].severity, path, message, advice, provider_text)
