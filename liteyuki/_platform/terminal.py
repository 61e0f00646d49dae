"""Pseudo-terminals; the only place that knows how this operating system makes them."""

import contextlib
import fcntl
import os
import signal
import termios

__all__ = ["copy_terminal_size", "open_terminal", "tell_resized"]


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
