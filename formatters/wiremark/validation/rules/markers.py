"""Rules about cache markers in places and forms where no provider reads one, or none but some do.

Which marker is read where comes from `wiremark.rules`. Markers of a wrong form are the schema's.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from wiremark.prefix.context import THINKING_KINDS
from wiremark.validation.codes import finding
from wiremark.validation.rules.core import dotted, rule

if TYPE_CHECKING:
    from wiremark.findings import Finding, Severity
    from wiremark.prefix.context import Context, Marker

__all__ = [
    "automatic_only",
    "marker_in_tool_result",
    "marker_on_empty_text",
    "marker_on_thinking",
    "marker_on_unknown_kind",
    "message_level_marker",
    "model_not_listed",
    "tool_marker_ignored",
    "unread_markers",
]


@rule("marker-on-empty-text")
def marker_on_empty_text(_: Any, ctx: Context) -> Iterator[Finding]:
    """White space alone is empty; Anthropic rejects it, DashScope does not say."""
    for marker in ctx.markers:
        text = marker.holder.get("text")
        if marker.where == "part" and isinstance(text, str) and not text.strip():
            yield finding(
                "marker-on-empty-text",
                marker.path,
                f"{marker.key} on a text part without text",
                provider_text=ctx.text_of("marker-on-empty-text", path=dotted(marker.path)),
            )


@rule("marker-on-thinking")
def marker_on_thinking(_: Any, ctx: Context) -> Iterator[Finding]:
    """Thoughts have no field for a marker; Bedrock takes no cache point behind one."""
    for marker in ctx.markers:
        block = ctx.by_path.get(marker.target)
        if marker.where == "part" and block is not None and block.kind in THINKING_KINDS:
            point = marker.key == "cache_point"
            yield finding(
                "marker-on-thinking",
                marker.path if point else f"{marker.path}.{marker.key}",
                f"{marker.key} on a block of kind {block.kind}",
                severity=_if_refused(ctx, "marker-on-thinking"),
                provider_text=ctx.text_of(
                    "marker-on-thinking", path=dotted(marker.path), kind=block.kind
                ),
            )


@rule("marker-in-tool-result")
def marker_in_tool_result(_: Any, ctx: Context) -> Iterator[Finding]:
    """Inside a result Anthropic rejects a marker: it belongs to the result."""
    for marker in ctx.markers:
        if marker.where == "nested":
            point = marker.key == "cache_point"  # the service model has no such member there
            yield finding(
                "marker-in-tool-result",
                marker.path,
                f"{marker.key} inside the content of a tool result",
                severity=None if point else _if_refused(ctx, "marker-in-tool-result"),
                provider_text=ctx.text_of("marker-in-tool-result"),
            )


def _if_refused(ctx: Context, code: str) -> Severity | None:
    """Return the severity of a code where the refusal is known, else waste."""
    return None if ctx.rejects(code) else "waste"


@rule("message-level-marker")
def message_level_marker(_: Any, ctx: Context) -> Iterator[Finding]:
    """agentscope-java's old form: providers read a marker on a content part alone.

    Anthropic refuses any key that a message does not have.
    """
    for marker in ctx.markers:
        if marker.where == "message":
            refused = ctx.rejects("message-level-marker")
            effect = "is refused" if refused else "has no effect"
            yield finding(
                "message-level-marker",
                marker.path,
                f"{marker.key} beside role and content {effect}",
                severity=_if_refused(ctx, "message-level-marker"),
                provider_text=ctx.text_of(
                    "message-level-marker", path=dotted(marker.path), kind=marker.key
                ),
            )


@rule("marker-on-unknown-kind")
def marker_on_unknown_kind(_: Any, ctx: Context) -> Iterator[Finding]:
    """Which kinds of blocks carry a mark is listed by the rules; others may be passed over."""
    for marker in ctx.heeded:
        block = ctx.by_path.get(marker.target)
        if marker.where != "part" or block is None:
            continue
        if block.kind not in ctx.rules.kinds and block.kind not in THINKING_KINDS:
            shown = repr(block.kind) if block.kind else "unknown kind"
            yield finding(
                "marker-on-unknown-kind",
                marker.path,
                f"{marker.key} on a block of {shown}, of which {ctx.rules.name} is not known to"
                " read one",
            )


@rule("tool-marker-ignored")
def tool_marker_ignored(_: Any, ctx: Context) -> Iterator[Finding]:
    """DashScope writes the tools into the system turn, OpenAI has no breakpoint on a tool."""
    if ctx.rules.tool_slot or ctx.rules.marker == "none" or ctx.rules.automatic_only:
        return
    for marker in ctx.markers:
        if marker.where == "tool":
            yield finding(
                "tool-marker-ignored",
                marker.path,
                f"{marker.key} on a tool definition "
                + ("may have no effect" if ctx.guessed else "has no effect"),
                severity="note" if ctx.guessed else None,
            )


@rule("automatic-only")
def automatic_only(_: Any, ctx: Context) -> Iterator[Finding]:
    """Kimi's Messages read the mark of the request as a whole, and pass over those in the body."""
    if not ctx.rules.automatic_only:
        return
    inside = [marker for marker in ctx.markers if marker.where in ("part", "tool", "nested")]
    if inside:
        yield finding(
            "automatic-only",
            inside[0].path,
            f"{len(inside)} cache markers in the body, where {ctx.rules.name} reads none",
        )


@rule("refused-marker", "no-markers", "other-marker-form")
def unread_markers(_: Any, ctx: Context) -> Iterator[Finding]:
    """OpenAI before GPT-5.6 takes no markers, later models read breakpoints, not cache_control."""
    form = ctx.rules.marker
    parts = [marker for marker in ctx.markers if marker.where == "part"]
    refused = [marker for marker in parts if marker.key in ctx.rules.refused_markers]
    if refused:
        yield finding(
            "refused-marker",
            refused[0].path,
            f"{len(refused)} markers as {refused[0].key}, which {ctx.rules.name} refuses",
        )
        parts = [marker for marker in parts if marker.key not in ctx.rules.refused_markers]
    if form == "none" and parts:
        yield finding(
            "no-markers",
            parts[0].path,
            f"{len(parts)} cache markers, but the model takes none: it caches by itself",
        )
    elif not ctx.rules.automatic_only:
        yield from _others(parts, ctx)


def _others(parts: list[Marker], ctx: Context) -> Iterator[Finding]:
    others = [marker for marker in parts if not ctx.reads(marker)]
    both = {marker.path for marker in parts} - {marker.path for marker in others}
    others = [marker for marker in others if marker.path not in both]
    if others:
        form = ctx.rules.marker
        yield finding(
            "other-marker-form",
            others[0].path,
            f"{len(others)} markers as {others[0].key}, which is not read here",
            f'write "{form}": {json.dumps(ctx.rules.marker_value())}',
        )


@rule("model-not-listed")
def model_not_listed(_: Any, ctx: Context) -> Iterator[Finding]:
    """On a model that DashScope does not list, a marker has no effect."""
    if ctx.heeded and not ctx.rules.lists(ctx.model):
        yield finding(
            "model-not-listed",
            ctx.heeded[0].path,
            f"{ctx.rules.name} does not list {ctx.model!r} for explicit caching",
        )
