"""Both halves of the broker in one process, joined by their passive channels; the test starts and ends the children."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from liteyuki.comm import Channel
from liteyuki.comm.broker import ChannelOffer, ChannelTable, ChildBroker, MainBroker
from liteyuki.comm.channel import ChannelEnd
from liteyuki.comm.session import ChannelOptions
from liteyuki.comm.transport import pipe_pair
from liteyuki.comm.wire import Handle
from liteyuki.errors import ChannelInUse, NoHandlesLeft, UnknownProcess
from tests.unit.joined import DEADLINE, Joiner, in_thread, run, soon, until


class Child:
    """One generation of a child, which has no event loop."""

    def __init__(self, name: str, generation: int, passive: Channel[Any]) -> None:
        self.passive = passive
        self.table = ChannelTable({f"{name}-passive": passive}, passive)
        self.broker = ChildBroker(name, generation, passive, self.table)

    async def set(self, name: str, to: str | None = None, **options: Any) -> Channel[Any]:
        channel = Channel[Any](name, **options)
        await soon(in_thread(lambda: self.broker.connect(name, channel, to)))
        return channel

    async def get(self, name: str) -> Channel[Any]:
        return await soon(in_thread(lambda: self.table.wait_for(name, DEADLINE)))


class Children:
    """The processes, as the main process's broker sees them."""

    def __init__(self, joiner: Joiner, *names: str) -> None:
        self.names = names
        self._joiner = joiner
        self._passives = {name: joiner.kept(f"{name}-passive") for name in names}
        self._generations = dict.fromkeys(names, 0)
        self._running: dict[str, Child] = {}
        self._started: list[Child] = []
        self._held: dict[str, list[Channel[Any]]] = {name: [] for name in names}
        self.table = ChannelTable()
        self.broker = MainBroker(self, self.table)
        for name, passive in self._passives.items():
            passive.bind(asyncio.get_running_loop())
            self.broker.serve(name, passive)

    def start(self, name: str) -> Child:
        self._generations[name] += 1
        self._running[name] = Child(
            name, self._generations[name], self._joiner.child_of(self._passives[name], self._generations[name])
        )
        self._started.append(self._running[name])
        self.broker.started(name)
        return self._running[name]

    async def end(self, name: str) -> None:
        child = self._running.pop(name)
        for channel in child.table.channels.values():
            await soon(in_thread(channel.detach))
        for channel in (self._passives[name], *self._held[name]):
            channel.detach()
        self._held[name].clear()

    def close(self) -> None:
        tables = [self.table, *(child.table for child in self._started)]
        held = [channel for channels in self._held.values() for channel in channels]
        for channel in [channel for table in tables for channel in table.channels.values()] + held:
            channel.abandon()

    # --- what the broker asks

    def generation(self, process: str) -> int | None:
        return self._generations[process] if process in self._running else None

    def passive(self, process: str) -> Channel[Any]:
        return self._passives[process]

    def is_core_channel(self, name: str) -> bool:
        return any(name == f"{process}-passive" for process in self.names)

    def add_channel(self, process: str, channel: Channel[Any]) -> None:
        self._held[process].append(channel)


def with_children(*names: str) -> Callable[[Callable[[Children], Coroutine[Any, Any, None]]], Callable[[], None]]:
    """Decorator: a test that is given such children, none of which runs yet."""

    def decorate(test: Callable[[Children], Coroutine[Any, Any, None]]) -> Callable[[], None]:
        def run_test() -> None:
            joiner = Joiner()

            async def body() -> None:
                children = Children(joiner, *names)
                try:
                    await test(children)
                finally:
                    children.close()

            try:
                run(body())
            finally:
                joiner.close()

        run_test.__name__ = test.__name__
        return run_test

    return decorate


async def received(channel: Channel[Any], count: int = 1) -> list[Any]:
    """By the main process, on the loop."""
    return [await asyncio.wait_for(channel.async_receive(), DEADLINE) for _ in range(count)]


async def received_by_child(channel: Channel[Any], count: int = 1) -> list[Any]:
    return await soon(in_thread(lambda: [channel.receive(DEADLINE) for _ in range(count)]))


@with_children("a")
async def test_what_a_child_sets_the_main_process_finds(children: Children) -> None:
    a = children.start("a")
    theirs = await a.set("work", max_queued_bytes=100_000, ack="handled")
    ours = children.table.get("work")
    assert ours is not None
    assert ours.options == theirs.options == ChannelOptions(max_queued_bytes=100_000, ack="handled")
    ours.send("down")
    assert await received_by_child(theirs) == ["down"]
    theirs.send("up")
    assert await received(ours) == ["up"]


@with_children("a")
async def test_what_the_main_process_sets_a_child_finds_now_or_when_it_starts(children: Children) -> None:
    early, late = Channel[Any]("early"), Channel[Any]("late")
    children.broker.connect("early", early, None)
    early.send("waits for the child")
    a = children.start("a")
    children.broker.connect("late", late, "a")
    late.send("comes at once")
    assert await received_by_child(await a.get("early")) == ["waits for the child"]
    assert await received_by_child(await a.get("late")) == ["comes at once"]
    assert children.table.channels == {"early": early, "late": late}


@with_children("a", "b")
async def test_two_children_get_ends_of_one_pair_whoever_sets_it(children: Children) -> None:
    a, b = children.start("a"), children.start("b")
    of_a = await a.set("direct", to="b")
    of_b = await b.set("direct", to="a")
    of_a.send(1)
    of_b.send(2)
    assert await received_by_child(of_b) == [1]
    assert await received_by_child(of_a) == [2]
    assert children.table.get("direct") is None


