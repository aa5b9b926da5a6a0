"""The pytest fixture `wiremark_emulator`: a provider on loopback that a test can ask.

pytest imports this module in every session of an environment that has wiremark, before coverage is
measured, so it imports nothing; the server is imported and started by the first test that asks for
it. PYTEST_DONT_REWRITE
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from . import Emulator, Scenario

__all__ = ["pytest_configure", "wiremark_emulator"]

_MARK = "wiremark_scenario"


def pytest_configure(config: pytest.Config) -> None:
    """Make the mark known."""
    config.addinivalue_line(
        "markers",
        f"{_MARK}(*replies, repeat=False): what the fixture wiremark_emulator answers, in order:"
        " texts, dicts of the fields of wiremark.emulator.Reply, a list of them, or a Scenario.",
    )


@pytest.fixture(scope="session")
def _wiremark_emulator_of_the_session() -> Iterator[Emulator]:
    try:
        from .server import Emulator
    except ModuleNotFoundError as missing:
        name = (missing.name or "").partition(".")[0]
        if name not in ("starlette", "uvicorn"):
            raise
        pytest.fail(
            f"wiremark_emulator needs {name}: pip install 'wiremark[emulator]'",
            pytrace=False,
        )
    with Emulator() as emulator:
        yield emulator


@pytest.fixture
def wiremark_emulator(
    request: pytest.FixtureRequest, _wiremark_emulator_of_the_session: Emulator
) -> Iterator[Emulator]:
    """Give a provider on loopback that knows nothing of the tests before.

    It answers what the mark `wiremark_scenario` says, then echoes the user. A fault of the emulator
    itself fails the test.
    """
    emulator = _wiremark_emulator_of_the_session
    emulator.reset(_scenario_of(request.node.get_closest_marker(_MARK)))
    yield emulator
    problems = emulator.state.problems
    if problems:
        pytest.fail(f"the emulator itself failed: {problems[0]}", pytrace=False)


def _scenario_of(mark: pytest.Mark | None) -> Scenario | None:
    """Return the scenario of a mark."""
    from ..errors import WiremarkError
    from .scenario import Scenario

    if mark is None:
        return None
    unknown = mark.kwargs.keys() - {"repeat"}
    if unknown:
        pytest.fail(f"{_MARK} takes replies and repeat, not {min(unknown)}", pytrace=False)
    replies = mark.args
    if len(replies) == 1 and isinstance(replies[0], Scenario):
        return replies[0].copy()
    if len(replies) == 1 and isinstance(replies[0], list | tuple):
        replies = tuple(replies[0])
    try:
        return Scenario(replies, **mark.kwargs)
    except WiremarkError as error:
        pytest.fail(f"{_MARK}: {error}", pytrace=False)
