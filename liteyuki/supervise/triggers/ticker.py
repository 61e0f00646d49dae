"""Calling a function again and again, at the cost of as few wake-ups as can be."""

import asyncio
import math
from collections.abc import Callable

__all__ = ["Ticker", "next_tick"]


def next_tick(now: float, every: float) -> float:
    """The next of the times at which all tickers with that period tick: multiples of it.

    So a hundred of them wake the process up as often as one.
    """
    # A timer may be called a moment early; its own time is not the next one.
    return (math.floor(now / every + 0.001) + 1) * every


class Ticker:
    """Calls `call` every `every` seconds of the loop's monotonic clock, from `start` to `stop`.

    A tick that comes late is not made up for: there is one call, and the next one at its own time. On the loop's
    thread only.
    """

    def __init__(self, every: float, call: Callable[[], None]) -> None:
        self._every = every
        self._call = call
        self._timer: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """Idempotent."""
        if self._timer is None:
            self._arm()

    def stop(self) -> None:
        """Idempotent."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _arm(self) -> None:
        loop = asyncio.get_running_loop()
        self._timer = loop.call_at(next_tick(loop.time(), self._every), self._tick)

    def _tick(self) -> None:
        self._arm()
        self._call()
