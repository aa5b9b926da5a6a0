"""Write goldens from what came out, by category: what is asked for, and nothing else.

`create` gives a draft its expectation, `fix` replaces one that no longer holds, `trim` takes out
what nothing uses: files of a case, entries of the expected failures. Changes are gathered while
cases run and written together; a change that would not make its case pass is none.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from ..errors import OptionError
from .cases import Case
from .check import Outcome, compare
from .diff import diff, unordered_diff
from .jsonfile import json_text, read_unique, write_atomically
from .lint import field_order, unused_files
from .subject import Answer

__all__ = ["CATEGORIES", "Change", "Updates", "ci_variable", "read_categories"]

CATEGORIES: Final = ("create", "fix", "trim")

_CI_VARIABLES: Final = ("CI", "BUILD_NUMBER", "GITHUB_ACTIONS", "JENKINS_URL", "TF_BUILD")
_REQUEST_PARTS: Final = ("body", "path", "headers", "query")
_DECISION: Final = ("slot", "origin", "decision", "reason")
_FINDING: Final = ("code", "severity", "path")


def read_categories(text: str) -> frozenset[str]:
    """Return the categories in a list by comma. Raises `OptionError` for another word."""
    words = [word.strip() for word in text.split(",") if word.strip()]
    unknown = [word for word in words if word not in CATEGORIES]
    if unknown or not words:
        raise OptionError(
            f"{', '.join(unknown) or 'nothing'} cannot be updated",
            path="update",
            advice=f"any of {', '.join(CATEGORIES)}, by comma",
        )
    return frozenset(words)


def ci_variable(environment: Mapping[str, str] = os.environ) -> str:
    """Return the environment variable that says that a CI server runs this, `""` if none does."""
    off = ("", "0", "false", "no")
    said = (name for name in _CI_VARIABLES if environment.get(name, "").lower() not in off)
    return next(said, "")


@dataclass(frozen=True, slots=True)
class Change:
    """One change: its category, the file, what is changed there, and how."""

    category: str
    file: Path
    what: str
    edit: Callable[[dict[str, Any]], None]


class Updates:
    """The changes that a run found, of which some are wanted.

    root: the folder that case ids are paths in.
    """

    def __init__(self, root: Path, wanted: Collection[str] = ()) -> None:
        self.root = root
        self.wanted = frozenset(wanted)
        self.changes: list[Change] = []

    def look_at(self, outcome: Outcome) -> bool:
        """Note the changes that an outcome gives rise to; say whether one makes its case pass."""
        case = outcome.case
        file = self.root / f"{case.id}.json"
        unused = unused_files({**_asked(case), "files": case.files})
        if unused:
            said = f"{case.id}: {', '.join(unused)}"
            self.changes.append(Change("trim", file, said, _without("files", unused)))
        new = _expectation(outcome)
        if new is None:
            return False
        category = "create" if case.is_draft else "fix"
        said = f"{case.id}: {', '.join(new)}"
        self.changes.append(Change(category, file, said, _with(new)))
        return category in self.wanted

    def trim_failures(self, file: Path, names: Iterable[str]) -> None:
        """Note that entries of the expected failures are of no use."""
        for name in names:
            self.changes.append(
                Change("trim", file, f"{file.name}: {name}", _without(None, [name]))
            )

    def write(self) -> list[Change]:
        """Write the wanted changes, a file at once, and return them."""
        done = [change for change in self.changes if change.category in self.wanted]
        for file in dict.fromkeys(change.file for change in done):
            data = read_unique(file.read_text(encoding="utf-8"))
            for change in done:
                if change.file == file:
                    change.edit(data)
            write_atomically(file, json_text(data))
        return done

    def unwanted(self) -> list[Change]:
        """Return the changes that could be written and were not asked for."""
        return [change for change in self.changes if change.category not in self.wanted]


def _asked(case: Case) -> dict[str, Any]:
    return {"settings": case.settings, "input": case.input, "fix": case.fix}


def _with(new: Mapping[str, Any]) -> Callable[[dict[str, Any]], None]:
    def edit(data: dict[str, Any]) -> None:
        data.update(new)
        kept = {key: data[key] for key in field_order() if data.get(key) is not None}
        data.clear()
        data.update(kept)

    return edit


def _without(holder: str | None, names: Iterable[str]) -> Callable[[dict[str, Any]], None]:
    def edit(data: dict[str, Any]) -> None:
        place = data if holder is None else data[holder]
        for name in names:
            place.pop(name, None)
        if holder is not None and not place:
            del data[holder]

    return edit


def _expectation(outcome: Outcome) -> dict[str, Any] | None:
    """Return the fields that would make a failed case pass; `None` where none can.

    A value of `None` takes a field out.
    """
    case, answer = outcome.case, outcome.answer
    if outcome.passed or answer.fault:
        return None
    if any(item.path.startswith("input") for item in outcome.differences):
        return None  # the formatter modifies what it is handed
    is_invalid = case.error is not None or case.fix is not None
    new = _error(case, answer) if is_invalid else _output(case, answer)
    if new is None:
        return None
    made = replace(case, **new)
    return None if made.is_draft or any(compare(made, answer)) else new


def _error(case: Case, answer: Answer) -> dict[str, Any] | None:
    pieces = list((case.error or {}).get("contains", ()))
    if case.operation == "validate" and isinstance(answer.value, list):
        found = [item for item in answer.value if item.get("severity") == "error"]
        if len(found) != 1:
            return None
        new, text = {"code": found[0]["code"], "path": found[0]["path"]}, str(found[0])
    elif answer.raised is not None and answer.raised.is_ours:
        said = answer.raised
        new, text = {"class": said.name, "path": said.path}, said.text
    else:
        return None
    kept = [piece for piece in pieces if piece in text]
    error = {**new, "contains": kept} if kept else new
    return None if error == case.error else {"error": error}


def _output(case: Case, answer: Answer) -> dict[str, Any] | None:
    if answer.raised is not None or len(answer.warnings) > 1:
        return None
    new = dict(_values(case, answer))
    if answer.warnings:
        given = answer.warnings[0]
        if case.warning is None or case.warning["class"] != given["class"]:
            new["warning"] = {"class": given["class"]}
        else:
            said = f"{given['class']}: {given['text']}"
            pieces = [piece for piece in case.warning.get("contains", ()) if piece in said]
            if pieces != list(case.warning.get("contains", ())):
                new["warning"] = {
                    "class": given["class"],
                    **({"contains": pieces} if pieces else {}),
                }
    elif case.warning is not None:
        new["warning"] = None
    return new


def _values(case: Case, answer: Answer) -> Iterator[tuple[str, Any]]:
    value = answer.value
    if case.operation == "request":
        asked = _REQUEST_PARTS if case.is_draft else tuple(case.expected)
        value = {part: value[part] for part in asked if value.get(part) not in (None, {})}
    if case.operation in ("plan", "validate"):
        keys = _DECISION if case.operation == "plan" else _FINDING
        if case.is_draft or any(unordered_diff(case.expected, value, path="")):
            yield "expected", _cut(value, case.expected, keys)
    elif case.is_draft or diff(case.expected, value):
        yield "expected", _kept(case.expected, value)
    for name, old, keys in (
        ("plan", case.plan, _DECISION),
        ("findings", case.findings, _FINDING),
    ):
        got = getattr(answer, name)
        if not isinstance(got, list) or case.operation == "plan":
            continue
        if case.is_draft and got:
            yield name, _cut(got, None, keys)
        elif old is not None and any(unordered_diff(old, got, path="")):
            yield name, _cut(got, old, keys)


def _cut(items: Any, old: Any, keys: tuple[str, ...]) -> list[dict[str, Any]]:
    """Return entries with the keys that a case compares: those it had, else the required ones."""
    used = {key for item in old or () for key in item} | set(keys)
    return [{key: value for key, value in item.items() if key in used} for item in items]


def _kept(old: Any, value: Any) -> Any:
    """Return a value as it came out, but for what the old one says in other words."""
    if old is None:
        return value
    if not diff(old, value):
        return old
    if isinstance(old, dict) and isinstance(value, dict):
        return {key: _kept(old.get(key), item) for key, item in value.items()}
    if isinstance(old, list) and isinstance(value, list):
        padded = [*old, *([None] * len(value))]
        return [_kept(was, item) for was, item in zip(padded, value, strict=False)]
    return value
