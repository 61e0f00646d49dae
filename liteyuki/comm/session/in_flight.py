"""What a transport was given and the other side has not taken yet: kept until it has, or for the next process."""

from collections import deque
from collections.abc import Callable
from typing import Final

from liteyuki.comm.session.batches import Batch
from liteyuki.comm.session.items import (
    MESSAGE_COST_BYTES,
    Entry,
    begun_before,
    close_handles,
    cost_bytes,
    length_bytes,
)
from liteyuki.comm.wire import Handle

__all__ = ["InFlight"]

_OPEN_BYTES: Final = 4096
"""How much of what has left one by one may share its books, and so be kept until the last of it is taken."""


class InFlight:
    """Under the channel's lock. `Outbox` adds to it. Messages are numbered by the transport of the moment, from 0."""

    def __init__(self, max_queued_bytes: int) -> None:
        self.messages = 0
        """How many are here."""
        self.size_bytes = 0
        """What they cost."""
        self.gone = self.gone_bytes = 0
        """How many were taken and are forgotten, over whatever transport; and their bytes, without costs."""
        self.handle_batches = 0
        """How many messages with handles are here."""
        self.batches: deque[Batch] = deque()
        """They, in order."""
        self._open_bytes = min(_OPEN_BYTES, max_queued_bytes // 64)
        self._first_number = 0
        self._taken = 0

    # --- what goes out

    def add(self, batch: Batch) -> None:
        """Messages that leave together."""
        self.batches.append(batch)
        self.messages += len(batch.entries)
        self.size_bytes += batch.size_bytes
        self.handle_batches += batch.has_handles

    def add_one(self, entry: Entry, size_bytes: int) -> None:
        """A message that leaves by itself."""
        last = self.batches[-1] if self.batches else None
        if last is not None and last.is_open and last.size_bytes < self._open_bytes:
            last.entries.append(entry)
            last.size_bytes += size_bytes
        else:
            self.batches.append(Batch([entry], size_bytes, has_handles=False, is_open=True))
        self.messages += 1
        self.size_bytes += size_bytes

    def last_is_not_out(self) -> None:
        """What was added last, by itself, is not all out: it stands for itself."""
        last = self.batches[-1]
        last.is_open = False
        if len(last.entries) > 1:
            cost = cost_bytes(last.entries[-1])
            self.batches.append(Batch([last.entries.pop()], cost, has_handles=False, is_open=False))
            last.size_bytes -= cost

    @property
    def last_messages(self) -> int:
        """How many were added last, together."""
        return len(self.batches[-1].entries) if self.batches else 0

    # --- what the other side has taken

    def forget_taken(self, taken: int) -> None:
        """The other side has taken so many messages: drop them."""
        batches = self.batches
        while batches and self._first_number + len(batches[0].entries) <= taken:
            batch, count = batches[0], len(batches[0].entries)
            # No call stands between the next statements, so nothing that sends in between, such as a finalizer, sees
            # one done without the others.
            del batches[0]
            self._first_number += count
            self.messages -= count
            self.size_bytes -= batch.size_bytes
            self.gone += count
            self.gone_bytes += batch.size_bytes - count * MESSAGE_COST_BYTES
            if batch.has_handles:
                self.handle_batches -= 1
                close_handles(batch.entries)
        # Believed as far as it can be true now; what is given later was not taken then.
        self._taken = min(taken, self._first_number + self.messages)

    @property
    def taken_messages(self) -> int:
        """How many that are here were taken, as far as is known: a batch is kept until all of it is taken."""
        return max(0, min(self._taken - self._first_number, self.messages))

    def taken_when_down_to(self, level_bytes: int, queued_bytes: int) -> int:
        """How many messages must have been taken for no more than `level_bytes` of `queued_bytes` to be left."""
        number = self._first_number
        for batch in self.batches:
            if queued_bytes <= level_bytes:
                break
            number += len(batch.entries)
            queued_bytes -= batch.size_bytes
        return number

    def taken_when_handles_are(self) -> int | None:
        """The same for the first message that holds handles to be taken; None if none does."""
        number = self._first_number
        for batch in self.batches if self.handle_batches else ():
            number += len(batch.entries)
            if batch.has_handles:
                return number
        return None

    @property
    def handles(self) -> int:
        """How many handles are kept open for messages that are not taken."""
        return sum(_handles_of(entry) for batch in self.batches if batch.has_handles for entry in batch.entries)

    # --- the transport goes

    def take_back(self, taken: int, begun: int, dead_end: Callable[[], Handle]) -> list[Entry]:
        """What is to be sent again; as `Outbox.take_back`. No transport has been given anything from then on."""
        self.forget_taken(taken)
        entries = [entry for batch in self.batches for entry in batch.entries]
        again: list[Entry] = []
        for number, entry in enumerate(entries, self._first_number):
            if number < taken:
                self.gone += 1
                self.gone_bytes += length_bytes(entry)
                close_handles([entry])
            else:
                again.append(begun_before(entry, dead_end) if number < begun else entry)
        self._begin_anew()
        return again

    def drop_all(self) -> None:
        """Nobody will ever take any of it."""
        for batch in self.batches:
            close_handles(batch.entries)
        self._begin_anew()

    def _begin_anew(self) -> None:
        self.batches.clear()
        self.messages = self.size_bytes = self.handle_batches = 0
        self._first_number = self._taken = 0


def _handles_of(entry: Entry) -> int:
    return 0 if isinstance(entry, (bytes, str)) else len(entry.handles)
