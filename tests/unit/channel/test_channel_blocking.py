"""A blocking `receive` on the event loop's own thread."""

import asyncio
import threading
import uuid
from typing import Any

import pytest

from liteyuki.errors import ChannelClosed
from tests.unit.channel.watched import time_bursts_by, wait_for_receivers
from tests.unit.joined import DEADLINE, Joiner, hello, in_thread, run, send_raw, soon, until


def test_it_works_and_warns_once_with_the_place_and_the_better_way(joiner: Joiner, logged: list[str]) -> None:
    async def body() -> None:
        main, child = joiner.channels()
        main.bind(asyncio.get_running_loop())
        for number in range(5):
            sender = in_thread(lambda number=number: child.send(number))  # type: ignore[misc]
            assert main.receive(DEADLINE) == number
            await soon(sender)

    run(body())
    # Per place and process: with the second transport it has been said already.
    for line in logged:
        assert "WARNING" in line
        assert "test_channel_blocking.py:" in line
        assert "talk-main" in line
        assert "await channel.async_receive()" in line
    assert len(logged) <= 1


def test_another_place_is_warned_of_too(joiner: Joiner, logged: list[str]) -> None:
    async def body() -> None:
        main, child = joiner.channels()
        main.bind(asyncio.get_running_loop())
        child.send(1)
        child.send(2)
        exec(compile("main.receive(limit)\n" * 2, place, "exec"), {"main": main, "limit": DEADLINE})

    place = f"{uuid.uuid4()}.py"  # nothing else in this process has been warned of it
    run(body())
    assert [f"{place}:{line}" in logged[line - 1] for line in (1, 2)] == [True, True]


def test_a_channel_that_nothing_has_bound_yet_serves_the_others_too(joiner: Joiner, logged: list[str]) -> None:
    async def body() -> None:
        main, child = joiner.channels()
        other_main, other_child = joiner.channels("other")
        called = threading.Event()

        @other_main.on_receive()
        def handle(value: str) -> None:
            called.set()

        def peer() -> None:
            other_child.send("hello")
            assert called.wait(DEADLINE / 2)
            child.send("done")

        work = in_thread(peer)
        assert main.receive(DEADLINE) == "done"
        await soon(work)

    run(body())


def test_it_times_out(joiner: Joiner) -> None:
    async def body() -> None:
        main, _ = joiner.channels()
        main.bind(asyncio.get_running_loop())
        with pytest.raises(TimeoutError, match="talk-main"):
            main.receive(0.02)

    run(body())


def test_other_channels_handlers_start_meanwhile(joiner: Joiner) -> None:
    async def body() -> None:
        main, child = joiner.channels()
        main.bind(asyncio.get_running_loop())
        other_main, other_child = joiner.channels("other")
        called, begun, finished = threading.Event(), threading.Event(), asyncio.Event()
        tasks: list[Any] = []

        @other_main.on_receive()
        def plain(value: str) -> None:
            called.set()

        @other_main.on_receive()
        async def coroutine(value: str) -> None:
            tasks.append(asyncio.current_task())
            begun.set()
            await asyncio.sleep(0)
            tasks.append(asyncio.current_task())
            finished.set()

        def peer() -> None:
            other_child.send("hello")
            assert called.wait(DEADLINE)
            assert begun.wait(DEADLINE)
            child.send("both have started")

        await asyncio.sleep(0)
        work = in_thread(peer)
        myself = asyncio.current_task()
        assert main.receive(DEADLINE) == "both have started"
        assert asyncio.current_task() is myself
        assert not finished.is_set()
        await asyncio.wait_for(finished.wait(), DEADLINE)
        assert tasks[0] is not None
        assert tasks[0] is tasks[1] is not myself
        await soon(work)

    run(body())


def test_requests_over_this_and_other_channels_are_answered_meanwhile(joiner: Joiner) -> None:
    async def body() -> None:
        main, child = joiner.channels()
        main.bind(asyncio.get_running_loop())
        other_main, other_child = joiner.channels("other")
        main.on_request()(lambda value: -value)

        @other_main.on_request()
        async def answer(value: int) -> int:
            return -value

        async def ask() -> None:
            assert await child.request(1, timeout=DEADLINE) == -1
            assert await other_child.request(2, timeout=DEADLINE) == -2
            child.send("both were answered")

        await asyncio.sleep(0)
        work = in_thread(lambda: asyncio.run(ask()))
        assert main.receive(DEADLINE) == "both were answered"
        await soon(work)

    run(body())


