"""Channels: sending, receiving one value at a time, handlers."""

import asyncio
import dataclasses
import itertools
from typing import Any

import pytest

from liteyuki.comm import message
from liteyuki.comm.channel import Channel
from liteyuki.comm.transport import PipeTransport, pipe_pair
from liteyuki.errors import ChannelClosed, MessageTooLarge
from tests.unit.channel.watched import time_bursts_by
from tests.unit.joined import DEADLINE, Joiner, run


@message(name="test_channel.Greeting")
@dataclasses.dataclass(frozen=True)
class Greeting:
    words: tuple[str, ...]


VALUES: list[Any] = [None, 0, "", "你好", b"\0", (1, 2), {1: {2}}, [bytearray(b"x")], Greeting(("a", "b")), 2**100]


def test_what_one_side_sends_the_other_receives_in_order(joiner: Joiner) -> None:
    main, child = joiner.channels()
    for one, other in (main, child), (child, main):
        for value in VALUES:
            one.send(value)
        received = [other.receive(DEADLINE) for _ in VALUES]
        assert received == VALUES
        assert list(map(type, received)) == list(map(type, VALUES))


def test_what_one_side_sends_the_other_receives_on_the_loop(joiner: Joiner) -> None:
    async def body() -> None:
        main, child = joiner.channels()
        for one, other in (main, child), (child, main):
            waiting = asyncio.ensure_future(other.async_receive())
            await asyncio.sleep(0)
            for value in VALUES:
                one.send(value)
            assert [await waiting, *[await other.async_receive() for _ in VALUES[1:]]] == VALUES

    run(body())


def test_a_large_value_arrives_while_small_ones_follow(joiner: Joiner) -> None:
    async def body() -> None:
        main, child = joiner.channels()
        large = bytes(range(256)) * 40_000
        for value in (1, large, 2):
            main.send(value)
        assert [await child.async_receive() for _ in range(3)] == [1, large, 2]

    run(body())


def test_a_value_sent_before_anybody_is_attached_arrives_in_order(joiner: Joiner) -> None:
    main = joiner.channel("early")
    for number in range(5):
        main.send(number)
    ends = joiner.transports()
    main.attach(ends[0])
    main.send(5)
    child = joiner.channel("late", ends[1])
    assert [child.receive(DEADLINE) for _ in range(6)] == [0, 1, 2, 3, 4, 5]


def test_a_value_that_no_channel_carries_is_refused_and_nothing_is_sent(joiner: Joiner) -> None:
    main, child = joiner.channels()
    with pytest.raises(TypeError, match=r"function.*\[1\]\['a'\]\[0\].*@message"):
        main.send([0, {"a": [lambda: 1]}])
    main.send("next")
    assert child.receive(DEADLINE) == "next"


def test_a_value_over_the_limit_is_refused_and_nothing_is_sent(joiner: Joiner) -> None:
    main, child = joiner.channels(max_message_bytes=100_000)
    with pytest.raises(MessageTooLarge, match="请分段发送") as caught:
        main.send(bytes(100_001))
    assert (caught.value.size_bytes, caught.value.max_message_bytes) == (100_001, 100_000)
    main.send("next")
    assert child.receive(DEADLINE) == "next"


def test_a_receive_that_gets_nothing_times_out(joiner: Joiner) -> None:
    main, child = joiner.channels()
    with pytest.raises(TimeoutError, match="talk-child"):
        child.receive(timeout=0.01)
    with pytest.raises(TimeoutError):
        child.receive(timeout=0)
    main.send("late")
    assert child.receive(DEADLINE) == "late"


# --- coroutines that wait


@pytest.mark.parametrize("turns", range(8))
def test_a_cancelled_receive_loses_nothing_and_passes_its_turn_on(joiner: Joiner, turns: int) -> None:
    async def body() -> None:
        main, child = joiner.channels()
        first = asyncio.ensure_future(child.async_receive())
        second = asyncio.ensure_future(child.async_receive())
        await asyncio.sleep(0)
        main.send("one")
        for _ in range(turns):
            await asyncio.sleep(0)
        if first.cancel():
            with pytest.raises(asyncio.CancelledError):
                await first
        else:
            assert first.result() == "one"
            main.send("one")
        assert await asyncio.wait_for(second, DEADLINE) == "one"

    run(body())


def test_receives_that_are_cancelled_at_any_moment_lose_nothing(joiner: Joiner) -> None:
    async def body() -> None:
        main, child = joiner.channels()
        received: list[Any] = []
        for number in range(60):
            waiting = asyncio.ensure_future(child.async_receive())
            for _ in range(number % 6):
                await asyncio.sleep(0)
            main.send(number)
            for _ in range(number % 5):
                await asyncio.sleep(0)
            waiting.cancel()
            try:
                received.append(await waiting)
            except asyncio.CancelledError:
                continue
        while len(received) < 60:
            received.append(await asyncio.wait_for(child.async_receive(), DEADLINE))
        assert received == list(range(60))

    run(body())


