"""What a schema cannot say about a request: a tuple of small rule functions.

A rule takes the body and its context and yields findings; it raises on no JSON value and changes
none. Figures come from `wiremark.rules`, severities and sources from `codes`. Where a service is
not known to reject, the finding is milder than its code.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Final, TypeAlias

from wiremark.findings import Finding
from wiremark.validation.context import Context
from wiremark.validation.rules.markers import (
    marker_on_empty_text,
    message_level_marker,
    too_many_markers,
    tool_marker_ignored,
    unread_markers,
)
from wiremark.validation.rules.tools import empty_tool_calls, tool_names, tool_results

__all__ = ["RULES", "Rule"]

Rule: TypeAlias = Callable[[Any, Context], Iterable[Finding]]
"""Takes a body and its context; several findings come in the order of the body."""

RULES: Final[tuple[Rule, ...]] = (
    too_many_markers,
    marker_on_empty_text,
    message_level_marker,
    tool_marker_ignored,
    unread_markers,
    tool_results,
    empty_tool_calls,
    tool_names,
)
"""In the order in which their findings are listed."""
