"""The connections of this process: for what must be done to all of them, at a fork, at exit, and on a blocked loop."""

import asyncio
import atexit
import os
import select
import time
import weakref
from typing import Final, Protocol

from liteyuki.comm.io.waiters import ThreadWaiter
from liteyuki.errors import ChannelClosed
from liteyuki.locale import text

__all__ = ["OpenConnections", "open_connections"]

_DRAIN: Final = 2.0
"""Seconds that the end of the process waits for what is still to be written, all channels together."""


class _Connection(Protocol):
    """What a connection must be able to do, to stand in the table."""

    @property
    def name(self) -> str: ...

    @property
    def loop(self) -> asyncio.AbstractEventLoop | None: ...

    def forked(self) -> None: ...

    def write_out(self, timeout: float) -> bool: ...

    def read_on_blocked_loop(self, *, at_most: int = ...) -> None: ...

    def handle_to_wait_for(self) -> tuple[int, bool]: ...

    def loop_is_held_up(self, is_so: bool) -> None: ...


class OpenConnections:
    """All connections that were ever attached or bound, as long as somebody holds them. From any thread."""

    def __init__(self) -> None:
        self._connections: weakref.WeakSet[_Connection] = weakref.WeakSet()
        self._is_installed = False

    def add(self, connection: _Connection) -> None:
        """`connection` has a transport or a loop from now on."""
        self._connections.add(connection)
        if not self._is_installed:
            self._is_installed = True
            atexit.register(self._drain)
            os.register_at_fork(after_in_child=self._leave_to_parent)

    def _leave_to_parent(self) -> None:
        """A forked child must not read what is its parent's, nor keep the other side from seeing the parent's end."""
        for connection in tuple(self._connections):
            connection.forked()
        self._connections.clear()

    def _drain(self) -> None:
        """Write what is queued, as `multiprocessing.Queue` does; a process that only sends may end right after."""
        deadline = time.monotonic() + _DRAIN
        for connection in tuple(self._connections):
            connection.write_out(max(0.0, deadline - time.monotonic()))

    # --- a blocking `receive` on an event loop's own thread

    def _of_loop(self, loop: asyncio.AbstractEventLoop) -> list[_Connection]:
        return [connection for connection in tuple(self._connections) if connection.loop is loop]

    def serve_others(self, blocked: _Connection, loop: asyncio.AbstractEventLoop) -> None:
        """One message of each other channel of `loop`, before `blocked` gets one of its own: they take turns."""
        for connection in self._of_loop(loop):
            if connection is not blocked:
                connection.read_on_blocked_loop(at_most=1)

    def wait(
        self, blocked: _Connection, waiter: ThreadWaiter, loop: asyncio.AbstractEventLoop, timeout: float | None
    ) -> None:
        """Block the thread of `loop` until `blocked` may have something to receive, or `waiter` was woken.

        The loop cannot turn meanwhile. So this thread reads for every channel of that loop and begins their handlers
        itself; one that awaits something goes on when the loop turns again. Raises `ChannelClosed` if nothing can come.
        """
        held_up = self._of_loop(loop)
        try:
            for connection in held_up:
                connection.loop_is_held_up(True)
            readable = self._wait(blocked, waiter, held_up, timeout)
        finally:
            for connection in held_up:
                connection.loop_is_held_up(False)
        for connection in readable:
            if connection is not blocked:
                connection.read_on_blocked_loop()

    def _wait(
        self, blocked: _Connection, waiter: ThreadWaiter, connections: list[_Connection], timeout: float | None
    ) -> list[_Connection]:
        """Those of `connections` that have something to be read, or take something again."""
        poll, by_handle = select.poll(), dict[int, _Connection]()
        for connection in connections:
            handle, is_unsent = connection.handle_to_wait_for()
            if handle >= 0:
                by_handle[handle] = connection
                poll.register(handle, select.POLLIN | select.POLLOUT if is_unsent else select.POLLIN)
        if not by_handle:
            # Nobody can send, and nobody can come while this thread holds the loop up.
            raise ChannelClosed(blocked.name, text("channel.reason_deadlock"))
        poll.register(waiter.fileno(), select.POLLIN)
        ready = [] if waiter.is_woken else poll.poll(None if timeout is None else max(0.0, timeout) * 1000)
        waiter.clear()
        return [by_handle[handle] for handle, _ in ready if handle in by_handle]


open_connections: Final = OpenConnections()
"""This process's."""
