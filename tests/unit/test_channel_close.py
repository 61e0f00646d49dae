"""The end of a channel: what is still sent, what is lost and said so, and the figures; over each transport."""

import asyncio
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from liteyuki.comm.channel import Channel
from liteyuki.errors import ChannelClosed, ChannelFull, PeerGone
from tests.unit.joined import DEADLINE, TRANSPORTS, Arrivals, Joiner, in_thread, run, soon, until
from tests.unit.optioned import crash, weighing, with_options

LARGE = bytes(5 * 2**20)
"""More than a socket holds."""


@pytest.fixture
def piped() -> Iterator[Joiner]:
    """Joins by the transport that can be slow."""
    made = Joiner(TRANSPORTS["pipe"])
    yield made
    made.close()


# --- what is queued


def test_a_thread_blocks_until_what_is_queued_is_out(joiner: Joiner) -> None:
    main, child = joiner.channels()
    for value in 1, LARGE, 2:
        main.send(value)
    reader = in_thread(lambda: list(child))
    main.close()
    assert reader.result(DEADLINE) == [1, LARGE, 2]


def test_a_thread_gives_up_in_the_end_and_says_how_much_is_lost(piped: Joiner) -> None:
    main, _ = piped.channels()
    for value in LARGE, 1, 2:
        main.send(value)
    with pytest.raises(TimeoutError, match=r"(?=.*talk-main)(?=.*0\.05)(?=.* 2 )") as caught:
        main.close(0.05)
    assert "丢弃" in str(caught.value)
    assert main.stats.dropped == 2


def test_a_thread_gives_up_at_once_where_nobody_is_attached(joiner: Joiner) -> None:
    main = joiner.kept()
    for number in range(3):
        main.send(number)
    with pytest.raises(TimeoutError, match=" 3 "):
        main.close(3600)
    assert main.stats.dropped == 3


def test_a_close_beside_the_loop_blocks_only_its_thread(joiner: Joiner) -> None:
    async def body() -> None:
        main, child = joiner.channels()
        main.bind(asyncio.get_running_loop())
        for value in LARGE, 1:
            main.send(value)
        closing = in_thread(main.close)
        assert [value async for value in child] == [LARGE, 1]
        await soon(closing)

    run(body())


def test_on_the_loop_the_rest_is_sent_in_the_background(joiner: Joiner, logged: list[str]) -> None:
    async def body() -> None:
        main, child = joiner.channels()
        for value in LARGE, 1:
            main.send(value)
        main.close()
        with pytest.raises(ChannelClosed):
            main.send(2)
        assert [value async for value in child] == [LARGE, 1]

    run(body())
    assert logged == []


def test_on_the_loop_what_is_left_in_the_end_is_logged(piped: Joiner, logged: list[str]) -> None:
    async def body() -> None:
        main, _ = piped.channels()
        for value in LARGE, 1, 2, 3:
            main.send(value)
        main.close(0.05)
        await until(lambda: logged, "a line in the log")
        assert main.stats.dropped == 3

    run(body())
    assert len(logged) == 1
    assert "talk-main" in logged[0]
    assert " 3 " in logged[0]


def test_aclose_waits_until_what_is_queued_is_out(joiner: Joiner) -> None:
    async def body() -> None:
        main, child = joiner.channels()
        for value in LARGE, 1:
            main.send(value)

        async def receive_all() -> list[Any]:
            return [value async for value in child]

        receiving = asyncio.ensure_future(receive_all())
        await asyncio.wait_for(main.aclose(), DEADLINE)
        assert await asyncio.wait_for(receiving, DEADLINE) == [LARGE, 1]

    run(body())


def test_aclose_gives_up_in_the_end_and_says_how_much_is_lost(piped: Joiner) -> None:
    async def body() -> None:
        main, _ = piped.channels()
        for value in LARGE, 1, 2:
            main.send(value)
        turned = asyncio.ensure_future(asyncio.sleep(0))
        with pytest.raises(TimeoutError, match=r"(?=.*talk-main)(?=.* 2 )"):
            await main.aclose(0.05)
        assert turned.done()

    run(body())


