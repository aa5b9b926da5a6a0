"""Run golden cases: one case, or all that concern a formatter of the caller's, or a program.

`check(MyFormatter)` hands the class the settings and input of every case written for the formatter
it derives from, and compares what comes out. Nothing here belongs to a test framework.
"""

from __future__ import annotations

import base64
import copy
import json
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final, cast

from ..errors import OptionError
from .cases import Case, load
from .diff import Difference, diff, unordered_diff
from .expected import reasons_for
from .operations import FormatterSubject, own_subject
from .subject import FORMATTERS, Answer, FormatterLike, Raised, Subject, maker_of

__all__ = ["FORMATTERS", "Outcome", "Report", "as_subject", "check", "chosen", "compare", "run"]

_FILES: Final = "<FILES>"
_RESULTS: Final = "<RESULTS>"
_DRAFT: Final = (
    "nothing is expected of this case yet: write `expected`, or `error` and `fix`, into its file"
)


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a case went: what it gave, and what differs from what it must give.

    `actual` is the JSON that came out, `None` after an error; `raised` is that error, where it was
    raised in this process. `fault` says why there was nothing to compare.
    """

    case: Case
    differences: tuple[Difference, ...] = ()
    actual: Any = None
    raised: BaseException | None = None
    fault: str = ""
    answer: Answer = field(default=Answer(), repr=False)

    @property
    def passed(self) -> bool:
        """Say whether the case gave what it must give."""
        return not self.differences and not self.fault

    def __str__(self) -> str:
        if self.passed:
            return f"{self.case.id}: passed"
        lines = [f"{self.case.id}: {self.case.description}", f"  {self.case.citation}"]
        lines += [f"  {line}" for line in self.fault.splitlines()]
        return "\n".join([*lines, *(f"  {item}" for item in self.differences)])


@dataclass(frozen=True, slots=True)
class Report:
    """How the cases went, by id; `expected_failures` have the reasons that the caller gave."""

    passed: tuple[str, ...]
    failed: tuple[Outcome, ...] = ()
    expected_failures: Mapping[str, str] = field(default_factory=dict)
    unexpected_passes: Mapping[str, str] = field(default_factory=dict)

    @property
    def ok(self) -> bool:
        """Say whether every case passed, but for the expected failures, and those all failed."""
        return not self.failed and not self.unexpected_passes

    def __str__(self) -> str:
        passed = len(self.passed) + len(self.unexpected_passes)
        expected = len(self.expected_failures)
        lines = [f"{passed} passed, {len(self.failed)} failed, {expected} failed as expected"]
        lines += [str(outcome) for outcome in self.failed]
        lines += [
            f"{name}: passed, though it is expected to fail ({reason})"
            for name, reason in self.unexpected_passes.items()
        ]
        return "\n".join(lines)

    __repr__ = __str__


def check(
    formatter: FormatterLike | Subject,
    cases: Iterable[Case] | None = None,
    *,
    skip: Mapping[str, str] | None = None,
    key_order: bool = True,
) -> Report:
    """Return how a formatter does on golden cases.

    formatter: a subclass of one of wiremark's formatters, made with the settings of each case; or
        an instance, a factory that takes settings, or a `Program`.
    cases: by default the packaged ones; those written for the nearest of wiremark's formatters
        among its bases are run, the others left out.
    skip: expected failures, case id to the reason; `*` in an id stands for any text. Such a case is
        run all the same: one that passes makes the report fail.
    key_order: objects must have their keys in the expected order.

    Raises `OptionError` for what derives from no formatter, for a reason that is missing or a case
    that does not exist in `skip`, and where no case is left to run.
    """
    subject = as_subject(formatter)
    own = chosen(subject, load() if cases is None else cases)
    reasons = reasons_for(skip or {}, [case.id for case in own])
    passed: list[str] = []
    failed: list[Outcome] = []
    as_expected: dict[str, str] = {}
    unexpected: dict[str, str] = {}
    for case in own:
        outcome = run(case, subject, key_order=key_order)
        reason = reasons.get(case.id)
        if reason is not None:
            (unexpected if outcome.passed else as_expected)[case.id] = reason
        elif outcome.passed:
            passed.append(case.id)
        else:
            failed.append(outcome)
    return Report(tuple(passed), tuple(failed), as_expected, unexpected)


def as_subject(formatter: FormatterLike | Subject, *, label: str = "") -> Subject:
    """Return a formatter as what can be tested; a subject is returned as it is."""
    if hasattr(formatter, "takes") and hasattr(formatter, "answer"):
        return cast("Subject", formatter)
    return FormatterSubject(maker_of(formatter, label=label))


def chosen(subject: Subject, cases: Iterable[Case]) -> list[Case]:
    """Return the cases that are meant for a subject. Raises `OptionError` if there is none."""
    own = [case for case in cases if subject.takes(case)]
    if not own:
        raise OptionError(
            f"no cases for {subject.label}",
            path="cases",
            advice="hand in cases of its formatter; each names one",
        )
    return own


def run(
    case: Case, formatter: FormatterLike | Subject | None = None, *, key_order: bool = True
) -> Outcome:
    """Return how one case goes, by default with the formatter that it names.

    An invalid case must give its error, and must give none once its fault is put right. A draft
    fails, its `actual` is what could be expected of it.
    """
    subject = own_subject(case) if formatter is None else as_subject(formatter)
    answer, changed = _ask(case, subject)
    exception = answer.raised.exception if answer.raised else None
    outcome = Outcome(case, (), answer.value, exception, answer.fault, answer)
    if answer.fault:
        return outcome
    if case.is_draft:
        raised = answer.raised
        got = f"\nit gave the error {raised.name}: {raised.text}" if raised else ""
        return replace(outcome, fault=f"{_DRAFT}{got}")
    outcome = replace(
        outcome, differences=tuple(compare(case, answer, changed, key_order=key_order))
    )
    if case.fix is None or not outcome.passed:
        return outcome
    fixed, _ = _ask(case.repaired(), subject)
    if fixed.fault:
        return replace(outcome, fault=f"once put right: {fixed.fault}")
    if fixed.raised is None and not _errors(case, fixed.value):
        return outcome
    problem = fixed.raised.text if fixed.raised else fixed.value
    said = Difference("fix", "unexpected", None, f"still an error once put right: {problem}")
    return replace(outcome, differences=(said,))


def _ask(case: Case, subject: Subject) -> tuple[Answer, Sequence[Difference]]:
    """Put a case's files in place and ask. Return the answer, and what became of the input."""
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder).resolve()
        places = {_FILES: str(home / "files"), _RESULTS: str(home / "results")}
        for name, content in case.files.items():
            file = home / "files" / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(base64.b64decode(content, validate=True))
        ready = replace(
            case, settings=_replaced(case.settings, places), input=_replaced(case.input, places)
        )
        answer = subject.answer(ready)
        back = {place: name for name, place in places.items()}
        parts = [_replaced(part, back) for part in (answer.value, answer.plan, answer.findings)]
        changed = diff(case.input, _replaced(ready.input, back), path="input")
        return replace(answer, value=parts[0], plan=parts[1], findings=parts[2]), changed


