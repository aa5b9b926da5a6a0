"""OpenAI's chat protocol: the base of the family, and the formatter for one agent.

Facts: agentscope-java at c2d43f86 (2026-08-22); cache marks by `rules/`: none before GPT-5.6,
breakpoints from it on, `cache_control` at DashScope's compatible mode.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar, Final

from ..base import BaseFormatter, Request, Trace
from ..base.reading import Reading
from ..base.reply import Reply
from ..base.stream import Assembler
from ..base.values import options_changed, options_not_sent, read_choice, read_tools
from ..findings import Finding
from ..marks import PartShape
from ..messages import GenerateOptions, Msg, ToolChoice, ToolSchema
from .encode import encode_message
from .media import text_part
from .request import NOT_SENT, choice_value, extra_values, option_values, ordered, tool_values
from .response import read_response
from .results import holds_media, move_media
from .stream import ChatAssembler

__all__ = ["SHAPE", "OpenAIBaseFormatter", "OpenAIChatFormatter", "part_kind"]

_KINDS: Final = {
    "text": "text",
    "image_url": "image",
    "input_audio": "audio",
    "video_url": "video",
    "file": "file",
}


def part_kind(part: Mapping[str, Any]) -> str | None:
    """Return what a content part holds, by its type."""
    return _KINDS.get(part.get("type", ""))


SHAPE: Final = PartShape(kind=part_kind, wrap=text_part)


class OpenAIBaseFormatter(BaseFormatter):
    """The base of OpenAI's family: vendors differ by hooks and data.

    assistant_media: whether the provider takes media in assistant messages (OpenAI does not).
    stream_options: whether a streamed request asks for usage in its last chunk.
    """

    protocol: ClassVar[str] = "openai-chat"
    shape: ClassVar[PartShape] = SHAPE
    assistant_media: ClassVar[bool] = False
    stream_options: ClassVar[bool] = True

    def convert_message(self, message: Msg, trace: Trace) -> list[dict[str, Any]]:
        """Return the wire messages of one message, as fresh dicts without marks (hook)."""
        return encode_message(message, self._media, trace, self._make_id, self.assistant_media)

    def supports_strict(self, model: str | None) -> bool:  # noqa: ARG002 for subclasses
        """Say whether tools may carry `strict` (hook)."""
        return True

    def adapt_options(
        self,
        options: GenerateOptions,
        model: str,  # noqa: ARG002 for subclasses
    ) -> GenerateOptions:
        """Return the options as the provider takes them for a model (hook)."""
        return options

    def extra_defaults(self) -> dict[str, Any]:
        """Return body parameters that every request has unless the options replace them (hook)."""
        return {}

    def finish_messages(
        self,
        messages: list[dict[str, Any]],
        trace: Trace,  # noqa: ARG002 for subclasses
    ) -> list[dict[str, Any]]:
        """Return all wire messages as the provider takes them, before marks (hook)."""
        return messages

    def _encode(self, messages: Sequence[Msg], trace: Trace) -> list[dict[str, Any]]:
        return self._finished(super()._encode(messages, trace), trace)

    def _finished(self, wire: list[dict[str, Any]], trace: Trace) -> list[dict[str, Any]]:
        """Return encoded messages as the provider takes them."""
        results = [message for message in wire if message.get("role") == "tool"]
        if not self.quirks.tool_media_inline and any(holds_media(m, self.shape) for m in results):
            roles = self.cache_rules(trace.model).rules.media_roles
            if "user" in roles and "tool" not in roles:
                wire = move_media(wire, trace, self.shape)
        return self.finish_messages(wire, trace)

    def _extras(
        self, options: GenerateOptions
    ) -> tuple[dict[str, Any], dict[str, Any], list[Finding]]:
        given = {**self.extra_defaults(), **options.additional_body_params}
        return extra_values(given, self.quirks)

    def apply_options(
        self,
        body: Mapping[str, Any],
        options: GenerateOptions,
        defaults: GenerateOptions | None = None,
    ) -> dict[str, Any]:
        """Return the body with the options' fields and additional parameters."""
        merged = self._merged(options, defaults)
        typed, extra, _ = self._extras(merged)
        return {**self._with_options(body, merged, typed), **extra}

    def _with_options(
        self, body: Mapping[str, Any], options: GenerateOptions, typed: Mapping[str, Any]
    ) -> dict[str, Any]:
        adapted = self.adapt_options(options, str(body.get("model")))
        return ordered({**body, **option_values(adapted, self.quirks), **typed})

    def apply_tools(
        self, body: Mapping[str, Any], tools: Iterable[ToolSchema | Mapping[str, Any]] | None
    ) -> dict[str, Any]:
        """Return the body with tools; without any it stays as it is."""
        schemas = read_tools(tools)
        if not schemas:
            return dict(body)
        strict = self.supports_strict(body.get("model"))
        return ordered({**body, "tools": tool_values(schemas, self.quirks, strict=strict)})

    def apply_tool_choice(
        self, body: Mapping[str, Any], choice: ToolChoice | str | Mapping[str, Any] | None
    ) -> dict[str, Any]:
        """Return the body with a tool choice, if it has tools; no choice is `auto`."""
        if not body.get("tools"):
            return dict(body)
        read = read_choice(choice) or ToolChoice.auto()
        return ordered({**body, "tool_choice": choice_value(read)})

    def start_body(
        self, model: str, messages: list[dict[str, Any]], *, stream: bool = False
    ) -> dict[str, Any]:
        """Return a body with formatted messages and nothing else asked for."""
        return {"model": model, "messages": messages, "stream": stream}

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

        `model_name` and `stream` of the options win over the arguments, as in agentscope-java.
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
            paths=self.body_paths,
        )
        body = self.start_body(model, marked.messages, stream=stream)
        if stream and self.stream_options:
            body["stream_options"] = {"include_usage": True}
        body = self._with_marks(self.apply_tools(body, schemas), marked)
        typed, extra, unread = self._extras(merged)
        body = self._with_options(body, merged, typed)
        findings = options_not_sent(merged, NOT_SENT) + unread
        findings += options_changed(merged, self.adapt_options(merged, model))
        choice = read_choice(tool_choice) or merged.tool_choice
        if choice is not None and schemas:
            chosen = self.apply_tool_choice({**extra, **body}, choice)
            body = {key: value for key, value in chosen.items() if key in body or key not in extra}
            if body.get("tool_choice") != choice_value(choice):
                text = f"tool choice `{choice.mode}` is sent as {body.get('tool_choice')!r}"
                findings.append(Finding("tool-choice-weakened", "note", "tool_choice", text))
        elif choice is not None:
            text = "tool_choice is not sent: there are no tools"
            findings.append(Finding("option-not-sent", "note", "tool_choice", text))
        session = self.session_fields(merged, model)
        request = Request(
            body={**body, **extra, **session.body},
            plan=replace(marked.plan, findings=(*marked.plan.findings, *session.findings)),
            path=f"/v1{merged.endpoint_path or '/chat/completions'}",
            headers={
                "Content-Type": "application/json",
                **session.headers,
                **merged.additional_headers,
            },
            query=dict(merged.additional_query_params),
            findings=(*marked.plan.findings, *session.findings, *findings),
            base_url=merged.base_url or "",
            quirks=self.quirks,
            repeated={name: body[name] for name in extra if name in body},
        )
        return self._finish(request, model, validate=validate)

    def _read_response(self, data: dict[str, Any], reading: Reading) -> Reply:
        return read_response(data, reading)

    def _assembler(self, *, incremental: bool) -> Assembler:  # noqa: ARG002 always increments
        return ChatAssembler()


class OpenAIChatFormatter(OpenAIBaseFormatter):
    """Turns a conversation into OpenAI chat messages: one user, one agent."""
