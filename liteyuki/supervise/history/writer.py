"""Writes the history: told by the main loop, done in a thread that lives only while there is something to write."""

import asyncio
import contextlib
import threading
import time
from collections import deque
from pathlib import Path
from typing import TYPE_CHECKING, Final

from liteyuki._platform import leave_signals_to_main_thread
from liteyuki.locale import text
from liteyuki.log import logger
from liteyuki.supervise.events import Event
from liteyuki.supervise.history.entry import RECORDED, Bounds, HistoryEntry

if TYPE_CHECKING:
    from liteyuki.supervise.history.file import HistoryFile

__all__ = ["HistoryWriter"]

_LONGEST_WAIT: Final = 0.02
"""Seconds that an entry may hold the main loop up."""
_MAX_WAITING: Final = 1000
_CALM: Final = 60.0
"""Seconds in which the log is told once at most that it cannot be written."""
_LAST_SECONDS: Final = 2.0


class HistoryWriter:
    """Nothing about it fails: what goes wrong with the file is a warning, and is tried again with the next entry.

    On the loop's thread only. `record` returns when the entry is in the file, so that what is told afterwards stays
    on record even if the main process is killed. A disk that was slow is not waited for until it has been fast again.
    """

    def __init__(self, path: Path, bounds: Bounds | None = None) -> None:
        self._path = path
        self._bounds = bounds or Bounds()
        self._loop = asyncio.get_running_loop()
        self._lock = threading.Lock()
        self._waiting: list[HistoryEntry] = []
        self._lost = 0
        self._thread: threading.Thread | None = None
        self._is_closing = False
        self._written = threading.Event()
        self._is_fast = True
        self._to_say: deque[str] = deque()
        # In the thread only:
        self._file: HistoryFile | None = None
        self._is_failing = False
        self._is_told = False
        self._told_at = float("-inf")
        """When the log was told last that it fails: a disk that is nearly full fails again and again."""

    def record(self, event: Event) -> None:
        """Put `event` on record, if it is one that the history keeps."""
        if event.kind not in RECORDED:
            return
        with self._lock:
            self._put([*self._waiting, HistoryEntry.of(event)])
            self._written.clear()
            self._start()
        if self._is_fast and not self._written.wait(_LONGEST_WAIT):
            self._is_fast = False

    def close(self) -> None:
        """Write what is left, as far as the disk takes it within two seconds. Nothing is recorded after that."""
        with self._lock:
            self._is_closing = True
            thread = self._start()
        thread.join(_LAST_SECONDS)
        self._say()
        with self._lock:
            lost = self._lost + len(self._waiting)
        if lost or thread.is_alive():
            logger.warning(text("history.lost", path=self._path))

    # --- under the lock

    def _put(self, entries: list[HistoryEntry]) -> None:
        self._lost += max(0, len(entries) - _MAX_WAITING)
        self._waiting = entries[-_MAX_WAITING:]

    def _start(self) -> threading.Thread:
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="liteyuki-history", daemon=True)
            self._thread.start()
        return self._thread

    def _end(self) -> bool:
        """The thread does nothing more; whether the file is to be closed."""
        self._thread = None
        self._written.set()
        return self._is_closing

    # --- in the thread

    def _run(self) -> None:
        leave_signals_to_main_thread()
        while True:
            with self._lock:
                entries, self._waiting = self._waiting, []
                if not entries:
                    is_last = self._end()
                    break
            if not self._write(entries):
                with self._lock:
                    self._put([*entries, *self._waiting])
                    is_last = self._end()
                break
        if is_last and self._file is not None:
            self._file.close()

    def _write(self, entries: list[HistoryEntry]) -> bool:
        is_first = self._file is None
        began = time.monotonic()
        try:
            self._file = self._file or self._make_file()
            self._file.write(entries)
        except (OSError, ImportError) as error:
            self._is_fast = False
            if not self._is_failing:
                self._is_failing = True
                self._is_told = began - self._told_at > _CALM
                if self._is_told:
                    self._told_at = began
                    self._say_soon(text("history.failed", path=self._path, error=error))
            return False
        # The first time takes longer: SQLite is loaded, and the file is made.
        self._is_fast = is_first or time.monotonic() - began < _LONGEST_WAIT * len(entries)
        if self._is_failing:
            self._is_failing = False
            with self._lock:
                lost, self._lost = self._lost, 0
            if self._is_told or lost:
                self._say_soon(text("history.resumed", path=self._path, lost=lost))
        return True

    def _make_file(self) -> "HistoryFile":
        # Not before: some Pythons have no SQLite, and their bots are to run, too.
        from liteyuki.supervise.history.file import HistoryFile

        def tell(aside: Path) -> None:
            self._say_soon(text("history.damaged", path=self._path, aside=aside.name))

        return HistoryFile(self._path, tell, self._bounds)

    # --- what people are told

    def _say_soon(self, sentence: str) -> None:
        self._to_say.append(sentence)
        with contextlib.suppress(RuntimeError):  # the loop has ended; `close` says it
            self._loop.call_soon_threadsafe(self._say)

    def _say(self) -> None:
        while self._to_say:
            logger.warning(self._to_say.popleft())
