"""Channels that cannot be made at run time, and what is told then; and what the others leave behind."""

import os
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from harness import DEADLINE, open_handles
from liteyuki.comm import Channel, get_channel, set_channel
from liteyuki.errors import ChannelNotFound, NoHandlesLeft, UnknownProcess
from tests.process.broker_processes import KINDS, Failed, Obeying, child, receive
from tests.process.test_supervisor import command, run, supervised


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