@pytest.mark.parametrize("how", ["thread", "background", "aclose"])
def test_a_close_goes_on_when_the_other_side_dies(piped: Joiner, how: str, logged: list[str]) -> None:
    async def body() -> None:
        main, child = piped.channels()
        main.bind(asyncio.get_running_loop())
        for value in LARGE, 1:
            main.send(value)
        closing: Any = None
        if how == "thread":
            closing = asyncio.ensure_future(soon(in_thread(lambda: main.close(3600))))
        elif how == "aclose":
            closing = asyncio.ensure_future(main.aclose(3600))
        else:
            main.close(3600)
        await asyncio.sleep(0)
        crash(child)
        if closing is not None:
            await asyncio.wait([closing], timeout=DEADLINE)
            assert closing.done()
            assert closing.exception() is None or isinstance(closing.exception(), TimeoutError)
        await until(lambda: "unattached" in repr(main) or main.link.transport is None, "the end")

    run(body())
    # Lost, and told: raised or logged.
    assert any("talk-main" in line for line in logged), logged


def test_a_cancelled_aclose_ends_the_channel_all_the_same(piped: Joiner) -> None:
    async def body() -> None:
        main, child = piped.channels()
        main.send(LARGE)
        closing = asyncio.ensure_future(main.aclose())
        await asyncio.sleep(0)
        closing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await closing
        with pytest.raises(ChannelClosed):
            main.send(1)

        async def receive_all() -> list[Any]:
            return [value async for value in child]

        assert await asyncio.wait_for(receive_all(), DEADLINE) in ([], [LARGE])

    run(body())


# --- using a closed one


def test_every_use_of_a_closed_channel_says_where_it_was_closed(joiner: Joiner) -> None:
    async def body() -> None:
        main, child = joiner.channels()
        child.send("unread")
        await main.aclose()
        await main.aclose()
        main.close()
        uses = [
            lambda: main.send(1),
            lambda: main.asend(1),
            lambda: main.request(1),
            lambda: main.call(1),
            lambda: main.notify(1),
            lambda: main.tell(1),
            lambda: main.attach(joiner.transports()[0]),
        ]
        for use in uses:
            with pytest.raises(ChannelClosed, match="已在此处关闭") as caught:
                await (use() or asyncio.sleep(0))  # type: ignore[no-untyped-call]
            assert (caught.value.channel, caught.value.reason) == ("talk-main", "已在此处关闭")
        assert "closed" in repr(main)
        for _ in range(2):
            with pytest.raises(ChannelClosed, match="另一端"):
                await asyncio.wait_for(child.async_receive(), DEADLINE)

    run(body())


def test_everybody_who_waits_learns_that_it_was_closed(joiner: Joiner) -> None:
    async def body() -> None:
        main, child = with_options(joiner, max_queued_bytes=1000).channels()
        main.bind(asyncio.get_running_loop())
        main.send(bytes(900))
        receiving = asyncio.ensure_future(main.async_receive())
        asking = asyncio.ensure_future(main.request(1))
        sending = asyncio.ensure_future(main.asend(bytes(900)))
        threads = [in_thread(lambda: main.send(bytes(900))), in_thread(lambda: main.receive(DEADLINE))]
        called = in_thread(lambda: main.call(1))
        await until(lambda: main.stats.waits == 2 and main.receiver.inbox.threads, "all to wait")
        main.close()
        for waiter in receiving, sending, *map(asyncio.ensure_future, map(soon, threads)):
            with pytest.raises(ChannelClosed, match="已在此处关闭"):
                await asyncio.wait_for(waiter, DEADLINE)
        for waiter in asking, asyncio.ensure_future(soon(called)):
            with pytest.raises((PeerGone, ChannelClosed)):
                await asyncio.wait_for(waiter, DEADLINE)
        assert child.receive(DEADLINE) == bytes(900)

    run(body())


def test_handlers_of_what_came_before_the_end_are_called(joiner: Joiner) -> None:
    async def body() -> None:
        main, child = joiner.channels()
        arrivals = Arrivals()
        for number in range(5):
            main.send(number)
        await main.aclose()
        child.on_receive()(arrivals.add)
        assert await arrivals.until(5) == list(range(5))

    run(body())


# --- figures


