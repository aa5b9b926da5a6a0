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

    from wiremark.dashscope import DashScopeChatFormatter, DashScopeMultiAgentFormatter
    from wiremark.errors import (
        CacheBudgetWarning,
        FormatError,
        MessageError,
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
        OpenAIBaseFormatter,
        OpenAIChatFormatter,
        OpenAIMultiAgentFormatter,
    )
    from wiremark.quirks import Quirks
    from wiremark.rules import CacheRules
    from wiremark.validation import validate

    __version__: str

__all__ = [
    "AudioBlock",
    "Base64Source",
    "CacheBudgetWarning",
    "CacheRules",
    "DashScopeChatFormatter",
    "DashScopeMultiAgentFormatter",
    "DataBlock",
    "Finding",
    "FormatError",
    "GenerateOptions",
    "HintBlock",
    "ImageBlock",
    "MediaPolicy",
    "MessageError",
    "Msg",
    "OpenAIBaseFormatter",
    "OpenAIChatFormatter",
    "OpenAIMultiAgentFormatter",
    "Plan",
    "Quirks",
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
    "VideoBlock",
    "WiremarkError",
    "Wish",
    "__version__",
    "dump_messages",
    "looks_like_chat",
    "manual",
    "read_any",
    "read_chat",
    "read_messages",
    "rolling",
    "stable_head",
    "strip_marks",
    "system_and_last",
    "validate",
]

_EXPORTS: dict[str, str] = {
    "AudioBlock": "wiremark.messages",
    "Base64Source": "wiremark.messages",
    "CacheBudgetWarning": "wiremark.errors",
    "CacheRules": "wiremark.rules",
    "DashScopeChatFormatter": "wiremark.dashscope",
    "DashScopeMultiAgentFormatter": "wiremark.dashscope",
    "DataBlock": "wiremark.messages",
    "Finding": "wiremark.findings",
    "FormatError": "wiremark.errors",
    "GenerateOptions": "wiremark.messages",
    "HintBlock": "wiremark.messages",
    "ImageBlock": "wiremark.messages",
    "MediaPolicy": "wiremark.media",
    "MessageError": "wiremark.errors",
    "Msg": "wiremark.messages",
    "OpenAIBaseFormatter": "wiremark.openai",
    "OpenAIChatFormatter": "wiremark.openai",
    "OpenAIMultiAgentFormatter": "wiremark.openai",
    "Plan": "wiremark.marks",
    "Quirks": "wiremark.quirks",
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
    "VideoBlock": "wiremark.messages",
    "WiremarkError": "wiremark.errors",
    "Wish": "wiremark.marks",
    "dump_messages": "wiremark.messages",
    "looks_like_chat": "wiremark.messages",
    "manual": "wiremark.marks",
    "read_any": "wiremark.messages",
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
    model: str | None = None,  # noqa: ARG001  the body names its model
) -> tuple[Finding, ...]:
    from wiremark.validation import validate

    return validate(body, protocol=protocol)


seams.validate_body = _validate_body
