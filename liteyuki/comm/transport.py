"""The seam between channels and what carries them: whole frames, and the in-memory twin.

A channel knows only `Transport`. The pipe (`pipe.py`) implements it over an inherited OS handle; the twin here does
over two deques, for tests of plugins and for the contract suite that every transport passes.
"""

import os
import socket
import threading
from collections import deque
from collections.abc import MutableSequence, Sequence
from typing import Final, Protocol

from liteyuki.comm.frame_parser import FrameParser
from liteyuki.comm.framing import MAX_MESSAGE_BYTES, Frame, FrameError, Write
from liteyuki.comm.handle import Handle

__all__ = ["BEGUN", "COUNTERS", "TAKEN", "UNWRITTEN", "MemoryTransport", "Transport", "TransportEnded", "memory_pair"]

UNWRITTEN, BEGUN, TAKEN = 0, 1, 2
"""The places of the counters in `Transport.own` and `Transport.peer`."""
COUNTERS: Final = 3


class TransportEnded(Exception):
    """The other side has closed, or is gone; everything that it sent before has been read.

    `unfinished_bytes` tell of a frame that it was in the middle of.
    """

    def __init__(self, unfinished_bytes: int = 0) -> None:
        super().__init__(unfinished_bytes)
        self.unfinished_bytes = unfinished_bytes


class Transport(Protocol):
    """One end of a full-duplex, ordered stream of frames.

    No method blocks. A channel calls all of them under its lock, so an implementation needs none of its own
    towards its own side. `fileno` is what to wait on: for reading when `read` had nothing, for writing when
    `flush` was not done.

    `own` holds three numbers for the other side to see: whether there are messages here that were sent and are *not
    written* yet (0 or 1), how many of the other side's have *begun* to be handled here, and how many were *taken*.
    `peer` holds the other side's, and keeps them when that side is killed, at whatever moment. Both are attributes
    to be looked up anew each time.
    """

    max_message_bytes: int
    """The largest message that is accepted."""
    queued: list[Write]
    """What the channel has put here to be written; it leaves with `flush`. Handles stay the channel's, which keeps them
    open until `flush` is done."""

    @property
    def own(self) -> MutableSequence[int] | memoryview:
        """This side's counters."""
        ...

    @property
    def peer(self) -> Sequence[int] | memoryview:
        """The other side's."""
        ...

    def fileno(self) -> int:
        """The OS handle that becomes readable when `read` has something to return or to raise."""
        ...

    def flush(self) -> bool:
        """Pass on what is queued; whether all of it is out. Interrupted at any place, it may be called again.

        Raises `TransportEnded` if nobody will ever read it.
        """
        ...

    def read(self) -> list[Frame]:
        """What has arrived, perhaps nothing.

        Raises `TransportEnded` at the end, `FrameError` for what is no frame; frames before either come first.
        """
        ...

    @property
    def has_in_hand(self) -> bool:
        """Whether `read` has taken anything in that has not been `passed_on`: it is lost if something was raised."""
        ...

    def passed_on(self) -> None:
        """All that `read` has returned is where it belongs."""
        ...

    def close(self) -> None:
        """Give the handle back; what is queued and not flushed is lost. Twice is harmless."""
        ...


class _Line:
    """One direction of a memory pair."""

    def __init__(self) -> None:
        self.pieces: deque[tuple[bytes, list[Handle]]] = deque()
        self.ended = False


class MemoryTransport:
    """An end of `memory_pair`: the bytes stay in this process, a socket pair only wakes the reader."""

    def __init__(
        self,
        lines: tuple[_Line, _Line],
        counters: tuple[list[int], list[int]],
        bell: socket.socket,
        lock: threading.Lock,
    ) -> None:
        self._incoming, self._outgoing = lines
        self.own, self.peer = counters
        self._bell = bell
        self._lock = lock
        self.queued: list[Write] = []
        self._parser = FrameParser()
        self._error: Exception | None = None
        self.has_in_hand = False
        self.max_message_bytes = MAX_MESSAGE_BYTES

    def fileno(self) -> int:
        return self._bell.fileno()

    def flush(self) -> bool:
        with self._lock:
            if self._incoming.ended:
                raise TransportEnded
            if self.queued:
                count = len(self.queued)
                pieces = [
                    (b"".join(parts), [Handle(os.dup(handle.fileno())) for handle in handles])
                    for parts, handles in self.queued
                ]
                # Without a call in between, so that a signal's handler raises before it or after it.
                self._outgoing.pieces += pieces
                del self.queued[:count]
                self._ring()
        return True

    def passed_on(self) -> None:
        self.has_in_hand = False

    def read(self) -> list[Frame]:
        frames: list[Frame] = []
        if self._error is not None:
            raise self._error
        with self._lock:
            self.has_in_hand = bool(self._incoming.pieces)
            try:
                self._bell.recv(4096)
            except BlockingIOError:
                pass
            except OSError:
                raise TransportEnded from None
            pieces = tuple(self._incoming.pieces)
            self._incoming.pieces.clear()
            ended = self._incoming.ended
        self._parser.max_message_bytes = self.max_message_bytes
        try:
            for data, handles in pieces:
                self._parser.handles.extend(handles)
                self._parser.feed(data, frames)
            if ended:
                raise TransportEnded(self._parser.unfinished_bytes)
        except (TransportEnded, FrameError) as error:
            if not frames:
                raise
            self._error = error.with_traceback(None)  # which would hold on to what was read
            # So that whoever waits for this handle comes back for the error.
            self._bell.shutdown(socket.SHUT_RD)
        return frames

    def close(self) -> None:
        with self._lock:
            if not self._outgoing.ended:
                self._outgoing.ended = True
                for _, handles in self._incoming.pieces:
                    for handle in handles:
                        handle.close()
                self._incoming.pieces.clear()
                self.queued.clear()
                self._ring()
                self._bell.close()

    def _ring(self) -> None:
        try:
            self._bell.send(b"!")
        except BlockingIOError:
            pass  # it rings already
        except OSError:
            pass  # the other side has hung up, and reads no more


def memory_pair() -> tuple[MemoryTransport, MemoryTransport]:
    """Two connected ends in one process."""
    one, other = socket.socketpair()
    one.setblocking(False)
    other.setblocking(False)
    there, back, lock = _Line(), _Line(), threading.Lock()
    mine, theirs = [0] * COUNTERS, [0] * COUNTERS
    return (
        MemoryTransport((back, there), (mine, theirs), one, lock),
        MemoryTransport((there, back), (theirs, mine), other, lock),
    )
