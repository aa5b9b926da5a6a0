"""No key is kept: not in the log, not on standard error, not on the page, not in an error."""

from __future__ import annotations

import base64
import contextlib
import gzip
import http.client
import io
import json
import string
import tempfile
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import pairwise
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import quote, urlencode

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

pytest.importorskip("uvicorn", reason="the extra `recorder` is not installed")
pytest.importorskip("starlette", reason="the extra `recorder` is not installed")
pytest.importorskip("httpx2", reason="the extra `recorder` is not installed")

from wiremark.cli.proxy import _line
from wiremark.recorder import Recorder
from wiremark.replay.tokens import choose
from wiremark.traffic.records import Record
from wiremark.traffic.secrets import Secrets, masked_headers, masked_query

CHAT = "/v1/chat/completions"
KEY = "sk-4f0d2c7e9b1a4c6d8e0f"


def cleaned(text: str, *known: str) -> str:
    secrets = Secrets()
    secrets.learn([("authorization", f"Bearer {each}") for each in known])
    return secrets.text(text)


# ------------------------------------------------------------------------------------------ shapes

# The forms of the issuers' own documentation, with made-up characters.
CREDENTIALS = [
    "sk-4f0d2c7e9b1a4c6d8e0f1a2b3c4d5e6f",
    "sk-proj-Ab1_cd-Ef2ghIJklmNOpqrSTuv",
    "sk-ant-api03-Ab1cd_Ef2ghIJklmNOpqrSTuv-AA",
    "sk-or-v1-0123456789abcdef0123456789abcdef",
    "sk_live_4eC39HqLyjWDarjtT1zdp7dc",
    "gsk_0123456789abcdefABCDEF0123",
    "hf_abcdefghijklmnopqrstuvwxyz012345",
    "ghp_0123456789abcdefABCDEF0123456789abcd",
    "github_pat_11ABCDEFG0abcdefghij_0123456789",
    "glpat-0123456789abcdefghij",
    "xoxb-0123456789-abcdefghij",
    "AIzaSyA0123456789abcdefghijklmnopqrstuvw",
    "AKIAIOSFODNN7EXAMPLE",
    "ASIAIOSFODNN7EXAMPLE",
    "LTAI5tAbCdEfGhIjKlMnOpQr",
    "STS.NTabcdefGH0123456789",
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9P",
]


@pytest.mark.parametrize("secret", CREDENTIALS)
@pytest.mark.parametrize("around", ["{}", "key: {}.", '"{}"', "a\n{}\nb", "({})", "x={}", "说{}。"])
def test_a_known_shape_is_replaced_wherever_it_stands(secret: str, around: str) -> None:
    # A dot and letters behind a token could belong to it; a full stop may go with it.
    assert cleaned(around.format(secret)).rstrip(".") == around.format("***1").rstrip(".")


