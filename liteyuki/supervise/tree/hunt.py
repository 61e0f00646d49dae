"""Stops, and then kills, what is found to be ours, also where it forks and ends all the time.

Everything is stopped (SIGSTOP) before any of it is killed. What is stopped starts no other; what it has started still
is below it, and can be found; nobody sees it as dead and replaces it; and where a limit bounds how many may run, it
still fills its place. So each round leaves fewer.

What moves on to another pid all the time has left most of those in a list of what runs by the time they are read. But
it is the youngest process again and again, and which that is the kernel tells in an instant.
"""

import math
import signal
import time
from collections.abc import Callable
from typing import Final

from liteyuki._platform import Running, environment_of, running_processes, send_signal, youngest_pids
from liteyuki.supervise.tree.marks import below

__all__ = ["KILL_TIMEOUT", "find", "hunt"]

KILL_TIMEOUT: Final = 5.0
"""Seconds that the kernel may take to end a killed process; one that waits for a disk cannot be ended at all."""
_CHASE: Final = 0.002
"""Seconds of each round, at least, that go to the youngest process; half of it, where a list takes longer."""


def find(
    is_root: Callable[[Running], bool],
    found: Callable[[Running], None] | None = None,
    give_up_at: float = math.inf,
) -> list[Running]:
    """What `is_root` says yes to, and everything below it, as far as it runs.

    `found` is called for each of the former at once, before it can move on. At `give_up_at` (monotonic) it makes do
    with what was read by then.
    """
    running: list[Running] = []
    roots: list[Running] = []
    for process in running_processes():
        if time.monotonic() > give_up_at:
            break
        running.append(process)
        if is_root(process):
            roots.append(process)
            if found is not None and not process.has_ended:
                found(process)
    return [process for process in below(roots, running) if not process.has_ended]


def hunt(
    is_root: Callable[[Running], bool],
    is_mark: Callable[[list[bytes]], bool],
    *,
    patience: float = 0.0,
    longest: float = 1.0,
) -> bool:
    """SIGKILL what is found, once no more was for `patience` seconds; at least one round has then found nothing.

    `is_root` decides as in `find`, `is_mark` by the environment alone. It blocks, for `longest` and `patience` at
    most, after which what was found is killed; False if more were found until then.
    """
    stopped: set[int] = set()

    def stop(pid: int) -> None:
        send_signal(pid, signal.SIGSTOP)
        stopped.add(pid)

    began = found_at = time.monotonic()
    is_over = False
    while not is_over and time.monotonic() - began < longest + patience:
        count, round_began = len(stopped), time.monotonic()
        listed = [process.pid for process in find(is_root, lambda process: stop(process.pid))]
        for pid in listed:
            stop(pid)
        _chase(is_mark, stop, max(_CHASE, time.monotonic() - round_began))
        if len(stopped) > count:
            found_at = time.monotonic()
        else:
            is_over = time.monotonic() - found_at >= patience
    # Some may have ended nevertheless, and another may have the pid by now.
    for pid in (*listed, *(pid for pid in stopped.difference(listed) if is_mark(environment_of(pid)))):
        send_signal(pid, signal.SIGKILL)
    return is_over


def _chase(is_mark: Callable[[list[bytes]], bool], stop: Callable[[int], None], seconds: float) -> None:
    stranger = 0
    for pid in youngest_pids(seconds):
        if pid == stranger:
            continue
        environment = environment_of(pid)
        if is_mark(environment):
            stop(pid)
        elif environment:  # one that is only just being made has none yet
            stranger = pid
