"""One message becomes messages of Anthropic's form, whose content is always a list of blocks.

Blocks and their keys: anthropic 2.11.0, `types/` (read 2026-11-21). An empty text is left out: the
API answers `messages: text content blocks must be non-empty`, to white space alone `must contain
non-whitespace text` (https://github.com/anthropics/claude-code/issues/23440, read 2026-11-21).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from .. import jsontext
from ..base.text import Media
from ..base.trace import Trace
from ..base.values import copy_json
from ..errors import FormatError
from ..messages import (
    Block,
    Msg,
    Role,
    ThinkingBlock,
    ToolResultBlock,
    ToolUseBlock,
    is_media,
)
from .keys import BLOCK, CALLER, DATA, REDACTED, SIGNATURE
from .media import media_block, text_block
from .versions import ApiVersion

__all__ = ["CallId", "encode_message"]

CallId = Callable[[Any, int, int], str]
"""Makes the id of a tool result without one from its content, position and number."""

_ASSISTANT: Final = Role.ASSISTANT
_ROLES: Final = {
    Role.USER: "user",
    Role.ASSISTANT: "assistant",
    Role.SYSTEM: "system",
    Role.TOOL: "user",
}


class _Encoding:
    """One message on its way: the wire messages so far, and where each source block ended."""

    def __init__(
        self, message: Msg, media: Media, trace: Trace, call_id: CallId, version: ApiVersion
    ) -> None:
        self.message = message
        self.media = media
        self.trace = trace
        self.call_id = call_id
        self.version = version
        self.out: list[dict[str, Any]] = []
        self._results = 0

    def run(self) -> list[dict[str, Any]]:
        message = self.message
        if message.role is None:
            raise FormatError("a message without a role cannot be sent", advice="set its role")
        own = _ROLES[message.role]
        blocks = list(enumerate(message.content))
        if own == "user":
            blocks.sort(key=lambda item: item[1].type != "tool_result")
        for number, block in blocks:
            where = f"content[{number}]"
            made = self.block(block, where)
            role = "user" if block.type == "tool_result" else own
            if made is not None:
                self.turn(role, made)["content"].append(made)
            elif not self.out:
                self.turn(role)
            part = len(self.out[-1]["content"]) - 1
            self.trace.block_end(number, message=len(self.out) - 1, part=part)
        if not self.out:
            self.turn(own)
        return self.out

    def turn(self, role: str, made: dict[str, Any] | None = None) -> dict[str, Any]:
        """Return the wire message that is being filled, a new one if role or kind changes."""
        last = self.out[-1] if self.out else None
        if last is None or last["role"] != role or (made and _mixes(last["content"], made)):
            last = {"role": role, "content": []}
            self.out.append(last)
        return last

    def block(self, block: Block, where: str) -> dict[str, Any] | None:
        if block.type == "text":
            return self.text(block.text, where)
        if block.type == "tool_use":
            return self.call(block, where)
        if block.type == "tool_result":
            return self.result(block, where)
        if block.type == "thinking":
            return self.thinking(block, where)
        if block.type == "hint":
            return None if block.hint is None else self.text(block.hint, where)
        if is_media(block):
            made, _ = media_block(block, self.media, self.trace, where)
            self.check_place(made, where)
            return made
        self.trace.not_sent(where, "a block without content")
        return None

    def text(self, text: str, where: str) -> dict[str, Any] | None:
        if text and not text.isspace():
            return text_block(text)
        self.trace.not_sent(where, "an empty text", "the API rejects it")
        return None

    def check_place(self, made: dict[str, Any], where: str) -> None:
        if (
            made["type"] == "document"
            and self.message.role is _ASSISTANT
            and not self.version.assistant_documents
        ):
            raise FormatError(
                f"version {self.version.name} takes no document in an assistant message",
                path=f"{self.trace.path}.{where}",
                advice="put it into a user message",
            )

    def thinking(self, block: ThinkingBlock, where: str) -> dict[str, Any] | None:
        kept = block.metadata or {}
        whole = kept.get(BLOCK)
        if isinstance(whole, dict) and isinstance(whole.get("type"), str):
            carried: dict[str, Any] = copy_json(whole)
            return carried
        redacted = kept.get(REDACTED, None if block.thinking else kept.get(DATA))
        if isinstance(redacted, str):
            return {"type": "redacted_thinking", "data": redacted}
        signature = kept.get(SIGNATURE)
        if isinstance(signature, str):
            return {"type": "thinking", "thinking": block.thinking, "signature": signature}
        self.trace.not_sent(
            where,
            "thinking without a signature",
            "the API takes back only what it signed: read responses with read_content()",
        )
        return None

    def call(self, block: ToolUseBlock, where: str) -> dict[str, Any] | None:
        if block.id is None or block.name is None:
            self.trace.not_sent(where, "a tool call without id or name", "give it both")
            return None
        given: Any = jsontext.first_object(block.content) if block.content else None
        if given is None:
            if block.content:
                self.trace.not_sent(
                    f"{where}.content",
                    "argument text that is no JSON object",
                    "the block's input is sent in its place",
                )
            given = copy_json(block.input)
        out = {"type": "tool_use", "id": block.id, "name": block.name, "input": given}
        caller = block.metadata.get(CALLER)
        if isinstance(caller, dict) and caller.get("type") != "direct":
            out[CALLER] = copy_json(caller)
        return out

    def result(self, block: ToolResultBlock, where: str) -> dict[str, Any]:
        content = []
        for inner, item in enumerate(block.output):
            made = self.item(item, f"{where}.output[{inner}]")
            if made is not None:
                content.append(made)
        number, self._results = self._results, self._results + 1
        answered = block.id
        if answered is None:
            answered = self.call_id(content, self.trace.index, number)
        out: dict[str, Any] = {"type": "tool_result", "tool_use_id": answered}
        if content:
            out["content"] = content
        if block.state == "error":
            out["is_error"] = True
        return out

    def item(self, item: Block, where: str) -> dict[str, Any] | None:
        """Return a block inside a tool result, where the API takes text and media alone."""
        if item.type == "text":
            return self.text(item.text, where)
        if item.type == "hint" and item.hint is not None:
            return self.text(item.hint, where)
        if is_media(item):
            return media_block(item, self.media, self.trace, where)[0]
        if item.type != "hint":
            self.trace.not_sent(where, f"a {item.type} block inside a tool result")
        return None


def _mixes(content: list[dict[str, Any]], made: dict[str, Any]) -> bool:
    """Say whether a block would stand beside tool results without being one, or the reverse."""
    return bool(content) and (content[-1]["type"] == "tool_result") != (
        made["type"] == "tool_result"
    )


def encode_message(
    message: Msg, media: Media, trace: Trace, call_id: CallId, version: ApiVersion
) -> list[dict[str, Any]]:
    """Return the wire messages of one message: at least one, its content may be empty.

    Tool results are the user's: one in an assistant message ends that message, what follows it is
    the next. In a user turn results come first, as the API wants it, and in a message of their own,
    so that those of several messages can stand together.
    """
    blocks = message.content
    if len(blocks) == 1 and blocks[0].type == "text" and not trace.wants_ends:
        text = blocks[0].text
        role = _ROLES.get(message.role) if message.role is not None else None
        if role is not None and text and not text.isspace():
            return [{"role": role, "content": [{"type": "text", "text": text}]}]
    return _Encoding(message, media, trace, call_id, version).run()
