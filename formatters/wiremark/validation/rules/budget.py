"""Rules about cache markers: how many, for how long, and the one of the request as a whole."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final

from wiremark.rules import RULE_TABLE, ttl_seconds
from wiremark.validation.codes import finding
from wiremark.validation.rules.core import Abstention, dotted, rule

if TYPE_CHECKING:
    from wiremark.findings import Finding
    from wiremark.prefix.context import Context, Marker

__all__ = [
    "automatic_not_taken",
    "automatic_ttl",
    "explicit_without_marker",
    "too_many_markers",
    "ttl_order",
    "unknown_ttl",
]


_TTLS: Final = frozenset(ttl for entry in RULE_TABLE for ttl in entry.rules.ttls)
"""Lifetimes that some provider has; in cache_control the schema reports others."""


@rule("too-many-markers")
def too_many_markers(body: Any, ctx: Context) -> Iterator[Finding]:
    """DashScope heeds the last four, OpenAI the last three beside its own; Anthropic rejects."""
    budget = ctx.rules.budget
    if budget is None:
        return
    if _explicit_mode(body):
        budget = ctx.rules.max_marks or budget
    rejected = ctx.rules.over_limit == "error"
    heeded = {id(marker) for marker in ctx.heeded}
    counted = [each for each in ctx.markers if id(each) in heeded or _nested(each, ctx)]
    paths = list(dict.fromkeys(marker.path for marker in counted))
    excess = paths[:-budget]
    if not excess:
        return
    outcome = "the request is rejected" if rejected else f"only the last {budget} take effect"
    named = ", ".join(excess[:5]) + (", ..." if len(excess) > 5 else "")
    yield finding(
        "too-many-markers",
        excess[0],
        f"{len(paths)} cache markers where {budget} are heeded: {outcome}",
        f"remove the markers at {named}",
        severity="error" if rejected else "waste",
        provider_text=ctx.text_of("too-many-markers", limit=budget, found=len(paths)),
    )


def _nested(marker: Marker, ctx: Context) -> bool:
    """Say whether a marker inside a result is counted: where too many are an error, all are."""
    return (
        marker.where == "nested"
        and ctx.rules.over_limit == "error"
        and marker.key == ctx.rules.marker
    )


def _explicit_mode(body: Any) -> bool:
    options = body.get("prompt_cache_options") if isinstance(body, dict) else None
    return isinstance(options, dict) and options.get("mode") == "explicit"


@rule("ttl-order")
def ttl_order(_: Any, ctx: Context) -> Iterator[Finding]:
    """At Anthropic a 1h mark must not follow a 5m mark, over tools, system and messages."""
    if not ctx.rules.ttl_ordered:
        return
    shortest: tuple[int, str, str] | None = None
    for marker in ctx.heeded:
        ttl = marker.ttl or ctx.rules.default_ttl or ""
        seconds = ttl_seconds(ttl)
        if seconds is None or ttl not in ctx.rules.ttls:
            continue
        if shortest is not None and seconds > shortest[0]:
            yield finding(
                "ttl-order",
                marker.path,
                f"a mark of {ttl} stands behind one of {shortest[1]}, at {shortest[2]}",
                provider_text=ctx.text_of(
                    "ttl-order", path=dotted(marker.path), ttl=ttl, earlier=shortest[1]
                ),
            )
        elif shortest is None or seconds < shortest[0]:
            shortest = (seconds, ttl, marker.path)


@rule("unknown-ttl")
def unknown_ttl(_: Any, ctx: Context) -> Iterator[Finding]:
    """DashScope drops a TTL that it does not have, OpenRouter each on the way to OpenAI."""
    for marker in ctx.heeded:
        ttl = marker.ttl
        if ttl is None or ttl in ctx.rules.ttls:
            continue
        if marker.key == "cache_control" and ttl not in _TTLS:
            continue
        known = ", ".join(ctx.rules.ttls) or "none that a marker may name"
        unsure = bool(ctx.note) or ctx.guessed or not ctx.rules.ttls
        yield finding(
            "unknown-ttl",
            marker.path,
            f"a TTL of {ttl}; {ctx.rules.name} has {known}",
            severity="note" if unsure else None,
        )


@rule("automatic-not-taken")
def automatic_not_taken(_: Any, ctx: Context) -> Iterator[Finding | Abstention]:
    """Top-level cache_control is Anthropic's, OpenRouter's for Claude, and Kimi's in Messages."""
    if ctx.rules.automatic is not None:
        return
    for marker in ctx.markers:
        if marker.where != "request":
            continue
        unknown = ctx.rules.sources.get("automatic")
        if unknown is not None:
            yield Abstention("automatic-not-taken", marker.path, unknown.note or unknown.url)
        else:
            yield finding(
                "automatic-not-taken",
                marker.path,
                f"{ctx.rules.name} is not known to read a mark for the request as a whole",
                severity="waste",
            )


@rule("automatic-ttl-conflict")
def automatic_ttl(_: Any, ctx: Context) -> Iterator[Finding]:
    """Anthropic: the automatic mark and one on the block it falls on ask for the same TTL."""
    whole = next((each for each in ctx.heeded if each.where == "request"), None)
    last = next((block.path for block in reversed(ctx.blocks) if ctx.carries(block)), None)
    if whole is None:
        return
    default = ctx.rules.default_ttl
    for marker in ctx.heeded:
        if marker.where == "part" and marker.target == last:
            own, asked = marker.ttl or default, whole.ttl or default
            if own != asked:
                yield finding(
                    "automatic-ttl-conflict",
                    whole.path,
                    f"the automatic mark asks for {asked}, the one at {marker.path} for {own}",
                    provider_text=ctx.text_of("automatic-ttl-conflict", asked=asked, own=own),
                )


@rule("explicit-without-marker")
def explicit_without_marker(body: Any, ctx: Context) -> Iterator[Finding]:
    """In OpenAI's explicit mode only breakpoints cache."""
    if ctx.rules.implicit_marks and _explicit_mode(body) and not ctx.heeded:
        yield finding(
            "explicit-without-marker",
            "prompt_cache_options",
            "mode explicit, and no breakpoint that is read: nothing is cached",
        )
