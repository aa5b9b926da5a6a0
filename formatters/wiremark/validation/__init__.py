"""Is a request body legal, and does it cost more than it must? Schema first, then rules.

    findings = validate(body, protocol="dashscope")

Judges any body, whoever made it. It knows bodies and cache rules; of formatters, messages before
they are encoded, and the network it knows nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from wiremark.errors import BodyInvalid
from wiremark.rules import OPENAI_COMPATIBLE, select_rules
from wiremark.validation.codes import CODES, Code
from wiremark.validation.context import read_context
from wiremark.validation.registry import ALIASES, PROTOCOLS, request_schema, schema_for
from wiremark.validation.rules import RULES
from wiremark.validation.shape import shape_findings

if TYPE_CHECKING:
    from wiremark.findings import Finding
    from wiremark.rules import CacheRules

__all__ = [
    "CODES",
    "PROTOCOLS",
    "Code",
    "check",
    "detect_protocol",
    "schema_findings",
    "schema_for",
    "validate",
]

_CONVERSE_KEYS: Final = ("inferenceConfig", "toolConfig", "additionalModelRequestFields")


def validate(
    body: Any,
    *,
    protocol: str,
    model: str | None = None,
    rules: CacheRules | None = None,
) -> tuple[Finding, ...]:
    """Return what is wrong, wasteful or notable about a request body; empty if nothing is.

    `protocol` is one of `PROTOCOLS`: `dashscope` takes either native endpoint, `dashscope-text` and
    `dashscope-multimodal` one, `openai` (or `openai-chat`) is the chat request of OpenAI and of
    services compatible with it, `anthropic` that of the Messages API, `bedrock-converse` Bedrock's.
    `model` stands in for the body's own where that is an alias or stands in the path; `rules`
    replace the cache rules that protocol and model select.

    Findings of the schema come first, in the order of their paths, then those of the rules. No JSON
    value raises, and the body is not changed. Raises `OptionError` for a protocol without a schema.
    """
    shape = schema_findings(body, protocol=protocol)
    native = protocol.startswith("dashscope")
    if rules is None:
        named = body.get("model") if model is None and isinstance(body, dict) else model
        rules = select_rules(
            "dashscope" if native else ALIASES.get(protocol, protocol),
            model=named if isinstance(named, str) else None,
        ).rules
    context = read_context(
        body,
        native=native,
        rules=rules,
        guessed=rules == OPENAI_COMPATIBLE,
        converse=protocol == "bedrock-converse",
        anthropic=protocol == "anthropic",
    )
    return (*shape, *(finding for rule in RULES for finding in rule(body, context)))


def schema_findings(body: Any, *, protocol: str) -> tuple[Finding, ...]:
    """Return what the protocol's schema alone has against a body, in the order of the paths.

    Raises `OptionError` for a protocol without a schema.
    """
    return shape_findings(request_schema(protocol), body)


def check(
    body: Any,
    *,
    protocol: str,
    model: str | None = None,
    rules: CacheRules | None = None,
) -> tuple[Finding, ...]:
    """Return the findings of `validate`, or raise `BodyInvalid` if one of them is an error.

    The exception shows the first error and holds all findings.
    """
    findings = validate(body, protocol=protocol, model=model, rules=rules)
    errors = [finding for finding in findings if finding.severity == "error"]
    if errors:
        more = f", and {len(errors) - 1} more errors" if len(errors) > 1 else ""
        first = errors[0]
        raise BodyInvalid(
            f"{first.message}{more}", path=first.path, advice=first.advice, findings=findings
        )
    return findings


def detect_protocol(body: Any) -> str | None:
    """Return the protocol that a body's outermost keys show, `None` if they show none.

    DashScope's native body holds its messages in `input`, OpenAI's at the top. A body with messages
    and a `system` of its own is Anthropic's.
    """
    if not isinstance(body, dict):
        return None
    native = body.get("input")
    if isinstance(native, dict) and ("messages" in native or "prompt" in native):
        return "dashscope"
    if isinstance(body.get("messages"), list) and any(key in body for key in _CONVERSE_KEYS):
        return "bedrock-converse"
    if isinstance(body.get("messages"), list):
        return "anthropic" if "system" in body else "openai"
    return None
