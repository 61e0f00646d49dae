"""The decisions of the chaos run: which blow comes next, what must follow from it, and what counts as well."""

import itertools
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.chaos.blows import DECK, MAX_BOMB, PROCESSES, SPOILS, Blow, Kind, Limb, deal
from harness.chaos.expected import Ending, Expectation, expected, forgotten_after
from harness.chaos.invariants import left_over, mistold, never, not_answering, not_at_rest, not_running
from harness.chaos.sights import Member, State
from liteyuki.supervise import Cause, EventKind
from tests.unit.chaos.chaos_sights import GENERATIONS, HANDLES, entry, killed, members, sight

seeds = st.integers(0, 2**32)


def blows(seed: int, count: int) -> list[Blow]:
    return list(itertools.islice(deal(seed), count))


# --- which comes next


@given(seeds, st.integers(1, 100))
def test_the_same_seed_deals_the_same_blows(seed: int, count: int) -> None:
    assert blows(seed, count) == blows(seed, 100)[:count]


@given(seeds)
def test_all_kinds_come_before_any_comes_more_often_than_it_may(seed: int) -> None:
    first, second = blows(seed, len(DECK)), blows(seed, 2 * len(DECK))[len(DECK) :]
    assert {blow.kind for blow in first} == set(Kind)
    assert sorted(blow.kind.name for blow in first) == sorted(blow.kind.name for blow in second)


def test_seeds_differ() -> None:
    assert len({tuple(blow.kind for blow in blows(seed, len(DECK))) for seed in range(20)}) == 20


@given(seeds)
def test_each_blow_is_bounded_and_can_be_dealt(seed: int) -> None:
    for number, blow in enumerate(blows(seed, 3 * len(DECK)), start=1):
        assert blow.number == number
        assert blow.process in PROCESSES
        assert 0 <= blow.seconds <= 1
        assert blow.count <= MAX_BOMB
        assert 2 * MAX_BOMB <= 100
        if blow.kind in (Kind.BLOCK, Kind.CLOSE_CHANNELS):
            assert blow.process != "command"
        if blow.kind is Kind.FREEZE and blow.limb is Limb.LEADER:
            assert blow.process != "command"  # nothing would wake it up
        assert (blow.spoil in SPOILS) == (blow.kind is Kind.SPOIL_HISTORY)


# --- what must follow


@given(seeds)
def test_every_blow_has_an_expectation(seed: int) -> None:
    for blow in blows(seed, 3 * len(DECK)):
        expectation = expected(blow)
        assert set(expectation.ends) <= set(PROCESSES)
        assert all(may_be for ends in expectation.ends.values() for may_be in ends)
        if blow.limb is not Limb.LEADER:
            assert expectation == Expectation()
        assert expectation.is_new_main == (blow.kind in (Kind.STOP_MAIN, Kind.KILL_MAIN))


KILLED = Ending(Cause.SIGNAL, "SIGKILL")


