"""What the encoding of messages leaves behind for the planning of marks, and for the reader.

An encoder returns fresh dicts; here it notes where blocks ended in them, what it could not send,
and which messages change from request to request. One trace serves one call of a formatter.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ..findings import Finding, Severity
from ..marks import Slot, Wish
from ..messages import CACHE_CONTROL, CACHE_DYNAMIC, Msg

__all__ = ["Trace", "block_wishes"]


class Trace:
    """Wishes, dynamic slots and findings of one encoding.

    `path` is the source message at hand, such as `messages[3]`. `wants_ends` is true while the
    ends of its blocks matter, because one of them carries a wish. `strict`: raise where a medium
    is refused.
    """

    __slots__ = (
        "_ends",
        "dynamic",
        "findings",
        "growing",
        "index",
        "model",
        "strict",
        "turn_starts",
        "units",
        "wants_ends",
        "wishes",
    )

    def __init__(self, *, strict: bool = False, model: str | None = None) -> None:
        self.strict = strict
        self.model = model
        self.wishes: list[Wish] = []
        self.dynamic: list[Slot] = []
        self.growing: list[int] = []
        self.turn_starts: list[tuple[int, int | None]] | None = None
        self.findings: list[Finding] = []
        self.units: list[Slot] = []
        self.index = 0
        self.wants_ends = False
        self._ends: dict[int, Slot] = {}

    @property
    def path(self) -> str:
        """Return the path of the source message at hand."""
        return f"messages[{self.index}]"

    def finding(self, code: str, severity: Severity, where: str, text: str, advice: str) -> None:
        """Note something about the source message at hand; `where` such as `content[1]`."""
        path = f"{self.path}.{where}" if where else self.path
        self.findings.append(Finding(code, severity, path, text, advice))

    def not_sent(self, where: str, what: str, advice: str = "") -> None:
        """Note content that this protocol's form has no place for."""
        self.finding("content-not-sent", "note", where, f"{what} is not sent", advice)

    def unread_arguments(self, block: int) -> None:
        """Note that the raw argument text of a tool call holds no JSON object."""
        self.not_sent(
            f"content[{block}].content",
            "argument text that is no JSON object",
            "the block's input is sent in its place",
        )

    def block_end(
        self, block: int, *, message: int = 0, part: int | None = None, offset: int | None = None
    ) -> None:
        """Note where source block number `block` ended in what the encoder returns.

        `message` counts the returned messages, `part` the parts of a list content (-1: nothing
        yet), `offset` the characters of a string content.
        """
        if self.wants_ends:
            self._ends[block] = Slot(message=message, part=part, offset=offset)

    def unit_end(self, *, message: int, part: int | None = None) -> None:
        """Note where the text of the next source message of a history run ends."""
        self.units.append(Slot(message=message, part=part))

    def take_units(self) -> list[Slot]:
        """Return the ends noted since the last call."""
        units, self.units = self.units, []
        return units

    def turns(self) -> list[Slot] | None:
        """Return where assistant output begins, if the formatter noted it."""
        if self.turn_starts is None:
            return None
        return [Slot(message=message, part=part) for message, part in self.turn_starts]

    def forget_ends(self) -> None:
        """Forget the noted block ends: the content took another form."""
        self._ends = {}

    def begin(self, index: int, message: Msg) -> None:
        """Turn to source message number `index`."""
        self.index = index
        self.wants_ends = message.has_wishes
        if self.wants_ends:
            self._ends = {}

    def end(self, message: Msg, first: int, count: int) -> None:
        """Turn the wishes of a source message into wishes on the `count` messages from `first`.

        A message of which nothing is sent passes its wishes to the end of the one before; what it
        forbids is void.
        """
        last = Slot(message=first + count - 1) if first + count else Slot(message=0, part=-1)
        if message.metadata:
            if message.metadata.get(CACHE_DYNAMIC) is True:
                self.dynamic.extend(Slot(message=first + number) for number in range(count))
            value = message.metadata.get(CACHE_CONTROL)
            if value is not None and (count or value is not False):
                path = f"{self.path}.metadata.{CACHE_CONTROL}"
                self.wishes.append(Wish("message", value, last, path))
        if not self.wants_ends:
            return
        for number, value, where in block_wishes(message):
            if not count and value is False:
                continue
            end = self._ends.get(number)
            if end is None or end.message is None or end.message >= count:
                slot = last
            else:
                slot = Slot(message=first + end.message, part=end.part, offset=end.offset)
            self.wishes.append(Wish("block", value, slot, f"{self.path}.{where}"))


def block_wishes(message: Msg) -> Iterator[tuple[int, Any, str]]:
    """Yield block number, value and path of each wish; those inside a result belong to it."""
    for number, block in enumerate(message.content):
        if block.type == "tool_result":
            for inner, item in enumerate(block.output):
                if item.cache_control is not None:
                    yield (
                        number,
                        item.cache_control,
                        f"content[{number}].output[{inner}].cache_control",
                    )
        if block.cache_control is not None:
            yield number, block.cache_control, f"content[{number}].cache_control"
