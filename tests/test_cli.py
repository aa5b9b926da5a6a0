"""The command line: what goes to which stream, with which exit status, and nothing else."""

from __future__ import annotations

import io
import json
import os
import re
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

import click
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import wiremark
from wiremark import (
    DashScopeChatFormatter,
    DashScopeMultiAgentFormatter,
    GenerateOptions,
    OpenAIChatFormatter,
    OpenAIMultiAgentFormatter,
    Quirks,
    jsontext,
    read_chat,
    validate,
)
from wiremark.base.history import HistoryLayout
from wiremark.cli import commands, main
from wiremark.cli.io import emit_json, one_line
from wiremark.conformance.check import FORMATTERS as KNOWN
from wiremark.findings import Severity
from wiremark.marks import POLICIES
from wiremark.validation import PROTOCOLS

FORMATTERS: dict[str, type[Any]] = {
    "dashscope-chat": DashScopeChatFormatter,
    "dashscope-multi-agent": DashScopeMultiAgentFormatter,
    "openai-chat": OpenAIChatFormatter,
    "openai-multi-agent": OpenAIMultiAgentFormatter,
}
SESSION: list[dict[str, Any]] = [
    {"role": "system", "content": "You find files."},
    {"role": "user", "content": "Where is the log?"},
    {
        "role": "assistant",
        "content": "",
        "tool_calls": [
            {"id": "c1", "type": "function", "function": {"name": "ls", "arguments": "{}"}}
        ],
    },
    {"role": "tool", "tool_call_id": "c1", "content": "a.log"},
    {"role": "assistant", "content": "It is a.log."},
    {"role": "user", "content": "Thanks."},
]
TOOL = {"name": "ls", "description": "list files", "parameters": {"type": "object"}}
MARK = {"type": "ephemeral"}
ESCAPE = "\x1b["


@dataclass(frozen=True)
class Result:
    """What a run gave."""

    status: int
    out: str
    err: str

    @property
    def reason(self) -> str:
        """Return the reason of a refused run: one line, nothing else anywhere."""
        assert self.status == 2, (self.out, self.err)
        assert self.out == ""
        assert self.err.count("\n") == 1, self.err
        assert self.err.startswith("wiremark: ")
        return self.err


Run = Callable[..., Result]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capfdbinary: pytest.CaptureFixture[bytes]) -> Run:
    def call(*argv: str, stdin: bytes = b"", screen: Terminal | None = None) -> Result:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin)))
        if screen is not None:
            monkeypatch.setattr(sys, "stderr", screen)
        status = main(argv)
        out, err = capfdbinary.readouterr()
        return Result(status, out.decode(), err.decode())

    return call


@pytest.fixture
def session(tmp_path: Path) -> str:
    return written(tmp_path / "session.json", SESSION)


class Terminal(io.TextIOWrapper):
    """A stream that says it is a terminal."""

    def __init__(self) -> None:
        super().__init__(io.BytesIO(), encoding="utf-8")

    def isatty(self) -> bool:
        return True

    @property
    def shown(self) -> str:
        self.flush()
        raw = self.buffer
        assert isinstance(raw, io.BytesIO)
        return raw.getvalue().decode()


