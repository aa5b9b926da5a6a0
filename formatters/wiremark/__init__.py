"""Agent messages as provider JSON, with prompt-cache marks where the provider reads them.

Every public name is importable from here and is loaded when first used (PEP 562), so that
`import wiremark` costs next to nothing. `_EXPORTS` says where each name lives; the imports below it
tell type checkers the same, and tests/test_import.py holds the two and `__all__` together.

This module stands outside the floors: it also fills the slots of `wiremark.seams`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from wiremark import seams

if TYPE_CHECKING:
    from collections.abc import Mapping

    from wiremark.anthropic import AnthropicChatFormatter, AnthropicMultiAgentFormatter
    from wiremark.base import Delta, Reply
    from wiremark.bedrock import BedrockConverseFormatter
    from wiremark.conversion import Conversation, Converted, convert, read_body
    from wiremark.dashscope import DashScopeChatFormatter, DashScopeMultiAgentFormatter
    from wiremark.errors import (
        CacheBudgetWarning,
        FormatError,
        MessageError,
        ResponseError,
        TooManyMarks,
        WiremarkError,
    )
    from wiremark.findings import Finding
    from wiremark.marks import (
        Plan,
        Wish,
        manual,
        rolling,
        stable_head,
        strip_marks,
        system_and_last,
    )
    from wiremark.media import MediaPolicy
    from wiremark.messages import (
        AudioBlock,
        Base64Source,
        DataBlock,
        GenerateOptions,
        HintBlock,
        ImageBlock,
        Msg,
        ResponseFormat,
        Role,
        TextBlock,
        ThinkingBlock,
        ToolChoice,
        ToolResultBlock,
        ToolSchema,
        ToolUseBlock,
        URLSource,
        VideoBlock,
        dump_messages,
        looks_like_chat,
        read_any,
        read_chat,
        read_messages,
    )
    from wiremark.openai import (
        DeepSeekFormatter,
        DeepSeekMultiAgentFormatter,
        GLMFormatter,
        GLMMultiAgentFormatter,
        KimiFormatter,
        KimiMultiAgentFormatter,
        MiniMaxFormatter,
        MiniMaxMultiAgentFormatter,
        OpenAIBaseFormatter,
        OpenAIChatFormatter,
        OpenAIMultiAgentFormatter,
    )
    from wiremark.quirks import Quirks
    from wiremark.replay import assert_caches
    from wiremark.rules import CacheRules
    from wiremark.usage import CacheWatch, Cost, Usage, UsageLedger, UsageTotals, log_usage, price
    from wiremark.validation import validate

    __version__: str

__all__ = [
    "AnthropicChatFormatter",
    "AnthropicMultiAgentFormatter",
    "AudioBlock",
    "Base64Source",
    "BedrockConverseFormatter",
    "CacheBudgetWarning",
    "CacheRules",
    "CacheWatch",
    "Conversation",
    "Converted",
    "Cost",
    "DashScopeChatFormatter",
    "DashScopeMultiAgentFormatter",
    "DataBlock",
    "DeepSeekFormatter",
    "DeepSeekMultiAgentFormatter",
    "Delta",
    "Finding",
    "FormatError",
    "GLMFormatter",
    "GLMMultiAgentFormatter",
    "GenerateOptions",
    "HintBlock",
    "ImageBlock",
    "KimiFormatter",
    "KimiMultiAgentFormatter",
    "MediaPolicy",
    "MessageError",
    "MiniMaxFormatter",
    "MiniMaxMultiAgentFormatter",
    "Msg",
    "OpenAIBaseFormatter",
    "OpenAIChatFormatter",
    "OpenAIMultiAgentFormatter",
    "Plan",
    "Quirks",
    "Reply",
    "ResponseError",
    "ResponseFormat",
    "Role",
    "TextBlock",
    "ThinkingBlock",
    "TooManyMarks",
    "ToolChoice",
    "ToolResultBlock",
    "ToolSchema",
    "ToolUseBlock",
    "URLSource",
    "Usage",
    "UsageLedger",
    "UsageTotals",
    "VideoBlock",
    "WiremarkError",
    "Wish",
    "__version__",
    "assert_caches",
    "convert",
    "dump_messages",
    "log_usage",
    "looks_like_chat",
    "manual",
    "price",
    "read_any",
    "read_body",
    "read_chat",
    "read_messages",
    "rolling",
    "stable_head",
    "strip_marks",
    "system_and_last",
    "validate",
]

_EXPORTS: dict[str, str] = {
    "AnthropicChatFormatter": "wiremark.anthropic",
    "AnthropicMultiAgentFormatter": "wiremark.anthropic",
    "AudioBlock": "wiremark.messages",
    "Base64Source": "wiremark.messages",
    "BedrockConverseFormatter": "wiremark.bedrock",
    "CacheBudgetWarning": "wiremark.errors",
    "CacheRules": "wiremark.rules",
    "CacheWatch": "wiremark.usage",
    "Conversation": "wiremark.conversion",
    "Converted": "wiremark.conversion",
    "Cost": "wiremark.usage",
    "DashScopeChatFormatter": "wiremark.dashscope",
    "DashScopeMultiAgentFormatter": "wiremark.dashscope",
    "DataBlock": "wiremark.messages",
    "DeepSeekFormatter": "wiremark.openai",
    "DeepSeekMultiAgentFormatter": "wiremark.openai",
    "Delta": "wiremark.base",
    "Finding": "wiremark.findings",
    "FormatError": "wiremark.errors",
    "GLMFormatter": "wiremark.openai",
    "GLMMultiAgentFormatter": "wiremark.openai",
    "GenerateOptions": "wiremark.messages",
    "HintBlock": "wiremark.messages",
    "ImageBlock": "wiremark.messages",
    "KimiFormatter": "wiremark.openai",
    "KimiMultiAgentFormatter": "wiremark.openai",
    "MediaPolicy": "wiremark.media",
    "MessageError": "wiremark.errors",
    "MiniMaxFormatter": "wiremark.openai",
    "MiniMaxMultiAgentFormatter": "wiremark.openai",
    "Msg": "wiremark.messages",
    "OpenAIBaseFormatter": "wiremark.openai",
    "OpenAIChatFormatter": "wiremark.openai",
    "OpenAIMultiAgentFormatter": "wiremark.openai",
    "Plan": "wiremark.marks",
    "Quirks": "wiremark.quirks",
    "Reply": "wiremark.base",
    "ResponseError": "wiremark.errors",
    "ResponseFormat": "wiremark.messages",
    "Role": "wiremark.messages",
    "TextBlock": "wiremark.messages",
    "ThinkingBlock": "wiremark.messages",
    "TooManyMarks": "wiremark.errors",
    "ToolChoice": "wiremark.messages",
    "ToolResultBlock": "wiremark.messages",
    "ToolSchema": "wiremark.messages",
    "ToolUseBlock": "wiremark.messages",
    "URLSource": "wiremark.messages",
    "Usage": "wiremark.usage",
    "UsageLedger": "wiremark.usage",
    "UsageTotals": "wiremark.usage",
    "VideoBlock": "wiremark.messages",
    "WiremarkError": "wiremark.errors",
    "Wish": "wiremark.marks",
    "assert_caches": "wiremark.replay",
    "convert": "wiremark.conversion",
    "dump_messages": "wiremark.messages",
    "log_usage": "wiremark.usage",
    "looks_like_chat": "wiremark.messages",
    "manual": "wiremark.marks",
    "price": "wiremark.usage",
    "read_any": "wiremark.messages",
    "read_body": "wiremark.conversion",
    "read_chat": "wiremark.messages",
    "read_messages": "wiremark.messages",
    "rolling": "wiremark.marks",
    "stable_head": "wiremark.marks",
    "strip_marks": "wiremark.marks",
    "system_and_last": "wiremark.marks",
    "validate": "wiremark.validation",
}

# Hidden from type checkers: a module-level `__getattr__` would let any misspelt name pass.
if not TYPE_CHECKING:

    def __getattr__(name: str) -> Any:
        if name == "__version__":
            value: Any = _version()
        elif name in _EXPORTS:
            from importlib import import_module

            value = getattr(import_module(_EXPORTS[name]), name)
        else:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        globals()[name] = value
        return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


def _version() -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("wiremark")
    except PackageNotFoundError:
        return "0+checkout"


def _validate_body(
    protocol: str,
    body: Mapping[str, Any],
    *,
    model: str | None = None,
    host: str | None = None,
    rules: CacheRules | None = None,
) -> tuple[Finding, ...]:
    from wiremark.validation import validate

    return validate(body, protocol=protocol, model=model, host=host, rules=rules)


seams.validate_body = _validate_body
