"""Where media of a tool result are written, under the folder that a `MediaPolicy` names.

By default a file is named after its content, so the same result gives the same path in each call
and the text around it stays a cacheable prefix. `fresh=True` is agentscope-java's way, a new file
each time.
"""

from __future__ import annotations

import base64
import hashlib
import os
import re
import secrets
import stat
from pathlib import Path

from wiremark.errors import FormatError, MediaError, MediaRefused
from wiremark.media.policy import MediaPolicy, shown

__all__ = ["store_result"]

_ALPHABET = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
_LONGEST_EXTENSION = 100

_SAFELY = getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
_CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | _SAFELY
_READ = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | _SAFELY


def store_result(
    media_type: str, data: str, *, policy: MediaPolicy | None, fresh: bool, abort: bool
) -> str:
    """Write base64 `data` to a file in `policy.tool_result_dir` and return its absolute path.

    The file is readable for its owner only. `fresh=False`: its name is the SHA-256 of the content
    and an extension made safe; a file that is there already is left alone. `fresh=True`: a new
    file `agentscope_<random>.<extension>`, the extension with the parameters of the media type.

    Undecodable `data` and a media type without extension, such as `image/`, raise `FormatError`
    if `abort`, else `MediaError`. Without a policy that names a folder, and beyond its
    `max_bytes`, `MediaRefused`; a folder that cannot be written to, `MediaError`.
    """
    fault = FormatError if abort else MediaError
    extension = _extension(media_type, fault)
    if fresh and not _can_be_a_name(extension):
        raise fault(
            f"media type {shown(media_type)} gives no file name",
            advice="send a type such as image/png",
        )
    padded = _padded(data, fault)
    if policy is None or policy.tool_result_dir is None:
        raise MediaRefused(
            "media of a tool result has no folder to be written to",
            advice="pass MediaPolicy(tool_result_dir=...)",
        )
    size = len(padded) // 4 * 3 - padded.count(b"=", -2)
    if size > policy.max_bytes:
        raise MediaRefused(
            f"media of a tool result has {size} bytes, the limit is {policy.max_bytes} bytes",
            advice=f"send less, or pass MediaPolicy(max_bytes={size})",
        )
    content = base64.b64decode(padded)
    try:
        policy.tool_result_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        if fresh:
            return str(_write_new(policy.tool_result_dir, extension, content))
        return str(_write_once(policy.tool_result_dir, extension, content))
    except OSError as problem:
        raise MediaError(
            f"media of a tool result cannot be written: {problem.strerror}",
            advice="name a writable folder as tool_result_dir of the MediaPolicy",
        ) from None


def _extension(media_type: str, fault: type[FormatError | MediaError]) -> str:
    """Return what agentscope-java takes for the extension, by its `split("/")[1]`."""
    if "/" not in media_type:
        return media_type
    parts = media_type.rstrip("/").split("/")
    if len(parts) < 2:
        raise fault(
            f"media type {shown(media_type)} has no subtype", advice="send a type such as image/png"
        )
    return parts[1]


def _padded(data: str, fault: type[FormatError | MediaError]) -> bytes:
    """Return `data` with its padding, if `java.util.Base64.getDecoder()` decodes it.

    The standard alphabet, no white space; padding may be absent, but not wrong; unused bits of
    the last character may be set.
    """
    body = data.rstrip("=")
    due, given = -len(body) % 4, len(data) - len(body)
    try:
        bad = body.encode("ascii").translate(None, _ALPHABET)
    except UnicodeEncodeError:
        bad = b"?"
    if bad or due == 3 or given not in {0, due}:
        raise fault(
            "media of a tool result is not base64",
            advice="send the standard alphabet, without white space",
        )
    return body.encode() + b"=" * due


def _write_new(folder: Path, extension: str, content: bytes) -> Path:
    ending = re.sub(r"[/\\]", "_", extension)
    while True:
        path = folder / f"agentscope_{secrets.randbits(64)}.{ending}"
        try:
            _create(path, content)
        except FileExistsError:
            continue
        return path


def _write_once(folder: Path, extension: str, content: bytes) -> Path:
    subtype = extension.partition(";")[0].lower()
    ending = re.sub(r"[^a-z0-9+.-]", "", subtype)[:_LONGEST_EXTENSION].strip(".") or "bin"
    path = folder / f"{hashlib.sha256(content).hexdigest()[:32]}.{ending}"
    if _holds(path, content):
        return path
    draft = folder / f".{path.name}.{secrets.token_hex(8)}"
    _create(draft, content)
    try:
        draft.replace(path)
    except OSError:
        draft.unlink(missing_ok=True)
        raise
    return path


def _holds(path: Path, content: bytes) -> bool:
    """Return whether `path` is a regular file, not a link, with this content."""
    try:
        info = path.lstat()
        if not stat.S_ISREG(info.st_mode) or info.st_size != len(content):
            return False
        with os.fdopen(os.open(path, _READ), "rb") as file:
            return file.read(len(content) + 1) == content
    except OSError:
        return False


def _create(path: Path, content: bytes) -> None:
    with os.fdopen(os.open(path, _CREATE, 0o600), "wb") as file:
        try:
            file.write(content)
            file.flush()
        except OSError:
            path.unlink(missing_ok=True)
            raise


def _can_be_a_name(extension: str) -> bool:
    try:
        return b"\0" not in extension.encode()
    except UnicodeEncodeError:
        return False
