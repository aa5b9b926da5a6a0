"""Converse's request body: the order of its fields, options, tools and the choice among them.

Fields: botocore 1.44.5, bedrock-runtime ConverseRequest (read 2026-11-21). What a model takes
beyond them stands in `additionalModelRequestFields`, in the model's own words.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final
from urllib.parse import quote

from .. import jsontext
from ..base import values
from ..base.values import body_extras, options_not_sent, tool_parameters
from ..findings import Finding
from ..messages import GenerateOptions, ResponseFormat, ToolChoice, ToolSchema
from ..quirks import Quirks
from ..rules import bare_model_name

__all__ = [
    "choice_value",
    "converse_path",
    "option_fields",
    "ordered",
    "tool_entries",
    "with_cache_points",
]

_ORDER: Final = (
    "messages",
    "system",
    "inferenceConfig",
    "toolConfig",
    "guardrailConfig",
    "additionalModelRequestFields",
    "promptVariables",
    "additionalModelResponseFieldPaths",
    "requestMetadata",
    "performanceConfig",
    "serviceTier",
    "outputConfig",
)
_RANK: Final = {name: rank for rank, name in enumerate(_ORDER)}
_OPEN: Final = ("inferenceConfig", "additionalModelRequestFields", "outputConfig")
_OWN: Final = ("messages", "system", "toolConfig")
_STOP: Final = ("stop", "stopSequences", "stop_sequences")
_NOT_SENT: Final = {
    "seed": "Converse has no seed; a model's own goes into additional_body_params",
    "frequency_penalty": "a model's own parameter goes into additional_body_params",
    "presence_penalty": "a model's own parameter goes into additional_body_params",
    "parallel_tool_calls": "a model's own parameter goes into additional_body_params",
    "enable_search": "Converse has no search",
}


def ordered(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return the body in the order of the API's own description."""
    return values.ordered(fields, _RANK)


def converse_path(model: str, *, stream: bool) -> str:
    """Return the path of a request; the model is percent-encoded as the AWS clients do."""
    return f"/model/{quote(model, safe='')}/converse{'-stream' if stream else ''}"


def option_fields(
    options: GenerateOptions, model: str, quirks: Quirks
) -> tuple[dict[str, Any], list[Finding]]:
    """Return the body fields that options set, and what is not sent."""
    limit = options.max_tokens
    asked = {
        "maxTokens": options.max_completion_tokens if limit is None else limit,
        "temperature": options.temperature,
        "topP": options.top_p,
    }
    inference = {name: value for name, value in asked.items() if value is not None}
    own, findings = _own_parameters(options, model)
    output, unsent = _output(options)
    fields = {
        "inferenceConfig": inference,
        "additionalModelRequestFields": own,
        "outputConfig": output,
    }
    if options.max_tokens is not None and options.max_completion_tokens is not None:
        findings.append(_not_sent("max_completion_tokens", "max_tokens is sent as maxTokens"))
    findings += unsent + options_not_sent(options, _NOT_SENT)
    findings += _add_extras(fields, body_extras(options.additional_body_params, quirks))
    return {name: value for name, value in fields.items() if value not in ({}, None)}, findings


def _own_parameters(options: GenerateOptions, model: str) -> tuple[dict[str, Any], list[Finding]]:
    """Return parameters in the words of the model's vendor, as far as they are known here."""
    own: dict[str, Any] = {}
    findings = []
    name = bare_model_name(model)
    claude, nova = "anthropic." in name, "amazon.nova" in name
    advice = "give the model's own parameter in additional_body_params"
    if options.top_k is not None:
        if claude:
            own["top_k"] = options.top_k
        elif nova:
            own["inferenceConfig"] = {"topK": options.top_k}
        else:
            findings.append(_not_sent("top_k", advice))
    if not claude:
        unsent = dict.fromkeys(("thinking_budget", "enable_thinking"), advice)
        findings += options_not_sent(options, unsent)
    elif options.enable_thinking is False:
        own["thinking"] = {"type": "disabled"}
        if options.thinking_budget is not None:
            findings.append(_not_sent("thinking_budget", "thinking is disabled"))
    elif options.thinking_budget is not None:
        own["thinking"] = {"type": "enabled", "budget_tokens": options.thinking_budget}
    elif options.enable_thinking:
        findings.append(_not_sent("enable_thinking", "give a thinking_budget"))
    return own, findings


