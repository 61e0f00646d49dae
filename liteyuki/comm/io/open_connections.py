"""The channels of this process that have been attached: for what must be done to all of them, at a fork and at exit."""

import atexit
import os
import time
import weakref
from typing import TYPE_CHECKING, Final

from liteyuki.comm.io.left_to_loops import left_to_loops

if TYPE_CHECKING:
    from liteyuki.comm.session.session import Endpoint

__all__ = ["remember"]

_DRAIN: Final = 2.0
"""Seconds that the end of the process waits for what is still to be written, all channels together."""

# One process, one table; what hangs on it is installed when the first channel is attached.
_attached: "weakref.WeakSet[Endpoint]" = weakref.WeakSet()
_installed_in: list[int] = []


def remember(endpoint: "Endpoint") -> None:
    """`endpoint` has a transport from now on."""
    _attached.add(endpoint)
    if not _installed_in:
        _installed_in.append(os.getpid())
        atexit.register(_drain)
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=_leave_to_parent)


def _leave_to_parent() -> None:
    """A forked child must not read what is its parent's, nor keep the other side from seeing the parent's end."""
    left_to_loops.forked()
    for endpoint in tuple(_attached):
        endpoint.forked()
    _attached.clear()


def _drain() -> None:
    """Write what is queued, as `multiprocessing.Queue` does; a process that only sends may end right after."""
    deadline = time.monotonic() + _DRAIN
    for endpoint in tuple(_attached):
        endpoint.link.write_out(max(0.0, deadline - time.monotonic()))
