"""When a message is handled, and that it comes again if it was not."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from liteyuki.comm.channel import Channel
from tests.unit.channel.optioned import with_options
from tests.unit.joined import DEADLINE, Arrivals, Joiner, crash, run, until


def handled(joiner: Joiner) -> tuple[Joiner, Channel[Any]]:
    """A joiner whose channels count a message as taken when it is handled, and a main process's one."""
    joined = with_options(joiner, ack="handled")
    return joined, joined.kept()


def received(child: Channel[Any], count: int) -> list[tuple[Any, bool]]:
    """The next values, and whether each was begun before; more than these are not there."""
    got = [(child.receive(DEADLINE), child.redelivered) for _ in range(count)]
    with pytest.raises(TimeoutError):
        child.receive(timeout=0)
    return got


# --- handlers, which have handled a message when they have finished


def test_a_message_is_redelivered_if_its_handler_had_not_finished(joiner: Joiner) -> None:
    async def body() -> None:
        joined, main = handled(joiner)
        first = joined.child_of(main, 1)
        begun = Arrivals()

        @first.on_receive()
        async def never_done(value: int) -> None:
            begun.add((value, first.redelivered))
            await asyncio.Event().wait()

        for number in range(3):
            main.send(number)
        assert await begun.until(3) == [(0, False), (1, False), (2, False)]
        crash(first, main)
        main.send(3)
        assert received(joined.child_of(main, 2), 4) == [(0, True), (1, True), (2, True), (3, False)]

    run(body())


@pytest.mark.parametrize("finished", [[0], [1], [0, 1], [2, 0], [4, 3, 0, 1], [4, 3, 2, 1]], ids=repr)
def test_handlers_that_finish_out_of_order_are_done_as_far_as_all_before_are(
    joiner: Joiner, finished: list[int]
) -> None:
    async def body() -> None:
        joined, main = handled(joiner)
        first = joined.child_of(main, 1)
        begun, done = Arrivals(), Arrivals()
        gates = [asyncio.Event() for _ in range(5)]

        @first.on_receive()
        async def handle(value: int) -> None:
            begun.add(value)
            await gates[value].wait()
            done.add(value)

        for number in range(5):
            main.send(number)
        await begun.until(5)
        for count, number in enumerate(finished, 1):
            gates[number].set()
            await done.until(count)
        for _ in range(3):
            await asyncio.sleep(0)
        crash(first, main)
        left = next(number for number in range(6) if number not in finished)
        assert received(joined.child_of(main, 2), 5 - left) == [(number, True) for number in range(left, 5)]

    run(body())


async def _later_error(value: object) -> None:
    await asyncio.sleep(0)
    raise RuntimeError(value)


def _error(value: object) -> None:
    raise RuntimeError(value)


async def _quick(value: object) -> None: ...


HANDLERS: dict[str, Callable[[Any], Awaitable[None] | None]] = {
    "plain": lambda value: None,
    "raises": _error,
    "coroutine": _quick,
    "coroutine that raises": _later_error,
}


@pytest.mark.parametrize("name", HANDLERS)
def test_whatever_way_its_handlers_have_ended_a_message_is_handled(joiner: Joiner, name: str) -> None:
    async def body() -> None:
        joined, main = handled(joiner)
        child = joined.child_of(main, 1)
        child.on_receive(lambda value: value != "unwanted")(HANDLERS[name])
        for value in "unwanted", 1, 2:
            main.send(value)
        await until(lambda: main.stats.queued == 0, "all to be handled")
        crash(child, main)
        assert received(joined.child_of(main, 2), 0) == []

    run(body())


def test_a_message_is_handled_when_the_last_of_its_handlers_is_done(joiner: Joiner) -> None:
    async def body() -> None:
        joined, main = handled(joiner)
        child = joined.child_of(main, 1)
        gate, begun = asyncio.Event(), Arrivals()
        child.on_receive()(begun.add)

        @child.on_receive()
        async def slow(value: int) -> None:
            await gate.wait()

        main.send(1)
        await begun.until(1)
        for _ in range(5):
            await asyncio.sleep(0)
        assert main.stats.queued == 1
        gate.set()
        await until(lambda: main.stats.queued == 0, "the slow handler")

    run(body())


def test_a_handler_that_is_cancelled_has_not_handled_its_message(joiner: Joiner) -> None:
    joined, main = handled(joiner)
    child = joined.child_of(main, 1)

    async def body() -> None:
        begun = Arrivals()

        @child.on_receive()
        async def never_done(value: int) -> None:
            begun.add(value)
            await asyncio.Event().wait()

        main.send("cancelled")
        await begun.until(1)

    run(body())  # which cancels what still runs in the end
    assert main.stats.queued == 1
    crash(child, main)
    assert received(joined.child_of(main, 2), 1) == [("cancelled", True)]


def test_there_is_room_again_when_messages_are_handled_and_not_before(joiner: Joiner) -> None:
    async def body() -> None:
        joined = with_options(joiner, ack="handled", max_queued_bytes=1000)
        main, child = joined.channels()
        gate, begun = asyncio.Event(), Arrivals()

        @child.on_receive()
        async def slow(value: Any) -> None:
            begun.add(value)
            await gate.wait()

        main.send(bytes(800))
        await begun.until(1)
        waiting = asyncio.ensure_future(main.asend(bytes(801)))
        await until(lambda: main.stats.waits, "the sender to wait")
        assert not waiting.done()
        gate.set()
        await begun.until(2)
        await waiting

    run(body())
