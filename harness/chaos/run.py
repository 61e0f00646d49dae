"""`python -m benchmarks chaos [--minutes M] [--seed N]`: blow after blow, and all that must hold checked after each."""

import argparse
import random
import signal
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Final

from harness import resident_kib
from harness.chaos.blows import Blow, deal
from harness.chaos.disk import disk_at
from harness.chaos.expected import Expectation, expected, forgotten_after
from harness.chaos.project import Tree
from harness.chaos.ring import Broken, Ring
from harness.chaos.strikes import strike

__all__ = ["chaos", "main"]

MINUTES: Final = 5.0
_SHOWN_LINES: Final = 60
_SHOWN_CHARACTERS: Final = 300

Say = Callable[[str], None]


def main(arguments: list[str]) -> int:
    """The command line; 1 if anything did not hold."""
    parser = argparse.ArgumentParser("python -m benchmarks chaos", description=__doc__)
    parser.add_argument("--minutes", type=float, default=MINUTES, help="for how long (%(default)s)")
    parser.add_argument("--seed", type=int, help="that of the run to replay (a new one)")
    options = parser.parse_args(arguments)
    seed = random.randrange(10**6) if options.seed is None else options.seed
    # As with Ctrl+C: nothing is left behind.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        chaos(seed, options.minutes * 60.0, say=lambda line: print(line, flush=True))
    except Broken as broken:
        print(broken, flush=True)
        return 1
    return 0


def chaos(seed: int, seconds: float, *, say: Say) -> int:
    """The run with that seed, until the first blow after `seconds`; returns the number of blows.

    Raises `Broken` at the first thing that is not as it must be; the message says how to see it again.
    """
    say(f"seed {seed}")
    with tempfile.TemporaryDirectory(prefix="chaos-") as directory:
        tree = Tree(Path(directory) / "bot")
        with disk_at(tree.data) as disk:
            say(f"disk: {disk.what}")
            return _fight(Ring(tree, disk), seed, seconds, say)


def _fight(ring: Ring, seed: int, seconds: float, say: Say) -> int:
    took: dict[str, list[float]] = defaultdict(list)
    what = "the start"
    number = 0
    forgotten: frozenset[str] = frozenset()
    try:
        with ring:
            end = time.monotonic() + seconds
            for blow in deal(seed):
                what, number = f"blow {blow}", blow.number
                chance = random.Random(f"{seed} {number}")
                took[blow.kind.value].append(_take(ring, blow, expected(blow, forgotten), chance))
                forgotten = forgotten_after(blow, forgotten)
                say(f"{took[blow.kind.value][-1]:6.2f} s  {blow}")
                if time.monotonic() >= end:
                    break
            memory = resident_kib(ring.main.pid) / 1024
        what = "the end"
        ring.check_end()
    except AssertionError as broken:
        raise Broken([_report(ring, seed, what, broken)]) from broken
    for kind, times in took.items():
        say(f"{len(times):4} x {kind:<64} {sum(times) / len(times):6.2f} s, {max(times):.2f} at most")
    say(
        f"{number} blows, and everything as it must be after each; the main process holds {memory:.1f} MiB; "
        f"{ring.slowest_end:.2f} s at most after its end, nothing of it was left"
    )
    return number


def _take(ring: Ring, blow: Blow, expectation: Expectation, chance: random.Random) -> float:
    """Strike, and check everything; returns the seconds until everything ran again."""
    began, began_at = time.monotonic(), time.time()
    strike(ring, blow, chance)
    ring.count(expectation)
    ring.until_running()
    seconds = time.monotonic() - began
    ring.check_rest()
    ring.check_history(expectation, began_at)
    return seconds


def _report(ring: Ring, seed: int, what: str, broken: AssertionError) -> str:
    last = "\n".join(line[:_SHOWN_CHARACTERS] for line in ring.main.lines[-_SHOWN_LINES:])
    return (
        f"the last that the main process printed:\n{last}\n\n"
        f"seed {seed}, {what}\n{broken}\n"
        f"to see it again: python -m benchmarks chaos --seed {seed}"
    )
