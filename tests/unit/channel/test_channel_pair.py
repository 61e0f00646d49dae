"""`channel_pair`, as authors of plugins use it."""

import asyncio
from typing import Any

import pytest

from liteyuki.comm import Channel, get_channel, set_channel
from liteyuki.comm.registry import replaced_registry
from liteyuki.comm.testing import channel_pair
from liteyuki.errors import ChannelClosed, ChannelFull, ChannelInUse, MessageTooLarge, RemoteError
from tests.unit.joined import DEADLINE, in_thread, run, soon
from tests.unit.transport.test_transports import open_handles


def test_both_ends_talk_to_each_other_without_a_loop() -> None:
    with channel_pair("talk") as (main, child):
        assert main.name == child.name == "talk"
        for one, other in (main, child), (child, main):
            one.send({"a": (1, {2})})
            assert other.receive(DEADLINE) == {"a": (1, {2})}


def test_a_plugin_is_tested_with_its_handlers_on_the_loop() -> None:
    def answer_on(channel: Channel[Any]) -> None:
        @channel.on_request()
        async def answer(place: str) -> str:
            await asyncio.sleep(0)
            if not place:
                raise ValueError("no place")
            return f"cloudy in {place}"

    async def body() -> None:
        with replaced_registry(), channel_pair("weather") as (main, child):
            set_channel("weather", main)
            answer_on(get_channel("weather"))
            assert await child.request("Chengdu", timeout=DEADLINE) == "cloudy in Chengdu"
            with pytest.raises(RemoteError, match="no place"):
                await child.request("", timeout=DEADLINE)

    run(body())


def test_what_arrives_is_no_part_of_what_was_sent() -> None:
    with channel_pair() as (main, child):
        sent: list[Any] = [[], object]
        with pytest.raises(TypeError, match="@message"):
            main.send(sent)
        del sent[1]
        main.send(sent)
        sent[0].append("later")
        assert child.receive(DEADLINE) == [[]]


def test_its_options_hold_for_both_ends() -> None:
    async def body() -> None:
        with channel_pair(max_message_bytes=1000, max_queued_bytes=5000) as pair:
            for channel in pair:
                with pytest.raises(MessageTooLarge):
                    channel.send(bytes(1001))
                for _ in range(5):
                    channel.send(bytes(900))
                with pytest.raises(ChannelFull):
                    channel.send(bytes(900))

    run(body())


def test_a_channel_may_be_sent_over_it() -> None:
    with channel_pair() as (main, child), channel_pair() as (_, unused):
        offered = Channel[Any]("offered")
        main.send(["here", offered])
        _, taken = child.receive(DEADLINE)
        offered.send("through")
        assert taken.receive(DEADLINE) == "through"
        with pytest.raises(ChannelInUse, match="test"):
            main.send(unused)
        offered.close()
        taken.close()


def test_what_one_end_has_sent_is_received_after_it_has_closed() -> None:
    with channel_pair() as (main, child):
        for number in range(3):
            main.send(number)
        main.close()
        assert list(child) == [0, 1, 2]
        with pytest.raises(ChannelClosed):
            child.send(1)


@pytest.mark.parametrize("is_on_loop", [False, True], ids=["thread", "loop"])
def test_closing_both_waits_for_nobody_and_tells_nobody(is_on_loop: bool, logged: list[str]) -> None:
    async def on_loop() -> None:
        with channel_pair() as pair:
            for channel in pair:
                channel.send("never taken")

    def in_thread() -> None:
        with channel_pair() as pair:
            for channel in pair:
                channel.send("never taken")
            pair.close()
        for channel in pair:
            with pytest.raises(ChannelClosed):
                channel.receive()

    before = open_handles()
    if is_on_loop:
        run(on_loop())
    else:
        in_thread()
    assert open_handles() <= before
    assert logged == []


def test_closing_both_wakes_who_waits() -> None:
    async def body() -> None:
        with channel_pair() as (main, child):
            waiting = asyncio.ensure_future(main.async_receive())
            blocked = in_thread(lambda: list(child))
            await asyncio.sleep(0)
        with pytest.raises(ChannelClosed):
            await asyncio.wait_for(waiting, DEADLINE)
        assert await soon(blocked) == []

    run(body())


def test_a_failure_in_the_block_is_not_hidden() -> None:
    with pytest.raises(ZeroDivisionError), channel_pair() as (main, _):
        main.send(1 / 0)
