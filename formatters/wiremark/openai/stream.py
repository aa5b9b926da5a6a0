"""The chunks of a chat stream, of OpenAI or of a compatible vendor, become one response.

Chunks: openai 3.52.0, `types/chat/chat_completion_chunk.py` (read 2026-11-21). Vendors deviate, and
are read as they are: thinking under two names or in parts of a list (Mistral), reasoning details
piece by piece (OpenRouter), usage in every chunk, in a choice (Moonshot) or in `x_groq`, a summary
of the whole message behind the deltas (MiniMax), which says nothing new.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from ..base.fragments import THINKING, CallFragments, Growing, Thinking, numbered
from ..base.reply import Delta
from ..base.stream import Assembler
from ..base.values import copy_json
from ..errors import ResponseError
from ..sse import Event
from .response import provider_error

__all__ = ["ChatAssembler", "merge_details"]

_FIRST: Final = frozenset({"id", "created", "model"})
_OWN: Final = frozenset({"object", "choices", "usage", "obfuscation"})
_CHOICE: Final = frozenset({"index", "delta", "message", "finish_reason", "logprobs", "usage"})
_LISTS: Final = frozenset({"annotations", "images"})
_APART: Final = frozenset(
    {
        "content",
        "refusal",
        "audio",
        "tool_calls",
        "function_call",
        "reasoning_details",
        *THINKING,
    }
)
_DERIVED: Final = ("content.", "refusal.", "tool_calls.", "logprobs.")
"""How events begin that the SDK's `chat.completions.stream` adds to the chunks."""


class _Content:
    """The content of a message: a text, or a list of parts once a part comes."""

    def __init__(self) -> None:
        self.given = False
        self._listed = False
        self._parts: list[tuple[str, Growing | dict[str, Any]]] = []

    def add(self, content: Any) -> list[Delta]:
        self.given = self.given or content is not None
        if isinstance(content, str):
            return self._grow("text", content)
        out: list[Delta] = []
        for part in content if isinstance(content, list) else ():
            self._listed = True
            kind = part.get("type") if isinstance(part, dict) else None
            if isinstance(part, str):
                out += self._grow("text", part)
            elif kind == "text" and isinstance(part.get("text"), str):
                out += self._grow("text", part["text"])
            elif kind == "thinking":
                out += self._grow("thinking", _thought(part.get("thinking")))
            else:
                self._parts.append(("part", part))
        return out

    def _grow(self, kind: str, text: str) -> list[Delta]:
        if not text:
            return []
        last = self._parts[-1][1] if self._parts and self._parts[-1][0] == kind else None
        if not isinstance(last, Growing):
            last = Growing()
            self._parts.append((kind, last))
        last.add(text)
        return [Delta("thinking" if kind == "thinking" else "text", text)]

    def value(self) -> Any:
        """Return the content as a message has it that was not streamed."""
        if not self._listed:
            text = "".join(part.text for _, part in self._parts if isinstance(part, Growing))
            return text if self.given else None
        out: list[Any] = []
        for kind, part in self._parts:
            if not isinstance(part, Growing):
                out.append(part)
            elif kind == "text":
                out.append({"type": "text", "text": part.text})
            else:
                thought = [{"type": "text", "text": part.text}]
                out.append({"type": "thinking", "thinking": thought})
        return out


