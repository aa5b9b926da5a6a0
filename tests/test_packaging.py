"""What the sdist and the wheel hold: what git lists, and nothing else."""

from __future__ import annotations

import configparser
import email
import shutil
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

REPOSITORY_ONLY = "fixtures/java/"
"""The bulk Java cases: in the repository and the sdist, not in the wheel."""


@pytest.fixture(scope="module")
def listed(checkout: Path) -> set[str]:
    """Every file of the checkout that git does not ignore, committed or not."""
    if shutil.which("git") is None or not (checkout / ".git").exists():
        pytest.skip("not a git checkout: nothing to compare the package with")
    out = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=checkout,
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    return {name for name in out.split("\0") if name and (checkout / name).is_file()}


@pytest.fixture(scope="module")
def built(
    checkout: Path, listed: set[str], tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, Path]:
    """Build the sdist, then the wheel from it, and return both."""
    out = tmp_path_factory.mktemp("dist")
    done = subprocess.run(
        [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(out), str(checkout)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    (sdist,) = out.glob("*.tar.gz")
    (wheel,) = out.glob("*.whl")
    return sdist, wheel


@pytest.fixture(scope="module")
def wheel(built: tuple[Path, Path]) -> dict[str, bytes]:
    with zipfile.ZipFile(built[1]) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def in_dist_info(wheel: dict[str, bytes], name: str) -> str:
    (content,) = (data for path, data in wheel.items() if path.endswith(f".dist-info/{name}"))
    return content.decode()


def test_wheel_holds_the_package_and_its_data_and_nothing_else(
    wheel: dict[str, bytes], listed: set[str]
) -> None:
    package = {
        name.removeprefix("formatters/") for name in listed if name.startswith("formatters/")
    }
    data = {
        f"wiremark/{name}"
        for name in listed
        if name.startswith(("schemas/", "fixtures/")) and not name.startswith(REPOSITORY_ONLY)
    }
    held = {name for name in wheel if ".dist-info/" not in name}
    assert held == package | data


def test_wheel_data_equals_the_checkout_byte_for_byte(
    wheel: dict[str, bytes], listed: set[str], checkout: Path
) -> None:
    data = [name for name in listed if f"wiremark/{name}" in wheel]
    assert data
    assert all(wheel[f"wiremark/{name}"] == (checkout / name).read_bytes() for name in data)


def test_wheel_is_typed(wheel: dict[str, bytes]) -> None:
    assert "wiremark/py.typed" in wheel


def test_wheel_brings_the_command(wheel: dict[str, bytes]) -> None:
    points = configparser.ConfigParser()
    points.read_string(in_dist_info(wheel, "entry_points.txt"))
    assert dict(points["console_scripts"]) == {"wiremark": "wiremark.cli:main"}


def test_wheel_metadata_says_what_pyproject_says(wheel: dict[str, bytes], checkout: Path) -> None:
    project = tomllib.loads((checkout / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    metadata = email.message_from_string(in_dist_info(wheel, "METADATA"))
    assert metadata["Name"] == project["name"]
    assert metadata["Version"] == project["version"]
    assert metadata["Requires-Python"] == project["requires-python"]
    assert metadata["License-Expression"] == "Apache-2.0"
    extras = metadata.get_all("Provides-Extra") or []
    assert sorted(extras) == sorted(project["optional-dependencies"])
    required = [line for line in metadata.get_all("Requires-Dist") or [] if "extra ==" not in line]
    assert sorted(required) == sorted(project["dependencies"])


def test_sdist_holds_every_file_of_the_repository(
    built: tuple[Path, Path], listed: set[str]
) -> None:
    with tarfile.open(built[0]) as archive:
        held = {member.name.partition("/")[2] for member in archive if member.isfile()}
    assert held == listed | {"PKG-INFO"}


def test_changelog_has_an_entry_for_the_version(checkout: Path) -> None:
    version = tomllib.loads((checkout / "pyproject.toml").read_text(encoding="utf-8"))["project"][
        "version"
    ]
    assert f"\n## [{version}]" in (checkout / "CHANGELOG.md").read_text(encoding="utf-8")
