"""An event loop that watches one handle, for whoever asks."""

import asyncio
import contextlib
import threading
from collections.abc import Callable

from liteyuki._compat import running_loop

__all__ = ["LoopWatch"]


class LoopWatch:
    """Made on the thread of `loop`, which runs there or has not begun to."""

    def __init__(
        self, loop: asyncio.AbstractEventLoop, on_readable: Callable[[], None], on_writable: Callable[[], None]
    ) -> None:
        self.loop = loop
        self._on_readable = on_readable
        self._on_writable = on_writable
        self._thread = threading.get_ident()
        self.reading = self.writing = -1
        """The handles that are watched."""

    def is_this_thread(self) -> bool:
        """Whether the loop runs right now, on the thread that asks."""
        return running_loop() is self.loop

    def runs_elsewhere(self) -> bool:
        """Whether the loop runs right now, on another thread."""
        return self.loop.is_running() and running_loop() is not self.loop

    def call(self, callback: Callable[[], None]) -> None:
        """Have `callback` called on the loop's thread: now if this is it, else soon. From any thread."""
        if threading.get_ident() == self._thread:
            callback()
        else:
            self.call_soon(callback)

    def call_soon(self, callback: Callable[[], None]) -> None:
        """Have `callback` called when the loop turns. From any thread."""
        # The loop may have closed; then there is nobody left to call it for.
        with contextlib.suppress(RuntimeError):
            if running_loop() is self.loop:
                self.loop.call_soon(callback)
            else:
                self.loop.call_soon_threadsafe(callback)

    def set(self, *, reading: int, writing: int) -> None:
        """Watch these handles from now on, -1 for none. On the loop's thread."""
        if self.loop.is_closed():
            return
        if reading != self.reading:
            if self.reading >= 0:
                self.loop.remove_reader(self.reading)
            self.reading = reading
            if reading >= 0:
                self.loop.add_reader(reading, self._on_readable)
        if writing != self.writing:
            if self.writing >= 0:
                self.loop.remove_writer(self.writing)
            self.writing = writing
            if writing >= 0:
                self.loop.add_writer(writing, self._on_writable)
