"""When each process may start, and when each is to be stopped, as its place in the order says."""

import asyncio
from collections.abc import Mapping
from typing import Final

from liteyuki.locale import text
from liteyuki.log import logger
from liteyuki.supervise.events import Event, EventKind
from liteyuki.supervise.order import After, turned_round, whose_turn
from liteyuki.supervise.spec import ProcessSpec

__all__ = ["START_WAIT", "Turns"]

START_WAIT: Final = 60.0
"""Seconds that others wait for a process to become ready which has no `start_timeout` of its own."""


class _Gates:
    """One for each process; it opens when all those that the process comes after are done."""

    def __init__(self, after: After) -> None:
        self._after = after
        self._gates = {name: asyncio.Event() for name in after}
        self._opened: set[str] = set()
        self._done: set[str] = set()
        self._open_those_due()

    def _open_those_due(self) -> None:
        if len(self._opened) < len(self._after):
            for name in whose_turn(self._after, self._opened, self._done):
                self.open(name)

    def finish(self, name: str) -> None:
        """`name` is done."""
        self._done.add(name)
        self._open_those_due()

    def is_done(self, name: str) -> bool:
        return name in self._done

    def is_open(self, name: str) -> bool:
        return name in self._opened

    def open(self, name: str) -> None:
        """Without waiting any longer."""
        self._opened.add(name)
        self._gates[name].set()

    async def until_open(self, name: str) -> None:
        await self._gates[name].wait()


class Turns:
    """On the loop's thread only.

    To start, a process waits for those that it comes after to be ready. It waits no longer for one that has died
    before it was, or takes longer than its `start_timeout` or a minute. To stop, it waits for those that come after
    it to be kept no longer, which takes each at most its `stop_timeout`.
    """

    def __init__(self, specs: Mapping[str, ProcessSpec]) -> None:
        self._specs = specs
        after = {name: spec.after for name, spec in specs.items()}
        self._followers = turned_round(after)
        self._starts = _Gates(after)
        self._stops = _Gates(self._followers)
        self._timers: dict[str, asyncio.TimerHandle] = {}

    # --- to start

    def must_wait(self, name: str) -> bool:
        return not self._starts.is_open(name)

    async def until_start(self, name: str) -> None:
        """Until `name` may start."""
        if self.must_wait(name):
            others = [other for other in self._specs[name].after if not self._starts.is_done(other)]
            logger.info(text("order.waits", name=name, others=", ".join(others)))
            await self._starts.until_open(name)

    def start_now(self, name: str) -> None:
        """Whoever it comes after: somebody wants it now."""
        self._starts.open(name)

    def hear(self, event: Event) -> None:
        """What happens to a process lets others start."""
        if not self._followers[event.process] or self._starts.is_done(event.process):
            return
        if event.kind is EventKind.STARTED:
            self._begin_to_wait_for(event.process)
        elif event.kind is EventKind.READY:
            self._settle(event.process)
        elif event.kind is EventKind.EXITED and event.cause is not None and event.cause.is_death:
            self._say_nobody_waits("order.ended", event.process)
            self._settle(event.process)

    def _begin_to_wait_for(self, name: str) -> None:
        # One with a `start_timeout` is ended after that, which is heard; one that was restarted gets no more time.
        if not self._specs[name].start_timeout and name not in self._timers:
            self._timers[name] = asyncio.get_running_loop().call_later(START_WAIT, self._is_late, name)

    def _is_late(self, name: str) -> None:
        self._say_nobody_waits("order.late", name)
        self._settle(name)

    def _say_nobody_waits(self, key: str, name: str) -> None:
        waiting = [follower for follower in self._followers[name] if self.must_wait(follower)]
        if waiting:
            logger.warning(text(key, name=name, others=", ".join(waiting), seconds=START_WAIT))

    def _settle(self, name: str) -> None:
        if (timer := self._timers.pop(name, None)) is not None:
            timer.cancel()
        self._starts.finish(name)

    # --- to stop

    async def until_stop(self, name: str) -> None:
        """Until `name` is to be stopped, when all are."""
        await self._stops.until_open(name)

    def ended(self, name: str) -> None:
        """`name` is kept no longer."""
        self._stops.finish(name)
