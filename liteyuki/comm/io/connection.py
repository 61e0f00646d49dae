"""A session's connection: transports come and go, and somebody reads and writes the one of the moment.

A message leaves at once where that is possible. In a burst that would hold the sender up: then messages leave together,
when the event loop turns, another thread gets to it, or about 64 KiB have come. What the system does not take yet, the
loop writes when it can, or a thread where no loop runs. An event loop reads if one is bound and runs; else whichever
thread waits for something reads for itself.
"""

import asyncio
import sys
import threading
import time
from collections.abc import Callable
from typing import Final

from liteyuki._compat import running_loop
from liteyuki.comm.io.loop import LoopWatch
from liteyuki.comm.io.open_connections import open_connections
from liteyuki.comm.io.spin import LoopSpin
from liteyuki.comm.io.waiters import HandlePoll, LoopWaiter, ThreadWaiter, is_readable, wait_writable
from liteyuki.comm.io.writer import Bursts, Writer
from liteyuki.comm.session import BATCH_BYTES, Entry, Item, Session, SmallEntry
from liteyuki.comm.transport import Transport, TransportEnded, dead_end
from liteyuki.comm.wire import TAKEN, UNWRITTEN, FrameError, FrameKind
from liteyuki.errors import ChannelBroken, ChannelBusy, ChannelClosed
from liteyuki.locale import text
from liteyuki.log import logger

__all__ = ["Connection"]

_FLUSH_BYTES: Final = 4 * 1024 * 1024
"""How much one turn of the loop writes, so that a large message leaves it time for others."""
_LAST_READS: Final = 256
"""More than a socket holds."""
_LOOK_AGAIN: Final = 1.0
"""Seconds after which a thread looks whether the loop that reads for it still does. A loop tells nobody when it ends."""


