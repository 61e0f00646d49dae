"""A hundred programs: how long until all run, compared with spawning them in a loop, and what they cost at rest."""

import json
import os
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from harness import MainProcess, wait_until

__all__ = ["BENCHMARKS"]

COUNT: Final = 100
RUNS: Final = 3
IDLE: Final = 10.0

PROGRAM: Final = """
import os, sys, time
with open(sys.argv[1], "a") as file:
    file.write(f"{time.time()}\\n")
time.sleep(1000)
"""
WORKER: Final = """
import os, time
def main():
    with open(os.environ["SAID"], "a") as file:
        file.write(f"{time.time()}\\n")
    time.sleep(1000)
"""


def _all_run(said: Path) -> float:
    """When the last of them has said that it runs."""

    def times() -> list[str]:
        return said.read_text().splitlines() if said.exists() else []

    wait_until(lambda: len(times()) >= COUNT, "all to run", 120.0)
    return max(map(float, times()))


def _bare(directory: Path, words: Sequence[str], said: Path) -> float:
    environment = {**os.environ, "SAID": str(said), "PYTHONPATH": str(directory)}
    began = time.time()
    # In sessions of their own, as our children are: a busy system shares its time out among sessions.
    children = [subprocess.Popen(words, env=environment, cwd=directory, start_new_session=True) for _ in range(COUNT)]
    try:
        return _all_run(said) - began
    finally:
        for child in children:
            child.kill()
            child.wait()


def _ours(directory: Path, table: str, said: Path) -> tuple[float, float]:
    """Seconds from the first spawn until all run, and the share of a processor that the main process takes at rest."""
    settings = "\n".join(f"[processes.p{number}]\n{table}\nwatchdog = 0" for number in range(COUNT))
    (directory / "liteyuki.toml").write_text(settings)
    command = [sys.executable, "-m", "liteyuki", "run"]
    with MainProcess(command, directory, {"SAID": str(said)}) as main:
        last = _all_run(said)
        first = _first_start(directory / ".liteyuki" / "history.db")
        time.sleep(2.0)
        before = _ticks(main.pid)
        time.sleep(IDLE)
        share = (_ticks(main.pid) - before) / os.sysconf("SC_CLK_TCK") / IDLE
    return last - first, share * 100


def _first_start(history: Path) -> float:
    """When the first child began, by the wall clock, to a hundredth of a second."""
    database = sqlite3.connect(history)
    try:
        (pid,) = database.execute("SELECT pid FROM history WHERE kind = 'start' ORDER BY id").fetchone()
    finally:
        database.close()
    ticks = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19])
    since_boot = ticks / os.sysconf("SC_CLK_TCK")
    return since_boot + time.time() - time.clock_gettime(time.CLOCK_BOOTTIME)


def _ticks(pid: int) -> int:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])


def many() -> None:
    """Programs, and Python workers, which a bare loop spawns with the same imports."""
    shares: list[float] = []
    for kind in ("programs", "Python workers"):
        bare, ours = [], []
        for _ in range(RUNS):
            with tempfile.TemporaryDirectory() as name:
                directory = Path(name)
                (directory / "worker.py").write_text(WORKER)
                if kind == "programs":
                    words = [sys.executable, "-S", "-c", PROGRAM, str(directory / "ours")]
                    table = f"command = {json.dumps(words)}"
                    bare_words = [*words[:-1], str(directory / "bare")]
                else:
                    table = 'target = "worker:main"'
                    bare_words = [sys.executable, "-c", "import liteyuki.child, worker; worker.main()"]
                bare.append(_bare(directory, bare_words, directory / "bare"))
                seconds, share = _ours(directory, table, directory / "ours")
                ours.append(seconds)
                shares.append(share)
        ratio = statistics.median(ours) / statistics.median(bare)
        print(
            f"{COUNT} {kind}, first spawn until all run: {statistics.median(ours):.2f} s ({min(ours):.2f} to "
            f"{max(ours):.2f}), bare spawns in a loop {statistics.median(bare):.2f} s ({min(bare):.2f} to "
            f"{max(bare):.2f}), {ratio:.2f} times as long",
            flush=True,
        )
    print(f"main process with {COUNT} children, share of a processor at rest: {statistics.median(shares):.2f} %")


BENCHMARKS: dict[str, Callable[[], None]] = {"many": many}
