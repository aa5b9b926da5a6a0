"""Amazon Bedrock's Converse protocol: the formatter for one conversation with one agent.

Facts: botocore 1.44.5, bedrock-runtime service model (read 2026-11-21), and requests recorded by
pydantic/pydantic-ai. A cache mark is a block of its own, `cachePoint`, behind what it marks: in
`system`, in a message's content and in `toolConfig.tools`, never inside a tool result.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar, Final

from ..base import BaseFormatter, Request, Trace
from ..base.reading import Reading
from ..base.reply import Reply
from ..base.stream import Assembler
from ..base.values import read_choice, read_tools
from ..errors import OptionError
from ..findings import Finding
from ..marks import Marked, PartShape, Policy
from ..messages import GenerateOptions, Msg, ToolChoice, ToolSchema
from .encode import block_kind, encode_message, text_block
from .request import (
    choice_value,
    converse_path,
    option_fields,
    ordered,
    tool_entries,
    with_cache_points,
)
from .response import read_response, text_blobs
from .stream import ConverseAssembler
from .turns import join_turns, locate_plan, turn_findings

__all__ = ["SHAPE", "BedrockConverseFormatter"]

SHAPE: Final = PartShape(kind=block_kind, wrap=text_block)


class BedrockConverseFormatter(BaseFormatter):
    """Turns a conversation into a Converse request.

    `format` returns the system messages in front, with role `system`; `build_request` moves them
    to the body's `system`. The body is JSON as it is on the wire: blobs are base64 texts. Signing
    the request is the caller's.
    """

    protocol: ClassVar[str] = "bedrock-converse"
    shape: ClassVar[PartShape] = SHAPE
    body_paths: ClassVar[tuple[str, str]] = ("messages", "toolConfig.tools")

    def convert_message(self, message: Msg, trace: Trace) -> list[dict[str, Any]]:
        """Return the turns of one message, as fresh dicts without marks (hook).

        A content may be empty: such a turn is left out later, when its wishes have moved.
        """
        return encode_message(message, self._media, trace, self._call_id)

    def _encode(self, messages: Sequence[Msg], trace: Trace) -> list[dict[str, Any]]:
        begun = False

        def convert(message: Msg, trace: Trace) -> list[dict[str, Any]]:
            nonlocal begun
            turns = self.convert_message(message, trace)
            for turn in turns:
                if turn["role"] != "system":
                    begun = True
                elif begun:
                    turn["role"] = "user"
                    text = "a system message behind the first turn is sent as a user message"
                    advice = "put it in front, or send it as a user message"
                    trace.finding("system-as-user", "note", "", text, advice)
            if not any(turn["content"] for turn in turns):
                trace.not_sent("", "a message without content", "the API refuses it")
            return turns

        return join_turns(self._encode_with(convert, messages, trace), trace)

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
        marked = super()._mark(wire, trace, model=model, policy=policy, tools=tools, paths=paths)
        if paths != self.body_paths:
            return marked
        early = len(trace.findings)
        system = _count_system(marked.messages)
        return replace(marked, plan=locate_plan(marked.plan, marked.messages, system, early=early))

    def apply_options(
        self,
        body: Mapping[str, Any],
        options: GenerateOptions,
        defaults: GenerateOptions | None = None,
        *,
        model: str = "",
    ) -> dict[str, Any]:
        """Return the body with the options' fields; `model` decides on those of its vendor."""
        merged = self._merged(options, defaults)
        fields, _ = option_fields(merged, merged.model_name or model, self.quirks)
        return ordered({**body, **fields})

    def apply_tools(
        self, body: Mapping[str, Any], tools: Iterable[ToolSchema | Mapping[str, Any]] | None
    ) -> dict[str, Any]:
        """Return the body with tools; without any it stays as it is."""
        schemas = read_tools(tools)
        if not schemas:
            return dict(body)
        config = {**body.get("toolConfig", {}), "tools": tool_entries(schemas, self.quirks)}
        return ordered({**body, "toolConfig": config})

    def apply_tool_choice(
        self, body: Mapping[str, Any], choice: ToolChoice | str | Mapping[str, Any] | None
    ) -> dict[str, Any]:
        """Return the body with a tool choice, if it has tools; `none` has no form and is left out.

        No choice is `auto`.
        """
        config = body.get("toolConfig")
        value = choice_value(read_choice(choice) or ToolChoice.auto())
        if not config or value is None:
            return dict(body)
        return ordered({**body, "toolConfig": {**config, "toolChoice": value}})

    def start_body(self, messages: list[dict[str, Any]]) -> dict[str, Any]:
        """Return a body with formatted messages, those of the system moved to `system`."""
        count = _count_system(messages)
        body: dict[str, Any] = {"messages": messages[count:]}
        if count:
            body["system"] = [block for message in messages[:count] for block in message["content"]]
        return body

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
        """Return the whole request: body, plan of marks, path with the model, what was noticed.

        `model`: a model id, an inference profile or an ARN; `model_name` and `stream` of the
        options win over the arguments. validate: check the body against its schema and rules, and
        raise `BodyInvalid`.
        """
        merged = self._merged(options, defaults)
        model = merged.model_name or model
        if not model:
            raise OptionError("the model is part of the path", path="model", advice="name one")
        stream = stream if merged.stream is None else merged.stream
        schemas = read_tools(tools)
        marked = self._format(
            messages,
            model=model,
            policy=self._policy_of(merged),
            schemas=schemas,
            paths=self.body_paths,
        )
        fields, findings = option_fields(merged, model, self.quirks)
        body = {**self.start_body(marked.messages), **fields}
        findings += turn_findings(body["messages"], tools=bool(schemas))
        if schemas:
            entries = with_cache_points(tool_entries(schemas, self.quirks), marked.tools)
            body["toolConfig"] = {"tools": entries}
        choice = read_choice(tool_choice) or merged.tool_choice
        if choice is not None:
            body = self.apply_tool_choice(body, choice)
            findings += _choice_findings(choice, tools=bool(schemas))
        session = self.session_fields(merged, model)
        request = Request(
            body=ordered({**body, **session.body}),
            plan=replace(marked.plan, findings=(*marked.plan.findings, *session.findings)),
            path=merged.endpoint_path or converse_path(model, stream=stream),
            headers={
                "Content-Type": "application/json",
                **session.headers,
                **merged.additional_headers,
            },
            query=dict(merged.additional_query_params),
            findings=(*marked.plan.findings, *session.findings, *findings),
            base_url=merged.base_url or "",
            quirks=self.quirks,
        )
        return self._finish(request, model, validate=validate)

    def parse_response(self, response: Any, *, name: str | None = None) -> Reply:
        """Return what a response says, as every formatter does; boto3's dict is read as well."""
        data = text_blobs(response) if isinstance(response, Mapping) else response
        return super().parse_response(data, name=name)

    def _read_response(self, data: dict[str, Any], reading: Reading) -> Reply:
        return read_response(data, reading)

    def _assembler(self, *, incremental: bool) -> Assembler:  # noqa: ARG002 always increments
        return ConverseAssembler()


def _count_system(messages: Sequence[Mapping[str, Any]]) -> int:
    """Return how many messages stand in front with role system."""
    count = 0
    while count < len(messages) and messages[count]["role"] == "system":
        count += 1
    return count


def _choice_findings(choice: ToolChoice, *, tools: bool) -> list[Finding]:
    if not tools:
        text, advice = "tool_choice is not sent: there are no tools", ""
    elif choice.mode == "none":
        text = "tool choice `none` has no form in Converse: the model may call tools"
        advice = "say so in the prompt"
    else:
        return []
    return [Finding("option-not-sent", "note", "tool_choice", text, advice)]
