"""Whoever waited and is no more, holds nobody up: closed loops, dropped coroutines, interrupted threads."""

import asyncio
import os
import signal
import threading
from collections.abc import Coroutine, Iterator
from functools import partial
from types import FrameType
from typing import Any

import pytest

from liteyuki.comm.channel import Channel
from tests.unit.channel.optioned import wait_for_sender, with_options
from tests.unit.channel.watched import receivers, wait_for_receivers
from tests.unit.joined import DEADLINE, Joiner, in_thread, run, until

BOUND = 1000


class Interrupted(Exception):
    """What the signal raises."""


@pytest.fixture
def interruptible() -> Iterator[None]:
    """Lets SIGUSR1 raise `Interrupted` in this thread."""

    def interrupt(number: int, frame: FrameType | None) -> None:
        raise Interrupted

    before = signal.signal(signal.SIGUSR1, interrupt)
    yield
    signal.signal(signal.SIGUSR1, before)


def greet(main: Channel[Any], child: Channel[Any]) -> None:
    """Let `main` read all that has come: then whoever interrupts it finds it waiting, and not reading."""
    child.send("here")
    assert main.receive(DEADLINE) == "here"


def begin_and_drop(coroutine: Coroutine[Any, Any, Any]) -> None:
    """Run a coroutine on a loop until it waits, and close it as the garbage collector does."""

    async def body() -> None:
        coroutine.send(None)

    asyncio.run(body())
    coroutine.close()


def check_that_all_goes_on(main: Channel[Any], child: Channel[Any]) -> None:
    """After a first message that fills the bound: the next ones, from threads and from a loop."""
    waits = main.stats.waits
    waiting = in_thread(lambda: main.send("thread", timeout=DEADLINE))
    wait_for_sender(main, waits + 1)
    assert child.receive(DEADLINE) == bytes(900)
    waiting.result(DEADLINE)
    assert child.receive(DEADLINE) == "thread"

    async def body() -> None:
        for number in range(5):
            await main.asend([number, bytes(600)], timeout=DEADLINE)
            assert (await asyncio.wait_for(child.async_receive(), DEADLINE))[0] == number

    run(body())


def test_a_dropped_asend_holds_no_other_sender_up(joiner: Joiner) -> None:
    main, child = with_options(joiner, max_queued_bytes=BOUND).channels()
    main.send(bytes(900))
    begin_and_drop(main.asend("dropped"))
    check_that_all_goes_on(main, child)


def test_an_asend_of_a_loop_that_was_closed_holds_no_other_sender_up(joiner: Joiner) -> None:
    main, child = with_options(joiner, max_queued_bytes=BOUND).channels()
    main.send(bytes(900))
    loop = asyncio.new_event_loop()
    loop.set_exception_handler(lambda loop, context: None)  # that its task was pending
    sending = loop.create_task(main.asend("on the closed loop"))
    loop.run_until_complete(asyncio.sleep(0))
    loop.close()
    check_that_all_goes_on(main, child)
    assert not sending.done()


def test_a_thread_that_was_interrupted_while_it_waited_holds_no_other_sender_up(
    joiner: Joiner, interruptible: None
) -> None:
    main, child = with_options(joiner, max_queued_bytes=BOUND).channels()
    greet(main, child)
    main.send(bytes(900))

    def interrupt(waits: int) -> None:
        wait_for_sender(main, waits)
        os.kill(os.getpid(), signal.SIGUSR1)

    for waits, timeout in enumerate((None, DEADLINE), 1):
        interrupting = in_thread(partial(interrupt, waits))
        with pytest.raises(Interrupted):
            main.send("interrupted", timeout=timeout)
        interrupting.result(DEADLINE)
    check_that_all_goes_on(main, child)


def test_an_interrupted_call_leaves_a_channel_that_answers(joiner: Joiner, interruptible: None) -> None:
    main, child = joiner.channels()
    greet(main, child)
    asked, over = threading.Event(), threading.Event()

    async def serve() -> None:
        gate = asyncio.Event()

        @child.on_request()
        async def answer(value: str) -> str:
            asked.set()
            if value == "slow":
                await gate.wait()
            return value

        asked.set()
        await asyncio.to_thread(over.wait, DEADLINE)
        gate.set()

    serving = in_thread(lambda: run(serve()))
    assert asked.wait(DEADLINE)
    asked.clear()

    def interrupt() -> None:
        assert asked.wait(DEADLINE)
        os.kill(os.getpid(), signal.SIGUSR1)

    interrupting = in_thread(interrupt)
    with pytest.raises(Interrupted):
        main.call("slow")
    interrupting.result(DEADLINE)
    assert main.call("quick", timeout=DEADLINE) == "quick"
    over.set()
    serving.result(DEADLINE)


@pytest.mark.parametrize("how", ["dropped", "loop closed"])
def test_a_receive_that_nobody_waits_for_any_more_takes_nothing(joiner: Joiner, how: str) -> None:
    main, child = joiner.channels()
    if how == "dropped":
        begin_and_drop(child.async_receive())
    else:
        loop = asyncio.new_event_loop()
        loop.set_exception_handler(lambda loop, context: None)  # that its task was pending
        abandoned = loop.create_task(child.async_receive())
        loop.run_until_complete(asyncio.sleep(0))
        loop.close()

    async def body() -> None:
        receiving = asyncio.ensure_future(child.async_receive())
        await until(lambda: receivers(child), "it to wait")
        for _ in range(3):
            await asyncio.sleep(0)
        main.send("for the living")
        assert await asyncio.wait_for(receiving, DEADLINE) == "for the living"

    run(body())
    assert how == "dropped" or not abandoned.done()


def test_an_interrupted_receive_takes_nothing(joiner: Joiner, interruptible: None) -> None:
    main, child = joiner.channels()

    def interrupt() -> None:
        wait_for_receivers(child)
        os.kill(os.getpid(), signal.SIGUSR1)

    for number in range(3):
        interrupting = in_thread(interrupt)
        with pytest.raises(Interrupted):
            child.receive(DEADLINE)
        interrupting.result(DEADLINE)
        main.send(number)
        assert in_thread(lambda: child.receive(DEADLINE)).result(DEADLINE) == number
