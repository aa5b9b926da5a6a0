"""What is kept of a request: the bytes as they arrived, what was found, and what was answered.

Header values and query parameters that are secrets are masked before they are kept. `lines` has the
form in which a record stands in a file.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from ..findings import Finding
from ..prefix import MARKER_KEYS
from ..usage import Usage

if TYPE_CHECKING:
    from ..replay.cache import CacheResult

__all__ = ["Record", "markers_of"]

_MARKERS: Final = (*MARKER_KEYS, "prompt_cache_options")
_ASKING: Final = frozenset({"mode", "ttl"})
"""What in `prompt_cache_options` is about the mark that the provider puts."""

_DEEPEST: Final = 100


@dataclass(slots=True)
class Record:
    """One request and its answer.

    index: its number, from 0 on
    at, ends_at: when it arrived and when its answer ended: seconds of the emulator's clock, in a
        recording of real traffic those since 1970; started: since 1970 in both
    raw: the bytes of the body; body: what they say, `None` if they are no JSON
    findings: what the validator finds; predicted: what the prefix cache read and wrote
    answered: the usage object as it was sent; `usage` the same, made comparable
    status, error: the answer's status, and the error that it told; ended: it was sent to its end
    response, response_headers: the bytes of the answer's body, and its headers
    account: a name for whose key it was, from which the key cannot be told
    reply: which reply of a scenario was given, `None` for the echo
    """

    index: int
    at: float
    method: str
    path: str
    query: str
    headers: tuple[tuple[str, str], ...]
    raw: bytes
    body: Any = None
    protocol: str | None = None
    host: str | None = None
    model: str | None = None
    rules: str | None = None
    stream: bool = False
    predicted: CacheResult | None = None
    answered: dict[str, Any] | None = None
    status: int = 0
    error: str = ""
    ended: bool = False
    ends_at: float | None = None
    started: float | None = None
    response: bytes = field(default=b"", repr=False)
    response_headers: tuple[tuple[str, str], ...] = ()
    account: str = ""
    reply: int | None = None
    problem: str = field(default="", repr=False)
    """A fault of the emulator itself, empty if there was none."""
    find: Callable[[], tuple[Finding, ...]] | None = field(default=None, repr=False, compare=False)
    """What judges the body, when `findings` are first asked for."""
    _findings: tuple[Finding, ...] = field(default=(), repr=False, compare=False)

    @property
    def findings(self) -> tuple[Finding, ...]:
        """Return what the validator found."""
        find = self.find
        if find is not None:
            self._findings = find()
            self.find = None
        return self._findings

    @property
    def usage(self) -> Usage | None:
        """Return the usage that was answered, as totals take it."""
        return None if self.answered is None else Usage.from_response(self.answered)

    @property
    def marks(self) -> list[tuple[str, str, Any]]:
        """Return every marker in the body: where, under which key, and its value."""
        return list(markers_of(self.body))

    def header(self, name: str) -> str | None:
        """Return the value of a header, the first if there are several; secrets are masked."""
        return next((value for key, value in self.headers if key == name.lower()), None)

    def to_dict(self, *, body: bool = True) -> dict[str, Any]:
        """Return the record as JSON data; `body=False` leaves the body out."""
        told = self.predicted
        out: dict[str, Any] = {
            "index": self.index,
            "at": self.at,
            "ends_at": self.ends_at,
            "method": self.method,
            "path": self.path,
            "query": self.query,
            "headers": [list(each) for each in self.headers],
            "bytes": len(self.raw),
            "protocol": self.protocol,
            "host": self.host,
            "model": self.model,
            "rules": self.rules,
            "stream": self.stream,
            "marks": [{"path": path, "key": key, "value": it} for path, key, it in self.marks],
            "findings": [finding.to_dict() for finding in self.findings],
            "predicted": None,
            "answered": self.answered,
            "status": self.status,
            "error": self.error,
            "ended": self.ended,
            "problem": self.problem,
        }
        if told is not None:
            out["predicted"] = {
                "input": told.input,
                "read": told.read,
                "written": told.written,
                "fresh": told.fresh,
                "written_by_ttl": dict(told.written_by_ttl),
                "matched_at": told.matched_at,
                "miss": None if told.miss is None else told.miss.sentence,
            }
        if body:
            out["body"] = self.body
        return out


def markers_of(value: Any, path: str = "", depth: int = 0) -> Iterator[tuple[str, str, Any]]:
    """Yield every marker in JSON data: where, under which key, and its value."""
    if depth > _DEEPEST:
        return
    if isinstance(value, dict):
        for key, item in value.items():
            if key in _MARKERS and not _is_other(key, item):
                yield path, key, item
            else:
                yield from markers_of(item, f"{path}.{key}" if path else key, depth + 1)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from markers_of(item, f"{path}[{index}]", depth + 1)


def _is_other(key: str, value: Any) -> bool:
    """Say whether options of the cache ask for no mark, but for something else."""
    return key == "prompt_cache_options" and isinstance(value, dict) and not _ASKING & value.keys()
