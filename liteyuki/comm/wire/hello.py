"""The first frame in each direction."""

from typing import Any

import ormsgpack

from liteyuki.codec import CodecError, decode
from liteyuki.comm.wire.frames import PROTOCOL_VERSION, Frame, FrameError, FrameKind
from liteyuki.locale import text

__all__ = ["check_hello", "pack_hello"]


def pack_hello(generation: int, max_queued_bytes: int) -> bytes:
    """`max_queued_bytes`: what the sender may have sent and the receiver not taken."""
    return ormsgpack.packb(
        {"version": PROTOCOL_VERSION, "generation": generation, "max_queued_bytes": max_queued_bytes}
    )


def check_hello(frame: Frame) -> int:
    """The other side's `max_queued_bytes`.

    Raises `FrameError`, for people to read, if this is no greeting or one of another protocol version."""
    if frame.kind != FrameKind.HELLO:
        raise FrameError(text("channel.no_hello"))
    try:
        hello: Any = decode(0, frame.body)
        version = hello["version"]
    except (CodecError, TypeError, LookupError) as error:
        raise FrameError(text("channel.no_hello")) from error
    if version != PROTOCOL_VERSION:
        raise FrameError(text("channel.version", theirs=version, ours=PROTOCOL_VERSION))
    max_queued_bytes = hello.get("max_queued_bytes")
    return max_queued_bytes if isinstance(max_queued_bytes, int) else 0
