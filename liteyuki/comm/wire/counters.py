"""What both sides of a transport see of each other, in memory that outlives either."""

from collections.abc import MutableSequence, Sequence
from typing import Final, Protocol

__all__ = ["BEGUN", "COUNTERS", "TAKEN", "UNWRITTEN", "WANTED", "Counters"]

UNWRITTEN: Final = 0
"""The place of: whether there are messages on this side that were sent and are not written yet, 0 or 1."""
BEGUN: Final = 1
"""How many of the other side's messages this side has begun to handle."""
TAKEN: Final = 2
"""How many of them it has taken."""
WANTED: Final = 3
"""How many of this side's messages the other one must have taken for it to say so with ROOM; 0 if nobody waits."""
COUNTERS: Final = 4


class Counters(Protocol):
    """Both attributes are to be looked up anew each time; they are there even when the other side has been killed."""

    @property
    def own(self) -> MutableSequence[int] | memoryview:
        """This side's, for the other side to see."""
        ...

    @property
    def peer(self) -> Sequence[int] | memoryview:
        """The other side's."""
        ...
