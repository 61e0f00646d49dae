"""A channel's connection: the transport of the moment, who writes to it, and who reads from it.

A link outlives its transports. Writing happens at once where that is possible. In a burst that would hold the sender
up: then messages leave together, when the event loop turns or enough have come together. What the OS does not take
yet, the loop writes when it can; where no loop runs, a thread that lives as long as there is something to write.
"""

import asyncio
import contextlib
import threading
import time
from collections.abc import Callable
from typing import Final

from liteyuki.comm.bell import wait_readable
from liteyuki.comm.framing import Frame, FrameError, FrameKind, pack_frame
from liteyuki.comm.items import BATCH_BYTES, Item, SmallEntry, frame_of
from liteyuki.comm.outbox import Outbox
from liteyuki.comm.pipe import dead_end
from liteyuki.comm.spin import LoopSpin
from liteyuki.comm.transport import BEGUN, TAKEN, UNWRITTEN, Transport, TransportEnded
from liteyuki.comm.writer import Bursts, Writer

__all__ = ["Link", "LinkEnd"]

_LAST_READS: Final = 256
_FLUSH_BYTES: Final = 4 * 1024 * 1024
"""How much one turn of the loop writes, so that a large message leaves it time for others."""
_LOOK_AGAIN: Final = 0.2
"""Seconds after which a thread that writes looks whether the transport is still there."""

LinkEnd = Callable[[TransportEnded | FrameError], None]


