"""The pytest plugin, by whole pytest sessions: golden cases as items, failures, updates."""

from __future__ import annotations

import dataclasses
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

import wiremark
from wiremark.conformance import Case, Outcome, conforms, diff, load, pytest_session, run
from wiremark.conformance.lint import field_order
from wiremark.conformance.update import Updates, ci_variable
from wiremark.errors import OptionError

pytest_plugins = ["pytester"]

PLUGIN = ("-p", "wiremark.conformance.pytest_plugin")
HOME = str(Path(wiremark.__file__).parents[1])
OPTIONS = ("formatter", "program", "as", "cases", "skip", "update", "timeout", "ignore-key-order")

FORMATTERS = """
from wiremark import DashScopeChatFormatter, GLMFormatter


class Mine(GLMFormatter):
    pass


class Louder(DashScopeChatFormatter):
    def convert_message(self, message, trace):
        out = super().convert_message(message, trace)
        out[0]["content"] = out[0]["content"].upper()
        return out


class Broken(DashScopeChatFormatter):
    def convert_message(self, message, trace):
        return 1 / 0


class Toned(DashScopeChatFormatter):
    def __init__(self, tone, **settings):
        super().__init__(**settings)
        self.tone = tone


class Careless(DashScopeChatFormatter):
    def format(self, messages, **more):
        return [{"content": "Hi", "role": "user"}]


instance = Toned("calm")


def factory(**settings):
    return Toned("calm", **settings)


number = 7
"""

CASE: dict[str, Any] = {
    "id": "some/a",
    "description": "A text is sent as it is, always.",
    "citation": "https://provider.test/api (read 2026-01-02)",
    "formatter": "dashscope-chat",
    "operation": "format",
    "input": {"messages": [{"role": "USER", "content": [{"type": "text", "text": "Hi"}]}]},
    "expected": [{"role": "user", "content": "Hi"}],
}