@pytest.fixture
def screen(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    """A terminal with colour, to be handed to `run` as standard error."""
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", "200")
    return Terminal()


def written(file: Path, value: Any) -> str:
    file.write_text(json.dumps(value), encoding="utf-8")
    return str(file)


# ---------------------------------------------------------------- format


def test_format_writes_the_body_alone(run: Run, tmp_path: Path) -> None:
    """Form: native request and parameters by java-wire.md 2 and 10, block-level marks by 1a."""
    file = written(tmp_path / "s.json", SESSION[:2])
    done = run(
        "format", file, "--to", "dashscope-chat", "--model", "qwen-plus", "--policy", "rolling"
    )
    assert done == Result(
        0,
        '{"model":"qwen-plus","input":{"messages":['
        '{"role":"system","content":[{"text":"You find files.","cache_control":{"type":"ephemeral"}}]},'
        '{"role":"user","content":[{"text":"Where is the log?","cache_control":{"type":"ephemeral"}}]}'
        ']},"parameters":{"result_format":"message","incremental_output":false}}\n',
        "",
    )


@pytest.mark.parametrize("to", FORMATTERS)
@pytest.mark.parametrize("policy", POLICIES)
def test_body_is_the_formatters_own(run: Run, session: str, to: str, policy: str) -> None:
    made = FORMATTERS[to](policy=policy).build_request("qwen-plus", read_chat(SESSION))
    done = run("format", session, "--to", to, "--model", "qwen-plus", "--policy", policy)
    assert done == Result(0, f"{made.to_json()}\n", "")


@pytest.mark.parametrize("to", FORMATTERS)
def test_java_quirks_reach_the_formatter(run: Run, session: str, to: str) -> None:
    formatter = FORMATTERS[to](policy="system_and_last", quirks=Quirks.JAVA)
    made = formatter.build_request("qwen-plus", read_chat(SESSION))
    words = ("--to", to, "--model", "qwen-plus", "--policy", "system_and_last")
    done = run("format", session, *words, "--quirks", "java")
    assert done == Result(0, f"{made.to_json()}\n", "")


def test_messages_only_needs_no_model(run: Run, session: str) -> None:
    done = run("format", session, "--to", "openai-chat", "--messages-only")
    assert json.loads(done.out) == OpenAIChatFormatter().format(read_chat(SESSION))
    assert (done.status, done.err) == (0, "")


def test_multimodal_form_is_taken_for_any_model(run: Run, session: str) -> None:
    words = ("--to", "dashscope-chat", "--multimodal", "--messages-only")
    done = run("format", session, *words)
    expected = DashScopeChatFormatter().format_multimodal(read_chat(SESSION))
    assert json.loads(done.out) == expected
    assert expected[0]["content"] == [{"text": "You find files."}]


def test_history_layout_reaches_the_formatter(run: Run, session: str) -> None:
    words = ("--to", "dashscope-multi-agent", "--messages-only", "--history-layout", "append_only")
    formatter = DashScopeMultiAgentFormatter(history_layout="append_only")
    assert json.loads(run("format", session, *words).out) == formatter.format(read_chat(SESSION))


def test_host_chooses_the_rules(run: Run, session: str) -> None:
    words = ("--to", "openai-chat", "--model", "gpt-4.1", "--policy", "rolling", "--json")
    assert json.loads(run("explain", session, *words).out)["rules"] == "openai-implicit"
    there = run("explain", session, *words, "--host", "dashscope.aliyuncs.com")
    assert json.loads(there.out)["rules"] == "dashscope-compatible"


@pytest.mark.parametrize("form", [[TOOL], {"tools": [{"type": "function", "function": TOOL}]}])
def test_tools_choice_stream_and_options_reach_the_body(
    run: Run, session: str, tmp_path: Path, form: Any
) -> None:
    tools = written(tmp_path / "tools.json", form)
    options = written(tmp_path / "options.json", {"temperature": 0.5, "seed": 7})
    words = ("--to", "openai-chat", "--model", "gpt-4.1", "--tools", tools, "--options", options)
    done = run("format", session, *words, "--tool-choice", "ls", "--stream")
    made = OpenAIChatFormatter().build_request(
        "gpt-4.1",
        read_chat(SESSION),
        tools=[TOOL],
        options=GenerateOptions(temperature=0.5, seed=7),
        tool_choice={"specific": "ls"},
        stream=True,
    )
    assert done == Result(0, f"{made.to_json()}\n", "")
    assert made.body["tool_choice"] == {"type": "function", "function": {"name": "ls"}}


def test_command_line_wins_over_the_file_of_options(run: Run, session: str, tmp_path: Path) -> None:
    given = {"model_name": "gpt-4.1", "stream": False, "cache_control": "rolling"}
    options = written(tmp_path / "options.json", given)
    words = ("--to", "openai-chat", "--options", options)
    assert json.loads(run("format", session, *words).out)["model"] == "gpt-4.1"
    said = run("format", session, *words, "--model", "qwen-plus", "--stream", "--policy", "manual")
    body = json.loads(said.out)
    assert (body["model"], body["stream"]) == ("qwen-plus", True)
    assert "cache_control" not in said.out


@pytest.mark.parametrize(
    "data",
    [
        json.dumps(SESSION),
        "\n".join(map(json.dumps, SESSION)),
        "\ufeff" + json.dumps(SESSION),
        json.dumps(wiremark.dump_messages(read_chat(SESSION))),
    ],
    ids=["array", "lines", "byte-order-mark", "java"],
)
def test_every_form_of_input_gives_the_same_body(run: Run, session: str, data: str) -> None:
    words = ("--to", "dashscope-chat", "--model", "qwen-plus")
    piped = run("format", "-", *words, stdin=data.encode())
    assert piped == run("format", session, *words)
    assert piped.status == 0


def test_what_stands_beside_the_messages_is_named(run: Run) -> None:
    data = json.dumps({"model": "m", "messages": SESSION, "temperature": 1}).encode()
    done = run("format", "-", "--to", "openai-chat", "--model", "m", stdin=data)
    assert done.status == 0
    assert done.err == "stdin: its messages are read, not model, temperature\n"


def test_input_may_be_one_message(run: Run) -> None:
    data = json.dumps({"role": "user", "content": "hi"}).encode()
    done = run("format", "-", "--to", "openai-chat", "--messages-only", stdin=data)
    assert done == Result(0, '[{"role":"user","content":"hi"}]\n', "")


def test_plan_goes_to_standard_error_when_asked_for(run: Run, session: str) -> None:
    words = ("--to", "dashscope-chat", "--model", "qwen-plus", "--policy", "rolling")
    silent = run("format", session, *words)
    loud = run("format", session, *words, "--explain")
    assert (silent.out, silent.err) == (loud.out, "")
    plan = DashScopeChatFormatter(policy="rolling").build_request("qwen-plus", read_chat(SESSION))
    assert loud.err == f"{plan.plan}\n"


def test_local_media_are_read_under_a_named_root_only(run: Run, tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"\x89PNG")
    image = {"type": "image", "source": {"type": "url", "url": str(tmp_path / "a.png")}}
    file = written(tmp_path / "s.json", [{"role": "USER", "content": [image]}])
    words = ("format", file, "--to", "dashscope-chat", "--messages-only", "--multimodal")
    [refused] = json.loads(run(*words).out)[0]["content"]
    [allowed] = json.loads(run(*words, "--media-root", str(tmp_path)).out)[0]["content"]
    assert "processing failed" in refused["text"]
    assert allowed == {"image": f"file://{tmp_path / 'a.png'}"}
    assert "not under a root" in run(*words, "--strict").reason


def test_media_of_tool_results_are_written_to_the_named_folder(run: Run, tmp_path: Path) -> None:
    image = {
        "type": "image",
        "source": {"type": "base64", "media_type": "image/png", "data": "iVBO"},
    }
    result = {"type": "tool_result", "id": "c", "name": "f", "output": [image]}
    file = written(tmp_path / "s.json", [{"role": "TOOL", "content": [result]}])
    folder = tmp_path / "media"
    words = ("format", file, "--to", "dashscope-chat", "--messages-only")
    done = run(*words, "--tool-result-dir", str(folder))
    [stored] = folder.iterdir()
    assert json.loads(done.out)[0]["content"] == f"The returned image can be found at: {stored}"


# ---------------------------------------------------------------- warnings, validation

FIVE = [
    {"role": "user", "content": [{"type": "text", "text": f"q{n}", "cache_control": MARK}]}
    for n in range(5)
]


def test_dropped_wishes_are_a_line_on_standard_error(run: Run, tmp_path: Path) -> None:
    """Four marks at most: providers.md 1a, "max markers"."""
    file = written(tmp_path / "s.json", FIVE)
    words = ("--to", "dashscope-chat", "--model", "qwen-plus")
    done = run("format", file, *words)
    assert (done.status, done.err.count("\n")) == (0, 1)
    assert done.err.startswith("wiremark: warning: ")
    assert done.out.count("cache_control") == 4
    assert "marks" in run("format", file, *words, "--strict").reason


def test_validate_while_formatting_tells_errors_and_still_writes(run: Run, tmp_path: Path) -> None:
    """A tool message answers a call of the assistant message before it, else the API rejects."""
    file = written(tmp_path / "s.json", [SESSION[1], SESSION[3]])
    words = ("format", file, "--to", "openai-chat", "--model", "gpt-4.1", "--validate")
    done = run(*words)
    body = json.loads(done.out)
    [finding] = validate(body, protocol="openai")
    assert finding.code == "tool-result-without-call"
    assert done.status == 1
    assert done.err == f"{finding.path}: {finding.message} ({finding.advice})\n"


def test_validate_while_formatting_is_silent_on_a_good_body(run: Run, session: str) -> None:
    words = ("--to", "dashscope-chat", "--model", "qwen-plus", "--policy", "rolling", "--validate")
    done = run("format", session, *words)
    assert (done.status, done.err) == (0, "")
    # A session that is still short is no fault of the body; `wiremark validate` says that it is.
    assert [each.code for each in validate(json.loads(done.out))] == ["under-minimum"]


def test_validate_while_formatting_tells_waste_that_is_no_matter_of_size(
    run: Run, tmp_path: Path
) -> None:
    file = written(tmp_path / "s.json", [SESSION[1]])
    words = ("--to", "dashscope-chat", "--model", "m", "--quirks", "java", "--policy", "rolling")
    done = run("format", file, *words, "--validate")
    assert done.status == 0
    assert done.err.startswith("input.messages[0]: waste: cache_control beside role and content")


# ---------------------------------------------------------------- explain


def test_explain_takes_the_words_of_format_and_writes_the_plan(run: Run, session: str) -> None:
    words = ("--to", "dashscope-chat", "--model", "qwen-plus", "--policy", "rolling")
    plan = (
        DashScopeChatFormatter(policy="rolling").build_request("qwen-plus", read_chat(SESSION)).plan
    )
    assert run("explain", session, *words) == Result(0, f"{plan}\n", "")
    assert [where for where, _ in plan.placed] == [
        "input.messages[0].content[0]",
        "input.messages[3].content[0]",
        "input.messages[5].content[0]",
    ]


def test_explain_needs_no_model_and_says_what_it_does_not_know(run: Run, session: str) -> None:
    done = run("explain", session, "--to", "openai-chat", "--policy", "rolling")
    assert (done.status, done.err) == (0, "")
    assert "no rule knows this host and model" in done.out


def test_every_word_of_format_is_a_word_of_explain() -> None:
    format_, explain = commands.commands["format"], commands.commands["explain"]
    names = {word.name for word in format_.params} - {"explain"}
    assert names == {word.name for word in explain.params} - {"as_json"}


def test_explain_as_json_holds_the_plan_and_all_findings(run: Run, tmp_path: Path) -> None:
    file = written(tmp_path / "s.json", [SESSION[1], SESSION[3]])
    options = written(tmp_path / "o.json", {"top_k": 3})
    words = (
        "--to",
        "openai-chat",
        "--model",
        "gpt-4.1",
        "--options",
        options,
        "--policy",
        "rolling",
    )
    done = run("explain", file, *words, "--validate", "--json", "--indent", "1")
    assert (done.status, done.err) == (0, "")
    plan = json.loads(done.out)
    assert plan["policy"] == "rolling"
    codes = [finding["code"] for finding in plan["findings"]]
    assert codes == ["no-markers", "option-not-sent", "tool-result-without-call"]


def test_explain_names_what_is_not_sent(run: Run, session: str, tmp_path: Path) -> None:
    options = written(tmp_path / "o.json", {"top_k": 3})
    done = run("explain", session, "--to", "openai-chat", "--options", options)
    assert "option-not-sent at options.top_k: top_k is not sent" in done.out


# ---------------------------------------------------------------- strip


@pytest.mark.parametrize("to", ["dashscope-chat", "openai-chat"])
def test_strip_takes_out_what_format_put_in(run: Run, session: str, to: str) -> None:
    words = ("--to", to, "--model", "qwen-plus")
    marked = run("format", session, *words, "--policy", "rolling").out
    assert "cache_control" in marked
    stripped = run("strip", "-", stdin=marked.encode())
    assert stripped == run("format", session, *words)


def test_strip_takes_a_list_of_messages(run: Run) -> None:
    stripped = run("strip", "-", "--indent", "0", stdin=json.dumps(FIVE[:1]).encode())
    assert json.loads(stripped.out) == [{"role": "user", "content": "q0"}]
    assert stripped.out.startswith("[\n{\n")


# ---------------------------------------------------------------- validate

GOOD = {"model": "qwen-plus", "input": {"messages": [{"role": "user", "content": "hi"}]}}
WASTEFUL = {
    "model": "qwen-plus",
    "input": {"messages": [{"role": "user", "content": "hi", "cache_control": MARK}]},
}
BAD = {"model": "qwen-plus", "input": {"messages": [{"role": "bot", "content": 3}]}}
COLUMNS = [json.dumps(BAD).index(value) + 1 for value in ("3", '"bot"')]


@pytest.mark.parametrize("words", [("--as", "dashscope"), ()], ids=["named", "recognised"])
def test_good_body_has_no_findings(run: Run, tmp_path: Path, words: tuple[str, ...]) -> None:
    assert run("validate", written(tmp_path / "b.json", GOOD), *words) == Result(0, "", "")


def test_bad_body_has_a_line_a_finding(run: Run, tmp_path: Path) -> None:
    done = run("validate", written(tmp_path / "b.json", BAD), "--as", "dashscope")
    found = validate(BAD, protocol="dashscope")
    assert [finding.path for finding in found] == [
        "input.messages[0].content",
        "input.messages[0].role",
    ]
    lines = [
        f"{tmp_path / 'b.json'}:1:{column}: {each.path}: {each.message} ({each.advice}) [{each.code}]"
        for each, column in zip(found, COLUMNS, strict=True)
    ]
    assert done == Result(1, "\n".join(lines) + "\n", "")


def test_waste_is_told_and_is_no_error(run: Run, tmp_path: Path) -> None:
    done = run("validate", written(tmp_path / "b.json", WASTEFUL), "--as", "dashscope")
    assert (done.status, done.err) == (0, "")
    assert ": input.messages[0]: waste: " in done.out


def test_model_stands_in_for_an_alias(run: Run, tmp_path: Path) -> None:
    marked = {"role": "user", "content": [{"type": "text", "text": "x", "cache_control": MARK}]}
    file = written(tmp_path / "b.json", {"model": "mine", "messages": [marked]})
    theirs = run("validate", file, "--as", "openai", "--model", "qwen-plus").out
    ours = run("validate", file, "--as", "openai", "--model", "gpt-4.1").out
    assert re.findall(r"\[([a-z-]+)\]$", theirs, re.MULTILINE) == ["under-minimum"]
    assert re.findall(r"\[([a-z-]+)\]$", ours, re.MULTILINE) == ["no-markers"]


def test_several_bodies_are_named_in_their_lines(run: Run, tmp_path: Path) -> None:
    good, bad = written(tmp_path / "g.json", GOOD), written(tmp_path / "b.json", BAD)
    done = run("validate", good, bad, "--as", "dashscope")
    assert done.status == 1
    assert [line.partition(":1:")[0] for line in done.out.splitlines()] == [bad, bad]


def test_findings_as_json_are_an_object_a_file(run: Run, tmp_path: Path) -> None:
    good, bad = written(tmp_path / "g.json", GOOD), written(tmp_path / "b.json", BAD)
    done = run("validate", good, bad, "--as", "dashscope", "--json")
    found = [
        finding.to_dict() | {"line": 1, "column": column}
        for finding, column in zip(validate(BAD, protocol="dashscope"), COLUMNS, strict=True)
    ]
    rest = {"line": 1, "within": "", "protocol": "dashscope", "abstentions": []}
    assert json.loads(done.out) == [
        {"file": good, **rest, "answer": "pass", "findings": []},
        {"file": bad, **rest, "answer": "fail", "findings": found},
    ]
    assert (done.status, done.err) == (1, "")


def test_a_body_that_cannot_be_read_does_not_hide_the_others(run: Run, tmp_path: Path) -> None:
    bad = written(tmp_path / "b.json", BAD)
    done = run("validate", str(tmp_path / "none.json"), bad, "--as", "dashscope")
    assert done.status == 2
    assert done.err == f"wiremark: {tmp_path / 'none.json'}: no such file or directory\n"
    assert done.out.startswith(f"{bad}:1:{COLUMNS[0]}: input.messages[0].content: ")


def test_a_body_of_no_known_form_needs_a_name(run: Run) -> None:
    assert "give --as" in run("validate", "-", stdin=b"{}").reason


# ---------------------------------------------------------------- unusable input

UNREADABLE = [
    (b"", "stdin: empty"),
    (b" \n", "stdin: empty"),
    (b"\xef\xbb\xbf", "stdin: empty"),
    (b'[{"role":\n "user]', "stdin: line 2, column 2: not JSON"),
    (b'["\xff"]', "not UTF-8"),
    (b"\xff\xfe[\x00]\x00", "not UTF-8"),
    (b"[" * 100_000, "nested too deeply"),
    (b"[" + b"1" * 10_000 + b"]", "an integer of 10000 characters"),
    (b"[1e999]", "1e999 is beyond the range of a double"),
    (b"[NaN]", "NaN is not JSON"),
    (b"[3]", "[0]"),
]


@pytest.mark.parametrize(("data", "reason"), UNREADABLE)
@pytest.mark.parametrize("command", ["format", "explain", "strip"])
def test_unreadable_input_is_refused_in_one_line(
    run: Run, command: str, data: bytes, reason: str
) -> None:
    words = ("--to", "openai-chat", "--model", "m") if command in ("format", "explain") else ()
    assert reason in run(command, "-", *words, stdin=data).reason


@pytest.mark.parametrize(("data", "reason"), UNREADABLE[:-1])
def test_unreadable_body_is_refused_in_one_line(run: Run, data: bytes, reason: str) -> None:
    assert reason in run("validate", "-", "--as", "openai", stdin=data).reason


@pytest.mark.parametrize("levels", [200, 400, 600, 800, 950])
@pytest.mark.parametrize("command", ["format", "explain", "strip", "validate"])
def test_deep_nesting_ends_in_an_answer_or_one_line(run: Run, command: str, levels: int) -> None:
    deep = b'{"a":' * levels + b"1" + b"}" * levels
    message = b'{"role":"USER","content":[],"metadata":%b,"x":%b}' % (deep, deep)
    words: tuple[str, ...] = ("--as", "openai")
    if command in ("format", "explain"):
        words = ("--to", "openai-chat", "--model", "m")
    elif command == "strip":
        words = ()
    done = run(command, "-", *words, stdin=b'{"messages":[%b],"tools":[%b]}' % (message, deep))
    assert done.status in (0, 1) or "nested too deeply" in done.reason


MESSAGES = [
    ([{"role": "bot", "content": "x"}], "messages[0].role: unknown role 'bot'"),
    ([{"role": "user", "content": [{"type": "x"}]}], "messages[0].content[0]: a part of type 'x'"),
    ([{"role": "USER", "content": "x"}], "messages[0].content: expected a list of blocks"),
    ([{"role": "SYSTEM", "content": [{"type": "hint"}]}], "may only contain text"),
    ([{"content": []}], "messages[0]: a message without a role cannot be sent"),
    ({"messages": {}}, "messages: expected a list of messages"),
    (3, "expected a list of messages, got int"),
]


@pytest.mark.parametrize(("data", "reason"), MESSAGES)
def test_bad_message_is_refused_with_its_path(run: Run, data: Any, reason: str) -> None:
    done = run(
        "format", "-", "--to", "openai-chat", "--model", "m", stdin=json.dumps(data).encode()
    )
    assert reason in done.reason
    assert done.err.startswith("wiremark: stdin: ")


def test_reason_cannot_break_its_line_or_the_terminal(run: Run) -> None:
    role = "a\nb\x1b[31m\u202e" + "x" * 5_000
    data = json.dumps([{"role": role, "content": "x"}]).encode()
    reason = run("format", "-", "--to", "openai-chat", "--model", "m", stdin=data).reason
    assert reason.rstrip("\n").isprintable()
    assert len(reason) < 1_100


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("none.json", "none.json: no such file or directory"),
        (".", "is a directory"),
        ("a\0b", "null"),
        ("x" * 5_000, "file name too long"),
    ],
)
def test_file_that_cannot_be_read_is_named(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, reason: str
) -> None:
    monkeypatch.chdir(tmp_path)
    assert reason in run("format", name, "--to", "openai-chat", "--model", "m").reason
    assert reason in run("validate", name, "--as", "openai").reason


