"""Channels that are made at run time between two real children."""

import asyncio

import pytest

from harness import DEADLINE
from liteyuki.comm import get_channel
from liteyuki.errors import ChannelNotFound
from liteyuki.supervise.spec import RestartMode
from tests.process.broker_processes import KINDS, Obeying, child, receive
from tests.process.test_supervisor import run, supervised


@pytest.mark.parametrize("kind", KINDS)
def test_two_children_talk_directly(kind: str) -> None:
    async def main() -> None:
        async with supervised(child("a", kind), child("b", kind)) as watched:
            a, b = Obeying(watched, "a"), Obeying(watched, "b")
            waiting = asyncio.ensure_future(b.do("get", "direct", DEADLINE))
            await a.set("direct", to="b", max_queued_bytes=100_000)
            assert (await waiting)[:2] == ("direct", 100_000)
            await a.do("send", "direct", ["to b"])
            await b.do("send", "direct", ["to a"])
            assert await b.do("receive", "direct", 1) == ["to b"]
            assert await a.do("receive", "direct", 1) == ["to a"]
            with pytest.raises(ChannelNotFound):
                get_channel("direct")

    run(main())


@pytest.mark.parametrize("kind", KINDS)
def test_a_direct_channel_outlives_both_of_its_children(kind: str) -> None:
    async def main() -> None:
        async with supervised(child("a", kind), child("b", kind)) as watched:
            a, b = Obeying(watched, "a"), Obeying(watched, "b")
            await a.set("direct", to="b")
            for one, other in ((a, b), (b, a)):
                for end_it in (one.kill, one.restart):
                    await one.do("get", "direct", DEADLINE)
                    await one.do("send", "direct", ["sent", "by the last"])
                    await other.do("send", "direct", [1, 2, 3])
                    assert await one.do("receive", "direct", 1) == [1]
                    await end_it()
                    assert await other.do("receive", "direct", 1) == ["sent"]
                    await one.do("get", "direct", DEADLINE)
                    await other.do("send", "direct", [4])
                    await one.do("send", "direct", ["by the next"])
                    assert await one.do("receive", "direct", 3) == [2, 3, 4]
                    assert await other.do("receive", "direct", 2) == ["by the last", "by the next"]

    run(main())


def test_what_is_sent_before_the_other_child_runs_waits_for_it() -> None:
    async def main() -> None:
        async with supervised(child("a", "obey"), child("b", "obey", restart=RestartMode.NEVER)) as watched:
            a, b = Obeying(watched, "a"), Obeying(watched, "b")
            await b.kill_for_good()
            await a.set("direct", to="b")
            await a.do("send_unwritten", "direct", [1, 2, 3])
            b.start_again()
            await b.do("get", "direct", DEADLINE)
            assert await b.do("receive", "direct", 3) == [1, 2, 3]

    run(main())


@pytest.mark.parametrize("kind", KINDS)
def test_who_asks_for_an_end_that_is_there_already_changes_nothing(kind: str) -> None:
    async def main() -> None:
        async with supervised(child("a", kind), child("b", kind)) as watched:
            a, b = Obeying(watched, "a"), Obeying(watched, "b")
            await a.set("direct", to="b")
            await b.do("get", "direct", DEADLINE)
            await a.set("up")
            up = get_channel("up")
            for number in range(5):
                up.send(number)
                await a.do("send", "up", [number])
                await a.do("send", "direct", [number])
                await b.do("send", "direct", [number])
                await b.do("ask_again", "direct", "a")
                await a.do("ask_again", "direct", "b")
                await a.do("ask_again", "up", None)
            for one, name in ((a, "direct"), (b, "direct"), (a, "up")):
                assert await one.do("receive", name, 5) == list(range(5))
            assert await receive(up, 5) == list(range(5))
            await b.do("send", "direct", ["last"])
            assert await a.do("receive", "direct", 1) == ["last"]

    run(main())


@pytest.mark.parametrize("seed", range(3))
def test_both_may_set_it_at_the_same_time_and_nothing_comes_twice(seed: int) -> None:
    count = 300

    async def main() -> None:
        specs = [child(one, "both_set", "direct", other, count) for one, other in ("ab", "ba")]
        async with supervised(*specs) as watched:
            for name in "ab":
                assert await Obeying(watched, name).told() == list(range(count))

    run(main())
