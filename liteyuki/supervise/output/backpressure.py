"""While a writer is behind: how long whoever produces is held back, and which lines are left out after that. No I/O.

Lines are left out as a whole where that is possible, and how many were left out is said where they would have stood.
"""

import asyncio
from collections.abc import Callable
from typing import Final

__all__ = ["LOW_BYTES", "Gap", "Intake", "Pressure"]

_HIGH_BYTES: Final = 128 * 1024
LOW_BYTES: Final = 32 * 1024
"""With so much in waiting, or less, the writer has caught up."""
_LONGEST_HOLD: Final = 1.0
"""Seconds that a child may be held back when its output is not taken. After that, what does not fit is left out."""


class Pressure:
    """Says when to stop reading what a child prints, and when to go on. On the loop's thread only.

    It is on from `_HIGH_BYTES` in waiting until the writer has caught up, for `_LONGEST_HOLD` seconds at most; after
    that it stays off until the writer has caught up. So a fast child waits for a writer that works, and nothing is
    lost; a writer that is stuck holds up nobody.
    """

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._is_out_of_patience = False
        self._held: list[Callable[[], None]] = []

    def bind(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop

    @property
    def is_on(self) -> bool:
        return self._timer is not None

    def hold(self, go_on: Callable[[], None]) -> None:
        """Call `go_on` once, when it is off again."""
        self._held.append(go_on)

    def update(self, waiting_bytes: int) -> None:
        """So much is in waiting now."""
        if waiting_bytes <= LOW_BYTES:
            self._is_out_of_patience = False
            self._release()
        elif waiting_bytes > _HIGH_BYTES and self._loop and not self._timer and not self._is_out_of_patience:
            self._timer = self._loop.call_later(_LONGEST_HOLD, self._lose_patience)

    def _lose_patience(self) -> None:
        self._is_out_of_patience = True
        self._release()

    def _release(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        held, self._held = self._held, []
        for go_on in held:
            go_on()


class Gap:
    """Counts the lines of a stream that are left out, wholly or in part."""

    def __init__(self) -> None:
        self.lines = 0
        """How many have not been reported."""
        self._is_amid = False
        """Whether the stream is within a line that was counted already."""

    def add(self, data: bytes, *, starts_line: bool = False) -> None:
        """`data` is left out. `starts_line`: it is whole lines that go between those of the stream."""
        if not data:
            return
        ends_line = data.endswith(b"\n")
        self.lines += data.count(b"\n") + (not ends_line)
        if not starts_line:
            self.lines -= self._is_amid
            self._is_amid = not ends_line

    def cut(self, data: bytes) -> bytes:
        """The part of `data` that is behind the line whose beginning was left out, if one was."""
        if not self._is_amid or not data:
            return data
        end = data.find(b"\n") + 1
        self._is_amid = not end
        return data[end:] if end else b""

    def tell(self) -> int:
        """How many lines are missing; from now on somebody knows."""
        lines, self.lines = self.lines, 0
        return lines


class Intake:
    """Decides on each piece of a stream as it comes. `say` makes the sentence that tells of so many lines.

    From `limit` bytes in waiting on, everything is left out until half of that has been written.
    """

    def __init__(self, limit: int, say: Callable[[int], str]) -> None:
        self._limit = limit
        self._say = say
        self._gap = Gap()
        self._is_mid_line = False
        """Whether the stream was taken up to somewhere within a line."""
        self._ends_line = True
        """Whether the last byte that was taken, of the stream or of lines between its own, ends a line."""

    @property
    def has_gap(self) -> bool:
        """Whether lines were left out that have not been reported."""
        return self._gap.lines > 0

    def admit(self, data: bytes, waiting: int, *, starts_line: bool = False) -> bytes:
        """What is to be written, now that `data` comes and `waiting` bytes are not written yet.

        `starts_line`: `data` is whole lines that go between those of the stream.
        """
        if not starts_line:
            data = self._gap.cut(data)
        if waiting + len(data) <= (self._limit // 2 if self.has_gap else self._limit):
            return (
                self.tell() + self._take(data, starts_line) if data and self.has_gap else self._take(data, starts_line)
            )
        # The line that was begun is finished, so that none is written in part.
        end = data.find(b"\n") + 1 if self._is_mid_line and not starts_line and not self.has_gap else 0
        self._gap.add(data[end:], starts_line=starts_line)
        return self._take(data[:end], starts_line)

    def tell(self) -> bytes:
        """What is to be written to tell how many lines were left out, if any."""
        if not self.has_gap:
            return b""
        line = self._say(self._gap.tell()).encode("utf-8", "backslashreplace") + b"\n"
        return self._take(line if self._ends_line else b"\n" + line, starts_line=True)

    def _take(self, data: bytes, starts_line: bool) -> bytes:
        if data:
            self._ends_line = data.endswith(b"\n")
            if not starts_line:
                self._is_mid_line = not self._ends_line
        return data
