"""Fixtures of the unit tests: two joined channels, and what is logged."""

from collections.abc import Iterator

import pytest

from liteyuki.log import logger
from tests.unit.joined import TRANSPORTS, Joiner


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
