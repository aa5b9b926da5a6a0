"""What a policy sees: a request, read-only, with its useful slots found on demand."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ..rules import CacheRules
from .slots import SYSTEM_ROLES, Key, SlotMap
from .wish import Slot

__all__ = ["RequestView"]

_UNSET: Any = object()


class RequestView:
    """A request before its automatic marks: messages, tools, rules, and slots by meaning.

    Do not modify what it shows. The slots `tail`, `previous_tail` and `stable_head_end` lie in the
    reusable part, pass over blocks and messages whose wish is `False`, and are `None` if there is
    no such place.
    """

    __slots__ = (
        "_head",
        "_limit",
        "_map",
        "_previous",
        "_tail",
        "_turn_starts",
        "_vetoed",
        "dynamic",
        "dynamic_start",
    )

    def __init__(
        self,
        slots: SlotMap,
        *,
        dynamic: Sequence[Slot] = (),
        turn_starts: Sequence[Slot] | None = None,
        vetoed: Callable[[Key], bool] = lambda _: False,
    ) -> None:
        self._map = slots
        self._vetoed = vetoed
        self._turn_starts = turn_starts
        self.dynamic: tuple[Slot, ...] = tuple(dynamic)
        end = (slots.whole[0], 1)
        self.dynamic_start = first = min(self.dynamic, key=_order, default=None)
        self._limit: Key = end if first is None else slots.start_of(first)
        self._tail: Key | None = _UNSET
        self._previous: Key | None = _UNSET
        self._head: Key | None = _UNSET

    @property
    def messages(self) -> Sequence[Mapping[str, Any]]:
        """The wire messages, existing markers removed."""
        return self._map.messages

    @property
    def tools(self) -> Sequence[Mapping[str, Any]]:
        """The tool definitions, existing markers removed."""
        return self._map.tools

    @property
    def rules(self) -> CacheRules:
        """The provider's rules."""
        return self._map.rules

    @property
    def end(self) -> Slot | None:
        """The last slot of the reusable part, also where a wish of `False` forbids it."""
        return self._slot(self._map.last_before(self._limit, lambda _: False))

    @property
    def tail(self) -> Slot | None:
        """The last slot of the reusable part."""
        return self._slot(self.tail_key)

    @property
    def previous_tail(self) -> Slot | None:
        """The last slot before the most recent assistant turn: the previous request's tail."""
        return self._slot(self.previous_key)

    @property
    def stable_head_end(self) -> Slot | None:
        """The last slot before the first message that is dynamic or not a system message."""
        return self._slot(self.head_key)

    @property
    def system_messages(self) -> tuple[Slot, ...]:
        """Every system message, dynamic ones too."""
        return tuple(
            Slot(message=index)
            for index, message in enumerate(self._map.messages)
            if message.get("role") in SYSTEM_ROLES
        )

    @property
    def tools_end(self) -> Slot | None:
        """The last reusable tool definition, where the provider marks tools."""
        if not self.rules.tool_slot:
            return None
        for tool in range(len(self._map.tools) - 1, -1, -1):
            if (-1, tool) < self._limit and not self._vetoed((-1, tool)):
                return Slot(tool=tool)
        return None

    @property
    def limit(self) -> Key:
        """The key under which all reusable boundaries sort."""
        return self._limit

    @property
    def tail_key(self) -> Key | None:
        """The boundary of `tail`."""
        if self._tail is _UNSET:
            self._tail = self._map.last_before(self._limit, self._vetoed)
        return self._tail

    @property
    def previous_key(self) -> Key | None:
        """The boundary of `previous_tail`."""
        if self._previous is _UNSET:
            start = self._last_turn_start()
            key = None if start is None else self._map.last_before(start, self._vetoed)
            self._previous = key if key is not None and key < self._limit else None
        return self._previous

    @property
    def head_key(self) -> Key | None:
        """The boundary of `stable_head_end`."""
        if self._head is _UNSET:
            messages = self._map.messages
            head = 0
            while head < len(messages) and messages[head].get("role") in SYSTEM_ROLES:
                head += 1
            self._head = self._map.last_before(min((head, -1), self._limit), self._vetoed)
        return self._head

    def _last_turn_start(self) -> Key | None:
        if self._turn_starts is not None:
            last = max(self._turn_starts, key=_order, default=None)
            return None if last is None else self._map.start_of(last)
        messages = self._map.messages
        for index in range(len(messages) - 1, -1, -1):
            if messages[index].get("role") == "assistant":
                return (index, -1)
        return None

    def _slot(self, key: Key | None) -> Slot | None:
        return None if key is None else self._map.slot_of(key)


def _order(slot: Slot) -> tuple[int, int, int]:
    """Sort slots by where they start: tools, then messages, then the request as a whole."""
    if slot.tool is not None:
        return (-1, slot.tool, 0)
    message = sys.maxsize if slot.message is None else slot.message
    return (message, slot.part or 0, slot.offset or 0)
