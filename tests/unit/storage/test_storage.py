"""`shared_memory` where the process owns it: values, watches and publications in one process."""

import dataclasses
import enum
import math
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import given

from liteyuki.comm import MISSING, Channel, message, shared_memory
from liteyuki.comm.registry import Registry, replaced_registry
from liteyuki.comm.storage import client
from liteyuki.comm.storage.messages import StorageCall
from liteyuki.comm.storage.server import StorageServer
from liteyuki.comm.storage.store import MAX_STORE_BYTES
from liteyuki.errors import ChannelClosed, NotANumber, NumberTooLarge, PeerGone, StorageFull, UnreadableValue
from tests.unit.codec.values import same, values
from tests.unit.joined import DEADLINE, Joiner, in_thread, run


@message(name="test_storage.Point")
@dataclasses.dataclass(eq=False)
class Point:
    """Two of them are never equal."""

    x: int
    y: Any = None


@message(name="test_storage.Colour")
class Colour(enum.Enum):
    RED = 1


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def registry() -> Iterator[Registry]:
    with replaced_registry() as made:
        yield made


@pytest.fixture
def clock(registry: Registry) -> Clock:
    made = Clock()
    registry.storage = StorageServer(made)
    return made


@pytest.fixture
def _switching_often() -> Iterator[None]:
    """Threads take turns in the middle of everything."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


pytestmark = pytest.mark.usefixtures("registry")

# --- values


def test_a_value_is_kept_until_it_is_deleted() -> None:
    assert shared_memory.get("key") is None
    assert shared_memory.get("key", MISSING) is MISSING
    shared_memory.set("key", None)
    assert shared_memory.get("key", MISSING) is None
    shared_memory.set("key", 2)
    shared_memory.set("钥匙", "值")
    assert shared_memory.get_all() == {"key": 2, "钥匙": "值"}
    assert shared_memory.delete("key")
    assert not shared_memory.delete("key")
    assert shared_memory.get_all() == {"钥匙": "值"}


def test_every_call_has_an_asynchronous_form() -> None:
    async def body() -> None:
        await shared_memory.async_set("key", {1, 2})
        assert await shared_memory.async_get("key") == {1, 2}
        assert await shared_memory.async_get("other", "default") == "default"
        assert await shared_memory.async_increment("count", 2.5) == 2.5
        assert await shared_memory.async_compare_and_set("count", 2.5, MISSING)
        assert await shared_memory.async_get_all() == {"key": {1, 2}}
        assert await shared_memory.async_delete("key")

    run(body())
    assert shared_memory.get_all() == {}


def test_nobody_shares_a_mutable_value() -> None:
    value = {"list": [1]}
    shared_memory.set("key", value)
    value["list"].append(2)
    first = shared_memory.get("key")
    first["list"].append(3)
    assert shared_memory.get("key") == shared_memory.get_all()["key"] == {"list": [1]}


@given(value=values)
def test_what_is_set_is_what_is_got(value: Any) -> None:
    shared_memory.set("key", value)
    assert same(shared_memory.get("key"), value)


@given(value=values)
def test_what_was_got_is_what_is_there(value: Any) -> None:
    shared_memory.set("key", value)
    assert shared_memory.compare_and_set("key", shared_memory.get("key"), "new")
    assert shared_memory.get("key") == "new"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}),
        ({1: "a", "1": "b"}, {"1": "b", 1: "a"}),
        ([{"a": {0, 8, 16}}], [{"a": {16, 8, 0}}]),
        (frozenset("abcdef"), frozenset("fedcba")),
        ({math.nan: [math.nan]}, {math.nan: [math.nan]}),
        (Point(1, {"a": 1, "b": 2}), Point(1, {"b": 2, "a": 1})),
        ({Colour.RED: Point(1)}, {Colour.RED: Point(1)}),
    ],
)
def test_values_of_the_same_parts_are_the_same(value: Any, expected: Any) -> None:
    shared_memory.set("key", value)
    assert shared_memory.compare_and_set("key", expected, "new")


@pytest.mark.parametrize(
    ("value", "other"),
    [
        (1, 1.0),
        (1, True),
        (0.0, -0.0),
        ([1], (1,)),
        ({1}, frozenset({1})),
        ({1: "a"}, {1.0: "a"}),
        ({"a": 1}, {"a": 2}),
        ({"a": 1}, [["a", 1]]),
        (b"a", "a"),
        (b"a", bytearray(b"a")),
        (Point(1), Point(2)),
        (Point(1), {"x": 1, "y": None}),
        (Colour.RED, 1),
        (None, MISSING),
        ("a", "b"),
    ],
)
def test_values_of_other_types_or_parts_are_not_the_same(value: Any, other: Any) -> None:
    for held, expected in ((value, other), (other, value)):
        if held is MISSING:
            shared_memory.delete("key")
        else:
            shared_memory.set("key", held)
        assert not shared_memory.compare_and_set("key", expected, "new")
        assert shared_memory.get("key", MISSING) != "new"


def test_missing_stands_for_no_value_in_either_place() -> None:
    assert shared_memory.compare_and_set("lock", MISSING, "mine")
    assert not shared_memory.compare_and_set("lock", MISSING, "yours")
    assert not shared_memory.compare_and_set("lock", "yours", MISSING)
    assert shared_memory.get("lock") == "mine"
    assert shared_memory.compare_and_set("lock", "mine", MISSING)
    assert shared_memory.get("lock", MISSING) is MISSING
    assert shared_memory.compare_and_set("lock", MISSING, MISSING)


def _evolving(*fields: Any) -> Any:
    """The class `Evolving`, as one version of its module defines it."""
    return message(name="test_storage.Evolving")(dataclasses.make_dataclass("Evolving", fields, eq=False))


def test_a_value_that_an_older_class_has_left_can_be_compared() -> None:
    older = _evolving("x", "gone")
    shared_memory.set("key", {"a": older(1, gone=2)})
    newer = _evolving("x", ("new", Any, dataclasses.field(default="default")))
    held = shared_memory.get("key")
    assert (held["a"].x, held["a"].new) == (1, "default")
    assert not shared_memory.compare_and_set("key", {"a": newer(1, "other")}, "changed")
    assert shared_memory.compare_and_set("key", held, "changed")
    assert shared_memory.get("key") == "changed"


def test_a_value_that_cannot_be_rebuilt_is_told_with_its_key(registry: Registry) -> None:
    registry.storage.ask(StorageCall("set", ("key", (0, b"\xc1"), None)))
    for call in (lambda: shared_memory.get("key"), shared_memory.get_all, lambda: next(shared_memory.watch("key"))):
        with pytest.raises(UnreadableValue, match="key") as caught:
            call()
        assert caught.value.key == "key"
        assert caught.value.detail
    assert not shared_memory.compare_and_set("key", 1, 2)
    shared_memory.set("key", 1)
    assert shared_memory.get("key") == 1


def test_counting_needs_numbers() -> None:
    assert shared_memory.increment("count") == 1
    assert shared_memory.increment("count", -3) == -2
    shared_memory.set("word", "one")
    shared_memory.set("huge", 10**400)
    with pytest.raises(NotANumber, match="word"):
        shared_memory.increment("word")
    with pytest.raises(NumberTooLarge, match="huge"):
        shared_memory.increment("huge", 0.5)
    for by in ("1", None, True, 1j):
        with pytest.raises(TypeError, match="int"):
            shared_memory.increment("count", by)  # type: ignore[arg-type]
    assert shared_memory.get("count") == -2


def test_what_no_channel_carries_is_refused_and_nothing_is_set() -> None:
    calls: list[Callable[[], object]] = [
        lambda: shared_memory.set("key", object()),
        lambda: shared_memory.set("key", "\ud800"),
        lambda: shared_memory.set("\ud800", 1),
        lambda: shared_memory.set(b"key", 1),  # type: ignore[arg-type]
        lambda: shared_memory.compare_and_set("key", MISSING, object()),
        lambda: shared_memory.compare_and_set("key", object(), 1),
        lambda: shared_memory.get(None),  # type: ignore[arg-type]
        lambda: shared_memory.watch(1),  # type: ignore[arg-type]
        lambda: shared_memory.publish("topic", object()),
        lambda: shared_memory.publish(1, 1),  # type: ignore[arg-type]
        lambda: shared_memory.set("key", 1, ttl="1"),  # type: ignore[arg-type]
    ]
    for call in calls:
        with pytest.raises(TypeError):
            call()
    assert shared_memory.get_all() == {}


@pytest.mark.parametrize("ttl", [0, -1, math.nan, math.inf, 10**400])
def test_a_time_to_live_is_a_number_of_seconds_above_zero(ttl: float) -> None:
    with pytest.raises(ValueError, match="ttl"):
        shared_memory.set("key", 1, ttl=ttl)
    with pytest.raises(ValueError, match="ttl"):
        shared_memory.compare_and_set("key", MISSING, 1, ttl=ttl)
    assert shared_memory.get_all() == {}


def test_what_has_outlived_its_time_is_gone_for_every_call(clock: Clock) -> None:
    shared_memory.set("a", 1, ttl=2)
    assert shared_memory.compare_and_set("b", MISSING, 1, ttl=1.5)
    shared_memory.set("count", 5, ttl=1)
    shared_memory.increment("count")
    clock.now += 1
    assert shared_memory.get_all() == {"a": 1, "b": 1}
    assert shared_memory.increment("count") == 1
    clock.now += 1
    assert shared_memory.get("a") is None
    assert not shared_memory.delete("b")
    assert shared_memory.compare_and_set("a", MISSING, 2)
    clock.now += 10**6
    assert shared_memory.get_all() == {"count": 1, "a": 2}


def test_a_full_store_says_how_full_it_is_and_stays_as_it_is() -> None:
    shared_memory.set("key", bytes(MAX_STORE_BYTES // 2))
    with pytest.raises(StorageFull, match="more") as caught:
        shared_memory.set("more", bytes(MAX_STORE_BYTES // 2))
    assert caught.value.size_bytes > caught.value.free_bytes
    assert caught.value.limit_bytes == MAX_STORE_BYTES
    assert list(shared_memory.get_all()) == ["key"]


@pytest.mark.usefixtures("_switching_often")
def test_threads_lose_no_update() -> None:
    def work() -> list[float]:
        return [shared_memory.increment("count") for _ in range(300)]

    parts = [in_thread(work) for _ in range(6)]
    totals = [total for part in parts for total in part.result(DEADLINE)]
    assert sorted(totals) == list(range(1, 1801))


def test_each_registry_has_values_of_its_own() -> None:
    shared_memory.set("key", 1)
    with replaced_registry():
        assert shared_memory.get("key") is None
    assert shared_memory.get("key") == 1


# --- in a child whose main process is in trouble


@pytest.fixture
def main(registry: Registry) -> Iterator[Channel[Any]]:
    """The other end of this process's passive channel, as if it was a child; nobody reads it."""
    joiner = Joiner()
    main, child = joiner.channels()
    registry.become_child("bot", 1, {"bot-passive": child})
    yield main
    joiner.close()


CALLS: list[Callable[[], object]] = [
    lambda: shared_memory.get("key"),
    lambda: shared_memory.set("key", 1),
    lambda: shared_memory.compare_and_set("key", 1, 2),
    lambda: shared_memory.publish("news", 1),
    lambda: run(shared_memory.async_increment("key")),
    lambda: run(shared_memory.async_publish("news", 1)),
]


@pytest.mark.usefixtures("main")
@pytest.mark.parametrize("call", CALLS)
def test_a_call_does_not_wait_for_ever(call: Callable[[], object], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "ANSWER_TIMEOUT", 0.05)
    with pytest.raises(TimeoutError, match=r"0\.05"):
        call()


@pytest.mark.parametrize("call", [*CALLS, lambda: shared_memory.on_subscriber_receive("news")(print)])
def test_a_call_says_that_the_main_process_is_gone(call: Callable[[], object], main: Channel[Any]) -> None:
    main.detach()
    with pytest.raises((ChannelClosed, PeerGone)):
        call()
    assert list(shared_memory.watch("key")) == []
