"""The order of processes: every way through it is valid, cycles are found, and nobody waits for ever."""

import asyncio
import random
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from liteyuki.log import configure
from liteyuki.supervise import Cause, Event, EventKind, ProcessSpec, Program, ProgramKind, start_order
from liteyuki.supervise.order import find_cycle, longest_chain, turned_round, whose_turn
from liteyuki.supervise.start_order import Turns

Order = dict[str, tuple[str, ...]]


@st.composite
def orders(draw: st.DrawFn) -> Order:
    """Without a cycle: each comes after some of those before it, and then they are mixed."""
    names = [f"p{number}" for number in range(draw(st.integers(0, 8)))]
    after = {
        name: tuple(draw(st.lists(st.sampled_from(names[:place]), max_size=4)) if place else [])
        for place, name in enumerate(names)
    }
    return {name: after[name] for name in draw(st.permutations(names))}


@st.composite
def graphs(draw: st.DrawFn) -> Order:
    names = [f"p{number}" for number in range(draw(st.integers(1, 6)))]
    return {name: tuple(draw(st.lists(st.sampled_from(names), max_size=2))) for name in names}


def run_through(after: Order, chance: random.Random) -> list[str]:
    """Begin whoever's turn it is, and let those that have begun be done in any order; the order of the beginnings."""
    begun: list[str] = []
    done: set[str] = set()
    while True:
        begun += whose_turn(after, set(begun), done)
        under_way = [name for name in begun if name not in done]
        if not under_way:
            return begun
        done.add(chance.choice(under_way))


@given(orders(), st.randoms(use_true_random=False))
def test_all_begin_each_after_those_that_it_comes_after(after: Order, chance: random.Random) -> None:
    begun = run_through(after, chance)
    assert sorted(begun) == sorted(after)
    assert all(begun.index(other) < begun.index(name) for name, first in after.items() for other in first)
    assert find_cycle(after) == ()


@given(orders())
def test_at_the_start_all_begin_that_wait_for_nobody(after: Order) -> None:
    assert whose_turn(after, set(), set()) == [name for name, first in after.items() if not first]


@given(orders(), st.randoms(use_true_random=False))
def test_the_order_turned_round_is_its_reverse(after: Order, chance: random.Random) -> None:
    stopped = run_through(dict(turned_round(after)), chance)
    assert all(stopped.index(name) < stopped.index(other) for name, first in after.items() for other in first)
    assert {name: set(first) for name, first in turned_round(turned_round(after)).items()} == {
        name: set(first) for name, first in after.items()
    }


@given(graphs(), st.randoms(use_true_random=False))
def test_a_cycle_is_found_if_and_only_if_somebody_can_never_begin(after: Order, chance: random.Random) -> None:
    cycle = find_cycle(after)
    assert bool(cycle) == (len(run_through(after, chance)) < len(after))
    assert len(set(cycle)) == len(cycle)
    assert all(other in after[name] for name, other in zip(cycle, (*cycle[1:], *cycle[:1]), strict=True))


def test_many_ways_to_one_place_are_looked_at_but_once() -> None:
    """Each of a pair comes after both of the pair before it: 2**60 ways lead down."""
    after: Order = {"a0": (), "b0": ()}
    for number in range(1, 60):
        after |= {f"{name}{number}": (f"a{number - 1}", f"b{number - 1}") for name in "ab"}
    from_above = dict(reversed(after.items()))
    assert find_cycle(from_above) == ()
    assert len(find_cycle({**from_above, "a0": ("a59",)})) == 60


@given(orders(), st.randoms(use_true_random=False))
def test_the_longest_chain_is_what_it_all_takes(after: Order, chance: random.Random) -> None:
    seconds = {name: float(chance.randrange(5)) for name in after}

    def ends(name: str) -> float:
        return seconds[name] + max((ends(other) for other in after[name]), default=0.0)

    assert longest_chain(after, seconds) == max((ends(name) for name in after), default=0.0)


