"""Requests of one conversation, read one after another: pieces, their hash chain, marks and tokens.

What a request has in common with the one before is not read again: messages are compared by
identity and as JSON text, key order included, and a changed message costs its own reading and the
hashes behind it. So a message that was read must not be changed afterwards. `depth` is everywhere a
number of pieces from the start of the prefix.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from hashlib import blake2b
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from ..prefix import (
    MEDIA_KINDS,
    MESSAGE_PLACES,
    RESPONSES,
    THINKING_KINDS,
    Context,
    Marker,
    Piece,
    as_items,
    mark_ends,
    read_context,
    role_of,
)
from .sharing import alike, common_items

if TYPE_CHECKING:
    from ..estimate import Tokens
    from ..rules import CacheRules
    from .tokens.counter import TokenCounter, Unit

__all__ = ["Departure", "Layout", "Part", "RawMark", "common_depth"]

_HEAD: Final = ("tools", "system", "instructions", "toolConfig", "cache_control")
_BLOCKS: Final = frozenset({"tool", "text", "block"})
_SIZE: Final = 16
_SHORT: Final = 256
"""Up to so many messages, each is looked at to tell whether requests are of one conversation."""


class RawMark(NamedTuple):
    """A marker that is read, or refused by `code`; `depth` and `blocks` count within its part."""

    path: str
    ttl: str | None
    depth: int
    blocks: int
    code: str = ""
    kind: str = ""


class Part(NamedTuple):
    """A message, or the tools and the system together, read for itself.

    `last` is the mark that its last block with room for one would carry; `calls` counts tool calls,
    or tools; `ends_at` is the depth of its last block.
    """

    pieces: tuple[Piece, ...]
    digests: tuple[bytes, ...]
    marks: tuple[RawMark, ...]
    blocks: int
    calls: int
    role: str
    last: RawMark | None
    ends_at: int
    has_media: bool
    automatic: Marker | None = None


class Departure(NamedTuple):
    """The first piece that is not as before; `None` where one of the two requests has ended."""

    before: Piece | None
    after: Piece | None


def common_depth(one: Sequence[bytes], other: Sequence[bytes]) -> int:
    """Return how many links two chains have in common, by halving."""
    low, high = 0, min(len(one), len(other))
    if high and one[high - 1] == other[high - 1]:
        return high
    while low < high:
        middle = (low + high + 1) // 2
        if one[middle - 1] == other[middle - 1]:
            low = middle
        else:
            high = middle - 1
    return low


class Layout:
    """The latest request of a conversation, as a prefix.

    `chain[d - 1]` is the hash of the first `d` pieces. It is only ever added to; a request that
    departs from the one before gets a chain of its own, so others may keep the old one.
    """

    def __init__(
        self, rules: CacheRules, model: str | None, counter: TokenCounter, *, counts_calls: bool
    ) -> None:
        self.rules = rules
        self.model = model
        self.chain: list[bytes] = []
        self.parts: list[Part] = []
        self.common = 0
        self.departure: Departure | None = None
        self._counts_calls = counts_calls
        self._messages: list[Any] = []
        self._starts: list[int] = []
        self._blocks: list[int] = []
        self._marked: list[int] = []
        self._head: Any = None
        self._tokens = counter.prompt()
        self._place = MESSAGE_PLACES.get(rules.protocol, ("messages",))

    # ------------------------------------------------------------------- reading

    def likeness(self, body: Any) -> tuple[float, int]:
        """Return how much a body is like the latest request, from 0 to 1, and how far it is equal.

        That is the index of the first message that is not as before.
        """
        new, old = self._messages_of(body), self._messages
        first = common_items(old, new)
        shorter, alike = min(len(old), len(new)), first
        if alike < shorter <= _SHORT:
            alike = sum(mine == theirs for mine, theirs in zip(old, new, strict=False))
        return (alike / shorter if shorter else 0.0), first

    def read(self, body: Mapping[str, Any], first: int = 0) -> None:
        """Read the next request; `common` and `departure` compare it with the one before.

        `first` is what `likeness` said of it: so many messages are as before.
        """
        self._tokens.read(body)
        messages, head, old = self._messages_of(body), self._head_of(body), self.parts
        top = old[0] if old and alike(head, self._head) else self._read_head(head)
        fresh = [
            old[index + 1]
            if index < len(self._messages) and alike(self._messages[index], messages[index])
            else self._read_message(messages[index])
            for index in range(first, len(messages))
        ]
        stable = 0
        if old and top.digests == old[0].digests:
            stable = first + 1
            while (
                stable <= len(messages)
                and stable < len(old)
                and fresh[stable - first - 1].digests == old[stable].digests
            ):
                stable += 1
        self._compare(stable, top, fresh, first)
        is_new = top is not (old[0] if old else None)
        if is_new:
            old[:1] = [top]
        del old[first + 1 :]
        old += fresh
        self._link(stable, 0 if stable == 0 else first + 1)
        if is_new:  # the same pieces may carry other marks
            self._marked = [0] * bool(top.marks) + [index for index in self._marked if index]
        self._head, self._messages = head, list(messages)

    def _compare(self, stable: int, top: Part, fresh: Sequence[Part], first: int) -> None:
        """Find the first piece that is not as before."""
        before = _pieces(self.parts, stable)
        after = self._pieces_of(stable, top, fresh, first)
        self.common = self._starts[stable] if stable < len(self._starts) else len(self.chain)
        for old in before:
            new = next(after, None)
            if new is None or not new.is_like(old):
                self.departure = Departure(old, new)
                return
            self.common += 1
        self.departure = None

    def _pieces_of(
        self, stable: int, top: Part, fresh: Sequence[Part], first: int
    ) -> Iterator[Piece]:
        # Without a stable head all parts count anew, those of unchanged messages too.
        parts = [top, *self.parts[1 : first + 1]] if stable == 0 else []
        yield from _pieces(parts, 0)
        yield from _pieces(fresh, max(0, stable - first - 1), first + 1)

    def _link(self, stable: int, marks_from: int) -> None:
        """Bring chain, starts and block counts behind the stable parts up to date."""
        start = self._starts[stable] if stable < len(self._starts) else len(self.chain)
        if start < len(self.chain):
            self.chain = self.chain[:start]
        del self._starts[stable:], self._blocks[stable:]
        chain = self.chain
        last = chain[-1] if chain else b""
        for index in range(stable, len(self.parts)):
            part = self.parts[index]
            self._starts.append(len(chain))
            self._blocks.append(self._blocks_before(index))
            for digest in part.digests:
                last = blake2b(last + digest, digest_size=_SIZE).digest()
                chain.append(last)
        del self._marked[bisect_left(self._marked, marks_from) :]
        self._marked += [i for i in range(marks_from, len(self.parts)) if self.parts[i].marks]

    def _blocks_before(self, index: int) -> int:
        return self._blocks[index - 1] + self._size(self.parts[index - 1]) if index else 0

    def _size(self, part: Part) -> int:
        return part.blocks + (part.calls if self._counts_calls else 0)

    def _messages_of(self, body: Any) -> list[Any]:
        for key in self._place:
            body = body.get(key) if isinstance(body, dict) else None
        if self.rules.protocol == RESPONSES:
            body = as_items(body)
        return body if isinstance(body, list) else []

    def _head_of(self, body: Mapping[str, Any]) -> dict[str, Any]:
        if self.rules.protocol == "dashscope":
            parameters = body.get("parameters")
            tools = parameters.get("tools") if isinstance(parameters, Mapping) else None
            return {"parameters": {"tools": tools}}
        return {key: body[key] for key in _HEAD if key in body}

    def _context(self, body: Any) -> Context:
        return read_context(body, form=self.rules.protocol, rules=self.rules, model=self.model)

    def _read_head(self, head: Mapping[str, Any]) -> Part:
        ctx = self._context(head)
        tools = len(ctx.tools)
        part = _part_of(ctx, "system", tools, self._counts_calls)
        return part._replace(automatic=next((m for m in ctx.heeded if m.where == "request"), None))

    def _read_message(self, message: Any) -> Part:
        body: Any = [message]
        for key in reversed(self._place):
            body = {key: body}
        calls = message.get("tool_calls") if isinstance(message, dict) else None
        count = len(calls) if isinstance(calls, list) else 0
        return _part_of(self._context(body), role_of(message), count, counts_calls=False)

    # ------------------------------------------------------------------- asking

    @property
    def depth(self) -> int:
        """Return the depth of the whole request."""
        return len(self.chain)

    @property
    def has_tools(self) -> bool:
        """Say whether the request has tools."""
        return self.parts[0].calls > 0

    @property
    def automatic(self) -> Marker | None:
        """Return the mark of the request as a whole, if the provider reads one."""
        return self.parts[0].automatic

    @property
    def total(self) -> Tokens:
        """Return the tokens of the whole request."""
        return self._tokens.total

    def marks(self) -> Iterator[tuple[int, RawMark]]:
        """Yield the marks with the index of their part, in the order of the prefix."""
        for index in self._marked:
            for mark in self.parts[index].marks:
                yield index, mark

    def place(self, index: int, mark: RawMark) -> tuple[str, int, int]:
        """Return the path, the depth and the blocks of a mark of part `index`."""
        return (
            self._path(index, mark.path),
            self._starts[index] + mark.depth,
            self._blocks[index] + mark.blocks,
        )

    def end_of(self, index: int) -> tuple[int, int]:
        """Return the depth and the blocks at the end of part `index`."""
        part = self.parts[index]
        return self._starts[index] + len(part.pieces), self._blocks[index] + self._size(part)

    def depth_before(self, blocks: int) -> int:
        """Return a depth above which everything with fewer blocks than `blocks` lies."""
        return self._starts[bisect_right(self._blocks, max(0, blocks)) - 1] if blocks > 0 else 0

    def floor(self, depth: int, *, messages: bool) -> int:
        """Return the depth of the last message end, or block end, that is not beyond `depth`."""
        if depth <= 0:
            return 0
        index = self._part_at(depth)
        part, inside = self.parts[index], depth - self._starts[index]
        if inside == len(part.pieces):
            return depth
        if not messages:
            while inside and part.pieces[inside - 1].name not in _BLOCKS:
                inside -= 1
            return self._starts[index] + inside
        return self._starts[index]

    def piece_at(self, depth: int) -> Piece | None:
        """Return the piece behind the first `depth` ones, `None` at the end."""
        if depth >= len(self.chain):
            return None
        index = self._part_at(depth + 1)
        piece = self.parts[index].pieces[depth - self._starts[index]]
        return replace(piece, path=self._path(index, piece.path))

    def path_at(self, depth: int) -> str:
        """Return the path of the last piece of a prefix, `""` of an empty one."""
        piece = self.piece_at(depth - 1) if depth > 0 else None
        return piece.path if piece is not None else ""

    def tokens_at(self, depth: int) -> Tokens:
        """Return the tokens of the first `depth` pieces, up to the end of their last block."""
        units = self._tokens.units
        if depth <= 0 or not self.chain:
            return self._tokens.at(-1)
        index = self._part_at(depth)
        part, inside = self.parts[index], depth - self._starts[index]
        low = bisect_left(units, index - 1, key=_message_of) if index else 0
        high = bisect_right(units, index - 1, key=_message_of)
        if inside >= part.ends_at:
            return self._tokens.at(high - 1)
        for piece in reversed(part.pieces[:inside]):
            path = self._path(index, piece.path)
            found = next((i for i in range(low, high) if units[i].path == path), None)
            if found is not None:
                return self._tokens.at(found)
        return self._tokens.at(low - 1)

    def _part_at(self, depth: int) -> int:
        return bisect_right(self._starts, depth - 1) - 1

    def _path(self, index: int, path: str) -> str:
        return path.replace("[0]", f"[{index - 1}]", 1) if index else path


def _message_of(unit: Unit) -> int:
    return unit.message


def _pieces(parts: Sequence[Part], start: int, offset: int = 0) -> Iterator[Piece]:
    """Yield the pieces from part `start` on; `offset` is the index of the first of `parts`."""
    for index in range(start, len(parts)):
        number = offset + index - 1
        for piece in parts[index].pieces:
            yield (
                piece
                if number < 0
                else replace(piece, path=piece.path.replace("[0]", f"[{number}]", 1))
            )


def _part_of(ctx: Context, role: str, calls: int, counts_calls: bool) -> Part:
    pieces = ctx.pieces
    counts = [piece.blocks for piece in pieces]
    before = calls if counts_calls else 0
    marks = tuple(_marks_of(ctx, before))
    last = None
    for number in range(len(ctx.blocks), 0, -1):
        block = ctx.blocks[number - 1]
        if ctx.carries(block):
            at = bisect_right(counts, number - 1) + 1
            last = RawMark(block.path, None, at, number + before)
            break
    digests = tuple(
        blake2b(
            f"{piece.name}\0{piece.text}".encode("utf-8", "surrogatepass"), digest_size=_SIZE
        ).digest()
        for piece in pieces
    )
    ends_at = bisect_right(counts, len(ctx.blocks) - 1) + 1 if ctx.blocks else len(pieces)
    media = any(block.kind in MEDIA_KINDS for block in ctx.blocks)
    return Part(pieces, digests, marks, len(ctx.blocks), calls, role, last, ends_at, media)


def _marks_of(ctx: Context, before: int) -> Iterator[RawMark]:
    rules = ctx.rules
    heeded = {id(marker) for marker in ctx.heeded}
    for marker, depth in zip(ctx.markers, mark_ends(ctx, ctx.markers), strict=True):
        mark = RawMark(marker.target, marker.ttl, depth, before + max(marker.end, 0))
        if marker.where == "part" and marker.key in rules.refused_markers:
            yield mark._replace(code="refused-marker")
        elif marker.where == "nested" and marker.key == rules.marker:
            if "marker-in-tool-result" in rules.error_texts:
                yield mark._replace(path=marker.path, code="marker-in-tool-result")
        elif marker.where == "message" and "message-level-marker" in rules.error_texts:
            yield mark._replace(code="message-level-marker", kind=marker.key)
        elif id(marker) not in heeded or marker.where == "request":
            continue
        elif marker.where == "tool":
            yield mark._replace(blocks=depth if before else 0)
        else:
            block = ctx.by_path.get(marker.target)
            if block is not None and ctx.carries(block):
                yield mark
            elif block is not None:
                thinks = block.kind in THINKING_KINDS
                code = "marker-on-thinking" if thinks else "marker-on-empty-text"
                if code in rules.error_texts and (thinks or block.is_blank):
                    yield mark._replace(code=code, kind=block.kind or "")
