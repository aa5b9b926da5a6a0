"""The frame of every formatter: encode, collect wishes, plan, place, build, validate when asked.

It knows no protocol: subclasses say how a message is converted, what a text part looks like, in
which order a body is written, and what a response says. It reads no file and no network; the clock
and random numbers only under `Quirks.clock_call_ids`, and media only under the caller's policy.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterable, Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar, Literal, TypeAlias, TypedDict, overload

from .. import seams
from ..errors import BodyInvalid, FormatError, MessageError, OptionError, SerializationError
from ..findings import Finding
from ..marks import (
    Marked,
    PartShape,
    Plan,
    Policy,
    RequestView,
    Slot,
    Wish,
    place_marks,
    resolve_policy,
)
from ..media import MediaPolicy
from ..messages import GenerateOptions, Msg, ToolSchema, parse
from ..prefix import MARKER_KEYS
from ..quirks import Quirks
from ..rules import CacheRules, Selection, select_rules
from .reading import Reading, response_data
from .reply import Reply
from .request import Request
from .session import Session, session_fields
from .stream import Assembler, AsyncReplyStream, ReplyStream, StreamParser
from .text import Media, derived_call_id
from .trace import Trace

__all__ = ["BaseFormatter", "FormatterSettings", "PolicyLike", "require_messages"]

PolicyLike: TypeAlias = "str | Policy | Callable[[RequestView], Iterable[Wish]]"
"""A policy's name, a policy, or a callable that gives wishes."""

_EPHEMERAL = {"type": "ephemeral"}


class FormatterSettings(TypedDict, total=False):
    """Settings that every formatter takes; see `BaseFormatter`."""

    policy: PolicyLike
    rules: CacheRules | None
    host: str | None
    quirks: Quirks
    media: MediaPolicy | None
    strict: bool
    clock: Callable[[], int] | None


