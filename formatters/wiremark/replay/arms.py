"""The two arms of a replay: the documentation, and the worse reading where sources disagree.

`DIFFERENCES` is the whole list, in words and in the order of `Reading`'s fields; nothing else in
the prefix cache asks which arm it is in.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from .model import Arm

__all__ = ["DIFFERENCES", "READINGS", "Difference", "Reading"]


@dataclass(frozen=True, slots=True)
class Reading:
    """How an arm reads what is open; `DIFFERENCES` says each in words."""

    reads_mid_message: bool
    implicit: bool
    earlier_breakpoints: bool
    counts_calls: bool
    unknown_lookback: int | None
    unknown_minimum: int
    least_tokens: bool
    refuses_beyond_limit: bool
    renews_marked: bool
    trusts_ttl: bool


class Difference(NamedTuple):
    """One thing that is open, and how either arm reads it."""

    field: str
    subject: str
    neutral: str
    pessimistic: str


DIFFERENCES: Final = (
    Difference(
        "reads_mid_message",
        "a mark inside a message, where reuse is reported to work at message ends (DashScope)",
        "its entry is written, and read",
        "its entry is written, and never read",
    ),
    Difference(
        "implicit",
        "implicit caching, which no provider promises",
        "the longest common prefix is read",
        "nothing is read, and OpenAI's implicit breakpoint is not counted",
    ),
    Difference(
        "earlier_breakpoints",
        "which breakpoints OpenAI matches",
        "the latest 80: those in the request, and implicit ones of the requests before it",
        "those in the request alone, the first 2 and the latest 50",
    ),
    Difference(
        "counts_calls",
        "what counts as a content block in the lookback",
        "blocks of content, and a string as one",
        "each tool definition and each entry of `tool_calls` as well",
    ),
    Difference(
        "unknown_lookback",
        "a lookback that no source states (Bedrock, Gemini, Kimi)",
        "no limit",
        "20 blocks, as everywhere where it is stated",
    ),
    Difference(
        "unknown_minimum",
        "a minimum that no source states",
        "none",
        "4,096 tokens, the greatest of those that are stated",
    ),
    Difference(
        "least_tokens",
        "a prefix whose tokens are an estimate with the minimum in its band",
        "the estimate decides",
        "the lower end of the band decides",
    ),
    Difference(
        "refuses_beyond_limit",
        "more marks than the limit, where no source says what follows",
        "the last ones take effect",
        "the request is refused",
    ),
    Difference(
        "renews_marked",
        "which entries a hit renews",
        "the entry that is read, and those before it at marks of the request",
        "the entry that is read alone",
    ),
    Difference(
        "trusts_ttl",
        "a TTL that the rules do not list, where they list none (Qwen4)",
        "it holds",
        "five minutes",
    ),
)
"""Every difference between the arms."""

READINGS: Final[Mapping[Arm, Reading]] = MappingProxyType(
    {
        "neutral": Reading(
            reads_mid_message=True,
            implicit=True,
            earlier_breakpoints=True,
            counts_calls=False,
            unknown_lookback=None,
            unknown_minimum=0,
            least_tokens=False,
            refuses_beyond_limit=False,
            renews_marked=True,
            trusts_ttl=True,
        ),
        "pessimistic": Reading(
            reads_mid_message=False,
            implicit=False,
            earlier_breakpoints=False,
            counts_calls=True,
            unknown_lookback=20,
            unknown_minimum=4096,
            least_tokens=True,
            refuses_beyond_limit=True,
            renews_marked=False,
            trusts_ttl=False,
        ),
    }
)
