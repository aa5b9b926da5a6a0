"""A ledger of turns outlives its writers: at most the turn in flight is lost."""

from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wiremark.errors import MessageError, SerializationError, WiremarkError
from wiremark.usage import COUNTS, Usage
from wiremark.usage.ledger import UsageLedger
from wiremark.usage.totals import UsageTotals

COUNT = st.none() | st.integers(0, 10**9)
USAGES = st.builds(Usage, model=st.none() | st.text(max_size=8), **dict.fromkeys(COUNTS, COUNT))
TURNS = [
    Usage(input=1200, output=30, cache_read=0, cache_write=1100, model="qwen-plus"),
    Usage(input=1300, output=20, cache_read=1100, cache_write=0, model="qwen-plus"),
    Usage(input=700, output=9, model="通义 2", provider="dashscope", protocol="dashscope"),
]


def totals_of(*usages: Usage) -> UsageTotals:
    totals = UsageTotals()
    for usage in usages:
        totals.add(usage)
    return totals


def written(path: Path, *turns: Usage) -> bytes:
    with UsageLedger(path) as ledger:
        for turn in turns:
            ledger.add(turn)
    return path.read_bytes()


@pytest.mark.parametrize("fsync", [False, True])
def test_turns_are_read_again(tmp_path: Path, fsync: bool) -> None:
    path = tmp_path / "usage.jsonl"
    with UsageLedger(path, fsync=fsync) as ledger:
        assert ledger.totals() == UsageTotals()
        for turn in TURNS:
            assert ledger.add(turn) == turn
        assert ledger.totals() == totals_of(*TURNS)
    assert UsageLedger.read(path) == (totals_of(*TURNS), ())


def test_fsync_is_called_for_each_turn_only_if_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[int] = []
    monkeypatch.setattr(os, "fsync", synced.append)
    with UsageLedger(tmp_path / "a") as ledger:
        ledger.add(TURNS[0])
    assert synced == []
    with UsageLedger(tmp_path / "b", fsync=True) as ledger:
        opened = len(synced)
        ledger.add(TURNS[0])
        ledger.add(TURNS[1])
    assert len(synced) == opened + 2


def test_line_is_one_object_with_what_was_reported(tmp_path: Path) -> None:
    with UsageLedger(tmp_path / "a") as ledger:
        ledger.add(TURNS[2], session="s1", turn=7)
    (line,) = (tmp_path / "a").read_text(encoding="utf-8").splitlines()
    assert json.loads(line) == {
        "wiremark": "usage",
        "version": 1,
        "model": "通义 2",
        "provider": "dashscope",
        "protocol": "dashscope",
        "input": 700,
        "output": 9,
        "extra": {"session": "s1", "turn": 7},
    }


