"""Content blocks of a Converse response become a message that can be stored and sent again.

A thought keeps its signature, or its encrypted form, in the metadata of its block, so that both
survive Msg JSON and go back byte for byte. Citations of a text are not kept.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from ..base.values import copy_json
from ..errors import MessageError
from ..messages import Msg, TextBlock, ThinkingBlock, ToolUseBlock

__all__ = ["REDACTED", "SIGNATURE", "read_content"]

SIGNATURE: Final = "signature"
"""Key in a thought's metadata: the proof that the model wrote it."""

REDACTED: Final = "redacted"
"""Key in a thought's metadata: the encrypted thought, base64 as on the wire."""


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
    redacted = value.get("redactedContent")
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
    return ToolUseBlock(call_id, name, copy_json(given))


def _cited(value: Mapping[str, Any], where: str) -> TextBlock:
    pieces = value.get("content")
    if not isinstance(pieces, Sequence) or isinstance(pieces, str):
        raise MessageError("a cited text without content", path=where)
    texts = [piece.get("text") for piece in pieces if isinstance(piece, Mapping)]
    return TextBlock("".join(text for text in texts if isinstance(text, str)))
