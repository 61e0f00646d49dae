"""The seam between channels and what carries them, which is whole frames: a channel knows only `Transport`."""

from collections.abc import MutableSequence, Sequence
from typing import Final, Protocol

from liteyuki.comm.wire import Frame, Write

__all__ = ["BEGUN", "COUNTERS", "TAKEN", "UNWRITTEN", "Transport", "TransportEnded"]

UNWRITTEN, BEGUN, TAKEN = 0, 1, 2
"""The places of the counters in `Transport.own` and `Transport.peer`."""
COUNTERS: Final = 3


class TransportEnded(Exception):
    """The other side has closed, or is gone; everything that it sent before has been read.

    `unfinished_bytes` tell of a frame that it was in the middle of.
    """

    def __init__(self, unfinished_bytes: int = 0) -> None:
        super().__init__(unfinished_bytes)
        self.unfinished_bytes = unfinished_bytes


class Transport(Protocol):
    """One end of a full-duplex, ordered stream of frames.

    No method blocks. A channel calls all of them under its lock, so an implementation needs none of its own
    towards its own side. `fileno` is what to wait on: for reading when `read` had nothing, for writing when
    `flush` was not done.

    `own` holds three numbers for the other side to see: whether there are messages here that were sent and are *not
    written* yet (0 or 1), how many of the other side's have *begun* to be handled here, and how many were *taken*.
    `peer` holds the other side's, and keeps them when that side is killed, at whatever moment. Both are attributes
    to be looked up anew each time.
    """

    max_message_bytes: int
    """The largest message that is accepted."""
    queued: list[Write]
    """What the channel has put here to be written; it leaves with `flush`. Handles stay the channel's, which keeps them
    open until `flush` is done."""

    @property
    def own(self) -> MutableSequence[int] | memoryview:
        """This side's counters."""
        ...

    @property
    def peer(self) -> Sequence[int] | memoryview:
        """The other side's."""
        ...

    def fileno(self) -> int:
        """The OS handle that becomes readable when `read` has something to return or to raise."""
        ...

    def flush(self) -> bool:
        """Pass on what is queued; whether all of it is out. Interrupted at any place, it may be called again.

        Raises `TransportEnded` if nobody will ever read it.
        """
        ...

    def read(self) -> list[Frame]:
        """What has arrived, perhaps nothing.

        Raises `TransportEnded` at the end, `FrameError` for what is no frame; frames before either come first.
        """
        ...

    @property
    def has_in_hand(self) -> bool:
        """Whether `read` has taken anything in that has not been `passed_on`: it is lost if something was raised."""
        ...

    def passed_on(self) -> None:
        """All that `read` has returned is where it belongs."""
        ...

    def close(self) -> None:
        """Give the handle back; what is queued and not flushed is lost. Idempotent."""
        ...
