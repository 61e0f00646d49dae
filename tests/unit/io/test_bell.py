"""Waking a thread that waits on OS handles."""

import gc
import warnings
from pathlib import Path

import pytest

from liteyuki.comm.io.bell import Bell, wait_readable


def test_a_bell_is_readable_from_the_first_ring_until_it_is_cleared() -> None:
    bell = Bell()
    assert wait_readable([bell.fileno()], 0) == []
    bell.ring()
    bell.ring()
    assert wait_readable([bell.fileno()], 0) == [bell.fileno()]
    bell.clear()
    assert wait_readable([bell.fileno()], 0) == []
    bell.clear()


def test_a_bell_that_nobody_clears_can_be_rung_for_ever() -> None:
    bell = Bell()
    for _ in range(100_000):
        bell.ring()
    bell.clear()
    bell.ring()
    assert wait_readable([bell.fileno()], 0) == [bell.fileno()]


def test_a_forgotten_bell_gives_its_handles_back_without_a_word() -> None:
    class Holder:
        pass

    before = set(Path("/dev/fd").iterdir())
    with warnings.catch_warnings(), pytest.MonkeyPatch.context() as patch:
        warnings.simplefilter("error")
        complaints: list[object] = []
        patch.setattr("sys.unraisablehook", complaints.append)
        for _ in range(10):
            bell = Bell()
            holder = Holder()
            holder.__dict__.update(bell=bell, itself=holder)
            # Somebody is inside of a call on its parts while the collector looks, which puts them before the bell.
            waiting, ringing = (getattr(bell, name) for name in ("_waiting", "_ringing"))
            del bell
            gc.collect(0)
            del waiting, ringing, holder
            gc.collect()
    assert complaints == []
    assert set(Path("/dev/fd").iterdir()) == before
