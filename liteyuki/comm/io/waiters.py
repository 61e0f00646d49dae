"""Who waits for something to happen on a channel: coroutines and threads, first come, first woken."""

import asyncio
import os
import threading
from typing import Protocol

from liteyuki.comm.io.bell import Bell

__all__ = ["LoopWaiter", "ThreadWaiter", "Waiter"]


class Waiter(Protocol):
    """Woken once. From any thread."""

    def wake(self) -> bool:
        """Whether there is still somebody to wake."""
        ...


class LoopWaiter:
    """A coroutine: `await waiter.future`. Made on its event loop."""

    def __init__(self) -> None:
        self.future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._thread = threading.get_ident()

    def wake(self) -> bool:
        loop = self.future.get_loop()
        if self.future.done() or loop.is_closed():
            return False
        if threading.get_ident() == self._thread:
            self._settle()
            return True
        try:
            loop.call_soon_threadsafe(self._settle)
        except RuntimeError:
            return False  # it has closed just now
        return True

    def _settle(self) -> None:
        if not self.future.done():
            self.future.set_result(None)


class ThreadWaiter:
    """This thread, which polls `fileno` beside other handles. Each thread has one bell, for whatever it waits for."""

    _bells = threading.local()

    def __init__(self) -> None:
        """Raises `OSError` if handles run out."""
        bells = self._bells
        # A forked process has its parent's bell, and would hear what that is to hear.
        if getattr(bells, "process", None) != os.getpid():
            bells.bell, bells.process = Bell(), os.getpid()
        self._bell: Bell = bells.bell
        self._bell.clear()

    def fileno(self) -> int:
        return self._bell.fileno()

    def wake(self) -> bool:
        self._bell.ring()
        return True

    def clear(self) -> None:
        """It has been woken, and looks what for."""
        self._bell.clear()