@pytest.fixture(autouse=True)
def away_from_ci(monkeypatch: pytest.MonkeyPatch) -> None:
    """Update tests also run on a CI server, which would forbid them."""
    for name in ("CI", "BUILD_NUMBER", "GITHUB_ACTIONS", "JENKINS_URL", "TF_BUILD"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def mine(pytester: pytest.Pytester) -> pytest.Pytester:
    """Return a folder with the formatters above in `mine.py`."""
    pytester.makepyfile(mine=FORMATTERS)
    return pytester


@pytest.fixture
def goldens(mine: pytest.Pytester) -> Callable[..., Path]:
    """Write cases below `goldens/`, and return the folder."""

    def write(*cases: dict[str, Any]) -> Path:
        folder = mine.path / "goldens"
        for case in cases:
            file = folder / f"{case['id']}.json"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(json.dumps(without_none(case)), encoding="utf-8")
        return folder

    return write


def without_none(case: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in case.items() if value is not None}


def draft(**changes: Any) -> dict[str, Any]:
    return {**CASE, "expected": None, **changes}


def session(pytester: pytest.Pytester, *arguments: str) -> pytest.RunResult:
    return pytester.runpytest_inprocess(*PLUGIN, *arguments, no_reraise_ctrlc=True)


def on_goldens(pytester: pytest.Pytester, name: str, *more: str) -> pytest.RunResult:
    chosen = ("--wiremark-formatter", f"mine:{name}", "--wiremark-cases", "goldens")
    return session(pytester, *chosen, *more)


def error(result: pytest.RunResult) -> str:
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert "Traceback" not in result.stderr.str() + result.stdout.str()
    (line,) = (line for line in result.stderr.lines if line.startswith("ERROR: "))
    return line.removeprefix("ERROR: wiremark: ")


def read(folder: Path, name: str) -> dict[str, Any]:
    value: dict[str, Any] = json.loads((folder / f"{name}.json").read_text(encoding="utf-8"))
    return value


# ---------------------------------------------------------------- a session that does not ask


def fresh(code: str, *folders: str) -> str:
    path = os.pathsep.join([HOME, *folders])
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_plugin_costs_less_than_five_milliseconds_at_start() -> None:
    code = (
        "import pytest, time\n"
        "start = time.perf_counter()\n"
        "from wiremark.conformance import pytest_plugin\n"
        "print((time.perf_counter() - start) * 1000)"
    )
    fresh(code)  # writes the byte code
    assert min(float(fresh(code)) for _ in range(3)) < 5


def test_the_plugin_loads_no_formatter_and_no_dependency() -> None:
    code = (
        "import sys, pytest\n"
        "before = set(sys.modules)\n"
        "from wiremark.conformance import pytest_plugin\n"
        "print(*sorted(set(sys.modules) - before))"
    )
    allowed = {
        "contextvars",
        "wiremark",
        "wiremark.seams",
        "wiremark._lazy",
        "wiremark.conformance",
    }
    loaded = {name for name in fresh(code).split() if not name.startswith("_")}
    assert loaded == {*allowed, "wiremark.conformance.pytest_plugin"}


def test_a_session_without_options_is_as_it_was(mine: pytest.Pytester) -> None:
    mine.makepyfile(
        test_own="def test_own(pytestconfig): assert not any(\n"
        "    'wiremark-golden-cases' == name\n"
        "    for name, _ in pytestconfig.pluginmanager.list_name_plugin())"
    )
    result = session(mine)
    result.assert_outcomes(passed=1)
    # pytest names every installed plugin itself
    said = [line for line in result.outlines if not line.startswith("plugins:")]
    assert not any("wiremark" in line for line in said)
    assert "wiremark:" not in session(mine, "--markers").stdout.str()


def test_the_options_are_found_through_the_entry_point_and_named_once(tmp_path: Path) -> None:
    installed = tmp_path / "site" / "some_release-1.dist-info"
    installed.mkdir(parents=True)
    (installed / "METADATA").write_text("Metadata-Version: 2.1\nName: some-release\nVersion: 1\n")
    name = "wiremark.conformance.pytest_plugin"
    (installed / "entry_points.txt").write_text(f"[pytest11]\n{name} = {name}\n")
    for early in ([], list(PLUGIN)):
        code = f"import pytest, sys; sys.exit(pytest.main([*{early!r}, '--help']))"
        said = fresh(code, str(tmp_path / "site"))
        assert said.count("--wiremark-formatter") == 1
    assert all(f"--wiremark-{option}" in said for option in OPTIONS)


# ---------------------------------------------------------------- what can be tested


@pytest.mark.parametrize(
    ("spec", "count"), [("mine:Mine", 6), ("wiremark:KimiFormatter", 4), ("mine:Mine.mro", None)]
)
def test_cases_of_a_class_are_items_without_a_test_file(
    mine: pytest.Pytester, spec: str, count: int | None
) -> None:
    result = session(mine, "--wiremark-formatter", spec)
    if count is None:
        assert error(result).startswith("formatter: the factory mro failed") or "list" in error(
            result
        )
        return
    result.assert_outcomes(passed=count)
    result.stdout.fnmatch_lines(
        [f"wiremark: {spec.partition(':')[2]}, {count} cases", "wiremark *"]
    )


@pytest.mark.parametrize("name", ["instance", "factory"])
def test_an_instance_and_a_factory_are_tested_as_a_class_is(
    mine: pytest.Pytester, goldens: Callable[..., Path], name: str
) -> None:
    goldens(CASE)
    on_goldens(mine, name).assert_outcomes(passed=1)


def test_ids_are_the_formatter_and_the_case(mine: pytest.Pytester) -> None:
    chosen = ("--wiremark-formatter", "mine:Mine")
    result = session(mine, *chosen, "--collect-only", "-q")
    result.stdout.fnmatch_lines(["wiremark::Mine::vendors/glm-clamps-temperature"])
    result.stdout.fnmatch_lines(["6 tests collected*"])
    tree = session(mine, *chosen, "--co")
    tree.stdout.fnmatch_lines(
        ["<WiremarkCases Mine>", "  <WiremarkCase vendors/glm-sends-no-names>"]
    )


def test_cases_are_chosen_as_tests_are(mine: pytest.Pytester) -> None:
    mine.makepyfile(test_own="def test_own(): pass")
    chosen = ("--wiremark-formatter", "mine:Mine")
    session(mine, *chosen).assert_outcomes(passed=7)
    one = session(mine, *chosen, "-k", "vendors/glm-sends-no-names")
    one.assert_outcomes(passed=1, deselected=6)
    session(mine, *chosen, "-m", "wiremark").assert_outcomes(passed=6, deselected=1)
    session(mine, *chosen, "-m", "not wiremark").assert_outcomes(passed=1, deselected=6)


def test_several_formatters_are_told_apart(mine: pytest.Pytester) -> None:
    mine.makepyfile(other=FORMATTERS)
    specs = [
        item for name in ("mine:Mine", "other:Mine") for item in ("--wiremark-formatter", name)
    ]
    result = session(mine, *specs, "--co", "-q", "-k", "sends-no-names")
    result.stdout.fnmatch_lines(
        [
            "wiremark::mine:Mine::vendors/glm-sends-no-names",
            "wiremark::other:Mine::vendors/glm-sends-no-names",
        ]
    )


def test_last_failed_cases_run_again_alone(
    mine: pytest.Pytester, goldens: Callable[..., Path]
) -> None:
    silent = {"messages": []}
    goldens(CASE, {**CASE, "id": "some/b", "input": silent, "expected": []})
    on_goldens(mine, "Louder", "-p", "cacheprovider").assert_outcomes(passed=1, failed=1)
    on_goldens(mine, "Louder", "--lf").assert_outcomes(failed=1, deselected=1)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--wiremark-formatter", "mine"], "'mine' names no formatter (write package.module:Name)"),
        (["--wiremark-formatter", "absent:Mine"], "absent cannot be imported: ModuleNotFoundError"),
        (["--wiremark-formatter", "mine:Mina"], "mine has no Mina (did you mean Mine?)"),
        (["--wiremark-formatter", "mine:number"], "7 is no class that derives from"),
        (["--wiremark-formatter", "mine:Toned"] * 2, "one formatter is named twice"),
        (["--wiremark-formatter", "faulty:Mine"], "faulty cannot be imported: ZeroDivisionError"),
        (["--wiremark-formatter", "faulty:Mine"], "faulty.py:3)"),
        (["--wiremark-cases", "goldens"], "nothing to test is named"),
        (["--wiremark-as", "glm"], "need --wiremark-program"),
        (["--wiremark-program", "python"], "--wiremark-program needs --wiremark-as"),
        (["--wiremark-program", "python", "--wiremark-as", "x"], "there are no cases for 'x'"),
        (["--wiremark-program", "pythom", "--wiremark-as", "glm"], "there is no program 'pythom'"),
        (["--wiremark-formatter", "mine:Mine", "--wiremark-cases", "absent"], "no folder absent"),
        (["--wiremark-formatter", "mine:Mine", "--wiremark-cases", "goldens"], "no cases for Mine"),
        (["--wiremark-formatter", "mine:Mine", "--wiremark-skip", "absent"], "cannot be read"),
    ],
)
def test_what_cannot_be_tested_is_a_usage_error(
    mine: pytest.Pytester, goldens: Callable[..., Path], arguments: list[str], said: str
) -> None:
    goldens(CASE)
    mine.makepyfile(faulty="import wiremark\n\n1 / 0\n")
    assert said in error(session(mine, *arguments))


