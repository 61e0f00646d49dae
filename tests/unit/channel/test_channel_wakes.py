"""Whoever waits at the bound goes on when the other side takes, wherever the two of them live."""

import asyncio
import threading
from collections.abc import Awaitable, Callable
from concurrent.futures import Future
from typing import Any

import pytest

from liteyuki.comm.channel import Channel
from tests.unit.channel.optioned import wait_for_sender, weighing, with_options
from tests.unit.joined import DEADLINE, Joiner, in_thread

BOUND = 5_000
VALUES = [weighing(number % 251, 400 + 61 * (number % 20)) for number in range(400)]
LARGE = bytes(3 * BOUND)
STREAM = [*VALUES[:200], LARGE, *VALUES[200:], ("last",)]


class Side:
    """One side of a test: its channel, and whether all of it is over."""

    def __init__(self, channel: Channel[Any], is_over: threading.Event) -> None:
        self.channel = channel
        self._is_over = is_over

    def on_a_loop(self, work: Callable[[], Awaitable[Any]]) -> Any:
        """Run `work` on a loop of its own, which turns until all is over."""

        async def body() -> Any:
            self.channel.bind(asyncio.get_running_loop())
            result = await asyncio.wait_for(work(), DEADLINE)
            await asyncio.to_thread(self._is_over.wait, DEADLINE)
            return result

        return asyncio.run(body())


# --- who sends


def _asend(side: Side) -> None:
    async def work() -> None:
        for value in STREAM:
            await side.channel.asend(value)

    side.on_a_loop(work)


def _send_all(side: Side) -> None:
    for value in STREAM:
        side.channel.send(value, timeout=DEADLINE)


def _thread_with_loop(side: Side) -> None:
    side.on_a_loop(lambda: asyncio.to_thread(_send_all, side))


# --- who receives


def _handlers(side: Side, got: list[Any], enough: threading.Event) -> None:
    def handle(value: Any) -> None:
        got.append(value)
        if len(got) == len(STREAM):
            enough.set()

    async def work() -> None:
        side.channel.on_receive()(handle)
        await asyncio.to_thread(enough.wait, DEADLINE)

    side.on_a_loop(work)


def _async_receive(side: Side, got: list[Any], enough: threading.Event) -> None:
    async def work() -> None:
        while len(got) < len(STREAM):
            got.append(await side.channel.async_receive())
        enough.set()

    side.on_a_loop(work)


def _receive(side: Side, got: list[Any], enough: threading.Event) -> None:
    while len(got) < len(STREAM):
        got.append(side.channel.receive(DEADLINE))
    enough.set()


def _receive_beside_loop(side: Side, got: list[Any], enough: threading.Event) -> None:
    side.channel.on_request()(print)  # so that the loop reads
    side.on_a_loop(lambda: asyncio.to_thread(_receive, side, got, enough))


SENDERS: dict[str, Callable[[Side], None]] = {
    "loop": _asend,
    "thread with a loop": _thread_with_loop,
    "thread": _send_all,
}
RECEIVERS: dict[str, Callable[[Side, list[Any], threading.Event], None]] = {
    "handlers": _handlers,
    "loop": _async_receive,
    "thread": _receive,
    "thread with a loop": _receive_beside_loop,
}


def _exchange(joiner: Joiner, sender: str, receiver: str, *, attach_later: bool) -> list[Any]:
    joined = with_options(joiner, max_queued_bytes=BOUND)
    main = joined.kept()
    child = None if attach_later else joined.child_of(main)
    enough = threading.Event()
    got: list[Any] = []
    work: list[Future[None]] = [in_thread(lambda: SENDERS[sender](Side(main, enough)))]
    if child is None:
        wait_for_sender(main)
        child = joined.child_of(main)
    receiving = child
    work.append(in_thread(lambda: RECEIVERS[receiver](Side(receiving, enough), got, enough)))
    for thread in work:
        thread.result(DEADLINE * 2)
    return got


@pytest.mark.parametrize("receiver", RECEIVERS)
@pytest.mark.parametrize("sender", SENDERS)
def test_a_sender_goes_on_whenever_the_receiver_takes(joiner: Joiner, sender: str, receiver: str) -> None:
    assert _exchange(joiner, sender, receiver, attach_later=False) == STREAM


@pytest.mark.parametrize("receiver", ["handlers", "thread"])
@pytest.mark.parametrize("sender", SENDERS)
def test_who_has_waited_for_a_child_goes_on_when_it_comes_and_takes(joiner: Joiner, sender: str, receiver: str) -> None:
    assert _exchange(joiner, sender, receiver, attach_later=True) == STREAM


def test_many_threads_that_wait_all_get_their_turn(joiner: Joiner) -> None:
    main, child = with_options(joiner, max_queued_bytes=BOUND).channels()

    def send_some(thread: int) -> None:
        for number in range(40):
            main.send((thread, number, bytes(600)), timeout=DEADLINE)

    senders = [in_thread(lambda thread=thread: send_some(thread)) for thread in range(8)]  # type: ignore[misc]
    received = [child.receive(DEADLINE) for _ in range(8 * 40)]
    for thread in range(8):
        assert [number for sender, number, _ in received if sender == thread] == list(range(40))
    for sender in senders:
        sender.result(DEADLINE)
