"""`shared_memory`: values and publications that all processes share, with the same calls in each of them."""

from collections.abc import Callable
from typing import Any, TypeVar

from liteyuki.comm.storage import calls
from liteyuki.comm.storage.client import Owner
from liteyuki.comm.storage.messages import Publication, StorageCall
from liteyuki.comm.storage.pubsub import Subscribers
from liteyuki.comm.storage.watch import Watch

__all__ = ["SharedMemory"]

F = TypeVar("F", bound=Callable[[Any], Any])


class SharedMemory:
    """A key-value store that the main process owns, and publications to any number of processes.

    Every call is done by the main process, one after the other, whichever process or thread it comes from; so each
    sees all that were done before it. What is stored survives the restart of any child, not that of the main process.
    Where liteyuki did not start this process, it is the process's own.

    A key is a `str`; a value is whatever a channel carries, and everybody gets one of their own. Each call has an
    `async_` form, to be preferred on an event loop; the plain one may be called from any thread, blocks until the
    main process has answered, and holds up a loop that long. Both raise `TypeError` for what no channel carries;
    and, in a child, `PeerGone` or `ChannelClosed` if the main process is gone, `TimeoutError` if it does not answer
    within 5 seconds: then it may have done what was asked, or may still do it.
    """

    def __init__(self, find: Callable[[], tuple[Owner, Subscribers]]) -> None:
        """`find`: who has the values just now, and who hears publications in this process."""
        self._find = find

    # --- values

    def get(self, key: str, default: Any = None) -> Any:
        """The value of `key`, or `default`. Raises `UnreadableValue` if it cannot be rebuilt in this process."""
        value = self._ask(calls.get(key))
        return default if value is None else calls.readable(key, value)

    async def async_get(self, key: str, default: Any = None) -> Any:
        value = await self._async_ask(calls.get(key))
        return default if value is None else calls.readable(key, value)

    def set(self, key: str, value: object, *, ttl: float | None = None) -> None:
        """Let `key` hold `value`, for `ttl` seconds or, if that is None, until it is deleted.

        Raises `StorageFull` if the store has no room for it; `ValueError` for a `ttl` that is not above 0.
        """
        self._ask(calls.set_value(key, value, ttl))

    async def async_set(self, key: str, value: object, *, ttl: float | None = None) -> None:
        await self._async_ask(calls.set_value(key, value, ttl))

    def delete(self, key: str) -> bool:
        """Forget `key`; whether it was there."""
        return bool(self._ask(calls.delete(key)))

    async def async_delete(self, key: str) -> bool:
        return bool(await self._async_ask(calls.delete(key)))

    def get_all(self) -> dict[str, Any]:
        """All keys and their values, as they were at one moment. Raises `UnreadableValue` as `get` does."""
        return calls.all_readable(self._ask(StorageCall("get_all")))

    async def async_get_all(self) -> dict[str, Any]:
        return calls.all_readable(await self._async_ask(StorageCall("get_all")))

    def increment(self, key: str, by: int | float = 1) -> int | float:
        """Add `by` to what `key` holds, 0 if it is not there, and return the sum. Its time to live stays.

        Raises `NotANumber` if that is neither an int nor a float; `NumberTooLarge` if the two have no sum;
        `StorageFull`.
        """
        total: int | float = self._ask(calls.increment(key, by))
        return total

    async def async_increment(self, key: str, by: int | float = 1) -> int | float:
        total: int | float = await self._async_ask(calls.increment(key, by))
        return total

    def compare_and_set(self, key: str, expected: object, new: object, *, ttl: float | None = None) -> bool:
        """If `key` holds `expected`, `set` it to `new`; whether it did.

        `MISSING` stands for no value: expected, the key must not be there; new, it is deleted. Values are the same
        if they and all their parts have the same types and values: 1, 1.0 and True differ, the order in a dict or a
        set does not count, NaN is itself, and no `__eq__` is asked. What `get` has returned is always the same until
        somebody sets another value. Raises as `set` does.
        """
        request: StorageCall | None = calls.compare_and_set(key, expected, new, ttl)
        while request is not None:
            was_there, present = self._ask(request)
            if was_there:
                return True
            request = calls.retry(request, present)
        return False

    async def async_compare_and_set(self, key: str, expected: object, new: object, *, ttl: float | None = None) -> bool:
        request: StorageCall | None = calls.compare_and_set(key, expected, new, ttl)
        while request is not None:
            was_there, present = await self._async_ask(request)
            if was_there:
                return True
            request = calls.retry(request, present)
        return False

    def watch(self, key: str) -> Watch:
        """An iterator over what `key` holds, now and later: `for` in a thread, `async for` on an event loop."""
        return Watch(calls.checked_name(key), self._owner())

    # --- publications

    def publish(self, topic: str, value: object) -> None:
        """Call, with `value`, all functions of all processes that are registered for `topic`.

        Returns when the main process has passed it on; nobody waits for those functions. All processes get
        publications in the same order. What a process that does not read has no room for (16 MiB) is lost to it
        alone, and the log tells so.
        """
        self._ask(calls.publication(topic, value))

    async def async_publish(self, topic: str, value: object) -> None:
        await self._async_ask(calls.publication(topic, value))

    def on_subscriber_receive(self, topic: str) -> Callable[[F], F]:
        """Decorator: call a function, plain or `async`, with every value that is published under `topic`.

        On the event loop of this process, in the order of publication; what comes before that runs waits for it.
        The process's own publications come too. One that raises is logged. At any time, from any thread; in a
        child, raises `PeerGone` or `ChannelClosed` if the main process is gone.
        """

        def register(function: F) -> F:
            owner, subscribers = self._owner(), self._find()[1]
            owner.subscribe(calls.checked_name(topic), subscribers)
            subscribers.add(topic, function)
            return function

        return register

    # --- inside

    def _owner(self) -> Owner:
        owner, subscribers = self._find()
        subscribers.bind_to_running_loop()
        return owner

    def _ask(self, request: StorageCall | Publication) -> Any:
        return self._owner().ask(request)

    async def _async_ask(self, request: StorageCall | Publication) -> Any:
        return await self._owner().async_ask(request)