class _Choice:
    """One choice on its way."""

    def __init__(self) -> None:
        self.finish_reason: str | None = None
        self.said = False
        self._rest: dict[str, Any] = {}
        self._message: dict[str, Any] = {}
        self._content = _Content()
        self._thinking = Thinking()
        self._refusal = Growing()
        self._transcript = Growing()
        self._audio: dict[str, Any] = {}
        self._audio_data = Growing()
        self._call: dict[str, Growing] = {}
        self._details: list[dict[str, Any]] = []
        self._calls = CallFragments()
        self._logprobs: dict[str, list[Any]] = {}

    def add(self, choice: Mapping[str, Any]) -> list[Delta]:
        reason = choice.get("finish_reason")
        if isinstance(reason, str) and reason:
            self.finish_reason = reason
        self._rest.update({k: v for k, v in choice.items() if k not in _CHOICE and v is not None})
        logprobs = choice.get("logprobs")
        for key, items in logprobs.items() if isinstance(logprobs, dict) else ():
            if isinstance(items, list):
                self._logprobs.setdefault(key, []).extend(items)
        delta = choice.get("delta")
        if not isinstance(delta, dict):
            delta = None if self.said else choice.get("message")
        return self._delta(delta) if isinstance(delta, dict) else []

    def _delta(self, delta: Mapping[str, Any]) -> list[Delta]:
        out = self._think(delta) + self._content.add(delta.get("content"))
        refused = delta.get("refusal")
        if isinstance(refused, str) and self._refusal.add(refused):
            out.append(Delta("text", refused))
        out += self._hear(delta.get("audio"), heard=self._content.given and bool(out))
        out += self._calls.add(delta.get("tool_calls"))
        old = delta.get("function_call")
        for key, value in old.items() if isinstance(old, dict) else ():
            if isinstance(value, str):
                self._call.setdefault(key, Growing()).add(value)
        for key, value in delta.items():
            if key in _LISTS and isinstance(value, list):
                self._message.setdefault(key, []).extend(value)
            elif key not in _APART and (value is not None or key not in self._message):
                self._message[key] = value
        self.said = self.said or bool(out)
        return out

    def _think(self, delta: Mapping[str, Any]) -> list[Delta]:
        """Take thinking; the text of reasoning details counts where there is no other."""
        given = delta.get("reasoning_details")
        details = given if isinstance(given, list) else []
        found = [item for item in details if isinstance(item, dict)]
        merge_details(self._details, found)
        added = self._thinking.add(delta)
        if not added:
            added = self._thinking.grown.add("".join(map(_detail_text, found)))
        return [Delta("thinking", added)] if added else []

    def _hear(self, audio: Any, *, heard: bool) -> list[Delta]:
        """Take spoken words; they are the reply's text where there is no other."""
        if not isinstance(audio, dict):
            return []
        self._audio.update({key: item for key, item in audio.items() if item is not None})
        if isinstance(audio.get("data"), str):
            self._audio_data.add(audio["data"])
        said = audio.get("transcript")
        added = self._transcript.add(said) if isinstance(said, str) else ""
        silent = not (heard or self._refusal or self._content.value())
        return [Delta("text", added)] if added and silent else []

    def result(self, index: int) -> dict[str, Any]:
        """Return the choice as a response has it that was not streamed."""
        message = {"role": "assistant", **self._message, "content": self._content.value()}
        message.update(self._thoughts())
        if self._refusal:
            message["refusal"] = self._refusal.text
        if self._audio:
            message["audio"] = self._audio | {
                key: grown.text
                for key, grown in (("data", self._audio_data), ("transcript", self._transcript))
                if grown
            }
        if self._call:
            message["function_call"] = {key: grown.text for key, grown in self._call.items()}
        if self._calls:
            message["tool_calls"] = self._calls.to_list()
        out = {"index": index, "message": message, "finish_reason": self.finish_reason}
        if self._logprobs:
            out["logprobs"] = self._logprobs
        return out | self._rest

    def _thoughts(self) -> dict[str, Any]:
        out: dict[str, Any] = {}
        text = self._thinking.grown.text
        if text and (self._thinking.key or text != "".join(map(_detail_text, self._details))):
            out[self._thinking.key or "reasoning"] = text
        if self._details:
            out["reasoning_details"] = self._details
        return out


