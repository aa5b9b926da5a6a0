"""Bodies of Bedrock's Converse: a block is an object with one key, a mark a block of its own.

Fields: botocore 1.44.5, bedrock-runtime ConverseRequest (read 2026-11-21).
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any, Final

from .. import jsontext
from ..anthropic.keys import REDACTED, SIGNATURE
from ..base.values import copy_json
from ..errors import MessageError
from ..messages import (
    AudioBlock,
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
    VideoBlock,
)
from ..messages.chat_parts import one_of, own_fields, required, text_of, wrong
from .conversation import EPHEMERAL, Reading, list_of

__all__ = ["read_bedrock"]

_INFERENCE: Final = {"maxTokens": "max_tokens", "temperature": "temperature", "topP": "top_p"}


def read_bedrock(body: Mapping[str, Any], reading: Reading) -> None:
    """Read the body of a Converse request; the model is named in its path, not in it."""
    rest = own_fields(body, "body")
    named = rest.pop("modelId", None)
    reading.model = reading.model or named
    _read_system(rest.pop("system", None), reading)
    names: dict[str, str] = {}
    given = list_of(required(rest, "messages", "body"), "messages", "messages")
    for index, item in enumerate(given):
        _read_message(item, f"messages[{index}]", reading, names)
    inference = own_fields(rest.pop("inferenceConfig", {}), "inferenceConfig")
    reading.take_options(inference, _INFERENCE, "inferenceConfig.")
    if "stopSequences" in inference:
        at = "inferenceConfig.stopSequences"
        reading.keep("stopSequences", inference.pop("stopSequences"), at)
    if inference:
        reading.keep("inferenceConfig", inference, "inferenceConfig")
    _read_own(own_fields(rest.pop("additionalModelRequestFields", {}), "additional"), reading)
    _read_output(rest, reading)
    config = own_fields(rest.pop("toolConfig", {}), "toolConfig")
    _read_tools(config, reading)
    for name, value in rest.items():
        reading.keep(name, value, name)


def _read_own(own: dict[str, Any], reading: Reading) -> None:
    """Read parameters in the words of Claude, as far as options hold them."""
    at = "additionalModelRequestFields"
    thinking = own.get("thinking")
    if isinstance(thinking, Mapping) and set(thinking) == {"type", "budget_tokens"}:
        del own["thinking"]
        reading.option("enable_thinking", True, f"{at}.thinking.type")
        budget = thinking["budget_tokens"]
        reading.option("thinking_budget", budget, f"{at}.thinking.budget_tokens")
    elif thinking == {"type": "disabled"}:
        del own["thinking"]
        reading.option("enable_thinking", False, f"{at}.thinking.type")
    reading.take_options(own, {"top_k": "top_k"}, f"{at}.")
    if own:
        reading.keep(at, own, at)


def _read_output(rest: dict[str, Any], reading: Reading) -> None:
    """Read a wanted JSON Schema and the effort; an `outputConfig` of another form stays."""
    config = rest.get("outputConfig")
    if not isinstance(config, Mapping) or not set(config) <= {"textFormat", "effort"}:
        return
    text_format = config.get("textFormat")
    if text_format is not None:
        value = _response_format(text_format)
        if value is None:
            return
        reading.option("response_format", value, "outputConfig.textFormat")
    reading.option("reasoning_effort", config.get("effort"), "outputConfig.effort")
    del rest["outputConfig"]


def _response_format(given: Any) -> dict[str, Any] | None:
    """Return a text format as an option; None if it is no JSON Schema."""
    try:
        found = dict(given["structure"]["jsonSchema"])
        schema = jsontext.loads(found["schema"])
    except (KeyError, TypeError, ValueError):
        return None
    return {"type": given.get("type"), "json_schema": {**found, "schema": schema}}


# Tools.


def _read_tools(config: dict[str, Any], reading: Reading) -> None:
    at = "toolConfig.tools"
    for index, item in enumerate(list_of(config.pop("tools", None), at, "tools")):
        path = f"{at}[{index}]"
        rest = own_fields(item, path)
        if "cachePoint" in rest:
            _mark_tool(_wish(rest.pop("cachePoint"), path), path, reading)
        elif "toolSpec" in rest:
            reading.tools.append(_tool(own_fields(rest.pop("toolSpec"), path), path, reading))
        else:
            reading.lose(path, "a tool of the provider's own", "add it by hand")
            continue
        reading.lose_rest(rest, path)
    choice = own_fields(config.pop("toolChoice", {}), "toolConfig.toolChoice")
    if "tool" in choice:
        chosen = own_fields(choice["tool"], "toolConfig.toolChoice.tool")
        path = "toolConfig.toolChoice.tool.name"
        reading.tool_choice = ToolChoice.specific(text_of(chosen.get("name"), path))
    elif "any" in choice:
        reading.tool_choice = ToolChoice.required()
    elif "auto" in choice:
        reading.tool_choice = ToolChoice.auto()
    elif choice:
        advice = one_of(["auto", "any", "tool"])
        raise MessageError("unknown tool choice", path="toolConfig.toolChoice", advice=advice)
    reading.places["tool_choice"] = "toolConfig.toolChoice"
    reading.lose_rest(config, "toolConfig")


def _mark_tool(wish: dict[str, Any], at: str, reading: Reading) -> None:
    if not reading.tools:
        reading.lose(at, "a mark behind no tool")
        return
    reading.tools[-1] = reading.tools[-1].model_copy(update={"cache_control": wish})


def _tool(rest: dict[str, Any], at: str, reading: Reading) -> ToolSchema:
    schema = own_fields(required(rest, "inputSchema", at), f"{at}.inputSchema")
    fields = {
        "name": text_of(required(rest, "name", at), f"{at}.name"),
        "description": rest.pop("description", ""),
        "parameters": required(schema, "json", f"{at}.inputSchema"),
        "strict": rest.pop("strict", None),
    }
    reading.lose_rest(rest, at)
    return ToolSchema.from_dict(fields, at=at)


# Messages.


def _wish(point: Any, at: str) -> dict[str, Any]:
    fields = own_fields(point, f"{at}.cachePoint")
    if fields.pop("type", "default") != "default":
        raise MessageError("unknown type of mark", path=f"{at}.cachePoint.type")
    return {"type": EPHEMERAL, **fields}


def _read_system(system: Any, reading: Reading) -> None:
    blocks = _read_blocks(system, "system", "system", reading, {})
    if blocks:
        reading.say(Msg.system(blocks), "system")


def _read_message(item: Any, at: str, reading: Reading, names: dict[str, str]) -> None:
    rest = own_fields(item, at)
    role = rest.pop("role", None)
    if role not in ("user", "assistant"):
        advice = one_of(["user", "assistant"])
        raise MessageError(f"unknown role {role!r}", path=f"{at}.role", advice=advice)
    content = required(rest, "content", at)
    reading.lose_rest(rest, at)
    blocks = _read_blocks(content, f"{at}.content", role, reading, names)
    if role == "assistant":
        reading.say(Msg.assistant(blocks), at)
        return
    run: list[Block] = []
    for block in blocks:
        if run and (run[-1].type == "tool_result") != (block.type == "tool_result"):
            reading.say(_of_user(run), at)
            run = []
        run.append(block)
    reading.say(_of_user(run), at)


def _of_user(blocks: list[Block]) -> Msg:
    results = bool(blocks) and blocks[0].type == "tool_result"
    return Msg.tool(blocks) if results else Msg.user(blocks)


def _read_blocks(
    given: Any, at: str, role: str, reading: Reading, names: dict[str, str]
) -> list[Block]:
    blocks: list[Block] = []
    for index, item in enumerate(list_of(given, at, "content blocks")):
        path = f"{at}[{index}]"
        rest = own_fields(item, path)
        if "cachePoint" in rest:
            wish = _wish(rest.pop("cachePoint"), path)
            if blocks:
                blocks[-1] = blocks[-1].replace(cache_control=wish)
            else:
                reading.lose(path, "a mark behind no block")
        else:
            made = _block(rest, path, role, reading, names)
            blocks += [] if made is None else [made]
        reading.lose_rest(rest, path)
    return blocks


_LOST: Final = ("guardContent", "searchResult", "citationsContent")
_ALLOWED: Final = {
    "system": ("text",),
    "user": ("text", "image", "document", "video", "audio", "toolResult"),
    "assistant": ("text", "toolUse", "reasoningContent"),
    "result": ("text", "json", "image", "document", "video"),
}


def _block(
    rest: dict[str, Any], at: str, role: str, reading: Reading, names: dict[str, str]
) -> Block | None:
    """Take the block out of `rest`; None if it is lost."""
    for key in _LOST:
        if key in rest:
            del rest[key]
            reading.lose(at, f"a {key} block has no place in a message")
            return None
    kind = next((key for key in _ALLOWED[role] if key in rest), None)
    if kind is None:
        found = ", ".join(rest) or "nothing"
        raise MessageError(f"a block of {found} in {role}", path=at, advice=one_of(_ALLOWED[role]))
    value = rest.pop(kind)
    if kind == "text":
        return TextBlock(text_of(value, f"{at}.text"))
    if kind == "json":
        reading.lose(f"{at}.json", "JSON in a tool result becomes text")
        return TextBlock(jsontext.dumps(value))
    fields = own_fields(value, f"{at}.{kind}")
    if kind == "toolUse":
        return _call(fields, f"{at}.toolUse", reading, names)
    if kind == "toolResult":
        return _result(fields, f"{at}.toolResult", reading, names)
    if kind == "reasoningContent":
        return _thinking(fields, f"{at}.reasoningContent", reading)
    return _medium(fields, kind, f"{at}.{kind}", reading)


def _call(rest: dict[str, Any], at: str, reading: Reading, names: dict[str, str]) -> ToolUseBlock:
    given = required(rest, "input", at)
    if not isinstance(given, Mapping):
        raise wrong("an object", given, f"{at}.input")
    call_id = text_of(required(rest, "toolUseId", at), f"{at}.toolUseId")
    name = names[call_id] = text_of(required(rest, "name", at), f"{at}.name")
    reading.lose_rest(rest, at)
    return ToolUseBlock(call_id, name, copy_json(given))


def _result(
    rest: dict[str, Any], at: str, reading: Reading, names: dict[str, str]
) -> ToolResultBlock:
    call_id = text_of(required(rest, "toolUseId", at), f"{at}.toolUseId")
    content = rest.pop("content", [])
    output = _read_blocks(content, f"{at}.content", "result", reading, names)
    state = rest.pop("status", "running")
    reading.lose_rest(rest, at)
    return ToolResultBlock(call_id, names.get(call_id), output, state=state)


def _thinking(rest: dict[str, Any], at: str, reading: Reading) -> ThinkingBlock:
    if "redactedContent" in rest:
        data = text_of(rest.pop("redactedContent"), f"{at}.redactedContent")
        reading.lose_rest(rest, at)
        return ThinkingBlock("", metadata={REDACTED: data})
    said = own_fields(required(rest, "reasoningText", at), f"{at}.reasoningText")
    reading.lose_rest(rest, at)
    text = text_of(required(said, "text", at), f"{at}.reasoningText.text")
    signature = said.pop("signature", None)
    reading.lose_rest(said, f"{at}.reasoningText")
    return ThinkingBlock(text, metadata=None if signature is None else {SIGNATURE: signature})


_OFFICE: Final = "application/vnd.openxmlformats-officedocument"
_FORMATS: Final[Mapping[str, Mapping[str, str]]] = {
    "image": {
        "png": "image/png",
        "jpeg": "image/jpeg",
        "gif": "image/gif",
        "webp": "image/webp",
    },
    "document": {
        "pdf": "application/pdf",
        "csv": "text/csv",
        "doc": "application/msword",
        "docx": f"{_OFFICE}.wordprocessingml.document",
        "xls": "application/vnd.ms-excel",
        "xlsx": f"{_OFFICE}.spreadsheetml.sheet",
        "html": "text/html",
        "txt": "text/plain",
        "md": "text/markdown",
    },
    "video": {
        "mkv": "video/x-matroska",
        "mov": "video/quicktime",
        "mp4": "video/mp4",
        "webm": "video/webm",
        "flv": "video/x-flv",
        "mpeg": "video/mpeg",
        "mpg": "video/mpeg",
        "wmv": "video/x-ms-wmv",
        "three_gp": "video/3gpp",
    },
    "audio": {
        "mp3": "audio/mpeg",
        "opus": "audio/opus",
        "wav": "audio/wav",
        "aac": "audio/aac",
        "flac": "audio/flac",
        "mp4": "audio/mp4",
        "m4a": "audio/m4a",
        "ogg": "audio/ogg",
        "webm": "audio/webm",
    },
}
"""Format to MIME type, by kind of block."""


def _medium(rest: dict[str, Any], kind: str, at: str, reading: Reading) -> Block | None:
    source = own_fields(required(rest, "source", at), f"{at}.source")
    form = rest.pop("format", None)
    mimes = _FORMATS[kind]
    mime = mimes.get(form) if isinstance(form, str) else None
    if mime is None and not (kind == "document" and form is None):
        raise MessageError(f"unknown format {form!r}", path=f"{at}.format", advice=one_of(mimes))
    made: Source
    if "bytes" in source:
        data = text_of(source.pop("bytes"), f"{at}.source.bytes")
        made = Base64Source(media_type=mime or "text/plain", data=data)
    elif "text" in source:
        text = text_of(source.pop("text"), f"{at}.source.text")
        made = Base64Source(
            media_type=mime or "text/plain", data=base64.b64encode(text.encode()).decode()
        )
    elif "s3Location" in source:
        location = own_fields(source.pop("s3Location"), f"{at}.source.s3Location")
        uri = text_of(required(location, "uri", at), f"{at}.source.s3Location.uri")
        reading.lose_rest(location, f"{at}.source.s3Location")
        made = URLSource(uri, mime_type=mime)
    else:
        reading.lose(at, "a source of the provider's own", "send the data")
        return None
    reading.lose_rest(source, f"{at}.source")
    if kind == "document":
        name = rest.pop("name", None)
        reading.lose_rest(rest, at)
        return DataBlock(made, name=name)
    reading.lose_rest(rest, at)
    if kind == "video":
        return VideoBlock(made)
    return ImageBlock(made) if kind == "image" else AudioBlock(made)
