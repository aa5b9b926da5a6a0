"""What was found about bodies, as a SARIF log that code scanning services read.

https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from . import io, render

if TYPE_CHECKING:
    from ..validation import Code
    from .bodyfiles import Unreadable
    from .reports import Judged, Told

__all__ = ["SarifReport"]

_SCHEMA: Final = "https://json.schemastore.org/sarif-2.1.0.json"
_LEVELS: Final = {"error": "error", "waste": "warning", "note": "note"}
_LINK: Final = re.compile(r"https://[^\s;]+")


class SarifReport:
    """One run, with every rule that there is. A question that stays open is a result `open`."""

    def __init__(self) -> None:
        from ..validation import CODES

        self._index = {name: index for index, name in enumerate(CODES)}
        self._results: list[dict[str, Any]] = []
        self._troubles: list[dict[str, Any]] = []

    def add(self, judged: Judged) -> None:
        """Keep a result a finding, and one a question."""
        for each in judged.findings + judged.abstentions:
            self._results.append(self._result(judged, each))

    def refuse(self, what: Unreadable) -> None:
        """Keep a notification."""
        region = None if what.line is None else {"startLine": what.line}
        location = _physical(what.name, region)
        self._troubles.append(
            {
                "level": "error",
                "message": {"text": io.one_line(what.problem)},
                **({"locations": [{"physicalLocation": location}]} if location else {}),
            }
        )

    def close(self, status: int) -> None:
        """Write the log."""
        import wiremark

        from .. import jsontext
        from ..validation import CODES

        driver = {
            "name": "wiremark",
            "version": wiremark.__version__,
            "rules": [_rule(each) for each in CODES.values()],
        }
        invocation = {
            "executionSuccessful": not self._troubles,
            "exitCode": status,
            "toolExecutionNotifications": self._troubles,
        }
        run = {
            "tool": {"driver": driver},
            "invocations": [invocation],
            "columnKind": "unicodeCodePoints",
            "results": self._results,
        }
        io.emit(jsontext.dumps({"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]}))

    def _result(self, judged: Judged, told: Told) -> dict[str, Any]:
        finding = told.finding
        verdict: dict[str, Any] = {"level": _LEVELS[finding.severity]}
        if told.is_open:
            verdict = {"kind": "open", "level": "none"}  # 3.27.10: no level but this beside a kind
        said = {"advice": finding.advice, "provider_text": finding.provider_text}
        said |= {"protocol": judged.protocol, "within": judged.within}
        return {
            "ruleId": finding.code,
            "ruleIndex": self._index[finding.code],
            **verdict,
            "message": {"text": render.finding_line(finding)},
            "locations": [_location(judged, told)],
            "properties": {key: text for key, text in said.items() if text},
        }


def _location(judged: Judged, told: Told) -> dict[str, Any]:
    at = told.region
    region = {
        "startLine": at.line,
        "startColumn": at.column,
        "endLine": at.end_line,
        "endColumn": at.end_column,
    }
    physical = _physical(judged.name, region)
    path = told.finding.path
    return {
        **({"physicalLocation": physical} if physical else {}),
        **({"logicalLocations": [{"fullyQualifiedName": path}]} if path else {}),
    }


def _physical(name: str, region: dict[str, int] | None) -> dict[str, Any] | None:
    """Return the place in a file; standard input has none."""
    if name == "-":
        return None
    location = {"artifactLocation": {"uri": _uri(name)}}
    return {**location, **({"region": region} if region else {})}


def _uri(name: str) -> str:
    path = Path(name)
    return path.as_uri() if path.is_absolute() else quote(os.fsencode(path.as_posix()))


def _rule(code: Code) -> dict[str, Any]:
    sources = _LINK.findall(code.source)
    links = "".join(f"\n\n<{link}>" for link in sources)
    remedy = code.remedy or "see the schema of the protocol"
    return {
        "id": code.name,
        "shortDescription": {"text": code.meaning},
        "help": {"text": remedy, "markdown": f"{remedy}{links}"},
        **({"helpUri": sources[0]} if sources else {}),
        "defaultConfiguration": {"level": _LEVELS[code.severity]},
        "properties": {"tags": ["llm", "prompt-caching"], "severity": code.severity},
    }
