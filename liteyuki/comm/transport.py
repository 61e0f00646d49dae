"""The seam between channels and what carries them: whole frames, and the in-memory twin.

A channel knows only `Transport`. The pipe (`pipe.py`) implements it over an inherited OS handle; the twin here does
over two deques, for tests of plugins and for the contract suite that every transport passes.
"""

import socket
import threading
from collections import deque
from typing import Protocol

from liteyuki.comm.framing import MAX_FRAME_BYTES, Frame, FrameParser

__all__ = ["MemoryTransport", "Transport", "TransportEnded", "memory_pair"]


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
    """

    def fileno(self) -> int:
        """The OS handle that becomes readable when `read` has something to return or to raise."""
        ...

    def write(self, frame: bytes) -> None:
        """Queue one packed frame. It leaves with the next `flush`."""
        ...

    def flush(self) -> bool:
        """Pass on what is queued, in as few writes as possible; whether all of it is out.

        Raises `TransportEnded` if nobody will ever read it.
        """
        ...

    def read(self) -> list[Frame]:
        """What has arrived, perhaps nothing.

        Raises `TransportEnded` at the end, `FrameError` for what is no frame; frames before either come first.
        """
        ...

    def mark_taken(self) -> None:
        """One more message of the other side's has been taken by whoever receives here."""
        ...

    def taken_by_peer(self) -> int:
        """How many of this side's messages the other side has taken, however it died since."""
        ...

    def close(self) -> None:
        """Give the handle back; what is queued and not flushed is lost. Twice is harmless."""
        ...


class _Line:
    """One direction of a memory pair."""

    def __init__(self) -> None:
        self.frames: deque[bytes] = deque()
        self.taken = 0
        self.ended = False


class MemoryTransport:
    """An end of `memory_pair`: the frames stay in this process, a socket pair only wakes the reader."""

    def __init__(self, incoming: _Line, outgoing: _Line, bell: socket.socket, lock: threading.Lock) -> None:
        self._incoming = incoming
        self._outgoing = outgoing
        self._bell = bell
        self._lock = lock
        self._queued: list[bytes] = []
        self._parser = FrameParser(MAX_FRAME_BYTES)
        self._error: Exception | None = None

    def fileno(self) -> int:
        return self._bell.fileno()

    def write(self, frame: bytes) -> None:
        self._queued.append(frame)

    def flush(self) -> bool:
        with self._lock:
            if self._incoming.ended:
                raise TransportEnded
            if self._queued:
                self._outgoing.frames.extend(self._queued)
                self._queued.clear()
                self._ring()
        return True

    def read(self) -> list[Frame]:
        frames: list[Frame] = []
        if self._error is not None:
            raise self._error
        with self._lock:
            try:
                self._bell.recv(4096)
            except BlockingIOError:
                pass
            except OSError:
                raise TransportEnded from None
            pieces = tuple(self._incoming.frames)
            self._incoming.frames.clear()
            ended = self._incoming.ended
        try:
            for piece in pieces:
                self._parser.feed(piece, frames)
            if ended:
                raise TransportEnded(self._parser.unfinished_bytes)
        except Exception as error:
            if not frames:
                raise
            self._error = error
            # So that whoever waits for this handle comes back for the error.
            self._bell.shutdown(socket.SHUT_RD)
        return frames

    def mark_taken(self) -> None:
        self._incoming.taken += 1

    def taken_by_peer(self) -> int:
        return self._outgoing.taken

    def close(self) -> None:
        with self._lock:
            if not self._outgoing.ended:
                self._outgoing.ended = True
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
    return MemoryTransport(back, there, one, lock), MemoryTransport(there, back, other, lock)
