"""A provider on loopback for the released SDKs, and what is sent to it.

The provider keeps each request as it arrived and answers in the shape of its protocol; it judges
nothing. Only loopback can be reached from these tests.
"""

from __future__ import annotations

import json
import socket
import threading
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from email.message import Message
from functools import cached_property
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import ModuleType
from typing import Any, Final
from urllib.parse import urlsplit

import pytest

from wiremark import (
    Base64Source,
    ImageBlock,
    Msg,
    TextBlock,
    ThinkingBlock,
    ToolResultBlock,
    ToolSchema,
    ToolUseBlock,
    URLSource,
)

HOST: Final = "127.0.0.1"
MAX_BODY_BYTES: Final = 1 << 20
MAX_REQUESTS: Final = 64
PROXIES: Final = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")
MARKERS: Final = ("cache_control", "prompt_cache_breakpoint")
NATIVE: Final = "/services/aigc/"


# What arrived.


@dataclass(frozen=True)
class Arrived:
    """One request as it came over the wire."""

    method: str
    target: str
    headers: Message
    raw: bytes

    @property
    def path(self) -> str:
        return urlsplit(self.target).path

    @property
    def query(self) -> str:
        return urlsplit(self.target).query

    @cached_property
    def body(self) -> dict[str, Any]:
        body: dict[str, Any] = json.loads(self.raw)
        return body

    @property
    def messages(self) -> list[dict[str, Any]]:
        messages: list[dict[str, Any]] = self.body.get("input", self.body)["messages"]
        return messages

    @property
    def marks(self) -> list[tuple[str, str, dict[str, Any]]]:
        """Return every marker in the body: where, under which key, and its value."""
        return list(_marks(self.body, ""))


def _marks(value: Any, path: str) -> Iterator[tuple[str, str, dict[str, Any]]]:
    if isinstance(value, dict):
        for key, item in value.items():
            if key in MARKERS:
                yield path, key, item
            else:
                yield from _marks(item, f"{path}.{key}" if path else key)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _marks(item, f"{path}[{index}]")


# The provider.


class Provider(ThreadingHTTPServer):
    """Keeps requests; answers with the next message of `script`, else with `text`."""

    text: Final = "Wrap up warm."
    daemon_threads = True

    def __init__(self) -> None:
        super().__init__((HOST, 0), Answer)
        self.arrived: list[Arrived] = []
        self.script: deque[dict[str, Any]] = deque()
        self.problems: list[str] = []

    @property
    def base(self) -> str:
        return f"http://{HOST}:{self.server_port}"

    @property
    def only(self) -> Arrived:
        """Return the one request that arrived."""
        assert len(self.arrived) == 1
        return self.arrived[0]

    def handle_error(self, request: Any, client_address: Any) -> None:
        self.problems.append("the handler failed")
        super().handle_error(request, client_address)

    def clear(self) -> None:
        self.arrived.clear()
        self.script.clear()
        self.problems.clear()


class Answer(BaseHTTPRequestHandler):
    """HTTP/1.0, so the end of an answer is the end of its connection."""

    server: Provider
    timeout = 10

    def do_GET(self) -> None:
        self._keep(b"")
        problem = {"code": "AccessDenied", "message": "no uploads here", "request_id": "r-1"}
        self._send(403, "application/json", [json.dumps(problem)])

    def do_POST(self) -> None:
        size = int(self.headers.get("Content-Length", -1))
        if not 0 <= size <= MAX_BODY_BYTES or len(self.server.arrived) >= MAX_REQUESTS:
            self.server.problems.append(f"refused a body of {size} bytes")
            self.send_error(413)
            return
        arrived = self._keep(self.rfile.read(size))
        script = self.server.script
        message = script.popleft() if script else {"role": "assistant", "content": Provider.text}
        if NATIVE in arrived.path:
            as_parts = "/multimodal-generation/" in arrived.path
            streamed = arrived.headers.get("X-DashScope-SSE") == "enable"
            whole, events = native_answer(message, as_parts=as_parts), native_events
        else:
            streamed = arrived.body.get("stream") is True
            whole, events = chat_answer(message), chat_events
        if streamed:
            self._send(200, "text/event-stream", events(whole))
        else:
            self._send(200, "application/json", [json.dumps(whole)])

    def _keep(self, raw: bytes) -> Arrived:
        arrived = Arrived(self.command, self.path, self.headers, raw)
        self.server.arrived.append(arrived)
        return arrived

    def _send(self, status: int, kind: str, chunks: list[str]) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.end_headers()
        for chunk in chunks:
            self.wfile.write(chunk.encode())
            self.wfile.flush()

    def log_message(self, *args: Any) -> None:
        """Say nothing."""


