"""`wiremark replay`: a trace in; what its requests read and write, and what they cost, out."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from . import io, render
from .replayed import console_of, show

if TYPE_CHECKING:
    from ..findings import Finding
    from ..replay.model import Arm, Replay, TraceRequest

__all__ = ["replay"]

_FORMS: Final = (
    "dashscope",
    "dashscope-compatible",
    "openai-chat",
    "openrouter",
    "anthropic",
    "bedrock-converse",
)
_ARMS: Final[dict[str, tuple[Arm, ...]]] = {
    "neutral": ("neutral",),
    "pessimistic": ("pessimistic",),
    "both": ("neutral", "pessimistic"),
}
_LONG: Final = 500


@click.command()
@click.argument("source", metavar="TRACE")
@click.option("--as", "form", type=click.Choice(_FORMS), help="The service to replay for.")
@click.option("--model", metavar="M", help="Model name in place of the recorded ones.")
@click.option("--host", metavar="H", help="Host or base URL; the cache rules follow it.")
@click.option(
    "--policy",
    "policies",
    metavar="P",
    multiple=True,
    help="Mark anew: a policy, as in rolling:1h, none or implicit; repeatable.",
)
@click.option("--all-policies", is_flag=True, help="Compare all policies, and no caching.")
@click.option(
    "--gap",
    metavar="SECONDS",
    type=click.FloatRange(min=0),
    help="From each reply to the next request, in place of the trace's times.",
)
@click.option(
    "--arm",
    type=click.Choice(list(_ARMS)),
    default="neutral",
    help="pessimistic: the worse reading where sources disagree.",
)
@click.option("--region", metavar="R", help="DashScope's region, by which its prices differ.")
@click.option("--html", metavar="OUT", help="Write a report to look at into a file.")
@click.option("--advice", is_flag=True, help="Say which placement is best, and what to change.")
@click.option("--json", "as_json", is_flag=True, help="Everything as JSON.")
def replay(
    source: str,
    form: str | None,
    policies: tuple[str, ...],
    html: str | None,
    arm: str,
    **options: Any,
) -> int:
    """Write what each request of TRACE would read from cache, write to it, and cost.

    TRACE is a file, or - for standard input: request bodies or records with a request, one a line;
    sessions of chat messages; HAR; LiteLLM's logs; a transcript of Claude Code. Without --policy
    the marks of the bodies count. Exit status 1 says that some of the trace could not be read.
    """
    from ..replay.session import compare

    settings = {
        "as_": form,
        **{name: options[name] for name in ("model", "host", "gap", "region")},
    }
    requests, findings = _read(source)
    chosen = _policies(policies, all_policies=options["all_policies"])
    replays = compare(
        [*_tracked(requests), *findings], policies=chosen, arms=_ARMS[arm], **settings
    )
    if not replays[0].rows:
        _say(replays)
        raise io.Unusable(f"{io.shown(source)}: no request in it can be replayed")
    advice = _advice(requests, replays[0], settings) if options["advice"] else None
    if options["as_json"]:
        _emit_json(replays, advice)
    else:
        show(replays, io.shown(source), advice)
    if html is not None:
        _write_html(html, replays, io.shown(source), advice)
    return 1 if _say(replays) else 0


def _read(source: str) -> tuple[list[TraceRequest], list[Finding]]:
    from ..replay.session import requests_of
    from ..replay.trace import read_trace

    with io.opened(source) as stream, io.blaming(source):
        return requests_of(read_trace(_lines(stream), name=io.shown(source)))


def _lines(stream: Iterable[bytes]) -> Iterator[bytes]:
    """Yield the lines; where they are many, a bar on a terminal counts them."""
    if not io.is_terminal(sys.stderr):
        yield from stream
        return
    from rich.progress import Progress, TextColumn

    columns = TextColumn("reading, {task.completed:,.0f} lines")
    with Progress(columns, console=console_of(sys.stderr), transient=True) as progress:
        task = progress.add_task("", total=None, visible=False)
        for count, line in enumerate(stream, start=1):
            if count % 100 == 0:
                progress.update(task, completed=count, visible=True)
            yield line


def _tracked(requests: Sequence[TraceRequest]) -> Iterable[TraceRequest]:
    return render.track(requests, what="replaying", long=_LONG)


def _policies(named: Sequence[str], *, all_policies: bool) -> list[str | None] | None:
    if all_policies:
        if named:
            raise click.UsageError("--all-policies and --policy exclude each other")
        return None
    return list(named) or [None]


def _say(replays: Sequence[Replay]) -> bool:
    """Write what was noticed, each once; say whether any of it is an error."""
    found = dict.fromkeys(finding for one in replays for finding in one.findings)
    for finding in found:
        place = f"{finding.path}: " if finding.path else ""
        kind = "" if finding.severity == "error" else f"{finding.severity}: "
        advice = f" ({finding.advice})" if finding.advice else ""
        io.say(f"{place}{kind}{finding.message}{advice}")
    return any(finding.severity == "error" for finding in found)


def _advice(requests: Sequence[TraceRequest], first: Replay, settings: dict[str, Any]) -> Any:
    from ..replay.advice import advise

    return advise(requests, arm=first.arm, **settings)


def _emit_json(replays: Sequence[Replay], advice: Any) -> None:
    from .. import jsontext
    from ..replay.reported import differences

    out: dict[str, Any] = {"replays": [one.to_dict() for one in replays]}
    reported = differences(replays[0])
    if reported:
        out["differences"] = [one.to_dict() for one in reported]
    if advice is not None:
        out["advice"] = advice.to_dict() if hasattr(advice, "to_dict") else str(advice)
    io.emit(jsontext.dumps(out))


def _write_html(name: str, replays: Sequence[Replay], title: str, advice: Any) -> None:
    from ..replay.report import render_html

    text = render_html(replays, title=f"Cache replay of {Path(title).name}", advice=advice)
    try:
        Path(name).write_text(text, encoding="utf-8")
    except (OSError, ValueError) as problem:
        reason = getattr(problem, "strerror", None) or str(problem)
        raise io.Unusable(f"{name}: {reason[:1].lower()}{reason[1:]}") from None
