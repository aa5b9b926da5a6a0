"""OpenAI's multi-agent formatter: the turns of several agents become a history.

Behaviour: facts of agentscope-java at c2d43f86 (2026-08-22), section "OpenAI multi-agent".
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Unpack

from ..base import FormatterSettings, Group, Trace
from ..base.formatter import require_messages
from ..base.history import (
    HISTORY_PROMPT,
    HistoryLayout,
    check_layout,
    convert_run,
    group_runs,
    lay_out,
    note_history,
    run_kind,
)
from ..messages import Msg
from .formatter import OpenAIBaseFormatter
from .merge import cut_history

__all__ = ["HistorySettings", "OpenAIMultiAgentFormatter"]


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
        kinds = map(run_kind, messages)
        return group_runs(kinds, messages, alone=("system", "bypass"))

    def convert_history(self, group: Group, trace: Trace) -> list[dict[str, Any]]:
        """Return the user messages of a conversation run; each bears the history prompt (hook)."""
        units = cut_history(group, self.history_prompt, self._media, trace)
        return lay_out(
            units,
            trace,
            layout=self.history_layout,
            reuse_at=self._reuse_at(trace),
            wrap=self.shape.wrap,
        )

    def _encode(self, messages: Sequence[Msg], trace: Trace) -> list[dict[str, Any]]:
        return self._finished(self._encode_groups(messages, trace), trace)

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
