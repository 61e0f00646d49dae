"""One end of a channel, without what carries it: frames go in, and what is to be written comes out.

A session outlives its transports. It knows no socket, no loop, no thread and no clock: it never reads, writes or waits.
Whoever calls it holds the channel's lock, and looks afterwards at `outbox` for what is to be written; those who wait
for it to change are woken by their `Waiter`s.
"""

from collections.abc import Callable
from typing import Final, NamedTuple

from liteyuki.codec import encode
from liteyuki.comm.session.acks import Acks
from liteyuki.comm.session.calls import NO_REPLY, Calls, Request, RequestQueue, number_of, pack_number
from liteyuki.comm.session.credit import Credit
from liteyuki.comm.session.inbox import Inbox
from liteyuki.comm.session.items import Entry, Item, SmallEntry, cost_bytes
from liteyuki.comm.session.options import ChannelOptions
from liteyuki.comm.session.outbox import Outbox
from liteyuki.comm.wire import (
    BATCH,
    BEGUN,
    MESSAGE,
    TAKEN,
    WANTED,
    Counters,
    Frame,
    FrameError,
    FrameKind,
    Handle,
    Write,
    check_hello,
    pack_frame,
    pack_hello,
)
from liteyuki.errors import ChannelClosed, ChannelFull
from liteyuki.locale import text
from liteyuki.log import logger

__all__ = ["Held", "Session"]

# Plain numbers, since an IntEnum takes ten times as long to compare.
_MESSAGES: Final = frozenset({MESSAGE, BATCH})
_ANSWERS: Final = frozenset({int(FrameKind.REPLY), int(FrameKind.FAILURE)})
_REQUESTS: Final = frozenset({int(FrameKind.REQUEST), int(FrameKind.CONTROL)})


class Held(NamedTuple):
    """What this process holds for the other side of a channel, by its own figures, both ways."""

    size_bytes: int
    handles: int
    entries: int
    """Messages, frames and requests."""
    calls: int
    """Requests of this side's that are not answered."""


