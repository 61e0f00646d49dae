"""Small plain messages that leave together: how many go into one write, what that is, and the books kept of them."""

import struct
from collections.abc import Sequence
from typing import Any, Final

import ormsgpack

from liteyuki.comm.codec import TAGGED
from liteyuki.comm.framing import HEADER, FrameKind, pack_frame
from liteyuki.comm.items import (
    BATCH_BYTES,
    TEXT_HEAD_BYTES,
    Entry,
    Item,
    SmallEntry,
    Tagged,
    cost_bytes,
    frame_of,
    length_bytes,
    payload_of,
    total_cost_bytes,
)

__all__ = ["Batch", "cut_batch", "largest_of", "pack_batch"]

_ARRAY_HEAD: Final = struct.Struct(">BI")
_ARRAY: Final = 0xDD
_BATCH: Final = int(FrameKind.BATCH)
_TEXT_ONLY: Final = {str}
_RUN_MESSAGES: Final = 32
"""How many messages that may be containers go into one frame. The receiver decodes a frame at a time; of so few, each
is gone before Python's garbage collector begins to look through those that are there."""


class Batch:
    """Messages that went out in one frame, or one after the other."""

    __slots__ = ("entries", "has_handles", "is_open", "size_bytes")

    def __init__(self, entries: list[Entry], size_bytes: int, has_handles: bool, is_open: bool) -> None:
        self.entries = entries
        self.size_bytes = size_bytes
        self.has_handles = has_handles
        self.is_open = is_open
        """Whether messages that have left one by one may join it: the books of many cost as much as those of one."""


def cut_batch(waiting: list[Entry], waiting_bytes: int, *, has_items: bool) -> tuple[list[Entry], int]:
    """Take the plain messages at the front, of which there is one, as far as one frame should carry them; their cost.

    `waiting_bytes` is what all that waits costs; `has_items` tells whether anything else than plain messages waits.
    """
    # Messages are mostly alike, so a guess by their mean size is as good as counting, and much faster.
    count = _count_of_batch(waiting) if has_items else max(1, BATCH_BYTES * len(waiting) // waiting_bytes)
    entries: list[Any] = waiting[:count]
    size = total_cost_bytes(entries)
    if size > 3 * BATCH_BYTES:
        entries = entries[: _count_of_batch(entries)]
        size = total_cost_bytes(entries)
    del waiting[: len(entries)]
    return entries, size


def _count_of_batch(waiting: list[Entry]) -> int:
    count = size = 0
    for entry in waiting:
        if isinstance(entry, Item) or size > BATCH_BYTES:
            break
        count += 1
        size += cost_bytes(entry)
    return count


def largest_of(entries: Sequence[SmallEntry], largest_bytes: int) -> int:
    """The length of the largest message, or 0 if none can be larger than `largest_bytes`."""
    longest = max(map(len, entries))
    if longest + TEXT_HEAD_BYTES <= largest_bytes:
        return 0  # whichever it is
    return longest if str not in set(map(type, entries)) else max(map(length_bytes, entries))


def pack_batch(entries: Sequence[SmallEntry]) -> bytes:
    """What carries plain messages over: one frame, or several that are written in one go."""
    if len(entries) == 1:
        return frame_of(entries[0])
    kinds = set(map(type, entries))
    if kinds == _TEXT_ONLY:
        return pack_frame(FrameKind.BATCH, 0, ormsgpack.packb(entries))
    parts: list[bytes] = []
    for at in range(0, len(entries), _RUN_MESSAGES):
        run: Sequence[Any] = entries[at : at + _RUN_MESSAGES]
        flags = TAGGED if Tagged in kinds and Tagged in map(type, run) else 0
        payloads = run if str not in kinds else list(map(payload_of, run))
        size = _ARRAY_HEAD.size + sum(map(len, payloads))
        parts += HEADER.pack(size, _BATCH, flags), _ARRAY_HEAD.pack(_ARRAY, len(run)), *payloads
    return b"".join(parts)
