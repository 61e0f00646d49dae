"""Who waits for something to happen on a channel: coroutines and threads, first come, first woken."""

import asyncio
import contextlib
import threading
from typing import Protocol

from liteyuki.comm.bell import Bell

__all__ = ["LoopWaiter", "ThreadWaiter", "Waiter"]


class Waiter(Protocol):
    """Woken once. From any thread."""

    def wake(self) -> None: ...


class LoopWaiter:
    """A coroutine: `await waiter.future`. Made on its event loop."""

    def __init__(self) -> None:
        self.future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._thread = threading.get_ident()

    def wake(self) -> None:
        if threading.get_ident() == self._thread:
            self._settle()
            return
        # A loop that has closed waits for nothing.
        with contextlib.suppress(RuntimeError):
            self.future.get_loop().call_soon_threadsafe(self._settle)

    def _settle(self) -> None:
        if not self.future.done():
            self.future.set_result(None)


class ThreadWaiter:
    """This thread, which polls `fileno` beside other handles. Each thread has one bell, for whatever it waits for."""

    _bells = threading.local()

    def __init__(self) -> None:
        bell = getattr(self._bells, "bell", None)
        if bell is None:
            bell = self._bells.bell = Bell()
        bell.clear()
        self._bell: Bell = bell

    def fileno(self) -> int:
        return self._bell.fileno()

    def wake(self) -> None:
        self._bell.ring()

    def clear(self) -> None:
        """It has been woken, and looks what for."""
        self._bell.clear()
