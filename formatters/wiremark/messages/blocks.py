"""Content blocks of a message, in agentscope-java's JSON form.

Each block takes its text or name as first argument (`TextBlock("hi")`) and may carry
`cache_control`, the wish for a cache mark at its end; that field is wiremark's own, other
readers ignore it. Which provider can carry what is decided elsewhere.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Final, Literal, TypeAlias, TypeGuard

from pydantic import AliasChoices, BeforeValidator, Discriminator, Field, Tag

from .. import jsontext
from .fields import (
    CacheWish,
    JsonObject,
    OptionalFloat,
    OptionalInt,
    OptionalText,
    Text,
    fail,
)
from .lazy import lazy
from .model import Model, tag_of
from .sources import Source

__all__ = [
    "AudioBlock",
    "Block",
    "DataBlock",
    "HintBlock",
    "ImageBlock",
    "MediaBlock",
    "OpaqueBlock",
    "TextBlock",
    "ThinkingBlock",
    "ToolCallState",
    "ToolResultBlock",
    "ToolResultState",
    "ToolUseBlock",
    "VideoBlock",
    "as_block",
    "has_media",
    "is_media",
]

ToolCallState: TypeAlias = Literal["pending", "asking", "allowed", "submitted", "finished"]
ToolResultState: TypeAlias = Literal["success", "error", "interrupted", "denied", "running"]


class TextBlock(Model):
    """Text."""

    type: Literal["text"] = "text"
    text: Text = ""
    cache_control: CacheWish = None

    def __init__(self, text: Any = "", /, **data: Any) -> None:
        super().__init__(**{"text": text, **data})

    def to_dict(self) -> dict[str, Any]:
        """Return the block in agentscope-java's JSON form."""
        return _with_wish({"type": "text", "text": self.text}, self.cache_control)


class ThinkingBlock(Model):
    """What the model thought; `metadata` may hold a signature or reasoning details."""

    type: Literal["thinking"] = "thinking"
    thinking: Text = ""
    metadata: dict[str, Any] | None = None
    cache_control: CacheWish = None

    def __init__(self, thinking: Any = "", /, **data: Any) -> None:
        super().__init__(**{"thinking": thinking, **data})

    def to_dict(self) -> dict[str, Any]:
        """Return the block in agentscope-java's JSON form."""
        out = {"type": "thinking", "thinking": self.thinking, "metadata": _copy(self.metadata)}
        return _with_wish(out, self.cache_control)


class HintBlock(Model):
    """A hint that a hook gave the model; every field may be null."""

    type: Literal["hint"] = "hint"
    id: OptionalText = None
    hint: OptionalText = None
    source: OptionalText = None
    cache_control: CacheWish = None

    def __init__(self, hint: Any = None, /, **data: Any) -> None:
        super().__init__(**{"hint": hint, **data})

    def to_dict(self) -> dict[str, Any]:
        """Return the block in agentscope-java's JSON form."""
        out = {"type": "hint", "id": self.id, "hint": self.hint, "source": self.source}
        return _with_wish(out, self.cache_control)


def _pixels(name: str, camel: str) -> Any:
    return Field(default=None, validation_alias=AliasChoices(name, camel))


class ImageBlock(Model):
    """An image; sizes in pixels."""

    type: Literal["image"] = "image"
    source: Source
    min_pixels: OptionalInt = _pixels("min_pixels", "minPixels")
    max_pixels: OptionalInt = _pixels("max_pixels", "maxPixels")
    cache_control: CacheWish = None

    def __init__(self, source: Any = None, /, **data: Any) -> None:
        super().__init__(**_with_source(source, data))

    def to_dict(self) -> dict[str, Any]:
        """Return the block in agentscope-java's JSON form."""
        out: dict[str, Any] = {"type": "image", "source": self.source.to_dict()}
        _put(out, "minPixels", self.min_pixels)
        _put(out, "maxPixels", self.max_pixels)
        return _with_wish(out, self.cache_control)


