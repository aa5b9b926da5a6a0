"""`wiremark emulate`: its address, its end, and what a killed one knows when it is started anew."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import signal
import socket
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import pytest

pytest.importorskip("uvicorn", reason="the extra `emulator` is not installed")
pytest.importorskip("starlette", reason="the extra `emulator` is not installed")

from wiremark.cli import main
from wiremark.emulator import Emulator, EmulatorState, RealClock, VirtualClock
from wiremark.errors import OptionError

CHAT = "/compatible-mode/v1/chat/completions"
MARK = {"cache_control": {"type": "ephemeral"}}
HEAD = {"type": "text", "text": "word " * 1500, **MARK}
PATIENCE = 30.0


def chat(*texts: str, **more: Any) -> dict[str, Any]:
    said = [{"role": "user", "content": text} for text in texts or ("hello",)]
    return {
        "model": "qwen-plus",
        "messages": [{"role": "system", "content": [HEAD]}, *said],
        **more,
    }


def until(check: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE
    while not check():
        assert time.monotonic() < end
        time.sleep(0.02)


class Running:
    """A process of the command."""

    def __init__(self, *args: str) -> None:
        self.began = time.monotonic()
        self.process = subprocess.Popen(
            [sys.executable, "-m", "wiremark.cli", "emulate", *args],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            encoding="utf-8",
        )
        assert self.process.stdout is not None
        self.url = self.process.stdout.readline().strip()
        self.port = int(self.url.rpartition(":")[2]) if self.url else 0

    def open(self, path: str, body: Any = None, **headers: str) -> http.client.HTTPConnection:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        data = None if body is None else json.dumps(body)
        connection.request("GET" if body is None else "POST", path, data, headers)
        return connection

    def send(self, path: str, body: Any = None, **headers: str) -> Any:
        connection = self.open(path, body, **headers)
        try:
            return json.loads(connection.getresponse().read())
        finally:
            connection.close()

    @property
    def requests(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.send("/_wiremark/requests")["requests"]
        return found

    def kill(self) -> None:
        self.process.kill()
        self.process.communicate(timeout=PATIENCE)

    def stop(self, sign: int = signal.SIGINT) -> tuple[int, str, str]:
        self.process.send_signal(sign)
        out, err = self.process.communicate(timeout=PATIENCE)
        return self.process.returncode, out, err


@pytest.fixture
def started() -> Iterator[Callable[..., Running]]:
    running: list[Running] = []

    def start(*args: str) -> Running:
        running.append(Running(*args))
        return running[-1]

    yield start
    for each in running:
        if each.process.poll() is None:
            each.kill()
        for stream in (each.process.stdout, each.process.stderr):
            assert stream is not None
            stream.close()


def cached(answer: dict[str, Any]) -> int:
    tokens: int = answer["usage"]["prompt_tokens_details"]["cached_tokens"]
    return tokens


# ------------------------------------------------------------------------------ start and the end


def test_it_answers_within_a_second_of_its_start(started: Callable[..., Running]) -> None:
    def once() -> float:
        running = started()
        running.send("/v1/models")
        taken = time.monotonic() - running.began
        running.kill()
        return taken

    # Another process may have the machine for a while.
    assert any(once() < 1.0 for _ in range(10))


@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGTERM])
def test_told_to_stop_it_has_done_its_work(
    started: Callable[..., Running], sign: signal.Signals
) -> None:
    running = started()
    running.send(CHAT, chat())
    running.send(CHAT, chat("x", messages=3))
    status, out, err = running.stop(sign)
    lines = err.splitlines()
    assert (status, out) == (0, "")
    assert f"openai OPENAI_BASE_URL={running.url}/v1" in lines
    assert f"anthropic ANTHROPIC_BASE_URL={running.url}" in lines
    assert f"look {running.url}/_wiremark" in lines
    assert lines[-2].startswith(f"200 qwen-plus {CHAT} input 1,5")
    assert lines[-2].endswith(" read 0 written 1,505")
    assert lines[-1].startswith("400 qwen-plus ")
    assert lines[-1].endswith("[error: wrong-type]")


def test_it_stops_while_it_streams(started: Callable[..., Running], tmp_path: Path) -> None:
    running = started("--latency", "0,60", "--quiet")
    connection = running.open(CHAT, chat(stream=True))
    response = connection.getresponse()
    response.read(10)
    begin = time.monotonic()
    status, _, err = running.stop()
    response.close()
    connection.close()
    assert status == 0
    assert time.monotonic() - begin < 10
    assert "Traceback" not in err
    assert "200 qwen-plus" not in err


# ----------------------------------------------------------------------------- killed, and anew


def test_a_killed_one_goes_on_with_its_log(started: Callable[..., Running], tmp_path: Path) -> None:
    log = str(tmp_path / "log.jsonl")
    first = started("--log", log, "--clock", "virtual")
    key = {"authorization": "Bearer sk-secret"}
    assert cached(first.send(CHAT, chat(), **key)) == 0
    assert cached(first.send(CHAT, chat("hello", "again"), **key)) == 1505
    first.send(CHAT, chat("bad", messages=3), **key)
    connection = http.client.HTTPConnection("127.0.0.1", first.port, timeout=PATIENCE)
    connection.request("POST", "/_wiremark/clock?advance=200")
    connection.getresponse().read()
    connection.close()
    before = first.requests
    first.kill()

    second = started("--log", log, "--clock", "virtual")
    assert second.requests == before
    assert second.send("/_wiremark/requests")["now"] == 0.0  # the latest that was kept
    assert cached(second.send(CHAT, chat("hello", "again", "and again"), **key)) == 1505
    assert cached(second.send(CHAT, chat(), authorization="Bearer other")) == 0
    assert [each["index"] for each in second.requests] == [0, 1, 2, 3, 4]
    second.stop()
    assert "sk-secret" not in Path(log).read_text()
    if sys.platform != "win32":
        assert stat.S_IMODE(Path(log).stat().st_mode) == 0o600


def test_one_killed_in_a_stream_loses_that_request_only(
    started: Callable[..., Running], tmp_path: Path
) -> None:
    log = str(tmp_path / "log.jsonl")
    first = started("--log", log, "--latency", "0,30")
    connection = first.open(CHAT, chat("other", stream=True, model="qwen3.7-max"))
    response = connection.getresponse()
    assert response.read(5) == b"data:"
    first.kill()
    response.close()
    connection.close()
    assert Path(log).read_bytes() == b""

    second = started("--log", log)
    assert second.requests == []
    connection = second.open(CHAT, chat(stream=True))
    answer = connection.getresponse().read()
    connection.close()
    assert b"[DONE]" in answer
    (kept,) = second.requests
    assert (kept["index"], kept["ended"]) == (0, True)
    second.kill()

    third = started("--log", log)
    assert cached(third.send(CHAT, chat())) == 1505
    third.kill()
    line = json.loads(Path(log).read_text().splitlines()[0])
    assert line["response"].encode() == answer


def test_a_line_torn_by_the_end_is_named_and_costs_no_other(
    started: Callable[..., Running], tmp_path: Path
) -> None:
    log = tmp_path / "log.jsonl"
    first = started("--log", str(log))
    first.send(CHAT, chat())
    first.send(CHAT, chat("other"))
    first.kill()
    log.write_bytes(log.read_bytes()[:-30])
    second = started("--log", str(log))
    assert cached(second.send(CHAT, chat())) == 1505
    assert [each["index"] for each in second.requests] == [0, 1]
    _, _, err = second.stop()
    assert "log.jsonl:2: note: the line was cut off as it was written (it is left out)" in err
    assert "going on after 1 requests" in err


def test_many_unreadable_lines_are_counted(
    capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    log = tmp_path / "log.jsonl"
    log.write_text("no\n" * 9)
    assert run_until_stopped("--log", str(log), send=lambda port: ask(port, chat())[0]) == 0
    err = capfd.readouterr().err
    assert err.count("it is left out") == 5
    assert "note: 4 more lines of the log are left out" in err
    assert run_until_stopped("--log", str(log)) == 0
    assert "going on after 1 requests" in capfd.readouterr().err


# ------------------------------------------------------------------------------- within a process


def post(state: EmulatorState, body: dict[str, Any], path: str = CHAT) -> Any:
    from wiremark.emulator.exchange import Arrived

    answer = state.handle(Arrived("POST", path, raw=json.dumps(body).encode()))
    answer.sent.append(answer.body)
    answer.finish()
    return answer.record


def test_what_was_before_has_happened(tmp_path: Path) -> None:
    log = tmp_path / "log.jsonl"
    replies = ["one", {"status": 429}, "three"]
    first = EmulatorState(replies, log=log)
    for text in ("a", "b"):
        post(first, chat(text))
        first.clock.advance(100)
    refused = post(first, chat("x", messages=3))
    first.close()

    second = EmulatorState(replies, log=log)
    assert second.requests == first.requests
    assert [each.findings for each in second.requests] == [each.findings for each in first.requests]
    assert refused.findings
    assert second.requests[2].findings
    assert second.clock.now() == 200.0
    assert second.scenario.left == 1
    assert post(second, chat("c")).predicted.read == 1505
    second.clock.advance(301)
    assert post(second, chat("d")).predicted.read == 0
    assert second.unread == []
    second.close()


def test_requests_stand_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    from wiremark.emulator.exchange import Arrived

    log = tmp_path / "log.jsonl"
    state = EmulatorState(log=log)
    raw = json.dumps(chat(stream=True)).encode()
    late = state.handle(Arrived("POST", CHAT, raw=raw))
    post(state, chat())
    late.finish()
    state.close()
    again = EmulatorState(log=log)
    assert [each.index for each in again.requests] == [0, 1]
    again.reset()
    assert again.requests == ()
    assert post(again, chat()).index == 2  # in a file numbers are not given twice
    again.close()


def test_what_cannot_be_cached_again_is_told_and_shown(tmp_path: Path) -> None:
    log = tmp_path / "log.jsonl"
    state = EmulatorState(log=log)
    post(state, chat())
    state.close()
    line = json.loads(log.read_text())
    log.write_text(json.dumps({**line, "protocol": "of nobody"}) + "\n")
    again = EmulatorState(log=log)
    assert len(again.requests) == 1
    assert [each.path for each in again.unread] == ["log.jsonl: request 0"]
    again.close()


def test_a_full_disk_is_a_fault_that_is_told(tmp_path: Path) -> None:
    state = EmulatorState(log=tmp_path / "log.jsonl")

    def full(record: Any) -> None:
        raise OSError(28, "No space left on device")

    assert state._log is not None
    state._log.append = full  # type: ignore[method-assign]
    assert post(state, chat()).status == 200
    assert state.problems == ["the log cannot be written: No space left on device"]
    state.close()


def test_a_fault_at_the_end_of_an_answer_is_told() -> None:
    from wiremark.emulator.exchange import Arrived

    state = EmulatorState()
    answer = state.handle(Arrived("POST", CHAT, raw=json.dumps(chat(stream=True)).encode()))

    def broken(*args: Any, **more: Any) -> None:
        raise KeyError("x")

    state.cache.request = broken  # type: ignore[method-assign]
    answer.finish()
    assert state.problems == ["KeyError: 'x'"]


def test_an_emulator_started_again_goes_on_in_its_log(tmp_path: Path) -> None:
    emulator = Emulator(log=tmp_path / "log.jsonl")
    for _ in range(2):
        with emulator:
            connection = http.client.HTTPConnection("127.0.0.1", emulator.port, timeout=PATIENCE)
            connection.request("POST", CHAT, json.dumps(chat()))
            connection.getresponse().read()
            connection.close()
    assert len((tmp_path / "log.jsonl").read_text().splitlines()) == 2


def test_a_real_clock_goes_as_time_does_and_can_be_moved_on() -> None:
    clock = RealClock(10.0)
    until(lambda: clock.now() > 10.0)
    assert clock.advance(100) > 110.0
    assert VirtualClock(10.0).advance(100) == 110.0
    with pytest.raises(OptionError):
        clock.advance(-1)


def test_a_latency_is_a_number_of_seconds() -> None:
    with pytest.raises(OptionError, match="is no latency"):
        EmulatorState(latency=(-1.0, 0.0))


# --------------------------------------------------------------------------------- the command's words


def run_until_stopped(*args: str, send: Callable[[int], None] = lambda port: None) -> int:
    """Run the command in this process; send once it listens, and tell it to stop."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]

    def talk() -> None:
        def is_there() -> bool:
            with socket.socket() as probe:
                return probe.connect_ex(("127.0.0.1", port)) == 0

        until(is_there)
        try:
            send(port)
        finally:
            os.kill(os.getpid(), signal.SIGINT)

    thread = threading.Thread(target=talk)
    thread.start()
    try:
        return main(["emulate", "--port", str(port), *args])
    finally:
        thread.join()


