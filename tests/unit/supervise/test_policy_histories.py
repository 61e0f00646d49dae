"""The restart policy over whole lives of a process, with a clock of our own, deaths of all kinds and people who ask."""

from pathlib import Path
from typing import NamedTuple

from hypothesis import given
from hypothesis import strategies as st

from liteyuki.supervise import Backoff, GiveUp, GiveUpThen, ProcessSpec, Program, ProgramKind, RestartMode
from liteyuki.supervise.policy import Action, Decision, Exit, History, decide, forgiven


class Life(NamedTuple):
    """One generation: when it gets ready, if it does, how long it lives then, and how it ends."""

    start: float
    ready_for: float | None
    code: int | None
    """None: a person asks for a restart while it runs."""
    patience: float | None
    """After how many seconds of a pause a person asks for a restart; None: nobody does."""


class Death(NamedTuple):
    at: float
    ended: Exit
    decision: Decision


class Start(NamedTuple):
    at: float
    is_asked: bool
    waited: float
    after: Death | None


class Told(NamedTuple):
    starts: list[Start]
    deaths: list[list[Death]]
    """Those that count together: a person's restart begins another list."""
    now: float
    history: History
    is_left_stopped: bool


def live(spec: ProcessSpec, lives: list[Life], chance: float) -> Told:
    """Lead the process through `lives`, one after the other, as the keeper does."""
    starts, deaths = [Start(0.0, False, 0.0, None)], [list[Death]()]
    history, now, is_left_stopped = History(), 0.0, False
    for life in lives:
        now += life.start + (life.ready_for or 0.0)
        if life.code is None:
            history = forgiven(History(was_ever_ready=history.was_ever_ready or life.ready_for is not None))
            deaths.append([])
            starts.append(Start(now, True, 0.0, None))
            continue
        ended = Exit(code=life.code, became_ready=life.ready_for is not None, ready_for=life.ready_for or 0.0)
        decision, history = decide(spec, history, ended, now, chance=chance)
        death = Death(now, ended, decision)
        deaths[-1].append(death)
        is_left_stopped = decision.action in (Action.STOP, Action.GIVE_UP, Action.GIVE_UP_AND_EXIT)
        if life.patience is not None and (is_left_stopped or life.patience < decision.after):
            now += life.patience
            history = forgiven(history)
            deaths.append([])
            starts.append(Start(now, True, life.patience, death))
        elif is_left_stopped:
            break
        else:
            now += decision.after
            starts.append(Start(now, False, decision.after, death))
        is_left_stopped = False
    return Told(starts, deaths, now, history, is_left_stopped)


seconds = st.floats(0.0, 500.0)
lives = st.lists(
    st.builds(
        Life,
        start=st.floats(0.0, 30.0),
        ready_for=st.none() | seconds,
        code=st.sampled_from([0, 1, 3, -9, -11, None]),
        patience=st.none() | seconds,
    ),
    max_size=60,
)
# Those of a loop: it dies a few seconds after each start, and nobody asks.
loops = st.lists(
    st.builds(Life, start=st.floats(0, 2), ready_for=st.none() | st.floats(0, 5), code=st.just(1), patience=st.none()),
    min_size=80,
    max_size=80,
)
backoffs = st.builds(
    Backoff,
    base=st.floats(0.0, 5),
    factor=st.floats(1.0, 10),
    max=st.floats(0.0, 100),
    jitter=st.floats(0, 0.9),
    reset_after=st.floats(0.0, 400),
)
limits = st.builds(
    GiveUp,
    deaths=st.integers(1, 20),
    within=st.floats(0.1, 1000),
    then=st.sampled_from(GiveUpThen),
    slow_every=st.floats(0.0, 1000),
)
specs = st.builds(
    ProcessSpec,
    name=st.just("x"),
    program=st.just(Program(ProgramKind.APP, ("nonebot",))),
    cwd=st.just(Path()),
    restart=st.sampled_from(RestartMode),
    backoff=backoffs,
    give_up=limits,
)
chances = st.floats(0, 1, exclude_max=True)


@given(specs, lives, chances)
def test_it_is_left_stopped_only_as_the_settings_say(spec: ProcessSpec, lived: list[Life], chance: float) -> None:
    for count in live(spec, lived, chance).deaths:
        for number, (at, ended, decision) in enumerate(count):
            rests = spec.restart is RestartMode.NEVER or (
                spec.restart is RestartMode.ON_FAILURE and not ended.is_failure
            )
            assert (decision.action is Action.STOP) == rests
            if decision.action in (Action.GIVE_UP, Action.GIVE_UP_AND_EXIT):
                assert (decision.action is Action.GIVE_UP_AND_EXIT) == (spec.give_up.then is GiveUpThen.EXIT)
                assert spec.give_up.then is not GiveUpThen.SLOW
                recent = [death for death in count[: number + 1] if at - death.at < spec.give_up.within]
                assert len(recent) >= spec.give_up.deaths


@given(specs, lives, chances)
def test_no_window_holds_more_fast_restarts_than_allowed(spec: ProcessSpec, lived: list[Life], chance: float) -> None:
    for count in live(spec, lived, chance).deaths:
        fast = [death.at for death in count if death.decision.action is Action.RESTART]
        for at in fast:
            # A window of any place: the fullest ones end at a restart.
            assert len([other for other in fast if 0 <= at - other < spec.give_up.within]) < spec.give_up.deaths


