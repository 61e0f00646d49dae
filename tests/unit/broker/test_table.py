"""The channels of a process by name, and waiting for one of a name."""

import asyncio
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from liteyuki.comm import Channel
from liteyuki.comm.broker import ChannelTable
from liteyuki.errors import ChannelNotFound
from tests.unit.joined import DEADLINE, InThread, Joiner, in_thread, run, until


@pytest.fixture
def joiner() -> Iterator[Joiner]:
    made = Joiner()
    yield made
    made.close()


def wait_until_waiting(table: ChannelTable, count: int = 1) -> None:
    for _ in range(int(DEADLINE * 1000)):
        if len(table._waiters) == count:
            return
        threading.Event().wait(0.001)
    raise AssertionError("nobody waits")


def test_what_is_added_is_found_under_its_name() -> None:
    table = ChannelTable()
    one, other = Channel[Any]("one"), Channel[Any]("other")
    table.add("one", one)
    table.add("another name", one)
    table.add("other", other)
    table.add("other", one)
    assert table.find("one") is table.find("another name") is table.get("other") is one
    assert table.channels == {"one": one, "another name": one, "other": one}
    assert table.holds(one)
    assert not table.holds(other)
    table.channels.clear()
    assert table.wait_for("one", 0.0) is one


def test_what_is_not_there_is_told_with_the_names_that_are() -> None:
    table = ChannelTable({"one": Channel[Any]("one")})
    with pytest.raises(ChannelNotFound, match=r"two.*\bone\b") as here:
        table.wait_for("two", 0.0)
    with pytest.raises(ChannelNotFound) as on_loop:
        run(table.wait_for_async("two", 0.0))
    for error in (here.value, on_loop.value):
        assert (error.channel, error.known) == ("two", ("one",))
    assert not table._waiters


def test_threads_and_coroutines_that_wait_get_it_as_soon_as_it_is_added() -> None:
    table, wanted = ChannelTable(), Channel[Any]("wanted")

    async def body() -> None:
        on_loop = asyncio.ensure_future(table.wait_for_async("wanted", None))
        waiting: list[InThread[Channel[Any]]] = [in_thread(lambda: table.wait_for("wanted", DEADLINE)) for _ in "ab"]
        await until(lambda: len(table._waiters) == 3, "all wait")
        await asyncio.to_thread(table.add, "another", Channel[Any]("another"))
        await until(lambda: len(table._waiters) == 3, "all wait on")
        await asyncio.to_thread(table.add, "wanted", wanted)
        assert await asyncio.wait_for(on_loop, DEADLINE) is wanted
        assert [await asyncio.to_thread(one.result, DEADLINE) for one in waiting] == [wanted, wanted]

    run(body())
    assert not table._waiters


def test_a_wait_that_is_cancelled_leaves_nothing_behind() -> None:
    table = ChannelTable()

    async def body() -> None:
        waiting = asyncio.ensure_future(table.wait_for_async("never", None))
        await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting

    run(body())
    assert not table._waiters


# --- in a child, where the main process may have offered more


def test_what_was_offered_and_not_read_yet_is_found(joiner: Joiner) -> None:
    main, passive = joiner.channels()
    table = ChannelTable({"passive": passive}, passive)
    passive.on_control(str, lambda name: table.add(name, Channel[Any](name)))
    main.tell("offered")
    found = table.find("offered")
    assert found is not None
    assert found is table.wait_for("offered", 0.0)
    assert table.get("passive") is passive


def test_a_thread_reads_for_itself_while_it_waits(joiner: Joiner) -> None:
    main, passive = joiner.channels()
    table = ChannelTable({}, passive)
    passive.on_control(str, lambda name: table.add(name, Channel[Any](name)))
    waiting = in_thread(lambda: table.wait_for("offered", DEADLINE))
    wait_until_waiting(table)
    main.tell("another")
    main.tell("offered")
    assert waiting.result(DEADLINE).name == "offered"


def test_whoever_waits_on_a_loop_has_it_read(joiner: Joiner) -> None:
    main, passive = joiner.channels()
    table = ChannelTable({}, passive)
    passive.on_control(str, lambda name: table.add(name, Channel[Any](name)))

    async def body() -> None:
        waiting = asyncio.ensure_future(table.wait_for_async("offered", DEADLINE))
        await asyncio.sleep(0)
        assert passive.loop is asyncio.get_running_loop()
        main.tell("offered")
        assert (await waiting).name == "offered"

    run(body())
