"""One request as it is looked at: its prefix block by block, with marks, hits and where it broke.

All that is computed for a viewer is computed here; a page draws it. Knows no server and no page. A
body that is not of a form whose prefix is known has no view, and its JSON is shown.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from ..prefix import Context, Marker, Piece, as_items, read_context
from ..replay.layout import Layout
from ..replay.tokens.choose import token_counter
from ..rules import DASHSCOPE_SESSION, RULE_TABLE, select_rules
from ..usage import Usage
from ..validation.registry import SPEAKS
from .records import Record

if TYPE_CHECKING:
    from ..replay.cache import CacheResult
    from ..replay.tokens.counter import TokenCounter
    from ..rules import CacheRules

__all__ = ["form_of", "rules_of", "usage_view", "view_of"]

_SHOWN: Final = 280
"""Characters of a block that are shown; its whole text is in the body."""
_FOLDED: Final = 80
"""Up to so many characters, a field of a message is shown beside its first block."""
_CONTENT: Final = frozenset({"tool", "text", "block", "tool_calls"})

_EFFECTS: Final[Mapping[str, str]] = {
    "written": "the prefix up to here is written",
    "read": "the prefix up to here is in the cache",
    "short": "not written: the prefix up to here is under the minimum",
    "none": "without effect: the provider does not heed it",
    "unknown": "not judged: the request was not served",
}


def form_of(record: Record) -> str | None:
    """Return the wire form of a request, `None` where its service is not known."""
    protocol = record.protocol
    return None if protocol is None else SPEAKS.get(protocol, (protocol, None))[0]


def rules_of(record: Record, own: CacheRules | None = None) -> CacheRules | None:
    """Return the rules a request was served by, else those it would be.

    `own` are those of every request, where there are such.
    """
    form = form_of(record)
    if form is None:
        return None
    found = own or _NAMED.get(record.rules or "")
    return found or select_rules(form, host=record.host, model=record.model).rules


_NAMED: Final[Mapping[str, CacheRules]] = {
    rules.name: rules
    for rules in (DASHSCOPE_SESSION, *(entry.rules for entry in reversed(RULE_TABLE)))
}
"""Rules by their names; those of DashScope's session cache go by a header, not by the table."""


def view_of(
    record: Record,
    counter: TokenCounter | None = None,
    *,
    rules: CacheRules | None = None,
    whole: Mapping[str, Any] | None = None,
) -> dict[str, Any] | None:
    """Return the prefix of a request as JSON data, `None` where it cannot be drawn.

    blocks: tools, system and messages in prefix order, each with its tokens, split by what was
      `read`, `written` and `fresh`; `from` and `to` count from the start of the request
    marks: each with its block, its TTL and what it does; those that the provider set itself too
    spans: the request as three stretches of tokens
    broke: where and why less was read than the request before left, `null` if nothing less was
    rest: the tokens behind the last block, which ask for the reply
    goes_on: the answer that the request goes on with, `null` if it begins a conversation;
      `inherited` is how many of the messages are of before it, and `null` if they are not known:
      only what the request says itself is drawn then. Paths count from the first that is drawn

    `counter` counts tokens, without it the best at hand for the model; `rules` are those of every
    request, where there are such; `whole` is the body with all that it goes on with, if it does.
    """
    rules = rules_of(record, rules)
    if rules is None or not isinstance(record.body, dict):
        return None
    try:
        drawing = _Drawing(record, rules, counter, whole)
        return drawing.view() if drawing.ctx.messages else None
    except Exception:  # noqa: BLE001 a body is anyone's: what cannot be drawn is shown as JSON
        return None


@dataclass(slots=True)
class _Block:
    """A block on its way into the view."""

    piece: Piece
    message: int
    role: str
    start: int
    end: int
    fields: list[tuple[str, str]] = field(default_factory=list)


