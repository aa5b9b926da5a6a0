"""What every message model has in common: frozen, unknown keys ignored, written in Java's order."""

from __future__ import annotations

from typing import Any, Self

from pydantic import BaseModel, ConfigDict, model_serializer

from .lazy import lazy

__all__ = ["Model", "tag_of"]


def tag_of(value: Any) -> str | None:
    """Return the `type` of a block or source, given as data or as a model."""
    tag = value.get("type") if isinstance(value, dict) else getattr(value, "type", None)
    return tag if isinstance(tag, str) else None


class Model(BaseModel):
    """A frozen value that reads and writes agentscope-java's JSON."""

    model_config = ConfigDict(
        frozen=True,
        extra="ignore",
        populate_by_name=True,
        arbitrary_types_allowed=True,
        ignored_types=(lazy,),
    )

    def to_dict(self) -> dict[str, Any]:
        """Return the value in agentscope-java's JSON form."""
        raise TypeError(f"{type(self).__name__} has no JSON form")

    @model_serializer(mode="plain")
    def _as_json(self) -> dict[str, Any]:
        return self.to_dict()

    def __copy__(self) -> Self:
        """Return a copy without cached text, which a changed field would make stale."""
        copied = super().__copy__()
        names = type(self).__pydantic_fields__
        for name in [key for key in copied.__dict__ if key not in names]:
            del copied.__dict__[name]
        return copied

    def replace(self, **changes: Any) -> Self:
        """Return a copy with fields changed and checked."""
        fields = {name: getattr(self, name) for name in type(self).__pydantic_fields__}
        return type(self).model_validate({**fields, **changes})
