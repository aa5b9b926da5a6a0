"""Recorded bodies as they would be sent otherwise: in another form, with another policy's marks.

What is converted is what the body says; what is marked anew is stripped before. Bodies share what
they have in common, and none that is handed in is changed.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from ..anthropic import AnthropicChatFormatter
from ..base import BaseFormatter
from ..bedrock import BedrockConverseFormatter
from ..conversion import convert
from ..dashscope import DashScopeChatFormatter
from ..errors import MessageError, WiremarkError
from ..marks import PartShape, Policy, place_marks, strip_marks, strip_tool_marks
from ..openai import OpenAIChatFormatter
from ..prefix import RESPONSES, as_items
from ..rules import CacheRules
from .items import SHAPE, as_messages, bare_item, with_content
from .model import TraceRequest
from .services import DIALECTS, Dialect, Service, dialect_named, form_of, with_forms
from .sharing import Sharing

__all__ = ["DIALECTS", "Dialect", "Sent", "Service", "marked_body", "sent_bodies", "stripped_body"]


_FORMATTERS: Final[Mapping[str, type[BaseFormatter]]] = {
    formatter.protocol: formatter
    for formatter in (
        AnthropicChatFormatter,
        BedrockConverseFormatter,
        DashScopeChatFormatter,
        OpenAIChatFormatter,
    )
}


@dataclass(frozen=True, slots=True)
class Sent:
    """A request as it is replayed: where from, the body, and whom it goes to."""

    request: TraceRequest
    body: dict[str, Any]
    service: Service


def sent_bodies(
    requests: Sequence[TraceRequest],
    *,
    policy: Policy | None = None,
    as_: str | None = None,
    model: str | None = None,
    host: str | None = None,
    rules: CacheRules | None = None,
) -> Iterator[Sent | tuple[TraceRequest, WiremarkError]]:
    """Yield the body of each request as it is sent, or why there is none.

    policy: marks anew, `None` keeps those that the bodies have
    as_: one of `DIALECTS`, in whose form bodies of another form are written
    """
    dialect = dialect_named(as_)
    requests = with_forms(requests)
    services = [
        _service(request, dialect, model=model, host=host, rules=rules) for request in requests
    ]
    bare = _bare(requests) if policy is not None else iter(requests)
    if any(_is_foreign(*pair) for pair in zip(requests, services, strict=True)):
        whole = list(bare)
        bare, converter = iter(whole), _Converter(whole, services)
    else:
        converter = _Converter((), ())  # one body after the other, none of them kept
    for index, (request, stripped) in enumerate(zip(requests, bare, strict=True)):
        service = services[index]
        if isinstance(service, WiremarkError):
            yield request, service
            continue
        try:
            if _is_foreign(request, service):
                body = converter.body(index)
            else:
                body = _named(stripped.body, service)
            if policy is not None:
                body = marked_body(body, service, policy)
        except WiremarkError as problem:
            yield request, problem
        else:
            yield Sent(request, body, service)


def _bare(requests: Iterable[TraceRequest]) -> Iterator[TraceRequest]:
    """Yield requests without marks, in which equal messages are the same objects."""
    sharing = Sharing()
    stripper = _Stripper()
    for request in requests:
        stripped = replace(request, body=stripper.strip(request.body))
        sharing.share(stripped.messages)
        yield stripped


def _is_foreign(request: TraceRequest, service: Service | WiremarkError) -> bool:
    return isinstance(service, Service) and form_of(request) != service.form


def _service(
    request: TraceRequest, dialect: Dialect | None, **given: Any
) -> Service | WiremarkError:
    try:
        form_of(request)
        return Service.of(request, dialect, **given)
    except WiremarkError as problem:
        return problem


# Without marks.


class _Stripper:
    """Takes marks out of bodies; a message is looked at once, however many bodies have it."""

    def __init__(self) -> None:
        self._seen: dict[int, tuple[Any, Any]] = {}
        self._last: tuple[list[Any], list[Any]] = ([], [])

    def strip(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """Return a body without marks, in lists of its own."""
        out = {key: value for key, value in body.items() if key != "cache_control"}
        for name in ("input", "parameters", "toolConfig"):
            if isinstance(out.get(name), dict):
                out[name] = self._fields(out[name])
        if _is_objects(out.get("input")):
            out["input"] = [self._once(item, bare_item) for item in out["input"]]
        return self._fields(out)

    def _fields(self, fields: Mapping[str, Any]) -> dict[str, Any]:
        out = dict(fields)
        if _is_objects(out.get("messages")):
            out["messages"] = self._messages(out["messages"])
        if _is_objects(out.get("tools")):
            out["tools"] = self._once(out["tools"], strip_tool_marks)
        if _is_objects(out.get("system")):
            out["system"] = self._once(out["system"], _bare_system)
        return out

    def _messages(self, messages: list[Any]) -> list[Any]:
        before, bare = self._last
        known = len(before) if messages[: len(before)] == before else 0
        fresh = [self._once(item, _bare_message) for item in messages[known:]]
        made = [*bare[:known], *fresh]
        self._last = (messages, made)
        return list(made)

    def _once(self, value: Any, strip: Any) -> Any:
        found = self._seen.get(id(value))
        if found is None:
            bare = strip(value)
            # The value is held too, so that its id stays its own.
            found = self._seen[id(value)] = (value, value if bare == value else bare)
        return found[1]


def _bare_message(message: Any) -> Any:
    return strip_marks([message])[0]


def _bare_system(blocks: Any) -> Any:
    return strip_marks([{"role": "system", "content": [*blocks, {"type": "text", "text": ""}]}])[0][
        "content"
    ][:-1]


def _is_objects(value: object) -> bool:
    return isinstance(value, list) and set(map(type, value)) <= {dict}


def stripped_body(body: Mapping[str, Any]) -> dict[str, Any]:
    """Return a body without marks; what has none is shared with the input."""
    return _Stripper().strip(body)


# In another form.


class _Converter:
    """Writes bodies in the form of their service.

    A request that another one continues behind an assistant message is a piece of that one's body,
    cut before the assistant message; so a session is converted once.
    """

    def __init__(self, requests: Sequence[TraceRequest], services: Sequence[Any]) -> None:
        self._requests = requests
        self._services = services
        self._whole = self._longest()
        self._made: dict[int, dict[str, Any]] = {}
        self._turns: dict[int, tuple[list[int], list[int]]] = {}

    def body(self, index: int) -> dict[str, Any]:
        """Return the body of a request. Raises what `convert` raises."""
        request = self._requests[index]
        whole = self._whole[index]
        if whole != index:
            cut = self._cut(whole, request)
            if cut is not None:
                return cut
        return self._converted(index)

    def _converted(self, index: int) -> dict[str, Any]:
        if index not in self._made:
            request, service = self._requests[index], self._services[index]
            made = convert(
                request.body,
                source=form_of(request),
                target=_target(service),
                model=service.model,
                host=service.host,
            )
            self._made[index] = made.request.body
        return self._made[index]

    def _longest(self) -> list[int]:
        """Return for each request the one that holds it: the last that begins with it."""
        holder: dict[tuple[str, int], int] = {}
        whole = list(range(len(self._requests)))
        for index in range(len(self._requests) - 1, -1, -1):
            request = self._requests[index]
            messages = request.messages
            if not messages or isinstance(self._services[index], WiremarkError):
                continue
            key = (request.session, id(messages[0]))
            last = holder.get(key)
            if last is not None and self._holds(last, request):
                whole[index] = last
            else:
                holder[key] = index
        return whole

    def _holds(self, last: int, request: TraceRequest) -> bool:
        longer = self._requests[last]
        length = len(request.messages)
        return (
            len(longer.messages) > length
            and _role(longer.messages[length]) == "assistant"
            and longer.messages[:length] == request.messages
            and all(
                longer.body.get(key) == request.body.get(key)
                for key in ("model", "tools", "system", "parameters", "toolConfig")
            )
        )

    def _cut(self, whole: int, request: TraceRequest) -> dict[str, Any] | None:
        """Return a request as a piece of the one that holds it, `None` where turns differ."""
        body = self._converted(whole)
        path = _paths(self._services[whole].form)[0].split(".")
        if whole not in self._turns:
            self._turns[whole] = (
                _turns_of(self._requests[whole].messages),
                _turns_of(_at(body, path)),
            )
        source, made = self._turns[whole]
        if len(source) != len(made):
            return None
        before = bisect_left(source, len(request.messages))
        return _put(body, path, _at(body, path)[: made[before]])


def _turns_of(messages: Sequence[Any]) -> list[int]:
    return [at for at, one in enumerate(messages) if _role(one) == "assistant"]


def _role(message: Any) -> Any:
    return message.get("role") if isinstance(message, dict) else None


def _named(body: dict[str, Any], service: Service) -> dict[str, Any]:
    """Return the body with the service's model where it names another."""
    if "model" not in body or body["model"] == service.model:
        return body
    return {**body, "model": service.model}


