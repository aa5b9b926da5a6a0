"""`wiremark convert`: the body on standard output, what was lost on standard error."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from wiremark import convert
from wiremark.cli import commands, main
from wiremark.conversion import PROTOCOLS, TARGETS

PLAIN: dict[str, Any] = {
    "model": "claude-sonnet-4-5",
    "max_tokens": 9,
    "messages": [{"role": "user", "content": [{"type": "text", "text": "Where?"}]}],
}
THOUGHT = {"type": "thinking", "thinking": "Hm.", "signature": "s"}
THINKING: dict[str, Any] = {
    **PLAIN,
    "messages": [
        *PLAIN["messages"],
        {"role": "assistant", "content": [THOUGHT, {"type": "text", "text": "Here."}]},
        {"role": "user", "content": "Well?"},
    ],
}
WORDS = ("--from", "anthropic", "--to", "dashscope-compatible", "--model", "qwen-plus")


@dataclass(frozen=True)
class Result:
    """What a run gave."""

    status: int
    out: str
    err: str


Run = Callable[..., Result]


@pytest.fixture
def run(
    monkeypatch: pytest.MonkeyPatch, capfdbinary: pytest.CaptureFixture[bytes], tmp_path: Path
) -> Run:
    def call(body: Any, *words: str) -> Result:
        text = body if isinstance(body, str) else json.dumps(body)
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(text.encode())))
        status = main(["convert", "-", *words])
        out, err = capfdbinary.readouterr()
        return Result(status, out.decode(), err.decode())

    return call


def test_body_is_on_standard_output_alone(run: Run) -> None:
    done = run(PLAIN, *WORDS)
    made = convert(PLAIN, source="anthropic", target="dashscope-compatible", model="qwen-plus")
    assert (done.status, done.err) == (0, "")
    assert done.out == f"{made.request.to_json()}\n"


def test_what_was_lost_is_a_line_each_on_standard_error(run: Run) -> None:
    done = run(THINKING, "--from", "anthropic", "--to", "dashscope", "--model", "qwen-plus")
    assert done.status == 0
    assert done.err.splitlines() == [
        "messages[1]: note: thinking is not carried",
        "messages[1]: note: the signature of thinking is not carried",
    ]
    assert json.loads(done.out)["input"]["messages"][1] == {"role": "assistant", "content": "Here."}


def test_strict_makes_a_loss_the_exit_status(run: Run) -> None:
    assert run(THINKING, *WORDS, "--strict").status == 1
    assert run(PLAIN, *WORDS, "--strict").status == 0


def test_host_chooses_the_rules(run: Run) -> None:
    body = {**PLAIN, "cache_control": {"type": "ephemeral"}}
    words = ("--from", "anthropic", "--to", "openai-chat", "--model", "any-model")
    assert "cache_control" in run(body, *words, "--host", "dashscope.aliyuncs.com").out
    done = run(body, *words, "--host", "https://api.deepseek.com/v1")
    assert "cache_control" not in done.out
    assert done.err == "cache_control: note: the mark is not carried: deepseek takes no marks\n"


def test_json_can_be_indented(run: Run) -> None:
    assert run(PLAIN, *WORDS, "--indent", "2").out.startswith('{\n  "model"')


def test_marks_beyond_the_limit_are_lines_and_no_warning(run: Run) -> None:
    part = {"type": "text", "text": "a", "cache_control": {"type": "ephemeral"}}
    turns = [{"role": role, "content": [part]} for _ in range(3) for role in ("user", "assistant")]
    done = run({**PLAIN, "messages": turns}, *WORDS)
    assert done.out.count("cache_control") == 4
    assert [line.partition(" ")[0] for line in done.err.splitlines()] == [
        "messages[1]:",
        "messages[2]:",
    ]


def test_what_the_provider_rejects_is_a_line(run: Run) -> None:
    body = {"messages": [{"role": "assistant", "content": "Hello."}], "model": "m"}
    done = run(body, "--from", "openai-chat", "--to", "bedrock-converse")
    assert "messages[0]: the conversation starts with a message of the assistant" in done.err


@pytest.mark.parametrize(
    ("body", "words", "reason"),
    [
        ("{", WORDS, "stdin: line 1"),
        ([], WORDS, "stdin: body: expected a request body, got list"),
        ({"model": "m"}, WORDS, "stdin: body.messages: is required"),
        ({"messages": []}, ("--from", "anthropic", "--to", "openai-chat"), "names its model"),
        (PLAIN, ("--from", "smoke", "--to", "openai-chat"), "'smoke' is not one of"),
        (PLAIN, ("--from", "anthropic"), "Missing option '--to'"),
    ],
)
def test_unusable_input_is_one_line_and_status_2(
    run: Run, body: Any, words: tuple[str, ...], reason: str
) -> None:
    done = run(body, *words)
    assert (done.status, done.out) == (2, "")
    assert done.err.startswith("wiremark: ")
    assert done.err.count("\n") == 1
    assert reason in done.err


def test_words_name_every_protocol_and_target() -> None:
    choices = {option.name: option.type for option in commands.commands["convert"].params}
    assert tuple(choices["protocol"].choices) == PROTOCOLS  # type: ignore[attr-defined]
    assert tuple(choices["target"].choices) == tuple(TARGETS)  # type: ignore[attr-defined]
