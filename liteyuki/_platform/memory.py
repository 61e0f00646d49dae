"""Memory, as the system gives it."""

import contextlib
import errno
import fcntl
import mmap
import os
import sys
from pathlib import Path
from typing import Final

__all__ = [
    "fresh_memory",
    "give_memory_back",
    "is_sealed",
    "map_shared_copy",
    "open_shared_page",
    "shared_copy",
    "take_memory_from_one_place",
]

_SEALS: Final = fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_WRITE if hasattr(fcntl, "F_GET_SEALS") else 0
_M_ARENA_MAX: Final = -8
"""Of mallopt(3)."""


def take_memory_from_one_place() -> None:
    """Let this process's threads share what they take from: else each partly fills an arena of its own (glibc).

    Before there are any. Where threads allocate at the same time all the time they would wait for each other.
    """
    _call_allocator("mallopt", _M_ARENA_MAX, 1)


def give_memory_back() -> None:
    """Let the system have what this process has used and needs no longer, such as what importing has (glibc)."""
    _call_allocator("malloc_trim", 0)


def _call_allocator(name: str, *arguments: int) -> None:
    if sys.platform.startswith("linux"):
        import ctypes

        function = getattr(ctypes.CDLL(None), name, None)
        if function is not None:
            function(*arguments)


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


def shared_copy(content: memoryview) -> int:
    """A handle of memory with a copy of `content`, which can be given to other processes, and never changes any more.

    Raises `OSError` for want of memory or handles, and where the system has no such thing (all but Linux).
    """
    if not hasattr(os, "memfd_create"):
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))
    handle = os.memfd_create("liteyuki-value", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    try:
        # Written rather than mapped and filled, which takes twice as long: a page fault for each page.
        while content:
            content = content[os.write(handle, content) :]
        fcntl.fcntl(handle, fcntl.F_ADD_SEALS, _SEALS | fcntl.F_SEAL_SEAL)
    except BaseException:
        os.close(handle)
        raise
    return handle


def map_shared_copy(handle: int, size_bytes: int) -> memoryview:
    """What `shared_copy` has made, in this process; nobody else sees what is written to it.

    The caller keeps `handle`, and may close it. Raises `ValueError` if it is anything else, or not of that size, and
    `OSError` for want of handles, one of which is used as long as the memory is.
    """
    try:
        is_sealed = fcntl.fcntl(handle, fcntl.F_GET_SEALS) & _SEALS == _SEALS
    except OSError:
        is_sealed = False  # no memory at all
    if not is_sealed or not 0 < size_bytes == os.fstat(handle).st_size:
        raise ValueError(size_bytes)
    return memoryview(mmap.mmap(handle, size_bytes, flags=mmap.MAP_PRIVATE))


def open_shared_page(size_bytes: int) -> int:
    """A handle of memory that several processes can map. Raises `OSError` if handles run out."""
    if not hasattr(os, "memfd_create"):
        import tempfile

        handle, path = tempfile.mkstemp(prefix="liteyuki-")
        Path(path).unlink()
        os.truncate(handle, size_bytes)
        return handle
    handle = os.memfd_create("liteyuki", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    os.truncate(handle, size_bytes)
    fcntl.fcntl(handle, fcntl.F_ADD_SEALS, fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SEAL)
    return handle


def is_sealed(handle: int, size_bytes: int) -> bool:
    """Whether `handle` is memory of at least that size, and (where the system can tell) stays so."""
    if os.fstat(handle).st_size < size_bytes:
        return False
    if not hasattr(os, "memfd_create"):
        return True
    try:
        return bool(fcntl.fcntl(handle, fcntl.F_GET_SEALS) & fcntl.F_SEAL_SHRINK)
    except OSError:
        return False  # some other kind of file
