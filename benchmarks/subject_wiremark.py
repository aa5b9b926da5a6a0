"""wiremark as a subject of measurement, and a hand-written loop over its messages as the floor."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

from workloads import Message

import wiremark
from wiremark import Msg, jsontext

__all__ = ["VERSION", "formatting", "messages", "writing"]

VERSION = f"wiremark {wiremark.__version__}"

_CLASSES = {
    "dashscope-chat": wiremark.DashScopeChatFormatter,
    "dashscope-multi-agent": wiremark.DashScopeMultiAgentFormatter,
    "openai-chat": wiremark.OpenAIChatFormatter,
    "openai-multi-agent": wiremark.OpenAIMultiAgentFormatter,
}


def messages(data: Sequence[Message]) -> list[Msg]:
    """Return the messages as the subject's own objects."""
    return wiremark.read_messages(data)


def formatting(case: str, setting: str) -> Callable[[list[Msg]], list[dict[str, Any]]]:
    """Return what is measured: a formatter's `format` with the policy `setting`, or the floor."""
    if setting == "floor":
        return _FLOORS[case]
    return _CLASSES[case](policy=setting).format


def writing(setting: str) -> Callable[[Any], bytes]:
    """Return what makes JSON bytes: wiremark's `jsontext`, or the standard library's `json`."""
    if setting == "jsontext":
        return jsontext.dumpb
    return lambda value: json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


# The floor: what somebody writes who has only text, thinking and tools, and needs no marks, no
# media, no errors with a path. The worker checks that it gives what the formatter gives.


def _dashscope(messages: list[Msg]) -> list[dict[str, Any]]:
    out: list[dict[str, Any]] = []
    for message in messages:
        texts: list[str] = []
        calls: list[dict[str, Any]] = []
        for block in message.content:
            if block.type == "text":
                texts.append(block.text)
            elif block.type == "tool_use":
                calls.append(_call(block))
            elif block.type == "tool_result":
                out.append(
                    {
                        "role": "tool",
                        "content": block.output[0].text,  # type: ignore[union-attr]
                        "name": block.name,
                        "tool_call_id": block.id,
                    }
                )
        if message.role is not None and message.role != "TOOL":
            wire: dict[str, Any] = {"role": message.role.lower(), "content": "\n".join(texts)}
            if calls:
                wire["tool_calls"] = calls
            out.append(wire)
    return out


def _openai(messages: list[Msg]) -> list[dict[str, Any]]:
    out: list[dict[str, Any]] = []
    for message in messages:
        texts: list[str] = []
        calls: list[dict[str, Any]] = []
        thought = ""
        for block in message.content:
            if block.type == "text":
                texts.append(block.text)
            elif block.type == "thinking":
                thought = thought or block.thinking
            elif block.type == "tool_use":
                calls.append(_call(block))
            elif block.type == "tool_result":
                text = block.output[0].text  # type: ignore[union-attr]
                out.append({"role": "tool", "content": text, "tool_call_id": block.id})
        if message.role is not None and message.role != "TOOL":
            wire: dict[str, Any] = {
                "role": message.role.lower(),
                "content": "\n".join(texts),
                "name": message.name,
            }
            if calls:
                wire["tool_calls"] = calls
            if thought:
                wire["reasoning_content"] = thought
            out.append(wire)
    return out


def _call(block: wiremark.ToolUseBlock) -> dict[str, Any]:
    return {
        "id": block.id,
        "type": "function",
        "function": {"name": block.name, "arguments": block.arguments},
    }


_FLOORS = {"dashscope-chat": _dashscope, "openai-chat": _openai}
