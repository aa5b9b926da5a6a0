"""Where a medium comes from: a URL or local path, or base64 data. Nothing is read here."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Discriminator, Tag

from .fields import OptionalText, RequiredText
from .model import Model, tag_of

__all__ = ["Base64Source", "OpaqueSource", "Source", "URLSource"]


class URLSource(Model):
    """A medium at a URL, or at a local path that only a `MediaPolicy` opens."""

    type: Literal["url"] = "url"
    url: RequiredText
    mime_type: OptionalText = None

    def __init__(self, url: Any = None, /, **data: Any) -> None:
        super().__init__(**({"url": url} if url is not None else {}), **data)

    def to_dict(self) -> dict[str, Any]:
        """Return the source in agentscope-java's JSON form."""
        out: dict[str, Any] = {"type": "url", "url": self.url}
        if self.mime_type is not None:
            out["mime_type"] = self.mime_type
        return out


class Base64Source(Model):
    """A medium as base64 text with its media type; neither is checked here."""

    type: Literal["base64"] = "base64"
    media_type: RequiredText
    data: RequiredText

    def to_dict(self) -> dict[str, Any]:
        """Return the source in agentscope-java's JSON form."""
        return {"type": "base64", "media_type": self.media_type, "data": self.data}


class OpaqueSource(Model):
    """A source without content, which agentscope-java's reader accepts under its base name."""

    type: Literal["Source"] = "Source"

    def to_dict(self) -> dict[str, Any]:
        """Return the source in agentscope-java's JSON form."""
        return {"type": "Source"}


Source = Annotated[
    Annotated[URLSource, Tag("url")]
    | Annotated[Base64Source, Tag("base64")]
    | Annotated[OpaqueSource, Tag("Source")],
    Discriminator(tag_of),
]
"""Any source; `type` decides which."""
