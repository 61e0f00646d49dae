"""A channel's connection: the transport of the moment, what is still to be sent, and who reads.

A link outlives its transports. In the main process it keeps every message until the other side has *taken* it, so
that the next child gets, in order, what the last one did not.
"""

import asyncio
import contextlib
import threading
from collections import deque
from collections.abc import Callable

from liteyuki.comm.bell import wait_readable
from liteyuki.comm.framing import Frame, FrameError, FrameKind, pack_frame
from liteyuki.comm.transport import Transport, TransportEnded

__all__ = ["Link", "LinkEnd"]

_LAST_READS = 256

LinkEnd = Callable[[TransportEnded | FrameError], None]


class Link:
    """Not for use without `lock` held, except where it says otherwise.

    `on_frames` is called with every batch that has been read, `on_end` when the transport has ended or broken;
    both with the lock held, on whatever thread was reading. `on_loop_read` is called without it, on the loop,
    after the loop has read.
    """

    def __init__(
        self,
        lock: threading.RLock,
        *,
        on_frames: Callable[[list[Frame]], None],
        on_end: LinkEnd,
        on_loop_read: Callable[[], None],
    ) -> None:
        self.lock = lock
        self.transport: Transport | None = None
        self.loop: asyncio.AbstractEventLoop | None = None
        self.keeps_untaken = False
        self.thread_reads = False
        self.loop_reads = False
        """True while the loop reads, and will deliver right after."""
        self.unsent: deque[bytes] = deque()
        """Messages that no transport has been given, or (kept) that no other side has taken."""
        self._on_frames = on_frames
        self._on_end = on_end
        self._on_loop_read = on_loop_read
        self._loop_thread = 0
        self._flush_is_due = False
        self._watched = -1
        self._writable_watched = -1
        self._taken_before = 0
        self._ends_when_flushed = False

    # --- the transport comes and goes

    def attach(self, transport: Transport, hello: bytes) -> None:
        """Use `transport` from now on; `hello` goes first, then everything unsent."""
        self.transport = transport
        self._taken_before = 0
        transport.write(pack_frame(FrameKind.HELLO, 0, hello))
        for frame in self.unsent:
            transport.write(frame)
        if not self.keeps_untaken:
            self.unsent.clear()
        self.flush()
        self.update_watch()

    def detach(self) -> None:
        """Forget the transport. What was not taken over there is unsent again."""
        if self.transport is None:
            return
        self._unwatch()
        self.forget_taken()
        self.transport.close()
        self.transport = None

    def forget_taken(self) -> None:
        """Drop kept messages that the other side has taken."""
        if self.transport is None or not self.keeps_untaken:
            return
        taken = self.transport.taken_by_peer()
        # The other side writes this counter, so it is believed only as far as it can be true.
        for _ in range(min(taken - self._taken_before, len(self.unsent))):
            self.unsent.popleft()
        self._taken_before = max(taken, self._taken_before)

    # --- sending

    def send_message(self, frame: bytes) -> None:
        if self.keeps_untaken or self.transport is None:
            self.unsent.append(frame)
            self.forget_taken()
        if self.transport is not None:
            self.transport.write(frame)
            self.flush_soon()

    def send_control(self, kind: FrameKind, flags: int = 0, body: bytes = b"") -> bool:
        """Send what is only of use to the transport of the moment. False if there is none."""
        if self.transport is None:
            return False
        self.transport.write(pack_frame(kind, flags, body))
        self.flush_soon()
        return True

    def flush_soon(self) -> None:
        """On the loop: one write when this turn ends. Elsewhere: now."""
        if self.on_loop_thread():
            assert self.loop is not None
            if not self._flush_is_due:
                self._flush_is_due = True
                self.loop.call_soon(self._flush_on_loop)
        else:
            self.flush()

    def flush_now(self) -> bool:
        """Write what the OS takes without blocking; whether nothing is left."""
        if self.transport is None:
            return True
        try:
            return self.transport.flush()
        except TransportEnded:
            self.read_all()
            return True

    def flush(self) -> None:
        """Write now. What the OS does not take yet, the loop writes later; without a loop, this blocks."""
        if self.flush_now():
            return
        if self.loop is not None and self.loop.is_running():
            self.run_on_loop(self._watch_writable)
        else:
            self._flush_blocking()

    def _flush_on_loop(self) -> None:
        with self.lock:
            self._flush_is_due = False
            self.flush()

    def _flush_blocking(self) -> None:
        # Reading meanwhile: two processes that only write to each other would wait for ever.
        while not self.flush_now() and self.transport is not None:
            handle = self.transport.fileno()
            wait_readable([handle], None, or_writable=[handle])
            self.read()

    def _watch_writable(self) -> None:
        with self.lock:
            if self.transport is None or self.loop is None or self._writable_watched >= 0:
                return
            self._writable_watched = self.transport.fileno()
            self.loop.add_writer(self._writable_watched, self._on_writable)

    def _on_writable(self) -> None:
        with self.lock:
            if not self.flush_now() or self.loop is None or self._writable_watched < 0:
                return
            self.loop.remove_writer(self._writable_watched)
            self._writable_watched = -1
            if self._ends_when_flushed:
                self.detach()

    def detach_when_flushed(self) -> None:
        """Let go of the transport as soon as all that is queued is out."""
        self.flush()
        if self._writable_watched >= 0:
            self._ends_when_flushed = True
        else:
            self.detach()

    # --- receiving

    def read(self) -> bool:
        """Read what is there, without blocking; whether anything was."""
        if self.transport is None:
            return False
        try:
            frames = self.transport.read()
        except (TransportEnded, FrameError) as error:
            self._on_end(error)
            return False
        if frames:
            self._on_frames(frames)
        return bool(frames)

    def read_all(self) -> None:
        """Read all that has arrived, before a transport is given up."""
        for _ in range(_LAST_READS):  # more than a socket holds; somebody else may have the other end, and go on
            if not self.read():
                return

    # --- the event loop

    def bind(self, loop: asyncio.AbstractEventLoop) -> None:
        """Read and write through `loop` from now on. On that loop's thread only."""
        if self.loop is loop:
            return
        self._unwatch()
        self.loop = loop
        self._loop_thread = threading.get_ident()
        self._flush_is_due = False
        self.update_watch()

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
            if self.transport is not None and not self.thread_reads:
                wanted = self.transport.fileno()
            if self._watched == wanted or self.loop is None:
                return
            if self._watched >= 0:
                self.loop.remove_reader(self._watched)
            self._watched = wanted
            if wanted >= 0:
                self.loop.add_reader(wanted, self._on_readable)

    def _on_readable(self) -> None:
        with self.lock:
            self.loop_reads = True
            self.read()
            self.loop_reads = False
        self._on_loop_read()

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
        if loop is None or loop.is_closed():
            return
        if watched >= 0:
            loop.remove_reader(watched)
        if writable >= 0:
            loop.remove_writer(writable)