def test_what_was_sent_before_goes_out_meanwhile(joiner: Joiner) -> None:
    async def body() -> None:
        main, child = joiner.channels()
        main.bind(asyncio.get_running_loop())
        large = bytes(8_000_000)

        def peer() -> None:
            assert child.receive(DEADLINE) == large
            child.send("thanks")

        work = in_thread(peer)
        main.send(large)
        assert main.receive(DEADLINE) == "thanks"
        await soon(work)

    run(body())


def test_handlers_of_one_channel_keep_their_order(joiner: Joiner) -> None:
    async def body() -> None:
        main, child = joiner.channels()
        main.bind(asyncio.get_running_loop())
        other_main, other_child = joiner.channels("other")
        started: list[Any] = []

        @other_main.on_receive(lambda value: value == "block")
        def block(value: str) -> None:
            child.send("go on")
            main.receive(DEADLINE)

        @other_main.on_receive()
        async def note(value: str) -> None:
            started.append(value)

        for value in ("first", "block", "last"):
            other_child.send(value)
        await until(lambda: len(started) == 3, "all handlers")
        assert started == ["first", "block", "last"]

    run(body())


def test_a_broken_channel_does_not_hold_up_the_others(joiner: Joiner, logged: list[str]) -> None:
    async def body() -> None:
        main, child = joiner.channels()
        main.bind(asyncio.get_running_loop())
        broken, raw = joiner.against_raw("broken")
        broken.on_receive()(print)
        send_raw(raw, hello(version=99))
        child.send("fine")
        assert main.receive(DEADLINE) == "fine"
        with pytest.raises(ChannelClosed):
            broken.send(1)

    run(body())
    assert any("99" in line for line in logged)


def test_it_ends_when_the_peer_does(joiner: Joiner) -> None:
    async def body() -> None:
        main, child = joiner.channels()
        main.bind(asyncio.get_running_loop())
        work = in_thread(child.close)
        with pytest.raises(ChannelClosed):
            main.receive(DEADLINE)
        await soon(work)

    run(body())


def test_where_nobody_can_ever_send_it_ends_at_once(joiner: Joiner) -> None:
    async def body() -> None:
        alone = joiner.channel("alone")
        alone.bind(asyncio.get_running_loop())
        with pytest.raises(ChannelClosed, match=r"await channel\.async_receive\(\)"):
            alone.receive()

    run(body())


def test_it_works_inside_a_handler(joiner: Joiner) -> None:
    async def body() -> None:
        main, child = joiner.channels()
        main.bind(asyncio.get_running_loop())
        other_main, other_child = joiner.channels("other")
        got: asyncio.Queue[Any] = asyncio.Queue()

        @other_main.on_receive()
        async def handle(value: str) -> None:
            got.put_nowait((value, main.receive(DEADLINE)))

        other_child.send("question")
        work = in_thread(lambda: child.send("answer"))
        assert await asyncio.wait_for(got.get(), DEADLINE) == ("question", "answer")
        await soon(work)

    run(body())


def test_it_ends_when_another_thread_closes_the_channel(joiner: Joiner) -> None:
    async def body() -> None:
        main, _ = joiner.channels()
        main.bind(asyncio.get_running_loop())

        def close() -> None:
            wait_for_receivers(main)
            main.close()

        closing = in_thread(close)
        with pytest.raises(ChannelClosed):
            main.receive(DEADLINE)
        await soon(closing)

    run(body())


def test_what_other_threads_send_in_a_burst_leaves_meanwhile(joiner: Joiner) -> None:
    async def body() -> None:
        main, child = joiner.channels()
        other_main, other_child = joiner.channels("other")
        for channel in main, other_main:
            channel.bind(asyncio.get_running_loop())
            time_bursts_by(channel, lambda: 0.0)

        def send() -> None:
            wait_for_receivers(main)
            for number in range(100):
                main.send(number)
                other_main.send(number)

        def answer() -> None:
            for channel in child, other_child:
                assert [channel.receive(DEADLINE) for _ in range(100)] == list(range(100))
            child.send("all")

        work = in_thread(send), in_thread(answer)
        assert main.receive(DEADLINE) == "all"
        for each in work:
            await soon(each)
        main.send("the loop writes again")
        assert await soon(in_thread(child.receive)) == "the loop writes again"

    run(body())
