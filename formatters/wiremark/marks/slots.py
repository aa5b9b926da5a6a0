"""Where markers can stand in wire messages: boundaries, found lazily and from the end.

A boundary is a key that sorts in prefix order: `(-1, k)` is tool `k`, `(i, j)` the end of part `j`
of message `i`, and `(len(messages), 0)` the request as a whole. In a string content `j` counts
the characters up to the last one that is not white space, so that two offsets with only white
space between them are one boundary.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from ..rules import CacheRules
from .wish import Slot

__all__ = ["SYSTEM_ROLES", "Key", "PartShape", "SlotMap"]

Key: TypeAlias = tuple[int, int]

SYSTEM_ROLES: Final = frozenset({"system", "developer"})
"""Roles that a stable head consists of."""


@dataclass(frozen=True, slots=True)
class PartShape:
    """How a dialect writes content parts.

    `kind` names a part (`"text"`, `"image"`, ...; `None` if unknown); the text of a text part is
    `part["text"]`. `wrap` makes a fresh text part of a string.
    """

    kind: Callable[[Mapping[str, Any]], str | None]
    wrap: Callable[[str], dict[str, Any]]


class SlotMap:
    """The boundaries of one request under one set of rules."""

    __slots__ = ("_before", "_cuts", "_runs", "messages", "rules", "shape", "tools")

    def __init__(
        self,
        messages: Sequence[Mapping[str, Any]],
        tools: Sequence[Mapping[str, Any]],
        rules: CacheRules,
        shape: PartShape,
    ) -> None:
        self.messages = messages
        self.tools = tools
        self.rules = rules
        self.shape = shape
        self._cuts: dict[Key, int] = {}
        self._runs: dict[int, tuple[int, int]] = {}
        self._before: dict[int, Key | None] = {}

    @property
    def whole(self) -> Key:
        """Return the boundary of the request as a whole."""
        return (len(self.messages), 0)

    def carries(self, part: object) -> bool:
        """Say whether a part can carry a marker under the rules."""
        if not isinstance(part, dict):
            return False
        kind = self.shape.kind(part)
        if kind not in self.rules.kinds:
            return False
        if kind != "text":
            return True
        text = part.get("text")
        return isinstance(text, str) and bool(text) and not text.isspace()

    def last_in(self, message: int, below: int | None = None) -> int | None:
        """Return the last boundary of a message, or the last one under `below`."""
        content = self.messages[message].get("content")
        if isinstance(content, str):
            if "text" not in self.rules.kinds:
                return None
            end = _text_end(content, len(content))
            if below is not None and end >= below:
                end = below - 1
            return end if end > 0 else None
        if not isinstance(content, list):
            return None
        stop = len(content) if below is None else min(below, len(content))
        for part in range(stop - 1, -1, -1):
            if self.carries(content[part]):
                return part
        return None

    def last_before(self, limit: Key, skip: Callable[[Key], bool]) -> Key | None:
        """Return the last boundary of a message before `limit` that `skip` does not refuse.

        Where reuse works at message ends only, these are the last boundaries of messages; where a
        run of tool results is marked at its end, those of whole runs.
        """
        message, inside = limit
        below: int | None = inside if inside > 0 and self.rules.reuse_at == "block" else None
        if message >= len(self.messages):
            message, below = len(self.messages), None
        if below is None:
            message -= 1
        while message >= 0:
            if self._in_batch(message):
                end = self._batch_end(message)
                if end is not None and end < limit and not skip(end):
                    return end
                message = self._run(message)[0] - 1
            else:
                found = self.last_in(message, below)
                while found is not None:
                    if not skip((message, found)):
                        return (message, found)
                    if self._only_ends(message):
                        break
                    found = self.last_in(message, found)
                message -= 1
            below = None
        return None

    def resolve(self, slot: Slot) -> tuple[Key | None, str]:
        """Return the boundary that a slot means, and the reason if it is another one.

        The boundary is `None` if nothing up to the slot can carry a marker.
        """
        if slot.tool is not None:
            return self._resolve_tool(slot.tool)
        if slot.message is None:
            return self._resolve_whole()
        message = slot.message
        if not 0 <= message < len(self.messages):
            return None, "no-slot"
        if self._in_batch(message):
            end = self._batch_end(message)
            if end is None:
                return self._earlier(self._run(message)[0])
            if end[0] != message:
                return end, "end-of-tool-batch" if end[0] > message else "cannot-carry"
            found, moved = self._resolve_in(message, slot)
            if found is not None and self._run(message)[0] <= found[0] < message:
                return end, "end-of-tool-batch"
            return found, moved
        return self._resolve_in(message, slot)

    def start_of(self, slot: Slot) -> Key:
        """Return the key that all boundaries before the start of `slot` sort under."""
        if slot.tool is not None:
            return (-1, slot.tool)
        if slot.message is None:
            return self.whole
        content = self._content(slot.message)
        if self.rules.reuse_at == "message":
            return (slot.message, -1)
        if slot.offset is not None and isinstance(content, str):
            end = _text_end(content, min(slot.offset, len(content)))
            self._cut((slot.message, end), slot.offset)
            return (slot.message, end + 1) if end else (slot.message, -1)
        return (slot.message, slot.part or -1)

    def exact(self, slot: Slot) -> Key | None:
        """Return the boundary exactly at a slot that names a part, offset or tool, else `None`."""
        if slot.tool is not None:
            return (-1, slot.tool)
        if slot.message is None or (slot.part is None and slot.offset is None):
            return None
        content = self._content(slot.message)
        if isinstance(content, str):
            if slot.part == -1:
                return None
            end = len(content) if slot.offset is None else slot.offset
            return (slot.message, _text_end(content, min(end, len(content))))
        if slot.part is None:
            return (slot.message, _part_at(content, slot.offset or 0, exact=True))
        return (slot.message, slot.part)

    def slot_of(self, key: Key) -> Slot:
        """Return a boundary as a slot."""
        message, inside = key
        if message < 0:
            return Slot(tool=inside)
        if message >= len(self.messages):
            return Slot()
        if isinstance(self._content(message), str):
            return (
                Slot(message=message)
                if self.ends(key)
                else Slot(message=message, offset=self._cuts.get(key, inside))
            )
        return Slot(message=message, part=inside)

    def cut_of(self, key: Key) -> int:
        """Return where a string content is cut for a boundary, in characters."""
        content = self._content(key[0])
        return len(content) if self.ends(key) else self._cuts.get(key, key[1])

    def is_string(self, key: Key) -> bool:
        """Say whether a boundary lies in a message whose content is a string."""
        return isinstance(self._content(key[0]), str)

    def asked_before(self, key: Key, offset: int | None) -> bool:
        """Say whether a mark was asked for at `key`, before white space that ends at `offset`."""
        if offset is None:
            return False
        content = self._content(key[0])
        end = min(offset, len(content)) if isinstance(content, str) else offset
        return self._cuts.get(key, end) < end

    def ends(self, key: Key) -> bool:
        """Say whether no later boundary of the same message exists."""
        return not 0 <= key[0] < len(self.messages) or self.last_in(key[0]) == key[1]

    def _content(self, message: int) -> Any:
        return self.messages[message].get("content") if 0 <= message < len(self.messages) else None

    def _only_ends(self, message: int) -> bool:
        return self.rules.reuse_at == "message" or isinstance(self._content(message), str)

    def _in_batch(self, message: int) -> bool:
        return self.rules.tool_batch_end and self.messages[message].get("role") == "tool"

    def _run(self, message: int) -> tuple[int, int]:
        """Return first and last message of the run of tool results that `message` is in."""
        known = self._runs.get(message)
        if known is not None:
            return known
        first = last = message
        while first > 0 and self.messages[first - 1].get("role") == "tool":
            first -= 1
        while last + 1 < len(self.messages) and self.messages[last + 1].get("role") == "tool":
            last += 1
        for member in range(first, last + 1):
            self._runs[member] = (first, last)
        return first, last

    def _batch_end(self, message: int) -> Key | None:
        first, last = self._run(message)
        for member in range(last, first - 1, -1):
            found = self.last_in(member)
            if found is not None:
                return (member, found)
        return None

    def _resolve_in(self, message: int, slot: Slot) -> tuple[Key | None, str]:
        content = self._content(message)
        if isinstance(content, str) and slot.part != -1:
            offset = len(content) if slot.offset is None else min(slot.offset, len(content))
            end = _text_end(content, offset) if "text" in self.rules.kinds else 0
            if end > 0:
                self._cut((message, end), offset)
                return (message, end), ""
        elif isinstance(content, list) and slot.part != -1:
            part = slot.part
            if part is None and slot.offset is not None:
                part = _part_at(content, slot.offset)
            found = self.last_in(message, None if part is None else part + 1)
            if found is not None:
                if slot.offset is not None:
                    self._cut((message, found), slot.offset)
                moved = part is not None and found < min(part, len(content) - 1)
                return (message, found), "cannot-carry" if moved else ""
        return self._earlier(message)

    def _earlier(self, message: int) -> tuple[Key | None, str]:
        """Return the last boundary before a message; what was once found is remembered."""
        passed = []
        found: Key | None = None
        for candidate in range(message - 1, -1, -1):
            if candidate in self._before:
                found = self._before[candidate]
                break
            passed.append(candidate)
            inside = self.last_in(candidate)
            if inside is not None:
                found = (candidate, inside)
                break
        self._before.update(dict.fromkeys(passed, found))
        return (found, "cannot-carry") if found is not None else (None, "no-slot")

    def _resolve_tool(self, tool: int) -> tuple[Key | None, str]:
        if self.rules.tool_slot and 0 <= tool < len(self.tools):
            return (-1, tool), ""
        if self.rules.tools_in_prefix == "system" and tool >= 0:
            head = next(
                (i for i, m in enumerate(self.messages) if m.get("role") not in SYSTEM_ROLES),
                len(self.messages),
            )
            found = self.last_before((head, -1), lambda _: False)
            if found is not None:
                return found, "tools-in-prefix"
        return None, "no-slot"

    def _resolve_whole(self) -> tuple[Key | None, str]:
        if self.rules.automatic is not None:
            return self.whole, ""
        found = self.last_before(self.whole, lambda _: False)
        return (None, "no-slot") if found is None else (found, "no-automatic")

    def _cut(self, key: Key, offset: int) -> None:
        self._cuts[key] = min(offset, self._cuts.get(key, offset))


def _text_end(text: str, end: int) -> int:
    """Return `end` without the white space before it."""
    while end > 0 and text[end - 1].isspace():
        end -= 1
    return max(end, 0)


def _part_at(content: object, offset: int, *, exact: bool = False) -> int:
    """Return the part of an array in which its text reaches `offset` characters, -1 if none.

    White space before the offset does not count, as in a string. `exact`: the part must end there.
    """
    parts = content if isinstance(content, list) else []
    texts = [part.get("text") if isinstance(part, dict) else None for part in parts]
    whole = "".join(text for text in texts if isinstance(text, str))
    end = _text_end(whole, min(offset, len(whole)))
    reached = 0
    for index, text in enumerate(texts):
        reached += len(text) if isinstance(text, str) else 0
        if reached >= end > 0:
            return -1 if exact and _text_end(whole, reached) != end else index
    return -1
