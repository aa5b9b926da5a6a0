"""Read a `Usage` from what any provider answered, by the forms of the table.

Fields are taken one by one from the payload as it is, so content that is no data does not keep the
counts from being read. What cannot be read becomes a finding, never an error. Names no provider.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Final

from ..errors import MessageError
from ..plain import plain
from ..sse import DONE, read_events
from .counts import Notes, join, read_counts
from .form import Form
from .merging import merge_usage
from .model import COUNTS, Usage
from .table import FORMS, MODELS, forms_of, provider_name

__all__ = ["read_stream_usage", "read_usage"]

_NO_DATA: Final = "give the provider's response as a dict, as its SDK's object, or as JSON text"


def read_usage(payload: Any, provider: str | None = None) -> Usage:
    """Return the usage of a response, of a usage object alone, or of a list of chunks.

    `payload` is a dict, an SDK's object, JSON text or bytes, or a `Usage`, which is returned as it
    is. `provider` narrows the forms; an unknown name is told in a finding. Raises `MessageError`
    only for what is no data, such as a number or a text that is no JSON.
    """
    own = payload if isinstance(payload, Usage) else _get(payload, "usage")
    if isinstance(own, Usage):
        return own
    data = _data(payload)
    if isinstance(data, list):
        return read_stream_usage(data, provider)
    reading = _Reading.start(provider)
    found = reading.find(data)
    if found is None:
        return reading.nothing(data)
    reading.name_model(data)
    return reading.usage(found, found.values(reading))


def read_stream_usage(chunks: Iterable[Any], provider: str | None = None) -> Usage:
    """Return the usage of a whole stream: its chunks as dicts, SDK's objects or JSON texts.

    Streams repeat their counts, and every repetition is cumulative: of each field the last value
    given counts, and nothing is summed. So the usage of a last chunk, of Anthropic's
    `message_start` and `message_delta`, and of an event inside another are read alike. Raises
    `MessageError` for a chunk that is no data.
    """
    reading = _Reading.start(provider)
    merged: dict[str, Any] = {}
    best: _Found | None = None
    last: Any = None
    for index, chunk in enumerate(_chunks(chunks)):
        if isinstance(_get(chunk, "usage"), Usage):
            return read_usage(chunk)
        last = _data(chunk, f"chunks[{index}]")
        if _get(last, "type") == "message_start":
            merged, best = {}, None
        reading.name_model(last)
        found = reading.find(last)
        if found is None:
            continue
        merged = merge_usage(merged, found.values(reading))
        if best is None or found.rank <= best.rank:
            best = found
    return reading.nothing(last) if best is None else reading.usage(best, merged)


# ------------------------------------------------------------------------------------ the payload


def _data(payload: Any, path: str = "response") -> Any:
    """Return what holds fields: an object, a list of chunks, or `None`; text is read as JSON."""
    if isinstance(payload, bytes | bytearray | memoryview):
        payload = bytes(payload).decode(errors="replace")
    if isinstance(payload, str):
        payload = _parsed(payload, path)
    if payload is None or _is_object(payload):
        return payload
    if isinstance(payload, Sequence) and not isinstance(payload, str):
        return list(payload)
    raise MessageError(f"{type(payload).__name__} is no response", path=path, advice=_NO_DATA)


def _parsed(text: str, path: str) -> Any:
    try:
        return json.loads(text.removeprefix("\ufeff"))
    except (ValueError, RecursionError):
        events = read_events(text)
    if events:
        return [event.data for event in events]
    raise MessageError("the text is neither JSON nor a stream", path=path, advice=_NO_DATA)


def _chunks(chunks: Iterable[Any]) -> Iterator[Any]:
    if isinstance(chunks, str | bytes | bytearray | Mapping):
        chunks = [chunks]
    for chunk in chunks:
        text = chunk.decode(errors="replace") if isinstance(chunk, bytes | bytearray) else chunk
        if not isinstance(text, str):
            yield chunk
            continue
        text = text.strip()
        if not text or text == DONE:
            continue
        try:
            inner = _data(text)
        except MessageError:
            continue  # a comment, or an event that is no JSON
        yield from _chunks(inner if isinstance(inner, list) else [inner])


_SCALARS: Final = (str, bytes, bytearray, int, float, type(None))


def _is_object(value: Any) -> bool:
    if isinstance(value, dict):
        return True
    if isinstance(value, _SCALARS):
        return False
    return isinstance(value, Mapping) or not (isinstance(value, Sequence | type) or callable(value))


def _get(value: Any, name: str) -> Any:
    """Return a field of a dict or of an object, `None` where there is none or it cannot be read."""
    if isinstance(value, dict):
        return value.get(name)
    if isinstance(value, (*_SCALARS, list, tuple)):
        return None
    try:
        if isinstance(value, Mapping):
            return value.get(name)
        return getattr(value, name, None)
    except Exception:  # noqa: BLE001 - an SDK's property may raise whatever it likes
        return None


def _at(value: Any, place: str) -> Any:
    for name in _names(place):
        if value is None:
            return None
        value = _get(value, name)
    return value


def _has(value: Any, path: str) -> bool:
    """Say whether a field is there; in a dict it may be null."""
    *steps, last = _names(path)
    for step in steps:
        value = _get(value, step)
        if isinstance(value, list) and value:
            value = value[0]
    if isinstance(value, Mapping):
        return last in value
    return _get(value, last) is not None


@cache
def _names(path: str) -> tuple[str, ...]:
    return tuple(re.findall(r"[^.\[\]]*[^.\[\]\d][^.\[\]]*", path))


# --------------------------------------------------------------------------------------- the form


@dataclass(frozen=True, slots=True)
class _Found:
    """A usage object, where it stands, and the form that it has.

    rank: how sure the form is, the lower the surer; a form without its marks is the least sure
    """

    form: Form
    place: str
    value: Any
    rank: tuple[bool, int]

    def values(self, reading: _Reading) -> dict[str, Any]:
        """Return the fields of the object that its form reads, as plain data."""
        out: dict[str, Any] = {}
        for name in _fields(self.form):
            value = _get(self.value, name)
            if value is None:
                continue
            path = join(self.place, name)
            try:
                out[name] = plain(value, path=path)
            except MessageError:
                reading.notes.unreadable(path, f"{type(value).__name__} is no data")
        return out


@cache
def _fields(form: Form) -> tuple[str, ...]:
    names = (_names(part)[0] for path in form.paths for part in path.split("+"))
    return tuple(dict.fromkeys(names))


_EVERYWHERE: Final = tuple(dict.fromkeys(place for form in FORMS for place in form.places))
_RANKS: Final = {form: rank for rank, form in enumerate(FORMS)}


def _fits(form: Form, payload: Any, value: Any, *, named: bool) -> bool:
    if not any(_has(value, key) for key in form.keys):
        return False
    if not form.marks or (named and form.providers):
        return True
    if any(_has(value, mark) for mark in form.marks):
        return True
    return bool(form.beside) and _is_object(_get(payload, form.beside))


def _locate(payload: Any, forms: Iterable[Form], *, named: bool = False) -> _Found | None:
    held = {place: _at(payload, place) for place in _EVERYWHERE}
    there = {place: value for place, value in held.items() if _is_object(value)}
    for form in forms:
        for place in form.places:
            if place in there and _fits(form, payload, there[place], named=named):
                return _Found(form, place, there[place], (named, _RANKS[form]))
    return None


# ------------------------------------------------------------------------------------- the reading


@dataclass(slots=True)
class _Reading:
    """One usage while it is read."""

    provider: str | None = None
    model: str | None = None
    notes: Notes = field(default_factory=Notes)

    @classmethod
    def start(cls, provider: str | None) -> _Reading:
        """Return a reading that knows the provider by the table's name."""
        known = None if provider is None else provider_name(provider)
        reading = cls(provider=known)
        if provider is not None and known is None:
            reading.notes.add(
                "usage-provider-unknown",
                "",
                f"no form of {provider!r} is known; the form was found by its shape",
                "name a provider of the table, or none",
            )
        return reading

    def name_model(self, payload: Any) -> None:
        """Keep the model that a response names."""
        for place in MODELS:
            name = _at(payload, place)
            if isinstance(name, str) and name:
                self.model = str(name)
                return

    def find(self, payload: Any) -> _Found | None:
        """Return the usage object of a response and its form."""
        if not _is_object(payload):
            return None
        if self.provider is None:
            return _locate(payload, FORMS)
        forms = forms_of(self.provider)
        # First by the marks, then the provider's own forms without them, in their order.
        found = _locate(payload, forms[:-1]) or _locate(payload, forms, named=True)
        if found is None:
            found = _locate(payload, FORMS)
            if found is not None:
                self.notes.add(
                    "usage-form-unexpected",
                    found.place,
                    f"{self.provider} is not known to answer in the form {found.form.name}",
                    "check which provider answered",
                )
        return found

    def nothing(self, payload: Any) -> Usage:
        """Return a usage without counts, saying why."""
        self.name_model(payload)
        held = _is_object(_get(payload, "usage"))
        self.notes.add(
            "usage-absent",
            "usage" if held else "",
            "the usage object holds no count of tokens" if held else "the payload holds no usage",
            "a stream reports its usage if it is asked to; OpenAI's protocol takes "
            "`stream_options.include_usage`",
        )
        return Usage(provider=self.provider, model=self.model, findings=self.notes.findings)

    def usage(self, found: _Found, values: Mapping[str, Any]) -> Usage:
        """Return the usage that the values of a form report."""
        form = found.form
        counts = read_counts(form, values, found.place, self.notes)
        return Usage(
            **{name: getattr(counts, name) for name in COUNTS},
            provider=self.provider or (form.providers[0] if form.sole else None),
            protocol=form.name,
            model=self.model,
            findings=self.notes.findings,
        )
