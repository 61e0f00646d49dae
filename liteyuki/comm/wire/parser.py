"""Bytes to frames, with no I/O; what frames are stands in `frames.py`.

Memory grows as bytes arrive, never because they were promised.
"""

import io
from collections import deque
from typing import Final

from liteyuki._platform import fresh_memory
from liteyuki.codec import RAW, Buffer
from liteyuki.comm.wire.frames import (
    HANDLES_SHIFT,
    HEADER,
    HEADER_BYTES,
    LARGE_HEAD,
    MAX_FRAME_BYTES,
    MAX_MESSAGE_BYTES,
    Frame,
    FrameError,
    FrameKind,
)
from liteyuki.comm.wire.handle import Handle
from liteyuki.locale import text

__all__ = ["FrameParser"]

_KINDS: Final = frozenset(int(kind) for kind in FrameKind)
_IN_PIECES: Final = frozenset(
    {FrameKind.MESSAGE, FrameKind.REQUEST, FrameKind.REPLY, FrameKind.FAILURE, FrameKind.CONTROL}
)


_WHOLE: Final = _KINDS - {FrameKind.LARGE, FrameKind.PIECE}
_SMALL_BYTES: Final = 4096
_NOWHERE: Final = memoryview(b"")
# Plain numbers: to look one up in an IntEnum takes ten times as long as to compare it.
_MESSAGE, _LARGE, _PIECE = int(FrameKind.MESSAGE), int(FrameKind.LARGE), int(FrameKind.PIECE)


class _Large:
    """A frame of which pieces are still to come."""

    def __init__(self, kind: int, flags: int, missing_bytes: int, handles: tuple[Handle, ...]) -> None:
        self.kind = kind
        self.flags = flags
        self.missing_bytes = missing_bytes
        self.handles = handles
        self.came_bytes = HEADER_BYTES + LARGE_HEAD.size
        # A BytesIO gives its content away as `bytes` without a copy. Where the content is to be written to it will not
        # do: since Python 3.13 it complains if it is collected while somebody looks into it.
        self._raw = io.BytesIO() if flags & RAW else None
        # Costs no memory before it is written to, whatever the other side claims.
        self._body = _NOWHERE if flags & RAW else memoryview(fresh_memory(missing_bytes))

    def add(self, part: memoryview) -> None:
        if self._raw is not None:
            self._raw.write(part)
        else:
            self.room(len(part))[:] = part
        self.came(len(part))

    def room(self, size: int) -> memoryview:
        """Where the next bytes belong, so many of them; empty if only `add` can put them there."""
        at = len(self._body) - self.missing_bytes
        return self._body[at : at + size] if self._raw is None else self._body

    def came(self, size: int) -> None:
        """So many bytes are where they belong."""
        self.missing_bytes -= size
        self.came_bytes += size

    def frame(self) -> Frame:
        body: Buffer = self._raw.getvalue() if self._raw is not None else self._body
        return Frame(self.kind, self.flags, body, self.handles)


