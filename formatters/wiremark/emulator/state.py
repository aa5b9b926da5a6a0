"""The emulator without a server: a request goes in, an answer comes out, and is kept.

Knows no socket and no framework. All calls come from one thread; `requests` may be read from any.
"""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from .. import jsontext
from ..errors import SerializationError, WiremarkError
from ..replay.cache import CacheRequest, PrefixCache
from ..rules import select_rules
from ..traffic.judging import all_findings, refusal
from ..traffic.records import Record
from ..traffic.secrets import masked_headers, masked_query
from ..traffic.services import Family, Service, family_at, host_named, service_at, service_for
from .chat import chat_answer, chat_events
from .clock import VirtualClock
from .counting import output_tokens, usage_of
from .failures import Failure, bad_json, body_of, from_finding, simple
from .messages import messages_answer, messages_events
from .native import native_answer, native_error_event, native_events
from .saying import Saying, last_user_text, named
from .scenario import ECHO, Reply, Scenario

if TYPE_CHECKING:
    from ..replay.model import Arm
    from ..replay.tokens.counter import TokenCounter
    from ..rules import CacheRules

__all__ = ["Answer", "Arrived", "EmulatorState"]

_JSON: Final = "application/json"
_EVENTS: Final = "text/event-stream; charset=utf-8"
_LISTED: Final = ("qwen-plus", "qwen3.7-max", "gpt-5.6", "claude-opus-5-5", "deepseek-v3.2")


@dataclass(frozen=True, slots=True)
class Arrived:
    """A request as it came; `too_large` if its body was not kept for its size."""

    method: str
    path: str
    query: str = ""
    headers: Sequence[tuple[str, str]] = ()
    raw: bytes = b""
    too_large: bool = False

    def header(self, name: str) -> str | None:
        """Return the value of a header."""
        return next((value for key, value in self.headers if key.lower() == name), None)


@dataclass(slots=True)
class Answer:
    """What is sent: `events` of a stream, else `body`. `finish` is called when it was sent."""

    record: Record
    status: int
    body: bytes = b""
    events: Iterator[str] | None = None
    headers: dict[str, str] = field(default_factory=dict)
    reply: Reply = ECHO
    finish: Callable[[], None] = lambda: None


