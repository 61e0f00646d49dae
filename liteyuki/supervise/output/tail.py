"""The last lines that a process has printed, in memory, as plain text."""

from collections import deque
from pathlib import Path
from typing import Final

from liteyuki.supervise.output.escapes import without_escapes

__all__ = ["KEPT_BYTES", "Tail"]

_LINES: Final = 200
_LAST_WORDS: Final = 50
_LINE_BYTES: Final = 4096
"""Longer lines are remembered cut."""
KEPT_BYTES: Final = 64 * 1024
"""How much is kept of what a process prints when all of it matters: the stacks of some fifty threads."""
_REMEMBERED_BYTES: Final = 64 * 1024
"""How much of the end of a log file is read."""


class Tail:
    """The last lines that a process printed, over all its generations."""

    def __init__(self) -> None:
        self._lines: deque[bytes] = deque(maxlen=_LINES)
        self._unfinished = b""
        self._of_generation = 0
        """How many lines this generation has ended, of those that are remembered."""
        self._kept: deque[bytes] | None = None
        """The last words of this generation so far, if all that it prints matters."""
        self._kept_bytes = 0

    def start_generation(self) -> None:
        """What comes from now on is another generation's, and begins a line of its own."""
        self.end_line()
        self._of_generation = 0
        self._kept = None

    def keep_all(self) -> None:
        """What this generation prints from now on belongs to its last words, however many lines that is."""
        self._kept = deque()
        self._kept_bytes = 0
        before = min(_LAST_WORDS, self._of_generation)
        self._keep(list(self._lines)[len(self._lines) - before :])

    def add(self, data: bytes) -> None:
        *lines, rest = data.rsplit(b"\n", _LINES if self._kept is None else -1)
        if lines:
            # What is before the first of these, if anything, is older than what is remembered.
            _, newline, first = lines[0].rpartition(b"\n")
            lines[0] = first if newline else self._unfinished + first
            self._unfinished = b""
            lines = [line[:_LINE_BYTES].rstrip(b"\r") for line in lines]
            self._lines.extend(lines)
            self._keep(lines)
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
        """The last 50 lines, or `count`, of this generation alone, and all since `keep_all`, as plain text."""
        if self._kept is not None:
            return tuple(map(_as_text, (*self._kept, self._unfinished) if self._unfinished else self._kept))
        return tuple(self.last(min(count, self._of_generation + bool(self._unfinished))))

    def last(self, count: int) -> list[str]:
        """The last `count` lines as plain text."""
        lines = [*self._lines, self._unfinished] if self._unfinished else list(self._lines)
        return [_as_text(line) for line in lines[max(0, len(lines) - count) :]]

    def _keep(self, lines: list[bytes]) -> None:
        if self._kept is None:
            return
        self._kept.extend(lines)
        self._kept_bytes += sum(map(len, lines)) + len(lines)
        # The first go: a thread's stack ends in what it does now, and the main thread's is the last.
        while self._kept_bytes > KEPT_BYTES:
            self._kept_bytes -= len(self._kept.popleft()) + 1


def _as_text(line: bytes) -> str:
    return without_escapes(line).decode("utf-8", "replace")
