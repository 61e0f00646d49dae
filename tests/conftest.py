"""Fixtures for all tests."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

# Before anything imports them, whichever tests come first.
pytest.register_assert_rewrite("harness", "tests.contracts", "tests.unit.joined")

from harness import Project  # noqa: E402 - after the line above
from liteyuki.locale import LANGUAGES, language, set_language  # noqa: E402

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # So it is in what a shell starts with `&`, and in all that is started from there; here Ctrl+C is tested.
    signal.signal(signal.SIGINT, signal.default_int_handler)


# How long an example takes says nothing: the tests beside it take as much of the processor as they like.
settings.register_profile("no times", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("no times")

os.environ.pop("LITEYUKI_LANG", None)  # all that is started here speaks the first language


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """One more than there are cores, since some always wait. None for single files, which end before these start."""
    if not any(Path(arg).is_dir() for arg in config.args):
        return 0
    return min(8, (os.cpu_count() or 1) + 1)


@pytest.fixture(autouse=True)
def _first_language() -> Iterator[None]:
    before = language()
    set_language(LANGUAGES[0])
    yield
    set_language(before)


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path / "bot")
