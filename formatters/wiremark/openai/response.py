"""A response of the chat protocol, of OpenAI or of a compatible vendor, becomes a reply.

Behaviour: facts of agentscope-java at c2d43f86 (2026-08-22), section "Response parsing": one
reader for all vendors. Beyond it: contents that are lists of parts (Mistral's thinking), images
(OpenRouter's), refusals, all fields of reasoning details, and `extra_content` with Gemini's
signatures. What the next request must send back stays in the metadata of its block.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from ..base.reading import (
    FRAGMENT,
    Call,
    Reading,
    first_of,
    has_value,
    media_source,
    object_at,
    objects_at,
    status_of,
)
from ..base.reply import Reply
from ..base.values import copy_json
from ..errors import ResponseError
from ..messages import (
    REASONING_KEYS,
    ImageBlock,
    ReasoningDetail,
    TextBlock,
    ThinkingBlock,
    ToolUseBlock,
)

__all__ = ["EXTRA_CONTENT", "is_chunk", "provider_error", "read_response"]

EXTRA_CONTENT: Final = "extraContent"
"""Key in the metadata of a thought or call: Gemini's `extra_content`, which holds its signature."""

_COUNTS: Final = ("prompt_tokens", "completion_tokens")
_UNSENT: Final = {"annotations": "annotations", "function_call": "a call in the form before tools"}


def is_chunk(data: Mapping[str, Any]) -> bool:
    """Say whether this is a piece of a stream."""
    kind = data.get("object")
    if kind == "chat.completion.chunk":
        return True
    if kind == "chat.completion":
        return False
    choices = data.get("choices")
    return isinstance(choices, list) and any(
        isinstance(choice, dict) and choice.get("delta") is not None for choice in choices
    )


def provider_error(data: Mapping[str, Any]) -> ResponseError | None:
    """Return the error that a response holds instead of an answer, or null."""
    error = data.get("error")
    failed = str(data.get("status", "")).lower() in ("error", "failed")
    if error is not None:
        return _problem(error, "error", data)
    if failed or status_of(data.get("code")) is not None:
        return _problem(data, "status" if failed else "code", data)
    base = data.get("base_resp")
    if isinstance(base, dict) and has_value(base.get("status_code")) and base["status_code"] != 0:
        said = {"code": base["status_code"], "message": base.get("status_msg")}
        return _problem(said, "base_resp", data)
    if "choices" not in data and (
        first_of(data, "message", "msg") or has_value(data.get("detail"))
    ):
        return _problem(data, "message", data)
    return None


_SAID: Final = ("message", "msg", "detail")


def _problem(error: Any, path: str, data: Mapping[str, Any]) -> ResponseError:
    if not isinstance(error, dict):
        error = {"message": error}
    said = next((error[key] for key in _SAID if has_value(error.get(key))), "")
    code = error.get("code", error.get("type"))
    text = said if isinstance(said, str) else str(said)
    code = "" if code is None else str(code)
    return ResponseError(
        f"the provider answered with an error: {text or code or 'without a text'}",
        path=path,
        advice="look the code up, and send the request again if it may pass",
        status=status_of(code) or status_of(data.get("code")) or status_of(data.get("status_code")),
        code=code,
        provider_text=text,
    )


def read_response(data: Mapping[str, Any], reading: Reading) -> Reply:
    """Return the reply of a response, or of one chunk of a stream.

    An error gives a reply without content, and a finding; in a chunk it raises `ResponseError`.
    Raises `MessageError` with the path of what has another shape.
    """
    chunk = is_chunk(data)
    problem = provider_error(data)
    if problem is not None:
        if chunk:
            raise problem
        reading.error(problem)
    key = "id" if data.get("id") is not None else "request_id"
    reading.identify(data.get(key), key)
    choices = objects_at(data, "choices", "")
    if len(choices) > 1:
        reading.note(
            "choices-unread",
            "choices[1]",
            f"{len(choices) - 1} more choices are not read",
            "ask for one choice, or read them from the response",
        )
    choice = (choices[0] if choices else None) or {}
    blocks: list[Any] = []
    key = "delta" if chunk else "message"
    message = object_at(choice, key, "choices[0]")
    if message is not None:
        blocks = _Message(message, f"choices[0].{key}", reading, chunk).blocks()
    if has_value(choice.get("error")):
        reading.error(_problem(choice["error"], "choices[0].error", data))
    return reading.reply(
        blocks,
        model=first_of(data, "model"),
        finish_reason=reading.text(choice.get("finish_reason"), "choices[0].finish_reason"),
        usage=reading.usage(data, _COUNTS, "prompt_tokens_details"),
    )


