"""HTTP requests out of HAR files and raw captures, and what their addresses tell.

A capture is the text of requests, as proxies and editors save it: request line, headers, an empty
line, a body; responses between them are passed over. Nothing here knows what a body says.
"""

from __future__ import annotations

import base64
import re
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import unquote, urlsplit

from ..validation.registry import SPEAKS

__all__ = [
    "NOWHERE",
    "Endpoint",
    "Exchange",
    "endpoint_of",
    "har_requests",
    "http_requests",
    "is_har",
    "starts_http",
]

_LARGEST: Final = 1 << 28
"""What a compressed body may become, in bytes."""

_REQUEST: Final = (
    rb"(?P<method>[A-Z]{3,10}) (?P<target>https?://\S+|\S+(?= HTTP/))(?: HTTP/[0-9.]+)?"
)
_START: Final = re.compile(
    rb"^(?:" + _REQUEST + rb"|HTTP/[0-9.]+ [0-9]{3}.*)[ \t]*\r?$", re.MULTILINE
)
_SEPARATOR: Final = re.compile(rb"^###.*$", re.MULTILINE)  # between the requests of a .http file
_BLANK: Final = re.compile(rb"\r?\n\r?\n")
_CHUNK: Final = re.compile(rb"([0-9a-fA-F]{1,8})[ \t]*(?:;[^\r\n]*)?\r?\n")
_BEHIND_CHUNK: Final = re.compile(rb"\r?\n|\Z")


# What an address tells.


@dataclass(frozen=True, slots=True)
class Endpoint:
    """What the address of a request tells: host, protocol and model, and whether it has a path."""

    host: str | None = None
    protocol: str | None = None
    model: str | None = None
    path: str = ""

    @property
    def is_other(self) -> bool:
        """Say whether something else than a chat request is taken here, though it looks alike."""
        return _OTHER.search(self.path) is not None


NOWHERE: Final = Endpoint()

_PATHS: Final = (
    (re.compile(r"/chat/completions/?$"), "openai"),
    (re.compile(r"/responses/?$"), "openai-responses"),
    (re.compile(r"/v[0-9]+/messages/?$"), "anthropic"),
    (re.compile(r"/text-generation/generation$"), "dashscope-text"),
    (re.compile(r"/multimodal-generation/generation$"), "dashscope-multimodal"),
    (re.compile(r"/model/([^/]+)/converse(?:-stream)?$"), "bedrock-converse"),
    (re.compile(r"/model/([^/]*anthropic[^/]*)/invoke(?:-with-response-stream)?$"), "anthropic"),
    (re.compile(r"/publishers/anthropic/models/([^/:]+):(?:r|streamR)awPredict$"), "anthropic"),
)
_OTHER: Final = re.compile(r"count[-_]tokens|/api/chat$|/v[12]/chat$")
_SERVICES: Final = (
    (re.compile(r"^dashscope.*\.aliyuncs\.com$|\.maas\.aliyuncs\.com$"), "openai-dashscope"),
    (re.compile(r"^openrouter\.ai$"), "openrouter"),
)
_ANTHROPIC: Final = "api.anthropic.com"


def endpoint_of(
    address: str, host: str | None = None, headers: Mapping[str, str] | None = None
) -> Endpoint:
    """Return what a URL, or a path at a host, tells; `headers` have names in lower case."""
    if "://" not in address and host and "://" in host:
        address = host.rstrip("/") + address
    try:
        parts = urlsplit(address if "://" in address else f"//{host or ''}{address}")
        named = parts.hostname or None
    except ValueError:  # no address at all
        return Endpoint(host, path=address)
    for pattern, protocol in _PATHS:
        found = pattern.search(parts.path)
        if found:
            model = unquote(found[1]) if found.re.groups else None
            told = _of_service(protocol, named or "", headers or {})
            return Endpoint(named, told, model, parts.path)
    return Endpoint(named, path=parts.path)


def _of_service(protocol: str, host: str, headers: Mapping[str, str]) -> str:
    if protocol == "openai":
        return next((name for pattern, name in _SERVICES if pattern.search(host)), protocol)
    versioned = f"anthropic-{headers.get('anthropic-version')}"
    is_known = protocol == "anthropic" and host == _ANTHROPIC and versioned in SPEAKS
    return versioned if is_known else protocol


