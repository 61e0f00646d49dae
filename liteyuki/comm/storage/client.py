"""The storage as a child reaches it: the main process's, over the passive channel."""

import contextlib
from typing import Any
from uuid import UUID

from liteyuki.comm.channel import Channel
from liteyuki.comm.protocol import ANSWER_TIMEOUT
from liteyuki.comm.storage.messages import (
    KeyState,
    Publication,
    StorageCall,
    StorageEndWait,
    StorageRefusal,
    StorageSubscribe,
    StorageWait,
)
from liteyuki.comm.storage.pubsub import Subscribers
from liteyuki.comm.storage.server import StorageServer
from liteyuki.errors import ChannelClosed

__all__ = ["Owner", "StorageClient"]


class StorageClient:
    """Has the methods of `StorageServer`, which is at the other side of the child's passive channel."""

    def __init__(self, channel: Channel[Any]) -> None:
        self._channel = channel

    def ask(self, request: StorageCall | Publication) -> Any:
        return _accepted(self._channel.ask_in_thread(request, timeout=ANSWER_TIMEOUT))

    async def async_ask(self, request: StorageCall | Publication) -> Any:
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


Owner = StorageServer | StorageClient
"""Whoever has the values, as this process reaches it."""


def _accepted(answer: Any) -> Any:
    if isinstance(answer, StorageRefusal):
        raise answer.error()
    return answer
