"""Closing this process's end of a channel, after what is queued has been written."""

import asyncio
from typing import TYPE_CHECKING

from liteyuki.comm.io.waiters import LoopWaiter
from liteyuki.comm.session.ending import let_go_of_transport
from liteyuki.errors import ChannelClosed
from liteyuki.locale import text
from liteyuki.log import logger

if TYPE_CHECKING:
    from liteyuki.comm.session.session import Endpoint

__all__ = ["begin_to_close", "close_in_background", "close_in_thread", "close_on_loop", "end_closing"]


def begin_to_close(endpoint: "Endpoint") -> bool:
    """This end is not used any more; what is queued is still to be written. Whether it was open."""
    with endpoint.lock:
        if endpoint.closed is not None:
            return False
        endpoint.closed = ChannelClosed(endpoint.name, text("channel.reason_closed_here"))
        endpoint.is_closed_here = True
        endpoint.receiver.finish_in_hand()
        endpoint.calls.fail_all()
        endpoint.room.close()
        endpoint.receiver.inbox.wake_all()
        endpoint.link.flush()
        return True


def close_in_thread(endpoint: "Endpoint", timeout: float) -> None:
    """After `begin_to_close`: block this thread until all is written. Raises `TimeoutError` if something was left."""
    endpoint.link.write_out(timeout)
    _raise_unless_all(endpoint, end_closing(endpoint), timeout)


async def close_on_loop(endpoint: "Endpoint", timeout: float) -> None:
    """The same, without holding the loop up."""
    dropped = 0
    try:
        await _written(endpoint, timeout)
    finally:
        dropped = end_closing(endpoint)
    _raise_unless_all(endpoint, dropped, timeout)


async def close_in_background(endpoint: "Endpoint", timeout: float) -> None:
    """The same, where nobody waits for it: what is left is logged."""
    try:
        await _written(endpoint, timeout)
    finally:
        dropped = end_closing(endpoint)
        if dropped:
            logger.warning(text("channel.dropped", channel=endpoint.name, count=dropped))


async def _written(endpoint: "Endpoint", timeout: float) -> None:
    """Wait until the OS has all, so many seconds at most."""
    with endpoint.lock:
        if endpoint.link.flush_now():
            return
        waiter = endpoint.closing = LoopWaiter()
    await asyncio.wait({waiter.future}, timeout=timeout)


def end_closing(endpoint: "Endpoint") -> int:
    """Let go of the transport. How many messages are lost because they were not written in time."""
    link = endpoint.link
    with endpoint.lock:
        endpoint.closing = None
        is_out = link.flush_now()
        unwritten = endpoint.outbox.drop_all(is_written_lost=link.has_ended, is_last_unwritten=not is_out)
        let_go_of_transport(endpoint)
        endpoint.receiver.inbox.clear()  # letting go has read what was there
        return unwritten


def _raise_unless_all(endpoint: "Endpoint", dropped: int, timeout: float) -> None:
    if dropped:
        raise TimeoutError(text("error.close_timeout", channel=endpoint.name, count=dropped, seconds=timeout))
