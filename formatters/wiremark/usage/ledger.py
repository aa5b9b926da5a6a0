"""`UsageLedger`: an append-only file of JSON lines, one a turn, that survives a crash.

A line is written by one call under `O_APPEND`, so that writers do not cut into each other. A line
without its end was torn by a crash: it is closed before the next one is written, and passed over,
with a finding, when the file is read. No file is opened but the one whose path was given.
"""

from __future__ import annotations

import errno
import os
import stat
import threading
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self, TypeAlias

from .. import jsontext
from ..errors import MessageError, SerializationError, WiremarkError
from ..findings import Finding
from .model import COUNTS, Usage
from .sums import usage_of
from .totals import UsageTotals

__all__ = ["LEDGER_VERSION", "UsageLedger"]

LEDGER_VERSION: Final = 1
"""The version of the lines that are written."""

_KIND: Final = "usage"
_BLANK: Final = b" \t\r\n\0"  # file systems leave zeros where power failed
_FLAGS: Final = os.O_RDWR | os.O_APPEND | os.O_CREAT | getattr(os, "O_BINARY", 0)
_Path: TypeAlias = str | os.PathLike[str]


class UsageLedger:
    """A file of turns: `add` appends one, `totals` reads them all.

    The file is opened, and made if need be, at once; its folder must exist. Any number of
    processes and threads may append to one file. With `fsync` a turn is on the disk before `add`
    returns; without it a crash of the process loses nothing that was added, one of the machine may.

    A line is an object: `wiremark` (`"usage"`), `version`, `model`, `provider`, `protocol`, the
    counts that were reported, and under `extra` what the caller added. Raises `WiremarkError` where
    the path is no file that can be written.
    """

    def __init__(self, path: _Path, *, fsync: bool = False) -> None:
        self.path = Path(path)
        self.fsync = fsync
        self._lock = threading.Lock()
        self._file: int | None = _open(self.path, fsync)

    def add(
        self,
        item: object,
        *,
        model: str | None = None,
        provider: str | None = None,
        **extra: Any,
    ) -> Usage:
        """Append a turn, and return its usage; `item` is what `UsageTotals.add` takes.

        `extra` is kept in the line, as in `session="s1"`; it must be JSON data, else
        `SerializationError` is raised and nothing is written. An error of the disk is an `OSError`.
        """
        usage = usage_of(item, model=model, provider=provider)
        line = jsontext.dumpb(_record(usage, extra)) + b"\n"
        with self._lock:
            self._append(line)
        return usage

    def totals(self) -> UsageTotals:
        """Read the file, and return the totals of all turns in it, whoever wrote them."""
        return self.read(self.path)[0]

    @classmethod
    def read(cls, path: _Path) -> tuple[UsageTotals, tuple[Finding, ...]]:
        """Return the totals of a ledger, and a finding for each line that was passed over.

        Raises `WiremarkError` where there is no file that can be read.
        """
        totals = UsageTotals()
        findings = []
        try:
            _refuse_other_kinds(Path(path))
            with Path(path).open("rb") as lines:
                for number, line in enumerate(lines, start=1):
                    finding = _read_line(line, number, totals)
                    if finding is not None:
                        findings.append(finding)
        except OSError as error:
            raise _refusal(Path(path), error) from error
        return totals, tuple(findings)

    def close(self) -> None:
        """Close the file; twice does no harm."""
        with self._lock:
            file, self._file = self._file, None
            if file is not None:
                os.close(file)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<UsageLedger {str(self.path)!r}{', closed' if self._file is None else ''}>"

    def _append(self, line: bytes) -> None:
        if self._file is None:
            raise WiremarkError(
                "the ledger is closed", path=str(self.path), advice="open it again to add a turn"
            )
        # A write that stops half way is torn like any other: the whole line is written anew.
        for _ in range(2):
            torn = not _ends_a_line(self._file)
            data = b"\n" + line if torn else line
            if os.write(self._file, data) == len(data):
                break
        else:
            raise OSError(errno.EIO, "the line was not written whole", str(self.path))
        if self.fsync:
            os.fsync(self._file)


def _open(path: Path, fsync: bool) -> int:
    """Open a file for appending."""
    try:
        is_new = not path.exists()
        if not is_new:
            _refuse_other_kinds(path)
        file = os.open(path, _FLAGS, 0o666)
        if is_new and fsync:
            _sync_folder(path)
    except (OSError, ValueError) as error:
        raise _refusal(path, error) from error
    return file


def _refuse_other_kinds(path: Path) -> None:
    """Let regular files pass alone: opening a pipe would block."""
    if not stat.S_ISREG(path.stat().st_mode):
        kind = "a directory" if path.is_dir() else "no regular file"
        raise WiremarkError(f"is {kind}", path=str(path), advice="name a file of JSON lines")


def _sync_folder(path: Path) -> None:
    """Put the new file's name on the disk too, where the system can."""
    if os.name == "posix":
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def _refusal(path: Path, error: Exception) -> WiremarkError:
    problem = getattr(error, "strerror", None) or str(error)
    return WiremarkError(
        f"no ledger here: {problem}",
        path=str(path),
        advice="name a file in a folder that exists, and that this user may read and write",
    )


def _ends_a_line(file: int) -> bool:
    size = os.fstat(file).st_size
    if not size:
        return True
    os.lseek(file, size - 1, os.SEEK_SET)  # appending goes to the end, wherever this points
    return os.read(file, 1) == b"\n"


def _record(usage: Usage, extra: Mapping[str, Any]) -> dict[str, Any]:
    out: dict[str, Any] = {"wiremark": _KIND, "version": LEDGER_VERSION}
    for name in ("model", "provider", "protocol", *COUNTS):
        value = getattr(usage, name)
        if value is not None:
            out[name] = value
    if extra:
        out["extra"] = extra
    return out


def _read_line(line: bytes, number: int, totals: UsageTotals) -> Finding | None:
    """Add the turn of a line, or say why it was passed over."""
    whole = line.endswith(b"\n")
    line = line.strip(_BLANK)
    if not line:
        return None
    try:
        totals.add(_usage(jsontext.loads(line)))
    except SerializationError as error:
        if not whole:
            return _passed(number, "torn-line", "the last line was torn by a crash", "")
        return _passed(number, "unreadable-line", f"{error.problem}", "it was torn, or overwritten")
    except MessageError as error:
        return _passed(number, "unreadable-line", str(error), "")
    return None


def _usage(record: object) -> Usage:
    """Return the usage of a line; raises `MessageError` for a line that is none of ours."""
    if not isinstance(record, dict) or record.get("wiremark") != _KIND:
        raise MessageError("no line of a ledger", advice="other records do not belong here")
    version = record.get("version")
    if type(version) is not int or not 1 <= version <= LEDGER_VERSION:
        raise MessageError(
            f"version {version!r} is not read here", path="version", advice="update wiremark"
        )
    return Usage.from_dict(record)


def _passed(number: int, code: str, message: str, advice: str) -> Finding:
    advice = advice or "the turn that it held is not counted"
    return Finding(code, "note", f"line {number}", f"passed over: {message}", advice)
