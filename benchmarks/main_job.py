"""The main job in figures: memory, idle wake-ups, restart from the chat, successor after a kill."""

import os
import re
import signal
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from harness import MainProcess, OneBot, Project, wait_until

__all__ = ["BENCHMARKS"]

RUNS = 10
IDLE = 30.0
"""Seconds during which wake-ups are counted."""

# Python runs this before anything else, so it tells when the successor has executed its first instruction.
FIRST_INSTRUCTION = """
import os, time
with open(os.environ["FIRST_INSTRUCTION_FILE"], "a") as file:
    file.write(f"{time.monotonic()}\\n")
"""


@contextmanager
def _project() -> Iterator[Project]:
    with tempfile.TemporaryDirectory() as directory:
        yield Project(Path(directory) / "bot")


def _line(what: str, values: Sequence[float], unit: str) -> None:
    spread = f"{min(values):.2f} to {max(values):.2f}"
    print(f"{what:<66} {statistics.median(values):>8.2f} {unit:<4} ({spread}, {len(values)} runs)", flush=True)


def _status(folder: Path, name: str) -> int:
    found = re.search(rf"^{name}:\s+(\d+)", (folder / "status").read_text(), re.MULTILINE)
    assert found is not None, name
    return int(found[1])


def memory() -> None:
    """Resident memory of the main process, one NoneBot process ready."""
    sizes = []
    for _ in range(5):
        with _project() as project, project.run() as main:
            main.wait_ready()
            sizes.append(_status(Path(f"/proc/{main.pid}"), "VmRSS") / 1024)
    _line("main process, resident memory after start", sizes, "MiB")


def idle() -> None:
    """How often the main process wakes up when nothing happens: the context switches of all its threads."""
    for watchdog, words in (("60", "watchdog on"), ("0", "watchdog off")):
        rates = []
        with _project() as project, project.run(LITEYUKI_PROCESSES__NONEBOT__WATCHDOG=watchdog) as main:
            main.wait_for("Uvicorn running")
            time.sleep(1.0)
            for _ in range(3):
                before = _switches(main.pid)
                time.sleep(IDLE)
                rates.append((_switches(main.pid) - before) / IDLE)
        _line(f"main process, wake-ups when idle, {words}", rates, "1/s")


def _switches(pid: int) -> int:
    return sum(
        _status(thread, "voluntary_ctxt_switches") + _status(thread, "nonvoluntary_ctxt_switches")
        for thread in Path(f"/proc/{pid}/task").iterdir()
    )


def restart() -> None:
    """From "/restart" in the chat to the first answer of the new process; the chat client reconnects every 20 ms."""
    answers, firsts = [], []
    with _project() as project, project.run() as main, OneBot(project.port) as qq:
        main.wait_ready()
        for run in range(1, RUNS + 1):
            qq.wait_connected(run)
            said = time.monotonic()
            qq.say("/restart")
            qq.wait_said("^正在重启", count=run)
            answers.append((time.monotonic() - said) * 1000)
            qq.wait_said("^重启完成", count=run)
            firsts.append(time.monotonic() - said)
    _line("/restart to 正在重启", answers, "ms")
    _line("/restart to the first answer of the new process", firsts, "s")


def kill() -> None:
    """From SIGKILL of the child to its successor's first instruction, and to its being ready."""
    firsts, readies = [], []
    with _project() as project:
        early = project.directory / "early"
        early.mkdir()
        (early / "sitecustomize.py").write_text(FIRST_INSTRUCTION)
        times = project.directory / "times"
        environment = {"PYTHONPATH": str(early), "FIRST_INSTRUCTION_FILE": str(times)}
        for _ in range(RUNS):
            with project.run(**environment) as main:
                firsts.append(_kill_once(main, times) * 1000)
                before = time.monotonic()
                main.wait_ready(2)
                readies.append(time.monotonic() - before + firsts[-1] / 1000)
    _line("kill -9 of the child to its successor's first instruction", firsts, "ms")
    _line("kill -9 of the child to its successor being ready", readies, "s")


def _kill_once(main: MainProcess, times: Path) -> float:
    child = main.wait_ready()
    before = len(times.read_text().splitlines())
    killed = time.monotonic()
    os.kill(child, signal.SIGKILL)
    wait_until(lambda: len(times.read_text().splitlines()) > before, "the successor")
    return float(times.read_text().splitlines()[before]) - killed


BENCHMARKS: dict[str, Callable[[], None]] = {"memory": memory, "idle": idle, "restart": restart, "kill": kill}