@pytest.mark.parametrize(
    "text",
    [
        "a risk-averse-1-investor-with-a-plan",
        "task-0123456789abcdef01234567",
        "sk-learn-is-a-misspelt-library-name",
        "the bearer of this letter is 1 man",
        "basic authentication is described in RFC 7617",
        "Bearer authentication-without-digits",
        "https://example.com/a?page=2&signed=no&Expires=1700000000&OSSAccess=1",
        "wait... what",
        "OPENAI_API_KEY=sk-... and `sk-…`",
        "for (i = 0;token=next();key=abcdefghijklmnopqrst) {}",
        "550e8400-e29b-41d4-a716-446655440000 d41d8cd98f00b204e9800998ecf8427e",
        "**bold** and ***both*** and ****",
        "eyJ is how a JWT begins",
        "call_0123456789abcdef0123456789abcdef",
        "toolu_01A09q90qw90lq917835lq9",
        "chatcmpl-9b1a4c6d8e0f1a2b3c4d5e6f",
        "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAAB",
        '{"type": "object", "properties": {"api_key": {"type": "string"}}}',
        '{"password": ""}',
        "http://example.com:8080/path@2x.png",
    ],
)
def test_ordinary_text_stays(text: str) -> None:
    assert cleaned(text) == text
    assert cleaned(text, KEY) == text


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("https://b.oss.com/a.png?Expires=17&OSSAccessKeyId=TMP.abc&Signature=a%2Fb%3D", "https://b.oss.com/a.png?Expires=17&OSSAccessKeyId=***1&Signature=***2"),
        ("https://s3/a?X-Amz-Algorithm=AWS4&X-Amz-Credential=ab%2F2026&X-Amz-Expires=60&X-Amz-Security-Token=tt&X-Amz-Signature=0a0b", "https://s3/a?X-Amz-Algorithm=AWS4&X-Amz-Credential=***1&X-Amz-Expires=60&X-Amz-Security-Token=***2&X-Amz-Signature=***3"),
        ("https://a.blob/b?sv=2026&sig=ab%3D&se=x)", "https://a.blob/b?sv=2026&sig=***1&se=x)"),
        ("https://x/v1?key=0123456789abcdef0 and", "https://x/v1?key=***1 and"),
        ("https://x/v1?key=name", "https://x/v1?key=name"),
        ("![a](https://x/a?token=ab.cd)", "![a](https://x/a?token=***1)"),
        ("postgres://me:hunter2@db/x", "postgres://***1@db/x"),
        ("client_secret=hunter2&grant=x", "client_secret=***1&grant=x"),
        ('curl -H "Authorization: Bearer abcdefgh12345678"', 'curl -H "Authorization: Bearer ***1"'),
        ("Basic bWU6aHVudGVyMjp4eA==", "Basic ***1"),
        ('{"api_key": "hunter2", "a": 1}', '{"api_key": "***1", "a": 1}'),
        ('{\\"OPENAI_API_KEY\\": \\"hunter2\\"}', '{\\"OPENAI_API_KEY\\": \\"***1\\"}'),
        ("-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY-----\nand so on", "-----BEGIN RSA PRIVATE KEY-----***1-----END RSA PRIVATE KEY-----\nand so on"),
        ("-----BEGIN PRIVATE KEY-----\nMIIE", "-----BEGIN PRIVATE KEY-----***1"),
        ('name="Signature"\r\n\r\nabc=\r\n--x', 'name="Signature"\r\n\r\n***1\r\n--x'),
        ('name="api_key"\r\n\r\nhunter2\r\n--x', 'name="api_key"\r\n\r\n***1\r\n--x'),
        ("Incorrect API key provided: sk-ab***yz. You", "Incorrect API key provided: ***1. You"),
        ("Incorrect API key provided: sk-4f********8e0f.", "Incorrect API key provided: ***1."),
    ],
)  # fmt: skip
def test_what_stands_beside_a_name_is_replaced(text: str, clean: str) -> None:
    assert cleaned(text) == clean
    assert cleaned(clean) == clean


def test_a_key_with_a_gap_in_it_is_replaced() -> None:
    assert cleaned("key: 0f-secret...9xyz is", "0f-secret-of-mine-9xyz") == "key: ***1 is"
    assert cleaned("key: 0f…9xyz", "0f-secret-of-mine-9xyz") == "key: ***1"
    assert cleaned("and so on...then", "0f-secret-of-mine-9xyz") == "and so on...then"


