"""What we take from asyncio and loguru under private names, on the versions that are installed."""

import asyncio
import contextvars
import gc
import weakref
from typing import Any

import loguru
import pytest

from liteyuki._compat import eager_task, independent_logger, running_loop

number = contextvars.ContextVar[int]("number")


class Error(Exception):
    pass


def test_the_running_loop_is_that_of_this_thread() -> None:
    async def inside() -> None:
        assert running_loop() is asyncio.get_running_loop()
        assert await asyncio.to_thread(running_loop) is None

    assert running_loop() is None
    asyncio.run(inside())


def test_an_independent_logger_shares_no_handlers() -> None:
    ours, other = independent_logger(), independent_logger()
    lines: dict[str, list[str]] = {"ours": [], "other": [], "global": []}
    ours.add(lines["ours"].append, format="{message}")
    other.add(lines["other"].append, format="{message}")
    number_of_global = loguru.logger.add(lines["global"].append, format="{message}")
    try:
        ours.info("one")
        loguru.logger.info("two")
        other.remove()
        ours.opt(exception=Error("three")).error("four")
    finally:
        loguru.logger.remove(number_of_global)
    assert lines["ours"][0] == "one\n"
    assert lines["ours"][1].startswith("four\n")
    assert lines["ours"][1].rstrip().endswith("Error: three")
    assert lines["other"] == []
    assert lines["global"] == ["two\n"]


# --- a task that begins at once


async def _run(steps: list[Any], turns: int) -> str:
    steps.append(asyncio.current_task())
    for turn in range(turns):
        await asyncio.sleep(0)
        steps.append(turn)
    return "done"


@pytest.mark.parametrize("turns", [0, 1, 2])
def test_it_makes_its_first_step_at_once_and_the_others_when_the_loop_turns(turns: int) -> None:
    async def body() -> None:
        steps: list[Any] = []
        before = asyncio.current_task()
        task = eager_task(asyncio.get_running_loop(), _run(steps, turns))
        assert steps == [task]
        assert asyncio.current_task() is before
        assert await task == "done"
        assert steps == [task, *range(turns)]

    asyncio.run(body())


def test_it_may_begin_where_no_task_runs() -> None:
    async def body() -> None:
        loop, made = asyncio.get_running_loop(), asyncio.get_running_loop().create_future()
        loop.call_soon(lambda: made.set_result((eager_task(loop, _run([], 1)), asyncio.current_task())))
        task, current = await made
        assert current is None
        assert await task == "done"

    asyncio.run(body())


def test_one_may_begin_within_the_first_step_of_another() -> None:
    async def outer(loop: asyncio.AbstractEventLoop, steps: list[Any]) -> asyncio.Task[str]:
        task = eager_task(loop, _run(steps, 1))
        steps.append(asyncio.current_task())
        return task

    async def body() -> None:
        steps: list[Any] = []
        task = eager_task(asyncio.get_running_loop(), outer(asyncio.get_running_loop(), steps))
        inner = await task
        assert await inner == "done"
        assert steps == [inner, task, 0]

    asyncio.run(body())


@pytest.mark.parametrize("turns", [0, 1])
def test_what_it_raises_belongs_to_the_task(turns: int) -> None:
    async def fail() -> None:
        for _ in range(turns):
            await asyncio.sleep(0)
        raise Error

    async def body() -> None:
        task = eager_task(asyncio.get_running_loop(), fail())
        with pytest.raises(Error):
            await task

    asyncio.run(body())


@pytest.mark.parametrize("turns", [0, 1])
def test_it_waits_for_a_future_and_gets_its_outcome(turns: int) -> None:
    async def body() -> None:
        future: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        failing: asyncio.Future[str] = asyncio.get_running_loop().create_future()

        async def wait() -> str:
            with pytest.raises(Error):
                await failing
            return await future

        task = eager_task(asyncio.get_running_loop(), wait())
        for _ in range(turns):
            await asyncio.sleep(0)
        failing.set_exception(Error())
        future.set_result("result")
        assert await task == "result"

    asyncio.run(body())


@pytest.mark.parametrize("turns", [0, 1])
def test_it_is_told_that_it_is_cancelled(turns: int) -> None:
    async def body() -> None:
        told: list[str] = []

        async def wait() -> None:
            try:
                await asyncio.get_running_loop().create_future()
            except asyncio.CancelledError:
                await asyncio.sleep(0)
                told.append("cancelled")
                raise

        task = eager_task(asyncio.get_running_loop(), wait())
        for _ in range(turns):
            await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert told == ["cancelled"]

    asyncio.run(body())


@pytest.mark.parametrize("fails", [False, True])
def test_one_that_has_ended_is_not_cancelled_any_more(fails: bool) -> None:
    async def end() -> str:
        if fails:
            raise Error
        return "done"

    async def body() -> None:
        task = eager_task(asyncio.get_running_loop(), end())
        task.cancel()
        if fails:
            with pytest.raises(Error):
                await task
        else:
            assert await task == "done"

    asyncio.run(body())


def test_it_has_one_context_of_its_own_from_beginning_to_end() -> None:
    async def count(seen: list[int]) -> None:
        seen.append(number.get())
        for _ in range(3):
            number.set(number.get() + 1)
            await asyncio.sleep(0)
            seen.append(number.get())

    async def body() -> None:
        seen: list[int] = []
        number.set(1)
        task = eager_task(asyncio.get_running_loop(), count(seen))
        assert number.get() == 1
        number.set(100)
        await task
        assert seen == [1, 2, 3, 4]

    asyncio.run(body())


def test_what_it_held_is_free_without_the_garbage_collector() -> None:
    class Held:
        pass

    async def end(held: Held) -> None:
        pass

    async def body() -> None:
        held = Held()
        seen = weakref.ref(held)
        task = eager_task(asyncio.get_running_loop(), end(held))
        await task
        del held, task
        assert seen() is None

    gc.disable()
    try:
        asyncio.run(body())
    finally:
        gc.enable()
