"""Receiving by handlers, and the two modes."""

import asyncio
from typing import Any

import pytest

from liteyuki.errors import ChannelModeError
from tests.unit.channel.watched import something_waits_here
from tests.unit.joined import DEADLINE, Arrivals, Joiner, run, until


def test_the_first_use_decides_how_a_channel_is_received_from(joiner: Joiner) -> None:
    async def body() -> None:
        main, child = joiner.channels()
        main.on_receive()(print)
        with pytest.raises(ChannelModeError, match="on_receive") as caught:
            main.receive(timeout=0)
        assert (caught.value.mode, caught.value.wanted) == ("on_receive", "receive")
        with pytest.raises(ChannelModeError):
            await main.async_receive()
        with pytest.raises(ChannelModeError):
            next(iter(main))
        with pytest.raises(TimeoutError):
            child.receive(timeout=0)
        with pytest.raises(ChannelModeError) as other:
            child.on_receive()(print)
        assert (other.value.mode, other.value.wanted) == ("receive", "on_receive")
        main.on_receive()(print)

    run(body())


def test_handlers_get_the_values_that_their_filters_accept(joiner: Joiner) -> None:
    async def body() -> None:
        main, child = joiner.channels()
        arrivals = Arrivals()

        @child.on_receive(lambda value: value > 1)
        def large(value: int) -> None:
            arrivals.add(("large", value))

        @child.on_receive(filter_func=lambda value: bool(value % 2))
        async def odd(value: int) -> None:
            arrivals.add(("odd", value))

        for number in range(4):
            main.send(number)
        assert sorted(await arrivals.until(4)) == [("large", 2), ("large", 3), ("odd", 1), ("odd", 3)]

    run(body())


def test_handlers_start_in_the_order_of_arrival(joiner: Joiner) -> None:
    async def body() -> None:
        main, child = joiner.channels()
        started, finished = Arrivals(), Arrivals()
        may_finish = asyncio.Event()

        @child.on_receive()
        async def handle(value: int) -> None:
            started.add(value)
            await may_finish.wait()
            finished.add(value)

        for number in range(100):
            main.send(number)
            if number % 7 == 0:
                await asyncio.sleep(0)
        assert await started.until(100) == list(range(100))
        assert finished.values == []
        may_finish.set()
        await finished.until(100)

    run(body())


def test_values_that_come_before_the_handler_wait_for_it(joiner: Joiner) -> None:
    main, child = joiner.channels()
    main.send("before the loop")
    arrivals: list[Any] = []

    async def body() -> None:
        child.bind(asyncio.get_running_loop())
        main.send("before the handler")
        got = Arrivals()
        child.on_receive()(got.add)
        arrivals.extend(await got.until(2))

    run(body())
    assert arrivals == ["before the loop", "before the handler"]


def test_a_handler_registered_before_the_loop_runs_is_called_on_it(joiner: Joiner) -> None:
    main, child = joiner.channels()
    loops: list[Any] = []

    @child.on_receive()
    async def handle(value: asyncio.Event) -> None:
        loops.append(asyncio.get_running_loop())
        arrived.set()

    arrived = asyncio.Event()
    main.send(1)

    async def body() -> None:
        child.bind(asyncio.get_running_loop())
        await asyncio.wait_for(arrived.wait(), DEADLINE)
        assert loops == [asyncio.get_running_loop()]

    run(body())


def test_a_handler_or_filter_that_raises_is_logged_and_the_channel_lives(joiner: Joiner, logged: list[str]) -> None:
    async def body() -> None:
        main, child = joiner.channels()
        arrivals = Arrivals()

        @child.on_receive()
        def broken(value: str) -> None:
            raise RuntimeError(f"no {value}")

        @child.on_receive()
        async def broken_later(value: str) -> None:
            await asyncio.sleep(0)
            raise RuntimeError(f"never {value}")

        @child.on_receive(lambda value: value.missing)
        def unreached(value: str) -> None: ...

        child.on_receive()(arrivals.add)
        main.send("first")
        main.send("second")
        assert await arrivals.until(2) == ["first", "second"]
        await until(lambda: len(logged) >= 6, "a line for each of six failures")

    run(body())
    text = "\n".join(logged)
    for expected in "no first", "never second", "broken_later", "filter_func", "AttributeError", "talk-child":
        assert expected in text


def test_what_has_come_to_a_channel_whose_place_another_takes_is_handled_at_once(joiner: Joiner) -> None:
    async def body() -> None:
        held, child = joiner.channels()
        held.bind(asyncio.get_running_loop())
        child.send("before")
        await until(lambda: something_waits_here(held), "the message")
        channel, arrivals = joiner.channel("talk"), Arrivals()
        channel.on_receive()(arrivals.add)
        await asyncio.sleep(0)  # what was called when it was bound has run
        channel.adopt(held)
        assert await arrivals.until(1) == ["before"]

    run(body())
