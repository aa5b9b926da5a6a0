"""The values of secret headers and parameters: which of them tell, and how they may be written.

Knows what headers look like, and no text in which a secret is looked for.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterable, Iterator
from typing import Final
from urllib.parse import quote, quote_plus, unquote, unquote_plus

from .. import jsontext
from .shapes import MASK, is_secret_name

__all__ = ["SHOWN", "credentials_of", "forms_of", "least_of"]

_LEAST: Final = 8
"""Characters from which on a value is looked for elsewhere: a shorter one stands in many words."""
_NESTED: Final = 3
"""How deep in texts of JSON within JSON a secret is found that JSON has to escape."""
SHOWN: Final = 4
"""Characters of a secret that may stand at the end of what was cut off."""
_TOLD: Final = 8
"""Characters of a secret, behind those with which all of its issuer begin, that tell of it."""
_ISSUED: Final = re.compile(r"(?:[A-Za-z]{1,12}\d{0,2}[-_]){0,3}")
_TOKEN: Final = re.compile(r"(?!eyJ)[\w+/.~-]{16,}=*", re.ASCII)
_NUMBER: Final = re.compile(r"[\d.,]{1,15}")
_PLACEHOLDERS: Final = frozenset(
    {"undefined", "not-needed", "not_needed", "notneeded", "no-key-needed", "anything", "whatever"}
    | {"placeholder", "test-key", "test_key", "dummy-key", "dummy_key", "fake-key", "your-api-key"}
    | {"your_api_key", "api-key", "lm-studio", "emulator", "wiremark", "localhost", "password"}
)
"""What clients are told where no key is asked for: words that stand in many texts."""
_NOT_LEARNED: Final = re.compile("authenticate|token-?(?:count|limit|type)")
_WORD: Final = re.compile("[A-Za-z]?[a-z]{1,10}")
_NO_CREDENTIALS: Final = frozenset(
    {"signedheaders", "realm", "algorithm", "qop", "uri", "nc", "scope", "error", "version"}
    | {"error_description", "username", "headers", "created", "date"}
)
"""Parts of an authorization that tell how it was made: headers, names."""


def credentials_of(headers: Iterable[tuple[str, str]], query: str) -> list[str]:
    """Return the secrets of a request that are looked for elsewhere: no words, no counts."""
    values = [
        each
        for name, value in headers
        if is_secret_name(name) and not _NOT_LEARNED.search(name.lower())
        for each in _values(name.lower(), value)
    ]
    values += [
        form
        for part in re.split("[&;]", query)
        for name, _, value in [part.partition("=")]
        if is_secret_name(unquote_plus(name))
        for form in (unquote_plus(value), unquote(value))
    ]
    return [each for each in dict.fromkeys(values) if _is_telling(each)]


def least_of(known: str) -> int:
    """Return how many of its first characters tell of a secret, 0 if only all of them do."""
    if _TOKEN.fullmatch(known) is None:
        return 0
    issued = _ISSUED.match(known)
    begin = 0 if issued is None else issued.end()
    digit = re.search("[0-9]", known[begin:])  # without one it could be a word
    if digit is None:
        return 0
    least = begin + max(_TOLD, digit.end())
    return least if least <= len(known) - SHOWN else 0


def _values(header: str, value: str) -> Iterator[str]:
    """Yield what is secret in the value of a header."""
    value = value.strip()
    if "cookie" in header:
        yield from _cookies(value, sets=header == "set-cookie")
        return
    yield value
    words = value.split(None, 1)
    if len(words) == 2:
        yield words[1]
        if words[0].lower() == "basic":
            yield from _basic(words[1])
    parts = re.split(r"[;,]\s*", value)  # several, and signed requests of AWS
    is_named = any("=" in part.rstrip("=") for part in parts)  # at the end it is base64
    if not is_named and len(parts) > 1:
        yield from parts
    for part in parts if is_named else ():
        name, _, inner = part.partition("=")
        name = name.split()[-1].lower() if name.split() else ""
        if name not in _NO_CREDENTIALS:
            inner = inner.strip().strip('"')
            yield inner
            yield unquote(inner)


def _cookies(value: str, *, sets: bool) -> Iterator[str]:
    """Yield the values of cookies that are no words; `sets`: one, and what it is good for."""
    for part in value.split(";")[: 1 if sets else None]:
        inner = part.partition("=")[2].strip().strip('"')
        if _WORD.fullmatch(inner) is None:
            yield inner
            yield unquote(inner)


def _basic(text: str) -> Iterator[str]:
    """Yield the secrets of a name and a password: the name as well, where it stands alone."""
    try:
        plain = base64.b64decode(text + "=" * (-len(text) % 4), validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return
    name, _, password = plain.partition(":")
    yield plain
    yield password or name


def forms_of(value: str) -> tuple[str, ...]:
    """Return how a secret is written: as it is, in URLs, in JSON, and within base64."""
    in_url = quote(value, safe="")
    forms = {value, in_url, quote_plus(value), quote(value)}
    forms |= {re.sub("%..", lambda match: match[0].lower(), each) for each in (in_url,)}
    text = value
    for _ in range(_NESTED):
        text = jsontext.dumps(text)[1:-1]
        forms.add(text)
    data = value.encode("utf-8", "surrogatepass")
    for before, skipped in ((0, 0), (1, 2), (2, 3)):
        shifted = b"\0" * before + data
        # Only what depends on no byte before or behind the secret.
        part = base64.b64encode(shifted).decode()[skipped : len(shifted) * 8 // 6]
        forms |= {part, part.replace("+", "-").replace("/", "_")}
    return tuple(sorted(forms, key=len, reverse=True))


def _is_telling(value: str) -> bool:
    """Say whether a value of a secret is looked for elsewhere: no word, no count."""
    return (
        len(value) >= _LEAST
        and not value.startswith(MASK)
        and value.lower() not in _PLACEHOLDERS
        and _NUMBER.fullmatch(value) is None
    )
