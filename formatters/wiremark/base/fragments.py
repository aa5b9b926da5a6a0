"""Tool calls and texts of a stream, joined from their pieces.

OpenAI numbers the pieces of a call by `index` and gives id and name once. Others do not, and each
rule below stands for one of them (threads read 2026-11-21): the same index for every call of a
batch (https://github.com/ollama/ollama/issues/15457), no index at all
(https://github.com/openai/openai-python/pull/3246), id and name in every piece
(https://github.com/NousResearch/hermes-agent/pull/12230), a name in pieces
(https://github.com/continuedev/continue/pull/5849). It knows no protocol.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from .. import jsontext
from ..errors import SerializationError
from .reply import Delta
from .values import copy_json

__all__ = ["THINKING", "CallFragments", "Growing", "Thinking", "call_input", "numbered"]

_ENOUGH: Final = 3
"""How many pieces in a row must repeat the one before, so that it is no accident."""

THINKING: Final = ("reasoning_content", "reasoning")
"""Under which names providers give thinking."""

_OWN: Final = frozenset({"index", "id", "function"})
_SAID: Final = frozenset({"name", "arguments"})


class Growing:
    """A text that grows piece by piece.

    cumulative: every piece repeats all that was said before
    rewritten: a piece said otherwise than those before; the last one counts
    """

    def __init__(self, *, cumulative: bool = False) -> None:
        self.rewritten = False
        self._cumulative = cumulative
        self._pieces: list[str] = []
        self._last = ""
        self._repeats = 0

    def __bool__(self) -> bool:
        return bool(self._pieces)

    @property
    def text(self) -> str:
        """Return all that was said."""
        if len(self._pieces) > 1:
            self._pieces = ["".join(self._pieces)]
        return self._pieces[0] if self._pieces else ""

    @property
    def seems_cumulative(self) -> bool:
        """Say whether each piece repeated the one before, though they are not taken that way."""
        return not self._cumulative and self._repeats >= _ENOUGH

    def add(self, piece: str) -> str:
        """Take a piece, and return what it adds."""
        if not piece:
            return ""
        if not self._cumulative:
            self._watch(piece)
            self._pieces.append(piece)
            return piece
        before = self.text
        if piece.startswith(before):
            added = piece[len(before) :]
        elif before.startswith(piece):
            return ""
        else:
            self.rewritten = True
            self._pieces = [piece]
            return ""
        self._pieces.append(added)
        return added

    def _watch(self, piece: str) -> None:
        """Count pieces that repeat the whole one before and go on; one that does not ends it."""
        if self._repeats >= 0 and self._last:
            longer = len(piece) > len(self._last) and piece.startswith(self._last)
            self._repeats = self._repeats + 1 if longer else -1
        self._last = piece


class Thinking:
    """A message's thinking as it grows, under the name that its provider gives it."""

    def __init__(self, *, cumulative: bool = False) -> None:
        self.key: str | None = None
        self.grown = Growing(cumulative=cumulative)

    def add(self, delta: Mapping[str, Any]) -> str:
        """Take a piece of a message, and return the thinking it adds; the later name counts."""
        said = ""
        for key, value in delta.items():
            if key in THINKING and isinstance(value, str) and value:
                said, self.key = value, key
        return self.grown.add(said)


class _Call:
    """One call on its way."""

    def __init__(self, number: int, *, cumulative: bool) -> None:
        self.number = number
        self.id: str | None = None
        self.name: str | None = None
        self.function: dict[str, Any] = {}
        self.rest: dict[str, Any] = {}
        self.arguments = Growing(cumulative=cumulative)
        self.touched = 0

    @property
    def is_done(self) -> bool:
        """Say whether the arguments are whole, so that no piece of them is missing."""
        text = self.arguments.text
        return text.rstrip().endswith("}") and call_input(text) is not None

    def to_dict(self) -> dict[str, Any]:
        function = {"name": self.name, "arguments": self.arguments.text, **self.function}
        return {"id": self.id, "type": "function", **self.rest, "function": function}


def call_input(text: str) -> dict[str, Any] | None:
    """Return a call's input from its text, which may be empty; None where it holds no object."""
    if not text.strip():
        return {}
    try:
        found = jsontext.loads(text)
    except SerializationError:
        return None
    return found if isinstance(found, dict) else None


@dataclass(frozen=True, slots=True)
class _Piece:
    """What a piece says about its call; `says`: it holds argument text."""

    id: str
    name: str
    says: bool


