"""Every error wiremark raises, as values with fields.

One root, `WiremarkError`. An error names what is wrong, where (a path such as
`messages[3].content[1]`), and what to do next. Two of them are equal when their fields are.
"""

from __future__ import annotations

from typing import Any

__all__ = [
    "BodyInvalid",
    "CacheBudgetWarning",
    "FormatError",
    "MediaError",
    "MediaRefused",
    "MessageError",
    "OptionError",
    "ResponseError",
    "RuleError",
    "SerializationError",
    "TooManyMarks",
    "UnreadableWish",
    "WiremarkError",
]


class WiremarkError(Exception):
    """Root of all errors: `problem` at `path`, and `advice` on what to do."""

    def __init__(self, problem: str, *, path: str = "", advice: str = "") -> None:
        self.problem = problem
        self.path = path
        self.advice = advice
        super().__init__(problem, path, advice)

    def __str__(self) -> str:
        where = f"{self.path}: " if self.path else ""
        what_next = f" ({self.advice})" if self.advice else ""
        return f"{where}{self.problem}{what_next}"

    def __repr__(self) -> str:
        return (
            f"{type(self).__name__}({self.problem!r}, path={self.path!r}, advice={self.advice!r})"
        )

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        assert isinstance(other, WiremarkError)
        return self.args == other.args

    def __hash__(self) -> int:
        return hash((type(self), self.args))

    def __reduce__(self) -> tuple[Any, ...]:
        return (_rebuild, (type(self), self.problem, self.path, self.advice))

    def at(self, prefix: str) -> WiremarkError:
        """Return the same error with `prefix` put before its path."""
        joiner = "" if not self.path or self.path.startswith("[") or not prefix else "."
        return type(self)(self.problem, path=f"{prefix}{joiner}{self.path}", advice=self.advice)


def _rebuild(kind: type[WiremarkError], problem: str, path: str, advice: str) -> WiremarkError:
    return kind(problem, path=path, advice=advice)


class MessageError(WiremarkError, ValueError):
    """A message, block or source that cannot be read."""


class OptionError(WiremarkError, ValueError):
    """An option, tool or tool choice that cannot be sent as asked."""


class FormatError(WiremarkError, ValueError):
    """Messages that are readable but cannot become this provider's JSON (the caller's fault)."""


class SerializationError(WiremarkError, ValueError):
    """A value that JSON cannot hold, such as NaN or an object."""


class MediaError(WiremarkError, ValueError):
    """A media source that cannot be turned into what the provider takes."""


class MediaRefused(MediaError):
    """A local file that a message names and no `MediaPolicy` allows."""


class RuleError(WiremarkError, ValueError):
    """A rule table that contradicts itself."""


class UnreadableWish(WiremarkError, ValueError):
    """A cache wish whose value cannot be read; raised under `strict` only."""


class TooManyMarks(WiremarkError, ValueError):
    """More cache wishes than the provider takes marks; raised under `strict` only."""


class BodyInvalid(WiremarkError, ValueError):
    """A request body that its provider's schema or rules reject.

    `findings` holds every problem, the message shows the first.
    """

    def __init__(
        self,
        problem: str,
        *,
        path: str = "",
        advice: str = "",
        findings: tuple[Any, ...] = (),
    ) -> None:
        super().__init__(problem, path=path, advice=advice)
        self.findings = findings


class ResponseError(WiremarkError, ValueError):
    """An error that a provider sent in a stream (the provider's fault, or its refusal).

    status: the HTTP status where one is known
    code: the provider's own code, `""` where it sent none
    provider_text: the provider's own text, `""` where it sent none
    """

    def __init__(
        self,
        problem: str,
        *,
        path: str = "",
        advice: str = "",
        status: int | None = None,
        code: str = "",
        provider_text: str = "",
    ) -> None:
        super().__init__(problem, path=path, advice=advice)
        self.status = status
        self.code = code
        self.provider_text = provider_text
        self.args = (problem, path, advice, status, code, provider_text)

    def __repr__(self) -> str:
        said = f"status={self.status!r}, code={self.code!r}, provider_text={self.provider_text!r}"
        return f"{super().__repr__()[:-1]}, {said})"

    def __reduce__(self) -> tuple[Any, ...]:
        return (_rebuild_response, (type(self), *self.args))

    def at(self, prefix: str) -> ResponseError:
        """Return the same error with `prefix` put before its path."""
        path = super().at(prefix).path
        return _rebuild_response(type(self), self.problem, path, *self.args[2:])


def _rebuild_response(
    kind: type[ResponseError],
    problem: str,
    path: str,
    advice: str,
    status: int | None,
    code: str,
    provider_text: str,
) -> ResponseError:
    return kind(
        problem, path=path, advice=advice, status=status, code=code, provider_text=provider_text
    )


class CacheBudgetWarning(UserWarning):
    """Cache wishes beyond the provider's limit were dropped; the text names each."""
