"""What safe mode decides, over random lives of a process some of whose plugins are broken."""

from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from liteyuki.supervise import GiveUp, GiveUpThen, ProcessSpec, Program, ProgramKind, RestartMode
from liteyuki.supervise.policy import Action, Decision, Exit, History, decide, forgiven
from liteyuki.supervise.safe_mode.decision import (
    ATTEMPTS,
    LeftOut,
    SafeMode,
    became_ready,
    judge,
    tried_again,
    with_changes,
)

PLUGINS = ("a", "b", "c", "d")


def spec(**changes: Any) -> ProcessSpec:
    return ProcessSpec(name="x", program=Program(ProgramKind.APP, ("nonebot",)), cwd=Path(), **changes)


class Bot:
    """A process with plugins, the keeper's part of its life, and files that have versions."""

    def __init__(self, of: ProcessSpec, *, was_ready: bool = True) -> None:
        self.spec = of
        self.mode = SafeMode()
        self.history = History(was_ever_ready=was_ready)
        self.versions = Counter[str]()
        self.broken: set[str] = set()
        self.now = 0.0
        self.pauses: list[float] = []
        """Before each start since the last one that became ready, or was asked for."""

    def stamp(self, home: Path | None) -> int:
        return self.versions[str(home)]

    def start(self, first: tuple[str, ...] = PLUGINS) -> str | None:
        """Load the plugins in the order of `first`; which one it died of. Whether it is stopped for good is told."""
        self.mode = with_changes(self.mode, self.stamp)
        dead_of = next((name for name in first if name in self.broken and name not in self.mode.names), None)
        if dead_of is None:
            self.mode = became_ready(self.mode)
            self.pauses.clear()
        else:
            self.die(dead_of)
        return dead_of

    def die(self, of: str | None, *, code: int = 1) -> Decision:
        ended = Exit(code=code, became_ready=False, ready_for=0.0)
        decision, history = decide(self.spec, self.history, ended, self.now, chance=0.5)
        blamed = None if of is None else LeftOut(of, "why", Path(of), self.stamp(Path(of)))
        self.mode, decision, self.history = judge(self.mode, self.spec, blamed, decision, history)
        self.now += decision.after
        self.pauses.append(decision.after)
        return decision

    def until_ready(self, orders: "st.DataObject | None" = None) -> int:
        """How many starts died before one became ready."""
        for deaths in range(100):
            order = PLUGINS if orders is None else tuple(orders.draw(st.permutations(PLUGINS)))
            if self.start(order) is None:
                return deaths
        raise AssertionError("it never becomes ready")

    def ask(self) -> None:
        self.mode, self.history = tried_again(self.mode), forgiven(self.history)


kinds = st.builds(
    spec, give_up=st.builds(GiveUp, deaths=st.integers(1, 9), then=st.sampled_from(GiveUpThen), within=st.just(1e6))
)
broken = st.sets(st.sampled_from(PLUGINS))


@given(kinds, broken, st.booleans(), st.data())
def test_it_always_comes_back_soon_without_the_broken_ones_and_no_others(
    of: ProcessSpec, names: set[str], was_ready: bool, data: st.DataObject
) -> None:
    bot = Bot(of, was_ready=was_ready)
    bot.broken = names
    deaths = bot.until_ready(data)
    assert set(bot.mode.names) == names
    assert deaths <= (ATTEMPTS - 1 + len(names) if names else 0)
    # Nobody has waited longer than the first fast attempts do.
    assert bot.now <= (ATTEMPTS - 1) * of.backoff.base * (1 + of.backoff.jitter)
    # And so it stays.
    assert bot.until_ready(data) == 0
    assert set(bot.mode.names) == names


@given(st.lists(st.sampled_from(["break", "mend", "crash", "ask"]), max_size=30), st.data())
def test_what_is_left_out_is_what_was_broken_when_it_was_last_looked_at(steps: list[str], data: st.DataObject) -> None:
    bot = Bot(spec())
    for step in steps:
        name = data.draw(st.sampled_from(PLUGINS))
        if step == "break":
            bot.broken.add(name)
            bot.versions[name] += 1
        elif step == "mend":
            bot.broken.discard(name)
            bot.versions[name] += 1
        else:
            before = set(bot.mode.names)
            if step == "ask":
                bot.ask()
            deaths = bot.until_ready(data)
            # Each change is a change of files, so that a start for any reason sees it.
            assert set(bot.mode.names) == bot.broken
            if bot.broken <= before:
                assert deaths <= len(bot.broken)
        assert not bot.mode.on_trial or step in ("break", "mend")


def test_the_third_start_in_a_row_that_dies_of_a_plugin_is_the_last_with_it() -> None:
    bot = Bot(spec())
    bot.broken = {"a"}
    assert bot.until_ready() == 3


