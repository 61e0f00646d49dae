"""Memory of the operating system: giving it back, large blocks, and memory that processes share."""

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
    """Let the threads of this process share one arena: by default each partly fills one of its own (glibc).

    Call it before there are any. Threads that allocate at the same time all the time would wait for each other.
    """
    _call_allocator("mallopt", _M_ARENA_MAX, 1)


def give_memory_back() -> None:
    """Give the system the memory that this process no longer needs, such as what importing took (glibc)."""
    _call_allocator("malloc_trim", 0)


def _call_allocator(name: str, *arguments: int) -> None:
    if sys.platform.startswith("linux"):
        import ctypes

        function = getattr(ctypes.CDLL(None), name, None)
        if function is not None:
            function(*arguments)


def fresh_memory(size_bytes: int) -> mmap.mmap:
    """That many bytes of zeroed memory, private to this process, which the system provides when they are first touched.

    It uses large pages if the system has some: a page fault for every 4 KiB takes as long as filling them. Raises
    `MemoryError`.
    """
    private = {"flags": mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS} if hasattr(mmap, "MAP_ANONYMOUS") else {}
    try:
        memory = mmap.mmap(-1, size_bytes, **private)
    except OSError as error:
        raise MemoryError from error
    if hasattr(mmap, "MADV_HUGEPAGE"):
        with contextlib.suppress(OSError):  # some systems are built without them
            memory.madvise(mmap.MADV_HUGEPAGE)
    return memory


def shared_copy(content: memoryview) -> int:
    """A handle of memory with a copy of `content`, which never changes and can be given to other processes.

    Raises `OSError` if memory or handles run out, and on systems without such memory (all but Linux).
    """
    if not hasattr(os, "memfd_create"):
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))
    handle = os.memfd_create("liteyuki-value", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    try:
        # Written, not mapped and filled: a page fault for each page would take twice as long.
        while content:
            content = content[os.write(handle, content) :]
        fcntl.fcntl(handle, fcntl.F_ADD_SEALS, _SEALS | fcntl.F_SEAL_SEAL)
    except BaseException:
        os.close(handle)
        raise
    return handle


def map_shared_copy(handle: int, size_bytes: int) -> memoryview:
    """The content of a handle that `shared_copy` has made; nobody else sees what this process writes to it.

    The caller keeps `handle`, and may close it. Raises `ValueError` if it is anything else, or has another size, and
    `OSError` if handles run out: one is in use as long as the memory is.
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
