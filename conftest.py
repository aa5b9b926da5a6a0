"""Fixtures that all tests share; under importlib mode tests share through fixtures, not imports."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import settings

# Two busy cores make a deadline measure the neighbours. With CI set, hypothesis takes its own "ci"
# profile, which is deterministic and has no deadline either.
settings.register_profile("local", deadline=None)
if not os.environ.get("CI"):
    settings.load_profile("local")


@pytest.fixture(scope="session")
def checkout() -> Path:
    """Return the root of the checkout."""
    return Path(__file__).resolve().parent


@pytest.fixture(scope="session")
def shared_dir() -> Path:
    """Return the folder of recorded real input, or skip, saying how to name it."""
    value = os.environ.get("WIREMARK_SHARED", "")
    if not value:
        pytest.skip("recorded real input not named: set WIREMARK_SHARED to the shared folder")
    folder = Path(value).resolve()
    if not folder.is_dir():
        pytest.fail(f"WIREMARK_SHARED names no folder: {value}")
    return folder
