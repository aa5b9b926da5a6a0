"""What commands read and write: files and standard streams, JSON, lines of text.

Nothing here knows what a message or a body is. Whatever cannot be read or written becomes
`Unusable` with a reason of one line that names the file.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any, Final, TextIO

import click

from ..errors import WiremarkError

__all__ = [
    "ReaderGone",
    "Unusable",
    "blaming",
    "emit",
    "emit_json",
    "has_colour",
    "is_terminal",
    "numbered",
    "one_line",
    "opened",
    "read_bytes",
    "read_json",
    "say",
    "shown",
    "stdout",
    "writing",
]

_LONGEST: Final = 1000
_BOM: Final = b"\xef\xbb\xbf"


class Unusable(Exception):
    """Input that cannot be used, or output that cannot be written; the text is the reason."""


class ReaderGone(Exception):
    """Whoever read the output has gone away."""


# Reading.


def shown(name: str) -> str:
    """Return how an input is called in what is said about it."""
    return "stdin" if name == "-" else name


@contextmanager
def blaming(name: str) -> Iterator[None]:
    """Turn wiremark's errors into `Unusable`, the name of the input before the reason."""
    try:
        yield
    except WiremarkError as problem:
        raise Unusable(f"{shown(name)}: {problem}") from None


@contextmanager
def opened(name: str) -> Iterator[IO[bytes]]:
    """Open a file, or standard input for `-`, to be read."""
    try:
        if name == "-":
            yield _stdin()
        else:
            with _file(name) as stream:
                yield stream
    except OSError as problem:
        raise Unusable(f"{shown(name)}: {_lower(problem.strerror)}") from None


def _stdin() -> IO[bytes]:
    if sys.stdin is None:
        raise Unusable("stdin: it is closed")
    if is_terminal(sys.stdin):
        say("reading from the terminal; end with Ctrl-D")
    return sys.stdin.buffer


def _file(name: str) -> IO[bytes]:
    try:
        return Path(name).open("rb")
    except ValueError as problem:  # a NUL in the name
        raise Unusable(f"{name}: {problem}") from None


def read_bytes(name: str) -> bytes:
    """Return the content of a file, or of standard input for `-`."""
    with opened(name) as stream:
        return stream.read()


def numbered(stream: IO[bytes]) -> Iterator[tuple[int, bytes]]:
    """Yield the lines with their numbers, from the first that is not blank on, without a BOM."""
    begun = False
    for number, line in enumerate(stream, start=1):
        kept = line.removeprefix(_BOM) if number == 1 else line
        begun = begun or bool(kept.strip())
        if begun:
            yield number, kept


def read_json(name: str) -> Any:
    """Return the JSON value that a file holds; a byte order mark is passed over."""
    from .. import jsontext

    data = read_bytes(name).removeprefix(_BOM)
    if not data.strip():
        raise Unusable(f"{shown(name)}: empty, not JSON")
    with blaming(name):
        return jsontext.loads(data)


def _lower(text: str | None) -> str:
    return (text or "cannot be read")[:1].lower() + (text or "cannot be read")[1:]


# Writing.


def stdout() -> TextIO:
    """Return standard output; a closed one is `Unusable`, for the answer would be lost."""
    if sys.stdout is None:
        raise Unusable("stdout is closed")
    return sys.stdout


def emit(text: str) -> None:
    """Write a line, or lines, to standard output as UTF-8."""
    with writing(stdout()):
        click.echo(text.encode("utf-8", "backslashreplace"))


def emit_json(text: str, indent: int | None) -> None:
    """Write compact JSON text to standard output, indented if asked for."""
    emit(text if indent is None else _indented(text, indent))


def say(text: str) -> None:
    """Write one line to standard error, if there is one."""
    with writing(sys.stderr):
        click.echo(one_line(text), err=True)


@contextmanager
def writing(stream: TextIO | None) -> Iterator[None]:
    """Turn failures of writing to `stream` into `ReaderGone` or `Unusable`."""
    try:
        yield
    except OSError as problem:
        # What is left in the buffer would fail again when Python exits.
        with suppress(OSError, ValueError, AttributeError):
            void = os.open(os.devnull, os.O_WRONLY)
            os.dup2(void, stream.fileno())  # type: ignore[union-attr]
            os.close(void)
        if isinstance(problem, BrokenPipeError):
            raise ReaderGone from None
        raise Unusable(f"cannot write: {_lower(problem.strerror)}") from None


def one_line(text: str) -> str:
    """Return a text as one printable line, cut in its middle where it is long."""
    if len(text) > 2 * _LONGEST:
        text = text[:_LONGEST] + text[-_LONGEST:]
    line = " ".join(text.split())
    line = "".join(c if c.isprintable() else ascii(c)[1:-1] for c in line)
    if len(line) <= _LONGEST:
        return line
    return f"{line[: _LONGEST // 2 - 2]} ... {line[3 - _LONGEST // 2 :]}"


def is_terminal(stream: TextIO | None) -> bool:
    """Say whether a stream is a terminal."""
    try:
        return stream is not None and stream.isatty()
    except ValueError:  # closed
        return False


def has_colour(stream: TextIO | None) -> bool:
    """Say whether a stream is a terminal that wants colour (see no-color.org)."""
    plain = os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb"
    return is_terminal(stream) and not plain


_PIECE: Final = re.compile(r'"(?:[^"\\]|\\.)*"|[][{},:]|[^][{},:"]+')


def _indented(text: str, width: int) -> str:
    """Return compact JSON text on indented lines; numbers and strings stay as they are written."""
    out: list[str] = []
    depth = 0
    pieces = _PIECE.findall(text)
    for number, piece in enumerate(pieces):
        if piece in "]}":
            depth -= 1
            is_empty = pieces[number - 1] in "[{"
            out.append(piece if is_empty else f"{_break(width, depth)}{piece}")
        elif piece in "[{":
            is_empty = pieces[number + 1] in "]}"
            depth += 1
            out.append(piece if is_empty else f"{piece}{_break(width, depth)}")
        elif piece == ",":
            out.append(f",{_break(width, depth)}")
        else:
            out.append(": " if piece == ":" else piece)
    return "".join(out)


def _break(width: int, depth: int) -> str:
    return "\n" + " " * (width * depth)
