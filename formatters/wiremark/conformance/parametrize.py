"""Golden cases in a test module of one's own: a decorator that runs a test for each case.

It needs pytest, and imports it when it is used.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from .cases import Case, load
from .check import as_subject, chosen, run
from .expected import read_expected_failures, reasons_for
from .subject import FormatterLike, Subject

__all__ = ["conforms"]


def conforms(
    formatter: FormatterLike | Subject,
    cases: Iterable[Case] | Path | str | None = None,
    *,
    skip: Mapping[str, str] | Path | str | None = None,
    key_order: bool = True,
) -> Callable[[Callable[..., object]], Callable[..., None]]:
    """Run a test function for every golden case of a formatter::

        @conforms(MyFormatter, skip={"media/data-of-other-kind": "we send documents"})
        def test_my_formatter(outcome): ...

    The case is checked first; then the function is called with its `outcome`, if it takes one, and
    with whatever fixtures it names. `cases` may be a folder, `skip` a file; the other arguments,
    and the errors raised here, are those of `check`.
    """  # noqa: D400
    import pytest

    subject = as_subject(formatter)
    given = load(cases) if cases is None or isinstance(cases, Path | str) else cases
    own = chosen(subject, given)
    listed = read_expected_failures(skip) if isinstance(skip, Path | str) else skip or {}
    reasons = reasons_for(listed, [case.id for case in own])

    def decorate(test: Callable[..., object]) -> Callable[..., None]:
        signature = inspect.signature(test)
        takes_outcome = "outcome" in signature.parameters

        @functools.wraps(test)
        def checked(*args: Any, golden_case: Case, **fixtures: Any) -> None:
            __tracebackhide__ = True
            outcome = run(golden_case, subject, key_order=key_order)
            reason = reasons.get(golden_case.id)
            if reason is not None:
                if outcome.passed:
                    pytest.fail(f"passed, though it is expected to fail ({reason})", pytrace=False)
                pytest.xfail(reason)
            if not outcome.passed:
                if outcome.raised is not None:
                    raise AssertionError(str(outcome)) from outcome.raised
                pytest.fail(str(outcome), pytrace=False)
            test(*args, **({"outcome": outcome} if takes_outcome else {}), **fixtures)

        own_parameters = [p for name, p in signature.parameters.items() if name != "outcome"]
        case_parameter = inspect.Parameter("golden_case", inspect.Parameter.KEYWORD_ONLY)
        checked.__signature__ = signature.replace(  # type: ignore[attr-defined]
            parameters=[*own_parameters, case_parameter]
        )
        ids = [case.id for case in own]
        marked: Callable[..., None] = pytest.mark.parametrize("golden_case", own, ids=ids)(checked)
        return marked

    return decorate
