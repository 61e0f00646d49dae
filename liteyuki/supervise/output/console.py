"""Where the main process and its children print: standard output, without ever waiting for it."""

import asyncio
import contextlib
import os
import select
import sys
from collections import deque
from typing import Final

from liteyuki.locale import text
from liteyuki.supervise.output.backpressure import Intake, Pressure

__all__ = ["Console", "encoded"]

_MAX_WAITING_BYTES: Final = 1024 * 1024
_LAST_WAIT_MILLISECONDS: Final = 200
_CHUNK_BYTES: Final = 4096
"""What a pipe that says it is writable takes without blocking (PIPE_BUF)."""


def encoded(line: str) -> bytes:
    """`line` as standard output takes it."""
    return line.encode(sys.stdout.encoding or "utf-8", "backslashreplace")


class Console:
    """Writes to a handle as fast as it takes, in order; what does not fit the buffer is left out and counted.

    A terminal that was stopped (Ctrl+S) or a pipe that nobody reads must not stop the main process. The handle
    is not made non-blocking, because it is shared with whoever else has it. On the loop's thread only.
    """

    def __init__(self, handle: int) -> None:
        self.pressure = Pressure()
        self.is_terminal = os.isatty(handle)
        self.is_writing = False
        """Whether it is in the midst of a `write`, where a signal's handler must not write, too."""
        self._handle = handle
        self._waiting: deque[bytes] = deque()
        self._waiting_bytes = 0
        self._intake = Intake(_MAX_WAITING_BYTES, lambda lines: text("console.dropped", lines=lines))
        self._loop: asyncio.AbstractEventLoop | None = None
        self._poll = select.poll()
        self._poll.register(handle, select.POLLOUT)
        self._is_watched = False

    def bind(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self.pressure.bind(loop)

    def write_text(self, line: str) -> None:
        """Print `line`, which ends with a newline, between the lines of whatever else is printed."""
        self.write(encoded(line), starts_line=True)

    def write(self, data: bytes, *, starts_line: bool = False) -> None:
        """Print now what the handle takes, the rest as soon as it can.

        `starts_line`: `data` is whole lines; without it, it goes on where the last such piece has ended.
        """
        self.is_writing = True
        self._queue(self._intake.admit(data, self._waiting_bytes, starts_line=starts_line))
        self._print()
        self.is_writing = False

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

    def _go_on(self) -> None:
        """The handle takes something again."""
        self.is_writing = True
        self._print()
        self.is_writing = False

    def _print(self) -> None:
        while self._waiting:
            if not self._poll.poll(0):
                self._watch()
                break
            self._print_chunk(self._waiting.popleft())
            if not self._waiting:
                self._queue(self._intake.tell())
        if not self._waiting:
            self._unwatch()
        self.pressure.update(self._waiting_bytes)

    def _print_chunk(self, chunk: bytes) -> None:
        self._waiting_bytes -= len(chunk)
        try:
            written = os.write(self._handle, chunk)
        except BlockingIOError:
            written = 0
        except OSError:
            # Nobody is there any more to read this (a closed pipe, a terminal that hung up).
            return
        if written < len(chunk):
            self._waiting.appendleft(chunk[written:])
            self._waiting_bytes += len(chunk) - written

    def _watch(self) -> None:
        if self._loop is not None and not self._is_watched:
            # A plain file cannot be watched, and needs not be: it is always writable.
            with contextlib.suppress(PermissionError):
                self._loop.add_writer(self._handle, self._go_on)
                self._is_watched = True

    def _unwatch(self) -> None:
        if self._is_watched and self._loop is not None:
            self._loop.remove_writer(self._handle)
        self._is_watched = False
