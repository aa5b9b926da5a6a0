"""DashScope's native request body: model, input, parameters, in agentscope-java's key order.

Key order and option mapping: facts of agentscope-java at c2d43f86 (2026-08-22), sections 2, 10, 11.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from ..base import values
from ..base.values import tool_parameters
from ..messages import GenerateOptions, ToolChoice, ToolSchema
from ..quirks import Quirks

__all__ = ["NOT_SENT", "choice_value", "option_values", "ordered", "tool_values"]

_ORDER: Final = (
    "result_format",
    "incremental_output",
    "temperature",
    "top_p",
    "top_k",
    "max_tokens",
    "stop",
    "enable_thinking",
    "thinking_budget",
    "enable_search",
    "search_options",
    "enable_code_interpreter",
    "tools",
    "tool_choice",
    "parallel_tool_calls",
    "seed",
    "frequency_penalty",
    "presence_penalty",
    "repetition_penalty",
    "response_format",
)
_RANK: Final = {name: rank for rank, name in enumerate(_ORDER)}
_SAME: Final = (
    "temperature",
    "top_p",
    "top_k",
    "max_tokens",
    "thinking_budget",
    "parallel_tool_calls",
    "frequency_penalty",
    "presence_penalty",
)
NOT_SENT: Final = {
    "max_completion_tokens": "set max_tokens",
    "reasoning_effort": "set enable_thinking and thinking_budget",
    "model_name": "give the model to build_request",
    "stream": "give stream to build_request",
    "endpoint_path": "the endpoint follows from the model",
    "base_url": "give the base to Request.url",
}


def ordered(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return parameters in the fixed order; unknown fields stay behind, in theirs."""
    return values.ordered(fields, _RANK)


def option_values(options: GenerateOptions, quirks: Quirks) -> dict[str, Any]:
    """Return the parameters that options set; a thinking budget turns thinking on."""
    out = values.option_values(options, _SAME, quirks)
    if options.thinking_budget is not None:
        out["enable_thinking"] = True
    return out


def tool_values(tools: Iterable[ToolSchema], quirks: Quirks) -> list[dict[str, Any]]:
    """Return tools as the API takes them; `strict` has no place there."""
    return [
        {
            "type": "function",
            "function": {
                "name": tool.name,
                "description": tool.description,
                "parameters": tool_parameters(tool, quirks),
            },
        }
        for tool in tools
    ]


def choice_value(choice: ToolChoice) -> Any:
    """Return a tool choice; the API has no `required`, it becomes `auto`."""
    if choice.mode == "specific":
        return {"function": {"name": choice.name}, "type": "function"}
    return "none" if choice.mode == "none" else "auto"
