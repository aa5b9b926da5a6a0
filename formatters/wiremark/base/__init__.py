"""What every protocol package shares: the formatter's frame, its trace, the request, texts."""

from __future__ import annotations

from .formatter import BaseFormatter, FormatterSettings
from .grouping import Group
from .request import Request
from .trace import Trace

__all__ = ["BaseFormatter", "FormatterSettings", "Group", "Request", "Trace"]
