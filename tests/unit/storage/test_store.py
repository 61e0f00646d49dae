"""The table behind `shared_memory`, against a model and a clock that the test turns."""

import math
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from liteyuki.codec import decode, encode
from liteyuki.comm.storage.store import ABSENT, ENTRY_BYTES, MAX_STORE_BYTES, Store
from liteyuki.errors import NotANumber, NumberTooLarge, StorageFull

LIMIT = 4 * ENTRY_BYTES + 60
"""Room for four small entries, so that the machine fills the store often."""

KEYS = st.sampled_from(["a", "b", "钥匙", "d", "e", "f"])
VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**30), 10**30),
    st.floats(allow_nan=False),
    st.text(max_size=30),
    st.lists(st.integers(), max_size=3),
    st.tuples(st.text(max_size=2)),
)
TTLS = st.none() | st.sampled_from([0.5, 1.0, 2.0, 5.0])


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


class Model(RuleBasedStateMachine):
    """A dict of values and expiries, and every version that was ever seen."""

    def __init__(self) -> None:
        super().__init__()
        self.clock = Clock()
        self.store = Store(self.clock, max_bytes=LIMIT)
        self.values: dict[str, tuple[Any, float | None]] = {}
        self.versions: dict[str, int] = {}
        self.newest = ABSENT
        self.changed: set[str] = set()

    # --- what the model expects

    def put(self, key: str, value: Any, expires_at: float | None) -> None:
        self.values[key] = (value, expires_at)
        self.changed.add(key)

    def size(self, key: str, value: Any) -> int:
        return ENTRY_BYTES + len(key.encode()) + len(encode(value)[1])

    def fits(self, key: str, value: Any) -> bool:
        others = sum(self.size(name, held) for name, (held, _) in self.values.items() if name != key)
        return others + self.size(key, value) <= LIMIT

    def expiry(self, ttl: float | None) -> float | None:
        return None if ttl is None else self.clock.now + ttl

    # --- what is done to both

    @rule(key=KEYS, value=VALUES, ttl=TTLS)
    def set(self, key: str, value: Any, ttl: float | None) -> None:
        if self.fits(key, value):
            self.store.set(key, encode(value), ttl)
            self.put(key, value, self.expiry(ttl))
        else:
            with pytest.raises(StorageFull) as caught:
                self.store.set(key, encode(value), ttl)
            assert caught.value.size_bytes == self.size(key, value) > caught.value.free_bytes
            assert (caught.value.key, caught.value.limit_bytes) == (key, LIMIT)

    @rule(key=KEYS)
    def delete(self, key: str) -> None:
        assert self.store.delete(key) is (key in self.values)
        if self.values.pop(key, None) is not None:
            self.changed.add(key)

    @rule(key=KEYS, by=st.integers(-5, 5) | st.sampled_from([0.5, 1e308]))
    def increment(self, key: str, by: float) -> None:
        present, expires_at = self.values.get(key, (0, None))
        if type(present) not in (int, float):
            with pytest.raises(NotANumber):
                self.store.increment(key, by)
        elif self.fits(key, present + by):
            total = self.store.increment(key, by)
            assert (type(total), repr(total)) == (type(present + by), repr(present + by))
            self.put(key, total, expires_at)
        else:
            with pytest.raises(StorageFull):
                self.store.increment(key, by)

    @rule(key=KEYS, expected=VALUES, new=VALUES, ttl=TTLS, swaps=st.booleans(), removes=st.booleans())
    def compare_and_set(self, key: str, expected: Any, new: Any, ttl: float | None, swaps: bool, removes: bool) -> None:
        present = encode(self.values[key][0]) if key in self.values else None
        wanted = present if swaps else encode(expected)
        result = None if removes else encode(new)
        if present == wanted and not removes and not self.fits(key, new):
            with pytest.raises(StorageFull):
                self.store.compare_and_set(key, wanted, result, ttl)
            return
        assert self.store.compare_and_set(key, wanted, result, ttl) == (present == wanted, present)
        if present == wanted and not removes:
            self.put(key, new, self.expiry(ttl))
        elif present == wanted and self.values.pop(key, None) is not None:
            self.changed.add(key)

    @rule(seconds=st.sampled_from([0.25, 1.0, 4.0]))
    def time_passes(self, seconds: float) -> None:
        self.clock.now += seconds
        for key, (_, expires_at) in tuple(self.values.items()):
            if expires_at is not None and expires_at <= self.clock.now:
                del self.values[key]
                self.changed.add(key)

    # --- what must hold all the time

    @rule(key=KEYS)
    def seconds_left(self, key: str) -> None:
        _, expires_at = self.values.get(key, (None, None))
        assert self.store.seconds_left(key) == (None if expires_at is None else expires_at - self.clock.now)

    @rule()
    def every_change_has_a_newer_version(self) -> None:
        assert self.store.take_changed() == self.changed
        before, self.versions = self.versions, {}
        for key in self.values:
            self.versions[key], _ = self.store.state(key)
            assert self.versions[key] > self.newest if key in self.changed else self.versions[key] == before[key]
        assert len(set(self.versions.values())) == len(self.versions)
        self.newest = max([self.newest, *self.versions.values()])
        self.changed = set()

    @rule(key=KEYS)
    def one_is_there(self, key: str) -> None:
        held = self.store.get(key)
        version, held_now = self.store.state(key)
        assert held == held_now
        assert (held is None) is (version == ABSENT) is (key not in self.values)
        if held is not None:
            assert repr(decode(*held)) == repr(self.values[key][0])

    @invariant()
    def all_is_there(self) -> None:
        expected = {key: encode(value) for key, (value, _) in self.values.items()}
        assert self.store.get_all() == expected
        assert len(self.store) == len(expected)
        assert self.store.size_bytes == sum(self.size(key, value) for key, (value, _) in self.values.items())