class ChatAssembler(Assembler):
    """Joins the chunks of one chat stream. Of several choices the first becomes the reply."""

    def __init__(self) -> None:
        super().__init__()
        self._top: dict[str, Any] = {}
        self._choices: dict[int, _Choice] = {}
        self._usage: dict[str, Any] | None = None

    def add(self, chunk: dict[str, Any]) -> list[Delta]:
        """Take one chunk, and return what it adds to the reply."""
        if "choices" not in chunk and isinstance(chunk.get("type"), str):
            return self._named(chunk["type"], chunk)
        for key, value in chunk.items():
            if key in _FIRST:
                self._top[key] = self._top.get(key) or value
            elif key not in _OWN and (value is not None or key not in self._top):
                self._top[key] = value
        found = numbered(chunk.get("choices"))
        groq = chunk.get("x_groq")
        self._cost(
            chunk.get("usage"),
            *(choice.get("usage") for _, choice in found),
            groq.get("usage") if isinstance(groq, dict) else None,
        )
        out: list[Delta] = []
        for index, choice in found:
            added = self._choices.setdefault(index, _Choice()).add(choice)
            out += added if index == 0 else []
        if 0 in self._choices:
            self.finish_reason = self._choices[0].finish_reason
        return out

    def response(self) -> dict[str, Any]:
        """Return what arrived so far as one response."""
        choices = [choice.result(index) for index, choice in sorted(self._choices.items())]
        out = {**self._top, "object": "chat.completion", "choices": choices}
        if self._usage is not None:
            out["usage"] = self._usage
        copied: dict[str, Any] = copy_json(out)
        return copied

    def error(self, chunk: Mapping[str, Any], event: Event | None) -> ResponseError | None:
        """Return the error that a chunk reports, if it does."""
        if event is not None and event.name == "error" and chunk.get("error") is None:
            return provider_error({"error": chunk})
        return provider_error(chunk)

    def _named(self, kind: str, chunk: Mapping[str, Any]) -> list[Delta]:
        """Take an event of the SDK's `chat.completions.stream`: the chunk in it, if any."""
        inner = chunk.get("chunk")
        if kind == "chunk" and isinstance(inner, dict):
            return self.add(inner)
        if not kind.startswith(_DERIVED):
            self.unknown(kind)
        return []

    def _cost(self, *places: Any) -> None:
        """Keep the usage: the last one counts, since it is a total wherever it comes often."""
        for usage in places:
            if isinstance(usage, dict) and usage:
                self._usage = usage
                self.has_usage = True
                return


def merge_details(known: list[dict[str, Any]], more: Iterable[Mapping[str, Any]]) -> None:
    """Add reasoning details to those before: pieces of one have its type, and its index or id.

    Texts grow; of a signature the last counts. An encrypted detail is never in pieces.
    """
    for item in more:
        last = next((detail for detail in reversed(known) if _goes_on(detail, item)), None)
        if last is None:
            if item not in known or item.get("type") != "reasoning.encrypted":
                known.append({key: value for key, value in item.items() if value is not None})
            continue
        for key, value in item.items():
            before = last.get(key)
            if key in ("text", "summary") and isinstance(value, str):
                last[key] = (before or "") + value
            elif value not in (None, "") and (key == "signature" or before in (None, "")):
                last[key] = value


def _goes_on(detail: Mapping[str, Any], item: Mapping[str, Any]) -> bool:
    """Say whether `item` is a piece of `detail`."""
    kind = item.get("type")
    if kind != detail.get("type") or kind == "reasoning.encrypted":
        return False
    same_id = item.get("id") is None or detail.get("id") in (None, item["id"])
    same_index = item.get("index") is None or detail.get("index") in (None, item["index"])
    return same_id and same_index


def _detail_text(detail: Mapping[str, Any]) -> str:
    """Return what a reasoning detail says, as the reader of whole responses takes it."""
    kind = detail.get("type")
    text = detail.get("text") if kind in ("reasoning.text", "reasoning.summary") else None
    if text is None and kind == "reasoning.summary":
        text = detail.get("summary")
    return text if isinstance(text, str) else ""


def _thought(value: Any) -> str:
    """Return the text of a thinking part: a text, or a list of texts."""
    if isinstance(value, list):
        texts = (item.get("text") for item in value if isinstance(item, dict))
        return "".join(text for text in texts if isinstance(text, str))
    return value if isinstance(value, str) else ""
