"""The main process's own log lines: to its console and its log file, from any thread and any signal's handler."""

import asyncio
import threading
from collections import deque

from liteyuki.supervise.console import Console, encoded
from liteyuki.supervise.log_writer import LogStream

__all__ = ["OWN_LOG", "OwnLog"]

OWN_LOG = "liteyuki"
"""The name of the main process's log file, which stands beside those of its processes."""


class OwnLog:
    """Brings lines to the loop's thread, which alone may write to `console` and `stream`. Made there."""

    def __init__(self, console: Console, stream: LogStream) -> None:
        self._console = console
        self._stream = stream
        self._loop = asyncio.get_running_loop()
        self._thread = threading.get_ident()
        self._lines: deque[str] = deque()
        self._is_writing = False

    def write(self, line: str) -> None:
        """Write `line`, which ends with a newline: at once on the loop's thread, soon from anywhere else."""
        self._lines.append(line)
        if threading.get_ident() == self._thread and not self._console.is_writing:
            self.flush()
        else:
            self._loop.call_soon_threadsafe(self.flush)

    def flush(self) -> None:
        """Write what has come so far. On the loop's thread."""
        if self._is_writing:
            return  # a signal's handler, in the midst of this; what it adds is seen to below
        self._is_writing = True
        try:
            while self._lines:
                line = self._lines.popleft()
                self._console.write(encoded(line), starts_line=True)
                self._stream.write(line.encode("utf-8", "backslashreplace"))
        finally:
            self._is_writing = False
