"""Where the main process and its children print: standard output, without ever waiting for it."""

import asyncio
import contextlib
import os
import select
import sys
from collections import deque
from typing import Final

from liteyuki.locale import text

__all__ = ["Console"]

_MAX_WAITING_BYTES: Final = 1024 * 1024
_LAST_WAIT_MILLISECONDS: Final = 200
_CHUNK_BYTES: Final = 4096
"""What a pipe that says it is writable takes without blocking (PIPE_BUF)."""


class Console:
    """Writes to a handle as fast as it takes, in order; what does not fit the buffer is dropped and counted.

    A terminal that was stopped (Ctrl+S) or a pipe that nobody reads must not stop the main process. The handle
    is not made non-blocking, because it is shared with whoever else has it. On the loop's thread only.
    """

    def __init__(self, handle: int) -> None:
        self._handle = handle
        self._waiting: deque[bytes] = deque()
        self._waiting_bytes = 0
        self._dropped_lines = 0
        self._loop: asyncio.AbstractEventLoop | None = None
        self._poll = select.poll()
        self._poll.register(handle, select.POLLOUT)
        self._is_watched = False

    def bind(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop

    def write_text(self, line: str) -> None:
        self.write(line.encode(sys.stdout.encoding or "utf-8", "backslashreplace"))

    def write(self, data: bytes) -> None:
        """Print now what the handle takes, the rest as soon as it can."""
        if self._waiting_bytes + len(data) > _MAX_WAITING_BYTES:
            self._dropped_lines += data.count(b"\n")
            return
        if self._dropped_lines:
            gap = text("console.dropped", lines=self._dropped_lines) + "\n"
            self._dropped_lines = 0
            self._queue(gap.encode())
        self._queue(data)
        self._print()

    def close(self) -> None:
        """Print what is left; a handle that takes nothing for a while gets no more."""
        self._print()
        while self._waiting and self._poll.poll(_LAST_WAIT_MILLISECONDS):
            self._print()
        self._unwatch()
        self._loop = None

    def _queue(self, data: bytes) -> None:
        for start in range(0, len(data), _CHUNK_BYTES):
            self._waiting.append(data[start : start + _CHUNK_BYTES])
        self._waiting_bytes += len(data)

    def _print(self) -> None:
        while self._waiting:
            if not self._poll.poll(0):
                self._watch()
                return
            chunk = self._waiting.popleft()
            self._waiting_bytes -= len(chunk)
            try:
                written = os.write(self._handle, chunk)
            except BlockingIOError:
                written = 0
            except OSError:
                # Nobody is there any more to read this (a closed pipe, a terminal that hung up).
                continue
            if written < len(chunk):
                self._waiting.appendleft(chunk[written:])
                self._waiting_bytes += len(chunk) - written
        self._unwatch()

    def _watch(self) -> None:
        if self._loop is not None and not self._is_watched:
            # A plain file cannot be watched, and needs not be: it is always writable.
            with contextlib.suppress(PermissionError):
                self._loop.add_writer(self._handle, self._print)
                self._is_watched = True

    def _unwatch(self) -> None:
        if self._is_watched and self._loop is not None:
            self._loop.remove_writer(self._handle)
        self._is_watched = False
