"""Which blow comes next: the same blows in the same order for the same seed. Pure."""

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import Enum
from typing import Final

__all__ = ["DECK", "PROCESSES", "Blow", "Kind", "Limb", "deal"]

BOT: Final = "nonebot"
COMMAND: Final = "command"
WORKER: Final = "worker"
PROCESSES: Final = (BOT, COMMAND, WORKER)
WITH_CHANNELS: Final = (BOT, WORKER)

MAX_BOMB: Final = 45
"""The largest number of processes in a bomb; while all of them move on to another pid, there are twice as many."""


class Limb(Enum):
    """A process in the tree of one of our processes."""

    LEADER = "leader"
    CHILD = "child"
    """A child of the leader, in a session of its own; the leader replaces it when it ends."""
    ORPHAN = "orphan"
    """A process whose parent has ended, in a session of its own; it ignores SIGTERM."""


class Kind(Enum):
    KILL = "SIGKILL"
    KILL_ALL = "SIGKILL of all three leaders at once"
    KILL_IN_A_ROW = "SIGKILL, and again of each successor as soon as it is there"
    TERMINATE = "SIGTERM"
    PAUSE = "SIGSTOP, and SIGCONT after a moment"
    FREEZE = "SIGSTOP, for ever"
    EXIT = "it exits"
    BLOCK = "its loop blocks"
    CLOSE_CHANNELS = "it closes its channels"
    CLOSE_OUTPUT = "it closes its output"
    BOMB = "it forks many that heed nothing, and is killed"
    FILL_DISK = "the disk is full while it is killed"
    SPOIL_HISTORY = "the history is spoiled, and it is killed"
    KILL_GUARD = "SIGKILL of the guard"
    PAUSE_MAIN = "SIGSTOP of the main process, and SIGCONT after it was killed"
    STOP_MAIN = "SIGTERM of the main process"
    KILL_MAIN = "SIGKILL of the main process"


_AT_NO_PROCESS: Final = (Kind.KILL_ALL, Kind.KILL_GUARD, Kind.STOP_MAIN, Kind.KILL_MAIN)

SPOILS: Final = ("garbage", "a hole", "emptied", "deleted", "replaced", "log garbage")
"""The ways to damage the history's file."""


@dataclass(frozen=True)
class Blow:
    """The `number`-th blow of a run, at one of our processes or at what surrounds them."""

    number: int
    kind: Kind
    process: str
    limb: Limb = Limb.LEADER
    seconds: float = 0.0
    """The length of a pause, or of the moment before the main process is killed."""
    count: int = 0
    """The number of processes in a bomb, or of kills in a row."""
    hops: int = 0
    """How often each process of a bomb moves on to another pid."""
    code: int = 0
    """The exit code."""
    spoil: str = ""

    def __str__(self) -> str:
        process = "" if self.kind in _AT_NO_PROCESS else self.process
        facts = [process, self.limb.value if self.limb is not Limb.LEADER else "", self.kind.value, self.spoil]
        if self.kind is Kind.EXIT:
            facts.append(f"code {self.code}")
        if self.kind in (Kind.BOMB, Kind.KILL_IN_A_ROW):
            facts.append(f"{self.count} of them" if self.kind is Kind.BOMB else f"{self.count} times")
        return f"{self.number}: " + ", ".join(fact for fact in facts if fact)


Dealer = Callable[[random.Random, int], Blow]


def _at(kind: Kind, processes: tuple[str, ...] = PROCESSES, limbs: tuple[Limb, ...] = (Limb.LEADER,)) -> Dealer:
    """A blow of `kind` at one of those processes; all numbers are drawn, whether the kind uses them or not."""

    def deal_one(chance: random.Random, number: int) -> Blow:
        return Blow(
            number,
            kind,
            chance.choice(processes),
            chance.choice(limbs),
            seconds=round(chance.uniform(0.0, 1.0), 2),
            count=chance.randint(2, 5) if kind is Kind.KILL_IN_A_ROW else chance.randint(5, MAX_BOMB),
            hops=chance.choice((0, 20, 100)),
            code=chance.choice((0, 1, 3, 7)),
            spoil=chance.choice(SPOILS) if kind is Kind.SPOIL_HISTORY else "",
        )

    return deal_one


BELOW: Final = (Limb.CHILD, Limb.ORPHAN)
DECK: Final[tuple[Dealer, ...]] = (
    _at(Kind.KILL),
    _at(Kind.KILL, limbs=BELOW),
    _at(Kind.KILL_ALL),
    _at(Kind.KILL_IN_A_ROW),
    _at(Kind.TERMINATE),
    _at(Kind.TERMINATE, limbs=BELOW),
    _at(Kind.PAUSE),
    _at(Kind.PAUSE, limbs=BELOW),
    _at(Kind.FREEZE, WITH_CHANNELS),
    _at(Kind.FREEZE, limbs=BELOW),
    _at(Kind.EXIT),
    _at(Kind.BLOCK, WITH_CHANNELS),
    _at(Kind.CLOSE_CHANNELS, WITH_CHANNELS),
    _at(Kind.CLOSE_OUTPUT),
    _at(Kind.BOMB),
    _at(Kind.BOMB),
    _at(Kind.FILL_DISK),
    _at(Kind.SPOIL_HISTORY),
    _at(Kind.SPOIL_HISTORY),
    _at(Kind.KILL_GUARD),
    _at(Kind.PAUSE_MAIN),
    _at(Kind.STOP_MAIN),
    _at(Kind.KILL_MAIN),
)
"""Every kind comes once before any comes again, each time in another order."""


def deal(seed: int) -> Iterator[Blow]:
    """The blows of the run with that seed, without end."""
    chance = random.Random(seed)
    number = 0
    while True:
        for dealer in chance.sample(DECK, len(DECK)):
            number += 1
            yield dealer(chance, number)
