"""Whether a request is refused, told at once; everything else that is found, when it is asked for.

The same rules and the same answer as `validation.judge`, of which most is work on what is no error.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

from ..findings import Finding
from ..validation import RULES, Rule, judge, schema_findings
from ..validation.codes import CODES
from ..validation.reading import context_of
from .services import Service

if TYPE_CHECKING:
    from ..rules import CacheRules

__all__ = ["all_findings", "first_error", "refusal"]

_REFUSING: Final[tuple[Rule, ...]] = tuple(
    rule for rule in RULES if any(CODES[code].severity == "error" for code in rule.codes)
)


def all_findings(body: Any, service: Service, rules: CacheRules | None) -> tuple[Finding, ...]:
    """Return what the validator finds."""
    return judge(body, service.protocol, host=service.host, rules=rules).findings


def refusal(body: Any, service: Service, rules: CacheRules | None) -> Finding | None:
    """Return the finding for which the provider refuses a body, `None` if it takes it."""
    shape = schema_findings(body, service.protocol)
    ctx = context_of(body, service.protocol, host=service.host, rules=rules)
    found = [
        each
        for rule in _REFUSING
        for each in rule(body, ctx)
        if isinstance(each, Finding) and each.severity == "error"
    ]
    told = {each.path for each in found}
    return first_error([*(each for each in shape if each.path not in told), *found])


def first_error(findings: Sequence[Finding]) -> Finding | None:
    """Return the error that is told: the first, or what is known of a place around its own."""
    errors = [each for each in findings if each.severity == "error"]
    around = (
        each
        for each in errors[1:]
        if each.provider_text and each.path and errors[0].path.startswith(each.path)
    )
    return next(around, errors[0]) if errors else None
