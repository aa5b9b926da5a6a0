"""Tools a model may call, the choice among them, and the form of its reply."""

from __future__ import annotations

import builtins
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from ..errors import OptionError
from .codec import parse
from .fields import CacheWish, JsonObject

__all__ = [
    "ResponseFormat",
    "ToolChoice",
    "ToolSchema",
    "as_tool_choice",
]


class ToolSchema(BaseModel):
    """A tool: its name, what it does, and a JSON Schema of its parameters.

    `strict` asks for arguments that obey the schema, where the provider has such a switch.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    name: str
    description: str
    parameters: JsonObject = Field(default_factory=dict)
    strict: bool | None = None
    cache_control: CacheWish = None

    @classmethod
    def from_dict(cls, data: Any, *, at: str = "tool") -> Self:
        """Read a tool from JSON data, plain or in OpenAI's `{"type": "function", ...}` form.

        Raises `OptionError` with the path of a bad field.
        """
        if isinstance(data, cls):
            return data
        if isinstance(data, dict) and isinstance(data.get("function"), dict):
            outer = {"cache_control": data["cache_control"]} if "cache_control" in data else {}
            data = {"description": "", **data["function"], **outer}
            at += ".function"
        return parse(cls, data, at=at, error=OptionError)


class ToolChoice(BaseModel):
    """Which tool the model may or must call: auto, none, required, or one by name."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    mode: Literal["auto", "none", "required", "specific"]
    name: str | None = None

    @model_validator(mode="after")
    def _check_name(self) -> Self:
        if self.mode == "specific" and not (self.name and self.name.strip()):
            raise ValueError("a specific tool choice needs the name of the tool")
        return self

    @classmethod
    def auto(cls) -> Self:
        """Let the model decide."""
        return cls(mode="auto")

    @classmethod
    def none(cls) -> Self:
        """Let the model call no tool."""
        return cls(mode="none")

    @classmethod
    def required(cls) -> Self:
        """Make the model call some tool."""
        return cls(mode="required")

    @classmethod
    def specific(cls, name: str) -> Self:
        """Make the model call the tool of this name; a blank name is an error."""
        return cls(mode="specific", name=name)


class ResponseFormat(BaseModel):
    """The form a reply must have: text, a JSON object, or JSON by a schema."""

    model_config = ConfigDict(frozen=True, extra="allow")

    type: str
    json_schema: dict[str, Any] | None = None

    @classmethod
    def json_object(cls) -> Self:
        """Ask for any JSON object."""
        return cls(type="json_object")

    @classmethod
    def schema_of(
        cls,
        name: str,
        schema: dict[str, Any] | builtins.type[BaseModel],
        *,
        description: str | None = None,
        strict: bool | None = None,
    ) -> Self:
        """Ask for JSON that obeys a JSON Schema or a pydantic model."""
        if isinstance(schema, builtins.type):
            schema = schema.model_json_schema()
        fields = {"name": name, "description": description, "schema": schema, "strict": strict}
        kept = {key: value for key, value in fields.items() if value is not None}
        return cls(type="json_schema", json_schema=kept)

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON that providers take, keys in their usual order."""
        return self.model_dump(exclude_none=True)


def as_tool_choice(value: Any) -> Any:
    """Read a tool choice: `"auto"`, `{"specific": name}`, OpenAI's object, or a `ToolChoice`."""
    if value is None or isinstance(value, ToolChoice):
        return value
    if isinstance(value, str):
        if value in ("auto", "none", "required"):
            return {"mode": value}
    elif isinstance(value, dict):
        if set(value) == {"specific"}:
            return {"mode": "specific", "name": value["specific"]}
        if isinstance(value.get("function"), dict):
            return {"mode": "specific", "name": value["function"].get("name")}
        if "mode" in value:
            return value
    raise ValueError('expected "auto", "none", "required" or {"specific": name}')
