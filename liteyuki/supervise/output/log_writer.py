"""Writes log files from a thread of its own, so that a slow or full disk holds up neither main process nor child."""

import asyncio
import contextlib
import threading
import time
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Final

from liteyuki._platform import leave_signals_to_main_thread
from liteyuki.locale import text
from liteyuki.log import logger
from liteyuki.supervise.output.backpressure import LOW_BYTES, Intake, Pressure
from liteyuki.supervise.output.log_file import LogFile
from liteyuki.supervise.spec import LogFiles

__all__ = ["LogStream", "LogWriter", "log_path"]

_MAX_WAITING_BYTES: Final = 1024 * 1024
_LAST_WAIT: Final = 1.0
"""Seconds that a disk has for the rest when the main process ends."""
_GATHERING: Final = 0.01
_SMALL_BYTES: Final = 16 * 1024
"""After fewer bytes the thread waits for `_GATHERING` seconds, so that single lines do not wake it for each."""
_CALM: Final = 5.0
"""Seconds after which a file that can be written again is believed to stay so."""


def log_path(directory: Path, name: str) -> Path:
    """The newest log file of the process `name`."""
    return directory / f"{name}.log"


class LogStream:
    """What goes to one log file. On the loop's thread only, but for what says otherwise."""

    def __init__(self, writer: "LogWriter", file: LogFile, loop: asyncio.AbstractEventLoop) -> None:
        self.pressure = Pressure()
        self.pressure.bind(loop)
        self.file = file
        """The writer's thread's alone."""
        self.is_waited_for = False
        """Whether the writer's thread is to call `caught_up` on the loop."""
        self._writer = writer
        self._intake = Intake(_MAX_WAITING_BYTES, lambda lines: text("log_file.dropped", lines=lines))
        # Each of the two has one thread that changes it, so that no lock is needed: a signal's handler may log.
        self._taken_bytes = 0
        self._written_bytes = 0

    @property
    def path(self) -> Path:
        return self.file.path

    @property
    def waiting_bytes(self) -> int:
        """From any thread."""
        return self._taken_bytes - self._written_bytes

    def write(self, data: bytes) -> None:
        """Hand over `data`, which is written soon; it never waits."""
        self._hand_over(self._intake.admit(data, self.waiting_bytes))

    def was_written(self, size_bytes: int) -> None:
        """On the writer's thread."""
        self._written_bytes += size_bytes

    def caught_up(self) -> None:
        """Little is left to write, if any."""
        self._hand_over(self._intake.tell() if self.waiting_bytes <= LOW_BYTES else b"")

    def _hand_over(self, data: bytes) -> None:
        if data:
            self._taken_bytes += len(data)
            self._writer.put(self, data)
        self.pressure.update(self.waiting_bytes)
        if self.pressure.is_on or self._intake.has_gap:
            self.is_waited_for = True
            if self.waiting_bytes <= LOW_BYTES:
                # It has caught up before it could know that somebody waits.
                self._writer.wake(self)


class LogWriter:
    """The log files in one directory, which is made when the first is written. On the loop's thread only.

    Its thread begins with it, sleeps until there is something to write, and ends with `close`.
    """

    def __init__(self, directory: Path, keep: LogFiles) -> None:
        self.directory = directory
        self._keep = keep
        self._loop = asyncio.get_running_loop()
        self._streams: dict[str, LogStream] = {}
        # Its `put` may be interrupted by a signal's handler that puts, which `queue.Queue` would not survive.
        self._queue: SimpleQueue[tuple[LogStream, bytes] | None] = SimpleQueue()
        self._warned = False
        self._calm_timer: asyncio.TimerHandle | None = None
        self._thread = threading.Thread(target=self._run, name="liteyuki-logs", daemon=True)
        self._thread.start()

    def stream(self, name: str) -> LogStream:
        """Where to write for `name`, a process or the main process; the same one for the same name."""
        if name not in self._streams:
            file = LogFile(log_path(self.directory, name), self._keep)
            self._streams[name] = LogStream(self, file, self._loop)
        return self._streams[name]

    def put(self, stream: LogStream, data: bytes) -> None:
        """Have `data` written to the file of `stream`; this is for `LogStream`."""
        self._queue.put((stream, data))

    def wake(self, stream: LogStream) -> None:
        """Have `caught_up` called on the loop; from any thread."""
        stream.is_waited_for = False
        with contextlib.suppress(RuntimeError):  # the loop has ended
            self._loop.call_soon_threadsafe(stream.caught_up)

    def close(self) -> None:
        """Write what is left. A disk that takes too long over it is left behind, and the log says so."""
        if self._calm_timer is not None:
            self._calm_timer.cancel()
        self._queue.put(None)
        self._thread.join(_LAST_WAIT)
        if self._thread.is_alive():
            size = sum(stream.waiting_bytes for stream in self._streams.values())
            logger.warning(text("log_file.not_finished", directory=self.directory, size=size))

    # --- on the thread

    def _run(self) -> None:
        leave_signals_to_main_thread()
        while (size := self._write_what_came()) is not None:
            if size < _SMALL_BYTES:
                time.sleep(_GATHERING)
        for stream in self._streams.values():
            stream.file.close()

    def _write_what_came(self) -> int | None:
        """Wait for something to write, and write it; how many bytes that were, or None if no more comes."""
        pieces: dict[LogStream, list[bytes]] = {}
        size = 0
        item = self._queue.get()
        with contextlib.suppress(Empty):
            while item is not None:
                stream, data = item
                pieces.setdefault(stream, []).append(data)
                size += len(data)
                item = self._queue.get_nowait()
        for stream, of_stream in pieces.items():
            self._write(stream, b"".join(of_stream))
        return size if item is not None else None

    def _write(self, stream: LogStream, data: bytes) -> None:
        before = stream.file.problem
        stream.file.write(data)
        stream.was_written(len(data))
        if stream.is_waited_for and stream.waiting_bytes <= LOW_BYTES:
            self.wake(stream)
        if (stream.file.problem is None) != (before is None):
            with contextlib.suppress(RuntimeError):
                self._loop.call_soon_threadsafe(self._say, stream.path, stream.file.problem)

    # --- on the loop again

    def _say(self, path: Path, problem: OSError | None) -> None:
        """One warning stands for all files, and for a disk on which the last bytes come and go."""
        if problem is not None and not self._warned:
            self._warned = True
            logger.warning(text("log_file.failed", path=path, error=problem.strerror or problem))
        elif problem is None and self._warned and self._calm_timer is None:
            self._calm_timer = self._loop.call_later(_CALM, self._say_it_works, path)

    def _say_it_works(self, path: Path) -> None:
        self._calm_timer = None
        if all(stream.file.problem is None for stream in self._streams.values()):
            self._warned = False
            logger.info(text("log_file.works_again", path=path))