def test_line_is_written_by_one_call(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[bytes] = []
    real = os.write
    monkeypatch.setattr(os, "write", lambda file, data: (calls.append(data), real(file, data))[1])
    (tmp_path / "a").write_bytes(b'{"torn')
    with UsageLedger(tmp_path / "a") as ledger:
        ledger.add(TURNS[0])
    (data,) = calls
    assert data.startswith(b"\n{")
    assert data.endswith(b"}\n")


def test_opening_again_goes_on_at_the_end(tmp_path: Path) -> None:
    path = tmp_path / "a"
    written(path, TURNS[0])
    written(path, *TURNS[1:])
    assert UsageLedger.read(path)[0] == totals_of(*TURNS)


def test_path_may_be_text(tmp_path: Path) -> None:
    with UsageLedger(str(tmp_path / "a")) as ledger:
        ledger.add(TURNS[0])
    assert UsageLedger.read(str(tmp_path / "a"))[0].turns == 1


def test_extra_that_is_no_json_writes_nothing(tmp_path: Path) -> None:
    with UsageLedger(tmp_path / "a") as ledger:
        with pytest.raises(SerializationError) as caught:
            ledger.add(TURNS[0], session=object())
        assert caught.value.path == "extra.session"
        with pytest.raises(MessageError):
            ledger.add(Usage(input=-1))
    assert (tmp_path / "a").read_bytes() == b""


@settings(max_examples=40)
@given(st.lists(USAGES, max_size=6))
def test_whatever_is_added_is_read_again(
    tmp_path_factory: pytest.TempPathFactory, turns: list[Usage]
) -> None:
    path = tmp_path_factory.mktemp("ledger") / "a"
    data = written(path, *turns)
    assert data.count(b"\n") == len(turns)
    assert UsageLedger.read(path) == (totals_of(*turns), ())


# ------------------------------------------------------------------ crashes


def test_cut_at_any_byte_loses_at_most_the_turn_in_flight(tmp_path: Path) -> None:
    path = tmp_path / "a"
    whole = written(path, *TURNS)
    lines = whole.splitlines(keepends=True)
    for cut in range(len(whole) + 1):
        path.write_bytes(whole[:cut])
        ended = whole[:cut].count(b"\n")
        # A line of which only the line break is missing holds its turn.
        rest = whole[:cut].rpartition(b"\n")[2]
        kept = ended + (bool(rest) and rest + b"\n" == lines[ended])
        totals, findings = UsageLedger.read(path)
        assert totals == totals_of(*TURNS[:kept]), cut
        torn = bool(rest) and kept == ended
        assert [(f.code, f.path) for f in findings] == (
            [("torn-line", f"line {ended + 1}")] if torn else []
        ), cut


def test_ledger_cut_at_any_byte_is_repaired_by_the_next_turn(tmp_path: Path) -> None:
    path = tmp_path / "a"
    whole = written(path, *TURNS)
    after = Usage(input=5, model="after")
    for cut in range(len(whole) + 1):
        path.write_bytes(whole[:cut])
        before, torn = UsageLedger.read(path)
        written(path, after)
        totals, findings = UsageLedger.read(path)
        assert totals == before + totals_of(after), cut
        assert path.read_bytes().startswith(whole[:cut])
        assert len(findings) == len(torn), cut
        assert all(f.code == "unreadable-line" for f in findings)


def test_line_torn_by_another_process_meanwhile_is_closed_too(tmp_path: Path) -> None:
    with UsageLedger(tmp_path / "a") as ledger:
        ledger.add(TURNS[0])
        with (tmp_path / "a").open("ab") as other:
            other.write(b'{"wiremark": "usa')
        ledger.add(TURNS[1])
        totals, findings = UsageLedger.read(tmp_path / "a")
    assert totals == totals_of(*TURNS[:2])
    assert [f.path for f in findings] == ["line 2"]


def test_zeros_of_a_power_failure_are_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "a"
    first = written(path, TURNS[0])
    path.write_bytes(first + b"\0" * 50)
    written(path, TURNS[1])
    assert UsageLedger.read(path) == (totals_of(*TURNS[:2]), ())


@pytest.mark.parametrize(
    "line",
    [
        b"not json",
        b"[]",
        b"7",
        b'{"input": 1}',
        b'{"wiremark": "usage-totals", "version": 2, "models": {}}',
        b'{"wiremark": "usage", "version": 2, "input": 1}',
        b'{"wiremark": "usage", "version": true, "input": 1}',
        b'{"wiremark": "usage", "version": 1, "input": -1}',
        b'{"wiremark": "usage", "version": 1, "input": "1"}',
        b'{"wiremark": "usage", "version": 1, "model": 1}',
        b'{"wiremark": "usage", "version": 1, "input": 1' + b"\xff}",
        b"[" * 100_000,
    ],
)
def test_line_that_cannot_be_read_is_passed_over_and_reported(tmp_path: Path, line: bytes) -> None:
    path = tmp_path / "a"
    first = written(path, TURNS[0])
    path.write_bytes(first + line + b"\n")
    written(path, TURNS[1])
    totals, (finding,) = UsageLedger.read(path)
    assert totals == totals_of(*TURNS[:2])
    assert (finding.code, finding.severity, finding.path) == ("unreadable-line", "note", "line 2")


def test_blank_lines_and_other_line_ends_do_no_harm(tmp_path: Path) -> None:
    path = tmp_path / "a"
    data = written(path, *TURNS)
    path.write_bytes(b"\r\n\n" + data.replace(b"\n", b"\r\n") + b"  \n")
    assert UsageLedger.read(path) == (totals_of(*TURNS), ())


def test_line_that_is_written_half_is_written_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = os.write
    halves = iter([True])
    monkeypatch.setattr(
        os, "write", lambda file, data: real(file, data[:9] if next(halves, False) else data)
    )
    with UsageLedger(tmp_path / "a") as ledger:
        ledger.add(TURNS[0])
    totals, findings = UsageLedger.read(tmp_path / "a")
    assert totals == totals_of(TURNS[0])
    assert len(findings) == 1


def test_disk_that_is_full_is_an_error_and_the_file_stays_readable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = os.write
    with UsageLedger(tmp_path / "a") as ledger:
        ledger.add(TURNS[0])
        monkeypatch.setattr(os, "write", lambda file, data: real(file, data[:3]))
        with pytest.raises(OSError, match="not written whole") as caught:
            ledger.add(TURNS[1])
        assert caught.value.errno == errno.EIO
        monkeypatch.undo()
        ledger.add(TURNS[2])
    assert UsageLedger.read(tmp_path / "a")[0] == totals_of(TURNS[0], TURNS[2])


# ------------------------------------------------------------------ many writers

WRITER = """
import sys
from wiremark.usage import Usage
from wiremark.usage.ledger import UsageLedger

path, name, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
with UsageLedger(path) as ledger:
    print("ready", flush=True)
    sys.stdin.read(1)
    for turn in range(count):
        ledger.add(Usage(input=turn, model=name), note="x" * 200)
        if count > 10_000:
            print(turn, flush=True)
"""


def writer(path: Path, name: str, count: int) -> subprocess.Popen[str]:
    package = Path(sys.modules["wiremark"].__file__ or "").parents[1]
    process = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(path), name, str(count)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(package)},
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