class EmulatorState:
    """Rules, cache, clock, scenario, and every request so far.

    scenario: a `Scenario`, or what makes one; then and without it the last user text is echoed
    rules: those of each request's protocol, host and model, unless given
    as_: the service or host behind the paths that many providers have, such as `openrouter`
    models: names that are taken; any, if not given
    max_body: bytes above which a body is refused; keep: how many requests are kept, the latest
    arm, counter: see `PrefixCache`
    """

    def __init__(  # noqa: PLR0913 what an emulator is told
        self,
        scenario: Any = None,
        clock: VirtualClock | None = None,
        *,
        rules: CacheRules | None = None,
        as_: str | None = None,
        models: Sequence[str] | None = None,
        max_body: int = 32 << 20,
        keep: int = 1000,
        arm: Arm = "neutral",
        counter: TokenCounter | None = None,
    ) -> None:
        self.clock = clock if clock is not None else VirtualClock()
        self.models = None if models is None else tuple(models)
        self.max_body = max_body
        self._rules, self._arm, self._counter = rules, arm, counter
        self._host = host_named(as_)
        self._kept: deque[Record] = deque(maxlen=keep)
        self.reset(scenario)
        self._names: dict[tuple[str, str | None, str | None], CacheRules] = {}

    def reset(self, scenario: Any = None) -> None:
        """Forget all requests and all that is cached, and begin a scenario; the clock goes on.

        To be called between requests.
        """
        self.scenario = scenario if isinstance(scenario, Scenario) else Scenario(scenario or ())
        self.cache = PrefixCache(self._rules, arm=self._arm, counter=self._counter)
        self._kept.clear()
        self._count = 0

    @property
    def requests(self) -> tuple[Record, ...]:
        """Return what is kept, the oldest first."""
        return tuple(self._kept.copy())

    def now(self) -> float:
        """Return the seconds of the clock."""
        return self.clock.now()

    @property
    def problems(self) -> list[str]:
        """Return the faults of the emulator itself; a test may assert that there are none."""
        return [record.problem for record in self.requests if record.problem]

    # ------------------------------------------------------------------------------- one request

    def handle(self, arrived: Arrived) -> Answer:
        """Answer a request; nothing raises."""
        record = Record(
            index=self._count,
            at=self.clock.now(),
            method=arrived.method,
            path=arrived.path,
            query=masked_query(arrived.query),
            headers=masked_headers(arrived.headers),
            raw=arrived.raw,
        )
        self._count += 1
        self._kept.append(record)
        service = service_at(arrived.path)
        family = family_at(arrived.path)
        try:
            if service is None or arrived.method != "POST":
                return self._elsewhere(arrived, record, service, family)
            host = arrived.header("x-wiremark-host")
            service = service_for(
                service, host_named(host) or self._host, arrived.header("anthropic-version")
            )
            return self._serve(arrived, record, service)
        except Exception as error:  # noqa: BLE001 a fault of ours must not reach the client bare
            record.problem = f"{type(error).__name__}: {error}"
            return self._refuse(record, family, simple(family, 500))

    def _serve(self, arrived: Arrived, record: Record, service: Service) -> Answer:
        family = service.family
        record.protocol, record.host = service.protocol, service.host
        if arrived.too_large:
            return self._refuse(record, family, simple(family, 413))
        try:
            body = record.body = jsontext.loads(arrived.raw)
        except SerializationError as error:
            return self._refuse(record, family, bad_json(family, str(error)))
        if not isinstance(body, dict):
            return self._refuse(record, family, bad_json(family, "it is no object"))
        record.stream = _streams(service, body, arrived)
        if isinstance(body.get("model"), str):
            record.model = body["model"]
        if (
            service.wire == "messages"
            and service.host is None
            and arrived.header("anthropic-version") is None
        ):
            failure = Failure(400, "anthropic-version: header is required")
            return self._refuse(record, family, failure)
        rules = self._rules
        record.find = lambda: all_findings(body, service, rules)
        refused = refusal(body, service, rules)
        if refused is not None:
            return self._refuse(record, family, from_finding(refused, family))
        if self.models is not None and record.model not in self.models:
            return self._refuse(record, family, simple(family, 404, model=record.model or ""))
        reply = self.scenario.take()
        if reply.status != 200:
            failure = simple(family, reply.status, message=reply.message, model=record.model or "")
            return self._refuse(record, family, failure, reply)
        return self._answer(record, service, reply, _account(arrived))

    # ---------------------------------------------------------------------------------- answers

    def _answer(self, record: Record, service: Service, reply: Reply, account: str) -> Answer:
        body = record.body
        rules = self._rules or self._rules_of(service, record.model)
        record.rules = rules.name
        asked = CacheRequest(
            body, service.protocol, service.host, model=record.model, account=account
        )
        at = record.at
        later = record.stream or reply.delay > 0
        try:
            # What an answer under way will write is not there yet: it is written at its end.
            look = self.cache.lookup if later else self.cache.request
            result = record.predicted = look(asked, at=at)
        except WiremarkError as error:
            failure = Failure(400, str(error))
            return self._refuse(record, service.family, failure)

        def finish() -> None:
            if later and not record.ended:
                self.cache.request(asked, at=at, ends_at=max(at, self.clock.now()))
            record.ended = True

        text = reply.text
        if text is None:
            text = "" if reply.calls else last_user_text(body)
        usage = usage_of(service, rules.name, result, output_tokens(reply, text))
        calls = named(reply, record.index)
        said = Saying(record.index, record.model or "", text, reply.thinking, calls, usage)
        record.answered = usage
        record.status = 200
        answer = Answer(record, 200, reply=reply, finish=finish)
        if record.stream:
            answer.events = iter(list(_events(said, service, body)))
        else:
            answer.body = jsontext.dumpb(_whole(said, service, body))
            if reply.malformed_at == 0:
                answer.body = answer.body[: len(answer.body) // 2]
        self._head(answer, said.tag)
        return answer

    def _refuse(
        self, record: Record, family: Family, failure: Failure, reply: Reply = ECHO
    ) -> Answer:
        record.status, record.error = failure.status, failure.message
        tag = f"{record.index:08d}"
        body = body_of(failure, family, f"emulated-{tag}")

        def finish() -> None:
            record.ended = True

        answer = Answer(record, failure.status, reply=reply, finish=finish)
        if family == "native" and record.stream and failure.status == 400:
            answer.status = 200
            answer.events = iter([native_error_event(failure.status, body)])
        else:
            answer.body = jsontext.dumpb(body)
        self._head(answer, tag)
        if reply.retry_after is not None:
            answer.headers["retry-after"] = str(reply.retry_after)
        return answer

    def _head(self, answer: Answer, tag: str) -> None:
        answer.headers["content-type"] = _JSON if answer.events is None else _EVENTS
        answer.headers["x-request-id"] = f"emulated-{tag}"

    # -------------------------------------------------------------------------- all other paths

    def _elsewhere(
        self, arrived: Arrived, record: Record, service: Service | None, family: Family
    ) -> Answer:
        if service is not None:
            message = f"Not allowed to {arrived.method} on {arrived.path}."
            answer = self._refuse(record, family, simple(family, 405, message=message))
            answer.headers["allow"] = "POST"
            return answer
        if arrived.path.rstrip("/").endswith("/models") and arrived.method == "GET":
            record.status = 200
            answer = Answer(record, 200, jsontext.dumpb(self._model_list(arrived)))
            self._head(answer, f"{record.index:08d}")
            record.ended = True
            return answer
        message = f"Invalid URL ({arrived.method} {arrived.path})"
        kind = "not_found_error" if family == "anthropic" else "invalid_request_error"
        return self._refuse(record, family, Failure(404, message, kind))

    def _model_list(self, arrived: Arrived) -> dict[str, Any]:
        seen = [record.model for record in self.requests if record.model]
        names = self.models if self.models is not None else dict.fromkeys([*_LISTED, *seen])
        if arrived.header("anthropic-version") is not None:
            listed: list[dict[str, Any]] = [
                {
                    "type": "model",
                    "id": name,
                    "display_name": name,
                    "created_at": "2025-11-21T00:00:00Z",
                }
                for name in names
            ]
            ends = {"first_id": listed[0]["id"], "last_id": listed[-1]["id"]} if listed else {}
            return {"data": listed, "has_more": False, "first_id": None, "last_id": None, **ends}
        listed = [
            {"id": name, "object": "model", "created": 1763683200, "owned_by": "wiremark"}
            for name in names
        ]
        return {"object": "list", "data": listed}

    def _rules_of(self, service: Service, model: str | None) -> CacheRules:
        key = (service.form, service.host, model)
        if key not in self._names:
            self._names[key] = select_rules(service.form, host=service.host, model=model).rules
        return self._names[key]


def _streams(service: Service, body: Mapping[str, Any], arrived: Arrived) -> bool:
    if service.wire != "native":
        return body.get("stream") is True
    if (arrived.header("x-dashscope-sse") or "").lower() == "enable":
        return True
    return "text/event-stream" in (arrived.header("accept") or "")


def _whole(said: Saying, service: Service, body: dict[str, Any]) -> dict[str, Any]:
    if service.wire == "messages":
        return messages_answer(said)
    if service.wire == "native":
        return native_answer(said, service, body)
    return chat_answer(said, service)


def _events(said: Saying, service: Service, body: dict[str, Any]) -> Iterator[str]:
    if service.wire == "messages":
        return messages_events(said, service)
    if service.wire == "native":
        return native_events(said, service, body)
    return chat_events(said, service, body)


def _account(arrived: Arrived) -> str:
    """Return a name for the owner of the key, from which the key cannot be told."""
    key = arrived.header("authorization") or arrived.header("x-api-key") or ""
    key = key.removeprefix("Bearer ").strip()
    return hashlib.sha256(key.encode()).hexdigest()[:16] if key else ""