@pytest.mark.parametrize(
    "piece", ["x", "sk-", "a:", "?a=", "eyJ", "://a:", "name=", '"a":', "Bearer "]
)
def test_long_texts_take_no_long_time(piece: str) -> None:
    text = piece * (300_000 // len(piece)) + " ... form-data PRIVATE KEY-----"
    begun = time.process_time()
    assert cleaned(text, KEY) == text
    assert time.process_time() - begun < 5


# ------------------------------------------------------------------------------ by header and name


def test_names_say_what_is_a_secret() -> None:
    headers = [
        ("Authorization", f"Bearer {KEY}"),
        ("X-Api-Key", KEY),
        ("Cookie", "a=b"),
        ("X-DashScope-Security-Token", "t"),
        ("x-ratelimit-remaining-tokens", "12"),
        ("Accept", "a/b"),
    ]
    assert masked_headers(headers) == (
        ("authorization", "Bearer ***"),
        ("x-api-key", "***"),
        ("cookie", "***"),
        ("x-dashscope-security-token", "***"),
        ("x-ratelimit-remaining-tokens", "12"),
        ("accept", "a/b"),
    )
    assert masked_query("a=b&sig=x&Expires=5") == "a=b&sig=%2A%2A%2A&Expires=5"
    assert masked_query("a=b&&c") == "a=b&&c"


@pytest.mark.parametrize(
    "headers",
    [
        [("authorization", "hunter2-hunter2")],
        [("Authorization", "Token hunter2-hunter2")],
        [("authorization", "Basic " + base64.b64encode(b"me:hunter2-hunter2").decode())],
        [("cookie", 'a=1; session="hunter2-hunter2"')],
        [("set-cookie", "s=hunter2-hunter2; Path=/")],
        [("authorization", "AWS4-HMAC-SHA256 Credential=hunter2-hunter2, Signature=ab")],
    ],
)
def test_the_value_of_a_header_is_replaced_elsewhere(headers: list[tuple[str, str]]) -> None:
    secrets = Secrets()
    secrets.learn(headers)
    assert "hunter2-hunter2" not in secrets.text("it is hunter2-hunter2.")
    assert "hunter2" not in repr(secrets.headers([*headers, ("x-echo", "hunter2-hunter2")]))


def test_the_same_secret_has_the_same_text_and_another_has_another() -> None:
    secrets = Secrets()
    secrets.learn([("x-api-key", KEY)], "token=other-secret")
    first = secrets.text(f"{KEY} other-secret {KEY}")
    assert first == "***1 ***2 ***1"
    assert secrets.text(f"other-secret {KEY}") == "***2 ***1"
    assert secrets.value({"api_key": "other-secret"}) == {"api_key": "***2"}


def test_short_values_are_not_looked_for() -> None:
    secrets = Secrets()
    secrets.learn([("x-api-key", "none"), ("x-token-count", "5")])
    assert secrets.text("none of the 5") == "none of the 5"


def test_old_secrets_are_forgotten_after_many() -> None:
    secrets = Secrets()
    for number in range(70):
        secrets.learn([("x-api-key", f"secret-{number:04d}")])
    assert secrets.text("secret-0000") == "secret-0000"
    assert secrets.text("secret-0069").startswith("***")


def test_a_key_is_not_forgotten_for_the_cookies_beside_it() -> None:
    secrets = Secrets()
    cookies = "; ".join(f"c{number}=value-{number:04d}" for number in range(80))
    secrets.learn([("x-api-key", KEY), ("cookie", cookies)])
    assert secrets.text(f"{KEY} value-0079") == "***1 ***2"


@pytest.mark.parametrize(
    ("header", "text"),
    [
        (("set-cookie", "s=hunter2-hunter2; Path=/compatible-mode; Domain=.api.openai.com"), "/compatible-mode at .api.openai.com"),
        (("set-cookie", "s=hunter2-hunter2; Expires=Thu, 01 Jan 2026 00:00:00 GMT"), "01 Jan 2026 00:00:00 GMT"),
        (("cookie", "theme=darkened; s=hunter2-hunter2"), "it is darkened"),
        (("www-authenticate", 'Bearer realm="OpenAI API", error="invalid_token"'), "OpenAI API: invalid_token"),
        (("authorization", "AWS4-HMAC-SHA256 Credential=ab, SignedHeaders=content-type;x-amz-date, Signature=cd"), "content-type x-amz-date"),
        (("x-total-tokens", "12345678"), "12345678"),
        (("x-litellm-key-spend", "0.00012345"), "0.00012345"),
        (("authorization", "Bearer not-needed"), "it is not-needed"),
        (("api-key", "placeholder"), "a placeholder"),
        (("authorization", "Bearer production2024secret"), "production or products"),
        (("authorization", "Bearer sk-ant-api03-Ab1cdEf2ghIJklmN"), "keys begin with sk-ant-api03-"),
    ],
)  # fmt: skip
def test_what_is_no_secret_of_a_header_is_not_looked_for(
    header: tuple[str, str], text: str
) -> None:
    secrets = Secrets()
    secrets.learn([header])
    assert secrets.text(text) == text


@pytest.mark.parametrize(
    "header",
    [
        ("authorization", f"bearer  {KEY}"),
        ("AUTHORIZATION", f"Bearer\t{KEY}"),
        ("x-api-key", f"{KEY}, another-one-1"),
        ("x-api-key", f"another-one-1;{KEY}"),
        ("authorization", "basic " + base64.b64encode(f"{KEY}:".encode()).decode()),
        ("authorization", "Basic " + base64.b64encode(f"me:{KEY}".encode()).decode().rstrip("=")),
        ("cookie", f"a=1; b={quote(KEY + '=')}"),
        ("x-jwt-assertion", KEY),
        ("x-pass", KEY),
        ("cf-access-client-secret", KEY),
    ],
)
def test_a_key_is_known_however_its_header_is_written(header: tuple[str, str]) -> None:
    secrets = Secrets()
    secrets.learn([header])
    plain = KEY.removeprefix("sk-")  # of no known shape
    assert plain not in repr(secrets.headers([header]))
    assert plain not in secrets.text(f"<{KEY}>")


def test_the_beginning_of_a_key_is_replaced_as_the_key_is() -> None:
    key = "0f2secret7of9mine4"
    assert cleaned(f"no such key: {key[:10]}... try", key) == "no such key: ***1... try"
    assert cleaned(f"{key} {key[:9]}", key) == "***1 ***1"
    assert cleaned(key[:7], key) == key[:7]


def test_a_key_in_a_text_that_grows_is_replaced_in_each_event() -> None:
    key = "0f2secret7of9mine4"
    told = [f"it is {key[:length]}" for length in range(8, 19)]
    lines = [f"data:{json.dumps({'output': {'text': each}})}\n\n" for each in told]
    secrets = Secrets()
    secrets.learn([("x-api-key", key)])
    clean, _ = secrets.data("".join(lines).encode())
    assert clean.count(b"***1") == len(told)
    assert key[:8] not in clean.decode()


def test_a_text_that_was_clean_is_looked_at_again_when_more_is_known(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    secrets = Secrets()
    assert secrets.text("hunter2-hunter2") == "hunter2-hunter2"
    secrets.learn([("x-api-key", "hunter2-hunter2")])
    assert secrets.text("hunter2-hunter2") == "***1"
    monkeypatch.setattr("wiremark.traffic.secrets._INNOCENT", 20)
    for text in ("a text without", "another one", "a text without"):
        assert secrets.text(text) == text
        assert len(secrets._innocent) == 1  # it does not grow for ever


def test_a_query_loses_only_its_secrets() -> None:
    assert masked_query("x=a+b&bad=%zz&&k%65y=1;token=2&y=%7e") == "x=a+b&bad=%zz&&k%65y=%2A%2A%2A;token=%2A%2A%2A&y=%7e"  # fmt: skip
    secrets = Secrets()
    secrets.learn(query="api_key=a%2Bb-c%2Bd-1")
    assert secrets.text("a+b-c+d-1") == "***1"


# ----------------------------------------------------------------------------------------- bodies


def test_an_upload_policy_loses_its_credentials_and_keeps_its_form() -> None:
    policy = {
        "request_id": "r",
        "data": {
            "policy": "eyJleHAi",
            "signature": "hunter2",
            "oss_access_key_id": "abc",
            "upload_host": "https://h",
            "x_oss_security_token": "tt",
            "expire_in_seconds": 300,
        },
    }
    clean = Secrets().value(policy)["data"]
    assert clean == {
        "policy": "***1",
        "signature": "***2",
        "oss_access_key_id": "***3",
        "upload_host": "https://h",
        "x_oss_security_token": "***4",
        "expire_in_seconds": 300,
    }


def test_the_signature_of_a_thought_is_no_secret() -> None:
    block = {"type": "thinking", "thinking": "hm", "signature": "EqQBCgIYAhIM0123456789"}
    secrets = Secrets()
    assert secrets.value(block) is block
    logprobs = {"content": [{"token": "sk", "logprob": -0.1}]}
    assert secrets.value(logprobs) is logprobs


def test_bytes_without_a_secret_stay_as_they_are() -> None:
    secrets = Secrets()
    secrets.learn([("x-api-key", KEY)])
    for raw in (b'{ "a" : "\\u00fc" }', b"\xff\x00", b"data: {}\n\n", b"", b'data: {"a": 1}\r\n'):
        assert secrets.data(raw)[0] == raw


@pytest.mark.parametrize(
    "raw",
    [
        f'{{"a": "{KEY}", "a": "b"}}',  # the first is not in the value
        f'{{"a": "\\u0073{KEY[1:]}", "a": "b"}}',
        f'{{"{KEY}": 1}}',
        f'["\\u0073{KEY[1:]}"]',
        f"\xff{KEY}",
        f'{{"a": "{KEY}',
        f'{{"a": NaN, "b": "\\u0073{KEY[1:]}"}}',
        "\0".join(f'{{"a": "{KEY}"}}'),
    ],
)
def test_a_secret_does_not_hide_in_bytes(raw: str) -> None:
    secrets = Secrets()
    secrets.learn([("x-api-key", KEY)])
    clean, value = secrets.data(raw.encode("latin-1"))
    assert KEY[1:] not in clean.decode("latin-1").replace("\0", "") + repr(value)


def test_a_secret_that_is_cut_leaves_no_beginning() -> None:
    secrets = Secrets()
    secrets.learn([("x-api-key", KEY)])
    for length in range(4, len(KEY)):
        clean, _ = secrets.data(f"it is {KEY[:length]}".encode(), torn=True)
        assert clean.rstrip(b"0123456789") == b"it is ***"
    assert secrets.data(b"it is sk", torn=True)[0] == b"it is sk"


def test_a_secret_told_in_pieces_is_replaced() -> None:
    def event(text: str, index: int = 0) -> str:
        return "data: " + json.dumps({"choices": [{"index": index, "delta": {"content": text}}]})

    pieces = ["it is ", KEY[:6], KEY[6:15], KEY[15:] + ", you see"]
    lines = [event(piece) + "\r\n\r\n" + event("no", 1) + "\n\n" for piece in pieces]
    raw = "".join(lines).encode() + b"data: [DONE]\n\n"
    secrets = Secrets()
    secrets.learn([("x-api-key", KEY)])
    clean, _ = secrets.data(raw)
    told = [
        json.loads(line[6:]) for line in clean.decode().split("\n") if line.startswith("data: {")
    ]
    texts = [each["choices"][0]["delta"]["content"] for each in told]
    assert texts[::2] == ["it is ", "***1", "", ", you see"]
    assert texts[1::2] == ["no"] * 4
    assert clean.endswith(b"data: [DONE]\n\n")
    assert clean.count(b"\r\n") == raw.count(b"\r\n")


# ---------------------------------------------------------------------------------- the whole way


class Echo(BaseHTTPRequestHandler):
    """Answers with what the test says."""

    protocol_version = "HTTP/1.1"
    answer: ClassVar[tuple[int, dict[str, str], list[bytes]]] = (200, {}, [])

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("content-length", 0)))
        status, headers, pieces = self.answer
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("transfer-encoding", "chunked")
        self.end_headers()
        for piece in pieces:
            if piece:
                self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
                self.wfile.flush()
        self.wfile.write(b"0\r\n\r\n")

    def log_message(self, format: str, *args: Any) -> None:
        pass


