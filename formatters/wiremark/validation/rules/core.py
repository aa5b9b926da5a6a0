"""What a rule of the validator is: a small function, and the codes it can give."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, TypeAlias

from wiremark.findings import Finding
from wiremark.prefix.context import RESPONSES, Context

__all__ = ["Abstention", "Judge", "Rule", "dotted", "goes_on", "rule"]


@dataclass(frozen=True, slots=True)
class Abstention:
    """A question that the body alone does not answer: which code, where, and why."""

    code: str
    path: str
    reason: str

    def __str__(self) -> str:
        return f"cannot tell {self.code} at {self.path or '(request)'}: {self.reason}"

    def to_dict(self) -> dict[str, str]:
        """Return the abstention as JSON-able data."""
        return {"code": self.code, "path": self.path, "reason": self.reason}


Judge: TypeAlias = Callable[[Any, Context], Iterable[Finding | Abstention]]
"""Takes a body and its context; several findings come in the order of the body."""


@dataclass(frozen=True, slots=True)
class Rule:
    """A function that judges a body, and the codes that it can give."""

    codes: tuple[str, ...]
    judge: Judge

    @property
    def name(self) -> str:
        """Return the name of the function."""
        return self.judge.__name__

    def __call__(self, body: Any, ctx: Context) -> Iterable[Finding | Abstention]:
        """Return what the function finds."""
        return self.judge(body, ctx)


def rule(*codes: str) -> Callable[[Judge], Rule]:
    """Make a rule of a function that gives these codes."""
    return lambda judge: Rule(codes, judge)


def goes_on(body: Any, ctx: Context) -> bool:
    """Say whether a request goes on with what is not in it: in Responses, or in a thread."""
    if not isinstance(body, dict):
        return False
    if ctx.form == RESPONSES:
        keys = ("previous_response_id", "conversation", "prompt")
        return any(body.get(key) is not None for key in keys)
    thread = body.get("thread") if ctx.form == "anthropic" else None
    return isinstance(thread, dict) and thread.get("type") == "continue"


def dotted(path: str) -> str:
    """Return a path as Anthropic writes it: `messages.0.content.1`."""
    return path.replace("[", ".").replace("]", "")
