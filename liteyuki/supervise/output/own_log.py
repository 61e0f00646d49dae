"""The main process's own log lines: to its console and its log file, from any thread and any signal's handler."""

import asyncio
import threading
from collections import deque
from typing import Final

from liteyuki.locale import text
from liteyuki.supervise.output.console import Console, encoded
from liteyuki.supervise.output.log_writer import LogStream

__all__ = ["OWN_LOG", "OwnLog"]

_MAX_LINES: Final = 10_000
"""So many lines of other threads wait for the loop; what comes beyond that is left out and counted."""

_LINES_IN_TURN: Final = 200

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
        self._dropped = 0
        self._is_flush_due = False
        self._is_writing = False

    def write(self, line: str) -> None:
        """Write `line`, which ends with a newline: at once on the loop's thread, soon from anywhere else."""
        is_own = threading.get_ident() == self._thread
        if is_own or len(self._lines) < _MAX_LINES:
            self._lines.append(line)
        else:
            self._dropped += 1  # a thread that logs for ever must not keep the loop, nor the memory
        if is_own and not self._console.is_writing:
            self.flush(at_most=_LINES_IN_TURN)
        else:
            self._flush_soon()

    def _flush_soon(self) -> None:
        if not self._is_flush_due:
            self._is_flush_due = True
            self._loop.call_soon_threadsafe(self._flush_when_due)

    def _flush_when_due(self) -> None:
        self._is_flush_due = False
        self.flush(at_most=_LINES_IN_TURN)

    def flush(self, *, at_most: int = _MAX_LINES) -> None:
        """Write what has come so far, or so many lines of it now and the rest soon. On the loop's thread."""
        if self._is_writing:
            return  # a signal's handler, in the midst of this; what it adds is seen to below
        self._is_writing = True
        try:
            # Not until there are none: others may add some all the time, and the loop has more to do.
            for _ in range(min(len(self._lines), at_most)):
                self._write(self._lines.popleft())
            if self._dropped and not self._lines:
                dropped, self._dropped = self._dropped, 0
                self._write(text("log.dropped", lines=dropped) + "\n")
        finally:
            self._is_writing = False
        if self._lines:
            self._flush_soon()

    def _write(self, line: str) -> None:
        self._console.write(encoded(line), starts_line=True)
        self._stream.write(line.encode("utf-8", "backslashreplace"))
