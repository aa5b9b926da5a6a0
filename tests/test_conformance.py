"""The conformance kit: cases and their lint, differences, and checks of a user's class."""

from __future__ import annotations

import importlib
import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from wiremark import (
    DashScopeChatFormatter,
    DashScopeMultiAgentFormatter,
    Msg,
    OpenAIBaseFormatter,
    OpenAIChatFormatter,
    WiremarkError,
    conformance,
)
from wiremark.base import Trace
from wiremark.conformance import Case, check, diff, lint, load, run
from wiremark.conformance.diff import unordered_diff
from wiremark.conformance.jsonfile import json_text
from wiremark.conformance.lint import field_order, recount
from wiremark.conformance.lint import main as lint_command
from wiremark.conformance.subject import FORMATTERS
from wiremark.errors import OptionError

CASE: dict[str, Any] = {
    "id": "some/case",
    "description": "A text is sent as it is, always.",
    "citation": "agentscope-java c2d43f86, DashScope chat, text layout",
    "formatter": "dashscope-chat",
    "operation": "format",
    "input": {"messages": [{"role": "USER", "content": [{"type": "text", "text": "Hi"}]}]},
    "expected": [{"role": "user", "content": "Hi"}],
}
ERROR = {
    "expected": None,
    "input": {"messages": [{"role": None}]},
    "error": {"class": "FormatError", "path": "messages[0]", "contains": ["role"]},
    "fix": {"at": "/input/messages/0/role", "value": "USER"},
}


def made(**changes: Any) -> Case:
    return Case.from_dict(data(**changes))


def data(**changes: Any) -> dict[str, Any]:
    given = {**CASE, **changes}
    names = [*field_order(), *changes]
    return {name: given[name] for name in names if given.get(name) is not None}


class Louder(DashScopeChatFormatter):
    """Sends user messages in capitals."""

    def convert_message(self, message: Msg, trace: Trace) -> list[dict[str, Any]]:
        out = super().convert_message(message, trace)
        if message.role == "USER":
            out[0]["content"] = out[0]["content"].upper()
        return out


class Broken(DashScopeChatFormatter):
    """Cannot convert anything."""

    def convert_message(self, message: Msg, trace: Trace) -> list[dict[str, Any]]:
        raise ZeroDivisionError("no")


# ---------------------------------------------------------------- names


def test_every_public_name_is_loaded_when_first_used() -> None:
    assert [name for name in conformance.__all__ if getattr(conformance, name, None) is None] == []
    assert set(conformance.__all__) <= set(dir(conformance))
    with pytest.raises(AttributeError, match="has no attribute 'chek'"):
        conformance.chek  # noqa: B018


def test_functions_stay_functions_though_modules_bear_their_names() -> None:
    for name in ("check", "diff", "lint"):
        importlib.import_module(f"wiremark.conformance.{name}")
        assert callable(getattr(conformance, name))


# ---------------------------------------------------------------- differences


def said(expected: Any, actual: Any, **more: Any) -> list[str]:
    return [str(item) for item in diff(expected, actual, **more)]


def test_equal_values_have_no_difference() -> None:
    value = {"a": [1, None, True, {"b": "c"}], "d": 1.5}
    assert diff(value, json.loads(json.dumps(value))) == ()


def test_numbers_are_equal_by_value_and_true_is_none() -> None:
    assert diff(1, 1.0) == ()
    assert said(1, True) == ["(all): expected 1, got true"]
    assert said({"a": 0}, {"a": False}) == ["a: expected 0, got false"]


def test_null_is_not_absence() -> None:
    assert said({"a": None}, {}) == ["a: missing, expected null"]
    assert said({}, {"a": None}) == ["a: not expected, got null"]


def test_a_difference_names_its_path() -> None:
    expected = {"messages": [{"content": [{"text": "a", "odd key": 1}]}]}
    actual = {"messages": [{"content": [{"text": "b", "odd key": 2}]}]}
    assert said(expected, actual) == [
        'messages[0].content[0].text: expected "a", got "b"',
        'messages[0].content[0]["odd key"]: expected 1, got 2',
    ]


