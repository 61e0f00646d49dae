"""Handlers on a loop and a thread of their own, while another loop reads."""

import asyncio
import contextlib
import sys
import threading
from collections.abc import AsyncIterator
from functools import partial

import pytest

from liteyuki.comm.channel import Channel
from liteyuki.errors import ChannelFull
from liteyuki.hooks import Hook, Hooks
from liteyuki.plugin.thread import PluginThread
from tests.unit.channel.watched import something_waits_here
from tests.unit.joined import DEADLINE, Joiner, in_thread, run, soon, until


@contextlib.asynccontextmanager
async def plugin_thread(*channels: Channel[object]) -> AsyncIterator[PluginThread]:
    """The handlers of `channels` run there; this loop reads them."""
    thread = PluginThread()
    for channel in channels:
        channel.bind(asyncio.get_running_loop())
        channel.handler_loop = thread.handler_loop
    try:
        yield thread
    finally:
        await thread.close()


def test_handlers_run_there_in_order_plain_or_not(joiner: Joiner) -> None:
    async def body() -> None:
        main, child = joiner.channels()
        seen: list[tuple[object, str]] = []
        async with plugin_thread(main):

            @main.on_receive()
            def plain(value: object) -> None:
                seen.append((value, threading.current_thread().name))

            @main.on_receive(lambda value: value == ("first", 49))
            async def asynchronous(value: object) -> None:
                await asyncio.sleep(0)
                seen.append(("slept", threading.current_thread().name))

            await soon(in_thread(partial(send_and_close, child, "first")))
            await until(lambda: len(seen) == 51, "all values")
        assert [value for value, _ in seen] == [*(("first", number) for number in range(50)), "slept"]
        assert {thread for _, thread in seen} == {"liteyuki-plugins"}

    run(body())


def test_one_that_blocks_leaves_the_core_its_requests(joiner: Joiner) -> None:
    async def body() -> None:
        main, child = joiner.channels()
        release, blocked = threading.Event(), threading.Event()

        def block(value: object) -> object:
            blocked.set()
            assert release.wait(DEADLINE)
            return value

        async with plugin_thread(main):
            main.on_control(str, str.upper)
            main.on_request()(block)
            main.on_receive()(block)
            child.send(1)
            plugins = in_thread(lambda: child.call(2, timeout=DEADLINE))
            assert await soon(in_thread(lambda: blocked.wait(DEADLINE)))
            assert await soon(in_thread(lambda: child.ask_in_thread("core", timeout=DEADLINE))) == "CORE"
            assert not plugins.done()
            release.set()
            assert await soon(plugins) == 2

    run(body())


def test_a_receive_that_blocks_there_lets_others_handlers_begin(joiner: Joiner, logged: list[str]) -> None:
    async def body() -> None:
        main, child = joiner.channels()
        other_main, other_child = joiner.channels("other")
        begun = threading.Event()
        async with plugin_thread(main, other_main) as plugins:

            @other_main.on_receive()
            def handle(value: object) -> None:
                begun.set()

            @other_main.on_request()
            async def answer(value: object) -> object:
                return value

            async def receive() -> object:
                return main.receive(DEADLINE)

            received = plugins.submit(receive())
            await soon(in_thread(lambda: other_child.send("begin")))
            assert await soon(in_thread(lambda: begun.wait(DEADLINE)))
            assert await soon(in_thread(lambda: other_child.call("asked", timeout=DEADLINE))) == "asked"
            assert not received.done()
            await soon(in_thread(lambda: child.send("done")))
            assert await asyncio.wait_for(received, DEADLINE) == "done"

    run(body())


def send_and_close(channel: Channel[object], first: object) -> None:
    for number in range(50):
        channel.send((first, number))
    channel.close()


