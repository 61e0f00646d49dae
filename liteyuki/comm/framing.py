"""Bytes <-> frames, with no I/O.

A frame is a 6-byte header (little-endian: body length u32, kind u8, flags u8) and a body. The length is checked
against the limit before anything is allocated for the body.
"""

import struct
from enum import IntEnum
from typing import Final, NamedTuple

from liteyuki.locale import text

__all__ = [
    "HEADER_BYTES",
    "MAX_FRAME_BYTES",
    "PROTOCOL_VERSION",
    "Frame",
    "FrameError",
    "FrameKind",
    "FrameParser",
    "pack_frame",
]

PROTOCOL_VERSION: Final = 1
MAX_FRAME_BYTES: Final = 64 * 1024 * 1024
"""The largest body that is sent or accepted."""

_HEADER: Final = struct.Struct("<IBB")
HEADER_BYTES: Final = _HEADER.size


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


class Frame(NamedTuple):
    kind: int
    flags: int
    body: bytes


class FrameError(Exception):
    """The bytes are no frames. The text says why; no later byte of this stream can be trusted."""


def pack_frame(kind: int, flags: int, body: bytes) -> bytes:
    """One frame as bytes. The caller has checked the size of `body` against the limit."""
    return _HEADER.pack(len(body), kind, flags) + body


class FrameParser:
    """Cuts a stream of bytes, in pieces of any size, into frames. Not for several threads at once."""

    def __init__(self, max_frame_bytes: int = MAX_FRAME_BYTES) -> None:
        self._max_frame_bytes = max_frame_bytes
        self._rest = bytearray()
        self._wanted_bytes = HEADER_BYTES

    def feed(self, data: bytes | memoryview, into: list[Frame]) -> None:
        """Append every frame that `data` completes to `into`.

        Raises `FrameError` at a header that cannot be one; the frames before it are in `into` then.
        """
        rest = self._rest
        if rest:
            rest += data
            if len(rest) < self._wanted_bytes:
                return
            data = bytes(rest)
            rest.clear()
        position, end = 0, len(data)
        while end - position >= HEADER_BYTES:
            length, kind, flags = _HEADER.unpack_from(data, position)
            if length > self._max_frame_bytes:
                raise FrameError(text("frame.too_large", size=length, limit=self._max_frame_bytes))
            if kind not in _KINDS:
                raise FrameError(text("frame.kind", kind=kind))
            body_at = position + HEADER_BYTES
            if end - body_at < length:
                self._wanted_bytes = HEADER_BYTES + length
                rest += data[position:]
                return
            position = body_at + length
            into.append(Frame(kind, flags, bytes(data[body_at:position])))
        self._wanted_bytes = HEADER_BYTES
        rest += data[position:]

    @property
    def unfinished_bytes(self) -> int:
        """How many bytes of a frame have come whose rest has not."""
        return len(self._rest)


_KINDS: Final = frozenset(int(kind) for kind in FrameKind)
