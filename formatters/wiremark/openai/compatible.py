"""Formatters for DeepSeek, GLM, Kimi and MiniMax: data from `vendors`, and what data cannot say.

Behaviour: facts of agentscope-java at c2d43f86 (2026-08-22), section "Compat formatters".
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import Any, ClassVar, Unpack

from ..base import FormatterSettings, Trace
from ..base.values import read_choice
from ..messages import GenerateOptions, ToolChoice
from .formatter import OpenAIChatFormatter
from .multi_agent import HistorySettings, OpenAIMultiAgentFormatter
from .vendors import DEEPSEEK, GLM, KIMI, MINIMAX, Vendor, VendorMixin

__all__ = [
    "DeepSeekFormatter",
    "DeepSeekMultiAgentFormatter",
    "GLMFormatter",
    "GLMMultiAgentFormatter",
    "KimiFormatter",
    "KimiMultiAgentFormatter",
    "MiniMaxFormatter",
    "MiniMaxMultiAgentFormatter",
]


class _DeepSeek(VendorMixin):
    """Keeps reasoning only where DeepSeek wants it back."""

    vendor: ClassVar[Vendor] = DEEPSEEK
    append_empty_user: bool = False

    def finish_messages(self, messages: list[dict[str, Any]], trace: Trace) -> list[dict[str, Any]]:
        """Return messages without the reasoning that DeepSeek does not want back (hook)."""
        messages = super().finish_messages(messages, trace)
        dropped = _without_use(messages)
        for index in dropped:
            messages[index].pop("reasoning_content", None)
            messages[index].pop("reasoning_details", None)
        if self.quirks.merged_marks_lost:
            trace.wishes = [wish for wish in trace.wishes if wish.at.message not in dropped]
        if self.append_empty_user and messages and messages[-1]["role"] == "assistant":
            messages.append({"role": "user", "content": ""})
        return messages


def _without_use(messages: list[dict[str, Any]]) -> set[int]:
    """Return the messages whose reasoning is not sent.

    It is kept from the last user message on, and between two user messages if the model called a
    tool there; without a user message it is kept throughout.
    """
    if not any("reasoning_content" in message for message in messages):
        return set()
    users = [index for index, message in enumerate(messages) if message["role"] == "user"]
    if not users:
        return set()
    dropped = set(range(users[0]))
    for start, end in pairwise(users):
        segment = range(start, end)
        if not any(messages[index].get("tool_calls") for index in segment):
            dropped.update(segment)
    return {index for index in dropped if "reasoning_content" in messages[index]}


class DeepSeekFormatter(_DeepSeek, OpenAIChatFormatter):
    """Turns a conversation into DeepSeek chat messages.

    append_empty_user: end with an empty user message where the last one is the assistant's.
    """

    def __init__(
        self, *, append_empty_user: bool = False, **settings: Unpack[FormatterSettings]
    ) -> None:
        super().__init__(**settings)
        self.append_empty_user = append_empty_user


class DeepSeekMultiAgentFormatter(_DeepSeek, OpenAIMultiAgentFormatter):
    """Turns the turns of several agents into DeepSeek chat messages, merged into a history.

    append_empty_user: end with an empty user message where the last one is the assistant's.
    """

    def __init__(
        self, *, append_empty_user: bool = False, **settings: Unpack[HistorySettings]
    ) -> None:
        super().__init__(**settings)
        self.append_empty_user = append_empty_user


class _GLM(VendorMixin):
    """Knows no tool choice but `auto`."""

    vendor: ClassVar[Vendor] = GLM

    def apply_tool_choice(self, body: Mapping[str, Any], choice: Any) -> dict[str, Any]:
        """Return the body with `auto`, or without its tools where none may be called."""
        read = read_choice(choice)
        if read is not None and read.mode == "none":
            return {key: value for key, value in body.items() if key != "tools"}
        return super().apply_tool_choice(body, ToolChoice.auto())


class GLMFormatter(_GLM, OpenAIChatFormatter):
    """Turns a conversation into GLM (Zhipu) chat messages."""


class GLMMultiAgentFormatter(_GLM, OpenAIMultiAgentFormatter):
    """Turns the turns of several agents into GLM chat messages, merged into a history."""


class _Kimi(VendorMixin):
    """Takes fewer choices from some models, and an effort on K3 alone."""

    vendor: ClassVar[Vendor] = KIMI

    def adapt_options(self, options: GenerateOptions, model: str) -> GenerateOptions:
        """Return the options as Kimi takes them for a model (hook)."""
        adapted = super().adapt_options(options, model)
        if model.startswith("kimi-k3"):
            return adapted
        return adapted.model_copy(update={"reasoning_effort": None})

    def apply_tool_choice(self, body: Mapping[str, Any], choice: Any) -> dict[str, Any]:
        """Return the body with a choice that the model takes; a forced one may become `auto`."""
        read = read_choice(choice)
        if read is not None and _is_refused(read, str(body.get("model")), body.get("thinking")):
            read = ToolChoice.auto()
        return super().apply_tool_choice(body, read)


def _is_refused(choice: ToolChoice, model: str, thinking: Any) -> bool:
    if choice.mode == "required":
        return model.startswith("kimi-k2")
    if choice.mode != "specific":
        return False
    if model.startswith(("kimi-k3", "kimi-k2.7-code")):
        return True
    disabled = isinstance(thinking, Mapping) and thinking.get("type") == "disabled"
    return model.startswith(("kimi-k2.5", "kimi-k2.6")) and not disabled


class KimiFormatter(_Kimi, OpenAIChatFormatter):
    """Turns a conversation into Kimi (Moonshot) chat messages."""


class KimiMultiAgentFormatter(_Kimi, OpenAIMultiAgentFormatter):
    """Turns the turns of several agents into Kimi chat messages, merged into a history."""


class _MiniMax(VendorMixin):
    vendor: ClassVar[Vendor] = MINIMAX


class MiniMaxFormatter(_MiniMax, OpenAIChatFormatter):
    """Turns a conversation into MiniMax chat messages, its OpenAI-compatible form."""


class MiniMaxMultiAgentFormatter(_MiniMax, OpenAIMultiAgentFormatter):
    """Turns the turns of several agents into MiniMax chat messages, merged into a history."""
