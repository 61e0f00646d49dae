"""What a channel is still to send, and what the other side has not taken yet: the sender's half, with no I/O.

Small messages wait as bare bytes and leave many to a frame; everything else waits as an `Item`. Messages stay
(`in_flight.py`) until the other side has *taken* them, so that the next process over there gets, in order, what this
one did not. All that is here counts against one bound, so a receiver that stops costs this side no more than that.
"""

from collections.abc import Callable
from typing import Any

from ormsgpack import packb

from liteyuki.comm.session.batches import Batch, cut_batch, largest_of, pack_batch
from liteyuki.comm.session.in_flight import InFlight
from liteyuki.comm.session.items import (
    BATCH_BYTES,
    MESSAGE_COST_BYTES,
    Entry,
    Item,
    SmallEntry,
    close_handles,
    cost_bytes,
    is_message,
    length_bytes,
)
from liteyuki.comm.wire import HEADER, MESSAGE, FrameKind, Handle, Write

__all__ = ["Outbox"]


class Outbox:
    """Under the channel's lock. Finalizers and signal handlers may add something in the middle of everything here;
    they write nothing then (`Connection` sees to that)."""

    def __init__(self, max_queued_bytes: int) -> None:
        self.max_queued_bytes = max_queued_bytes
        self.in_flight = InFlight(max_queued_bytes)
        self.dropped = 0
        self.waiting: list[Entry] = []
        """What no transport has been given, in order."""
        self.burst_bytes = 0
        """Small messages that cost so much in all may just be put to what is `waiting`; see `open_burst`."""
        self._waiting_bytes = self._burst_began_bytes = 0
        self._items = self._controls = self._control_bytes = 0
        self._largest_bytes = 0
        self.urgent: list[bytes] = []
        """Frames that go before all that waits."""
        self.rest: list[Write] = []
        """The rest of a message that leaves in pieces."""
        self._rest_bytes = 0
        """What it costs, unless it is `in_flight`."""

    # --- what comes in

    def open_burst(self, size_bytes: int) -> None:
        """Somebody is bound to write all that waits. Until then, whoever adds small messages that cost so much in all
        need only subtract what they cost from `burst_bytes`, and append them to `waiting`: in this order, without the
        lock, and without another call in between. What is done here with the two is done without one as well."""
        self.close_burst()
        self.burst_bytes = self._burst_began_bytes = max(0, size_bytes)

    def close_burst(self) -> None:
        """From now on somebody must look at each message."""
        self._waiting_bytes += self._burst_began_bytes - self.burst_bytes
        self.burst_bytes = self._burst_began_bytes = 0

    @property
    def waiting_bytes(self) -> int:
        """What waits costs, messages or not."""
        return self._waiting_bytes + self._burst_began_bytes - self.burst_bytes

    def add_small(self, entry: SmallEntry, size_bytes: int) -> None:
        """Add a small message, which costs so much."""
        self.waiting.append(entry)
        self._waiting_bytes += size_bytes

    def add_item(self, item: Item) -> None:
        """Add anything else."""
        self.waiting.append(item)
        self._waiting_bytes += item.size_bytes
        self._items += 1
        if item.kind != FrameKind.MESSAGE:
            self._controls += 1
            self._control_bytes += item.size_bytes

    def add_urgent(self, frame: bytes) -> None:
        """Send a whole frame before all that waits."""
        self.urgent.append(frame)

    @property
    def queued_bytes(self) -> int:
        """What counts against the bound."""
        return self.waiting_bytes + self.in_flight.size_bytes

    def has_room(self, size_bytes: int) -> bool:
        """Whether one more message fits. One that is larger than the bound fits when nothing else is here."""
        queued = self.waiting_bytes + self.in_flight.size_bytes
        return queued + size_bytes <= self.max_queued_bytes or not queued

    # --- what goes out

    @property
    def is_idle(self) -> bool:
        """Whether nothing is on its way out, so that a message may go by itself."""
        return not (self.waiting or self.urgent or self.rest)

    def next_write(self, queued: list[Write]) -> bool:
        """Move the next bytes, and the handles that travel with them, to what a transport has `queued`; whether any."""
        if self._burst_began_bytes:
            self.close_burst()
        if self.urgent:
            frames, self.urgent = self.urgent, []
            queued.append(([b"".join(frames)], ()))
        elif self.rest:
            queued.append(self.rest.pop(0))
        elif not self.waiting:
            return False
        elif isinstance(first := self.waiting[0], Item):
            self._move_item(first, queued)
        else:
            self._move_batch(queued)
        return True

    def _move_item(self, item: Item, queued: list[Write]) -> None:
        del self.waiting[0]
        self._items -= 1
        self._waiting_bytes -= item.size_bytes
        if item.kind != FrameKind.MESSAGE:
            self._controls -= 1
            self._control_bytes -= item.size_bytes
        else:
            self._largest_bytes = max(self._largest_bytes, length_bytes(item))
            self.in_flight.add(Batch([item], item.size_bytes, has_handles=bool(item.handles), is_open=False))
        if item.length_bytes <= BATCH_BYTES:
            queued.append(([item.frame()], item.handles))
        else:
            first, *self.rest = item.pieces()
            queued.append(first)
            self._rest_bytes = item.size_bytes if item.kind != FrameKind.MESSAGE else 0

    def _move_batch(self, queued: list[Write]) -> None:
        size = self._waiting_bytes
        entries: list[Any]
        if size <= 2 * BATCH_BYTES and not self._items:
            # All of it, though it is a little more than a batch is meant to be: cutting is slow.
            entries = self.waiting[:]
        else:
            entries, size = cut_batch(self.waiting, size, has_items=bool(self._items))
        del self.waiting[: len(entries)]
        self._waiting_bytes -= size
        self._largest_bytes = max(self._largest_bytes, largest_of(entries, self._largest_bytes))
        self.in_flight.add(Batch(entries, size, has_handles=False, is_open=False))
        queued.append(([pack_batch(entries)], ()))

    def give_one(self, entry: SmallEntry, size_bytes: int, queued: list[Write]) -> None:
        """Move `entry`, which costs so much, right to what a transport has `queued`, while it `is_idle`."""
        self.in_flight.add_one(entry, size_bytes)
        if size_bytes - MESSAGE_COST_BYTES > self._largest_bytes:
            self._largest_bytes = size_bytes - MESSAGE_COST_BYTES
        payload = entry if isinstance(entry, bytes) else packb(entry)
        queued.append(([HEADER.pack(len(payload), MESSAGE, 0) + payload], ()))

    # --- the transport goes

    def take_back(self, taken: int, begun: int, dead_end: Callable[[], Handle]) -> None:
        """The transport is gone. What was not taken waits again; what was begun is marked; the rest is void.

        `taken` and `begun` are the other side's counters, which are believed as far as they can be true. An end
        that travels with a message which was begun has been opened over there: `dead_end` makes what goes instead.
        """
        self.close_burst()
        again = self.in_flight.take_back(taken, begun, dead_end)
        again += (entry for entry in self.waiting if is_message(entry))
        self._begin_anew(again)

    def drop_all(self, *, is_written_lost: bool, is_last_unwritten: bool = False) -> int:
        """Forget what is still here. How many messages that were which nobody will ever get.

        `is_last_unwritten`: what was given last is not out, or not all of it.
        """
        self.close_burst()
        unwritten = self._here - self.in_flight.messages
        if is_last_unwritten:
            unwritten += self.in_flight.last_messages
        dropped = self.messages if is_written_lost else unwritten
        self._largest_bytes = self.largest_bytes
        gone, gone_bytes = self.accepted, self.accepted_bytes
        self.dropped += dropped
        close_handles(self.waiting)
        self.in_flight.drop_all()
        self._begin_anew([])
        self.in_flight.gone, self.in_flight.gone_bytes = gone, gone_bytes
        return dropped

    def _begin_anew(self, waiting: list[Entry]) -> None:
        """Only these messages are here, and no transport has been given any."""
        self.urgent = []
        self.rest = []
        self._rest_bytes = 0
        self.waiting = waiting
        self.burst_bytes = self._burst_began_bytes = 0
        self._waiting_bytes = sum(map(cost_bytes, waiting))
        self._items = sum(isinstance(entry, Item) for entry in waiting)
        self._controls = self._control_bytes = 0

    # --- figures

    @property
    def messages(self) -> int:
        """How many messages are here: waiting, or not taken as far as is known."""
        return self._here - self.in_flight.taken_messages

    @property
    def _here(self) -> int:
        """The same, including what is known to be taken."""
        return len(self.waiting) - self._controls + self.in_flight.messages

    @property
    def accepted(self) -> int:
        """How many messages have ever been added."""
        return self.in_flight.gone + self._here

    @property
    def accepted_bytes(self) -> int:
        """The bytes of all messages that have ever been added."""
        here = self.waiting_bytes - self._control_bytes + self.in_flight.size_bytes
        return self.in_flight.gone_bytes + here - self._here * MESSAGE_COST_BYTES

    @property
    def largest_bytes(self) -> int:
        """The length of the largest message that has ever been added."""
        return max((self._largest_bytes, *map(length_bytes, filter(is_message, self.waiting))))

    @property
    def held_bytes(self) -> int:
        """All that is here, also what does not count against the bound."""
        return self.queued_bytes + sum(map(len, self.urgent)) + (self._rest_bytes if self.rest else 0)

    @property
    def handles(self) -> int:
        """How many handles are kept open for what is here."""
        waiting = (len(entry.handles) for entry in self.waiting if isinstance(entry, Item))
        return sum(waiting) + self.in_flight.handles if self._items else self.in_flight.handles

    @property
    def entries(self) -> int:
        """How many frames and messages wait or are not taken."""
        return len(self.waiting) + self.in_flight.messages
