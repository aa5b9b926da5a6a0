"""The rule about the least prefix that a model caches: over, under, or it cannot be told."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final

from wiremark.estimate import CLAUDE_REACH, Tokens, estimate_tokens
from wiremark.prefix.context import MEDIA_KINDS
from wiremark.prefix.pieces import mark_ends
from wiremark.rules import LARGEST_MINIMUM
from wiremark.validation.codes import finding
from wiremark.validation.rules.core import Abstention, goes_on, rule

if TYPE_CHECKING:
    from wiremark.findings import Finding
    from wiremark.prefix.context import Context, Marker
    from wiremark.prefix.pieces import Piece

__all__ = ["under_minimum"]

_TEMPLATE: Final = 10
"""Tokens, at most, that a chat template puts around a message."""

_TOOLS_TEMPLATE: Final = 600
"""Tokens, at most, that a provider puts around tool definitions; an allowance, stated nowhere."""


_UNKNOWN: Final = Tokens(0, float("inf"), 0)


@rule("under-minimum")
def under_minimum(body: Any, ctx: Context) -> Iterator[Finding | Abstention]:
    """Below the minimum nothing is cached, and no provider says so."""
    if not ctx.heeded:
        return
    minimum = ctx.rules.min_tokens_for(ctx.model)
    limit = minimum if minimum is not None else LARGEST_MINIMUM
    start = _UNKNOWN if goes_on(body, ctx) else _up_to(_TOOLS_TEMPLATE if ctx.tools else 0)
    sizes = list(_sizes(ctx, start, limit))
    last, size = sizes[-1]
    if minimum is None:
        if size.low < limit:
            yield Abstention(
                "under-minimum",
                last.path,
                f"the minimum of {ctx.model or 'the model'} at {ctx.rules.name} is not known",
            )
        return
    if size.high < minimum:
        yield finding(
            "under-minimum",
            last.path,
            f"{_about(size)} stand before the end of the last marker, {ctx.rules.name} caches from"
            f" {minimum} on",
        )
    elif size.low < minimum:
        why = "; pass count_tokens" if ctx.count_tokens is None else ""
        yield Abstention(
            "under-minimum", last.path, f"{_about(size)} stand before it, {minimum} are needed{why}"
        )
    else:
        yield from _early(sizes, minimum)


def _early(sizes: list[tuple[Marker, Tokens]], minimum: int) -> Iterator[Finding]:
    """Note the first marker that does nothing, where a later one does something."""
    early = [marker for marker, size in sizes if size.high < minimum]
    if early:
        yield finding(
            "under-minimum",
            early[0].path,
            f"{len(early)} markers have less than {minimum} tokens before them and do nothing yet",
            severity="note",
        )


def _about(size: Tokens) -> str:
    if size.high == float("inf"):
        return f"at least {size.low:.0f} tokens"
    return f"about {size.estimate:.0f} tokens ({size.low:.0f} to {size.high:.0f})"


def _up_to(most: float) -> Tokens:
    return Tokens(0, most, most / 2)


def _sizes(ctx: Context, total: Tokens, limit: int) -> Iterator[tuple[Marker, Tokens]]:
    """Yield each heeded marker with the size of its prefix, counted until that is over `limit`.

    `total` is what stands before all that is in the body.
    """
    ends = sorted(
        zip(mark_ends(ctx, ctx.heeded), ctx.heeded, strict=True), key=lambda pair: pair[0]
    )
    opaque = {block.path for block in ctx.blocks if _is_opaque(block.kind)} | _server_tools(ctx)
    for (start, _), (end, marker) in pairwise([(0, ctx.heeded[0]), *ends]):
        for piece in ctx.pieces[start:end]:
            if total.low >= limit:
                break
            total += _UNKNOWN if piece.path in opaque else _size_of(ctx, piece)
        yield marker, total


def _size_of(ctx: Context, piece: Piece) -> Tokens:
    if piece.name == "role":
        return _up_to(_TEMPLATE)
    if ctx.count_tokens is not None:
        count = ctx.count_tokens(piece.text)
        return Tokens.exactly(count)
    found = estimate_tokens(piece.text)
    if "claude" not in (ctx.model or "") and ctx.form != "anthropic":
        return found
    return Tokens(found.low, found.high * CLAUDE_REACH, found.estimate)


def _is_opaque(kind: str | None) -> bool:
    """Say whether a block's tokens cannot be told from its text."""
    return kind is None or kind in MEDIA_KINDS or kind.endswith("_tool_result")


def _server_tools(ctx: Context) -> set[str]:
    """Return the paths of the provider's own tools, which add text that is not seen."""
    if ctx.form != "anthropic":
        return set()
    own = (None, "custom")
    return {tool.path for tool in ctx.tools if tool.value.get("type") not in own}
