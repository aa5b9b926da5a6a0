"""Messages from chat JSON: OpenAI's form, and DashScope's native one, become `Msg`.

The role tells which form a message has: lower case here, upper case in agentscope-java's JSON, which
`codec.py` reads. What a `Msg` has no place for is refused with its path; only what says nothing
(null, an empty list, a default) is passed over. No formatter is known here.

OpenAI's form: openai 3.52.0, types/chat (2026-11-21); the native form, pixel sizes and frame rates:
https://help.aliyun.com/zh/model-studio/qwen-api-reference (read 2026-11-21).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final, TypeAlias

from .. import jsontext
from ..errors import MessageError, SerializationError
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
    role = item.get("role") if isinstance(item, Mapping) else None
    if isinstance(role, str) and role:
        return role.islower()
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
            f"expected a list of messages, got {_kind(data)}",
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
        raise _as_message_error(problem) from None
    return _items(value)


def _line(number: int, line: str) -> _Item:
    try:
        value = jsontext.loads(line)
    except SerializationError as problem:
        problem.path = problem.path.replace("line 1", f"line {number}", 1) or f"line {number}"
        raise _as_message_error(problem) from None
    if not isinstance(value, Mapping) or ("messages" in value and "role" not in value):
        held = "a whole conversation" if isinstance(value, Mapping) else _kind(value)
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


def _as_message_error(problem: SerializationError) -> MessageError:
    return MessageError(problem.problem, path=problem.path, advice=problem.advice)


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
"""Fields that providers read: one that is left over, as in a message of another role, is refused."""


def _message(item: Any, at: str, names: dict[str, str]) -> Msg:
    rest = _fields(item, at)
    said = rest.pop("role", None)
    if said is None:
        raise MessageError("is required", path=f"{at}.role", advice=_one_of(_ROLES))
    role = _ROLES.get(said) if isinstance(said, str) else None
    if role is None:
        raise MessageError(f"unknown role {said!r}", path=f"{at}.role", advice=_one_of(_ROLES))
    fields: dict[str, Any] = {"role": role}
    if role is Role.ASSISTANT:
        fields["content"] = [*_thinking(rest, at), *_said(rest, at), *_calls(rest, at, names)]
    elif role is Role.TOOL:
        fields["content"] = [_result(rest, at, names)]
    else:
        fields["content"] = _content(_required(rest, "content", at), f"{at}.content")
    for key in ("id", "name", "timestamp"):
        if key in rest:
            fields[key] = rest.pop(key)
    fields["metadata"] = _metadata(rest, at)
    return parse(Msg, fields, at=at, error=MessageError)


def _metadata(rest: dict[str, Any], at: str) -> dict[str, Any]:
    """Return what is left of a message as metadata; what a provider would read is refused."""
    wish = _wish(rest, at)
    given = rest.pop("metadata", {})
    if not isinstance(given, Mapping):
        raise _wrong("an object", given, f"{at}.metadata")
    for key, value in rest.items():
        if key in _NO_PLACE and value:
            raise _no_place(key, at)
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
    texts = {_text(rest.pop(key), f"{at}.{key}") for key in keys}
    if len(texts) > 1:
        raise MessageError("differs from `reasoning_content`", path=f"{at}.reasoning")
    details = rest.pop("reasoning_details", [])
    if not isinstance(details, list | tuple):
        raise _wrong("a list of objects", details, f"{at}.reasoning_details")
    for index, detail in enumerate(details):
        if not isinstance(detail, Mapping):
            raise _wrong("an object", detail, f"{at}.reasoning_details[{index}]")
    text = "".join(texts)
    if not (text or details):
        return []
    metadata = {"reasoningDetails": list(details)} if details else None
    return [{"type": "thinking", "thinking": text, "metadata": metadata}]


def _said(rest: dict[str, Any], at: str) -> list[dict[str, Any]]:
    """Return an assistant's content, which may be absent."""
    return _content(rest.pop("content"), f"{at}.content") if "content" in rest else []


def _calls(rest: dict[str, Any], at: str, names: dict[str, str]) -> list[dict[str, Any]]:
    calls = rest.pop("tool_calls", [])
    if not isinstance(calls, list | tuple):
        raise _wrong("a list of tool calls", calls, f"{at}.tool_calls")
    blocks = [_call(call, f"{at}.tool_calls[{index}]") for index, call in enumerate(calls)]
    names.update((block["id"], block["name"]) for block in blocks)
    return blocks