@pytest.fixture(scope="module")
def way() -> Iterator[tuple[Recorder, Path, list[str]]]:
    lines: list[str] = []
    with tempfile.TemporaryDirectory() as folder:
        server = ThreadingHTTPServer(("127.0.0.1", 0), Echo)
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        log = Path(folder) / "session.jsonl"
        with Recorder(
            f"http://127.0.0.1:{server.server_port}",
            log,
            keep=3,
            counter=choose.token_counter("unknown"),
            then=lambda record: lines.append(_line(record)),
        ) as proxy:
            yield proxy, log, lines
        server.shutdown()
        server.server_close()
        thread.join()


def cut(raw: bytes, at: list[int]) -> list[bytes]:
    places = [0, *sorted({each % (len(raw) + 1) for each in at}), len(raw)]
    return [raw[start:end] for start, end in pairwise(places)]


KEYS = st.text(string.ascii_letters + string.digits + "-_.~+/=", min_size=12, max_size=80).filter(
    lambda key: len(set(key)) > 5 and not key.startswith(("=", "/"))
)
PRINTED = st.text(
    "".join(map(chr, range(33, 127))).replace(",", "").replace(";", ""), min_size=12, max_size=60
).filter(lambda key: len(set(key)) > 7 and "***" not in key)
HEADERS = st.sampled_from(
    ["authorization", "x-api-key", "api-key", "x-goog-api-key", "cookie", "proxy-authorization"]
)