def ask(port: int, body: Any, path: str = CHAT) -> tuple[int, Any]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    try:
        connection.request("POST", path, json.dumps(body))
        response = connection.getresponse()
        return response.status, json.loads(response.read())
    finally:
        connection.close()


def test_every_word_reaches_the_emulator(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    scenario = tmp_path / "scenario.json"
    scenario.write_text('{"replies":[{"text":"scripted","delay":0}]}')
    got: list[Any] = []

    def send(port: int) -> None:
        got.append(ask(port, chat())[1]["choices"][0]["message"]["content"])
        begin = time.monotonic()
        got.append(ask(port, chat())[0])
        got.append(time.monotonic() - begin >= 0.2)
        got.append(ask(port, chat(model="gpt-5.6"))[0])
        got.append(ask(port, chat("word " * 20000))[0])
        got.append(ask(port, {**chat(), "model": "qwen-plus"}, "/v1/chat/completions")[0])

    before = signal.getsignal(signal.SIGINT)
    words = ["--scenario", str(scenario), "--latency", "0.2", "--model", "qwen-plus"]
    words += ["--max-body", "64K", "--as", "https://dashscope.aliyuncs.com/compatible-mode/v1"]
    words += ["--arm", "pessimistic", "--clock", "virtual", "--log", str(tmp_path / "log.jsonl")]
    assert run_until_stopped(*words, send=send) == 0
    assert got == ["scripted", 200, True, 404, 413, 200]
    assert signal.getsignal(signal.SIGINT) is before
    out, err = capfd.readouterr()
    assert out.startswith("http://127.0.0.1:")
    assert out.count("\n") == 1
    lines = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert {line["at"] for line in lines} == {0.0}
    assert lines[-1]["host"] == "dashscope.aliyuncs.com"
    assert " 413 " in f" {err.splitlines()[-2]} "


def test_time_passes_on_the_command_line_and_can_be_moved_on(tmp_path: Path) -> None:
    read: list[int] = []

    def send(port: int) -> None:
        read.append(cached(ask(port, chat())[1]))
        read.append(cached(ask(port, chat())[1]))
        assert ask(port, {}, "/_wiremark/clock?advance=301")[1]["now"] > 301
        read.append(cached(ask(port, chat())[1]))

    log = tmp_path / "log.jsonl"
    assert run_until_stopped("--log", str(log), "--quiet", send=send) == 0
    assert read == [0, 1505, 0]
    times = [json.loads(line)["at"] for line in log.read_text().splitlines()]
    assert 0 < times[0] < times[1] < times[1] + 301 < times[2]


def test_other_keys_than_those_that_are_named_are_refused() -> None:
    got: list[int] = []

    def send(port: int) -> None:
        for key in ("good", "bad"):
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
            head = {"authorization": f"Bearer {key}"}
            connection.request("POST", CHAT, json.dumps(chat()), head)
            with connection.getresponse() as response:
                got.append(response.status)
            connection.close()

    assert run_until_stopped("--key", "good", "--quiet", send=send) == 0
    assert got == [200, 401]


def test_a_port_in_use_is_told(capfd: pytest.CaptureFixture[str]) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert main(["emulate", "--port", str(port)]) == 2
    out, err = capfd.readouterr()
    assert (out, err) == ("", f"wiremark: 127.0.0.1:{port}: address already in use\n")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (None, "no such file or directory"),
        ("{", "not JSON"),
        ('{"reply":[]}', "unknown field 'reply'"),
        ('{"replies":{}}', "expected a list of replies"),
        ('{"replies":[],"repeat":1}', "scenario.repeat: expected true or false"),
        ('["fine",{"status":200,"txet":"no"}]', "scenario[1]: unknown field 'txet'"),
        ('[{"status":99}]', "scenario[0].status: 99 is neither"),
        ('[{"delay":"1"}]', "scenario[0].delay: '1' is no number of seconds"),
        ('[{"timeout":1}]', "scenario[0].timeout: expected true or false"),
        ('[{"match":"x"}]', "scenario[0].match: expected a Match"),
        ('[{"match":{"modle":"x"}}]', "scenario[0].match: unknown field 'modle'"),
        ('[{"match":{"model":1}}]', "scenario[0].match.model: expected a text"),
    ],
)
def test_a_scenario_that_cannot_be_read_is_told(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], text: str | None, told: str
) -> None:
    file = tmp_path / "scenario.json"
    if text is not None:
        file.write_text(text)
    assert main(["emulate", "--scenario", str(file)]) == 2
    out, err = capfd.readouterr()
    assert out == ""
    assert err.startswith(f"wiremark: {file}: ")
    assert told in err
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--host", "0.0.0.0"], "0.0.0.0 is not loopback: give --expose if you mean it"),
        (["--latency", "soon"], "'soon' is no latency such as 0.3 or 0.3,0.05"),
        (["--latency", "1,2,3"], "is no latency"),
        (["--latency=-1"], "is no latency"),
        (["--max-body", "large"], "'large' is no size such as 50M"),
        (["--as", "opnerouter"], "'opnerouter' is no host and none of dashscope"),
        (["--clock", "sun"], "'sun' is not one of"),
        (["--port", "70000"], "70000 is not in the range"),
    ],
)
def test_a_word_that_means_nothing_is_told(
    capfd: pytest.CaptureFixture[str], words: list[str], told: str
) -> None:
    assert main(["emulate", *words]) == 2
    out, err = capfd.readouterr()
    assert out == ""
    assert told in err
    assert err.count("\n") == 1


