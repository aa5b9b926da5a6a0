"""The tokens of whole requests, block by block, at the cost of what is new in each.

A `PromptTokens` reads one request after another and keeps the counts of the prefix that they share:
an append-only session of thousands of turns is rendered and counted once. What a message comes to
depends on itself and on its neighbours alone, but for thoughts, which some templates drop behind
the next query.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import inf, isinf
from typing import Any, Final, Literal, NamedTuple, Protocol, TypeAlias, runtime_checkable

from ...estimate import Tokens
from ..sharing import alike, common_items
from .layout import Around, Layout
from .measure import Meter, Segment, measure, widened
from .reading import Prompt, Turn, read_prompt, read_turns

__all__ = ["PromptCounter", "PromptTokens", "TokenCounter", "Unit"]

Section: TypeAlias = Literal["tools", "system", "messages"]

_TOOLS_ERROR: Final = (0.85, 1.15)
"""How far tool definitions may be off where the way they are written is assumed."""


class Unit(NamedTuple):
    """A stretch of the prompt that ends where a cache entry can end.

    It is a tool, a content block or, in a message without one, the message; `path` is its path in
    the body, `message` the index of its message, -1 for tools and a system of its own.
    """

    path: str
    section: Section
    message: int


@runtime_checkable
class TokenCounter(Protocol):
    """Counts the tokens of texts and of requests.

    `exact` says that counts are the provider's own, as far as it documents any; `error` between
    which multiples of a text's count the true one lies; `note` what is assumed, `""` if nothing.
    """

    @property
    def name(self) -> str:
        """Return what counts, in words."""
        ...

    @property
    def exact(self) -> bool:
        """Say whether counts are the provider's own."""
        ...

    @property
    def error(self) -> tuple[float, float]:
        """Return between which multiples of a count the true one lies."""
        ...

    @property
    def note(self) -> str:
        """Return what is assumed."""
        ...

    def count(self, text: str) -> int:
        """Return the tokens of a text by itself."""
        ...

    def prompt(self) -> PromptTokens:
        """Return an empty `PromptTokens`, to read requests with."""
        ...


@dataclass(frozen=True, slots=True)
class PromptCounter:
    """A token counter made of what counts texts and what writes prompts."""

    name: str
    meter: Meter
    layout: Layout
    exact: bool = False
    error: tuple[float, float] = (1.0, 1.0)
    note: str = ""

    def count(self, text: str) -> int:
        """Return the tokens of a text by itself."""
        return self.meter.count(text)

    def prompt(self) -> PromptTokens:
        """Return an empty `PromptTokens`, to read requests with."""
        return PromptTokens(self)

    def measure(self, segments: Sequence[Segment], *, tools: int = 0) -> list[Tokens]:
        """Return the tokens of each segment, the first `tools` of which are tool definitions."""
        added = measure(self.meter, segments)
        if self.layout.assumed_tools:
            for index in range(tools):
                added[index] = widened(added[index], *_TOOLS_ERROR)
        if self.error != (1.0, 1.0) and self.meter.exact:
            added = [widened(tokens, *self.error) for tokens in added]
        return added


class _Ends:
    """Running totals, one for each unit; how many unknowns there are is counted apart."""

    __slots__ = ("estimate", "high", "low", "unknown")

    def __init__(self) -> None:
        self.low: list[float] = []
        self.high: list[float] = []
        self.estimate: list[float] = []
        self.unknown: list[int] = []

    def add(self, tokens: Tokens) -> None:
        last = len(self.low) - 1
        known = not isinf(tokens.high)
        for totals, more in (
            (self.low, tokens.low),
            (self.high, tokens.high if known else tokens.low),
            (self.estimate, tokens.estimate),
        ):
            totals.append((totals[last] if last >= 0 else 0.0) + more)
        self.unknown.append((self.unknown[last] if last >= 0 else 0) + (not known))

    def cut(self, length: int) -> None:
        del self.low[length:], self.high[length:], self.estimate[length:], self.unknown[length:]

    def between(self, first: int, last: int) -> Tokens:
        def added(totals: list[float]) -> float:
            return (totals[last] if last >= 0 else 0.0) - (totals[first] if first >= 0 else 0.0)

        before = self.unknown[first] if first >= 0 else 0
        known = last < 0 or self.unknown[last] == before
        return Tokens(added(self.low), added(self.high) if known else inf, added(self.estimate))


