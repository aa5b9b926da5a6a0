"""Programs in any language: the lines they exchange, and what is said of those that do not."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from wiremark.conformance import Case, Program, Report, check, load, run
from wiremark.conformance.protocol import main, request_of
from wiremark.conformance.serve import answers
from wiremark.conformance.subject import FORMATTERS
from wiremark.errors import OptionError

NODE = shutil.which("node")
needs_node = pytest.mark.skipif(NODE is None, reason="node is not installed")

PRELUDE = """
import json, os, sys, time

def say(**answer):
    print(json.dumps(answer), flush=True)

for number, line in enumerate(sys.stdin, start=1):
    request = json.loads(line)
    name = request["id"]
    ok = [{"role": "user", "content": "Hi"}]
"""


def case(name: str, **changes: Any) -> Case:
    content = [{"type": "text", "text": "Hi"}]
    given = {
        "id": f"some/{name}",
        "description": "A text is sent as it is, always.",
        "citation": "https://provider.test/api (read 2026-01-02)",
        "formatter": "dashscope-chat",
        "operation": "format",
        "input": {"messages": [{"role": "USER", "content": content}]},
        "expected": [{"role": "user", "content": "Hi"}],
        **changes,
    }
    return Case.from_dict({key: value for key, value in given.items() if value is not None})


CASES = [case("a"), case("b"), case("c")]


@pytest.fixture
def program(tmp_path: Path) -> Any:
    """Return a maker of programs whose body runs for each request; they end with the test."""
    made: list[Program] = []

    def make(body: str, *, before: str = "", timeout: float = 5.0) -> Program:
        lines = "".join(f"    {line}\n" for line in body.splitlines())
        file = tmp_path / f"program{len(made)}.py"
        file.write_text(f"{before}\n{PRELUDE}{lines}", encoding="utf-8")
        command = [sys.executable, "-I", "-S", str(file)]
        made.append(Program(command, "dashscope-chat", timeout=timeout))
        return made[-1]

    yield make
    for each in made:
        each.close()


Make = Callable[..., Program]


def faults(report: Report) -> dict[str, str]:
    return {outcome.case.id: outcome.fault for outcome in report.failed}


# ---------------------------------------------------------------- what is exchanged


def test_a_request_is_the_case_and_what_to_report() -> None:
    plain = request_of(CASES[0], "some/a")
    assert plain == {
        "id": "some/a",
        "operation": "format",
        "formatter": "dashscope-chat",
        "settings": {},
        "input": {"messages": [{"role": "USER", "content": [{"type": "text", "text": "Hi"}]}]},
        "report": [],
    }
    marked = case("a", plan=[], findings=[], settings={"policy": "rolling"})
    assert request_of(marked, "x")["report"] == ["plan", "findings"]
    assert request_of(marked, "x")["settings"] == {"policy": "rolling"}


def test_a_request_says_nothing_of_what_must_come_out() -> None:
    assert not {"expected", "error", "plan", "findings"} & set(request_of(CASES[0], "some/a"))


def test_wiremark_itself_answers_every_golden_case_over_the_protocol() -> None:
    everything = [*FORMATTERS, "read", "validate"]
    command = [sys.executable, "-m", "wiremark.conformance.serve"]
    with Program(command, everything) as own:
        report = check(own, load())
        assert own.end() == ""
    assert report.ok, str(report)
    assert len(report.passed) == len(load())


def test_the_server_names_a_request_that_it_cannot_read() -> None:
    request = json.dumps({"id": "a", "operation": "guess", "input": {}})
    (line,) = answers([request, "\n"])
    assert json.loads(line)["error"]["class"] == "KeyError"


@pytest.mark.parametrize(
    "name",
    [
        "marks-budget/six-wishes-for-four-places",  # plan, findings and a warning
        "dashscope-chat/null-role-cannot-be-sent",  # an error
    ],
)
def test_the_server_reports_what_is_asked_for(name: str) -> None:
    (asked,) = (each for each in load() if each.id == name)
    (line,) = answers([json.dumps(request_of(asked, "x"))])
    answer = json.loads(line)
    assert answer["id"] == "x"
    if asked.error is None:
        assert len(answer["plan"]) == len(asked.plan or ())
        assert [warning["class"] for warning in answer["warnings"]] == ["CacheBudgetWarning"]
    else:
        assert answer["error"]["class"] == asked.error["class"]
        assert answer["error"]["path"] == asked.error["path"]


def test_files_of_a_case_are_in_place_and_their_folder_is_put_back(program: Make) -> None:
    wanted = [{"role": "user", "content": "<FILES>/a.txt holds hello"}]
    text = [{"type": "text", "text": "<FILES>/a.txt"}]
    given = case(
        "files",
        input={"messages": [{"role": "USER", "content": text}]},
        files={"a.txt": "aGVsbG8="},
        expected=wanted,
    )
    body = (
        'path = request["input"]["messages"][0]["content"][0]["text"]\n'
        'ok[0]["content"] = f"{path} holds {open(path).read()}"\n'
        "say(id=name, ok=ok)"
    )
    outcome = run(given, program(body))
    assert outcome.passed, str(outcome)


def test_plan_findings_and_warnings_of_an_answer_are_compared(program: Make) -> None:
    decision = {"slot": "(request)", "origin": "auto", "decision": "placed", "reason": "as-asked"}
    warning = {"class": "CacheBudgetWarning", "contains": ["messages[1]"]}
    given = case("marked", plan=[decision], findings=[], warning=warning)
    told = (
        f"say(id=name, ok=ok, plan=[{decision!r}], findings=[],"
        ' warnings=[{"class": "CacheBudgetWarning", "text": "dropped at messages[1]"}])'
    )
    assert run(given, program(told)).passed
    silent = run(given, program("say(id=name, ok=ok)"))
    assert {item.path for item in silent.differences} == {"plan", "findings", "warning"}


def test_an_invalid_case_is_asked_again_with_its_fault_put_right(program: Make) -> None:
    given = case(
        "invalid",
        input={"messages": [{"role": None}]},
        expected=None,
        error={"class": "FormatError", "path": "messages[0]", "contains": ["role"]},
        fix={"at": "/input/messages/0/role", "value": "USER"},
    )
    said = 'error={"class": "FormatError", "path": "messages[0]", "message": "no role"}'
    good = f"say(id=name, ok=[]) if name.endswith('#2') else say(id=name, {said})"
    assert run(given, program(good)).passed
    stubborn = run(given, program(f"say(id=name, {said})"))
    assert [item.path for item in stubborn.differences] == ["fix"]
    other = run(given, program("say(id=name, error={'class': 'Unsupported'})"))
    assert [item.path for item in other.differences] == ["error.class"]


def test_a_program_that_differs_is_told_the_difference(program: Make) -> None:
    report = check(program('ok[0]["content"] = "HI"\nsay(id=name, ok=ok)'), CASES[:1])
    assert '[0].content: expected "Hi", got "HI"' in str(report)


# ---------------------------------------------------------------- what goes wrong


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("print('debug', flush=True)", "wrote a line that is no JSON, 'debug'"),
        ("print('[1]', flush=True)", "wrote a line that is no JSON object: '[1]'"),
        ("print('{\"id\": NaN}', flush=True)", "NaN is no JSON"),
        (
            "sys.stdout.buffer.write(b'\\xff\\n'); sys.stdout.flush()",
            "wrote a line that is no JSON",
        ),
        ("say(id='some/z', ok=ok)", "answered the id 'some/z' instead of 'some/b'"),
        ("say(id=name)", "answered without exactly one of `ok` and `error`"),
        ("say(id=name, ok=ok, error={})", "answered without exactly one of `ok` and `error`"),
        ("say(id=name, ok=ok, more=1)", "answered with the unknown key 'more'"),
        ("say(id=name, error='no')", "answered an `error` that is no object"),
        ("say(id=name, error={'class': 7})", "answered `error` whose `class` is no string"),
        ("say(id=name, ok=ok, plan=7)", "answered `plan` that is no list of objects"),
        ("say(id=name, ok=ok, warnings=[{}])", "answered `warnings` whose `class` is no string"),
        ("print('{}\\n{}', flush=True)", "wrote a line behind its answer: '{}'"),
        ("print('no', file=sys.stderr); sys.exit(3)", "ended with status 3 before it answered"),
        ("1 / 0", "ZeroDivisionError"),
        ("os.kill(os.getpid(), 9)", "was ended by SIGKILL before it answered"),
        ("print('half', end=''); sys.exit()", "it began 'half', without a line end"),
    ],
)
def test_a_fault_fails_its_case_and_no_other(program: Make, body: str, said: str) -> None:
    lines = "".join(f"    {line}\n" for line in body.splitlines())
    report = check(program(f"if name == 'some/b':\n{lines}else:\n    say(id=name, ok=ok)"), CASES)
    found = faults(report)
    assert list(found) == ["some/b"], str(report)
    assert said in found["some/b"]
    assert report.passed == ("some/a", "some/c")


def test_what_a_program_said_on_stderr_is_shown(program: Make) -> None:
    body = "print('line one', file=sys.stderr)\nprint('line two', file=sys.stderr)\nsys.exit(1)"
    (fault,) = faults(check(program(body), CASES[:1])).values()
    assert fault.splitlines()[1:] == ["its stderr ends with:", "  line one", "  line two"]


def test_a_program_that_is_late_is_stopped_and_named(program: Make) -> None:
    slow = program("time.sleep(60 if name == 'some/a' else 0)\nsay(id=name, ok=ok)", timeout=0.4)
    report = check(slow, CASES)
    assert list(faults(report)) == ["some/a"]
    assert "gave no answer within 0.4 s" in str(report)


def test_a_line_that_is_begun_and_not_ended_is_shown(program: Make) -> None:
    body = "sys.stdout.write('{}'); sys.stdout.flush(); time.sleep(60)"
    (fault,) = faults(check(program(body, timeout=0.3), CASES[:1])).values()
    assert "gave no answer within 0.3 s; it began '{}', without a line end" in fault


def test_a_line_behind_an_answer_names_the_answer(program: Make) -> None:
    late = program("say(id=name, ok=ok); time.sleep(0.1); print('late', flush=True)")
    assert run(CASES[0], late).passed
    late._process._threads[0].join(0.4)  # type: ignore[union-attr]
    fault = run(CASES[1], late).fault
    assert fault.endswith("wrote a line behind its last answer: 'late' (to some/a)")


def test_a_line_before_the_first_request_is_a_fault(program: Make) -> None:
    early = program("say(id=name, ok=ok)", before="print('ready', flush=True)")
    fault = run(CASES[0], early).fault
    assert "'ready'" in fault


def test_a_program_that_closes_its_output_is_named(program: Make) -> None:
    body = "os.close(1)\ntime.sleep(60)"
    (fault,) = faults(check(program(body, timeout=0.4), CASES[:1])).values()
    assert "closed its output before it answered" in fault


def test_a_program_that_answers_nothing_is_not_asked_for_ever(program: Make) -> None:
    cases = [case(name) for name in "abcdef"]
    found = faults(check(program("sys.exit(1)"), cases))
    assert [name for name, fault in found.items() if "not asked" in fault] == [
        "some/d",
        "some/e",
        "some/f",
    ]


def test_a_request_larger_than_a_pipe_does_not_block(program: Make) -> None:
    long = "x" * 300_000
    given = case("long", input={"messages": [], "model": long}, expected=[{"length": 300_000}])
    echo = (
        "print(end='', flush=True)\nsay(id=name, ok=[{'length': len(request['input']['model'])}])"
    )
    assert run(given, program(echo)).passed


@pytest.mark.parametrize(
    ("after", "said"),
    [
        ("", ""),
        ("sys.exit(4)", "ended with status 4"),
        ("print('bye', flush=True)", "wrote a line behind its last answer: 'bye'"),
        ("print('bye', end='', flush=True)", "wrote a line behind its last answer: 'bye'"),
        ("time.sleep(60)", "did not end within 0.5 s of the end of its input"),
    ],
)
def test_a_program_ends_orderly_once_its_input_ends(tmp_path: Path, after: str, said: str) -> None:
    file = tmp_path / "program.py"
    file.write_text(f"{PRELUDE}    say(id=name, ok=ok)\n{after}\n", encoding="utf-8")
    with Program([sys.executable, "-I", "-S", str(file)], "dashscope-chat", timeout=0.5) as own:
        own.timeout = 5.0
        assert run(CASES[0], own).passed
        own.timeout = 0.5
        fault = own.end()
    assert said in fault
    assert bool(said) == bool(fault)


def test_ending_a_program_that_was_never_asked_is_no_fault(program: Make) -> None:
    assert program("pass").end() == ""


@pytest.mark.parametrize(
    ("command", "names", "timeout", "problem"),
    [
        ([], "dashscope-chat", 1, "no program is named"),
        ("no-such-program-here", "dashscope-chat", 1, "there is no program"),
        (sys.executable, "dashscope", 1, "there are no cases for 'dashscope'"),
        (sys.executable, "", 1, "there are no cases for ''"),
        (sys.executable, "dashscope-chat", 0, "a timeout is more than no seconds"),
    ],
)
def test_a_program_that_cannot_be_tested_is_refused(
    command: str | Sequence[str], names: str, timeout: float, problem: str
) -> None:
    with pytest.raises(OptionError, match=problem):
        Program(command, names, timeout=timeout)


def test_a_program_is_shown_by_the_file_it_runs(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text("", encoding="utf-8")
    own = Program([sys.executable, "-I", str(tmp_path / "mine.py")], "glm")
    assert own.label == "mine.py"
    assert Program([sys.executable, "-c", "pass"], "glm").label == Path(sys.executable).name


# ---------------------------------------------------------------- the command, and another language


def arguments(checkout: Path, *more: str) -> list[str]:
    folder = checkout / "tests" / "data" / "line_protocol"
    return ["--as", "openai-chat", *more, "--", str(NODE), str(folder / "openai-chat.js")]


@needs_node
def test_a_formatter_in_javascript_passes_what_it_implements(
    checkout: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    skip = checkout / "tests" / "data" / "line_protocol" / "expected-failures.json"
    assert main(arguments(checkout, "--skip", str(skip))) == 0
    said = capsys.readouterr().out
    cases = [each for each in load() if each.formatter == "openai-chat"]
    passed, _, expected = (int(word) for word in said.split() if word.isdigit())
    assert passed >= 12
    assert passed + expected == len(cases)


@needs_node
def test_the_command_exits_with_one_where_a_case_fails(
    checkout: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments(checkout)) == 1
    assert 'got "Unsupported: cache marks"' in capsys.readouterr().out


@pytest.mark.parametrize(
    "given", [["--as", "nothing"], ["--as", "glm", "--skip", "no-such-file"], []]
)
def test_the_command_exits_with_two_for_a_wrong_call(given: list[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main([*given, "--", sys.executable])
    assert ended.value.code == 2


def test_the_command_runs_as_a_module() -> None:
    command = [sys.executable, "-m", "wiremark.conformance.protocol", "--as", "kimi", "--"]
    served = [sys.executable, "-m", "wiremark.conformance.serve"]
    done = subprocess.run([*command, *served], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.endswith(" passed, 0 failed, 0 failed as expected\n")
    assert done.stderr == ""
