"""An event loop that watches one handle, for whoever asks."""

import asyncio
import contextlib
import threading
from collections.abc import Callable

from liteyuki._compat import running_loop
from liteyuki.comm.io.waiters import is_readable

__all__ = ["LoopWatch"]


class LoopWatch:
    """Made on the thread of `loop`, which runs there or has not begun to.

    `wanted` tells the handle from which something is to be read, and the one that is to take something; -1 for none.
    It is asked with `lock` held.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        *,
        lock: threading.RLock,
        wanted: Callable[[], tuple[int, int]],
        on_readable: Callable[[], None],
        on_writable: Callable[[], None],
    ) -> None:
        self.loop = loop
        self._lock = lock
        self._wanted = wanted
        # Other loops than asyncio's own, such as uvloop's, watch a socket no more once it has met an error, as when the
        # other side is killed and has not read all: what is behind that must be found without them.
        self._on_readable = on_readable if isinstance(loop, asyncio.BaseEventLoop) else self._read_to_the_end
        self._read = on_readable
        self._is_look_due = False
        self._on_writable = on_writable
        self.is_held_up = False
        """Whether a `receive` holds the loop up, and its thread reads and writes what is there when that begins."""
        self._thread = threading.get_ident()
        self._reading = self._writing = -1

    @property
    def turns(self) -> bool:
        """Whether the loop runs, and gets to what it is called for."""
        return self.loop.is_running() and not self.is_held_up

    def runs_elsewhere(self) -> bool:
        """Whether the loop runs right now, on another thread than the one that asks."""
        return self.loop.is_running() and running_loop() is not self.loop

    def call_soon(self, callback: Callable[[], None]) -> None:
        """Have `callback` called when the loop turns. From any thread."""
        # The loop may have closed; then there is nobody left to call it for.
        with contextlib.suppress(RuntimeError):
            if running_loop() is self.loop:
                self.loop.call_soon(callback)
            else:
                self.loop.call_soon_threadsafe(callback)

    def update_soon(self) -> None:
        """What is wanted has changed. From any thread."""
        if threading.get_ident() == self._thread:
            self.update()
        else:
            self.call_soon(self.update)

    def _read_to_the_end(self) -> None:
        self._read()
        if self._reading >= 0 and not self._is_look_due and is_readable(self._reading):
            self._is_look_due = True
            self.loop.call_soon(self._look)

    def _look(self) -> None:
        self._is_look_due = False
        if self._reading >= 0:
            self._read_to_the_end()

    def update(self) -> None:
        """The same, on the loop's thread."""
        with self._lock:  # or another thread may close the handle meanwhile, whose number the next one gets
            self._set(*self._wanted())

    def stop(self) -> None:
        """Watch nothing any more, at once, since the handle is about to be closed. From any thread."""
        self._set(-1, -1)

    def _set(self, reading: int, writing: int) -> None:
        if self.loop.is_closed():
            return
        if reading != self._reading:
            if self._reading >= 0:
                self.loop.remove_reader(self._reading)
            self._reading = reading
            if reading >= 0:
                self.loop.add_reader(reading, self._on_readable)
        if writing != self._writing:
            if self._writing >= 0:
                self.loop.remove_writer(self._writing)
            self._writing = writing
            if writing >= 0:
                self.loop.add_writer(writing, self._on_writable)
