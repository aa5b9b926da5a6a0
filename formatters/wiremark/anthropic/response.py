"""Content blocks of a Messages response become a message that can be stored and sent again.

Thinking keeps its signature in the metadata of its block, so that it survives Msg JSON. Blocks that
messages have no form for, such as server tool calls and their results, are carried whole in the
metadata of an empty thinking block. Citations of a text are not kept.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..base.values import copy_json
from ..errors import MessageError
from ..messages import Msg, TextBlock, ThinkingBlock, ToolUseBlock
from .keys import BLOCK, CALLER, REDACTED, SIGNATURE

__all__ = ["read_content"]


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
            metadata=metadata,
        )
    return ThinkingBlock("", metadata={BLOCK: copy_json(block)})


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
