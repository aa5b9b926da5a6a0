"""Measure formatting: wiremark, agentscope 2.x and 1.x for Python, and a hand-written loop.

Besides, what the emulator takes (`serving`), where its extra is installed.

`make bench`, or `python benchmarks/run.py [--quick] [--json FILE]`. Every subject is a process of
its own; they are asked in turn within one run. Exit 1 when wiremark without marks is slower than
the fastest peer on the same messages, or when a message costs more in a long conversation.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path
from statistics import median
from typing import Any

import peers
import serving
import workloads

__all__ = ["main"]

CASES = ("dashscope-chat", "openai-chat", "dashscope-multi-agent", "openai-multi-agent")
WITH_FLOOR = ("dashscope-chat", "openai-chat")
LOOP = workloads.loop_name(1000)
SIZES = (1000, 2000, 5000, 10_000)
MOST_GROWTH = 1.5
OURS, ROLLING, FLOOR = "wiremark", "wiremark, rolling", "floor"


@dataclass(frozen=True)
class Effort:
    """How often each thing is measured: `rounds` in turn, `repeat` times at each turn."""

    rounds: int
    repeat: int
    growth_rounds: int
    fresh_rounds: int


FULL = Effort(rounds=50, repeat=3, growth_rounds=15, fresh_rounds=15)
QUICK = Effort(rounds=8, repeat=2, growth_rounds=4, fresh_rounds=4)


@dataclass(frozen=True)
class Subject:
    """One column: a process and how it is to format."""

    process: peers.Process
    setting: str
    cases: tuple[str, ...] = CASES


Row = dict[str, Any]


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print, judge; return the exit code."""
    parser = argparse.ArgumentParser(description="Measure formatting against peers.")
    parser.add_argument("--quick", action="store_true", help="few repetitions")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there too")
    chosen = parser.parse_args(arguments)
    effort = QUICK if chosen.quick else FULL

    ours = peers.Process(sys.executable, "subject_wiremark")
    rivals, absent = _start_peers()
    subjects = {
        OURS: Subject(ours, "manual"),
        ROLLING: Subject(ours, "rolling"),
        **{name: Subject(process, "manual") for name, process in rivals.items()},
        FLOOR: Subject(ours, "floor", WITH_FLOOR),
    }
    _require_equal_work(subjects)
    result: Row = {
        "date": datetime.now(tz=UTC).date().isoformat(),
        "machine": f"{os.cpu_count()} cores, {platform.system()} {platform.machine()}",
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "subjects": [ours.version, *(process.version for process in rivals.values())],
        "absent": absent,
        "formatting": _formatting(subjects, effort),
        "first_and_again": _first_and_again(subjects, effort),
        "json": _json(ours, effort),
        "growth": _growth(ours, effort),
        "emulator": _emulator(),
    }
    result["failures"] = _judge(result, list(rivals))
    for process in (ours, *rivals.values()):
        process.close()
    _print(result, list(subjects), list(rivals))
    if chosen.json:
        text = json.dumps(result, ensure_ascii=False, indent=1) + "\n"
        chosen.json.write_text(text, encoding="utf-8")
    return 1 if result["failures"] else 0


def _start_peers() -> tuple[dict[str, peers.Process], dict[str, str]]:
    started: dict[str, peers.Process] = {}
    absent: dict[str, str] = {}
    for name, peer in (("agentscope 2", peers.AGENTSCOPE_2), ("agentscope 1", peers.AGENTSCOPE_1)):
        try:
            process = peers.Process(peer.python(), "subject_agentscope")
            process.ask("shape", workload=LOOP, case=CASES[0], setting="manual")
        except peers.Absent as why:
            absent[name] = str(why)
        else:
            started[name] = process
    return started, absent


def _require_equal_work(subjects: dict[str, Subject]) -> None:
    """Stop when a subject's output holds fewer messages, calls or results than ours."""
    for workload in (workloads.CONVERSATION, LOOP):
        for case in CASES:
            shapes = {
                name: subject.process.ask(
                    "shape", workload=workload, case=case, setting=subject.setting
                )
                for name, subject in subjects.items()
                if case in subject.cases
            }
            if any(shape != shapes[OURS] for shape in shapes.values()):
                raise SystemExit(f"not the same work: {workload}, {case}: {shapes}")
        for case in WITH_FLOOR:
            floor = {"workload": workload, "case": case, "settings": ["manual", "floor"]}
            if not subjects[OURS].process.ask("same", **floor):
                raise SystemExit(f"the floor's messages are not wiremark's: {workload}, {case}")


