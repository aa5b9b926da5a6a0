"""`wiremark convert`: a request body of one protocol in, that of another out."""

from __future__ import annotations

import warnings
from typing import Final

import click

from . import io, render

__all__ = ["convert"]

_SOURCES: Final = ("openai-chat", "dashscope", "anthropic", "bedrock-converse")
_TARGETS: Final = (
    "dashscope",
    "dashscope-compatible",
    "openai-chat",
    "openrouter",
    "anthropic",
    "bedrock-converse",
)


@click.command()
@click.argument("source", metavar="BODY")
@click.option("--from", "protocol", required=True, type=click.Choice(_SOURCES), help="Its form.")
@click.option("--to", "target", required=True, type=click.Choice(_TARGETS), help="Whose form.")
@click.option("--model", metavar="M", help="Model name in place of the body's own.")
@click.option("--host", metavar="H", help="Host or base URL; the cache rules follow it.")
@click.option("--strict", is_flag=True, help="Exit with 1 when something was lost.")
@click.option("--indent", metavar="N", type=click.IntRange(0, 16), help="Indent the JSON.")
def convert(
    source: str,
    protocol: str,
    target: str,
    model: str | None,
    host: str | None,
    indent: int | None,
    *,
    strict: bool,
) -> int:
    """Write BODY, a request body, in the form of another provider, cache marks included.

    What could not be carried over is a line on standard error.
    """
    from ..conversion import convert as converted
    from ..errors import CacheBudgetWarning

    body = io.read_json(source)
    with io.blaming(source), warnings.catch_warnings():
        warnings.simplefilter("ignore", CacheBudgetWarning)  # such marks are among what is lost
        made = converted(body, source=protocol, target=target, model=model, host=host)
    io.emit_json(made.request.to_json(), indent)
    errors = [finding for finding in made.request.findings if finding.severity == "error"]
    for finding in (*made.lost, *errors):
        io.say(render.finding_line(finding))
    return 1 if strict and made.lost else 0
