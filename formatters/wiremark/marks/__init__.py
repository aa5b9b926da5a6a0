"""Cache marks: wishes become a plan, the plan becomes markers. Knows no provider by name.

`place_marks` places, `strip_marks` takes out again, a `Plan` says what became of every wish.
"""

from .place import Marked, place_marks
from .plan import Decision, Plan
from .policies import (
    POLICIES,
    Policy,
    PolicyLike,
    manual,
    resolve_policy,
    rolling,
    stable_head,
    system_and_last,
)
from .reasons import REASONS, Reason
from .slots import PartShape
from .strip import strip_body, strip_marks, strip_tool_marks
from .view import RequestView
from .wish import Origin, Slot, Wish

__all__ = [
    "POLICIES",
    "REASONS",
    "Decision",
    "Marked",
    "Origin",
    "PartShape",
    "Plan",
    "Policy",
    "PolicyLike",
    "Reason",
    "RequestView",
    "Slot",
    "Wish",
    "manual",
    "place_marks",
    "resolve_policy",
    "rolling",
    "stable_head",
    "strip_body",
    "strip_marks",
    "strip_tool_marks",
    "system_and_last",
]
