"""Limits and schedules: when they are due."""

from datetime import datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from liteyuki.supervise.triggers.file_watch import matters
from liteyuki.supervise.triggers.limits import SAMPLES, MemorySight, lifetime
from liteyuki.supervise.triggers.schedule import is_due, next_time

times = st.datetimes(datetime(2020, 1, 1), datetime(2040, 1, 1))
DAILY = "0 4 * * *"


@given(st.lists(st.integers(0, 200), max_size=30))
def test_a_peak_is_no_leak(used: list[int]) -> None:
    sight, in_a_row = MemorySight(), 0
    for each in used:
        sight = sight.after(each, 100)
        in_a_row = in_a_row + 1 if each > 100 else 0
        assert sight.is_too_large == (in_a_row >= SAMPLES)


def test_a_limit_that_cannot_be_kept_to_restarts_ever_more_seldom_and_a_leak_as_often_as_it_fills_up() -> None:
    def looks_until_restart(sight: MemorySight) -> tuple[int, MemorySight]:
        looks = 0
        while not sight.is_too_large:
            sight, looks = sight.after(200, 100), looks + 1
        return looks, sight.restarted()

    sight, counts = MemorySight(), []
    for _ in range(9):
        looks, sight = looks_until_restart(sight)
        counts.append(looks)
    assert counts == [SAMPLES * 2 ** min(restarts, 7) for restarts in range(9)]
    for _ in range(3):
        looks, sight = looks_until_restart(sight.after(50, 100))
        assert looks == SAMPLES


@given(st.floats(0.1, 1e7), st.floats(0, 1, exclude_max=True))
def test_nobody_is_ended_before_its_age_nor_much_after(max_age: float, chance: float) -> None:
    assert max_age <= lifetime(max_age, chance) <= 1.1 * max_age


def test_ages_differ() -> None:
    assert lifetime(100.0, 0.0) != lifetime(100.0, 0.5)


@given(times, st.lists(st.floats(1, 120), min_size=1, max_size=60))
def test_each_time_is_due_once_however_the_clock_is_looked_at(start: datetime, steps: list[float]) -> None:
    last, due = start, 0
    for step in steps:
        now = last + timedelta(seconds=step)
        due += is_due("*/5 * * * *", last, now)
        last = now
    expected, at = 0, next_time("*/5 * * * *", start)
    while at <= last:
        expected, at = expected + 1, next_time("*/5 * * * *", at)
    assert due == expected


@given(times, times)
def test_a_clock_that_is_set_makes_up_for_two_hours_at_most(last: datetime, now: datetime) -> None:
    due = is_due(DAILY, last, now)
    if now <= last:
        assert not due
    if due:
        assert timedelta(0) <= now - next_time(DAILY, last) <= timedelta(hours=2)


def test_a_machine_that_learns_the_time_late_restarts_nothing() -> None:
    assert not is_due(DAILY, datetime(1970, 1, 1), datetime(2026, 11, 27, 4, 30))
    assert is_due(DAILY, datetime(2026, 11, 27, 3, 59), datetime(2026, 11, 27, 5, 30))


@given(times)
def test_the_next_time_is_after_now(now: datetime) -> None:
    assume(now.second or now.minute)
    at = next_time(DAILY, now)
    assert at > now
    assert (at.hour, at.minute, at.second) == (4, 0, 0)


ROOT = Path("/project")


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("plugins/a.py", True),
        ("pyproject.toml", True),
        (".env", True),
        (".env.prod", True),
        ("plugins/a.so", True),
        ("plugins/data.json", False),
        ("bot.log", False),
        ("plugins/__pycache__/a.cpython-311.pyc", False),
        (".venv/lib/a.py", False),
        (".liteyuki/a.py", False),
        ("lib/site-packages/a.py", False),
        (".hidden.py", True),
        ("settings.yml", True),
        ("other.yml", False),
    ],
)
def test_what_a_process_is_made_from(path: str, expected: bool) -> None:
    watched = [ROOT, ROOT / "settings.yml"]
    assert matters(ROOT / path, watched) is expected


def test_what_lies_elsewhere_does_not_matter() -> None:
    assert not matters(Path("/other/a.py"), [ROOT])
    assert matters(Path("/home/.cache/project/a.py"), [Path("/home/.cache/project")])
