"""Measure the emulator: requests a second, streams at a time, a body too large, and its start.

`python benchmarks/serving.py`. The server is a process of its own and so is the client, both
without coverage. What a request costs is the CPU time of the server, which a busy machine does not
change as it does seconds of the wall; those are told besides.
"""

from __future__ import annotations

import asyncio
import http.client
import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

__all__ = ["Server", "body_of_20", "refuse", "requests", "start", "streams"]

PATH: Final = "/compatible-mode/v1/chat/completions"
_PACKAGE: Final = Path(__file__).resolve().parent.parent / "formatters"
_SERVER: Final = """
import json, resource, sys
from wiremark.emulator import Emulator
with Emulator(**json.loads(sys.argv[1])) as emulator:
    print(emulator.port, flush=True)
    for line in sys.stdin:
        used = resource.getrusage(resource.RUSAGE_SELF)
        told = {
            "cpu": used.ru_utime + used.ru_stime,
            "peak": used.ru_maxrss * (1 if sys.platform == "darwin" else 1024),
            "problems": emulator.state.problems,
        }
        print(json.dumps(told), flush=True)
"""


class Server:
    """An emulator in a process of its own, for as long as the block lasts.

    `seconds` is what passed from the start of the process to its first answer.
    """

    def __init__(self, **settings: Any) -> None:
        self._settings = settings
        self.port = 0
        self.seconds = 0.0

    def __enter__(self) -> Self:
        begin = time.perf_counter()
        self._process = subprocess.Popen(
            [sys.executable, "-c", _SERVER, json.dumps(self._settings)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=_environment(),
        )
        self.port = int(self._line())
        assert ask(self.port, b"{}").status == 400
        self.seconds = time.perf_counter() - begin
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(20)
        self._process.stdout.close()

    def used(self) -> dict[str, Any]:
        """Return CPU seconds, the most memory in bytes, and faults of the emulator, so far."""
        assert self._process.stdin is not None
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        told: dict[str, Any] = json.loads(self._line())
        return told

    def _line(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline()


def _environment() -> dict[str, str]:
    """Return what processes are started in: with the package, without coverage."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith("COV")}
    paths = [str(_PACKAGE), *kept.get("PYTHONPATH", "").split(os.pathsep)]
    return kept | {"PYTHONPATH": os.pathsep.join(path for path in paths if path)}


def body_of_20(number: int, *, stream: bool = False) -> bytes:
    """Return a body of 20 messages as an agent sends it, with two marks; the last text differs."""
    mark = {"cache_control": {"type": "ephemeral"}}
    messages: list[dict[str, Any]] = [
        {
            "role": "system",
            "content": [{"type": "text", "text": "You are a careful agent. " * 200, **mark}],
        }
    ]
    for turn in range(6):
        call = {
            "id": f"call_{turn}",
            "type": "function",
            "function": {"name": "look_up", "arguments": json.dumps({"query": f"topic {turn}"})},
        }
        messages += [
            {"role": "user", "content": f"Please look at topic {turn} and tell me what is new."},
            {"role": "assistant", "content": "", "tool_calls": [call]},
            {"role": "tool", "tool_call_id": f"call_{turn}", "content": "A line found. " * 20},
        ]
    question = [{"type": "text", "text": f"Question {number}: what follows?", **mark}]
    messages.append({"role": "user", "content": question})
    parameters = {"type": "object", "properties": {"query": {"type": "string"}}}
    tool = {"type": "function", "function": {"name": "look_up", "parameters": parameters}}
    body = {"model": "qwen-plus", "messages": messages, "tools": [tool], "stream": stream}
    return json.dumps(body).encode()


def _http(body: bytes, *, close: bool = False) -> bytes:
    head = f"POST {PATH} HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\n"
    head += "connection: close\r\n" if close else ""
    return f"{head}content-length: {len(body)}\r\n\r\n".encode() + body


def ask(port: int, body: Any) -> http.client.HTTPResponse:
    """Send a body, bytes or pieces of them; return the answer, read to its end."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    connection.request("POST", PATH, body)
    response = connection.getresponse()
    response.text = response.read().decode()  # type: ignore[attr-defined]
    connection.close()
    return response


# ------------------------------------------------------------------------------ what is measured


def requests(server: Server, count: int = 3000) -> dict[str, float]:
    """Return what a request of 20 messages costs: CPU milliseconds, and how many fit a second."""
    _client("requests", server.port, count // 10)
    before = server.used()["cpu"]
    seconds = _client("requests", server.port, count)
    cpu = server.used()["cpu"] - before
    return {"cpu_ms": 1000 * cpu / count, "a_second": count / seconds, "requests": count}


def streams(server: Server, count: int = 200) -> dict[str, float]:
    """Return how many of so many streams at a time came to their end, and in how many seconds."""
    begin = time.perf_counter()
    ended = _client("streams", server.port, count)
    return {"streams": count, "ended": ended, "seconds": time.perf_counter() - begin}


def refuse(server: Server, megabytes: int = 50) -> dict[str, Any]:
    """Return how a body that is too large is refused, and how many bytes that took at most."""
    ask(server.port, body_of_20(0))
    before = server.used()["peak"]
    got = ask(server.port, _pieces(megabytes))
    return {
        "status": got.status,
        "told": got.text,  # type: ignore[attr-defined]
        "grown": server.used()["peak"] - before,
    }


def start(times: int = 5) -> float:
    """Return the fewest seconds from starting the process to its first answer."""
    took = []
    for _ in range(times):
        with Server() as server:
            took.append(server.seconds)
    return min(took)


def _pieces(megabytes: int) -> Iterator[bytes]:
    yield b'{"model":"qwen-plus","messages":[{"role":"user","content":"'
    for _ in range(megabytes):
        yield b"x" * (1 << 20)
    yield b'"}]}'


# ------------------------------------------------------------------------------------ the client


def _client(what: str, port: int, count: int) -> float:
    done = subprocess.run(
        [sys.executable, __file__, "--client", what, str(port), str(count)],
        check=True,
        stdout=subprocess.PIPE,
        text=True,
        env=_environment(),
    )
    return float(done.stdout)


def _send_requests(port: int, count: int, connections: int = 4) -> float:
    """Send them over some connections that stay open; return the seconds."""
    texts = [_http(body_of_20(number)) for number in range(count)]
    wrong: list[bytes] = []

    def work(first: int) -> None:
        with socket.create_connection(("127.0.0.1", port)) as connection:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for text in texts[first::connections]:
                connection.sendall(text)
                got = connection.recv(65536)
                while b"\r\n\r\n" not in got:
                    got += connection.recv(65536)
                head, _, rest = got.partition(b"\r\n\r\n")
                length = int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0])
                while len(rest) < length:
                    rest += connection.recv(65536)
                if not head.startswith(b"HTTP/1.1 200"):
                    wrong.append(rest)

    begin = time.perf_counter()
    threads = [threading.Thread(target=work, args=(first,)) for first in range(connections)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    seconds = time.perf_counter() - begin
    if wrong:
        raise SystemExit(f"{len(wrong)} requests were refused: {wrong[0].decode()}")
    return seconds


async def _read_streams(port: int, count: int) -> float:
    """Open them all, then read each to its end; return how many had one."""
    everyone = asyncio.Event()
    opened = 0

    async def one(number: int) -> bool:
        nonlocal opened
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(_http(body_of_20(number, stream=True), close=True))
        head = await reader.readuntil(b"\r\n\r\n")
        opened += 1
        if opened == count:
            everyone.set()
        await everyone.wait()
        text = await reader.read()
        writer.close()
        await writer.wait_closed()
        return head.startswith(b"HTTP/1.1 200") and b"data: [DONE]\n\n" in text

    async with asyncio.timeout(120):
        return sum(await asyncio.gather(*(one(number) for number in range(count))))


def _main(arguments: list[str]) -> int:
    if arguments[:1] == ["--client"]:
        what, port, count = arguments[1], int(arguments[2]), int(arguments[3])
        if what == "requests":
            print(_send_requests(port, count))
        else:
            print(asyncio.run(_read_streams(port, count)))
        return 0
    with Server() as server:
        print(json.dumps(requests(server)))
        print(json.dumps(refuse(server)))
    with Server(latency=[0.0, 0.05]) as server:
        print(json.dumps(streams(server)))
    print(json.dumps({"start_seconds": start()}))
    return 0


if __name__ == "__main__":
    sys.exit(_main(sys.argv[1:]))