@pytest.mark.parametrize(
    ("option", "data", "reason"),
    [
        ("--tools", "{", "line 1, column 2: not JSON"),
        ("--tools", "{}", "expected a list of tools"),
        ("--tools", "[3]", "tools[0]"),
        ("--tools", '[{"name": "f"}]', "tools[0].description: is required"),
        ("--options", "[]", "options"),
        ("--options", '{"temprature": 1}', "options.temprature: is not a known field"),
        ("--options", '{"seed": "x"}', "options.seed"),
    ],
)
def test_bad_file_beside_the_input_is_named(
    run: Run, session: str, tmp_path: Path, option: str, data: str, reason: str
) -> None:
    file = tmp_path / "beside.json"
    file.write_text(data, encoding="utf-8")
    done = run("format", session, "--to", "openai-chat", "--model", "m", option, str(file))
    assert reason in done.reason
    assert "beside.json: " in done.err


@pytest.mark.parametrize(
    ("argv", "reason"),
    [
        ([], "Missing command"),
        (["frmat"], "No such command 'frmat'"),
        (["--zz"], "No such option"),
        (["format"], "Missing argument 'INPUT'"),
        (["format", "S", "--model", "m"], "Missing option '--to'"),
        (["format", "S", "--to", "x"], "'x' is not one of 'dashscope-chat'"),
        (["format", "S", "--to", "openai-chat"], "give --model, or --messages-only"),
        (["format", "S", "--to", "openai-chat", "--frob"], "No such option"),
        (["format", "S", "--to", "openai-chat", "--model", "m", "--policy", "x"], "not a policy"),
        (["format", "S", "--to", "openai-chat", "--model", "m", "--indent", "99"], "99"),
        (["format", "S", "--to", "openai-chat", "--multimodal"], "--multimodal is DashScope's"),
        (["format", "S", "--to", "openai-chat", "--history-layout", "merged"], "multi-agent"),
        (["format", "S", "--to", "openai-chat", "--media-root", "none"], "does not exist"),
        (["format", "-", "--to", "openai-chat", "--tools", "-"], "can be -"),
        (["format", "S", "--to", "openai-chat", "--messages-only", "--validate"], "whole body"),
        (["format", "S", "--to", "openai-chat", "--model", "m", "--tool-choice", " "], "the tool"),
        (["validate"], "Missing argument 'BODY...'"),
        (["validate", "S", "--as", "x"], "'x' is not one of 'dashscope'"),
        (["validate", "-", "-", "--as", "openai"], "read once"),
        (["strip", "S", "S"], "unexpected extra argument"),
    ],
)
def test_wrong_words_are_refused_in_one_line(
    run: Run, session: str, argv: list[str], reason: str
) -> None:
    assert reason in run(*(session if word == "S" else word for word in argv)).reason


