"""Session affinity: a session id becomes the body fields and headers that the rules name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ..errors import OptionError
from ..findings import Finding
from ..rules import CacheRules

__all__ = ["Session", "session_fields"]


@dataclass(frozen=True, slots=True)
class Session:
    """Body fields and headers that carry a session id, and what to say where none does."""

    body: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    findings: tuple[Finding, ...] = ()


def session_fields(session_id: str, rules: CacheRules) -> Session:
    """Return where a session id goes by the rules. One that is too long is an `OptionError`."""
    body: dict[str, str] = {}
    headers: dict[str, str] = {}
    for affinity in rules.affinity:
        limit = affinity.max_length
        if limit is not None and len(session_id) > limit:
            raise OptionError(
                f"a session id of {len(session_id)} characters is too long",
                path="options.session_id",
                advice=f"{affinity.name} takes {limit}",
            )
        value = session_id if affinity.value == "session" else affinity.value
        (body if affinity.where == "body" else headers)[affinity.name] = value
    if body or headers:
        return Session(body, headers)
    text = f"{rules.name} has no field for a session id: it is not sent"
    return Session(findings=(Finding("session-not-sent", "note", "options.session_id", text),))
