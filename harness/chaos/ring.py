"""Where the blows fall: one tree with its main process, and the waiting until everything is as it must be."""

import signal
import time
from collections.abc import Callable, Mapping
from typing import Final

from typing_extensions import Self

from harness import MainProcess, is_alive, wait_until
from harness.chaos.blows import PROCESSES
from harness.chaos.disk import Disk
from harness.chaos.expected import Expectation
from harness.chaos.invariants import left_over, mistold, never, not_answering, not_at_rest, not_running
from harness.chaos.project import Tree
from harness.chaos.sights import Sight, look
from liteyuki.errors import HistoryUnreadable
from liteyuki.supervise.history import HistoryEntry, read_history

__all__ = ["Broken", "Ring"]

RUNS_AGAIN: Final = 40.0
"""Seconds within which everything runs again: the policy takes less than one, a busy machine the rest."""
AT_REST: Final = 10.0
"""Further seconds within which nothing is left that should not be, and the history says what happened."""
STOPS: Final = 30.0
GONE: Final = 5.0
"""Seconds after the end of a main process within which nothing is left. We promise one; another test proves that."""
GUARD_ENDS: Final = 30.0
"""Seconds within which the guard has ended, too. It keeps looking for processes that may have escaped."""
STEP: Final = 0.03


class Broken(AssertionError):
    """Something is not as it must be; one sentence for each thing."""

    def __init__(self, sentences: list[str]) -> None:
        super().__init__("\n".join(sentences))


class Ring:
    """As a context manager: the main process runs, and at the end nothing is left."""

    def __init__(self, tree: Tree, disk: Disk) -> None:
        self.tree = tree
        self.disk = disk
        self.slowest_end = 0.0
        """The longest time in seconds until nothing was left of a main process."""
        self._generations = dict.fromkeys(PROCESSES, 1)
        self._handles: Mapping[str, int] = {}
        self._main: MainProcess | None = None

    def __enter__(self) -> Self:
        try:
            self._start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        if self._main is not None:
            self._main.__exit__()

    @property
    def main(self) -> MainProcess:
        assert self._main is not None
        return self._main

    # --- what strikes ask for

    def pid(self, process: str, *, other_than: int = 0) -> int:
        """The pid of the leader that runs, as soon as there is one."""

        def find() -> int | None:
            pid = self.tree.control.states().get(process, {}).get("pid")
            return pid if pid != other_than else None

        pid: int = wait_until(find, f"a leader of {process}")
        return pid

    def guard(self) -> int:
        """The pid of the guard, which outlives the main process."""
        (guard,) = [member.pid for member in self._look().members if member.is_guard]
        return guard

    def until_running(self, process: str | None = None, ends: int = 0) -> None:
        """Wait until everything runs, `process` after `ends` more deaths than are counted. Raises `Broken`."""
        generations = dict(self._generations)
        if process is not None:
            generations[process] += ends
        self._until(lambda: self._not_running(generations), RUNS_AGAIN)

    def end_main(self, number: signal.Signals) -> None:
        """Send the signal to the main process, wait until nothing is left, and start another. Raises `Broken`."""
        main = self.main
        main.send(number)
        code = main.wait(STOPS)
        if code != (-number if number is signal.SIGKILL else 0):
            raise Broken([f"the main process ended with {code}"])
        began = time.monotonic()
        self._until(lambda: left_over(self._left()), GONE)
        self.slowest_end = max(self.slowest_end, time.monotonic() - began)
        self.check_end()
        main.__exit__()
        self._start()

    # --- what must hold

    def count(self, expectation: Expectation) -> None:
        """Count these deaths as expected."""
        if not expectation.is_new_main:
            for process, ends in expectation.ends.items():
                self._generations[process] += len(ends)

    def check_end(self) -> None:
        """Raises `Broken` if anything is left of the main process, which has ended."""
        self._until(lambda: left_over(self._left()), GONE)
        self._until(lambda: left_over(self._left(), and_guards=True), GUARD_ENDS)

    def _left(self) -> Sight:
        return look(self.main.pid, self.tree.word, {})

    def check_rest(self) -> None:
        """Raises `Broken` if anything exists that should not."""
        self._until(lambda: not_at_rest(self._look(), self._handles), AT_REST)

    def check_history(self, expectation: Expectation, since: float) -> None:
        """Raises `Broken` if the history since `since` (wall clock) says anything else."""
        self._until(lambda: self._mistold(expectation, since), AT_REST)

    def _mistold(self, expectation: Expectation, since: float) -> list[str]:
        try:
            entries: list[HistoryEntry] = read_history(self.tree.history, count=1000)
        except HistoryUnreadable as error:
            return [str(error)]
        return mistold(expectation, [entry for entry in entries if entry.at >= since])

    def _not_running(self, generations: Mapping[str, int]) -> list[str]:
        sight = self._look()
        if too_old := never(sight):
            raise Broken(too_old)
        for process, state in sight.states.items():
            if state.generation > generations[process]:
                raise Broken([f"{process}: generation {state.generation} instead of {generations[process]}"])
        if problems := not_running(sight, generations):
            return problems
        answers = {process: (self.tree.orders.give(process, "look") or {}).get("pid") for process in PROCESSES}
        return not_answering(sight, answers)

    def _look(self) -> Sight:
        if not is_alive(self.main.pid):
            raise Broken(["the main process is gone"])
        return look(self.main.pid, self.tree.word, self.tree.control.states())

    def _until(self, find: Callable[[], list[str]], deadline: float) -> None:
        """Wait until `find` finds nothing. Raises `Broken` with what it found last."""
        end = time.monotonic() + deadline
        while problems := find():
            if time.monotonic() >= end:
                raise Broken([f"{problem} (after {deadline:.0f} s)" for problem in problems])
            time.sleep(STEP)

    def _start(self) -> None:
        self._main = self.tree.start()
        self._generations = dict.fromkeys(PROCESSES, 1)
        self._until(self._not_up, RUNS_AGAIN)
        self.until_running()
        self._handles = self._handles_at_rest()

    def _not_up(self) -> list[str]:
        return [] if self._look().states else ["the main process does not answer"]

    def _handles_at_rest(self) -> Mapping[str, int]:
        """The least number of each kind in a few looks: each look opens one itself, for a moment."""
        looks = []
        for _ in range(5):
            time.sleep(STEP)
            looks.append(self._look().handles)
        return {kind: min(handles.get(kind, 0) for handles in looks) for kind in set().union(*looks)}