def requests_with(key: str, name: str, place: str) -> tuple[str, dict[str, str], bytes]:
    """Return path, headers and body; the key is in a header or in the query, and in a place."""
    value = {"authorization": f"Bearer {key}", "cookie": f"session={key}"}.get(name, key)
    headers = {name: value, "anthropic-version": "2023-06-01"}
    path = CHAT
    if place == "query":
        headers, path = {}, f"{CHAT}?{urlencode({'api_key': key})}"
    elif place == "path":
        path = f"/bots/{quote(key, safe='')}{CHAT}"
    elif place == "other header":
        headers["x-trace"] = f"of {key}!"
    elif place == "basic":
        headers = {"authorization": "Basic " + base64.b64encode(f"me:{key}".encode()).decode()}
    texts = {
        "text": f"my key is {key}, keep it",
        "base64": base64.b64encode(f"abc:{key}:d".encode()).decode(),
        "url": f"https://api.example/?a={quote(key, safe='')}&b",
        "json": json.dumps({"nested": json.dumps([key])}),
    }
    text = texts.get(place, "hello")
    body: dict[str, Any] = {"model": "m", "messages": [{"role": "user", "content": text}]}
    if place == "nested":
        body["tools"] = [
            {"type": "function", "function": {"name": "f", "parameters": {key: [key]}}}
        ]
    raw = json.dumps(body).encode()
    if place == "no json":
        raw = f"<{key}>".encode() + b"\xff"
    elif place == "gzip":
        raw = gzip.compress(raw.replace(b"hello", json.dumps(key).encode()[1:-1]))
        headers["content-encoding"] = "gzip"
    return path, headers, raw


