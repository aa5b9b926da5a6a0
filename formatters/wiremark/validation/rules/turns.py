"""The rule about tool blocks: each `tool_use` is answered in the next turn, and nothing else is.

Anthropic's Messages and Bedrock's Converse. Messages of one role that follow each other are one
turn there; system messages in between are in none.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from wiremark.validation.codes import finding
from wiremark.validation.rules.core import dotted, goes_on, rule

if TYPE_CHECKING:
    from wiremark.findings import Finding
    from wiremark.prefix.context import Block, Context, Entry

__all__ = ["tool_blocks"]

_FORMS: Final = frozenset({"anthropic", "bedrock-converse"})
_IDS: Final = {
    "tool_use": (("toolUse", "toolUseId"), "id"),
    "tool_result": (("toolResult", "toolUseId"), "tool_use_id"),
}


@dataclass(slots=True)
class _Turn:
    """Consecutive messages of one role, and their blocks."""

    role: str
    first: Entry
    blocks: list[Block] = field(default_factory=list)


@rule("tool-call-unanswered", "tool-result-without-call")
def tool_blocks(body: Any, ctx: Context) -> Iterator[Finding]:
    """Both providers answer 400 to a call without a result, and to a result without a call.

    The first turn of a request that goes on may answer calls that the request does not hold.
    """
    if ctx.form not in _FORMS:
        return
    calls: dict[str, Block] = {}
    caller: _Turn | None = None
    unseen = goes_on(body, ctx)
    for turn in _turns(ctx):
        if turn.role == "assistant":
            yield from _unanswered(ctx, calls, caller, None)
            calls, caller, unseen = _ids(turn, "tool_use"), turn, False
            continue
        results = _ids(turn, "tool_result")
        missing = {name: block for name, block in calls.items() if name not in results}
        yield from _unanswered(ctx, missing, caller, turn)
        for name, block in results.items():
            if name not in calls and not unseen:
                yield finding(
                    "tool-result-without-call",
                    block.path,
                    f"this result answers {name!r}, which the turn before it does not call",
                    provider_text=_located(ctx, "tool-result-without-call", block.path, name),
                )
        calls, unseen = {}, False
    yield from _unanswered(ctx, calls, caller, None)


def _turns(ctx: Context) -> Iterator[_Turn]:
    turn: _Turn | None = None
    for index, message in enumerate(ctx.messages):
        role = message.value.get("role")
        if role not in ("user", "assistant"):
            continue
        if turn is None or turn.role != role:
            if turn is not None:
                yield turn
            turn = _Turn(role, message)
        turn.blocks += ctx.by_message.get(index, ())
    if turn is not None:
        yield turn


def _ids(turn: _Turn, kind: str) -> dict[str, Block]:
    (holder, inner), own = _IDS[kind]
    found: dict[str, Block] = {}
    for block in turn.blocks:
        if block.kind == kind:
            nested = block.value.get(holder)
            name = nested.get(inner) if isinstance(nested, dict) else block.value.get(own)
            if isinstance(name, str):
                found[name] = block
    return found


def _unanswered(
    ctx: Context, calls: dict[str, Block], caller: _Turn | None, answer: _Turn | None
) -> Iterator[Finding]:
    if not calls or caller is None:
        return
    first = next(iter(calls.values()))
    converse = ctx.form == "bedrock-converse"
    place = (answer or caller).first.path if converse else first.path
    yield finding(
        "tool-call-unanswered",
        ctx.messages[first.message].path,
        f"no tool result answers {', '.join(map(repr, calls))} in the next turn",
        provider_text=_located(ctx, "tool-call-unanswered", place, ", ".join(calls)),
    )


def _located(ctx: Context, code: str, path: str, ids: str) -> str:
    """Return the provider's words; Anthropic's begin with the message."""
    path = dotted(path)
    text = ctx.text_of(code, path=path, ids=ids)
    if not text or ctx.form == "bedrock-converse":
        return text
    where = path if code == "tool-result-without-call" else path.partition(".content.")[0]
    return f"{where}: {text}"
