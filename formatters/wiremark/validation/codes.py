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
    """One code: its gravest severity, its meaning, what to do, where it was read, and when.

    The codes of the schemas cite no source and no remedy: each schema has its own.
    """

    name: str
    severity: Severity
    meaning: str
    remedy: str = ""
    source: str = ""
    read: str = ""


_READ = "2026-11-21"
_CONTEXT_CACHE = "https://help.aliyun.com/zh/model-studio/context-cache"
_ERROR_CODES = "https://www.alibabacloud.com/help/en/model-studio/error-code"
_OPENAI_CACHE = "https://developers.openai.com/api/docs/guides/prompt-caching"
_OPENAI_SDK = "https://github.com/openai/openai-python (3.52.0, types/chat)"
_ANTHROPIC_CACHE = "https://platform.claude.com/docs/en/build-with-claude/prompt-caching"
_OPENROUTER_CACHE = "https://openrouter.ai/docs/guides/best-practices/prompt-caching"
_KIMI = "https://platform.kimi.com/docs"
_CACHE_POINTS = "https://github.com/strands-agents/harness-sdk/pull/3677"
_HERMES_RESULTS = "https://github.com/NousResearch/hermes-agent/issues/89931"

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


def _rule(name: str, severity: Severity, meaning: str, remedy: str, *sources: str) -> Code:
    return Code(name, severity, meaning, remedy, " ; ".join(sources), _READ)