class Session:
    """Under the channel's lock."""

    def __init__(self, name: str, options: ChannelOptions) -> None:
        self.name = name
        self.options = options
        self.outbox = Outbox(options.max_queued_bytes)
        self.inbox = Inbox(options.max_queued_bytes)
        self.credit = Credit(self.outbox)
        self.calls = Calls()
        self.requests = RequestQueue(options.max_queued_bytes)
        """What the other side's plugins ask."""
        self.control = RequestQueue(options.max_queued_bytes)
        """What the other side's core asks and tells."""
        self.transports = 0
        """How many transports there have been: an answer is for the one that the request came over."""
        self.keeps_untaken = False
        """Whether the end of a transport is not the end of this channel, and another one may come."""
        self.peer_stops = False
        """Whether the other side has said that it sends nothing more."""
        self.closed: ChannelClosed | None = None
        self.is_closed_here = False
        self.has_greeted = False
        """Whether the other side has, on the transport of the moment."""
        self._counters: Counters | None = None

    # --- transports come and go

    def connect(self, counters: Counters, generation: int) -> None:
        """There is a transport with these counters from now on, and no other: greet whoever is there."""
        self._counters = counters
        self.has_greeted = self.peer_stops = False
        self.transports += 1
        hello = pack_hello(generation, self.options.max_queued_bytes)
        self.outbox.add_urgent(pack_frame(FrameKind.HELLO, 0, hello))
        self.inbox.wake_all()
        self.credit.wake_all()

    def disconnect(self, dead_end: Callable[[], Handle]) -> None:
        """The transport is gone. What it sent is still received; what was not taken over there waits again.

        `dead_end` makes what goes instead of a handle that was opened over there.
        """
        counters, self._counters = self._counters, None
        if counters is not None:
            self.outbox.take_back(counters.peer[TAKEN], counters.peer[BEGUN], dead_end)
        self.inbox.transport_gone()
        self.calls.fail_all()
        # Who waits with a request is to learn that; who waits with a message goes on waiting.
        self.credit.wake_all()

    def adopt(self, other: "Session") -> None:
        """Go on where `other`, which nobody has used, stands on its transport. `other` is to be closed."""
        self.inbox.adopt(other.inbox)
        self.has_greeted, self.peer_stops, self._counters = other.has_greeted, other.peer_stops, other._counters
        self.transports += 1
        for mine, others in (self.requests, other.requests), (self.control, other.control):
            while others:
                mine.add(others.take()._replace(transport=self.transports))
        other._counters = None
        if self.inbox:
            self.inbox.wake_one()
        self.credit.wake_all()

    def close_here(self) -> bool:
        """This side ends it; what is queued is still to be written. Whether it was open."""
        if self.closed is not None:
            return False
        self.closed = ChannelClosed(self.name, text("channel.reason_closed_here"))
        self.is_closed_here = True
        self.outbox.close_burst()
        self.inbox.clear()
        self.calls.fail_all()
        self.credit.wake_all()
        self.inbox.wake_all()
        return True

    def forked(self, reason: ChannelClosed) -> None:
        """This is a copy of the process: nobody who waits is woken, since they are the other one's."""
        self.closed, self.is_closed_here = reason, True
        # What travels is the other process's to give: a copy of its handles would keep others from seeing an end.
        self.outbox.drop_all(is_written_lost=False)
        self.inbox.clear()
        self.requests.clear()
        self.control.clear()

    def close(self, reason: ChannelClosed) -> int:
        """It is over, and the transport gone. How many messages are lost."""
        if self.closed is None:
            self.closed = reason
        dropped = self.outbox.drop_all(is_written_lost=True)
        self.credit.wake_all()
        self.inbox.wake_all()
        return dropped

    def raise_if_closed(self) -> None:
        """Raises `ChannelClosed` or a kind of it."""
        if self.closed is not None:
            raise type(self.closed)(self.name, self.closed.reason)

    # --- what goes out

    def open_burst(self, size_bytes: int) -> None:
        """Somebody is bound to write all that waits. Until so much waits, let messages be added without a look, as far
        as they may be."""
        outbox = self.outbox
        if self.closed is None and not self.credit.is_wanted and self.options.max_message_bytes >= size_bytes:
            outbox.open_burst(min(size_bytes - outbox.waiting_bytes, outbox.max_queued_bytes - outbox.queued_bytes))

    def give_one(self, entry: SmallEntry, size_bytes: int, queued: list[Write]) -> bool:
        """Move a small message right to what a transport has `queued`, if it may be sent; whether it was.

        For an outbox that `is_idle`. Raises `ChannelClosed`.
        """
        if self.closed is not None:
            self.raise_if_closed()
        outbox = self.outbox
        # Nothing waits, so all that is queued is in flight.
        if self.credit.is_wanted or outbox.in_flight.size_bytes + size_bytes > outbox.max_queued_bytes:
            return False
        outbox.give_one(entry, size_bytes, queued)
        return True

    def add_message(self, entry: Entry, *, is_my_turn: bool = False) -> bool:
        """Queue a message if there is room, and nobody has waited for that before; whether it is queued.

        `is_my_turn` tells that its sender was woken for it. Raises `ChannelClosed`, and what `Item.on_accept` does.
        """
        if self.closed is not None:
            self.raise_if_closed()
        if self.credit.is_wanted and not is_my_turn:
            return False
        size = cost_bytes(entry)
        outbox = self.outbox
        if not outbox.has_room(size):
            self.look_for_room()
            if not outbox.has_room(size):
                return False
        if isinstance(entry, Item):
            if entry.on_accept is not None:
                entry.on_accept()
            outbox.add_item(entry)
        else:
            outbox.add_small(entry, size)
        return True

    def add_control(self, item: Item) -> bool:
        """Queue what is of use to the transport of the moment only, if not too much is unwritten; whether it is.

        Raises what `Item.on_accept` does.
        """
        waiting = self.outbox.waiting_bytes
        if waiting and waiting + item.size_bytes > self.options.max_queued_bytes:
            return False
        if item.on_accept is not None:
            item.on_accept()
        self.outbox.add_item(item)
        return True

    def say_taken(self) -> None:
        """Tell the other side how much has been taken, since it waits for that."""
        if self.inbox.acks is not None:
            self.inbox.acks.told()
            self.outbox.add_urgent(pack_frame(FrameKind.ROOM, 0, b""))

    def look_for_room(self) -> None:
        """Forget what the other side has taken, wake who can send now, and say what the next one waits for."""
        counters, in_flight = self._counters, self.outbox.in_flight
        if counters is None:
            self.credit.wake_next()  # whoever was first may have gone
            return
        while True:
            in_flight.forget_taken(counters.peer[TAKEN])
            if self.credit.is_wanted:
                self.credit.wake_next()
            # Handles must be let go of as soon as they are over there, or nobody sees the end of what they lead to.
            awaited = (self.credit.taken_when_met(), in_flight.taken_when_handles_are())
            wanted = min((number for number in awaited if number is not None), default=0)
            counters.own[WANTED] = wanted
            # The other side may have taken that many before it could see this.
            if not wanted or counters.peer[TAKEN] < wanted:
                return

    # --- what comes in

    def receive(self, frames: list[Frame]) -> None:
        """Take in what has come, in order, and wake who waits for it. Raises `FrameError` for what makes no sense."""
        inbox = self.inbox
        try:
            for frame in frames:
                kind = frame.kind
                if not self.has_greeted:
                    self._greet(frame)
                elif kind in _MESSAGES:
                    inbox.add(frame)
                else:
                    self._receive_control(kind, frame)
        finally:
            if inbox.waiters and inbox:
                inbox.wake_one()

    def _greet(self, frame: Frame) -> None:
        bound = check_hello(frame)
        assert self._counters is not None
        self.has_greeted = True
        # Not before: until now the transport may not have had its counters.
        self.inbox.expect(bound, Acks(self._counters))
        self.look_for_room()

    def _receive_control(self, kind: int, frame: Frame) -> None:
        if kind in _ANSWERS:
            self.calls.settle(frame)
        elif kind in _REQUESTS:
            queue = self.control if kind == FrameKind.CONTROL else self.requests
            request = Request(number_of(frame), frame, self.transports)
            if not queue.add(request):
                self._refuse(request, is_first=queue.refuse_first())
        elif kind == FrameKind.ROOM:
            self.look_for_room()
        elif kind == FrameKind.STOP:
            self.peer_stops = True
            self.inbox.wake_all()
        else:
            raise FrameError(text("channel.second_hello"))

    def _refuse(self, request: Request, *, is_first: bool) -> None:
        """Too many requests wait for this one to wait as well: say so."""
        problem = text("channel.too_many_requests", channel=self.name)
        if is_first:
            logger.error(problem)
        if request.number != NO_REPLY:
            failure = encode([ChannelFull.__name__, problem, ""])[1]
            self.outbox.add_urgent(pack_frame(FrameKind.FAILURE, 0, pack_number(request.number) + failure))

    # --- figures

    @property
    def held(self) -> Held:
        """What is held for the other side just now."""
        outbox, inbox = self.outbox, self.inbox
        return Held(
            outbox.held_bytes + inbox.queued_bytes + self.requests.queued_bytes + self.control.queued_bytes,
            outbox.handles + inbox.handles + self.requests.handles + self.control.handles,
            outbox.entries + inbox.entries + len(self.requests) + len(self.control),
            len(self.calls),
        )
