"""Anthropic's multi-agent formatter: the turns of several agents become a history."""

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
from .formatter import AnthropicChatFormatter
from .merge import cut_history

__all__ = ["AnthropicMultiAgentFormatter"]


class AnthropicMultiAgentFormatter(AnthropicChatFormatter):
    """Turns the turns of several agents into Anthropic's messages, merged into a history.

    history_layout: `"merged"` (one text a run, which grows before its end) or `"append_only"` (the
        same text cut at source messages: blocks, or messages where the service reuses at message
        ends).
    history_prompt: the text before each history.
    """

    def __init__(
        self,
        *,
        history_prompt: str = HISTORY_PROMPT,
        history_layout: HistoryLayout = "merged",
        api_version: str = "2023-06-01",
        **settings: Unpack[FormatterSettings],
    ) -> None:
        super().__init__(api_version=api_version, **settings)
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
        out: list[dict[str, Any]] = []
        sources: list[int] = []

        def convert(message: Msg, trace: Trace) -> list[dict[str, Any]]:
            made = self.convert_message(message, trace)
            sources.extend([trace.index] * len(made))
            return made

        groups = self.group_messages(require_messages(messages))
        trace.turn_starts = []
        for group in groups:
            if group.kind == "conversation":
                made = self.convert_history(group, trace)
                sources += [group.start] * len(made)
                last_run = group is groups[-1]
                note_history(group, trace, len(out), made, last_run=last_run, lost=False)
            else:
                made = convert_run(convert, group, trace, len(out), lost=False)
            out += made
        return self._settle(out, sources, trace)
