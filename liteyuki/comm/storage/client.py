"""The owner of the storage as this process reaches it: itself, or the main process over a channel."""

import asyncio
import contextlib
from typing import TYPE_CHECKING, Any, Final, Protocol
from uuid import UUID

from liteyuki.comm.channel.channel import Channel
from liteyuki.comm.registry import Registry, own_channel
from liteyuki.comm.storage.messages import (
    KeyState,
    Publication,
    StorageEndWait,
    StorageOperation,
    StorageRefusal,
    StorageSubscribe,
    StorageWait,
)
from liteyuki.errors import ChannelClosed, ChannelFull

if TYPE_CHECKING:
    from liteyuki.comm.storage.server import StorageServer

__all__ = ["Owner", "owner_for"]

_ANSWER_TIMEOUT: Final = 5.0

Request = StorageOperation | Publication


class Owner(Protocol):
    """Blocking calls from any thread, asynchronous ones on an event loop."""

    def ask(self, request: Request) -> Any:
        """What the owner answers. Raises what the table raises."""

    async def async_ask(self, request: Request) -> Any: ...

    def wait(self, request: StorageWait) -> KeyState | None:
        """The next state of a key; None if `end_wait` says so meanwhile."""

    async def async_wait(self, request: StorageWait) -> KeyState | None: ...

    def end_wait(self, wait_id: UUID) -> None:
        """Let the `wait` of that id, which has begun or is about to, return None."""

    def subscribe(self, topic: str) -> None:
        """Let this process hear what is published under `topic`."""


def owner_for(registry: Registry) -> Owner:
    """Raises `ChannelNotFound` in a child that was handed no passive channel."""
    registry.subscribers.bind_to_running_loop()
    if registry.process is None:
        return _ThisProcess(registry)
    return _MainProcess(registry, own_channel("passive"))


class _ThisProcess:
    def __init__(self, registry: Registry) -> None:
        self._server: StorageServer = registry.storage
        self._registry = registry

    def ask(self, request: Request) -> Any:
        return self._server.answer(request)

    async def async_ask(self, request: Request) -> Any:
        return self._server.answer(request)

    def wait(self, request: StorageWait) -> KeyState | None:
        return self._server.wait(request)

    async def async_wait(self, request: StorageWait) -> KeyState | None:
        return await self._server.async_wait(request)

    def end_wait(self, wait_id: UUID) -> None:
        self._server.end_wait(wait_id)

    def subscribe(self, topic: str) -> None:
        self._server.topics.subscribe(topic, self._registry.subscribers)


class _MainProcess:
    def __init__(self, registry: Registry, channel: Channel[Any]) -> None:
        self._registry = registry
        self._channel = channel

    def ask(self, request: Request) -> Any:
        return _accepted(self._channel.call(request, timeout=_ANSWER_TIMEOUT))

    async def async_ask(self, request: Request) -> Any:
        return _accepted(await self._channel.request(request, timeout=_ANSWER_TIMEOUT))

    def wait(self, request: StorageWait) -> KeyState | None:
        state: KeyState | None = self._channel.call(request)
        return state

    async def async_wait(self, request: StorageWait) -> KeyState | None:
        try:
            state: KeyState | None = await self._channel.request(request)
        except asyncio.CancelledError:
            with contextlib.suppress(ChannelFull):  # then it ends with the next change
                self.end_wait(request.wait_id)
            raise
        return state

    def end_wait(self, wait_id: UUID) -> None:
        with contextlib.suppress(ChannelClosed):  # then it has ended
            self._channel.notify(StorageEndWait(wait_id))

    def subscribe(self, topic: str) -> None:
        self._registry.subscribers.listen_to(self._channel)
        # It is sent, and counts as soon as the main process has read it: no reason for an import to fail.
        with contextlib.suppress(TimeoutError):
            self._channel.call(StorageSubscribe(topic), timeout=_ANSWER_TIMEOUT)


def _accepted(answer: Any) -> Any:
    if isinstance(answer, StorageRefusal):
        raise answer.error()
    return answer
