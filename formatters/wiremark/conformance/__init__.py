"""Golden cases and the checks that run them.

Try a formatter of your own against the cases of the one it derives from::

    from wiremark.conformance import check
    assert check(MyFormatter).ok

`parity` runs agentscope-java's recorded cases and is not imported here.
"""

from __future__ import annotations

from .cases import Case, lint, load
from .check import Outcome, Report, check, run
from .diff import Difference, diff

__all__ = ["Case", "Difference", "Outcome", "Report", "check", "diff", "lint", "load", "run"]
