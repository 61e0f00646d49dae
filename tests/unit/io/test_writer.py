"""What is put together to be written, and the thread that writes where no loop runs."""

import os
import threading
from collections.abc import Iterator

import pytest

from liteyuki.comm.io.outgoing import Bursts
from liteyuki.comm.io.writer import Writer
from tests.unit.joined import DEADLINE

# --- bursts


def test_a_burst_is_many_messages_in_a_moment_and_ends_with_the_first_that_are_not() -> None:
    now = 0.0
    bursts = Bursts(clock=lambda: now)
    fast = [bursts.is_one() for _ in range(40)]
    assert not any(fast[:16])
    assert fast[-1]
    told: list[bool] = []
    for _ in range(40):
        now += 0.001
        told.append(bursts.is_one())
    assert not any(told[16:])


def test_who_sends_now_and_then_is_in_no_burst() -> None:
    now = 0.0
    bursts = Bursts(clock=lambda: now)
    for _ in range(200):
        now += 0.0001
        assert not bursts.is_one()


def test_who_receives_between_its_sends_is_in_no_burst_any_more() -> None:
    bursts = Bursts(clock=lambda: 0.0)
    assert [bursts.is_one() for _ in range(40)][-1]
    for _ in range(40):
        bursts.interrupted()
        assert not bursts.is_one()


# --- the thread


class Work:
    """What a writer is to write: `write` returns one of `results` after the other, and -1 from then on."""

    def __init__(self, *results: int | None) -> None:
        self._results = list(results)
        self.calls = 0
        self.threads: set[threading.Thread] = set()
        self.done = threading.Event()
        """Set when the last of the results is given."""

    def write(self) -> int | None:
        self.calls += 1
        self.threads.add(threading.current_thread())
        result = self._results.pop(0) if self._results else -1
        if not self._results:
            self.done.set()
        return result

    def join(self) -> None:
        """Wait until its thread has ended."""
        (thread,) = self.threads
        thread.join(DEADLINE)
        assert not thread.is_alive()


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    yield reading, writing
    os.close(reading)
    os.close(writing)


def test_it_writes_at_once_and_whenever_it_is_woken_until_it_is_to_end() -> None:
    work = Work(-1, -1, None)
    writer = Writer(work.write, lambda: pytest.fail("it is not idle"))
    while not work.done.is_set():
        writer.wake()
    work.join()
    assert work.calls == 3


def test_what_the_system_does_not_take_is_written_when_it_does(pipe: tuple[int, int]) -> None:
    reading, writing = pipe
    filled = 0
    try:
        while True:
            filled += os.write(writing, bytes(65536))
    except BlockingIOError:
        pass
    begun = threading.Event()
    calls = 0

    def write() -> int | None:
        nonlocal calls
        calls += 1
        try:
            os.write(writing, bytes(4096))
        except BlockingIOError:
            return writing
        finally:
            begun.set()
        return None

    before = set(threading.enumerate())
    Writer(write, lambda: True)
    (thread,) = set(threading.enumerate()) - before
    assert begun.wait(DEADLINE)
    while filled:
        filled -= len(os.read(reading, 65536))
    thread.join(DEADLINE)
    assert not thread.is_alive()
    assert calls >= 2


def test_it_ends_when_it_is_idle_and_lives_on_when_it_may_not() -> None:
    work, asked = Work(), list[bool]()

    def is_idle() -> bool:
        asked.append(len(asked) == 1)
        return asked[-1]

    Writer(work.write, is_idle)
    assert work.done.wait(DEADLINE)
    work.join()
    assert asked == [False, True]