Model.TestCase.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)
TestStore = Model.TestCase


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def store(clock: Clock) -> Store:
    return Store(clock)


def test_a_key_lives_until_its_time_is_over_and_no_longer(store: Store, clock: Clock) -> None:
    store.set("key", encode(1), 2.0)
    clock.now += 1.999
    assert store.get("key") == encode(1)
    clock.now = 102.0
    assert store.get("key") is None
    assert not store.delete("key")


def test_an_expired_key_is_told_as_changed_whatever_is_asked_next(store: Store, clock: Clock) -> None:
    store.set("short", encode(1), 1.0)
    store.set("long", encode(2), None)
    assert store.take_changed() == {"short", "long"}
    clock.now += 1.0
    store.get("long")
    assert store.take_changed() == {"short"}
    assert store.take_changed() == set()


def test_setting_anew_takes_the_time_to_live_away_and_incrementing_keeps_it(store: Store, clock: Clock) -> None:
    store.set("counted", encode(1), 2.0)
    store.set("kept", encode(1), 2.0)
    clock.now += 1.0
    store.increment("counted", 1)
    store.set("kept", encode(2), None)
    assert store.seconds_left("counted") == 1.0
    assert store.seconds_left("kept") is None
    clock.now += 1.0
    assert list(store.get_all()) == ["kept"]


def test_a_failed_increment_changes_nothing(store: Store) -> None:
    store.set("word", encode("one"), None)
    store.set("true", encode(True), None)
    store.set("broken", (0, b"\xc1"), None)
    store.set("huge", encode(10**400), None)
    before, versions = store.get_all(), {key: store.state(key) for key in ("word", "true", "broken", "huge")}
    for key in ("word", "true", "broken"):
        with pytest.raises(NotANumber, match=key) as caught:
            store.increment(key, 1)
        assert caught.value.key == key
        assert isinstance(caught.value, TypeError)
    with pytest.raises(NumberTooLarge, match="huge"):
        store.increment("huge", 0.5)
    assert store.get_all() == before
    assert {key: store.state(key) for key in versions} == versions
    assert store.increment("huge", 1) == 10**400 + 1


def test_counting_starts_at_zero_and_keeps_the_type(store: Store) -> None:
    assert repr(store.increment("ints", 2)) == "2"
    assert repr(store.increment("floats", 2.0)) == "2.0"
    assert repr(store.increment("ints", 0.5)) == "2.5"
    assert store.increment("floats", math.inf) == math.inf
    assert store.get("ints") == encode(2.5)


def test_the_store_holds_what_it_says_and_no_more(store: Store) -> None:
    room = MAX_STORE_BYTES - ENTRY_BYTES - len("all")
    store.set("all", (0, bytes(room)), None)
    assert store.size_bytes == MAX_STORE_BYTES
    with pytest.raises(StorageFull, match=str(MAX_STORE_BYTES)) as caught:
        store.set("more", encode(1), None)
    assert caught.value.free_bytes == 0
    with pytest.raises(StorageFull):
        store.set("all", (0, bytes(room + 1)), None)
    assert store.get("all") == (0, bytes(room))
    store.set("all", (0, bytes(room)), None)
    store.delete("all")
    assert store.size_bytes == 0


def test_many_small_entries_count_with_what_they_cost_this_process(clock: Clock) -> None:
    store = Store(clock, max_bytes=100 * (ENTRY_BYTES + 4))
    for number in range(100):
        store.set(f"{number:03}", (0, b"x"), None)
    with pytest.raises(StorageFull):
        store.set("100", (0, b"x"), None)


def test_what_has_expired_makes_room(clock: Clock) -> None:
    store = Store(clock, max_bytes=2 * ENTRY_BYTES)
    store.set("a", (0, b"x" * 100), 1.0)
    with pytest.raises(StorageFull):
        store.set("b", (0, b"x" * 200), None)
    clock.now += 1.0
    store.set("b", (0, b"x" * 200), None)
    assert list(store.get_all()) == ["b"]


def test_expiries_of_keys_that_are_set_again_and_again_do_not_pile_up(store: Store, clock: Clock) -> None:
    for number in range(5000):
        store.set(f"key {number % 10}", encode(number), 3600.0)
    # The one thing of the store that grows without being an entry.
    assert len(store._expiries) <= 2 * 10 + 65
    clock.now += 3600.0
    assert len(store) == 0
    assert store.size_bytes == 0
    assert not store._expiries