def _formatting(subjects: dict[str, Subject], effort: Effort) -> list[Row]:
    """Format messages that were formatted before, as every further request of a session does."""
    keys = [(load, case) for load in (workloads.CONVERSATION, LOOP) for case in CASES]
    times: dict[tuple[str, str], dict[str, list[int]]] = {
        (load, case): {name: [] for name, subject in subjects.items() if case in subject.cases}
        for load, case in keys
    }
    for turn in range(effort.rounds):
        _progress("formatting", turn, effort.rounds)
        for load, case in keys:
            for name in _rotated(list(times[load, case]), turn):
                subject = subjects[name]
                times[load, case][name] += subject.process.ask(
                    "again",
                    workload=load,
                    case=case,
                    setting=subject.setting,
                    repeat=effort.repeat,
                )
    return [
        {"workload": load, "case": case, "ms": {name: _summary(t) for name, t in cell.items()}}
        for (load, case), cell in times.items()
    ]


def _first_and_again(subjects: dict[str, Subject], effort: Effort) -> list[Row]:
    """Format new messages twice: what is kept on a message or block is made the first time."""
    chosen = [name for name, subject in subjects.items() if subject.setting == "manual"]
    times: dict[tuple[str, str], list[list[int]]] = {
        (case, name): [] for case in CASES for name in chosen
    }
    for turn in range(effort.fresh_rounds):
        _progress("first and again", turn, effort.fresh_rounds)
        for case in CASES:
            for name in _rotated(chosen, turn):
                times[case, name].append(
                    subjects[name].process.ask("fresh", workload=LOOP, case=case, setting="manual")
                )
    return [
        {
            "workload": LOOP,
            "case": case,
            "first_ms": {n: _summary([pair[0] for pair in times[case, n]]) for n in chosen},
            "again_ms": {n: _summary([pair[1] for pair in times[case, n]]) for n in chosen},
        }
        for case in CASES
    ]


def _json(ours: peers.Process, effort: Effort) -> list[Row]:
    rows: list[Row] = []
    for load in (workloads.CONVERSATION, LOOP):
        for case in WITH_FLOOR:
            times: dict[str, list[int]] = {"jsontext": [], "json": []}
            for turn in range(effort.rounds):
                for setting in _rotated(list(times), turn):
                    times[setting] += ours.ask(
                        "bytes", workload=load, case=case, setting=setting, repeat=1
                    )
            summaries = {name: _summary(t) for name, t in times.items()}
            rows.append({"workload": load, "case": case, "ms": summaries})
    return rows


def _growth(ours: peers.Process, effort: Effort) -> list[Row]:
    """Format the same messages as many short conversations, as fewer long ones, and as one."""
    keys = [(case, setting) for setting in ("manual", "rolling") for case in CASES]
    longest = SIZES[-1]
    times: dict[tuple[str, str], dict[int, list[int]]] = {
        key: {size: [] for size in SIZES} for key in keys
    }
    for turn in range(-1, effort.growth_rounds):
        _progress("growth", turn, effort.growth_rounds)
        for case, setting in keys:
            for size in _rotated(SIZES, turn):
                taken = ours.ask(
                    "cut",
                    workload=workloads.loop_name(longest),
                    case=case,
                    setting=setting,
                    size=size,
                )
                if turn >= 0:  # the round before the first one warms up
                    times[case, setting][size].append(taken)
    rows: list[Row] = []
    for (case, setting), cell in times.items():
        each = {size: median(taken) / longest / 1e3 for size, taken in cell.items()}
        rows.append(
            {
                "case": case,
                "policy": setting,
                "microseconds_a_message": {str(size): round(us, 3) for size, us in each.items()},
                "ratio": round(each[longest] / each[SIZES[0]], 3),
            }
        )
    return rows


def _emulator() -> Row | None:
    """Measure the emulator in processes of its own; `None` without its extra."""
    if find_spec("uvicorn") is None or find_spec("starlette") is None:
        return None
    with serving.Server() as server:
        figures: Row = {**serving.requests(server), "refused": serving.refuse(server)}
    with serving.Server(latency=[0.0, 0.05]) as server:
        figures["streams"] = serving.streams(server)
    return figures | {"start_seconds": serving.start()}