class BaseFormatter:
    """Turns messages into one protocol's JSON, with cache marks where they are asked for.

    policy: automatic cache marks of every request: `"manual"` (none), `"system_and_last"`,
        `"rolling"`, `"stable_head"`, or a callable; an option of the call replaces it.
    rules: the provider's cache rules; by default chosen from protocol, `host` and model.
    quirks: which defects of agentscope-java to reproduce.
    media: which local files may be read, and where media of tool results may be written.
    strict: raise where a wish cannot be read, marks exceed the limit, or a medium is refused.
    clock: milliseconds since 1970, read only under `Quirks.clock_call_ids`.
    """

    protocol: ClassVar[str]
    shape: ClassVar[PartShape]
    body_paths: ClassVar[tuple[str, str]] = ("messages", "tools")
    """Where a request body keeps its messages and its tools."""

    def __init__(
        self,
        *,
        policy: PolicyLike = "manual",
        rules: CacheRules | None = None,
        host: str | None = None,
        quirks: Quirks = Quirks.NONE,
        media: MediaPolicy | None = None,
        strict: bool = False,
        clock: Callable[[], int] | None = None,
    ) -> None:
        self.policy = resolve_policy(policy)
        self.rules = rules
        self.host = host
        self.quirks = quirks
        self.media = media
        self.strict = strict
        self._media = Media.of(media, quirks)
        self._make_id = self._call_id
        self._clock = clock or (lambda: time.time_ns() // 1_000_000)

    def _call_id(self, content: Any, position: int, number: int) -> str:
        """Return an id for a tool result without one."""
        if self.quirks.clock_call_ids:
            return f"tool_call_{self._clock()}"
        return derived_call_id(content, position, number)

    def _reuse_at(self, trace: Trace) -> Literal["message", "block"]:
        """Return where the provider reuses a prefix, which decides how a history is cut."""
        return self.cache_rules(trace.model).rules.reuse_at

    # Hooks: what subclasses change.

    def convert_message(self, message: Msg, trace: Trace) -> list[dict[str, Any]]:
        """Return the wire messages of one message, as fresh dicts without marks (hook)."""
        raise FormatError(
            f"{type(self).__name__} converts no {message.role} message", path=trace.path
        )

    def select_marks(self, view: RequestView, policy: Policy) -> Iterable[Wish]:
        """Return the automatic wishes for a request; by default those of its policy (hook)."""
        return policy(view)

    def cache_rules(self, model: str | None) -> Selection:
        """Return the provider's cache rules, and a note where they are a cautious choice (hook)."""
        if self.rules is not None:
            return Selection(rules=self.rules, note="")
        return select_rules(self.protocol, host=self.host, model=model)

    # What users call.

    def format(self, messages: Sequence[Msg], *, model: str | None = None) -> list[dict[str, Any]]:
        """Return the messages as plain dicts, with the marks that were asked for.

        Raises `FormatError` where a message cannot be sent.
        """
        return self._format(messages, model=model, policy=None).messages

    def explain(self, messages: Sequence[Msg], *, model: str | None = None) -> Plan:
        """Return the plan of the cache marks that `format` would place."""
        return self._format(messages, model=model, policy=None).plan

    def apply_cache_control(
        self,
        messages: Sequence[Mapping[str, Any]],
        *,
        policy: PolicyLike = "system_and_last",
        model: str | None = None,
        tools: Sequence[Mapping[str, Any]] = (),
    ) -> list[dict[str, Any]]:
        """Return formatted messages with automatic marks added, marks that stand there kept.

        The input is not modified. Wishes in metadata are only known to `format`.
        """
        if self.quirks.message_level_marks:
            return _mark_messages(messages)
        choice = self.cache_rules(model)
        return place_marks(
            messages,
            rules=choice.rules,
            shape=self.shape,
            policy=resolve_policy(policy),
            tools=tools,
            model=model,
            strict=self.strict,
            note=choice.note,
        ).messages

    # Responses.

    def parse_response(self, response: Any, *, name: str | None = None) -> Reply:
        """Return what a response says: text, thinking, tool calls, finish reason and usage.

        response: a dict, an SDK's object, or JSON text or bytes; it is not modified.
        name: the speaker's, for the reply's message.
        An error body gives a reply without content, and a finding `provider-error`. Raises
        `MessageError` where the response cannot be read, `ResponseError` for a chunk of a stream
        that is an error.
        """
        reading = Reading(self.quirks, self._clock, name)
        return self._read_response(response_data(response), reading)

    def _read_response(
        self,
        data: dict[str, Any],  # noqa: ARG002 for subclasses
        reading: Reading,  # noqa: ARG002 for subclasses
    ) -> Reply:
        """Return the reply of one response of this protocol; `data` is the reader's own."""
        raise MessageError(f"{type(self).__name__} reads no responses", path="response")

    def stream_parser(self, *, name: str | None = None, incremental: bool = True) -> StreamParser:
        """Return a parser for one stream of this protocol: `feed` its pieces, then `close`.

        name: the speaker's, for the reply's message.
        incremental: False where each chunk repeats all before it, which DashScope does unless it
        is asked for `incremental_output`; other protocols always send increments.
        """
        return StreamParser(
            self._assembler(incremental=incremental),
            lambda response: self.parse_response(response, name=name),
        )

    @overload
    def parse_stream(
        self, stream: AsyncIterable[Any], *, name: str | None = None, incremental: bool = True
    ) -> AsyncReplyStream: ...

    @overload
    def parse_stream(
        self, stream: Iterable[Any], *, name: str | None = None, incremental: bool = True
    ) -> ReplyStream: ...

    def parse_stream(
        self,
        stream: Iterable[Any] | AsyncIterable[Any],
        *,
        name: str | None = None,
        incremental: bool = True,
    ) -> ReplyStream | AsyncReplyStream:
        """Return the deltas of a stream to iterate, and behind them its `reply`.

        stream: the pieces that `StreamParser.feed` takes, such as an SDK's stream or an HTTP
        client's iterator of bytes; one that is iterated with `async for` gives deltas in the same
        way. The other arguments are those of `stream_parser`.
        """
        parser = self.stream_parser(name=name, incremental=incremental)
        if isinstance(stream, AsyncIterable):
            return AsyncReplyStream(stream, parser)
        return ReplyStream(stream, parser)

    def _assembler(self, *, incremental: bool) -> Assembler:  # noqa: ARG002 for subclasses
        """Return what joins the chunks of one stream of this protocol."""
        raise MessageError(f"{type(self).__name__} reads no streams", path="stream")

    # The way of the data.

    def _encode(self, messages: Sequence[Msg], trace: Trace) -> list[dict[str, Any]]:
        """Return all wire messages, wishes noted in `trace`."""
        return self._encode_with(self.convert_message, messages, trace)

    def _encode_with(
        self,
        convert: Callable[[Msg, Trace], list[dict[str, Any]]],
        messages: Sequence[Msg],
        trace: Trace,
    ) -> list[dict[str, Any]]:
        out: list[dict[str, Any]] = []
        for index, message in enumerate(messages):
            if not isinstance(message, Msg):
                raise _not_a_message(message, index)
            trace.index = index
            if message.metadata or message.has_wishes:
                trace.begin(index, message)
                made = convert(message, trace)
                trace.end(message, len(out), len(made))
                trace.wants_ends = False
                out += made
            else:
                out += convert(message, trace)
        return out

    def _format(
        self,
        messages: Sequence[Msg],
        *,
        model: str | None,
        policy: Policy | None,
        schemas: Sequence[ToolSchema] = (),
        paths: tuple[str, str] = ("messages", "tools"),
        encode: Callable[[Sequence[Msg], Trace], list[dict[str, Any]]] | None = None,
    ) -> Marked:
        """Encode and mark. `policy` None stands for the formatter's own selection."""
        trace = Trace(strict=self.strict, model=model)
        try:
            wire = (encode or self._encode)(messages, trace)
        except (FormatError, SerializationError) as problem:
            known = problem.path.startswith("messages[")
            raise (problem if known else problem.at(trace.path)) from None
        if self.quirks.message_level_marks:
            return self._mark_like_java(wire, trace, policy)
        for index, tool in enumerate(schemas):
            if tool.cache_control is not None:
                path = f"tools[{index}].cache_control"
                trace.wishes.append(Wish("block", tool.cache_control, Slot(tool=index), path))
        tools = [{"name": tool.name} for tool in schemas]
        return self._mark(wire, trace, model=model, policy=policy, tools=tools, paths=paths)

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
        chosen = policy or self.policy
        if self._is_idle(chosen) and not (trace.wishes or trace.dynamic):
            return Marked(messages=wire, tools=[], plan=Plan(findings=tuple(trace.findings)))
        choice = self.cache_rules(model)
        return place_marks(
            wire,
            rules=choice.rules,
            shape=self.shape,
            wishes=trace.wishes,
            policy=lambda view: self.select_marks(view, chosen),
            policy_name=chosen.name,
            messages_path=paths[0],
            tools_path=paths[1],
            dynamic=trace.dynamic,
            turn_starts=trace.turns(),
            growing=trace.growing,
            tools=tools,
            model=model,
            strict=self.strict,
            owned=True,
            note=choice.note,
            findings=trace.findings,
        )

    def _is_idle(self, policy: Policy) -> bool:
        hooked = type(self).select_marks is not BaseFormatter.select_marks
        return not hooked and policy.name == "manual"

    def _mark_like_java(
        self, wire: list[dict[str, Any]], trace: Trace, policy: Policy | None
    ) -> Marked:
        """Mark beside `role` and `content`: agentscope-java's form, which providers ignore."""
        for wish in trace.wishes:
            if wish.origin == "message" and wish.value is True and wish.at.message is not None:
                wire[wish.at.message]["cache_control"] = dict(_EPHEMERAL)
        if (policy or self.policy).name != "manual":
            wire = _mark_messages(wire)
        return Marked(messages=wire, tools=[], plan=Plan(findings=tuple(trace.findings)))

    # Requests.

    def _with_marks(self, body: dict[str, Any], marked: Marked) -> dict[str, Any]:
        """Return the body with the marks of its tools and of the request as a whole."""
        for tool, planned in zip(self._tools_of(body), marked.tools, strict=False):
            tool.update({key: planned[key] for key in MARKER_KEYS if key in planned})
        if marked.automatic is not None:
            return {**body, "cache_control": marked.automatic}
        return body

    def _tools_of(self, body: dict[str, Any]) -> list[dict[str, Any]]:
        """Return the tools of a body, fresh dicts of its own."""
        found: Any = body
        for step in self.body_paths[1].split("."):
            found = found.get(step, {})
        return found or []

    def _merged(
        self, options: GenerateOptions | None, defaults: GenerateOptions | None
    ) -> GenerateOptions:
        given, fallback = _options(options, "options"), _options(defaults, "defaults")
        return (given or GenerateOptions()).over(fallback)

    def _policy_of(self, options: GenerateOptions) -> Policy | None:
        """Return the policy that the options choose, or None for the formatter's own."""
        chosen = options.cache_control
        if chosen is None:
            return None
        if chosen is True:
            return resolve_policy("system_and_last")
        if chosen is False:
            return resolve_policy("manual")
        return resolve_policy(chosen)

    def session_fields(self, options: GenerateOptions, model: str | None) -> Session:
        """Return what carries the options' session id: body fields, headers, or a finding."""
        if options.session_id is None:
            return Session()
        return session_fields(options.session_id, self.cache_rules(model).rules)

    def _finish(self, request: Request, model: str | None, *, validate: bool) -> Request:
        """Validate when asked; raises `BodyInvalid` on what the provider would reject.

        Whoever watches this context is told of the request.
        """
        built = seams.request_built.get()
        if built is not None:
            built(self, request, model)
        if not validate:
            return request
        found: tuple[Finding, ...] = ()
        if seams.validate_body is not None:
            found = seams.validate_body(
                self.protocol, request.body, model=model, host=self.host, rules=self.rules
            )
        errors = [finding for finding in found if finding.severity == "error"]
        if errors:
            first = errors[0]
            more = f"; {len(errors) - 1} more" if len(errors) > 1 else ""
            raise BodyInvalid(
                f"{first.message}{more}", path=first.path, advice=first.advice, findings=found
            )
        return replace(request, findings=request.findings + found)


def _mark_messages(messages: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Mark every system message and the last one, as agentscope-java does: no limit, no block."""
    last = len(messages) - 1
    out = []
    for index, message in enumerate(messages):
        marked = dict(message)
        if (index == last or message.get("role") == "system") and not message.get("cache_control"):
            marked["cache_control"] = dict(_EPHEMERAL)
        out.append(marked)
    return out


def _options(options: object, at: str) -> GenerateOptions | None:
    """Return options; a dict is read. Raises `OptionError` with the path."""
    if options is None or isinstance(options, GenerateOptions):
        return options
    return parse(GenerateOptions, options, at=at, error=OptionError)


def require_messages(messages: Sequence[Msg]) -> Sequence[Msg]:
    """Return messages if all are `Msg` with a role; else raise an error with the path."""
    for index, message in enumerate(messages):
        if not isinstance(message, Msg):
            raise _not_a_message(message, index)
        if message.role is None:
            raise FormatError(
                "a message without a role cannot be sent",
                path=f"messages[{index}]",
                advice="set its role",
            )
    return messages


def _not_a_message(value: object, index: int) -> MessageError:
    return MessageError(
        f"expected a Msg, got {type(value).__name__}",
        path=f"messages[{index}]",
        advice="read dicts with read_messages()",
    )
