"""A body of one protocol becomes the request of another, and what is lost on the way is named."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from ..base import BaseFormatter, Request
from ..errors import OptionError
from ..findings import Finding
from ..marks import RequestView, Slot, Wish
from ..messages import GenerateOptions
from .compare import lost_content, lost_options, lost_tools
from .conversation import Conversation, not_carried
from .reading import read_body
from .targets import Target, settings_for, target_named

__all__ = ["Converted", "convert"]


@dataclass(frozen=True)
class Converted:
    """A request, and what of the body it was made from it does not say.

    The paths in `lost` are those of that body.
    """

    request: Request
    lost: tuple[Finding, ...] = ()


def convert(
    body: Any, *, source: str, target: str, model: str | None = None, host: str | None = None
) -> Converted:
    """Return a request body of one protocol as the request of another.

    `source` is one of `PROTOCOLS`, `target` one of `TARGETS`. `model` replaces the body's own;
    `host` chooses the cache rules, by default those of the target's own service.

    Within one protocol settings that options do not hold stay as they are; between two they go to
    the field of the same meaning. The built body is read back and compared with what was asked
    for, so that whatever is missing is in `lost`. Values are not fitted into the target's ranges:
    validate the request for that.

    Raises `MessageError` or `OptionError` with a path where the body cannot be read, and what the
    target's formatter raises where it cannot be sent.
    """
    form = target_named(target)
    conversation = read_body(body, protocol=source)
    model = model or conversation.model
    if not model:
        raise OptionError("a request names its model", path="model", advice="name one")
    formatter = form.formatter(host=host or form.host)
    settings = settings_for(conversation, form)
    options = _with_session(conversation, form, formatter, settings.options, model)
    if conversation.automatic is not None:
        options = options.model_copy(update={"cache_control": _automatic(conversation.automatic)})
    build: Any = formatter
    request: Request = build.build_request(
        model,
        conversation.messages,
        tools=conversation.tools,
        options=options,
        tool_choice=conversation.tool_choice,
        stream=conversation.stream,
    )
    sent = read_body(request.body, protocol=form.protocol, model=model)
    lost = [*conversation.lost, *settings.lost, *lost_content(conversation, sent)]
    lost += lost_tools(conversation, sent)
    for name, value in lost_options(settings.wanted, sent.options):
        if name not in settings.carried:
            lost.append(_option(conversation.place(name), name, value, request))
    lost += _lost_session(conversation, request)
    lost += _lost_marks(conversation, request)
    if conversation.stream != (sent.stream or request.path.endswith("-stream")):
        lost.append(not_carried("stream", f"the reply is {'not ' * conversation.stream}streamed"))
    return Converted(request, tuple(dict.fromkeys(lost)))


def _automatic(value: Any) -> Any:
    """Return the policy that marks the request as a whole."""

    def automatic(_: RequestView) -> Iterable[Wish]:
        return (Wish("auto", value, Slot(), "cache_control"),)

    return automatic


def _with_session(
    conversation: Conversation,
    target: Target,
    formatter: BaseFormatter,
    options: GenerateOptions,
    model: str,
) -> GenerateOptions:
    """Return options that keep a session id in its own field where no rule knows another."""
    session_id = options.session_id
    if session_id is None or conversation.protocol != target.protocol:
        return options
    if not formatter.session_fields(options, model).findings:
        return options
    field = conversation.place("session_id")
    extras = {**options.additional_body_params, field: session_id}
    return options.model_copy(update={"session_id": None, "additional_body_params": extras})


def _lost_session(conversation: Conversation, request: Request) -> Iterator[Finding]:
    session_id = conversation.options.session_id
    if session_id is None:
        return
    if session_id not in [*_strings(request.body.values()), *request.headers.values()]:
        path = conversation.place("session_id")
        yield not_carried(path, "the session id is not carried: there is no field for it")


def _strings(values: Iterable[Any]) -> list[str]:
    return [value for value in values if isinstance(value, str)]


def _option(path: str, name: str, value: Any, request: Request) -> Finding:
    what = f"{name} is not carried" if value is None else f"{name} is sent as {value!r}"
    asked = f"options.{name}"
    advice = next((found.advice for found in request.findings if found.path == asked), "")
    return not_carried(path, what, advice)


# Marks.

_PLACE: Final = re.compile(r"messages\[(\d+)\]")
_LESS: Final = frozenset({"ttl-clamped", "ttl-order", "keys-lost"})
"""Reasons for which a mark stands and says less than was asked for."""


def _lost_marks(conversation: Conversation, request: Request) -> Iterator[Finding]:
    for decision in request.plan.decisions:
        path = _asked_at(decision.path, conversation)
        if decision.decision == "dropped":
            text = f"the mark is not carried: {decision.sentence}"
        elif decision.reason in _LESS:
            text = f"the mark is changed: {decision.sentence}"
        elif decision.reason == "no-automatic":
            text = "the mark of the request as a whole stands on its last block"
        else:
            continue
        yield Finding("mark-lost", "note", path, text)


def _asked_at(path: str, conversation: Conversation) -> str:
    """Return where the body asks for a mark; a path of messages is one of the conversation's."""
    if path.startswith("policy "):  # the one that marks the request as a whole
        return "cache_control"
    found = _PLACE.match(path)
    return path if found is None else conversation.origin(int(found[1]))
