"""What a channel is still to send, and what the other side has not taken yet: the sender's half, with no I/O.

Small plain messages wait as bare bytes and leave many to a frame; everything else waits as an `Item`. Messages stay
(`in_flight.py`) until the other side has *taken* them, so that the next process over there gets, in order, what this
one did not. All that is here counts against one bound, so a receiver that stops costs this side no more than that.

A signal's handler may raise wherever Python has just called something. So whatever is moved from one place to another
is computed first, and then moved by statements without a call: all of them are done, or none. What runs in between, a
finalizer or a handler, may add a message, but writes nothing (`Link` sees to that).
"""

from collections.abc import Callable
from typing import Final

from liteyuki.comm.session.batches import Batch, cut_batch, largest_of, pack_batch
from liteyuki.comm.session.in_flight import Untaken
from liteyuki.comm.session.items import (
    BATCH_BYTES,
    MAX_GATHERED_BYTES,
    MESSAGE_COST_BYTES,
    TEXT_HEAD_BYTES,
    Entry,
    Item,
    SmallEntry,
    close_handles,
    cost_bytes,
    frame_of,
    is_message,
    length_bytes,
    total_cost_bytes,
)
from liteyuki.comm.wire import COUNT, FrameKind, Handle, Write, pack_frame

__all__ = ["Outbox", "pack_room_wanted"]

_GATHERED_MESSAGES: Final = 64
"""How many messages are gathered before somebody counts them."""
_GATHER_ROOM_BYTES: Final = 2 * _GATHERED_MESSAGES * (MAX_GATHERED_BYTES + TEXT_HEAD_BYTES + MESSAGE_COST_BYTES)
"""How much room there must be for that: twice what it may cost, since several threads may look at the same time."""