def test_an_item_too_many_is_one_difference() -> None:
    assert said([1, 2, 3], [1, 9, 2, 3]) == ["[1]: not expected, got 9"]


def test_an_item_that_is_missing_is_one_difference() -> None:
    assert said([{"a": 1}, {"b": 2}, {"c": 3}], [{"a": 1}, {"c": 3}]) == [
        '[1]: missing, expected {"b": 2}'
    ]


def test_a_changed_item_beside_one_too_many_is_told_apart() -> None:
    expected = [{"a": 1}, {"b": 2, "x": 1}, {"c": 3}]
    actual = [{"a": 1}, {"b": 2, "x": 9}, {"d": 4}, {"c": 3}]
    assert said(expected, actual) == [
        "[1].x: expected 1, got 9",
        '[2]: not expected, got {"d": 4}',
    ]


def test_the_order_of_keys_counts_unless_it_does_not() -> None:
    expected, actual = {"a": 1, "b": 2}, {"b": 2, "a": 1}
    assert said(expected, actual) == [
        "(all): keys expected in the order ['a', 'b'], got ['b', 'a']"
    ]
    assert said(expected, actual, key_order=False) == []


def test_a_late_difference_in_a_long_text_is_shown_where_it_is() -> None:
    (line,) = said("x" * 500 + "a", "x" * 500 + "b")
    assert line.startswith("(all): from character 500 on, expected")
    assert len(line) < 200


def test_a_text_that_stops_early_is_shown_where_it_stops() -> None:
    (line,) = said("x" * 50 + "end", "x" * 50)
    assert line.startswith("(all): from character 50 on, expected")


def test_any_stands_for_text_that_is_not_empty() -> None:
    assert diff("id <ANY>!", "id 7\n8!") == ()
    assert diff("<ANY>", "") != ()
    assert diff("<ANY>", 7) != ()


def test_unordered_lists_are_compared_by_what_is_asked() -> None:
    actual = [{"code": "b", "more": 1}, {"code": "a", "more": 2}]
    assert unordered_diff([{"code": "a"}, {"code": "b"}], actual, path="f") == ()
    lines = [str(item) for item in unordered_diff([{"code": "a"}], actual, path="f")]
    assert lines == ['f: not expected, got {"code": "b", "more": 1}']


def test_the_nearest_entry_of_an_unordered_list_is_compared_in_detail() -> None:
    wanted = [{"slot": "m[0]", "reason": "as-asked"}]
    actual = [{"slot": "m[0]", "reason": "budget"}]
    lines = [str(item) for item in unordered_diff(wanted, actual, path="plan")]
    assert lines == ['plan[0].reason: expected "as-asked", got "budget"']
    assert str(unordered_diff(wanted, [], path="plan")[0]).startswith("plan[0]: missing")


# ---------------------------------------------------------------- cases


def test_a_case_is_a_value() -> None:
    assert made() == made()
    with pytest.raises(AttributeError):
        made().id = "other/case"  # type: ignore[misc]


@pytest.mark.parametrize(
    ("changes", "kind"),
    [
        ({}, "valid"),
        ({"plan": []}, "marks"),
        ({"operation": "strip"}, "marks"),
        (ERROR, "invalid"),
    ],
)
def test_the_kind_of_a_case_follows_from_what_it_has(changes: dict[str, Any], kind: str) -> None:
    assert made(**changes).kind == kind


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        ([], "expected an object, got list"),
        ({"id": "a/b"}, "a case needs description, citation, operation, input"),
        (data(expected=None), "a case has either `expected` or `error`"),
        (data(error={}), "a case has either `expected` or `error`"),
        (data(hint=1), "a case has no field hint"),
    ],
)
def test_what_is_no_case_is_refused(value: Any, problem: str) -> None:
    with pytest.raises(WiremarkError, match=problem):
        Case.from_dict(value)


