"""The last lines that a process has printed, in memory, as plain text."""

from collections import deque
from pathlib import Path
from typing import Final

from liteyuki.supervise.escapes import without_escapes

__all__ = ["Tail"]

_LINES: Final = 200
_LAST_WORDS: Final = 50
_LINE_BYTES: Final = 4096
"""Longer lines are remembered cut."""
_REMEMBERED_BYTES: Final = 64 * 1024
"""How much of the end of a log file is read."""


class Tail:
    """The last lines that a process printed, over all its generations."""

    def __init__(self) -> None:
        self._lines: deque[bytes] = deque(maxlen=_LINES)
        self._unfinished = b""
        self._of_generation = 0
        """How many lines this generation has ended, of those that are remembered."""

    def start_generation(self) -> None:
        """What comes from now on is another generation's, and begins a line of its own."""
        self.end_line()
        self._of_generation = 0

    def add(self, data: bytes) -> None:
        *lines, rest = data.rsplit(b"\n", _LINES)
        if lines:
            # What is before the first of these, if anything, is older than what is remembered.
            _, newline, first = lines[0].rpartition(b"\n")
            lines[0] = first if newline else self._unfinished + first
            self._unfinished = b""
            self._lines.extend(line[:_LINE_BYTES].rstrip(b"\r") for line in lines)
            self._of_generation = min(self._of_generation + len(lines), _LINES)
        self._unfinished = (self._unfinished + rest)[:_LINE_BYTES]

    def end_line(self) -> None:
        """Whatever comes next begins a line."""
        if self._unfinished:
            self.add(b"\n")

    def remember(self, log_file: Path) -> None:
        """Begin with the end of `log_file`, if there is such a plain file."""
        try:
            if not log_file.is_file():
                return
            with log_file.open("rb") as file:
                size = file.seek(0, 2)
                file.seek(max(0, size - _REMEMBERED_BYTES))
                data = file.read(_REMEMBERED_BYTES)
        except OSError:
            return
        if size > len(data):
            data = data.partition(b"\n")[2]
        self.add(data)
        self.end_line()

    def last_words(self, count: int = _LAST_WORDS) -> tuple[str, ...]:
        """The last 50 lines, or `count`, of this generation alone, as plain text."""
        return tuple(self.last(min(count, self._of_generation + bool(self._unfinished))))

    def last(self, count: int) -> list[str]:
        """The last `count` lines as plain text."""
        lines = [*self._lines, self._unfinished] if self._unfinished else list(self._lines)
        return [without_escapes(line).decode("utf-8", "replace") for line in lines[max(0, len(lines) - count) :]]
