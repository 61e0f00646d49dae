"""One generation's output on its way from the child to its transcript."""

import asyncio
import os
import sys
from typing import Final

from liteyuki._platform import copy_terminal_size, open_terminal
from liteyuki.supervise.output.transcript import Transcript

__all__ = ["Output"]

_READ_BYTES: Final = 16 * 1024
_LAST_BYTES: Final = 1024 * 1024
"""What is read after an exit: as much as a pipe can hold."""


class Output:
    """One generation's standard output and error, as one stream, so that their order is kept.

    A pseudo-terminal where the main process has a terminal (the child keeps its colours), a pipe otherwise.
    Raises `OSError` if no handle is left. On the loop's thread only.
    """

    def __init__(self, transcript: Transcript) -> None:
        self._transcript = transcript
        self._loop: asyncio.AbstractEventLoop | None = None
        self._is_terminal = sys.stdout.isatty()
        self._reader, self.child_handle = open_terminal() if self._is_terminal else os.pipe()
        os.set_blocking(self._reader, False)
        if self._is_terminal:
            self.resize()

    def resize(self) -> bool:
        """Take over the size of the main process's terminal. Whether there is one."""
        return self._is_terminal and copy_terminal_size(sys.stdout.fileno(), self._reader)

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        """The child has its handle: read from now on."""
        os.close(self.child_handle)
        self.child_handle = -1
        self._loop = loop
        loop.add_reader(self._reader, self._on_readable)

    def finish(self) -> None:
        """The child is gone: read what it has left behind, and close. Idempotent."""
        if self._loop is not None:
            self._loop.remove_reader(self._reader)
            self._loop = None
            # No further: what the child has started may still hold the other end, and print without end.
            left = _LAST_BYTES
            while left > 0 and (read := self._read()):
                left -= read
            self._transcript.end()
        for handle in (self._reader, self.child_handle):
            if handle >= 0:
                os.close(handle)
        self._reader = self.child_handle = -1

    def _on_readable(self) -> None:
        assert self._loop is not None
        if self._read() == 0:
            self._loop.remove_reader(self._reader)
            return
        for pressure in self._transcript.pressures:
            if pressure.is_on:
                self._loop.remove_reader(self._reader)
                pressure.hold(self._go_on)
                return

    def _go_on(self) -> None:
        if self._loop is not None:
            self._loop.add_reader(self._reader, self._on_readable)

    def _read(self) -> int | None:
        """How many bytes have come; 0 if nobody holds the other end any more, None if there are none now."""
        try:
            data = os.read(self._reader, _READ_BYTES)
        except BlockingIOError:
            return None
        except OSError:
            return 0  # how a pseudo-terminal says that its last user has gone
        if data:
            self._transcript.write(data)
        return len(data)