def _call(call: Any, at: str) -> dict[str, Any]:
    rest = _fields(call, at)
    kind = rest.pop("type", "function")
    if kind != "function":
        raise MessageError(
            f"unknown type {kind!r}", path=f"{at}.type", advice=_one_of(["function"])
        )
    function = _fields(_required(rest, "function", at), f"{at}.function")
    block: dict[str, Any] = {
        "type": "tool_use",
        "id": _text(_required(rest, "id", at), f"{at}.id"),
        "name": _text(_required(function, "name", f"{at}.function"), f"{at}.function.name"),
        "cache_control": _wish(rest, at),
    }
    arguments = function.pop("arguments", {})
    if isinstance(arguments, Mapping):
        block["input"] = arguments
    else:
        block["content"] = _text(arguments, f"{at}.function.arguments")
        block["input"] = jsontext.first_object(block["content"]) or {}
    signature = function.pop("thought_signature", rest.pop("thought_signature", None))
    _nothing_left(function, f"{at}.function")
    if signature is not None:
        rest["thoughtSignature"] = _text(signature, f"{at}.function.thought_signature")
    block["metadata"] = rest
    return block


def _result(rest: dict[str, Any], at: str, names: Mapping[str, str]) -> dict[str, Any]:
    call_id = _text(_required(rest, "tool_call_id", at), f"{at}.tool_call_id")
    name = rest.pop("name", None)
    return {
        "type": "tool_result",
        "id": call_id,
        "name": names.get(call_id) if name is None else _text(name, f"{at}.name"),
        "output": _content(_required(rest, "content", at), f"{at}.content"),
    }


# Content parts. A reader takes what it reads out of the part's fields; what is left is refused.


def _content(value: Any, at: str) -> list[dict[str, Any]]:
    if isinstance(value, str):
        return [{"type": "text", "text": value}]
    if isinstance(value, list | tuple):
        return [_part(part, f"{at}[{index}]") for index, part in enumerate(value)]
    raise _wrong("text or a list of content parts", value, at)


def _part(part: Any, at: str) -> dict[str, Any]:
    rest = _fields(part, at)
    kind = rest.pop("type", None)
    if kind is None:
        kind = next((key for key in _NATIVE if key in rest), None)
        if kind is None:
            raise MessageError("a part without `type`", path=at, advice=_one_of(_PARTS))
    reader = _PARTS.get(kind) if isinstance(kind, str) else None
    if reader is None:
        problem = f"a part of type {kind!r} cannot be carried"
        raise MessageError(problem, path=at, advice=_one_of(_PARTS))
    block = reader(rest, at)
    wish = _wish(rest, at)
    if wish is not None:
        block["cache_control"] = wish
    _nothing_left(rest, at)
    return block


def _text_part(rest: dict[str, Any], at: str) -> dict[str, Any]:
    return {"type": "text", "text": _text(_required(rest, "text", at), f"{at}.text")}


def _image_url_part(rest: dict[str, Any], at: str) -> dict[str, Any]:
    url = _url(rest, "image_url", at)
    return {"type": "image", "source": _source(url), **_sizes(rest, _IMAGE_SIZES, at)}


def _image_part(rest: dict[str, Any], at: str) -> dict[str, Any]:
    url = _text(_required(rest, "image", at), f"{at}.image")
    return {"type": "image", "source": _source(url), **_sizes(rest, _IMAGE_SIZES, at)}


def _input_audio_part(rest: dict[str, Any], at: str) -> dict[str, Any]:
    at = f"{at}.input_audio"
    given = _required(rest, "input_audio", at)
    fields = {"data": given} if isinstance(given, str) else _fields(given, at)
    data = _text(_required(fields, "data", at), f"{at}.data")
    mime = f"audio/{_text(fields.pop('format'), f'{at}.format')}" if "format" in fields else ""
    _nothing_left(fields, at)
    if data.startswith(("http://", "https://")):
        return {"type": "audio", "source": {"type": "url", "url": data, "mime_type": mime or None}}
    if found := _DATA_URL.fullmatch(data):
        mime, data = found[1] or mime, found[2]
    if not mime:
        raise MessageError("is required", path=f"{at}.format", advice='such as "wav" or "mp3"')
    return {"type": "audio", "source": {"type": "base64", "media_type": mime, "data": data}}