class Link:
    """Not for use without `lock` held, except where it says otherwise.

    `on_frames` is called with every batch that has been read, `on_end` when the transport has ended or broken,
    `on_progress` when something that had to wait was written; all with the lock held, on whatever thread was at
    it. `on_loop_read` is called without it, on the loop, after the loop has read.
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
        self.lock = lock
        self.transport: Transport | None = None
        self.loop: asyncio.AbstractEventLoop | None = None
        self.thread_reads = False
        """True while a thread reads for itself, and the loop keeps out of it."""
        self.is_paused = False
        """True while nothing more is to be read."""
        self.loop_reads = False
        """True while the loop reads, and will deliver right after."""
        self._flush_is_due = False
        self._outbox = outbox
        self._on_frames = on_frames
        self._on_end = on_end
        self._on_progress = on_progress
        self._on_loop_read = on_loop_read
        self._loop_thread = 0
        self._watched = -1
        self._writable_watched = -1
        self.bursts = Bursts()
        self._spin = LoopSpin()
        self._writer: Writer | None = None
        self._is_reading = False
        self.has_ended = False
        """Whether writing has shown that the other side is gone."""
        self._said_unwritten = False
        self._is_blocked = False
        """True while the OS takes no more, and the loop or a thread waits until it does."""

    # --- the transport comes and goes

    def attach(self, transport: Transport, hello: bytes) -> None:
        """Use `transport` from now on; `hello` goes first, then everything unsent."""
        self.transport = transport
        self.has_ended = False
        transport.write([pack_frame(FrameKind.HELLO, 0, hello)])
        self.flush()
        self.update_watch()

    def detach(self) -> None:
        """Forget the transport. What was not taken over there is unsent again."""
        if self.transport is None:
            return
        self._unwatch()
        peer = self.transport.peer
        self._outbox.take_back(peer[TAKEN], peer[BEGUN], dead_end)
        self.transport.close()
        self.transport = None

    def release(self) -> Transport | None:
        """Give the transport away as it is."""
        transport, self.transport = self.transport, None
        self._unwatch()
        return transport

    def adopt(self, transport: Transport | None) -> None:
        """Go on with a transport that has greeted already."""
        self.transport = transport
        self.flush()
        self.update_watch()

    def forked(self) -> None:
        """In a copy of the process: close this copy's handle, and touch nothing that is shared, such as the loop."""
        self._watched = self._writable_watched = -1
        self.loop = None
        transport, self.transport = self.transport, None
        if transport is not None:
            transport.close()

    # --- writing

    def send_control(self, kind: FrameKind) -> None:
        """Send what is only of use to the transport of the moment; nothing if there is none."""
        if self.transport is not None:
            self._outbox.add_item(Item(kind))
            self.flush_soon()

    def send_urgent(self, frame: bytes) -> None:
        """The same, before everything that waits."""
        if self.transport is not None:
            self._outbox.add_urgent(frame)
            self.flush()

    def send_small(self, entry: SmallEntry, cost_bytes: int) -> None:
        """Send a message for which there is room: right away, or in a burst with its neighbours."""
        outbox, transport = self._outbox, self.transport
        may_go = transport is not None and outbox.is_idle and not (self._flush_is_due or self._is_blocked)
        if may_go and not self.bursts.is_one():
            assert transport is not None
            with contextlib.suppress(TransportEnded):  # then the flush below meets that end, and keeps the message
                is_out = transport.send(frame_of(entry))
                outbox.give_one(entry, cost_bytes, is_out)
                if outbox.untaken_batches > 1:
                    outbox.forget_taken(transport.peer[TAKEN])
                if not is_out:
                    self.flush()
                elif self.on_loop_thread():
                    self._spin.sent(self.loop)  # type: ignore[arg-type]
                return
        outbox.waiting.append(entry)
        outbox.waiting_bytes += cost_bytes
        if may_go:
            self._flush_with_what_follows()
        else:
            self.flush_soon()

    def flush_soon(self) -> None:
        """Write now, or in a burst with what follows."""
        if self.transport is None:
            return
        if self._flush_is_due or self.bursts.is_one():
            self._flush_with_what_follows()
        else:
            self.flush()

    def _flush_with_what_follows(self) -> None:
        """Write when the loop turns, or another thread gets to it, or it is a lot."""
        if self._outbox.waiting_bytes >= BATCH_BYTES or (self._flush_is_due and not self._writer_lives()):
            self.flush()
            return
        self._set_unwritten()
        if self._flush_is_due:
            return
        self._flush_is_due = True
        if self.on_loop_thread():
            assert self.loop is not None
            self.loop.call_soon(self._flush_when_due)
        else:
            self._have_flushed()

    def _set_unwritten(self) -> None:
        """Let the other side know, should this process be killed now, and do not come back before it is a lot."""
        assert self.transport is not None
        self.transport.own[UNWRITTEN] = 1
        self._said_unwritten = True
        self._outbox.flush_at_bytes = BATCH_BYTES + (self._outbox.waiting_bytes if self._is_blocked else 0)

    def write_out(self, timeout: float) -> bool:
        """Block this thread until the OS has all, so many seconds at most; whether it has. Without the lock."""
        deadline = time.monotonic() + timeout
        while True:
            with self.lock:
                if self.flush_now() or self.transport is None:
                    return True
                handle = self.transport.fileno()
            left = deadline - time.monotonic()
            if left <= 0:
                return False
            wait_readable([], min(left, _LOOK_AGAIN), or_writable=[handle])

    def flush_now(self) -> bool:
        """Write what the OS takes without blocking; whether nothing is left."""
        transport, outbox, left = self.transport, self._outbox, _FLUSH_BYTES
        if transport is None:
            return True
        outbox.forget_taken(transport.peer[TAKEN])
        try:
            while transport.flush() and left > 0:
                write = outbox.next_write()
                if write is None:
                    if self._said_unwritten:
                        transport.own[UNWRITTEN] = 0
                        self._said_unwritten = False
                    return True
                transport.write(*write)
                left -= len(write[0][-1])
        except TransportEnded:
            self.has_ended = True
            if not self._is_reading:  # or whoever reads gets to the end by itself, in order
                self.read_all()
            return True
        return False

    def flush(self) -> None:
        """Write now; what the OS does not take yet is written as soon as it does, without anybody waiting."""
        if (self._is_blocked and self._writer_lives()) or self.flush_now():
            return
        self._is_blocked = True
        if self.transport is not None:
            self._set_unwritten()
        self._have_flushed()

    def _have_flushed(self) -> None:
        """Have the loop write, or a thread where none runs."""
        if self._loop_runs():
            self.run_on_loop(self._watch_writable if self._is_blocked else self._flush_when_due)
        elif self._writer is None:
            self._writer = Writer(self._write_in_background, self._writer_is_idle)
        else:
            self._writer.wake()

    def _loop_runs(self) -> bool:
        return self.loop is not None and self.loop.is_running()

    def _writer_lives(self) -> bool:
        """Whether whoever was to go on writing still can: a loop may have ended meanwhile."""
        return self._writer is not None or self._loop_runs()

    def flush_unless_loop_will(self) -> None:
        """Write what a loop that does not run now has left. Who sends and receives in turn is in no burst."""
        self.bursts.interrupted()
        if self.transport is not None and self._outbox.is_unsent and not self._loop_runs():
            self.flush()

    def _flush_when_due(self) -> None:
        with self.lock:
            self._flush_is_due = False
            self._outbox.flush_at_bytes = 0
            if self._outbox.is_unsent:
                self.flush()
            self._on_progress()

    def _write_in_background(self) -> int | None:
        """A writer's next step: the handle to wait for until it takes more, -1 if all is out, None to end."""
        with self.lock:
            if self._loop_runs() or self.transport is None:
                # A loop that runs by now goes on.
                self._writer = None
                was_blocked, self._is_blocked = self._is_blocked, False
                if self.transport is not None and (was_blocked or self._flush_is_due):
                    self._have_flushed()
                return None
            self._flush_is_due = False
            self._outbox.flush_at_bytes = 0
            self._is_blocked = not self.flush_now()
            self._on_progress()
            return self.transport.fileno() if self._is_blocked and self.transport is not None else -1

    def _writer_is_idle(self) -> bool:
        """Nothing was to be written for a while: whether the writer may end."""
        with self.lock:
            if self._flush_is_due or self._is_blocked:
                return False
            self._writer = None
            return True

    def _watch_writable(self) -> None:
        with self.lock:
            if self.transport is None or self.loop is None or self._writable_watched >= 0:
                return
            if not self._is_blocked:
                return
            self._writable_watched = self.transport.fileno()
            self.loop.add_writer(self._writable_watched, self._on_writable)

    def _on_writable(self) -> None:
        with self.lock:
            if self._writable_watched < 0:
                return
            if self.flush_now() and self.loop is not None and self._writable_watched >= 0:
                self.loop.remove_writer(self._writable_watched)
                self._writable_watched = -1
                self._is_blocked = False
                self._outbox.flush_at_bytes = 0
            self._on_progress()

    # --- reading

    def read(self, *, even_if_paused: bool = False) -> bool:
        """Read what is there, without blocking; whether anything was."""
        if self.transport is None or self._is_reading or (self.is_paused and not even_if_paused):
            return False
        self._is_reading = True
        try:
            frames = self.transport.read()
            if frames:
                self._on_frames(frames)
        except (TransportEnded, FrameError) as error:
            self._on_end(error)
            return False
        finally:
            self._is_reading = False
        return bool(frames)

    def read_only(self, kind: int) -> Frame | None:
        """Like `read`, but if nothing more than one frame of that kind has come, this is it."""
        transport = self.transport
        if transport is None or self._is_reading or self.is_paused:
            return None
        self._is_reading = True
        try:
            frames = transport.read()
            if len(frames) == 1 and frames[0].kind == kind:
                return frames[0]
            if frames:
                self._on_frames(frames)
        except (TransportEnded, FrameError) as error:
            self._on_end(error)
        finally:
            self._is_reading = False
        return None

    def read_all(self) -> None:
        """Read all that has arrived, before a transport is given up."""
        for _ in range(_LAST_READS):  # more than a socket holds; somebody else may have the other end, and go on
            # Not until nothing comes out of it: one read may bring a part of a large message only.
            handle = self.transport.fileno() if self.transport is not None else -1
            if self.transport is None or (handle >= 0 and not wait_readable([handle], 0)):
                return
            self.read(even_if_paused=True)

    # --- the event loop

    def bind(self, loop: asyncio.AbstractEventLoop) -> None:
        """Read and write through `loop` from now on. On that loop's thread only."""
        if self.loop is loop:
            return
        self._unwatch()
        self.loop = loop
        self._loop_thread = threading.get_ident()
        self._flush_is_due = self._is_blocked = False
        self._outbox.flush_at_bytes = 0
        self.update_watch()
        if self.transport is not None:
            self.flush()

    def on_loop_thread(self) -> bool:
        """Whether this is the thread on which the bound loop runs now."""
        return self.loop is not None and threading.get_ident() == self._loop_thread and self.loop.is_running()

    def update_watch(self) -> None:
        """Let the loop read whenever something arrives, unless a thread reads for itself."""
        if self.loop is not None and not self.loop.is_closed():
            self.run_on_loop(self._update_watch)

    def _update_watch(self) -> None:
        with self.lock:
            wanted = -1
            if self.transport is not None and not self.thread_reads and not self.is_paused:
                wanted = self.transport.fileno()
            if self._watched == wanted or self.loop is None:
                return
            if self._watched >= 0:
                self.loop.remove_reader(self._watched)
            self._watched = wanted
            if wanted >= 0:
                self.loop.add_reader(wanted, self._on_readable)

    def _on_readable(self) -> None:
        self._spin.came()
        with self.lock:
            self.loop_reads = True
            self.read()
            self.loop_reads = False
        self._on_loop_read()

    @property
    def is_watched(self) -> bool:
        """Whether the loop reads whatever arrives."""
        return self._watched >= 0

    def loop_will_read(self) -> bool:
        """Whether the loop reads while this thread waits."""
        return self.loop is not None and self.loop.is_running() and not self.on_loop_thread()

    def run_on_loop(self, callback: Callable[[], None]) -> None:
        """Call `callback` on the loop's thread: now if this is it, else soon. Needs a bound loop."""
        assert self.loop is not None
        if threading.get_ident() == self._loop_thread:
            callback()
        else:
            # The loop may close in between; then there is nobody left to watch for.
            with contextlib.suppress(RuntimeError):
                self.loop.call_soon_threadsafe(callback)

    def _unwatch(self) -> None:
        """Take the handles out of the loop, before they are closed."""
        watched, writable, loop = self._watched, self._writable_watched, self.loop
        self._watched = self._writable_watched = -1
        if writable >= 0:
            self._is_blocked = False
        if loop is None or loop.is_closed():
            return
        if watched >= 0:
            loop.remove_reader(watched)
        if writable >= 0:
            loop.remove_writer(writable)
