"""`shared_memory` between real processes: a main process of two threads, and children over inherited handles."""

import os
import re
import signal
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from liteyuki.comm import MISSING, get_channel, shared_memory
from liteyuki.comm.registry import replaced_registry
from liteyuki.errors import StorageFull
from tests.unit.joined import in_thread
from tests.unit.storage import storage_children as children
from tests.unit.storage.storage_processes import DEADLINE, ChildProcess, MainProcess
from tests.unit.supervise.histories import Act, is_linearizable, judged_by_key


@pytest.fixture
def main() -> Iterator[MainProcess]:
    made = MainProcess()
    with replaced_registry(made.registry):
        yield made
    made.close()


def all_go(processes: list[ChildProcess]) -> None:
    """Let them begin at the same time, as nearly as can be."""
    for process in processes:
        assert process.says() == "here"
    for process in processes:
        process.go()


def told(main: MainProcess, condition: Callable[[], object], what: str) -> None:
    """Wait, on the main process's loop, for what tells nobody when it happens."""
    end = threading.Event()

    def look() -> None:
        if condition():
            end.set()
        else:
            main.loop.call_later(0.005, look)

    main.loop.call_soon_threadsafe(look)
    assert end.wait(DEADLINE), what


# --- one thing after the other


def test_no_increment_of_any_process_or_thread_is_lost(main: MainProcess) -> None:
    times = 150
    processes = [
        main.start("plain", children.count, "count", times),
        main.start("other", children.count, "count", times),
        main.start("threads", children.count_in_threads, "count", times),
        main.start("loop", children.count_on_a_loop, "count", times),
    ]
    all_go(processes)
    threads = [in_thread(lambda: [shared_memory.increment("count") for _ in range(times)]) for _ in range(2)]
    totals = [total for process in processes for total in process.says()]
    totals += [total for thread in threads for total in thread.result(DEADLINE)]
    # Every total exactly once: two that saw the same count would have returned the same.
    assert sorted(totals) == list(range(1, (1 + 1 + 3 + 4 + 2) * times + 1))
    assert shared_memory.get("count") == len(totals)


def test_no_compared_and_set_value_of_any_process_is_lost(main: MainProcess) -> None:
    times = 40
    processes = [main.start(f"child-{number}", children.swap_up, "dict", times) for number in range(4)]
    all_go(processes)

    def work() -> None:
        for _ in range(times):
            while True:
                held = shared_memory.get("dict", MISSING)
                count = 0 if held is MISSING else held["count"]
                if shared_memory.compare_and_set("dict", held, {"by": {"x", "dict"}, "count": count + 1}):
                    break

    in_thread(work).result(DEADLINE)
    for process in processes:
        assert process.says() <= times
    assert shared_memory.get("dict") == {"count": 5 * times, "by": {"dict", "x"}}


@pytest.mark.parametrize("seed", range(3))
def test_histories_of_concurrent_calls_are_linearizable(main: MainProcess, seed: int) -> None:
    keys, times = ["a", "b"], 40
    processes = [
        main.start(f"child-{number}", children.act_at_random, seed * 10 + number, keys, times) for number in range(4)
    ]
    all_go(processes)
    ours = in_thread(lambda: children.random_history(seed * 10 + 9, keys, times))
    parts = [process.says() for process in processes] + [ours.result(DEADLINE)]
    history = [
        Act(began, ended, key, name, tuple(arguments), result)
        for part in parts
        for began, ended, key, name, arguments, result in part
    ]
    assert len(history) == 5 * times
    assert any(one.began < other.began < one.ended for one in history for other in history), "nothing was concurrent"
    assert judged_by_key(history) == {"a": True, "b": True}


