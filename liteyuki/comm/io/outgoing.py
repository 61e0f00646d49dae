"""What leaves a connection: when messages go together, and who writes what the system does not take at once.

A message leaves at once where that is possible. In a burst that would hold the sender up: then messages leave together,
when the event loop turns, another thread gets to it, or about 64 KiB have come. What the system does not take yet, the
loop writes when it can, or a thread where no loop runs.
"""

import asyncio
import threading
import time
from collections.abc import Callable
from typing import Final

from liteyuki._compat import HAS_GIL, running_loop
from liteyuki.comm.io.loop import LoopWatch
from liteyuki.comm.io.spin import LoopSpin
from liteyuki.comm.io.waiters import LoopWaiter
from liteyuki.comm.io.writer import Writer, wait_writable
from liteyuki.comm.session import (
    BATCH_BYTES,
    MESSAGE_COST_BYTES,
    TEXT_HEAD_BYTES,
    Entry,
    Item,
    Session,
    SmallEntry,
    payload_of,
)
from liteyuki.comm.transport import Transport, TransportEnded
from liteyuki.comm.wire import TAKEN, UNWRITTEN, FrameKind
from liteyuki.errors import MessageTooLarge

__all__ = ["Bursts", "Outgoing"]

_BURST_MESSAGES: Final = 16
_BURST: Final = 0.0005
"""Seconds within which so many messages are a burst."""
_BLOCKED_BURST_BYTES: Final = 1024 * 1024
"""How much is added without a look while the system takes no more."""
_FLUSH_BYTES: Final = 4 * 1024 * 1024
"""How much one turn of the loop writes, so that a large message leaves it time for others."""


class Bursts:
    """Tells when somebody sends so fast that a write for each message would hold it up.

    A single message is best written by whoever sends it. In a burst, many to a write is several times as fast: then
    they leave together when the event loop turns, another thread gets to it, as it does when the sender lets go of the
    interpreter, or 64 KiB have come together.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._count = 0
        self._began = float("-inf")
        self._is_one = False

    def interrupted(self) -> None:
        """The sender waits for something of the other side's: what it sends next begins anew."""
        self._count = 0
        self._is_one = False

    def is_one(self) -> bool:
        """To be asked for each message; whether there is a burst."""
        self._count += 1
        if self._count >= _BURST_MESSAGES:
            now = self._clock()
            self._is_one = now - self._began < _BURST
            self._count, self._began = 0, now
        return self._is_one


