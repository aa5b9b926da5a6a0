"""Field types that read scalars the way agentscope-java's JSON reader does.

Numbers and booleans become strings where a string is due, numeric strings and floats become
integers where an integer is due. Knows JSON values only, no message.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from math import isfinite
from typing import Annotated, Any, Final

from pydantic import BeforeValidator, PlainSerializer
from pydantic_core import PydanticCustomError

__all__ = [
    "CacheWish",
    "Count",
    "JsonObject",
    "OptionalFloat",
    "OptionalInt",
    "OptionalText",
    "RequiredText",
    "Text",
    "fail",
]


_INTEGER: Final = re.compile(r"[+-]?[0-9]{1,400}")
_NUMBER: Final = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")


def fail(expected: str, got: object) -> PydanticCustomError:
    """Return the error for a value of the wrong kind."""
    shown = "null" if got is None else type(got).__name__
    return PydanticCustomError(
        "wiremark", "expected {expected}, got {got}", {"expected": expected, "got": shown}
    )


def _text(value: Any) -> str | None:
    if value is None or type(value) is str:
        return value
    if isinstance(value, str):
        return str(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return str(value)
    raise fail("a string", value)


def _required_text(value: Any) -> str:
    text = _text(value)
    if text is None:
        raise fail("a string", value)
    return text


def _integer(value: Any) -> int | None:
    if value is None:
        return value
    if isinstance(value, str):
        stripped = value.strip()
        if not stripped:
            return None
        if not _INTEGER.fullmatch(stripped):
            raise fail("an integer", value)
        value = int(stripped)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise fail("an integer", value)
    if isinstance(value, float) and not isfinite(value):
        raise fail("an integer", value)
    if not -(2**31) - 1 < value < 2**31:
        raise fail("an integer of 32 bits", value)
    return int(value)


def _number(value: Any) -> float | None:
    if value is None:
        return None
    if isinstance(value, str):
        stripped = value.strip()
        if not stripped:
            return None
        if not _NUMBER.fullmatch(stripped):
            raise fail("a number", value)
        return float(stripped)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise fail("a number", value)
    return float(value)


def _object(value: Any) -> Any:
    if isinstance(value, Mapping):
        for key in value:
            if not isinstance(key, str):
                raise fail("an object with string keys", key)
        return dict(value)
    raise fail("an object", value)


def _null_object(value: Any) -> Any:
    return {} if value is None else _object(value)


Text = Annotated[str, BeforeValidator(lambda value: _text(value) or "")]
"""A string; null reads as the empty string."""

RequiredText = Annotated[str, BeforeValidator(_required_text)]
"""A string that must be there; it may be empty."""

OptionalText = Annotated[str | None, BeforeValidator(_text)]
"""A string or null."""

OptionalInt = Annotated[int | None, BeforeValidator(_integer)]
"""An integer or null; floats are cut, numeric strings read."""

Count = Annotated[int, BeforeValidator(lambda value: _integer(value) or 0)]
"""A number of tokens; null and absent read as 0."""

OptionalFloat = Annotated[float | None, BeforeValidator(_number)]
"""A number or null; numeric strings are read."""

JsonObject = Annotated[dict[str, Any], BeforeValidator(_null_object)]
"""A JSON object; null reads as the empty object."""

CacheWish = Annotated[Any, PlainSerializer(lambda value: value)]
"""What somebody asks for at a block or tool: `True`, `False`, a TTL such as `"1h"`, or a mapping.

Any value is taken here; one that cannot be read is reported where marks are planned.
"""