def _replaced(value: Any, names: Mapping[str, str]) -> Any:
    """Return a copy of JSON data with names replaced in every string."""
    if isinstance(value, str):
        for name, text in names.items():
            value = value.replace(name, text)
        return value
    if isinstance(value, Mapping):
        return {key: _replaced(item, names) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_replaced(item, names) for item in value]
    return copy.deepcopy(value)


def compare(
    case: Case, answer: Answer, changed: Sequence[Difference] = (), *, key_order: bool = True
) -> Iterable[Difference]:
    """Yield what differs between an answer and what a case expects; `changed` of its input."""
    if answer.raised is not None:
        yield from _compare_error(case, answer.raised)
    elif case.error is not None:
        yield from _compare_found(case.error, _errors(case, answer.value))
    else:
        yield from changed
        yield from _compare_value(case, answer, key_order)
        for name, wanted in (("plan", case.plan), ("findings", case.findings)):
            if wanted is not None:
                got = getattr(answer, name)
                if isinstance(got, list):
                    yield from unordered_diff(wanted, got, path=name)
                else:
                    yield Difference(name, "missing", list(wanted))
        yield from _compare_warnings(case.warning, answer.warnings)


def _compare_value(case: Case, answer: Answer, key_order: bool) -> Iterable[Difference]:
    value = answer.value
    if case.operation in ("plan", "validate") and _is_list_of_objects(value):
        yield from unordered_diff(case.expected, value, path="expected")
    elif case.operation == "request" and isinstance(value, Mapping):
        for name, wanted in case.expected.items():
            if name in value:
                ordered = key_order and name == "body"
                yield from diff(wanted, value[name], path=name, key_order=ordered)
            else:
                yield Difference(name, "missing", wanted)
    else:
        yield from diff(case.expected, value, key_order=key_order)


def _is_list_of_objects(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(item, Mapping) for item in value)


def _compare_warnings(
    wanted: Mapping[str, Any] | None, given: Sequence[Mapping[str, str]]
) -> Iterable[Difference]:
    said = [f"{item['class']}: {item['text']}" for item in given]
    if wanted is None:
        yield from (Difference("warning", "unexpected", None, text) for text in said)
    elif len(given) != 1 or given[0]["class"] != wanted["class"]:
        yield Difference("warning", "changed", wanted["class"], said)
    else:
        yield from _lacking(wanted, said[0], "warning")


def _compare_error(case: Case, raised: Raised) -> Iterable[Difference]:
    said = f"{raised.name}: {raised.text}"
    if case.error is None:
        yield Difference("", "unexpected", None, said)
        return
    if raised.name != case.error.get("class") or not raised.is_ours:
        yield Difference("error.class", "changed", case.error.get("class"), said)
        return
    if raised.path != case.error["path"]:
        yield Difference("error.path", "changed", case.error["path"], raised.path)
    yield from _lacking(case.error, raised.text, "error")


def _errors(case: Case, value: Any) -> list[Mapping[str, Any]]:
    """Return the findings of severity error among what `validate` gave."""
    if case.operation != "validate" or not _is_list_of_objects(value):
        return []
    return [item for item in value if item.get("severity") == "error"]


def _compare_found(
    wanted: Mapping[str, Any], found: Sequence[Mapping[str, Any]]
) -> Iterable[Difference]:
    if len(found) != 1:
        yield Difference("error", "changed", dict(wanted), list(found))
        return
    for key in ("code", "path"):
        if key in wanted and found[0].get(key) != wanted[key]:
            yield Difference(f"error.{key}", "changed", wanted[key], found[0].get(key))
    yield from _lacking(wanted, json.dumps(found[0], ensure_ascii=False), "error")


def _lacking(wanted: Mapping[str, Any], text: str, path: str) -> Iterable[Difference]:
    for piece in wanted.get("contains", ()):
        if piece not in text:
            yield Difference(f"{path}.contains", "missing", piece, text)