@pytest.mark.parametrize(
    ("blow", "ends"),
    [
        (Blow(1, Kind.KILL, "worker"), {"worker": [KILLED]}),
        (Blow(1, Kind.KILL, "worker", Limb.CHILD), {}),
        (Blow(1, Kind.PAUSE, "worker"), {}),
        (Blow(1, Kind.FREEZE, "nonebot"), {}),
        (Blow(1, Kind.KILL_GUARD, "worker"), {}),
        (Blow(1, Kind.KILL_IN_A_ROW, "worker", count=3), {"worker": [KILLED] * 3}),
        (Blow(1, Kind.TERMINATE, "command"), {"command": [Ending(Cause.SIGNAL, "SIGTERM")]}),
        (Blow(1, Kind.BLOCK, "nonebot"), {"nonebot": [Ending(Cause.WATCHDOG, "SIGKILL")]}),
        (Blow(1, Kind.EXIT, "worker", code=0), {"worker": [Ending(Cause.ENDED, exit_code=0)]}),
        (Blow(1, Kind.EXIT, "worker", code=3), {"worker": [Ending(Cause.CRASH, exit_code=3)]}),
        (Blow(1, Kind.EXIT, "nonebot", code=3), {"nonebot": [Ending(Cause.START_FAILED, exit_code=3)]}),
        (Blow(1, Kind.EXIT, "nonebot", code=7), {"nonebot": [Ending(Cause.CRASH, exit_code=7)]}),
        (Blow(1, Kind.FILL_DISK, "worker"), {"worker": [KILLED, KILLED]}),
        (Blow(1, Kind.KILL_ALL, "worker"), {name: [KILLED] for name in PROCESSES}),
        (Blow(1, Kind.KILL_MAIN, "worker"), {name: [Ending(Cause.MAIN_GONE)] for name in PROCESSES}),
    ],
    ids=str,
)
def test_what_follows(blow: Blow, ends: dict[str, list[Ending]]) -> None:
    assert {name: [next(iter(may_be)) for may_be in each] for name, each in expected(blow).ends.items()} == ends


def test_a_spoiled_start_needs_no_end_on_record_until_the_next_start() -> None:
    forgotten = forgotten_after(Blow(1, Kind.SPOIL_HISTORY, "worker"), frozenset())
    assert forgotten == {"nonebot", "command"}
    forgotten = forgotten_after(Blow(2, Kind.PAUSE, "nonebot"), forgotten)
    forgotten = forgotten_after(Blow(3, Kind.KILL, "nonebot"), forgotten)
    assert forgotten == {"command"}
    killed_main = Blow(4, Kind.KILL_MAIN, "worker")
    assert expected(killed_main, forgotten).may_be_missing == {"command"}
    assert expected(Blow(4, Kind.STOP_MAIN, "worker"), forgotten).may_be_missing == set()
    assert forgotten_after(killed_main, forgotten) == set()


# --- what counts as well


def test_nothing_is_said_where_all_is_well() -> None:
    assert never(sight()) == []
    assert not_running(sight(), GENERATIONS) == []
    assert not_answering(sight(), {"nonebot": 200, "command": 210, "worker": 220}) == []
    assert not_at_rest(sight(), HANDLES) == []
    assert mistold(Expectation(), []) == []


def test_an_older_generation_beside_a_newer_one_is_never_well() -> None:
    (sentence,) = never(sight(members=(*members(), Member(999, "main:nonebot:2", is_guard=False))))
    assert "999" in sentence


@pytest.mark.parametrize(
    "state",
    [State("starting", 220, 2), State("waiting", None, 2), State("ready", 220, 1), State("ready", 220, 3)],
)
def test_one_that_does_not_run_is_named(state: State) -> None:
    (sentence,) = not_running(sight(states={**sight().states, "worker": state}), GENERATIONS)
    assert sentence.startswith("worker")


def test_a_main_process_that_does_not_answer_is_reported() -> None:
    assert len(not_running(sight(states={}), GENERATIONS)) == len(PROCESSES)


@pytest.mark.parametrize("pid", [None, 999])
def test_one_that_does_not_answer_is_named(pid: int | None) -> None:
    (sentence,) = not_answering(sight(), {"nonebot": 200, "command": pid, "worker": 220})
    assert sentence.startswith("command")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"zombies": (300,)}, "300"),
        ({"handles": {**HANDLES, "socket": 8}}, "socket"),
        ({"handles": {**HANDLES, "anon_inode": 1}}, "anon_inode"),
        ({"members": tuple(members()[1:])}, "0 guards"),
        ({"members": (*members(), Member(102, "main", is_guard=True))}, "2 guards"),
        ({"members": (*members(), Member(999, "main:worker:2", is_guard=False))}, "4 processes"),
        ({"members": tuple(members()[:-1])}, "2 processes"),
        ({"members": (*members(), Member(999, "", is_guard=False))}, "belongs to nobody"),
        ({"members": (*members(), Member(999, "other:worker:2", is_guard=False))}, "belongs to nobody"),
        ({"members": (*members(), Member(999, "main:gone:2", is_guard=False))}, "belongs to nobody"),
        ({"members": (*members()[:-1], Member(999, "main:worker:1", is_guard=False))}, "orphan"),
    ],
)
def test_what_is_not_at_rest_is_reported(changes: dict[str, object], words: str) -> None:
    (sentence,) = not_at_rest(sight(**changes), HANDLES)
    assert words in sentence