def test_nothing_is_lost_or_doubled_when_the_transport_changes_meanwhile(joiner: Joiner) -> None:
    async def body() -> None:
        main = joiner.kept()
        taken: list[object] = []
        async with plugin_thread(main):
            main.on_receive()(taken.append)
            for generation in range(1, 30):
                await soon(in_thread(partial(send_and_close, joiner.child_of(main, generation), generation)))
                main.detach()
            await until(lambda: len(taken) >= 29 * 50, "all values")
        assert taken == [(n, i) for n in range(1, 30) for i in range(50)]

    run(body())


def test_its_thread_is_no_more_to_be_blocked_by_a_full_channel_than_the_other_loops(joiner: Joiner) -> None:
    async def body() -> None:
        main, _ = joiner.channels(max_queued_bytes=1000)

        async def send_for_ever() -> None:
            while True:
                main.send(bytes(500))

        async with plugin_thread(main) as plugins:
            with pytest.raises(ChannelFull):
                await asyncio.wait_for(plugins.submit(send_for_ever()), DEADLINE)

    run(body())


def test_what_awaits_there_gets_what_the_other_loop_reads(joiner: Joiner) -> None:
    async def body() -> None:
        main, child = joiner.channels()
        child.on_request()(lambda value: value)
        child.bind(asyncio.get_running_loop())

        async def talk() -> list[object]:
            return [await main.request(1, timeout=DEADLINE), await main.async_receive()]

        async with plugin_thread(main) as plugins:
            talking = plugins.submit(talk())
            child.send(2)
            assert await asyncio.wait_for(talking, DEADLINE) == [1, 2]

    run(body())


def test_a_handler_that_waits_itself_takes_no_wake_up_of_a_receive_with_it(joiner: Joiner, logged: list[str]) -> None:
    async def body() -> None:
        main, child = joiner.channels()
        other_main, other_child = joiner.channels("other")
        inner_main, inner_child = joiner.channels("inner")
        begun = threading.Event()
        async with plugin_thread(main, other_main, inner_main) as plugins:

            @other_main.on_receive()
            def handle(value: object) -> None:
                begun.set()
                assert inner_main.receive(DEADLINE) == "inner"

            async def receive() -> object:
                return main.receive()  # without a timeout: a lost wake-up is a hang

            received = plugins.submit(receive())
            await soon(in_thread(lambda: other_child.send("begin")))
            assert await soon(in_thread(lambda: begun.wait(DEADLINE)))
            await soon(in_thread(lambda: child.send("outer")))
            await until(lambda: something_waits_here(main), "the outer one")
            await soon(in_thread(lambda: inner_child.send("inner")))
            assert await asyncio.wait_for(received, DEADLINE) == "outer"

    run(body())


def test_a_receive_with_values_at_hand_lets_others_handlers_begin(joiner: Joiner, logged: list[str]) -> None:
    async def body() -> None:
        main, child = joiner.channels()
        other_main, other_child = joiner.channels("other")
        order: list[object] = []
        async with plugin_thread(main, other_main) as plugins:
            other_main.on_receive()(order.append)

            async def receive() -> None:
                await asyncio.to_thread(send_and_close, child, "value")
                await asyncio.to_thread(send_and_close, other_child, "other")
                await until(lambda: something_waits_here(main), "values at hand")
                for _ in range(50):
                    order.append(main.receive(DEADLINE))

            await asyncio.wait_for(plugins.submit(receive()), DEADLINE)
            await until(lambda: len(order) == 100, "the rest")
        assert [value for value in order if value[0] == "value"] == [("value", n) for n in range(50)]  # type: ignore[index]
        assert [value for value in order if value[0] == "other"] == [("other", n) for n in range(50)]  # type: ignore[index]

    run(body())


def test_the_loop_turns_in_the_midst_of_a_stream(joiner: Joiner) -> None:
    async def body() -> None:
        main, child = joiner.channels()
        waiting = most = count = 0
        async with plugin_thread(main):

            @main.on_receive()
            async def handle(value: object) -> None:
                nonlocal waiting, most, count
                waiting, most = waiting + 1, max(most, waiting + 1)
                await asyncio.sleep(0)
                waiting, count = waiting - 1, count + 1

            def send() -> None:
                for number in range(20_000):
                    child.send(number, timeout=DEADLINE)
                child.close()

            await soon(in_thread(send))
            await until(lambda: count == 20_000, "all")
        assert most < 10_000  # not nearly all of them

    run(body())


