"""A look at the installed wheel; `make wheel` runs it in an environment of its own.

Not collected with the other tests: there the checkout stands in the wheel's place. Run by name with
`--noconftest -o pythonpath=`, so that nothing of the checkout is importable.
"""

from __future__ import annotations

import json
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import wiremark
from wiremark import _resources

COMMAND = str(Path(sys.executable).with_name("wiremark"))
CHECKOUT = Path(__file__).resolve().parents[1]


def run(*args: str, given: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [COMMAND, *args], input=given, capture_output=True, text=True, check=False
    )


def test_package_is_the_installed_one() -> None:
    home = Path(wiremark.__file__).resolve().parent
    assert home.parent.name == "site-packages"
    assert home != CHECKOUT / "formatters" / "wiremark"
    assert wiremark.__version__ == metadata.version("wiremark")


def test_every_public_name_resolves_without_any_extra() -> None:
    assert [name for name in wiremark.__all__ if getattr(wiremark, name, None) is None] == []


def test_data_folders_are_inside_the_package() -> None:
    home = Path(wiremark.__file__).resolve().parent
    for name in ("schemas", "fixtures"):
        assert _resources.resource_dir(name) == home / name
        assert list((home / name).rglob("*.json"))


def test_command_formats_a_message_and_validates_what_it_wrote() -> None:
    message = {"role": "user", "content": [{"type": "text", "text": "hello"}]}
    made = run(
        "format", "-", "--to", "openai-chat", "--model", "gpt-4.1", given=json.dumps([message])
    )
    assert made.returncode == 0, made.stderr
    assert json.loads(made.stdout)["messages"][0]["role"] == "user"
    judged = run("validate", "-", "--as", "openai", given=made.stdout)
    assert judged.returncode == 0, judged.stdout + judged.stderr
