"""Channels that were sent over channels, and what must be true of them."""

import contextlib
import gc
from collections.abc import Iterator
from typing import Any

import pytest

from harness import open_handles
from liteyuki.comm.channel import Channel
from liteyuki.comm.io.waiters import ThreadWaiter
from liteyuki.comm.transport import Transport
from liteyuki.comm.wire import Handle
from liteyuki.errors import ChannelBroken
from tests.unit.joined import DEADLINE, close_at_once, hello, send_raw


@contextlib.contextmanager
def closing(*channels: Channel[Any]) -> Iterator[None]:
    """Close what a test has received."""
    try:
        yield
    finally:
        for channel in channels:
            close_at_once(channel)


def check_broken_by(frame: bytes, handle: Handle, child: Channel[Any], raw: Transport) -> None:
    """`frame`, which comes with `handle` over `raw`, breaks `child`, and leaves no handle open."""
    send_raw(raw, hello())
    before = handles_so_far() - 1  # but for `handle`
    raw.queued.append(([frame], [handle]))
    assert raw.flush()
    handle.close()
    with pytest.raises(ChannelBroken):
        child.receive(DEADLINE)
    gc.collect()
    assert open_handles() <= before


def handles_so_far() -> int:
    """How many handles are open, with those that this thread waits on."""
    ThreadWaiter()
    gc.collect()
    return open_handles()


def check_connected(near: Channel[Any], far: Channel[Any], *values: Any) -> None:
    """Whether each is the other's other end."""
    assert isinstance(far, Channel)
    assert far.name == near.name
    for value in values or ("hello", ("large", bytes(300_000))):
        near.send(value)
        assert far.receive(DEADLINE) == value
        far.send((value, "back"))
        assert near.receive(DEADLINE) == (value, "back")
