"""What a provider writes around the texts of a request, as segments: the common ways of doing it.

A layout is handed turns and gives segments, and the tail that asks for a reply. It counts nothing
and keeps nothing. Qwen's templates are in `qwen`; here are OpenAI's framing and the allowance for
those that nothing is published of.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Protocol, TypeAlias

from ...estimate import Tokens
from .measure import UNKNOWN, Part, Segment
from .reading import Item, Options, Tool, Turn, json_text

__all__ = ["Around", "Layout", "MediaTokens", "OpenAILayout", "PlainLayout", "Row", "media_part"]

MediaTokens: TypeAlias = Callable[[Mapping[str, Any]], "int | None"]
"""Returns the tokens of an image, audio, video or document part, `None` if it cannot tell."""


@dataclass(frozen=True, slots=True)
class Around:
    """What stands around a message, as far as a template writes it otherwise for that.

    `first`: nothing stands before it; `after_tool`, `before_tool`: a tool result does;
    `after_query`: it comes after the last thing that a user asked.
    """

    first: bool = False
    after_tool: bool = False
    before_tool: bool = False
    after_query: bool = False


class Layout(Protocol):
    """Writes the pieces of a prompt."""

    @property
    def assumed_tools(self) -> bool:
        """Say whether tool definitions are written in a way that is assumed, not known."""
        ...

    def minds_query(self, options: Options) -> bool:
        """Say whether `Around.after_query` changes anything."""
        ...

    def head(self, tools: Sequence[Tool], system: Turn | None, options: Options) -> list[Segment]:
        """Return the tools and the leading system text."""
        ...

    def message(self, turns: Sequence[Turn], around: Around, options: Options) -> list[Segment]:
        """Return the turns of one message."""
        ...

    def tail(self, options: Options) -> tuple[Part, ...]:
        """Return what asks for the reply."""
        ...


@dataclass(slots=True)
class Row:
    """Segments in the making: parts are added, and `end` closes the segment of a block."""

    segments: list[Segment] = field(default_factory=list)
    parts: list[Part] = field(default_factory=list)

    def add(self, *parts: Part) -> None:
        """Put parts behind what is there."""
        self.parts.extend(parts)

    def end(self, path: str) -> None:
        """End the block of a path here; without a path the parts go on into the next one."""
        if path:
            self.segments.append((tuple(self.parts), path))
            self.parts = []

    def close(self, path: str) -> list[Segment]:
        """Return the segments; what is left belongs to the last of them, else to `path`."""
        if self.segments and self.parts:
            parts, last = self.segments.pop()
            self.segments.append(((*parts, *self.parts), last))
        elif not self.segments:
            self.segments.append((tuple(self.parts), path))
        self.parts = []
        return self.segments


def media_part(item: Item, media: MediaTokens | None) -> Tokens:
    """Return the tokens of a medium, if anybody tells."""
    count = media(item.value) if media is not None and isinstance(item.value, Mapping) else None
    return UNKNOWN if count is None else Tokens.exactly(count)


_FRAME: Final = Tokens(2, 10, 4)
"""Around a message. An allowance: no provider but OpenAI states it."""

_TAIL: Final = Tokens(0, 40, 8)
"""Behind the last message. An allowance: Anthropic adds some 30 tokens where thinking is on."""

_TOOL_FRAME: Final = Tokens(0, 600, 300)
"""Around all tools. An allowance: Anthropic adds a system text of its own for them."""


@dataclass(frozen=True, slots=True)
class PlainLayout:
    """The texts alone, with an allowance for what is around them."""

    media: MediaTokens | None = None
    assumed_tools: bool = True

    def minds_query(self, options: Options) -> bool:  # noqa: ARG002 - the protocol's
        """Say no."""
        return False

    def head(self, tools: Sequence[Tool], system: Turn | None, options: Options) -> list[Segment]:
        """Return each tool as JSON, and the system text."""
        row = Row()
        for index, tool in enumerate(tools):
            if index == 0:
                row.add(_TOOL_FRAME)
            row.add(json_text(tool.value))
            if not tool.is_own:
                row.add(UNKNOWN)
            row.end(tool.path)
        if system is not None:
            return row.segments + self.message((system,), Around(), options)
        return row.segments

    def message(
        self,
        turns: Sequence[Turn],
        around: Around,  # noqa: ARG002 - the protocol's
        options: Options,  # noqa: ARG002 - the protocol's
    ) -> list[Segment]:
        """Return the texts of the turns."""
        row = Row()
        for turn in turns:
            row.add(_FRAME)
            for item in turn.items:
                if item.kind == "media":
                    row.add(media_part(item, self.media))
                elif item.kind == "call":
                    row.add(_FRAME, item.name, _BREAK, item.text)
                else:
                    row.add(item.text)
                row.add(_BREAK)
                row.end(item.path)
        return row.close(turns[0].path) if turns else []

    def tail(self, options: Options) -> tuple[Part, ...]:
        """Return the allowance."""
        return (_TAIL, UNKNOWN) if options.adds else (_TAIL,)


_BREAK: Final = Tokens.exactly(0)
"""Keeps two texts apart that no token reaches over."""


@dataclass(frozen=True, slots=True)
class OpenAILayout:
    """Three tokens a message, one a name, three for the reply, and tools by a formula.

    Source: OpenAI Cookbook, How to count tokens with tiktoken, sections 6 and 7 (read 2026-11-21),
    which calls both estimates. Of calls in the history it says nothing; they are counted as texts.
    """

    media: MediaTokens | None = None
    assumed_tools: bool = True

    def minds_query(self, options: Options) -> bool:  # noqa: ARG002 - the protocol's
        """Say no."""
        return False

    def head(self, tools: Sequence[Tool], system: Turn | None, options: Options) -> list[Segment]:
        """Return the tools by the formula, and the system text as a message."""
        row = Row()
        for tool in tools:
            row.add(*_function_parts(tool.function))
            if not tool.is_own:
                row.add(UNKNOWN)
            row.end(tool.path)
        if tools:
            row.add(Tokens.exactly(12))
            row.close(tools[-1].path)
        if system is not None:
            return row.segments + self.message((system,), Around(), options)
        return row.segments

    def message(
        self,
        turns: Sequence[Turn],
        around: Around,  # noqa: ARG002 - the protocol's
        options: Options,  # noqa: ARG002 - the protocol's
    ) -> list[Segment]:
        """Return each turn with its frame."""
        row = Row()
        for turn in turns:
            row.add(Tokens.exactly(4))  # three, and the role
            if turn.name:
                row.add(turn.name, Tokens.exactly(1))
            for item in turn.items:
                if item.kind == "media":
                    row.add(media_part(item, self.media))
                elif item.kind == "call":
                    row.add(_CALL, item.name, _BREAK, item.text)
                elif item.kind == "text":
                    row.add(item.text)
                row.add(_BREAK)
                row.end(item.path)
        return row.close(turns[0].path) if turns else []

    def tail(self, options: Options) -> tuple[Part, ...]:
        """Return what primes the reply."""
        return (_REPLY, UNKNOWN) if options.adds else (_REPLY,)


_REPLY: Final = Tokens(1, 5, 3)
"""Three by the cookbook; recorded replies differ by one or two."""

_CALL: Final = Tokens(0, 8, 3)
"""Around a call in the history. An allowance."""


def _function_parts(function: Mapping[str, Any]) -> list[Part]:
    described = str(function.get("description") or "").removesuffix(".")
    parts: list[Part] = [Tokens.exactly(7), f"{function.get('name')}:{described}"]
    parameters = function.get("parameters")
    fields = parameters.get("properties") if isinstance(parameters, Mapping) else None
    if not isinstance(fields, Mapping) or not fields:
        return parts
    parts.append(Tokens.exactly(3))
    for name, value in fields.items():
        schema = value if isinstance(value, Mapping) else {}
        told = str(schema.get("description") or "").removesuffix(".")
        parts += [Tokens.exactly(3), f"{name}:{schema.get('type')}:{told}"]
        options = schema.get("enum")
        if isinstance(options, list) and options:
            parts.append(Tokens.exactly(-3))
            for option in options:
                parts += [Tokens.exactly(3), str(option)]
        inner = {key: schema[key] for key in ("properties", "items", "anyOf") if key in schema}
        if inner:
            parts.append(json_text(inner))
    return parts
