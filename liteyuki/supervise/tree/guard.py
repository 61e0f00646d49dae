"""Ends what children leave behind: when one of them ends, when all are stopped, when the main process was killed."""

import asyncio
import contextlib
import os
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from liteyuki._platform import (
    STOP_SIGNAL,
    Running,
    adopt_orphans,
    child_pids,
    command_of,
    end_cgroup,
    enter_cgroup,
    environment_of,
    frozen_cgroup,
    is_ending,
    is_populated,
    join_cgroup,
    kill_group,
    leave_cgroup,
    make_cgroup,
    members_of,
    remove_cgroup,
    running,
    running_children,
    send_signal,
    spawn_guard,
)
from liteyuki.supervise.tree.after_main import ending_program
from liteyuki.supervise.tree.hunt import KILL_TIMEOUT, find, hunt
from liteyuki.supervise.tree.marks import VARIABLE, Marks, belongs, words_in
from liteyuki.supervise.tree.orphans import OrphanCollector

__all__ = ["LAST_SECONDS", "Guard", "Tree"]

LAST_SECONDS: Final = 0.4
"""How long children whose main process is gone may take to stop by themselves."""
_GUARD_PAUSE: Final = 0.1
"""Seconds before a guard that was killed is replaced."""
_MOMENT: Final = 0.002
_END_POLL: Final = 0.05
_LONGEST_HUNT: Final = 0.2
"""Seconds after which other processes are bothered, too, for the sake of some that are too fast."""
_TOLD: Final = 20
"""How many of a tree the log names."""