def test_what_is_left_after_the_end_is_reported_and_guards_may_take_longer() -> None:
    assert left_over(sight(members=())) == left_over(sight(members=()), and_guards=True) == []
    guard, leader, *_ = members()
    assert left_over(sight(members=(guard,))) == []
    assert len(left_over(sight(members=(guard,)), and_guards=True)) == 1
    assert len(left_over(sight(members=(guard, leader)))) == 1


def test_fewer_handles_than_before_are_well() -> None:
    assert not_at_rest(sight(handles={"socket": 2}), HANDLES) == []


# --- what the history must say

ONCE = expected(Blow(1, Kind.KILL, "worker"))


def test_a_death_that_is_recorded_correctly_is_well() -> None:
    assert mistold(ONCE, killed("worker", 7)) == []
    in_a_row = expected(Blow(1, Kind.KILL_IN_A_ROW, "worker", count=2))
    assert mistold(in_a_row, [*killed("worker", 7)[:2], *killed("worker", 8)]) == []


def test_a_death_that_nobody_dealt_is_reported() -> None:
    assert len(mistold(Expectation(), killed("worker", 7))) == 1
    assert len(mistold(ONCE, [*killed("worker", 7), *killed("command", 9)])) == 1
    assert len(mistold(ONCE, [*killed("worker", 7), *killed("worker", 8)])) == 1


def test_a_death_that_is_missing_is_reported() -> None:
    assert len(mistold(ONCE, [])) == 1


@pytest.mark.parametrize("number", range(3))
def test_each_part_of_it_must_be_there(number: int) -> None:
    told = killed("worker", 7)
    del told[number]
    assert len(mistold(ONCE, told)) == 1


def test_the_wrong_cause_and_the_wrong_signal_are_reported() -> None:
    died, *others = killed("worker", 7)
    assert mistold(ONCE, [replace(died, signal="SIGTERM"), *others])
    assert mistold(ONCE, [replace(died, cause=Cause.CRASH), *others])
    assert mistold(ONCE, [replace(died, exit_code=1), *others])
    assert mistold(ONCE, [died, replace(others[0], cause=Cause.CRASH), others[1]])


def test_a_new_main_process_starts_for_its_own_reason() -> None:
    gone = expected(Blow(1, Kind.KILL_MAIN, "worker"))
    told = [
        entry(process, kind, pid, cause)
        for process in PROCESSES
        for kind, pid, cause in (
            (EventKind.EXITED, 7, Cause.MAIN_GONE),
            (EventKind.STARTED, 8, Cause.MAIN_STARTED),
            (EventKind.READY, 8, None),
        )
    ]
    assert mistold(gone, told) == []
    assert mistold(gone, [replace(one, cause=Cause.MAIN_GONE) if one.cause else one for one in told])
    without = [one for one in told if (one.process, one.kind) != ("worker", EventKind.EXITED)]
    assert mistold(gone, without)
    assert mistold(replace(gone, may_be_missing=frozenset({"worker"})), without) == []
    assert mistold(replace(gone, may_be_missing=frozenset({"command"})), without)


def test_where_it_was_stuck_must_be_on_record() -> None:
    stuck = expected(Blow(1, Kind.BLOCK, "worker"))
    shown = killed("worker", 7, Cause.WATCHDOG, output=("Thread 0x1 (most recent call first):",))
    assert mistold(stuck, shown) == []
    assert len(mistold(stuck, killed("worker", 7, Cause.WATCHDOG))) == 1