@with_children("a", "b")
async def test_an_end_that_the_other_side_holds_is_not_replaced(children: Children) -> None:
    a, b = children.start("a"), children.start("b")
    of_a = await a.set("direct", to="b")
    of_b = await b.get("direct")
    of_a.send("before")
    for process, end in zip("ab", pipe_pair(), strict=True):
        offer = ChannelOffer("direct", ChannelEnd("direct", ChannelOptions(), Handle(end.detach())), is_direct=True)
        children.passive(process).tell(offer)
    await asyncio.to_thread(a.passive.read_control)
    await asyncio.to_thread(b.passive.read_control)
    of_a.send("after")
    assert await received_by_child(of_b, 2) == ["before", "after"]


@with_children("a")
async def test_the_next_generation_gets_what_the_last_one_has_not_taken(children: Children) -> None:
    ours = Channel[Any]("work")
    children.broker.connect("work", ours, "a")
    for generation in range(1, 4):
        a = children.start("a")
        theirs = await a.get("work")
        ours.send(generation)
        if generation > 1:
            assert await received_by_child(theirs) == [generation - 1]
        await children.end("a")
    assert ours.closed is None
    assert ours.stats.queued == 1


@with_children("a", "b")
async def test_a_direct_channel_is_offered_anew_when_either_side_has_started_again(children: Children) -> None:
    a, b = children.start("a"), children.start("b")
    of_a = await a.set("direct", to="b")
    await b.get("direct")
    await children.end("b")
    of_a.send("waits in a")
    b = children.start("b")
    of_b = await b.get("direct")
    assert await received_by_child(of_b) == ["waits in a"]
    of_b.send("back")
    assert await received_by_child(of_a) == ["back"]


@with_children("a", "b")
async def test_what_cannot_be_is_told_before_anything_is_set(children: Children) -> None:
    a = children.start("a")
    with pytest.raises(UnknownProcess) as caught:
        children.broker.connect("work", Channel[Any]("work"), "c")
    assert caught.value.known == ("a", "b")
    with pytest.raises(ValueError, match="a, b"):
        children.broker.connect("work", Channel[Any]("work"), None)
    with pytest.raises(ValueError, match="b-passive"):
        children.broker.connect("b-passive", Channel[Any]("work"), "a")
    with pytest.raises(UnknownProcess):
        await a.set("work", to="c")
    for name, to in (("a-passive", None), ("b-passive", None), ("work", "a")):
        with pytest.raises(ValueError, match=name):
            await a.set(name, to=to)
    assert children.table.channels == {}
    assert list(a.table.channels) == ["a-passive"]


@with_children("a")
async def test_a_channel_that_is_used_is_not_replaced_and_one_that_is_not_is_taken_over(children: Children) -> None:
    a = children.start("a")
    theirs = await a.set("work")
    theirs.send("for whoever is there")
    adopting = Channel[Any]("work")
    children.broker.connect("work", adopting, "a")
    assert await received(adopting) == ["for whoever is there"]
    assert children.table.get("work") is adopting
    with pytest.raises(ValueError, match="work"):
        children.broker.connect("work", Channel[Any]("work"), "a")
    with pytest.raises(ChannelInUse):
        children.broker.connect("elsewhere", adopting, "a")
    with pytest.raises(ValueError, match="work"):
        await a.set("work")


@with_children("a")
async def test_no_handles_left_is_told_to_who_asks(children: Children) -> None:
    a = children.start("a")

    def fail() -> Any:
        raise OSError(24, "too many")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("liteyuki.comm.broker.main.pipe_pair", fail)
        with pytest.raises(NoHandlesLeft):
            children.broker.connect("work", Channel[Any]("work"), "a")
        with pytest.raises(NoHandlesLeft):
            await a.set("work")
    assert children.table.channels == {}
    await a.set("work")


@with_children("a")
async def test_who_starts_and_cannot_be_offered_an_end_is_told_in_the_log(children: Children) -> None:
    ours = Channel[Any]("work")
    children.broker.connect("work", ours, "a")

    def fail() -> Any:
        raise OSError(24, "too many")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("liteyuki.comm.broker.main.pipe_pair", fail)
        children.start("a")
    assert not ours.is_attached
    await children.end("a")
    a = children.start("a")
    ours.send("at the next start")
    assert await received_by_child(await a.get("work")) == ["at the next start"]


@with_children("a")
async def test_a_thread_of_the_main_process_may_set_a_channel(children: Children) -> None:
    a = children.start("a")
    ours = Channel[Any]("work")
    await soon(in_thread(lambda: children.broker.connect("work", ours, "a")))
    theirs = await a.get("work")
    theirs.send(1)
    assert await received(ours) == [1]


@with_children("a")
async def test_a_thread_follows_what_is_offered_to_a_child_without_a_loop(children: Children) -> None:
    a = children.start("a")
    children.broker.connect("first", Channel[Any]("first"), "a")
    await a.get("first")
    for number in range(3):
        children.broker.connect(f"next {number}", Channel[Any](f"next {number}"), "a")
    await until(lambda: len(a.table.channels) == 5, "all offers were heard, though nobody asked")


@with_children("a")
async def test_an_offer_leaves_before_what_is_sent_after_it_even_in_a_burst(children: Children) -> None:
    a = children.start("a")
    for _ in range(200):
        children.passive("a").send("what leaves together when the loop turns")
    children.broker.connect("work", Channel[Any]("work"), "a")
    # On the loop's own thread: it does not turn meanwhile.
    assert in_thread(lambda: a.table.find("work")).result(DEADLINE) is not None