def test_all_who_wait_get_theirs_though_the_values_come_at_once(joiner: Joiner) -> None:
    async def body() -> None:
        main, child = joiner.channels()
        waiting = [asyncio.ensure_future(child.async_receive()) for _ in range(3)]
        await asyncio.sleep(0)
        for value in "abc":
            main.send(value)  # one write, at the end of this turn
        assert await asyncio.wait_for(asyncio.gather(*waiting), DEADLINE) == ["a", "b", "c"]

    run(body())


# --- the end


def test_iterations_end_when_the_peer_is_gone(joiner: Joiner) -> None:
    async def body() -> list[Any]:
        main, child = joiner.channels("async")
        for number in range(3):
            main.send(number)
        main.close()
        return [value async for value in child]

    assert run(body()) == [0, 1, 2]
    main, child = joiner.channels()
    for number in range(3):
        main.send(number)
    main.close()
    assert list(child) == [0, 1, 2]


def test_a_closed_channel_says_so(joiner: Joiner) -> None:
    async def body() -> None:
        main, child = joiner.channels()
        child.send("before")
        child.close()
        child.close()
        with pytest.raises(ChannelClosed, match="已在此处关闭"):
            child.send(1)
        with pytest.raises(ChannelClosed, match="已在此处关闭"):
            await child.async_receive()
        with pytest.raises(ChannelClosed, match="已在此处关闭"):
            await child.request(1)
        with pytest.raises(ChannelClosed, match="已在此处关闭"):
            child.tell(1)
        assert await asyncio.wait_for(main.async_receive(), DEADLINE) == "before"
        with pytest.raises(ChannelClosed, match="已结束") as caught:
            await asyncio.wait_for(main.async_receive(), DEADLINE)
        assert caught.value.channel == "talk-main"

    run(body())


def test_a_waiting_coroutine_learns_that_its_channel_was_closed(joiner: Joiner) -> None:
    async def body() -> None:
        _, child = joiner.channels()
        waiting = asyncio.ensure_future(child.async_receive())
        await asyncio.sleep(0)
        child.close()
        with pytest.raises(ChannelClosed, match="已在此处关闭"):
            await asyncio.wait_for(waiting, DEADLINE)

    run(body())


def test_what_is_queued_is_sent_before_a_close(joiner: Joiner) -> None:
    large = bytes(10_000_000)

    async def body() -> None:
        main, child = joiner.channels()
        main.send(large)
        main.close()
        assert await asyncio.wait_for(child.async_receive(), DEADLINE) == large

    run(body())


def test_the_repr_tells_the_state(joiner: Joiner) -> None:
    main, child = joiner.channels()
    assert repr(Channel[int]("new")).startswith("<Channel 'new' unattached, no receiver yet, 0 sent")
    assert repr(main).startswith("<Channel 'talk-main' attached, no receiver yet, 0 sent")
    main.send(b"four")
    child.receive(DEADLINE)
    main.on_receive()(print)
    assert repr(main).startswith("<Channel 'talk-main' attached, on_receive, 1 sent (6 B, largest 6 B)")
    assert repr(child).startswith("<Channel 'talk-child' attached, receive, 0 sent")
    assert "1 received (6 B), 0 queued (0 B), 0 dropped, 0 waits, 0 refused" in repr(child)
    child.close()
    assert repr(child).startswith("<Channel 'talk-child' closed, receive, 0 sent")


class CountingTransport(PipeTransport):
    """Counts the writes."""

    writes = 0

    def flush(self) -> bool:
        self.writes += len(self.queued)
        return super().flush()


@pytest.mark.parametrize("is_burst", [False, True], ids=["now and then", "in a burst"])
def test_a_message_leaves_at_once_but_in_a_burst_with_those_of_the_same_turn(is_burst: bool) -> None:
    async def body() -> None:
        one, other = pipe_pair()
        counting = CountingTransport(one)
        main, child = Channel[int]("main"), Channel[int]("child")
        seconds = itertools.count()
        time_bursts_by(main, lambda: 0.0 if is_burst else next(seconds))
        main.bind(asyncio.get_running_loop())
        main.attach(counting)
        child.attach(PipeTransport(other))
        before = counting.writes
        for number in range(100):
            main.send(number)
        assert counting.writes - before == (31 if is_burst else 100)
        assert [await asyncio.wait_for(child.async_receive(), DEADLINE) for _ in range(100)] == list(range(100))
        assert counting.writes - before == (32 if is_burst else 100)
        main.close()
        child.close()

    run(body())
