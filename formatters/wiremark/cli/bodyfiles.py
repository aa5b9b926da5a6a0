"""Request bodies, one after the other, out of files: JSON, JSON lines, logs, HAR, raw captures.

Lines are read piece by piece, everything else whole. What a body says is not read here beyond what
tells it from a record that holds one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import chain
from typing import Any, Final

from ..errors import WiremarkError
from . import io
from .captures import (
    NOWHERE,
    Endpoint,
    Exchange,
    endpoint_of,
    har_requests,
    http_requests,
    is_har,
    starts_http,
)
from .positions import Positions, Region, joined

__all__ = ["BODY_KEYS", "Body", "Skipped", "Unreadable", "one_body", "read_bodies"]

BODY_KEYS: Final = frozenset(["messages", "input", "parameters", "system", "tools"])
"""Keys of which every request body has one."""


@dataclass(frozen=True, slots=True)
class Body:
    """A request body, where it stands in a file, and what the record around it tells.

    `within` is its path in the JSON of the file; `is_quoted`: a string stands there that holds it.
    """

    name: str
    value: Any
    positions: Positions
    within: str = ""
    is_quoted: bool = False
    endpoint: Endpoint = NOWHERE

    def region(self, path: str = "") -> Region:
        """Return where in the file the value at a path of the body stands."""
        if self.is_quoted:
            return self.positions.inside(self.within).region(path)
        return self.positions.region(joined(self.within, path))


@dataclass(frozen=True, slots=True)
class Unreadable:
    """What stands in a line, or as a whole is, no body, and why."""

    name: str
    problem: str
    line: int | None = None

    @property
    def place(self) -> str:
        """Return the file and the line, as it is called in what is said about it."""
        return io.shown(self.name) + (f":{self.line}" if self.line else "")


@dataclass(frozen=True, slots=True)
class Skipped:
    """A request in a file that is no chat request."""

    name: str


_Found = Body | Unreadable | Skipped


def read_bodies(name: str, advance: Callable[[int], None] | None = None) -> Iterator[_Found]:
    """Yield the bodies of a file, or of standard input for `-`.

    `advance` is told how many bytes were read. Raises `Unusable` if the file cannot be read, is
    empty, or holds neither JSON nor requests.
    """
    with io.opened(name) as stream:
        lines = _advancing(io.numbered(stream), advance)
        first = next(lines, None)
        if first is None:
            raise io.Unusable(f"{io.shown(name)}: empty, no request body")
        if starts_http(first[1]):
            data = b"\n" * (first[0] - 1) + b"".join(line for _, line in chain([first], lines))
            for exchange in http_requests(data):
                yield _of_capture(name, exchange)
        else:
            yield from _json(name, first, lines)


def _advancing(
    lines: Iterator[tuple[int, bytes]], advance: Callable[[int], None] | None
) -> Iterator[tuple[int, bytes]]:
    for number, line in lines:
        if advance is not None:
            advance(len(line))
        yield number, line


def one_body(name: str) -> Body:
    """Return the only body of a file; raises `Unusable` if it holds none or several."""
    found = [each for each in read_bodies(name) if not isinstance(each, Skipped)]
    for each in found:
        if isinstance(each, Unreadable):
            raise io.Unusable(f"{each.place}: {each.problem}")
    if len(found) != 1 or not isinstance(found[0], Body):
        raise io.Unusable(f"{io.shown(name)}: one body is needed, it holds {len(found)}")
    return found[0]


# JSON.


def _json(
    name: str, first: tuple[int, bytes], lines: Iterator[tuple[int, bytes]]
) -> Iterator[_Found]:
    try:
        _loads(first[1])
    except WiremarkError:
        rest = [first, *lines]
        data = b"\n" * (first[0] - 1) + b"".join(line for _, line in rest)
        try:
            whole = _loads(data)
        except WiremarkError as problem:
            yield from _some_lines(name, rest, problem)
        else:
            yield from _unwrapped(name, whole, Positions(data.decode()))
        return
    yield from _lines(name, chain([first], lines))


def _lines(name: str, lines: Iterable[tuple[int, bytes]]) -> Iterator[_Found]:
    for number, line in lines:
        if line.strip():
            try:
                value = _loads(line.rstrip())
            except WiremarkError as problem:
                yield Unreadable(name, str(problem).removeprefix("line 1, "), number)
            else:
                yield from _unwrapped(name, value, Positions(line.decode(), number))


def _some_lines(
    name: str, lines: list[tuple[int, bytes]], problem: WiremarkError
) -> Iterator[_Found]:
    """Yield the bodies of a log whose first line is torn; refuse what has no object in it."""
    found = list(_lines(name, lines))
    if not any(isinstance(one, Body) and isinstance(one.value, dict) for one in found):
        raise io.Unusable(f"{io.shown(name)}: {problem}")
    yield from found


def _loads(data: bytes | str) -> Any:
    from .. import jsontext

    return jsontext.loads(data)


def _unwrapped(name: str, value: Any, positions: Positions) -> Iterator[_Found]:
    """Yield the bodies in a value: of a HAR file, a list, a record, or the value itself."""
    whole = Body(name, value, positions)
    if is_har(value):
        for exchange in har_requests(value):
            yield _of_capture(name, exchange, positions)
    elif isinstance(value, list) and value and all(map(_holds_a_body, value)):
        for index, item in enumerate(value):
            yield _unrecorded(replace(whole, value=item, within=f"[{index}]"))
    else:
        yield _unrecorded(whole)


def _holds_a_body(value: Any) -> bool:
    return isinstance(value, dict) and (bool(BODY_KEYS & value.keys()) or _key_of(value) != "")


def _key_of(value: dict[str, Any]) -> str:
    """Return the key under which a record holds a body, empty if it is no record."""
    if BODY_KEYS & value.keys():
        return ""
    if "request" in value:
        return "request"
    if "body" in value and value.keys() & {"url", "path", "method", "custom_id"}:
        return "body"  # of a batch, or a request as a cassette holds it
    return "params" if "params" in value and "custom_id" in value else ""


def _unrecorded(body: Body) -> _Found:
    """Return the body that a record holds, or the body itself."""
    value, within, endpoint, is_quoted = body.value, body.within, NOWHERE, False
    while isinstance(value, dict) and (key := _key_of(value)):
        endpoint = _endpoint(value, endpoint)
        value, within = value[key], joined(within, key)
        if isinstance(value, str):
            is_quoted = True
            break
    kept = replace(body, value=value, within=within, endpoint=endpoint)
    if is_quoted:
        return _read_again(kept)
    if value is None and _is_look(body.value):
        return Skipped(body.name)
    if within != body.within and not isinstance(value, dict):
        return Unreadable(body.name, f"{within} is no request body", body.region().line)
    return _of_chat(kept)


def _is_look(record: Any) -> bool:
    """Say whether a record of an exchange only asked for something, as a list of models."""
    return isinstance(record, dict) and record.get("method") in ("GET", "HEAD", "OPTIONS")


def _endpoint(record: dict[str, Any], outer: Endpoint) -> Endpoint:
    address = next((record[key] for key in ("url", "uri", "path") if _is_text(record.get(key))), "")
    host = record.get("host") if _is_text(record.get("host")) else outer.host
    return endpoint_of(address, host) if address or host else outer


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and bool(value)


def _read_again(body: Body) -> _Found:
    """Return a body with the value that its text holds."""
    try:
        value = _loads(body.value)
    except WiremarkError as problem:
        if body.endpoint.path and body.endpoint.protocol is None:
            return Skipped(body.name)
        return Unreadable(body.name, f"{body.within}: {problem}", _line_of(body))
    return _of_chat(replace(body, value=value, is_quoted=True))


def _line_of(body: Body) -> int:
    return body.positions.region(body.within).line


def _of_chat(body: Body) -> _Found:
    """Return a body, or that it is none, which its address and form tell."""
    from ..validation import detect_protocol

    at = body.endpoint
    if at.is_other or (at.path and at.protocol is None and detect_protocol(body.value) is None):
        return Skipped(body.name)
    return body


# Captures.


def _of_capture(name: str, exchange: Exchange, around: Positions | None = None) -> _Found:
    """Return the body of a request; `around` are the places of the HAR file that holds it."""
    at = exchange.endpoint
    if exchange.method != "POST" or at.is_other or (at.protocol is None and exchange.problem):
        return Skipped(name)
    whole = around or Positions(exchange.body or "", exchange.line, is_exact=exchange.is_exact)
    body = Body(name, exchange.body, whole, exchange.path, endpoint=at)
    if exchange.body is None:
        return Unreadable(name, exchange.problem, _line_of(body))
    if around is not None and exchange.is_exact:
        return _read_again(body)
    try:
        value = _loads(exchange.body)
    except WiremarkError as problem:
        return (
            Skipped(name) if at.protocol is None else Unreadable(name, str(problem), _line_of(body))
        )
    return _of_chat(replace(body, value=value))
