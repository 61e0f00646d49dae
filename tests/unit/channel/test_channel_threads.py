"""Channels and threads."""

import asyncio
import hashlib
import threading
from collections.abc import Callable
from typing import Any

import pytest

from liteyuki.comm.channel import Channel
from liteyuki.errors import ChannelClosed
from tests.unit.joined import DEADLINE, Joiner, in_thread, run, soon

THREADS, VALUES = 8, 150


def send_many(channel: Channel[Any], thread: int, gate: threading.Barrier) -> None:
    gate.wait(DEADLINE)
    for number in range(VALUES):
        filling = bytes([thread]) * (number * number * 3)
        channel.send((thread, number, filling, hashlib.md5(filling).digest()))


def check_all_arrived(received: list[Any]) -> None:
    for thread, _, filling, digest in received:
        assert filling == bytes([thread]) * len(filling)
        assert hashlib.md5(filling).digest() == digest
    for sender in range(THREADS):
        assert [number for thread, number, _, _ in received if thread == sender] == list(range(VALUES))
    assert len(received) == THREADS * VALUES


def test_many_threads_may_send_at_once(joiner: Joiner) -> None:
    main, child = joiner.channels()
    gate = threading.Barrier(THREADS)
    senders = [in_thread(lambda thread=thread: send_many(child, thread, gate)) for thread in range(THREADS)]  # type: ignore[misc]
    check_all_arrived([main.receive(DEADLINE) for _ in range(THREADS * VALUES)])
    for sender in senders:
        sender.result(DEADLINE)


def test_many_threads_may_send_while_the_loop_writes_and_reads(joiner: Joiner) -> None:
    async def body() -> None:
        main, child = joiner.channels()
        for channel in main, child:
            channel.bind(asyncio.get_running_loop())
        gate = threading.Barrier(THREADS)
        senders = [in_thread(lambda thread=thread: send_many(child, thread, gate)) for thread in range(THREADS)]  # type: ignore[misc]
        check_all_arrived([await main.async_receive() for _ in range(THREADS * VALUES)])
        for sender in senders:
            await soon(sender)

    run(body())


def test_two_processes_that_only_write_to_each_other_both_go_on(joiner: Joiner) -> None:
    main, child = joiner.channels()
    values = [bytes([number]) * 3_000_000 for number in range(4)]

    def send_all_then_receive(channel: Channel[Any]) -> list[Any]:
        for value in values:
            channel.send(value)
        return [channel.receive(DEADLINE) for _ in values]

    for both in [in_thread(lambda: send_all_then_receive(main)), in_thread(lambda: send_all_then_receive(child))]:
        assert both.result(DEADLINE) == values


def test_threads_that_wait_on_one_channel_each_get_theirs(joiner: Joiner) -> None:
    main, child = joiner.channels()
    waiting = [in_thread(lambda: [child.receive(DEADLINE) for _ in range(50)]) for _ in range(THREADS)]
    for number in range(THREADS * 50):
        main.send(number)
    received = [thread.result(DEADLINE) for thread in waiting]
    assert sorted(number for numbers in received for number in numbers) == list(range(THREADS * 50))
    for numbers in received:
        assert numbers == sorted(numbers)


def test_threads_of_a_loop_bound_channel_each_get_theirs(joiner: Joiner) -> None:
    async def body() -> None:
        main, child = joiner.channels()
        for channel in main, child:
            channel.bind(asyncio.get_running_loop())
        waiting = [in_thread(lambda: child.receive(DEADLINE)) for _ in range(THREADS)]
        for number in range(THREADS):
            main.send(number)
        assert sorted([await soon(thread) for thread in waiting]) == list(range(THREADS))

    run(body())


def test_threads_that_wait_beside_a_loop_that_reads_each_get_theirs(joiner: Joiner) -> None:
    async def body() -> None:
        main, child = joiner.channels()
        child.on_request()(lambda value: value)  # so the loop must go on to read
        waiting = [in_thread(lambda: child.receive(DEADLINE)) for _ in range(THREADS)]
        for number in range(THREADS):
            main.send(number)
            assert await main.request("still there", timeout=DEADLINE) == "still there"
        assert sorted([await soon(thread) for thread in waiting]) == list(range(THREADS))

    run(body())


