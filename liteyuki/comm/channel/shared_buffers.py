"""Large buffers inside values: they stay where the sender has copied them to, and only a handle of that travels."""

from collections.abc import Sequence

import ormsgpack

from liteyuki._platform import map_shared_copy, shared_copy
from liteyuki.codec import CodecError
from liteyuki.comm.wire import Handle, SharedHandle
from liteyuki.locale import text

__all__ = ["map_buffer", "pack_buffer", "share"]


def share(content: memoryview) -> SharedHandle | None:
    """A copy that can travel; None if it must go with the stream: there is no such memory, no handle, or no room."""
    try:
        return SharedHandle(shared_copy(content))
    except OSError:
        return None


def pack_buffer(number: int, size_bytes: int) -> bytes:
    """The buffer that is the `number`-th handle of its frame."""
    return ormsgpack.packb([number, size_bytes])


def map_buffer(handles: Sequence[Handle], number: object, size_bytes: object) -> memoryview:
    """The buffer of which `pack_buffer` has told. Raises `CodecError`."""
    if type(number) is not int or not 0 <= number < len(handles) or type(size_bytes) is not int:
        raise CodecError(text("codec.structure"))
    try:
        buffer = map_shared_copy(handles[number].fileno(), size_bytes)
    except (ValueError, OverflowError) as error:
        raise CodecError(text("codec.structure")) from error
    except OSError as error:
        raise CodecError(str(error)) from error
    handles[number].close()
    return buffer
