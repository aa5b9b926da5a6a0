r"""One way to write JSON, and the strict ways to read it.

Text is compact and in the order given. Every character is raw but quotes, backslashes, control
characters (`\b \f \n \r \t`, else `\u001F` in upper case, as Jackson writes) and lone
surrogates (`\uD83D`), so that it always encodes as UTF-8. Writing comes first, then reading, then
reading as Jackson does. The module knows neither messages nor providers.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable
from json.encoder import encode_basestring
from typing import Any, NoReturn

from .errors import SerializationError
from .javatext import double_text

__all__ = ["dumpb", "dumps", "first_object", "loads", "starts_with_object"]

_ENCODER = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False)


def _one_encoder() -> Callable[[Any], str]:
    """Return the standard encoder, made once: `JSONEncoder.encode` makes a C encoder a call."""
    make = getattr(json.encoder, "c_make_encoder", None)
    if make is None:  # an interpreter without the C module
        return _ENCODER.encode
    raw = make(None, _ENCODER.default, encode_basestring, None, ":", ",", False, False, False)
    return lambda value: "".join(raw(value, 0))


_encode: Callable[[Any], str] = _one_encoder()

# The C encoder coerces keys that are numbers, Booleans or None. What it makes of them ends like
# this, and it is cheaper to look for that than to walk every value.
_COERCED_KEY = re.compile(r'":(?<=(?:..[0-9]|rue|lse|ull)":)', re.DOTALL)
_SCALARS = frozenset({int, bool, type(None)})

_LOWER_ESCAPE = re.compile(r"\\\\|\\u00[01][a-f]")
_UPPER_ESCAPES = {rf"\u{code:04x}": rf"\u{code:04X}" for code in (11, 14, 15, *range(26, 32))}
_SURROGATES = re.compile("[\ud800-\udbff][\udc00-\udfff]|[\ud800-\udfff]")

_PLAIN_KEY = re.compile(r"[\w$-]+")
_LONGEST_STR_INT = 10**600  # below the smallest limit that Python allows on str(int)


def dumps(value: Any, *, java_numbers: bool = False, at: str = "") -> str:
    """Write `value` as compact JSON.

    Floats are Python's shortest text (`1e-05`), with `java_numbers` JDK 17's (`1.0E-5`). Dicts,
    lists, tuples, strings, integers of any size, finite floats, Booleans and None are written,
    subclasses by value. Anything else, and a key that is not a string, raises
    `SerializationError` with the path of the culprit, which begins with `at`.
    """
    text = _text(value, java_numbers, at)
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError:
            return _SURROGATES.sub(_encodable, text)
    return text


def dumpb(value: Any, *, java_numbers: bool = False, at: str = "") -> bytes:
    """Write `value` as `dumps` does, in UTF-8."""
    text = _text(value, java_numbers, at)
    try:
        return text.encode()
    except UnicodeEncodeError:
        return _SURROGATES.sub(_encodable, text).encode()


def _text(value: Any, java_numbers: bool, at: str) -> str:
    try:
        try:
            text = _encode(value)
        except (TypeError, ValueError, RecursionError):
            text = _Writer(at, java_numbers).text(value)
        else:
            if (java_numbers or _COERCED_KEY.search(text)) and _is_special(value, java_numbers):
                text = _Writer(at, java_numbers).text(value)
    except RecursionError:
        raise SerializationError(
            "nested too deeply to be written as JSON", path=at, advice="flatten the value"
        ) from None
    return _with_upper_escapes(text) if r"\u00" in text else text


def _is_special(value: Any, java_numbers: bool) -> bool:
    """Whether the C encoder's text will not do: a key is no string, or Java prints a float."""
    containers: list[Any] = [(value,)]
    for container in containers:
        children = container
        if isinstance(container, dict):
            try:
                "".join(container)
            except TypeError:
                return True
            children = container.values()
        for child in children:
            kind = child.__class__
            if kind is str or kind in _SCALARS:
                continue
            if kind is dict or kind is list or isinstance(child, (dict, list, tuple)):
                containers.append(child)
            elif java_numbers and isinstance(child, float):
                return True
    return False


