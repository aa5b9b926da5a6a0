"""Messages from chat JSON: OpenAI's form, and DashScope's native one, become `Msg`.

The role tells which form a message has: lower case here, upper case in agentscope-java's JSON,
which `codec.py` reads. What a `Msg` has no place for is refused with its path; only what says
nothing (null, an empty list, a default) is passed over. No formatter is known here.

OpenAI's form: openai 3.52.0, types/chat (2026-11-21).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final, TypeAlias

from .. import jsontext
from ..errors import MessageError, SerializationError
from .chat_parts import (
    content_blocks,
    kind_of,
    no_place,
    nothing_left,
    one_of,
    own_fields,
    required,
    take_wish,
    text_of,
    wrong,
)
from .codec import parse, read_message
from .keys import CACHE_CONTROL
from .msg import Msg, Role

__all__ = ["looks_like_chat", "read_any", "read_chat"]

_Item: TypeAlias = tuple[str, Any]
"""Where a message stands, and its data."""


def looks_like_chat(data: Any) -> bool:
    """Say whether a message, a list of messages or an object with `messages` is chat JSON.

    The first role decides: chat roles are in lower case, agentscope-java's in upper case.
    """
    if isinstance(data, Mapping):
        held = data.get("messages")
        data = held if isinstance(held, list | tuple) else [data]
    if not isinstance(data, list | tuple):
        return False
    roles = (item.get("role") for item in data if isinstance(item, Mapping))
    return next((role.islower() for role in roles if isinstance(role, str)), False)


def read_chat(data: Iterable[Any]) -> list[Msg]:
    """Return the messages of a list of chat messages (`{"role": "user", "content": ...}`).

    System and developer become SYSTEM. An assistant's `reasoning_content` becomes its first block,
    its `tool_calls` the last ones, each with the raw argument text as `content`. A tool message
    becomes one tool result, named like the call it answers. A marker on a part becomes the block's
    `cache_control`, one beside `role` the metadata `_cache_control`; keys that no provider reads go
    to the metadata as they are.

    Raises `MessageError` with a path such as `messages[3].content[1].image_url`.
    """
    names: dict[str, str] = {}
    return [_message(item, at, names) for at, item in _listed(data, "messages")]


def read_any(data: Any, *, track: Callable[[Sequence[_Item]], Iterable[_Item]] = iter) -> list[Msg]:
    """Return the messages of whatever holds some, as text, UTF-8 bytes or data.

    A list of messages, one message, an object with `messages` (or `input.messages`), or JSON
    lines, one message a line. Each message may be a `Msg`, agentscope-java's JSON or chat JSON.
    `track` is handed the messages before they are read, and may report on the way.

    Raises `MessageError` with a path, or with line and column of what is not JSON.
    """
    if isinstance(data, bytes | bytearray):
        data = _decoded(bytes(data))
    items = _items_of_text(data) if isinstance(data, str) else _items(data)
    chat = looks_like_chat([item for _, item in items])
    names: dict[str, str] = {}
    messages = []
    for at, item in track(items):
        if not isinstance(item, Msg) and _is_chat(item, otherwise=chat):
            message = _message(item, at, names)
        else:
            message = read_message(item, at=at)
            names.update(
                (block.id, block.name)
                for block in message.content
                if block.type == "tool_use" and block.id and block.name
            )
        messages.append(message)
    return messages


def _is_chat(item: Any, *, otherwise: bool) -> bool:
    """Say how a message is read: a role of neither form is chat JSON's to refuse."""
    role = item.get("role") if isinstance(item, Mapping) else None
    if isinstance(role, str) and role:
        return role not in Role.__members__
    return otherwise and role is None


# What holds messages.


def _items(data: Any) -> list[_Item]:
    if isinstance(data, Msg):
        return [("message", data)]
    if isinstance(data, Mapping):
        for path, holder in (("messages", data), ("input.messages", data.get("input"))):
            if isinstance(holder, Mapping) and "messages" in holder:
                return _listed(holder["messages"], path)
        if "role" in data:
            return [("message", data)]
    return _listed(data, "")


