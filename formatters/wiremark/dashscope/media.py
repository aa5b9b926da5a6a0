"""Media as DashScope's native parts: a URL, a data URL or a file, or a text that says why not.

Extensions and texts: facts of agentscope-java at c2d43f86 (2026-08-22), section "Media".
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from ..base.text import Media, mime_of
from ..base.trace import Trace
from ..errors import MediaError, MediaRefused
from ..javatext import float32
from ..media import data_url, extension, file_reference
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

__all__ = ["media_part"]

_IMAGES: Final = ("png", "jpg", "jpeg", "gif", "webp", "heic", "heif")
_VIDEOS: Final = ("mp4", "mpeg", "mpg", "mov", "avi", "webm", "wmv", "flv", "3gp", "3gpp")
_LABELS: Final = {"image": "Image", "audio": "Audio", "video": "Video", "data": "Media"}
_NULL_SOURCE: Final = 'Cannot invoke "Object.getClass()" because "source" is null'


def media_part(
    block: MediaBlock, media: Media, trace: Trace, where: str
) -> tuple[dict[str, Any], str]:
    """Return the part for a medium and "", or a text part and the reason it could not be sent."""
    try:
        return _BUILDERS[block.type](block, media), ""
    except MediaError as problem:
        trace.finding("media-not-sent", "note", where, problem.problem, problem.advice)
        if isinstance(problem, MediaRefused) and trace.strict:
            raise problem.at(f"{trace.path}.{where}") from None
        text = f"[{_LABELS[block.type]} - processing failed: {problem.problem}]"
        return {"text": text}, problem.problem


def _image(block: ImageBlock, media: Media) -> dict[str, Any]:
    part: dict[str, Any] = {"image": _reference(block.source, media, _check_image)}
    _put(part, "min_pixels", block.min_pixels)
    _put(part, "max_pixels", block.max_pixels)
    return part


def _audio(block: AudioBlock, media: Media) -> dict[str, Any]:
    return {"audio": _reference(block.source, media, None)}


def _video(block: VideoBlock, media: Media) -> dict[str, Any]:
    if block.source is None:
        raise MediaError(_NULL_SOURCE)
    part = _video_part(_reference(block.source, media, _check_video), media)
    fps = block.fps
    _put(part, "fps", float32(fps) if fps is not None and media.quirks.java_numbers else fps)
    _put(part, "max_frames", block.max_frames)
    _put(part, "min_pixels", block.min_pixels)
    _put(part, "max_pixels", block.max_pixels)
    _put(part, "total_pixels", block.total_pixels)
    return part


def _data(block: DataBlock, media: Media) -> dict[str, Any]:
    source = block.source
    mime = mime_of(source)
    for kind in ("image", "audio", "video"):
        if mime is not None and mime.startswith(f"{kind}/"):
            value = _reference(source, media, None)
            return _video_part(value, media) if kind == "video" else {kind: value}
    raise MediaError(f"Cannot route DataBlock: unrecognised MIME type '{mime}'")


_BUILDERS: Final[dict[str, Callable[[Any, Media], dict[str, Any]]]] = {
    "image": _image,
    "audio": _audio,
    "video": _video,
    "data": _data,
}


def _video_part(value: str, media: Media) -> dict[str, Any]:
    helper = {"videoAsString": value} if media.quirks.video_as_string else {}
    return {**helper, "video": value}


def _reference(source: Source, media: Media, check: Callable[[str], None] | None) -> str:
    if isinstance(source, Base64Source):
        return data_url(source.media_type, source.data)
    if not isinstance(source, URLSource):
        raise MediaError("Unsupported source type: class io.agentscope.core.message.Source")
    if check is not None:
        check(source.url)
    return file_reference(
        source.url, policy=media.policy, any_local_path=media.quirks.any_local_path
    )


def _check_image(url: str) -> None:
    if extension(url).lower() not in _IMAGES:
        raise MediaError(f'"{url}" should end with one of [{", ".join(_IMAGES)}]')


def _check_video(url: str) -> None:
    found = extension(url).lower()
    if found not in _VIDEOS:
        raise MediaError(
            f"Unsupported video file extension: {found}, [{', '.join(_VIDEOS)}] are supported"
        )


def _put(part: dict[str, Any], key: str, value: Any) -> None:
    if value is not None:
        part[key] = value
