"""Values that every protocol sends alike: copies of JSON, seeds, tool parameters."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ..errors import OptionError
from ..findings import Finding
from ..javatext import hash_map_sorted
from ..messages import GenerateOptions, ToolChoice, ToolSchema, as_tool_choice, parse
from ..quirks import Quirks

__all__ = [
    "body_extras",
    "copy_json",
    "option_values",
    "options_changed",
    "options_not_sent",
    "ordered",
    "read_choice",
    "read_tools",
    "seed_value",
    "tool_parameters",
]


def copy_json(value: Any) -> Any:
    """Return JSON data that shares no dict or list with `value`."""
    if isinstance(value, Mapping):
        return {key: copy_json(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [copy_json(item) for item in value]
    return value


def body_extras(
    extras: Mapping[str, Any], quirks: Quirks, *, moved: bool = False
) -> dict[str, Any]:
    """Return additional body parameters in the order they are sent, as fresh JSON.

    Java keeps them in a hash map; `moved`: and puts them one by one into another.
    """
    given = extras
    if quirks.hash_map_order:
        given = hash_map_sorted(extras)
        given = hash_map_sorted(given, copied=False) if moved else given
    return {key: copy_json(item) for key, item in given.items()}


def options_changed(asked: GenerateOptions, sent: GenerateOptions) -> list[Finding]:
    """Return a finding for each option that the provider takes otherwise, or not at all."""
    if asked is sent:
        return []
    out = []
    for name in type(asked).model_fields:
        before, after = getattr(asked, name), getattr(sent, name)
        if before is not None and before != after:
            code = "option-not-sent" if after is None else "option-changed"
            text = f"{name} is not sent" if after is None else f"{name} is sent as {after!r}"
            out.append(
                Finding(code, "note", f"options.{name}", text, "the provider takes no other")
            )
    return out


def ordered(fields: Mapping[str, Any], order: Mapping[str, int]) -> dict[str, Any]:
    """Return fields in a fixed order, name to rank; unknown ones stay behind, in theirs."""
    return dict(sorted(fields.items(), key=lambda item: order.get(item[0], len(order))))


def option_values(options: GenerateOptions, names: Iterable[str], quirks: Quirks) -> dict[str, Any]:
    """Return the fields that options set: `names` as they are, the seed and the response format.

    A seed beyond 32 bits is an `OptionError`.
    """
    out = {name: value for name in names if (value := getattr(options, name)) is not None}
    if options.seed is not None:
        out["seed"] = seed_value(options.seed, quirks)
    if options.response_format is not None:
        out["response_format"] = options.response_format.to_dict()
    return out


def seed_value(seed: int, quirks: Quirks) -> int:
    """Return the seed if it fits 32 bits; Java cuts a longer one, here it is an `OptionError`."""
    if -(2**31) <= seed < 2**31:
        return seed
    if quirks.narrow_seeds:
        return (seed + 2**31) % 2**32 - 2**31
    raise OptionError(
        f"seed {seed} does not fit 32 bits", path="options.seed", advice="use -2^31 .. 2^31-1"
    )


def tool_parameters(tool: ToolSchema, quirks: Quirks) -> dict[str, Any]:
    """Return the parameters of a tool in the order they are sent."""
    given = hash_map_sorted(tool.parameters) if quirks.hash_map_order else tool.parameters
    return {key: copy_json(item) for key, item in given.items()}


def options_not_sent(options: GenerateOptions, advice: Mapping[str, str]) -> list[Finding]:
    """Return a finding for each option that is set and has no place; `advice` by option name."""
    return [
        Finding("option-not-sent", "note", f"options.{name}", f"{name} is not sent", what)
        for name, what in advice.items()
        if getattr(options, name) is not None
    ]


def read_tools(tools: Iterable[ToolSchema | Mapping[str, Any]] | None) -> list[ToolSchema]:
    """Return tools as schemas; dicts are read. Raises `OptionError` with the path."""
    return [
        ToolSchema.from_dict(tool, at=f"tools[{index}]") for index, tool in enumerate(tools or ())
    ]


def read_choice(choice: Any) -> ToolChoice | None:
    """Return a tool choice from whatever a caller may write. Raises `OptionError`."""
    if choice is None or isinstance(choice, ToolChoice):
        return choice
    try:
        data = as_tool_choice(choice)
    except ValueError as problem:
        raise OptionError(str(problem), path="tool_choice") from None
    return parse(ToolChoice, data, at="tool_choice", error=OptionError)