def answers_with(key: str, place: str) -> tuple[int, dict[str, str], bytes]:
    usage = {"prompt_tokens": 5, "completion_tokens": 1}
    if place == "error":
        message = f"Incorrect API key provided: {key}. You can find your key elsewhere."
        return 401, {"content-type": "application/json"}, json.dumps({"error": {"message": message}}).encode()  # fmt: skip
    if place == "text error":
        return 500, {"content-type": "text/plain"}, f"no such key: {key}".encode()
    if place == "events":
        halves = [key[: len(key) // 2], key[len(key) // 2 :], f" and {key}"]
        events = [{"choices": [{"index": 0, "delta": {"content": each}}]} for each in halves]
        lines = [f"data: {json.dumps(each)}\n\n" for each in [*events, {"usage": usage}]]
        return 200, {"content-type": "text/event-stream"}, "".join(lines).encode() + b"data: [DONE]\n\n"  # fmt: skip
    if place == "header":
        return 200, {"x-your-key": key, "x-echo": f"<{key}>", "set-cookie": f"s={key}"}, b"{}"
    raw = json.dumps({"usage": usage, "echo": {"deep": [f"{key}", {"a": f"-{key}-"}]}}).encode()
    if place == "gzip":
        return 200, {"content-encoding": "gzip"}, gzip.compress(raw)
    return 200, {"content-type": "application/json"}, raw


SENT = ["text", "base64", "url", "json", "nested", "query", "path", "other header", "basic"]
SENT += ["no json", "gzip", "header alone"]
ANSWERED = ["error", "text error", "events", "header", "gzip", "json"]


@settings(
    max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    key=KEYS | PRINTED,
    name=HEADERS,
    sent=st.sampled_from(SENT),
    answered=st.sampled_from(ANSWERED),
    at=st.lists(st.integers(0, 2000), max_size=6),
)
@example(key=KEY, name="x-api-key", sent="json", answered="events", at=[30, 31, 60])
@example(key='a"b\\c/d%e+f=ghij', name="x-api-key", sent="json", answered="json", at=[])
@example(key='a"b\\c/d%e+f=ghij', name="x-api-key", sent="nested", answered="gzip", at=[])
@example(key='a"b\\c/d%e+f=ghij', name="x-api-key", sent="no json", answered="events", at=[1])
def test_a_key_never_stands_in_what_is_kept(
    way: tuple[Recorder, Path, list[str]],
    key: str,
    name: str,
    sent: str,
    answered: str,
    at: list[int],
) -> None:
    proxy, log, lines = way
    lines.clear()
    before = log.stat().st_size
    path, headers, raw = requests_with(key, name, sent)
    status, told, answer = answers_with(key, answered)
    Echo.answer = status, told, cut(answer, at)
    connection = http.client.HTTPConnection("127.0.0.1", proxy.port, timeout=10)
    try:
        connection.request("POST", path, raw, headers)
        response = connection.getresponse()
        got = response.read()
        assert (response.status, got) == (status, answer)  # what is forwarded is untouched
        record = proxy.requests[-1]
        assert record.problem == ""
        connection.request("GET", "/_wiremark/requests")
        shown = connection.getresponse().read()
    finally:
        connection.close()
    with log.open("rb") as file:
        file.seek(before)
        kept = file.read()
    assert kept.count(b"\n") == 1
    everything = kept.decode() + shown.decode() + "".join(lines) + repr(record)
    everything += json.dumps(json.loads(kept), ensure_ascii=False)
    forms = {key, quote(key, safe="")}
    in_json = key
    for _ in range(4):
        in_json = json.dumps(in_json)[1:-1]
        forms.add(in_json)
    forms |= {base64.b64encode(b"x" * skip + key.encode()).decode()[4:-4] for skip in range(3)}
    for form in forms:
        assert form not in everything
    if answered == "events":
        events = [json.loads(line[6:]) for line in record.response.decode().split("\n") if line.startswith("data: {")]  # fmt: skip
        said = "".join(each["choices"][0]["delta"]["content"] for each in events[:-1])
        assert key not in said
    if sent not in ("no json", "gzip"):
        assert set(record.body) >= {"model", "messages"}  # its structure stays


def test_no_error_of_an_upstream_tells_a_key() -> None:
    with Recorder("http://127.0.0.1:1") as proxy, contextlib.redirect_stderr(io.StringIO()) as err:
        connection = http.client.HTTPConnection("127.0.0.1", proxy.port, timeout=10)
        connection.request("POST", f"{CHAT}?api_key={KEY}", b"{}", {"authorization": KEY})
        body = connection.getresponse().read()
        connection.close()
        kept: tuple[Record, ...] = proxy.requests
    assert b"cannot be reached" in body
    assert KEY not in body.decode() + repr(kept) + err.getvalue()
