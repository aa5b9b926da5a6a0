"""Media as OpenAI's content parts, or a text that says why not.

Texts and forms: facts of agentscope-java at c2d43f86 (2026-08-22), section "OpenAI chat". A local
path passes unchanged as it does there, unless the caller's policy lets the file be sent inline.
"""

from __future__ import annotations

from typing import Any, Final

from ..base.text import Media, mime_of
from ..base.trace import Trace
from ..errors import MediaError, MediaRefused
from ..media import audio_format, data_url, inline_reference
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

__all__ = ["media_part", "text_part"]

_UNKNOWN: Final = "Unknown source type: class io.agentscope.core.message.Source"


def text_part(text: str) -> dict[str, Any]:
    """Return a text as a content part."""
    return {"type": "text", "text": text}


def media_part(
    block: MediaBlock, media: Media, trace: Trace, where: str
) -> tuple[dict[str, Any] | None, str]:
    """Return the part for a medium and "", or nothing and the text to send in its place.

    Both are empty for a video without a source.
    """
    _name_unsent(block, trace, where)
    try:
        return _part(block, media)
    except MediaError as problem:
        trace.finding("media-not-sent", "note", where, problem.problem, problem.advice)
        if isinstance(problem, MediaRefused) and trace.strict:
            raise problem.at(f"{trace.path}.{where}") from None
        label = "Media" if isinstance(block, DataBlock) else block.type.capitalize()
        return None, f"[{label} - processing failed: {problem.problem}]"


_HINTS: Final = ("fps", "max_frames", "min_pixels", "max_pixels", "total_pixels")
_FORMATS: Final = ("wav", "mp3", "opus", "flac")


def _name_unsent(block: MediaBlock, trace: Trace, where: str) -> None:
    """Note what the API has no place for: sizes and rates, and audio formats it does not name."""
    for name in _HINTS:
        if getattr(block, name, None) is not None:
            trace.not_sent(f"{where}.{name}", name, "scale the medium before it is sent")
    if block.type == "audio" and isinstance(block.source, Base64Source):
        mime = block.source.media_type
        if not any(name in mime for name in _FORMATS):
            text = f"audio of type {mime!r} is sent as mp3"
            trace.finding("audio-format", "note", where, text, "convert it to wav or mp3")


def _part(block: MediaBlock, media: Media) -> tuple[dict[str, Any] | None, str]:
    if isinstance(block, ImageBlock):
        return _url_part("image_url", block.source, media), ""
    if isinstance(block, VideoBlock):
        return (
            (None, "")
            if block.source is None
            else (_url_part("video_url", block.source, media), "")
        )
    if isinstance(block, AudioBlock):
        return _audio(block.source, media, empty_ok=False)
    return _data(block, media)


def _url_part(kind: str, source: Source, media: Media) -> dict[str, Any]:
    if isinstance(source, URLSource):
        if not source.url:
            raise MediaError("URLSource has null or empty URL")
        url = inline_reference(source.url, policy=media.policy)
    elif isinstance(source, Base64Source):
        if not source.data:
            raise MediaError("Base64Source has null or empty data")
        url = data_url(source.media_type, source.data)
    else:
        raise MediaError(_UNKNOWN)
    return {"type": kind, kind: {"url": url}}


def _audio(source: Source, media: Media, *, empty_ok: bool) -> tuple[dict[str, Any] | None, str]:
    if isinstance(source, URLSource):
        if not source.url:
            return None, "[Audio URL - missing]"
        inline = inline_reference(source.url, policy=media.policy)
        if inline == source.url:
            return None, f"[Audio URL: {source.url}]"
        head, _, data = inline.partition(";base64,")
        return _audio_part(head, data), ""
    if isinstance(source, Base64Source):
        if not source.data and not empty_ok:
            return None, "[Audio - data missing]"
        return _audio_part(source.media_type, source.data), ""
    return None, "[Audio - unsupported source type]"


def _audio_part(mime: str, data: str) -> dict[str, Any]:
    return {"type": "input_audio", "input_audio": {"data": data, "format": audio_format(mime)}}


def _data(block: DataBlock, media: Media) -> tuple[dict[str, Any] | None, str]:
    source = block.source
    mime = mime_of(source)
    if mime is None:
        raise MediaError(_UNKNOWN)
    if mime.startswith("image/"):
        return _url_part("image_url", source, media), ""
    if mime.startswith("video/"):
        return _url_part("video_url", source, media), ""
    if mime.startswith("audio/"):
        return _audio(source, media, empty_ok=True)
    return None, f"[Media - unsupported MIME type: {mime}]"