def test_strip_refuses_what_is_no_body(run: Run) -> None:
    assert "neither a request body" in run("strip", "-", stdin=b'{"role": "user"}').reason


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8)
    | st.sampled_from(["user", "USER", "tool", "ASSISTANT", "text", "image_url", "tool_use"]),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(
                ["role", "content", "type", "text", "messages", "input", "tool_calls", "url", "id"]
            ),
            inner,
            max_size=5,
        )
    ),
    max_leaves=20,
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    data=json_values.map(lambda value: json.dumps(value).encode()) | st.binary(max_size=30),
    words=st.sampled_from(
        [
            ("format", "-", "--to", "dashscope-chat", "--model", "m", "--policy", "rolling"),
            ("format", "-", "--to", "openai-multi-agent", "--model", "m", "--validate"),
            ("explain", "-", "--to", "dashscope-multi-agent", "--json"),
            ("strip", "-"),
            ("validate", "-", "--as", "dashscope"),
        ]
    ),
)
def test_any_input_ends_in_an_answer_or_one_line(
    run: Run, data: bytes, words: tuple[str, ...]
) -> None:
    done = run(*words, stdin=data)
    if words[0] == "validate":  # lines that can be read are judged beside those that cannot
        assert done.status in (0, 1, 3) or done.err.startswith("wiremark: ")
        return
    assert done.status in (0, 1) or done.reason
    if done.status == 0:
        json.loads(done.out)


