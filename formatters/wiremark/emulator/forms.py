"""The form of answers by wire, in one table: how a body asks for a stream, and what answers it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from ..traffic.services import Service, Wire
from .chat import chat_answer, chat_events
from .messages import messages_answer, messages_events
from .native import native_answer, native_events
from .responses import responses_answer, responses_events
from .saying import Saying

__all__ = ["events_of", "streams", "whole_of"]

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
    "chat": _Form(lambda said, service, _: chat_answer(said, service), chat_events, _by_body),
    "messages": _Form(
        lambda said, *_: messages_answer(said),
        lambda said, service, _: messages_events(said, service),
        _by_body,
    ),
    "native": _Form(native_answer, native_events, _by_header),
    "responses": _Form(
        lambda said, _, body: responses_answer(said, body),
        lambda said, _, body: responses_events(said, body),
        _by_body,
    ),
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