@given(specs, lives, chances)
def test_each_pause_is_as_long_as_the_policy_wants(spec: ProcessSpec, lived: list[Life], chance: float) -> None:
    backoff = spec.backoff
    for count in live(spec, lived, chance).deaths:
        quick, slow = 0, False
        for death in count:
            if death.ended.became_ready and death.ended.ready_for >= backoff.reset_after:
                quick, slow = 0, False
            decision = death.decision
            if decision.action is Action.RESTART_SLOWLY:
                assert spec.give_up.then is GiveUpThen.SLOW
                assert decision.after in (spec.give_up.slow_every, backoff.max)
                slow = slow or decision.after == spec.give_up.slow_every != backoff.max
            elif decision.action is Action.RESTART:
                assert not slow
                wanted = min(backoff.base * backoff.factor ** (quick - 1), backoff.max) if quick else 0.0
                assert wanted * (1 - backoff.jitter) * 0.999 <= decision.after
                assert decision.after <= wanted * (1 + backoff.jitter) * 1.001
                quick += 1


@given(specs, lives, chances)
def test_a_person_never_waits_and_finds_a_clean_slate(spec: ProcessSpec, lived: list[Life], chance: float) -> None:
    told = live(spec, lived, chance)
    for start in told.starts:
        if start.is_asked and start.after is not None and start.after.decision.action is Action.RESTART:
            assert start.waited < start.after.decision.after
    forgotten = forgiven(told.history)
    assert forgotten == History(was_ever_ready=told.history.was_ever_ready)
    crash = Exit(code=1, became_ready=True, ready_for=0.0)
    decision, _ = decide(spec, forgotten, crash, told.now, chance=chance)
    if spec.restart is not RestartMode.NEVER and spec.give_up.deaths > 1:
        assert decision == Decision(Action.RESTART, 0.0)


@given(specs, lives | loops, chances)
def test_it_runs_again_soon_after_the_cause_is_gone(spec: ProcessSpec, lived: list[Life], chance: float) -> None:
    told = live(spec, lived, chance)
    if told.is_left_stopped or spec.restart is RestartMode.NEVER:
        return
    longest = max(spec.give_up.slow_every, spec.backoff.max * (1 + spec.backoff.jitter))
    assert all(start.waited <= longest * 1.001 for start in told.starts if not start.is_asked)
    # Now it lives in good health; when it dies of something else one day, it is back at once.
    well = max(spec.backoff.reset_after, spec.give_up.within)
    ended = Exit(code=1, became_ready=True, ready_for=well)
    decision, _ = decide(spec, told.history, ended, told.now + well + 1, chance=chance)
    if spec.give_up.deaths > 1:
        assert decision == Decision(Action.RESTART, 0.0)


@given(st.floats(1.0, 100.0), st.integers(2, 20), st.sampled_from(GiveUpThen))
def test_the_window_slides(every: float, deaths: int, then: GiveUpThen) -> None:
    """It dies again and again after the same time: the pace alone decides whether that is too often."""
    ends = [Life(start=0.0, ready_for=every, code=1, patience=None)] * (2 * deaths)
    for within, is_too_often in ((every * (deaths - 1) + 0.5, True), (every * (deaths - 1) - 0.5, False)):
        spec = ProcessSpec(
            name="x",
            program=Program(ProgramKind.APP, ("nonebot",)),
            cwd=Path(),
            backoff=Backoff(base=0.0, reset_after=50.0),
            give_up=GiveUp(deaths=deaths, within=within, then=then),
        )
        died = live(spec, ends, 0.5).deaths[0]
        fast = [death.decision.action is Action.RESTART for death in died]
        assert all(fast[: deaths - 1])
        assert all(fast) != is_too_often
        assert is_too_often is False or not fast[deaths - 1]


@given(loops, st.sampled_from([GiveUpThen.EXIT, GiveUpThen.STOP]), st.integers(1, 8), chances)
def test_a_loop_is_always_given_up(lived: list[Life], then: GiveUpThen, deaths: int, chance: float) -> None:
    """Also one that never gets ready, and whatever our own pauses are, with the settings as they are by default."""
    spec = ProcessSpec(
        name="x",
        program=Program(ProgramKind.APP, ("nonebot",)),
        cwd=Path(),
        give_up=GiveUp(deaths=deaths, then=then),
    )
    told = live(spec, lived, chance)
    assert told.is_left_stopped
    assert len(told.deaths[0]) == deaths


@given(loops, chances)
def test_a_loop_of_one_that_was_ready_once_ends_in_slow_retries(lived: list[Life], chance: float) -> None:
    spec = ProcessSpec(name="x", program=Program(ProgramKind.APP, ("nonebot",)), cwd=Path())
    first = Life(start=1.0, ready_for=1.0, code=1, patience=None)
    pauses = [start.waited for start in live(spec, [first, *lived], chance).starts]
    assert pauses[-1] == spec.give_up.slow_every
    well = Life(start=1.0, ready_for=spec.backoff.reset_after, code=1, patience=None)
    assert live(spec, [first, *lived, well], chance).starts[-1].waited == 0.0
    assert sum(pause < spec.give_up.slow_every for pause in pauses) <= spec.give_up.deaths
