"""Where everything goes that one process prints: the console, its log file, and memory."""

from collections.abc import Iterable, Iterator
from itertools import cycle
from typing import Final

from liteyuki.supervise.output.backpressure import Pressure
from liteyuki.supervise.output.console import Console, encoded
from liteyuki.supervise.output.log_writer import LogStream, LogWriter
from liteyuki.supervise.output.tail import Tail

__all__ = ["LinePrefix", "Transcript", "prefixes", "transcripts"]

_COLOURS: Final = (36, 33, 32, 35, 34, 96, 93, 92, 95, 94)
"""Cyan, yellow, green, magenta, blue, and the brighter ones of them (ECMA-48, SGR)."""
_LONGEST_LINE_BYTES: Final = 64 * 1024
"""A longer line is shown in parts."""


def prefixes(names: Iterable[str], *, coloured: bool) -> dict[str, str]:
    """What stands in front of each line of a process; nothing if there is only one process."""
    names = tuple(names)
    if len(names) < 2:
        return {}
    width = max(map(len, names))
    plain = {name: f"{name:<{width}} | " for name in names}
    if not coloured:
        return plain
    return {name: f"\x1b[{colour}m{plain[name]}\x1b[0m" for name, colour in zip(names, cycle(_COLOURS), strict=False)}


class LinePrefix:
    """Puts `prefix` in front of each line of a stream, wherever that is cut into pieces."""

    def __init__(self, prefix: bytes) -> None:
        self._prefix = prefix
        self._unfinished: list[bytes] = []
        self._unfinished_bytes = 0

    def feed(self, data: bytes) -> bytes:
        """The lines that `data` completes."""
        complete, newline, rest = data.rpartition(b"\n")
        if not newline:
            self._hold(rest)
            return self.end() if self._unfinished_bytes > _LONGEST_LINE_BYTES else b""
        lines = b"".join((*self._unfinished, complete)).split(b"\n")
        self._unfinished.clear()
        self._unfinished_bytes = 0
        self._hold(rest)
        return b"".join(self._prefix + line + b"\n" for line in lines)

    def end(self) -> bytes:
        """The line that was begun, if any."""
        return self.feed(b"\n") if self._unfinished else b""

    def _hold(self, part: bytes) -> None:
        if part:
            self._unfinished.append(part)
            self._unfinished_bytes += len(part)


class Transcript:
    """Everything that a process prints, over all its generations. On the loop's thread only.

    Shown line by line behind `prefix`, as it comes without one. Without `stream` there is no log file.
    """

    def __init__(self, console: Console, stream: LogStream | None = None, prefix: str = "") -> None:
        self.tail = Tail()
        self._console = console
        self._stream = stream
        self._prefix = LinePrefix(encoded(prefix)) if prefix else None
        self._ends_line = True
        if stream is not None:
            self.tail.remember(stream.path)

    @property
    def pressures(self) -> Iterator[Pressure]:
        """For whose sake reading may have to be held on with."""
        yield self._console.pressure
        if self._stream is not None:
            yield self._stream.pressure

    def write(self, data: bytes) -> None:
        self._ends_line = data.endswith(b"\n")
        self.tail.add(data)
        if self._stream is not None:
            self._stream.write(data)
        if self._prefix is None:
            self._console.write(data)
        elif lines := self._prefix.feed(data):
            self._console.write(lines, starts_line=True)

    def end(self) -> None:
        """A generation has ended: whatever comes next begins a line, except on a console that only it prints to."""
        self.tail.end_line()
        if self._stream is not None and not self._ends_line:
            self._stream.write(b"\n")
        self._ends_line = True
        if self._prefix is not None and (line := self._prefix.end()):
            self._console.write(line, starts_line=True)


def transcripts(names: Iterable[str], console: Console, writer: LogWriter | None) -> dict[str, Transcript]:
    """One for each process."""
    names = tuple(names)
    before = prefixes(names, coloured=console.is_terminal)
    return {
        name: Transcript(console, writer.stream(name) if writer is not None else None, before.get(name, ""))
        for name in names
    }