def test_a_request_is_answered_while_a_thread_waits_on_its_channel(joiner: Joiner) -> None:
    async def body() -> None:
        main, child = joiner.channels()
        main.on_request()(lambda value: value)
        child.bind(asyncio.get_running_loop())
        waiting = in_thread(lambda: child.receive(DEADLINE))
        for number in range(20):
            assert await child.request(number, timeout=DEADLINE) == number
        main.send("and now")
        assert await soon(waiting) == "and now"

    run(body())


def test_a_request_is_answered_after_a_thread_has_received(joiner: Joiner) -> None:
    async def body() -> None:
        main, child = joiner.channels()
        main.on_request()(lambda value: value)
        child.bind(asyncio.get_running_loop())
        waiting = in_thread(lambda: child.receive(DEADLINE))
        main.send("for the thread")
        assert await soon(waiting) == "for the thread"
        assert await child.request("for the loop", timeout=DEADLINE) == "for the loop"

    run(body())


def test_a_request_handler_is_called_while_a_thread_reads(joiner: Joiner) -> None:
    async def body() -> None:
        main, child = joiner.channels()
        child.bind(asyncio.get_running_loop())
        waiting = in_thread(lambda: child.receive(DEADLINE))
        child.on_request()(lambda value: -value)
        assert await main.request(1, timeout=DEADLINE) == -1
        main.send("and now")
        assert await soon(waiting) == "and now"

    run(body())


def test_coroutines_and_threads_may_take_turns(joiner: Joiner) -> None:
    async def body() -> None:
        main, child = joiner.channels()
        received = []
        for number in range(0, 40, 2):
            main.send(number)
            received.append(await soon(in_thread(lambda: child.receive(DEADLINE))))
            main.send(number + 1)
            received.append(await asyncio.wait_for(child.async_receive(), DEADLINE))
        assert received == list(range(40))

    run(body())


ENDINGS: dict[str, Callable[[Channel[Any], Channel[Any]], None]] = {
    "closed here": lambda main, child: child.close(),
    "closed there": lambda main, child: main.close(),
    "told to stop": lambda main, child: main.say_stop(),
}


@pytest.mark.parametrize("ending", sorted(ENDINGS))
@pytest.mark.parametrize("bound", [False, True], ids=["unbound", "bound"])
def test_all_threads_that_wait_learn_of_the_end(joiner: Joiner, ending: str, bound: bool) -> None:
    async def body() -> None:
        main, child = joiner.channels()
        if bound:
            child.bind(asyncio.get_running_loop())
        main.send("last")
        waiting = [in_thread(lambda: list(child)) for _ in range(4)]
        await soon(in_thread(lambda: ENDINGS[ending](main, child)))
        received = [await soon(thread) for thread in waiting]
        assert [value for values in received for value in values] in (
            ["last"],
            [] if ending == "closed here" else ["last"],
        )

    run(body())


def test_a_thread_that_is_told_to_stop_gets_what_came_before(joiner: Joiner) -> None:
    main, child = joiner.channels()
    main.send(1)
    main.say_stop()
    assert child.receive(DEADLINE) == 1
    with pytest.raises(ChannelClosed, match="正在停止"):
        child.receive()
    child.send("still possible")
    assert main.receive(DEADLINE) == "still possible"


def test_a_thread_may_wait_before_anybody_is_attached(joiner: Joiner) -> None:
    child = joiner.channel("early")
    waiting = in_thread(lambda: child.receive(DEADLINE))
    ends = joiner.transports()
    main = joiner.channel("main", ends[0])
    main.send("here I am")
    child.attach(ends[1])
    assert waiting.result(DEADLINE) == "here I am"


def test_a_thread_waits_across_the_restart_of_its_peer(joiner: Joiner) -> None:
    main = joiner.kept()
    first = joiner.child_of(main, 1)
    waiting = in_thread(lambda: [main.receive(DEADLINE) for _ in range(2)])
    first.send("from the first")
    first.close()
    main.detach()
    joiner.child_of(main, 2).send("from the second")
    assert waiting.result(DEADLINE) == ["from the first", "from the second"]