def test_the_figures_are_right(joiner: Joiner) -> None:
    async def body() -> None:
        main, child = with_options(joiner, max_queued_bytes=10_000).channels()
        main.bind(asyncio.get_running_loop())
        values = [*(weighing(number, 2000) for number in range(4)), None, 1]
        for value in values:
            main.send(value)
        stats = main.stats
        size = stats.sent_bytes
        assert size == 4 * (2000 - 64) + 2
        assert (stats.sent, stats.queued, stats.queued_bytes) == (6, 6, size + 6 * 64)
        assert (stats.received, stats.received_bytes, stats.dropped) == (0, 0, 0)
        assert (stats.largest_bytes, stats.waits, stats.refused) == (2000 - 64, 0, 0)
        with pytest.raises(ChannelFull):
            main.send(weighing(9, 3000))
        with pytest.raises(ChannelFull):
            await main.asend(weighing(9, 3000), timeout=0)
        waiting = asyncio.ensure_future(main.asend(weighing(8, 3000)))
        assert [await child.async_receive() for _ in values] == values
        await waiting
        assert await child.async_receive() == weighing(8, 3000)
        await until(lambda: main.stats.queued == 0, "all to be taken")
        stats = main.stats
        assert (stats.sent, stats.sent_bytes, stats.queued_bytes) == (7, size + 3000 - 64, 0)
        assert (stats.largest_bytes, stats.waits, stats.refused) == (3000 - 64, 2, 2)
        there = child.stats
        assert (there.received, there.sent, there.queued) == (7, 0, 0)
        # Several may have come in one frame, which begins with five bytes more.
        assert 0 <= there.received_bytes - stats.sent_bytes <= 5 * 7

    run(body())


def test_requests_and_what_is_told_do_not_count(joiner: Joiner) -> None:
    async def body() -> None:
        main, child = joiner.channels()
        child.on_request()(lambda value: value)
        assert await main.request(bytes(1000), timeout=DEADLINE) == bytes(1000)
        main.notify(1)
        main.tell(2)
        for channel in main, child:
            stats = channel.stats
            assert (stats.sent, stats.sent_bytes, stats.received, stats.received_bytes) == (0, 0, 0, 0)
            assert (stats.largest_bytes, stats.queued) == (0, 0)

    run(body())


def test_the_figures_go_on_over_generations_and_the_end(joiner: Joiner) -> None:
    main = joiner.kept()
    for number in range(5):
        main.send(number)
    assert (main.stats.sent, main.stats.queued) == (5, 5)
    for generation in range(1, 4):
        child = joiner.child_of(main, generation)
        assert child.receive(DEADLINE) == generation - 1
        crash(child, main)
        stats = main.stats
        assert (stats.sent, stats.sent_bytes) == (5, 5)
        assert (stats.queued, stats.queued_bytes) == (5 - generation, (5 - generation) * 65)
    with pytest.raises(TimeoutError):
        main.close(0)
    stats = main.stats
    assert (stats.sent, stats.sent_bytes, stats.queued, stats.dropped) == (5, 5, 0, 2)


def test_what_the_other_side_had_not_taken_when_it_ended_is_dropped_and_logged(
    joiner: Joiner, logged: list[str]
) -> None:
    async def body() -> None:
        main, child = joiner.channels()
        for number in range(5):
            main.send(number)
        assert await child.async_receive() == 0
        crash(child)
        with pytest.raises(ChannelClosed):
            await asyncio.wait_for(main.async_receive(), DEADLINE)
        assert (main.stats.sent, main.stats.dropped, main.stats.queued) == (5, 4, 0)

    run(body())
    assert any("talk-main" in line and " 4 " in line for line in logged), logged


def test_the_repr_tells_the_state_and_the_figures(joiner: Joiner) -> None:
    main, child = joiner.channels()
    assert repr(Channel[int]("new")).startswith("<Channel 'new' unattached, no receiver yet, 0 sent (0 B")
    main.send(12)
    assert child.receive(DEADLINE) == 12
    child.send(1)
    assert repr(main).startswith(
        "<Channel 'talk-main' attached, no receiver yet, 1 sent (1 B, largest 1 B), 0 received"
    )
    assert repr(child).startswith(
        "<Channel 'talk-child' attached, receive, 1 sent (1 B, largest 1 B), 1 received (1 B)"
    )
    for part in "queued", "dropped", "waits", "refused":
        assert part in repr(main)
    main.close()
    assert repr(main).startswith("<Channel 'talk-main' closed")


def test_figures_may_be_asked_for_from_any_thread_at_any_time(joiner: Joiner) -> None:
    main, child = joiner.channels()
    over = threading.Event()

    def look() -> int:
        looks = 0
        end = time.monotonic() + DEADLINE
        while not over.is_set() and time.monotonic() < end:
            stats = main.stats
            assert 0 <= stats.queued <= stats.sent <= 2000
            looks += 1
        return looks

    looking = in_thread(look)
    sender = in_thread(lambda: [main.send(number) or number for number in range(2000)])  # type: ignore[func-returns-value]
    assert [child.receive(DEADLINE) for _ in range(2000)] == sender.result(DEADLINE)
    over.set()
    assert looking.result(DEADLINE) > 0
