"""What a thousand restarts and a million lines of output leave behind in the main process: memory, handles, zombies."""

import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from harness import MainProcess, resident_kib, wait_until

__all__ = ["BENCHMARKS"]

RESTARTS: Final = 1_000
LINES: Final = 1_000_000
WARM_UP: Final = 50
"""Restarts before the first look: the first ones load code that all later ones share."""

SETTINGS: Final = """
log_level = "ERROR"
[processes.program]
command = {words!r}
backoff = {{ base = 0.0 }}
give_up = {{ deaths = 1000000 }}
"""
PROGRAM: Final = f"""
import os
lives = open("lives", "a+")
lives.seek(0)
number = len(lives.read()) + 1
lives.write("x")
lives.close()
line = b"line of a program that lives for a moment only\\n"
os.write(1, line * {LINES // RESTARTS})
if number in ({WARM_UP}, {WARM_UP + RESTARTS}):
    import signal
    signal.pause()
os._exit(number == 1)  # the log file of the main process is open from its first error on
"""


def endurance() -> None:
    """One program that prints and ends, over and over; the state of the main process before and after."""
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        (directory / "program.py").write_text(PROGRAM)
        words = [sys.executable, "-S", "program.py"]
        (directory / "liteyuki.toml").write_text(SETTINGS.format(words=words))
        command = [sys.executable, "-m", "liteyuki", "run"]
        with MainProcess(command, directory, {}) as main:
            before = _at_rest(main, directory / "lives", WARM_UP)
            began = time.monotonic()
            subprocess.run(["kill", "-KILL", str(main.child())], check=True)
            after = _at_rest(main, directory / "lives", WARM_UP + RESTARTS)
            seconds = time.monotonic() - began
    print(f"{RESTARTS} restarts and {LINES} lines in {seconds:.0f} s, before and after:")
    for what, one, other in zip(("resident memory, MiB", "handles", "zombies", "threads"), before, after, strict=True):
        print(f"main process, {what:<51} {one:>8.2f} {other:>8.2f}")


def _at_rest(main: MainProcess, lives: Path, count: int) -> tuple[float, float, float, float]:
    wait_until(lambda: lives.exists() and lives.stat().st_size >= count, f"life {count}", 900.0)
    time.sleep(2.0)
    stat = subprocess.run(["ps", "-o", "stat=", "--ppid", str(main.pid)], capture_output=True, text=True, check=False)
    zombies = sum("Z" in line for line in stat.stdout.split())
    handles = sum(1 for _ in Path(f"/proc/{main.pid}/fd").iterdir())
    threads = sum(1 for _ in Path(f"/proc/{main.pid}/task").iterdir())
    return resident_kib(main.pid) / 1024, handles, zombies, threads


BENCHMARKS: dict[str, Callable[[], None]] = {"endurance": endurance}