_RULES: Final = (
    # how many, and for how long
    _rule(
        "too-many-markers",
        "error",
        "more cache markers than the provider heeds, nested and automatic ones counted",
        "remove markers: keep the tail, the stable head and the previous tail",
        _ANTHROPIC_CACHE,
        _CONTEXT_CACHE,
        _OPENAI_CACHE,
        _OPENROUTER_CACHE,
    ),
    _rule(
        "ttl-order",
        "error",
        "a longer TTL behind a shorter one, over tools, system and messages",
        "give the longer TTL to the earlier markers",
        "https://github.com/vellum-ai/vellum-assistant/pull/22191",
        _ANTHROPIC_CACHE,
    ),
    _rule(
        "unknown-ttl",
        "waste",
        "a TTL that the provider does not have",
        "ask for a TTL that it has, or for none",
        _CONTEXT_CACHE,
        "https://github.com/NousResearch/hermes-agent/pull/24702",
    ),
    _rule(
        "automatic-not-taken",
        "error",
        "a mark for the request as a whole, where the provider has none",
        "mark the last content block of the last message",
        "https://github.com/pydantic/pydantic-ai",
        _ANTHROPIC_CACHE,
    ),
    _rule(
        "automatic-ttl-conflict",
        "error",
        "the automatic mark and the one on the last block ask for different TTLs",
        "give both the same TTL, or leave one out",
        "https://github.com/vellum-ai/vellum-assistant/pull/23414",
        _ANTHROPIC_CACHE,
    ),
    _rule(
        "explicit-without-marker",
        "waste",
        "explicit mode without a breakpoint: nothing is cached",
        "put a breakpoint on a content part, or leave the mode out",
        _OPENAI_CACHE,
    ),
    # where they stand
    _rule(
        "marker-on-empty-text",
        "error",
        "a cache marker on a text part without text",
        "mark the last part that has text",
        "https://github.com/anthropics/claude-code/issues/54013 ; DashScope does not say",
    ),
    _rule(
        "marker-on-thinking",
        "error",
        "a cache marker on a thought",
        "mark the last block that is no thought",
        _HERMES_RESULTS,
        "https://github.com/anomalyco/opencode/issues/36517",
    ),
    _rule(
        "marker-in-tool-result",
        "error",
        "a cache marker inside the content of a tool result",
        "put it on the tool result itself",
        _HERMES_RESULTS,
    ),
    _rule(
        "message-level-marker",
        "error",
        "a cache marker beside role and content: no provider reads it there, Anthropic refuses it",
        "put it on the last content part of the message, as a list of parts",
        "https://github.com/anthropics/anthropic-sdk-typescript/issues/553",
        "https://github.com/microsoft/autogen/issues/3034",
        _CONTEXT_CACHE,
        "https://github.com/agentscope-ai/agentscope-java/issues/1363",
        "https://github.com/NousResearch/hermes-agent/issues/2362",
    ),
    _rule(
        "marker-on-unknown-kind",
        "note",
        "a cache marker on a kind of block that is not known to carry one",
        "mark a text block, or another kind that carries marks",
        _CONTEXT_CACHE,
        _ANTHROPIC_CACHE,
    ),
    _rule(
        "tool-marker-ignored",
        "waste",
        "a cache marker on a tool definition, where the provider does not read it",
        "mark the end of the system message: the tools are part of that prefix",
        _CONTEXT_CACHE,
        _OPENAI_SDK,
    ),
    _rule(
        "automatic-only",
        "waste",
        "a cache marker in the body, where only the one of the request as a whole is read",
        "mark the request: cache_control beside messages",
        _KIMI,
    ),
    _rule(
        "refused-marker",
        "error",
        "a cache marker in a form that the provider refuses",
        "leave it out",
        _KIMI,
    ),
    _rule(
        "no-markers",
        "waste",
        "a cache marker in a request to a model that takes none",
        "leave it out: what is cached here is cached without it",
        _OPENAI_CACHE,
    ),
    _rule(
        "other-marker-form",
        "waste",
        "a cache marker in a form that the provider does not read",
        "write it in the provider's form",
        _OPENAI_SDK,
    ),
    _rule(
        "model-not-listed",
        "note",
        "a cache marker for a model that the provider does not list for explicit caching",
        "use a listed model, or leave the markers out",
        _CONTEXT_CACHE,
    ),
    _rule(
        "mid-message",
        "waste",
        "a cache marker in the middle of a message, where reuse works at message ends",
        "mark the last block of the message",
        "https://github.com/QwenLM/qwen-code/issues/11651",
    ),
    _rule(
        "inside-tool-batch",
        "waste",
        "a cache marker on a result of a batch of tools that is not the last",
        "mark the last result of the batch",
        "https://github.com/QwenLM/Qwen/issues/2217",
    ),
    _rule(
        "cache-point-misplaced",
        "error",
        "a cache point with nothing new before it",
        "put it behind the content that it is to mark, once",
        _CACHE_POINTS,
    ),
    _rule(
        "cache-point-behind-document",
        "error",
        "a cache point right behind a document that is no PDF",
        "put text between the two, or the point before the document",
        "https://github.com/aws/aws-sdk-java-v2/issues/6277",
        "https://github.com/strands-agents/harness-sdk/issues/1966",
    ),
    # whether they can help
    _rule(
        "under-minimum",
        "waste",
        "a marked prefix shorter than the model's minimum: it is not cached",
        "mark further behind, or leave the marker out",
        _ANTHROPIC_CACHE,
        _CONTEXT_CACHE,
        _OPENAI_CACHE,
    ),
    _rule(
        "dynamic-text",
        "note",
        "text before a marker that looks as if it changed from request to request",
        "move it behind the last marker, to the end of the request",
        _CONTEXT_CACHE,
    ),
    _rule(
        "tools-changed",
        "waste",
        "the tools differ from those of the previous request, in order or content",
        "send the same tools in the same order and the same text",
        "https://github.com/agentscope-ai/agentscope-java/issues/2784",
        _ANTHROPIC_CACHE,
    ),
    _rule(
        "prefix-changed",
        "waste",
        "the text before each marker of the previous request has changed",
        "move what changes behind the last marker",
        _ANTHROPIC_CACHE,
        _CONTEXT_CACHE,
    ),
    _rule(
        "beyond-lookback",
        "waste",
        "the markers lie too far behind those of the previous request to find its prefix",
        "mark the end of the previous request too",
        _ANTHROPIC_CACHE,
        _CONTEXT_CACHE,
    ),
    # tools
    _rule(
        "tool-call-unanswered",
        "error",
        "a tool call without a result right behind it, before the next turn",
        "put one result for each call right behind the message that calls",
        "https://github.com/sdcb/chats/pull/132",
        "https://github.com/QwenLM/qwen-code/issues/606",
        "https://github.com/agno-agi/agno/issues/6698",
    ),
    _rule(
        "tool-result-without-call",
        "error",
        "a tool result that answers no call of the assistant message before it",
        "send the assistant message with the call before it, or leave it out",
        "https://github.com/miurla/morphic/issues/136",
        _ERROR_CODES,
    ),
    _rule(
        "empty-tool-calls",
        "error",
        "an assistant message with an empty list of tool calls",
        "leave the key out",
        "https://github.com/openai/openai-python/issues/2061",
    ),
    _rule(
        "tool-name",
        "error",
        "a tool name that the provider does not take, or does not document as taken",
        "choose another name",
        "https://github.com/xinnan-tech/xiaozhi-esp32-server/issues/1466",
        "https://github.com/continuedev/continue/issues/9784",
        _ERROR_CODES,
    ),
    # content
    _rule(
        "array-not-accepted",
        "error",
        "content that is a list, for a model that reads it as an empty prompt",
        "send the content as a string, or send tools with the request",
        "https://github.com/QwenLM/qwen-code/commit/0252a23b",
    ),
    _rule(
        "media-out-of-place",
        "error",
        "an image, sound or file in a message of a role that may not hold one",
        "send it in a user message",
        "https://github.com/openai/openai-node/issues/1030",
        "https://github.com/OpenHands/OpenHands/issues/7700",
    ),
    _rule(
        "legacy-field",
        "note",
        "a field that the provider has replaced",
        "use the field that stands in its place",
        _OPENAI_SDK,
    ),
    _rule(
        "refused-field",
        "error",
        "a field that this endpoint of the provider refuses, though another one has it",
        "leave it out: Responses have input for messages, max_output_tokens for max_tokens",
        "https://github.com/kangminlee-maker/local-OAuth-CLI-API-adapter",
        "https://github.com/openJiuwen-ai/agent-core/issues/768",
        "https://github.com/madox2/vim-ai/issues/162",
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
    """Return a finding with the severity and the remedy of its code, unless others are given."""
    of = CODES[code]
    return Finding(code, severity or of.severity, path, message, advice or of.remedy, provider_text)
