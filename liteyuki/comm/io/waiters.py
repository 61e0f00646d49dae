"""Who waits for something to happen on a channel, coroutines and threads, and how a thread waits for OS handles."""

import asyncio
import contextlib
import os
import select
import threading
import time
from collections.abc import Callable
from typing import Final

from liteyuki.comm.io.spin import SPIN, Spin

__all__ = ["HandlePoll", "LoopWaiter", "ThreadWaiter", "is_readable"]

_NOTHING: Final = (-1, -1, 0)
_PIPE_BYTES: Final = 65536
"""As much as a pipe holds: one that nobody clears for long is full."""


class LoopWaiter:
    """A coroutine: `await waiter.future`. Made on its event loop."""

    def __init__(self) -> None:
        self.future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._thread = threading.get_ident()

    def wake(self) -> bool:
        """Whether there is still somebody to wake. From any thread."""
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


class _Bell:
    """A handle that is readable from `ring` until `clear`."""

    def __init__(self) -> None:
        """Raises `OSError` if handles run out."""
        # Bare handles: a socket in a cycle may be collected before the bell that would have closed it, and complain.
        self.handle, self._ringing = os.pipe()
        self.process = os.getpid()
        os.set_blocking(self.handle, False)
        os.set_blocking(self._ringing, False)
        self._rings = False

    def ring(self) -> None:
        with contextlib.suppress(BlockingIOError):  # it rings already
            os.write(self._ringing, b"!")
        self._rings = True  # last, or who clears in between would leave it ringing

    def clear(self) -> None:
        if self._rings:
            self._rings = False
            with contextlib.suppress(BlockingIOError):  # it is about to ring
                os.read(self.handle, _PIPE_BYTES)

    def __del__(self) -> None:
        # Threads may wait on it until their channel is forgotten, so nobody can say earlier that it is over.
        if hasattr(self, "_ringing"):
            os.close(self.handle)
            os.close(self._ringing)


class ThreadWaiter:
    """This thread, which waits for its bell beside other handles. Each thread has one bell, for all that it waits for.

    So whoever waits must look for what it waits for whenever something else may have run in between.
    """

    _bells = threading.local()

    def __init__(self) -> None:
        """Raises `OSError` if handles run out."""
        bells = self._bells
        bell: _Bell | None = getattr(bells, "bell", None)
        # A forked process has its parent's bell, and would hear what that is to hear.
        if bell is None or bell.process != os.getpid():
            bell = bells.bell = _Bell()
        self.is_woken = False
        self._bell = bell
        self._thread = threading.get_ident()
        bell.clear()

    def fileno(self) -> int:
        """What becomes readable when it is woken by another thread."""
        return self._bell.handle

    def wake(self) -> bool:
        """From any thread. On the waiter's own no bell rings: that thread is awake, and does not begin to wait."""
        self.is_woken = True
        if threading.get_ident() != self._thread:
            self._bell.ring()
        return True

    def clear(self) -> None:
        """It has been woken, and looks what for."""
        self.is_woken = False
        self._bell.clear()


class HandlePoll:
    """Lets threads wait for a waiter's bell and one more handle. Where that has just been worth it, it looks for a
    moment before it sleeps; see `spin.py`."""

    def __init__(self, clock: Callable[[], float] = time.perf_counter) -> None:
        self._clock = clock
        self._spin = Spin()
        self._poll: select.poll | None = None
        self._waits_for = _NOTHING

    def wait(self, waiter: ThreadWaiter, handle: int, timeout: float | None, *, or_writable: bool = False) -> None:
        """Block this thread until `waiter` is woken, `handle` is readable or, if so wished, takes something.

        `handle` may be -1. Not longer than `timeout` seconds.
        """
        waits_for = (waiter.fileno(), handle, select.POLLIN | select.POLLOUT if or_writable else select.POLLIN)
        # Taken while it is in use: a second thread makes its own.
        poll, self._poll = self._poll, None
        if poll is None or waits_for != self._waits_for:
            poll = select.poll()
            poll.register(waits_for[0], select.POLLIN)
            if handle >= 0:
                poll.register(handle, waits_for[2])
        if not waiter.is_woken and not (self._spin.is_worth_it() and self._look_for_a_moment(poll)):
            began = self._clock()
            poll.poll(None if timeout is None else max(0.0, timeout) * 1000)
            self._spin.slept(self._clock() - began)
        self._poll, self._waits_for = poll, waits_for
        waiter.clear()

    def _look_for_a_moment(self, poll: "select.poll") -> bool:
        end = self._clock() + SPIN
        while self._clock() < end:
            if poll.poll(0):
                self._spin.succeeded()
                return True
        self._spin.failed()
        return False


def is_readable(handle: int) -> bool:
    """Whether something can be read from `handle` right now, or it has ended."""
    poll = select.poll()
    poll.register(handle, select.POLLIN)
    return bool(poll.poll(0))
