"""The forms in which a medium stands in a request: a URL, a data URL or a file reference."""

from __future__ import annotations

import base64
import os
import re
from urllib.parse import quote

from wiremark.media.policy import MediaPolicy, local_path, refusal
from wiremark.media.urls import guess_mime, is_local, names_local_file

__all__ = ["audio_format", "data_url", "file_reference", "inline_reference"]

_AUDIO_FORMATS = ("wav", "mp3", "opus", "flac")
_UNKNOWN_MIME = "application/octet-stream"

# What a client changes when it reads a path out of a file URL: escapes, `+` as a space, query and
# fragment, white space that is cut away.
_CHANGED_BY_CLIENTS = re.compile(r"[\x00-\x1f\x7f%+?#]")


def file_reference(url: str, *, policy: MediaPolicy | None, any_local_path: bool) -> str:
    """Return `url`, or `file://` and an absolute path where it names a local file.

    `any_local_path=True` is agentscope-java's way: an existing path of any kind, found from the
    current folder, becomes absolute, neither normalised nor percent-encoded; everything else is
    unchanged. Nothing is read, `policy` is not asked.

    `any_local_path=False`: a local file that `policy` allows becomes its real path, in which only
    control characters and `%+?#` are percent-encoded, so that a client finds this file and no
    other. Raises `MediaRefused` or `MediaError` as `MediaPolicy.open_path` does.
    """
    if any_local_path:
        return _existing(url)
    if not names_local_file(url):
        return url
    if policy is None:
        raise refusal(url)
    path = str(policy.open_path(url))
    return "file://" + _CHANGED_BY_CLIENTS.sub(lambda match: quote(match[0], safe=""), path)


def inline_reference(url: str, *, policy: MediaPolicy | None) -> str:
    """Return `url`, or the content of the local file it names as a data URL.

    Without a policy that has roots nothing is touched and `url` is unchanged. Raises
    `MediaRefused` or `MediaError` as `MediaPolicy.read` does.
    """
    if policy is None or not policy.roots or not names_local_file(url):
        return url
    content = base64.b64encode(policy.read(url)).decode()
    return data_url(guess_mime(local_path(url)) or _UNKNOWN_MIME, content)


def data_url(media_type: str, data: str) -> str:
    """Return base64 `data` as a data URL; neither is checked."""
    return f"data:{media_type};base64,{data}"


def audio_format(mime: str) -> str:
    """Return `wav`, `mp3`, `opus` or `flac`, the first that `mime` contains, else `mp3`."""
    return next((name for name in _AUDIO_FORMATS if name in mime), "mp3")


def _existing(url: str) -> str:
    try:
        url.encode()
    except UnicodeEncodeError:
        return url
    if not is_local(url) or not os.path.exists(url):  # noqa: PTH110 - False for a NUL, as in Java
        return url
    path = os.path.join(os.getcwd(), url)  # noqa: PTH109, PTH118 - Path would drop `.`
    return "file://" + (re.sub("/+", "/", path).rstrip("/") or "/")