@pytest.mark.parametrize(
    "acts",
    [
        # A read that ended before the write began, and saw it.
        [Act(0, 1, "k", "get", (), 1), Act(2, 3, "k", "set", (1,), None)],
        # A read that began after the write had ended, and did not.
        [Act(0, 1, "k", "set", (1,), None), Act(2, 3, "k", "get", (), None)],
        # New, then old again.
        [
            Act(0, 9, "k", "set", (1,), None),
            Act(1, 2, "k", "get", (), 1),
            Act(3, 4, "k", "get", (), None),
        ],
        # A lost update.
        [Act(0, 5, "k", "increment", (1,), 1), Act(0, 5, "k", "increment", (1,), 1)],
        # Both have won.
        [Act(0, 5, "k", "compare_and_set", (None, 1), True), Act(0, 5, "k", "compare_and_set", (None, 2), True)],
        [Act(0, 1, "k", "set", (1,), None), Act(2, 5, "k", "delete", (), True), Act(2, 5, "k", "delete", (), True)],
    ],
)
def test_the_judge_of_histories_refuses_those_that_are_not(acts: list[Act]) -> None:
    assert not is_linearizable(acts)


def test_the_judge_of_histories_lets_concurrent_calls_take_any_order() -> None:
    acts = [
        Act(0, 9, "k", "set", (1,), None),
        Act(1, 2, "k", "get", (), None),
        Act(3, 4, "k", "get", (), 1),
        Act(3, 12, "k", "increment", (1,), 3),
        Act(5, 9, "k", "compare_and_set", (1, 2), True),
        Act(13, 14, "k", "delete", (), True),
    ]
    assert is_linearizable(acts)


# --- what a child gets


def test_what_fails_in_the_main_process_fails_alike_in_a_child(main: MainProcess) -> None:
    child = main.start("bot", children.report_errors)
    errors = [child.says() for _ in range(6)]
    assert [name for name, _, _ in errors] == [
        "NotANumber",
        "NumberTooLarge",
        "StorageFull",
        "TypeError",
        "ValueError",
        "TypeError",
    ]
    assert errors[0][1] == {"key": "word"}
    assert errors[1][1] == {"key": "huge"}
    with pytest.raises(StorageFull) as caught:
        shared_memory.set("more", bytes(30 << 20))
    assert (errors[2][1], errors[2][2]) == (vars(caught.value), str(caught.value))
    assert len(shared_memory.get("much")) == 40 << 20
    assert sorted(shared_memory.get_all()) == ["huge", "much", "word"]


@pytest.mark.parametrize("watcher", [children.watch_in_thread, children.watch_on_a_loop])
def test_a_child_watches_what_others_do(main: MainProcess, watcher: Callable[..., None]) -> None:
    shared_memory.set("key", 0)
    child = main.start("bot", watcher, "key", 400)
    values = [child.says()[1]]
    for _ in range(400):
        shared_memory.increment("key")
    while values[-1] != 400:
        values.append(child.says()[1])
    assert child.says() == ["over"]
    assert values[0] == 0
    assert values == sorted(set(values))


def test_a_child_sees_deletion_and_expiry(main: MainProcess) -> None:
    child = main.start("bot", children.watch_in_thread, "key", "last")
    assert child.says() == ["key", None, False]
    shared_memory.set("key", {"a": 1})
    assert child.says() == ["key", {"a": 1}, True]
    shared_memory.delete("key")
    assert child.says() == ["key", None, False]
    shared_memory.set("key", None, ttl=0.3)
    assert child.says() == ["key", None, True]
    assert child.says() == ["key", None, False]
    shared_memory.set("key", "last")
    assert child.says() == ["key", "last", True]


def test_watches_end_and_calls_fail_when_the_main_process_is_gone(main: MainProcess) -> None:
    shared_memory.set("key", 1)
    child = main.start("bot", children.watch_for_ever, "key")
    assert sorted([child.says(), child.says()]) == [["loop", 1], ["thread", 1]]
    channel = get_channel("bot-passive")
    main.on_loop(channel.detach)
    assert sorted([child.says(), child.says()]) == [["loop", "over"], ["thread", "over"]]
    for _ in range(2):
        name, facts, _ = child.says()
        assert name == "ChannelClosed"
        assert facts["channel"] == "bot-passive"


