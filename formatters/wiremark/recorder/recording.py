"""What becomes of an exchange that went by: cleaned, read, predicted, judged, and kept.

All of it happens after the bytes were forwarded. Whatever fails here is a `problem` of the record,
and reaches no client. Secrets are taken away first; nothing behind that has seen one.
"""

from __future__ import annotations

import hashlib
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from .. import jsontext
from ..errors import SerializationError
from ..findings import Finding
from ..replay.cache import CacheRequest, PrefixCache
from ..rules import select_rules
from ..sse import DONE, read_events
from ..traffic.judging import all_findings
from ..traffic.log import RequestLog
from ..traffic.records import Record
from ..traffic.secrets import Secrets
from ..traffic.services import SERVICES, Service, host_named, service_at, service_for
from ..usage.merging import merge_usage
from .decoding import Undecodable, decoded
from .exchange import Exchange, Kept

if TYPE_CHECKING:
    from ..replay.model import Arm
    from ..replay.tokens.counter import TokenCounter

__all__ = ["Log", "Recording"]

Log: TypeAlias = "RequestLog | str | Path | Callable[[Record], object] | None"
"""Where records go: a log, the path of one, or whatever takes them one by one."""

_PLACES: Final = (("usage",), ("message", "usage"), ("response", "usage"))
_LAST: Final = frozenset({"message_stop", "response.completed", "response.failed"})
_KEYS: Final = ("authorization", "x-api-key", "api-key", "x-goog-api-key")
_LONGEST: Final = 300
_IN_MEMORY: Final = 128 << 20
_PATIENCE: Final = 30.0
_HOUR: Final = 3600.0
"""The longest that an entry lives: what was recorded before is of no more use (1 h TTL)."""