# ---------------------------------------------------------------- what the pieces promise


@given(json_values)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_indented_json_is_what_pythons_own_writer_gives(
    capfdbinary: pytest.CaptureFixture[bytes], value: Any
) -> None:
    text = jsontext.dumps(value)
    emit_json(text, 2)
    indented = capfdbinary.readouterr().out.decode().removesuffix("\n")
    expected = json.dumps(value, indent=2, ensure_ascii=False)
    lower = re.sub(r"\\u00[01][0-9A-F]", lambda found: found[0].lower(), indented)
    assert lower == re.sub(r"\\u00[01][0-9a-f]", lambda found: found[0].lower(), expected)


def test_indented_json_keeps_number_texts_and_repeated_keys(
    capfdbinary: pytest.CaptureFixture[bytes],
) -> None:
    emit_json('{"a":1.0E7,"a":"x, {y}: \\"","b":{},"c":[[]]}', 1)
    expected = '{\n "a": 1.0E7,\n "a": "x, {y}: \\"",\n "b": {},\n "c": [\n  []\n ]\n}\n'
    assert capfdbinary.readouterr().out.decode() == expected


@given(st.text())
def test_one_line_is_printable_and_short(text: str) -> None:
    line = one_line(text * 300)
    assert line.isprintable() or line == ""
    assert len(line) <= 1_000


