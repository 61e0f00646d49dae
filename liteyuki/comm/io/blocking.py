"""A blocking `receive` on the event loop's own thread: other channels' handlers start all the same.

The loop cannot turn meanwhile. So the thread that holds it up reads for every channel of that loop and begins their
handlers itself; one that awaits something goes on when the loop turns again.
"""

import traceback
import weakref
from pathlib import Path
from typing import TYPE_CHECKING, Final

from liteyuki.comm.channel.handing_out import deliver
from liteyuki.comm.io.bell import wait_readable
from liteyuki.errors import ChannelClosed
from liteyuki.locale import text
from liteyuki.log import logger
from liteyuki.vitals import expect_no_turn

if TYPE_CHECKING:
    from liteyuki.comm.session.session import Endpoint

__all__ = ["remember", "wait", "warn_once"]

_OWN_CODE: Final = str(Path(__file__).parents[1])

# All channels that a loop reads for, and the places that have been warned of: one process, one table.
_bound: "weakref.WeakSet[Endpoint]" = weakref.WeakSet()
_warned: set[str] = set()


def remember(channel: "Endpoint") -> None:
    """`channel` is bound to a loop from now on."""
    _bound.add(channel)


def serve_others(blocked: "Endpoint") -> None:
    """One message of each other channel, before `blocked` returns one of its own: they take turns."""
    for channel in tuple(_bound):
        if channel is not blocked and channel.link.loop is blocked.link.loop:
            with channel.lock:
                channel.something_came()
            deliver(channel, at_most=1)


def wait(blocked: "Endpoint", timeout: float | None) -> None:
    """Until `blocked` may have something to receive: serve all channels of its loop, on its thread."""
    link = blocked.link
    expect_no_turn()
    deliver(blocked)
    channels: dict[int, Endpoint] = {}
    unsent: set[int] = set()
    for channel in tuple(_bound):
        other = channel.link
        if other.loop is not link.loop:
            continue
        with channel.lock:
            done = other.flush_now()
            if other.transport is not None and not other.is_paused:
                channels[other.transport.fileno()] = channel
                if not done:
                    unsent.add(other.transport.fileno())
    if not channels:
        # Nobody can send, and nobody can come while this thread holds the loop up.
        raise ChannelClosed(blocked.name, text("channel.reason_deadlock"))
    for handle in wait_readable(list(channels), timeout, or_writable=unsent):
        channel = channels[handle]
        if channel is not blocked:
            with channel.lock:
                channel.link.read()
            deliver(channel)


def warn_once(name: str) -> None:
    """Tell, once per place, who holds the loop up and what to write instead."""
    for frame in reversed(traceback.extract_stack()):
        if not frame.filename.startswith(_OWN_CODE):
            place = f"{frame.filename}:{frame.lineno}"
            break
    else:
        place = "?"
    if place not in _warned:
        _warned.add(place)
        logger.warning(text("channel.blocks_loop", channel=name, place=place))