# ---------------------------------------------------------------- failures


def test_a_failure_is_the_difference_with_its_path_and_no_traceback(
    mine: pytest.Pytester, goldens: Callable[..., Path]
) -> None:
    goldens(CASE)
    result = on_goldens(mine, "Louder")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            '*[[]0].content: expected "Hi", got "HI"',
            "case: some/a",
            "claim: A text is sent as it is, always.",
            "source: https://provider.test/api (read 2026-01-02)",
            "FAILED wiremark::Louder::some/a - *",
        ]
    )
    assert "pytest_session" not in result.stdout.str()


def test_an_exception_of_a_formatter_is_shown_where_it_was_raised(
    mine: pytest.Pytester, goldens: Callable[..., Path]
) -> None:
    goldens(CASE)
    result = on_goldens(mine, "Broken")
    result.stdout.fnmatch_lines(["*ZeroDivisionError: division by zero*", "*return 1 / 0*"])


def test_the_order_of_keys_can_be_left_out(
    mine: pytest.Pytester, goldens: Callable[..., Path]
) -> None:
    goldens(CASE)
    on_goldens(mine, "Careless").assert_outcomes(failed=1)
    on_goldens(mine, "Careless", "--wiremark-ignore-key-order").assert_outcomes(passed=1)


def test_a_draft_fails_until_something_is_expected_of_it(
    mine: pytest.Pytester, goldens: Callable[..., Path]
) -> None:
    goldens(draft())
    result = on_goldens(mine, "instance")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*nothing is expected of this case yet*"])


# ---------------------------------------------------------------- expected failures


def skipping(pytester: pytest.Pytester, text: str) -> tuple[str, str]:
    pytester.path.joinpath("skip.json").write_text(text, encoding="utf-8")
    return "--wiremark-skip", "skip.json"


def test_an_expected_failure_is_reported_with_its_reason(
    mine: pytest.Pytester, goldens: Callable[..., Path]
) -> None:
    goldens(CASE)
    result = on_goldens(mine, "Louder", *skipping(mine, '{"some/a": "we shout"}'), "-rx")
    result.assert_outcomes(xfailed=1)
    result.stdout.fnmatch_lines(["XFAIL wiremark::Louder::some/a - we shout"])


