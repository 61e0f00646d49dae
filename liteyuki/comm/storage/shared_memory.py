"""`shared_memory`: values and publications that all processes share, with the same calls in each of them."""

from collections.abc import Callable
from typing import Any, Final, TypeVar

from liteyuki.comm.registry import current_registry
from liteyuki.comm.storage import calls
from liteyuki.comm.storage.calls import MISSING, Call
from liteyuki.comm.storage.client import owner_for
from liteyuki.comm.storage.watch import Change, Watch

__all__ = ["MISSING", "Change", "SharedMemory", "Watch", "shared_memory"]

F = TypeVar("F", bound=Callable[[Any], Any])
T = TypeVar("T")


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

    # --- values

    def get(self, key: str, default: Any = None) -> Any:
        """The value of `key`, or `default`. Raises `UnreadableValue` if it cannot be rebuilt in this process."""
        return _run(calls.get(key, default))

    async def async_get(self, key: str, default: Any = None) -> Any:
        return await _async_run(calls.get(key, default))

    def set(self, key: str, value: object, *, ttl: float | None = None) -> None:
        """Let `key` hold `value`, for `ttl` seconds or, if that is None, until it is deleted.

        Raises `StorageFull` if the store has no room for it; `ValueError` for a `ttl` that is not above 0.
        """
        _run(calls.set_value(key, value, ttl))

    async def async_set(self, key: str, value: object, *, ttl: float | None = None) -> None:
        await _async_run(calls.set_value(key, value, ttl))

    def delete(self, key: str) -> bool:
        """Forget `key`; whether it was there."""
        return _run(calls.delete(key))

    async def async_delete(self, key: str) -> bool:
        return await _async_run(calls.delete(key))

    def get_all(self) -> dict[str, Any]:
        """All keys and their values, as they were at one moment. Raises `UnreadableValue` as `get` does."""
        return _run(calls.get_all())

    async def async_get_all(self) -> dict[str, Any]:
        return await _async_run(calls.get_all())

    def increment(self, key: str, by: int | float = 1) -> int | float:
        """Add `by` to what `key` holds, 0 if it is not there, and return the sum. Its time to live stays.

        Raises `NotANumber` if that is neither an int nor a float; `NumberTooLarge` if the two have no sum;
        `StorageFull`.
        """
        return _run(calls.increment(key, by))

    async def async_increment(self, key: str, by: int | float = 1) -> int | float:
        return await _async_run(calls.increment(key, by))

    def compare_and_set(self, key: str, expected: object, new: object, *, ttl: float | None = None) -> bool:
        """If `key` holds `expected`, `set` it to `new`; whether it did.

        `MISSING` stands for no value: expected, the key must not be there; new, it is deleted. Values are the same
        if they and all their parts have the same types and values: 1, 1.0 and True differ, the order in a dict or a
        set does not count, NaN is itself, and no `__eq__` is asked. What `get` has returned is always the same until
        somebody sets another value. Raises as `set` does.
        """
        return _run(calls.compare_and_set(key, expected, new, ttl))

    async def async_compare_and_set(self, key: str, expected: object, new: object, *, ttl: float | None = None) -> bool:
        return await _async_run(calls.compare_and_set(key, expected, new, ttl))

    def watch(self, key: str) -> Watch:
        """An iterator over what `key` holds, now and later: `for` in a thread, `async for` on an event loop."""
        return Watch(calls.checked_name(key), owner_for(current_registry()))

    # --- publications

    def publish(self, topic: str, value: object) -> None:
        """Call, with `value`, all functions of all processes that are registered for `topic`.

        Returns when the main process has passed it on; nobody waits for those functions. All processes get
        publications in the same order. What a process that does not read has no room for (16 MiB) is lost to it
        alone, and the log tells so.
        """
        _run(calls.publish(topic, value))

    async def async_publish(self, topic: str, value: object) -> None:
        await _async_run(calls.publish(topic, value))

    def on_subscriber_receive(self, topic: str) -> Callable[[F], F]:
        """Decorator: call a function, plain or `async`, with every value that is published under `topic`.

        On the event loop of this process, in the order of publication; what comes before that runs waits for it.
        The process's own publications come too. One that raises is logged. At any time, from any thread; in a
        child, raises `PeerGone` or `ChannelClosed` if the main process is gone.
        """

        def register(function: F) -> F:
            registry = current_registry()
            owner_for(registry).subscribe(calls.checked_name(topic))
            registry.subscribers.add(topic, function)
            return function

        return register


shared_memory: Final = SharedMemory()
"""The one of this process; it is looked up anew at each call which process owns the values."""


def _run(call: Call[T]) -> T:
    owner = owner_for(current_registry())
    try:
        request = next(call)
        while True:
            request = call.send(owner.ask(request))
    except StopIteration as ended:
        result: T = ended.value
        return result


async def _async_run(call: Call[T]) -> T:
    owner = owner_for(current_registry())
    try:
        request = next(call)
        while True:
            request = call.send(await owner.async_ask(request))
    except StopIteration as ended:
        result: T = ended.value
        return result
