"""Every reason code of a decision, with its one sentence.

A sentence is filled from the facts of the decision. A reason with a severity also becomes a
finding of the plan, with the advice given here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from ..findings import Finding, Severity

__all__ = ["REASONS", "Reason", "finding_for", "sentence_for"]


@dataclass(frozen=True, slots=True)
class Reason:
    """One reason code: its sentence, and how it is reported as a finding, if it is."""

    sentence: str
    severity: Severity | None = None
    advice: str = ""


REASONS: Final[Mapping[str, Reason]] = MappingProxyType(
    {
        # placed
        "as-asked": Reason("stands where it was asked for"),
        "behind-dynamic": Reason(
            "lies on or behind {dynamic}, whose text changes from request to request,"
            " so no later request can read it",
            "waste",
            "move the dynamic message to the end of the request, or take the mark away",
        ),
        "growing-history": Reason(
            "stands in a message whose text grows with each turn before its end, so each request"
            " writes it and none reads it",
            "waste",
            "use an append-only history layout",
        ),
        "mid-message": Reason(
            "stands in the middle of a message; {rules} reuses a prefix at message ends only",
            "waste",
            "ask for the mark on the message, or on its last block",
        ),
        "message-level": Reason(
            "stood beside role and content, where no provider reads it; moved to the block",
            "note",
            "remove markers from stored messages with strip_marks",
        ),
        "ttl-clamped": Reason(
            "asked for {asked}; {rules} has {ttls}, so {ttl} is used",
            "note",
            "ask for one of {ttls}",
        ),
        "ttl-order": Reason(
            "{rules} takes no longer TTL behind a shorter one, so {asked} became {ttl}",
            "note",
            "give the longer TTL to the earlier marks",
        ),
        "keys-lost": Reason(
            "the marker's fields {lost} are not carried over",
            "note",
            "a marker has type or mode, and ttl",
        ),
        # moved
        "cannot-carry": Reason(
            "{asked_slot} has no block that can carry a mark; the nearest earlier one carries it"
        ),
        "end-of-tool-batch": Reason(
            "within a run of tool results {rules} honours a mark on the last one only"
        ),
        "nested-in-result": Reason(
            "stood inside a tool result's content; the mark belongs to the result"
        ),
        "tools-in-prefix": Reason(
            "{rules} takes no mark on a tool; tools are part of the system prefix,"
            " so the head of the messages carries it"
        ),
        "no-automatic": Reason(
            "{rules} has no mark for the request as a whole; its last block carries it"
        ),
        "tail-is-automatic": Reason("{rules} takes the mark at the end for the request as a whole"),
        # merged
        "same-slot": Reason("joins the mark asked for by {winner}"),
        # dropped
        "unreadable-value": Reason(
            "the value {value} cannot be read",
            "note",
            "use true, false, a TTL such as '5m', or {{'type': 'ephemeral', 'ttl': '5m'}}",
        ),
        "vetoed": Reason("{veto} says never"),
        "no-slot": Reason(
            "nothing up to {asked_slot} can carry a mark",
            "note",
            "put the mark on a message with text",
        ),
        "array-not-accepted": Reason(
            "{model} does not accept array content here, and a string cannot carry a mark",
            "note",
            "leave the message unmarked, or send tools with the request",
        ),
        "automatic-only": Reason(
            "{rules} takes a mark for the request as a whole only",
            "note",
            "ask for the mark at the end of the request",
        ),
        "budget": Reason(
            "{rules} leaves room for {budget} of the {count} marks asked for",
            "note",
            "ask for fewer marks: the tail, the stable head and the previous tail go first",
        ),
        "no-markers": Reason(
            "{rules} takes no marks",
            "note",
            "rely on the provider's implicit caching: keep the prefix equal",
        ),
        # about the request
        "unused-behind-dynamic": Reason(
            "{count} content blocks lie behind this dynamic content; no later request can read"
            " them from cache",
            "waste",
            "move it towards the end of the request",
        ),
    }
)
"""Reason codes, in the order placed, moved, merged, dropped."""


def sentence_for(code: str, facts: Mapping[str, object]) -> str:
    """Return the sentence of a reason, filled from the facts."""
    return REASONS[code].sentence.format_map(facts)


def finding_for(code: str, path: str, facts: Mapping[str, object]) -> Finding | None:
    """Return the finding that a reason becomes, `None` if it is not worth one."""
    reason = REASONS[code]
    if reason.severity is None:
        return None
    message = sentence_for(code, facts)
    return Finding(code, reason.severity, path, message, reason.advice.format_map(facts))
