"""What the readers of all protocols' responses share: data, ids, arguments, usage, findings.

It knows no protocol. The clock and random ids are read under `Quirks.clock_call_ids` alone; every
quirk about responses is read here, and nowhere else among the readers.
"""

from __future__ import annotations

import math
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from .. import jsontext
from ..errors import MessageError, ResponseError
from ..findings import Finding, Severity
from ..messages import Base64Source, Msg, Source, URLSource
from ..plain import plain_object
from ..quirks import Quirks
from ..usage import Usage
from .reply import Reply
from .text import derived_call_id
from .values import copy_json

__all__ = [
    "FRAGMENT",
    "Call",
    "Reading",
    "first_of",
    "has_value",
    "media_source",
    "object_at",
    "objects_at",
    "response_data",
    "status_of",
]

FRAGMENT: Final = "__fragment__"
"""The name that agentscope-java gives a piece of a call whose name came in an earlier chunk."""


def response_data(response: Any) -> dict[str, Any]:
    """Return a response as a dict of its own: a dict, an SDK's object, or JSON text or bytes.

    What follows the JSON object in a text is not read, as in agentscope-java. Raises `MessageError`
    where there is no object.
    """
    if isinstance(response, bytes | bytearray | memoryview):
        try:
            response = bytes(response).decode()
        except UnicodeDecodeError:
            raise _no_json("not UTF-8") from None
    if not isinstance(response, str):
        return plain_object(response)
    found = jsontext.first_object(response.removeprefix("\ufeff"))
    if found is None:
        raise _no_json("not a JSON object")
    return found


def _no_json(problem: str) -> MessageError:
    return MessageError(
        problem, path="response", advice="give the body of one response, not a stream of events"
    )


@dataclass(frozen=True, slots=True)
class Call:
    """A tool call's arguments: as an object, and as the text that was received."""

    input: dict[str, Any]
    text: str | None


@dataclass(slots=True)
class Reading:
    """One response while it is read.

    clock: milliseconds since 1970; name: the speaker's; reply_id: the provider's, once known
    """

    quirks: Quirks
    clock: Callable[[], int]
    name: str | None = None
    reply_id: str | None = None
    findings: list[Finding] = field(default_factory=list)

    @property
    def reads_lists(self) -> bool:
        """Say whether text is read wherever a provider puts it, lists of parts above all."""
        return not self.quirks.list_replies_unread

    @property
    def keeps_details(self) -> bool:
        """Say whether all fields of reasoning details are kept, as the provider wants them back."""
        return not self.quirks.reasoning_details_lost

    @property
    def makes_ids(self) -> bool:
        """Say whether a missing id is made from the clock or at random, as Java does."""
        return self.quirks.clock_call_ids

    def note(
        self,
        code: str,
        path: str,
        message: str,
        advice: str = "",
        *,
        severity: Severity = "note",
        provider_text: str = "",
    ) -> None:
        """Keep a finding about the response."""
        self.findings.append(Finding(code, severity, path, message, advice, provider_text))

    def unread(self, path: str, what: str) -> None:
        """Keep a finding about content that has no place in a message."""
        self.note("content-unread", path, f"{what} is not read", "read it from the response")

    def error(self, problem: ResponseError) -> None:
        """Keep a provider's error as a finding: an error body gives a reply without content."""
        text, advice = problem.problem, problem.advice
        self.note(
            "provider-error",
            problem.path,
            text,
            advice,
            severity="error",
            provider_text=problem.provider_text,
        )

    def identify(self, value: Any, path: str) -> None:
        """Keep the reply's id; a missing or blank one is null, in Java random."""
        text = self.text(value, path)
        if text is not None and text.strip():
            self.reply_id = text
        elif self.makes_ids:
            self.reply_id = str(uuid.uuid4())

    def call_id(self, java: str, content: Sequence[Any], position: int) -> str:
        """Return an id for a tool call without one, from the reply's id, content and position.

        `java`: what Java makes of it, `{}` being the clock.
        """
        if self.makes_ids:
            return java.format(self.clock())
        return derived_call_id([self.reply_id, *content], position, 0)

    def text(self, value: Any, path: str) -> str | None:
        """Return a text; numbers and Booleans become text as in Java, other values are named."""
        if value is None or isinstance(value, str):
            return value
        if isinstance(value, bool | int | float) and math.isfinite(value):
            return jsontext.dumps(value, java_numbers=self.quirks.java_numbers, at=path)
        self.unread(path, "a value that is no text")
        return None

    def thinking(self, message: Mapping[str, Any], path: str) -> str | None:
        """Return a message's thinking; of both its names the later one counts, in Java as null too.

        The names are those of DeepSeek and OpenRouter; DashScope's API takes both.
        """
        found = None
        for key, value in message.items():
            if key in ("reasoning_content", "reasoning") and (value or not self.reads_lists):
                found = self.text(value, f"{path}.{key}")
        return found

    def arguments(self, value: Any, path: str, *, parsed: bool = True, whole: bool = True) -> Call:
        """Return a call's arguments; an object in place of text is taken, which Java refuses.

        parsed: Java parses them here, as it does for OpenAI; whole: the text is no fragment.
        """
        unparsed = self.quirks.arguments_unparsed
        if isinstance(value, Mapping):
            if unparsed:
                raise MessageError("expected a string, got an object", path=path)
            return Call(copy_json(value), jsontext.dumps(value, at=path))
        text = self.text(value, path)
        if unparsed and not parsed:
            return Call({}, text)
        found = jsontext.first_object(text) if text else {}
        if found is None and whole:
            self.note(
                "arguments-unread",
                path,
                "the arguments are no JSON object",
                "the text is in the block's `content`; answer the call with an error",
            )
        return Call(found or {}, text)

    def usage(self, data: Mapping[str, Any], names: tuple[str, str], cached: str) -> Usage | None:
        """Return the usage of a response; null where it holds none.

        names: Java's counts of input and output; cached: the details whose `cached_tokens` Java
        reads, `""` where it reads none.
        """
        given = data.get("usage")
        if not self.quirks.cached_tokens_unread:
            found = Usage.from_response(data)
            return found if found.reported or given is not None else None
        if not isinstance(given, Mapping):
            return None
        detail = given.get(cached)
        return Usage(
            input=_count(given.get(names[0])),
            output=_count(given.get(names[1])),
            cache_read=_count(detail.get("cached_tokens")) if isinstance(detail, Mapping) else None,
            model=first_of(data, "model"),
        )

    def reply(
        self,
        blocks: Sequence[Any],
        *,
        model: str | None,
        finish_reason: str | None,
        usage: Usage | None,
    ) -> Reply:
        """Return the reply with what was noticed."""
        return Reply(
            message=Msg.assistant(blocks, name=self.name),
            id=self.reply_id,
            model=model,
            finish_reason=finish_reason,
            usage=usage,
            findings=tuple(self.findings),
        )


