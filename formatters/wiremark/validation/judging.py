"""Judges a request body, schema first, then rules: findings, or a verdict with open questions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias

from wiremark.errors import BodyInvalid
from wiremark.findings import Finding, Severity
from wiremark.validation.codes import CODES
from wiremark.validation.reading import context_of, known_protocol
from wiremark.validation.registry import request_schema
from wiremark.validation.rules import RULES, Abstention
from wiremark.validation.shape import shape_findings

if TYPE_CHECKING:
    from wiremark.rules import CacheRules

__all__ = ["EXIT_CODES", "Answer", "Verdict", "check", "judge", "schema_findings", "validate"]

Answer: TypeAlias = Literal["pass", "fail", "abstain"]

EXIT_CODES: Final[dict[Answer, int]] = {"pass": 0, "fail": 1, "abstain": 3}
"""Exit statuses for a command line; 2 is for what cannot be judged at all."""

_ORDER: Final = ("note", "waste", "error")


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was found about a body, and what could not be told.

    `fail_on` is the mildest severity that counts: a finding of it, or a graver one, is a `fail`; a
    question of it that stays open is an `abstain`; else it is a `pass`.
    """

    findings: tuple[Finding, ...]
    abstentions: tuple[Abstention, ...]
    fail_on: Severity = "error"

    @property
    def answer(self) -> Answer:
        """Return `pass`, `fail` or `abstain`."""
        if any(self._counts(finding.severity) for finding in self.findings):
            return "fail"
        if any(self._counts(CODES[each.code].severity) for each in self.abstentions):
            return "abstain"
        return "pass"

    @property
    def exit_code(self) -> int:
        """Return 0 for a pass, 1 for a fail, 3 for an abstain."""
        return EXIT_CODES[self.answer]

    def _counts(self, severity: Severity) -> bool:
        return _ORDER.index(severity) >= _ORDER.index(self.fail_on)

    def to_dict(self) -> dict[str, Any]:
        """Return the verdict as JSON-able data."""
        return {
            "answer": self.answer,
            "findings": [finding.to_dict() for finding in self.findings],
            "abstentions": [each.to_dict() for each in self.abstentions],
        }


def judge(
    body: Any,
    protocol: str | None = None,
    *,
    model: str | None = None,
    host: str | None = None,
    previous: Any = None,
    count_tokens: Callable[[str], int] | None = None,
    rules: CacheRules | None = None,
    fail_on: Severity = "error",
) -> Verdict:
    """Return what `validate` finds, and beside it what the body alone does not tell.

    Arguments are those of `validate`; `fail_on` is the mildest severity that fails.
    """
    protocol = known_protocol(body, protocol)
    shape = schema_findings(_with_model(body, model), protocol)
    ctx = context_of(
        body,
        protocol,
        model=model,
        host=host,
        previous=previous,
        count_tokens=count_tokens,
        rules=rules,
    )
    findings: list[Finding] = []
    abstentions: list[Abstention] = []
    for rule in RULES:
        for each in rule(body, ctx):
            if isinstance(each, Abstention):
                abstentions.append(each)
            else:
                findings.append(each)
    told = {each.path for each in findings if each.severity == "error"}
    kept = (each for each in shape if each.path not in told)  # told in the more fitting words
    return Verdict((*kept, *findings), tuple(abstentions), fail_on)


def _with_model(body: Any, model: str | None) -> Any:
    """Return the body with the model that its path names: clouds take Anthropic's body so."""
    if model and isinstance(body, dict) and "anthropic_version" in body and "model" not in body:
        return {**body, "model": model}
    return body


def validate(
    body: Any,
    protocol: str | None = None,
    *,
    model: str | None = None,
    host: str | None = None,
    previous: Any = None,
    count_tokens: Callable[[str], int] | None = None,
    rules: CacheRules | None = None,
) -> tuple[Finding, ...]:
    """Return what is wrong, wasteful or notable about a request body; empty if nothing is.

    `protocol` is one of `PROTOCOLS`: `dashscope` takes either native endpoint, `dashscope-text` and
    `dashscope-multimodal` one, `openai` (or `openai-chat`) is the chat request of OpenAI and of
    services compatible with it, `openai-dashscope` that of DashScope's compatible mode,
    `openai-responses` that of the Responses API, `openrouter` OpenRouter's; `anthropic` is the
    request of the Messages API in either version, of which `anthropic-2023-06-01` and
    `anthropic-2026-10-21` are one each, `bedrock-converse` Bedrock's.
    Left out, the body's outermost keys tell.

    `model` stands in for the body's own where that is an alias or stands in the path; `host` is a
    host name or base URL; `rules` replace the cache rules that protocol, host and model select.
    `previous` is the body of the request before this one. `count_tokens` returns the tokens of a
    text; without it they are estimated.

    Findings of the schema come first, in the order of their paths, then those of the rules. No JSON
    value raises, and the body is not changed. Raises `OptionError` for a protocol without a schema,
    and for none where the body shows none.
    """
    return judge(
        body,
        protocol,
        model=model,
        host=host,
        previous=previous,
        count_tokens=count_tokens,
        rules=rules,
    ).findings


def schema_findings(body: Any, protocol: str) -> tuple[Finding, ...]:
    """Return what the protocol's schema alone has against a body, in the order of the paths.

    Raises `OptionError` for a protocol without a schema.
    """
    return shape_findings(request_schema(protocol), body)


def check(body: Any, protocol: str | None = None, **asked: Any) -> tuple[Finding, ...]:
    """Return the findings of `validate`, or raise `BodyInvalid` if one of them is an error.

    Takes the arguments of `validate`. The exception shows the first error and holds all findings.
    """
    findings = validate(body, protocol, **asked)
    errors = [finding for finding in findings if finding.severity == "error"]
    if errors:
        more = f", and {len(errors) - 1} more errors" if len(errors) > 1 else ""
        first = errors[0]
        raise BodyInvalid(
            f"{first.message}{more}", path=first.path, advice=first.advice, findings=findings
        )
    return findings
