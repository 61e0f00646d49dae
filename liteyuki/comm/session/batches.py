"""Small messages that leave together: how many go into one frame, what that frame is, and the books kept of them."""

import struct
from collections.abc import Sequence
from typing import Any, Final

import ormsgpack

from liteyuki.codec import Buffer
from liteyuki.comm.session.items import (
    BATCH_BYTES,
    TEXT_HEAD_BYTES,
    Entry,
    Item,
    cost_bytes,
    frame_of,
    length_bytes,
    payload_of,
    total_cost_bytes,
)
from liteyuki.comm.wire import BATCH, HEADER, RUN_HEAD, FrameError
from liteyuki.locale import text

__all__ = ["Batch", "cut_batch", "largest_of", "pack_batch", "runs_of"]

_ARRAY_HEAD: Final = struct.Struct(">BI")
_ARRAY: Final = 0xDD
_TEXT_ONLY: Final = {str}
_RUN_MESSAGES: Final = 32
"""How many messages that may be containers go into one run. The receiver decodes a run at a time; of so few, each is
gone before Python's garbage collector begins to look through those that are there."""


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
    """The small messages at the front, of which there is one, as far as one frame should carry them; their cost.

    `waiting_bytes` is what all that waits costs; `has_items` tells whether anything else than small messages waits.
    """
    # Messages are mostly alike, so a guess by their mean size is as good as counting, and much faster.
    count = _count_of_batch(waiting) if has_items else max(1, BATCH_BYTES * len(waiting) // max(1, waiting_bytes))
    entries: list[Any] = waiting[:count]
    size = total_cost_bytes(entries)
    if size > 3 * BATCH_BYTES:
        entries = entries[: _count_of_batch(entries)]
        size = total_cost_bytes(entries)
    return entries, size


def _count_of_batch(waiting: list[Entry]) -> int:
    count = size = 0
    for entry in waiting:
        if isinstance(entry, Item) or size > BATCH_BYTES:
            break
        count += 1
        size += cost_bytes(entry)
    return count


def largest_of(entries: Sequence[Any], largest_bytes: int) -> int:
    """The length of the largest small message, or 0 if none can be larger than `largest_bytes`."""
    longest = max(map(len, entries))
    if longest + TEXT_HEAD_BYTES <= largest_bytes:
        return 0  # whichever it is
    return longest if str not in set(map(type, entries)) else max(map(length_bytes, entries))


def pack_batch(entries: Sequence[Any]) -> bytes:
    """The frame that carries small messages over."""
    if len(entries) == 1:
        return frame_of(entries[0])
    kinds = set(map(type, entries))
    if kinds == _TEXT_ONLY:
        payload = ormsgpack.packb(entries)
        return HEADER.pack(RUN_HEAD.size + len(payload), BATCH, 0) + RUN_HEAD.pack(len(payload)) + payload
    parts: list[bytes] = [b""]
    for at in range(0, len(entries), _RUN_MESSAGES):
        run: Sequence[Any] = entries[at : at + _RUN_MESSAGES]
        payloads = run if str not in kinds else list(map(payload_of, run))
        size = _ARRAY_HEAD.size + sum(map(len, payloads))
        parts += RUN_HEAD.pack(size), _ARRAY_HEAD.pack(_ARRAY, len(run)), *payloads
    parts[0] = HEADER.pack(sum(map(len, parts)), BATCH, 0)
    return b"".join(parts)


def runs_of(body: Buffer) -> list[memoryview]:
    """What a BATCH frame consists of: MessagePack arrays of values. Raises `FrameError` if it does not."""
    view, position = memoryview(body), 0
    runs: list[memoryview] = []
    while position + RUN_HEAD.size < len(view):
        (size,) = RUN_HEAD.unpack_from(view, position)
        position += RUN_HEAD.size
        runs.append(view[position : position + size])
        position += size
    if position != len(view) or not runs:
        raise FrameError(text("codec.structure"))
    return runs
