"""Who waits to send, and what for: first come, first served."""

import itertools
from collections import deque
from typing import NamedTuple

from liteyuki.comm.io.waiters import Waiter
from liteyuki.comm.session.outbox import Outbox

__all__ = ["Need", "Room"]


class Need(NamedTuple):
    """What somebody waits for: that no more than `level_bytes` are queued, or, for what is no message, unwritten."""

    level_bytes: int
    is_message: bool


class _Entry(NamedTuple):
    waiter: Waiter
    need: Need
    ticket: int


class Room:
    """Under the channel's lock."""

    def __init__(self, outbox: Outbox) -> None:
        self._outbox = outbox
        self._line: deque[_Entry] = deque()
        self._tickets = itertools.count()
        self._awake: set[Waiter] = set()
        """Those who were woken and have not looked yet: nobody may slip in before them."""
        self._is_closed = False

    def __bool__(self) -> bool:
        return bool(self._line or self._awake)

    def need_for(self, size_bytes: int, *, is_message: bool) -> Need:
        """Not just enough room, but half of all if that is more: fewer wake-ups for as much work."""
        bound = self._outbox.max_queued_bytes
        return Need(max(0, min(bound // 2, bound - size_bytes)), is_message)

    def take_ticket(self) -> int:
        """A place in the order of who came first, which somebody keeps who looks and must wait on."""
        return next(self._tickets)

    def join(self, waiter: Waiter, need: Need, ticket: int) -> None:
        place = len(self._line)
        while place and self._line[place - 1].ticket > ticket:
            place -= 1
        self._line.insert(place, _Entry(waiter, need, ticket))
        self._update()

    def leave(self, waiter: Waiter) -> bool:
        """`waiter` waits no longer. False if it has been woken."""
        for entry in self._line:
            if entry.waiter is waiter:
                self._line.remove(entry)
                self._update()
                return True
        return False

    def is_waiting(self, waiter: Waiter) -> bool:
        return any(entry.waiter is waiter for entry in self._line)

    def wake_next(self) -> None:
        """Wake who is first, if there is what it needs."""
        while self._line and not self._awake and self._is_met(self._line[0].need):
            self._wake_first()
        self._update()

    def _wake_first(self) -> None:
        waiter = self._line.popleft().waiter
        if waiter.wake():
            self._awake.add(waiter)

    def has_looked(self, waiter: Waiter) -> None:
        """`waiter` was woken, and has sent, or gone, or joins again."""
        self._awake.discard(waiter)
        self._update()

    def wake_all(self) -> None:
        """Everybody is to look again."""
        while self._line:
            self._wake_first()
        self._update()

    def close(self) -> None:
        """Nobody will send any more."""
        self._is_closed = True
        self.wake_all()
        self._update()

    def _update(self) -> None:
        self._outbox.let_add(not (self._line or self._awake or self._is_closed))

    def _is_met(self, need: Need) -> bool:
        return (self._outbox.queued_bytes if need.is_message else self._outbox.waiting_bytes) <= need.level_bytes

    def taken_when_met(self) -> int | None:
        """How many messages the other side must have taken for the first in line; None if that is not the point."""
        if not self._line:
            return None
        need = self._line[0].need
        # As long as that much is not even written, no answer of the other side's would help.
        if not need.is_message or self._outbox.waiting_bytes > need.level_bytes:
            return None
        return self._outbox.untaken.taken_when_down_to(need.level_bytes, self._outbox.queued_bytes)