class Guard:
    """Knows the trees that run. On the main thread's loop; making one raises `OSError` if the system cannot.

    While it is open, this process adopts the orphans of its descendants (Linux).
    """

    def __init__(self) -> None:
        self._trees: dict[int, Tree] = {}
        self._inherited = os.environ.get(VARIABLE)
        self.marks = Marks(self._inherited)
        os.environ.update(self.marks.for_main())  # what plugins start is told from what children leave
        self._before = frozenset(child_pids())
        self._writer = -1
        self._next_guard: asyncio.TimerHandle | None = None
        self._cgroup: Path | None = None
        self._start_guard()
        self._cgroup = enter_cgroup(f"liteyuki-{self.marks.own}")
        self._tell_cgroup()
        self._adopts = adopt_orphans(True)
        self._ends = 0
        """How often children, kept or adopted, were seen to have ended."""
        self._ended = asyncio.Event()
        self._collector = OrphanCollector(self._trees.keys(), self._some_ended)

    def _some_ended(self) -> None:
        self._ends += 1
        self._ended.set()

    # --- what outlives this process

    def _start_guard(self) -> None:
        self._writer = spawn_guard(ending_program(LAST_SECONDS, self.marks, running(os.getpid())), os.environ)
        self._tell_cgroup()
        for tree in self._trees.values():
            self._write(tree.line)
        # An error condition is all that the writing end of a pipe can have to read: the guard was killed.
        asyncio.get_running_loop().add_reader(self._writer, self._guard_is_gone)

    def _tell_cgroup(self) -> None:
        if self._cgroup is not None:
            self._write(f"in {self._cgroup}\n")

    def _guard_is_gone(self) -> None:
        self._let_go_of_guard()
        # Not at once: where it cannot live, this must not turn in circles.
        self._next_guard = asyncio.get_running_loop().call_later(_GUARD_PAUSE, self._start_next_guard)

    def _start_next_guard(self) -> None:
        try:
            self._start_guard()
        except OSError:
            self._guard_is_gone()

    def _let_go_of_guard(self) -> None:
        if self._next_guard is not None:
            self._next_guard.cancel()
            self._next_guard = None
        if self._writer >= 0:
            asyncio.get_running_loop().remove_reader(self._writer)
            os.close(self._writer)
            self._writer = -1

    def _write(self, line: str) -> None:
        if self._writer >= 0:
            with contextlib.suppress(BrokenPipeError):
                os.write(self._writer, os.fsencode(line))

    # --- trees

    def add(self, leader: int, process: str, generation: int, *, asks: bool) -> "Tree":
        """A child runs. `asks`: SIGTERM is what asks it to stop when this process is gone; it does not see that."""
        cgroup = _TreeCgroup(self._cgroup, f"{process}.{generation}", leader)
        tree = Tree(self, leader, self.marks.word(process, generation), cgroup, asks=asks)
        self._trees[leader] = tree
        self._write(tree.line)
        return tree

    def drop(self, leader: int) -> None:
        """Nothing of its tree runs, and its exit code is about to be collected."""
        if self._trees.pop(leader, None) is not None:
            self._write(f"drop {leader}\n")

    # --- the end

    def _is_rest(self, process: Running) -> bool:
        """Whether it is a child of this process that was not started by its own plugins, or before."""
        return (
            process.parent == os.getpid()
            and process.session != os.getsid(0)
            and process.pid not in self._before
            and self.marks.own not in words_in(environment_of(process.pid))
        )

    def _kill_rest(self) -> None:
        self.hunt(self._is_rest, self.marks.is_of_child)

    def hunt(self, is_root: Callable[[Running], bool], is_mark: Callable[[list[bytes]], bool]) -> None:
        """As `hunt`; what is too fast for that is made to stand still with all else, where there is a cgroup."""
        if self._cgroup is None:
            hunt(is_root, is_mark)
        elif not hunt(is_root, is_mark, longest=_LONGEST_HUNT):
            with contextlib.suppress(OSError), frozen_cgroup(self._cgroup):
                for process in find(is_root):
                    send_signal(process.pid, signal.SIGKILL)

    def kill_all(self) -> None:
        """End everything now. Also from a signal handler."""
        for tree in tuple(self._trees.values()):
            kill_group(tree.leader)
        if self._adopts:
            self._kill_rest()

    async def finish(self) -> None:
        """Every child has ended: kill what was left by any of them, marked or not. Then `close`."""
        give_up_at = time.monotonic() + KILL_TIMEOUT
        while await self.is_any_adopted(self._is_rest) and time.monotonic() < give_up_at:
            self._kill_rest()
            await self.wait_for_end()
        self.close()

    async def is_any_adopted(self, is_root: Callable[[Running], bool]) -> bool:
        """Whether any adopted child runs that `is_root` says yes to.

        One that forks and ends meanwhile may be missed, but not that it ends.
        """
        give_up_at = time.monotonic() + KILL_TIMEOUT
        while self._adopts and time.monotonic() < give_up_at:
            ends = self._ends
            others = []
            for child in running_children(besides=self._trees):
                if not child.has_ended:
                    if is_root(child):
                        return True
                    others.append(child.pid)
            # Asked again: one that has begun to end since shows no mark.
            is_any_ending = any(map(is_ending, others))
            await asyncio.sleep(_MOMENT if is_any_ending else 0)
            await asyncio.sleep(0)  # a signal that came at the last moment is told in the turn after the next
            if self._ends == ends and not is_any_ending:
                break
        return False

    async def wait_for_end(self) -> None:
        """Until a child has ended, or a moment has passed."""
        self._ended.clear()
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(self._ended.wait(), _END_POLL)

    def close(self) -> None:
        """Nothing of ours runs any more; the guard goes, too. Idempotent."""
        self._write("bye\n")
        self._let_go_of_guard()
        if self._cgroup is not None:
            leave_cgroup(self._cgroup)
            self._cgroup = None
        self._collector.close()
        adopt_orphans(False)
        if self._inherited is None:
            os.environ.pop(VARIABLE, None)
        else:
            os.environ[VARIABLE] = self._inherited