def choices(command: str, word: str) -> set[str]:
    [found] = [item for item in commands.commands[command].params if item.name == word]
    assert isinstance(found.type, click.Choice)
    return set(found.type.choices)


def test_choices_are_those_of_the_floors_below() -> None:
    assert choices("format", "to") == set(KNOWN) >= set(FORMATTERS)
    assert choices("format", "history_layout") == set(get_args(HistoryLayout))
    assert choices("validate", "protocol") == choices("diff", "protocol") == set(PROTOCOLS)
    assert choices("validate", "fail_on") == set(get_args(Severity))
    [policy] = [word for word in commands.commands["format"].params if word.name == "policy"]
    assert isinstance(policy, click.Option)
    assert all(name in (policy.help or "") for name in POLICIES)


@pytest.mark.parametrize("argv", [["--help"], ["-h"], ["format", "-h"], ["validate", "--help"]])
def test_help_goes_to_standard_output(run: Run, argv: list[str]) -> None:
    done = run(*argv)
    assert (done.status, done.err) == (0, "")
    assert done.out.startswith("Usage: wiremark")


def test_version_is_the_packages(run: Run) -> None:
    assert run("--version") == Result(0, f"wiremark {wiremark.__version__}\n", "")


# ---------------------------------------------------------------- as a process

COMMAND = [sys.executable, "-m", "wiremark.cli"]
HOME = Path(wiremark.__file__).parents[1]


def env(**more: str) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(HOME), **more}


def process(*argv: str, stdin: str = "", **more: Any) -> Result:
    done = subprocess.run(
        [*COMMAND, *argv],
        input=stdin.encode(),
        capture_output=True,
        check=False,
        env=env(**more),
    )
    return Result(done.returncode, done.stdout.decode(), done.stderr.decode())


