"""DashScope's formatter: messages and options become the native request body.

Facts: agentscope-java at c2d43f86 (2026-08-22) and
https://help.aliyun.com/zh/model-studio/context-cache; see `rules/` and `request.py`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar, Final, Literal

from ..base import BaseFormatter, Request, Trace
from ..base.reading import Reading
from ..base.reply import Reply
from ..base.stream import Assembler
from ..base.values import body_extras, options_not_sent, read_choice, read_tools
from ..errors import OptionError
from ..findings import Finding
from ..marks import PartShape
from ..messages import GenerateOptions, Msg, ToolChoice, ToolSchema
from .encode import encode_message, encode_multimodal
from .endpoint import endpoint_of, path_of
from .request import NOT_SENT, choice_value, option_values, ordered, tool_values
from .response import read_response
from .stream import GenerationAssembler

__all__ = ["SHAPE", "DashScopeChatFormatter", "part_kind"]


def part_kind(part: Mapping[str, Any]) -> str | None:
    """Return what a native content part holds, by its key."""
    for kind in ("text", "image", "audio", "video"):
        if kind in part:
            return kind
    return None


SHAPE: Final = PartShape(kind=part_kind, wrap=lambda text: {"text": text})


class DashScopeChatFormatter(BaseFormatter):
    """Turns a conversation into DashScope's native form.

    `format` gives string contents where it can (text generation), `format_multimodal` lists of
    parts throughout (multimodal generation). `build_request` chooses by the model's endpoint.
    """

    protocol: ClassVar[str] = "dashscope"
    shape: ClassVar[PartShape] = SHAPE
    body_paths: ClassVar[tuple[str, str]] = ("input.messages", "parameters.tools")

    def convert_message(self, message: Msg, trace: Trace) -> list[dict[str, Any]]:
        """Return the wire messages of one message, as fresh dicts without marks (hook)."""
        return encode_message(message, self._media, trace)

    def convert_multimodal(self, message: Msg, trace: Trace) -> list[dict[str, Any]]:
        """Return the wire messages of one message, contents as lists of parts (hook)."""
        return encode_multimodal(message, self._media, trace)

    def format_multimodal(
        self, messages: Sequence[Msg], *, model: str | None = None
    ) -> list[dict[str, Any]]:
        """Return the messages for multimodal generation, with the marks that were asked for."""
        return self._format(
            messages, model=model, policy=None, encode=self._encode_multimodal
        ).messages

    def _encode_multimodal(self, messages: Sequence[Msg], trace: Trace) -> list[dict[str, Any]]:
        return self._encode_with(self.convert_multimodal, messages, trace)

    def apply_options(
        self,
        body: Mapping[str, Any],
        options: GenerateOptions,
        defaults: GenerateOptions | None = None,
    ) -> dict[str, Any]:
        """Return the body with sampling options among its parameters."""
        values = option_values(self._merged(options, defaults), self.quirks)
        return _with_parameters(body, values)

    def apply_tools(
        self, body: Mapping[str, Any], tools: Iterable[ToolSchema | Mapping[str, Any]] | None
    ) -> dict[str, Any]:
        """Return the body with tools among its parameters."""
        values = tool_values(read_tools(tools), self.quirks)
        if not values and not self.quirks.empty_tools:
            return _with_parameters(body, {})
        return _with_parameters(body, {"tools": values})

    def apply_tool_choice(
        self, body: Mapping[str, Any], choice: ToolChoice | str | Mapping[str, Any] | None
    ) -> dict[str, Any]:
        """Return the body with a tool choice; `required` becomes `auto`, which the API has."""
        read = read_choice(choice)
        return _with_parameters(body, {} if read is None else {"tool_choice": choice_value(read)})

    def start_body(
        self, model: str, messages: list[dict[str, Any]], *, stream: bool = False
    ) -> dict[str, Any]:
        """Return a body with formatted messages and nothing else asked for."""
        return {
            "model": model,
            "input": {"messages": messages},
            "parameters": {"result_format": "message", "incremental_output": stream},
        }

    def build_request(  # noqa: PLR0913 one call is the whole request; all but two have defaults
        self,
        model: str,
        messages: Sequence[Msg],
        *,
        tools: Iterable[ToolSchema | Mapping[str, Any]] | None = None,
        options: GenerateOptions | None = None,
        defaults: GenerateOptions | None = None,
        tool_choice: ToolChoice | str | Mapping[str, Any] | None = None,
        stream: bool = False,
        multimodal: bool | None = None,
        validate: bool = False,
    ) -> Request:
        """Return the whole request: body, plan of marks, path, headers and what was noticed.

        multimodal: which endpoint's form; by default decided by the model's name.
        validate: check the body against its schema and rules, and raise `BodyInvalid`.
        """
        merged = self._merged(options, defaults)
        thinking = merged.enable_thinking is True
        if merged.thinking_budget is not None and not thinking:
            raise OptionError(
                "a thinking budget without thinking",
                path="options.thinking_budget",
                advice="set enable_thinking=True",
            )
        endpoint = endpoint_of(model) if multimodal is None else _ENDPOINTS[multimodal]
        schemas = read_tools(tools)
        marked = self._format(
            messages,
            model=model,
            policy=self._policy_of(merged),
            schemas=schemas,
            paths=self.body_paths,
            encode=self._encode_multimodal if endpoint == "multimodal" else None,
        )
        findings = options_not_sent(merged, NOT_SENT)
        stream = stream or thinking
        body = self.start_body(model, marked.messages, stream=stream)
        body = self.apply_options(body, merged)
        switches = {
            name: value
            for name in ("enable_thinking", "enable_search")
            if (value := getattr(merged, name)) is not None
        }
        body = _with_parameters(body, switches)
        body = self._with_marks(self.apply_tools(body, schemas), marked)
        choice = read_choice(tool_choice) or merged.tool_choice
        if choice is not None:
            choice, noticed = _possible_choice(choice, thinking=thinking)
            findings += noticed
            body = self.apply_tool_choice(body, choice)
        extras = body_extras(merged.additional_body_params, self.quirks)
        body["parameters"].update(extras)
        headers = {"Content-Type": "application/json"}
        if stream:
            headers["X-DashScope-SSE"] = "enable"
        session = self.session_fields(merged, model)
        headers.update(session.headers)
        headers.update(merged.additional_headers)
        request = Request(
            body=body,
            plan=replace(marked.plan, findings=(*marked.plan.findings, *session.findings)),
            path=path_of(endpoint),
            headers=headers,
            query=dict(merged.additional_query_params),
            findings=(*marked.plan.findings, *session.findings, *findings),
            quirks=self.quirks,
        )
        return self._finish(request, model, validate=validate)

    def _read_response(self, data: dict[str, Any], reading: Reading) -> Reply:
        return read_response(data, reading)

    def _assembler(self, *, incremental: bool) -> Assembler:
        return GenerationAssembler(incremental=incremental)


def _possible_choice(choice: ToolChoice, *, thinking: bool) -> tuple[ToolChoice, list[Finding]]:
    """Return the choice that the API can take, and what became of the one asked for."""
    if choice.mode == "required":
        why = "the API has no `required`"
    elif choice.mode == "specific" and thinking:
        why = "a model that thinks takes no specific tool"
    else:
        return choice, []
    text = f"tool choice `{choice.mode}` becomes `auto`: {why}"
    return ToolChoice.auto(), [
        Finding("tool-choice-weakened", "note", "parameters.tool_choice", text)
    ]


def _with_parameters(body: Mapping[str, Any], values: Mapping[str, Any]) -> dict[str, Any]:
    return {**body, "parameters": ordered({**body["parameters"], **values})}


_ENDPOINTS: Final[dict[bool, Literal["text", "multimodal"]]] = {True: "multimodal", False: "text"}