class _TreeCgroup:
    """The cgroup of one tree, in which all of it is found, and ends at once, however fast it forks.

    Made below that of the main process; where there is none, or it cannot be, nothing is ever in it.

    The leader is moved into it by a thread of its own, which the kernel holds up for some hundredths of a second, and
    then what it has started meanwhile. What has let go of its parent so early is outside: other means find it.
    """

    def __init__(self, main: Path | None, name: str, leader: int) -> None:
        self._folder = None if main is None else main / name
        self._joining = threading.Thread(target=self._join, args=(leader,), name="liteyuki-cgroup", daemon=True)
        if self._folder is None or not make_cgroup(self._folder):
            self._folder = None
            return
        try:
            self._joining.start()
        except RuntimeError:  # no room for one more thread
            self.close()

    def _join(self, leader: int) -> None:
        assert self._folder is not None
        todo = [leader]
        for pid in todo:
            with contextlib.suppress(OSError):
                join_cgroup(self._folder, pid)
                todo += child_pids(pid)

    def is_populated(self) -> bool:
        """Whether anything in it has not ended."""
        return self._folder is not None and is_populated(self._folder)

    def members(self) -> set[int]:
        """The pids of what runs in it."""
        return set() if self._folder is None else members_of(self._folder)

    def kill(self) -> None:
        """SIGKILL all that is in it. Also from a signal handler."""
        if self._folder is not None:
            end_cgroup(self._folder)

    def close(self) -> None:
        """Remove it, before the leader's exit code is collected: a stranger could get the pid, and be moved."""
        if self._joining.ident is not None:
            self._joining.join()
        if self._folder is not None:
            remove_cgroup(self._folder)
            self._folder = None


class Tree:
    """One child and everything that it has started, and that these have started. On the loop's thread."""

    def __init__(self, guard: Guard, leader: int, word: str, cgroup: _TreeCgroup, *, asks: bool) -> None:
        self.leader = leader
        self.line = f"{'ask' if asks else 'add'} {leader}\n"
        self._guard = guard
        self._word = word
        self._cgroup = cgroup

    async def is_left_running(self) -> bool:
        """Whether the leader, which has ended but is not collected, has left anything running."""
        return await self._guard.is_any_adopted(self._is_of_it) or await self._is_any_in_cgroup()

    async def _is_any_in_cgroup(self) -> bool:
        give_up_at = time.monotonic() + KILL_TIMEOUT
        while self._cgroup.is_populated() and time.monotonic() < give_up_at:
            if not all(map(is_ending, self._cgroup.members() - {self.leader})):
                return True
            await asyncio.sleep(_MOMENT)
        return False

    def _is_of_it(self, process: Running) -> bool:
        return belongs(process, self.leader, self._word, os.getpid(), environment_of)

    def _bears_word(self, environment: list[bytes]) -> bool:
        return self._word in words_in(environment)

    def _running(self) -> list[Running]:
        members = self._cgroup.members()
        return find(lambda process: process.pid in members or self._is_of_it(process))

    def described(self) -> str:
        """Pid and command of each that runs, for the log; empty where the system does not tell."""
        running = self._running()
        told = [f"{process.pid} ({command_of(process.pid)})" for process in running[:_TOLD]]
        return ", ".join([*told, "…"] if len(running) > _TOLD else told)

    def ask(self) -> None:
        """Ask what the leader has left running to stop."""
        for process in self._running():
            send_signal(process.pid, STOP_SIGNAL)

    def kill(self) -> None:
        """SIGKILL all of it. Also from a signal handler. What cannot be found is killed with the leader's group."""
        self._cgroup.kill()
        self._guard.hunt(self._is_of_it, self._bears_word)
        kill_group(self.leader)

    async def until_gone(self) -> None:
        """Until nothing of it runs but the leader, which has ended."""
        while await self.is_left_running():
            await self._guard.wait_for_end()

    async def end(self) -> bool:
        """Kill, and look again until nothing is left; False if something could not be ended."""
        give_up_at = time.monotonic() + KILL_TIMEOUT
        while await self.is_left_running():
            if time.monotonic() >= give_up_at:
                return False
            self.kill()
            await self._guard.wait_for_end()
        return True

    def drop(self) -> None:
        """Its leader is about to be collected. Where the system tells nothing else, its group is the tree."""
        kill_group(self.leader)
        self._cgroup.close()
        self._guard.drop(self.leader)
