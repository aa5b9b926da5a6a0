"""Rules about two requests that follow each other: what the later one can read of the earlier."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from wiremark.prefix.context import RESPONSES
from wiremark.prefix.pieces import mark_ends
from wiremark.validation.codes import finding
from wiremark.validation.compare import compare_contexts
from wiremark.validation.rules.core import Abstention, goes_on, rule

if TYPE_CHECKING:
    from wiremark.findings import Finding
    from wiremark.prefix.context import Context

__all__ = ["beyond_lookback", "prefix_changed", "tools_changed"]


def _texts(ctx: Context) -> list[str]:
    return [piece.text for piece in ctx.pieces[: len(ctx.tools)]]


@rule("tools-changed")
def tools_changed(body: Any, ctx: Context) -> Iterator[Finding]:
    """Tools stand in front of everything: a change in them changes every prefix.

    Responses takes them with each request, a thread has those of its first.
    """
    if ctx.previous is None or (ctx.form != RESPONSES and goes_on(body, ctx)):
        return
    mine, theirs = _texts(ctx), _texts(ctx.previous)
    if mine == theirs:
        return
    pairs = zip(mine, theirs, strict=False)
    shorter = min(len(mine), len(theirs))
    first = next((i for i, (new, old) in enumerate(pairs) if new != old), shorter)
    path = ctx.tools[first].path if first < len(mine) else ""
    if sorted(mine) == sorted(theirs):
        what = "the tools stand in another order than in the previous request"
    elif len(mine) != len(theirs):
        what = f"{len(mine)} tools, {len(theirs)} in the previous request"
    else:
        what = "this tool is not what stood here in the previous request"
    yield finding("tools-changed", path, what)


def _intact(ctx: Context, previous: Context) -> list[int]:
    """Return the ends of the previous markers whose prefix is still there, in pieces, in order."""
    common = compare_contexts(previous, ctx).pieces
    return sorted(end for end in mark_ends(previous, previous.heeded) if 0 < end <= common)


@rule("prefix-changed")
def prefix_changed(body: Any, ctx: Context) -> Iterator[Finding]:
    """Only a request that begins with the same text reads what was written."""
    previous = ctx.previous
    if previous is None or not previous.heeded or goes_on(body, ctx):
        return
    if _texts(ctx) != _texts(previous):
        return  # changed tools are told by their own rule
    if _intact(ctx, previous):
        return
    diff = compare_contexts(previous, ctx)
    if diff.relation == "shortened":
        return
    yield finding(
        "prefix-changed",
        diff.path,
        f"character {diff.offset}: {diff.before!r} became {diff.after!r}; no marker of the previous"
        " request has its text before it any more",
    )


@rule("beyond-lookback")
def beyond_lookback(body: Any, ctx: Context) -> Iterator[Finding | Abstention]:
    """Anthropic and DashScope look back over 20 blocks from each marker."""
    previous = ctx.previous
    if previous is None or ctx.rules.marker == "none" or goes_on(body, ctx):
        return
    intact = _intact(ctx, previous)
    if not intact:
        return
    ends = mark_ends(ctx, ctx.heeded)
    blocks = [0, *(piece.blocks for piece in ctx.pieces)]
    gaps = [
        blocks[end] - blocks[intact[nearest - 1]]
        for end in ends
        if (nearest := bisect_right(intact, end))
    ]
    reach = ctx.rules.lookback_blocks
    where = ctx.heeded[-1].path if ctx.heeded else ""
    if not gaps:
        yield finding(
            "beyond-lookback", where, "no marker stands at or behind those of the previous request"
        )
    elif reach is None:
        if ctx.rules.lookback_breakpoints is None and min(gaps) > 0:
            reason = f"how far {ctx.rules.name} looks back is not known"
            yield Abstention("beyond-lookback", where, reason)
    elif min(gaps) > reach:
        yield finding(
            "beyond-lookback",
            where,
            f"{min(gaps)} blocks behind the previous request's markers, {ctx.rules.name} looks back"
            f" over {reach}",
        )
