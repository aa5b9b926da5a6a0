"""A response of the Messages API becomes a reply, its content a message that can be sent again.

Thinking keeps its signature in the metadata of its block, so that it survives Msg JSON. Blocks that
messages have no form for, such as server tool calls and their results, are carried whole in the
metadata of an empty thinking block. Citations of a text are not kept. DashScope, MiniMax and Kimi
answer in the same form.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from ..base.fragments import call_input
from ..base.reading import Reading, first_of, has_value, status_of
from ..base.reply import Reply
from ..base.values import copy_json
from ..errors import MessageError, ResponseError
from ..messages import Msg, TextBlock, ThinkingBlock, ToolUseBlock
from ..usage import Usage
from .keys import BLOCK, CALLER, REDACTED, SIGNATURE

__all__ = ["provider_error", "read_content", "read_response"]

STATUSES: Final = {
    "invalid_request_error": 400,
    "authentication_error": 401,
    "billing_error": 402,
    "permission_error": 403,
    "not_found_error": 404,
    "request_too_large": 413,
    "rate_limit_error": 429,
    "api_error": 500,
    "timeout_error": 504,
    "overloaded_error": 529,
}
"""The HTTP status of each type of error (https://platform.claude.com/docs/en/api/errors)."""

_TEXT: Final = "input text"
_PASSING: Final = frozenset({"rate_limit_error", "api_error", "timeout_error", "overloaded_error"})


def read_content(blocks: Sequence[Mapping[str, Any]] | str, *, name: str | None = None) -> Msg:
    """Return the content of a response, or of an assistant message, as an assistant message.

    `name` is the speaker's. The input is not modified. Raises `MessageError` with the path of a
    block that cannot be read.
    """
    if isinstance(blocks, str):
        return Msg.assistant(blocks, name=name)
    if not isinstance(blocks, Sequence):
        raise MessageError(
            f"expected a list of blocks, got {type(blocks).__name__}", path="content"
        )
    read = [_block(block, f"content[{index}]") for index, block in enumerate(blocks)]
    return Msg.assistant(read, name=name)


def provider_error(data: Mapping[str, Any]) -> ResponseError | None:
    """Return the error that a response holds instead of an answer, or null."""
    error = data.get("error")
    if error is None and data.get("type") != "error":
        return None
    said: Mapping[str, Any] = error if isinstance(error, Mapping) else {"message": error or ""}
    code = first_of(said, "type", "code") or ""
    text = first_of(said, "message") or ""
    return ResponseError(
        f"the provider answered with an error: {text or code or 'without a text'}",
        path="error",
        advice="send the request again later"
        if code in _PASSING
        else "look the error type up, and change the request",
        status=STATUSES.get(code) or status_of(said.get("code")),
        code=code,
        provider_text=text,
    )


def read_response(data: Mapping[str, Any], reading: Reading) -> Reply:
    """Return the reply of a response. An error gives a reply without content, and a finding.

    A block that cannot be read is left out, with a finding. Raises `MessageError` where the
    content is neither list nor text.
    """
    problem = provider_error(data)
    if problem is not None:
        reading.error(problem)
    reading.reply_id = first_of(data, "id", "request_id")
    return reading.reply(
        _blocks(data.get("content"), reading),
        model=first_of(data, "model"),
        finish_reason=first_of(data, "stop_reason"),
        usage=None if data.get("usage") is None else Usage.from_response(data),
    )


def _blocks(content: Any, reading: Reading) -> list[Any]:
    if content is None:
        return []
    if isinstance(content, str):
        return [TextBlock(content)]
    if not isinstance(content, list):
        raise MessageError(
            f"expected a list of blocks, got {type(content).__name__}", path="content"
        )
    out = []
    for index, block in enumerate(content):
        where = f"content[{index}]"
        try:
            read = _block(_with_input(block), where)
        except MessageError as problem:
            reading.unread(problem.path, f"a block that cannot be read ({problem.problem})")
            continue
        if isinstance(read, ToolUseBlock) and read.content is not None:
            reading.note(
                "arguments-unread",
                f"{where}.input",
                "the arguments are no JSON object",
                "the text is in the block's `content`; answer the call with an error",
            )
        if has_value(block.get("citations")):
            reading.unread(f"{where}.citations", "citations")
        out.append(read)
    return out


def _block(block: Any, where: str) -> TextBlock | ThinkingBlock | ToolUseBlock:
    kind = block.get("type") if isinstance(block, Mapping) else None
    if not isinstance(kind, str):
        raise MessageError("a block without a type", path=where, advice="give response content")
    if kind == "text":
        return TextBlock(_string(block, "text", where))
    if kind == "thinking":
        return _thinking(block, where)
    if kind == "redacted_thinking":
        return ThinkingBlock("", metadata={REDACTED: _string(block, "data", where)})
    if kind == "tool_use":
        given = block.get("input")
        if not isinstance(given, Mapping):
            raise MessageError("expected an object", path=f"{where}.input")
        caller = block.get("caller")
        metadata = {CALLER: copy_json(caller)} if isinstance(caller, Mapping) else {}
        return ToolUseBlock(
            _string(block, "id", where),
            _string(block, "name", where),
            copy_json(given),
            content=block.get(_TEXT),
            metadata=metadata,
        )
    return ThinkingBlock("", metadata={BLOCK: copy_json(block)})


def _with_input(block: Any) -> Any:
    """Return a call whose input is text, such as a torn one, with the object that it holds."""
    given = block.get("input") if isinstance(block, Mapping) else None
    if not isinstance(given, str) or block.get("type") != "tool_use":
        return block
    found = call_input(given)
    return {**block, "input": found or {}, _TEXT: given if found is None else None}


def _thinking(block: Mapping[str, Any], where: str) -> ThinkingBlock:
    thought = _string(block, "thinking", where)
    if block.get("signature") is None:
        return ThinkingBlock(thought)
    return ThinkingBlock(thought, metadata={SIGNATURE: _string(block, "signature", where)})


def _string(block: Mapping[str, Any], key: str, where: str) -> str:
    value = block.get(key)
    if not isinstance(value, str):
        raise MessageError("expected a string", path=f"{where}.{key}")
    return value
