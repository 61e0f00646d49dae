"""Ends a child whose event loop turns no more.

The child counts its turns in a page of memory (`liteyuki/vitals`). The main process looks at it four times per limit
and counts the looks in a row that have found nothing new. It counts looks, not seconds, and none that comes late:
when the machine was suspended, the main process stopped, or both of them short of processor time, the child has not
had the time to turn, either.
"""

import asyncio
import time
from dataclasses import dataclass, replace
from typing import Final

from liteyuki._platform import RunState, ask_for_stacks, let_go_on, run_state
from liteyuki.locale import text
from liteyuki.log import logger
from liteyuki.supervise.cause import Cause
from liteyuki.supervise.generation import Generation
from liteyuki.supervise.triggers.ticker import Ticker

__all__ = ["LOOKS", "Sight", "Watchdog", "look"]

LOOKS: Final = 4
"""How many looks fit into the limit."""
_LATE: Final = 1.5
"""A look that comes after so many periods is late."""
_STACKS_TIME: Final = 2.0
"""Seconds that the stacks of a stuck child get to arrive before it is killed."""


@dataclass(frozen=True)
class Sight:
    """What the looks so far have seen. Times are of one monotonic clock, in seconds."""

    turns: int = 0
    looked_at: float | None = None
    missed: int = 0
    """Looks in a row that have found no new turn."""

    @property
    def is_stuck(self) -> bool:
        return self.missed >= LOOKS


def look(sight: Sight, turns: int, now: float, period: float) -> Sight:
    """What is known after a look at `now` that has found `turns`; 0 means that there is no loop to judge."""
    late = sight.looked_at is None or now - sight.looked_at > _LATE * period
    if turns == 0 or turns != sight.turns:
        return Sight(turns, now)
    return replace(sight, looked_at=now, missed=sight.missed + (not late))


class Watchdog:
    """Watches the generations of one process, each from ready on. On the loop's thread only."""

    def __init__(self, name: str, limit: float) -> None:
        self._name = name
        self._limit = limit
        self._ticker = Ticker(limit / LOOKS, self._look)
        self._generation: Generation | None = None
        self._sight = Sight()
        self._ending: asyncio.Task[None] | None = None

    def ready(self, generation: Generation) -> None:
        """Watch `generation` from now on; the one before it has ended."""
        if generation.pulse is not None:
            generation.pulse.is_watched = True
            self._generation = generation
            self._ticker.start()

    def ended(self) -> None:
        """It is about to be stopped, or has exited. Idempotent."""
        self._ticker.stop()
        if self._generation is not None and self._generation.pulse is not None:
            self._generation.pulse.is_watched = False
        self._generation = None
        self._sight = Sight()
        if self._ending is not None:
            self._ending.cancel()
            self._ending = None

    def _look(self) -> None:
        generation = self._generation
        if generation is None or generation.pulse is None or self._ending is not None:
            return
        self._sight = look(self._sight, generation.pulse.turns, time.monotonic(), self._limit / LOOKS)
        if self._sight.is_stuck:
            self._sight = Sight()
            self._act(generation)

    def _act(self, generation: Generation) -> None:
        state = run_state(generation.pid)
        if state is RunState.RUNNING:
            self._ending = asyncio.ensure_future(self._end(generation))
            return
        # It could not turn. Somebody debugs it, or has stopped it and gone; waking it up costs less than a restart.
        key = "watchdog.traced" if state is RunState.TRACED else "watchdog.continued"
        logger.warning(text(key, name=self._name, seconds=self._limit))
        if state is RunState.STOPPED:
            let_go_on(generation.pid)

    async def _end(self, generation: Generation) -> None:
        """The stacks first: once it is killed, nobody can say any more what it was doing."""
        logger.error(text("watchdog.stuck", name=self._name, pid=generation.pid, seconds=self._limit))
        generation.keep_all_it_prints()
        ask_for_stacks(generation.pid)
        await asyncio.wait({generation.exited}, timeout=_STACKS_TIME)
        if not generation.exited.done():
            generation.kill(Cause.WATCHDOG)
