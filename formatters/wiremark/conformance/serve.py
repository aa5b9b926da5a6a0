"""Answer the line protocol with wiremark's own formatters: `python -m wiremark.conformance.serve`.

A program to compare one's own with, line by line. fixtures/README.md specifies the lines.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator
from typing import Any

from ..errors import WiremarkError
from .cases import Case
from .operations import own_subject

__all__ = ["answers", "main"]


def answers(lines: Iterable[str]) -> Iterator[str]:
    """Yield the answer to each request line."""
    for line in lines:
        if line.strip():
            yield json.dumps(_answer(json.loads(line)))


def _answer(request: dict[str, Any]) -> dict[str, Any]:
    parts = request.pop("report", ())
    name = request.pop("id")
    asked = {**request, **dict.fromkeys(parts, ())}
    try:
        case = Case(id=name, description="", citation="", expected=(), **asked)
        answer = own_subject(case).answer(case)
    except (TypeError, LookupError, WiremarkError) as problem:
        return {"id": name, "error": {"class": type(problem).__name__, "message": str(problem)}}
    if answer.raised is not None:
        said = answer.raised
        return {"id": name, "error": {"class": said.name, "path": said.path, "message": said.text}}
    out: dict[str, Any] = {"id": name, "ok": answer.value}
    for part in parts:
        out[part] = getattr(answer, part)
    if answer.warnings:
        out["warnings"] = list(answer.warnings)
    return out


def main() -> int:
    """Answer stdin, a line each, until it ends."""
    for answer in answers(sys.stdin):
        sys.stdout.write(f"{answer}\n")
        sys.stdout.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main())