def _listed(data: Any, path: str) -> list[_Item]:
    if isinstance(data, str | bytes | Mapping) or not isinstance(data, Iterable):
        raise MessageError(
            f"expected a list of messages, got {kind_of(data)}",
            path=path,
            advice='give a list, JSON lines, or an object with "messages"',
        )
    return [(f"{path or 'messages'}[{index}]", item) for index, item in enumerate(data)]


def _items_of_text(text: str) -> list[_Item]:
    text = text.removeprefix("\ufeff")
    if not text.strip():
        raise MessageError("empty, so there are no messages", advice="give JSON")
    try:
        value = jsontext.loads(text)
    except SerializationError as problem:
        lines = [(n, line) for n, line in enumerate(text.split("\n"), 1) if line.strip()]
        if len(lines) > 1 and _is_object(lines[0][1]):
            return [_line(number, line) for number, line in lines]
        raise MessageError(problem.problem, path=problem.path, advice=problem.advice) from None
    return _items(value)


def _line(number: int, line: str) -> _Item:
    try:
        value = jsontext.loads(line)
    except SerializationError as problem:
        where = problem.path.replace("line 1", f"line {number}", 1) or f"line {number}"
        raise MessageError(problem.problem, path=where, advice=problem.advice) from None
    if not isinstance(value, Mapping) or ("messages" in value and "role" not in value):
        held = "a whole conversation" if isinstance(value, Mapping) else kind_of(value)
        raise MessageError(
            f"expected a message, got {held}",
            path=f"line {number}",
            advice="give one conversation, one message a line",
        )
    return f"line {number}, message", value


def _is_object(text: str) -> bool:
    try:
        return isinstance(jsontext.loads(text), Mapping)
    except SerializationError:
        return False


def _decoded(data: bytes) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError as problem:
        line = data.count(b"\n", 0, problem.start) + 1
        raise MessageError("not UTF-8", path=f"line {line}") from None


# One message.

_SYSTEM_ROLES: Final = {"system": Role.SYSTEM, "developer": Role.SYSTEM}
_ROLES: Final = {
    **_SYSTEM_ROLES,
    "user": Role.USER,
    "assistant": Role.ASSISTANT,
    "tool": Role.TOOL,
}
_NO_PLACE: Final = frozenset(
    [
        "audio",
        "function_call",
        "partial",
        "prefix",
        "reasoning",
        "reasoning_content",
        "reasoning_details",
        "refusal",
        "tool_call_id",
        "tool_calls",
        "tools",
    ]
)
"""Fields that providers read: one left over, as in a message of another role, is refused."""


def _message(item: Any, at: str, names: dict[str, str]) -> Msg:
    rest = own_fields(item, at)
    said = rest.pop("role", None)
    if said is None:
        raise MessageError("is required", path=f"{at}.role", advice=one_of(_ROLES))
    role = _ROLES.get(said) if isinstance(said, str) else None
    if role is None:
        raise MessageError(f"unknown role {said!r}", path=f"{at}.role", advice=one_of(_ROLES))
    fields: dict[str, Any] = {"role": role}
    if role is Role.ASSISTANT:
        fields["content"] = [*_thinking(rest, at), *_said(rest, at), *_calls(rest, at, names)]
    elif role is Role.TOOL:
        fields["content"] = [_result(rest, at, names)]
    else:
        fields["content"] = content_blocks(required(rest, "content", at), f"{at}.content")
    for key in ("id", "name", "timestamp"):
        if key in rest:
            fields[key] = rest.pop(key)
    fields["metadata"] = _metadata(rest, at)
    return parse(Msg, fields, at=at, error=MessageError)


