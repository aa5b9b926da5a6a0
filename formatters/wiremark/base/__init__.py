"""What every protocol package shares: the formatter's frame, its trace, request, reply, texts."""

from __future__ import annotations

from .formatter import BaseFormatter, FormatterSettings
from .grouping import Group
from .reply import Delta, Reply
from .request import Request
from .stream import StreamParser
from .trace import Trace

__all__ = [
    "BaseFormatter",
    "Delta",
    "FormatterSettings",
    "Group",
    "Reply",
    "Request",
    "StreamParser",
    "Trace",
]
