"""Media as Converse content blocks, or a text that says why not.

Forms: botocore 1.44.5, bedrock-runtime ImageBlock, DocumentBlock, VideoBlock and AudioBlock (read
2026-11-21). The API takes bytes and objects in S3, never a web address; a local file is read only
under the caller's policy.
"""

from __future__ import annotations

import re
from typing import Any, Final, Literal, TypeAlias

from ..base.text import Media
from ..base.trace import Trace
from ..errors import MediaError, MediaRefused
from ..media import MediaPolicy, extension, guess_mime, inline_reference, names_local_file
from ..messages import Base64Source, DataBlock, MediaBlock, Source, URLSource, VideoBlock

__all__ = ["FORMATS", "PDF", "media_block"]

_Kind: TypeAlias = Literal["image", "document", "video", "audio"]

PDF: Final = "pdf"
"""The one document format behind which a cache point may stand."""

FORMATS: Final[dict[_Kind, dict[str, str]]] = {
    "image": {
        "image/png": "png",
        "image/jpeg": "jpeg",
        "image/jpg": "jpeg",
        "image/gif": "gif",
        "image/webp": "webp",
    },
    "document": {
        "application/pdf": PDF,
        "text/csv": "csv",
        "application/msword": "doc",
        "application/vnd.openxmlformats-officedocument.wordprocessingml.document": "docx",
        "application/vnd.ms-excel": "xls",
        "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": "xlsx",
        "text/html": "html",
        "text/plain": "txt",
        "text/markdown": "md",
    },
    "video": {
        "video/x-matroska": "mkv",
        "video/quicktime": "mov",
        "video/mp4": "mp4",
        "video/webm": "webm",
        "video/x-flv": "flv",
        "video/mpeg": "mpeg",
        "video/x-ms-wmv": "wmv",
        "video/3gpp": "three_gp",
    },
    "audio": {
        "audio/mp3": "mp3",
        "audio/mpeg": "mp3",
        "audio/opus": "opus",
        "audio/wav": "wav",
        "audio/x-wav": "wav",
        "audio/aac": "aac",
        "audio/flac": "flac",
        "audio/mp4": "mp4",
        "audio/m4a": "m4a",
        "audio/ogg": "ogg",
        "audio/webm": "webm",
    },
}
"""MIME type to format, by kind of block."""

_BY_EXTENSION: Final = {
    ending: mime
    for table in FORMATS.values()
    for mime, name in table.items()
    for ending in ((name, "3gp") if name == "three_gp" else (name,))
}
_DATA_URL: Final = re.compile(r"data:([^;,]*);base64,(.*)", re.DOTALL | re.IGNORECASE)
_NOT_IN_NAMES: Final = re.compile(r"[^A-Za-z0-9\s()\[\]-]+")
_HINTS: Final = ("fps", "max_frames", "min_pixels", "max_pixels", "total_pixels")


def media_block(
    block: MediaBlock, media: Media, trace: Trace, where: str
) -> tuple[dict[str, Any] | None, str]:
    """Return the block for a medium and "", or nothing and the text to send in its place.

    Both are empty for a video without a source.
    """
    for name in _HINTS:
        if getattr(block, name, None) is not None:
            trace.not_sent(f"{where}.{name}", name, "scale the medium before it is sent")
    if isinstance(block, VideoBlock) and block.source is None:
        trace.not_sent(where, "a video without a source", "give it one")
        return None, ""
    assert block.source is not None
    try:
        return _block(block, block.source, media.policy), ""
    except MediaError as problem:
        trace.finding("media-not-sent", "note", where, problem.problem, problem.advice)
        if isinstance(problem, MediaRefused) and trace.strict:
            raise problem.at(f"{trace.path}.{where}") from None
        label = "Media" if isinstance(block, DataBlock) else block.type.capitalize()
        return None, f"[{label} - processing failed: {problem.problem}]"


def _block(block: MediaBlock, source: Source, policy: MediaPolicy | None) -> dict[str, Any]:
    mime, sent = _source(source, policy)
    kind, name = _kind(block, mime)
    if not isinstance(block, DataBlock) or kind != "document":
        return {kind: {"format": name, "source": sent}}
    return {kind: {"format": name, "name": _document_name(block), "source": sent}}


def _source(source: Source, policy: MediaPolicy | None) -> tuple[str, dict[str, Any]]:
    """Return a source's MIME type, "" if unknown, and the source as the API takes it."""
    if isinstance(source, Base64Source):
        if not source.data:
            raise MediaError("Base64Source has empty data")
        return _bare(source.media_type), {"bytes": source.data}
    if not isinstance(source, URLSource):
        raise MediaError("the source has neither a URL nor data")
    url = source.url
    if not url:
        raise MediaError("URLSource has an empty URL")
    mime = _bare(source.mime_type or _mime_of(url))
    if url.startswith("s3://"):
        return mime, {"s3Location": {"uri": url}}
    if names_local_file(url):
        # A policy without roots refuses, and says how to allow the file.
        policy = policy or MediaPolicy()
        if not policy.roots:
            policy.read(url)
        url = inline_reference(url, policy=policy)
        return mime, {"bytes": url.partition(";base64,")[2]}
    match = _DATA_URL.fullmatch(url)
    if match:
        if not match[2]:
            raise MediaError("the data URL is empty")
        return _bare(match[1]), {"bytes": match[2]}
    raise MediaError(
        "Converse takes bytes or an s3:// address, not another URL",
        advice="send the content as Base64Source",
    )


def _bare(mime: str) -> str:
    return mime.partition(";")[0].strip().lower()


def _mime_of(url: str) -> str:
    return guess_mime(url) or _BY_EXTENSION.get(extension(url).lower(), "")


def _kind(block: MediaBlock, mime: str) -> tuple[_Kind, str]:
    """Return the kind of block and the format that a medium is sent with."""
    kinds: tuple[_Kind, ...] = (
        ("image", "document", "video", "audio") if isinstance(block, DataBlock) else (block.type,)
    )
    for kind in kinds:
        name = FORMATS[kind].get(mime)
        if name is not None:
            return kind, name
    shown = repr(mime) if mime else "that nothing tells"
    known = ", ".join(dict.fromkeys(name for kind in kinds for name in FORMATS[kind].values()))
    raise MediaError(f"a type {shown} is not one that Converse takes", advice=f"use {known}")


def _document_name(block: DataBlock) -> str:
    """Return a name of the characters that the API takes, else one derived from the content.

    The derived one is neutral, as the API's documentation advises, and the same in every request.
    """
    given = " ".join(_NOT_IN_NAMES.sub(" ", block.name or "").split())[:200].strip()
    return given or f"document-{block.block_id[:16]}"
