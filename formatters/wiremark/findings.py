"""What was noticed about a request: one value, shared by the plan and the validator."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

__all__ = ["Finding", "Severity"]

Severity: TypeAlias = Literal["error", "waste", "note"]
"""`error`: the provider rejects it. `waste`: it costs and cannot help. `note`: worth knowing."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing noticed, with its place in the request and what to do.

    `path` is written as `messages[3].content[1]`, relative to the request body.
    `provider_text` is the provider's own error text where one is known.
    """

    code: str
    severity: Severity
    path: str
    message: str
    advice: str = ""
    provider_text: str = ""

    def __str__(self) -> str:
        advice = f" ({self.advice})" if self.advice else ""
        return f"{self.severity} {self.code} at {self.path or '(request)'}: {self.message}{advice}"

    def to_dict(self) -> dict[str, Any]:
        """Return the finding as JSON-able data, empty fields left out."""
        out: dict[str, Any] = {
            "code": self.code,
            "severity": self.severity,
            "path": self.path,
            "message": self.message,
        }
        if self.advice:
            out["advice"] = self.advice
        if self.provider_text:
            out["provider_text"] = self.provider_text
        return out
