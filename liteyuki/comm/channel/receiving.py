"""Receiving one value at a time: in a thread, on the event loop, and in a thread that holds the loop up."""

import time
from typing import TYPE_CHECKING, Any, Final

from liteyuki.comm.io import blocking
from liteyuki.comm.io.waiters import LoopWaiter, ThreadWaiter
from liteyuki.comm.wire import FrameKind
from liteyuki.errors import ChannelClosed, NoHandlesLeft
from liteyuki.locale import text

if TYPE_CHECKING:
    from liteyuki.comm.session.session import Endpoint

__all__ = ["receive_in_thread", "receive_on_loop"]


_NOTHING: Final = object()
_MESSAGE: Final = int(FrameKind.MESSAGE)


def receive_in_thread(endpoint: "Endpoint", timeout: float | None) -> Any:
    """Block this thread until there is a value, or raise as `Channel.receive` does."""
    inbox, link = endpoint.receiver.inbox, endpoint.link
    with endpoint.lock:
        endpoint.receiver.begin_to_receive()
        endpoint.bind_to_running_loop()
        link.flush_unless_loop_will()
    if timeout is None and link.loop is None:
        value = _receive_alone(endpoint)
        if value is not _NOTHING:
            return value
    deadline = None if timeout is None else time.monotonic() + timeout
    with endpoint.lock:
        on_loop = link.on_loop_thread()
        holds_up_loop = endpoint.on_loop_thread()
        if link.transport is not None and not link.thread_reads and not holds_up_loop and not endpoint.must_watch():
            endpoint.let_threads_read(True)
    if holds_up_loop:
        blocking.warn_once(endpoint.name)
    if on_loop:
        blocking.serve_others(endpoint)
    elif holds_up_loop and endpoint.handlers_loop is not None:
        endpoint.let_threads_read(False)
        endpoint.handlers_loop.run()
    has_looked = link.loop is None and timeout is None  # then waiting for the handle comes to the same
    waiter: ThreadWaiter | None = None
    try:
        while True:
            with endpoint.lock:
                if waiter is not None:
                    inbox.threads.remove(waiter)
                    waiter = None
                endpoint.raise_if_closed_here()
                if inbox.values or inbox or (not has_looked and endpoint.something_came()):
                    return endpoint.take()
                _raise_if_nothing_can_come(endpoint)
                waiter = _begin_to_wait(endpoint)
                handle = link.transport.fileno() if link.transport is not None else None
            has_looked = False
            if endpoint.told:
                endpoint.told.pass_on()
            left = None if deadline is None else deadline - time.monotonic()
            if left is not None and left <= 0:
                raise TimeoutError(text("error.receive_timeout", channel=endpoint.name, seconds=timeout))
            if on_loop:
                blocking.wait(endpoint, left)
            elif holds_up_loop and endpoint.handlers_loop is not None:
                endpoint.handlers_loop.wait(endpoint, waiter, left)
            else:
                inbox.wait_in_thread(waiter, handle, left)
    finally:
        with endpoint.lock:
            if waiter in inbox.threads:  # or a signal's handler has raised when it had just been removed
                inbox.threads.remove(waiter)
            _wake_next(endpoint)


def _wake_next(endpoint: "Endpoint") -> None:
    """What woke this thread is the next one's business too. With the lock."""
    inbox = endpoint.receiver.inbox
    if inbox.threads and (inbox or endpoint.closed or endpoint.peer_stops):
        inbox.threads[0].wake()


def _receive_alone(endpoint: "Endpoint") -> Any:
    """Wait for one small message and return it, if no loop and no other thread has a part in this; else `_NOTHING`.

    The way of a round trip between two plain processes, with as few steps as it takes. Whatever is not that simple
    is left as it is, for the way of all others.
    """
    inbox, link = endpoint.receiver.inbox, endpoint.link
    with endpoint.lock:
        transport = link.transport
        if transport is None or inbox.threads or inbox or endpoint.told or not endpoint.is_talking:
            return _NOTHING
        waiter, handle = _begin_to_wait(endpoint), transport.fileno()
    try:
        inbox.wait_in_thread(waiter, handle, None)
    finally:
        with endpoint.lock:
            inbox.threads.remove(waiter)
            _wake_next(endpoint)
    with endpoint.lock:
        if inbox.threads or inbox or link.transport is not transport or link.loop is not None:
            return _NOTHING
        return endpoint.take() if link.read_only(_MESSAGE, inbox.add) else _NOTHING


def _begin_to_wait(endpoint: "Endpoint") -> ThreadWaiter:
    try:
        return endpoint.receiver.inbox.begin_to_wait()
    except OSError as error:
        raise NoHandlesLeft(endpoint.name, error.errno or 0) from error


def _raise_if_nothing_can_come(endpoint: "Endpoint") -> None:
    endpoint.raise_if_closed()
    if endpoint.peer_stops:
        raise ChannelClosed(endpoint.name, text("channel.reason_stopping"))


async def receive_on_loop(endpoint: "Endpoint") -> Any:
    """Wait for a value, or raise as `Channel.async_receive` does."""
    with endpoint.lock:
        endpoint.receiver.begin_to_receive()
    inbox = endpoint.receiver.inbox
    while True:
        with endpoint.lock:
            endpoint.bind_to_running_loop()
            endpoint.raise_if_closed_here()
            # If the loop reads, it has read what there was.
            if inbox or (not endpoint.link.is_watched and endpoint.something_came()):
                return endpoint.take()
            endpoint.raise_if_closed()
            waiter = LoopWaiter()
            inbox.waiters.append(waiter)
        endpoint.let_threads_read(False)
        try:
            await waiter.future
        except BaseException:  # cancelled, or dropped by whoever ran it
            with endpoint.lock:
                # If it was its turn, it is the next one's now.
                if waiter in inbox.waiters:
                    inbox.waiters.remove(waiter)
                elif inbox:
                    inbox.wake_one()
            raise