class CallFragments:
    """The tool calls of one message, joined piece by piece.

    cumulative: every piece repeats all that was said before
    """

    def __init__(self, *, cumulative: bool = False) -> None:
        self._cumulative = cumulative
        self._calls: list[_Call] = []
        self._slots: dict[int, list[_Call]] = {}
        self._chunk = 0

    def __bool__(self) -> bool:
        return bool(self._calls)

    @property
    def rewritten(self) -> bool:
        """Say whether a piece said otherwise than those before."""
        return any(call.arguments.rewritten for call in self._calls)

    def add(self, entries: Any) -> list[Delta]:
        """Take the `tool_calls` of one chunk, and return what they add."""
        if isinstance(entries, Mapping):
            entries = [entries]
        if not isinstance(entries, list):
            return []
        self._chunk += 1
        given = [entry for entry in entries if isinstance(entry, Mapping) and _says(entry)]
        found = [self._add(entry, place, len(given)) for place, entry in enumerate(given)]
        return [delta for delta in found if delta is not None]

    def to_list(self) -> list[dict[str, Any]]:
        """Return the calls as a message has them that was not streamed."""
        return [call.to_dict() for call in self._calls]

    def _add(self, entry: Mapping[str, Any], place: int, of: int) -> Delta | None:
        function = _object(entry.get("function"))
        given_id, name = _text(entry.get("id")), _text(function.get("name"))
        said = _arguments(function.get("arguments"))
        call = self._find(entry.get("index"), _Piece(given_id, name, bool(said)), place, of)
        before = None if not call.touched else (call.id, call.name)
        call.touched = self._chunk
        call.id = call.id or given_id or None
        self._name(call, name)
        rest = {key: item for key, item in entry.items() if key not in _OWN and item is not None}
        call.rest.update(copy_json(rest))
        own = {key: item for key, item in function.items() if key not in _SAID and item}
        call.function.update(copy_json(own))
        text = call.arguments.add(said)
        if not text and before == (call.id, call.name):
            return None
        return Delta("tool_call", text, index=call.number, id=call.id, name=call.name)

    def _name(self, call: _Call, name: str) -> None:
        """Keep the name; a repeated one says nothing new, another one is the rest of it."""
        if not call.name:
            call.name = name or None
        elif name and name != call.name and not call.arguments:
            call.name = name if self._cumulative else call.name + name

    def _find(self, index: Any, piece: _Piece, place: int, of: int) -> _Call:
        """Return the call that a piece belongs to, a new one where it begins one."""
        if not isinstance(index, int) or isinstance(index, bool):
            if self._cumulative or (of > 1 and not piece.id and not piece.name):
                return self._calls[place] if place < len(self._calls) else self._new()
            return self._known(self._calls, piece, apart=True) or self._new()
        slot = self._slots.setdefault(index, [])
        if not slot:
            slot.append(self._unnumbered(index, piece) or self._new())
            return slot[0]
        call = slot[-1] if self._cumulative else self._known(slot, piece)
        if call is None:
            call = self._new()
            slot.append(call)
        return call

    def _unnumbered(self, index: int, piece: _Piece) -> _Call | None:
        """Return the call that began without an index, and goes on with one."""
        if piece.id or piece.name or not 0 <= index < len(self._calls):
            return None
        call = self._calls[index]
        return None if any(call in slot for slot in self._slots.values()) else call

    def _known(self, calls: list[_Call], piece: _Piece, *, apart: bool = False) -> _Call | None:
        """Return the call among `calls` that goes on; None where a new one begins.

        apart: there is no index, so pieces of one chunk are of different calls.
        """
        same = next((call for call in calls if piece.id and call.id == piece.id), None)
        if same is not None or not calls:
            return same
        last = calls[-1]
        if not piece.name:
            return last
        other = last.name is not None and piece.name != last.name
        if piece.id and last.id:
            begins = other or not last.arguments or last.is_done
        elif apart:
            begins = other or last.touched == self._chunk or (piece.says and last.is_done)
        else:
            begins = piece.says and last.is_done
        return None if begins else last

    def _new(self) -> _Call:
        call = _Call(len(self._calls), cumulative=self._cumulative)
        self._calls.append(call)
        return call


def numbered(items: Any) -> list[tuple[int, dict[str, Any]]]:
    """Return objects with their `index`, their place where they have none."""
    out: list[tuple[int, dict[str, Any]]] = []
    for place, item in enumerate(items if isinstance(items, list) else ()):
        if isinstance(item, dict):
            index = item.get("index")
            if not isinstance(index, int) or isinstance(index, bool) or index < 0:
                index = place
            out.append((index, item))
    return out


def _says(entry: Mapping[str, Any]) -> bool:
    """Say whether a piece says anything: a null or an empty one begins no call."""
    return bool(entry.get("id")) or any(_object(entry.get("function")).values())


def _object(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _arguments(value: Any) -> str:
    """Return argument text; an object in its place, as some vendors send it, becomes JSON."""
    if isinstance(value, Mapping):
        return jsontext.dumps(value)
    return _text(value)
