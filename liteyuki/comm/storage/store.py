"""The table behind `shared_memory`: encoded values by key, their versions and times to live. No I/O, no threads.

Every change takes the next number of one counter for the whole table. So the version of a key never goes back, not
even across its deletion, and a key that is gone leaves nothing behind.
"""

import heapq
from collections.abc import Callable, Collection
from typing import Final, NamedTuple

from liteyuki.codec import CodecError, decode, encode
from liteyuki.errors import NotANumber, NumberTooLarge, StorageFull

__all__ = ["ABSENT", "ENTRY_BYTES", "MAX_STORE_BYTES", "Encoded", "Store"]

Encoded = tuple[int, bytes]
"""A value as channels carry it: flags and bytes."""

MAX_STORE_BYTES: Final = 64 * 1024 * 1024
"""What all keys and values together may take, in the main process and in one answer to `get_all`."""
ENTRY_BYTES: Final = 256
"""Counted for each key beside its own bytes and its value's: about what Python needs to keep them."""
ABSENT: Final = 0
"""The version of a key that is not there."""

_SPARE_EXPIRIES: Final = 64


class _Entry(NamedTuple):
    value: Encoded
    version: int
    expires_at: float | None
    size_bytes: int


class Store:
    """Not for several threads at once. `clock` gives seconds and never goes back.

    Values are compared as bytes, and are decoded only to be incremented.
    """

    def __init__(self, clock: Callable[[], float], *, max_bytes: int = MAX_STORE_BYTES) -> None:
        self.size_bytes = 0
        """What all entries take together; never above `max_bytes`."""
        self._clock = clock
        self._max_bytes = max_bytes
        self._entries: dict[str, _Entry] = {}
        self._changes = ABSENT
        self._changed: set[str] = set()
        # Expiry, version and key of entries with a time to live; one whose version is no longer its key's is stale.
        self._expiries: list[tuple[float, int, str]] = []
        self._expiring = 0

    def __len__(self) -> int:
        self._drop_expired()
        return len(self._entries)

    def get(self, key: str) -> Encoded | None:
        entry = self._live(key)
        return None if entry is None else entry.value

    def get_all(self) -> dict[str, Encoded]:
        self._drop_expired()
        return {key: entry.value for key, entry in self._entries.items()}

    def set(self, key: str, value: Encoded, ttl: float | None) -> None:
        """Raises `StorageFull`, and changes nothing, if there is no room. `ttl` None: until it is deleted."""
        self._drop_expired()
        self._put(key, value, self._expiry(ttl))

    def delete(self, key: str) -> bool:
        """Whether it was there."""
        if self._live(key) is None:
            return False
        self._remove(key)
        return True

    def increment(self, key: str, by: int | float) -> int | float:
        """The sum, which is now the value; the time to live stays. A missing key counts as 0.

        Raises `NotANumber`, `NumberTooLarge`, `StorageFull`; nothing has changed then.
        """
        entry = self._live(key)
        present = 0 if entry is None else _number(key, entry.value)
        try:
            total = present + by
        except OverflowError:
            raise NumberTooLarge(key) from None
        self._put(key, encode(total), None if entry is None else entry.expires_at)
        return total

    def compare_and_set(
        self, key: str, expected: Encoded | None, new: Encoded | None, ttl: float | None
    ) -> tuple[bool, Encoded | None]:
        """Put `new` if `expected` is there, byte for byte; whether it was, and what was there.

        None stands for no value in either place. Raises `StorageFull` as `set` does.
        """
        entry = self._live(key)
        present = None if entry is None else entry.value
        if present != expected:
            return False, present
        if new is not None:
            self._put(key, new, self._expiry(ttl))
        elif present is not None:
            self._remove(key)
        return True, present

    # --- for those who watch

    def state(self, key: str) -> tuple[int, Encoded | None]:
        """The version of `key`, and its value: `ABSENT` and None if it is not there."""
        entry = self._live(key)
        return (ABSENT, None) if entry is None else (entry.version, entry.value)

    def seconds_left(self, key: str) -> float | None:
        """Until `key` expires; None if it never does, or is not there."""
        entry = self._live(key)
        return None if entry is None or entry.expires_at is None else entry.expires_at - self._clock()

    def take_changed(self) -> Collection[str]:
        """The keys that have changed, by expiry or otherwise, since this was last asked."""
        self._drop_expired()
        changed, self._changed = self._changed, set()
        return changed

    # --- inside

    def _live(self, key: str) -> _Entry | None:
        self._drop_expired()
        return self._entries.get(key)

    def _expiry(self, ttl: float | None) -> float | None:
        return None if ttl is None else self._clock() + ttl

    def _put(self, key: str, value: Encoded, expires_at: float | None) -> None:
        size = ENTRY_BYTES + len(key.encode()) + len(value[1])
        old = self._entries.get(key)
        free = self._max_bytes - self.size_bytes + (old.size_bytes if old else 0)
        if size > free:
            raise StorageFull(key, size, free, self._max_bytes)
        if old is not None:
            self._remove(key)
        self._note_change(key)
        self._entries[key] = _Entry(value, self._changes, expires_at, size)
        self.size_bytes += size
        if expires_at is not None:
            self._expiring += 1
            heapq.heappush(self._expiries, (expires_at, self._changes, key))
            self._shed_stale_expiries()

    def _remove(self, key: str) -> None:
        entry = self._entries.pop(key)
        self.size_bytes -= entry.size_bytes
        self._expiring -= entry.expires_at is not None
        self._note_change(key)

    def _note_change(self, key: str) -> None:
        self._changes += 1
        self._changed.add(key)

    def _drop_expired(self) -> None:
        if not self._expiries:
            return
        now = self._clock()
        while self._expiries and self._expiries[0][0] <= now:
            _, version, key = heapq.heappop(self._expiries)
            entry = self._entries.get(key)
            if entry is not None and entry.version == version:
                self._remove(key)

    def _shed_stale_expiries(self) -> None:
        """Keys that are set again and again before they expire must not pile up their old expiries."""
        if len(self._expiries) > 2 * self._expiring + _SPARE_EXPIRIES:
            self._expiries = [
                (entry.expires_at, entry.version, key)
                for key, entry in self._entries.items()
                if entry.expires_at is not None
            ]
            heapq.heapify(self._expiries)


def _number(key: str, value: Encoded) -> int | float:
    try:
        present = decode(*value)
    except CodecError:
        raise NotANumber(key) from None  # numbers can be decoded everywhere
    if type(present) is int or type(present) is float:
        return present
    raise NotANumber(key)