class AudioBlock(Model):
    """Audio."""

    type: Literal["audio"] = "audio"
    source: Source
    cache_control: CacheWish = None

    def __init__(self, source: Any = None, /, **data: Any) -> None:
        super().__init__(**_with_source(source, data))

    def to_dict(self) -> dict[str, Any]:
        """Return the block in agentscope-java's JSON form."""
        out: dict[str, Any] = {"type": "audio", "source": self.source.to_dict()}
        return _with_wish(out, self.cache_control)


class VideoBlock(Model):
    """A video; `fps` in frames a second, sizes in pixels. The source may be null."""

    type: Literal["video"] = "video"
    source: Source | None = None
    fps: OptionalFloat = None
    max_frames: OptionalInt = _pixels("max_frames", "maxFrames")
    min_pixels: OptionalInt = _pixels("min_pixels", "minPixels")
    max_pixels: OptionalInt = _pixels("max_pixels", "maxPixels")
    total_pixels: OptionalInt = _pixels("total_pixels", "totalPixels")
    cache_control: CacheWish = None

    def __init__(self, source: Any = None, /, **data: Any) -> None:
        super().__init__(**_with_source(source, data))

    def to_dict(self) -> dict[str, Any]:
        """Return the block in agentscope-java's JSON form."""
        out: dict[str, Any] = {"type": "video"}
        _put(out, "source", None if self.source is None else self.source.to_dict())
        _put(out, "fps", self.fps)
        _put(out, "maxFrames", self.max_frames)
        _put(out, "minPixels", self.min_pixels)
        _put(out, "maxPixels", self.max_pixels)
        _put(out, "totalPixels", self.total_pixels)
        return _with_wish(out, self.cache_control)


class DataBlock(Model):
    """A medium of any MIME type. Without an id it gets one derived from its source."""

    type: Literal["data"] = "data"
    source: Source
    id: OptionalText = None
    name: OptionalText = None
    cache_control: CacheWish = None

    def __init__(self, source: Any = None, /, **data: Any) -> None:
        super().__init__(**_with_source(source, data))

    @property
    def block_id(self) -> str:
        """Return the id, or 32 hex characters derived from the source."""
        if self.id:
            return self.id
        text = jsontext.dumps(self.source.to_dict())
        return hashlib.sha256(text.encode()).hexdigest()[:32]

    def to_dict(self) -> dict[str, Any]:
        """Return the block in agentscope-java's JSON form."""
        out: dict[str, Any] = {
            "type": "data",
            "source": self.source.to_dict(),
            "id": self.block_id,
        }
        _put(out, "name", self.name)
        return _with_wish(out, self.cache_control)


class ToolUseBlock(Model):
    """A tool call by the model. `content` is its raw argument text where one was received."""

    type: Literal["tool_use"] = "tool_use"
    id: OptionalText = None
    name: OptionalText = None
    input: JsonObject = Field(default_factory=dict)
    content: OptionalText = None
    metadata: JsonObject = Field(default_factory=dict)
    state: Annotated[ToolCallState, BeforeValidator(lambda v: "pending" if v is None else v)] = (
        "pending"
    )
    cache_control: CacheWish = None

    def __init__(self, id: Any = None, name: Any = None, input: Any = None, /, **data: Any) -> None:
        given = {"id": id, "name": name, "input": input}
        super().__init__(**{**{k: v for k, v in given.items() if v is not None}, **data})

    @lazy
    def arguments(self) -> str:
        """Return the argument text that is sent: `content` when it holds an object, else `input`.

        Computed once a block; `input` keeps its JSON order.
        """
        if self.content and jsontext.starts_with_object(self.content):
            return self.content
        return jsontext.dumps(self.input, at="input")

    def to_dict(self) -> dict[str, Any]:
        """Return the block in agentscope-java's JSON form."""
        out = {
            "type": "tool_use",
            "id": self.id,
            "name": self.name,
            "input": _copy(self.input),
            "content": self.content,
            "metadata": _copy(self.metadata),
            "state": self.state,
        }
        return _with_wish(out, self.cache_control)


class OpaqueBlock(Model):
    """A block without content, which agentscope-java's reader accepts under its base name."""

    type: Literal["ContentBlock"] = "ContentBlock"
    cache_control: CacheWish = None

    def to_dict(self) -> dict[str, Any]:
        """Return the block in agentscope-java's JSON form."""
        return _with_wish({"type": "ContentBlock"}, self.cache_control)