def test_an_expected_failure_that_passes_fails(
    mine: pytest.Pytester, goldens: Callable[..., Path]
) -> None:
    goldens(CASE)
    result = on_goldens(mine, "instance", *skipping(mine, '{"some/*": "we shout"}'))
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*XPASS(strict)*we shout*"])


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"some/z": "why"}', "there is no case 'some/z' to skip"),
        ('{"other/*": "why"}', "there is no case 'other/*' to skip"),
        ('{"some/a": " "}', "no reason is given to skip 'some/a'"),
        ('{"some/a": null}', "no reason is given to skip 'some/a'"),
        ('{"some/a": "x", "some/a": "y"}', "key 'some/a' stands twice"),
        ('["some/a"]', "expected failures are a JSON object"),
        ("{", "expected failures cannot be read"),
    ],
)
def test_expected_failures_need_a_case_and_a_reason(
    mine: pytest.Pytester, goldens: Callable[..., Path], text: str, said: str
) -> None:
    goldens(CASE)
    assert said in error(on_goldens(mine, "instance", *skipping(mine, text)))


# ---------------------------------------------------------------- updates


def update(pytester: pytest.Pytester, name: str, kinds: str, *more: str) -> pytest.RunResult:
    return on_goldens(pytester, name, f"--wiremark-update={kinds}", *more)


def test_nothing_is_written_unless_asked_and_what_could_be_is_told(
    mine: pytest.Pytester, goldens: Callable[..., Path]
) -> None:
    wrong = {**CASE, "id": "some/b", "expected": [{"role": "user", "content": "Ho"}]}
    folder = goldens(draft(), wrong)
    before = [read(folder, name) for name in ("some/a", "some/b")]
    result = on_goldens(mine, "instance")
    result.assert_outcomes(failed=2)
    result.stdout.fnmatch_lines(
        [
            "create: 1 possible; write with --wiremark-update=create",
            "  some/a: expected",
            "fix: 1 possible; write with --wiremark-update=fix",
            "  some/b: expected",
        ]
    )
    assert [read(folder, name) for name in ("some/a", "some/b")] == before


def test_create_gives_a_draft_its_expectation_and_fixes_nothing(
    mine: pytest.Pytester, goldens: Callable[..., Path]
) -> None:
    wrong = {**CASE, "id": "some/b", "expected": []}
    folder = goldens(draft(), wrong)
    update(mine, "instance", "create").assert_outcomes(passed=1, failed=1)
    assert read(folder, "some/a") == CASE
    assert list(read(folder, "some/a")) == list(CASE)
    assert read(folder, "some/b") == wrong
    on_goldens(mine, "instance", "-k", "some/a").assert_outcomes(passed=1, deselected=1)


def test_fix_replaces_what_no_longer_holds_and_creates_nothing(
    mine: pytest.Pytester, goldens: Callable[..., Path]
) -> None:
    wrong = {**CASE, "id": "some/b", "expected": []}
    folder = goldens(draft(), wrong)
    update(mine, "instance", "fix").assert_outcomes(passed=1, failed=1)
    assert "expected" not in read(folder, "some/a")
    assert read(folder, "some/b")["expected"] == CASE["expected"]


def test_only_cases_that_are_chosen_are_updated(
    mine: pytest.Pytester, goldens: Callable[..., Path]
) -> None:
    folder = goldens(draft(), draft(id="some/b"))
    update(mine, "instance", "create", "-k", "some/b").assert_outcomes(passed=1, deselected=1)
    assert "expected" not in read(folder, "some/a")
    assert "expected" in read(folder, "some/b")


def test_every_golden_of_the_corpus_can_be_created_anew(tmp_path: Path) -> None:
    updates = Updates(tmp_path, {"create"})
    goldens = {case.id: case for case in load() if case.formatter is not None}
    lost = {"expected": None, "plan": None, "findings": None, "warning": None, "error": None}
    for case in goldens.values():
        file = tmp_path / f"{case.id}.json"
        file.parent.mkdir(exist_ok=True)
        kept = {key: getattr(case, key) for key in field_order() if getattr(case, key)}
        file.write_text(json.dumps({key: kept[key] for key in kept if key not in lost}))
        assert updates.look_at(run(dataclasses.replace(case, **lost))), case.id
    updates.write()
    again = load(tmp_path)
    assert [str(outcome) for outcome in map(run, again) if not outcome.passed] == []
    for made in again:
        golden = goldens[made.id]
        whole = made.expected
        if made.operation == "request" and golden.expected is not None:
            whole = {key: made.expected.get(key, {}) for key in golden.expected}
        if made.operation != "plan":  # whose decisions may stand in any order
            assert not diff(golden.expected, whole), made.id


