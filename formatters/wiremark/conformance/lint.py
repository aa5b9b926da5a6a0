"""Look at a corpus of cases without running it: schemas, ids, citations, faults, counts, strays.

`python -m wiremark.conformance.lint [FOLDER]` is the command. fixtures/README.md says how a corpus
is laid out. What a formatter makes of a case is not known here.
"""

from __future__ import annotations

import argparse
import copy
import json
import re
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Final

from jsonschema import Draft202012Validator
from jsonschema.exceptions import best_match

from .._resources import read_json, resource_dir
from ..errors import WiremarkError
from .cases import Case
from .jsonfile import json_text, read_unique, write_atomically

__all__ = ["field_order", "lint", "main", "recount", "unused_files"]

_ADDRESS: Final = re.compile(r"https://\S+(, \S[^;]*)? \(read \d{4}-\d{2}-\d{2}\)(, \S.+)?")
"""A citation that is an address: with the day it was read, and places in the page."""


def lint(folder: Path | str | None = None) -> list[str]:
    """Return what is wrong with a corpus of cases, one line each; empty if nothing.

    `folder` is laid out as fixtures/: manifest.json, and cases/<group>/<name>.json; or it holds
    the groups alone, and no manifest. Looked at are the schema of every file, ids, the order of
    what has one, citations, the one fault of an invalid case, counts, repeated cases, and files
    that belong to no group.
    """
    base = resource_dir("fixtures") if folder is None else Path(folder)
    corpus = _Corpus(base)
    problems = list(_manifest_problems(corpus))
    if problems and corpus.manifest is None:
        return problems
    case_problems = list(_files_problems(corpus))
    return [*problems, *case_problems, *_count_problems(corpus)]


@dataclass(slots=True)
class _Corpus:
    """A corpus while it is looked at."""

    base: Path
    manifest: dict[str, Any] | None = None
    groups: Counter[str] = field(default_factory=Counter)
    formatters: Counter[str] = field(default_factory=Counter)
    asked: dict[str, str] = field(default_factory=dict)

    @property
    def is_bare(self) -> bool:
        """Say whether there are groups of cases alone."""
        return not (self.base / "manifest.json").exists() and not (self.base / "cases").is_dir()

    @property
    def root(self) -> Path:
        return self.base if self.is_bare else self.base / "cases"

    @property
    def sources(self) -> Sequence[str]:
        return list((self.manifest or {}).get("sources", ()))


