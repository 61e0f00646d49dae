"""The only place that knows how this operating system does terminals. Callers never branch."""

import contextlib
import fcntl
import os
import signal
import termios

__all__ = ["copy_terminal_size", "open_terminal", "tell_resized"]


def open_terminal() -> tuple[int, int]:
    """Reader and child's handle of a pseudo-terminal that changes no byte. Raises `OSError` if handles run out."""
    reader, child = os.openpty()
    attributes = termios.tcgetattr(child)
    attributes[1] &= ~termios.OPOST
    termios.tcsetattr(child, termios.TCSANOW, attributes)
    return reader, child


def copy_terminal_size(source: int, to: int) -> bool:
    """Give the terminal `to` the size of the terminal `source`; False if one of them is none, or is gone."""
    try:
        size = fcntl.ioctl(source, termios.TIOCGWINSZ, b"\0" * 8)
        fcntl.ioctl(to, termios.TIOCSWINSZ, size)
    except OSError:
        return False
    return True


def tell_resized(leader_pid: int) -> None:
    """Tell the group that `leader_pid` leads that its terminal has another size.

    The kernel tells only those whose controlling terminal it is. Who does not care takes no notice.
    """
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(leader_pid, signal.SIGWINCH)
