"""The sight of a run in which all is well, to be changed in one thing at a time."""

from typing import Any

from harness.chaos.blows import PROCESSES
from harness.chaos.sights import Member, Sight, State
from liteyuki.supervise import Cause, EventKind
from liteyuki.supervise.history import HistoryEntry

MAIN = 100
GENERATIONS = {"nonebot": 3, "command": 1, "worker": 2}
HANDLES = {"socket": 7, "pipe": 4}


def members() -> list[Member]:
    """A leader and two limbs for each process, and the guard."""
    found = [Member(101, "main", is_guard=True)]
    for number, process in enumerate(PROCESSES):
        mark = f"main:{process}:{GENERATIONS[process]}"
        found += [Member(200 + 10 * number + limb, mark, is_guard=False) for limb in range(3)]
    return found


def sight(**changes: Any) -> Sight:
    states = {
        process: State("ready", 200 + 10 * number, GENERATIONS[process]) for number, process in enumerate(PROCESSES)
    }
    facts: dict[str, Any] = {
        "main": MAIN,
        "members": tuple(members()),
        "zombies": (),
        "handles": HANDLES,
        "states": states,
    }
    return Sight(**{**facts, **changes})


def entry(process: str, kind: EventKind, pid: int, cause: Cause | None = None, **facts: Any) -> HistoryEntry:
    known: dict[str, Any] = {
        "exit_code": None,
        "signal": None,
        "asked_by": "",
        "reason": "",
        "lived": None,
        "output": (),
    }
    return HistoryEntry(at=0.0, process=process, kind=kind, generation=pid, pid=pid, cause=cause, **{**known, **facts})


def killed(process: str, pid: int, cause: Cause = Cause.SIGNAL, **facts: Any) -> list[HistoryEntry]:
    """The sight after `pid` was killed and runs again as the next generation."""
    return [
        entry(process, EventKind.EXITED, pid, cause, **{"signal": "SIGKILL", **facts}),
        entry(process, EventKind.STARTED, pid + 1, cause),
        entry(process, EventKind.READY, pid + 1),
    ]
