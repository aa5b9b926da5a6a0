"""Which marks of a request take effect, where what each one caches ends, and which are refused.

The rules decide; the arm decides only where they are silent. Positions are depths of a `Layout`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final

from ..rules import ttl_seconds
from ..validation.codes import finding
from ..validation.rules.core import dotted
from .model import MarkAt, Miss

if TYPE_CHECKING:
    from ..estimate import Tokens
    from ..findings import Finding
    from .arms import Reading
    from .layout import Layout, RawMark

__all__ = ["DEFAULT_TTL", "Mark", "Marking", "read_marks"]

DEFAULT_TTL: Final = "5m"
"""What an entry lives where the rules state no TTL: the least that any provider documents."""


@dataclass(frozen=True, slots=True)
class Mark:
    """A mark that takes effect: what it caches ends at `depth`, after `blocks` content blocks.

    `readable`: later requests find its entry; `implicit`: the provider set it.
    """

    path: str
    ttl: str
    depth: int
    blocks: int
    tokens: Tokens
    readable: bool = True
    implicit: bool = False

    @property
    def at(self) -> MarkAt:
        """Return the mark as a result shows it."""
        return MarkAt(self.path, self.ttl, float(round(self.tokens.estimate)))


@dataclass(frozen=True, slots=True)
class Marking:
    """The marks in effect, in prefix order.

    `refused` is why the provider rejects the request, `silent` why its marks have no effect. `own`
    are the breakpoints the request carries, those that are not written too.
    """

    marks: tuple[Mark, ...] = ()
    own: tuple[Mark, ...] = ()
    refused: Finding | None = None
    silent: Miss | None = None


def read_marks(layout: Layout, body: Mapping[str, Any], reading: Reading) -> Marking:
    """Return what the marks of the request do that `layout` has read."""
    rules = layout.rules
    found = list(layout.marks())
    refused = next((mark for _, mark in found if mark.code), None)
    if refused is not None:
        return Marking(refused=_refusal(layout, refused))
    silent = _silent(layout, bool(found) or layout.automatic is not None)
    if silent is not None:
        return Marking(silent=silent)
    options = body.get("prompt_cache_options")
    options = options if isinstance(options, Mapping) else {}
    if rules.implicit_marks and options.get("ttl") is not None:
        # A breakpoint without a lifetime has the request's (openai 3.52.0, its docstring).
        asked = _text(options["ttl"])
        found = [(index, mark._replace(ttl=mark.ttl or asked)) for index, mark in found]
    own = _merged([_placed(layout, index, mark, reading) for index, mark in found])
    implicit = rules.implicit_marks > 0 and options.get("mode") != "explicit"
    whole = _automatic(layout, reading)
    problem = _order(layout, own, whole)
    if problem is not None:
        return Marking(refused=problem)
    limit = rules.max_marks
    if limit is not None and implicit:
        limit -= rules.implicit_marks
    count = len(own) + (whole is not None)
    if limit is not None and count > limit and _rejects(layout, reading):
        return Marking(refused=_too_many(layout, count, limit, own[0].path))
    marks = _merged([*own, whole] if whole is not None else own)
    if rules.last_mark_only:
        limit = 1
    if limit is not None:
        marks = marks[-limit:]
    if implicit and reading.implicit:
        end = _implicit(layout, _ttl(layout, _text(options.get("ttl")), reading))
        if end is not None and all(mark.depth != end.depth for mark in marks):
            marks = sorted([*marks, end], key=lambda mark: mark.depth)
    return Marking(tuple(marks), tuple(own))


def _placed(layout: Layout, index: int, mark: RawMark, reading: Reading) -> Mark:
    path, depth, blocks = layout.place(index, mark)
    part, readable = layout.parts[index], True
    if layout.rules.reuse_at == "message":
        # A user message with media is cached as a whole, wherever in it the mark stands.
        if mark.depth >= part.ends_at or (part.has_media and part.role == "user"):
            depth, blocks = layout.end_of(index)
        else:
            readable = reading.reads_mid_message
    ttl = _ttl(layout, mark.ttl, reading)
    return Mark(path, ttl, depth, blocks, layout.tokens_at(depth), readable)


def _ttl(layout: Layout, asked: str | None, reading: Reading) -> str:
    rules = layout.rules
    if asked is None:
        return rules.default_ttl or DEFAULT_TTL
    if rules.ttls:
        return rules.nearest_ttl(asked) or DEFAULT_TTL
    return asked if reading.trusts_ttl and ttl_seconds(asked) else DEFAULT_TTL


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _automatic(layout: Layout, reading: Reading) -> Mark | None:
    """Return the mark of the request as a whole: at its last block that can carry one."""
    marker = layout.automatic
    if marker is None:
        return None
    for index in range(len(layout.parts) - 1, -1, -1):
        last = layout.parts[index].last
        if last is not None:
            mark = _placed(layout, index, last._replace(ttl=marker.ttl), reading)
            return replace(mark, path=marker.path)
    return None


def _implicit(layout: Layout, ttl: str) -> Mark | None:
    """Return OpenAI's own breakpoint: the end of the latest message that can carry one."""
    for index in range(len(layout.parts) - 1, 0, -1):
        part = layout.parts[index]
        if part.last is not None and part.role != "assistant":
            depth, blocks = layout.end_of(index)
            path, _, _ = layout.place(index, part.last)
            return Mark(path, ttl, depth, blocks, layout.tokens_at(depth), implicit=True)
    return None


