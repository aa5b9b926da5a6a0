"""Every example of README.md and docs/ runs.

The rules for who writes them:

- ```python blocks of one file run in order, in one namespace.
- In ```console blocks every line `$ wiremark ...` runs, through a shell, so pipes work; a line that
  ends in a backslash goes on in the next. It must exit with 0. So does `$ curl ...`, where port 8089
  of this machine is an emulator, new in each block.
- `<!-- output -->` above a ```text or ```json block that follows a python block: the block is
  exactly what that python block printed. Above a console block: the lines below each command are
  exactly what it printed (stdout and stderr), whatever its exit status.
- `<!-- not run: reason -->` right above a block leaves it out.

Both run in a folder that shows the checkout's files, so what an example writes is thrown away.
"""

from __future__ import annotations

import contextlib
import io
import linecache
import os
import re
import subprocess
import sys
import textwrap
import types
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from wiremark.emulator import Emulator

ROOT = Path(__file__).resolve().parents[1]
FENCE = re.compile(r"^(?P<indent> *)(?P<ticks>`{3,}) *(?P<language>[\w+-]*)[^`]*$")
COMMENT = re.compile(r"^\s*<!--\s*(?P<text>.*?)\s*-->\s*$")
MODULE = "wiremark_docs_example"
EMULATOR = "http://127.0.0.1:8089"
RUN = re.compile(r"(wiremark|curl)\b")


@dataclass(frozen=True)
class Block:
    """A fenced block: its language, text, first line of text, and the comment right above."""

    language: str
    text: str
    line: int
    comment: str

    @property
    def runs(self) -> bool:
        return re.fullmatch(r"not run: \S.*", self.comment) is None

    @property
    def is_output(self) -> bool:
        return self.comment == "output"


def blocks_of(text: str) -> list[Block]:
    """Return the fenced blocks of a Markdown text, in order."""
    found: list[Block] = []
    lines = iter(enumerate(text.splitlines(), start=1))
    comment = ""
    for number, line in lines:
        fence = FENCE.match(line)
        if fence is None:
            note = COMMENT.match(line)
            comment = note["text"] if note else comment if not line.strip() else ""
            continue
        body = []
        for _, inner in lines:
            if inner.strip() == fence["ticks"]:
                break
            body.append(inner)
        else:
            raise AssertionError(f"line {number}: a fenced block is not closed")
        content = textwrap.dedent("\n".join(body)) + "\n" if body else ""
        found.append(Block(fence["language"], content, number + 1, comment))
        comment = ""
    return found


def commands_of(block: Block) -> Iterator[tuple[str, str]]:
    """Yield each command of a console block with the output that stands below it."""
    lines = block.text.splitlines()
    position = 0
    while position < len(lines):
        if not lines[position].startswith("$ "):
            position += 1
            continue
        command = [lines[position][2:]]
        while command[-1].endswith("\\") and position + 1 < len(lines):
            position += 1
            command.append(lines[position].removeprefix("> "))
        position += 1
        output = []
        while position < len(lines) and not lines[position].startswith("$ "):
            output.append(lines[position])
            position += 1
        yield "\n".join(command), "\n".join(output).strip("\n")


def pages() -> dict[str, list[Block]]:
    files = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
    return {
        file.relative_to(ROOT).as_posix(): blocks_of(file.read_text(encoding="utf-8"))
        for file in files
        if file.is_file()
    }


PAGES = pages()
WITH_PYTHON = [page for page, found in PAGES.items() if any(b.language == "python" for b in found)]
CONSOLES = [
    pytest.param(block, id=f"{page}:{block.line}")
    for page, found in PAGES.items()
    for block in found
    if block.language == "console" and block.runs
]


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that shows the files of the checkout; what is written in it is not kept."""
    folder = tmp_path_factory.mktemp("docs")
    for entry in ROOT.iterdir():
        if not entry.name.startswith("."):
            (folder / entry.name).symlink_to(entry)
    return folder


@pytest.fixture(scope="module")
def shell_env(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """An environment in which `wiremark` is this checkout's command, in a plain terminal."""
    folder = tmp_path_factory.mktemp("bin")
    command = folder / "wiremark"
    run = "import sys; from wiremark.cli import main; sys.exit(main())"
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -c "{run}" "$@"\n', encoding="utf-8")
    command.chmod(0o755)
    return {
        **os.environ,
        "PATH": f"{folder}{os.pathsep}{os.environ.get('PATH', '')}",
        "PYTHONPATH": str(ROOT / "formatters"),
        "COLUMNS": "100",
        "NO_COLOR": "1",
        "TERM": "dumb",
    }


