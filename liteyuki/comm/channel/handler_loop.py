"""An event loop for handlers only, where another one reads the channels.

In the main process the supervisor's loop reads, and what plugins have registered runs on a loop and a thread of their
own: one that blocks holds up what is handed out here, and nothing else.
"""

import asyncio
import contextlib
import threading
from collections import deque
from collections.abc import Callable

from liteyuki.comm.io import ThreadWaiter

__all__ = ["HandlerLoop"]


class HandlerLoop:
    """Made on the thread of `loop`."""

    def __init__(self, loop: asyncio.AbstractEventLoop, on_work: Callable[[], None] = lambda: None) -> None:
        """`on_work` is called, from any thread, when there is something to call."""
        self.loop = loop
        self._on_work = on_work
        self._thread = threading.get_ident()
        self._due: deque[Callable[[], None]] = deque()
        self._blocked: list[ThreadWaiter] = []

    def is_this_thread(self) -> bool:
        """Whether the loop's callbacks run on the thread that asks."""
        return threading.get_ident() == self._thread

    def call_soon(self, hand_out: Callable[[], None]) -> None:
        """Have `hand_out` called on the loop's thread, also if a blocking `receive` holds that up. From any thread."""
        self._due.append(hand_out)
        with contextlib.suppress(RuntimeError):  # it has ended, and with it all who want to be called
            self.loop.call_soon_threadsafe(self.run)
        for waiter in tuple(self._blocked):
            waiter.wake()
        self._on_work()

    def run(self) -> bool:
        """Call what is due; whether anything was. On the loop's thread."""
        has_run = False
        for _ in range(len(self._due)):  # what they add has its turn when the loop has turned
            if self._due:
                self._due.popleft()()
                has_run = True
        return has_run

    def wait(
        self, wait: Callable[[ThreadWaiter, float | None], None], waiter: ThreadWaiter, timeout: float | None
    ) -> None:
        """Block the loop's thread in `wait` for `waiter`; others' handlers start meanwhile."""
        self._blocked.append(waiter)
        try:
            # What has run may have waited for something itself, and taken this thread's wake-up with it.
            if not self.run():
                wait(waiter, timeout)
        finally:
            self._blocked.remove(waiter)
