"""What a channel is still to send, and what the other side has not taken yet: the sender's half, with no I/O.

Small plain messages wait as bare bytes and leave many to a frame; everything else waits as an `Item`. Messages stay
here until the other side has *taken* them, so that the next process over there gets, in order, what this one did
not. All that is here counts against one bound, so a receiver that stops costs this side no more than that.
"""

from collections import deque
from collections.abc import Callable, Iterator
from typing import Final

from liteyuki.comm.batches import Batch, cut_batch, largest_of, pack_batch
from liteyuki.comm.framing import COUNT, FrameKind, pack_frame
from liteyuki.comm.handle import Handle
from liteyuki.comm.items import (
    BATCH_BYTES,
    MAX_GATHERED_BYTES,
    MESSAGE_COST_BYTES,
    TEXT_HEAD_BYTES,
    Entry,
    Item,
    SmallEntry,
    Write,
    begun_before,
    close_handles,
    cost_bytes,
    is_message,
    length_bytes,
    total_cost_bytes,
)

__all__ = ["Outbox", "pack_room_wanted"]

_OPEN_BYTES: Final = 4096
"""How much of what has left one by one may share its books, and so be kept until the last of it is taken."""
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
        self._open_bytes = min(_OPEN_BYTES, max_queued_bytes // 64)
        self.gathered: list[SmallEntry] = []
        self.gather_at_most = 0
        self.waiting_bytes = 0
        """What waits, not counting what was just gathered."""
        self.untaken_bytes = 0
        self.dropped = 0
        self._waiting: list[Entry] = []
        """What no transport has been given, in order, but for what was just gathered."""
        self._items = self._controls = self._control_bytes = 0
        self._untaken: deque[Batch] = deque()
        self._untaken_messages = 0
        self._first_number = self._taken = 0
        """How many messages of the transport of the moment were taken and are forgotten."""
        self._gone = self._gone_bytes = self._largest_bytes = 0
        self._may_add = True
        self._somebody_comes = False
        self._urgent: deque[bytes] = deque()
        self._writes: Iterator[Write] | None = None

    # --- what comes in

    def add_small(self, entry: SmallEntry, size_bytes: int) -> None:
        """Add a small message, which costs so much."""
        self.collect()
        # Without a call, since a signal's handler may raise after each: both are done, or neither.
        self._waiting += (entry,)
        self.waiting_bytes += size_bytes
        self._update_gathering()

    def add_item(self, item: Item) -> None:
        self.collect()
        self._waiting += (item,)
        self.waiting_bytes += item.size_bytes
        self._items += 1
        if item.kind != FrameKind.MESSAGE:
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
        free_bytes = self.max_queued_bytes - self.waiting_bytes - self.untaken_bytes
        if self._somebody_comes and self._may_add and free_bytes >= _GATHER_ROOM_BYTES:
            self.gather_at_most = _GATHERED_MESSAGES
        else:
            self.gather_at_most = 0
            self.collect()

    def collect(self) -> int:
        """What was gathered waits like all else, and is counted; how many bytes of it."""
        if not self.gathered:
            return 0
        entries = self.gathered[:]
        count, size = len(entries), total_cost_bytes(entries)
        # Without a call, as above. What comes meanwhile comes behind these.
        self._waiting += entries
        self.waiting_bytes += size
        del self.gathered[:count]
        return size

    def add_urgent(self, frame: bytes) -> None:
        """Send a whole frame before all that waits, if a transport is there."""
        self._urgent.append(frame)

    @property
    def queued_bytes(self) -> int:
        self.collect()
        return self.waiting_bytes + self.untaken_bytes

    def has_room(self, size_bytes: int) -> bool:
        """Whether one more message fits. One that is larger than the bound fits when nothing else is here."""
        queued = self.queued_bytes
        return queued + size_bytes <= self.max_queued_bytes or not queued

    def may_just_add(self, size_bytes: int) -> bool:
        """Whether a small message fits, and it is nobody else's turn first."""
        return self._may_add and self.queued_bytes + size_bytes <= self.max_queued_bytes

    # --- what goes out

    def next_write(self) -> Write | None:
        """The next bytes, and handles that travel with them; None if there is nothing."""
        if self._urgent:
            frames = b"".join(self._urgent)
            self._urgent.clear()
            return [frames], ()
        if self._writes is not None:
            write = next(self._writes, None)
            if write is not None:
                return write
            self._writes = None
        self.collect()
        if not self._waiting:
            return None
        first = self._waiting[0]
        if not isinstance(first, Item):
            return [self._next_batch()], ()
        del self._waiting[0]
        self._items -= 1
        self.waiting_bytes -= first.size_bytes
        if first.kind == FrameKind.MESSAGE:
            self._give([first], first.size_bytes, length_bytes(first), has_handles=bool(first.handles))
            if first.handles:
                # They must be let go of as soon as they are over there, or nobody sees the end of what they lead to.
                self.add_urgent(pack_room_wanted(self._first_number + self._untaken_messages))
        else:
            self._controls -= 1
            self._control_bytes -= first.size_bytes
        self._writes = first.writes()
        return next(self._writes)

    @property
    def is_idle(self) -> bool:
        """Whether nothing is on its way out, so that a message may go by itself."""
        return not (self._waiting or self.gathered or self._urgent) and self._writes is None

    def give_one(self, entry: SmallEntry, cost_bytes: int, is_out: bool) -> None:
        """`entry` has been given to the transport by itself, which has passed all of it on, or not."""
        last = self._untaken[-1] if self._untaken else None
        if last is None or not (last.is_open and is_out and last.size_bytes < self._open_bytes):
            self._give([entry], cost_bytes, cost_bytes - MESSAGE_COST_BYTES, is_open=is_out)
            return
        last.entries.append(entry)
        last.size_bytes += cost_bytes
        self._have_given(1, cost_bytes, cost_bytes - MESSAGE_COST_BYTES)

    def _next_batch(self) -> bytes:
        # All of it, though it is a little more than a batch is meant to be: cutting is slow.
        if self.waiting_bytes <= 2 * BATCH_BYTES and not self._items:
            entries, size = self._waiting, self.waiting_bytes
            self._waiting = []
        else:
            entries, size = cut_batch(self._waiting, self.waiting_bytes, has_items=bool(self._items))
        self.waiting_bytes -= size
        small: list[SmallEntry] = entries  # type: ignore[assignment] # no items here
        self._give(entries, size, largest_of(small, self._largest_bytes))
        return pack_batch(small)

    def _give(
        self, entries: list[Entry], size: int, largest: int, *, has_handles: bool = False, is_open: bool = False
    ) -> None:
        self._untaken.append(Batch(entries, size, has_handles, is_open))
        self._have_given(len(entries), size, largest)

    def _have_given(self, count: int, size: int, largest: int) -> None:
        self._untaken_messages += count
        self.untaken_bytes += size
        if largest > self._largest_bytes:
            self._largest_bytes = largest

    @property
    def untaken_batches(self) -> int:
        return len(self._untaken)

    # --- what the other side has taken

    def forget_taken(self, taken: int) -> None:
        """The other side has taken so many messages of the transport of the moment: drop them."""
        while self._untaken and self._first_number + len(self._untaken[0].entries) <= taken:
            self._forget_batch(self._untaken.popleft())
        # Believed as far as it can be true now; what is given later was not taken then.
        self._taken = min(taken, self._first_number + self._untaken_messages)

    def _forget_batch(self, batch: Batch) -> None:
        count = len(batch.entries)
        self._first_number += count
        self._untaken_messages -= count
        self.untaken_bytes -= batch.size_bytes
        self._gone += count
        self._gone_bytes += batch.size_bytes - count * MESSAGE_COST_BYTES
        if batch.has_handles:
            close_handles(batch.entries)

    def taken_when_down_to(self, level_bytes: int) -> int:
        """How many messages must have been taken for no more than `level_bytes` to be here."""
        number, queued = self._first_number, self.queued_bytes
        for batch in self._untaken:
            if queued <= level_bytes:
                break
            number += len(batch.entries)
            queued -= batch.size_bytes
        return number

    # --- the transport goes

    def take_back(self, taken: int, begun: int, dead_end: Callable[[], Handle]) -> None:
        """The transport is gone. What was not taken waits again; what was begun is marked; the rest is void.

        `taken` and `begun` are the other side's counters, which are believed as far as they can be true. An end
        that travels with a message which was begun has been opened over there: `dead_end` makes what goes instead.
        """
        self.collect()
        self.forget_taken(taken)
        untaken = [entry for batch in self._untaken for entry in batch.entries]
        again: list[Entry] = []
        for number, entry in enumerate(untaken, self._first_number):
            if number < taken:
                self._gone += 1
                self._gone_bytes += length_bytes(entry)
                close_handles([entry])
            else:
                again.append(begun_before(entry, dead_end) if number < begun else entry)
        again += (entry for entry in self._waiting if is_message(entry))
        self._first_number = self._taken = 0
        self._begin_anew(again)

    def drop_all(self, *, is_written_lost: bool, is_last_unwritten: bool = False) -> int:
        """Forget what is still here. How many messages that were which nobody will ever get.

        `is_last_unwritten`: what was given last is not out, or not all of it.
        """
        self.collect()
        unwritten = self._here - self._untaken_messages
        if is_last_unwritten and self._untaken:
            unwritten += len(self._untaken[-1].entries)
        dropped = self.messages if is_written_lost else unwritten
        self._largest_bytes = self.largest_bytes
        self._gone, self._gone_bytes = self.accepted, self.accepted_bytes
        self.dropped += dropped
        close_handles(self._waiting)
        for batch in self._untaken:
            close_handles(batch.entries)
        self._begin_anew([])
        return dropped

    def _begin_anew(self, waiting: list[Entry]) -> None:
        """Only these messages are here, and no transport has been given any."""
        self._untaken.clear()
        self._urgent.clear()
        self._writes = None
        self.untaken_bytes = self._untaken_messages = 0
        self._waiting = waiting
        self.waiting_bytes = sum(map(cost_bytes, waiting))
        self._items = sum(isinstance(entry, Item) for entry in waiting)
        self._controls = self._control_bytes = 0

    # --- figures

    @property
    def is_unsent(self) -> bool:
        return bool(self._waiting or self.gathered or self._urgent)

    @property
    def messages(self) -> int:
        """How many messages are here: waiting, or not taken as far as is known."""
        # A batch is kept until all of it is taken.
        taken = max(0, min(self._taken - self._first_number, self._untaken_messages))
        return self._here - taken

    @property
    def _here(self) -> int:
        return len(self._waiting) + len(self.gathered) - self._controls + self._untaken_messages

    @property
    def accepted(self) -> int:
        """How many messages have ever been added."""
        return self._gone + self._here

    @property
    def accepted_bytes(self) -> int:
        """The bytes of all messages that have ever been added."""
        here = self.queued_bytes - self._control_bytes - self._here * MESSAGE_COST_BYTES
        return self._gone_bytes + here

    @property
    def largest_bytes(self) -> int:
        self.collect()
        return max((self._largest_bytes, *map(length_bytes, filter(is_message, self._waiting))))


def pack_room_wanted(taken: int) -> bytes:
    """The frame that asks the other side to tell when it has taken so many messages of this transport."""
    return pack_frame(FrameKind.ROOM_WANTED, 0, COUNT.pack(taken))
