"""Channels that are made at run time between the main process and real children."""

import asyncio
from typing import Any

import pytest

from harness import DEADLINE
from liteyuki.comm import Channel, get_channel, get_channel_async, set_channel, set_channels
from liteyuki.errors import ChannelFull, ChannelNotFound, UnknownProcess
from liteyuki.supervise.spec import RestartMode
from tests.process.broker_processes import KINDS, Failed, Obeying, child, receive
from tests.process.test_supervisor import run, supervised


@pytest.mark.parametrize("kind", KINDS)
def test_what_the_main_process_sets_a_child_gets_as_soon_as_it_is_there(kind: str) -> None:
    async def main() -> None:
        async with supervised(child("a", kind)) as watched:
            a = Obeying(watched, "a")
            with pytest.raises(Failed, match=r"ChannelNotFound.*a-active.*a-passive") as failed:
                await a.do("get", "work", 0.0)
            assert set(failed.value.args[2]) == {"a-active", "a-passive"}
            with pytest.raises(Failed, match="ChannelNotFound"):
                await a.do("get", "work", 0.05)
            waiting = asyncio.ensure_future(a.do("get", "work", DEADLINE))
            await asyncio.sleep(0)
            work = Channel[Any]("work", max_queued_bytes=100_000, max_message_bytes=50_000, ack="handled")
            work.send("before it is set")
            set_channel("work", work)
            work.send("after")
            assert await waiting == ("work", 100_000, 50_000, "handled")
            assert get_channel("work") is work
            assert await a.do("receive", "work", 2) == ["before it is set", "after"]
            await a.do("send", "work", ["back"])
            assert await receive(work, 1) == ["back"]
            set_channels({"more": Channel[Any]("more"), "still more": Channel[Any]("still more")})
            assert [(await a.do("get", name, DEADLINE))[0] for name in ("still more", "more")] == ["still more", "more"]

    run(main())


@pytest.mark.parametrize("kind", KINDS)
def test_what_a_child_sets_the_main_process_gets(kind: str) -> None:
    async def main() -> None:
        async with supervised(child("a", kind)) as watched:
            a = Obeying(watched, "a")
            with pytest.raises(ChannelNotFound, match="a-active, a-passive"):
                await get_channel_async("work", timeout=0.0)
            in_time = asyncio.ensure_future(get_channel_async("work"))
            in_thread = asyncio.ensure_future(asyncio.to_thread(get_channel, "work", timeout=DEADLINE))
            await a.set("work", max_queued_bytes=100_000, max_message_bytes=50_000, ack="handled")
            work = await asyncio.wait_for(in_time, DEADLINE)
            assert work is get_channel("work") is await asyncio.wait_for(in_thread, DEADLINE)
            assert (work.name, *work.options) == ("work", 100_000, 50_000, "handled")
            work.send("down")
            assert await a.do("receive", "work", 1) == ["down"]
            await a.do("send", "work", ["up", "and up"])
            assert await receive(work, 2) == ["up", "and up"]

    run(main())


def test_a_thread_of_the_main_process_sets_channels_as_well() -> None:
    async def main() -> None:
        async with supervised(child("a", "obey")) as watched:
            a = Obeying(watched, "a")
            work = Channel[Any]("work")
            await asyncio.to_thread(set_channel, "work", work)
            with pytest.raises(UnknownProcess):
                await asyncio.to_thread(set_channel, "other", Channel("other"), to="b")
            work.send(1)
            assert await a.do("receive", "work", 1) == [1]
            with pytest.raises(ChannelNotFound, match="other"):
                get_channel("other")

    run(main())


@pytest.mark.parametrize("kind", KINDS)
def test_many_threads_set_channels_at_once(kind: str) -> None:
    async def main() -> None:
        async with supervised(child("a", kind)) as watched:
            a = Obeying(watched, "a")
            theirs, ours = [f"{number}-up" for number in range(8)], [f"{number}-down" for number in range(8)]
            setting = asyncio.ensure_future(a.do("set_in_threads", theirs))
            await asyncio.gather(*(asyncio.to_thread(set_channel, name, Channel(name)) for name in ours))
            await setting
            for name in (*theirs, *ours):
                await a.do("get", name, DEADLINE)
                get_channel(name).send(f"to {name}")
                await a.do("send", name, [f"from {name}"])
                assert await a.do("receive", name, 1) == [f"to {name}"]
                assert await receive(get_channel(name), 1) == [f"from {name}"]

    run(main())


