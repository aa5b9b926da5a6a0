"""The events of a DashScope stream, text or multimodal, become one response.

Events: recorded streams and https://help.aliyun.com/zh/model-studio/qwen-api-via-dashscope (read
2026-11-21). With `incremental_output` each holds what is new, without it all that was said so
far. Which of the two cannot be told safely from the stream: an increment may well repeat the text
before it. So the caller says it, and a stream that looks like the other kind is a finding.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from ..base.fragments import THINKING, CallFragments, Growing, Thinking, numbered
from ..base.reading import has_value
from ..base.reply import Delta
from ..base.stream import Assembler
from ..base.values import copy_json
from ..errors import ResponseError
from ..sse import Event
from .response import provider_error

__all__ = ["GenerationAssembler"]

_GOING_ON: Final = (None, "", "null")
_BROKEN: Final = 400


class _Message:
    """The message of a choice on its way."""

    def __init__(self, *, cumulative: bool) -> None:
        self.text = Growing(cumulative=cumulative)
        self.finish_reason: str | None = None
        self._cumulative = cumulative
        self._rest: dict[str, Any] = {}
        self._parts: list[Any] | None = None
        self._tail: Growing | None = None
        self._thinking = Thinking(cumulative=cumulative)
        self._calls = CallFragments(cumulative=cumulative)

    @property
    def rewritten(self) -> bool:
        return any(item.rewritten for item in (self.text, self._thinking.grown, self._calls))

    @property
    def seems_cumulative(self) -> bool:
        return self.text.seems_cumulative or self._thinking.grown.seems_cumulative

    def add(self, message: Mapping[str, Any]) -> list[Delta]:
        thought = self._thinking.add(message)
        said = self._say(message.get("content"))
        for key, value in message.items():
            if key not in ("content", "tool_calls", *THINKING) and has_value(value):
                self._rest[key] = value
        out = [Delta("thinking", thought)] if thought else []
        out += [Delta("text", said)] if said else []
        return out + self._calls.add(message.get("tool_calls"))

    def _say(self, content: Any) -> str:
        """Take a content, and return the text it adds."""
        if isinstance(content, list):
            if self._parts is None:
                self._parts = [{"text": self.text.text}] if self.text else []
            if self._cumulative:
                self._parts = content or self._parts
            else:
                for part in content:
                    self._append(part)
            return self.text.add("".join(map(_text_of, content)))
        if not isinstance(content, str):
            return ""
        if self._parts is not None and content and not self._cumulative:
            self._append(content)
        return self.text.add(content)

    def _append(self, given: Any) -> None:
        """Append a part; a text behind a text goes on with it."""
        assert self._parts is not None
        part = {"text": given} if isinstance(given, str) else given
        if not (isinstance(part, dict) and part.keys() == {"text"}):
            self._parts.append(part)
            self._tail = None
            return
        if self._tail is None:
            self._tail = Growing()
            self._parts.append(self._tail)
        self._tail.add(_text_of(part))

    def result(self) -> dict[str, Any]:
        """Return the message as a response has it that was not streamed."""
        content: Any = self.text.text
        if self._parts is not None:
            parts = self._parts
            content = [{"text": p.text} if isinstance(p, Growing) else p for p in parts]
        out = {"role": "assistant", **self._rest, "content": content}
        if self._thinking.key:
            out[self._thinking.key] = self._thinking.grown.text
        if self._calls:
            out["tool_calls"] = self._calls.to_list()
        return out


class GenerationAssembler(Assembler):
    """Joins the events of one DashScope stream. Of several choices the first becomes the reply.

    incremental: False where each event repeats all that was said before
    """

    def __init__(self, *, incremental: bool = True) -> None:
        super().__init__()
        self._cumulative = not incremental
        self._top: dict[str, Any] = {}
        self._output: dict[str, Any] = {}
        self._choices: dict[int, _Message] = {}
        self._bare: _Message | None = None
        self._plain: Growing | None = None

    def add(self, chunk: dict[str, Any]) -> list[Delta]:
        """Take one chunk, and return what it adds to the reply."""
        output = chunk.get("output")
        if output is None and isinstance(chunk.get("choices"), list):
            output = chunk
            chunk = {key: item for key, item in chunk.items() if key != "choices"}
            output = {"choices": output["choices"]}
        for key, value in chunk.items():
            if key != "output" and has_value(value):
                self._top[key] = value
        self.has_usage = "usage" in self._top
        if not isinstance(output, dict):
            if has_value(output):
                self.unknown("output")
            return []
        for key, value in output.items():
            if key not in ("choices", "message", "text", "finish_reason") and has_value(value):
                self._output[key] = value
        return self._take(output)

    def _take(self, output: Mapping[str, Any]) -> list[Delta]:
        out: list[Delta] = []
        found = numbered(output.get("choices"))
        for index, choice in found:
            message = self._choices.setdefault(index, _Message(cumulative=self._cumulative))
            said = choice.get("message")
            said = choice.get("delta") if said is None else said
            added = message.add(said) if isinstance(said, dict) else []
            out += added if index == 0 else []
            if choice.get("finish_reason") not in _GOING_ON:
                message.finish_reason = choice["finish_reason"]
        bare, text = output.get("message"), output.get("text")
        if not found and isinstance(bare, dict):
            self._bare = self._bare or _Message(cumulative=self._cumulative)
            out += self._bare.add(bare)
            self.complete = bare.get("phase") == "answer" and bare.get("status") == "finished"
        elif not found and isinstance(text, str):
            self._plain = self._plain or Growing(cumulative=self._cumulative)
            added_text = self._plain.add(text)
            out += [Delta("text", added_text)] if added_text else []
        self._finish(output)
        self._watch()
        return out

    def _finish(self, output: Mapping[str, Any]) -> None:
        if output.get("finish_reason") not in _GOING_ON:
            self._output["finish_reason"] = output["finish_reason"]
        first = self._choices.get(0)
        reason = first.finish_reason if first is not None else None
        reason = self._output.get("finish_reason") if reason is None else reason
        self.finish_reason = reason if isinstance(reason, str) else None

    def _watch(self) -> None:
        """Note what speaks for the other kind of stream."""
        grown: list[Any] = [*self._choices.values(), self._bare, self._plain]
        if any(item is not None and item.rewritten for item in grown):
            self.note(
                "stream-rewritten",
                "output",
                "an event does not repeat what was said before: the last one counts",
                "if it holds only what is new, read the stream with incremental=True",
                "error",
            )
        if any(item is not None and item.seems_cumulative for item in grown):
            self.note(
                "stream-repeats",
                "output",
                "each event seems to repeat all that was said before",
                "ask for incremental_output, or read the stream with incremental=False",
            )

    def response(self) -> dict[str, Any]:
        """Return what arrived so far as one response."""
        output = dict(self._output)
        if self._choices:
            output["choices"] = [
                {"finish_reason": item.finish_reason, "message": item.result()}
                for _, item in sorted(self._choices.items())
            ]
        elif self._bare is not None:
            output["message"] = self._bare.result()
        elif self._plain is not None:
            output["text"] = self._plain.text
        copied: dict[str, Any] = copy_json({**self._top, "output": output})
        return copied

    def error(self, chunk: Mapping[str, Any], event: Event | None) -> ResponseError | None:
        """Return the error that a chunk reports, if it does."""
        status = event.status if event is not None else None
        if status is not None and status >= _BROKEN:
            return provider_error({"status_code": status, **chunk})
        if event is not None and event.name == "error":
            return provider_error({"code": "error", **chunk})
        return provider_error(chunk)


def _text_of(part: Any) -> str:
    text = part.get("text") if isinstance(part, dict) else part
    return text if isinstance(text, str) else ""
