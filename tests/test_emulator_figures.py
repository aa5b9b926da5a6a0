"""What the emulator takes: time, streams at once, bodies without end. Measured without coverage.

The limits leave room for a busy machine: CPU time of the server, not seconds of the wall, is
asserted where both say the same.
"""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("uvicorn", reason="the extra `emulator` is not installed")
pytest.importorskip("starlette", reason="the extra `emulator` is not installed")
pytest.importorskip("resource", reason="the figures are those of a Unix")

_FILE = Path(__file__).parent.parent / "benchmarks" / "serving.py"


def _load() -> Any:
    spec = importlib.util.spec_from_file_location("serving", _FILE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


serving = _load()


def _tell(text: str) -> None:
    print(text)  # noqa: T201 seen with `-s`, and when a limit is broken


def _best(figures: list[dict[str, float]], key: str) -> dict[str, float]:
    return min(figures, key=lambda each: each[key])


@pytest.mark.slow
def test_five_hundred_requests_of_twenty_messages_fit_a_second() -> None:
    assert len(json.loads(serving.body_of_20(1))["messages"]) == 20
    with serving.Server() as server:
        best = _best([serving.requests(server, 1000) for _ in range(3)], "cpu_ms")
        assert server.used()["problems"] == []
    _tell(f"{best['a_second']:.0f} requests a second, {best['cpu_ms']:.2f} ms of CPU each")
    assert best["cpu_ms"] <= 2.0  # 500 a second on one core; the other is the client's


def test_two_hundred_streams_at_a_time_all_end() -> None:
    with serving.Server(latency=[0.0, 0.02]) as server:
        told = serving.streams(server, 200)
        assert server.used()["problems"] == []
    _tell(f"{told['streams']:.0f} streams in {told['seconds']:.1f} s")
    assert told["ended"] == 200


def test_a_body_of_fifty_megabytes_is_refused_and_not_held() -> None:
    with serving.Server() as server:
        told = serving.refuse(server, 50)
        assert server.used()["problems"] == []
    _tell(f"{told['grown'] / 1e6:.0f} MB more at most")
    assert told["status"] == 413
    assert json.loads(told["told"])["error"]["message"] == "Payload Too Large"
    assert told["grown"] < 48 << 20  # up to 32 MB are read, in case that is all


def test_a_process_answers_within_a_second_of_its_start() -> None:
    # Another process may have the machine for a while.
    seconds = next((took for _ in range(10) if (took := serving.start(1)) < 1.0), None)
    assert seconds is not None
    _tell(f"{seconds:.2f} s")