@pytest.mark.parametrize(
    "name",
    [
        "marks-ttl/nearest-shorter-ttl",
        "marks-strip/markers-at-message-level",
        "dashscope-chat/null-role-cannot-be-sent",
        "dashscope-request/options-in-fixed-order",
    ],
)
def test_a_golden_whose_expectation_is_lost_is_created_anew(
    mine: pytest.Pytester, checkout: Path, goldens: Callable[..., Path], name: str
) -> None:
    whole = read(checkout / "fixtures" / "cases", name)
    kept = {
        key: value
        for key, value in whole.items()
        if key not in ("expected", "plan", "findings", "warning", "error")
    }
    folder = goldens(kept)
    spec = {"dashscope-chat": "DashScopeChatFormatter", "openai-chat": "OpenAIChatFormatter"}
    chosen = ("--wiremark-formatter", f"wiremark:{spec[whole['formatter']]}")
    written = ("--wiremark-cases", "goldens", "--wiremark-update=create")
    session(mine, *chosen, *written).assert_outcomes(passed=1)
    made = read(folder, name)
    for key in ("error", "warning"):
        if key in whole:  # which pieces a text must have is the author's choice
            del whole[key]["contains"]
    if whole["operation"] == "request":
        made = {**made, "expected": {key: made["expected"][key] for key in whole["expected"]}}
    assert {key: made[key] for key in whole} == whole
    session(mine, *chosen, "--wiremark-cases", "goldens").assert_outcomes(passed=1)


def test_fix_keeps_what_the_old_expectation_says_in_other_words(
    mine: pytest.Pytester, goldens: Callable[..., Path]
) -> None:
    two = [*CASE["input"]["messages"] * 2]
    old = [{"role": "user", "content": "<ANY>"}, {"role": "user", "content": "Ho"}]
    folder = goldens({**CASE, "input": {"messages": two}, "expected": old})
    update(mine, "instance", "fix").assert_outcomes(passed=1)
    assert read(folder, "some/a")["expected"] == [
        {"role": "user", "content": "<ANY>"},
        {"role": "user", "content": "Hi"},
    ]


def test_fix_writes_a_plan_with_the_keys_that_the_case_compares(
    mine: pytest.Pytester, checkout: Path, goldens: Callable[..., Path]
) -> None:
    case = read(checkout / "fixtures" / "cases", "marks-ttl/nearest-shorter-ttl")
    wrong = {**case, "plan": [{**case["plan"][0], "reason": "as-asked"}], "findings": []}
    folder = goldens(wrong)
    update(mine, "instance", "fix").assert_outcomes(passed=1)
    assert read(folder, case["id"]) == case


def test_an_error_is_fixed_and_keeps_the_pieces_that_it_still_has(
    mine: pytest.Pytester, goldens: Callable[..., Path]
) -> None:
    fault = {
        "input": {"messages": [{"role": None}]},
        "expected": None,
        "error": {"class": "OptionError", "path": "role", "contains": ["role", "colour"]},
        "fix": {"at": "/input/messages/0/role", "value": "USER"},
    }
    folder = goldens({**CASE, **fault})
    update(mine, "instance", "fix").assert_outcomes(passed=1)
    fixed = {"class": "FormatError", "path": "messages[0]", "contains": ["role"]}
    assert read(folder, "some/a")["error"] == fixed


def fixed(tmp_path: Path, case: Case) -> Case | None:
    """Return a case as `fix` writes it, if it does."""
    file = tmp_path / f"{case.id}.json"
    file.parent.mkdir(parents=True)
    whole = {key: getattr(case, key) for key in field_order() if getattr(case, key) is not None}
    file.write_text(json.dumps(whole), encoding="utf-8")
    updates = Updates(tmp_path, {"fix"})
    updates.look_at(run(case))
    if not updates.write():
        return None
    (made,) = load(tmp_path)
    assert run(made).passed
    return made


def golden(name: str) -> Case:
    (case,) = (case for case in load() if case.id == name)
    return case


def test_a_finding_of_a_body_is_fixed(tmp_path: Path) -> None:
    case = golden("bodies/native-without-model")
    wrong = {"code": "bad-value", "path": "model", "contains": ["model", "colour"]}
    made = fixed(tmp_path, dataclasses.replace(case, error=wrong))
    assert made is not None
    assert made.error == case.error


