"""Turns as Converse wants them: roles alternate, no turn is empty, the system stands apart.

The API refuses two turns of one role that follow each other ("A conversation must alternate
between user and assistant roles", https://github.com/langchain-ai/langchain-aws/issues/130) and a
turn without content (https://github.com/earendil-works/pi/pull/3443), both read 2026-11-21. What
was noted about places moves with the blocks.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

from ..base.trace import Trace
from ..findings import Finding
from ..marks import Plan, Slot

__all__ = ["join_turns", "locate_plan", "turn_findings"]

_PATH: Final = re.compile(r"messages\[(\d+)\](?:\.content\[(\d+)\])?")


def join_turns(turns: Sequence[dict[str, Any]], trace: Trace) -> list[dict[str, Any]]:
    """Return turns without empty ones, those of one role joined; places in `trace` follow.

    System messages stay apart from each other.
    """
    out: list[dict[str, Any]] = []
    places: list[tuple[int, int, int]] = []  # turn, blocks before, own blocks
    starts: list[tuple[int, int | None]] = []
    for turn in turns:
        content = turn["content"]
        joined = bool(out) and out[-1]["role"] == turn["role"] != "system"
        if content and not joined:
            out.append({**turn, "content": []})
        before = len(out[-1]["content"]) if out else 0
        places.append((max(len(out) - 1, 0), before, len(content)))
        if content:
            out[-1]["content"] += content
            if turn["role"] == "assistant":
                starts.append((len(out) - 1, before or None))
    trace.wishes = [replace(wish, at=_end(wish.at, places, out)) for wish in trace.wishes]
    trace.dynamic = [_start(slot, places) for slot in trace.dynamic]
    trace.turn_starts = starts
    return out


def _end(slot: Slot, places: Sequence[tuple[int, int, int]], out: Sequence[dict[str, Any]]) -> Slot:
    """Return where the end that a slot names lies in the joined turns."""
    assert slot.message is not None
    turn, before, own = places[slot.message]
    if slot.part is not None:
        return Slot(message=turn, part=before + slot.part)
    alone = out and own and len(out[turn]["content"]) == own
    return Slot(message=turn) if alone else Slot(message=turn, part=before + own - 1)


def _start(slot: Slot, places: Sequence[tuple[int, int, int]]) -> Slot:
    """Return where the start that a slot names lies in the joined turns."""
    assert slot.message is not None
    turn, before, _ = places[slot.message]
    return Slot(message=turn, part=before + (slot.part or 0) or None)


def turn_findings(messages: Sequence[dict[str, Any]], *, tools: bool) -> list[Finding]:
    """Return what the API refuses about a conversation as a whole."""
    out = []
    if messages and messages[0]["role"] != "user":
        out.append(
            Finding(
                "conversation-start",
                "error",
                "messages[0]",
                f"the conversation starts with a message of the {messages[0]['role']}",
                "put a user message first",
                "A conversation must start with a user message.",
            )
        )
    blocks = [block for message in messages for block in message["content"]]
    if not tools and any("toolUse" in block or "toolResult" in block for block in blocks):
        out.append(
            Finding(
                "tools-missing",
                "error",
                "toolConfig",
                "the conversation holds tool calls or results, the request has no tools",
                "pass the tools that were offered then",
                "The toolConfig field must be defined when using toolUse and toolResult content"
                " blocks.",
            )
        )
    for index, message in enumerate(messages):
        content = message["content"]
        if any("document" in block for block in content) and not any(
            "text" in block for block in content
        ):
            out.append(
                Finding(
                    "document-without-text",
                    "error",
                    f"messages[{index}]",
                    "a message with a document holds no text",
                    "say what to do with the document",
                )
            )
    return out


def locate_plan(
    plan: Plan, messages: Sequence[dict[str, Any]], system: int, *, early: int = 0
) -> Plan:
    """Return a plan whose places are those of the body: its first messages stand in `system`.

    `messages` are the wire messages with their marks, of which the first `system` are moved;
    the first `early` findings of the plan are about messages before they were encoded.
    """
    if not plan.decisions and len(plan.findings) == early:
        return plan
    firsts = [0]
    for message in messages[:system]:
        firsts.append(firsts[-1] + len(message["content"]))

    def located(path: str) -> str:
        match = _PATH.match(path)
        if match is None:
            return path
        index, rest = int(match[1]), path[match.end() :]
        if index >= system:
            inside = "" if match[2] is None else f".content[{match[2]}]"
            return f"messages[{index - system}]{inside}{rest}"
        part = int(match[2]) if match[2] is not None else len(messages[index]["content"]) - 1
        return f"system[{firsts[index] + part}]{rest}"

    return replace(
        plan,
        decisions=tuple(replace(item, where=located(item.where)) for item in plan.decisions),
        findings=(
            *plan.findings[:early],
            *(replace(item, path=located(item.path)) for item in plan.findings[early:]),
        ),
    )
