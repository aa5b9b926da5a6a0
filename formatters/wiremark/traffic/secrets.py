"""What must not be kept: credentials in headers and queries, and wherever else they are repeated.

`masked_headers` and `masked_query` go by names. `Secrets` remembers the values that it met there,
and replaces them, and whatever looks like a credential, in all texts. The same secret is replaced
by the same text, such as `***1`, and another by another, so that what was equal before still is.
Nothing that is forwarded comes by here.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final
from urllib.parse import quote, unquote_plus

from .. import jsontext
from ..errors import SerializationError
from .credentials import SHOWN, credentials_of, forms_of, least_of
from .shapes import MASK, is_secret_key, is_secret_name, secret_spans

__all__ = ["Secrets", "masked_headers", "masked_query"]

Headers = Iterable[tuple[str, str]]

_REMEMBERED: Final = 64
_INNOCENT: Final = 16 << 20
"""Characters of texts without a secret that are remembered: a session sends them again."""
_GAP: Final = re.compile(r"\*{3,}|\.{3,}|…")
_HEAD: Final = re.compile(r"[^\s\"'*.…]{2,64}\Z")
_TAIL: Final = re.compile(r"[^\s\"'*.…,;)]{1,64}")
_ESCAPED: Final = re.compile(r"\\u([0-9a-fA-F]{4})")
_STREAMED: Final = frozenset(
    {"content", "text", "delta", "reasoning_content", "reasoning", "thinking", "refusal"}
    | {"arguments", "partial_json"}
)
"""What providers send in pieces: a secret may begin in one event and end in another."""


def masked_headers(headers: Headers) -> tuple[tuple[str, str], ...]:
    """Return headers with small names, the values of secrets masked."""
    return tuple(
        (name.lower(), _masked(value) if is_secret_name(name) else value) for name, value in headers
    )


def masked_query(query: str) -> str:
    """Return a query string with the values of secrets masked; all else stays as it was written."""
    parts = re.split("([&;])", query)
    for number, part in enumerate(parts):
        name, equals, value = part.partition("=")
        if equals and value and is_secret_name(unquote_plus(name)):
            parts[number] = f"{name}={quote(MASK, safe='')}"
    return "".join(parts)


def _masked(value: str) -> str:
    """Keep the scheme of an authorization."""
    scheme, space, _ = value.partition(" ")
    return f"{scheme} {MASK}" if space and scheme.lower() in ("bearer", "basic") else MASK


class Secrets:
    """The secrets of a session; `learn` them from each request before anything of it is cleaned."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[int, tuple[str, ...]]] = {}
        self._numbers: dict[bytes, int] = {}
        self._innocent: set[str] = set()
        self._weight = 0

    def learn(self, headers: Headers = (), query: str = "") -> None:
        """Remember the values of secret headers and parameters."""
        found = credentials_of(headers, query)
        for value in found:
            known = self._known.pop(value) if value in self._known else None
            self._known[value] = known or (least_of(value), forms_of(value))
            if known is None:
                self._forget_innocent()
        most = max(_REMEMBERED, len(found))  # what this request has is never forgotten before it
        for old in list(self._known)[: max(0, len(self._known) - most)]:
            del self._known[old]

    # ------------------------------------------------------------------------------------ cleaning

    def headers(self, headers: Headers) -> tuple[tuple[str, str], ...]:
        """Return headers with small names, without secrets."""
        return tuple((self.text(key), self.text(text)) for key, text in masked_headers(headers))

    def query(self, query: str) -> str:
        """Return a query string without secrets."""
        return self.text(masked_query(query))

    def text(self, text: str, *, torn: bool = False) -> str:
        """Return a text without secrets; `torn`: its end is not there, a secret may be cut."""
        if text in self._innocent:
            return self._untorn(text) if torn else text
        spans = self._spans(text)
        if not spans:
            if self._weight + len(text) > _INNOCENT:
                self._forget_innocent()
            self._weight += len(text)
            self._innocent.add(text)
        clean = "".join(_replaced([text], spans))
        return self._untorn(clean) if torn else clean

    def value(self, value: Any) -> Any:
        """Return JSON data of the same structure without secrets; what holds none is not copied."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, list):
            items = [self.value(each) for each in value]
            same = all(new is old for new, old in zip(items, value, strict=True))
            return value if same else items
        if isinstance(value, dict):
            out = {self.text(key): self._member(key, each, value) for key, each in value.items()}
            same = all(
                key == old and new is value[old]
                for (key, new), old in zip(out.items(), value, strict=False)
            )
            return value if same and len(out) == len(value) else out
        return value

    def data(self, raw: bytes, *, torn: bool = False) -> tuple[bytes, Any]:
        """Return bytes without secrets, and the JSON in them, `None` if they hold none.

        Where there is nothing to replace the bytes stay as they are; otherwise JSON is written
        anew, and events of a stream each.
        """
        text, coding = _text_of(raw)
        if "\0" in text and any(self._spans(text.replace("\0", ""))):
            return MASK.encode(), None  # in two bytes a letter
        if not torn:
            try:
                value = jsontext.loads(raw)
            except SerializationError:
                pass
            else:
                clean = self.value(value)
                written = jsontext.dumpb(clean)
                if clean is value and (written == raw or not self._hidden_in(text)):
                    return raw, value
                return written, clean
        return self._lines(text, torn=torn).encode(coding, "backslashreplace"), None

    # ------------------------------------------------------------------------------------- inside

    def _forget_innocent(self) -> None:
        """Forget which texts hold no secret: what is known has changed, or they are too many."""
        self._innocent.clear()
        self._weight = 0

    def _member(self, key: str, value: Any, beside: dict[str, Any]) -> Any:
        if isinstance(value, str) and value and is_secret_key(key, beside):
            return value if value.startswith(MASK) else self._placeholder(value)
        return self.value(value)

    def _placeholder(self, secret: str) -> str:
        digest = hashlib.sha256(secret.encode("utf-8", "surrogatepass")).digest()
        return f"{MASK}{self._numbers.setdefault(digest, len(self._numbers) + 1)}"

    def _spans(self, text: str) -> list[tuple[int, int, str]]:
        """Return where something is replaced, in order and apart, and by what."""
        found = [
            (start, start + len(form), self._placeholder(known))
            for known, (_, forms) in self._known.items()
            for form in forms
            for start in _places(form, text)
        ]
        found += [
            (start, end, self._placeholder(known))
            for known, (least, _) in self._known.items()
            for start, end in _beginnings(known, least, text)
        ]
        found += [
            (start, end, self._placeholder(known))
            for start, end, head, tail in _gaps(text)
            for known in self._known
            if _repeats(head, tail, known)
        ]
        found += [
            (start, end, self._placeholder(text[start:end])) for start, end in secret_spans(text)
        ]
        apart: list[tuple[int, int, str]] = []
        for start, end, instead in sorted(found, key=lambda each: (each[0], -each[1])):
            if apart and start < apart[-1][1]:
                apart[-1] = (apart[-1][0], max(end, apart[-1][1]), apart[-1][2])
            else:
                apart.append((start, end, instead))
        return apart

    def _line(self, text: str, *, torn: bool) -> str:
        """Clean a text that may be JSON which cannot be read."""
        clean = self.text(text, torn=torn)
        return self.text(_unescaped(clean), torn=torn) if self._hidden_in(clean) else clean

    def _hidden_in(self, text: str) -> bool:
        """Say whether JSON text holds a secret that its value does not: under a key given twice."""
        if self._spans(text):
            return True
        if "\\" not in text:
            return False
        return bool(self._spans(_unescaped(text)))

    def _untorn(self, text: str) -> str:
        """Take away the beginning of a secret at the end of a text that was cut."""
        for _, forms in self._known.values():
            for form in forms:
                for length in range(min(len(form) - 1, len(text)), SHOWN - 1, -1):
                    if text.endswith(form[:length]):
                        return text[:-length] + MASK
        return text

    def _lines(self, text: str, *, torn: bool) -> str:
        """Clean what is no JSON: text, or the events of a stream."""
        if not re.search(r"^data:", text, re.MULTILINE):
            return self._line(text, torn=torn)
        lines = text.split("\n")
        events: dict[int, tuple[str, Any]] = {}
        for number, line in enumerate(lines):
            name, colon, rest = line.partition(":")
            if colon and name == "data":
                try:
                    value = jsontext.loads(rest.strip().encode("utf-8", "surrogatepass"))
                except SerializationError:
                    continue
                if isinstance(value, dict):
                    events[number] = line, value
        mended = self._mend([value for _, value in events.values()])
        for (number, (line, value)), is_mended in zip(events.items(), mended, strict=True):
            clean = self.value(value)
            written = jsontext.dumps(clean)
            is_as_written = line[5:].strip() == written or not self._hidden_in(line)
            if clean is value and not is_mended and is_as_written:
                continue
            lines[number] = f"data: {written}" + "\r" * line.endswith("\r")
        last = len(lines) - 1
        for number, line in enumerate(lines):
            if number not in events:
                lines[number] = self._line(line, torn=torn and number == last)
        return "\n".join(lines)

    def _mend(self, events: Sequence[dict[str, Any]]) -> list[bool]:
        """Replace what begins in one event and ends in another; say which events were changed."""
        changed = [False] * len(events)
        streams: dict[str, list[tuple[int, dict[str, Any], str]]] = {}
        for number, event in enumerate(events):
            for path, holder, key in _streamed(event):
                streams.setdefault(path, []).append((number, holder, key))
        for places in streams.values():
            texts = [holder[key] for _, holder, key in places]
            spans = [span for span in self._spans("".join(texts)) if not _is_within(span, texts)]
            for (number, holder, key), text in zip(places, _replaced(texts, spans), strict=True):
                changed[number] = changed[number] or holder[key] != text
                holder[key] = text
        return changed


def _unescaped(text: str) -> str:
    return _ESCAPED.sub(lambda match: chr(int(match[1], 16)), text).replace("\\/", "/")


def _streamed(value: Any, path: str = "") -> Iterator[tuple[str, dict[str, Any], str]]:
    """Yield the texts of an event that go on in the next: a path, what holds it, and its key."""
    if isinstance(value, dict):
        place = f"{path}[{value['index']}]" if isinstance(value.get("index"), int) else path
        for key, each in value.items():
            if isinstance(each, str):
                if key in _STREAMED:
                    yield f"{place}.{key}", value, key
            else:
                yield from _streamed(each, f"{place}.{key}")
    elif isinstance(value, list):
        for each in value:
            yield from _streamed(each, path)


def _is_within(span: tuple[int, int, str], texts: Sequence[str]) -> bool:
    """Say whether a span lies in one of the texts that follow each other."""
    at = 0
    for text in texts:
        if at <= span[0] and span[1] <= at + len(text):
            return True
        at += len(text)
    return False


def _replaced(texts: Sequence[str], spans: Sequence[tuple[int, int, str]]) -> list[str]:
    """Return texts that follow each other with spans replaced, each where it begins."""
    if not spans:
        return list(texts)
    out: list[str] = []
    at = 0
    for text in texts:
        end = at + len(text)
        pieces, here = [], at
        for start, stop, instead in spans:
            if stop <= at or start >= end:
                continue
            pieces.append(text[here - at : max(start, at) - at])
            if start >= at:
                pieces.append(instead)
            here = min(stop, end)
        pieces.append(text[here - at :])
        out.append("".join(pieces))
        at = end
    return out


def _places(form: str, text: str) -> Iterator[int]:
    at = text.find(form)
    while at >= 0:
        yield at
        at = text.find(form, at + len(form))


def _beginnings(known: str, least: int, text: str) -> Iterator[tuple[int, int]]:
    """Yield where a secret begins that is not there to its end: so much as tells of it."""
    for start in _places(known[:least], text) if least else ():
        end = start + least
        while end < len(text) and end - start < len(known) and text[end] == known[end - start]:
            end += 1
        yield start, end


def _gaps(text: str) -> Iterator[tuple[int, int, str, str]]:
    """Yield words with stars or dots in their middle: where, what is before and what behind."""
    if not ("***" in text or "..." in text or "…" in text):
        return
    for gap in _GAP.finditer(text):
        head = _HEAD.search(text[max(0, gap.start() - 64) : gap.start()])
        tail = _TAIL.match(text, gap.end())
        if head is not None and tail is not None:
            yield gap.start() - len(head[0]), tail.end(), head[0], tail[0]


def _repeats(head: str, tail: str, known: str) -> bool:
    """Say whether a text with a gap in it shows the beginning and the end of a secret."""
    head = head[-len(known) :]
    shown = next((head[at:] for at in range(len(head)) if known.startswith(head[at:])), "")
    return len(shown) >= 2 and bool(tail) and known.endswith(tail)


def _text_of(raw: bytes) -> tuple[str, str]:
    """Return bytes as text, and the coding by which they are bytes again."""
    try:
        return raw.decode(), "utf-8"
    except UnicodeDecodeError:
        return raw.decode("latin-1"), "latin-1"
