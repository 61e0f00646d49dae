"""The transport over an inherited OS handle: one end of a stream socket pair, and a page of shared memory.

A socket rather than a pipe: it is full duplex, and another process of the same user cannot open it again through
`/proc/<pid>/fd`. The page holds two counters, messages *taken* in each direction. It outlives a child that is
killed at any moment, so that the main process knows exactly which messages the next child must still get, and
costs no acknowledgement on the wire. It travels with the first frame, as ancillary data (unix(7), SCM_RIGHTS).
"""

import mmap
import os
import socket
import struct
from pathlib import Path
from typing import Final

from liteyuki.comm.framing import Frame, FrameError, FrameParser
from liteyuki.comm.transport import TransportEnded
from liteyuki.locale import text

__all__ = ["PipeTransport", "child_end", "main_end", "pipe_pair"]

_READ_BYTES: Final = 256 * 1024
_WRITE_BYTES: Final = 256 * 1024
_COUNTERS: Final = struct.Struct("@Q")
"""Native, so that one counter is written in one store and never read half-written."""
_PAGE_BYTES: Final = 2 * _COUNTERS.size
_TO_CHILD, _TO_MAIN = 0, _COUNTERS.size


class PipeTransport:
    """One end. Made by `main_end` or `child_end`; it owns the socket from then on."""

    def __init__(self, end: socket.socket, *, page: mmap.mmap | None, page_handle: int = -1) -> None:
        end.setblocking(False)
        self._socket = end
        self._queued: list[bytes] = []
        self._sending = memoryview(b"")
        self._parser = FrameParser()
        self._error: Exception | None = None
        self._page = page
        self._page_handle = page_handle  # main's end: still to be passed over
        self._is_main = page is not None
        self._taken = 0
        self._taken_by_peer = 0

    def fileno(self) -> int:
        return self._socket.fileno()

    def write(self, frame: bytes) -> None:
        self._queued.append(frame)

    def flush(self) -> bool:
        while self._sending or self._queued:
            if not self._sending:
                self._sending = memoryview(self._next_piece())
            try:
                sent = self._send(self._sending)
            except BlockingIOError:
                return False
            except OSError as error:
                raise TransportEnded from error
            self._sending = self._sending[sent:]
        return True

    def _next_piece(self) -> bytes:
        """As many queued frames as one write should carry; a large one goes alone, uncopied."""
        if len(self._queued) == 1 or len(self._queued[0]) >= _WRITE_BYTES:
            return self._queued.pop(0)
        size = 0
        for count, frame in enumerate(self._queued):
            size += len(frame)
            if size > _WRITE_BYTES and count:
                break
        else:
            count = len(self._queued)
        piece = b"".join(self._queued[:count])
        del self._queued[:count]
        return piece

    def _send(self, data: memoryview) -> int:
        if self._page_handle < 0:
            return self._socket.send(data)
        sent = socket.send_fds(self._socket, [data], [self._page_handle])
        os.close(self._page_handle)
        self._page_handle = -1
        return sent

    def read(self) -> list[Frame]:
        frames: list[Frame] = []
        if self._error is not None:
            raise self._error
        try:
            data = self._receive()
            if data:
                self._parser.feed(data, frames)
            else:
                raise TransportEnded(self._parser.unfinished_bytes)
        except BlockingIOError:
            pass
        except (TransportEnded, FrameError) as error:
            if not frames:
                raise
            self._error = error
            # So that whoever waits for this handle comes back for the error.
            self._socket.shutdown(socket.SHUT_RD)
        except OSError as error:
            # The other side closed without having read all of ours; what it sent has been read.
            raise TransportEnded(self._parser.unfinished_bytes) from error
        return frames

    def _receive(self) -> bytes:
        if self._is_main or self._page is not None:
            return self._socket.recv(_READ_BYTES)
        # The child's first read brings the page. What is not asked for here would be closed by the kernel.
        data, handles, _, _ = socket.recv_fds(self._socket, _READ_BYTES, 1, getattr(socket, "MSG_CMSG_CLOEXEC", 0))
        for handle in handles:
            self._page = mmap.mmap(handle, _PAGE_BYTES)
            os.close(handle)
        if data and self._page is None:
            raise FrameError(text("frame.no_page"))
        return data

    def mark_taken(self) -> None:
        self._taken += 1
        if self._page is not None:
            _COUNTERS.pack_into(self._page, _TO_MAIN if self._is_main else _TO_CHILD, self._taken)

    def taken_by_peer(self) -> int:
        if self._page is None:
            return self._taken_by_peer
        taken: int = _COUNTERS.unpack_from(self._page, _TO_CHILD if self._is_main else _TO_MAIN)[0]
        return taken

    def close(self) -> None:
        self._socket.close()
        if self._page is not None:
            self._taken_by_peer = self.taken_by_peer()
            self._page.close()
            self._page = None
        if self._page_handle >= 0:
            os.close(self._page_handle)
            self._page_handle = -1


def pipe_pair() -> tuple[socket.socket, socket.socket]:
    """Two connected ends: the main process's, and the one to hand to a child. Neither is inheritable yet."""
    return socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)


def main_end(end: socket.socket) -> PipeTransport:
    """The main process's end, with a fresh page of counters. Raises `OSError` if handles run out."""
    page_handle = _open_page()
    try:
        page = mmap.mmap(page_handle, _PAGE_BYTES)
    except OSError:
        os.close(page_handle)
        raise
    return PipeTransport(end, page=page, page_handle=page_handle)


def child_end(handle: int) -> PipeTransport:
    """The end that was inherited as `handle`. Raises `OSError` if that is no open socket."""
    return PipeTransport(socket.socket(fileno=handle), page=None)


def _open_page() -> int:
    if not hasattr(os, "memfd_create"):
        import tempfile

        handle, path = tempfile.mkstemp(prefix="liteyuki-")
        Path(path).unlink()
        os.truncate(handle, _PAGE_BYTES)
        return handle
    import fcntl

    handle = os.memfd_create("liteyuki", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    os.truncate(handle, _PAGE_BYTES)
    # A child that made the page smaller would otherwise crash the main process with SIGBUS.
    fcntl.fcntl(handle, fcntl.F_ADD_SEALS, fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SEAL)
    return handle