class Recording:
    """Keeps exchanges as records, the latest in memory, all in a log if there is one.

    log: a `RequestLog`, the path of one, or a callable that takes each record
    as_: the service whose rules count, named as for `wiremark replay`; without it they go by host
    clock: returns the seconds since 1970; max_body: bytes that are kept of a body, all are passed
    keep: how many records stay in memory, fewer if they are large; arm, counter: see `PrefixCache`
    """

    def __init__(
        self,
        log: Log = None,
        *,
        as_: str | None = None,
        clock: Callable[[], float] = time.time,
        max_body: int = 32 << 20,
        keep: int = 200,
        arm: Arm = "neutral",
        counter: TokenCounter | None = None,
    ) -> None:
        self.now = clock
        self.max_body = max_body
        self._host = host_named(as_)
        self._kept: deque[Record] = deque(maxlen=keep)
        self._secrets = Secrets()
        self._cache = PrefixCache(arm=arm, counter=counter)
        self._lock = threading.Lock()
        self._open = self._behind = self._bytes_behind = 0
        self._idle = threading.Condition()
        self._worker: ThreadPoolExecutor | None = None
        self._count = 0
        self.unread = 0
        """Lines of the log that are no records; they stay as they are."""
        path = isinstance(log, str | Path)
        self._log = RequestLog(log) if path else log  # type: ignore[arg-type]
        self._own = path
        if path:
            self._go_on()

    def _go_on(self) -> None:
        """Go on with what a log holds already."""
        assert isinstance(self._log, RequestLog)
        now = self.now()
        for record in self._log.each():
            if isinstance(record, Finding):
                self.unread += 1
                continue
            self._keep(record)
            self._count = max(self._count, record.index + 1)
            if record.predicted is not None and now - _HOUR <= record.at <= now:
                service = _service(record.path)
                if service is not None:
                    self._predict(record, service)

    @property
    def requests(self) -> tuple[Record, ...]:
        """Return what is kept, the oldest first."""
        return tuple(self._kept.copy())

    @property
    def problems(self) -> list[str]:
        """Return the faults of the recording itself; a test may assert that there are none."""
        return [record.problem for record in self.requests if record.problem]

    # --------------------------------------------------------------------------------- one by one

    def begin(
        self,
        method: str,
        host: str,
        path: str,
        query: str,
        headers: tuple[tuple[str, str], ...],
    ) -> Exchange:
        """Return an exchange that begins now; each is ended by `finish`, once or more often."""
        with self._idle:
            self._open += 1
        kept, answer = Kept(self.max_body), Kept(self.max_body)
        return Exchange(self.now(), method, host, path, query, headers, kept, answer)

    def finish(self, exchange: Exchange, *, then: Callable[[Record], object] | None = None) -> None:
        """Keep an exchange, in a thread of the recording's own; only the first call counts."""
        if self._end(exchange):
            if self._worker is None:
                self._worker = ThreadPoolExecutor(1, thread_name_prefix="wiremark-recording")
            self._worker.submit(self._add, exchange, then)

    def finish_here(self, exchange: Exchange) -> None:
        """Keep an exchange before this returns; only the first call counts."""
        if self._end(exchange):
            self._add(exchange, None)

    def wait(self, seconds: float) -> None:
        """Wait until what has ended is kept, and as long as told for what is under way."""
        with self._idle:
            self._idle.wait_for(lambda: self._open == self._behind, seconds)
            self._idle.wait_for(lambda: self._behind == 0, _PATIENCE)

    @property
    def behind(self) -> int:
        """Return how many exchanges have ended and are not yet kept."""
        return self._behind

    @property
    def bytes_behind(self) -> int:
        """Return how many bytes of bodies they have."""
        return self._bytes_behind

    def close(self) -> None:
        """Keep what has ended, and close the log if it was made here."""
        if self._worker is not None:
            self._worker.shutdown()
            self._worker = None
        if self._own:
            assert isinstance(self._log, RequestLog)
            self._log.close()

    def _end(self, exchange: Exchange) -> bool:
        with self._idle:
            first = exchange.ends_at is None
            if first:
                exchange.ends_at = max(exchange.at, self.now())
                self._behind += 1
                exchange.weight = exchange.request.weight + exchange.response.weight
                self._bytes_behind += exchange.weight
                self._idle.notify_all()
        return first

    def _add(self, exchange: Exchange, then: Callable[[Record], object] | None) -> None:
        try:
            with self._lock:
                record = self._record(exchange)
                self._keep(record)
                self._attempt(record, "log", lambda: self._write(record))
                if then is not None:
                    self._attempt(record, "line", lambda: then(record))
        finally:
            with self._idle:
                self._open -= 1
                self._behind -= 1
                self._bytes_behind -= exchange.weight
                self._idle.notify_all()

    def _keep(self, record: Record) -> None:
        """Keep a record in memory, where only so many bytes may be."""
        self._kept.append(record)
        size = sum(len(each.raw) + len(each.response) for each in self._kept)
        while size > _IN_MEMORY and len(self._kept) > 1:
            oldest = self._kept.popleft()
            size -= len(oldest.raw) + len(oldest.response)

    def _write(self, record: Record) -> None:
        if isinstance(self._log, RequestLog):
            self._log.append(record)
        elif callable(self._log):
            self._log(record)

    def _attempt(self, record: Record, what: str, do: Callable[[], object]) -> None:
        """Do what must not fail; if it does, the record tells."""
        try:
            do()
        except Exception as error:  # noqa: BLE001 nothing of a recording may reach a client
            text = self._secrets.text(f"{what}: {type(error).__name__}: {error}")[:_LONGEST]
            record.problem = f"{record.problem}; {text}" if record.problem else text

    # ------------------------------------------------------------------------------- what is kept

    def _record(self, exchange: Exchange) -> Record:
        index, self._count = self._count, self._count + 1
        record = Record(
            index=index,
            at=exchange.at,
            started=exchange.at,
            ends_at=exchange.ends_at,
            method=exchange.method,
            path="",
            query="",
            headers=(),
            raw=b"",
            status=exchange.status,
            ended=exchange.ended,
        )
        notes: list[Finding] = []
        self._attempt(record, "secrets", lambda: self._head(record, exchange))
        self._attempt(record, "request", lambda: self._request(record, exchange, notes))
        self._attempt(record, "response", lambda: self._response(record, exchange, notes))
        service = _service(record.path) if record.method == "POST" else None
        if service is not None and isinstance(record.body, dict):
            host = self._host or _public(exchange.host)
            version = exchange.header("anthropic-version")
            service = service_for(service, host, version)
            self._attempt(record, "prediction", lambda: self._told(record, service))
            body, given = record.body, service
            record.find = lambda: (*notes, *_found(body, given))
        else:
            record.host = self._host or _public(exchange.host)
            record.find = lambda: tuple(notes)
        for note in notes:
            record.problem = "; ".join(filter(None, (record.problem, note.message)))
        return record

    def _head(self, record: Record, exchange: Exchange) -> None:
        secrets = self._secrets
        secrets.learn((*exchange.headers, *exchange.response_headers), exchange.query)
        record.account = _account(exchange)
        record.path, record.query = secrets.text(exchange.path), secrets.query(exchange.query)
        record.headers = secrets.headers(exchange.headers)
        record.response_headers = secrets.headers(exchange.response_headers)
        record.error = secrets.text(exchange.error)

    def _request(self, record: Record, exchange: Exchange, notes: list[Finding]) -> None:
        coding = exchange.header("content-encoding")
        record.raw, body = self._body(exchange.request, coding, "request", notes)
        record.body = body if isinstance(body, dict | list) else None
        if isinstance(body, dict):
            model = body.get("model")
            record.model = model if isinstance(model, str) else None
            record.stream = body.get("stream") is True

    def _response(self, record: Record, exchange: Exchange, notes: list[Finding]) -> None:
        coding = exchange.response_header("content-encoding")
        record.response, value = self._body(
            exchange.response, coding, "response", notes, torn=not exchange.ended
        )
        kind = exchange.response_header("content-type")
        if kind.startswith("text/event-stream"):
            record.stream = True
            texts = [event.data for event in read_events(record.response)]
            values = [event for event in map(_parsed, texts) if isinstance(event, dict)]
            last = values[-1].get("type") if values else None
            record.ended = record.ended or DONE in texts[-1:] or last in _LAST
        else:
            values = [value] if isinstance(value, dict) else []
        for each in values:
            if each.get("type") == "message_start":
                record.answered = None
            for found in _usages(each):
                record.answered = merge_usage(record.answered, found)
        if exchange.status >= 400 and not record.error:
            record.error = _error_of(values[0] if values else None, record.response)

    def _body(
        self, kept: Kept, coding: str, name: str, notes: list[Finding], *, torn: bool = False
    ) -> tuple[bytes, Any]:
        """Return what is kept of a body, and the JSON in it; what is missing is noted."""
        raw = kept.data()
        if coding and raw:
            try:
                raw, more = decoded(raw, coding, self.max_body)
            except Undecodable as error:
                advice = "ask for another `accept-encoding`"
                text = f"the {name} is not kept: {error}"
                notes.append(Finding(f"{name}-unread", "note", "", text, advice))
                return b"", None
        else:
            more = False
        if kept.is_cut or (more and not torn):
            text = f"the {name} is cut: of {kept.size:,} bytes {len(raw):,} are kept"
            advice = "all of it was forwarded; raise max_body to keep more"
            notes.append(Finding(f"{name}-cut", "note", "", text, advice))
        return self._secrets.data(raw, torn=torn or more or kept.is_cut)

    def _told(self, record: Record, service: Service) -> None:
        record.protocol, record.host = service.protocol, service.host
        rules = select_rules(service.form, host=service.host, model=record.model).rules
        record.rules = rules.name
        if 200 <= record.status < 300:
            self._predict(record, service)

    def _predict(self, record: Record, service: Service) -> None:
        protocol = record.protocol or service.protocol
        asked = CacheRequest(record.body, protocol, record.host, record.model, record.account)
        record.predicted = self._cache.request(asked, at=record.at, ends_at=record.ends_at)


