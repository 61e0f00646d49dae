"""What can be seen of a run from outside: its processes, the main process's handles, the states that it reports."""

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from harness.chaos.project import RUN
from liteyuki._platform import environment_of, running_processes
from liteyuki.supervise.tree import words_in

__all__ = ["Member", "Sight", "State", "look"]


class Member(NamedTuple):
    """A running process whose environment has the word of this run."""

    pid: int
    mark: str
    """`MAIN:PROCESS:GENERATION` in what a child has started, `MAIN` in what the main process has started; else empty.
    """
    is_guard: bool

    @property
    def main(self) -> str:
        return self.mark.partition(":")[0]

    @property
    def process(self) -> str:
        return self.mark.split(":")[1] if ":" in self.mark else ""

    @property
    def generation(self) -> int:
        return int(self.mark.split(":")[2]) if ":" in self.mark else 0


class State(NamedTuple):
    """The state of a process, as the main process reports it."""

    state: str
    pid: int | None
    generation: int


@dataclass(frozen=True)
class Sight:
    """One look at everything. It is not taken at one instant: a check is repeated until it holds."""

    main: int
    members: tuple[Member, ...]
    """All but the main process."""
    zombies: tuple[int, ...]
    """The children of the main process that have ended and are not reaped."""
    handles: Mapping[str, int]
    """How many handles of each kind the main process holds."""
    states: Mapping[str, State]
    """Empty if the main process does not answer."""


def look(main: int, word: str, states: Mapping[str, Mapping[str, Any]]) -> Sight:
    """Everything that runs with `word` in its environment; `states` is what `main` has just reported."""
    expected = f"{RUN}={word}".encode()
    members, zombies = [], []
    for process in running_processes():
        if process.has_ended:
            if process.parent == main:
                zombies.append(process.pid)
        elif process.pid != main and expected in (environment := environment_of(process.pid)):
            marks = words_in(environment)
            members.append(Member(process.pid, marks[-1] if marks else "", _is_guard(process.pid)))
    return Sight(
        main,
        tuple(members),
        tuple(zombies),
        _handles(main),
        {name: State(of["state"], of["pid"], of["generation"]) for name, of in states.items()},
    )


def _is_guard(pid: int) -> bool:
    try:
        return b"\0liteyuki-guard\0" in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False


def _handles(pid: int) -> Counter[str]:
    kinds: Counter[str] = Counter()
    try:
        for link in Path(f"/proc/{pid}/fd").iterdir():
            try:
                kinds[re.sub(r":\[\d+\]$", "", str(link.readlink()))] += 1
            except OSError:
                continue  # closed meanwhile
    except OSError:
        pass
    return kinds