class Outgoing:
    """The writing half of a connection. With `lock` held, except `send_small`, `send` and where it says otherwise.

    `on_end` is called when writing has shown that the other side is gone, `use_running_loop` when somebody sends before
    a loop is bound.
    """

    def __init__(
        self,
        session: Session,
        lock: threading.RLock,
        *,
        on_end: Callable[[], None],
        use_running_loop: Callable[[], None],
    ) -> None:
        self.transport: Transport | None = None
        self.watch: LoopWatch | None = None
        """The event loop that writes, if one is bound."""
        self.spin = LoopSpin()
        self.is_blocked = False
        """Whether the system takes no more, and the loop or a thread waits until it does."""
        self.is_writing = False
        """Whether this thread writes: what runs in between, a finalizer or a signal's handler, leaves that alone."""
        self.has_ended = False
        """Whether writing has shown that the other side is gone."""
        self.in_turn_bytes = 0
        """About how much was sent since whoever sends has set this to 0."""
        self._session = session
        self._outbox = session.outbox
        self._max_small_bytes = min(BATCH_BYTES, session.options.max_message_bytes - TEXT_HEAD_BYTES)
        self._on_end = on_end
        self._use_running_loop = use_running_loop
        self._bursts = Bursts()
        self._burst_loop: asyncio.AbstractEventLoop | None = None
        """The loop on which a burst was begun that is still open, if on one."""
        self._writer: Writer | None = None
        self._is_due = False
        """Whether what waits is written soon, by the loop when it turns, or by a thread."""
        self._is_said_unwritten = False
        self._closing: LoopWaiter | None = None
        """Who waits until all is written."""
        self._lock = lock

    # --- transport and loop come and go

    def begin(self, transport: Transport | None) -> None:
        """Write to `transport` from now on."""
        self.transport = transport
        self.has_ended = self.is_blocked = self._is_said_unwritten = False
        if self._closing is not None and transport is None:
            self._closing.wake()

    def bind(self, watch: LoopWatch) -> None:
        """Write through the loop of `watch` from now on."""
        self.watch = watch
        self._is_not_due()
        self.is_blocked = False
        if self.transport is not None:
            self.flush()

    def forked(self, lock: threading.RLock) -> None:
        """In a copy of the process: the loop and its handles are shared, and the thread is not there."""
        self._lock = lock
        self.transport = self.watch = self._writer = None

    # --- sending

    def send_small(self, entry: SmallEntry, cost_bytes: int) -> bool:
        """Send a small message if there is room, at once or in a burst with its neighbours; whether there was room.

        Raises `ChannelClosed`, `MessageTooLarge`.
        """
        # In a burst this is all there is to it, unless the loop that was to write it has ended. A lock would be a third
        # of what a message costs, and is not needed: CPython lets another thread, a finalizer or a signal's handler in
        # after calls and jumps, of which there are none between the look at `burst_bytes` and the end of `append`.
        loop = running_loop()
        if loop is self._burst_loop:
            outbox = self._outbox
            left = outbox.burst_bytes - cost_bytes
            if left >= 0:
                outbox.burst_bytes = left
                outbox.waiting.append(entry)
                return True
        with self._lock:
            return self._send_small(entry, cost_bytes, loop)

    def _send_small(self, entry: SmallEntry, cost_bytes: int, loop: asyncio.AbstractEventLoop | None) -> bool:
        """The same outside of a burst: by itself, with as few steps as it takes. `loop` is the one that runs here."""
        if self.watch is None:
            self._use_running_loop()
        transport, outbox = self.transport, self._outbox
        is_held = self._is_due or self.is_blocked or self.is_writing
        is_held = is_held or bool(outbox.waiting or outbox.urgent or outbox.rest)
        if transport is None or is_held or len(entry) > self._max_small_bytes or self._bursts.is_one():
            return self._send(entry, is_held=is_held)
        in_flight, is_out = outbox.in_flight, False
        self.is_writing = True
        try:
            is_given = self._session.give_one(entry, cost_bytes, transport.queued)
            try:
                is_out = transport.flush()
                if len(in_flight.batches) > 1:
                    in_flight.forget_taken(transport.peer[TAKEN])
            except TransportEnded:
                is_out = False  # the flush below meets it again
            if is_given and not is_out:
                in_flight.last_is_not_out()
        finally:
            self.is_writing = False
        if not is_given:
            return self._send(entry)
        if not is_out or outbox.waiting or outbox.urgent:
            self.flush()
        elif self.watch is not None and loop is self.watch.loop:
            self.spin.sent(loop)
        return True

    def send(self, entry: Entry, *, is_my_turn: bool = False) -> bool:
        """Send any message if there is room; whether there was. `is_my_turn` tells that its sender was woken for that.

        Raises `ChannelClosed`, `MessageTooLarge`, and what `Item.on_accept` does.
        """
        with self._lock:
            self._use_running_loop()
            return self._send(entry, is_my_turn=is_my_turn)

    def _send(self, entry: Entry, *, is_my_turn: bool = False, is_held: bool = True) -> bool:
        if not isinstance(entry, Item) and len(entry) > self._max_small_bytes:
            entry = self._item_of(entry)
        if not self._session.add_message(entry, is_my_turn=is_my_turn):
            return False
        if isinstance(entry, Item):
            self.in_turn_bytes += entry.size_bytes
        if is_held:
            self.flush_soon()
        elif self.transport is not None:
            self._flush_with_what_follows()  # it has been asked already whether this is a burst
        return True

    def _item_of(self, entry: SmallEntry) -> Item:
        """What is too large to leave with others."""
        item, limit = Item(FrameKind.MESSAGE, 0, (payload_of(entry),)), self._session.options.max_message_bytes
        size = item.size_bytes - MESSAGE_COST_BYTES
        if size > limit:
            raise MessageTooLarge(self._session.name, size, limit)
        return item

    def send_control(self, item: Item) -> bool:
        """Send what is of use to the transport of the moment only; False if too much is unwritten.

        Raises what `Item.on_accept` does.
        """
        if not self._session.add_control(item):
            self.flush()
            if not self._session.add_control(item):
                return False
        self.flush_soon()
        return True

    # --- writing

    def flush_soon(self) -> None:
        """Write now, or in a burst with what follows."""
        if self.transport is None:
            return
        if self._is_due or self._bursts.is_one():
            self._flush_with_what_follows()
        else:
            self.flush()

    def _flush_with_what_follows(self) -> None:
        """Write when the loop turns, another thread gets to it, or about 64 KiB have come."""
        # Or now, if whoever was to write has gone: a loop may have ended.
        if self._outbox.waiting_bytes >= BATCH_BYTES or (self._is_due and not self._is_written_for()):
            self.flush()
            return
        self._say_unwritten()
        # Each step after what it relies on, since a signal's handler may raise in between.
        if not self._is_due:
            if self.watch is not None and self.watch.turns:
                self.watch.call_soon(self._flush_when_due)
            else:
                self._wake_writer()
            self._is_due = True
        self._open_burst(BATCH_BYTES)

    def _is_not_due(self) -> None:
        """Nobody is bound to write any more, so nobody may rely on that."""
        self._outbox.close_burst()
        self._is_due = False

    def _open_burst(self, size_bytes: int) -> None:
        """Somebody writes all that waits, or will. Let what follows be added without a look until so much waits."""
        self.in_turn_bytes += size_bytes
        self._burst_loop = running_loop()
        # Not where the loop is on another thread: whether that still runs cannot be seen without asking it.
        if HAS_GIL and (self.watch is None or self._burst_loop is self.watch.loop):
            self._session.open_burst(size_bytes)

    def _say_unwritten(self) -> None:
        """Let the other side know, should this process be killed now."""
        if self.transport is not None and not self._is_said_unwritten:
            self.transport.own[UNWRITTEN] = 1
            self._is_said_unwritten = True

    def _is_written_for(self) -> bool:
        """Whether whoever was to write on still can: a loop may have ended meanwhile."""
        return self._writer is not None or (self.watch is not None and self.watch.turns)

    def flush(self) -> None:
        """Write now; what the system does not take yet is written as soon as it does."""
        is_waited_for = self.is_blocked and self._is_written_for()
        if not is_waited_for and self.flush_now():
            self.is_blocked = False
            return
        self.is_blocked = True
        self._say_unwritten()
        self._open_burst(_BLOCKED_BURST_BYTES)
        if is_waited_for:
            return
        if self.watch is not None and self.watch.turns:
            self.watch.update_soon()
        else:
            self._wake_writer()

    def flush_now(self) -> bool:
        """Write what the system takes without blocking; whether nothing is left."""
        transport, outbox, left = self.transport, self._outbox, _FLUSH_BYTES
        if transport is None:
            return True
        if self.is_writing:
            return False
        self.is_writing = True
        try:
            queued = transport.queued
            outbox.in_flight.forget_taken(transport.peer[TAKEN])
            while not queued or (left > 0 and transport.flush()):
                if not (outbox.waiting or outbox.urgent or outbox.rest):
                    if self._is_said_unwritten or outbox.in_flight.handle_batches or self._session.credit.is_wanted:
                        self._has_written_all(transport)
                    return True
                outbox.next_write(queued)
                left -= len(queued[0][0][-1])
            return False
        except TransportEnded:
            self.has_ended = True
        finally:
            self.is_writing = False
        self._on_end()
        return True

    def _has_written_all(self, transport: Transport) -> None:
        if self._is_said_unwritten:
            transport.own[UNWRITTEN] = 0
            self._is_said_unwritten = False
        if self._outbox.in_flight.handle_batches or self._session.credit.is_wanted:
            self._session.look_for_room()  # nobody can be told to wait for what is not written

    def flush_before_waiting(self) -> None:
        """Write what a loop that does not run now has left. Who sends and receives in turn is in no burst."""
        self._bursts.interrupted()
        if self._is_due and (self.watch is None or not self.watch.turns):
            self.flush()

    def write_out(self, timeout: float) -> bool:
        """Block this thread until the system has all, so many seconds at most; whether it has. Without the lock."""
        deadline = time.monotonic() + timeout
        while True:
            with self._lock:
                if self.flush_now() or self.transport is None:
                    return True
                if self.is_writing:
                    return False
                handle = self.transport.fileno()
            left = deadline - time.monotonic()
            if left <= 0:
                return False
            wait_writable(handle, left)

    async def wait_until_written(self, timeout: float) -> None:
        """The same on the event loop, without holding it up. Without the lock."""
        with self._lock:
            if self.flush_now():
                return
            waiter = self._closing = LoopWaiter()
        try:
            await asyncio.wait({waiter.future}, timeout=timeout)
        finally:
            self._closing = None

    # --- by the loop; without the lock

    def _flush_when_due(self) -> None:
        """What was to be written together is complete."""
        with self._lock:
            self._is_not_due()
            if self.transport is not None and not (self.is_blocked and self._is_written_for()):
                self.flush()
            self._has_written()

    def on_writable(self) -> None:
        """The system takes more."""
        with self._lock:
            if self.is_blocked and self.flush_now():
                self.is_blocked = False
                if self.watch is not None:
                    self.watch.update_soon()
            self._has_written()

    def _has_written(self) -> None:
        self._session.look_for_room()
        if self._closing is not None and self.flush_now():
            self._closing.wake()

    # --- in a thread, where no loop runs; without the lock

    def _wake_writer(self) -> None:
        if self._writer is None:
            self._writer = Writer(self._write_in_thread, self._is_idle)
        else:
            self._writer.wake()

    def _write_in_thread(self) -> int | None:
        """The writer's next step: the handle to wait for until it takes more, -1 if all is out, None to end."""
        with self._lock:
            self._is_not_due()
            if self.transport is None:
                self._writer, self.is_blocked = None, False
                return None
            if self.watch is not None and self.watch.turns:
                # It writes on.
                self._writer, self.is_blocked = None, False
                self.flush()
                return None
            self.is_blocked = not self.flush_now()
            self._has_written()
            return self.transport.fileno() if self.is_blocked and self.transport is not None else -1

    def _is_idle(self) -> bool:
        """Nothing was to be written for a while: whether the writer may end."""
        with self._lock:
            if self._is_due or self.is_blocked:
                return False
            self._writer = None
            return True
