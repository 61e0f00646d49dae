"""Fixtures for all tests, and the time limit that every test has."""

import faulthandler
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from types import FrameType

import pytest

# Before anything imports them, whichever tests come first.
pytest.register_assert_rewrite("liteyuki.comm.testing", "tests.harness", "tests.unit.joined")

from liteyuki.locale import LANGUAGES, language, set_language  # noqa: E402 - after the line above
from tests.harness import Project  # noqa: E402

TEST_LIMIT = 120
"""Seconds after which a test is ended, with the stacks of all threads."""


if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # So it is in what a shell starts with `&`, and in all that is started from there; here Ctrl+C is tested.
    signal.signal(signal.SIGINT, signal.default_int_handler)


os.environ.pop("LITEYUKI_LANG", None)  # all that is started here speaks the first language


@pytest.fixture(autouse=True)
def _time_limit() -> Iterator[None]:
    def give_up(number: int, frame: FrameType | None) -> None:
        faulthandler.dump_traceback()
        pytest.fail(f"the test took longer than {TEST_LIMIT} s")

    before = signal.signal(signal.SIGALRM, give_up)
    signal.alarm(TEST_LIMIT)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


@pytest.fixture(autouse=True)
def _first_language() -> Iterator[None]:
    before = language()
    set_language(LANGUAGES[0])
    yield
    set_language(before)


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path / "bot")
