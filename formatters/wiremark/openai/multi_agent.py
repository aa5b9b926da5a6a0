"""OpenAI's multi-agent formatter: the turns of several agents become a history.

Behaviour: facts of agentscope-java at c2d43f86 (2026-08-22), section "OpenAI multi-agent".
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, Unpack

from ..base import FormatterSettings, Group, Trace
from ..base.formatter import require_messages
from ..base.grouping import GroupKind
from ..base.history import (
    HISTORY_PROMPT,
    HistoryLayout,
    as_parts,
    check_layout,
    convert_run,
    group_runs,
    note_history,
)
from ..messages import BYPASS_HISTORY_MERGE, Msg, Role
from .formatter import OpenAIBaseFormatter
from .merge import cut_history

__all__ = ["HistorySettings", "OpenAIMultiAgentFormatter"]

_SYSTEM: Final = Role.SYSTEM
_TOOL: Final = Role.TOOL


class HistorySettings(FormatterSettings, total=False):
    """Settings that multi-agent formatters take beside those of every formatter."""

    history_prompt: str
    history_layout: HistoryLayout


class OpenAIMultiAgentFormatter(OpenAIBaseFormatter):
    """Turns the turns of several agents into OpenAI chat messages, merged into a history.

    history_layout: `"merged"` (agentscope-java's one user message a run) or `"append_only"` (the
        same text cut at source messages: parts of one message, or messages where the provider
        reuses at message ends, as DashScope does).
    history_prompt: the text before each history.
    """

    def __init__(
        self,
        *,
        history_prompt: str = HISTORY_PROMPT,
        history_layout: HistoryLayout = "merged",
        **settings: Unpack[FormatterSettings],
    ) -> None:
        super().__init__(**settings)
        self.history_prompt = history_prompt
        self.history_layout = check_layout(history_layout)

    def group_messages(self, messages: Sequence[Msg]) -> list[Group]:
        """Cut the conversation into runs: system, tools, conversation, kept apart (hook)."""
        kinds = (_kind(message) for message in messages)
        return group_runs(kinds, messages, alone=("system", "bypass"))

    def convert_history(self, group: Group, trace: Trace) -> list[dict[str, Any]]:
        """Return the user messages of a conversation run; each bears the history prompt (hook)."""
        units = cut_history(group, self.history_prompt, self._media, trace)
        wrap = self.shape.wrap
        if self.history_layout == "merged":
            bits = [bit for unit in units for bit in unit]
            return [{"role": "user", "content": as_parts(bits, wrap)}]
        made = [as_parts(unit, wrap) for unit in units]
        if self.cache_rules(trace.model).rules.reuse_at == "message":
            out: list[dict[str, Any]] = []
            for parts in made[:-1]:
                if parts:
                    out.append({"role": "user", "content": parts})
                trace.unit_end(message=len(out) - 1)
            return [*out, {"role": "user", "content": made[-1]}]
        content: list[dict[str, Any]] = []
        for parts in made[:-1]:
            content += parts
            trace.unit_end(message=0, part=len(content) - 1)
        return [{"role": "user", "content": content + made[-1]}]

    def _encode(self, messages: Sequence[Msg], trace: Trace) -> list[dict[str, Any]]:
        return self.finish_messages(self._encode_groups(messages, trace), trace)

    def _encode_groups(self, messages: Sequence[Msg], trace: Trace) -> list[dict[str, Any]]:
        out: list[dict[str, Any]] = []
        lost = self.quirks.merged_marks_lost
        groups = self.group_messages(require_messages(messages))
        trace.turn_starts = []
        for group in groups:
            if group.kind == "conversation":
                made = self.convert_history(group, trace)
                last_run = group is groups[-1]
                note_history(group, trace, len(out), made, last_run=last_run, lost=lost)
            else:
                made = convert_run(self.convert_message, group, trace, len(out), lost=False)
            out += made
        return out


def _kind(message: Msg) -> GroupKind:
    role = message.role
    if message.metadata and message.metadata.get(BYPASS_HISTORY_MERGE) is True:
        return "bypass"
    if role is _SYSTEM:
        return "system"
    if role is _TOOL or "tool_use" in message.block_types:
        return "tools"
    return "conversation"
