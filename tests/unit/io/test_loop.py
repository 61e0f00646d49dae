"""An event loop that watches handles for somebody, and calls from other threads."""

import asyncio
import os
import threading
from collections.abc import Iterator

import pytest

from liteyuki.comm.io.loop import LoopWatch
from tests.unit.joined import DEADLINE, in_thread, run, soon, until


class Watching:
    """A watch of two connected handles, and how often it was told that something can be read and written."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.readable = self.writable = 0
        self.watch = LoopWatch(loop, self._on_readable, self._on_writable)

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
        watching.watch.set(reading=reading, writing=-1)
        await until(lambda: watching.readable, "that it can be read")
        assert watching.writable == 0
        watching.watch.set(reading=-1, writing=writing)
        await until(lambda: watching.writable, "that it can be written")
        watching.watch.set(reading=-1, writing=-1)
        told = watching.readable, watching.writable
        for _ in range(3):
            await asyncio.sleep(0)
        assert (watching.readable, watching.writable) == told

    run(body())


def test_another_handle_may_take_the_place_of_one_and_the_same_be_set_again(pipe: tuple[int, int]) -> None:
    async def body() -> None:
        other_reading, other_writing = os.pipe()
        watching = Watching(asyncio.get_running_loop())
        watching.watch.set(reading=pipe[0], writing=-1)
        for _ in range(2):
            watching.watch.set(reading=other_reading, writing=-1)
        os.write(pipe[1], b"x")
        for _ in range(3):
            await asyncio.sleep(0)
        assert watching.readable == 0
        os.write(other_writing, b"x")
        await until(lambda: watching.readable, "that it can be read")
        watching.watch.set(reading=-1, writing=-1)
        os.close(other_reading)
        os.close(other_writing)

    run(body())


def test_calls_come_on_the_loops_thread_at_once_there_and_soon_from_others() -> None:
    async def body() -> None:
        watch, called = Watching(asyncio.get_running_loop()).watch, list[int]()

        def note() -> None:
            called.append(threading.get_ident())

        watch.call(note)
        assert called == [threading.get_ident()]
        watch.call_soon(note)
        assert len(called) == 1
        await until(lambda: len(called) == 2, "the call when the loop turns")
        for call in watch.call, watch.call_soon:
            await soon(in_thread(lambda call=call: call(note)))  # type: ignore[misc]
        await until(lambda: len(called) == 4, "the calls from another thread")
        assert set(called) == {threading.get_ident()}

    run(body())


def test_it_knows_whether_and_where_the_loop_runs() -> None:
    async def body() -> LoopWatch:
        watch = Watching(asyncio.get_running_loop()).watch
        assert (watch.is_this_thread(), watch.runs_elsewhere()) == (True, False)
        assert await soon(in_thread(lambda: (watch.is_this_thread(), watch.runs_elsewhere()))) == (False, True)
        return watch

    watch = run(body())
    assert (watch.is_this_thread(), watch.runs_elsewhere()) == (False, False)


def test_a_loop_that_has_closed_is_asked_for_nothing(pipe: tuple[int, int]) -> None:
    loop = asyncio.new_event_loop()
    watching = Watching(loop)
    watching.watch.set(reading=pipe[0], writing=-1)
    loop.close()
    watching.watch.set(reading=-1, writing=pipe[1])
    watching.watch.call_soon(lambda: pytest.fail("nobody calls it"))
    in_thread(lambda: watching.watch.call(lambda: pytest.fail("nobody calls it"))).result(DEADLINE)
