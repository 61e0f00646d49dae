"""For tests of transports: write and read frames one by one, without a channel."""

import os
import select
from collections.abc import Iterator
from typing import Final, NamedTuple

from liteyuki.comm.transport import Transport, TransportEnded
from liteyuki.comm.wire import HANDLES_SHIFT, LARGE_HEAD, Frame, FrameError, FrameKind, Handle, pack_frame

__all__ = [
    "DEADLINE",
    "GARBAGE",
    "Pair",
    "in_pieces",
    "is_readable",
    "label_of",
    "labelled",
    "message",
    "packed",
    "read_to_the_end",
    "receive",
    "with_handles",
    "write",
]

DEADLINE: Final = 10.0
"""Seconds for anything that must happen at all."""

GARBAGE: Final = b"\xff" * 64
"""No frame begins like this."""


class Pair(NamedTuple):
    """Two connected ends."""

    here: Transport
    there: Transport


# --- frames


def message(number: int, size_bytes: int = 0) -> Frame:
    """A frame that its number tells from all others, with that many bytes after it."""
    return Frame(FrameKind.MESSAGE, 0, number.to_bytes(4, "little") + bytes(size_bytes))


def with_handles(frame: Frame, *handles: Handle) -> Frame:
    return frame._replace(flags=frame.flags | len(handles) << HANDLES_SHIFT, handles=handles)


def packed(frame: Frame) -> bytes:
    return pack_frame(frame.kind, frame.flags, bytes(frame.body))


def in_pieces(frame: Frame, piece_bytes: int) -> Iterator[bytes]:
    """The frames on the wire that make up a large one: its head, and pieces of `piece_bytes` at most."""
    body = bytes(frame.body)
    yield pack_frame(FrameKind.LARGE, frame.flags, LARGE_HEAD.pack(frame.kind, frame.flags, len(body)))
    for at in range(0, len(body), piece_bytes):
        yield pack_frame(FrameKind.PIECE, 0, body[at : at + piece_bytes])


# --- handles


def labelled(label: str) -> Handle:
    """A handle that can be told from others by what is read from it."""
    reading, writing = os.pipe()
    os.write(writing, label.encode())
    os.close(writing)
    return Handle(reading)


def label_of(handle: Handle) -> str:
    """The label of a handle; it can be read once, from any copy."""
    return os.read(handle.fileno(), 4096).decode()


# --- writing and reading


def write(transport: Transport, *frames: Frame) -> None:
    for frame in frames:
        transport.queued.append(([packed(frame)], frame.handles))


def is_readable(transport: Transport, timeout: float = DEADLINE) -> bool:
    poll = select.poll()
    poll.register(transport.fileno(), select.POLLIN)
    return bool(poll.poll(timeout * 1000))


def receive(reader: Transport, count: int, *, writer: Transport | None = None) -> list[Frame]:
    """Exactly `count` frames, waiting in between; `writer` continues to flush meanwhile."""
    frames: list[Frame] = []
    while len(frames) < count:
        if writer is not None:
            writer.flush()
        assert is_readable(reader), f"{len(frames)} of {count} frames, and nothing to read"
        frames += reader.read()
    assert len(frames) == count
    return frames


def read_to_the_end(reader: Transport) -> tuple[list[Frame], TransportEnded | FrameError]:
    """All frames that come before the end, and the end."""
    frames: list[Frame] = []
    while True:
        assert is_readable(reader), "neither a frame nor the end"
        try:
            frames += reader.read()
        except (TransportEnded, FrameError) as error:
            return frames, error
