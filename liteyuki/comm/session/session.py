"""One end of a channel, for the core: what all its parts share, and how the other side comes and goes.

What is done with it stands in files of its own: `packing`, `queueing` and `sending`, `sorting` and `receiving`,
`answering`, `closing` and `ending`.
"""

import asyncio
import contextlib
import threading
from collections.abc import Callable
from functools import partial
from typing import Any

from liteyuki.codec import CodecError, TakeIn
from liteyuki.comm.channel.dispatch import Receiver
from liteyuki.comm.channel.ends import ChannelEnd, ChannelOptions, OpenEnd, take_in
from liteyuki.comm.channel.handing_out import deliver
from liteyuki.comm.channel.handler_loop import HandlersLoop
from liteyuki.comm.channel.handlers import TaskStarter
from liteyuki.comm.io import blocking, open_connections
from liteyuki.comm.io.connection import Link
from liteyuki.comm.io.waiters import LoopWaiter
from liteyuki.comm.session.calls import Calls
from liteyuki.comm.session.control import Told
from liteyuki.comm.session.credit import Room
from liteyuki.comm.session.ending import break_off, let_go_of_transport, shut, transport_ended
from liteyuki.comm.session.inbox import Inbox
from liteyuki.comm.session.outbox import Outbox, pack_room_wanted
from liteyuki.comm.session.sorting import sort
from liteyuki.comm.transport import TAKEN, Transport
from liteyuki.comm.wire import FrameKind, Handle, pack_frame, pack_hello
from liteyuki.errors import ChannelBroken, ChannelClosed
from liteyuki.locale import text

__all__ = ["Endpoint"]


