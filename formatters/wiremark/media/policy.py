"""Which files of this machine may be read, and where files may be written: `MediaPolicy`.

A path in a message may have been written by a model or a stranger. So a path counts only under a
folder that the user named, after symbolic links are followed; nothing outside is opened, and no
error tells whether something exists there.
"""

from __future__ import annotations

import json
import os
import re
import stat
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote_to_bytes

from wiremark.errors import MediaError, MediaRefused

__all__ = ["MediaPolicy", "local_path", "refusal", "shown"]

_PATH_BYTES = 4096  # PATH_MAX of Linux; no system opens a longer path that is given in one piece.

_CHUNK_BYTES = 1 << 20

_FILE_URL = re.compile(r"file:(?://(?P<host>[^/?#]*))?(?P<path>[^?#]*)", re.IGNORECASE)

_SAFELY = getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NOFOLLOW", 0)
_OPEN_FILE = os.O_RDONLY | _SAFELY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
_OPEN_FOLDER = getattr(os, "O_PATH", os.O_RDONLY) | _SAFELY | getattr(os, "O_DIRECTORY", 0)

_KINDS = (
    (stat.S_ISDIR, "a folder"),
    (stat.S_ISFIFO, "a pipe"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
    (stat.S_ISSOCK, "a socket"),
)


@dataclass(frozen=True, slots=True, init=False)
class MediaPolicy:
    """Name what may be read and written; nothing else is.

    `roots`: folders whose files messages may name, at any depth; a single path counts as one.
    `max_bytes`: size limit of a file that is read, and of decoded data that is written.
    `tool_result_dir`: folder for media of tool results, created when first needed; not a root.

    Paths are made absolute and their symbolic links followed here, once.
    """

    roots: tuple[Path, ...]
    max_bytes: int
    tool_result_dir: Path | None

    def __init__(
        self,
        roots: str | os.PathLike[str] | Iterable[str | os.PathLike[str]] = (),
        max_bytes: int = 20_000_000,
        tool_result_dir: str | os.PathLike[str] | None = None,
    ) -> None:
        if isinstance(roots, str | os.PathLike):
            roots = (roots,)
        if max_bytes < 0:
            raise MediaError(
                f"max_bytes is {max_bytes}", path="max_bytes", advice="give a size in bytes"
            )
        folders = tuple(_folder(root, f"roots[{index}]") for index, root in enumerate(roots))
        results = None if tool_result_dir is None else _folder(tool_result_dir, "tool_result_dir")
        object.__setattr__(self, "roots", folders)
        object.__setattr__(self, "max_bytes", max_bytes)
        object.__setattr__(self, "tool_result_dir", results)

    def open_path(self, url: str) -> Path:
        """Return the real path of the file that `url`, a path or `file:` URL, names.

        It is a regular file under a root, of at most `max_bytes` bytes. `..` is resolved in the
        text, before symbolic links; a `file:` URL is percent-decoded, a path is not. Despite its
        name it opens nothing, so it never waits.

        Raises `MediaRefused` for all that the policy does not allow, and `MediaError` for a file
        under a root that does not exist or cannot be looked at.
        """
        return self._locate(url)[1]

    def read(self, url: str) -> bytes:
        """Return the content of the file that `url` names, under the rules of `open_path`.

        Where the system can (not on Windows), every folder on the way is opened without following
        links; the opened file is judged again, so a file exchanged in between is not read.
        """
        root, path = self._locate(url)
        chunks: list[bytes] = []
        size = 0
        with _as_media_error(url), os.fdopen(self._open(url, root, path), "rb") as file:
            self._judge(url, os.fstat(file.fileno()))
            while size <= self.max_bytes and (chunk := file.read(_CHUNK_BYTES)):
                chunks.append(chunk)
                size += len(chunk)
        if size > self.max_bytes:
            raise self._too_large(url, size)
        return b"".join(chunks)

    def _locate(self, url: str) -> tuple[Path, Path]:
        """Return the root and the real path of an allowed file."""
        named = _absolute(url)
        path = Path(named)
        if path.drive.lower() not in {root.drive.lower() for root in self.roots}:
            raise refusal(url, self)  # before a look at the drive, which may be a foreign host's
        try:
            path = Path(os.path.realpath(named))
        except (OSError, RecursionError):
            raise refusal(url, self) from None
        root = next((root for root in self.roots if path.is_relative_to(root)), None)
        if root is None:
            raise refusal(url, self)
        with _as_media_error(url):
            self._judge(url, path.lstat())
        return root, path

    def _open(self, url: str, root: Path, path: Path) -> int:
        """Return a descriptor of `path`, reached from `root` without following a link."""
        if os.open not in os.supports_dir_fd:
            return os.open(path, _OPEN_FILE)
        *folders, name = path.relative_to(root).parts
        folder = os.open(root, _OPEN_FOLDER)
        try:
            for part in folders:
                outer, folder = folder, os.open(part, _OPEN_FOLDER, dir_fd=folder)
                os.close(outer)
            self._judge(url, os.stat(name, dir_fd=folder, follow_symlinks=False))
            return os.open(name, _OPEN_FILE, dir_fd=folder)
        finally:
            os.close(folder)

    def _judge(self, url: str, info: os.stat_result) -> None:
        if not stat.S_ISREG(info.st_mode):
            kind = next((text for test, text in _KINDS if test(info.st_mode)), "something else")
            raise MediaRefused(
                f"{shown(url)} is not a regular file but {kind}", advice="name a regular file"
            )
        if info.st_size > self.max_bytes:
            raise self._too_large(url, info.st_size)

    def _too_large(self, url: str, size: int) -> MediaRefused:
        return MediaRefused(
            f"{shown(url)} has {size} bytes, the limit is {self.max_bytes} bytes",
            advice=f"send a smaller file, or pass MediaPolicy(max_bytes={size})",
        )


def refusal(url: str, policy: MediaPolicy | None = None) -> MediaRefused:
    """Return the error for a local file that no root covers.

    It is made from the text of `url` and the roots alone, so it is the same whether or not the
    file exists.
    """
    try:
        folder = Path(_absolute(url)).parent
    except MediaError as problem:
        return MediaRefused(problem.problem, advice=problem.advice)
    if policy and any(folder.is_relative_to(root) for root in policy.roots):
        return MediaRefused(
            f"local file {shown(url)} is reached by a symbolic link that leads out of the roots",
            advice="name the folder that the link leads to among the roots of the MediaPolicy",
        )
    also = ", beside the roots it has" if policy and policy.roots else ""
    return MediaRefused(
        f"local file {shown(url)} is not under a root of a MediaPolicy",
        advice=f"to allow it, pass MediaPolicy(roots=[{_quoted(folder)}]){also}",
    )


def local_path(url: str) -> str:
    """Return the path that `url` names: itself, or the decoded path of a `file:` URL."""
    match = _FILE_URL.match(url)
    if match is None:
        return url
    if (match["host"] or "").lower() not in {"", "localhost"}:
        raise MediaRefused(
            f"{shown(url)} names a file of the host {shown(match['host'])}",
            advice="write a path of this machine as file:///folder/name",
        )
    try:
        path = unquote_to_bytes(match["path"]).decode()
    except UnicodeError:
        raise MediaError(
            f"{shown(url)} is not a path", advice="percent-encode its name as UTF-8"
        ) from None
    return path[1:] if os.name == "nt" and re.match("/[A-Za-z]:", path) else path


def shown(url: str) -> str:
    """Return `url` for an error text: quoted, and shortened where it is long."""
    return repr(url if len(url) <= 200 else f"{url[:120]}…{url[-60:]}")


def _absolute(url: str) -> str:
    """Return the absolute path that `url` names, `..` resolved in the text; no file is touched."""
    path = local_path(url)
    try:
        size = len(path.encode())
    except UnicodeEncodeError:
        size = 0
    if not size or "\0" in path:
        raise MediaError(f"{shown(url)} is not a path", advice="name a file")
    if size > _PATH_BYTES:
        raise MediaError(
            f"{shown(url)} is not a path: it has {size} bytes, the limit is {_PATH_BYTES}",
            advice="send content as Base64Source, or name a file",
        )
    with _as_media_error(url):
        path = os.path.abspath(path)  # noqa: PTH100 - Path.absolute() keeps `..`
    return "/" + path.lstrip("/") if os.sep == "/" else path


def _folder(path: str | os.PathLike[str], where: str) -> Path:
    if not os.fspath(path) or "\0" in os.fspath(path):
        raise MediaError(
            f"{os.fspath(path)!r} names no folder",
            path=where,
            advice='name a folder, "." for the current one',
        )
    with _as_media_error(str(path), where):
        return Path(os.path.realpath(path))


@contextmanager
def _as_media_error(url: str, where: str = "") -> Iterator[None]:
    try:
        yield
    except (FileNotFoundError, NotADirectoryError):
        raise MediaError(
            f"{shown(url)} does not exist", path=where, advice="name an existing file"
        ) from None
    except OSError as problem:
        raise MediaError(
            f"{shown(url)} cannot be read: {problem.strerror}",
            path=where,
            advice="name a readable file",
        ) from None


def _quoted(path: Path) -> str:
    return json.dumps(str(path), ensure_ascii=False)
