"""Where the data folders are found, in a checkout and in a package."""

from __future__ import annotations

from pathlib import Path

import pytest

from wiremark import WiremarkError, _resources


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package folder two levels deep, as in a checkout, and nothing beside it."""
    folder = tmp_path / "formatters" / "wiremark"
    folder.mkdir(parents=True)
    monkeypatch.setattr(_resources, "_PACKAGE", folder)
    monkeypatch.setattr(_resources, "_CHECKOUT", tmp_path)
    return folder


def write(file: Path, text: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")


def test_checkout_holds_the_schemas(checkout: Path) -> None:
    assert _resources.resource_dir("schemas") == checkout / "schemas"


def test_package_comes_before_the_checkout(package: Path, tmp_path: Path) -> None:
    write(tmp_path / "pyproject.toml", "")
    write(tmp_path / "schemas" / "a.json", '"at the root"')
    write(package / "schemas" / "a.json", '"in the package"')
    assert _resources.read_json("schemas", "a.json") == "in the package"


def test_folder_at_a_root_without_pyproject_is_not_taken(package: Path, tmp_path: Path) -> None:
    write(tmp_path / "schemas" / "a.json", "{}")
    with pytest.raises(WiremarkError, match=r"^schemas: this data folder is neither"):
        _resources.resource_dir("schemas")
    write(tmp_path / "pyproject.toml", "")
    assert _resources.resource_dir("schemas") == tmp_path / "schemas"


def test_absent_file_is_named(package: Path) -> None:
    write(package / "fixtures" / "cases" / "a.json", "{}")
    with pytest.raises(WiremarkError, match=r"^fixtures/cases/b\.json: no such data file"):
        _resources.read_json("fixtures", "cases", "b.json")


def test_file_that_is_not_json_is_named(package: Path) -> None:
    write(package / "schemas" / "a.json", "{")
    with pytest.raises(WiremarkError, match=r"^schemas/a\.json: not JSON: "):
        _resources.read_json("schemas", "a.json")


def test_each_read_is_a_fresh_value(package: Path) -> None:
    write(package / "schemas" / "a.json", '{"type": "object"}')
    _resources.read_json("schemas", "a.json").clear()
    assert _resources.read_json("schemas", "a.json") == {"type": "object"}