class Connection:
    """From any thread. `lock` guards `session` and all that is here; what says so wants it held."""

    def __init__(self, session: Session) -> None:
        self.lock = threading.RLock()
        self.session = session
        self.name = session.name
        self.on_read: Callable[[int], None] = lambda at_most: None
        """Called without the lock by whoever has read something; how many messages are to be handed out, at most."""
        self.transport: Transport | None = None
        self.is_paused = False
        """Whether nothing more is to be read, because too much of earlier transports' is here."""
        self._watch: LoopWatch | None = None
        self._writer: Writer | None = None
        self._poll = HandlePoll()
        self._spin = LoopSpin()
        self._bursts = Bursts()
        self._is_reading = False
        self._is_writing = False
        """True while this thread writes: what runs in between, a finalizer or a signal's handler, leaves that alone."""
        self._flush_is_due = False
        """True while what waits is written soon, by the loop when it turns, or by a thread."""
        self._is_blocked = False
        """True while the system takes no more, and the loop or a thread waits until it does."""
        self._has_ended = False
        """Whether writing has shown that the other side is gone."""
        self._is_said_unwritten = False
        self._closing: LoopWaiter | None = None
        """Who waits until all is written, to close."""

    # --- the transport comes and goes

    def attach(self, transport: Transport, generation: int = 0) -> None:
        """Talk over `transport` from now on; one that there was is given up. Raises `ChannelClosed`."""
        with self.lock:
            self.session.raise_if_closed()
            self.read_all()
            self._let_go(is_replaced=True)
            transport.max_message_bytes = self.session.options.max_message_bytes
            self.transport = transport
            self._has_ended = False
            self.is_paused = self.session.inbox.holds_too_much
            self.session.connect(transport, generation)
            self.flush()
            self._update_watch_soon()
        open_connections.add(self)

    def detach(self) -> None:
        """The other process is gone. What it sent is still received; what it had not taken is kept."""
        with self.lock:
            self.read_all()
            self._let_go()

    def adopt(self, other: "Connection") -> None:
        """Take over the transport of `other`, which nobody has used, and what has come over it; close `other`."""
        with self.lock, other.lock:
            other._unwatch()
            self.session.adopt(other.session)
            self.transport, other.transport = other.transport, None
            other._shut(ChannelClosed(other.name, text("channel.reason_replaced")))
            self.flush()
            self._update_watch_soon()
        open_connections.add(self)

    def forked(self) -> None:
        """This is a copy of the process that the channel belongs to: let go of it, and leave that one alone."""
        self.lock = threading.RLock()
        self._watch = self._writer = None  # the loop and its handles are shared
        transport, self.transport = self.transport, None
        if transport is not None:
            transport.close()
        self.session.close_here()
        self.session.closed = ChannelClosed(self.name, text("channel.reason_forked"))

    def _let_go(self, *, is_replaced: bool = False) -> None:
        """Go on without the transport, and tell so whoever waits for the other side."""
        transport = self.transport
        if transport is not None:
            if not is_replaced and transport.peer[UNWRITTEN]:
                logger.warning(text("channel.lost", channel=self.name))
            self._unwatch()
            self.session.disconnect(dead_end)
            transport.close()
            self.transport = None
        if self._closing is not None:
            self._closing.wake()

    def _end(self, error: TransportEnded | FrameError) -> None:
        """Reading has met the end of the transport, or what is no frame."""
        if isinstance(error, FrameError):
            self.break_off(str(error))
            return
        if error.unfinished_bytes:
            logger.warning(text("channel.cut", channel=self.name, bytes=error.unfinished_bytes))
        self._lose(ChannelClosed(self.name, text("channel.reason_ended")))

    def break_off(self, detail: str) -> None:
        """What the other side has sent makes no sense: this is the end, or that of the transport. With the lock."""
        broken = ChannelBroken(self.name, text("channel.reason_broken", detail=detail))
        logger.error(str(broken))
        self._lose(broken)

    def _lose(self, reason: ChannelClosed) -> None:
        # Who has closed this end tells what is lost.
        if self.session.keeps_untaken or self.session.is_closed_here:
            self._let_go()
        else:
            self._shut(reason)

    def _shut(self, reason: ChannelClosed) -> None:
        """Close for good; what is still here is lost, which is told."""
        self._let_go()
        dropped = self.session.close(reason)
        if dropped:
            logger.warning(text("channel.dropped", channel=self.name, count=dropped))

    # --- closing from this side

    def begin_to_close(self) -> bool:
        """This end is not used any more; what is queued is still to be written. Whether it was open."""
        with self.lock:
            if not self.session.close_here():
                return False
            self.flush()
            return True

    async def wait_until_written(self, timeout: float) -> None:
        """After `begin_to_close`: wait until the system has all, `timeout` seconds at most. On the loop."""
        with self.lock:
            if self.flush_now():
                return
            waiter = self._closing = LoopWaiter()
        await asyncio.wait({waiter.future}, timeout=timeout)

    def end_closing(self) -> int:
        """Let go of the transport. How many messages are lost because they were not written in time."""
        with self.lock:
            self._closing = None
            is_out = self.flush_now()
            outbox = self.session.outbox
            unwritten = outbox.drop_all(is_written_lost=self._has_ended, is_last_unwritten=not is_out)
            self._let_go()
            self.session.inbox.clear()  # letting go has read what was there
            return unwritten

    # --- sending

    def send_small(self, entry: SmallEntry, cost_bytes: int) -> bool:
        """Send a small message if there is room, at once or in a burst with its neighbours; whether there was room.

        Raises `ChannelClosed`.
        """
        with self.lock:
            session, transport = self.session, self.transport
            if self._watch is None:
                self.use_running_loop()
            if self._flush_is_due:
                if not session.add_small(entry, cost_bytes):
                    return False
                # It leaves now if whoever was to write it has gone: a loop may have ended.
                if session.outbox.waiting_bytes >= BATCH_BYTES or not self._is_written_for():
                    self.flush()
                return True
            may_go = transport is not None and not self._is_blocked and not self._is_writing and session.outbox.is_idle
            if may_go and not self._bursts.is_one() and session.has_room_now(cost_bytes):
                self._send_one(transport, entry, cost_bytes)  # type: ignore[arg-type] # there is one
                return True
            if not session.add_small(entry, cost_bytes):
                return False
            if may_go:
                self._flush_with_what_follows()
            else:
                self.flush_soon()
            return True

    def send(self, entry: Entry, *, is_my_turn: bool = False) -> bool:
        """Send any message if there is room; whether there was. `is_my_turn` tells that its sender was woken for that.

        Raises `ChannelClosed`, and what `Item.on_accept` does.
        """
        with self.lock:
            self.use_running_loop()
            if is_my_turn:
                self.session.raise_if_closed()
                is_sent = self.session.add_message_in_turn(entry)
            else:
                is_sent = self.session.add_message(entry)
            if is_sent:
                self.flush_soon()
            return is_sent

    def send_control(self, item: Item) -> bool:
        """Send what is of use to the transport of the moment only; False if too much is unwritten.

        Raises what `Item.on_accept` does. With the lock.
        """
        if not self.session.add_control(item):
            self.flush()
            if not self.session.add_control(item):
                return False
        self.flush_soon()
        return True

    def say_stop(self) -> None:
        """Tell the other side that nothing more will come: whoever blocks in its `receive` goes on."""
        with self.lock:
            if self.transport is not None:
                self.session.outbox.add_item(Item(FrameKind.STOP))
                self.flush_soon()

    def _send_one(self, transport: Transport, entry: SmallEntry, cost_bytes: int) -> None:
        """Write a message by itself, with as few steps as it takes."""
        in_flight, is_out = self.session.outbox.in_flight, False
        self._is_writing = True
        try:
            self.session.outbox.give_one(entry, cost_bytes, transport.queued)
            try:
                is_out = transport.flush()
                in_flight.forget_taken(transport.peer[TAKEN])
            except TransportEnded:
                is_out = False  # the flush below meets it again
            if not is_out:
                in_flight.last_is_not_out()
        finally:
            self._is_writing = False
        if not is_out or not self.session.outbox.is_idle:
            self.flush()
        elif self._watch is not None and self._watch.is_this_thread():
            self._spin.sent(self._watch.loop)

    # --- writing

    def flush_soon(self) -> None:
        """Write now, or in a burst with what follows. With the lock."""
        if self.transport is None:
            return
        if self._flush_is_due or self._bursts.is_one():
            self._flush_with_what_follows()
        else:
            self.flush()

    def _flush_with_what_follows(self) -> None:
        """Write when the loop turns, another thread gets to it, or about 64 KiB have come."""
        if self.session.outbox.waiting_bytes >= BATCH_BYTES or (self._flush_is_due and not self._is_written_for()):
            self.flush()
        elif not self._flush_is_due:
            self._flush_is_due = True
            self._say_unwritten()
            if self._watch is not None and self._watch.loop.is_running():
                self._watch.call_soon(self._flush_when_due)
            else:
                self._wake_writer()

    def _say_unwritten(self) -> None:
        """Let the other side know, should this process be killed now."""
        if self.transport is not None and not self._is_said_unwritten:
            self.transport.own[UNWRITTEN] = 1
            self._is_said_unwritten = True

    def _is_written_for(self) -> bool:
        """Whether whoever was to write on still can: a loop may have ended meanwhile."""
        watch = self._watch
        return self._writer is not None or (watch is not None and (watch.is_this_thread() or watch.loop.is_running()))

    def flush(self) -> None:
        """Write now; what the system does not take yet is written as soon as it does. With the lock."""
        is_waited_for = self._is_blocked and self._is_written_for()
        if not is_waited_for and self.flush_now():
            self._is_blocked = False
            return
        self._is_blocked = True
        self._say_unwritten()
        if is_waited_for:
            return
        if self._watch is not None and self._watch.loop.is_running():
            self._update_watch_soon()
        else:
            self._wake_writer()

    def flush_now(self) -> bool:
        """Write what the system takes without blocking; whether nothing is left. With the lock."""
        if self.transport is None:
            return True
        if self._is_writing:
            return False
        self._is_writing = True
        try:
            return self._write(self.transport)
        except TransportEnded:
            self._has_ended = True
        finally:
            self._is_writing = False
        if not self._is_reading:  # or whoever reads gets to the end by itself, in order
            self.read_all()
            if self._watch is not None:
                self._watch.call_soon(self._hand_out)
        return True

    def _write(self, transport: Transport) -> bool:
        outbox, left, is_out = self.session.outbox, _FLUSH_BYTES, False
        outbox.in_flight.forget_taken(transport.peer[TAKEN])
        while not is_out and transport.flush() and left > 0:
            if outbox.next_write(transport.queued):
                left -= len(transport.queued[0][0][-1])
            else:
                is_out = True
                if self._is_said_unwritten:
                    transport.own[UNWRITTEN] = 0
                    self._is_said_unwritten = False
        if outbox.in_flight.handle_batches or self.session.credit.is_wanted:
            # Only what is written can be waited for.
            self.session.look_for_room()
        return is_out

    def write_out(self, timeout: float) -> bool:
        """Block this thread until the system has all, so many seconds at most; whether it has. Without the lock."""
        deadline = time.monotonic() + timeout
        while True:
            with self.lock:
                if self.flush_now() or self.transport is None:
                    return True
                if self._is_writing:
                    return False
                handle = self.transport.fileno()
            left = deadline - time.monotonic()
            if left <= 0:
                return False
            wait_writable(handle, left)

    def flush_before_waiting(self) -> None:
        """Write what a loop that does not run now has left. Who sends and receives in turn is in no burst. With the
        lock."""
        self._bursts.interrupted()
        if self._flush_is_due and (self._watch is None or not self._watch.loop.is_running()):
            self.flush()

    def _flush_when_due(self) -> None:
        """What was to be written together is complete. On the loop's thread, without the lock."""
        with self.lock:
            self._flush_is_due = False
            if self.transport is not None and not (self._is_blocked and self._is_written_for()):
                self.flush()
            self._has_written()

    def _on_writable(self) -> None:
        """The system takes more. On the loop's thread, without the lock."""
        with self.lock:
            if self._is_blocked and self.flush_now():
                self._is_blocked = False
                self._update_watch()
            self._has_written()

    def _has_written(self) -> None:
        self.session.look_for_room()
        if self._closing is not None and self.flush_now():
            self._closing.wake()

    # --- writing in a thread, where no loop runs

    def _wake_writer(self) -> None:
        if self._writer is None:
            self._writer = Writer(self._write_in_thread, self._is_writer_idle)
        else:
            self._writer.wake()

    def _write_in_thread(self) -> int | None:
        """The writer's next step: the handle to wait for until it takes more, -1 if all is out, None to end."""
        with self.lock:
            self._flush_is_due = False
            if self.transport is None:
                self._writer, self._is_blocked = None, False
                return None
            if self._watch is not None and self._watch.loop.is_running():
                # It writes on.
                self._writer, self._is_blocked = None, False
                self.flush()
                return None
            self._is_blocked = not self.flush_now()
            self._has_written()
            return self.transport.fileno() if self._is_blocked and self.transport is not None else -1

    def _is_writer_idle(self) -> bool:
        """Nothing was to be written for a while: whether the writer may end."""
        with self.lock:
            if self._flush_is_due or self._is_blocked:
                return False
            self._writer = None
            return True

    # --- reading

    def read(self, *, even_if_paused: bool = False) -> bool:
        """Read what is there, without blocking; whether anything was. With the lock; `on_read` is due then."""
        transport = self.transport
        if transport is None or self._is_reading or (self.is_paused and not even_if_paused):
            return False
        self._is_reading = True
        try:
            frames = transport.read()
            if frames:
                self.session.receive(frames)
            transport.passed_on()
        except (TransportEnded, FrameError) as error:
            self._end(error)
            return False
        except BaseException as error:
            # A signal's handler has raised: what was in hand may be lost, and is not in silence.
            if transport.has_in_hand:
                self._end(FrameError(text("frame.interrupted", error=type(error).__name__)))
            raise
        finally:
            self._is_reading = False
        if self.session.outbox.has_urgent:
            self.flush()
        return bool(frames)

    def read_more(self) -> bool:
        """Read until there is a message or nothing more has come, unless a loop does; whether there is one. With the
        lock."""
        inbox = self.session.inbox
        if not self.is_read_elsewhere():
            # One read may bring other frames only, such as the greeting.
            while not inbox and self.read():
                pass
        return bool(inbox)

    def read_all(self) -> None:
        """Read all that has arrived, before a transport is given up or judged. With the lock; `on_read` is due then."""
        for _ in range(_LAST_READS):  # somebody else may have the other end, and go on
            # Not until nothing comes out of it: one read may bring a part of a large message only.
            handle = self.transport.fileno() if self.transport is not None else -1
            if self.transport is None or (handle >= 0 and not is_readable(handle)):
                return
            self.read(even_if_paused=True)

    def unpause(self) -> None:
        """Read on, if what was there is less by now. With the lock."""
        if self.is_paused and not self.session.inbox.holds_too_much:
            self.is_paused = False
            self._update_watch_soon()

    # --- waiting in a thread

    def raise_if_busy(self) -> None:
        """Raises `ChannelBusy` if this thread reads or writes already, and must not wait for what comes of that."""
        with self.lock:
            if self._is_writing or self._is_reading:
                raise ChannelBusy(self.name)

    def is_read_elsewhere(self) -> bool:
        """Whether a loop reads that runs right now on another thread."""
        return self._watch is not None and self._watch.runs_elsewhere()

    def handle_to_wait_for(self) -> tuple[int, bool]:
        """What to wait for to read, -1 if nothing, and whether something waits to be written. Writes what it can."""
        with self.lock:
            is_out = self.flush_now()
            if self.transport is None or self.is_paused:
                return -1, False
            return self.transport.fileno(), not is_out

    def wait(self, waiter: ThreadWaiter, timeout: float | None) -> None:
        """Block this thread until `waiter` may have been woken, or something can be read by it, or so many seconds have
        passed. Without the lock; `read_more` or `pump` follows."""
        if self.is_read_elsewhere():
            handle, is_unsent = -1, False
            timeout = _LOOK_AGAIN if timeout is None else min(timeout, _LOOK_AGAIN)
        else:
            handle, is_unsent = self.handle_to_wait_for()
        self._poll.wait(waiter, handle, timeout, or_writable=is_unsent)

    def pump(self) -> None:
        """Read and write what can be, unless a loop does, and have it handed out. Without the lock."""
        if not self.is_read_elsewhere():
            with self.lock:
                self.read()
            self.on_read(sys.maxsize)

    def read_on_blocked_loop(self, *, at_most: int = sys.maxsize) -> None:
        """The same, on the thread of its loop, while another channel's `receive` holds that up."""
        with self.lock:
            self.read()
        self.on_read(at_most)

    # --- the event loop

    @property
    def loop(self) -> asyncio.AbstractEventLoop | None:
        """The open loop that reads and writes, if one is bound."""
        watch = self._watch
        return watch.loop if watch is not None and not watch.loop.is_closed() else None

    def bind(self, loop: asyncio.AbstractEventLoop) -> None:
        """Read, write and hand out through `loop` from now on. On that loop's thread only."""
        with self.lock:
            if self._watch is None or self._watch.loop is not loop:
                self._unwatch()
                self._watch = LoopWatch(loop, self._on_readable, self._on_writable)
                self._flush_is_due = False
                if self.transport is not None:
                    self.flush()
            self._update_watch()
        open_connections.add(self)
        loop.call_soon(self._hand_out)

    def use_running_loop(self) -> None:
        """Whoever uses a channel on a loop before the startup hook has bound it binds it thereby."""
        if self._watch is None or self._watch.loop.is_closed():
            loop = running_loop()
            if loop is not None:
                self.bind(loop)

    def is_loop_thread(self) -> bool:
        """Whether the bound loop runs right now on the thread that asks."""
        return self._watch is not None and self._watch.is_this_thread()

    def call_soon(self, callback: Callable[[], None]) -> None:
        """Have `callback` called on the bound loop, if there is one."""
        if self._watch is not None:
            self._watch.call_soon(callback)

    def _update_watch_soon(self) -> None:
        if self._watch is not None:
            self._watch.call(self._update_watch)

    def _update_watch(self) -> None:
        """Watch what there is to watch. On the loop's thread."""
        with self.lock:
            if self._watch is not None:
                handle = self.transport.fileno() if self.transport is not None else -1
                reading, writing = -1 if self.is_paused else handle, handle if self._is_blocked else -1
                self._watch.set(reading=reading, writing=writing)

    def _unwatch(self) -> None:
        """Take the handle out of the loop, before it is closed or the loop is another one."""
        self._is_blocked = False
        if self._watch is not None:
            self._watch.set(reading=-1, writing=-1)

    def _on_readable(self) -> None:
        self._spin.came()
        with self.lock:
            self.read()
        self.on_read(sys.maxsize)

    def _hand_out(self) -> None:
        self.on_read(sys.maxsize)
