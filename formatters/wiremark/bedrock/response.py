"""A Converse response becomes a reply, its content a message that can be stored and sent again.

A thought keeps its signature, or its encrypted form, in the metadata of its block, so that both
survive Msg JSON and go back byte for byte. Citations of a text are not kept. Forms: botocore
1.44.5, bedrock-runtime ConverseResponse (read 2026-11-21); boto3 gives blobs as bytes, the wire as
base64, and both are read.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from typing import Any, Final

from ..base.fragments import call_input
from ..base.reading import Reading, first_of, object_at
from ..base.reply import Reply
from ..base.values import copy_json
from ..errors import MessageError, ResponseError
from ..messages import Msg, TextBlock, ThinkingBlock, ToolUseBlock
from ..usage import Usage

__all__ = [
    "REDACTED",
    "SIGNATURE",
    "exception_error",
    "is_served",
    "provider_error",
    "read_content",
    "read_response",
    "text_blobs",
]

SIGNATURE: Final = "signature"
"""Key in a thought's metadata: the proof that the model wrote it."""

REDACTED: Final = "redacted"
"""Key in a thought's metadata: the encrypted thought, base64 as on the wire."""

_TEXT: Final = "input text"
_STATUSES: Final = {
    "accessDeniedException": 403,
    "internalServerException": 500,
    "modelErrorException": 424,
    "modelNotReadyException": 429,
    "modelStreamErrorException": 424,
    "modelTimeoutException": 408,
    "resourceNotFoundException": 404,
    "serviceUnavailableException": 503,
    "throttlingException": 429,
    "validationException": 400,
}


def read_content(blocks: Sequence[Mapping[str, Any]], *, name: str | None = None) -> Msg:
    """Return `output.message.content` of a response as an assistant message.

    `name` is the speaker's. The input is not modified. Raises `MessageError` with the path of a
    block that cannot be read.
    """
    if not isinstance(blocks, list | tuple):
        raise MessageError(
            f"expected a list of blocks, got {type(blocks).__name__}", path="content"
        )
    read = [_block(block, f"content[{index}]") for index, block in enumerate(blocks)]
    return Msg.assistant(read, name=name)


