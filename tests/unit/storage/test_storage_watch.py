"""Watching what a key of `shared_memory` holds."""

import asyncio
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest

from liteyuki.comm import Change, Channel, attach_channels, shared_memory
from liteyuki.comm.registry import Registry, replaced_registry
from liteyuki.comm.storage.messages import StorageWait
from liteyuki.comm.storage.server import StorageServer
from liteyuki.comm.storage.store import ABSENT
from liteyuki.comm.storage.watch import Watch
from tests.unit.joined import DEADLINE, Joiner, in_thread, run, until


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def registry() -> Iterator[Registry]:
    with replaced_registry() as made:
        yield made


@pytest.fixture
def clock(registry: Registry) -> Clock:
    made = Clock()
    registry.storage = StorageServer(made)
    return made


pytestmark = pytest.mark.usefixtures("registry")


def test_a_watch_begins_with_what_is_there_and_tells_what_follows() -> None:
    shared_memory.set("key", 1)
    with shared_memory.watch("key") as watch, shared_memory.watch("none") as none:
        assert next(watch) == Change("key", 1, exists=True)
        assert next(none) == Change("none", None, exists=False)
        shared_memory.set("key", None)
        assert next(watch) == Change("key", None, exists=True)
        shared_memory.delete("key")
        assert next(watch) == Change("key", None, exists=False)
        shared_memory.set("other", 1)
        coming = in_thread(lambda: next(watch))
        shared_memory.increment("key")
        assert coming.result(DEADLINE) == Change("key", 1, exists=True)


def test_a_watch_on_a_loop_tells_the_same() -> None:
    async def body() -> None:
        shared_memory.set("key", 1)
        with shared_memory.watch("key") as watch:
            assert await anext(watch) == Change("key", 1, exists=True)
            coming = asyncio.ensure_future(anext(watch))
            await asyncio.sleep(0)
            assert await asyncio.to_thread(shared_memory.delete, "key")
            assert await asyncio.wait_for(coming, DEADLINE) == Change("key", None, exists=False)

    run(body())


def test_a_slow_watcher_gets_the_newest_state_and_no_old_one() -> None:
    with shared_memory.watch("key") as watch:
        assert not next(watch).exists
        for number in range(100):
            shared_memory.set("key", number)
        assert next(watch).value == 99
        shared_memory.delete("key")
        shared_memory.set("key", 99)
        assert next(watch).value == 99
        coming = in_thread(lambda: next(watch))
        shared_memory.set("key", "newer")
        assert coming.result(DEADLINE).value == "newer"


def test_a_watcher_in_another_thread_sees_states_in_their_order() -> None:
    def work() -> list[int]:
        values: list[int] = []
        for change in shared_memory.watch("key"):
            values.append(change.value)
            if change.value == 2000:
                break
        return values

    shared_memory.set("key", 0)
    watchers = [in_thread(work) for _ in range(3)]
    for _ in range(2000):
        shared_memory.increment("key")
    for watcher in watchers:
        values = watcher.result(DEADLINE)
        assert values == sorted(set(values))
        assert values[-1] == 2000


def test_who_watches_is_told_of_an_expiry_that_nobody_else_notices() -> None:
    async def until_it_is_gone(watch: Watch) -> None:
        while (await anext(watch)).exists:
            pass

    async def body() -> None:
        shared_memory.set("key", 1)
        with shared_memory.watch("key") as watch:
            assert (await anext(watch)).value == 1
            shared_memory.set("key", 2, ttl=0.05)
            await asyncio.wait_for(until_it_is_gone(watch), DEADLINE)

    run(body())
    shared_memory.set("key", 1)
    watch = shared_memory.watch("key")
    assert next(watch).value == 1
    shared_memory.set("key", 2, ttl=0.05)
    in_thread(lambda: next(change for change in watch if not change.exists)).result(DEADLINE)


