"""What has come over a channel goes to its handlers: each on the loop where it belongs."""

import sys
from typing import TYPE_CHECKING, Final

from liteyuki.codec import CodecError
from liteyuki.comm.channel.answers import answer
from liteyuki.comm.channel.handlers import Handler
from liteyuki.comm.session.ending import break_off
from liteyuki.comm.session.request_queue import RequestQueue

if TYPE_CHECKING:
    import asyncio

    from liteyuki.comm.session.session import Endpoint

__all__ = ["deliver"]

_AT_MOST: Final = 1000
"""Messages after which a loop of handlers turns, so that what they have begun goes on."""


def deliver(endpoint: "Endpoint", *, at_most: int = sys.maxsize) -> None:
    """Hand what has arrived to the handlers, so many messages. On the loop's thread, without the lock."""
    endpoint.told.pass_on()
    loop = endpoint.link.loop
    if loop is None or loop.is_closed():
        return
    if endpoint.calls.core_requests:
        _begin_to_answer(endpoint, loop, endpoint.calls.core_requests, endpoint.calls.core_handlers)
    if endpoint.handlers_loop is None:
        _hand_out(endpoint, loop, at_most)
    else:
        _hand_out_elsewhere(endpoint)


def _hand_out_elsewhere(endpoint: "Endpoint") -> None:
    if endpoint.has_work_for_handlers and not endpoint.is_handing_out_due and endpoint.handlers_loop is not None:
        endpoint.is_handing_out_due = True
        endpoint.handlers_loop.call_soon(lambda: _hand_out_there(endpoint))


def _hand_out_there(endpoint: "Endpoint") -> None:
    assert endpoint.handlers_loop is not None
    endpoint.is_handing_out_due = False  # first this: what comes from now on may be missed below
    try:
        _hand_out(endpoint, endpoint.handlers_loop.loop, _AT_MOST)
    finally:
        if not endpoint.receiver.is_handing_out:  # or whoever is at it goes on
            _hand_out_elsewhere(endpoint)


def _hand_out(endpoint: "Endpoint", loop: "asyncio.AbstractEventLoop", at_most: int) -> None:
    if endpoint.calls.requests:
        _begin_to_answer(endpoint, loop, endpoint.calls.requests, endpoint.calls.handlers)
    try:
        endpoint.receiver.hand_out(loop, at_most, reads_elsewhere=endpoint.handlers_loop is not None)
    except CodecError as error:
        with endpoint.lock:
            break_off(endpoint, str(error))
    if endpoint.link.is_paused:
        with endpoint.lock:
            endpoint.unpause()


def _begin_to_answer(
    endpoint: "Endpoint", loop: "asyncio.AbstractEventLoop", requests: RequestQueue, handlers: tuple[Handler, ...]
) -> None:
    while requests:
        with endpoint.lock:
            request = requests.take()
        endpoint.tasks.start(loop, answer(endpoint, handlers, *request))