def test_what_a_child_sends_at_its_very_end_arrives() -> None:
    async def main() -> None:
        async with supervised(child("a", "set_and_end", "work", restart=RestartMode.NEVER)):
            work = await get_channel_async("work", timeout=DEADLINE)
            assert await receive(work, 1) == ["last words"]

    run(main())


def test_a_child_hears_of_a_channel_behind_messages_that_nobody_takes() -> None:
    async def main() -> None:
        async with supervised(child("a", "obey")) as watched:
            a = Obeying(watched, "a")
            passive = get_channel("a-passive")
            passive.send("nobody takes this")
            passive.send(bytes(300_000))
            set_channel("work", Channel("work"))
            assert await a.do("get", "work", 0.0)
            passive.send("nor this")
            set_channel("more", Channel("more"))
            assert await a.do("get", "more", 0.0)

    run(main())


@pytest.mark.parametrize("who", ["main", "child"])
@pytest.mark.parametrize("kind", KINDS)
def test_a_channel_outlives_its_child(kind: str, who: str) -> None:
    async def main() -> None:
        async with supervised(child("a", kind)) as watched:
            a = Obeying(watched, "a")
            if who == "main":
                set_channel("work", Channel("work"))
            else:
                await a.set("work")
            work = await get_channel_async("work", timeout=DEADLINE)
            sent: list[int] = []
            for end_it in (a.kill, a.restart, a.kill):
                await a.do("get", "work", DEADLINE)
                work.send(sent_now := len(sent))
                sent.append(sent_now)
                assert await a.do("receive", "work", 1) == [sent_now]
                await a.do("send", "work", ["from", "the", "last"])
                work.send(-1)
                await end_it()
                # Neither what it sent is lost, nor what it was sent and did not take.
                assert await receive(work, 3) == ["from", "the", "last"]
                if who == "child":
                    await a.set("work")
                await a.do("get", "work", DEADLINE)
                assert await a.do("receive", "work", 1) == [-1]
            assert get_channel("work") is work
            assert work.stats.queued == work.stats.dropped == 0

    run(main())


# --- what was set comes with its options


def test_the_bound_of_a_channel_holds_on_both_sides() -> None:
    async def main() -> None:
        async with supervised(child("a", "obey")) as watched:
            a = Obeying(watched, "a")
            await a.set("work", max_queued_bytes=10_000)
            work = get_channel("work")
            for _ in range(4):
                work.send(bytes(2_000))
            with pytest.raises(ChannelFull):
                work.send(bytes(2_000))
            assert await a.do("receive", "work", 4) == [bytes(2_000)] * 4
            await asyncio.wait_for(work.asend(bytes(2_000)), DEADLINE)
            # More than the bound, so the child waits until some of it is taken here.
            sending = asyncio.ensure_future(a.do("send", "work", [bytes(2_000)] * 10))
            assert await receive(work, 10) == [bytes(2_000)] * 10
            await sending

    run(main())


def test_what_was_in_hand_is_handed_out_again_and_says_so() -> None:
    async def main() -> None:
        async with supervised(child("a", "obey"), child("b", "obey")) as watched:
            a, b = Obeying(watched, "a"), Obeying(watched, "b")
            set_channel("work", work := Channel[Any]("work", ack="handled"), to="a")
            await b.set("direct", to="a", ack="handled")
            await a.do("get", "direct", DEADLINE)
            for name in ("work", "direct"):
                if name == "work":
                    for number in range(3):
                        work.send(number)
                else:
                    await b.do("send", "direct", [0, 1, 2])
                await a.do("get", name, DEADLINE)
                assert await a.do("receive_marked", name, 2) == [(0, False), (1, False)]
            await a.kill()
            for name in ("work", "direct"):
                await a.do("get", name, DEADLINE)
                assert await a.do("receive_marked", name, 2) == [(1, True), (2, False)]

    run(main())


def test_a_typed_channel_checks_on_the_side_that_set_it() -> None:
    async def main() -> None:
        async with supervised(child("a", "obey")) as watched:
            a = Obeying(watched, "a")
            await a.do("set_typed", "numbers")
            with pytest.raises(Failed, match="WrongType"):
                await a.do("send", "numbers", ["one"])
            await a.do("send", "numbers", [1])
            # What came before this side has set a channel of its own is for that.
            set_channel("numbers", numbers := Channel[int]("numbers"))
            assert await receive(numbers, 1) == [1]
            numbers.send(2)
            assert await a.do("receive", "numbers", 1) == [2]
            with pytest.raises(TypeError):
                numbers.send("two")  # type: ignore[arg-type]

    run(main())
