"""Who waits to send, and what for: first come, first served."""

import itertools
from collections import deque
from typing import NamedTuple, Protocol

from liteyuki.comm.session.outbox import Outbox

__all__ = ["Credit", "Need", "Waiter"]


class Waiter(Protocol):
    """Somebody who waits, and is woken once. From any thread."""

    def wake(self) -> bool:
        """Whether there is still somebody to wake."""
        ...


class Need(NamedTuple):
    """What somebody waits for: that no more than `level_bytes` are queued, or, for what is no message, unwritten."""

    level_bytes: int
    is_message: bool


class _Place(NamedTuple):
    waiter: Waiter
    need: Need
    ticket: int


class Credit:
    """The line of those who wait for room in an outbox. Under the channel's lock."""

    def __init__(self, outbox: Outbox) -> None:
        self.is_wanted = False
        """Whether anybody is in the line, or was woken and has not looked: then nobody may slip in before them."""
        self._outbox = outbox
        self._line: deque[_Place] = deque()
        self._tickets = itertools.count()
        self._awake: set[Waiter] = set()

    def need_for(self, size_bytes: int, *, is_message: bool) -> Need:
        """Not just enough room, but half of all if that is more: fewer wake-ups for as much work."""
        bound = self._outbox.max_queued_bytes
        return Need(max(0, min(bound // 2, bound - size_bytes)), is_message)

    def take_ticket(self) -> int:
        """A place in the order of who came first, kept by whoever looks and must wait on."""
        return next(self._tickets)

    def join(self, waiter: Waiter, need: Need, ticket: int) -> None:
        """Wait in line."""
        place = len(self._line)
        while place and self._line[place - 1].ticket > ticket:
            place -= 1
        self._outbox.close_burst()
        self._line.insert(place, _Place(waiter, need, ticket))
        self.is_wanted = True

    def leave(self, waiter: Waiter) -> None:
        """`waiter` has sent, or gone, or joins again."""
        self._awake.discard(waiter)
        self._line = deque(place for place in self._line if place.waiter is not waiter)
        self.is_wanted = bool(self._line or self._awake)

    def is_waiting(self, waiter: Waiter) -> bool:
        """Whether `waiter` is in line, and was not woken."""
        return any(place.waiter is waiter for place in self._line)

    def wake_next(self) -> None:
        """Wake who is first, if there is what it needs."""
        while self._line and not self._awake and self._is_met(self._line[0].need):
            self._wake_first()
        self.is_wanted = bool(self._line or self._awake)

    def wake_all(self) -> None:
        """Everybody is to look again."""
        while self._line:
            self._wake_first()
        self.is_wanted = bool(self._awake)

    def _wake_first(self) -> None:
        waiter = self._line.popleft().waiter
        if waiter.wake():
            self._awake.add(waiter)

    def _is_met(self, need: Need) -> bool:
        return (self._outbox.queued_bytes if need.is_message else self._outbox.waiting_bytes) <= need.level_bytes

    def taken_when_met(self) -> int | None:
        """How many messages the other side must have taken for the first in line; None if that is not the point."""
        if not self._line or self._awake:
            return None
        need = self._line[0].need
        # As long as that much is not even written, no answer of the other side's would help.
        if not need.is_message or self._outbox.waiting_bytes > need.level_bytes:
            return None
        return self._outbox.in_flight.taken_when_down_to(need.level_bytes, self._outbox.queued_bytes)
