"""Where the prefix of one request departs from that of another: block, offset, before and after.

A provider reads from its cache what two requests have in common from their start. A mark is no part
of that, so a moved mark is not a difference.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any, Final, Literal

from wiremark.prefix.pieces import common_pieces
from wiremark.validation.reading import context_of, known_protocol

if TYPE_CHECKING:
    from wiremark.prefix.context import Context
    from wiremark.prefix.pieces import Piece
    from wiremark.rules import CacheRules

__all__ = ["PrefixDiff", "compare_contexts", "compare_prefix"]

_LEAD: Final = 20
_TAIL: Final = 40
_ORDER: Final = ("model", "tools", "system", "messages")


@dataclass(frozen=True, slots=True)
class PrefixDiff:
    """What two requests have in common from their start, and the first place where they differ.

    `relation`: the later request is `equal`, it `extends` the earlier one, it is a `shortened` one,
    or it `departs` from it; only then the other fields name a place. `section` is `model`, `tools`,
    `system` or `messages`; `path` is in the later request, `previous_path` in the earlier one, each
    `""` where that one ends; `offset` counts characters in the text of that block, or in the JSON
    text of a tool or other value. `before` and `after` are the texts around it in the earlier and
    the later request. `pieces`, `blocks` and `characters` count what is common.
    """

    relation: Literal["equal", "extends", "shortened", "departs"]
    section: str = ""
    path: str = ""
    previous_path: str = ""
    offset: int = 0
    before: str = ""
    after: str = ""
    pieces: int = 0
    blocks: int = 0
    characters: int = 0

    @property
    def departs(self) -> bool:
        """Say whether something that the earlier request sent is different in the later one."""
        return self.relation == "departs"

    def __str__(self) -> str:
        if not self.departs:
            what = {
                "equal": "equal to",
                "extends": "an extension of",
                "shortened": "a beginning of",
            }
            return f"the prefix is {what[self.relation]} the previous one ({self._common()})"
        where = self.path or f"the end, where the previous request has {self.previous_path}"
        return (
            f"the prefix departs at {where}, character {self.offset}:"
            f" {self.before!r} became {self.after!r} ({self._common()})"
        )

    def _common(self) -> str:
        return f"{self.blocks} blocks and {self.characters} characters in common"

    def to_dict(self) -> dict[str, Any]:
        """Return the comparison as JSON-able data."""
        return {each.name: getattr(self, each.name) for each in fields(self)}


def compare_prefix(
    previous: Any,
    body: Any,
    protocol: str | None = None,
    *,
    model: str | None = None,
    host: str | None = None,
    rules: CacheRules | None = None,
) -> PrefixDiff:
    """Return the first place where the prefix of `body` departs from that of `previous`.

    Tools come first, then the system, then the messages. A body that goes on where the previous one
    ended does not depart. Both are of one `protocol`, or of the one that `body` shows. Nothing is
    modified. Raises `OptionError` if no protocol is named or shown.
    """
    protocol = known_protocol(body, protocol)
    ctx = context_of(body, protocol, model=model, host=host, previous=previous, rules=rules)
    if model is None and isinstance(previous, dict) and isinstance(body, dict):
        old, new = previous.get("model"), body.get("model")
        if isinstance(old, str) and isinstance(new, str) and old != new:
            at = PrefixDiff("departs", "model", "model", "model")
            return replace(_departure(at, old, new), characters=0)
    assert ctx.previous is not None or previous is None
    before = ctx.previous or context_of({}, protocol, rules=ctx.rules)
    return compare_contexts(before, ctx)


def compare_contexts(previous: Context, ctx: Context) -> PrefixDiff:
    """Return the first place where the prefix of a context departs from that of another."""
    mine, theirs = ctx.pieces, previous.pieces
    common = common_pieces(mine, theirs)
    alike = PrefixDiff(
        "equal",
        pieces=common,
        blocks=mine[common - 1].blocks if common else 0,
        characters=sum(len(piece.text) for piece in mine[:common]),
    )
    added, dropped = len(mine) > common, len(theirs) > common
    if added and dropped:
        return _between(alike, theirs[common], mine[common])
    if added or dropped:
        return replace(alike, relation="extends" if added else "shortened")
    return alike


def _between(alike: PrefixDiff, old: Piece, new: Piece) -> PrefixDiff:
    section = min(old.section, new.section, key=_ORDER.index)
    at = replace(alike, section=section, path=new.path, previous_path=old.path)
    if old.name == new.name:
        return _departure(at, old.text, new.text)
    # Another kind of thing stands here: the texts are not comparable.
    return replace(_departure(at, f"{old.name}: {old.text}", f"{new.name}: {new.text}"), offset=0)


def _departure(at: PrefixDiff, old: str, new: str) -> PrefixDiff:
    offset = _common(old, new)
    start = max(0, offset - _LEAD)
    return replace(
        at,
        relation="departs",
        offset=offset,
        before=old[start : offset + _TAIL],
        after=new[start : offset + _TAIL],
        characters=at.characters + offset,
    )


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