def _result_metadata(value: Any) -> Any:
    if isinstance(value, Mapping) and any(item is None for item in value.values()):
        raise fail("metadata without null values", None)
    return {} if value is None else value


def _output(value: Any) -> Any:
    if value is None:
        return ()
    if isinstance(value, list | tuple):
        return tuple(as_block(item) for item in value)
    raise fail("a list of blocks", value)


class ToolResultBlock(Model):
    """What a tool call gave back. A string as `output` is taken as one text block in Python."""

    type: Literal["tool_result"] = "tool_result"
    id: OptionalText = None
    name: OptionalText = None
    output: Annotated[tuple[Block, ...], BeforeValidator(_output)] = ()
    metadata: Annotated[JsonObject, BeforeValidator(_result_metadata)] = Field(default_factory=dict)
    state: Annotated[ToolResultState, BeforeValidator(lambda v: "running" if v is None else v)] = (
        "running"
    )
    cache_control: CacheWish = None

    def __init__(
        self, id: Any = None, name: Any = None, output: Any = None, /, **data: Any
    ) -> None:
        if isinstance(output, str | Model):
            output = (output,)
        given = {"id": id, "name": name, "output": output}
        super().__init__(**{**{k: v for k, v in given.items() if v is not None}, **data})

    @lazy
    def has_media(self) -> bool:
        """Say whether the output holds media."""
        return has_media(self.output)

    @lazy
    def has_wishes(self) -> bool:
        """Say whether the result or a block in its output carries a wish for a cache mark."""
        if self.cache_control is not None:
            return True
        for block in self.output:  # noqa: SIM110 a generator costs more than the loop
            if block.cache_control is not None:
                return True
        return False

    def to_dict(self) -> dict[str, Any]:
        """Return the block in agentscope-java's JSON form."""
        out = {
            "type": "tool_result",
            "id": self.id,
            "name": self.name,
            "output": [block.to_dict() for block in self.output],
            "metadata": _copy(self.metadata),
            "state": self.state,
        }
        return _with_wish(out, self.cache_control)


MediaBlock: TypeAlias = ImageBlock | AudioBlock | VideoBlock | DataBlock

_MEDIA_TYPES: Final = frozenset({"image", "audio", "video", "data"})


def is_media(block: Any) -> TypeGuard[MediaBlock]:
    """Say whether a block is an image, audio, a video or data."""
    return block.type in _MEDIA_TYPES


def has_media(blocks: Iterable[Any]) -> bool:
    """Say whether one of the blocks is a medium."""
    for block in blocks:  # noqa: SIM110 a generator costs more than the loop
        if block.type in _MEDIA_TYPES:
            return True
    return False


Block = Annotated[
    Annotated[TextBlock, Tag("text")]
    | Annotated[ThinkingBlock, Tag("thinking")]
    | Annotated[ToolUseBlock, Tag("tool_use")]
    | Annotated[ToolResultBlock, Tag("tool_result")]
    | Annotated[ImageBlock, Tag("image")]
    | Annotated[AudioBlock, Tag("audio")]
    | Annotated[VideoBlock, Tag("video")]
    | Annotated[DataBlock, Tag("data")]
    | Annotated[HintBlock, Tag("hint")]
    | Annotated[OpaqueBlock, Tag("ContentBlock")],
    Discriminator(tag_of),
]
"""Any content block; `type` decides which."""

ToolResultBlock.model_rebuild()


def as_block(value: Any) -> Any:
    """Return `value`, a string in Python code made a text block."""
    return TextBlock(value) if isinstance(value, str) else value


def _with_source(source: Any, data: dict[str, Any]) -> dict[str, Any]:
    if source is None:
        return data
    if isinstance(source, str):
        source = {"type": "url", "url": source}
    return {"source": source, **data}


def _with_wish(out: dict[str, Any], wish: Any) -> dict[str, Any]:
    if wish is not None:
        out["cache_control"] = _copy(wish)
    return out


def _put(out: dict[str, Any], key: str, value: Any) -> None:
    if value is not None:
        out[key] = value


def _copy(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _copy(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_copy(item) for item in value]
    return value
