"""Texts that formatters of several protocols build alike, as agentscope-java builds them.

Facts: facts of agentscope-java at c2d43f86 (2026-08-22), "Shared rules". Joining of empty texts
differs between protocols and is therefore not here.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

from .. import jsontext
from ..errors import MediaError
from ..javatext import hash_map_sorted
from ..media import MediaPolicy, guess_mime, store_result
from ..messages import (
    Base64Source,
    Block,
    Msg,
    Source,
    ToolResultBlock,
    ToolUseBlock,
    URLSource,
    is_media,
)
from ..quirks import Quirks
from .trace import Trace

__all__ = ["Media", "arguments_text", "derived_call_id", "extract_text", "mime_of", "result_text"]


@dataclass(frozen=True, slots=True)
class Media:
    """What a formatter may do with media: the caller's policy, and Java's ways that it keeps."""

    policy: MediaPolicy | None
    quirks: Quirks
    own_arguments: bool
    """Whether argument texts follow Java's order or numbers, and are therefore not those stored."""

    @classmethod
    def of(cls, policy: MediaPolicy | None, quirks: Quirks) -> Media:
        """Return the value for a policy and quirks."""
        return cls(policy, quirks, quirks.hash_map_order or quirks.java_numbers)


def arguments_text(block: ToolUseBlock, quirks: Quirks) -> str:
    """Return a call's argument text: its raw text if that holds an object, else its input."""
    if block.content and jsontext.starts_with_object(block.content):
        return block.content
    given = hash_map_sorted(block.input) if quirks.hash_map_order else block.input
    return jsontext.dumps(given, java_numbers=quirks.java_numbers, at="input")


def derived_call_id(content: Any, position: int, number: int) -> str:
    """Return a tool call id made from the content that is sent and its position.

    What is not sent has no part in it, so that the id changes only when the request does.
    """
    text = jsontext.dumps([position, number, content])
    return f"call_{hashlib.sha256(text.encode()).hexdigest()[:24]}"


def extract_text(message: Msg, trace: Trace, *, null_hints: bool) -> str:
    """Return text, hints and the texts of tool results, joined by newlines, empty ones included."""
    blocks = message.content
    if len(blocks) == 1 and not trace.wants_ends:
        only = blocks[0]
        if only.type == "text":
            return only.text
    pieces: list[str] = []
    length = -1
    for number, block in enumerate(blocks):
        before = len(pieces)
        if block.type == "text":
            pieces.append(block.text)
        elif block.type == "hint":
            if block.hint is not None:
                pieces.append(block.hint)
            elif null_hints:
                pieces.append("null")
        elif block.type == "tool_result":
            pieces.extend(item.text for item in block.output if item.type == "text")
        if trace.wants_ends:
            for piece in pieces[before:]:
                length += len(piece) + 1
            trace.block_end(number, offset=max(length, 0))
    return "\n".join(pieces)


def mime_of(source: Source) -> str | None:
    """Return the MIME type of a data block's source: as given, else by the URL's extension.

    None if the source has neither; raises `MediaError` if the extension says nothing.
    """
    if isinstance(source, Base64Source):
        return source.media_type
    if not isinstance(source, URLSource):
        return None
    hint = source.mime_type
    mime = hint if hint and hint.strip() else guess_mime(source.url)
    if mime is None:
        raise MediaError(
            f"Cannot determine MIME type for URL '{source.url}'; set URLSource.mimeType explicitly"
        )
    return mime


def result_text(block: ToolResultBlock, media: Media, trace: Trace, number: int) -> str:
    """Return a tool result as text: each text, a sentence for each medium, a list if several.

    Media given as base64 go to a file under the policy's directory. `number`: the block's place.
    """
    output = block.output
    if len(output) == 1:
        only = output[0]
        if only.type == "text":
            return only.text
    items = [
        text
        for inner, item in enumerate(output)
        if (text := _item_text(item, media, trace, f"content[{number}].output[{inner}]"))
        is not None
    ]
    if len(items) < 2:
        return items[0] if items else ""
    return "\n".join(f"- {item}" for item in items)


def _item_text(item: Block, media: Media, trace: Trace, where: str) -> str | None:
    if item.type == "text":
        return item.text
    if not is_media(item):
        return None
    source = item.source
    if isinstance(source, URLSource):
        return f"The returned {item.type} can be found at: {source.url}"
    if not isinstance(source, Base64Source):
        return f"[{item.type} - unsupported source type]"
    quirks = media.quirks
    try:
        path = store_result(
            source.media_type,
            source.data,
            policy=media.policy,
            fresh=quirks.temp_files,
            abort=quirks.bad_media_aborts,
        )
    except MediaError as problem:
        trace.finding("media-not-sent", "note", where, problem.problem, problem.advice)
        return f"[{item.type.capitalize()} - processing failed: {problem.problem}]"
    return f"The returned {item.type} can be found at: {path}"
