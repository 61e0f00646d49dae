"""Signals in this process, in its threads and in the programs that it turns into."""

import signal

__all__ = ["give_signals_back", "leave_signals_to_main_thread", "signal_name", "take_signals_as_usual"]


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