def test_commands_work_through_pipes() -> None:
    words = ("--to", "openai-chat", "--model", "qwen-plus", "--policy", "rolling")
    made = process("format", "-", *words, stdin=json.dumps(SESSION))
    assert (made.status, made.err) == (0, "")
    judged = process("validate", "-", "--as", "openai", stdin=made.out)
    assert (judged.status, judged.out.count("\n"), judged.err) == (0, 1, "")
    assert judged.out.endswith("[under-minimum]\n")  # the session is short
    stripped = process("strip", "-", stdin=made.out)
    assert json.loads(stripped.out)["messages"] == SESSION_AS_SENT
    refused = process("validate", "-", "--as", "dashscope", stdin=made.out)
    assert (refused.status, refused.err) == (1, "")


SESSION_AS_SENT = [
    {
        key: message[key]
        for key in ("role", "content", "tool_calls", "tool_call_id")
        if key in message
    }
    for message in SESSION
]


def test_process_refuses_bad_input_without_a_traceback() -> None:
    done = process("format", "-", "--to", "openai-chat", "--model", "m", stdin="[" * 50_000)
    assert done.reason == "wiremark: stdin: nested too deeply to be read\n"


def test_text_is_utf8_whatever_the_locale() -> None:
    data = '[{"role":"user","content":"文件 \\ud83d"}]'
    words = ("--to", "openai-chat", "--messages-only")
    done = process(
        "format", "-", *words, stdin=data, LC_ALL="C", PYTHONUTF8="0", PYTHONIOENCODING=""
    )
    assert done == Result(0, '[{"role":"user","content":"文件 \\uD83D"}]\n', "")


@pytest.mark.skipif(os.name == "nt", reason="pipes break otherwise there")
def test_reader_that_goes_away_ends_the_command_quietly(tmp_path: Path) -> None:
    big = written(tmp_path / "big.json", [{"role": "user", "content": "x" * 1_000_000}])
    running = subprocess.Popen(
        [*COMMAND, "format", big, "--to", "openai-chat", "--model", "m"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=env(),
    )
    assert running.stdout is not None
    assert running.stderr is not None
    running.stdout.close()
    assert running.stderr.read() == b""
    running.stderr.close()
    assert running.wait() == 141


class Failing(io.TextIOWrapper):
    """A stream that fails when it is read or written."""

    def __init__(self, failure: BaseException) -> None:
        super().__init__(io.BytesIO())
        self.failure = failure

    @property
    def buffer(self) -> Any:
        raise self.failure

    def write(self, text: str) -> int:
        raise self.failure

    def isatty(self) -> bool:
        raise ValueError("closed")


@pytest.mark.parametrize(
    ("stream", "failure", "argv", "status"),
    [
        ("stdout", BrokenPipeError(), ["--version"], 141),
        ("stdout", OSError(28, "No space left on device"), ["--version"], 2),
        ("stdout", OSError(28, "No space left on device"), ["--help"], 2),
        ("stderr", BrokenPipeError(), ["--zz"], 2),
        ("stdin", KeyboardInterrupt(), ["strip", "-"], 130),
        ("stdin", OSError(5, "Input/output error"), ["strip", "-"], 2),
    ],
)
def test_failing_stream_sets_the_exit_status(
    monkeypatch: pytest.MonkeyPatch,
    stream: str,
    failure: BaseException,
    argv: list[str],
    status: int,
) -> None:
    monkeypatch.setattr(sys, stream, Failing(failure))
    assert main(argv) == status


@pytest.mark.parametrize("words", [("format", "--messages-only"), ("explain",)])
def test_answer_that_has_nowhere_to_go_is_refused(
    run: Run, session: str, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...]
) -> None:
    monkeypatch.setattr(sys, "stdout", None)
    command, *more = words
    assert run(command, session, "--to", "openai-chat", *more).reason == (
        "wiremark: stdout is closed\n"
    )


def test_plan_that_has_nowhere_to_go_is_left_out(
    run: Run, session: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stderr", None)
    done = run("format", session, "--to", "openai-chat", "--messages-only", "--explain")
    assert json.loads(done.out) == SESSION_AS_SENT
    assert (done.status, done.err) == (0, "")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
def test_full_disk_is_told_in_one_line(session: str) -> None:
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            [*COMMAND, "format", session, "--to", "openai-chat", "--model", "m"],
            stdout=full,
            stderr=subprocess.PIPE,
            check=False,
            env=env(),
        )
    assert done.returncode == 2
    assert done.stderr == b"wiremark: cannot write: no space left on device\n"


@pytest.mark.skipif(os.name == "nt", reason="a shell closes the stream")
@pytest.mark.parametrize(
    ("closed", "status", "said"),
    [
        ("<&-", 2, "wiremark: stdin: it is closed\n"),
        (">&-", 2, "wiremark: stdout is closed\n"),
        ("2>&-", 0, ""),
    ],
)
def test_closed_stream_is_no_traceback(closed: str, status: int, said: str) -> None:
    words = "format - --to openai-chat --messages-only --explain"
    done = subprocess.run(
        ["bash", "-c", f'echo "[]" | "{sys.executable}" -m wiremark.cli {words} {closed}'],
        capture_output=True,
        text=True,
        check=False,
        env=env(),
    )
    assert (done.returncode, done.stderr) == (status, said)
    assert done.stdout == ("[]\n" if status == 0 else "")


def test_start_loads_nothing_that_version_does_not_need() -> None:
    code = (
        "import sys, wiremark.cli\nassert wiremark.cli.main(['--version']) == 0\n"
        "print(*(n for n in ('jsonschema', 'pydantic', 'rich') if n in sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=env()
    )
    assert done.stdout.splitlines()[1:] == [""]


