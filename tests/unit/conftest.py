"""Fixtures of the unit tests: two joined channels, and what is logged."""

from collections.abc import Iterator

import pytest

from liteyuki.log import logger
from tests.unit.joined import Joiner


@pytest.fixture
def joiner() -> Iterator[Joiner]:
    """Makes joined channels and transports, and closes them after the test."""
    made = Joiner()
    yield made
    made.close()


@pytest.fixture
def logged() -> Iterator[list[str]]:
    """The lines that are logged during the test, WARNING and above."""
    lines: list[str] = []
    handler = logger.add(lines.append, level="WARNING", format="{level} {message}")
    yield lines
    logger.remove(handler)
