"""action.yml and .pre-commit-hooks.yaml: what they run is the command line as it is."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from wiremark.cli import commands, main

yaml = pytest.importorskip("yaml")

ROOT = Path(__file__).resolve().parents[1]
ACTION = yaml.safe_load((ROOT / "action.yml").read_text(encoding="utf-8"))
HOOKS = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text(encoding="utf-8"))
GOOD = {"model": "qwen-plus", "messages": [{"role": "user", "content": "hi"}]}
BAD = {"model": "qwen-plus", "messages": [{"role": "bot", "content": "hi"}]}
IMAGE = {"type": "image_url", "image_url": {"url": "https://h/a.png"}}
SEEN = [IMAGE, {"type": "text", "text": "Look.", "cache_control": {"type": "ephemeral"}}]
UNSURE = {"model": "qwen3-vl-plus", "messages": [{"role": "user", "content": SEEN}]}

needs_bash = pytest.mark.skipif(os.name == "nt", reason="runs bash")


def options() -> set[str]:
    return {name for each in commands.commands["validate"].params for name in each.opts}


@pytest.fixture
def shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """An environment in which `wiremark` is this checkout's command; files lie in the folder."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "bin").mkdir()
    command = tmp_path / "bin" / "wiremark"
    run = "import sys; from wiremark.cli import main; sys.exit(main())"
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -c "{run}" "$@"\n', encoding="utf-8")
    command.chmod(0o755)
    for name, content in (("good", GOOD), ("bad", BAD), ("unsure", UNSURE)):
        folder = tmp_path / "requests" / name
        folder.mkdir(parents=True)
        (folder / "b c.json").write_text(json.dumps(content), encoding="utf-8")
    return {
        **os.environ,
        "PATH": f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT / "formatters"),
    }


# The Action.


def step(name: str) -> Any:
    [found] = [each for each in ACTION["runs"]["steps"] if each.get("name") == name]
    return found


