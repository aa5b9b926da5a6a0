"""Rules about where a marker stands among its neighbours: in a message, a batch, behind a block."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from wiremark.prefix.context import MEDIA_KINDS
from wiremark.validation.codes import finding
from wiremark.validation.rules.core import dotted, rule

if TYPE_CHECKING:
    from wiremark.findings import Finding
    from wiremark.prefix.context import Block, Context, Marker

__all__ = ["cache_points", "inside_tool_batch", "mid_message"]


@rule("mid-message")
def mid_message(_: Any, ctx: Context) -> Iterator[Finding]:
    """DashScope reuses at message ends; with media in it the whole message is the unit anyway."""
    if ctx.rules.reuse_at != "message":
        return
    ends: dict[int, int] = {}
    units: set[int] = set()
    for ordinal, block in enumerate(ctx.blocks, 1):
        if ctx.carries(block):
            ends[block.message] = ordinal
        if block.kind in MEDIA_KINDS:
            units.add(block.message)
    for marker in ctx.heeded:
        marked = ctx.by_path.get(marker.target)
        if marker.where != "part" or marked is None or marked.message < 0:
            continue
        behind = ends.get(marked.message, 0) - marker.end
        if behind > 0 and marked.message not in units:
            yield finding(
                "mid-message",
                marker.path,
                f"{behind} more blocks of the message follow, and {ctx.rules.name} reuses a prefix"
                " at message ends only",
            )


@rule("inside-tool-batch")
def inside_tool_batch(_: Any, ctx: Context) -> Iterator[Finding]:
    """DashScope moves a mark inside a batch of tool results by the number of calls."""
    if not ctx.rules.tool_batch_end:
        return
    roles = [message.value.get("role") for message in ctx.messages]
    for marker in ctx.heeded:
        block = ctx.by_path.get(marker.target)
        if marker.where == "part" and block is not None and block.role == "tool":
            after = block.message + 1
            if after < len(roles) and roles[after] == "tool":
                yield finding(
                    "inside-tool-batch",
                    marker.path,
                    "another result of the same batch follows",
                )


@rule("cache-point-misplaced", "cache-point-behind-document")
def cache_points(_: Any, ctx: Context) -> Iterator[Finding]:
    """Bedrock: a point marks the block before it in the same list, and needs a new one."""
    last: tuple[str, str, int] | None = None
    for marker in ctx.markers:
        if marker.key != "cache_point" or marker.where == "nested" or _misformed(marker, ctx):
            continue
        owner = marker.path.rpartition("[")[0]
        here = (owner, marker.target, marker.end)
        if not marker.target:
            yield finding(
                "cache-point-misplaced",
                marker.path,
                "a cache point at the start of its list marks nothing",
                provider_text=ctx.text_of("cache-point-misplaced"),
            )
        elif here == last:
            yield finding(
                "cache-point-misplaced",
                marker.path,
                f"a second cache point behind {marker.target}",
                severity="waste",
            )
        else:
            yield from _behind_document(marker, ctx)
        last = here


def _misformed(marker: Marker, ctx: Context) -> bool:
    """Say whether the schema reports this point already."""
    kind = marker.value.get("type") if isinstance(marker.value, dict) else None
    return kind != "default" or marker.ttl not in (None, *ctx.rules.ttls)


def _behind_document(marker: Marker, ctx: Context) -> Iterator[Finding]:
    kind = _document_format(ctx.by_path.get(marker.target))
    if kind not in (None, "pdf"):
        yield finding(
            "cache-point-behind-document",
            marker.path,
            f"a cache point right behind a document of format {kind!r}",
            provider_text=ctx.text_of("cache-point-behind-document", path=dotted(marker.path)),
        )


def _document_format(block: Block | None) -> str | None:
    document = block.value.get("document") if block and isinstance(block.value, dict) else None
    kind = document.get("format") if isinstance(document, dict) else None
    return kind if isinstance(kind, str) else None
