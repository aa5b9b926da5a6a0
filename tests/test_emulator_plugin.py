"""The fixture `wiremark_emulator`, in pytest runs of its own."""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

pytest.importorskip("uvicorn", reason="the extra `emulator` is not installed")
pytest.importorskip("starlette", reason="the extra `emulator` is not installed")

import wiremark

pytest_plugins = ["pytester"]

PLUGIN = "wiremark.emulator.pytest_plugin"
HOME = str(Path(wiremark.__file__).parents[1])
HEAD = """
import json, urllib.request
import pytest

HEAD = {"type": "text", "text": "word " * 1500, "cache_control": {"type": "ephemeral"}}

def ask(emulator, text="hello", model="qwen-plus"):
    messages = [{"role": "system", "content": [HEAD]}, {"role": "user", "content": text}]
    url = f"{emulator.url}/compatible-mode/v1/chat/completions"
    body = json.dumps({"model": model, "messages": messages}).encode()
    with urllib.request.urlopen(urllib.request.Request(url, body)) as response:
        return json.load(response)["choices"][0]["message"]["content"]
"""


@pytest.fixture
def mine(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    monkeypatch.setenv("PYTHONPATH", HOME)
    return pytester


def run(mine: pytest.Pytester, code: str, *args: str, apart: bool = False) -> pytest.RunResult:
    mine.makepyfile(HEAD + code)
    start = mine.runpytest_subprocess if apart else mine.runpytest_inprocess
    return start("-p", PLUGIN, "--strict-markers", "-W", "error", *args)


def test_a_test_asks_and_looks_at_what_arrived(mine: pytest.Pytester) -> None:
    code = """
def test_asks(wiremark_emulator):
    assert ask(wiremark_emulator) == "hello"
    wiremark_emulator.clock.advance(299)
    ask(wiremark_emulator)
    assert [each.usage.cache_read for each in wiremark_emulator.requests] == [0, 1505]
"""
    run(mine, code).assert_outcomes(passed=1)


def test_each_test_begins_anew_on_one_server(mine: pytest.Pytester) -> None:
    code = """
urls = set()

@pytest.mark.parametrize("number", range(3))
def test_knows_nothing(wiremark_emulator, number):
    urls.add(wiremark_emulator.url)
    assert wiremark_emulator.requests == ()
    ask(wiremark_emulator)
    assert wiremark_emulator.requests[0].usage.cache_read == 0
    wiremark_emulator.scenario.add("left over")

def test_was_one_server():
    assert len(urls) == 1
"""
    run(mine, code).assert_outcomes(passed=4)


def test_the_mark_says_what_is_answered(mine: pytest.Pytester) -> None:
    code = """
from wiremark.emulator import Scenario

@pytest.mark.wiremark_scenario("one", {"text": "two"})
def test_replies(wiremark_emulator):
    assert [ask(wiremark_emulator) for _ in range(3)] == ["one", "two", "hello"]

@pytest.mark.wiremark_scenario(["one", "two"], repeat=True)
def test_a_list(wiremark_emulator):
    assert [ask(wiremark_emulator) for _ in range(3)] == ["one", "two", "one"]

@pytest.mark.wiremark_scenario(Scenario(["only"]))
@pytest.mark.parametrize("number", range(2))
def test_a_scenario(wiremark_emulator, number):
    assert [ask(wiremark_emulator) for _ in range(2)] == ["only", "hello"]
"""
    run(mine, code).assert_outcomes(passed=4)


@pytest.mark.parametrize(
    ("mark", "told"),
    [
        ('{"txet": 1}', "wiremark_scenario: scenario[0]: unknown field 'txet'"),
        ('"one", cycle=True', "wiremark_scenario takes replies and repeat, not cycle"),
    ],
)
def test_a_mark_that_means_nothing_is_told(mine: pytest.Pytester, mark: str, told: str) -> None:
    code = f"""
@pytest.mark.wiremark_scenario({mark})
def test_never_runs(wiremark_emulator):
    pass
"""
    result = run(mine, code)
    result.assert_outcomes(errors=1)
    assert told in result.stdout.str()


def test_a_fault_of_the_emulator_fails_the_test(mine: pytest.Pytester) -> None:
    code = """
def test_is_not_to_blame(wiremark_emulator):
    ask(wiremark_emulator)
    wiremark_emulator.requests[0].problem = "KeyError: 'x'"

def test_comes_after(wiremark_emulator):
    pass
"""
    result = run(mine, code)
    result.assert_outcomes(passed=2, errors=1)
    assert "the emulator itself failed: KeyError: 'x'" in result.stdout.str()


def test_without_the_extra_the_test_fails_with_what_to_install(mine: pytest.Pytester) -> None:
    code = """
def test_asks(wiremark_emulator):
    pass
"""
    mine.makeconftest("import sys; sys.modules['starlette'] = None")
    result = run(mine, code, apart=True)
    result.assert_outcomes(errors=1)
    said = result.stdout.str()
    assert "wiremark_emulator needs starlette: pip install 'wiremark[emulator]'" in said
    assert "ModuleNotFoundError" not in said


def test_another_module_that_is_missing_is_no_matter_of_the_extra(mine: pytest.Pytester) -> None:
    code = """
def test_asks(wiremark_emulator):
    pass
"""
    mine.makeconftest("import sys; sys.modules['jsonschema'] = None")
    result = run(mine, code, apart=True)
    result.assert_outcomes(errors=1)
    assert "wiremark[emulator]" not in result.stdout.str()


def test_the_mark_is_known_and_the_fixture_described(mine: pytest.Pytester) -> None:
    assert "@pytest.mark.wiremark_scenario(*replies, repeat=False):" in (
        run(mine, "", "--markers").stdout.str()
    )
    assert "wiremark_emulator -- " in run(mine, "", "--fixtures").stdout.str()


def test_the_plugin_is_installed_under_its_own_name(checkout: Path) -> None:
    text = (checkout / "pyproject.toml").read_text(encoding="utf-8")
    points = tomllib.loads(text)["project"]["entry-points"]["pytest11"]
    assert points[PLUGIN] == PLUGIN
    assert all(name == module for name, module in points.items())


# ---------------------------------------------------------------- a session that does not ask


def fresh(code: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": HOME},
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
        f"import {PLUGIN}\n"
        "print((time.perf_counter() - start) * 1000)"
    )
    fresh(code)  # writes the byte code
    assert min(float(fresh(code)) for _ in range(5)) < 5


def test_the_plugin_loads_no_server_and_no_dependency() -> None:
    code = (
        "import sys, pytest\n"
        "before = set(sys.modules)\n"
        f"import {PLUGIN}\n"
        "print(*sorted(set(sys.modules) - before))"
    )
    loaded = {name for name in fresh(code).split() if not name.startswith("_")}
    packages = {"wiremark", "wiremark.seams", "wiremark._lazy", "wiremark.emulator"}
    assert loaded - {"contextvars"} == {*packages, PLUGIN}


def test_a_session_that_does_not_ask_starts_no_server(mine: pytest.Pytester) -> None:
    code = """
import sys, threading

def test_own():
    assert "uvicorn" not in sys.modules
    assert "wiremark.emulator.scenario" not in sys.modules
    assert threading.active_count() == 1
"""
    run(mine, code, apart=True).assert_outcomes(passed=1)