def test_a_fix_puts_one_place_right_and_leaves_the_case_alone() -> None:
    case = made(**ERROR)
    assert case.repaired().input == {"messages": [{"role": "USER"}]}
    assert case.input == {"messages": [{"role": None}]}
    removed = replace(case, fix={"at": "/input/messages/0"}).repaired()
    assert removed.input == {"messages": []}


@pytest.mark.parametrize("at", ["/input/messages/1/role", "/input/a/b", "/input/messages/x"])
def test_a_fix_that_names_no_place_is_refused(at: str) -> None:
    with pytest.raises(WiremarkError, match="names no place"):
        made(**{**ERROR, "fix": {"at": at}}).repaired()


def test_a_case_without_a_fault_cannot_be_put_right() -> None:
    with pytest.raises(WiremarkError, match="has no `fix`"):
        made().repaired()


@pytest.fixture
def corpus(tmp_path: Path) -> Callable[..., Path]:
    """Write a corpus: manifest, and a file for each case or text."""

    def write(*cases: dict[str, Any], **files: str) -> Path:
        groups = [
            {
                "name": "some",
                "about": "Some cases.",
                "protocols": {"dashscope": "2026"},
                "cases": len(cases) or 1,
            }
        ]
        shutil.rmtree(tmp_path / "cases", ignore_errors=True)
        for case in cases:
            files[f"cases/{case['id']}.json"] = json.dumps(case)
        sources = {"agentscope-java c2d43f86": "what its formatters were seen to do"}
        manifest = {"format": 1, "sources": sources, "groups": groups}
        files.setdefault("manifest.json", json.dumps(manifest))
        for name, text in files.items():
            file = tmp_path / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, encoding="utf-8")
        return tmp_path

    return write


def test_cases_of_a_folder_are_loaded_in_the_order_of_their_ids(
    corpus: Callable[..., Path],
) -> None:
    folder = corpus(CASE, {**CASE, "id": "some/b"}, {**CASE, "id": "some/a"})
    assert [case.id for case in load(folder)] == ["some/a", "some/b", "some/case"]
    assert load(str(folder / "cases")) == load(folder)


def test_a_draft_is_loaded_only_where_drafts_are_asked_for(corpus: Callable[..., Path]) -> None:
    folder = corpus(data(expected=None))
    with pytest.raises(WiremarkError, match="either `expected` or `error`"):
        load(folder)
    (draft,) = load(folder, drafts=True)
    assert draft.is_draft


def test_no_cases_are_an_error(tmp_path: Path) -> None:
    with pytest.raises(WiremarkError, match="no cases"):
        load(tmp_path)


def test_a_file_that_is_no_case_is_named(corpus: Callable[..., Path]) -> None:
    folder = corpus(CASE)
    (folder / "cases" / "some" / "odd.json").write_text("{", encoding="utf-8")
    with pytest.raises(WiremarkError, match=r"^some/odd\.json: not JSON"):
        load(folder)
    (folder / "cases" / "some" / "odd.json").write_text(json.dumps(CASE), encoding="utf-8")
    with pytest.raises(WiremarkError, match=r"^some/odd\.json: the id 'some/case' is not the path"):
        load(folder)


# ---------------------------------------------------------------- lint