def test_two_processes_lose_no_line(tmp_path: Path) -> None:
    path = tmp_path / "a"
    writers = [writer(path, name, 500) for name in ("one", "two")]
    for process in writers:
        process.communicate("g")
        assert process.returncode == 0
    totals, findings = UsageLedger.read(path)
    assert findings == ()
    assert {name: (held.turns, held.input) for name, held in totals.by_model.items()} == {
        "one": (500, 499 * 500 // 2),
        "two": (500, 499 * 500 // 2),
    }


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="the system has no kill -9")
def test_process_that_is_killed_loses_nothing_it_had_added(tmp_path: Path) -> None:
    path = tmp_path / "a"
    process = writer(path, "killed", 10**9)
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write("g")
    process.stdin.flush()
    said = [process.stdout.readline() for _ in range(50)]
    process.kill()
    said += process.stdout.readlines()
    process.wait()
    process.stdin.close()
    process.stdout.close()
    confirmed = sum(line.endswith("\n") for line in said)
    turns = UsageLedger.read(path)[0].turns
    assert confirmed <= turns <= confirmed + 1


def test_threads_share_a_ledger(tmp_path: Path) -> None:
    with UsageLedger(tmp_path / "a") as ledger:
        threads = [
            threading.Thread(target=lambda: [ledger.add(Usage(input=1)) for _ in range(100)])
            for _ in range(6)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert ledger.totals().input == 600


# ------------------------------------------------------------------ paths


def test_directory_is_refused(tmp_path: Path) -> None:
    for use in (UsageLedger, UsageLedger.read):
        with pytest.raises(WiremarkError, match="is a directory") as caught:
            use(tmp_path)
        assert caught.value.path == str(tmp_path)
        assert caught.value.advice


def test_folder_that_does_not_exist_is_refused(tmp_path: Path) -> None:
    with pytest.raises(WiremarkError, match="No such file") as caught:
        UsageLedger(tmp_path / "none" / "a")
    assert isinstance(caught.value.__cause__, OSError)
    assert not (tmp_path / "none").exists()


def test_reading_a_file_that_does_not_exist_makes_none(tmp_path: Path) -> None:
    with pytest.raises(WiremarkError, match="No such file"):
        UsageLedger.read(tmp_path / "a")
    assert list(tmp_path.iterdir()) == []


def test_way_through_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"")
    with pytest.raises(WiremarkError, match="Not a directory"):
        UsageLedger(tmp_path / "a" / "b")


def test_path_that_the_system_cannot_name_is_refused() -> None:
    with pytest.raises(WiremarkError, match="null"):
        UsageLedger("a\0b")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="the system has no named pipes")
def test_pipe_is_refused_without_waiting(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for use in (UsageLedger, UsageLedger.read):
        with pytest.raises(WiremarkError, match="no regular file"):
            use(tmp_path / "pipe")


def test_closed_ledger_refuses_turns_and_can_be_closed_again(tmp_path: Path) -> None:
    ledger = UsageLedger(tmp_path / "a")
    ledger.close()
    ledger.close()
    with pytest.raises(WiremarkError, match="closed"):
        ledger.add(TURNS[0])
    assert ledger.totals() == UsageTotals()


def test_ledger_shows_its_path_and_state(tmp_path: Path) -> None:
    ledger = UsageLedger(tmp_path / "a")
    assert repr(ledger) == f"<UsageLedger {str(tmp_path / 'a')!r}>"
    ledger.close()
    assert repr(ledger).endswith(", closed>")


def unused(*_: Any) -> None:
    raise AssertionError("no file may be opened")


def test_totals_open_no_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "open", unused)
    monkeypatch.setattr(Path, "open", unused)
    assert totals_of(*TURNS).turns == 3
