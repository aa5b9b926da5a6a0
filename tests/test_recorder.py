"""The recorder: what goes through it unchanged, what breaks, and what is kept."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import http.client
import json
import shutil
import socket
import ssl
import subprocess
import sys
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Self

import pytest

from wiremark.errors import OptionError

pytest.importorskip("uvicorn", reason="the extra `recorder` is not installed")
pytest.importorskip("starlette", reason="the extra `recorder` is not installed")
pytest.importorskip("httpx2", reason="the extra `recorder` is not installed")

import httpx2

from wiremark.emulator import Emulator
from wiremark.recorder import Recorder, Recording, RecordingTransport
from wiremark.recorder.decoding import Undecodable, decoded
from wiremark.replay import differences, read_trace, replay
from wiremark.replay.cache import PrefixCache
from wiremark.traffic.log import RequestLog
from wiremark.traffic.records import Record

KEY = "sk-4f0d2c7e9b1a4c6d8e0f"
CHAT = "/v1/chat/completions"
COMPATIBLE = "/compatible-mode/v1/chat/completions"
MESSAGES = "/v1/messages"
NATIVE = "/api/v1/services/aigc/text-generation/generation"
MARK = {"cache_control": {"type": "ephemeral"}}
HEAD = {"type": "text", "text": "word " * 3000, **MARK}
OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"
CHUNKED = (
    b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\ncontent-type: text/event-stream\r\n\r\n"
)
Serve = Callable[[socket.socket], None]


@pytest.fixture(autouse=True)
def no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


class Upstream:
    """A service made of sockets: what it reads is kept, what it says is the test's."""

    def __init__(self, serve: Serve, context: ssl.SSLContext | None = None) -> None:
        self.serve, self.context = serve, context
        self.seen: list[bytes] = []
        self.errors: list[BaseException] = []
        self.socket = socket.create_server(("127.0.0.1", 0))
        scheme = "https" if context else "http"
        self.url = f"{scheme}://127.0.0.1:{self.socket.getsockname()[1]}"
        self.thread = threading.Thread(target=self._run)

    def _run(self) -> None:
        while True:
            try:
                connection, _ = self.socket.accept()
            except OSError:
                return
            with connection:
                connection.settimeout(5)
                try:
                    if self.context is None:
                        self.serve(connection)
                    else:
                        with self.context.wrap_socket(connection, server_side=True) as secured:
                            self.serve(secured)
                except OSError as error:
                    self.errors.append(error)

    def __enter__(self) -> Self:
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()
        self.thread.join(5)


def heard(connection: socket.socket) -> bytes:
    """Return one request as it came, by its length or its last chunk."""
    data = b""
    while b"\r\n\r\n" not in data:
        piece = connection.recv(65536)
        if not piece:
            return data
        data += piece
    head, _, body = data.partition(b"\r\n\r\n")
    if b"transfer-encoding: chunked" in head.lower():
        while not body.endswith(b"0\r\n\r\n"):
            body += connection.recv(65536)
    else:
        lines = head.lower().split(b"\r\n")
        length = next((int(x[16:]) for x in lines if x.startswith(b"content-length: ")), 0)
        while len(body) < length:
            body += connection.recv(65536)
    return head + b"\r\n\r\n" + body


@contextlib.contextmanager
def answering(answer: bytes) -> Iterator[Upstream]:
    def serve(connection: socket.socket) -> None:
        upstream.seen.append(heard(connection))
        connection.sendall(answer)

    upstream = Upstream(serve)
    with upstream:
        yield upstream


def spoken(port: int, request: bytes) -> bytes:
    """Send bytes, and return all that comes back."""
    with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
        connection.sendall(request)
        out = b""
        while piece := connection.recv(65536):
            out += piece
        return out


