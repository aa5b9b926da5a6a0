"""What was found about bodies, told as text, as GitHub's workflow commands, or as JSON.

Text and workflow commands are written as they come, JSON when all is known. Findings are kept,
bodies are not.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Protocol

from . import io, render

if TYPE_CHECKING:
    from ..findings import Finding
    from ..validation import Verdict
    from .bodyfiles import Body, Unreadable
    from .positions import Region

__all__ = ["GitHubReport", "JsonReport", "Judged", "Report", "TextReport", "Told"]


@dataclass(frozen=True, slots=True)
class Told:
    """A finding with its place in the file; `is_open`: a question that the body leaves open."""

    finding: Finding
    region: Region
    is_open: bool = False


@dataclass(frozen=True, slots=True)
class Judged:
    """What there is to tell about a body. `abstentions` are questions, `counting` those that count.

    `within` is the path of the body in the JSON of the file.
    """

    name: str
    within: str
    region: Region
    protocol: str
    verdict: Verdict
    findings: tuple[Told, ...]
    abstentions: tuple[Told, ...]
    counting: tuple[Told, ...]

    @classmethod
    def of(cls, body: Body, protocol: str, verdict: Verdict) -> Judged:
        """Return what there is to tell about a body."""
        from ..findings import Finding
        from ..validation import CODES
        from ..validation import Verdict as Of

        open_, counting = [], []
        for each in verdict.abstentions:
            words = f"cannot tell: {each.reason}"
            asked = Finding(each.code, CODES[each.code].severity, each.path, words)
            open_.append(Told(asked, body.region(each.path), is_open=True))
            if Of((), (each,), verdict.fail_on).answer == "abstain":
                counting.append(open_[-1])
        findings = tuple(Told(each, body.region(each.path)) for each in verdict.findings)
        region = body.region()
        return cls(
            body.name,
            body.within,
            region,
            protocol,
            verdict,
            findings,
            tuple(open_),
            tuple(counting),
        )

    @property
    def told(self) -> tuple[Told, ...]:
        """Return the findings, and the questions that keep the body from passing."""
        return self.findings + self.counting


class Report(Protocol):
    """Takes what is found, in order, and writes it to standard output."""

    def add(self, judged: Judged) -> None:
        """Tell of a body."""

    def refuse(self, what: Unreadable) -> None:
        """Tell of what could not be judged; standard error has a line of it already."""

    def close(self, status: int) -> None:
        """Tell what is told at the end; `status` is the exit status."""


class TextReport:
    """A line a finding, which begins with its place as compilers write it."""

    def __init__(self, write: Callable[[str], None] = io.emit) -> None:
        self._write, self._colour = write, io.has_colour(sys.stdout)

    def add(self, judged: Judged) -> None:
        """Write a line a finding."""
        for each in judged.told:
            at = each.region
            place = f"{io.shown(judged.name)}:{at.line}:{at.column}"
            line = render.finding_line(each.finding, colour=self._colour)
            self._write(f"{io.one_line(place)}: {line} [{each.finding.code}]")

    def refuse(self, what: Unreadable) -> None:
        """Write nothing."""

    def close(self, status: int) -> None:
        """Write nothing."""


_COMMANDS: Final = {"error": "error", "waste": "warning", "note": "notice"}


class GitHubReport:
    """A workflow command a finding, which GitHub shows beside the line.

    https://docs.github.com/actions/reference/workflow-commands-for-github-actions
    """

    def __init__(self, write: Callable[[str], None] = io.emit) -> None:
        self._write = write

    def add(self, judged: Judged) -> None:
        """Write a command a finding."""
        for each in judged.told:
            kind = "warning" if each.is_open else _COMMANDS[each.finding.severity]
            self._command(
                kind,
                judged.name,
                (each.region.line, each.region.column),
                each.finding.code,
                render.finding_line(each.finding),
            )

    def refuse(self, what: Unreadable) -> None:
        """Write an error."""
        place = None if what.line is None else (what.line, 1)
        self._command("error", what.name, place, "unusable", what.problem)

    def close(self, status: int) -> None:
        """Write nothing."""

    def _command(
        self, kind: str, name: str, place: tuple[int, int] | None, title: str, message: str
    ) -> None:
        properties = {} if name == "-" else {"file": name}
        if properties and place is not None:
            properties |= {"line": str(place[0]), "col": str(place[1])}
        properties["title"] = f"wiremark {title}"
        words = ",".join(f"{key}={_property(value)}" for key, value in properties.items())
        self._write(f"::{kind} {words}::{_data(message)}")


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")


class JsonReport:
    """A list with an object a body."""

    def __init__(self) -> None:
        self._bodies: list[dict[str, Any]] = []

    def add(self, judged: Judged) -> None:
        """Keep what there is to tell."""
        verdict = judged.verdict
        self._bodies.append(
            {
                "file": io.shown(judged.name),
                "line": judged.region.line,
                "within": judged.within,
                "protocol": judged.protocol,
                "answer": verdict.answer,
                "findings": [
                    each.finding.to_dict() | _place(each.region) for each in judged.findings
                ],
                "abstentions": [
                    each.to_dict() | _place(told.region)
                    for each, told in zip(verdict.abstentions, judged.abstentions, strict=True)
                ],
            }
        )

    def refuse(self, what: Unreadable) -> None:
        """Write nothing."""

    def close(self, status: int) -> None:  # noqa: ARG002 - a report of another form tells it
        """Write the list."""
        from .. import jsontext

        io.emit(jsontext.dumps(self._bodies))


def _place(region: Region) -> dict[str, int]:
    return {"line": region.line, "column": region.column}