def act(shell: dict[str, str], tmp_path: Path, **inputs: str) -> tuple[int, str, str]:
    """Run the step as GitHub does and return status, log and the answer that it sets."""
    validate = step("Validate")
    values = {name: each.get("default", "") for name, each in ACTION["inputs"].items()}
    values |= {name.replace("_", "-"): value for name, value in inputs.items()}
    given = {}
    for name, expression in validate["env"].items():
        [used] = re.fullmatch(r"\$\{\{ inputs\.([a-z-]+) \}\}", expression).groups()
        given[name] = values[used]
    outputs = tmp_path / "outputs"
    outputs.write_text("", encoding="utf-8")
    done = subprocess.run(
        ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", validate["run"]],
        env={**shell, **given, "GITHUB_OUTPUT": str(outputs)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout, outputs.read_text(encoding="utf-8")


def test_action_is_composite_and_every_input_is_described_and_used() -> None:
    assert ACTION["runs"]["using"] == "composite"
    assert all(each["description"] for each in ACTION["inputs"].values())
    used = set(re.findall(r"inputs\.([a-z-]+)", json.dumps(ACTION["runs"])))
    assert used == set(ACTION["inputs"])
    assert all(each.get("shell") for each in ACTION["runs"]["steps"] if "run" in each)


def test_action_names_options_that_exist() -> None:
    named = set(re.findall(r"(?<![\w-])--[a-z-]+", step("Validate")["run"]))
    assert named
    assert named <= options()


def test_action_reads_no_input_as_shell() -> None:
    assert all("${{" not in each["run"] for each in ACTION["runs"]["steps"] if "run" in each)


@needs_bash
def test_action_runs_the_command_line(
    shell: dict[str, str], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    status, log, answer = act(shell, tmp_path, files="requests/**/*.json\n")
    files = [f"requests/{name}/b c.json" for name in ("bad", "good", "unsure")]
    assert main(["validate", "--format", "github", *files]) == status == 1
    assert log == capfd.readouterr().out
    assert log.startswith("::error file=requests/bad/b c.json,line=1,")
    assert answer == "answer=fail\n"


@needs_bash
@pytest.mark.parametrize(
    ("inputs", "status", "answer"),
    [
        ({"files": "requests/good/*"}, 0, "pass"),
        ({"files": "  requests/good/b c.json  \n\n"}, 0, "pass"),
        ({"files": "requests/unsure/*", "fail_on": "waste"}, 0, "abstain"),
        ({"files": "requests/unsure/*", "fail_on": "waste", "abstain": "fail"}, 3, "abstain"),
        ({"files": "requests/none/*"}, 2, "unusable"),
        ({"files": "none.json"}, 2, "unusable"),
        ({"files": "requests/good/*", "as": "dashscope"}, 1, "fail"),
        ({"files": "requests/good/*", "previous": "requests/bad/b c.json"}, 0, "pass"),
        ({"files": "requests/unsure/*", "model": "gpt-4.1", "fail_on": "waste"}, 1, "fail"),
        (
            {"files": "requests/unsure/*", "host": "api.deepseek.com", "fail_on": "waste"},
            1,
            "fail",
        ),
        ({"files": "requests/*/*", "sequence": "true", "fail_on": "error"}, 1, "fail"),
        ({"files": "$(touch pwned)", "model": "`touch pwned`; $(touch pwned)"}, 2, "unusable"),
    ],
)
def test_action_answers_as_its_inputs_say(
    shell: dict[str, str], tmp_path: Path, inputs: dict[str, str], status: int, answer: str
) -> None:
    done = act(shell, tmp_path, **inputs)
    assert (done[0], done[2]) == (status, f"answer={answer}\n")
    assert not (tmp_path / "pwned").exists()


@needs_bash
def test_action_writes_to_a_file(shell: dict[str, str], tmp_path: Path) -> None:
    inputs = {"files": "requests/bad/*", "format": "sarif", "output": "found.sarif"}
    status, log, _ = act(shell, tmp_path, **inputs)
    assert (status, log) == (1, "")
    assert json.loads((tmp_path / "found.sarif").read_bytes())["version"] == "2.1.0"


def test_page_has_every_input_of_the_action() -> None:
    page = (ROOT / "docs" / "ci.md").read_text(encoding="utf-8")
    assert re.findall(r"^\| `([a-z-]+)` \|", page, re.MULTILINE) == list(ACTION["inputs"])


# The hook.


def test_hook_is_named_and_runs_on_files_of_requests() -> None:
    [hook] = HOOKS
    assert (hook["id"], hook["language"]) == ("wiremark-validate", "python")
    taken = re.compile(hook["files"])
    for name in (
        "requests/a.json",
        "x/bodies/y/a.jsonl",
        "a.request.json",
        "b.requests.jsonl",
        "c.har",
    ):
        assert taken.search(name), name
    for name in ("package.json", "requests.py", "data/a.json", "requests.json"):
        assert not taken.search(name), name


def test_hook_runs_a_command_of_this_package_with_options_that_exist() -> None:
    [hook] = HOOKS
    program, command, *words = shlex.split(hook["entry"])
    scripts = (
        (ROOT / "pyproject.toml").read_text(encoding="utf-8").partition("[project.scripts]")[2]
    )
    assert f"{program} = " in scripts.partition("\n[")[0]
    assert command in commands.commands
    assert {word for word in words if word.startswith("-")} <= options()


@needs_bash
def test_hook_runs_the_command_line(shell: dict[str, str], tmp_path: Path) -> None:
    """pre-commit runs entry, args and file names, and shows what they print if the status is not 0."""
    [hook] = HOOKS
    for name, status in (("good", 0), ("bad", 1)):
        words = [*shlex.split(hook["entry"]), f"requests/{name}/b c.json"]
        done = subprocess.run(words, env=shell, cwd=tmp_path, capture_output=True, check=False)
        assert done.returncode == status
