"""Which messages of the other side's have been begun and taken: the receiver's half of the bookkeeping.

In mode "taken" a message is taken when its handler starts, or `receive` returns it. In mode "handled" it is begun
then, and taken when it and everything before it is finished, so that a process that dies in between gets it again.

The counters stand in memory that both sides see. The other side says there from how many taken messages on it wants to
be told, because somebody over there waits to send; it looks once more after it has said so, and this side counts first
and looks then, so that one of the two sees it.
"""

from liteyuki.comm.wire import BEGUN, TAKEN, WANTED, Counters

__all__ = ["Acks"]


class Acks:
    """For one transport, which has its counters by now. Under the channel's lock, except `take` and `begin`."""

    def __init__(self, counters: Counters) -> None:
        self.taken = 0
        self.begun = 0
        self._own, self._peer = counters.own, counters.peer
        self._finished: set[int] = set()
        self._told_for = 0

    def take(self) -> bool:
        """One more message is taken. Whether the other side is to be told. By the only one who takes any."""
        self.taken += 1
        self._own[TAKEN] = self.taken
        return self._peer[WANTED] != 0 and self.is_awaited()

    def show_taken(self) -> bool:
        """The same, after the caller has counted it in `taken`."""
        self._own[TAKEN] = self.taken
        return self._peer[WANTED] != 0 and self.is_awaited()

    def begin(self) -> int:
        """One more message is begun, in mode "handled"; its number. By the only one who takes any."""
        self.begun += 1
        self._own[BEGUN] = self.begun
        return self.begun

    def show_begun(self) -> None:
        """The same, after the caller has counted it in `begun`."""
        self._own[BEGUN] = self.begun

    def finish(self, number: int) -> bool:
        """The message begun with that number is finished. Whether the other side is to be told of what is taken now."""
        self._finished.add(number)
        while self.taken + 1 in self._finished:
            self._finished.remove(self.taken + 1)
            self.taken += 1
        self._own[TAKEN] = self.taken
        return self.is_awaited()

    def is_awaited(self) -> bool:
        """Whether the other side waits for what has been taken, and has not been told yet."""
        wanted = self._peer[WANTED]
        return wanted != 0 and self.taken >= wanted and wanted != self._told_for

    def told(self) -> None:
        """The other side is told now."""
        wanted = self._peer[WANTED]
        if self.taken >= wanted:  # or it has seen by itself what it waited for, and waits for more
            self._told_for = wanted

    def transport_gone(self) -> None:
        """Nobody looks any more: let go of the memory that both sides see, which holds a handle."""
        self._own, self._peer = list(self._own), list(self._peer)
