"""The restart policy: what it promises, over random histories."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from liteyuki.supervise import Backoff, GiveUp, GiveUpThen, ProcessSpec, Program, ProgramKind, RestartMode
from liteyuki.supervise.policy import Action, Decision, Exit, History, decide

CRASH = Exit(code=1, became_ready=True, ready_for=1.0)
NEVER_READY = Exit(code=1, became_ready=False, ready_for=0.0)
HEALTHY_CRASH = Exit(code=-9, became_ready=True, ready_for=1000.0)


def spec(**changes: Any) -> ProcessSpec:
    return ProcessSpec(name="x", program=Program(ProgramKind.APP, ("nonebot",)), cwd=Path(), **changes)


def run(of: ProcessSpec, exits: list[tuple[float, Exit]], chance: float = 0.5) -> list[Decision]:
    """Decisions on exits, each after so many seconds of life; the clock also passes the waiting."""
    history, now, decisions = History(), 0.0, []
    for lived, ended in exits:
        now += lived
        decision, history = decide(of, history, ended, now, chance=chance)
        decisions.append(decision)
        now += decision.after
    return decisions


def test_first_death_is_followed_at_once_and_the_next_ones_ever_later() -> None:
    decisions = run(spec(give_up=GiveUp(deaths=100)), [(1.0, CRASH)] * 11)
    assert [d.after for d in decisions] == [0, 0.5, 1, 2, 4, 8, 16, 32, 60, 60, 60]
    assert {d.action for d in decisions} == {Action.RESTART}


@pytest.mark.parametrize(("chance", "after"), [(0.0, 0.45), (0.5, 0.5), (0.75, 0.525)])
def test_chance_moves_the_delay_by_as_much_as_the_jitter(chance: float, after: float) -> None:
    assert run(spec(), [(1.0, CRASH)] * 2, chance)[1].after == pytest.approx(after)


def test_unless_it_is_given_chance_is_random() -> None:
    history = History(quick=1, was_ever_ready=True)
    delays = {decide(spec(), history, CRASH, 0.0)[0].after for _ in range(20)}
    assert len(delays) > 1
    assert all(0.45 <= delay < 0.55 for delay in delays)


@pytest.mark.parametrize(("base", "factor", "after"), [(0.5, 2.0, 60.0), (0.5, 1.0, 0.5), (0.0, 2.0, 0.0)])
def test_the_delay_after_any_number_of_deaths_is_within_its_bounds(base: float, factor: float, after: float) -> None:
    of = spec(backoff=Backoff(base=base, factor=factor))
    decision, _ = decide(of, History(quick=10**9, was_ever_ready=True), CRASH, 0.0, chance=0.5)
    assert decision == Decision(Action.RESTART, after)


def test_a_healthy_time_starts_the_backoff_over() -> None:
    decisions = run(spec(), [(1.0, CRASH), (1.0, CRASH), (1000.0, HEALTHY_CRASH), (1.0, CRASH)])
    assert [d.after for d in decisions] == [0, 0.5, 0, 0.5]


@pytest.mark.parametrize(
    ("then", "action"),
    [
        (GiveUpThen.SLOW, Action.RESTART_SLOWLY),
        (GiveUpThen.STOP, Action.GIVE_UP),
        (GiveUpThen.EXIT, Action.GIVE_UP_AND_EXIT),
    ],
)
def test_too_many_deaths_in_the_window_reach_the_limit(then: GiveUpThen, action: Action) -> None:
    decisions = run(spec(give_up=GiveUp(deaths=3, within=100.0, then=then)), [(5.0, CRASH)] * 3)
    assert [d.action for d in decisions] == [Action.RESTART, Action.RESTART, action]


@pytest.mark.parametrize(("apart", "action"), [(9.9, Action.RESTART_SLOWLY), (10.0, Action.RESTART)])
def test_a_death_at_the_far_end_of_the_window_counts_no_more(apart: float, action: Action) -> None:
    decisions = run(spec(give_up=GiveUp(deaths=2, within=10.0)), [(1.0, CRASH), (apart, CRASH)])
    assert [d.action for d in decisions] == [Action.RESTART, action]


def test_slow_goes_on_until_a_healthy_time() -> None:
    of = spec(give_up=GiveUp(deaths=2, within=10.0, slow_every=600.0))
    decisions = run(of, [(1.0, CRASH)] * 4 + [(1000.0, HEALTHY_CRASH)])
    assert [d.after for d in decisions] == [0, 600, 600, 600, 0]


def test_one_that_has_never_been_ready_is_retried_slowly() -> None:
    decisions = run(spec(), [(1.0, NEVER_READY), (1.0, NEVER_READY), (1.0, CRASH)])
    assert [d.after for d in decisions] == [60, 60, 0]
    assert decisions[0].action is Action.RESTART_SLOWLY


@pytest.mark.parametrize(
    ("mode", "code", "action"),
    [
        (RestartMode.ALWAYS, 0, Action.RESTART),
        (RestartMode.ALWAYS, 1, Action.RESTART),
        (RestartMode.ON_FAILURE, 0, Action.STOP),
        (RestartMode.ON_FAILURE, -9, Action.RESTART),
        (RestartMode.NEVER, 0, Action.STOP),
        (RestartMode.NEVER, 1, Action.STOP),
    ],
)
def test_restart_mode(mode: RestartMode, code: int, action: Action) -> None:
    ended = Exit(code=code, became_ready=True, ready_for=1.0)
    decision, _ = decide(spec(restart=mode), History(), ended, 0.0)
    assert (decision.action, decision.after) == (action, 0.0)


lives = st.floats(min_value=0.0, max_value=500.0)
exits = st.lists(
    st.tuples(lives, st.builds(Exit, code=st.sampled_from([0, 1, 3, -9]), became_ready=st.booleans(), ready_for=lives)),
    min_size=1,
    max_size=60,
)
backoffs = st.builds(
    Backoff,
    base=st.floats(0.01, 5),
    factor=st.floats(1.0, 10),
    max=st.floats(5, 100),
    jitter=st.floats(0, 0.9),
    reset_after=st.floats(1, 400),
)
limits = st.builds(GiveUp, deaths=st.integers(1, 20), within=st.floats(1, 1000), slow_every=st.floats(100, 1000))


@given(exits, backoffs, limits, st.floats(0, 1, exclude_max=True))
def test_never_faster_than_the_policy_allows(
    ends: list[tuple[float, Exit]], backoff: Backoff, give_up: GiveUp, chance: float
) -> None:
    of = spec(backoff=backoff, give_up=give_up)
    decisions = run(of, ends, chance)
    fast_in_a_row = 0
    for (_, ended), decision in zip(ends, decisions, strict=True):
        assert decision.action in (Action.RESTART, Action.RESTART_SLOWLY)
        assert decision.after >= 0
        if decision.action is Action.RESTART_SLOWLY:
            assert decision.after in (give_up.slow_every, backoff.max)
            continue
        healthy = ended.became_ready and ended.ready_for >= backoff.reset_after
        fast_in_a_row = 1 if healthy else fast_in_a_row + 1
        if fast_in_a_row > 1:
            assert decision.after >= min(backoff.base, backoff.max) * (1 - backoff.jitter) * 0.999
        assert decision.after <= backoff.max * (1 + backoff.jitter) * 1.001


@given(exits, limits)
def test_the_window_catches_every_loop(ends: list[tuple[float, Exit]], give_up: GiveUp) -> None:
    of = spec(give_up=give_up)
    history, now = History(was_ever_ready=True), 0.0
    deaths: list[float] = []
    for lived, ended in ends:
        now += lived
        decision, history = decide(of, history, ended, now, chance=0.5)
        deaths = [death for death in deaths if now - death < give_up.within] + [now]
        if len(deaths) >= give_up.deaths:
            assert decision.action is Action.RESTART_SLOWLY
        now += decision.after


@given(exits, backoffs, limits)
def test_it_recovers_when_the_cause_goes_away(
    ends: list[tuple[float, Exit]], backoff: Backoff, give_up: GiveUp
) -> None:
    of = spec(backoff=backoff, give_up=give_up)
    healthy = Exit(code=1, became_ready=True, ready_for=backoff.reset_after + give_up.within + 1)
    last = run(of, [*ends, (healthy.ready_for, healthy)])[-1]
    # Where one death is already too many, no time is healthy enough.
    at_limit = Decision(Action.RESTART_SLOWLY, give_up.slow_every)
    assert last == (at_limit if give_up.deaths == 1 else Decision(Action.RESTART, 0.0))
