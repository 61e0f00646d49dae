"""A flood of output in figures: lines per second through the main process, lines lost, growth of its memory."""

import os
import re
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

from harness import resident_kib, wait_until

__all__ = ["BENCHMARKS"]

LINES = 1_000_000
WARM_UP = 20_000
"""Lines before the memory is measured for the first time."""
RUNS = 3

CONFIGURATION = """
log_files = {{ max_size = "1 GiB", count = 2 }}
[processes.flood]
command = [{python!r}, "flood.py"]
restart = "never"
"""

# One write per line, as in most programs, and unbuffered, as our children are.
FLOOD = """
import os, time
for number in range({warm_up} + {lines}):
    if number == {warm_up}:
        while not os.path.exists("go"):
            time.sleep(0.01)
    os.write(1, b"line %07d of a flood, about as long as those of a log are\\n" % number)
"""
NUMBER = re.compile(rb"^line (\d{7}) of a flood", re.MULTILINE)


class _Console:
    """Reads what the main process prints as fast as it can, and keeps the numbers of the lines."""

    def __init__(self, handle: int) -> None:
        self.seen = 0
        self.is_in_order = True
        self._handle = handle
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self) -> None:
        rest = b""
        while data := os.read(self._handle, 1 << 20):
            head, _, rest = (rest + data).rpartition(b"\n")
            for number in map(int, NUMBER.findall(head)):
                self.is_in_order &= number == self.seen
                self.seen += 1


def output() -> None:
    """`LINES` lines through a pipe, to the console and the log file at once."""
    rates, growths, sizes = [], [], []
    for _ in range(RUNS):
        with tempfile.TemporaryDirectory() as directory:
            rate, before, after = _run_once(Path(directory))
        rates.append(rate / 1000)
        growths.append((after - before) / 1024)
        sizes.append(after / 1024)
    print(f"{LINES} lines, {RUNS} runs: none lost on the console, none in the log file, all in order")
    for what, values, unit in (
        ("lines through the main process", rates, "k/s"),
        ("main process, growth of its resident memory over them", growths, "MiB"),
        ("main process, resident memory after them", sizes, "MiB"),
    ):
        print(f"{what:<66} {statistics.median(values):>8.2f} {unit:<4} ({min(values):.2f} to {max(values):.2f})")


def _run_once(directory: Path) -> tuple[float, int, int]:
    """Lines per second, and resident memory in KiB before and after. Raises `AssertionError` if a line is lost."""
    (directory / "liteyuki.toml").write_text(CONFIGURATION.format(python=sys.executable))
    (directory / "flood.py").write_text(FLOOD.format(warm_up=WARM_UP, lines=LINES))
    reader, writer = os.pipe()
    main = subprocess.Popen([sys.executable, "-m", "liteyuki", "run"], cwd=directory, stdout=writer)
    os.close(writer)
    try:
        console = _Console(reader)
        wait_until(lambda: console.seen == WARM_UP, "the first lines")
        time.sleep(0.2)
        before = resident_kib(main.pid)
        began = time.monotonic()
        (directory / "go").touch()
        wait_until(lambda: console.seen == WARM_UP + LINES, "the last line", 300.0)
        rate = LINES / (time.monotonic() - began)
        time.sleep(0.2)
        after = resident_kib(main.pid)
    finally:
        main.terminate()
        main.wait()
        os.close(reader)
    assert console.is_in_order
    numbers = NUMBER.findall((directory / ".liteyuki" / "logs" / "flood.log").read_bytes())
    assert list(map(int, numbers)) == list(range(WARM_UP + LINES)), len(numbers)
    return rate, before, after


BENCHMARKS: dict[str, Callable[[], None]] = {"output": output}
