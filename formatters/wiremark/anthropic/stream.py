"""The events of a Messages stream become one response of the Messages API.

Events: https://platform.claude.com/docs/en/build-with-claude/streaming and anthropic 2.11.0
(read 2026-11-21). Hosts that speak the protocol deviate: blocks without a start or an index, whole
inputs in the start, cache counters in `message_delta` alone. The events that the SDK's
`messages.stream` adds to those of the API say nothing new and are passed over.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from .. import jsontext
from ..base.fragments import Growing, call_input
from ..base.reply import Delta
from ..base.stream import Assembler
from ..base.values import copy_json
from ..errors import ResponseError
from ..sse import Event
from ..usage.merging import merge_usage
from .response import provider_error

__all__ = ["MessageAssembler"]

_DERIVED: Final = frozenset({"text", "thinking", "signature", "input_json", "citation", "ping"})

_FIELD: Final = {
    "text_delta": ("text", "text"),
    "thinking_delta": ("thinking", "thinking"),
    "input_json_delta": ("tool_use", "partial_json"),
    "signature_delta": ("thinking", "signature"),
    "citations_delta": ("text", "citation"),
}
"""For each kind of delta: the kind of block it belongs to, and its field."""


class _Block:
    """One content block on its way; `call` numbers the tool calls of the reply."""

    def __init__(self, start: dict[str, Any], call: int | None) -> None:
        self.start = start
        self.call = call
        self.text = Growing()
        self.input = Growing()
        self.signature: str | None = None
        self.citations: list[Any] = []
        self.stopped = False

    @property
    def kind(self) -> Any:
        return self.start.get("type")

    def result(self, *, ended: bool) -> dict[str, Any]:
        """Return the block as a response has it that was not streamed."""
        out = dict(self.start)
        if self.kind in ("text", "thinking"):
            out[self.kind] = self.text.text
        if self.citations:
            out["citations"] = [*(out.get("citations") or ()), *self.citations]
        if self.signature is not None:
            out["signature"] = self.signature
        elif out.get("signature") == "" and not (self.stopped or ended):
            del out["signature"]  # it was cut off, and the API takes no empty one back
        if self.input:
            found = call_input(self.input.text)
            out["input"] = self.input.text if found is None else found
        return out


class MessageAssembler(Assembler):
    """Joins the events of one Messages stream."""

    def __init__(self) -> None:
        super().__init__()
        self._message: dict[str, Any] = {}
        self._usage: dict[str, Any] | None = None
        self._blocks: dict[int, _Block] = {}
        self._calls = 0

    def add(self, chunk: dict[str, Any]) -> list[Delta]:
        """Take one chunk, and return what it adds to the reply."""
        kind = chunk.get("type")
        if kind == "content_block_delta":
            return self._delta(chunk)
        if kind == "content_block_start":
            return self._start(_place(chunk, len(self._blocks)), _object(chunk, "content_block"))
        if kind == "content_block_stop":
            return self._stop(_place(chunk, self._last()))
        if kind == "message_start":
            return self._begin(_object(chunk, "message"))
        if kind == "message_delta":
            self._change(_object(chunk, "delta"), chunk)
        elif kind == "message_stop":
            self.ended = True
        elif str(kind) not in _DERIVED:
            self.unknown(str(kind))
        return []

    def is_whole(self, chunk: Mapping[str, Any]) -> bool:
        """Say whether this is a whole response, sent in place of a stream."""
        return chunk.get("type") == "message"

    def response(self) -> dict[str, Any]:
        """Return what arrived so far as one response."""
        blocks = [block.result(ended=self.ended) for _, block in sorted(self._blocks.items())]
        out = {"type": "message", "role": "assistant", **copy_json(self._message)}
        out["content"] = copy_json(blocks)
        if self._usage is not None:
            out["usage"] = copy_json(self._usage)
        return out

    def error(self, chunk: Mapping[str, Any], event: Event | None) -> ResponseError | None:
        """Return the error that a chunk reports, if it does."""
        kind = chunk.get("type")
        named = event is not None and event.name == "error"
        if kind == "error" or named or (chunk.get("error") is not None and kind is None):
            return provider_error({"type": "error", **chunk})
        return None

    def _begin(self, message: Mapping[str, Any]) -> list[Delta]:
        """Take the message without its content; a vendor may give blocks in it."""
        self._merge({key: item for key, item in message.items() if key != "content"})
        content = message.get("content")
        given = [{"type": "text", "text": content}] if isinstance(content, str) else content
        out: list[Delta] = []
        for place, block in enumerate(given if isinstance(given, list) else ()):
            out += self._start(place, block if isinstance(block, dict) else {})
            out += self._stop(place)
        return out

    def _change(self, delta: Mapping[str, Any], chunk: Mapping[str, Any]) -> None:
        self._merge({**delta, "usage": chunk.get("usage")})
        for key, item in chunk.items():
            if key not in ("type", "delta", "usage"):
                self._message[key] = item

    def _merge(self, fields: Mapping[str, Any]) -> None:
        """Take fields of the message; null takes nothing away."""
        for key, item in fields.items():
            if key == "usage":
                if isinstance(item, dict):
                    self._usage = merge_usage(self._usage, item)
                    self.has_usage = True
            elif item is not None or key not in self._message:
                self._message[key] = item
        reason = self._message.get("stop_reason")
        self.finish_reason = reason if isinstance(reason, str) else None

    def _start(self, place: int, block: dict[str, Any]) -> list[Delta]:
        call = None
        if block.get("type") == "tool_use":
            call, self._calls = self._calls, self._calls + 1
        begun = self._blocks[place] = _Block(block, call)
        if call is not None:
            return [self._call(begun, "")]
        return self._grow(begun, block.get(str(begun.kind)))

    def _stop(self, place: int) -> list[Delta]:
        block = self._blocks.get(place)
        if block is None:
            return []
        block.stopped = True
        given = block.start.get("input")
        if block.call is None or block.input or not given:
            return []
        return [self._call(block, given if isinstance(given, str) else jsontext.dumps(given))]

    def _delta(self, chunk: Mapping[str, Any]) -> list[Delta]:
        delta = _object(chunk, "delta")
        kind, field = _FIELD.get(str(delta.get("type")), ("", ""))
        if not kind:
            self.unknown(f"content_block_delta.{delta.get('type')}")
            return []
        block = self._blocks.get(_place(chunk, self._last()))
        if block is None:
            self._start(_place(chunk, 0), {"type": kind})
            block = self._blocks[_place(chunk, 0)]
        said = delta.get(field)
        if field == "citation":
            block.citations.append(said)
        elif field == "signature":
            block.signature = said if isinstance(said, str) else block.signature
        elif field == "partial_json":
            added = block.input.add(said) if isinstance(said, str) else ""
            return [self._call(block, added)] if added and block.call is not None else []
        else:
            return self._grow(block, said)
        return []

    def _grow(self, block: _Block, said: Any) -> list[Delta]:
        added = block.text.add(said) if isinstance(said, str) else ""
        if not added or block.kind not in ("text", "thinking"):
            return []
        return [Delta("text" if block.kind == "text" else "thinking", added)]

    def _call(self, block: _Block, text: str) -> Delta:
        said = {
            key: item for key in ("id", "name") if isinstance(item := block.start.get(key), str)
        }
        return Delta("tool_call", text, index=block.call, id=said.get("id"), name=said.get("name"))

    def _last(self) -> int:
        return max(self._blocks, default=0)


def _object(chunk: Mapping[str, Any], key: str) -> dict[str, Any]:
    value = chunk.get(key)
    return value if isinstance(value, dict) else {}


def _place(chunk: Mapping[str, Any], otherwise: int) -> int:
    index = chunk.get("index")
    return index if isinstance(index, int) and not isinstance(index, bool) else otherwise
