"""What an encoded value is: bytes, and flags that say how to read them."""

from typing import Final

__all__ = ["BUFFERS", "LARGE_BYTES", "RAW", "TAGGED", "Buffer"]

Buffer = bytes | bytearray | memoryview

TAGGED: Final = 1
"""Flag: the value holds markers, so the receiver must walk it."""
RAW: Final = 2
"""Flag: the payload is the value itself, which is `bytes`."""
BUFFERS: Final = 4
"""Flag: a table of lengths (count u32, then u64 each), the value, and its buffers, each aligned."""

LARGE_BYTES: Final = 64 * 1024
"""From this size on, `bytes` are not copied into a payload."""
