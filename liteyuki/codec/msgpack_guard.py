"""Unpacking that no payload can crash, whatever the version of ormsgpack.

Before 1.13.1 (1.12 is the last for Python 3.10), ormsgpack makes a list of as many items as an array says it has, and
takes the process down if that many do not fit into memory. The format: https://github.com/msgpack/msgpack.
"""

from collections.abc import Callable
from typing import Any, Final

import ormsgpack

from liteyuki.codec.payload import Buffer

__all__ = ["claims_too_much", "unpack"]

_CRASHES_ON_CLAIMS: Final = tuple(int(part) for part in ormsgpack.__version__.split(".")[:3]) < (1, 13, 1)

_ARRAY_32: Final = 0xDD
_FIXED_BYTES: Final = dict(enumerate((4, 8, 1, 2, 4, 8, 1, 2, 4, 8, 2, 3, 5, 9, 17), 0xCA))
"""By first byte: how many bytes follow it, if any do."""
_SIZED: Final = {0xC4: (1, 0), 0xC5: (2, 0), 0xC6: (4, 0), 0xC7: (1, 1), 0xC8: (2, 1), 0xC9: (4, 1)} | {
    0xD9: (1, 0),
    0xDA: (2, 0),
    0xDB: (4, 0),
}
"""By first byte: of how many bytes the length is, and how many more follow beside what it counts."""
_COUNTED: Final = {0xDC: 2, 0xDD: 4, 0xDE: 2, 0xDF: 4}
"""By first byte, of arrays and maps: of how many bytes the count is."""


def claims_too_much(payload: Buffer) -> bool:
    """Whether an array in `payload` says that it has more items than bytes follow. Takes time only if one might.

    What stands in an extension is bytes here: it is looked through when that is unpacked.
    """
    data = bytes(payload)
    if _ARRAY_32 not in data:
        return False
    position = 0
    while position < len(data):
        first = data[position]
        position += 1
        if first in _COUNTED:
            size = _COUNTED[first]
            if int.from_bytes(data[position : position + size], "big") > len(data) - position - size:
                return True
            position += size
        elif first in _SIZED:
            size, more = _SIZED[first]
            position += size + more + int.from_bytes(data[position : position + size], "big")
        elif 0xA0 <= first < 0xC0:
            position += first & 0x1F
        else:
            # Small numbers, and the heads of small arrays and maps, are one byte.
            position += _FIXED_BYTES.get(first, 0)
    return False


def _unpack_carefully(payload: Buffer, /, **options: Any) -> Any:
    if claims_too_much(payload):
        raise ValueError("an array has more items than bytes follow")
    return ormsgpack.unpackb(payload, **options)


unpack: Final[Callable[..., Any]] = _unpack_carefully if _CRASHES_ON_CLAIMS else ormsgpack.unpackb
"""`ormsgpack.unpackb`. Raises `ValueError` for what is none."""
