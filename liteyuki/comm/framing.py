"""Bytes <-> frames, with no I/O.

A frame is a 6-byte header (little-endian: body length u32, kind u8, flags u8) and a body. The length is checked
against the limit before anything is allocated for the body. The upper half of the flags counts the handles that
travel with a frame, beside the stream of bytes.

What is too large for one frame comes as a LARGE frame, which says how much, and PIECE frames that make up its body;
frames that carry no message may stand in between. Memory grows as pieces arrive, never because they were promised.
"""

import io
import struct
from collections import deque
from enum import IntEnum
from typing import Final, NamedTuple

from liteyuki._platform_memory import fresh_memory
from liteyuki.comm.handle import Handle
from liteyuki.locale import text

__all__ = [
    "COUNT",
    "HANDLES_SHIFT",
    "HEADER",
    "HEADER_BYTES",
    "LARGE_HEAD",
    "MAX_FRAME_BYTES",
    "MAX_HANDLES",
    "MAX_MESSAGE_BYTES",
    "PROTOCOL_VERSION",
    "RAW",
    "RUN_HEAD",
    "Buffer",
    "Frame",
    "FrameError",
    "FrameKind",
    "FrameParser",
    "pack_frame",
]

PROTOCOL_VERSION: Final = 3
MAX_FRAME_BYTES: Final = 64 * 1024 * 1024
"""The largest body of one frame that is accepted."""
MAX_MESSAGE_BYTES: Final = 1024 * 1024 * 1024
"""The largest message that is sent or accepted, unless a channel says otherwise."""

RAW: Final = 2
"""Flag of a message: its body is the value itself, which is `bytes`."""
HANDLES_SHIFT: Final = 4
MAX_HANDLES: Final = 15
"""With one frame; what the upper half of the flags can count."""

HEADER: Final = struct.Struct("<IBB")
HEADER_BYTES: Final = HEADER.size
LARGE_HEAD: Final = struct.Struct("<BBQ")
"""The body of a LARGE frame: kind, flags and length of the frame that its pieces make up."""

RUN_HEAD: Final = struct.Struct("<IB")
"""What stands before each run of a BATCH frame, which is a MessagePack array of values: its length, and its flags."""

COUNT: Final = struct.Struct("<Q")
"""The body of a ROOM_WANTED frame, and what stands before the value of a request or a reply."""

Buffer = bytes | bytearray | memoryview


class FrameKind(IntEnum):
    """What a frame is for. A number that is not here breaks the channel."""

    HELLO = 1
    """First in each direction: the protocol version, and what the receiver must know of the sender."""
    MESSAGE = 2
    """A value sent with `Channel.send`."""
    REQUEST = 3
    """A value sent with `Channel.request`, after its number (u64); number 0 wants no reply."""
    REPLY = 4
    """The answer to the request of that number."""
    FAILURE = 5
    """The handler of the request of that number raised."""
    STOP = 6
    """Nothing more will be sent in this direction: whoever waits to receive should not."""
    BATCH = 7
    """Several messages, in runs; see `RUN_HEAD`."""
    LARGE = 8
    """The head of a frame that comes in pieces; see `LARGE_HEAD`."""
    PIECE = 9
    """The next part of it."""
    ROOM_WANTED = 10
    """Say ROOM when so many messages (u64) of this transport have been taken."""
    ROOM = 11
    """They have."""
    TELL = 12
    """A value outside of the stream of messages, from core to core."""
    PAGE = 13
    """From whoever made the pair, before all else: the page of counters, and which half is whose (u8)."""


_KINDS: Final = frozenset(int(kind) for kind in FrameKind)
_IN_PIECES: Final = frozenset(
    {FrameKind.MESSAGE, FrameKind.REQUEST, FrameKind.REPLY, FrameKind.FAILURE, FrameKind.TELL}
)


_WHOLE: Final = _KINDS - {FrameKind.LARGE, FrameKind.PIECE}
_SMALL_BYTES: Final = 4096
_NOWHERE: Final = memoryview(b"")
# Plain numbers: to look one up in an IntEnum takes ten times as long as to compare it.
_MESSAGE, _LARGE, _PIECE = int(FrameKind.MESSAGE), int(FrameKind.LARGE), int(FrameKind.PIECE)


