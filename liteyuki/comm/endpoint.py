"""One end of a channel, for the core: the other side comes and goes, frames are sorted, what breaks is closed."""

import asyncio
import socket
import sys
import threading
from collections.abc import Callable, Sequence
from typing import Any, Final

from liteyuki.comm import attached, blocking
from liteyuki.comm.calls import NO_REPLY, Calls, failure, pack_number
from liteyuki.comm.codec import CodecError, decode, encode, encode_parts
from liteyuki.comm.ends import ChannelEnd, ChannelOptions, pack_end, take_in
from liteyuki.comm.framing import COUNT, MAX_HANDLES, Frame, FrameError, FrameKind, pack_frame
from liteyuki.comm.handle import Handle
from liteyuki.comm.handlers import TaskStarter
from liteyuki.comm.hello import check_hello, pack_hello
from liteyuki.comm.inbox import Inbox
from liteyuki.comm.items import Item
from liteyuki.comm.link import Link
from liteyuki.comm.outbox import Outbox, pack_room_wanted
from liteyuki.comm.pipe import PipeTransport, pipe_pair
from liteyuki.comm.receipts import Receipts
from liteyuki.comm.receiver import Receiver
from liteyuki.comm.room import Room
from liteyuki.comm.tagging import TakeIn
from liteyuki.comm.told import Told
from liteyuki.comm.transport import TAKEN, UNWRITTEN, Transport, TransportEnded
from liteyuki.comm.waiting import LoopWaiter
from liteyuki.errors import ChannelBroken, ChannelClosed, ChannelFull, ChannelInUse, MessageTooLarge, NoHandlesLeft
from liteyuki.locale import text
from liteyuki.log import logger

__all__ = ["Endpoint"]

# Plain numbers, since an IntEnum takes ten times as long to compare.
_MESSAGE: Final = int(FrameKind.MESSAGE)
_BATCH: Final = int(FrameKind.BATCH)