@pytest.mark.parametrize(
    ("warning", "wanted"),
    [
        (None, {"class": "CacheBudgetWarning"}),
        ({"class": "UserWarning", "contains": ["x"]}, {"class": "CacheBudgetWarning"}),
        (
            {"class": "CacheBudgetWarning", "contains": ["messages[2]", "colour"]},
            {"class": "CacheBudgetWarning", "contains": ["messages[2]"]},
        ),
    ],
)
def test_a_warning_is_fixed(
    tmp_path: Path, warning: dict[str, Any] | None, wanted: dict[str, Any]
) -> None:
    case = golden("marks-budget/six-wishes-for-four-places")
    made = fixed(tmp_path, dataclasses.replace(case, warning=warning))
    assert made is not None
    assert made.warning == wanted


def test_a_warning_that_is_not_given_any_more_is_taken_out(tmp_path: Path) -> None:
    case = golden("marks-ttl/nearest-shorter-ttl")
    made = fixed(tmp_path, dataclasses.replace(case, warning={"class": "UserWarning"}))
    assert made == case


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("Broken", {}),  # it raises
        ("instance", {"expected": None, "error": {"class": "FormatError", "path": ""},
                      "fix": {"at": "/input/messages", "value": []}}),  # no error any more
        ("instance", {"input": {"messages": [{"role": None}]}, "expected": None}),  # needs a fix
    ],
)  # fmt: skip
def test_a_claim_that_is_no_longer_true_is_not_rewritten(
    mine: pytest.Pytester, goldens: Callable[..., Path], name: str, changes: dict[str, Any]
) -> None:
    folder = goldens({**CASE, **changes})
    before = read(folder, "some/a")
    result = update(mine, name, "create,fix,trim")
    result.assert_outcomes(failed=1)
    assert read(folder, "some/a") == before
    assert " written" not in result.stdout.str()


def test_trim_takes_out_files_that_nothing_names(
    mine: pytest.Pytester, goldens: Callable[..., Path]
) -> None:
    text = [{"type": "text", "text": "<FILES>/a"}]
    messages = [{"role": "USER", "content": text}]
    expected = [{"role": "user", "content": "<FILES>/a"}]
    used = {**CASE, "id": "some/used", "input": {"messages": messages}, "expected": expected}
    folder = goldens({**CASE, "files": {"a": ""}}, {**used, "files": {"a": "", "b": ""}})
    update(mine, "instance", "trim").assert_outcomes(passed=2)
    assert read(folder, "some/a") == CASE
    assert read(folder, "some/used")["files"] == {"a": ""}


def test_trim_takes_out_expected_failures_that_pass_or_name_nothing(
    mine: pytest.Pytester, goldens: Callable[..., Path]
) -> None:
    goldens(CASE, {**CASE, "id": "some/b", "expected": []})
    given = {"some/a": "we shout", "some/z": "gone", "some/b": "not yet"}
    result = update(mine, "instance", "trim", *skipping(mine, json.dumps(given)))
    result.assert_outcomes(xpassed=1, xfailed=1)
    left = json.loads((mine.path / "skip.json").read_text(encoding="utf-8"))
    assert left == {"some/b": "not yet"}


def test_a_session_that_is_broken_off_writes_nothing(
    mine: pytest.Pytester, goldens: Callable[..., Path]
) -> None:
    folder = goldens(draft())
    mine.makeconftest("def pytest_runtest_teardown(item):\n    raise KeyboardInterrupt\n")
    result = update(mine, "instance", "create")
    assert result.ret == pytest.ExitCode.INTERRUPTED
    assert "expected" not in read(folder, "some/a")


def test_a_file_that_cannot_be_written_whole_is_left_alone(
    mine: pytest.Pytester, goldens: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = goldens(draft())

    def full(_: int) -> None:
        raise OSError("no space left")

    monkeypatch.setattr("wiremark.conformance.jsonfile.os.fsync", full)
    update(mine, "instance", "create")
    assert read(folder, "some/a") == without_none(draft())
    assert [file.name for file in (folder / "some").iterdir()] == ["a.json"]


@pytest.mark.parametrize("variable", ["CI", "GITHUB_ACTIONS", "BUILD_NUMBER"])
def test_nothing_is_ever_written_under_ci(
    mine: pytest.Pytester,
    goldens: Callable[..., Path],
    monkeypatch: pytest.MonkeyPatch,
    variable: str,
) -> None:
    folder = goldens(draft())
    monkeypatch.setenv(variable, "true")
    said = error(update(mine, "instance", "create"))
    assert said == f"goldens are never written under CI (the variable {variable} is set)"
    assert "expected" not in read(folder, "some/a")


@pytest.mark.parametrize("value", ["", "0", "false"])
def test_a_variable_that_says_no_is_no_ci(value: str) -> None:
    assert ci_variable({"CI": value}) == ""
    assert ci_variable({"CI": "yes"}) == "CI"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--wiremark-cases", "goldens", "--wiremark-update", "all"], "all cannot be updated"),
        (["--wiremark-cases", "goldens", "--wiremark-update", ""], "nothing cannot be updated"),
        (["--wiremark-update", "fix"], "--wiremark-update writes into --wiremark-cases"),
        (
            [
                "--wiremark-cases=goldens",
                "--wiremark-update=fix",
                "--wiremark-formatter=mine:Louder",
            ],
            "takes one formatter or program at a time",
        ),
    ],
)
def test_an_update_that_cannot_be_is_a_usage_error(
    mine: pytest.Pytester, goldens: Callable[..., Path], arguments: list[str], said: str
) -> None:
    goldens(CASE)
    assert said in error(session(mine, "--wiremark-formatter", "mine:instance", *arguments))


