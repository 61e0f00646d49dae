"""The seam between channels and what carries them, which is whole frames: a channel knows only `Transport`."""

from typing import Protocol

from liteyuki.comm.wire import Counters, Frame, Write

__all__ = ["Transport", "TransportEnded"]


class TransportEnded(Exception):
    """The other side has closed, or is gone; everything that it sent before has been read.

    `unfinished_bytes` tell of a frame that it was in the middle of.
    """

    def __init__(self, unfinished_bytes: int = 0) -> None:
        super().__init__(unfinished_bytes)
        self.unfinished_bytes = unfinished_bytes


class Transport(Counters, Protocol):
    """One end of a full-duplex, ordered stream of frames.

    No method blocks. A channel calls all of them under its lock, so an implementation needs none of its own
    towards its own side. `fileno` is what to wait on: for reading when `read` had nothing, for writing when
    `flush` was not done.
    """

    max_message_bytes: int
    """The largest message that is accepted."""
    queued: list[Write]
    """What the channel has put here to be written; it leaves with `flush`. Handles stay the channel's, which keeps them
    open until `flush` is done."""

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
