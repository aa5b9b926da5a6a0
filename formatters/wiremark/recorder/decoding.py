"""Bodies as they were before they were compressed, for the record; what is forwarded stays."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from importlib import import_module
from typing import Any, Final

__all__ = ["CODINGS", "Undecodable", "decoded"]


class Undecodable(Exception):
    """A body that cannot be read; the text says why."""


def decoded(raw: bytes, coding: str, most: int) -> tuple[bytes, bool]:
    """Return the first `most` bytes of what was encoded, and whether there is more or it is torn.

    `coding` is the value of a `content-encoding`: one coding, or several with commas between.
    Raises `Undecodable` where no decoder is at hand, or the bytes are none of the coding.
    """
    torn = False
    for name in reversed([each.strip().lower() for each in coding.split(",") if each.strip()]):
        if name == "identity":
            continue
        if name not in CODINGS:
            raise Undecodable(f"it is encoded as {name!r}, which cannot be read here")
        raw, more = CODINGS[name](raw, most)
        torn = torn or more
    return raw, torn


def _inflated(raw: bytes, most: int, bits: int) -> tuple[bytes, bool]:
    out: list[bytes] = []
    size = 0
    while raw and size <= most:
        reader = zlib.decompressobj(bits)
        try:
            piece = reader.decompress(raw, most - size + 1)
        except zlib.error as error:
            if not size:
                raise Undecodable("it is not encoded as it says") from error
            break  # what stands behind the end of a member
        out.append(piece)
        size += len(piece)
        if not reader.eof:
            return b"".join(out)[:most], True
        raw = reader.unused_data
    return b"".join(out)[:most], size > most


def _gzip(raw: bytes, most: int) -> tuple[bytes, bool]:
    return _inflated(raw, most, 31)


def _deflate(raw: bytes, most: int) -> tuple[bytes, bool]:
    """Read what HTTP calls deflate, and what some servers take it for (RFC 9110 8.4.1.2)."""
    try:
        return _inflated(raw, most, 15)
    except Undecodable:
        return _inflated(raw, most, -15)


def _brotli(raw: bytes, most: int) -> tuple[bytes, bool]:
    found = _module("br", "brotli", "brotlicffi")
    reader = found.Decompressor()
    out: list[bytes] = []
    size = 0
    try:
        for at in range(0, len(raw), _STEP):
            out.append(reader.process(raw[at : at + _STEP]))
            size += len(out[-1])
            if size > most:
                break
    except found.error as error:
        raise Undecodable("it is not encoded as it says") from error
    return b"".join(out)[:most], size > most or not reader.is_finished()


def _zstd(raw: bytes, most: int) -> tuple[bytes, bool]:
    found = _module("zstd", "compression.zstd", "backports.zstd")
    reader = found.ZstdDecompressor()
    out: list[bytes] = []
    size = 0
    try:
        for at in range(0, len(raw), _STEP):
            if reader.eof:
                break
            out.append(reader.decompress(raw[at : at + _STEP]))
            size += len(out[-1])
            if size > most:
                break
    except found.ZstdError as error:
        raise Undecodable("it is not encoded as it says") from error
    return b"".join(out)[:most], size > most or not reader.eof


_STEP: Final = 1 << 10
"""Bytes that are read at a time: few, since they may become many."""


def _module(coding: str, *names: str) -> Any:
    for name in names:
        try:
            return import_module(name)
        except ImportError:
            continue
    raise Undecodable(f"it is encoded as {coding!r}: install {names[-1]!r} to have it read")


CODINGS: Final[dict[str, Callable[[bytes, int], tuple[bytes, bool]]]] = {
    "gzip": _gzip,
    "x-gzip": _gzip,
    "deflate": _deflate,
    "br": _brotli,
    "zstd": _zstd,
}
