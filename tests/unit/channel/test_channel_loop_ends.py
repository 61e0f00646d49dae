"""What was left to an event loop that ends, to a transport that goes, and to threads that wait meanwhile."""

import asyncio
import os
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from liteyuki.comm.channel import Channel
from liteyuki.comm.io.bell import wait_readable
from liteyuki.comm.io.waiters import ThreadWaiter
from liteyuki.comm.io.writer import Bursts
from tests.unit.joined import DEADLINE, TRANSPORTS, Joiner, in_thread, run


@pytest.fixture
def piped() -> Iterator[Joiner]:
    """Joins by the transport that can be slow."""
    made = Joiner(TRANSPORTS["pipe"])
    yield made
    made.close()


def padded(number: int) -> str:
    """Large enough for the system to be full before the bound is reached."""
    return f"{number:01000}"


def take_all(channel: Channel[Any], count: int) -> list[int]:
    """So many numbers, each within the deadline."""
    return [int(channel.receive(DEADLINE)) for _ in range(count)]


def fill(main: Channel[Any]) -> int:
    """Send numbers until the system takes no more; how many."""
    count = 0
    while not main.link.is_blocked:
        main.send(padded(count))
        count += 1
    return count


def test_what_a_loop_could_not_write_before_its_end_arrives_without_another_send(piped: Joiner) -> None:
    main, child = piped.channels()

    async def send() -> int:
        return fill(main)

    count = asyncio.run(send())
    assert take_all(child, count) == list(range(count))
    main.send("and what is sent later")
    assert child.receive(DEADLINE) == "and what is sent later"


@pytest.mark.parametrize("then", ["nothing", "a thread sends", "another loop sends"])
def test_a_burst_of_a_thread_in_the_last_turn_of_a_loop_arrives(piped: Joiner, then: str) -> None:
    main, child = piped.channels()
    main.link.bursts = Bursts(clock=lambda: 0.0)

    async def bind() -> None:
        main.send(0)

    def burst() -> None:
        for number in range(1, 40):
            main.send(number)

    def in_the_last_turn() -> None:
        thread = threading.Thread(target=burst)
        thread.start()
        thread.join()

    async def go_on() -> None:
        main.send(40)

    loop = asyncio.new_event_loop()
    loop.run_until_complete(bind())
    loop.call_soon(loop.stop)
    loop.call_soon(in_the_last_turn)
    loop.run_forever()
    loop.close()
    if then == "a thread sends":
        main.send(40)
    elif then == "another loop sends":
        asyncio.run(go_on())
    count = 40 if then == "nothing" else 41
    assert take_all(child, count) == list(range(count))


def test_the_next_child_gets_what_a_thread_could_not_write_while_the_loop_stood_still(piped: Joiner) -> None:
    main = piped.kept()

    async def body() -> None:
        main.bind(asyncio.get_running_loop())
        piped.child_of(main, 1)
        await asyncio.sleep(0)
        filling = threading.Thread(target=lambda: counts.append(fill(main)))
        filling.start()
        filling.join()  # the loop must not turn before the transport goes
        main.detach()
        await asyncio.sleep(0)
        child = piped.child_of(main, 2)
        taken = in_thread(lambda: take_all(child, counts[0] + 1))
        main.send(counts[0])
        assert await asyncio.wait_for(asyncio.wrap_future(taken), DEADLINE) == list(range(counts[0] + 1))

    counts: list[int] = []
    run(body())


def test_every_thread_that_waits_learns_of_a_new_transport(piped: Joiner) -> None:
    def receive_from(channel: Channel[Any]) -> Callable[[], Any]:
        return lambda: channel.receive(DEADLINE)

    for generation in range(1, 30):
        main = piped.kept(f"talk-{generation}")
        received = [in_thread(receive_from(main)) for _ in range(6)]
        end = time.monotonic() + DEADLINE
        while len(main.receiver.inbox.threads) < 6:
            assert time.monotonic() < end
        child = piped.child_of(main)
        for number in range(6):
            child.send(number)
        assert sorted(each.result(DEADLINE) for each in received) == list(range(6))


def test_a_forked_process_does_not_hear_what_its_parent_is_to_hear() -> None:
    mine = ThreadWaiter()
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        theirs = ThreadWaiter()
        theirs.wake()
        theirs.clear()
        os.write(writer, b"1" if theirs.fileno() != mine.fileno() else b"0")
        os._exit(0)
    os.waitpid(pid, 0)
    assert os.read(reader, 1) == b"1"
    assert wait_readable([mine.fileno()], 0) == []
    os.close(reader)
    os.close(writer)


def test_who_receives_between_its_sends_is_in_no_burst_any_more() -> None:
    bursts = Bursts(clock=lambda: 0.0)
    assert [bursts.is_one() for _ in range(40)][-1]
    for _ in range(40):
        bursts.interrupted()
        assert not bursts.is_one()
