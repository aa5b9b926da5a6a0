"""What a URL or path says by its text alone: local or remote, its extension, its media type.

Nothing here touches a file. Two questions look alike and are not: `is_local` is agentscope-java's
view and decides how an extension is read; `names_local_file` is what could make a client read a
file of this machine, and decides whether a policy is asked.

agentscope-java's rules were read from its MediaUtils (2026-08-22) and compared with JDK 17.0.15,
on Linux with UTF-8 file names, for some hundred thousand odd and random URLs.
"""

from __future__ import annotations

import re
from urllib.parse import unquote

from wiremark.media.javauri import uri_path

__all__ = ["extension", "guess_mime", "is_local", "names_local_file"]

_REMOTE_PREFIXES = ("http://", "https://", "ftp://", "file://", "oss://")

# java.lang.String.isBlank: white space without the no-break spaces.
_BLANK = re.compile("[\t-\r\x1c- \u1680\u2000-\u2006\u2008-\u200a\u2028\u2029\u205f\u3000]*")

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):")

_MIME_BY_EXTENSION = {
    "jpg": "image/jpeg",
    "jpeg": "image/jpeg",
    "png": "image/png",
    "gif": "image/gif",
    "webp": "image/webp",
    "heic": "image/heic",
    "heif": "image/heif",
    "mp3": "audio/mp3",
    "wav": "audio/wav",
    "aiff": "audio/aiff",
    "aac": "audio/aac",
    "ogg": "audio/ogg",
    "flac": "audio/flac",
    "mp4": "video/mp4",
    "mpeg": "video/mpeg",
    "mpg": "video/mpeg",
    "mov": "video/quicktime",
    "avi": "video/x-msvideo",
    "webm": "video/webm",
    "wmv": "video/x-ms-wmv",
    "flv": "video/x-flv",
    "3gp": "video/3gpp",
    "3gpp": "video/3gpp",
}
"""agentscope-java's table for data blocks (MediaUtils.determineMediaType, read 2026-08-22)."""


def is_local(url: str) -> bool:
    """Return whether agentscope-java takes `url` for a local path.

    True for all that does not start with `http://`, `https://`, `ftp://`, `file://` or `oss://`
    in exactly these letters, so also for `data:` URLs, `HTTPS://`, `file:/x` and `mailto:`. False
    for blank text.
    """
    return not url.startswith(_REMOTE_PREFIXES) and _BLANK.fullmatch(url) is None


def names_local_file(url: str) -> bool:
    r"""Return whether a client could read a file of this machine for `url`.

    True without a URL scheme (a drive such as `C:\` is none) and for the scheme `file` in any
    case. False for the empty text and for every other scheme, such as `data:` and `HTTPS://`.
    """
    scheme = _scheme(url)
    return bool(url) and (len(scheme) < 2 or scheme.lower() == "file")


def extension(url: str) -> str:
    """Return what follows the last dot of the last path segment, letters as given, or "".

    Of a URL, the decoded path counts, not query or fragment; a URL that `java.net.URI` refuses
    has no extension. Of a local path (`is_local`), the whole text is the path. `.` and `..`
    segments are resolved and a trailing slash is ignored in both.
    """
    if is_local(url):
        path: str | None = url
        name = _last(_resolved(url))
    else:
        raw = uri_path(url)
        path = raw and unquote(_resolved(raw), errors="replace")
        name = _last(path or "")
    if not path or not _can_be_a_path(path):
        return ""
    return name.rpartition(".")[2] if "." in name else ""


def guess_mime(url: str) -> str | None:
    """Return the media type of the extension of `url`, in any case, or None for an unknown one."""
    return _MIME_BY_EXTENSION.get(extension(url).lower())


def _scheme(url: str) -> str:
    match = _SCHEME.match(url)
    return match[1] if match else ""


def _last(path: str) -> str:
    return path.rstrip("/").rpartition("/")[2]


def _resolved(path: str) -> str:
    kept: list[str] = []
    for segment in path.split("/"):
        if segment == ".." and kept and kept[-1] != "..":
            kept.pop()
        elif segment not in {"", "."}:
            kept.append(segment)
    return "/".join(kept)


def _can_be_a_path(path: str) -> bool:
    try:
        return b"\0" not in path.encode()
    except UnicodeEncodeError:
        return False
