"""Why a request read less than it could have, in one sentence."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from .entries import Entry
from .model import Miss

if TYPE_CHECKING:
    from ..estimate import Tokens
    from .entries import Leaf
    from .layout import Departure, Layout
    from .marking import Mark, Marking

__all__ = ["Attempt", "Before", "changed", "explain", "under_minimum"]

_LEAD: Final = 20
_TAIL: Final = 40


@dataclass(frozen=True, slots=True)
class Before:
    """What the request before left: the longest prefix it wrote or read, or why it left none."""

    target: Entry | Leaf | None
    nothing: Miss | None = None


@dataclass(frozen=True, slots=True)
class Attempt:
    """A request that looks for its prefix, and what it found: `depth`, 0 for nothing.

    `marking` are its marks; `lookback` and `breakpoints` how far they reach; `implicit` says that
    the prefix is looked for without marks; `minimum` is the least prefix.
    """

    layout: Layout
    marking: Marking
    at: float
    depth: int
    minimum: float
    lookback: int | None
    breakpoints: int | None
    implicit: bool
    departure: Departure | None


def explain(attempt: Attempt, before: Before | None, first: str) -> Miss | None:
    """Return why less was read than the request before left, `None` if nothing less was.

    `first` says why nothing can be there yet, if there was no request before.
    """
    if attempt.depth == 0:
        own = _by_itself(attempt)
        if own is not None:
            return own
    if before is None:
        return None if attempt.depth else Miss("first", first)
    target = before.target
    if target is None:
        return None if attempt.depth else _left_nothing(before)
    if attempt.depth >= target.depth:
        return None
    layout = attempt.layout
    if target.depth > layout.depth or layout.chain[target.depth - 1] != target.digest:
        return changed(attempt.departure)
    where = layout.path_at(target.depth)
    if target.ready > attempt.at:
        by = target.ready - attempt.at
        return Miss("not-ready", f"the entry up to {where} is written {_s(by)} later", where, by)
    if target.expires < attempt.at:
        by = attempt.at - target.expires
        return Miss("expired", f"the TTL of the entry up to {where} passed by {_s(by)}", where, by)
    return _out_of_reach(attempt, target, where)


def _by_itself(attempt: Attempt) -> Miss | None:
    """Return why a request like this one reads nothing, whatever there was before."""
    rules, marking = attempt.layout.rules, attempt.marking
    if marking.refused is not None:
        text = marking.refused.provider_text or marking.refused.message
        return Miss("other", f"the request is rejected: {text}", marking.refused.path)
    if attempt.implicit:
        return under_minimum(attempt.layout.total, attempt.minimum, "", "the request")
    if marking.silent is not None:
        return marking.silent
    if not marking.marks:
        if rules.marker == "none":
            words = f"{rules.name} takes no marks, and nothing it does by itself is counted here"
            return Miss("no-cache", words)
        return Miss("no-marks", "the request has no mark that the provider reads")
    last = marking.marks[-1]
    return under_minimum(last.tokens, attempt.minimum, last.path, f"the prefix up to {last.path}")


def under_minimum(tokens: Tokens, minimum: float, path: str, what: str) -> Miss | None:
    """Return the miss of a prefix that is too short, `None` if it is not."""
    if tokens.estimate >= minimum and tokens.low >= minimum:
        return None
    by = minimum - round(tokens.estimate)
    doubt = ""
    if tokens.high >= minimum:
        doubt = f"; that cannot be told: {tokens}"
    if by <= 0:
        by = minimum - round(tokens.low)
    words = f"{what} is under the minimum of {minimum:,.0f} tokens by {by:,.0f}{doubt}"
    return Miss("under-minimum", words, path, by)


def _left_nothing(before: Before) -> Miss:
    why = before.nothing
    if why is None:
        return Miss("other", "the request before left nothing")
    words = f"the request before left nothing: {why.sentence}"
    return Miss(why.code, words, why.path, why.by)


def changed(departure: Departure | None) -> Miss:
    """Return the miss of a prefix that is not what it was."""
    if departure is None:
        return Miss("changed", "the request ends before the prefix that was written does")
    before, after = departure
    if before is None or after is None:
        end = after.path if after else before.path if before else ""
        return Miss("changed", f"the request ends before {end}, which was there before", end)
    path = after.path
    old, new = before.text, after.text
    if before.name != after.name:
        old, new = f"{before.name}: {old}", f"{after.name}: {new}"
    start = max(0, _common(old, new) - _LEAD)
    old, new = old[start : start + _LEAD + _TAIL], new[start : start + _LEAD + _TAIL]
    words = f"the prefix changed at {path}: {old!r} became {new!r}"
    return Miss("changed", words, path, None, old, new)


def _out_of_reach(attempt: Attempt, target: Entry | Leaf, where: str) -> Miss:
    """Return why an entry that is there was not found."""
    marks = attempt.marking.marks
    if not isinstance(target, Entry):
        words = f"a request with marks reads none of what was kept without, up to {where}"
        return Miss("other", words, where)
    if not target.readable:
        words = f"the entry ends inside a message, at {where}, where none is read in this arm"
        return Miss("other", words, where)
    behind: Mark | None = next((mark for mark in marks if mark.depth >= target.depth), None)
    if behind is None:
        return Miss("no-marks", f"no mark stands at or behind {where}, where the entry ends", where)
    if attempt.breakpoints is not None:
        words = f"no breakpoint among the latest {attempt.breakpoints} stands at {where}"
        return Miss("beyond-lookback", words, where)
    over = behind.blocks - target.blocks - (attempt.lookback or 0)
    if attempt.lookback is not None and over > 0:
        words = (
            f"the entry up to {where} is {over} blocks over the lookback of {attempt.lookback}"
            f" from the mark at {behind.path}"
        )
        return Miss("beyond-lookback", words, where, over)
    return Miss("other", f"the entry up to {where} was not found", where)


def _common(one: str, other: str) -> int:
    """Return how many characters are equal from the start, by halving."""
    low, high = 0, min(len(one), len(other))
    while low < high:
        middle = (low + high + 1) // 2
        if one[low:middle] == other[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low


def _s(seconds: float) -> str:
    return f"{seconds:,.0f} s" if seconds >= 1 else f"{seconds:.3g} s"