class _Writer:
    """The slow way: writes what the C encoder cannot, and knows where it stands."""

    def __init__(self, at: str, java_numbers: bool) -> None:
        self._at = at
        self._number: Callable[[float], str] = double_text if java_numbers else float.__repr__
        self._pieces: list[str] = []
        self._path: list[str | int] = []
        self._open: set[int] = set()

    def text(self, value: Any) -> str:
        self._write(value)
        return "".join(self._pieces)

    def _write(self, value: Any) -> None:
        put = self._pieces.append
        if not isinstance(value, (dict, list, tuple)):
            put(self._scalar(value))
            return
        if id(value) in self._open:
            raise self._refusal(f"the {type(value).__name__} contains itself", "pass a tree")
        self._open.add(id(value))
        comma = ""
        if isinstance(value, dict):
            put("{")
            for key, child in value.items():
                put(f"{comma}{self._key(key)}:")
                self._path.append(key)
                self._write(child)
                self._path.pop()
                comma = ","
            put("}")
        else:
            put("[")
            for index, child in enumerate(value):
                put(comma)
                self._path.append(index)
                self._write(child)
                self._path.pop()
                comma = ","
            put("]")
        self._open.remove(id(value))

    def _scalar(self, value: Any) -> str:
        if isinstance(value, str):
            return encode_basestring(value)
        if value is None:
            return "null"
        if isinstance(value, bool):
            return "true" if value else "false"
        if isinstance(value, int):
            return _integer_text(value)
        if isinstance(value, float):
            if math.isfinite(value):
                return self._number(value)
            raise self._refusal(
                f"{float.__repr__(value)} is not a JSON number", "send null or leave it out"
            )
        raise self._refusal(
            f"{type(value).__name__} is not a JSON value",
            "pass dict, list, tuple, str, int, float, bool or None",
        )

    def _key(self, key: Any) -> str:
        if not isinstance(key, str):
            raise self._refusal(
                f"the key {key!r} is {type(key).__name__}, JSON keys are strings",
                "make it a string",
            )
        return encode_basestring(key)

    def _refusal(self, problem: str, advice: str) -> SerializationError:
        where = self._at
        for step in self._path:
            plain = _PLAIN_KEY.fullmatch(step) if isinstance(step, str) else None
            if plain:
                where += f".{plain[0]}" if where else plain[0]
            else:
                where += f"[{dumps(step)}]"
        return SerializationError(problem, path=where, advice=advice)


def _integer_text(value: int) -> str:
    """Write an integer of any size; `str` alone refuses more than some thousand digits."""
    if value < 0:
        return f"-{_integer_text(-value)}"
    if value < _LONGEST_STR_INT:
        return int.__repr__(value)
    digits = value.bit_length() * 3 // 20  # about half of them
    upper, lower = divmod(value, 10**digits)
    return _integer_text(upper) + _integer_text(lower).zfill(digits)


def _with_upper_escapes(text: str) -> str:
    if r"\\u00" in text:  # an escaped backslash and what only looks like an escape
        return _LOWER_ESCAPE.sub(lambda found: _UPPER_ESCAPES.get(found[0], found[0]), text)
    for lower, upper in _UPPER_ESCAPES.items():
        text = text.replace(lower, upper)
    return text


def _encodable(match: re.Match[str]) -> str:
    """Write a lone surrogate as an escape, two that belong together as the one character."""
    found = match[0]
    if len(found) == 2:
        return found.encode("utf-16", "surrogatepass").decode("utf-16")
    return f"\\u{ord(found):04X}"


class _TokenRefused(ValueError):
    """A number or constant that the grammar or the machine does not take: token, problem."""


def _refuse_constant(token: str) -> NoReturn:
    raise _TokenRefused(token, f"{token} is not JSON")


def _finite(token: str) -> float:
    value = float(token)
    if math.isinf(value):
        raise _TokenRefused(token, f"{token} is beyond the range of a double")
    return value


def _integer(token: str) -> int:
    try:
        return int(token)
    except ValueError:
        raise _TokenRefused(token, f"an integer of {len(token)} characters") from None


_STRICT = json.JSONDecoder(parse_constant=_refuse_constant, parse_float=_finite)
_LOCATING = json.JSONDecoder(
    parse_constant=_refuse_constant, parse_float=_finite, parse_int=_integer
)
_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|-?Infinity|NaN|-?[0-9][-+0-9.eE]*')


