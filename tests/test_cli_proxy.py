"""`wiremark proxy` as a process: what it says, what it keeps, and how it ends."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from queue import SimpleQueue
from typing import Any
from urllib.request import Request, urlopen

import pytest
from click.testing import CliRunner

pytest.importorskip("uvicorn", reason="the extra `recorder` is not installed")
pytest.importorskip("starlette", reason="the extra `recorder` is not installed")
pytest.importorskip("httpx2", reason="the extra `recorder` is not installed")

from wiremark.cli import commands, main
from wiremark.cli.proxy import _is_unkept, _line
from wiremark.cli.serving import Ended, Told
from wiremark.emulator import Emulator
from wiremark.recorder import Recorder
from wiremark.traffic.records import Record

KEY = "sk-4f0d2c7e9b1a4c6d8e0f"
PATH = "/compatible-mode/v1/chat/completions"
SYSTEM = {"type": "text", "text": "word " * 3000, "cache_control": {"type": "ephemeral"}}
BODY = {
    "model": "qwen3.7-max",
    "messages": [
        {"role": "system", "content": [SYSTEM]},
        {"role": "user", "content": f"use {KEY}"},
    ],
}


@pytest.fixture(autouse=True)
def no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@contextmanager
def running(*arguments: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Run the command, and yield it with the address that it tells."""
    process = subprocess.Popen(
        [sys.executable, "-m", "wiremark.cli", "proxy", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": "formatters", "PYTHONUNBUFFERED": ""},
        cwd=Path(__file__).parent.parent,
    )
    try:
        assert process.stdout is not None
        yield process, process.stdout.readline().strip()
    finally:
        process.kill()
        process.communicate()


def post(url: str) -> Any:
    headers = {"authorization": f"Bearer {KEY}", "content-type": "application/json"}
    with urlopen(Request(url, json.dumps(BODY).encode(), headers), timeout=10) as answer:
        return json.load(answer)


def ended(process: subprocess.Popen[str], by: signal.Signals) -> tuple[str, str, int]:
    process.send_signal(by)
    out, err = process.communicate(timeout=10)
    return out, err, process.returncode


def test_a_session_is_recorded_and_replays(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log = tmp_path / "session.jsonl"
    with Emulator() as emulator, running("--to", emulator.url, "--log", str(log)) as (process, url):
        usages = [post(url + PATH)["usage"] for _ in range(2)]
        out, err, status = ended(process, signal.SIGTERM)
        service = emulator.url
    assert (status, out) == (0, "")
    first, *lines = err.splitlines()
    assert first == f"base URL {url} in place of {service}; log {log}; look {url}/_wiremark"
    assert len(lines) == 2
    read = usages[1]["prompt_tokens_details"]["cached_tokens"]
    assert read > 3000
    assert f"read {read:,} (predicted {read:,})" in lines[1]
    assert f"POST {PATH} qwen3.7-max" in lines[1]
    assert KEY not in err + log.read_text("utf-8")
    assert main(["replay", str(log), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert [row["read"] for row in told["replays"][0]["requests"]] == [0, read]
    assert main(["usage", str(log)]) == 0
    assert f"{read:,}" in capsys.readouterr().out
    assert main(["validate", str(log)]) == 0


def test_without_a_log_nothing_is_written(tmp_path: Path) -> None:
    with (
        Emulator() as emulator,
        running("--to", emulator.url, "--quiet", "--max-body", "1K") as (process, url),
    ):
        post(url + PATH)
        with urlopen(f"{url}/_wiremark/requests", timeout=10) as answer:
            (kept,) = json.load(answer)["requests"]
        _, err, status = ended(process, signal.SIGINT)
    assert status == 0
    assert len(err.splitlines()) == 1
    assert "nothing is written to disk" in err
    assert [each["code"] for each in kept["findings"]] == ["request-cut"]
    assert list(tmp_path.iterdir()) == []


def refused(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """Return the one line with which a call is refused."""
    assert main(["proxy", *arguments]) == 2
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    return err


def test_what_cannot_be_is_refused_in_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    there = ("--to", "http://api.example")
    assert "to: is no URL of a service" in refused(capsys, "--to", "api.example")
    assert "hunter2" not in refused(capsys, "--to", "http://me:hunter2@api.example")
    assert "via: " in refused(capsys, *there, "--via", "no")
    assert "--to" in refused(capsys)
    assert "give --expose" in refused(capsys, *there, "--host", "0.0.0.0")
    assert "is no size" in refused(capsys, *there, "--max-body", "much")
    nowhere = tmp_path / "no-such" / "a.jsonl"
    told = refused(capsys, *there, "--log", str(nowhere))
    assert told == f"wiremark: {nowhere}: no such file or directory\n"
    assert refused(capsys, *there, "--log", str(tmp_path)).endswith(": is a directory\n")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        told = refused(capsys, *there, "--port", str(port))
    assert told == f"wiremark: 127.0.0.1:{port}: address already in use\n"
    monkeypatch.delitem(sys.modules, "wiremark.recorder.proxy")
    monkeypatch.setitem(sys.modules, "httpx2", None)
    monkeypatch.delitem(sys.modules, "wiremark.recorder.forwarding", raising=False)
    assert "pip install 'wiremark[recorder]'" in refused(capsys, *there)


def test_each_exchange_is_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]

    def drive() -> None:
        for _ in range(500):
            try:
                post(f"http://127.0.0.1:{port}{PATH}")
            except OSError:
                time.sleep(0.01)
            else:
                break
        os.kill(os.getpid(), signal.SIGINT)

    with Emulator() as emulator:
        driving = threading.Thread(target=drive)
        driving.start()
        try:
            assert main(["proxy", "--to", emulator.url, "--port", str(port)]) == 0
        finally:
            driving.join()
    out, err = capsys.readouterr()
    assert out == f"http://127.0.0.1:{port}\n"
    assert [line.split()[0] for line in err.splitlines()] == ["base", "200"]
    assert KEY not in err


def test_a_server_that_ends_by_itself_is_told(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Recorder, "is_running", False)
    assert main(["proxy", "--to", "http://api.example"]) == 2
    assert "the recorder has ended by itself" in capsys.readouterr().err


def test_lines_of_a_log_that_are_no_exchanges_are_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    log = tmp_path / "notes.txt"
    log.write_text("one\ntwo\n")
    monkeypatch.setattr(Recorder, "is_running", False)
    assert main(["proxy", "--to", f"http://api.example/{KEY}", "--log", str(log)]) == 2
    err = capsys.readouterr().err
    assert f"{log}: note: 2 lines are no exchanges\n" in err
    assert KEY not in err


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="it has no full disk")
def test_a_full_disk_is_told_even_if_it_is_quiet() -> None:
    with (
        Emulator() as emulator,
        running("--to", emulator.url, "--quiet", "--log", "/dev/full") as (process, url),
    ):
        answers = [post(url + PATH) for _ in range(3)]
        _, err, status = ended(process, signal.SIGTERM)
    assert (status, len(answers)) == (0, 3)
    _, *lines = err.splitlines()
    assert len(lines) == 1
    assert "note: log: OSError: [Errno 28] No space left on device" in lines[0]


def test_lines_that_nobody_reads_are_left_out_and_counted() -> None:
    shown: Ended = SimpleQueue()
    told = Told(shown, _line, is_quiet=False, is_grave=_is_unkept)
    record = Record(0, 1.0, "GET", "/x", "", (), b"")
    for _ in range(1003):
        told(record)
    assert shown.qsize() == 1000
    first, second = (told.line(shown.get(), False) for _ in range(2))
    assert first == "---  0.00 s  GET  /x  not ended  [3 more left out]"
    assert second == "---  0.00 s  GET  /x  not ended"
    assert told.line(record, True).endswith("[findings on the page]")


def test_a_line_tells_what_went_wrong() -> None:
    record = Record(0, 1.0, "GET", "/x", "", (), b"", error="no", problem="cut")
    assert _line(record) == "---  0.00 s  GET  /x  not ended  no  note: cut"


def test_the_help_says_where_things_go() -> None:
    told = " ".join(CliRunner().invoke(commands, ["proxy", "--help"]).output.split())
    assert "without --log nothing is written to disk" in told
    assert "Append every exchange, without secrets." in told
