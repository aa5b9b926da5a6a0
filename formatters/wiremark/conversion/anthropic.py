"""Bodies of Anthropic's Messages API, at Anthropic, in clouds, and at services that speak it.

Blocks of assistants that messages have no form for are carried whole, as `anthropic.read_content`
carries those of responses. Fields: anthropic 2.11.0, `types/` (read 2026-11-21).
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from typing import Any, Final

from ..anthropic.keys import BLOCK, CALLER, REDACTED, SIGNATURE
from ..base.values import copy_json
from ..errors import MessageError
from ..messages import (
    Base64Source,
    Block,
    DataBlock,
    ImageBlock,
    Msg,
    Source,
    TextBlock,
    ThinkingBlock,
    ToolChoice,
    ToolResultBlock,
    ToolSchema,
    ToolUseBlock,
    URLSource,
)
from ..messages.chat_parts import one_of, own_fields, required, text_of, wrong
from .conversation import Reading, list_of

__all__ = ["read_anthropic"]

_OPTIONS: Final = {name: name for name in ("max_tokens", "temperature", "top_p", "top_k")}


def read_anthropic(body: Mapping[str, Any], reading: Reading) -> None:
    """Read the body of a Messages request."""
    rest = own_fields(body, "body")
    reading.model = reading.model or rest.pop("model", None)
    rest.pop("model", None)
    _read_system(rest.pop("system", None), reading)
    names: dict[str, str] = {}
    given = list_of(required(rest, "messages", "body"), "messages", "messages")
    for index, item in enumerate(given):
        _read_message(item, f"messages[{index}]", reading, names)
    reading.stream = rest.pop("stream", False) is True
    reading.automatic = rest.pop("cache_control", None)
    reading.take_options(rest, _OPTIONS, "")
    _read_thinking(rest, reading)
    _read_output(rest, reading)
    reading.take_tools(rest.pop("tools", None), "tools", lambda item, at: _tool(item, at, reading))
    if "tool_choice" in rest:
        _read_choice(own_fields(rest.pop("tool_choice"), "tool_choice"), reading)
    for name, value in rest.items():
        reading.keep(name, value, name)


def _read_thinking(rest: dict[str, Any], reading: Reading) -> None:
    thinking = rest.get("thinking")
    if not isinstance(thinking, Mapping):
        return
    kind, keys = thinking.get("type"), set(thinking)
    if kind == "enabled" and keys == {"type", "budget_tokens"}:
        reading.option("enable_thinking", True, "thinking.type")
        reading.option("thinking_budget", thinking["budget_tokens"], "thinking.budget_tokens")
    elif kind in ("adaptive", "disabled") and keys == {"type"}:
        reading.option("enable_thinking", kind == "adaptive", "thinking.type")
    else:
        return
    del rest["thinking"]


def _read_output(rest: dict[str, Any], reading: Reading) -> None:
    """Read effort and format; an `output_config` with more in it stays what it is."""
    config = rest.get("output_config")
    if not isinstance(config, Mapping) or not set(config) <= {"effort", "format"}:
        return
    wanted = config.get("format")
    if wanted is not None:
        if not isinstance(wanted, Mapping) or set(wanted) != {"type", "schema"}:
            return
        schema = {"name": "reply", "schema": wanted["schema"]}
        value = {"type": wanted["type"], "json_schema": schema}
        reading.option("response_format", value, "output_config.format")
    reading.option("reasoning_effort", config.get("effort"), "output_config.effort")
    del rest["output_config"]


def _read_choice(rest: dict[str, Any], reading: Reading) -> None:
    kind = rest.pop("type", None)
    if rest.pop("disable_parallel_tool_use", False):
        at = "tool_choice.disable_parallel_tool_use"
        reading.option("parallel_tool_calls", False, at)
    if kind == "tool":
        name = text_of(required(rest, "name", "tool_choice"), "tool_choice.name")
        reading.tool_choice = ToolChoice.specific(name)
    elif isinstance(kind, str) and kind in _CHOICES:
        reading.tool_choice = _CHOICES[kind]()
    else:
        raise MessageError(
            f"unknown type {kind!r}", path="tool_choice.type", advice=one_of([*_CHOICES, "tool"])
        )
    reading.lose_rest(rest, "tool_choice")


_CHOICES: Final = {
    "auto": ToolChoice.auto,
    "any": ToolChoice.required,
    "none": ToolChoice.none,
}


def _tool(item: Any, at: str, reading: Reading) -> ToolSchema | None:
    rest = own_fields(item, at)
    kind = rest.pop("type", "custom")
    if kind != "custom":
        reading.lose(at, f"a tool of type {kind!r} is the provider's own", "add it by hand")
        return None
    fields = {
        "name": text_of(required(rest, "name", at), f"{at}.name"),
        "description": rest.pop("description", ""),
        "parameters": required(rest, "input_schema", at),
        "strict": rest.pop("strict", None),
        "cache_control": rest.pop("cache_control", None),
    }
    reading.lose_rest(rest, at)
    return ToolSchema.from_dict(fields, at=at)


# Messages.


def _read_system(system: Any, reading: Reading) -> None:
    if system in (None, "", []):
        return
    blocks = [] if not isinstance(system, str) else [TextBlock(system)]
    if not isinstance(system, str):
        for index, item in enumerate(list_of(system, "system", "text blocks")):
            at = f"system[{index}]"
            rest, kind = _typed(item, at)
            if kind != "text":
                raise MessageError(f"a block of type {kind!r} in system", path=at)
            blocks.append(_text(rest, at, reading))
    reading.say(Msg.system(blocks), "system")


def _read_message(item: Any, at: str, reading: Reading, names: dict[str, str]) -> None:
    rest = own_fields(item, at)
    role = rest.pop("role", None)
    if role not in ("user", "assistant", "system"):
        advice = one_of(["user", "assistant", "system"])
        raise MessageError(f"unknown role {role!r}", path=f"{at}.role", advice=advice)
    content = required(rest, "content", at)
    reading.lose_rest(rest, at)
    if isinstance(content, str):
        content = [{"type": "text", "text": content}]
    elif not isinstance(content, list | tuple):
        raise wrong("text or a list of content blocks", content, f"{at}.content")
    blocks: list[Block] = []
    for index, part in enumerate(content):
        made = _block(part, f"{at}.content[{index}]", role, reading, names)
        if made is not None:
            blocks.append(made)
    make: Callable[..., Msg] = {"assistant": Msg.assistant, "system": Msg.system}.get(
        role, Msg.user
    )
    if role != "user":
        reading.say(make(blocks), at)
        return
    run: list[Block] = []
    for block in blocks:
        if run and (run[-1].type == "tool_result") != (block.type == "tool_result"):
            reading.say(_of_user(run), at)
            run = []
        run.append(block)
    if run or not blocks:
        reading.say(_of_user(run), at)


def _of_user(blocks: list[Block]) -> Msg:
    results = bool(blocks) and blocks[0].type == "tool_result"
    return Msg.tool(blocks) if results else Msg.user(blocks)


def _typed(item: Any, at: str) -> tuple[dict[str, Any], str]:
    rest = own_fields(item, at)
    kind = rest.pop("type", None)
    if not isinstance(kind, str):
        raise MessageError("a block without a type", path=at)
    return rest, kind


_USERS_OWN: Final = frozenset({"container_upload", "search_result", "tool_reference"})
"""Blocks of users that nothing else knows."""


def _block(item: Any, at: str, role: str, reading: Reading, names: dict[str, str]) -> Block | None:
    rest, kind = _typed(item, at)
    if kind == "text":
        return _text(rest, at, reading)
    if kind in ("image", "document") and role != "system":
        return _medium(rest, kind, at, reading)
    if kind == "tool_result" and role == "user":
        return _result(rest, at, reading, names)
    if role == "assistant":
        return _of_assistant(item, rest, kind, at, reading, names)
    if kind in _USERS_OWN:
        reading.lose(at, f"a {kind} block has no place in a message")
        return None
    raise MessageError(f"a block of type {kind!r} in a message of role {role}", path=at)


def _text(rest: dict[str, Any], at: str, reading: Reading) -> TextBlock:
    text = text_of(required(rest, "text", at), f"{at}.text")
    wish = rest.pop("cache_control", None)
    reading.lose_rest(rest, at)
    return TextBlock(text, cache_control=wish)


def _of_assistant(
    item: Any, rest: dict[str, Any], kind: str, at: str, reading: Reading, names: dict[str, str]
) -> Block:
    if kind == "thinking":
        said = text_of(required(rest, "thinking", at), f"{at}.thinking")
        signature = rest.pop("signature", None)
        reading.lose_rest(rest, at)
        kept = None if signature is None else {SIGNATURE: text_of(signature, f"{at}.signature")}
        return ThinkingBlock(said, metadata=kept)
    if kind == "redacted_thinking":
        data = text_of(required(rest, "data", at), f"{at}.data")
        return ThinkingBlock("", metadata={REDACTED: data})
    wish = rest.pop("cache_control", None)
    if kind != "tool_use":
        whole = {key: copy_json(value) for key, value in item.items() if key != "cache_control"}
        return ThinkingBlock("", metadata={BLOCK: whole}, cache_control=wish)
    given = required(rest, "input", at)
    if not isinstance(given, Mapping):
        raise wrong("an object", given, f"{at}.input")
    call_id = text_of(required(rest, "id", at), f"{at}.id")
    name = names[call_id] = text_of(required(rest, "name", at), f"{at}.name")
    caller = rest.pop("caller", None)
    metadata = {} if caller is None else {CALLER: copy_json(caller)}
    reading.lose_rest(rest, at)
    return ToolUseBlock(call_id, name, copy_json(given), metadata=metadata, cache_control=wish)


def _result(
    rest: dict[str, Any], at: str, reading: Reading, names: Mapping[str, str]
) -> ToolResultBlock:
    call_id = text_of(required(rest, "tool_use_id", at), f"{at}.tool_use_id")
    content = rest.pop("content", [])
    if isinstance(content, str):
        content = [{"type": "text", "text": content}]
    output: list[Block] = []
    for index, part in enumerate(list_of(content, f"{at}.content", "content blocks")):
        inner = f"{at}.content[{index}]"
        fields, kind = _typed(part, inner)
        if kind == "text":
            output.append(_text(fields, inner, reading))
        elif kind in ("image", "document"):
            made = _medium(fields, kind, inner, reading)
            output += [] if made is None else [made]
        elif kind in _USERS_OWN:
            reading.lose(inner, f"a {kind} block has no place in a tool result")
        else:
            raise MessageError(f"a block of type {kind!r} in a tool result", path=inner)
    failed = rest.pop("is_error", None)
    state = {None: "running", False: "success", True: "error"}.get(failed, "error")
    wish = rest.pop("cache_control", None)
    reading.lose_rest(rest, at)
    name = names.get(call_id)
    return ToolResultBlock(call_id, name, output, state=state, cache_control=wish)


def _medium(
    rest: dict[str, Any], kind: str, at: str, reading: Reading
) -> ImageBlock | DataBlock | None:
    given, form = _typed(required(rest, "source", at), f"{at}.source")
    wish = rest.pop("cache_control", None)
    source = _source(given, form, kind, f"{at}.source")
    if source is None:
        reading.lose(at, f"a source of type {form!r} is the provider's own", "send the data")
        return None
    if kind == "image":
        reading.lose_rest(rest, at)
        return ImageBlock(source, cache_control=wish)
    name = rest.pop("title", None)
    reading.lose_rest(rest, at)
    return DataBlock(source, name=name, cache_control=wish)


def _source(given: dict[str, Any], form: str, kind: str, at: str) -> Source | None:
    if form == "url":
        mime = "application/pdf" if kind == "document" else None
        return URLSource(text_of(required(given, "url", at), f"{at}.url"), mime_type=mime)
    if form not in ("base64", "text"):
        return None
    data = text_of(required(given, "data", at), f"{at}.data")
    if form == "text":
        data = base64.b64encode(data.encode()).decode()
    mime = text_of(required(given, "media_type", at), f"{at}.media_type")
    return Base64Source(media_type=mime, data=data)
