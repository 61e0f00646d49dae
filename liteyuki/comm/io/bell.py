"""Waking a thread that waits on OS handles."""

import contextlib
import os
import select
from collections.abc import Collection

__all__ = ["Bell", "wait_readable"]


class Bell:
    """A handle that is readable from `ring` until `clear`. `ring` may be called from any thread."""

    def __init__(self) -> None:
        """Raises `OSError` if handles run out."""
        # Bare handles: a socket in a cycle may be collected before the bell that would have closed it, and complain.
        self._waiting, self._ringing = os.pipe()
        os.set_blocking(self._waiting, False)
        os.set_blocking(self._ringing, False)
        self._rings = False

    def fileno(self) -> int:
        return self._waiting

    def ring(self) -> None:
        with contextlib.suppress(BlockingIOError):  # it rings already
            os.write(self._ringing, b"!")
        self._rings = True  # last, or who clears in between would leave it ringing

    def clear(self) -> None:
        """To be followed by a look at what it may have rung for: a ring that comes right now is cleared as well."""
        if self._rings:
            self._rings = False
            with contextlib.suppress(BlockingIOError):  # it is about to ring
                os.read(self._waiting, 4096)

    def __del__(self) -> None:
        # Threads may wait on it until their channel is forgotten, so nobody can say earlier that it is over.
        if hasattr(self, "_ringing"):
            os.close(self._waiting)
            os.close(self._ringing)


def wait_readable(handles: list[int], timeout: float | None, *, or_writable: Collection[int] = ()) -> list[int]:
    """Block this thread until one of `handles` is readable (or has ended), or `timeout` seconds have passed.

    Those that are in `or_writable` are waited for to take something, also; all that are ready.
    """
    poll = select.poll()
    for handle in handles:
        poll.register(handle, select.POLLIN | (select.POLLOUT if handle in or_writable else 0))
    for handle in or_writable:
        if handle not in handles:
            poll.register(handle, select.POLLOUT)
    return [handle for handle, _ in poll.poll(None if timeout is None else max(0.0, timeout) * 1000)]
