"""Media as Anthropic's image and document blocks, or a text that says why not.

Sources and media types: anthropic 2.11.0, `types/image_block_param.py` and
`types/document_block_param.py` (read 2026-11-21). The API takes no audio and no video. A local file
is sent inline where the caller's policy allows it; its path is never sent.
"""

from __future__ import annotations

import base64
import binascii
from typing import Any, Final

from ..base.text import Media, mime_of
from ..base.trace import Trace
from ..errors import MediaError, MediaRefused
from ..media import MediaPolicy, extension, guess_mime, names_local_file
from ..media.policy import local_path
from ..messages import (
    AudioBlock,
    Base64Source,
    DataBlock,
    ImageBlock,
    MediaBlock,
    Source,
    URLSource,
    VideoBlock,
)

__all__ = ["media_block", "text_block"]

_IMAGES: Final = ("image/jpeg", "image/png", "image/gif", "image/webp")
_PDF: Final = "application/pdf"
_DOCUMENTS: Final = {"pdf": _PDF, "txt": "text/plain"}
_HINTS: Final = ("min_pixels", "max_pixels")


def text_block(text: str) -> dict[str, Any]:
    """Return a text as a content block."""
    return {"type": "text", "text": text}


def media_block(
    block: MediaBlock, media: Media, trace: Trace, where: str
) -> tuple[dict[str, Any], bool]:
    """Return the block for a medium and True, or a text block that says why not and False."""
    for name in _HINTS:
        if getattr(block, name, None) is not None:
            trace.not_sent(f"{where}.{name}", name, "scale the medium before it is sent")
    try:
        return _block(block, media.policy), True
    except MediaError as problem:
        trace.finding("media-not-sent", "note", where, problem.problem, problem.advice)
        if isinstance(problem, MediaRefused) and trace.strict:
            raise problem.at(f"{trace.path}.{where}") from None
        return text_block(_replacement(block, problem)), False


def _replacement(block: MediaBlock, problem: MediaError) -> str:
    label = "Media" if isinstance(block, DataBlock) else block.type.capitalize()
    source = block.source
    named = isinstance(source, URLSource) and bool(source.url) and not names_local_file(source.url)
    if named and not source.url.startswith("data:"):  # type: ignore[union-attr]
        return f"[{label} URL: {source.url}]"  # type: ignore[union-attr]
    return f"[{label} - processing failed: {problem.problem}]"


def _block(block: MediaBlock, policy: MediaPolicy | None) -> dict[str, Any]:
    if isinstance(block, ImageBlock):
        return {"type": "image", "source": _image(block.source, policy)}
    if isinstance(block, AudioBlock | VideoBlock):
        raise MediaError(
            f"the Messages API takes no {block.type}", advice="send a transcript, or images"
        )
    mime = _mime(block.source)
    if mime.startswith("image/"):
        return {"type": "image", "source": _image(block.source, policy)}
    out: dict[str, Any] = {"type": "document", "source": _document(block.source, mime, policy)}
    if block.name:
        out["title"] = block.name
    return out


def _mime(source: Source) -> str:
    if isinstance(source, URLSource) and source.url.startswith("data:"):
        return _data_url(source.url)[0]
    if isinstance(source, URLSource) and not (source.mime_type or "").strip():
        known = _DOCUMENTS.get((extension(source.url) or "").lower())
        if known is not None:
            return known
    return (mime_of(source) or "").partition(";")[0].strip().lower()


def _image(source: Source, policy: MediaPolicy | None) -> dict[str, Any]:
    found = _data_of(source, policy)
    if isinstance(found, str):
        return {"type": "url", "url": found}
    mime, data = found
    if mime == "image/jpg":
        mime = "image/jpeg"
    if mime not in _IMAGES:
        raise MediaError(
            f"the Messages API takes no image of type {mime!r}",
            advice=f"convert it to one of {', '.join(_IMAGES)}",
        )
    return {"type": "base64", "media_type": mime, "data": data}


def _document(source: Source, mime: str, policy: MediaPolicy | None) -> dict[str, Any]:
    if mime not in (_PDF, "text/plain"):
        raise MediaError(
            f"the Messages API takes no document of type {mime!r}",
            advice="send application/pdf or text/plain",
        )
    found = _data_of(source, policy)
    if isinstance(found, str):
        if mime == _PDF:
            return {"type": "url", "url": found}
        raise MediaError(
            "the Messages API takes plain text as data, not as a URL",
            advice="send the text as a Base64Source",
        )
    if mime == _PDF:
        return {"type": "base64", "media_type": _PDF, "data": found[1]}
    return {"type": "text", "media_type": "text/plain", "data": _plain(found[1])}


def _plain(data: str) -> str:
    try:
        return base64.b64decode(data, validate=True).decode()
    except (binascii.Error, ValueError):
        raise MediaError("plain text that is no base64 of UTF-8", advice="encode it so") from None


def _data_of(source: Source, policy: MediaPolicy | None) -> tuple[str, str] | str:
    """Return media type and base64 data of a source, or its URL."""
    if isinstance(source, Base64Source):
        if not source.data:
            raise MediaError("Base64Source has null or empty data")
        return source.media_type, source.data
    if not isinstance(source, URLSource):
        raise MediaError("a source without content", advice="give a URL or base64 data")
    url = source.url
    if not url:
        raise MediaError("URLSource has null or empty URL")
    if url.startswith("data:"):
        return _data_url(url)
    if names_local_file(url):
        content = (policy or MediaPolicy()).read(url)
        mime = source.mime_type or guess_mime(local_path(url)) or "application/octet-stream"
        return mime, base64.b64encode(content).decode()
    return url


def _data_url(url: str) -> tuple[str, str]:
    """Return media type and base64 data of a data URL."""
    head, _, data = url.partition(",")
    if not head.endswith(";base64") or not data:
        raise MediaError("a data URL without base64 data", advice="encode it as base64")
    return head.removeprefix("data:").partition(";")[0].lower(), data
