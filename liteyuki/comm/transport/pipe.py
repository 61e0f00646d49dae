"""The transport over an OS handle: one end of a stream socket pair, and a page of shared memory.

A socket rather than a pipe: it is full duplex, and another process of the same user cannot open it again through
`/proc/<pid>/fd`. The page holds each side's counters. It outlives a process that is killed at any moment, so that
the other one knows exactly which messages must be sent again, and costs no acknowledgement on the wire. Whoever
makes a pair puts the page into both directions before anything else, as ancillary data (unix(7), SCM_RIGHTS), so
that either end can be given away.

Large `bytes` go through the socket too. In a memfd they would be copied as often, since `bytes` are to arrive, but one
time after the other, while here both processes copy at the same time. Large buffers of codec hooks need not be copied
again: of those only a handle comes by here (`shared_buffers.py`).
"""

import array
import mmap
import socket
import struct
import threading
from collections.abc import MutableSequence, Sequence
from typing import Any, Final

from liteyuki._platform import is_sealed, open_shared_page
from liteyuki.codec import Buffer
from liteyuki.comm.transport.base import TransportEnded
from liteyuki.comm.wire import COUNTERS, Frame, FrameError, FrameKind, FrameParser, Handle, Write, pack_frame
from liteyuki.locale import text

__all__ = ["PipeTransport", "dead_end", "pipe_pair"]

_READ_BYTES: Final = 256 * 1024
_BUFFER_BYTES: Final = 1024 * 1024
"""What the system is asked to hold in each direction; it may allow less."""
_MAX_PARTS: Final = 64
_COUNTER: Final = struct.Struct("@Q")
_HALF_BYTES: Final = 64
"""Each side writes a cache line of its own."""
_PAGE_BYTES: Final = 2 * _HALF_BYTES
_HANDLE_ITEM_BYTES: Final = array.array("i").itemsize
_MAX_UNCLAIMED: Final = 64
"""Handles that have come before the frame that they belong to."""
_ANCILLARY_BYTES: Final = socket.CMSG_SPACE(_MAX_UNCLAIMED * _HANDLE_ITEM_BYTES)
_CLOSE_ON_EXEC: Final = int(getattr(socket, "MSG_CMSG_CLOEXEC", 0))
_TRUNCATED: Final = int(socket.MSG_CTRUNC)

# One buffer for each thread that reads, whatever it reads: pages that are in use already are the fastest.
_per_thread = threading.local()


def _read_buffer() -> memoryview:
    buffer: memoryview | None = getattr(_per_thread, "buffer", None)
    if buffer is None:
        buffer = _per_thread.buffer = memoryview(bytearray(_READ_BYTES))
    return buffer