@pytest.mark.slow
def test_version_is_there_in_under_300_milliseconds() -> None:
    process("--version")
    times = []
    for _ in range(5):
        start = time.perf_counter()
        process("--version")
        times.append(time.perf_counter() - start)
    assert statistics.median(times) < 0.3


# ---------------------------------------------------------------- on a terminal

on_a_terminal = pytest.mark.skipif(os.name == "nt", reason="no pseudo-terminals there")


def terminal(*argv: str, piped_output: bool = False, **more: str) -> tuple[int, str, str]:
    """Run on a terminal; return status, what it showed, and standard output where piped."""
    import pty

    ours, theirs = pty.openpty()
    running = subprocess.Popen(
        [*COMMAND, *argv],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE if piped_output else theirs,
        stderr=theirs,
        env=env(**{"TERM": "xterm-256color", "COLUMNS": "200", "NO_COLOR": "", **more}),
    )
    os.close(theirs)
    piped = running.stdout.read() if running.stdout is not None else b""
    shown = b""
    while True:
        try:
            piece = os.read(ours, 65_536)
        except OSError:  # Linux reports the closed end so
            break
        if not piece:
            break
        shown += piece
    os.close(ours)
    if running.stdout is not None:
        running.stdout.close()
    return running.wait(), shown.decode(), piped.decode()


@on_a_terminal
def test_plan_is_a_coloured_table_on_a_terminal(session: str) -> None:
    words = ("--to", "dashscope-chat", "--policy", "rolling")
    status, shown, _ = terminal("explain", session, *words)
    assert status == 0
    assert ESCAPE in shown
    assert "─────" in shown
    assert shown.count("placed") == 3


@on_a_terminal
@pytest.mark.parametrize("plain", [{"NO_COLOR": "1"}, {"TERM": "dumb"}])
def test_no_colour_where_none_is_wanted(
    session: str, tmp_path: Path, plain: dict[str, str]
) -> None:
    words = ("--to", "dashscope-chat", "--policy", "rolling")
    _, shown, _ = terminal("explain", session, *words, **plain)
    assert ESCAPE not in shown
    assert shown.count("placed") == 3
    bad = written(tmp_path / "b.json", BAD)
    _, shown, _ = terminal("validate", bad, "--as", "dashscope", **plain)
    assert ESCAPE not in shown


def test_findings_are_coloured_on_a_terminal(
    run: Run, screen: Terminal, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    out = Terminal()
    monkeypatch.setattr(sys, "stdout", out)
    bad = written(tmp_path / "b.json", BAD)
    assert run("validate", bad, "--as", "dashscope", screen=screen).status == 1
    assert f"{ESCAPE}31m" in out.shown
    assert screen.shown == ""


def test_good_body_is_called_so_on_a_terminal(run: Run, screen: Terminal, tmp_path: Path) -> None:
    good = written(tmp_path / "g.json", GOOD)
    assert run("validate", good, screen=screen) == Result(0, "", "")
    assert screen.shown == f"{good}: no findings\n"


def test_piped_body_stays_pure_while_the_terminal_shows_plan_and_findings(
    run: Run, screen: Terminal, session: str, tmp_path: Path
) -> None:
    options = written(tmp_path / "o.json", {"top_k": 3})
    words = ("--to", "openai-chat", "--policy", "rolling", "--options", options)
    done = run("format", session, *words, "--model", "mystery", screen=screen)
    assert json.loads(done.out)["model"] == "mystery"
    assert screen.shown.count("placed") == 3
    assert "note: no rule knows this host and model" in screen.shown
    assert "option-not-sent" in screen.shown


def test_nothing_to_tell_shows_nothing(run: Run, screen: Terminal, session: str) -> None:
    words = ("--to", "dashscope-chat", "--model", "qwen-plus")
    assert run("format", session, *words, screen=screen).status == 0
    assert screen.shown == ""
    assert run("format", session, *words, "--explain", screen=screen).status == 0
    assert "no wishes" in screen.shown


def test_waiting_for_a_terminal_says_how_to_end(
    screen: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", Terminal())
    monkeypatch.setattr(sys, "stderr", screen)
    assert main(["strip", "-"]) == 2
    assert screen.shown.startswith("reading from the terminal; end with Ctrl-D\n")


def test_many_bodies_show_a_bar_on_a_terminal(run: Run, screen: Terminal, tmp_path: Path) -> None:
    files = [written(tmp_path / f"{number}.json", GOOD) for number in range(20)]
    assert run("validate", *files, screen=screen).status == 0
    assert "validating" in screen.shown


def test_findings_come_after_the_bar_where_both_are_on_the_terminal(
    run: Run, screen: Terminal, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    out = Terminal()
    monkeypatch.setattr(sys, "stdout", out)
    files = [written(tmp_path / f"{number}.json", BAD) for number in range(20)]
    assert run("validate", *files, screen=screen).status == 1
    assert "validating" in screen.shown
    assert out.shown.count("[bad-value]") == 20


@on_a_terminal
def test_long_input_shows_a_bar_on_a_terminal(tmp_path: Path) -> None:
    long = written(tmp_path / "long.json", [SESSION[1]] * 6_000)
    words = ("format", long, "--to", "openai-chat", "--messages-only")
    status, shown, piped = terminal(*words, piped_output=True)
    assert status == 0
    assert "reading" in shown
    assert "100%" in shown
    assert len(json.loads(piped)) == 6_000
    assert process(*words).err == ""
