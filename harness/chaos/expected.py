"""What must follow from a blow: which processes end, and what the history must say of it. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from harness.chaos.blows import BOT, PROCESSES, Blow, Kind, Limb
from liteyuki.supervise import Cause

__all__ = ["Ending", "Expectation", "expected", "forgotten_after"]


@dataclass(frozen=True)
class Ending:
    """How one generation ended, as the history records it."""

    cause: Cause
    signal: str | None = None
    exit_code: int | None = None

    def __str__(self) -> str:
        facts = (self.cause.value, self.signal, self.exit_code)
        return " ".join(str(fact) for fact in facts if fact is not None)


Endings = tuple[frozenset[Ending], ...]
"""One set for each generation that ends, in order; each contains the endings that the history may record."""


@dataclass(frozen=True)
class Expectation:
    ends: Mapping[str, Endings] = field(default_factory=dict)
    """By process; those that are not named continue as they are."""
    may_be_missing: frozenset[str] = frozenset()
    """Processes whose end the history need not record: their start was in a history that was damaged."""
    is_new_main: bool = False
    """Whether the main process ends, and is started again, as a user or a service manager does."""


_KILLED: Final = frozenset({Ending(Cause.SIGNAL, "SIGKILL")})
_TERMINATED: Final = frozenset({Ending(Cause.SIGNAL, "SIGTERM")})
_STUCK: Final = frozenset({Ending(Cause.WATCHDOG, "SIGKILL")})
_STOPPED: Final = frozenset({Ending(Cause.MAIN_STOPPING, "SIGTERM"), Ending(Cause.MAIN_STOPPING, exit_code=0)})
_UNSEEN: Final = frozenset({Ending(Cause.MAIN_GONE)})

_NOTHING_ENDS: Final = (Kind.PAUSE, Kind.FREEZE, Kind.KILL_GUARD)
_KILLED_IN_PASSING: Final = (
    Kind.KILL,
    Kind.CLOSE_CHANNELS,
    Kind.CLOSE_OUTPUT,
    Kind.BOMB,
    Kind.SPOIL_HISTORY,
    Kind.PAUSE_MAIN,
)


def forgotten_after(blow: Blow, forgotten: frozenset[str]) -> frozenset[str]:
    """The processes whose start the history may not contain after `blow`, given those before."""
    if blow.kind is Kind.SPOIL_HISTORY:
        forgotten = frozenset(PROCESSES)
    return forgotten - expected(blow).ends.keys()


def expected(blow: Blow, forgotten: frozenset[str] = frozenset()) -> Expectation:
    """What must be true when everything has come to rest after `blow`.

    `forgotten` are the processes whose start the history may not contain.
    """
    if blow.kind in _NOTHING_ENDS or blow.limb is not Limb.LEADER:
        return Expectation()
    if blow.kind in (Kind.STOP_MAIN, Kind.KILL_MAIN):
        ending = _STOPPED if blow.kind is Kind.STOP_MAIN else _UNSEEN
        missing = forgotten if blow.kind is Kind.KILL_MAIN else frozenset()
        return Expectation(dict.fromkeys(PROCESSES, (ending,)), missing, is_new_main=True)
    if blow.kind is Kind.KILL_ALL:
        return Expectation(dict.fromkeys(PROCESSES, (_KILLED,)))
    return Expectation({blow.process: _endings(blow)})


def _endings(blow: Blow) -> Endings:
    if blow.kind in _KILLED_IN_PASSING:
        return (_KILLED,)
    if blow.kind is Kind.KILL_IN_A_ROW:
        return (_KILLED,) * blow.count
    if blow.kind is Kind.FILL_DISK:
        # One death while nothing can be written, and one when it can: then both must be on record.
        return (_KILLED, _KILLED)
    return ({Kind.TERMINATE: _TERMINATED, Kind.BLOCK: _STUCK, Kind.EXIT: _exit(blow)}[blow.kind],)


def _exit(blow: Blow) -> frozenset[Ending]:
    if blow.code == 0:
        return frozenset({Ending(Cause.ENDED, exit_code=0)})
    # uvicorn's way to say that it could not start
    cause = Cause.START_FAILED if blow.process == BOT and blow.code == 3 else Cause.CRASH
    return frozenset({Ending(cause, exit_code=blow.code)})
