"""The disk that the main process writes to, which can be full: a small one if mounting is allowed, else a limit."""

import contextlib
import os
import resource
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Final, Protocol

__all__ = ["Disk", "disk_at"]

_SIZE_MEBIBYTES: Final = 32
_SMALL_BYTES: Final = 8192
"""A page of memory that is shared with a child counts as a file."""


class Disk(Protocol):
    @property
    def what(self) -> str: ...

    def fill(self, main: int) -> None: ...

    def free(self, main: int) -> None: ...


class SmallDisk:
    """A file system in memory that a file fills up."""

    what = f"a tmpfs of {_SIZE_MEBIBYTES} MiB, filled up"

    def __init__(self, directory: Path) -> None:
        self._filler = directory / "filler"

    def fill(self, main: int) -> None:
        with contextlib.suppress(OSError), self._filler.open("wb", buffering=0) as file:
            while True:
                file.write(bytes(2**20))
        with contextlib.suppress(OSError), self._filler.open("ab", buffering=0) as file:
            while True:
                file.write(bytes(512))

    def free(self, main: int) -> None:
        self._filler.unlink()


class Limit:
    """No file of the main process, or of a process that it starts meanwhile, may grow, except small ones, which memory
    needs.
    """

    what = "a limit on the size of files (RLIMIT_FSIZE), as mounting is not allowed here"

    def fill(self, main: int) -> None:
        _, hard = resource.prlimit(main, resource.RLIMIT_FSIZE)
        resource.prlimit(main, resource.RLIMIT_FSIZE, (_SMALL_BYTES, hard))

    def free(self, main: int) -> None:
        _, hard = resource.prlimit(main, resource.RLIMIT_FSIZE)
        resource.prlimit(main, resource.RLIMIT_FSIZE, (hard, hard))


@contextlib.contextmanager
def disk_at(directory: Path) -> Iterator[Disk]:
    """Turn `directory`, which is empty, into a disk that can be full."""
    if not _mount(directory):
        yield Limit()
        return
    directory.chmod(0o700)
    try:
        yield SmallDisk(directory)
    finally:
        subprocess.run(["umount", directory], check=True)


def _mount(directory: Path) -> bool:
    if os.geteuid() or shutil.which("mount") is None:
        return False
    options = f"size={_SIZE_MEBIBYTES}m"
    command = ["mount", "-t", "tmpfs", "-o", options, "chaos", str(directory)]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0
