"""A message: who says what, in blocks, with metadata. Reads and writes agentscope-java's JSON."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Annotated, Any, Self, TypeAlias

from pydantic import BeforeValidator, Field, model_validator
from pydantic_core import PydanticCustomError

from .blocks import (
    AudioBlock,
    Block,
    DataBlock,
    ImageBlock,
    TextBlock,
    ToolResultBlock,
    VideoBlock,
    as_block,
    has_media,
)
from .fields import Count, JsonObject, OptionalText, fail
from .keys import CACHE_CONTROL
from .lazy import lazy
from .model import Model

__all__ = ["ChatUsage", "Content", "Msg", "Role"]

Content: TypeAlias = "str | Model | Iterable[str | Model]"
"""What the short constructors take: text, a block, or several of both."""


class Role(StrEnum):
    """Who speaks; written in upper case, as agentscope-java does.

    `wire` is the name that providers use.
    """

    wire: str

    def __new__(cls, value: str) -> Self:
        """Make a member with its provider name beside it."""
        member = str.__new__(cls, value)
        member._value_ = value
        member.wire = value.lower()
        return member

    USER = "USER"
    ASSISTANT = "ASSISTANT"
    SYSTEM = "SYSTEM"
    TOOL = "TOOL"


_ORDINALS = tuple(Role)


def _role(value: Any) -> Any:
    if value is None or isinstance(value, Role):
        return value
    if isinstance(value, str):
        if value in Role.__members__:
            return Role(value)
    elif type(value) is int and 0 <= value < len(_ORDINALS):
        return _ORDINALS[value]
    names = ", ".join(Role.__members__)
    raise PydanticCustomError(
        "wiremark", "expected one of {names}, got {got}", {"names": names, "got": repr(value)}
    )


def _content(value: Any) -> Any:
    if value is None:
        return ()
    if isinstance(value, str | Model):
        return (as_block(value),)
    if isinstance(value, list | tuple):
        return tuple(as_block(item) for item in value if item is not None)
    raise fail("a list of blocks", value)


def _metadata(value: Any) -> Any:
    if value is None:
        return {}
    if isinstance(value, Mapping):
        return {key: item for key, item in value.items() if item is not None}
    raise fail("an object", value)


class ChatUsage(Model):
    """Tokens of one reply as agentscope-java stores them; `time` in seconds."""

    input_tokens: Count = Field(default=0, validation_alias="inputTokens")
    output_tokens: Count = Field(default=0, validation_alias="outputTokens")
    cached_tokens: Count = Field(default=0, validation_alias="cachedTokens")
    time: Annotated[float, BeforeValidator(lambda v: 0.0 if v is None else v)] = 0.0

    def to_dict(self) -> dict[str, Any]:
        """Return the usage in agentscope-java's JSON form; the total is derived."""
        return {
            "inputTokens": self.input_tokens,
            "outputTokens": self.output_tokens,
            "cachedTokens": self.cached_tokens,
            "time": self.time,
            "totalTokens": self.input_tokens + self.output_tokens,
        }


_ALLOWED: dict[Role, tuple[tuple[type[Model], ...], str]] = {
    Role.USER: (
        (TextBlock, DataBlock, ImageBlock, AudioBlock, VideoBlock),
        "text/data/image/audio/video",
    ),
    Role.SYSTEM: ((TextBlock,), "text"),
}


class Msg(Model):
    """One message. A null role can be read and stored, but not formatted.

    A user message holds text and media, a system message text, the others any block.
    """

    id: OptionalText = None
    name: OptionalText = None
    role: Annotated[Role | None, BeforeValidator(_role)] = None
    content: Annotated[tuple[Block, ...], BeforeValidator(_content)] = ()
    metadata: Annotated[JsonObject, BeforeValidator(_metadata)] = Field(default_factory=dict)
    timestamp: OptionalText = None
    usage: ChatUsage | None = None

    @model_validator(mode="after")
    def _check_blocks(self) -> Self:
        allowed = _ALLOWED.get(self.role) if self.role is not None else None
        if allowed is not None:
            kinds, names = allowed
            for index, block in enumerate(self.content):
                if not isinstance(block, kinds):
                    raise PydanticCustomError(
                        "wiremark",
                        "a {role} message may only contain {names} blocks, "
                        "got {got} in content[{index}]",
                        {
                            "role": self.role.value if self.role else "",
                            "names": names,
                            "got": block.type,
                            "index": index,
                        },
                    )
        return self

    @classmethod
    def system(cls, content: Content = (), /, **fields: Any) -> Self:
        """Make a system message from text or blocks."""
        return cls(role=Role.SYSTEM, content=_gather(content), **fields)

    @classmethod
    def user(cls, content: Content = (), /, **fields: Any) -> Self:
        """Make a user message from text or blocks."""
        return cls(role=Role.USER, content=_gather(content), **fields)

    @classmethod
    def assistant(cls, content: Content = (), /, **fields: Any) -> Self:
        """Make an assistant message from text or blocks."""
        return cls(role=Role.ASSISTANT, content=_gather(content), **fields)

    @classmethod
    def tool(cls, content: Content = (), /, **fields: Any) -> Self:
        """Make a tool message, usually from one or more `ToolResultBlock`."""
        return cls(role=Role.TOOL, content=_gather(content), **fields)

    @classmethod
    def tool_result(cls, id: str, name: str, output: Content, /, **fields: Any) -> Self:
        """Make a tool message with one result: call id, tool name, output text or blocks."""
        return cls.tool(ToolResultBlock(id, name, _gather(output)), **fields)

    @property
    def text(self) -> str:
        """Return the text blocks joined by newlines."""
        return "\n".join(block.text for block in self.content if block.type == "text")

    @lazy
    def block_types(self) -> frozenset[str]:
        """Return the types of the blocks at top level."""
        return frozenset(block.type for block in self.content)

    @lazy
    def has_media(self) -> bool:
        """Say whether the message holds media at top level."""
        return has_media(self.content)

    @lazy
    def has_wishes(self) -> bool:
        """Say whether a block, or a block in a tool result, carries a wish for a cache mark."""
        for block in self.content:
            if block.cache_control is not None:
                return True
            if block.type == "tool_result" and block.has_wishes:
                return True
        return False

    def with_metadata(self, changes: Mapping[str, Any]) -> Self:
        """Return the message with metadata entries added or replaced; null removes one."""
        return self.replace(metadata={**self.metadata, **changes})

    def with_cache_control(self, value: Any = True) -> Self:
        """Return the message with a wish for a cache mark at its end.

        `value`: `True`, `False` (never mark it automatically), a TTL such as `"1h"`, or a
        mapping such as `{"type": "ephemeral"}`.
        """
        return self.with_metadata({CACHE_CONTROL: value})

    def to_dict(self) -> dict[str, Any]:
        """Return the message in agentscope-java's JSON form, nulls included."""
        return {
            "id": self.id,
            "name": self.name,
            "role": None if self.role is None else self.role.value,
            "content": [block.to_dict() for block in self.content],
            "metadata": _plain(self.metadata),
            "timestamp": self.timestamp,
            "usage": None if self.usage is None else self.usage.to_dict(),
        }


def _gather(content: Content) -> tuple[Any, ...]:
    if isinstance(content, str | Model):
        return (content,)
    return tuple(content)


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value
