"""Golden cases as pytest items, for a session that asks for them.

Loaded by `pytest_plugin` on demand. What is tested and how it is judged is known below.
"""

from __future__ import annotations

import traceback
from collections import Counter
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from ..errors import OptionError, WiremarkError
from .cases import Case, cases_folder, load
from .check import Outcome, as_subject, chosen, run
from .expected import read_expected_failures, reasons_for, unknown_names
from .protocol import Program
from .subject import Subject, load_formatter
from .update import CATEGORIES, Change, Updates, ci_variable, read_categories

__all__ = ["CaseFailed", "GoldenSession", "WiremarkCase", "WiremarkCases", "begin"]

_MARKER = "wiremark: golden cases of wiremark, added by --wiremark-formatter or --wiremark-program"
_FRAMES = 6
_HERE = str(Path(__file__).parent)


class CaseFailed(AssertionError):
    """A golden case failed; the text is the difference."""

    __module__ = "builtins"  # shown without a module


@dataclass(frozen=True, slots=True)
class _Suite:
    """A subject with its cases and those that are expected to fail."""

    subject: Subject
    name: str
    cases: Sequence[Case]
    reasons: Mapping[str, str]


def begin(config: pytest.Config, given: Mapping[str, Any]) -> None:
    """Prepare what the options ask for. Raises `pytest.UsageError` for what cannot be done."""
    try:
        session = GoldenSession(config, given)
    except WiremarkError as problem:
        raise pytest.UsageError(f"wiremark: {problem}") from None
    config.addinivalue_line("markers", _MARKER)
    config.pluginmanager.register(session, "wiremark-golden-cases")


class GoldenSession:
    """What a session does about golden cases: its hooks."""

    def __init__(self, config: pytest.Config, given: Mapping[str, Any]) -> None:
        self.key_order = not given["ignore_key_order"]
        subjects = _subjects(config, given)
        wanted = _wanted(config, given)
        if wanted and len(subjects) > 1:
            raise OptionError("--wiremark-update takes one formatter or program at a time")
        self.folder = None if given["cases"] is None else _folder(config, given["cases"])
        self.updates = Updates(cases_folder(self.folder), wanted)
        skip_file = None if given["skip"] is None else config.invocation_params.dir / given["skip"]
        skip = {} if skip_file is None else read_expected_failures(skip_file)
        cases = load(self.folder, drafts=True)
        own = [chosen(subject, cases) for subject in subjects]
        ids = {case.id for part in own for case in part}
        may_trim = "trim" in wanted
        reasons = reasons_for(skip, ids, allow_unknown=may_trim)
        if may_trim and skip_file is not None:
            self.updates.trim_failures(skip_file, unknown_names(skip, ids))
        self._skip_file, self._skip = skip_file, skip
        names = _names(subjects, given["formatter"] or ())
        self.suites = [
            _Suite(subject, name, part, reasons)
            for subject, name, part in zip(subjects, names, own, strict=True)
        ]
        self._results: dict[str, list[bool]] = {}

    def look_at(self, outcome: Outcome, reason: str | None) -> bool:
        """Note what an outcome would change; say whether its case may pass for that."""
        if self.folder is None:
            return False
        if reason is not None:
            self._results.setdefault(outcome.case.id, []).append(outcome.passed)
            return False
        return self.updates.look_at(outcome)

    # Hooks

    def pytest_report_header(self) -> list[str]:
        """Say what is tested."""
        return [f"wiremark: {suite.name}, {len(suite.cases)} cases" for suite in self.suites]

    @pytest.hookimpl(wrapper=True)
    def pytest_make_collect_report(
        self, collector: pytest.Collector
    ) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
        """Put the cases beside what the session collects."""
        report = yield
        if isinstance(collector, pytest.Session) and report.passed:
            for suite in self.suites:
                cases = WiremarkCases.from_parent(
                    collector,
                    name=suite.name,
                    nodeid=f"wiremark::{suite.name}",
                    suite=suite,
                    golden=self,
                )
                report.result.append(cases)
        return report

    def pytest_sessionfinish(self, exitstatus: int) -> None:
        """Write the changes that are wanted, unless the session was broken off."""
        for suite in self.suites:
            if isinstance(suite.subject, Program):
                suite.subject.close()
        if self._skip_file is not None:
            passed = [name for name in self._skip if all(self._results.get(name, [False]))]
            self.updates.trim_failures(self._skip_file, passed)
        self.written: list[Change] = []
        if exitstatus in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED):
            self.written = self.updates.write()

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        """Say what was written, and what could be."""
        lines = [*_told(self.written, "written"), *_told(self.updates.unwanted(), "possible")]
        if lines:
            terminalreporter.section("wiremark")
            for line in lines:
                terminalreporter.line(line)


class WiremarkCases(pytest.Collector):
    """The cases of one subject."""

    def __init__(self, *, suite: _Suite, golden: GoldenSession, **more: Any) -> None:
        super().__init__(**more)
        self.suite = suite
        self.golden = golden

    def collect(self) -> Iterable[pytest.Item]:
        """Return an item for each case, and for a program one for its end."""
        for case in self.suite.cases:
            yield WiremarkCase.from_parent(self, name=case.id, case=case)
        if isinstance(self.suite.subject, Program):
            yield WiremarkEnd.from_parent(self, name="end-of-input")


