"""What a provider's cache sees of a request body: its pieces in prefix order, and its marks.

Two bodies share a prefix as far as their pieces are equal, wherever marks stand in them. Pieces are
kept as digests, so that a long conversation takes little room. Markers are found by `marks.scan`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any, Final, Literal, TypeAlias

from .. import jsontext
from ..marks.scan import Found, take_from_message, take_from_tools
from ..marks.wish import read_value

__all__ = ["Mark", "Piece", "Prefix", "read_prefix"]

Place: TypeAlias = Literal["tool", "part", "nested", "message", "request"]

_LAYERS: Final = ("parameters", "input", "toolConfig")


@dataclass(frozen=True, slots=True)
class Piece:
    """A tool, a content block, or another field of a message; `size` in characters.

    `is_block`: it counts where a provider looks back over blocks.
    """

    path: str
    digest: bytes
    size: int
    is_block: bool


@dataclass(frozen=True, slots=True)
class Mark:
    """A marker, the field it is written as, and the number of pieces in front of its end."""

    path: str
    form: str
    place: Place
    ttl: str | None
    end: int


@dataclass(frozen=True, slots=True)
class Prefix:
    """The pieces of a body in prefix order, tools first, and its marks."""

    pieces: tuple[Piece, ...]
    marks: tuple[Mark, ...]

    def common(self, other: Prefix) -> int:
        """Return how many pieces are equal from the start."""
        count = 0
        for mine, theirs in zip(self.pieces, other.pieces, strict=False):
            if mine.digest != theirs.digest:
                break
            count += 1
        return count

    def blocks(self, start: int, end: int) -> int:
        """Return how many blocks lie from one end to another."""
        return sum(piece.is_block for piece in self.pieces[start:end])

    def share(self, end: int) -> float:
        """Return the share of the characters that stands in front of an end, 0 to 1."""
        sizes = [piece.size for piece in self.pieces]
        return sum(sizes[:end]) / max(1, sum(sizes))


class _Reader:
    def __init__(self) -> None:
        self.pieces: list[Piece] = []
        self.marks: list[Mark] = []

    def prefix(self) -> Prefix:
        return Prefix(tuple(self.pieces), tuple(self.marks))

    def put(self, path: str, value: Any, *, is_block: bool) -> None:
        text = jsontext.dumps(value)
        digest = blake2b(text.encode(), digest_size=16).digest()
        self.pieces.append(Piece(path, digest, len(text), is_block))

    def mark(self, path: str, value: Any, place: Place, end: int) -> None:
        reading = read_value(value)
        if reading.kind == "mark":
            form = path.rpartition(".")[2]
            self.marks.append(Mark(path, form, place, reading.ttl, end))

    def tools(self, path: str, tools: Sequence[dict[str, Any]]) -> None:
        bare, taken = take_from_tools(tools)
        start = len(self.pieces)
        for index, tool in enumerate(bare):
            self.put(f"{path}[{index}]", tool, is_block=False)
        for found in taken.found:
            self.mark(f"{path}{found.path}", found.value, "tool", start + (found.at or 0) + 1)

    def system(self, path: str, system: Any) -> None:
        bare, taken = take_from_message({"content": system})
        start = len(self.pieces)
        self._blocks(path, bare["content"])
        self._marks(path.rpartition("system")[0], taken.found, start, "system")

    def message(self, path: str, message: dict[str, Any]) -> None:
        bare, taken = take_from_message(message)
        for name in sorted(bare):
            if name != "content":
                self.put(f"{path}.{name}", [name, bare[name]], is_block=False)
        start = len(self.pieces)
        self._blocks(f"{path}.content", bare.get("content"))
        self._marks(f"{path}.", taken.found, start, "content")

    def _blocks(self, path: str, content: Any) -> None:
        """Put the blocks of a content; a string is the one text block that a mark makes of it."""
        if isinstance(content, str):
            self.put(path, _text(content), is_block=True)
        elif isinstance(content, list):
            for index, block in enumerate(content):
                self.put(f"{path}[{index}]", _normal(block), is_block=True)
        elif content is not None:
            self.put(path, content, is_block=True)

    def _marks(self, before: str, found: Sequence[Found], start: int, name: str) -> None:
        for item in found:
            path = before + (
                name + item.path.removeprefix("content") if item.at is not None else item.path
            )
            end = len(self.pieces) if item.at is None else start + item.at + 1
            place: Place = "part" if item.level == "point" else item.level
            self.mark(path, item.value, place, end)


def read_prefix(body: Mapping[str, Any]) -> Prefix:
    """Return the pieces and marks of a request body of any protocol; it is not modified.

    Tools, system and messages (also as a list `input`) are looked for at the top, under
    `parameters`, `input` and `toolConfig`. Raises `SerializationError` for what is no JSON.
    """
    reader = _Reader()
    layers = list(_layers(body))
    for path, layer in layers:
        if _is_objects(layer.get("tools")):
            reader.tools(f"{path}tools", layer["tools"])
    for path, layer in layers:
        if isinstance(layer.get("system"), str) or _is_objects(layer.get("system")):
            reader.system(f"{path}system", layer["system"])
    for path, layer in layers:
        for name in ("messages", "input"):  # Responses calls its messages input
            if _is_objects(layer.get(name)):
                for index, message in enumerate(layer[name]):
                    reader.message(f"{path}{name}[{index}]", message)
    if "cache_control" in body:
        reader.mark("cache_control", body["cache_control"], "request", len(reader.pieces))
    return reader.prefix()


def _layers(body: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    yield "", body
    for name in _LAYERS:
        if isinstance(body.get(name), Mapping):
            yield f"{name}.", body[name]


def _is_objects(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(item, dict) for item in value)


def _text(text: str) -> list[str]:
    return ["text", text]


def _normal(block: Any) -> Any:
    """Return a block of text alone as all protocols' strings are; others as they are."""
    if not isinstance(block, dict) or not isinstance(block.get("text"), str):
        return block
    alone = all(key == "text" or (key, value) == ("type", "text") for key, value in block.items())
    return _text(block["text"]) if alone else block