# ---------------------------------------------------------------- programs


def test_a_program_is_tested_as_a_formatter_is(mine: pytest.Pytester) -> None:
    command = f"{sys.executable} -m wiremark.conformance.serve"
    result = session(mine, "--wiremark-program", command, "--wiremark-as", "kimi,glm")
    result.assert_outcomes(passed=11)
    listed = session(mine, "--wiremark-program", command, "--wiremark-as", "glm", "--co", "-q")
    name = Path(sys.executable).name
    listed.stdout.fnmatch_lines([f"wiremark::{name}::end-of-input"])


def test_a_program_that_ends_with_an_error_fails_the_session(
    mine: pytest.Pytester, goldens: Callable[..., Path]
) -> None:
    goldens(CASE)
    mine.makepyfile(
        program="import json, sys\n"
        "for line in sys.stdin:\n"
        "    ok = [{'role': 'user', 'content': 'Hi'}]\n"
        "    print(json.dumps({'id': json.loads(line)['id'], 'ok': ok}), flush=True)\n"
        "sys.exit('out of order')\n"
    )
    command = ("--wiremark-program", f"{sys.executable} program.py", "--wiremark-cases", "goldens")
    result = session(mine, *command, "--wiremark-as", "dashscope-chat")
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(
        [
            "*program.py ended with status 1*",
            "its stderr ends with:",
            "  out of order* (the last was some/a)",
            "FAILED wiremark::program.py::end-of-input - *",
        ]
    )


# ---------------------------------------------------------------- the decorator


def test_a_decorated_test_runs_for_every_case(mine: pytest.Pytester) -> None:
    mine.makepyfile(
        test_own="import pytest\n"
        "from mine import Mine, Louder\n"
        "from wiremark.conformance import conforms\n\n"
        "seen = []\n\n"
        "@conforms(Mine)\n"
        "def test_mine(outcome, tmp_path):\n"
        "    assert outcome.actual is not None and tmp_path.is_dir()\n"
        "    seen.append(outcome.case.id)\n\n"
        "def test_all_were_seen():\n"
        "    assert len(seen) == 6\n"
    )
    result = session(mine, "-v")
    result.assert_outcomes(passed=7)
    result.stdout.fnmatch_lines(["*::test_mine[[]vendors/glm-sends-no-names]*"])


def test_a_decorated_test_fails_with_the_difference_and_expects_failures(
    mine: pytest.Pytester, goldens: Callable[..., Path]
) -> None:
    goldens(CASE, {**CASE, "id": "some/b"}, {**CASE, "id": "some/c", "expected": []})
    skipping(mine, '{"some/b": "we shout", "some/c": "who knows"}')
    mine.makepyfile(
        test_own="from mine import Louder, Broken, instance\n"
        "from wiremark.conformance import conforms\n\n"
        "@conforms(Louder, 'goldens', skip='skip.json')\n"
        "def test_louder(): ...\n\n"
        "@conforms(instance, 'goldens', skip={'some/[ab]': 'why', 'some/c': 'wrong'})\n"
        "def test_never(): ...\n"
    )
    wrong = session(mine)
    wrong.assert_outcomes(errors=1)
    wrong.stdout.fnmatch_lines(["*there is no case 'some/[[]ab]' to skip*"])
    mine.makepyfile(
        test_own="from mine import Louder, Broken, instance\n"
        "from wiremark.conformance import conforms\n\n"
        "@conforms(Louder, 'goldens', skip='skip.json')\n"
        "def test_louder(): ...\n\n"
        "@conforms(instance, 'goldens', skip={'*': 'we shout'})\n"
        "def test_quiet(): ...\n\n"
        "@conforms(Broken, 'goldens', skip={'some/b': 'x', 'some/c': 'y'})\n"
        "def test_broken(): ...\n"
    )
    result = session(mine)
    result.assert_outcomes(failed=4, xfailed=5)
    result.stdout.fnmatch_lines(
        [
            '*[[]0].content: expected "Hi", got "HI"',
            "*passed, though it is expected to fail (we shout)",
        ]
    )
    result.stdout.fnmatch_lines(["*return 1 / 0*"])


