"""The figures of a channel."""

import asyncio
import threading
import time

import pytest

from liteyuki.comm.channel import Channel
from liteyuki.errors import ChannelClosed, ChannelFull
from tests.unit.channel.optioned import weighing, with_options
from tests.unit.joined import DEADLINE, Joiner, crash, in_thread, run, until


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