class PromptTokens:
    """The tokens of a request up to the end of each of its blocks.

    `read` takes the next request. `units` are its blocks in the order of the prefix, and
    `at(index)` says how many tokens the prompt has up to the end of one. A message that was read
    must not be
    changed afterwards: what is the same object is taken to be the same.
    """

    def __init__(self, counter: PromptCounter) -> None:
        self.counter = counter
        self.units: list[Unit] = []
        self._index: dict[str, int] = {}
        self._ends = _Ends()
        self._prompt: Prompt | None = None
        self._messages: list[Any] = []
        self._turns: list[tuple[Turn, ...]] = []
        self._starts: list[int] = []
        self._leading = 0
        self._query = -1
        self._tail = Tokens.exactly(0)

    def read(self, body: Mapping[str, Any]) -> int:
        """Read a request body of any wire form; return how many units are as they were before."""
        prompt = read_prompt(body)
        head = replace(prompt, messages=())
        changed = head != self._prompt or not _in_same_text(head, self._prompt)
        kept = 0 if changed else common_items(self._messages, prompt.messages)
        anew = changed or (kept == 0 and self._touches_head(prompt))
        if anew:
            self._restart(prompt)
        self._prompt = head
        units = self._render(prompt, max(kept, self._leading))
        (self._tail,) = self.counter.measure([(self.counter.layout.tail(prompt.options), "")])
        return 0 if anew else units

    @property
    def total(self) -> Tokens:
        """Return the tokens of the whole prompt, with what asks for the reply."""
        return self.at(len(self.units) - 1) + self._tail

    def at(self, index: int) -> Tokens:
        """Return the tokens up to the end of unit `index`; of none for -1."""
        return self._ends.between(-1, index)

    def between(self, first: int, last: int) -> Tokens:
        """Return the tokens behind unit `first` up to the end of unit `last`."""
        return self._ends.between(first, last)

    def find(self, path: str) -> int:
        """Return the index of the unit of a path, -1 if there is none."""
        return self._index.get(path, -1)

    # ------------------------------------------------------------------- units

    def _push(self, path: str, section: Section, message: int, tokens: Tokens) -> None:
        self._index[path] = len(self.units)
        self.units.append(Unit(path, section, message))
        self._ends.add(tokens)

    def _drop(self, kept: int) -> None:
        for unit in self.units[kept:]:
            self._index.pop(unit.path, None)
        del self.units[kept:]
        self._ends.cut(kept)

    # ------------------------------------------------------------------- reading

    def _touches_head(self, prompt: Prompt) -> bool:
        """Say whether the first message was, or is to be, part of the head."""
        return self._leading > 0 or _leads(prompt)

    def _restart(self, prompt: Prompt) -> None:
        """Begin anew with the tools and the system text, which may be the first message."""
        self._drop(0)
        self._messages.clear()
        self._turns.clear()
        self._starts.clear()
        self._query = -1
        system, self._leading = prompt.system, 0
        if _leads(prompt):
            (system,) = read_turns(prompt.messages[0], f"{prompt.place}[0]")
            self._leading = 1
            self._messages.append(prompt.messages[0])
            self._turns.append(())
            self._starts.append(0)
        segments = self.counter.layout.head(prompt.tools, system, prompt.options)
        tools = sum(1 for _, path in segments if path in {tool.path for tool in prompt.tools})
        added = self.counter.measure(segments, tools=tools)
        for index, ((_, path), tokens) in enumerate(zip(segments, added, strict=True)):
            if index < tools:
                self._push(path, "tools", -1, tokens)
            else:
                self._push(path, "system", self._leading - 1, tokens)

    def _render(self, prompt: Prompt, kept: int) -> int:
        """Bring all behind the first `kept` messages up to date; return the units left alone."""
        messages, place = prompt.messages, prompt.place
        del self._messages[kept:], self._turns[kept:]
        for index in range(kept, len(messages)):
            self._messages.append(messages[index])
            self._turns.append(read_turns(messages[index], f"{place}[{index}]"))
        start = kept
        # The last of a run of tool results is closed, and is not the last when one more follows.
        if kept and kept <= len(self._turns) and _ends_in_tool(self._turns[kept - 1]):
            start = kept - 1
        query = self._last_query(kept)
        if query != self._query and self.counter.layout.minds_query(prompt.options):
            start = min(start, min(query, self._query) + 1)
        self._query = query
        start = max(start, self._leading)
        units = self._starts[start] if start < len(self._starts) else len(self.units)
        del self._starts[start:]
        self._drop(units)
        for index in range(start, len(self._turns)):
            self._starts.append(len(self.units))
            self._add(index, prompt)
        return units

    def _last_query(self, kept: int) -> int:
        """Return the index of the last message in which a user asks, -1 if there is none."""
        for index in range(len(self._turns) - 1, kept - 1, -1):
            if _asks(self._turns[index]):
                return index
        if self._query < kept:
            return self._query
        return next((i for i in range(kept - 1, -1, -1) if _asks(self._turns[i])), -1)

    def _add(self, index: int, prompt: Prompt) -> None:
        turns = self._turns[index]
        around = Around(
            first=self.at(len(self.units) - 1).estimate == 0,
            after_tool=index > 0 and _ends_in_tool(self._turns[index - 1]),
            before_tool=index + 1 < len(self._turns) and _begins_with_tool(self._turns[index + 1]),
            after_query=index > self._query,
        )
        segments = self.counter.layout.message(turns, around, prompt.options)
        section: Section = "system" if turns and turns[0].role == "system" else "messages"
        for (_, path), tokens in zip(segments, self.counter.measure(segments), strict=True):
            self._push(path, section, index, tokens)


def _leads(prompt: Prompt) -> bool:
    """Say whether the first message is the system text."""
    return prompt.system is None and bool(prompt.messages) and _is_system(prompt.messages[0])


def _is_system(message: Any) -> bool:
    return isinstance(message, Mapping) and message.get("role") in ("system", "developer")


def _in_same_text(one: Prompt, other: Prompt) -> bool:
    """Say whether equal prompts write their tools alike, keys in the same order."""
    return alike([tool.value for tool in one.tools], [tool.value for tool in other.tools])


def _ends_in_tool(turns: Sequence[Turn]) -> bool:
    return bool(turns) and turns[-1].role == "tool"


def _begins_with_tool(turns: Sequence[Turn]) -> bool:
    return bool(turns) and turns[0].role == "tool"


def _asks(turns: Sequence[Turn]) -> bool:
    """Say whether a user says more in these turns than a tool's result written as text."""
    for turn in turns:
        if turn.role == "user":
            text = "".join(item.text for item in turn.items if item.kind == "text").strip()
            if not (text.startswith("<tool_response>") and text.endswith("</tool_response>")):
                return True
    return False