USAGE: Final = {
    "total_tokens": 1320,
    "prompt_tokens_details": {
        "cached_tokens": 1200,
        "cache_creation_input_tokens": 100,
        "cache_creation": {"ephemeral_5m_input_tokens": 100},
        "cache_type": "ephemeral",
    },
}


def chat_answer(message: dict[str, Any]) -> dict[str, Any]:
    reason = "tool_calls" if message.get("tool_calls") else "stop"
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1763683200,
        "model": "m",
        "choices": [{"index": 0, "message": message, "finish_reason": reason, "logprobs": None}],
        "usage": {"prompt_tokens": 1310, "completion_tokens": 10, **USAGE},
    }


def chat_events(whole: dict[str, Any]) -> list[str]:
    """Return text deltas, the end, a chunk of usage without choices, and `[DONE]`."""
    chunk = {**whole, "object": "chat.completion.chunk", "usage": None}
    text = whole["choices"][0]["message"]["content"]
    deltas = [{"role": "assistant", "content": text[:4]}, {"content": text[4:]}, {}]
    chunks: list[dict[str, Any]] = [
        {**chunk, "choices": [{"index": 0, "delta": delta, "finish_reason": None}]}
        for delta in deltas
    ]
    chunks[-1]["choices"][0]["finish_reason"] = "stop"
    chunks.append({**chunk, "choices": [], "usage": whole["usage"]})
    return [*(f"data: {json.dumps(item)}\n\n" for item in chunks), "data: [DONE]\n\n"]


def native_answer(message: dict[str, Any], *, as_parts: bool) -> dict[str, Any]:
    reason = "tool_calls" if message.get("tool_calls") else "stop"
    text = message["content"]
    content = [{"text": text}] if as_parts and text else [] if as_parts else text
    choice = {"finish_reason": reason, "message": {**message, "content": content}}
    usage = {"input_tokens": 1310, "output_tokens": 10, **USAGE}
    return {"output": {"choices": [choice]}, "usage": usage, "request_id": "r-1"}


def native_events(whole: dict[str, Any]) -> list[str]:
    """Return two increments in DashScope's framing."""
    content = whole["output"]["choices"][0]["message"]["content"]
    if isinstance(content, list):
        text = content[0]["text"]
        pieces: list[Any] = [[{"text": text[:4]}], [{"text": text[4:]}]]
    else:
        pieces = [content[:4], content[4:]]
    events = []
    for number, (piece, reason) in enumerate(zip(pieces, ("null", "stop"), strict=True), 1):
        choice = {"message": {"content": piece, "role": "assistant"}, "finish_reason": reason}
        data = json.dumps({**whole, "output": {"choices": [choice]}})
        events.append(f"id:{number}\nevent:result\n:HTTP_STATUS/200\ndata:{data}\n\n")
    return events


@pytest.fixture(scope="module")
def _server() -> Iterator[Provider]:
    server = Provider()
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join(timeout=5)


@pytest.fixture
def provider(_server: Provider) -> Iterator[Provider]:
    """Return the provider, without requests so far; it must not meet trouble in a test."""
    _server.clear()
    yield _server
    assert _server.problems == []


# The SDKs, kept from the user's settings and from the network.


@pytest.fixture(scope="module", autouse=True)
def loopback_only() -> Iterator[None]:
    """Take away proxies and settings of this machine, and refuse any host but loopback."""
    connect, look_up = socket.socket.connect, socket.getaddrinfo

    def guarded_connect(self: socket.socket, address: Any) -> None:
        if self.family in (socket.AF_INET, socket.AF_INET6) and address[0] != HOST:
            raise OSError(f"a test tried to reach {address}")
        connect(self, address)

    def guarded_look_up(host: Any, *args: Any, **rest: Any) -> Any:
        if host not in (HOST, HOST.encode()):
            raise OSError(f"a test looked up {host}")
        return look_up(host, *args, **rest)

    with pytest.MonkeyPatch.context() as patch:
        for name in PROXIES:
            patch.delenv(name, raising=False)
            patch.delenv(name.upper(), raising=False)
        patch.setenv("NO_PROXY", HOST)  # systems that keep proxies outside the environment
        for name in ("BASE_URL", "ORG_ID", "PROJECT_ID", "CUSTOM_HEADERS", "LOG"):
            patch.delenv(f"OPENAI_{name}", raising=False)
        for name in ("HTTP_BASE_URL", "COMPATIBLE_BASE_URL", "API_REGION", "LOGGING_LEVEL"):
            patch.delenv(f"DASHSCOPE_{name}", raising=False)
        patch.setenv("OPENAI_API_KEY", "test")
        patch.setenv("DASHSCOPE_API_KEY", "test")
        patch.setattr(socket.socket, "connect", guarded_connect)
        patch.setattr(socket, "getaddrinfo", guarded_look_up)
        yield


