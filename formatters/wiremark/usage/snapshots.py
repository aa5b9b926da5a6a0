"""Snapshots of totals: written in one version, read in all that ever were.

Version 2 holds a sum a model. Version 1 is one flat record of counts, as agent frameworks keep it
in their checkpoints; since those do not tell 0 from not reported, a count of 0 is read as not
reported. Knows sums, and no file.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, TypeAlias

from .. import jsontext
from ..errors import MessageError, SerializationError
from .model import COUNTS
from .sums import SUMMED, UsageSum

__all__ = ["SNAPSHOT_VERSION", "ZERO", "Snapshot", "difference", "read_snapshot", "write_snapshot"]

ZERO: Final = UsageSum()
"""The sum of no turns."""

SNAPSHOT_VERSION: Final = 2
"""The version of the snapshots that are written."""

Snapshot: TypeAlias = Mapping[str, Any] | str | bytes
"""A snapshot as JSON data or as JSON text."""

_KIND: Final = "usage-totals"
_FLAT: Final[Mapping[str, tuple[str, ...]]] = {
    "turns": ("turns", "requests"),
    "input": ("input", "input_tokens", "inputTokens"),
    "output": ("output", "output_tokens", "outputTokens"),
    "cache_read": ("cache_read", "cache_read_tokens", "cachedTokens"),
    "cache_write": ("cache_write", "cache_write_tokens"),
    "cache_write_5m": ("cache_write_5m",),
    "cache_write_1h": ("cache_write_1h",),
    "reasoning": ("reasoning",),
}
"""The names of version 1: ours (and TinyAgent's), pydantic-ai's, agentscope-java's."""


def write_snapshot(models: Mapping[str, UsageSum]) -> dict[str, Any]:
    """Return the sums of models as a snapshot."""
    written = {
        name: {
            **{field: getattr(held, field) for field in SUMMED},
            "unreported": dict(held.unreported),
        }
        for name, held in models.items()
    }
    return {"wiremark": _KIND, "version": SNAPSHOT_VERSION, "models": written}


def difference(now: Mapping[str, UsageSum], earlier: Mapping[str, UsageSum]) -> dict[str, UsageSum]:
    """Return what was added since; raises `MessageError` where that would be below 0."""
    out = {}
    for name in sorted({*now, *earlier}):
        share = now.get(name, ZERO) - earlier.get(name, ZERO)
        wrong = share.contradiction()
        if wrong is not None:
            raise MessageError(
                f"the snapshot is no earlier state of these totals: {wrong[1]} would remain",
                path=f"{_path(name)}.{wrong[0]}",
                advice="subtract a snapshot that these totals gave before",
            )
        if share != ZERO:
            out[name] = share
    return out


def _path(model: str) -> str:
    return f"models[{jsontext.dumps(model)}]"


def read_snapshot(snapshot: Snapshot) -> dict[str, UsageSum]:
    """Return the sums of a snapshot of any version that is known."""
    data = _data(snapshot)
    kind = data.get("wiremark", _KIND)
    if kind != _KIND:
        raise MessageError(
            f"a snapshot of {kind!r}", path="wiremark", advice=f"give one of {_KIND!r}"
        )
    version = data.get("version", 1)
    if type(version) is not int or version < 1:
        raise MessageError(
            f"{version!r} is no version", path="version", advice="give a snapshot as it was written"
        )
    if version > SNAPSHOT_VERSION:
        raise MessageError(
            f"version {version} is newer than {SNAPSHOT_VERSION}, the newest that is read here",
            path="version",
            advice="update wiremark, or begin anew with UsageTotals()",
        )
    return _read_flat(data) if version == 1 else _read_models(data)


def _data(snapshot: object) -> Mapping[str, Any]:
    if isinstance(snapshot, str | bytes):
        try:
            snapshot = jsontext.loads(snapshot)
        except SerializationError as error:
            raise MessageError(
                error.problem, path=error.path, advice="give a snapshot as it was written"
            ) from error
    if not isinstance(snapshot, Mapping):
        raise MessageError(
            f"a snapshot is an object, not {type(snapshot).__name__}",
            path="snapshot",
            advice="give what UsageTotals.snapshot() returned, or its JSON text",
        )
    return snapshot


def _read_models(data: Mapping[str, Any]) -> dict[str, UsageSum]:
    models = data.get("models")
    if not isinstance(models, Mapping):
        raise MessageError("expected an object", path="models", advice="it holds a sum a model")
    out = {}
    for name, fields in models.items():
        path = _path(str(name))
        if not isinstance(fields, Mapping):
            raise MessageError("expected an object", path=path, advice="it holds the counts")
        sums = {field: _count(fields.get(field), f"{path}.{field}") for field in SUMMED}
        silent = fields.get("unreported")
        if not isinstance(silent, Mapping):
            raise MessageError(
                "expected an object", path=f"{path}.unreported", advice="it may be empty"
            )
        missing = {
            str(count): _count(turns, f"{path}.unreported.{count}")
            for count, turns in silent.items()
        }
        held = _checked(UsageSum(unreported=missing, **sums), path)
        if held != ZERO:
            out[str(name)] = held
    return out


def _read_flat(data: Mapping[str, Any]) -> dict[str, UsageSum]:
    found: dict[str, int] = {}
    for name, spellings in _FLAT.items():
        given = next((key for key in spellings if data.get(key) is not None), None)
        if given is not None:
            found[name] = _count(data[given], given)
    if not found:
        raise MessageError(
            "no count that is known",
            path="snapshot",
            advice="give what UsageTotals.snapshot() returned, or a flat record of counts",
        )
    turns = found.pop("turns", 1)
    counts = {name: count for name, count in found.items() if count}
    for name in ("cache_read", "cache_write"):
        if counts.get(name, 0) > counts.get("input", counts.get(name, 0)):
            raise MessageError(
                f"{counts[name]} of {counts['input']} input tokens",
                path=name,
                advice="count what was read from and written to a cache as input too",
            )
    rated = "input" in counts and "cache_read" in counts
    held = UsageSum(
        turns=turns,
        rated_input=counts["input"] if rated else 0,
        rated_read=counts["cache_read"] if rated else 0,
        unreported={name: turns for name in COUNTS if name not in counts},
        **counts,
    )
    model = data.get("model")
    held = _checked(held, "snapshot")
    return {} if held == ZERO else {model if isinstance(model, str) else "": held}


def _count(value: object, path: str) -> int:
    if type(value) is not int or value < 0:
        raise MessageError(
            "is missing" if value is None else f"{value!r} is no count",
            path=path,
            advice="a count is a whole number from 0 on",
        )
    return value


def _checked(held: UsageSum, path: str) -> UsageSum:
    wrong = held.contradiction()
    if wrong is not None:
        raise MessageError(wrong[1], path=f"{path}.{wrong[0]}", advice="no turns add up to this")
    return held
