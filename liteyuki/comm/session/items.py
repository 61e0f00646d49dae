"""What waits in an outbox: messages in as little memory as they take, and everything else as an `Item`."""

import contextlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Final

import ormsgpack

from liteyuki.codec import Buffer
from liteyuki.comm.wire import (
    HANDLES_SHIFT,
    HEADER,
    LARGE_HEAD,
    MESSAGE,
    FrameKind,
    Handle,
    SharedHandle,
    Write,
    pack_frame,
)

__all__ = [
    "BATCH_BYTES",
    "MESSAGE_COST_BYTES",
    "REDELIVERED",
    "TEXT_HEAD_BYTES",
    "Entry",
    "Item",
    "SmallEntry",
    "begun_before",
    "close_handles",
    "cost_bytes",
    "frame_of",
    "is_message",
    "length_bytes",
    "payload_of",
    "total_cost_bytes",
]

BATCH_BYTES: Final = 64 * 1024
"""About how much one frame of several messages carries, and the largest message that is not sent in pieces."""
MESSAGE_COST_BYTES: Final = 64
"""What a waiting message costs this process beside its bytes."""
TEXT_HEAD_BYTES: Final = 3
"""What an ASCII `str` takes beside its characters, at most."""
REDELIVERED: Final = 8
"""Flag of a message that an earlier process has begun to handle."""

_PIECE_BYTES: Final = 1024 * 1024


class Item:
    """A frame that is to be sent, of any kind and size."""

    __slots__ = ("flags", "handles", "kind", "length_bytes", "on_accept", "parts", "size_bytes")

    def __init__(
        self,
        kind: FrameKind,
        flags: int = 0,
        parts: Sequence[Buffer] = (),
        handles: Sequence[Handle] = (),
        on_accept: Callable[[], None] | None = None,
    ) -> None:
        self.kind = kind
        self.flags = flags | len(handles) << HANDLES_SHIFT
        self.parts = parts
        self.handles = handles
        self.on_accept = on_accept
        """Called when the item is queued; what it raises keeps the item out."""
        self.length_bytes = sum(map(len, parts))
        self.size_bytes = self.length_bytes + MESSAGE_COST_BYTES
        if handles:
            self.size_bytes += sum(handle.content_bytes for handle in handles)

    def frame(self) -> bytes:
        """What to write for one that is not large."""
        return HEADER.pack(self.length_bytes, self.kind, self.flags) + b"".join(self.parts)

    def pieces(self) -> Iterator[Write]:
        """The same for one that is, piece by piece."""
        head = LARGE_HEAD.pack(self.kind, self.flags, self.length_bytes)
        # The handles go with the head, which says how many they are as well.
        yield [pack_frame(FrameKind.LARGE, self.flags, head)], self.handles
        for part in self.parts:
            view = memoryview(part)
            for at in range(0, len(view), _PIECE_BYTES):
                piece = view[at : at + _PIECE_BYTES]
                yield [HEADER.pack(len(piece), FrameKind.PIECE, 0), piece], ()


SmallEntry = bytes | str
"""An encoded message; or one that is an ASCII `str`, and is encoded with its neighbours, in one step."""
Entry = SmallEntry | Item
"""The same, or anything else."""


def is_message(entry: Entry) -> bool:
    """Whether it counts as a message: one that `Channel.send` has sent."""
    return not isinstance(entry, Item) or entry.kind == FrameKind.MESSAGE


def length_bytes(entry: Entry) -> int:
    """The bytes of the encoded message."""
    if isinstance(entry, bytes):
        return len(entry)
    return len(entry) + TEXT_HEAD_BYTES if isinstance(entry, str) else entry.size_bytes - MESSAGE_COST_BYTES


def cost_bytes(entry: Entry) -> int:
    """What it counts against the bound."""
    return length_bytes(entry) + MESSAGE_COST_BYTES


def total_cost_bytes(entries: Sequence[SmallEntry]) -> int:
    """The same for many."""
    texts = list(map(type, entries)).count(str)
    return sum(map(len, entries)) + texts * TEXT_HEAD_BYTES + len(entries) * MESSAGE_COST_BYTES


def frame_of(entry: SmallEntry) -> bytes:
    """The frame that carries it alone."""
    payload = ormsgpack.packb(entry) if type(entry) is str else entry
    return HEADER.pack(len(payload), MESSAGE, 0) + payload  # type: ignore[operator]


def payload_of(entry: Entry) -> bytes:
    """The encoded message; not for an `Item`."""
    assert not isinstance(entry, Item)
    return ormsgpack.packb(entry) if isinstance(entry, str) else entry


def begun_before(entry: Entry, dead_end: Callable[[], Handle]) -> Item:
    """The same message, marked as one that an earlier process has begun to handle."""
    if not isinstance(entry, Item):
        return Item(FrameKind.MESSAGE, REDELIVERED, (payload_of(entry),))
    entry.flags |= REDELIVERED
    with contextlib.suppress(OSError):  # no handles left: then the new owner learns of the end when it uses it
        handles = [handle if isinstance(handle, SharedHandle) else dead_end() for handle in entry.handles]
        for handle in set(entry.handles).difference(handles):
            handle.close()
        entry.handles = handles
    return entry


def close_handles(entries: Iterable[Entry]) -> None:
    """Let go of what travels with messages."""
    for entry in entries:
        if isinstance(entry, Item):
            for handle in entry.handles:
                handle.close()