def _target(service: Service) -> str:
    named = (name for name, one in DIALECTS.items() if one.form == service.form)
    same = [name for name in named if DIALECTS[name].host == service.host]
    return same[0] if same else service.form


# With a policy's marks.


def _paths(form: str) -> tuple[str, str]:
    return _FORMATTERS[form].body_paths


def _at(body: Mapping[str, Any], path: Sequence[str]) -> Any:
    found: Any = body
    for key in path:
        found = found.get(key) if isinstance(found, Mapping) else None
    return found if isinstance(found, list) else []


def _put(body: Mapping[str, Any], path: Sequence[str], value: Any) -> dict[str, Any]:
    first, *rest = path
    return {**body, first: _put(body[first], rest, value) if rest else value}


def marked_body(body: Mapping[str, Any], service: Service, policy: Policy) -> dict[str, Any]:
    """Return a body without marks with those of a policy; the input is not changed."""
    if service.form == RESPONSES:
        return _marked_items(body, service, policy)
    if service.form not in _FORMATTERS:
        raise MessageError(f"bodies of {service.form} cannot be marked", path="body")
    formatter = _FORMATTERS[service.form]
    messages_path, tools_path = (path.split(".") for path in formatter.body_paths)
    shape: PartShape = formatter.shape
    system = body.get("system") if service.form in ("anthropic", "bedrock-converse") else None
    head = [{"role": "system", "content": system}] if system else []
    tools = _at(body, tools_path)
    made = place_marks(
        [*head, *_at(body, messages_path)],
        rules=service.rules,
        shape=shape,
        policy=policy,
        tools=list(tools),
        model=service.model,
        owned=True,
        bare=True,
        note=service.note,
    )
    out = _put(body, messages_path, made.messages[len(head) :])
    if head:
        out["system"] = made.messages[0]["content"]
    if tools:
        out = _put(out, tools_path, made.tools)
    if made.automatic is not None:
        out["cache_control"] = made.automatic
    return out


def _marked_items(body: Mapping[str, Any], service: Service, policy: Policy) -> dict[str, Any]:
    """Return a Responses body with the marks of a policy; a text becomes an item to carry one."""
    given = body.get("input")
    items = as_items(given) if isinstance(given, list | str) else []
    made = place_marks(
        as_messages(items),
        rules=service.rules,
        shape=SHAPE,
        policy=policy,
        tools=list(_at(body, ["tools"])),
        model=service.model,
        owned=True,
        note=service.note,
    )
    if not made.plan.placed:
        return dict(body)
    marked = zip(items, made.messages, strict=True)
    return {**body, "input": [with_content(item, message) for item, message in marked]}
