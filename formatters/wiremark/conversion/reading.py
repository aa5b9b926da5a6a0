"""A request body of any protocol becomes a `Conversation`; what it cannot hold is named."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from ..errors import MessageError, OptionError
from .anthropic import read_anthropic
from .bedrock import read_bedrock
from .chat import read_dashscope, read_openai
from .conversation import Conversation, Reading

__all__ = ["PROTOCOLS", "read_body"]

_READERS: Final[Mapping[str, Callable[[Mapping[str, Any], Reading], None]]] = {
    "openai-chat": read_openai,
    "dashscope": read_dashscope,
    "anthropic": read_anthropic,
    "bedrock-converse": read_bedrock,
}
PROTOCOLS: Final = tuple(_READERS)
"""The protocols whose bodies can be read."""


def read_body(body: Any, *, protocol: str, model: str | None = None) -> Conversation:
    """Return what a request body says: messages, tools, settings and wishes for cache marks.

    `protocol` is one of `PROTOCOLS`: `openai-chat` is also that of DashScope's compatible mode and
    of OpenRouter. `model` stands in for the body's own, which Bedrock's does not have.

    A marker becomes the `cache_control` of what it stands on, one of the request as a whole
    `automatic`. What the body says and nothing holds is in `lost`. The body is not modified.

    Raises `MessageError` with the path of a shape that is not known, `OptionError` with that of a
    setting that cannot be read.
    """
    reader = _READERS.get(protocol)
    if reader is None:
        raise OptionError(
            f"bodies of {protocol!r} cannot be read",
            path="protocol",
            advice=f"use one of {', '.join(PROTOCOLS)}",
        )
    if not isinstance(body, Mapping):
        raise MessageError(f"expected a request body, got {type(body).__name__}", path="body")
    reading = Reading(protocol, model)
    reader(body, reading)
    return reading.finish()