def test_one_that_has_never_run_is_tried_quickly_while_plugins_may_be_why() -> None:
    bot = Bot(spec(), was_ready=False)
    assert [bot.die("a").after for _ in range(3)] == [0.0, bot.spec.backoff.base, 0.0]
    assert bot.mode.names == ("a",)


@pytest.mark.parametrize("then", GiveUpThen)
def test_where_no_fast_restart_is_left_one_death_is_enough(then: GiveUpThen) -> None:
    bot = Bot(spec(give_up=GiveUp(deaths=3, then=then)))
    bot.die(None)
    bot.die(None)
    assert bot.die("a") == Decision(Action.RESTART)
    assert bot.mode.names == ("a",)


def test_where_the_policy_is_slow_already_one_death_is_enough() -> None:
    bot = Bot(spec(give_up=GiveUp(deaths=3)))
    for _ in range(4):
        assert bot.mode.names == ()
        last = bot.die(None)
    assert last.action is Action.RESTART_SLOWLY
    assert bot.die("a") == Decision(Action.RESTART)
    assert bot.mode.names == ("a",)


def test_of_those_left_out_the_ones_that_have_changed_are_tried_again() -> None:
    bot = Bot(spec())
    bot.broken = {"a", "b"}
    bot.until_ready()
    bot.versions["a"] += 1
    bot.broken.discard("a")
    assert bot.start() is None
    assert bot.mode.names == ("b",)


def test_mended_where_nobody_looks_it_is_tried_when_a_person_asks() -> None:
    bot = Bot(spec())
    bot.broken = {"a"}
    bot.until_ready()
    bot.broken.clear()  # a package that it needs was installed: its own files are as they were
    bot.until_ready()
    assert bot.mode.names == ("a",)
    bot.ask()
    assert bot.until_ready() == 0
    assert not bot.mode.left_out


def test_asked_for_in_vain_all_that_were_left_out_are_again_after_one_death() -> None:
    bot = Bot(spec())
    bot.broken = set(PLUGINS)
    bot.until_ready()
    bot.ask()
    assert not bot.mode.left_out
    assert bot.until_ready() == 1
    assert sorted(bot.mode.names) == sorted(PLUGINS)
    assert bot.pauses == []


@given(kinds, st.lists(st.sampled_from(["plugin", "other"]), min_size=1, max_size=20), st.booleans())
def test_deaths_of_other_causes_are_left_to_the_policy(of: ProcessSpec, deaths: list[str], was_ready: bool) -> None:
    bot, policy_alone = Bot(of, was_ready=was_ready), History(was_ever_ready=was_ready)
    in_a_row = 0
    for death in deaths:
        ended = Exit(code=1, became_ready=False, ready_for=0.0)
        wanted, policy_alone = decide(of, policy_alone, ended, bot.now, chance=0.5)
        before = bot.mode
        decision = bot.die("a" if death == "plugin" else None)
        if death == "other":
            in_a_row = 0
            assert decision == wanted
            assert bot.mode.left_out == before.left_out
        elif bot.mode.left_out:
            assert decision == Decision(Action.RESTART)
            assert in_a_row + 1 == ATTEMPTS or policy_alone.slow or len(policy_alone.deaths) >= of.give_up.deaths
            return
        else:
            in_a_row += 1
            assert in_a_row < ATTEMPTS
            hurried = Decision(Action.RESTART, 0.0 if in_a_row == 1 else of.backoff.base)
            assert decision == (hurried if wanted.action is Action.RESTART_SLOWLY else wanted)


@pytest.mark.parametrize(("mode", "code"), [(RestartMode.NEVER, 1), (RestartMode.ON_FAILURE, 0)])
def test_what_is_to_stay_stopped_stays_stopped(mode: RestartMode, code: int) -> None:
    bot = Bot(spec(restart=mode))
    for _ in range(5):
        assert bot.die("a", code=code).action is Action.STOP
    assert bot.mode.left_out == ()


def test_one_that_cannot_be_left_out_is_left_to_the_policy() -> None:
    """Something else loads it, by a name or in a way that nobody knows."""
    bot = Bot(spec(give_up=GiveUp(deaths=4)))
    actions = [bot.die("a").action for _ in range(10)]
    assert bot.mode.names == ("a",)
    assert actions[-1] is Action.RESTART_SLOWLY


def test_once_the_cause_is_left_out_its_deaths_do_not_count_any_more() -> None:
    bot = Bot(spec(give_up=GiveUp(deaths=ATTEMPTS)))
    bot.broken = {"a"}
    bot.until_ready()
    crash = Exit(code=1, became_ready=True, ready_for=1.0)
    assert decide(bot.spec, bot.history, crash, bot.now)[0] == Decision(Action.RESTART)
