"""A name that has a channel already: who sets it again takes over what waits, or is told that it is in use."""

from typing import Any

import pytest

from harness import DEADLINE
from liteyuki.comm import Channel, get_channel, set_channel
from liteyuki.errors import ChannelClosed, ChannelInUse
from liteyuki.supervise.spec import RestartMode
from tests.process.broker_processes import KINDS, Failed, Obeying, child, receive
from tests.process.test_supervisor import run, supervised


@pytest.mark.parametrize("kind", KINDS)
def test_who_sets_it_again_after_a_restart_takes_over_what_waits(kind: str) -> None:
    async def main() -> None:
        async with supervised(child("a", kind), child("b", "obey")) as watched:
            a, b = Obeying(watched, "a"), Obeying(watched, "b")
            await a.set("up", ack="handled")
            await a.set("direct", to="b", ack="handled")
            await b.do("get", "direct", DEADLINE)
            up = get_channel("up")
            await a.kill()
            up.send("waits in the main process")
            await b.do("send", "direct", ["waits in b"])
            for _ in range(2):
                await a.set("up", ack="handled")
                await a.set("direct", to="b", ack="handled")
            assert await a.do("receive", "up", 1) == ["waits in the main process"]
            assert await a.do("receive", "direct", 1) == ["waits in b"]
            assert get_channel("up") is up

    run(main())


def test_what_a_dead_process_has_left_is_for_who_sets_the_channel_then() -> None:
    async def main() -> None:
        specs = [child("a", "obey"), *(child(name, "obey", restart=RestartMode.NEVER) for name in ("b", "c"))]
        async with supervised(*specs) as watched:
            a, b, c = (Obeying(watched, name) for name in "abc")
            await b.set("direct", to="a")
            await b.do("send", "direct", ["from b"])
            await a.do("get", "direct", DEADLINE)
            await c.set("up")
            await c.do("send", "up", ["from c"])
            await b.kill_for_good()
            await c.kill_for_good()
            await a.set("direct", to="b")
            assert await a.do("receive", "direct", 1) == ["from b"]
            set_channel("up", up := Channel[Any]("up"), to="c")
            assert await receive(up, 1) == ["from c"]
            up.send("to the next c")
            c.start_again()
            await c.do("get", "up", DEADLINE)
            assert await c.do("receive", "up", 1) == ["to the next c"]

    run(main())


def test_a_channel_that_is_in_use_is_not_replaced() -> None:
    async def main() -> None:
        async with supervised(child("a", "obey")) as watched:
            a = Obeying(watched, "a")
            set_channel("work", work := Channel[Any]("work"))
            set_channel("work", work)
            set_channel("work", work, to="a")
            work.send(1)
            for to in (None, "a"):
                with pytest.raises(ValueError, match=r"work.*get_channel"):
                    set_channel("work", Channel[Any]("work"), to=to)
            with pytest.raises(ChannelInUse):
                set_channel("elsewhere", work, to="a")
            assert await a.do("receive", "work", 1) == [1]
            with pytest.raises(Failed, match=r"ValueError.*work.*get_channel"):
                await a.set("work")
            with pytest.raises(Failed, match="ChannelInUse"):
                await a.do("set_the_same_twice", "mine")
            set_channel("untouched there", Channel("untouched there"))
            with pytest.raises(Failed, match=r"ValueError.*untouched there.*get_channel"):
                await a.set("untouched there", to="b")
            work.send(2)
            assert await a.do("receive", "work", 1) == [2]

    run(main())


@pytest.mark.parametrize("who", ["main", "child"])
def test_after_it_was_closed_another_one_may_be_set(who: str) -> None:
    async def main() -> None:
        async with supervised(child("a", "obey"), child("b", "obey")) as watched:
            a, b = Obeying(watched, "a"), Obeying(watched, "b")
            set_channel("work", work := Channel[Any]("work"), to="a")
            await a.set("direct", to="b")
            await b.do("get", "direct", DEADLINE)
            work.send(1)
            assert await a.do("receive", "work", 1) == [1]
            await a.do("send", "direct", [1])
            assert await b.do("receive", "direct", 1) == [1]
            if who == "main":
                await work.aclose()
                with pytest.raises(Failed, match="ChannelClosed"):
                    await a.do("receive", "work", 1)
                with pytest.raises(ChannelClosed):
                    set_channel("work", work, to="a")
                set_channel("work", work := Channel[Any]("work"), to="a")
                await a.do("get", "work", DEADLINE)
            else:
                await a.do("close", "work")
                await a.do("close", "direct")
                work.send("waits")
                await b.do("send", "direct", ["waits"])
                await a.set("work")
                await a.set("direct", to="b")
                assert await a.do("receive", "work", 1) == ["waits"]
                assert await a.do("receive", "direct", 1) == ["waits"]
            work.send(2)
            assert await a.do("receive", "work", 1) == [2]
            await a.do("send", "work", [3])
            assert await receive(work, 1) == [3]
            await a.do("send", "direct", [2])
            assert await b.do("receive", "direct", 1) == [2]

    run(main())