# Requests.


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request: its address, and its body, or why that cannot be read.

    `line` is the one in which the body begins, or the request if it has none; `path` is where the
    body stands in the JSON of a HAR file. `is_exact`: the body is what the file holds, not what was
    unpacked from it.
    """

    method: str
    endpoint: Endpoint
    body: str | None = None
    problem: str = ""
    line: int = 1
    path: str = ""
    is_exact: bool = True


def is_har(value: Any) -> bool:
    """Say whether a JSON value is a HAR file."""
    log = value.get("log") if isinstance(value, dict) else None
    return isinstance(log, dict) and isinstance(log.get("entries"), list)


def har_requests(value: Any) -> Iterator[Exchange]:
    """Yield the requests of a HAR file; entries without one are passed over."""
    for index, entry in enumerate(value["log"]["entries"]):
        request = entry.get("request") if isinstance(entry, dict) else None
        if not isinstance(request, dict):
            continue
        named = [each for each in _list(request.get("headers")) if isinstance(each, dict)]
        headers = {str(each.get("name")).lower(): str(each.get("value")) for each in named}
        posted = request.get("postData")
        text = posted.get("text") if isinstance(posted, dict) else None
        problem = "" if isinstance(text, str) else "its body was not recorded"
        is_coded = isinstance(posted, dict) and posted.get("encoding") == "base64"
        if isinstance(text, str) and is_coded:
            text, problem = _unpacked(_from_base64(text), headers)
        yield Exchange(
            str(request.get("method", "POST")).upper(),
            endpoint_of(str(request.get("url", "")), headers=headers),
            text if isinstance(text, str) and not problem else None,
            problem,
            path=f"log.entries[{index}].request.postData.text",
            is_exact=not is_coded,
        )


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _from_base64(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except ValueError:
        return b""


def starts_http(line: bytes) -> bool:
    """Say whether a first line is that of a raw capture."""
    return _START.match(line) is not None or _SEPARATOR.match(line) is not None


def http_requests(data: bytes) -> Iterator[Exchange]:
    """Yield the requests of a raw capture."""
    at = 0
    while found := _START.search(data, at):
        blank = _BLANK.search(data, found.end())
        after_head = len(data) if blank is None else blank.end()
        upcoming = _START.search(data, found.end())
        if upcoming is not None and upcoming.start() < after_head:  # it has no empty line
            after_head = upcoming.start()
        headers = _headers(data[found.end() : after_head])
        raw, at, is_exact = _body(data, after_head, headers)
        if found["method"] is None:  # a response
            continue
        text, problem = _unpacked(raw, headers)
        address, host = found["target"].decode(errors="replace"), headers.get("host")
        yield Exchange(
            found["method"].decode(),
            endpoint_of(address, host or headers.get(":authority"), headers),
            None if problem else text,
            problem,
            data.count(b"\n", 0, after_head if raw.strip() else found.start()) + 1,
            is_exact=is_exact and raw.lstrip().startswith((b"{", b"[")),
        )


def _headers(head: bytes) -> dict[str, str]:
    out = {}
    for line in head.decode(errors="replace").splitlines():
        found = re.match(r"(:?[^:\s]+):[ \t]*(.*?)[ \t]*$", line)
        if found:
            out[found[1].lower()] = found[2]
    return out


def _body(data: bytes, start: int, headers: Mapping[str, str]) -> tuple[bytes, int, bool]:
    """Return the bytes of a body, where they end, and whether they stand there so.

    A length that does not end before another message is that of a text which was changed since.
    """
    if "chunked" in headers.get("transfer-encoding", "").lower():
        joined, end = _joined_chunks(data, start)
        if end:
            return joined, end, False
    length = headers.get("content-length", "")
    if length.isdecimal() and len(length) < 12:
        end = start + int(length)
        behind = _SEPARATOR.sub(b"", data[end : end + 200]).lstrip()
        if end <= len(data) and (not behind or starts_http(behind.split(b"\n", 1)[0])):
            return data[start:end], end, True
    following = _START.search(data, start)
    end = len(data) if following is None else following.start()
    return _SEPARATOR.split(data[start:end], maxsplit=1)[0], end, True


def _joined_chunks(data: bytes, start: int) -> tuple[bytes, int]:
    """Return what chunks hold together and where they end; 0 if they are none."""
    pieces: list[bytes] = []
    at = start
    while found := _CHUNK.match(data, at):
        size = int(found[1], 16)
        at = found.end() + size
        if not size:
            return b"".join(pieces), at
        behind = _BEHIND_CHUNK.match(data, at)
        if behind is None:
            break
        pieces.append(data[found.end() : at])
        at = behind.end()
    return b"", 0


def _unpacked(raw: bytes, headers: Mapping[str, str]) -> tuple[str, str]:
    """Return the text of a body, and what is wrong with it, one of them empty."""
    coding = headers.get("content-encoding", "identity").lower()
    if coding != "identity" and not raw.lstrip().startswith((b"{", b"[")):  # unpacked by a tool
        if coding not in ("gzip", "x-gzip", "deflate"):
            return "", f"its content encoding {coding} cannot be read; save it unpacked"
        unpacker = zlib.decompressobj(wbits=zlib.MAX_WBITS | 32)
        try:
            raw = unpacker.decompress(raw, _LARGEST)
        except zlib.error:
            return "", f"its body is not {coding}, as its header says"
        if not unpacker.eof:
            return "", f"its {coding} body is cut off, or too large"
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        return "", "its body is not UTF-8"
    return text, "" if text.strip() else "it has no body"