class Outbox:
    """Not for use without the channel's lock held, except for gathering.

    Taking a lock costs as much as all else that is to be done for a small message. So in a burst, whoever sends just
    adds it to `gathered`, as long as that is shorter than `gather_at_most`, and looks at the latter once more: while
    it is not 0, somebody is bound to come for it. It becomes 0 first, and then what was gathered is taken, so whoever
    sees it has a message there that may have come too late.
    """

    def __init__(self, max_queued_bytes: int) -> None:
        self.max_queued_bytes = max_queued_bytes
        self.gathered: list[SmallEntry] = []
        self.gather_at_most = 0
        self.waiting_bytes = 0
        """What waits, not counting what was just gathered."""
        self.untaken = Untaken(max_queued_bytes)
        self.dropped = 0
        self._waiting: list[Entry] = []
        """What no transport has been given, in order, but for what was just gathered."""
        self._items = self._controls = self._control_bytes = 0
        self._largest_bytes = 0
        self._may_add = True
        self._somebody_comes = False
        self._collected = 0
        """How many times something was."""
        self._urgent: list[bytes] = []
        self._writes: list[Write] = []
        """The rest of a message that leaves in pieces."""

    # --- what comes in

    def add_small(self, entry: SmallEntry, size_bytes: int) -> None:
        """Add a small message, which costs so much."""
        self.collect()
        self._waiting += (entry,)
        self.waiting_bytes += size_bytes
        self._update_gathering()

    def add_item(self, item: Item) -> None:
        self.collect()
        is_control = item.kind != FrameKind.MESSAGE
        self._waiting += (item,)
        self.waiting_bytes += item.size_bytes
        self._items += 1
        if is_control:
            self._controls += 1
            self._control_bytes += item.size_bytes
        self._update_gathering()

    def let_gather(self, somebody_comes: bool) -> None:
        """Whether somebody is bound to come and write all that waits, so that what follows may be gathered."""
        self._somebody_comes = somebody_comes
        self._update_gathering()

    def let_add(self, may_add: bool) -> None:
        """Whether small messages may just be added, as far as there is room: nobody else's turn comes first."""
        self._may_add = may_add
        self._update_gathering()

    def _update_gathering(self) -> None:
        free_bytes = self.max_queued_bytes - self.waiting_bytes - self.untaken.size_bytes
        if self._somebody_comes and self._may_add and free_bytes >= _GATHER_ROOM_BYTES:
            self.gather_at_most = _GATHERED_MESSAGES
        else:
            self.gather_at_most = 0
            self.collect()

    def collect(self) -> int:
        """What was gathered waits like all else, and is counted; how many bytes of it.

        Nothing more is gathered until something is added with the lock, for only then somebody looks whether there is
        room for more, and whether it is time to write.
        """
        if not self.gathered:
            return 0
        self.gather_at_most = 0
        before, entries = self._collected, self.gathered[:]
        size, these = total_cost_bytes(entries), slice(len(entries))
        if self._collected != before:
            return 0  # by what has run in between
        # Nor may anything be made here that the garbage collector counts. What comes meanwhile comes behind these.
        self._collected += 1
        self._waiting += entries
        self.waiting_bytes += size
        del self.gathered[these]
        return size

    def add_urgent(self, frame: bytes) -> None:
        """Send a whole frame before all that waits, if a transport is there."""
        self._urgent += (frame,)

    @property
    def queued_bytes(self) -> int:
        self.collect()
        return self.waiting_bytes + self.untaken.size_bytes

    def has_room(self, size_bytes: int) -> bool:
        """Whether one more message fits. One that is larger than the bound fits when nothing else is here."""
        queued = self.queued_bytes
        return queued + size_bytes <= self.max_queued_bytes or not queued

    def may_just_add(self, size_bytes: int) -> bool:
        """Whether a small message fits, and it is nobody else's turn first."""
        return self._may_add and self.queued_bytes + size_bytes <= self.max_queued_bytes

    # --- what goes out

    def next_write(self, queued: list[Write]) -> bool:
        """Move the next bytes, and the handles that travel with them, to what a transport has `queued`; whether any."""
        if self._urgent:
            count = len(self._urgent)
            write: Write = ([b"".join(self._urgent)], ())
            queued += (write,)
            del self._urgent[:count]
            return True
        if self._writes:
            queued += (self._writes[0],)
            del self._writes[0]
            return True
        self.collect()
        if not self._waiting:
            return False
        first = self._waiting[0]
        if isinstance(first, Item):
            self._move_item(first, queued)
        else:
            self._move_batch(queued)
        return True

    def _move_item(self, item: Item, queued: list[Write]) -> None:
        untaken, size = self.untaken, item.size_bytes
        first, *others = item.writes()
        if item.kind != FrameKind.MESSAGE:
            del self._waiting[0]
            self._items -= 1
            self.waiting_bytes -= size
            self._controls -= 1
            self._control_bytes -= size
            queued += (first,)
            self._writes = others
            return
        batch = Batch([item], size, has_handles=bool(item.handles), is_open=False)
        largest = max(self._largest_bytes, length_bytes(item))
        # Handles must be let go of as soon as they are over there, or nobody sees the end of what they lead to.
        urgent = [pack_room_wanted(untaken.next_number + 1)] if item.handles else []
        del self._waiting[0]
        self._items -= 1
        self.waiting_bytes -= size
        self._largest_bytes = largest
        untaken.batches += (batch,)
        untaken.messages += 1
        untaken.size_bytes += size
        queued += (first,)
        self._urgent += urgent
        self._writes = others

    def _move_batch(self, queued: list[Write]) -> None:
        if self.waiting_bytes <= 2 * BATCH_BYTES and not self._items:
            # All of it, though it is a little more than a batch is meant to be: cutting is slow.
            entries, size = self._waiting[:], self.waiting_bytes
        else:
            entries, size = cut_batch(self._waiting, self.waiting_bytes, has_items=bool(self._items))
        small: list[SmallEntry] = entries  # type: ignore[assignment] # no items here
        largest = max(self._largest_bytes, largest_of(small, self._largest_bytes))
        write: Write = ([pack_batch(small)], ())
        batch, count, untaken = Batch(entries, size, has_handles=False, is_open=False), len(entries), self.untaken
        del self._waiting[:count]
        self.waiting_bytes -= size
        self._largest_bytes = largest
        untaken.batches += (batch,)
        untaken.messages += count
        untaken.size_bytes += size
        queued += (write,)

    @property
    def is_idle(self) -> bool:
        """Whether nothing is on its way out, so that a message may go by itself."""
        return not (self._waiting or self.gathered or self._urgent or self._writes)

    def give_one(self, entry: SmallEntry, size_bytes: int, queued: list[Write]) -> None:
        """Move `entry`, which costs so much, right to what a transport has `queued`."""
        untaken, write = self.untaken, ([frame_of(entry)], ())
        batch = untaken.open_batch
        new = () if batch is not None else (Batch([entry], size_bytes, has_handles=False, is_open=True),)
        largest = max(self._largest_bytes, size_bytes - MESSAGE_COST_BYTES)
        if batch is not None:
            batch.entries += (entry,)
            batch.size_bytes += size_bytes
        untaken.batches += new
        untaken.messages += 1
        untaken.size_bytes += size_bytes
        self._largest_bytes = largest
        queued += (write,)

    # --- the transport goes

    def take_back(self, taken: int, begun: int, dead_end: Callable[[], Handle]) -> None:
        """The transport is gone. What was not taken waits again; what was begun is marked; the rest is void.

        `taken` and `begun` are the other side's counters, which are believed as far as they can be true. An end
        that travels with a message which was begun has been opened over there: `dead_end` makes what goes instead.
        """
        self.collect()
        again = self.untaken.take_back(taken, begun, dead_end)
        again += (entry for entry in self._waiting if is_message(entry))
        self._begin_anew(again)

    def drop_all(self, *, is_written_lost: bool, is_last_unwritten: bool = False) -> int:
        """Forget what is still here. How many messages that were which nobody will ever get.

        `is_last_unwritten`: what was given last is not out, or not all of it. Nobody may add any more: what is gathered
        all the same is left to its sender, who is late and looks after it.
        """
        unwritten = self._here - self.untaken.messages
        if is_last_unwritten:
            unwritten += self.untaken.last_messages
        dropped = self._here - self.untaken.taken_messages if is_written_lost else unwritten
        self._largest_bytes = self._largest_here_bytes
        self.untaken.gone, self.untaken.gone_bytes = self.untaken.gone + self._here, self._counted_bytes
        self.dropped += dropped
        close_handles(self._waiting)
        self.untaken.drop_all()
        self._begin_anew([])
        return dropped

    def _begin_anew(self, waiting: list[Entry]) -> None:
        """Only these messages are here, and no transport has been given any."""
        self._urgent = []
        self._writes = []
        self._waiting = waiting
        self.waiting_bytes = sum(map(cost_bytes, waiting))
        self._items = sum(isinstance(entry, Item) for entry in waiting)
        self._controls = self._control_bytes = 0

    # --- figures

    @property
    def is_unsent(self) -> bool:
        return bool(self._waiting or self.gathered or self._urgent or self._writes)

    @property
    def messages(self) -> int:
        """How many messages are here: waiting, or not taken as far as is known."""
        return self._here + len(self.gathered) - self.untaken.taken_messages

    @property
    def _here(self) -> int:
        """The same, not counting what was just gathered, and including what is known to be taken."""
        return len(self._waiting) - self._controls + self.untaken.messages

    @property
    def accepted(self) -> int:
        """How many messages have ever been added."""
        return self.untaken.gone + self._here + len(self.gathered)

    @property
    def accepted_bytes(self) -> int:
        """The bytes of all messages that have ever been added."""
        self.collect()
        return self._counted_bytes

    @property
    def _counted_bytes(self) -> int:
        here = self.waiting_bytes - self._control_bytes + self.untaken.size_bytes
        return self.untaken.gone_bytes + here - self._here * MESSAGE_COST_BYTES

    @property
    def largest_bytes(self) -> int:
        self.collect()
        return self._largest_here_bytes

    @property
    def _largest_here_bytes(self) -> int:
        return max((self._largest_bytes, *map(length_bytes, filter(is_message, self._waiting))))


def pack_room_wanted(taken: int) -> bytes:
    """The frame that asks the other side to tell when it has taken so many messages of this transport."""
    return pack_frame(FrameKind.ROOM_WANTED, 0, COUNT.pack(taken))