def run_python(page: str, block: Block, module: types.ModuleType) -> str:
    """Execute a block in `module` and return what it printed."""
    name = f"<{page}:{block.line}>"
    linecache.cache[name] = (len(block.text), None, block.text.splitlines(keepends=True), name)
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(block.text, name, "exec"), module.__dict__)
    return printed.getvalue()


def test_readme_exists_and_shows_python_and_the_command() -> None:
    assert "README.md" in PAGES, "there is no README.md"
    languages = {block.language for block in PAGES["README.md"] if block.runs}
    assert {"python", "console"} <= languages, f"README.md has runnable blocks of {languages} only"


@pytest.mark.parametrize("page", WITH_PYTHON)
def test_python_examples_run(page: str, workspace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(workspace)
    module = types.ModuleType(MODULE)
    monkeypatch.setitem(sys.modules, MODULE, module)
    printed = ""
    previous = ""
    for block in PAGES[page]:
        if block.language == "python" and block.runs:
            printed = run_python(page, block, module)
        elif block.language in {"text", "json"} and block.is_output:
            assert previous == "python", f"{page}:{block.line}: output of which python block?"
            assert printed.rstrip() == block.text.rstrip(), f"{page}:{block.line}"
        previous = block.language


@pytest.fixture(scope="module")
def emulator() -> Iterator[Emulator]:
    with Emulator() as running:
        yield running


@pytest.mark.parametrize("block", CONSOLES)
def test_console_example_runs(
    block: Block, workspace: Path, shell_env: dict[str, str], emulator: Emulator
) -> None:
    emulator.reset()
    for command, shown in commands_of(block):
        if RUN.match(command) is None:
            continue
        done = subprocess.run(
            ["bash", "-o", "pipefail", "-c", command.replace(EMULATOR, emulator.url)],
            cwd=workspace,
            env=shell_env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        if block.is_output:
            assert done.stdout.rstrip() == shown.rstrip(), command
        else:
            assert done.returncode == 0, f"$ {command}\n{done.stdout}"


@pytest.mark.parametrize("page", PAGES)
def test_every_comment_above_a_block_is_understood(page: str) -> None:
    odd = [
        f"{page}:{block.line}: {block.comment}"
        for block in PAGES[page]
        if re.match(r"(output|not run)", block.comment) and block.runs and not block.is_output
    ]
    assert odd == [], "write <!-- output --> or <!-- not run: reason -->"


def test_blocks_are_read_with_language_line_and_comment() -> None:
    text = "a\n\n<!-- not run: needs a key -->\n```python\nx = 1\n```\n\n  ```console\n  $ a \\\n  > b\n  out\n  ```\n"
    python, console = blocks_of(text)
    assert python == Block("python", "x = 1\n", 5, "not run: needs a key")
    assert not python.runs
    assert list(commands_of(console)) == [("a \\\nb", "out")]


def test_comment_binds_only_the_block_right_below() -> None:
    first, second = blocks_of("<!-- output -->\n\n```text\na\n```\n```text\nb\n```\n")
    assert first.is_output
    assert not second.is_output


def test_skip_without_a_reason_does_not_skip() -> None:
    (block,) = blocks_of("<!-- not run -->\n```python\n1 / 0\n```\n")
    assert block.runs


def test_unclosed_block_is_an_error() -> None:
    with pytest.raises(AssertionError, match="line 1: a fenced block is not closed"):
        blocks_of("```python\nx = 1\n")


@pytest.mark.parametrize("name", ["curl.sh", "wire-table.md"])
def test_what_other_tests_run_is_quoted_whole(name: str) -> None:
    """tests/test_wire_clients.py runs the lines, tests/test_wire_ways.py measures the table."""
    quoted = (ROOT / "tests" / "data" / name).read_text(encoding="utf-8").rstrip()
    assert quoted in (ROOT / "docs" / "emulator.md").read_text(encoding="utf-8")