class Frame(NamedTuple):
    kind: int
    flags: int
    body: Buffer
    handles: tuple[Handle, ...] = ()


class FrameError(Exception):
    """The bytes are no frames. The text says why; no later byte of this stream can be trusted."""


def pack_frame(kind: int, flags: int, body: bytes) -> bytes:
    """One frame as bytes. The caller has checked the size of `body` against the limit."""
    return HEADER.pack(len(body), kind, flags) + body


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
        self._large: _Large | None = None
        self._piece_bytes = 0

    def feed(self, data: bytes | memoryview, into: list[Frame]) -> None:
        """Append every frame that `data` completes to `into`.

        Raises `FrameError` at a header that cannot be one; the frames before it are in `into` then.
        """
        rest, size = self._rest, len(data)
        if not rest and not self._piece_bytes and HEADER_BYTES <= size <= _SMALL_BYTES:
            # Exactly one small frame, and the last ended before it: what a round trip consists of.
            length, kind, flags = HEADER.unpack_from(data)
            if length + HEADER_BYTES == size and kind in _WHOLE and not flags >> HANDLES_SHIFT:
                self._check(length, kind)
                into.append(Frame(kind, flags, bytes(data[HEADER_BYTES:])))
                return
        if rest:
            rest += data
            if len(rest) < self._wanted_bytes:
                return
            data = bytes(rest)
            rest.clear()
        position, end = 0, len(data)
        while True:
            if self._piece_bytes and position < end:
                position = self._take_piece(data, position, into)
            if end - position < HEADER_BYTES:
                self._wanted_bytes = HEADER_BYTES
                break
            length, kind, flags = HEADER.unpack_from(data, position)
            self._check(length, kind)
            position += HEADER_BYTES
            if kind == _PIECE:
                self._begin_piece(length)
                continue
            if end - position < length:
                position -= HEADER_BYTES
                self._wanted_bytes = HEADER_BYTES + length
                break
            body = bytes(data[position : position + length])
            position += length
            if kind == _LARGE:
                self._begin_large(body, flags)
            else:
                handles = self._handles_of(flags) if flags >> HANDLES_SHIFT else ()
                into.append(Frame(kind, flags, body, handles))
        rest += data[position:]

    def room(self) -> memoryview:
        """Where what comes next belongs, if it is part of a large message: whoever reads may put it right there."""
        return self._large.room(self._piece_bytes) if self._large is not None and not self._rest else _NOWHERE

    def came(self, size: int, into: list[Frame]) -> None:
        """So many bytes have been put into `room`; to be called before `feed` gets what comes behind them."""
        large = self._large
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
        if self._large is not None or len(body) != LARGE_HEAD.size:
            raise FrameError(text("frame.pieces"))
        kind, large_flags, size = LARGE_HEAD.unpack(body)
        if size > self.max_message_bytes:
            raise FrameError(text("frame.too_large", size=size, limit=self.max_message_bytes))
        if kind not in _IN_PIECES or not size or large_flags >> HANDLES_SHIFT != flags >> HANDLES_SHIFT:
            raise FrameError(text("frame.pieces"))
        try:
            self._large = _Large(kind, large_flags, size, self._handles_of(flags))
        except MemoryError as error:
            raise FrameError(text("frame.no_memory", size=size)) from error

    def _begin_piece(self, length: int) -> None:
        if self._large is None or not 0 < length <= self._large.missing_bytes:
            raise FrameError(text("frame.pieces"))
        self._piece_bytes = length

    def _take_piece(self, data: bytes | memoryview, position: int, into: list[Frame]) -> int:
        """Add what `data` has of the piece from `position` on; where it ends."""
        large = self._large
        assert large is not None
        part = memoryview(data)[position : position + self._piece_bytes]
        large.add(part)
        self._end_of_part(large, len(part), into)
        return position + len(part)

    def _end_of_part(self, large: _Large, size: int, into: list[Frame]) -> None:
        self._piece_bytes -= size
        if not large.missing_bytes:
            self._large = None
            into.append(large.frame())

    @property
    def unfinished_bytes(self) -> int:
        """How many bytes of a frame have come whose rest has not."""
        return len(self._rest) + (self._large.came_bytes if self._large is not None else 0)
