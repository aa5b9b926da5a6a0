"""Media of tool results, for a provider that takes text alone in a tool message.

Each medium goes into one user message behind the run of tool messages it came from, so that no
call stands apart from its results. A text in its old place says so, and a text before it names the
call. What was noted of places in the messages, wishes for marks above all, moves along.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby
from typing import Any, Final

from ..base.trace import Trace
from ..findings import Finding
from ..marks import PartShape, Slot, Wish

__all__ = ["holds_media", "move_media"]

_END: Final = (1 << 31) - 1


def holds_media(message: Mapping[str, Any], shape: PartShape) -> bool:
    """Say whether a wire message has a part that is a medium."""
    content = message.get("content")
    return isinstance(content, list) and any(_kind(part, shape) for part in content)


def move_media(
    messages: Sequence[dict[str, Any]], trace: Trace, shape: PartShape
) -> list[dict[str, Any]]:
    """Return the messages with the media of tool messages in user messages behind their runs.

    The notes of `trace` follow: a wish at the end of a result stands at the end of the shortest
    prefix that holds all of it, which is its last medium; a `False` holds in both places.
    """
    moves = _Moves()
    out: list[dict[str, Any]] = []
    for is_tool, run in groupby(messages, lambda message: message.get("role") == "tool"):
        parts: list[dict[str, Any]] = []
        found: list[_Moved] = []
        for old, message in enumerate(run, len(moves.shift)):
            moves.shift.append(len(out))
            if is_tool:
                moves.runs[old] = found
                out.append(_split(message, old, parts, found, shape))
            else:
                out.append(message)
        if parts:
            found[:] = [replace(moved, message=len(out)) for moved in found]
            trace.findings += map(_finding, found)
            out.append({"role": "user", "content": parts})
    moves.apply(trace)
    return out


@dataclass(frozen=True, slots=True)
class _Moved:
    """A medium: what it is, where it stood, and where it stands; its label is the part before."""

    kind: str
    call: object
    origin: tuple[int, int]
    part: int
    message: int = -1


def _split(
    message: dict[str, Any],
    number: int,
    parts: list[dict[str, Any]],
    found: list[_Moved],
    shape: PartShape,
) -> dict[str, Any]:
    """Return a tool message with texts for its media; these are added to `parts` and `found`."""
    if not holds_media(message, shape):
        return message
    call = message.get("tool_call_id")
    texts = []
    for place, part in enumerate(message["content"]):
        kind = _kind(part, shape)
        if kind is None:
            texts.append(part)
            continue
        text = f"The returned {kind} can be found in the user message behind the tool results."
        texts.append(shape.wrap(text))
        parts += [shape.wrap(f"{kind.capitalize()} of tool result {call}:"), part]
        found.append(_Moved(kind, call, (number, place), len(parts) - 1))
    return {**message, "content": texts}


def _kind(part: Any, shape: PartShape) -> str | None:
    """Return what a medium is; `None` for a text, and for what is unknown."""
    kind = shape.kind(part) if isinstance(part, dict) else None
    return None if kind == "text" else kind


def _finding(moved: _Moved) -> Finding:
    return Finding(
        "media-moved",
        "note",
        f"messages[{moved.message}].content[{moved.part}]",
        f"the {moved.kind} of tool result {moved.call!r} is sent in a user message",
        "the provider takes text alone in a tool message",
    )


@dataclass(slots=True)
class _Moves:
    """Where messages went, by their old number, and the media of the run each is in."""

    shift: list[int] = field(default_factory=list)
    runs: dict[int, list[_Moved]] = field(default_factory=dict)

    def apply(self, trace: Trace) -> None:
        """Move what was noted of the messages."""
        trace.wishes = [moved for wish in trace.wishes for moved in self._wishes(wish)]
        trace.dynamic = [moved for slot in trace.dynamic for moved in self._dynamic(slot)]
        trace.growing = [self.shift[index] for index in trace.growing]
        if trace.turn_starts is not None:
            trace.turn_starts = [(self.shift[at], part) for at, part in trace.turn_starts]

    def _at(self, slot: Slot) -> Slot:
        """Return a slot with its message's new number."""
        if slot.message is None or not 0 <= slot.message < len(self.shift):
            return slot
        return replace(slot, message=self.shift[slot.message])

    def _before(self, slot: Slot) -> list[_Moved]:
        """Return the media of the run that stood up to the end of a slot."""
        if slot.message is None:
            return []
        end = (slot.message, _END if slot.part is None else slot.part)
        return [moved for moved in self.runs.get(slot.message, ()) if moved.origin <= end]

    def _own(self, slot: Slot) -> list[_Moved]:
        return [moved for moved in self._before(slot) if moved.origin[0] == slot.message]

    def _wishes(self, wish: Wish) -> Iterator[Wish]:
        if wish.value is False:
            yield replace(wish, at=self._at(wish.at))
            for moved in self._own(wish.at):
                for part in (moved.part - 1, moved.part):
                    yield replace(wish, at=Slot(message=moved.message, part=part))
            return
        before = self._before(wish.at)
        at = Slot(message=before[-1].message, part=before[-1].part) if before else None
        yield replace(wish, at=at or self._at(wish.at))

    def _dynamic(self, slot: Slot) -> Iterator[Slot]:
        yield self._at(slot)
        for moved in self._own(replace(slot, part=None)):
            yield Slot(message=moved.message, part=moved.part - 1)