def test_a_clean_corpus_has_no_problems(corpus: Callable[..., Path]) -> None:
    assert lint(corpus(CASE)) == []
    assert lint(corpus({**data(**ERROR), "id": "some/error"})) == []


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"citation": "I just know it, trust me"}, "the citation names no known source"),
        ({"citation": "https://x.test/page, without a date"}, "the citation names no known source"),
        ({"description": "Short."}, "description: 'Short.' is too short"),
        ({"operation": "guess"}, "operation: 'guess' is not one of"),
        ({"operation": "read"}, "validate and read have no formatter and no settings"),
        ({"formatter": "openai-chat", "operation": "format_multimodal"}, "formatter: "),
        ({"settings": {"color": 1}}, "settings: "),
        ({"settings": {"policy": "everything"}}, "settings.policy: "),
        ({"operation": "strip", "plan": []}, "of format and request alone"),
        ({"files": {"a.png": ""}}, "file 'a.png' is not used"),
        ({"input": {"messages": [], "top": 1}}, "input: "),
        ({**ERROR, "fix": None}, "a case has either expected, or error and fix"),
        ({**ERROR, "plan": []}, "a case has either expected, or error and fix"),
        ({**ERROR, "fix": {"at": "/input/messages/7/role"}}, "`fix` names no place in the case"),
        (
            {**ERROR, "fix": {"at": "/input/messages/0/role", "value": None}},
            "`fix` changes nothing",
        ),
        ({**ERROR, "error": {"code": "x", "path": ""}}, "'class' is a required property"),
    ],
)
def test_a_bad_case_is_named(
    corpus: Callable[..., Path], changes: dict[str, Any], problem: str
) -> None:
    found = lint(corpus(data(**changes)))
    assert len(found) == 1, found
    assert found[0].startswith("some/case.json: ")
    assert problem in found[0]


def test_a_repeated_case_is_named(corpus: Callable[..., Path]) -> None:
    found = lint(corpus(CASE, {**CASE, "id": "some/twin", "expected": []}))
    assert found == ["some/twin.json: asks the same as some/case"]


def test_an_id_that_is_not_the_path_is_named(corpus: Callable[..., Path]) -> None:
    folder = corpus(CASE)
    (folder / "cases/some/case.json").rename(folder / "cases/some/other.json")
    assert lint(folder) == ["some/other.json: the id 'some/case' is not the path"]


def test_a_repeated_key_is_named(corpus: Callable[..., Path]) -> None:
    folder = corpus(CASE, **{"cases/some/case.json": '{"id": 1, "id": 2}'})
    (folder / "cases/some/case.json").write_text('{"id": 1, "id": 2}', encoding="utf-8")
    assert lint(folder) == ["some/case.json: key 'id' stands twice in one object"]


@pytest.mark.parametrize(
    "name", ["stray.json", "some/notes.txt", "other/case.json", "some/a/b.json"]
)
def test_a_file_that_belongs_to_no_group_is_named(corpus: Callable[..., Path], name: str) -> None:
    folder = corpus(CASE, **{f"cases/{name}": "{}"})
    (folder / "cases" / name).parent.mkdir(parents=True, exist_ok=True)
    (folder / "cases" / name).write_text("{}", encoding="utf-8")
    assert lint(folder) == [f"{name}: belongs to no group of manifest.json"]