def test_a_longer_life_is_noticed_by_who_waits_for_the_end_of_a_shorter_one(clock: Clock) -> None:
    shared_memory.set("key", 1, ttl=0.01)
    watch = shared_memory.watch("key")
    assert next(watch).value == 1
    coming = in_thread(lambda: next(watch))  # looks at the clock again and again, which stands still
    shared_memory.set("key", 2, ttl=3600)
    assert coming.result(DEADLINE).value == 2
    coming = in_thread(lambda: next(watch))
    clock.now += 3600
    assert shared_memory.get("key") is None
    assert not coming.result(DEADLINE).exists


def test_no_timer_runs_where_nothing_can_expire(monkeypatch: pytest.MonkeyPatch) -> None:
    async def body() -> None:
        timers = 0
        loop = asyncio.get_running_loop()
        call_at = loop.call_at

        def counted(*arguments: Any, **options: Any) -> asyncio.TimerHandle:
            nonlocal timers
            timers += 1
            return call_at(*arguments, **options)

        monkeypatch.setattr(loop, "call_at", counted)
        await shared_memory.async_set("unwatched", 1, ttl=3600)
        await shared_memory.async_set("key", 1)
        with shared_memory.watch("key") as watch:
            await anext(watch)
            coming = asyncio.ensure_future(anext(watch))
            await asyncio.sleep(0)
            assert timers == 0
            await shared_memory.async_set("key", 2, ttl=3600)
            await coming
            coming = asyncio.ensure_future(anext(watch))
            await asyncio.sleep(0)
            assert timers == 1
            watch.close()
            with pytest.raises(StopAsyncIteration):
                await coming

    run(body())


def test_closing_ends_a_watch_and_whoever_waits_for_it() -> None:
    watch = shared_memory.watch("key")
    next(watch)
    waiting = in_thread(lambda: list(watch))
    watch.close()
    watch.close()
    assert waiting.result(DEADLINE) == []
    assert list(watch) == []
    assert "closed" in repr(watch)

    async def body() -> None:
        with shared_memory.watch("key") as watch:
            await anext(watch)
            waiting = asyncio.ensure_future(anext(watch, "over"))
            await asyncio.sleep(0)
        assert await asyncio.wait_for(waiting, DEADLINE) == "over"

    run(body())


def test_a_cancelled_wait_loses_no_change_and_leaves_nothing_behind(registry: Registry) -> None:
    async def body() -> None:
        with shared_memory.watch("key") as watch:
            await anext(watch)
            for number in range(5):
                waiting = asyncio.ensure_future(anext(watch))
                await asyncio.sleep(0)
                waiting.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await waiting
                assert not registry.storage._waits
                await shared_memory.async_set("key", number)
                assert (await anext(watch)).value == number

    run(body())


def test_a_blocking_watch_does_not_hold_an_event_loop_up() -> None:
    async def body() -> None:
        with pytest.raises(RuntimeError, match="async for"):
            next(shared_memory.watch("key"))

    run(body())


def test_the_end_of_a_wait_may_come_before_the_wait(registry: Registry) -> None:
    wait_id = uuid4()
    registry.storage.end_wait("key", wait_id)
    waiting = in_thread(lambda: registry.storage.wait(StorageWait("key", ABSENT, wait_id)))
    assert waiting.result(DEADLINE) is None


# --- in a child


@pytest.fixture
def main(registry: Registry) -> Iterator[Channel[Any]]:
    """The other end of this process's passive channel, as if it was a child; nobody reads it."""
    joiner = Joiner()
    main, child = joiner.channels()
    registry.become_child("bot", 1, {"bot-passive": child})
    yield main
    joiner.close()


def test_a_cancelled_wait_of_a_child_leaves_nothing_behind_in_the_main_process(main: Channel[Any]) -> None:
    async def body() -> None:
        attach_channels()
        owner = StorageServer()
        main.bind(asyncio.get_running_loop())
        owner.serve(main)
        with shared_memory.watch("key") as watch:
            assert not (await anext(watch)).exists
            waiting = asyncio.ensure_future(anext(watch))
            await until(lambda: owner._waits, "the wait has begun")
            waiting.cancel()
            await until(lambda: not owner._waits, "the wait is over")
            await shared_memory.async_set("key", 1)
            assert (await anext(watch)).value == 1

    run(body())
