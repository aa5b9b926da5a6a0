"""Expected failures: which cases fail, and why. Each must exist, fail, and have a reason.

The file is a JSON object, case id to reason. A `*` in an id stands for any text, so one reason can
cover a group; every case it covers must fail. What a case is, is not known here.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from ..errors import OptionError
from .jsonfile import read_unique

__all__ = ["read_expected_failures", "reasons_for", "unknown_names"]


def read_expected_failures(file: Path | str) -> dict[str, str]:
    """Return the expected failures that a JSON file names, case id to reason.

    Raises `OptionError` for a file that cannot be read, is no such object, names an id twice, or
    gives no reason.
    """
    try:
        text = Path(file).read_text(encoding="utf-8")
        data = read_unique(text)
    except (OSError, ValueError) as problem:
        raise OptionError(f"expected failures cannot be read: {problem}", path=str(file)) from None
    if not isinstance(data, dict):
        raise OptionError("expected failures are a JSON object, id to reason", path=str(file))
    for name, reason in data.items():
        _require_reason(name, reason)
    return data


def reasons_for(
    skip: Mapping[str, str], ids: Iterable[str], *, allow_unknown: bool = False
) -> dict[str, str]:
    """Return which of `ids` are expected to fail, with the reason of each.

    An id that is written out counts before one with `*`, a longer pattern before a shorter one.
    Raises `OptionError` for an entry without a reason, and, unless `allow_unknown`, for one that
    names no case.
    """
    known = list(ids)
    for name, reason in skip.items():
        _require_reason(name, reason)
    unknown = unknown_names(skip, known)
    if unknown and not allow_unknown:
        raise OptionError(
            f"there is no case {unknown[0]!r} to skip",
            path="skip",
            advice="name a case that is run here, or take the entry out",
        )
    found: dict[str, str] = {}
    for name in sorted(skip, key=lambda name: ("*" not in name, len(name))):
        found.update((case, skip[name]) for case in known if _matches(name, case))
    return found


def unknown_names(skip: Mapping[str, str], ids: Iterable[str]) -> list[str]:
    """Return the entries that name none of `ids`."""
    known = list(ids)
    return [name for name in skip if not any(_matches(name, case) for case in known)]


def _matches(name: str, case: str) -> bool:
    if "*" not in name:
        return name == case
    return re.fullmatch(".*".join(map(re.escape, name.split("*"))), case) is not None


def _require_reason(name: str, reason: object) -> None:
    if not (isinstance(reason, str) and reason.strip()):
        raise OptionError(f"no reason is given to skip {name!r}", path="skip")
