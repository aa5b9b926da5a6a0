"""Wire messages become turns: results first, system messages in their place, roles in alternation.

Marks are planned on one wire message a source message, so that wishes and policies mean what they
say; joining comes last, and the plan is then told where each block stands. The API joins
neighbours of one role itself (anthropic 2.11.0, `MessageCreateParams.messages`, read 2026-11-21).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from ..base.trace import Trace
from ..findings import Finding
from ..marks import Decision, Plan, Slot

__all__ = ["HERE", "Joined", "check_pairs", "join", "place_system_messages", "results_first"]

HERE: Final = "\0messages"
"""What paths of messages begin with until they are known."""

_PATH: Final = re.compile(HERE + r"\[(\d+)\](?:\.content\[(\d+)\])?")

_Wire = list[dict[str, Any]]


def _holds_results(message: dict[str, Any]) -> bool:
    return any(part.get("type") == "tool_result" for part in message["content"])


def _is_assistant(message: dict[str, Any]) -> bool:
    return message["role"] == "assistant" and bool(message["content"])


def _head(messages: _Wire) -> int:
    """Return how many system messages the conversation begins with."""
    return next((i for i, m in enumerate(messages) if m["role"] != "system"), len(messages))


def results_first(messages: _Wire, sources: list[int], trace: Trace) -> None:
    """Move tool results to the front of their turn, behind the calls; in place, slots follow."""
    order: list[int] = []
    run: list[int] = []
    for index in (*range(len(messages)), None):
        if index is not None and not _is_assistant(messages[index]):
            run.append(index)
            continue
        if run and run[0] > 0:
            run.sort(key=lambda at: not _holds_results(messages[at]))
        order += run
        run = []
        if index is not None:
            order.append(index)
    if order == list(range(len(messages))):
        return
    moved = {old: new for new, old in enumerate(order)}
    messages[:] = [messages[old] for old in order]
    sources[:] = [sources[old] for old in order]
    trace.wishes = [replace(wish, at=_follow(wish.at, moved)) for wish in trace.wishes]
    trace.dynamic = [_follow(slot, moved) for slot in trace.dynamic]
    trace.growing = [moved[at] for at in trace.growing]
    if trace.turn_starts is not None:
        trace.turn_starts = [(moved[at], part) for at, part in trace.turn_starts]


def _follow(slot: Slot, moved: dict[int, int]) -> Slot:
    return slot if slot.message is None else replace(slot, message=moved[slot.message])


def place_system_messages(
    messages: _Wire, sources: Sequence[int], trace: Trace, *, native: bool
) -> None:
    """Keep later system messages in their place; in place.

    `native`: as messages of their own where the API takes them, behind a user turn and before an
    assistant's. Elsewhere they become text of the user turn, in the tags that peers use.
    """
    head = _head(messages)
    for index in range(head, len(messages)):
        message = messages[index]
        if message["role"] != "system" or not message["content"]:
            continue
        before = _neighbour(messages, range(index - 1, head - 1, -1))
        after = _neighbour(messages, range(index + 1, len(messages)))
        if native and before == "user" and after in ("assistant", None):
            continue
        content = [
            {**part, "text": f"<system-reminder>\n{part['text']}\n</system-reminder>"}
            for part in message["content"]
        ]
        messages[index] = {"role": "user", "content": content}
        trace.findings.append(
            Finding(
                "system-message-as-user",
                "note",
                f"messages[{sources[index]}]",
                "a system message in the conversation is sent as user text, in its place",
                "put it at the head, or where the model takes it: behind a user turn and before an"
                " assistant's",
            )
        )


def _neighbour(messages: _Wire, indices: range) -> str | None:
    """Return the role of the nearest message with content that is no system message."""
    for index in indices:
        if messages[index]["content"] and messages[index]["role"] != "system":
            return str(messages[index]["role"])
    return None


def check_pairs(messages: _Wire, sources: Sequence[int], trace: Trace) -> None:
    """Note calls without a result in the next turn, and results without a call in the last one."""
    calls: dict[str, int] = {}
    for role, indices in _turns(messages):
        if role == "assistant":
            _unanswered(calls, sources, trace)
            calls = dict(_ids(messages, indices, "tool_use", "id"))
            continue
        results = dict(_ids(messages, indices, "tool_result", "tool_use_id"))
        _unanswered({k: v for k, v in calls.items() if k not in results}, sources, trace)
        for answered, index in results.items():
            if answered not in calls:
                _orphan(answered, f"messages[{sources[index]}]", trace)
        calls = {}
    _unanswered(calls, sources, trace)


def _turns(messages: _Wire) -> list[tuple[str, list[int]]]:
    """Return role and message numbers of each turn; system messages are in none."""
    out: list[tuple[str, list[int]]] = []
    for index, message in enumerate(messages):
        if not message["content"] or message["role"] == "system":
            continue
        if not out or out[-1][0] != message["role"]:
            out.append((message["role"], []))
        out[-1][1].append(index)
    return out


def _ids(messages: _Wire, indices: Sequence[int], kind: str, key: str) -> Iterator[tuple[str, int]]:
    for index in indices:
        for part in messages[index]["content"]:
            if part.get("type") == kind:
                yield part[key], index


def _unanswered(calls: dict[str, int], sources: Sequence[int], trace: Trace) -> None:
    for call, index in calls.items():
        trace.findings.append(
            Finding(
                "tool-call-unanswered",
                "error",
                f"messages[{sources[index]}]",
                f"no tool result answers {call!r} in the next turn",
                "put a tool message with its result right behind this message",
                "`tool_use` ids were found without `tool_result` blocks immediately after:"
                f" {call}. Each `tool_use` block must have a corresponding `tool_result` block in"
                " the next message.",
            )
        )


def _orphan(call: str, path: str, trace: Trace) -> None:
    trace.findings.append(
        Finding(
            "tool-result-without-call",
            "error",
            path,
            f"this tool result answers {call!r}, which the assistant turn before it does not call",
            "send the assistant message with the call before it, or leave it out",
            f"unexpected `tool_use_id` found in `tool_result` blocks: {call}. Each `tool_result`"
            " block must have a corresponding `tool_use` block in the previous message.",
        )
    )


@dataclass(frozen=True, slots=True)
class Joined:
    """Turns, and where each wire message went: its turn, and the number of its first block."""

    messages: _Wire
    places: tuple[tuple[int, int], ...]

    @property
    def head(self) -> int:
        """Return how many system messages stand at the head."""
        return _head(self.messages)

    def translate(self, plan: Plan, *, body: bool) -> Plan:
        """Return the plan with the places after joining; `body`: as paths into a request body.

        Slots count the system messages of the head as messages, as the formatted list does.
        """
        if not plan.decisions and not plan.findings:
            return plan

        def put(text: str) -> str:
            return _PATH.sub(lambda found: self._path(found, body=body), text)

        def decided(item: Decision) -> Decision:
            return replace(
                item,
                slot=self._slot(item.slot),
                where=put(item.where),
                path=put(item.path),
                sentence=put(item.sentence),
            )

        return replace(
            plan,
            decisions=tuple(decided(item) for item in plan.decisions),
            findings=tuple(
                replace(
                    item, path=put(item.path), message=put(item.message), advice=put(item.advice)
                )
                for item in plan.findings
            ),
        )

    def _slot(self, slot: Slot) -> Slot:
        if slot.message is None or slot.message >= len(self.places):
            return slot
        turn, base = self.places[slot.message]
        part = slot.part if slot.part is None or slot.part < 0 else base + slot.part
        return replace(slot, message=turn, part=part)

    def _path(self, found: re.Match[str], *, body: bool) -> str:
        turn, base = self.places[int(found[1])]
        part = None if found[2] is None else base + int(found[2])
        if not body:
            return f"messages[{turn}]" + ("" if part is None else f".content[{part}]")
        if turn < self.head:
            before = sum(len(message["content"]) for message in self.messages[:turn])
            return f"system[{before + (part or 0)}]"
        turn -= self.head
        return f"messages[{turn}]" + ("" if part is None else f".content[{part}]")


def join(messages: _Wire, *, only_results: bool) -> Joined:
    """Return turns: neighbours of one role joined, messages without content left out.

    System messages of the head stay apart. `only_results`: join tool results alone, where the
    service reuses at message ends.
    """
    turns: _Wire = []
    places: list[tuple[int, int]] = []
    head = _head(messages)
    for index, message in enumerate(messages):
        content = message["content"]
        if not content:
            places.append((max(len(turns) - 1, 0), len(turns[-1]["content"]) if turns else 0))
        elif index > head and turns and _joins(turns[-1], message, only_results=only_results):
            places.append((len(turns) - 1, len(turns[-1]["content"])))
            turns[-1] = {**turns[-1], "content": [*turns[-1]["content"], *content]}
        else:
            places.append((len(turns), 0))
            turns.append(message)
    return Joined(turns, tuple(places))


def _joins(turn: dict[str, Any], message: dict[str, Any], *, only_results: bool) -> bool:
    if turn["role"] != message["role"]:
        return False
    return not only_results or (_holds_results(turn) and _holds_results(message))
