"""What goes over a transport: frames and the handles beside them, as bytes and back, with no I/O.

It imports `liteyuki.codec`, and nothing else of `liteyuki.comm`.
"""

from liteyuki.comm.wire.counters import BEGUN, COUNTERS, TAKEN, UNWRITTEN, WANTED, Counters
from liteyuki.comm.wire.frames import (
    BATCH,
    COUNT,
    HANDLES_SHIFT,
    HEADER,
    LARGE_HEAD,
    MAX_HANDLES,
    MAX_MESSAGE_BYTES,
    MESSAGE,
    RUN_HEAD,
    Frame,
    FrameError,
    FrameKind,
    Write,
    pack_frame,
)
from liteyuki.comm.wire.handle import Handle, SharedHandle
from liteyuki.comm.wire.hello import check_hello, pack_hello
from liteyuki.comm.wire.parser import FrameParser

__all__ = [
    "BATCH",
    "BEGUN",
    "COUNT",
    "COUNTERS",
    "HANDLES_SHIFT",
    "HEADER",
    "LARGE_HEAD",
    "MAX_HANDLES",
    "MAX_MESSAGE_BYTES",
    "MESSAGE",
    "RUN_HEAD",
    "TAKEN",
    "UNWRITTEN",
    "WANTED",
    "Counters",
    "Frame",
    "FrameError",
    "FrameKind",
    "FrameParser",
    "Handle",
    "SharedHandle",
    "Write",
    "check_hello",
    "pack_frame",
    "pack_hello",
]
