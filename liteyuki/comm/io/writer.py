"""Writing without anybody waiting for it: when messages are put together, and a thread where no loop runs."""

import threading
import time
from collections.abc import Callable
from typing import Final

from liteyuki.comm.io.waiters import wait_writable

__all__ = ["Bursts", "Writer"]

_BURST_MESSAGES: Final = 16
_BURST: Final = 0.0005
"""Seconds within which so many messages are a burst."""
_IDLE: Final = 1.0
"""Seconds without anything to write after which a writer ends."""


class Bursts:
    """Tells when somebody sends so fast that a write for each message would hold it up.

    A single message is best written by whoever sends it. In a burst, many to a write is several times as fast: then
    they leave together when the event loop turns, another thread gets to it, as it does when the sender lets go of the
    interpreter, or 64 KiB have come together.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._count = 0
        self._began = float("-inf")
        self._is_one = False

    def interrupted(self) -> None:
        """The sender waits for something of the other side's: what it sends next begins anew."""
        self._count = 0
        self._is_one = False

    def is_one(self) -> bool:
        """To be asked for each message; whether there is a burst."""
        self._count += 1
        if self._count >= _BURST_MESSAGES:
            now = self._clock()
            self._is_one = now - self._began < _BURST
            self._count, self._began = 0, now
        return self._is_one


class Writer:
    """A thread that calls `write` whenever it is woken, and lives while there is something to write.

    `write` returns the handle to wait for until it takes more, -1 if all is out, None if the thread is to end.
    `is_idle` is asked after a second without anything to do: whether it may end.
    """

    def __init__(self, write: Callable[[], int | None], is_idle: Callable[[], bool]) -> None:
        self._write = write
        self._is_idle = is_idle
        self._wanted = threading.Event()
        self._wanted.set()
        threading.Thread(target=self._run, name="liteyuki-write", daemon=True).start()

    def wake(self) -> None:
        """There is something to write. From any thread."""
        self._wanted.set()

    def _run(self) -> None:
        while True:
            if not self._wanted.wait(_IDLE):
                if self._is_idle():
                    return
                continue
            self._wanted.clear()
            handle = self._write()
            while handle is not None and handle >= 0:
                wait_writable(handle, _IDLE)
                handle = self._write()
            if handle is None:
                return
