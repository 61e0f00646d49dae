"""Who sends at the bound waits, is refused, or gives up, in turn."""

import asyncio
import contextlib
import random
import sys
from typing import Any

import pytest

from liteyuki.comm.channel import Channel
from liteyuki.comm.channel import sending as sending_
from liteyuki.errors import ChannelClosed, ChannelFull, ChannelInUse
from tests.unit.channel.optioned import wait_for_sender, weighing, with_options
from tests.unit.joined import DEADLINE, Joiner, close_at_once, crash, in_thread, run, soon, until

BOUND = 10_000
EIGHTH = BOUND // 8


def filled(channel: Channel[Any], count: int = 8) -> list[bytes]:
    """What now lies in `channel`: so many messages, of an eighth of the bound each."""
    values = [weighing(number, EIGHTH) for number in range(count)]
    for value in values:
        channel.send(value, timeout=0)
    return values


# --- who sends at the bound


def test_a_thread_gives_up_after_its_timeout_and_has_sent_nothing(joiner: Joiner) -> None:
    main, child = with_options(joiner, max_queued_bytes=BOUND).channels()
    values = filled(main)
    for value in 0, bytes(2 * BOUND), ("tagged",):
        for timeout in 0, 0.01:
            with pytest.raises(ChannelFull):
                main.send(value, timeout=timeout)
    assert [child.receive(DEADLINE) for _ in values] == values
    main.send("next")
    assert child.receive(DEADLINE) == "next"


def test_on_the_loops_own_thread_it_is_refused_at_once_whatever_the_timeout(joiner: Joiner) -> None:
    async def body() -> None:
        main, child = with_options(joiner, max_queued_bytes=BOUND).channels()
        values = filled(main)
        for timeout in None, 3600.0:
            with pytest.raises(ChannelFull):
                main.send(0, timeout=timeout)
        assert [await child.async_receive() for _ in values] == values

    run(body())


def test_an_asend_gives_up_after_its_timeout_and_has_sent_nothing(joiner: Joiner) -> None:
    async def body() -> None:
        main, child = with_options(joiner, max_queued_bytes=BOUND).channels()
        values = filled(main)
        after = asyncio.ensure_future(main.asend("after", timeout=DEADLINE))
        with pytest.raises(ChannelFull):
            await main.asend("too late", timeout=0.01)
        assert [await asyncio.wait_for(child.async_receive(), DEADLINE) for _ in range(9)] == [*values, "after"]
        await after

    run(body())


def test_those_who_wait_in_asend_are_served_in_their_order(joiner: Joiner) -> None:
    async def body() -> None:
        main, child = with_options(joiner, max_queued_bytes=BOUND).channels()
        values = [weighing(number, 400 + 37 * number) for number in range(60)]
        waiting = [asyncio.ensure_future(main.asend(value)) for value in values]
        assert [await asyncio.wait_for(child.async_receive(), DEADLINE) for _ in values] == values
        await asyncio.gather(*waiting)

    run(body())


