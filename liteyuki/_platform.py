"""The only place that asks which operating system this is.

Everything here has one name and one meaning on every system; callers never branch. Windows is designed for
(spawn flags, handle inheritance and the stop signal would get their second branch here) and not claimed yet.
"""

import asyncio
import contextlib
import errno
import fcntl
import io
import os
import signal
import socket
import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

__all__ = [
    "ExitWatch",
    "forbid_inheriting",
    "give_signals_back",
    "is_init",
    "is_sealed",
    "leave_signals_to_main_thread",
    "listener_of_port",
    "lock_file",
    "make_standard_handles",
    "open_shared_page",
    "signal_name",
    "spawn_options",
    "take_signals_as_usual",
    "watch_children",
    "watch_exit",
]

ExitWatch = Callable[[], None]
"""Call it to stop watching."""


def spawn_options(handles: tuple[int, ...]) -> dict[str, Any]:
    """Arguments for `subprocess.Popen`: only `handles` are passed, and the child leads a group of its own.

    The own session keeps a terminal's Ctrl+C away from the child (the main process alone answers to it), and
    lets `_platform_tree.kill_group` reach what the child has started.
    """
    return {"pass_fds": handles, "close_fds": True, "start_new_session": True}


def forbid_inheriting(handle: int) -> None:
    os.set_inheritable(handle, False)


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


def is_init() -> bool:
    """Whether this is the first process of a container, which gets all orphans, and only the signals it asks for."""
    return os.getpid() == 1


def make_standard_handles() -> None:
    """Open what is closed of standard input, output and error, so that nothing else gets those numbers.

    Python prints each line in one piece from then on, since several threads and handles print to the same place.
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


def leave_signals_to_main_thread() -> None:
    """First in another thread: a signal that came there would not wake up the main thread, which handles it."""
    signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())


def take_signals_as_usual() -> None:
    """Undo what whoever started this process has done to its signals: blocked ones, and an ignored SIGCHLD.

    With that ignored the kernel throws exit codes away, and every crash would look like a normal end.
    """
    signal.pthread_sigmask(signal.SIG_UNBLOCK, signal.valid_signals())
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)


def give_signals_back() -> None:
    """Undo what Python has done to this process's signals, before it turns into another program.

    A program that is not told when its reader is gone, because SIGPIPE is ignored, may write without end.
    """
    for name in ("SIGPIPE", "SIGXFSZ"):
        if (number := getattr(signal, name, None)) is not None:
            signal.signal(number, signal.SIG_DFL)


def watch_exit(pid: int, loop: asyncio.AbstractEventLoop, on_exit: Callable[[], None]) -> ExitWatch:
    """Call `on_exit` on `loop` as soon as the child `pid` has exited; nothing is reaped, nothing polls.

    Linux: a pidfd becomes readable (pidfd_open(2)). Elsewhere: SIGCHLD wakes the loop, which then has to ask.
    Only from the main thread's loop. To stop watching twice is harmless.
    """
    if hasattr(os, "pidfd_open"):
        handle = os.pidfd_open(pid)
        is_watched = True

        def stop_watching() -> None:
            nonlocal is_watched
            if is_watched:  # afterwards the number may be anybody's
                is_watched = False
                loop.remove_reader(handle)
                os.close(handle)

        loop.add_reader(handle, on_exit)
        return stop_watching
    return _watch_exit_by_signal(pid, loop, on_exit)


_child_watches: dict[int, Callable[[], None]] = {}


def watch_children(loop: asyncio.AbstractEventLoop, on_end: Callable[[], None]) -> ExitWatch:
    """Call `on_end` on `loop` whenever a child of this process, whichever, has ended or stopped (SIGCHLD).

    Several that end together may be told once. Only from the main thread's loop; raises `ValueError` elsewhere.
    """

    is_told = True

    def tell_all() -> None:
        nonlocal is_told
        is_told = True
        for callback in tuple(_child_watches.values()):
            callback()

    def note(number: int, frame: FrameType | None) -> None:
        # Not the loop's own handling of signals: it complains when thousands end while a plugin holds the loop up.
        nonlocal is_told
        if is_told and not loop.is_closed():
            is_told = False
            loop.call_soon_threadsafe(tell_all)

    if not _child_watches:
        signal.signal(signal.SIGCHLD, note)
    key = max(_child_watches, default=0) + 1
    _child_watches[key] = on_end

    def stop_watching() -> None:
        if _child_watches.pop(key, None) is not None and not _child_watches:
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)

    return stop_watching


def _watch_exit_by_signal(pid: int, loop: asyncio.AbstractEventLoop, on_exit: Callable[[], None]) -> ExitWatch:
    is_over = False

    def ask() -> None:
        if not is_over and os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None:
            on_exit()

    stop_watching_children = watch_children(loop, ask)

    def stop_watching() -> None:
        nonlocal is_over
        is_over = True
        stop_watching_children()

    # It may have died before the handler stood.
    loop.call_soon(ask)
    return stop_watching


def signal_name(number: int) -> str:
    """`9` -> `"SIGKILL"`; a number without a name stays a number."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return str(number)


def lock_file(path: Path) -> tuple[int, int | None]:
    """Take `path` as a lock for this process's life: (handle, None), or (-1, pid of the holder).

    The lock goes with the process, however it dies. The pid is 0 if the holder has not written it yet.
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


def listener_of_port(port: int) -> int | None:
    """The pid that listens on TCP `port` on this machine, as far as this user may see it (Linux only)."""
    if not sys.platform.startswith("linux"):
        return None
    inodes = _listening_inodes(port)
    if not inodes:
        return None
    for directory in Path("/proc").iterdir():
        if not directory.name.isdecimal():
            continue
        with contextlib.suppress(OSError):
            for link in (directory / "fd").iterdir():
                with contextlib.suppress(OSError):
                    if link.readlink().name in inodes:
                        return int(directory.name)
    return None


def _listening_inodes(port: int) -> set[str]:
    """`socket:[inode]` names of the TCP sockets in state LISTEN (0A, see proc(5)) on `port`."""
    found: set[str] = set()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        with contextlib.suppress(OSError):
            for line in Path(table).read_text().splitlines()[1:]:
                field = line.split()
                if field[3] == "0A" and int(field[1].rpartition(":")[2], 16) == port:
                    found.add(f"socket:[{field[9]}]")
    return found


def port_is_taken(host: str, port: int) -> bool:
    """Whether binding TCP `host`:`port` fails because somebody has it."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            return error.errno == errno.EADDRINUSE
    return False
