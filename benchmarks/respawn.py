"""A death and what follows, with Liteyuki and its peers: when it is noticed, when the successor runs, what it costs.

The program that is killed is small, so that the figures are the supervisor's. A peer polls, so its figures depend on
the moment of the death between two polls: the waits before the kills are random.
"""

import os
import random
import signal
import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from benchmarks.supervisors import LITEYUKI, Keeping, installed_peers, running
from harness import resident_kib, wait_until

__all__ = ["BENCHMARKS"]

RUNS: Final = 20
PEER_RUNS: Final = 6

# It reports when its first instruction runs, and its last one if it ends by itself.
PROGRAM: Final = """
import os, sys, time
def say(what):
    with open(sys.argv[1], "a") as file:
        file.write(f"{what} {os.getpid()} {time.time()}\\n")
say("begun")
while not os.path.exists(sys.argv[1] + ".end"):
    time.sleep(0.01)
os.unlink(sys.argv[1] + ".end")
say("ends")
os._exit(1)
"""


class _Program:
    """The small program, and what it has said."""

    def __init__(self, directory: Path) -> None:
        self._said = directory / "said"
        file = directory / "program.py"
        file.write_text(PROGRAM)
        self.words = [sys.executable, "-S", str(file), str(self._said)]

    def said(self, what: str) -> list[tuple[int, float]]:
        """Pid and time (wall clock) of each process that has reported."""
        with self._said.open("a+") as file:
            file.seek(0)
            lines = [line.split() for line in file if line.endswith("\n")]
        return [(int(pid), float(at)) for word, pid, at in lines if word == what]

    def wait_begun(self, count: int) -> tuple[int, float]:
        begun = wait_until(lambda: len(said := self.said("begun")) >= count and said, f"start {count}", 60.0)
        pid, at = begun[count - 1]
        return int(pid), float(at)

    def end(self) -> None:
        Path(f"{self._said}.end").touch()


def _line(what: str, values: Sequence[float], unit: str) -> None:
    spread = f"{min(values):.2f} to {max(values):.2f}"
    print(f"{what:<66} {statistics.median(values):>8.2f} {unit:<4} ({spread}, {len(values)} runs)", flush=True)


def exits() -> None:
    """From the last instruction of a program that exits to the moment at which the main process notes the exit."""
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        program = _Program(directory)
        with running(LITEYUKI, directory, program.words):
            for count in range(1, RUNS + 1):
                program.wait_begun(count)
                time.sleep(random.uniform(0.1, 0.5))
                program.end()
                program.wait_begun(count + 1)
        ends = dict(program.said("ends"))
        known = _history(directory, "exit")
    late = [(known[pid] - at) * 1000 for pid, at in ends.items()]
    _line("a program's last instruction to the main process knowing", late, "ms")


def _history(directory: Path, kind: str) -> dict[int, float]:
    """When the main process has recorded the event, by the pid of the process that it happened to."""
    database = sqlite3.connect(directory / ".liteyuki" / "history.db")
    try:
        return dict(database.execute("SELECT pid, at FROM history WHERE kind = ?", (kind,)).fetchall())
    finally:
        database.close()


def respawn() -> None:
    """From SIGKILL of a program to its successor's spawn (ours) and first instruction (all)."""
    for keeping in (LITEYUKI, *installed_peers()):
        if keeping.starts_again:
            _respawn(keeping, RUNS if keeping is LITEYUKI else PEER_RUNS)


def _respawn(keeping: Keeping, runs: int) -> None:
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        program = _Program(directory)
        firsts, killed = [], []
        with running(keeping, directory, program.words):
            for count in range(1, runs + 1):
                pid, _ = program.wait_begun(count)
                time.sleep(random.uniform(1.5, 2.5))
                killed.append(time.time())
                os.kill(pid, signal.SIGKILL)
                _, at = program.wait_begun(count + 1)
                firsts.append((at - killed[-1]) * 1000)
        if keeping is LITEYUKI:
            spawned = sorted(_history(directory, "start").values())[1:]
            spawns = [(at - before) * 1000 for at, before in zip(spawned, killed, strict=True)]
            _line("kill -9 of a program to the spawn of its successor, liteyuki", spawns, "ms")
    _line(f"kill -9 of a program to its successor's first instruction, {keeping.name}", firsts, "ms")


def memory_of_all() -> None:
    """Resident memory of the supervisor itself while it runs one small program."""
    for keeping in (LITEYUKI, *installed_peers()):
        sizes = []
        for _ in range(3):
            with tempfile.TemporaryDirectory() as name:
                program = _Program(Path(name))
                with running(keeping, Path(name), program.words) as pid:
                    program.wait_begun(1)
                    time.sleep(1.0)
                    sizes.append(resident_kib(pid) / 1024)
        _line(f"resident memory with one small program, {keeping.name}", sizes, "MiB")


BENCHMARKS: dict[str, Callable[[], None]] = {"exit": exits, "respawn": respawn, "memory:peers": memory_of_all}
