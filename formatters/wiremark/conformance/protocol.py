"""Test a program in any language: a case goes to its stdin as a line of JSON, a line comes back.

`python -m wiremark.conformance.protocol --as FORMATTER -- PROGRAM ...` is the command.
fixtures/README.md specifies the lines. How an answer is judged is not known here.
"""

from __future__ import annotations

import argparse
import json
import shlex
import shutil
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, Self

from ..errors import OptionError, WiremarkError
from .cases import Case, load
from .expected import read_expected_failures
from .process import LateLine, LineProcess, ProcessFault
from .subject import FORMATTERS, Answer, Raised

__all__ = ["Program", "main", "request_of"]

_WITHOUT_FORMATTER: Final = ("read", "validate")
_KEYS: Final = frozenset({"id", "ok", "plan", "findings", "warnings", "error"})
_PATIENCE: Final = 3
"""How many cases a program that has not answered any is asked."""


class Program:
    """A program that answers cases over stdin and stdout.

    command: the program and its arguments, as a list or as one text that is split as a shell does.
    answers_as: the formatters whose cases it is asked, or `read` and `validate`.
    timeout: seconds for each answer.

    It is started for the first case, and again after every fault. Use it as a context manager, or
    call `close`. Raises `OptionError` for a program or a name that is not there.
    """

    def __init__(
        self,
        command: str | Sequence[str],
        answers_as: str | Sequence[str],
        *,
        timeout: float = 10.0,
        cwd: Path | str | None = None,
    ) -> None:
        self.command = shlex.split(command) if isinstance(command, str) else list(command)
        self.answers_as = tuple(
            answers_as.split(",") if isinstance(answers_as, str) else answers_as
        )
        self.timeout = timeout
        self.cwd = None if cwd is None else str(cwd)
        self._process: LineProcess | None = None
        self._last = ""
        self._answered = 0
        self._unanswered = 0
        self._require()

    def _require(self) -> None:
        if not self.command:
            raise OptionError("no program is named", path="program")
        if (
            shutil.which(self.command[0]) is None
            and not Path(self.cwd or ".").joinpath(self.command[0]).is_file()
        ):
            raise OptionError(f"there is no program {self.command[0]!r}", path="program")
        known = [*FORMATTERS, *_WITHOUT_FORMATTER]
        for name in self.answers_as or ("",):
            if name not in known:
                raise OptionError(
                    f"there are no cases for {name!r}",
                    path="as",
                    advice=f"one of {', '.join(known)}",
                )
        if not self.timeout > 0:
            raise OptionError("a timeout is more than no seconds", path="timeout")

    @property
    def label(self) -> str:
        """Return the name to show: the first file that the command hands its program, else that."""
        files = (word for word in self.command[1:] if Path(self.cwd or ".", word).is_file())
        return Path(next(files, self.command[0])).name

    def takes(self, case: Case) -> bool:
        """Say whether a case is written for what the program answers as."""
        return (case.formatter or case.operation) in self.answers_as

    def answer(self, case: Case) -> Answer:
        """Return what the program makes of a case whose files are in place."""
        if self._unanswered >= _PATIENCE and not self._answered:
            return Answer(fault=f"not asked: {self.label} answered none of the cases before")
        name = case.id if case.id != self._last else f"{case.id}#2"
        line = json.dumps(request_of(case, name)).encode()
        try:
            if self._process is None:
                self._process = LineProcess(self.command, cwd=self.cwd)
            reply = self._process.ask(line, timeout=self.timeout)
            answer = _answer(reply, name)
        except (ProcessFault, OSError) as problem:
            last = f" (to {self._last})" if isinstance(problem, LateLine) else ""
            self.close()
            self._unanswered += 1
            return Answer(fault=f"{self.label} {problem}{last}")
        self._last = name
        self._answered += 1
        return answer

    def end(self) -> str:
        """Close the program's input, wait for it, and return what was not orderly, else `""`."""
        process, self._process = self._process, None
        if process is None:
            return ""
        try:
            process.end(timeout=self.timeout)
        except ProcessFault as problem:
            return f"{self.label} {problem} (the last was {self._last})"
        finally:
            process.kill()
        return ""

    def close(self) -> None:
        """End the program at once."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def request_of(case: Case, name: str) -> dict[str, Any]:
    """Return the request that asks for a case."""
    wanted = [
        part
        for part, value in (("plan", case.plan), ("findings", case.findings))
        if value is not None or (case.is_draft and case.operation in ("format", "request"))
    ]
    request = {
        "id": name,
        "operation": case.operation,
        "formatter": case.formatter,
        "settings": dict(case.settings),
        "input": dict(case.input),
        "report": wanted,
    }
    return {key: value for key, value in request.items() if value is not None}


def _answer(line: bytes, name: str) -> Answer:
    """Return the answer that a line holds. Raises `ProcessFault` for a line that is none."""
    try:
        text = line.decode("utf-8")
        data = json.loads(text, parse_constant=_refuse)
    except ValueError as problem:
        raise ProcessFault(f"wrote a line that is no JSON, {_shown(line)}: {problem}") from None
    if not isinstance(data, dict):
        raise ProcessFault(f"wrote a line that is no JSON object: {_shown(line)}")
    if data.get("id") != name:
        raise ProcessFault(f"answered the id {data.get('id')!r} instead of {name!r}")
    unknown = sorted(set(data) - _KEYS)
    if unknown:
        raise ProcessFault(f"answered with the unknown key {unknown[0]!r}")
    if ("ok" in data) == ("error" in data):
        raise ProcessFault("answered without exactly one of `ok` and `error`")
    if "error" in data:
        return Answer(raised=_raised(data["error"]))
    for key in ("plan", "findings", "warnings"):
        items = data.get(key, [])
        if not (isinstance(items, list) and all(isinstance(item, dict) for item in items)):
            raise ProcessFault(f"answered `{key}` that is no list of objects")
    warnings = tuple(_texts(item, "warnings", "class", "text") for item in data.get("warnings", ()))
    return Answer(data["ok"], data.get("plan"), data.get("findings"), warnings)


def _raised(error: object) -> Raised:
    if not isinstance(error, dict):
        raise ProcessFault("answered an `error` that is no object")
    said = _texts({"path": "", "message": "", **error}, "error", "class", "path", "message")
    return Raised(said["class"], said["path"], said["message"])


def _texts(item: Mapping[str, Any], where: str, *keys: str) -> dict[str, str]:
    for key in keys:
        if not isinstance(item.get(key), str):
            raise ProcessFault(f"answered `{where}` whose `{key}` is no string")
    return {key: item[key] for key in keys}


def _refuse(constant: str) -> Any:
    raise ValueError(f"{constant} is no JSON")


def _shown(line: bytes) -> str:
    return repr(line[:120].decode("utf-8", "replace"))


def main(arguments: Sequence[str]) -> int:
    """Print how a program does on cases; exit 1 when it fails one, 2 for a wrong call."""
    from .check import check

    parser = argparse.ArgumentParser(
        prog="python -m wiremark.conformance.protocol",
        description="Run golden cases through a program that answers lines with lines.",
    )
    add = parser.add_argument
    add("--as", dest="names", required=True, help="the formatters it answers as, by comma")
    add("--cases", metavar="DIR", help="cases of your own; by default wiremark's")
    add("--skip", metavar="FILE", help="expected failures, a JSON object of id and reason")
    add("--timeout", type=float, default=10.0, help="seconds for each answer (10)")
    add("--ignore-key-order", action="store_true", help="let keys stand in any order")
    add("command", nargs="+", metavar="PROGRAM", help="the program and its arguments, after --")
    given = parser.parse_args(arguments)
    try:
        skip = read_expected_failures(given.skip) if given.skip else {}
        with Program(given.command, given.names, timeout=given.timeout) as program:
            report = check(
                program, load(given.cases), skip=skip, key_order=not given.ignore_key_order
            )
            fault = program.end()
    except WiremarkError as problem:
        parser.error(str(problem))
    sys.stdout.writelines(f"{text}\n" for text in (report, fault) if text)
    return 0 if report.ok and not fault else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
