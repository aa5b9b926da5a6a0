"""What somebody asks for: slots, wishes, and how a wish's value is read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from ..rules import ttl_seconds

__all__ = ["LEVELS", "Origin", "Reading", "Slot", "Wish", "read_value"]

Origin: TypeAlias = Literal["block", "message", "existing", "auto"]
"""Who asked: a block or tool, a message, a marker already in the request, or a policy."""

LEVELS: Final[Mapping[Origin, int]] = {"block": 3, "message": 2, "existing": 1, "auto": 0}
"""Precedence of origins, the higher wins."""


@dataclass(frozen=True, slots=True)
class Slot:
    """A place in the wire messages where a marker may stand.

    `Slot(message=i)`: the last block of message `i` that can carry a marker.
    `Slot(message=i, part=j)`: the end of part `j`; -1 is before the first part.
    `Slot(message=i, offset=n)`: after `n` characters of the message's text; a string content is
    cut there.
    `Slot(tool=k)`: tool `k`. `Slot()`: the request as a whole.

    Where a slot says what is dynamic or where assistant output begins, it names the start: of the
    message, of part `j`, or the character at `offset`.
    """

    message: int | None = None
    part: int | None = None
    offset: int | None = None
    tool: int | None = None


@dataclass(frozen=True, slots=True)
class Wish:
    """Somebody's request for a mark, or with the value `False` for none.

    `value`: `True`, `False`, a TTL such as `"1h"`, or a mapping such as
    `{"type": "ephemeral", "ttl": "1h"}`; `None` is no wish; anything else cannot be read.
    `path`: where it was asked for, such as `messages[3].metadata._cache_control`.
    """

    origin: Origin
    value: object
    at: Slot
    path: str


@dataclass(frozen=True, slots=True)
class Reading:
    """A wish's value, understood; `lost` names keys of a mapping that no marker carries."""

    kind: Literal["none", "mark", "veto", "unreadable"]
    ttl: str | None = None
    lost: tuple[str, ...] = ()


_KNOWN: Final = {"type": "ephemeral", "mode": "explicit"}
_NONE: Final = Reading("none")
_MARK: Final = Reading("mark")
_VETO: Final = Reading("veto")
_UNREADABLE: Final = Reading("unreadable")


def read_value(value: object) -> Reading:
    """Return what a wish's value asks for."""
    if value is None:
        return _NONE
    if value is True:
        return _MARK
    if value is False:
        return _VETO
    if isinstance(value, str):
        return _UNREADABLE if ttl_seconds(value) is None else Reading("mark", value)
    if isinstance(value, Mapping):
        return _read_mapping(value)
    return _UNREADABLE


def _read_mapping(value: Mapping[object, object]) -> Reading:
    named = [key for key in _KNOWN if value.get(key) is not None]
    ttl = value.get("ttl")
    if any(value[key] != _KNOWN[key] for key in named) or not (named or ttl is not None):
        return _UNREADABLE
    if ttl is not None and ttl_seconds(ttl) is None:
        return _UNREADABLE
    lost = tuple(sorted(str(key) for key in value if key not in ("type", "mode", "ttl")))
    return Reading("mark", ttl if isinstance(ttl, str) else None, lost)
