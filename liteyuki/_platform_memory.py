"""Memory, as the system gives it."""

import contextlib
import mmap
import sys
from typing import Final

__all__ = ["fresh_memory", "take_memory_from_one_place"]

_M_ARENA_MAX: Final = -8
"""mallopt(3)."""


def take_memory_from_one_place() -> None:
    """Let this process's threads share what they take from: else each partly fills an arena of its own (glibc).

    Before there are any. Where threads allocate at the same time all the time they would wait for each other.
    """
    if sys.platform.startswith("linux"):
        import ctypes

        mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
        if mallopt is not None:
            mallopt(_M_ARENA_MAX, 1)


def fresh_memory(size_bytes: int) -> mmap.mmap:
    """So much zeroed memory of this process's own, which the system provides when it is first touched.

    In large pages where it has some: a page fault for every 4 KiB takes as long as filling them. Raises `MemoryError`.
    """
    private = {"flags": mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS} if hasattr(mmap, "MAP_ANONYMOUS") else {}
    try:
        memory = mmap.mmap(-1, size_bytes, **private)
    except OSError as error:
        raise MemoryError from error
    if hasattr(mmap, "MADV_HUGEPAGE"):
        with contextlib.suppress(OSError):  # a system that was built without them
            memory.madvise(mmap.MADV_HUGEPAGE)
    return memory
