"""Rules about cache markers: how many, and where no provider reads one.

Which marker is read where comes from `wiremark.rules`. Markers of a wrong form are the schema's.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from wiremark.validation.codes import finding

if TYPE_CHECKING:
    from wiremark.findings import Finding
    from wiremark.validation.context import Context, Marker

__all__ = [
    "marker_on_empty_text",
    "message_level_marker",
    "too_many_markers",
    "tool_marker_ignored",
    "unread_markers",
]


def too_many_markers(body: Any, ctx: Context) -> Iterator[Finding]:
    """DashScope heeds the last four, OpenAI the last three beside its own; Anthropic rejects."""
    budget = ctx.rules.budget
    if budget is None:
        return
    if _explicit_mode(body):
        budget = ctx.rules.max_marks or budget
    heeded = [marker for marker in _heeded(ctx) if marker.where != "message"]
    excess = list(dict.fromkeys(marker.path for marker in heeded))[:-budget]
    if not excess:
        return
    rejected = ctx.rules.over_limit == "error"
    outcome = "the request is rejected" if rejected else f"only the last {budget} take effect"
    named = ", ".join(excess[:5]) + (", ..." if len(excess) > 5 else "")
    yield finding(
        "too-many-markers",
        excess[0],
        f"{len(excess) + budget} cache markers where {budget} are heeded: {outcome}",
        f"remove the markers at {named}",
        severity="error" if rejected else "waste",
    )


def _explicit_mode(body: Any) -> bool:
    options = body.get("prompt_cache_options") if isinstance(body, dict) else None
    return isinstance(options, dict) and options.get("mode") == "explicit"


def _heeded(ctx: Context) -> Iterator[Marker]:
    """Yield the markers whose form and place the provider reads.

    Where `cache_control` is read, so is the other form, with the same meaning (Qwen4, OpenRouter).
    """
    for marker in ctx.markers:
        form_read = ctx.rules.marker in {marker.key, "cache_control"}
        if form_read and (
            marker.where == "part" or (marker.where == "tool" and ctx.rules.tool_slot)
        ):
            yield marker


def marker_on_empty_text(_: Any, ctx: Context) -> Iterator[Finding]:
    """White space alone is empty; Anthropic rejects it, DashScope does not say."""
    for marker in ctx.markers:
        text = marker.holder.get("text")
        if marker.where == "part" and isinstance(text, str) and not text.strip():
            yield finding(
                "marker-on-empty-text",
                marker.path,
                f"{marker.key} on a text part without text",
                "mark the last part that has text",
            )


def message_level_marker(_: Any, ctx: Context) -> Iterator[Finding]:
    """agentscope-java's old form: providers read a marker on a content part alone."""
    for marker in ctx.markers:
        if marker.where == "message":
            yield finding(
                "message-level-marker",
                marker.path,
                f"{marker.key} beside role and content has no effect",
                "put it on the last content part of the message, as a list of parts",
            )


def tool_marker_ignored(_: Any, ctx: Context) -> Iterator[Finding]:
    """DashScope writes the tools into the system turn, OpenAI has no breakpoint on a tool."""
    if ctx.rules.tool_slot or ctx.rules.marker == "none":
        return
    for marker in ctx.markers:
        if marker.where == "tool":
            yield finding(
                "tool-marker-ignored",
                marker.path,
                f"{marker.key} on a tool definition "
                + ("may have no effect" if ctx.guessed else "has no effect"),
                "mark the end of the system message: the tools are part of that prefix",
                severity="note" if ctx.guessed else None,
            )


def unread_markers(_: Any, ctx: Context) -> Iterator[Finding]:
    """OpenAI before GPT-5.6 takes no markers, later models read breakpoints, not cache_control."""
    marker_form = ctx.rules.marker
    parts = [marker for marker in ctx.markers if marker.where == "part"]
    if marker_form == "none" and parts:
        yield finding(
            "no-markers",
            parts[0].path,
            f"{len(parts)} cache markers, but the model takes none: it caches by itself",
            "leave them out",
        )
    elif marker_form == "prompt_cache_breakpoint":
        others = [marker for marker in parts if marker.key != marker_form]
        if others:
            yield finding(
                "other-marker-form",
                others[0].path,
                f"{len(others)} markers as {others[0].key}, which is not read here",
                f'write "{marker_form}": {{"mode": "explicit"}}',
            )
