"""Rules about content and fields: lists that are not read, media in the wrong place, old fields."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from wiremark.prefix.context import MEDIA_KINDS
from wiremark.validation.codes import finding
from wiremark.validation.rules.core import rule

if TYPE_CHECKING:
    from wiremark.findings import Finding
    from wiremark.prefix.context import Context

__all__ = ["array_not_accepted", "legacy_fields", "media_out_of_place", "refused_fields"]


@rule("array-not-accepted")
def array_not_accepted(_: Any, ctx: Context) -> Iterator[Finding]:
    """glm-* on DashScope reads a list as an empty prompt, unless the request has tools."""
    if not ctx.rules.refuses_array(ctx.model, tools=bool(ctx.tools)):
        return
    if any(block.kind in MEDIA_KINDS for block in ctx.blocks):
        return  # a model that sees needs a list
    lists = [each for each in ctx.messages if isinstance(each.value.get("content"), list)]
    if lists:
        yield finding(
            "array-not-accepted",
            f"{lists[0].path}.content",
            f"{len(lists)} messages have a list as content, which {ctx.model} reads as an empty"
            " prompt in a request without tools",
        )


@rule("media-out-of-place")
def media_out_of_place(_: Any, ctx: Context) -> Iterator[Finding]:
    """OpenAI takes images in user messages alone."""
    roles = ctx.rules.media_roles
    for block in ctx.blocks if roles else ():
        if block.kind in MEDIA_KINDS and block.role not in roles:
            message = ctx.messages[block.message].path
            quoted = ctx.text_of("media-out-of-place", path=message, role=block.role)
            yield finding(
                "media-out-of-place",
                block.path,
                f"{block.kind} in a message of role {block.role!r}",
                provider_text=quoted if block.kind == "image" else "",
            )


@rule("legacy-field")
def legacy_fields(body: Any, ctx: Context) -> Iterator[Finding]:
    """OpenAI keeps old names of fields for a while."""
    for old, new in ctx.rules.legacy_fields:
        if isinstance(body, dict) and body.get(old) is not None:
            yield finding("legacy-field", old, f"{old} is deprecated", f"use {new}")


@rule("refused-field")
def refused_fields(body: Any, ctx: Context) -> Iterator[Finding]:
    """OpenAI's Responses do not take what chat completions alone have."""
    for name, words in ctx.rules.refused_fields:
        if isinstance(body, dict) and body.get(name) is not None:
            yield finding("refused-field", name, f"{name} is not taken here", provider_text=words)