def _manifest_problems(corpus: _Corpus) -> Iterator[str]:
    if corpus.is_bare:
        if not any(corpus.base.rglob("*.json")):
            yield f"{corpus.base}: no cases"
        return
    try:
        manifest = read_unique((corpus.base / "manifest.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as problem:
        yield f"manifest.json: {problem}"
        return
    wrong = _schema_problems(manifest, "manifest.json", "manifest.json")
    if wrong:
        yield from wrong
        return
    corpus.manifest = manifest
    for kind in ("groups", "protocols"):
        names = [item["name"] for item in manifest.get(kind, ())]
        yield from (
            f"manifest.json: two {kind} of the name {name}"
            for name, count in Counter(names).items()
            if count > 1
        )
        if names != sorted(names):
            yield f"manifest.json: {kind} do not stand in the order of their names"


def _files_problems(corpus: _Corpus) -> Iterator[str]:
    known = None
    if corpus.manifest is not None:
        known = {group["name"] for group in corpus.manifest["groups"]}
    for file in sorted(path for path in corpus.root.rglob("*") if not path.is_dir()):
        where = file.relative_to(corpus.root).as_posix()
        group, slash, name = where.removesuffix(".json").partition("/")
        in_a_group = slash and "/" not in name and (known is None or group in known)
        if file.suffix != ".json" or not in_a_group:
            whose = (
                "belongs to no group of manifest.json" if known else "is not <group>/<name>.json"
            )
            yield f"{where}: {whose}"
            continue
        corpus.groups[group] += 1
        yield from (f"{where}: {text}" for text in _case_problems(file, f"{group}/{name}", corpus))


def _case_problems(file: Path, name: str, corpus: _Corpus) -> Iterator[str]:
    try:
        data = read_unique(file.read_text(encoding="utf-8"))
    except ValueError as problem:
        yield str(problem)
        return
    schema = _schema_problems(data, "fixture.json", "")
    if schema:
        yield from schema
        return
    case = Case.from_dict(data, at=name)
    corpus.formatters[case.formatter or ""] += 1
    if case.id != name:
        yield f"the id {case.id!r} is not the path"
    if list(data) != [key for key in field_order() if key in data]:
        yield f"fields do not stand in the order of the schema: {', '.join(data)}"
    if list(case.files) != sorted(case.files):
        yield "files do not stand in the order of their names"
    named = any(case.citation.startswith(f"{source}, ") for source in corpus.sources)
    if not named and not _ADDRESS.fullmatch(case.citation):
        yield f"the citation names no known source with a place or date: {case.citation!r}"
    asked = {key: data.get(key) for key in ("operation", "formatter", "settings", "input")}
    twin = corpus.asked.setdefault(json.dumps(asked, sort_keys=True), case.id)
    if twin != case.id:
        yield f"asks the same as {twin}"
    yield from (f"file {key!r} is not used" for key in unused_files(data))
    if case.fix is not None:
        try:
            fixed = case.repaired()
        except WiremarkError as problem:
            yield problem.problem
        else:
            if (fixed.settings, fixed.input) == (case.settings, case.input):
                yield "`fix` changes nothing"


def unused_files(data: Mapping[str, Any]) -> list[str]:
    """Return the files of a case that nothing in it names."""
    asked = [data.get(key) for key in ("settings", "input", "fix")]
    text = json.dumps(asked, ensure_ascii=False)
    return [key for key in data.get("files", ()) if f"/{key}" not in text]


def _count_problems(corpus: _Corpus) -> Iterator[str]:
    if corpus.manifest is None:
        return
    for group in corpus.manifest["groups"]:
        name, count = group["name"], corpus.groups[group["name"]]
        if count != group["cases"]:
            yield f"manifest.json: {name} has {count} cases, not {group['cases']}"
    protocols = corpus.manifest.get("protocols")
    if protocols is None:
        return
    listed = Counter(name for protocol in protocols for name in protocol["formatters"])
    for name in sorted(set(listed) | set(corpus.formatters) - {""}):
        if listed[name] != 1:
            times = "no protocol" if not listed[name] else f"{listed[name]} protocols"
            yield f"manifest.json: the formatter {name} belongs to {times}"
    for protocol in protocols:
        for name, count in protocol["formatters"].items():
            if corpus.formatters[name] != count:
                found = corpus.formatters[name]
                yield f"manifest.json: the formatter {name} has {found} cases, not {count}"


def recount(folder: Path | str) -> bool:
    """Write the counts of a corpus into its manifest, and say whether one was wrong.

    Raises `WiremarkError` where there is no manifest that can be read.
    """
    corpus = _Corpus(Path(folder))
    problems = list(_manifest_problems(corpus))
    if corpus.manifest is None:
        raise WiremarkError(
            "no manifest to count for", path=str(folder), advice="; ".join(problems)
        )
    list(_files_problems(corpus))
    before = copy.deepcopy(corpus.manifest)
    for group in corpus.manifest["groups"]:
        group["cases"] = corpus.groups[group["name"]] or group["cases"]
    for protocol in corpus.manifest.get("protocols", ()):
        protocol["formatters"] = {name: corpus.formatters[name] for name in protocol["formatters"]}
    if before == corpus.manifest:
        return False
    write_atomically(corpus.base / "manifest.json", json_text(corpus.manifest))
    return True


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


@cache
def field_order() -> tuple[str, ...]:
    """Return the fields of a case in the order in which a file has them."""
    return tuple(read_json("schemas", "fixture.json")["properties"])


def main(arguments: Sequence[str]) -> int:
    """Print what is wrong with a corpus; exit 1 if anything is, 2 if there is no such folder."""
    parser = argparse.ArgumentParser(
        prog="python -m wiremark.conformance.lint",
        description="Look at a corpus of golden cases without running it.",
    )
    parser.add_argument(
        "folder", nargs="?", help="laid out as fixtures/ of wiremark; by default its own"
    )
    parser.add_argument(
        "--recount", action="store_true", help="write the counts into manifest.json first"
    )
    given = parser.parse_args(arguments)
    if given.folder is not None and not Path(given.folder).is_dir():
        parser.error(f"no such folder: {given.folder}")
    if given.recount:
        try:
            recount(resource_dir("fixtures") if given.folder is None else given.folder)
        except WiremarkError as problem:
            parser.error(str(problem))
    problems = lint(given.folder)
    sys.stdout.writelines(f"{line}\n" for line in problems)
    sys.stderr.write(f"problems: {len(problems)}\n")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
