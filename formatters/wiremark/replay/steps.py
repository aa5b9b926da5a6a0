"""A session as paths in one tree of prefixes: what requests have in common, read once.

A node is a piece of a request with all that stands before it, so that two requests share a node if
and only if they share the prefix up to there. Requests that only grow lie on one line and cost what
is new in them. Marks are no part of what is read; caches and prices are not known here.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple, TypeAlias

from wiremark.estimate import estimate_tokens
from wiremark.prefix import (
    MESSAGE_PLACES,
    RESPONSES,
    Context,
    Piece,
    as_items,
    read_context,
    role_of,
)
from wiremark.replay.tokens.counter import PromptTokens, TokenCounter, Unit
from wiremark.rules import CacheRules

__all__ = ["Counter", "Line", "Reader", "Spot", "Step", "Steps", "common_size", "read_steps"]

Counter: TypeAlias = "Callable[[str], float] | TokenCounter"
"""Counts the tokens of one text, or of whole requests."""

_HELD: Final = 4
"""Earlier requests that a request is compared with, for sessions that take turns."""


class Spot(NamedTuple):
    """A place that can carry a mark: how many pieces of the request it ends, and its path.

    `last`: the last such place of its message, or a tool. Where reuse works at message ends, it
    stands for the whole message.
    """

    depth: int
    path: str
    last: bool


@dataclass(slots=True)
class Line:
    """Nodes from the root on, the spots among them, and where each message begins.

    `tool[i]`: piece `i` belongs to a tool message.
    """

    nodes: list[int] = field(default_factory=list)
    spots: list[Spot] = field(default_factory=list)
    starts: list[int] = field(default_factory=list)
    tool: list[bool] = field(default_factory=list)

    def cut(self, messages: int) -> Line:
        """Return a line of its own with the first messages of this one."""
        depth = self.starts[messages] if messages < len(self.starts) else len(self.nodes)
        spots = bisect_right(self.spots, depth, key=_depth_of)
        return Line(
            self.nodes[:depth], self.spots[:spots], self.starts[:messages], self.tool[:depth]
        )


@dataclass(frozen=True, slots=True)
class Step:
    """A request: the first `size` nodes of a line, its tokens, and its times in seconds."""

    line: Line
    size: int
    tokens: float
    at: float
    ends: float

    def passes(self, node: int, depth: int) -> bool:
        """Say whether the request begins with the prefix that is a node."""
        return depth <= self.size and self.line.nodes[depth - 1] == node


@dataclass(frozen=True, slots=True)
class Steps:
    """A session: its requests, and by node the tokens and content blocks up to its end.

    `estimate` are the tokens before rounding, `least` the lower end of what they may be.
    `tail_only`: a request is marked as a whole, which is at its last spot.
    """

    steps: tuple[Step, ...]
    tokens: Sequence[float]
    blocks: Sequence[int]
    estimate: Sequence[float]
    least: Sequence[float]
    tail_only: bool = False

    def spots(self, step: Step, *, narrow: bool) -> list[Spot]:
        """Return where a request can carry marks, in order; see `spots_between`."""
        return self.spots_between(step, 0, step.size, narrow=narrow)

    def spots_between(self, step: Step, low: int, high: int, *, narrow: bool) -> list[Spot]:
        """Return the spots of a request behind one depth and not behind another.

        `narrow`: only at the ends of messages, and of a run of tool messages at its last one.
        """
        if self.tail_only:
            spot = self._last(step, step.size, narrow=narrow)
            return [spot] if spot is not None and low < spot.depth <= high else []
        line = step.line
        first = bisect_right(line.spots, low, key=_depth_of)
        last = bisect_right(line.spots, min(high, step.size), key=_depth_of)
        return [
            spot
            for spot in line.spots[first:last]
            if not narrow or (spot.last and not _runs_on(line, spot.depth, step.size))
        ]

    def last_spot(self, step: Step, depth: int, *, narrow: bool) -> Spot | None:
        """Return the last spot of a request that is not behind a depth."""
        if self.tail_only:
            spot = self._last(step, step.size, narrow=narrow)
            return spot if spot is not None and spot.depth <= depth else None
        return self._last(step, min(depth, step.size), narrow=narrow)

    def _last(self, step: Step, depth: int, *, narrow: bool) -> Spot | None:
        line = step.line
        index = bisect_right(line.spots, depth, key=_depth_of) - 1
        while index >= 0:
            spot = line.spots[index]
            if not narrow or (spot.last and not _runs_on(line, spot.depth, step.size)):
                return spot
            index -= 1
        return None

    def spot_at(self, step: Step, depth: int, *, narrow: bool) -> Spot | None:
        """Return the spot of a request at a depth, if it has one there."""
        spot = self.last_spot(step, depth, narrow=narrow)
        return spot if spot is not None and spot.depth == depth else None

    def tokens_at(self, step: Step, depth: int) -> float:
        """Return the tokens of the first pieces of a request."""
        return self.tokens[step.line.nodes[depth - 1]] if depth else 0.0

    def blocks_at(self, step: Step, depth: int) -> int:
        """Return the content blocks among the first pieces of a request."""
        return self.blocks[step.line.nodes[depth - 1]] if depth else 0


def _depth_of(spot: Spot) -> int:
    return spot.depth


def _runs_on(line: Line, depth: int, size: int) -> bool:
    """Say whether another tool message follows the tool message that ends at a depth."""
    if not line.tool[depth - 1]:
        return False
    follows = bisect_left(line.starts, depth)
    start = line.starts[follows] if follows < len(line.starts) else size
    return start < size and line.tool[start]


class Reader:
    """Reads request bodies one after another; what is equal to the last one is not read again."""

    def __init__(
        self,
        *,
        form: str,
        rules: CacheRules,
        model: str | None = None,
        counter: Counter | None = None,
    ) -> None:
        self._form = form
        self._rules = rules
        self._model = model
        self._prompt: PromptTokens | None = None
        self._count: Callable[[str], float] = lambda text: estimate_tokens(text).estimate
        if isinstance(counter, TokenCounter):
            self._prompt = counter.prompt()
        elif counter is not None:
            self._count = counter
        self._place = MESSAGE_PLACES.get(form, ("messages",))
        self._children: dict[tuple[int, str, str], int] = {}
        self._held: list[tuple[Any, list[Any], Line, int]] = []
        self.tokens: list[float] = []
        self.estimate: list[float] = []
        self.least: list[float] = []
        self.blocks: list[int] = []

    def read(self, body: Mapping[str, Any], at: float, ends: float) -> Step:
        """Return the step of a request that is sent and answered at these times."""
        holder: Any = body
        for key in self._place[:-1]:
            holder = holder.get(key) if isinstance(holder, Mapping) else None
        found = holder.get(self._place[-1]) if isinstance(holder, Mapping) else None
        if self._form == RESPONSES:
            found = as_items(found)
        listed = found if isinstance(found, list | tuple) else ()
        messages = [item for item in listed if isinstance(item, dict)]
        head = self._head_of(body)
        if self._prompt is not None:
            self._prompt.read(body)
        best, common = None, -1
        for held in self._held:
            if _is_written_alike(held[0], head):
                length = _common(held[1], messages)
                if length > common:
                    best, common = held, length
        if best is None:
            line, common = self._read_head(body), 0
        elif common == len(best[1]) and best[3] == len(best[2].nodes):
            line = best[2]
        else:
            line = best[2].cut(common)
        for message in messages[common:]:
            self._read_message(line, message)
        size = len(line.nodes)
        if common == len(messages) and best is not None:
            line = best[2]
            size = line.starts[common] if common < len(line.starts) else len(line.nodes)
        self._held = [(head, messages, line, size), *(x for x in self._held if x is not best)]
        del self._held[_HELD:]
        tokens = self.tokens[line.nodes[size - 1]] if size else 0.0
        if self._prompt is not None:
            tokens = max(tokens, round(self._prompt.total.estimate))
        return Step(line, size, tokens, at, ends)

    def _head_of(self, body: Mapping[str, Any]) -> Any:
        parameters = body.get("parameters") if self._form == "dashscope" else None
        tools = parameters.get("tools") if isinstance(parameters, Mapping) else body.get("tools")
        return (tools, body.get("toolConfig"), body.get("system"), body.get("instructions"))

    def _context(self, body: Any) -> Context:
        return read_context(body, form=self._form, rules=self._rules, model=self._model)

    def _read_head(self, body: Mapping[str, Any]) -> Line:
        bare: dict[str, Any] = {key: value for key, value in body.items() if key != "messages"}
        if self._place[0] == "input":
            bare.pop("input", None)
        line = Line()
        self._add(line, self._context(bare), "", "")
        return line

    def _read_message(self, line: Line, message: dict[str, Any]) -> None:
        wrapped: Any = [message]
        for key in reversed(self._place):
            wrapped = {key: wrapped}
        place = ".".join(self._place)
        index = len(line.starts)
        line.starts.append(len(line.nodes))
        self._add(line, self._context(wrapped), f"{place}[0]", f"{place}[{index}]")

    def _add(self, line: Line, ctx: Context, old: str, new: str) -> None:
        rules = self._rules
        by_path = ctx.by_path
        spots: list[Spot] = []
        before = self.blocks[line.nodes[-1]] if line.nodes else 0
        message = len(line.starts) - 1 if old else -1
        units = self._units(message)
        tool = old != "" and role_of(ctx.messages[0].value) == "tool"
        last_block = ctx.blocks[-1].path if ctx.blocks else None
        ended = last_block is None
        for piece in ctx.pieces:
            path = new + piece.path[len(old) :] if old else piece.path
            ended = ended or piece.path == last_block
            at = units.get("" if ended else path)
            line.nodes.append(self._node(line, piece, before + piece.blocks, at))
            line.tool.append(tool)
            block = by_path.get(piece.path)
            if piece.section == "tools":
                carries = rules.tool_slot
            else:
                carries = block is not None and ctx.carries(block)
            if carries and rules.marker != "none":
                spots.append(Spot(len(line.nodes), path, piece.section == "tools"))
        if spots:
            whole = (
                old != ""
                and rules.reuse_at == "message"
                and spots[-1].path.endswith((last_block or "")[len(old) :])
            )
            depth = len(line.nodes) if whole else spots[-1].depth
            spots[-1] = spots[-1]._replace(depth=depth, last=True)
        line.spots.extend(spots)

    def _node(self, line: Line, piece: Piece, blocks: int, at: int | None) -> int:
        parent = line.nodes[-1] if line.nodes else -1
        key = (parent, piece.name, piece.text)
        node = self._children.get(key)
        if node is None:
            node = self._children[key] = len(self.tokens)
            estimate = self.estimate[parent] if parent >= 0 else 0.0
            least = self.least[parent] if parent >= 0 else 0.0
            if self._prompt is None:
                estimate += self._count(piece.text) if piece.text else 0.0
                least = estimate
            elif at is not None:
                counted = self._prompt.at(at)
                estimate, least = max(estimate, counted.estimate), max(least, counted.low)
            self.tokens.append(estimate if self._prompt is None else float(round(estimate)))
            self.estimate.append(estimate)
            self.least.append(least)
            self.blocks.append(blocks)
        return node

    def _units(self, message: int) -> dict[str, int]:
        """Return the counted units of a message by path, and its last one as that of no path."""
        if self._prompt is None:
            return {}
        units = self._prompt.units
        first = bisect_left(units, message, key=_message_of)
        last = bisect_right(units, message, key=_message_of)
        found = {units[index].path: index for index in range(first, last)}
        if last > 0:
            found[""] = last - 1
        return found


def _message_of(unit: Unit) -> int:
    return unit.message


def _common(one: list[Any], other: list[Any]) -> int:
    for index, (mine, theirs) in enumerate(zip(one, other, strict=False)):
        if mine is not theirs and not _is_written_alike(mine, theirs):
            return index
    return min(len(one), len(other))


def _is_written_alike(one: Any, other: Any) -> bool:
    """Say whether two values are the same JSON text: equal, with keys in the same order."""
    if one is other:
        return True
    if isinstance(one, dict):
        return (
            isinstance(other, dict)
            and list(one) == list(other)
            and all(map(_is_written_alike, one.values(), other.values()))
        )
    if isinstance(one, list | tuple):
        return (
            isinstance(other, list | tuple)
            and len(one) == len(other)
            and all(map(_is_written_alike, one, other))
        )
    return type(one) is type(other) and bool(one == other)


def read_steps(
    requests: Iterable[Any],
    *,
    form: str,
    rules: CacheRules,
    model: str | None = None,
    counter: Counter | None = None,
    gap: float = 0.0,
) -> Steps:
    """Return a session as steps.

    requests: bodies, or objects with a `body`, `at` and `duration` of which the times may be `None`
    gap: seconds from each reply to the next request where times are not known
    """
    reader = Reader(form=form, rules=rules, model=model, counter=counter)
    steps: list[Step] = []
    clock: float | None = None
    for request in requests:
        body = request if isinstance(request, Mapping) else request.body
        at = None if isinstance(request, Mapping) else getattr(request, "at", None)
        if at is None:
            at = 0.0 if clock is None else clock + gap
        lasts = None if isinstance(request, Mapping) else getattr(request, "duration", None)
        clock = at + (lasts or 0.0)
        steps.append(reader.read(body, float(at), clock))
    return Steps(
        steps=tuple(steps),
        tokens=reader.tokens,
        blocks=reader.blocks,
        estimate=reader.estimate,
        least=reader.least,
        tail_only=rules.automatic_only,
    )


def common_size(one: Step, other: Step) -> int:
    """Return how many pieces two requests have in common from their start."""
    high = min(one.size, other.size)
    if one.line is other.line:
        return high
    low, mine, theirs = 0, one.line.nodes, other.line.nodes
    while low < high:
        middle = (low + high + 1) // 2
        if mine[middle - 1] == theirs[middle - 1]:
            low = middle
        else:
            high = middle - 1
    return low
