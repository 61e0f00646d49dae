"""The owner of the storage as a process reaches it: its own server, or the main process over a channel."""

import contextlib
from typing import Any, Protocol
from uuid import UUID

from liteyuki.comm.channel import Channel
from liteyuki.comm.protocol import ANSWER_TIMEOUT
from liteyuki.comm.storage.messages import (
    KeyState,
    Publication,
    StorageEndWait,
    StorageOperation,
    StorageRefusal,
    StorageSubscribe,
    StorageWait,
)
from liteyuki.comm.storage.pubsub import Subscribers
from liteyuki.errors import ChannelClosed

__all__ = ["MainProcess", "Owner"]


class Owner(Protocol):
    """Blocking calls from any thread, asynchronous ones on an event loop."""

    def ask(self, request: StorageOperation | Publication) -> Any:
        """What the owner answers. Raises what the table raises."""

    async def async_ask(self, request: StorageOperation | Publication) -> Any: ...

    def wait(self, request: StorageWait) -> KeyState | None:
        """The next state of a key; None if `end_wait` says so meanwhile."""

    async def async_wait(self, request: StorageWait) -> KeyState | None: ...

    def end_wait(self, key: str, wait_id: UUID) -> None:
        """Let the `wait` of that id, which has begun or is about to, return None."""

    def subscribe(self, topic: str, subscribers: Subscribers) -> None:
        """Let this process's `subscribers` hear what is published under `topic`."""


class MainProcess:
    """The owner for a child, at the other side of its passive channel."""

    def __init__(self, channel: Channel[Any]) -> None:
        self._channel = channel

    def ask(self, request: StorageOperation | Publication) -> Any:
        return _accepted(self._channel.ask_in_thread(request, timeout=ANSWER_TIMEOUT))

    async def async_ask(self, request: StorageOperation | Publication) -> Any:
        return _accepted(await self._channel.ask(request, timeout=ANSWER_TIMEOUT))

    def wait(self, request: StorageWait) -> KeyState | None:
        state: KeyState | None = self._channel.ask_in_thread(request)
        return state

    async def async_wait(self, request: StorageWait) -> KeyState | None:
        state: KeyState | None = await self._channel.ask(request)
        return state

    def end_wait(self, key: str, wait_id: UUID) -> None:
        with contextlib.suppress(ChannelClosed):  # then it has ended
            self._channel.tell(StorageEndWait(key, wait_id))

    def subscribe(self, topic: str, subscribers: Subscribers) -> None:
        self._channel.on_control(Publication, subscribers.hear)
        # It is sent, and counts as soon as the main process has read it: no reason for an import to fail.
        with contextlib.suppress(TimeoutError):
            self._channel.ask_in_thread(StorageSubscribe(topic), timeout=ANSWER_TIMEOUT)


def _accepted(answer: Any) -> Any:
    if isinstance(answer, StorageRefusal):
        raise answer.error()
    return answer
