"""Ends what a main process has left that was killed: a program of its own, which the guard turns into.

It starts no other process, since there may be no room for one any more, and imports little, to be there in time.
"""

import math
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from liteyuki._platform import (
    STOP_SIGNAL,
    Running,
    end_cgroup,
    environment_of,
    kill_group,
    remove_cgroup,
    running,
    running_processes,
    send_signal,
)
from liteyuki.supervise.tree.hunt import KILL_TIMEOUT, find, hunt
from liteyuki.supervise.tree.marks import Marks, words_in

__all__ = ["ending_program", "main"]

_SETTLED_AFTER: Final = 0.1
"""Seconds without a new find after which all processes count as found."""
_HUNTS: Final = 10
"""How often it is begun anew where there is no end of them."""
_LONGEST_LOOK: Final = 0.1
_REMOVAL_RETRY: Final = 0.05
_ASKED: Final = "ask:"
# Not `-m`: that would look for our modules, and Python's own, in the project's folder first.
_RUN: Final = (
    "import sys; sys.path[:] = [path for path in sys.path if path]; "
    f"sys.path.append({str(Path(__file__).parents[3])!r}); "
    "from liteyuki.supervise.tree.after_main import main; main(sys.argv[1:])"
)


def ending_program(last_seconds: float, marks: Marks, main_process: Running | None) -> list[str]:
    """What the guard is to turn into, to which it adds the cgroup that all is in, and the children that ran."""
    who = f"{main_process.pid}:{main_process.began}" if main_process is not None else ""
    return [sys.executable, "-S", "-c", _RUN, str(last_seconds), marks.of_children, who]


def main(arguments: Sequence[str]) -> None:
    """`LAST_SECONDS MARK MAIN CGROUP [PID | ask:PID]...`: the children that ran, and which to ask to stop by SIGTERM.

    After the last seconds each of them gets SIGKILL, with everything in the cgroup (if the word is not empty),
    everything below it, and everything whose environment has the mark in it (Linux; elsewhere with its group). The
    cgroup is left to the main process, `PID:BEGAN`, if that has turned into another program.
    """
    last_seconds, mark, main_process, cgroup, *words = arguments
    end = time.monotonic() + float(last_seconds)
    leaders = {int(word.removeprefix(_ASKED)) for word in words}

    def is_mark(environment: Sequence[bytes]) -> bool:
        return any(word.startswith(mark) for word in words_in(environment))

    def is_marked(process: Running) -> bool:
        return is_mark(environment_of(process.pid))

    def is_first(process: Running) -> bool:
        return process.pid in leaders or process.group in leaders or is_marked(process)

    # Now even those that bear no mark, and were taken out of the cgroup, are still below one of them. Where nearly all
    # are in there, a list of more than can be read in time is not waited for.
    first = {
        (process.pid, process.began)
        for process in find(is_first, give_up_at=time.monotonic() + _LONGEST_LOOK if cgroup else math.inf)
    }
    for word in words:
        if word.startswith(_ASKED):
            send_signal(int(word.removeprefix(_ASKED)), STOP_SIGNAL)
    time.sleep(max(0.0, end - time.monotonic()))
    if _goes_on(main_process):
        cgroup = ""
    if cgroup:
        end_cgroup(Path(cgroup))
    if not any(running_processes()):
        for leader in leaders:
            kill_group(leader)

    def is_ours(process: Running) -> bool:
        return (process.pid, process.began) in first or is_marked(process)

    for _ in range(_HUNTS):
        if hunt(is_ours, is_mark, patience=_SETTLED_AFTER):
            break
    if cgroup:
        _remove(Path(cgroup))


def _goes_on(main_process: str) -> bool:
    """Whether it has turned into another program, whose cgroup that is now."""
    process = running(int(main_process.partition(":")[0])) if main_process else None
    return process is not None and not process.has_ended and f"{process.pid}:{process.began}" == main_process


def _remove(cgroup: Path) -> None:
    give_up_at = time.monotonic() + KILL_TIMEOUT
    while not remove_cgroup(cgroup) and time.monotonic() < give_up_at:
        time.sleep(_REMOVAL_RETRY)
