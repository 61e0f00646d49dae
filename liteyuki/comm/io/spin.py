"""Looking a few times before sleeping: when an answer comes at once, a sleep and its wake-up cost more than all else.

A processor that has gone idle takes tens of microseconds to come back, on a virtual machine more, and whoever wakes
it pays a part of that. Two processes that answer each other at once never have to sleep. So whoever waits looks for a
moment first, but only while that has just been worth it: not after a long wait, and ever more rarely where it is in
vain, as on a machine of one core.
"""

import asyncio
import time
from collections.abc import Callable
from typing import Final

__all__ = ["SPIN", "LoopSpin", "Spin"]

SPIN: Final = 100e-6
"""Seconds for which to look."""
_SOON: Final = 300e-6
"""Seconds within which something has come that might have been waited for like that."""
_MAX_SKIPPED: Final = 1024


class Spin:
    """Whether to look first, decided by how the waits before have ended. Not for several threads at once."""

    def __init__(self) -> None:
        self._to_skip = 0
        self._in_vain = 0
        self.last_was_short = False

    def is_worth_it(self) -> bool:
        """To be asked before each wait."""
        if not self.last_was_short:
            return False
        if self._to_skip:
            self._to_skip -= 1
            return False
        return True

    def succeeded(self) -> None:
        """What was waited for has come while looking."""
        self._in_vain = 0

    def failed(self) -> None:
        """It has not; each time in a row twice as many waits go without."""
        self._in_vain += 1
        self._to_skip = min(2**self._in_vain, _MAX_SKIPPED)

    def slept(self, seconds: float) -> None:
        """A wait has ended, after so long."""
        self.last_was_short = seconds < _SOON


class LoopSpin:
    """The same on an event loop, which keeps turning instead: other callbacks have their turns all the time.

    `clock` tells seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.perf_counter) -> None:
        self._spin = Spin()
        self._clock = clock
        self._sent_at = 0.0
        self._end = 0.0
        self.is_looking = False
        """True while the loop is kept turning."""

    def sent(self, loop: asyncio.AbstractEventLoop) -> None:
        """Something was sent that may be answered at once. On the loop's thread."""
        self._sent_at = self._clock()
        if not self.is_looking and self._spin.last_was_short and self._spin.is_worth_it():
            self.is_looking = True
            self._end = self._sent_at + SPIN
            loop.call_soon(self._look, loop)

    def came(self) -> None:
        """Something has come."""
        if self.is_looking:
            self.is_looking = False
            self._spin.succeeded()
        elif self._sent_at:
            self._spin.slept(self._clock() - self._sent_at)
        self._sent_at = 0.0

    def _look(self, loop: asyncio.AbstractEventLoop) -> None:
        if not self.is_looking:
            return
        if self._clock() < self._end:
            loop.call_soon(self._look, loop)
        else:
            self.is_looking = False
            self._spin.failed()
