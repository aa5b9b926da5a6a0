"""Golden cases: one value a case, read from a folder of JSON files, and the lint of that folder.

fixtures/README.md and schemas/fixture.json specify the files. What a formatter makes of a case is
not known here.
"""

from __future__ import annotations

import copy
import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Final, Literal, TypeAlias

from jsonschema import Draft202012Validator
from jsonschema.exceptions import best_match

from .._resources import read_json, resource_dir
from ..errors import WiremarkError

__all__ = ["Case", "Kind", "lint", "load"]

Kind: TypeAlias = Literal["valid", "marks", "invalid"]

_CITATIONS: Final = (
    re.compile(r"agentscope-java c2d43f86, \S.+"),
    re.compile(r"wiremark marks specification, section [1-9]: \S.+"),
    re.compile(r"https://\S+(, \S[^;]*)? \(read \d{4}-\d{2}-\d{2}\)(, \S.+)?"),
)
"""A named source with the place in it, or an address with the day it was read."""

_REQUIRED: Final = ("id", "description", "citation", "operation", "input")


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One golden case; fixtures/README.md says what each field means.

    `expected` is the JSON that must come out, `error` the error that must be raised or found;
    a case has one of them. Do not modify what a case holds.
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

    @classmethod
    def from_dict(cls, data: Any, *, at: str = "case") -> Case:
        """Return the case that `data` holds. Raises `WiremarkError` if it is none."""
        if not isinstance(data, dict):
            raise WiremarkError(f"expected an object, got {type(data).__name__}", path=at)
        absent = [name for name in _REQUIRED if name not in data]
        if absent:
            raise WiremarkError(f"a case needs {', '.join(absent)}", path=at)
        if ("expected" in data) == ("error" in data):
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


def load(folder: Path | str | None = None) -> list[Case]:
    """Return the cases below `folder`, in the order of their ids; by default the packaged ones.

    A folder `cases` in it is taken where there is one. Raises `WiremarkError` for a file that is no
    case, for an id that is not its path, and where there are no cases at all.
    """
    root = _root(folder)
    cases = []
    for file in sorted(root.rglob("*.json")):
        name = file.relative_to(root).with_suffix("").as_posix()
        try:
            data = json.loads(file.read_text(encoding="utf-8"))
        except ValueError as problem:
            raise WiremarkError(f"not JSON: {problem}", path=f"{name}.json") from None
        case = Case.from_dict(data, at=f"{name}.json")
        if case.id != name:
            raise WiremarkError(f"the id {case.id!r} is not the path", path=f"{name}.json")
        cases.append(case)
    if not cases:
        raise WiremarkError(
            "no cases", path=str(root), advice="name a folder with JSON files as fixtures/README.md"
        )
    return sorted(cases, key=lambda case: case.id)


def _root(folder: Path | str | None) -> Path:
    base = resource_dir("fixtures") if folder is None else Path(folder)
    return base / "cases" if (base / "cases").is_dir() else base


def lint(folder: Path | str | None = None) -> list[str]:
    """Return what is wrong with a corpus of cases, one line each; empty if nothing.

    `folder` is laid out as fixtures/: manifest.json, and cases/<group>/<name>.json. Looked at are
    the schema of every file, ids, citations, the one fault of an invalid case, the counts of the
    manifest, repeated cases, and files that belong to no group.
    """
    base = resource_dir("fixtures") if folder is None else Path(folder)
    problems: list[str] = []
    try:
        manifest = json.loads((base / "manifest.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as problem:
        return [f"manifest.json: {problem}"]
    problems += _schema_problems(manifest, "manifest.json", "manifest.json")
    if problems:
        return problems
    counts = {group["name"]: group["cases"] for group in manifest["groups"]}
    if len(counts) != len(manifest["groups"]):
        problems.append("manifest.json: two groups of one name")
    found: Counter[str] = Counter()
    seen: dict[str, str] = {}
    for file in sorted(path for path in (base / "cases").rglob("*") if not path.is_dir()):
        where = file.relative_to(base / "cases").as_posix()
        group, slash, name = where.removesuffix(".json").partition("/")
        if file.suffix != ".json" or group not in counts or not slash or "/" in name:
            problems.append(f"{where}: belongs to no group of manifest.json")
            continue
        found[group] += 1
        problems += [f"{where}: {text}" for text in _case_problems(file, f"{group}/{name}", seen)]
    for name, count in counts.items():
        if found[name] != count:
            problems.append(f"manifest.json: {name} has {found[name]} cases, not {count}")
    return problems


def _case_problems(file: Path, name: str, seen: dict[str, str]) -> Iterator[str]:
    try:
        data = json.loads(file.read_text(encoding="utf-8"), object_pairs_hook=_unique)
    except ValueError as problem:
        yield str(problem)
        return
    schema = _schema_problems(data, "fixture.json", "")
    if schema:
        yield from schema
        return
    case = Case.from_dict(data, at=name)
    if case.id != name:
        yield f"the id {case.id!r} is not the path"
    if not any(form.fullmatch(case.citation) for form in _CITATIONS):
        yield f"the citation names no known source with a place or date: {case.citation!r}"
    asked = {key: data.get(key) for key in ("operation", "formatter", "settings", "input")}
    twin = seen.setdefault(json.dumps(asked, sort_keys=True), case.id)
    if twin != case.id:
        yield f"asks the same as {twin}"
    text = json.dumps([asked, case.fix], ensure_ascii=False)
    yield from (f"file {key!r} is not used" for key in case.files if f"/{key}" not in text)
    if case.fix is not None:
        try:
            fixed = case.repaired()
        except WiremarkError as problem:
            yield problem.problem
        else:
            if (fixed.settings, fixed.input) == (case.settings, case.input):
                yield "`fix` changes nothing"


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    repeated = [key for key, count in Counter(key for key, _ in pairs).items() if count > 1]
    if repeated:
        raise ValueError(f"key {repeated[0]!r} stands twice in one object")
    return dict(pairs)


def _schema_problems(data: Any, schema: str, where: str) -> list[str]:
    error = best_match(_validator(schema).iter_errors(data))
    if error is None:
        return []
    text = error.message[:300]
    if error.validator in ("not", "oneOf") and isinstance(error.schema, dict):
        text = error.schema.get("description", text)
    place = error.json_path.removeprefix("$").removeprefix(".")
    return [": ".join(part for part in (where, place, text) if part)]


@cache
def _validator(schema: str) -> Draft202012Validator:
    return Draft202012Validator(read_json("schemas", schema))
