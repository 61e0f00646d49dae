"""What a process prints: read by the main process, shown on its console, the last lines remembered."""

import asyncio
import contextlib
import fcntl
import os
import re
import sys
import termios
from collections import deque
from collections.abc import Callable
from typing import Final

__all__ = ["Output", "Tail"]

_READ_BYTES: Final = 64 * 1024
_LAST_READS: Final = 16
_TAIL_LINES: Final = 200
_LAST_WORDS: Final = 50
# What a terminal takes for colours, cursor and title (ECMA-48, CSI and OSC sequences); a chat shows it as rubbish.
_ESCAPES: Final = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-Z\\-_])")
_LINE_BYTES: Final = 4096
"""Longer lines are remembered cut; they are shown whole."""


class Tail:
    """The last lines that a process printed, over all its generations."""

    def __init__(self) -> None:
        self._lines: deque[bytes] = deque(maxlen=_TAIL_LINES)
        self._unfinished = b""
        self._of_generation = 0

    def start_generation(self) -> None:
        """What comes from now on is another generation's, and begins a line of its own."""
        if self._unfinished:
            self.add(b"\n")
        self._of_generation = 0

    def add(self, data: bytes) -> None:
        *lines, rest = (self._unfinished + data).split(b"\n")
        self._lines.extend(line[:_LINE_BYTES].rstrip(b"\r") for line in lines)
        self._unfinished = rest[:_LINE_BYTES]
        self._of_generation += len(lines)

    def last_words(self) -> tuple[str, ...]:
        """The last 50 lines of this generation alone, as plain text."""
        return tuple(self.last(min(_LAST_WORDS, self._of_generation + bool(self._unfinished))))

    def last(self, count: int) -> list[str]:
        """The last `count` lines as plain text."""
        lines = [*self._lines, self._unfinished] if self._unfinished else list(self._lines)
        return [_ESCAPES.sub("", line.decode("utf-8", "replace")) for line in lines[max(0, len(lines) - count) :]]


class Output:
    """One generation's standard output and error, as one stream, so that their order is kept.

    A pseudo-terminal where the main process has a terminal (the child keeps its colours), a pipe otherwise.
    Raises `OSError` if no handle is left.
    """

    def __init__(self, show: Callable[[bytes], None]) -> None:
        self._show = show
        self._loop: asyncio.AbstractEventLoop | None = None
        self._reader, self.child_handle = _open_terminal() if sys.stdout.isatty() else os.pipe()
        os.set_blocking(self._reader, False)

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        """The child has its handle: read from now on."""
        os.close(self.child_handle)
        self.child_handle = -1
        self._loop = loop
        loop.add_reader(self._reader, self._read)

    def finish(self) -> None:
        """The child is gone: read what it has left behind, and close. Twice is harmless."""
        if self._loop is not None:
            # No further: what the child has started may still hold the other end, and print without end.
            for _ in range(_LAST_READS):
                if not self._read():
                    break
            else:
                self._loop.remove_reader(self._reader)
            self._loop = None
        for handle in (self._reader, self.child_handle):
            if handle >= 0:
                os.close(handle)
        self._reader = self.child_handle = -1

    def _read(self) -> bool:
        assert self._loop is not None
        try:
            data = os.read(self._reader, _READ_BYTES)
        except BlockingIOError:
            return False
        except OSError:
            data = b""  # how a pseudo-terminal says that its last user has gone
        if data:
            self._show(data)
            return True
        self._loop.remove_reader(self._reader)
        return False


def _open_terminal() -> tuple[int, int]:
    """Reader and child's handle of a pseudo-terminal of the console's size that changes no byte."""
    reader, child = os.openpty()
    attributes = termios.tcgetattr(child)
    attributes[1] &= ~termios.OPOST
    termios.tcsetattr(child, termios.TCSANOW, attributes)
    with contextlib.suppress(OSError):
        size = fcntl.ioctl(sys.stdout.fileno(), termios.TIOCGWINSZ, b"\0" * 8)
        fcntl.ioctl(child, termios.TIOCSWINSZ, size)
    return reader, child