def _merged(marks: Sequence[Mark]) -> list[Mark]:
    """Return one mark a position, in prefix order, with the longest TTL asked for there."""
    best: dict[int, Mark] = {}
    for mark in sorted(marks, key=lambda mark: mark.depth):
        other = best.get(mark.depth)
        if other is None or _seconds(mark) > _seconds(other):
            best[mark.depth] = mark
    return list(best.values())


def _seconds(mark: Mark) -> int:
    return ttl_seconds(mark.ttl) or 0


def _silent(layout: Layout, marked: bool) -> Miss | None:
    rules, model = layout.rules, layout.model
    if marked and not rules.lists(model):
        words = f"{rules.name} does not list {model} for explicit caching: marks have no effect"
        return Miss("no-cache", words)
    if marked and rules.refuses_array(model, tools=layout.has_tools):
        return Miss(
            "no-cache",
            f"{model} takes no content arrays without tools: the prompt is read as empty",
        )
    return None


# ------------------------------------------------------------------- refusals


def _rejects(layout: Layout, reading: Reading) -> bool:
    over = layout.rules.over_limit
    return over == "error" or (over is None and reading.refuses_beyond_limit)


def _too_many(layout: Layout, count: int, limit: int, path: str) -> Finding:
    rules = layout.rules
    text = rules.error_texts.get("too-many-markers", "")
    return finding(
        "too-many-markers",
        path,
        f"{count} cache markers where {limit} are heeded: the request is rejected",
        provider_text=text.format_map({"limit": limit, "found": count}),
    )


def _order(layout: Layout, own: Sequence[Mark], whole: Mark | None) -> Finding | None:
    texts = layout.rules.error_texts
    if not layout.rules.ttl_ordered:
        return None
    same = next((mark for mark in own if whole is not None and mark.depth == whole.depth), None)
    if same is not None and whole is not None and same.ttl != whole.ttl:
        facts = {"asked": whole.ttl, "own": same.ttl}
        return finding(
            "automatic-ttl-conflict",
            whole.path,
            f"the automatic mark asks for {whole.ttl}, the mark at {same.path} for {same.ttl}",
            provider_text=texts.get("automatic-ttl-conflict", "").format_map(facts),
        )
    marks = [*own, whole] if whole is not None else own
    for earlier, mark in pairwise(marks):
        if _seconds(mark) > _seconds(earlier):
            facts = {"path": dotted(mark.path), "ttl": mark.ttl, "earlier": earlier.ttl}
            return finding(
                "ttl-order",
                mark.path,
                f"a mark of {mark.ttl} stands behind one of {earlier.ttl}, at {earlier.path}",
                provider_text=texts.get("ttl-order", "").format_map(facts),
            )
    return None


def _refusal(layout: Layout, mark: RawMark) -> Finding:
    index = next(index for index, each in layout.marks() if each is mark)
    path, _, _ = layout.place(index, mark)
    facts = {"path": dotted(path), "kind": mark.kind}
    text = layout.rules.error_texts.get(mark.code, "").format_map(facts)
    words = f"{layout.rules.name} refuses a marker here: {_REFUSED[mark.code]}"
    return finding(mark.code, path, words, provider_text=text)


_REFUSED: Final[Mapping[str, str]] = {
    "refused-marker": "of this form it takes none",
    "marker-in-tool-result": "it stands inside a tool result",
    "message-level-marker": "it stands beside role and content",
    "marker-on-thinking": "the block is a thought",
    "marker-on-empty-text": "the text is empty",
}
