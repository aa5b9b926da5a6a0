"""Golden cases: one value a case, read from a folder of JSON files.

fixtures/README.md and schemas/fixture.json specify the files. What a formatter makes of a case is
not known here.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal, TypeAlias

from .._resources import resource_dir
from ..errors import WiremarkError

__all__ = ["Case", "Kind", "cases_folder", "load"]

Kind: TypeAlias = Literal["valid", "marks", "invalid"]

_REQUIRED: Final = ("id", "description", "citation", "operation", "input")


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One golden case; fixtures/README.md says what each field means.

    `expected` is the JSON that must come out, `error` the error that must be raised or found;
    a case has one of them, a draft has neither yet. Do not modify what a case holds.
    """

    id: str
    description: str
    citation: str
    operation: str
    formatter: str | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)
    input: Mapping[str, Any] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)
    expected: Any = None
    plan: tuple[Mapping[str, Any], ...] | None = None
    findings: tuple[Mapping[str, Any], ...] | None = None
    warning: Mapping[str, Any] | None = None
    error: Mapping[str, Any] | None = None
    fix: Mapping[str, Any] | None = None

    @property
    def kind(self) -> Kind:
        """Return what the case shows: an error, what becomes of cache marks, or plain output."""
        if self.error is not None:
            return "invalid"
        marks = self.plan is not None or self.operation in ("plan", "strip", "apply_cache_control")
        return "marks" if marks else "valid"

    @property
    def is_draft(self) -> bool:
        """Say whether nothing is expected of the case yet."""
        return self.expected is None and self.error is None

    @classmethod
    def from_dict(cls, data: Any, *, at: str = "case", drafts: bool = False) -> Case:
        """Return the case that `data` holds. Raises `WiremarkError` if it is none.

        drafts: a case may have neither `expected` nor `error`.
        """
        if not isinstance(data, dict):
            raise WiremarkError(f"expected an object, got {type(data).__name__}", path=at)
        absent = [name for name in _REQUIRED if name not in data]
        if absent:
            raise WiremarkError(f"a case needs {', '.join(absent)}", path=at)
        given = ("expected" in data) + ("error" in data)
        if given > 1 or (given == 0 and not drafts):
            raise WiremarkError("a case has either `expected` or `error`", path=at)
        unknown = sorted(set(data) - set(cls.__dataclass_fields__))
        if unknown:
            raise WiremarkError(f"a case has no field {', '.join(unknown)}", path=at)
        lists = {name: tuple(data[name]) for name in ("plan", "findings") if name in data}
        return cls(**{**data, **lists})

    def repaired(self) -> Case:
        """Return an invalid case with its one fault put right, as a case that has no error.

        Raises `WiremarkError` for a case without `fix`, or whose `fix` names no place in it.
        """
        if self.fix is None:
            raise WiremarkError("nothing to put right: the case has no `fix`", path=self.id)
        whole = copy.deepcopy({"settings": dict(self.settings), "input": dict(self.input)})
        holder: Any = whole
        *steps, last = _pointer(self.fix["at"])
        try:
            for step in steps:
                holder = holder[int(step) if isinstance(holder, list) else step]
            key: Any = int(last) if isinstance(holder, list) else last
            if "value" in self.fix:
                holder[key] = copy.deepcopy(self.fix["value"])
            else:
                del holder[key]
        except (LookupError, TypeError, ValueError):
            problem = f"`fix` names no place in the case: {self.fix['at']}"
            raise WiremarkError(problem, path=self.id) from None
        return Case(
            id=self.id,
            description=self.description,
            citation=self.citation,
            operation=self.operation,
            formatter=self.formatter,
            settings=whole["settings"],
            input=whole["input"],
            files=self.files,
        )


def _pointer(text: str) -> list[str]:
    """Return the steps of a JSON Pointer (RFC 6901)."""
    steps = text.split("/")[1:]
    return [step.replace("~1", "/").replace("~0", "~") for step in steps] or [""]


def load(folder: Path | str | None = None, *, drafts: bool = False) -> list[Case]:
    """Return the cases below `folder`, in the order of their ids; by default the packaged ones.

    A folder `cases` in it is taken where there is one. With `drafts`, a case may have no
    expectation yet. Raises `WiremarkError` for a file that is no case, for an id that is not its
    path, and where there are no cases at all.
    """
    root = cases_folder(folder)
    cases = []
    for file in sorted(root.rglob("*.json")):
        name = file.relative_to(root).with_suffix("").as_posix()
        try:
            data = json.loads(file.read_text(encoding="utf-8"))
        except ValueError as problem:
            raise WiremarkError(f"not JSON: {problem}", path=f"{name}.json") from None
        case = Case.from_dict(data, at=f"{name}.json", drafts=drafts)
        if case.id != name:
            raise WiremarkError(f"the id {case.id!r} is not the path", path=f"{name}.json")
        cases.append(case)
    if not cases:
        raise WiremarkError(
            "no cases", path=str(root), advice="name a folder with JSON files as fixtures/README.md"
        )
    return sorted(cases, key=lambda case: case.id)


def cases_folder(folder: Path | str | None = None) -> Path:
    """Return where the case files of a corpus begin: its folder `cases` if it has one."""
    base = resource_dir("fixtures") if folder is None else Path(folder)
    return base / "cases" if (base / "cases").is_dir() else base