def loads(text: str | bytes) -> Any:
    """Read one JSON value and nothing behind it; bytes are UTF-8. Of equal keys the last counts.

    `SerializationError` names line and column of what is not JSON. NaN and Infinity, a byte order
    mark, a float beyond the range of a double and an integer longer than Python reads (4,300
    digits unless configured) are refused too.
    """
    if isinstance(text, bytes):
        text = _decoded(text)
    if text.startswith("\ufeff"):
        raise SerializationError(
            "a byte order mark", path=_place(text, 0), advice="read the file as utf-8-sig"
        )
    try:
        return _STRICT.decode(text)
    except RecursionError:
        raise SerializationError("nested too deeply to be read") from None
    except ValueError:
        return _read_locating(text)


def _read_locating(text: str) -> Any:
    """Read again, slower, to learn what is wrong and where."""
    try:
        return _LOCATING.decode(text)
    except json.JSONDecodeError as error:
        problem = error.msg.removesuffix(" at").removesuffix(" starting")
        raise SerializationError(f"not JSON: {problem}", path=_place(text, error.pos)) from None
    except _TokenRefused as error:
        token, problem = error.args
        found = next(match for match in _TOKEN.finditer(text) if match[0] == token)
        raise SerializationError(problem, path=_place(text, found.start())) from None


def _decoded(data: bytes) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        before = data[: error.start].decode()
        raise SerializationError("not UTF-8", path=_place(before, len(before))) from None


def _place(text: str, position: int) -> str:
    line = text.count("\n", 0, position) + 1
    column = position - text.rfind("\n", 0, position)
    return f"line {line}, column {column}"


# Jackson's limits, observed with 2.21.0 (2026-10). Its limit on strings, beyond 20 million
# characters, is not kept.
_JACKSON_DEPTH = 1000
_JACKSON_DIGITS = 1000
_JACKSON_NAME_UNITS = 50_000


def first_object(text: str) -> dict[str, Any] | None:
    """Return the JSON object at the start of `text` as Jackson reads it, None if there is none.

    Reading stops behind the object, whatever follows. White space may precede it. Strict JSON
    otherwise: no comments, NaN, single quotes, trailing commas, leading zeros, raw control
    characters or byte order mark. Of equal keys the last counts, `1e999` is infinite. As in
    Jackson, numbers end at 1,000 digits, names at 50,000 UTF-16 units and nesting at 1,000 levels
    (a little earlier where Python's recursion limit is the usual 1,000).
    """
    start = _OBJECT_START.match(text)
    if start is None:
        return None
    decoder = _JACKSON if len(text) > _JACKSON_DIGITS else _JACKSON_SHORT
    try:
        found: dict[str, Any] = decoder.raw_decode(text, start.end())[0]
    except (ValueError, RecursionError):
        return None
    if text.count("{") + text.count("[") > _JACKSON_DEPTH and _is_deep(found):
        return None
    return found


def starts_with_object(text: str) -> bool:
    """Whether `first_object` finds one."""
    return first_object(text) is not None


def _jackson_digits(token: str) -> None:
    if sum(map(str.isdigit, token)) > _JACKSON_DIGITS:
        raise _TokenRefused(token, "too many digits")


def _jackson_integer(token: str) -> int:
    _jackson_digits(token)
    return int(token)


def _jackson_float(token: str) -> float:
    _jackson_digits(token)
    return float(token)


def _jackson_object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    for name in found:
        if len(name) * 2 > _JACKSON_NAME_UNITS:  # else too short in any case
            units = len(name) + sum(character > "\uffff" for character in name)
            if units > _JACKSON_NAME_UNITS:
                raise ValueError(units)
    return found


def _is_deep(value: Any) -> bool:
    level = [value]
    for _ in range(_JACKSON_DEPTH):
        nested = [node.values() if isinstance(node, dict) else node for node in level]
        level = [
            child for children in nested for child in children if isinstance(child, (dict, list))
        ]
    return bool(level)


_OBJECT_START = re.compile(r"[ \t\r\n]*(?=\{)")
_JACKSON_SHORT = json.JSONDecoder(parse_constant=_refuse_constant)
_JACKSON = json.JSONDecoder(
    parse_constant=_refuse_constant,
    parse_int=_jackson_integer,
    parse_float=_jackson_float,
    object_pairs_hook=_jackson_object,
)
