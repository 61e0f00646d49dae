"""What has come over a channel and nobody has taken, and who waits for it: coroutines and threads.

Frames stay as they came until somebody gets to them: a decoded value may take ten times the memory.
"""

import itertools
import select
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, Final

from liteyuki.codec import CodecError, TakeIn, decode, decode_batch
from liteyuki.comm.io.spin import SPIN, Spin
from liteyuki.comm.io.waiters import LoopWaiter, ThreadWaiter
from liteyuki.comm.session.batches import Run, runs_of
from liteyuki.comm.session.items import REDELIVERED
from liteyuki.comm.wire import Frame, FrameError, FrameKind, Handle
from liteyuki.locale import text

__all__ = ["Inbox"]

_BATCH: Final = int(FrameKind.BATCH)
_NO_POLL: Final = (select.poll(), (-1, -1))


class Inbox:
    """Not for use without the channel's lock held."""

    def __init__(self, max_queued_bytes: int, take_in: Callable[[tuple[Handle, ...]], TakeIn]) -> None:
        self.threads: list[ThreadWaiter] = []
        """The threads that wait, or are about to."""
        self.waiters: deque[LoopWaiter] = deque()
        """The coroutines that wait."""
        self.received_bytes = 0
        self.values: deque[Any] = deque()
        """What the oldest frame, or its oldest run, held, as far as it is not taken."""
        self.is_earlier = False
        """Whether `values` came over a transport that is gone."""
        self.is_redelivered = False
        """Whether an earlier process has begun to handle them."""
        self._max_queued_bytes = max_queued_bytes
        self._take_in = take_in
        self._in_hand: list[Any] = []
        """What is being handed out."""
        self._frames: deque[Frame] = deque()
        self._runs: deque[Frame | Run] = deque()
        """The oldest frame, or what is left of it if that is a batch, once it is no longer among the others."""
        self._queued_bytes = 0
        self._earlier_frames = self._earlier_bytes = 0
        self._polls: list[tuple[select.poll, tuple[int, int]]] = []
        self._spin = Spin()

    def __bool__(self) -> bool:
        return bool(self.values or self._runs or self._frames)

    # --- what comes

    def expect(self, max_queued_bytes: int) -> None:
        """The other side keeps to that bound, which may be larger than this side's."""
        self._max_queued_bytes = max(self._max_queued_bytes, max_queued_bytes)

    def add(self, frame: Frame) -> None:
        """Raises `FrameError` if the other side sends on although it knows that there is no room."""
        if self._queued_bytes > self._max_queued_bytes:
            raise FrameError(text("frame.bound", limit=self._max_queued_bytes))
        size = _size_bytes(frame)
        self._frames += (frame,)
        self._queued_bytes += size
        self.received_bytes += size

    def transport_changed(self) -> None:
        self.is_earlier = True
        self._earlier_frames = len(self._frames)
        self._earlier_bytes += self._queued_bytes
        self._queued_bytes = 0

    @property
    def holds_too_much(self) -> bool:
        """Whether what earlier transports have left is as much as one side may leave."""
        return self._earlier_bytes > self._max_queued_bytes

    @property
    def queued_bytes(self) -> int:
        return self._earlier_bytes + self._queued_bytes

    # --- what is taken

    # A signal's handler may raise wherever Python has just called something. So what is to be taken is computed first,
    # and then taken by statements without a call: all of them are done, or none.

    def open_run(self) -> None:
        """Get the values of the oldest frame, or of its oldest run, which must be there. Raises `CodecError`."""
        run = self._oldest_run()
        try:
            values = self.decoded(run)
        except CodecError:
            del self._runs[0]
            raise
        self.values += values
        del self._runs[0]

    def take_run(self) -> Frame | Run:
        """What `open_run` would decode, for whoever does so without the lock. Raises `CodecError`."""
        run = self._oldest_run()
        del self._runs[0]
        return run

    def _oldest_run(self) -> Frame | Run:
        if not self._runs:
            self._open_frame()
        return self._runs[0]

    def _open_frame(self) -> None:
        frame, is_earlier = self._frames[0], self._earlier_frames > 0
        size, is_redelivered = _size_bytes(frame), bool(frame.flags & REDELIVERED)
        runs: Sequence[Frame | Run] = (frame,)
        broken: CodecError | None = None
        if frame.kind == _BATCH:
            try:
                runs = runs_of(frame.body)
            except CodecError as error:
                runs, broken = (), error
        del self._frames[0]
        self._runs += runs
        self.is_redelivered = is_redelivered
        self.is_earlier = is_earlier
        if is_earlier:
            self._earlier_frames -= 1
            self._earlier_bytes -= size
        else:
            self._queued_bytes -= size
        if broken is not None:
            raise broken

    def begin_to_hand_out(self, at_most: int) -> list[Any]:
        """Like `open_run`; so many of the values, which stay here until they `were_handed_out`. Emptied by `clear`."""
        if not self.values:
            self.open_run()
        self._in_hand = (
            list(self.values) if len(self.values) <= at_most else list(itertools.islice(self.values, at_most))
        )
        return self._in_hand

    def were_handed_out(self, count: int) -> None:
        """The first so many of them."""
        self._in_hand = []
        if count >= len(self.values):
            self.values.clear()
        for _ in range(min(count, len(self.values))):
            del self.values[0]

    def keep_in_hand(self) -> None:
        """Nobody is to take more of what is being handed out."""
        self._in_hand.clear()

    def decoded(self, run: Frame | Run) -> list[Any]:
        """The values of what `take_run` has given. Without the lock, if the caller likes. Raises `CodecError`."""
        if not isinstance(run, Frame):
            return decode_batch(run[1])
        take_in = self._take_in(run.handles) if run.handles else None
        return [decode(run.flags, run.body, take_in)]

    def clear(self) -> None:
        """Nobody will take what is here."""
        self._frames.clear()
        self._runs.clear()
        self.values.clear()
        self._in_hand.clear()
        self._queued_bytes = self._earlier_frames = self._earlier_bytes = 0

    # --- threads

    def begin_to_wait(self) -> ThreadWaiter:
        """This thread waits from now on, and misses nothing once the lock is released. Raises `OSError`."""
        waiter = ThreadWaiter()
        self.threads.append(waiter)
        return waiter

    def wait_in_thread(self, waiter: ThreadWaiter, handle: int | None, timeout: float | None) -> None:
        """Block until it is woken, `handle` is readable, or `timeout` seconds have passed; without the lock."""
        handles = (waiter.fileno(), -1 if handle is None else handle)
        # Taken while it is in use: a second thread cannot use it, and makes its own.
        try:
            poll, polled = self._polls.pop()
        except IndexError:
            poll, polled = _NO_POLL
        if handles != polled:
            poll = select.poll()
            for each in handles:
                if each >= 0:
                    poll.register(each, select.POLLIN)
        ready = self._look_for_a_moment(poll) if self._spin.is_worth_it() else []
        if not ready:
            began = time.perf_counter()
            ready = poll.poll(None if timeout is None else max(0.0, timeout) * 1000)
            self._spin.slept(time.perf_counter() - began)
        self._polls[:] = [(poll, handles)]
        waiter.clear()

    def _look_for_a_moment(self, poll: "select.poll") -> list[tuple[int, int]]:
        end = time.perf_counter() + SPIN
        while time.perf_counter() < end:
            if ready := poll.poll(0):
                self._spin.succeeded()
                return ready
        self._spin.failed()
        return []

    # --- both

    def wake_one(self) -> None:
        """Something has come: for a coroutine if one waits, else for a thread."""
        while self.waiters:
            if self.waiters.popleft().wake():
                return
        if self.threads:
            self.threads[0].wake()

    def wake_all(self) -> None:
        """Nothing may come any more: everybody is to look again."""
        while self.waiters:
            self.waiters.popleft().wake()
        for thread in self.threads:
            thread.wake()


def _size_bytes(frame: Frame) -> int:
    """Of a frame whose handles nobody has taken."""
    if not frame.handles:
        return len(frame.body)
    return len(frame.body) + sum(handle.content_bytes for handle in frame.handles)
