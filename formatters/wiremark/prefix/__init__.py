"""A request body read once, in the order of its prefix: blocks, marks, and what is compared.

Whoever judges, watches or replays requests reads them here, whatever their protocol.
"""

from __future__ import annotations

from .context import (
    MARKER_KEYS,
    MEDIA_KINDS,
    MESSAGE_PLACES,
    RESPONSES,
    THINKING_KINDS,
    TOOL_PLACES,
    Block,
    Context,
    Entry,
    Marker,
    Section,
    as_items,
    json_text,
    read_context,
    role_of,
)
from .pieces import Piece, common_pieces, mark_ends, read_pieces

__all__ = [
    "MARKER_KEYS",
    "MEDIA_KINDS",
    "MESSAGE_PLACES",
    "RESPONSES",
    "THINKING_KINDS",
    "TOOL_PLACES",
    "Block",
    "Context",
    "Entry",
    "Marker",
    "Piece",
    "Section",
    "as_items",
    "common_pieces",
    "json_text",
    "mark_ends",
    "read_context",
    "read_pieces",
    "role_of",
]
