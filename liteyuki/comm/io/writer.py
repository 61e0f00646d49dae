"""Writing without anybody waiting for it, where no event loop runs: a thread, and how it waits."""

import select
import threading
from collections.abc import Callable
from typing import Final

__all__ = ["Writer", "wait_writable"]

_LOOK_AGAIN: Final = 0.2
_IDLE: Final = 1.0
"""Seconds without anything to write after which a writer ends."""


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


def wait_writable(handle: int, timeout: float) -> None:
    """Block this thread until `handle` takes something, or it is time to look whether it is still the one to wait for.

    There is no bell beside it, so that what is to be written needs no handle more; and as long as somebody waits for a
    handle the system keeps it open, whoever closes it. So nobody waits long at a time.
    """
    poll = select.poll()
    poll.register(handle, select.POLLOUT)
    poll.poll(max(0.0, min(timeout, _LOOK_AGAIN)) * 1000)
