"""Messages that leave together: in order, none lost, and the other side knows that they are here."""

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from liteyuki.comm.channel import Channel
from liteyuki.comm.wire import UNWRITTEN
from liteyuki.errors import ChannelClosed, ChannelFull, MessageTooLarge
from tests.unit.channel.optioned import with_options
from tests.unit.channel.watched import is_unwritten, time_bursts_by
from tests.unit.joined import DEADLINE, Arrivals, Joiner, in_thread, run, soon, transport_of

MESSAGES = 5000


def in_a_burst(channel: Channel[Any]) -> int:
    """Send on the loop until messages wait for it to turn; how many were sent."""
    time_bursts_by(channel, lambda: 0.0)
    for number in range(100):
        channel.send(f"{number}")
        if is_unwritten(channel):
            return number + 1
    raise AssertionError("nothing ever waits for others")


@pytest.mark.parametrize("value", ["a" * 34, {"a": [1, 2, "三"]}], ids=["text", "container"])
def test_the_other_side_knows_at_every_moment_that_something_is_unwritten(joiner: Joiner, value: object) -> None:
    main, child = joiner.channels()
    arrivals = Arrivals()
    child.on_receive()(arrivals.add)

    async def body() -> None:
        main.bind(asyncio.get_running_loop())
        child.bind(asyncio.get_running_loop())
        has_waited = False
        for _ in range(MESSAGES):
            main.send(value)
            assert transport_of(main).own[UNWRITTEN] or not is_unwritten(main)
            has_waited = has_waited or is_unwritten(main)
        assert has_waited
        assert await arrivals.until(MESSAGES) == [value] * MESSAGES

    run(body())
    assert not transport_of(main).own[UNWRITTEN]


def test_what_waits_for_others_and_what_does_not_stay_in_order(joiner: Joiner) -> None:
    main, child = joiner.channels()
    arrivals = Arrivals()
    child.on_receive()(arrivals.add)
    sizes = (0, 1, 5000, 3, 100_000, 2, 4090, 4096)
    sent: list[Any] = [
        bytes([number % 256]) * sizes[number // 100 % len(sizes)] + b"%d" % number for number in range(3000)
    ]
    for number in range(0, len(sent), 3):
        sent[number] = (sent[number],) if number % 2 else f"{number}"

    async def body() -> None:
        child.bind(asyncio.get_running_loop())
        for value in sent:
            await main.asend(value, timeout=DEADLINE)
        await arrivals.until(len(sent))

    run(body())
    assert arrivals.values == sent


def test_threads_that_send_side_by_side_each_keep_their_order(joiner: Joiner) -> None:
    main, child = joiner.channels()

    def send(name: str) -> None:
        for number in range(MESSAGES):
            main.send(f"{name}{number}", timeout=DEADLINE)

    sending = [in_thread(partial(send, name)) for name in "abcd"]
    arrived: dict[str, list[int]] = {name: [] for name in "abcd"}
    for _ in range(4 * MESSAGES):
        value = child.receive(DEADLINE)
        arrived[value[0]].append(int(value[1:]))
    for each in sending:
        each.result(DEADLINE)
    assert all(numbers == list(range(MESSAGES)) for numbers in arrived.values())
    assert main.stats.sent == 4 * MESSAGES


def test_a_thread_and_a_loop_that_send_in_turn_keep_the_order_of_both(joiner: Joiner) -> None:
    async def body() -> None:
        main, child = joiner.channels()
        count = in_a_burst(main)
        for number in range(count, count + 50):
            if number % 2:
                main.send(f"{number}")
            else:
                await soon(in_thread(lambda number=number: main.send(f"{number}")))  # type: ignore[misc]
        received = [await asyncio.wait_for(child.async_receive(), DEADLINE) for _ in range(count + 50)]
        assert received == [f"{number}" for number in range(count + 50)]

    run(body())


@pytest.mark.parametrize("by", ["this thread", "another thread"])
def test_whoever_sends_in_a_burst_learns_that_the_channel_was_closed(joiner: Joiner, by: str) -> None:
    main, child = joiner.channels()

    async def body() -> int:
        count = in_a_burst(main)
        if by == "this thread":
            main.close()
        else:
            in_thread(main.close).result(DEADLINE)  # the loop does not turn
        with pytest.raises(ChannelClosed):
            main.send("late")
        return count

    count = run(body())
    assert list(child) == [f"{number}" for number in range(count)]


def test_what_is_sent_in_a_burst_whose_transport_goes_leaves_over_the_next_one(joiner: Joiner) -> None:
    main = joiner.kept()
    joiner.child_of(main, 1)

    async def body() -> int:
        count = in_a_burst(main)
        in_thread(main.detach).result(DEADLINE)
        main.send(f"{count}")
        return count + 1

    count = run(body())
    child = joiner.child_of(main, 2)
    assert [child.receive(DEADLINE) for _ in range(count)] == [f"{number}" for number in range(count)]


def fill(main: Channel[Any]) -> None:
    while True:
        main.send("x" * 400)


LIMITS: dict[str, tuple[dict[str, Any], Callable[[Channel[Any]], Any], type[Exception]]] = {
    "the bound": ({"max_queued_bytes": 10_000}, fill, ChannelFull),
    "the largest message": ({"max_message_bytes": 5000}, lambda main: main.send("x" * 5000), MessageTooLarge),
}


@pytest.mark.parametrize("limit", LIMITS)
def test_limits_hold_in_a_burst(joiner: Joiner, limit: str) -> None:
    options, send, error = LIMITS[limit]

    async def body() -> None:
        main, child = with_options(joiner, **options).channels()
        count = in_a_burst(main)
        with pytest.raises(error):
            send(main)
        assert main.stats.queued_bytes <= options.get("max_queued_bytes", main.stats.queued_bytes)
        sent = main.stats.sent
        assert sent >= count
        received = [await asyncio.wait_for(child.async_receive(), DEADLINE) for _ in range(sent)]
        assert received[:count] == [f"{number}" for number in range(count)]
        assert main.stats.queued == 0

    run(body())
