"""Which messages of the other side's have been begun and taken: the receiver's half of the bookkeeping.

In mode "taken" a message is taken when its handler starts, or `receive` returns it. In mode "handled" it is begun
then, and taken when it and everything before it is finished, so that a process that dies in between gets it again.
"""

import heapq
import sys
from collections.abc import MutableSequence
from typing import Final

from liteyuki.comm.transport import COUNTERS, TAKEN
from liteyuki.comm.wire import FrameError
from liteyuki.locale import text

__all__ = ["Receipts"]

NOBODY_WAITS: Final = sys.maxsize
_MAX_WANTS: Final = 1_000_000
"""More than messages with handles fit into any bound that makes sense."""


class Receipts:
    """For one transport, which has its counters by now. Under the channel's lock."""

    def __init__(self, own: MutableSequence[int] | memoryview) -> None:
        self.own = own
        """What the other side sees. Whoever takes a message counts `taken` up, and writes that here."""
        self.taken = 0
        """The same, which may lag behind while the messages of a frame are handed out."""
        self.wanted = NOBODY_WAITS
        """How many must be taken for the other side to be told that there is room."""
        self._wants: list[int] = []
        self.begun = 0
        """How many are, in mode "handled"; whoever begins with one counts up, and writes that to `own`."""
        self._finished: set[int] = set()

    @classmethod
    def nobodys(cls) -> "Receipts":
        """For messages whose sender is gone."""
        return cls([0] * COUNTERS)

    def want(self, taken: int) -> bool:
        """The other side is to be told when so many are taken. Whether they are. Raises `FrameError` for a flood."""
        if len(self._wants) >= _MAX_WANTS:
            raise FrameError(text("frame.wants"))
        heapq.heappush(self._wants, taken)
        # First this, then a look: whoever takes messages without the lock counts first, and then looks here.
        self.wanted = self._wants[0]
        return self.own[TAKEN] >= taken

    def told(self) -> None:
        """It has been told."""
        while self._wants and self._wants[0] <= self.own[TAKEN]:
            heapq.heappop(self._wants)
        self.wanted = self._wants[0] if self._wants else NOBODY_WAITS

    def finish(self, number: int) -> bool:
        """The message begun with that number is finished. Whether the other side waits for what that makes taken."""
        self._finished.add(number)
        while self.taken + 1 in self._finished:
            self._finished.remove(self.taken + 1)
            self.taken += 1
        self.own[TAKEN] = self.taken
        return self.taken >= self.wanted
