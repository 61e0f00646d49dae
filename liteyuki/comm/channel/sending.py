"""Waiting for room, and for an answer: on the event loop, in a thread, and in a thread that must read for itself."""

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any, Final

from liteyuki.comm.io.bell import wait_readable
from liteyuki.comm.io.waiters import LoopWaiter, ThreadWaiter, Waiter
from liteyuki.comm.session.credit import Need
from liteyuki.errors import ChannelBusy

if TYPE_CHECKING:
    from liteyuki.comm.session.session import Endpoint

__all__ = ["admit_in_thread", "admit_on_loop", "answer_in_thread", "raise_if_busy", "wait_in_thread"]

_LOOK_AGAIN: Final = 1.0
"""Seconds after which a thread looks whether the loop that reads for it still does."""

_LOOK_FOR_ROOM: Final = 0.05
"""Seconds after which whoever waits for room looks at what the other side has taken. It says so by itself when it has
read that somebody waits; but it may take the last that it has, and then be busy with that, without having read on."""

Admit = Callable[[], bool]
"""Called with the channel's lock: sends if there is room, tells whether it has."""


async def admit_on_loop(endpoint: "Endpoint", need: Need, admit: Admit, timeout: float | None) -> bool:
    """Wait in line until `admit` succeeds; False after `timeout` seconds. What `admit` raises is raised."""
    deadline = None if timeout is None else time.monotonic() + timeout
    ticket = endpoint.room.take_ticket()
    while True:
        with endpoint.lock:
            waiter = LoopWaiter()
            endpoint.room.join(waiter, need, ticket)
            endpoint.look_for_room()
        try:
            was_woken = await _wait_on_loop_to_be_woken(endpoint, waiter, deadline)
        except BaseException:
            # Cancelled, or dropped by whoever ran it: nobody else is to wait for it.
            _leave(endpoint, waiter)
            raise
        if not was_woken:
            _leave(endpoint, waiter)
            return False
        if _try(endpoint, waiter, admit):
            return True


async def _wait_on_loop_to_be_woken(endpoint: "Endpoint", waiter: LoopWaiter, deadline: float | None) -> bool:
    while not waiter.future.done():
        left = _LOOK_FOR_ROOM if deadline is None else min(deadline - time.monotonic(), _LOOK_FOR_ROOM)
        if left <= 0:
            return False
        await asyncio.wait({waiter.future}, timeout=left)
        with endpoint.lock:
            endpoint.look_for_room()
    return True


def admit_in_thread(endpoint: "Endpoint", need: Need, admit: Admit, timeout: float | None) -> bool:
    """The same, blocking this thread. Raises `ChannelBusy`."""
    raise_if_busy(endpoint)
    deadline = None if timeout is None else time.monotonic() + timeout
    ticket = endpoint.room.take_ticket()
    while True:
        waiter = ThreadWaiter()
        try:
            with endpoint.lock:
                endpoint.room.join(waiter, need, ticket)
                endpoint.look_for_room()
            was_woken = _wait_to_be_woken(endpoint, waiter, deadline)
        except BaseException:
            _leave(endpoint, waiter)  # a signal's handler has raised
            raise
        if not was_woken:
            _leave(endpoint, waiter)
            return False
        if _try(endpoint, waiter, admit):
            return True


def raise_if_busy(endpoint: "Endpoint") -> None:
    """Raises `ChannelBusy` if this thread reads or writes already, and must not wait for what comes of that."""
    with endpoint.lock:
        if endpoint.link.is_in_use:
            raise ChannelBusy(endpoint.name)


def _wait_to_be_woken(endpoint: "Endpoint", waiter: ThreadWaiter, deadline: float | None) -> bool:
    while True:
        with endpoint.lock:
            endpoint.look_for_room()
            if not endpoint.room.is_waiting(waiter):
                return True
        left = _LOOK_FOR_ROOM if deadline is None else min(deadline - time.monotonic(), _LOOK_FOR_ROOM)
        if left <= 0:
            return False
        wait_in_thread(endpoint, waiter, left)


def _leave(endpoint: "Endpoint", waiter: Waiter) -> None:
    with endpoint.lock:
        if not endpoint.room.leave(waiter):
            endpoint.room.has_looked(waiter)
        endpoint.look_for_room()  # if it was its turn, it is the next one's now


def _try(endpoint: "Endpoint", waiter: Waiter, admit: Admit) -> bool:
    """It was woken: its turn, and then the next one's."""
    with endpoint.lock:
        admitted = False
        try:
            admitted = admit()
        finally:
            endpoint.room.has_looked(waiter)
            if admitted or endpoint.closed is not None:
                endpoint.look_for_room()
        return admitted


def answer_in_thread(endpoint: "Endpoint", future: "Future[Any]", waiter: ThreadWaiter, deadline: float | None) -> bool:
    """Block this thread until `future` is done; False when it is not by `deadline` (monotonic)."""
    while not future.done():
        left = None if deadline is None else deadline - time.monotonic()
        if left is not None and left <= 0:
            return False
        wait_in_thread(endpoint, waiter, left)
    return True


def wait_in_thread(endpoint: "Endpoint | None", waiter: ThreadWaiter, timeout: float | None) -> None:
    """Until `waiter` may have been woken, or something else has happened, or `timeout` seconds have passed.

    Reads from `endpoint`, and writes what waits, if nobody else will.
    """
    handles, writable = [waiter.fileno()], []
    link = endpoint.link if endpoint is not None else None
    if endpoint is not None and link is not None and not link.loop_will_read():
        with endpoint.lock:
            if link.transport is not None:
                handles.append(link.transport.fileno())
                if not link.flush_now():
                    writable.append(handles[-1])
    if link is not None and len(handles) == 1:
        timeout = _LOOK_AGAIN if timeout is None else min(timeout, _LOOK_AGAIN)
    ready = wait_readable(handles, timeout, or_writable=writable)
    if waiter.fileno() in ready:
        waiter.clear()
    if endpoint is not None and handles[-1] in ready[-1:] and link is not None:
        with endpoint.lock:
            link.read()
        endpoint.told.pass_on()
