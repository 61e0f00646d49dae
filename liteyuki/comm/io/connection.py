"""A channel's connection: transports come and go, and what is to be sent is written to the one of the moment.

A link outlives its transports. A message leaves at once where that is possible. In a burst that would hold the sender
up: then messages leave together, when the event loop turns, another thread gets to it, or about 64 KiB have come.
What the OS does not take yet, the loop writes when it can, or a thread where no loop runs.
"""

import asyncio
import contextlib
import threading
import time
from collections.abc import Callable
from typing import Final

from liteyuki.comm.io.background import BackgroundWriting
from liteyuki.comm.io.bell import wait_readable
from liteyuki.comm.io.link_reading import LinkEnd, ReadingLink
from liteyuki.comm.io.writer import Bursts
from liteyuki.comm.session.items import BATCH_BYTES, Item, SmallEntry
from liteyuki.comm.session.outbox import Outbox
from liteyuki.comm.transport import BEGUN, TAKEN, UNWRITTEN, Transport, TransportEnded, dead_end
from liteyuki.comm.wire import Frame, FrameKind, pack_frame

__all__ = ["Link"]

_FLUSH_BYTES: Final = 4 * 1024 * 1024
"""How much one turn of the loop writes, so that a large message leaves it time for others."""
_LOOK_AGAIN: Final = 0.2
"""Seconds after which a thread that writes looks whether the transport is still there."""


