"""The events of a ConverseStream become one Converse response.

Events: botocore 1.44.5, bedrock-runtime ConverseStreamOutput (read 2026-11-21): a dict of one key
each. A block of text or thinking begins with its first delta, a call with a start; the usage comes
last, in `metadata`.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from typing import Any, Final

from ..base.fragments import Growing, call_input
from ..base.reply import Delta
from ..base.stream import Assembler, Reader
from ..base.values import copy_json
from ..errors import ResponseError
from ..plain import plain_object
from ..sse import Event
from .frames import FrameReader
from .response import exception_error, is_served, provider_error, text_blobs

__all__ = ["ConverseAssembler"]

_ENDS: Final = ("Exception", "Error")
_REST: Final = ("toolResult", "image")
_KINDS: Final = {
    "text": "text",
    "citation": "text",
    "toolUse": "toolUse",
    "reasoningContent": "reasoningContent",
    "toolResult": "toolResult",
    "image": "image",
}
"""For each kind of delta: the kind of block it belongs to."""


class _Block:
    """One content block on its way; `call` numbers the tool calls of the reply."""

    def __init__(self) -> None:
        self.kind = ""
        self.start: dict[str, Any] = {}
        self.call: int | None = None
        self.text = Growing()
        self.signature: str | None = None
        self.redacted: list[str] = []
        self.citations: list[Any] = []

    def result(self) -> dict[str, Any]:
        """Return the block as a response has it that was not streamed."""
        said = self.text.text
        if self.kind == "toolUse":
            found = call_input(said)
            return {"toolUse": {**self.start, "input": said if found is None else found}}
        if self.kind in _REST:
            return {self.kind: self.start}
        if self.kind == "reasoningContent":
            if self.redacted and not said:
                return {"reasoningContent": {"redactedContent": _joined(self.redacted)}}
            thought = {"text": said}
            if self.signature is not None:
                thought["signature"] = self.signature
            return {"reasoningContent": {"reasoningText": thought}}
        if self.citations:
            return {"citationsContent": {"content": [{"text": said}], "citations": self.citations}}
        return {"text": said}


class ConverseAssembler(Assembler):
    """Joins the events of one ConverseStream."""

    def __init__(self) -> None:
        super().__init__()
        self._role: str | None = None
        self._top: dict[str, Any] = {}
        self._blocks: dict[int, _Block] = {}
        self._calls = 0

    def is_whole(self, chunk: Mapping[str, Any]) -> bool:
        """Say whether this is a whole response, sent in place of a stream."""
        return "output" in chunk

    def reader(self) -> Reader:
        """Return a reader of Amazon's binary frames."""
        return FrameReader()

    def read(self, chunk: Any) -> dict[str, Any]:
        """Return an event as a dict of its own, blobs as base64."""
        return plain_object(text_blobs(chunk), path="chunk")

    def add(self, chunk: dict[str, Any]) -> list[Delta]:
        """Take one chunk, and return what it adds to the reply."""
        out: list[Delta] = []
        for name, given in chunk.items():
            value = given if isinstance(given, dict) else {}
            if name == "contentBlockDelta":
                out += self._delta(self._block(value), _object(value, "delta"))
            elif name == "contentBlockStart":
                out += self._start(self._block(value), _object(value, "start"))
            elif name == "messageStart":
                self._role = value.get("role")
            elif name == "messageStop":
                reason = value.get("stopReason")
                self.finish_reason = reason if isinstance(reason, str) else None
                self._top.update(value)
            elif name == "metadata":
                self._top.update({key: item for key, item in value.items() if item is not None})
                self.has_usage = "usage" in self._top
            elif name not in ("contentBlockStop", "message-type"):
                self.unknown(name)
        return out

    def response(self) -> dict[str, Any]:
        """Return what arrived so far as one response."""
        content = [block.result() for _, block in sorted(self._blocks.items()) if block.kind]
        message = {"role": self._role or "assistant", "content": copy_json(content)}
        return {"output": {"message": message}, "stopReason": None, **copy_json(self._top)}

    def error(
        self,
        chunk: Mapping[str, Any],
        event: Event | None,  # noqa: ARG002 frames are no events
    ) -> ResponseError | None:
        """Return the error that a chunk reports, if it does."""
        failed = chunk.get("message-type") in ("error", "exception")
        for name, value in chunk.items():
            if name != "message-type" and (failed or name.endswith(_ENDS)):
                return exception_error(name, value, name)
        return provider_error(chunk)

    def _block(self, value: Mapping[str, Any]) -> _Block:
        index = value.get("contentBlockIndex")
        if not isinstance(index, int) or isinstance(index, bool):
            index = max(self._blocks, default=0)
        return self._blocks.setdefault(index, _Block())

    def _start(self, block: _Block, start: Mapping[str, Any]) -> list[Delta]:
        for kind, value in start.items():
            if kind not in ("toolUse", *_REST) or not isinstance(value, dict):
                self.unknown(f"contentBlockStart.{kind}")
                continue
            block.kind, block.start = kind, value
            if kind == "toolUse" and not is_served({"toolUse": value}):
                block.call, self._calls = self._calls, self._calls + 1
                return [self._call(block, "")]
        return []

    def _delta(self, block: _Block, delta: Mapping[str, Any]) -> list[Delta]:
        out: list[Delta] = []
        for kind, value in delta.items():
            own = _KINDS.get(kind)
            if own is None or (block.kind and own != block.kind):
                self.unknown(f"contentBlockDelta.{kind}")
                continue
            block.kind = own
            if kind == "text":
                added = block.text.add(value) if isinstance(value, str) else ""
                out += [Delta("text", added)] if added else []
            elif kind == "citation":
                block.citations.append(value)
            elif kind == "toolUse":
                said = value.get("input") if isinstance(value, dict) else None
                added = block.text.add(said) if isinstance(said, str) else ""
                out += [self._call(block, added)] if added and block.call is not None else []
            elif kind == "reasoningContent":
                out += self._thought(block, value if isinstance(value, dict) else {})
            else:
                rest = {"content": value} if isinstance(value, list) else value
                self._more(block.start, rest if isinstance(rest, dict) else {})
        return out

    def _thought(self, block: _Block, value: Mapping[str, Any]) -> list[Delta]:
        said, signature, redacted = (
            value.get("text"),
            value.get("signature"),
            value.get("redactedContent"),
        )
        if isinstance(signature, str):
            block.signature = (block.signature or "") + signature
        if isinstance(redacted, str):
            block.redacted.append(redacted)
        added = block.text.add(said) if isinstance(said, str) else ""
        return [Delta("thinking", added)] if added else []

    def _more(self, start: dict[str, Any], rest: Mapping[str, Any]) -> None:
        for key, item in rest.items():
            before = start.get(key)
            joins = isinstance(before, list) and isinstance(item, list)
            start[key] = before + item if joins else item

    def _call(self, block: _Block, text: str) -> Delta:
        given_id, name = block.start.get("toolUseId"), block.start.get("name")
        return Delta("tool_call", text, index=block.call, id=given_id, name=name)


def _object(value: Mapping[str, Any], key: str) -> dict[str, Any]:
    found = value.get(key)
    return found if isinstance(found, dict) else {}


def _joined(blobs: list[str]) -> str:
    """Return the base64 of blobs that follow each other."""
    if len(blobs) == 1:
        return blobs[0]
    try:
        return base64.b64encode(b"".join(map(base64.b64decode, blobs))).decode()
    except binascii.Error:
        return "".join(blobs)
