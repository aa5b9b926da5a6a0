"""What a schema cannot say about a request: a tuple of small rule functions.

A rule takes the body and its context and yields findings, and abstentions where the body alone does
not answer; it raises on no JSON value and changes none. Figures and the providers' own words come
from `wiremark.rules`, severities and sources from `codes`. Where a service is not known to reject,
the finding is milder than its code.
"""

from __future__ import annotations

from typing import Final

from wiremark.validation.rules.budget import (
    automatic_not_taken,
    automatic_ttl,
    explicit_without_marker,
    too_many_markers,
    ttl_order,
    unknown_ttl,
)
from wiremark.validation.rules.content import (
    array_not_accepted,
    legacy_fields,
    media_out_of_place,
    refused_fields,
)
from wiremark.validation.rules.core import Abstention, Judge, Rule, rule
from wiremark.validation.rules.dynamic import dynamic_text
from wiremark.validation.rules.ends import cache_points, inside_tool_batch, mid_message
from wiremark.validation.rules.markers import (
    automatic_only,
    marker_in_tool_result,
    marker_on_empty_text,
    marker_on_thinking,
    marker_on_unknown_kind,
    message_level_marker,
    model_not_listed,
    tool_marker_ignored,
    unread_markers,
)
from wiremark.validation.rules.previous import beyond_lookback, prefix_changed, tools_changed
from wiremark.validation.rules.size import under_minimum
from wiremark.validation.rules.tools import (
    empty_tool_calls,
    item_results,
    tool_names,
    tool_results,
)
from wiremark.validation.rules.turns import tool_blocks

__all__ = ["RULES", "Abstention", "Judge", "Rule", "rule"]

RULES: Final[tuple[Rule, ...]] = (
    # how many, and for how long
    too_many_markers,
    ttl_order,
    unknown_ttl,
    automatic_not_taken,
    automatic_ttl,
    explicit_without_marker,
    # where they stand
    marker_on_empty_text,
    marker_on_thinking,
    marker_in_tool_result,
    message_level_marker,
    marker_on_unknown_kind,
    tool_marker_ignored,
    automatic_only,
    unread_markers,
    model_not_listed,
    mid_message,
    inside_tool_batch,
    cache_points,
    # whether they can help
    under_minimum,
    dynamic_text,
    tools_changed,
    prefix_changed,
    beyond_lookback,
    # tools
    tool_results,
    item_results,
    tool_blocks,
    empty_tool_calls,
    tool_names,
    # content
    array_not_accepted,
    media_out_of_place,
    legacy_fields,
    refused_fields,
)
"""In the order in which their findings are listed."""
