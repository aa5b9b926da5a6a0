"""The rule about text that looks as if it changed from request to request, in front of a marker.

Only the system text and the tools are looked at: they are written anew for each request, while a
time in a past turn stays what it was. With the previous request at hand, text that stands there too
is left alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final

from wiremark.prefix.pieces import mark_ends
from wiremark.validation.codes import finding
from wiremark.validation.rules.core import rule

if TYPE_CHECKING:
    from wiremark.findings import Finding
    from wiremark.prefix.context import Context

__all__ = ["dynamic_text"]

_NOW: Final = (
    r"(?:current|present|local|system|server)\s{1,3}(?:local\s{1,3}|system\s{1,3})?(?:date|time|datetime|day)"
    r"|today(?:'s\s{1,3}date)?|right\s{1,3}now|it\s{1,3}is\s{1,3}now|now"
)
_FIGURE: Final = (
    r"(?:20\d\d[-/.][01]?\d[-/.][0-3]?\d|[0-2]?\d:[0-5]\d"
    r"|(?:mon|tues|wednes|thurs|fri|satur|sun)day"
    r"|(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*\.?\s{1,3}[0-3]?\d)"
)
_CLOCK: Final = (
    "a clock",
    re.compile(
        rf"\b(?:{_NOW})\b\s{{0,3}}(?:is|=|:|\bin\b[^.\n]{{0,20}}\bis\b)?"
        rf"\s{{0,3}}[\"'(<`]?\s{{0,3}}{_FIGURE}"
        r"|(?:当前|现在|目前)(?:的)?(?:日期|时间|日期时间)?\s{0,3}(?:是|为|:|：)?\s{0,3}(?:20\d\d|[0-2]?\d[:：])"
        r"|今天(?:的日期)?\s{0,3}(?:是|为|:|：)\s{0,3}20\d\d",
        re.IGNORECASE,
    ),
)
_ANYWHERE: Final = (
    (
        "a date and time",
        re.compile(r"\b20\d\d-[01]\d-[0-3]\d[T ][0-2]\d:[0-5]\d(?::[0-5]\d)?"),
    ),
    (
        "a UUID",
        re.compile(
            r"\b[0-9a-f]{8}-[0-9a-f]{4}-[1-8][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}\b",
            re.IGNORECASE,
        ),
    ),
    (
        "a time stamp",
        re.compile(
            r"\b(?:timestamp|epoch|unix\s{1,3}time)\s{0,3}(?:is|=|:)?\s{0,3}1[5-9]\d{8}(?:\d{3})?\b",
            re.IGNORECASE,
        ),
    ),
    (
        "a counter",
        re.compile(
            r"\b(?:turn|request|iteration|attempt|call)\s{0,3}(?:count|no\.?|number|id)?\s{0,3}(?:#|=|:)\s{0,3}\d+\b"
            r"|\b(?:turn|request|iteration|attempt)\s{1,3}\d+\s{1,3}of\s{1,3}\d+\b",
            re.IGNORECASE,
        ),
    ),
)
_EXAMPLE: Final = re.compile(
    r"e\.g\.|example|format|such as|like|sample|例如|比如|示例|格式", re.IGNORECASE
)
_NEAR: Final = 60


@rule("dynamic-text")
def dynamic_text(_: Any, ctx: Context) -> Iterator[Finding]:
    """Agents write clocks into the system text: nothing behind one is ever read from cache."""
    if not ctx.heeded:
        return
    end = max(mark_ends(ctx, ctx.heeded))
    known = set()
    if ctx.previous is not None:
        known = {piece.text for piece in ctx.previous.pieces}
    for piece in ctx.pieces[:end]:
        if piece.section == "messages":
            break
        if piece.name == "role" or piece.text in known:
            continue
        patterns = (_CLOCK,) if piece.section == "tools" else (_CLOCK, *_ANYWHERE)
        found = next(_looks(piece.text, patterns), None)
        if found is not None:
            what, match = found
            yield finding(
                "dynamic-text",
                piece.path,
                f"{what} at character {match.start()}: {match[0][:60]!r}; if it changes, nothing"
                " behind it is read from cache",
            )


def _looks(
    text: str, patterns: tuple[tuple[str, re.Pattern[str]], ...]
) -> Iterator[tuple[str, re.Match[str]]]:
    for what, pattern in patterns:
        for match in pattern.finditer(text):
            before = text[max(0, match.start() - _NEAR) : match.start()]
            if not _EXAMPLE.search(before.rpartition("\n")[2]):
                yield what, match
