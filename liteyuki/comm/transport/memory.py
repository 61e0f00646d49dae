"""The pipe's twin within one process, for tests of plugins: over two deques."""

import os
import socket
import threading
from collections import deque

from liteyuki.comm.transport.base import TransportEnded
from liteyuki.comm.wire import COUNTERS, MAX_MESSAGE_BYTES, Frame, FrameError, FrameParser, Handle, Write

__all__ = ["MemoryTransport", "memory_pair"]


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
