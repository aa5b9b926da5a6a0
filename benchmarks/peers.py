"""The peers: what is installed for them, each into its own environment, and their processes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import venv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

__all__ = ["AGENTSCOPE_1", "AGENTSCOPE_2", "Absent", "Peer", "Process"]

_HERE = Path(__file__).parent
_INSTALL_SECONDS = 900


class Absent(Exception):
    """A subject cannot be measured here; the text says why, in one line."""


@dataclass(frozen=True)
class Peer:
    """A release to compare with. `needs` is what its formatters import; no more is installed."""

    package: str
    folder: str
    needs: tuple[str, ...]

    def python(self) -> str:
        """Return the peer's interpreter, its environment made first where it is missing."""
        home = _HERE.parent / self.folder
        python = home / ("Scripts" if os.name == "nt" else "bin") / "python"
        stamp = home / ".stamp"
        wanted = " ".join((self.package, *self.needs, sys.version))
        if not (stamp.exists() and stamp.read_text(encoding="utf-8") == wanted):
            print(f"making {self.folder} for {self.package} ...", file=sys.stderr, flush=True)
            try:
                venv.create(home, clear=True, with_pip=True)
            except (OSError, subprocess.SubprocessError) as problem:
                raise Absent(f"no environment for {self.package}: {problem}") from None
            _pip(python, "--no-deps", self.package)
            _pip(python, *self.needs)
            stamp.write_text(wanted, encoding="utf-8")
        return str(python)


# Both import far less than they require. 1.x does not import with mcp 2, which it allows.
AGENTSCOPE_1 = Peer(
    "agentscope==1.0.21",
    ".venv-agentscope1",
    (
        "aiofiles",
        "aioitertools",
        "dashscope",
        "docstring_parser",
        "greenlet",
        "json5",
        "json_repair",
        "mcp<2",
        "numpy",
        "opentelemetry-sdk",
        "pydantic",
        "python-socketio",
        "requests",
        "shortuuid",
        "sqlalchemy",
        "tqdm",
        "typing_extensions",
    ),
)
AGENTSCOPE_2 = Peer("agentscope==2.0.11", ".venv-agentscope2", ("pydantic", "requests"))


class Process:
    """A worker that measures one subject."""

    def __init__(self, python: str, module: str) -> None:
        # The peers must see neither our sources nor our environment; one hash seed for all.
        clean = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}
        if python == sys.executable:
            clean["PYTHONPATH"] = os.environ.get("PYTHONPATH", "")
        self._errors = tempfile.TemporaryFile("w+", encoding="utf-8")  # noqa: SIM115 - see close
        self._process = subprocess.Popen(
            [python, "-W", "ignore", str(_HERE / "worker.py"), module],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
            encoding="utf-8",
            env=clean | {"PYTHONHASHSEED": "0", "PYTHONUTF8": "1"},
        )
        self.version: str = self.ask("about")

    def ask(self, do: str, **arguments: Any) -> Any:
        """Return the worker's answer. Raises `Absent` when it died."""
        pipe_in, pipe_out = _open(self._process.stdin), _open(self._process.stdout)
        try:
            pipe_in.write(json.dumps({"do": do, **arguments}) + "\n")
            pipe_in.flush()
            return json.loads(pipe_out.readline())
        except (OSError, ValueError):
            self._process.kill()
            self._process.wait()
            self._errors.seek(0)
            raise Absent(_last_line(self._errors.read())) from None

    def close(self) -> None:
        """End the worker."""
        if self._process.poll() is None:
            self._process.communicate()
        self._errors.close()


def _last_line(text: str) -> str:
    return (text.strip().splitlines() or ["no word of why"])[-1]


def _open(pipe: IO[str] | None) -> IO[str]:
    assert pipe is not None
    return pipe


def _pip(python: Path, *words: str) -> None:
    command: Sequence[str] = [str(python), "-m", "pip", "--disable-pip-version-check", "-qq"]
    try:
        done = subprocess.run(
            [*command, "install", *words],
            capture_output=True,
            text=True,
            timeout=_INSTALL_SECONDS,
            check=False,
        )
    except (OSError, subprocess.SubprocessError) as problem:
        raise Absent(f"pip failed: {problem}") from None
    if done.returncode:
        raise Absent(f"pip failed: {_last_line(done.stderr)}")
