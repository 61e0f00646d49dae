"""Requests over channels, and what the other side answers."""

import asyncio
import dataclasses
from typing import Any

import pytest

from liteyuki.comm import message
from liteyuki.comm.wire import FrameKind, pack_frame
from liteyuki.errors import ChannelBroken, MessageTooLarge, PeerGone, RemoteError
from tests.unit.joined import DEADLINE, Joiner, hello, run, send_raw


@message(name="test_channel_requests.Sum")
@dataclasses.dataclass(frozen=True)
class Sum:
    parts: tuple[int, ...]


def test_a_request_is_answered(joiner: Joiner) -> None:
    async def body() -> None:
        main, child = joiner.channels()

        @main.on_request(lambda value: isinstance(value, Sum))
        def add(value: Sum) -> int:
            return sum(value.parts)

        @main.on_request()
        async def reverse(value: Any) -> Any:
            await asyncio.sleep(0)
            return value[::-1]

        assert await child.request(Sum((1, 2, 3))) == 6
        assert await child.request((1, {"a"}), timeout=DEADLINE) == ({"a"}, 1)

    run(body())


def test_both_sides_may_ask_at_once(joiner: Joiner) -> None:
    async def body() -> None:
        main, child = joiner.channels()

        @main.on_request()
        async def ask_back(value: int) -> Any:
            return await main.request(value + 1)

        child.on_request()(lambda value: value * 10)
        assert await asyncio.gather(*[child.request(number) for number in range(5)]) == [10, 20, 30, 40, 50]

    run(body())


def test_each_of_many_requests_gets_its_own_answer(joiner: Joiner) -> None:
    async def body() -> None:
        main, child = joiner.channels()
        gates = [asyncio.Event() for _ in range(20)]

        @main.on_request()
        async def echo(value: int) -> int:
            await gates[value].wait()
            return value

        waiting = [asyncio.ensure_future(child.request(number)) for number in range(20)]
        for number in (*range(1, 20, 2), *range(18, -1, -2)):
            gates[number].set()
            await asyncio.sleep(0)
        assert await asyncio.gather(*waiting) == list(range(20))

    run(body())


def test_requests_and_messages_do_not_disturb_each_other(joiner: Joiner) -> None:
    async def body() -> None:
        main, child = joiner.channels()
        main.on_request()(lambda value: -value)
        waiting = []
        for number in range(20):
            child.send(number)
            waiting.append(asyncio.ensure_future(child.request(number)))
        assert [await main.async_receive() for _ in range(20)] == list(range(20))
        assert await asyncio.gather(*waiting) == [-number for number in range(20)]

    run(body())


def test_what_the_handler_raises_arrives_with_its_traceback(joiner: Joiner) -> None:
    async def body() -> None:
        main, child = joiner.channels()

        @main.on_request()
        async def fail(value: object) -> None:
            raise LookupError(f"no {value} here")

        with pytest.raises(RemoteError, match="LookupError: no bread here") as caught:
            await child.request("bread")
        assert (caught.value.type_name, caught.value.message) == ("LookupError", "no bread here")
        assert "in fail" in caught.value.remote_traceback
        assert "test_channel_requests.py" in caught.value.remote_traceback

    run(body())


def test_an_answer_that_no_channel_carries_is_the_handlers_failure(joiner: Joiner) -> None:
    async def body() -> None:
        main, child = joiner.channels()
        main.on_request()(lambda value: object())
        with pytest.raises(RemoteError) as caught:
            await child.request(1)
        assert caught.value.type_name == "TypeError"
        assert "builtins.object" in caught.value.message

    run(body())


def test_an_answer_over_the_limit_is_the_handlers_failure(joiner: Joiner) -> None:
    async def body() -> None:
        main, child = joiner.channels(max_message_bytes=100_000)
        main.on_request(lambda value: value == "large")(lambda value: bytes(100_000))
        main.on_request()(lambda value: value)
        with pytest.raises(RemoteError) as caught:
            await child.request("large", timeout=DEADLINE)
        assert caught.value.type_name == "MessageTooLarge"
        assert await child.request("next", timeout=DEADLINE) == "next"

    run(body())


def test_an_error_with_odd_text_arrives_as_a_failure(joiner: Joiner) -> None:
    async def body() -> None:
        main, child = joiner.channels()

        @main.on_request()
        def fail(value: object) -> None:
            raise ValueError("no \ud800 here")

        with pytest.raises(RemoteError) as caught:
            await child.request(1, timeout=DEADLINE)
        assert caught.value.type_name == "ValueError"

    run(body())


def test_an_error_that_cannot_be_told_in_words_arrives_as_a_failure(joiner: Joiner) -> None:
    class Wordless(Exception):
        def __str__(self) -> str:
            raise ValueError

    async def body() -> None:
        main, child = joiner.channels()

        @main.on_request()
        def fail(value: object) -> None:
            raise Wordless

        with pytest.raises(RemoteError, match="Wordless") as caught:
            await child.request(1, timeout=DEADLINE)
        assert caught.value.type_name.endswith("Wordless")

    run(body())


def test_a_request_that_nobody_takes_says_so(joiner: Joiner) -> None:
    async def body() -> None:
        main, child = joiner.channels()
        main.on_request(lambda value: False)(print)
        with pytest.raises(RemoteError, match="on_request"):
            await child.request(1)

    run(body())


