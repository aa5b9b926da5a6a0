"""The emulator without a server: a request goes in, an answer comes out, and is kept.

Knows no socket and no framework. All calls come from one thread; `requests` may be read from any.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from .. import jsontext
from ..errors import OptionError, SerializationError, WiremarkError
from ..findings import Finding
from ..replay.cache import CacheRequest, PrefixCache
from ..rules import select_rules
from ..traffic.judging import all_findings, refusal
from ..traffic.log import RequestLog
from ..traffic.records import Record
from ..traffic.secrets import masked_headers, masked_query
from ..traffic.services import (
    Family,
    Service,
    family_at,
    host_named,
    service_at,
    service_for,
)
from .access import Keys, decoded, version_refusal
from .clock import VirtualClock
from .conversations import Conversations, flattened, narrowed
from .counting import output_tokens, usage_of
from .exchange import HOST, Answer, Arrived, account_of, addressed
from .failures import (
    Failure,
    bad_json,
    body_of,
    from_finding,
    known,
    late,
    simple,
    told_by,
    words_of,
)
from .forms import events_of, refusing_event, streams, whole_of
from .messages import counted, counting_at, not_counted
from .models import models_answer, models_family
from .native import wrong_endpoint
from .saying import Saying, choices_asked, last_user_text, named
from .scenario import Reply, Scenario
from .threads import Threads

if TYPE_CHECKING:
    from pathlib import Path

    from ..replay.model import Arm
    from ..replay.tokens.counter import TokenCounter
    from ..rules import CacheRules

__all__ = ["EmulatorState"]

_JSON: Final = "application/json"
_EVENTS: Final = "text/event-stream; charset=utf-8"
_AT_ONCE: Final = Reply(delay=0.0, pause=0.0)
_LISTED: Final = ("qwen-plus", "qwen3.7-max", "gpt-5.6", "claude-opus-5-5", "deepseek-v3.2")


class EmulatorState:
    """Rules, cache, clock, scenario, and every request so far.

    scenario: a `Scenario`, or what makes one; then and without it the last user text is echoed
    rules: those of each request's protocol, host and model, unless given
    as_: the service or host behind the paths that many providers have, such as `openrouter`
    models: names that are taken; any, if not given
    keys: API keys that are taken; any key or none, if not given
    max_body: bytes above which a body is refused; keep: how many requests are kept, the latest
    arm, counter: see `PrefixCache`
    latency: seconds of real time before an answer, and between two events of a stream
    log: a file that every request is appended to when its answer has ended. What it holds already
        has happened: requests are there, clock and scenario go on, and what was cached is cached.
        `unread` are findings about what in it is no request. `reset` leaves the file as it is.
    """

    def __init__(  # noqa: PLR0913 what an emulator is told
        self,
        scenario: Any = None,
        clock: VirtualClock | None = None,
        *,
        rules: CacheRules | None = None,
        as_: str | None = None,
        models: Sequence[str] | None = None,
        keys: Sequence[str] | None = None,
        max_body: int = 32 << 20,
        keep: int = 1000,
        arm: Arm = "neutral",
        counter: TokenCounter | None = None,
        latency: tuple[float, float] = (0.0, 0.0),
        log: str | Path | None = None,
    ) -> None:
        if min(latency) < 0:
            raise OptionError(f"{latency!r} is no latency", path="latency", advice="give seconds")
        self.clock = clock if clock is not None else VirtualClock()
        self.models = None if models is None else tuple(models)
        self._keys = Keys(keys)
        self.max_body = max_body
        self.rules, self._arm, self.counter = rules, arm, counter
        self._host = host_named(as_)
        self._kept: deque[Record] = deque(maxlen=keep)
        self.latency = latency
        self.on_end: Callable[[Record], None] | None = None
        """What is told of every request when its answer has ended."""
        self._count = 0
        self._log = None if log is None else RequestLog(log)
        self.reset(scenario)
        self._names: dict[tuple[str, str | None, str | None], CacheRules] = {}
        self.unread: list[Finding] = []
        if self._log is not None:
            self._go_on(self._log)

    def reset(self, scenario: Any = None) -> None:
        """Forget all requests and all that is cached, and begin a scenario; the clock goes on.

        To be called between requests.
        """
        self.scenario = scenario if isinstance(scenario, Scenario) else Scenario(scenario or ())
        self.cache = PrefixCache(self.rules, arm=self._arm, counter=self.counter)
        self._kept.clear()
        self._conversations = Conversations()
        self._threads = Threads()
        if self._log is None:  # in a file numbers are not given twice
            self._count = 0

    @property
    def requests(self) -> tuple[Record, ...]:
        """Return what is kept, the oldest first."""
        return tuple(self._kept.copy())

    def now(self) -> float:
        """Return the seconds of the clock."""
        return self.clock.now()

    def whole(self, record: Record) -> dict[str, Any] | None:
        """Return a body with all that it goes on with, `None` if it begins a conversation."""
        return self._conversations.whole(record) or self._threads.whole(record)

    @property
    def problems(self) -> list[str]:
        """Return the faults of the emulator itself; a test may assert that there are none."""
        return [record.problem for record in self.requests if record.problem]

    def close(self) -> None:
        """Close the log, if there is one."""
        if self._log is not None:
            self._log.close()

    # ------------------------------------------------------------------------------- one request

    def handle(self, arrived: Arrived) -> Answer:
        """Answer a request; nothing raises."""
        answer = self._handle(addressed(arrived))
        finish = answer.finish
        answer.finish = lambda: self._end(answer, finish)
        return answer

    def _handle(self, arrived: Arrived) -> Answer:
        record = Record(
            index=self._count,
            at=self.clock.now(),
            method=arrived.method,
            path=arrived.path,
            query=masked_query(arrived.query),
            headers=masked_headers(arrived.headers),
            raw=arrived.raw,
            started=time.time(),
            account=account_of(arrived),
        )
        self._count += 1
        self._kept.append(record)
        version = arrived.header("anthropic-version")
        counting = counting_at(arrived.path)
        service = counting or service_at(arrived.path)
        family = models_family(family_at(arrived.path), arrived.query, version)
        try:
            if service is not None:
                host = host_named(arrived.header(HOST)) or self._host
                service = service_for(service, host, version)
                family = service.family
            refused = self._keys.refusal(arrived.header, family)
            if refused is not None:
                return self._refuse(record, family, refused)
            if service is None or arrived.method != "POST":
                return self._elsewhere(arrived, record, service, family)
            return self._serve(arrived, record, service, counts=counting is not None)
        except Exception as error:  # noqa: BLE001 a fault of ours must not reach the client bare
            record.problem = f"{type(error).__name__}: {error}"
            return self._refuse(record, family, simple(family, 500))

    def _serve(
        self, arrived: Arrived, record: Record, service: Service, *, counts: bool = False
    ) -> Answer:
        family = service.family
        record.protocol, record.host = service.protocol, service.host
        unreadable = self._read(arrived, record, family)
        if unreadable is not None:
            return self._refuse(record, family, unreadable)
        body = record.body
        record.stream = not counts and streams(service, body, arrived.header)
        if isinstance(body.get("model"), str):
            record.model = body["model"]
        unfit = self._unfit(arrived, record, service, counts=counts)
        judged = self._judge_later(record, service, counts=counts)
        if unfit is not None:
            return self._refuse(record, family, unfit)
        failure = self._refusal(record, service, judged)
        if counts:
            failure = not_counted(body, service) or failure
        if failure is not None:
            return self._refuse(record, family, failure)
        unserved = self._unserved(record, service)
        if unserved is not None:
            return self._refuse(record, family, unserved)
        if counts:
            return self._count_tokens(record, service)
        record.reply, reply = self.scenario.take_numbered(record.model or "", record.path, body)
        if reply.error or reply.status != 200:
            failure = told_by(reply, family, record)
            if service.wire == "responses" and record.stream and reply.text is not None:
                return self._answer(record, service, reply, failure)
            return self._refuse(record, family, failure, reply)
        return self._answer(record, service, reply)

    def _read(self, arrived: Arrived, record: Record, family: Family) -> Failure | None:
        """Read the body; return why it is none, if so."""
        if arrived.too_large:
            return simple(family, 413)
        encoding = arrived.header("content-encoding") or ""
        raw = decoded(arrived.raw, encoding, self.max_body, family)
        if isinstance(raw, Failure):
            return raw
        try:
            record.body = jsontext.loads(raw)
        except SerializationError as error:
            return bad_json(family, str(error))
        return None if isinstance(record.body, dict) else bad_json(family, "it is no object")

    def _unfit(
        self, arrived: Arrived, record: Record, service: Service, *, counts: bool
    ) -> Failure | None:
        """Return why a request to Anthropic is refused before its body is judged, if it is."""
        if service.wire != "messages" or service.host is not None:
            return None
        wrong = version_refusal(arrived.headers)
        return wrong if wrong is not None or counts else self._threads.open(record, service)

    def _refusal(self, record: Record, service: Service, judged: dict[str, Any]) -> Failure | None:
        """Return the error for which a body is refused, and what it goes on with, if it does."""
        opened = self._conversations.open(record) if service.wire == "responses" else None
        for body in (judged, self._conversations.whole(record)):
            refused = None if body is None else refusal(body, service, self.rules)
            if refused is not None:
                return narrowed(from_finding(refused, service.family), refused, service)
        return opened

    def _unserved(self, record: Record, service: Service) -> Failure | None:
        """Return the error for a model that is not to be had at all, or not at this path."""
        model = record.model or ""
        if self.models is not None and record.model not in self.models:
            return known(service.family, "unknown-model", model=model)
        if service.wire == "native" and wrong_endpoint(model, service):
            return known(service.family, "unknown-path")
        return None

    def _judge_later(self, record: Record, service: Service, *, counts: bool) -> dict[str, Any]:
        """Let findings be told when they are asked for; return the body that is judged."""
        judged: dict[str, Any] = counted(record.body, service) if counts else record.body
        judged = self._threads.whole(record) or judged
        rules = self.rules
        record.find = lambda: all_findings(judged, service, rules)
        return judged

    # ---------------------------------------------------------------------------------- answers

    def _answer(
        self, record: Record, service: Service, reply: Reply, failure: Failure | None = None
    ) -> Answer:
        """Answer with a reply; a `failure` is what its stream ends with."""
        body = record.body
        rules = self.rules or self._conversations.rules(record)
        rules = rules or self._rules_of(service, record.model)
        record.rules = rules.name
        asked = self._asked(record)
        at = record.at
        delay, pause = self._pace(reply)
        later = record.stream or delay > 0 or reply.timeout
        cache = self.cache  # a reset before the end of the answer makes another one
        try:
            # What an answer under way will write is not there yet: it is written at its end.
            result = (
                cache.lookup(asked, at=at, renews=True) if later else cache.request(asked, at=at)
            )
            record.predicted = result
        except WiremarkError as refused:
            return self._refuse(record, service.family, Failure(400, str(refused)))

        def finish() -> None:
            if later:
                cache.request(asked, at=at, ends_at=record.ends_at)
            if service.wire == "responses":
                self._conversations.end(record, whole_of(said, service, body))
            if service.wire == "messages":
                self._threads.end(record, service, whole_of(said, service, body))

        text = reply.text
        if text is None:
            text = "" if reply.calls else last_user_text(body)
        thought = output_tokens(Reply(), reply.thinking) if reply.thinking else 0
        count = choices_asked(body) if service.wire in ("chat", "native") else 1
        output = output_tokens(reply, text) * count
        usage = usage_of(service, rules.name, result, output, thought * count)
        calls = named(reply, record.index, service.wire)
        error = None if failure is None else late(failure)
        words = (text, reply.thinking, calls)
        said = Saying(record.index, record.model or "", *words, usage, error, reply.finish)
        record.answered = usage
        record.status = 200
        answer = Answer(record, 200, reply=reply, delay=delay, pause=pause, finish=finish)
        if record.stream:
            answer.events = iter(list(events_of(said, service, body)))
        else:
            answer.body = jsontext.dumpb(whole_of(said, service, body))
            if reply.malformed_at == 0:
                answer.body = answer.body[: len(answer.body) // 2]
        self._head(answer, said.tag, service.family)
        return answer

    def _count_tokens(self, record: Record, service: Service) -> Answer:
        """Answer how many tokens a request has; it reads and writes nothing in the cache."""
        try:
            result = self.cache.lookup(self._asked(record), at=record.at)
        except WiremarkError as error:
            return self._refuse(record, service.family, Failure(400, str(error)))
        self._conversations.drop(record)
        kind = {"object": "response.input_tokens"} if service.wire == "responses" else {}
        told = {**kind, "input_tokens": round(result.input)}
        return self._tell(record, service.family, told)

    def _tell(self, record: Record, family: Family, body: dict[str, Any]) -> Answer:
        """Answer what is no message."""
        record.status = 200
        if family == "native":
            body = {"request_id": f"emulated-{record.index:08d}", **body}
        answer = Answer(record, 200, jsontext.dumpb(body))
        self._head(answer, f"{record.index:08d}", family)
        return answer

    def _refuse(
        self, record: Record, family: Family, failure: Failure, reply: Reply = _AT_ONCE
    ) -> Answer:
        tag = f"{record.index:08d}"
        self._conversations.drop(record)
        self._threads.drop(record)
        failure = flattened(failure, record, family)
        record.status, record.error = failure.status, words_of(failure, f"emulated-{tag}")
        body = body_of(failure, family, f"emulated-{tag}")
        delay, pause = self._pace(reply)
        answer = Answer(record, failure.status, reply=reply, delay=delay, pause=pause)
        event = refusing_event(record, family, body)
        if event is not None:
            answer.status, answer.events = 200, iter([event])
        else:
            answer.body = jsontext.dumpb(body)
        self._head(answer, tag, family)
        if reply.retry_after is not None:
            answer.headers["retry-after"] = str(reply.retry_after)
        return answer

    def _pace(self, reply: Reply) -> tuple[float, float]:
        delay, pause = self.latency
        return (
            delay if reply.delay is None else reply.delay,
            pause if reply.pause is None else reply.pause,
        )

    def _end(self, answer: Answer, finish: Callable[[], None]) -> None:
        """Keep what was sent, when nothing more will be; only the first call counts."""
        record = answer.record
        if record.ended:
            return
        record.ended = True
        record.ends_at = max(record.at, self.clock.now())
        record.response = b"".join(answer.sent)
        record.response_headers = masked_headers(answer.headers.items())
        try:
            finish()
        except Exception as error:  # noqa: BLE001 the answer is told, whatever we make of it
            record.problem = f"{type(error).__name__}: {error}"
        if self._log is not None:
            try:
                self._log.append(record)
            except OSError as error:
                record.problem = f"the log cannot be written: {error.strerror}"
        if self.on_end is not None:
            self.on_end(record)

    def _head(self, answer: Answer, tag: str, family: Family) -> None:
        answer.headers["content-type"] = _JSON if answer.events is None else _EVENTS
        name = "request-id" if family == "anthropic" else "x-request-id"
        answer.headers[name] = f"emulated-{tag}"

    # ------------------------------------------------------------------------- what was before

    def _go_on(self, log: RequestLog) -> None:
        """Let what a log holds have happened."""
        for each in log.each():
            if not isinstance(each, Record):
                self.unread.append(each)
                continue
            try:
                self._happened(each)
            except WiremarkError as error:
                place = f"{log.path.name}: request {each.index}"
                advice = "it is shown and not cached"
                self.unread.append(Finding("log-unreadable", "note", place, str(error), advice))
        kept = sorted(self._kept, key=lambda record: record.index)  # lines are as answers ended
        self._kept = deque(kept, self._kept.maxlen)

    def _happened(self, record: Record) -> None:
        self._kept.append(record)
        self._count = max(self._count, record.index + 1)
        ends_at = record.at if record.ends_at is None else max(record.at, record.ends_at)
        self.clock.advance(max(0.0, ends_at - self.clock.now()))
        counting, body = counting_at(record.path), record.body
        service = counting or service_at(record.path)
        if service is None or record.protocol is None or not isinstance(body, dict):
            return
        service = replace(service, protocol=record.protocol, host=record.host)
        if record.predicted is not None and counting is None:
            self._threads.open(record, service)
        self._judge_later(record, service, counts=counting is not None)
        if record.reply is not None:
            self.scenario.mark_given(record.reply, record.model or "", record.path, body)
        if record.predicted is not None:
            opened = service.wire == "responses" and self._conversations.open(record) is None
            self.cache.request(self._asked(record), at=record.at, ends_at=ends_at)
            if opened:
                self._conversations.happened(record)
            self._threads.happened(record, service)

    # -------------------------------------------------------------------------- all other paths

    def _elsewhere(
        self, arrived: Arrived, record: Record, service: Service | None, family: Family
    ) -> Answer:
        asked = {"method": arrived.method, "path": arrived.path}
        if service is not None:
            answer = self._refuse(record, family, known(family, "wrong-method", **asked))
            answer.headers["allow"] = "POST"
            return answer
        kept = self._conversations.look(arrived.method, arrived.path, family)
        if isinstance(kept, Failure):
            return self._refuse(record, family, kept)
        if kept is not None:
            return self._tell(record, family, kept)
        if arrived.method in ("GET", "HEAD"):
            seen = [each.model for each in self.requests if each.model]
            names = self.models if self.models is not None else (*_LISTED, *seen)
            found = models_answer(
                arrived.path,
                arrived.query,
                tuple(dict.fromkeys(names)),
                family,
                any_name=self.models is None,
            )
            if isinstance(found, Failure):
                return self._refuse(record, family, found)
            if found is not None:
                return self._tell(record, family, found)
        return self._refuse(record, family, known(family, "unknown-path", **asked))

    def _asked(self, record: Record) -> CacheRequest:
        """Return what the cache is asked for a request."""
        asked = self._conversations.asked(record)
        body = self._threads.whole(record) or record.body
        return asked or CacheRequest(
            body, record.protocol, record.host, model=record.model, account=record.account
        )

    def _rules_of(self, service: Service, model: str | None) -> CacheRules:
        key = (service.form, service.host, model)
        if key not in self._names:
            self._names[key] = select_rules(service.form, host=service.host, model=model).rules
        return self._names[key]
