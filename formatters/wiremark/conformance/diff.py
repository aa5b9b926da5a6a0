"""The difference of two JSON values: as few entries as it takes, each with its path.

Numbers are equal by value, `true` is no number. Lists are aligned first, so an item too many is
one entry and not a difference at every index behind it. Knows JSON and placeholders, no case.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Any, Final, Literal, TypeAlias

__all__ = ["ANY", "Difference", "Kind", "diff", "unordered_diff"]

Kind: TypeAlias = Literal["missing", "unexpected", "changed", "order"]

ANY: Final = "<ANY>"
"""In an expected string: any text that is not empty."""

_SHOWN: Final = 160
_AROUND: Final = 30
_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")


@dataclass(frozen=True, slots=True)
class Difference:
    """One entry: what was expected at `path` and what is there.

    `missing`: expected, not there. `unexpected`: there, not expected. `changed`: another value.
    `order`: the same keys in another order; `expected` and `actual` are then lists of keys.
    """

    path: str
    kind: Kind
    expected: Any = None
    actual: Any = None

    def __str__(self) -> str:
        where = self.path or "(all)"
        if self.kind == "missing":
            return f"{where}: missing, expected {_shown(self.expected)}"
        if self.kind == "unexpected":
            return f"{where}: not expected, got {_shown(self.actual)}"
        if self.kind == "order":
            return f"{where}: keys expected in the order {self.expected}, got {self.actual}"
        return f"{where}: {_change(self.expected, self.actual)}"


def diff(
    expected: Any, actual: Any, *, path: str = "", key_order: bool = True
) -> tuple[Difference, ...]:
    """Return what must change in `actual` to make it `expected`; empty if nothing.

    key_order: objects must have their keys in the expected order too.
    """
    return tuple(_diff(expected, actual, path, key_order))


def unordered_diff(
    expected: Sequence[Mapping[str, Any]], actual: Sequence[Mapping[str, Any]], *, path: str
) -> tuple[Difference, ...]:
    """Return the difference of two lists of objects whose order does not count.

    Of an actual object, only the keys that the expected one has are compared.
    """
    left = list(actual)
    lacking = []
    for index, wanted in enumerate(expected):
        match = next((item for item in left if not _part_diff(wanted, item, "")), None)
        if match is None:
            lacking.append((index, wanted))
        else:
            left.remove(match)
    found: list[Difference] = []
    for index, wanted in lacking:
        where = f"{path}[{index}]"
        nearest = min(left, key=lambda item: len(_part_diff(wanted, item, "")), default=None)
        if nearest is not None and len(_part_diff(wanted, nearest, "")) < len(wanted):
            left.remove(nearest)
            found += _part_diff(wanted, nearest, where)
        else:
            found.append(Difference(where, "missing", wanted))
    return (*found, *(Difference(path, "unexpected", None, item) for item in left))


def _part_diff(
    wanted: Mapping[str, Any], item: Mapping[str, Any], path: str
) -> tuple[Difference, ...]:
    part = {key: item[key] for key in wanted if key in item}
    return diff(wanted, part, path=path, key_order=False)


def _diff(expected: Any, actual: Any, path: str, ordered: bool) -> Iterator[Difference]:
    if isinstance(expected, Mapping) and isinstance(actual, Mapping):
        yield from _diff_objects(expected, actual, path, ordered)
    elif isinstance(expected, list) and isinstance(actual, list):
        yield from _diff_lists(expected, actual, path, ordered)
    elif not _equal_scalars(expected, actual):
        yield Difference(path, "changed", expected, actual)


def _diff_objects(
    expected: Mapping[str, Any], actual: Mapping[str, Any], path: str, ordered: bool
) -> Iterator[Difference]:
    for key, wanted in expected.items():
        where = _join(path, key)
        if key not in actual:
            yield Difference(where, "missing", wanted)
        else:
            yield from _diff(wanted, actual[key], where, ordered)
    for key, value in actual.items():
        if key not in expected:
            yield Difference(_join(path, key), "unexpected", None, value)
    if ordered:
        wanted_keys = [key for key in expected if key in actual]
        keys = [key for key in actual if key in expected]
        if wanted_keys != keys:
            yield Difference(path, "order", wanted_keys, keys)


def _diff_lists(
    expected: list[Any], actual: list[Any], path: str, ordered: bool
) -> Iterator[Difference]:
    if len(expected) == len(actual):
        for index, (wanted, value) in enumerate(zip(expected, actual, strict=True)):
            yield from _diff(wanted, value, f"{path}[{index}]", ordered)
        return
    matcher = SequenceMatcher(None, _texts(expected), _texts(actual), autojunk=False)
    for tag, first, last, begin, end in matcher.get_opcodes():
        if tag == "equal":
            continue
        paired = min(last - first, end - begin)
        for step in range(paired):
            where = f"{path}[{begin + step}]"
            yield from _diff(expected[first + step], actual[begin + step], where, ordered)
        for index in range(first + paired, last):
            yield Difference(f"{path}[{index}]", "missing", expected[index])
        for index in range(begin + paired, end):
            yield Difference(f"{path}[{index}]", "unexpected", None, actual[index])


def _texts(items: list[Any]) -> list[str]:
    return [json.dumps(item, sort_keys=True, default=repr) for item in items]


def _equal_scalars(expected: Any, actual: Any) -> bool:
    if isinstance(expected, str) and isinstance(actual, str):
        if ANY not in expected:
            return expected == actual
        pattern = ".+".join(re.escape(piece) for piece in expected.split(ANY))
        return re.fullmatch(pattern, actual, re.DOTALL) is not None
    if isinstance(expected, bool) or isinstance(actual, bool):
        return expected is actual
    if isinstance(expected, int | float) and isinstance(actual, int | float):
        return expected == actual
    return type(expected) is type(actual) and bool(expected == actual)


def _join(path: str, key: str) -> str:
    if not _NAME.fullmatch(key):
        return f"{path}[{json.dumps(key, ensure_ascii=False)}]"
    return f"{path}.{key}" if path else key


def _change(expected: Any, actual: Any) -> str:
    if isinstance(expected, str) and isinstance(actual, str) and ANY not in expected:
        pairs = zip(expected, actual, strict=False)
        at = next((index for index, (one, two) in enumerate(pairs) if one != two), None)
        if at is None:
            at = min(len(expected), len(actual))
        if at > _AROUND:
            begin = at - _AROUND
            wanted, got = (_shown("…" + text[begin:]) for text in (expected, actual))
            return f"from character {at} on, expected {wanted}, got {got}"
    return f"expected {_shown(expected)}, got {_shown(actual)}"


def _shown(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False, default=repr)
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 1]}…"
