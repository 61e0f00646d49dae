"""A log file that is rotated by size, and what becomes of lines that the disk does not take."""

import contextlib
import os
from pathlib import Path
from typing import Final

from liteyuki.locale import text
from liteyuki.supervise.output.backpressure import Gap
from liteyuki.supervise.output.escapes import EscapeFilter
from liteyuki.supervise.spec import LogFiles

__all__ = ["LogFile", "numbered"]

_NEWLINE: Final = ord("\n")


def numbered(path: Path, number: int) -> Path:
    """Where the `number`-th newest file is: `a.log`, `a.log.1`, `a.log.2`, ..."""
    return path.with_name(f"{path.name}.{number}") if number else path


class LogFile:
    """Appends to `path`, plain text without escape sequences. It blocks for as long as the disk does.

    A file that somebody has moved away or deleted is made anew. No file grows over its limit; a line that comes whole
    and is no longer than that stands in one file.
    """

    def __init__(self, path: Path, keep: LogFiles) -> None:
        self.path = path
        self.problem: OSError | None = None
        """Why the last `write` could not write everything."""
        self._keep = keep
        self._handle = -1
        self._identity = (0, 0)
        self._ends_line = True
        self._filter = EscapeFilter()
        self._gap = Gap()
        self._lost_for = ""

    def write(self, data: bytes) -> None:
        """Append. What cannot be written is lost and counted; the count is written when that is possible again."""
        data = self._gap.cut(self._filter.feed(data))
        if data and self._told_of_gap():
            data = data[self._store(data) :]
        self._gap.add(data)

    def close(self) -> None:
        """Tell once more of what was lost. Idempotent."""
        self._told_of_gap()
        self._forget()

    def _told_of_gap(self) -> bool:
        if not self._gap.lines:
            return True
        line = text("log_file.lost", lines=self._gap.lines, error=self._lost_for) + "\n"
        sentence = line.encode() if self._ends_line else b"\n" + line.encode()
        if self._store(sentence) < len(sentence):
            return False
        self._gap.tell()
        return True

    def _store(self, data: bytes) -> int:
        """How many bytes of `data` could be written."""
        done = 0
        self.problem = None
        try:
            while done < len(data):
                end = self._end_of_piece(data, done, self._room())
                if end == done:
                    self._rotate()
                    continue
                done += os.write(self._handle, data[done:end] if (done, end) != (0, len(data)) else data)
                self._ends_line = data[done - 1] == _NEWLINE
        except OSError as error:
            self.problem = error
            self._lost_for = error.strerror or str(error)
        return done

    def _room(self) -> int:
        """How many bytes the file, which is there and open now, may still take."""
        try:
            found = self.path.stat()
        except FileNotFoundError:
            found = None
        if self._handle < 0 or found is None or (found.st_dev, found.st_ino) != self._identity:
            found = self._open()
        return max(0, self._keep.max_bytes - found.st_size)

    def _end_of_piece(self, data: bytes, start: int, room: int) -> int:
        """Up to where `data` goes into this file; `start` if the next file is to be begun."""
        if len(data) - start <= room:
            return len(data)
        end = data.rfind(b"\n", start, start + room) + 1
        if end > start:
            return end
        is_empty = room == self._keep.max_bytes
        return start + room if is_empty or not self._ends_line else start

    def _rotate(self) -> None:
        count = self._keep.count
        for number in range(count - 1, 0, -1):
            with contextlib.suppress(FileNotFoundError):
                numbered(self.path, number - 1).replace(numbered(self.path, number))
        if count == 1:
            self.path.unlink(missing_ok=True)
        with contextlib.suppress(FileNotFoundError):
            while True:  # of a time when more were kept
                numbered(self.path, count).unlink()
                count += 1
        self._forget()

    def _open(self) -> os.stat_result:
        self._forget()
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._handle = os.open(self.path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        opened = os.fstat(self._handle)
        self._identity = (opened.st_dev, opened.st_ino)
        if opened.st_size and os.pread(self._handle, 1, opened.st_size - 1) != b"\n":
            # The line that a main process was writing when it was killed.
            os.write(self._handle, b"\n")
        self._ends_line = True
        return opened

    def _forget(self) -> None:
        if self._handle >= 0:
            os.close(self._handle)
            self._handle = -1
