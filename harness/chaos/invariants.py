"""What must hold after each blow: a sentence for each thing that does not, none if all is well. Pure."""

from collections.abc import Mapping, Sequence
from typing import Final

from harness.chaos.blows import PROCESSES
from harness.chaos.expected import Expectation
from harness.chaos.sights import Member, Sight
from liteyuki.supervise import Cause, EventKind
from liteyuki.supervise.history import HistoryEntry

__all__ = ["left_over", "mistold", "never", "not_answering", "not_at_rest", "not_running"]

LIMBS: Final = 2
"""The number of processes that each leader has started when everything is at rest."""

_STACK: Final = "most recent call first"


def never(sight: Sight) -> list[str]:
    """What must not happen even for a moment: something of a generation runs beside a later one."""
    found = []
    for member in sight.members:
        state = sight.states.get(member.process)
        if state is not None and member.generation < state.generation:
            found.append(f"{_named(member)} still runs beside generation {state.generation}")
    return found


def not_running(sight: Sight, generations: Mapping[str, int]) -> list[str]:
    """The processes that do not run as the main process says; `generations` is which of each ought to run."""
    found = []
    for process in PROCESSES:
        state = sight.states.get(process)
        if state is None:
            found.append(f"{process}: the main process does not say how it is")
        elif state.generation != generations[process]:
            found.append(f"{process}: generation {state.generation} instead of {generations[process]}")
        elif state.state != "ready":
            found.append(f"{process}: {state.state}")
    return found


def not_answering(sight: Sight, answers: Mapping[str, int | None]) -> list[str]:
    """The leaders that do not answer, or that another one answers for; `answers` are their pids, in their own words."""
    return [
        f"{process}: pid {state.pid} is to answer, and {answers.get(process) or 'nobody'} does"
        for process, state in sight.states.items()
        if answers.get(process) != state.pid
    ]


def not_at_rest(sight: Sight, handles_before: Mapping[str, int]) -> list[str]:
    """What exists and should not, or does not exist and should, while all processes run."""
    found = [f"pid {pid} has ended, and nobody asks for its exit code" for pid in sight.zombies]
    leaders = {state.pid for state in sight.states.values()}
    mains = {member.main for member in sight.members if member.pid in leaders}
    guards = [member for member in sight.members if member.is_guard and member.main in mains]
    if len(guards) != 1:
        found.append(f"{len(guards)} guards")
    for process, state in sight.states.items():
        own = [member for member in sight.members if member.process == process and member.main in mains]
        if len(own) != 1 + LIMBS:
            found.append(f"{process}: {len(own)} processes instead of {1 + LIMBS}")
        found += [f"{_named(member)} is an orphan" for member in own if member.generation != state.generation]
    found += [
        f"{_named(member)} belongs to nobody"
        for member in sight.members
        if member not in guards and (member.main not in mains or member.process not in sight.states)
    ]
    for kind, count in sight.handles.items():
        if count > handles_before.get(kind, 0):
            found.append(f"the main process holds {count} handles of {kind}, {handles_before.get(kind, 0)} before")
    return found


def _named(member: Member) -> str:
    what = "the guard of " if member.is_guard else ""
    return f"pid {member.pid} ({what}{member.mark or 'no mark'})"


def left_over(sight: Sight, *, and_guards: bool = False) -> list[str]:
    """What still runs although the main process has ended."""
    return [f"{_named(member)} is left" for member in sight.members if and_guards or not member.is_guard]


def mistold(expectation: Expectation, entries: Sequence[HistoryEntry]) -> list[str]:
    """Where `entries`, all those since the blow, differ from what has happened."""
    return [
        f"{process}: {sentence}"
        for process in PROCESSES
        for sentence in _mistold_of(process, expectation, [entry for entry in entries if entry.process == process])
    ]


def _mistold_of(process: str, expectation: Expectation, entries: Sequence[HistoryEntry]) -> list[str]:
    wanted = expectation.ends.get(process, ())
    exits = [entry for entry in entries if entry.kind is EventKind.EXITED]
    starts = [entry for entry in entries if entry.kind is EventKind.STARTED]
    if process in expectation.may_be_missing and len(starts) == 1 and not exits:
        wanted = ()
    elif len(exits) != len(wanted) or len(starts) != len(wanted):
        return [f"the history tells of {len(exits)} ends and {len(starts)} starts instead of {len(wanted)}"]
    found = []
    for entry, may_be, start in zip(exits, wanted, starts, strict=False):
        if not any(
            (entry.cause, entry.signal, entry.exit_code) == (ending.cause, ending.signal, ending.exit_code)
            for ending in may_be
        ):
            told = f"{entry.cause.value if entry.cause else None} {entry.signal} {entry.exit_code}"
            found.append(f"the history says {told!r}, and it was {' or '.join(map(str, may_be))!r}")
        cause = Cause.MAIN_STARTED if expectation.is_new_main else entry.cause
        if start.cause is not cause:
            found.append(f"the history says that it was started for {start.cause}, and it was for {cause}")
        if entry.cause is Cause.WATCHDOG and not any(_STACK in line for line in entry.output):
            found.append("the history does not show where it was stuck")
    if starts and not any(entry.kind is EventKind.READY and entry.pid == starts[-1].pid for entry in entries):
        found.append("the history does not say that it has become ready")
    return found