def _found(body: Any, service: Service) -> tuple[Finding, ...]:
    """Return what the validator finds; where it cannot tell, it says so."""
    try:
        return all_findings(body, service, None)
    except Exception as error:  # noqa: BLE001 it is asked for where nothing may fail
        return (Finding("not-judged", "note", "", f"{type(error).__name__}: not judged"),)


def _service(path: str) -> Service | None:
    """Return the service at a path, or at its end: gateways put something of theirs before it."""
    found = service_at(path)
    if found is not None:
        return found
    known = sorted(SERVICES, key=len, reverse=True)
    return next((SERVICES[end] for end in known if path.rstrip("/").endswith(end)), None)


def _public(host: str) -> str | None:
    """Return a host that may be a provider's; what runs on this machine has no rules by name."""
    local = host == "localhost" or ":" in host or host.replace(".", "").isdecimal()
    return None if local or not host else host


def _account(exchange: Exchange) -> str:
    """Return a name for the owner of the key, from which the key cannot be told."""
    named = (exchange.header(name) for name in _KEYS)
    key = next(filter(None, named), "").strip()
    scheme, space, rest = key.partition(" ")
    key = rest.strip() if space and scheme.lower() == "bearer" else key
    return hashlib.sha256(key.encode()).hexdigest()[:16] if key else ""


def _parsed(text: str) -> Any:
    try:
        return jsontext.loads(text.encode("utf-8", "surrogatepass"))
    except SerializationError:
        return None


def _usages(value: Mapping[str, Any]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for place in _PLACES:
        inner: Any = value
        for name in place:
            inner = inner.get(name) if isinstance(inner, Mapping) else None
        if isinstance(inner, dict):
            found.append(inner)
    return found


def _error_of(value: Mapping[str, Any] | None, raw: bytes) -> str:
    """Return the text of an error as providers write it, or the beginning of the body."""
    inner = value.get("error") if value is not None else None
    told = inner if isinstance(inner, Mapping) else value
    message = inner if isinstance(inner, str) else told and told.get("message")
    return message if isinstance(message, str) else raw[:_LONGEST].decode(errors="replace")
