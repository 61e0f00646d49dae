"""A short chaos run, with a seed of its own each time: `python -m benchmarks chaos --seed N` shows it again."""

import random
import sys

import pytest

from harness.chaos import chaos

pytestmark = [
    pytest.mark.end_to_end,
    pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux tells what runs below what"),
]

SECONDS = 15.0


def test_whatever_is_done_to_a_tree_everything_runs_again() -> None:
    assert chaos(random.randrange(10**6), SECONDS, say=print) > 0