@pytest.mark.parametrize("taken", range(1, 5))
def test_nobody_overtakes_who_waits_in_asend(joiner: Joiner, taken: int) -> None:
    async def body() -> None:
        main, child = with_options(joiner, max_queued_bytes=BOUND).channels()
        values = [weighing(number, EIGHTH) for number in range(8)]
        for value in values:
            main.send(value)
            await asyncio.sleep(0)  # so that each goes out, and is forgotten, by itself
        first = asyncio.ensure_future(main.asend(weighing(100, BOUND // 2)))
        await until(lambda: main.stats.waits, "the first to wait")
        assert [await child.async_receive() for _ in range(taken)] == values[:taken]
        await until(lambda: main.stats.queued <= 9 - taken, "them to be forgotten")
        second = asyncio.ensure_future(main.asend(weighing(101, 400)))
        rest = [await asyncio.wait_for(child.async_receive(), DEADLINE) for _ in range(10 - taken)]
        assert rest[-2:] == [weighing(100, BOUND // 2), weighing(101, 400)]
        await asyncio.gather(first, second)

    run(body())


def test_those_who_wait_keep_their_order_over_restarts(joiner: Joiner) -> None:
    async def body() -> None:
        joined = with_options(joiner, max_queued_bytes=BOUND)
        main = joined.kept()
        values = filled(main)
        waiting = [asyncio.ensure_future(main.asend(number)) for number in range(20)]
        for generation in range(1, 4):
            crash(joined.child_of(main, generation), main)
            await asyncio.sleep(0)
        child = joined.child_of(main, 4)
        assert [await asyncio.wait_for(child.async_receive(), DEADLINE) for _ in range(28)] == [*values, *range(20)]
        await asyncio.gather(*waiting)

    run(body())


@pytest.mark.parametrize("seed", range(10))
def test_asends_that_are_cancelled_at_any_moment_lose_and_duplicate_nothing(joiner: Joiner, seed: int) -> None:
    async def body() -> None:
        chance = random.Random(seed)
        main, child = with_options(joiner, max_queued_bytes=BOUND).channels()
        sending = [asyncio.ensure_future(main.asend(weighing(number, 400 + 20 * number))) for number in range(100)]
        received: list[Any] = []

        async def receive() -> None:
            while True:
                received.append((await child.async_receive())[0])

        receiving = asyncio.ensure_future(receive())
        for sender in chance.sample(sending, 50):
            sender.cancel()
            for _ in range(chance.randrange(4)):
                await asyncio.sleep(0)
        results = await asyncio.wait_for(asyncio.gather(*sending, return_exceptions=True), DEADLINE)
        sent = [number for number, result in enumerate(results) if result is None]
        assert all(isinstance(result, asyncio.CancelledError) for result in results if result is not None)
        await until(lambda: len(received) >= len(sent), "all that was sent")
        await main.asend(weighing(255, 400))
        await until(lambda: received[-1] == 255, "the last one")
        assert received == [*sent, 255]
        receiving.cancel()

    run(body())


def test_an_asend_that_is_cancelled_when_it_lets_others_run_has_sent_nothing(joiner: Joiner) -> None:
    async def body() -> None:
        main, child = joiner.channels()
        sent = []
        for number in range(5000):
            sending = asyncio.ensure_future(main.asend(number))
            await asyncio.sleep(0)
            sending.cancel()
            await asyncio.wait([sending])
            if not sending.cancelled():
                sent.append(number)
        main.send("last")
        assert [await child.async_receive() for _ in range(len(sent) + 1)] == [*sent, "last"]

    run(body())


@pytest.mark.parametrize("turns", range(6))
def test_a_cancelled_asend_passes_its_turn_on(joiner: Joiner, turns: int) -> None:
    async def body() -> None:
        main, child = with_options(joiner, max_queued_bytes=BOUND).channels()
        values = filled(main)
        first, second = (asyncio.ensure_future(main.asend(name)) for name in ("first", "second"))
        await until(lambda: main.stats.waits == 2, "both to wait")
        assert [await child.async_receive() for _ in values] == values
        for _ in range(turns):
            await asyncio.sleep(0)
        first.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await first
        expected = ["second"] if first.cancelled() else ["first", "second"]
        assert [await asyncio.wait_for(child.async_receive(), DEADLINE) for _ in expected] == expected
        await second

    run(body())


@pytest.mark.parametrize("ending", ["closed here", "closed there"])
def test_all_who_wait_learn_of_the_end(joiner: Joiner, ending: str) -> None:
    async def body() -> None:
        main, child = with_options(joiner, max_queued_bytes=BOUND).channels()
        filled(main)
        waiting = [asyncio.ensure_future(main.asend(number)) for number in range(3)]
        thread = in_thread(lambda: main.send("thread"))
        await until(lambda: main.stats.waits == 4, "all to wait")
        close_at_once(main if ending == "closed here" else child)
        for waiter in *waiting, asyncio.ensure_future(soon(thread)):
            with pytest.raises(ChannelClosed):
                await asyncio.wait_for(waiter, DEADLINE)

    run(body())


# --- others


def test_a_stalled_channel_delays_no_other(joiner: Joiner) -> None:
    async def body() -> None:
        main, child = with_options(joiner, max_queued_bytes=BOUND).channels("stalled")
        other_main, other_child = joiner.channels("other")
        other_child.on_request()(lambda value: value)
        main.send(bytes(5 * 2**20))  # more than a socket holds
        stalled = [asyncio.ensure_future(main.asend(number)) for number in range(3)]
        thread = in_thread(lambda: main.send(3, timeout=DEADLINE * 2))
        for number in range(300):
            other_main.send(number)
            assert await asyncio.wait_for(other_child.async_receive(), DEADLINE) == number
            assert await other_main.request(number, timeout=DEADLINE) == number
        assert not any(sender.done() for sender in stalled)
        assert not thread.done()
        assert len(await asyncio.wait_for(child.async_receive(), DEADLINE)) == 5 * 2**20
        assert sorted([await asyncio.wait_for(child.async_receive(), DEADLINE) for _ in range(4)]) == [0, 1, 2, 3]
        await asyncio.gather(*stalled, soon(thread))

    run(body())


def test_a_thread_that_waits_to_send_delays_no_other_channel(joiner: Joiner) -> None:
    main, child = with_options(joiner, max_queued_bytes=BOUND).channels("stalled")
    other_main, other_child = joiner.channels("other")
    main.send(bytes(5 * 2**20))
    stalled = in_thread(lambda: main.send("after"))
    for number in range(300):
        other_main.send(number)
        assert other_child.receive(DEADLINE) == number
    assert not stalled.done()
    assert len(child.receive(DEADLINE)) == 5 * 2**20
    assert child.receive(DEADLINE) == "after"
    stalled.result(DEADLINE)


@pytest.mark.parametrize("has_loop", [False, True])
def test_whoever_is_next_has_its_turn_though_the_first_can_send_no_more(
    joiner: Joiner, has_loop: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it wants to send holds a channel that has got its other end meanwhile."""
    monkeypatch.setattr(sending_, "_LOOK_ONCE_MORE", sys.maxsize)
    main, child = with_options(joiner, max_queued_bytes=BOUND).channels()
    given_away, (carrier, _) = joiner.channel("given away"), joiner.channels("carrier")
    first, second = ["first", given_away, bytes(BOUND // 2)], bytes(BOUND // 2)

    def begin_to_send(value: Any, waits: int) -> Any:
        def send() -> None:
            asyncio.run(main.asend(value)) if has_loop else main.send(value)

        sending = in_thread(send)
        wait_for_sender(main, waits)
        return sending

    values = filled(main)
    sending = [begin_to_send(value, number) for number, value in enumerate((first, second), 1)]
    carrier.send(given_away)
    assert [child.receive(DEADLINE) for _ in values] == values
    with pytest.raises(ChannelInUse):
        sending[0].result(DEADLINE)
    assert child.receive(DEADLINE) == second
    sending[1].result(DEADLINE)


@pytest.mark.parametrize("has_loop", [False, True])
def test_there_is_room_for_more_though_nobody_takes_what_dead_processes_left(joiner: Joiner, has_loop: bool) -> None:
    bounded = with_options(joiner, max_queued_bytes=BOUND)
    main = bounded.kept()
    for generation in 1, 2:
        left = bounded.child_of(main, generation)
        filled(left)
        left.close()
        main.detach()
    child = bounded.child_of(main, 3)
    values = [weighing(number, EIGHTH) for number in range(12)]

    async def asend_all() -> None:
        for value in values:
            await main.asend(value)

    def send_all() -> None:
        for value in values:
            main.send(value)

    sending = in_thread(lambda: asyncio.run(asend_all()) if has_loop else send_all())
    assert [child.receive(DEADLINE) for _ in values] == values
    sending.result(DEADLINE)
