"""What has come over a channel and nobody has taken, and who waits for it: coroutines and threads.

Frames stay as they came until somebody gets to them: a decoded value may take ten times the memory.
"""

from collections import deque
from typing import Any, NamedTuple

from liteyuki.comm.session.acks import Acks
from liteyuki.comm.session.batches import runs_of
from liteyuki.comm.session.credit import Waiter
from liteyuki.comm.session.items import REDELIVERED
from liteyuki.comm.wire import BATCH, Frame, FrameError
from liteyuki.locale import text

__all__ = ["Inbox", "Run"]


class Run(NamedTuple):
    """Messages that are decoded in one step."""

    content: Frame | memoryview
    """One message, or a MessagePack array of several."""
    acks: Acks | None
    """Where to note that they are taken; None if whoever sent them is gone."""
    is_redelivered: bool
    """Whether an earlier process has begun to handle them."""


class Inbox:
    """Under the channel's lock."""

    def __init__(self, max_queued_bytes: int) -> None:
        self.waiters: deque[Waiter] = deque()
        """The coroutines and threads that wait."""
        self.values: deque[Any] = deque()
        """What the oldest run held, decoded, as far as it is not taken. For the channel's receiving half."""
        self.received_bytes = 0
        self.acks: Acks | None = None
        """Of the transport of the moment."""
        self._max_queued_bytes = max_queued_bytes
        self.frames: deque[Frame] = deque()
        """What has come, in order; whether there is something anybody may ask."""
        self.runs: deque[Run] = deque()
        """The oldest frame, or what is left of it if that is a batch, once it is no longer among the others."""
        self._queued_bytes = 0
        self._earlier_frames = self._earlier_bytes = 0
        self._handle_bytes: deque[int] = deque()
        """What the handles of each frame that has any led to when it came: the other side may change that."""

    def __bool__(self) -> bool:
        return bool(self.values or self.frames or self.runs)

    # --- what comes

    def expect(self, max_queued_bytes: int, acks: Acks) -> None:
        """A transport has greeted. The other side keeps to that bound, which may be larger than this side's."""
        self._max_queued_bytes = max(self._max_queued_bytes, max_queued_bytes)
        self.acks = acks

    def add(self, frame: Frame) -> None:
        """Raises `FrameError` if the other side sends on although it knows that there is no room."""
        if self._queued_bytes > self._max_queued_bytes:
            raise FrameError(text("frame.bound", limit=self._max_queued_bytes))
        size = len(frame.body)
        if frame.handles:
            self._handle_bytes.append(sum(handle.content_bytes for handle in frame.handles))
            size += self._handle_bytes[-1]
        self.frames.append(frame)
        self._queued_bytes += size
        self.received_bytes += size

    def transport_gone(self) -> None:
        """What is here came over a transport that is no more."""
        if self.acks is not None:
            self.acks.transport_gone()
        self.acks = None
        self._earlier_frames = len(self.frames)
        self._earlier_bytes += self._queued_bytes
        self._queued_bytes = 0
        self.runs = deque(run._replace(acks=None) for run in self.runs)

    @property
    def holds_too_much(self) -> bool:
        """Whether what earlier transports have left is as much as one side may leave."""
        return self._earlier_bytes > self._max_queued_bytes

    # --- what is taken

    def take_run(self) -> Run:
        """The oldest messages that nobody has decoded, which must be there. Raises `FrameError` for a bad batch."""
        if self.runs:
            return self.runs.popleft()
        frame, acks = self.frames.popleft(), self.acks
        size = len(frame.body) + (self._handle_bytes.popleft() if frame.handles else 0)
        if self._earlier_frames:
            self._earlier_frames -= 1
            self._earlier_bytes -= size
            acks = None
        else:
            self._queued_bytes -= size
        is_redelivered = bool(frame.flags & REDELIVERED)
        if frame.kind != BATCH:
            return Run(frame, acks, is_redelivered)
        self.runs.extend(Run(run, acks, is_redelivered) for run in runs_of(frame.body))
        return self.runs.popleft()

    def clear(self) -> None:
        """Nobody will take what is here."""
        self.frames.clear()
        self._handle_bytes.clear()
        self.runs.clear()
        self.values.clear()
        self._queued_bytes = self._earlier_frames = self._earlier_bytes = 0

    def adopt(self, other: "Inbox") -> None:
        """Go on with what `other` holds; this one is empty."""
        self.frames, self._handle_bytes, self.runs = other.frames, other._handle_bytes, other.runs
        self.received_bytes += other.received_bytes
        self._max_queued_bytes = max(self._max_queued_bytes, other._max_queued_bytes)
        self._queued_bytes, self._earlier_bytes = other._queued_bytes, other._earlier_bytes
        self._earlier_frames, self.acks = other._earlier_frames, other.acks
        other.frames, other._handle_bytes, other.runs, other.acks = deque(), deque(), deque(), None
        other.clear()

    # --- figures

    @property
    def queued_bytes(self) -> int:
        return self._earlier_bytes + self._queued_bytes

    @property
    def handles(self) -> int:
        """How many handles have come with what is here."""
        return sum(len(frame.handles) for frame in self.frames)

    @property
    def entries(self) -> int:
        """How many frames, runs and decoded values are here."""
        return len(self.frames) + len(self.runs) + len(self.values)

    # --- who waits

    def wake_one(self) -> None:
        """Something has come: for whoever has waited longest."""
        while self.waiters:
            if self.waiters.popleft().wake():
                return

    def wake_all(self) -> None:
        """Nothing may come any more: everybody is to look again."""
        while self.waiters:
            self.waiters.popleft().wake()