def text_blobs(value: Any) -> Any:
    """Return data with bytes, as boto3 gives blobs, written in base64, as on the wire."""
    if isinstance(value, bytes | bytearray | memoryview):
        return base64.b64encode(bytes(value)).decode()
    if isinstance(value, Mapping):
        return {key: text_blobs(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [text_blobs(item) for item in value]
    return value


def exception_error(kind: str, said: Any, path: str) -> ResponseError:
    """Return the error that an exception of the service stands for."""
    told: Mapping[str, Any] = said if isinstance(said, Mapping) else {"message": said}
    text = first_of(told, "originalMessage", "message", "Message") or ""
    name = kind[:1].lower() + kind[1:]
    status = told.get("originalStatusCode")
    return ResponseError(
        f"the provider answered with an error: {text or kind}",
        path=path,
        advice="look the exception up, and send the request again if it may pass",
        status=status if isinstance(status, int) else _STATUSES.get(name),
        code=kind,
        provider_text=text,
    )


def provider_error(data: Mapping[str, Any]) -> ResponseError | None:
    """Return the error that a response holds instead of an answer, or null.

    It is the service's (`message`, and its kind under `__type`) or the one that boto3 makes of it
    (`Error`).
    """
    told = data.get("Error")
    if isinstance(told, Mapping):
        return exception_error(str(told.get("Code") or ""), told, "Error")
    if "output" in data:
        return None
    kind = first_of(data, "__type")
    if kind is None and first_of(data, "message", "Message") is None:
        return None
    return exception_error((kind or "").rpartition("#")[2], data, "message")


def read_response(data: Mapping[str, Any], reading: Reading) -> Reply:
    """Return the reply of a response. An error gives a reply without content, and a finding.

    A response has no id of its own: it is that of the request where boto3 gives it. The model is
    named where a router chose it. A block that cannot be read is left out, with a finding. Raises
    `MessageError` with the path of what has another shape.
    """
    problem = provider_error(data)
    if problem is not None:
        reading.error(problem)
    reading.reply_id = first_of(object_at(data, "ResponseMetadata", "") or {}, "RequestId")
    message = object_at(object_at(data, "output", "") or {}, "message", "output") or {}
    return reading.reply(
        _blocks(message.get("content"), "output.message.content", reading),
        model=_model(data),
        finish_reason=first_of(data, "stopReason"),
        usage=None if data.get("usage") is None else Usage.from_response(data),
    )


def _model(data: Mapping[str, Any]) -> str | None:
    trace = data.get("trace")
    router = trace.get("promptRouter") if isinstance(trace, Mapping) else None
    return first_of(router, "invokedModelId") if isinstance(router, Mapping) else None


def _blocks(content: Any, path: str, reading: Reading) -> list[Any]:
    if content is None:
        return []
    if not isinstance(content, list):
        raise MessageError(f"expected a list of blocks, got {type(content).__name__}", path=path)
    out = []
    for index, block in enumerate(content):
        where = f"{path}[{index}]"
        if is_served(block):
            reading.unread(f"{where}.toolUse", "a call that the service answers itself")
            continue
        try:
            read = _block(_with_input(block), where)
        except MessageError as problem:
            reading.unread(problem.path, f"a block that cannot be read ({problem.problem})")
            continue
        if isinstance(read, ToolUseBlock) and read.content is not None:
            reading.note(
                "arguments-unread",
                f"{where}.toolUse.input",
                "the arguments are no JSON object",
                "the text is in the block's `content`; answer the call with an error",
            )
        if "citationsContent" in block:
            reading.unread(f"{where}.citationsContent.citations", "citations")
        out.append(read)
    return out


def _with_input(block: Any) -> Any:
    """Return a call whose input is text, such as a torn one, with the object that it holds."""
    call = block.get("toolUse") if isinstance(block, Mapping) else None
    if not isinstance(call, Mapping) or not isinstance(call.get("input"), str):
        return block
    given = call["input"]
    found = call_input(given)
    text = given if found is None else None
    return {"toolUse": {**call, "input": found or {}, _TEXT: text}}


def is_served(block: Any) -> bool:
    """Say whether a block is a call of a tool that the service runs, and nobody else."""
    call = block.get("toolUse") if isinstance(block, Mapping) else None
    return isinstance(call, Mapping) and call.get("type") == "server_tool_use"


def _block(block: Any, where: str) -> TextBlock | ThinkingBlock | ToolUseBlock:
    if isinstance(block, Mapping):
        if isinstance(block.get("text"), str):
            return TextBlock(block["text"])
        if isinstance(block.get("reasoningContent"), Mapping):
            return _thought(block["reasoningContent"], f"{where}.reasoningContent")
        if isinstance(block.get("toolUse"), Mapping):
            return _call(block["toolUse"], f"{where}.toolUse")
        if isinstance(block.get("citationsContent"), Mapping):
            return _cited(block["citationsContent"], f"{where}.citationsContent")
    raise MessageError(
        "a block of another kind", path=where, advice="give text, reasoningContent and toolUse"
    )


def _thought(value: Mapping[str, Any], where: str) -> ThinkingBlock:
    redacted = text_blobs(value.get("redactedContent"))
    if isinstance(redacted, str):
        return ThinkingBlock("", metadata={REDACTED: redacted})
    said = value.get("reasoningText")
    if not isinstance(said, Mapping) or not isinstance(said.get("text"), str):
        raise MessageError("a thought without text", path=where)
    signature = said.get("signature")
    if isinstance(signature, str):
        return ThinkingBlock(said["text"], metadata={SIGNATURE: signature})
    return ThinkingBlock(said["text"])


def _call(value: Mapping[str, Any], where: str) -> ToolUseBlock:
    call_id, name, given = value.get("toolUseId"), value.get("name"), value.get("input")
    if not isinstance(call_id, str) or not isinstance(name, str):
        raise MessageError("a call without id or name", path=where)
    if not isinstance(given, Mapping):
        raise MessageError("expected an object", path=f"{where}.input")
    return ToolUseBlock(call_id, name, copy_json(given), content=value.get(_TEXT))


def _cited(value: Mapping[str, Any], where: str) -> TextBlock:
    pieces = value.get("content")
    if not isinstance(pieces, Sequence) or isinstance(pieces, str):
        raise MessageError("a cited text without content", path=where)
    texts = [piece.get("text") for piece in pieces if isinstance(piece, Mapping)]
    return TextBlock("".join(text for text in texts if isinstance(text, str)))
