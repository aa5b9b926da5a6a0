"""Bodies of chat completions (OpenAI and compatible services), and of DashScope's native form.

Messages are read by `messages.read_chat`; what it refuses and a conversation can do without is
taken out before, and named. Fields: facts of openai 3.52.0 and of Model Studio's reference, read
2026-11-21.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from ..errors import MessageError
from ..messages import (
    Base64Source,
    Block,
    DataBlock,
    Msg,
    ToolChoice,
    ToolSchema,
    URLSource,
    read_chat,
)
from ..messages.chat_parts import own_fields, required, take_wish, text_of
from .conversation import Reading, list_of, says_nothing

__all__ = ["read_dashscope", "read_openai"]

_SAME: Final = {
    name: name
    for name in (
        "temperature",
        "top_p",
        "top_k",
        "max_tokens",
        "max_completion_tokens",
        "reasoning_effort",
        "enable_search",
        "frequency_penalty",
        "presence_penalty",
        "parallel_tool_calls",
        "response_format",
    )
}
_OPENAI: Final = {
    **_SAME,
    "enable_thinking": "enable_thinking",
    "thinking_budget": "thinking_budget",
}
_MARKERS: Final = ("cache_control", "prompt_cache_breakpoint")
_EVERY: Final = frozenset({"role", "content", "name", *_MARKERS})
_KEYS: Final = {
    "assistant": _EVERY | {"tool_calls", "reasoning_content", "reasoning", "reasoning_details"},
    "tool": _EVERY | {"tool_call_id"},
}
_CALL_KEYS: Final = frozenset({"id", "type", "function", "index", "thought_signature", *_MARKERS})


def read_openai(body: Mapping[str, Any], reading: Reading) -> None:
    """Read the body of a chat completion."""
    rest = own_fields(body, "body")
    reading.model = reading.model or rest.pop("model", None)
    rest.pop("model", None)
    _read_messages(required(rest, "messages", "body"), reading, "messages")
    reading.stream = rest.pop("stream", False) is True
    if reading.stream and rest.get("stream_options") == {"include_usage": True}:
        del rest["stream_options"]
    reading.take_options(rest, _OPENAI, "")
    reading.take_seed(rest, "")
    for name in ("prompt_cache_key", "session_id"):
        if name in rest and "session_id" not in reading.options:
            reading.option("session_id", text_of(rest.pop(name), name), name)
    reading.automatic = rest.pop("cache_control", None)
    _read_tools(rest, reading, "")
    for name, value in rest.items():
        reading.keep(name, value, name)


def read_dashscope(body: Mapping[str, Any], reading: Reading) -> None:
    """Read the body of a call to text or multimodal generation."""
    rest = own_fields(body, "body")
    reading.model = reading.model or rest.pop("model", None)
    rest.pop("model", None)
    given = own_fields(required(rest, "input", "body"), "input")
    _read_messages(required(given, "messages", "input"), reading, "input.messages")
    reading.lose_rest(given, "input")
    parameters = own_fields(rest.pop("parameters", {}), "parameters")
    for name, value in rest.items():
        reading.lose(name, f"`{name}` is not read") if not says_nothing(value) else None
    at = "parameters."
    if parameters.get("result_format") == "message":
        del parameters["result_format"]
    reading.stream = parameters.pop("incremental_output", False) is True
    reading.take_options(parameters, {**_SAME, "enable_thinking": "enable_thinking"}, at)
    if reading.options.get("enable_thinking") is True:
        reading.take_options(parameters, {"thinking_budget": "thinking_budget"}, at)
        if not reading.stream:  # wiremark streams what thinks, unless told otherwise
            reading.keep("incremental_output", False, f"{at}incremental_output")
    reading.take_seed(parameters, at)
    _read_tools(parameters, reading, at)
    for name, value in parameters.items():
        reading.keep(name, value, f"{at}{name}")


# Tools.


def _read_tools(rest: dict[str, Any], reading: Reading, at: str) -> None:
    def read(item: Any, path: str) -> ToolSchema | None:
        return _tool(item, path, reading)

    reading.take_tools(rest.pop("tools", None), f"{at}tools", read)
    choice = rest.pop("tool_choice", None)
    if choice is not None:
        reading.tool_choice = _choice(choice, f"{at}tool_choice", reading)
        reading.places["tool_choice"] = f"{at}tool_choice"


def _tool(item: Any, at: str, reading: Reading) -> ToolSchema | None:
    rest = own_fields(item, at)
    kind = rest.pop("type", "function")
    if kind != "function" or "function" not in rest:
        reading.lose(at, f"a tool of type {kind!r} is the provider's own", "add it by hand")
        return None
    wish = take_wish(rest, at)
    function = own_fields(rest.pop("function"), f"{at}.function")
    fields = {
        "name": text_of(required(function, "name", f"{at}.function"), f"{at}.function.name"),
        "description": function.pop("description", ""),
        "parameters": function.pop("parameters", {}),
        "strict": function.pop("strict", None),
        "cache_control": wish,
    }
    reading.lose_rest(function, f"{at}.function")
    reading.lose_rest(rest, at)
    return ToolSchema.from_dict(fields, at=at)


_MODES: Final = {
    "auto": ToolChoice.auto,
    "none": ToolChoice.none,
    "required": ToolChoice.required,
    "any": ToolChoice.required,
}


def _choice(choice: Any, at: str, reading: Reading) -> ToolChoice | None:
    if isinstance(choice, str) and choice in _MODES:
        return _MODES[choice]()
    if isinstance(choice, Mapping) and isinstance(choice.get("function"), Mapping):
        return ToolChoice.specific(text_of(choice["function"].get("name"), f"{at}.function.name"))
    if isinstance(choice, Mapping) and isinstance(choice.get("type"), str):
        reading.lose(
            at, f"a tool choice of type {choice['type']!r} has no place", "choose one tool"
        )
        return None
    raise MessageError(f"unknown tool choice {choice!r}", path=at)


# Messages.


def _read_messages(given: Any, reading: Reading, at: str) -> None:
    files: dict[tuple[int, int], Block] = {}
    pruned = [
        _pruned(item, index, f"{at}[{index}]", reading, files)
        for index, item in enumerate(list_of(given, at, "messages"))
    ]
    try:
        messages = read_chat(pruned)
    except MessageError as problem:
        raise problem.at(at.removesuffix("messages").rstrip(".")) from None
    for index, message in enumerate(messages):
        reading.say(_with_files(message, index, files), f"{at}[{index}]")


def _pruned(
    item: Any, index: int, at: str, reading: Reading, files: dict[tuple[int, int], Block]
) -> Any:
    """Return a message without what no `Msg` holds; files wait in `files` for their places."""
    if not isinstance(item, Mapping):
        return item  # refused by who reads it
    role = item.get("role")
    keys = _KEYS.get(role, _EVERY) if isinstance(role, str) else _EVERY
    out = {key: value for key, value in item.items() if key in keys}
    reading.lose_rest({key: item[key] for key in item if key not in keys}, at)
    if isinstance(out.get("content"), list | tuple):
        parts: list[Any] = []
        for number, part in enumerate(out["content"]):
            made = _pruned_part(part, f"{at}.content[{number}]", reading)
            if isinstance(made, DataBlock):
                if role != "user":
                    reading.lose(f"{at}.content[{number}]", "a file outside a user message")
                    continue
                files[index, len(parts)] = made
                made = {"type": "text", "text": ""}
            if made is not None:
                parts.append(made)
        out["content"] = parts
    if isinstance(out.get("tool_calls"), list | tuple):
        out["tool_calls"] = [
            _pruned_call(call, f"{at}.tool_calls[{number}]", reading)
            for number, call in enumerate(out["tool_calls"])
        ]
    return out


def _pruned_call(call: Any, at: str, reading: Reading) -> Any:
    if not isinstance(call, Mapping):
        return call
    reading.lose_rest({key: call[key] for key in call if key not in _CALL_KEYS}, at)
    return {key: value for key, value in call.items() if key in _CALL_KEYS and key != "index"}


_LOST_PARTS: Final = {
    "refusal": "a refusal has no place in a message",
    "doc_url": "documents by URL are DashScope's own",
}


def _pruned_part(part: Any, at: str, reading: Reading) -> Any:
    """Return a part that `read_chat` takes, a file as a block, or None if it is lost."""
    if not isinstance(part, Mapping):
        return part
    kind = part.get("type")
    if isinstance(kind, str) and kind in _LOST_PARTS:
        reading.lose(at, _LOST_PARTS[kind])
        return None
    if kind == "file":
        return _file(part, at, reading)
    out = dict(part)
    if isinstance(out.get("video"), list | tuple):
        reading.lose(f"{at}.video", "a list of frames has no place", "send each as an image")
        return None
    if out.pop("enable_rotate", None):
        reading.lose(f"{at}.enable_rotate", "`enable_rotate` has no place in a message or tool")
    image = out.get("image_url")
    if isinstance(image, Mapping) and image.get("detail") not in (None, "auto"):
        reading.lose(f"{at}.image_url.detail", "`detail` has no place in a message or tool")
        out["image_url"] = {key: value for key, value in image.items() if key != "detail"}
    return out


def _file(part: Mapping[str, Any], at: str, reading: Reading) -> DataBlock | None:
    rest = own_fields(part, at)
    del rest["type"]
    wish = take_wish(rest, at)
    given = own_fields(required(rest, "file", at), f"{at}.file")
    name = given.pop("filename", None)
    data = given.pop("file_data", None)
    reading.lose_rest(rest, at)
    if not isinstance(data, str):
        reading.lose(at, "a file by its id is the provider's own", "send its data")
        return None
    reading.lose_rest(given, f"{at}.file")
    head, comma, payload = data.partition(";base64,")
    if comma and head.startswith("data:"):
        source: Base64Source | URLSource = Base64Source(media_type=head[5:], data=payload)
    else:
        source = URLSource(data, mime_type="application/pdf")
    return DataBlock(source, name=name, cache_control=wish)


def _with_files(message: Msg, index: int, files: Mapping[tuple[int, int], Block]) -> Msg:
    found = {number: block for (at, number), block in files.items() if at == index}
    if not found:
        return message
    blocks = [found.get(number, block) for number, block in enumerate(message.content)]
    return message.replace(content=blocks)