@pytest.fixture(scope="module")
def openai(loopback_only: None) -> ModuleType:
    """Return the openai package, imported when first needed."""
    package: ModuleType = pytest.importorskip(
        "openai", reason="the openai package is not installed"
    )
    return package


@pytest.fixture(scope="module")
def dashscope(loopback_only: None, _server: Provider) -> Iterator[ModuleType]:
    """Return the dashscope package, imported when first needed, pointed at the provider."""
    package = pytest.importorskip("dashscope", reason="the dashscope package is not installed")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(package, "base_http_api_url", f"{_server.base}/api/v1")
        patch.setattr(package, "base_compatible_api_url", f"{_server.base}/compatible-mode/v1")
        patch.setattr(package, "api_key", "test")
        yield package


# What is sent.


@pytest.fixture
def conversation() -> list[Msg]:
    """Return two turns with parallel calls; on the wire they are seven messages.

    0 system, 1 user with a wish of its own, 2 calls, 3 and 4 results, 5 answer, 6 user.
    """
    return [
        Msg.system("You plan trips. 用中文回答。"),
        Msg.user('Weather in Köln \u2028 and "Paris"? 🙂\n</script>\t\\').with_cache_control(),
        Msg.assistant(
            [
                ThinkingBlock("Two calls."),
                TextBlock("Looking."),
                ToolUseBlock("call_1", "weather", {"city": "Köln", "days": 2}),
                ToolUseBlock("call_2", "weather", {"city": "Paris"}),
            ]
        ),
        Msg.tool(
            [
                ToolResultBlock("call_1", "weather", "8 °C"),
                ToolResultBlock("call_2", "weather", "11 °C"),
            ]
        ),
        Msg.assistant("Köln 8 °C, Paris 11 °C."),
        Msg.user("And tomorrow?"),
    ]


@pytest.fixture
def talk() -> list[Msg]:
    """Return a talk of several agents with a wish in its middle."""
    return [
        Msg.system("Moderate."),
        Msg.user("Open the floor.", name="Ann"),
        Msg.assistant("I begin.", name="Bo").with_cache_control(),
        Msg.user("Go on.", name="Ann"),
        Msg.assistant("Nice. 🙂", name="Cy"),
    ]


@pytest.fixture
def pictures() -> list[Msg]:
    """Return a conversation whose user messages end in pictures; five messages on the wire."""
    tiny = "iVBORw0KGgo="
    return [
        Msg.system("Look closely."),
        Msg.user([TextBlock("What is it?"), ImageBlock(URLSource("https://example.com/a.png"))]),
        Msg.assistant("A cat."),
        Msg.user(
            [
                TextBlock("And these?"),
                ImageBlock(URLSource("https://example.com/b.png?x=1&y=2")),
                ImageBlock(Base64Source(media_type="image/png", data=tiny)),
            ]
        ),
    ]


@pytest.fixture
def tools() -> list[ToolSchema]:
    city = {"type": "string", "description": "城市 or city"}
    days = {"type": "integer", "minimum": 1}
    schema = {"type": "object", "properties": {"city": city, "days": days}, "required": ["city"]}
    return [
        ToolSchema(name="weather", description="The weather in a city.", parameters=schema),
        ToolSchema(name="clock", description="The time.", strict=True),
    ]


@pytest.fixture
def replies() -> list[dict[str, Any]]:
    """Return what a model says in four requests: three batches of calls, then text."""

    def calls(*cities: str) -> dict[str, Any]:
        return {
            "role": "assistant",
            "content": "",
            "tool_calls": [
                {
                    "id": f"call_{city}",
                    "type": "function",
                    "index": index,
                    "function": {"name": "weather", "arguments": f'{{"city": "{city}"}}'},
                }
                for index, city in enumerate(cities)
            ],
        }

    return [
        calls("Köln", "Paris"),
        calls("Rome"),
        calls("Oslo", "北京", "Lima"),
        {"role": "assistant", "content": Provider.text},
    ]