def _count(value: Any) -> int:
    """Return a number of tokens as Java's reader takes it; what is none is 0."""
    if isinstance(value, str):
        text = value.strip()
        return int(text) if text.removeprefix("-").isdecimal() else 0
    return int(value) if isinstance(value, int | float) and math.isfinite(value) else 0


def first_of(data: Mapping[str, Any], *names: str) -> str | None:
    """Return the first of the named fields that is a text and not empty."""
    for name in names:
        value = data.get(name)
        if isinstance(value, str) and value:
            return value
    return None


def has_value(value: Any) -> bool:
    """Say whether a field holds anything: not null, and no empty text, list or object."""
    return value is not None and value not in ("", [], {})


def object_at(data: Mapping[str, Any], key: str, path: str) -> dict[str, Any] | None:
    """Return the object under a key, null if there is none; raises `MessageError` otherwise."""
    value = data.get(key)
    if value is None or isinstance(value, dict):
        return value
    raise MessageError(f"expected an object, got {type(value).__name__}", path=_join(path, key))


def objects_at(data: Mapping[str, Any], key: str, path: str) -> list[dict[str, Any] | None]:
    """Return the objects of the list under a key, nulls kept; raises `MessageError` otherwise."""
    value = data.get(key)
    if value is None:
        return []
    if not isinstance(value, list):
        raise MessageError(f"expected a list, got {type(value).__name__}", path=_join(path, key))
    for index, item in enumerate(value):
        if item is not None and not isinstance(item, dict):
            where = f"{_join(path, key)}[{index}]"
            raise MessageError(f"expected an object, got {type(item).__name__}", path=where)
    return value


def _join(path: str, key: str) -> str:
    return f"{path}.{key}" if path else key


def media_source(url: str) -> Source:
    """Return the source that a URL in a reply names; a data URL's content is kept as base64."""
    head, comma, data = url.partition(",")
    if comma and head.startswith("data:") and head.endswith(";base64"):
        return Base64Source(media_type=head[5:-7] or "application/octet-stream", data=data)
    return URLSource(url=url)


def status_of(value: Any) -> int | None:
    """Return an HTTP status of an error from a code that is a number or holds one."""
    if isinstance(value, str) and value.strip().isdecimal():
        value = int(value)
    if isinstance(value, int) and not isinstance(value, bool) and 400 <= value <= 599:
        return value
    return None
