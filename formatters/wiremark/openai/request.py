"""OpenAI's chat request body in agentscope-java's key order, and how options become fields.

Key order and mapping: facts of agentscope-java at c2d43f86 (2026-08-22), sections 2, 10, 11.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from ..base import values
from ..base.values import body_extras, tool_parameters
from ..findings import Finding
from ..messages import GenerateOptions, ToolChoice, ToolSchema
from ..quirks import Quirks

__all__ = ["NOT_SENT", "choice_value", "extra_values", "option_values", "ordered", "tool_values"]

_ORDER: Final = (
    "model",
    "messages",
    "stream",
    "stream_options",
    "temperature",
    "top_p",
    "max_tokens",
    "max_completion_tokens",
    "frequency_penalty",
    "presence_penalty",
    "stop",
    "seed",
    "n",
    "tools",
    "tool_choice",
    "user",
    "response_format",
    "logprobs",
    "top_logprobs",
    "reasoning_effort",
    "thinking_budget",
    "parallel_tool_calls",
    "service_tier",
    "store",
    "metadata",
    "prediction",
    "modalities",
    "audio",
    "include_reasoning",
)
_RANK: Final = {name: rank for rank, name in enumerate(_ORDER)}
_SAME: Final = (
    "temperature",
    "top_p",
    "max_tokens",
    "max_completion_tokens",
    "frequency_penalty",
    "presence_penalty",
    "reasoning_effort",
    "thinking_budget",
    "parallel_tool_calls",
)
NOT_SENT: Final = {
    "top_k": "give it as an additional body parameter where the provider takes it",
    "enable_thinking": "give it as an additional body parameter where the provider takes it",
    "enable_search": "give it as an additional body parameter where the provider takes it",
}
"""Options without a field in this protocol, and what to do instead."""


def ordered(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return the body in the fixed order; unknown fields stay behind, in theirs."""
    return values.ordered(fields, _RANK)


def option_values(options: GenerateOptions, quirks: Quirks) -> dict[str, Any]:
    """Return the fields that options set."""
    return values.option_values(options, _SAME, quirks)


def extra_values(
    extras: Mapping[str, Any], quirks: Quirks
) -> tuple[dict[str, Any], dict[str, Any], list[Finding]]:
    """Return additional parameters as typed fields, as extra fields, and what is not sent.

    `stop` counts only as a list and `response_format` only as an object, as in agentscope-java.
    """
    typed: dict[str, Any] = {}
    extra: dict[str, Any] = {}
    findings = []
    for name, value in body_extras(extras, quirks, moved=True).items():
        wanted = {"stop": list, "response_format": dict}.get(name)
        if wanted is None:
            extra[name] = value
        elif isinstance(value, wanted):
            typed[name] = value
        else:
            kind = "a list" if wanted is list else "an object"
            path = f"options.additional_body_params.{name}"
            text = f"{name} is not sent"
            findings.append(Finding("option-not-sent", "note", path, text, f"give {kind}"))
    return typed, extra, findings


def tool_values(
    tools: Iterable[ToolSchema], quirks: Quirks, *, strict: bool
) -> list[dict[str, Any]]:
    """Return tools as the API takes them; `strict` where the provider has such a switch."""
    out = []
    for tool in tools:
        function: dict[str, Any] = {
            "name": tool.name,
            "description": tool.description,
            "parameters": tool_parameters(tool, quirks),
        }
        if strict and tool.strict is not None:
            function["strict"] = tool.strict
        out.append({"type": "function", "function": function})
    return out


def choice_value(choice: ToolChoice) -> Any:
    """Return a tool choice as the API takes it."""
    if choice.mode == "specific":
        return {"function": {"name": choice.name}, "type": "function"}
    return choice.mode
