"""Channels that are made at run time, between the main process and real children, and between two children."""

import asyncio
import os
import resource
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from liteyuki.comm import Channel, get_channel, get_channel_async, set_channel, set_channels
from liteyuki.comm.protocol import Origin
from liteyuki.comm.session import Ack
from liteyuki.errors import ChannelClosed, ChannelFull, ChannelInUse, ChannelNotFound, NoHandlesLeft, UnknownProcess
from liteyuki.supervise.spec import Backoff, GiveUp, ProcessSpec, ProcessState, Program, ProgramKind, RestartMode
from tests.harness import DEADLINE, open_handles, wait_until
from tests.process.numbers import STREAM_BOUND, check_handled, check_taken, numbered, read_records
from tests.process.test_supervisor import ROOT, Watched, command, run, supervised

AT_ONCE = {"backoff": Backoff(base=0.0, max=0.0), "give_up": GiveUp(deaths=10**6)}
KINDS = ["obey", "obey_on_loop", "obey_in_thread"]
"""Children without an event loop, on one, and in a thread beside one."""


def child(name: str, function: str, *arguments: object, **changes: Any) -> ProcessSpec:
    program = Program(ProgramKind.TARGET, (f"tests.process.broker_children:{function}",), arguments)
    return ProcessSpec(name=name, program=program, cwd=ROOT, **{**AT_ONCE, **changes})


class Failed(Exception):
    """What a child was told to do has failed there: the error's name, its message, and the names in it."""


class Obeying:
    """A child that does as it is told."""

    def __init__(self, watched: Watched, name: str) -> None:
        self.name = name
        self._watched = watched
        self._active = get_channel(f"{name}-active")

    async def do(self, order: str, *facts: Any) -> Any:
        self._active.send((order, *facts))
        outcome, value = await self.told()
        if outcome == "failed":
            raise Failed(*value)
        return value

    async def told(self) -> Any:
        return await asyncio.wait_for(self._active.async_receive(), DEADLINE)

    async def set(self, name: str, to: str | None = None, **options: Any) -> None:
        await self.do("set", name, to, options)

    async def kill(self) -> None:
        """SIGKILL, and until the next one is ready."""
        status = self._watched.supervisor.keeper(self.name).status()
        assert status.pid is not None
        os.kill(status.pid, signal.SIGKILL)
        await self._until_after(status.generation)

    async def kill_for_good(self) -> None:
        """SIGKILL one that is not to be restarted."""
        keeper = self._watched.supervisor.keeper(self.name)
        os.kill(keeper.status().pid or 0, signal.SIGKILL)
        await self._watched.until(lambda: keeper.state is ProcessState.STOPPED, f"the end of {self.name}")

    def start_again(self) -> None:
        self._watched.supervisor.restart(self.name, reason="test", origin=Origin(kind="main"))

    async def restart(self) -> None:
        """As somebody asks for it, and until the next one is ready."""
        generation = self._watched.supervisor.keeper(self.name).status().generation
        answer = self._watched.supervisor.restart(self.name, reason="test", origin=Origin(kind="main"))
        assert answer.accepted
        await self._until_after(generation)

    async def _until_after(self, generation: int) -> None:
        keeper = self._watched.supervisor.keeper(self.name)

        def is_ready() -> bool:
            status = keeper.status()
            return status.generation > generation and status.state == "ready"

        await self._watched.until(is_ready, f"the next {self.name}")


async def receive(channel: Channel[Any], count: int) -> list[Any]:
    return [await asyncio.wait_for(channel.async_receive(), DEADLINE) for _ in range(count)]


