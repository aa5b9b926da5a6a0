"""A child process that answers lines with lines, and says clearly when it does not.

Threads carry its three streams, so that neither side can block the other. What the lines mean is
not known here.
"""

from __future__ import annotations

import contextlib
import os
import queue
import signal
import subprocess
import threading
import time
from collections import deque
from collections.abc import Sequence
from typing import IO, Final

__all__ = ["LateLine", "LineProcess", "ProcessFault"]

_CHUNK: Final = 65536
_STDERR_LINES: Final = 12
_SHOWN: Final = 200


class ProcessFault(Exception):
    """The process did not answer as it should; the text says what it did instead."""


class LateLine(ProcessFault):
    """The process wrote a line after the answer that came before."""


class LineProcess:
    """A running program, asked one line at a time.

    Raises `OSError` where it cannot be started.
    """

    def __init__(self, command: Sequence[str], *, cwd: str | None = None) -> None:
        self._process = subprocess.Popen(  # noqa: S603  the caller's own program, and no shell
            list(command),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=cwd,
            start_new_session=os.name == "posix",
        )
        self._lines: queue.SimpleQueue[list[bytes]] = queue.SimpleQueue()
        self._requests: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        self._waiting: deque[bytes] = deque()
        self._begun = b""
        self._has_ended = False
        self._was_asked = False
        self._said: deque[str] = deque(maxlen=_STDERR_LINES)
        self._threads = [
            threading.Thread(target=task, daemon=True)
            for task in (self._read, self._read_errors, self._write)
        ]
        for thread in self._threads:
            thread.start()

    def ask(self, line: bytes, *, timeout: float) -> bytes:
        """Send one line and return the one that answers it. Raises `ProcessFault`."""
        extra = self._spare()
        if extra is not None and self._was_asked:
            raise LateLine(f"wrote a line behind its last answer: {_shown(extra)}")
        if extra is not None:
            raise ProcessFault(f"wrote a line before it was asked: {_shown(extra)}")
        self._was_asked = True
        self._requests.put(line + b"\n")
        reply = self._next(timeout)
        extra = self._spare()
        if extra is not None:
            raise ProcessFault(f"wrote a line behind its answer: {_shown(extra)}")
        return reply

    def end(self, *, timeout: float) -> None:
        """Close its input and wait for its end. Raises `ProcessFault` unless that is orderly."""
        self._requests.put(None)
        try:
            status = self._process.wait(timeout)
        except subprocess.TimeoutExpired:
            raise ProcessFault(
                f"did not end within {timeout:g} s of the end of its input"
            ) from None
        self._join()
        extra = self._spare()
        if extra is not None or self._begun:
            left = self._begun if extra is None else extra
            raise ProcessFault(f"wrote a line behind its last answer: {_shown(left)}")
        if status != 0:
            raise ProcessFault(f"{_ended(status)}{self._stderr()}")

    def kill(self) -> None:
        """End it and what it started, at once."""
        if self._process.poll() is None:
            with contextlib.suppress(OSError):
                if os.name == "posix":
                    os.killpg(self._process.pid, signal.SIGKILL)
                else:
                    self._process.kill()
            self._process.wait()
        self._join()
        for stream in (self._process.stdout, self._process.stderr):
            if stream is not None:
                stream.close()

    def _next(self, timeout: float) -> bytes:
        deadline = time.monotonic() + timeout
        while not self._waiting:
            if self._has_ended:
                raise ProcessFault(self._end_said(deadline - time.monotonic()))
            try:
                self._take(self._lines.get(timeout=max(0.0, deadline - time.monotonic())))
            except queue.Empty:
                begun = self._begun
                hint = f"; it began {_shown(begun)}, without a line end" if begun else ""
                raise ProcessFault(
                    f"gave no answer within {timeout:g} s{hint}{self._stderr()}"
                ) from None
        return self._waiting.popleft()

    def _spare(self) -> bytes | None:
        with contextlib.suppress(queue.Empty):
            while True:
                self._take(self._lines.get_nowait())
        return self._waiting[0] if self._waiting else None

    def _take(self, lines: list[bytes]) -> None:
        self._waiting.extend(lines)
        self._has_ended = self._has_ended or not lines

    def _end_said(self, left: float) -> str:
        try:
            status = self._process.wait(max(0.1, left))
        except subprocess.TimeoutExpired:
            return f"closed its output before it answered{self._stderr()}"
        self._join()
        hint = f"; it began {_shown(self._begun)}, without a line end" if self._begun else ""
        return f"{_ended(status)} before it answered{hint}{self._stderr()}"

    def _stderr(self) -> str:
        if not self._said:
            return ""
        return "\n".join(["", "its stderr ends with:", *(f"  {line}" for line in self._said)])

    def _join(self) -> None:
        self._requests.put(None)
        for thread in self._threads:
            thread.join(timeout=1)

    # What the threads do.

    def _read(self) -> None:
        stream = _open(self._process.stdout)
        while chunk := _chunk(stream):
            *lines, self._begun = (self._begun + chunk).split(b"\n")
            if lines:
                self._lines.put(lines)
        self._lines.put([])

    def _read_errors(self) -> None:
        rest = b""
        stream = _open(self._process.stderr)
        while chunk := _chunk(stream):
            *lines, rest = (rest + chunk).split(b"\n")
            self._said.extend(_text(line) for line in lines if line.strip())
        if rest.strip():
            self._said.append(_text(rest))

    def _write(self) -> None:
        stream = _open(self._process.stdin)
        # Told of a broken pipe by the end of the output, which says more.
        with contextlib.suppress(OSError, ValueError):
            while (line := self._requests.get()) is not None:
                stream.write(line)
                stream.flush()
        with contextlib.suppress(OSError, ValueError):
            stream.close()


def _open(stream: IO[bytes] | None) -> IO[bytes]:
    assert stream is not None  # each was asked for as a pipe
    return stream


def _chunk(stream: IO[bytes]) -> bytes:
    try:
        return os.read(stream.fileno(), _CHUNK)
    except (OSError, ValueError):
        return b""


def _text(line: bytes) -> str:
    text = line.decode("utf-8", "replace").rstrip("\r")
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 1]}…"


def _shown(line: bytes) -> str:
    return repr(_text(line))


def _ended(status: int) -> str:
    if status < 0:
        with contextlib.suppress(ValueError):
            return f"was ended by {signal.Signals(-status).name}"
    return f"ended with status {status}"