class FrameParser:
    """Cuts a stream of bytes, in pieces of any size, into frames. Not for several threads at once.

    `handles` is where the transport puts what came beside the stream, before it feeds the bytes that came with it.
    """

    def __init__(self, max_frame_bytes: int = MAX_FRAME_BYTES, max_message_bytes: int = MAX_MESSAGE_BYTES) -> None:
        self.handles: deque[Handle] = deque()
        self._max_frame_bytes = max_frame_bytes
        self.max_message_bytes = max_message_bytes
        self._rest = bytearray()
        self._wanted_bytes = HEADER_BYTES
        self.large: _Large | None = None
        """A message that has begun and has not ended, if it comes in pieces."""
        self._piece_bytes = 0

    def feed(self, data: bytes | memoryview, into: list[Frame]) -> None:
        """Append every frame that `data` completes to `into`.

        Raises `FrameError` at a header that cannot be one; the frames before it are in `into` then.
        """
        rest, size = self._rest, len(data)
        if not rest and not self._piece_bytes and HEADER_BYTES <= size <= _SMALL_BYTES:
            # Exactly one small frame, and the last ended before it: what a round trip consists of.
            length, kind, flags = HEADER.unpack_from(data)
            is_whole = length + HEADER_BYTES == size and kind in _WHOLE and not flags >> HANDLES_SHIFT
            if is_whole and (length <= self.max_message_bytes or kind != _MESSAGE):
                into.append(Frame(kind, flags, bytes(data[HEADER_BYTES:])))
                return
        position, end = 0, size
        if rest:
            position = self._complete_rest(data, into)
            if rest:
                return
        while True:
            if self._piece_bytes and position < end:
                position = self._take_piece(data, position, into)
            if end - position < HEADER_BYTES:
                self._wanted_bytes = HEADER_BYTES
                break
            length, kind, flags = HEADER.unpack_from(data, position)
            self._check(length, kind)
            if kind == _PIECE:
                position += HEADER_BYTES
                self._begin_piece(length)
                continue
            after = position + HEADER_BYTES + length
            if end < after:
                self._wanted_bytes = HEADER_BYTES + length
                break
            self._take_whole(kind, flags, bytes(data[position + HEADER_BYTES : after]), into)
            position = after
        rest += data[position:]

    def _complete_rest(self, data: bytes | memoryview, into: list[Frame]) -> int:
        """Take from `data` what is missing of the frame that has begun, and nothing else, so that no more is copied.

        Where the next frame begins, if this one is whole now.
        """
        rest, position = self._rest, 0
        while len(rest) < self._wanted_bytes:
            if position == len(data):
                return position
            end = position + self._wanted_bytes - len(rest)
            rest += data[position:end]
            position = min(end, len(data))
            if len(rest) == HEADER_BYTES == self._wanted_bytes:
                length, kind, _ = HEADER.unpack(rest)
                self._check(length, kind)
                if kind != _PIECE:
                    self._wanted_bytes += length
        length, kind, flags = HEADER.unpack_from(rest)
        body = bytes(memoryview(rest)[HEADER_BYTES:])
        rest.clear()
        if kind == _PIECE:
            self._begin_piece(length)
        else:
            self._take_whole(kind, flags, body, into)
        return position

    def _take_whole(self, kind: int, flags: int, body: bytes, into: list[Frame]) -> None:
        if kind == _LARGE:
            self._begin_large(body, flags)
        else:
            handles = self._handles_of(flags) if flags >> HANDLES_SHIFT else ()
            into.append(Frame(kind, flags, body, handles))

    def room(self) -> memoryview:
        """Where what comes next belongs, if it is part of a large message: whoever reads may put it right there."""
        return self.large.room(self._piece_bytes) if self.large is not None and not self._rest else _NOWHERE

    def came(self, size: int, into: list[Frame]) -> None:
        """So many bytes have been put into `room`; to be called before `feed` gets what comes behind them."""
        large = self.large
        assert large is not None
        large.came(size)
        self._end_of_part(large, size, into)

    def _check(self, length: int, kind: int) -> None:
        limit = self._max_frame_bytes
        if kind == _MESSAGE:
            limit = min(limit, self.max_message_bytes)
        if length > limit:
            raise FrameError(text("frame.too_large", size=length, limit=limit))
        if kind not in _KINDS:
            raise FrameError(text("frame.kind", kind=kind))

    def _handles_of(self, flags: int) -> tuple[Handle, ...]:
        count = flags >> HANDLES_SHIFT
        if len(self.handles) < count:
            raise FrameError(text("frame.no_handles", wanted=count, came=len(self.handles)))
        return tuple(self.handles.popleft() for _ in range(count))

    def _begin_large(self, body: bytes, flags: int) -> None:
        if self.large is not None or len(body) != LARGE_HEAD.size:
            raise FrameError(text("frame.pieces"))
        kind, large_flags, size = LARGE_HEAD.unpack(body)
        if size > self.max_message_bytes:
            raise FrameError(text("frame.too_large", size=size, limit=self.max_message_bytes))
        if kind not in _IN_PIECES or not size or large_flags >> HANDLES_SHIFT != flags >> HANDLES_SHIFT:
            raise FrameError(text("frame.pieces"))
        try:
            self.large = _Large(kind, large_flags, size, self._handles_of(flags))
        except MemoryError as error:
            raise FrameError(text("frame.no_memory", size=size)) from error

    def _begin_piece(self, length: int) -> None:
        if self.large is None or not 0 < length <= self.large.missing_bytes:
            raise FrameError(text("frame.pieces"))
        self._piece_bytes = length

    def _take_piece(self, data: bytes | memoryview, position: int, into: list[Frame]) -> int:
        """Add what `data` has of the piece from `position` on; where it ends."""
        large = self.large
        assert large is not None
        part = memoryview(data)[position : position + self._piece_bytes]
        large.add(part)
        self._end_of_part(large, len(part), into)
        return position + len(part)

    def _end_of_part(self, large: _Large, size: int, into: list[Frame]) -> None:
        self._piece_bytes -= size
        if not large.missing_bytes:
            self.large = None
            into.append(large.frame())

    @property
    def unfinished_bytes(self) -> int:
        """How many bytes of a frame have come whose rest has not."""
        return len(self._rest) + (self.large.came_bytes if self.large is not None else 0)
