"""agentscope for Python, 1.x or 2.x, as a subject of measurement.

Messages are converted one to one, outside what is timed. 1.x keeps a tool result in a system
message, 2.x in an assistant message, and 2.x holds a call's arguments as text.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Awaitable, Callable, Sequence
from importlib import import_module
from importlib.metadata import version
from typing import Any

from workloads import Message

__all__ = ["VERSION", "formatting", "messages"]

VERSION = f"agentscope {version('agentscope')}"
_IS_1 = version("agentscope").startswith("1.")
_Msg: Any = import_module("agentscope.message").Msg
_formatters: Any = import_module("agentscope.formatter")

# 1.x warns once a thinking block; the terminal's speed is not what is measured.
logging.getLogger("as").setLevel(logging.ERROR)

_CLASSES = {
    "dashscope-chat": "DashScopeChatFormatter",
    "dashscope-multi-agent": "DashScopeMultiAgentFormatter",
    "openai-chat": "OpenAIChatFormatter",
    "openai-multi-agent": "OpenAIMultiAgentFormatter",
}
_FIELDS = frozenset({"type", "text", "thinking", "id", "name", "input", "output"})


def messages(data: Sequence[Message]) -> list[Any]:
    """Return the messages as the subject's own objects."""
    of_tool = "system" if _IS_1 else "assistant"
    return [
        _Msg(
            name=item["name"],
            role=of_tool if item["role"] == "TOOL" else item["role"].lower(),
            content=[_block(block) for block in item["content"]],
        )
        for item in data
    ]


def formatting(case: str, setting: str) -> Callable[[list[Any]], Awaitable[list[dict[str, Any]]]]:
    """Return what is measured: a formatter's `format`, as it is by default."""
    if setting != "manual":
        raise ValueError(f"agentscope has no setting {setting!r}")
    formatter: Any = getattr(_formatters, _CLASSES[case])()
    measured: Callable[[list[Any]], Awaitable[list[dict[str, Any]]]] = formatter.format
    return measured


def _block(block: dict[str, Any]) -> dict[str, Any]:
    kept = {key: value for key, value in block.items() if key in _FIELDS}
    if not _IS_1 and kept["type"] == "tool_use":
        kept["type"] = "tool_call"
        kept["input"] = json.dumps(kept["input"], ensure_ascii=False)
    return kept
