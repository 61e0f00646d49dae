"""Whether to look before sleeping: decided by how the waits before have ended."""

import asyncio
from collections.abc import Callable
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from liteyuki.comm.io.spin import SPIN, LoopSpin, Spin

SHORT, LONG = 50e-6, 1.0


def test_nobody_looks_before_a_wait_has_been_short() -> None:
    spin = Spin()
    assert not spin.is_worth_it()
    spin.slept(LONG)
    assert not spin.is_worth_it()
    spin.slept(SHORT)
    assert spin.is_worth_it()
    spin.slept(LONG)
    assert not spin.is_worth_it()


def test_one_success_makes_up_for_all_that_was_in_vain() -> None:
    spin = Spin()
    spin.slept(SHORT)
    for _ in range(5):
        spin.failed()
    while not spin.is_worth_it():
        pass
    spin.succeeded()
    spin.failed()
    skipped = 0
    while not spin.is_worth_it():
        skipped += 1
    assert skipped == 2


@settings(deadline=None)
@given(st.integers(), st.floats(0, 1))
def test_looking_in_vain_becomes_rare(seed: int, share_of_short: float) -> None:
    """As where both processes share a core: whoever looks keeps the other one from answering."""
    spin, random = Spin(), Random(seed)
    looked = 0
    for _ in range(3000):
        if spin.is_worth_it():
            looked += 1
            spin.failed()
        spin.slept(SHORT if random.random() < share_of_short else LONG)
    assert looked <= 10 + 3000 / 1024


# --- on an event loop


class Turns:
    """A loop's `call_soon`, and what it is to call."""

    def __init__(self) -> None:
        self.due: list[tuple[Callable[..., object], tuple[object, ...]]] = []

    def call_soon(self, callback: Callable[..., object], *args: object) -> None:
        self.due.append((callback, args))

    def turn(self) -> None:
        due, self.due = self.due, []
        for callback, args in due:
            callback(*args)


class Clock:
    """Stands still until it is moved."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


def test_a_loop_keeps_turning_after_it_has_sent_until_an_answer_comes() -> None:
    clock, loop = Clock(), Turns()
    spin = LoopSpin(clock)
    spin.sent(loop)  # type: ignore[arg-type]
    assert not loop.due
    clock.now += SHORT
    spin.came()
    spin.sent(loop)  # type: ignore[arg-type]
    for _ in range(3):
        assert loop.due
        loop.turn()
    spin.came()
    loop.turn()
    assert not loop.due


def test_a_loop_stops_turning_in_time_though_more_is_sent() -> None:
    clock, loop = Clock(), Turns()
    spin = LoopSpin(clock)
    spin.sent(loop)  # type: ignore[arg-type]
    clock.now += SHORT
    spin.came()
    for _ in range(10):
        spin.sent(loop)  # type: ignore[arg-type]
        loop.turn()
        clock.now += SPIN / 9
    loop.turn()
    assert not loop.due
    spin.sent(loop)  # type: ignore[arg-type]
    assert not loop.due


def test_a_real_loop_looks_only_for_a_moment() -> None:
    async def body() -> int:
        loop, spin = asyncio.get_running_loop(), LoopSpin()
        spin.sent(loop)
        spin.came()
        turns = 0
        spin.sent(loop)
        while spin.is_looking:
            turns += 1
            await asyncio.sleep(0)
        return turns

    assert asyncio.run(asyncio.wait_for(body(), 10)) >= 1