def _audio_part(rest: dict[str, Any], at: str) -> dict[str, Any]:
    url = _text(_required(rest, "audio", at), f"{at}.audio")
    return {"type": "audio", "source": _source(url)}


def _video_url_part(rest: dict[str, Any], at: str) -> dict[str, Any]:
    url = _url(rest, "video_url", at)
    return {"type": "video", "source": _source(url), **_sizes(rest, _VIDEO_SIZES, at)}


def _video_part(rest: dict[str, Any], at: str) -> dict[str, Any]:
    given = _required(rest, "video", at)
    if isinstance(given, list | tuple):
        raise MessageError(
            "a list of frames cannot be carried", path=f"{at}.video", advice="send each as an image"
        )
    url = _text(given, f"{at}.video")
    if rest.get("videoAsString") == url:  # agentscope-java repeats it
        del rest["videoAsString"]
    return {"type": "video", "source": _source(url), **_sizes(rest, _VIDEO_SIZES, at)}


_IMAGE_SIZES: Final = ("min_pixels", "max_pixels")
_VIDEO_SIZES: Final = ("fps", "max_frames", "min_pixels", "max_pixels", "total_pixels")
_NATIVE: Final = ("text", "image", "audio", "video")
_PARTS: Final[dict[str, Callable[[dict[str, Any], str], dict[str, Any]]]] = {
    "text": _text_part,
    "image_url": _image_url_part,
    "input_audio": _input_audio_part,
    "video_url": _video_url_part,
    "image": _image_part,
    "audio": _audio_part,
    "video": _video_part,
}
_MARKERS: Final = ("cache_control", "prompt_cache_breakpoint")
_DATA_URL: Final = re.compile(r"data:([^,]*);base64,(.*)", re.DOTALL)


def _url(rest: dict[str, Any], key: str, at: str) -> str:
    """Return the URL of a part, which stands in an object or alone."""
    given = _required(rest, key, at)
    at = f"{at}.{key}"
    if isinstance(given, str):
        return given
    fields = _fields(given, at)
    url = _text(_required(fields, "url", at), f"{at}.url")
    if fields.get("detail") == "auto":  # the default
        del fields["detail"]
    _nothing_left(fields, at)
    return url


def _source(url: str) -> dict[str, Any]:
    found = _DATA_URL.fullmatch(url)
    if found is None:
        return {"type": "url", "url": url}
    return {"type": "base64", "media_type": found[1], "data": found[2]}


def _sizes(rest: dict[str, Any], keys: Iterable[str], at: str) -> dict[str, Any]:
    found = {key: rest.pop(key) for key in keys if key in rest}
    for key, value in found.items():
        allowed = int | float if key == "fps" else int
        if isinstance(value, bool) or not isinstance(value, allowed):
            raise _wrong("a number" if key == "fps" else "a whole number", value, f"{at}.{key}")
    return found


def _wish(rest: dict[str, Any], at: str) -> Any:
    """Take the marker out of a message, part or call."""
    found = [(key, rest.pop(key)) for key in _MARKERS if key in rest]
    if len(found) > 1:
        raise MessageError("two markers in one place", path=at, advice=f"keep `{found[0][0]}`")
    return found[0][1] if found else None


# What every reader needs.


def _fields(value: Any, at: str) -> dict[str, Any]:
    """Return the fields of an object that are not null, in a dict of its own."""
    if not isinstance(value, Mapping):
        raise _wrong("an object", value, at)
    return {key: item for key, item in value.items() if item is not None}


def _required(rest: dict[str, Any], key: str, at: str) -> Any:
    if key not in rest:
        raise MessageError("is required", path=f"{at}.{key}")
    return rest.pop(key)


def _text(value: Any, at: str) -> str:
    if not isinstance(value, str):
        raise _wrong("a string", value, at)
    return value


def _nothing_left(rest: Mapping[str, Any], at: str) -> None:
    for key, value in rest.items():
        if value not in ([], {}, ""):
            raise _no_place(key, at)


def _no_place(key: str, at: str) -> MessageError:
    return MessageError("cannot be carried here", path=f"{at}.{key}", advice="leave it out")


def _wrong(expected: str, got: Any, at: str) -> MessageError:
    return MessageError(f"expected {expected}, got {_kind(got)}", path=at)


def _kind(value: Any) -> str:
    return "null" if value is None else type(value).__name__


def _one_of(names: Iterable[str]) -> str:
    return f"use one of {', '.join(names)}"