def _metadata(rest: dict[str, Any], at: str) -> dict[str, Any]:
    """Return what is left of a message as metadata; what a provider would read is refused."""
    wish = take_wish(rest, at)
    given = rest.pop("metadata", {})
    if not isinstance(given, Mapping):
        raise wrong("an object", given, f"{at}.metadata")
    for key, value in rest.items():
        if key in _NO_PLACE and value:
            raise no_place(key, at)
    kept = {key: value for key, value in rest.items() if key not in _NO_PLACE}
    if wish is not None:
        kept[CACHE_CONTROL] = wish
    twice = sorted(kept.keys() & given.keys())
    if twice:
        raise MessageError("stands beside `role` too", path=f"{at}.metadata.{twice[0]}")
    return {**given, **kept}


def _thinking(rest: dict[str, Any], at: str) -> list[dict[str, Any]]:
    """Return the reasoning of an assistant as a block, none if it has none."""
    keys = [key for key in ("reasoning_content", "reasoning") if key in rest]
    texts = {text_of(rest.pop(key), f"{at}.{key}") for key in keys}
    if len(texts) > 1:
        raise MessageError("differs from `reasoning_content`", path=f"{at}.reasoning")
    details = rest.pop("reasoning_details", [])
    if not isinstance(details, list | tuple):
        raise wrong("a list of objects", details, f"{at}.reasoning_details")
    for index, detail in enumerate(details):
        if not isinstance(detail, Mapping):
            raise wrong("an object", detail, f"{at}.reasoning_details[{index}]")
    text = "".join(texts)
    if not (text or details):
        return []
    metadata = {"reasoningDetails": list(details)} if details else None
    return [{"type": "thinking", "thinking": text, "metadata": metadata}]


def _said(rest: dict[str, Any], at: str) -> list[dict[str, Any]]:
    """Return an assistant's content, which may be absent."""
    return content_blocks(rest.pop("content"), f"{at}.content") if "content" in rest else []


def _calls(rest: dict[str, Any], at: str, names: dict[str, str]) -> list[dict[str, Any]]:
    calls = rest.pop("tool_calls", [])
    if not isinstance(calls, list | tuple):
        raise wrong("a list of tool calls", calls, f"{at}.tool_calls")
    blocks = [_call(call, f"{at}.tool_calls[{index}]") for index, call in enumerate(calls)]
    names.update((block["id"], block["name"]) for block in blocks)
    return blocks


def _call(call: Any, at: str) -> dict[str, Any]:
    rest = own_fields(call, at)
    kind = rest.pop("type", "function")
    if kind != "function":
        raise MessageError(f"unknown type {kind!r}", path=f"{at}.type", advice=one_of(["function"]))
    function = own_fields(required(rest, "function", at), f"{at}.function")
    block: dict[str, Any] = {
        "type": "tool_use",
        "id": text_of(required(rest, "id", at), f"{at}.id"),
        "name": text_of(required(function, "name", f"{at}.function"), f"{at}.function.name"),
        "cache_control": take_wish(rest, at),
    }
    arguments = function.pop("arguments", {})
    if isinstance(arguments, Mapping):
        block["input"] = arguments
    else:
        block["content"] = text_of(arguments, f"{at}.function.arguments")
        block["input"] = jsontext.first_object(block["content"]) or {}
    signature = function.pop("thought_signature", rest.pop("thought_signature", None))
    nothing_left(function, f"{at}.function")
    if signature is not None:
        rest["thoughtSignature"] = text_of(signature, f"{at}.function.thought_signature")
    block["metadata"] = rest
    return block


def _result(rest: dict[str, Any], at: str, names: Mapping[str, str]) -> dict[str, Any]:
    call_id = text_of(required(rest, "tool_call_id", at), f"{at}.tool_call_id")
    name = rest.pop("name", None)
    return {
        "type": "tool_result",
        "id": call_id,
        "name": names.get(call_id) if name is None else text_of(name, f"{at}.name"),
        "output": content_blocks(required(rest, "content", at), f"{at}.content"),
    }
