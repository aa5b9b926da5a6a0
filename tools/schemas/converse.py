"""The request of Bedrock's Converse, from the service model that botocore ships.

The model is AWS's own language of shapes; what stands in the URL is not part of the body. Blobs are
base64 text on the wire, a document is any JSON, and a union holds exactly one of its members.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

__all__ = ["converse_definitions"]

_REQUEST: Final = "ConverseRequest"
_SCALARS: Final = {
    "blob": {"type": "string"},
    "boolean": {"type": "boolean"},
    "document": {},
    "double": {"type": "number"},
    "float": {"type": "number"},
    "integer": {"type": "integer"},
    "long": {"type": "integer"},
    "string": {"type": "string"},
}
# AWS's word for a bound, by the kind of shape: its least, its most.
_BOUNDS: Final = {
    "double": ("minimum", "maximum"),
    "float": ("minimum", "maximum"),
    "integer": ("minimum", "maximum"),
    "list": ("minItems", "maxItems"),
    "long": ("minimum", "maximum"),
    "map": ("minProperties", "maxProperties"),
    "string": ("minLength", "maxLength"),
}
_UNKNOWN: Final = ("minProperties",)  # no schema of ours needs it, and no predicate knows it


def converse_definitions(shapes: Mapping[str, Any], root: str) -> dict[str, Any]:
    """Return the structures of the request by name, the request itself as `root`."""
    done: dict[str, Any] = {}
    waiting = [_REQUEST]
    while waiting:
        name = waiting.pop()
        if name not in done:
            done[name] = _structure(shapes, name, waiting)
    done[root] = done.pop(_REQUEST)
    return dict(sorted(done.items()))


def _structure(shapes: Mapping[str, Any], name: str, waiting: list[str]) -> dict[str, Any]:
    shape = shapes[name]
    members = {
        member.get("locationName", key): member
        for key, member in shape["members"].items()
        if "location" not in member
    }
    out: dict[str, Any] = {"type": "object"}
    required = [key for key in shape.get("required", ()) if key in members]
    if required:
        out["required"] = required
    out["properties"] = {
        key: _value(shapes, member["shape"], waiting) for key, member in members.items()
    }
    if shape.get("union"):
        out |= {"maxProperties": 1, "additionalProperties": False}
    return out


def _value(shapes: Mapping[str, Any], name: str, waiting: list[str]) -> dict[str, Any]:
    shape = shapes[name]
    kind = shape["type"]
    if kind == "structure" and not shape.get("document"):
        waiting.append(name)
        return {"$ref": f"#/$defs/{name}"}
    if "enum" in shape:
        return {"enum": sorted(shape["enum"])}
    out: dict[str, Any] = dict(_SCALARS.get(kind, {}))
    if kind == "list":
        out = {"type": "array", "items": _value(shapes, shape["member"]["shape"], waiting)}
    elif kind == "map":
        value = _value(shapes, shape["value"]["shape"], waiting)
        out = {"type": "object", "additionalProperties": value}
    for word, keyword in zip(("min", "max"), _BOUNDS.get(kind, ()), strict=False):
        bound = shape.get(word)
        silent = bound is None or bound >= 2**31 - 1 or (bound == 0 and keyword != "minimum")
        if not silent and keyword not in _UNKNOWN:
            out[keyword] = int(bound) if bound == int(bound) else bound
    if "pattern" in shape:
        out["pattern"] = f"^(?:{shape['pattern']})$"
    return out
