"""What a channel has done so far, in figures."""

from dataclasses import dataclass

__all__ = ["ChannelStats"]


@dataclass(frozen=True)
class ChannelStats:
    """One end of a channel. Bytes are those of encoded messages; requests and replies do not count."""

    sent: int
    """Messages that `send` has accepted."""
    sent_bytes: int
    received: int
    """Messages that were taken from this end, by `receive` or handlers."""
    received_bytes: int
    """Bytes that have come, taken or not."""
    queued: int
    """Messages that the other side has not taken, as far as is known."""
    queued_bytes: int
    """The same in memory, as it counts against `max_queued_bytes`."""
    dropped: int
    """Messages that nobody will get, because the channel was closed first."""
    largest_bytes: int
    """The largest message that was sent."""
    waits: int
    """How often a sender had to wait for room."""
    refused: int
    """How often `ChannelFull` was raised."""

    def __str__(self) -> str:
        return (
            f"{self.sent} sent ({self.sent_bytes} B, largest {self.largest_bytes} B), "
            f"{self.received} received ({self.received_bytes} B), "
            f"{self.queued} queued ({self.queued_bytes} B), {self.dropped} dropped, "
            f"{self.waits} waits, {self.refused} refused"
        )
