"""Collects the exit codes that nobody else will: of adopted descendants, and of a container's orphans.

A main process gets foreign children: as the one that adopts what its children leave behind, and as the first process
of a container. Each of them that ends must be asked for its exit code, or its entry stays in the kernel's table. Our
own must not: their `Popen` asks, and would find nothing.
"""

import asyncio
import gc
import os
import subprocess
import sys
import time
from collections.abc import Callable, Collection, Iterable
from enum import Enum, auto
from typing import Final

from liteyuki._platform import child_pids, ended_child, is_zombie, reap, session_of, watch_children

__all__ = ["OrphanCollector", "Whose", "whose"]

_UNCLAIMED_AFTER: Final = 1.0
"""Seconds in which the code that started a process can ask for its exit code, before we collect it."""
_MANY: Final = 200
"""How many may be unclear at a time: no plugin leaves so many, and the kernel's table has an end."""
_MOMENT: Final = 0.01
"""Seconds that one of ours, which has ended, may hide others."""
_TURN: Final = 0.01
"""Seconds for which the loop may be held up when they end faster than they are collected."""


class Whose(Enum):
    OURS = auto()
    """A child that the supervisor keeps."""
    ORPHAN = auto()
    """Nobody here has started it."""
    UNCLEAR = auto()
    """A main-process plugin may have started it."""


def whose(pid: int, session: int, own_session: int, kept: Collection[int]) -> Whose:
    """Who must ask for the exit code of `pid`, which ended in `session`. Pure.

    What a plugin starts is in the main process's session, or leads its own; what a child leaves behind never comes
    back into the main process's session.
    """
    if pid in kept:
        return Whose.OURS
    return Whose.UNCLEAR if session in (own_session, pid) else Whose.ORPHAN


class OrphanCollector:
    """Collects whenever a child ends; nothing polls. On the main thread's loop only.

    `kept` holds the pids that the supervisor itself waits for; `on_end` is called after each collection.
    """

    def __init__(self, kept: Collection[int], on_end: Callable[[], None]) -> None:
        self._kept = kept
        self._on_end = on_end
        self._loop = asyncio.get_running_loop()
        self._own_session = os.getsid(0)
        self._timer: asyncio.TimerHandle | None = None
        self._looking: asyncio.TimerHandle | None = None
        self._stop_watching = watch_children(self._loop, self._collect)
        self._loop.call_soon(self._collect)  # what had ended before

    def close(self) -> None:
        self._stop_watching()
        for timer in (self._timer, self._looking):
            if timer is not None:
                timer.cancel()
        self._kept = ()

    def _collect(self) -> None:
        turn_ends = time.monotonic() + _TURN
        while (pid := ended_child()) is not None:
            if time.monotonic() > turn_ends:
                self._loop.call_soon(self._collect)
                break
            if self._whose(pid) is not Whose.ORPHAN:
                # It may hide others. One of ours is most likely collected before these are looked for.
                if self._looking is None:
                    self._looking = self._loop.call_later(_MOMENT, self._collect_behind)
                break
            reap(pid)
        self._on_end()

    def _collect_behind(self) -> None:
        self._looking = None
        if ended_child() is None:
            return
        unclear = self._collect_orphans()
        if len(unclear) > _MANY:
            _collect_unless_awaited(unclear)
        elif unclear and self._timer is None:
            self._timer = self._loop.call_later(_UNCLAIMED_AFTER, self._collect_unclear)
        self._on_end()

    def _collect_unclear(self) -> None:
        self._timer = None
        _collect_unless_awaited(self._collect_orphans())
        self._on_end()

    def _collect_orphans(self) -> list[int]:
        """All that have ended; what else has, and is unclear."""
        unclear = []
        for pid in child_pids():
            if is_zombie(pid):
                verdict = self._whose(pid)
                if verdict is Whose.ORPHAN:
                    reap(pid)
                elif verdict is Whose.UNCLEAR:
                    unclear.append(pid)
        return unclear

    def _whose(self, pid: int) -> Whose:
        return whose(pid, session_of(pid), self._own_session, self._kept)


def _collect_unless_awaited(pids: Iterable[int]) -> None:
    awaited = _awaited_here()
    for pid in pids:
        if pid not in awaited:
            reap(pid)


def _awaited_here() -> set[int]:
    """The pids that some object of this process stands for, and will ask about."""
    kinds: tuple[type, ...] = (subprocess.Popen,)
    forked = sys.modules.get("multiprocessing.popen_fork")
    if forked is not None:
        kinds += (forked.Popen,)
    return {thing.pid for thing in gc.get_objects() if issubclass(type(thing), kinds)}