def test_a_wrong_count_is_named(corpus: Callable[..., Path]) -> None:
    folder = corpus(CASE)
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    manifest["groups"][0]["cases"] = 5
    (folder / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    assert lint(folder) == ["manifest.json: some has 1 cases, not 5"]


def test_two_groups_of_one_name_are_named(corpus: Callable[..., Path]) -> None:
    folder = corpus(CASE)
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    manifest["groups"] *= 2
    (folder / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    assert lint(folder) == ["manifest.json: two groups of the name some"]


def changed_manifest(folder: Path, **changes: Any) -> Path:
    file = folder / "manifest.json"
    manifest = {**json.loads(file.read_text(encoding="utf-8")), **changes}
    file.write_text(json.dumps(manifest), encoding="utf-8")
    return folder


def protocol(name: str, **formatters: int) -> dict[str, Any]:
    address = "https://provider.test/api"
    named = {key.replace("_", "-"): count for key, count in formatters.items()}
    return {"name": name, "version": "2026-01", "source": address, "formatters": named}


def test_a_manifest_lists_protocols_with_the_cases_of_their_formatters(
    corpus: Callable[..., Path],
) -> None:
    listed = [protocol("dashscope", dashscope_chat=1)]
    assert lint(changed_manifest(corpus(CASE), protocols=listed)) == []


@pytest.mark.parametrize(
    ("protocols", "problems"),
    [
        (
            [protocol("dashscope", dashscope_chat=2)],
            ["manifest.json: the formatter dashscope-chat has 1 cases, not 2"],
        ),
        (
            [protocol("openai-chat", openai_chat=0)],
            ["manifest.json: the formatter dashscope-chat belongs to no protocol"],
        ),
        (
            [protocol("b", dashscope_chat=1), protocol("a", dashscope_chat=1)],
            [
                "manifest.json: protocols do not stand in the order of their names",
                "manifest.json: the formatter dashscope-chat belongs to 2 protocols",
            ],
        ),
    ],
)
def test_a_formatter_belongs_to_one_protocol_of_the_manifest(
    corpus: Callable[..., Path], protocols: list[Any], problems: list[str]
) -> None:
    assert lint(changed_manifest(corpus(CASE), protocols=protocols)) == problems


def test_fields_stand_in_the_order_of_the_schema(corpus: Callable[..., Path]) -> None:
    (problem,) = lint(corpus(dict(reversed(CASE.items()))))
    assert problem.startswith("some/case.json: fields do not stand in the order of the schema")


def test_files_stand_in_the_order_of_their_names(corpus: Callable[..., Path]) -> None:
    texts = [{"type": "text", "text": f"<FILES>/{name}"} for name in ("a", "b")]
    messages = [{"role": "USER", "content": texts}]
    case = data(input={"messages": messages}, files={"b": "", "a": ""})
    problem = "some/case.json: files do not stand in the order of their names"
    assert lint(corpus(case)) == [problem]


def test_a_source_is_known_once_the_manifest_names_it(corpus: Callable[..., Path]) -> None:
    folder = corpus({**CASE, "citation": "Acme guide 3, chapter 2 on texts"})
    assert "names no known source" in lint(folder)[0]
    assert lint(changed_manifest(folder, sources={"Acme guide 3": "our own rules"})) == []


def test_groups_alone_are_a_corpus_whose_citations_are_addresses(tmp_path: Path) -> None:
    file = tmp_path / "some" / "case.json"
    file.parent.mkdir()
    file.write_text(json.dumps(CASE), encoding="utf-8")
    (problem,) = lint(tmp_path)
    assert "names no known source" in problem
    case = {**CASE, "citation": "https://x.test/page (read 2026-01-02), texts"}
    file.write_text(json.dumps(case), encoding="utf-8")
    assert lint(tmp_path) == []
    (tmp_path / "notes.txt").write_text("", encoding="utf-8")
    assert lint(tmp_path) == ["notes.txt: is not <group>/<name>.json"]


def test_no_cases_are_a_problem(tmp_path: Path) -> None:
    assert lint(tmp_path) == [f"{tmp_path}: no cases"]


def test_counts_are_written_on_request(corpus: Callable[..., Path]) -> None:
    folder = corpus(CASE, {**CASE, "id": "some/b", "input": {"messages": []}})
    (folder / "cases" / "some" / "b.json").unlink()
    changed_manifest(folder, protocols=[protocol("dashscope", dashscope_chat=7)])
    assert len(lint(folder)) == 2
    assert recount(folder)
    assert lint(folder) == []
    assert not recount(folder)


def test_the_command_prints_problems_and_exits_with_one(
    corpus: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    folder = corpus(CASE)
    assert lint_command([str(folder)]) == 0
    assert capsys.readouterr().out == ""
    (folder / "cases" / "stray.json").write_text("{}", encoding="utf-8")
    assert lint_command([str(folder)]) == 1
    assert capsys.readouterr().out == "stray.json: belongs to no group of manifest.json\n"
    changed_manifest(folder, groups=[{**group_of(folder), "cases": 9}])
    (folder / "cases" / "stray.json").unlink()
    assert lint_command([str(folder), "--recount"]) == 0


def group_of(folder: Path) -> dict[str, Any]:
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    group: dict[str, Any] = manifest["groups"][0]
    return group


@pytest.mark.parametrize("arguments", [["no/such/folder"], ["--recount", "."]])
def test_the_command_exits_with_two_for_what_it_cannot_read(
    arguments: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as ended:
        lint_command(arguments)
    assert ended.value.code == 2


# ---------------------------------------------------------------- JSON as it is written


def test_json_is_laid_out_a_line_a_key_and_below_it_what_fits() -> None:
    value = {"a": {"b": [1, 2]}, "c": ["x" * 60, {"d": "y" * 60}], "e": [], "f": {}}
    assert json_text(value) == "\n".join(
        [
            "{",
            '  "a": {"b": [1, 2]},',
            '  "c": [',
            f'    "{"x" * 60}",',
            f'    {{"d": "{"y" * 60}"}}',
            "  ],",
            '  "e": [],',
            '  "f": {}',
            "}",
            "",
        ]
    )


def test_half_a_surrogate_pair_is_written_escaped() -> None:
    text = json_text({"a": "\ud83d", "b": "小"})
    assert text == '{\n  "a": "\\ud83d",\n  "b": "小"\n}\n'
    assert json.loads(text) == {"a": "\ud83d", "b": "小"}


@pytest.mark.parametrize("text", ["{", '{"format": 2, "groups": []}'])
def test_an_unusable_manifest_is_named(corpus: Callable[..., Path], text: str) -> None:
    (problem,) = lint(corpus(CASE, **{"manifest.json": text}))
    assert problem.startswith("manifest.json: ")


# ---------------------------------------------------------------- one case


def test_a_case_that_gives_what_it_must_passes() -> None:
    outcome = run(made())
    assert outcome.passed
    assert outcome.actual == [{"role": "user", "content": "Hi"}]
    assert str(outcome) == "some/case: passed"


def test_a_failure_shows_claim_source_and_difference() -> None:
    outcome = run(made(), Louder)
    assert str(outcome).splitlines() == [
        "some/case: A text is sent as it is, always.",
        "  agentscope-java c2d43f86, DashScope chat, text layout",
        '  [0].content: expected "Hi", got "HI"',
    ]


def test_an_exception_that_is_not_expected_is_a_difference() -> None:
    outcome = run(made(), Broken)
    assert isinstance(outcome.raised, ZeroDivisionError)
    assert [str(item) for item in outcome.differences] == [
        '(all): not expected, got "ZeroDivisionError: no"'
    ]


@pytest.mark.parametrize(
    ("changes", "path"),
    [
        ({"error": {"class": "OptionError", "path": "messages[0]"}}, "error.class"),
        ({"error": {"class": "FormatError", "path": "messages[1]"}}, "error.path"),
        (
            {"error": {"class": "FormatError", "path": "messages[0]", "contains": ["colour"]}},
            "error.contains",
        ),
        ({"input": {"messages": [{"role": "USER"}]}}, "error"),
        ({"fix": {"at": "/input/messages/0/name", "value": "Ann"}}, "fix"),
    ],
)
def test_another_error_or_none_is_a_difference(changes: dict[str, Any], path: str) -> None:
    assert run(made(**ERROR)).passed
    outcome = run(made(**{**ERROR, **changes}))
    assert [item.path for item in outcome.differences] == [path]


def test_a_finding_of_another_code_or_place_is_a_difference() -> None:
    body = {"input": {"messages": [{"role": "user", "content": "a"}]}}
    case = made(
        operation="validate",
        formatter=None,
        expected=None,
        input={"protocol": "dashscope", "body": body},
        error={"code": "missing-key", "path": ""},
        fix={"at": "/input/body/model", "value": "qwen-plus"},
    )
    assert run(case).passed
    outcome = run(replace(case, error={"code": "bad-value", "path": "model"}))
    assert [item.path for item in outcome.differences] == ["error.code", "error.path"]
    unfixed = run(replace(case, fix={"at": "/input/body/parameters", "value": {}}))
    assert [item.path for item in unfixed.differences] == ["fix"]


def test_a_warning_that_is_not_expected_is_a_difference() -> None:
    wish = {"_cache_control": True}
    text = [{"type": "text", "text": "a"}]
    messages = [{"role": "USER", "content": text, "metadata": wish} for _ in range(5)]
    marked = [{"text": "a", "cache_control": {"type": "ephemeral"}}]
    wire = [{"role": "user", "content": "a" if i == 3 else marked} for i in range(5)]
    case = made(input={"messages": messages}, expected=wire)
    # without an assistant message there is no previous tail: the tail, the first, then the latest
    wire[3]["content"], wire[1]["content"] = marked, "a"
    warned = {"class": "CacheBudgetWarning", "contains": ["messages[1]"]}
    assert run(replace(case, warning=warned)).passed
    assert [item.path for item in run(case).differences] == ["warning"]
    other = {"class": "CacheBudgetWarning", "contains": ["messages[2]"]}
    assert [item.path for item in run(replace(case, warning=other)).differences] == [
        "warning.contains"
    ]
    quiet = run(replace(made(), warning=warned))
    assert [item.path for item in quiet.differences] == ["warning"]


def test_a_draft_fails_and_shows_what_it_gave() -> None:
    outcome = run(replace(made(), expected=None))
    assert not outcome.passed
    assert outcome.actual == [{"role": "user", "content": "Hi"}]
    assert "nothing is expected of this case yet" in str(outcome)


def test_an_input_that_is_modified_is_a_difference() -> None:
    class Careless(DashScopeChatFormatter):
        def apply_cache_control(self, messages: Any, **more: Any) -> list[dict[str, Any]]:
            messages[0]["content"] = "changed"
            return [{"role": "user", "content": "Hi"}]

    case = made(
        operation="apply_cache_control", input={"messages": [{"role": "user", "content": "Hi"}]}
    )
    assert [item.path for item in run(case, Careless).differences] == ["input.messages[0].content"]


# ---------------------------------------------------------------- a user's class


def test_a_class_that_changes_nothing_passes() -> None:
    class Own(DashScopeMultiAgentFormatter):
        """Changes nothing."""

    report = check(Own)
    assert report.ok
    assert len(report.passed) > 20
    assert str(report) == f"{len(report.passed)} passed, 0 failed, 0 failed as expected"
    assert repr(report) == str(report)


def test_a_class_that_differs_fails_with_the_differences() -> None:
    report = check(Louder, [made()])
    assert not report.ok
    assert [outcome.case.id for outcome in report.failed] == ["some/case"]
    assert '[0].content: expected "Hi", got "HI"' in str(report)


def test_the_cases_of_the_nearest_formatter_are_run() -> None:
    cases = [made(), made(id="some/other", formatter="dashscope-multi-agent"), made(id="some/x")]

    class Multi(DashScopeMultiAgentFormatter):
        """A multi-agent formatter."""

    assert check(DashScopeChatFormatter, cases).passed == ("some/case", "some/x")
    assert [outcome.case.id for outcome in check(Multi, cases).failed] == ["some/other"]


@pytest.mark.parametrize("base", [OpenAIBaseFormatter, OpenAIChatFormatter])
def test_a_vendor_of_openai_s_family_is_checked_as_openai_chat(base: Any) -> None:
    vendor = type("Vendor", (base,), {})
    assert check(vendor, [made(formatter="openai-chat")]).ok


def test_an_expected_failure_is_no_failure() -> None:
    report = check(Louder, [made()], skip={"some/case": "we shout"})
    assert report.ok
    assert report.expected_failures == {"some/case": "we shout"}


def test_an_expected_failure_that_passes_fails() -> None:
    report = check(DashScopeChatFormatter, [made()], skip={"some/case": "we shout"})
    assert not report.ok
    assert "some/case: passed, though it is expected to fail (we shout)" in str(report)


@pytest.mark.parametrize("skip", [{"some/case": " "}, {"some/case": None}, {"no/case": "why"}])
def test_an_expected_failure_needs_a_reason_and_a_case(skip: Any) -> None:
    with pytest.raises(OptionError) as raised:
        check(Louder, [made()], skip=skip)
    assert raised.value.path == "skip"


def test_no_case_to_run_is_an_error() -> None:
    with pytest.raises(OptionError, match="no cases for OpenAIChatFormatter"):
        check(OpenAIChatFormatter, [made()])


class Shouting(DashScopeChatFormatter):
    """Takes a setting of its own."""

    def __init__(self, *, tone: str, **settings: Any) -> None:
        super().__init__(**settings)
        self.tone = tone

    def convert_message(self, message: Msg, trace: Trace) -> list[dict[str, Any]]:
        out = super().convert_message(message, trace)
        if self.tone == "loud":
            out[0]["content"] = out[0]["content"].upper()
        return out


STRICT = {
    "settings": {"policy": "system_and_last"},
    "expected": [
        {"role": "user", "content": [{"text": "Hi", "cache_control": {"type": "ephemeral"}}]}
    ],
}


def test_an_instance_keeps_what_its_class_added_and_takes_the_settings_of_a_case() -> None:
    cases = [made(), made(id="some/marked", **STRICT)]
    quiet = Shouting(tone="quiet", policy="rolling")
    assert check(quiet, cases).ok
    assert not check(Shouting(tone="loud"), cases[:1]).ok
    assert quiet.format([Msg.user("a")]) != [{"role": "user", "content": "a"}]


def test_a_factory_is_called_with_the_settings_of_a_case() -> None:
    def factory(**settings: Any) -> DashScopeChatFormatter:
        return Shouting(tone="quiet", **settings)

    assert check(factory, [made(), made(id="some/marked", **STRICT)]).ok


def test_a_factory_that_fails_without_settings_is_named() -> None:
    def factory(*, tone: str) -> DashScopeChatFormatter:
        return Shouting(tone=tone)

    with pytest.raises(OptionError, match="the factory factory failed without settings: TypeError"):
        check(factory, [made()])


@pytest.mark.parametrize("name", FORMATTERS)
def test_an_instance_of_each_formatter_passes_its_cases(name: str) -> None:
    cases = [case for case in load() if case.formatter == name]
    assert check(FORMATTERS[name](), cases).ok


def test_a_pattern_covers_every_case_it_matches_and_each_must_fail() -> None:
    cases = [made(), made(id="some/other")]
    assert check(Louder, cases, skip={"some/*": "we shout"}).ok
    both = check(Louder, cases, skip={"some/*": "we shout", "some/other": "and how"})
    assert both.expected_failures == {"some/case": "we shout", "some/other": "and how"}
    calm = [*cases, made(id="some/role", input={"messages": []}, expected=[])]
    report = check(Louder, calm, skip={"some/*": "we shout"})
    assert list(report.unexpected_passes) == ["some/role"]


@pytest.mark.parametrize("stranger", [dict, lambda: 7, 7])
def test_what_derives_from_no_formatter_is_refused(stranger: Any) -> None:
    with pytest.raises(OptionError, match="no class that derives from"):
        check(stranger)


def test_the_order_of_keys_can_be_left_out() -> None:
    class Reversed(DashScopeChatFormatter):
        def convert_message(self, message: Msg, trace: Trace) -> list[dict[str, Any]]:
            made = super().convert_message(message, trace)
            return [dict(reversed(item.items())) for item in made]

    assert not check(Reversed, [made()]).ok
    assert check(Reversed, [made()], key_order=False).ok
