"""Who waits, coroutines and threads, and what wakes them."""

import asyncio
import gc
import os
import select
import threading
import time
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest

from liteyuki.comm.io.spin import SPIN
from liteyuki.comm.io.waiters import HandlePoll, LoopWaiter, ThreadWaiter, is_readable
from liteyuki.comm.io.writer import wait_writable
from tests.unit.joined import DEADLINE, in_thread, run, soon


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    """Two handles: what is written to the second is read from the first."""
    reading, writing = os.pipe()
    yield reading, writing
    os.close(reading)
    os.close(writing)


# --- a thread


def waiting_on(wake: threading.Event, was_woken: threading.Event) -> ThreadWaiter:
    """The waiter of a thread that ends as soon as it is woken."""
    made: list[ThreadWaiter] = []
    begun = threading.Event()

    def wait() -> None:
        made.append(ThreadWaiter())
        begun.set()
        assert wake.wait(DEADLINE)
        HandlePoll().wait(made[0], -1, DEADLINE)
        was_woken.set()

    in_thread(wait)
    assert begun.wait(DEADLINE)
    return made[0]


@pytest.mark.parametrize("is_woken_first", [True, False], ids=["before it waits", "while it waits"])
def test_a_thread_is_woken_by_another(is_woken_first: bool) -> None:
    may_wait, was_woken = threading.Event(), threading.Event()
    waiter = waiting_on(may_wait, was_woken)
    if is_woken_first:
        assert waiter.wake()
        may_wait.set()
    else:
        may_wait.set()
        assert waiter.wake()
    assert was_woken.wait(DEADLINE)
    assert not waiter.is_woken


def test_its_handle_is_readable_from_the_first_wake_until_it_is_cleared() -> None:
    waiter = ThreadWaiter()
    assert not is_readable(waiter.fileno())
    for _ in range(2):
        in_thread(waiter.wake).result(DEADLINE)
    assert is_readable(waiter.fileno())
    waiter.clear()
    assert not is_readable(waiter.fileno())
    assert not waiter.is_woken
    waiter.clear()


def test_one_that_nobody_clears_can_be_woken_for_ever() -> None:
    waiter = ThreadWaiter()

    def wake_often() -> None:
        for _ in range(100_000):
            waiter.wake()

    in_thread(wake_often).result(DEADLINE)
    waiter.clear()
    assert not is_readable(waiter.fileno())
    in_thread(waiter.wake).result(DEADLINE)
    assert is_readable(waiter.fileno())
    waiter.clear()


def test_a_thread_that_wakes_itself_does_not_begin_to_wait() -> None:
    waiter = ThreadWaiter()
    assert waiter.wake()
    assert not is_readable(waiter.fileno())  # the call that rings is for other threads
    HandlePoll().wait(waiter, -1, None)
    assert not waiter.is_woken


def test_each_thread_has_one_handle_whatever_it_waits_for() -> None:
    mine = {ThreadWaiter().fileno() for _ in range(3)}
    others = {in_thread(lambda: ThreadWaiter().fileno()).result(DEADLINE) for _ in range(1)}
    assert len(mine) == 1
    assert mine.isdisjoint(others)


def test_a_new_waiter_of_a_thread_hears_nothing_of_what_the_one_before_was_woken_for() -> None:
    before = ThreadWaiter()
    in_thread(before.wake).result(DEADLINE)
    after = ThreadWaiter()
    assert not after.is_woken
    assert not is_readable(after.fileno())


def test_a_forked_process_does_not_hear_what_its_parent_is_to_hear(pipe: tuple[int, int]) -> None:
    mine = ThreadWaiter()
    reading, writing = pipe
    pid = os.fork()
    if pid == 0:
        theirs = ThreadWaiter()
        os.write(writing, b"1" if theirs.fileno() != mine.fileno() else b"0")
        os._exit(0)
    os.waitpid(pid, 0)
    assert os.read(reading, 1) == b"1"
    assert not is_readable(mine.fileno())


def test_the_handles_of_a_thread_that_is_over_are_given_back_without_a_word() -> None:
    def leave_a_cycle() -> None:
        class Holder:
            pass

        holder = Holder()
        holder.__dict__.update(waiter=ThreadWaiter(), itself=holder)

    gc.collect()
    before = set(Path("/dev/fd").iterdir())
    with warnings.catch_warnings(), pytest.MonkeyPatch.context() as patch:
        warnings.simplefilter("error")
        complaints: list[object] = []
        patch.setattr("sys.unraisablehook", complaints.append)
        for _ in range(10):
            in_thread(leave_a_cycle).result(DEADLINE)
            gc.collect()
    assert complaints == []
    assert set(Path("/dev/fd").iterdir()) == before


# --- a thread and handles


