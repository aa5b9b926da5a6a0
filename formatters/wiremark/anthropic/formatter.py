"""Anthropic's Messages protocol: the formatter for one agent, and what its sibling shares.

Facts: anthropic 2.11.0 and https://platform.claude.com/docs/en/api/messages (read 2026-11-21);
cache marks by `rules/`. It serves every host that speaks the protocol: DashScope, MiniMax and Kimi
differ by their rules alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar, Final, Unpack

from ..base import BaseFormatter, FormatterSettings, Request, Trace
from ..base.reading import Reading
from ..base.reply import Reply
from ..base.stream import Assembler
from ..base.values import body_extras, options_not_sent, read_choice, read_tools
from ..findings import Finding
from ..marks import Marked, PartShape, Policy
from ..messages import GenerateOptions, Msg, ToolChoice, ToolSchema
from .encode import encode_message
from .media import text_block
from .request import (
    NOT_SENT,
    check_sampling,
    choice_value,
    option_values,
    ordered,
    split_system,
    tool_values,
)
from .response import read_response
from .stream import MessageAssembler
from .turns import HERE, check_pairs, join, place_system_messages, results_first
from .versions import takes_system_messages, version_named

__all__ = ["SHAPE", "AnthropicChatFormatter"]

_BODY: Final = "body"
_HOST: Final = "api.anthropic.com"


def _kind(part: Mapping[str, Any]) -> str | None:
    kind = part.get("type")
    return kind if isinstance(kind, str) else None


SHAPE: Final = PartShape(kind=_kind, wrap=text_block)


class AnthropicChatFormatter(BaseFormatter):
    """Turns a conversation into Anthropic's messages, whose content is always a list of blocks.

    `format` and `apply_cache_control` have the system messages of the head in the list;
    `build_request` moves them to `system`, always a list of blocks, so that a mark never changes
    the form. Quirks of agentscope-java about marks have no meaning here.

    api_version: the value of `anthropic-version`; `"2026-10-21"` takes no sampling options.
    """

    protocol: ClassVar[str] = "anthropic"
    shape: ClassVar[PartShape] = SHAPE
    default_max_tokens: ClassVar[int] = 4096
    """What is sent as `max_tokens`, which the API needs, where no option sets it."""

    def __init__(
        self, *, api_version: str = "2023-06-01", **settings: Unpack[FormatterSettings]
    ) -> None:
        super().__init__(**settings)
        self.quirks = self.quirks.with_(message_level_marks=False)
        self.api_version = api_version
        self._version = version_named(api_version)

    # Hooks: what subclasses change.

    def convert_message(self, message: Msg, trace: Trace) -> list[dict[str, Any]]:
        """Return the wire messages of one message, as fresh dicts without marks (hook).

        Their content is a list of blocks; one without blocks is left out.
        """
        return encode_message(message, self._media, trace, self._call_id, self._version)

    def supports_system_messages(self, model: str | None) -> bool:
        """Say whether the service takes system messages behind a user turn (hook)."""
        return _HOST in (self.host or _HOST) and takes_system_messages(model)

    # What users call.

    def start_body(
        self, model: str, messages: list[dict[str, Any]], *, stream: bool = False
    ) -> dict[str, Any]:
        """Return a body with formatted messages and nothing else asked for."""
        system, rest = split_system(messages)
        body: dict[str, Any] = {"model": model, "max_tokens": self.default_max_tokens}
        if system:
            body["system"] = system
        return {**body, "messages": rest, "stream": stream}

    def apply_tools(
        self, body: Mapping[str, Any], tools: Iterable[ToolSchema | Mapping[str, Any]] | None
    ) -> dict[str, Any]:
        """Return the body with tools; without any it stays as it is."""
        schemas = read_tools(tools)
        if not schemas:
            return dict(body)
        return ordered({**body, "tools": tool_values(schemas, self.quirks)})

    def apply_tool_choice(
        self,
        body: Mapping[str, Any],
        choice: ToolChoice | str | Mapping[str, Any] | None,
        *,
        parallel: bool | None = None,
    ) -> dict[str, Any]:
        """Return the body with a tool choice, if it has tools; no choice is `auto`.

        parallel: False asks for at most one call a turn.
        """
        if not body.get("tools"):
            return dict(body)
        read = read_choice(choice) or ToolChoice.auto()
        return ordered({**body, "tool_choice": choice_value(read, parallel=parallel)})

    def apply_options(
        self,
        body: Mapping[str, Any],
        options: GenerateOptions,
        defaults: GenerateOptions | None = None,
    ) -> dict[str, Any]:
        """Return the body with the options' fields and additional parameters.

        Raises `OptionError` for sampling options where the API version takes none.
        """
        merged = self._merged(options, defaults)
        return self._with_options(body, merged)[0]

    def _with_options(
        self, body: Mapping[str, Any], options: GenerateOptions
    ) -> tuple[dict[str, Any], list[Finding]]:
        check_sampling(options, self._version)
        named = body.get("model")
        model = named if isinstance(named, str) else None
        fields, findings = option_values(options, model, self.default_max_tokens)
        extras = body_extras(options.additional_body_params, self.quirks)
        return ordered({**body, **fields, **extras}), findings

    def build_request(
        self,
        model: str,
        messages: Sequence[Msg],
        *,
        tools: Iterable[ToolSchema | Mapping[str, Any]] | None = None,
        options: GenerateOptions | None = None,
        defaults: GenerateOptions | None = None,
        tool_choice: ToolChoice | str | Mapping[str, Any] | None = None,
        stream: bool = False,
        validate: bool = False,
    ) -> Request:
        """Return the whole request: body, plan of marks, path, headers and what was noticed.

        `model_name` and `stream` of the options win over the arguments. Paths of the plan are
        those of the body, `system[0]` included; its slots count system messages as messages.
        validate: check the body against its schema and rules, and raise `BodyInvalid`.
        """
        merged = self._merged(options, defaults)
        model = merged.model_name or model
        stream = stream if merged.stream is None else merged.stream
        schemas = read_tools(tools)
        marked = self._format(
            messages,
            model=model,
            policy=self._policy_of(merged),
            schemas=schemas,
            paths=(_BODY, self.body_paths[1]),
        )
        body = self.start_body(model, marked.messages, stream=stream)
        body = self._with_marks(self.apply_tools(body, schemas), marked)
        choice = read_choice(tool_choice) or merged.tool_choice
        parallel = merged.parallel_tool_calls
        if schemas and (choice is not None or parallel is False):
            body = self.apply_tool_choice(body, choice, parallel=parallel)
        session = self.session_fields(merged, model)
        body, findings = self._with_options({**body, **session.body}, merged)
        findings = [*findings, *options_not_sent(merged, NOT_SENT), *session.findings]
        if choice is not None and not schemas:
            text = "tool_choice is not sent: there are no tools"
            findings.append(Finding("option-not-sent", "note", "tool_choice", text))
        request = Request(
            body=body,
            plan=replace(marked.plan, findings=(*marked.plan.findings, *session.findings)),
            path=f"/v1{merged.endpoint_path or '/messages'}",
            headers={
                "Content-Type": "application/json",
                "anthropic-version": self.api_version,
                **session.headers,
                **merged.additional_headers,
            },
            query=dict(merged.additional_query_params),
            findings=(*marked.plan.findings, *findings),
            base_url=merged.base_url or "",
            quirks=self.quirks,
        )
        return self._finish(request, model, validate=validate)

    def _read_response(self, data: dict[str, Any], reading: Reading) -> Reply:
        return read_response(data, reading)

    def _assembler(self, *, incremental: bool) -> Assembler:  # noqa: ARG002 always increments
        return MessageAssembler()

    # The way of the data.

    def _encode(self, messages: Sequence[Msg], trace: Trace) -> list[dict[str, Any]]:
        sources: list[int] = []

        def convert(message: Msg, trace: Trace) -> list[dict[str, Any]]:
            made = self.convert_message(message, trace)
            sources.extend([trace.index] * len(made))
            return made

        return self._settle(self._encode_with(convert, messages, trace), sources, trace)

    def _settle(
        self, wire: list[dict[str, Any]], sources: list[int], trace: Trace
    ) -> list[dict[str, Any]]:
        """Return wire messages in the order they are sent, not yet joined to turns."""
        results_first(wire, sources, trace)
        native = self.supports_system_messages(trace.model)
        place_system_messages(wire, sources, trace, native=native)
        check_pairs(wire, sources, trace)
        return wire

    def _mark(
        self,
        wire: list[dict[str, Any]],
        trace: Trace,
        *,
        model: str | None,
        policy: Policy | None,
        tools: Sequence[Mapping[str, Any]],
        paths: tuple[str, str],
    ) -> Marked:
        marked = super()._mark(
            wire, trace, model=model, policy=policy, tools=tools, paths=(HERE, paths[1])
        )
        apart = self.cache_rules(model).rules.reuse_at == "message"
        joined = join(marked.messages, only_results=apart)
        plan = joined.translate(marked.plan, body=paths[0] == _BODY)
        return replace(marked, messages=joined.messages, plan=plan)
