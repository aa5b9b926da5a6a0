"""A response of DashScope's native API, text or multimodal, becomes a reply.

Behaviour: facts of agentscope-java at c2d43f86 (2026-08-22), section "Response parsing". Forms
beyond it, read where Java reads nothing: lists of parts, the plain `output.text`, the bare
`output.message` of research models, and the objects of the `dashscope` SDK's second client, which
hold `choices` without an `output`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from ..base.reading import (
    FRAGMENT,
    Reading,
    first_of,
    has_value,
    media_source,
    object_at,
    objects_at,
    status_of,
)
from ..base.reply import Reply
from ..errors import MessageError, ResponseError
from ..messages import AudioBlock, ImageBlock, TextBlock, ThinkingBlock, ToolUseBlock, VideoBlock

__all__ = ["provider_error", "read_response"]

_COUNTS: Final = ("input_tokens", "output_tokens")
_MEDIA: Final = {"image": ImageBlock, "audio": AudioBlock, "video": VideoBlock}
_UNSENT: Final = {"search_info": "what a search found", "thoughts": "an application's steps"}
_GOING_ON: Final = (None, "null")


def provider_error(data: Mapping[str, Any]) -> ResponseError | None:
    """Return the error that a response holds instead of an answer, or null."""
    code, said = data.get("code"), data.get("message")
    status = status_of(data.get("status_code"))
    if not (has_value(code) or status):
        return None
    text = said if isinstance(said, str) else ""
    return ResponseError(
        f"DashScope answered with an error: {text or code or status}",
        path="code" if has_value(code) else "status_code",
        advice="nothing was generated; look the code up, and send the request again if it may pass",
        status=status,
        code=str(code or ""),
        provider_text=text,
    )


def read_response(data: Mapping[str, Any], reading: Reading) -> Reply:
    """Return the reply of a response, or of one chunk of a stream.

    An error gives a reply without content, and a finding. Raises `MessageError` with the path of
    what has another shape.
    """
    problem = provider_error(data)
    if problem is not None:
        reading.error(problem)
    reading.identify(data.get("request_id"), "request_id")
    blocks: list[Any] = []
    reason = None
    output, path = _output(data, reading)
    if output is not None:
        choice, path = _choice(output, path, reading)
        reason = reading.text(choice.get("finish_reason"), f"{path}.finish_reason")
        if reason is None:
            reason = reading.text(output.get("finish_reason"), "output.finish_reason")
        key = "delta" if isinstance(choice.get("delta"), dict) else "message"
        message = object_at(choice, key, path)
        if message is not None:
            blocks = _blocks(message, f"{path}.{key}", reading, whole=reason not in _GOING_ON)
        for name, what in _UNSENT.items():
            if has_value(output.get(name)):
                reading.unread(f"output.{name}", what)
        if has_value(output.get("audio")):
            reading.unread("output.audio", "the audio")
    return reading.reply(
        blocks,
        model=first_of(data, "model"),
        finish_reason=reason,
        usage=reading.usage(data, _COUNTS, ""),
    )


def _output(data: Mapping[str, Any], reading: Reading) -> tuple[Mapping[str, Any] | None, str]:
    output = data.get("output")
    if isinstance(output, str):
        if output:
            reading.unread("output", "an output that is a text, such as an encrypted one")
        return None, ""
    if output is None and reading.reads_lists and isinstance(data.get("choices"), list):
        return data, ""
    return object_at(data, "output", ""), "output"


def _choice(
    output: Mapping[str, Any], path: str, reading: Reading
) -> tuple[Mapping[str, Any], str]:
    """Return the first choice; where there is none, what stands in its place."""
    choices = objects_at(output, "choices", path)
    where = f"{path}.choices" if path else "choices"
    if len(choices) > 1:
        reading.note(
            "choices-unread",
            f"{where}[1]",
            f"{len(choices) - 1} more choices are not read",
            "ask for one choice, or read them from the response",
        )
    if choices:
        return choices[0] or {}, f"{where}[0]"
    if reading.reads_lists:
        if isinstance(output.get("message"), dict):
            return {"message": output["message"]}, path
        if has_value(output.get("text")):
            return {"message": {"content": output["text"]}}, path
    return {}, f"{where}[0]"


def _blocks(message: Mapping[str, Any], path: str, reading: Reading, *, whole: bool) -> list[Any]:
    blocks: list[Any] = []
    thought = reading.thinking(message, path)
    if thought:
        signature = first_of(message, "reasoning_signature") if reading.keeps_details else None
        metadata = {"signature": signature} if signature else None
        blocks.append(ThinkingBlock(thought, metadata=metadata))
    blocks += _content(message.get("content"), f"{path}.content", reading)
    if has_value(message.get("annotations")):
        reading.unread(f"{path}.annotations", "annotations")
    return blocks + _calls(message, path, reading, whole=whole)


def _content(content: Any, path: str, reading: Reading) -> list[Any]:
    if isinstance(content, str):
        return [TextBlock(content)] if content else []
    if isinstance(content, list):
        read = _parts if reading.reads_lists else _first_text
        return read(content, path, reading)
    if content is not None:
        reading.unread(path, "a content that is neither text nor list")
    return []


def _first_text(content: list[Any], path: str, reading: Reading) -> list[Any]:
    """Return the text of the first part alone, as Java does; a part that is no object fails."""
    for index, part in enumerate(content):
        if not isinstance(part, dict):
            raise MessageError("expected an object", path=f"{path}[{index}]")
    text = reading.text(content[0].get("text"), f"{path}[0].text") if content else None
    return [TextBlock(text)] if text else []


def _parts(content: list[Any], path: str, reading: Reading) -> list[Any]:
    """Return the blocks of a list of parts, texts that follow each other joined."""
    blocks: list[Any] = []
    for index, given in enumerate(content):
        where = f"{path}[{index}]"
        part = {"text": given} if isinstance(given, str) else given
        if not isinstance(part, dict):
            reading.unread(where, "a part that is neither object nor text")
            continue
        for key, value in part.items():
            if key == "text":
                text = reading.text(value, f"{where}.text")
                if text and blocks and isinstance(blocks[-1], TextBlock):
                    text = blocks.pop().text + text
                if text:
                    blocks.append(TextBlock(text))
            elif key in _MEDIA and (url := _url(value)):
                blocks.append(_MEDIA[key](media_source(url)))
            elif key != "type" and has_value(value):
                reading.unread(f"{where}.{key}", f"the part's `{key}`")
    return blocks


def _url(value: Any) -> str | None:
    if isinstance(value, dict):
        return first_of(value, "url")
    return value if isinstance(value, str) and value else None


def _calls(
    message: Mapping[str, Any], path: str, reading: Reading, *, whole: bool
) -> list[ToolUseBlock]:
    out = []
    position = 0
    for index, call in enumerate(objects_at(message, "tool_calls", path)):
        where = f"{path}.tool_calls[{index}]"
        function = object_at(call, "function", where) if call else None
        if call is None or function is None:
            continue
        at = f"{where}.function.arguments"
        name = reading.text(function.get("name"), f"{where}.function.name") or ""
        call_id = reading.text(call.get("id"), f"{where}.id")
        named = bool(name.strip())
        if named or function.get("arguments") is not None:
            given = reading.arguments(
                function.get("arguments"), at, parsed=False, whole=named and whole
            )
            if call_id is None:
                java = "tool_call_{}_" if named else "fragment_{}_"
                call_id = reading.call_id(f"{java}{position}", [name, given.text], position)
            out.append(
                ToolUseBlock(
                    call_id,
                    name if named else FRAGMENT,
                    given.input if named else {},
                    content=given.text,
                )
            )
        position += 1
    return out
