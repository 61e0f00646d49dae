"""Fixtures of the unit tests: two joined channels over each transport, and what is logged."""

from collections.abc import Iterator

import pytest

pytest.register_assert_rewrite("tests.contracts", "tests.unit.joined")

from liteyuki.log import logger  # noqa: E402 - after the line above, as pytest wants it
from tests.unit.joined import TRANSPORTS, Joiner  # noqa: E402


@pytest.fixture(params=sorted(TRANSPORTS))
def joiner(request: pytest.FixtureRequest) -> Iterator[Joiner]:
    """Makes joined channels and transports, of each kind in turn, and closes them after the test."""
    made = Joiner(TRANSPORTS[request.param])
    yield made
    made.close()


@pytest.fixture
def logged() -> Iterator[list[str]]:
    """The lines that are logged during the test, WARNING and above."""
    lines: list[str] = []
    handler = logger.add(lines.append, level="WARNING", format="{level} {message}")
    yield lines
    logger.remove(handler)