class Link(ReadingLink):
    """Not for use without `lock` held, except where it says otherwise.

    `on_progress` is called when something that had to wait was written, with the lock held, on whatever thread was at
    it; the others are `ReadingLink`'s.
    """

    def __init__(
        self,
        lock: threading.RLock,
        outbox: Outbox,
        *,
        on_frames: Callable[[list[Frame]], None],
        on_end: LinkEnd,
        on_progress: Callable[[], None],
        on_loop_read: Callable[[], None],
    ) -> None:
        super().__init__(lock, on_frames=on_frames, on_end=on_end, on_loop_read=on_loop_read)
        self.outbox = outbox
        self.on_progress = on_progress
        self.bursts = Bursts()
        self.flush_is_due = False
        """True while what waits is written soon, by the loop when it turns, or by a thread."""
        self.is_blocked = False
        """True while the OS takes no more, and the loop or a thread waits until it does."""
        self.has_ended = False
        """Whether writing has shown that the other side is gone."""
        self._said_unwritten = False
        self._is_writing = False
        """True while this thread writes: what runs in between, a finalizer or a signal's handler, leaves that alone."""
        self._background = BackgroundWriting(self)

    # --- the transport comes and goes

    def attach(self, transport: Transport, hello: bytes) -> None:
        """Use `transport` from now on; `hello` goes first, then everything unsent."""
        self.transport = transport
        self.has_ended = False
        transport.queued.append(([pack_frame(FrameKind.HELLO, 0, hello)], ()))
        self.flush()
        self.update_watch()

    def detach(self) -> None:
        """Forget the transport. What was not taken over there is unsent again."""
        if self.transport is None:
            return
        self._unwatch_all()
        peer = self.transport.peer
        self.outbox.take_back(peer[TAKEN], peer[BEGUN], dead_end)
        self.transport.close()
        self.transport = None

    def release(self) -> Transport | None:
        """Give the transport away as it is."""
        transport, self.transport = self.transport, None
        self._unwatch_all()
        return transport

    def adopt(self, transport: Transport | None) -> None:
        """Go on with a transport that has greeted already."""
        self.transport = transport
        self.flush()
        self.update_watch()

    def forked(self) -> None:
        """In a copy of the process: close this copy's handle, and touch nothing that is shared, such as the loop."""
        self.forget_loop()
        self._background.forget_loop()
        transport, self.transport = self.transport, None
        if transport is not None:
            transport.close()

    # --- writing

    def send_control(self, kind: FrameKind) -> None:
        """Send what is only of use to the transport of the moment; nothing if there is none."""
        if self.transport is not None:
            self.outbox.add_item(Item(kind))
            self.flush_soon()

    def send_urgent(self, frame: bytes) -> None:
        """The same, before everything that waits."""
        if self.transport is not None:
            self.outbox.add_urgent(frame)
            self.flush()

    def send_small(self, entry: SmallEntry, cost_bytes: int) -> None:
        """Send a message for which there is room: at once, or in a burst with its neighbours."""
        outbox, transport = self.outbox, self.transport
        is_free = not (self.flush_is_due or self.is_blocked or self._is_writing)
        may_go = transport is not None and is_free and outbox.is_idle
        if may_go and not self.bursts.is_one():
            assert transport is not None
            self._send_one(transport, entry, cost_bytes)
            return
        outbox.add_small(entry, cost_bytes)
        if may_go:
            self._flush_with_what_follows()
        else:
            self.flush_soon()

    def _send_one(self, transport: Transport, entry: SmallEntry, cost_bytes: int) -> None:
        untaken, is_out = self.outbox.untaken, False
        self._is_writing = True
        try:
            self.outbox.give_one(entry, cost_bytes, transport.queued)
            with contextlib.suppress(TransportEnded):  # which the flush below meets again
                is_out = transport.flush()
                if len(untaken.batches) > 1:
                    untaken.forget_taken(transport.peer[TAKEN])
            if not is_out:
                untaken.last_is_not_out()
        finally:
            self._is_writing = False
        if not is_out:
            self.flush()
        elif self.on_loop_thread():
            self._spin.sent(self.loop)  # type: ignore[arg-type]

    def flush_soon(self) -> None:
        """Write now, or in a burst with what follows."""
        if self.transport is None:
            return
        if self.flush_is_due or self.bursts.is_one():
            self._flush_with_what_follows()
        else:
            self.flush()

    def _flush_with_what_follows(self) -> None:
        """Write when the loop turns, another thread gets to it, or about 64 KiB have come."""
        # Or now, if whoever was to write has gone: a loop may have ended.
        if self.outbox.waiting_bytes >= BATCH_BYTES or (self.flush_is_due and not self._background.is_alive()):
            self.flush()
            return
        self._set_unwritten()
        if self.flush_is_due:
            return
        self.flush_is_due = True
        if self.on_loop_thread():
            self._background.start_when_loop_turns()
        else:
            self._background.start()

    def _set_unwritten(self) -> None:
        """Let the other side know, should this process be killed now; then what follows may be gathered."""
        assert self.transport is not None
        self.transport.own[UNWRITTEN] = 1
        self._said_unwritten = True
        self.outbox.let_gather(True)

    def write_out(self, timeout: float) -> bool:
        """Block this thread until the OS has all, so many seconds at most; whether it has. Without the lock."""
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
            wait_readable([], min(left, _LOOK_AGAIN), or_writable=[handle])

    def flush_now(self) -> bool:
        """Write what the OS takes without blocking; whether nothing is left."""
        if self.transport is None:
            return True
        if self._is_writing:
            return False
        self._is_writing = True
        try:
            return self._write(self.transport)
        except TransportEnded:
            self.has_ended = True
        finally:
            self._is_writing = False
        if not self._is_reading:  # or whoever reads gets to the end by itself, in order
            self.read_all()
        return True

    def _write(self, transport: Transport) -> bool:
        outbox, left = self.outbox, _FLUSH_BYTES
        outbox.let_gather(False)
        outbox.untaken.forget_taken(transport.peer[TAKEN])
        while transport.flush() and left > 0:
            if not outbox.next_write(transport.queued):
                if self._said_unwritten:
                    transport.own[UNWRITTEN] = 0
                    self._said_unwritten = False
                return True
            left -= len(transport.queued[0][0][-1])
        return False

    def flush(self) -> None:
        """Write now; what the OS does not take yet is written as soon as it does, without anybody waiting."""
        is_waited_for = self.is_blocked and self._background.is_alive()
        if not is_waited_for and self.flush_now():
            return
        self.is_blocked = True
        if self.transport is not None:
            self._set_unwritten()
        if not is_waited_for:
            self._background.start()

    def flush_unless_loop_will(self) -> None:
        """Write what a loop that does not run now has left. Who sends and receives in turn is in no burst."""
        self.bursts.interrupted()
        if self._is_unwritten and not self.loop_runs():
            self.flush()

    def flush_when_due(self) -> None:
        """What was to be written together is complete. On the loop's thread, without the lock."""
        with self.lock:
            # Both, or neither: a signal's handler may raise after any call.
            self.flush_is_due = False
            self.outbox.gather_at_most = 0
            self.outbox.let_gather(False)
            if self._is_unwritten:
                self.flush()
            self.on_progress()

    @property
    def is_in_use(self) -> bool:
        """Whether this thread is in the middle of reading or writing already."""
        return self._is_writing or self._is_reading

    @property
    def _is_unwritten(self) -> bool:
        transport = self.transport
        return transport is not None and bool(self.outbox.is_unsent or transport.queued)

    # --- the event loop

    def bind(self, loop: asyncio.AbstractEventLoop) -> None:
        """Read and write through `loop` from now on. On that loop's thread only."""
        if self.loop is loop:
            return
        self._unwatch_all()
        self.loop = loop
        self._loop_thread = threading.get_ident()
        self.flush_is_due = self.is_blocked = False
        self.outbox.let_gather(False)
        self.update_watch()
        if self.transport is not None:
            self.flush()

    def _unwatch_all(self) -> None:
        self.unwatch()
        self._background.unwatch()
