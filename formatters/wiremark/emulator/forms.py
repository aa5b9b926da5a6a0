"""The form of answers by wire, in one table: how a body asks for a stream, and what answers it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final, TypeAlias

from ..traffic.records import Record
from ..traffic.services import Family, Service, Wire, service_at
from .chat import chat_answer, chat_events
from .messages import messages_answer, messages_events
from .native import native_answer, native_error_event, native_events
from .responses import failed_event, responses_answer, responses_events
from .saying import Saying

__all__ = ["events_of", "refusing_event", "streams", "whole_of"]

Body: TypeAlias = dict[str, Any]
Header: TypeAlias = Callable[[str], "str | None"]


@dataclass(frozen=True, slots=True)
class _Form:
    """What makes an answer, whole and as events, and says whether events are asked for."""

    whole: Callable[[Saying, Service, Body], Body]
    events: Callable[[Saying, Service, Body], Iterator[str]]
    streams: Callable[[Body, Header], bool]


def _by_body(body: Body, header: Header) -> bool:  # noqa: ARG001 the form's
    return body.get("stream") is True


def _by_header(body: Body, header: Header) -> bool:  # noqa: ARG001 the form's
    if (header("x-dashscope-sse") or "").lower() == "enable":
        return True
    return "text/event-stream" in (header("accept") or "")


_FORMS: Final[Mapping[Wire, _Form]] = {
    "chat": _Form(chat_answer, chat_events, _by_body),
    "messages": _Form(
        lambda said, service, _: messages_answer(said, service),
        lambda said, service, _: messages_events(said, service),
        _by_body,
    ),
    "native": _Form(native_answer, native_events, _by_header),
    "responses": _Form(responses_answer, responses_events, _by_body),
}


def streams(service: Service, body: Body, header: Header) -> bool:
    """Say whether a request asks for events; `header` returns the value of one."""
    return _FORMS[service.wire].streams(body, header)


def whole_of(said: Saying, service: Service, body: Body) -> Body:
    """Return the whole answer."""
    return _FORMS[service.wire].whole(said, service, body)


def events_of(said: Saying, service: Service, body: Body) -> Iterator[str]:
    """Yield the events of a stream, one SSE text each."""
    return _FORMS[service.wire].events(said, service, body)


def refusing_event(record: Record, family: Family, body: Body) -> str | None:
    """Return the event with which DashScope refuses to stream, under status 200.

    `None` where a refusal is told whole. `body` is that of the refusal.
    """
    if not record.stream or record.status != 400:
        return None
    if family == "native":
        return native_error_event(record.status, body)
    service = service_at(record.path)
    if family != "compatible" or service is None or service.wire != "responses":
        return None
    error = (body["code"], body["message"])
    said = Saying(record.index, record.model or "", "", "", (), {}, error)
    return failed_event(said, replace(service, family=family), record.body)