@dataclass(slots=True)
class _Message:
    """The message of a choice, or its delta, on its way to blocks."""

    data: Mapping[str, Any]
    path: str
    reading: Reading
    chunk: bool
    details: list[ReasoningDetail] = field(default_factory=list)

    def blocks(self) -> list[Any]:
        """Return thinking, text and tool calls, in this order."""
        self.details = self._details()
        out = self._thoughts()
        text = self.data.get("content")
        if isinstance(text, str):
            out += [TextBlock(text)] if text else []
        elif isinstance(text, list) and self.reading.reads_lists:
            out += self._parts(text, f"{self.path}.content")
        elif text is not None:
            self.reading.unread(f"{self.path}.content", "a content that is no text")
        out += self._besides(said=any(isinstance(block, TextBlock) for block in out))
        out += self._calls()
        return out

    def _details(self) -> list[ReasoningDetail]:
        given = self.data.get("reasoning_details")
        if given is None:
            return []
        if not isinstance(given, list):
            self.reading.unread(f"{self.path}.reasoning_details", "what is no list")
            return []
        out = []
        for index, item in enumerate(given):
            if isinstance(item, dict):
                detail = {key: item[key] for key in REASONING_KEYS if item.get(key) is not None}
                if self.reading.keeps_details:
                    more = {key: item[key] for key in item if key not in REASONING_KEYS}
                    detail.update(copy_json(more))
                out.append(ReasoningDetail(detail))
            else:
                self.reading.unread(f"{self.path}.reasoning_details[{index}]", "what is no object")
        return out

    def _thoughts(self) -> list[Any]:
        """Return a thinking block with what belongs to it, if there is any."""
        text = self.reading.thinking(self.data, self.path)
        metadata: dict[str, Any] = {}
        if self.details:
            text = text or "".join(self._said(detail) for detail in self.details)
            metadata["reasoningDetails"] = self.details
        metadata.update(self._extra(self.data, self.path))
        if not text and not metadata:
            return []
        return [ThinkingBlock(text or "", metadata=metadata or None)]

    def _said(self, detail: ReasoningDetail) -> str:
        kind = detail.get("type")
        text = detail.get("text") if kind in ("reasoning.text", "reasoning.summary") else None
        if text is None and kind == "reasoning.summary":
            text = detail.get("summary")
        return text if isinstance(text, str) else ""

    def _extra(self, data: Mapping[str, Any], path: str) -> dict[str, Any]:
        given = data.get("extra_content")
        if not has_value(given) or not self.reading.keeps_details:
            return {}
        if not isinstance(given, dict):
            self.reading.unread(f"{path}.extra_content", "what is no object")
            return {}
        return {EXTRA_CONTENT: copy_json(given)}

    def _parts(self, content: list[Any], path: str) -> list[Any]:
        """Return the blocks of a list of parts, texts that follow each other joined."""
        blocks: list[Any] = []
        for index, part in enumerate(content):
            where = f"{path}[{index}]"
            kind = part.get("type") if isinstance(part, dict) else None
            if isinstance(part, str) or kind in ("text", "output_text", "refusal"):
                text = part if isinstance(part, str) else first_of(part, "text", "refusal")
                if kind == "refusal":
                    self._refused(where)
                _append(blocks, TextBlock, text)
            elif kind == "thinking":
                _append(blocks, ThinkingBlock, self._thinking(part.get("thinking"), where))
            elif kind == "image_url" and (url := _image_url(part)):
                blocks.append(ImageBlock(media_source(url)))
            else:
                self.reading.unread(where, f"a part of type {kind!r}")
        return blocks

    def _thinking(self, value: Any, path: str) -> str:
        """Return the text of a thinking part: a text, or a list of texts."""
        if isinstance(value, str):
            return value
        texts = []
        for index, part in enumerate(value if isinstance(value, list) else ()):
            text = first_of(part, "text") if isinstance(part, dict) else None
            if text is None:
                self.reading.unread(f"{path}.thinking[{index}]", "a part without text")
            else:
                texts.append(text)
        return "".join(texts)

    def _refused(self, path: str) -> None:
        self.reading.note(
            "refusal", path, "the model refused to answer", "the reply's text is its refusal"
        )

    def _besides(self, *, said: bool) -> list[Any]:
        """Return what else a message holds: a refusal, spoken words, images."""
        out: list[Any] = []
        refusal = first_of(self.data, "refusal")
        if refusal:
            self._refused(f"{self.path}.refusal")
        audio = self.data.get("audio")
        if isinstance(audio, dict) and (has_value(audio.get("data")) or audio.get("transcript")):
            self.reading.unread(f"{self.path}.audio", "the audio")
            if not said:
                refusal = refusal or first_of(audio, "transcript")
        if self.reading.reads_lists:
            _append(out, TextBlock, refusal)
            out += self._images(self.data.get("images"), f"{self.path}.images")
        for key, what in _UNSENT.items():
            if has_value(self.data.get(key)):
                self.reading.unread(f"{self.path}.{key}", what)
        return out

    def _images(self, images: Any, path: str) -> list[ImageBlock]:
        out = []
        for index, image in enumerate(images if isinstance(images, list) else ()):
            url = _image_url(image) if isinstance(image, dict) else None
            if url:
                out.append(ImageBlock(media_source(url)))
            else:
                self.reading.unread(f"{path}[{index}]", "an image without a URL")
        return out

    def _calls(self) -> list[ToolUseBlock]:
        read = self._chunk_call if self.chunk else self._call
        out = []
        for index, call in enumerate(objects_at(self.data, "tool_calls", self.path)):
            where = f"{self.path}.tool_calls[{index}]"
            function = object_at(call, "function", where) if call else None
            if call is None or function is None:
                if call and not self.chunk:
                    self.reading.unread(where, "a call without a function")
                continue
            block = read(call, function, index, where)
            if block is not None:
                out.append(block)
        return self._with_details(out)

    def _call(
        self, call: Mapping[str, Any], function: Mapping[str, Any], index: int, where: str
    ) -> ToolUseBlock | None:
        name = self.reading.text(function.get("name"), f"{where}.function.name")
        if name is None:
            self.reading.unread(where, "a call without a name")
            return None
        at = f"{where}.function.arguments"
        given = self.reading.arguments(function.get("arguments"), at)
        call_id = self.reading.text(call.get("id"), f"{where}.id")
        signature = _signature(call)
        if signature is None and call_id is not None:
            signature = self._signatures("id").get(call_id)
        if call_id is None:
            call_id = self.reading.call_id("tool_call_{}", [name, given.text], index)
        return self._block(call_id, name, given, signature, self._extra(call, where))

    def _chunk_call(
        self, call: Mapping[str, Any], function: Mapping[str, Any], index: int, where: str
    ) -> ToolUseBlock | None:
        """Return a call's beginning, or a fragment of its arguments."""
        name = self.reading.text(function.get("name"), f"{where}.function.name")
        at = f"{where}.function.arguments"
        given = self.reading.arguments(function.get("arguments"), at, whole=False)
        call_id = self.reading.text(call.get("id"), f"{where}.id")
        signature = _signature(call)
        if signature is None and call_id is not None:
            signature = self._signatures("id").get(call_id)
        if signature is None and isinstance(call.get("index"), int):
            signature = self._signatures("index").get(call["index"])
        extra = self._extra(call, where)
        if name:
            if call_id is None:
                call_id = self.reading.call_id("streaming_{}", [name, given.text], index)
            if not (given.text or "").strip().endswith("}"):
                given = Call({}, given.text)
            return self._block(call_id, name, given, signature, extra)
        if given.text or signature is not None or extra:
            return self._block("", FRAGMENT, Call({}, given.text), signature, extra)
        return None

    def _signatures(self, key: str) -> dict[Any, str]:
        """Return what encrypted details hold, by their id or index."""
        return {
            detail[key]: detail["data"]
            for detail in self.details
            if detail.get("type") == "reasoning.encrypted"
            and isinstance(detail.get(key), str | int)
            and isinstance(detail.get("data"), str)
        }

    def _block(
        self,
        call_id: str,
        name: str,
        given: Call,
        signature: str | None,
        extra: Mapping[str, Any],
    ) -> ToolUseBlock:
        metadata: dict[str, Any] = {}
        if signature is not None:
            metadata["thoughtSignature"] = signature
        metadata.update(extra)
        return ToolUseBlock(call_id, name, given.input, content=given.text or "", metadata=metadata)

    def _with_details(self, calls: list[ToolUseBlock]) -> list[ToolUseBlock]:
        """Return complete calls with the reasoning details of the same id.

        A request sends back the details of the calls if there are any, else those of the thought.
        So that none is lost, calls have them only if they hold all of them, in order.
        """
        by_id = {item["id"]: item for item in self.details if isinstance(item.get("id"), str)}
        found = [by_id[call.id] for call in calls if call.id in by_id]
        if self.chunk or not found:
            return calls
        if self.reading.keeps_details and found != self.details:
            return calls
        return [
            call.replace(metadata={**call.metadata, "reasoningDetail": by_id[call.id]})
            if call.id in by_id
            else call
            for call in calls
        ]


def _signature(call: Mapping[str, Any]) -> str | None:
    """Return the signature beside a call's function; of both spellings the later one counts."""
    found = None
    for key, value in call.items():
        if key in ("thought_signature", "thoughtSignature"):
            found = value if isinstance(value, str) else None
    return found


def _image_url(part: Mapping[str, Any]) -> str | None:
    value = part.get("image_url")
    if isinstance(value, dict):
        return first_of(value, "url")
    return value if isinstance(value, str) and value else None


def _append(blocks: list[Any], kind: type[TextBlock | ThinkingBlock], text: str | None) -> None:
    """Append a text, joined to the one before it if that is of the same kind."""
    if not text:
        return
    if blocks and isinstance(blocks[-1], kind):
        last = blocks.pop()
        text = (last.text if isinstance(last, TextBlock) else last.thinking) + text
    blocks.append(kind(text))