class Endpoint(OpenEnd):
    """What `Channel` is built on. Its methods are for `comm` and the supervisor; plugins use `Channel`'s."""

    def __init__(self, name: str, options: ChannelOptions) -> None:
        self.name = name
        self.options = options
        self.lock = threading.RLock()
        self.outbox = Outbox(options.max_queued_bytes)
        self.link = Link(
            self.lock,
            self.outbox,
            on_frames=partial(sort, self),
            on_end=partial(transport_ended, self),
            on_progress=self.look_for_room,
            on_loop_read=partial(deliver, self),
        )
        inbox = Inbox(options.max_queued_bytes, self.take_in)
        self.receiver = Receiver(name, self.lock, inbox, options.ack, self.say_room)
        self.calls = Calls(name, options.max_queued_bytes)
        self.room = Room(self.outbox)
        """Who waits to send."""
        self.is_open_for_next = False
        """Whether the end of a transport is not the end of this channel, and another one may come."""
        self.peer_stops = False
        self.closed: ChannelClosed | None = None
        self.tasks = TaskStarter()
        self.handlers_loop: HandlersLoop | None = None
        """Where handlers run, if not on the loop that reads."""
        self.is_handing_out_due = False
        """Whether that loop has been told of what has come last."""
        self.told = Told(name)
        self.has_greeted = False
        """Whether the other side has, on the transport of the moment."""
        self.room_is_asked_for = False
        self.closing: LoopWaiter | None = None
        """Who waits until all is written, to close."""
        self.is_closed_here = False

    # --- the other side comes and goes

    def bind(self, loop: asyncio.AbstractEventLoop) -> None:
        """Read, write and call handlers through `loop`, which runs on this thread."""
        with self.lock:
            self.link.bind(loop)
        blocking.remember(self)
        loop.call_soon(deliver, self)

    def bind_to_running_loop(self) -> None:
        """Whoever uses a channel on a loop before the startup hook has bound it binds it thereby."""
        if self.link.loop is None or self.link.loop.is_closed():
            loop = asyncio._get_running_loop()
            if loop is not None:
                self.bind(loop)

    def must_watch(self) -> bool:
        """Whether the loop must read, whatever threads do."""
        return bool(
            self.receiver.handlers
            or self.calls.handlers
            or self.calls.core_handlers
            or self.calls.has_callers
            or self.receiver.inbox.waiters
            or self.room
            or self.is_open_for_next
        )

    def let_threads_read(self, allowed: bool) -> None:
        """Whether threads read for themselves, and the loop keeps out of it."""
        with self.lock:
            if self.link.thread_reads != allowed:
                self.link.thread_reads = allowed
                self.link.update_watch()

    def keep_untaken(self) -> None:
        """Stay open when the process over there ends, and give the next one what that has not taken."""
        self.is_open_for_next = True

    def attach(self, transport: Transport, *, generation: int = 0) -> None:
        """Talk over `transport` from now on, and greet whoever is there; a transport that there was is given up."""
        with self.lock:
            self.raise_if_closed()
            self.link.read_all()
            let_go_of_transport(self, is_replaced=True)
            self.has_greeted = self.peer_stops = self.room_is_asked_for = False
            self.receiver.inbox.transport_changed()
            self.receiver.receipts = None
            self.calls.transports += 1
            self.link.is_paused = self.receiver.inbox.holds_too_much
            transport.max_message_bytes = self.options.max_message_bytes
            self.link.attach(transport, pack_hello(generation, self.options.max_queued_bytes))
            self.receiver.inbox.wake_all()
            self.room.wake_all()
        open_connections.remember(self)

    def detach(self) -> None:
        """The other process is gone. What it sent is still received; what it had not taken is kept."""
        with self.lock:
            self.link.read_all()
            let_go_of_transport(self)

    def say_stop(self) -> None:
        """Tell the other side that nothing more will come: whoever blocks in its `receive` goes on."""
        with self.lock:
            self.link.send_control(FrameKind.STOP)

    @property
    def is_attached(self) -> bool:
        return self.link.transport is not None

    @property
    def is_untouched(self) -> bool:
        """Whether nobody in this process has used it, though something may have come."""
        receiver, calls = self.receiver, self.calls
        used = receiver.mode or calls.handlers or calls.has_callers or self.outbox.accepted or self.told.has_hearers
        return not used and self.closed is None

    def adopt(self, other: "Endpoint") -> None:
        """Take over the transport of `other`, which nobody has used, and what has come over it; close `other`."""
        with self.lock, other.lock:
            transport = other.link.release()
            self.receiver.inbox, other.receiver.inbox = other.receiver.inbox, self.receiver.inbox
            self.receiver.receipts, other.receiver.receipts = other.receiver.receipts, None
            self.has_greeted = other.has_greeted
            self.link.adopt(transport)
            shut(other, ChannelClosed(other.name, text("channel.reason_replaced")))
        open_connections.remember(self)

    def forked(self) -> None:
        """This is a copy of the process that the channel belongs to: let go of it, and leave that one alone."""
        self.lock = threading.RLock()
        self.link.forked()
        self.closed = ChannelClosed(self.name, text("channel.reason_forked"))
        self.room = Room(self.outbox)
        self.room.close()

    # --- what goes out

    def look_for_room(self) -> None:
        """Forget what the other side has taken, and wake the next who waits to send. With the lock."""
        transport = self.link.transport
        if transport is None:
            return
        self.outbox.untaken.forget_taken(transport.peer[TAKEN])
        if self.room:
            self.room.wake_next()
            wanted = self.room.taken_when_met() if not self.room_is_asked_for else None
            if wanted is not None:
                self.room_is_asked_for = True
                self.link.send_urgent(pack_room_wanted(wanted))
        if self.closing is not None and self.link.flush_now():
            self.closing.wake()

    def say_room(self) -> None:
        """Tell the other side how much has been taken, since it waits for that. With the lock."""
        receipts = self.receiver.receipts
        if receipts is not None:
            receipts.told()
            self.link.send_urgent(pack_frame(FrameKind.ROOM, 0, b""))

    # --- what comes in

    def take_in(self, handles: tuple[Handle, ...]) -> TakeIn:
        """For the decoder: opens the ends of channels that came with `handles`."""
        return take_in(handles, self._open)

    def _open(self, end: ChannelEnd) -> object:
        raise NotImplementedError

    def something_came(self) -> bool:
        """Whether there is a value to take; reads if there is none yet. With the lock."""
        inbox, link = self.receiver.inbox, self.link
        # One read may have brought other frames only, such as the greeting.
        while not inbox and link.read():
            pass
        return bool(inbox)

    @property
    def is_talking(self) -> bool:
        """Whether both sides have greeted, and none has said that it ends."""
        return self.has_greeted and self.closed is None and not self.peer_stops

    def take(self) -> Any:
        """The oldest value, which must be there. With the lock."""
        inbox = self.receiver.inbox
        try:
            return self.receiver.take()
        except CodecError as error:
            break_off(self, str(error))
            raise ChannelBroken(self.name, str(error)) from error
        finally:
            if inbox.waiters and inbox:
                inbox.wake_one()  # several may have come at once
            if self.link.is_paused:
                self.unpause()

    def unpause(self) -> None:
        """Read on, if what was there is less by now. With the lock."""
        if not self.receiver.inbox.holds_too_much:
            self.link.is_paused = False
            self.link.update_watch()

    @property
    def has_work_for_core(self) -> bool:
        return bool(self.calls.core_requests or self.told)

    @property
    def has_work_for_handlers(self) -> bool:
        return bool(self.calls.requests or (self.receiver.handlers and self.receiver.inbox))

    def on_loop_thread(self) -> bool:
        """Whether this thread must not be blocked: the one of the loop that reads, or of the handlers'."""
        return self.link.on_loop_thread() or (self.handlers_loop is not None and self.handlers_loop.is_this_thread())

    def begin_to_deliver(self) -> None:
        """A handler has been registered."""
        with self.lock:
            self.bind_to_running_loop()
        self.let_threads_read(False)
        self.deliver_soon()

    def deliver_soon(self) -> None:
        loop = self.link.loop
        if loop is not None:
            # It may have ended: then nobody is there to deliver to.
            with contextlib.suppress(RuntimeError):
                loop.call_soon_threadsafe(deliver, self)

    def hear(self, function: Callable[[Any], object]) -> None:
        """Call `function` with each value that the other side tells, on whatever thread reads, without the lock."""
        self.told.add_hearer(function)
        if self.link.loop is not None and not self.link.loop.is_closed():
            self.deliver_soon()
        else:
            self.told.pass_on()

    # --- the end

    def raise_if_closed_here(self) -> None:
        """What came before the other side's end is still received; after this one's own, nothing is."""
        if self.is_closed_here:
            self.raise_if_closed()

    def raise_if_closed(self) -> None:
        if self.closed is not None:
            raise type(self.closed)(self.name, self.closed.reason)