def _judge(result: Row, rivals: list[str]) -> list[str]:
    failures: list[str] = []
    for row in result["formatting"]:
        mine = row["ms"][OURS]["median"]
        fastest = min(rivals, key=lambda name: row["ms"][name]["median"], default=None)
        if fastest is not None and mine > row["ms"][fastest]["median"]:
            failures.append(
                f"{row['workload']}, {row['case']}: {mine} ms, "
                f"{fastest} takes {row['ms'][fastest]['median']} ms"
            )
    failures += [
        f"{row['case']}, {row['policy']}: one of {SIZES[-1]} messages costs {row['ratio']} times "
        f"what one of {SIZES[0]} does, more than {MOST_GROWTH}"
        for row in result["growth"]
        if row["ratio"] > MOST_GROWTH
    ]
    return failures


def _print(result: Row, names: list[str], rivals: list[str]) -> None:
    print(f"{result['date']}, {result['machine']}, {result['python']}")
    print(", ".join(result["subjects"]))
    for name, why in result["absent"].items():
        print(f"{name} was not measured: {why}")

    _title("1,000 messages that were formatted before: median (min) in ms")
    rows = [
        [row["workload"], row["case"], *(_cell(row["ms"].get(name)) for name in names)]
        for row in result["formatting"]
    ]
    _table(["messages", "formatter", *names], rows)

    _title(f"New messages, {LOOP}: median ms of the first formatting / of the second")
    shown = [OURS, *rivals]
    rows = [
        [
            row["case"],
            *(
                f"{row['first_ms'][name]['median']:.2f} / {row['again_ms'][name]['median']:.2f}"
                for name in shown
            ),
        ]
        for row in result["first_and_again"]
    ]
    _table(["formatter", *shown], rows)

    _title("JSON bytes of the formatted messages: median (min) in ms")
    rows = [
        [row["workload"], row["case"], _cell(row["ms"]["jsontext"]), _cell(row["ms"]["json"])]
        for row in result["json"]
    ]
    _table(["messages", "formatter", "wiremark.jsontext", "json"], rows)

    _title(f"The same {SIZES[-1]:,} messages in conversations of n: microseconds a message")
    rows = [
        [
            row["case"],
            row["policy"],
            *(f"{us:.2f}" for us in row["microseconds_a_message"].values()),
            f"{row['ratio']:.2f}",
        ]
        for row in result["growth"]
    ]
    _table(["formatter", "policy", *(f"{size:,}" for size in SIZES), "last / first"], rows)

    _print_emulator(result["emulator"])
    print()
    if not rivals:
        print("No peer was measured, so only growth is judged.")
    for failure in result["failures"]:
        print(f"FAILED  {failure}")
    if not result["failures"]:
        against = "no slower than the fastest peer, and " if rivals else ""
        print(f"passed: {against}cost grows linearly")


def _print_emulator(figures: Row | None) -> None:
    _title("The emulator")
    if figures is None:
        print("absent: the extra `emulator` is not installed")
        return
    refused, streams = figures["refused"], figures["streams"]
    rows = [
        ["requests of 20 messages a second", f"{figures['a_second']:.0f}"],
        ["CPU of the server a request", f"{figures['cpu_ms']:.2f} ms"],
        ["streams at a time, all to their end", f"{streams['ended']:.0f} of {streams['streams']}"],
        ["a body of 50 MB", f"{refused['status']}, {refused['grown'] / 1e6:.0f} MB held at most"],
        ["from the start of the process to an answer", f"{figures['start_seconds']:.2f} s"],
    ]
    _table(["what", "figure"], rows)


def _title(text: str) -> None:
    print(f"\n{text}\n")


def _table(head: list[str], rows: list[list[str]]) -> None:
    """Print a Markdown table, which reads well on a terminal too."""
    widths = [max(len(row[at]) for row in (head, *rows)) for at in range(len(head))]
    for row in (head, ["-" * width for width in widths], *rows):
        print("| " + " | ".join(cell.ljust(w) for cell, w in zip(row, widths, strict=True)) + " |")


def _cell(summary: dict[str, Any] | None) -> str:
    return "-" if summary is None else f"{summary['median']:.2f} ({summary['min']:.2f})"


def _summary(times: Sequence[int]) -> dict[str, Any]:
    return {
        "median": round(median(times) / 1e6, 4),
        "min": round(min(times) / 1e6, 4),
        "times": len(times),
    }


def _rotated(items: Sequence[Any], turn: int) -> list[Any]:
    """Return the items, another one first at each turn."""
    start = turn % len(items)
    return [*items[start:], *items[:start]]


def _progress(what: str, turn: int, turns: int) -> None:
    if sys.stderr.isatty():
        end = "\n" if turn == turns - 1 else "\r"
        print(f"{what}: {turn + 1} of {turns}", end=end, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