class WiremarkCase(pytest.Item):
    """One case, against one subject."""

    parent: WiremarkCases

    def __init__(self, *, case: Case, **more: Any) -> None:
        super().__init__(**more)
        self.case = case
        self.reason = self.parent.suite.reasons.get(case.id)
        self.add_marker("wiremark")
        may_trim = "trim" in self.parent.golden.updates.wanted
        if self.reason is not None:
            self.add_marker(pytest.mark.xfail(reason=self.reason, strict=not may_trim))

    def runtest(self) -> None:
        """Run the case."""
        golden = self.parent.golden
        outcome = run(self.case, self.parent.suite.subject, key_order=golden.key_order)
        if not golden.look_at(outcome, self.reason) and not outcome.passed:
            raise CaseFailed("\n".join(_failure(outcome)))

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        """Return the difference alone for a failed case."""
        if isinstance(excinfo.value, CaseFailed):
            return excinfo.getrepr(style="value")
        return super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[Path, None, str]:
        """Return where the case stands."""
        return self.parent.golden.updates.root / f"{self.case.id}.json", None, self.case.id


class WiremarkEnd(pytest.Item):
    """The end of a program: orderly, once its input ends."""

    parent: WiremarkCases

    def __init__(self, **more: Any) -> None:
        super().__init__(**more)
        self.add_marker("wiremark")

    def runtest(self) -> None:
        """Close the program's input and look at what it does."""
        subject = self.parent.suite.subject
        fault = subject.end() if isinstance(subject, Program) else ""
        if fault:
            raise CaseFailed(fault)

    repr_failure = WiremarkCase.repr_failure

    def reportinfo(self) -> tuple[Path, None, str]:
        """Return where the program was started from."""
        return self.path, None, self.name


def _subjects(config: pytest.Config, given: Mapping[str, Any]) -> list[Subject]:
    folder = config.invocation_params.dir
    subjects: list[Subject] = [
        as_subject(load_formatter(spec, folder=folder), label=spec.partition(":")[2])
        for spec in given["formatter"] or ()
    ]
    if given["program"] is not None:
        if given["as"] is None:
            raise OptionError(
                "--wiremark-program needs --wiremark-as", advice="name the formatters it stands for"
            )
        timeout = 10.0 if given["timeout"] is None else given["timeout"]
        subjects.append(Program(given["program"], given["as"], timeout=timeout, cwd=folder))
    elif given["as"] is not None or given["timeout"] is not None:
        raise OptionError("--wiremark-as and --wiremark-timeout need --wiremark-program")
    if not subjects:
        raise OptionError(
            "nothing to test is named", advice="add --wiremark-formatter or --wiremark-program"
        )
    return subjects


def _wanted(config: pytest.Config, given: Mapping[str, Any]) -> frozenset[str]:
    if given["update"] is None:
        return frozenset()
    wanted = read_categories(given["update"])
    server = ci_variable()
    if server:
        raise OptionError(f"goldens are never written under CI (the variable {server} is set)")
    if given["cases"] is None:
        raise OptionError("--wiremark-update writes into --wiremark-cases, and that is not given")
    if config.getoption("dist", "no") != "no" or hasattr(config, "workerinput"):
        raise OptionError("--wiremark-update needs one process", advice="add -n0")
    return wanted


def _folder(config: pytest.Config, name: str) -> Path:
    folder = config.invocation_params.dir / name
    if not folder.is_dir():
        raise OptionError(f"there is no folder {name}", path="cases")
    return folder


def _names(subjects: Sequence[Subject], specs: Sequence[str]) -> list[str]:
    """Return names that tell subjects apart; of equal ones the module is shown too."""
    labels = [subject.label for subject in subjects]
    full = [*specs, *labels[len(specs) :]]
    counts = Counter(labels)
    names = [
        label if counts[label] == 1 else spec.replace("::", ":")
        for label, spec in zip(labels, full, strict=True)
    ]
    if len(set(names)) != len(names):
        raise OptionError("one formatter is named twice", path="formatter")
    return names


def _failure(outcome: Outcome) -> Iterator[str]:
    yield from outcome.fault.splitlines()
    yield from map(str, outcome.differences)
    yield f"case: {outcome.case.id}"
    yield f"claim: {outcome.case.description}"
    yield f"source: {outcome.case.citation}"
    if outcome.raised is not None:
        trace = traceback.TracebackException.from_exception(outcome.raised)
        own = [frame for frame in trace.stack if not frame.filename.startswith(_HERE)]
        yield "raised from:"
        for text in traceback.format_list(own[-_FRAMES:]):
            yield from text.rstrip().splitlines()


def _told(changes: Sequence[Change], verb: str) -> Iterator[str]:
    for category in CATEGORIES:
        of_it = [change for change in changes if change.category == category]
        if not of_it:
            continue
        ask = "" if verb == "written" else f"; write with --wiremark-update={category}"
        yield f"{category}: {len(of_it)} {verb}{ask}"
        yield from (f"  {change.what}" for change in of_it)
