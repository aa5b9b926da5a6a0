"""The body of a Messages request: its keys, and how options become fields.

Fields: anthropic 2.11.0, `types/message_create_params.py` (read 2026-11-21).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from ..base import values
from ..base.values import copy_json, tool_parameters
from ..errors import OptionError
from ..findings import Finding
from ..messages import GenerateOptions, ToolChoice, ToolSchema
from ..quirks import Quirks
from .versions import ApiVersion, takes_adaptive_thinking, takes_budgets

__all__ = [
    "LEAST_BUDGET",
    "NOT_SENT",
    "check_sampling",
    "choice_value",
    "option_values",
    "ordered",
    "split_system",
    "tool_values",
]

LEAST_BUDGET: Final = 1024
"""The least thinking budget in tokens that the API takes."""

_ORDER: Final = (
    "model",
    "max_tokens",
    "system",
    "messages",
    "tools",
    "tool_choice",
    "thinking",
    "output_config",
    "temperature",
    "top_p",
    "top_k",
    "stop_sequences",
    "metadata",
    "service_tier",
    "container",
    "cache_control",
    "stream",
)
_RANK: Final = {name: rank for rank, name in enumerate(_ORDER)}
_SAMPLING: Final = ("temperature", "top_p", "top_k")

NOT_SENT: Final = {
    "enable_search": "give Anthropic's web search tool in additional_body_params",
    "seed": "the API has no such field",
    "frequency_penalty": "the API has no such field",
    "presence_penalty": "the API has no such field",
}
"""Options without a place in this protocol, and what to do."""


def ordered(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return body fields in their order; unknown ones stay behind, in theirs."""
    return values.ordered(fields, _RANK)


def split_system(
    messages: Iterable[Mapping[str, Any]],
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Return the blocks of the system messages at the head, and the messages behind them."""
    system: list[dict[str, Any]] = []
    rest: list[dict[str, Any]] = []
    for message in messages:
        if message["role"] == "system" and not rest:
            system += message["content"]
        else:
            rest.append(dict(message))
    return system, rest


def check_sampling(options: GenerateOptions, version: ApiVersion) -> None:
    """Raise `OptionError` for sampling options that the version answers with 400."""
    if version.sampling:
        return
    for name in _SAMPLING:
        inside = name in options.additional_body_params
        if inside or getattr(options, name) is not None:
            raise OptionError(
                f"version {version.name} of the Messages API takes no {name}",
                path=f"options.additional_body_params.{name}" if inside else f"options.{name}",
                advice='leave it out, or choose api_version="2023-06-01"',
            )


def option_values(
    options: GenerateOptions, model: str | None, default_max_tokens: int
) -> tuple[dict[str, Any], list[Finding]]:
    """Return the fields that options set, and findings about what was chosen or left out."""
    findings: list[Finding] = []
    thinking = _thinking(options, model, findings)
    limit = options.max_tokens
    if limit is None:
        limit = options.max_completion_tokens
    elif options.max_completion_tokens not in (None, limit):
        findings.append(_note("max_completion_tokens", "not sent", "max_tokens is sent"))
    if limit is None:
        # Thinking counts toward the limit, so a budget is added to the default.
        limit = default_max_tokens + (thinking or {}).get("budget_tokens", 0)
        if "max_tokens" not in options.additional_body_params:
            text = f"max_tokens is needed and not set: {limit} is sent"
            findings.append(Finding("default-max-tokens", "note", "options.max_tokens", text))
    if (thinking or {}).get("budget_tokens", 0) >= limit > 0:
        text = f"a thinking budget must be below max_tokens, which is {limit}"
        path = "options.thinking_budget"
        findings.append(Finding("out-of-range", "error", path, text, "raise max_tokens"))
    out: dict[str, Any] = {"max_tokens": limit}
    if thinking is not None:
        out["thinking"] = thinking
    config = _output_config(options, findings)
    if config:
        out["output_config"] = config
    for name in _SAMPLING:
        value = getattr(options, name)
        if value is not None:
            out[name] = value
    return out, findings


def _thinking(
    options: GenerateOptions, model: str | None, findings: list[Finding]
) -> dict[str, Any] | None:
    budget = options.thinking_budget
    if options.enable_thinking is False:
        if budget is not None:
            findings.append(_note("thinking_budget", "not sent", "thinking is disabled"))
        return {"type": "disabled"}
    if options.enable_thinking is None and budget is None:
        return None
    if budget is not None and takes_budgets(model):
        return {"type": "enabled", "budget_tokens": budget}
    if takes_adaptive_thinking(model):
        if budget is not None:
            advice = "the model decides how much to think; reasoning_effort guides it"
            findings.append(_note("thinking_budget", "not sent", advice))
        return {"type": "adaptive"}
    text = f"thinking needs a budget and none is set: {LEAST_BUDGET} is sent"
    findings.append(
        Finding("default-thinking-budget", "note", "options.thinking_budget", text, "set one")
    )
    return {"type": "enabled", "budget_tokens": LEAST_BUDGET}


def _output_config(options: GenerateOptions, findings: list[Finding]) -> dict[str, Any]:
    out: dict[str, Any] = {}
    if options.reasoning_effort is not None:
        out["effort"] = options.reasoning_effort
    wanted = options.response_format
    if wanted is None:
        return out
    schema = (wanted.json_schema or {}).get("schema")
    if wanted.type == "json_schema" and isinstance(schema, Mapping):
        out["format"] = {"type": "json_schema", "schema": copy_json(schema)}
    elif wanted.type != "text":
        findings.append(_note("response_format", "not sent", "give a JSON Schema"))
    return out


def _note(name: str, what: str, advice: str) -> Finding:
    return Finding("option-not-sent", "note", f"options.{name}", f"{name} is {what}", advice)


def tool_values(tools: Iterable[ToolSchema], quirks: Quirks) -> list[dict[str, Any]]:
    """Return tools as the API takes them; without parameters they take an empty object."""
    out = []
    for tool in tools:
        schema = tool_parameters(tool, quirks)
        value: dict[str, Any] = {
            "name": tool.name,
            "description": tool.description,
            "input_schema": schema if "type" in schema else {"type": "object", **schema},
        }
        if tool.strict is not None:
            value["strict"] = tool.strict
        out.append(value)
    return out


_CHOICES: Final = {"auto": "auto", "none": "none", "required": "any"}


def choice_value(choice: ToolChoice, *, parallel: bool | None) -> dict[str, Any]:
    """Return a tool choice as the API takes it; `parallel` False asks for one call at most."""
    if choice.mode == "specific":
        out: dict[str, Any] = {"type": "tool", "name": choice.name}
    else:
        out = {"type": _CHOICES[choice.mode]}
    if parallel is False and choice.mode != "none":
        out["disable_parallel_tool_use"] = True
    return out