def test_a_poll_ends_when_the_handle_can_be_read(pipe: tuple[int, int]) -> None:
    waiter, poll = ThreadWaiter(), HandlePoll()
    os.write(pipe[1], b"x")
    for _ in range(3):
        poll.wait(waiter, pipe[0], None)
    os.read(pipe[0], 1)
    began = time.monotonic()
    poll.wait(waiter, pipe[0], 0.02)
    assert time.monotonic() - began >= 0.02


def test_a_poll_ends_when_the_handle_takes_something_only_if_that_is_wished(pipe: tuple[int, int]) -> None:
    waiter, poll = ThreadWaiter(), HandlePoll()
    poll.wait(waiter, pipe[1], None, or_writable=True)
    began = time.monotonic()
    poll.wait(waiter, pipe[1], 0.02)
    assert time.monotonic() - began >= 0.02


def test_a_poll_is_asked_for_another_handle_and_the_first_one_again(pipe: tuple[int, int]) -> None:
    waiter, poll = ThreadWaiter(), HandlePoll()
    other_reading, other_writing = os.pipe()
    try:
        os.write(other_writing, b"x")
        for handle, is_there in ((pipe[0], False), (other_reading, True), (-1, False), (other_reading, True)):
            poll.wait(waiter, handle, 0 if not is_there else None)
        os.write(pipe[1], b"x")
        poll.wait(waiter, pipe[0], None)
    finally:
        os.close(other_reading)
        os.close(other_writing)


def test_several_threads_wait_by_one_poll(pipe: tuple[int, int]) -> None:
    poll, count = HandlePoll(), 4
    together = threading.Barrier(count + 1)

    def wait() -> None:
        waiter = ThreadWaiter()
        together.wait(DEADLINE)
        poll.wait(waiter, pipe[0], None)

    threads = [in_thread(wait) for _ in range(count)]
    together.wait(DEADLINE)
    os.write(pipe[1], b"x")
    for thread in threads:
        thread.result(DEADLINE)


class Clock:
    """Time that goes on by so much whenever somebody looks."""

    def __init__(self, step: float) -> None:
        self.now = 0.0
        self.step = step

    def __call__(self) -> float:
        self.now += self.step
        return self.now


def test_a_poll_looks_for_a_moment_first_where_that_was_worth_it(pipe: tuple[int, int]) -> None:
    clock = Clock(SPIN / 10)
    waiter, poll = ThreadWaiter(), HandlePoll(clock)

    def looks_of_a_wait() -> int:
        before = clock.now
        os.write(pipe[1], b"x")
        poll.wait(waiter, pipe[0], None)
        os.read(pipe[0], 1)
        return round((clock.now - before) / clock.step)

    assert looks_of_a_wait() == 2  # how long it slept, which was short
    assert looks_of_a_wait() == 2  # when to end, and whether that is now; then something was there
    poll.wait(waiter, pipe[0], 0)  # in vain, and more rarely from then on
    clock.step = 1.0
    poll.wait(waiter, pipe[0], 0)  # a long sleep
    clock.step = SPIN / 10
    before = clock.now
    poll.wait(waiter, pipe[0], 0)
    assert clock.now - before < SPIN


def test_whoever_waits_for_a_handle_to_take_something_comes_back_to_look_again(pipe: tuple[int, int]) -> None:
    _, writing = pipe
    wait_writable(writing, DEADLINE)
    os.set_blocking(writing, False)
    try:
        while True:
            os.write(writing, bytes(65536))
    except BlockingIOError:
        pass
    poll = select.poll()
    poll.register(writing, select.POLLOUT)
    wait_writable(writing, DEADLINE)  # which is longer than that lasts
    assert not poll.poll(0)
    wait_writable(writing, -1.0)


# --- a coroutine


def test_a_coroutine_is_woken_from_its_own_and_from_other_threads_once() -> None:
    async def body() -> None:
        waiter = LoopWaiter()
        assert waiter.wake()
        assert not waiter.wake()
        await waiter.future
        waiter = LoopWaiter()
        assert await soon(in_thread(waiter.wake))
        await asyncio.wait_for(waiter.future, DEADLINE)
        assert not await soon(in_thread(waiter.wake))

    run(body())


def test_one_that_was_cancelled_and_one_whose_loop_has_closed_are_not_there() -> None:
    async def body() -> LoopWaiter:
        cancelled = LoopWaiter()
        cancelled.future.cancel()
        assert not cancelled.wake()
        return LoopWaiter()

    assert not run(body()).wake()


def test_one_that_was_woken_twice_before_its_loop_turned_is_woken_once() -> None:
    async def body() -> None:
        waiter = LoopWaiter()
        in_thread(lambda: [waiter.wake() for _ in range(3)]).result(DEADLINE)  # the loop stands still meanwhile
        await asyncio.wait_for(waiter.future, DEADLINE)

    run(body())
