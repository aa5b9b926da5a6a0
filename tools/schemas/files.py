"""The files that hold what the SDKs define: written, read again, compared."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from tools.schemas.sources import Derived

__all__ = ["FOLDER", "changes", "document", "recorded", "text_of"]

FOLDER: Final = Path(__file__).parents[2] / "schemas"
_WIDTH: Final = 100


def document(derived: Derived, distribution: str, version: str, day: str) -> dict[str, Any]:
    """Return the schema file of what an SDK defines."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"https://wiremark.dev/schemas/{derived.file}",
        "title": derived.title,
        "description": "Derived, not written by hand: `make schemas` writes it anew. What the"
        " provider takes beyond its types, and in what words it refuses, is in the schemas beside.",
        "$comment": f"Source: {distribution} {version}, {derived.origin}; read {day}.",
        "x-derived-from": {"distribution": distribution, "version": version},
        "$ref": "#/$defs/Request",
        "$defs": derived.definitions,
    }


def recorded(file: str) -> dict[str, Any] | None:
    """Return a schema file that is there."""
    path = FOLDER / file
    if not path.exists():
        return None
    contents: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return contents


def changes(before: Any, after: Any) -> tuple[str, ...]:
    """Return what was taken away and added, a line each, such as `+ ToolParam.strict`."""
    old, new = set(_facts("", before)), set(_facts("", after))
    return (*sorted(f"- {fact}" for fact in old - new), *sorted(f"+ {fact}" for fact in new - old))


def _facts(path: str, value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for key, part in value.items():
            silent = key in ("properties", "allOf", "if", "then", "else", "items")
            yield from _facts(path if silent else f"{path}.{key}".removeprefix("."), part)
    elif isinstance(value, list):
        for part in value:
            yield from _facts(path, part)
    else:
        yield f"{path} {json.dumps(value)}"


def text_of(value: Any, indent: int = 0) -> str:
    """Return a value as JSON text, whatever fits on a line in one line."""
    short = json.dumps(value, ensure_ascii=False)
    if isinstance(value, dict) and value:
        short = "{ " + short[1:-1] + " }"
    fits = bool(indent) and len(short) + indent <= _WIDTH
    if fits or not value or not isinstance(value, (dict, list)):
        return short
    pad = " " * (indent + 2)
    if isinstance(value, dict):
        parts = [f"{json.dumps(key)}: {text_of(part, indent + 2)}" for key, part in value.items()]
    else:
        parts = [text_of(part, indent + 2) for part in value]
    body = f",\n{pad}".join(parts)
    opening, closing = ("{", "}") if isinstance(value, dict) else ("[", "]")
    return f"{opening}\n{pad}{body}\n{' ' * indent}{closing}"
