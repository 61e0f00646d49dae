"""What was left to an event loop that ends, to a transport that goes, and to threads that wait meanwhile."""

import asyncio
import subprocess
import sys
import threading
from collections.abc import Callable
from typing import Any

import pytest

from liteyuki.comm.channel import Channel
from liteyuki.comm.transport import PipeTransport, pipe_pair
from tests.unit.channel.watched import is_unwritten, time_bursts_by, wait_for_receivers
from tests.unit.joined import DEADLINE, Joiner, close_at_once, in_thread, run, transport_of


def padded(number: int) -> str:
    """Large enough for the system to be full before the bound is reached."""
    return f"{number:01000}"


def take_all(channel: Channel[Any], count: int) -> list[int]:
    """So many numbers, each within the deadline."""
    return [int(channel.receive(DEADLINE)) for _ in range(count)]


def fill(main: Channel[Any]) -> int:
    """Send numbers until the system takes no more; how many."""
    count = 0
    while not transport_of(main).queued:
        main.send(padded(count))
        count += 1
    return count


def _thread_sends(main: Channel[Any], number: int) -> int:
    main.send(padded(number))
    return 1


def _other_loop_sends(main: Channel[Any], number: int) -> int:
    async def body() -> None:
        main.send(padded(number))

    asyncio.run(body())
    return 1


def _thread_receives(main: Channel[Any], number: int) -> int:
    with pytest.raises(TimeoutError):
        main.receive(0.01)
    return 0


def _thread_asks(main: Channel[Any], number: int) -> int:
    with pytest.raises(TimeoutError):
        main.call("?", timeout=0.01)
    return 0


def _thread_closes(main: Channel[Any], number: int) -> int:
    in_thread(main.close)
    return 0


USES = [_thread_sends, _other_loop_sends, _thread_receives, _thread_asks, _thread_closes]
"""What may come of the channel after its loop, and how many numbers more that sends."""


@pytest.mark.parametrize("use", USES, ids=lambda use: use.__name__.replace("_", " ").strip())
def test_a_burst_of_the_last_turn_of_a_loop_leaves_with_the_next_use(
    joiner: Joiner, use: Callable[[Channel[Any], int], int]
) -> None:
    main, child = joiner.channels()
    time_bursts_by(main, lambda: 0.0)

    async def send() -> None:
        for number in range(40):
            main.send(padded(number))

    loop = asyncio.new_event_loop()
    loop.run_until_complete(asyncio.sleep(0))
    loop.call_soon(loop.stop)
    sending = loop.create_task(send())
    loop.run_forever()  # one turn, and nothing of what it left to the next
    loop.close()
    assert sending.done()
    assert is_unwritten(main)
    count = 40 + use(main, 40)
    assert take_all(child, count) == list(range(count))


def test_a_burst_of_a_thread_in_the_last_turn_of_a_loop_leaves_with_the_next_use(joiner: Joiner) -> None:
    main, child = joiner.channels()
    time_bursts_by(main, lambda: 0.0)

    async def bind() -> None:
        main.send(0)

    def burst() -> None:
        for number in range(1, 40):
            main.send(number)

    def in_the_last_turn() -> None:
        in_thread(burst).result(DEADLINE)

    loop = asyncio.new_event_loop()
    loop.run_until_complete(bind())
    loop.call_soon(loop.stop)
    loop.call_soon(in_the_last_turn)
    loop.run_forever()
    loop.close()
    main.send(40)
    assert take_all(child, 41) == list(range(41))


@pytest.mark.parametrize("use", [_thread_sends, _other_loop_sends], ids=["a thread sends", "another loop sends"])
def test_what_a_loop_could_not_write_before_its_end_leaves_with_the_next_use(
    joiner: Joiner, use: Callable[[Channel[Any], int], int]
) -> None:
    main, child = joiner.channels()

    async def send() -> int:
        return fill(main)

    count = asyncio.run(send())
    count += use(main, count)
    assert take_all(child, count) == list(range(count))


SCRIPT = """
import asyncio, sys
from liteyuki.comm.channel import Channel, open_pipe
from liteyuki.comm.wire import Handle

async def send():
    channel.attach(open_pipe(Handle(int(sys.argv[1]))))
    for number in range(5000):
        channel.send(f"{number:01000}")

channel = Channel("sender")
asyncio.run(send())
"""


def test_what_a_loop_has_left_leaves_at_the_end_of_the_process() -> None:
    mine, theirs = pipe_pair()
    child = Channel[str]("receiver")
    child.attach(PipeTransport(mine))
    with theirs:
        script = [sys.executable, "-c", SCRIPT, str(theirs.fileno())]
        process = subprocess.Popen(script, pass_fds=[theirs.fileno()])
    assert take_all(child, 5000) == list(range(5000))
    assert process.wait(DEADLINE) == 0
    close_at_once(child)


def test_the_next_child_gets_what_a_thread_could_not_write_while_the_loop_stood_still(joiner: Joiner) -> None:
    main = joiner.kept()
    ends = joiner.transports()

    def fill_it() -> None:
        while not ends[0].queued:
            main.send(padded(len(sent)))
            sent.append(len(sent))

    async def body() -> None:
        main.bind(asyncio.get_running_loop())
        main.attach(ends[0])
        await asyncio.sleep(0)
        filling = threading.Thread(target=fill_it)
        filling.start()
        filling.join()  # the loop must not turn before the transport goes
        main.detach()
        await asyncio.sleep(0)
        child = joiner.child_of(main, 2)
        taken = in_thread(lambda: take_all(child, len(sent) + 1))
        main.send(len(sent))
        assert await asyncio.wait_for(asyncio.wrap_future(taken), DEADLINE) == list(range(len(sent) + 1))

    sent: list[int] = []
    run(body())


def test_every_thread_that_waits_learns_of_a_new_transport(joiner: Joiner) -> None:
    def receive_from(channel: Channel[Any]) -> Callable[[], Any]:
        return lambda: channel.receive(DEADLINE)

    for generation in range(1, 30):
        main = joiner.kept(f"talk-{generation}")
        received = [in_thread(receive_from(main)) for _ in range(6)]
        wait_for_receivers(main, 6)
        child = joiner.child_of(main)
        for number in range(6):
            child.send(number)
        assert sorted(each.result(DEADLINE) for each in received) == list(range(6))
