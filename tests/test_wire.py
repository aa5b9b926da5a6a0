"""The TypedDicts of `wire.py` against what the formatters really send."""

from __future__ import annotations

import types
from pathlib import Path
from typing import Any, Literal, NotRequired, Union, get_args, get_origin, get_type_hints

import pytest

from wiremark import wire
from wiremark.conformance import parity
from wiremark.quirks import Quirks


def fits(value: Any, kind: Any) -> bool:
    """Whether JSON data has exactly the keys and kinds of a type."""
    origin = get_origin(kind)
    if kind is Any:
        return True
    if origin is NotRequired:
        return fits(value, get_args(kind)[0])
    if origin is Literal:
        return value in get_args(kind)
    if origin in (Union, types.UnionType):
        return any(fits(value, one) for one in get_args(kind))
    if origin is list:
        return isinstance(value, list) and all(fits(item, get_args(kind)[0]) for item in value)
    if origin is dict:
        return isinstance(value, dict)
    if hasattr(kind, "__required_keys__"):
        hints = get_type_hints(kind)
        known = isinstance(value, dict) and kind.__required_keys__ <= value.keys() <= hints.keys()
        return known and all(fits(item, hints[key]) for key, item in value.items())
    return isinstance(value, kind) or (kind is float and isinstance(value, int))


@pytest.fixture(scope="module")
def java_cases(checkout: Path) -> tuple[Path, list[dict[str, Any]]]:
    folder = checkout / "fixtures" / "java"
    cases = [case for case in parity.load(folder) if case["method"].startswith("format")]
    return folder, [case for case in cases if parity.runs(case)]


@pytest.mark.parametrize(
    ("formatter", "kind"), [("dashscope", wire.DashScopeMessage), ("openai", wire.OpenAIMessage)]
)
def test_typed_dicts_describe_every_message_that_is_sent(
    java_cases: tuple[Path, list[dict[str, Any]]], formatter: str, kind: Any
) -> None:
    folder, cases = java_cases
    seen = 0
    for case in cases:
        if case["formatter"].startswith(formatter):
            outcome = parity.run_case(case, Quirks.NONE, folder / "assets")
            if outcome.error is None:
                wrong = [message for message in outcome.value if not fits(message, kind)]
                assert not wrong, case["id"]
                seen += 1
    assert seen > 100


@pytest.mark.parametrize(
    "message",
    [
        {"role": "user", "content": "x", "cache_control": {"type": "ephemeral"}},
        {"role": "user"},
        {"role": "critic", "content": "x"},
        {"role": "user", "content": [{"type": "text", "text": "x", "cache_control": True}]},
    ],
)
def test_a_message_of_another_shape_does_not_fit(message: dict[str, Any]) -> None:
    assert not fits(message, wire.OpenAIMessage)
