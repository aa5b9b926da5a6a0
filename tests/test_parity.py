"""agentscope-java's recorded cases, in both settings of `Quirks`."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from wiremark.conformance import parity
from wiremark.quirks import Quirks

FILES = ("cases.jsonl", "expected.jsonl", "tags.json")
UNSEEN = {"cached_tokens_unread"}
"""Quirks that no recorded case can show: no reply of DashScope's holds a cache counter."""


def by_id(text: str) -> dict[str, str]:
    """Return JSON lines by their id; lines end at newlines alone, and hold other separators."""
    return {json.loads(line)["id"]: line for line in text.split("\n") if line}


@dataclass(frozen=True)
class Run:
    """What `parity.run` reports of a folder, and what it wrote."""

    folder: Path
    report: parity.Report
    out: Path

    def lines(self, setting: str) -> dict[str, str]:
        text = (self.out / f"{setting}.jsonl").read_text(encoding="utf-8")
        return by_id(text)


@pytest.fixture(scope="module")
def java(
    checkout: Path, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Run:
    """Run every case once, and write the report to the terminal."""
    folder = checkout / "fixtures" / "java"
    out = tmp_path_factory.mktemp("parity")
    report = parity.run(folder, out)
    plugins = request.config.pluginmanager
    with plugins.getplugin("capturemanager").global_and_fixture_disabled():
        terminal = plugins.getplugin("terminalreporter")
        terminal.ensure_newline()
        terminal.write_line(f"agentscope-java: {report}")
    return Run(folder, report, out)


def test_java_setting_equals_java_in_every_case_that_runs(java: Run) -> None:
    report = java.report
    ran = report.cases - report.not_run
    assert ran > 3300, str(report)
    assert report.unequal == report.crashed == []
    assert report.equal == ran


def test_every_difference_of_the_default_is_the_work_of_named_quirks(java: Run) -> None:
    report = java.report
    ran = report.cases - report.not_run
    assert report.unattributed == []
    assert set(report.by_quirk) <= set(Quirks.names()) - UNSEEN
    assert report.default_equal > ran // 2
    assert report.by_quirk.total() >= ran - report.default_equal > 0


def test_untagged_outputs_are_java_s_lines_byte_for_byte(java: Run) -> None:
    tags = json.loads((java.folder / "tags.json").read_text(encoding="utf-8"))
    methods = {case["id"]: case["method"] for case in parity.load(java.folder)}
    expected = by_id((java.folder / "expected.jsonl").read_text(encoding="utf-8"))
    plain = {
        name: line
        for name, line in java.lines("java").items()
        if name not in tags and methods[name] != "wire"
    }
    assert len(plain) > 1500
    assert [name for name, line in plain.items() if line != expected[name]] == []


def test_both_settings_are_written_for_every_case_that_runs(java: Run) -> None:
    cases = [case for case in parity.load(java.folder) if parity.runs(case)]
    wanted = [case["id"] for case in cases]
    assert list(java.lines("java")) == list(java.lines("default")) == wanted


def test_figures_of_the_documentation_are_those_of_the_report(java: Run, checkout: Path) -> None:
    page = (
        (checkout / "docs" / "parity.md").read_text(encoding="utf-8").partition("## The proof")[2]
    )
    rows = re.findall(r"^\| `(\w+)` \| ([0-9,]+) \|$", page, flags=re.MULTILINE)
    assert {name: int(count.replace(",", "")) for name, count in rows} == java.report.by_quirk


def test_counts_of_the_documentation_are_those_of_the_report(java: Run, checkout: Path) -> None:
    page = (checkout / "docs" / "parity.md").read_text(encoding="utf-8")
    rows = dict(re.findall(r"^\| ([^|\n]+) \| ([0-9,]+) \|$", page, flags=re.MULTILINE))
    found = {name: int(count.replace(",", "")) for name, count in rows.items()}
    report = java.report
    ran = [case for case in parity.load(java.folder) if parity.runs(case)]
    assert found["all"] == report.cases
    assert found["of agentscope-java's deprecated duplicates"] == report.not_run
    assert found["run"] == found["`Quirks.JAVA`: equal"] == len(ran)
    assert found["of these: parsing a reply"] == sum(case["method"] == "parse" for case in ran)
    assert found["of these: a request with the replies to it"] == sum(
        "sse" in case or "http_body" in case for case in ran
    )
    assert found["default: equal"] == report.default_equal
    assert found["default: differs from Java by named quirks"] == len(ran) - report.default_equal


def by_method(java: Run, method: str) -> list[dict[str, Any]]:
    return [case for case in parity.load(java.folder) if case["method"] == method]


def test_replies_are_compared_wherever_java_recorded_them(java: Run) -> None:
    expected = by_id((java.folder / "expected.jsonl").read_text(encoding="utf-8"))
    written = java.lines("java")
    answered = 0
    for case in by_method(java, "wire"):
        recorded = json.loads(expected[case["id"]]).get("ok", {})
        made = json.loads(written[case["id"]]).get("ok", {})
        answered += "responses" in recorded
        assert ("responses" in made) == ("responses" in recorded)
        assert len(made.get("responses", ())) == len(recorded.get("responses", ()))
        assert made.get("stream_error", False) == ("stream_error" in recorded)
    assert answered == 40


@pytest.mark.parametrize(
    ("change", "equal"),
    [
        (None, True),
        (("fine", "other"), False),
        (('"responses":[{', '"responses":[{"more":1,'), False),
        (('"inputTokens":12', '"inputTokens":13'), False),
    ],
)
def test_a_case_is_unequal_when_its_replies_are(
    java: Run, change: tuple[str, str] | None, equal: bool
) -> None:
    case = next(case for case in by_method(java, "wire") if case["id"].startswith("wire/http-ok"))
    expected = by_id((java.folder / "expected.jsonl").read_text(encoding="utf-8"))[case["id"]]
    outcome = parity.run_case(case, Quirks.JAVA, java.folder / "assets")
    if change is not None:
        assert expected.count(change[0]) == 1
        expected = expected.replace(*change)
    assert parity.compare(outcome, expected, case) == equal


def test_a_stream_is_read_until_its_error_and_past_what_is_malformed(tmp_path: Path) -> None:
    hello = {"id": "a", "role": "USER", "content": [{"type": "text", "text": "hi"}]}
    piece = {"id": "i", "object": "chat.completion.chunk"}
    summary = {"id": "i", "object": "chat.completion", "usage": {"prompt_tokens": 3}}
    case: dict[str, Any] = {
        "id": "a",
        "formatter": "openai_chat",
        "method": "wire",
        "model": "m",
        "stream": True,
        "messages": [hello],
        "sse": [
            "{bad",
            {**piece, "choices": [{"delta": {"content": "He"}}]},
            {
                **summary,
                "choices": [{"message": {"content": "Hey"}, "finish_reason": "stop"}],
            },
            {**piece, "error": {"message": "no"}, "choices": [{"delta": {}}]},
            {**piece, "choices": [{"delta": {"content": "lost"}}]},
        ],
    }
    made = parity.run_case(case, Quirks.JAVA, tmp_path).value
    assert [[block["text"] for block in item["content"]] for item in made["responses"]] == [
        ["He"],
        [],
    ]
    assert made["responses"][1]["usage"]["inputTokens"] == 3
    assert made["responses"][1]["finishReason"] == "stop"
    assert made["stream_error"] is True
    case["sse"] = [*case["sse"][:2], "[DONE]", case["sse"][4]]
    made = parity.run_case(case, Quirks.JAVA, tmp_path).value
    assert len(made["responses"]) == 1
    assert "stream_error" not in made


def test_the_report_names_what_was_counted(java: Run) -> None:
    text = str(java.report)
    assert f"cases {java.report.cases}" in text
    assert all(name in text for name in java.report.by_quirk)


def one_case(folder: Path, expected: str) -> Path:
    case = {
        "id": "a",
        "formatter": "openai_chat",
        "method": "format",
        "messages": [{"role": "USER", "content": [{"type": "text", "text": "Hi"}]}],
    }
    (folder / "cases.jsonl").write_text(f"{json.dumps(case)}\n", encoding="utf-8")
    (folder / "expected.jsonl").write_text(f"{expected}\n", encoding="utf-8")
    return folder


@pytest.mark.parametrize(
    ("expected", "status"),
    [
        ('{"id":"a","ok":[{"role":"user","content":"Hi"}]}', 0),
        ('{"id":"a","ok":[{"content":"Hi","role":"user"}]}', 1),
        ('{"id":"a","ok":[{"role":"user","content":"Ho"}]}', 1),
        ('{"id":"a","error":{"stage":"format"}}', 1),
    ],
    ids=["equal", "other order", "other text", "error"],
)
def test_a_folder_is_judged_by_its_expected_lines(
    tmp_path: Path, expected: str, status: int, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = one_case(tmp_path, expected)
    assert parity.main([str(folder), str(tmp_path / "out")]) == status
    assert capsys.readouterr().out.endswith(": a\n") == bool(status)


def test_a_folder_without_cases_is_unusable(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert parity.main([str(tmp_path), str(tmp_path / "out")]) == 2
    assert parity.main([str(tmp_path)]) == 2
    assert "usage" in capsys.readouterr().err


def test_a_difference_is_attributed_to_the_quirk_that_makes_it(tmp_path: Path) -> None:
    case: dict[str, Any] = {
        "id": "a",
        "formatter": "dashscope_chat",
        "method": "format",
        "messages": [
            {"role": "USER", "content": [{"type": "video", "source": {"type": "url", "url": u}}]}
            for u in ("https://x.test/v.mp4", "https://x.test/v.mkv")
        ],
        "cache_control": True,
    }
    found, default, java = parity.attribute(case, tmp_path)
    assert found == ["message_level_marks", "video_as_string"]
    assert default.text != java.text


def digest(folder: Path) -> str:
    return hashlib.sha256(b"".join((folder / name).read_bytes() for name in FILES)).hexdigest()


@pytest.mark.shared
def test_recorded_cases_beside_the_checkout_are_equal_too(shared_dir: Path, java: Run) -> None:
    folder = shared_dir / "java-parity"
    if digest(folder) == digest(java.folder):
        pytest.skip("the recorded cases are those of fixtures/java")
    report = parity.run(folder)
    assert report.cases > 0
    assert report.faults == []
