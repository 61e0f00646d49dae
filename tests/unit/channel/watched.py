"""What tests must know of a live channel and people need not: the only place here that knows a private name of it."""

import contextlib
import time
from collections.abc import Callable, Iterator
from typing import Any

from liteyuki.comm.channel import Channel
from liteyuki.comm.io.outgoing import Bursts
from liteyuki.comm.session import Held
from tests.unit.joined import DEADLINE

__all__ = [
    "held",
    "is_free",
    "is_unwritten",
    "locked",
    "read_now",
    "receivers",
    "something_waits_here",
    "time_bursts_by",
    "wait_for_receivers",
    "write_now",
]


def receivers(channel: Channel[Any]) -> int:
    """How many threads and coroutines wait in `receive`."""
    return len(channel._session.inbox.waiters)


def wait_for_receivers(channel: Channel[Any], count: int = 1) -> None:
    """Block until so many wait."""
    end = time.monotonic() + DEADLINE
    while receivers(channel) < count:
        assert time.monotonic() < end, "nobody waits to receive"
        time.sleep(0.001)


def something_waits_here(channel: Channel[Any]) -> bool:
    """Whether something has come that nobody has taken."""
    return bool(channel._session.inbox)


def held(channel: Channel[Any]) -> Held:
    """What this side holds for the other one."""
    with channel._connection.lock:
        channel._session.look_for_room()
        return channel._session.held


def read_now(channel: Channel[Any]) -> bool:
    """Have what is there read, and nothing handed out."""
    with channel._connection.lock:
        return channel._connection.read()


def is_unwritten(channel: Channel[Any]) -> bool:
    """Whether something waits to be given to the transport."""
    return not channel._session.outbox.is_idle


def is_free(channel: Channel[Any]) -> bool:
    """Whether nobody has left the channel's lock behind."""
    if not channel._connection.lock.acquire(timeout=DEADLINE):
        return False
    channel._connection.lock.release()
    return True


def write_now(channel: Channel[Any]) -> None:
    """Block until the system has all that was sent."""
    assert channel._connection.write_out(DEADLINE)


def time_bursts_by(channel: Channel[Any], clock: Callable[[], float]) -> None:
    """Tell by `clock` whether messages are sent so fast that they are to go together."""
    channel._connection.outgoing._bursts = Bursts(clock)


@contextlib.contextmanager
def locked(channel: Channel[Any]) -> Iterator[None]:
    """As everybody who uses the channel meanwhile waits for it."""
    with channel._connection.lock:
        yield