@contextmanager
def no_handles_left() -> Iterator[None]:
    """This process can open nothing meanwhile."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    highest = max(int(path.name) for path in Path("/proc/self/fd").iterdir())
    spare = [os.open(os.devnull, os.O_RDONLY) for _ in range(highest + 1 - open_handles())]
    resource.setrlimit(resource.RLIMIT_NOFILE, (highest + 1, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
        for handle in spare:
            os.close(handle)


# --- between the main process and a child


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


@pytest.mark.parametrize("ack", ["taken", "handled"])
@pytest.mark.parametrize("who", ["main", "child"])
def test_numbers_for_a_child_that_dies_again_and_again(tmp_path: Path, who: str, ack: Ack) -> None:
    path, total = tmp_path / "numbers", 4000

    async def main() -> None:
        spec = child("a", "record_numbers", "numbers", str(path), None, ack, who == "child")
        async with supervised(spec) as watched:
            a = Obeying(watched, "a")
            if who == "main":
                set_channel("numbers", Channel("numbers", ack=ack, max_queued_bytes=STREAM_BOUND))
            numbers = await get_channel_async("numbers", timeout=DEADLINE)
            assert numbers.options.ack == ack

            async def send() -> None:
                for number in range(total):
                    await numbers.asend(numbered(number))

            sending = asyncio.ensure_future(send())
            for step in range(1, 9):
                await until_recorded(path, step * total // 20)
                await (a.restart() if step % 4 == 0 else a.kill())
            await sending
            await until_recorded(path, total - 1)

    run(main())
    records = read_records(path.read_bytes())
    check = check_taken if ack == "taken" else check_handled
    assert check(records) <= 8
    assert records[-1].generation == 9


async def until_recorded(path: Path, number: int) -> None:
    def is_recorded() -> bool:
        return path.exists() and bool(records := read_records(path.read_bytes())) and records[-1].number >= number

    await asyncio.to_thread(wait_until, is_recorded, f"number {number}")


def test_numbers_from_a_child_that_dies_again_and_again() -> None:
    async def main() -> None:
        async with supervised(child("a", "send_numbers", "numbers", None)) as watched:
            a = Obeying(watched, "a")
            numbers = await get_channel_async("numbers", timeout=DEADLINE)
            seen: list[tuple[int, int]] = []

            async def hear() -> None:
                async for generation, number in numbers:
                    seen.append((generation, number))

            async def until_heard_of(generation: int) -> None:
                await until(lambda: seen and seen[-1][0] == generation, f"numbers of {generation}")

            hearing = asyncio.ensure_future(hear())
            for generation in range(1, 6):
                await until_heard_of(generation)
                await (a.restart() if generation == 3 else a.kill())
            await until_heard_of(6)
            hearing.cancel()
        # Of each generation the first so many, each once, one generation after the other.
        for generation in range(1, 7):
            of_it = [number for sender, number in seen if sender == generation]
            assert of_it == list(range(len(of_it)))
        assert [sender for sender, _ in seen] == sorted(sender for sender, _ in seen)

    run(main())


async def until(condition: Callable[[], Any], what: str) -> None:
    """Let the loop turn until `condition` holds."""
    end = asyncio.get_running_loop().time() + DEADLINE
    while not condition():
        assert asyncio.get_running_loop().time() < end, what
        await asyncio.sleep(0.001)


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


# --- between two children


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


@pytest.mark.parametrize("ack", ["taken", "handled"])
def test_numbers_from_one_child_to_another_that_dies_again_and_again(tmp_path: Path, ack: Ack) -> None:
    path, total = tmp_path / "numbers", 3000

    async def main() -> None:
        receiver = child("b", "record_numbers", "numbers", str(path), "a", ack, True)
        async with supervised(child("a", "send_numbers_on_loop", "numbers", "b", ack), receiver) as watched:
            b = Obeying(watched, "b")
            for step in range(1, 7):
                await until_recorded(path, step * total // 14)
                await (b.restart() if step % 3 == 0 else b.kill())
            await until_recorded(path, total)

    run(main())
    records = read_records(path.read_bytes())
    check = check_taken if ack == "taken" else check_handled
    assert check(records) <= 6
    assert records[-1].generation == 7


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


# --- taking over


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


# --- what cannot be


def test_with_several_processes_the_main_process_says_which() -> None:
    async def main() -> None:
        async with supervised(child("a", "obey"), child("b", "obey"), command("c", "sleep", "1000")):
            with pytest.raises(ValueError, match=r"work.*a, b\b"):
                set_channel("work", Channel("work"))
            for unknown in ("c", "d"):
                with pytest.raises(UnknownProcess, match=f"{unknown}.*a, b") as caught:
                    set_channel("work", Channel("work"), to=unknown)
                assert caught.value.known == ("a", "b")
            with pytest.raises(ValueError, match="b-active"):
                set_channel("b-active", Channel("b-active"), to="a")
            with pytest.raises(ChannelNotFound, match="a-active"):
                get_channel("work")

    run(main())


@pytest.mark.parametrize("kind", KINDS)
def test_a_child_is_told_what_cannot_be(kind: str) -> None:
    async def main() -> None:
        async with supervised(child("a", kind), child("b", "obey")) as watched:
            a = Obeying(watched, "a")
            with pytest.raises(Failed, match=r"UnknownProcess.*a, b") as failed:
                await a.set("work", to="nobody")
            assert failed.value.args[2] == ["a", "b"]
            with pytest.raises(Failed, match=r"ValueError.*itself|ValueError.*自己"):
                await a.set("work", to="a")
            for name in ("a-passive", "b-active"):
                with pytest.raises(Failed, match=f"ValueError.*{name}"):
                    await a.set(name)
            with pytest.raises(Failed, match="ChannelNotFound"):
                await a.do("get", "work", 0.0)
            # All as it was.
            await a.set("work")
            get_channel("work").send(1)
            assert await a.do("receive", "work", 1) == [1]

    run(main())


def test_no_handles_left_is_told_to_who_sets_and_passes() -> None:
    async def main() -> None:
        async with supervised(child("a", "obey"), child("b", "obey")) as watched:
            a, b = Obeying(watched, "a"), Obeying(watched, "b")
            asked = {"here": None, "direct": "b"}
            for one in (a, b):
                await one.do("threads")  # what comes first over a channel takes a handle
            with no_handles_left():
                work = Channel[Any]("work")
                with pytest.raises(NoHandlesLeft, match=r"work.*ulimit"):
                    set_channel("work", work, to="a")
                for name, to in asked.items():
                    with pytest.raises(Failed, match=f"NoHandlesLeft.*{name}.*ulimit"):
                        await a.set(name, to=to)
            with pytest.raises(ChannelNotFound):
                get_channel("work")
            set_channel("work", work, to="a")
            work.send(1)
            assert await a.do("receive", "work", 1) == [1]
            for name, to in asked.items():
                await a.set(name, to=to)
                await a.do("send", name, [name])
            assert await receive(get_channel("here"), 1) == ["here"]
            assert await b.do("receive", "direct", 1) == ["direct"]

    run(main())


def test_channels_that_come_and_go_leave_no_handles() -> None:
    async def main() -> None:
        async with supervised(child("a", "obey"), child("b", "obey")) as watched:
            a, b = Obeying(watched, "a"), Obeying(watched, "b")
            counts: list[list[int]] = []
            for number in range(20):
                await a.set("direct", to="b")
                await b.do("get", "direct", DEADLINE)
                await b.do("send", "direct", [number])
                assert await a.do("receive", "direct", 1) == [number]
                set_channel("work", work := Channel[Any]("work"), to="a")
                await a.do("get", "work", DEADLINE)
                await a.do("send", "work", [number])
                assert await receive(work, 1) == [number]
                work.close()
                with pytest.raises(Failed, match="ChannelClosed"):
                    await a.do("receive", "work", 1)
                await a.do("close", "direct")
                counts.append([open_handles(), await a.do("open_handles"), await b.do("open_handles")])
            # The last channel's may be open still, or the next one's not yet.
            for first, last in zip(counts[2], counts[-1], strict=True):
                assert last <= first + 4, counts
            assert (await a.do("threads")).count("liteyuki-hear") == 1

    run(main())