class Endpoint:
    """What `Channel` is built on. Its methods are for `comm` and the supervisor; plugins use `Channel`'s."""

    def __init__(self, name: str, options: ChannelOptions) -> None:
        self.name = name
        self.options = options
        self.lock = threading.RLock()
        self.outbox = Outbox(options.max_queued_bytes)
        self.link = Link(
            self.lock,
            self.outbox,
            on_frames=self._sort,
            on_end=self._ended,
            on_progress=self.look_for_room,
            on_loop_read=self.deliver,
        )
        inbox = Inbox(options.max_queued_bytes, self._take_in)
        self.receiver = Receiver(name, self.lock, inbox, options.ack, self._say_room)
        self.calls = Calls(name, options.max_queued_bytes)
        self.room = Room(self.outbox)
        """Who waits to send."""
        self.is_open_for_next = False
        """Whether the end of a transport is not the end of this channel, and another one may come."""
        self.peer_stops = False
        self.closed: ChannelClosed | None = None
        self._tasks = TaskStarter()
        self.told = Told(name)
        self._greeted = False
        self._room_is_asked_for = False
        self._closing: LoopWaiter | None = None
        self._is_closed_here = False

    # --- the other side comes and goes

    def bind(self, loop: asyncio.AbstractEventLoop) -> None:
        """Read, write and call handlers through `loop`, which runs on this thread."""
        with self.lock:
            self.link.bind(loop)
        blocking.remember(self)
        loop.call_soon(self.deliver)

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
            self._let_go_of_transport(is_replaced=True)
            self._greeted = self.peer_stops = self._room_is_asked_for = False
            self.receiver.inbox.transport_changed()
            self.receiver.receipts = None
            self.calls.transports += 1
            self.link.is_paused = self.receiver.inbox.holds_too_much
            transport.max_message_bytes = self.options.max_message_bytes
            self.link.attach(transport, pack_hello(generation, self.options.max_queued_bytes))
            self.receiver.inbox.wake_all()
            self.room.wake_all()
        attached.remember(self)

    def detach(self) -> None:
        """The other process is gone. What it sent is still received; what it had not taken is kept."""
        with self.lock:
            self.link.read_all()
            self._let_go_of_transport()

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
            self._greeted = other._greeted
            self.link.adopt(transport)
            other.shut(ChannelClosed(other.name, text("channel.reason_replaced")))
        attached.remember(self)

    def forked(self) -> None:
        """This is a copy of the process that the channel belongs to: let go of it, and leave that one alone."""
        self.lock = threading.RLock()
        self.link.forked()
        self.closed = ChannelClosed(self.name, text("channel.reason_forked"))
        self.room = Room(self.outbox)
        self.room.close()

    # --- what goes out

    def pack(self, kind: FrameKind, value: object, prefix: bytes = b"") -> Item:
        """The frame for `value`. Raises `TypeError`, `MessageTooLarge`, `NoHandlesLeft`, `ChannelInUse`."""
        offered: list[Endpoint | ChannelEnd] = []

        def hand_over(value: object) -> bytes | None:
            if not isinstance(value, (Endpoint, ChannelEnd)):
                return None
            offered.append(value)
            return pack_end(len(offered) - 1, value.name, value.options)

        flags, parts = encode_parts(value, hand_over)
        if prefix:
            parts.insert(0, prefix)
        size = sum(map(len, parts))
        if size > self.options.max_message_bytes:
            raise MessageTooLarge(self.name, size, self.options.max_message_bytes)
        if not offered:
            return Item(kind, flags, parts)
        self._check_offered(offered)
        handles, near_ends = [], []
        try:
            for end in offered:
                if isinstance(end, ChannelEnd):
                    handles.append(end.handle)
                else:
                    near, far = pipe_pair()
                    handles.append(Handle(far.detach()))
                    near_ends.append((end, Handle(near.detach())))
        except OSError as error:
            raise NoHandlesLeft(self.name, error.errno or 0) from error
        return Item(kind, flags, parts, handles, near_ends)

    def _check_offered(self, offered: Sequence["Endpoint | ChannelEnd"]) -> None:
        if len(offered) > MAX_HANDLES or len(set(map(id, offered))) < len(offered):
            raise ChannelInUse(offered[-1].name)
        for end in offered:
            if isinstance(end, Endpoint):
                end.raise_if_closed()
                if end is self or end.is_attached:
                    raise ChannelInUse(end.name)

    def connect_ends(self, item: Item) -> None:
        """`item` is accepted: open this side's ends of the channels in it. Raises `ChannelInUse`."""
        for end, _ in item.near_ends:
            if end.is_attached:
                raise ChannelInUse(end.name)
        for end, near in item.near_ends:
            end.attach(PipeTransport(socket.socket(fileno=near.take())))

    def admit(self, item: Item) -> bool:
        """Add what is of use to the transport of the moment only, if the OS is not too far behind. With the lock."""
        if not self._is_written_enough(item):
            self.link.flush()
            if not self._is_written_enough(item):
                return False
        self.connect_ends(item)
        self.outbox.add_item(item)
        self.link.flush_soon()
        return True

    def _is_written_enough(self, item: Item) -> bool:
        waiting = self.outbox.waiting_bytes
        return waiting + item.size_bytes <= self.options.max_queued_bytes or not waiting

    def look_for_room(self) -> None:
        """Forget what the other side has taken, and wake the next who waits to send. With the lock."""
        transport = self.link.transport
        if transport is None:
            return
        self.outbox.forget_taken(transport.peer[TAKEN])
        if self.room:
            self.room.wake_next()
            wanted = self.room.taken_when_met() if not self._room_is_asked_for else None
            if wanted is not None:
                self._room_is_asked_for = True
                self.link.send_urgent(pack_room_wanted(wanted))
        if self._closing is not None and self.link.flush_now():
            self._closing.wake()

    def _say_room(self) -> None:
        receipts = self.receiver.receipts
        if receipts is not None:
            receipts.told()
            self.link.send_urgent(pack_frame(FrameKind.ROOM, 0, b""))

    # --- what comes in

    def _sort(self, frames: list[Frame]) -> None:
        try:
            for frame in frames:
                self._sort_one(frame)
        except (CodecError, FrameError) as error:
            self.break_off(str(error))
            return
        inbox = self.receiver.inbox
        if inbox:
            inbox.wake_one()
        has_work = self.calls.has_requests or self.told or (inbox and self.receiver.handlers)
        if has_work and not self.link.loop_reads:
            self.deliver_soon()

    def _sort_one(self, frame: Frame) -> None:
        kind = frame.kind
        if not self._greeted:
            self.receiver.inbox.expect(check_hello(frame))
            self._greeted = True
            self._greet()
        elif kind in (_MESSAGE, _BATCH):
            self.receiver.inbox.add(frame)
        elif kind in (FrameKind.REQUEST, FrameKind.REPLY, FrameKind.FAILURE):
            refused = self.calls.receive(frame, self._take_in(frame.handles))
            if refused is not None:
                self._refuse(refused)
        elif kind == FrameKind.TELL:
            # Unopened ends: a core may pass them on.
            self.told.add(decode(frame.flags, frame.body, take_in(frame.handles, lambda end: end)))
        elif kind == FrameKind.ROOM_WANTED:
            self._room_wanted(frame)
        elif kind == FrameKind.ROOM:
            self._room_is_asked_for = False
            self.look_for_room()
        elif kind == FrameKind.STOP:
            self.peer_stops = True
            self.receiver.inbox.wake_all()
        else:
            raise FrameError(text("channel.second_hello"))

    def _greet(self) -> None:
        # Not before: until now the transport may not have had its counters.
        transport = self.link.transport
        if transport is not None:
            self.receiver.receipts = Receipts(transport.own)

    def _refuse(self, number: int) -> None:
        problem = text("channel.too_many_requests", channel=self.name)
        if self.calls.refuse_first():
            logger.error(problem)
        if number != NO_REPLY:
            payload = encode([ChannelFull.__name__, problem, ""])[1]
            self.outbox.add_item(Item(FrameKind.FAILURE, 0, (pack_number(number), payload)))
            self.link.flush_soon()

    def _room_wanted(self, frame: Frame) -> None:
        if len(frame.body) != COUNT.size:
            raise CodecError(text("codec.structure"))
        if self.receiver.receipts is not None and self.receiver.receipts.want(COUNT.unpack(frame.body)[0]):
            self._say_room()

    def _take_in(self, handles: tuple[Handle, ...]) -> TakeIn:
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
        return self._greeted and self.closed is None and not self.peer_stops

    def take_at_once(self, frame: Frame) -> Any:
        """The value of a message that has come while none was there. With the lock."""
        self.receiver.inbox.add(frame)
        return self.take()

    def take(self) -> Any:
        """The oldest value, which must be there. With the lock."""
        inbox = self.receiver.inbox
        try:
            return self.receiver.take()
        except CodecError as error:
            self.break_off(str(error))
            raise ChannelBroken(self.name, str(error)) from error
        finally:
            if inbox.waiters and inbox:
                inbox.wake_one()  # several may have come at once
            if self.link.is_paused:
                self._unpause()

    def _unpause(self) -> None:
        if not self.receiver.inbox.holds_too_much:
            self.link.is_paused = False
            self.link.update_watch()

    def deliver(self, *, at_most: int = sys.maxsize) -> None:
        """Hand what has arrived to the handlers, so many messages. On the loop's thread, without the lock."""
        self.told.pass_on()
        loop = self.link.loop
        if loop is None or loop.is_closed():
            return
        while self.calls.has_requests:
            with self.lock:
                request = self.calls.next_request()
            self._tasks.start(loop, self._answer(*request))
        try:
            self.receiver.hand_out(loop, at_most)
        except CodecError as error:
            with self.lock:
                self.break_off(str(error))
        if self.link.is_paused:
            with self.lock:
                self._unpause()

    def deliver_soon(self) -> None:
        loop = self.link.loop
        if loop is not None and not loop.is_closed():
            loop.call_soon_threadsafe(self.deliver)

    def hear(self, function: Callable[[Any], object]) -> None:
        """Call `function` with each value that the other side tells, on whatever thread reads, without the lock."""
        self.told.add_hearer(function)
        if self.link.loop is not None and not self.link.loop.is_closed():
            self.deliver_soon()
        else:
            self.told.pass_on()

    async def _answer(self, number: int, value: object, transports: int) -> None:
        kind, result = await self.calls.ask_handlers(value)
        if number == NO_REPLY:
            if kind == FrameKind.FAILURE:
                logger.error(text("channel.notify_failed", channel=self.name, error=": ".join(result[:2])))
            return
        item = self._pack_answer(number, kind, result)
        with self.lock:
            if transports == self.calls.transports and self.link.transport is not None:
                self.connect_ends(item)
                self.outbox.add_item(item)
                self.link.flush_soon()

    def _pack_answer(self, number: int, kind: FrameKind, result: Any) -> Item:
        try:
            return self.pack(kind, result, pack_number(number))
        except (TypeError, MessageTooLarge, NoHandlesLeft, ChannelInUse, ChannelClosed) as error:
            # An answer that no channel carries is the handler's failure, not silence.
            told = result if kind == FrameKind.FAILURE else failure(error)
            try:
                return self.pack(FrameKind.FAILURE, told, pack_number(number))
            except MessageTooLarge:
                # Not even its traceback fits.
                return Item(FrameKind.FAILURE, 0, (pack_number(number), encode([told[0], "", ""])[1]))

    # --- the end

    def _ended(self, error: TransportEnded | FrameError) -> None:
        if isinstance(error, FrameError):
            self.break_off(str(error))
            return
        if error.unfinished_bytes:
            logger.warning(text("channel.cut", channel=self.name, bytes=error.unfinished_bytes))
        self._lose_transport(ChannelClosed(self.name, text("channel.reason_ended")))

    def break_off(self, detail: str) -> None:
        """The other side's bytes make no sense. With the lock."""
        broken = ChannelBroken(self.name, text("channel.reason_broken", detail=detail))
        logger.error(str(broken))
        self._lose_transport(broken)

    def _lose_transport(self, reason: ChannelClosed) -> None:
        # Who has closed this end tells what is lost.
        if self.is_open_for_next or self._is_closed_here:
            self._let_go_of_transport()
        else:
            self.shut(reason)

    def _let_go_of_transport(self, *, is_replaced: bool = False) -> None:
        transport = self.link.transport
        if transport is not None and not is_replaced and transport.peer[UNWRITTEN]:
            logger.warning(text("channel.lost", channel=self.name))
        self.link.detach()
        self.receiver.receipts = None
        self.calls.fail_all()
        # Who waits with a request is to learn that; who waits with a message goes on waiting.
        self.room.wake_all()
        if self._closing is not None:
            self._closing.wake()

    def shut(self, reason: ChannelClosed) -> None:
        """Close for good; what is still here is lost, which is told. With the lock."""
        if self.closed is None:
            self.closed = reason
        self.room.close()
        self._let_go_of_transport()
        dropped = self.outbox.drop_all(is_written_lost=True)
        if dropped:
            logger.warning(text("channel.dropped", channel=self.name, count=dropped))
        self.receiver.inbox.wake_all()

    def begin_to_close(self) -> bool:
        """This end is not used any more; what is queued is still to be written. Whether it was open."""
        with self.lock:
            if self.closed is not None:
                return False
            self.closed = ChannelClosed(self.name, text("channel.reason_closed_here"))
            self._is_closed_here = True
            self.receiver.finish_in_hand()
            self.calls.fail_all()
            self.room.close()
            self.receiver.inbox.wake_all()
            self.link.flush()
            return True

    async def written(self, timeout: float) -> None:
        """Wait until the OS has all, so many seconds at most."""
        with self.lock:
            if self.link.flush_now():
                return
            waiter = self._closing = LoopWaiter()
        await asyncio.wait({waiter.future}, timeout=timeout)

    def end_closing(self) -> int:
        """Let go of the transport. How many messages are lost because they were not written in time."""
        with self.lock:
            self._closing = None
            is_out = self.link.flush_now()
            unwritten = self.outbox.drop_all(is_written_lost=self.link.has_ended, is_last_unwritten=not is_out)
            self._let_go_of_transport()
            self.receiver.inbox.clear()  # letting go has read what was there
            return unwritten

    def raise_if_closed_here(self) -> None:
        """What came before the other side's end is still received; after this one's own, nothing is."""
        if self._is_closed_here:
            self.raise_if_closed()

    def raise_if_closed(self) -> None:
        if self.closed is not None:
            raise type(self.closed)(self.name, self.closed.reason)