def test_a_request_that_cannot_be_sent_is_refused(joiner: Joiner) -> None:
    async def body() -> None:
        main, child = joiner.channels(max_message_bytes=100_000)
        main.on_request()(lambda value: value)
        with pytest.raises(TypeError, match="@message"):
            await child.request(object())
        with pytest.raises(MessageTooLarge):
            await child.request(bytes(100_000))
        assert await child.request("next") == "next"

    run(body())


def test_a_request_times_out(joiner: Joiner) -> None:
    async def body() -> None:
        _, child = joiner.channels()
        with pytest.raises(TimeoutError, match="talk-child"):
            await child.request(1, timeout=0.01)

    run(body())


@pytest.mark.parametrize("how", ["cancelled", "timed out"])
def test_a_late_answer_is_nobody_elses(joiner: Joiner, how: str) -> None:
    async def body() -> None:
        main, child = joiner.channels()
        gate = asyncio.Event()
        asked = asyncio.Event()

        @main.on_request()
        async def echo(value: str) -> str:
            asked.set()
            if value == "slow":
                await gate.wait()
            return value

        slow = asyncio.ensure_future(child.request("slow", timeout=0.01 if how == "timed out" else None))
        await asyncio.wait_for(asked.wait(), DEADLINE)
        if how == "cancelled":
            slow.cancel()
        with pytest.raises((asyncio.CancelledError, TimeoutError)):
            await slow
        waiting = asyncio.ensure_future(child.request("quick"))
        gate.set()
        assert await waiting == "quick"
        assert await child.request("next") == "next"

    run(body())


def test_nobody_attached_is_a_peer_that_is_gone(joiner: Joiner) -> None:
    with pytest.raises(PeerGone):
        run(joiner.kept().request(1))


@pytest.mark.parametrize("how", ["detach", "close", "die"])
def test_a_request_fails_when_the_peer_goes_before_it_answers(joiner: Joiner, how: str) -> None:
    async def body() -> None:
        main = joiner.kept()
        ends = joiner.transports()
        main.attach(ends[0])
        waiting = [asyncio.ensure_future(main.request(number)) for number in range(3)]
        await asyncio.sleep(0)
        if how == "detach":
            main.detach()
        else:
            if how == "die":
                send_raw(ends[1], hello(), pack_frame(FrameKind.REPLY, 0, bytes(30))[:10])
            ends[1].close()
        results = await asyncio.wait_for(asyncio.gather(*waiting, return_exceptions=True), DEADLINE)
        assert [type(result) for result in results] == [PeerGone] * 3

    run(body())


def test_a_child_learns_that_nobody_will_answer(joiner: Joiner) -> None:
    async def body() -> None:
        main, child = joiner.channels()
        waiting = asyncio.ensure_future(child.request(1))
        await asyncio.sleep(0)
        main.close()
        with pytest.raises(PeerGone):
            await asyncio.wait_for(waiting, DEADLINE)

    run(body())


def test_an_answer_to_the_last_child_is_not_the_next_ones(joiner: Joiner) -> None:
    async def body() -> None:
        main = joiner.kept()
        gate, asked, answered = asyncio.Event(), asyncio.Event(), asyncio.Event()

        @main.on_request()
        async def echo(value: str) -> str:
            asked.set()
            if value == "old":
                await gate.wait()
                answered.set()
            else:
                await asyncio.wait_for(answered.wait(), DEADLINE)
                for _ in range(10):
                    await asyncio.sleep(0)
            return value

        old = joiner.child_of(main, 1)
        waiting = asyncio.ensure_future(old.request("old"))
        await asyncio.wait_for(asked.wait(), DEADLINE)
        main.detach()
        old.close()
        with pytest.raises(PeerGone):
            await waiting
        asked.clear()
        new = joiner.child_of(main, 2)
        waiting = asyncio.ensure_future(new.request("new"))
        await asyncio.wait_for(asked.wait(), DEADLINE)
        gate.set()
        assert await asyncio.wait_for(waiting, DEADLINE) == "new"

    run(body())


def test_a_request_of_the_last_child_is_not_answered_to_the_next(joiner: Joiner) -> None:
    async def body() -> None:
        main = joiner.kept()
        old = joiner.child_of(main, 1)
        waiting = asyncio.ensure_future(old.request("old"))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        main.detach()  # what had come is read, but no handler is there yet
        new = joiner.child_of(main, 2)
        asking = asyncio.ensure_future(new.request("new"))
        await asyncio.sleep(0)
        main.on_request()(lambda value: value)
        assert await asyncio.wait_for(asking, DEADLINE) == "new"
        with pytest.raises(PeerGone):
            await asyncio.wait_for(waiting, DEADLINE)

    run(body())


@pytest.mark.parametrize("reply", [b"", b"1234567", b"\1" + bytes(7) + b"\xc1"], ids=repr)
def test_an_answer_that_cannot_be_read_breaks_the_channel(joiner: Joiner, reply: bytes, logged: list[str]) -> None:
    async def body() -> None:
        child, raw = joiner.against_raw()
        waiting = asyncio.ensure_future(child.request(1))
        await asyncio.sleep(0)
        send_raw(raw, hello(), pack_frame(FrameKind.REPLY, 0, reply))
        with pytest.raises((PeerGone, ChannelBroken)):
            await asyncio.wait_for(waiting, DEADLINE)
        with pytest.raises(ChannelBroken):
            child.send(1)

    run(body())
    assert len(logged) == 1
