"""The whole corpus of golden cases, run against wiremark's own formatters."""

from __future__ import annotations

import json
import re
import time
from collections import Counter
from pathlib import Path

import pytest

from wiremark.conformance import Case, check, lint, load, run
from wiremark.conformance.check import FORMATTERS
from wiremark.conformance.jsonfile import json_text
from wiremark.marks import REASONS

CASES = load()
IDS = [case.id for case in CASES]

EXPECTED_FAILURES: dict[str, str] = {}
"""Case id to the reason why wiremark itself does not pass it yet."""

SEEN_BY_PLACING_ONLY = {"message-level", "nested-in-result"}
"""Reasons that only `apply_cache_control` has, which gives no plan."""


@pytest.mark.parametrize("case", CASES, ids=IDS)
def test_case_gives_what_it_must(case: Case) -> None:
    outcome = run(case)
    if case.id in EXPECTED_FAILURES:
        assert not outcome.passed, "it passes now: take it out of EXPECTED_FAILURES"
        pytest.xfail(EXPECTED_FAILURES[case.id])
    assert outcome.passed, str(outcome)


def test_expected_failures_exist_and_have_reasons() -> None:
    assert set(EXPECTED_FAILURES) <= set(IDS)
    assert all(EXPECTED_FAILURES.values())


def test_corpus_is_clean() -> None:
    assert lint() == []


def test_every_file_is_laid_out_as_an_update_writes_it(checkout: Path) -> None:
    files = [
        *(checkout / "fixtures" / "cases").rglob("*.json"),
        checkout / "fixtures/manifest.json",
    ]
    texts = {file.name: file.read_text(encoding="utf-8") for file in files}
    assert [name for name, text in texts.items() if text != json_text(json.loads(text))] == []


def test_manifest_names_every_formatter_under_its_protocol(checkout: Path) -> None:
    text = (checkout / "fixtures" / "manifest.json").read_text(encoding="utf-8")
    listed = {item["name"]: set(item["formatters"]) for item in json.loads(text)["protocols"]}
    known: dict[str, set[str]] = {}
    for name, kind in FORMATTERS.items():
        known.setdefault(kind.protocol, set()).add(name)
    assert listed == known


def test_corpus_has_cases_of_every_kind() -> None:
    kinds = Counter(case.kind for case in CASES)
    assert len(CASES) >= 150
    assert min(kinds["valid"], kinds["marks"], kinds["invalid"]) >= 30, kinds


@pytest.mark.parametrize("name", FORMATTERS)
def test_every_formatter_has_plain_cases(name: str) -> None:
    assert any(case.kind == "valid" for case in CASES if case.formatter == name)


@pytest.mark.parametrize("protocol", ["dashscope", "openai"])
@pytest.mark.parametrize("agents", ["chat", "multi-agent"])
def test_every_protocol_has_plain_cases_and_cases_of_marks(protocol: str, agents: str) -> None:
    kinds = Counter(case.kind for case in CASES if case.formatter == f"{protocol}-{agents}")
    assert kinds["valid"] >= 10
    assert kinds["marks"] >= 3


def test_every_operation_has_cases() -> None:
    assert {case.operation for case in CASES} == {
        "format",
        "format_multimodal",
        "request",
        "plan",
        "apply_cache_control",
        "strip",
        "validate",
        "read",
    }


def test_every_reason_of_a_decision_is_shown_by_a_case() -> None:
    shown = set()
    for case in CASES:
        decisions = case.expected if case.operation == "plan" and case.expected else case.plan
        shown |= {decision["reason"] for decision in decisions or ()}
        shown |= {finding["code"] for finding in case.findings or ()}
    assert set(REASONS) - shown == SEEN_BY_PLACING_ONLY


@pytest.mark.parametrize("name", FORMATTERS)
def test_each_formatter_class_passes_as_a_users_class_would(name: str) -> None:
    class Own(FORMATTERS[name]):  # type: ignore[misc]
        """Changes nothing."""

    own = {case.id for case in CASES if case.formatter == name}
    skip = {case: why for case, why in EXPECTED_FAILURES.items() if case in own}
    report = check(Own, skip=skip)
    assert report.ok, str(report)
    assert {*report.passed, *report.expected_failures} == own


def test_a_second_run_gives_the_same_json() -> None:
    def outputs() -> list[str]:
        outcomes = (run(case) for case in CASES)
        return [json.dumps(outcome.actual) for outcome in outcomes if outcome.raised is None]

    assert outputs() == outputs()


def test_corpus_is_checked_in_under_ten_seconds() -> None:
    start = time.perf_counter()
    for case in load():
        run(case)
    lint()
    assert time.perf_counter() - start < 10


def test_example_of_the_readme_is_a_case(checkout: Path) -> None:
    text = (checkout / "fixtures" / "README.md").read_text(encoding="utf-8")
    block = re.search(r"^```json\n(.*?)^```", text, flags=re.MULTILINE | re.DOTALL)
    assert block is not None
    example = json.loads(block[1])
    file = checkout / "fixtures" / "cases" / f"{example['id']}.json"
    assert example == json.loads(file.read_text(encoding="utf-8"))


def test_code_of_the_readme_runs(checkout: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = (checkout / "fixtures" / "README.md").read_text(encoding="utf-8")
    block = re.search(
        r"^```python\n(.*?)^```\n\n<!-- output -->\n```text\n(.*?)^```",
        text,
        flags=re.MULTILINE | re.DOTALL,
    )
    assert block is not None
    exec(block[1], {"__name__": "readme"})
    assert capsys.readouterr().out == block[2]


def test_readme_names_every_field_operation_and_setting(checkout: Path) -> None:
    text = (checkout / "fixtures" / "README.md").read_text(encoding="utf-8")
    schema = json.loads((checkout / "schemas" / "fixture.json").read_text(encoding="utf-8"))
    names = {
        *schema["properties"],
        *schema["properties"]["operation"]["enum"],
        *schema["properties"]["formatter"]["enum"],
        *schema["$defs"]["settings"]["properties"],
        *schema["$defs"]["requestInput"]["properties"],
        *schema["properties"]["error"]["properties"]["class"]["enum"],
    }
    assert [name for name in sorted(names) if f"`{name}`" not in text] == []
