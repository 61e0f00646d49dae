"""Restarts a process that has grown too large or too old."""

import asyncio
import os
import random
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

from liteyuki._platform import anonymous_memory_bytes
from liteyuki.locale import text
from liteyuki.log import logger
from liteyuki.supervise.cause import Cause
from liteyuki.supervise.generation import Generation
from liteyuki.supervise.triggers.ticker import Ticker

__all__ = ["AgeLimit", "MemoryLimit", "MemorySight", "lifetime"]

Restart = Callable[[Cause, str], object]
"""Asks for a restart, with the cause and the details for the log."""

SAMPLE_EVERY: Final = 10.0
"""Seconds between two looks at the memory."""
SAMPLES: Final = 3
"""How many looks in a row must find too much; a peak is no leak."""
_MAX_DOUBLINGS: Final = 7
_VARIANCE: Final = 0.1
"""By what share of `max_age` a process may grow older, at random."""


@dataclass(frozen=True)
class MemorySight:
    """What the looks at a process's memory have found."""

    over: int = 0
    """Looks in a row that have found too much."""
    was_below: bool = False
    """Whether this generation has ever been within the limit."""
    futile: int = 0
    """Restarts in a row of generations that never were, to which the limit is simply too low."""

    def after(self, used_bytes: int, limit_bytes: int) -> "MemorySight":
        """With one look more."""
        if used_bytes > limit_bytes:
            return replace(self, over=self.over + 1)
        return MemorySight(was_below=True)

    @property
    def is_too_large(self) -> bool:
        # Twice as many looks after each restart that was of no use: a limit that cannot be kept to is no way to have
        # a bot restarted twice a minute.
        return self.over >= SAMPLES << min(self.futile, _MAX_DOUBLINGS)

    def restarted(self) -> "MemorySight":
        """Of the next generation, when this one was restarted for its memory."""
        return MemorySight(futile=0 if self.was_below else self.futile + 1)


def lifetime(max_age: float, chance: float) -> float:
    """How old a generation may become, in seconds; `chance` in [0, 1) keeps several from restarting together."""
    return max_age * (1.0 + _VARIANCE * chance)


class MemoryLimit:
    """Looks at how much memory a ready process takes, with all that it has started."""

    def __init__(self, name: str, limit_bytes: int, restart: Restart) -> None:
        self._name = name
        self._limit_bytes = limit_bytes
        self._restart = restart
        self._ticker = Ticker(SAMPLE_EVERY, self._sample)
        self._pid = 0
        self._sight = MemorySight()

    def ready(self, generation: Generation) -> None:
        self._pid = generation.pid
        if anonymous_memory_bytes(os.getpid()) is None:
            logger.warning(text("limit.memory_unknown", name=self._name))
        else:
            self._ticker.start()

    def ended(self) -> None:
        self._ticker.stop()
        self._sight = MemorySight(futile=self._sight.futile)

    def _sample(self) -> None:
        used = anonymous_memory_bytes(self._pid)
        if used is None:
            return  # it has just exited
        self._sight = sight = self._sight.after(used, self._limit_bytes)
        if sight.is_too_large:
            self._sight = sight.restarted()
            key = "limit.memory" if sight.was_below else "limit.memory_never_below"
            facts = {"used": used / 2**20, "limit": self._limit_bytes / 2**20, "samples": sight.over}
            self._restart(Cause.MEMORY_LIMIT, text(key, **facts))


class AgeLimit:
    """Restarts a ready process some time after its start."""

    def __init__(self, max_age: float, restart: Restart) -> None:
        self._max_age = max_age
        self._restart = restart
        self._timer: asyncio.TimerHandle | None = None

    def ready(self, generation: Generation) -> None:
        self.ended()
        left = lifetime(self._max_age, random.random()) - generation.uptime
        self._timer = asyncio.get_running_loop().call_later(max(0.0, left), self._is_due)

    def ended(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _is_due(self) -> None:
        self._restart(Cause.AGE, text("limit.age", seconds=self._max_age))
