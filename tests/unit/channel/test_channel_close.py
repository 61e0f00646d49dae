"""The end of a channel: what is still sent, and what is lost and said so."""

import asyncio
from typing import Any

import pytest

from liteyuki.errors import ChannelClosed, PeerGone
from tests.unit.channel.optioned import with_options
from tests.unit.channel.watched import receivers
from tests.unit.joined import DEADLINE, Arrivals, Joiner, crash, in_thread, run, soon, until

LARGE = bytes(5 * 2**20)
"""More than a socket holds."""


# --- what has come


@pytest.mark.parametrize("is_queued", [False, True], ids=["nothing queued", "more queued than goes out"])
def test_a_handler_that_closes_its_channel_gets_no_more(joiner: Joiner, is_queued: bool) -> None:
    async def body() -> None:
        main, child = joiner.channels()
        child.bind(asyncio.get_running_loop())
        got: list[int] = []

        @child.on_receive()
        def take(value: int) -> None:
            got.append(value)
            if value == 500:
                if is_queued:
                    child.send(LARGE)
                child.close(0.05)

        for number in range(1000):
            main.send(number)
        await until(lambda: not child.is_attached, "its end")
        assert got == list(range(501))
        assert child.stats.received == 501

    run(body())


# --- what is queued


def test_a_thread_blocks_until_what_is_queued_is_out(joiner: Joiner) -> None:
    main, child = joiner.channels()
    for value in 1, LARGE, 2:
        main.send(value)
    reader = in_thread(lambda: list(child))
    main.close()
    assert reader.result(DEADLINE) == [1, LARGE, 2]


def test_a_thread_gives_up_in_the_end_and_says_how_much_is_lost(joiner: Joiner) -> None:
    main, _ = joiner.channels()
    for value in LARGE, 1, 2:
        main.send(value)
    with pytest.raises(TimeoutError, match=r"(?=.*talk-main)(?=.*0\.05)(?=.* 3 )") as caught:
        main.close(0.05)
    assert "丢弃" in str(caught.value)
    assert main.stats.dropped == 3


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


def test_on_the_loop_what_is_left_in_the_end_is_logged(joiner: Joiner, logged: list[str]) -> None:
    async def body() -> None:
        main, _ = joiner.channels()
        for value in LARGE, 1, 2, 3:
            main.send(value)
        main.close(0.05)
        await until(lambda: logged, "a line in the log")
        assert main.stats.dropped == 4

    run(body())
    assert len(logged) == 1
    assert "talk-main" in logged[0]
    assert " 4 " in logged[0]


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


def test_aclose_gives_up_in_the_end_and_says_how_much_is_lost(joiner: Joiner) -> None:
    async def body() -> None:
        main, _ = joiner.channels()
        for value in LARGE, 1, 2:
            main.send(value)
        turned = asyncio.ensure_future(asyncio.sleep(0))
        with pytest.raises(TimeoutError, match=r"(?=.*talk-main)(?=.* 3 )"):
            await main.aclose(0.05)
        assert turned.done()

    run(body())


@pytest.mark.parametrize("how", ["thread", "background", "aclose"])
def test_a_close_goes_on_when_the_other_side_dies(joiner: Joiner, how: str, logged: list[str]) -> None:
    async def body() -> None:
        main, child = joiner.channels()
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
            raised.append(closing.exception())
        await until(lambda: not main.is_attached, "the end")

    raised: list[BaseException | None] = []
    run(body())
    # Lost, and told: raised or logged.
    assert any(raised) or any("talk-main" in line for line in logged), logged


def test_a_cancelled_aclose_ends_the_channel_all_the_same(joiner: Joiner) -> None:
    async def body() -> None:
        main, child = joiner.channels()
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
            lambda: main.tell(1),
            lambda: main.ask(1),
            lambda: main.ask_in_thread(1),
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
        await until(lambda: main.stats.waits == 2 and receivers(main) == 2, "all to wait")
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