class _Drawing:
    """One request, read once."""

    def __init__(
        self,
        record: Record,
        rules: CacheRules,
        counter: TokenCounter | None,
        whole: Mapping[str, Any] | None,
    ) -> None:
        self.record, self.rules = record, rules
        self.body = record.body if whole is None else whole
        self.inherited = _items(self.body) - _items(record.body)
        self.counter = counter or token_counter(record.model or "", record.host)
        self.told: CacheResult | None = record.predicted
        self.layout = Layout(rules, record.model, self.counter, counts_calls=False)
        self.layout.read(self.body)
        self.ctx: Context = self._context(foreign=False)
        self.blocks: list[_Block] = []
        self.at: dict[str, int] = {}
        self._read()

    def _context(self, *, foreign: bool) -> Context:
        return read_context(
            self.body,
            form=self.rules.protocol,
            rules=self.rules,
            model=self.record.model,
            foreign=foreign,
        )

    # ----------------------------------------------------------------------------------- blocks

    def _read(self) -> None:
        """Gather pieces into blocks: a role and short fields stand beside the first block."""
        reached = 0
        roles = {f"{each.path}.role": n for n, each in enumerate(self.ctx.messages)}
        message, role, pending = -1, "", list[tuple[str, str]]()
        waiting: list[tuple[str, int]] = []
        for depth, piece in enumerate(self.ctx.pieces, 1):
            if piece.path in roles:
                reached = self._empty(waiting, message, role, pending, reached)
                message, role = roles[piece.path], piece.text
                pending, waiting = [], [(piece.path, depth)]
                continue
            if piece.name not in _CONTENT and len(piece.text) <= _FOLDED:
                pending.append((piece.name, piece.text))
                waiting.append((piece.path, depth))
                continue
            end = max(reached, round(self.layout.tokens_at(depth).estimate))
            for path, _ in waiting:
                self.at[path] = len(self.blocks)
            self.at.setdefault(piece.path, len(self.blocks))
            said = "system" if message < 0 and piece.section == "system" else role
            self.blocks.append(_Block(piece, message, said, reached, end, pending))
            reached, pending, waiting = end, [], []
        self._empty(waiting, message, role, pending, reached)

    def _empty(
        self,
        waiting: Sequence[tuple[str, int]],
        message: int,
        role: str,
        fields: list[tuple[str, str]],
        reached: int,
    ) -> int:
        """Add a block for what stands behind the last one: a message without content, or fields.

        Return the tokens up to its end.
        """
        if not waiting:
            return reached
        path, depth = waiting[-1]
        for each, _ in waiting:
            self.at[each] = len(self.blocks)
        end = max(reached, round(self.layout.tokens_at(depth).estimate))
        section = "system" if role in ("system", "developer") else "messages"
        piece = Piece(path.rpartition(".")[0], section, "empty", "", 0)  # type: ignore[arg-type]
        self.blocks.append(_Block(piece, message, role, reached, end, fields))
        return end

    def _place(self, path: str) -> int | None:
        """Return the block that a path is of, or lies in, or the last one that lies in it."""
        inner = path
        while inner:
            if inner in self.at:
                return self.at[inner]
            within = [n for n, each in enumerate(self.blocks) if _lies_in(each.piece.path, inner)]
            if within:
                return within[-1]
            inner = inner[: max(inner.rfind("."), inner.rfind("["), 0)]
        return None

    # ------------------------------------------------------------------------------------- view

    def view(self) -> dict[str, Any]:
        told = self.told
        reached = self.blocks[-1].end if self.blocks else 0
        total = round(self.layout.total.estimate) if told is None else round(told.input)
        return {
            "total": total,
            "rest": max(0, total - reached),
            "minimum": self.rules.min_tokens_for(self.record.model),
            "counter": {"name": self.counter.name, "exact": self.counter.exact},
            "common": None if told is None else round(told.common),
            "read_as": None if told is None else told.read_as,
            "matched_at": "" if told is None else told.matched_at,
            "spans": self._spans(total),
            "blocks": [self._block(each) for each in self.blocks],
            "marks": sorted(self._marks(), key=lambda mark: (mark["block"] is None, mark["block"])),
            "broke": self._broke(),
            "places": self._places(),
            **self._goes_on(),
        }

    def _goes_on(self) -> dict[str, Any]:
        body = self.record.body
        thread = body.get("thread")
        held = body if not isinstance(thread, dict) else thread
        before = held.get("previous_response_id", held.get("previous_message_id"))
        if not isinstance(before, str):
            return {"goes_on": None, "inherited": 0}
        known = self.body is not self.record.body
        return {"goes_on": before, "inherited": self.inherited if known else None}

    def _edges(self, total: int) -> list[tuple[str, int, int]]:
        told = self.told
        if told is None:
            return []
        read = round(told.read)
        written = read + round(told.written)
        return [("read", 0, read), ("written", read, written), ("fresh", written, total)]

    def _spans(self, total: int) -> list[dict[str, Any]]:
        return [
            {"state": state, "from": start, "to": end}
            for state, start, end in self._edges(total)
            if end > start
        ]

    def _block(self, block: _Block) -> dict[str, Any]:
        piece = block.piece
        text = piece.text
        edges = self._edges(max(block.end, round(self.told.input) if self.told else 0))
        split = {
            state: max(0, min(end, block.end) - max(start, block.start))
            for state, start, end in edges
        }
        # What has no tokens of its own is as what stands before its end.
        state = next((state for state, start, end in edges if start < block.end <= end), None)
        return {
            "path": piece.path,
            "section": piece.section,
            "message": block.message,
            "inherited": self._is_inherited(block),
            "role": block.role,
            "kind": self._kind(piece, block.message),
            "name": _name_of(piece, self.ctx),
            "text": text[:_SHOWN],
            "length": len(text),
            "fields": [list(each) for each in block.fields],
            "tokens": block.end - block.start,
            "from": block.start,
            "to": block.end,
            "state": state,
            **split,
        }

    def _is_inherited(self, block: _Block) -> bool:
        if block.message >= 0:
            return block.message < self.inherited
        return _FIELD.split(block.piece.path, maxsplit=1)[0] not in self.record.body

    def _kind(self, piece: Piece, message: int) -> str:
        if piece.name == "empty":  # items of the Responses API are named by a type of their own
            kind = self.ctx.messages[message].value.get("type")
            return kind if isinstance(kind, str) else "empty"
        if piece.name == "block":
            found = self.ctx.by_path.get(piece.path)
            return (found.kind if found is not None else None) or "block"
        return {"tool_calls": "tool call"}.get(piece.name, piece.name)

    def _marks(self) -> list[dict[str, Any]]:
        effective = {mark.path: mark for mark in self.told.marks} if self.told else {}
        shown: list[dict[str, Any]] = []
        named = set()
        for marker in self._context(foreign=True).markers:
            own = marker.path if marker.where in ("request", "nested") else marker.target
            mark = effective.get(own)
            named.add(own)
            shown.append(
                {
                    "path": _marker_path(marker),
                    "block": self._place(marker.target),
                    "key": marker.key,
                    "where": marker.where,
                    "asked": marker.ttl,
                    "ttl": marker.ttl if mark is None else mark.ttl,
                    "tokens": None if mark is None else round(mark.tokens),
                    **self._effect(own),
                }
            )
        for path, mark in effective.items():
            if path not in named:
                shown.append(
                    {
                        "path": path,
                        "block": self._place(path),
                        "key": "set by the provider",
                        "where": "provider",
                        "asked": None,
                        "ttl": mark.ttl,
                        "tokens": round(mark.tokens),
                        **self._effect(path),
                    }
                )
        return shown

    def _effect(self, path: str) -> dict[str, str]:
        told = self.told
        mark = next((each for each in told.marks if each.path == path), None) if told else None
        if told is None or told.rejected is not None:
            code = "unknown"
        elif mark is None:
            code = "none"
        elif path in told.written_at:
            code = "written"
        else:
            code = "read" if mark.tokens <= told.read else "short"
        return {"effect": code, "words": _EFFECTS[code]}

    def _broke(self) -> dict[str, Any] | None:
        miss = self.told.miss if self.told is not None else None
        if miss is None:
            return None
        return {
            "code": miss.code,
            "sentence": miss.sentence,
            "path": miss.path,
            "block": self._place(miss.path) if miss.path and miss.code == "changed" else None,
            "before": miss.before,
            "after": miss.after,
        }

    def _places(self) -> dict[str, int]:
        """Return the blocks that findings are about, by their paths in the request itself."""
        found = {}
        for finding in self.record.findings:
            block = self._place(self._later(finding.path)) if finding.path else None
            if block is not None:
                found[finding.path] = block
        return found

    def _later(self, path: str) -> str:
        """Return where a path of the request itself leads behind what it goes on with."""
        item = _ITEM.match(path)
        if item is None:
            return path
        return f"input[{int(item[1]) + self.inherited}]{path[item.end() :]}"