def ask(
    port: int,
    path: str = "/x",
    body: Any = None,
    headers: dict[str, str] | None = None,
    method: str | None = None,
) -> tuple[int, dict[str, str], bytes]:
    """Send a request through `http.client`; return status, headers and body."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    raw = body if isinstance(body, bytes | None) else json.dumps(body).encode()
    try:
        connection.request(method or ("GET" if raw is None else "POST"), path, raw, headers or {})
        response = connection.getresponse()
        return response.status, dict(response.getheaders()), response.read()
    finally:
        connection.close()


def chat(text: str = "hi", **more: Any) -> dict[str, Any]:
    said = [{"role": "system", "content": [HEAD]}, {"role": "user", "content": text}]
    return {"model": "qwen3.7-max", "messages": said, **more}


def until(ready: Callable[[], Any]) -> Any:
    end = time.monotonic() + 5
    while not (found := ready()):
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.005)
    return found


# -------------------------------------------------------------------------------- forwarded as is


def test_a_request_arrives_as_it_was_sent() -> None:
    body = gzip.compress(b'{"model": "m"}', mtime=0)
    lines = [
        b"POST /a%2Fb//c%20d/../e?x=%7e&y=a+b&&z HTTP/1.1",
        b"host: localhost",
        b"accept-encoding: br;q=1.0, zstd",
        b"content-encoding: gzip",
        b"x-twice: 1",
        b"x-twice: 2",
        b"authorization: Bearer " + KEY.encode(),
        b"cookie: a=b",
        b"content-length: %d" % len(body),
        b"connection: close",
    ]
    with answering(OK) as upstream, Recorder(upstream.url) as proxy:
        answer = spoken(proxy.port, b"\r\n".join(lines) + b"\r\n\r\n" + body)
    assert answer.endswith(b"\r\n\r\nok")
    host = upstream.url.removeprefix("http://").encode()
    wanted = [lines[0], b"host: " + host, *lines[2:-1]]  # no header is added, not even an agent
    assert upstream.seen == [b"\r\n".join(wanted) + b"\r\n\r\n" + body]


def test_an_answer_arrives_as_it_was_sent() -> None:
    packed = gzip.compress(b'{"a": 1}', mtime=0)
    head = (
        b"HTTP/1.1 418 Teapot\r\nSet-Cookie: a=1\r\nset-cookie: b=2\r\ncontent-encoding: gzip\r\n"
        b"server: theirs\r\ndate: then\r\nlocation: /elsewhere\r\ncontent-length: %d\r\n\r\n"
    )
    with answering(head % len(packed) + packed) as upstream, Recorder(upstream.url) as proxy:
        answer = spoken(
            proxy.port, b"GET / HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n"
        )
        (record,) = proxy.requests
    got, _, body = answer.partition(b"\r\n\r\n")
    assert body == packed
    assert got.lower().split(b"\r\n")[1:] == [
        *(head % len(packed)).strip().lower().split(b"\r\n")[1:],
        b"connection: close",
    ]
    assert got.startswith(b"HTTP/1.1 418 ")
    assert record.response == b'{"a": 1}'


def test_headers_of_one_connection_are_not_passed_on() -> None:
    answer = (
        b"HTTP/1.1 200 OK\r\nconnection: x-own\r\nx-own: 1\r\nkeep-alive: timeout=5\r\n"
        b"proxy-authenticate: Basic\r\nx-other: 1\r\ncontent-length: 0\r\n\r\n"
    )
    with answering(answer) as upstream, Recorder(upstream.url) as proxy:
        got = spoken(
            proxy.port,
            b"GET / HTTP/1.1\r\nhost: localhost\r\nconnection: close, X-Mine\r\nx-mine: 1\r\n"
            b"te: trailers\r\nproxy-authorization: Basic abc\r\nkeep-alive: 5\r\nx-kept: 1\r\n\r\n",
        )
    assert b"x-mine" not in upstream.seen[0]
    assert upstream.seen[0].split(b"\r\n")[2:] == [b"x-kept: 1", b"", b""]
    assert b"x-own" not in got
    assert b"keep-alive" not in got
    assert b"proxy-authenticate" not in got
    assert b"x-other: 1" in got


def test_the_first_piece_of_an_answer_arrives_before_the_second_is_sent() -> None:
    arrived = threading.Event()

    def serve(connection: socket.socket) -> None:
        heard(connection)
        connection.sendall(CHUNKED + b"9\r\ndata: 1\n\n\r\n")
        assert arrived.wait(5)
        connection.sendall(b"9\r\ndata: 2\n\n\r\n0\r\n\r\n")

    with Upstream(serve) as upstream, Recorder(upstream.url) as proxy:
        connection = http.client.HTTPConnection("127.0.0.1", proxy.port, timeout=5)
        connection.request("GET", "/")
        response = connection.getresponse()
        assert response.read1() == b"data: 1\n\n"
        arrived.set()
        assert response.read() == b"data: 2\n\n"
        connection.close()
        (record,) = proxy.requests
    assert (record.stream, record.ended, record.response) == (True, True, b"data: 1\n\ndata: 2\n\n")


def test_the_first_piece_of_a_request_arrives_before_the_second_is_sent() -> None:
    arrived = threading.Event()

    def serve(connection: socket.socket) -> None:
        data = b""
        while b"one" not in data:
            data += connection.recv(65536)
        arrived.set()
        while not data.endswith(b"0\r\n\r\n"):
            data += connection.recv(65536)
        upstream.seen.append(data)
        connection.sendall(OK)

    def pieces() -> Iterator[bytes]:
        yield b"one"
        assert arrived.wait(5)
        yield b"two"

    upstream = Upstream(serve)
    with upstream, Recorder(upstream.url) as proxy, httpx2.Client() as client:
        assert client.post(f"{proxy.url}/x", content=pieces()).content == b"ok"
        (record,) = proxy.requests
    assert upstream.seen[0].endswith(b"3\r\none\r\n3\r\ntwo\r\n0\r\n\r\n")
    assert b"content-length" not in upstream.seen[0].lower()
    assert record.raw == b"onetwo"


@pytest.mark.parametrize(
    ("method", "answer", "status"),
    [
        ("HEAD", b"HTTP/1.1 200 OK\r\ncontent-length: 20\r\n\r\n", 200),
        ("GET", b"HTTP/1.1 204 No Content\r\nx-a: b\r\n\r\n", 204),
        ("GET", b'HTTP/1.1 304 Not Modified\r\netag: "1"\r\n\r\n', 304),
        ("DELETE", b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n", 200),
    ],
)
def test_answers_without_a_body_end(method: str, answer: bytes, status: int) -> None:
    with answering(answer) as upstream, Recorder(upstream.url) as proxy:
        assert ask(proxy.port, method=method)[::2] == (status, b"")
        (record,) = proxy.requests
    assert (record.status, record.ended, record.problem) == (status, True, "")


def test_redirects_are_not_followed_and_cookies_not_kept() -> None:
    answer = (
        b"HTTP/1.1 302 Found\r\nlocation: /there\r\nset-cookie: a=b\r\ncontent-length: 0\r\n\r\n"
    )
    with answering(answer) as upstream, Recorder(upstream.url) as proxy:
        assert [ask(proxy.port)[0], ask(proxy.port)[0]] == [302, 302]
    assert [b"cookie" in each for each in upstream.seen] == [False, False]


def test_the_path_of_the_service_is_put_before_that_of_the_request() -> None:
    with answering(OK) as upstream, Recorder(f"{upstream.url}/base/v1/") as proxy:
        ask(proxy.port, "/models?a=b")
        (record,) = proxy.requests
    assert upstream.seen[0].startswith(b"GET /base/v1/models?a=b HTTP/1.1\r\n")
    assert (record.path, record.query) == ("/base/v1/models", "a=b")


def test_no_proxy_is_taken_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    with answering(OK) as upstream, Recorder(upstream.url) as proxy:
        assert ask(proxy.port)[0] == 200


def test_a_proxy_that_is_named_is_used() -> None:
    with answering(OK) as between, Recorder("http://api.example", via=between.url) as proxy:
        assert ask(proxy.port, "/x?y")[2] == b"ok"
    assert between.seen[0].startswith(
        b"GET http://api.example/x?y HTTP/1.1\r\nhost: api.example\r\n"
    )


@pytest.mark.skipif(shutil.which("openssl") is None, reason="makes its certificate with openssl")
def test_the_certificate_of_the_service_is_verified(tmp_path: Path) -> None:
    key, cert = tmp_path / "key.pem", tmp_path / "cert.pem"
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt"),
            *("ec_paramgen_curve:prime256v1", "-nodes", "-keyout", key, "-out", cert),
            *("-days", "2", "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"),
        ],
        check=True,
        capture_output=True,
    )
    serving = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    serving.load_cert_chain(cert, key)

    def serve(connection: socket.socket) -> None:
        heard(connection)
        connection.sendall(OK)

    with Upstream(serve, serving) as upstream:
        with Recorder(upstream.url) as proxy:
            status, _, body = ask(proxy.port)
        assert status == 502
        assert b"CERTIFICATE_VERIFY_FAILED" in body
        trusting = ssl.create_default_context(cafile=str(cert))
        with Recorder(upstream.url, verify=trusting) as proxy:
            assert ask(proxy.port)[2] == b"ok"


# ------------------------------------------------------------------------------------- what breaks


def test_a_client_that_goes_away_takes_the_upstream_along() -> None:
    closed = threading.Event()

    def serve(connection: socket.socket) -> None:
        heard(connection)
        connection.sendall(CHUNKED + b"9\r\ndata: 1\n\n\r\n")
        assert connection.recv(1) == b""
        closed.set()

    with Upstream(serve) as upstream, Recorder(upstream.url) as proxy:
        connection = http.client.HTTPConnection("127.0.0.1", proxy.port, timeout=5)
        connection.request("GET", "/")
        response = connection.getresponse()
        response.read1()
        response.close()
        connection.close()
        assert closed.wait(5)
        (record,) = until(lambda: proxy.requests)
    assert (record.ended, record.error) == (False, "the client went away")
    assert record.response == b"data: 1\n\n"


def test_a_client_that_goes_away_before_the_answer_takes_the_upstream_along() -> None:
    closed = threading.Event()

    def serve(connection: socket.socket) -> None:
        heard(connection)
        upstream.seen.append(b"")
        assert connection.recv(1) == b""
        closed.set()

    upstream = Upstream(serve)
    with upstream, Recorder(upstream.url) as proxy:
        with socket.create_connection(("127.0.0.1", proxy.port)) as connection:
            connection.sendall(b"GET / HTTP/1.1\r\nhost: localhost\r\n\r\n")
            until(lambda: upstream.seen)
        assert closed.wait(5)
        (record,) = until(lambda: proxy.requests)
    assert (record.status, record.ended, record.error) == (0, False, "the client went away")


def test_a_client_that_goes_away_within_its_request_takes_the_upstream_along() -> None:
    closed = threading.Event()

    def serve(connection: socket.socket) -> None:
        data = b""
        while piece := connection.recv(65536):
            data += piece
            upstream.seen.append(data)
        closed.set()

    upstream = Upstream(serve)
    with upstream, Recorder(upstream.url) as proxy:
        with socket.create_connection(("127.0.0.1", proxy.port)) as connection:
            head = b"POST / HTTP/1.1\r\nhost: localhost\r\ncontent-length: 100\r\n\r\n"
            connection.sendall(head + b"half")
            until(lambda: b"half" in b"".join(upstream.seen))
        assert closed.wait(5)
        (record,) = until(lambda: proxy.requests)
    assert (record.raw, record.error) == (b"half", "the client went away")


@pytest.mark.parametrize(
    "answer",
    [
        CHUNKED + b"9\r\ndata: 1\n\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 50\r\n\r\ndata: 1\n\n",
    ],
)
def test_an_upstream_that_breaks_off_is_no_clean_end(answer: bytes) -> None:
    with answering(answer) as upstream, Recorder(upstream.url) as proxy:
        connection = http.client.HTTPConnection("127.0.0.1", proxy.port, timeout=5)
        connection.request("GET", "/")
        with pytest.raises(http.client.IncompleteRead):
            connection.getresponse().read()
        connection.close()
        (record,) = proxy.requests
    assert not record.ended
    assert record.error.startswith("the upstream broke off: ")
    assert record.response == b"data: 1\n\n"


def test_an_upstream_that_cannot_be_reached_is_a_502() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with Recorder(f"http://127.0.0.1:{port}") as proxy:
        status, headers, body = ask(proxy.port, CHAT, chat())
        (record,) = proxy.requests
    assert (status, headers["content-type"]) == (502, "application/json")
    error = json.loads(body)["error"]
    assert (error["type"], error["code"]) == ("wiremark_proxy", "upstream_unreachable")
    assert error["message"].startswith("wiremark proxy: the upstream cannot be reached")
    assert (record.status, record.predicted) == (502, None)


def test_an_upstream_that_says_nothing_is_a_504() -> None:
    with (
        Upstream(lambda connection: contextlib.suppress(OSError) and heard(connection) and time.sleep(0.3)) as upstream,
        Recorder(upstream.url, timeout=0.1) as proxy,
    ):  # fmt: skip
        status, _, body = ask(proxy.port)
    assert (status, json.loads(body)["error"]["code"]) == (504, "upstream_timeout")


def test_an_upstream_that_is_no_http_is_a_502() -> None:
    with answering(b"SSH-2.0-OpenSSH\r\n\r\n") as upstream, Recorder(upstream.url) as proxy:
        assert ask(proxy.port)[0] == 502


def test_connections_are_used_again() -> None:
    def serve(connection: socket.socket) -> None:
        while data := heard(connection):
            upstream.seen.append(data)
            connection.sendall(OK)

    upstream = Upstream(serve)  # it serves one connection at a time
    with upstream, Recorder(upstream.url) as proxy:
        assert [ask(proxy.port)[0] for _ in range(3)] == [200] * 3
    assert len(upstream.seen) == 3


def test_an_upstream_that_repeats_its_length_badly_is_a_502() -> None:
    head = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 3\r\n\r\nok"
    with answering(head) as upstream, Recorder(upstream.url) as proxy:
        assert ask(proxy.port)[0] == 502


def test_a_new_request_waits_while_too_many_are_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("wiremark.recorder.forwarding._MOST_BEHIND", 0)
    go_on = threading.Event()
    with (
        answering(OK) as upstream,
        Recorder(upstream.url, then=lambda _: go_on.wait(5)) as proxy,
    ):
        ask(proxy.port)
        waiting = threading.Thread(target=ask, args=(proxy.port,))
        waiting.start()
        time.sleep(0.05)
        assert len(upstream.seen) == 1
        go_on.set()
        waiting.join(5)
        assert len(upstream.seen) == 2


def test_a_new_request_waits_while_too_much_is_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("wiremark.recorder.forwarding._MOST_BYTES_BEHIND", 2)
    go_on = threading.Event()
    with (
        answering(OK) as upstream,
        Recorder(upstream.url, then=lambda _: go_on.wait(5)) as proxy,
    ):
        ask(proxy.port, body=b"three")
        assert proxy.recording.bytes_behind == len(b"three") + len(b"ok")
        waiting = threading.Thread(target=ask, args=(proxy.port,))
        waiting.start()
        time.sleep(0.05)
        assert len(upstream.seen) == 1
        go_on.set()
        waiting.join(5)
        assert len(proxy.requests) == 2
        assert proxy.recording.bytes_behind == 0


def test_pieces_go_before_a_length_that_an_answer_has_as_well() -> None:
    both = CHUNKED.replace(b"\r\n\r\n", b"\r\ncontent-length: 9\r\n\r\n") + b"2\r\nok\r\n0\r\n\r\n"
    with answering(both) as upstream, Recorder(upstream.url) as proxy:
        got = spoken(proxy.port, b"GET / HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")
        (record,) = proxy.requests
    assert b"content-length" not in got
    assert got.endswith(b"\r\n2\r\nok\r\n0\r\n\r\n")
    assert (record.response, record.ended) == (b"ok", True)


@pytest.mark.parametrize(
    ("framing", "body", "wanted"),
    [
        (b"content-length: 4\r\ntransfer-encoding: chunked", b"5\r\nhello\r\n0\r\n\r\n", b"\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"),
        (b"transfer-encoding: chunked", b"5;x=1\r\nhello\r\n0\r\nx-t: 1\r\n\r\n", b"\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"),
        (b"connection: close, content-length\r\ncontent-length: 5", b"hello", b"\r\ncontent-length: 5\r\n\r\nhello"),
        (b"content-length: 5\r\ncontent-length: 4", b"hello", None),
        (b"transfer-encoding: gzip, chunked", b"5\r\nhello\r\n0\r\n\r\n", None),
        (b"transfer-encoding: xchunked", b"hello", None),
    ],
)  # fmt: skip
def test_no_request_hides_in_another(framing: bytes, body: bytes, wanted: bytes | None) -> None:
    head = b"POST /x HTTP/1.1\r\nhost: localhost\r\n" + framing
    if b"connection" not in framing:
        head += b"\r\nconnection: close"
    with answering(OK) as upstream, Recorder(upstream.url) as proxy:
        got = spoken(proxy.port, head + b"\r\n\r\n" + body)
    host = upstream.url.removeprefix("http://").encode()
    if wanted is None:
        assert got.startswith(b"HTTP/1.1 400 ")
        assert upstream.seen == []
    else:
        assert upstream.seen == [b"POST /x HTTP/1.1\r\nhost: " + host + wanted]


@pytest.mark.parametrize("path", ["//evil/x", "/@evil/../..%2fx%00", "/http://evil/"])
def test_no_path_leads_to_another_host(path: str) -> None:
    with answering(OK) as upstream, Recorder(f"{upstream.url}/api") as proxy:
        spoken(proxy.port, f"GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n".encode())  # fmt: skip
    host = upstream.url.removeprefix("http://")
    assert upstream.seen == [f"GET /api{path} HTTP/1.1\r\nhost: {host}\r\n\r\n".encode()]


@pytest.mark.parametrize("status", [b"600 Odd", b"101 Switching Protocols"])
def test_a_status_that_cannot_be_passed_on_is_a_502(status: bytes) -> None:
    answer = b"HTTP/1.1 " + status + b"\r\ncontent-length: 2\r\n\r\nok"
    with answering(answer) as upstream, Recorder(upstream.url) as proxy:
        got, _, body = ask(proxy.port)
        (record,) = proxy.requests
    assert (got, json.loads(body)["error"]["code"]) == (502, "upstream_protocol")
    assert record.error.startswith("the upstream's answer cannot be read: ")


def test_statuses_of_the_providers_alone_are_passed_on() -> None:
    answer = b"HTTP/1.1 529 Busy\r\ncontent-length: 2\r\n\r\nok"
    with answering(answer) as upstream, Recorder(upstream.url) as proxy:
        assert ask(proxy.port)[0] == 529


def test_an_old_client_gets_its_answer() -> None:
    pieces = CHUNKED + b"2\r\nok\r\n0\r\n\r\n"
    with answering(pieces) as upstream, Recorder(upstream.url) as proxy:
        got = spoken(proxy.port, b"GET / HTTP/1.0\r\nhost: localhost\r\n\r\n")
    assert got.endswith(b"\r\n\r\nok")


def test_an_answer_before_the_end_of_a_request_arrives() -> None:
    refusal = b"HTTP/1.1 413 Large\r\ncontent-length: 2\r\nconnection: close\r\n\r\nno"

    def serve(connection: socket.socket) -> None:
        connection.recv(1000)
        connection.sendall(refusal)
        with contextlib.suppress(OSError):
            while connection.recv(1 << 20):
                pass

    with Upstream(serve) as upstream, Recorder(upstream.url) as proxy:
        assert ask(proxy.port, body=b"x" * (4 << 20))[0] == 413


def test_a_connection_that_cannot_end_well_does_not_keep_it_from_stopping(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def shutdown(self: Any) -> None:
        raise RuntimeError("beyond a clean end")

    monkeypatch.setattr("uvicorn.protocols.http.h11_impl.H11Protocol.shutdown", shutdown)
    with answering(OK) as upstream, Recorder(upstream.url) as proxy:
        connection = http.client.HTTPConnection("127.0.0.1", proxy.port, timeout=5)
        connection.request("GET", "/")
        connection.getresponse().read()
        begun = time.monotonic()
        proxy.stop()
        assert time.monotonic() - begun < 5
        connection.close()
    assert "Traceback" not in capfd.readouterr().err


# ---------------------------------------------------------------------------------- what is refused


def test_websockets_are_refused_and_said_so() -> None:
    with answering(OK) as upstream, Recorder(upstream.url) as proxy:
        headers = {"upgrade": "websocket", "connection": "Upgrade", "sec-websocket-key": "x"}
        status, _, body = ask(proxy.port, headers=headers)
    assert (status, json.loads(body)["error"]["code"]) == (501, "no_websocket")
    assert upstream.seen == []


def test_it_is_no_forward_proxy() -> None:
    with answering(OK) as upstream, Recorder(upstream.url) as proxy:
        for line in (b"GET http://other.example/ HTTP/1.1", b"CONNECT other.example:443 HTTP/1.1"):
            got = spoken(proxy.port, line + b"\r\nhost: localhost\r\nconnection: close\r\n\r\n")
            assert got.startswith(b"HTTP/1.1 501 ")
            assert b"no_forward_proxy" in got
    assert upstream.seen == []


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {"origin": "http://[::1"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
        {"host": "evil.example"},
        {"host": "evil.example:80", "origin": "http://evil.example:80"},
    ],
)
@pytest.mark.parametrize("path", [CHAT, "/_wiremark/requests"])
def test_a_page_of_another_origin_gets_nothing(headers: dict[str, str], path: str) -> None:
    with answering(OK) as upstream, Recorder(upstream.url) as proxy:
        ask(proxy.port, "/kept")
        status, _, body = ask(proxy.port, path, headers=headers)
        if "sec-fetch-site" in headers and path != CHAT:
            return  # a browser hands no page of another site what it read
        assert status == 403
        assert b"/kept" not in body
    assert len(upstream.seen) == 1


def test_a_page_whose_origin_is_named_may_ask() -> None:
    page = "http://localhost:5173"
    with answering(OK) as upstream, Recorder(upstream.url, origins=[page]) as proxy:
        assert ask(proxy.port, headers={"origin": page, "sec-fetch-site": "same-site"})[0] == 200
        own = f"127.0.0.1:{proxy.port}"
        assert ask(proxy.port, headers={"origin": f"http://{own}", "host": own})[0] == 200
        assert ask(proxy.port, headers={"origin": "http://localhost:1"})[0] == 403


def test_only_loopback_listens_unless_told() -> None:
    with pytest.raises(OptionError, match="not loopback"):
        Recorder("https://api.example", host="0.0.0.0")
    with answering(OK) as upstream, Recorder(upstream.url, host="0.0.0.0", expose=True) as proxy:
        assert ask(proxy.port, headers={"host": "host.docker.internal"})[0] == 200
        assert ask(proxy.port, headers={"origin": "http://a.example"})[0] == 403
        host = {"host": "host.docker.internal"}
        assert ask(proxy.port, "/_wiremark/requests", headers=host)[0] == 403


def test_what_is_kept_is_shown_to_this_machine_alone() -> None:
    asked: list[dict[str, Any]] = []

    async def send(message: Any) -> None:
        asked.append(message)

    async def receive() -> Any:
        raise AssertionError("nothing is read")

    async def look(client: tuple[str, int]) -> None:
        scope = {"type": "http", "method": "GET", "path": "/_wiremark/requests", "client": client}
        scope |= {"headers": [(b"host", b"localhost")], "query_string": b"", "root_path": ""}
        await app({**scope, "scheme": "http", "server": ("localhost", 1)}, receive, send)

    app = Recorder("http://api.example").application(frozenset({"localhost"}))
    asyncio.run(look(("10.0.0.7", 5000)))
    assert asked[0]["status"] == 403
    asked.clear()
    asyncio.run(look(("127.0.0.1", 5000)))
    assert asked[0]["status"] == 200


def test_a_websocket_scope_is_closed() -> None:
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    app: Any = Recorder("http://api.example").application(frozenset({"localhost"}))
    asyncio.run(app({"type": "websocket", "path": "/"}, None, send))
    assert sent == [{"type": "websocket.close", "code": 1003}]


@pytest.mark.parametrize(
    "url",
    [
        *("", "api.example", "ftp://api.example", "http://", "http://a:x", "http://[", "http:///v"),
        *("https://me:hunter2@api.example", "https://api.example?key=hunter2", "http://a b"),
    ],
)
def test_a_url_that_is_none_is_refused_without_being_repeated(url: str) -> None:
    for arguments in ({"to": url}, {"to": "http://api.example", "via": url}):
        with pytest.raises(OptionError) as caught:
            Recorder(**arguments)
        assert "hunter2" not in str(caught.value)
        assert caught.value.path == list(arguments)[-1]


# ------------------------------------------------------------------------------------ what is kept


def test_times_come_from_the_clock_that_is_given() -> None:
    ticks = iter([1000.0, 1002.5])
    with answering(OK) as upstream, Recorder(upstream.url, clock=lambda: next(ticks)) as proxy:
        ask(proxy.port)
        (record,) = proxy.requests
    assert (record.at, record.ends_at, record.started) == (1000.0, 1002.5, 1000.0)


def test_what_is_beyond_the_limit_is_forwarded_and_not_kept() -> None:
    big = b"x" * 300_000
    answer = b"HTTP/1.1 200 OK\r\ncontent-length: 300000\r\n\r\n" + big
    with answering(answer) as upstream, Recorder(upstream.url, max_body=1000) as proxy:
        assert ask(proxy.port, CHAT, big)[2] == big
        (record,) = proxy.requests
    assert upstream.seen[0].endswith(b"\r\n\r\n" + big)
    assert (record.raw, record.response) == (b"x" * 1000, b"x" * 1000)
    assert [finding.code for finding in record.findings] == ["request-cut", "response-cut"]
    assert "of 300,000 bytes 1,000 are kept" in record.problem


@pytest.mark.parametrize(
    ("coding", "packed"),
    [
        ("gzip", gzip.compress(b'{"a": 1}', mtime=0)),
        ("gzip", gzip.compress(b'{"a"', mtime=0) + gzip.compress(b": 1}", mtime=0)),
        ("deflate", zlib.compress(b'{"a": 1}')),
        ("deflate", zlib.compress(b'{"a": 1}')[2:-4]),
        ("deflate, gzip", gzip.compress(zlib.compress(b'{"a": 1}'), mtime=0)),
        ("identity", b'{"a": 1}'),
    ],
)
def test_compressed_bodies_are_read_for_the_record(coding: str, packed: bytes) -> None:
    assert decoded(packed, coding, 100) == (b'{"a": 1}', False)
    assert decoded(packed + b"padding", coding, 100)[0].startswith(b'{"a": 1}')
    assert decoded(packed, coding, 4)[0] == b'{"a"' or coding not in ("gzip", "deflate")


def test_brotli_and_zstandard_are_read_where_a_decoder_is_installed() -> None:
    brotli = pytest.importorskip("brotli")
    zstd = pytest.importorskip(
        "compression.zstd" if sys.version_info >= (3, 14) else "backports.zstd"
    )
    text = b'{"a": 1}' * 500
    for coding, packed in (("br", brotli.compress(text)), ("zstd", zstd.compress(text))):
        assert decoded(packed, coding, 10_000) == (text, False)
        assert decoded(packed, coding, 10) == (text[:10], True)
        assert decoded(packed[:-5], coding, 10_000)[1]
        with pytest.raises(Undecodable, match="not encoded as it says"):
            decoded(b"\xff\xffno" * 9, coding, 10)


def test_a_small_body_that_becomes_large_is_cut() -> None:
    assert decoded(gzip.compress(b"x" * 5_000_000, mtime=0), "gzip", 1000) == (b"x" * 1000, True)


def test_a_compressed_body_that_cannot_be_read_is_not_kept_and_said_so(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for module in ("brotli", "brotlicffi"):
        monkeypatch.setitem(__import__("sys").modules, module, None)
    for coding, why in (("br", "install 'brotlicffi'"), ("rot13", "cannot be read here"), ("gzip", "not encoded as")):  # fmt: skip
        head = f"HTTP/1.1 200 OK\r\ncontent-encoding: {coding}\r\ncontent-length: 3\r\n\r\n"
        with answering(head.encode() + b"\1\2\3") as upstream, Recorder(upstream.url) as proxy:
            assert ask(proxy.port)[2] == b"\1\2\3"
            (record,) = proxy.requests
        assert record.response == b""
        assert [finding.code for finding in record.findings] == ["response-unread"]
        assert why in record.problem


def test_a_compressed_request_is_read_and_predicted() -> None:
    packed = gzip.compress(json.dumps(chat()).encode(), mtime=0)
    answer = json.dumps({"usage": {"prompt_tokens": 9, "completion_tokens": 1}}).encode()
    head = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n"
    with answering(head % len(answer) + answer) as upstream, Recorder(upstream.url) as proxy:
        ask(proxy.port, COMPATIBLE, packed, {"content-encoding": "gzip"})
        (record,) = proxy.requests
    assert upstream.seen[0].endswith(packed)
    assert record.body == chat()
    assert record.usage is not None
    assert record.usage.input == 9
    assert record.predicted is not None
    assert record.predicted.written > 3000


def test_a_fault_in_a_prediction_reaches_no_client(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any, **__: Any) -> Any:
        raise ZeroDivisionError(f"with {KEY}")

    monkeypatch.setattr(PrefixCache, "request", fail)
    with answering(OK) as upstream, Recorder(upstream.url) as proxy:
        assert ask(proxy.port, COMPATIBLE, chat())[::2] == (200, b"ok")
        (record,) = proxy.requests
    assert record.problem == "prediction: ZeroDivisionError: with ***1"


def test_a_fault_in_a_finding_reaches_no_client(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any) -> Any:
        raise ZeroDivisionError

    monkeypatch.setattr("wiremark.recorder.recording.all_findings", fail)
    with answering(OK) as upstream, Recorder(upstream.url) as proxy:
        ask(proxy.port, COMPATIBLE, chat())
        assert ask(proxy.port, "/_wiremark/requests")[0] == 200
        (record,) = proxy.requests
    assert [each.message for each in record.findings] == ["ZeroDivisionError: not judged"]


def test_a_log_that_cannot_be_written_reaches_no_client() -> None:
    def full(_: Record) -> None:
        raise OSError(28, "No space left on device")

    with answering(OK) as upstream, Recorder(upstream.url, full, then=full) as proxy:
        assert ask(proxy.port)[2] == b"ok"
        (record,) = proxy.requests
    assert record.problem.count("No space left") == 2
    assert proxy.recording.problems == [record.problem]


def test_bodies_of_any_kind_are_kept() -> None:
    deep = b"[" * 100_000 + b"]" * 100_000
    bodies = [deep, b"{", b"\xff\xfe\x00", b"null", b'"text"', b'{"messages": 7}', b"[1]"]
    bodies += [b'{"messages": [null], "model": 5}', b'{"stream": true, "messages": []}']
    with answering(OK) as upstream, Recorder(upstream.url) as proxy:
        for body in bodies:
            assert ask(proxy.port, CHAT, body)[0] == 200
        records = proxy.requests
        assert ask(proxy.port, "/_wiremark/requests")[0] == 200
    assert [record.raw for record in records] == bodies
    assert [record.find is None or record.findings is not None for record in records]


@pytest.mark.parametrize(
    ("body", "error"),
    [
        (b'{"error": {"message": "no"}}', "no"),
        (b'{"code": "InvalidParameter", "message": "bad"}', "bad"),
        (b'{"error": "plain"}', "plain"),
        (b"<html>", "<html>"),
    ],
)
def test_the_text_of_an_error_is_kept(body: bytes, error: str) -> None:
    answer = b"HTTP/1.1 400 Bad Request\r\ncontent-length: %d\r\n\r\n%s" % (len(body), body)
    with answering(answer) as upstream, Recorder(upstream.url) as proxy:
        ask(proxy.port, COMPATIBLE, chat())
        (record,) = proxy.requests
    assert (record.error, record.predicted) == (error, None)


@pytest.mark.parametrize(
    ("url", "path", "protocol", "host"),
    [
        ("https://dashscope.aliyuncs.com", COMPATIBLE, "openai-dashscope", "dashscope.aliyuncs.com"),
        ("https://openrouter.ai/api", CHAT, "openrouter", "openrouter.ai"),
        ("https://api.anthropic.com", MESSAGES, "anthropic", "api.anthropic.com"),
        ("https://open.bigmodel.cn/api/paas/v4", "/chat/completions", "openai-chat", "open.bigmodel.cn"),
        ("http://127.0.0.1:1", CHAT, "openai-chat", None),
    ],
)  # fmt: skip
def test_the_rules_go_by_host_and_path(
    url: str, path: str, protocol: str, host: str | None
) -> None:
    from wiremark.recorder.forwarding import Upstream as Target

    target = Target.of(url)
    recording = Recording()
    exchange = recording.begin("POST", target.host, target.path + path, "", ())
    exchange.request.add(json.dumps(chat()).encode())
    recording.finish_here(exchange)
    (record,) = recording.requests
    assert (record.protocol, record.host) == (protocol, host)
    assert record.rules


def test_a_log_is_gone_on_with(tmp_path: Path) -> None:
    log = tmp_path / "session.jsonl"
    with Emulator() as emulator:
        with Recorder(emulator.url, log) as proxy:
            ask(proxy.port, COMPATIBLE, chat())
        with Recorder(emulator.url, log) as proxy:
            assert [record.index for record in proxy.requests] == [0]
            ask(proxy.port, COMPATIBLE, chat())
            first, second = proxy.requests
    assert second.index == 1
    assert second.predicted is not None
    assert second.predicted.read == first.predicted.written  # type: ignore[union-attr]
    records, findings = RequestLog(log).read()
    assert ([record.index for record in records], findings) == ([0, 1], [])


def test_lines_of_a_log_that_are_none_are_counted_and_stay(tmp_path: Path) -> None:
    log = tmp_path / "session.jsonl"
    log.write_bytes(b"# notes\n{}\n")
    with answering(OK) as upstream, Recorder(upstream.url, log) as proxy:
        assert proxy.recording.unread == 2
        ask(proxy.port)
    assert log.read_bytes().startswith(b"# notes\n{}\n{")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="it has no full disk")
def test_a_full_disk_is_told_and_reaches_no_client() -> None:
    with answering(OK) as upstream, Recorder(upstream.url, "/dev/full") as proxy:
        assert [ask(proxy.port)[0] for _ in range(2)] == [200, 200]
        told = [record.problem for record in proxy.requests]
    assert ["No space left on device" in each for each in told] == [True, True]


def test_whose_key_it_was_does_not_depend_on_how_it_is_written() -> None:
    with answering(OK) as upstream, Recorder(upstream.url) as proxy:
        for headers in (
            {"Authorization": f"Bearer {KEY}"},
            {"authorization": f"bearer  {KEY}"},
            {"x-api-key": KEY},
            {"x-goog-api-key": KEY},
        ):
            ask(proxy.port, headers=headers)
        assert len({record.account for record in proxy.requests}) == 1
        assert proxy.requests[0].account not in ("", KEY)


def test_a_key_is_not_forgotten_for_the_cookies_of_its_own_exchange() -> None:
    key = "0f2secret7of9mine4"  # of no known shape
    cookies = "; ".join(f"c{number}=value-{number:04d}" for number in range(80))
    answer = b"HTTP/1.1 401 No\r\nset-cookie: s=another-value-1\r\ncontent-length: 18\r\n\r\n"
    with answering(answer + key.encode()) as upstream, Recorder(upstream.url) as proxy:
        ask(proxy.port, headers={"x-api-key": key, "cookie": cookies})
        (record,) = proxy.requests
    assert record.response == b"***1"


def test_an_exchange_does_not_show_what_it_has() -> None:
    exchange = Recording().begin("GET", "h", f"/{KEY}", KEY, (("x-api-key", KEY),))
    assert KEY not in repr(exchange)


def test_memory_is_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("wiremark.recorder.recording._IN_MEMORY", 2500)
    with answering(OK) as upstream, Recorder(upstream.url) as proxy:
        for _ in range(4):
            ask(proxy.port, body=b"x" * 1000)
        assert [record.index for record in proxy.requests] == [2, 3]
        ask(proxy.port, body=b"x" * 9000)
        assert [record.index for record in proxy.requests] == [4]


def test_it_can_be_started_again(tmp_path: Path) -> None:
    with answering(OK) as upstream:
        proxy = Recorder(upstream.url, tmp_path / "session.jsonl")
        for count in (1, 2):
            with proxy:
                assert ask(proxy.port)[2] == b"ok"
            assert len((tmp_path / "session.jsonl").read_bytes().splitlines()) == count


def test_a_log_may_be_shared_and_stays_open(tmp_path: Path) -> None:
    log = RequestLog(tmp_path / "session.jsonl")
    with answering(OK) as upstream:
        with Recorder(upstream.url, log) as proxy:
            ask(proxy.port)
        with Recorder(upstream.url, log) as proxy:
            ask(proxy.port)
    assert len(log.read()[0]) == 2
    log.close()


# --------------------------------------------------------------------- emulator, proxy, and replay

BODIES: list[tuple[str, dict[str, Any], dict[str, str]]] = [
    (COMPATIBLE, chat(), {}),
    (COMPATIBLE, chat("again"), {}),
    (COMPATIBLE, chat("again", stream=True, stream_options={"include_usage": True}), {}),
    (CHAT, chat() | {"model": "gpt-5.6"}, {}),
    (MESSAGES, {"model": "claude-opus-5-5", "max_tokens": 9, "system": [HEAD], "messages": [{"role": "user", "content": "hi"}]}, {"anthropic-version": "2023-06-01"}),
    (MESSAGES, {"model": "claude-opus-5-5", "max_tokens": 9, "stream": True, "system": [HEAD], "messages": [{"role": "user", "content": "ho"}]}, {"anthropic-version": "2023-06-01"}),
    (NATIVE, {"model": "qwen3.7-max", "input": {"messages": chat()["messages"]}, "parameters": {"result_format": "message"}}, {}),
    (NATIVE, {"model": "qwen3.7-max", "input": {"messages": chat()["messages"]}, "parameters": {"result_format": "message"}}, {"x-dashscope-sse": "enable"}),
    (CHAT, {"model": "gpt-5.6", "messages": "none"}, {}),
    ("/v1/nothing", {}, {}),
]  # fmt: skip


def test_answers_are_those_of_the_service_to_the_byte(tmp_path: Path) -> None:
    log = tmp_path / "session.jsonl"
    told: list[list[Any]] = []
    with Emulator() as emulator, Recorder(emulator.url, log) as proxy:
        for port in (emulator.port, proxy.port):
            emulator.reset()
            told.append([ask(port, *each) for each in BODIES])
        records = proxy.requests
        answered = [record.answered for record in emulator.requests]
        sent = [record.raw for record in emulator.requests]
    assert told[0] == told[1]
    assert [record.answered for record in records] == answered
    assert [record.raw for record in records] == sent
    assert [record.problem for record in records] == [""] * len(records)
    for record, usage in zip(records, answered, strict=True):
        if usage is not None:
            assert record.predicted is not None
            assert record.usage is not None
            assert record.predicted.read == (record.usage.cache_read or 0)
            assert record.predicted.input == record.usage.input


def test_a_log_replays_as_it_was_answered(tmp_path: Path) -> None:
    log = tmp_path / "session.jsonl"
    with Emulator() as emulator, Recorder(emulator.url, log) as proxy:
        for each in BODIES[:8]:
            ask(proxy.port, *each)
    found = replay(list(read_trace(log)))
    assert len(found.rows) == 8
    compared = differences(found)
    assert len(compared) == 8
    assert [each.reason for each in compared if each.reported_read is not None] == [""] * 8
    assert [each.read for each in compared] == [each.reported_read for each in compared]
    assert [each.read > 0 for each in compared] == [False, True, True, False, False, True, False, True]  # fmt: skip


@pytest.mark.sdk
def test_sessions_of_the_official_sdks_replay_as_they_were_answered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    openai, anthropic = pytest.importorskip("openai"), pytest.importorskip("anthropic")
    dashscope = pytest.importorskip("dashscope")
    log = tmp_path / "session.jsonl"
    read: list[int] = []
    with Emulator() as emulator, Recorder(emulator.url, log) as proxy:
        base = f"{proxy.url}/compatible-mode/v1"
        with openai.OpenAI(base_url=base, api_key=KEY, max_retries=0) as client:
            for text in ("a", "b"):
                asked = chat(text, stream=True, stream_options={"include_usage": True})
                *_, last = client.chat.completions.create(**asked)
                read.append(last.usage.prompt_tokens_details.cached_tokens)
        with anthropic.Anthropic(base_url=proxy.url, api_key=KEY, max_retries=0) as client:
            for text in ("a", "b"):
                asked = {**BODIES[4][1], "messages": [{"role": "user", "content": text}]}
                with client.messages.stream(**asked) as stream:
                    read.append(stream.get_final_message().usage.cache_read_input_tokens)
        monkeypatch.setattr(dashscope, "base_http_api_url", f"{proxy.url}/api/v1")
        for text in ("a", "b"):
            answers = dashscope.Generation.call(
                model="qwen3.7-max",
                api_key=KEY,
                messages=chat(text)["messages"],
                result_format="message",
                stream=True,
            )
            *_, last = answers
            read.append(last.usage["prompt_tokens_details"]["cached_tokens"])
        records = proxy.requests
        assert [each.raw for each in records] == [each.raw for each in emulator.requests]
    assert [record.problem for record in records] == [""] * 6
    assert [record.ended for record in records] == [True] * 6
    compared = differences(replay(list(read_trace(log))))
    assert [each.read for each in compared] == [each.reported_read for each in compared] == read
    assert [each.reason for each in compared] == [""] * 6
    assert [each > 0 for each in read] == [False, True] * 3
    assert KEY.encode() not in log.read_bytes()


def test_what_is_kept_is_shown_on_the_page() -> None:
    with Emulator() as emulator, Recorder(emulator.url) as proxy:
        ask(proxy.port, COMPATIBLE, chat(), {"authorization": f"Bearer {KEY}"})
        assert proxy.requests
        assert b"<html" in ask(proxy.port, "/_wiremark")[2]
        shown = json.loads(ask(proxy.port, "/_wiremark/requests")[2])["requests"]
        assert [each.path for each in emulator.requests] == [COMPATIBLE]
    assert shown[0]["predicted"]["written"] > 3000
    assert shown[0]["answered"]["prompt_tokens"] > 3000


def test_many_streams_go_through_at_a_time() -> None:
    with Emulator() as emulator, Recorder(emulator.url) as proxy:
        direct = ask(emulator.port, COMPATIBLE, chat(stream=True))[2].count(b"data: ")

        async def run() -> list[int]:
            limits = httpx2.Limits(max_connections=None)
            async with httpx2.AsyncClient(limits=limits, timeout=30) as client:

                async def one() -> int:
                    url = f"{proxy.url}{COMPATIBLE}"
                    async with client.stream("POST", url, json=chat(stream=True)) as answer:
                        return b"".join([each async for each in answer.aiter_raw()]).count(b"data: ")  # fmt: skip

                return await asyncio.gather(*(one() for _ in range(40)))

        assert asyncio.run(run()) == [direct] * 40
        until(lambda: len(proxy.requests) == 40)
        assert proxy.recording.problems == []


# --------------------------------------------------------------------------------- the transport


def test_a_transport_records_what_the_official_sdks_send() -> None:
    openai = pytest.importorskip("openai")
    anthropic = pytest.importorskip("anthropic")
    with Emulator() as emulator:
        transport = RecordingTransport()
        with openai.OpenAI(
            base_url=f"{emulator.url}/compatible-mode/v1",
            api_key=KEY,
            http_client=openai.DefaultHttpxClient(transport=transport),
        ) as client:
            client.chat.completions.create(**chat())
            seen = [chunk.usage for chunk in client.chat.completions.create(**chat(), stream=True, stream_options={"include_usage": True}) if chunk.usage]  # fmt: skip
            client.models.list()
        first, second, third = transport.requests
        assert [first.ended, second.ended, third.ended] == [True] * 3
        assert first.raw == emulator.requests[0].raw
        assert second.usage is not None
        assert second.predicted is not None
        read = seen[0].prompt_tokens_details.cached_tokens
        assert second.usage.cache_read == second.predicted.read == read > 0
        assert KEY not in repr(transport.requests)

        transport = RecordingTransport()
        with anthropic.Anthropic(
            base_url=emulator.url,
            api_key=KEY,
            http_client=anthropic.DefaultHttpxClient(transport=transport),
        ) as client:
            with client.messages.stream(**BODIES[4][1]) as stream:
                usage = stream.get_final_message().usage
            (record,) = transport.requests
        assert record.usage is not None
        assert record.usage.cache_write == usage.cache_creation_input_tokens > 0


def test_a_transport_records_asynchronous_clients(tmp_path: Path) -> None:
    openai = pytest.importorskip("openai")
    log = tmp_path / "session.jsonl"

    async def run(url: str) -> None:
        transport = RecordingTransport(log)
        async with openai.AsyncOpenAI(
            base_url=f"{url}/compatible-mode/v1",
            api_key=KEY,
            http_client=openai.DefaultAsyncHttpxClient(transport=transport),
        ) as client:
            await client.chat.completions.create(**chat())
            stream = await client.chat.completions.create(**chat(), stream=True)
            assert [chunk async for chunk in stream]

    with Emulator() as emulator:
        asyncio.run(run(emulator.url))
        sent = [record.raw for record in emulator.requests]
    records, findings = RequestLog(log).read()
    assert ([record.raw for record in records], findings) == (sent, [])
    assert [record.ended for record in records] == [True, True]
    assert KEY.encode() not in log.read_bytes()


@pytest.mark.parametrize("library", ["httpx2", "httpx"])
def test_a_transport_passes_on_as_it_comes(library: str) -> None:
    module = pytest.importorskip(library)
    arrived = threading.Event()

    def serve(connection: socket.socket) -> None:
        upstream.seen.append(heard(connection))
        connection.sendall(CHUNKED + b"9\r\ndata: 1\n\n\r\n")
        assert arrived.wait(5)
        connection.sendall(b"9\r\ndata: 2\n\n\r\n0\r\n\r\n")

    upstream = Upstream(serve)
    with upstream, RecordingTransport() as transport, module.Client(transport=transport) as client:
        with client.stream("POST", upstream.url, content=iter([b"a", b"b"])) as response:
            pieces = response.iter_raw()
            assert next(pieces) == b"data: 1\n\n"
            arrived.set()
            assert list(pieces) == [b"data: 2\n\n"]
        (record,) = transport.requests
    assert upstream.seen[0].endswith(b"1\r\na\r\n1\r\nb\r\n0\r\n\r\n")
    assert (record.raw, record.response, record.ended) == (b"ab", b"data: 1\n\ndata: 2\n\n", True)


@pytest.mark.parametrize("library", ["httpx2", "httpx"])
def test_an_asynchronous_transport_passes_on_as_it_comes(library: str) -> None:
    module = pytest.importorskip(library)

    async def pieces() -> Any:
        yield b"a"
        yield b"b"

    async def run(url: str) -> Record:
        async with RecordingTransport() as transport:
            async with module.AsyncClient(transport=transport) as client:
                assert (await client.post(url, content=pieces())).content == b"ok"
            (record,) = transport.requests
            return record

    with answering(OK) as upstream:
        record = asyncio.run(run(upstream.url))
    assert (record.raw, record.response, record.ended) == (b"ab", b"ok", True)


def test_a_transport_raises_what_the_client_would_see() -> None:
    recording = Recording()
    with answering(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf") as upstream:
        with httpx2.Client(transport=RecordingTransport(recording)) as client:
            with pytest.raises(httpx2.RemoteProtocolError):
                client.get(upstream.url)
            with client.stream("GET", upstream.url):
                pass  # left before its end

        async def run() -> None:
            transport = RecordingTransport(recording)
            async with httpx2.AsyncClient(transport=transport) as client:
                with pytest.raises(httpx2.RemoteProtocolError):
                    await client.get(upstream.url)

        asyncio.run(run())
    closed = upstream.url
    client = httpx2.Client(transport=RecordingTransport(recording))
    with client, pytest.raises(httpx2.ConnectError):
        client.get(closed)

    async def refused() -> None:
        async with httpx2.AsyncClient(transport=RecordingTransport(recording)) as client:
            with pytest.raises(httpx2.ConnectError):
                await client.get(closed)

    asyncio.run(refused())
    recording.close()
    kinds = [record.error.partition(":")[0] for record in recording.requests]
    assert kinds == ["RemoteProtocolError", "", "RemoteProtocolError", "ConnectError", "ConnectError"]  # fmt: skip
    assert not any(record.ended for record in recording.requests)


def test_a_transport_of_the_callers_is_used() -> None:
    inner = httpx2.MockTransport(lambda request: httpx2.Response(200, json={"a": 1}))
    taken: list[Record] = []
    with httpx2.Client(transport=RecordingTransport(taken.append, transport=inner)) as client:
        assert client.get("http://api.example/x?key=abcdefgh12345").json() == {"a": 1}
    assert [(each.path, each.status, each.response) for each in taken] == [("/x", 200, b'{"a":1}')]
    assert "abcdefgh12345" not in repr(taken)
