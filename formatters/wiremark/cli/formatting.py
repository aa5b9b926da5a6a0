"""`wiremark format` and `wiremark explain`: messages in, a request or its plan out."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

from . import io, render
from .words import Words, with_words

if TYPE_CHECKING:
    from ..base import Request
    from ..findings import Finding

__all__ = ["explain", "format_"]

_STILL_SHORT = "under-minimum"


@click.command("format")
@with_words
@click.option("--explain", is_flag=True, help="Write the plan to standard error, terminal or not.")
def format_(*, explain: bool, indent: int | None, **asked: Any) -> int:
    """Write the request body for the messages of INPUT.

    INPUT is a JSON list of messages, JSON lines, or an object with "messages"; in
    agentscope-java's form or as chat messages. On a terminal the plan of the cache marks follows.
    With --validate what is wrong with the body follows too, and errors make the exit status 1.
    """
    words = Words(**asked)
    if words.messages_only and words.validate:
        raise click.UsageError("--validate checks a whole body: leave out --messages-only")
    with _warnings_as_lines():
        protocol, request = words.request(needs_model=True)
    found = _validated(protocol, request, words.host) if words.validate else ()
    io.emit_json(_messages_text(request) if words.messages_only else request.to_json(), indent)
    plan = request.plan
    noteworthy = plan.decisions or plan.note or request.findings
    if explain or (noteworthy and io.is_terminal(sys.stderr)):
        render.show_plan(plan, request.findings, sys.stderr)
    for finding in found:
        io.say(render.finding_line(finding))
    return 1 if any(finding.severity == "error" for finding in found) else 0


@click.command()
@with_words
@click.option("--json", "as_json", is_flag=True, help="The plan as JSON.")
def explain(*, as_json: bool, indent: int | None, **asked: Any) -> int:
    """Write why each cache mark of the request for INPUT stands where it does.

    Takes the words of `format`. Without --model the plan is made for a model that is not known.
    """
    from .. import jsontext

    words = Words(**asked)
    with _warnings_as_lines():
        protocol, request = words.request(needs_model=False)
    findings = request.findings
    if words.validate:
        findings += _validated(protocol, request, words.host)
    if as_json:
        data = request.plan.to_dict() | {"findings": [finding.to_dict() for finding in findings]}
        io.emit_json(jsontext.dumps(data), indent)
    else:
        render.show_plan(request.plan, findings, io.stdout())
    return 0


def _messages_text(request: Request) -> str:
    from .. import jsontext

    return jsontext.dumps(request.messages, java_numbers=request.quirks.java_numbers)


def _validated(protocol: str, request: Request, host: str | None) -> tuple[Finding, ...]:
    """Return what is wrong with the body; a session that is still short is no fault of it."""
    from ..validation import validate

    found = validate(request.body, protocol=protocol, host=host)
    return tuple(each for each in found if each.code != _STILL_SHORT)


@contextmanager
def _warnings_as_lines() -> Iterator[None]:
    """Write warnings about the request to standard error, one line each."""
    from ..errors import CacheBudgetWarning

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", CacheBudgetWarning)
        yield
    for warning in caught:
        io.say(f"wiremark: warning: {warning.message}")