def _output(options: GenerateOptions) -> tuple[dict[str, Any], list[Finding]]:
    output: dict[str, Any] = {}
    findings = []
    if options.response_format is not None:
        text_format = _text_format(options.response_format)
        if text_format is not None:
            output["textFormat"] = text_format
        else:
            findings.append(_not_sent("response_format", "Converse takes a JSON Schema alone"))
    if options.reasoning_effort is not None:
        output["effort"] = options.reasoning_effort
    return output, findings


def _text_format(wanted: ResponseFormat) -> dict[str, Any] | None:
    """Return a response format as the API takes it: the schema as a text."""
    given = wanted.json_schema
    if wanted.type != "json_schema" or not given or not isinstance(given.get("schema"), Mapping):
        return None
    schema: dict[str, Any] = {
        name: given[name] for name in ("name", "description") if given.get(name)
    }
    schema["schema"] = jsontext.dumps(given["schema"])
    return {"type": "json_schema", "structure": {"jsonSchema": schema}}


def _add_extras(fields: dict[str, Any], extras: Mapping[str, Any]) -> list[Finding]:
    """Add additional parameters: fields of the API to the body, all others to the model's own."""
    findings = []
    for name, value in extras.items():
        if name in _STOP:
            stops = [value] if isinstance(value, str) else value
            fields["inferenceConfig"] = {**fields["inferenceConfig"], "stopSequences": stops}
        elif name in _OWN:
            path = f"options.additional_body_params.{name}"
            text, advice = f"{name} is not sent", "pass messages, tools and tool_choice"
            findings.append(Finding("option-not-sent", "note", path, text, advice))
        elif name in _OPEN and isinstance(value, Mapping):
            fields[name] = {**fields[name], **value}
        elif name in _RANK:
            fields[name] = value
        else:
            own = fields["additionalModelRequestFields"]
            fields["additionalModelRequestFields"] = {**own, name: value}
    return findings


def _not_sent(name: str, advice: str) -> Finding:
    return Finding("option-not-sent", "note", f"options.{name}", f"{name} is not sent", advice)


def tool_entries(tools: Iterable[ToolSchema], quirks: Quirks) -> list[dict[str, Any]]:
    """Return tools as the API takes them; an empty description is left out, a schema typed."""
    out = []
    for tool in tools:
        spec: dict[str, Any] = {"name": tool.name}
        if tool.description:
            spec["description"] = tool.description
        parameters = tool_parameters(tool, quirks) or {"type": "object", "properties": {}}
        spec["inputSchema"] = {"json": parameters}
        if tool.strict is not None:
            spec["strict"] = tool.strict
        out.append({"toolSpec": spec})
    return out


def with_cache_points(
    entries: Iterable[dict[str, Any]], planned: Sequence[Mapping[str, Any]]
) -> list[dict[str, Any]]:
    """Return tool entries with the cache points of the planned tools behind them."""
    waiting = iter(entries)
    out: list[dict[str, Any]] = []
    for tool in planned:
        if "name" in tool:
            out += [entry for entry in (next(waiting, None),) if entry is not None]
        if "cachePoint" in tool:
            out.append({"cachePoint": dict(tool["cachePoint"])})
    return [*out, *waiting]


def choice_value(choice: ToolChoice) -> dict[str, Any] | None:
    """Return a tool choice as the API takes it; it has no form for `none`."""
    if choice.mode == "specific":
        return {"tool": {"name": choice.name}}
    return {"auto": {"auto": {}}, "required": {"any": {}}}.get(choice.mode)
