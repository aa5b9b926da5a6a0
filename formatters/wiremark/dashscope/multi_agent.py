"""DashScope's multi-agent formatter: the turns of several agents become a history.

Behaviour: facts of agentscope-java at c2d43f86 (2026-08-22), section "DashScope multi-agent".
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
from ..base.text import extract_text
from ..messages import BYPASS_HISTORY_MERGE, Msg, Role
from .encode import encode_multimodal, encode_results, tool_calls
from .formatter import DashScopeChatFormatter
from .merge import CLOSE, OPEN, cut_parts, history_parts, history_pieces, join_text

__all__ = ["DashScopeMultiAgentFormatter"]

_SYSTEM: Final = Role.SYSTEM
_TOOL: Final = Role.TOOL
_TOOL_TYPES: Final = frozenset({"tool_use", "tool_result"})


class DashScopeMultiAgentFormatter(DashScopeChatFormatter):
    """Turns the turns of several agents into DashScope's native form, merged into a history.

    history_layout: `"merged"` (agentscope-java's one user message a run) or `"append_only"`
        (the same text cut at source messages, so that each request extends the previous one).
    history_prompt: the text before the first history.
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
        """Cut the conversation into runs: a first system message, tools, conversation (hook)."""
        kinds = [self._kind(index, message) for index, message in enumerate(messages)]
        return group_runs(kinds, messages, alone=("system", "bypass"))

    def convert_message(self, message: Msg, trace: Trace) -> list[dict[str, Any]]:
        """Return the wire messages of one message that stays outside the history (hook)."""
        if message.role is _SYSTEM:
            text = extract_text(message, trace, null_hints=self.quirks.null_hints)
            return [{"role": "system", "content": text}]
        if not _is_tool_turn(message):
            return super().convert_message(message, trace)
        if message.role is _TOOL:
            made = encode_results(message, self._media, trace)
            if made:
                return made
            text = extract_text(message, trace, null_hints=self.quirks.null_hints)
            call_id = self._call_id(text, trace.index, 0)
            return [{"role": "tool", "content": text, "tool_call_id": call_id}]
        text = extract_text(message, trace, null_hints=self.quirks.null_hints)
        out: dict[str, Any] = {"role": "assistant", "content": text}
        calls = tool_calls(message, self._media, trace)
        if calls:
            out["tool_calls"] = calls
        return [out]

    def convert_multimodal(self, message: Msg, trace: Trace) -> list[dict[str, Any]]:
        """Do as `convert_message`, contents as lists of parts (hook)."""
        if message.role is _SYSTEM:
            text = extract_text(message, trace, null_hints=self.quirks.null_hints)
            trace.forget_ends()
            return [{"role": "system", "content": [{"text": text}]}]
        return encode_multimodal(message, self._media, trace)

    def convert_history(self, group: Group, trace: Trace, *, first: bool) -> list[dict[str, Any]]:
        """Return the user messages of a conversation run, for text generation (hook).

        `first`: it is the first such run of the request, which bears the history prompt.
        """
        pieces = history_pieces(group, self._media, trace)
        head = (self.history_prompt if first else "") + OPEN
        if self.history_layout == "merged":
            return [{"role": "user", "content": join_text(pieces, head)}]
        out: list[dict[str, Any]] = []
        for piece in pieces:
            text = piece.text if out else head + piece.text
            parts = [dict(part) for part in piece.parts]
            if parts or text:
                content = [{"text": text}, *parts] if parts else text
                out.append({"role": "user", "content": content})
            trace.unit_end(message=len(out) - 1)
        return [*out, {"role": "user", "content": CLOSE}]

    def convert_history_multimodal(
        self, group: Group, trace: Trace, *, first: bool
    ) -> list[dict[str, Any]]:
        """Do as `convert_history`, contents as lists of parts (hook)."""
        head = self.history_prompt if first else ""
        wrap = self.shape.wrap
        units = cut_parts(history_parts(group, self._media, trace), head)
        if self.history_layout == "merged":
            bits = [bit for unit in units for bit in unit]
            return [{"role": "user", "content": as_parts(bits, wrap)}]
        out: list[dict[str, Any]] = []
        for unit in units[:-1]:
            if unit:
                out.append({"role": "user", "content": as_parts(unit, wrap)})
            trace.unit_end(message=len(out) - 1)
        return [*out, {"role": "user", "content": as_parts(units[-1], wrap)}]

    def _encode(self, messages: Sequence[Msg], trace: Trace) -> list[dict[str, Any]]:
        return self._encode_groups(messages, trace, multimodal=False)

    def _encode_multimodal(self, messages: Sequence[Msg], trace: Trace) -> list[dict[str, Any]]:
        return self._encode_groups(messages, trace, multimodal=True)

    def _encode_groups(
        self, messages: Sequence[Msg], trace: Trace, *, multimodal: bool
    ) -> list[dict[str, Any]]:
        out: list[dict[str, Any]] = []
        convert = self.convert_multimodal if multimodal else self.convert_message
        history = self.convert_history_multimodal if multimodal else self.convert_history
        lost = self.quirks.merged_marks_lost
        groups = self.group_messages(require_messages(messages))
        trace.turn_starts = []
        first = True
        for group in groups:
            if group.kind == "conversation":
                made = history(group, trace, first=first)
                last_run = group is groups[-1]
                note_history(group, trace, len(out), made, last_run=last_run, lost=lost)
                first = False
            else:
                unread = lost and (group.kind == "system" or not multimodal)
                made = convert_run(convert, group, trace, len(out), lost=unread)
            out += made
        return out

    def _kind(self, index: int, message: Msg) -> GroupKind:
        if index == 0 and message.role is _SYSTEM:
            return "system"
        metadata = message.metadata
        if (
            metadata
            and metadata.get(BYPASS_HISTORY_MERGE) is True
            and not self.quirks.bypass_ignored
        ):
            return "bypass"
        return "tools" if _is_tool_turn(message) else "conversation"


def _is_tool_turn(message: Msg) -> bool:
    return message.role is _TOOL or not _TOOL_TYPES.isdisjoint(message.block_types)