class PipeTransport:
    """One end. It owns the socket from construction on."""

    own: MutableSequence[int] | memoryview
    peer: Sequence[int] | memoryview

    def __init__(self, end: socket.socket) -> None:
        end.setblocking(False)
        self._socket = end
        self.queued: list[Write] = []
        self._parser = FrameParser()
        self._error: Exception | None = None
        self._came: list[tuple[int, list[tuple[int, int, bytes]], int, Any]] = []
        """What the OS said when it was asked for bytes and had some, until these are passed on."""
        self.passed_on = self._came.clear
        self._page: mmap.mmap | None = None
        self.own, self.peer = [0] * COUNTERS, [0] * COUNTERS

    @property
    def max_message_bytes(self) -> int:
        return self._parser.max_message_bytes

    @max_message_bytes.setter
    def max_message_bytes(self, limit: int) -> None:
        self._parser.max_message_bytes = limit

    def fileno(self) -> int:
        return self._socket.fileno()

    def flush(self) -> bool:
        queued = self.queued
        while queued:
            parts, handles = queued[0]
            try:
                if handles:
                    numbers = array.array("i", [handle.fileno() for handle in handles])
                    sent = self._socket.sendmsg(parts, [(socket.SOL_SOCKET, socket.SCM_RIGHTS, numbers)])
                elif len(parts) == 1:
                    sent = self._socket.send(parts[0])
                    if sent == len(parts[0]):
                        del queued[0]
                        continue
                else:
                    sent = self._socket.sendmsg(parts[:_MAX_PARTS])
            except BlockingIOError:
                return False
            except OSError as error:
                raise TransportEnded from error
            rest = _after(parts, sent)
            if rest:
                queued[0] = (rest, ())
            else:
                del queued[0]
        return True

    @property
    def has_in_hand(self) -> bool:
        return bool(self._came)

    def read(self) -> list[Frame]:
        frames: list[Frame] = []
        if self._error is not None:
            raise self._error
        had_page = self._page is not None
        try:
            self._receive(frames)
        except BlockingIOError:
            pass
        except (TransportEnded, FrameError) as error:
            if not frames:
                raise
            self._error = error.with_traceback(None)  # which would hold on to what was read
            # So that whoever waits for this handle comes back for the error.
            self._socket.shutdown(socket.SHUT_RD)
        except MemoryError as error:
            raise FrameError(text("frame.no_memory", size=self._parser.unfinished_bytes)) from error
        except OSError as error:
            # The other side closed without having read all of ours; what it sent has been read.
            raise TransportEnded(self._parser.unfinished_bytes) from error
        if not had_page and not frames and self._page is not None:
            return self.read()  # the page comes by itself; what was sent is behind it
        return frames

    def _receive(self, frames: list[Frame]) -> None:
        parser, buffer = self._parser, getattr(_per_thread, "buffer", None) or _read_buffer()
        room = parser.room() if parser.large is not None else None
        # The bytes of a large message are put where they belong. And always with room for handles: the system closes
        # those that are not asked for.
        buffers = [room, buffer] if room else [buffer]
        # Asked and noted in one step of C: a signal's handler may raise between any two of Python.
        self._came.extend(map(self._socket.recvmsg_into, (buffers,), (_ANCILLARY_BYTES,), (_CLOSE_ON_EXEC,)))
        count, ancillary, flags, _ = self._came[-1]
        if not count:
            raise TransportEnded(parser.unfinished_bytes)
        if ancillary:
            self._keep_handles(ancillary)
        if flags & _TRUNCATED:
            raise FrameError(text("frame.handles_lost"))
        if room:
            placed = min(count, len(room))
            parser.came(placed, frames)
            count -= placed
        if self._page is not None:
            if count:
                parser.feed(buffer[:count], frames)
            return
        try:
            if count:
                parser.feed(buffer[:count], frames)
        finally:
            self._open_page(frames)

    def _keep_handles(self, ancillary: list[tuple[int, int, bytes]]) -> None:
        for level, kind, data in ancillary:
            if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
                numbers = array.array("i")
                numbers.frombytes(data[: len(data) - len(data) % _HANDLE_ITEM_BYTES])
                self._parser.handles.extend(map(Handle, numbers))
        if len(self._parser.handles) > _MAX_UNCLAIMED:
            raise FrameError(text("frame.handles_unclaimed"))

    def _open_page(self, frames: list[Frame]) -> None:
        """Take the page from the first frame. Raises `FrameError` if that is anything else."""
        if not frames:
            return
        kind, _, body, handles = frames[0]
        if kind != FrameKind.PAGE or len(handles) != 1 or len(body) != 1 or body[0] > 1:
            frames.clear()
            raise FrameError(text("frame.no_page"))
        del frames[0]
        handle = handles[0].fileno()
        # A process that made the page smaller would otherwise crash this one with SIGBUS.
        if not is_sealed(handle, _PAGE_BYTES):
            raise FrameError(text("frame.no_page"))
        try:
            self._page = mmap.mmap(handle, _PAGE_BYTES)
        except OSError as error:  # which is no end: handles have run out
            raise FrameError(text("frame.handles_lost")) from error
        handles[0].close()
        halves = [_counters(self._page, at) for at in (0, _HALF_BYTES)]
        own = halves[body[0]]
        own[:] = memoryview(array.array("Q", self.own))
        self.own, self.peer = own, halves[1 - body[0]]

    def close(self) -> None:
        self._socket.close()
        self.queued.clear()
        if self._page is not None:
            # What the counters say is still asked for.
            self.own, self.peer = list(self.own), list(self.peer)
            self._page = None


def _counters(page: mmap.mmap, at: int) -> memoryview:
    # As 64-bit words, so that each is written in one store and never read half-written.
    return memoryview(page)[at : at + COUNTERS * _COUNTER.size].cast("Q")


def _after(parts: Sequence[Buffer], sent: int) -> list[Buffer]:
    """What is left of `parts` without the first `sent` bytes."""
    for number, part in enumerate(parts):
        if sent < len(part):
            return [memoryview(part)[sent:], *parts[number + 1 :]]
        sent -= len(part)
    return []


def dead_end() -> Handle:
    """An end whose other end is closed already. Raises `OSError` if handles run out."""
    one, other = pipe_pair()
    one.close()
    return Handle(other.detach())


def pipe_pair() -> tuple[socket.socket, socket.socket]:
    """Two connected ends, neither inheritable yet. Each may be handed to another process, or opened here.

    Raises `OSError` if handles run out.
    """
    one, other = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        page = Handle(open_shared_page(_PAGE_BYTES))
        # Which half of the page is whose is told to the end that reads it.
        for writer, half in ((other, 0), (one, 1)):
            writer.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _BUFFER_BYTES)
            rights: Any = array.array("i", [page.fileno()])
            frame = pack_frame(FrameKind.PAGE, 1 << 4, bytes([half]))
            writer.sendmsg([frame], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, rights)])
    except OSError:
        one.close()
        other.close()
        raise
    return one, other
