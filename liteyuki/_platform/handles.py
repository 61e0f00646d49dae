"""Handles, locks and pseudo-terminals of this process."""

import contextlib
import fcntl
import io
import os
import signal
import sys
import termios
from pathlib import Path

__all__ = [
    "copy_terminal_size",
    "forbid_inheriting",
    "lock_file",
    "make_standard_handles",
    "open_terminal",
    "tell_resized",
]


def forbid_inheriting(handle: int) -> None:
    os.set_inheritable(handle, False)


def make_standard_handles() -> None:
    """Open standard input, output and error if they are closed, so that nothing else gets their numbers.

    From then on Python prints each line in one piece, since several threads and handles print to the same place.
    """
    for handle in (0, 1, 2):
        try:
            os.fstat(handle)
        except OSError:
            os.open(os.devnull, os.O_RDWR)
    for name, handle in (("stdout", 1), ("stderr", 2)):
        if getattr(sys, name) is None:
            setattr(sys, name, os.fdopen(handle, "w", closefd=False))
        stream = getattr(sys, name)
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(line_buffering=True, write_through=False)


def lock_file(path: Path) -> tuple[int, int | None]:
    """Take `path` as a lock for the life of this process: (handle, None), or (-1, pid of the holder).

    The lock ends with the process, however that dies. The pid is 0 if the holder has not written it yet.
    """
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        holder = os.read(handle, 32).decode("ascii", "replace").strip()
        os.close(handle)
        return -1, int(holder) if holder.isdecimal() else 0
    os.truncate(handle, 0)
    os.write(handle, str(os.getpid()).encode())
    return handle, None


# --- pseudo-terminals


def open_terminal() -> tuple[int, int]:
    """A pseudo-terminal that changes no byte: reader's and child's handle. Raises `OSError` if handles run out."""
    reader, child = os.openpty()
    attributes = termios.tcgetattr(child)
    attributes[1] &= ~termios.OPOST
    termios.tcsetattr(child, termios.TCSANOW, attributes)
    return reader, child


def copy_terminal_size(source: int, to: int) -> bool:
    """Give the terminal `to` the size of the terminal `source`; False if either is no terminal, or is gone."""
    try:
        size = fcntl.ioctl(source, termios.TIOCGWINSZ, b"\0" * 8)
        fcntl.ioctl(to, termios.TIOCSWINSZ, size)
    except OSError:
        return False
    return True


def tell_resized(leader_pid: int) -> None:
    """Tell the process group of `leader_pid` that its terminal has another size.

    The kernel tells only processes whose controlling terminal it is. A program that does not handle the signal ignores
    it.
    """
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(leader_pid, signal.SIGWINCH)
