"""What frames are, which channels speak in.

A frame is a 6-byte header (little-endian: body length u32, kind u8, flags u8) and a body. The length is checked
against the limit before anything is allocated for the body. The upper half of the flags counts the handles that
travel with a frame, beside the stream of bytes.

What is too large for one frame comes as a LARGE frame, which says how much, and PIECE frames that make up its body;
frames that carry no message may stand in between.
"""

import struct
from collections.abc import Sequence
from enum import IntEnum
from typing import Final, NamedTuple

from liteyuki.codec import Buffer
from liteyuki.comm.wire.handle import Handle

__all__ = [
    "BATCH",
    "COUNT",
    "HANDLES_SHIFT",
    "HEADER",
    "HEADER_BYTES",
    "LARGE_HEAD",
    "MAX_FRAME_BYTES",
    "MAX_HANDLES",
    "MAX_MESSAGE_BYTES",
    "MESSAGE",
    "PROTOCOL_VERSION",
    "RUN_HEAD",
    "Frame",
    "FrameError",
    "FrameKind",
    "Write",
    "pack_frame",
]

PROTOCOL_VERSION: Final = 4
MAX_FRAME_BYTES: Final = 64 * 1024 * 1024
"""The largest body of one frame that is accepted."""
MAX_MESSAGE_BYTES: Final = 1024 * 1024 * 1024
"""The largest message that is sent or accepted, unless a channel says otherwise."""

HANDLES_SHIFT: Final = 4
MAX_HANDLES: Final = 15
"""With one frame; what the upper half of the flags can count."""

HEADER: Final = struct.Struct("<IBB")
HEADER_BYTES: Final = HEADER.size
LARGE_HEAD: Final = struct.Struct("<BBQ")
"""The body of a LARGE frame: kind, flags and length of the frame that its pieces make up."""

RUN_HEAD: Final = struct.Struct("<I")
"""What stands before each run of a BATCH frame, which is a MessagePack array of values: its length."""

COUNT: Final = struct.Struct("<Q")
"""What stands before the value of a request or an answer: its number."""

Write = tuple[Sequence[Buffer], Sequence[Handle]]
"""Bytes that are to be written, in several parts, and handles that travel with them."""


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
    ROOM = 10
    """As many messages have been taken as the counters say that the other side waits for."""
    CONTROL = 11
    """Like REQUEST, from core to core."""
    PAGE = 12
    """From whoever made the pair, before all else: the page of counters, and which half is whose (u8)."""


MESSAGE: Final = int(FrameKind.MESSAGE)
BATCH: Final = int(FrameKind.BATCH)
"""The commonest two as plain numbers: to compare a member of an enum takes ten times as long."""


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
