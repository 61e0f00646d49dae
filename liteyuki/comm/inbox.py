"""What has come over a channel and nobody has taken, and who waits for it: coroutines and threads."""

import asyncio
from collections import deque

from liteyuki.comm.bell import Bell, wait_readable
from liteyuki.comm.framing import Frame

__all__ = ["Inbox", "wait_in_thread"]


class Inbox:
    """Not for use without the channel's lock held."""

    def __init__(self) -> None:
        self.frames: deque[Frame] = deque()
        self.threads = 0
        """How many threads wait, or are about to."""
        self.earlier = 0
        """How many of the oldest frames came over a transport that is gone."""
        self._waiters: deque[asyncio.Future[None]] = deque()
        self._bell: Bell | None = None

    def add(self, frame: Frame) -> None:
        self.frames.append(frame)

    def take(self) -> tuple[Frame, bool]:
        """The oldest frame, and whether it came over the transport of the moment."""
        frame = self.frames.popleft()
        if self.earlier:
            self.earlier -= 1
            return frame, False
        return frame, True

    def transport_changed(self) -> None:
        self.earlier = len(self.frames)

    # --- coroutines

    @property
    def has_waiters(self) -> bool:
        return bool(self._waiters)

    def new_waiter(self) -> "asyncio.Future[None]":
        """To be awaited without the lock: done when it is worth looking again."""
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiters.append(waiter)
        return waiter

    def withdraw(self, waiter: "asyncio.Future[None]") -> None:
        """The coroutine was cancelled. If it was its turn, it is the next one's now."""
        if waiter in self._waiters:
            self._waiters.remove(waiter)
        elif self.frames:
            self.wake_one()

    # --- threads

    def prepare_to_wait(self) -> Bell:
        """The bell must hang before the lock is released: what rings it later is not missed."""
        if self._bell is None:
            self._bell = Bell()
        return self._bell

    def ring(self) -> None:
        if self._bell is not None:
            self._bell.ring()

    # --- both

    def wake_one(self) -> None:
        """Something has come: for a coroutine if one waits, else for a thread."""
        while self._waiters:
            waiter = self._waiters.popleft()
            if not waiter.done():
                waiter.get_loop().call_soon_threadsafe(_wake, waiter)
                return
        if self.threads:
            self.ring()

    def wake_all(self) -> None:
        """Nothing may come any more: everybody is to look again."""
        while self._waiters:
            self.wake_one()
        self.ring()


def _wake(waiter: "asyncio.Future[None]") -> None:
    if not waiter.done():
        waiter.set_result(None)


def wait_in_thread(bell: Bell, handle: int | None, timeout: float | None) -> None:
    """Block until the bell rings, `handle` is readable, or `timeout` seconds have passed; without the lock."""
    handles = [bell.fileno()] if handle is None else [bell.fileno(), handle]
    if bell.fileno() in wait_readable(handles, timeout):
        bell.clear()
