"""The owner's side of publishing: who is told which publications, and what they miss when they do not read."""

import asyncio
import contextlib
import threading
from typing import Any, Final, Protocol

from liteyuki.comm.channel.channel import Channel
from liteyuki.comm.storage.messages import Publication
from liteyuki.errors import ChannelClosed, ChannelFull
from liteyuki.locale import text
from liteyuki.log import logger

__all__ = ["RemoteSubscriber", "Subscriber", "Topics"]

_SETTLES_AFTER: Final = 1.0
"""Seconds without another drop after which the count of what was dropped is told."""


class Subscriber(Protocol):
    """A process that is told publications."""

    def hear(self, value: object, /) -> None:
        """Never blocks, and raises nothing."""


class Topics:
    """Passes publications on, to everybody in the same order. From any thread."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        # A dict rather than a set: they are told in the order in which they subscribed.
        self._subscribers: dict[str, dict[Subscriber, None]] = {}

    def subscribe(self, topic: str, subscriber: Subscriber) -> None:
        """Tell it every publication of `topic` from now on; twice is once."""
        with self._lock:
            self._subscribers.setdefault(topic, {})[subscriber] = None

    def drop(self, subscriber: Subscriber) -> None:
        """Tell it nothing any more."""
        with self._lock:
            for topic in tuple(self._subscribers):
                self._subscribers[topic].pop(subscriber, None)
                if not self._subscribers[topic]:
                    del self._subscribers[topic]

    def publish(self, publication: Publication) -> None:
        with self._lock:
            for subscriber in tuple(self._subscribers.get(publication.topic, ())):
                subscriber.hear(publication)


class RemoteSubscriber:
    """A child that subscribes, by the main process's end of its passive channel.

    A child that does not read costs nobody anything: what its channel has no room for is dropped, and the log tells
    so when that begins, and how many they were when it is over. `loop` runs while the channel is served.
    """

    def __init__(self, channel: Channel[Any], loop: asyncio.AbstractEventLoop) -> None:
        self._channel = channel
        self._loop = loop
        self._lock = threading.Lock()
        self._dropped = 0

    def hear(self, publication: object, /) -> None:
        try:
            self._channel.tell(publication)
        except ChannelFull:
            self._note_dropped()
        except ChannelClosed:
            return  # the main process has closed it, so it is ending, and its children are too

    def report(self) -> None:
        """Tell how many were dropped, if any were, and count anew."""
        with self._lock:
            dropped, self._dropped = self._dropped, 0
        if dropped:
            logger.warning(text("storage.dropped", channel=self._channel.name, count=dropped))

    def _note_dropped(self) -> None:
        with self._lock:
            self._dropped += 1
            if self._dropped > 1:
                return
        logger.warning(text("storage.stalled", channel=self._channel.name))
        with contextlib.suppress(RuntimeError):  # the loop has closed: nobody is served any more
            self._loop.call_soon_threadsafe(self._look_later)

    def _look_later(self) -> None:
        self._loop.call_later(_SETTLES_AFTER, self._look, self._dropped)

    def _look(self, dropped_before: int) -> None:
        if self._dropped > dropped_before:
            self._look_later()
        else:
            self.report()