def test_watches_of_a_child_that_is_to_stop_end_and_its_calls_go_on(main: MainProcess) -> None:
    shared_memory.set("key", 1)
    child = main.start("bot", children.watch_for_ever, "key")
    assert sorted([child.says(), child.says()]) == [["loop", 1], ["thread", 1]]
    told(main, lambda: sum(map(len, main.registry.storage._waits.values())) == 2, "both wait for a change")
    main.registry.storage.end_watches(get_channel("bot-passive"))
    assert sorted([child.says(), child.says()]) == [["loop", "over"], ["thread", "over"]]
    assert [child.says(), child.says()] == [["nothing was raised"]] * 2


# --- publications


def test_all_processes_get_the_publications_of_all_in_the_same_order(main: MainProcess) -> None:
    count = 100
    ours: list[list[Any]] = []
    shared_memory.on_subscriber_receive("news")(lambda value: ours.append(["news", value]))
    readers = [main.start(f"reader-{number}", children.subscribe, ["news"], 3 * count) for number in range(2)]
    writers = [main.start(f"writer-{number}", children.publish, "news", f"w{number}", count) for number in range(2)]
    all_go([*readers, *writers])
    for number in range(count):
        shared_memory.publish("news", ["main", number])
    first, second = (reader.says() for reader in readers)
    told(main, lambda: len(ours) == 3 * count, "all have come here as well")
    assert first == second == ours
    for name in ("w0", "w1", "main"):
        assert [value for _, value in first if value[0] == name] == [[name, number] for number in range(count)]


def test_a_process_hears_its_own_topics_only(main: MainProcess) -> None:
    child = main.start("bot", children.subscribe, ["a", "b"], 3)
    assert child.says() == "here"
    for topic in ("a", "c", "b", "c", "a"):
        shared_memory.publish(topic, f"about {topic}")
    child.go()
    assert child.says() == [["a", "about a"], ["b", "about b"], ["a", "about a"]]


def test_a_process_that_does_not_read_holds_nobody_up_and_what_it_misses_is_told(
    main: MainProcess, logged: list[str]
) -> None:
    count, piece = 60, bytes(1 << 20)
    stalled = main.start("stalled", children.subscribe_and_count, "news", "stalled has heard")
    lively = main.start("lively", children.subscribe_and_count, "news", "lively has heard")
    all_go([stalled, lively])

    def heard(name: str, so_many: int) -> None:
        told(main, lambda: shared_memory.get(f"{name} has heard") == so_many, f"{name} has heard {so_many}")

    os.kill(stalled.process.pid, signal.SIGSTOP)
    for number in range(count):
        shared_memory.publish("news", piece)
        # It is to have no reason for missing any.
        heard("lively", number + 1)
    told(main, lambda: len(logged) == 2, "how many were dropped")
    assert all("stalled-passive" in line for line in logged)
    dropped = int(re.findall(r" (\d+) ", logged[1])[-1])
    assert count - dropped >= 16
    os.kill(stalled.process.pid, signal.SIGCONT)
    heard("stalled", count - dropped)
    shared_memory.publish("news", "and it hears again")
    heard("stalled", count - dropped + 1)
    assert len(logged) == 2


# --- restarts


def test_what_a_child_has_stored_outlives_it_and_its_watches_and_subscriptions_do_not(main: MainProcess) -> None:
    shared_memory.set("key", "at first")
    for _ in range(3):
        child = main.start("bot", children.leave_and_die, "key")
        before = shared_memory.get("key")
        assert child.says() == before
        assert child.says() == "left behind"
        shared_memory.publish("news", "heard by nobody's loop")
        told(main, lambda: main.registry.storage._waits, "the child waits for a change")
        main.end(child)
        assert not main.registry.storage._waits
        assert not main.registry.storage._topics._subscribers
        assert shared_memory.get("key") == "left behind"
        shared_memory.set("key", "set anew")


def test_the_next_generation_subscribes_anew_and_hears_everything_once(main: MainProcess) -> None:
    for generation in range(1, 4):
        child = main.start("bot", children.subscribe, ["news"], 2 if generation == 3 else -1)
        assert child.says() == "here"
        shared_memory.publish("news", generation)
        if generation < 3:
            main.end(child)
            shared_memory.publish("news", "between two generations")
    shared_memory.publish("news", "last")
    child.go()
    assert child.says() == [["news", 3], ["news", "last"]]
