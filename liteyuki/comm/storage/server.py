"""The process that owns `shared_memory`: does what every process asks for, one thing after the other."""

import asyncio
import concurrent.futures
import contextlib
import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, Final, NamedTuple
from uuid import UUID

from liteyuki.comm.channel import Channel
from liteyuki.comm.storage.messages import (
    KeyState,
    Publication,
    StorageCall,
    StorageEndWait,
    StorageRefusal,
    StorageSubscribe,
    StorageWait,
)
from liteyuki.comm.storage.pubsub import RemoteSubscriber, Subscriber, Topics
from liteyuki.comm.storage.store import Store
from liteyuki.errors import StorageError

__all__ = ["StorageServer"]

_LONGEST_WAIT: Final = 24 * 3600.0
"""What every timer can count; a wait of more seconds looks again in between."""
_ENDED_EARLY: Final = 64


_METHODS: Final[dict[str, Callable[..., Any]]] = {
    "get": Store.get,
    "set": Store.set,
    "delete": Store.delete,
    "get_all": Store.get_all,
    "increment": Store.increment,
    "compare_and_set": Store.compare_and_set,
}


class _Wait(NamedTuple):
    channel: Channel[Any] | None
    """The passive channel of the child that waits; None for this process."""
    answer: "Future[KeyState | None]"


class StorageServer:
    """The table, who waits for changes of it, and who is told publications. From any thread.

    A child reaches it with the same methods of `StorageClient`.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._topics = Topics()
        self._remotes: dict[Channel[Any], RemoteSubscriber] = {}
        self._store = Store(clock)
        self._lock = threading.RLock()
        self._waits: dict[str, dict[UUID, _Wait]] = {}
        """By key. Each is taken out by whoever answers it."""
        # The end of a wait may come before the wait itself, right before: two threads of one process sent them.
        self._ended_early: deque[UUID] = deque(maxlen=_ENDED_EARLY)

    # --- what this process asks

    def ask(self, request: StorageCall | Publication) -> Any:
        """Do it. Raises the relatives of `StorageError` that the table raises."""
        if isinstance(request, Publication):
            self._topics.publish(request)
            return None
        with self._lock:
            try:
                return _METHODS[request.method](self._store, *request.arguments)
            finally:
                self._answer_waits()

    async def async_ask(self, request: StorageCall | Publication) -> Any:
        """`ask`, which blocks nobody."""
        return self.ask(request)

    def subscribe(self, topic: str, subscriber: Subscriber) -> None:
        """Tell `subscriber` every publication of `topic` from now on. Idempotent."""
        self._topics.subscribe(topic, subscriber)

    # --- waiting for a change

    def wait(self, request: StorageWait) -> KeyState | None:
        """Block this thread until the key is in another state than the one that was seen.

        None if `end_wait` says so meanwhile.
        """
        while True:
            answer, timeout = self._begin_wait(request, None)
            with contextlib.suppress(concurrent.futures.TimeoutError):
                return answer.result(timeout)

    async def async_wait(self, request: StorageWait, channel: Channel[Any] | None = None) -> KeyState | None:
        """`wait`, on an event loop; for the child of `channel`, if one is given."""
        while True:
            answer, timeout = self._begin_wait(request, channel)
            await asyncio.wait({asyncio.wrap_future(answer)}, timeout=timeout)
            if answer.done():
                return answer.result()

    def end_wait(self, key: str, wait_id: UUID) -> None:
        """Nobody waits any more."""
        with self._lock:
            wait = self._waits.get(key, {}).pop(wait_id, None)
            if wait is None:
                self._ended_early.append(wait_id)
                return
            if not self._waits[key]:
                del self._waits[key]
            wait.answer.set_result(None)

    def _begin_wait(
        self, request: StorageWait, channel: Channel[Any] | None
    ) -> tuple["Future[KeyState | None]", float | None]:
        """The answer to come, and after how many seconds the key expires, which nobody else may notice."""
        answer: Future[KeyState | None] = Future()
        with self._lock:
            self._answer_waits()
            # In this order: a key that expires in between is another state.
            left = self._store.seconds_left(request.key)
            state = KeyState(*self._store.state(request.key))
            if request.wait_id in self._ended_early:
                self._ended_early.remove(request.wait_id)
                answer.set_result(None)
            elif state.version != request.seen:
                answer.set_result(state)
            else:
                self._waits.setdefault(request.key, {})[request.wait_id] = _Wait(channel, answer)
        return answer, None if left is None else min(left, _LONGEST_WAIT)

    def _answer_waits(self) -> None:
        for key in self._store.take_changed():
            for wait in self._waits.pop(key, {}).values():
                wait.answer.set_result(KeyState(*self._store.state(key)))

    # --- what children ask

    def serve(self, channel: Channel[Any]) -> None:
        """Let the child at the other end of its passive `channel` use the storage.

        Once per channel: it stays served when the child is restarted. On the event loop that reads it.
        """
        subscriber = self._remotes[channel] = RemoteSubscriber(channel, asyncio.get_running_loop())
        channel.on_control(StorageCall, self._answer)
        channel.on_control(Publication, self.ask)
        channel.on_control(StorageWait, lambda request: self.async_wait(request, channel))
        channel.on_control(StorageEndWait, lambda request: self.end_wait(request.key, request.wait_id))
        channel.on_control(StorageSubscribe, lambda request: self.subscribe(request.topic, subscriber))

    def _answer(self, request: StorageCall) -> Any:
        try:
            return self.ask(request)
        except StorageError as error:
            return StorageRefusal.of(error)

    def end_watches(self, channel: Channel[Any]) -> None:
        """The child of `channel` is to stop: whoever iterates a watch there goes on. Its calls still work."""
        with self._lock:
            for key, waits in tuple(self._waits.items()):
                for wait_id in [wait_id for wait_id, wait in waits.items() if wait.channel is channel]:
                    self.end_wait(key, wait_id)

    def detached(self, channel: Channel[Any]) -> None:
        """The child of `channel` is gone: it waits for nothing, and subscribes to nothing. The next one asks anew."""
        self.end_watches(channel)
        subscriber = self._remotes.get(channel)
        if subscriber is not None:
            self._topics.drop(subscriber)
            subscriber.report()
