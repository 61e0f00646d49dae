"""The process that owns `shared_memory`: does what every process asks for, one thing after the other."""

import asyncio
import concurrent.futures
import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any, Final, NamedTuple
from uuid import UUID

from liteyuki.comm.channel.channel import Channel
from liteyuki.comm.storage.messages import (
    KeyState,
    Publication,
    StorageEndWait,
    StorageOperation,
    StorageRefusal,
    StorageSubscribe,
    StorageWait,
)
from liteyuki.comm.storage.store import Store
from liteyuki.comm.storage.topics import RemoteSubscriber, Topics
from liteyuki.errors import StorageError

if TYPE_CHECKING:
    from liteyuki.comm.registry import Registry

__all__ = ["StorageServer", "detached", "end_watches", "serve_storage"]

_LONGEST_WAIT: Final = 24 * 3600.0
"""What every timer can count; a wait of more seconds looks again in between."""
_ENDED_EARLY: Final = 64

Owner = Channel[Any] | None
"""The child that asks, by its passive channel; None for this process."""


class _Wait(NamedTuple):
    key: str
    owner: Owner
    answer: "Future[KeyState | None]"


class StorageServer:
    """The table, who waits for changes of it, and who is told publications. From any thread."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.topics = Topics()
        self.remotes: dict[Channel[Any], RemoteSubscriber] = {}
        self._store = Store(clock)
        self._lock = threading.RLock()
        self._waits: dict[UUID, _Wait] = {}
        self._waits_for: dict[str, set[UUID]] = {}
        # The end of a wait may come before the wait itself, right before: two threads of one process sent them.
        self._ended_early: deque[UUID] = deque(maxlen=_ENDED_EARLY)

    def answer(self, request: StorageOperation | Publication) -> Any:
        """Do it. Raises the relatives of `StorageError` that the table raises."""
        if isinstance(request, Publication):
            self.topics.publish(request)
            return None
        with self._lock:
            try:
                return request.apply(self._store)
            finally:
                self._answer_waits()

    # --- waiting for a change

    def wait(self, request: StorageWait) -> KeyState | None:
        """Block this thread until the key is in another state than the one that was seen.

        None if `end_wait` says so meanwhile.
        """
        while True:
            answer, timeout = self._begin_wait(request, None)
            try:
                concurrent.futures.wait([answer], timeout)
            except BaseException:
                self.end_wait(request.wait_id)
                raise
            if answer.done():
                return answer.result()

    async def async_wait(self, request: StorageWait, owner: Owner = None) -> KeyState | None:
        """`wait`, on an event loop."""
        while True:
            answer, timeout = self._begin_wait(request, owner)
            try:
                await asyncio.wait({asyncio.wrap_future(answer)}, timeout=timeout)
            except asyncio.CancelledError:
                self.end_wait(request.wait_id)
                raise
            if answer.done():
                return answer.result()

    def end_wait(self, wait_id: UUID) -> None:
        """Nobody waits any more."""
        with self._lock:
            wait = self._forget_wait(wait_id)
            if wait is None:
                self._ended_early.append(wait_id)
            else:
                wait.answer.set_result(None)

    def end_waits_of(self, owner: Owner) -> None:
        with self._lock:
            for wait_id in [wait_id for wait_id, wait in self._waits.items() if wait.owner is owner]:
                self.end_wait(wait_id)

    def _begin_wait(self, request: StorageWait, owner: Owner) -> tuple["Future[KeyState | None]", float | None]:
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
                self._waits[request.wait_id] = _Wait(request.key, owner, answer)
                self._waits_for.setdefault(request.key, set()).add(request.wait_id)
        return answer, None if left is None else min(left, _LONGEST_WAIT)

    def _forget_wait(self, wait_id: UUID) -> _Wait | None:
        wait = self._waits.pop(wait_id, None)
        if wait is not None:
            others = self._waits_for[wait.key]
            others.discard(wait_id)
            if not others:
                del self._waits_for[wait.key]
        return wait

    def _answer_waits(self) -> None:
        for key in self._store.take_changed():
            for wait_id in self._waits_for.pop(key, ()):
                self._waits.pop(wait_id).answer.set_result(KeyState(*self._store.state(key)))


def serve_storage(channel: Channel[Any], registry: "Registry") -> None:
    """Let the child at the other end of its passive `channel` use the storage of `registry`, this process's own.

    Once per channel: it stays served when the child is restarted. On the event loop, in the main process.
    """
    server = registry.storage
    subscriber = server.remotes[channel] = RemoteSubscriber(channel, asyncio.get_running_loop())
    registry.subscribers.bind_to_running_loop()

    @channel.on_core_request(lambda value: isinstance(value, (StorageOperation, Publication)))
    def answer(request: StorageOperation | Publication) -> Any:
        try:
            return server.answer(request)
        except StorageError as error:
            return StorageRefusal.of(error)

    @channel.on_core_request(lambda value: isinstance(value, StorageWait))
    async def wait(request: StorageWait) -> KeyState | None:
        return await server.async_wait(request, channel)

    @channel.on_core_request(lambda value: isinstance(value, StorageEndWait))
    def end_wait(request: StorageEndWait) -> None:
        server.end_wait(request.wait_id)

    @channel.on_core_request(lambda value: isinstance(value, StorageSubscribe))
    def subscribe(request: StorageSubscribe) -> None:
        server.topics.subscribe(request.topic, subscriber)


def end_watches(channel: Channel[Any], registry: "Registry") -> None:
    """The child of `channel` is to stop: whoever iterates a watch there goes on. Its calls still work."""
    registry.storage.end_waits_of(channel)


def detached(channel: Channel[Any], registry: "Registry") -> None:
    """The child of `channel` is gone: it waits for nothing, and subscribes to nothing. The next one asks anew."""
    end_watches(channel, registry)
    subscriber = registry.storage.remotes.get(channel)
    if subscriber is not None:
        registry.storage.topics.drop(subscriber)
        subscriber.report()
