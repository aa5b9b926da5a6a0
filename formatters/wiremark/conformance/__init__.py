"""Golden cases and the checks that run them.

Try a formatter of your own against the cases of the one it derives from::

    from wiremark.conformance import check
    assert check(MyFormatter).ok

Names are loaded when first used, because pytest imports this package for its plugin in every
session. `parity` runs agentscope-java's recorded cases and is not named here.
"""

from __future__ import annotations

import sys
from types import ModuleType
from typing import TYPE_CHECKING

from .._lazy import lazy_names

if TYPE_CHECKING:
    from .cases import Case, load
    from .check import Outcome, Report, check, run
    from .diff import Difference, diff
    from .expected import read_expected_failures
    from .lint import lint
    from .parametrize import conforms
    from .protocol import Program
    from .subject import load_formatter

__all__ = [
    "Case",
    "Difference",
    "Outcome",
    "Program",
    "Report",
    "check",
    "conforms",
    "diff",
    "lint",
    "load",
    "load_formatter",
    "read_expected_failures",
    "run",
]

_EXPORTS = {
    "Case": "cases",
    "Difference": "diff",
    "Outcome": "check",
    "Program": "protocol",
    "Report": "check",
    "check": "check",
    "conforms": "parametrize",
    "diff": "diff",
    "lint": "lint",
    "load": "cases",
    "load_formatter": "subject",
    "read_expected_failures": "expected",
    "run": "check",
}


# Hidden from type checkers: a module-level `__getattr__` would let any misspelt name pass.
if not TYPE_CHECKING:
    __getattr__, __dir__ = lazy_names(__name__, _EXPORTS)


class _Package(ModuleType):
    """Keeps `check`, `diff` and `lint` functions, though submodules bear the same names."""

    def __setattr__(self, name: str, value: object) -> None:
        if not (isinstance(value, ModuleType) and name in _EXPORTS):
            super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package
