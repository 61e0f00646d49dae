"""When the watchdog takes a child for stuck: what it promises, over random looks."""

from hypothesis import given
from hypothesis import strategies as st

from liteyuki.supervise.triggers.ticker import next_tick
from liteyuki.supervise.triggers.watchdog import LOOKS, Sight, look

PERIOD = 15.0
in_time = st.floats(0.9 * PERIOD, 1.4 * PERIOD)
late = st.floats(1.6 * PERIOD, 1000 * PERIOD)
counts = st.integers(1, 2**64 - 1)


def seen(looks: list[tuple[float, int]], sight: Sight | None = None, now: float = 0.0) -> list[Sight]:
    """After each look, given as seconds since the one before and the turns that it finds."""
    sight = sight or Sight()
    found = []
    for after, turns in looks:
        now += after
        sight = look(sight, turns, now, PERIOD)
        found.append(sight)
    return found


@given(counts, st.lists(in_time, min_size=LOOKS, max_size=30))
def test_one_that_never_turns_again_is_found_at_the_fourth_look_that_misses(turns: int, looks: list[float]) -> None:
    first, *others = seen([(0.0, turns), *((after, turns) for after in looks)])
    assert not first.is_stuck
    assert [sight.is_stuck for sight in others] == [count + 1 >= LOOKS for count in range(len(looks))]


@given(st.lists(st.tuples(in_time | late, st.integers(0, 3)), max_size=60))
def test_nobody_is_found_stuck_before_it_has_missed_four_looks_in_time(looks: list[tuple[float, int]]) -> None:
    since = 0
    turns_before: int | None = None
    for (after, turns), sight in zip(looks, seen(looks), strict=True):
        if turns == 0 or turns != turns_before:
            since = 0
        elif after < 1.5 * PERIOD:
            since += 1
        turns_before = turns
        assert sight.is_stuck == (since >= LOOKS)


@given(counts, st.lists(late, max_size=60))
def test_looks_that_come_late_accuse_nobody(turns: int, looks: list[float]) -> None:
    assert not any(sight.missed for sight in seen([(0.0, turns), *((after, turns) for after in looks)]))


@given(st.lists(in_time, max_size=60))
def test_one_without_a_loop_is_never_stuck(looks: list[float]) -> None:
    assert not any(sight.missed for sight in seen([(after, 0) for after in looks]))


@given(st.integers(0, 100), counts, counts)
def test_a_turn_clears_it_of_everything(missed: int, before: int, turns: int) -> None:
    (sight,) = seen([(PERIOD, turns)], Sight(before, 0.0, missed))
    assert sight.missed == (0 if turns != before else missed + 1)


@given(st.floats(0, 1e7), st.floats(0.05, 100.0))
def test_all_tickers_of_a_period_tick_together(now: float, every: float) -> None:
    tick = next_tick(now, every)
    assert now < tick + 0.01 * every
    assert tick - now <= 1.01 * every
    # Called at that time, or a moment before, the next one is a period later: no tick is doubled.
    for called in (tick, tick - 1e-9, tick + 0.9 * every):
        assert abs(next_tick(called, every) - (tick + every)) < 0.01 * every
