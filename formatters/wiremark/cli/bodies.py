"""`wiremark strip` and `wiremark validate`: request bodies in, bodies or findings out."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, Final

import click

from . import io, render

if TYPE_CHECKING:
    from ..findings import Finding

__all__ = ["strip", "validate"]

_PROTOCOLS: Final = (
    "dashscope",
    "openai",
    "anthropic",
    "bedrock-converse",
    "dashscope-text",
    "dashscope-multimodal",
)
_OF_A_BODY: Final = frozenset(["messages", "input", "parameters", "system", "tools"])
_MANY_FILES: Final = 20


@click.command()
@click.argument("source", metavar="BODY")
@click.option("--indent", metavar="N", type=click.IntRange(0, 16), help="Indent the JSON.")
def strip(source: str, indent: int | None) -> int:
    """Write BODY, a request body or a list of messages, without its cache marks.

    A text that only a mark had made an array is a string again.
    """
    from .. import jsontext
    from ..marks import strip_body, strip_marks

    value = io.read_json(source)
    if isinstance(value, list):
        for index, item in enumerate(value):
            if not isinstance(item, dict):
                raise io.Unusable(f"{io.shown(source)}: [{index}] is not a message")
        stripped: Any = strip_marks(value)
    elif isinstance(value, dict) and _OF_A_BODY & value.keys():
        stripped = strip_body(value)
    else:
        raise io.Unusable(f"{io.shown(source)}: neither a request body nor a list of messages")
    io.emit_json(jsontext.dumps(stripped), indent)
    return 0


@click.command()
@click.argument("sources", metavar="BODY...", nargs=-1, required=True)
@click.option(
    "--as",
    "protocol",
    type=click.Choice(_PROTOCOLS),
    help="Whose form the body has; left out, its outermost keys tell.",
)
@click.option("--model", metavar="M", help="Model name, where the body's own is an alias.")
@click.option("--json", "as_json", is_flag=True, help="The findings as JSON, an object a file.")
def validate(
    sources: tuple[str, ...], protocol: str | None, model: str | None, *, as_json: bool
) -> int:
    """Write what is wrong with each BODY, and what is allowed there; exit with 1 on errors.

    A line a finding; waste and notes say so and are no errors.
    """
    if sources.count("-") > 1:
        raise click.UsageError("standard input can be read once")
    found = {
        source: _judge(source, protocol, model)
        for source in render.track(sources, what="validating", long=_MANY_FILES)
    }
    refused = [result for result in found.values() if isinstance(result, str)]
    for reason in refused:
        io.say(f"wiremark: {reason}")
    findings = {name: result for name, result in found.items() if not isinstance(result, str)}
    if as_json:
        _write_json(findings)
    else:
        _write_lines(findings, named=len(sources) > 1)
    if refused:
        return 2
    every = (finding for result in findings.values() for finding in result)
    return 1 if any(finding.severity == "error" for finding in every) else 0


def _judge(source: str, protocol: str | None, model: str | None) -> tuple[Finding, ...] | str:
    """Return the findings about a body, or why it cannot be read."""
    from ..validation import detect_protocol
    from ..validation import validate as findings_of

    try:
        body = io.read_json(source)
    except io.Unusable as problem:
        return str(problem)
    protocol = protocol or detect_protocol(body)
    if protocol is None:
        return f"{io.shown(source)}: cannot tell whose form the body has (give --as)"
    return findings_of(body, protocol=protocol, model=model)


def _write_lines(findings: dict[str, tuple[Finding, ...]], *, named: bool) -> None:
    colour = io.has_colour(sys.stdout)
    for source, result in findings.items():
        name = f"{io.shown(source)}: " if named else ""
        for finding in result:
            io.emit(f"{name}{render.finding_line(finding, colour=colour)}")
        if not result and io.is_terminal(sys.stderr):
            io.say(f"{io.shown(source)}: no findings")


def _write_json(findings: dict[str, tuple[Finding, ...]]) -> None:
    from .. import jsontext

    io.emit(
        jsontext.dumps(
            [
                {"file": io.shown(source), "findings": [finding.to_dict() for finding in result]}
                for source, result in findings.items()
            ]
        )
    )
