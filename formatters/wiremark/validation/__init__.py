"""Is a request body legal, and does it cost more than it must? Schema first, then rules.

    findings = validate(body, protocol="dashscope")
    verdict = judge(body, previous=last_body, fail_on="waste")
    print(compare_prefix(last_body, body))

Judges any body, whoever made it. It knows bodies and cache rules; of formatters, messages before
they are encoded, and the network it knows nothing.
"""

from wiremark.validation.codes import CODES, Code
from wiremark.validation.compare import PrefixDiff, compare_prefix
from wiremark.validation.judging import (
    EXIT_CODES,
    Answer,
    Verdict,
    check,
    judge,
    schema_findings,
    validate,
)
from wiremark.validation.reading import detect_protocol
from wiremark.validation.registry import PROTOCOLS, schema_for
from wiremark.validation.rules import RULES, Abstention, Rule

__all__ = [
    "CODES",
    "EXIT_CODES",
    "PROTOCOLS",
    "RULES",
    "Abstention",
    "Answer",
    "Code",
    "PrefixDiff",
    "Rule",
    "Verdict",
    "check",
    "compare_prefix",
    "detect_protocol",
    "judge",
    "schema_findings",
    "schema_for",
    "validate",
]