_ITEM: Final = re.compile(r"input\[(\d+)\]")
_FIELD: Final = re.compile(r"[.\[]")


def _items(body: Mapping[str, Any]) -> int:
    items = as_items(body.get("input", body.get("messages")))
    return len(items) if isinstance(items, list) else 0


def _lies_in(path: str, outer: str) -> bool:
    return path.startswith(outer) and path[len(outer) : len(outer) + 1] in (".", "[")


def _marker_path(marker: Marker) -> str:
    own = marker.where in ("request", "nested") or marker.key == "cache_point"
    return marker.path if own else f"{marker.path}.{marker.key}"


def _name_of(piece: Piece, ctx: Context) -> str:
    """Return the name of a tool, a call or a used tool, `""` of anything else."""
    if piece.name == "tool":
        value = next((each.value for each in ctx.tools if each.path == piece.path), {})
    elif piece.name == "tool_calls":
        message, _, rest = piece.path.rpartition(".tool_calls[")
        entry = next(each.value for each in ctx.messages if each.path == message)
        value = entry["tool_calls"][int(rest[:-1])]
    else:
        block = ctx.by_path.get(piece.path)
        value = block.value if block is not None else {}
    if not isinstance(value, dict):
        return ""
    inner = (value.get(key) for key in ("function", "toolSpec", "toolUse"))
    holder: dict[str, Any] = next((each for each in inner if isinstance(each, dict)), value)
    name = holder.get("name")
    return name if isinstance(name, str) else ""


def usage_view(record: Record) -> list[dict[str, Any]]:
    """Return predicted and reported token counts side by side, and by how much they differ.

    A count that nobody predicted, or that was not reported, is `null`.
    """
    told, usage = record.predicted, record.usage or Usage()
    expected = (None, None, None) if told is None else (told.input, told.read, told.written)
    reported = (usage.input, usage.cache_read, usage.cache_write)
    rows = [
        _counts(name, None if mine is None else round(mine), theirs)
        for name, mine, theirs in zip(("input", "read", "written"), expected, reported, strict=True)
    ]
    return [*rows, _counts("output", None, usage.output)]


def _counts(name: str, predicted: int | None, reported: int | None) -> dict[str, Any]:
    known = predicted is not None and reported is not None
    return {
        "name": name,
        "predicted": predicted,
        "reported": reported,
        "difference": (reported or 0) - (predicted or 0) if known else None,
    }
