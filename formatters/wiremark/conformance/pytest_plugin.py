"""Hooks of the pytest plugin: options, and nothing more for a session that uses none of them.

pytest imports this module in every session of an environment that has wiremark, before coverage is
measured, so it imports nothing. PYTEST_DONT_REWRITE
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pytest

__all__ = ["pytest_addoption", "pytest_configure"]

_OPTIONS = (
    (
        "formatter",
        {"action": "append", "metavar": "MODULE:NAME"},
        "run the golden cases against this formatter: class, instance or factory (may be repeated)",
    ),
    (
        "program",
        {"metavar": "COMMAND"},
        "run the golden cases against this program, over stdin and stdout",
    ),
    (
        "as",
        {"metavar": "NAMES"},
        "the formatters whose cases --wiremark-program is asked, by comma",
    ),
    ("cases", {"metavar": "DIR"}, "cases of your own instead of those in the package"),
    ("skip", {"metavar": "FILE"}, "expected failures: a JSON object, case id to reason"),
    (
        "update",
        {"metavar": "KINDS"},
        "write into --wiremark-cases what came out: create, fix, trim, by comma; never under CI",
    ),
    ("timeout", {"metavar": "SECONDS", "type": float}, "for each answer of the program (10)"),
    ("ignore-key-order", {"action": "store_true"}, "let the keys of an object stand in any order"),
)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options; their defaults are all false."""
    group = parser.getgroup("wiremark", "golden cases of wiremark")
    for name, settings, text in _OPTIONS:
        group.addoption(f"--wiremark-{name}", help=text, **settings)


def pytest_configure(config: pytest.Config) -> None:
    """Begin where a session uses one of the options."""
    names = [name.replace("-", "_") for name, _, _ in _OPTIONS]
    given = {name: config.getoption(f"wiremark_{name}", None) for name in names}
    if any(value not in (None, False) for value in given.values()):
        from .pytest_session import begin

        begin(config, given)
