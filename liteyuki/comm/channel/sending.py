"""Waiting in line for room, on the event loop and in threads."""

import asyncio
import sys
import time
from collections.abc import Callable
from typing import Final

from liteyuki.comm.io import Connection, LoopWaiter, ThreadWaiter
from liteyuki.comm.session import Entry, Item, Need, Waiter, cost_bytes
from liteyuki.comm.wire import FrameKind

__all__ = ["Line"]

_LOOK_ONCE_MORE: Final = 0.01
"""Seconds after which whoever has begun to wait looks once more at what the other side has taken. Each side writes into
shared memory and then looks at what the other has written there (`acks.py`); should both have done so in the same
instant, neither has seen the other's. Never again after that: then the other side says when there is room."""
_LOOK_WHILE_PAUSED: Final = 1.0

Attempt = Callable[[], bool]
"""Sends if there is room; whether it has. Called without the lock."""


class Line:
    """Those who wait to send over one connection."""

    def __init__(self, connection: Connection) -> None:
        self.waits = 0
        """How often somebody had to wait."""
        self._connection = connection
        self._credit = connection.session.credit

    def need_of(self, entry: Entry) -> Need:
        """What `entry`, for which there was no room, waits for."""
        is_message = not isinstance(entry, Item) or entry.kind == FrameKind.MESSAGE
        return self._credit.need_for(cost_bytes(entry), is_message=is_message)

    async def wait_on_loop(self, need: Need, attempt: Attempt, timeout: float | None) -> bool:
        """Wait until `attempt` succeeds; False after `timeout` seconds. What `attempt` raises is raised."""
        deadline = None if timeout is None else time.monotonic() + timeout
        ticket = self._begin()
        while True:
            waiter, patience = LoopWaiter(), _LOOK_ONCE_MORE
            try:
                self._join(waiter, need, ticket)
                while not waiter.future.done():
                    left = _left(deadline, patience)
                    if left is not None and left <= 0:
                        self._leave(waiter)
                        return False
                    await asyncio.wait({waiter.future}, timeout=left)
                    patience = self._patience
                    self._look()
                if self._attempt(waiter, attempt):
                    return True
            except BaseException:
                # Cancelled, dropped by whoever ran it, or woken in vain: nobody else is to wait for it.
                self._leave(waiter)
                raise

    def wait_in_thread(self, need: Need, attempt: Attempt, timeout: float | None) -> bool:
        """The same, blocking this thread. Raises `ChannelBusy`."""
        self._connection.raise_if_busy()
        deadline = None if timeout is None else time.monotonic() + timeout
        ticket = self._begin()
        while True:
            waiter, patience = ThreadWaiter(), _LOOK_ONCE_MORE
            try:
                self._join(waiter, need, ticket)
                while self._is_waiting(waiter):
                    left = _left(deadline, patience)
                    if left is not None and left <= 0:
                        self._leave(waiter)
                        return False
                    self._connection.wait(waiter, left)
                    patience = self._patience
                    self._connection.pump()
                    self._look()
                if self._attempt(waiter, attempt):
                    return True
            except BaseException:
                self._leave(waiter)  # woken in vain, or a signal's handler has raised
                raise

    @property
    def _patience(self) -> float:
        """Seconds after which to look again: where nothing is read, nobody hears that there is room."""
        return _LOOK_WHILE_PAUSED if self._connection.is_paused else sys.maxsize

    def _begin(self) -> int:
        with self._connection.lock:
            self.waits += 1
            return self._credit.take_ticket()

    def _join(self, waiter: Waiter, need: Need, ticket: int) -> None:
        with self._connection.lock:
            self._credit.join(waiter, need, ticket)
            self._connection.session.look_for_room()

    def _is_waiting(self, waiter: Waiter) -> bool:
        with self._connection.lock:
            return self._credit.is_waiting(waiter)

    def _leave(self, waiter: Waiter) -> None:
        with self._connection.lock:
            self._credit.leave(waiter)
            self._connection.session.look_for_room()  # if it was its turn, it is the next one's now

    def _look(self) -> None:
        with self._connection.lock:
            self._connection.session.look_for_room()

    def _attempt(self, waiter: Waiter, attempt: Attempt) -> bool:
        """It was woken: its turn, and then the next one's."""
        with self._connection.lock:
            is_sent = attempt()
            self._credit.leave(waiter)
            if is_sent:
                self._connection.session.look_for_room()
            return is_sent


def _left(deadline: float | None, patience: float) -> float | None:
    """How long to wait now: None for ever."""
    left = patience if deadline is None else min(deadline - time.monotonic(), patience)
    return None if left == sys.maxsize else left
