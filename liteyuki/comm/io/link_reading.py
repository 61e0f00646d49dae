"""A channel's connection, the reading half: the transport of the moment, and the event loop that watches it."""

import asyncio
import contextlib
import threading
from collections.abc import Callable
from typing import Final

from liteyuki.comm.io.bell import wait_readable
from liteyuki.comm.io.spin import LoopSpin
from liteyuki.comm.transport import Transport, TransportEnded
from liteyuki.comm.wire import Frame, FrameError
from liteyuki.locale import text

__all__ = ["LinkEnd", "ReadingLink"]

_LAST_READS: Final = 256

LinkEnd = Callable[[TransportEnded | FrameError], None]


class ReadingLink:
    """What `Link` is built on. Not for use without `lock` held, except where it says otherwise.

    `on_frames` is called with every batch that has been read, and `on_end` when the transport has ended or broken,
    with the lock held, on whatever thread was at it; `on_loop_read` without it, on the loop, after the loop has read.
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
        self.thread_reads = False
        """True while a thread reads for itself, and the loop keeps out of it."""
        self.is_paused = False
        """True while nothing more is to be read."""
        self.loop_reads = False
        """True while the loop reads, and will deliver right after."""
        self._is_reading = False
        self._spin = LoopSpin()
        self._loop_thread = 0
        self._on_frames = on_frames
        self._on_end = on_end
        self._on_loop_read = on_loop_read
        self._watched = -1

    def read(self, *, even_if_paused: bool = False) -> bool:
        """Read what is there, without blocking; whether anything was."""
        transport = self.transport
        if transport is None or self._is_reading or (self.is_paused and not even_if_paused):
            return False
        try:
            self._is_reading = True
            frames = transport.read()
            if frames:
                self._on_frames(frames)
            transport.passed_on()
        except (TransportEnded, FrameError) as error:
            self._on_end(error)
            return False
        except BaseException as error:
            self._interrupted(error)
            raise
        finally:
            self._is_reading = False
        return bool(frames)

    def read_only(self, kind: int, on_frame: Callable[[Frame], None]) -> bool:
        """Like `read`, but if nothing more than one frame of that kind has come, `on_frame` gets it; whether it did."""
        transport = self.transport
        if transport is None or self._is_reading or self.is_paused:
            return False
        try:
            self._is_reading = True
            frames = transport.read()
            is_only = len(frames) == 1 and frames[0].kind == kind
            if is_only:
                on_frame(frames[0])
            elif frames:
                self._on_frames(frames)
            transport.passed_on()
            return is_only
        except (TransportEnded, FrameError) as error:
            self._on_end(error)
        except BaseException as error:
            self._interrupted(error)
            raise
        finally:
            self._is_reading = False
        return False

    def _interrupted(self, error: BaseException) -> None:
        """A signal's handler has raised in the middle of reading: what was in hand may be lost, and is not in silence.

        Unless nothing was: most of the time, whoever is interrupted waits.
        """
        if self.transport is not None and self.transport.has_in_hand:
            self._on_end(FrameError(text("frame.interrupted", error=type(error).__name__)))

    def read_all(self) -> None:
        """Read all that has arrived, before a transport is given up."""
        for _ in range(_LAST_READS):  # more than a socket holds; somebody else may have the other end, and go on
            # Not until nothing comes out of it: one read may bring a part of a large message only.
            handle = self.transport.fileno() if self.transport is not None else -1
            if self.transport is None or (handle >= 0 and not wait_readable([handle], 0)):
                return
            self.read(even_if_paused=True)

    # --- the event loop

    def loop_runs(self) -> bool:
        """Whether the bound loop runs, on whatever thread."""
        return self.loop is not None and self.loop.is_running()

    def on_loop_thread(self) -> bool:
        """Whether this is the thread on which the bound loop runs now."""
        return self.loop is not None and threading.get_ident() == self._loop_thread and self.loop.is_running()

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

    @property
    def is_watched(self) -> bool:
        """Whether the loop reads whatever arrives."""
        return self._watched >= 0

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
            try:
                self.read()
            finally:
                self.loop_reads = False
        self._on_loop_read()

    def unwatch(self) -> None:
        """Take the handle out of the loop, before it is closed."""
        watched, self._watched = self._watched, -1
        if watched >= 0 and self.loop is not None and not self.loop.is_closed():
            self.loop.remove_reader(watched)

    def forget_loop(self) -> None:
        """In a copy of the process: touch nothing of the loop, which is shared."""
        self._watched = -1
        self.loop = None