class Unspeakable:
    """What plugins have that raises wherever it can."""

    def __call__(self, *_: object) -> None:
        raise RuntimeError("on purpose")

    def __repr__(self) -> str:
        raise RuntimeError("on purpose")


def test_handlers_and_hooks_without_a_name_may_raise(joiner: Joiner, logged: list[str]) -> None:
    async def body() -> None:
        main, child = joiner.channels()
        hooks, called = Hooks(), list[str]()
        hooks.add(Hook.PROCESS_READY, Unspeakable())
        hooks.add(Hook.PROCESS_READY, lambda: called.append("the next"))
        async with plugin_thread(main) as plugins:
            main.on_receive()(Unspeakable())
            main.on_receive()(lambda value: called.append(str(value)))
            await soon(in_thread(partial(send_and_close, child, 1)))
            await until(lambda: len(called) == 50, "all values")
            assert await plugins.run(hooks.call(Hook.PROCESS_READY))
        assert called[-1] == "the next"

    run(body())


def test_whatever_becomes_of_work_who_waits_for_it_goes_on(logged: list[str]) -> None:
    class Panic(BaseException):
        pass

    async def cancel_all() -> None:
        for task in asyncio.all_tasks():
            task.cancel()
        await asyncio.sleep(0)

    async def panic() -> None:
        raise Panic

    async def body() -> None:
        async with plugin_thread() as plugins:
            assert await plugins.run(cancel_all())
            assert await plugins.run(panic())
            assert await plugins.run(asyncio.sleep(0))

    run(body())
    assert len(logged) == 2


def test_a_generator_that_will_not_end_does_not_keep_the_thread(logged: list[str]) -> None:
    async def deaf() -> AsyncIterator[int]:
        try:
            yield 1
        finally:
            await asyncio.sleep(3600)

    async def body() -> None:
        left: list[AsyncIterator[int]] = []

        async def begin() -> None:
            left.append(deaf())
            await left[0].__anext__()

        async with plugin_thread() as plugins:
            assert await plugins.run(begin())

    run(body())


def test_no_plugin_ends_or_stops_the_loop(logged: list[str]) -> None:
    async def leave() -> None:
        sys.exit("no more")

    async def body() -> None:
        async with plugin_thread() as plugins:
            loop = plugins.handler_loop.loop
            tasks: list[asyncio.Task[None]] = []
            loop.call_soon_threadsafe(lambda: tasks.append(loop.create_task(leave())))
            loop.call_soon_threadsafe(loop.stop)
            assert await plugins.run(asyncio.sleep(0))
            loop.call_soon_threadsafe(sys.exit, "again")
            assert await plugins.run(asyncio.sleep(0))
            assert isinstance(tasks[0].exception(), SystemExit)

    run(body())
    assert [line for line in logged if "no more" in line or "again" in line] == logged
    assert len(logged) == 2


def test_work_is_waited_for_while_the_loop_turns_and_not_when_it_is_blocked(logged: list[str]) -> None:
    async def body() -> None:
        release = threading.Event()

        async def block() -> None:
            assert release.wait(DEADLINE)

        async with plugin_thread() as plugins:
            assert await plugins.run(asyncio.sleep(0.3))
            assert not await plugins.run(block())
            assert not any([await plugins.run(asyncio.sleep(0)) for _ in range(50)])
            assert len(logged) == 1
            assert f"{__file__}:" in logged[0]
            assert "(block)" in logged[0]
            release.set()
            # It has been seen to stand still, and counts as that until it has turned.
            turned = plugins.submit(asyncio.sleep(0))
            await asyncio.wait_for(turned, DEADLINE)
            await until(lambda: len(asyncio.all_tasks(plugins.handler_loop.loop)) == 0, "all that waited")
            assert await plugins.run(asyncio.sleep(0))

    run(body())
