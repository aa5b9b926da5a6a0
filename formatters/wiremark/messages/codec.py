"""Messages from and to JSON: agentscope-java's own form, with paths in every error.

Reading JSON is stricter than the Python constructors: a string where a list of blocks is due
is an error, as it is in Java. OpenAI-style chat messages are read by `chat.py`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from .. import jsontext
from ..errors import MessageError, WiremarkError
from ..javatext import float32, hash_map_sorted
from ..quirks import Quirks
from .msg import Msg

__all__ = ["dump_messages", "dumps_messages", "parse", "read_message", "read_messages"]

_TAGS = frozenset(
    [
        "text",
        "thinking",
        "tool_use",
        "tool_result",
        "image",
        "audio",
        "video",
        "data",
        "hint",
        "ContentBlock",
        "url",
        "base64",
        "Source",
    ]
)
_Model = TypeVar("_Model", bound=BaseModel)


def parse(model: type[_Model], data: Any, *, at: str, error: type[WiremarkError]) -> _Model:
    """Return `data` as `model`, or raise `error` with the path of the first problem."""
    try:
        return model.model_validate(data)
    except ValidationError as problem:
        raise _explain(problem, at, error) from None


def read_message(data: Any, *, at: str = "message") -> Msg:
    """Return the message that `data` (a dict in agentscope-java's JSON form) holds.

    Raises `MessageError` with the path and what was expected.
    """
    if isinstance(data, Msg):
        return data
    _require_json_shape(data, at)
    if isinstance(data.get("usage"), Mapping):
        camel = {key: item for key, item in data["usage"].items() if "_" not in key}
        data = {**data, "usage": camel}
    return parse(Msg, data, at=at, error=MessageError)


def read_messages(data: str | bytes | Iterable[Any]) -> list[Msg]:
    """Return the messages of a JSON array (text or data); `Msg` values pass unchanged.

    Raises `MessageError` with a path such as `messages[3].content[1].source`.
    """
    if isinstance(data, str | bytes):
        try:
            data = json.loads(data)
        except ValueError as problem:
            raise MessageError(f"not JSON: {problem}", advice="give a JSON array") from None
    if isinstance(data, Mapping) or not isinstance(data, Iterable):
        raise MessageError(
            f"expected a list of messages, got {type(data).__name__}", path="messages"
        )
    return [read_message(item, at=f"messages[{index}]") for index, item in enumerate(data)]


def dump_messages(messages: Sequence[Msg], *, quirks: Quirks = Quirks.NONE) -> list[dict[str, Any]]:
    """Return messages in agentscope-java's JSON form, ready to be stored."""
    return [_java(message.to_dict(), quirks) for message in messages]


def dumps_messages(messages: Sequence[Msg], *, quirks: Quirks = Quirks.NONE) -> str:
    """Return messages as compact JSON text in agentscope-java's form."""
    return jsontext.dumps(dump_messages(messages, quirks=quirks), java_numbers=quirks.java_numbers)


def _java(message: dict[str, Any], quirks: Quirks) -> dict[str, Any]:
    if quirks.hash_map_order:
        message["metadata"] = hash_map_sorted(message["metadata"], copied=False)
    for block in _blocks(message["content"]):
        if quirks.message_level_marks:
            block.pop("cache_control", None)
        if quirks.hash_map_order and block["type"] in ("thinking", "tool_use"):
            for key in ("input", "metadata"):
                if isinstance(block.get(key), dict):
                    block[key] = hash_map_sorted(block[key])
        if quirks.java_numbers and "fps" in block:
            block["fps"] = float32(block["fps"])
    return message


def _blocks(content: Iterable[dict[str, Any]]) -> Iterable[dict[str, Any]]:
    for block in content:
        yield block
        if block["type"] == "tool_result":
            yield from _blocks(block["output"])


def _require_json_shape(data: Any, at: str) -> None:
    """Refuse what the Python constructors take and JSON messages may not hold."""
    if not isinstance(data, Mapping):
        shown = "null" if data is None else type(data).__name__
        raise MessageError(f"expected a message object, got {shown}", path=at)
    content = data.get("content")
    if content is not None:
        _require_blocks(content, f"{at}.content", nulls=True)


def _require_blocks(content: Any, at: str, *, nulls: bool) -> None:
    if not isinstance(content, list | tuple):
        raise MessageError(
            f"expected a list of blocks, got {type(content).__name__}",
            path=at,
            advice='write [{"type": "text", "text": "..."}]',
        )
    for index, block in enumerate(content):
        where = f"{at}[{index}]"
        if isinstance(block, BaseModel) or (block is None and nulls):
            continue
        if not isinstance(block, Mapping):
            shown = "null" if block is None else type(block).__name__
            raise MessageError(f"expected a block object, got {shown}", path=where)
        output = block.get("output")
        if block.get("type") == "tool_result" and output is not None:
            _require_blocks(output, f"{where}.output", nulls=False)


def _explain(problem: ValidationError, at: str, error: type[WiremarkError]) -> WiremarkError:
    first = problem.errors(include_url=False)[0]
    path = at
    previous: object = None
    for part in first["loc"]:
        if isinstance(part, int):
            path += f"[{part}]"
        elif not (part in _TAGS and (isinstance(previous, int) or previous == "source")):
            path += f".{part}" if path else str(part)
        previous = part
    kind = first["type"]
    context = first.get("ctx", {})
    if kind == "union_tag_invalid":
        text = f"unknown type {context['tag']!r}, expected one of {context['expected_tags']}"
    elif kind == "union_tag_not_found":
        text = "no `type`, so it cannot be read"
    elif kind == "missing":
        text = "is required"
    elif kind == "extra_forbidden":
        text = "is not a known field"
    elif kind == "literal_error":
        text = f"expected {context['expected']}, got {first['input']!r}"
    else:
        text = first["msg"]
    more = problem.error_count() - 1
    return error(text, path=path, advice=f"and {more} more" if more else "")
