"""Signals of this process, its threads and the programs it becomes; and when its children end, as the kernel tells."""

import os
import signal
from collections.abc import Callable
from types import FrameType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import asyncio

__all__ = [
    "ExitWatch",
    "give_signals_back",
    "leave_signals_to_main_thread",
    "signal_name",
    "take_signals_as_usual",
    "watch_children",
    "watch_exit",
]


def leave_signals_to_main_thread() -> None:
    """Call it first in another thread: a signal delivered there would not wake the main thread, which handles it."""
    signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())


def take_signals_as_usual() -> None:
    """Undo what the parent has done to this process's signals: blocked ones, and an ignored SIGCHLD.

    While SIGCHLD is ignored the kernel throws exit codes away, and every crash would look like a normal end.
    """
    signal.pthread_sigmask(signal.SIG_UNBLOCK, signal.valid_signals())
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)


def give_signals_back() -> None:
    """Undo what Python has done to this process's signals, before it turns into another program.

    A program in which SIGPIPE is ignored is not told that its reader has gone, and may write without end.
    """
    for name in ("SIGPIPE", "SIGXFSZ"):
        if (number := getattr(signal, name, None)) is not None:
            signal.signal(number, signal.SIG_DFL)


def signal_name(number: int) -> str:
    """`9` -> `"SIGKILL"`; a number without a name stays a number."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return str(number)


# --- when children end

ExitWatch = Callable[[], None]
"""Call it to stop watching."""


def watch_exit(pid: int, loop: "asyncio.AbstractEventLoop", on_exit: Callable[[], None]) -> ExitWatch:
    """Call `on_exit` on `loop` as soon as the child `pid` has exited; nothing is reaped, nothing polls.

    Linux: a pidfd becomes readable (pidfd_open(2)). Elsewhere: SIGCHLD wakes the loop, which then has to ask. Only from
    the main thread's loop. Stopping is idempotent.
    """
    if hasattr(os, "pidfd_open"):
        handle = os.pidfd_open(pid)
        is_watched = True

        def stop_watching() -> None:
            nonlocal is_watched
            if is_watched:  # afterwards the number may belong to another process
                is_watched = False
                loop.remove_reader(handle)
                os.close(handle)

        loop.add_reader(handle, on_exit)
        return stop_watching
    return _watch_exit_by_signal(pid, loop, on_exit)


_child_watches: dict[int, Callable[[], None]] = {}


def watch_children(loop: "asyncio.AbstractEventLoop", on_end: Callable[[], None]) -> ExitWatch:
    """Call `on_end` on `loop` whenever any child of this process has ended or stopped (SIGCHLD).

    Several that end together may lead to one call. Only from the main thread's loop; raises `ValueError` elsewhere.
    """

    is_told = True

    def tell_all() -> None:
        nonlocal is_told
        is_told = True
        for callback in tuple(_child_watches.values()):
            callback()

    def note(number: int, frame: FrameType | None) -> None:
        # Not the loop's own signal handling: that complains when thousands end while a plugin holds the loop up.
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


def _watch_exit_by_signal(pid: int, loop: "asyncio.AbstractEventLoop", on_exit: Callable[[], None]) -> ExitWatch:
    is_over = False

    def ask() -> None:
        if not is_over and os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None:
            on_exit()

    stop_watching_children = watch_children(loop, ask)

    def stop_watching() -> None:
        nonlocal is_over
        is_over = True
        stop_watching_children()

    # It may have died before the handler was installed.
    loop.call_soon(ask)
    return stop_watching