# --- with an event loop


def specs(after: Order, **changes: Any) -> dict[str, ProcessSpec]:
    program = Program(ProgramKind.COMMAND, ("true",))
    return {
        name: ProcessSpec(name=name, program=program, cwd=Path(), after=first, **changes)
        for name, first in after.items()
    }


@given(orders(), st.randoms(use_true_random=False))
def test_each_starts_and_stops_in_its_turn(after: Order, chance: random.Random) -> None:
    asyncio.run(live_through(after, chance))


async def live_through(after: Order, chance: random.Random) -> None:
    ways = Turns(specs(after))
    started: list[str] = []
    ended: list[str] = []

    async def live(name: str) -> None:
        await ways.until_start(name)
        started.append(name)
        await asyncio.sleep(0)
        if chance.random() < 0.5:
            ways.hear(Event(EventKind.READY, name, 1))
        ways.hear(died(name))

    async def end(name: str) -> None:
        await ways.until_stop(name)
        await asyncio.sleep(0)
        ended.append(name)
        ways.ended(name)

    await asyncio.wait_for(asyncio.gather(*map(live, after)), 10)
    await asyncio.wait_for(asyncio.gather(*map(end, after)), 10)
    for name, first in after.items():
        assert all(started.index(other) < started.index(name) for other in first)
        assert all(ended.index(name) < ended.index(other) for other in first)


def died(name: str) -> Event:
    return Event(EventKind.EXITED, name, 1, cause=Cause.CRASH)


def told(main: Callable[[], Coroutine[Any, Any, None]]) -> str:
    """What is logged while `main` runs."""
    lines: list[str] = []
    configure(write=lines.append)
    try:
        asyncio.run(main())
    finally:
        configure()
    return "".join(lines)


def test_one_that_takes_long_is_waited_for_no_longer_from_its_own_start_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(start_order, "START_WAIT", 0.01)

    async def main() -> None:
        ways = Turns(specs({"a": (), "b": ("a",), "c": ("a", "b")}))
        ways.hear(Event(EventKind.STARTED, "a", 1))
        await asyncio.wait_for(ways.until_start("b"), 10)
        assert ways.must_wait("c")
        ways.hear(Event(EventKind.STARTED, "b", 1))
        await asyncio.wait_for(ways.until_start("c"), 10)

    said = told(main)
    assert "a：启动 0 秒后仍未就绪；b, c 不再等它" in said
    assert "c：等 b 就绪后启动" in said


def test_one_with_a_start_timeout_has_that_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(start_order, "START_WAIT", 0.0)

    async def main() -> None:
        ways = Turns(specs({"a": (), "b": ("a",)}, start_timeout=300.0))
        ways.hear(Event(EventKind.STARTED, "a", 1))
        for _ in range(10):
            await asyncio.sleep(0.001)
        assert ways.must_wait("b")
        ways.hear(died("a"))
        assert not ways.must_wait("b")

    assert "a：未就绪便结束了；b 不再等它" in told(main)


def test_what_is_wanted_now_does_not_wait() -> None:
    async def main() -> None:
        ways = Turns(specs({"a": (), "b": ("a",)}))
        ways.start_now("b")
        await asyncio.wait_for(ways.until_start("b"), 10)
        ways.hear(died("a"))

    assert told(main) == ""


def test_one_that_is_restarted_before_it_was_ready_is_still_waited_for() -> None:
    async def main() -> None:
        ways = Turns(specs({"a": (), "b": ("a",)}))
        ways.hear(Event(EventKind.STARTED, "a", 1))
        ways.hear(Event(EventKind.EXITED, "a", 1, cause=Cause.FILE_CHANGE))
        assert ways.must_wait("b")
        ways.hear(Event(EventKind.STARTED, "a", 2))
        ways.hear(Event(EventKind.READY, "a", 2))
        assert not ways.must_wait("b")

    assert told(main) == ""