def test_a_decorator_without_cases_is_refused_where_it_stands() -> None:
    with pytest.raises(OptionError, match="no cases for GLMFormatter"):
        conforms(wiremark.GLMFormatter, [])


def test_the_body_of_a_decorated_test_sees_its_outcome() -> None:
    seen: list[Outcome] = []

    @conforms(wiremark.GLMFormatter)
    def look(outcome: Outcome) -> None:
        seen.append(outcome)

    (mark,) = look.pytestmark  # type: ignore[attr-defined]
    name, cases = mark.args
    assert mark.kwargs["ids"] == [case.id for case in cases]
    look(**{name: cases[0]})
    assert [outcome.case for outcome in seen] == cases[:1]
    assert seen[0].passed


# ---------------------------------------------------------------- the page

PAGE_FILE = re.compile(r"^<!-- file: (\S+) -->\n```\w+\n(.*?)^```", re.MULTILINE | re.DOTALL)
PAGE_COMMANDS = re.compile(
    r"^(?:<!-- (exits with 1|needs: node) -->\n)?```console\n(.*?)^```", re.MULTILINE | re.DOTALL
)


def test_commands_of_the_page_run(checkout: Path, tmp_path: Path) -> None:
    page = (checkout / "docs" / "conformance.md").read_text(encoding="utf-8")
    program = checkout / "tests" / "data" / "line_protocol"
    files = dict(PAGE_FILE.findall(page))
    assert {"my_formatter.py", "expected-failures.json"} < set(files)
    files["openai-chat.js"] = (program / "openai-chat.js").read_text(encoding="utf-8")
    files["js-failures.json"] = (program / "expected-failures.json").read_text(encoding="utf-8")
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    blocks = PAGE_COMMANDS.findall(page)
    assert len(blocks) == 6
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    plugin = {"PYTEST_PLUGINS": "wiremark.conformance.pytest_plugin", "PYTHONPATH": HOME}
    for note, block in blocks:
        if note == "needs: node" and shutil.which("node") is None:
            continue
        for line in block.splitlines():
            done = subprocess.run(
                line.removeprefix("$ "),
                shell=True,
                cwd=tmp_path,
                env={**os.environ, **plugin, "PATH": path},
                capture_output=True,
                text=True,
                check=False,
            )
            assert done.returncode == (note == "exits with 1"), (
                f"{line}\n{done.stdout}{done.stderr}"
            )
            if note == "exits with 1":
                assert shown(page) in done.stdout


def shown(page: str) -> str:
    """Return the failure that the page shows."""
    block = re.search(r"^```text\n(_.*?)^```", page, re.MULTILINE | re.DOTALL)
    assert block is not None
    return block[1]


def test_page_and_help_name_the_same_options(checkout: Path, mine: pytest.Pytester) -> None:
    page = (checkout / "docs" / "conformance.md").read_text(encoding="utf-8")
    assert re.findall(r"^\| `--wiremark-([a-z-]+)", page, re.MULTILINE) == list(OPTIONS)
    said = session(mine, "--help").stdout.str()
    assert list(dict.fromkeys(re.findall(r"^  --wiremark-([a-z-]+)", said, re.MULTILINE))) == list(
        OPTIONS
    )


# ---------------------------------------------------------------- beside other plugins


@pytest.mark.skipif(find_spec("xdist") is None, reason="pytest-xdist is not installed")
def test_cases_are_spread_over_processes_and_not_updated_there(
    mine: pytest.Pytester, goldens: Callable[..., Path]
) -> None:
    mine.syspathinsert()
    result = mine.runpytest_subprocess(*PLUGIN, "--wiremark-formatter", "mine:Mine", "-n2")
    result.assert_outcomes(passed=6)
    goldens(CASE)
    written = ("--wiremark-cases", "goldens", "--wiremark-update=fix", "-n2")
    said = error(session(mine, "--wiremark-formatter", "mine:instance", *written))
    assert said == "--wiremark-update needs one process (add -n0)"


def test_the_session_module_names_its_hooks() -> None:
    hooks = {name for name in vars(pytest_session.GoldenSession) if name.startswith("pytest_")}
    assert hooks == {
        "pytest_make_collect_report",
        "pytest_report_header",
        "pytest_sessionfinish",
        "pytest_terminal_summary",
    }
