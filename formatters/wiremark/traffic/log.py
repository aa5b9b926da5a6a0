"""A file of exchanges, one a line: what the emulator and the recorder keep, and read again.

A line is written at once when an answer has ended, so that a process may be killed at any moment:
what a line tells is whole, and a line that is torn costs no other. Knows no clock and no socket.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from threading import Lock
from typing import Final

from .. import jsontext
from ..errors import MessageError, SerializationError
from ..findings import Finding
from .lines import line_of, record_of
from .records import Record

__all__ = ["RequestLog"]

_MODE: Final = 0o600
_CODE: Final = "log-unreadable"


class RequestLog:
    """An append-only file of JSON lines, a `Record` each; made if it is not there.

    What a new file holds can be read by its owner only. Lines may be appended from any thread.
    Raises `OSError` if it cannot be written.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self._lock = Lock()
        self._file: int | None = None
        self._torn = False
        self._open()

    def append(self, record: Record) -> None:
        """Write a record as a line of its own; after `close` the file is opened again."""
        line = jsontext.dumpb(line_of(record)) + b"\n"
        with self._lock:
            file = self._open()
            left = memoryview(b"\n" + line if self._torn else line)
            self._torn = True  # until all of it is there
            while left:
                left = left[os.write(file, left) :]
            self._torn = False

    def each(self) -> Iterator[Record | Finding]:
        """Yield the records, and a finding for every line that is none."""
        if not self.path.is_file():
            return  # a device, which may have no end
        with self.path.open("rb") as lines:
            for number, line in enumerate(lines, start=1):
                if not line.strip():
                    continue
                place = f"{self.path.name}:{number}"
                try:
                    yield record_of(jsontext.loads(line))
                except SerializationError as error:
                    torn = not line.endswith(b"\n")
                    problem = "the line was cut off as it was written" if torn else str(error)
                    yield Finding(_CODE, "note", place, problem, "it is left out")
                except MessageError as error:
                    yield Finding(_CODE, "note", place, error.problem, error.advice)

    def read(self) -> tuple[list[Record], list[Finding]]:
        """Return the records, and a finding for every line that is none."""
        records: list[Record] = []
        findings: list[Finding] = []
        for each in self.each():
            if isinstance(each, Record):
                records.append(each)
            else:
                findings.append(each)
        return records, findings

    def close(self) -> None:
        """Close the file; does nothing if it is closed."""
        with self._lock:
            if self._file is not None:
                os.close(self._file)
            self._file = None

    def _open(self) -> int:
        if self._file is None:
            flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | getattr(os, "O_BINARY", 0)
            self._file = os.open(self.path, flags, _MODE)
            size = os.lseek(self._file, 0, os.SEEK_END)
            os.lseek(self._file, max(0, size - 1), os.SEEK_SET)
            self._torn = os.read(self._file, 1) not in (b"", b"\n")
        return self._file
