"""The usage of a stream, from what it reports at its start and at its end.

What comes later replaces what came before: providers repeat totals, none sends increments. Knows
the names of fields, no SDK and no event.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

__all__ = ["merge_usage"]

_COUNTED: Final = ("input_tokens", "cache_read_input_tokens", "cache_creation_input_tokens")
_CACHED: Final = _COUNTED[1:]
_PARTS: Final = "cache_creation"
_NEAR: Final = 0.9
"""A count of all input tokens may lie this little below the cached ones: it is an estimate."""


def merge_usage(before: Mapping[str, Any] | None, later: Mapping[str, Any]) -> dict[str, Any]:
    """Return the usage of a reply from an earlier and a later report of it.

    What the later one leaves out, says null to, or counts as no input at all, stays. Where a start
    of the Messages protocol counted input before the cache was known, and the end tells the cached
    part alone, as DashScope does (https://github.com/jeremychone/rust-genai/pull/258), the cached
    part is taken off the input, so that no token counts twice.
    """
    given = {key: item for key, item in later.items() if item is not None}
    if before is None:
        return given
    if not any(given.get(key) for key in _COUNTED) and any(before.get(key) for key in _COUNTED):
        given = {key: item for key, item in given.items() if key not in _COUNTED}
    out = _joined(before, given)
    written = given.get(_CACHED[1])
    if _PARTS not in given and written is not None and written != before.get(_CACHED[1]):
        out.pop(_PARTS, None)  # the parts of a sum that no longer holds
    whole = before.get("input_tokens")
    cached = sum(item for key in _CACHED if isinstance(item := given.get(key), int))
    early = "input_tokens" not in given and not any(key in before for key in _CACHED)
    if early and cached and isinstance(whole, int) and whole >= cached * _NEAR:
        out["input_tokens"] = max(0, whole - cached)
    return out


def _joined(before: Mapping[str, Any], later: Mapping[str, Any]) -> dict[str, Any]:
    """Return both, objects joined field by field; a later null changes nothing."""
    out = dict(before)
    for key, value in later.items():
        known = out.get(key)
        if isinstance(known, Mapping) and isinstance(value, Mapping):
            out[key] = _joined(known, value)
        elif value is not None or key not in out:
            out[key] = value
    return out
