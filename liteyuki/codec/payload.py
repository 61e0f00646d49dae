"""What an encoded value is: bytes, and flags that say how to read them."""

import struct
from collections.abc import Sequence
from typing import Final

from liteyuki.locale import text

__all__ = ["BUFFERS", "LARGE_BYTES", "RAW", "Buffer", "CodecError", "cut", "lay_out"]

Buffer = bytes | bytearray | memoryview

RAW: Final = 2
"""Flag: the payload is the value itself, which is `bytes`."""
BUFFERS: Final = 4
"""Flag: a table of lengths (count u32, then u64 each), the value, and its buffers, each aligned."""

LARGE_BYTES: Final = 64 * 1024
"""From this size on, `bytes` are not copied into a payload."""

_ALIGNMENT: Final = 64
_COUNT: Final = struct.Struct("<I")


class CodecError(Exception):
    """The bytes are no value. The text says why."""


def lay_out(parts: Sequence[Buffer]) -> list[Buffer]:
    """The payload with the flag `BUFFERS` that is made of `parts`."""
    laid_out: list[Buffer] = [_COUNT.pack(len(parts)) + struct.pack(f"<{len(parts)}Q", *map(len, parts))]
    size = len(laid_out[0])
    for part in parts:
        padding = -size % _ALIGNMENT
        if padding:
            laid_out.append(bytes(padding))
        laid_out.append(part)
        size += padding + len(part)
    return laid_out


def cut(payload: Buffer) -> list[memoryview]:
    """The parts again, of which there is one at least, as memory that may be written to. Raises `CodecError`."""
    # A small frame comes as `bytes`, and what is made of buffers may be written to.
    view = memoryview(bytearray(payload) if type(payload) is bytes else payload)
    count = _COUNT.unpack_from(view)[0] if len(view) >= _COUNT.size else 0
    position = _COUNT.size + 8 * count
    if not count or position > len(view):
        raise CodecError(text("codec.structure"))
    parts = []
    for length in struct.unpack_from(f"<{count}Q", view, _COUNT.size):
        position += -position % _ALIGNMENT
        if length > len(view) - position:
            raise CodecError(text("codec.structure"))
        parts.append(view[position : position + length])
        position += length
    if position != len(view):
        raise CodecError(text("codec.structure"))
    return parts
