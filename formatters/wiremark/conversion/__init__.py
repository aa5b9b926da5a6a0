"""Request bodies from one protocol to another: read, carried over as messages, written anew.

What a body says and messages, tools and options cannot hold is named, and so is what the other
protocol has no place for. Nothing is left out in silence.
"""

from __future__ import annotations

from .conversation import Conversation
from .converting import Converted, convert
from .reading import PROTOCOLS, read_body
from .targets import TARGETS

__all__ = ["PROTOCOLS", "TARGETS", "Conversation", "Converted", "convert", "read_body"]
