"""`Usage`: the tokens of one reply, the same for every provider.

Counts are tokens. `input` always includes what was read from and written to a cache. A count that
the provider did not report is `None`, which is not 0.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, Final

from ..errors import MessageError
from ..findings import Finding

__all__ = ["COUNTS", "Usage"]

COUNTS: Final = (
    "input",
    "output",
    "cache_read",
    "cache_write",
    "cache_write_5m",
    "cache_write_1h",
    "reasoning",
)
"""The names of the counts, in order."""

_NAMES: Final = ("provider", "protocol", "model")


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """Tokens of one reply; `None` is not reported.

    input: all input tokens, those read from and written to a cache included
    output: all output tokens, reasoning included
    cache_read: input tokens read from a cache
    cache_write: input tokens written to a cache, of any TTL
    cache_write_5m, cache_write_1h: the part of `cache_write` with that TTL
    reasoning: the part of `output` that is reasoning
    provider: who answered, as the caller said or as the form tells, if one provider alone has it
    protocol: the row of the table that read it, such as `openai-chat`
    model: as the response names it
    findings: what was ignored or corrected while reading, with paths
    """

    input: int | None = None
    output: int | None = None
    cache_read: int | None = None
    cache_write: int | None = None
    cache_write_5m: int | None = None
    cache_write_1h: int | None = None
    reasoning: int | None = None
    provider: str | None = None
    protocol: str | None = None
    model: str | None = None
    findings: tuple[Finding, ...] = ()

    @classmethod
    def from_response(cls, payload: Any, provider: str | None = None) -> Usage:
        """Read the usage of a response, in the form of any provider.

        `payload` is a whole response, a usage object alone, a list of a stream's chunks, or a
        `Usage`; a dict, an SDK's object, or JSON text or bytes. `provider` narrows the forms that
        are tried. What cannot be read is left out and named in `findings`; a payload that is no
        data at all, such as a number, raises `MessageError`.
        """
        from .read import read_usage

        return read_usage(payload, provider)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Usage:
        """Return the usage that `to_dict` wrote; unknown fields are left out.

        Raises `MessageError` for a count that is no whole number from 0 on.
        """
        for name in COUNTS:
            count = data.get(name)
            if count is not None and (type(count) is not int or count < 0):
                raise _unreadable(f"{count!r} is no count of tokens", name)
        for name in _NAMES:
            if not isinstance(data.get(name), str | None):
                raise _unreadable("expected a text", name)
        findings = data.get("findings") or ()
        if isinstance(findings, str) or not all(isinstance(item, Mapping) for item in findings):
            raise _unreadable("expected a list of findings", "findings")
        return cls(
            **{name: data.get(name) for name in (*COUNTS, *_NAMES)},
            findings=tuple(_finding(item) for item in findings),
        )

    @property
    def reported(self) -> bool:
        """Say whether any count was reported."""
        return any(getattr(self, name) is not None for name in COUNTS)

    @property
    def total(self) -> int | None:
        """Return input and output tokens together; `None` unless both are known."""
        if self.input is None or self.output is None:
            return None
        return self.input + self.output

    @property
    def uncached(self) -> int | None:
        """Return the input tokens neither read from nor written to a cache; `None` if unknown."""
        if self.input is None:
            return None
        return max(0, self.input - (self.cache_read or 0) - (self.cache_write or 0))

    @property
    def hit_rate(self) -> float | None:
        """Return the share of the input read from cache, 0 to 1; `None` if it was not reported."""
        if self.cache_read is None or not self.input:
            return None
        return min(1.0, self.cache_read / self.input)

    def replace(self, **changes: Any) -> Usage:
        """Return a copy with fields changed."""
        return replace(self, **changes)

    def to_dict(self) -> dict[str, Any]:
        """Return all counts, unreported ones as null, and what else is known."""
        out: dict[str, Any] = {name: getattr(self, name) for name in COUNTS}
        for name in _NAMES:
            if getattr(self, name) is not None:
                out[name] = getattr(self, name)
        if self.findings:
            out["findings"] = [finding.to_dict() for finding in self.findings]
        return out

    def to_otel(self, *, conversation_id: str | None = None) -> dict[str, Any]:
        """Return span attributes by OpenTelemetry's conventions; what is unknown is left out."""
        from .telemetry import to_otel

        return to_otel(self, conversation_id=conversation_id)

    def to_openinference(self, *, session_id: str | None = None) -> dict[str, Any]:
        """Return span attributes by OpenInference's conventions; what is unknown is left out."""
        from .telemetry import to_openinference

        return to_openinference(self, session_id=session_id)


def _finding(data: Mapping[str, Any]) -> Finding:
    values = {field.name: data.get(field.name, "") for field in fields(Finding)}
    for name, value in values.items():
        if not isinstance(value, str):
            raise _unreadable("expected a text", f"findings.{name}")
    return Finding(**values)


def _unreadable(problem: str, path: str) -> MessageError:
    return MessageError(problem, path=f"usage.{path}", advice="give what `Usage.to_dict` returned")
