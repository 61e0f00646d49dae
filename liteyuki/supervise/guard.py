"""Ends what children leave behind: when one of them ends, when all are stopped, when the main process was killed."""

import asyncio
import contextlib
import os
import signal
import time
from collections.abc import Callable
from typing import Final

from liteyuki._platform import STOP_SIGNAL, kill_group
from liteyuki._platform_guard import spawn_guard
from liteyuki._platform_tree import (
    Running,
    adopt_orphans,
    command_of,
    environment_of,
    running_children,
    running_processes,
    send_signal,
)
from liteyuki.supervise.orphans import OrphanCollector
from liteyuki.supervise.tree import VARIABLE, Marks, belongs, below, tree_of, words_in

__all__ = ["LAST_SECONDS", "Guard", "Tree"]

LAST_SECONDS: Final = 0.5
"""How long children whose main process is gone may take to stop by themselves."""
_ROUNDS: Final = 50
"""How often what is to be killed is looked for anew before the first is killed."""
_KILL_TIMEOUT: Final = 5.0
"""Seconds that the kernel may take to end what was killed (one that waits for a disk cannot be ended)."""
_LOOK_AGAIN: Final = 0.05


class Guard:
    """Knows the trees that run. On the main thread's loop; making one raises `OSError` if the system cannot.

    While it is open, this process adopts the orphans of its descendants (Linux).
    """

    def __init__(self) -> None:
        self._trees: dict[int, Tree] = {}
        self._inherited = os.environ.get(VARIABLE)
        self.marks = Marks(self._inherited)
        os.environ.update(self.marks.for_main())  # what plugins start is told from what children leave
        self._before = frozenset(child.pid for child in running_children())
        self._writer = -1
        self._start_guard()
        self._adopts = adopt_orphans(True)
        self.ended = asyncio.Event()
        """Set whenever a child has ended, kept or adopted."""
        self._collector = OrphanCollector(self._trees.keys(), self.ended.set)

    # --- what outlives this process

    def _start_guard(self) -> None:
        self._writer = spawn_guard(LAST_SECONDS, self.marks.of_children, os.environ)
        for tree in self._trees.values():
            self._write(tree.line)
        # An error condition is all that the writing end of a pipe can have to read: the guard was killed.
        asyncio.get_running_loop().add_reader(self._writer, self._guard_is_gone)

    def _guard_is_gone(self) -> None:
        self._let_go_of_guard()
        with contextlib.suppress(OSError):
            self._start_guard()

    def _let_go_of_guard(self) -> None:
        if self._writer >= 0:
            asyncio.get_running_loop().remove_reader(self._writer)
            os.close(self._writer)
            self._writer = -1

    def _write(self, line: str) -> None:
        if self._writer >= 0:
            with contextlib.suppress(BrokenPipeError):
                os.write(self._writer, line.encode())

    # --- trees

    def add(self, leader: int, process: str, generation: int, *, asks: bool) -> "Tree":
        """A child runs. `asks`: SIGTERM is what asks it to stop when this process is gone; it does not see that."""
        tree = Tree(self, leader, self.marks.word(process, generation), asks=asks)
        self._trees[leader] = tree
        self._write(tree.line)
        return tree

    def drop(self, leader: int) -> None:
        """Nothing of its tree runs, and its exit code is about to be collected."""
        if self._trees.pop(leader, None) is not None:
            self._write(f"drop {leader}\n")

    def are_any_left_by(self, leader: int, word: str) -> bool:
        """Whether the child, which has ended, has left anything running: it would be ours by now."""
        if not self._adopts:
            return False
        return any(
            not child.has_ended and child.pid not in self._trees and belongs(child, leader, word, environment_of)
            for child in running_children()
        )

    # --- the end

    def _rest(self) -> list[Running]:
        """What runs below this process and was not started by its own plugins, or before."""
        running = running_processes()
        main, session = os.getpid(), os.getsid(0)
        roots = [
            process
            for process in running
            if process.parent == main
            and process.session != session
            and process.pid not in self._before
            and self.marks.own not in words_in(environment_of(process.pid))
        ]
        return [process for process in below(roots, running) if not process.has_ended]

    def kill_all(self) -> None:
        """End everything now. Also from a signal handler."""
        for tree in tuple(self._trees.values()):
            kill_group(tree.leader)
        if self._adopts:
            _kill(self._rest)

    async def finish(self) -> None:
        """Every child has ended: kill what was left by any of them, marked or not. Then `close`."""
        give_up_at = time.monotonic() + _KILL_TIMEOUT
        while self._adopts and _kill(self._rest) and time.monotonic() < give_up_at:
            await self.wait_for_end()
        self.close()

    async def wait_for_end(self) -> None:
        """Until a child has ended, or a moment has passed."""
        self.ended.clear()
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(self.ended.wait(), _LOOK_AGAIN)

    def close(self) -> None:
        """Nothing of ours runs any more; the guard goes, too. Twice is harmless."""
        self._let_go_of_guard()
        self._collector.close()
        adopt_orphans(False)
        if self._inherited is None:
            os.environ.pop(VARIABLE, None)
        else:
            os.environ[VARIABLE] = self._inherited


class Tree:
    """One child and everything that it has started, and that these have started. On the loop's thread."""

    def __init__(self, guard: Guard, leader: int, word: str, *, asks: bool) -> None:
        self.leader = leader
        self.line = f"{'ask' if asks else 'add'} {leader}\n"
        self._guard = guard
        self._word = word

    def is_left_running(self) -> bool:
        """Whether the leader, which has ended but is not collected, has left anything running."""
        return self._guard.are_any_left_by(self.leader, self._word)

    def running(self) -> list[Running]:
        """All of it that runs; nothing where the system does not tell."""
        return tree_of(self.leader, self._word, running_processes(), os.getpid(), environment_of)

    def described(self) -> str:
        """Pid and command of each that runs, for the log."""
        return ", ".join(f"{process.pid} ({command_of(process.pid)})" for process in self.running())

    def ask(self) -> None:
        """Ask what the leader has left running to stop."""
        for process in self.running():
            send_signal(process.pid, STOP_SIGNAL)

    def kill(self) -> None:
        """SIGKILL all of it. Also from a signal handler. What cannot be found is killed with the leader's group."""
        _kill(self.running)
        self.kill_group()

    def kill_group(self) -> None:
        """SIGKILL the leader's group, if there is one. Where the system tells nothing else, that is the tree."""
        kill_group(self.leader)

    async def until_gone(self) -> None:
        """Until nothing of it runs but the leader, which has ended."""
        while self.running():
            await self._guard.wait_for_end()

    async def end(self) -> bool:
        """Kill, and look again until nothing is left; False if something could not be ended."""
        give_up_at = time.monotonic() + _KILL_TIMEOUT
        while self.running():
            if time.monotonic() >= give_up_at:
                return False
            self.kill()
            await self._guard.wait_for_end()
        return True

    def drop(self) -> None:
        self._guard.drop(self.leader)


def _kill(look: Callable[[], list[Running]]) -> bool:
    """SIGKILL what `look` finds, once it finds no more; whether there was any.

    They are stopped first: one that is stopped starts no other, and one whose parent still is there can be found.
    """
    found: dict[int, Running] = {}
    for _ in range(_ROUNDS):
        new = [process for process in look() if process.pid not in found]
        if not new:
            break
        for process in new:
            found[process.pid] = process
            send_signal(process.pid, signal.SIGSTOP)
    for pid in found:
        send_signal(pid, signal.SIGKILL)
    return bool(found)