def test_a_log_that_cannot_be_written_is_told(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert main(["emulate", "--log", str(tmp_path)]) == 2
    assert capfd.readouterr().err == f"wiremark: {tmp_path}: is a directory\n"


def test_an_extra_that_is_missing_is_named(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    for name in [*sys.modules]:
        if name.startswith(("wiremark.emulator.server", "wiremark.emulator.app", "uvicorn")):
            monkeypatch.delitem(sys.modules, name)
    monkeypatch.delitem(sys.modules, "wiremark.traffic.loopback", raising=False)
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    assert main(["emulate"]) == 2
    said = capfd.readouterr().err
    assert said == "wiremark: uvicorn is not installed: pip install 'wiremark[emulator]'\n"


def test_another_module_that_is_missing_is_no_matter_of_the_extra() -> None:
    from wiremark.cli.serving import missing_extra

    missing = ModuleNotFoundError("No module named 'other'", name="other")
    assert missing_extra(missing, "emulator", ("uvicorn",)) is missing


def test_an_emulator_that_ends_by_itself_is_no_good_end() -> None:
    from wiremark.cli.io import Unusable
    from wiremark.cli.serving import serve

    class Short(Emulator):
        is_running = False

    with pytest.raises(Unusable, match="the emulator has ended by itself"):
        serve(Short(), "here", SimpleQueue(), lambda record, is_brief: "", notes=list)


def test_a_fault_of_the_emulator_stands_in_its_line() -> None:
    from wiremark.cli.emulate import _line

    record = post(EmulatorState(), chat())
    record.problem = "KeyError: 'x'"
    assert "fault of the emulator: KeyError: 'x'" in _line(record, is_brief=False)


def test_another_host_can_be_asked_for(started: Callable[..., Running]) -> None:
    running = started("--host", "0.0.0.0", "--expose")
    assert running.url.startswith("http://0.0.0.0:")
    assert running.send(CHAT, chat())["object"] == "chat.completion"


# ------------------------------------------------------------------------------------- scenarios


def test_each_agent_gets_the_replies_that_are_meant_for_it() -> None:
    state = EmulatorState(
        [
            {"text": "to a", "match": {"contains": 'you are "a"'}},
            {"text": "to the coder", "match": {"model": "qwen3-*"}},
            {"text": "to anyone"},
            {"text": "to a again", "match": {"contains": 'you are "a"'}},
            {"text": "on another path", "match": {"path": "*/messages"}},
        ]
    )
    said = []
    for body in (
        chat("hello"),
        chat('you are "a"'),
        chat("x", model="qwen3-coder-plus"),
        chat("you are b"),
        chat('you are "a"'),
    ):
        record = post(state, body)
        said.append(json.loads(record.response)["choices"][0]["message"]["content"])
    assert said == ["to anyone", "to a", "to the coder", "you are b", "to a again"]
    assert state.scenario.left == 1


def test_a_scenario_that_repeats_begins_anew_for_those_it_fits() -> None:
    from wiremark.emulator import Scenario

    to_a = {"match": {"model": "a"}}
    scenario = Scenario([{"text": "1", **to_a}, {"text": "2", **to_a}, "b"], repeat=True)
    given = [scenario.take(name).text for name in "aababca"]
    assert given == ["1", "2", "b", "1", "b", "b", "2"]
    assert Scenario([{"text": "1", **to_a}], repeat=True).take("b").text is None


def read_all(connection: http.client.HTTPConnection) -> None:
    with connection.getresponse() as response:
        response.read()


@pytest.mark.parametrize("reply", [{"timeout": True}, {"timeout": True, "cut_after": 2}])
def test_a_timeout_says_nothing_more_until_the_client_goes(reply: dict[str, Any]) -> None:
    with Emulator([reply]) as emulator:
        connection = http.client.HTTPConnection("127.0.0.1", emulator.port, timeout=0.5)
        connection.request("POST", CHAT, json.dumps(chat(stream=True)))
        with contextlib.closing(connection), pytest.raises(TimeoutError):
            read_all(connection)
        until(lambda: emulator.requests[0].ended)
        assert emulator.requests[0].response.count(b"data:") == reply.get("cut_after", 0)
        assert emulator.state.problems == []


def test_latency_stands_between_events_unless_a_reply_has_its_own() -> None:
    with Emulator([{"pause": 0, "delay": 0}], latency=(0.1, 0.05)) as emulator:
        taken = []
        for _ in range(2):
            begin = time.monotonic()
            connection = http.client.HTTPConnection("127.0.0.1", emulator.port, timeout=PATIENCE)
            connection.request("POST", CHAT, json.dumps(chat(stream=True)))
            events = connection.getresponse().read().count(b"data:")
            connection.close()
            taken.append(time.monotonic() - begin)
        assert taken[1] >= 0.1 + 0.05 * (events - 1)
        assert taken[0] < taken[1]
        connection = http.client.HTTPConnection("127.0.0.1", emulator.port, timeout=PATIENCE)
        begin = time.monotonic()
        connection.request("POST", CHAT, b"no JSON")
        response = connection.getresponse()
        assert (response.status, response.read()[:1]) == (400, b"{")
        connection.close()
        assert time.monotonic() - begin < 0.1  # a refusal comes at once


def test_what_is_said_is_brief_while_requests_come_in_a_flood() -> None:
    from wiremark.cli.emulate import _line

    state = EmulatorState()
    waste = chat("x")
    waste["messages"][0]["content"] = [{"type": "text", "text": "short", **MARK}]
    record = post(state, waste)
    assert _line(record, is_brief=True).endswith("written 0  [findings on the page]")
    assert record.find is not None  # not judged
    assert _line(record, is_brief=False).endswith("[waste: under-minimum]")


def test_a_flood_is_answered_and_every_line_is_written(
    capfd: pytest.CaptureFixture[str],
) -> None:
    def send(port: int) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
        for _ in range(300):
            connection.request("POST", CHAT, json.dumps(chat()))
            connection.getresponse().read()
        connection.close()

    assert run_until_stopped(send=send) == 0
    lines = capfd.readouterr().err.splitlines()
    assert sum(line.startswith("200 qwen-plus") for line in lines) == 300


def test_replies_can_be_added_and_begun_again() -> None:
    from wiremark.emulator import Scenario

    scenario = Scenario(["one"])
    scenario.add("two")
    scenario.take()
    again = scenario.copy()
    assert (scenario.left, again.left) == (1, 2)
    scenario.mark_given(7)  # of a longer scenario, before
    assert scenario.take().text == "two"
