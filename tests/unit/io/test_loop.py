"""An event loop that watches handles for somebody, and calls from other threads."""

import asyncio
import os
import threading
from collections.abc import Callable, Iterator
from typing import Any, cast

import pytest

from liteyuki.comm.io.loop import LoopWatch
from tests.unit.joined import DEADLINE, in_thread, run, soon, until


class Watching:
    """A watch of two connected handles, and how often it was told that something can be read and written."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.wanted = -1, -1
        self.readable = self.writable = 0
        self.lock = threading.RLock()
        self.watch = LoopWatch(
            loop,
            lock=self.lock,
            wanted=lambda: self.wanted,
            on_readable=self._on_readable,
            on_writable=self._on_writable,
        )

    def want(self, reading: int, writing: int) -> None:
        """Watch other handles."""
        self.wanted = reading, writing
        self.watch.update_soon()

    def _on_readable(self) -> None:
        self.readable += 1

    def _on_writable(self) -> None:
        self.writable += 1


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    reading, writing = os.pipe()
    yield reading, writing
    os.close(reading)
    os.close(writing)


def test_it_tells_of_the_handles_that_are_watched_and_of_no_others(pipe: tuple[int, int]) -> None:
    async def body() -> None:
        reading, writing = pipe
        watching = Watching(asyncio.get_running_loop())
        os.write(writing, b"x")
        await asyncio.sleep(0)
        assert (watching.readable, watching.writable) == (0, 0)
        watching.want(reading, -1)
        await until(lambda: watching.readable, "that it can be read")
        assert watching.writable == 0
        watching.want(-1, writing)
        await until(lambda: watching.writable, "that it can be written")
        watching.want(-1, -1)
        told = watching.readable, watching.writable
        for _ in range(3):
            await asyncio.sleep(0)
        assert (watching.readable, watching.writable) == told

    run(body())


def test_another_handle_may_take_the_place_of_one_and_the_same_be_set_again(pipe: tuple[int, int]) -> None:
    async def body() -> None:
        other_reading, other_writing = os.pipe()
        watching = Watching(asyncio.get_running_loop())
        watching.want(pipe[0], -1)
        for _ in range(2):
            watching.want(other_reading, -1)
        os.write(pipe[1], b"x")
        for _ in range(3):
            await asyncio.sleep(0)
        assert watching.readable == 0
        os.write(other_writing, b"x")
        await until(lambda: watching.readable, "that it can be read")
        watching.want(-1, -1)
        os.close(other_reading)
        os.close(other_writing)

    run(body())


def test_nobody_closes_a_handle_between_the_question_for_it_and_the_watch(
    pipe: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def body() -> None:
        loop = asyncio.get_running_loop()
        watching, is_free = Watching(loop), list[bool]()

        def add_reader(handle: int, callback: object) -> None:
            is_free.append(in_thread(lambda: watching.lock.acquire(blocking=False)).result(DEADLINE))

        monkeypatch.setattr(loop, "add_reader", add_reader)
        watching.want(pipe[0], -1)
        assert is_free == [False]
        monkeypatch.undo()

    run(body())


class Forgetful:
    """As `uvloop` where the other end is gone and has left something unread: it tells once that there is something."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop

    def __getattr__(self, name: str) -> Any:
        return getattr(self._loop, name)

    def add_reader(self, handle: int, callback: Callable[[], None]) -> None:
        def once() -> None:
            self._loop.remove_reader(handle)
            callback()

        self._loop.add_reader(handle, once)


def test_all_is_read_though_the_loop_tells_only_once(pipe: tuple[int, int]) -> None:
    async def body() -> None:
        read = bytearray()
        watch = LoopWatch(
            cast("asyncio.AbstractEventLoop", Forgetful(asyncio.get_running_loop())),
            lock=threading.RLock(),
            wanted=lambda: (pipe[0], -1),
            on_readable=lambda: read.extend(os.read(pipe[0], 1)),
            on_writable=lambda: None,
        )
        os.write(pipe[1], b"abc")
        watch.update()
        await until(lambda: len(read) == 3, "that all is read")
        watch.stop()

    run(body())


def test_calls_come_when_the_loop_turns_from_whatever_thread() -> None:
    async def body() -> None:
        watch, called = Watching(asyncio.get_running_loop()).watch, list[int]()

        def note() -> None:
            called.append(threading.get_ident())

        watch.call_soon(note)
        assert called == []
        await until(lambda: len(called) == 1, "the call when the loop turns")
        await soon(in_thread(lambda: watch.call_soon(note)))
        await until(lambda: len(called) == 2, "the call from another thread")
        assert set(called) == {threading.get_ident()}

    run(body())


def test_what_is_wanted_may_change_on_any_thread_and_be_stopped_at_once(pipe: tuple[int, int]) -> None:
    async def body() -> None:
        watching = Watching(asyncio.get_running_loop())
        os.write(pipe[1], b"x")
        await soon(in_thread(lambda: watching.want(pipe[0], -1)))
        await until(lambda: watching.readable, "that it can be read")
        watching.watch.stop()
        told = watching.readable
        for _ in range(3):
            await asyncio.sleep(0)
        assert watching.readable == told
        watching.watch.update()
        await until(lambda: watching.readable > told, "that it can be read")
        watching.watch.stop()

    run(body())


def test_it_knows_whether_the_loop_runs_elsewhere() -> None:
    async def body() -> LoopWatch:
        watch = Watching(asyncio.get_running_loop()).watch
        assert not watch.runs_elsewhere()
        assert await soon(in_thread(watch.runs_elsewhere))
        return watch

    assert not run(body()).runs_elsewhere()


def test_a_loop_that_has_closed_is_asked_for_nothing(pipe: tuple[int, int]) -> None:
    loop = asyncio.new_event_loop()
    watching = Watching(loop)
    watching.want(pipe[0], -1)
    loop.close()
    watching.want(-1, pipe[1])
    watching.watch.call_soon(lambda: pytest.fail("nobody calls it"))
    in_thread(lambda: watching.want(pipe[0], -1)).result(DEADLINE)
    watching.watch.stop()
