"""Content parts of chat messages become blocks: OpenAI's typed parts, DashScope's native ones.

A reader takes what it knows out of a part's fields; what is left is refused with its path, unless
it says nothing. The blocks are data in agentscope-java's form, not yet checked by their models.
The helpers at the end are what the reading of messages needs as well.

OpenAI's parts: openai 3.52.0, types/chat (2026-11-21). Native parts, pixel sizes and frame rates:
https://help.aliyun.com/zh/model-studio/qwen-api-reference (read 2026-11-21).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from ..errors import MessageError

__all__ = [
    "content_blocks",
    "kind_of",
    "no_place",
    "nothing_left",
    "one_of",
    "own_fields",
    "required",
    "take_wish",
    "text_of",
    "wrong",
]


def content_blocks(value: Any, at: str) -> list[dict[str, Any]]:
    """Return text or a list of content parts as blocks."""
    if isinstance(value, str):
        return [{"type": "text", "text": value}]
    if isinstance(value, list | tuple):
        return [_part(part, f"{at}[{index}]") for index, part in enumerate(value)]
    raise wrong("text or a list of content parts", value, at)


def _part(part: Any, at: str) -> dict[str, Any]:
    rest = own_fields(part, at)
    kind = rest.pop("type", None)
    if kind is None:
        kind = next((key for key in _NATIVE if key in rest), None)
        if kind is None:
            raise MessageError("a part without `type`", path=at, advice=one_of(_PARTS))
    reader = _PARTS.get(kind) if isinstance(kind, str) else None
    if reader is None:
        problem = f"a part of type {kind!r} cannot be carried"
        raise MessageError(problem, path=at, advice=one_of(_PARTS))
    block = reader(rest, at)
    wish = take_wish(rest, at)
    if wish is not None:
        block["cache_control"] = wish
    nothing_left(rest, at)
    return block


def _text_part(rest: dict[str, Any], at: str) -> dict[str, Any]:
    return {"type": "text", "text": text_of(required(rest, "text", at), f"{at}.text")}


def _image_url_part(rest: dict[str, Any], at: str) -> dict[str, Any]:
    url = _url(rest, "image_url", at)
    return {"type": "image", "source": _source(url), **_sizes(rest, _IMAGE_SIZES, at)}


def _image_part(rest: dict[str, Any], at: str) -> dict[str, Any]:
    url = text_of(required(rest, "image", at), f"{at}.image")
    return {"type": "image", "source": _source(url), **_sizes(rest, _IMAGE_SIZES, at)}


def _input_audio_part(rest: dict[str, Any], at: str) -> dict[str, Any]:
    at = f"{at}.input_audio"
    given = required(rest, "input_audio", at)
    fields = {"data": given} if isinstance(given, str) else own_fields(given, at)
    data = text_of(required(fields, "data", at), f"{at}.data")
    mime = f"audio/{text_of(fields.pop('format'), f'{at}.format')}" if "format" in fields else ""
    nothing_left(fields, at)
    if data.startswith(("http://", "https://")):
        return {"type": "audio", "source": {"type": "url", "url": data, "mime_type": mime or None}}
    if found := _DATA_URL.fullmatch(data):
        mime, data = found[1] or mime, found[2]
    if not mime:
        raise MessageError("is required", path=f"{at}.format", advice='such as "wav" or "mp3"')
    return {"type": "audio", "source": {"type": "base64", "media_type": mime, "data": data}}


def _audio_part(rest: dict[str, Any], at: str) -> dict[str, Any]:
    url = text_of(required(rest, "audio", at), f"{at}.audio")
    return {"type": "audio", "source": _source(url)}


def _video_url_part(rest: dict[str, Any], at: str) -> dict[str, Any]:
    url = _url(rest, "video_url", at)
    return {"type": "video", "source": _source(url), **_sizes(rest, _VIDEO_SIZES, at)}


def _video_part(rest: dict[str, Any], at: str) -> dict[str, Any]:
    given = required(rest, "video", at)
    if isinstance(given, list | tuple):
        raise MessageError(
            "a list of frames cannot be carried", path=f"{at}.video", advice="send each as an image"
        )
    url = text_of(given, f"{at}.video")
    if rest.get("videoAsString") == url:  # agentscope-java repeats it
        del rest["videoAsString"]
    return {"type": "video", "source": _source(url), **_sizes(rest, _VIDEO_SIZES, at)}


_IMAGE_SIZES: Final = ("min_pixels", "max_pixels")
_VIDEO_SIZES: Final = ("fps", "max_frames", "min_pixels", "max_pixels", "total_pixels")
_NATIVE: Final = ("text", "image", "audio", "video")
_PARTS: Final[dict[str, Callable[[dict[str, Any], str], dict[str, Any]]]] = {
    "text": _text_part,
    "image_url": _image_url_part,
    "input_audio": _input_audio_part,
    "video_url": _video_url_part,
    "image": _image_part,
    "audio": _audio_part,
    "video": _video_part,
}
_MARKERS: Final = ("cache_control", "prompt_cache_breakpoint")
_DATA_URL: Final = re.compile(r"data:([^,]*);base64,(.*)", re.DOTALL)


def _url(rest: dict[str, Any], key: str, at: str) -> str:
    """Return the URL of a part, which stands in an object or alone."""
    given = required(rest, key, at)
    at = f"{at}.{key}"
    if isinstance(given, str):
        return given
    fields = own_fields(given, at)
    url = text_of(required(fields, "url", at), f"{at}.url")
    if fields.get("detail") == "auto":  # the default
        del fields["detail"]
    nothing_left(fields, at)
    return url


def _source(url: str) -> dict[str, Any]:
    found = _DATA_URL.fullmatch(url)
    if found is None:
        return {"type": "url", "url": url}
    return {"type": "base64", "media_type": found[1], "data": found[2]}


def _sizes(rest: dict[str, Any], keys: Iterable[str], at: str) -> dict[str, Any]:
    found = {key: rest.pop(key) for key in keys if key in rest}
    for key, value in found.items():
        allowed = int | float if key == "fps" else int
        if isinstance(value, bool) or not isinstance(value, allowed):
            raise wrong("a number" if key == "fps" else "a whole number", value, f"{at}.{key}")
    return found


def take_wish(rest: dict[str, Any], at: str) -> Any:
    """Take the marker out of a message, part or call."""
    found = [(key, rest.pop(key)) for key in _MARKERS if key in rest]
    if len(found) > 1:
        raise MessageError("two markers in one place", path=at, advice=f"keep `{found[0][0]}`")
    return found[0][1] if found else None


# What the reading of messages needs too.


def own_fields(value: Any, at: str) -> dict[str, Any]:
    """Return the fields of an object that are not null, in a dict of its own."""
    if not isinstance(value, Mapping):
        raise wrong("an object", value, at)
    return {key: item for key, item in value.items() if item is not None}


def required(rest: dict[str, Any], key: str, at: str) -> Any:
    """Take a field out of `rest`; a missing one is an error."""
    if key not in rest:
        raise MessageError("is required", path=f"{at}.{key}")
    return rest.pop(key)


def text_of(value: Any, at: str) -> str:
    """Return a string; anything else is an error."""
    if not isinstance(value, str):
        raise wrong("a string", value, at)
    return value


def nothing_left(rest: Mapping[str, Any], at: str) -> None:
    """Refuse what was not read, unless it says nothing."""
    for key, value in rest.items():
        if value not in ([], {}, ""):
            raise no_place(key, at)


def no_place(key: str, at: str) -> MessageError:
    """Return the error for a field that a message has no place for."""
    return MessageError("cannot be carried here", path=f"{at}.{key}", advice="leave it out")


def wrong(expected: str, got: Any, at: str) -> MessageError:
    """Return the error for a value of the wrong kind."""
    return MessageError(f"expected {expected}, got {kind_of(got)}", path=at)


def kind_of(value: Any) -> str:
    """Return what a value is called in an error."""
    return "null" if value is None else type(value).__name__


def one_of(names: Iterable[str]) -> str:
    """Return the advice to use one of `names`."""
    return f"use one of {', '.join(names)}"
